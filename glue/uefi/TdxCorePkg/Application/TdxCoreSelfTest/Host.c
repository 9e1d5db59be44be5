/** @file
  The module brought up as a host would: what tdxc_module_next () advises is
  done on the processor that it names.

  SPDX-License-Identifier: BSD-2-Clause-Patent
**/
#include "Host.h"

#include <Library/BaseMemoryLib.h>
#include <Library/MemoryAllocationLib.h>

//
// Where the structures lie that the module reads: below 1 MiB, where no TDMR
// has memory in use.
//
#define POINTERS_PA     0x10000
#define LIST_PA         0x11000
#define INFOS_PA        0x20000
#define INFO_BYTES      1024
#define INFOS_BYTES     (TDXC_MODULE_MAX_TDMRS * INFO_BYTES)
#define CALLS_PER_TURN  16

STATIC
int
PamtAllocate (
  void                         *Context,
  const struct tdxc_plan_tdmr  *Tdmr,
  struct tdxc_range            *Pamt
  )
{
  HOST    *Host = Context;
  UINT32  Level;

  for (Level = 0; Level < TDXC_PAMT_LEVELS; Level++) {
    if (tdxc_range_is_empty (Tdmr->pamt[Level])) {
      return TDXC_E_NOMEM;
    }
  }

  CopyMem (Pamt, Tdmr->pamt, sizeof (Tdmr->pamt));
  Host->Pamts++;
  return TDXC_OK;
}

STATIC
void
PamtFree (
  void                     *Context,
  const struct tdxc_range  *Pamt
  )
{
  ((HOST *)Context)->Pamts--;
}

//
// The instruction itself, on every processor there is.
//
STATIC
int
FlushCaches (
  void  *Context
  )
{
  HOST           *Host  = Context;
  RETURN_STATUS  Status = TdxCoreWbinvdAll (NULL);

  if (RETURN_ERROR (Status) && (Status != RETURN_NOT_FOUND)) {
    return TDXC_E_BUSY;
  }

  Host->Flushes++;
  return TDXC_OK;
}

STATIC
int
Rewrite (
  void               *Context,
  struct tdxc_range  Range
  )
{
  return TDXC_E_OPNOTSUPP;
}

STATIC CONST struct tdxc_module_ops  mModuleOps = {
  TDXC_ABI, PamtAllocate, PamtFree, FlushCaches, Rewrite
};

STATIC
int
InitModule (
  IN OUT HOST  *Host
  )
{
  CONST struct tdxc_sim_platform  *P = &Host->Machine;
  struct tdxc_module_config       Config;
  UINT32                          Index;

  ZeroMem (&Config, sizeof (Config));
  Config.abi          = TDXC_ABI;
  Config.flags        = TDXC_MODULE_STATIC_PAMT;
  Config.port         = Host->Port;
  Config.ops          = &mModuleOps;
  Config.ctx          = Host;
  Config.cpus         = Host->Cpus;
  Config.nr_cpus      = P->nr_lps;
  Config.pa_bits      = P->pa_width - P->keyid_bits;
  Config.global_keyid = (uint16_t)(P->shared_keyids + 1);
  Config.infos        = Host->Infos;
  Config.infos_pa     = INFOS_PA;
  Config.infos_bytes  = INFOS_BYTES;
  Config.pointers     = Host->Pointers;
  Config.pointers_pa  = POINTERS_PA;
  for (Index = 0; Index < P->nr_lps; Index++) {
    Host->Cpus[Index].package = Index * P->nr_packages / P->nr_lps;
    Host->Cpus[Index].online  = 1;
  }

  for (Index = 0; Index < P->nr_cmrs; Index++) {
    Host->Ram[Index].range.start = P->cmrs[Index].base;
    Host->Ram[Index].range.end   = P->cmrs[Index].base + P->cmrs[Index].size;
  }

  return tdxc_module_init (&Host->Module, &Config);
}

int
HostBegin (
  OUT HOST  *Host
  )
{
  int  Error;

  ZeroMem (Host, sizeof (*Host));
  Error = MachineBegin (Host);
  if (Error != TDXC_OK) {
    return Error;
  }

  Host->Infos    = AllocatePages (EFI_SIZE_TO_PAGES (INFOS_BYTES));
  Host->Pointers = AllocatePages (1);
  if ((Host->Infos == NULL) || (Host->Pointers == NULL)) {
    return TDXC_E_NOMEM;
  }

  ZeroMem (Host->Infos, INFOS_BYTES);
  ZeroMem (Host->Pointers, EFI_PAGE_SIZE);
  return InitModule (Host);
}

VOID
HostEnd (
  IN OUT HOST  *Host
  )
{
  if (Host->Scratch != NULL) {
    FreePages (Host->Scratch, EFI_SIZE_TO_PAGES (Host->ScratchBytes));
  }

  if (Host->Pointers != NULL) {
    FreePages (Host->Pointers, 1);
  }

  if (Host->Infos != NULL) {
    FreePages (Host->Infos, EFI_SIZE_TO_PAGES (INFOS_BYTES));
  }

  if (Host->Pages != NULL) {
    FreePages (Host->Pages, HOST_SLOTS);
  }
}

