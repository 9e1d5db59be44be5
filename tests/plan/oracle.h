/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * The true optimum of small machines, by exhaustive search: over every way to
 * cut the GiBs from the first to the last RAM into TDMRs and uncovered GiBs,
 * every place of every PAMT region, and every set of RAM pieces given up. It
 * shares no code with the planner, not even range.h's functions.
 *
 * Why finitely many places are enough: slide a group of touching PAMT regions
 * to the left or right, whichever does not enlarge what is given up, until one
 * of its edges meets the edge of a RAM fragment, a border between TDMRs (or
 * between a TDMR and uncovered space), or another group. On the way no piece
 * of RAM in use appears or vanishes in any TDMR, so neither the number of
 * reserved areas nor the loss grows. So in some optimum each group has a region
 * edge at a fragment edge or border, and only the sum of the regions on either
 * side of that point matters. brute.h, which tries every page, checks the
 * argument.
 *
 * Two pieces of freedom the module offers are left out on purpose, because
 * they would only game the measure: PAMT regions longer than needed, and TDMRs
 * over GiBs below the first or above the last RAM.
 */
#ifndef TESTS_PLAN_ORACLE_H
#define TESTS_PLAN_ORACLE_H

#include <stdio.h>

#include <tdxcore/plan.h>

#define ORACLE_MAX_GIBS	 7
#define ORACLE_MAX_FRAGS 24

enum oracle_verdict {
	ORACLE_SOLVED,
	ORACLE_INFEASIBLE, /* no layout leaves any RAM usable */
	ORACLE_TOO_BIG	   /* not asked: more GiBs or fragments than above */
};

struct oracle_tdmr {
	struct tdxc_range range;
	struct tdxc_range pamt[TDXC_PAMT_LEVELS];
};

struct oracle_answer {
	enum oracle_verdict verdict;
	uint64_t lost_bytes;
	uint64_t pamt_bytes;
	uint32_t nr_tdmrs;
	struct oracle_tdmr tdmrs[ORACLE_MAX_GIBS];
	uint64_t partitions; /* searched to the end */
	uint64_t nodes;	     /* states visited */
};

/* Solve a well-formed configuration; the flags are ignored. */
void oracle_solve(const struct tdxc_plan_config *config,
		  struct oracle_answer *answer);

void oracle_print(FILE *f, const struct oracle_answer *answer);

#endif
