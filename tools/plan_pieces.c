/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Memory cut wherever something starts or ends; each cut then belongs to one
 * thing, and is looked up.
 */
#include <stdlib.h>

#include "plan_pieces.h"

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a;
	uint64_t y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* For structures that start with their range. */
static int address_in(const void *address, const void *entry)
{
	struct tdxc_range range = *(const struct tdxc_range *)entry;
	uint64_t a = *(const uint64_t *)address;

	return a < range.start ? -1 : a >= range.end;
}

static void add_cut(uint64_t *cuts, size_t *nr, struct tdxc_range range)
{
	cuts[(*nr)++] = range.start;
	cuts[(*nr)++] = range.end;
}

/* Every address where something starts or ends, ascending. NULL: no memory. */
static uint64_t *make_cuts(const struct plan_report *r, size_t *nr)
{
	const struct tdxc_plan *plan = &r->plan;
	size_t room = plan->nr_memory + plan->nr_excluded + r->nr_cmrs +
		      plan->nr_tdmrs * (1 + TDXC_PAMT_LEVELS);
	uint64_t *cuts = calloc(2 * room, sizeof *cuts);
	size_t i;
	int level;

	*nr = 0;
	if (!cuts)
		return NULL;
	for (i = 0; i < plan->nr_memory; i++)
		add_cut(cuts, nr, plan->memory[i].range);
	for (i = 0; i < plan->nr_excluded; i++)
		add_cut(cuts, nr, plan->excluded[i].range);
	for (i = 0; i < r->nr_cmrs; i++)
		add_cut(cuts, nr, r->cmrs[i]);
	for (i = 0; i < plan->nr_tdmrs; i++) {
		add_cut(cuts, nr, plan->tdmrs[i].range);
		for (level = 0; level < TDXC_PAMT_LEVELS; level++)
			add_cut(cuts, nr, plan->tdmrs[i].pamt[level]);
	}
	qsort(cuts, *nr, sizeof *cuts, by_value);
	return cuts;
}

static uint32_t pamt_owner(const struct tdxc_plan *plan,
			   struct tdxc_range range)
{
	uint32_t i;
	int level;

	for (i = 0; i < plan->nr_tdmrs; i++) {
		for (level = 0; level < TDXC_PAMT_LEVELS; level++) {
			if (tdxc_range_contains(plan->tdmrs[i].pamt[level],
						range))
				return i;
		}
	}
	return PLAN_OUTSIDE;
}

static void classify_excluded(const struct tdxc_plan *plan,
			      const struct tdxc_plan_excluded *e,
			      struct plan_piece *p)
{
	static const enum plan_kind of_reason[TDXC_PLAN_NR_REASONS] = {
		[TDXC_PLAN_LEGACY] = PLAN_KIND_USELESS,
		[TDXC_PLAN_NOT_CONVERTIBLE] = PLAN_KIND_USELESS,
		[TDXC_PLAN_PAMT] = PLAN_KIND_PAMT,
		[TDXC_PLAN_LIMIT] = PLAN_KIND_LIMIT,
		[TDXC_PLAN_UNECONOMIC] = PLAN_KIND_UNECONOMIC,
	};

	p->kind = of_reason[e->reason];
	p->node = e->node;
	if (p->kind == PLAN_KIND_PAMT)
		p->owner = pamt_owner(plan, p->range);
}

/* What lies between two neighbouring cuts is of one kind throughout. */
static struct plan_piece classify(const struct plan_report *r,
				  struct tdxc_range range)
{
	const struct tdxc_plan *plan = &r->plan;
	struct plan_piece p = {
		.range = range, .tdmr = PLAN_OUTSIDE, .owner = PLAN_OUTSIDE};
	const struct tdxc_plan_memory *memory;
	const struct tdxc_plan_excluded *excluded;
	const struct tdxc_plan_tdmr *tdmr;

	tdmr = bsearch(&range.start, plan->tdmrs, plan->nr_tdmrs,
		       sizeof *plan->tdmrs, address_in);
	if (tdmr)
		p.tdmr = (uint32_t)(tdmr - plan->tdmrs);
	memory = bsearch(&range.start, plan->memory, plan->nr_memory,
			 sizeof *plan->memory, address_in);
	excluded = bsearch(&range.start, plan->excluded, plan->nr_excluded,
			   sizeof *plan->excluded, address_in);
	if (memory) {
		p.kind = PLAN_KIND_USABLE;
		p.node = memory->node;
	} else if (excluded) {
		classify_excluded(plan, excluded, &p);
	} else if (tdxc_range_list_covers(r->cmrs, r->nr_cmrs, range)) {
		p.kind = PLAN_KIND_HOLE;
	} else {
		p.kind = PLAN_KIND_FIXED;
	}
	return p;
}

static bool continues(const struct plan_piece *a, const struct plan_piece *b)
{
	return a->range.end == b->range.start && a->kind == b->kind &&
	       a->tdmr == b->tdmr && a->node == b->node && a->owner == b->owner;
}

struct plan_piece *plan_cut(const struct plan_report *r, size_t *nr)
{
	size_t nr_cuts;
	uint64_t *cuts = make_cuts(r, &nr_cuts);
	struct plan_piece *pieces = calloc(nr_cuts + 1, sizeof *pieces);
	struct plan_piece p;
	size_t i;

	*nr = 0;
	if (!cuts || !pieces) {
		free(cuts);
		free(pieces);
		return NULL;
	}
	for (i = 0; i + 1 < nr_cuts; i++) {
		if (cuts[i] == cuts[i + 1])
			continue;
		p = classify(r, (struct tdxc_range){cuts[i], cuts[i + 1]});
		if (p.tdmr == PLAN_OUTSIDE && !plan_kind_is_ram(p.kind))
			continue;
		if (*nr && continues(&pieces[*nr - 1], &p))
			pieces[*nr - 1].range.end = p.range.end;
		else
			pieces[(*nr)++] = p;
	}
	free(cuts);
	return pieces;
}