//
// Steps
//
int
HostOn (
  IN OUT HOST            *Host,
  IN UINTN               Processor,
  IN TDX_CORE_PROCEDURE  Procedure,
  IN VOID                *Context
  )
{
  Host->Error = TDXC_E_CANCELED;
  if (RETURN_ERROR (TdxCoreOnProcessor (Processor, Procedure, Context))) {
    return TDXC_E_NODEV;
  }

  return Host->Error;
}

STATIC
VOID
InitThisCpu (
  UINTN  Processor,
  VOID   *Context
  )
{
  HOST  *Host = Context;

  Host->Error = tdxc_module_cpu_init (&Host->Module, (uint32_t)Processor, &Host->Diag);
}

STATIC
VOID
ConfigureKey (
  UINTN  Processor,
  VOID   *Context
  )
{
  HOST  *Host = Context;

  Host->Error = tdxc_module_key_config (&Host->Module, (uint32_t)Processor, &Host->Diag);
}

STATIC
int
ReadMetadata (
  IN OUT HOST  *Host
  )
{
  struct tdxc_metadata_fault  Fault;

  return tdxc_module_read (&Host->Module, HostMemory (Host, LIST_PA), LIST_PA, &Fault, &Host->Diag);
}

STATIC
int
MakePlan (
  IN OUT HOST  *Host
  )
{
  struct tdxc_plan_fault  Fault;
  size_t                  Bytes;
  int                     Error;

  Host->Request.abi    = TDXC_ABI;
  Host->Request.ram    = Host->Ram;
  Host->Request.nr_ram = Host->Machine.nr_cmrs;
  Error = tdxc_module_plan_bytes (&Host->Module, &Host->Request, &Bytes);
  if (Error != TDXC_OK) {
    return Error;
  }

  Host->Scratch      = AllocatePages (EFI_SIZE_TO_PAGES (Bytes));
  Host->ScratchBytes = Bytes;
  if (Host->Scratch == NULL) {
    return TDXC_E_NOMEM;
  }

  return tdxc_module_plan (&Host->Module, &Host->Request, &Host->Plan, Host->Scratch, Bytes, &Fault);
}

STATIC
VOID
Publish (
  IN OUT HOST        *Host,
  IN     UINT64      Pa,
  IN     CONST VOID  *From,
  IN     UINTN       Bytes
  )
{
  UINTN  At;

  for (At = 0; At < Bytes; At += EFI_PAGE_SIZE) {
    CopyMem (HostMemory (Host, Pa + At), (CONST UINT8 *)From + At, MIN (Bytes - At, EFI_PAGE_SIZE));
  }
}

STATIC
int
Place (
  IN OUT HOST  *Host
  )
{
  struct tdxc_plan_fault  Fault;
  int                     Error;

  Error = tdxc_module_place (&Host->Module, &Host->Plan, &Fault);
  if (Error == TDXC_OK) {
    Publish (Host, INFOS_PA, Host->Infos, INFOS_BYTES);
    Publish (Host, POINTERS_PA, Host->Pointers, TDXC_MODULE_MAX_TDMRS * sizeof (UINT64));
  }

  return Error;
}

//
// By every processor at once; one that found no work said nothing.
//
STATIC
VOID
InitTdmrsHere (
  UINTN  Processor,
  VOID   *Context
  )
{
  HOST                       *Host = Context;
  struct tdxc_seamcall_diag  Diag;
  UINT64                     Calls;
  int                        Error;

  do {
    Error = tdxc_module_tdmr_init (&Host->Module, CALLS_PER_TURN, &Calls, &Diag);
  } while (Error == TDXC_E_AGAIN);

  if ((Error != TDXC_OK) && (Error != TDXC_E_NOENT)) {
    Host->Error = Error;
  }
}

STATIC
int
InitTdmrs (
  IN OUT HOST  *Host
  )
{
  Host->Error = TDXC_OK;
  TdxCoreOnAll (InitTdmrsHere, Host);
  return Host->Error;
}

int
HostStep (
  IN OUT HOST  *Host
  )
{
  struct tdxc_module_todo  Todo;
  int                      Error;

  Error = tdxc_module_next (&Host->Module, &Todo);
  if (Error != TDXC_OK) {
    return Error;
  }

  switch (Todo.step) {
    case TDXC_MODULE_CPUS:
      return HostOn (Host, Todo.cpu, InitThisCpu, Host);
    case TDXC_MODULE_READ:
      return ReadMetadata (Host);
    case TDXC_MODULE_PLAN:
      return MakePlan (Host);
    case TDXC_MODULE_PLACE:
      return Place (Host);
    case TDXC_MODULE_CONFIG:
      return tdxc_module_configure (&Host->Module, &Host->Diag);
    case TDXC_MODULE_FLUSH:
      return tdxc_module_flush (&Host->Module);
    case TDXC_MODULE_KEYS:
      return HostOn (Host, Todo.cpu, ConfigureKey, Host);
    case TDXC_MODULE_TDMRS:
      return InitTdmrs (Host);
    default:
      return TDXC_E_INVAL;
  }
}

