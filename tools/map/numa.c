/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * NUMA nodes: `NODE START END` lines, `START-END:NODE` options, and giving RAM
 * the node it belongs to.
 */
#include "parse.h"

#include <inttypes.h>
#include <string.h>

#define LINE_EXPECTED                                                          \
	"\"NODE START END\" (decimal, then hex with an inclusive end)"
#define OPTION_EXPECTED                                                        \
	"START-END:NODE (hex with an inclusive end, then decimal)"

struct numa_line {
	struct tdxc_range inclusive;
	uint64_t node;
	enum map_scan start;
	enum map_scan last;
	enum map_scan number;
};

static int numa_add(const struct map_reader *r, struct map_list *nodes,
		    const struct numa_line *n, const char *expected)
{
	int err;

	if (n->start == MAP_SCAN_NONE || n->last == MAP_SCAN_NONE ||
	    n->number == MAP_SCAN_NONE)
		return map_refuse_line(r, expected);
	if (n->start == MAP_SCAN_BIG || n->last == MAP_SCAN_BIG)
		return map_refuse(r,
				  "address of more than 64 bits; expected "
				  "%s",
				  expected);
	if (n->number == MAP_SCAN_BIG || n->node > MAP_MAX_NODE)
		return map_refuse(r, "node number too large; expected 0 to %d",
				  MAP_MAX_NODE);
	err = map_add_inclusive(r, nodes, n->inclusive.start, n->inclusive.end);
	if (err != MAP_OK)
		return err;
	nodes->entries[nodes->nr - 1].has_node = true;
	nodes->entries[nodes->nr - 1].node = (uint32_t)n->node;
	return MAP_OK;
}

static int numa_read_line(const struct map_reader *r, struct map_list *nodes)
{
	struct map_cursor c = r->line;
	struct numa_line n;

	map_skip_blanks(&c);
	n.number = map_scan_decimal(&c, &n.node);
	map_skip_blanks(&c);
	n.start = map_scan_hex(&c, &n.inclusive.start);
	map_skip_blanks(&c);
	n.last = map_scan_hex(&c, &n.inclusive.end);
	map_skip_blanks(&c);
	if (!map_at_end(&c) && *c.at != '#')
		n.last = MAP_SCAN_NONE;
	return numa_add(r, nodes, &n, LINE_EXPECTED);
}

int map_parse_numa(const char *text, size_t len, const char *name,
		   struct map_list *nodes, struct map_error *error)
{
	struct map_reader r;
	int err = MAP_OK;

	memset(nodes, 0, sizeof *nodes);
	map_reader_init(&r, text, len, name, error);
	while (err == MAP_OK && map_reader_next_used(&r))
		err = numa_read_line(&r, nodes);
	if (err == MAP_OK && nodes->nr == 0) {
		r.number = 1;
		err = map_refuse(&r,
				 "no node in it; expected lines of "
				 "%s",
				 LINE_EXPECTED);
	}
	if (err == MAP_OK)
		err = map_check_nodes(nodes, name, error);
	if (err != MAP_OK)
		map_list_free(nodes);
	return err;
}

int map_option_node(const char *arg, struct map_list *nodes,
		    struct map_error *error)
{
	struct map_reader r;
	struct map_cursor c;
	struct numa_line n;

	map_reader_init(&r, arg, strlen(arg), "--node", error);
	r.line = r.rest;
	c = r.line;
	n.start = map_scan_hex(&c, &n.inclusive.start);
	if (!map_skip_word(&c, "-"))
		return map_refuse_line(&r, OPTION_EXPECTED);
	n.last = map_scan_hex(&c, &n.inclusive.end);
	if (!map_skip_word(&c, ":"))
		return map_refuse_line(&r, OPTION_EXPECTED);
	n.number = map_scan_decimal(&c, &n.node);
	if (!map_at_end(&c))
		return map_refuse_line(&r, OPTION_EXPECTED);
	return numa_add(&r, nodes, &n, OPTION_EXPECTED);
}

