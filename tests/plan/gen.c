/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Random machines: see gen.h. */
#include "gen.h"

#include <string.h>

#define PAGE 4096ull
#define MIB  (1ull << 20)
#define GIB  (1ull << 30)

static uint64_t pick(struct rnd *r, const uint64_t *from, size_t n)
{
	return from[rnd_below(r, n)];
}

#define PICK(r, ...)                                                           \
	pick((r), (const uint64_t[]){__VA_ARGS__},                             \
	     sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))

/* 2^lo .. 2^hi bytes, every magnitude as likely as the other. */
static uint64_t magnitude(struct rnd *r, unsigned lo, unsigned hi)
{
	unsigned bit = lo + (unsigned)rnd_below(r, hi - lo + 1);

	return (1ull << bit) + rnd_below(r, 1ull << bit);
}

static void gen_entries(struct plan_case *c, struct rnd *r)
{
	struct tdxc_limits *l = &c->config.limits;

	if (rnd_one_in(r, 3))
		l->pamt_bitmap_bits = (uint32_t)PICK(r, 1, 1, 1, 2, 4, 3);
	if (!rnd_one_in(r, 4))
		return;
	l->pamt_entry_size[0] = (uint32_t)PICK(r, 16, 24, 8, 4, 1, 32, 17);
	l->pamt_entry_size[1] = (uint32_t)PICK(r, 16, 24, 8, 4, 1, 40, 2048);
	l->pamt_entry_size[2] = (uint32_t)PICK(r, 16, 24, 8, 4, 1, 4096);
}

/* ---- anything ------------------------------------------------------- */

static uint64_t any_gap(struct rnd *r)
{
	switch (rnd_below(r, 6)) {
	case 0:
		return 0;
	case 1:
		return PAGE * (1 + rnd_below(r, 4));
	case 2:
		return rnd_below(r, PAGE); /* not even a page */
	case 3:
		return magnitude(r, 30, 38);
	default:
		return magnitude(r, 12, 30);
	}
}

static uint64_t any_size(struct rnd *r, bool big)
{
	switch (rnd_below(r, 5)) {
	case 0:
		return PAGE * (1 + rnd_below(r, 16));
	case 1:
		return 4 * MIB + PAGE * rnd_below(r, 8);
	case 2:
		return 1 + magnitude(r, 4, 20);
	default:
		return big ? magnitude(r, 28, 38) : magnitude(r, 12, 31);
	}
}

static void any_ram(struct plan_case *c, struct rnd *r)
{
	size_t n = (size_t)PICK(r, 1, 2, 3, 5, 8, 13, 20, 40);
	uint64_t align = PICK(r, PAGE, PAGE, PAGE, MIB, GIB, 1);
	uint32_t nodes = 1 + (uint32_t)rnd_below(r, 4);
	bool big = rnd_one_in(r, 2);
	uint64_t at = PICK(r, 0, 0, 0x1000, MIB, 4 * GIB, 77 * GIB);
	uint32_t node = 0;
	size_t i;

	for (i = 0; i < n; i++) {
		uint64_t size = any_size(r, big) / align * align;

		at += any_gap(r) / align * align;
		if (!size)
			size = align;
		case_ram(c, at, at + size, node);
		at += size;
		if (rnd_one_in(r, 3))
			node = (uint32_t)rnd_below(r, nodes);
	}
}

/* Make some of the gaps convertible, by joining CMRs over them. */
static void gen_bridge(struct plan_case *c, struct rnd *r, uint64_t one_in)
{
	size_t n = 0;
	size_t i;

	for (i = 0; i < c->config.nr_cmrs; i++)
		if (n && rnd_one_in(r, one_in))
			c->cmrs[n - 1].end = c->cmrs[i].end;
		else
			c->cmrs[n++] = c->cmrs[i];
	c->config.nr_cmrs = n;
}

/* Take convertible memory away: whole CMRs, or their edges, or a middle. */
static void gen_shrink(struct plan_case *c, struct rnd *r)
{
	size_t i = rnd_below(r, c->config.nr_cmrs);
	struct tdxc_range *m = &c->cmrs[i];
	uint64_t size = (m->end - m->start) / PAGE;
	uint64_t cut = size > 1 ? 1 + rnd_below(r, size - 1) : 0;

	if (!cut || rnd_one_in(r, 4)) {
		memmove(m, m + 1, (c->config.nr_cmrs - i - 1) * sizeof(*m));
		c->config.nr_cmrs--;
	} else if (rnd_one_in(r, 2)) {
		m->end -= cut * PAGE;
	} else {
		m->start += cut * PAGE;
	}
}

