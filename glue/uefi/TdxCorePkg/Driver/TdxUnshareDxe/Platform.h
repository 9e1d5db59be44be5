/** @file
  What the driver runs on: a TD, or, in test builds, the software TDX module.
  Each .inf has one of Td.c and Sim.c.

  SPDX-License-Identifier: BSD-2-Clause-Patent
**/
#ifndef TDX_UNSHARE_PLATFORM_H_
#define TDX_UNSHARE_PLATFORM_H_

#include <tdxcore/convert.h>

typedef struct {
  CONST struct tdxc_convert_ops    *Ops;
  VOID                             *Context;
  UINT32                           Gpaw;       ///< 48 or 52.
  UINT32                           SharedBit;  ///< In page tables.
} TDX_UNSHARE_PLATFORM;

/**
  Find out.

  @param[out] Platform  Filled on success.

  @retval EFI_SUCCESS      Memory can be converted.
  @retval EFI_UNSUPPORTED  This is no TD.
**/
EFI_STATUS
PlatformBegin (
  OUT TDX_UNSHARE_PLATFORM  *Platform
  );

#endif
