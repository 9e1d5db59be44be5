/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Eight processors that make random SEAMCALLs at once, plausible and not, on a
 * few TDs and a handful of pages, and run guests in between. Afterwards the
 * auditor must be content, and no answer may have been unknown. Under a thread
 * sanitizer it also proves that the module orders its accesses.
 *
 * TDXC_SIM_RACE_SECONDS: how long (2); TDXC_SIM_RACE_SEED: the seed of the
 * operands, printed in any case.
 */
#include <check.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "audit.h"
#include "sim/sim_fixture.h"

#define LPS	 8u
#define TDS	 3u
#define POOL	 192u
#define GPA	 0x40000000ull
#define PARAMS	 0x200000ull
#define SOURCE	 0x300000ull
#define BUFFER	 0x400000ull /* 64K of each LP */
#define ROUND_NS 250000000ull
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct sim_fixture f;
static struct sim_td tds[TDS];
static uint64_t pool[POOL]; /* 4K pages, free at first */
static uint64_t large[3];   /* 2M ranges, free at first */
static uint64_t stop;	    /* deadline of the round, in ns */
static bool ending;	    /* leaves that end the module are allowed */
static uint64_t nr_calls;
static uint64_t nr_ok[128]; /* by leaf */
static uint64_t nr_entered;
static uint64_t nr_unknown; /* statuses the library does not know */
static uint64_t unknown;

struct thread {
	pthread_t id;
	uint32_t lp;
	uint64_t random;
	uint64_t sum; /* of what guests read, to keep the reads */
};

static uint64_t now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void count(uint64_t *counter)
{
	(void)__atomic_add_fetch(counter, 1, __ATOMIC_RELAXED);
}

static uint64_t below(struct thread *t, uint64_t n)
{
	return (sim_random(&t->random) >> 16) % n;
}

/* --- operands ------------------------------------------------------------ */

static uint64_t junk(struct thread *t)
{
	return sim_random(&t->random) >> below(t, 40);
}

static uint64_t any_page(struct thread *t)
{
	switch (below(t, 16)) {
	case 0:
		return tds[below(t, TDS)].tdr;
	case 1:
		return tds[below(t, TDS)].tdvpr[below(t, 3)];
	case 2:
		return large[below(t, COUNT(large))] + below(t, 512) * 4096;
	case 3:
		return junk(t);
	case 4:
		return f.end - 4096; /* reserved */
	default:
		return pool[below(t, POOL)];
	}
}

static uint64_t any_tdr(struct thread *t)
{
	return below(t, 24) == 0 ? any_page(t) : tds[below(t, TDS)].tdr;
}

static uint64_t any_tdvpr(struct thread *t)
{
	return below(t, 24) == 0 ? any_page(t)
				 : tds[below(t, TDS)].tdvpr[below(t, 3)];
}

static uint64_t any_gpa(struct thread *t, uint64_t level)
{
	switch (level) {
	case 0:
		return GPA + below(t, 2) * TDXC_SIZE_2M + below(t, 12) * 4096;
	case 1:
		return GPA + below(t, 4) * TDXC_SIZE_2M + 1;
	case 2:
		return GPA + below(t, 2) * TDXC_SIZE_1G + 2;
	case 3:
		return below(t, 2) << 39 | 3;
	default:
		return junk(t);
	}
}

static uint64_t any_level(struct thread *t)
{
	static const uint8_t levels[] = {0, 0, 0, 0, 0, 0, 1, 1, 1, 2, 3, 9};

	return levels[below(t, COUNT(levels))];
}

/* Of a page the module reads or writes for the host: where it may, or an
 * address it must refuse. */
static uint64_t any_shared(struct thread *t, uint64_t good)
{
	switch (below(t, 12)) {
	case 0:
		return good | 8;
	case 1:
		return good | 40ull << 46; /* a private KeyID */
	case 2:
		return f.machine.platform.seamrr.start;
	default:
		return good;
	}
}

