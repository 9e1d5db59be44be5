/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * check.c for modules that nobody has built yet: other counts, other entry
 * sizes, Dynamic PAMT; and for platforms that make no sense.
 */
#include "check_fixture.h"

#include <tdxcore/status.h>

#include <check.h>
#include <stdlib.h>

/* ---- other limits ---- */

START_TEST(entry_sizes_come_from_the_module)
{
	/* 24-byte entries: 6 MiB, 12 KiB and one page. */
	const struct edit sizes[] = {{0, M_SIZE, 0x3000},
				     {0, K_BASE, 0x4C0004000},
				     {0, K_SIZE, 0x600000}};
	struct tdxc_check_platform p = p1();
	struct edit small[3];

	p.limits.pamt_entry_size[TDXC_PAMT_4K] = 24;
	p.limits.pamt_entry_size[TDXC_PAMT_2M] = 24;
	p.limits.pamt_entry_size[TDXC_PAMT_1G] = 24;
	ck_assert_uint_eq(check_two(&p, sizes, 3, 1), 0);
	memcpy(small, sizes, sizeof small);
	small[2].value = 0x5FF000;
	ck_assert_uint_eq(check_two(&p, small, 3, 1), 0xC0000A1000000000);
	memcpy(small, sizes, sizeof small);
	small[0].value = 0x2000;
	ck_assert_uint_eq(check_two(&p, small, 3, 1), 0xC0000A1000000100);
}
END_TEST

START_TEST(the_1g_region_of_257_gib_needs_two_pages)
{
	const struct tdxc_cmr cmr = {0, 1ull << 46};
	struct edit edits[] = {
		{0, SIZE, 257ull << 30},	{0, M_SIZE, 257 * 0x2000},
		{0, K_SIZE, 257ull * 0x400000}, {0, G_BASE, 0x8000000000},
		{0, M_BASE, 0x8100000000},	{0, K_BASE, 0x8200000000}};
	struct tdxc_check_platform p = p1();

	p.cmrs = &cmr;
	p.nr_cmrs = 1;
	ck_assert_uint_eq(check_two(&p, edits, 6, 1), 0xC0000A1000000200);
	edits[0].value = 256ull << 30;
	ck_assert_uint_eq(check_two(&p, edits, 6, 1), 0);
}
END_TEST

START_TEST(a_module_may_have_other_numbers_of_areas)
{
	uint64_t infos[2 * WORDS]; /* One structure of 64 + 16 * 40 bytes. */
	struct tdxc_check_platform p = p1();
	size_t stride = tdxc_tdmr_info_stride(40);
	unsigned k;

	ck_assert_uint_eq(stride, sizeof infos);
	t0_t1(infos);
	memset(infos + WORDS, 0, STRIDE);
	for (k = 0; k < 40; k++) {
		infos[AREAS + 2 * k] = 0x2000 * k;
		infos[AREAS + 2 * k + 1] = 0x1000;
	}
	p.limits.max_reserved = 40;
	ck_assert_uint_eq(tdxc_check_layout(&p, infos, stride, 1), 0);
	infos[AREAS + 2 * 39] = 0x1000;
	ck_assert_uint_eq(tdxc_check_layout(&p, infos, stride, 1),
			  0xC0000A2100002700);
	/* What lies beyond the module's areas is not read. */
	p.limits.max_reserved = 39;
	ck_assert_uint_eq(tdxc_check_layout(&p, infos, stride, 1), 0);
}
END_TEST

START_TEST(nothing_beyond_the_last_area_is_read)
{
	/* The words behind the one area would reserve the rest, if read. */
	const struct edit pamt_behind[] = {RS(0, 0, 0, 0x1000),
					   RS(0, 1, 0x1000, 0x3FFFF000),
					   {0, K_BASE, 0x110000000}};
	const struct edit tail_behind[] = {{0, BASE, 0x500000000},
					   RS(0, 0, 0, 0x1000),
					   RS(0, 1, 0x1000, 0x3FFFF000)};
	struct tdxc_check_platform p = p1();

	p.limits.max_reserved = 2;
	ck_assert_uint_eq(check_two(&p, pamt_behind, 5, 1), 0);
	ck_assert_uint_eq(check_two(&p, tail_behind, 5, 1), 0);
	p.limits.max_reserved = 1;
	ck_assert_uint_eq(check_two(&p, pamt_behind, 5, 1), 0xC0000A1200000000);
	ck_assert_uint_eq(check_two(&p, tail_behind, 5, 1), 0xC0000A0200000000);
}
END_TEST

