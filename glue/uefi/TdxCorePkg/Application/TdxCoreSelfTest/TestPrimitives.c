/** @file
  TdxCoreLib's primitives, on the machine that this runs on.

  SPDX-License-Identifier: BSD-2-Clause-Patent
**/
#include "SelfTest.h"

#include <Library/BaseLib.h>
#include <Library/BaseMemoryLib.h>
#include <Library/MemoryAllocationLib.h>
#include <Library/TdxCoreLib.h>
#include <Library/UefiBootServicesTableLib.h>

#define PROCESSORS   256
#define CR0_WP       0x10000
#define MSR_MTRRCAP  0xFE
#define PATTERN      0x5DEECE66D1234567ULL

STATIC UINT64                     mRan[PROCESSORS];
STATIC struct tdxc_coherence_cpu  mMarks[PROCESSORS];

STATIC
CONST CHAR8 *
TestStatus (
  VOID
  )
{
  STATIC CONST int  Errors[] = {
    TDXC_E_NOENT, TDXC_E_IO,    TDXC_E_AGAIN, TDXC_E_NOMEM, TDXC_E_ACCES,     TDXC_E_BUSY, TDXC_E_EXIST,
    TDXC_E_NODEV, TDXC_E_INVAL, TDXC_E_NOSPC, TDXC_E_RANGE, TDXC_E_OPNOTSUPP,
  };

  UINTN  Index;

  TAP_CHECK (TdxCoreStatus (TDXC_OK) == RETURN_SUCCESS);
  for (Index = 0; Index < ARRAY_SIZE (Errors); Index++) {
    TAP_CHECK (RETURN_ERROR (TdxCoreStatus (Errors[Index])));
    TAP_CHECK (TdxCoreStatus (Errors[Index]) != RETURN_ABORTED);
  }

  TAP_CHECK (TdxCoreStatus (TDXC_E_CANCELED) == RETURN_ABORTED);
  TAP_CHECK (TdxCoreStatus (-1) == RETURN_ABORTED);
  return NULL;
}

//
// Instructions. Without TDX they trap; with it this firmware would have to own
// the module to try them.
//
STATIC
BOOLEAN
HasTdx (
  VOID
  )
{
  struct tdxc_platform_regs  Regs;
  struct tdxc_platform       Platform;

  TdxCorePlatformRegs (&Regs);
  return TdxCoreIsTd () || (tdxc_platform_judge (&Regs, &Platform) == TDXC_OK && Platform.seamrr_enabled);
}

STATIC
VOID
Fill (
  OUT VOID   *Buffer,
  IN  UINTN  Words
  )
{
  UINT64  *Word = Buffer;
  UINTN   Index;

  for (Index = 0; Index < Words; Index++) {
    Word[Index] = PATTERN * (Index + 1);
  }
}

STATIC
CONST CHAR8 *
TestSeamcall (
  VOID
  )
{
  struct tdxc_seamcall_regs  Regs;
  struct tdxc_seamcall_regs  Before;
  UINT64                     Status;

  if (HasTdx ()) {
    return TAP_SKIP "there is TDX";
  }

  Fill (&Regs, sizeof (Regs) / 8);
  Before = Regs;
  Status = gTdxCoreSeamcallOps.call (NULL, TDXC_SYS_INIT, &Regs, TDXC_SEAMCALL_RET);
  TAP_CHECK (Status == TDXC_STATUS_UD);
  TAP_CHECK (CompareMem (&Regs, &Before, sizeof (Regs)) == 0);
  return NULL;
}

STATIC
CONST CHAR8 *
TestSeamcallFull (
  VOID
  )
{
  struct tdxc_seamcall_full  Regs;
  struct tdxc_seamcall_full  Before;
  UINT64                     Status;

  if (HasTdx ()) {
    return TAP_SKIP "there is TDX";
  }

  Fill (&Regs, sizeof (Regs) / 8);
  Before = Regs;
  Status = gTdxCoreSeamcallOps.call (NULL, TDXC_VP_ENTER, &Regs.common, TDXC_SEAMCALL_FULL);
  TAP_CHECK (Status == TDXC_STATUS_UD);
  TAP_CHECK (CompareMem (&Regs, &Before, sizeof (Regs)) == 0);
  return NULL;
}

