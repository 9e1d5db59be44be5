/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * From the caller's configuration to the lists of plan_work.h: refuse what is
 * malformed, carve the scratch memory, cut RAM to what could be TDX memory,
 * and cut that into blocks of whole GiBs.
 */
#include "plan_work.h"

/* Counts beyond this make no sense and would overflow the sizes below. */
#define MAX_RANGES (1u << 26)

static int refuse(struct tdxc_plan_fault *fault, enum tdxc_plan_fault_kind kind,
		  size_t index, struct tdxc_range range)
{
	fault->kind = kind;
	fault->index = index;
	fault->range = range;
	return kind == TDXC_PLAN_FAULT_CMR_WIDTH ||
			       kind == TDXC_PLAN_FAULT_RAM_WIDTH
		       ? TDXC_E_RANGE
		       : TDXC_E_INVAL;
}

static bool outside(uint32_t value, uint32_t min, uint32_t max)
{
	return value < min || value > max;
}

/* Index of the first limit outside its range, in order of the structure; the
 * number of limits when all are fine. */
static size_t first_bad_limit(const struct tdxc_limits *l)
{
	const bool bad[] = {
		outside(l->max_tdmrs, 1, 65535),
		outside(l->max_reserved, 1, 65535),
		outside(l->pamt_entry_size[TDXC_PAMT_4K], 1, 4096),
		outside(l->pamt_entry_size[TDXC_PAMT_2M], 1, 4096),
		outside(l->pamt_entry_size[TDXC_PAMT_1G], 1, 4096),
		outside(l->pamt_bitmap_bits, 0, 64),
		outside(l->pa_bits, 32, 63),
	};
	size_t i = 0;

	while (i < sizeof(bad) / sizeof(bad[0]) && !bad[i])
		i++;
	return i;
}

#define NR_LIMITS 7u

bool tdxc_plan_counts_ok_(const struct tdxc_plan_config *config)
{
	return first_bad_limit(&config->limits) == NR_LIMITS &&
	       config->nr_cmrs <= MAX_RANGES && config->nr_ram <= MAX_RANGES;
}

static int validate_cmrs(const struct tdxc_plan_config *config,
			 struct tdxc_plan_fault *fault)
{
	uint64_t pa_end = 1ull << config->limits.pa_bits;
	uint64_t prev_end = 0;
	size_t i;

	for (i = 0; i < config->nr_cmrs; i++) {
		struct tdxc_range r = config->cmrs[i];

		if (tdxc_range_is_empty(r) || r.start < prev_end ||
		    ((r.start | r.end) & (TDXC_PAGE_SIZE - 1)) != 0)
			return refuse(fault, TDXC_PLAN_FAULT_CMR, i, r);
		if (r.end > pa_end)
			return refuse(fault, TDXC_PLAN_FAULT_CMR_WIDTH, i, r);
		prev_end = r.end;
	}
	return TDXC_OK;
}

static int validate_ram(const struct tdxc_plan_config *config,
			struct tdxc_plan_fault *fault)
{
	uint64_t pa_end = 1ull << config->limits.pa_bits;
	uint64_t prev_end = 0;
	size_t i;

	for (i = 0; i < config->nr_ram; i++) {
		struct tdxc_range r = config->ram[i].range;

		if (tdxc_range_is_empty(r) || r.start < prev_end)
			return refuse(fault, TDXC_PLAN_FAULT_RAM, i, r);
		if (r.end > pa_end)
			return refuse(fault, TDXC_PLAN_FAULT_RAM_WIDTH, i, r);
		prev_end = r.end;
	}
	return TDXC_OK;
}

int tdxc_plan_validate_(const struct tdxc_plan_config *config,
			struct tdxc_plan_fault *fault)
{
	const uint32_t known = TDXC_PLAN_ECONOMY | TDXC_PLAN_CALLER_PLACES;
	const struct tdxc_range nowhere = {0, 0};
	int err;

