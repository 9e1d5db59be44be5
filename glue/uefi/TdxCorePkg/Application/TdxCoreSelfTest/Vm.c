/** @file
  A TD's life.

  SPDX-License-Identifier: BSD-2-Clause-Patent
**/
#include "Vm.h"

#include <Library/BaseMemoryLib.h>

//
// Of the guest: x87 and SSE; 2 GHz.
//
#define XFAM           3
#define TSC_FREQUENCY  80
#define LEVELS         4
#define ALIAS          (1ULL << 35)
#define ATTEMPTS       1000

//
// What the guest asks for.
//
#define LEAF_VMCALL    0
#define LEAF_ACCEPT    6
#define PASS_R10_R11   0xC00
#define GHCI_HLT       12
#define PATTERN        0x9E3779B97F4A7C15ULL
#define VM_END         (VM_SMALL + 4) // four addresses of the large page

//
// Ops of the MMU. One thread of one processor: the lock is always held, and no
// walk outlives the operation that it is part of.
//
STATIC
int
TableAllocate (
  void                   *Context,
  bool                   Mirror,
  struct tdxc_mmu_table  *Table
  )
{
  VM  *Vm = Context;

  Table->external = 0;
  if ((Vm->NrTables == VM_TABLES) || RETURN_ERROR (TdxCorePageAllocate (&Table->pa))) {
    return TDXC_E_NOMEM;
  }

  if (Mirror && (HostPageAllocate (Vm->Host, &Table->external) != TDXC_OK)) {
    TdxCorePageFree (Table->pa);
    return TDXC_E_NOMEM;
  }

  Vm->Tables[Vm->NrTables++] = *Table;
  return TDXC_OK;
}

STATIC
UINTN
FindTable (
  IN CONST VM  *Vm,
  IN UINT64    Pa
  )
{
  UINTN  Index;

  for (Index = 0; Index < Vm->NrTables && Vm->Tables[Index].pa != Pa; Index++) {
  }

  return Index;
}

STATIC
void
TableFree (
  void                         *Context,
  const struct tdxc_mmu_table  *Table
  )
{
  VM     *Vm   = Context;
  UINTN  Index = FindTable (Vm, Table->pa);

  if (Table->external != 0) {
    HostPageFree (Vm->Host, Table->external);
  }

  TdxCorePageFree (Table->pa);
  Vm->Tables[Index] = Vm->Tables[--Vm->NrTables];
}

STATIC
uint64_t
TableExternal (
  void      *Context,
  uint64_t  Pa
  )
{
  VM  *Vm = Context;

  return Vm->Tables[FindTable (Vm, Pa)].external;
}

STATIC
bool
LockHeld (
  void            *Context,
  enum tdxc_lock  Lock
  )
{
  return true;
}

STATIC
bool
IsStale (
  void                     *Context,
  const struct tdxc_fault  *Fault,
  struct tdxc_gfn          Gfn,
  uint32_t                 Level
  )
{
  return false;
}

STATIC
int
ExternalSet (
  void                               *Context,
  const struct tdxc_external_change  *Change
  )
{
  return tdxc_sept_set (&((VM *)Context)->Sept, Change);
}

STATIC
void
ExternalRemove (
  void                        *Context,
  struct tdxc_external_entry  *Entries,
  size_t                      Count,
  enum tdxc_lock              Lock
  )
{
  tdxc_sept_remove (&((VM *)Context)->Sept, Entries, Count);
}

STATIC
int
ExternalReclaim (
  void             *Context,
  struct tdxc_gfn  Gfn,
  uint32_t         Level,
  uint64_t         External
  )
{
  return tdxc_sept_reclaim (&((VM *)Context)->Sept, Gfn, External);
}

STATIC CONST struct tdxc_mmu_ops  mMmuOps = {
  TDXC_ABI,       TableAllocate,  TableFree,
  TableFree,      TableExternal,  LockHeld,
  IsStale,        ExternalSet,    ExternalRemove,
  ExternalReclaim
};

//
// Ops of the Secure EPT. The vCPU is outside whenever one of them is called.
//
STATIC
void
Kick (
  void      *Context,
  uint32_t  Vcpu
  )
{
}

