/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * 100,000 random machines a run, from one page to many TiB, with limits as tiny
 * as one TDMR or one area: whatever the machine, the checker accepts the plan,
 * every byte of RAM is accounted for (plan/verify.h), and the method of one
 * TDMR per range never does better.
 *
 * TDXC_SEED changes the machines, TDXC_TEST_SCALE=percent their number. A
 * failure prints the case in the form that TDXC_CASE takes.
 */
#include <check.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <tdxcore/err.h>

#include "plan/baseline.h"
#include "plan/brute.h"
#include "plan/case.h"
#include "plan/gen.h"
#include "plan/verify.h"

#define MACHINES 100000

static struct plan_case c;
static char text[CASE_TEXT];

/* What a run met; printed, because a generator that meets nothing proves
 * nothing. */
struct met {
	uint64_t planned;
	uint64_t no_memory;
	uint64_t no_room;
	uint64_t lossless;
	uint64_t lossy;
	uint64_t proven;
	uint64_t baseline_fits;
	uint64_t fewer_pamt_bytes;
	uint64_t fewer_tdmrs;
};

static struct met met;

static uint64_t areas_of_plan(const struct tdxc_plan *p)
{
	uint64_t n = 0;
	uint32_t i;

	for (i = 0; i < p->nr_tdmrs; i++)
		n += p->tdmrs[i].nr_reserved;
	return n;
}

static uint64_t areas_of_baseline(const struct baseline *b)
{
	uint64_t n = 0;
	uint32_t i;

	for (i = 0; i < b->nr_tdmrs; i++)
		n += b->tdmrs[i].nr_areas;
	return n;
}

/*
 * The baseline is given the convertible RAM only, which Linux would not find
 * out: a machine that Linux cannot bring up at all is no contest.
 */
static const char *not_worse_than_baseline(const struct plan_run *run)
{
	struct tdxc_plan_ram usable[2 * CASE_MAX];
	size_t n = case_usable(&c, usable, 2 * CASE_MAX);
	const struct tdxc_plan *p = &run->plan;
	const char *wrong = NULL;
	uint64_t bytes = 0;
	struct baseline b;
	size_t i;

	for (i = 0; i < n; i++)
		bytes += usable[i].range.end - usable[i].range.start;
	baseline_alloc(&b, &c.config.limits, usable, n);
	/* one that leaves no RAM beside its PAMTs is no layout */
	if (baseline_run(&b) == BASELINE_OK && b.pamt_bytes < bytes) {
		met.baseline_fits++;
		met.fewer_pamt_bytes += p->pamt_bytes < b.pamt_bytes;
		met.fewer_tdmrs += p->nr_tdmrs < b.nr_tdmrs;
		if (run->make)
			wrong = "no plan, but the baseline has one";
		else if (p->lost_bytes)
			wrong = "RAM lost, but not by the baseline";
		else if (p->pamt_bytes > b.pamt_bytes)
			wrong = "more PAMT bytes than the baseline";
		else if (p->pamt_bytes == b.pamt_bytes &&
			 p->nr_tdmrs > b.nr_tdmrs)
			wrong = "more TDMRs than the baseline";
		else if (p->pamt_bytes == b.pamt_bytes &&
			 p->nr_tdmrs == b.nr_tdmrs &&
			 areas_of_plan(p) > areas_of_baseline(&b))
			wrong = "more reserved areas than the baseline";
	}
	baseline_free(&b);
	return wrong;
}

static const char *judge_failure(const struct plan_run *run)
{
	struct tdxc_plan_ram usable[2 * CASE_MAX];
	size_t n = case_usable(&c, usable, 2 * CASE_MAX);

	if (run->make != TDXC_E_NOSPC)
		return "a good configuration was refused";
	if (run->fault.kind == TDXC_PLAN_FAULT_NO_MEMORY) {
		met.no_memory++;
		if (n)
			return "there is convertible RAM";
	} else if (run->fault.kind == TDXC_PLAN_FAULT_NO_ROOM) {
		met.no_room++;
		if (!n)
			return "there is no convertible RAM";
	} else {
		return "failed for a wrong reason";
	}
	return verify_failure(&c, run);
}

