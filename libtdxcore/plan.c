/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * The planner's public face: make and place. The order of work: simple TDMRs
 * if the limits allow, optimal ones if not, room for their PAMTs, and a search
 * where a better answer could exist.
 */
#include "plan_work.h"

/* What a search may cost, in looks at the elements of the lists: a few tenths
 * of a second. Small machines, whose search proves something, get more. */
#define SEARCH_LOOKS	   5000000u
#define SEARCH_LOOKS_SMALL 25000000u

int tdxc_plan_scratch_bytes(const struct tdxc_plan_config *config,
			    size_t *bytes)
{
	*bytes = 0;
	if (!tdxc_plan_counts_ok_(config))
		return TDXC_E_INVAL;
	*bytes = tdxc_plan_carve_(config, NULL);
	return TDXC_OK;
}

static uint64_t total_gibs(const struct tdxc_plan_work *w)
{
	uint64_t first = w->frags[0].start / TDXC_SIZE_1G;
	uint64_t end = w->frags[w->nr_frags - 1].end;

	return (end + TDXC_SIZE_1G - 1) / TDXC_SIZE_1G - first;
}

/* A smaller size to try: the largest whose 4K region fits into the longest
 * piece of RAM, else half. */
static uint64_t smaller_size(const struct tdxc_plan_work *w, uint64_t gibs)
{
	uint64_t per_gib =
		tdxc_plan_pamt_bytes(&w->config->limits, TDXC_PAMT_4K, 1);
	uint64_t longest = 0;
	uint64_t fitting;
	size_t i;

	for (i = 0; i < w->nr_frags; i++) {
		uint64_t bytes = w->frags[i].end - w->frags[i].start;

		if (bytes > longest)
			longest = bytes;
	}
	fitting = longest / per_gib;
	return fitting != 0 && fitting < gibs ? fitting : (gibs + 1) / 2;
}

static bool caller_places(const struct tdxc_plan_work *w)
{
	return (w->config->flags & TDXC_PLAN_CALLER_PLACES) != 0;
}

/* False when only simple TDMRs are wanted and the limits forbid them. */
static bool choose_spans(struct tdxc_plan_work *w, uint64_t max_gibs,
			 bool only_simple)
{
	tdxc_plan_build_blocks_(w, max_gibs);
	if (tdxc_plan_spans_simple_(w, max_gibs))
		return true;
	if (!only_simple)
		tdxc_plan_spans_optimal_(w, max_gibs);
	return !only_simple;
}

static bool place_and_remember(struct tdxc_plan_work *w)
{
	if (!tdxc_plan_place_greedy_(w, caller_places(w)))
		return false;
	tdxc_plan_remember_(w);
	return true;
}

static void drop_smallest_span(struct tdxc_plan_work *w)
{
	uint64_t least = UINT64_MAX;
	uint32_t drop = 0;
	uint32_t s;

	for (s = 0; s < w->now.nr_spans; s++) {
		uint64_t ram = tdxc_plan_kept_in_(w, w->now.spans[s]);

		if (ram < least) {
			least = ram;
			drop = s;
		}
	}
	w->now.nr_spans--;
	memmove(&w->now.spans[drop], &w->now.spans[drop + 1],
		(w->now.nr_spans - drop) * sizeof(w->now.spans[0]));
}

/* TDMRs of at most max_gibs, then of smaller sizes: a PAMT needs
 * contiguous RAM, and that of a smaller TDMR is shorter. Stops at the first
 * size at which the PAMTs cost no RAM. */
static void try_sizes(struct tdxc_plan_work *w)
{
	uint64_t max_gibs = total_gibs(w);
	struct tdxc_plan_score no_pamt = {0};
	bool coarse;

	(void)choose_spans(w, max_gibs, false);
	tdxc_plan_evaluate_(w, &no_pamt);
	coarse = w->coarse;
	w->lost_no_pamt = coarse ? tdxc_plan_lost_floor_(w) : no_pamt.lost;
	while (!place_and_remember(w) || w->now.score.lost > w->lost_no_pamt) {
		bool only_simple;

		/* one coarse answer is as good as the next, and dear */
		do {
			if (max_gibs == 1)
				return;
			max_gibs = smaller_size(w, max_gibs);
			only_simple = coarse && w->best.nr_spans != 0;
		} while (!choose_spans(w, max_gibs, only_simple));
	}
}

