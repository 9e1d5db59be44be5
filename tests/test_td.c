/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * A TD's life on the software TDX platform: built, measured, run, and taken
 * down from every step, with static and with Dynamic PAMT.
 */
#include <tdxcore/err.h>
#include <tdxcore/status.h>
#include <tdxcore/td.h>
#include <tdxcore/version.h>

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "sha384.h"
#include "td/td_rig.h"

#define COUNT(a)	     (sizeof(a) / sizeof((a)[0]))
#define VCPUS		     TD_RIG_VCPUS
#define PAGE		     TD_RIG_PAGE

#define ID_MRTD		     0x1310000300000000ull
#define BUSY_RCX	     0x8000020000000001ull
#define NO_HKID_READY	     0x0000082100000000ull
#define INTERRUPTED	     0x8000000300000000ull
#define FLUSHVP_NOT_DONE     0x8000082400000000ull
#define WBCACHE_NOT_COMPLETE 0x8000081700000000ull
#define WBCACHE_RESUME_ERROR 0xC000082300000000ull
#define VCPU_NOT_ASSOCIATED  0x8000070200000000ull
#define METADATA_RCX	     0xC000030000000001ull

static struct td_rig *rig;

static const struct td_rig_shape shapes[] = {
	{.dynamic_pamt = false},
	{.dynamic_pamt = true},
};

static void up_as(const struct td_rig_shape *shape)
{
	rig = malloc(sizeof(*rig));
	ck_assert_ptr_nonnull(rig);
	td_rig_up(rig, shape);
}

static void down(void)
{
	td_rig_down(rig);
	free(rig);
}

static void expect_good(void)
{
	const char *wrong = td_rig_check(rig);

	ck_assert_msg(wrong == NULL, "%s", wrong ? wrong : "");
}

/* Nothing of a TD is left: no page, no KeyID, nothing lost. */
static void expect_nothing_left(void)
{
	expect_good();
	ck_assert_uint_eq(rig->td.step, TDXC_TD_GONE);
	ck_assert_uint_eq(rig->allocated, 0);
	ck_assert_uint_eq(rig->host.quarantine.count, 0);
	ck_assert_uint_eq(tdxc_sim_host_kept(&rig->host, rig->owner), 0);
	ck_assert_uint_eq(tdxc_sim_host_count(&rig->host, TDXC_SIM_PAGE_LENT),
			  0);
	ck_assert_uint_eq(tdxc_keyids_in_use(&rig->host.keyids), 0);
	ck_assert_uint_eq(tdxc_keyids_quarantined(&rig->host.keyids), 0);
	ck_assert_uint_eq(rig->host.bringup.module.builds, 0);
}

static void expect_ok(int err)
{
	ck_assert_msg(err == TDXC_OK, "%s: %s %s %#llx", tdxc_err_name(err),
		      tdxc_td_step_name(rig->td.step),
		      tdxc_leaf_name(rig->diag.rax),
		      (unsigned long long)rig->diag.status);
}

/* --- life ----------------------------------------------------------------- */

static void hash_of_image(unsigned char out[48])
{
	uint64_t state[TDXC_SIM_SHA384_STATE / 8];
	unsigned char block[128];
	unsigned char page[PAGE];

	tdxc_sim_sha384_init(state);
	for (uint64_t i = 0; i < TD_RIG_IMAGE; i++) {
		uint64_t gpa = (TD_RIG_GFN + i) * PAGE;

		memset(block, 0, sizeof(block));
		memcpy(block, "MEM.PAGE.ADD", 12);
		memcpy(block + 16, &gpa, sizeof(gpa));
		tdxc_sim_sha384_update(state, block, sizeof(block));
	}
	for (uint64_t at = 0; at < TD_RIG_IMAGE * PAGE; at += 256) {
		uint64_t gpa = TD_RIG_GFN * PAGE + at;

		(void)tdxc_sim_machine_load(&rig->host.machine, rig->cpu,
					    rig->source[at / PAGE], page,
					    sizeof(page));
		memset(block, 0, sizeof(block));
		memcpy(block, "MR.EXTEND", 9);
		memcpy(block + 16, &gpa, sizeof(gpa));
		tdxc_sim_sha384_update(state, block, sizeof(block));
		tdxc_sim_sha384_update(state, page + at % PAGE, 256);
	}
	tdxc_sim_sha384_final(state, out);
}

static void read_mrtd(unsigned char out[48])
{
	for (uint64_t i = 0; i < 6; i++) {
		struct tdxc_seamcall_regs regs = {.rcx = rig->td.tdr,
						  .rdx = ID_MRTD + i};
		uint64_t status = rig->host.seamcall.ops->call(
			rig->host.seamcall.ctx, TDXC_MNG_RD, &regs,
			TDXC_SEAMCALL_RET);

		ck_assert_uint_eq(status, 0);
		memcpy(out + 8 * i, &regs.r8, 8);
	}
}

