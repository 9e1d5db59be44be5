/** @file
  While boot services are there: memory is accepted, shared and excluded.

  What is behind a shared page is no memory in QEMU (see Sim.c of the driver):
  a read of it does not find what was written before.

  SPDX-License-Identifier: BSD-2-Clause-Patent
**/
#include "TdxStage.h"

#include <Library/BaseLib.h>
#include <Library/MemoryAllocationLib.h>
#include <Library/UefiBootServicesTableLib.h>

#include "../../Driver/TdxUnshareDxe/TdxUnshareDxe.h"

#define MARK   0x54445853544147ULL
#define FIRST  SIZE_4GB
#define LAST   (12 * (UINT64)SIZE_4GB / 4)
#define SPARE  8
#define MMIO            0xFD000000ULL
#define CR0_WP          BIT16
#define CPUID_EXTENDED  0x80000001
#define CPUID_1G_PAGES  0x4000000

STATIC
VOID
Add (
  IN UINT64  Start,
  IN UINT64  Bytes
  )
{
  STAGE_MEMORY  *Memory = &gStage.Memory;

  Memory->Range[Memory->Count].start = Start;
  Memory->Range[Memory->Count].end   = Start + Bytes;
  Memory->Count++;
}

//
// 70 pages of which no two are neighbours, and 40 pages of 2 MiB as well.
//
STATIC
CONST CHAR8 *
FindMemory (
  VOID
  )
{
  UINT64  Small = (UINTN)AllocateAlignedPages (EFI_SIZE_TO_PAGES (SIZE_2MB), SIZE_2MB);
  UINT64  Large = (UINTN)AllocateAlignedPages (EFI_SIZE_TO_PAGES (2 * NR_2M * SIZE_2MB), SIZE_2MB);
  UINT64  At;
  UINTN   Index;

  TAP_CHECK (Small != 0 && Large != 0);
  for (Index = 0; Index < NR_4K; Index++) {
    Add (Small + 3 * Index * SIZE_4KB, SIZE_4KB);
  }

  for (Index = 0; Index < NR_2M; Index++) {
    Add (Large + 2 * Index * SIZE_2MB, SIZE_2MB);
  }

  for (At = FIRST; At < LAST && gStage.Memory.NumberOf1G < MAX_1G; At += SIZE_1GB) {
    EFI_PHYSICAL_ADDRESS  Address = At;

    if (!EFI_ERROR (gBS->AllocatePages (AllocateAddress, EfiLoaderData, EFI_SIZE_TO_PAGES (SIZE_1GB), &Address))) {
      Add (At, SIZE_1GB);
      gStage.Memory.NumberOf1G++;
    }
  }

  gStage.Sim->small.start = Small;
  gStage.Sim->small.end   = Small + SIZE_2MB;
  TAP_CHECK (gStage.Memory.NumberOf1G > 0);
  TAP_CHECK (gStage.Memory.Count > 100);
  return NULL;
}

//
// Where the platform has no such protocol the driver's is found. The whole 2
// MiB around the small pages, that the host maps in pages of 4 KiB, and each
// large range.
//
STATIC
CONST CHAR8 *
TestAccept (
  VOID
  )
{
  struct {
    EFI_STATUS    (EFIAPI *AcceptMemory)(
      VOID                  *This,
      EFI_PHYSICAL_ADDRESS  Start,
      UINTN                 Size
      );
  } *Accept;
  UINT64  Mismatches = gStage.Sim->mismatches;
  UINTN   Index;

  TAP_CHECK (!EFI_ERROR (gBS->LocateProtocol (&gEdkiiMemoryAcceptProtocolGuid, NULL, (VOID **)&Accept)));
  TAP_CHECK (!EFI_ERROR (Accept->AcceptMemory (Accept, gStage.Sim->small.start, SIZE_2MB)));
  TAP_CHECK (gStage.Sim->mismatches == Mismatches + 1);
  for (Index = NR_4K; Index < gStage.Memory.Count; Index++) {
    struct tdxc_range  Range = gStage.Memory.Range[Index];

    TAP_CHECK (!EFI_ERROR (Accept->AcceptMemory (Accept, Range.start, tdxc_range_size (Range))));
  }

  TAP_CHECK (gStage.Sim->mismatches == Mismatches + 1);
  TAP_CHECK (Accept->AcceptMemory (Accept, gStage.Memory.Range[0].start, SIZE_4KB) == EFI_ALREADY_STARTED);
  return NULL;
}

