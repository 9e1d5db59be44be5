/** @file
  A TD on the host of Host.h: 16 small pages, four of which are its image, and
  one page of 2 MiB, all through the core's mirror and Secure EPT. Its only vCPU
  runs on the last processor.

  SPDX-License-Identifier: BSD-2-Clause-Patent
**/
#ifndef SELF_TEST_VM_H_
#define SELF_TEST_VM_H_

#include "Host.h"

#include <tdxcore/td_params.h>

#define VM_IMAGE   4
#define VM_SMALL   16
#define VM_LARGE   512 // first frame of the page of 2 MiB
#define VM_FRAMES  1024
#define VM_TABLES  16
#define VM_BATCH   32

typedef struct {
  struct tdxc_sept_vcpu         SeptVcpu; // of a cache line: first
  HOST                          *Host;
  struct tdxc_td                Td;
  struct tdxc_td_vcpu           TdVcpu;
  struct tdxc_sept              Sept;
  struct tdxc_mmu               Mmu;
  struct tdxc_mmu_cpu           MmuCpu;
  struct tdxc_root              *Mirror;
  struct tdxc_mmu_table         Tables[VM_TABLES]; // the host's and the module's
  UINTN                         NrTables;
  struct tdxc_external_entry    Entries[VM_BATCH];
  UINT64                        *Slots[VM_BATCH];
  struct tdxc_zapped            Zapped[VM_BATCH];
  UINT64                        Small[VM_SMALL]; // what is behind them
  UINTN                         Processor;       // the vCPU's
  struct tdxc_seamcall_full     Regs;
  struct tdxc_td_exit           Exit;
  struct tdxc_seamcall_diag     Diag;
  //
  // The guest.
  //
  UINTN                         At;       // of its list of frames
  UINTN                         Accepts;
  UINTN                         Accepts2M;
  UINTN                         Wrong;    // pages that held something else
} VM;

/// MNG.CREATE to VP.INIT.
int
VmBuild (
  OUT VM    *Vm,
  IN  HOST  *Host
  );

/// The image, measured, and MR.FINALIZE.
int
VmLoad (
  IN OUT VM  *Vm
  );

/// Until the guest has seen all its pages and says so.
int
VmRun (
  IN OUT VM      *Vm,
  OUT    UINTN   *Violations
  );

/// A small page is taken away and mapped again, which loses what it held.
int
VmTakeAway (
  IN OUT VM      *Vm,
  IN     UINT64  Gfn
  );

/// From VP.FLUSH to the last page.
int
VmDestroy (
  IN OUT VM  *Vm
  );

#endif
