/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Finding shared memory in x86 page tables.
 *
 * Nearly all entries of a guest with 4 KiB pages are private leaves of level 1,
 * and nothing about them matters but one bit. Neighbours are therefore folded
 * into one word, 32 at a time, and looked at one by one only where the fold
 * says that a shared one is among them.
 */
#include <tdxcore/err.h>
#include <tdxcore/scan.h>
#include <tdxcore/version.h>

#define FOLD 32u

/* Where an address range of a process or kernel begins and ends, in frames. */
struct scan_span {
	uint64_t first;
	uint64_t stop;
};

/* clang-format off */
#define SCAN_TEXTS(X)                                                          \
	X(TDXC_SCAN_GOOD, "nothing is wrong")                                  \
	X(TDXC_SCAN_NO_TABLE, "the table cannot be read")                      \
	X(TDXC_SCAN_OUTSIDE, "the address lies outside RAM")                   \
	X(TDXC_SCAN_LOOP, "the table is its own ancestor")                     \
	X(TDXC_SCAN_TABLE_SHARED, "a table would be read as shared memory")    \
	X(TDXC_SCAN_RESERVED, "a reserved address bit is set")                 \
	X(TDXC_SCAN_TOO_LARGE, "no page has the size of this level")
/* clang-format on */

/* Texts by offset, not by pointer: see err.c. */
struct scan_pool {
#define X(kind, text) char kind[sizeof(text)];
	SCAN_TEXTS(X)
#undef X
};

static const struct scan_pool scan_pool = {
#define X(kind, text) text,
	SCAN_TEXTS(X)
#undef X
};

static const uint16_t scan_offset[] = {
#define X(kind, text) [kind] = (uint16_t)offsetof(struct scan_pool, kind),
	SCAN_TEXTS(X)
#undef X
};

const char *tdxc_scan_bad_text(uint32_t bad)
{
	if (bad >= TDXC_SCAN_BADS)
		return "unknown";
	return (const char *)&scan_pool + scan_offset[bad];
}

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

static uint32_t scan_skip_clear(const uint64_t *table, uint32_t i, uint32_t end,
				uint64_t mask)
{
	for (; i + FOLD <= end; i += FOLD) {
		const uint64_t *e = table + i;

		if (((scan_or8(e) | scan_or8(e + 8)) |
		     (scan_or8(e + 16) | scan_or8(e + 24))) &
		    mask)
			break;
	}
	return i;
}

/* Where the bit is set in all of them, none of them is zero either. */
static uint32_t scan_skip_set(const uint64_t *table, uint32_t i, uint32_t end,
			      uint64_t mask)
{
	for (; i + FOLD <= end; i += FOLD) {
		const uint64_t *e = table + i;

		if (!(((scan_and8(e) & scan_and8(e + 8)) &
		       (scan_and8(e + 16) & scan_and8(e + 24))) &
		      mask) &&
		    ((scan_or8(e) | scan_or8(e + 8)) |
		     (scan_or8(e + 16) | scan_or8(e + 24))) != 0)
			break;
	}
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
	uint32_t group;

	while (i < end) {
		if (s->config.what == TDXC_SCAN_SHARED)
			i = s->config.polarity == TDXC_SHARED_IS_SET
				    ? scan_skip_clear(table, i, end,
						      s->shared_mask)
				    : scan_skip_set(table, i, end,
						    s->shared_mask);
		group = end - i > FOLD ? i + FOLD : end;
		for (; i < group; i++) {
			if (scan_wanted(s, table[i]))
				return i;
		}
	}
	return end;
}

/* ---- addresses ---- */

static uint32_t scan_index(uint64_t frame, uint32_t level)
{
	return (uint32_t)(frame >> tdxc_level_shift(level)) &
	       (TDXC_ENTRIES - 1);
}

static uint64_t scan_va(uint32_t levels, uint64_t frame)
{
	uint32_t bits = 12 + 9 * levels;
	uint64_t va = frame << 12;

	return va >> (bits - 1) ? va | ~0ull << bits : va;
}

/* Frame of a canonical address, counted as the tables do. */
static bool scan_frame(uint32_t levels, uint64_t va, uint64_t *frame)
{
	uint32_t bits = 12 + 9 * levels;
	uint64_t top = va >> (bits - 1);

	*frame = (va & ((1ull << bits) - 1)) >> 12;
	return top == 0 || top == ~0ull >> (bits - 1);
}

static bool scan_span(const struct tdxc_scan_config *c, struct scan_span *span)
{
	if (c->levels < TDXC_MIN_LEVELS || c->levels > TDXC_MAX_LEVELS ||
	    ((c->start | c->end) & 0xFFF) != 0 ||
	    (c->end != 0 && c->end <= c->start))
		return false;
	if (!scan_frame(c->levels, c->start, &span->first) ||
	    !scan_frame(c->levels, c->end - 1, &span->stop))
		return false;
	span->stop++;
	return true;
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

/* The entry of level 2 or higher that maps the next frame. TDXC_SCAN_END here
 * says that there is nothing to report: go on. */
static enum tdxc_scan_event scan_upper(struct tdxc_scan *s,
				       struct tdxc_scan_leaf *out)
{
	uint32_t level = s->level;
	uint64_t *slot = s->table[level] + scan_index(s->at, level);
	uint64_t entry = tdxc_load_once(slot);
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
		scan_pass(s, level);
		return TDXC_SCAN_END;
	}
	if ((entry & TDXC_PTE_PRESENT) == 0) {
		scan_pass(s, level);
		return TDXC_SCAN_END;
	}
	bad = scan_judge(s, entry, level);
	if (bad == TDXC_SCAN_GOOD) {
		if (s->tables_left == 0)
			return TDXC_SCAN_BUDGET;
		bad = scan_map(s, entry & s->pa_mask, level - 1);
	}
	return bad ? scan_report(s, out, bad) : TDXC_SCAN_END;
}

