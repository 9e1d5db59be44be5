/** @file
  TdxPlan.efi: a layout, checked, and as text.

  SPDX-License-Identifier: BSD-2-Clause-Patent
**/
#include "TdxPlan.h"

#include <tdxcore/err.h>
#include <tdxcore/status.h>
#include <tdxcore/version.h>

STATIC CONST CHAR8  mLevels[TDXC_PAMT_LEVELS][3] = { "4K", "2M", "1G" };

STATIC
struct layout_plan
View (
  IN CONST PLAN_LAYOUT  *Layout
  )
{
  struct layout_plan  Seen;

  Seen.config = &Layout->Config;
  Seen.plan   = &Layout->Plan;
  Seen.infos  = Layout->Infos;
  Seen.reason = Layout->Reason;
  return Seen;
}

STATIC
EFI_STATUS
Mistake (
  IN CONST struct tdxc_plan_fault  *Fault
  )
{
  PlanComplain ("the planner refuses", tdxc_plan_fault_text (Fault->kind));
  return EFI_PROTOCOL_ERROR;
}

STATIC
EFI_STATUS
GiveUp (
  IN OUT PLAN_LAYOUT             *Layout,
  IN     CONST struct tdxc_plan_fault  *Fault
  )
{
  Layout->Reason  = tdxc_plan_fault_text (Fault->kind);
  Layout->GivenUp = AllocatePool (layout_none_most (&Layout->Config) * sizeof (*Layout->GivenUp));
  if (Layout->GivenUp == NULL) {
    return EFI_OUT_OF_RESOURCES;
  }

  layout_none (&Layout->Plan, &Layout->Config, Layout->GivenUp);
  return EFI_SUCCESS;
}

STATIC
EFI_STATUS
Check (
  IN CONST PLAN_LAYOUT  *Layout
  )
{
  struct layout_plan       Seen;
  struct tdxc_status_info  Info;
  struct tdxc_cmr          *Cmrs;
  UINT64                   Status;

  Cmrs = AllocatePool (Layout->Config.nr_cmrs * sizeof (*Cmrs));
  if (Cmrs == NULL) {
    return EFI_OUT_OF_RESOURCES;
  }

  Seen   = View (Layout);
  Status = layout_check (&Seen, Cmrs);
  FreePool (Cmrs);
  if (Status == 0) {
    return EFI_SUCCESS;
  }

  (VOID)tdxc_status_lookup (Status, &Info);
  PlanComplain ("the module would refuse this layout", Info.name);
  return EFI_PROTOCOL_ERROR;
}

STATIC
EFI_STATUS
Seal (
  IN OUT PLAN_LAYOUT  *Layout
  )
{
  struct tdxc_plan_fault  Fault;
  size_t                  Bytes;

  Bytes             = Layout->Plan.nr_tdmrs * tdxc_tdmr_info_stride (Layout->Config.limits.max_reserved);
  Layout->InfoPages = EFI_SIZE_TO_PAGES (Bytes);
  Layout->Infos     = AllocatePages (Layout->InfoPages);
  if (Layout->Infos == NULL) {
    return EFI_OUT_OF_RESOURCES;
  }

  if (tdxc_plan_seal (&Layout->Plan, Layout->Infos, Bytes, &Fault) != TDXC_OK) {
    return Mistake (&Fault);
  }

  return Check (Layout);
}

STATIC
EFI_STATUS
Make (
  IN OUT PLAN_LAYOUT  *Layout
  )
{
  struct tdxc_plan_fault  Fault;
  size_t                  Bytes;
  int                     Error;

  if (tdxc_plan_scratch_bytes (&Layout->Config, &Bytes) != TDXC_OK) {
    return EFI_OUT_OF_RESOURCES;
  }

  Layout->Scratch = AllocatePool (Bytes);
  if (Layout->Scratch == NULL) {
    return EFI_OUT_OF_RESOURCES;
  }

  Error = tdxc_plan_make (&Layout->Plan, &Layout->Config, Layout->Scratch, Bytes, &Fault);
  if (Error == TDXC_E_NOSPC) {
    return GiveUp (Layout, &Fault);
  }

  return Error == TDXC_OK ? Seal (Layout) : Mistake (&Fault);
}

EFI_STATUS
PlanMakeLayout (
  IN  CONST PLAN_MACHINE  *Machine,
  IN  CONST PLAN_OPTIONS  *Options,
  OUT PLAN_LAYOUT         *Layout
  )
{
  struct tdxc_plan_config  *Config;
  EFI_STATUS               Status;

  ZeroMem (Layout, sizeof (*Layout));
  Layout->Reason  = "";
  Config          = &Layout->Config;
  Config->abi     = TDXC_ABI;
  Config->flags   = Options->Economy ? TDXC_PLAN_ECONOMY : 0;
  Config->limits  = tdxc_limits_observed ();
  Config->cmrs    = Machine->Cmrs;
  Config->nr_cmrs = Machine->CmrCount;
  Config->ram     = Machine->Ram;
  Config->nr_ram  = Machine->RamCount;
  if (Options->DynamicPamt) {
    Config->limits.pamt_bitmap_bits = 1;
  }

  Status = Make (Layout);
  if (EFI_ERROR (Status)) {
    PlanFreeLayout (Layout);
  }

  return Status;
}

