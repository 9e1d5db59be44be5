/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Which GiBs become which TDMR, as if PAMTs cost no reserved area.
 *
 * The simple answer, one TDMR per run of neighbouring GiBs, has the fewest PAMT
 * bytes there can be, and is taken whenever the limits allow it. Otherwise a
 * dynamic program over blocks finds, for every number of TDMRs, the least RAM
 * given up, then the fewest PAMT bytes, then the fewest areas. Where the PAMTs
 * go is decided later (plan_place.c).
 */
#include "plan_work.h"

/* The next run of neighbouring blocks with RAM from block *i on, cut at
 * max_gibs; false when there is none. */
static bool next_run(const struct tdxc_plan_work *w, size_t *i,
		     uint64_t max_gibs, struct tdxc_range *run)
{
	size_t k = *i;

	while (k < w->nr_blocks && w->blocks[k].ram == 0)
		k++;
	if (k == w->nr_blocks)
		return false;
	run->start = w->blocks[k].start;
	do {
		run->end = w->blocks[k++].end;
	} while (k < w->nr_blocks && w->blocks[k].ram != 0 &&
		 w->blocks[k].start == run->end &&
		 w->blocks[k].end - run->start <= max_gibs * TDXC_SIZE_1G);
	*i = k;
	return true;
}

/* All runs; false when there are more of them than TDMRs. */
static bool cover_runs(struct tdxc_plan_work *w, uint64_t max_gibs)
{
	struct tdxc_range run;
	size_t i = 0;

	w->now.nr_spans = 0;
	while (next_run(w, &i, max_gibs, &run)) {
		if (w->now.nr_spans == w->max_spans)
			return false;
		w->now.spans[w->now.nr_spans++] = run;
	}
	return true;
}

bool tdxc_plan_spans_simple_(struct tdxc_plan_work *w, uint64_t max_gibs)
{
	struct tdxc_plan_score score = {0};

	tdxc_plan_hards_reset_(w);
	if (!cover_runs(w, max_gibs))
		return false;
	tdxc_plan_evaluate_(w, &score);
	return score.lost == 0;
}

/* As many runs as there can be TDMRs, those with the most RAM: for machines so
 * large and so fragmented that nothing better is affordable. */
void tdxc_plan_spans_richest_(struct tdxc_plan_work *w, uint64_t max_gibs)
{
	struct tdxc_plan_top top;
	struct tdxc_range run;
	uint64_t least;
	size_t i = 0;

	tdxc_plan_hards_reset_(w);
	tdxc_plan_top_init_(&top, w->heap, w->max_spans);
	while (next_run(w, &i, max_gibs, &run))
		tdxc_plan_top_push_(&top, tdxc_plan_kept_in_(w, run));
	least = top.nr == top.cap ? top.heap[0] : 0;
	w->now.nr_spans = 0;
	for (i = 0; next_run(w, &i, max_gibs, &run);) {
		if (w->now.nr_spans < w->max_spans &&
		    tdxc_plan_kept_in_(w, run) >= least)
			w->now.spans[w->now.nr_spans++] = run;
	}
}

/* The COARSE_GAPS-th largest gap between blocks: smaller ones are no borders.
 */
static uint64_t border_threshold(struct tdxc_plan_work *w)
{
	struct tdxc_plan_top top;
	size_t i;

	tdxc_plan_top_init_(&top, w->heap, TDXC_PLAN_COARSE_GAPS);
	for (i = 1; i < w->nr_blocks; i++)
		tdxc_plan_top_push_(&top,
				    w->blocks[i].start - w->blocks[i - 1].end);
	return top.nr < top.cap ? 0 : top.heap[0];
}

/* Join blocks until the dynamic program can take them: the largest gaps stay
 * borders, and the rest is divided evenly by number of holes. */
static void coarsen(struct tdxc_plan_work *w)
{
	uint64_t threshold = border_threshold(w);
	size_t quota = w->nr_holes / 64 + 1;
	size_t per_block = w->nr_blocks / 64 + 1;
	size_t nr = 0;
	size_t first = 0;
	uint64_t gap_borders = 0;
	size_t i;

	for (i = 1; i <= w->nr_blocks; i++) {
		struct tdxc_plan_block *last = &w->blocks[i - 1];
		bool end = i == w->nr_blocks;
		bool wide = !end && gap_borders < TDXC_PLAN_COARSE_GAPS &&
			    w->blocks[i].start - last->end > threshold;
		bool full =
			!end &&
			(i - first >= per_block ||
			 w->blocks[i].hole - w->blocks[first].hole >= quota);
		struct tdxc_plan_block joined = w->blocks[first];

		if (!end && !wide && !full)
			continue;
		gap_borders += wide;
		joined.end = last->end;
		for (size_t k = first + 1; k < i; k++)
			joined.ram += w->blocks[k].ram;
		w->blocks[nr++] = joined;
		first = i;
	}
	w->nr_blocks = nr;
	w->coarse = true;
}

/* A TDMR that ends at a fixed block and grows to the left. */
struct reach {
	struct tdxc_plan_top gaps;
	size_t hole; /* leftmost hole seen so far */
	uint32_t groups;
};

static void reach_start(const struct tdxc_plan_work *w, struct reach *r,
			uint64_t end)
{
	tdxc_plan_top_init_(&r->gaps, w->heap,
			    w->config->limits.max_reserved - 1);
	r->groups = 0;
	r->hole = tdxc_plan_first_hard_(w, end);
	if (r->hole < w->nr_hards && w->hards[r->hole].start < end)
		r->hole++;
}