static uint64_t own_buffer(const struct thread *t)
{
	return BUFFER + t->lp * 0x10000ull;
}

/* --- calls --------------------------------------------------------------- */

static void judge(uint64_t status)
{
	struct tdxc_status_info info;

	if (tdxc_status_lookup(status, &info) == TDXC_OK)
		return;
	count(&nr_unknown);
	__atomic_store_n(&unknown, status, __ATOMIC_RELAXED);
}

static void guest(struct thread *t, struct tdxc_sim_regs *regs);

static uint64_t call(struct thread *t, uint64_t leaf, uint64_t rcx,
		     uint64_t rdx, uint64_t r8)
{
	struct tdxc_sim_regs regs = {{leaf, rcx, rdx}};

	regs.gpr[TDXC_SIM_R8] = r8;
	regs.gpr[TDXC_SIM_R9] = any_shared(t, SOURCE);
	count(&nr_calls);
	if (tdxc_sim_seamcall(&f.machine.module, t->lp, &regs) ==
	    TDXC_SIM_ENTERED) {
		guest(t, &regs);
		return 0;
	}
	judge(regs.gpr[TDXC_SIM_RAX]);
	if (regs.gpr[TDXC_SIM_RAX] == 0)
		count(&nr_ok[leaf & 127]);
	return regs.gpr[TDXC_SIM_RAX];
}

/* A guest's access: what it may reach must not be anyone else's by now. */
static void touch(struct thread *t)
{
	struct tdxc_sim_module *m = &f.machine.module;
	uint64_t gpa = any_gpa(t, 0) + 8 * below(t, 512);
	struct tdxc_sim_translation at;
	uint64_t *word;

	if (tdxc_sim_translate(m, t->lp, gpa & ~4095ull, &at) !=
	    TDXC_SIM_ACCESS_OK)
		return;
	gpa &= (4096ull << (9 * at.level)) - 1;
	word = (uint64_t *)m->ops->page(m->ctx, at.pa + (gpa & ~4095ull),
					true) +
	       gpa % 4096 / 8;
	if (below(t, 2) == 0)
		__atomic_store_n(word, gpa, __ATOMIC_RELAXED);
	else
		t->sum += __atomic_load_n(word, __ATOMIC_RELAXED);
}

static bool stays(struct thread *t, struct tdxc_sim_regs *regs)
{
	static const uint8_t leaves[] = {0, 1, 3, 6, 6, 6, 6, 99};
	enum tdxc_sim_outcome outcome;

	memset(regs, 0, sizeof(*regs));
	regs->gpr[TDXC_SIM_RAX] = leaves[below(t, COUNT(leaves))];
	regs->gpr[TDXC_SIM_RCX] = any_gpa(t, below(t, 2));
	if (regs->gpr[TDXC_SIM_RAX] == 0)
		regs->gpr[TDXC_SIM_RCX] = below(t, 2) == 0 ? 0x3C00 : junk(t);
	outcome = tdxc_sim_tdcall(&f.machine.module, t->lp, regs);
	if (outcome == TDXC_SIM_RETURNED)
		judge(regs->gpr[TDXC_SIM_RAX]);
	return outcome == TDXC_SIM_RETURNED;
}

static void guest(struct thread *t, struct tdxc_sim_regs *regs)
{
	struct tdxc_sim_module *m = &f.machine.module;
	uint64_t n = below(t, 16);

	count(&nr_entered);
	while (n-- > 0) {
		if (below(t, 2) == 0)
			touch(t);
		else if (!stays(t, regs))
			return;
	}
	if (below(t, 2) == 0)
		tdxc_sim_interrupt_exit(m, t->lp, regs);
	else
		tdxc_sim_violation_exit(m, t->lp, any_gpa(t, 0), true, regs);
}

