// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause-Patent)
/* The primitives on this machine, which need not have TDX. */
#include <linux/cpumask.h>
#include <linux/gfp.h>
#include <linux/irqflags.h>
#include <linux/mm.h>
#include <linux/preempt.h>
#include <linux/smp.h>
#include <linux/string.h>

#include <asm/processor.h>

#include "../compat.h"
#include "../tdxc_linux.h"
#include "selftest.h"

static const struct tdxc_seamcall_full pattern = {
	.common = {0x11, 0x12, 0x18, 0x19, 0x1a, 0x1b},
	.rbx = 0x23,
	.rsi = 0x26,
	.rdi = 0x27,
	.r12 = 0x2c,
	.r13 = 0x2d,
	.r14 = 0x2e,
	.r15 = 0x2f,
};

static bool no_answer(u64 status)
{
	return status == TDXC_STATUS_UD || status == TDXC_STATUS_GP ||
	       status == TDXC_STATUS_VMFAILINVALID;
}

/* Outside VMX operation, which these tests do not enter. */
static bool outside_vmx(void)
{
	return !(native_read_cr4() & X86_CR4_VMXE);
}

static enum tdxc_selftest_result traps_become_codes(char *why)
{
	struct tdxc_seamcall_regs regs = pattern.common;

	TDXC_SKIP_UNLESS(outside_vmx(), "VMX is on");
	TDXC_EXPECT_EQ(tdxc_linux_seamcall_asm(TDXC_SYS_INIT, &regs),
		       TDXC_STATUS_UD);
	return TDXC_SELFTEST_OK;
}

static enum tdxc_selftest_result six_stay(char *why)
{
	struct tdxc_seamcall_regs regs = pattern.common;

	TDXC_SKIP_UNLESS(outside_vmx(), "VMX is on");
	TDXC_EXPECT(no_answer(tdxc_linux_seamcall_asm(TDXC_SYS_RD, &regs)));
	TDXC_EXPECT(!memcmp(&regs, &pattern.common, sizeof(regs)));
	return TDXC_SELFTEST_OK;
}

static enum tdxc_selftest_result all_stay(char *why)
{
	struct tdxc_seamcall_full regs = pattern;
	u64 status;

	TDXC_SKIP_UNLESS(outside_vmx(), "VMX is on");
	status = tdxc_linux_seamcall_full_asm(TDXC_MEM_PAGE_DEMOTE, &regs);
	TDXC_EXPECT_EQ(status, TDXC_STATUS_UD);
	TDXC_EXPECT(!memcmp(&regs, &pattern, sizeof(regs)));
	return TDXC_SELFTEST_OK;
}

static enum tdxc_selftest_result registers_zeroed(char *why)
{
	struct tdxc_seamcall_full regs = pattern;
	u64 rcx, r8, r11;

	TDXC_SKIP_UNLESS(outside_vmx(), "VMX is on");
	tdxc_linux_seamcall_full_asm(TDXC_MEM_PAGE_DEMOTE, &regs);
	/* What the call left in registers that nothing saves. */
	asm volatile("" : "=c"(rcx));
	asm volatile("mov %%r8, %0" : "=r"(r8));
	asm volatile("mov %%r11, %0" : "=r"(r11));
	TDXC_EXPECT(rcx != pattern.common.rcx);
	TDXC_EXPECT(r8 != pattern.common.r8);
	TDXC_EXPECT(r11 != pattern.common.r11);
	return TDXC_SELFTEST_OK;
}

static enum tdxc_selftest_result in_is_not_written(char *why)
{
	struct tdxc_seamcall_port port = tdxc_linux_seamcall_port();
	struct tdxc_seamcall_regs regs = pattern.common;

	TDXC_SKIP_UNLESS(outside_vmx(), "VMX is on");
	TDXC_EXPECT_EQ(port.ops->call(port.ctx, TDXC_SYS_LP_INIT, &regs,
				      TDXC_SEAMCALL_IN),
		       TDXC_STATUS_UD);
	TDXC_EXPECT(!memcmp(&regs, &pattern.common, sizeof(regs)));
	return TDXC_SELFTEST_OK;
}

static enum tdxc_selftest_result tdcall_traps(char *why)
{
	struct tdxc_tdcall_regs regs = {1, 2, 8, 9, 10, 11, 12, 13};
	const struct tdxc_tdcall_regs before = regs;
	u64 status = tdxc_linux_tdcall_asm(TDXC_TDG_VP_INFO, &regs);

	TDXC_EXPECT(status == TDXC_STATUS_UD || status == TDXC_STATUS_GP);
	TDXC_EXPECT(!memcmp(&regs, &before, sizeof(regs)));
	return TDXC_SELFTEST_OK;
}

