/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Several processors that get and put pages of a few 2 MiB ranges at once, lend
 * some of them to the module while they have them, and ask whose they are. The
 * module itself is the judge: a page cannot be lent without its pair, and a
 * pair not removed under a page. Afterwards every page is accounted for.
 *
 * TDXC_SEED repeats a run; TDXC_TEST_SCALE=percent: how many rounds.
 */
#include <tdxcore/err.h>
#include <tdxcore/pamt.h>

#include <check.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "audit.h"
#include "pamt/pamt_rig.h"

#define THREADS	  4u
#define RANGES	  3u /* few: threads meet */
#define SLOTS	  2u /* uses of a thread: ranges are often free */
#define CACHED	  10u
#define STEPS	  4000u
#define ROUNDS	  20u
#define PAGE	  PAMT_RIG_PAGE
#define USE_4K	  TDXC_PAMT_USE_4K
#define USE_2M	  TDXC_PAMT_USE_2M
#define GPA(slot) (0x40000000ull + (slot)*PAGE)

static struct pamt_rig rig;

enum held {
	NOTHING,
	A_PAGE,	   /* got */
	LENT_PAGE, /* got, and mapped in the thread's TD */
	BIG_PAGE,  /* got as 2M */
};

struct slot {
	enum held held;
	uint64_t pa;
};

struct thread {
	pthread_t id;
	uint32_t lp;
	uint64_t random;
	struct sim_td td;
	struct slot slot[SLOTS];
	struct pamt_rig_cache own;
	const char *wrong; /* first complaint; checked after the join */
	uint64_t value;
	uint64_t nr_lent;
	uint64_t nr_again;
	uint64_t nr_exist;
};

static void complain(struct thread *t, const char *what, uint64_t value)
{
	if (t->wrong)
		return;
	t->wrong = what;
	t->value = value;
}

static uint64_t below(struct thread *t, uint64_t n)
{
	return (sim_random(&t->random) >> 16) % n;
}

/* A leaf of the thread's own TD; others hold locks for a moment. */
static uint64_t lend(struct thread *t, uint64_t leaf, uint64_t slot,
		     uint64_t pa)
{
	uint64_t status;

	for (int i = 0; i < 10000; i++) {
		status =
			SIM_CALL(&rig.f, t->lp, leaf, GPA(slot), t->td.tdr, pa);
		if (tdxc_again(status) == TDXC_AGAIN_NO)
			return status;
	}
	return status;
}

/* Each thread has its own pages of every range, as an allocator would see to;
 * a 2M use asks for all of them, so the page itself is no one's. */
static uint64_t pick_page(struct thread *t, uint64_t slot)
{
	return pamt_rig_range(&rig, below(t, RANGES)) +
	       (t->lp * SLOTS + slot) * PAGE;
}

static void try_get(struct thread *t, uint64_t i)
{
	bool big = below(t, 16) == 0;
	uint64_t pa =
		big ? pamt_rig_range(&rig, below(t, RANGES)) : pick_page(t, i);
	struct tdxc_seamcall_diag diag;
	int err = tdxc_pamt_get(&rig.pamt, pa, big ? USE_2M : USE_4K,
				&t->own.cache, &diag);

	t->nr_again += err == TDXC_E_AGAIN || err == TDXC_E_BUSY;
	t->nr_exist += err == TDXC_E_EXIST;
	if (err == TDXC_OK)
		t->slot[i] = (struct slot){big ? BIG_PAGE : A_PAGE, pa};
	else if (err != TDXC_E_AGAIN && err != TDXC_E_BUSY &&
		 err != TDXC_E_EXIST && err != TDXC_E_NOMEM &&
		 err != TDXC_E_NOSPC)
		complain(t, "get", diag.status);
}

static void drop(struct thread *t, uint64_t i)
{
	struct slot *s = &t->slot[i];
	struct tdxc_pamt_cache *cache = below(t, 4) ? &t->own.cache : NULL;
	struct tdxc_seamcall_diag diag = {0};
	int err = tdxc_pamt_put(&rig.pamt, s->pa,
				s->held == BIG_PAGE ? USE_2M : USE_4K, cache,
				&diag);

	if (err != TDXC_OK)
		complain(t, "put", diag.status);
	s->held = NOTHING;
}

/* While it is lent, the answer is certain. */
static void ask(struct thread *t, uint64_t i)
{
	struct tdxc_pamt_owner owner;

	(void)tdxc_pamt_whose(&rig.pamt, t->slot[i].pa, &owner);
	if (tdxc_again(owner.status) == TDXC_AGAIN_NO &&
	    (owner.whose != TDXC_WHOSE_GUEST || owner.tdr != t->td.tdr))
		complain(t, "whose", (uint64_t)owner.whose);
}

