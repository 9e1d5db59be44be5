/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Hotplug verdicts: every event in every state for every shape of range, beside
 * the rules said again unit by unit, and each rule alone.
 *
 * TDXC_SEED changes the random lists, TDXC_TEST_SCALE=percent their number.
 */
#include <tdxcore/err.h>
#include <tdxcore/hotplug.h>
#include <tdxcore/version.h>

#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define MIB	     0x100000ull
#define GIB	     0x40000000ull
#define BLOCK	     (128 * MIB)
#define ROOM	     64

static uint64_t from_env(const char *name, uint64_t usual)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : usual;
}

static uint64_t next_random(uint64_t *state)
{
	*state = *state * 6364136223846793005ull + 1442695040888963407ull;
	return *state >> 33;
}

/* An event judged, with what was written. */
struct judged {
	struct tdxc_hotplug_verdict v;
	struct tdxc_range out[ROOM];
};

static struct judged judge(const struct tdxc_hotplug_state *state,
			   enum tdxc_hotplug_event event, uint64_t start,
			   uint64_t end)
{
	const struct tdxc_range range = {start, end};
	struct judged j;

	memset(&j, 0xA5, sizeof(j));
	ck_assert_int_eq(
		tdxc_hotplug_judge(state, event, &range, j.out, ROOM, &j.v),
		TDXC_OK);
	return j;
}

static struct judged judge_cpu(const struct tdxc_hotplug_state *state,
			       enum tdxc_hotplug_event event)
{
	struct judged j;

	memset(&j, 0xA5, sizeof(j));
	ck_assert_int_eq(tdxc_hotplug_judge(state, event, NULL, NULL, 0, &j.v),
			 TDXC_OK);
	ck_assert_uint_eq(j.v.nr, 0);
	ck_assert(!j.v.more);
	return j;
}

static void expect(const struct judged *j, enum tdxc_hotplug_answer answer,
		   enum tdxc_hotplug_severity severity,
		   enum tdxc_hotplug_reason reason)
{
	ck_assert_msg(j->v.reason == reason, "reason %s, expected %s",
		      tdxc_hotplug_reason_name(j->v.reason),
		      tdxc_hotplug_reason_name(reason));
	ck_assert_int_eq(j->v.answer, answer);
	ck_assert_int_eq(j->v.severity, severity);
}

static void expect_part(const struct judged *j, size_t i, uint64_t start,
			uint64_t end)
{
	ck_assert_uint_lt(i, j->v.nr);
	ck_assert_uint_eq(j->out[i].start, start);
	ck_assert_uint_eq(j->out[i].end, end);
}

