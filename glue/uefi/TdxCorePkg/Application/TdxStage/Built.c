/** @file
  The driver's code on page tables that are not in use, with this processor's
  ways of opening tables and flushing the TLB.

  SPDX-License-Identifier: BSD-2-Clause-Patent
**/
#include "TdxStage.h"

#include <Library/MemoryAllocationLib.h>

#include "../../Driver/TdxUnshareDxe/TdxUnshareDxe.h"
#include "Defects.h"

STATIC uint64_t  mFlushes;

STATIC
uint64_t
OpenTables (
  void  *Context
  )
{
  return gCpuTablesOps.open (Context);
}

STATIC
void
CloseTables (
  void      *Context,
  uint64_t  Said
  )
{
  gCpuTablesOps.close (Context, Said);
}

STATIC
void
FlushTlb (
  void  *Context
  )
{
  mFlushes++;
  gCpuTablesOps.flush (Context);
}

STATIC CONST struct tdxc_tables_ops  mOps = { OpenTables, CloseTables, FlushTlb };

VOID
RunDefects (
  VOID
  )
{
  struct tdxc_defect_rig  Rig;
  UINT32                  Test;

  Rig.memory  = AllocatePages (TDXC_DEFECT_PAGES);
  Rig.guest   = AllocatePages (EFI_SIZE_TO_PAGES (sizeof (*Rig.guest)));
  Rig.ops     = &mOps;
  Rig.ctx     = NULL;
  Rig.flushes = &mFlushes;
  for (Test = 0; Test < tdxc_defect_count (); Test++) {
    CONST CHAR8  *Why = "no memory";

    if ((Rig.memory != NULL) && (Rig.guest != NULL)) {
      Why = tdxc_defect_run (&Rig, Test);
    }

    TapResult (tdxc_defect_name (Test), Why);
  }
}
