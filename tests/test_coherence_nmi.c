/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * The word that says why a CPU's caches may hold lines of another key, under
 * interrupts: the real code, interrupted at every access to the word, by every
 * handler, up to three deep.
 *
 * What has to hold at every instant: when a line may be dirty, the word says
 * so. And once everything is over, one flush leaves no reason.
 */
#include <tdxc_env.h>

static void interrupts_may_come(void);

/* A macro does not expand inside itself: these are the real ones. */
#define tdxc_load_once(p)    (interrupts_may_come(), tdxc_load_once(p))
#define tdxc_load_acquire(p) (interrupts_may_come(), tdxc_load_acquire(p))
#define tdxc_store_release(p, v)                                               \
	(interrupts_may_come(), tdxc_store_release(p, v))
#define tdxc_xchg(p, v) (interrupts_may_come(), tdxc_xchg(p, v))
#define tdxc_try_cmpxchg(p, o, v)                                              \
	(interrupts_may_come(), tdxc_try_cmpxchg(p, o, v))

#include "../libtdxcore/coherence_cpu.c"

#undef tdxc_load_once
#undef tdxc_load_acquire
#undef tdxc_store_release
#undef tdxc_xchg
#undef tdxc_try_cmpxchg

#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define STRAY	(1ull << 62)
#define DEEPEST 3u
#define STEPS	4096u /* accesses of one run; far more than there are */

static struct tdxc_coherence_cpu cpu;
static bool dirty;

/* Which choice was made at each place where an interrupt could come. */
static uint32_t choices[STEPS];
static uint32_t limits[STEPS];
static size_t nr_choices;
static size_t replayed;
static uint32_t depth;
static uint32_t budget; /* interrupts left in this run */
static uint64_t instants;
/* Somebody changes the word whenever it is looked at. */
static bool storming;
static uint32_t storms;
static uint64_t wrong;

static bool says_dirty(void)
{
	return (cpu.word & TDXC_COHERENCE_ACTS) != 0;
}

static void look(void)
{
	instants++;
	wrong += dirty && !says_dirty();
}

static void act(void)
{
	tdxc_coherence_begin(&cpu, TDXC_COHERENCE_BY_SEAMCALL);
	interrupts_may_come();
	dirty = true;
	look();
	interrupts_may_come();
	tdxc_coherence_end(&cpu);
}

static uint32_t flush(void)
{
	tdxc_coherence_flush_begin(&cpu);
	interrupts_may_come();
	dirty = false;
	look();
	interrupts_may_come();
	return tdxc_coherence_flush_end(&cpu);
}

static void act_and_flush(void)
{
	act();
	(void)flush();
}

static void flush_only(void)
{
	(void)flush();
}

static void (*const handlers[])(void) = {act, flush_only, act_and_flush};
#define HANDLERS (sizeof(handlers) / sizeof(handlers[0]))

/* The next choice of this run: what the last run chose, or the first one. */
static uint32_t choose(uint32_t n)
{
	if (replayed == nr_choices) {
		if (nr_choices == STEPS)
			ck_abort_msg("a run without an end");
		choices[nr_choices] = 0;
		limits[nr_choices++] = n;
	}
	return choices[replayed++];
}

static void interrupts_may_come(void)
{
	uint32_t which;

	if (storming) {
		cpu.word ^= STRAY;
		storms++;
		return;
	}
	look();
	if (budget == 0 || depth == DEEPEST)
		return;
	which = choose(1 + HANDLERS);
	if (which == 0)
		return;
	budget--;
	depth++;
	handlers[which - 1]();
	depth--;
	look();
}

/* False: every choice was tried. */
static bool next_run(void)
{
	while (nr_choices > 0 &&
	       choices[nr_choices - 1] + 1 == limits[nr_choices - 1])
		nr_choices--;
	if (nr_choices == 0)
		return false;
	choices[nr_choices - 1]++;
	return true;
}

static uint64_t try_all(void (*work)(void), uint32_t interrupts)
{
	uint64_t runs = 0;

	nr_choices = 0;
	do {
		cpu.word = 0;
		dirty = false;
		replayed = 0;
		depth = 0;
		budget = interrupts;
		work();
		look();
		budget = 0;
		if (flush() != 0 || says_dirty())
			ck_abort_msg("run %" PRIu64 ": a flush left a reason",
				     runs);
		runs++;
	} while (next_run());
	return runs;
}

START_TEST(l34_and_u55_a_dirty_line_never_lacks_its_mark)
{
	static const struct {
		const char *name;
		void (*work)(void);
	} works[] = {
		{"act", act},
		{"flush", flush_only},
		{"act, flush", act_and_flush},
	};

	for (size_t i = 0; i < sizeof(works) / sizeof(works[0]); i++) {
		uint64_t runs = try_all(works[i].work, 3);

		printf("%s: %" PRIu64 " runs, %" PRIu64 " instants\n",
		       works[i].name, runs, instants);
		ck_assert_uint_gt(runs, 100);
	}
	ck_assert_uint_eq(wrong, 0);
}
END_TEST

/* The control: what would be seen if the mark came after the act, were cleared
 * before the flush, or by a flush before the act. */
static void act_too_early(void)
{
	dirty = true;
	interrupts_may_come();
	tdxc_coherence_begin(&cpu, TDXC_COHERENCE_BY_SEAMCALL);
	tdxc_coherence_end(&cpu);
}

static void clear_too_early(void)
{
	tdxc_coherence_begin(&cpu, TDXC_COHERENCE_BY_SEAMCALL);
	dirty = true;
	tdxc_coherence_end(&cpu);
	tdxc_coherence_flush_begin(&cpu);
	(void)tdxc_coherence_flush_end(&cpu);
	interrupts_may_come();
	dirty = false;
}

static void end_too_early(void)
{
	tdxc_coherence_begin(&cpu, TDXC_COHERENCE_BY_SEAMCALL);
	tdxc_coherence_end(&cpu);
	interrupts_may_come();
	dirty = true;
	look();
}

START_TEST(the_wrong_order_is_noticed)
{
	static void (*const works[])(void) = {act_too_early, clear_too_early,
					      end_too_early};

	(void)try_all(works[_i], 1);
	ck_assert_uint_gt(wrong, 0);
}
END_TEST

START_TEST(a_mark_that_loses_every_race_marks_everything)
{
	storming = true;
	tdxc_coherence_begin(&cpu, TDXC_COHERENCE_BY_TD);
	ck_assert_uint_ge(storms, TDXC_COHERENCE_TRIES);
	ck_assert_uint_eq(cpu.word & TDXC_COHERENCE_ACTS, TDXC_COHERENCE_ACTS);
	storms = 0;
	tdxc_coherence_end(&cpu);
	ck_assert_uint_ge(storms, TDXC_COHERENCE_TRIES);
	/* a flush that loses them all counts for nothing */
	storms = 0;
	ck_assert_uint_eq(flush() & TDXC_COHERENCE_ACTS, TDXC_COHERENCE_ACTS);
	ck_assert_uint_ge(storms, TDXC_COHERENCE_TRIES);
	storming = false;
	cpu.word &= ~STRAY;
	ck_assert_uint_eq(flush(), 0);
	ck_assert_uint_eq(cpu.word, 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("coherence_nmi");
	TCase *t = tcase_create("interrupts");
	SRunner *runner;
	int failed;

	tcase_add_test(t, l34_and_u55_a_dirty_line_never_lacks_its_mark);
	tcase_add_loop_test(t, the_wrong_order_is_noticed, 0, 3);
	tcase_add_test(t, a_mark_that_loses_every_race_marks_everything);
	suite_add_tcase(s, t);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
