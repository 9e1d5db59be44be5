/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* One TDMR per RAM range: see baseline.h. */
#include "baseline.h"

#include <stdlib.h>
#include <string.h>

#define GIB  (1ull << 30)
#define PAGE 4096ull
#define MIB  (1ull << 20)

static uint64_t round_up(uint64_t value, uint64_t unit)
{
	return (value + unit - 1) / unit * unit;
}

void baseline_collect(struct baseline *b)
{
	size_t i;

	b->nr_usable = 0;
	for (i = 0; i < b->nr_ram; i++) {
		uint64_t start = round_up(b->ram[i].range.start, PAGE);
		uint64_t end = b->ram[i].range.end / PAGE * PAGE;

		if (start < MIB)
			start = MIB;
		if (start >= end)
			continue;
		b->usable[b->nr_usable].start = start;
		b->usable[b->nr_usable].end = end;
		b->usable_node[b->nr_usable++] = b->ram[i].node;
	}
}

static void baseline_size(struct baseline *b, struct baseline_tdmr *t)
{
	static const uint64_t page[] = {PAGE, 2 * MIB, GIB};
	uint64_t size = t->range.end - t->range.start;
	unsigned level;

	for (level = 0; level < TDXC_PAMT_LEVELS; level++) {
		uint64_t entries = size / page[level];
		uint64_t bytes = entries * b->limits->pamt_entry_size[level];

		if (level == TDXC_PAMT_4K && b->limits->pamt_bitmap_bits)
			bytes = round_up(entries * b->limits->pamt_bitmap_bits,
					 8) /
				8;
		t->pamt[level] = round_up(bytes, PAGE);
		b->pamt_bytes += t->pamt[level];
	}
}

/* 5.4: node of the first range that ends above the TDMR's base. */
static uint32_t baseline_node(const struct baseline *b, uint64_t base)
{
	size_t i;

	for (i = 0; i < b->nr_usable; i++)
		if (b->usable[i].end > base)
			return b->usable_node[i];
	return 0;
}

enum baseline_result baseline_cover(struct baseline *b)
{
	struct baseline_tdmr *t = NULL;
	uint32_t count = 0;
	size_t i;

	b->nr_tdmrs = 0;
	b->pamt_bytes = 0;
	for (i = 0; i < b->nr_usable; i++) {
		uint64_t start = b->usable[i].start / GIB * GIB;
		uint64_t end = round_up(b->usable[i].end, GIB);

		if (t && end <= t->range.end)
			continue;
		if (t && start < t->range.end)
			start = t->range.end;
		if (count == b->limits->max_tdmrs)
			return BASELINE_TOO_MANY_TDMRS;
		t = &b->tdmrs[count++];
		memset(t, 0, sizeof(*t));
		t->areas = &b->areas[(size_t)(count - 1) *
				     b->limits->max_reserved];
		t->range.start = start;
		t->range.end = end;
	}
	if (!count)
		return BASELINE_EMPTY;
	b->nr_tdmrs = count;
	b->warned = b->limits->max_tdmrs - count < 4;
	for (i = 0; i < count; i++) {
		baseline_size(b, &b->tdmrs[i]);
		b->tdmrs[i].node = baseline_node(b, b->tdmrs[i].range.start);
	}
	return BASELINE_OK;
}

/* Lowest place at or above `at` that avoids all chunks placed so far. */
static uint64_t baseline_avoid(const struct baseline *b, uint64_t at,
			       uint64_t bytes)
{
	uint32_t i = 0;

	while (i < b->nr_tdmrs) {
		struct tdxc_range c = b->tdmrs[i].chunk;

		if (c.start < at + bytes && at < c.end) {
			at = c.end;
			i = 0;
		} else {
			i++;
		}
	}
	return at;
}

/* RAM the chunk of a TDMR may come from. */
enum from { OWN_TDMR, OWN_NODE, ANYWHERE };

static struct tdxc_range baseline_source(const struct baseline *b, size_t i,
					 const struct baseline_tdmr *t,
					 enum from from)
{
	struct tdxc_range r = b->usable[i];

	if (from == OWN_NODE && b->usable_node[i] != t->node)
		r.end = r.start;
	if (from == OWN_TDMR && r.start < t->range.start)
		r.start = t->range.start;
	if (from == OWN_TDMR && r.end > t->range.end)
		r.end = t->range.end;
	return r;
}

static bool baseline_place_one(struct baseline *b, struct baseline_tdmr *t,
			       enum from from)
{
	uint64_t bytes = t->pamt[0] + t->pamt[1] + t->pamt[2];
	size_t i;

