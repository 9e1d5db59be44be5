/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Statements: the word a line begins with says which. */
#include "scenario_parse.h"

#include <stdlib.h>
#include <string.h>

#define DEFAULT_MEMORY	 ((uint64_t)8 << 30)
#define DEFAULT_PACKAGES 2
#define DEFAULT_CPUS	 8
#define DEFAULT_SEED	 1

#define MIN_MEMORY	 ((uint64_t)1 << 30)

int scenario_grow(struct scenario_builder *b, void **array, size_t nr,
		  size_t size)
{
	void *grown;

	/* Powers of two are when it is full. */
	if (nr != 0 && (nr & (nr - 1)) != 0)
		return MAP_OK;
	grown = realloc(*array, (nr ? nr * 2 : 1) * size);
	if (!grown)
		return scenario_no_memory(b->r);
	*array = grown;
	return MAP_OK;
}

int scenario_add(struct scenario_builder *b,
		 const struct scenario_statement *st)
{
	struct scenario *s = b->s;
	void *array = s->statements;
	int err = scenario_grow(b, &array, s->nr_statements, sizeof *st);

	s->statements = array;
	if (err == MAP_OK)
		s->statements[s->nr_statements++] = *st;
	return err;
}

struct scenario_statement scenario_begin(const struct scenario_builder *b,
					 enum scenario_kind kind)
{
	struct scenario_statement st;

	memset(&st, 0, sizeof st);
	st.kind = kind;
	st.line = b->r->line;
	st.times = 1;
	scenario_line_text(b->r, st.text);
	return st;
}

/* --- machine, seed ---------------------------------------------------------
 */

static int machine_map(struct scenario_builder *b)
{
	struct scenario_machine *m = &b->s->machine;

	if (!scenario_next_word(b->r))
		return scenario_unexpected(b->r, "a file with a memory map");
	free(m->map);
	m->map = strndup(b->r->word.text, b->r->word.len);
	return m->map ? MAP_OK : scenario_no_memory(b->r);
}

static int machine_option(struct scenario_builder *b)
{
	struct scenario_machine *m = &b->s->machine;
	struct scenario_reader *r = b->r;
	uint64_t value = 0;
	int err;

	if (scenario_word_is(r, "map"))
		return machine_map(b);
	if (scenario_word_is(r, "memory"))
		return scenario_size(r, "memory", (uint64_t)1 << 30, MIN_MEMORY,
				     SCENARIO_MAX_MEMORY, &m->memory);
	if (scenario_word_is(r, "dynamic-pamt"))
		return scenario_switch(r, "dynamic-pamt", &m->dynamic_pamt);
	if (scenario_word_is(r, "track"))
		return scenario_switch(r, "track", &m->track);
	if (scenario_word_is(r, "lines"))
		return scenario_switch(r, "lines", &m->lines);
	if (scenario_word_is(r, "packages")) {
		err = scenario_number(r, "packages", 1, 8, &value);
		m->packages = (uint32_t)value;
		return err;
	}
	if (scenario_word_is(r, "cpus")) {
		err = scenario_number(r, "cpus", 1, SCENARIO_MAX_CPUS, &value);
		m->cpus = (uint32_t)value;
		return err;
	}
	return scenario_unexpected(r, "map FILE, memory SIZE, packages N, "
				      "cpus N, dynamic-pamt on|off, "
				      "track on|off or lines on|off");
}

static int parse_machine(struct scenario_builder *b)
{
	struct scenario_machine *m = &b->s->machine;
	int err = MAP_OK;

	if (b->had_machine || b->s->nr_statements > 0)
		return scenario_refuse(b->r, "expected one machine, before all "
					     "that happens on it");
	b->had_machine = true;
	while (err == MAP_OK && scenario_next_word(b->r))
		err = machine_option(b);
	if (err == MAP_OK && m->cpus < m->packages)
		err = scenario_refuse(b->r,
				      "%u cpus for %u packages; expected a cpu "
				      "in each package",
				      m->cpus, m->packages);
	return err;
}

