/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * What no line shows alone: blocks begin and end, a repeat leaves the TDs as
 * it found them, and what happens at once leaves no doubt about what a guest
 * must find.
 */
#include "scenario_parse.h"

/* Statements that are open, from the outermost. */
struct blocks {
	size_t at[SCENARIO_MAX_DEPTH + 1];
	size_t nr;
};

/* A refusal speaks of a statement's line, not of where reading has come to. */
#define REFUSE(r, st, ...)                                                     \
	(scenario_refuse(&(struct scenario_reader){.line = (st)->line,         \
						   .name = (r)->name,          \
						   .error = (r)->error},       \
			 __VA_ARGS__))

bool scenario_changes(const struct scenario_statement *st)
{
	if (st->kind == SCENARIO_GUEST)
		return st->what.guest == SCENARIO_WRITE ||
		       st->what.guest == SCENARIO_SHARE ||
		       st->what.guest == SCENARIO_UNSHARE ||
		       st->what.guest == SCENARIO_STORM;
	return st->kind == SCENARIO_HOST &&
	       (st->what.host == SCENARIO_BALLOON ||
		st->what.host == SCENARIO_DELETE_SLOT);
}

bool scenario_depends(const struct scenario_statement *st)
{
	return st->kind == SCENARIO_GUEST || scenario_changes(st) ||
	       (st->kind == SCENARIO_HOST &&
		st->what.host == SCENARIO_POPULATE);
}

/* --- blocks ----------------------------------------------------------------
 */

static int open_block(struct scenario *s, struct blocks *blocks, size_t i,
		      const struct scenario_reader *r)
{
	if (blocks->nr == SCENARIO_MAX_DEPTH)
		return REFUSE(r, &s->statements[i],
			      "expected at most %u blocks in each other",
			      SCENARIO_MAX_DEPTH);
	blocks->at[blocks->nr++] = i;
	return MAP_OK;
}

static int close_block(struct scenario *s, struct blocks *blocks, size_t i,
		       const struct scenario_reader *r)
{
	struct scenario_statement *st = s->statements;

	if (blocks->nr == 0)
		return REFUSE(r, &st[i],
			      "expected a parallel or repeat before this end");
	st[i].other = blocks->at[--blocks->nr];
	st[st[i].other].other = i;
	if (st[i].other + 1 == i)
		return REFUSE(
			r, &st[i], "expected statements between %s and its end",
			st[st[i].other].kind == SCENARIO_REPEAT ? "repeat"
								: "parallel");
	return MAP_OK;
}

static bool is_migrate(const struct scenario_statement *st)
{
	return st->kind == SCENARIO_HOST && st->what.host == SCENARIO_MIGRATE;
}

static bool is_in_parallel(const struct scenario *s,
			   const struct blocks *blocks)
{
	return blocks->nr > 0 &&
	       s->statements[blocks->at[blocks->nr - 1]].kind ==
		       SCENARIO_PARALLEL;
}

static bool ends_host(const struct scenario_statement *st)
{
	return st->kind == SCENARIO_HANDOVER &&
	       (st->what.handover == SCENARIO_KEXEC ||
		st->what.handover == SCENARIO_CRASH);
}

/* After a crash there is nobody who could do anything; and a module that was
 * not disabled cannot be brought up by another kernel. */
static int check_end(const struct scenario *s, size_t i,
		     const struct scenario_reader *r)
{
	if (!ends_host(&s->statements[i]) ||
	    (s->statements[i].what.handover == SCENARIO_KEXEC &&
	     s->machine.dynamic_pamt))
		return MAP_OK;
	while (++i < s->nr_statements) {
		if (s->statements[i].kind != SCENARIO_EXPECT)
			return REFUSE(r, &s->statements[i],
				      "expected nothing but expect after a "
				      "crash of the host, or a kexec where "
				      "the module cannot be disabled "
				      "(dynamic-pamt off)");
	}
	return MAP_OK;
}

