/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Page by page search: see brute.h. Written for doubt, not for speed; it shares
 * no line with oracle.c.
 */
#include "brute.h"

#include <stdlib.h>
#include <string.h>

#define MAX_REGIONS (3 * 3)
#define MAX_GIBS    3

enum what { GIVEN_UP, USED, PAMT };

struct brute {
	const struct tdxc_plan_config *config;
	uint64_t page[BRUTE_MAX_PAGES]; /* addresses, ascending */
	enum what what[BRUTE_MAX_PAGES];
	unsigned nr_pages;
	uint64_t first_gib;
	unsigned gibs;
	int owner[MAX_GIBS];
	unsigned nr_tdmrs;
	unsigned need[MAX_REGIONS]; /* pages of each region */
	bool placed[MAX_REGIONS];
	unsigned nr_regions;
	unsigned best_used;
};

static bool brute_convertible(const struct brute *b, uint64_t page)
{
	size_t i;

	for (i = 0; i < b->config->nr_cmrs; i++)
		if (page >= b->config->cmrs[i].start &&
		    page < b->config->cmrs[i].end)
			return page >= 0x100000;
	return false;
}

static bool brute_all_convertible(const struct brute *b, uint64_t from,
				  uint64_t to)
{
	const struct tdxc_plan_config *c = b->config;
	size_t i;

	/* only the edges of CMRs can make a difference */
	if (from == to)
		return true;
	if (!brute_convertible(b, from))
		return false;
	for (i = 0; i < c->nr_cmrs; i++)
		if (c->cmrs[i].end > from && c->cmrs[i].end < to &&
		    !brute_convertible(b, c->cmrs[i].end))
			return false;
	return true;
}

static int brute_owner(const struct brute *b, uint64_t address)
{
	return b->owner[(address >> 30) - b->first_gib];
}

/* Areas of one TDMR, counted over its pages and the gaps between them. */
static unsigned brute_areas(const struct brute *b, int tdmr)
{
	uint64_t start = UINT64_MAX;
	uint64_t end = 0;
	uint64_t at;
	bool open = false;
	unsigned n = 0;
	unsigned i;

	for (i = 0; i < b->gibs; i++) {
		if (b->owner[i] != tdmr)
			continue;
		if (start == UINT64_MAX)
			start = (b->first_gib + i) << 30;
		end = (b->first_gib + i + 1) << 30;
	}
	at = start;
	for (i = 0; i < b->nr_pages; i++) {
		if (b->page[i] < start || b->page[i] >= end)
			continue;
		if (!open && !brute_all_convertible(b, at, b->page[i])) {
			open = true;
			n++;
		}
		if (b->what[i] == USED)
			open = false;
		if (b->what[i] == PAMT && !open) {
			open = true;
			n++;
		}
		at = b->page[i] + 4096;
	}
	if (!open && !brute_all_convertible(b, at, end))
		n++;
	return n;
}

static void brute_judge(struct brute *b)
{
	unsigned used = 0;
	unsigned i;

	for (i = 0; i < b->nr_pages; i++)
		used += b->what[i] == USED;
	if (used <= b->best_used)
		return;
	for (i = 0; i < b->nr_regions; i++)
		if (!b->placed[i])
			return;
	for (i = 0; i < b->nr_tdmrs; i++)
		if (brute_areas(b, (int)i) > b->config->limits.max_reserved)
			return;
	b->best_used = used;
}

static bool brute_room(const struct brute *b, unsigned at, unsigned pages)
{
	unsigned i;

	if (at + pages > b->nr_pages)
		return false;
	for (i = 1; i < pages; i++)
		if (b->page[at + i] != b->page[at] + (uint64_t)i * 4096)
			return false;
	return true;
}

static void brute_page(struct brute *b, unsigned at, unsigned used)
{
	unsigned missing = 0;
	unsigned r;
	unsigned i;

	if (at == b->nr_pages) {
		brute_judge(b);
		return;
	}
	for (r = 0; r < b->nr_regions; r++)
		missing += b->placed[r] ? 0 : b->need[r];
	if (missing > b->nr_pages - at ||
	    used + (b->nr_pages - at - missing) <= b->best_used)
		return;
	for (r = 0; r < b->nr_regions; r++) {
		/* of equal regions only the first unplaced one */
		for (i = 0; i < r; i++)
			if (!b->placed[i] && b->need[i] == b->need[r])
				break;
		if (b->placed[r] || i < r || !brute_room(b, at, b->need[r]))
			continue;
		b->placed[r] = true;
		for (i = 0; i < b->need[r]; i++)
			b->what[at + i] = PAMT;
		brute_page(b, at + b->need[r], used);
		b->placed[r] = false;
	}
	if (brute_owner(b, b->page[at]) >= 0) {
		b->what[at] = USED;
		brute_page(b, at + 1, used + 1);
	}
	b->what[at] = GIVEN_UP;
	brute_page(b, at + 1, used);
}

