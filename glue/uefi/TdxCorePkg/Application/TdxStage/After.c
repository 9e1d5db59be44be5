/** @file
  When boot services are gone: no memory but the exclusions is shared, by page
  tables walked here and by the TD's own state.

  SPDX-License-Identifier: BSD-2-Clause-Patent
**/
#include "TdxStage.h"

#include <Library/BaseLib.h>

#include <tdxcore/unshare.h>

#define MARK       0x54445853544147ULL
#define CR0_WP     BIT16
#define PRESENT    BIT0
#define WALK_END   (1ULL << 39)

BOOLEAN
IsKept (
  IN UINT64  Address
  )
{
  UINTN  Index;

  for (Index = 0; Index < gStage.Memory.NumberKept; Index++) {
    if (Address >= gStage.Memory.Kept[Index].start && Address < gStage.Memory.Kept[Index].end) {
      return TRUE;
    }
  }

  return FALSE;
}

STATIC
BOOLEAN
IsRefused (
  IN UINT64  Address
  )
{
  return Address >= gStage.Memory.Refused.start && Address < gStage.Memory.Refused.end;
}

STATIC
UINT64
BytesKept (
  VOID
  )
{
  UINT64  Bytes = 0;
  UINTN   Index;

  for (Index = 0; Index < gStage.Memory.NumberKept; Index++) {
    Bytes += tdxc_range_size (gStage.Memory.Kept[Index]);
  }

  return Bytes;
}

STATIC
CONST CHAR8 *
TestFlags (
  VOID
  )
{
  TAP_CHECK (gStage.Report->Signature == TDX_UNSHARE_REPORT_SIGNATURE);
  TAP_CHECK ((gStage.Report->Flags & TDX_UNSHARE_FINISHED) != 0);
  TAP_CHECK ((gStage.Report->Flags & TDX_UNSHARE_RACED) == 0);
  TAP_CHECK (((gStage.Report->Flags & TDX_UNSHARE_CLEAN) != 0) == !gStage.Refuse);
  return NULL;
}

STATIC
CONST CHAR8 *
TestCounts (
  VOID
  )
{
  CONST TDX_UNSHARE_REPORT  *Report = gStage.Report;
  UINT64                    Refused = tdxc_range_size (gStage.Memory.Refused) / SIZE_4KB;
  UINT64                    Mmio    = tdxc_range_size (gStage.Memory.Mmio) / SIZE_4KB;
  UINT64                    Pages   = 0;
  UINTN                     Index;

  for (Index = 0; Index < gStage.Memory.Count; Index++) {
    Pages += tdxc_range_size (gStage.Memory.Range[Index]) / SIZE_4KB;
  }

  //
  // All but the page that a handler gave back; MMIO was not shared through the
  // protocol.
  //
  Pages -= 1;
  TAP_CHECK (Report->Found == Pages + Mmio && Report->Difference == (INT64)Mmio);
  TAP_CHECK (Report->Kept == BytesKept () / SIZE_4KB + Mmio);
  TAP_CHECK (Report->Shared == Refused);
  TAP_CHECK (Report->Converted == Report->Found - Report->Kept - Refused);
  TAP_CHECK (Report->Pending == 0 && Report->Malformed == 0);
  return NULL;
}

STATIC
CONST CHAR8 *
TestTables (
  VOID
  )
{
  UINTN  Index;

  for (Index = 0; Index < gStage.Memory.Count; Index++) {
    struct tdxc_range  Range = gStage.Memory.Range[Index];
    UINT64             At;

    for (At = Range.start; At < Range.end; At += SIZE_4KB) {
      UINT32  Level;
      UINT64  Entry = stage_walk_entry (&gStage.Walk, At, &Level);

      if (!IsRefused (At)) {
        TAP_CHECK (Level != 0 && (Entry & PRESENT) != 0);
        TAP_CHECK (((Entry & gStage.Walk.shared) != 0) == IsKept (At));
      }
    }
  }

  return NULL;
}

STATIC
CONST CHAR8 *
TestNothingElse (
  VOID
  )
{
  uint64_t  Absent;
  uint64_t  Bad;
  uint64_t  Shared = stage_walk_shared (&gStage.Walk, WALK_END, &Bad, &Absent);

  TAP_CHECK (Shared == BytesKept () + tdxc_range_size (gStage.Memory.Mmio));
  TAP_CHECK (Bad == 0);
  return NULL;
}

STATIC
CONST CHAR8 *
TestTd (
  VOID
  )
{
  UINTN  Index;

  for (Index = 0; Index < gStage.Memory.Count; Index++) {
    struct tdxc_range  Range = gStage.Memory.Range[Index];
    struct tdxc_range  Part  = { Range.start, Range.start };

    while (Part.end < Range.end) {
      BOOLEAN  Kept = IsKept (Part.start) || IsRefused (Part.start);

      do {
        Part.end += SIZE_4KB;
      } while (Part.end < Range.end && (IsKept (Part.end) || IsRefused (Part.end)) == Kept);

      if (Kept) {
        TAP_CHECK (tdxc_sim_firmware_shared (gStage.Sim, Part));
      } else {
        TAP_CHECK (tdxc_sim_firmware_private (gStage.Sim, Part));
      }

      Part.start = Part.end;
    }
  }

  TAP_CHECK (gStage.Sim->status == 0 && gStage.Sim->scrapped == 0);
  return NULL;
}

