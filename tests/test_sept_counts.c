/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* What operations on private memory may cost; bench/sept prints the same. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "vmm/cost.h"

static void expect_good(uint32_t i, bool static_pamt)
{
	struct vmm_cost cost;

	ck_assert(vmm_cost_measure(i, static_pamt, &cost));
	ck_assert_msg(vmm_cost_is_good(&cost),
		      "%s of %llu: %llu calls, %llu of them write-backs, limit "
		      "%llu; %llu broadcasts, limit %llu",
		      cost.name, (unsigned long long)cost.n,
		      (unsigned long long)cost.calls,
		      (unsigned long long)cost.write_backs,
		      (unsigned long long)cost.limit,
		      (unsigned long long)cost.broadcasts,
		      (unsigned long long)cost.broadcast_limit);
}

START_TEST(no_operation_costs_more_calls_or_broadcasts_than_it_may)
{
	expect_good((uint32_t)_i, false);
}
END_TEST

START_TEST(nor_does_it_with_static_pamt)
{
	expect_good((uint32_t)_i, true);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("sept_counts");
	TCase *tc = tcase_create("counts");

	tcase_add_loop_test(
		tc, no_operation_costs_more_calls_or_broadcasts_than_it_may, 0,
		(int)vmm_cost_count(true));
	tcase_add_loop_test(tc, nor_does_it_with_static_pamt, 0,
			    (int)vmm_cost_count(true));
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	SRunner *runner = srunner_create(make_suite());
	int failed;

	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
