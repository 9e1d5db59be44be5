/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Finding shared memory in x86 page tables.
 *
 * Nearly all entries of a guest with 4 KiB pages are private leaves of level 1,
 * and nothing about them matters but one bit. Neighbours are therefore folded
 * into one word, eight at a time, and told apart only where the fold says that
 * a shared one is among them.
 */
#include <tdxcore/scan.h>

#include "scan_work.h"

#define FOLD 32u

/* ---- folding ---- */

/* Plain reads: what they say is a hint, and whoever acts reads again. */
static inline uint64_t scan_or8(const uint64_t *e)
{
	return ((e[0] | e[1]) | (e[2] | e[3])) |
	       ((e[4] | e[5]) | (e[6] | e[7]));
}

static inline uint64_t scan_and8(const uint64_t *e)
{
	return ((e[0] & e[1]) & (e[2] & e[3])) &
	       ((e[4] & e[5]) & (e[6] & e[7]));
}

/* Index of the first of eight entries whose bit is set, without a branch that
 * nobody could foresee; 8: none any more. They are read again, or compilers
 * keep all of a fold in registers, at twice the instructions. */
static inline uint32_t scan_first_set(const uint64_t *e, uint64_t mask)
{
	uint32_t first = 8;
	uint32_t i;

	for (i = 8; i-- > 0;)
		first = (tdxc_load_once(e + i) & mask) != 0 ? i : first;
	return first;
}

static inline uint32_t scan_first_clear(const uint64_t *e, uint64_t mask)
{
	uint32_t first = 8;
	uint32_t i;

	for (i = 8; i-- > 0;) {
		uint64_t entry = tdxc_load_once(e + i);

		first = (entry & mask) == 0 && entry != 0 ? i : first;
	}
	return first;
}

static inline uint64_t scan_or32(const uint64_t *e)
{
	return (scan_or8(e) | scan_or8(e + 8)) |
	       (scan_or8(e + 16) | scan_or8(e + 24));
}

/* The first entry of [i, end) with the bit set, or where less than FOLD are
 * left. */
static inline uint32_t scan_search_set(const uint64_t *table, uint32_t i,
				       uint32_t end, uint64_t mask)
{
	for (; i + FOLD <= end; i += FOLD) {
		const uint64_t *e = table + i;

		if ((scan_or8(e) & mask) != 0)
			return i + scan_first_set(e, mask);
		if ((scan_or8(e + 8) & mask) != 0)
			return i + 8 + scan_first_set(e + 8, mask);
		if ((scan_or8(e + 16) & mask) != 0)
			return i + 16 + scan_first_set(e + 16, mask);
		if ((scan_or8(e + 24) & mask) != 0)
			return i + 24 + scan_first_set(e + 24, mask);
	}
	return i;
}

/* About where the first entry of [i, end) with the bit set is: there is none
 * before. Whole tables have a loop of their own, whose end is foreseen. */
static uint32_t scan_find_set(const uint64_t *table, uint32_t i, uint32_t end,
			      uint64_t mask)
{
	if (i == 0 && end == TDXC_ENTRIES)
		return scan_search_set(table, 0, TDXC_ENTRIES, mask);
	i = scan_search_set(table, i, end, mask);
	if (end - i >= FOLD || i == end)
		return i;
	/* The last of them, some once more. */
	if (end >= FOLD && (scan_or32(table + end - FOLD) & mask) == 0)
		return end;
	for (; i + 8 <= end; i += 8) {
		if ((scan_or8(table + i) & mask) != 0)
			return i + scan_first_set(table + i, mask);
	}
	return i;
}

/* The same for a bit that is clear. Where it is set in all entries, none of
 * them is zero either. */
static uint32_t scan_find_clear(const uint64_t *table, uint32_t i, uint32_t end,
				uint64_t mask)
{
	uint32_t first;

	for (; i + 8 <= end; i += 8) {
		const uint64_t *e = table + i;

		if ((scan_and8(e) & mask) != 0 || scan_or8(e) == 0)
			continue;
		first = scan_first_clear(e, mask);
		if (first < 8)
			return i + first;
	}
	if (end >= 8 && (scan_and8(table + end - 8) & mask) != 0)
		return end;
	return i;
}