START_TEST(whole_life_leaves_nothing_and_measures_the_image)
{
	unsigned char mrtd[48];
	unsigned char hash[48];

	up_as(&shapes[_i]);
	for (int life = 0; life < 3; life++) {
		td_rig_new(rig, VCPUS);
		expect_ok(td_rig_build(rig));
		ck_assert_uint_eq(rig->td.step, TDXC_TD_RUN);
		ck_assert_uint_eq(rig->sept.stage, TDXC_SEPT_RUN);
		ck_assert_uint_eq(rig->host.bringup.module.builds, 0);
		ck_assert_uint_eq(tdxc_keyids_in_use(&rig->host.keyids), 1);
		hash_of_image(hash);
		read_mrtd(mrtd);
		ck_assert_mem_eq(mrtd, hash, sizeof(hash));
		for (uint64_t i = 0; i < 5; i++)
			expect_ok(td_rig_map(rig, 0x80000 + i));
		expect_good();
		expect_ok(td_rig_teardown(rig, 0));
		expect_nothing_left();
	}
	down();
}
END_TEST

START_TEST(whole_life_with_caches_leaves_no_line_and_no_poison)
{
	static const struct td_rig_shape lines = {
		.dynamic_pamt = true, .lines = true, .erratum = true};
	struct tdxc_sim_event event;

	up_as(&lines);
	td_rig_new(rig, 2);
	expect_ok(td_rig_build(rig));
	expect_ok(td_rig_map(rig, 0x80000));
	expect_ok(td_rig_teardown(rig, 0));
	ck_assert_uint_ne(rig->rewrites, 0);
	expect_nothing_left();
	ck_assert(!tdxc_sim_machine_event(&rig->host.machine, &event));
	down();
}
END_TEST

/* What a table of life and death says. */
struct from {
	enum tdxc_td_step step;
	uint32_t vcpus; /* made before the end begins, at BUILD */
	uint32_t image; /* and frames */
	enum tdxc_td_step to;
};

static const struct from froms[] = {
	{TDXC_TD_CREATE, 0, 0, TDXC_TD_GONE},
	{TDXC_TD_KEYS, 0, 0, TDXC_TD_CLOSE},
	{TDXC_TD_SETUP, 0, 0, TDXC_TD_CLOSE},
	{TDXC_TD_BUILD, 0, 0, TDXC_TD_CLOSE},
	{TDXC_TD_BUILD, 1, 0, TDXC_TD_VCPUS},
	{TDXC_TD_BUILD, 3, 1, TDXC_TD_VCPUS},
	{TDXC_TD_BUILD, 3, 3, TDXC_TD_VCPUS},
	{TDXC_TD_RUN, 3, 3, TDXC_TD_VCPUS},
};

static void build_from(const struct from *from)
{
	td_rig_new(rig, VCPUS);
	if (from->step < TDXC_TD_BUILD) {
		expect_ok(td_rig_build_to(rig, from->step));
		return;
	}
	expect_ok(td_rig_build_to(rig, TDXC_TD_BUILD));
	while (rig->td.nr_vcpus < from->vcpus)
		expect_ok(td_rig_build_step(rig));
	while (rig->nr_image < from->image)
		expect_ok(td_rig_add_image(rig));
	if (from->step == TDXC_TD_RUN)
		expect_ok(td_rig_build(rig));
}

START_TEST(end_works_from_every_step)
{
	up_as(&shapes[_i]);
	for (size_t i = 0; i < COUNT(froms); i++) {
		build_from(&froms[i]);
		ck_assert_uint_eq(rig->td.step, froms[i].step);
		expect_ok(tdxc_td_end(&rig->td));
		ck_assert_uint_eq(rig->td.step, froms[i].to);
		expect_ok(tdxc_td_end(&rig->td));
		ck_assert_uint_eq(rig->td.step, froms[i].to);
		expect_ok(td_rig_teardown(rig, 0));
		expect_nothing_left();
	}
	down();
}
END_TEST

/* A TD that some exit has killed is torn down like any other. */
START_TEST(end_works_from_every_step_of_a_dead_td)
{
	up_as(&shapes[0]);
	for (size_t i = 1; i < COUNT(froms); i++) {
		build_from(&froms[i]);
		rig->td.fatal = 0xE000060400000000ull;
		expect_ok(td_rig_teardown(rig, 0));
		expect_nothing_left();
	}
	down();
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("td");
	TCase *life = tcase_create("life");

	tcase_add_loop_test(life,
			    whole_life_leaves_nothing_and_measures_the_image, 0,
			    COUNT(shapes));
	tcase_add_test(life,
		       whole_life_with_caches_leaves_no_line_and_no_poison);
	tcase_add_loop_test(life, end_works_from_every_step, 0, COUNT(shapes));
	tcase_add_test(life, end_works_from_every_step_of_a_dead_td);
	suite_add_tcase(s, life);
	return s;
}

int main(void)
{
	SRunner *runner = srunner_create(suite());
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
