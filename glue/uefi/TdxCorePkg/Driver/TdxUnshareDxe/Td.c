/** @file
  A TD.

  SPDX-License-Identifier: BSD-2-Clause-Patent
**/
#include <Uefi.h>
#include <Library/TdxCoreLib.h>

#include "Platform.h"

EFI_STATUS
PlatformBegin (
  OUT TDX_UNSHARE_PLATFORM  *Platform
  )
{
  struct tdxc_tdcall_diag  Diag;

  if (!TdxCoreIsTd () ||
      (tdxc_convert_gpaw (&gTdxCoreConvertOps, NULL, &Platform->Gpaw, &Diag) != TDXC_OK))
  {
    return EFI_UNSUPPORTED;
  }

  Platform->Ops       = &gTdxCoreConvertOps;
  Platform->Context   = NULL;
  Platform->SharedBit = Platform->Gpaw - 1;
  return EFI_SUCCESS;
}
