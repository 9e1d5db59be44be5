/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * On small machines the planner's answer is the best there is: (lost bytes,
 * PAMT bytes, number of TDMRs) equal an exhaustive search's (plan/oracle.h),
 * which itself is compared with a page by page search (plan/brute.h).
 *
 * TDXC_SEED changes the machines, TDXC_TEST_SCALE=percent their number.
 * TDXC_CASE="t=... | ... | ..." solves one case and prints both answers.
 */
#include <check.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <tdxcore/err.h>

#include "plan/brute.h"
#include "plan/case.h"
#include "plan/gen.h"
#include "plan/oracle.h"
#include "plan/verify.h"

#define SMALL_MACHINES 20000
#define TINY_MACHINES  3000
#define COUNT(a)       (sizeof(a) / sizeof((a)[0]))

static struct plan_case c;
static char text[CASE_TEXT];

static void print_plan(const struct plan_run *run)
{
	const struct tdxc_plan *p = &run->plan;
	uint32_t i;
	int level;

	printf("planner: %s, %s lost=%" PRIu64 " pamt=%" PRIu64
	       " tdmrs=%u bound=%" PRIu64 "%s\n",
	       tdxc_err_name(run->make), tdxc_plan_fault_text(run->fault.kind),
	       p->lost_bytes, p->pamt_bytes, p->nr_tdmrs, p->lost_bound,
	       p->proven ? " proven" : "");
	for (i = 0; i < p->nr_tdmrs; i++) {
		const struct tdxc_plan_tdmr *t = &p->tdmrs[i];

		printf("  tdmr %u [%" PRIx64 ",%" PRIx64 ") reserved %u", i,
		       t->range.start, t->range.end, t->nr_reserved);
		for (level = 0; level < TDXC_PAMT_LEVELS; level++)
			printf(" pamt%d [%" PRIx64 ",%" PRIx64 ")", level,
			       t->pamt[level].start, t->pamt[level].end);
		printf("\n");
	}
}

/* What is wrong with the planner's answer, or NULL. */
static const char *compare(const struct plan_run *run,
			   const struct oracle_answer *best)
{
	const struct tdxc_plan *p = &run->plan;

	if (best->verdict == ORACLE_TOO_BIG)
		return "case too big for the oracle";
	if (best->verdict == ORACLE_INFEASIBLE)
		return run->make == TDXC_E_NOSPC ? verify_failure(&c, run)
						 : "planned the impossible";
	if (run->make)
		return "no plan, but there is one";
	if (verify_run(&c, run))
		return verify_run(&c, run);
	if (p->lost_bytes != best->lost_bytes)
		return "lost_bytes is not the best";
	if (p->pamt_bytes != best->pamt_bytes)
		return "pamt_bytes is not the best";
	if (p->nr_tdmrs != best->nr_tdmrs)
		return "nr_tdmrs is not the best";
	return NULL;
}

/* Plan `c`; on a mismatch print everything and return what is wrong. */
static const char *judge(bool *proven)
{
	struct oracle_answer best;
	struct plan_run run;
	const char *wrong;

	plan_run(&run, &c);
	oracle_solve(&c.config, &best);
	wrong = compare(&run, &best);
	*proven = run.plan.proven || run.make;
	if (wrong) {
		case_format(&c, text, sizeof(text));
		printf("TDXC_CASE=\"%s\"\n%s\n", text, wrong);
		print_plan(&run);
		oracle_print(stdout, &best);
		fflush(stdout);
	}
	plan_run_end(&run);
	return wrong;
}

START_TEST(small_machines_are_planned_as_well_as_possible)
{
	struct rnd r = {test_seed("small machines", 1)};
	uint64_t n = test_scale(SMALL_MACHINES);
	uint64_t unproven = 0;
	const char *wrong = NULL;
	uint64_t i;
	bool proven;

	for (i = 0; i < n && !wrong; i++) {
		gen_small(&c, &r);
		wrong = judge(&proven);
		unproven += !proven;
	}
	printf("small machines: %" PRIu64 " compared, %" PRIu64
	       " not proven by the planner\n",
	       i, unproven);
	ck_assert_msg(!wrong, "machine %" PRIu64 ": %s", i, wrong);
	/* a planner that is right but cannot say so helps nobody */
	ck_assert_uint_le(unproven, n / 1000 + 1);
}
END_TEST

START_TEST(tiny_machines_are_planned_as_well_as_possible)
{
	struct rnd r = {test_seed("tiny machines", 2)};
	uint64_t n = test_scale(SMALL_MACHINES);
	const char *wrong = NULL;
	uint64_t i;
	bool proven;

	for (i = 0; i < n && !wrong; i++) {
		gen_tiny(&c, &r);
		wrong = judge(&proven);
	}
	ck_assert_msg(!wrong, "machine %" PRIu64 ": %s", i, wrong);
}
END_TEST

/* ---- the oracle itself ----------------------------------------------- */

