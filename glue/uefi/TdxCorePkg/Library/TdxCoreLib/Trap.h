/** @file
  Instructions that may trap, executed once.

  SPDX-License-Identifier: BSD-2-Clause-Patent
**/
#ifndef TDX_CORE_TRAP_H_
#define TDX_CORE_TRAP_H_

#include <Uefi.h>
#include <Library/TdxCoreLib.h>

//
// Of the assembly in Trap.c: EFIAPI, for its convention is the same with every
// compiler. RAX is what they return; registers that the instruction did not
// change are not changed.
//
typedef UINT64 (EFIAPI *TRAP_INSTRUCTION)(
  UINT64  Rax,
  VOID    *Registers
  );

/// Registers: struct tdxc_seamcall_full.
UINT64
EFIAPI
TdxCoreAsmSeamcall (
  UINT64  Rax,
  VOID    *Registers
  );

/// Registers: struct tdxc_tdcall_regs.
UINT64
EFIAPI
TdxCoreAsmTdcall (
  UINT64  Rax,
  VOID    *Registers
  );

/// RDMSR of Index into a UINT64; returns 0.
UINT64
EFIAPI
TdxCoreAsmRdmsr (
  UINT64  Index,
  VOID    *Value
  );

/**
  Execute with interrupts off, #UD and #GP caught.

  @return  What the instruction does, TDXC_STATUS_UD or TDXC_STATUS_GP.
**/
UINT64
TdxCoreTry (
  IN     TRAP_INSTRUCTION  Instruction,
  IN     UINT64            Rax,
  IN OUT VOID              *Registers
  );

#endif
