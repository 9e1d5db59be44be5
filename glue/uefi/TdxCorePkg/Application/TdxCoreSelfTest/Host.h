/** @file
  The software TDX module in firmware: a machine whose logical processors are
  this firmware's, and the host that the core makes of it.

  SPDX-License-Identifier: BSD-2-Clause-Patent
**/
#ifndef SELF_TEST_HOST_H_
#define SELF_TEST_HOST_H_

#include <Uefi.h>
#include <Library/TdxCoreLib.h>

#include "auditor.h"
#include "tdx_module.h"

#define HOST_APIC_IDS    256
#define HOST_SLOTS       8192  // pages that the machine can have
#define HOST_PAGES       512   // pages that are lent and come back
#define HOST_QUARANTINE  16

typedef struct HOST HOST;

//
// What runs inside a TD: Host.c calls it on the processor that entered, until
// it returns TRUE, which means that the vCPU is out and Regs are the host's.
//
typedef BOOLEAN (*GUEST_STEP)(
  HOST                  *Host,
  UINT32                Lp,
  struct tdxc_sim_regs  *Regs
  );

struct HOST {
  //
  // The machine: pages by frame, in memory that is there from the start, so
  // that a processor without boot services finds one as well.
  //
  struct tdxc_sim_module       Sim;
  struct tdxc_sim_platform     Machine;
  UINT64                       Frames[HOST_SLOTS]; ///< Frame + 1; atomic.
  UINT8                        *Pages;
  UINT8                        Scrap[EFI_PAGE_SIZE];
  UINT64                       Scrapped; ///< 0, or nothing here means anything.
  UINT64                       Random;
  UINT8                        LpOf[HOST_APIC_IDS]; ///< By APIC ID; + 1.
  UINT64                       Calls[TDXC_SIM_MAX_LPS];
  GUEST_STEP                   Guest;
  VOID                         *Vm;     ///< Whose guest it is.
  //
  // The host.
  //
  struct tdxc_seamcall_port    Port;
  struct tdxc_module           Module;
  struct tdxc_module_cpu       Cpus[TDXC_SIM_MAX_LPS];
  VOID                         *Infos;
  UINT64                       *Pointers;
  struct tdxc_plan_ram         Ram[2];
  struct tdxc_plan_config      Request;
  struct tdxc_plan             Plan;
  VOID                         *Scratch;
  UINTN                        ScratchBytes;
  UINT32                       Pamts;   ///< Allocated and not freed.
  UINT32                       Flushes; ///< WBINVD on all processors.
  struct tdxc_platform         Platform;
  UINT64                       KeyidWords[8];
  struct tdxc_keyids           Keyids;
  struct tdxc_pamt             Pamt;
  UINT64                       PamtMemory[512]; ///< Little, for it is static.
  struct tdxc_range            Tdmrs[4];
  struct tdxc_sept_lost        Lost[HOST_QUARANTINE];
  struct tdxc_sept_quarantine  Quarantine;
  struct tdxc_seamcall_diag    Diag;
  int                          Error; ///< Of what ran on another processor.
  //
  // Pages to lend: one of 2 MiB, small ones, and those that came back.
  //
  UINT64                       Large;
  UINT64                       Next;
  UINT64                       End;
  UINT64                       Back[HOST_PAGES];
  UINTN                        NrBack;
  UINTN                        NrOut;
};

/**
  Power on: all processors of MP services are the module's.

  @param[out] Host  Fully overwritten.

  @return  TDXC_OK, or what the first failure was.
**/
int
HostBegin (
  OUT HOST  *Host
  );

/// Machine.c: memory, processors, the module.
int
MachineBegin (
  OUT HOST  *Host
  );

/// Free what HostBegin () and the bring-up allocated.
VOID
HostEnd (
  IN OUT HOST  *Host
  );

/// One step of the bring-up, on the processor that the core names.
int
HostStep (
  IN OUT HOST  *Host
  );

/// All steps, and what TDs need then.
int
HostUp (
  IN OUT HOST  *Host
  );

/// tdxc_module_undo (): what is left afterwards, 0 if nothing.
UINT64
HostDown (
  IN OUT HOST  *Host
  );

/// Host.Error of a procedure that ran on a processor.
int
HostOn (
  IN OUT HOST            *Host,
  IN UINTN               Processor,
  IN TDX_CORE_PROCEDURE  Procedure,
  IN VOID                *Context
  );

/// The page of the machine that holds an address; KeyIDs see the same memory.
VOID *
HostMemory (
  IN OUT HOST    *Host,
  IN     UINT64  Pa
  );

/// The processor that this runs on, as the module knows it.
UINT32
HostLp (
  IN CONST HOST  *Host
  );

int
HostPageAllocate (
  IN OUT HOST    *Host,
  OUT    UINT64  *Pa
  );

VOID
HostPageFree (
  IN OUT HOST    *Host,
  IN     UINT64  Pa
  );

/// NULL: all of the module's state is consistent; else what is not.
CONST CHAR8 *
HostAudit (
  IN OUT HOST  *Host
  );

#endif
