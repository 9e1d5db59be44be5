/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * A machine's memory map, read from what people have at hand: a Linux boot
 * log, plain START END TYPE lines, /proc/iomem, an EFI memory map, or the JSON
 * that `tdxcore plan --json` prints. Usable without the command line tool.
 *
 * Reading is all or nothing: on any malformed line the map stays empty and the
 * error says where and what was expected.
 */
#ifndef TDXC_TOOLS_MAP_H
#define TDXC_TOOLS_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tdxcore/cmr.h>
#include <tdxcore/plan.h>

/* Addresses a map may contain end here. */
#define MAP_PA_BITS 52

enum map_format {
	MAP_FORMAT_E820_LOG, /* BIOS-e820: [mem 0xA-0xB] usable */
	MAP_FORMAT_PLAIN,    /* START END TYPE, end inclusive */
	MAP_FORMAT_IOMEM,    /* START-END : NAME, children indented */
	MAP_FORMAT_EFI,	     /* memNN START END TYPE, end exclusive */
	MAP_FORMAT_JSON,     /* output of tdxcore plan --json */
};

/* One described range, half-open. */
struct map_entry {
	struct tdxc_range range;
	uint32_t node;
	bool ram;	/* called usable or System RAM */
	bool has_node;	/* node is known */
};

struct map_node {
	struct tdxc_range range;
	uint32_t node;
};

/* What went wrong. line is 0 where no line is to blame. */
struct map_error {
	const char *file; /* as given to the reader; not copied */
	size_t line;
	char text[192];
};

/* Sorted by address, without overlap. All arrays are owned by the map. */
struct map {
	struct map_entry *entries;
	size_t nr_entries;
	struct tdxc_cmr *cmrs; /* only in JSON maps */
	size_t nr_cmrs;
	enum map_format format;
};

/* List of CMRs as firmware gave them, in order of the file, with the line each
 * stands on. */
struct map_cmrs {
	struct tdxc_cmr *cmrs;
	size_t *lines;
	size_t nr;
};

/* All readers: 0; -1 with *error filled and nothing to free. `name` is what
 * errors call the text. A path of "-" is standard input. */
int map_parse(const char *text, size_t len, const char *name, struct map *map,
	      struct map_error *error);
int map_read(const char *path, struct map *map, struct map_error *error);
void map_free(struct map *map);

/* `NODE START END` lines, end inclusive. Sorted, no overlap. */
int map_parse_nodes(const char *text, size_t len, const char *name,
		    struct map_node **nodes, size_t *nr,
		    struct map_error *error);
int map_read_nodes(const char *path, struct map_node **nodes, size_t *nr,
		   struct map_error *error);

/* `BASE SIZE` hex lines, or the `CMR: [0xA, 0xB)` lines of a TDX boot log. */
int map_parse_cmrs(const char *text, size_t len, const char *name,
		   struct map_cmrs *cmrs, struct map_error *error);
int map_read_cmrs(const char *path, struct map_cmrs *cmrs,
		  struct map_error *error);
void map_free_cmrs(struct map_cmrs *cmrs);

/* Sort nodes; -1 with *error when two overlap. */
int map_sort_nodes(struct map_node *nodes, size_t nr, struct map_error *error);

/* RAM with its nodes: entries cut at node borders, page-trimmed, touching RAM
 * of one node joined. `nodes` (sorted) wins over what the map says; RAM in no
 * node gets 0, and its bytes are added to *unknown. Returns the count; *out is
 * malloced, NULL when there is none. SIZE_MAX: no memory. */
size_t map_ram(const struct map *map, const struct map_node *nodes,
	       size_t nr_nodes, struct tdxc_plan_ram **out, uint64_t *unknown);

/* Convertible memory is exactly the RAM above 1 MiB, or also what lies between
 * RAM without an undescribed gap, but never across 4 GiB: each CMR starts and
 * ends with RAM. Touching ones are joined. Count and *out as map_ram(). */
size_t map_cmrs_ram(const struct map *map, struct tdxc_cmr **out);
size_t map_cmrs_span(const struct map *map, struct tdxc_cmr **out);

#endif
