/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * The status table against the reference pages, and what can be told from the
 * bits alone.
 */
#include "status_reference.h"

#include <tdxcore/err.h>
#include <tdxcore/status.h>

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static const struct {
	uint64_t status;
	const char *name;
} synthetic[] = {
	{0x8000FF0000000000, "SEAMCALL_FAILED"},
	{TDXC_STATUS_UD, "SEAMCALL_UD"},
	{TDXC_STATUS_GP, "SEAMCALL_GP"},
	{TDXC_STATUS_VMFAILINVALID, "VMFAILINVALID"},
};

/* ---- the table ---- */

START_TEST(every_code_of_the_reference_pages_is_known_by_its_name)
{
	struct tdxc_status_info info;
	uint64_t code;
	size_t i;

	for (i = 0; i < COUNT(reference); i++) {
		code = reference[i].code;
		ck_assert_msg(tdxc_status_lookup(code, &info) == TDXC_OK,
			      "%s is not known", reference[i].name);
		ck_assert_str_eq(info.name, reference[i].name);
		/* Details do not change what is found. */
		ck_assert_int_eq(tdxc_status_lookup(code | 0xFFFFFFFF, &info),
				 TDXC_OK);
		ck_assert_str_eq(info.name, reference[i].name);
	}
}
END_TEST

static enum tdxc_status_remedy remedy_of(uint64_t code, char column_r)
{
	/* The page counts benign codes as N; nobody has to do anything. */
	if (tdxc_status_kind(code) != TDXC_STATUS_KIND_ERROR)
		return TDXC_REMEDY_NONE;
	switch (column_r) {
	case 'R':
		return TDXC_REMEDY_RETRY;
	case 'A':
		return TDXC_REMEDY_ACT;
	case 'X':
		return TDXC_REMEDY_DEAD;
	default:
		return TDXC_REMEDY_NEVER;
	}
}

START_TEST(remedies_are_those_of_the_reference_page)
{
	struct tdxc_status_info info;
	size_t i;

	for (i = 0; i < COUNT(reference); i++) {
		if (reference[i].column_r == 0)
			continue;
		ck_assert_int_eq(tdxc_status_lookup(reference[i].code, &info),
				 TDXC_OK);
		ck_assert_msg(info.remedy == remedy_of(reference[i].code,
						       reference[i].column_r),
			      "%s", info.name);
	}
}
END_TEST

START_TEST(the_table_is_strictly_ascending)
{
	struct tdxc_status_info info;
	uint64_t last = tdxc_status_at(0, &info);
	uint64_t code;
	size_t i;

	ck_assert_uint_eq(last, TDXC_STATUS_SUCCESS);
	for (i = 1; i < tdxc_status_count(); i++) {
		code = tdxc_status_at(i, &info);
		ck_assert_uint_lt(last, code);
		last = code;
	}
	info.name = "untouched";
	ck_assert_uint_eq(tdxc_status_at(i, &info), 0);
	ck_assert_uint_eq(tdxc_status_at((size_t)-1, &info), 0);
	ck_assert_str_eq(info.name, "untouched");
}
END_TEST

static bool is_listed(uint64_t code)
{
	size_t i;

	for (i = 0; i < COUNT(reference); i++) {
		if (reference[i].code == code)
			return true;
	}
	for (i = 0; i < COUNT(synthetic); i++) {
		if (synthetic[i].status == code)
			return true;
	}
	return false;
}

static void expect_line(const char *text, size_t longest)
{
	size_t length = strlen(text);
	const char *c;

	ck_assert_uint_le(length, longest);
	for (c = text; *c; c++)
		ck_assert(*c >= ' ' && *c <= '~');
	ck_assert(length == 0 || text[length - 1] != '.');
	ck_assert_ptr_null(strstr(text, "  "));
}

START_TEST(every_entry_is_listed_readable_and_of_one_mind)
{
	struct tdxc_status_info at, looked;
	uint64_t code;
	size_t i;

	for (i = 0; i < tdxc_status_count(); i++) {
		code = tdxc_status_at(i, &at);
		ck_assert_msg(is_listed(code), "%s", at.name);
		ck_assert_int_eq(tdxc_status_lookup(code, &looked), TDXC_OK);
		ck_assert_ptr_eq(at.name, looked.name);
		ck_assert_ptr_eq(at.meaning, looked.meaning);
		ck_assert_ptr_eq(at.hint, looked.hint);
		ck_assert_int_eq(at.kind, tdxc_status_kind(code));
		ck_assert_int_eq(at.remedy == TDXC_REMEDY_NONE,
				 at.kind != TDXC_STATUS_KIND_ERROR);
		expect_line(at.name, 40);
		expect_line(at.meaning, 100);
		expect_line(at.hint, 110);
		ck_assert_str_ne(at.name, "");
		ck_assert_str_ne(at.meaning, "");
	}
}
END_TEST

