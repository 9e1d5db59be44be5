/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * VP.ENTER: who gets in, what its answers mean, and what is made of an exit.
 * Answers come from a table where the software module would not give them, and
 * from guests on it where it does.
 */
#include <tdxcore/err.h>
#include <tdxcore/status.h>
#include <tdxcore/td.h>

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "td/td_rig.h"

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))
#define ALIAS		(1ull << 35)
#define ALIAS_BYTES	(1ull << 47)
#define GFN		0x80000ull
#define GPA		(GFN * 4096)
#define BUSY(operand)	(0x8000020000000000ull | (operand))
#define VCPU_ASSOCIATED 0x8000070100000000ull
#define TD_FATAL	0xE000060400000000ull
#define CANARY		0x1122334455667788ull

static struct td_rig *rig;
static struct tdxc_seamcall_full regs;
static struct tdxc_td_exit out;

/* What VP.ENTER answers instead of the module; calls of others go through. */
static struct {
	uint64_t status;
	struct tdxc_seamcall_regs regs;
	uint32_t times;
	uint32_t given;
} canned;

static uint64_t give_canned(struct td_rig *r, bool after, uint64_t status,
			    uint64_t rax, struct tdxc_seamcall_regs *given)
{
	/* 0 would let the module answer: an exit of reason 0 */
	if (rax != TDXC_VP_ENTER)
		return after ? status : 0;
	if (canned.given >= canned.times)
		return after ? status : 0;
	if (canned.status == 0 && !after)
		return 0;
	ck_assert_uint_eq(given->rcx, canned.status == 0
					      ? given->rcx
					      : r->vcpus[0].pages[0]);
	canned.given++;
	if (!tdxc_status_is_synthetic(canned.status))
		*given = canned.regs;
	return canned.status;
}

static void answer(uint64_t status, uint32_t times)
{
	memset(&canned, 0, sizeof(canned));
	canned.status = status;
	canned.times = times;
	rig->look = give_canned;
}

static void up(void)
{
	static const struct td_rig_shape shape = {.dynamic_pamt = true};

	rig = malloc(sizeof(*rig));
	ck_assert_ptr_nonnull(rig);
	td_rig_up(rig, &shape);
	td_rig_new(rig, 2);
	ck_assert_int_eq(td_rig_build(rig), TDXC_OK);
	td_rig_on(rig, 0);
	td_rig_forget_calls(rig);
}

static void down(void)
{
	const char *wrong;

	rig->look = NULL;
	rig->host.port.guest = NULL;
	ck_assert_int_eq(td_rig_teardown(rig, 0), TDXC_OK);
	wrong = td_rig_check(rig);
	ck_assert_msg(wrong == NULL, "%s", wrong ? wrong : "");
	ck_assert_uint_eq(rig->host.quarantine.count, 0);
	ck_assert_uint_eq(tdxc_keyids_in_use(&rig->host.keyids), 0);
	td_rig_down(rig);
	free(rig);
}

static int enter(void)
{
	memset(&out, 0x5A, sizeof(out));
	return tdxc_td_enter(&rig->td, 0, 0, &regs, &out);
}

/* Outside again, so that nobody waits for it. */
static void expect_outside(void)
{
	ck_assert_uint_eq(rig->sept_vcpus[0].sequence & 1, 0);
}

/* --- answers ----------------------------------------------------------------
 */

struct answer_row {
	uint64_t status;
	uint64_t r9;
	int err;
	enum tdxc_td_exit_kind kind;
	uint32_t reason;
};

static const struct answer_row exits[] = {
	{1, 0, TDXC_OK, TDXC_EXIT_INTERRUPT, 1},
	{5, 0, TDXC_OK, TDXC_EXIT_INTERRUPT, 5},
	{6, 0, TDXC_OK, TDXC_EXIT_INTERRUPT, 6},
	{7, 0, TDXC_OK, TDXC_EXIT_OTHER, 7},
	{48, 0, TDXC_OK, TDXC_EXIT_VIOLATION, 48},
	{77, 0, TDXC_OK, TDXC_EXIT_VMCALL, 77},
	{0x8000004D, 0, TDXC_OK, TDXC_EXIT_VMCALL, 77},
	{0x0000110000000001ull, 0, TDXC_OK, TDXC_EXIT_OTHER, 1},
	{0x0000110100000012ull, 0, TDXC_OK, TDXC_EXIT_OTHER, 18},
};