static void step(struct thread *t)
{
	struct tdxc_pamt_stats stats;
	uint64_t i = below(t, SLOTS);
	struct slot *s = &t->slot[i];
	uint64_t status = 0;

	switch (s->held) {
	case NOTHING:
		try_get(t, i);
		break;
	case BIG_PAGE:
		drop(t, i);
		break;
	case A_PAGE:
		if (below(t, 2) == 0) {
			drop(t, i);
			break;
		}
		status = lend(t, 6, i, s->pa);
		s->held = LENT_PAGE;
		t->nr_lent++;
		break;
	case LENT_PAGE:
		ask(t, i);
		status = lend(t, 29, i, 0);
		s->held = A_PAGE;
		break;
	}
	if (status != 0)
		complain(t, "SEAMCALL", status);
	if (below(t, 256) == 0)
		tdxc_pamt_read_stats(&rig.pamt, &stats);
	if (below(t, 64) == 0) {
		struct tdxc_seamcall_diag diag;
		int err = tdxc_pamt_trim(&rig.pamt, rig.tdmrs[0], &t->own.cache,
					 &diag);

		if (err != TDXC_OK && err != TDXC_E_NOSPC && err != TDXC_E_BUSY)
			complain(t, "trim", diag.status);
	}
}

static void *run(void *arg)
{
	struct thread *t = arg;

	tdxc_sim_port_enter(t->lp);
	for (uint32_t n = 0; n < STEPS && !t->wrong; n++)
		step(t);
	return NULL;
}

static void prepare(struct thread *threads, uint64_t seed)
{
	const struct sim_shape shape = {
		.nr_lps = THREADS,
		.nr_packages = 1,
		.nr_tdmrs = 2,
		.gib = 1,
		.profile = TDXC_SIM_PROFILE_NEWER,
		.dynamic_pamt = true,
	};

	ck_assert_uint_eq(pamt_rig_up(&rig, &shape), 0);
	rig.f.next = rig.f.base + (1u << 30); /* not among the ranges */
	memset(threads, 0, THREADS * sizeof(*threads));
	for (uint32_t i = 0; i < THREADS; i++) {
		struct thread *t = &threads[i];

		t->lp = i;
		t->random = seed * THREADS + i;
		pamt_rig_cache(&t->own, CACHED + 4 * i);
		pamt_rig_fill(&rig, &t->own, CACHED);
		ck_assert_uint_eq(sim_td_build(&rig.f, &t->td, 40 + i, 0), 0);
		ck_assert_uint_eq(sim_td_tables(&rig.f, &t->td, GPA(0), 0), 0);
	}
}

/* What a thread still has is counted, and no longer lent. */
static void finish(struct thread *t, uint32_t held[RANGES])
{
	for (uint64_t i = 0; i < SLOTS; i++) {
		struct slot *s = &t->slot[i];

		if (s->held == LENT_PAGE)
			ck_assert_uint_eq(lend(t, 29, i, 0), 0);
		if (s->held == A_PAGE || s->held == LENT_PAGE)
			held[(s->pa - rig.f.base) / PAMT_RIG_2M]++;
	}
}

