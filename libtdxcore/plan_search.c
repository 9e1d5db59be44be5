/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Branch and bound where the first answer may not be the best: over the places
 * of all PAMT regions for given TDMRs, and on small machines over all ways to
 * cut the GiBs into TDMRs.
 *
 * A region of s bytes can lower the loss by at most s, and only where it fits
 * into RAM that could be lost at all: that is the bound. The work is limited
 * by a budget of placements; when it runs out the best layout so far stays.
 */
#include "plan_work.h"

static uint64_t saturating_add(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static uint64_t pamt_of_now(const struct tdxc_plan_work *w)
{
	uint64_t bytes = 0;
	uint32_t s;

	for (s = 0; s < w->now.nr_spans; s++)
		bytes += tdxc_plan_span_pamt_(w, w->now.spans[s]);
	return bytes;
}

static uint32_t regions_far_away(struct tdxc_plan_work *w)
{
	uint32_t far = 0;
	uint32_t i;

	for (i = 0; i < w->now.nr_items; i++) {
		const struct tdxc_plan_item *item = &w->now.items[i];

		if (tdxc_range_is_empty(item->at))
			continue;
		far += tdxc_plan_node_at_(w->config, item->at.start) !=
		       tdxc_plan_span_node_(w, w->now.spans[item->span]);
	}
	return far;
}

void tdxc_plan_remember_(struct tdxc_plan_work *w)
{
	struct tdxc_plan_score *score = &w->now.score;

	tdxc_plan_evaluate_(w, score);
	score->pamt_bytes = pamt_of_now(w);
	score->tdmrs = w->now.nr_spans;
	score->far = regions_far_away(w);
	if (score->memory == 0 || w->now.nr_spans == 0)
		return;
	if (w->best.nr_spans != 0 &&
	    tdxc_plan_score_compare_(score, &w->best.score) >= 0)
		return;
	memcpy(w->best.spans, w->now.spans,
	       w->now.nr_spans * sizeof(w->now.spans[0]));
	memcpy(w->best.items, w->now.items,
	       w->now.nr_items * sizeof(w->now.items[0]));
	w->best.nr_spans = w->now.nr_spans;
	w->best.nr_items = w->now.nr_items;
	w->best.score = *score;
}

/* Whether these spans could still win with so little RAM lost. */
static bool could_beat_best(const struct tdxc_plan_work *w, uint64_t lost)
{
	struct tdxc_plan_score bound = w->best.score;

	if (w->best.nr_spans == 0)
		return true;
	bound.lost = lost;
	bound.pamt_bytes = w->now.score.pamt_bytes;
	bound.tdmrs = w->now.nr_spans;
	return tdxc_plan_score_compare_(&bound, &w->best.score) < 0;
}

/* Longest piece that a winning layout could give up, or that lies outside the
 * TDMRs: only a region that fits there can lower the loss. */
static uint64_t longest_lossy_piece(const struct tdxc_plan_work *w,
				    uint64_t affordable)
{
	uint64_t longest = 0;
	uint32_t i;

	for (i = 0; i < w->nr_pieces; i++) {
		struct tdxc_range p = w->pieces[i];
		uint32_t s = tdxc_plan_first_span_(w, p.start);
		bool inside = s < w->now.nr_spans &&
			      tdxc_range_contains(w->now.spans[s], p);
		uint64_t size = tdxc_range_size(p);

		if ((!inside || size <= affordable) && size > longest)
			longest = size;
	}
	return longest;
}

static void sort_items(struct tdxc_plan_layout *layout)
{
	uint32_t i;

	for (i = 1; i < layout->nr_items; i++) {
		struct tdxc_plan_item item = layout->items[i];
		uint32_t k = i;

		while (k > 0 && layout->items[k - 1].bytes < item.bytes) {
			layout->items[k] = layout->items[k - 1];
			k--;
		}
		layout->items[k] = item;
	}
}

/* Bytes that regions can save at most; per level what the deeper ones can. */
static uint64_t sum_useful(struct tdxc_plan_work *w)
{
	uint64_t affordable =
		w->best.nr_spans ? w->best.score.lost : UINT64_MAX;
	uint64_t longest;
	uint64_t useful = 0;
	uint32_t i;

	affordable = saturating_add(affordable, w->now.score.pamt_bytes);
	longest = longest_lossy_piece(w, affordable);
	for (i = w->now.nr_items; i-- > 0;) {
		w->frames[i].useful_after = useful;
		if (w->now.items[i].bytes <= longest)
			useful += w->now.items[i].bytes;
	}
	return useful;
}

static uint64_t minus(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

/* Regions of one size are alike: they go to places in the order of the walk
 * only. */
static bool out_of_order(const struct tdxc_plan_work *w, uint32_t depth)
{
	const struct tdxc_plan_frame *f = &w->frames[depth];
	const struct tdxc_plan_frame *above = depth ? f - 1 : NULL;

	if (!above ||
	    w->now.items[depth].bytes != w->now.items[depth - 1].bytes)
		return false;
	if (f->spot.left != above->placed_left)
		return f->spot.left > above->placed_left;
	return f->spot.step < above->placed_step;
}

static void unplace(struct tdxc_plan_work *w, uint32_t depth)
{
	struct tdxc_plan_frame *f = &w->frames[depth];

	if (f->placed)
		tdxc_plan_take_back_(w, &f->undo);
	f->placed = false;
}

static void enter(struct tdxc_plan_work *w, uint32_t depth)
{
	w->frames[depth].placed = false;
	tdxc_plan_spot_init_(w, &w->frames[depth].spot);
}

/* Put the region of this depth at its next place; false when all are tried. */
static bool place_next(struct tdxc_plan_work *w, uint32_t depth)
{
	struct tdxc_plan_frame *f = &w->frames[depth];
	struct tdxc_plan_item *item = &w->now.items[depth];

	unplace(w, depth);
	do {
		if (!tdxc_plan_spot_next_(w, item->bytes, &f->spot, &item->at))
			return false;
	} while (out_of_order(w, depth));
	f->placed_left = f->spot.left;
	f->placed_step = f->spot.step;
	tdxc_plan_put_(w, f->spot.left - 1, item->at, &f->undo);
	f->placed = true;
	return true;
}

static void unwind(struct tdxc_plan_work *w, uint32_t depth)
{
	for (;; depth--) {
		unplace(w, depth);
		if (depth == 0)
			return;
	}
}

/* All places for the TDMRs of `now`, whose items are reset. True when nothing
 * was left out that could have been better than the best known. */
bool tdxc_plan_search_places_(struct tdxc_plan_work *w)
{
	uint32_t last = w->now.nr_items - 1;
	struct tdxc_plan_score score = {0};
	uint64_t floor;
	uint32_t depth = 0;

	if (w->now.nr_items > TDXC_PLAN_MAX_DEPTH)
		return false;
	w->now.score.pamt_bytes = pamt_of_now(w);
	sort_items(&w->now);
	tdxc_plan_evaluate_(w, &score);
	floor = minus(score.lost, sum_useful(w));
	enter(w, 0);
	while (could_beat_best(w, floor)) {
		if (w->budget == 0) {
			unwind(w, depth);
			return false;
		}
		w->budget--;
		if (!place_next(w, depth)) {
			if (depth-- == 0)
				return true;
			continue;
		}
		tdxc_plan_evaluate_(w, &score);
		if (!could_beat_best(w, minus(score.lost,
					      w->frames[depth].useful_after)))
			continue;
		if (depth == last)
			tdxc_plan_remember_(w);
		else
			enter(w, ++depth);
	}
	unwind(w, depth);
	return true;
}

/* Partition number `code`: in base 3 each GiB is outside (0), starts a TDMR
 * (1) or continues one (2). False when the number means none. */
static bool decode_spans(struct tdxc_plan_work *w, uint32_t code)
{
	struct tdxc_range *span = NULL;
	size_t i;

	w->now.nr_spans = 0;
	for (i = 0; i < w->nr_blocks; i++, code /= 3) {
		const struct tdxc_plan_block *b = &w->blocks[i];

		if (code % 3 == 0) {
			span = NULL;
		} else if (code % 3 == 2) {
			if (!span)
				return false;
			span->end = b->end;
		} else {
			if (w->now.nr_spans == w->max_spans)
				return false;
			span = &w->now.spans[w->now.nr_spans++];
			span->start = b->start;
			span->end = b->end;
		}
	}
	return w->now.nr_spans != 0;
}

/* One partition: a quick answer, then all of them if it pays. */
static bool search_partition(struct tdxc_plan_work *w)
{
	struct tdxc_plan_score score = {0};
	uint64_t useful;

	w->now.score.pamt_bytes = pamt_of_now(w);
	if (!could_beat_best(w, 0))
		return true;
	tdxc_plan_items_reset_(w);
	tdxc_plan_evaluate_(w, &score);
	useful = sum_useful(w);
	if (!could_beat_best(w, minus(score.lost, useful)))
		return true;
	if (tdxc_plan_place_greedy_(w, false))
		tdxc_plan_remember_(w);
	w->now.score.pamt_bytes = pamt_of_now(w);
	if (!could_beat_best(w, minus(score.lost, useful)))
		return true;
	tdxc_plan_items_reset_(w);
	return tdxc_plan_search_places_(w);
}

/* All partitions, each with at most `steps` of the budget. */
static bool search_all(struct tdxc_plan_work *w, uint32_t codes, uint64_t steps)
{
	bool complete = true;
	uint32_t code;

	for (code = 1; code < codes; code++) {
		uint64_t left = w->budget;
		uint64_t share = steps < left ? steps : left;

		w->budget = share;
		if (decode_spans(w, code) && !search_partition(w))
			complete = false;
		w->budget += left - share;
	}
	return complete;
}

/* In rounds of growing effort, so that one hard partition does not take what
 * an easy and better one needs; a good answer found early prunes the rest. */
bool tdxc_plan_search_spans_(struct tdxc_plan_work *w)
{
	bool complete = false;
	uint64_t steps = 256;
	uint32_t codes = 1;
	size_t i;

	for (i = 0; i < w->nr_blocks; i++)
		codes *= 3;
	while (!complete && w->budget != 0) {
		complete = search_all(w, codes, steps);
		steps *= 16;
	}
	return complete;
}
