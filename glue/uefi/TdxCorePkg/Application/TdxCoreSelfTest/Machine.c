/** @file
  The machine under the software module, and SEAMCALL on it.

  SPDX-License-Identifier: BSD-2-Clause-Patent
**/
#include "Host.h"
#include "Sha384.h"

#include <Library/BaseLib.h>
#include <Library/BaseMemoryLib.h>
#include <Library/MemoryAllocationLib.h>

#define MIB  0x100000ULL
#define GIB  0x40000000ULL

//
// Family 6, model ADh.
//
#define FMS  0xA06D0

STATIC
UINT64
FrameOf (
  IN CONST HOST  *Host,
  IN UINT64      Pa
  )
{
  CONST struct tdxc_sim_platform  *P = &Host->Machine;

  return (Pa & ((1ULL << (P->pa_width - P->keyid_bits)) - 1)) / EFI_PAGE_SIZE;
}

//
// Where a frame is, or could be; HOST_SLOTS: there is no room.
//
STATIC
UINTN
SlotOf (
  IN CONST HOST  *Host,
  IN UINT64      Frame
  )
{
  UINTN   Slot = (UINTN)((Frame * 0x9E3779B97F4A7C15ULL) >> 51);
  UINTN   Looks;
  UINT64  Found;

  for (Looks = 0; Looks < HOST_SLOTS; Looks++) {
    Found = tdxc_load_acquire (&Host->Frames[Slot]);
    if (Found == 0 || Found == Frame + 1) {
      return Slot;
    }

    Slot = (Slot + 1) % HOST_SLOTS;
  }

  return HOST_SLOTS;
}

VOID *
HostMemory (
  IN OUT HOST    *Host,
  IN     UINT64  Pa
  )
{
  UINT64  Frame = FrameOf (Host, Pa);
  UINT64  Old;
  UINTN   Slot;

  //
  // Another processor may take the slot that was free.
  //
  for ( ; ;) {
    Slot = SlotOf (Host, Frame);
    if (Slot == HOST_SLOTS) {
      tdxc_store_release (&Host->Scrapped, 1);
      return Host->Scrap;
    }

    Old = 0;
    if (tdxc_try_cmpxchg (&Host->Frames[Slot], &Old, Frame + 1) || Old == Frame + 1) {
      return Host->Pages + Slot * EFI_PAGE_SIZE;
    }
  }
}

STATIC
bool
Exists (
  void      *Context,
  uint64_t  Pa
  )
{
  HOST   *Host = Context;
  UINTN  Slot  = SlotOf (Host, FrameOf (Host, Pa));

  return Slot != HOST_SLOTS && tdxc_load_acquire (&Host->Frames[Slot]) != 0;
}

//
// What the machine does for the module.
//
STATIC
void *
Page (
  void      *Context,
  uint64_t  Pa,
  bool      Write
  )
{
  return HostMemory (Context, Pa);
}

STATIC
void
Zero (
  void      *Context,
  uint64_t  Pa,
  uint64_t  Bytes
  )
{
  UINT64  At;

  for (At = Pa; At < Pa + Bytes; At += EFI_PAGE_SIZE) {
    if (Exists (Context, At)) {
      ZeroMem (HostMemory (Context, At), EFI_PAGE_SIZE);
    }
  }
}

STATIC
bool
RandomBytes (
  void    *Context,
  void    *Out,
  size_t  Bytes
  )
{
  HOST   *Host = Context;
  UINT8  *To   = Out;

  while (Bytes-- != 0) {
    Host->Random = Host->Random * 0x5851F42D4C957F2DULL + 1;
    *To++        = (UINT8)(Host->Random >> 56);
  }

  return true;
}

STATIC
enum tdxc_sim_key_result
Key (
  void      *Context,
  uint32_t  Lp,
  uint32_t  Keyid
  )
{
  return TDXC_SIM_KEY_OK;
}

STATIC
bool
InterruptPending (
  void      *Context,
  uint32_t  Lp
  )
{
  return false;
}

//
// Every KeyID sees the same memory: caches have nothing to write back.
//
STATIC
void
FlushPage (
  void      *Context,
  uint64_t  Pa
  )
{
}

STATIC
void
FlushBlock (
  void      *Context,
  uint32_t  Package,
  uint32_t  Block
  )
{
}

STATIC
uint64_t
Tsc (
  void      *Context,
  uint32_t  Lp
  )
{
  return AsmReadTsc ();
}

STATIC CONST struct tdxc_sim_ops  mSimOps = {
  Page, Zero, RandomBytes, Key, InterruptPending, FlushPage, FlushBlock, Tsc, Sha384
};

//
// SEAMCALL, on the processor that it is called on.
//
STATIC
UINT8
ApicId (
  VOID
  )
{
  UINT32  Ebx;

  AsmCpuid (1, NULL, &Ebx, NULL, NULL);
  return (UINT8)(Ebx >> 24);
}

UINT32
HostLp (
  IN CONST HOST  *Host
  )
{
  return (UINT32)Host->LpOf[ApicId ()] - 1;
}

STATIC
VOID
Load (
  OUT struct tdxc_sim_regs             *Cpu,
  IN  CONST struct tdxc_seamcall_regs  *Regs,
  IN  enum tdxc_seamcall_shape         Shape
  )
{
  CONST struct tdxc_seamcall_full  *Full = (CONST VOID *)Regs;

  Cpu->gpr[TDXC_SIM_RCX] = Regs->rcx;
  Cpu->gpr[TDXC_SIM_RDX] = Regs->rdx;
  CopyMem (&Cpu->gpr[TDXC_SIM_R8], &Regs->r8, 4 * sizeof (UINT64));
  if (Shape == TDXC_SEAMCALL_FULL) {
    Cpu->gpr[TDXC_SIM_RBX] = Full->rbx;
    Cpu->gpr[TDXC_SIM_RSI] = Full->rsi;
    Cpu->gpr[TDXC_SIM_RDI] = Full->rdi;
    CopyMem (&Cpu->gpr[TDXC_SIM_R12], &Full->r12, 4 * sizeof (UINT64));
  }
}