/* What may stand where. */
static int check_place(const struct scenario *s, const struct blocks *blocks,
		       size_t i, const struct scenario_reader *r)
{
	const struct scenario_statement *st = &s->statements[i];

	if (is_migrate(st) && !is_in_parallel(s, blocks))
		return REFUSE(r, st,
			      "expected migrate in a parallel, beside "
			      "what the guest does");
	if (blocks->nr == 0 || st->kind == SCENARIO_END)
		return MAP_OK;
	if (ends_host(st))
		return REFUSE(r, st,
			      "expected the end of the host's kernel outside "
			      "of repeat and parallel");
	if (st->kind == SCENARIO_EXPECT)
		return REFUSE(r, st,
			      "expected expect outside of repeat and parallel: "
			      "it holds at the end of the scenario");
	if (is_in_parallel(s, blocks) && st->kind != SCENARIO_GUEST &&
	    st->kind != SCENARIO_HOST && st->kind != SCENARIO_HANDOVER)
		return REFUSE(r, st,
			      "expected guest, host, unshare or end in a "
			      "parallel");
	if (is_in_parallel(s, blocks) && st->kind == SCENARIO_HANDOVER &&
	    (st->what.handover != SCENARIO_UNSHARE_ALL ||
	     st->unshare.in_flight != 0))
		return REFUSE(r, st,
			      "expected unshare without in-flight in a "
			      "parallel: nobody could say how many there are");
	return MAP_OK;
}

static int pair_blocks(struct scenario *s, const struct scenario_reader *r)
{
	struct blocks blocks = {.nr = 0};
	int err = MAP_OK;
	size_t i;

	for (i = 0; i < s->nr_statements && err == MAP_OK; i++) {
		enum scenario_kind kind = s->statements[i].kind;

		err = check_place(s, &blocks, i, r);
		if (err != MAP_OK)
			break;
		if (kind == SCENARIO_PARALLEL || kind == SCENARIO_REPEAT)
			err = open_block(s, &blocks, i, r);
		else if (kind == SCENARIO_END)
			err = close_block(s, &blocks, i, r);
	}
	if (err == MAP_OK && blocks.nr > 0)
		err = REFUSE(r, &s->statements[blocks.at[blocks.nr - 1]],
			     "expected an end for this block");
	return err;
}

/* --- repeat ----------------------------------------------------------------
 */

static bool is_made_in(const struct scenario *s, size_t from, size_t to,
		       size_t td)
{
	for (; from < to; from++) {
		if (s->statements[from].kind == SCENARIO_TD &&
		    s->statements[from].td == td)
			return true;
	}
	return false;
}

static bool is_taken_down_in(const struct scenario *s, size_t from, size_t to,
			     size_t td)
{
	for (; from < to; from++) {
		if (s->statements[from].kind == SCENARIO_TEARDOWN &&
		    s->statements[from].td == td)
			return true;
	}
	return false;
}

/* The second round must find the TDs as the first did. */
static int check_repeat(const struct scenario *s, size_t begin,
			const struct scenario_reader *r)
{
	size_t end = s->statements[begin].other;
	size_t i;

	for (i = begin + 1; i < end; i++) {
		const struct scenario_statement *st = &s->statements[i];

		if (st->kind == SCENARIO_TD &&
		    !is_taken_down_in(s, i, end, st->td))
			return REFUSE(r, st,
				      "expected a teardown of %s within the "
				      "repeat that makes it",
				      s->tds[st->td].name);
		if (st->kind == SCENARIO_TEARDOWN &&
		    !is_made_in(s, begin, i, st->td))
			return REFUSE(r, st,
				      "expected %s to be made within the "
				      "repeat that takes it down",
				      s->tds[st->td].name);
	}
	return MAP_OK;
}

/* --- parallel --------------------------------------------------------------
 */

/* An unshare waits for its guest to end; nobody else may touch the TD. */
static bool may_be_beside_unshare(const struct scenario_statement *st)
{
	return st->kind == SCENARIO_GUEST || is_migrate(st);
}

static bool collide(const struct scenario_statement *a,
		    const struct scenario_statement *b)
{
	bool matters = (scenario_changes(a) && scenario_depends(b)) ||
		       (scenario_changes(b) && scenario_depends(a));

	if (a->td == b->td &&
	    (a->kind == SCENARIO_HANDOVER || b->kind == SCENARIO_HANDOVER))
		return !may_be_beside_unshare(a) && !may_be_beside_unshare(b);
	return matters && a->td == b->td && a->range.start < b->range.end &&
	       b->range.start < a->range.end;
}