#define ALLOWED(j, reason)                                                     \
	expect(&(j), TDXC_HOTPLUG_ALLOW, TDXC_HOTPLUG_ORDINARY,                \
	       TDXC_HOTPLUG_##reason)
#define REFUSED(j, reason)                                                     \
	expect(&(j), TDXC_HOTPLUG_REFUSE, TDXC_HOTPLUG_ORDINARY,               \
	       TDXC_HOTPLUG_##reason)

/* A server: RAM with a hole below 4 GiB, two nodes that meet at 6 GiB. */
static const struct tdxc_range cmrs[] = {
	{MIB, 2 * GIB},
	{4 * GIB, 8 * GIB},
};
static const struct tdxc_range memory[] = {
	{MIB, 2 * GIB},
	{4 * GIB, 6 * GIB},
	{6 * GIB, 8 * GIB},
};

static struct tdxc_hotplug_state server(enum tdxc_hotplug_tdx tdx)
{
	struct tdxc_hotplug_state s = {
		.abi = TDXC_ABI,
		.tdx = tdx,
		.seamrr_enabled = tdx != TDXC_HOTPLUG_TDX_OFF,
		.cmrs = cmrs,
		.nr_cmrs = COUNT(cmrs),
	};

	if (tdx == TDXC_HOTPLUG_TDX_UP) {
		s.memory = memory;
		s.nr_memory = COUNT(memory);
	}
	return s;
}

static const enum tdxc_hotplug_event adds[] = {TDXC_HOTPLUG_ACPI_ADD,
					       TDXC_HOTPLUG_DRIVER_ADD};
static const enum tdxc_hotplug_tdx on[] = {TDXC_HOTPLUG_TDX_ENABLED,
					   TDXC_HOTPLUG_TDX_UP};

/* ---- everything there is ---- */

#define UNIT	   0x40000ull /* the first MiB is four of them */
#define UNITS	   24u
#define SITUATIONS (TDXC_HOTPLUG_EVENTS * 3 * 8 * 2 * 2)

/* One machine: what each unit is. */
struct world {
	char cmr[UNITS + 1];	/* C: in a CMR */
	char memory[UNITS + 1]; /* M: TDX memory */
};

/* Touching entries of memory are made wherever case changes. */
static const struct world worlds[] = {
	{"....CCCCCC....CCCC....CC", "....MMmmMM....MMMm......"},
	{"....CCCCCCCCCCCCCCCCCCCC", "....MMMMMMMMMMMMMMMMMMMM"},
	{"......C.C.C.............", "......M.M.m............."},
};

static size_t list_of(const char *units, struct tdxc_range *out)
{
	size_t nr = 0;

	for (size_t i = 0; i < UNITS; i++) {
		if (units[i] == '.')
			continue;
		if (i > 0 && units[i - 1] == units[i])
			out[nr - 1].end += UNIT;
		else
			out[nr++] =
				(struct tdxc_range){i * UNIT, (i + 1) * UNIT};
	}
	return nr;
}

static size_t units_of(const char *units, size_t from, size_t to)
{
	size_t n = 0;

	for (size_t i = from; i < to; i++)
		n += units[i] != '.';
	return n;
}

static bool is_memory_event(enum tdxc_hotplug_event e)
{
	return e <= TDXC_HOTPLUG_MEMORY_OFFLINE;
}

/* What a verdict has to be, said from the rules: 10 * answer + severity. */
static int wanted(const struct world *w, const struct tdxc_hotplug_state *s,
		  enum tdxc_hotplug_event e, size_t from, size_t to)
{
	enum { FINE = 0, LOUD = 11, NO = 20, ATTACK = 22 };
	bool keeps = (s->flags & TDXC_HOTPLUG_KEEP_FIRST_MIB) != 0;
	bool tracks = (s->flags & TDXC_HOTPLUG_TRACK) != 0;
	size_t low = from < 4 ? 4 : from;

	if (e == TDXC_HOTPLUG_CPU_ADD || e == TDXC_HOTPLUG_CPU_REMOVE)
		return s->seamrr_enabled ? NO : FINE;
	if (!is_memory_event(e) || e == TDXC_HOTPLUG_MEMORY_OFFLINE ||
	    s->tdx == TDXC_HOTPLUG_TDX_OFF)
		return FINE;
	if ((s->flags & TDXC_HOTPLUG_NO_USE_TDX) != 0 &&
	    s->tdx != TDXC_HOTPLUG_TDX_UP)
		return FINE;
	if (e == TDXC_HOTPLUG_ACPI_REMOVE)
		return s->nr_cmrs > 0 && units_of(w->cmr, from, to) > 0 ? LOUD
									: FINE;
	if (e == TDXC_HOTPLUG_MEMORY_ONLINE) {
		if (s->tdx != TDXC_HOTPLUG_TDX_UP || tracks ||
		    units_of(w->memory, from, to) == to - from)
			return FINE;
		/* all that is missing lies in the first MiB */
		if (keeps && from < 4 &&
		    (to <= 4 || units_of(w->memory, low, to) == to - low))
			return FINE;
		return NO;
	}
	if (s->nr_cmrs == 0)
		return NO;
	if (units_of(w->cmr, from, to) > 0)
		return ATTACK;
	return tracks ? FINE : NO;
}

/* The units a reason is about: 'C' in CMRs, 'M' outside memory, '*' all. */
static char about(enum tdxc_hotplug_reason reason)
{
	switch (reason) {
	case TDXC_HOTPLUG_REMOVED_CMR:
	case TDXC_HOTPLUG_ADDED_CMR:
		return 'C';
	case TDXC_HOTPLUG_NOT_TDX_MEMORY:
	case TDXC_HOTPLUG_NOT_TDX_TRACKED:
	case TDXC_HOTPLUG_FIRST_MIB:
	case TDXC_HOTPLUG_FIRST_MIB_KEPT:
		return 'M';
	case TDXC_HOTPLUG_ADDED_UNKNOWN:
	case TDXC_HOTPLUG_ADDED_POLICY:
	case TDXC_HOTPLUG_ADDED_TRACKED:
		return '*';
	default:
		return '-';
	}
}

static bool is_concerned(const struct world *w, char what, size_t unit)
{
	switch (what) {
	case 'C':
		return w->cmr[unit] != '.';
	case 'M':
		return w->memory[unit] == '.';
	default:
		return what == '*';
	}
}

static bool parts_are_exact(const struct world *w, const struct judged *j,
			    size_t from, size_t to)
{
	char what = about(j->v.reason);
	bool good = !j->v.more;
	size_t units = 0;

	for (size_t i = 0; i < j->v.nr && good; i++) {
		const struct tdxc_range *r = &j->out[i];

		good = !tdxc_range_is_empty(*r) && r->start >= from * UNIT &&
		       r->end <= to * UNIT &&
		       (i == 0 || j->out[i - 1].end <= r->start);
		for (uint64_t at = r->start; at < r->end && good;
		     at += UNIT, units++)
			good = is_concerned(w, what, at / UNIT);
	}
	for (size_t unit = from; unit < to; unit++)
		units -= is_concerned(w, what, unit);
	return good && units == 0;
}

/* A number for each combination of event and state. */
static struct tdxc_hotplug_state situation(size_t n,
					   enum tdxc_hotplug_event *event)
{
	struct tdxc_hotplug_state s = {.abi = TDXC_ABI};

	*event = (enum tdxc_hotplug_event)(n % TDXC_HOTPLUG_EVENTS);
	n /= TDXC_HOTPLUG_EVENTS;
	s.tdx = (uint32_t)(n % 3);
	n /= 3;
	s.flags = (uint32_t)(n % 8);
	n /= 8;
	s.seamrr_enabled = n % 2 != 0;
	s.nr_cmrs = n / 2; /* 1: known */
	return s;
}

/* Check writes a file at every assertion, so here they are made on failure. */
static void try_range(const struct world *w, const struct tdxc_hotplug_state *s,
		      enum tdxc_hotplug_event e, size_t from, size_t to,
		      uint32_t *seen)
{
	const struct tdxc_range range = {from * UNIT, to * UNIT};
	struct tdxc_hotplug_rule rule;
	struct judged j;

	if (tdxc_hotplug_judge(s, e, &range, j.out, ROOM, &j.v) == TDXC_OK &&
	    tdxc_hotplug_rule_of(j.v.reason, &rule) == TDXC_OK &&
	    rule.answer == j.v.answer && rule.severity == j.v.severity &&
	    10 * (int)j.v.answer + (int)j.v.severity ==
		    wanted(w, s, e, from, to) &&
	    (is_memory_event(e) ? parts_are_exact(w, &j, from, to)
				: j.v.nr == 0)) {
		seen[j.v.reason] |= 1u << e;
		return;
	}
	ck_abort_msg("%s [%zu, %zu) tdx %u flags %u: %s %s, %zu parts",
		     tdxc_hotplug_event_name(e), from, to, s->tdx, s->flags,
		     tdxc_hotplug_answer_name(j.v.answer),
		     tdxc_hotplug_reason_name(j.v.reason), j.v.nr);
}

static void try_every_range(const struct world *w,
			    const struct tdxc_hotplug_state *s,
			    enum tdxc_hotplug_event e, uint32_t *seen)
{
	for (size_t from = 0; from < UNITS; from++) {
		for (size_t to = from + 1; to <= UNITS; to++)
			try_range(w, s, e, from, to, seen);
	}
}

START_TEST(every_event_in_every_state_for_every_range_is_as_the_rules_say)
{
	uint32_t seen[TDXC_HOTPLUG_REASONS] = {0};
	struct tdxc_range cmr_list[UNITS];
	struct tdxc_range memory_list[UNITS];

	for (size_t i = 0; i < COUNT(worlds); i++) {
		size_t nr_cmrs = list_of(worlds[i].cmr, cmr_list);
		size_t nr_memory = list_of(worlds[i].memory, memory_list);

		for (size_t n = 0; n < SITUATIONS; n++) {
			enum tdxc_hotplug_event e;
			struct tdxc_hotplug_state s = situation(n, &e);

			s.cmrs = cmr_list;
			s.nr_cmrs = s.nr_cmrs != 0 ? nr_cmrs : 0;
			s.memory = memory_list;
			s.nr_memory = nr_memory;
			try_every_range(&worlds[i], &s, e, seen);
		}
	}
	/* no rule is unreachable, and none is reached by another event */
	for (size_t r = 0; r < TDXC_HOTPLUG_REASONS; r++) {
		struct tdxc_hotplug_rule rule;

		ck_assert_int_eq(tdxc_hotplug_rule_of(
					 (enum tdxc_hotplug_reason)r, &rule),
				 TDXC_OK);
		ck_assert_msg(
			rule.events == seen[r], "%s: 0x%x, seen 0x%x",
			tdxc_hotplug_reason_name((enum tdxc_hotplug_reason)r),
			rule.events, seen[r]);
	}
}
END_TEST

/* ---- rules, one by one ---- */

START_TEST(l30_a_range_across_touching_entries_goes_online_across_a_gap_not)
{
	const struct tdxc_hotplug_state s = server(TDXC_HOTPLUG_TDX_UP);
	struct judged j = judge(&s, TDXC_HOTPLUG_MEMORY_ONLINE, 6 * GIB - BLOCK,
				6 * GIB + BLOCK);

	ALLOWED(j, TDX_MEMORY);
	ck_assert_uint_eq(j.v.nr, 0);
	j = judge(&s, TDXC_HOTPLUG_MEMORY_ONLINE, 2 * GIB - BLOCK,
		  4 * GIB + BLOCK);
	REFUSED(j, NOT_TDX_MEMORY);
	ck_assert_uint_eq(j.v.nr, 1);
	expect_part(&j, 0, 2 * GIB, 4 * GIB);
}
END_TEST

START_TEST(l31_the_block_with_the_first_mib_lacks_just_that)
{
	struct tdxc_hotplug_state s = server(TDXC_HOTPLUG_TDX_UP);
	struct judged j = judge(&s, TDXC_HOTPLUG_MEMORY_ONLINE, 0, BLOCK);

	REFUSED(j, FIRST_MIB);
	ck_assert_uint_eq(j.v.nr, 1);
	expect_part(&j, 0, 0, MIB);
	s.flags = TDXC_HOTPLUG_KEEP_FIRST_MIB;
	j = judge(&s, TDXC_HOTPLUG_MEMORY_ONLINE, 0, BLOCK);
	ALLOWED(j, FIRST_MIB_KEPT);
	expect_part(&j, 0, 0, MIB);
	/* another hole is not forgiven with it */
	j = judge(&s, TDXC_HOTPLUG_MEMORY_ONLINE, 0, 2 * GIB + BLOCK);
	REFUSED(j, NOT_TDX_MEMORY);
	ck_assert_uint_eq(j.v.nr, 2);
	expect_part(&j, 0, 0, MIB);
	expect_part(&j, 1, 2 * GIB, 2 * GIB + BLOCK);
}
END_TEST

START_TEST(s001_3_seamrr_alone_rules_out_physical_cpu_hotplug)
{
	static const enum tdxc_hotplug_event physical[] = {
		TDXC_HOTPLUG_CPU_ADD, TDXC_HOTPLUG_CPU_REMOVE};

	for (uint32_t i = 0; i < 3 * 8 * 2; i++) {
		struct tdxc_hotplug_state s =
			server((enum tdxc_hotplug_tdx)(i % 3));

		s.flags = i / 3 % 8;
		s.nr_cmrs = i / 24 != 0 ? COUNT(cmrs) : 0;
		for (size_t e = 0; e < COUNT(physical); e++) {
			s.seamrr_enabled = true;
			struct judged j = judge_cpu(&s, physical[e]);

			REFUSED(j, SEAMRR_ON);
			s.seamrr_enabled = false;
			j = judge_cpu(&s, physical[e]);
			ALLOWED(j, SEAMRR_OFF);
		}
		s.seamrr_enabled = true;
		struct judged j = judge_cpu(&s, TDXC_HOTPLUG_CPU_ONLINE);

		ALLOWED(j, LOGICAL_CPU);
		j = judge_cpu(&s, TDXC_HOTPLUG_CPU_OFFLINE);
		ALLOWED(j, LOGICAL_CPU);
	}
}
END_TEST

START_TEST(s001_4_memory_outside_cmrs_comes_and_goes_as_far_as_tdx_goes)
{
	struct tdxc_hotplug_state s = server(on[_i]);
	struct judged j = judge(&s, TDXC_HOTPLUG_ACPI_REMOVE, 8 * GIB, 9 * GIB);

	ALLOWED(j, REMOVED_OTHER);
	s.flags = TDXC_HOTPLUG_TRACK;
	for (size_t e = 0; e < COUNT(adds); e++) {
		j = judge(&s, adds[e], 8 * GIB, 9 * GIB);
		ALLOWED(j, ADDED_TRACKED);
		expect_part(&j, 0, 8 * GIB, 9 * GIB);
		/* no tracking allows what is inside */
		j = judge(&s, adds[e], 8 * GIB - 1, 9 * GIB);
		expect(&j, TDXC_HOTPLUG_REFUSE, TDXC_HOTPLUG_POSSIBLE_ATTACK,
		       TDXC_HOTPLUG_ADDED_CMR);
	}
}
END_TEST

START_TEST(s001_5_removal_inside_a_cmr_is_a_firmware_bug_that_has_happened)
{
	const struct tdxc_hotplug_state s = server(on[_i]);
	struct judged j =
		judge(&s, TDXC_HOTPLUG_ACPI_REMOVE, 2 * GIB - BLOCK, 5 * GIB);

	expect(&j, TDXC_HOTPLUG_WARN, TDXC_HOTPLUG_FIRMWARE_BUG,
	       TDXC_HOTPLUG_REMOVED_CMR);
	ck_assert_uint_eq(j.v.nr, 2);
	expect_part(&j, 0, 2 * GIB - BLOCK, 2 * GIB);
	expect_part(&j, 1, 4 * GIB, 5 * GIB);
}
END_TEST

START_TEST(s001_6_an_addition_inside_a_cmr_is_a_possible_attack)
{
	const struct tdxc_hotplug_state s = server(on[_i]);

	for (size_t e = 0; e < COUNT(adds); e++) {
		struct judged j = judge(&s, adds[e], 7 * GIB, 9 * GIB);

		expect(&j, TDXC_HOTPLUG_REFUSE, TDXC_HOTPLUG_POSSIBLE_ATTACK,
		       TDXC_HOTPLUG_ADDED_CMR);
		ck_assert_uint_eq(j.v.nr, 1);
		expect_part(&j, 0, 7 * GIB, 8 * GIB);
	}
}
END_TEST

START_TEST(s001_7_an_addition_outside_cmrs_is_refused_and_said_to_be_policy)
{
	const struct tdxc_hotplug_state s = server(on[_i]);

	for (size_t e = 0; e < COUNT(adds); e++) {
		struct judged j = judge(&s, adds[e], 8 * GIB, 9 * GIB);

		REFUSED(j, ADDED_POLICY);
		ck_assert_ptr_nonnull(
			strstr(tdxc_hotplug_reason_text(j.v.reason),
			       "policy, not the architecture"));
	}
}
END_TEST

START_TEST(s001_8_with_cmrs_unknown_removal_is_ignored_and_addition_refused)
{
	struct tdxc_hotplug_state s = server(on[_i]);
	struct judged j;

	s.nr_cmrs = 0;
	s.cmrs = NULL;
	j = judge(&s, TDXC_HOTPLUG_ACPI_REMOVE, 4 * GIB, 5 * GIB);
	ALLOWED(j, REMOVED_UNKNOWN);
	for (size_t e = 0; e < COUNT(adds); e++) {
		j = judge(&s, adds[e], 8 * GIB, 9 * GIB);
		REFUSED(j, ADDED_UNKNOWN);
		expect_part(&j, 0, 8 * GIB, 9 * GIB);
	}
	s = server(TDXC_HOTPLUG_TDX_OFF);
	s.nr_cmrs = 0;
	j = judge(&s, TDXC_HOTPLUG_ACPI_ADD, 8 * GIB, 9 * GIB);
	ALLOWED(j, NO_TDX);
}
END_TEST

START_TEST(s001_9_use_tdx_chooses_between_hotplug_and_tdx)
{
	struct tdxc_hotplug_state s = server(TDXC_HOTPLUG_TDX_ENABLED);

	ck_assert_int_eq(tdxc_hotplug_may_bring_up(&s), TDXC_OK);
	s.flags = TDXC_HOTPLUG_NO_USE_TDX;
	ck_assert_int_eq(tdxc_hotplug_may_bring_up(&s), TDXC_E_OPNOTSUPP);
	for (int e = 0; e <= TDXC_HOTPLUG_MEMORY_OFFLINE; e++) {
		struct judged j =
			judge(&s, (enum tdxc_hotplug_event)e, 7 * GIB, 9 * GIB);

		ALLOWED(j, USE_TDX_OFF);
	}
	/* too late: the module has its memory */
	s = server(TDXC_HOTPLUG_TDX_UP);
	s.flags = TDXC_HOTPLUG_NO_USE_TDX;
	ck_assert_int_eq(tdxc_hotplug_may_bring_up(&s), TDXC_E_EXIST);
	struct judged j = judge(&s, TDXC_HOTPLUG_DRIVER_ADD, 8 * GIB, 9 * GIB);

	REFUSED(j, ADDED_POLICY);
	s = server(TDXC_HOTPLUG_TDX_OFF);
	ck_assert_int_eq(tdxc_hotplug_may_bring_up(&s), TDXC_E_NODEV);
}
END_TEST

START_TEST(memory_goes_online_while_no_module_is_up_and_offline_always)
{
	struct tdxc_hotplug_state s = server(TDXC_HOTPLUG_TDX_ENABLED);
	struct judged j = judge(&s, TDXC_HOTPLUG_MEMORY_ONLINE, 0, 9 * GIB);

	ALLOWED(j, NOT_UP);
	j = judge(&s, TDXC_HOTPLUG_MEMORY_OFFLINE, 0, 9 * GIB);
	ALLOWED(j, GOES_OFFLINE);
	s = server(TDXC_HOTPLUG_TDX_UP);
	j = judge(&s, TDXC_HOTPLUG_MEMORY_OFFLINE, 0, 9 * GIB);
	ALLOWED(j, GOES_OFFLINE);
}
END_TEST

/* ---- what comes out ---- */

START_TEST(parts_that_do_not_fit_are_told_of_and_nothing_is_written_past_room)
{
	struct tdxc_range list[100];
	struct tdxc_range out[101];
	struct tdxc_hotplug_state s = {.abi = TDXC_ABI,
				       .tdx = TDXC_HOTPLUG_TDX_UP};
	const struct tdxc_range all = {GIB, GIB + 200 * MIB};
	struct tdxc_hotplug_verdict v;

	for (size_t i = 0; i < COUNT(list); i++) {
		list[i].start = GIB + 2 * i * MIB;
		list[i].end = list[i].start + MIB;
	}
	s.cmrs = list;
	s.nr_cmrs = COUNT(list);
	s.memory = list;
	s.nr_memory = COUNT(list);
	for (size_t room = 0; room <= COUNT(out); room++) {
		memset(out, 0xA5, sizeof(out));
		ck_assert_int_eq(
			tdxc_hotplug_judge(&s,
					   _i != 0 ? TDXC_HOTPLUG_ACPI_ADD
						   : TDXC_HOTPLUG_MEMORY_ONLINE,
					   &all, room != 0 ? out : NULL, room,
					   &v),
			TDXC_OK);
		ck_assert_uint_eq(v.nr, room < 100 ? room : 100);
		ck_assert_int_eq(v.more, room < 100);
		for (size_t i = v.nr; i < COUNT(out); i++)
			ck_assert_uint_eq(out[i].start, 0xA5A5A5A5A5A5A5A5ull);
	}
}
END_TEST

START_TEST(what_is_out_of_range_is_refused_and_changes_nothing)
{
	const struct tdxc_hotplug_state good = server(TDXC_HOTPLUG_TDX_UP);
	const struct tdxc_range one = {GIB, 2 * GIB};
	const struct tdxc_range none = {GIB, GIB};
	const struct tdxc_range inverted = {2 * GIB, GIB};
	struct tdxc_hotplug_state bad[3] = {good, good, good};
	struct tdxc_hotplug_verdict v;
	struct tdxc_hotplug_verdict before;
	struct tdxc_range out[1];
	struct tdxc_hotplug_rule rule;

	bad[0].abi++;
	bad[1].flags = 8;
	bad[2].tdx = 3;
	memset(&v, 0xA5, sizeof(v));
	memcpy(&before, &v, sizeof(v));
	for (size_t i = 0; i < COUNT(bad); i++) {
		ck_assert_int_eq(tdxc_hotplug_judge(&bad[i],
						    TDXC_HOTPLUG_ACPI_ADD, &one,
						    out, 1, &v),
				 TDXC_E_INVAL);
		ck_assert_int_eq(tdxc_hotplug_may_bring_up(&bad[i]),
				 TDXC_E_INVAL);
	}
	ck_assert_int_eq(tdxc_hotplug_judge(&good, TDXC_HOTPLUG_EVENTS, &one,
					    out, 1, &v),
			 TDXC_E_INVAL);
	for (int e = 0; e <= TDXC_HOTPLUG_MEMORY_OFFLINE; e++) {
		enum tdxc_hotplug_event event = (enum tdxc_hotplug_event)e;

		ck_assert_int_eq(
			tdxc_hotplug_judge(&good, event, NULL, out, 1, &v),
			TDXC_E_INVAL);
		ck_assert_int_eq(
			tdxc_hotplug_judge(&good, event, &none, out, 1, &v),
			TDXC_E_INVAL);
		ck_assert_int_eq(
			tdxc_hotplug_judge(&good, event, &inverted, out, 1, &v),
			TDXC_E_INVAL);
	}
	ck_assert_int_eq(tdxc_hotplug_rule_of(TDXC_HOTPLUG_REASONS, &rule),
			 TDXC_E_INVAL);
	ck_assert_mem_eq(&v, &before, sizeof(v));
}
END_TEST

START_TEST(one_line_tells_of_a_whole_dimm)
{
	static const struct {
		enum tdxc_hotplug_event event;
		uint64_t start, end;
		const char *line;
	} lines[] = {
		{TDXC_HOTPLUG_ACPI_ADD, 8 * GIB, 72 * GIB,
		 "acpi-add [mem 0x200000000-0x11ffffffff]: refuse: policy, not "
		 "the architecture: the page allocator holds TDX memory only: "
		 "[mem 0x200000000-0x11ffffffff]"},
		{TDXC_HOTPLUG_ACPI_REMOVE, GIB, 5 * GIB,
		 "acpi-remove [mem 0x40000000-0x13fffffff]: warn, firmware "
		 "bug: convertible memory (CMR) went, though CMRs are fixed at "
		 "boot: [mem 0x40000000-0x7fffffff] and more"},
		{TDXC_HOTPLUG_DRIVER_ADD, 7 * GIB, 9 * GIB,
		 "driver-add [mem 0x1c0000000-0x23fffffff]: refuse, firmware "
		 "bug or attack: convertible memory (CMR) came, though CMRs "
		 "are fixed at boot: [mem 0x1c0000000-0x1ffffffff]"},
		{TDXC_HOTPLUG_MEMORY_ONLINE, 0, BLOCK,
		 "memory-online [mem 0x0-0x7ffffff]: refuse: the first MiB is "
		 "never TDX memory, the rest is: [mem 0x0-0xfffff]"},
		{TDXC_HOTPLUG_MEMORY_OFFLINE, 0, BLOCK,
		 "memory-offline [mem 0x0-0x7ffffff]: allow: memory may always "
		 "go offline"},
	};
	const struct tdxc_hotplug_state s = server(TDXC_HOTPLUG_TDX_UP);
	char text[TDXC_HOTPLUG_MESSAGE_BYTES];
	struct judged j;

	for (size_t i = 0; i < COUNT(lines); i++) {
		const struct tdxc_range r = {lines[i].start, lines[i].end};

		j = judge(&s, lines[i].event, r.start, r.end);
		tdxc_hotplug_message(lines[i].event, &r, &j.v, j.out, text,
				     sizeof(text));
		ck_assert_str_eq(text, lines[i].line);
	}
	j = judge_cpu(&s, TDXC_HOTPLUG_CPU_ADD);
	tdxc_hotplug_message(TDXC_HOTPLUG_CPU_ADD, NULL, &j.v, NULL, text,
			     sizeof(text));
	ck_assert_str_eq(text, "cpu-add: refuse: SEAMRR is on: no physical CPU "
			       "comes or goes, with or without a module");
}
END_TEST

/* The longest line there is, and every shorter room. */
START_TEST(a_line_is_cut_where_the_room_ends_and_always_fits_what_is_promised)
{
	const struct tdxc_range r = {0xFFFFFFFFFFFFF000ull,
				     0xFFFFFFFFFFFFFFFFull};
	char whole[TDXC_HOTPLUG_MESSAGE_BYTES];
	char text[TDXC_HOTPLUG_MESSAGE_BYTES + 1];
	size_t longest = 0;

	for (int e = 0; e < TDXC_HOTPLUG_EVENTS; e++) {
		for (int n = 0; n < TDXC_HOTPLUG_REASONS; n++) {
			struct tdxc_hotplug_verdict v = {
				TDXC_HOTPLUG_REFUSE,
				(enum tdxc_hotplug_reason)n,
				TDXC_HOTPLUG_POSSIBLE_ATTACK, 1, true};

			tdxc_hotplug_message((enum tdxc_hotplug_event)e, &r, &v,
					     &r, whole, sizeof(whole));
			ck_assert(strstr(whole, " and more") != NULL);
			if (strlen(whole) > longest)
				longest = strlen(whole);
			for (size_t room = 1; room < strlen(whole); room += 7) {
				memset(text, 0x5A, sizeof(text));
				tdxc_hotplug_message((enum tdxc_hotplug_event)e,
						     &r, &v, &r, text, room);
				ck_assert_uint_eq(strlen(text), room - 1);
				ck_assert_mem_eq(text, whole, room - 1);
				ck_assert_int_eq(text[room], 0x5A);
			}
		}
	}
	ck_assert_uint_lt(longest, TDXC_HOTPLUG_MESSAGE_BYTES - 1);
}
END_TEST

START_TEST(every_word_is_there_once)
{
	for (int i = 0; i < TDXC_HOTPLUG_REASONS; i++) {
		enum tdxc_hotplug_reason a = (enum tdxc_hotplug_reason)i;

		ck_assert_uint_gt(strlen(tdxc_hotplug_reason_text(a)), 8);
		for (int k = 0; k < i; k++) {
			enum tdxc_hotplug_reason b =
				(enum tdxc_hotplug_reason)k;

			ck_assert_str_ne(tdxc_hotplug_reason_name(a),
					 tdxc_hotplug_reason_name(b));
			ck_assert_str_ne(tdxc_hotplug_reason_text(a),
					 tdxc_hotplug_reason_text(b));
		}
	}
	for (int i = 0; i < TDXC_HOTPLUG_EVENTS; i++)
		ck_assert_str_ne(
			tdxc_hotplug_event_name((enum tdxc_hotplug_event)i),
			"");
	ck_assert_str_eq(tdxc_hotplug_event_name(TDXC_HOTPLUG_EVENTS), "?");
	ck_assert_str_eq(tdxc_hotplug_reason_name(TDXC_HOTPLUG_REASONS), "?");
	ck_assert_str_eq(tdxc_hotplug_reason_text(TDXC_HOTPLUG_REASONS), "?");
	ck_assert_str_eq(tdxc_hotplug_answer_name((enum tdxc_hotplug_answer)3),
			 "?");
	ck_assert_str_eq(
		tdxc_hotplug_severity_name((enum tdxc_hotplug_severity)3), "?");
	ck_assert_str_eq(tdxc_hotplug_answer_name(TDXC_HOTPLUG_WARN), "warn");
	ck_assert_str_eq(
		tdxc_hotplug_severity_name(TDXC_HOTPLUG_POSSIBLE_ATTACK),
		"possible-attack");
}
END_TEST

/* ---- many ranges ---- */

#define MANY   1000u
#define TRIALS 200000u

/* Sorted, a fifth of them touching the one before. */
static void random_list(struct tdxc_range *list, uint64_t *random)
{
	uint64_t at = MIB;

	for (size_t i = 0; i < MANY; i++) {
		if (next_random(random) % 5 != 0)
			at += (next_random(random) % 64 + 1) * TDXC_PAGE_SIZE;
		list[i].start = at;
		at += (next_random(random) % 64 + 1) * TDXC_PAGE_SIZE;
		list[i].end = at;
	}
}

/* Bytes of `r` that no entry holds. */
static uint64_t uncovered(const struct tdxc_range *list, struct tdxc_range r)
{
	uint64_t rest = tdxc_range_size(r);

	for (size_t i = 0; i < MANY; i++) {
		struct tdxc_range in = tdxc_range_intersect(list[i], r);

		if (!tdxc_range_is_empty(in))
			rest -= tdxc_range_size(in);
	}
	return rest;
}

static uint64_t bytes_of(const struct judged *j)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < j->v.nr; i++)
		sum += tdxc_range_size(j->out[i]);
	return sum;
}

