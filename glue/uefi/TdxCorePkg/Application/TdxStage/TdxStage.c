/** @file
  TdxStage.efi: an OS loader that checks what TdxUnshareDxe has left it.

    TdxStage.efi [refuse]

  It shares memory through the driver's protocol, excludes some, calls
  ExitBootServices (), looks at what is shared then, and powers off. With
  `refuse` the host refuses to take part of it back.

  SPDX-License-Identifier: BSD-2-Clause-Patent
**/
#include "TdxStage.h"

#include <Library/BaseLib.h>
#include <Library/BaseMemoryLib.h>
#include <Library/MemoryAllocationLib.h>
#include <Library/UefiBootServicesTableLib.h>
#include <Library/UefiRuntimeServicesTableLib.h>
#include <Protocol/LoadedImage.h>

#define CR3_ADDRESS  0x000FFFFFFFFFF000ULL
#define CR4_LA57     BIT12
#define ATTEMPTS     3
#define MAP_PAGES    16

STAGE  gStage;

STATIC EFI_GUID  mSimGuid = TDXC_SIM_GUEST_GUID;

STATIC
VOID *
FindTable (
  IN CONST EFI_GUID  *Guid
  )
{
  UINTN  Index;

  for (Index = 0; Index < gST->NumberOfTableEntries; Index++) {
    if (CompareGuid (&gST->ConfigurationTable[Index].VendorGuid, Guid)) {
      return gST->ConfigurationTable[Index].VendorTable;
    }
  }

  return NULL;
}

STATIC
CONST CHAR8 *
FindDriver (
  VOID
  )
{
  TAP_CHECK (!EFI_ERROR (gBS->LocateProtocol (&gTdxUnshareProtocolGuid, NULL, (VOID **)&gStage.Unshare)));
  gStage.Report = FindTable (&gTdxUnshareReportGuid);
  gStage.Sim    = FindTable (&mSimGuid);
  TAP_CHECK (gStage.Report != NULL && gStage.Sim != NULL);
  TAP_CHECK (gStage.Unshare->Revision == TDX_UNSHARE_PROTOCOL_REVISION);
  TAP_CHECK (gStage.Report->Flags == 0);
  return NULL;
}

//
// The word `refuse` on the command line.
//
STATIC
BOOLEAN
IsTold (
  IN EFI_HANDLE  ImageHandle
  )
{
  EFI_LOADED_IMAGE_PROTOCOL  *Image;
  CONST CHAR16               *Options;
  UINTN                      Length;
  UINTN                      Index;

  if (EFI_ERROR (gBS->HandleProtocol (ImageHandle, &gEfiLoadedImageProtocolGuid, (VOID **)&Image))) {
    return FALSE;
  }

  Options = Image->LoadOptions;
  Length  = Options == NULL ? 0 : Image->LoadOptionsSize / sizeof (CHAR16);
  for (Index = 0; Index + 6 <= Length; Index++) {
    if (CompareMem (Options + Index, L"refuse", 6 * sizeof (CHAR16)) == 0) {
      return TRUE;
    }
  }

  return FALSE;
}

//
// The driver's handle is its image's.
//
STATIC
CONST CHAR8 *
FindImage (
  VOID
  )
{
  EFI_LOADED_IMAGE_PROTOCOL  *Image;
  EFI_HANDLE                 Handle;
  UINTN                      Bytes = sizeof (Handle);

  TAP_CHECK (!EFI_ERROR (gBS->LocateHandle (ByProtocol, &gTdxUnshareProtocolGuid, NULL, &Bytes, &Handle)));
  TAP_CHECK (!EFI_ERROR (gBS->HandleProtocol (Handle, &gEfiLoadedImageProtocolGuid, (VOID **)&Image)));
  gStage.DriverStart = (UINTN)Image->ImageBase;
  gStage.DriverEnd   = gStage.DriverStart + Image->ImageSize;
  return NULL;
}

