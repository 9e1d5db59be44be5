/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * The end of a kernel's life on the software platform: what is done in which
 * order, what the module may answer to being disabled, and that every step
 * ends.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include <tdxcore/err.h>
#include <tdxcore/handover.h>
#include <tdxcore/status.h>

#include "module/module_case.h"
#include "platform.h"

#define COUNT(array)	(sizeof(array) / sizeof(array)[0])
#define LPS		MODULE_CASE_LPS
#define LAST		(LPS - 1)
#define OPERAND_INVALID TDXC_STATUS_OPERAND_INVALID
#define RESUMABLE	0x8000000300000000ull
#define SYS_BUSY	0x8000020200000000ull
#define SYS_NOT_READY	0xC000050500000000ull
#define SYS_SHUTDOWN	0xC000050600000000ull
#define BROKEN		0xC000EE0000000000ull
#define WITHOUT_ERRATUM 0xA06D0u
#define WITH_ERRATUM	0x806F8u

static struct module_case c;
static struct tdxc_coherence host;
static struct tdxc_coherence_cpu cpus[LPS];
static struct tdxc_handover h;

/* What the port did, in order. */
static struct done {
	enum tdxc_handover_step step;
	uint32_t cpu;
} acts[64];
static size_t nr_acts;

static void judge(uint32_t flags)
{
	static struct tdxc_platform p;
	struct tdxc_platform_regs regs;
	struct tdxc_coherence_config config = {
		.abi = TDXC_ABI,
		.policy = TDXC_COHERENCE_TRACKED,
		.flags = flags,
		.platform = &p,
	};

	ck_assert_int_eq(tdxc_sim_port_platform(&c.machine, 0, &regs), TDXC_OK);
	ck_assert_int_eq(tdxc_platform_judge(&regs, &p), TDXC_OK);
	ck_assert_int_eq(tdxc_coherence_init(&host, &config), TDXC_OK);
}

static void up_on(uint32_t fms)
{
	struct tdxc_sim_platform platform;

	module_case_platform(&platform);
	platform.fms = fms;
	module_case_up(&c, &platform, NULL);
	judge(TDXC_COHERENCE_DISABLES);
	for (size_t i = 0; i < LPS; i++)
		tdxc_coherence_cpu_init(&cpus[i], &host);
	nr_acts = 0;
}

static void up(void)
{
	up_on(WITHOUT_ERRATUM);
}

static void down(void)
{
	module_case_down(&c);
}

static void acted(uint32_t cpu)
{
	tdxc_coherence_begin(&cpus[cpu], TDXC_COHERENCE_BY_SEAMCALL);
	tdxc_coherence_end(&cpus[cpu]);
}

/* The module is up, and every CPU called it. */
static void bring_up(void)
{
	ck_assert_int_eq(tdxc_sim_bringup_run(&c.b), TDXC_OK);
	for (uint32_t i = 0; i < LPS; i++)
		acted(i);
}

static void begin_with(enum tdxc_handover_kind kind, struct tdxc_module *module)
{
	const struct tdxc_handover_config config = {
		.abi = TDXC_ABI,
		.kind = kind,
		.coherence = &host,
		.module = module,
		.cpus = cpus,
		.nr_cpus = LPS,
		.executing = 1,
		.limit = 3,
	};

	ck_assert_int_eq(tdxc_handover_init(&h, &config), TDXC_OK);
}

static void begin(enum tdxc_handover_kind kind)
{
	begin_with(kind, &c.b.module);
}

/* As a port does it; `flush` false: it cannot reach other CPUs. */
static int obey(struct tdxc_handover_todo todo, bool reaches)
{
	struct tdxc_seamcall_diag diag;

	switch (todo.step) {
	case TDXC_HANDOVER_STOP_TDS:
		return tdxc_handover_stopped(&h, 0);
	case TDXC_HANDOVER_DISABLE:
		return tdxc_handover_disable(&h, &cpus[todo.cpu], &diag);
	case TDXC_HANDOVER_FLUSH:
		if (!reaches && todo.cpu != h.config.executing)
			return tdxc_handover_flushed(&h, TDXC_E_NODEV);
		tdxc_coherence_flush_begin(&cpus[todo.cpu]);
		(void)tdxc_sim_machine_wbinvd(&c.machine, todo.cpu);
		(void)tdxc_coherence_flush_end(&cpus[todo.cpu]);
		return tdxc_handover_flushed(&h, TDXC_OK);
	default:
		return TDXC_E_INVAL;
	}
}

