/** @file
  TdxCoreSelfTest.efi: the core inside firmware, TAP on the serial port.

  SPDX-License-Identifier: BSD-2-Clause-Patent
**/
#include "SelfTest.h"

EFI_STATUS
EFIAPI
UefiMain (
  IN EFI_HANDLE        ImageHandle,
  IN EFI_SYSTEM_TABLE  *SystemTable
  )
{
  TapBegin ("selftest");
  TapRun (gCoreTests.Tests, gCoreTests.Count);
  TapRun (gHostTests.Tests, gHostTests.Count);
  //
  // Last, for their last one ends the allocation of pages.
  //
  TapRun (gPrimitiveTests.Tests, gPrimitiveTests.Count);
  return TapEnd () == 0 ? EFI_SUCCESS : EFI_DEVICE_ERROR;
}
