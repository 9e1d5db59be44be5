/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * The core's scanner finds the leaves, with all its distrust; what is here
 * splits them and exchanges entries.
 */
#include "Tables.h"

#include <tdxcore/err.h>
#include <tdxcore/version.h>

/* Exchanges of an entry whose accessed and dirty bits hardware sets meanwhile:
 * each of them can be lost only once. */
#define ROUNDS 8u

static uint64_t bytes_of(const struct tdxc_scan_leaf *leaf)
{
	return tdxc_level_frames(leaf->level) << 12;
}

/* One past the last address. Memory is mapped where it is, so that none is at
 * the shared bit or above it: there that bit would be one of an address. */
static uint64_t end_of(const struct tdxc_tables *t)
{
	uint64_t half = 1ull << (12 + 9 * t->levels - 1);
	uint64_t shared = 1ull << t->shared_bit;

	return half < shared ? half : shared;
}

struct tdxc_scan_config tdxc_tables_scan(const struct tdxc_tables *t,
					 enum tdxc_scan_what what)
{
	struct tdxc_scan_config c = {0};

	c.abi = TDXC_ABI;
	c.levels = t->levels;
	c.root = t->root;
	c.virt = t->virt;
	c.shared_bit = t->shared_bit;
	c.polarity = TDXC_SHARED_IS_SET;
	c.pa_bits = t->pa_bits;
	c.what = (uint32_t)what;
	c.end = end_of(t);
	c.max_tables = UINT64_MAX;
	return c;
}

static int begin(const struct tdxc_tables *t, struct tdxc_range range,
		 struct tdxc_scan *scan)
{
	struct tdxc_scan_config c = tdxc_tables_scan(t, TDXC_SCAN_MAPPED);

	if (range.end > c.end)
		return TDXC_E_INVAL;
	c.start = range.start;
	c.end = range.end;
	return tdxc_scan_begin(scan, &c);
}

/* ---- before anything changes ---- */

/* Where nothing is mapped a scan finds nothing: the next leaf begins too late,
 * or there is none. */
static int check(const struct tdxc_tables *t, struct tdxc_range range)
{
	struct tdxc_scan_leaf leaf;
	uint64_t at = range.start;
	struct tdxc_scan scan;
	int err = begin(t, range, &scan);

	while (err == TDXC_OK && at < range.end) {
		enum tdxc_scan_event event = tdxc_scan_next_leaf(&scan, &leaf);

		if (event == TDXC_SCAN_BAD)
			err = TDXC_E_IO;
		else if (event != TDXC_SCAN_LEAF || leaf.va > at)
			err = TDXC_E_NOENT;
		else if (leaf.va != leaf.pa)
			err = TDXC_E_INVAL;
		else
			at = leaf.va + bytes_of(&leaf);
	}
	return err;
}

/* ---- splitting ---- */

/* The entry of the part of a large page that begins at `offset`. PAT is bit 12
 * of large leaves, where small ones have an address, and bit 7 of small ones,
 * where large ones have their mark. */
static uint64_t part_of(const struct tdxc_scan_leaf *leaf, uint64_t offset)
{
	uint64_t entry = leaf->entry;

	if (leaf->level - 1 == TDXC_LEVEL_4K) {
		bool pat = (entry & TDXC_PTE_LARGE_PAT) != 0;

		entry &= ~(TDXC_PTE_PS | TDXC_PTE_LARGE_PAT);
		if (pat)
			entry |= TDXC_PTE_PS;
	}
	return entry + offset;
}

/* The table is complete before anything points to it. What it is pointed to
 * with allows everything, for its leaves say what is allowed. */