/* Until there is nothing more to do. Returns how many things were done. */
static size_t go_on(bool reaches)
{
	size_t n;

	for (n = 0; n < 1000; n++) {
		struct tdxc_handover_todo todo = tdxc_handover_next(&h);

		if (todo.step >= TDXC_HANDOVER_GO)
			return n;
		ck_assert_uint_lt(nr_acts, COUNT(acts));
		acts[nr_acts].step = todo.step;
		acts[nr_acts++].cpu = todo.cpu;
		(void)obey(todo, reaches);
	}
	ck_abort_msg("no end");
	return n;
}

static bool stop_path_flushes(uint32_t cpu)
{
	struct tdxc_coherence_answer a;

	ck_assert_int_eq(tdxc_coherence_decide(
				 &host, TDXC_COHERENCE_KEXEC_REMOTE, h.state,
				 tdxc_coherence_reasons(&cpus[cpu]), &a),
			 TDXC_OK);
	return a.action == TDXC_COHERENCE_DO_WBINVD;
}

static uint64_t all_calls(void)
{
	return tdxc_sim_port_all_calls(&c.port);
}

/* ---- the order ---- */

START_TEST(s000_2_and_5_tds_then_the_last_call_then_a_flush_on_every_cpu)
{
	static const struct done order[] = {
		{TDXC_HANDOVER_STOP_TDS, 1}, {TDXC_HANDOVER_DISABLE, 1},
		{TDXC_HANDOVER_FLUSH, 0},    {TDXC_HANDOVER_FLUSH, 2},
		{TDXC_HANDOVER_FLUSH, 3},    {TDXC_HANDOVER_FLUSH, 1},
	};

	bring_up();
	begin(TDXC_HANDOVER_KEXEC);
	ck_assert_uint_eq(go_on(true), COUNT(order));
	for (size_t i = 0; i < COUNT(order); i++) {
		ck_assert_int_eq(acts[i].step, order[i].step);
		ck_assert_uint_eq(acts[i].cpu, order[i].cpu);
	}
	ck_assert_int_eq(tdxc_handover_next(&h).step, TDXC_HANDOVER_GO);
	ck_assert_int_eq(h.disabled, TDXC_DISABLE_DONE);
	ck_assert(!h.tell && !h.degraded);
	ck_assert_uint_eq(h.unflushed, 0);
}
END_TEST

START_TEST(l35_the_stop_path_finds_nothing_left_unless_a_call_came_since)
{
	bring_up();
	begin(TDXC_HANDOVER_KEXEC);
	(void)go_on(true);
	for (uint32_t i = 0; i < LPS; i++)
		ck_assert(!stop_path_flushes(i));
	acted(3);
	ck_assert(stop_path_flushes(3));
	ck_assert(!stop_path_flushes(0));
}
END_TEST

START_TEST(only_cpus_with_a_mark_are_flushed)
{
	ck_assert_int_eq(tdxc_sim_bringup_run(&c.b), TDXC_OK);
	acted(2);
	begin(TDXC_HANDOVER_REBOOT);
	/* the one that disables the module has one by that */
	ck_assert_uint_eq(go_on(true), 4);
	ck_assert_uint_eq(acts[2].cpu, 2);
	ck_assert_uint_eq(acts[3].cpu, 1);
}
END_TEST

START_TEST(a_host_that_does_not_disable_only_flushes)
{
	uint64_t calls;

	bring_up();
	judge(0);
	calls = all_calls();
	begin(TDXC_HANDOVER_KEXEC);
	ck_assert_uint_eq(go_on(true), 1 + LPS);
	ck_assert_int_eq(acts[1].step, TDXC_HANDOVER_FLUSH);
	ck_assert_uint_eq(all_calls(), calls);
	ck_assert_int_eq(h.disabled, TDXC_DISABLE_NOT_TRIED);
}
END_TEST

START_TEST(by_what_the_platform_can_do_every_cpu_flushes_marked_or_not)
{
	ck_assert_int_eq(tdxc_sim_bringup_run(&c.b), TDXC_OK);
	judge(TDXC_COHERENCE_DISABLES);
	host.policy = TDXC_COHERENCE_STATIC;
	begin(TDXC_HANDOVER_KEXEC);
	ck_assert_uint_eq(go_on(true), 2 + LPS);
	ck_assert_uint_eq(h.unflushed, 0);
	/* a CPU whose word nobody keeps cannot be told from a clean one */
	begin(TDXC_HANDOVER_CRASH);
	ck_assert_uint_eq(go_on(true), 2);
}
END_TEST

