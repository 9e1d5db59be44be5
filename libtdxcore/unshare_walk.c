/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Taking shared memory out of the page tables: which leaf is due in this pass,
 * and how its entry changes.
 *
 * A leaf is due when no exclusion touches it, or when the last exclusion that
 * touches it is. Its address comes from the entry that is then replaced by a
 * compare and exchange, so that no other page can have stood there.
 */
#include <tdxcore/err.h>
#include <tdxcore/unshare.h>

#include "scan_work.h"
#include "unshare_work.h"

/* Accessed and dirty bits are hardware's; all else is somebody's decision. */
#define IGNORED (TDXC_PTE_A | TDXC_PTE_D)

static uint64_t unshare_pages(struct tdxc_range r)
{
	return tdxc_range_size(r) / TDXC_PAGE_SIZE;
}

static struct tdxc_range unshare_leaf_range(const struct tdxc_scan_leaf *leaf)
{
	struct tdxc_range r = {leaf->pa, leaf->pa};

	r.end += tdxc_level_frames(leaf->level) << 12;
	return r;
}

/* ---- exclusions ---- */

/* Index of the first exclusion that ends above an address. */
static size_t unshare_find(const struct tdxc_unshare *u, uint64_t pa)
{
	size_t low = 0;
	size_t high = u->config.nr_exclusions;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (u->config.exclusions[mid].pa.end > pa)
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}

static uint32_t unshare_order(const struct tdxc_unshare_exclusion *x)
{
	return x->order == 0 ? UNSHARE_NEVER : x->order;
}

/* The highest order that touches memory; whether all of it has that order. */
static uint32_t unshare_due(const struct tdxc_unshare *u, struct tdxc_range r,
			    bool *whole)
{
	uint64_t covered = 0;
	uint32_t least = UNSHARE_NEVER;
	uint32_t most = 0;
	size_t i = unshare_find(u, r.start);

	for (; i < u->config.nr_exclusions; i++) {
		const struct tdxc_unshare_exclusion *x =
			&u->config.exclusions[i];
		uint32_t order = unshare_order(x);

		if (x->pa.start >= r.end)
			break;
		covered += tdxc_range_size(tdxc_range_intersect(x->pa, r));
		least = order < least ? order : least;
		most = order > most ? order : most;
	}
	*whole = most == 0 || (covered == tdxc_range_size(r) && least == most);
	return most;
}

/* ---- splitting ---- */

/* The entry of the part of a large page that begins at @offset. */
static uint64_t unshare_part(const struct tdxc_scan_leaf *leaf, uint64_t offset)
{
	uint64_t entry = leaf->entry + offset;

	if (leaf->level - 1 > TDXC_LEVEL_4K)
		return entry;
	/* PAT is bit 12 of large leaves, where small ones have an address, and
	 * bit 7 of small ones, where large ones have their mark. */
	entry &= ~TDXC_PTE_PS;
	if (leaf->entry & TDXC_PTE_LARGE_PAT)
		entry = (entry - TDXC_PTE_LARGE_PAT) | TDXC_PTE_PS;
	return entry;
}

/* Put a table in the place of a large leaf. Fails without a table; where the
 * entry has changed the scan meets it again. */
static bool unshare_split(struct tdxc_unshare *u,
			  const struct tdxc_scan_leaf *leaf)
{
	const struct tdxc_scan_config *c = &u->config.scan;
	uint64_t part = tdxc_level_frames(leaf->level - 1) << 12;
	uint64_t old = leaf->entry;
	uint64_t *table = NULL;
	uint64_t pa;
	uint64_t i;

	if (u->tables_used < u->config.nr_tables) {
		pa = u->config.tables[u->tables_used];
		table = c->ops ? c->ops->table(c->ctx, pa, leaf->level - 1)
			       : (uint64_t *)(size_t)(pa + c->virt);
	}
	if (table == NULL || (leaf->entry & TDXC_PTE_PRESENT) == 0) {
		u->result.unsplit++;
		return false;
	}
	for (i = 0; i < TDXC_ENTRIES; i++)
		table[i] = unshare_part(leaf, i * part);
	pa |= TDXC_PTE_TABLE | (old & TDXC_PTE_USER) | u->scan.table_bits;
	if (tdxc_try_cmpxchg(leaf->slot, &old, pa)) {
		u->tables_used++;
		u->result.splits++;
		u->stale = true;
	}
	tdxc_scan_again_(&u->scan, leaf);
	return true;
}

/* ---- one leaf ---- */

static void unshare_leave_leaf(struct tdxc_unshare *u,
			       const struct tdxc_scan_leaf *leaf,
			       uint16_t stage)
{
	struct tdxc_unshare_left left = {0};

	left.va = leaf->va;
	left.status = leaf->entry;
	left.stage = stage;
	left.bad = (uint16_t)leaf->bad;
	if (stage != TDXC_UNSHARE_WALK) {
		left.pa = unshare_leaf_range(leaf);
		left.status = 0;
		u->result.found += unshare_pages(left.pa);
	}
	tdxc_unshare_leave_(u, &left);
}

/* The walk of later passes need go no further than this. */
static void unshare_note_late(struct tdxc_unshare *u,
			      const struct tdxc_scan_leaf *leaf)
{
	if (!u->late)
		u->late_start = leaf->va;
	u->late = true;
	u->late_end = leaf->va + (tdxc_level_frames(leaf->level) << 12);
}