STATIC
CONST CHAR8 *
TestSeamcallCore (
  VOID
  )
{
  struct tdxc_seamcall_port    Port   = { &gTdxCoreSeamcallOps, NULL };
  struct tdxc_seamcall_limits  Limits = tdxc_seamcall_limits_usual ();
  struct tdxc_seamcall_regs    Regs;
  struct tdxc_seamcall_diag    Diag;

  if (HasTdx ()) {
    return TAP_SKIP "there is TDX";
  }

  ZeroMem (&Regs, sizeof (Regs));
  TAP_CHECK (tdxc_seamcall (&Port, TDXC_SYS_INIT, &Regs, TDXC_SEAMCALL_RET, &Limits, &Diag) == TDXC_E_ACCES);
  TAP_CHECK (Diag.calls == 1 && Diag.status == TDXC_STATUS_UD);
  TdxCoreLogSeamcall (&Diag);
  return NULL;
}

STATIC
CONST CHAR8 *
TestSeamcallMarks (
  VOID
  )
{
  struct tdxc_coherence_cpu  Marks;
  struct tdxc_seamcall_regs  Regs;

  if (HasTdx ()) {
    return TAP_SKIP "there is TDX";
  }

  ZeroMem (&Marks, sizeof (Marks));
  ZeroMem (&Regs, sizeof (Regs));
  gTdxCoreSeamcallOps.call (&Marks, TDXC_SYS_INIT, &Regs, TDXC_SEAMCALL_IN);
  TAP_CHECK (tdxc_coherence_reasons (&Marks) == TDXC_COHERENCE_BY_SEAMCALL);
  TAP_CHECK (TdxCoreWbinvd (&Marks) == RETURN_SUCCESS);
  TAP_CHECK (tdxc_coherence_reasons (&Marks) == 0);
  return NULL;
}

STATIC
CONST CHAR8 *
TestTdcall (
  VOID
  )
{
  struct tdxc_tdcall_regs  Regs;

  if (TdxCoreIsTd ()) {
    return TAP_SKIP "this is a TD";
  }

  Fill (&Regs, sizeof (Regs) / 8);
  TAP_CHECK (gTdxCoreConvertOps.tdcall (NULL, 0, &Regs) == TDXC_STATUS_UD);
  return NULL;
}

STATIC
CONST CHAR8 *
TestZero (
  VOID
  )
{
  UINT8  *Page = AllocatePages (1);
  UINTN  Index;

  TAP_CHECK (Page != NULL);
  SetMem (Page, EFI_PAGE_SIZE, 0xA5);
  TAP_CHECK (gTdxCoreConvertOps.zero (NULL, (UINTN)Page, EFI_PAGE_SIZE) == TDXC_OK);
  for (Index = 0; Index < EFI_PAGE_SIZE; Index++) {
    TAP_CHECK (Page[Index] == 0);
  }

  FreePages (Page, 1);
  return NULL;
}

STATIC
CONST CHAR8 *
TestTrapLeavesNothing (
  VOID
  )
{
  IA32_DESCRIPTOR            Before;
  IA32_DESCRIPTOR            After;
  struct tdxc_seamcall_regs  Regs;
  BOOLEAN                    Interrupts = GetInterruptState ();

  if (HasTdx ()) {
    return TAP_SKIP "there is TDX";
  }

  AsmReadIdtr (&Before);
  ZeroMem (&Regs, sizeof (Regs));
  gTdxCoreSeamcallOps.call (NULL, TDXC_SYS_INIT, &Regs, TDXC_SEAMCALL_IN);
  AsmReadIdtr (&After);
  TAP_CHECK (CompareMem (&Before, &After, sizeof (Before)) == 0);
  TAP_CHECK (GetInterruptState () == Interrupts);
  return NULL;
}

STATIC
VOID
TrapHere (
  UINTN  Processor,
  VOID   *Context
  )
{
  struct tdxc_seamcall_regs  Regs;

  ZeroMem (&Regs, sizeof (Regs));
  mRan[Processor] = gTdxCoreSeamcallOps.call (NULL, TDXC_SYS_LP_INIT, &Regs, TDXC_SEAMCALL_IN);
}

