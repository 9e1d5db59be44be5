/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * The method the planner has to beat: one TDMR per RAM range, one reserved area
 * per hole and per PAMT chunk, no look at CMRs. Written from the description in
 * linux-host-tdx.md sections 4 and 5 alone; the numbers in the comments are
 * that page's steps.
 */
#ifndef TESTS_PLAN_BASELINE_H
#define TESTS_PLAN_BASELINE_H

#include <tdxcore/plan.h>

enum baseline_result {
	BASELINE_OK,
	BASELINE_EMPTY,		  /* no RAM: one TDMR of size 0 (5.2) */
	BASELINE_TOO_MANY_TDMRS,  /* 5.6: -ENOSPC, before any PAMT exists */
	BASELINE_TOO_MANY_AREAS,  /* 5.6: -ENOSPC, bad_tdmr names the TDMR */
	BASELINE_NO_ROOM_FOR_PAMT /* 5.6: -ENOMEM, bad_tdmr names the TDMR */
};

struct baseline_tdmr {
	struct tdxc_range range;
	uint64_t pamt[TDXC_PAMT_LEVELS]; /* bytes */
	struct tdxc_range chunk; /* all three, 4K part lowest; empty: none */
	uint32_t node;
	uint32_t nr_areas;		  /* holes, then chunks, then sorted */
	uint32_t nr_holes;		  /* how many of the areas are holes */
	struct tdxc_tdmr_reserved *areas; /* max_reserved entries */
};

/* One run. All arrays belong to the caller. */
struct baseline {
	/* in */
	const struct tdxc_limits *limits;
	const struct tdxc_plan_ram *ram; /* as firmware reports it */
	size_t nr_ram;
	struct tdxc_range *usable;	  /* nr_ram entries: section 4's list */
	uint32_t *usable_node;		  /* nr_ram entries */
	struct baseline_tdmr *tdmrs;	  /* limits->max_tdmrs entries */
	struct tdxc_tdmr_reserved *areas; /* max_tdmrs * max_reserved */
	/* out */
	size_t nr_usable;
	uint32_t nr_tdmrs;
	bool warned; /* 5.2 step 5: fewer than 4 structures remain */
	uint32_t bad_tdmr;
	uint32_t max_areas; /* most areas any TDMR has */
	uint64_t pamt_bytes;
};

/* Section 4: pages only, above 1 MiB, nothing merged. */
void baseline_collect(struct baseline *b);
/* 5.2 and 5.3: TDMRs and PAMT sizes. */
enum baseline_result baseline_cover(struct baseline *b);
/*
 * 5.4 by a simple and kind allocator: the lowest free place inside the TDMR
 * itself, else in RAM of the wanted node, else in any RAM. (Inside its own TDMR
 * a chunk costs one area there; a crowd of chunks in one place would cost that
 * TDMR one each.)
 */
enum baseline_result baseline_place(struct baseline *b);
/* 5.5: holes, then chunks where there are any, then sort. */
enum baseline_result baseline_reserve(struct baseline *b);
/* All of it. */
enum baseline_result baseline_run(struct baseline *b);

/* Arrays for one run, from malloc. */
void baseline_alloc(struct baseline *b, const struct tdxc_limits *limits,
		    const struct tdxc_plan_ram *ram, size_t nr_ram);
void baseline_free(struct baseline *b);

#endif
