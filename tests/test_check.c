/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * check.c against the vectors of tdx-module-abi.md 10: the statuses there were
 * produced by the module's own code. Then what the vectors leave open: other
 * limits, Dynamic PAMT, odd CMR lists, unaligned memory.
 */
#include "check_vectors.h"

#include <tdxcore/check.h>
#include <tdxcore/status.h>
#include <tdxcore/version.h>

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define STRIDE	     512
#define WORDS	     (STRIDE / 8)

/* ---- platform P1 and the layouts T0, T1 ---- */

static const struct tdxc_cmr p1_cmrs[] = {
	{0x100000, 0x7FF00000},
	{0x100000000, 0x400000000},
	{0x500000000, 0x40000000}, /* CMR2: only where a test wants it. */
};

static struct tdxc_check_platform p1(void)
{
	struct tdxc_check_platform p;

	memset(&p, 0, sizeof p);
	p.abi = TDXC_ABI;
	p.keyid_start_bit = 46;
	p.shared_keyids = 31;
	p.private_keyids = 32;
	p.seamrr.start = 0x90000000;
	p.seamrr.end = 0x98000000;
	p.cmrs = p1_cmrs;
	p.nr_cmrs = 2;
	p.limits = tdxc_limits_observed();
	return p;
}

static void t0_t1(uint64_t *infos)
{
	static const uint64_t t[2][AREAS] = {
		{0x100000000, 0x40000000, 0x4C0000000, 0x1000, 0x4C0001000,
		 0x2000, 0x4C0003000, 0x400000},
		{0x140000000, 0x40000000, 0x4C1000000, 0x1000, 0x4C1001000,
		 0x2000, 0x4C1003000, 0x400000},
	};

	memset(infos, 0, 2 * STRIDE);
	memcpy(infos, t[0], sizeof t[0]);
	memcpy(infos + WORDS, t[1], sizeof t[1]);
}

static uint64_t check_two(const struct tdxc_check_platform *p,
			  const struct edit *edits, size_t nr_edits, uint32_t n)
{
	uint64_t infos[2 * WORDS];
	size_t i;

	t0_t1(infos);
	for (i = 0; i < nr_edits; i++)
		infos[edits[i].tdmr * WORDS + edits[i].word] = edits[i].value;
	return tdxc_check_layout(p, infos, STRIDE, n);
}

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

/* ---- tdx-module-abi.md 10.2 ---- */

#define ARRAY 0x300000000ull

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
	p.limits.max_reserved = 1;
	ck_assert_uint_eq(tdxc_check_layout(&p, infos, 80, 1), 0);
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

static void add_vectors(Suite *suite)
{
	TCase *tcase = tcase_create("vectors");

	tcase_add_loop_test(tcase, vector_C1_to_C62, 0, COUNT(vectors));
	tcase_add_test(tcase, c28_all_sixteen_areas_may_be_used);
	tcase_add_test(tcase, c54_a_pamt_may_span_touching_cmrs);
	tcase_add_loop_test(tcase, operands_S3_to_S12, 0, COUNT(operands));
	tcase_add_test(tcase,
		       s13_an_entry_address_is_checked_like_rcx_and_named_so);
	tcase_add_test(tcase, s15_the_first_tdmr_that_fails_decides);
	suite_add_tcase(suite, tcase);
}

static void add_beyond(Suite *suite)
{
	TCase *tcase = tcase_create("beyond");

	tcase_add_test(tcase, a_layout_has_1_to_max_tdmrs);
	tcase_add_test(tcase, idea_29_a_tdmr_may_span_two_touching_cmrs);
	tcase_add_test(tcase, ideas_27_28_unused_cmr_entries_are_skipped);
	tcase_add_test(tcase, without_cmrs_not_even_a_pamt_has_a_place);
	tcase_add_test(tcase,
		       memory_behind_the_last_reserved_area_is_looked_at);
	tcase_add_test(tcase, entry_sizes_come_from_the_module);
	tcase_add_test(tcase, the_1g_region_of_257_gib_needs_two_pages);
	tcase_add_test(tcase, a_module_may_have_other_numbers_of_areas);
	tcase_add_test(tcase, structures_may_lie_at_any_address);
	tcase_add_test(tcase, idea_15_the_bitmap_replaces_the_4k_region);
	tcase_add_test(
		tcase,
		dynamic_pamt_needs_a_module_that_has_it_and_48_bit_pages);
	tcase_add_test(tcase,
		       a_platform_outside_its_documented_ranges_is_refused);
	tcase_add_test(tcase, a_stride_too_short_for_the_areas_is_refused);
	suite_add_tcase(suite, tcase);
}

int main(void)
{
	Suite *suite = suite_create("check");
	SRunner *runner;
	int failed;

	add_vectors(suite);
	add_beyond(suite);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