STATIC
CONST CHAR8 *
TestTrapEverywhere (
  VOID
  )
{
  UINTN  Index;

  if (HasTdx ()) {
    return TAP_SKIP "there is TDX";
  }

  ZeroMem (mRan, sizeof (mRan));
  TdxCoreOnAll (TrapHere, NULL);
  for (Index = 0; Index < TdxCoreProcessors (); Index++) {
    TAP_CHECK (mRan[Index] == TDXC_STATUS_UD);
  }

  return NULL;
}

//
// Registers
//
STATIC
CONST CHAR8 *
TestMsr (
  VOID
  )
{
  struct tdxc_platform_regs  Regs;

  TdxCorePlatformRegs (&Regs);
  TAP_CHECK (Regs.abi == TDXC_ABI);
  TAP_CHECK (Regs.mtrrcap.readable);
  TAP_CHECK (Regs.mtrrcap.value == AsmReadMsr64 (MSR_MTRRCAP));
  return NULL;
}

STATIC
CONST CHAR8 *
TestJudge (
  VOID
  )
{
  CONST struct tdxc_platform_finding  *Finding;
  struct tdxc_platform_regs           Regs;
  struct tdxc_platform                Platform;

  TdxCorePlatformRegs (&Regs);
  TAP_CHECK (tdxc_platform_judge (&Regs, &Platform) == TDXC_OK);
  if (Platform.usable) {
    return TAP_SKIP "there is TDX";
  }

  Finding = tdxc_platform_first (&Platform, TDXC_PLATFORM_FAIL);
  TAP_CHECK (Finding != NULL);
  TAP_CHECK (AsciiStrLen (tdxc_platform_reason_text (Finding->reason)) != 0);
  TapNote (tdxc_platform_check_name (Finding->check));
  return NULL;
}

//
// Processors
//
STATIC
VOID
CountHere (
  UINTN  Processor,
  VOID   *Context
  )
{
  if (Processor < PROCESSORS) {
    tdxc_xchg (&mRan[Processor], mRan[Processor] + 1);
  }
}

STATIC
CONST CHAR8 *
TestOnAll (
  VOID
  )
{
  UINTN  Count = TdxCoreProcessors ();
  UINTN  Index;

  TAP_CHECK (Count >= 1 && Count <= PROCESSORS);
  ZeroMem (mRan, sizeof (mRan));
  TAP_CHECK (TdxCoreOnAll (CountHere, NULL) == RETURN_SUCCESS);
  for (Index = 0; Index < PROCESSORS; Index++) {
    TAP_CHECK (mRan[Index] == (Index < Count ? 1 : 0));
  }

  return NULL;
}

STATIC
CONST CHAR8 *
TestOnOne (
  VOID
  )
{
  UINTN  Count = TdxCoreProcessors ();
  UINTN  Index;

  ZeroMem (mRan, sizeof (mRan));
  for (Index = 0; Index < Count; Index++) {
    TAP_CHECK (TdxCoreOnProcessor (Index, CountHere, NULL) == RETURN_SUCCESS);
    TAP_CHECK (mRan[Index] == 1);
  }

  TAP_CHECK (RETURN_ERROR (TdxCoreOnProcessor (Count, CountHere, NULL)));
  TAP_CHECK (TdxCoreWhoAmI () < Count);
  return NULL;
}

STATIC
CONST CHAR8 *
TestWbinvdAll (
  VOID
  )
{
  UINTN  Count = TdxCoreProcessors ();
  UINTN  Index;

  if (TdxCoreIsTd ()) {
    return TAP_SKIP "this is a TD";
  }

  ZeroMem (mMarks, sizeof (mMarks));
  for (Index = 0; Index < PROCESSORS; Index++) {
    tdxc_coherence_begin (&mMarks[Index], TDXC_COHERENCE_BY_CONVERSION);
    tdxc_coherence_end (&mMarks[Index]);
  }

  TAP_CHECK (TdxCoreWbinvdAll (mMarks) == RETURN_SUCCESS);
  for (Index = 0; Index < PROCESSORS; Index++) {
    TAP_CHECK ((tdxc_coherence_reasons (&mMarks[Index]) == 0) == (Index < Count));
  }

  return NULL;
}

