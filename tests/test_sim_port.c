/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* The core's ops on the simulated machine. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "image.h"
#include "module_ops.h"
#include "port.h"
#include "sim/sim_fixture.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define RDMD	 TDXC_PHYMEM_PAGE_RDMD
#define RD	 TDXC_SYS_RD
#define MAJOR	 0x0800000100000004ull

static struct sim_fixture f;
static struct tdxc_sim_fault fault;
static struct tdxc_sim_port port;

static const struct sim_shape shape = {
	.nr_lps = 4,
	.nr_packages = 2,
	.nr_tdmrs = 1,
	.gib = 1,
};

static void up(void)
{
	ck_assert_uint_eq(sim_up(&f, &shape), 0);
	memset(&port, 0, sizeof(port));
	port.machine = &f.machine;
	tdxc_sim_port_enter(0);
}

static void down(void)
{
	if (fault.machine)
		tdxc_sim_fault_detach(&fault);
	sim_down(&f);
}

static uint64_t call(uint64_t rax, struct tdxc_seamcall_regs *regs,
		     enum tdxc_seamcall_shape s)
{
	return tdxc_sim_port_seamcall_ops.call(&port, rax, regs, s);
}

static const struct tdxc_seamcall_regs marked = {1, MAJOR, 3, 4, 5, 6};

static bool is_marked(const struct tdxc_seamcall_regs *regs)
{
	return memcmp(regs, &marked, sizeof(marked)) == 0;
}

START_TEST(six_registers_come_back_when_asked_for_also_with_errors)
{
	struct tdxc_seamcall_regs in = marked;
	struct tdxc_seamcall_regs ret = marked;

	ck_assert_uint_eq(call(RD, &in, TDXC_SEAMCALL_IN), 0);
	ck_assert(is_marked(&in));
	ck_assert_uint_eq(call(RD, &ret, TDXC_SEAMCALL_RET), 0);
	ck_assert_uint_eq(ret.r8, 1);
	ck_assert_uint_eq(ret.rdx, 0x0800000100000005ull);
	ck_assert_uint_eq(ret.r11, 6);
	ret.rdx = 0x7777;
	ck_assert_uint_eq(call(RD, &ret, TDXC_SEAMCALL_RET) >> 32, 0xC0000C00);
	ck_assert_uint_eq(ret.rdx, UINT64_MAX);
	ck_assert_uint_eq(ret.r8, 0);
}
END_TEST

struct broken {
	bool seamrr_off;
	bool vmx_off;
	bool module_absent;
	bool seamldr_absent;
	uint64_t rax;
	uint64_t status;
	int err;
};

static const struct broken broken[] = {
	{true, false, false, false, RD, TDXC_STATUS_GP, TDXC_E_OPNOTSUPP},
	{false, true, false, false, RD, TDXC_STATUS_UD, TDXC_E_ACCES},
	{true, true, true, false, RD, TDXC_STATUS_UD, TDXC_E_ACCES},
	{false, false, true, false, RD, TDXC_STATUS_VMFAILINVALID,
	 TDXC_E_NODEV},
	{false, false, false, true, TDXC_SEAMLDR_INFO,
	 TDXC_STATUS_VMFAILINVALID, TDXC_E_NODEV},
	{false, false, false, true, RD, 0, TDXC_OK},
};

START_TEST(an_instruction_that_fails_has_no_outputs)
{
	const struct tdxc_seamcall_limits limits = tdxc_seamcall_limits_usual();
	const struct tdxc_seamcall_port p = tdxc_sim_port_seamcall(&port);
	const struct broken *b = &broken[_i];
	struct tdxc_seamcall_regs regs = marked;
	struct tdxc_seamcall_diag diag;

	port.seamrr_off = b->seamrr_off;
	port.vmx_off[0] = b->vmx_off;
	port.module_absent = b->module_absent;
	port.seamldr_absent = b->seamldr_absent;
	ck_assert_int_eq(tdxc_seamcall(&p, b->rax, &regs, TDXC_SEAMCALL_RET,
				       &limits, &diag),
			 b->err);
	ck_assert_uint_eq(diag.status, b->status);
	ck_assert_uint_eq(is_marked(&regs), b->status != 0);
	ck_assert_uint_eq(port.failed, b->status != 0);
	ck_assert_uint_eq(tdxc_sim_port_calls(&port, b->rax), 1);
}
END_TEST