static uint64_t brute_regions(struct brute *b)
{
	static const uint64_t per_gib[] = {262144, 512, 1};
	const struct tdxc_limits *l = &b->config->limits;
	uint64_t sum = 0;
	unsigned t;
	unsigned i;

	b->nr_regions = 0;
	for (t = 0; t < b->nr_tdmrs; t++) {
		uint64_t gibs = 0;

		for (i = 0; i < b->gibs; i++)
			gibs += b->owner[i] == (int)t;
		for (i = 0; i < 3; i++) {
			uint64_t bits =
				8 * gibs * per_gib[i] * l->pamt_entry_size[i];

			if (i == 0 && l->pamt_bitmap_bits)
				bits = gibs * per_gib[0] * l->pamt_bitmap_bits;
			b->need[b->nr_regions] =
				(unsigned)((bits + 32767) / 32768);
			sum += b->need[b->nr_regions++] * 4096ull;
		}
	}
	memset(b->placed, 0, sizeof(b->placed));
	return sum;
}

static void brute_partition(struct brute *b, struct oracle_answer *a)
{
	uint64_t pamt = brute_regions(b);
	uint64_t total = b->nr_pages * 4096ull;
	uint64_t lost;
	bool better;

	if (pamt >= total)
		return;
	b->best_used = 0;
	brute_page(b, 0, 0);
	if (!b->best_used)
		return;
	lost = total - pamt - b->best_used * 4096ull;
	better = a->verdict != ORACLE_SOLVED || lost < a->lost_bytes ||
		 (lost == a->lost_bytes &&
		  (pamt < a->pamt_bytes ||
		   (pamt == a->pamt_bytes && b->nr_tdmrs < a->nr_tdmrs)));
	if (!better)
		return;
	a->verdict = ORACLE_SOLVED;
	a->lost_bytes = lost;
	a->pamt_bytes = pamt;
	a->nr_tdmrs = b->nr_tdmrs;
}

static void brute_gib(struct brute *b, unsigned gib, struct oracle_answer *a)
{
	unsigned before = b->nr_tdmrs;

	if (gib == b->gibs || gib == MAX_GIBS) {
		if (before)
			brute_partition(b, a);
		return;
	}
	b->owner[gib] = -1;
	brute_gib(b, gib + 1, a);
	if (gib && b->owner[gib - 1] >= 0) {
		b->owner[gib] = b->owner[gib - 1];
		brute_gib(b, gib + 1, a);
	}
	if (before < b->config->limits.max_tdmrs) {
		b->owner[gib] = (int)b->nr_tdmrs++;
		brute_gib(b, gib + 1, a);
		b->nr_tdmrs = before;
	}
}

static bool brute_pages(struct brute *b)
{
	size_t i;

	for (i = 0; i < b->config->nr_ram; i++) {
		uint64_t at = (b->config->ram[i].range.start + 4095) >> 12;

		for (; (at + 1) << 12 <= b->config->ram[i].range.end; at++) {
			if (!brute_convertible(b, at << 12))
				continue;
			if (b->nr_pages == BRUTE_MAX_PAGES)
				return false;
			b->page[b->nr_pages++] = at << 12;
		}
	}
	if (!b->nr_pages)
		return true;
	b->first_gib = b->page[0] >> 30;
	b->gibs =
		(unsigned)((b->page[b->nr_pages - 1] >> 30) - b->first_gib) + 1;
	return b->gibs <= MAX_GIBS;
}

void brute_solve(const struct tdxc_plan_config *config,
		 struct oracle_answer *answer)
{
	struct brute b;

	memset(&b, 0, sizeof(b));
	memset(answer, 0, sizeof(*answer));
	b.config = config;
	if (!brute_pages(&b)) {
		answer->verdict = ORACLE_TOO_BIG;
		return;
	}
	answer->verdict = ORACLE_INFEASIBLE;
	if (b.nr_pages)
		brute_gib(&b, 0, answer);
}

/* ---- given TDMRs and places ------------------------------------------ */

#define MAX_CUTS 2048

/* What lies at an address. */
enum kind { HARD, MEMORY, NEITHER };

struct exclude {
	const struct tdxc_plan_config *config;
	const struct tdxc_plan_tdmr *tdmrs;
	uint32_t nr_tdmrs;
	uint64_t cuts[MAX_CUTS];
	size_t nr_cuts;
	uint64_t stretch[BRUTE_MAX_STRETCHES + 2];
	unsigned groups;
};

static void exclude_cut(struct exclude *e, struct tdxc_range r)
{
	if (e->nr_cuts + 2 > MAX_CUTS)
		abort();
	e->cuts[e->nr_cuts++] = r.start;
	e->cuts[e->nr_cuts++] = r.end;
}