STATIC
void
Relax (
  void  *Context
  )
{
}

STATIC
void
Range (
  void      *Context,
  uint64_t  Pa,
  uint64_t  Bytes
  )
{
}

STATIC
struct tdxc_pamt_cache *
PamtCache (
  void  *Context
  )
{
  return NULL;
}

STATIC
void
PageBack (
  void      *Context,
  uint64_t  Pa
  )
{
  HostPageFree (((VM *)Context)->Host, Pa);
}

//
// Caches have nothing of simulated memory, and this processor has no erratum.
//
STATIC CONST struct tdxc_sept_ops  mSeptOps = {
  TDXC_ABI, Kick, Relax, Range, Range, PamtCache, PageBack
};

STATIC
int
PageAllocate (
  void      *Context,
  uint64_t  *Pa
  )
{
  UINT64  Page;
  int     Error = HostPageAllocate (((VM *)Context)->Host, &Page);

  *Pa = Page;
  return Error;
}

STATIC CONST struct tdxc_td_ops  mTdOps = {
  TDXC_ABI, PageAllocate, PageBack, LockHeld
};

//
// Objects of the core
//
STATIC
int
InitSept (
  IN OUT VM  *Vm
  )
{
  struct tdxc_sept_config  Config;

  ZeroMem (&Config, sizeof (Config));
  Config.abi        = TDXC_ABI;
  Config.ops        = &mSeptOps;
  Config.ctx        = Vm;
  Config.port       = &Vm->Host->Port;
  Config.limits     = tdxc_seamcall_limits_usual ();
  Config.pamt       = &Vm->Host->Pamt;
  Config.pa_bits    = Vm->Host->Platform.pa_bits;
  Config.vcpus      = &Vm->SeptVcpu;
  Config.nr_vcpus   = 1;
  Config.quarantine = &Vm->Host->Quarantine;
  return tdxc_sept_init (&Vm->Sept, &Config);
}

STATIC
int
InitTd (
  IN OUT VM  *Vm
  )
{
  struct tdxc_td_config  Config;

  ZeroMem (&Config, sizeof (Config));
  Config.abi    = TDXC_ABI;
  Config.ops    = &mTdOps;
  Config.ctx    = Vm;
  Config.module = &Vm->Host->Module;
  Config.keyids = &Vm->Host->Keyids;
  Config.sept   = &Vm->Sept;
  Config.vcpus  = &Vm->TdVcpu;
  Config.alias  = ALIAS;
  return tdxc_td_init (&Vm->Td, &Config);
}

STATIC
int
InitMmu (
  IN OUT VM  *Vm
  )
{
  struct tdxc_mmu_config  Config;
  int                     Error;

  ZeroMem (&Config, sizeof (Config));
  Config.abi               = TDXC_ABI;
  Config.levels            = LEVELS;
  Config.ops               = &mMmuOps;
  Config.ctx               = Vm;
  Config.td                = true;
  Config.end               = ALIAS;
  Vm->MmuCpu.batch.entries = Vm->Entries;
  Vm->MmuCpu.batch.slots   = Vm->Slots;
  Vm->MmuCpu.batch.room    = VM_BATCH;
  Error                    = tdxc_mmu_init (&Vm->Mmu, &Config);
  return Error != TDXC_OK ? Error : tdxc_root_get (&Vm->Mmu, TDXC_ROOTS_MIRROR, &Vm->Mirror);
}

//
// Building
//
STATIC
VOID
ConfigureKey (
  UINTN  Processor,
  VOID   *Context
  )
{
  VM  *Vm = Context;

  Vm->Host->Error = tdxc_td_key_config (&Vm->Td, (uint32_t)Processor, &Vm->Diag);
}

STATIC
VOID
MakeVcpu (
  UINTN  Processor,
  VOID   *Context
  )
{
  VM  *Vm = Context;

  Vm->Host->Error = tdxc_td_vcpu_create (&Vm->Td, 0, (uint32_t)Processor, 0, &Vm->Diag);
}