/* Whether a verdict, and what it concerns, is what a search through all finds.
 */
static bool is_as_searched(const struct tdxc_hotplug_state *s,
			   struct tdxc_range r)
{
	uint64_t rest = uncovered(s->memory, r);
	struct judged online;
	struct judged removal;

	if (tdxc_hotplug_judge(s, TDXC_HOTPLUG_MEMORY_ONLINE, &r, online.out,
			       ROOM, &online.v) != TDXC_OK ||
	    tdxc_hotplug_judge(s, TDXC_HOTPLUG_ACPI_REMOVE, &r, removal.out,
			       ROOM, &removal.v) != TDXC_OK)
		return false;
	return !online.v.more && !removal.v.more &&
	       online.v.answer ==
		       (rest == 0 ? TDXC_HOTPLUG_ALLOW : TDXC_HOTPLUG_REFUSE) &&
	       bytes_of(&online) == rest &&
	       removal.v.answer == (rest == tdxc_range_size(r)
					    ? TDXC_HOTPLUG_ALLOW
					    : TDXC_HOTPLUG_WARN) &&
	       bytes_of(&removal) == tdxc_range_size(r) - rest;
}

START_TEST(a_thousand_ranges_beside_a_search_through_all)
{
	uint64_t trials = TRIALS * from_env("TDXC_TEST_SCALE", 100) / 100 + 100;
	uint64_t random = from_env("TDXC_SEED", 20261121);
	struct tdxc_range *list = calloc(MANY, sizeof(*list));
	struct tdxc_hotplug_state s = {.abi = TDXC_ABI,
				       .tdx = TDXC_HOTPLUG_TDX_UP};

	printf("TDXC_SEED=%" PRIu64 "\n", random);
	ck_assert_ptr_nonnull(list);
	s.cmrs = list;
	s.nr_cmrs = MANY;
	s.memory = list;
	s.nr_memory = MANY;
	for (uint64_t n = 0; n < trials; n++) {
		struct tdxc_range r;

		if (n % 1000 == 0)
			random_list(list, &random);
		r.start = MIB + next_random(&random) % (list[MANY - 1].end);
		r.end = r.start + next_random(&random) % (20 * 64 * 0x1000) + 1;
		if (!is_as_searched(&s, r))
			ck_abort_msg("trial %" PRIu64, n);
	}
	free(list);
}
END_TEST

