/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * tdxcore plan --json: one object; addresses and sizes are hex strings, because
 * JSON numbers lose bits beyond 2^53 in many readers.
 *
 * json_pack() takes over what is put into it with `o` and passes a failure on,
 * so a lack of memory shows once, at the top.
 */
#include <inttypes.h>
#include <jansson.h>

#include "plan_cmd.h"

static json_t *hex(uint64_t value)
{
	return json_sprintf("0x%" PRIx64, value);
}

static json_t *base_size(uint64_t base, uint64_t size)
{
	return json_pack("{s:o, s:o}", "base", hex(base), "size", hex(size));
}

static json_t *range_json(struct tdxc_range range)
{
	return base_size(range.start, tdxc_range_size(range));
}

/* Append; the list is given up when anything fails. */
static json_t *append(json_t *list, json_t *value)
{
	if (!list || json_array_append_new(list, value)) {
		json_decref(list);
		return NULL;
	}
	return list;
}

static json_t *cmrs_json(const struct plan_report *r)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < r->nr_cmrs && list; i++)
		list = append(list, range_json(r->cmrs[i]));
	return list;
}

static json_t *memory_json(const struct tdxc_plan *plan)
{
	json_t *list = json_array();
	json_t *entry;
	size_t i;

	for (i = 0; i < plan->nr_memory && list; i++) {
		entry = range_json(plan->memory[i].range);
		if (json_object_set_new(entry, "node",
					json_integer(plan->memory[i].node))) {
			json_decref(entry);
			entry = NULL;
		}
		list = append(list, entry);
	}
	return list;
}

static json_t *excluded_json(const struct tdxc_plan *plan)
{
	const struct tdxc_plan_excluded *e;
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < plan->nr_excluded && list; i++) {
		e = &plan->excluded[i];
		list = append(list,
			      json_pack("{s:o, s:o, s:s}", "base",
					hex(e->range.start), "size",
					hex(tdxc_range_size(e->range)),
					"reason",
					tdxc_plan_reason_name(e->reason)));
	}
	return list;
}

static json_t *reserved_json(const struct plan_report *r, size_t i)
{
	const struct tdxc_tdmr_info *info = plan_info(r, i);
	size_t nr = plan_nr_reserved(r, i);
	json_t *list = json_array();
	size_t j;

	for (j = 0; j < nr && list; j++)
		list = append(list,
			      json_pack("{s:o, s:o}", "offset",
					hex(info->reserved[j].offset), "size",
					hex(info->reserved[j].size)));
	return list;
}

static json_t *region_json(struct tdxc_tdmr_region region)
{
	return base_size(region.base, region.size);
}

static json_t *tdmrs_json(const struct plan_report *r)
{
	const struct tdxc_tdmr_info *info;
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < r->plan.nr_tdmrs && list; i++) {
		info = plan_info(r, i);
		list = append(list,
			      json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}",
					"base", hex(info->base), "size",
					hex(info->size), "pamt_4k",
					region_json(info->pamt_4k), "pamt_2m",
					region_json(info->pamt_2m), "pamt_1g",
					region_json(info->pamt_1g), "reserved",
					reserved_json(r, i)));
	}
	return list;
}

static json_t *limits_json(const struct tdxc_limits *limits)
{
	const uint32_t *entry = limits->pamt_entry_size;

	return json_pack("{s:I, s:I, s:{s:I, s:I, s:I}, s:b}", "max_tdmrs",
			 (json_int_t)limits->max_tdmrs, "max_reserved_per_tdmr",
			 (json_int_t)limits->max_reserved, "pamt_entry_size",
			 "4k", (json_int_t)entry[TDXC_PAMT_4K], "2m",
			 (json_int_t)entry[TDXC_PAMT_2M], "1g",
			 (json_int_t)entry[TDXC_PAMT_1G], "dynamic_pamt",
			 limits->pamt_bitmap_bits != 0);
}

static json_t *report_json(const struct plan_report *r)
{
	const struct tdxc_plan *plan = &r->plan;

	return json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:I}",
			 "status", plan_feasible(r) ? "ok" : "infeasible",
			 "reason", r->reason, "limits",
			 limits_json(&r->config.limits), "cmrs", cmrs_json(r),
			 "memory", memory_json(plan), "excluded",
			 excluded_json(plan), "tdmrs", tdmrs_json(r),
			 "pamt_bytes", (json_int_t)plan->pamt_bytes,
			 "usable_bytes", (json_int_t)plan->usable_bytes,
			 "lost_bytes", (json_int_t)plan->lost_bytes);
}

int plan_print_json(FILE *f, const struct plan_report *r)
{
	json_t *root = report_json(r);
	int failed = !root || json_dumpf(root, f, JSON_INDENT(1)) ||
		     fputc('\n', f) == EOF;

	json_decref(root);
	if (!failed)
		return CLI_OK;
	cli_error("out of memory");
	return CLI_INTERNAL;
}