STATIC
int
BuildParams (
  IN  VM      *Vm,
  OUT UINT64  *Page
  )
{
  struct tdxc_td_rules         Rules;
  struct tdxc_td_params        Params;
  struct tdxc_td_params_fault  Fault;
  int                          Error;

  ZeroMem (&Rules, sizeof (Rules));
  Rules.abi        = TDXC_ABI;
  Rules.info       = &Vm->Host->Module.info;
  Rules.fms        = Vm->Host->Machine.fms;
  Rules.five_level = true;
  ZeroMem (&Params, sizeof (Params));
  Params.abi           = TDXC_ABI;
  Params.levels        = LEVELS;
  Params.xfam          = XFAM;
  Params.max_vcpus     = 1;
  Params.tsc_frequency = TSC_FREQUENCY;
  Error                = tdxc_td_rules_read (&Vm->Host->Port, &Rules, &Vm->Diag);
  return Error != TDXC_OK ? Error : tdxc_td_params_build (&Rules, &Params, Page, &Fault);
}

STATIC
int
SetUp (
  IN OUT VM  *Vm
  )
{
  UINT64    Pa;
  uint64_t  Leaf;
  int       Error = HostPageAllocate (Vm->Host, &Pa);

  if (Error != TDXC_OK) {
    return Error;
  }

  Error = BuildParams (Vm, HostMemory (Vm->Host, Pa));
  if (Error == TDXC_OK) {
    Error = tdxc_td_setup (&Vm->Td, Pa, &Leaf, &Vm->Diag);
  }

  HostPageFree (Vm->Host, Pa);
  return Error;
}

STATIC
int
BuildStep (
  IN OUT VM  *Vm
  )
{
  struct tdxc_td_todo  Todo;
  int                  Error = tdxc_td_next (&Vm->Td, &Todo);

  if (Error != TDXC_OK) {
    return Error;
  }

  switch (Todo.step) {
    case TDXC_TD_CREATE:
      return tdxc_td_create (&Vm->Td, &Vm->Diag);
    case TDXC_TD_KEYS:
      return HostOn (Vm->Host, Todo.cpu, ConfigureKey, Vm);
    case TDXC_TD_SETUP:
      return SetUp (Vm);
    default:
      return TDXC_E_INVAL;
  }
}

int
VmBuild (
  OUT VM    *Vm,
  IN  HOST  *Host
  )
{
  int  Error;

  ZeroMem (Vm, sizeof (*Vm));
  Vm->Host      = Host;
  Vm->Processor = Host->Machine.nr_lps - 1;
  Host->Vm      = Vm;
  Error         = InitSept (Vm);
  if (Error == TDXC_OK) {
    Error = InitTd (Vm);
  }

  while ((Error == TDXC_OK) && (Vm->Td.step < TDXC_TD_BUILD)) {
    Error = BuildStep (Vm);
  }

  if (Error == TDXC_OK) {
    Error = InitMmu (Vm);
  }

  return Error != TDXC_OK ? Error : HostOn (Host, Vm->Processor, MakeVcpu, Vm);
}

//
// Memory
//
STATIC
int
Fault (
  IN OUT VM                 *Vm,
  IN     struct tdxc_fault  *Request
  )
{
  UINTN  Tries;
  int    Outcome = TDXC_FAULT_RETRY;

  for (Tries = 0; Tries < ATTEMPTS && Outcome == TDXC_FAULT_RETRY; Tries++) {
    Outcome = tdxc_mmu_topup (&Vm->Mmu, &Vm->MmuCpu, TDXC_MEMORY_PRIVATE);
    if (Outcome != TDXC_OK) {
      return Outcome;
    }

    Outcome = tdxc_mmu_fault (&Vm->Mmu, Vm->Mirror, &Vm->MmuCpu, Request, TDXC_LOCK_SHARED);
  }

  return Outcome == TDXC_FAULT_FIXED || Outcome == TDXC_FAULT_SPURIOUS ? TDXC_OK : TDXC_E_IO;
}

