/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Maps in JSON: a layout that `tdxcore plan --json` printed earlier.
 *
 * RAM is "memory" and "excluded" together. Nodes come from "memory"; an
 * excluded range, whose node is not printed, takes the node of the memory range
 * it touches, the lower one first, or else of the excluded range it touches.
 *
 * Jansson reads the text but keeps no positions. A message wants a line, so a
 * second, much simpler walk over the text, known to be JSON by then, finds
 * where each element of an array starts.
 */
#include "parse.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

/* Where a walk over a valid JSON text stands. */
struct json_place {
	struct map_cursor rest;
	size_t line;
};

/* What an array of ranges is read with. */
struct json_array {
	struct map_reader *r;
	struct map_list *list;
	const char *key;
	bool ram;
};

static void place_string(struct json_place *p)
{
	for (p->rest.at++; !map_at_end(&p->rest) && *p->rest.at != '"';
	     p->rest.at++)
		if (*p->rest.at == '\\')
			p->rest.at++;
	if (!map_at_end(&p->rest))
		p->rest.at++;
}

/* Step over one string or one other character; returns the depth it adds. */
static int place_step(struct json_place *p)
{
	char c = *p->rest.at;

	if (c == '"') {
		place_string(p);
		return 0;
	}
	p->rest.at++;
	p->line += c == '\n';
	return (c == '{' || c == '[') - (c == '}' || c == ']');
}

static void place_blanks(struct json_place *p)
{
	while (!map_at_end(&p->rest) && memchr(" \t\r\n", *p->rest.at, 4))
		(void)place_step(p);
}

/* Go to the first element of the array that the top object has under `key`. */
static void place_find(struct json_place *p, const struct map_reader *r,
		       const char *key)
{
	struct map_cursor name;
	int depth = 0;

	p->rest = r->rest;
	p->line = 1;
	while (!map_at_end(&p->rest)) {
		name.at = p->rest.at + 1;
		depth += place_step(p);
		if (depth != 1 || name.at[-1] != '"')
			continue;
		name.end = p->rest.at - 1;
		place_blanks(p);
		if (!map_skip_word(&p->rest, ":") || !map_text_is(&name, key))
			continue;
		place_blanks(p);
		(void)map_skip_word(&p->rest, "[");
		return;
	}
}

/* Step over one element of an array; returns its line. */
static size_t place_next(struct json_place *p)
{
	size_t line;
	int depth = 0;

	place_blanks(p);
	line = p->line;
	while (!map_at_end(&p->rest)) {
		if (depth == 0 && map_skip_word(&p->rest, ","))
			break;
		depth += place_step(p);
	}
	return line;
}

static bool json_hex(const json_t *value, uint64_t *out)
{
	struct map_cursor c;

	if (!json_is_string(value))
		return false;
	c.at = json_string_value(value);
	c.end = c.at + json_string_length(value);
	return (map_text_is(&c, "0") || map_skip_word(&c, "0x")) &&
	       map_scan_hex(&c, out) == MAP_SCAN_OK && map_at_end(&c);
}

static int json_node(const struct json_array *a, const json_t *node)
{
	struct map_entry *e = &a->list->entries[a->list->nr - 1];

	if (!node)
		return MAP_OK;
	if (!json_is_integer(node) || json_integer_value(node) < 0 ||
	    json_integer_value(node) > MAP_MAX_NODE)
		return map_refuse(a->r,
				  "bad \"node\" in \"%s\"; expected a number "
				  "from 0 to %d",
				  a->key, MAP_MAX_NODE);
	e->has_node = true;
	e->node = (uint32_t)json_integer_value(node);
	return MAP_OK;
}

