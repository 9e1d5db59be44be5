/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Reading CMR lists: what is skipped, joined, warned about and refused.
 */
#include <tdxcore/cmr.h>
#include <tdxcore/err.h>

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define MAX	     40
#define M	     0x100000ull
#define TOP	     0xFFFFFFFFFFFFFFFFull

struct reading {
	struct tdxc_range out[MAX];
	size_t nr;
	struct tdxc_cmr_fault fault;
	int err;
};

static struct reading read_list(const struct tdxc_cmr *raw, size_t n,
				uint32_t pa_bits)
{
	struct reading r;

	memset(&r, 0xA5, sizeof r);
	r.err = tdxc_cmr_read(raw, n, pa_bits, r.out, &r.nr, &r.fault);
	return r;
}

static void expect_range(const struct tdxc_range *r, uint64_t start,
			 uint64_t end)
{
	ck_assert_uint_eq(r->start, start);
	ck_assert_uint_eq(r->end, end);
}

/* ---- good lists ---- */

/* linux-host-tdx.md 13, idea 27. */
START_TEST(idea_27_32_entries_with_a_zero_tail_are_trimmed)
{
	struct tdxc_cmr raw[32] = {{M, 0x7FF00000}, {0x100000000, 0x80000000}};
	struct reading r = read_list(raw, 32, 52);

	ck_assert_int_eq(r.err, TDXC_OK);
	ck_assert_int_eq(r.fault.kind, TDXC_CMR_FAULT_NONE);
	ck_assert_uint_eq(r.nr, 2);
	expect_range(&r.out[0], M, 0x80000000);
	expect_range(&r.out[1], 0x100000000, 0x180000000);
}
END_TEST

/* linux-host-tdx.md 13, idea 28: warned about; nothing after it is lost. */
START_TEST(idea_28_zero_size_with_a_base_is_warned_about_and_skipped)
{
	const struct tdxc_cmr raw[] = {{M, M}, {0x5000000, 0}, {0, 0}};
	const struct tdxc_cmr inner[] = {{M, M}, {0x5000000, 0}, {4 * M, M}};
	struct reading r = read_list(raw, 3, 52);

	ck_assert_int_eq(r.err, TDXC_OK);
	ck_assert_int_eq(r.fault.kind, TDXC_CMR_WARN_SIZE_0_BASE);
	ck_assert_uint_eq(r.fault.index, 1);
	ck_assert_uint_eq(r.nr, 1);
	r = read_list(inner, 3, 52);
	ck_assert_int_eq(r.err, TDXC_OK);
	ck_assert_int_eq(r.fault.kind, TDXC_CMR_WARN_SIZE_0_BASE);
	ck_assert_uint_eq(r.fault.index, 1);
	ck_assert_uint_eq(r.nr, 2);
	expect_range(&r.out[1], 4 * M, 5 * M);
}
END_TEST

/* linux-host-tdx.md 13, idea 29; test_check.c has the other half. */
START_TEST(idea_29_touching_cmrs_are_joined_in_chains)
{
	const struct tdxc_cmr raw[] = {
		{M, M}, {2 * M, M}, {0, 0}, {3 * M, M}, {5 * M, M}};
	struct reading r = read_list(raw, COUNT(raw), 52);

	ck_assert_int_eq(r.err, TDXC_OK);
	ck_assert_uint_eq(r.nr, 2);
	expect_range(&r.out[0], M, 4 * M);
	expect_range(&r.out[1], 5 * M, 6 * M);
}
END_TEST

START_TEST(an_unused_entry_before_a_used_one_is_warned_about_and_skipped)
{
	const struct tdxc_cmr raw[] = {{M, M}, {0, 0}, {4 * M, M}, {0, 0}};
	struct reading r = read_list(raw, COUNT(raw), 52);

	ck_assert_int_eq(r.err, TDXC_OK);
	ck_assert_int_eq(r.fault.kind, TDXC_CMR_WARN_INNER_EMPTY);
	ck_assert_uint_eq(r.fault.index, 1);
	ck_assert_uint_eq(r.nr, 2);
}
END_TEST

START_TEST(the_first_of_two_warnings_is_reported)
{
	const struct tdxc_cmr raw[] = {{0, 0}, {M, 0}, {2 * M, M}};
	const struct tdxc_cmr other[] = {{M, 0}, {0, 0}, {2 * M, M}};
	struct reading r = read_list(raw, 3, 52);

	ck_assert_int_eq(r.fault.kind, TDXC_CMR_WARN_INNER_EMPTY);
	ck_assert_uint_eq(r.fault.index, 0);
	r = read_list(other, 3, 52);
	ck_assert_int_eq(r.fault.kind, TDXC_CMR_WARN_SIZE_0_BASE);
	ck_assert_uint_eq(r.fault.index, 0);
}
END_TEST

