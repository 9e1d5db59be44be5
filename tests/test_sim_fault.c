/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Calls that fail on purpose, and calls run one at a time in a seeded order. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "fault.h"
#include "sim/sim_fixture.h"

#define BUSY	   0x8000020000000001ull
#define NO_ENTROPY 0x8000020300000000ull
#define KEY_FAILED 0x8000080000000000ull
#define KET_BUSY   0x80000200000000BBull
#define RESUMABLE  0x8000000300000000ull
#define COUNT(a)   (sizeof(a) / sizeof((a)[0]))

static struct sim_fixture f;
static struct tdxc_sim_fault fault;

static const struct sim_shape shape = {
	.nr_lps = 4,
	.nr_packages = 2,
	.nr_tdmrs = 1,
	.gib = 1,
};

static void up(void)
{
	ck_assert_uint_eq(sim_up(&f, &shape), 0);
}

static void down(void)
{
	if (fault.machine)
		tdxc_sim_fault_detach(&fault);
	sim_down(&f);
}

static uint64_t call(uint32_t lp, uint64_t leaf, uint64_t rcx, uint64_t rdx)
{
	struct tdxc_sim_regs regs = {{leaf, rcx, rdx}};

	(void)tdxc_sim_fault_seamcall(&fault, lp, &regs);
	return regs.gpr[TDXC_SIM_RAX];
}

static void rule(struct tdxc_sim_fault_rule *rules, size_t n)
{
	tdxc_sim_fault_attach(&fault, &f.machine, rules, n, 7);
}

START_TEST(the_nth_call_of_a_leaf_returns_the_status_and_does_nothing)
{
	struct tdxc_sim_fault_rule r = {
		.leaf = 24,
		.action = TDXC_SIM_FAULT_STATUS,
		.nth = 2,
		.value = BUSY,
	};

	rule(&r, 1);
	ck_assert_uint_eq(call(0, 24, f.base, 0), 0);
	ck_assert_uint_eq(call(0, 38, f.base, 0) >> 32, 0xC0000300);
	ck_assert_uint_eq(call(0, 24, f.base, 0), BUSY);
	ck_assert_uint_eq(call(0, 24, f.base, 0), 0);
	ck_assert_uint_eq(r.seen, 3);
	ck_assert_uint_eq(r.hits, 1);
	ck_assert_uint_eq(fault.calls[24], 3);
	ck_assert_uint_eq(fault.faults[24], 1);
	ck_assert_uint_eq(fault.calls[38], 1);
}
END_TEST

START_TEST(entropy_and_keys_fail_where_the_module_asks_for_them)
{
	struct tdxc_sim_fault_rule r[] = {
		{.leaf = 9, .action = TDXC_SIM_FAULT_NO_ENTROPY, .nth = 1},
		{.leaf = 8, .action = TDXC_SIM_FAULT_KEY_FAILS, .nth = 1},
		{.leaf = 8, .action = TDXC_SIM_FAULT_KEY_BUSY, .nth = 1},
	};
	uint64_t tdr = sim_page(&f, 4096);

	rule(r, COUNT(r));
	ck_assert_uint_eq(call(0, 9, tdr, 40), NO_ENTROPY);
	ck_assert_uint_eq(call(0, 9, tdr, 40), 0);
	ck_assert_uint_eq(call(0, 8, tdr, 0), KEY_FAILED);
	ck_assert_uint_eq(call(0, 8, tdr, 0), KET_BUSY);
	ck_assert_uint_eq(call(0, 8, tdr, 0), 0);
	ck_assert_uint_eq(call(2, 8, tdr, 0), 0);
}
END_TEST

START_TEST(an_interrupt_stops_a_cache_write_back_which_can_be_resumed)
{
	struct tdxc_sim_fault_rule r = {
		.leaf = 40,
		.action = TDXC_SIM_FAULT_INTERRUPT,
		.per_million = 1000000,
		.most = 3,
	};
	struct sim_td td;

	ck_assert_uint_eq(sim_td_build(&f, &td, 40, 0), 0);
	ck_assert_uint_eq(SIM_CALL(&f, 0, 19, td.tdr), 0);
	rule(&r, 1);
	ck_assert_uint_eq(call(0, 40, 0, 0), RESUMABLE);
	ck_assert_uint_eq(call(0, 40, 1, 0), RESUMABLE);
	ck_assert_uint_eq(call(1, 40, 1, 0), RESUMABLE);
	ck_assert_uint_eq(call(0, 40, 1, 0), 0);
	ck_assert_uint_eq(r.hits, 3);
	ck_assert_uint_eq(call(2, 40, 0, 0), 0);
	tdxc_sim_fault_detach(&fault);
	ck_assert_uint_eq(SIM_CALL(&f, 0, 20, td.tdr), 0);
}
END_TEST

START_TEST(chance_follows_the_probability_and_repeats_with_the_seed)
{
	struct tdxc_sim_fault_rule r = {
		.leaf = TDXC_SIM_FAULT_ANY_LEAF,
		.action = TDXC_SIM_FAULT_STATUS,
		.per_million = 250000,
		.value = BUSY,
	};
	uint64_t first;

	rule(&r, 1);
	for (int i = 0; i < 10000; i++)
		(void)call(0, 44, 0, 0);
	first = r.hits;
	ck_assert_uint_gt(first, 2300);
	ck_assert_uint_lt(first, 2700);
	tdxc_sim_fault_detach(&fault);
	r.seen = 0;
	r.hits = 0;
	rule(&r, 1);
	for (int i = 0; i < 10000; i++)
		(void)call(0, 44, 0, 0);
	ck_assert_uint_eq(r.hits, first);
}
END_TEST