static enum tdxc_selftest_result core_says_access(char *why)
{
	struct tdxc_seamcall_port port = tdxc_linux_seamcall_port();
	struct tdxc_seamcall_limits limits = tdxc_seamcall_limits_usual();
	struct tdxc_seamcall_regs regs = {};
	struct tdxc_seamcall_diag diag;

	TDXC_SKIP_UNLESS(outside_vmx(), "VMX is on");
	TDXC_EXPECT_EQ(tdxc_seamcall(&port, TDXC_SYS_INIT, &regs,
				     TDXC_SEAMCALL_RET, &limits, &diag),
		       TDXC_E_ACCES);
	TDXC_EXPECT_EQ(diag.status, TDXC_STATUS_UD);
	TDXC_EXPECT_EQ(diag.calls, 1);
	return TDXC_SELFTEST_OK;
}

static enum tdxc_selftest_result seamldr_traps(char *why)
{
	struct tdxc_seamcall_port port = tdxc_linux_seamcall_port();
	struct tdxc_seamcall_regs regs = {};

	TDXC_SKIP_UNLESS(outside_vmx(), "VMX is on");
	TDXC_EXPECT_EQ(port.ops->call(port.ctx, TDXC_SEAMLDR_INFO, &regs,
				      TDXC_SEAMCALL_IN),
		       TDXC_STATUS_UD);
	TDXC_EXPECT(!irqs_disabled());
	return TDXC_SELFTEST_OK;
}

static enum tdxc_selftest_result calls_are_counted(char *why)
{
	static struct tdxc_linux_calls before, after;
	struct tdxc_seamcall_port port = tdxc_linux_seamcall_port();
	struct tdxc_seamcall_regs regs = {};

	TDXC_SKIP_UNLESS(outside_vmx(), "VMX is on");
	tdxc_linux_calls_sum(&before);
	port.ops->call(port.ctx, TDXC_SYS_RD, &regs, TDXC_SEAMCALL_IN);
	tdxc_linux_calls_sum(&after);
	TDXC_EXPECT_EQ(after.leaf[TDXC_SYS_RD], before.leaf[TDXC_SYS_RD] + 1);
	TDXC_EXPECT_EQ(after.failed, before.failed + 1);
	return TDXC_SELFTEST_OK;
}

static enum tdxc_selftest_result calls_mark_their_cpu(char *why)
{
	struct tdxc_seamcall_port port = tdxc_linux_seamcall_port();
	struct tdxc_seamcall_regs regs = {};
	u32 reasons, left;

	TDXC_SKIP_UNLESS(outside_vmx(), "VMX is on");
	preempt_disable();
	port.ops->call(port.ctx, TDXC_SYS_RD, &regs, TDXC_SEAMCALL_IN);
	reasons = tdxc_coherence_reasons(tdxc_linux_coherence_this());
	tdxc_linux_wbinvd();
	left = tdxc_coherence_reasons(tdxc_linux_coherence_this());
	preempt_enable();
	TDXC_EXPECT(reasons & TDXC_COHERENCE_BY_SEAMCALL);
	TDXC_EXPECT_EQ(left & TDXC_COHERENCE_ACTS, 0);
	return TDXC_SELFTEST_OK;
}

static enum tdxc_selftest_result flush_reaches_all(char *why)
{
	struct tdxc_seamcall_port port = tdxc_linux_seamcall_port();
	struct tdxc_seamcall_regs regs = {};
	int cpu;

	port.ops->call(port.ctx, TDXC_SYS_RD, &regs, TDXC_SEAMCALL_IN);
	tdxc_linux_wbinvd_all();
	for_each_online_cpu(cpu) TDXC_EXPECT_EQ(
		tdxc_coherence_reasons(tdxc_linux_coherence_of(cpu)) &
			TDXC_COHERENCE_ACTS,
		0);
	return TDXC_SELFTEST_OK;
}

static enum tdxc_selftest_result writes_back(char *why)
{
	unsigned long page = __get_free_page(GFP_KERNEL);
	u64 seen;

	TDXC_EXPECT(page);
	*(u64 *)page = 0x1234;
	tdxc_linux_wbnoinvd();
	tdxc_linux_clflush((void *)page, PAGE_SIZE);
	seen = READ_ONCE(*(u64 *)page);
	free_page(page);
	TDXC_EXPECT_EQ(seen, 0x1234);
	return TDXC_SELFTEST_OK;
}

static enum tdxc_selftest_result rewrites(char *why)
{
	unsigned long page;
	void *wrong;

	TDXC_SKIP_UNLESS(tdxc_linux_has_movdir64b(), "no MOVDIR64B");
	page = __get_free_page(GFP_KERNEL);
	TDXC_EXPECT(page);
	memset((void *)page, 0xA5, PAGE_SIZE);
	tdxc_linux_rewrite((void *)page, PAGE_SIZE);
	wrong = memchr_inv((void *)page, 0, PAGE_SIZE);
	free_page(page);
	TDXC_EXPECT(!wrong);
	return TDXC_SELFTEST_OK;
}