static bool scan_wanted(const struct tdxc_scan *s, uint64_t entry)
{
	if (tdxc_scan_is_shared(s, entry))
		return true;
	return s->config.what == TDXC_SCAN_MAPPED &&
	       (entry & TDXC_PTE_PRESENT) != 0;
}

/* Index of the first entry that is reported, of [i, end) in a leaf table. */
static uint32_t scan_find(const struct tdxc_scan *s, const uint64_t *table,
			  uint32_t i, uint32_t end)
{
	if (s->config.what == TDXC_SCAN_SHARED)
		i = s->config.polarity == TDXC_SHARED_IS_SET
			    ? scan_find_set(table, i, end, s->shared_mask)
			    : scan_find_clear(table, i, end, s->shared_mask);
	while (i < end && !scan_wanted(s, table[i]))
		i++;
	return i;
}

/* ---- addresses ---- */

static uint32_t scan_index(uint64_t frame, uint32_t level)
{
	return (uint32_t)(frame >> tdxc_level_shift(level)) &
	       (TDXC_ENTRIES - 1);
}

static bool scan_in_ram(const struct tdxc_scan *s, uint64_t pa, uint64_t size)
{
	struct tdxc_range r = {pa, pa + size};

	return s->config.nr_ram == 0 ||
	       tdxc_range_list_covers(s->config.ram, s->config.nr_ram, r);
}

/* ---- one entry ---- */

/* Go on after an entry of a level, and up where its table ends. */
static void scan_pass(struct tdxc_scan *s, uint32_t level)
{
	uint64_t frames = tdxc_level_frames(level);

	s->at = (s->at & ~(frames - 1)) + frames;
	while (level < s->config.levels &&
	       (s->at & (tdxc_level_frames(level + 1) - 1)) == 0)
		level++;
	s->level = level;
}

static enum tdxc_scan_event
scan_report(struct tdxc_scan *s, struct tdxc_scan_leaf *out, uint32_t bad)
{
	scan_pass(s, out->level);
	out->bad = bad;
	if (bad == TDXC_SCAN_GOOD)
		return TDXC_SCAN_LEAF;
	out->pa = 0;
	return TDXC_SCAN_BAD;
}

static enum tdxc_scan_event scan_take_leaf(struct tdxc_scan *s,
					   struct tdxc_scan_leaf *out)
{
	uint64_t size = tdxc_level_frames(out->level) << 12;
	uint64_t address = out->entry & TDXC_PTE_PA_MASK & ~s->shared_mask;
	uint64_t reserved = ~s->pa_mask;

	/* Bit 12 of a large leaf is PAT. */
	if (out->level > TDXC_LEVEL_4K) {
		address &= ~0x1000ull;
		reserved |= size - 1;
	}
	if (address & reserved)
		return scan_report(s, out, TDXC_SCAN_RESERVED);
	out->pa = address;
	if (out->shared && !scan_in_ram(s, address, size))
		return scan_report(s, out, TDXC_SCAN_OUTSIDE);
	return scan_report(s, out, TDXC_SCAN_GOOD);
}

/* ---- tables ---- */

static uint32_t scan_map(struct tdxc_scan *s, uint64_t pa, uint32_t level)
{
	const struct tdxc_scan_config *c = &s->config;
	uint64_t *table;
	uint32_t up;

	if (!scan_in_ram(s, pa, TDXC_PAGE_SIZE))
		return TDXC_SCAN_OUTSIDE;
	for (up = level + 1; up <= c->levels; up++) {
		if (s->path[up] == pa)
			return TDXC_SCAN_LOOP;
	}
	s->tables_left--;
	s->tables_read++;
	table = c->ops != NULL ? c->ops->table(c->ctx, pa, level)
			       : (uint64_t *)(size_t)(pa + c->virt);
	if (table == NULL)
		return TDXC_SCAN_NO_TABLE;
	s->table[level] = table;
	s->path[level] = pa;
	s->level = level;
	return TDXC_SCAN_GOOD;
}

/* What an entry says that should point to a table. */
static uint32_t scan_judge(const struct tdxc_scan *s, uint64_t entry,
			   uint32_t level)
{
	if ((entry & TDXC_PTE_PS) != 0 && level > TDXC_LEVEL_1G)
		return TDXC_SCAN_TOO_LARGE;
	if (tdxc_scan_is_shared(s, entry))
		return TDXC_SCAN_TABLE_SHARED;
	if (entry & TDXC_PTE_PA_MASK & ~s->shared_mask & ~s->pa_mask)
		return TDXC_SCAN_RESERVED;
	return TDXC_SCAN_GOOD;
}

