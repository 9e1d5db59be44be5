/** @file
  TDCALL, for the core.

  SPDX-License-Identifier: BSD-2-Clause-Patent
**/
#include "Trap.h"

#include <Library/BaseLib.h>

#define CPUID_TDX     0x21
#define NAME_INTEL    0x65746E49  // "Inte"
#define NAME_L_TDX    0x5844546C  // "lTDX"
#define NAME_NOTHING  0x20202020  // "    "

BOOLEAN
TdxCoreIsTd (
  VOID
  )
{
  UINT32  Max;
  UINT32  Ebx;
  UINT32  Ecx;
  UINT32  Edx;

  AsmCpuid (0, &Max, NULL, NULL, NULL);
  if (Max < CPUID_TDX) {
    return FALSE;
  }

  AsmCpuidEx (CPUID_TDX, 0, NULL, &Ebx, &Ecx, &Edx);
  return Ebx == NAME_INTEL && Edx == NAME_L_TDX && Ecx == NAME_NOTHING;
}

STATIC
uint64_t
Tdcall (
  void                     *Context,
  uint64_t                 Rax,
  struct tdxc_tdcall_regs  *Regs
  )
{
  return TdxCoreTry (TdxCoreAsmTdcall, Rax, Regs);
}

STATIC
int
Zero (
  void      *Context,
  uint64_t  Gpa,
  uint64_t  Bytes
  )
{
  memset ((VOID *)(UINTN)Gpa, 0, Bytes);
  return TDXC_OK;
}

CONST struct tdxc_convert_ops  gTdxCoreConvertOps = { TDXC_ABI, Tdcall, Zero };
