// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause-Patent)
/* Registers of the machine, for the core to judge. */
#include <linux/module.h>
#include <linux/printk.h>

#include "compat.h"
#include "sim/sim.h"
#include "tdxc_linux.h"

static struct tdxc_platform platform;

static void read_msr(u32 msr, struct tdxc_platform_msr *to)
{
	to->readable = tdxc_compat_rdmsr_safe(msr, &to->value) == 0;
	if (!to->readable)
		to->value = 0;
}

static void read_cpuid(struct tdxc_platform_regs *regs)
{
	u32 eax, ebx, ecx, edx;

	cpuid(0, &eax, &ebx, &ecx, &edx);
	regs->cpuid_0_ebx = ebx;
	regs->cpuid_0_ecx = ecx;
	regs->cpuid_0_edx = edx;
	if (eax >= 7)
		regs->cpuid_7_ecx = cpuid_ecx(7);
	cpuid(1, &eax, &ebx, &ecx, &edx);
	regs->cpuid_1_eax = eax;
	regs->cpuid_1_ecx = ecx;
	regs->cpuid_1_edx = edx;
	if (cpuid_eax(0x80000000) >= 0x80000008)
		regs->cpuid_80000008_eax = cpuid_eax(0x80000008);
}

void tdxc_linux_platform_regs(struct tdxc_platform_regs *regs)
{
	memset(regs, 0, sizeof(*regs));
	regs->abi = TDXC_ABI;
	read_msr(TDXC_MSR_KEYID_PARTITIONING, &regs->keyid_partitioning);
	read_msr(TDXC_MSR_TME_ACTIVATE, &regs->tme_activate);
	read_msr(TDXC_MSR_VMX_BASIC, &regs->vmx_basic);
	read_msr(TDXC_MSR_MTRRCAP, &regs->mtrrcap);
	read_msr(TDXC_MSR_SEAMRR_BASE, &regs->seamrr_base);
	read_msr(TDXC_MSR_SEAMRR_MASK, &regs->seamrr_mask);
	read_cpuid(regs);
	/* power.c refuses both from bring-up on. */
	regs->hibernation_excluded = true;
	regs->s3_excluded = true;
	tdxc_ksim_firmware_regs(regs);
}

const struct tdxc_platform *tdxc_linux_platform(void)
{
	return &platform;
}

int tdxc_linux_cpu_init(void)
{
	const struct tdxc_platform_finding *finding;
	struct tdxc_platform_regs regs;
	int err;

	tdxc_linux_platform_regs(&regs);
	err = tdxc_platform_judge(&regs, &platform);
	if (err)
		return err;
	finding = tdxc_platform_first(&platform, TDXC_PLATFORM_FAIL);
	if (finding)
		pr_info("tdxcore: no TDX here: %s: %s (%s is 0x%llx)\n",
			tdxc_platform_check_name(finding->check),
			tdxc_platform_reason_text(finding->reason),
			tdxc_platform_check_source(finding->check),
			finding->value);
	return 0;
}

void tdxc_linux_cpu_exit(void)
{
}