STATIC
VOID
Count (
  IN UINT64  Caller
  )
{
  if ((Caller >= gStage.DriverStart) && (Caller < gStage.DriverEnd)) {
    gStage.Allocations++;
  } else {
    gStage.AllocationsOfOthers++;
  }
}

#define COUNT()  Count ((UINTN)__builtin_return_address (0))

STATIC EFI_ALLOCATE_PAGES  mAllocatePages;
STATIC EFI_ALLOCATE_POOL   mAllocatePool;
STATIC EFI_FREE_PAGES      mFreePages;
STATIC EFI_FREE_POOL       mFreePool;

STATIC
EFI_STATUS
EFIAPI
CountPages (
  IN     EFI_ALLOCATE_TYPE     Type,
  IN     EFI_MEMORY_TYPE       MemoryType,
  IN     UINTN                 Pages,
  IN OUT EFI_PHYSICAL_ADDRESS  *Memory
  )
{
  COUNT ();
  return mAllocatePages (Type, MemoryType, Pages, Memory);
}

STATIC
EFI_STATUS
EFIAPI
CountPool (
  IN  EFI_MEMORY_TYPE  PoolType,
  IN  UINTN            Size,
  OUT VOID             **Buffer
  )
{
  COUNT ();
  return mAllocatePool (PoolType, Size, Buffer);
}

STATIC
EFI_STATUS
EFIAPI
CountFreePages (
  IN EFI_PHYSICAL_ADDRESS  Memory,
  IN UINTN                 Pages
  )
{
  COUNT ();
  return mFreePages (Memory, Pages);
}

STATIC
EFI_STATUS
EFIAPI
CountFreePool (
  IN VOID  *Buffer
  )
{
  COUNT ();
  return mFreePool (Buffer);
}

//
// At ExitBootServices () itself, from when on the memory map may not change.
//
STATIC
VOID
EFIAPI
OnExit (
  IN EFI_EVENT  Event,
  IN VOID       *Context
  )
{
  mAllocatePages     = gBS->AllocatePages;
  mAllocatePool      = gBS->AllocatePool;
  mFreePages         = gBS->FreePages;
  mFreePool          = gBS->FreePool;
  gBS->AllocatePages = CountPages;
  gBS->AllocatePool  = CountPool;
  gBS->FreePages     = CountFreePages;
  gBS->FreePool      = CountFreePool;
}

//
// A device driver that gives its memory back, at the same level as the driver's
// own handler.
//
STATIC
VOID
EFIAPI
OnExitOfDevice (
  IN EFI_EVENT  Event,
  IN VOID       *Context
  )
{
  struct tdxc_range  Range = gStage.Memory.Range[RANGE_AT_EXIT];

  gStage.AtExit = gStage.Unshare->Unshare (gStage.Unshare, Range.start, tdxc_range_size (Range), NULL);
  gBS->SignalEvent ((EFI_EVENT)Context);
}

//
// Signals once more: what it signals then is behind whatever was signalled by
// handlers of ExitBootServices ().
//
STATIC
VOID
EFIAPI
OnSignal (
  IN EFI_EVENT  Event,
  IN VOID       *Context
  )
{
  gBS->SignalEvent ((EFI_EVENT)Context);
}

STATIC
VOID
EFIAPI
OnGateClosed (
  IN EFI_EVENT  Event,
  IN VOID       *Context
  )
{
  struct tdxc_range  Range = gStage.Memory.Range[RANGE_AT_EXIT];

  gStage.AfterGate = gStage.Unshare->Share (gStage.Unshare, Range.start, tdxc_range_size (Range), NULL);
}