//
// Firmware of a TD maps MMIO as shared. There is no device in these 2 MiB.
//
STATIC
CONST CHAR8 *
TestMmio (
  VOID
  )
{
  UINT64  *Table = (UINT64 *)(UINTN)stage_walk_table (&gStage.Walk, MMIO, TDXC_LEVEL_2M);
  UINT32  Level;
  UINT64  Said;

  TAP_CHECK (Table != NULL);
  stage_walk_entry (&gStage.Walk, MMIO, &Level);
  TAP_CHECK (Level == TDXC_LEVEL_2M);
  Said = gCpuTablesOps.open (NULL);
  Table[MMIO / SIZE_2MB % TDXC_ENTRIES] |= gStage.Walk.shared;
  gCpuTablesOps.flush (NULL);
  gCpuTablesOps.close (NULL, Said);
  gStage.Memory.Mmio.start = MMIO;
  gStage.Memory.Mmio.end   = MMIO + SIZE_2MB;
  return NULL;
}

//
// Tables that map a page of each range become read-only, where this firmware
// has not made them so, and writes by this processor respect it.
//
STATIC
CONST CHAR8 *
TestReadOnly (
  VOID
  )
{
  STATIC uint64_t     Spare[SPARE];
  struct tdxc_tables  Tables;
  struct tdxc_range   Root;
  UINT8               *Pages = AllocatePages (SPARE);
  UINTN               Index;

  TAP_CHECK (Pages != NULL && !EFI_ERROR (CpuTables (39, &Tables)));
  for (Index = 0; Index < SPARE; Index++) {
    Spare[Index] = (UINT64)(UINTN)Pages + EFI_PAGES_TO_SIZE (Index);
  }

  Tables.pool    = Spare;
  Tables.nr_pool = SPARE;
  TapNote (tdxc_tables_read_only (&Tables) ? "tables were read-only" : "tables were writable");
  TapNote ((AsmReadCr0 () & CR0_WP) != 0 ? "CR0.WP was set" : "CR0.WP was clear");
  AsmWriteCr0 (AsmReadCr0 () | CR0_WP);
  gStage.Cr0 = AsmReadCr0 ();
  for (Index = 0; Index < gStage.Memory.Count; Index += NR_4K / 2) {
    UINT32  Level;

    for (Level = Tables.levels; Level > 1; Level--) {
      UINT64  Table = stage_walk_table (&gStage.Walk, gStage.Memory.Range[Index].start, Level);

      Root.start = Table;
      Root.end   = Table + SIZE_4KB;
      TAP_CHECK (Table == 0 || tdxc_tables_edit (&Tables, Root, TDXC_TABLES_RW, 0) == 0);
    }
  }

  TAP_CHECK (tdxc_tables_read_only (&Tables));
  return NULL;
}

STATIC
CONST CHAR8 *
TestShare (
  VOID
  )
{
  UINTN  Index;

  for (Index = 0; Index < gStage.Memory.Count; Index++) {
    struct tdxc_range  Range    = gStage.Memory.Range[Index];
    volatile UINT64    *Word    = (volatile UINT64 *)(UINTN)Range.start;
    UINT64             Private  = MARK + Index;

    *Word = Private;
    TAP_CHECK (*Word == Private);
    TAP_CHECK (!EFI_ERROR (gStage.Unshare->Share (gStage.Unshare, Range.start, tdxc_range_size (Range), NULL)));
    TAP_CHECK (*Word != Private);
    TAP_CHECK (tdxc_sim_firmware_shared (gStage.Sim, Range));
  }

  return NULL;
}

