/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* The registers of the simulated machine, for the core. */
#include "platform.h"

#include <string.h>

static struct tdxc_platform_msr read_msr(const struct tdxc_sim_machine *machine,
					 uint32_t lp, uint32_t index)
{
	struct tdxc_platform_msr msr;

	msr.readable = tdxc_sim_machine_rdmsr(machine, lp, index, &msr.value) ==
		       TDXC_OK;
	return msr;
}

int tdxc_sim_port_platform(const struct tdxc_sim_machine *machine, uint32_t lp,
			   struct tdxc_platform_regs *regs)
{
	struct tdxc_sim_cpuid vendor;
	struct tdxc_sim_cpuid one;

	if (lp >= machine->platform.nr_lps)
		return TDXC_E_INVAL;
	vendor = tdxc_sim_machine_cpuid(machine, lp, 0, 0);
	one = tdxc_sim_machine_cpuid(machine, lp, 1, 0);
	memset(regs, 0, sizeof(*regs));
	regs->abi = TDXC_ABI;
	regs->keyid_partitioning =
		read_msr(machine, lp, TDXC_MSR_KEYID_PARTITIONING);
	regs->tme_activate = read_msr(machine, lp, TDXC_MSR_TME_ACTIVATE);
	regs->vmx_basic = read_msr(machine, lp, TDXC_MSR_VMX_BASIC);
	regs->mtrrcap = read_msr(machine, lp, TDXC_MSR_MTRRCAP);
	regs->seamrr_base = read_msr(machine, lp, TDXC_MSR_SEAMRR_BASE);
	regs->seamrr_mask = read_msr(machine, lp, TDXC_MSR_SEAMRR_MASK);
	regs->cpuid_0_ebx = vendor.ebx;
	regs->cpuid_0_edx = vendor.edx;
	regs->cpuid_0_ecx = vendor.ecx;
	regs->cpuid_1_eax = one.eax;
	regs->cpuid_1_ecx = one.ecx;
	regs->cpuid_1_edx = one.edx;
	regs->cpuid_7_ecx = tdxc_sim_machine_cpuid(machine, lp, 7, 0).ecx;
	regs->cpuid_80000008_eax =
		tdxc_sim_machine_cpuid(machine, lp, 0x80000008u, 0).eax;
	regs->hibernation_excluded = true;
	regs->s3_excluded = true;
	return TDXC_OK;
}
