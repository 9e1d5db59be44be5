/** @file
  The software TDX module, in memory that outlives boot services, so that a
  later stage can look what it holds: a configuration table says where.

  In page tables bit 39 stands in for the shared bit. QEMU's processors have 40
  physical address bits, and bit 47 would be reserved. A page with bit 39 set is
  an address where QEMU has no memory, so that what the TLB holds can be told by
  a read.

  SPDX-License-Identifier: BSD-2-Clause-Patent
**/
#include <Uefi.h>
#include <Library/MemoryAllocationLib.h>
#include <Library/TdxSimGuestLib.h>
#include <Library/UefiBootServicesTableLib.h>

#include "Platform.h"

#define SHARED_BIT  39

STATIC EFI_GUID  mSimGuid = TDXC_SIM_GUEST_GUID;

EFI_STATUS
PlatformBegin (
  OUT TDX_UNSHARE_PLATFORM  *Platform
  )
{
  struct tdxc_sim_firmware  *Sim;

  Sim = AllocateReservedPages (EFI_SIZE_TO_PAGES (sizeof (*Sim)));
  if (Sim == NULL) {
    return EFI_OUT_OF_RESOURCES;
  }

  if (tdxc_sim_firmware_up (Sim) != 0) {
    return EFI_DEVICE_ERROR;
  }

  Platform->Ops       = &tdxc_sim_firmware_ops;
  Platform->Context   = Sim;
  Platform->Gpaw      = TDXC_SIM_GUEST_GPAW;
  Platform->SharedBit = SHARED_BIT;
  return gBS->InstallConfigurationTable (&mSimGuid, Sim);
}
