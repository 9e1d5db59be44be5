/** @file
  Registers of this processor, for the core to judge.

  SPDX-License-Identifier: BSD-2-Clause-Patent
**/
#include "Trap.h"

#include <Library/BaseLib.h>

#define CPUID_FEATURES_7    7
#define CPUID_MAX_EXTENDED  0x80000000
#define CPUID_ADDRESSES     0x80000008

STATIC
VOID
ReadMsr (
  IN  UINT32                    Index,
  OUT struct tdxc_platform_msr  *Msr
  )
{
  Msr->value    = 0;
  Msr->readable = TdxCoreTry (TdxCoreAsmRdmsr, Index, &Msr->value) == 0;
}

VOID
TdxCorePlatformRegs (
  OUT struct tdxc_platform_regs  *Regs
  )
{
  UINT32  Max;

  memset (Regs, 0, sizeof (*Regs));
  Regs->abi = TDXC_ABI;
  ReadMsr (TDXC_MSR_KEYID_PARTITIONING, &Regs->keyid_partitioning);
  ReadMsr (TDXC_MSR_TME_ACTIVATE, &Regs->tme_activate);
  ReadMsr (TDXC_MSR_VMX_BASIC, &Regs->vmx_basic);
  ReadMsr (TDXC_MSR_MTRRCAP, &Regs->mtrrcap);
  ReadMsr (TDXC_MSR_SEAMRR_BASE, &Regs->seamrr_base);
  ReadMsr (TDXC_MSR_SEAMRR_MASK, &Regs->seamrr_mask);
  AsmCpuid (0, &Max, &Regs->cpuid_0_ebx, &Regs->cpuid_0_ecx, &Regs->cpuid_0_edx);
  AsmCpuid (1, &Regs->cpuid_1_eax, NULL, &Regs->cpuid_1_ecx, &Regs->cpuid_1_edx);
  if (Max >= CPUID_FEATURES_7) {
    AsmCpuidEx (CPUID_FEATURES_7, 0, NULL, NULL, &Regs->cpuid_7_ecx, NULL);
  }

  AsmCpuid (CPUID_MAX_EXTENDED, &Max, NULL, NULL, NULL);
  if (Max >= CPUID_ADDRESSES) {
    AsmCpuid (CPUID_ADDRESSES, &Regs->cpuid_80000008_eax, NULL, NULL, NULL);
  }

  //
  // Firmware offers no sleep to itself.
  //
  Regs->hibernation_excluded = TRUE;
  Regs->s3_excluded          = TRUE;
}
