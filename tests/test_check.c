/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * check.c against the vectors of tdx-module-abi.md 10: the statuses there were
 * produced by the module's own code. Then odd CMR lists, and orders that the
 * vectors leave open. test_check_limits.c has modules of other sizes.
 */
#include "check_fixture.h"
#include "check_vectors.h"

#include <tdxcore/check.h>
#include <tdxcore/status.h>

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* ---- tdx-module-abi.md 10.1 ---- */

/* An edit that writes 0 to the base of TDMR 0 ends the list, unless first. */
static size_t nr_edits(const struct edit *edits)
{
	static const struct edit none;
	size_t n = 1;

	while (n < COUNT(vectors[0].edits) &&
	       memcmp(&edits[n], &none, sizeof none) != 0)
		n++;
	return n;
}

START_TEST(vector_C1_to_C62)
{
	const struct vector *v = &vectors[_i];
	struct tdxc_check_platform p = p1();
	uint64_t got = check_two(&p, v->edits, nr_edits(v->edits), v->nr_tdmrs);

	ck_assert_msg(got == v->status, "%s: got %016llx want %016llx", v->id,
		      (unsigned long long)got, (unsigned long long)v->status);
}
END_TEST

START_TEST(c28_all_sixteen_areas_may_be_used)
{
	struct tdxc_check_platform p = p1();
	struct edit edits[32];
	unsigned k;

	for (k = 0; k < 16; k++) {
		edits[2 * k] = (struct edit){0, AREAS + 2 * k, 0x2000 * k};
		edits[2 * k + 1] = (struct edit){0, AREAS + 2 * k + 1, 0x1000};
	}
	ck_assert_uint_eq(check_two(&p, edits, 32, 1), 0);
	/* And the last of them is looked at. */
	edits[31].value = 0x800;
	ck_assert_uint_eq(check_two(&p, edits, 32, 1), 0xC0000A2000000F00);
}
END_TEST

START_TEST(c54_a_pamt_may_span_touching_cmrs)
{
	const struct edit edit = {0, K_BASE, 0x4FFE00000};
	struct tdxc_check_platform p = p1();

	p.nr_cmrs = 3;
	ck_assert_uint_eq(check_two(&p, &edit, 1, 1), 0);
}
END_TEST

/* Neither is in the vectors nor in a recorded layout. */
START_TEST(two_unused_areas_before_a_used_one_blame_the_second)
{
	const struct edit edits[] = {RS(0, 0, 0x1000, 0x1000),
				     RS(0, 3, 0x5000, 0x1000)};
	struct tdxc_check_platform p = p1();

	ck_assert_uint_eq(check_two(&p, edits, 4, 1), 0xC0000A2100000200);
}
END_TEST

START_TEST(a_sum_of_all_ones_does_not_wrap)
{
	/* So the rule on order, which comes next, is the one that fails. */
	const struct edit area[] = {RS(0, 0, 0x5000, 0x1000),
				    RS(0, 1, 0x1000, 0xFFFFFFFFFFFFEFFF)};
	const struct edit tdmr[] = {{1, BASE, 0x80000000},
				    {1, SIZE, 0xFFFFFFFF7FFFFFFF}};
	struct tdxc_check_platform p = p1();

	ck_assert_uint_eq(check_two(&p, area, 4, 1), 0xC0000A2100000100);
	ck_assert_uint_eq(check_two(&p, tdmr, 2, 2), 0xC0000A0100000001);
}
END_TEST

/* ---- tdx-module-abi.md 10.2 ---- */