static int split(struct tdxc_tables *t, const struct tdxc_scan_leaf *leaf)
{
	uint64_t part = tdxc_level_frames(leaf->level - 1) << 12;
	uint64_t old = leaf->entry;
	uint64_t *table;
	uint64_t pa;

	if (t->used == t->nr_pool)
		return TDXC_E_NOSPC;
	pa = t->pool[t->used];
	table = (uint64_t *)(size_t)(pa + t->virt);
	for (uint64_t i = 0; i < TDXC_ENTRIES; i++)
		table[i] = part_of(leaf, i * part);
	pa |= TDXC_PTE_TABLE | (old & TDXC_PTE_USER);
	/* accessed and dirty bits may have come: seen by the caller's loop */
	if (!tdxc_try_cmpxchg(leaf->slot, &old, pa))
		return TDXC_OK;
	t->used++;
	t->splits++;
	t->stale = true;
	return TDXC_OK;
}

/* No leaf lies across `at`. There is one split for each level, beside those
 * that are repeated because the entry changed. */
static int split_at(struct tdxc_tables *t, uint64_t at)
{
	const struct tdxc_range page = {at, at + TDXC_PAGE_SIZE};
	uint32_t round;

	for (round = 0; round < ROUNDS; round++) {
		struct tdxc_scan_leaf leaf;
		struct tdxc_scan scan;
		int err = begin(t, page, &scan);

		/* past the last address nothing is mapped */
		if (err != TDXC_OK)
			return TDXC_OK;
		if (tdxc_scan_next_leaf(&scan, &leaf) != TDXC_SCAN_LEAF ||
		    leaf.va == at)
			return TDXC_OK;
		err = split(t, &leaf);
		if (err != TDXC_OK)
			return err;
	}
	return TDXC_E_AGAIN;
}

/* ---- editing ---- */

static int exchange(struct tdxc_tables *t, const struct tdxc_scan_leaf *leaf,
		    uint64_t clear, uint64_t set)
{
	uint64_t old = leaf->entry;
	uint32_t round;

	for (round = 0; round < ROUNDS; round++) {
		uint64_t now = (old & ~clear) | set;

		if (now == old)
			return TDXC_OK;
		if (tdxc_try_cmpxchg(leaf->slot, &old, now)) {
			t->edits++;
			t->stale = true;
			return TDXC_OK;
		}
	}
	return TDXC_E_AGAIN;
}

static int edit(struct tdxc_tables *t, struct tdxc_range range, uint64_t clear,
		uint64_t set)
{
	struct tdxc_scan_leaf leaf;
	struct tdxc_scan scan;
	int err = begin(t, range, &scan);

	while (err == TDXC_OK &&
	       tdxc_scan_next_leaf(&scan, &leaf) == TDXC_SCAN_LEAF)
		err = exchange(t, &leaf, clear, set);
	return err;
}

int tdxc_tables_edit(struct tdxc_tables *t, struct tdxc_range range,
		     uint64_t clear, uint64_t set)
{
	uint64_t said = 0;
	int err;

	if (tdxc_range_is_empty(range) || range.end < range.start)
		return TDXC_E_INVAL;
	said = t->ops->open(t->ctx);
	err = check(t, range);
	if (err == TDXC_OK)
		err = split_at(t, range.start);
	if (err == TDXC_OK)
		err = split_at(t, range.end);
	if (err == TDXC_OK)
		err = edit(t, range, clear, set);
	if (t->stale) {
		t->ops->flush(t->ctx);
		t->flushes++;
		t->stale = false;
	}
	t->ops->close(t->ctx, said);
	return err;
}

/* ---- looking ---- */

bool tdxc_tables_read_only(const struct tdxc_tables *t)
{
	const struct tdxc_range page = {t->root, t->root + TDXC_PAGE_SIZE};
	struct tdxc_scan_leaf leaf;
	struct tdxc_scan scan;

	return begin(t, page, &scan) == TDXC_OK &&
	       tdxc_scan_next_leaf(&scan, &leaf) == TDXC_SCAN_LEAF &&
	       (leaf.entry & TDXC_TABLES_RW) == 0;
}
