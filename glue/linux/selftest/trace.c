// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause-Patent)
/* Tracepoints tell what was done, while somebody listens. */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/tracepoint.h>

#include "../mmu.h"
#include "../tdxc_linux.h"
#include "../trace.h"
#include "selftest.h"

/* What a probe was told last; one test at a time, but other CPUs may trace. */
struct heard {
	u64 times;
	u64 a;
	u64 b;
	s64 result;
};

/* A call of this task only. */
static struct task_struct *listener;

static void on_seamcall(void *data, u64 rax, u64 status,
			const struct tdxc_seamcall_regs *regs)
{
	struct heard *h = data;

	if (current != listener)
		return;
	h->times++;
	h->a = rax;
	h->b = status;
}

static void on_fault(void *data, u64 gfn, u32 level, bool is_private,
		     int result)
{
	struct heard *h = data;

	if (current != listener)
		return;
	h->times++;
	h->a = gfn;
	h->b = level;
	h->result = result;
}

static void on_zap(void *data, u64 start, u64 end, bool is_private, int result)
{
	struct heard *h = data;

	if (current != listener)
		return;
	h->times++;
	h->a = start;
	h->b = end;
	h->result = result;
}

static void on_conversion(void *data, u64 rax, u64 status,
			  const struct tdxc_tdcall_regs *regs)
{
	struct heard *h = data;

	if (current != listener)
		return;
	h->times++;
	h->a = rax;
	h->b = status;
}

static enum tdxc_selftest_result tells_calls(char *why)
{
	struct tdxc_seamcall_port port = tdxc_linux_seamcall_port();
	struct tdxc_seamcall_regs regs = {};
	struct heard h = {};
	u64 status;

	listener = current;
	TDXC_EXPECT_EQ(register_trace_tdxcore_seamcall(on_seamcall, &h), 0);
	status = port.ops->call(port.ctx, TDXC_SYS_RD, &regs, TDXC_SEAMCALL_IN);
	unregister_trace_tdxcore_seamcall(on_seamcall, &h);
	tracepoint_synchronize_unregister();
	TDXC_EXPECT_EQ(h.times, 1);
	TDXC_EXPECT_EQ(h.a, TDXC_SYS_RD);
	TDXC_EXPECT_EQ(h.b, status);
	return TDXC_SELFTEST_OK;
}

static enum tdxc_selftest_result tells_conversions(char *why)
{
	struct tdxc_tdcall_regs regs = {};
	struct heard h = {};
	u64 status;

	listener = current;
	TDXC_EXPECT_EQ(register_trace_tdxcore_conversion(on_conversion, &h), 0);
	status = tdxc_linux_convert_ops.tdcall(NULL, TDXC_TDG_VP_INFO, &regs);
	unregister_trace_tdxcore_conversion(on_conversion, &h);
	tracepoint_synchronize_unregister();
	TDXC_EXPECT_EQ(h.times, 1);
	TDXC_EXPECT_EQ(h.a, TDXC_TDG_VP_INFO);
	TDXC_EXPECT_EQ(h.b, status);
	return TDXC_SELFTEST_OK;
}

struct guest {
	struct tdxc_linux_mmu mmu;
	struct tdxc_linux_mmu_cpu cpu;
	struct tdxc_zapped out[4];
};

static struct guest *guest_new(void)
{
	struct tdxc_linux_mmu_config config = {
		.levels = 4,
		.end = 1ull << 30,
		.pages = &tdxc_linux_td_ops,
	};
	struct guest *g = kvzalloc(sizeof(*g), GFP_KERNEL);

	if (!g)
		return NULL;
	tdxc_linux_mmu_cpu_init(&g->cpu);
	if (!tdxc_linux_mmu_init(&g->mmu, &config))
		return g;
	kvfree(g);
	return NULL;
}

static int fault_and_zap(struct guest *g)
{
	struct tdxc_fault fault = {
		.gfn = {0x123},
		.pa = 0x100000000ull,
		.level = TDXC_LEVEL_4K,
		.memory_type = 6,
		.write = true,
		.host_writable = true,
	};
	struct tdxc_zap zap = {
		.start = {0x100},
		.end = {0x200},
		.reason = TDXC_ZAP_SLOT_DELETED,
		.out = g->out,
		.room = ARRAY_SIZE(g->out),
	};
	int err;

	fault.sequence = tdxc_linux_mmu_sequence(&g->mmu);
	err = tdxc_linux_mmu_fault(&g->mmu, &g->cpu, &fault);
	if (err)
		return err;
	tdxc_linux_mmu_invalidate_begin(&g->mmu);
	err = tdxc_linux_mmu_zap(&g->mmu, &g->cpu, &zap);
	tdxc_linux_mmu_invalidate_end(&g->mmu);
	return err;
}

static enum tdxc_selftest_result tells_faults_and_zaps(char *why)
{
	struct heard fault = {}, zap = {};
	struct guest *g = guest_new();
	int err, down;

	TDXC_EXPECT(g);
	listener = current;
	err = register_trace_tdxcore_fault(on_fault, &fault);
	if (!err)
		err = register_trace_tdxcore_zap(on_zap, &zap);
	if (!err)
		err = fault_and_zap(g);
	unregister_trace_tdxcore_zap(on_zap, &zap);
	unregister_trace_tdxcore_fault(on_fault, &fault);
	tracepoint_synchronize_unregister();
	down = tdxc_linux_mmu_destroy(&g->mmu, &g->cpu);
	kvfree(g);
	TDXC_EXPECT_EQ(err, 0);
	TDXC_EXPECT_EQ(down, 0);
	TDXC_EXPECT_EQ(fault.times, 1);
	TDXC_EXPECT_EQ(fault.a, 0x123);
	TDXC_EXPECT_EQ(fault.b, 1);
	TDXC_EXPECT_EQ(fault.result, TDXC_FAULT_FIXED);
	TDXC_EXPECT_EQ(zap.times, 1);
	TDXC_EXPECT_EQ(zap.a, 0x100);
	TDXC_EXPECT_EQ(zap.b, 0x200);
	return TDXC_SELFTEST_OK;
}

const struct tdxc_selftest tdxc_selftest_trace[] = {
	{"trace: a SEAMCALL is told with its status", tells_calls},
	{"trace: a TDCALL is told with its status", tells_conversions},
	{"trace: a fault and a zap are told with their frames",
	 tells_faults_and_zaps},
	{},
};
