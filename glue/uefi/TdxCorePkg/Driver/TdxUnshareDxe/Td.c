/** @file
  A TD.

  SPDX-License-Identifier: BSD-2-Clause-Patent
**/
#include <Uefi.h>
#include <Library/BaseLib.h>
#include <Library/BaseMemoryLib.h>

#include <tdxcore/err.h>
#include <tdxcore/version.h>

#include "Platform.h"

#define CPUID_TDX  0x21

//
// The core's callbacks are plain functions of this image: never EFIAPI. The
// instruction's other registers are not passed to the host, for the core asks
// for R10 to R13 only.
//
STATIC
uint64_t
Tdcall (
  void                     *Context,
  uint64_t                 Rax,
  struct tdxc_tdcall_regs  *Regs
  )
{
  register uint64_t  R8  __asm__ ("r8")  = Regs->r8;
  register uint64_t  R9  __asm__ ("r9")  = Regs->r9;
  register uint64_t  R10 __asm__ ("r10") = Regs->r10;
  register uint64_t  R11 __asm__ ("r11") = Regs->r11;
  register uint64_t  R12 __asm__ ("r12") = Regs->r12;
  register uint64_t  R13 __asm__ ("r13") = Regs->r13;

  __asm__ volatile (
    ".byte 0x66, 0x0F, 0x01, 0xCC"
    : "+a" (Rax), "+c" (Regs->rcx), "+d" (Regs->rdx), "+r" (R8), "+r" (R9),
      "+r" (R10), "+r" (R11), "+r" (R12), "+r" (R13)
    :
    : "memory", "cc"
    );
  Regs->r8  = R8;
  Regs->r9  = R9;
  Regs->r10 = R10;
  Regs->r11 = R11;
  Regs->r12 = R12;
  Regs->r13 = R13;
  return Rax;
}

STATIC
int
Zero (
  void      *Context,
  uint64_t  Gpa,
  uint64_t  Bytes
  )
{
  ZeroMem ((VOID *)(UINTN)Gpa, Bytes);
  return TDXC_OK;
}

STATIC CONST struct tdxc_convert_ops  mOps = { TDXC_ABI, Tdcall, Zero };

EFI_STATUS
PlatformBegin (
  OUT TDX_UNSHARE_PLATFORM  *Platform
  )
{
  struct tdxc_tdcall_diag  Diag;
  UINT32                   Eax;
  UINT32                   Name[3];

  AsmCpuid (0, &Eax, NULL, NULL, NULL);
  if (Eax < CPUID_TDX) {
    return EFI_UNSUPPORTED;
  }

  AsmCpuidEx (CPUID_TDX, 0, NULL, &Name[0], &Name[2], &Name[1]);
  if (CompareMem (Name, "IntelTDX    ", sizeof (Name)) != 0) {
    return EFI_UNSUPPORTED;
  }

  if (tdxc_convert_gpaw (&mOps, NULL, &Platform->Gpaw, &Diag) != TDXC_OK) {
    return EFI_UNSUPPORTED;
  }

  Platform->Ops       = &mOps;
  Platform->Context   = NULL;
  Platform->SharedBit = Platform->Gpaw - 1;
  return EFI_SUCCESS;
}
