/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * The end of boot services: no conversion any more, and everything private.
 * Nothing is allocated, and no firmware service is called.
 *
 * Page tables are walked rather than the list of what was shared here, for
 * other drivers may have shared memory on their own. Entries become private
 * and are not cleared: an OS loader runs in these tables.
 */
#include "Convert.h"

#include <tdxcore/err.h>
#include <tdxcore/version.h>

/* ---- RAM and exclusions ---- */

static struct tdxc_unshare_exclusion outside(uint64_t start, uint64_t end)
{
	struct tdxc_unshare_exclusion x = {{start, end}, 0, 0};

	return x;
}

/* What a gap has of it is shared no more. */
static void put(struct tdxc_guest *g, struct tdxc_unshare_exclusion x)
{
	struct tdxc_range rest = x.pa;

	while (!tdxc_range_is_empty(rest)) {
		x.pa = tdxc_tracker_missing(&g->gaps, rest);
		if (!tdxc_range_is_empty(x.pa))
			g->exclusions[g->nr_exclusions++] = x;
		rest.start = x.pa.end;
	}
}

/* Exclusions lie in RAM: in each range of RAM in turn, then what follows it. */
static void merge(struct tdxc_guest *g)
{
	uint64_t at = 0;
	uint32_t k = 0;
	uint32_t i;

	g->nr_exclusions = 0;
	for (i = 0; i < g->nr_ram; i++) {
		struct tdxc_range ram = g->ram[i];

		if (ram.start > at)
			g->exclusions[g->nr_exclusions++] =
				outside(at, ram.start);
		for (; k < g->nr_asked && g->asked[k].pa.start < ram.end; k++)
			put(g, g->asked[k]);
		at = ram.end;
	}
	if (at < 1ull << g->tables.pa_bits)
		g->exclusions[g->nr_exclusions++] =
			outside(at, 1ull << g->tables.pa_bits);
}

/* No exclusion may end up outside RAM: merge() would lose it. */
int tdxc_guest_set_ram(struct tdxc_guest *g, const struct tdxc_range *ram,
		       size_t nr)
{
	uint32_t i;

	if (nr > TDXC_GUEST_RAM)
		return TDXC_E_NOSPC;
	if (tdxc_range_first_unsorted(ram, nr) != nr)
		return TDXC_E_INVAL;
	for (i = 0; i < g->nr_asked; i++) {
		if (!tdxc_range_list_covers(ram, nr, g->asked[i].pa))
			return TDXC_E_INVAL;
	}
	memcpy(g->ram, ram, nr * sizeof(*ram));
	g->nr_ram = (uint32_t)nr;
	return TDXC_OK;
}

int tdxc_guest_exclude(struct tdxc_guest *g, struct tdxc_range range,
		       uint32_t order)
{
	uint32_t i = g->nr_asked;

	if (tdxc_gate_look(&g->gate).closed)
		return TDXC_E_CANCELED;
	if (tdxc_range_is_empty(range) || order == UINT32_MAX ||
	    ((range.start | range.end) & (TDXC_PAGE_SIZE - 1)) != 0 ||
	    !tdxc_range_list_covers(g->ram, g->nr_ram, range))
		return TDXC_E_INVAL;
	if (i == TDXC_GUEST_EXCLUSIONS)
		return TDXC_E_NOSPC;
	for (uint32_t k = 0; k < g->nr_asked; k++) {
		if (tdxc_range_overlaps(g->asked[k].pa, range))
			return TDXC_E_EXIST;
	}
	for (; i > 0 && g->asked[i - 1].pa.start > range.start; i--)
		g->asked[i] = g->asked[i - 1];
	g->asked[i].pa = range;
	g->asked[i].order = order;
	g->asked[i].reserved_ = 0;
	g->nr_asked++;
	return TDXC_OK;
}

/* ---- the engine ---- */

static int convert(void *ctx, struct tdxc_range pa,
		   struct tdxc_unshare_done *done)
{
	struct tdxc_guest *g = ctx;