static void system_call(struct thread *t)
{
	static const uint8_t leaves[] = {31, 33, 34, 35, 36,
					 44, 53, 34, 37, 32};
	uint64_t leaf = leaves[below(t, COUNT(leaves))];
	struct tdxc_sim_regs regs = {{leaf}};

	regs.gpr[TDXC_SIM_RCX] = below(t, 2) == 0 ? f.base : junk(t);
	regs.gpr[TDXC_SIM_RDX] = UINT64_MAX;
	regs.gpr[TDXC_SIM_R8] = UINT64_MAX;
	if (leaf == 32) {
		regs.gpr[TDXC_SIM_RCX] = any_shared(t, own_buffer(t));
		regs.gpr[TDXC_SIM_RDX] = 1024;
		regs.gpr[TDXC_SIM_R8] = any_shared(t, own_buffer(t) + 4096);
		regs.gpr[TDXC_SIM_R9] = 32;
	}
	if (leaf == 37)
		regs.gpr[TDXC_SIM_RDX] = any_shared(t, own_buffer(t) + 8192);
	(void)tdxc_sim_seamcall(&f.machine.module, t->lp, &regs);
	judge(regs.gpr[TDXC_SIM_RAX]);
	count(&nr_calls);
}

/* Any leaf but those that write to the host's memory or end the module. */
static void any_call(struct thread *t)
{
	uint64_t leaf = below(t, 128);

	if (leaf == 32 || leaf == 37 || leaf == 45 || leaf == 21 ||
	    leaf == 52 || leaf == 69 || (leaf == 19 && below(t, 256) != 0))
		leaf = 24;
	(void)call(t, leaf | (below(t, 8) == 0 ? 1ull << 16 : 0), junk(t),
		   any_tdr(t), any_page(t));
}

static void mem_call(struct thread *t)
{
	static const uint8_t leaves[] = {2,  3,	 3,  5,	 6,  6,	 7,  15,
					 16, 23, 25, 29, 29, 30, 38, 39};
	uint64_t leaf = leaves[below(t, COUNT(leaves))];
	uint64_t level = any_level(t);
	uint64_t r8 = level == 1 && leaf == 6 ? large[below(t, COUNT(large))]
					      : any_page(t);
	uint64_t tdr = any_tdr(t);

	if (leaf == 38)
		(void)call(t, 38, tdr, 0, 0);
	else
		(void)call(t, leaf, any_gpa(t, level), tdr, r8);
}

/* A page withdrawn by the rules, or nearly. */
static void withdraw(struct thread *t)
{
	static const uint8_t ends[] = {29, 30, 39, 15, 23, 5};
	uint64_t gpa = any_gpa(t, any_level(t));
	uint64_t tdr = any_tdr(t);

	(void)call(t, 7, gpa, tdr, 0);
	(void)call(t, 38, tdr, 0, 0);
	(void)call(t, ends[below(t, COUNT(ends))], gpa, tdr, any_page(t));
}

/* 512 small pages in a row, made one large page, and split again. */
static void join(struct thread *t)
{
	uint64_t gpa = GPA + (2 + below(t, 2)) * TDXC_SIZE_2M;
	uint64_t pa = large[below(t, COUNT(large))];
	uint64_t tdr = tds[below(t, TDS)].tdr;

	(void)call(t, 3, gpa | 1, tdr, any_page(t));
	for (uint64_t i = 0; i < 512; i++)
		(void)call(t, 6, gpa + i * 4096, tdr, pa + i * 4096);
	(void)call(t, 7, gpa | 1, tdr, 0);
	(void)call(t, 38, tdr, 0, 0);
	(void)call(t, 23, gpa | 1, tdr, 0);
	(void)call(t, 7, gpa | 1, tdr, 0);
	(void)call(t, 38, tdr, 0, 0);
	(void)call(t, below(t, 2) == 0 ? 15 : 29, gpa | 1, tdr, any_page(t));
}

