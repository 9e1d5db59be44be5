/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Convertible memory: lists of CMRs, and the two ways to guess them from the
 * map alone.
 */
#include "parse.h"

#include <stdlib.h>
#include <string.h>

#include <tdxcore/cmr.h>
#include <tdxcore/err.h>

#define LOG_MARK	"CMR:"
#define LOG_EXPECTED	"\"CMR: [0xSTART, 0xEND)\""
#define LINE_EXPECTED	"\"BASE SIZE\" (hex), or a boot log with " LOG_EXPECTED
#define OPTION_EXPECTED "BASE:SIZE (hex)"
#define TOO_BIG		"numbers of 64 bits at most"

/* --cmr span never joins memory below 4 GiB with memory above. */
#define SPAN_BORDER 0x100000000ull

/* BASE SIZE or BASE:SIZE; MAP_SCAN_NONE if not so. */
static enum map_scan scan_pair(struct map_cursor *c, const char *between,
			       uint64_t *first, uint64_t *second)
{
	enum map_scan a = map_scan_hex(c, first);
	enum map_scan b;

	if (a == MAP_SCAN_NONE || !map_skip_word(c, between))
		return MAP_SCAN_NONE;
	b = map_scan_hex(c, second);
	return a == MAP_SCAN_OK || b == MAP_SCAN_NONE ? b : a;
}

/* No module reports more; what --cmr ram guesses does not come through here. */
static int add_cmr(const struct map_reader *r, struct map_list *cmrs,
		   uint64_t base, uint64_t size)
{
	if (cmrs->nr >= TDXC_MAX_CMRS)
		return map_refuse(r,
				  "more CMRs than a TDX module reports; "
				  "expected %d at most",
				  TDXC_MAX_CMRS);
	return map_add_sized(r, cmrs, base, size);
}

static int cmr_log_line(const struct map_reader *r, struct map_list *cmrs)
{
	struct map_cursor c = r->line;
	enum map_scan scan;
	uint64_t start;
	uint64_t end;

	if (!map_skip_past(&c, LOG_MARK))
		return MAP_OK;
	map_skip_blanks(&c);
	if (!map_skip_word(&c, "["))
		return map_refuse_line(r, LOG_EXPECTED);
	scan = scan_pair(&c, ", ", &start, &end);
	if (scan == MAP_SCAN_NONE || !map_skip_word(&c, ")"))
		return map_refuse_line(r, LOG_EXPECTED);
	if (scan == MAP_SCAN_BIG)
		return map_refuse_line(r, TOO_BIG);
	if (start >= end)
		return map_add_exclusive(r, cmrs, start, end);
	return add_cmr(r, cmrs, start, end - start);
}

static int cmr_plain_line(const struct map_reader *r, struct map_list *cmrs)
{
	struct map_cursor c = r->line;
	enum map_scan a;
	enum map_scan b;
	uint64_t base;
	uint64_t size;

	map_skip_blanks(&c);
	a = map_scan_hex(&c, &base);
	map_skip_blanks(&c);
	b = map_scan_hex(&c, &size);
	map_skip_blanks(&c);
	if (a == MAP_SCAN_NONE || b == MAP_SCAN_NONE ||
	    (!map_at_end(&c) && *c.at != '#'))
		return map_refuse_line(r, LINE_EXPECTED);
	if (a == MAP_SCAN_BIG || b == MAP_SCAN_BIG)
		return map_refuse_line(r, TOO_BIG);
	return add_cmr(r, cmrs, base, size);
}

int map_parse_cmrs(const char *text, size_t len, const char *name,
		   struct map_list *cmrs, struct map_error *error)
{
	bool log = map_text_has(text, len, LOG_MARK);
	struct map_reader r;
	int err = MAP_OK;

	memset(cmrs, 0, sizeof *cmrs);
	map_reader_init(&r, text, len, name, error);
	while (err == MAP_OK && map_reader_next_used(&r))
		err = log ? cmr_log_line(&r, cmrs) : cmr_plain_line(&r, cmrs);
	if (err == MAP_OK && cmrs->nr == 0) {
		r.number = 1;
		err = map_refuse(&r, "no CMR in it; expected lines of %s",
				 LINE_EXPECTED);
	}
	if (err != MAP_OK)
		map_list_free(cmrs);
	return err;
}

int map_option_cmr(const char *arg, struct map_list *cmrs,
		   struct map_error *error)
{
	struct map_reader r;
	struct map_cursor c;
	enum map_scan scan;
	uint64_t base;
	uint64_t size;

