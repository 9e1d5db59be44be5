/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Calls that are to fail, and counters that are to come out. */
#include "scenario_parse.h"

#include <string.h>

#include <tdxcore/seamcall.h>

#define MAX_LEAF 128u

/* --- inject, expect --------------------------------------------------------
 */

/* The current word names a leaf. */
static int take_leaf(struct scenario_reader *r, uint32_t *leaf)
{
	const char *name;

	for (*leaf = 0; *leaf < MAX_LEAF; (*leaf)++) {
		name = tdxc_leaf_name(*leaf);
		if (name && scenario_word_is(r, name))
			return MAP_OK;
	}
	return scenario_unexpected(r, "the name of a SEAMCALL leaf, such as "
				      "MEM.PAGE.REMOVE");
}

/* 1/N */
static int take_rate(struct scenario_reader *r, uint64_t *value)
{
	(void)scenario_next_word(r);
	if (r->word.len < 3 || r->word.text[0] != '1' || r->word.text[1] != '/')
		return scenario_unexpected(r, "a rate such as 1/100");
	r->word_at = r->word.text + 2;
	return scenario_number(r, "the calls of which one is busy", 2,
			       SCENARIO_MAX_TIMES, value);
}

static int inject_busy(struct scenario_reader *r, struct scenario_statement *st)
{
	int err = take_rate(r, &st->times);

	st->what.inject = SCENARIO_INJECT_BUSY;
	st->leaf = SCENARIO_ANY_LEAF;
	if (err == MAP_OK && scenario_next_word(r))
		err = take_leaf(r, &st->leaf);
	return err;
}

static int inject_fail(struct scenario_reader *r, struct scenario_statement *st)
{
	int err;

	st->what.inject = SCENARIO_INJECT_FAIL;
	(void)scenario_next_word(r);
	err = take_leaf(r, &st->leaf);
	if (err != MAP_OK || !scenario_next_word(r))
		return err;
	if (!scenario_word_is(r, "call"))
		return scenario_unexpected(r, "call N");
	return scenario_number(r, "call", 1, SCENARIO_MAX_TIMES, &st->times);
}

int scenario_parse_inject(struct scenario_builder *b)
{
	struct scenario_statement st = scenario_begin(b, SCENARIO_INJECT);
	struct scenario_reader *r = b->r;
	int err = MAP_OK;

	(void)scenario_next_word(r);
	if (scenario_word_is(r, "busy"))
		err = inject_busy(r, &st);
	else if (scenario_word_is(r, "fail"))
		err = inject_fail(r, &st);
	else if (!scenario_word_is(r, "off"))
		err = scenario_unexpected(r, "busy 1/N [LEAF], fail LEAF "
					     "[call N] or off");
	if (err == MAP_OK)
		err = scenario_line_ends(r);
	return err == MAP_OK ? scenario_add(b, &st) : err;
}

static int take_counter(struct scenario_reader *r,
			struct scenario_statement *st)
{
	static const char names[][12] = {
		[SCENARIO_COUNT_TDS] = "tds",
		[SCENARIO_COUNT_VERIFIED] = "verified",
		[SCENARIO_COUNT_BROADCASTS] = "broadcasts",
		[SCENARIO_COUNT_RETRIES] = "retries",
		[SCENARIO_COUNT_QUARANTINED] = "quarantined",
		[SCENARIO_COUNT_SEAMCALLS] = "seamcalls",
	};
	size_t i;

	(void)scenario_next_word(r);
	for (i = 0; i < sizeof names / sizeof names[0]; i++) {
		if (!scenario_word_is(r, names[i]))
			continue;
		st->what.counter = (enum scenario_counter)i;
		if (i != SCENARIO_COUNT_SEAMCALLS)
			return MAP_OK;
		(void)scenario_next_word(r);
		return take_leaf(r, &st->leaf);
	}
	return scenario_unexpected(r, "tds, verified, broadcasts, retries, "
				      "quarantined or seamcalls LEAF");
}

static int take_relation(struct scenario_reader *r,
			 enum scenario_relation *relation)
{
	(void)scenario_next_word(r);
	if (scenario_word_is(r, "="))
		*relation = SCENARIO_EQUAL;
	else if (scenario_word_is(r, ">="))
		*relation = SCENARIO_AT_LEAST;
	else if (scenario_word_is(r, "<="))
		*relation = SCENARIO_AT_MOST;
	else
		return scenario_unexpected(r, "=, >= or <=");
	return MAP_OK;
}

int scenario_parse_expect(struct scenario_builder *b)
{
	struct scenario_statement st = scenario_begin(b, SCENARIO_EXPECT);
	struct scenario_reader *r = b->r;
	int err = take_counter(r, &st);

	if (err == MAP_OK)
		err = take_relation(r, &st.relation);
	if (err == MAP_OK)
		err = scenario_size(r, "what is expected", 1, 0,
				    (uint64_t)1 << 50, &st.value);
	if (err == MAP_OK)
		err = scenario_line_ends(r);
	return err == MAP_OK ? scenario_add(b, &st) : err;
}