STATIC
CONST CHAR8 *
CreateEvents (
  VOID
  )
{
  EFI_EVENT  Event;
  EFI_EVENT  Closed;
  EFI_EVENT  Behind;

  TAP_CHECK (!EFI_ERROR (gBS->CreateEvent (EVT_NOTIFY_SIGNAL, TPL_CALLBACK, OnGateClosed, NULL, &Closed)));
  TAP_CHECK (!EFI_ERROR (gBS->CreateEvent (EVT_NOTIFY_SIGNAL, TPL_CALLBACK, OnSignal, Closed, &Behind)));
  TAP_CHECK (!EFI_ERROR (gBS->CreateEventEx (EVT_NOTIFY_SIGNAL, TPL_CALLBACK, OnExitOfDevice, Behind, &gEfiEventExitBootServicesGuid, &Event)));
  TAP_CHECK (!EFI_ERROR (gBS->CreateEventEx (EVT_NOTIFY_SIGNAL, TPL_NOTIFY, OnExit, NULL, &gEfiEventExitBootServicesGuid, &Event)));
  return NULL;
}

STATIC
CONST CHAR8 *
Leave (
  IN EFI_HANDLE  ImageHandle
  )
{
  EFI_STATUS  Status = EFI_NOT_READY;
  VOID        *Map = AllocatePages (MAP_PAGES);
  UINTN       Attempt;

  TAP_CHECK (Map != NULL);
  for (Attempt = 0; Attempt < ATTEMPTS && EFI_ERROR (Status); Attempt++) {
    UINTN   Bytes = EFI_PAGES_TO_SIZE (MAP_PAGES);
    UINTN   Stride;
    UINTN   Key;
    UINT32  Version;

    TAP_CHECK (!EFI_ERROR (gBS->GetMemoryMap (&Bytes, Map, &Key, &Stride, &Version)));
    Status = gBS->ExitBootServices (ImageHandle, Key);
  }

  TAP_CHECK (!EFI_ERROR (Status));
  return NULL;
}

STATIC
CONST CHAR8 *
Run (
  IN EFI_HANDLE  ImageHandle
  )
{
  CONST CHAR8  *Why;

  RunDefects ();
  Why = FindDriver ();
  if (Why == NULL) {
    Why = FindImage ();
  }

  TapResult ("live: the driver's protocol and report are there", Why);
  if (Why != NULL) {
    return Why;
  }

  gStage.Walk.root   = AsmReadCr3 () & CR3_ADDRESS;
  gStage.Walk.levels = (AsmReadCr4 () & CR4_LA57) != 0 ? 5 : 4;
  gStage.Walk.shared = 1ULL << 39;
  TapNote (gStage.Walk.levels == 5 ? "5 levels" : "4 levels");
  TapRun (gTestsBefore, gNumberBefore);
  if (gStage.Refuse) {
    gStage.Memory.Refused = gStage.Memory.Range[RANGE_REFUSED];
  }

  gStage.Sim->chunk  = 192 * SIZE_1MB + SIZE_4KB;
  gStage.Sim->busy   = 7;
  gStage.Sim->small  = gStage.Memory.Range[RANGE_2M_SMALL];
  gStage.Sim->refuse = gStage.Memory.Refused;
  Why                = CreateEvents ();
  return Why != NULL ? Why : Leave (ImageHandle);
}

/**
  Entry point. Does not return once boot services are gone.

  @param[in] ImageHandle  This image.
  @param[in] SystemTable  The system table.

  @retval EFI_DEVICE_ERROR  A test failed before that.
**/
EFI_STATUS
EFIAPI
UefiMain (
  IN EFI_HANDLE        ImageHandle,
  IN EFI_SYSTEM_TABLE  *SystemTable
  )
{
  CONST CHAR8  *Why;

  gStage.Refuse = IsTold (ImageHandle);
  TapBegin (gStage.Refuse ? "stage-refuse" : "stage");
  Why = Run (ImageHandle);
  TapResult ("exit: boot services are gone", Why);
  if (Why != NULL) {
    TapEnd ();
    return EFI_DEVICE_ERROR;
  }

  TapLeaveConsole ();
  tdxc_sim_firmware_attach (gStage.Sim);
  TapRun (gTestsAfter, gNumberAfter);
  TapEnd ();
  gRT->ResetSystem (EfiResetShutdown, EFI_SUCCESS, 0, NULL);
  CpuDeadLoop ();
  return EFI_SUCCESS;
}
