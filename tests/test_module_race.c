/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Bring-up by several CPUs at once; ThreadSanitizer watches. */
#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "module/module_case.h"

#define GIB		 0x40000000ull
#define CMR_LIST_INVALID (0xC0000A22ull << 32)
#define ROUNDS		 20

static struct module_case c;
static struct tdxc_module *m;

struct cpu {
	pthread_t thread;
	uint32_t lp;
	uint32_t max_calls;
	uint64_t calls; /* TDMR.INIT made here */
	int err;
	struct tdxc_seamcall_diag diag;
};

static struct cpu cpus[MODULE_CASE_LPS];

static void on_every_cpu(void *(*work)(void *cpu))
{
	for (uint32_t i = 0; i < MODULE_CASE_LPS; i++) {
		cpus[i].lp = i;
		cpus[i].calls = 0;
		ck_assert_int_eq(
			pthread_create(&cpus[i].thread, NULL, work, &cpus[i]),
			0);
	}
	for (uint32_t i = 0; i < MODULE_CASE_LPS; i++)
		ck_assert_int_eq(pthread_join(cpus[i].thread, NULL), 0);
}

static void run_to(enum tdxc_module_step step)
{
	while (tdxc_module_step(m) != step)
		ck_assert_int_eq(tdxc_sim_bringup_step(&c.b), TDXC_OK);
}

static void up(void)
{
	module_case_up(&c, NULL, NULL);
	m = &c.b.module;
}

static void down(void)
{
	module_case_down(&c);
}

static void *init_cpu(void *arg)
{
	struct cpu *cpu = arg;

	tdxc_sim_port_enter(cpu->lp);
	do {
		cpu->err = tdxc_module_cpu_init(m, cpu->lp, &cpu->diag);
	} while (cpu->err == TDXC_E_AGAIN);
	return NULL;
}

START_TEST(idea_52_every_cpu_sees_the_one_result_of_sys_init)
{
	struct module_case_answer a = {.leaf = TDXC_SYS_INIT,
				       .nth = 1,
				       .most = 1,
				       .status = CMR_LIST_INVALID};

	module_case_answer(&c, &a, 1);
	on_every_cpu(init_cpu);
	for (uint32_t i = 0; i < MODULE_CASE_LPS; i++) {
		ck_assert_int_eq(cpus[i].err, TDXC_E_IO);
		ck_assert_uint_eq(cpus[i].diag.status, CMR_LIST_INVALID);
	}
	ck_assert_uint_eq(a.seen, 1);
	ck_assert_int_eq(tdxc_module_forget_sys_init(m), TDXC_OK);
	on_every_cpu(init_cpu);
	for (uint32_t i = 0; i < MODULE_CASE_LPS; i++)
		ck_assert_int_eq(cpus[i].err, TDXC_OK);
	ck_assert_uint_eq(a.seen, 2);
	ck_assert_uint_eq(tdxc_module_cpus_missing(m, NULL, 0), 0);
	ck_assert_uint_eq(tdxc_sim_port_calls(&c.port, TDXC_SYS_LP_INIT),
			  MODULE_CASE_LPS);
}
END_TEST

static void *init_tdmrs(void *arg)
{
	struct cpu *cpu = arg;
	struct tdxc_module_progress before;
	struct tdxc_module_progress after;
	uint64_t calls;

	tdxc_sim_port_enter(cpu->lp);
	do {
		before = tdxc_module_get_progress(m);
		cpu->err = tdxc_module_tdmr_init(m, cpu->max_calls, &calls,
						 &cpu->diag);
		after = tdxc_module_get_progress(m);
		if (after.done < before.done)
			cpu->err = TDXC_E_RANGE;
		cpu->calls += calls;
	} while (cpu->err == TDXC_E_AGAIN);
	return NULL;
}