STATIC
VOID
Store (
  IN  CONST struct tdxc_sim_regs  *Cpu,
  OUT struct tdxc_seamcall_regs   *Regs,
  IN  enum tdxc_seamcall_shape    Shape
  )
{
  struct tdxc_seamcall_full  *Full = (VOID *)Regs;

  if (Shape == TDXC_SEAMCALL_IN) {
    return;
  }

  Regs->rcx = Cpu->gpr[TDXC_SIM_RCX];
  Regs->rdx = Cpu->gpr[TDXC_SIM_RDX];
  CopyMem (&Regs->r8, &Cpu->gpr[TDXC_SIM_R8], 4 * sizeof (UINT64));
  if (Shape == TDXC_SEAMCALL_FULL) {
    Full->rbx = Cpu->gpr[TDXC_SIM_RBX];
    Full->rsi = Cpu->gpr[TDXC_SIM_RSI];
    Full->rdi = Cpu->gpr[TDXC_SIM_RDI];
    CopyMem (&Full->r12, &Cpu->gpr[TDXC_SIM_R12], 4 * sizeof (UINT64));
  }
}

STATIC
uint64_t
Call (
  void                       *Context,
  uint64_t                   Rax,
  struct tdxc_seamcall_regs  *Regs,
  enum tdxc_seamcall_shape   Shape
  )
{
  HOST                  *Host = Context;
  UINT32                Lp    = HostLp (Host);
  struct tdxc_sim_regs  Cpu;

  if (Lp >= Host->Machine.nr_lps) {
    return TDXC_STATUS_UD;
  }

  ZeroMem (&Cpu, sizeof (Cpu));
  Cpu.gpr[TDXC_SIM_RAX] = Rax;
  Load (&Cpu, Regs, Shape);
  Host->Calls[Lp]++;
  if (tdxc_sim_seamcall (&Host->Sim, Lp, &Cpu) == TDXC_SIM_ENTERED) {
    while (!Host->Guest (Host, Lp, &Cpu)) {
    }
  }

  Store (&Cpu, Regs, Shape);
  return Cpu.gpr[TDXC_SIM_RAX];
}

STATIC CONST struct tdxc_seamcall_ops  mSeamcallOps = { TDXC_ABI, Call };

STATIC
VOID
NoteApicId (
  UINTN  Processor,
  VOID   *Context
  )
{
  HOST  *Host = Context;

  Host->LpOf[ApicId ()] = (UINT8)(Processor + 1);
}

STATIC
VOID
Describe (
  OUT struct tdxc_sim_platform  *P,
  IN  UINT32                    Lps
  )
{
  P->abi             = TDXC_ABI;
  P->profile         = TDXC_SIM_PROFILE_1_5_01;
  P->nr_lps          = Lps;
  P->nr_packages     = Lps > 1 ? 2 : 1;
  P->pa_width        = 52;
  P->keyid_bits      = 6;
  P->shared_keyids   = 31;
  P->private_keyids  = 32;
  P->fms             = FMS;
  P->cache_blocks    = 4;
  P->seamrr.start    = 0x90000000;
  P->seamrr.end      = 0x98000000;
  P->cmrs[0].base    = MIB;
  P->cmrs[0].size    = GIB - MIB;
  P->cmrs[1].base    = 4 * GIB;
  P->cmrs[1].size    = 2 * GIB;
  P->nr_cmrs         = 2;
}

int
MachineBegin (
  OUT HOST  *Host
  )
{
  UINTN  Lps = TdxCoreProcessors ();

  if (Lps >= HOST_APIC_IDS) {
    return TDXC_E_NOSPC;
  }

  Host->Pages = AllocatePages (HOST_SLOTS);
  if (Host->Pages == NULL) {
    return TDXC_E_NOMEM;
  }

  ZeroMem (Host->Pages, EFI_PAGES_TO_SIZE (HOST_SLOTS));
  Describe (&Host->Machine, (UINT32)Lps);
  TdxCoreOnAll (NoteApicId, Host);
  Host->Port.ops = &mSeamcallOps;
  Host->Port.ctx = Host;
  return tdxc_sim_init (&Host->Sim, &mSimOps, Host, &Host->Machine);
}

//
// The audit.
//
STATIC
void *
Grow (
  void    *Context,
  void    *Old,
  size_t  OldBytes,
  size_t  Bytes
  )
{
  VOID  *More = AllocatePool (Bytes);

  if (More == NULL) {
    return NULL;
  }

  if (Old != NULL) {
    CopyMem (More, Old, OldBytes);
    FreePool (Old);
  }

  return More;
}

CONST CHAR8 *
HostAudit (
  IN OUT HOST  *Host
  )
{
  STATIC CONST struct tdxc_sim_audit_ops  Ops = { Exists, Grow };
  STATIC struct tdxc_sim_violation        Violation;

  struct tdxc_sim_auditor  *Auditor = AllocateZeroPool (sizeof (*Auditor));
  int                      Error;

  if (Auditor == NULL) {
    return "no memory for the audit";
  }

  Auditor->m   = &Host->Sim;
  Auditor->ops = &Ops;
  Auditor->ctx = Host;
  Error        = tdxc_sim_audit_run (Auditor, &Violation);
  if (Auditor->pages != NULL) {
    FreePool (Auditor->pages);
  }

  FreePool (Auditor);
  return Error == 0 ? NULL : Violation.text;
}