static int json_element(const struct json_array *a, const json_t *element)
{
	struct map_cursor type = {a->key, a->key + strlen(a->key)};
	uint64_t base;
	uint64_t size;
	int err;

	if (!json_hex(json_object_get(element, "base"), &base) ||
	    !json_hex(json_object_get(element, "size"), &size))
		return map_refuse(a->r,
				  "expected {\"base\": \"0x..\", \"size\": "
				  "\"0x..\"} in \"%s\"",
				  a->key);
	err = map_add_sized(a->r, a->list, base, size);
	if (err != MAP_OK)
		return err;
	map_set_type(a->list, &type, a->ram);
	return json_node(a, json_object_get(element, "node"));
}

/* An array that is not there is empty. */
static int json_ranges(const struct json_array *a, const json_t *root,
		       const struct map_reader *text)
{
	const json_t *array = json_object_get(root, a->key);
	struct json_place place;
	size_t i;
	int err = MAP_OK;

	if (!array)
		return MAP_OK;
	place_find(&place, text, a->key);
	a->r->number = place.line;
	if (!json_is_array(array))
		return map_refuse(a->r, "expected \"%s\" to be an array",
				  a->key);
	for (i = 0; err == MAP_OK && i < json_array_size(array); i++) {
		a->r->number = place_next(&place);
		err = json_element(a, json_array_get(array, i));
	}
	return err;
}

/* Take the node of a neighbour that touches, if it has one to give. */
static void take_node(struct map_entry *e, const struct map_entry *from,
		      bool touches, bool from_memory)
{
	if (e->has_node || !touches || !from->has_node)
		return;
	if (from_memory && strcmp(from->type, "memory") != 0)
		return;
	e->has_node = true;
	e->node = from->node;
}

static void take_nodes_upwards(struct map_list *list, bool from_memory)
{
	struct map_entry *e = list->entries;
	size_t i;

	for (i = 1; i < list->nr; i++)
		take_node(&e[i], &e[i - 1],
			  e[i - 1].range.end == e[i].range.start, from_memory);
}

static void take_nodes_downwards(struct map_list *list, bool from_memory)
{
	struct map_entry *e = list->entries;
	size_t i;

	for (i = list->nr; i > 1; i--)
		take_node(&e[i - 2], &e[i - 1],
			  e[i - 2].range.end == e[i - 1].range.start,
			  from_memory);
}

static int json_read(struct map_reader *r, struct map *map, const json_t *root)
{
	const struct map_reader text = *r;
	const struct json_array arrays[] = {
		{r, &map->memory, "memory", true},
		{r, &map->memory, "excluded", true},
		{r, &map->cmrs, "cmrs", false},
	};
	size_t i;
	int err = MAP_OK;

	if (!json_object_get(root, "memory") &&
	    !json_object_get(root, "excluded")) {
		r->number = 1;
		return map_refuse(r, "expected an object with the arrays "
				     "\"memory\" and \"excluded\", as `tdxcore "
				     "plan --json` prints it");
	}
	for (i = 0; err == MAP_OK && i < sizeof arrays / sizeof arrays[0]; i++)
		err = json_ranges(&arrays[i], root, &text);
	if (err != MAP_OK)
		return err;
	map_list_sort(&map->memory);
	take_nodes_upwards(&map->memory, true);
	take_nodes_downwards(&map->memory, true);
	take_nodes_upwards(&map->memory, false);
	take_nodes_downwards(&map->memory, false);
	return MAP_OK;
}

int map_parse_json(struct map_reader *r, struct map *map)
{
	json_error_t error;
	json_t *root;
	int err;

	errno = 0;
	root = json_loadb(r->rest.at, (size_t)(r->rest.end - r->rest.at),
			  JSON_REJECT_DUPLICATES, &error);
	/* Jansson itself says so in some places only. */
	if (!root && errno == ENOMEM)
		return map_refuse_memory(r);
	if (!root) {
		r->number = error.line > 0 ? (size_t)error.line : 1;
		return map_refuse(r, "%s; expected JSON", error.text);
	}
	err = json_read(r, map, root);
	json_decref(root);
	return err;
}
