/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * The conversions of the UEFI driver, on the same tests that run in firmware.
 * Page tables are unwritable here but for what the driver opens: a store at
 * another time ends the test.
 */
#include <tdxcore/range.h>

#include <check.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "Defects.h"

#define BYTES (TDXC_DEFECT_PAGES * TDXC_PAGE_SIZE)

static void *memory;
static uint64_t flushes;
static bool is_open;

static uint64_t open_tables(void *ctx)
{
	(void)ctx;
	ck_assert(!is_open);
	is_open = true;
	ck_assert_int_eq(mprotect(memory, BYTES, PROT_READ | PROT_WRITE), 0);
	return 0xC0;
}

static void close_tables(void *ctx, uint64_t said)
{
	(void)ctx;
	ck_assert(is_open);
	ck_assert_uint_eq(said, 0xC0);
	is_open = false;
	ck_assert_int_eq(mprotect(memory, BYTES, PROT_READ), 0);
}

static void flush(void *ctx)
{
	(void)ctx;
	flushes++;
}

static const struct tdxc_tables_ops ops = {open_tables, close_tables, flush};

START_TEST(what_firmware_does_wrong)
{
	struct tdxc_defect_rig rig = {0};
	const char *why;

	memory = aligned_alloc(TDXC_PAGE_SIZE, BYTES);
	ck_assert_ptr_nonnull(memory);
	ck_assert_int_eq(mprotect(memory, BYTES, PROT_READ), 0);
	is_open = false;
	rig.memory = memory;
	rig.ops = &ops;
	rig.flushes = &flushes;
	rig.guest = malloc(sizeof(*rig.guest));
	ck_assert_ptr_nonnull(rig.guest);
	why = tdxc_defect_run(&rig, (uint32_t)_i);
	ck_assert_msg(why == NULL, "%s: %s", tdxc_defect_name((uint32_t)_i),
		      why);
	ck_assert(!is_open);
	free(rig.guest);
	ck_assert_int_eq(mprotect(memory, BYTES, PROT_READ | PROT_WRITE), 0);
	free(memory);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("uefi_convert");
	TCase *tcase = tcase_create("defects");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tcase, what_firmware_does_wrong, 0,
			    (int)tdxc_defect_count());
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
