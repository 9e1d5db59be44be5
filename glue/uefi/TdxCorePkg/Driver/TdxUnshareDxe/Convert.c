/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * One conversion. An entry is shared exactly while its memory is or may be:
 *
 * share:   entries shared, TLB; MapGPA; what failed: entries private again
 * unshare: entries not present, TLB; MapGPA, ACCEPT; entries private
 */
#include "Convert.h"

#include <tdxcore/err.h>
#include <tdxcore/version.h>

static uint64_t shared_mask(const struct tdxc_guest *g)
{
	return 1ull << g->tables.shared_bit;
}

static int make_converter(struct tdxc_converter *c,
			  const struct tdxc_guest_config *config,
			  enum tdxc_accepted accepted)
{
	struct tdxc_convert_config how = {0};

	how.abi = TDXC_ABI;
	how.gpaw = config->gpaw;
	how.ops = config->ops;
	how.ctx = config->ctx;
	how.accepted = accepted;
	how.release = TDXC_RELEASE_IF_OFFERED;
	return tdxc_convert_init(c, &how);
}

/* Spare tables become read-only where the tables in use are. */
static int protect_pool(struct tdxc_guest *g)
{
	struct tdxc_tables *t = &g->tables;
	uint32_t i;
	int err = TDXC_OK;

	if (!tdxc_tables_read_only(t))
		return TDXC_OK;
	for (i = 0; err == TDXC_OK && i < t->nr_pool; i++) {
		struct tdxc_range page = {t->pool[i],
					  t->pool[i] + TDXC_PAGE_SIZE};

		err = tdxc_tables_edit(t, page, TDXC_TABLES_RW, 0);
	}
	return err;
}

int tdxc_guest_init(struct tdxc_guest *g,
		    const struct tdxc_guest_config *config)
{
	int err;

	memset(g, 0, sizeof(*g));
	g->tables = config->tables;
	tdxc_tracker_init(&g->shared, g->shared_ranges, TDXC_GUEST_SHARED);
	tdxc_tracker_init(&g->gaps, g->gap_ranges, TDXC_GUEST_GAPS);
	tdxc_tracker_init(&g->seen, g->seen_ranges, TDXC_GUEST_SHARED);
	err = make_converter(&g->converter, config, TDXC_ACCEPTED_ERROR);
	if (err == TDXC_OK)
		err = make_converter(&g->last, config, TDXC_ACCEPTED_COUNT);
	return err == TDXC_OK ? protect_pool(g) : err;
}

/* ---- one conversion ---- */

static bool is_shared(const struct tdxc_guest *g, struct tdxc_range r)
{
	size_t i = tdxc_range_find(g->shared.ranges, g->shared.nr, r.start);

	return i < g->shared.nr && tdxc_range_overlaps(g->shared.ranges[i], r);
}

static bool is_pages(struct tdxc_range r)
{
	return !tdxc_range_is_empty(r) &&
	       ((r.start | r.end) & (TDXC_PAGE_SIZE - 1)) == 0;
}

/* Part of a range, by offsets. */
static struct tdxc_range part(struct tdxc_range r, uint64_t from, uint64_t to)
{
	struct tdxc_range p = {r.start + from, r.start + to};

	return p;
}

/* The tables take back what they said of memory that was not converted: they
 * were edited in the same places a moment ago, and need no further table. */
static void edit_again(struct tdxc_guest *g, struct tdxc_range r,
		       uint64_t clear, uint64_t set)
{
	if (!tdxc_range_is_empty(r))
		(void)tdxc_tables_edit(&g->tables, r, clear, set);
}

/* There was room, so that the list has no error of its own to tell. */
static int remember(int listed, int err)
{
	return err != TDXC_OK ? err : listed;
}

static int share(struct tdxc_guest *g, struct tdxc_range range,
		 struct tdxc_conversion *r)
{
	uint64_t mask = shared_mask(g);
	uint64_t bytes = tdxc_range_size(range);
	int err;