/* The next entry of a leaf table that is reported, else its end. */
static enum tdxc_scan_event scan_lowest(struct tdxc_scan *s,
					struct tdxc_scan_leaf *out)
{
	uint64_t *table = s->table[TDXC_LEVEL_4K];
	uint32_t i = (uint32_t)s->at & (TDXC_ENTRIES - 1);
	uint64_t left = s->stop - s->at;
	uint32_t end =
		left < TDXC_ENTRIES - i ? i + (uint32_t)left : TDXC_ENTRIES;
	uint32_t found = scan_find(s, table, i, end);

	s->at += found - i;
	if (found == end) {
		s->at--;
		scan_pass(s, TDXC_LEVEL_4K);
		return TDXC_SCAN_END;
	}
	out->slot = table + found;
	out->entry = tdxc_load_once(out->slot);
	out->level = TDXC_LEVEL_4K;
	out->va = scan_va(s->config.levels, s->at);
	out->shared = tdxc_scan_is_shared(s, out->entry);
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

enum tdxc_scan_event tdxc_scan_leaf(struct tdxc_scan *s,
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
		s->ahead_event = tdxc_scan_leaf(s, &s->ahead);
	return s->ahead_event;
}

enum tdxc_scan_event tdxc_scan_run(struct tdxc_scan *s,
				   struct tdxc_scan_run *out)
{
	uint32_t event;

	memset(out, 0, sizeof(*out));
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
	while (event == TDXC_SCAN_LEAF && scan_joins(out, &s->ahead)) {
		scan_join(out, &s->ahead);
		s->ahead_event = TDXC_SCAN_END;
		event = scan_peek(s);
	}
	return TDXC_SCAN_LEAF;
}

/* ---- setting up ---- */

void tdxc_scan_restart(struct tdxc_scan *s)
{
	memset(s->table, 0, sizeof(s->table));
	memset(s->path, 0xFF, sizeof(s->path));
	s->level = s->config.levels;
}

static bool scan_config_ok(const struct tdxc_scan_config *c)
{
	if (c->abi != TDXC_ABI || (c->root & 0xFFF) != 0 ||
	    (c->virt & 0xFFF) != 0 || c->max_tables == 0)
		return false;
	if (c->ops != NULL && c->ops->abi != TDXC_ABI)
		return false;
	if (c->shared_bit < TDXC_SCAN_MIN_SHARED_BIT ||
	    c->shared_bit > TDXC_SCAN_MAX_SHARED_BIT ||
	    c->pa_bits < TDXC_SCAN_MIN_PA_BITS ||
	    c->pa_bits > TDXC_SCAN_MAX_PA_BITS)
		return false;
	return (c->polarity == TDXC_SHARED_IS_SET ||
		c->polarity == TDXC_SHARED_IS_CLEAR) &&
	       (c->what == TDXC_SCAN_SHARED || c->what == TDXC_SCAN_MAPPED) &&
	       tdxc_range_first_unsorted(c->ram, c->nr_ram) == c->nr_ram;
}

int tdxc_scan_begin(struct tdxc_scan *s, const struct tdxc_scan_config *config)
{
	struct scan_span span;

	memset(s, 0, sizeof(*s));
	if (!scan_config_ok(config) || !scan_span(config, &span))
		return TDXC_E_INVAL;
	s->shared_mask = 1ull << config->shared_bit;
	s->pa_mask = TDXC_PTE_PA_MASK & ((1ull << config->pa_bits) - 1);
	if (config->polarity == TDXC_SHARED_IS_SET)
		s->pa_mask &= s->shared_mask - 1;
	s->pa_mask &= ~s->shared_mask;
	if (config->root & ~s->pa_mask)
		return TDXC_E_RANGE;
	s->config = *config;
	s->at = span.first;
	s->stop = span.stop;
	s->tables_left = config->max_tables;
	tdxc_scan_restart(s);
	return TDXC_OK;
}

/* Where part begins: span->first for part 0, span->stop for the one past. */
static uint64_t scan_cut(const struct scan_span *span, uint32_t parts,
			 uint32_t part)
{
	uint64_t frames = span->stop - span->first;
	uint64_t unit = tdxc_level_frames(TDXC_LEVEL_1G);
	uint64_t cut = span->first + frames / parts * part +
		       frames % parts * part / parts;

	if (part == 0)
		return span->first;
	cut = (cut + unit - 1) & ~(unit - 1);
	return part == parts || cut > span->stop ? span->stop : cut;
}

int tdxc_scan_split(const struct tdxc_scan_config *config, uint32_t parts,
		    uint32_t part, uint64_t *start, uint64_t *end)
{
	struct scan_span span;
	uint64_t first;
	uint64_t stop;

	if (parts == 0 || parts > TDXC_SCAN_MAX_PARTS || part >= parts ||
	    !scan_span(config, &span))
		return TDXC_E_INVAL;
	first = scan_cut(&span, parts, part);
	stop = scan_cut(&span, parts, part + 1);
	if (first >= stop)
		return TDXC_E_NOENT;
	*start = scan_va(config->levels, first);
	*end = scan_va(config->levels, stop - 1) + TDXC_PAGE_SIZE;
	return TDXC_OK;
}