static int parse_seed(struct scenario_builder *b)
{
	int err;

	if (b->had_seed || b->s->nr_statements > 0)
		return scenario_refuse(b->r, "expected one seed, before all "
					     "that happens");
	b->had_seed = true;
	err = scenario_number(b->r, "seed", 0, UINT64_MAX, &b->s->seed);
	return err == MAP_OK ? scenario_line_ends(b->r) : err;
}

/* --- blocks ----------------------------------------------------------------
 */

static int parse_repeat(struct scenario_builder *b)
{
	struct scenario_statement st = scenario_begin(b, SCENARIO_REPEAT);
	int err = scenario_number(b->r, "repeat", 1, SCENARIO_MAX_TIMES,
				  &st.times);

	if (err == MAP_OK)
		err = scenario_line_ends(b->r);
	return err == MAP_OK ? scenario_add(b, &st) : err;
}

static int parse_alone(struct scenario_builder *b, enum scenario_kind kind)
{
	struct scenario_statement st = scenario_begin(b, kind);
	int err = scenario_line_ends(b->r);

	return err == MAP_OK ? scenario_add(b, &st) : err;
}

static int parse_parallel(struct scenario_builder *b)
{
	return parse_alone(b, SCENARIO_PARALLEL);
}

static int parse_end(struct scenario_builder *b)
{
	return parse_alone(b, SCENARIO_END);
}

static int parse_audit(struct scenario_builder *b)
{
	return parse_alone(b, SCENARIO_AUDIT);
}

/* --- the whole -------------------------------------------------------------
 */

static const struct {
	char word[12];
	int (*parse)(struct scenario_builder *b);
} statements[] = {
	{"machine", parse_machine},
	{"seed", parse_seed},
	{"td", scenario_parse_td},
	{"guest", scenario_parse_guest},
	{"host", scenario_parse_host},
	{"parallel", parse_parallel},
	{"repeat", parse_repeat},
	{"end", parse_end},
	{"inject", scenario_parse_inject},
	{"expect", scenario_parse_expect},
	{"audit", parse_audit},
	{"teardown", scenario_parse_teardown},
	{"plug", scenario_parse_plug},
	{"unplug", scenario_parse_unplug},
	{"offline", scenario_parse_offline},
	{"online", scenario_parse_online},
	{"unshare", scenario_parse_unshare},
	{"kexec", scenario_parse_kexec},
	{"crash", scenario_parse_crash},
};

static int parse_line(struct scenario_builder *b)
{
	size_t i;

	for (i = 0; i < sizeof statements / sizeof statements[0]; i++) {
		if (scenario_word_is(b->r, statements[i].word))
			return statements[i].parse(b);
	}
	return scenario_unexpected(b->r,
				   "machine, seed, td, guest, host, parallel, "
				   "repeat, end, inject, expect, audit, "
				   "teardown, plug, unplug, offline, online, "
				   "unshare, kexec or crash");
}

static void set_defaults(struct scenario *s)
{
	memset(s, 0, sizeof *s);
	s->machine.memory = DEFAULT_MEMORY;
	s->machine.packages = DEFAULT_PACKAGES;
	s->machine.cpus = DEFAULT_CPUS;
	s->seed = DEFAULT_SEED;
}

int scenario_parse(const char *text, size_t len, const char *name,
		   struct scenario *s, struct map_error *error)
{
	struct scenario_reader r;
	struct scenario_builder b = {.s = s, .r = &r};
	int err = MAP_OK;

	set_defaults(s);
	scenario_reader_init(&r, text, len, name, error);
	while (err == MAP_OK && scenario_next_line(&r))
		err = parse_line(&b);
	if (err == MAP_OK)
		err = scenario_check(s, &r);
	if (err != MAP_OK)
		scenario_free(s);
	return err;
}

void scenario_free(struct scenario *s)
{
	free(s->machine.map);
	free(s->tds);
	free(s->statements);
	memset(s, 0, sizeof *s);
}
