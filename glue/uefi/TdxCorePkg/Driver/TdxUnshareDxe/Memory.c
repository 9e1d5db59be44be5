/** @file
  What is RAM, from UEFI's memory map. MMIO, which firmware of a TD maps as
  shared, and reserved memory, which no OS uses, are not.

  SPDX-License-Identifier: BSD-2-Clause-Patent
**/
#include "TdxUnshareDxe.h"

#include <Library/MemoryAllocationLib.h>
#include <Library/UefiBootServicesTableLib.h>

#include <tdxcore/err.h>

#define SLACK  16  // descriptors that the allocation itself may add

STATIC
BOOLEAN
IsRam (
  IN UINT32  Type
  )
{
  switch (Type) {
    case EfiLoaderCode:
    case EfiLoaderData:
    case EfiBootServicesCode:
    case EfiBootServicesData:
    case EfiRuntimeServicesCode:
    case EfiRuntimeServicesData:
    case EfiConventionalMemory:
    case EfiACPIReclaimMemory:
    case EfiACPIMemoryNVS:
      return TRUE;
    default:
      return FALSE;
  }
}

//
// The map is in no order.
//
STATIC
UINTN
Insert (
  IN OUT struct tdxc_range  *Ram,
  IN     UINTN              Count,
  IN     struct tdxc_range  Range
  )
{
  UINTN  Index;

  for (Index = Count; Index > 0 && Ram[Index - 1].start > Range.start; Index--) {
    Ram[Index] = Ram[Index - 1];
  }

  Ram[Index] = Range;
  return Count + 1;
}

STATIC
UINTN
Collect (
  IN  CONST UINT8        *Map,
  IN  UINTN              Bytes,
  IN  UINTN              Stride,
  OUT struct tdxc_range  *Ram
  )
{
  UINTN  Count = 0;
  UINTN  At;

  for (At = 0; At + Stride <= Bytes; At += Stride) {
    CONST EFI_MEMORY_DESCRIPTOR  *Entry = (CONST VOID *)(Map + At);
    struct tdxc_range            Range;

    Range.start = Entry->PhysicalStart;
    Range.end   = Entry->PhysicalStart + EFI_PAGES_TO_SIZE (Entry->NumberOfPages);
    if (IsRam (Entry->Type)) {
      Count = Insert (Ram, Count, Range);
    }
  }

  return tdxc_range_join (Ram, Count);
}

EFI_STATUS
MemoryFindRam (
  IN OUT struct tdxc_guest  *Guest
  )
{
  UINTN              Bytes = 0;
  UINTN              Stride;
  UINTN              Key;
  UINT32             Version;
  UINT8              *Map;
  struct tdxc_range  *Ram;
  EFI_STATUS         Status;
  int                Err;

  Status = gBS->GetMemoryMap (&Bytes, NULL, &Key, &Stride, &Version);
  if (Status != EFI_BUFFER_TOO_SMALL) {
    return EFI_DEVICE_ERROR;
  }

  Bytes += SLACK * Stride;
  Map    = AllocatePool (Bytes);
  Ram    = AllocatePool (Bytes / Stride * sizeof (*Ram));
  Status = EFI_OUT_OF_RESOURCES;
  if ((Map != NULL) && (Ram != NULL)) {
    Status = gBS->GetMemoryMap (&Bytes, (VOID *)Map, &Key, &Stride, &Version);
  }

  if (!EFI_ERROR (Status)) {
    Err    = tdxc_guest_set_ram (Guest, Ram, Collect (Map, Bytes, Stride, Ram));
    Status = Err == TDXC_OK ? EFI_SUCCESS : EFI_OUT_OF_RESOURCES;
  }

  if (Ram != NULL) {
    FreePool (Ram);
  }

  if (Map != NULL) {
    FreePool (Map);
  }

  return Status;
}