static const struct answer_row refusals[] = {
	{BUSY(1), 0, TDXC_E_AGAIN, TDXC_EXIT_NONE, 0},
	{BUSY(128), 0, TDXC_E_AGAIN, TDXC_EXIT_NONE, 0},
	{BUSY(146), 0, TDXC_E_AGAIN, TDXC_EXIT_NONE, 0},
	{BUSY(169), 0, TDXC_E_AGAIN, TDXC_EXIT_NONE, 0},
	{BUSY(172), 0, TDXC_E_AGAIN, TDXC_EXIT_NONE, 0},
	{0x8000020400000000ull, 0, TDXC_E_AGAIN, TDXC_EXIT_NONE, 0},
	{0x8000000300000000ull, 0, TDXC_E_AGAIN, TDXC_EXIT_NONE, 0},
	{0x8000000400000000ull, 0, TDXC_E_AGAIN, TDXC_EXIT_NONE, 0},
	{0x8000000800000000ull, 0, TDXC_E_AGAIN, TDXC_EXIT_NONE, 0},
	{0x9000000900000000ull, 0, TDXC_E_AGAIN, TDXC_EXIT_NONE, 0},
	{0x9000020500000000ull, 0, TDXC_E_AGAIN, TDXC_EXIT_NONE, 0},
	{0xC000010000000001ull, 0, TDXC_E_IO, TDXC_EXIT_NONE, 0},
	{0xC000060700000000ull, 0, TDXC_E_IO, TDXC_EXIT_NONE, 0},
	{0xC000060800000002ull, 0, TDXC_E_IO, TDXC_EXIT_NONE, 0},
	{0xC000061000000000ull, 0, TDXC_E_IO, TDXC_EXIT_NONE, 0},
	{0xC000070000000000ull, 0, TDXC_E_IO, TDXC_EXIT_NONE, 0},
	{0xC000070600000000ull, 0, TDXC_E_IO, TDXC_EXIT_NONE, 0},
	{0xC00009200000003Bull, 0, TDXC_E_IO, TDXC_EXIT_NONE, 0},
	{0xC000090100000000ull, 0, TDXC_E_IO, TDXC_EXIT_NONE, 0},
	{0x8000081000000000ull, 0, TDXC_E_IO, TDXC_EXIT_NONE, 0},
	{TDXC_STATUS_VMFAILINVALID, 0, TDXC_E_NODEV, TDXC_EXIT_NONE, 0},
	{TDXC_STATUS_UD, 0, TDXC_E_ACCES, TDXC_EXIT_NONE, 0},
	{TDXC_STATUS_GP, 0, TDXC_E_OPNOTSUPP, TDXC_EXIT_NONE, 0},
};

static void expect_row(const struct answer_row *row)
{
	ck_assert_int_eq(enter(), row->err);
	ck_assert_int_eq(out.kind, row->kind);
	ck_assert_uint_eq(out.status, row->status);
	ck_assert_uint_eq(out.reason, row->reason);
	ck_assert_uint_eq(rig->td.fatal, 0);
	ck_assert_uint_eq(rig->vcpus[0].cpu, 1);
	expect_outside();
}

START_TEST(an_exit_is_told_by_its_reason)
{
	up();
	for (size_t i = 0; i < COUNT(exits); i++) {
		answer(exits[i].status, 1);
		expect_row(&exits[i]);
		ck_assert_uint_eq(canned.given, 1);
	}
	down();
}
END_TEST

/* Interruption information: bit 31 valid, type in 10:8, vector below. */
START_TEST(reason_0_is_an_nmi_or_an_exception)
{
	up();
	answer(0, 2);
	canned.regs.r9 = 0x80000202;
	ck_assert_int_eq(enter(), TDXC_OK);
	ck_assert_int_eq(out.kind, TDXC_EXIT_INTERRUPT);
	canned.regs.r9 = 0x80000312;
	ck_assert_int_eq(enter(), TDXC_OK);
	ck_assert_int_eq(out.kind, TDXC_EXIT_OTHER);
	ck_assert_uint_eq(out.reason, 0);
	down();
}
END_TEST