static void td_call(struct thread *t)
{
	static const uint8_t on_tdr[] = {8, 11, 13, 17, 11, 20, 27, 21};
	static const uint8_t on_tdvpr[] = {0, 0, 0, 0, 18, 22, 26, 43};
	uint64_t n = below(t, 20);

	if (n < 2) {
		uint64_t leaf = on_tdr[below(t, COUNT(on_tdr))];

		(void)call(t, leaf, any_tdr(t), leaf == 21 ? PARAMS : 1, 0);
	} else if (n < 14) {
		(void)call(t, on_tdvpr[below(t, COUNT(on_tdvpr))], any_tdvpr(t),
			   below(t, 4), 1);
	} else if (n < 16) {
		(void)call(t, below(t, 2) == 0 ? 1 : 10, any_page(t),
			   any_tdr(t), 0);
	} else if (n < 17) {
		(void)call(t, 4, any_page(t), any_tdvpr(t), 0);
	} else {
		(void)call(t, 9, any_page(t), 32 + below(t, 34), 0);
	}
}

static void page_call(struct thread *t)
{
	static const uint8_t leaves[] = {24, 24, 28, 28, 40, 41, 58, 59};
	uint64_t leaf = leaves[below(t, COUNT(leaves))];
	uint64_t page = any_page(t);

	if (leaf == 40)
		(void)call(t, 40, below(t, 3), 0, 0);
	else if (leaf >= 58)
		(void)call(t, leaf, (page & ~(TDXC_SIZE_2M - 1)) | 1,
			   any_page(t), any_page(t));
	else
		(void)call(t, leaf, page, 0, 0);
}

/* The end of a TD, step by step, whatever each step answers; then its pages
 * are anyone's to make TDs of. */
static void tear_down(struct thread *t)
{
	const struct sim_td *td = &tds[below(t, TDS)];

	for (uint32_t i = 0; i < 3; i++)
		(void)call(t, 18, td->tdvpr[i], 0, 0);
	(void)call(t, 19, td->tdr, 0, 0);
	(void)call(t, 40, 0, 0, 0);
	(void)call(t, 20, td->tdr, 0, 0);
	for (uint32_t i = 0; i < POOL; i++)
		(void)call(t, 28, pool[i], 0, 0);
	(void)call(t, 28, td->tdr, 0, 0);
}

/* A TD again where one was, from pages of the pool. */
static void build_up(struct thread *t)
{
	const struct sim_td *td = &tds[below(t, TDS)];

	(void)call(t, 9, td->tdr, 32 + below(t, 31), 0);
	(void)call(t, 8, td->tdr, 0, 0);
	for (uint32_t i = 0; i < 8; i++)
		(void)call(t, 1, any_page(t), td->tdr, 0);
	(void)call(t, 21, td->tdr, PARAMS, 0);
	(void)call(t, 10, td->tdvpr[0], td->tdr, 0);
	for (uint32_t i = 0; i < 7; i++)
		(void)call(t, 4, any_page(t), td->tdvpr[0], 0);
	(void)call(t, 22, td->tdvpr[0], 0, 0);
	(void)call(t, 17, td->tdr, 0, 0);
}

static void end_module(struct thread *t)
{
	(void)call(t, below(t, 2) == 0 ? 52 : 69, below(t, 8) == 0, 0, 0);
}

static void step(struct thread *t)
{
	uint64_t n = below(t, 1000);

	if (n < 400)
		mem_call(t);
	else if (n < 700)
		td_call(t);
	else if (n < 800)
		withdraw(t);
	else if (n < 920)
		page_call(t);
	else if (n < 960)
		any_call(t);
	else if (n < 985)
		system_call(t);
	else if (n < 988)
		join(t);
	else if (n == 988 && below(t, 64) == 0)
		tear_down(t);
	else if (n < 996)
		build_up(t);
	else if (__atomic_load_n(&ending, __ATOMIC_RELAXED))
		end_module(t);
}

