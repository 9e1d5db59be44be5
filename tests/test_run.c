/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* What tdxcore run does between its options and its output. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run/run.h"

#define MIB	 0x100000ull
#define GIB	 0x40000000ull
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct run run;
static struct tdxc_sim_fault fault;
static struct tdxc_range cmrs[80];

static const struct tdxc_plan_ram ram[] = {
	{{MIB, 2 * GIB}, 0},
	{{4 * GIB, 6 * GIB}, 0},
};

static const struct tdxc_range narrow[] = {
	{MIB, 2 * GIB},
	{4 * GIB, 6 * GIB},
};

static struct run_request request(void)
{
	return (struct run_request){
		.ram = ram,
		.nr_ram = COUNT(ram),
		.cmrs = narrow,
		.nr_cmrs = COUNT(narrow),
		.max_tdmrs = TDXC_SIM_MAX_TDMRS,
		.max_reserved = TDXC_SIM_MAX_RESERVED,
		.packages = 2,
		.cpus = 4,
		.threads = 2,
	};
}

static void start(const struct run_request *r)
{
	ck_assert(run_start(&run, r));
}

static void down(void)
{
	if (fault.machine)
		tdxc_sim_fault_detach(&fault);
	run_end(&run);
	memset(&fault, 0, sizeof(fault));
}

/* --- a step that fails ---------------------------------------------------- */

struct failure {
	uint32_t leaf;
	uint64_t nth;
	uint64_t status;
	size_t nr_steps; /* made, the failed one included */
	uint64_t calls;	 /* of the leaf, all in all */
	const char *reason;
};

/* Busy answers are repeated and end in the same message. */
static const struct failure failures[] = {
	{TDXC_SYS_INIT, 1, 0xC000050C00000000ull, 1, 1,
	 "SYS.INIT on CPU 0: SEAMCALL SYS.INIT: 0xc000050c00000000 "},
	{TDXC_SYS_LP_INIT, 4, 0xC000010000000001ull, 1, 4,
	 "SYS.INIT on CPU 3: SEAMCALL SYS.LP.INIT: 0xc000010000000001 "
	 "OPERAND_INVALID: "},
	{TDXC_SYS_RDALL, 1, 0xC000050500000000ull, 2, 1,
	 "SYS.RD: SEAMCALL SYS.RDALL: 0xc000050500000000 "},
	{TDXC_SYS_CONFIG, 1, 0xC0000A0200000001ull, 5, 1,
	 "SYS.CONFIG: SEAMCALL SYS.CONFIG: 0xc0000a0200000001 "
	 "TDMR_OUTSIDE_CMRS: "},
	{TDXC_SYS_KEY_CONFIG, 2, 0xC000010000000001ull, 7, 2,
	 "SYS.KEY.CONFIG on CPU 2: SEAMCALL SYS.KEY.CONFIG: "
	 "0xc000010000000001 OPERAND_INVALID: "},
	{TDXC_SYS_TDMR_INIT, 700, 0xC000010000000001ull, 8, 0,
	 "SYS.TDMR.INIT: SEAMCALL SYS.TDMR.INIT: 0xc000010000000001 "
	 "OPERAND_INVALID: "},
};

START_TEST(a_failed_step_is_told_with_its_status_in_words)
{
	const struct failure *f = &failures[_i];
	struct tdxc_sim_fault_rule rule = {
		.leaf = f->leaf,
		.action = TDXC_SIM_FAULT_STATUS,
		.nth = f->nth,
		.value = f->status,
	};
	struct run_request r = request();
	struct tdxc_status_info info;

	start(&r);
	tdxc_sim_fault_attach(&fault, &run.machine, &rule, 1, 1);
	run.port.fault = &fault;
	run_module(&run);
	ck_assert_int_eq(run.outcome, RUN_REFUSED);
	ck_assert_msg(strncmp(run.reason, f->reason, strlen(f->reason)) == 0,
		      "%s", run.reason);
	ck_assert_int_eq(tdxc_status_lookup(f->status, &info), TDXC_OK);
	ck_assert_ptr_nonnull(strstr(run.reason, info.meaning));
	ck_assert_str_eq(run.hint, info.hint);
	ck_assert_uint_eq(run.nr_steps, f->nr_steps);
	if (f->calls != 0)
		ck_assert_uint_eq(tdxc_sim_port_calls(&run.port, f->leaf),
				  f->calls);
}
END_TEST

