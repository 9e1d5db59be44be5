/** @file
  The protocols: the core's conversions behind EFIAPI functions.

  Conversions run at TPL_NOTIFY, so that no event's handler begins another one
  in between.

  SPDX-License-Identifier: BSD-2-Clause-Patent
**/
#include "TdxUnshareDxe.h"

#include <Library/TdxCoreLib.h>
#include <Library/UefiBootServicesTableLib.h>

//
// EDKII_MEMORY_ACCEPT_PROTOCOL, which newer headers have as well.
//
typedef struct _MEMORY_ACCEPT MEMORY_ACCEPT;

struct _MEMORY_ACCEPT {
  EFI_STATUS
  (EFIAPI *AcceptMemory)(
    IN MEMORY_ACCEPT         *This,
    IN EFI_PHYSICAL_ADDRESS  Start,
    IN UINTN                 Size
    );
};

typedef int CONVERT (
  struct tdxc_guest       *Guest,
  struct tdxc_range       Range,
  struct tdxc_conversion  *Result
  );

STATIC
VOID
Describe (
  IN  CONST struct tdxc_conversion  *From,
  OUT TDX_UNSHARE_RESULT            *To
  )
{
  CONST struct tdxc_convert_failure  *Failure = &From->failure;

  To->Done      = From->done;
  To->GapStart  = From->gap_start;
  To->GapEnd    = From->gap_end;
  To->Retries   = From->retries;
  To->Fallbacks = From->fallbacks;
  To->Busy      = From->busy;
  To->Answer    = Failure->reason == TDXC_CONVERT_CALL || Failure->stage == TDXC_CONVERT_ACCEPT
                  ? Failure->diag.status : Failure->diag.out.r10;
}

STATIC
EFI_STATUS
Convert (
  IN  CONVERT               *Function,
  IN  EFI_PHYSICAL_ADDRESS  Address,
  IN  UINT64                Bytes,
  OUT TDX_UNSHARE_RESULT    *Result OPTIONAL
  )
{
  struct tdxc_range       Range = { Address, Address + Bytes };
  struct tdxc_conversion  Conversion;
  EFI_TPL                 Tpl;
  int                     Err;

  if (Range.end < Range.start) {
    return EFI_INVALID_PARAMETER;
  }

  Tpl = gBS->RaiseTPL (TPL_NOTIFY);
  Err = Function (mGuest, Range, &Conversion);
  gBS->RestoreTPL (Tpl);
  if (Result != NULL) {
    Describe (&Conversion, Result);
  }

  return TdxCoreStatus (Err);
}

STATIC
EFI_STATUS
EFIAPI
Share (
  IN  TDX_UNSHARE_PROTOCOL  *This,
  IN  EFI_PHYSICAL_ADDRESS  Address,
  IN  UINT64                Bytes,
  OUT TDX_UNSHARE_RESULT    *Result OPTIONAL
  )
{
  return Convert (tdxc_guest_share, Address, Bytes, Result);
}

STATIC
EFI_STATUS
EFIAPI
Unshare (
  IN  TDX_UNSHARE_PROTOCOL  *This,
  IN  EFI_PHYSICAL_ADDRESS  Address,
  IN  UINT64                Bytes,
  OUT TDX_UNSHARE_RESULT    *Result OPTIONAL
  )
{
  return Convert (tdxc_guest_unshare, Address, Bytes, Result);
}

STATIC
EFI_STATUS
EFIAPI
Accept (
  IN  TDX_UNSHARE_PROTOCOL  *This,
  IN  EFI_PHYSICAL_ADDRESS  Address,
  IN  UINT64                Bytes,
  OUT TDX_UNSHARE_RESULT    *Result OPTIONAL
  )
{
  return Convert (tdxc_guest_accept, Address, Bytes, Result);
}

STATIC
EFI_STATUS
EFIAPI
Exclude (
  IN TDX_UNSHARE_PROTOCOL  *This,
  IN EFI_PHYSICAL_ADDRESS  Address,
  IN UINT64                Bytes,
  IN UINT32                Order
  )
{
  struct tdxc_range  Range = { Address, Address + Bytes };
  EFI_TPL            Tpl;
  int                Err;

  if (Range.end < Range.start) {
    return EFI_INVALID_PARAMETER;
  }

  Tpl = gBS->RaiseTPL (TPL_NOTIFY);
  Err = tdxc_guest_exclude (mGuest, Range, Order);
  gBS->RestoreTPL (Tpl);
  return TdxCoreStatus (Err);
}

STATIC
EFI_STATUS
EFIAPI
AcceptMemory (
  IN MEMORY_ACCEPT         *This,
  IN EFI_PHYSICAL_ADDRESS  Start,
  IN UINTN                 Size
  )
{
  return Convert (tdxc_guest_accept, Start, Size, NULL);
}

TDX_UNSHARE_PROTOCOL  gTdxUnshare = {
  TDX_UNSHARE_PROTOCOL_REVISION, Share, Unshare, Accept, Exclude
};

STATIC MEMORY_ACCEPT  mMemoryAccept = { AcceptMemory };

EFI_STATUS
ServiceInstall (
  IN EFI_HANDLE  Handle
  )
{
  EFI_STATUS  Status;
  VOID        *Platforms;

  Status = gBS->InstallProtocolInterface (
                  &Handle,
                  &gTdxUnshareProtocolGuid,
                  EFI_NATIVE_INTERFACE,
                  &gTdxUnshare
                  );
  if (EFI_ERROR (Status) ||
      !EFI_ERROR (gBS->LocateProtocol (&gEdkiiMemoryAcceptProtocolGuid, NULL, &Platforms)))
  {
    return Status;
  }

  return gBS->InstallProtocolInterface (
                &Handle,
                &gEdkiiMemoryAcceptProtocolGuid,
                EFI_NATIVE_INTERFACE,
                &mMemoryAccept
                );
}