static void reach_grow(const struct tdxc_plan_work *w, struct reach *r,
		       const struct tdxc_plan_block *block)
{
	while (r->hole > block->hole) {
		const struct tdxc_plan_hard *h = &w->hards[--r->hole];
		uint64_t gap = r->groups ? tdxc_plan_hard_gap_(h, h + 1) : 0;

		if (gap != 0)
			tdxc_plan_top_push_(&r->gaps, gap);
		if (gap != 0 || r->groups == 0)
			r->groups++;
	}
}

static struct tdxc_plan_cell *cell_at(const struct tdxc_plan_work *w,
				      uint32_t spans, size_t blocks)
{
	return &w->cells[(size_t)spans * (w->dp_blocks + 1) + blocks];
}

static bool cell_better(const struct tdxc_plan_cell *a,
			const struct tdxc_plan_cell *b)
{
	if (a->lost != b->lost)
		return a->lost < b->lost;
	if (a->pamt_bytes != b->pamt_bytes)
		return a->pamt_bytes < b->pamt_bytes;
	return a->areas < b->areas;
}

static const struct tdxc_plan_cell unreachable = {UINT64_MAX, UINT64_MAX,
						  UINT32_MAX, TDXC_PLAN_SKIP};

/* Block j - 1 stays outside every TDMR. */
static void relax_skip(struct tdxc_plan_work *w, size_t j)
{
	uint32_t t;

	for (t = 0; t <= w->dp_spans; t++) {
		struct tdxc_plan_cell *c = cell_at(w, t, j);

		*c = *cell_at(w, t, j - 1);
		c->from = TDXC_PLAN_SKIP;
		if (c->lost != UINT64_MAX)
			c->lost += w->blocks[j - 1].ram;
	}
}

/* The last TDMR covers blocks i .. j - 1. */
static void relax_span(struct tdxc_plan_work *w, size_t i, size_t j,
		       const struct reach *r)
{
	uint32_t max_reserved = w->config->limits.max_reserved;
	struct tdxc_range span = {w->blocks[i].start, w->blocks[j - 1].end};
	uint64_t pamt = tdxc_plan_span_pamt_(w, span);
	uint32_t areas = r->groups < max_reserved ? r->groups : max_reserved;
	uint32_t t;

	for (t = 1; t <= w->dp_spans; t++) {
		struct tdxc_plan_cell c = *cell_at(w, t - 1, i);

		if (c.lost == UINT64_MAX)
			continue;
		c.lost += r->gaps.rest;
		c.pamt_bytes += pamt;
		c.areas += areas;
		c.from = (uint32_t)i;
		if (cell_better(&c, cell_at(w, t, j)))
			*cell_at(w, t, j) = c;
	}
}

static void fill_column(struct tdxc_plan_work *w, size_t j, uint64_t max_gibs)
{
	uint64_t end = w->blocks[j - 1].end;
	struct reach r;
	size_t i;

	relax_skip(w, j);
	reach_start(w, &r, end);
	for (i = j; i-- > 0;) {
		uint64_t gibs = (end - w->blocks[i].start) / TDXC_SIZE_1G;

		if (gibs > max_gibs && i + 1 < j)
			break;
		reach_grow(w, &r, &w->blocks[i]);
		relax_span(w, i, j, &r);
	}
}

static void spans_from_cells(struct tdxc_plan_work *w, uint32_t t)
{
	size_t j = w->nr_blocks;
	uint32_t left = t;

	w->now.nr_spans = t;
	while (left > 0) {
		uint32_t from = cell_at(w, left, j)->from;

		if (from == TDXC_PLAN_SKIP) {
			j--;
			continue;
		}
		left--;
		w->now.spans[left].start = w->blocks[from].start;
		w->now.spans[left].end = w->blocks[j - 1].end;
		j = from;
	}
}

static void index_holes(struct tdxc_plan_work *w)
{
	size_t i;

	tdxc_plan_hards_reset_(w);
	for (i = 0; i < w->nr_blocks; i++)
		w->blocks[i].hole =
			tdxc_plan_first_hard_(w, w->blocks[i].start);
}

void tdxc_plan_spans_optimal_(struct tdxc_plan_work *w, uint64_t max_gibs)
{
	const struct tdxc_plan_cell nothing = {0, 0, 0, TDXC_PLAN_SKIP};
	uint32_t best = 1;
	uint32_t t;
	size_t j;

	index_holes(w);
	if (w->nr_blocks > w->dp_blocks)
		coarsen(w);
	for (t = 0; t <= w->dp_spans; t++)
		*cell_at(w, t, 0) = t == 0 ? nothing : unreachable;
	for (j = 1; j <= w->nr_blocks; j++)
		fill_column(w, j, max_gibs);
	for (t = 2; t <= w->dp_spans; t++) {
		const struct tdxc_plan_cell *c = cell_at(w, t, w->nr_blocks);
		const struct tdxc_plan_cell *b = cell_at(w, best, w->nr_blocks);

		if (c->lost < b->lost ||
		    (c->lost == b->lost && c->pamt_bytes < b->pamt_bytes))
			best = t;
	}
	spans_from_cells(w, best);
}

/* However the GiBs are cut, T TDMRs with R areas each keep at most T * (R + 1)
 * stretches of RAM, and each lies between two neighbouring holes. */
uint64_t tdxc_plan_lost_floor_(struct tdxc_plan_work *w)
{
	const struct tdxc_limits *limits = &w->config->limits;
	struct tdxc_plan_top top;
	size_t i;

	tdxc_plan_hards_reset_(w);
	tdxc_plan_top_init_(&top, w->heap,
			    (size_t)limits->max_tdmrs *
				    (limits->max_reserved + 1));
	for (i = 1; i < w->nr_hards; i++)
		tdxc_plan_top_push_(&top, tdxc_plan_hard_gap_(&w->hards[i - 1],
							      &w->hards[i]));
	return top.rest;
}