//
// Page tables
//
STATIC
CONST CHAR8 *
TestTables (
  VOID
  )
{
  TDX_CORE_TABLES          Tables;
  struct tdxc_scan_config  Config;
  struct tdxc_scan         Scan;
  struct tdxc_scan_leaf    Leaf;
  UINT64                   Here = (UINTN)&mRan & ~(UINT64)EFI_PAGE_MASK;

  TdxCoreTables (&Tables);
  ZeroMem (&Config, sizeof (Config));
  Config.abi        = TDXC_ABI;
  Config.levels     = Tables.Levels;
  Config.root       = Tables.Root;
  Config.shared_bit = 51;
  Config.polarity   = TDXC_SHARED_IS_SET;
  Config.pa_bits    = MIN (Tables.PaBits, 51);
  Config.what       = TDXC_SCAN_MAPPED;
  Config.start      = Here;
  Config.end        = Here + EFI_PAGE_SIZE;
  Config.max_tables = MAX_UINT64;
  TAP_CHECK (tdxc_scan_begin (&Scan, &Config) == TDXC_OK);
  TAP_CHECK (tdxc_scan_next_leaf (&Scan, &Leaf) == TDXC_SCAN_LEAF);
  TAP_CHECK (Leaf.va == Leaf.pa && Leaf.va <= Here);
  return NULL;
}

STATIC
CONST CHAR8 *
TestOpen (
  VOID
  )
{
  UINTN            Cr0        = AsmReadCr0 ();
  BOOLEAN          Interrupts = GetInterruptState ();
  TDX_CORE_TABLES  Tables;
  UINT64           Opened;
  BOOLEAN          IsOpen;

  TdxCoreTables (&Tables);
  TAP_CHECK (Tables.ReadOnly == ((Cr0 & CR0_WP) != 0));
  if (!Tables.CanWrite) {
    return TAP_SKIP "CET is on";
  }

  Opened = TdxCoreOpenTables ();
  IsOpen = (AsmReadCr0 () & CR0_WP) == 0 && !GetInterruptState ();
  TdxCoreCloseTables (Opened);
  TAP_CHECK (IsOpen);
  TAP_CHECK (AsmReadCr0 () == Cr0);
  TAP_CHECK (GetInterruptState () == Interrupts);
  return NULL;
}

STATIC
CONST CHAR8 *
TestOpenWithoutWp (
  VOID
  )
{
  UINTN   Cr0 = AsmReadCr0 ();
  UINT64  Opened;
  UINTN   After;

  AsmWriteCr0 (Cr0 & ~(UINTN)CR0_WP);
  Opened = TdxCoreOpenTables ();
  TdxCoreCloseTables (Opened);
  After = AsmReadCr0 ();
  AsmWriteCr0 (Cr0);
  TAP_CHECK ((After & CR0_WP) == 0);
  return NULL;
}

STATIC
CONST CHAR8 *
TestFlushTlb (
  VOID
  )
{
  UINTN    Cr3        = AsmReadCr3 ();
  UINTN    Cr4        = AsmReadCr4 ();
  BOOLEAN  Interrupts = GetInterruptState ();

  TdxCoreFlushTlb ();
  TAP_CHECK (AsmReadCr3 () == Cr3 && AsmReadCr4 () == Cr4);
  TAP_CHECK (GetInterruptState () == Interrupts);
  return NULL;
}

//
// Time
//
STATIC
CONST CHAR8 *
TestClock (
  VOID
  )
{
  UINT64  Start;
  UINT64  Spent;

  TdxCoreTimeBegin ();
  Start = gTdxCoreGateOps.now_ns (NULL);
  gBS->Stall (10000);
  Spent = gTdxCoreGateOps.now_ns (NULL) - Start;
  //
  // On a machine that others share: 10 ms are more than 0.1 and less than 60 s.
  //
  TAP_CHECK (Spent > 100000 && Spent < 60000000000ULL);
  return NULL;
}

