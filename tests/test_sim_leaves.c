/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * What neither traces nor vectors reach: all fields of a TD, what may be
 * written, the end of the module, and platforms without entropy.
 */
#include <check.h>
#include <stdlib.h>

#include "audit.h"
#include "fault.h"
#include "sim/sim_fixture.h"

#define FIRST	     0x8010000000000001ull
#define NOT_WRITABLE 0xC0000C0100000000ull
#define NOT_READABLE 0xC0000C0200000000ull
#define FIELD_ID     0xC0000C0000000000ull
#define SYS_BUSY     0x8000020200000000ull
#define RESUMABLE    0x8000000300000000ull
#define NO_ENTROPY   0x8000020300000000ull
#define BAD_RCX	     0xC000010000000001ull
#define PARAMS	     0x200000ull

static struct sim_fixture f;
static struct sim_td td;

static const struct sim_shape newer = {
	.nr_lps = 4,
	.nr_packages = 2,
	.nr_tdmrs = 1,
	.gib = 1,
	.profile = TDXC_SIM_PROFILE_NEWER,
};

static void up(void)
{
	ck_assert_uint_eq(sim_up(&f, &newer), 0);
	ck_assert_uint_eq(sim_td_build(&f, &td, 40, 1), 0);
}

static void down(void)
{
	sim_down(&f);
}

/* From the first id on, as a host would; how many could be read. */
static uint32_t walk(uint64_t leaf, uint64_t object, uint64_t *status)
{
	struct tdxc_sim_regs out;
	uint64_t id = UINT64_MAX;
	uint32_t n = 0;

	*status = sim_call(
		&f, 0, (const uint64_t[5]){leaf | 1 << 16, object, id}, &out);
	ck_assert_uint_eq(*status >> 32, 0x00000C0B);
	for (id = out.gpr[TDXC_SIM_RDX]; id != UINT64_MAX && n < 2000;
	     id = out.gpr[TDXC_SIM_RDX]) {
		*status = sim_call(
			&f, 0, (const uint64_t[5]){leaf | 1 << 16, object, id},
			&out);
		if (*status == 0)
			n++;
	}
	return n;
}

START_TEST(all_fields_of_a_td_can_be_walked)
{
	uint64_t status;

	/* 113 on a real module, of which the ABI names these */
	ck_assert_uint_eq(walk(11, td.tdr, &status), 65);
	ck_assert_uint_eq(status, NOT_READABLE);
	ck_assert_uint_gt(walk(26, td.tdvpr[0], &status), 0);
}
END_TEST

START_TEST(a_debug_td_shows_more)
{
	uint64_t status;
	uint32_t n;

	/* the next TD_PARAMS: ATTRIBUTES.DEBUG */
	ck_assert(tdxc_sim_machine_write64(&f.machine, PARAMS, 1));
	ck_assert_uint_eq(sim_td_build(&f, &td, 41, 1), 0);
	n = walk(11, td.tdr, &status);
	ck_assert_uint_eq(n, 65 + 24);
}
END_TEST

/* Ids of MNG.WR, found by trying to write each field the walk names. */
START_TEST(only_two_kinds_of_fields_can_be_written)
{
	struct tdxc_sim_regs out;
	uint64_t id = FIRST;
	uint32_t written = 0;

	while (id != UINT64_MAX) {
		uint64_t status =
			SIM_CALL(&f, 0, 13, td.tdr, id, 1000000, UINT64_MAX);

		if (status == 0)
			written++;
		else
			ck_assert_uint_eq(status, NOT_WRITABLE);
		if (status == 0) {
			ck_assert_uint_eq(SIM_CALL(&f, 0, 13, td.tdr, id, 0, 0),
					  NOT_WRITABLE);
			(void)SIM_CALL(&f, 0, 13, td.tdr, id, 5, UINT64_MAX);
			(void)SIM_CALL(&f, 0, 13, td.tdr, id, 5, 1);
		}
		(void)sim_call(&f, 0,
			       (const uint64_t[5]){11 | 1 << 16, td.tdr, id},
			       &out);
		id = out.gpr[TDXC_SIM_RDX];
	}
	ck_assert_uint_ge(written, 2);
	ck_assert_uint_eq(SIM_CALL(&f, 0, 13, td.tdr, 0x123), FIELD_ID);
	ck_assert_uint_eq(SIM_CALL(&f, 0, 11, td.tdr, UINT64_MAX), FIELD_ID);
	ck_assert_uint_eq(SIM_CALL(&f, 0, 43, td.tdvpr[0], 0x123), FIELD_ID);
}
END_TEST