START_TEST(both_published_values_of_a_dead_td_have_one_name)
{
	struct tdxc_status_info a, b;

	ck_assert_int_eq(tdxc_status_lookup(0x4000000200000000, &a), TDXC_OK);
	ck_assert_int_eq(tdxc_status_lookup(0x6000000200000000, &b), TDXC_OK);
	ck_assert_ptr_eq(a.name, b.name);
	ck_assert_ptr_eq(a.hint, b.hint);
	ck_assert_int_eq(tdxc_status_lookup(0x6000000700000000, &a), TDXC_OK);
	ck_assert_int_eq(tdxc_status_lookup(0xE000000700000000, &b), TDXC_OK);
	ck_assert_ptr_eq(a.name, b.name);
	ck_assert_int_eq(a.remedy, TDXC_REMEDY_DEAD);
	ck_assert_int_eq(b.remedy, TDXC_REMEDY_DEAD);
}
END_TEST

/* ---- bits ---- */

static const struct {
	uint64_t status;
	enum tdxc_status_kind kind;
} kinds[] = {
	{0, TDXC_STATUS_KIND_SUCCESS},
	{1, TDXC_STATUS_KIND_INFO}, /* An exit reason. */
	{0x0000081500000000, TDXC_STATUS_KIND_INFO},
	{0x00000B0A00000001, TDXC_STATUS_KIND_INFO},
	{0x1000000000000000, TDXC_STATUS_KIND_INFO},
	{0x4000000100000000, TDXC_STATUS_KIND_ERROR},
	{0x4000000200000000, TDXC_STATUS_KIND_ERROR},
	{0x6000000200000000, TDXC_STATUS_KIND_ERROR},
	{0x8000020000000001, TDXC_STATUS_KIND_ERROR},
	{0xC0000A1200030003, TDXC_STATUS_KIND_ERROR},
	{0xE000060400000000, TDXC_STATUS_KIND_ERROR},
	{TDXC_STATUS_VMFAILINVALID, TDXC_STATUS_KIND_ERROR},
	{0xFFFFFFFFFFFFFFFF, TDXC_STATUS_KIND_ERROR},
};

START_TEST(success_information_and_error_are_told_apart)
{
	struct tdxc_status_info info;

	ck_assert_int_eq(tdxc_status_kind(kinds[_i].status), kinds[_i].kind);
	(void)tdxc_status_lookup(kinds[_i].status, &info);
	ck_assert_int_eq(info.kind, kinds[_i].kind);
}
END_TEST

START_TEST(synthetic_codes_are_told_apart_by_their_details)
{
	struct tdxc_status_info info;
	size_t i;

	for (i = 0; i < COUNT(synthetic); i++) {
		ck_assert(tdxc_status_is_synthetic(synthetic[i].status));
		ck_assert_int_eq(tdxc_status_lookup(synthetic[i].status, &info),
				 TDXC_OK);
		ck_assert_str_eq(info.name, synthetic[i].name);
	}
	ck_assert_int_eq(tdxc_status_lookup(0x8000FF000000000E, &info),
			 TDXC_E_NOENT);
	ck_assert_int_eq(info.detail, TDXC_DETAIL_VECTOR);
	ck_assert_int_eq(info.remedy, TDXC_REMEDY_NEVER);
	ck_assert(!tdxc_status_is_synthetic(TDXC_STATUS_INVALID_TDMR));
}
END_TEST

static const struct {
	uint64_t status;
	enum tdxc_status_remedy remedy;
} unknown[] = {
	{0x0000012300000000, TDXC_REMEDY_NONE},
	{0x8000012300000000, TDXC_REMEDY_RETRY},
	{0xC000012300000000, TDXC_REMEDY_NEVER},
	{0xE000012300000000, TDXC_REMEDY_DEAD},
	{0xA000012300000000, TDXC_REMEDY_DEAD},
	{0x4000012300000000, TDXC_REMEDY_DEAD},
	{0xFFFFFFFFFFFFFFFF, TDXC_REMEDY_NEVER}, /* Class FF: software. */
};

START_TEST(an_unknown_code_is_described_by_its_bits)
{
	struct tdxc_status_info info;

	ck_assert_int_eq(tdxc_status_lookup(unknown[_i].status, &info),
			 TDXC_E_NOENT);
	ck_assert_str_eq(info.name, "UNKNOWN");
	ck_assert_int_eq(info.remedy, unknown[_i].remedy);
	ck_assert_str_ne(info.meaning, "");
	ck_assert_ptr_nonnull(info.hint);
}
END_TEST