	if (config->abi != TDXC_ABI)
		return refuse(fault, TDXC_PLAN_FAULT_ABI, config->abi, nowhere);
	if ((config->flags & ~known) != 0)
		return refuse(fault, TDXC_PLAN_FAULT_FLAGS, config->flags,
			      nowhere);
	if (first_bad_limit(&config->limits) < NR_LIMITS)
		return refuse(fault, TDXC_PLAN_FAULT_LIMITS,
			      first_bad_limit(&config->limits), nowhere);
	if (config->nr_cmrs > MAX_RANGES)
		return refuse(fault, TDXC_PLAN_FAULT_CMR, MAX_RANGES, nowhere);
	if (config->nr_ram > MAX_RANGES)
		return refuse(fault, TDXC_PLAN_FAULT_RAM, MAX_RANGES, nowhere);
	err = validate_cmrs(config, fault);
	if (err == TDXC_OK)
		err = validate_ram(config, fault);
	return err;
}

static size_t min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Hands out the scratch memory in order; with base NULL it only adds up. */
struct carver {
	char *base;
	size_t used;
};

static void *carve(struct carver *c, size_t count, size_t bytes)
{
	void *at = c->base ? c->base + c->used : NULL;

	c->used += (count * bytes + 7) & ~(size_t)7;
	return at;
}

static void carve_layout(struct carver *c, struct tdxc_plan_layout *layout,
			 size_t spans)
{
	layout->spans = carve(c, spans, sizeof(*layout->spans));
	layout->items =
		carve(c, TDXC_PAMT_LEVELS * spans, sizeof(*layout->items));
}

static size_t dp_cells(const struct tdxc_plan_work *w)
{
	return ((size_t)w->dp_spans + 1) * (w->dp_blocks + 1);
}

size_t tdxc_plan_carve_(const struct tdxc_plan_config *config,
			struct tdxc_plan_work *w)
{
	struct carver c = {(char *)w, 0};
	size_t n = config->nr_ram;
	size_t cmrs = config->nr_cmrs;
	/* TDXC_PLAN_ECONOMY can cut each fragment at two GiB borders. */
	size_t cuts = (config->flags & TDXC_PLAN_ECONOMY) ? 2 * (n + cmrs) : 0;
	size_t frags = n + cmrs + cuts;
	size_t max_tdmrs = config->limits.max_tdmrs;
	/* At most three per fragment (head, whole GiBs, tail), and room to cut
	 * large ones into as many as there can be TDMRs. */
	size_t blocks = 3 * frags + min_size(max_tdmrs, 4096) + 16;
	size_t spans = min_size(max_tdmrs, blocks);
	size_t items = TDXC_PAMT_LEVELS * spans;
	size_t hards = cmrs + 2 + items;
	/* Every cut of a RAM range is an edge of one of these. */
	size_t ram_pieces = n + cuts + 2 * cmrs + 2 * items + 2 * spans + 2;
	struct tdxc_plan_work sizes = {0};

	(void)carve(&c, 1, sizeof(*w));
	sizes.frags = carve(&c, frags, sizeof(*sizes.frags));
	sizes.hards = carve(&c, hards, sizeof(*sizes.hards));
	sizes.holes = carve(&c, cmrs + 2, sizeof(*sizes.holes));
	sizes.pieces = carve(&c, frags + items, sizeof(*sizes.pieces));
	sizes.blocks = carve(&c, blocks, sizeof(*sizes.blocks));
	sizes.max_blocks = blocks;
	sizes.max_spans = (uint32_t)spans;
	sizes.dp_blocks = min_size(blocks, TDXC_PLAN_MAX_BLOCKS);
	sizes.dp_spans = (uint32_t)min_size(spans, sizes.dp_blocks);
	sizes.cells = carve(&c, dp_cells(&sizes), sizeof(*sizes.cells));
	sizes.heap =
		carve(&c, hards + TDXC_PLAN_COARSE_GAPS, sizeof(*sizes.heap));
	carve_layout(&c, &sizes.now, spans);
	carve_layout(&c, &sizes.best, spans);
	sizes.frames = carve(&c, min_size(items, TDXC_PLAN_MAX_DEPTH),
			     sizeof(*sizes.frames));
	sizes.states = carve(&c, spans, sizeof(*sizes.states));
	sizes.tdmrs = carve(&c, spans, sizeof(*sizes.tdmrs));
	sizes.memory = carve(&c, ram_pieces, sizeof(*sizes.memory));
	sizes.excluded = carve(&c, ram_pieces, sizeof(*sizes.excluded));
	sizes.areas = carve(&c, hards + spans, sizeof(*sizes.areas));
	sizes.nodes = carve(&c, TDXC_PLAN_MAX_NODES, sizeof(*sizes.nodes));
	if (w) {
		sizes.config = config;
		*w = sizes;
	}
	return c.used;
}