static int check_collisions(const struct scenario *s, size_t begin,
			    const struct scenario_reader *r)
{
	const struct scenario_statement *st = s->statements;
	size_t i;
	size_t j;

	for (i = begin + 1; i < st[begin].other; i++) {
		for (j = begin + 1; j < i; j++) {
			if (collide(&st[i], &st[j]))
				return REFUSE(
					r, &st[i],
					"expected other memory than in line "
					"%zu, which happens at the same time: "
					"nobody could say what the guest must "
					"find",
					st[j].line);
		}
	}
	return MAP_OK;
}

/* The TD's vCPUs are divided among what its guest does at once. */
static int divide_vcpus(struct scenario *s, size_t begin, size_t first,
			const struct scenario_reader *r)
{
	struct scenario_statement *st = s->statements;
	uint32_t vcpus = s->tds[st[first].td].vcpus;
	uint32_t nr = 0;
	uint32_t n = 0;
	size_t i;

	for (i = begin + 1; i < st[begin].other; i++)
		nr += st[i].kind == SCENARIO_GUEST && st[i].td == st[first].td;
	if (nr > vcpus)
		return REFUSE(r, &st[first],
			      "expected at most %u guest statements for %s, "
			      "which has so many vCPUs",
			      vcpus, s->tds[st[first].td].name);
	for (i = begin + 1; i < st[begin].other; i++) {
		if (st[i].kind != SCENARIO_GUEST || st[i].td != st[first].td)
			continue;
		st[i].first_vcpu = vcpus * n / nr;
		st[i].nr_vcpus = vcpus * (n + 1) / nr - st[i].first_vcpu;
		n++;
	}
	return MAP_OK;
}

/* vCPUs move on their way into the guest. */
static int check_migrate(const struct scenario *s, size_t begin, size_t migrate,
			 const struct scenario_reader *r)
{
	const struct scenario_statement *st = s->statements;
	size_t i;

	for (i = begin + 1; i < st[begin].other; i++) {
		if (st[i].kind == SCENARIO_GUEST && st[i].td == st[migrate].td)
			return MAP_OK;
	}
	return REFUSE(
		r, &st[migrate],
		"expected a guest statement of %s at the same time: vCPUs "
		"that do not run do not move",
		s->tds[st[migrate].td].name);
}

static int check_parallel(struct scenario *s, size_t begin,
			  const struct scenario_reader *r)
{
	const struct scenario_statement *st = s->statements;
	int err = MAP_OK;
	size_t i;

	if (st[begin].other - begin - 1 > SCENARIO_MAX_PARALLEL)
		return REFUSE(r, &st[begin],
			      "expected at most %u statements in a parallel",
			      SCENARIO_MAX_PARALLEL);
	for (i = begin + 1; i < st[begin].other && err == MAP_OK; i++) {
		if (st[i].kind == SCENARIO_GUEST && st[i].nr_vcpus == 0)
			err = divide_vcpus(s, begin, i, r);
		if (is_migrate(&st[i]))
			err = check_migrate(s, begin, i, r);
	}
	return err == MAP_OK ? check_collisions(s, begin, r) : err;
}

/* --- the whole -------------------------------------------------------------
 */

static int check_statement(struct scenario *s, size_t i,
			   const struct scenario_reader *r)
{
	struct scenario_statement *st = &s->statements[i];

	if (st->kind == SCENARIO_PARALLEL)
		return check_parallel(s, i, r);
	if (st->kind == SCENARIO_REPEAT)
		return check_repeat(s, i, r);
	if (st->kind == SCENARIO_HANDOVER)
		return check_end(s, i, r);
	if (st->kind == SCENARIO_GUEST && st->nr_vcpus == 0)
		st->nr_vcpus = s->tds[st->td].vcpus;
	return MAP_OK;
}

int scenario_check(struct scenario *s, struct scenario_reader *r)
{
	int err = MAP_OK;
	size_t i;

	if (s->nr_tds == 0)
		return scenario_refuse(r, "expected at least one td");
	err = pair_blocks(s, r);
	for (i = 0; i < s->nr_statements && err == MAP_OK; i++)
		err = check_statement(s, i, r);
	return err;
}