/* An entry that does not simply point to a table. TDXC_SCAN_END here and below
 * says that there is nothing to report: go on. */
static enum tdxc_scan_event scan_odd(struct tdxc_scan *s, uint64_t *slot,
				     uint64_t entry, struct tdxc_scan_leaf *out)
{
	uint32_t level = s->level;
	uint32_t bad;

	out->slot = slot;
	out->entry = entry;
	out->level = level;
	out->va = scan_va(s->config.levels,
			  s->at & ~(tdxc_level_frames(level) - 1));
	out->shared = tdxc_scan_is_shared(s, entry);
	if (level <= TDXC_LEVEL_1G && (entry & TDXC_PTE_PS) != 0) {
		if (scan_wanted(s, entry))
			return scan_take_leaf(s, out);
	} else if ((entry & TDXC_PTE_PRESENT) != 0) {
		bad = scan_judge(s, entry, level);
		if (bad != TDXC_SCAN_GOOD)
			return scan_report(s, out, bad);
	}
	scan_pass(s, level);
	return TDXC_SCAN_END;
}

/* The entry of level 2 or higher that maps the next frame. */
static enum tdxc_scan_event scan_upper(struct tdxc_scan *s,
				       struct tdxc_scan_leaf *out)
{
	uint32_t level = s->level;
	uint64_t *slot = s->table[level] + scan_index(s->at, level);
	uint64_t entry = tdxc_load_once(slot);
	uint32_t bad;

	if ((entry & s->table_mask) != s->table_bits)
		return scan_odd(s, slot, entry, out);
	if (s->tables_left == 0)
		return TDXC_SCAN_BUDGET;
	bad = scan_map(s, entry & s->pa_mask, level - 1);
	if (bad == TDXC_SCAN_GOOD)
		return TDXC_SCAN_END;
	out->slot = slot;
	out->entry = entry;
	out->level = level;
	out->va = scan_va(s->config.levels,
			  s->at & ~(tdxc_level_frames(level) - 1));
	out->shared = false;
	return scan_report(s, out, bad);
}

/* From the end of a leaf table straight into the next one. Whatever is not
 * plain is left to scan_upper(). */
static bool scan_chain(struct tdxc_scan *s)
{
	uint32_t i = scan_index(s->at, TDXC_LEVEL_2M);
	uint64_t entry;
	uint64_t pa;

	if (i == 0 || s->at >= s->stop || s->tables_left == 0)
		return false;
	entry = tdxc_load_once(s->table[TDXC_LEVEL_2M] + i);
	pa = entry & s->pa_mask;
	if ((entry & s->table_mask) != s->table_bits || pa == s->path[2] ||
	    pa == s->path[3] || pa == s->path[4] || pa == s->path[5] ||
	    s->config.ops != NULL || !scan_in_ram(s, pa, TDXC_PAGE_SIZE))
		return false;
	s->table[TDXC_LEVEL_4K] = (uint64_t *)(size_t)(pa + s->config.virt);
	s->tables_left--;
	s->tables_read++;
	return true;
}

/* The next entry of leaf tables that is reported, else where they end. */
static enum tdxc_scan_event scan_lowest(struct tdxc_scan *s,
					struct tdxc_scan_leaf *out)
{
	uint32_t i = (uint32_t)s->at & (TDXC_ENTRIES - 1);
	uint64_t *table;
	uint32_t found;
	uint32_t end;

	for (;;) {
		uint64_t left = s->stop - s->at;

		table = s->table[TDXC_LEVEL_4K];
		end = left < TDXC_ENTRIES - i ? i + (uint32_t)left
					      : TDXC_ENTRIES;
		found = scan_find(s, table, i, end);
		s->at += found - i;
		if (found < end)
			break;
		if (end != TDXC_ENTRIES || !scan_chain(s)) {
			s->at--;
			scan_pass(s, TDXC_LEVEL_4K);
			return TDXC_SCAN_END;
		}
		i = 0;
	}
	out->slot = table + found;
	out->entry = tdxc_load_once(out->slot);
	out->level = TDXC_LEVEL_4K;
	out->va = scan_va(s->config.levels, s->at);
	out->shared = tdxc_scan_is_shared(s, out->entry);
	out->pa = out->entry & TDXC_PTE_PA_MASK & ~s->shared_mask;
	/* What nearly all of them are, in few steps. */
	if (out->shared && (out->pa & ~s->pa_mask) == 0 &&
	    s->config.nr_ram == 0 && found + 1 < TDXC_ENTRIES) {
		out->bad = TDXC_SCAN_GOOD;
		s->at++;
		return TDXC_SCAN_LEAF;
	}
	/* It may have changed since it was found. */
	if (TDXC_UNLIKELY(!scan_wanted(s, out->entry))) {
		scan_pass(s, TDXC_LEVEL_4K);
		return TDXC_SCAN_END;
	}
	return scan_take_leaf(s, out);
}