static void gen_cmrs(struct plan_case *c, struct rnd *r)
{
	uint64_t bridge = PICK(r, 0, 0, 1, 2, 2, 4);

	case_cmr_is_ram(c);
	if (bridge)
		gen_bridge(c, r, bridge);
	while (rnd_one_in(r, 6) && c->config.nr_cmrs)
		gen_shrink(c, r);
	if (rnd_one_in(r, 8) && c->config.nr_cmrs &&
	    c->cmrs[0].start == TDXC_PLAN_LEGACY_END)
		c->cmrs[0].start = PICK(r, 0, 0x1000, 0x9f000);
}

void gen_any(struct plan_case *c, struct rnd *r)
{
	case_init(c);
	c->config.limits.max_tdmrs =
		(uint32_t)PICK(r, 64, 64, 64, 8, 4, 3, 2, 1);
	c->config.limits.max_reserved =
		(uint32_t)PICK(r, 16, 16, 16, 8, 4, 3, 2, 1);
	gen_entries(c, r);
	if (rnd_one_in(r, 8))
		c->config.flags |= TDXC_PLAN_ECONOMY;
	any_ram(c, r);
	gen_cmrs(c, r);
}

void gen_many(struct plan_case *c, struct rnd *r)
{
	uint64_t gap = PICK(r, 128 * MIB, 1536 * MIB);
	size_t n = 20 + (size_t)rnd_below(r, 170);
	uint64_t at = 4 * GIB;

	case_init(c);
	c->config.limits.max_tdmrs = 64u << rnd_below(r, 4);
	c->config.limits.max_reserved = 1 + (uint32_t)rnd_below(r, 16);
	while (n--) {
		uint64_t size = rnd_below(r, PICK(r, 4 * GIB, 128 * MIB));

		size = (size & -PAGE) + PAGE;
		at += (rnd_below(r, gap) & -PAGE) + PAGE;
		case_ram(c, at, at + size, 0);
		at += size;
	}
	case_ram(c, at + MIB, at + 4 * GIB, 0);
	case_cmr_is_ram(c);
}

/* ---- small ---------------------------------------------------------- */

static uint64_t pamt_part(const struct tdxc_limits *l, unsigned level,
			  uint64_t gibs)
{
	static const uint64_t per_gib[] = {262144, 512, 1};
	uint64_t bits = gibs * per_gib[level] * 8 * l->pamt_entry_size[level];

	if (level == 0 && l->pamt_bitmap_bits)
		bits = gibs * per_gib[0] * l->pamt_bitmap_bits;
	return (bits + 32767) / 32768 * PAGE;
}

/* The size of one or a few PAMT regions, give or take a page. */
static uint64_t small_near_pamt(const struct tdxc_limits *l, struct rnd *r)
{
	uint64_t sum = 0;

	do {
		uint64_t gibs = PICK(r, 1, 1, 1, 1, 2, 2, 3);

		switch (rnd_below(r, 6)) {
		case 0:
			sum += pamt_part(l, 0, gibs) + pamt_part(l, 1, gibs) +
			       pamt_part(l, 2, gibs);
			break;
		case 1:
			sum += pamt_part(l, 1, gibs) + pamt_part(l, 2, gibs);
			break;
		case 2:
		case 3:
			sum += pamt_part(l, 0, gibs);
			break;
		default:
			sum += pamt_part(l, (unsigned)rnd_below(r, 3), gibs);
		}
	} while (rnd_one_in(r, 4));
	switch (rnd_below(r, 8)) {
	case 0:
		return sum + PAGE;
	case 1:
		return sum > PAGE ? sum - PAGE : sum;
	case 2:
		return sum + PAGE * rnd_below(r, 20);
	default:
		return sum;
	}
}

static uint64_t small_size(const struct tdxc_limits *l, struct rnd *r)
{
	switch (rnd_below(r, 9)) {
	case 0:
		return PAGE * (1 + rnd_below(r, 6));
	case 1:
		return magnitude(r, 12, 22) & -PAGE;
	case 2:
		return magnitude(r, 22, 29) & -PAGE;
	case 3:
		return GIB * (1 + rnd_below(r, 2)) +
		       (rnd_one_in(r, 2) ? magnitude(r, 12, 28) & -PAGE : 0);
	default:
		return small_near_pamt(l, r);
	}
}