START_TEST(a_refused_entry_is_told_apart_and_never_repeated)
{
	up();
	for (size_t i = 0; i < COUNT(refusals); i++) {
		td_rig_forget_calls(rig);
		answer(refusals[i].status, 1000);
		expect_row(&refusals[i]);
		ck_assert_uint_eq(rig->nr_calls, 1);
	}
	rig->look = NULL;
	ck_assert_int_eq(enter(), TDXC_OK);
	down();
}
END_TEST

START_TEST(h7_an_entry_that_keeps_failing_is_outside_each_time)
{
	uint64_t sequence;

	up();
	answer(BUSY(169), 1000);
	for (uint32_t i = 0; i < 100; i++) {
		sequence = rig->sept_vcpus[0].sequence;
		ck_assert_int_eq(enter(), TDXC_E_AGAIN);
		expect_outside();
		ck_assert_uint_eq(rig->sept_vcpus[0].sequence, sequence + 2);
	}
	down();
}
END_TEST

START_TEST(h7_while_entry_is_held_no_call_is_made)
{
	up();
	rig->sept.held = 1;
	ck_assert_int_eq(enter(), TDXC_E_AGAIN);
	ck_assert_int_eq(out.kind, TDXC_EXIT_NONE);
	ck_assert_uint_eq(rig->nr_calls, 0);
	expect_outside();
	rig->sept.held = 0;
	ck_assert_int_eq(enter(), TDXC_OK);
	ck_assert_uint_eq(rig->nr_calls, 1);
	down();
}
END_TEST

/* --- death ------------------------------------------------------------------
 */

START_TEST(a_vcpu_that_died_enters_no_more_and_the_td_goes_on)
{
	up();
	answer(0x4000000100000001ull, 1);
	ck_assert_int_eq(enter(), TDXC_OK);
	ck_assert_int_eq(out.kind, TDXC_EXIT_VCPU_DEAD);
	ck_assert_int_eq(rig->vcpus[0].state, TDXC_VCPU_DEAD);
	expect_outside();
	td_rig_forget_calls(rig);
	ck_assert_int_eq(enter(), TDXC_E_IO);
	ck_assert_int_eq(out.kind, TDXC_EXIT_VCPU_DEAD);
	ck_assert_uint_eq(rig->nr_calls, 0);
	ck_assert_uint_eq(rig->td.fatal, 0);
	ck_assert_int_eq(td_rig_enter(rig, 1, &regs, &out), TDXC_OK);
	ck_assert_int_eq(out.kind, TDXC_EXIT_INTERRUPT);
	down();
}
END_TEST

START_TEST(a_td_that_died_lets_nobody_in_and_keeps_the_first_answer)
{
	static const uint64_t deaths[] = {
		0x6000000200000000ull, 0x6000000500000000ull,
		0xE000000700000000ull, 0x6000000700000000ull,
		0x6000000A00000000ull,
	};
	uint64_t status = deaths[_i];

	up();
	answer(status, 1);
	ck_assert_int_eq(enter(), TDXC_OK);
	ck_assert_int_eq(out.kind, TDXC_EXIT_TD_DEAD);
	ck_assert_uint_eq(rig->td.fatal, status);
	expect_outside();
	td_rig_forget_calls(rig);
	ck_assert_int_eq(enter(), TDXC_E_IO);
	ck_assert_int_eq(out.kind, TDXC_EXIT_TD_DEAD);
	ck_assert_int_eq(td_rig_enter(rig, 1, &regs, &out), TDXC_E_IO);
	ck_assert_uint_eq(rig->nr_calls, 0);
	tdxc_store_release(&rig->td.fatal, status);
	down();
}
END_TEST

START_TEST(td_fatal_is_remembered_though_it_never_got_in)
{
	up();
	answer(TD_FATAL, 1);
	ck_assert_int_eq(enter(), TDXC_E_IO);
	ck_assert_int_eq(out.kind, TDXC_EXIT_TD_DEAD);
	ck_assert_uint_eq(rig->td.fatal, TD_FATAL);
	expect_outside();
	down();
}
END_TEST

/* --- association -------------------------------------------------------------
 */

