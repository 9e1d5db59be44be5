/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * What happens to the machine, memory and processors that come and go, and how
 * kernels end: a guest's, and the host's.
 */
#include "scenario_parse.h"

static const char verdicts[][8] = {
	[SCENARIO_ALLOWED] = "allowed",
	[SCENARIO_WARNED] = "warned",
	[SCENARIO_REFUSED] = "refused",
};

#define NR_VERDICTS (sizeof verdicts / sizeof verdicts[0])

const char *scenario_verdict_name(enum scenario_verdict verdict)
{
	return verdicts[verdict];
}

/* The current word is what the event must be answered, and the last. */
static int take_verdict(struct scenario_builder *b,
			struct scenario_statement *st)
{
	size_t i;
	int err;

	for (i = 0; i < NR_VERDICTS; i++) {
		if (!scenario_word_is(b->r, verdicts[i]))
			continue;
		st->verdict = (enum scenario_verdict)i;
		err = scenario_line_ends(b->r);
		return err == MAP_OK ? scenario_add(b, st) : err;
	}
	return scenario_unexpected(b->r, "what the answer must be: allowed, "
					 "warned or refused");
}

/* --- memory ----------------------------------------------------------------
 */

int scenario_parse_plug(struct scenario_builder *b)
{
	struct scenario_statement st = scenario_begin(b, SCENARIO_MEMORY);
	int err = scenario_physical(b->r, &st.range);

	if (err != MAP_OK)
		return err;
	(void)scenario_next_word(b->r);
	if (scenario_word_is(b->r, "driver"))
		st.what.memory = SCENARIO_PLUG_DRIVER;
	else if (!scenario_word_is(b->r, "acpi"))
		return scenario_unexpected(b->r, "acpi or driver");
	(void)scenario_next_word(b->r);
	return take_verdict(b, &st);
}

int scenario_parse_unplug(struct scenario_builder *b)
{
	struct scenario_statement st = scenario_begin(b, SCENARIO_MEMORY);
	int err = scenario_physical(b->r, &st.range);

	st.what.memory = SCENARIO_UNPLUG;
	(void)scenario_next_word(b->r);
	return err == MAP_OK ? take_verdict(b, &st) : err;
}

/* --- processors ------------------------------------------------------------
 */

static int parse_cpu(struct scenario_builder *b, enum scenario_cpu what)
{
	struct scenario_statement st = scenario_begin(b, SCENARIO_CPU);
	uint64_t cpu = 0;
	int err = scenario_number(b->r, "the cpu", 0, b->s->machine.cpus - 1,
				  &cpu);

	st.what.cpu = what;
	st.cpu = (uint32_t)cpu;
	(void)scenario_next_word(b->r);
	return err == MAP_OK ? take_verdict(b, &st) : err;
}

int scenario_parse_offline(struct scenario_builder *b)
{
	return parse_cpu(b, SCENARIO_OFFLINE);
}

int scenario_parse_online(struct scenario_builder *b)
{
	return parse_cpu(b, SCENARIO_ONLINE);
}

/* --- the end of a guest's kernel -------------------------------------------
 */

static int take_range(struct scenario_builder *b,
		      const struct scenario_statement *st,
		      struct tdxc_range *range)
{
	(void)scenario_next_word(b->r);
	return scenario_range(b->r, SCENARIO_PAGE, b->s->tds[st->td].memory,
			      range);
}

static int unshare_option(struct scenario_builder *b,
			  struct scenario_statement *st)
{
	struct scenario_reader *r = b->r;
	uint64_t value = 0;
	int err;

	if (scenario_word_is(r, "keep"))
		return take_range(b, st, &st->unshare.keep);
	if (scenario_word_is(r, "late"))
		return take_range(b, st, &st->unshare.late);
	if (scenario_word_is(r, "tracked")) {
		st->unshare.tracked = true;
		return MAP_OK;
	}
	if (scenario_word_is(r, "may-fail")) {
		st->may_fail = true;
		return MAP_OK;
	}
	if (scenario_word_is(r, "in-flight"))
		return scenario_number(r, "conversions in flight", 1,
				       SCENARIO_MAX_IN_FLIGHT,
				       &st->unshare.in_flight);
	if (scenario_word_is(r, "levels")) {
		err = scenario_number(r, "levels", 4, 5, &value);
		st->unshare.levels = (uint32_t)value;
		return err;
	}
	return scenario_unexpected(r, "keep RANGE, late RANGE, levels 4|5, "
				      "tracked, in-flight N or may-fail");
}

/* The name of a TD is the current word's or the next one's. */
static int parse_guest_end(struct scenario_builder *b,
			   enum scenario_handover what)
{
	struct scenario_statement st = scenario_begin(b, SCENARIO_HANDOVER);
	size_t at;
	int err = scenario_take_td(b, &at);

	if (err != MAP_OK)
		return err;
	st.td = b->live[at];
	st.what.handover = what;
	st.unshare.levels = 4;
	while (err == MAP_OK && scenario_next_word(b->r))
		err = unshare_option(b, &st);
	if (err == MAP_OK && b->s->machine.lines)
		err = scenario_refuse(b->r, "expected a machine without lines: "
					    "page tables of a guest are "
					    "written in place");
	if (err == MAP_OK &&
	    tdxc_range_overlaps(st.unshare.keep, st.unshare.late))
		err = scenario_refuse(b->r, "expected what is kept to lie "
					    "apart from what comes late");
	return err == MAP_OK ? scenario_add(b, &st) : err;
}

int scenario_parse_unshare(struct scenario_builder *b)
{
	return parse_guest_end(b, SCENARIO_UNSHARE_ALL);
}

/* --- the end of the host's kernel ------------------------------------------
 */

/* TDs end with it, and their names are free. */
static int parse_host_end(struct scenario_builder *b,
			  enum scenario_handover what)
{
	struct scenario_statement st = scenario_begin(b, SCENARIO_HANDOVER);
	int err = scenario_line_ends(b->r);

	st.what.handover = what;
	b->nr_live = 0;
	return err == MAP_OK ? scenario_add(b, &st) : err;
}

int scenario_parse_kexec(struct scenario_builder *b)
{
	return parse_host_end(b, SCENARIO_KEXEC);
}

/* Of a guest, or, without a name, of the host. */
int scenario_parse_crash(struct scenario_builder *b)
{
	struct scenario_reader ahead = *b->r;

	return scenario_next_word(&ahead)
		       ? parse_guest_end(b, SCENARIO_GUEST_CRASH)
		       : parse_host_end(b, SCENARIO_CRASH);
}
