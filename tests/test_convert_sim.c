/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Conversions by a guest of the software TDX platform: its TDCALLs are the
 * module's, MapGPA leaves to a host that takes pages out of the TD and puts
 * them back, and ACCEPT finds what that host has left there.
 */
#include <tdxcore/convert.h>
#include <tdxcore/err.h>
#include <tdxcore/gate.h>
#include <tdxcore/range.h>
#include <tdxcore/version.h>

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "audit.h"
#include "guest.h"
#include "sim/sim_fixture.h"

#define GPA	     0x40000000ull
#define PAGE	     TDXC_PAGE_SIZE
#define SIZE_2M	     TDXC_SIZE_2M
#define SIZE_1G	     TDXC_SIZE_1G
#define LP	     1u
#define SHARED	     (1ull << 47)
#define EXIT_EPT     48u
#define EXIT_TDCALL  77u
#define BLOCK	     7u
#define REMOVE	     29u
#define TRACK	     38u
#define NR_REGISTERS 8u

static struct sim_fixture f;
static struct sim_td td;
static struct tdxc_converter c;
static struct tdxc_conversion r;

/* The host: at which level it maps, and how much of a MapGPA it does at once.
 */
static struct {
	uint32_t level;
	uint64_t chunk;
	bool takes; /* pages out of the TD that become shared */
	uint64_t nr_map;
	uint64_t nr_aug;
} host;

/* Where each register of the guest's TDCALL is. */
static const uint32_t number[NR_REGISTERS] = {
	TDXC_SIM_RCX, TDXC_SIM_RDX, TDXC_SIM_R8,  TDXC_SIM_R9,
	TDXC_SIM_R10, TDXC_SIM_R11, TDXC_SIM_R12, TDXC_SIM_R13,
};

static uint64_t *field(struct tdxc_tdcall_regs *regs, uint32_t i)
{
	uint64_t *const at[NR_REGISTERS] = {
		&regs->rcx, &regs->rdx, &regs->r8,  &regs->r9,
		&regs->r10, &regs->r11, &regs->r12, &regs->r13,
	};

	return at[i];
}

static void enter(struct tdxc_sim_regs *regs)
{
	regs->gpr[TDXC_SIM_RAX] = 0;
	regs->gpr[TDXC_SIM_RCX] = td.tdvpr[0];
	ck_assert_int_eq(tdxc_sim_machine_seamcall(&f.machine, LP, regs),
			 TDXC_SIM_ENTERED);
}

static void leave(void)
{
	struct tdxc_sim_regs regs;

	tdxc_sim_machine_interrupt_exit(&f.machine, LP, &regs);
}

/* ---- the host ---- */

static uint64_t level_bytes(void)
{
	return PAGE << (9 * host.level);
}

static void take_page(uint64_t gpa)
{
	uint64_t rcx = gpa | host.level;

	ck_assert_uint_eq(SIM_CALL(&f, LP, BLOCK, rcx, td.tdr), 0);
	ck_assert_uint_eq(SIM_CALL(&f, LP, TRACK, td.tdr), 0);
	ck_assert_uint_eq(SIM_CALL(&f, LP, REMOVE, rcx, td.tdr), 0);
}

static void map_gpa(struct tdxc_sim_regs *regs)
{
	uint64_t gpa = regs->gpr[TDXC_SIM_R12] & ~SHARED;
	uint64_t bit = regs->gpr[TDXC_SIM_R12] & SHARED;
	uint64_t bytes = regs->gpr[TDXC_SIM_R13];

	host.nr_map++;
	regs->gpr[TDXC_SIM_R10] = TDXC_MAP_GPA_SUCCESS;
	if (host.chunk != 0 && bytes > host.chunk) {
		bytes = host.chunk;
		regs->gpr[TDXC_SIM_R10] = TDXC_MAP_GPA_RETRY;
	}
	regs->gpr[TDXC_SIM_R11] = (gpa + bytes) | bit;
	if (!host.takes || bit == 0)
		return;
	for (uint64_t i = 0; i < bytes; i += level_bytes())
		take_page(gpa + i);
}

static void violation(const struct tdxc_sim_regs *regs)
{
	uint64_t gpa = regs->gpr[TDXC_SIM_R8] & ~(level_bytes() - 1);
	uint64_t pa;

	ck_assert_uint_eq(gpa & SHARED, 0);
	ck_assert_uint_eq(sim_td_aug(&f, &td, gpa, host.level, &pa), 0);
	host.nr_aug++;
}

/* ---- the guest's port ---- */