//
// What TDs need
//
STATIC
int
InitKeyids (
  IN OUT HOST  *Host
  )
{
  CONST struct tdxc_sim_platform  *P        = &Host->Machine;
  struct tdxc_platform            *Platform = &Host->Platform;

  Platform->usable             = true;
  Platform->seamrr_enabled     = true;
  Platform->maxphyaddr         = P->pa_width;
  Platform->keyid_bits         = P->keyid_bits;
  Platform->pa_bits            = P->pa_width - P->keyid_bits;
  Platform->nr_shared_keyids   = P->shared_keyids;
  Platform->nr_private_keyids  = P->private_keyids;
  Platform->global_keyid       = P->shared_keyids + 1;
  Platform->first_guest_keyid  = P->shared_keyids + 2;
  Platform->nr_guest_keyids    = P->private_keyids - 1;
  return tdxc_keyids_init (&Host->Keyids, Platform, Host->KeyidWords, ARRAY_SIZE (Host->KeyidWords));
}

STATIC
int
InitPamt (
  IN OUT HOST  *Host
  )
{
  struct tdxc_pamt_config  Config;
  UINT32                   Index;

  if (Host->Module.nr_tdmrs > ARRAY_SIZE (Host->Tdmrs)) {
    return TDXC_E_NOSPC;
  }

  for (Index = 0; Index < Host->Module.nr_tdmrs; Index++) {
    Host->Tdmrs[Index] = Host->Module.tdmrs[Index].range;
  }

  ZeroMem (&Config, sizeof (Config));
  Config.abi      = TDXC_ABI;
  Config.pa_bits  = Host->Platform.pa_bits;
  Config.port     = &Host->Port;
  Config.limits   = tdxc_seamcall_limits_usual ();
  Config.tdmrs    = Host->Tdmrs;
  Config.nr_tdmrs = Host->Module.nr_tdmrs;
  Config.memory   = Host->PamtMemory;
  Config.memory_bytes = sizeof (Host->PamtMemory);
  return tdxc_pamt_init (&Host->Pamt, &Config);
}

//
// The longest piece of the upper RAM without a PAMT in it.
//
STATIC
VOID
InitPages (
  IN OUT HOST  *Host
  )
{
  struct tdxc_range  Left = Host->Ram[1].range;
  UINT32             Index;
  UINT32             Level;

  for (Index = 0; Index < Host->Module.nr_tdmrs; Index++) {
    for (Level = 0; Level < TDXC_PAMT_LEVELS; Level++) {
      struct tdxc_range  Pamt = Host->Module.tdmrs[Index].pamt[Level];

      if (!tdxc_range_overlaps (Left, Pamt)) {
        continue;
      }

      if (Pamt.start - Left.start > Left.end - Pamt.end) {
        Left.end = Pamt.start;
      } else {
        Left.start = Pamt.end;
      }
    }
  }

  Host->Large = ALIGN_VALUE (Left.start, (UINT64)SIZE_2MB);
  Host->Next  = Host->Large + SIZE_2MB;
  Host->End   = Left.end;
}

int
HostUp (
  IN OUT HOST  *Host
  )
{
  int  Error = TDXC_OK;

  while ((Error == TDXC_OK) && (tdxc_module_step (&Host->Module) != TDXC_MODULE_READY)) {
    Error = HostStep (Host);
  }

  if (Error == TDXC_OK) {
    Error = InitKeyids (Host);
  }

  if (Error == TDXC_OK) {
    Error = InitPamt (Host);
  }

  Host->Quarantine.lost = Host->Lost;
  Host->Quarantine.room = HOST_QUARANTINE;
  InitPages (Host);
  return Error;
}

UINT64
HostDown (
  IN OUT HOST  *Host
  )
{
  UINT64  Left;

  Left = tdxc_module_undo (&Host->Module, &Host->Diag) == TDXC_OK ? 0 : 1;
  return Left + Host->Pamts + Host->NrOut + Host->Quarantine.count + Host->Scrapped;
}

//
// Pages
//
int
HostPageAllocate (
  IN OUT HOST    *Host,
  OUT    UINT64  *Pa
  )
{
  if (Host->NrBack != 0) {
    *Pa = Host->Back[--Host->NrBack];
  } else if (Host->Next < Host->End) {
    *Pa         = Host->Next;
    Host->Next += EFI_PAGE_SIZE;
  } else {
    return TDXC_E_NOMEM;
  }

  Host->NrOut++;
  return TDXC_OK;
}

VOID
HostPageFree (
  IN OUT HOST    *Host,
  IN     UINT64  Pa
  )
{
  Host->NrOut--;
  if (Host->NrBack < HOST_PAGES) {
    Host->Back[Host->NrBack++] = Pa;
  }
}
