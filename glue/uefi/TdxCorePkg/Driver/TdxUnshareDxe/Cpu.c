/** @file
  The page tables of this processor: opened for stores although they are mapped
  read-only, and flushed out of the TLB.

  A TD's firmware runs on one processor until the OS takes the others, and they
  load CR3 then. Elsewhere they would have to flush as well.

  SPDX-License-Identifier: BSD-2-Clause-Patent
**/
#include "TdxUnshareDxe.h"

#include <Library/BaseLib.h>

#define CR0_WP            0x10000ULL
#define CR3_ADDRESS       0x000FFFFFFFFFF000ULL
#define CR4_PGE           0x80ULL
#define CR4_LA57          0x1000ULL
#define CR4_CET           0x800000ULL
#define CPUID_MAX         0x80000000
#define CPUID_ADDRESSES   0x80000008
#define INTERRUPTS        1ULL
#define LEAST_PA_BITS     36

//
// The core's callbacks are plain functions: none is EFIAPI.
//
// With interrupts off nothing runs that could miss the protection.
//
STATIC
uint64_t
OpenTables (
  void  *Context
  )
{
  uint64_t  Said = SaveAndDisableInterrupts () ? INTERRUPTS : 0;
  UINTN     Cr0  = AsmReadCr0 ();

  if ((Cr0 & CR0_WP) != 0) {
    AsmWriteCr0 (Cr0 & ~(UINTN)CR0_WP);
    Said |= CR0_WP;
  }

  return Said;
}

STATIC
void
CloseTables (
  void      *Context,
  uint64_t  Said
  )
{
  if ((Said & CR0_WP) != 0) {
    AsmWriteCr0 (AsmReadCr0 () | CR0_WP);
  }

  SetInterruptState ((Said & INTERRUPTS) != 0);
}

//
// CR3 leaves global entries where they are; a change of CR4.PGE does not.
//
STATIC
void
FlushTlb (
  void  *Context
  )
{
  UINTN  Cr4 = AsmReadCr4 ();

  if ((Cr4 & CR4_PGE) != 0) {
    AsmWriteCr4 (Cr4 & ~(UINTN)CR4_PGE);
    AsmWriteCr4 (Cr4);
  } else {
    AsmWriteCr3 (AsmReadCr3 ());
  }
}

CONST struct tdxc_tables_ops  gCpuTablesOps = {
  OpenTables, CloseTables, FlushTlb
};

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

EFI_STATUS
CpuTables (
  IN  UINT32              SharedBit,
  OUT struct tdxc_tables  *Tables
  )
{
  UINTN   Cr4  = AsmReadCr4 ();
  UINT32  Bits = PhysicalBits ();

  //
  // CR0.WP cannot be cleared while CET is on, and CET not turned off between a
  // call and its return.
  //
  if ((Cr4 & CR4_CET) != 0) {
    return EFI_UNSUPPORTED;
  }

  memset (Tables, 0, sizeof (*Tables));
  Tables->root       = AsmReadCr3 () & CR3_ADDRESS;
  Tables->levels     = (Cr4 & CR4_LA57) != 0 ? 5 : 4;
  Tables->shared_bit = SharedBit;
  Tables->pa_bits    = Bits < SharedBit ? Bits : SharedBit;
  Tables->ops        = &gCpuTablesOps;
  return EFI_SUCCESS;
}