/* An EPT violation repeats the instruction; a VMCALL ends with the entry. */
static uint64_t tdcall(void *ctx, uint64_t rax, struct tdxc_tdcall_regs *regs)
{
	struct tdxc_sim_regs g;
	uint32_t i;
	bool again;

	(void)ctx;
	do {
		memset(&g, 0, sizeof(g));
		g.gpr[TDXC_SIM_RAX] = rax;
		for (i = 0; i < NR_REGISTERS; i++)
			g.gpr[number[i]] = *field(regs, i);
		if (tdxc_sim_machine_tdcall(&f.machine, LP, &g) ==
		    TDXC_SIM_RETURNED)
			break;
		again = g.gpr[TDXC_SIM_RAX] == EXIT_EPT;
		if (again) {
			violation(&g);
		} else {
			ck_assert_uint_eq(g.gpr[TDXC_SIM_RAX], EXIT_TDCALL);
			map_gpa(&g);
		}
		enter(&g);
	} while (again);
	for (i = 0; i < NR_REGISTERS; i++)
		*field(regs, i) = g.gpr[number[i]];
	return g.gpr[TDXC_SIM_RAX];
}

static int zero(void *ctx, uint64_t gpa, uint64_t bytes)
{
	uint64_t *sum = ctx;

	(void)gpa;
	*sum += bytes;
	return TDXC_OK;
}

static const struct tdxc_convert_ops ops = {TDXC_ABI, tdcall, zero};
static uint64_t zeroed;

static void configure(enum tdxc_accepted accepted, enum tdxc_release release)
{
	struct tdxc_convert_config config = {
		.abi = TDXC_ABI,
		.ops = &ops,
		.ctx = &zeroed,
		.accepted = accepted,
		.release = release,
	};
	struct tdxc_tdcall_diag diag;

	zeroed = 0;
	ck_assert_int_eq(tdxc_convert_gpaw(&ops, &zeroed, &config.gpaw, &diag),
			 TDXC_OK);
	ck_assert_uint_eq(config.gpaw, 48);
	ck_assert_int_eq(tdxc_convert_init(&c, &config), TDXC_OK);
}

/* A TD with a vCPU in the guest, no memory yet. */
static void up(uint32_t level)
{
	const struct sim_shape shape = {
		.nr_lps = 2, .nr_packages = 1, .nr_tdmrs = 2, .gib = 2};
	struct tdxc_sim_regs regs = {0};

	ck_assert_uint_eq(sim_up(&f, &shape), 0);
	ck_assert_uint_eq(sim_td_build(&f, &td, 40, 1), 0);
	ck_assert_uint_eq(sim_td_finalize(&f, &td), 0);
	memset(&host, 0, sizeof(host));
	host.level = level;
	host.takes = true;
	enter(&regs);
	configure(TDXC_ACCEPTED_ERROR, TDXC_RELEASE_NEVER);
}

static void down(void)
{
	struct tdxc_sim_violation v;

	leave();
	ck_assert_msg(tdxc_sim_audit(&f.machine, &v) == 0, "%s", v.text);
	ck_assert_uint_eq(sim_td_destroy(&f, &td), 0);
	sim_down(&f);
}

/* All of it is accepted: each page says so, and none is pending. */
static void expect_accepted(uint64_t gpa, uint64_t bytes)
{
	configure(TDXC_ACCEPTED_COUNT, TDXC_RELEASE_NEVER);
	ck_assert_int_eq(tdxc_convert_accept(&c, gpa, bytes, &r), TDXC_OK);
	ck_assert_uint_eq(r.already, bytes);
	configure(TDXC_ACCEPTED_ERROR, TDXC_RELEASE_NEVER);
}

/* ---- tests ---- */

START_TEST(memory_goes_to_the_host_and_comes_back)
{
	up((uint32_t)_i);
	ck_assert_int_eq(tdxc_convert_accept(&c, GPA, 2 * SIZE_2M, &r),
			 TDXC_OK);
	ck_assert_uint_eq(r.pages[1], _i == 1 ? 2 : 0);
	ck_assert_uint_eq(r.pages[0], _i == 1 ? 0 : 1024);
	expect_accepted(GPA, 2 * SIZE_2M);
	for (int round = 0; round < 3; round++) {
		ck_assert_int_eq(tdxc_convert_share(&c, GPA, 2 * SIZE_2M, &r),
				 TDXC_OK);
		host.nr_aug = 0;
		ck_assert_int_eq(tdxc_convert_unshare(&c, GPA, 2 * SIZE_2M, &r),
				 TDXC_OK);
		ck_assert_uint_eq(host.nr_aug, _i == 1 ? 2 : 1024);
		ck_assert_uint_eq(r.fallbacks, _i == 1 ? 0 : 2);
		expect_accepted(GPA, 2 * SIZE_2M);
	}
	ck_assert_uint_eq(host.nr_map, 6);
	down();
}
END_TEST