STATIC
int
MapSmall (
  IN OUT VM      *Vm,
  IN     UINT64  Gfn,
  IN     UINT64  Source
  )
{
  struct tdxc_fault  Request;
  int                Error = TDXC_OK;

  if (Vm->Small[Gfn] == 0) {
    Error = HostPageAllocate (Vm->Host, &Vm->Small[Gfn]);
  }

  ZeroMem (&Request, sizeof (Request));
  Request.gfn.n         = Gfn;
  Request.pa            = Vm->Small[Gfn];
  Request.source        = Source;
  Request.level         = TDXC_LEVEL_4K;
  Request.is_private    = true;
  Request.prefetch      = Source != 0;
  Request.host_writable = true;
  return Error != TDXC_OK ? Error : Fault (Vm, &Request);
}

STATIC
int
MapLarge (
  IN OUT VM  *Vm
  )
{
  struct tdxc_fault  Request;

  ZeroMem (&Request, sizeof (Request));
  Request.gfn.n         = VM_LARGE;
  Request.pa            = Vm->Host->Large;
  Request.level         = TDXC_LEVEL_2M;
  Request.is_private    = true;
  Request.host_writable = true;
  return Fault (Vm, &Request);
}

STATIC
UINT64
PatternOf (
  IN UINT64  Gpa
  )
{
  return (Gpa + EFI_PAGE_SIZE) * PATTERN;
}

STATIC
int
LoadPage (
  IN OUT VM      *Vm,
  IN     UINT64  Gfn,
  IN     UINT64  Source
  )
{
  struct tdxc_gfn  Start = { Gfn };
  uint64_t         Done;
  UINT64           *Page = HostMemory (Vm->Host, Source);
  int              Error;

  ZeroMem (Page, EFI_PAGE_SIZE);
  Page[0] = PatternOf (Gfn * EFI_PAGE_SIZE);
  Error   = MapSmall (Vm, Gfn, Source);
  return Error != TDXC_OK ? Error : tdxc_td_measure (&Vm->Td, Start, 1, &Done, &Vm->Diag);
}

int
VmLoad (
  IN OUT VM  *Vm
  )
{
  UINT64  Source;
  UINT64  Gfn;
  int     Error = HostPageAllocate (Vm->Host, &Source);

  if (Error != TDXC_OK) {
    return Error;
  }

  for (Gfn = 0; Gfn < VM_IMAGE && Error == TDXC_OK; Gfn++) {
    Error = LoadPage (Vm, Gfn, Source);
  }

  HostPageFree (Vm->Host, Source);
  return Error != TDXC_OK ? Error : tdxc_td_finalize (&Vm->Td, &Vm->Diag);
}

//
// The guest
//
STATIC
UINT64
GpaAt (
  IN UINTN  At
  )
{
  if (At < VM_SMALL) {
    return At * EFI_PAGE_SIZE;
  }

  return (VM_LARGE + (At - VM_SMALL) * 170) * EFI_PAGE_SIZE;
}

STATIC
BOOLEAN
Accept (
  IN OUT VM                    *Vm,
  IN     UINT32                Lp,
  IN     UINT64                Gpa,
  OUT    struct tdxc_sim_regs  *Exit
  )
{
  struct tdxc_sim_regs  Regs;
  UINT64                Level = Vm->At < VM_SMALL ? 0 : 1;
  UINT64                Bytes = Level == 0 ? SIZE_4KB : SIZE_2MB;

  ZeroMem (&Regs, sizeof (Regs));
  Regs.gpr[TDXC_SIM_RAX] = LEAF_ACCEPT;
  Regs.gpr[TDXC_SIM_RCX] = (Gpa & ~(Bytes - 1)) | Level;
  if (tdxc_sim_tdcall (&Vm->Host->Sim, Lp, &Regs) == TDXC_SIM_EXITED) {
    *Exit = Regs;
    return TRUE;
  }

  Vm->Wrong     += Regs.gpr[TDXC_SIM_RAX] != 0;
  Vm->Accepts   += Level == 0;
  Vm->Accepts2M += Level == 1;
  return FALSE;
}

