/** @file
  The page tables of this processor.

  A TD's firmware runs on one processor until the OS takes the others, and they
  load CR3 then. Elsewhere they would have to flush as well.

  SPDX-License-Identifier: BSD-2-Clause-Patent
**/
#include "TdxUnshareDxe.h"

#include <Library/TdxCoreLib.h>

//
// The core's callbacks are plain functions: none is EFIAPI.
//
STATIC
uint64_t
OpenTables (
  void  *Context
  )
{
  return TdxCoreOpenTables ();
}

STATIC
void
CloseTables (
  void      *Context,
  uint64_t  Said
  )
{
  TdxCoreCloseTables (Said);
}

STATIC
void
FlushTlb (
  void  *Context
  )
{
  TdxCoreFlushTlb ();
}

CONST struct tdxc_tables_ops  gCpuTablesOps = {
  OpenTables, CloseTables, FlushTlb
};

EFI_STATUS
CpuTables (
  IN  UINT32              SharedBit,
  OUT struct tdxc_tables  *Tables
  )
{
  TDX_CORE_TABLES  Cpu;

  TdxCoreTables (&Cpu);
  if (!Cpu.CanWrite) {
    return EFI_UNSUPPORTED;
  }

  memset (Tables, 0, sizeof (*Tables));
  Tables->root       = Cpu.Root;
  Tables->levels     = Cpu.Levels;
  Tables->shared_bit = SharedBit;
  Tables->pa_bits    = MIN (Cpu.PaBits, SharedBit);
  Tables->ops        = &gCpuTablesOps;
  return EFI_SUCCESS;
}