	if (!is_pages(range))
		return TDXC_E_INVAL;
	if (is_shared(g, range))
		return TDXC_E_EXIST;
	if (g->shared.nr == g->shared.room)
		return TDXC_E_NOSPC;
	err = tdxc_tables_edit(&g->tables, range, 0, mask);
	if (err != TDXC_OK)
		return err;
	err = tdxc_convert_share(&g->converter, range.start, bytes, r);
	if (err != TDXC_OK) {
		edit_again(g, part(range, r->gap_start, r->gap_end),
			   TDXC_PTE_PRESENT, 0);
		edit_again(g, part(range, r->done, bytes), mask, 0);
	}
	return remember(tdxc_tracker_add(&g->shared, part(range, 0, r->done)),
			err);
}

int tdxc_guest_share(struct tdxc_guest *g, struct tdxc_range range,
		     struct tdxc_conversion *r)
{
	int err = tdxc_gate_begin(&g->gate);

	memset(r, 0, sizeof(*r));
	if (err != TDXC_OK)
		return err;
	err = share(g, range, r);
	(void)tdxc_gate_end(&g->gate);
	return err;
}

/* What is left of the range is mapped again as shared, but for the gap, and
 * gaps that were there before. */
static int unshare_failed(struct tdxc_guest *g, struct tdxc_range range,
			  const struct tdxc_conversion *r, int err)
{
	uint64_t kept = r->done > r->gap_end ? r->done : r->gap_end;
	struct tdxc_range rest = part(range, kept, tdxc_range_size(range));

	while (!tdxc_range_is_empty(rest)) {
		struct tdxc_range piece = tdxc_tracker_missing(&g->gaps, rest);

		edit_again(g, piece, 0, TDXC_PTE_PRESENT);
		rest.start = piece.end;
	}
	return remember(tdxc_tracker_add(&g->gaps,
					 part(range, r->gap_start, r->gap_end)),
			err);
}

static int unshare(struct tdxc_guest *g, struct tdxc_range range,
		   struct tdxc_conversion *r)
{
	uint64_t bytes = tdxc_range_size(range);
	struct tdxc_range done;
	int err;

	if (!is_pages(range))
		return TDXC_E_INVAL;
	if (!tdxc_range_is_empty(tdxc_tracker_missing(&g->shared, range)))
		return TDXC_E_NOENT;
	if (g->shared.nr == g->shared.room || g->gaps.nr == g->gaps.room)
		return TDXC_E_NOSPC;
	err = tdxc_tables_edit(&g->tables, range, TDXC_PTE_PRESENT, 0);
	if (err != TDXC_OK)
		return err;
	err = tdxc_convert_unshare(&g->converter, range.start, bytes, r);
	done = part(range, 0, r->done);
	edit_again(g, done, shared_mask(g), TDXC_PTE_PRESENT);
	err = remember(tdxc_tracker_remove(&g->gaps, done), err);
	err = remember(tdxc_tracker_remove(&g->shared, done), err);
	return err == TDXC_OK ? err : unshare_failed(g, range, r, err);
}

int tdxc_guest_unshare(struct tdxc_guest *g, struct tdxc_range range,
		       struct tdxc_conversion *r)
{
	int err = tdxc_gate_begin(&g->gate);

	memset(r, 0, sizeof(*r));
	if (err != TDXC_OK)
		return err;
	err = unshare(g, range, r);
	(void)tdxc_gate_end(&g->gate);
	return err;
}

int tdxc_guest_accept(struct tdxc_guest *g, struct tdxc_range range,
		      struct tdxc_conversion *r)
{
	int err = tdxc_gate_begin(&g->gate);

	memset(r, 0, sizeof(*r));
	if (err != TDXC_OK)
		return err;
	err = tdxc_convert_accept(&g->converter, range.start,
				  tdxc_range_size(range), r);
	(void)tdxc_gate_end(&g->gate);
	return err;
}
