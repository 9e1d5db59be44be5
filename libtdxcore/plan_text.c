/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * The planner's words. Each table is one array of fixed-width strings, because
 * a table of pointers would need relocation in a position-independent build
 * and so become writable data.
 */
#include <tdxcore/plan.h>

const char *tdxc_plan_reason_name(enum tdxc_plan_reason reason)
{
	static const char names[][16] = {
		"legacy", "not-convertible", "pamt", "limit", "uneconomic",
	};

	if ((size_t)reason >= TDXC_PLAN_NR_REASONS)
		return "?";
	return names[reason];
}

const char *tdxc_plan_fault_text(enum tdxc_plan_fault_kind kind)
{
	static const char texts[][64] = {
		"no fault",
		"configuration was built against another version",
		"module limit outside its range",
		"undefined flag",
		"CMR empty, unaligned, out of order or overlapping",
		"CMR beyond the physical address width",
		"RAM range empty, inverted, out of order or overlapping",
		"RAM range beyond the physical address width",
		"scratch memory missing, unaligned or too small",
		"no convertible RAM at or above 1 MiB",
		"no layout leaves any RAM usable",
		"PAMT misplaced: alignment, size, CMRs or overlap",
		"PAMT has no place yet",
		"TDMR_INFO buffer missing, unaligned or too small",
	};

	if ((size_t)kind >= sizeof(texts) / sizeof(texts[0]))
		return "unknown fault";
	return texts[kind];
}