/* Where the next fragment starts, given its size. */
static uint64_t small_start(struct rnd *r, uint64_t at, uint64_t size)
{
	uint64_t border = (at + GIB - 1) & -GIB;
	uint64_t into = size > PAGE ? rnd_below(r, size / PAGE) * PAGE : 0;

	switch (rnd_below(r, 8)) {
	case 0: /* up to the border */
		return border - at >= size ? border - size : border;
	case 1: /* over the border */
		return border >= at + into ? border - into : at + PAGE;
	case 2:
		return border;
	case 3:
		return border + (magnitude(r, 12, 29) & -PAGE);
	case 4:
		return at + (magnitude(r, 20, 28) & -PAGE);
	default:
		return at + PAGE * (1 + rnd_below(r, 3));
	}
}

/* With `scarce`, RAM is little more than what PAMTs need. */
static void small_ram(struct plan_case *c, struct rnd *r, bool scarce)
{
	uint64_t base = PICK(r, 0, 0, 1, 4) * GIB;
	uint64_t gibs = 1 + rnd_below(r, 6);
	uint64_t at = base ? base : MIB - PAGE;
	size_t n = 1 + (size_t)rnd_below(r, 8);
	size_t i;

	for (i = 0; i < n; i++) {
		uint64_t size = scarce && !rnd_one_in(r, 8)
					? small_near_pamt(&c->config.limits, r)
					: small_size(&c->config.limits, r);
		uint64_t start = small_start(r, at, size);
		uint64_t end = start + size;

		if (start < at + PAGE)
			start = at + PAGE;
		if (end > base + gibs * GIB)
			end = base + gibs * GIB;
		if (start >= end)
			continue;
		at = start + (end - start) / 2 / PAGE * PAGE;
		if (rnd_one_in(r, 8) && at > start) {
			/* two ranges that touch: one fragment */
			case_ram(c, start, at, 0);
			case_ram(c, at, end, 1);
		} else {
			case_ram(c, start, end, (uint32_t)rnd_below(r, 2));
		}
		at = end;
	}
	if (!c->config.nr_ram)
		case_ram(c, base + MIB, base + GIB, 0);
}

void gen_small(struct plan_case *c, struct rnd *r)
{
	case_init(c);
	c->config.limits.max_tdmrs =
		(uint32_t)PICK(r, 64, 64, 1, 1, 2, 2, 3, 4);
	c->config.limits.max_reserved =
		(uint32_t)PICK(r, 16, 1, 1, 1, 2, 2, 2, 3, 3, 4);
	gen_entries(c, r);
	small_ram(c, r, rnd_one_in(r, 3));
	gen_cmrs(c, r);
}

/* ---- tiny ----------------------------------------------------------- */

void gen_tiny(struct plan_case *c, struct rnd *r)
{
	struct tdxc_limits *l = &c->config.limits;
	uint64_t pages = 11 + rnd_below(r, 14);
	uint64_t at = PICK(r, GIB - 4 * PAGE, GIB, GIB + 100 * MIB,
			   2 * GIB - 20 * PAGE, 2 * GIB - 6 * PAGE);
	uint64_t border;

	case_init(c);
	l->max_tdmrs = (uint32_t)PICK(r, 1, 2, 64);
	l->max_reserved = (uint32_t)PICK(r, 1, 1, 2, 2, 3, 16);
	l->pamt_bitmap_bits = 1;
	l->pamt_entry_size[1] = (uint32_t)PICK(r, 1, 16, 24);
	while (pages) {
		uint64_t n = PICK(r, 1, 1, 2, 2, 3, 4, 8, 9, 10, 11, 16);

		if (n > pages)
			n = pages;
		case_ram(c, at, at + n * PAGE, 0);
		pages -= n;
		at += n * PAGE;
		switch (rnd_below(r, 6)) {
		case 0:
			at = (at + GIB - 1) & -GIB;
			break;
		case 1:
			border = (at + GIB) & -GIB;
			at += rnd_below(r, 9) * PAGE;
			if (at + 32 * PAGE < border)
				at = border - PAGE * (1 + rnd_below(r, 9));
			break;
		default:
			at += PAGE * rnd_below(r, 3);
		}
		if (at > 4 * GIB - 30 * PAGE)
			break;
	}
	gen_cmrs(c, r);
}