START_TEST(a_vcpu_enters_elsewhere_after_a_flush_on_its_cpu)
{
	struct tdxc_seamcall_diag diag;

	up();
	td_rig_on(rig, 3);
	ck_assert_int_eq(tdxc_td_enter(&rig->td, 0, 3, &regs, &out),
			 TDXC_E_BUSY);
	ck_assert_int_eq(out.kind, TDXC_EXIT_NONE);
	ck_assert_uint_eq(rig->nr_calls, 0);
	td_rig_on(rig, 0);
	ck_assert_int_eq(tdxc_td_vcpu_flush(&rig->td, 0, 0, &diag), TDXC_OK);
	td_rig_on(rig, 3);
	ck_assert_int_eq(tdxc_td_enter(&rig->td, 0, 3, &regs, &out), TDXC_OK);
	ck_assert_uint_eq(rig->vcpus[0].cpu, 4);
	down();
}
END_TEST

/* What the module knows, and the library does not. */
START_TEST(vcpu_associated_is_busy_and_leaves_the_record_alone)
{
	up();
	rig->vcpus[0].cpu = 0;
	td_rig_on(rig, 3);
	ck_assert_int_eq(tdxc_td_enter(&rig->td, 0, 3, &regs, &out),
			 TDXC_E_BUSY);
	ck_assert_uint_eq(out.status, VCPU_ASSOCIATED);
	ck_assert_uint_eq(rig->vcpus[0].cpu, 0);
	expect_outside();
	rig->vcpus[0].cpu = 1;
	td_rig_on(rig, 0);
	down();
}
END_TEST

/* VP.ENTER associates before it finds the epoch lock taken. */
START_TEST(an_entry_that_failed_late_is_flushed_at_the_end)
{
	struct tdxc_seamcall_diag diag;

	up();
	ck_assert_int_eq(tdxc_td_vcpu_flush(&rig->td, 0, 0, &diag), TDXC_OK);
	answer(BUSY(169), 1);
	ck_assert_int_eq(enter(), TDXC_E_AGAIN);
	ck_assert_uint_eq(rig->vcpus[0].cpu, 1);
	rig->look = NULL;
	td_rig_forget_calls(rig);
	ck_assert_int_eq(tdxc_td_vcpu_flush(&rig->td, 0, 0, &diag), TDXC_OK);
	ck_assert_uint_eq(td_rig_count(rig, TDXC_VP_FLUSH), 1);
	ck_assert_uint_eq(rig->vcpus[0].cpu, 0);
	down();
}
END_TEST

START_TEST(no_such_vcpu_or_cpu)
{
	up();
	ck_assert_int_eq(tdxc_td_enter(&rig->td, 2, 0, &regs, &out),
			 TDXC_E_INVAL);
	ck_assert_int_eq(tdxc_td_enter(&rig->td, 0, 4, &regs, &out),
			 TDXC_E_INVAL);
	rig->vcpus[0].state = TDXC_VCPU_CREATED;
	ck_assert_int_eq(enter(), TDXC_E_INVAL);
	rig->vcpus[0].state = TDXC_VCPU_READY;
	ck_assert_uint_eq(rig->nr_calls, 0);
	down();
}
END_TEST

/* --- violations, from the table ----------------------------------------------
 */

struct violation_row {
	uint64_t qualification;
	uint64_t extended;
	uint64_t gpa;
	struct tdxc_td_exit want; /* from gfn on */
};

static const struct violation_row violations[] = {
	{1, 0, GPA, {.gfn = {GFN}, .is_private = true}},
	{2, 0, GPA + 0xFFF, {.gfn = {GFN}, .is_private = true, .write = true}},
	{4, 0, GPA, {.gfn = {GFN}, .is_private = true, .exec = true}},
	{3, 0, GPA | ALIAS_BYTES, {.gfn = {GFN}, .write = true}},
	{0x600000001ull, 2, GPA, {.gfn = {GFN}, .is_private = true}},
	{1, 6, GPA, {.gfn = {GFN}, .is_private = true, .pending = true}},
	{2,
	 6 | 1ull << 35,
	 GPA,
	 {.gfn = {GFN}, .is_private = true, .write = true, .pending = true}},
	{2,
	 1,
	 GPA,
	 {.gfn = {GFN}, .is_private = true, .write = true, .accept_level = 1}},
	{2,
	 1 | 1ull << 32 | 2ull << 35 | 0x81ull << 38,
	 GPA,
	 {.gfn = {GFN}, .is_private = true, .write = true, .accept_level = 2}},
	{1, 2 | 1ull << 32, GPA, {.gfn = {GFN}, .is_private = true}},
};

