/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Linux boot logs: `BIOS-e820: [mem 0xA-0xB] usable`, behind any prefix.
 *
 * Only the map as the firmware gave it is read. The same table is printed again
 * under other names when the kernel or its command line changed it
 * ("modified:", "user:", "e820: update"); those lines are not what firmware and
 * TDX module see, and all other lines of a log are none of our business.
 *
 * Kernels from the e820 rework of 2025 on also print gaps ("[gap 0xA-0xB]") and
 * a size ahead of the type ("639   KB System RAM"). The type has no digit in
 * front, so the size can be told apart and is skipped.
 */
#include "parse.h"

#define MARK	 "BIOS-e820:"
#define EXPECTED "\"BIOS-e820: [mem 0xSTART-0xEND] TYPE\""

/* "639   KB" or "31.2 GB", if it stands here. */
static void bootlog_skip_size(struct map_cursor *c)
{
	static const char *const units[] = {"B ", "KB ", "MB ", "GB ", "TB "};
	struct map_cursor size = *c;
	uint64_t value;
	size_t i;

	if (map_scan_decimal(&size, &value) != MAP_SCAN_OK)
		return;
	if (map_skip_word(&size, "."))
		(void)map_scan_decimal(&size, &value);
	map_skip_blanks(&size);
	for (i = 0; i < sizeof units / sizeof units[0]; i++) {
		if (map_skip_word(&size, units[i])) {
			map_skip_blanks(&size);
			*c = size;
			return;
		}
	}
}

/* The cursor stands behind the mark. */
static int bootlog_entry(struct map_reader *r, struct map *map,
			 struct map_cursor c)
{
	enum map_scan first;
	enum map_scan second;
	uint64_t start;
	uint64_t last;
	int err;

	map_skip_blanks(&c);
	if (map_skip_word(&c, "[gap "))
		return MAP_OK;
	if (!map_skip_word(&c, "[mem "))
		return map_refuse_line(r, EXPECTED);
	first = map_scan_hex(&c, &start);
	if (first == MAP_SCAN_NONE || !map_skip_word(&c, "-"))
		return map_refuse_line(r, EXPECTED);
	second = map_scan_hex(&c, &last);
	if (second == MAP_SCAN_NONE || !map_skip_word(&c, "]"))
		return map_refuse_line(r, EXPECTED);
	if (first == MAP_SCAN_BIG || second == MAP_SCAN_BIG)
		return map_refuse_line(r, EXPECTED " of 64 bits at most");
	map_skip_blanks(&c);
	bootlog_skip_size(&c);
	if (map_at_end(&c))
		return map_refuse_line(r, EXPECTED);
	err = map_add_inclusive(r, &map->memory, start, last);
	if (err == MAP_OK)
		map_set_type(&map->memory, &c, map_type_is_ram(&c));
	return err;
}

int map_parse_bootlog(struct map_reader *r, struct map *map)
{
	struct map_cursor c;
	int err = MAP_OK;

	while (err == MAP_OK && map_reader_next_used(r)) {
		c = r->line;
		if (map_skip_past(&c, MARK))
			err = bootlog_entry(r, map, c);
	}
	return err;
}
