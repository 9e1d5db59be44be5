/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * From a map to the planner's RAM.
 */
#include "parse.h"

#include <stdlib.h>

/* The RAM among the entries; NULL: no memory. */
static struct layout_ram *ram_entries(const struct map *map, size_t *nr)
{
	const struct map_entry *e = map->memory.entries;
	struct layout_ram *ram = calloc(map->memory.nr + 1, sizeof *ram);
	size_t n = 0;
	size_t i;

	for (i = 0; ram && i < map->memory.nr; i++) {
		if (!e[i].ram)
			continue;
		ram[n].range = e[i].range;
		ram[n].node = e[i].node;
		n++;
	}
	*nr = n;
	return ram;
}

int map_ram(const struct map *map, struct tdxc_plan_ram **ram, size_t *nr)
{
	size_t nr_entries;
	struct layout_ram *entries = ram_entries(map, &nr_entries);

	*nr = 0;
	*ram = calloc(nr_entries + 1, sizeof **ram);
	if (entries && *ram)
		*nr = layout_pages(entries, nr_entries, *ram);
	if (!entries) {
		free(*ram);
		*ram = NULL;
	}
	free(entries);
	return *ram ? MAP_OK : MAP_E_NOMEM;
}