//
// The image holds what was loaded, a page that was accepted zeros.
//
STATIC
VOID
Use (
  IN OUT VM      *Vm,
  IN     UINT64  Gpa,
  IN     UINT64  Pa
  )
{
  UINT64  *Word    = HostMemory (Vm->Host, Pa);
  UINT64  Expected = Vm->At < VM_IMAGE ? PatternOf (Gpa) : 0;

  if ((*Word != Expected) && (*Word != PatternOf (Gpa))) {
    Vm->Wrong++;
  }

  *Word = PatternOf (Gpa);
  Vm->At++;
}

STATIC
BOOLEAN
Halt (
  IN OUT VM                    *Vm,
  IN     UINT32                Lp,
  OUT    struct tdxc_sim_regs  *Exit
  )
{
  ZeroMem (Exit, sizeof (*Exit));
  Exit->gpr[TDXC_SIM_RAX] = LEAF_VMCALL;
  Exit->gpr[TDXC_SIM_RCX] = PASS_R10_R11;
  Exit->gpr[TDXC_SIM_R11] = GHCI_HLT;
  return tdxc_sim_tdcall (&Vm->Host->Sim, Lp, Exit) == TDXC_SIM_EXITED;
}

STATIC
BOOLEAN
GuestStep (
  HOST                  *Host,
  UINT32                Lp,
  struct tdxc_sim_regs  *Regs
  )
{
  VM                           *Vm = Host->Vm;
  UINT64                       Gpa = GpaAt (Vm->At);
  struct tdxc_sim_translation  Translation;
  UINT64                       Mask;

  if (Vm->At == VM_END) {
    return Halt (Vm, Lp, Regs);
  }

  switch (tdxc_sim_translate (&Host->Sim, Lp, Gpa, &Translation)) {
    case TDXC_SIM_ACCESS_OK:
      Mask = Translation.level == 0 ? SIZE_4KB - 1 : SIZE_2MB - 1;
      Use (Vm, Gpa, Translation.pa + (Gpa & Mask));
      return FALSE;
    case TDXC_SIM_ACCESS_VE:
      return Accept (Vm, Lp, Gpa, Regs);
    default:
      tdxc_sim_violation_exit (&Host->Sim, Lp, Gpa, true, Regs);
      return TRUE;
  }
}

STATIC
VOID
Enter (
  UINTN  Processor,
  VOID   *Context
  )
{
  VM  *Vm = Context;

  Vm->Host->Error = tdxc_td_enter (&Vm->Td, 0, (uint32_t)Processor, &Vm->Regs, &Vm->Exit);
}

int
VmRun (
  IN OUT VM     *Vm,
  OUT    UINTN  *Violations
  )
{
  int  Error;

  Vm->At           = 0;
  Vm->Host->Guest  = GuestStep;
  *Violations      = 0;
  for ( ; ;) {
    ZeroMem (&Vm->Regs, sizeof (Vm->Regs));
    Error = HostOn (Vm->Host, Vm->Processor, Enter, Vm);
    if (Error != TDXC_OK) {
      return Error;
    }

    if (Vm->Exit.kind == TDXC_EXIT_VMCALL) {
      return Vm->Regs.common.r11 == GHCI_HLT ? TDXC_OK : TDXC_E_INVAL;
    }

    if ((Vm->Exit.kind != TDXC_EXIT_VIOLATION) || (++*Violations > ATTEMPTS)) {
      return TDXC_E_IO;
    }

    if (Vm->Exit.gfn.n >= VM_LARGE) {
      Error = MapLarge (Vm);
    } else {
      Error = MapSmall (Vm, Vm->Exit.gfn.n, 0);
    }

    if (Error != TDXC_OK) {
      return Error;
    }
  }
}

STATIC
int
Zap (
  IN OUT VM      *Vm,
  IN     UINT64  Start,
  IN     UINT64  End
  )
{
  struct tdxc_zap  Request;
  UINTN            Tries;
  int              Error = TDXC_E_AGAIN;

  ZeroMem (&Request, sizeof (Request));
  Request.start.n = Start;
  Request.end.n   = End;
  Request.reason  = TDXC_ZAP_BACKING_GONE;
  Request.out     = Vm->Zapped;
  Request.room    = VM_BATCH;
  for (Tries = 0; Tries < ATTEMPTS && (Error == TDXC_E_AGAIN || Error == TDXC_E_BUSY); Tries++) {
    Error = tdxc_mmu_zap (&Vm->Mmu, &Vm->MmuCpu, &Request, TDXC_LOCK_SHARED);
  }

  return Error;
}

