/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Maps, NUMA lists and CMR lists from bytes. Whatever comes in: no fault, no
 * leak; a refusal has a printable text and leaves nothing; an accepted list is
 * sorted, free of overlap and below the width, and so is what is made of it.
 *
 * Byte 0 chooses the reader: detection, one of the formats, one of the lists,
 * the options, or a NUMA list and, behind a NUL, the map it is applied to.
 */
#include <stdlib.h>
#include <string.h>

#include <tdxcore/cmr.h>

#include "map/map.h"

#define REQUIRE(condition)                                                     \
	do {                                                                   \
		if (!(condition))                                              \
			abort();                                               \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum reader {
	READ_DETECTED = MAP_NR_FORMATS, /* Below: that format. */
	READ_NUMA,
	READ_CMRS,
	READ_OPTIONS,
	READ_MAP_AND_NUMA,
	NR_READERS
};

static void require_refusal(int result, const struct map_error *error)
{
	const char *c;

	REQUIRE(result == MAP_E_INPUT);
	REQUIRE(memchr(error->text, '\0', sizeof error->text));
	REQUIRE(error->text[0] != '\0');
	for (c = error->text; *c != '\0'; c++)
		REQUIRE(*c >= ' ' && *c <= '~');
}

static void require_entry(const struct map_entry *e)
{
	REQUIRE(!tdxc_range_is_empty(e->range));
	REQUIRE((e->range.end - 1) >> MAP_PA_BITS == 0);
	REQUIRE(memchr(e->type, '\0', sizeof e->type));
	REQUIRE(e->node <= MAP_MAX_NODE);
}

static void require_sorted(const struct map_list *list)
{
	size_t i;

	for (i = 0; i < list->nr; i++) {
		require_entry(&list->entries[i]);
		REQUIRE(i == 0 || list->entries[i - 1].range.end <=
					  list->entries[i].range.start);
	}
}

/* Ranges as tdxc_plan_make() wants them, none in two pages of a third. */
static void require_ram(const struct tdxc_plan_ram *ram, size_t nr)
{
	size_t i;

	for (i = 0; i < nr; i++) {
		REQUIRE(!tdxc_range_is_empty(ram[i].range));
		REQUIRE((ram[i].range.start | ram[i].range.end) %
				TDXC_PAGE_SIZE ==
			0);
		REQUIRE(i == 0 || ram[i - 1].range.end < ram[i].range.start ||
			(ram[i - 1].range.end == ram[i].range.start &&
			 ram[i - 1].node != ram[i].node));
	}
}

static void require_cmrs(const struct tdxc_range *cmrs, size_t nr)
{
	size_t i;

	REQUIRE(tdxc_range_first_unsorted(cmrs, nr) == nr);
	for (i = 0; i < nr; i++) {
		REQUIRE((cmrs[i].start | cmrs[i].end) % TDXC_PAGE_SIZE == 0);
		REQUIRE(cmrs[i].start >= TDXC_PLAN_LEGACY_END);
		REQUIRE(i == 0 || cmrs[i - 1].end < cmrs[i].start);
	}
}

/* All RAM above 1 MiB is in both guesses, and ram lies within span. */
static void use_map(const struct map *map)
{
	const struct tdxc_range above = {TDXC_PLAN_LEGACY_END, UINT64_MAX};
	struct tdxc_plan_ram *ram;
	struct tdxc_range *narrow;
	struct tdxc_range *wide;
	struct tdxc_range r;
	size_t nr_narrow;
	size_t nr_wide;
	size_t nr;
	size_t i;

	REQUIRE(map_ram(map, &ram, &nr) == MAP_OK);
	REQUIRE(map_cmrs_ram(map, &narrow, &nr_narrow) == MAP_OK);
	REQUIRE(map_cmrs_span(map, &wide, &nr_wide) == MAP_OK);
	require_ram(ram, nr);
	require_cmrs(narrow, nr_narrow);
	require_cmrs(wide, nr_wide);
	for (i = 0; i < nr; i++) {
		r = tdxc_range_intersect(ram[i].range, above);
		REQUIRE(tdxc_range_is_empty(r) ||
			tdxc_range_list_covers(narrow, nr_narrow, r));
	}
	for (i = 0; i < nr_narrow; i++)
		REQUIRE(tdxc_range_list_covers(wide, nr_wide, narrow[i]));
	free(ram);
	free(narrow);
	free(wide);
}

static void use_cmrs(const struct map_list *list)
{
	struct tdxc_range *cmrs;
	struct map_error error;
	size_t nr;
	int result = map_cmrs_listed(list, "cmrs", &cmrs, &nr, &error);

	if (result != MAP_OK) {
		require_refusal(result, &error);
		return;
	}
	REQUIRE(tdxc_range_first_unsorted(cmrs, nr) == nr);
	REQUIRE(nr <= list->nr);
	free(cmrs);
}

static void fuzz_map(enum reader reader, const char *text, size_t len,
		     const struct map_list *nodes)
{
	struct map_error error = {NULL, 0, ""};
	uint64_t uncovered;
	struct map map;
	int result;

	if (reader >= READ_DETECTED)
		result = map_parse(text, len, "map", &map, &error);
	else
		result = map_parse_as((enum map_format)reader, text, len, "map",
				      &map, &error);
	if (result != MAP_OK) {
		require_refusal(result, &error);
		REQUIRE(!map.memory.entries && !map.cmrs.entries);
		return;
	}
	REQUIRE(map.memory.nr > 0);
	require_sorted(&map.memory);
	use_map(&map);
	if (map.cmrs.nr > 0)
		use_cmrs(&map.cmrs);
	if (nodes) {
		REQUIRE(map_apply_nodes(&map, nodes, &uncovered, &error) ==
			MAP_OK);
		require_sorted(&map.memory);
		use_map(&map);
	}
	map_free(&map);
}

static void fuzz_numa(const char *text, size_t len)
{
	struct map_error error = {NULL, 0, ""};
	struct map_list nodes;
	int result = map_parse_numa(text, len, "numa", &nodes, &error);

	if (result != MAP_OK) {
		require_refusal(result, &error);
		REQUIRE(!nodes.entries);
		return;
	}
	require_sorted(&nodes);
	map_list_free(&nodes);
}

static void fuzz_cmrs(const char *text, size_t len)
{
	struct map_error error = {NULL, 0, ""};
	struct map_list cmrs;
	int result = map_parse_cmrs(text, len, "cmrs", &cmrs, &error);

	if (result != MAP_OK) {
		require_refusal(result, &error);
		REQUIRE(!cmrs.entries);
		return;
	}
	REQUIRE(cmrs.nr > 0 && cmrs.nr <= TDXC_MAX_CMRS);
	use_cmrs(&cmrs);
	map_list_free(&cmrs);
}

/* Options are strings: the text up to its first NUL. */
static void fuzz_options(const char *text, size_t len)
{
	struct map_error error = {NULL, 0, ""};
	struct map_list list = {NULL, 0, 0};
	char *arg = malloc(len + 1);
	int result;

	REQUIRE(arg);
	memcpy(arg, text, len);
	arg[len] = '\0';
	result = map_option_node(arg, &list, &error);
	if (result != MAP_OK)
		require_refusal(result, &error);
	result = map_option_cmr(arg, &list, &error);
	if (result != MAP_OK)
		require_refusal(result, &error);
	require_sorted(&list);
	map_list_free(&list);
	free(arg);
}

static void fuzz_map_and_numa(const char *text, size_t len)
{
	const char *nul = memchr(text, '\0', len);
	struct map_error error = {NULL, 0, ""};
	struct map_list nodes;
	size_t first;

	if (!nul)
		return;
	first = (size_t)(nul - text);
	if (map_parse_numa(text, first, "numa", &nodes, &error) != MAP_OK)
		return;
	fuzz_map(READ_MAP_AND_NUMA, nul + 1, len - first - 1, &nodes);
	map_list_free(&nodes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text;
	size_t len;

	if (size == 0)
		return 0;
	text = (const char *)data + 1;
	len = size - 1;
	switch (data[0] % NR_READERS) {
	case READ_NUMA:
		fuzz_numa(text, len);
		break;
	case READ_CMRS:
		fuzz_cmrs(text, len);
		break;
	case READ_OPTIONS:
		fuzz_options(text, len);
		break;
	case READ_MAP_AND_NUMA:
		fuzz_map_and_numa(text, len);
		break;
	default:
		fuzz_map((enum reader)(data[0] % NR_READERS), text, len, NULL);
		break;
	}
	return 0;
}
