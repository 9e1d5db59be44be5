/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * A second, cruder search that shows the oracle right: page by page, each page
 * of convertible RAM is in use, given up, or the first page of a PAMT region
 * not placed yet. No argument about places or about which RAM is worth giving
 * up enters. For machines of a few dozen pages.
 */
#ifndef TESTS_PLAN_BRUTE_H
#define TESTS_PLAN_BRUTE_H

#include "oracle.h"

#define BRUTE_MAX_PAGES 48

/* Verdict, lost_bytes, pamt_bytes and nr_tdmrs of the answer are filled. */
void brute_solve(const struct tdxc_plan_config *config,
		 struct oracle_answer *answer);

/*
 * Least RAM a layout with these TDMRs and PAMT places gives up, whatever set of
 * RAM stretches is given up: every subset is tried. UINT64_MAX when a TDMR has
 * more than BRUTE_MAX_STRETCHES stretches between areas.
 */
#define BRUTE_MAX_STRETCHES 16

uint64_t brute_exclude(const struct tdxc_plan_config *config,
		       const struct tdxc_plan_tdmr *tdmrs, uint32_t nr_tdmrs);

#endif