START_TEST(a_base_in_the_zero_tail_is_warned_about_too)
{
	const struct tdxc_cmr raw[] = {{M, M}, {0, 0}, {5 * M, 0}, {0, 0}};
	struct reading r = read_list(raw, COUNT(raw), 52);

	ck_assert_int_eq(r.err, TDXC_OK);
	ck_assert_int_eq(r.fault.kind, TDXC_CMR_WARN_SIZE_0_BASE);
	ck_assert_uint_eq(r.fault.index, 2);
}
END_TEST

START_TEST(more_than_32_entries_are_read)
{
	struct tdxc_cmr raw[MAX];
	struct reading r;
	size_t i;

	for (i = 0; i < MAX; i++) {
		raw[i].base = (2 * i + 1) * M;
		raw[i].size = M;
	}
	r = read_list(raw, MAX, 52);
	ck_assert_int_eq(r.err, TDXC_OK);
	ck_assert_uint_eq(r.nr, MAX);
	expect_range(&r.out[MAX - 1], 79 * M, 80 * M);
}
END_TEST

START_TEST(the_last_byte_below_the_width_is_inside_it)
{
	const struct tdxc_cmr raw[] = {{(1ull << 46) - M, M}};
	const struct tdxc_cmr widest[] = {{(1ull << 63) - M, M}};
	struct reading r = read_list(raw, 1, 46);

	ck_assert_int_eq(r.err, TDXC_OK);
	expect_range(&r.out[0], (1ull << 46) - M, 1ull << 46);
	ck_assert_int_eq(read_list(raw, 1, 45).err, TDXC_E_INVAL);
	ck_assert_int_eq(read_list(widest, 1, 63).err, TDXC_OK);
}
END_TEST

START_TEST(base_0_is_allowed_as_in_the_recorded_platforms)
{
	const struct tdxc_cmr raw[] = {{0, 0x40000000}};
	struct reading r = read_list(raw, 1, 45);

	ck_assert_int_eq(r.err, TDXC_OK);
	expect_range(&r.out[0], 0, 0x40000000);
}
END_TEST

/* ---- refused lists ---- */

static const struct {
	const char *name;
	struct tdxc_cmr raw[4];
	size_t n;
	enum tdxc_cmr_fault_kind kind;
	uint32_t index;
} refused[] = {
	{"no entry", {{0, 0}}, 0, TDXC_CMR_FAULT_EMPTY_LIST, 0},
	{"all empty", {{0, 0}, {0, 0}}, 2, TDXC_CMR_FAULT_EMPTY_LIST, 0},
	{"all empty, one base",
	 {{0, 0}, {M, 0}},
	 2,
	 TDXC_CMR_FAULT_EMPTY_LIST,
	 0},
	{"base unaligned",
	 {{M, M}, {0x400800, M}},
	 2,
	 TDXC_CMR_FAULT_UNALIGNED,
	 1},
	{"size unaligned", {{M, 0x1800}}, 1, TDXC_CMR_FAULT_UNALIGNED, 0},
	{"size below a page", {{M, 1}}, 1, TDXC_CMR_FAULT_UNALIGNED, 0},
	{"wraps",
	 {{M, M}, {0x8000000000000000, 0x8000000000001000}},
	 2,
	 TDXC_CMR_FAULT_WRAP,
	 1},
	{"ends at 2^64", {{TOP - 0xFFF, 0x1000}}, 1, TDXC_CMR_FAULT_WRAP, 0},
	{"all ones", {{TOP, TOP}}, 1, TDXC_CMR_FAULT_UNALIGNED, 0},
	{"starts beyond the width",
	 {{M, M}, {1ull << 52, 0x1000}},
	 2,
	 TDXC_CMR_FAULT_PA_WIDTH,
	 1},
	{"ends beyond the width",
	 {{(1ull << 52) - M, 2 * M}},
	 1,
	 TDXC_CMR_FAULT_PA_WIDTH,
	 0},
	{"descending",
	 {{M, M}, {8 * M, M}, {4 * M, M}},
	 3,
	 TDXC_CMR_FAULT_ORDER,
	 2},
	{"descending over an empty one",
	 {{8 * M, M}, {0, 0}, {M, M}},
	 3,
	 TDXC_CMR_FAULT_ORDER,
	 2},
	{"same start", {{M, M}, {M, 2 * M}}, 2, TDXC_CMR_FAULT_OVERLAP, 1},
	{"overlapping by a page",
	 {{M, M}, {2 * M - 0x1000, M}},
	 2,
	 TDXC_CMR_FAULT_OVERLAP,
	 1},
	{"inside the one before",
	 {{M, 8 * M}, {2 * M, M}},
	 2,
	 TDXC_CMR_FAULT_OVERLAP,
	 1},
	{"overlapping over an empty one",
	 {{M, 8 * M}, {0, 0}, {2 * M, M}},
	 3,
	 TDXC_CMR_FAULT_OVERLAP,
	 2},
	{"overlaps a joined run",
	 {{M, M}, {2 * M, M}, {2 * M, M}},
	 3,
	 TDXC_CMR_FAULT_OVERLAP,
	 2},
	{"a refusal counts more than a warning",
	 {{M, 0}, {4 * M, M}, {M, M}},
	 3,
	 TDXC_CMR_FAULT_ORDER,
	 2},
};