START_TEST(only_the_processor_without_vmx_traps)
{
	struct tdxc_seamcall_regs regs = marked;

	port.vmx_off[3] = true;
	ck_assert_uint_eq(call(RD, &regs, TDXC_SEAMCALL_IN), 0);
	tdxc_sim_port_enter(3);
	ck_assert_uint_eq(tdxc_sim_port_lp(), 3);
	ck_assert_uint_eq(call(RD, &regs, TDXC_SEAMCALL_IN), TDXC_STATUS_UD);
}
END_TEST

/* KEY.CONFIG answers by package: LP 3 is in the other one. */
START_TEST(a_call_is_made_by_the_processor_the_thread_stands_for)
{
	uint64_t tdr = sim_page(&f, 4096);
	struct tdxc_seamcall_regs create = {.rcx = tdr, .rdx = 32};
	struct tdxc_seamcall_regs key = {.rcx = tdr};

	ck_assert_uint_eq(call(TDXC_MNG_CREATE, &create, TDXC_SEAMCALL_IN), 0);
	ck_assert_uint_eq(call(TDXC_MNG_KEY_CONFIG, &key, TDXC_SEAMCALL_IN), 0);
	ck_assert_uint_eq(call(TDXC_MNG_KEY_CONFIG, &key, TDXC_SEAMCALL_IN),
			  0x0000081500000000ull);
	ck_assert_uint_eq(port.incoherent[0], 1);
	ck_assert_uint_eq(port.incoherent[3], 0);
	tdxc_sim_port_enter(3);
	ck_assert_uint_eq(call(TDXC_MNG_KEY_CONFIG, &key, TDXC_SEAMCALL_IN), 0);
	ck_assert_uint_eq(port.incoherent[3], 1);
}
END_TEST

/* --- a guest ------------------------------------------------------------- */

static struct sim_td td;

static void build_td(void)
{
	ck_assert_uint_eq(sim_td_build(&f, &td, 32, 1), 0);
	ck_assert_uint_eq(sim_td_finalize(&f, &td), 0);
}

/* A guest whose only act is a VMCALL with numbers in every register. */
static void vmcall_guest(void *ctx, struct tdxc_sim_machine *machine,
			 uint32_t lp, struct tdxc_sim_regs *regs)
{
	uint64_t *entries = ctx;

	(*entries)++;
	for (uint64_t i = 0; i < 16; i++)
		regs->gpr[i] = 0x100 + i;
	regs->gpr[TDXC_SIM_RAX] = 0;
	regs->gpr[TDXC_SIM_RCX] = 0xFFCC; /* all but RBP */
	ck_assert_int_eq(tdxc_sim_machine_tdcall(machine, lp, regs),
			 TDXC_SIM_EXITED);
}

START_TEST(vp_enter_returns_when_the_guest_has_left_with_all_its_registers)
{
	struct tdxc_seamcall_full full = {0};
	uint64_t entries = 0;

	build_td();
	port.guest = vmcall_guest;
	port.guest_ctx = &entries;
	full.common.rcx = td.tdvpr[0];
	ck_assert_uint_eq(call(TDXC_VP_ENTER, &full.common, TDXC_SEAMCALL_FULL),
			  77);
	ck_assert_uint_eq(entries, 1);
	ck_assert_uint_eq(full.rbx, 0x103);
	ck_assert_uint_eq(full.rsi, 0x106);
	ck_assert_uint_eq(full.rdi, 0x107);
	ck_assert_uint_eq(full.common.r8, 0x108);
	ck_assert_uint_eq(full.r12, 0x10C);
	ck_assert_uint_eq(full.r15, 0x10F);
}
END_TEST

START_TEST(without_a_guest_an_interrupt_ends_vp_enter_at_once)
{
	struct tdxc_seamcall_full full = {0};

	build_td();
	full.common.rcx = td.tdvpr[0];
	ck_assert_uint_eq(
		call(TDXC_VP_ENTER, &full.common, TDXC_SEAMCALL_FULL) &
			UINT32_MAX,
		1);
	ck_assert_uint_eq(f.machine.module.lps[0].in_guest, 0);
}
END_TEST