static enum tdxc_selftest_result flushes_tlb(char *why)
{
	unsigned long before = native_read_cr4();

	tdxc_linux_flush_tlb();
	TDXC_EXPECT_EQ(native_read_cr4(), before);
	return TDXC_SELFTEST_OK;
}

static enum tdxc_selftest_result missing_msr(char *why)
{
	u64 value;

	/* No CPU has this one; some emulators answer all the same. */
	TDXC_SKIP_UNLESS(tdxc_compat_rdmsr_safe(0x4000DEAD, &value) != 0,
			 "this machine answers for every MSR");
	return TDXC_SELFTEST_OK;
}

static enum tdxc_selftest_result registers_are_read(char *why)
{
	struct tdxc_platform_regs regs;

	tdxc_linux_platform_regs(&regs);
	TDXC_EXPECT_EQ(regs.abi, TDXC_ABI);
	TDXC_EXPECT_EQ(regs.cpuid_1_eax, cpuid_eax(1));
	TDXC_EXPECT((regs.cpuid_80000008_eax & 0xFF) >= 36);
	TDXC_EXPECT(regs.mtrrcap.readable);
	return TDXC_SELFTEST_OK;
}

static enum tdxc_selftest_result cpus_agree(char *why)
{
	const struct tdxc_platform *p = tdxc_linux_platform();
	struct tdxc_platform_regs regs;
	struct tdxc_platform here;

	tdxc_linux_platform_regs(&regs);
	TDXC_EXPECT_EQ(tdxc_platform_judge(&regs, &here), 0);
	TDXC_EXPECT_EQ(here.usable, p->usable);
	TDXC_EXPECT(!memcmp(here.report, p->report, sizeof(here.report)));
	return TDXC_SELFTEST_OK;
}

static enum tdxc_selftest_result reason_is_given(char *why)
{
	const struct tdxc_platform *p = tdxc_linux_platform();

	TDXC_EXPECT(p->usable || tdxc_platform_first(p, TDXC_PLATFORM_FAIL));
	return TDXC_SELFTEST_OK;
}

static enum tdxc_selftest_result vmx_on_off(char *why)
{
	unsigned long before = native_read_cr4() & X86_CR4_VMXE;
	int err = tdxc_linux_vmx_get();

	if (before) {
		TDXC_EXPECT(err == -EBUSY || err == -EOPNOTSUPP);
		return TDXC_SELFTEST_OK;
	}
	if (err) {
		TDXC_EXPECT_EQ(native_read_cr4() & X86_CR4_VMXE, before);
		TDXC_EXPECT(err == -EOPNOTSUPP || err == -EIO);
		TDXC_EXPECT(*tdxc_linux_vmx_text(err));
		return TDXC_SELFTEST_OK;
	}
	tdxc_linux_vmx_put();
	TDXC_EXPECT_EQ(native_read_cr4() & X86_CR4_VMXE, 0);
	return TDXC_SELFTEST_OK;
}

static enum tdxc_selftest_result vmx_again(char *why)
{
	int first = tdxc_linux_vmx_get();

	if (!first)
		tdxc_linux_vmx_put();
	TDXC_EXPECT_EQ(tdxc_linux_vmx_get(), first);
	if (!first)
		tdxc_linux_vmx_put();
	return TDXC_SELFTEST_OK;
}

const struct tdxc_selftest tdxc_selftest_primitives[] = {
	{"seamcall: #UD comes back as a status", traps_become_codes},
	{"seamcall: a trap leaves the six registers", six_stay},
	{"seamcall: a trap leaves all registers of the full shape", all_stay},
	{"seamcall: no guest value stays in a register", registers_zeroed},
	{"seamcall: the shape IN writes nothing back", in_is_not_written},
	{"seamcall: a call to the P-SEAMLDR traps and unlocks", seamldr_traps},
	{"seamcall: the core says EACCES for #UD, after one call",
	 core_says_access},
	{"seamcall: every call is counted by leaf", calls_are_counted},
	{"seamcall: the CPU is marked until it flushed", calls_mark_their_cpu},
	{"tdcall: a trap comes back as a status", tdcall_traps},
	{"cache: WBINVD reaches every CPU", flush_reaches_all},
	{"cache: WBNOINVD and CLFLUSH keep what was written", writes_back},
	{"cache: MOVDIR64B leaves zeros", rewrites},
	{"cache: the TLB is flushed and CR4 is as before", flushes_tlb},
	{"cpu: a missing MSR is an answer, not a fault", missing_msr},
	{"cpu: registers are those of this machine", registers_are_read},
	{"cpu: the report is the same on this CPU", cpus_agree},
	{"cpu: without TDX a reason is named", reason_is_given},
	{"vmx: on and off, or refused and nothing changed", vmx_on_off},
	{"vmx: asked twice it answers the same", vmx_again},
	{},
};