START_TEST(a_malformed_list_is_refused_with_reason_and_index)
{
	struct reading r = read_list(refused[_i].raw, refused[_i].n, 52);

	ck_assert_msg(r.err == TDXC_E_INVAL, "%s", refused[_i].name);
	ck_assert_msg(r.fault.kind == refused[_i].kind, "%s: kind %d",
		      refused[_i].name, (int)r.fault.kind);
	ck_assert_msg(r.fault.index == refused[_i].index, "%s: index %u",
		      refused[_i].name, r.fault.index);
	ck_assert_uint_eq(r.nr, 0);
}
END_TEST

/*
 * SYS.INIT's recorded answers (sysorder-tdmr.trace, cases cmrlist-*), with 7
 * KeyID bits below 52. The one difference is meant: the module comes up
 * without any convertible memory, a planner has nothing to plan then.
 */
static const struct {
	struct tdxc_cmr raw[3];
	size_t n;
	bool accepted;
} recorded[] = {
	{{{0x100000, 0x7FF00000}, {0x100000, 0x1000}}, 2, false},
	{{{0x100800, 0x1000}}, 1, false},
	{{{0x100000, 0x200000}, {0x200000, 0x200000}}, 2, false},
	{{{0x200000000000, 0x1000}}, 1, false},
	{{{0x100000, 0x1000}, {0, 0}, {0x200000, 0x1000}}, 3, true},
	{{{0x8000000000000000, 0x1000}}, 1, false},
	{{{0x200000100000, 0x1000}}, 1, false},
};

START_TEST(lists_are_refused_where_sys_init_refused_them)
{
	struct reading r = read_list(recorded[_i].raw, recorded[_i].n, 45);

	ck_assert_int_eq(r.err == TDXC_OK, recorded[_i].accepted);
}
END_TEST

static const char *text(unsigned kind)
{
	return tdxc_cmr_fault_text((enum tdxc_cmr_fault_kind)kind);
}

START_TEST(every_fault_kind_has_a_text_of_its_own)
{
	unsigned k, other;

	for (k = 0; k <= TDXC_CMR_WARN_INNER_EMPTY; k++) {
		ck_assert_str_ne(text(k), "");
		ck_assert_str_ne(text(k), "unknown reason");
		for (other = 0; other < k; other++)
			ck_assert_str_ne(text(k), text(other));
	}
	ck_assert_str_eq(text(k), "unknown reason");
	ck_assert_str_eq(text(1000000), "unknown reason");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cmr");
	TCase *good = tcase_create("good");
	TCase *bad = tcase_create("refused");
	SRunner *runner;
	int failed;

	tcase_add_test(good, idea_27_32_entries_with_a_zero_tail_are_trimmed);
	tcase_add_test(
		good,
		idea_28_zero_size_with_a_base_is_warned_about_and_skipped);
	tcase_add_test(good, idea_29_touching_cmrs_are_joined_in_chains);
	tcase_add_test(
		good,
		an_unused_entry_before_a_used_one_is_warned_about_and_skipped);
	tcase_add_test(good, the_first_of_two_warnings_is_reported);
	tcase_add_test(good, a_base_in_the_zero_tail_is_warned_about_too);
	tcase_add_test(good, more_than_32_entries_are_read);
	tcase_add_test(good, the_last_byte_below_the_width_is_inside_it);
	tcase_add_test(good, base_0_is_allowed_as_in_the_recorded_platforms);
	tcase_add_loop_test(bad,
			    a_malformed_list_is_refused_with_reason_and_index,
			    0, COUNT(refused));
	tcase_add_loop_test(bad, lists_are_refused_where_sys_init_refused_them,
			    0, COUNT(recorded));
	tcase_add_test(bad, every_fault_kind_has_a_text_of_its_own);
	suite_add_tcase(suite, good);
	suite_add_tcase(suite, bad);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