/* Not every GiB can have a PAMT: cover those with the most RAM, then give up
 * TDMRs, least RAM first, until the PAMTs of the rest fit. */
static void give_up_spans(struct tdxc_plan_work *w)
{
	uint64_t max_gibs = total_gibs(w);

	while (max_gibs > 1) {
		max_gibs = smaller_size(w, max_gibs);
		tdxc_plan_build_blocks_(w, max_gibs);
		tdxc_plan_spans_richest_(w, max_gibs);
		(void)place_and_remember(w);
	}
	while (w->best.nr_spans == 0 && w->now.nr_spans > 1) {
		drop_smallest_span(w);
		(void)place_and_remember(w);
	}
}

static void find_layout(struct tdxc_plan_work *w)
{
	try_sizes(w);
	if (w->best.nr_spans == 0)
		give_up_spans(w);
}

/* Whether PAMT regions could fill this block to the last page, so that it
 * needs no TDMR. A region of level 4K is a multiple of `unit`, and all others
 * together are at most `small`. */
static bool could_be_filled(const struct tdxc_plan_work *w,
			    const struct tdxc_plan_block *b, uint64_t unit,
			    uint64_t small)
{
	size_t i;

	if (b->ram == 0 || b->ram > w->best.score.pamt_bytes)
		return false;
	for (i = tdxc_plan_first_frag_(w, b->start);
	     i < w->nr_frags && w->frags[i].start < b->end; i++) {
		const struct tdxc_plan_frag *f = &w->frags[i];
		bool within = f->start >= b->start && f->end <= b->end;

		if (within && f->keep && (f->end - f->start) % unit > small)
			return false;
	}
	return true;
}

/* The simple TDMRs have the fewest PAMT bytes any layout can have, unless
 * PAMTs can swallow a whole block. */
static bool is_surely_best(struct tdxc_plan_work *w)
{
	const struct tdxc_limits *limits = &w->config->limits;
	uint64_t unit = tdxc_plan_pamt_bytes(limits, TDXC_PAMT_4K, 1);
	uint64_t small = 2 * TDXC_PAGE_SIZE * w->nr_blocks;
	uint64_t pamt = 0;
	size_t i;

	if (w->best.nr_spans == 0 || w->best.score.lost != 0)
		return false;
	tdxc_plan_build_blocks_(w, total_gibs(w));
	if (!tdxc_plan_spans_simple_(w, total_gibs(w)))
		return false;
	for (i = 0; i < w->now.nr_spans; i++) {
		uint64_t gibs = tdxc_range_size(w->now.spans[i]) / TDXC_SIZE_1G;

		pamt += tdxc_plan_span_pamt_(w, w->now.spans[i]);
		small += tdxc_plan_pamt_bytes(limits, TDXC_PAMT_2M, gibs) +
			 tdxc_plan_pamt_bytes(limits, TDXC_PAMT_1G, gibs);
	}
	if (w->best.score.pamt_bytes != pamt ||
	    w->best.nr_spans != w->now.nr_spans)
		return false;
	for (i = 0; i < w->nr_blocks; i++) {
		if (could_be_filled(w, &w->blocks[i], unit, small))
			return false;
	}
	return true;
}

static void restore_best_spans(struct tdxc_plan_work *w)
{
	memcpy(w->now.spans, w->best.spans,
	       w->best.nr_spans * sizeof(w->best.spans[0]));
	w->now.nr_spans = w->best.nr_spans;
}

/* True when the answer is proved best. */
static bool improve(struct tdxc_plan_work *w)
{
	if (is_surely_best(w))
		return true;
	if (caller_places(w))
		return false;
	w->budget = (w->small ? SEARCH_LOOKS_SMALL : SEARCH_LOOKS) /
		    (w->nr_holes + w->nr_frags + 3 * w->nr_blocks);
	if (w->small)
		return tdxc_plan_search_spans_(w);
	if (w->best.nr_spans != 0 && w->best.score.lost != 0) {
		restore_best_spans(w);
		tdxc_plan_items_reset_(w);
		(void)tdxc_plan_search_places_(w);
	}
	return false;
}