static TCase *rule_tests(void)
{
	TCase *t = tcase_create("rules");

	tcase_add_test(
		t,
		l30_a_range_across_touching_entries_goes_online_across_a_gap_not);
	tcase_add_test(t, l31_the_block_with_the_first_mib_lacks_just_that);
	tcase_add_test(t, s001_3_seamrr_alone_rules_out_physical_cpu_hotplug);
	tcase_add_loop_test(
		t, s001_4_memory_outside_cmrs_comes_and_goes_as_far_as_tdx_goes,
		0, 2);
	tcase_add_loop_test(
		t,
		s001_5_removal_inside_a_cmr_is_a_firmware_bug_that_has_happened,
		0, 2);
	tcase_add_loop_test(
		t, s001_6_an_addition_inside_a_cmr_is_a_possible_attack, 0, 2);
	tcase_add_loop_test(
		t,
		s001_7_an_addition_outside_cmrs_is_refused_and_said_to_be_policy,
		0, 2);
	tcase_add_loop_test(
		t,
		s001_8_with_cmrs_unknown_removal_is_ignored_and_addition_refused,
		0, 2);
	tcase_add_test(t, s001_9_use_tdx_chooses_between_hotplug_and_tdx);
	tcase_add_test(
		t, memory_goes_online_while_no_module_is_up_and_offline_always);
	return t;
}

static Suite *suite(void)
{
	Suite *s = suite_create("hotplug");
	TCase *all = tcase_create("all");
	TCase *out = tcase_create("output");

	tcase_add_test(
		all,
		every_event_in_every_state_for_every_range_is_as_the_rules_say);
	tcase_add_test(all, a_thousand_ranges_beside_a_search_through_all);
	suite_add_tcase(s, all);
	suite_add_tcase(s, rule_tests());
	tcase_add_loop_test(
		out,
		parts_that_do_not_fit_are_told_of_and_nothing_is_written_past_room,
		0, 2);
	tcase_add_test(out,
		       what_is_out_of_range_is_refused_and_changes_nothing);
	tcase_add_test(out, one_line_tells_of_a_whole_dimm);
	tcase_add_test(
		out,
		a_line_is_cut_where_the_room_ends_and_always_fits_what_is_promised);
	tcase_add_test(out, every_word_is_there_once);
	suite_add_tcase(s, out);
	return s;
}

int main(void)
{
	SRunner *runner = srunner_create(suite());
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