START_TEST(retries_are_counted_also_those_that_help)
{
	struct tdxc_sim_fault_rule rules[] = {
		{.leaf = TDXC_SYS_INIT,
		 .action = TDXC_SIM_FAULT_NO_ENTROPY,
		 .most = 3,
		 .per_million = 1000000},
		{.leaf = TDXC_SYS_KEY_CONFIG,
		 .action = TDXC_SIM_FAULT_KEY_BUSY,
		 .most = 2,
		 .per_million = 1000000},
	};
	struct run_request r = request();

	start(&r);
	tdxc_sim_fault_attach(&fault, &run.machine, rules, COUNT(rules), 1);
	run.port.fault = &fault;
	run_module(&run);
	ck_assert_int_eq(run.outcome, RUN_READY);
	ck_assert_str_eq(run.reason, "");
	ck_assert_uint_eq(run_retries(&run), 5);
	ck_assert_uint_eq(tdxc_sim_port_calls(&run.port, TDXC_SYS_INIT), 4);
	ck_assert_uint_eq(tdxc_sim_port_calls(&run.port, TDXC_SYS_KEY_CONFIG),
			  4);
}
END_TEST

START_TEST(a_module_that_stays_busy_is_refused_with_the_calls_made)
{
	struct tdxc_sim_fault_rule rule = {
		.leaf = TDXC_SYS_CONFIG,
		.action = TDXC_SIM_FAULT_STATUS,
		.per_million = 1000000,
		.value = 0x8000020200000000ull,
	};
	struct run_request r = request();
	char calls[32];

	start(&r);
	tdxc_sim_fault_attach(&fault, &run.machine, &rule, 1, 1);
	run.port.fault = &fault;
	run_module(&run);
	ck_assert_int_eq(run.outcome, RUN_REFUSED);
	snprintf(calls, sizeof(calls), "(%u calls)", TDXC_ATTEMPTS_BUSY);
	ck_assert_msg(strstr(run.reason, calls) != NULL, "%s", run.reason);
	ck_assert_uint_eq(run_retries(&run), TDXC_ATTEMPTS_BUSY);
}
END_TEST

START_TEST(a_module_that_is_too_old_is_named_by_the_field)
{
	struct run_request r = request();

	start(&r);
	run.machine.module.platform.features0_off = 1ull
						    << TDXC_FEATURE_NO_RBP_MOD;
	run_module(&run);
	ck_assert_int_eq(run.outcome, RUN_REFUSED);
	ck_assert_msg(strstr(run.reason, "SYS.RD: field 0x0a00000300000008") !=
			      NULL,
		      "%s", run.reason);
	ck_assert_ptr_nonnull(strstr(run.reason, "TDXC_E_OPNOTSUPP"));
}
END_TEST

START_TEST(a_module_without_progress_is_refused)
{
	struct tdxc_sim_fault_rule rule = {
		.leaf = TDXC_SYS_TDMR_INIT,
		.action = TDXC_SIM_FAULT_STATUS,
		.per_million = 1000000,
	};
	struct run_request r = request();

	start(&r);
	tdxc_sim_fault_attach(&fault, &run.machine, &rule, 1, 1);
	run.port.fault = &fault;
	run_module(&run);
	ck_assert_int_eq(run.outcome, RUN_REFUSED);
	ck_assert_str_eq(run.reason,
			 "SYS.TDMR.INIT: the module makes no progress");
}
END_TEST

START_TEST(no_layout_is_told_as_the_planner_tells_it)
{
	const struct tdxc_range nowhere = {8 * GIB, 9 * GIB};
	struct run_request r = request();

	r.cmrs = &nowhere;
	r.nr_cmrs = 1;
	start(&r);
	run_module(&run);
	ck_assert_int_eq(run.outcome, RUN_INFEASIBLE);
	ck_assert_str_eq(run.reason, "no convertible RAM at or above 1 MiB");
	ck_assert_uint_eq(run.steps[run.nr_steps - 1].step, TDXC_MODULE_PLAN);
}
END_TEST

START_TEST(no_convertible_memory_is_no_layout)
{
	struct run_request r = request();

	r.nr_cmrs = 0;
	start(&r);
	run_module(&run);
	ck_assert_int_eq(run.outcome, RUN_INFEASIBLE);
}
END_TEST

/* --- the machine ---------------------------------------------------------- */

static bool covered(struct tdxc_range range)
{
	for (uint32_t i = 0; i < run.platform.nr_cmrs; i++) {
		const struct tdxc_cmr *c = &run.platform.cmrs[i];

		if (c->base <= range.start && range.end <= c->base + c->size)
			return true;
	}
	return false;
}

/* Pieces of 1 MiB; gap i is i + 1 MiB, so that the least are the first, or
 * the last. */
