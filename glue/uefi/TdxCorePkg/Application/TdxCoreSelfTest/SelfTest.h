/** @file
  The tables of tests that TdxCoreSelfTest.efi runs.

  SPDX-License-Identifier: BSD-2-Clause-Patent
**/
#ifndef SELF_TEST_H_
#define SELF_TEST_H_

#include <Uefi.h>
#include <Library/TdxTapLib.h>

typedef struct {
  CONST TAP_TEST    *Tests;
  UINTN             Count;
} TEST_TABLE;

/// TestCore.c: the core, on values.
extern CONST TEST_TABLE  gCoreTests;
/// TestPrimitives.c: TdxCoreLib.
extern CONST TEST_TABLE  gPrimitiveTests;
/// TestHost.c: bring-up and a TD's life on the software module.
extern CONST TEST_TABLE  gHostTests;

#endif
