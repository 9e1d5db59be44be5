/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Plain maps: `START END TYPE...`, hex with or without 0x, inclusive end. The
 * type runs to the end of the line, or to a `#`.
 */
#include "parse.h"

#include <string.h>

#define EXPECTED "\"START END TYPE\" (hex, inclusive end)"

/* The type: what is left of the line, without a comment behind it. */
static struct map_cursor plain_type(struct map_cursor c)
{
	const char *hash = memchr(c.at, '#', (size_t)(c.end - c.at));

	if (hash)
		c.end = hash;
	map_skip_blanks(&c);
	while (c.end > c.at && (c.end[-1] == ' ' || c.end[-1] == '\t'))
		c.end--;
	return c;
}

static int plain_line(struct map_reader *r, struct map *map)
{
	struct map_cursor c = r->line;
	struct map_cursor type;
	enum map_scan first;
	enum map_scan second;
	uint64_t start;
	uint64_t last;
	int err;

	map_skip_blanks(&c);
	first = map_scan_hex(&c, &start);
	map_skip_blanks(&c);
	second = map_scan_hex(&c, &last);
	type = plain_type(c);
	if (first == MAP_SCAN_NONE || second == MAP_SCAN_NONE ||
	    map_at_end(&type))
		return map_refuse_line(r, EXPECTED);
	if (first == MAP_SCAN_BIG || second == MAP_SCAN_BIG)
		return map_refuse_line(r, EXPECTED " of 64 bits at most");
	err = map_add_inclusive(r, &map->memory, start, last);
	if (err == MAP_OK)
		map_set_type(&map->memory, &type, map_type_is_ram(&type));
	return err;
}

int map_parse_plain(struct map_reader *r, struct map *map)
{
	int err = MAP_OK;

	while (err == MAP_OK && map_reader_next_used(r))
		err = plain_line(r, map);
	return err;
}
