/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * The conversion gate under threads. First the store-buffer test: one thread
 * converts, one closes, a gate for each round; never does a conversion go on
 * behind a close that found none in flight. Then seven threads that convert as
 * long as they may, and one that closes, takes all memory, and opens again.
 *
 * What the gate guards is memory without atomics, so a thread sanitizer sees
 * each order that is missing.
 *
 * TDXC_SIM_RACE_SECONDS: how long each (2). TDXC_GATE_ROUNDS: how many rounds
 * of the first, instead. TDXC_SEED: of the delays.
 */
#include <tdxcore/err.h>
#include <tdxcore/gate.h>
#include <tdxcore/version.h>

#include <check.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BLOCK	   4096u /* rounds between two barriers */
#define CONVERTERS 7u
#define PAGES	   16u
#define SPINS	   200u

static uint64_t from_env(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : otherwise;
}

static uint64_t now_ns(void *ctx)
{
	struct timespec t;

	(void)ctx;
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void yield(void *ctx)
{
	(void)ctx;
	(void)sched_yield();
}

static const struct tdxc_gate_ops ops = {TDXC_ABI, now_ns, yield};

static uint64_t draw(uint64_t *x)
{
	*x += 0x9E3779B97F4A7C15ull;
	return (*x ^ *x >> 31) * 0xBF58476D1CE4E5B9ull >> 32;
}

/* ---- store buffers ---- */

struct round {
	struct tdxc_gate gate;
	uint64_t converted; /* by the conversion */
	bool entered;	    /* of the converter */
	bool clean;	    /* of the closer */
	uint64_t seen;
};

static struct round rounds[BLOCK];
static uint64_t reached[2]; /* atomic: each side's round, within the block */

/* Both sides start a round together, as nearly as may be. */
static void meet(uint32_t me, uint64_t i, uint64_t *random)
{
	uint64_t spins = 0;

	tdxc_store_release(&reached[me], i + 1);
	while (tdxc_load_acquire(&reached[1 - me]) <= i) {
		if (++spins % SPINS == 0)
			(void)sched_yield();
		tdxc_relax();
	}
	for (spins = draw(random) % 8; spins > 0; spins--)
		tdxc_relax();
}

static void *convert_block(void *arg)
{
	uint64_t *random = arg;

	for (uint64_t i = 0; i < BLOCK; i++) {
		struct round *r = &rounds[i];

		meet(0, i, random);
		r->entered = tdxc_gate_begin(&r->gate) == TDXC_OK;
		if (!r->entered)
			continue;
		for (uint64_t spins = draw(random) % 4; spins > 0; spins--)
			tdxc_relax();
		r->converted = 1;
		ck_assert_int_eq(tdxc_gate_end(&r->gate), TDXC_OK);
	}
	return NULL;
}

static void close_block(uint64_t *random)
{
	for (uint64_t i = 0; i < BLOCK; i++) {
		struct round *r = &rounds[i];

		meet(1, i, random);
		r->clean = tdxc_gate_close_now(&r->gate) == 0;
		if (r->clean)
			r->seen = r->converted;
	}
}

struct outcomes {
	uint64_t refused;
	uint64_t before;  /* ended, then closed */
	uint64_t between; /* closed while in flight */
};

static void judge(struct outcomes *o)
{
	for (uint64_t i = 0; i < BLOCK; i++) {
		const struct round *r = &rounds[i];
		struct tdxc_gate_state state = tdxc_gate_look(&r->gate);

		ck_assert(state.closed);
		ck_assert_uint_eq(state.in_flight, 0);
		ck_assert_int_eq(state.raced, !r->clean);
		ck_assert(r->clean || r->entered);
		if (r->clean)
			ck_assert_uint_eq(r->seen, r->entered);
		o->refused += !r->entered;
		o->before += r->clean && r->entered;
		o->between += !r->clean;
	}
}

START_TEST(u4_never_entered_and_closed_with_none_in_flight)
{
	uint64_t seed = from_env("TDXC_SEED", (uint64_t)time(NULL));
	uint64_t most = from_env("TDXC_GATE_ROUNDS", 0);
	uint64_t end = now_ns(NULL) +
		       from_env("TDXC_SIM_RACE_SECONDS", 2) * 1000000000u;
	uint64_t random[2] = {seed, ~seed};
	struct outcomes o = {0, 0, 0};
	pthread_t thread;
	uint64_t n;

	printf("seed %" PRIu64 " (TDXC_SEED repeats or changes it)\n", seed);
	fflush(stdout);
	for (n = 0; n == 0 || (most ? n < most : now_ns(NULL) < end);
	     n += BLOCK) {
		memset(rounds, 0, sizeof(rounds));
		memset(reached, 0, sizeof(reached));
		ck_assert_int_eq(pthread_create(&thread, NULL, convert_block,
						&random[0]),
				 0);
		close_block(&random[1]);
		(void)pthread_join(thread, NULL);
		judge(&o);
	}
	printf("%" PRIu64 " rounds: %" PRIu64 " refused, %" PRIu64
	       " ended before, %" PRIu64 " in flight\n",
	       n, o.refused, o.before, o.between);
	ck_assert_uint_eq(o.refused + o.before + o.between, n);
}
END_TEST

/* ---- memory that is taken and given back ---- */

static struct {
	struct tdxc_gate gate;
	uint64_t page[CONVERTERS][PAGES]; /* all equal outside conversions */
	uint64_t stop;			  /* atomic */
} world;

struct converter {
	pthread_t id;
	uint32_t number;
	uint64_t random;
	uint64_t conversions;
	uint64_t refused;
};

/* The pages of a thread are its own, as long as the gate is open. */
static void convert(struct converter *c)
{
	uint64_t *page = world.page[c->number];
	uint64_t value = draw(&c->random);

	for (uint32_t i = 0; i < PAGES; i++) {
		page[i] = value;
		if (i == PAGES / 2 && value % 4 == 0)
			(void)sched_yield();
	}
	c->conversions++;
}

static void *convert_all_the_time(void *arg)
{
	struct converter *c = arg;

	while (tdxc_load_acquire(&world.stop) == 0) {
		int err = tdxc_gate_begin(&world.gate);

		if (err == TDXC_OK) {
			convert(c);
			ck_assert_int_eq(tdxc_gate_end(&world.gate), TDXC_OK);
			continue;
		}
		ck_assert(err == TDXC_E_CANCELED || err == TDXC_E_AGAIN);
		c->refused++;
		(void)sched_yield();
	}
	return NULL;
}

/* No page is half converted, and nobody converts while they are unshared. */
static void take_all(uint64_t round)
{
	for (uint32_t t = 0; t < CONVERTERS; t++) {
		for (uint32_t i = 1; i < PAGES; i++)
			ck_assert_uint_eq(world.page[t][i], world.page[t][0]);
		for (uint32_t i = 0; i < PAGES; i++)
			world.page[t][i] = round;
	}
	for (uint32_t t = 0; t < CONVERTERS; t++) {
		for (uint32_t i = 0; i < PAGES; i++)
			ck_assert_uint_eq(world.page[t][i], round);
	}
}

static void take_and_open(uint64_t end)
{
	const struct tdxc_gate_wait wait = tdxc_gate_wait_usual(&ops, NULL);
	struct tdxc_gate_report report;
	uint64_t waits = 0;
	uint64_t n;

	for (n = 0; n == 0 || now_ns(NULL) < end; n++) {
		ck_assert_int_eq(tdxc_gate_close(&world.gate, &wait, &report),
				 TDXC_OK);
		waits += report.at_close != 0;
		take_all(n);
		ck_assert_int_eq(tdxc_gate_open(&world.gate), TDXC_OK);
		(void)sched_yield();
	}
	printf("%" PRIu64 " closes, %" PRIu64 " had to wait\n", n, waits);
}

START_TEST(s004_2_who_has_closed_the_gate_has_all_memory_to_itself)
{
	uint64_t end = now_ns(NULL) +
		       from_env("TDXC_SIM_RACE_SECONDS", 2) * 1000000000u;
	struct converter converters[CONVERTERS];
	uint64_t conversions = 0;
	uint64_t refused = 0;

	memset(&world, 0, sizeof(world));
	for (uint32_t i = 0; i < CONVERTERS; i++) {
		converters[i] = (struct converter){.number = i, .random = i};
		ck_assert_int_eq(pthread_create(&converters[i].id, NULL,
						convert_all_the_time,
						&converters[i]),
				 0);
	}
	take_and_open(end);
	tdxc_store_release(&world.stop, 1);
	for (uint32_t i = 0; i < CONVERTERS; i++) {
		(void)pthread_join(converters[i].id, NULL);
		conversions += converters[i].conversions;
		refused += converters[i].refused;
	}
	printf("%" PRIu64 " conversions, %" PRIu64 " refused\n", conversions,
	       refused);
	ck_assert_uint_eq(tdxc_gate_look(&world.gate).in_flight, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("gate_race");
	TCase *tcase = tcase_create("race");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 300);
	tcase_add_test(tcase, u4_never_entered_and_closed_with_none_in_flight);
	tcase_add_test(tcase,
		       s004_2_who_has_closed_the_gate_has_all_memory_to_itself);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