VOID
PlanFreeLayout (
  IN OUT PLAN_LAYOUT  *Layout
  )
{
  if (Layout->Scratch != NULL) {
    FreePool (Layout->Scratch);
  }

  if (Layout->Infos != NULL) {
    FreePages (Layout->Infos, Layout->InfoPages);
  }

  if (Layout->GivenUp != NULL) {
    FreePool (Layout->GivenUp);
  }

  ZeroMem (Layout, sizeof (*Layout));
}

STATIC
VOID
AppendPiece (
  void        *Context,
  const char  *Piece,
  size_t      Length
  )
{
  PlanAppend (Context, Piece, Length);
}

VOID
PlanJsonText (
  IN     CONST PLAN_LAYOUT  *Layout,
  IN OUT PLAN_TEXT          *Text
  )
{
  struct layout_plan  Seen;
  struct layout_sink  Sink;

  Seen     = View (Layout);
  Sink.put = AppendPiece;
  Sink.ctx = Text;
  layout_json (&Seen, &Sink);
}

STATIC
VOID
RangeLine (
  IN OUT PLAN_TEXT    *Text,
  IN     CONST CHAR8  *What,
  IN     UINT64       Start,
  IN     UINT64       Size
  )
{
  PlanLine (Text, "  %a [0x%012lx, 0x%012lx) %lu KiB", What, Start, Start + Size, Size / SIZE_1KB);
}

STATIC
VOID
TdmrText (
  IN     CONST struct layout_plan  *Seen,
  IN     UINTN                     Index,
  IN OUT PLAN_TEXT                 *Text
  )
{
  CONST struct tdxc_plan_tdmr  *Tdmr;
  CONST struct tdxc_tdmr_info  *Info;
  CHAR8                        What[16];
  UINTN                        Area;
  UINTN                        Level;

  Tdmr = &Seen->plan->tdmrs[Index];
  Info = layout_info (Seen, Index);
  PlanLine (Text, "TDMR %u", (UINT32)Index);
  RangeLine (Text, "memory  ", Info->base, Info->size);
  for (Level = 0; Level < TDXC_PAMT_LEVELS; Level++) {
    AsciiSPrint (What, sizeof (What), "PAMT %a ", mLevels[Level]);
    RangeLine (Text, What, Tdmr->pamt[Level].start, tdxc_range_size (Tdmr->pamt[Level]));
  }

  for (Area = 0; Area < layout_nr_reserved (Seen, Index); Area++) {
    RangeLine (Text, "reserved", Info->base + Info->reserved[Area].offset, Info->reserved[Area].size);
  }
}

STATIC
VOID
ExcludedText (
  IN     CONST struct tdxc_plan  *Plan,
  IN OUT PLAN_TEXT               *Text
  )
{
  CONST struct tdxc_plan_excluded  *Piece;
  UINTN                            Index;

  PlanLine (Text, "RAM a TD may not use");
  for (Index = 0; Index < Plan->nr_excluded; Index++) {
    Piece = &Plan->excluded[Index];
    RangeLine (Text, tdxc_plan_reason_name (Piece->reason), Piece->range.start, tdxc_range_size (Piece->range));
  }
}

VOID
PlanTableText (
  IN     CONST PLAN_MACHINE  *Machine,
  IN     CONST PLAN_LAYOUT   *Layout,
  IN OUT PLAN_TEXT           *Text
  )
{
  CONST struct tdxc_plan  *Plan;
  struct layout_plan      Seen;
  UINTN                   Index;

  Plan = &Layout->Plan;
  Seen = View (Layout);
  PlanLine (
    Text,
    "RAM in %u ranges; %u CMRs, %a",
    (UINT32)Machine->RamCount,
    (UINT32)Machine->CmrCount,
    Machine->CmrTable ? "the platform's table" : "exactly the RAM"
    );
  if (Layout->Reason[0] != 0) {
    PlanLine (Text, "No layout: %a", Layout->Reason);
  }

  for (Index = 0; Index < Plan->nr_tdmrs; Index++) {
    TdmrText (&Seen, Index, Text);
  }

  ExcludedText (Plan, Text);
  PlanLine (
    Text,
    "PAMT %lu KiB, usable %lu KiB, lost to limits of the module %lu KiB",
    Plan->pamt_bytes / SIZE_1KB,
    Plan->usable_bytes / SIZE_1KB,
    Plan->lost_bytes / SIZE_1KB
    );
}