/* --- counting, faults, journal, cost ------------------------------------- */

START_TEST(calls_are_counted_by_leaf_whatever_their_version)
{
	struct tdxc_seamcall_regs regs = {0};

	(void)call(RDMD, &regs, TDXC_SEAMCALL_IN);
	(void)call(TDXC_LEAF_V(RDMD, 1), &regs, TDXC_SEAMCALL_IN);
	(void)call(500, &regs, TDXC_SEAMCALL_IN);
	(void)call(TDXC_SEAMLDR | 99, &regs, TDXC_SEAMCALL_IN);
	ck_assert_uint_eq(tdxc_sim_port_calls(&port, RDMD), 2);
	ck_assert_uint_eq(tdxc_sim_port_calls(&port, 600), 1);
	ck_assert_uint_eq(tdxc_sim_port_calls(&port, TDXC_SEAMLDR_INFO), 0);
	ck_assert_uint_eq(tdxc_sim_port_calls(&port, TDXC_SEAMLDR | 7), 1);
	ck_assert_uint_eq(tdxc_sim_port_all_calls(&port), 4);
}
END_TEST

START_TEST(faults_reach_the_call_and_a_busy_module_is_asked_again)
{
	struct tdxc_sim_fault_rule rules[] = {
		{.leaf = RDMD,
		 .action = TDXC_SIM_FAULT_STATUS,
		 .per_million = 1000000,
		 .most = 2,
		 .value = 0x8000020000000001ull},
		{.leaf = TDXC_SIM_FAULT_SEAMLDR,
		 .action = TDXC_SIM_FAULT_STATUS,
		 .nth = 1,
		 .value = TDXC_STATUS_VMFAILINVALID},
	};
	const struct tdxc_seamcall_limits limits = tdxc_seamcall_limits_usual();
	const struct tdxc_seamcall_port p = tdxc_sim_port_seamcall(&port);
	struct tdxc_seamcall_regs regs = {.rcx = f.base};
	struct tdxc_seamcall_diag diag;

	tdxc_sim_fault_attach(&fault, &f.machine, rules, COUNT(rules), 1);
	port.fault = &fault;
	ck_assert_int_eq(tdxc_seamcall(&p, RDMD, &regs, TDXC_SEAMCALL_RET,
				       &limits, &diag),
			 TDXC_OK);
	ck_assert_uint_eq(diag.calls, 3);
	ck_assert_uint_eq(tdxc_sim_port_calls(&port, RDMD), 3);
	regs = marked;
	ck_assert_int_eq(tdxc_seamcall(&p, TDXC_SEAMLDR_INFO, &regs,
				       TDXC_SEAMCALL_RET, &limits, &diag),
			 TDXC_E_NODEV);
	ck_assert(is_marked(&regs));
	ck_assert_uint_eq(port.failed, 1);
}
END_TEST

START_TEST(the_journal_keeps_the_order_and_stops_when_full)
{
	struct tdxc_seamcall_regs regs = {.rcx = 0x1234};
	struct tdxc_sim_port_entry journal[2];

	port.journal = journal;
	port.journal_room = COUNT(journal);
	(void)call(RDMD, &regs, TDXC_SEAMCALL_IN);
	ck_assert_uint_eq(tdxc_sim_port_journalled(&port), 1);
	tdxc_sim_port_enter(2);
	(void)call(TDXC_SYS_LP_SHUTDOWN, &regs, TDXC_SEAMCALL_IN);
	(void)call(RDMD, &regs, TDXC_SEAMCALL_IN);
	ck_assert_uint_eq(tdxc_sim_port_journalled(&port), 2);
	ck_assert_uint_eq(port.nr_journal, 3);
	ck_assert_int_eq(journal[0].act, TDXC_SIM_PORT_CALL);
	ck_assert_uint_eq(journal[0].a, RDMD);
	ck_assert_uint_eq(journal[0].b, 0x1234);
	ck_assert_uint_eq(journal[1].a, TDXC_SYS_LP_SHUTDOWN);
	ck_assert_uint_eq(journal[1].lp, 2);
}
END_TEST

