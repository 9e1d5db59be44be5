/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * From a map to the planner's RAM: whole pages, joined where nothing is between
 * them.
 */
#include "parse.h"

#include <stdlib.h>

static uint64_t page_down(uint64_t address)
{
	return address & ~(TDXC_PAGE_SIZE - 1);
}

static uint64_t page_up(uint64_t address)
{
	return page_down(address + TDXC_PAGE_SIZE - 1);
}

/* End of the run of touching RAM entries that starts with entry i. */
static uint64_t run_end(const struct map_list *memory, size_t i)
{
	const struct map_entry *e = memory->entries;

	while (i + 1 < memory->nr && e[i + 1].ram &&
	       e[i + 1].range.start == e[i].range.end)
		i++;
	return e[i].range.end;
}

static size_t append(struct tdxc_plan_ram *ram, size_t n, uint64_t start,
		     uint64_t end, uint32_t node)
{
	if (start >= end)
		return n;
	if (n > 0 && ram[n - 1].range.end == start && ram[n - 1].node == node) {
		ram[n - 1].range.end = end;
		return n;
	}
	ram[n].range.start = start;
	ram[n].range.end = end;
	ram[n].node = node;
	return n + 1;
}

int map_ram(const struct map *map, struct tdxc_plan_ram **ram, size_t *nr)
{
	const struct map_entry *e = map->memory.entries;
	struct tdxc_plan_ram *out = calloc(map->memory.nr + 1, sizeof *out);
	uint64_t end = UINT64_MAX; /* Of the entry before: none starts there. */
	uint64_t limit = 0;
	size_t n = 0;
	size_t i;

	*ram = NULL;
	*nr = 0;
	if (!out)
		return MAP_E_NOMEM;
	for (i = 0; i < map->memory.nr; i++) {
		if (!e[i].ram)
			continue;
		if (e[i].range.start != end)
			limit = page_down(run_end(&map->memory, i));
		end = e[i].range.end;
		/* A page that two touching ranges share goes to the lower. */
		n = append(out, n, page_up(e[i].range.start),
			   page_up(end) < limit ? page_up(end) : limit,
			   e[i].node);
	}
	*ram = out;
	*nr = n;
	return MAP_OK;
}