START_TEST(a_violation_is_taken_apart)
{
	up();
	for (size_t i = 0; i < COUNT(violations); i++) {
		const struct violation_row *row = &violations[i];

		answer(48, 1);
		canned.regs.rcx = row->qualification;
		canned.regs.rdx = row->extended;
		canned.regs.r8 = row->gpa;
		ck_assert_int_eq(enter(), TDXC_OK);
		ck_assert_int_eq(out.kind, TDXC_EXIT_VIOLATION);
		ck_assert_uint_eq(out.gfn.n, row->want.gfn.n);
		ck_assert_int_eq(out.is_private, row->want.is_private);
		ck_assert_int_eq(out.write, row->want.write);
		ck_assert_int_eq(out.exec, row->want.exec);
		ck_assert_int_eq(out.pending, row->want.pending);
		ck_assert_uint_eq(out.accept_level, row->want.accept_level);
	}
	down();
}
END_TEST

START_TEST(with_gpaw_the_alias_bit_is_bit_51)
{
	up();
	rig->td.config.alias = 1ull << 39;
	answer(48, 2);
	canned.regs.r8 = 1ull << 51 | ALIAS_BYTES | GPA;
	ck_assert_int_eq(enter(), TDXC_OK);
	ck_assert(!out.is_private);
	ck_assert_uint_eq(out.gfn.n, ALIAS | GFN);
	canned.regs.r8 = ALIAS_BYTES | GPA;
	ck_assert_int_eq(enter(), TDXC_OK);
	ck_assert(out.is_private);
	ck_assert_uint_eq(out.gfn.n, ALIAS | GFN);
	down();
}
END_TEST

struct fault_row {
	uint32_t accept_level;
	uint32_t level;
	uint32_t want;
};

static const struct fault_row fault_rows[] = {
	{0, 1, 1}, {0, 2, 2}, {0, 3, 3}, {1, 1, 1}, {1, 2, 1},
	{1, 3, 1}, {2, 1, 1}, {2, 2, 2}, {2, 3, 2},
};

START_TEST(the_level_the_guest_accepts_at_is_honoured)
{
	for (size_t i = 0; i < COUNT(fault_rows); i++) {
		const struct tdxc_td_exit exit = {
			.kind = TDXC_EXIT_VIOLATION,
			.gfn = {GFN},
			.is_private = i % 2 == 0,
			.write = i % 3 == 0,
			.exec = i % 4 == 0,
			.accept_level = fault_rows[i].accept_level,
		};
		struct tdxc_fault fault = {
			.level = fault_rows[i].level,
			.pa = CANARY,
			.sequence = 7,
			.host_writable = true,
		};

		tdxc_td_fault(&exit, &fault);
		ck_assert_uint_eq(fault.level, fault_rows[i].want);
		ck_assert_uint_eq(fault.gfn.n, GFN);
		ck_assert_int_eq(fault.is_private, exit.is_private);
		ck_assert_int_eq(fault.write, exit.write);
		ck_assert_int_eq(fault.exec, exit.exec);
		ck_assert_uint_eq(fault.pa, CANARY);
		ck_assert_uint_eq(fault.sequence, 7);
		ck_assert(fault.host_writable);
	}
}
END_TEST

/* --- guests ------------------------------------------------------------------
 */

/* What the guest does once it is in. */
static struct {
	uint64_t gpa;
	uint64_t level; /* ACCEPT; 9: an access */
	bool write;
	uint64_t status; /* of the TDCALL, when it came back */
	struct tdxc_seamcall_full seen;
} guest;

static void see(const struct tdxc_sim_regs *r)
{
	guest.seen.common.rcx = r->gpr[TDXC_SIM_RCX];
	guest.seen.common.r8 = r->gpr[TDXC_SIM_R8];
	guest.seen.common.r10 = r->gpr[TDXC_SIM_R10];
	guest.seen.common.r11 = r->gpr[TDXC_SIM_R11];
}

static void touch_or_accept(void *ctx, struct tdxc_sim_machine *machine,
			    uint32_t lp, struct tdxc_sim_regs *r)
{
	(void)ctx;
	see(r);
	if (guest.level == 9) {
		tdxc_sim_violation_exit(&machine->module, lp, guest.gpa,
					guest.write, r);
		return;
	}
	memset(r, 0, sizeof(*r));
	r->gpr[TDXC_SIM_RAX] = 6;
	r->gpr[TDXC_SIM_RCX] = guest.gpa | guest.level;
	if (tdxc_sim_machine_tdcall(machine, lp, r) == TDXC_SIM_EXITED)
		return;
	guest.status = r->gpr[TDXC_SIM_RAX];
	tdxc_sim_machine_interrupt_exit(machine, lp, r);
}

