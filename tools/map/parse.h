/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * What the parsers of this room share: a cursor over one line, the state of a
 * text being read, and the one place where a range enters a list, so that every
 * format refuses the same things in the same words.
 */
#ifndef TDXCORE_TOOLS_MAP_PARSE_H
#define TDXCORE_TOOLS_MAP_PARSE_H

#include "map.h"

/* First address that no map may reach. */
#define MAP_PA_END ((uint64_t)1 << MAP_PA_BITS)

/* Part of a text: one line, or what is left of it. */
struct map_cursor {
	const char *at;
	const char *end;
};

/* A text being read, line by line. */
struct map_reader {
	struct map_cursor rest;	 /* Behind the current line. */
	struct map_cursor line;	 /* Current line, blanks at its end cut off. */
	size_t number;		 /* Of the current line; 1 for the first. */
	const char *name;	 /* For messages. */
	struct map_error *error; /* Where a refusal is described. */
};

enum map_scan {
	MAP_SCAN_OK,
	MAP_SCAN_NONE, /* No number here; the cursor has not moved. */
	MAP_SCAN_BIG,  /* More than 64 bits; the cursor is behind it. */
};

void map_reader_init(struct map_reader *r, const char *text, size_t len,
		     const char *name, struct map_error *error);
/* Move to the next line; false at the end. */
bool map_reader_next(struct map_reader *r);
/* The same, but skip empty lines and those that start with '#'. */
bool map_reader_next_used(struct map_reader *r);

void map_skip_blanks(struct map_cursor *c);
bool map_at_end(const struct map_cursor *c);
/* Step over `word` if it stands at the cursor. */
bool map_skip_word(struct map_cursor *c, const char *word);
/* Step behind the first `word` in the rest of the line. */
bool map_skip_past(struct map_cursor *c, const char *word);
/* A number that ends where digits and letters end; hex with or without 0x. */
enum map_scan map_scan_hex(struct map_cursor *c, uint64_t *value);
enum map_scan map_scan_decimal(struct map_cursor *c, uint64_t *value);
/* Compare a piece of text with a word, ASCII case aside. */
bool map_text_is(const struct map_cursor *c, const char *word);
/* Whether any line that is not a comment holds `word`. */
bool map_text_has(const char *text, size_t len, const char *word);

/* Describe a refusal of the current line; returns MAP_E_INPUT. */
__attribute__((format(printf, 2, 3))) int map_refuse(const struct map_reader *r,
						     const char *format, ...);
/* The same for a line that does not look as it should: quotes it. */
int map_refuse_line(const struct map_reader *r, const char *expected);
int map_refuse_memory(const struct map_reader *r);

/*
 * Append a range to a list, with the current line. The three spellings of a
 * range: last byte included, not included, and a size. A bad range is refused.
 */
int map_add_inclusive(const struct map_reader *r, struct map_list *list,
		      uint64_t start, uint64_t last);
int map_add_exclusive(const struct map_reader *r, struct map_list *list,
		      uint64_t start, uint64_t end);
int map_add_sized(const struct map_reader *r, struct map_list *list,
		  uint64_t base, uint64_t size);
/* Name the type of the entry added last, and say whether it is RAM. */
void map_set_type(struct map_list *list, const struct map_cursor *type,
		  bool ram);
/* Whether a type of a Linux map is RAM: `usable` or `System RAM`. */
bool map_type_is_ram(const struct map_cursor *type);

/* Sort by start. */
void map_list_sort(struct map_list *list);
/* Refuse the first overlap of a sorted list. */
int map_refuse_overlap(const struct map_reader *r, const struct map_list *list);
/* Grow so that `more` entries fit; false: no memory, nothing changed. */
bool map_list_reserve(struct map_list *list, size_t more);

/* One parser per format: fills map->memory in the order of the text. */
int map_parse_bootlog(struct map_reader *r, struct map *map);
int map_parse_plain(struct map_reader *r, struct map *map);
int map_parse_iomem(struct map_reader *r, struct map *map);
int map_parse_efi(struct map_reader *r, struct map *map);
int map_parse_json(struct map_reader *r, struct map *map);

/* Whether a line is an EFI `memNN` line; `c` moves behind the name. */
bool map_efi_line(struct map_cursor *c);

#endif