START_TEST(without_a_module_there_is_nothing_to_do)
{
	for (int kind = 0; kind < TDXC_HANDOVER_KINDS; kind++) {
		begin_with((enum tdxc_handover_kind)kind, NULL);
		ck_assert_uint_eq(go_on(true), 0);
		ck_assert_int_eq(h.step, TDXC_HANDOVER_GO);
	}
	ck_assert_uint_eq(all_calls(), 0);
}
END_TEST

START_TEST(s000_3_no_page_is_converted_on_the_way)
{
	uint64_t calls;

	bring_up();
	calls = all_calls();
	begin(TDXC_HANDOVER_KEXEC);
	(void)go_on(true);
	/* one SEAMCALL, no page of anybody, no rewriting */
	ck_assert_uint_eq(all_calls(), calls + 1);
	ck_assert_uint_eq(tdxc_sim_port_calls(&c.port, TDXC_SYS_DISABLE), 1);
	ck_assert_uint_eq(module_case_acts(&c, TDXC_SIM_PORT_REWRITE), 0);
	ck_assert_uint_eq(c.b.ops.rewritten_bytes, 0);
}
END_TEST

/* ---- bounds ---- */

START_TEST(a_td_that_does_not_stop_blocks_kexec_and_not_a_reboot)
{
	bring_up();
	for (int kind = 0; kind < 2; kind++) {
		begin((enum tdxc_handover_kind)kind);
		for (int i = 0; i < 2; i++) {
			ck_assert_int_eq(tdxc_handover_next(&h).step,
					 TDXC_HANDOVER_STOP_TDS);
			ck_assert_int_eq(tdxc_handover_stopped(&h, 5),
					 TDXC_E_AGAIN);
		}
		ck_assert_int_eq(tdxc_handover_stopped(&h, 5),
				 kind == TDXC_HANDOVER_KEXEC ? TDXC_E_BUSY
							     : TDXC_OK);
		ck_assert_uint_eq(h.running, 5);
		ck_assert_int_eq(tdxc_handover_next(&h).step,
				 kind == TDXC_HANDOVER_KEXEC
					 ? TDXC_HANDOVER_BLOCKED
					 : TDXC_HANDOVER_DISABLE);
	}
	/* nothing was disabled, and no mark was cleared */
	ck_assert_uint_eq(tdxc_sim_port_calls(&c.port, TDXC_SYS_DISABLE), 0);
	for (uint32_t i = 0; i < LPS; i++)
		ck_assert(stop_path_flushes(i));
}
END_TEST

START_TEST(tds_that_stop_in_the_end_are_no_reason_to_give_up)
{
	bring_up();
	begin(TDXC_HANDOVER_KEXEC);
	ck_assert_int_eq(tdxc_handover_stopped(&h, 2), TDXC_E_AGAIN);
	ck_assert_int_eq(tdxc_handover_stopped(&h, 1), TDXC_E_AGAIN);
	ck_assert_int_eq(tdxc_handover_stopped(&h, 0), TDXC_OK);
	ck_assert_int_eq(tdxc_handover_next(&h).step, TDXC_HANDOVER_DISABLE);
}
END_TEST

START_TEST(cpus_that_cannot_be_reached_are_left_to_their_stop_path)
{
	bring_up();
	begin(TDXC_HANDOVER_KEXEC);
	/* three tries each for three CPUs, and the one that hands over */
	ck_assert_uint_eq(go_on(false), 2 + 3 * (LPS - 1) + 1);
	ck_assert_uint_eq(h.unflushed, LPS - 1);
	for (uint32_t i = 0; i < LPS; i++)
		ck_assert_int_eq(stop_path_flushes(i), i != 1);
}
END_TEST

START_TEST(a_flush_that_a_call_interrupts_is_made_again)
{
	struct tdxc_handover_todo todo;

	bring_up();
	begin(TDXC_HANDOVER_KEXEC);
	(void)obey(tdxc_handover_next(&h), true);
	(void)obey(tdxc_handover_next(&h), true);
	todo = tdxc_handover_next(&h);
	tdxc_coherence_flush_begin(&cpus[todo.cpu]);
	acted(todo.cpu);
	ck_assert_uint_ne(tdxc_coherence_flush_end(&cpus[todo.cpu]), 0);
	ck_assert_int_eq(tdxc_handover_flushed(&h, TDXC_OK), TDXC_E_AGAIN);
	ck_assert_uint_eq(tdxc_handover_next(&h).cpu, todo.cpu);
	(void)go_on(true);
	ck_assert_uint_eq(h.unflushed, 0);
}
END_TEST

