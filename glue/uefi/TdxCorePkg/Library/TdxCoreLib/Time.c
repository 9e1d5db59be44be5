/** @file
  A clock without the firmware's timer, so that it also goes after
  ExitBootServices.

  SPDX-License-Identifier: BSD-2-Clause-Patent
**/
#include <Uefi.h>
#include <Library/BaseLib.h>
#include <Library/TdxCoreLib.h>
#include <Library/UefiBootServicesTableLib.h>

//
// The shortest counts: what a hypervisor takes away only makes one longer.
//
#define MEASURES    10
#define MEASURE_US  200
#define NS_PER_US   1000

STATIC UINT64  mTicks;  // in MEASURE_US; 0: not measured

VOID
TdxCoreTimeBegin (
  VOID
  )
{
  UINT64  Start;
  UINTN   Index;

  mTicks = MAX_UINT64;
  for (Index = 0; Index < MEASURES; Index++) {
    Start = AsmReadTsc ();
    gBS->Stall (MEASURE_US);
    mTicks = MIN (mTicks, AsmReadTsc () - Start);
  }
}

STATIC
uint64_t
NowNs (
  void  *Context
  )
{
  UINT64  Now = AsmReadTsc ();

  if (mTicks == 0) {
    return 0;
  }

  return Now / mTicks * MEASURE_US * NS_PER_US + Now % mTicks * MEASURE_US * NS_PER_US / mTicks;
}

STATIC
void
Pause (
  void  *Context
  )
{
  CpuPause ();
}

CONST struct tdxc_gate_ops  gTdxCoreGateOps = { TDXC_ABI, NowNs, Pause };