STATIC
CONST CHAR8 *
TestLevels (
  VOID
  )
{
  UINTN   Of[4] = { 0, 0, 0, 0 };
  UINTN   Index;
  UINT32  Level;

  for (Index = 0; Index < gStage.Memory.Count; Index++) {
    UINT64  Entry = stage_walk_entry (&gStage.Walk, gStage.Memory.Range[Index].start, &Level);

    TAP_CHECK (Level != 0 && (Entry & gStage.Walk.shared) != 0);
    Of[Level]++;
  }

  TAP_CHECK (Of[1] == NR_4K);
  TAP_CHECK (Of[2] + Of[3] == gStage.Memory.Count - NR_4K);
  TAP_CHECK (Of[2] >= NR_2M && Of[3] <= MAX_1G);
  return NULL;
}

//
// Firmware that has no leaves of 1 GiB gets one where all of it is the stage's.
//
STATIC
CONST CHAR8 *
TestOneGib (
  VOID
  )
{
  UINT64  At = gStage.Memory.Range[gStage.Memory.Count - 1].start;
  UINT64  *Table;
  UINT64  Said;
  UINT64  Entry;
  UINT32  Level;
  UINT32  Edx;

  AsmCpuid (CPUID_EXTENDED, NULL, NULL, NULL, &Edx);
  if ((Edx & CPUID_1G_PAGES) == 0) {
    return TAP_SKIP "this processor has no pages of 1 GiB";
  }

  Entry = stage_walk_entry (&gStage.Walk, At, &Level);
  Table = (UINT64 *)(UINTN)stage_walk_table (&gStage.Walk, At, TDXC_LEVEL_1G);
  if (Level == TDXC_LEVEL_2M) {
    Said = gCpuTablesOps.open (NULL);
    Table[At / SIZE_1GB % TDXC_ENTRIES] = Entry;
    gCpuTablesOps.flush (NULL);
    gCpuTablesOps.close (NULL, Said);
    (VOID)stage_walk_entry (&gStage.Walk, At, &Level);
  }

  TAP_CHECK (Level == TDXC_LEVEL_1G);
  return NULL;
}

//
// To private and back, so that the end finds it shared.
//
STATIC
CONST CHAR8 *
TestUnshare (
  VOID
  )
{
  STATIC CONST UINTN  Which[] = { RANGE_AGAIN, RANGE_2M_AGAIN };
  TDX_UNSHARE_RESULT  Result;
  UINTN               Index;

  gStage.Sim->busy = 3;
  for (Index = 0; Index < ARRAY_SIZE (Which); Index++) {
    struct tdxc_range  Range = gStage.Memory.Range[Which[Index]];
    volatile UINT64    *Word = (volatile UINT64 *)(UINTN)Range.start;

    gStage.Sim->chunk = SIZE_1MB;
    TAP_CHECK (!EFI_ERROR (gStage.Unshare->Unshare (gStage.Unshare, Range.start, tdxc_range_size (Range), &Result)));
    TAP_CHECK (Result.Done == tdxc_range_size (Range));
    TAP_CHECK (*Word == MARK + Which[Index]);
    TAP_CHECK (tdxc_sim_firmware_private (gStage.Sim, Range));
    TAP_CHECK (Index == 0 ? Result.Busy == 3 : Result.Retries == 1);
    gStage.Sim->chunk = 0;
    TAP_CHECK (!EFI_ERROR (gStage.Unshare->Share (gStage.Unshare, Range.start, tdxc_range_size (Range), NULL)));
    TAP_CHECK (*Word != MARK + Which[Index]);
  }

  return NULL;
}