/* Two ranges that share a byte but not the node. */
static int refuse_clash(const char *name, struct map_error *error,
			const struct map_entry *a, const struct map_entry *b)
{
	struct map_reader r;

	map_reader_init(&r, "", 0, name, error);
	r.number = a->line > b->line ? a->line : b->line;
	return map_refuse(&r,
			  "[0x%" PRIx64 ", 0x%" PRIx64 ") of node %" PRIu32
			  " overlaps [0x%" PRIx64 ", 0x%" PRIx64
			  ") of node %" PRIu32
			  "; expected every byte in one node",
			  b->range.start, b->range.end, b->node, a->range.start,
			  a->range.end, a->node);
}

int map_check_nodes(struct map_list *nodes, const char *name,
		    struct map_error *error)
{
	struct map_entry *e = nodes->entries;
	size_t kept = 0;
	size_t i;

	map_list_sort(nodes);
	for (i = 0; i < nodes->nr; i++) {
		if (kept == 0 || e[kept - 1].range.end <= e[i].range.start) {
			e[kept++] = e[i];
			continue;
		}
		if (e[kept - 1].node != e[i].node)
			return refuse_clash(name, error, &e[kept - 1], &e[i]);
		if (e[kept - 1].range.end < e[i].range.end)
			e[kept - 1].range.end = e[i].range.end;
	}
	nodes->nr = kept;
	return MAP_OK;
}

static uint64_t page_up(uint64_t address)
{
	return (address + TDXC_PAGE_SIZE - 1) & ~(TDXC_PAGE_SIZE - 1);
}

/* Whole pages of [start, end) above the first MiB. @units{bytes} */
static uint64_t bytes_that_count(uint64_t start, uint64_t end)
{
	start = page_up(start);
	end &= ~(TDXC_PAGE_SIZE - 1);
	if (start < TDXC_PLAN_LEGACY_END)
		start = TDXC_PLAN_LEGACY_END;
	return start < end ? end - start : 0;
}

/* Where pieces go, and which node range comes next. */
struct numa_split {
	struct map_list out;
	const struct map_list *nodes;
	size_t next;
	uint64_t uncovered;
};

/*
 * Append the part of `e` from `start` that lies in one node, or in none;
 * returns its end. A node begins with the first page that starts inside it.
 */
static uint64_t split_piece(struct numa_split *s, const struct map_entry *e,
			    uint64_t start)
{
	const struct map_entry *node = NULL;
	struct map_entry *piece = &s->out.entries[s->out.nr];

	while (s->next < s->nodes->nr &&
	       page_up(s->nodes->entries[s->next].range.end) <= start)
		s->next++;
	if (s->next < s->nodes->nr)
		node = &s->nodes->entries[s->next];
	*piece = *e;
	piece->range.start = start;
	if (node && page_up(node->range.start) <= start) {
		piece->has_node = true;
		piece->node = node->node;
		if (page_up(node->range.end) < e->range.end)
			piece->range.end = page_up(node->range.end);
	} else {
		piece->has_node = false;
		piece->node = 0;
		if (node && page_up(node->range.start) < e->range.end)
			piece->range.end = page_up(node->range.start);
		s->uncovered += bytes_that_count(start, piece->range.end);
	}
	s->out.nr++;
	return piece->range.end;
}

int map_apply_nodes(struct map *map, const struct map_list *nodes,
		    uint64_t *uncovered, struct map_error *error)
{
	struct numa_split s = {{NULL, 0, 0}, nodes, 0, 0};
	const struct map_entry *e;
	struct map_reader r;
	uint64_t at;
	size_t i;

	/* Each border of a node cuts at most one range in two. */
	if (!map_list_reserve(&s.out, map->memory.nr + 2 * nodes->nr)) {
		map_reader_init(&r, "", 0, "", error);
		return map_refuse_memory(&r);
	}
	for (i = 0; i < map->memory.nr; i++) {
		e = &map->memory.entries[i];
		if (!e->ram) {
			s.out.entries[s.out.nr++] = *e;
			continue;
		}
		for (at = e->range.start; at < e->range.end;)
			at = split_piece(&s, e, at);
	}
	map_list_free(&map->memory);
	map->memory = s.out;
	*uncovered = s.uncovered;
	return MAP_OK;
}
