/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Find room for the PAMTs of the TDMRs chosen, one TDMR after the other.
 *
 * A PAMT goes where it gives up the least RAM, then where it needs the fewest
 * reserved areas (next to a hole or another PAMT it needs none, and one that
 * fills all RAM between two holes joins them), then on the node it serves, then
 * above 4 GiB. Preferably its three regions stay together, 4K lowest.
 */
#include "plan_work.h"

#define BELOW_4G 0x100000000ull

/* What a place does to the layout; less is better, in this order. */
struct price {
	int64_t lost;  /* bytes; negative: fills RAM that was given up */
	int64_t areas; /* reserved areas; negative: joins some */
	uint32_t far;
	uint32_t low;
};

struct candidate {
	struct price price;
	struct tdxc_range at;
	uint32_t piece;
	bool found;
};

static size_t ram_index_at(const struct tdxc_plan_config *config, uint64_t addr)
{
	size_t lo = 0;
	size_t hi = config->nr_ram;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (config->ram[mid].range.end > addr)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

uint32_t tdxc_plan_node_at_(const struct tdxc_plan_config *config,
			    uint64_t addr)
{
	size_t i = ram_index_at(config, addr);

	return i < config->nr_ram ? config->ram[i].node : 0;
}

static void count_node(struct tdxc_plan_work *w, uint32_t *nr, uint32_t node,
		       uint64_t bytes)
{
	uint32_t i = 0;

	while (i < *nr && w->nodes[i].node != node)
		i++;
	if (i == TDXC_PLAN_MAX_NODES)
		return;
	if (i == *nr) {
		w->nodes[i].node = node;
		w->nodes[i].bytes = 0;
		(*nr)++;
	}
	w->nodes[i].bytes += bytes;
}

uint32_t tdxc_plan_span_node_(struct tdxc_plan_work *w, struct tdxc_range span)
{
	const struct tdxc_plan_config *config = w->config;
	uint32_t best = 0;
	uint32_t nr = 0;
	uint32_t i;
	size_t k;

	for (k = ram_index_at(config, span.start);
	     k < config->nr_ram && config->ram[k].range.start < span.end; k++)
		count_node(w, &nr, config->ram[k].node,
			   tdxc_plan_kept_in_(
				   w, tdxc_range_intersect(config->ram[k].range,
							   span)));
	for (i = 1; i < nr; i++) {
		if (w->nodes[i].bytes > w->nodes[best].bytes)
			best = i;
	}
	return nr ? w->nodes[best].node : 0;
}

void tdxc_plan_items_reset_(struct tdxc_plan_work *w)
{
	const struct tdxc_limits *limits = &w->config->limits;
	uint32_t nr = 0;
	uint32_t s;
	size_t i;

	tdxc_plan_hards_reset_(w);
	w->nr_pieces = 0;
	for (i = 0; i < w->nr_frags; i++) {
		const struct tdxc_plan_frag *f = &w->frags[i];

		if (w->nr_pieces != 0 &&
		    w->pieces[w->nr_pieces - 1].end == f->start) {
			w->pieces[w->nr_pieces - 1].end = f->end;
			continue;
		}
		w->pieces[w->nr_pieces].start = f->start;
		w->pieces[w->nr_pieces++].end = f->end;
	}
	for (s = 0; s < w->now.nr_spans; s++) {
		uint64_t gibs = tdxc_range_size(w->now.spans[s]) / TDXC_SIZE_1G;
		int level;

		for (level = 0; level < TDXC_PAMT_LEVELS; level++) {
			struct tdxc_plan_item item = {0};

			item.bytes = tdxc_plan_pamt_bytes(
				limits, (enum tdxc_pamt_level)level, gibs);
			item.span = s;
			item.level = (uint8_t)level;
			w->now.items[nr++] = item;
		}
	}
	w->now.nr_items = nr;
}

static bool joined(const struct tdxc_plan_hard *a,
		   const struct tdxc_plan_hard *b)
{
	return a && b && tdxc_plan_hard_gap_(a, b) == 0;
}

/* How many areas more the span needs with `at` reserved. */
static int64_t extra_groups(const struct tdxc_plan_work *w,
			    struct tdxc_range span, struct tdxc_range at)
{
	size_t i = tdxc_plan_first_hard_(w, at.start);
	const struct tdxc_plan_hard *prev = i ? &w->hards[i - 1] : NULL;
	const struct tdxc_plan_hard *next =
		i < w->nr_hards ? &w->hards[i] : NULL;
	struct tdxc_plan_hard h = {at.start, at.end, 0, 0};

	h.below = tdxc_plan_kept_below_(w, at.start);
	h.inside = tdxc_plan_kept_below_(w, at.end) - h.below;
	if (prev && prev->end <= span.start)
		prev = NULL;
	if (next && next->start >= span.end)
		next = NULL;
	return 1 - joined(prev, &h) - joined(&h, next) + joined(prev, next);
}

static bool cheap_to_recount(const struct tdxc_plan_work *w,
			     struct tdxc_range span)
{
	size_t hards = tdxc_plan_first_hard_(w, span.end) -
		       tdxc_plan_first_hard_(w, span.start) + 1;

	return hards * w->nr_pieces <= (1u << 20);
}

/* Effect of `at` on one span: RAM in use, and areas. */
static int64_t span_loses(struct tdxc_plan_work *w, uint32_t s,
			  struct tdxc_range at, int64_t *areas)
{
	struct tdxc_range span = w->now.spans[s];
	uint32_t limit = w->config->limits.max_reserved;
	int64_t groups = w->states[s].groups;
	int64_t extra = extra_groups(w, span, at);
	struct tdxc_plan_span_state after;
	size_t hard;

	if ((groups <= limit && groups + extra <= limit) ||
	    !cheap_to_recount(w, span)) {
		*areas += extra;
		return (int64_t)tdxc_plan_kept_in_(
			w, tdxc_range_intersect(span, at));
	}
	hard = tdxc_plan_hard_insert_(w, at);
	after = tdxc_plan_span_state_(w, span);
	tdxc_plan_hard_remove_(w, hard);
	*areas += (int64_t)(after.groups < limit ? after.groups : limit) -
		  (groups < limit ? groups : limit);
	return (int64_t)(w->states[s].memory - after.memory);
}

static struct price price_of(struct tdxc_plan_work *w, struct tdxc_range at,
			     uint32_t node)
{
	struct price p = {0, 0, 0, 0};
	uint32_t s;

	p.lost = -(int64_t)tdxc_plan_kept_in_(w, at);
	for (s = tdxc_plan_first_span_(w, at.start);
	     s < w->now.nr_spans && w->now.spans[s].start < at.end; s++)
		p.lost += span_loses(w, s, at, &p.areas);
	p.far = tdxc_plan_node_at_(w->config, at.start) != node;
	p.low = at.start < BELOW_4G;
	return p;
}

static int price_compare(const struct price *a, const struct price *b)
{
	if (a->lost != b->lost)
		return a->lost < b->lost ? -1 : 1;
	if (a->areas != b->areas)
		return a->areas < b->areas ? -1 : 1;
	if (a->far != b->far)
		return a->far < b->far ? -1 : 1;
	return (a->low > b->low) - (a->low < b->low);
}

/* Good enough to end the search among very many pieces of RAM: no place can
 * lose less, and only one that joins areas needs fewer of them. Node and
 * height count only while they cost little time. */
static bool is_good_enough(const struct tdxc_plan_work *w,
			   const struct price *p, uint64_t bytes,
			   uint32_t tries)
{
	int64_t least = w->now.score.lost != 0 ? -(int64_t)bytes : 0;

	return w->nr_pieces > TDXC_PLAN_MANY_PIECES && p->lost <= least &&
	       p->areas <= 0 &&
	       (p->far + p->low == 0 || tries > TDXC_PLAN_MANY_PIECES);
}

/* Among equals the highest address wins: low memory is scarcer. */
static struct candidate best_place(struct tdxc_plan_work *w, uint64_t bytes,
				   uint32_t node)
{
	struct candidate best = {{0, 0, 0, 0}, {0, 0}, 0, false};
	uint32_t tries = 0;
	struct tdxc_plan_spot spot;
	struct tdxc_range at;

	tdxc_plan_spot_init_(w, &spot);
	while (tdxc_plan_spot_next_(w, bytes, &spot, &at)) {
		struct price p = price_of(w, at, node);

		if (!best.found || price_compare(&p, &best.price) < 0) {
			best.price = p;
			best.at = at;
			best.piece = spot.left - 1;
			best.found = true;
		}
		if (is_good_enough(w, &best.price, bytes, tries++))
			break;
	}
	return best;
}

static void refresh_states(struct tdxc_plan_work *w, struct tdxc_range at)
{
	uint32_t s;

	for (s = tdxc_plan_first_span_(w, at.start);
	     s < w->now.nr_spans && w->now.spans[s].start < at.end; s++)
		w->states[s] = tdxc_plan_span_state_(w, w->now.spans[s]);
}

static void commit(struct tdxc_plan_work *w, const struct candidate *c,
		   struct tdxc_plan_undo *undo)
{
	tdxc_plan_put_(w, c->piece, c->at, undo);
	refresh_states(w, c->at);
}

static void revert(struct tdxc_plan_work *w, const struct tdxc_range at,
		   const struct tdxc_plan_undo *undo)
{
	tdxc_plan_take_back_(w, undo);
	refresh_states(w, at);
}

/* The three regions side by side, 4K lowest. */
static void assign_together(struct tdxc_plan_item *items, uint64_t at)
{
	uint32_t level;

	for (level = 0; level < TDXC_PAMT_LEVELS; level++) {
		items[level].at.start = at;
		at += items[level].bytes;
		items[level].at.end = at;
	}
}

/* Each region on its own; true when all three found room, and then `sum` is
 * what they cost. The undo records are for taking them back in reverse. */
static bool place_apart(struct tdxc_plan_work *w, struct tdxc_plan_item *items,
			uint32_t node, struct price *sum,
			struct tdxc_plan_undo *undo)
{
	uint32_t level;

	for (level = 0; level < TDXC_PAMT_LEVELS; level++) {
		struct candidate c = best_place(w, items[level].bytes, node);

		if (!c.found)
			break;
		commit(w, &c, &undo[level]);
		items[level].at = c.at;
		sum->lost += c.price.lost;
		sum->areas += c.price.areas;
		sum->far += c.price.far;
		sum->low += c.price.low;
	}
	if (level == TDXC_PAMT_LEVELS)
		return true;
	while (level-- > 0)
		revert(w, items[level].at, &undo[level]);
	return false;
}

static bool is_free(const struct price *p)
{
	return p->lost <= 0 && p->areas <= 0;
}

static void take_all_back(struct tdxc_plan_work *w,
			  const struct tdxc_plan_item *items,
			  const struct tdxc_plan_undo *undo)
{
	uint32_t level = TDXC_PAMT_LEVELS;

	while (level-- > 0)
		revert(w, items[level].at, &undo[level]);
}

static void assign_nowhere(struct tdxc_plan_item *items)
{
	const struct tdxc_range nowhere = {0, 0};
	uint32_t level;

	for (level = 0; level < TDXC_PAMT_LEVELS; level++)
		items[level].at = nowhere;
}

/* Room for one TDMR's PAMT. Apart is worth a try where RAM is lost, because
 * small regions may fill some of it. With `optional` only a place that costs
 * nothing is taken, and finding none is no failure. */
static bool place_pamt(struct tdxc_plan_work *w, uint32_t s, bool optional)
{
	struct tdxc_plan_item *items =
		&w->now.items[(size_t)TDXC_PAMT_LEVELS * s];
	uint32_t node = tdxc_plan_span_node_(w, w->now.spans[s]);
	struct tdxc_plan_undo undo[TDXC_PAMT_LEVELS];
	struct price apart = {0, 0, 0, 0};
	struct candidate whole = best_place(
		w, items[0].bytes + items[1].bytes + items[2].bytes, node);
	bool fits_apart = false;

	if (!whole.found || !is_free(&whole.price) || w->now.score.lost != 0)
		fits_apart = place_apart(w, items, node, &apart, undo);
	if (fits_apart &&
	    (!whole.found || price_compare(&apart, &whole.price) < 0)) {
		if (!optional || is_free(&apart))
			return true;
		take_all_back(w, items, undo);
		assign_nowhere(items);
		return true;
	}
	if (fits_apart)
		take_all_back(w, items, undo);
	if (!whole.found || (optional && !is_free(&whole.price))) {
		assign_nowhere(items);
		return optional;
	}
	commit(w, &whole, undo);
	assign_together(items, whole.at.start);
	return true;
}

/* Spans by size, smallest first, as ranges {GiBs, index}. */
static void order_by_size(struct tdxc_plan_work *w)
{
	uint32_t s;

	for (s = 0; s < w->now.nr_spans; s++) {
		w->areas[s].start = tdxc_range_size(w->now.spans[s]);
		w->areas[s].end = s;
	}
	tdxc_range_sort(w->areas, w->now.nr_spans);
}

bool tdxc_plan_place_greedy_(struct tdxc_plan_work *w, bool optional)
{
	uint32_t s;

	tdxc_plan_items_reset_(w);
	tdxc_plan_evaluate_(w, &w->now.score);
	for (s = 0; s < w->now.nr_spans; s++)
		w->states[s] = tdxc_plan_span_state_(w, w->now.spans[s]);
	order_by_size(w);
	for (s = w->now.nr_spans; s-- > 0;) {
		if (!place_pamt(w, (uint32_t)w->areas[s].end, optional))
			return false;
	}
	return true;
}