static const struct {
	const char *id;
	uint64_t rcx, rdx, r8, status;
} operands[] = {
	{"good", ARRAY, 1, 0x20, 0},
	{"last KeyID, last count", ARRAY, 64, 0x3F, 0},
	{"S3", ARRAY, 0, 0x20, 0xC000010000000002},
	{"S4", ARRAY, 65, 0x20, 0xC000010000000002},
	{"S4 wide", ARRAY, 0x100000001, 0x20, 0xC000010000000002},
	{"S5", ARRAY + 0x100, 1, 0x20, 0xC000010000000001},
	{"S6", ARRAY | 32ull << 46, 1, 0x20, 0xC000010000000001},
	{"S7", ARRAY | 5ull << 46, 1, 0x20, 0},
	{"S7 last shared", ARRAY | 31ull << 46, 1, 0x20, 0},
	{"S8 first", 0x90000000, 1, 0x20, 0xC000010000000001},
	{"S8 last", 0x97FFFE00, 1, 0x20, 0xC000010000000001},
	{"S8 with a shared KeyID", 0x90000000 | 5ull << 46, 1, 0x20,
	 0xC000010000000001},
	{"below SEAMRR", 0x8FFFFE00, 1, 0x20, 0},
	{"above SEAMRR", 0x98000000, 1, 0x20, 0},
	{"RCX beyond the width", 1ull << 52, 1, 0x20, 0xC000010000000001},
	{"S9", ARRAY, 1, 0x1F, 0xC000010000000008},
	{"S10", ARRAY, 1, 0x40, 0xC000010000000008},
	{"S11", ARRAY, 1, 0x10020, 0xC000010000000008},
	{"S12", ARRAY, 0, 0, 0xC000010000000002},
	{"RCX before RDX", 1, 0, 0, 0xC000010000000001},
	{"R8 high half", ARRAY, 1, 0x100000020, 0xC000010000000008},
	{"R8 top bit", ARRAY, 1, 0x8000000000000020, 0xC000010000000008},
	{"R8 all ones", ARRAY, 1, 0xFFFFFFFFFFFFFFFF, 0xC000010000000008},
};

START_TEST(operands_S3_to_S12)
{
	struct tdxc_check_platform p = p1();
	uint64_t got = tdxc_check_operands(&p, operands[_i].rcx,
					   operands[_i].rdx, operands[_i].r8);

	ck_assert_msg(got == operands[_i].status, "%s: got %016llx",
		      operands[_i].id, (unsigned long long)got);
}
END_TEST

START_TEST(s13_an_entry_address_is_checked_like_rcx_and_named_so)
{
	struct tdxc_check_platform p = p1();

	ck_assert_uint_eq(tdxc_check_info_address(&p, ARRAY), 0);
	ck_assert_uint_eq(tdxc_check_info_address(&p, ARRAY + 0x40),
			  0xC000010000000001);
	ck_assert_uint_eq(tdxc_check_info_address(&p, ARRAY | 32ull << 46),
			  0xC000010000000001);
	ck_assert_uint_eq(tdxc_check_info_address(&p, ARRAY | 31ull << 46), 0);
	ck_assert_uint_eq(tdxc_check_info_address(&p, 0x90000000),
			  0xC000010000000001);
	ck_assert_uint_eq(tdxc_check_info_address(&p, 1ull << 63),
			  0xC000010000000001);
}
END_TEST

START_TEST(s15_the_first_tdmr_that_fails_decides)
{
	const struct edit edits[] = {{0, SIZE, 0}, {1, SIZE, 0}};
	struct tdxc_check_platform p = p1();

	ck_assert_uint_eq(check_two(&p, edits, 2, 2), 0xC0000A0000000000);
	ck_assert_uint_eq(check_two(&p, edits + 1, 1, 2), 0xC0000A0000000001);
}
END_TEST

START_TEST(a_layout_has_1_to_max_tdmrs)
{
	struct tdxc_check_platform p = p1();

	ck_assert_uint_eq(check_two(&p, NULL, 0, 0), 0xC000010000000002);
	p.limits.max_tdmrs = 2;
	ck_assert_uint_eq(check_two(&p, NULL, 0, 2), 0);
	p.limits.max_tdmrs = 1;
	ck_assert_uint_eq(check_two(&p, NULL, 0, 2), 0xC000010000000002);
	ck_assert_uint_eq(tdxc_check_operands(&p, ARRAY, 2, 0x20),
			  0xC000010000000002);
}
END_TEST