START_TEST(disable_waits_for_guests_and_resumes_after_interrupts)
{
	struct tdxc_sim_regs regs;
	uint32_t calls = 1;

	ck_assert_uint_eq(sim_td_finalize(&f, &td), 0);
	ck_assert_uint_eq(SIM_CALL(&f, 0, 69, 1), BAD_RCX);
	(void)sim_call(&f, 1, (const uint64_t[5]){0, td.tdvpr[0]}, &regs);
	ck_assert(f.machine.module.lps[1].in_guest);
	ck_assert_uint_eq(SIM_CALL(&f, 0, 69), SYS_BUSY);
	tdxc_sim_machine_interrupt_exit(&f.machine, 1, &regs);
	f.machine.interrupts[0] = 1;
	while (SIM_CALL(&f, 0, 69) == RESUMABLE)
		calls++;
	ck_assert_uint_eq(calls, 8); /* sub-blocks of both packages */
	ck_assert_uint_eq(f.machine.module.state, TDXC_SIM_SYSINIT_PENDING);
	ck_assert_uint_eq(SIM_CALL(&f, 0, 33), 0);
}
END_TEST

START_TEST(shutdown_refuses_while_another_call_is_inside)
{
	f.machine.module.inside = 1;
	ck_assert_uint_eq(SIM_CALL(&f, 0, 52), SYS_BUSY);
	ck_assert_uint_eq(SIM_CALL(&f, 0, 69), SYS_BUSY);
	f.machine.module.inside = 0;
	ck_assert_uint_eq(SIM_CALL(&f, 0, 52, 1), BAD_RCX);
	ck_assert_uint_eq(SIM_CALL(&f, 0, 52), 0);
	ck_assert_uint_eq(SIM_CALL(&f, 0, 24, f.base), 0xC000050600000000);
}
END_TEST

START_TEST(a_held_global_lock_is_busy_to_all_system_leaves)
{
	static const uint8_t leaves[] = {31, 33, 35, 45, 52, 69};

	f.machine.module.lock = 1;
	for (size_t i = 0; i < sizeof(leaves); i++)
		ck_assert_uint_eq(SIM_CALL(&f, 0, leaves[i]), SYS_BUSY);
	f.machine.module.lock = 0;
}
END_TEST

static uint64_t call(struct tdxc_sim_fault *fault, uint64_t leaf, uint64_t rcx,
		     uint64_t rdx)
{
	struct tdxc_sim_regs regs = {{leaf, rcx, rdx}};

	(void)tdxc_sim_fault_seamcall(fault, 0, &regs);
	return regs.gpr[TDXC_SIM_RAX];
}

START_TEST(without_entropy_each_step_can_be_repeated)
{
	struct tdxc_sim_fault_rule rules[] = {
		{.leaf = 33, .action = TDXC_SIM_FAULT_NO_ENTROPY, .nth = 1},
		{.leaf = 35, .action = TDXC_SIM_FAULT_NO_ENTROPY, .nth = 1},
		{.leaf = 1, .action = TDXC_SIM_FAULT_NO_ENTROPY, .nth = 6},
	};
	uint64_t tdr = sim_page(&f, 4096);
	struct tdxc_sim_fault fault;

	tdxc_sim_fault_attach(&fault, &f.machine, rules, 3, 1);
	ck_assert_uint_eq(SIM_CALL(&f, 0, 9, tdr, 42), 0);
	ck_assert_uint_eq(SIM_CALL(&f, 0, 8, tdr), 0);
	ck_assert_uint_eq(SIM_CALL(&f, 2, 8, tdr), 0);
	for (int i = 0; i < 5; i++)
		ck_assert_uint_eq(call(&fault, 1, sim_page(&f, 4096), tdr), 0);
	ck_assert_uint_eq(call(&fault, 1, f.next, tdr), NO_ENTROPY);
	ck_assert_uint_eq(call(&fault, 1, f.next, tdr), 0);
	tdxc_sim_fault_detach(&fault);
	ck_assert_int_eq(
		tdxc_sim_machine_reset(&f.machine, &f.machine.platform), 0);
	tdxc_sim_fault_attach(&fault, &f.machine, rules, 3, 1);
	ck_assert_uint_eq(call(&fault, 33, 0, 0), NO_ENTROPY);
	ck_assert_uint_eq(call(&fault, 33, 0, 0), 0);
	ck_assert_uint_eq(call(&fault, 35, 0, 0), NO_ENTROPY);
	ck_assert_uint_eq(call(&fault, 35, 0, 0), 0);
	tdxc_sim_fault_detach(&fault);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sim_leaves");
	TCase *tcase = tcase_create("leaves");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, up, down);
	tcase_add_test(tcase, all_fields_of_a_td_can_be_walked);
	tcase_add_test(tcase, a_debug_td_shows_more);
	tcase_add_test(tcase, only_two_kinds_of_fields_can_be_written);
	tcase_add_test(tcase,
		       disable_waits_for_guests_and_resumes_after_interrupts);
	tcase_add_test(tcase, shutdown_refuses_while_another_call_is_inside);
	tcase_add_test(tcase, a_held_global_lock_is_busy_to_all_system_leaves);
	tcase_add_test(tcase, without_entropy_each_step_can_be_repeated);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
