/** @file
  SEAMCALL, for the core.

  SPDX-License-Identifier: BSD-2-Clause-Patent
**/
#include "Trap.h"

STATIC
UINT32
ActOf (
  IN UINT64  Rax
  )
{
  return (Rax & (TDXC_SEAMLDR | 0xFFFF)) == TDXC_VP_ENTER ? TDXC_COHERENCE_BY_TD : TDXC_COHERENCE_BY_SEAMCALL;
}

STATIC
uint64_t
Execute (
  uint64_t                   Rax,
  struct tdxc_seamcall_regs  *Regs,
  enum tdxc_seamcall_shape   Shape
  )
{
  struct tdxc_seamcall_full  Full;

  if (Shape == TDXC_SEAMCALL_FULL) {
    return TdxCoreTry (TdxCoreAsmSeamcall, Rax, Regs);
  }

  memset (&Full, 0, sizeof (Full));
  Full.common = *Regs;
  Rax         = TdxCoreTry (TdxCoreAsmSeamcall, Rax, &Full);
  if (Shape == TDXC_SEAMCALL_RET) {
    *Regs = Full.common;
  }

  return Rax;
}

//
// The mark stands before the call: whatever stops this processor sees it.
//
STATIC
uint64_t
Call (
  void                       *Context,
  uint64_t                   Rax,
  struct tdxc_seamcall_regs  *Regs,
  enum tdxc_seamcall_shape   Shape
  )
{
  struct tdxc_coherence_cpu  *Marks = Context;
  UINT64                     Status;

  if (Marks != NULL) {
    tdxc_coherence_begin (Marks, ActOf (Rax));
  }

  Status = Execute (Rax, Regs, Shape);
  if (Marks != NULL) {
    tdxc_coherence_end (Marks);
  }

  return Status;
}

CONST struct tdxc_seamcall_ops  gTdxCoreSeamcallOps = { TDXC_ABI, Call };
