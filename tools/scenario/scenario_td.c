/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* TDs: they are known by name from their td statement to their teardown. */
#include "scenario_parse.h"

#include <stdlib.h>

#define DEFAULT_TD_VCPUS  2
#define DEFAULT_TD_MEMORY ((uint64_t)256 << 20)
#define DEFAULT_TD_IMAGE  ((uint64_t)64 << 10)
#define DEFAULT_TD_SLOTS  1

struct tdxc_range scenario_slot(const struct scenario_td *td, uint32_t slot)
{
	uint64_t large = td->memory / SCENARIO_LARGE;
	struct tdxc_range range;

	range.start = large * slot / td->slots * SCENARIO_LARGE;
	range.end = large * (slot + 1) / td->slots * SCENARIO_LARGE;
	return range;
}

/* The current word names a TD that lives: its place in live[], or nr_live. */
static size_t find_live(const struct scenario_builder *b)
{
	size_t i;

	for (i = 0; i < b->nr_live; i++) {
		if (scenario_word_is(b->r, b->s->tds[b->live[i]].name))
			return i;
	}
	return i;
}

/* The next word names a TD. */
int scenario_take_td(struct scenario_builder *b, size_t *at)
{
	(void)scenario_next_word(b->r);
	*at = find_live(b);
	if (*at < b->nr_live)
		return MAP_OK;
	return scenario_unexpected(b->r, "a TD that a td statement made and "
					 "no teardown took down");
}

static int td_option(struct scenario_builder *b, struct scenario_td *td)
{
	struct scenario_reader *r = b->r;
	uint64_t value = 0;
	int err;

	if (scenario_word_is(r, "vcpus")) {
		err = scenario_number(r, "vcpus", 1, SCENARIO_MAX_VCPUS,
				      &value);
		td->vcpus = (uint32_t)value;
		return err;
	}
	if (scenario_word_is(r, "memory"))
		return scenario_size(r, "memory", SCENARIO_LARGE,
				     SCENARIO_LARGE, SCENARIO_MAX_TD,
				     &td->memory);
	if (scenario_word_is(r, "image"))
		return scenario_size(r, "image", SCENARIO_PAGE, SCENARIO_PAGE,
				     (uint64_t)64 << 20, &td->image);
	if (scenario_word_is(r, "slots")) {
		err = scenario_number(r, "slots", 1, SCENARIO_MAX_SLOTS,
				      &value);
		td->slots = (uint32_t)value;
		return err;
	}
	if (scenario_word_is(r, "large"))
		return scenario_switch(r, "large", &td->large);
	return scenario_unexpected(r, "vcpus N, memory SIZE, image SIZE, "
				      "slots N or large on|off");
}

static int add_td(struct scenario_builder *b, const struct scenario_td *td)
{
	struct scenario_statement st = scenario_begin(b, SCENARIO_TD);
	struct scenario *s = b->s;
	void *array = s->tds;
	int err = scenario_grow(b, &array, s->nr_tds, sizeof *td);

	s->tds = array;
	if (err != MAP_OK)
		return err;
	st.td = s->nr_tds;
	b->live[b->nr_live++] = s->nr_tds;
	s->tds[s->nr_tds++] = *td;
	return scenario_add(b, &st);
}

int scenario_parse_td(struct scenario_builder *b)
{
	struct scenario_td td = {
		.line = b->r->line,
		.vcpus = DEFAULT_TD_VCPUS,
		.memory = DEFAULT_TD_MEMORY,
		.image = DEFAULT_TD_IMAGE,
		.slots = DEFAULT_TD_SLOTS,
		.large = true,
	};
	int err;

	(void)scenario_next_word(b->r);
	err = scenario_name(b->r, td.name);
	if (err == MAP_OK && find_live(b) < b->nr_live)
		err = scenario_refuse(b->r,
				      "there is a TD %s, made in line %zu; "
				      "expected another name, or a teardown "
				      "before",
				      td.name,
				      b->s->tds[b->live[find_live(b)]].line);
	if (err == MAP_OK && b->nr_live == SCENARIO_MAX_LIVE)
		err = scenario_refuse(b->r, "expected at most %u TDs at a time",
				      SCENARIO_MAX_LIVE);
	while (err == MAP_OK && scenario_next_word(b->r))
		err = td_option(b, &td);
	if (err == MAP_OK && td.image > td.memory)
		err = scenario_refuse(b->r, "the image is larger than the "
					    "memory; expected it to fit");
	if (err == MAP_OK && td.memory / SCENARIO_LARGE < td.slots)
		err = scenario_refuse(b->r, "expected at least 2M of memory "
					    "for each slot");
	return err == MAP_OK ? add_td(b, &td) : err;
}

int scenario_parse_teardown(struct scenario_builder *b)
{
	struct scenario_statement st = scenario_begin(b, SCENARIO_TEARDOWN);
	size_t at;
	int err = scenario_take_td(b, &at);

	if (err != MAP_OK)
		return err;
	st.td = b->live[at];
	b->live[at] = b->live[--b->nr_live];
	err = scenario_line_ends(b->r);
	return err == MAP_OK ? scenario_add(b, &st) : err;
}