START_TEST(any_number_of_cpus_initialize_the_tdmrs_without_a_call_too_many)
{
	uint64_t made = 0;

	run_to(TDXC_MODULE_TDMRS);
	for (uint32_t i = 0; i < MODULE_CASE_LPS; i++)
		cpus[i].max_calls = (uint32_t)_i;
	on_every_cpu(init_tdmrs);
	/* whoever found no work left; the last one says that all is done */
	for (uint32_t i = 0; i < MODULE_CASE_LPS; i++) {
		ck_assert(cpus[i].err == TDXC_OK ||
			  cpus[i].err == TDXC_E_NOENT);
		made += cpus[i].calls;
	}
	ck_assert_int_eq(tdxc_module_step(m), TDXC_MODULE_READY);
	ck_assert_uint_eq(made, 3 * 64);
	ck_assert_uint_eq(tdxc_sim_port_calls(&c.port, TDXC_SYS_TDMR_INIT),
			  3 * 64);
}
END_TEST

/* Runs beside the others, on a CPU of its own. */
static void *cancel(void *arg)
{
	while (tdxc_module_get_progress(m).done < GIB &&
	       tdxc_module_step(m) == TDXC_MODULE_TDMRS)
		tdxc_relax();
	tdxc_module_cancel(m);
	return arg;
}

START_TEST(a_cancel_stops_every_cpu_and_nothing_is_lost)
{
	pthread_t canceller;

	run_to(TDXC_MODULE_TDMRS);
	for (uint32_t i = 0; i < MODULE_CASE_LPS; i++)
		cpus[i].max_calls = 3;
	ck_assert_int_eq(pthread_create(&canceller, NULL, cancel, NULL), 0);
	on_every_cpu(init_tdmrs);
	ck_assert_int_eq(pthread_join(canceller, NULL), 0);
	for (uint32_t i = 0; i < MODULE_CASE_LPS; i++)
		ck_assert(cpus[i].err == TDXC_E_CANCELED ||
			  cpus[i].err == TDXC_E_NOENT ||
			  cpus[i].err == TDXC_OK);
	if (tdxc_module_step(m) == TDXC_MODULE_TDMRS)
		ck_assert_int_eq(tdxc_module_resume(m), TDXC_OK);
	ck_assert_int_eq(tdxc_sim_bringup_run(&c.b), TDXC_OK);
	ck_assert_uint_eq(tdxc_sim_port_calls(&c.port, TDXC_SYS_TDMR_INIT),
			  3 * 64);
}
END_TEST

static void *build_tds(void *arg)
{
	struct cpu *cpu = arg;

	cpu->err = TDXC_OK;
	for (int i = 0; i < 1000 && cpu->err == TDXC_OK; i++) {
		cpu->err = tdxc_module_build_begin(m);
		if (cpu->err == TDXC_OK)
			cpu->err = tdxc_module_build_end(m);
	}
	return NULL;
}

START_TEST(builds_of_several_cpus_are_counted_right)
{
	struct tdxc_seamcall_diag diag;

	run_to(TDXC_MODULE_READY);
	on_every_cpu(build_tds);
	for (uint32_t i = 0; i < MODULE_CASE_LPS; i++)
		ck_assert_int_eq(cpus[i].err, TDXC_OK);
	ck_assert_int_eq(tdxc_module_undo(m, &diag), TDXC_OK);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("module_race");
	TCase *t = tcase_create("threads");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(t, up, down);
	tcase_add_loop_test(t,
			    idea_52_every_cpu_sees_the_one_result_of_sys_init,
			    0, ROUNDS);
	tcase_add_loop_test(
		t,
		any_number_of_cpus_initialize_the_tdmrs_without_a_call_too_many,
		0, ROUNDS);
	tcase_add_loop_test(t, a_cancel_stops_every_cpu_and_nothing_is_lost, 0,
			    ROUNDS);
	tcase_add_test(t, builds_of_several_cpus_are_counted_right);
	suite_add_tcase(s, t);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