static struct tdxc_range above_legacy(struct tdxc_range r)
{
	if (r.start < TDXC_PLAN_LEGACY_END)
		r.start = TDXC_PLAN_LEGACY_END;
	return r;
}

static void push_frag(struct tdxc_plan_work *w, struct tdxc_range r, bool keep)
{
	struct tdxc_plan_frag *last =
		w->nr_frags ? &w->frags[w->nr_frags - 1] : NULL;

	if (last && last->end == r.start && last->keep == keep) {
		last->end = r.end;
	} else {
		struct tdxc_plan_frag f = {r.start, r.end, w->kept, keep};

		w->frags[w->nr_frags++] = f;
	}
	if (keep)
		w->kept += tdxc_range_size(r);
}

/* RAM that is convertible, at or above 1 MiB, in whole pages. */
static void intersect_ram_with_cmrs(struct tdxc_plan_work *w)
{
	const struct tdxc_plan_config *config = w->config;
	size_t i = 0;
	size_t j = 0;

	while (i < config->nr_ram && j < config->nr_cmrs) {
		struct tdxc_range ram = above_legacy(
			tdxc_range_trim(config->ram[i].range, TDXC_PAGE_SIZE));
		struct tdxc_range both =
			tdxc_range_intersect(ram, config->cmrs[j]);

		if (!tdxc_range_is_empty(both))
			push_frag(w, both, true);
		if (config->ram[i].range.end <= config->cmrs[j].end)
			i++;
		else
			j++;
	}
}

static void push_hole(struct tdxc_plan_work *w, uint64_t start, uint64_t end)
{
	struct tdxc_plan_hard h = {start, end, 0, 0};

	if (start < end)
		w->holes[w->nr_holes++] = h;
}

/* What is not convertible. The first MiB never is (linux-host-tdx.md 4). */
static void find_holes(struct tdxc_plan_work *w)
{
	uint64_t end = 0;
	size_t i;

	for (i = 0; i < w->config->nr_cmrs; i++) {
		struct tdxc_range r = above_legacy(w->config->cmrs[i]);

		if (tdxc_range_is_empty(r))
			continue;
		push_hole(w, end, r.start);
		end = r.end;
	}
	push_hole(w, end, 1ull << w->config->limits.pa_bits);
	for (i = 0; i < w->nr_holes; i++)
		w->holes[i].below = tdxc_plan_kept_below_(w, w->holes[i].start);
	tdxc_plan_hards_reset_(w);
}

static uint64_t round_down_gib(uint64_t addr)
{
	return addr & ~(TDXC_SIZE_1G - 1);
}

static uint64_t round_up_gib(uint64_t addr)
{
	return round_down_gib(addr + TDXC_SIZE_1G - 1);
}

/* RAM of the GiB at `gib`; the list is `pieces`, before any economy. */
static uint64_t gib_ram(const struct tdxc_plan_work *w, uint64_t gib)
{
	struct tdxc_range g = {gib, gib + TDXC_SIZE_1G};
	uint64_t bytes = 0;
	size_t i;

	for (i = tdxc_range_find(w->pieces, w->nr_pieces, gib);
	     i < w->nr_pieces && w->pieces[i].start < g.end; i++)
		bytes += tdxc_range_size(tdxc_range_intersect(w->pieces[i], g));
	return bytes;
}

/* Alone, a GiB pays for whole pages; beside another one it only adds entries.
 */
static bool gib_pays(const struct tdxc_plan_work *w, uint64_t gib, uint64_t ram)
{
	struct tdxc_range one = {0, TDXC_SIZE_1G};
	struct tdxc_range two = {0, 2 * TDXC_SIZE_1G};
	uint64_t alone = tdxc_plan_span_pamt_(w, one);
	bool neighbour = gib_ram(w, gib + TDXC_SIZE_1G) != 0 ||
			 (gib != 0 && gib_ram(w, gib - TDXC_SIZE_1G) != 0);

	return ram >=
	       (neighbour ? tdxc_plan_span_pamt_(w, two) - alone : alone);
}

