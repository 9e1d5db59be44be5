/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * The scenario reader on arbitrary text: it ends, a refusal has a line, and
 * what is taken holds to the limits that whoever plays it relies on.
 */
#include "scenario/scenario.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(bool condition)
{
	if (!condition)
		abort();
}

static void check_td(const struct scenario_td *td)
{
	need(td->vcpus >= 1 && td->vcpus <= SCENARIO_MAX_VCPUS);
	need(td->image <= td->memory && td->memory <= SCENARIO_MAX_TD);
	need(td->slots >= 1 && td->slots <= SCENARIO_MAX_SLOTS);
	need(td->memory / SCENARIO_LARGE >= td->slots);
}

static void check_event(const struct scenario *s,
			const struct scenario_statement *st)
{
	const struct scenario_unshare *u = &st->unshare;
	const struct scenario_td *td = &s->tds[st->td];

	if (st->kind == SCENARIO_CPU)
		need(st->cpu < s->machine.cpus);
	if (st->kind != SCENARIO_HANDOVER)
		return;
	need(u->keep.end <= td->memory && u->late.end <= td->memory);
	need(u->in_flight <= SCENARIO_MAX_IN_FLIGHT);
	if (st->what.handover == SCENARIO_UNSHARE_ALL ||
	    st->what.handover == SCENARIO_GUEST_CRASH)
		need((u->levels == 4 || u->levels == 5) && !s->machine.lines);
}

static void check_statement(const struct scenario *s, size_t i)
{
	const struct scenario_statement *st = &s->statements[i];
	const struct scenario_td *td = &s->tds[st->td];

	need(st->td < s->nr_tds && st->other < s->nr_statements);
	need(st->times >= 1);
	need(st->range.start <= st->range.end);
	need(st->range.end <= (st->kind == SCENARIO_MEMORY
				       ? SCENARIO_MAX_PHYSICAL
				       : td->memory));
	check_event(s, st);
	need((st->range.start | st->range.end) % SCENARIO_PAGE == 0);
	if (st->kind == SCENARIO_GUEST)
		need(st->nr_vcpus >= 1 &&
		     st->first_vcpu + st->nr_vcpus <= td->vcpus);
	if (st->kind == SCENARIO_GUEST || st->kind == SCENARIO_HOST)
		need(st->stride >= SCENARIO_PAGE &&
		     st->stride % SCENARIO_PAGE == 0);
	if (st->kind == SCENARIO_END)
		need(st->other < i && s->statements[st->other].other == i);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct map_error error;
	struct scenario s;
	size_t i;

	memset(&error, 0, sizeof error);
	if (scenario_parse((const char *)data, size, "fuzz", &s, &error) !=
	    MAP_OK) {
		need(error.text[0] != '\0' && error.line <= size);
		return 0;
	}
	need(s.nr_tds >= 1);
	for (i = 0; i < s.nr_tds; i++)
		check_td(&s.tds[i]);
	for (i = 0; i < s.nr_statements; i++)
		check_statement(&s, i);
	scenario_free(&s);
	return 0;
}
