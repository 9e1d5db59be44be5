/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Lists of ranges: the gate every range passes, and the words of a refusal.
 */
#include "parse.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Longest piece of a bad line that is repeated in a message. */
#define QUOTE_BYTES 60

/* Input may hold anything: only printable ASCII gets to a terminal. */
int map_refuse(const struct map_reader *r, const char *format, ...)
{
	struct map_error *e = r->error;
	va_list args;
	char *c;

	e->name = r->name;
	e->line = r->number;
	va_start(args, format);
	(void)vsnprintf(e->text, sizeof e->text, format, args);
	va_end(args);
	/* Jansson's messages quote the text as it is. */
	for (c = e->text; *c != '\0'; c++)
		*c = *c >= ' ' && *c <= '~' ? *c : '?';
	return MAP_E_INPUT;
}

/* A bad line may be long, and hold a NUL. */
int map_refuse_line(const struct map_reader *r, const char *expected)
{
	char quote[QUOTE_BYTES + 4];
	struct map_cursor c = r->line;
	size_t n = 0;

	map_skip_blanks(&c);
	for (; c.at < c.end && n < QUOTE_BYTES; c.at++)
		quote[n++] = *c.at != '\0' ? *c.at : '?';
	memcpy(quote + n, c.at < c.end ? "..." : "", c.at < c.end ? 4 : 1);
	return map_refuse(r, "expected %s, found \"%s\"", expected, quote);
}

int map_refuse_memory(const struct map_reader *r)
{
	(void)map_refuse(r, "out of memory");
	return MAP_E_NOMEM;
}

bool map_list_reserve(struct map_list *list, size_t more)
{
	size_t room = list->room ? list->room : 64;
	struct map_entry *grown;

	while (room - list->nr < more)
		room *= 2;
	if (room == list->room)
		return true;
	/* A text of MAP_MAX_BYTES cannot fill a size_t with entries. */
	grown = realloc(list->entries, room * sizeof *grown);
	if (!grown)
		return false;
	list->entries = grown;
	list->room = room;
	return true;
}

void map_list_free(struct map_list *list)
{
	free(list->entries);
	memset(list, 0, sizeof *list);
}

int map_add_exclusive(const struct map_reader *r, struct map_list *list,
		      uint64_t start, uint64_t end)
{
	struct map_entry *e;

	if (start > end)
		return map_refuse(r,
				  "the range ends at 0x%" PRIx64
				  ", before it starts at 0x%" PRIx64
				  "; expected an end above the start",
				  end, start);
	if (start == end)
		return map_refuse(r,
				  "the range at 0x%" PRIx64
				  " is empty; expected an end above the start",
				  start);
	if (end > MAP_PA_END)
		return map_refuse(r,
				  "the range at 0x%" PRIx64
				  " reaches beyond the physical address width;"
				  " expected addresses below 2^%d",
				  start, MAP_PA_BITS);
	if (!map_list_reserve(list, 1))
		return map_refuse_memory(r);
	e = &list->entries[list->nr++];
	memset(e, 0, sizeof *e);
	e->range.start = start;
	e->range.end = end;
	e->line = r->number;
	return MAP_OK;
}

int map_add_inclusive(const struct map_reader *r, struct map_list *list,
		      uint64_t start, uint64_t last)
{
	if (start > last)
		return map_refuse(r,
				  "the last byte, 0x%" PRIx64
				  ", lies below the first, 0x%" PRIx64
				  "; expected an inclusive end at or above the"
				  " start",
				  last, start);
	/* The end of a last byte of 2^64 - 1 would wrap. */
	return map_add_exclusive(r, list, start,
				 last == UINT64_MAX ? last : last + 1);
}

int map_add_sized(const struct map_reader *r, struct map_list *list,
		  uint64_t base, uint64_t size)
{
	if (size > UINT64_MAX - base)
		return map_refuse(r,
				  "base 0x%" PRIx64 " and size 0x%" PRIx64
				  " wrap around 2^64; expected a range below"
				  " 2^%d",
				  base, size, MAP_PA_BITS);
	return map_add_exclusive(r, list, base, base + size);
}

void map_set_type(struct map_list *list, const struct map_cursor *type,
		  bool ram)
{
	struct map_entry *e = &list->entries[list->nr - 1];
	size_t len = (size_t)(type->end - type->at);

	if (len >= sizeof e->type)
		len = sizeof e->type - 1;
	memcpy(e->type, type->at, len);
	e->type[len] = '\0';
	e->ram = ram;
}

bool map_type_is_ram(const struct map_cursor *type)
{
	return map_text_is(type, "usable") || map_text_is(type, "System RAM");
}

/* By start; the line breaks ties, so that messages do not depend on qsort. */
static int entry_order(const void *left, const void *right)
{
	const struct map_entry *a = left;
	const struct map_entry *b = right;

	if (a->range.start != b->range.start)
		return a->range.start < b->range.start ? -1 : 1;
	return (a->line > b->line) - (a->line < b->line);
}

void map_list_sort(struct map_list *list)
{
	if (list->nr > 1)
		qsort(list->entries, list->nr, sizeof *list->entries,
		      entry_order);
}

int map_refuse_overlap(const struct map_reader *r, const struct map_list *list)
{
	const struct map_entry *a = NULL;
	const struct map_entry *b = NULL;
	struct map_reader at = *r;
	size_t i;

	for (i = 1; i < list->nr; i++) {
		a = &list->entries[i - 1];
		b = &list->entries[i];
		if (a->range.end > b->range.start)
			break;
	}
	if (i >= list->nr)
		return MAP_OK;
	if (a->line > b->line) {
		a = b;
		b = &list->entries[i - 1];
	}
	at.number = b->line;
	return map_refuse(&at,
			  "[0x%" PRIx64 ", 0x%" PRIx64 ") overlaps [0x%" PRIx64
			  ", 0x%" PRIx64
			  ") of line %zu; expected ranges that share no byte",
			  b->range.start, b->range.end, a->range.start,
			  a->range.end, a->line);
}