//
// What was written before it was shared is found again: the TLB has forgotten
// that it was.
//
STATIC
CONST CHAR8 *
TestReads (
  VOID
  )
{
  UINTN  Index;

  for (Index = 0; Index < gStage.Memory.Count; Index++) {
    UINT64           At    = gStage.Memory.Range[Index].start;
    volatile UINT64  *Word = (volatile UINT64 *)(UINTN)At;

    if (!IsRefused (At)) {
      TAP_CHECK ((*Word == MARK + Index) == !IsKept (At));
    }
  }

  return NULL;
}

STATIC
CONST CHAR8 *
TestFaults (
  VOID
  )
{
  TAP_CHECK (gStage.Sim->retries >= 8);
  TAP_CHECK (gStage.Sim->busy == 0);
  TAP_CHECK (gStage.Sim->mismatches >= 2);
  return NULL;
}

STATIC
CONST CHAR8 *
TestList (
  VOID
  )
{
  CONST uint64_t     *Words   = (CONST uint64_t *)gStage.Report->Words;
  UINTN              Expected = gStage.Memory.NumberKept + 1 + (gStage.Refuse ? 1 : 0);
  struct tdxc_range  Range;
  size_t             Entries;
  size_t             Index;
  bool               Complete;

  TAP_CHECK (tdxc_left_check (Words, gStage.Report->NumberOfWords, &Entries, &Complete) == 0);
  TAP_CHECK (Complete && Entries == Expected);
  for (Index = 0; Index < Entries; Index++) {
    UINT32  State = tdxc_left_get (Words, Index, &Range);

    if (IsRefused (Range.start)) {
      TAP_CHECK (State == TDXC_LEFT_SHARED);
    } else {
      TAP_CHECK (State == TDXC_LEFT_KEPT);
      TAP_CHECK (IsKept (Range.start) || Range.start == gStage.Memory.Mmio.start);
    }
  }

  return NULL;
}

STATIC
CONST CHAR8 *
TestMmio (
  VOID
  )
{
  UINT32  Level;
  UINT64  Entry = stage_walk_entry (&gStage.Walk, gStage.Memory.Mmio.start, &Level);

  TAP_CHECK (Level == 2 && (Entry & gStage.Walk.shared) != 0 && (Entry & PRESENT) != 0);
  return NULL;
}

STATIC
CONST CHAR8 *
TestOrder (
  VOID
  )
{
  TAP_CHECK (gStage.Sim->recent[1] == gStage.Memory.Range[RANGE_2M_LATE].start || gStage.Refuse);
  TAP_CHECK (gStage.Sim->recent[0] == gStage.Memory.Range[RANGE_LATE].start || gStage.Refuse);
  return NULL;
}

STATIC
CONST CHAR8 *
TestAtExit (
  VOID
  )
{
  TAP_CHECK (gStage.AtExit == EFI_SUCCESS);
  return NULL;
}

STATIC
CONST CHAR8 *
TestGate (
  VOID
  )
{
  TAP_CHECK (gStage.AfterGate == EFI_ABORTED);
  return NULL;
}

STATIC
CONST CHAR8 *
TestRefused (
  VOID
  )
{
  UINT64  At;
  UINT32  Level;

  if (!gStage.Refuse) {
    return TAP_SKIP "the host refused nothing";
  }

  for (At = gStage.Memory.Refused.start; At < gStage.Memory.Refused.end; At += SIZE_4KB) {
    TAP_CHECK ((stage_walk_entry (&gStage.Walk, At, &Level) & PRESENT) == 0);
  }

  TAP_CHECK (gStage.Sim->refused > 0);
  return NULL;
}

STATIC
CONST CHAR8 *
TestSplits (
  VOID
  )
{
  UINT32  Level;

  stage_walk_entry (&gStage.Walk, gStage.Memory.Kept[2].start, &Level);
  TAP_CHECK (Level == 1);
  stage_walk_entry (&gStage.Walk, gStage.Memory.Kept[3].start, &Level);
  TAP_CHECK (Level == 1);
  TAP_CHECK (gStage.Report->Splits > 0);
  return NULL;
}

STATIC
CONST CHAR8 *
TestCr0 (
  VOID
  )
{
  TAP_CHECK ((gStage.Cr0 & CR0_WP) != 0);
  TAP_CHECK ((AsmReadCr0 () & CR0_WP) != 0);
  return NULL;
}

STATIC
CONST CHAR8 *
TestAllocations (
  VOID
  )
{
  TAP_CHECK (gStage.Allocations == 0);
  return NULL;
}

CONST TAP_TEST  gTestsAfter[] = {
  { "after: the report says finished, and clean where it is",          TestFlags       },
  { "after: the report's counts are those of what was shared",         TestCounts      },
  { "after: all but the exclusions are private in the page tables",    TestTables      },
  { "after: no other entry is shared, and none that points to a table", TestNothingElse },
  { "after: all but the exclusions are private and accepted in the TD", TestTd         },
  { "after: reads find private memory, the TLB is flushed",            TestReads       },
  { "after: retries, BUSY and smaller pages were met on the way",      TestFaults      },
  { "after: the packed list names the exclusions and what was refused", TestList       },
  { "after: what the host refused is not mapped",                      TestRefused     },
  { "after: exclusions inside large pages were split out",             TestSplits      },
  { "after: MMIO is mapped as shared still",                           TestMmio        },
  { "after: exclusions with an order came last, in that order",        TestOrder       },
  { "after: a device's handler could give its memory back",            TestAtExit      },
  { "after: a conversion behind the gate was refused",                 TestGate        },
  { "after: CR0.WP is as it was",                                      TestCr0         },
  { "after: the driver neither allocated nor freed while boot services ended", TestAllocations },
};

CONST UINTN  gNumberAfter = ARRAY_SIZE (gTestsAfter);