START_TEST(details_hold_the_low_byte_of_an_index)
{
	enum { N = 300 };
	const struct tdxc_cmr cmr = {0, 1ull << 46};
	uint64_t *infos = calloc(N, STRIDE);
	struct tdxc_check_platform p = p1();
	uint64_t pamt = 1ull << 45;
	uint64_t two[2 * WORDS];
	uint64_t *info;
	uint64_t i;

	ck_assert_ptr_nonnull(infos);
	p.cmrs = &cmr;
	p.nr_cmrs = 1;
	p.limits.max_tdmrs = N;
	for (i = 0; i < N; i++) {
		info = infos + i * WORDS;
		t0_t1(two);
		memcpy(info, two, STRIDE);
		info[BASE] = i << 30;
		info[G_BASE] = pamt + i * 0x1000000;
		info[M_BASE] = info[G_BASE] + 0x1000;
		info[K_BASE] = info[G_BASE] + 0x3000;
	}
	ck_assert_uint_eq(tdxc_check_layout(&p, infos, STRIDE, N), 0);
	/* 1G PAMT of 299 in the memory of 200: (43, 2, 200). */
	info = infos + 299 * WORDS;
	info[G_BASE] = 200ull << 30;
	ck_assert_uint_eq(tdxc_check_layout(&p, infos, STRIDE, N),
			  0xC0000A1200C8022B);
	/* 4K PAMT of 200 in the memory of 299, found there: (200, 0, 43). */
	info[G_BASE] = pamt + 299 * 0x1000000ull;
	infos[200 * WORDS + K_BASE] = 299ull << 30;
	ck_assert_uint_eq(tdxc_check_layout(&p, infos, STRIDE, N),
			  0xC0000A12002B00C8);
	free(infos);
}
END_TEST

START_TEST(structures_may_lie_at_any_address)
{
	unsigned char bytes[8 + 2 * 321];
	struct tdxc_check_platform p = p1();
	uint64_t infos[2 * WORDS];
	size_t shift;

	t0_t1(infos);
	for (shift = 0; shift < 8; shift++) {
		memcpy(bytes + shift, infos, 320);
		memcpy(bytes + shift + 321, infos + WORDS, 320);
		ck_assert_uint_eq(tdxc_check_layout(&p, bytes + shift, 321, 2),
				  0);
		ck_assert_uint_eq(tdxc_check_tdmr(&p, bytes + shift, 321, 1),
				  0);
	}
}
END_TEST

/* ---- Dynamic PAMT: tdx-module-abi.md 11 ---- */

START_TEST(idea_15_the_bitmap_replaces_the_4k_region)
{
	static const struct {
		uint32_t bits;
		uint64_t per_gib;
	} rows[] = {{1, 0x8000}, {2, 0x10000}, {4, 0x20000}, {64, 0x200000}};
	struct tdxc_check_platform p = p1();
	struct edit edit = {0, K_SIZE, 0};
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		p.limits.pamt_bitmap_bits = rows[i].bits;
		edit.value = rows[i].per_gib;
		ck_assert_uint_eq(check_two(&p, &edit, 1, 1), 0);
		edit.value = rows[i].per_gib - 0x1000;
		ck_assert_uint_eq(check_two(&p, &edit, 1, 1),
				  0xC0000A1000000000);
	}
}
END_TEST

START_TEST(dynamic_pamt_needs_a_module_that_has_it_and_48_bit_pages)
{
	struct tdxc_check_platform p = p1();

	p.limits.pamt_bitmap_bits = 1;
	ck_assert_uint_eq(tdxc_check_operands(&p, ARRAY, 1, 0x10020), 0);
	ck_assert_uint_eq(tdxc_check_operands(&p, ARRAY, 1, 0x20), 0);
	ck_assert_uint_eq(tdxc_check_operands(&p, ARRAY, 1, 0x20020),
			  0xC000010000000008);
	p.keyid_start_bit = 48;
	ck_assert_uint_eq(tdxc_check_operands(&p, ARRAY, 1, 0x10020), 0);
	p.keyid_start_bit = 49;
	ck_assert_uint_eq(tdxc_check_operands(&p, ARRAY, 1, 0x10020),
			  0xC000010000000008);
	ck_assert_uint_eq(tdxc_check_operands(&p, ARRAY, 1, 0x20), 0);
}
END_TEST

/* ---- questions the module could not be asked ---- */