STATIC
CONST CHAR8 *
TestRefusals (
  VOID
  )
{
  TDX_UNSHARE_PROTOCOL  *Unshare = gStage.Unshare;
  UINT64                At       = gStage.Memory.Range[0].start;

  TAP_CHECK (Unshare->Share (Unshare, At, SIZE_4KB, NULL) == EFI_ALREADY_STARTED);
  TAP_CHECK (Unshare->Share (Unshare, At + 1, SIZE_4KB, NULL) == EFI_INVALID_PARAMETER);
  TAP_CHECK (Unshare->Share (Unshare, At, 0, NULL) == EFI_INVALID_PARAMETER);
  TAP_CHECK (Unshare->Share (Unshare, At, MAX_UINT64, NULL) == EFI_INVALID_PARAMETER);
  TAP_CHECK (Unshare->Unshare (Unshare, At + SIZE_4KB, SIZE_4KB, NULL) == EFI_NOT_FOUND);
  TAP_CHECK (Unshare->Exclude (Unshare, 0xFEE00000, SIZE_4KB, 0) == EFI_INVALID_PARAMETER);
  return NULL;
}

STATIC
EFI_STATUS
Keep (
  IN UINT64  Start,
  IN UINT64  Bytes
  )
{
  STAGE_MEMORY  *Memory = &gStage.Memory;

  Memory->Kept[Memory->NumberKept].start = Start;
  Memory->Kept[Memory->NumberKept].end   = Start + Bytes;
  Memory->NumberKept++;
  return gStage.Unshare->Exclude (gStage.Unshare, Start, Bytes, 0);
}

//
// A page alone, a large page alone, and pages in large ones, which the end has
// to split: once, and from 1 GiB twice. Two more come late.
//
STATIC
CONST CHAR8 *
TestExclude (
  VOID
  )
{
  TDX_UNSHARE_PROTOCOL     *Unshare = gStage.Unshare;
  CONST struct tdxc_range  *Range   = gStage.Memory.Range;
  UINT64                   Last     = Range[gStage.Memory.Count - 1].start;

  TAP_CHECK (!EFI_ERROR (Keep (Range[RANGE_KEPT].start, SIZE_4KB)));
  TAP_CHECK (!EFI_ERROR (Keep (Range[RANGE_2M_KEPT].start, SIZE_2MB)));
  TAP_CHECK (!EFI_ERROR (Keep (Range[RANGE_2M_SPLIT].start + 9 * SIZE_4KB, SIZE_4KB)));
  TAP_CHECK (!EFI_ERROR (Keep (Last + 123 * SIZE_1MB + 5 * SIZE_4KB, 2 * SIZE_4KB)));
  TAP_CHECK (!EFI_ERROR (Unshare->Exclude (Unshare, Range[RANGE_LATE].start, SIZE_4KB, 2)));
  TAP_CHECK (!EFI_ERROR (Unshare->Exclude (Unshare, Range[RANGE_2M_LATE].start, SIZE_2MB, 1)));
  TAP_CHECK (Unshare->Exclude (Unshare, Range[RANGE_KEPT].start, SIZE_4KB, 1) == EFI_ALREADY_STARTED);
  return NULL;
}

CONST TAP_TEST  gTestsBefore[] = {
  { "live: memory for 70 ranges of 4K, 40 of 2M and some of 1G",   FindMemory     },
  { "live: memory is accepted where the platform cannot, 4K where 2M do not fit", TestAccept },
  { "live: a range of 1 GiB is one entry",                         TestOneGib     },
  { "live: MMIO is mapped as shared",                              TestMmio       },
  { "live: page tables are read-only from here on",                TestReadOnly   },
  { "live: more than 100 ranges are shared, and read as such",     TestShare      },
  { "live: entries are shared at the size of their ranges",        TestLevels     },
  { "live: private again after a retry and BUSY, and shared once more", TestUnshare },
  { "live: what cannot be is refused",                             TestRefusals   },
  { "live: exclusions, whole and inside large pages",              TestExclude    },
};

CONST UINTN  gNumberBefore = ARRAY_SIZE (gTestsBefore);
