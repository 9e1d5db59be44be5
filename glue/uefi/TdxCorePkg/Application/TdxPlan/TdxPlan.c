/** @file
  TdxPlan.efi: TDMRs, PAMTs and reserved areas over this firmware's memory.

  SPDX-License-Identifier: BSD-2-Clause-Patent
**/
#include "TdxPlan.h"

STATIC
EFI_STATUS
PrintAll (
  IN EFI_HANDLE          ImageHandle,
  IN CONST PLAN_OPTIONS  *Options,
  IN CONST PLAN_MACHINE  *Machine,
  IN CONST PLAN_LAYOUT   *Layout
  )
{
  EFI_STATUS  Status;
  PLAN_TEXT   Text;

  Status = EFI_SUCCESS;
  ZeroMem (&Text, sizeof (Text));
  if (Options->Map.Wanted) {
    PlanMapText (Machine, &Text);
    Status = PlanDeliver (ImageHandle, &Options->Map, &Text);
  }

  if (!EFI_ERROR (Status) && Options->Json.Wanted) {
    PlanJsonText (Layout, &Text);
    Status = PlanDeliver (ImageHandle, &Options->Json, &Text);
  }

  if (!EFI_ERROR (Status) && Options->Table.Wanted) {
    PlanTableText (Machine, Layout, &Text);
    Status = PlanDeliver (ImageHandle, &Options->Table, &Text);
  }

  return Status;
}

/**
  @retval EFI_SUCCESS    There is a layout.
  @retval EFI_NOT_FOUND  There is none; the outputs say why.
  @return                What went wrong, said on the console.
**/
EFI_STATUS
EFIAPI
UefiMain (
  IN EFI_HANDLE        ImageHandle,
  IN EFI_SYSTEM_TABLE  *SystemTable
  )
{
  PLAN_OPTIONS  Options;
  PLAN_MACHINE  Machine;
  PLAN_LAYOUT   Layout;
  EFI_STATUS    Status;

  Status = PlanReadOptions (ImageHandle, &Options);
  if (EFI_ERROR (Status)) {
    return Status;
  }

  Status = PlanReadMachine (&Machine);
  if (EFI_ERROR (Status)) {
    PlanComplain ("memory map", "not read");
    return Status;
  }

  Status = PlanMakeLayout (&Machine, &Options, &Layout);
  if (EFI_ERROR (Status)) {
    PlanComplain ("layout", "not made");
  } else {
    Status = PrintAll (ImageHandle, &Options, &Machine, &Layout);
    if (!EFI_ERROR (Status) && (Layout.Reason[0] != 0)) {
      Status = EFI_NOT_FOUND;
    }

    PlanFreeLayout (&Layout);
  }

  PlanFreeMachine (&Machine);
  return Status;
}
