/** @file
  Parts of the driver: what stands between the core and the firmware.

  SPDX-License-Identifier: BSD-2-Clause-Patent
**/
#ifndef TDX_UNSHARE_DXE_H_
#define TDX_UNSHARE_DXE_H_

#include <Uefi.h>
#include <Protocol/TdxUnshare.h>

#include "Convert.h"

extern struct tdxc_guest  *mGuest;

/// Cpu.c: the page tables of this processor.
extern CONST struct tdxc_tables_ops  gCpuTablesOps;

/**
  Describe the page tables in use.

  @param[in]  SharedBit  In their entries.
  @param[out] Tables     Filled, but for the pool.

  @retval EFI_SUCCESS      Filled.
  @retval EFI_UNSUPPORTED  They cannot be edited: CET is on.
**/
EFI_STATUS
CpuTables (
  IN  UINT32              SharedBit,
  OUT struct tdxc_tables  *Tables
  );

/**
  Memory.c: tell the guest what is RAM. Allocates.

  @param[in,out] Guest  The guest.

  @retval EFI_SUCCESS  Told.
  @return              Else it knows what it knew before.
**/
EFI_STATUS
MemoryFindRam (
  IN OUT struct tdxc_guest  *Guest
  );

/// Service.c: the protocols.
extern TDX_UNSHARE_PROTOCOL  gTdxUnshare;

/**
  Install them; memory acceptance only where the platform has none.

  @param[in] Handle  To install them on.

  @return  Status.
**/
EFI_STATUS
ServiceInstall (
  IN EFI_HANDLE  Handle
  );

/**
  Report.c: reserve memory for the report and publish it. Allocates.

  @return  Status.
**/
EFI_STATUS
ReportBegin (
  VOID
  );

/**
  Fill it, with no service of the firmware, and say it with DEBUG ().

  @param[in] Guest  That has finished.
  @param[in] Err    What tdxc_guest_finish () returned.
**/
VOID
ReportFill (
  IN CONST struct tdxc_guest  *Guest,
  IN INT32                    Err
  );

#endif