static const char *judge(const struct plan_run *run)
{
	const char *wrong;

	if (run->make) {
		wrong = judge_failure(run);
	} else {
		met.planned++;
		met.lossless += !run->plan.lost_bytes;
		met.lossy += run->plan.lost_bytes != 0;
		met.proven += run->plan.proven;
		wrong = verify_run(&c, run);
	}
	if (!wrong && !c.config.flags)
		wrong = not_worse_than_baseline(run);
	return wrong;
}

/* Plan `c` and judge; prints the case if something is wrong. */
static const char *try_case(void)
{
	struct plan_run run;
	const char *wrong;

	plan_run(&run, &c);
	wrong = judge(&run);
	plan_run_end(&run);
	if (wrong) {
		case_format(&c, text, sizeof(text));
		printf("TDXC_CASE=\"%s\"\n%s\n", text, wrong);
		fflush(stdout);
	}
	return wrong;
}

static void print_met(void)
{
	printf("%" PRIu64 " planned (%" PRIu64 " lossless, %" PRIu64
	       " lossy, %" PRIu64 " proven best), %" PRIu64
	       " without memory, %" PRIu64 " without room\n",
	       met.planned, met.lossless, met.lossy, met.proven, met.no_memory,
	       met.no_room);
	printf("baseline fits %" PRIu64 ": fewer PAMT bytes on %" PRIu64
	       ", fewer TDMRs on %" PRIu64 "\n",
	       met.baseline_fits, met.fewer_pamt_bytes, met.fewer_tdmrs);
	fflush(stdout);
}

START_TEST(every_random_machine_is_planned_soundly)
{
	struct rnd r = {test_seed("random machines", 1)};
	uint64_t n = test_scale(MACHINES);
	const char *wrong = NULL;
	uint64_t i;

	for (i = 0; i < n && !wrong; i++) {
		if (i % 4)
			gen_any(&c, &r);
		else
			gen_small(&c, &r);
		wrong = try_case();
	}
	print_met();
	ck_assert_msg(!wrong, "machine %" PRIu64 ": %s", i, wrong);
}
END_TEST

/* Ranges by the hundred, many TDMRs: where the planner has to simplify. */
START_TEST(many_ranges_are_planned_no_worse_than_by_the_baseline)
{
	struct rnd r = {test_seed("many ranges", 4)};
	uint64_t n = test_scale(MACHINES / 100);
	const char *wrong = NULL;
	uint64_t i;

	memset(&met, 0, sizeof(met));
	for (i = 0; i < n && !wrong; i++) {
		gen_many(&c, &r);
		wrong = try_case();
	}
	print_met();
	ck_assert_msg(!wrong, "machine %" PRIu64 ": %s", i, wrong);
}
END_TEST

/* Same machines, caller-placed: suggestions accepted where there are any. */
START_TEST(suggestions_are_good_places)
{
	struct rnd r = {test_seed("suggestions", 2)};
	uint64_t n = test_scale(MACHINES / 10);
	uint64_t sealed = 0;
	uint64_t i;

	for (i = 0; i < n; i++) {
		struct plan_run run;
		uint64_t lost;

		gen_any(&c, &r);
		c.config.flags |= TDXC_PLAN_CALLER_PLACES;
		plan_run_make(&run, &c);
		lost = run.plan.lost_bytes;
		if (!run.make)
			plan_run_seal(&run, &c);
		case_format(&c, text, sizeof(text));
		if (!run.make && run.seal) {
			ck_assert_msg(run.fault.kind ==
					      TDXC_PLAN_FAULT_PAMT_MISSING,
				      "%s: %s", text,
				      tdxc_plan_fault_text(run.fault.kind));
		} else if (!run.make) {
			const char *wrong = verify_run(&c, &run);

			sealed++;
			ck_assert_msg(!wrong, "%s: %s", text, wrong);
			ck_assert_msg(run.plan.lost_bytes == lost,
				      "%s: lost_bytes changed in seal", text);
		}
		plan_run_end(&run);
	}
	printf("suggestions: %" PRIu64 " of %" PRIu64 " sealed as they are\n",
	       sealed, n);
	ck_assert_uint_gt(sealed, 0);
}
END_TEST