static void expect_refusal(const struct tdxc_check_platform *p)
{
	ck_assert_uint_eq(tdxc_check_operands(p, ARRAY, 1, 0x20),
			  TDXC_STATUS_OPERAND_INVALID);
	ck_assert_uint_eq(tdxc_check_info_address(p, ARRAY),
			  TDXC_STATUS_OPERAND_INVALID);
	ck_assert_uint_eq(check_two(p, NULL, 0, 1),
			  TDXC_STATUS_OPERAND_INVALID);
}

START_TEST(a_platform_outside_its_documented_ranges_is_refused)
{
	const struct tdxc_check_platform good = p1();
	struct tdxc_check_platform p;

#define REFUSED(member, value)                                                 \
	do {                                                                   \
		p = good;                                                      \
		p.member = (value);                                            \
		expect_refusal(&p);                                            \
	} while (0)
	REFUSED(abi, TDXC_ABI + 1);
	REFUSED(keyid_start_bit, 31);
	REFUSED(keyid_start_bit, 53);
	REFUSED(limits.pa_bits, 31);
	REFUSED(limits.pa_bits, 64);
	REFUSED(limits.max_tdmrs, 0);
	REFUSED(limits.max_tdmrs, 65536);
	REFUSED(limits.max_reserved, 0);
	REFUSED(limits.max_reserved, 65536);
	REFUSED(limits.pamt_entry_size[TDXC_PAMT_4K], 0);
	REFUSED(limits.pamt_entry_size[TDXC_PAMT_1G], 4097);
	REFUSED(limits.pamt_bitmap_bits, 65);
#undef REFUSED
}
END_TEST

START_TEST(a_platform_at_the_edge_of_its_ranges_is_not_refused)
{
	const struct tdxc_check_platform good = p1();
	struct tdxc_check_platform p;

#define TAKEN(member, value)                                                   \
	do {                                                                   \
		p = good;                                                      \
		p.member = (value);                                            \
		ck_assert_uint_eq(                                             \
			tdxc_check_operands(&p, 0x80000000, 1, 0x20), 0);      \
	} while (0)
	TAKEN(keyid_start_bit, 32);
	TAKEN(keyid_start_bit, 52);
	TAKEN(limits.pa_bits, 46);
	TAKEN(limits.pa_bits, 63);
	TAKEN(limits.max_tdmrs, 1);
	TAKEN(limits.max_tdmrs, 65535);
	TAKEN(limits.max_reserved, 1);
	TAKEN(limits.max_reserved, 65535);
	TAKEN(limits.pamt_entry_size[TDXC_PAMT_4K], 1);
	TAKEN(limits.pamt_entry_size[TDXC_PAMT_2M], 4096);
	TAKEN(limits.pamt_bitmap_bits, 64);
#undef TAKEN
	p = good;
	p.limits.pa_bits = 32;
	p.keyid_start_bit = 32;
	ck_assert_uint_eq(tdxc_check_operands(&p, 0x80000000, 1, 0x20), 0);
}
END_TEST

START_TEST(a_stride_too_short_for_the_areas_is_refused)
{
	struct tdxc_check_platform p = p1();
	uint64_t infos[2 * WORDS];

	t0_t1(infos);
	ck_assert_uint_eq(tdxc_check_tdmr(&p, infos, 319, 0),
			  TDXC_STATUS_OPERAND_INVALID);
	ck_assert_uint_eq(tdxc_check_tdmr(&p, infos, 320, 0), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("check_limits");
	TCase *tcase = tcase_create("limits");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, entry_sizes_come_from_the_module);
	tcase_add_test(tcase, the_1g_region_of_257_gib_needs_two_pages);
	tcase_add_test(tcase, a_module_may_have_other_numbers_of_areas);
	tcase_add_test(tcase, nothing_beyond_the_last_area_is_read);
	tcase_add_test(tcase, details_hold_the_low_byte_of_an_index);
	tcase_add_test(tcase, structures_may_lie_at_any_address);
	tcase_add_test(tcase, idea_15_the_bitmap_replaces_the_4k_region);
	tcase_add_test(
		tcase,
		dynamic_pamt_needs_a_module_that_has_it_and_48_bit_pages);
	tcase_add_test(tcase,
		       a_platform_outside_its_documented_ranges_is_refused);
	tcase_add_test(tcase,
		       a_platform_at_the_edge_of_its_ranges_is_not_refused);
	tcase_add_test(tcase, a_stride_too_short_for_the_areas_is_refused);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