	for (i = 0; i < b->nr_usable; i++) {
		struct tdxc_range r = baseline_source(b, i, t, from);
		uint64_t at;

		if (r.start >= r.end || r.end - r.start < bytes)
			continue;
		at = baseline_avoid(b, r.start, bytes);
		if (at < r.end && r.end - at >= bytes) {
			t->chunk.start = at;
			t->chunk.end = at + bytes;
			return true;
		}
	}
	return false;
}

enum baseline_result baseline_place(struct baseline *b)
{
	uint32_t i;

	for (i = 0; i < b->nr_tdmrs; i++)
		if (!baseline_place_one(b, &b->tdmrs[i], OWN_TDMR) &&
		    !baseline_place_one(b, &b->tdmrs[i], OWN_NODE) &&
		    !baseline_place_one(b, &b->tdmrs[i], ANYWHERE)) {
			b->bad_tdmr = i;
			return BASELINE_NO_ROOM_FOR_PAMT;
		}
	return BASELINE_OK;
}

static bool baseline_area(const struct baseline *b, struct baseline_tdmr *t,
			  uint64_t start, uint64_t end)
{
	if (t->nr_areas == b->limits->max_reserved)
		return false;
	t->areas[t->nr_areas].offset = start - t->range.start;
	t->areas[t->nr_areas++].size = end - start;
	return true;
}

static bool baseline_holes(struct baseline *b, struct baseline_tdmr *t)
{
	uint64_t prev = t->range.start;
	size_t i;

	for (i = 0; i < b->nr_usable; i++) {
		struct tdxc_range r = b->usable[i];

		if (r.start >= t->range.end)
			break;
		if (r.end < t->range.start)
			continue;
		if (r.start > prev && !baseline_area(b, t, prev, r.start))
			return false;
		prev = r.end;
	}
	if (prev < t->range.end && !baseline_area(b, t, prev, t->range.end))
		return false;
	t->nr_holes = t->nr_areas;
	return true;
}

static bool baseline_chunks(struct baseline *b, struct baseline_tdmr *t)
{
	uint32_t i;

	for (i = 0; i < b->nr_tdmrs; i++) {
		struct tdxc_range c = b->tdmrs[i].chunk;

		if (c.start < t->range.start)
			c.start = t->range.start;
		if (c.end > t->range.end)
			c.end = t->range.end;
		if (c.start < c.end && !baseline_area(b, t, c.start, c.end))
			return false;
	}
	return true;
}

static int baseline_compare(const void *a, const void *b)
{
	const struct tdxc_tdmr_reserved *x = a;
	const struct tdxc_tdmr_reserved *y = b;

	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

enum baseline_result baseline_reserve(struct baseline *b)
{
	uint32_t i;

	b->max_areas = 0;
	for (i = 0; i < b->nr_tdmrs; i++) {
		struct baseline_tdmr *t = &b->tdmrs[i];

		t->nr_areas = 0;
		if (!baseline_holes(b, t) || !baseline_chunks(b, t)) {
			b->bad_tdmr = i;
			return BASELINE_TOO_MANY_AREAS;
		}
		qsort(t->areas, t->nr_areas, sizeof(*t->areas),
		      baseline_compare);
		if (t->nr_areas > b->max_areas)
			b->max_areas = t->nr_areas;
	}
	return BASELINE_OK;
}

enum baseline_result baseline_run(struct baseline *b)
{
	enum baseline_result result;

	baseline_collect(b);
	result = baseline_cover(b);
	if (result == BASELINE_OK)
		result = baseline_place(b);
	if (result == BASELINE_OK)
		result = baseline_reserve(b);
	return result;
}

void baseline_alloc(struct baseline *b, const struct tdxc_limits *limits,
		    const struct tdxc_plan_ram *ram, size_t nr_ram)
{
	memset(b, 0, sizeof(*b));
	b->limits = limits;
	b->ram = ram;
	b->nr_ram = nr_ram;
	b->usable = calloc(nr_ram + 1, sizeof(*b->usable));
	b->usable_node = calloc(nr_ram + 1, sizeof(*b->usable_node));
	b->tdmrs = calloc(limits->max_tdmrs, sizeof(*b->tdmrs));
	b->areas = calloc((size_t)limits->max_tdmrs * limits->max_reserved,
			  sizeof(*b->areas));
	if (!b->usable || !b->usable_node || !b->tdmrs || !b->areas)
		abort();
}

void baseline_free(struct baseline *b)
{
	free(b->usable);
	free(b->usable_node);
	free(b->tdmrs);
	free(b->areas);
	memset(b, 0, sizeof(*b));
}
