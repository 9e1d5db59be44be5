/** @file
  The report to the next stage.

  SPDX-License-Identifier: BSD-2-Clause-Patent
**/
#include "TdxUnshareDxe.h"

#include <Library/DebugLib.h>
#include <Library/MemoryAllocationLib.h>
#include <Library/UefiBootServicesTableLib.h>

#include <tdxcore/err.h>

STATIC TDX_UNSHARE_REPORT  *mReport;

EFI_STATUS
ReportBegin (
  VOID
  )
{
  UINTN  Bytes = OFFSET_OF (TDX_UNSHARE_REPORT, Words) + TDXC_GUEST_WORDS * sizeof (UINT64);

  mReport = AllocateReservedPages (EFI_SIZE_TO_PAGES (Bytes));
  if (mReport == NULL) {
    return EFI_OUT_OF_RESOURCES;
  }

  memset (mReport, 0, Bytes);
  mReport->Signature = TDX_UNSHARE_REPORT_SIGNATURE;
  mReport->Version   = TDX_UNSHARE_REPORT_VERSION;
  return gBS->InstallConfigurationTable (&gTdxUnshareReportGuid, mReport);
}

VOID
ReportFill (
  IN CONST struct tdxc_guest  *Guest,
  IN INT32                    Err
  )
{
  CONST struct tdxc_unshare_result  *Result = &Guest->engine.result;

  mReport->Found         = Result->found;
  mReport->Converted     = Result->converted;
  mReport->Kept          = Result->left[TDXC_UNSHARE_KEPT];
  mReport->Shared        = Result->left[TDXC_UNSHARE_CONVERT] + Result->left[TDXC_UNSHARE_ENTRY];
  mReport->Pending       = Result->left[TDXC_UNSHARE_ACCEPT];
  mReport->Malformed     = Result->left[TDXC_UNSHARE_WALK];
  mReport->Difference    = Guest->difference;
  mReport->Splits        = Guest->tables.splits;
  mReport->Flushes       = Guest->tables.flushes;
  mReport->NumberOfWords = Guest->nr_words;
  memcpy (mReport->Words, Guest->words, Guest->nr_words * sizeof (UINT64));
  mReport->Flags = TDX_UNSHARE_FINISHED;
  if (Err == TDXC_OK) {
    mReport->Flags |= TDX_UNSHARE_CLEAN;
  }

  if (Guest->in_flight != 0) {
    mReport->Flags |= TDX_UNSHARE_RACED;
  }

  DEBUG ((
    Err == TDXC_OK ? DEBUG_INFO : DEBUG_ERROR,
    "TdxUnshare: %lu pages found shared, %lu private now, %lu kept, %lu refused, %lu not accepted, %lu entries malformed; difference %ld\n",
    mReport->Found,
    mReport->Converted,
    mReport->Kept,
    mReport->Shared,
    mReport->Pending,
    mReport->Malformed,
    mReport->Difference
    ));
}