static int compare_pages(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a;
	uint64_t y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Each page is in one place and no page in two: caches, then the record. */
static void expect_every_page_once(const struct thread *threads)
{
	uint64_t pages[THREADS * CACHED + 2 * RANGES];
	struct tdxc_pamt_state state;
	size_t n = 0;

	for (uint32_t i = 0; i < THREADS; i++) {
		for (uint32_t k = 0; k < threads[i].own.cache.count; k++)
			pages[n++] = threads[i].own.pages[k] & ~(PAGE - 1);
	}
	for (uint64_t i = 0; i < RANGES; i++) {
		uint64_t pa = pamt_rig_range(&rig, i);

		ck_assert_int_eq(tdxc_pamt_look(&rig.pamt, pa, &state),
				 TDXC_OK);
		ck_assert(!state.changing);
		ck_assert(!state.quarantined);
		ck_assert_uint_eq(pamt_rig_module_has_pair(&rig, pa),
				  state.installed);
		if (!state.installed)
			continue;
		pages[n++] = state.pair[0];
		pages[n++] = state.pair[1];
	}
	ck_assert_uint_eq(n, THREADS * CACHED);
	qsort(pages, n, sizeof(pages[0]), compare_pages);
	for (size_t i = 0; i < n; i++)
		ck_assert_uint_eq(pages[i],
				  rig.f.end - (THREADS * CACHED - i) * PAGE);
}

static void expect_counts(const uint32_t held[RANGES])
{
	struct tdxc_pamt_stats stats;
	struct tdxc_pamt_state state;
	uint64_t sum = 0;

	for (uint64_t i = 0; i < RANGES; i++) {
		ck_assert_int_eq(tdxc_pamt_look(&rig.pamt,
						pamt_rig_range(&rig, i),
						&state),
				 TDXC_OK);
		ck_assert_uint_eq(state.references, held[i]);
		sum += held[i];
	}
	tdxc_pamt_read_stats(&rig.pamt, &stats);
	ck_assert_uint_eq(stats.references, sum);
	ck_assert_uint_eq(stats.adds - stats.removes, stats.installed);
	ck_assert_uint_le(stats.adds,
			  tdxc_sim_port_calls(&rig.port, TDXC_PHYMEM_PAMT_ADD));
}

static void give_back(struct thread *threads)
{
	struct tdxc_pamt_stats stats;
	struct tdxc_seamcall_diag diag;
	struct tdxc_pamt_cache *cache = &threads[THREADS - 1].own.cache;

	cache->room = PAMT_RIG_ROOM;
	for (uint32_t i = 0; i < THREADS; i++) {
		for (uint64_t k = 0; k < SLOTS; k++) {
			if (threads[i].slot[k].held != NOTHING)
				drop(&threads[i], k);
		}
	}
	ck_assert_int_eq(tdxc_pamt_trim(&rig.pamt, rig.tdmrs[0], cache, &diag),
			 TDXC_OK);
	tdxc_pamt_read_stats(&rig.pamt, &stats);
	ck_assert_uint_eq(stats.installed, 0);
	ck_assert_uint_eq(stats.references, 0);
	ck_assert_uint_eq(stats.large, 0);
}

static void race(struct thread *threads)
{
	for (uint32_t i = 0; i < THREADS; i++)
		ck_assert_int_eq(
			pthread_create(&threads[i].id, NULL, run, &threads[i]),
			0);
	for (uint32_t i = 0; i < THREADS; i++)
		(void)pthread_join(threads[i].id, NULL);
}

static void judge(struct thread *threads, uint64_t seed)
{
	uint32_t held[RANGES] = {0};
	struct tdxc_sim_violation v;

	for (uint32_t i = 0; i < THREADS; i++)
		ck_assert_msg(!threads[i].wrong,
			      "seed %" PRIu64 ": %s: %" PRIx64, seed,
			      threads[i].wrong, threads[i].value);
	for (uint32_t i = 0; i < THREADS; i++)
		finish(&threads[i], held);
	expect_counts(held);
	expect_every_page_once(threads);
	give_back(threads);
	expect_every_page_once(threads);
	ck_assert_msg(tdxc_sim_audit(&rig.f.machine, &v) == 0,
		      "seed %" PRIu64 ": %s", seed, v.text);
}

static uint64_t from_env(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : otherwise;
}

static uint64_t nr_rounds(void)
{
	uint64_t n = ROUNDS * from_env("TDXC_TEST_SCALE", 100) / 100;

	return n ? n : 1;
}

static void rounds(struct tdxc_sim_fault_rule *rules, size_t nr_rules)
{
	uint64_t seed = from_env("TDXC_SEED", (uint64_t)time(NULL));
	struct thread threads[THREADS];
	uint64_t lent = 0;
	uint64_t again = 0;
	uint64_t exist = 0;
	uint64_t adds = 0;

	printf("seed %" PRIu64 " (TDXC_SEED repeats or changes it)\n", seed);
	fflush(stdout);
	for (uint64_t n = nr_rounds(); n > 0; n--, seed++) {
		prepare(threads, seed);
		if (nr_rules != 0) {
			rig.pamt.limits.attempts[TDXC_AGAIN_BUSY] = 2;
			rig.pamt.spins = 50;
			pamt_rig_faults(&rig, rules, nr_rules, seed);
		}
		race(threads);
		pamt_rig_no_faults(&rig);
		judge(threads, seed);
		for (uint32_t i = 0; i < THREADS; i++) {
			lent += threads[i].nr_lent;
			again += threads[i].nr_again;
			exist += threads[i].nr_exist;
		}
		adds += tdxc_sim_port_calls(&rig.port, TDXC_PHYMEM_PAMT_ADD);
		pamt_rig_down(&rig);
	}
	printf("%" PRIu64 " pages lent, %" PRIu64 " adds, %" PRIu64
	       " gets to repeat, %" PRIu64 " at the other size\n",
	       lent, adds, again, exist);
	ck_assert_uint_gt(lent, 0);
}

START_TEST(a_pair_is_there_as_long_as_anyone_lends_a_page_of_its_range)
{
	rounds(NULL, 0);
}
END_TEST

/* Every wait of the library is entered: the calls take long, and some find the
 * module busy for good. */
START_TEST(so_it_is_when_the_module_is_slow_and_busy)
{
	static const uint64_t busy = 0x8000020000000001ull;
	struct tdxc_sim_fault_rule rules[] = {
		{.leaf = TDXC_PHYMEM_PAMT_REMOVE,
		 .action = TDXC_SIM_FAULT_STATUS,
		 .per_million = 200000,
		 .value = busy},
		{.leaf = TDXC_PHYMEM_PAMT_ADD,
		 .action = TDXC_SIM_FAULT_STATUS,
		 .per_million = 200000,
		 .value = busy},
		{.leaf = TDXC_PHYMEM_PAMT_REMOVE,
		 .action = TDXC_SIM_FAULT_DELAY,
		 .per_million = 1000000,
		 .value = 2000},
		{.leaf = TDXC_PHYMEM_PAMT_ADD,
		 .action = TDXC_SIM_FAULT_DELAY,
		 .per_million = 1000000,
		 .value = 2000},
	};

	rounds(rules, sizeof(rules) / sizeof(rules[0]));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pamt_race");
	TCase *tcase = tcase_create("race");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 300);
	tcase_add_test(
		tcase,
		a_pair_is_there_as_long_as_anyone_lends_a_page_of_its_range);
	tcase_add_test(tcase, so_it_is_when_the_module_is_slow_and_busy);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
