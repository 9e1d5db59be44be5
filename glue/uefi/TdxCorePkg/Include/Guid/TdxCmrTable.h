/** @file
  The platform's convertible memory ranges, as a configuration table.

  No published table of a platform lists CMRs: an operating system asks the TDX
  module. Firmware, which declares them to MCHECK, can hand its list to programs
  that run before any module does, such as TdxPlan.efi: it installs this table
  with InstallConfigurationTable ().

  SPDX-License-Identifier: BSD-2-Clause-Patent
**/
#ifndef TDX_CMR_TABLE_H_
#define TDX_CMR_TABLE_H_

#include <tdxcore/cmr.h>

#define TDX_CMR_TABLE_GUID \
  { 0x3d6b0c95, 0x81e7, 0x4f2a, \
    { 0xb4, 0x58, 0x6c, 0x19, 0xe2, 0xa0, 0x7d, 0x43 } \
  }

typedef struct {
  UINT32             Count;               ///< Entries in use.
  UINT32             Reserved;            ///< 0.
  struct tdxc_cmr    Cmrs[TDXC_MAX_CMRS]; ///< Ascending, as the module reports them.
} TDX_CMR_TABLE;

extern EFI_GUID  gTdxCmrTableGuid;

#endif