START_TEST(a_delay_and_leaves_beyond_the_table_are_counted)
{
	struct tdxc_sim_fault_rule r = {
		.leaf = 44,
		.action = TDXC_SIM_FAULT_DELAY,
		.per_million = 1000000,
		.value = 1000,
	};

	rule(&r, 1);
	ck_assert_uint_eq(call(0, 44, 0, 0), 0);
	ck_assert_uint_eq(call(0, 500, 0, 0), 0xC000010000000000);
	ck_assert_uint_eq(r.hits, 1);
	ck_assert_uint_eq(fault.calls[TDXC_SIM_FAULT_LEAVES - 1], 1);
}
END_TEST

START_TEST(without_rules_a_td_lives_and_dies_as_ever)
{
	struct tdxc_sim_regs regs;
	struct sim_td td;

	rule(NULL, 0);
	ck_assert_uint_eq(sim_td_build(&f, &td, 40, 1), 0);
	ck_assert_uint_eq(sim_td_add(&f, &td, 0x40000000, 0x300000), 0);
	ck_assert_uint_eq(sim_td_finalize(&f, &td), 0);
	(void)sim_call(&f, 1, (const uint64_t[5]){0, td.tdvpr[0]}, &regs);
	tdxc_sim_machine_interrupt_exit(&f.machine, 1, &regs);
	ck_assert_uint_eq(sim_td_destroy(&f, &td), 0);
	ck_assert_uint_eq(SIM_CALL(&f, 0, 41, td.tdr), 0);
}
END_TEST

/* Eight creations of TDs with one KeyID: whoever comes first gets it. */
static void queue(struct tdxc_sim_queued *q, size_t n, uint64_t first)
{
	for (size_t i = 0; i < n; i++) {
		memset(&q[i], 0, sizeof(q[i]));
		q[i].lp = (uint32_t)(i % 4);
		q[i].regs.gpr[TDXC_SIM_RAX] = 9;
		q[i].regs.gpr[TDXC_SIM_RCX] = first + i * 4096;
		q[i].regs.gpr[TDXC_SIM_RDX] = 40;
	}
}

static size_t winner(const struct tdxc_sim_queued *q, size_t n)
{
	size_t won = n;

	for (size_t i = 0; i < n; i++) {
		ck_assert(q[i].done);
		if (q[i].regs.gpr[TDXC_SIM_RAX] != 0)
			continue;
		ck_assert_uint_eq(q[i].turn, 0);
		won = i;
	}
	return won;
}

START_TEST(the_seed_chooses_the_order_and_a_processor_keeps_its_own)
{
	struct tdxc_sim_queued q[8];
	unsigned won = 0;

	for (uint64_t s = 0; s < 64; s++) {
		uint64_t seed = s;
		uint64_t again = s;
		size_t who;

		rule(NULL, 0);
		queue(q, COUNT(q), f.base);
		ck_assert_uint_eq(
			tdxc_sim_fault_run(&fault, q, COUNT(q), &seed), 8);
		who = winner(q, COUNT(q));
		won |= 1u << who;
		for (size_t i = 0; i < 4; i++)
			ck_assert_uint_lt(q[i].turn, q[i + 4].turn);
		sim_down(&f);
		up();
		rule(NULL, 0);
		queue(q, COUNT(q), f.base);
		(void)tdxc_sim_fault_run(&fault, q, COUNT(q), &again);
		ck_assert_uint_eq(winner(q, COUNT(q)), who);
		ck_assert_uint_eq(again, seed);
		sim_down(&f);
		up();
	}
	ck_assert_uint_eq(won, 15);
}
END_TEST

START_TEST(calls_behind_an_entry_to_a_guest_stay_undone)
{
	struct tdxc_sim_queued q[2] = {{.lp = 1}, {.lp = 1}};
	uint64_t seed = 1;
	struct sim_td td;

	ck_assert_uint_eq(sim_td_build(&f, &td, 40, 1), 0);
	ck_assert_uint_eq(sim_td_finalize(&f, &td), 0);
	rule(NULL, 0);
	q[0].regs.gpr[TDXC_SIM_RCX] = td.tdvpr[0];
	q[1].regs.gpr[TDXC_SIM_RAX] = 44;
	ck_assert_uint_eq(tdxc_sim_fault_run(&fault, q, 2, &seed), 1);
	ck_assert_int_eq(q[0].outcome, TDXC_SIM_ENTERED);
	ck_assert(!q[1].done);
	tdxc_sim_interrupt_exit(&f.machine.module, 1, &q[0].regs);
	ck_assert_uint_eq(tdxc_sim_fault_run(&fault, q, 2, &seed), 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sim_fault");
	TCase *rules = tcase_create("rules");
	TCase *order = tcase_create("order");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(rules, up, down);
	tcase_add_checked_fixture(order, up, down);
	tcase_add_test(
		rules,
		the_nth_call_of_a_leaf_returns_the_status_and_does_nothing);
	tcase_add_test(rules,
		       entropy_and_keys_fail_where_the_module_asks_for_them);
	tcase_add_test(
		rules,
		an_interrupt_stops_a_cache_write_back_which_can_be_resumed);
	tcase_add_test(
		rules,
		chance_follows_the_probability_and_repeats_with_the_seed);
	tcase_add_test(rules, a_delay_and_leaves_beyond_the_table_are_counted);
	tcase_add_test(rules, without_rules_a_td_lives_and_dies_as_ever);
	tcase_add_test(
		order,
		the_seed_chooses_the_order_and_a_processor_keeps_its_own);
	tcase_add_test(order, calls_behind_an_entry_to_a_guest_stay_undone);
	suite_add_tcase(suite, rules);
	suite_add_tcase(suite, order);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
