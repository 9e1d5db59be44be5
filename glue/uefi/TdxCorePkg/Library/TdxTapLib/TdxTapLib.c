/** @file
  TAP on the serial port.

  SPDX-License-Identifier: BSD-2-Clause-Patent
**/
#include <Uefi.h>
#include <Library/BaseLib.h>
#include <Library/IoLib.h>
#include <Library/PrintLib.h>
#include <Library/TdxTapLib.h>
#include <Library/UefiBootServicesTableLib.h>

//
// A 16550 where PCs have their first serial port.
//
#define UART           0x3F8
#define UART_STATUS    (UART + 5)
#define UART_SCRATCH   (UART + 7)
#define STATUS_ROOM    BIT5
#define STATUS_ABSENT  0xFF

//
// Looks at a port that takes no more bytes, then the byte is lost.
//
#define UART_LOOKS  1000000

STATIC CONST CHAR8  *mProgram;
STATIC UINTN        mNumber;
STATIC UINTN        mFailed;
STATIC BOOLEAN      mHasPort;
STATIC BOOLEAN      mNoConsole;

STATIC
BOOLEAN
HasPort (
  VOID
  )
{
  if (IoRead8 (UART_STATUS) == STATUS_ABSENT) {
    return FALSE;
  }

  IoWrite8 (UART_SCRATCH, 0xA5);
  return IoRead8 (UART_SCRATCH) == 0xA5;
}

STATIC
VOID
PutByte (
  IN UINT8  Byte
  )
{
  UINTN  Looks;

  for (Looks = 0; (IoRead8 (UART_STATUS) & STATUS_ROOM) == 0; Looks++) {
    if (Looks == UART_LOOKS) {
      return;
    }

    CpuPause ();
  }

  IoWrite8 (UART, Byte);
}

STATIC
VOID
PutConsole (
  IN CONST CHAR8  *Text
  )
{
  CHAR16  Character[2] = { 0, 0 };

  if (mNoConsole) {
    return;
  }

  for ( ; *Text != '\0'; Text++) {
    Character[0] = (UINT8)*Text;
    gST->ConOut->OutputString (gST->ConOut, Character);
  }
}

STATIC
VOID
Put (
  IN CONST CHAR8  *Text
  )
{
  if (!mHasPort) {
    PutConsole (Text);
    return;
  }

  for ( ; *Text != '\0'; Text++) {
    PutByte ((UINT8)*Text);
  }
}

STATIC
VOID
PutNumber (
  IN UINTN  Value
  )
{
  CHAR8  Text[24];

  AsciiSPrint (Text, sizeof (Text), "%lu", (UINT64)Value);
  Put (Text);
}

VOID
TapBegin (
  IN CONST CHAR8  *Program
  )
{
  mProgram = Program;
  mNumber  = 0;
  mFailed  = 0;
  mHasPort = HasPort ();
  //
  // Whatever stands in this line is the console's.
  //
  Put ("\r\n# script ");
  Put (Program);
  Put ("\r\n");
}

STATIC
BOOLEAN
IsSkip (
  IN CONST CHAR8  *Problem
  )
{
  return AsciiStrnCmp (Problem, TAP_SKIP, sizeof (TAP_SKIP) - 1) == 0;
}

VOID
TapResult (
  IN CONST CHAR8  *Name,
  IN CONST CHAR8  *Problem OPTIONAL
  )
{
  BOOLEAN  Skipped = Problem != NULL && IsSkip (Problem);
  BOOLEAN  Failed  = Problem != NULL && !Skipped;

  Put (Failed ? "not ok " : "ok ");
  PutNumber (++mNumber);
  Put (" - ");
  Put (Name);
  if (Skipped) {
    Put (" # ");
    Put (Problem);
  }

  Put ("\r\n");
  if (Failed) {
    mFailed++;
    TapNote (Problem);
  }
}

VOID
TapNote (
  IN CONST CHAR8  *Text
  )
{
  Put ("# ");
  Put (Text);
  Put ("\r\n");
}

VOID
TapRun (
  IN CONST TAP_TEST  *Tests,
  IN UINTN           Count
  )
{
  UINTN  Index;

  for (Index = 0; Index < Count; Index++) {
    TapResult (Tests[Index].Name, Tests[Index].Run ());
  }
}

UINTN
TapEnd (
  VOID
  )
{
  Put ("1..");
  PutNumber (mNumber);
  Put ("\r\n# end ");
  Put (mProgram);
  Put ("\r\n");
  return mFailed;
}

VOID
TapLeaveConsole (
  VOID
  )
{
  mNoConsole = TRUE;
}