static size_t pieces(uint64_t start_at, size_t n, bool falling)
{
	uint64_t at = start_at;

	for (size_t i = 0; i < n; i++) {
		cmrs[i].start = at;
		cmrs[i].end = at + MIB;
		at = cmrs[i].end + (falling ? n - i : i + 1) * MIB;
	}
	return n;
}

static void report(size_t n)
{
	struct run_request r = request();

	r.cmrs = cmrs;
	r.nr_cmrs = n;
	start(&r);
	for (size_t i = 0; i < n; i++)
		ck_assert(covered(cmrs[i]));
}

START_TEST(as_many_cmrs_as_fit_are_reported_as_they_are)
{
	report(pieces(4 * GIB, TDXC_MAX_CMRS, _i != 0));
	ck_assert_uint_eq(run.platform.nr_cmrs, TDXC_MAX_CMRS);
	ck_assert_uint_eq(run.platform.cmrs[0].size, MIB);
	ck_assert_uint_eq(run.platform.cmrs[TDXC_MAX_CMRS - 1].size, MIB);
}
END_TEST

START_TEST(more_are_joined_across_the_smallest_gaps)
{
	const struct tdxc_sim_platform *p = &run.platform;
	size_t n = pieces(4 * GIB, 40, _i != 0);

	report(n);
	ck_assert_uint_eq(p->nr_cmrs, TDXC_MAX_CMRS);
	if (_i != 0) {
		ck_assert_uint_eq(p->cmrs[0].size, MIB);
		ck_assert_uint_eq(p->cmrs[31].base, cmrs[31].start);
	} else {
		ck_assert_uint_eq(p->cmrs[0].size, cmrs[8].end - 4 * GIB);
		ck_assert_uint_eq(p->cmrs[31].size, MIB);
	}
}
END_TEST

START_TEST(cmrs_are_never_joined_across_4_gib)
{
	size_t n = pieces(4 * GIB, 60, false);

	cmrs[0].start = 4 * GIB - 2 * MIB;
	cmrs[0].end = 4 * GIB - 4096;
	cmrs[1].start = 4 * GIB;
	report(n);
	ck_assert_uint_eq(run.platform.nr_cmrs, TDXC_MAX_CMRS);
	ck_assert_uint_eq(run.platform.cmrs[0].size, 2 * MIB - 4096);
	ck_assert_uint_eq(run.platform.cmrs[1].base, 4 * GIB);
}
END_TEST

/* --- progress ------------------------------------------------------------- */

struct seen {
	uint64_t times;
	uint64_t most;
	uint64_t total;
};

static void see(void *ctx, uint64_t done, uint64_t total)
{
	struct seen *s = ctx;

	s->times++;
	if (done > s->most)
		s->most = done;
	s->total = total;
}

START_TEST(progress_comes_while_tdmrs_are_initialised)
{
	struct run_request r = request();
	struct seen s = {0, 0, 0};

	r.threads = (uint32_t)_i;
	r.progress = see;
	r.progress_ctx = &s;
	start(&r);
	run_module(&run);
	ck_assert_int_eq(run.outcome, RUN_READY);
	ck_assert_uint_ge(s.times, 2);
	ck_assert_uint_eq(s.total, 4 * GIB);
	ck_assert_uint_le(s.most, s.total);
	if (_i == 1)
		ck_assert_uint_eq(s.most, 3 * GIB);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("run");
	TCase *t = tcase_create("run");

	tcase_add_checked_fixture(t, NULL, down);
	tcase_add_loop_test(t, a_failed_step_is_told_with_its_status_in_words,
			    0, (int)COUNT(failures));
	tcase_add_test(t, retries_are_counted_also_those_that_help);
	tcase_add_test(t,
		       a_module_that_stays_busy_is_refused_with_the_calls_made);
	tcase_add_test(t, a_module_that_is_too_old_is_named_by_the_field);
	tcase_add_test(t, a_module_without_progress_is_refused);
	tcase_add_test(t, no_layout_is_told_as_the_planner_tells_it);
	tcase_add_test(t, no_convertible_memory_is_no_layout);
	tcase_add_loop_test(t, as_many_cmrs_as_fit_are_reported_as_they_are, 0,
			    2);
	tcase_add_loop_test(t, more_are_joined_across_the_smallest_gaps, 0, 2);
	tcase_add_test(t, cmrs_are_never_joined_across_4_gib);
	tcase_add_loop_test(t, progress_comes_while_tdmrs_are_initialised, 1,
			    4);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *runner = srunner_create(suite());
	int failed;

	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
