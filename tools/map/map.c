/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * A memory map, whatever its format: read it, sort it, refuse overlaps.
 */
#include "parse.h"

#include <string.h>

static int map_check(struct map_reader *r, struct map *map)
{
	if (r->number == 0)
		r->number = 1;
	if (map->memory.nr == 0)
		return map_refuse(r,
				  "no memory range in it (%s); expected at "
				  "least one",
				  map_format_name(map->format));
	map_list_sort(&map->memory);
	return map_refuse_overlap(r, &map->memory);
}

static int map_dispatch(struct map_reader *r, struct map *map)
{
	switch (map->format) {
	case MAP_BOOTLOG:
		return map_parse_bootlog(r, map);
	case MAP_IOMEM:
		return map_parse_iomem(r, map);
	case MAP_EFI:
		return map_parse_efi(r, map);
	case MAP_JSON:
		return map_parse_json(r, map);
	case MAP_PLAIN:
	case MAP_NR_FORMATS:
		break;
	}
	return map_parse_plain(r, map);
}

int map_parse_as(enum map_format format, const char *text, size_t len,
		 const char *name, struct map *map, struct map_error *error)
{
	struct map_reader r;
	int err;

	memset(map, 0, sizeof *map);
	map->format = format;
	map_reader_init(&r, text, len, name, error);
	err = map_dispatch(&r, map);
	if (err == MAP_OK)
		err = map_check(&r, map);
	if (err != MAP_OK)
		map_free(map);
	return err;
}

int map_parse(const char *text, size_t len, const char *name, struct map *map,
	      struct map_error *error)
{
	return map_parse_as(map_detect(text, len), text, len, name, map, error);
}

void map_free(struct map *map)
{
	map_list_free(&map->memory);
	map_list_free(&map->cmrs);
}