static void let_guest(uint64_t gpa, uint64_t level)
{
	memset(&guest, 0, sizeof(guest));
	guest.gpa = gpa;
	guest.level = level;
	guest.status = CANARY;
	rig->host.port.guest = touch_or_accept;
}

START_TEST(the_guest_finds_in_rcx_and_r8_what_it_was_made_with)
{
	up();
	td_rig_teardown(rig, 0);
	td_rig_new(rig, 1);
	let_guest(GPA, 9);
	ck_assert_int_eq(td_rig_build(rig), TDXC_OK);
	ck_assert_uint_eq(guest.seen.common.rcx, 0x1234);
	ck_assert_uint_eq(guest.seen.common.r8, 0x1234);
	down();
}
END_TEST

START_TEST(a_guest_faults_accepts_and_goes_on)
{
	struct tdxc_fault fault = {.level = 3};

	up();
	let_guest(GPA, 9);
	guest.write = true;
	ck_assert_int_eq(enter(), TDXC_OK);
	ck_assert_int_eq(out.kind, TDXC_EXIT_VIOLATION);
	ck_assert_uint_eq(out.gfn.n, GFN);
	ck_assert(out.is_private && out.write && !out.pending);
	ck_assert_uint_eq(out.accept_level, 0);
	for (uint64_t level = 0; level < 2; level++) {
		let_guest(GPA, level);
		ck_assert_int_eq(enter(), TDXC_OK);
		ck_assert_int_eq(out.kind, TDXC_EXIT_VIOLATION);
		ck_assert_uint_eq(out.accept_level, level + 1);
		ck_assert_uint_eq(out.gfn.n, GFN);
		fault.level = 3;
		tdxc_td_fault(&out, &fault);
		ck_assert_uint_eq(fault.level, level + 1);
		ck_assert(fault.is_private);
	}
	ck_assert_int_eq(td_rig_map(rig, GFN), TDXC_OK);
	let_guest(GPA, 9);
	ck_assert_int_eq(enter(), TDXC_OK);
	ck_assert(out.pending);
	ck_assert_uint_eq(out.accept_level, 0);
	let_guest(GPA, 0);
	ck_assert_int_eq(enter(), TDXC_OK);
	ck_assert_int_eq(out.kind, TDXC_EXIT_INTERRUPT);
	ck_assert_uint_eq(guest.status, 0);
	down();
}
END_TEST

static void call_map_gpa(void *ctx, struct tdxc_sim_machine *machine,
			 uint32_t lp, struct tdxc_sim_regs *r)
{
	(void)ctx;
	memset(r, 0, sizeof(*r));
	r->gpr[TDXC_SIM_RCX] = 0xFC00;
	r->gpr[TDXC_SIM_R11] = 0x10001;
	r->gpr[TDXC_SIM_R12] = GPA | ALIAS_BYTES;
	r->gpr[TDXC_SIM_R13] = 0x3000;
	ck_assert_int_eq(tdxc_sim_machine_tdcall(machine, lp, r),
			 TDXC_SIM_EXITED);
}

START_TEST(a_guest_asks_for_a_conversion)
{
	struct tdxc_td_conversion c;

	up();
	rig->host.port.guest = call_map_gpa;
	ck_assert_int_eq(enter(), TDXC_OK);
	ck_assert_int_eq(out.kind, TDXC_EXIT_VMCALL);
	ck_assert_uint_eq(regs.common.r11, 0x10001);
	ck_assert_uint_eq(tdxc_td_map_gpa(&regs, ALIAS, &c),
			  TDXC_MAP_GPA_SUCCESS);
	ck_assert_uint_eq(c.start.n, GFN);
	ck_assert_uint_eq(c.end.n, GFN + 3);
	ck_assert(!c.to_private);
	rig->host.port.guest = NULL;
	down();
}
END_TEST

/* --- MapGPA ------------------------------------------------------------------
 */

struct map_row {
	uint64_t start;
	uint64_t bytes;
	uint64_t want;
	uint64_t first;
	uint64_t end;
	bool to_private;
};