/* A place the planner did not suggest: any page of any convertible RAM. */
static bool place_anywhere(struct rnd *r, const struct tdxc_plan_ram *usable,
			   size_t n, uint64_t bytes, struct tdxc_range *at)
{
	int tries;

	for (tries = 0; tries < 20; tries++) {
		struct tdxc_range u = usable[rnd_below(r, n)].range;
		uint64_t room = u.end - u.start;

		if (room < bytes)
			continue;
		at->start = u.start +
			    rnd_below(r, (room - bytes) / 4096 + 1) * 4096;
		at->end = at->start + bytes;
		return true;
	}
	return false;
}

/* For the places as they are, no set of RAM pieces to give up is cheaper. */
static void check_given_up(const struct plan_run *run, uint64_t *exact)
{
	uint64_t least =
		brute_exclude(&c.config, run->plan.tdmrs, run->plan.nr_tdmrs);

	if (least == UINT64_MAX)
		return;
	ck_assert_msg(run->plan.lost_bytes == least,
		      "%s: gave up %" PRIu64 ", %" PRIu64 " would do", text,
		      run->plan.lost_bytes, least);
	*exact += least != 0;
}

START_TEST(any_legal_place_can_be_sealed)
{
	struct rnd r = {test_seed("random places", 3)};
	uint64_t n = test_scale(MACHINES / 10);
	uint64_t sealed = 0;
	uint64_t exact = 0;
	uint64_t i;

	for (i = 0; i < n; i++) {
		struct tdxc_plan_ram usable[2 * CASE_MAX];
		struct tdxc_range pamt[TDXC_PAMT_LEVELS];
		struct plan_run run;
		bool placed;
		size_t m;
		uint32_t t;
		int k;

		if (i % 2)
			gen_any(&c, &r);
		else
			gen_small(&c, &r);
		c.config.flags = TDXC_PLAN_CALLER_PLACES;
		m = case_usable(&c, usable, 2 * CASE_MAX);
		plan_run_make(&run, &c);
		placed = !run.make;
		for (t = 0; placed && t < run.plan.nr_tdmrs; t++) {
			for (k = 0; placed && k < TDXC_PAMT_LEVELS; k++)
				placed = place_anywhere(
					&r, usable, m,
					run.plan.tdmrs[t].pamt_bytes[k],
					&pamt[k]);
			if (placed)
				ck_assert_int_eq(
					tdxc_plan_place(&run.plan, t, pamt),
					TDXC_OK);
		}
		if (placed) {
			plan_run_seal(&run, &c);
			case_format(&c, text, sizeof(text));
			if (run.seal) {
				/* by chance they overlap */
				ck_assert_msg(run.fault.kind ==
						      TDXC_PLAN_FAULT_PAMT,
					      "%s", text);
			} else if (run.plan.usable_bytes) {
				const char *wrong = verify_run(&c, &run);

				sealed++;
				ck_assert_msg(!wrong, "%s: %s", text, wrong);
				check_given_up(&run, &exact);
			}
		}
		plan_run_end(&run);
	}
	printf("random places: %" PRIu64 " of %" PRIu64 " sealed; %" PRIu64
	       " gave RAM up, each time the least\n",
	       sealed, n, exact);
	ck_assert_uint_gt(sealed, 0);
}
END_TEST

static int try_one(const char *one)
{
	if (case_parse(&c, one)) {
		fprintf(stderr, "TDXC_CASE is not a case\n");
		return EXIT_FAILURE;
	}
	if (try_case())
		return EXIT_FAILURE;
	print_met();
	return EXIT_SUCCESS;
}

int main(void)
{
	const char *one = getenv("TDXC_CASE");
	Suite *s = suite_create("plan_random");
	TCase *tc = tcase_create("random");
	SRunner *runner;
	int failed;

	if (one)
		return try_one(one);
	tcase_set_timeout(tc, 600);
	tcase_add_test(tc, every_random_machine_is_planned_soundly);
	tcase_add_test(tc,
		       many_ranges_are_planned_no_worse_than_by_the_baseline);
	tcase_add_test(tc, suggestions_are_good_places);
	tcase_add_test(tc, any_legal_place_can_be_sealed);
	suite_add_tcase(s, tc);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
