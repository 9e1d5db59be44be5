/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * What must hold for every plan, whatever the machine: the checker accepts the
 * TDMR_INFO array, every byte of RAM is accounted for once and for the right
 * reason, PAMTs lie in convertible RAM, and the totals add up. Written from
 * plan.h and design.md 4.1, not from the planner.
 */
#ifndef TESTS_PLAN_VERIFY_H
#define TESTS_PLAN_VERIFY_H

#include <tdxcore/check.h>

#include "case.h"

/* The platform a case describes, as the checker wants it. */
struct verify_platform {
	struct tdxc_check_platform platform;
	struct tdxc_cmr cmrs[CASE_MAX];
};

void verify_platform(struct verify_platform *p, const struct plan_case *c);

/*
 * Verify a made and sealed run. Returns NULL, or a static text that says what
 * is wrong.
 */
const char *verify_run(const struct plan_case *c, const struct plan_run *run);

/* A failed run: the fault must say why, and nothing may be left behind. */
const char *verify_failure(const struct plan_case *c,
			   const struct plan_run *run);

#endif
