/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * What the parts of the parser share: the words of a line, and the one way to
 * refuse one.
 */
#ifndef TDXCORE_TOOLS_SCENARIO_PARSE_H
#define TDXCORE_TOOLS_SCENARIO_PARSE_H

#include "scenario.h"

struct scenario_word {
	const char *text;
	size_t len; /* 0: there is none */
};

/* A text being read. */
struct scenario_reader {
	const char *at;
	const char *end;
	/* what is left of the current line, without its comment */
	const char *line_at; /* it begins here */
	const char *word_at;
	const char *line_end;
	struct scenario_word word; /* current */
	size_t line;
	const char *name;
	struct map_error *error;
};

void scenario_reader_init(struct scenario_reader *r, const char *text,
			  size_t len, const char *name,
			  struct map_error *error);
/* The next line that holds a word, which becomes the current one. */
bool scenario_next_line(struct scenario_reader *r);
/* False: the line has no more; the word is empty then. */
bool scenario_next_word(struct scenario_reader *r);
/* The line as it stands there, cut where there is no room. */
void scenario_line_text(const struct scenario_reader *r,
			char text[SCENARIO_TEXT_BYTES]);
bool scenario_word_is(const struct scenario_reader *r, const char *text);

/* Describe a refusal; returns MAP_E_INPUT. */
__attribute__((format(printf, 2, 3))) int
scenario_refuse(const struct scenario_reader *r, const char *format, ...);
/* expected ..., found the current word. */
int scenario_unexpected(const struct scenario_reader *r, const char *expected);
int scenario_no_memory(const struct scenario_reader *r);

/* Read the next word. MAP_OK, or refused. */
int scenario_number(struct scenario_reader *r, const char *what, uint64_t least,
		    uint64_t most, uint64_t *value);
/* 64M, 4G, 4096, 0x1000. */
int scenario_size(struct scenario_reader *r, const char *what, uint64_t align,
		  uint64_t least, uint64_t most, uint64_t *value);
/* FROM..TO, within [0, end). */
int scenario_range(struct scenario_reader *r, uint64_t align, uint64_t end,
		   struct tdxc_range *range);
/* The same of physical addresses, in 2 MiB. */
int scenario_physical(struct scenario_reader *r, struct tdxc_range *range);
int scenario_switch(struct scenario_reader *r, const char *what, bool *value);
/* The current word as a name. */
int scenario_name(struct scenario_reader *r, char name[SCENARIO_NAME_BYTES]);
/* Nothing may follow. */
int scenario_line_ends(struct scenario_reader *r);

/* What is being put together. */
struct scenario_builder {
	struct scenario *s;
	struct scenario_reader *r;
	bool had_machine;
	bool had_seed;
	/* TDs that live here, as indices into tds[] */
	size_t live[SCENARIO_MAX_LIVE];
	size_t nr_live;
};

/* Room for one more in an array of `nr`. */
int scenario_grow(struct scenario_builder *b, void **array, size_t nr,
		  size_t size);
/* A statement of the current line, and the end of it. */
struct scenario_statement scenario_begin(const struct scenario_builder *b,
					 enum scenario_kind kind);
int scenario_add(struct scenario_builder *b,
		 const struct scenario_statement *st);
/* The next word names a TD: its place in live[]. */
int scenario_take_td(struct scenario_builder *b, size_t *at);

/* One per statement; its first word is the current one. */
int scenario_parse_td(struct scenario_builder *b);
int scenario_parse_teardown(struct scenario_builder *b);
int scenario_parse_guest(struct scenario_builder *b);
int scenario_parse_host(struct scenario_builder *b);
int scenario_parse_plug(struct scenario_builder *b);
int scenario_parse_unplug(struct scenario_builder *b);
int scenario_parse_offline(struct scenario_builder *b);
int scenario_parse_online(struct scenario_builder *b);
int scenario_parse_unshare(struct scenario_builder *b);
int scenario_parse_kexec(struct scenario_builder *b);
int scenario_parse_crash(struct scenario_builder *b);
int scenario_parse_inject(struct scenario_builder *b);
int scenario_parse_expect(struct scenario_builder *b);

/* All statements are known; fills their `other` and vCPUs. */
int scenario_check(struct scenario *s, struct scenario_reader *r);

#endif