/* ---- CMR lists ---- */

/* linux-host-tdx.md 13, idea 29. */
START_TEST(idea_29_a_tdmr_may_span_two_touching_cmrs)
{
	const struct tdxc_cmr joined[] = {{0x100000000, 0x10000000},
					  {0x110000000, 0x3F0000000}};
	const struct tdxc_cmr gap[] = {{0x100000000, 0x10000000},
				       {0x110001000, 0x3EFFFF000}};
	struct tdxc_check_platform p = p1();

	p.cmrs = joined;
	ck_assert_uint_eq(check_two(&p, NULL, 0, 2), 0);
	p.cmrs = gap;
	ck_assert_uint_eq(check_two(&p, NULL, 0, 2), 0xC0000A0200000000);
}
END_TEST

/* linux-host-tdx.md 13, ideas 27 and 28: unused entries anywhere. */
START_TEST(ideas_27_28_unused_cmr_entries_are_skipped)
{
	struct tdxc_cmr cmrs[32] = {
		{0x500000000, 0}, {0x100000000, 0x10000000},
		{0, 0},		  {0x110000000, 0x10000000},
		{0xDEAD000, 0},	  {0x120000000, 0x3E0000000}};
	struct tdxc_check_platform p = p1();

	p.cmrs = cmrs;
	p.nr_cmrs = 32;
	ck_assert_uint_eq(check_two(&p, NULL, 0, 2), 0);
}
END_TEST

START_TEST(without_cmrs_not_even_a_pamt_has_a_place)
{
	const struct edit whole[] = {RS(0, 0, 0, 0x40000000)};
	struct tdxc_check_platform p = p1();

	p.cmrs = NULL;
	p.nr_cmrs = 0;
	ck_assert_uint_eq(check_two(&p, whole, 2, 1), 0xC0000A1100000200);
}
END_TEST

START_TEST(memory_behind_the_last_reserved_area_is_looked_at)
{
	/* [1 GiB, 3 GiB) over a CMR that ends at 2 GiB. */
	const struct edit edits[] = {TWO_GIB,
				     {0, BASE, 0x40000000},
				     RS(0, 0, 0x40000000, 0x3FFFF000)};
	struct tdxc_check_platform p = p1();

	ck_assert_uint_eq(check_two(&p, edits, COUNT(edits), 1),
			  0xC0000A0200000000);
}
END_TEST

static void add_vectors(Suite *suite)
{
	TCase *tcase = tcase_create("vectors");

	tcase_add_loop_test(tcase, vector_C1_to_C62, 0, COUNT(vectors));
	tcase_add_test(tcase, c28_all_sixteen_areas_may_be_used);
	tcase_add_test(tcase, c54_a_pamt_may_span_touching_cmrs);
	tcase_add_test(tcase,
		       two_unused_areas_before_a_used_one_blame_the_second);
	tcase_add_test(tcase, a_sum_of_all_ones_does_not_wrap);
	tcase_add_loop_test(tcase, operands_S3_to_S12, 0, COUNT(operands));
	tcase_add_test(tcase,
		       s13_an_entry_address_is_checked_like_rcx_and_named_so);
	tcase_add_test(tcase, s15_the_first_tdmr_that_fails_decides);
	suite_add_tcase(suite, tcase);
}

static void add_other(Suite *suite)
{
	TCase *tcase = tcase_create("other");

	tcase_add_test(tcase, a_layout_has_1_to_max_tdmrs);
	tcase_add_test(tcase, idea_29_a_tdmr_may_span_two_touching_cmrs);
	tcase_add_test(tcase, ideas_27_28_unused_cmr_entries_are_skipped);
	tcase_add_test(tcase, without_cmrs_not_even_a_pamt_has_a_place);
	tcase_add_test(tcase,
		       memory_behind_the_last_reserved_area_is_looked_at);
	suite_add_tcase(suite, tcase);
}

int main(void)
{
	Suite *suite = suite_create("check");
	SRunner *runner;
	int failed;

	add_vectors(suite);
	add_other(suite);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
