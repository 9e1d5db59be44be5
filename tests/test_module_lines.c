/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Why undo flushes and rewrites before it frees: on a machine with caches and
 * KeyIDs, what the memory's next owner writes must stay.
 */
#include <check.h>
#include <stdlib.h>

#include "module/module_case.h"

#define EVERY_LINE 100000000ull

static struct module_case c;
static struct tdxc_module *m;
static struct tdxc_range pamts[TDXC_MODULE_MAX_TDMRS * TDXC_PAMT_LEVELS];
static size_t nr_pamts;

static void up_on(uint32_t fms)
{
	struct tdxc_sim_platform platform;

	module_case_platform(&platform);
	platform.fms = fms;
	module_case_up_with_lines(&c, &platform);
	m = &c.b.module;
	ck_assert_int_eq(tdxc_sim_bringup_run(&c.b), TDXC_OK);
	nr_pamts = 0;
	for (uint32_t i = 0; i < m->nr_tdmrs; i++) {
		for (uint32_t level = 0; level < TDXC_PAMT_LEVELS; level++)
			pamts[nr_pamts++] = m->tdmrs[i].pamt[level];
	}
}

static void down(void)
{
	module_case_down(&c);
}

static void write_words(struct tdxc_range r)
{
	for (uint64_t pa = r.start; pa < r.end; pa += 8)
		(void)tdxc_sim_machine_store(&c.machine, 0, pa, &pa,
					     sizeof(pa));
}

static uint64_t count_lost(struct tdxc_range r)
{
	uint64_t lost = 0;
	uint64_t value;

	for (uint64_t pa = r.start; pa < r.end; pa += 8) {
		if (tdxc_sim_machine_load(&c.machine, 0, pa, &value,
					  sizeof(value)) != TDXC_OK ||
		    value != pa)
			lost++;
	}
	return lost;
}

/* The host uses the memory, and caches are written back in any order. Returns
 * how many of its words are not what was written. */
static uint64_t words_lost(void)
{
	uint64_t lost = 0;

	for (size_t i = 0; i < nr_pamts; i++)
		write_words(pamts[i]);
	tdxc_sim_machine_evict(&c.machine, EVERY_LINE);
	for (size_t i = 0; i < nr_pamts; i++)
		lost += count_lost(pamts[i]);
	return lost;
}

static bool any_event(void)
{
	struct tdxc_sim_event event;

	return tdxc_sim_machine_event(&c.machine, &event);
}

static const uint32_t machines[] = {0xA06D0, 0x806F8};

START_TEST(after_undo_the_memory_is_its_next_owners)
{
	struct tdxc_seamcall_diag diag;

	up_on(machines[_i]);
	ck_assert_int_eq(tdxc_module_undo(m, &diag), TDXC_OK);
	ck_assert_uint_eq(words_lost(), 0);
	ck_assert(!any_event());
	ck_assert_uint_eq(
		tdxc_sim_machine_dirty(&c.machine, m->config.global_keyid), 0);
}
END_TEST

START_TEST(after_undo_of_an_old_module_too)
{
	struct module_case_answer a = {.leaf = TDXC_SYS_DISABLE,
				       .nth = 1,
				       .status = TDXC_STATUS_OPERAND_INVALID};
	struct tdxc_seamcall_diag diag;

	up_on(machines[_i]);
	module_case_answer(&c, &a, 1);
	ck_assert_int_eq(tdxc_module_undo(m, &diag), TDXC_OK);
	ck_assert_int_eq(tdxc_module_step(m), TDXC_MODULE_DEAD);
	ck_assert_uint_eq(words_lost(), 0);
	ck_assert(!any_event());
}
END_TEST

/* The control: what the tests above would see if undo only freed. */
START_TEST(without_undo_the_modules_lines_come_back)
{
	up_on(machines[_i]);
	ck_assert_uint_ne(
		tdxc_sim_machine_dirty(&c.machine, m->config.global_keyid), 0);
	ck_assert_uint_ne(words_lost(), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("module_lines");
	TCase *t = tcase_create("lines");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(t, NULL, down);
	tcase_add_loop_test(t, after_undo_the_memory_is_its_next_owners, 0, 2);
	tcase_add_loop_test(t, after_undo_of_an_old_module_too, 0, 2);
	tcase_add_loop_test(t, without_undo_the_modules_lines_come_back, 0, 2);
	suite_add_tcase(s, t);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