static void put_tdmr(struct tdxc_plan_work *w, uint32_t s)
{
	struct tdxc_range span = w->best.spans[s];
	struct tdxc_plan_tdmr *tdmr = &w->tdmrs[s];
	uint64_t gibs = tdxc_range_size(span) / TDXC_SIZE_1G;
	int level;

	memset(tdmr, 0, sizeof(*tdmr));
	tdmr->range = span;
	tdmr->node = tdxc_plan_span_node_(w, span);
	for (level = 0; level < TDXC_PAMT_LEVELS; level++)
		tdmr->pamt_bytes[level] = tdxc_plan_pamt_bytes(
			&w->config->limits, (enum tdxc_pamt_level)level, gibs);
}

/* PAMTs of so many bytes can at best all lie in RAM that is lost anyway. */
static uint64_t floor_of(const struct tdxc_plan_work *w, uint64_t pamt_bytes)
{
	return w->lost_no_pamt > pamt_bytes ? w->lost_no_pamt - pamt_bytes : 0;
}

static void publish(struct tdxc_plan_work *w, struct tdxc_plan *plan,
		    bool proven)
{
	const struct tdxc_plan_score *score = &w->best.score;
	uint32_t i;

	for (i = 0; i < w->best.nr_spans; i++)
		put_tdmr(w, i);
	for (i = 0; i < w->best.nr_items; i++) {
		const struct tdxc_plan_item *item = &w->best.items[i];

		w->tdmrs[item->span].pamt[item->level] = item->at;
	}
	plan->tdmrs = w->tdmrs;
	plan->nr_tdmrs = w->best.nr_spans;
	plan->proven = proven;
	plan->pamt_bytes = score->pamt_bytes;
	plan->lost_bytes = score->lost;
	plan->lost_bound =
		proven ? score->lost : floor_of(w, score->pamt_bytes);
	plan->config = w->config;
	plan->work = w;
	tdxc_plan_lay_areas_(w, plan);
}

static int fail(struct tdxc_plan_fault *fault, enum tdxc_plan_fault_kind kind,
		size_t index, int err)
{
	fault->kind = kind;
	fault->index = index;
	return err;
}

int tdxc_plan_make(struct tdxc_plan *plan,
		   const struct tdxc_plan_config *config, void *scratch,
		   size_t bytes, struct tdxc_plan_fault *fault)
{
	struct tdxc_plan_work *w = scratch;
	size_t need;
	bool proven;
	int err;

	memset(plan, 0, sizeof(*plan));
	memset(fault, 0, sizeof(*fault));
	err = tdxc_plan_validate_(config, fault);
	if (err != TDXC_OK)
		return err;
	need = tdxc_plan_carve_(config, NULL);
	if (!scratch || bytes < need || (uintptr_t)scratch % 8 != 0)
		return fail(fault, TDXC_PLAN_FAULT_SCRATCH, need, TDXC_E_NOMEM);
	(void)tdxc_plan_carve_(config, w);
	tdxc_plan_read_memory_(w);
	if (w->nr_frags == 0)
		return fail(fault, TDXC_PLAN_FAULT_NO_MEMORY, 0, TDXC_E_NOSPC);
	if (w->kept == 0)
		return fail(fault, TDXC_PLAN_FAULT_NO_ROOM, 0, TDXC_E_NOSPC);
	find_layout(w);
	proven = improve(w);
	if (w->best.nr_spans == 0)
		return fail(fault, TDXC_PLAN_FAULT_NO_ROOM, 0, TDXC_E_NOSPC);
	publish(w, plan, proven);
	return TDXC_OK;
}

int tdxc_plan_place(struct tdxc_plan *plan, uint32_t i,
		    const struct tdxc_range *pamt)
{
	int level;

	if (plan->sealed || i >= plan->nr_tdmrs)
		return TDXC_E_INVAL;
	for (level = 0; level < TDXC_PAMT_LEVELS; level++)
		plan->tdmrs[i].pamt[level] = pamt[level];
	plan->proven = false;
	plan->lost_bound = floor_of(plan->work, plan->pamt_bytes);
	return TDXC_OK;
}