#define OK    TDXC_MAP_GPA_SUCCESS
#define BAD   TDXC_MAP_GPA_INVALID_OPERAND
#define ALIGN TDXC_MAP_GPA_ALIGN_ERROR

static const struct map_row map_rows[] = {
	{0, 0x1000, OK, 0, 1, true},
	{0, 0, OK, 0, 0, true},
	{GPA, 0x200000, OK, GFN, GFN + 512, true},
	{GPA | ALIAS_BYTES, 0x200000, OK, GFN, GFN + 512, false},
	{0, ALIAS_BYTES, OK, 0, ALIAS, true},
	{ALIAS_BYTES, ALIAS_BYTES, OK, 0, ALIAS, false},
	{ALIAS_BYTES - 0x1000, 0x1000, OK, ALIAS - 1, ALIAS, true},
	{ALIAS_BYTES - 0x1000, 0x2000, BAD, 0, 0, false},
	{0x1000, ALIAS_BYTES, BAD, 0, 0, false},
	{0, ~0xFFFull, BAD, 0, 0, false},
	{0x1000, ~0xFFFull, BAD, 0, 0, false},
	{1ull << 48, 0x1000, BAD, 0, 0, false},
	{1ull << 63, 0x1000, BAD, 0, 0, false},
	{~0xFFFull, 0x1000, BAD, 0, 0, false},
	{~0xFFFull, 0, BAD, 0, 0, false},
	{1, 0x1000, ALIGN, 0, 0, false},
	{0x1000, 0x800, ALIGN, 0, 0, false},
	{0x1FFF, 1, ALIGN, 0, 0, false},
};

START_TEST(map_gpa_is_judged_and_taken_apart)
{
	const struct map_row *row = &map_rows[_i];
	struct tdxc_seamcall_full in;
	struct tdxc_td_conversion c;

	memset(&in, 0, sizeof(in));
	memset(&c, 0x5A, sizeof(c));
	in.r12 = row->start;
	in.r13 = row->bytes;
	ck_assert_uint_eq(tdxc_td_map_gpa(&in, ALIAS, &c), row->want);
	if (row->want != OK) {
		ck_assert_uint_eq(c.start.n, 0x5A5A5A5A5A5A5A5Aull);
		return;
	}
	ck_assert_uint_eq(c.start.n, row->first);
	ck_assert_uint_eq(c.end.n, row->end);
	ck_assert_int_eq(c.to_private, row->to_private);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("td_exit");
	TCase *tc = tcase_create("exit");

	tcase_add_test(tc, an_exit_is_told_by_its_reason);
	tcase_add_test(tc, reason_0_is_an_nmi_or_an_exception);
	tcase_add_test(tc, a_refused_entry_is_told_apart_and_never_repeated);
	tcase_add_test(tc, h7_an_entry_that_keeps_failing_is_outside_each_time);
	tcase_add_test(tc, h7_while_entry_is_held_no_call_is_made);
	tcase_add_test(tc, a_vcpu_that_died_enters_no_more_and_the_td_goes_on);
	tcase_add_loop_test(
		tc, a_td_that_died_lets_nobody_in_and_keeps_the_first_answer, 0,
		5);
	tcase_add_test(tc, td_fatal_is_remembered_though_it_never_got_in);
	tcase_add_test(tc, a_vcpu_enters_elsewhere_after_a_flush_on_its_cpu);
	tcase_add_test(tc, vcpu_associated_is_busy_and_leaves_the_record_alone);
	tcase_add_test(tc, an_entry_that_failed_late_is_flushed_at_the_end);
	tcase_add_test(tc, no_such_vcpu_or_cpu);
	tcase_add_test(tc, a_violation_is_taken_apart);
	tcase_add_test(tc, with_gpaw_the_alias_bit_is_bit_51);
	tcase_add_test(tc, the_level_the_guest_accepts_at_is_honoured);
	tcase_add_test(tc, the_guest_finds_in_rcx_and_r8_what_it_was_made_with);
	tcase_add_test(tc, a_guest_faults_accepts_and_goes_on);
	tcase_add_test(tc, a_guest_asks_for_a_conversion);
	tcase_add_loop_test(tc, map_gpa_is_judged_and_taken_apart, 0,
			    COUNT(map_rows));
	suite_add_tcase(s, tc);
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