static uint64_t now_ns(void)
{
	struct timespec t;

	ck_assert_int_eq(clock_gettime(CLOCK_MONOTONIC, &t), 0);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

START_TEST(a_call_lasts_at_least_its_cost_also_when_it_traps)
{
	struct tdxc_seamcall_regs regs = {0};
	uint64_t start;

	port.cost_ns = 200000;
	start = now_ns();
	for (int i = 0; i < 5; i++)
		(void)call(RDMD, &regs, TDXC_SEAMCALL_IN);
	port.seamrr_off = true;
	for (int i = 0; i < 5; i++)
		(void)call(RDMD, &regs, TDXC_SEAMCALL_IN);
	ck_assert_uint_ge(now_ns() - start, 10 * port.cost_ns);
}
END_TEST

/* --- ops of bring-up ----------------------------------------------------- */

static struct tdxc_sim_module_port ops;
static const struct tdxc_module_ops *const table = &tdxc_sim_module_ops;

static void lines_up(void)
{
	struct sim_shape with_lines = shape;

	with_lines.lines = true;
	ck_assert_uint_eq(sim_up(&f, &with_lines), 0);
	memset(&port, 0, sizeof(port));
	memset(&ops, 0, sizeof(ops));
	port.machine = &f.machine;
	ops.port = &port;
	tdxc_sim_port_enter(0);
}

static struct tdxc_plan_tdmr suggested(uint64_t base)
{
	const struct tdxc_plan_tdmr tdmr = {
		.range = {base, base + TDXC_SIZE_1G},
		.pamt = {{base, base + 0x400000},
			 {base + 0x400000, base + 0x402000},
			 {base + 0x402000, base + 0x403000}},
	};

	return tdmr;
}

START_TEST(pamts_lie_where_the_planner_wants_them_and_come_back_once)
{
	const struct tdxc_plan_tdmr one = suggested(f.base);
	const struct tdxc_plan_tdmr two = suggested(f.base + TDXC_SIZE_1G);
	struct tdxc_range pamt[2][TDXC_PAMT_LEVELS];

	ck_assert_int_eq(table->pamt_alloc(&ops, &one, pamt[0]), TDXC_OK);
	ck_assert_int_eq(table->pamt_alloc(&ops, &two, pamt[1]), TDXC_OK);
	ck_assert_mem_eq(pamt[0], one.pamt, sizeof(pamt[0]));
	ck_assert_uint_eq(ops.nr_lent, 2);
	table->pamt_free(&ops, pamt[0]);
	ck_assert_uint_eq(ops.nr_lent, 1);
	ck_assert_uint_eq(ops.bad_frees, 0);
	table->pamt_free(&ops, pamt[0]);
	ck_assert_uint_eq(ops.nr_lent, 1);
	ck_assert_uint_eq(ops.bad_frees, 1);
	pamt[1][TDXC_PAMT_1G].end += 4096;
	table->pamt_free(&ops, pamt[1]);
	ck_assert_uint_eq(ops.bad_frees, 2);
}
END_TEST

START_TEST(a_pamt_is_not_allocated_without_a_suggestion_or_room)
{
	struct tdxc_plan_tdmr tdmr = suggested(f.base);
	struct tdxc_range pamt[TDXC_PAMT_LEVELS];

	for (int i = 0; i < TDXC_MODULE_MAX_TDMRS; i++)
		ck_assert_int_eq(table->pamt_alloc(&ops, &tdmr, pamt), TDXC_OK);
	ck_assert_int_eq(table->pamt_alloc(&ops, &tdmr, pamt), TDXC_E_NOMEM);
	tdmr.pamt[TDXC_PAMT_2M].end = tdmr.pamt[TDXC_PAMT_2M].start;
	ops.nr_lent = 0;
	ck_assert_int_eq(table->pamt_alloc(&ops, &tdmr, pamt), TDXC_E_NOMEM);
	ck_assert_uint_eq(ops.nr_lent, 0);
}
END_TEST

START_TEST(a_flush_reaches_the_caches_of_every_package)
{
	const uint64_t at[2] = {0x1000000, 0x2000000};
	const char text[64] = "dirty";

	for (uint32_t i = 0; i < 2; i++)
		ck_assert_int_eq(tdxc_sim_machine_store(&f.machine, 3 * i,
							at[i], text, 64),
				 TDXC_OK);
	port.incoherent[0] = 1;
	port.incoherent[3] = 1;
	ck_assert_uint_ge(tdxc_sim_machine_dirty(&f.machine, 0), 2);
	ck_assert_int_eq(table->flush_caches(&ops), TDXC_OK);
	ck_assert_uint_eq(tdxc_sim_machine_dirty(&f.machine, 0), 0);
	ck_assert_uint_eq(port.incoherent[0] | port.incoherent[3], 0);
	ck_assert_uint_eq(ops.flushes, 1);
}
END_TEST

/* Lines that the module wrote with its key, and a torn write on top. */
START_TEST(a_rewrite_leaves_zeros_where_a_private_key_wrote)
{
	const uint64_t at = f.end; /* the PAMT */
	const struct tdxc_range range = {at, at + 0x2000};
	const char byte[8] = {1};
	struct tdxc_sim_event event;
	uint64_t word = 1;

	ck_assert_int_eq(table->flush_caches(&ops), TDXC_OK);
	ck_assert_int_eq(tdxc_sim_machine_store_nt(&f.machine, 0, at, byte, 8),
			 TDXC_OK);
	ck_assert_int_eq(tdxc_sim_machine_load(&f.machine, 0, at, &word, 8),
			 TDXC_E_IO);
	ck_assert_int_eq(table->flush_caches(&ops), TDXC_OK);
	ck_assert_int_eq(table->rewrite(&ops, range), TDXC_OK);
	ck_assert_uint_eq(ops.rewritten_bytes, 0x2000);
	while (tdxc_sim_machine_event(&f.machine, &event))
		;
	for (uint64_t pa = range.start; pa < range.end; pa += 64) {
		ck_assert_int_eq(
			tdxc_sim_machine_load(&f.machine, 0, pa, &word, 8),
			TDXC_OK);
		ck_assert_uint_eq(word, 0);
	}
	ck_assert(!tdxc_sim_machine_event(&f.machine, &event));
}
END_TEST

START_TEST(a_rewrite_beyond_memory_is_an_error_with_the_line_model)
{
	const struct tdxc_range range = {1ull << 52, (1ull << 52) + 64};

	ck_assert_int_eq(table->rewrite(&ops, range), TDXC_E_RANGE);
}
END_TEST

START_TEST(every_op_that_can_fail_does_at_the_number_asked_for)
{
	const struct tdxc_plan_tdmr tdmr = suggested(f.base);
	const struct tdxc_range range = {0x1000000, 0x1001000};
	struct tdxc_range pamt[TDXC_PAMT_LEVELS];
	int err[3];

	ops.fail_at[0] = 1 + (uint64_t)_i;
	err[0] = table->pamt_alloc(&ops, &tdmr, pamt);
	err[1] = table->flush_caches(&ops);
	err[2] = table->rewrite(&ops, range);
	for (int i = 0; i < 3; i++)
		ck_assert_uint_eq(err[i] != TDXC_OK, i == _i);
	ck_assert_uint_eq(ops.op_calls, 3);
	ck_assert_uint_eq(ops.nr_lent, _i == 0 ? 0 : 1);
}
END_TEST

START_TEST(ops_and_calls_share_one_journal)
{
	struct tdxc_sim_port_entry journal[8];
	const struct tdxc_plan_tdmr tdmr = suggested(f.base);
	struct tdxc_seamcall_regs regs = {0};
	struct tdxc_range pamt[TDXC_PAMT_LEVELS];
	static const enum tdxc_sim_port_act want[] = {
		TDXC_SIM_PORT_PAMT_ALLOC, TDXC_SIM_PORT_CALL,
		TDXC_SIM_PORT_FLUSH,	  TDXC_SIM_PORT_REWRITE,
		TDXC_SIM_PORT_PAMT_FREE,
	};

	port.journal = journal;
	port.journal_room = COUNT(journal);
	ck_assert_int_eq(table->pamt_alloc(&ops, &tdmr, pamt), TDXC_OK);
	(void)call(TDXC_SYS_LP_SHUTDOWN, &regs, TDXC_SEAMCALL_IN);
	ck_assert_int_eq(table->flush_caches(&ops), TDXC_OK);
	ck_assert_int_eq(table->rewrite(&ops, pamt[TDXC_PAMT_1G]), TDXC_OK);
	table->pamt_free(&ops, pamt);
	ck_assert_uint_eq(tdxc_sim_port_journalled(&port), COUNT(want));
	for (size_t i = 0; i < COUNT(want); i++)
		ck_assert_int_eq(journal[i].act, want[i]);
}
END_TEST

START_TEST(what_is_published_is_what_the_module_reads)
{
	const struct tdxc_sim_identity identity = {1, 5, 9, 1, 1, 0, 0};
	const size_t bytes = tdxc_sim_image_bytes(2);
	uint64_t params[16 + 2] = {1ull << 32, 0x2001000};
	struct tdxc_seamcall_regs regs = {.rcx = 0x1000000};
	char *image = malloc(bytes);

	ck_assert_ptr_nonnull(image);
	tdxc_sim_image_build(image, 2, &identity);
	ck_assert_int_eq(tdxc_sim_port_publish(&port, 0x2000000, image, bytes),
			 TDXC_OK);
	free(image);
	params[15] = 2;
	params[16] = 0x2002000;
	params[17] = 0x2003000;
	ck_assert_int_eq(
		tdxc_sim_port_publish(&port, regs.rcx, params, sizeof(params)),
		TDXC_OK);
	ck_assert_uint_eq(call(TDXC_SYS_SHUTDOWN,
			       &(struct tdxc_seamcall_regs){0},
			       TDXC_SEAMCALL_IN),
			  0);
	ck_assert_uint_eq(call(TDXC_SEAMLDR_INSTALL, &regs, TDXC_SEAMCALL_IN),
			  0);
	ck_assert_int_eq(tdxc_sim_port_publish(&port, 1ull << 52, params, 8),
			 TDXC_E_RANGE);
}
END_TEST

static Suite *sim_port_suite(void)
{
	Suite *s = suite_create("sim_port");
	TCase *tc = tcase_create("seamcall");

	suite_add_tcase(s, tc);
	tcase_add_checked_fixture(tc, up, down);
	tcase_add_test(tc,
		       six_registers_come_back_when_asked_for_also_with_errors);
	tcase_add_loop_test(tc, an_instruction_that_fails_has_no_outputs, 0,
			    COUNT(broken));
	tcase_add_test(tc, only_the_processor_without_vmx_traps);
	tcase_add_test(tc,
		       a_call_is_made_by_the_processor_the_thread_stands_for);
	tcase_add_test(
		tc,
		vp_enter_returns_when_the_guest_has_left_with_all_its_registers);
	tcase_add_test(tc, without_a_guest_an_interrupt_ends_vp_enter_at_once);
	tcase_add_test(tc, calls_are_counted_by_leaf_whatever_their_version);
	tcase_add_test(tc,
		       faults_reach_the_call_and_a_busy_module_is_asked_again);
	tcase_add_test(tc, the_journal_keeps_the_order_and_stops_when_full);
	tcase_add_test(tc, a_call_lasts_at_least_its_cost_also_when_it_traps);

	tc = tcase_create("module ops");
	suite_add_tcase(s, tc);
	tcase_add_checked_fixture(tc, lines_up, down);
	tcase_add_test(
		tc, pamts_lie_where_the_planner_wants_them_and_come_back_once);
	tcase_add_test(tc,
		       a_pamt_is_not_allocated_without_a_suggestion_or_room);
	tcase_add_test(tc, a_flush_reaches_the_caches_of_every_package);
	tcase_add_test(tc, a_rewrite_leaves_zeros_where_a_private_key_wrote);
	tcase_add_test(tc,
		       a_rewrite_beyond_memory_is_an_error_with_the_line_model);
	tcase_add_loop_test(
		tc, every_op_that_can_fail_does_at_the_number_asked_for, 0, 3);
	tcase_add_test(tc, ops_and_calls_share_one_journal);
	tcase_add_test(tc, what_is_published_is_what_the_module_reads);
	return s;
}

int main(void)
{
	SRunner *runner = srunner_create(sim_port_suite());
	int failed;

	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