	map_reader_init(&r, arg, strlen(arg), "--cmr", error);
	r.line = r.rest;
	c = r.line;
	scan = scan_pair(&c, ":", &base, &size);
	if (scan == MAP_SCAN_NONE || !map_at_end(&c))
		return map_refuse_line(&r, OPTION_EXPECTED);
	if (scan == MAP_SCAN_BIG)
		return map_refuse_line(&r, TOO_BIG);
	return add_cmr(&r, cmrs, base, size);
}

/* The list as the module would report it; NULL: no memory. */
static struct tdxc_cmr *cmrs_as_reported(const struct map_list *list)
{
	struct tdxc_cmr *raw = calloc(list->nr + 1, sizeof *raw);
	size_t i;

	for (i = 0; raw && i < list->nr; i++) {
		raw[i].base = list->entries[i].range.start;
		raw[i].size = tdxc_range_size(list->entries[i].range);
	}
	return raw;
}

int map_cmrs_listed(const struct map_list *list, const char *name,
		    struct tdxc_range **cmrs, size_t *nr,
		    struct map_error *error)
{
	struct tdxc_cmr *raw = cmrs_as_reported(list);
	struct tdxc_range *out = calloc(list->nr + 1, sizeof *out);
	struct tdxc_cmr_fault fault = {TDXC_CMR_FAULT_NONE, 0};
	struct map_reader r;
	int err = MAP_OK;

	*cmrs = NULL;
	*nr = 0;
	map_reader_init(&r, "", 0, name, error);
	if (!raw || !out) {
		err = map_refuse_memory(&r);
	} else if (tdxc_cmr_read(raw, list->nr, MAP_PA_BITS, out, nr, &fault) !=
		   TDXC_OK) {
		if (fault.index < list->nr)
			r.number = list->entries[fault.index].line;
		err = map_refuse(&r,
				 "%s; expected CMRs as a TDX module reports "
				 "them",
				 tdxc_cmr_fault_text(fault.kind));
	}
	free(raw);
	if (err == MAP_OK)
		*cmrs = out;
	else
		free(out);
	return err;
}

int map_cmrs_ram(const struct map *map, struct tdxc_range **cmrs, size_t *nr)
{
	struct tdxc_plan_ram *ram;
	size_t nr_ram;

	*cmrs = NULL;
	*nr = 0;
	if (map_ram(map, &ram, &nr_ram) != MAP_OK)
		return MAP_E_NOMEM;
	*cmrs = calloc(nr_ram + 1, sizeof **cmrs);
	if (*cmrs)
		*nr = layout_cmrs(ram, nr_ram, *cmrs);
	free(ram);
	return *cmrs ? MAP_OK : MAP_E_NOMEM;
}

/* Every byte that the map says anything about. */
static struct tdxc_range *described_ranges(const struct map *map, size_t *nr)
{
	struct tdxc_range *out = calloc(map->memory.nr + 1, sizeof *out);
	size_t i;

	for (i = 0; out && i < map->memory.nr; i++)
		out[i] = map->memory.entries[i].range;
	*nr = out ? tdxc_range_join(out, map->memory.nr) : 0;
	return out;
}

/* Not from RAM that ends at or below the border to RAM at or above it. */
static bool span_may_bridge(struct tdxc_range gap)
{
	return gap.start > SPAN_BORDER || gap.end < SPAN_BORDER;
}

/* Bridge gaps in the RAM that the map describes. */
static size_t span_gaps(struct tdxc_range *cmrs, size_t nr,
			const struct tdxc_range *described, size_t nr_described)
{
	struct tdxc_range gap;
	size_t n = 0;
	size_t i;

	for (i = 0; i < nr; i++) {
		gap.start = n > 0 ? cmrs[n - 1].end : 0;
		gap.end = cmrs[i].start;
		if (n > 0 && span_may_bridge(gap) &&
		    tdxc_range_list_covers(described, nr_described, gap))
			cmrs[n - 1].end = cmrs[i].end;
		else
			cmrs[n++] = cmrs[i];
	}
	return n;
}

int map_cmrs_span(const struct map *map, struct tdxc_range **cmrs, size_t *nr)
{
	struct tdxc_range *described;
	size_t nr_described;

	if (map_cmrs_ram(map, cmrs, nr) != MAP_OK)
		return MAP_E_NOMEM;
	described = described_ranges(map, &nr_described);
	if (!described) {
		free(*cmrs);
		*cmrs = NULL;
		*nr = 0;
		return MAP_E_NOMEM;
	}
	*nr = span_gaps(*cmrs, *nr, described, nr_described);
	free(described);
	return MAP_OK;
}