STATIC
CONST CHAR8 *
TestGate (
  VOID
  )
{
  struct tdxc_gate         Gate = { 0 };
  struct tdxc_gate_wait    Wait = tdxc_gate_wait_usual (&gTdxCoreGateOps, NULL);
  struct tdxc_gate_report  Report;

  Wait.limit_ns = 1000000;
  TAP_CHECK (tdxc_gate_begin (&Gate) == TDXC_OK);
  TAP_CHECK (tdxc_gate_close (&Gate, &Wait, &Report) != TDXC_OK);
  TAP_CHECK (Report.end == TDXC_GATE_TIMED_OUT && Report.in_flight == 1);
  TAP_CHECK (tdxc_gate_begin (&Gate) != TDXC_OK);
  tdxc_gate_end (&Gate);
  TAP_CHECK (tdxc_gate_close (&Gate, &Wait, &Report) == TDXC_OK);
  TAP_CHECK (Report.end == TDXC_GATE_DRAINED);
  return NULL;
}

//
// Memory
//
STATIC
CONST CHAR8 *
TestPages (
  VOID
  )
{
  UINT64  First;
  UINT64  Second;

  TAP_CHECK (TdxCorePageAllocate (&First) == RETURN_SUCCESS);
  TAP_CHECK (TdxCorePageAllocate (&Second) == RETURN_SUCCESS);
  TAP_CHECK (First != Second && First % EFI_PAGE_SIZE == 0 && Second % EFI_PAGE_SIZE == 0);
  TdxCorePageFree (First);
  TdxCorePageFree (Second);
  return NULL;
}

STATIC
CONST CHAR8 *
TestMemoryEnd (
  VOID
  )
{
  UINT64  Page;
  UINT64  Other;

  TAP_CHECK (TdxCorePageAllocate (&Page) == RETURN_SUCCESS);
  TdxCoreMemoryEnd ();
  TAP_CHECK (TdxCorePageAllocate (&Other) == RETURN_OUT_OF_RESOURCES);
  TdxCorePageFree (Page);
  return NULL;
}

STATIC CONST TAP_TEST  mTests[] = {
  { "primitives: every error of the core is an error of UEFI's",            TestStatus            },
  { "primitives: SEAMCALL without TDX traps, and changes no register",      TestSeamcall          },
  { "primitives: so it does with all registers",                            TestSeamcallFull      },
  { "primitives: the core says ACCES of the trap, after one call",          TestSeamcallCore      },
  { "primitives: a SEAMCALL marks its processor, and WBINVD clears that",   TestSeamcallMarks     },
  { "primitives: TDCALL outside of a TD traps",                             TestTdcall            },
  { "primitives: a page that was accepted before is zeroed",                TestZero              },
  { "primitives: a trap leaves interrupts and their table as they were",    TestTrapLeavesNothing },
  { "primitives: the trap is caught on every processor",                    TestTrapEverywhere    },
  { "primitives: an MSR that is there is read",                             TestMsr               },
  { "primitives: the platform's first reason against TDX has a text",       TestJudge             },
  { "primitives: every processor runs a procedure once",                    TestOnAll             },
  { "primitives: one processor runs a procedure, one too many does not",    TestOnOne             },
  { "primitives: WBINVD on every processor clears every mark",              TestWbinvdAll         },
  { "primitives: this image is found in the page tables in use",            TestTables            },
  { "primitives: tables are opened for writing, and closed again",          TestOpen              },
  { "primitives: CR0.WP stays clear where it was",                          TestOpenWithoutWp     },
  { "primitives: flushing the TLB changes no register",                     TestFlushTlb          },
  { "primitives: the clock goes as Stall does",                             TestClock             },
  { "primitives: closing the gate times out, and drains",                   TestGate              },
  { "primitives: pages are different ones",                                 TestPages             },
  { "primitives: no page is allocated after the end of memory services",    TestMemoryEnd         },
};

CONST TEST_TABLE  gPrimitiveTests = { mTests, ARRAY_SIZE (mTests) };
