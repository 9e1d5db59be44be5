/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Error names and the version numbers.
 */
#include <tdxcore/err.h>
#include <tdxcore/version.h>

#include <check.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>

static const struct {
	int err;
	int number; /* What Linux calls it. */
	const char *name;
} errors[] = {
	{TDXC_OK, 0, "TDXC_OK"},
	{TDXC_E_NOENT, ENOENT, "TDXC_E_NOENT"},
	{TDXC_E_IO, EIO, "TDXC_E_IO"},
	{TDXC_E_AGAIN, EAGAIN, "TDXC_E_AGAIN"},
	{TDXC_E_NOMEM, ENOMEM, "TDXC_E_NOMEM"},
	{TDXC_E_ACCES, EACCES, "TDXC_E_ACCES"},
	{TDXC_E_BUSY, EBUSY, "TDXC_E_BUSY"},
	{TDXC_E_EXIST, EEXIST, "TDXC_E_EXIST"},
	{TDXC_E_NODEV, ENODEV, "TDXC_E_NODEV"},
	{TDXC_E_INVAL, EINVAL, "TDXC_E_INVAL"},
	{TDXC_E_NOSPC, ENOSPC, "TDXC_E_NOSPC"},
	{TDXC_E_RANGE, ERANGE, "TDXC_E_RANGE"},
	{TDXC_E_OPNOTSUPP, EOPNOTSUPP, "TDXC_E_OPNOTSUPP"},
	{TDXC_E_CANCELED, ECANCELED, "TDXC_E_CANCELED"},
};

#define NR_ERRORS (sizeof errors / sizeof errors[0])

START_TEST(every_code_is_linux_errno_and_has_its_name)
{
	ck_assert_int_eq(errors[_i].err, -errors[_i].number);
	ck_assert_str_eq(tdxc_err_name(errors[_i].err), errors[_i].name);
}
END_TEST

START_TEST(any_other_value_has_the_name_of_an_unknown_one)
{
	const int others[] = {
		1, -1, 22, -4095, INT_MAX, INT_MIN, TDXC_E_NOENT - 65536};
	size_t i;

	for (i = 0; i < sizeof others / sizeof others[0]; i++)
		ck_assert_str_eq(tdxc_err_name(others[i]), "TDXC_E_?");
}
END_TEST

START_TEST(names_are_known_for_as_many_codes_as_the_test_lists)
{
	size_t known = 0;
	int err;

	for (err = 0; err > -5000; err--)
		known += tdxc_err_name(err)[7] != '?';
	ck_assert_uint_eq(known, NR_ERRORS);
}
END_TEST

START_TEST(the_archive_reports_the_version_of_its_headers)
{
	ck_assert_uint_eq(tdxc_version() >> 16, TDXC_VERSION_MAJOR);
	ck_assert_uint_eq((tdxc_version() >> 8) & 255, TDXC_VERSION_MINOR);
	ck_assert_uint_eq(tdxc_version() & 255, TDXC_VERSION_PATCH);
	ck_assert_uint_eq(tdxc_abi(), TDXC_ABI);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("err");
	TCase *tcase = tcase_create("err");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tcase, every_code_is_linux_errno_and_has_its_name,
			    0, NR_ERRORS);
	tcase_add_test(tcase, any_other_value_has_the_name_of_an_unknown_one);
	tcase_add_test(tcase,
		       names_are_known_for_as_many_codes_as_the_test_lists);
	tcase_add_test(tcase, the_archive_reports_the_version_of_its_headers);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