static void unshare_edit(struct tdxc_unshare *u,
			 const struct tdxc_scan_leaf *leaf)
{
	uint64_t old = leaf->entry;
	uint32_t round;

	for (round = 0; round < TDXC_UNSHARE_ROUNDS; round++) {
		uint64_t now = u->config.edit == TDXC_UNSHARE_CLEAR
				       ? 0
				       : old ^ u->scan.shared_mask;

		if (tdxc_try_cmpxchg(leaf->slot, &old, now)) {
			u->rounds = 0;
			u->stale = true;
			u->result.leaves++;
			u->rest = unshare_leaf_range(leaf);
			return;
		}
		if (((old ^ leaf->entry) & ~IGNORED) != 0)
			break;
	}
	u->result.changed++;
	if (++u->rounds < TDXC_UNSHARE_ROUNDS) {
		tdxc_scan_again_(&u->scan, leaf);
		return;
	}
	u->rounds = 0;
	unshare_leave_leaf(u, leaf, TDXC_UNSHARE_ENTRY);
}

static void unshare_take(struct tdxc_unshare *u,
			 const struct tdxc_scan_leaf *leaf)
{
	bool whole;
	uint32_t due = unshare_due(u, unshare_leaf_range(leaf), &whole);

	if (!whole && leaf->level > TDXC_LEVEL_4K && u->pass == 0 &&
	    u->config.large == TDXC_LARGE_SPLIT && unshare_split(u, leaf))
		return;
	if (due == u->pass)
		unshare_edit(u, leaf);
	else if (u->pass == 0 && due == UNSHARE_NEVER)
		unshare_leave_leaf(u, leaf, TDXC_UNSHARE_KEPT);
	else if (u->pass == 0)
		unshare_note_late(u, leaf);
}

/* ---- the next piece of memory ---- */

static int unshare_walk(struct tdxc_unshare *u)
{
	struct tdxc_scan_leaf leaf;

	switch (tdxc_scan_next_leaf(&u->scan, &leaf)) {
	case TDXC_SCAN_END:
		u->walked = true;
		break;
	case TDXC_SCAN_LEAF:
		unshare_take(u, &leaf);
		break;
	case TDXC_SCAN_BAD:
		if (u->pass == 0)
			unshare_leave_leaf(u, &leaf, TDXC_UNSHARE_WALK);
		break;
	case TDXC_SCAN_BUDGET:
		return TDXC_E_NOSPC;
	}
	return TDXC_OK;
}

/* The next piece of the set that lies in no exclusion, or in one. */
static void unshare_list(struct tdxc_unshare *u)
{
	const struct tdxc_tracker *t = u->config.tracked;
	const struct tdxc_unshare_exclusion *x;
	struct tdxc_unshare_left left = {0};
	size_t i = tdxc_range_find(t->ranges, t->nr, u->list_at);
	uint32_t due = 0;

	if (i == t->nr) {
		u->walked = true;
		return;
	}
	left.pa = t->ranges[i];
	if (left.pa.start < u->list_at)
		left.pa.start = u->list_at;
	i = unshare_find(u, left.pa.start);
	if (i < u->config.nr_exclusions) {
		uint64_t edge;

		x = &u->config.exclusions[i];
		edge = x->pa.start;
		if (edge <= left.pa.start) {
			due = unshare_order(x);
			edge = x->pa.end;
		}
		if (edge < left.pa.end)
			left.pa.end = edge;
	}
	u->list_at = left.pa.end;
	u->late = u->late || (due != 0 && due != UNSHARE_NEVER);
	if (due == u->pass) {
		u->rest = left.pa;
	} else if (u->pass == 0 && due == UNSHARE_NEVER) {
		left.stage = TDXC_UNSHARE_KEPT;
		u->result.found += unshare_pages(left.pa);
		tdxc_unshare_leave_(u, &left);
	}
}

/* ---- the batch ---- */

static bool unshare_append(struct tdxc_unshare *u, struct tdxc_range piece)
{
	struct tdxc_range *last = u->config.batch + u->nr_batch;

	if (u->nr_batch != 0 && last[-1].end == piece.start) {
		last[-1].end = piece.end;
		return true;
	}
	if (u->nr_batch == u->config.batch_room)
		return false;
	*last = piece;
	u->nr_batch++;
	return true;
}

/* Put what was taken into the batch, less what was there before. */
static bool unshare_put(struct tdxc_unshare *u)
{
	while (!tdxc_range_is_empty(u->rest)) {
		struct tdxc_range piece = u->rest;

		if (u->config.seen != NULL)
			piece = tdxc_tracker_missing(u->config.seen, u->rest);
		u->result.aliased +=
			(piece.start - u->rest.start) / TDXC_PAGE_SIZE;
		u->rest.start = piece.start;
		if (tdxc_range_is_empty(piece))
			continue;
		if (!unshare_append(u, piece))
			return false;
		if (u->config.seen != NULL &&
		    tdxc_tracker_add(u->config.seen, piece) != TDXC_OK)
			u->result.forgotten += unshare_pages(piece);
		u->result.found += unshare_pages(piece);
		u->rest.start = piece.end;
	}
	return true;
}

int tdxc_unshare_fill_(struct tdxc_unshare *u)
{
	while (unshare_put(u) && !u->walked) {
		if (u->config.tracked != NULL) {
			unshare_list(u);
		} else {
			int err = unshare_walk(u);

			if (err != TDXC_OK)
				return err;
		}
	}
	return TDXC_OK;
}