static int exclude_compare(const void *a, const void *b)
{
	const uint64_t *x = a;
	const uint64_t *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void exclude_cuts(struct exclude *e)
{
	const struct tdxc_range low = {0, 0x100000};
	uint32_t t;
	size_t i;

	exclude_cut(e, low);
	for (i = 0; i < e->config->nr_cmrs; i++)
		exclude_cut(e, e->config->cmrs[i]);
	for (i = 0; i < e->config->nr_ram; i++) {
		struct tdxc_range r = e->config->ram[i].range;

		r.start = (r.start + 4095) & ~4095ull;
		r.end &= ~4095ull;
		if (r.start < r.end)
			exclude_cut(e, r);
	}
	for (t = 0; t < e->nr_tdmrs; t++) {
		exclude_cut(e, e->tdmrs[t].range);
		for (i = 0; i < TDXC_PAMT_LEVELS; i++)
			exclude_cut(e, e->tdmrs[t].pamt[i]);
	}
	qsort(e->cuts, e->nr_cuts, sizeof(e->cuts[0]), exclude_compare);
}

static bool exclude_inside(struct tdxc_range r, uint64_t at)
{
	return r.start <= at && at < r.end;
}

static bool exclude_pamt(const struct exclude *e, uint64_t at)
{
	uint32_t t;
	size_t i;

	for (t = 0; t < e->nr_tdmrs; t++)
		for (i = 0; i < TDXC_PAMT_LEVELS; i++)
			if (exclude_inside(e->tdmrs[t].pamt[i], at))
				return true;
	return false;
}

static enum kind exclude_kind(const struct exclude *e, uint64_t at)
{
	bool convertible = false;
	size_t i;

	for (i = 0; i < e->config->nr_cmrs; i++)
		convertible |= exclude_inside(e->config->cmrs[i], at);
	if (at < 0x100000 || !convertible || exclude_pamt(e, at))
		return HARD;
	for (i = 0; i < e->config->nr_ram; i++) {
		struct tdxc_range r = e->config->ram[i].range;

		r.start = (r.start + 4095) & ~4095ull;
		r.end &= ~4095ull;
		if (exclude_inside(r, at))
			return MEMORY;
	}
	return NEITHER;
}

/* Cheapest subset of the stretches between groups that leaves few enough. */
static uint64_t exclude_subset(const struct exclude *e)
{
	unsigned n = e->groups ? e->groups - 1 : 0;
	uint64_t best = UINT64_MAX;
	uint32_t set;
	unsigned i;

	for (set = 0; set < 1u << n; set++) {
		unsigned groups = e->groups;
		uint64_t lost = 0;

		for (i = 0; i < n; i++) {
			if (!(set >> i & 1))
				continue;
			groups--;
			lost += e->stretch[i + 1];
		}
		if (groups <= e->config->limits.max_reserved && lost < best)
			best = lost;
	}
	return best;
}

/* stretch[i] lies before group i; stretch[groups] behind the last. */
static uint64_t exclude_tdmr(struct exclude *e, struct tdxc_range tdmr)
{
	bool open = false;
	size_t i;

	e->groups = 0;
	e->stretch[0] = 0;
	for (i = 0; i + 1 < e->nr_cuts; i++) {
		uint64_t bytes = e->cuts[i + 1] - e->cuts[i];

		if (!bytes || !exclude_inside(tdmr, e->cuts[i]))
			continue;
		switch (exclude_kind(e, e->cuts[i])) {
		case HARD:
			if (!open && e->groups > BRUTE_MAX_STRETCHES)
				return UINT64_MAX;
			if (!open)
				e->stretch[++e->groups] = 0;
			open = true;
			break;
		case MEMORY:
			e->stretch[e->groups] += bytes;
			open = false;
			break;
		case NEITHER:
			break;
		}
	}
	return exclude_subset(e);
}

/* RAM in no TDMR, less what PAMTs cover of it. */
static uint64_t exclude_uncovered(const struct exclude *e)
{
	uint64_t lost = 0;
	uint32_t t;
	size_t i;

	for (i = 0; i + 1 < e->nr_cuts; i++) {
		for (t = 0; t < e->nr_tdmrs; t++)
			if (exclude_inside(e->tdmrs[t].range, e->cuts[i]))
				break;
		if (t == e->nr_tdmrs && e->cuts[i] < e->cuts[i + 1] &&
		    exclude_kind(e, e->cuts[i]) == MEMORY)
			lost += e->cuts[i + 1] - e->cuts[i];
	}
	return lost;
}

uint64_t brute_exclude(const struct tdxc_plan_config *config,
		       const struct tdxc_plan_tdmr *tdmrs, uint32_t nr_tdmrs)
{
	struct exclude *e = calloc(1, sizeof(*e));
	uint64_t lost;
	uint64_t more;
	uint32_t t;

	if (!e)
		abort();
	e->config = config;
	e->tdmrs = tdmrs;
	e->nr_tdmrs = nr_tdmrs;
	exclude_cuts(e);
	lost = exclude_uncovered(e);
	for (t = 0; t < nr_tdmrs && lost != UINT64_MAX; t++) {
		more = exclude_tdmr(e, tdmrs[t].range);
		lost = more == UINT64_MAX ? more : lost + more;
	}
	free(e);
	return lost;
}
