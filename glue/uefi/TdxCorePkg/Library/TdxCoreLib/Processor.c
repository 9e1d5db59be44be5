/** @file
  Procedures on other processors, through MP services.

  SPDX-License-Identifier: BSD-2-Clause-Patent
**/
#include <PiDxe.h>
#include <Library/TdxCoreLib.h>
#include <Library/UefiBootServicesTableLib.h>
#include <Protocol/MpService.h>

//
// What an EFIAPI procedure has to know to call a plain one.
//
typedef struct {
  EFI_MP_SERVICES_PROTOCOL    *Mp;
  TDX_CORE_PROCEDURE          Procedure;
  VOID                        *Context;
} WORK;

STATIC
EFI_MP_SERVICES_PROTOCOL *
FindMp (
  VOID
  )
{
  VOID  *Mp = NULL;

  if (EFI_ERROR (gBS->LocateProtocol (&gEfiMpServiceProtocolGuid, NULL, &Mp))) {
    return NULL;
  }

  return Mp;
}

STATIC
UINTN
NumberOf (
  IN EFI_MP_SERVICES_PROTOCOL  *Mp
  )
{
  UINTN  Number = 0;

  if (Mp != NULL) {
    Mp->WhoAmI (Mp, &Number);
  }

  return Number;
}

STATIC
VOID
EFIAPI
RunWork (
  IN OUT VOID  *Buffer
  )
{
  WORK  *Work = Buffer;

  Work->Procedure (NumberOf (Work->Mp), Work->Context);
}

UINTN
TdxCoreProcessors (
  VOID
  )
{
  EFI_MP_SERVICES_PROTOCOL  *Mp = FindMp ();
  UINTN                     Count;
  UINTN                     Enabled;

  if ((Mp == NULL) || EFI_ERROR (Mp->GetNumberOfProcessors (Mp, &Count, &Enabled))) {
    return 1;
  }

  return Enabled;
}

UINTN
TdxCoreWhoAmI (
  VOID
  )
{
  return NumberOf (FindMp ());
}

RETURN_STATUS
TdxCoreOnProcessor (
  IN UINTN               Processor,
  IN TDX_CORE_PROCEDURE  Procedure,
  IN VOID                *Context OPTIONAL
  )
{
  WORK  Work;

  Work.Mp        = FindMp ();
  Work.Procedure = Procedure;
  Work.Context   = Context;
  if (Processor == NumberOf (Work.Mp)) {
    Procedure (Processor, Context);
    return RETURN_SUCCESS;
  }

  if (Work.Mp == NULL) {
    return RETURN_NOT_FOUND;
  }

  return Work.Mp->StartupThisAP (Work.Mp, RunWork, Processor, NULL, 0, &Work, NULL);
}

//
// The others go first. To work beside them would take an event, which needs the
// timer, and so a TPL that the caller may not have.
//
RETURN_STATUS
TdxCoreOnAll (
  IN TDX_CORE_PROCEDURE  Procedure,
  IN VOID                *Context OPTIONAL
  )
{
  EFI_STATUS  Status = RETURN_NOT_FOUND;
  WORK        Work;

  Work.Mp        = FindMp ();
  Work.Procedure = Procedure;
  Work.Context   = Context;
  if (Work.Mp != NULL) {
    Status = Work.Mp->StartupAllAPs (Work.Mp, RunWork, FALSE, NULL, 0, &Work, NULL);
    //
    // It is the only one.
    //
    if (Status == EFI_NOT_STARTED) {
      Status = EFI_SUCCESS;
    }
  }

  Procedure (NumberOf (Work.Mp), Context);
  return Status;
}