/* ---- SYS.DISABLE ---- */

/* What the module may answer: whether a log should have it, and whether, with
 * the erratum, private memory may be left. */
static const struct answer {
	uint64_t status;
	uint64_t most; /* 0: for ever */
	enum tdxc_module_disabled how;
	bool tell;
	bool left;
} answers[] = {
	{0, 1, TDXC_DISABLE_DONE, false, false},
	{OPERAND_INVALID, 0, TDXC_DISABLE_NOT_OFFERED, true, true},
	{SYS_NOT_READY, 0, TDXC_DISABLE_NOT_READY, true, true},
	{SYS_SHUTDOWN, 0, TDXC_DISABLE_NOT_READY, true, true},
	{BROKEN, 0, TDXC_DISABLE_REFUSED, true, true},
	{TDXC_STATUS_UD, 0, TDXC_DISABLE_NO_MODULE, false, true},
	{TDXC_STATUS_GP, 0, TDXC_DISABLE_NO_MODULE, false, true},
	{TDXC_STATUS_VMFAILINVALID, 0, TDXC_DISABLE_NO_MODULE, false, true},
	{RESUMABLE, 50, TDXC_DISABLE_DONE, false, false},
	{RESUMABLE, 0, TDXC_DISABLE_NOT_TRIED, true, true},
	{SYS_BUSY, 0, TDXC_DISABLE_NOT_TRIED, true, true},
};

static void end_answered(const struct answer *a, enum tdxc_handover_kind kind)
{
	struct module_case_answer answer = {.leaf = TDXC_SYS_DISABLE,
					    .nth = 1,
					    .most = a->most,
					    .status = a->status};

	bring_up();
	nr_acts = 0;
	module_case_answer(&c, &answer, 1);
	begin(kind);
	(void)go_on(true);
	module_case_answer(&c, NULL, 0);
}

START_TEST(u57_whatever_the_module_answers_the_flush_comes)
{
	const struct answer *a = &answers[_i / 2];
	enum tdxc_handover_kind kind =
		_i % 2 != 0 ? TDXC_HANDOVER_CRASH : TDXC_HANDOVER_KEXEC;

	end_answered(a, kind);
	ck_assert_int_eq(h.step, TDXC_HANDOVER_GO);
	ck_assert_int_eq(h.disabled, a->how);
	ck_assert_int_eq(h.tell, a->tell);
	ck_assert(!h.degraded); /* this machine has no erratum */
	ck_assert(!stop_path_flushes(1));
	for (uint32_t i = 0; i < LPS; i++)
		ck_assert_int_eq(stop_path_flushes(i),
				 kind == TDXC_HANDOVER_CRASH && i != 1);
}
END_TEST

START_TEST(u58_with_the_erratum_what_was_not_disabled_is_degraded)
{
	const struct answer *a = &answers[_i];
	struct tdxc_coherence_answer load;

	down();
	up_on(WITH_ERRATUM);
	end_answered(a, TDXC_HANDOVER_KEXEC);
	ck_assert_int_eq(h.degraded, a->left);
	ck_assert_int_eq(tdxc_coherence_decide(&host, TDXC_COHERENCE_IMAGE_LOAD,
					       h.state, 0, &load),
			 TDXC_OK);
	ck_assert_int_eq(load.action, a->left ? TDXC_COHERENCE_DO_DEGRADED
					      : TDXC_COHERENCE_DO_NOTHING);
}
END_TEST

START_TEST(l36_a_module_without_the_leaf_is_told_of_once_and_is_no_failure)
{
	end_answered(&answers[1], TDXC_HANDOVER_KEXEC);
	ck_assert(h.tell);
	ck_assert_int_eq(h.disabled, TDXC_DISABLE_NOT_OFFERED);
	ck_assert_int_eq(h.step, TDXC_HANDOVER_GO);
	/* asked once, so there is one answer to tell of */
	for (size_t i = 0, n = 0; i < nr_acts; i++) {
		n += acts[i].step == TDXC_HANDOVER_DISABLE;
		ck_assert_uint_le(n, 1);
	}
}
END_TEST

