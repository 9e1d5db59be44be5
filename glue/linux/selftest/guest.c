// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause-Patent)
/* The conversion gate on this kernel's clock, and conversions that cannot be
 * made outside a TD. */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/preempt.h>
#include <linux/slab.h>

#include "../tdxc_linux.h"
#include "selftest.h"

static enum tdxc_selftest_result clock_runs(char *why)
{
	u64 first = tdxc_linux_gate_ops.now_ns(NULL), second;

	usleep_range(2000, 4000);
	second = tdxc_linux_gate_ops.now_ns(NULL);
	TDXC_EXPECT(second - first >= 1000000);
	TDXC_EXPECT(second - first < 10000000000ull);
	return TDXC_SELFTEST_OK;
}

static enum tdxc_selftest_result closes_when_drained(char *why)
{
	struct tdxc_gate_wait wait =
		tdxc_gate_wait_usual(&tdxc_linux_gate_ops, NULL);
	struct tdxc_gate_report report;
	struct tdxc_gate gate = {};

	TDXC_EXPECT_EQ(tdxc_gate_begin(&gate), 0);
	TDXC_EXPECT_EQ(tdxc_gate_end(&gate), 0);
	TDXC_EXPECT_EQ(tdxc_gate_close(&gate, &wait, &report), 0);
	TDXC_EXPECT_EQ(tdxc_gate_begin(&gate), TDXC_E_CANCELED);
	TDXC_EXPECT_EQ(tdxc_gate_open(&gate), 0);
	return TDXC_SELFTEST_OK;
}

static enum tdxc_selftest_result gives_up(char *why,
					  const struct tdxc_gate_ops *ops)
{
	struct tdxc_gate_wait wait = {ops, NULL, 3000000, U64_MAX};
	struct tdxc_gate_report report;
	struct tdxc_gate gate = {};

	TDXC_EXPECT_EQ(tdxc_gate_begin(&gate), 0);
	TDXC_EXPECT_EQ(tdxc_gate_close(&gate, &wait, &report), TDXC_E_BUSY);
	TDXC_EXPECT_EQ(report.end, TDXC_GATE_TIMED_OUT);
	TDXC_EXPECT_EQ(report.in_flight, 1);
	TDXC_EXPECT(report.waited_ns >= 3000000);
	return TDXC_SELFTEST_OK;
}

static enum tdxc_selftest_result gives_up_in_time(char *why)
{
	return gives_up(why, &tdxc_linux_gate_ops);
}

static enum tdxc_selftest_result gives_up_awake(char *why)
{
	enum tdxc_selftest_result result;

	preempt_disable();
	result = gives_up(why, &tdxc_linux_gate_ops_atomic);
	preempt_enable();
	return result;
}

struct converting {
	struct tdxc_gate gate;
	struct completion begun;
	struct completion done;
	bool let_in;
	bool ended; /* before the gate let the closer go */
};

static int convert(void *arg)
{
	struct converting *c = arg;

	c->let_in = tdxc_gate_begin(&c->gate) == 0;
	complete(&c->begun);
	usleep_range(3000, 6000);
	WRITE_ONCE(c->ended, true);
	tdxc_gate_end(&c->gate);
	complete(&c->done);
	return 0;
}

static enum tdxc_selftest_result waits_for_others(char *why)
{
	struct tdxc_gate_wait wait =
		tdxc_gate_wait_usual(&tdxc_linux_gate_ops, NULL);
	struct converting *c = kzalloc(sizeof(*c), GFP_KERNEL);
	struct tdxc_gate_report report = {};
	struct task_struct *task;
	bool ended, let_in;
	int err;

	TDXC_EXPECT(c);
	init_completion(&c->begun);
	init_completion(&c->done);
	task = kthread_run(convert, c, "tdxcore-test");
	if (IS_ERR(task)) {
		kfree(c);
		TDXC_EXPECT(!IS_ERR(task));
	}
	wait_for_completion(&c->begun);
	err = tdxc_gate_close(&c->gate, &wait, &report);
	ended = READ_ONCE(c->ended);
	wait_for_completion(&c->done);
	let_in = c->let_in;
	kfree(c);
	TDXC_EXPECT(let_in);
	TDXC_EXPECT_EQ(err, 0);
	TDXC_EXPECT(ended);
	TDXC_EXPECT_EQ(report.in_flight, 0);
	return TDXC_SELFTEST_OK;
}

static enum tdxc_selftest_result conversion_is_refused(char *why)
{
	struct tdxc_tdcall_regs regs = {.r11 = TDXC_VMCALL_MAP_GPA};
	u64 status =
		tdxc_linux_convert_ops.tdcall(NULL, TDXC_TDG_VP_VMCALL, &regs);

	TDXC_EXPECT(status == TDXC_STATUS_UD || status == TDXC_STATUS_GP);
	return TDXC_SELFTEST_OK;
}

const struct tdxc_selftest tdxc_selftest_guest[] = {
	{"gate: the clock runs forward", clock_runs},
	{"gate: closed once drained, and opened again", closes_when_drained},
	{"gate: the closer gives up in time", gives_up_in_time},
	{"gate: so does one that may not sleep", gives_up_awake},
	{"gate: the closer waits for a conversion of another thread",
	 waits_for_others},
	{"convert: outside a TD a TDCALL traps, nothing else",
	 conversion_is_refused},
	{},
};
