/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * What a layout costs: RAM given up, reserved areas, PAMT bytes.
 *
 * Relies on the two sorted lists of plan_work.h and on nothing else. Which
 * layouts are worth pricing is not decided here.
 */
#include "plan_work.h"

size_t tdxc_plan_first_frag_(const struct tdxc_plan_work *w, uint64_t addr)
{
	size_t lo = 0;
	size_t hi = w->nr_frags;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (w->frags[mid].end > addr)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

uint64_t tdxc_plan_kept_below_(const struct tdxc_plan_work *w, uint64_t addr)
{
	size_t i = tdxc_plan_first_frag_(w, addr);
	const struct tdxc_plan_frag *f = &w->frags[i];

	if (i == w->nr_frags)
		return w->kept;
	return f->below + (f->keep && addr > f->start ? addr - f->start : 0);
}

uint64_t tdxc_plan_kept_in_(const struct tdxc_plan_work *w, struct tdxc_range r)
{
	return tdxc_plan_kept_below_(w, r.end) -
	       tdxc_plan_kept_below_(w, r.start);
}

static uint64_t round_up_page(uint64_t bytes)
{
	return (bytes + TDXC_PAGE_SIZE - 1) & ~(TDXC_PAGE_SIZE - 1);
}

uint64_t tdxc_plan_pamt_bytes(const struct tdxc_limits *limits,
			      enum tdxc_pamt_level level, uint64_t gibs)
{
	static const uint32_t entries_per_gib[TDXC_PAMT_LEVELS] = {262144, 512,
								   1};
	uint64_t entries = gibs * entries_per_gib[level];

	if (level == TDXC_PAMT_4K && limits->pamt_bitmap_bits != 0)
		return round_up_page((entries * limits->pamt_bitmap_bits + 7) /
				     8);
	return round_up_page(entries * limits->pamt_entry_size[level]);
}

uint64_t tdxc_plan_span_pamt_(const struct tdxc_plan_work *w,
			      struct tdxc_range span)
{
	const struct tdxc_limits *limits = &w->config->limits;
	uint64_t gibs = tdxc_range_size(span) / TDXC_SIZE_1G;

	return tdxc_plan_pamt_bytes(limits, TDXC_PAMT_4K, gibs) +
	       tdxc_plan_pamt_bytes(limits, TDXC_PAMT_2M, gibs) +
	       tdxc_plan_pamt_bytes(limits, TDXC_PAMT_1G, gibs);
}

void tdxc_plan_top_init_(struct tdxc_plan_top *top, uint64_t *heap, size_t cap)
{
	top->heap = heap;
	top->cap = cap;
	top->nr = 0;
	top->rest = 0;
}

static void top_sift_up(struct tdxc_plan_top *top, uint64_t value)
{
	size_t i = top->nr++;

	while (i > 0 && top->heap[(i - 1) / 2] > value) {
		top->heap[i] = top->heap[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	top->heap[i] = value;
}

static void top_replace_root(struct tdxc_plan_top *top, uint64_t value)
{
	size_t i = 0;
	size_t child;

	while ((child = 2 * i + 1) < top->nr) {
		if (child + 1 < top->nr &&
		    top->heap[child + 1] < top->heap[child])
			child++;
		if (top->heap[child] >= value)
			break;
		top->heap[i] = top->heap[child];
		i = child;
	}
	top->heap[i] = value;
}

void tdxc_plan_top_push_(struct tdxc_plan_top *top, uint64_t value)
{
	if (top->nr < top->cap) {
		top_sift_up(top, value);
	} else if (top->cap == 0 || value <= top->heap[0]) {
		top->rest += value;
	} else {
		top->rest += top->heap[0];
		top_replace_root(top, value);
	}
}

size_t tdxc_plan_first_hard_(const struct tdxc_plan_work *w, uint64_t addr)
{
	size_t lo = 0;
	size_t hi = w->nr_hards;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (w->hards[mid].end > addr)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

uint64_t tdxc_plan_hard_gap_(const struct tdxc_plan_hard *a,
			     const struct tdxc_plan_hard *b)
{
	return b->below - a->below - a->inside;
}

/* A PAMT may straddle the border of a TDMR. */
static uint64_t kept_inside_span(const struct tdxc_plan_work *w,
				 const struct tdxc_plan_hard *h,
				 struct tdxc_range span)
{
	struct tdxc_range r = {h->start, h->end};

	if (h->inside == 0 || tdxc_range_contains(span, r))
		return h->inside;
	return tdxc_plan_kept_in_(w, tdxc_range_intersect(r, span));
}

struct tdxc_plan_span_state
tdxc_plan_span_state_(const struct tdxc_plan_work *w, struct tdxc_range span)
{
	struct tdxc_plan_span_state state = {0, 0};
	const struct tdxc_plan_hard *prev = NULL;
	struct tdxc_plan_top top;
	size_t i;

	tdxc_plan_top_init_(&top, w->heap, w->config->limits.max_reserved - 1);
	state.memory = tdxc_plan_kept_in_(w, span);
	for (i = tdxc_plan_first_hard_(w, span.start);
	     i < w->nr_hards && w->hards[i].start < span.end; i++) {
		const struct tdxc_plan_hard *h = &w->hards[i];
		uint64_t gap = prev ? tdxc_plan_hard_gap_(prev, h) : 0;

		state.memory -= kept_inside_span(w, h, span);
		if (gap != 0)
			tdxc_plan_top_push_(&top, gap);
		if (gap != 0 || !prev)
			state.groups++;
		prev = h;
	}
	state.memory -= top.rest;
	return state;
}

void tdxc_plan_evaluate_(const struct tdxc_plan_work *w,
			 struct tdxc_plan_score *score)
{
	uint32_t max_reserved = w->config->limits.max_reserved;
	uint64_t memory = 0;
	uint64_t under_pamt = 0;
	size_t i;

	score->areas = 0;
	for (i = 0; i < w->now.nr_spans; i++) {
		struct tdxc_plan_span_state s =
			tdxc_plan_span_state_(w, w->now.spans[i]);

		memory += s.memory;
		score->areas +=
			s.groups < max_reserved ? s.groups : max_reserved;
	}
	for (i = 0; i < w->nr_hards; i++)
		under_pamt += w->hards[i].inside;
	score->memory = memory;
	score->lost = w->kept - under_pamt - memory;
}

static int compare_u64(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

int tdxc_plan_score_compare_(const struct tdxc_plan_score *a,
			     const struct tdxc_plan_score *b)
{
	int c = compare_u64(a->lost, b->lost);

	if (c == 0)
		c = compare_u64(a->pamt_bytes, b->pamt_bytes);
	if (c == 0)
		c = compare_u64(a->tdmrs, b->tdmrs);
	if (c == 0)
		c = compare_u64(a->areas, b->areas);
	if (c == 0)
		c = compare_u64(a->far, b->far);
	return c;
}