START_TEST(l37_without_a_module_or_vmx_the_call_stays_silent)
{
	/* the real machine: no SEAMRR, no module, no VMX */
	bring_up();
	for (int i = 0; i < 3; i++) {
		c.port.seamrr_off = i == 0;
		c.port.module_absent = i == 1;
		c.port.vmx_off[0] = i == 2;
		begin(TDXC_HANDOVER_CRASH);
		(void)go_on(true);
		ck_assert_int_eq(h.disabled, TDXC_DISABLE_NO_MODULE);
		ck_assert(!h.tell);
		ck_assert_int_eq(h.step, TDXC_HANDOVER_GO);
	}
	c.port.vmx_off[0] = false;
}
END_TEST

START_TEST(l38_the_end_rewrites_no_page_with_or_without_the_erratum)
{
	down();
	up_on(_i != 0 ? WITH_ERRATUM : WITHOUT_ERRATUM);
	bring_up();
	begin(TDXC_HANDOVER_KEXEC);
	(void)go_on(true);
	ck_assert_uint_eq(module_case_acts(&c, TDXC_SIM_PORT_REWRITE), 0);
	/* whoever keeps the kernel, and wants the memory: only with it */
	struct tdxc_seamcall_diag diag;

	ck_assert_int_eq(tdxc_module_undo(&c.b.module, &diag), TDXC_OK);
	ck_assert_int_eq(module_case_acts(&c, TDXC_SIM_PORT_REWRITE) > 0,
			 _i != 0);
}
END_TEST

START_TEST(l56_a_crash_during_bring_up_tolerates_not_ready)
{
	uint32_t fms = _i != 0 ? WITH_ERRATUM : WITHOUT_ERRATUM;
	int not_ready = 0;
	int steps;

	down();
	up_on(fms);
	for (steps = 0;; steps++) {
		uint64_t disables =
			tdxc_sim_port_calls(&c.port, TDXC_SYS_DISABLE);

		begin(TDXC_HANDOVER_CRASH);
		ck_assert_uint_le(go_on(true), 2);
		ck_assert_int_eq(h.step, TDXC_HANDOVER_GO);
		/* before SYS.CONFIG nothing of the memory was private */
		ck_assert_int_eq(h.degraded,
				 _i != 0 && c.b.module.configured &&
					 h.disabled != TDXC_DISABLE_DONE);
		not_ready += h.disabled == TDXC_DISABLE_NOT_READY;
		ck_assert_uint_eq(
			tdxc_sim_port_calls(&c.port, TDXC_SYS_DISABLE),
			disables + 1);
		ck_assert(!stop_path_flushes(1));
		/* bring it up anew, a step further */
		down();
		up_on(fms);
		for (int i = 0; i < steps + 1; i++) {
			if (tdxc_module_step(&c.b.module) ==
			    TDXC_MODULE_READY) {
				ck_assert_int_gt(not_ready, 0);
				return;
			}
			ck_assert_int_eq(tdxc_sim_bringup_step(&c.b), TDXC_OK);
		}
	}
}
END_TEST

START_TEST(a_crash_never_waits)
{
	static const uint64_t waits[] = {RESUMABLE, SYS_BUSY};
	struct module_case_answer answer = {
		.leaf = TDXC_SYS_DISABLE, .nth = 1, .status = waits[_i]};

	bring_up();
	module_case_answer(&c, &answer, 1);
	begin(TDXC_HANDOVER_CRASH);
	/* one attempt to disable, one flush, on the CPU it is on */
	ck_assert_uint_eq(go_on(true), 2);
	ck_assert_uint_eq(acts[0].cpu, 1);
	ck_assert_uint_eq(acts[1].cpu, 1);
	ck_assert(h.tell);
	begin(TDXC_HANDOVER_CRASH);
	ck_assert_int_eq(tdxc_handover_next(&h).step, TDXC_HANDOVER_DISABLE);
	(void)obey(tdxc_handover_next(&h), true);
	/* even a flush that does not work is tried once */
	acted(1);
	ck_assert_int_eq(tdxc_handover_next(&h).step, TDXC_HANDOVER_FLUSH);
	ck_assert_int_eq(tdxc_handover_flushed(&h, TDXC_E_NODEV), TDXC_OK);
	ck_assert_int_eq(tdxc_handover_next(&h).step, TDXC_HANDOVER_GO);
	ck_assert_uint_eq(h.unflushed, 1);
}
END_TEST

/* ---- what is refused ---- */