static enum tdxc_scan_event scan_root(struct tdxc_scan *s,
				      struct tdxc_scan_leaf *out)
{
	uint32_t bad;

	if (s->tables_left == 0)
		return TDXC_SCAN_BUDGET;
	bad = scan_map(s, s->config.root, s->config.levels);
	if (bad == TDXC_SCAN_GOOD)
		return TDXC_SCAN_END;
	memset(out, 0, sizeof(*out));
	out->va = scan_va(s->config.levels, s->at);
	out->level = s->config.levels;
	out->bad = bad;
	s->at = s->stop;
	return TDXC_SCAN_BAD;
}

enum tdxc_scan_event tdxc_scan_next_leaf(struct tdxc_scan *s,
					 struct tdxc_scan_leaf *out)
{
	enum tdxc_scan_event event = TDXC_SCAN_END;

	while (event == TDXC_SCAN_END && s->at < s->stop) {
		if (s->level == TDXC_LEVEL_4K)
			event = scan_lowest(s, out);
		else if (s->table[s->level] != NULL)
			event = scan_upper(s, out);
		else
			event = scan_root(s, out);
	}
	return event;
}

/* ---- runs ---- */

static bool scan_joins(const struct tdxc_scan_run *run,
		       const struct tdxc_scan_leaf *leaf)
{
	return leaf->shared == run->shared && leaf->pa == run->pa.end &&
	       leaf->va == run->va + tdxc_range_size(run->pa);
}

static void scan_join(struct tdxc_scan_run *run,
		      const struct tdxc_scan_leaf *leaf)
{
	run->pa.end += tdxc_level_frames(leaf->level) << 12;
	run->leaves[leaf->level - 1]++;
}

/* The event that is kept, else a new one, which is then kept. */
static uint32_t scan_peek(struct tdxc_scan *s)
{
	if (s->ahead_event == TDXC_SCAN_END ||
	    s->ahead_event == TDXC_SCAN_BUDGET)
		s->ahead_event = (uint32_t)tdxc_scan_next_leaf(s, &s->ahead);
	return s->ahead_event;
}

enum tdxc_scan_event tdxc_scan_next_run(struct tdxc_scan *s,
					struct tdxc_scan_run *out)
{
	uint32_t event;

	event = scan_peek(s);
	if (event != TDXC_SCAN_LEAF) {
		if (event == TDXC_SCAN_BAD)
			out->bad_entry = s->ahead;
		s->ahead_event = TDXC_SCAN_END;
		return (enum tdxc_scan_event)event;
	}
	out->va = s->ahead.va;
	out->pa.start = s->ahead.pa;
	out->pa.end = s->ahead.pa;
	out->shared = s->ahead.shared;
	out->leaves[0] = 0;
	out->leaves[1] = 0;
	out->leaves[2] = 0;
	while (event == TDXC_SCAN_LEAF && scan_joins(out, &s->ahead)) {
		scan_join(out, &s->ahead);
		s->ahead_event = TDXC_SCAN_END;
		event = scan_peek(s);
	}
	return TDXC_SCAN_LEAF;
}

void tdxc_scan_restart(struct tdxc_scan *s)
{
	memset(s->table, 0, sizeof(s->table));
	memset(s->path, 0xFF, sizeof(s->path));
	s->level = s->config.levels;
}

void tdxc_scan_again_(struct tdxc_scan *s, const struct tdxc_scan_leaf *leaf)
{
	uint64_t frames = 1ull << (9 * s->config.levels);

	s->at = leaf->va >> 12 & (frames - 1);
	s->level = leaf->level;
}