	return tdxc_unshare_tdx_op(&g->op, pa, done);
}

static void flush(void *ctx)
{
	struct tdxc_guest *g = ctx;

	g->tables.ops->flush(g->tables.ctx);
	g->tables.flushes++;
}

/* Devices were stopped by their drivers. */
static int before(void *ctx, uint32_t order)
{
	(void)ctx;
	(void)order;
	return TDXC_OK;
}

static const struct tdxc_unshare_ops unshare_ops = {
	TDXC_ABI,
	convert,
	flush,
	before,
};

static int begin(struct tdxc_guest *g)
{
	struct tdxc_unshare_config c = {0};

	merge(g);
	g->op.converter = &g->last;
	c.abi = TDXC_ABI;
	c.edit = TDXC_UNSHARE_MAKE_PRIVATE;
	c.flush = TDXC_FLUSH_EARLY;
	c.large = TDXC_LARGE_SPLIT;
	c.scan = tdxc_tables_scan(&g->tables, TDXC_SCAN_SHARED);
	c.ops = &unshare_ops;
	c.ctx = g;
	c.exclusions = g->exclusions;
	c.nr_exclusions = g->nr_exclusions;
	c.batch = g->batch;
	c.batch_room = TDXC_GUEST_BATCH;
	c.left = g->left;
	c.left_room = TDXC_GUEST_LEFT;
	c.seen = &g->seen;
	c.tables = g->tables.pool + g->tables.used;
	c.nr_tables = g->tables.nr_pool - g->tables.used;
	return tdxc_unshare_init(&g->engine, &c);
}

static int run(struct tdxc_guest *g)
{
	uint32_t round;
	int err = begin(g);

	if (err == TDXC_OK)
		err = tdxc_unshare_run(&g->engine);
	for (round = 0; err == TDXC_E_IO && round < TDXC_GUEST_RETRIES; round++)
		err = tdxc_unshare_retry(&g->engine);
	g->tables.used += (uint32_t)g->engine.result.splits;
	g->tables.splits += g->engine.result.splits;
	return err;
}

/* ---- before and after it ---- */

/* Gaps that an unshare left are converted as what is shared, and mapped again
 * with the rest. */
static void map_gaps(struct tdxc_guest *g)
{
	size_t i;

	for (i = 0; i < g->shared.nr; i++)
		(void)tdxc_tables_edit(&g->tables, g->shared.ranges[i], 0,
				       TDXC_PTE_PRESENT);
}

/* A private access to these is fatal, one to nothing is not. */
static void unmap_left(struct tdxc_guest *g)
{
	uint32_t i;

	for (i = 0; i < g->engine.nr_left; i++) {
		const struct tdxc_unshare_left *left = &g->left[i];

		if (left->stage != TDXC_UNSHARE_CONVERT &&
		    left->stage != TDXC_UNSHARE_ACCEPT)
			continue;
		if (tdxc_tables_edit(&g->tables, left->pa, TDXC_PTE_PRESENT,
				     0) == TDXC_OK)
			g->unmapped++;
	}
}

/* Nothing else is known of what was not listed than that it is left. */
static void pack(struct tdxc_guest *g)
{
	if (tdxc_unshare_pack(&g->engine, g->words, TDXC_GUEST_WORDS,
			      &g->nr_words) != TDXC_OK)
		g->nr_words = 0;
}

int tdxc_guest_finish(struct tdxc_guest *g)
{
	uint64_t said;
	int err;

	/* Who is in flight was interrupted by this, and cannot go on: no wait
	 * would end. */
	g->in_flight = tdxc_gate_close_now(&g->gate);
	map_gaps(g);
	said = g->tables.ops->open(g->tables.ctx);
	err = run(g);
	g->tables.ops->close(g->tables.ctx, said);
	g->difference = tdxc_unshare_difference(
		g->engine.result.found,
		(int64_t)(g->shared.bytes / TDXC_PAGE_SIZE));
	unmap_left(g);
	pack(g);
	g->finished = true;
	return err;
}