START_TEST(u43_a_host_that_works_in_parts_leaves_no_page_pending)
{
	up(0);
	host.chunk = 3 * PAGE;
	ck_assert_int_eq(tdxc_convert_accept(&c, GPA, 32 * PAGE, &r), TDXC_OK);
	ck_assert_int_eq(tdxc_convert_share(&c, GPA, 32 * PAGE, &r), TDXC_OK);
	ck_assert_uint_eq(r.retries, 10);
	ck_assert_int_eq(tdxc_convert_unshare(&c, GPA, 32 * PAGE, &r), TDXC_OK);
	ck_assert_uint_eq(r.retries, 10);
	expect_accepted(GPA, 32 * PAGE);
	down();
}
END_TEST

START_TEST(u44_the_module_refuses_1g_once)
{
	up(1);
	ck_assert_int_eq(tdxc_convert_accept(&c, GPA, SIZE_1G, &r), TDXC_OK);
	ck_assert_uint_eq(r.fallbacks, 1);
	ck_assert_uint_eq(r.pages[1], 512);
	ck_assert_int_eq(tdxc_convert_accept(&c, GPA + SIZE_1G, SIZE_2M, &r),
			 TDXC_OK);
	ck_assert_uint_eq(r.fallbacks, 0);
	down();
}
END_TEST

/* A host that does not unmap what becomes shared. */
START_TEST(u46_memory_the_host_never_took_was_accepted_already)
{
	up((uint32_t)_i);
	host.takes = false;
	ck_assert_int_eq(tdxc_convert_accept(&c, GPA, SIZE_2M, &r), TDXC_OK);
	ck_assert_int_eq(tdxc_convert_share(&c, GPA, SIZE_2M, &r), TDXC_OK);
	ck_assert_int_eq(tdxc_convert_unshare(&c, GPA, SIZE_2M, &r),
			 TDXC_E_EXIST);
	ck_assert_int_eq(r.failure.reason, TDXC_CONVERT_ALREADY);
	ck_assert_uint_eq(r.failure.diag.status,
			  0x00000B0A00000000 + (uint64_t)_i);
	ck_assert_uint_eq(r.gap_end - r.gap_start, SIZE_2M);

	configure(TDXC_ACCEPTED_ZERO, TDXC_RELEASE_NEVER);
	ck_assert_int_eq(tdxc_convert_unshare(&c, GPA, SIZE_2M, &r), TDXC_OK);
	ck_assert_uint_eq(r.already, SIZE_2M);
	ck_assert_uint_eq(zeroed, SIZE_2M);
	down();
}
END_TEST

START_TEST(u51_this_module_releases_no_pages)
{
	up(0);
	ck_assert_int_eq(tdxc_convert_accept(&c, GPA, 4 * PAGE, &r), TDXC_OK);
	configure(TDXC_ACCEPTED_ERROR, TDXC_RELEASE_ALWAYS);
	ck_assert_int_eq(tdxc_convert_share(&c, GPA, 4 * PAGE, &r),
			 TDXC_E_OPNOTSUPP);
	ck_assert_uint_eq(host.nr_map, 0);
	configure(TDXC_ACCEPTED_ERROR, TDXC_RELEASE_IF_OFFERED);
	ck_assert_int_eq(tdxc_convert_share(&c, GPA, 4 * PAGE, &r), TDXC_OK);
	ck_assert_uint_eq(tdxc_load_once(&c.no_release), 1);
	down();
}
END_TEST

/* The hand-over: no more conversions, then everything is private again. */
START_TEST(s004_1_all_memory_is_private_again_before_the_hand_over)
{
	struct tdxc_gate gate = {0};

	up(0);
	ck_assert_int_eq(tdxc_convert_accept(&c, GPA, SIZE_2M, &r), TDXC_OK);
	ck_assert_int_eq(tdxc_gate_begin(&gate), TDXC_OK);
	ck_assert_int_eq(tdxc_convert_share(&c, GPA + 8 * PAGE, 5 * PAGE, &r),
			 TDXC_OK);
	ck_assert_int_eq(tdxc_gate_end(&gate), TDXC_OK);

	ck_assert_uint_eq(tdxc_gate_close_now(&gate), 0);
	ck_assert_int_eq(tdxc_gate_begin(&gate), TDXC_E_CANCELED);
	ck_assert_int_eq(tdxc_convert_unshare(&c, GPA + 8 * PAGE, 5 * PAGE, &r),
			 TDXC_OK);
	expect_accepted(GPA, SIZE_2M);
	down();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("convert_sim");
	TCase *tcase = tcase_create("TD");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 300);
	tcase_add_loop_test(tcase, memory_goes_to_the_host_and_comes_back, 0,
			    2);
	tcase_add_test(tcase,
		       u43_a_host_that_works_in_parts_leaves_no_page_pending);
	tcase_add_test(tcase, u44_the_module_refuses_1g_once);
	tcase_add_loop_test(tcase,
			    u46_memory_the_host_never_took_was_accepted_already,
			    0, 2);
	tcase_add_test(tcase, u51_this_module_releases_no_pages);
	tcase_add_test(tcase,
		       s004_1_all_memory_is_private_again_before_the_hand_over);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