START_TEST(the_oracle_equals_a_page_by_page_search)
{
	struct rnd r = {test_seed("oracle against brute force", 3)};
	uint64_t n = test_scale(TINY_MACHINES);
	uint64_t solved = 0;
	uint64_t lossy = 0;
	uint64_t i;

	for (i = 0; i < n; i++) {
		struct oracle_answer a;
		struct oracle_answer b;

		gen_tiny(&c, &r);
		brute_solve(&c.config, &b);
		if (b.verdict == ORACLE_TOO_BIG)
			continue;
		oracle_solve(&c.config, &a);
		case_format(&c, text, sizeof(text));
		ck_assert_msg(a.verdict == b.verdict &&
				      a.lost_bytes == b.lost_bytes &&
				      a.pamt_bytes == b.pamt_bytes &&
				      a.nr_tdmrs == b.nr_tdmrs,
			      "%s: oracle %" PRIu64 "/%" PRIu64
			      "/%u, page by page %" PRIu64 "/%" PRIu64 "/%u",
			      text, a.lost_bytes, a.pamt_bytes, a.nr_tdmrs,
			      b.lost_bytes, b.pamt_bytes, b.nr_tdmrs);
		solved += a.verdict == ORACLE_SOLVED;
		lossy += a.lost_bytes != 0;
	}
	printf("oracle: %" PRIu64 " solved twice, %" PRIu64 " with a loss\n",
	       solved, lossy);
	ck_assert_uint_gt(solved, 0);
}
END_TEST

/*
 * The oracle's layouts are real: with its TDMRs and places the caller-placed
 * road through seal yields exactly its loss, and check accepts. Only machines
 * on which the planner chose the same TDMRs can be asked.
 */
START_TEST(the_oracles_places_cost_what_it_says)
{
	struct rnd r = {test_seed("oracle's places", 4)};
	uint64_t n = test_scale(TINY_MACHINES);
	uint64_t sealed = 0;
	uint64_t i;
	uint32_t k;

	for (i = 0; i < n; i++) {
		struct oracle_answer a;
		struct plan_run run;
		const char *wrong;
		bool same;

		gen_small(&c, &r);
		oracle_solve(&c.config, &a);
		if (a.verdict != ORACLE_SOLVED)
			continue;
		plan_run_make(&run, &c);
		same = !run.make && run.plan.nr_tdmrs == a.nr_tdmrs;
		for (k = 0; same && k < a.nr_tdmrs; k++)
			same = !memcmp(&run.plan.tdmrs[k].range,
				       &a.tdmrs[k].range,
				       sizeof(a.tdmrs[k].range));
		for (k = 0; same && k < a.nr_tdmrs; k++)
			ck_assert_int_eq(
				tdxc_plan_place(&run.plan, k, a.tdmrs[k].pamt),
				TDXC_OK);
		if (same) {
			sealed++;
			plan_run_seal(&run, &c);
			case_format(&c, text, sizeof(text));
			wrong = verify_run(&c, &run);
			ck_assert_msg(!wrong, "%s: %s", text, wrong);
			ck_assert_msg(run.plan.lost_bytes == a.lost_bytes,
				      "%s: sealed %" PRIu64 ", oracle %" PRIu64,
				      text, run.plan.lost_bytes, a.lost_bytes);
		}
		plan_run_end(&run);
	}
	printf("oracle: %" PRIu64 " of its layouts sealed\n", sealed);
	ck_assert_uint_gt(sealed, 0);
}
END_TEST

/* ---- what has gone wrong before --------------------------------------- */

static const char *const regressions[] = {
#include "plan/regressions.inc"
};

START_TEST(machines_that_were_planned_badly_once)
{
	bool proven;

	ck_assert_int_eq(case_parse(&c, regressions[_i]), 0);
	ck_assert_ptr_null(judge(&proven));
}
END_TEST

START_TEST(a_case_survives_its_text_form)
{
	struct rnd r = {5};
	struct plan_case back;
	int i;

	for (i = 0; i < 200; i++) {
		gen_any(&c, &r);
		case_format(&c, text, sizeof(text));
		ck_assert_int_eq(case_parse(&back, text), 0);
		ck_assert_mem_eq(&back.config.limits, &c.config.limits,
				 sizeof(c.config.limits));
		ck_assert_uint_eq(back.config.nr_cmrs, c.config.nr_cmrs);
		ck_assert_uint_eq(back.config.nr_ram, c.config.nr_ram);
		ck_assert_mem_eq(back.cmrs, c.cmrs,
				 c.config.nr_cmrs * sizeof(c.cmrs[0]));
	}
}
END_TEST

static int solve_one(const char *one)
{
	bool proven;

	if (case_parse(&c, one)) {
		fprintf(stderr, "TDXC_CASE is not a case\n");
		return EXIT_FAILURE;
	}
	if (judge(&proven))
		return EXIT_FAILURE;
	printf("equal%s\n", proven ? "" : ", though not proven");
	return EXIT_SUCCESS;
}

int main(void)
{
	const char *one = getenv("TDXC_CASE");
	Suite *s = suite_create("plan_oracle");
	TCase *tc = tcase_create("oracle");
	SRunner *runner;
	int failed;

	if (one)
		return solve_one(one);
	tcase_set_timeout(tc, 600);
	tcase_add_test(tc, the_oracle_equals_a_page_by_page_search);
	tcase_add_test(tc, the_oracles_places_cost_what_it_says);
	tcase_add_loop_test(tc, machines_that_were_planned_badly_once, 0,
			    COUNT(regressions));
	tcase_add_test(tc, a_case_survives_its_text_form);
	tcase_add_test(tc, small_machines_are_planned_as_well_as_possible);
	tcase_add_test(tc, tiny_machines_are_planned_as_well_as_possible);
	suite_add_tcase(s, tc);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