int
VmTakeAway (
  IN OUT VM      *Vm,
  IN     UINT64  Gfn
  )
{
  int  Error = Zap (Vm, Gfn, Gfn + 1);

  if (Error == TDXC_OK) {
    HostPageFree (Vm->Host, Vm->Small[Gfn]);
    Vm->Small[Gfn] = 0;
  }

  return Error;
}

//
// The end
//
STATIC
VOID
FlushVcpu (
  UINTN  Processor,
  VOID   *Context
  )
{
  VM  *Vm = Context;

  Vm->Host->Error = tdxc_td_vcpu_flush (&Vm->Td, 0, (uint32_t)Processor, &Vm->Diag);
}

STATIC
VOID
FlushPackage (
  UINTN  Processor,
  VOID   *Context
  )
{
  VM  *Vm = Context;

  Vm->Host->Error = tdxc_td_flush_package (&Vm->Td, (uint32_t)Processor, &Vm->Diag);
}

STATIC
int
CloseStep (
  IN OUT VM  *Vm
  )
{
  struct tdxc_td_todo  Todo;
  int                  Error = tdxc_td_next (&Vm->Td, &Todo);

  if (Error != TDXC_OK) {
    return Error;
  }

  switch (Todo.step) {
    case TDXC_TD_VCPUS:
      return HostOn (Vm->Host, Todo.cpu, FlushVcpu, Vm);
    case TDXC_TD_CLOSE:
      return tdxc_td_close (&Vm->Td, &Vm->Diag);
    case TDXC_TD_CACHES:
      return HostOn (Vm->Host, Todo.cpu, FlushPackage, Vm);
    case TDXC_TD_KEYID:
      return tdxc_td_free_keyid (&Vm->Td, &Vm->Diag);
    default:
      return TDXC_E_INVAL;
  }
}

STATIC
int
ZapRoots (
  IN OUT VM  *Vm
  )
{
  struct tdxc_roots_zap  Request;
  UINTN                  Tries;
  int                    Error = tdxc_root_put (&Vm->Mmu, Vm->Mirror);

  ZeroMem (&Request, sizeof (Request));
  Request.out  = Vm->Zapped;
  Request.room = VM_BATCH;
  if (Error == TDXC_OK) {
    Error = tdxc_roots_invalidate (&Vm->Mmu, TDXC_ROOTS_VALID, TDXC_LOCK_EXCLUSIVE);
  }

  if (Error == TDXC_OK) {
    Error = TDXC_E_AGAIN;
  }

  for (Tries = 0; Tries < ATTEMPTS && Error == TDXC_E_AGAIN; Tries++) {
    Error = tdxc_zap_roots (&Vm->Mmu, &Vm->MmuCpu, &Request, TDXC_LOCK_EXCLUSIVE);
  }

  return Error == TDXC_OK && Request.tables_lost != 0 ? TDXC_E_IO : Error;
}

int
VmDestroy (
  IN OUT VM  *Vm
  )
{
  UINTN  Index;
  int    Error = tdxc_td_end (&Vm->Td);

  while ((Error == TDXC_OK) && (Vm->Td.step < TDXC_TD_RECLAIM)) {
    Error = CloseStep (Vm);
  }

  if (Error == TDXC_OK) {
    Error = Zap (Vm, 0, VM_FRAMES);
  }

  if (Error == TDXC_OK) {
    Error = ZapRoots (Vm);
  }

  if (Error == TDXC_OK) {
    Error = tdxc_td_reclaim (&Vm->Td, &Vm->Diag);
  }

  for (Index = 0; Index < VM_SMALL && Error == TDXC_OK; Index++) {
    if (Vm->Small[Index] != 0) {
      HostPageFree (Vm->Host, Vm->Small[Index]);
    }
  }

  tdxc_mmu_release (&Vm->Mmu, &Vm->MmuCpu);
  return Error;
}