START_TEST(class_and_code_are_cut_out_of_the_word)
{
	ck_assert_uint_eq(tdxc_status_class(0xC0000A1200030201), 0x0A);
	ck_assert_uint_eq(tdxc_status_code(0xC0000A1200030201),
			  TDXC_STATUS_PAMT_OVERLAP);
}
END_TEST

/* ---- details ---- */

START_TEST(details_are_read_as_the_code_says)
{
	static const struct {
		uint64_t status;
		enum tdxc_status_detail detail;
	} rows[] = {
		{TDXC_STATUS_OPERAND_INVALID, TDXC_DETAIL_OPERAND},
		{TDXC_STATUS_PAMT_OVERLAP, TDXC_DETAIL_TDMR},
		{TDXC_STATUS_NON_ORDERED_RESERVED, TDXC_DETAIL_TDMR},
		{0xC000092100000122, TDXC_DETAIL_MSR},
		{0xC000090200000000, TDXC_DETAIL_CPUID},
		{0xC0000B0B00000001, TDXC_DETAIL_NUMBER},
		{TDXC_STATUS_GP, TDXC_DETAIL_VECTOR},
	};
	struct tdxc_status_info info;
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		ck_assert_int_eq(tdxc_status_lookup(rows[i].status, &info), 0);
		ck_assert_int_eq(info.detail, rows[i].detail);
	}
}
END_TEST

/* linux-host-tdx.md 12, row 12: what people met in the field. */
START_TEST(codes_met_in_the_field_have_the_hint_that_solved_them)
{
	static const struct {
		uint64_t status;
		const char *hint;
	} rows[] = {
		{0xC000090000000000, "BIOS"},
		{0xC000092100000122, "MSR"},
		{0xC000050500000000, "1.0 module"},
		{0xC000010000000045, "operand named in the details"},
		{0xC000030000000001, "PHYMEM.PAGE.RDMD"},
		{0xC000050C00000000, "every processor"},
		{0xC0000A0200000000, "reserve"},
	};
	struct tdxc_status_info info;
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		ck_assert_int_eq(tdxc_status_lookup(rows[i].status, &info), 0);
		ck_assert_msg(strstr(info.hint, rows[i].hint) != NULL, "%s: %s",
			      info.name, info.hint);
	}
}
END_TEST

START_TEST(operand_ids_have_the_names_of_the_reference_page)
{
	static const struct {
		uint32_t id;
		const char *name;
	} rows[] = {
		{0, "RAX"},	    {1, "RCX"},
		{2, "RDX"},	    {3, "RBX"},
		{4, NULL},	    {8, "R8"},
		{15, "R15"},	    {16, NULL},
		{64, "ATTRIBUTES"}, {72, "IA32_ARCH_CAPABILITIES_CONFIG"},
		{95, "PAGE"},	    {96, "TDMR_INFO_PA"},
		{128, "TDR"},	    {131, NULL},
		{146, "SEPT_TREE"}, {169, "TD_EPOCH"},
		{172, "OP_STATE"},  {175, NULL},
		{187, "KET"},	    {188, "WBCACHE"},
		{189, NULL},	    {65536, NULL},
		{0xFFFFFFFF, NULL},
	};
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		if (rows[i].name)
			ck_assert_str_eq(tdxc_operand_name(rows[i].id),
					 rows[i].name);
		else
			ck_assert_ptr_null(tdxc_operand_name(rows[i].id));
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("status");
	TCase *table = tcase_create("table");
	TCase *bits = tcase_create("bits");
	TCase *details = tcase_create("details");
	SRunner *runner;
	int failed;

	tcase_add_test(table,
		       every_code_of_the_reference_pages_is_known_by_its_name);
	tcase_add_test(table, remedies_are_those_of_the_reference_page);
	tcase_add_test(table, the_table_is_strictly_ascending);
	tcase_add_test(table, every_entry_is_listed_readable_and_of_one_mind);
	tcase_add_test(table, both_published_values_of_a_dead_td_have_one_name);
	tcase_add_loop_test(bits, success_information_and_error_are_told_apart,
			    0, COUNT(kinds));
	tcase_add_test(bits, synthetic_codes_are_told_apart_by_their_details);
	tcase_add_loop_test(bits, an_unknown_code_is_described_by_its_bits, 0,
			    COUNT(unknown));
	tcase_add_test(bits, class_and_code_are_cut_out_of_the_word);
	tcase_add_test(details, details_are_read_as_the_code_says);
	tcase_add_test(details,
		       codes_met_in_the_field_have_the_hint_that_solved_them);
	tcase_add_test(details,
		       operand_ids_have_the_names_of_the_reference_page);
	suite_add_tcase(suite, table);
	suite_add_tcase(suite, bits);
	suite_add_tcase(suite, details);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
