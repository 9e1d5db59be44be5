/** @file
  TdxUnshareDxe: conversions through a gate, and none that outlives boot
  services.

  | event                          | what                                     |
  |--------------------------------|------------------------------------------|
  | before ExitBootServices ()     | RAM is found once more: may allocate     |
  | ExitBootServices ()            | signals the event below: after all that  |
  |                                | waits at TPL_CALLBACK and above          |
  | its own                        | closes the gate, unshares, reports       |

  Not at the first of these: devices still work then, and the OS loader may go
  on using boot services where its ExitBootServices () fails. From the second on
  nothing is allocated or freed.

  SPDX-License-Identifier: BSD-2-Clause-Patent
**/
#include "TdxUnshareDxe.h"

#include <Library/DebugLib.h>
#include <Library/MemoryAllocationLib.h>
#include <Library/UefiBootServicesTableLib.h>

#include <tdxcore/err.h>

#include "Platform.h"

#define SPARE_TABLES  128

struct tdxc_guest  *mGuest;

STATIC EFI_EVENT  mLast;
STATIC UINT64     mSpareTables[SPARE_TABLES];

STATIC
VOID
EFIAPI
OnBeforeExit (
  IN EFI_EVENT  Event,
  IN VOID       *Context
  )
{
  MemoryFindRam (mGuest);
}

STATIC
VOID
EFIAPI
OnExit (
  IN EFI_EVENT  Event,
  IN VOID       *Context
  )
{
  gBS->SignalEvent (mLast);
}

STATIC
VOID
EFIAPI
OnLast (
  IN EFI_EVENT  Event,
  IN VOID       *Context
  )
{
  ReportFill (mGuest, tdxc_guest_finish (mGuest));
}

STATIC
EFI_STATUS
CreateEvents (
  VOID
  )
{
  EFI_EVENT   Event;
  EFI_STATUS  Status;

  Status = gBS->CreateEvent (EVT_NOTIFY_SIGNAL, TPL_CALLBACK, OnLast, NULL, &mLast);
  if (EFI_ERROR (Status)) {
    return Status;
  }

  Status = gBS->CreateEventEx (
                  EVT_NOTIFY_SIGNAL,
                  TPL_CALLBACK,
                  OnBeforeExit,
                  NULL,
                  &gEfiEventBeforeExitBootServicesGuid,
                  &Event
                  );
  if (EFI_ERROR (Status)) {
    return Status;
  }

  return gBS->CreateEventEx (
                EVT_NOTIFY_SIGNAL,
                TPL_CALLBACK,
                OnExit,
                NULL,
                &gEfiEventExitBootServicesGuid,
                &Event
                );
}

STATIC
EFI_STATUS
PrepareGuest (
  IN CONST TDX_UNSHARE_PLATFORM  *Platform
  )
{
  struct tdxc_guest_config  Config;
  EFI_STATUS                Status;
  UINT8                     *Pages;
  UINTN                     Index;

  memset (&Config, 0, sizeof (Config));
  Config.ops  = Platform->Ops;
  Config.ctx  = Platform->Context;
  Config.gpaw = Platform->Gpaw;
  Status      = CpuTables (Platform->SharedBit, &Config.tables);
  if (EFI_ERROR (Status)) {
    return Status;
  }

  mGuest = AllocatePages (EFI_SIZE_TO_PAGES (sizeof (*mGuest)));
  Pages  = AllocatePages (SPARE_TABLES);
  if ((mGuest == NULL) || (Pages == NULL)) {
    return EFI_OUT_OF_RESOURCES;
  }

  for (Index = 0; Index < SPARE_TABLES; Index++) {
    mSpareTables[Index] = (UINT64)(UINTN)Pages + EFI_PAGES_TO_SIZE (Index);
  }

  Config.tables.pool    = mSpareTables;
  Config.tables.nr_pool = SPARE_TABLES;
  if (tdxc_guest_init (mGuest, &Config) != TDXC_OK) {
    return EFI_DEVICE_ERROR;
  }

  return MemoryFindRam (mGuest);
}

/**
  Entry point.

  @param[in] ImageHandle  This image.
  @param[in] SystemTable  The system table.

  @retval EFI_SUCCESS      The protocol is there.
  @retval EFI_UNSUPPORTED  This is no TD.
  @return                  Else what failed; nothing is installed.
**/
EFI_STATUS
EFIAPI
TdxUnshareDxeEntry (
  IN EFI_HANDLE        ImageHandle,
  IN EFI_SYSTEM_TABLE  *SystemTable
  )
{
  TDX_UNSHARE_PLATFORM  Platform;
  EFI_STATUS            Status;

  Status = PlatformBegin (&Platform);
  if (!EFI_ERROR (Status)) {
    Status = PrepareGuest (&Platform);
  }

  if (!EFI_ERROR (Status)) {
    Status = ReportBegin ();
  }

  if (!EFI_ERROR (Status)) {
    Status = CreateEvents ();
  }

  if (!EFI_ERROR (Status)) {
    Status = ServiceInstall (ImageHandle);
  }

  DEBUG ((DEBUG_INFO, "TdxUnshare: %r\n", Status));
  return Status;
}
