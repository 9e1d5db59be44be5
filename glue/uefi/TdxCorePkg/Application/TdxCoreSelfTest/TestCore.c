/** @file
  The core, on values: what the compiler of a firmware could have spoilt.

  SPDX-License-Identifier: BSD-2-Clause-Patent
**/
#include "SelfTest.h"

#include <Library/BaseLib.h>
#include <tdxcore/tdxcore.h>

STATIC
CONST CHAR8 *
TestTypes (
  VOID
  )
{
  TAP_CHECK (sizeof (uint64_t) == 8 && sizeof (uint32_t) == 4 && sizeof (uint16_t) == 2);
  TAP_CHECK (sizeof (size_t) == sizeof (UINTN) && sizeof (uintptr_t) == sizeof (UINTN));
  TAP_CHECK (sizeof (bool) == 1 && sizeof (void *) == 8);
  return NULL;
}

STATIC
CONST CHAR8 *
TestVersion (
  VOID
  )
{
  TAP_CHECK (tdxc_version () == (TDXC_VERSION_MAJOR << 16 | TDXC_VERSION_MINOR << 8 | TDXC_VERSION_PATCH));
  TAP_CHECK (tdxc_abi () == TDXC_ABI);
  return NULL;
}

STATIC CONST TAP_TEST  mTests[] = {
  { "core: types have their sizes where long has 32 bits", TestTypes   },
  { "core: header and library are of one version",                         TestVersion },
};

CONST TEST_TABLE  gCoreTests = { mTests, ARRAY_SIZE (mTests) };