/* Cut one fragment at the borders of the GiBs it shares with others. */
static void push_economic(struct tdxc_plan_work *w, struct tdxc_range r,
			  uint64_t *gib, bool *keep)
{
	while (r.start < r.end) {
		struct tdxc_range part = r;
		uint64_t at = round_down_gib(r.start);
		uint64_t whole_end = round_down_gib(r.end);

		if (r.start == at && whole_end > at) {
			part.end = whole_end;
			push_frag(w, part, gib_pays(w, at, TDXC_SIZE_1G));
		} else {
			if (at != *gib)
				*keep = gib_pays(w, at, gib_ram(w, at));
			*gib = at;
			if (part.end > at + TDXC_SIZE_1G)
				part.end = at + TDXC_SIZE_1G;
			push_frag(w, part, *keep);
		}
		r.start = part.end;
	}
}

static void leave_out_uneconomic(struct tdxc_plan_work *w)
{
	uint64_t gib = UINT64_MAX;
	bool keep = true;
	size_t i;

	for (i = 0; i < w->nr_frags; i++) {
		w->pieces[i].start = w->frags[i].start;
		w->pieces[i].end = w->frags[i].end;
	}
	w->nr_pieces = (uint32_t)w->nr_frags;
	w->nr_frags = 0;
	w->kept = 0;
	for (i = 0; i < w->nr_pieces; i++)
		push_economic(w, w->pieces[i], &gib, &keep);
}

void tdxc_plan_read_memory_(struct tdxc_plan_work *w)
{
	w->nr_frags = 0;
	w->nr_holes = 0;
	w->kept = 0;
	intersect_ram_with_cmrs(w);
	if (w->config->flags & TDXC_PLAN_ECONOMY)
		leave_out_uneconomic(w);
	find_holes(w);
}

static void push_block(struct tdxc_plan_work *w, uint64_t start, uint64_t end,
		       uint64_t ram)
{
	struct tdxc_plan_block b = {start, end, ram, 0};

	if (w->nr_blocks != 0 && w->blocks[w->nr_blocks - 1].end > start)
		w->blocks[w->nr_blocks - 1].ram += ram;
	else
		w->blocks[w->nr_blocks++] = b;
}

/* Whole GiBs, in blocks of at most max_gibs while there is room for them. */
static void push_whole(struct tdxc_plan_work *w, uint64_t start, uint64_t end,
		       uint64_t max_gibs)
{
	while (start < end) {
		uint64_t next = end;

		if ((end - start) / TDXC_SIZE_1G > max_gibs &&
		    w->nr_blocks + 3 * w->nr_frags < w->max_blocks)
			next = start + max_gibs * TDXC_SIZE_1G;
		push_block(w, start, next, next - start);
		start = next;
	}
}

static void push_frag_blocks(struct tdxc_plan_work *w, uint64_t start,
			     uint64_t end, uint64_t max_gibs)
{
	uint64_t gib = round_down_gib(start);
	uint64_t whole = round_up_gib(start);
	uint64_t whole_end = round_down_gib(end);

	if (whole > end) {
		push_block(w, gib, gib + TDXC_SIZE_1G, end - start);
		return;
	}
	if (start < whole)
		push_block(w, gib, whole, whole - start);
	push_whole(w, whole, whole_end, max_gibs);
	if (whole_end < end)
		push_block(w, whole_end, whole_end + TDXC_SIZE_1G,
			   end - whole_end);
}

/* Every GiB from the first to the last is its own block, gaps included, so
 * that no partition is overlooked. */
static void single_gib_blocks(struct tdxc_plan_work *w)
{
	uint64_t gib = w->blocks[0].start;
	uint64_t end = w->blocks[w->nr_blocks - 1].end;

	for (w->nr_blocks = 0; gib < end; gib += TDXC_SIZE_1G) {
		struct tdxc_range r = {gib, gib + TDXC_SIZE_1G};

		push_block(w, r.start, r.end, tdxc_plan_kept_in_(w, r));
	}
}

void tdxc_plan_build_blocks_(struct tdxc_plan_work *w, uint64_t max_gibs)
{
	size_t i;

	w->nr_blocks = 0;
	w->coarse = false;
	for (i = 0; i < w->nr_frags; i++) {
		if (w->frags[i].keep)
			push_frag_blocks(w, w->frags[i].start, w->frags[i].end,
					 max_gibs);
	}
	w->small = w->nr_blocks != 0 &&
		   w->blocks[w->nr_blocks - 1].end - w->blocks[0].start <=
			   TDXC_PLAN_SMALL_GIBS * TDXC_SIZE_1G;
	if (w->small)
		single_gib_blocks(w);
}
