/** @file
  TdxPlan.efi: the memory map, RAM and CMRs of this firmware.

  SPDX-License-Identifier: BSD-2-Clause-Patent
**/
#include "TdxPlan.h"

#include <tdxcore/err.h>

#define MOST_TRIES       4
#define MORE_DESCRIPTORS 8

///
/// The allocation for the map changes the map.
///
STATIC
EFI_STATUS
ReadMap (
  OUT PLAN_MACHINE  *Machine
  )
{
  EFI_STATUS  Status;
  UINTN       Key;
  UINTN       Try;
  UINT32      Version;

  Machine->MapSize = 0;
  for (Try = 0; Try < MOST_TRIES; Try++) {
    Status = gBS->GetMemoryMap (
                    &Machine->MapSize,
                    (EFI_MEMORY_DESCRIPTOR *)Machine->Map,
                    &Key,
                    &Machine->DescriptorSize,
                    &Version
                    );
    if (Status != EFI_BUFFER_TOO_SMALL) {
      return Status;
    }

    if (Machine->Map != NULL) {
      FreePool (Machine->Map);
    }

    Machine->MapSize += MORE_DESCRIPTORS * Machine->DescriptorSize;
    Machine->Map      = AllocatePool (Machine->MapSize);
    if (Machine->Map == NULL) {
      return EFI_OUT_OF_RESOURCES;
    }
  }

  return EFI_OUT_OF_RESOURCES;
}

STATIC
UINTN
CountDescriptors (
  IN CONST PLAN_MACHINE  *Machine
  )
{
  return Machine->MapSize / Machine->DescriptorSize;
}

STATIC
CONST EFI_MEMORY_DESCRIPTOR *
Descriptor (
  IN CONST PLAN_MACHINE  *Machine,
  IN UINTN               Index
  )
{
  return (CONST EFI_MEMORY_DESCRIPTOR *)(Machine->Map + Index * Machine->DescriptorSize);
}

STATIC
struct tdxc_range
RangeOf (
  IN CONST EFI_MEMORY_DESCRIPTOR  *Entry
  )
{
  struct tdxc_range  Range;

  Range.start = Entry->PhysicalStart;
  Range.end   = Entry->PhysicalStart + Entry->NumberOfPages * EFI_PAGE_SIZE;
  return Range;
}

/**
  RAM of the map, ascending: firmware may list it in any order.
**/
STATIC
UINTN
SortRam (
  IN  CONST PLAN_MACHINE  *Machine,
  OUT struct layout_ram   *Ram
  )
{
  CONST EFI_MEMORY_DESCRIPTOR  *Entry;
  struct tdxc_range            Range;
  UINTN                        Count;
  UINTN                        Index;
  UINTN                        At;

  Count = 0;
  for (Index = 0; Index < CountDescriptors (Machine); Index++) {
    Entry = Descriptor (Machine, Index);
    Range = RangeOf (Entry);
    if (!layout_efi_is_ram (Entry->Type, Entry->Attribute) || tdxc_range_is_empty (Range)) {
      continue;
    }

    for (At = Count; (At > 0) && (Ram[At - 1].range.start > Range.start); At--) {
      Ram[At] = Ram[At - 1];
    }

    Ram[At].range = Range;
    Ram[At].node  = 0;
    Count++;
  }

  return Count;
}

STATIC
EFI_STATUS
ReadRam (
  IN OUT PLAN_MACHINE  *Machine
  )
{
  struct layout_ram  *Ram;
  UINTN              Most;

  Most         = CountDescriptors (Machine);
  Ram          = AllocatePool ((Most + 1) * sizeof (*Ram));
  Machine->Ram = AllocatePool ((Most + 1) * sizeof (*Machine->Ram));
  if ((Ram == NULL) || (Machine->Ram == NULL)) {
    if (Ram != NULL) {
      FreePool (Ram);
    }

    return EFI_OUT_OF_RESOURCES;
  }

  Machine->RamCount = layout_pages (Ram, SortRam (Machine, Ram), Machine->Ram);
  FreePool (Ram);
  return EFI_SUCCESS;
}

