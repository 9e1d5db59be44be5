/** @file
  SHA-384 as the software module asks for it.

  SPDX-License-Identifier: BSD-2-Clause-Patent
**/
#ifndef SHA384_H_
#define SHA384_H_

#include <Uefi.h>

#include "tdx_module.h"

#define SHA384_BLOCK  128
#define SHA384_HASH   48
#define SHA384_STATE  TDXC_SIM_SHA384_STATE

/// tdxc_sim_ops::sha384
void
Sha384 (
  void                       *Context,
  enum tdxc_sim_sha384_step  Step,
  void                       *State,
  const void                 *Data,
  size_t                     Bytes,
  void                       *Out
  );

#endif
