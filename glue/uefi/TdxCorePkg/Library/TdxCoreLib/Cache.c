/** @file
  Caches and the TLB.

  SPDX-License-Identifier: BSD-2-Clause-Patent
**/
#include <Uefi.h>
#include <Library/BaseLib.h>
#include <Library/TdxCoreLib.h>

#define CR4_PGE  0x80

RETURN_STATUS
TdxCoreWbinvd (
  IN OUT struct tdxc_coherence_cpu  *Marks OPTIONAL
  )
{
  BOOLEAN  Interrupts;

  if (TdxCoreIsTd ()) {
    return RETURN_UNSUPPORTED;
  }

  Interrupts = SaveAndDisableInterrupts ();
  if (Marks != NULL) {
    tdxc_coherence_flush_begin (Marks);
  }

  AsmWbinvd ();
  if (Marks != NULL) {
    tdxc_coherence_flush_end (Marks);
  }

  SetInterruptState (Interrupts);
  return RETURN_SUCCESS;
}

STATIC
VOID
FlushThis (
  UINTN  Processor,
  VOID   *Context
  )
{
  struct tdxc_coherence_cpu  *Marks = Context;

  TdxCoreWbinvd (Marks == NULL ? NULL : &Marks[Processor]);
}

RETURN_STATUS
TdxCoreWbinvdAll (
  IN OUT struct tdxc_coherence_cpu  *Marks OPTIONAL
  )
{
  if (TdxCoreIsTd ()) {
    return RETURN_UNSUPPORTED;
  }

  return TdxCoreOnAll (FlushThis, Marks);
}

//
// CR3 leaves global entries where they are; a change of CR4.PGE does not.
//
VOID
TdxCoreFlushTlb (
  VOID
  )
{
  BOOLEAN  Interrupts = SaveAndDisableInterrupts ();
  UINTN    Cr4        = AsmReadCr4 ();

  if ((Cr4 & CR4_PGE) != 0) {
    AsmWriteCr4 (Cr4 & ~(UINTN)CR4_PGE);
    AsmWriteCr4 (Cr4);
  } else {
    AsmWriteCr3 (AsmReadCr3 ());
  }

  SetInterruptState (Interrupts);
}
