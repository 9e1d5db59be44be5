/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Which part of the address space a scan walks, and whether what it was told
 * makes sense.
 */
#include <tdxcore/err.h>
#include <tdxcore/scan.h>
#include <tdxcore/version.h>

#include "scan_work.h"

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
	s->table_mask = TDXC_PTE_PRESENT | TDXC_PTE_PS |
			(TDXC_PTE_PA_MASK & ~s->pa_mask);
	s->table_bits = TDXC_PTE_PRESENT;
	if (config->polarity == TDXC_SHARED_IS_CLEAR)
		s->table_bits |= s->shared_mask;
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
