/** @file
  Pages, as long as there are boot services.

  SPDX-License-Identifier: BSD-2-Clause-Patent
**/
#include <Uefi.h>
#include <Library/MemoryAllocationLib.h>
#include <Library/TdxCoreLib.h>

//
// The glue's own, beside Time.c's measure: the core has no state of its own.
//
STATIC BOOLEAN  mEnded;

RETURN_STATUS
TdxCorePageAllocate (
  OUT UINT64  *Address
  )
{
  VOID  *Page = mEnded ? NULL : AllocateReservedPages (1);

  if (Page == NULL) {
    return RETURN_OUT_OF_RESOURCES;
  }

  *Address = (UINTN)Page;
  return RETURN_SUCCESS;
}

VOID
TdxCorePageFree (
  IN UINT64  Address
  )
{
  if (!mEnded) {
    FreePages ((VOID *)(UINTN)Address, 1);
  }
}

VOID
TdxCoreMemoryEnd (
  VOID
  )
{
  mEnded = TRUE;
}