START_TEST(what_is_out_of_range_is_refused_and_changes_nothing)
{
	const struct tdxc_handover_config good = {
		.abi = TDXC_ABI,
		.coherence = &host,
		.cpus = cpus,
		.nr_cpus = LPS,
	};
	struct tdxc_handover_config bad[5] = {good, good, good, good, good};
	struct tdxc_handover before;
	struct tdxc_seamcall_diag diag;

	bad[0].abi++;
	bad[1].kind = TDXC_HANDOVER_KINDS;
	bad[2].coherence = NULL;
	bad[3].cpus = NULL;
	bad[4].executing = LPS;
	memset(&h, 0xA5, sizeof(h));
	memcpy(&before, &h, sizeof(h));
	for (size_t i = 0; i < COUNT(bad); i++)
		ck_assert_int_eq(tdxc_handover_init(&h, &bad[i]), TDXC_E_INVAL);
	ck_assert_mem_eq(&h, &before, sizeof(h));
	ck_assert_int_eq(tdxc_handover_init(&h, &good), TDXC_OK);
	ck_assert_uint_eq(h.config.limit, TDXC_HANDOVER_LIMIT);
	(void)go_on(true);
	ck_assert_int_eq(tdxc_handover_stopped(&h, 0), TDXC_E_INVAL);
	ck_assert_int_eq(tdxc_handover_disable(&h, &cpus[0], &diag),
			 TDXC_E_INVAL);
	ck_assert_int_eq(tdxc_handover_flushed(&h, TDXC_OK), TDXC_E_INVAL);
	ck_assert_uint_eq(tdxc_coherence_reasons(&cpus[0]), 0);
	begin(TDXC_HANDOVER_KEXEC);
	ck_assert_int_eq(tdxc_handover_disable(&h, &cpus[0], &diag),
			 TDXC_E_INVAL);
	ck_assert_int_eq(tdxc_handover_flushed(&h, TDXC_OK), TDXC_E_INVAL);
}
END_TEST

START_TEST(every_step_has_a_name)
{
	ck_assert_str_eq(tdxc_handover_step_name(TDXC_HANDOVER_STOP_TDS),
			 "stop-tds");
	ck_assert_str_eq(tdxc_handover_step_name(TDXC_HANDOVER_BLOCKED),
			 "blocked");
	ck_assert_str_eq(tdxc_handover_step_name(TDXC_HANDOVER_STEPS), "?");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("handover");
	TCase *t = tcase_create("handover");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(t, up, down);
	tcase_add_test(
		t,
		s000_2_and_5_tds_then_the_last_call_then_a_flush_on_every_cpu);
	tcase_add_test(
		t,
		l35_the_stop_path_finds_nothing_left_unless_a_call_came_since);
	tcase_add_test(t, only_cpus_with_a_mark_are_flushed);
	tcase_add_test(t, a_host_that_does_not_disable_only_flushes);
	tcase_add_test(
		t, by_what_the_platform_can_do_every_cpu_flushes_marked_or_not);
	tcase_add_test(t, without_a_module_there_is_nothing_to_do);
	tcase_add_test(t, s000_3_no_page_is_converted_on_the_way);
	tcase_add_test(t,
		       a_td_that_does_not_stop_blocks_kexec_and_not_a_reboot);
	tcase_add_test(t, tds_that_stop_in_the_end_are_no_reason_to_give_up);
	tcase_add_test(t,
		       cpus_that_cannot_be_reached_are_left_to_their_stop_path);
	tcase_add_test(t, a_flush_that_a_call_interrupts_is_made_again);
	tcase_add_loop_test(t, u57_whatever_the_module_answers_the_flush_comes,
			    0, 2 * COUNT(answers));
	tcase_add_loop_test(
		t, u58_with_the_erratum_what_was_not_disabled_is_degraded, 0,
		COUNT(answers));
	tcase_add_test(
		t,
		l36_a_module_without_the_leaf_is_told_of_once_and_is_no_failure);
	tcase_add_test(t, l37_without_a_module_or_vmx_the_call_stays_silent);
	tcase_add_loop_test(
		t, l38_the_end_rewrites_no_page_with_or_without_the_erratum, 0,
		2);
	tcase_add_loop_test(t, l56_a_crash_during_bring_up_tolerates_not_ready,
			    0, 2);
	tcase_add_loop_test(t, a_crash_never_waits, 0, 2);
	tcase_add_test(t, what_is_out_of_range_is_refused_and_changes_nothing);
	tcase_add_test(t, every_step_has_a_name);
	suite_add_tcase(s, t);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