STATIC
CONST TDX_CMR_TABLE *
FindCmrTable (
  VOID
  )
{
  UINTN  Index;

  for (Index = 0; Index < gST->NumberOfTableEntries; Index++) {
    if (CompareGuid (&gST->ConfigurationTable[Index].VendorGuid, &gTdxCmrTableGuid)) {
      return gST->ConfigurationTable[Index].VendorTable;
    }
  }

  return NULL;
}

/**
  The platform's table where there is one, else exactly the RAM.
**/
STATIC
EFI_STATUS
ReadCmrs (
  IN OUT PLAN_MACHINE  *Machine
  )
{
  CONST TDX_CMR_TABLE    *Table;
  struct tdxc_cmr_fault  Fault;

  Table         = FindCmrTable ();
  Machine->Cmrs = AllocatePool ((Machine->RamCount + TDXC_MAX_CMRS + 1) * sizeof (*Machine->Cmrs));
  if (Machine->Cmrs == NULL) {
    return EFI_OUT_OF_RESOURCES;
  }

  if (Table == NULL) {
    Machine->CmrCount = layout_cmrs (Machine->Ram, Machine->RamCount, Machine->Cmrs);
    return EFI_SUCCESS;
  }

  Machine->CmrTable = TRUE;
  if (Table->Count > TDXC_MAX_CMRS) {
    PlanComplain ("CMR table", "more CMRs than a TDX module reports");
    return EFI_COMPROMISED_DATA;
  }

  if (tdxc_cmr_read (Table->Cmrs, Table->Count, LAYOUT_PA_BITS, Machine->Cmrs, &Machine->CmrCount, &Fault) != TDXC_OK) {
    PlanComplain ("CMR table", tdxc_cmr_fault_text (Fault.kind));
    return EFI_COMPROMISED_DATA;
  }

  return EFI_SUCCESS;
}

EFI_STATUS
PlanReadMachine (
  OUT PLAN_MACHINE  *Machine
  )
{
  EFI_STATUS  Status;

  ZeroMem (Machine, sizeof (*Machine));
  Status = ReadMap (Machine);
  if (!EFI_ERROR (Status)) {
    Status = ReadRam (Machine);
  }

  if (!EFI_ERROR (Status)) {
    Status = ReadCmrs (Machine);
  }

  if (EFI_ERROR (Status)) {
    PlanFreeMachine (Machine);
  }

  return Status;
}

VOID
PlanFreeMachine (
  IN OUT PLAN_MACHINE  *Machine
  )
{
  if (Machine->Map != NULL) {
    FreePool (Machine->Map);
  }

  if (Machine->Ram != NULL) {
    FreePool (Machine->Ram);
  }

  if (Machine->Cmrs != NULL) {
    FreePool (Machine->Cmrs);
  }

  ZeroMem (Machine, sizeof (*Machine));
}

VOID
PlanMapText (
  IN     CONST PLAN_MACHINE  *Machine,
  IN OUT PLAN_TEXT           *Text
  )
{
  CONST EFI_MEMORY_DESCRIPTOR  *Entry;
  struct tdxc_range            Range;
  UINTN                        Index;

  for (Index = 0; Index < CountDescriptors (Machine); Index++) {
    Entry = Descriptor (Machine, Index);
    Range = RangeOf (Entry);
    if (tdxc_range_is_empty (Range)) {
      continue;
    }

    PlanLine (
      Text,
      "efi: mem%02u: type=%u, attr=0x%lx, range=[0x%lx-0x%lx) (%luMB)",
      (UINT32)Index,
      Entry->Type,
      Entry->Attribute,
      Range.start,
      Range.end,
      (UINT64)(tdxc_range_size (Range) / SIZE_1MB)
      );
  }
}
