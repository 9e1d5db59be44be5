/** @file
  The page tables of this processor: where they are, and opened for stores
  although they are mapped read-only.

  SPDX-License-Identifier: BSD-2-Clause-Patent
**/
#include <Uefi.h>
#include <Library/BaseLib.h>
#include <Library/TdxCoreLib.h>

#define CR0_WP           0x10000ULL
#define CR3_ADDRESS      0x000FFFFFFFFFF000ULL
#define CR4_LA57         0x1000
#define CR4_CET          0x800000
#define CPUID_MAX        0x80000000
#define CPUID_ADDRESSES  0x80000008
#define LEAST_PA_BITS    36
#define INTERRUPTS       1ULL

STATIC
UINT32
PhysicalBits (
  VOID
  )
{
  UINT32  Eax;

  AsmCpuid (CPUID_MAX, &Eax, NULL, NULL, NULL);
  if (Eax < CPUID_ADDRESSES) {
    return LEAST_PA_BITS;
  }

  AsmCpuid (CPUID_ADDRESSES, &Eax, NULL, NULL, NULL);
  return Eax & 0xFF;
}

VOID
TdxCoreTables (
  OUT TDX_CORE_TABLES  *Tables
  )
{
  UINTN  Cr4 = AsmReadCr4 ();

  Tables->Root     = AsmReadCr3 () & CR3_ADDRESS;
  Tables->Levels   = (Cr4 & CR4_LA57) != 0 ? 5 : 4;
  Tables->PaBits   = PhysicalBits ();
  Tables->ReadOnly = (AsmReadCr0 () & CR0_WP) != 0;
  //
  // CET could be turned off, but not between a call and its return.
  //
  Tables->CanWrite = (Cr4 & CR4_CET) == 0;
}

//
// With interrupts off nothing runs that could miss the protection.
//
UINT64
TdxCoreOpenTables (
  VOID
  )
{
  UINT64  Opened = SaveAndDisableInterrupts () ? INTERRUPTS : 0;
  UINTN   Cr0    = AsmReadCr0 ();

  if ((Cr0 & CR0_WP) != 0) {
    AsmWriteCr0 (Cr0 & ~(UINTN)CR0_WP);
    Opened |= CR0_WP;
  }

  return Opened;
}

VOID
TdxCoreCloseTables (
  IN UINT64  Opened
  )
{
  if ((Opened & CR0_WP) != 0) {
    AsmWriteCr0 (AsmReadCr0 () | CR0_WP);
  }

  SetInterruptState ((Opened & INTERRUPTS) != 0);
}