static void *run(void *arg)
{
	struct thread *t = arg;

	while (now() < stop) {
		for (int i = 0; i < 32; i++)
			step(t);
	}
	return NULL;
}

/* --- rounds -------------------------------------------------------------- */

static void prepare(uint64_t seed)
{
	struct sim_shape shape = {
		.nr_lps = LPS,
		.nr_packages = 2,
		.nr_tdmrs = 2,
		.gib = 1,
		.profile = (seed & 1) != 0 ? TDXC_SIM_PROFILE_NEWER
					   : TDXC_SIM_PROFILE_1_5_01,
		.dynamic_pamt = (seed & 3) == 3,
		.reserved = true,
	};

	ck_assert_uint_eq(sim_up(&f, &shape), 0);
	for (uint32_t i = 0; i < TDS; i++) {
		ck_assert_uint_eq(sim_td_build(&f, &tds[i], 40 + i, 3), 0);
		ck_assert_uint_eq(sim_td_tables(&f, &tds[i], GPA, 0), 0);
		if (i != 0)
			ck_assert_uint_eq(sim_td_finalize(&f, &tds[i]), 0);
	}
	for (uint32_t i = 0; i < POOL; i++)
		pool[i] = sim_page(&f, 4096);
	for (uint32_t i = 0; i < COUNT(large); i++) {
		large[i] = sim_page(&f, TDXC_SIZE_2M);
		ck_assert_uint_ne(large[i], 0);
	}
}

static uint64_t race(uint64_t seed, uint64_t ns)
{
	struct thread threads[LPS] = {{.lp = 0}};
	uint64_t sum = 0;

	stop = now() + ns;
	for (uint32_t i = 0; i < LPS; i++) {
		threads[i].lp = i;
		threads[i].random = seed * LPS + i;
		ck_assert_int_eq(
			pthread_create(&threads[i].id, NULL, run, &threads[i]),
			0);
	}
	for (uint32_t i = 0; i < LPS; i++) {
		(void)pthread_join(threads[i].id, NULL);
		sum += threads[i].sum;
	}
	return sum;
}

static void audit(uint64_t seed)
{
	struct tdxc_sim_violation v;
	int err = tdxc_sim_audit(&f.machine, &v);

	ck_assert_msg(err == 0, "seed %" PRIu64 ": %s", seed, v.text);
	ck_assert_msg(nr_unknown == 0, "seed %" PRIu64 ": status %" PRIx64,
		      seed, unknown);
}

static uint64_t from_env(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : otherwise;
}

START_TEST(random_calls_on_eight_processors_leave_a_consistent_module)
{
	uint64_t seed = from_env("TDXC_SIM_RACE_SEED", (uint64_t)time(NULL));
	uint64_t end =
		now() + from_env("TDXC_SIM_RACE_SECONDS", 2) * 1000000000u;
	uint64_t rounds = 0;
	uint64_t sum = 0;

	printf("seed %" PRIu64 "\n", seed);
	fflush(stdout);
	for (; rounds < 4 || now() < end; seed++, rounds++) {
		prepare(seed);
		ending = false;
		sum ^= race(seed, ROUND_NS);
		audit(seed);
		ending = true;
		sum ^= race(~seed, ROUND_NS / 10);
		audit(seed);
		sim_down(&f);
	}
	printf("%" PRIu64 " calls in %" PRIu64 " rounds, %" PRIu64
	       " entries, sum %" PRIx64 "\n",
	       nr_calls, rounds, nr_entered, sum);
	ck_assert_uint_gt(nr_entered, 0);
	if (getenv("TDXC_SIM_RACE_VERBOSE")) {
		for (unsigned i = 0; i < COUNT(nr_ok); i++)
			printf("leaf %u: %" PRIu64 "\n", i, nr_ok[i]);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sim_race");
	TCase *tcase = tcase_create("race");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 300);
	tcase_add_test(
		tcase,
		random_calls_on_eight_processors_leave_a_consistent_module);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
