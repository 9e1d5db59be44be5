/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * /proc/iomem: `START-END : NAME`, hex, inclusive end, children indented.
 *
 * Only lines without indentation count: a child ("Kernel code" inside "System
 * RAM") is part of what it stands under, and no overlap. RAM is "System RAM" to
 * the letter. Memory that a driver added, "System RAM (kmem)" or "System RAM
 * (virtio_mem)", is not: by Linux's own description (add_memory_driver_managed)
 * it is not in the memory map of the firmware, so no CMR vouches for it.
 *
 * To a reader without CAP_SYS_ADMIN the kernel shows every address as zero.
 */
#include "parse.h"

#define EXPECTED "\"START-END : NAME\" of /proc/iomem (hex, inclusive end)"

static bool is_hidden(const struct map_reader *whole)
{
	struct map_reader r = *whole;
	bool any = false;

	while (map_reader_next_used(&r)) {
		map_skip_blanks(&r.line);
		if (!map_skip_word(&r.line, "00000000-00000000 : "))
			return false;
		any = true;
	}
	return any;
}

static int iomem_line(struct map_reader *r, struct map *map)
{
	struct map_cursor c = r->line;
	enum map_scan first;
	enum map_scan second;
	uint64_t start;
	uint64_t last;
	bool child;
	int err;

	map_skip_blanks(&c);
	child = c.at != r->line.at;
	first = map_scan_hex(&c, &start);
	if (first == MAP_SCAN_NONE || !map_skip_word(&c, "-"))
		return map_refuse_line(r, EXPECTED);
	second = map_scan_hex(&c, &last);
	map_skip_blanks(&c);
	if (second == MAP_SCAN_NONE || !map_skip_word(&c, ":"))
		return map_refuse_line(r, EXPECTED);
	if (first == MAP_SCAN_BIG || second == MAP_SCAN_BIG)
		return map_refuse_line(r, EXPECTED " of 64 bits at most");
	map_skip_blanks(&c);
	err = map_add_inclusive(r, &map->memory, start, last);
	if (err != MAP_OK)
		return err;
	if (child)
		map->memory.nr--;
	else
		map_set_type(&map->memory, &c, map_text_is(&c, "System RAM"));
	return MAP_OK;
}

int map_parse_iomem(struct map_reader *r, struct map *map)
{
	int err = MAP_OK;

	if (is_hidden(r)) {
		(void)map_reader_next_used(r);
		return map_refuse(r, "all addresses are hidden (shown as "
				     "zero); expected real ones: only root may "
				     "read them from /proc/iomem");
	}
	while (err == MAP_OK && map_reader_next_used(r))
		err = iomem_line(r, map);
	return err;
}
