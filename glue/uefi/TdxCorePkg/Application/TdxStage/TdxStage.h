/** @file
  TdxStage.efi: an OS loader that checks what TdxUnshareDxe has left it.

  SPDX-License-Identifier: BSD-2-Clause-Patent
**/
#ifndef TDX_STAGE_H_
#define TDX_STAGE_H_

#include <Uefi.h>
#include <Library/TdxSimGuestLib.h>
#include <Library/TdxTapLib.h>
#include <Protocol/TdxUnshare.h>

#include "Walk.h"

#define NR_4K      70
#define NR_2M      40
#define MAX_1G     2
#define MAX_RANGE  (NR_4K + NR_2M + MAX_1G)
#define MAX_KEPT   8

//
// Ranges by their index.
//
#define RANGE_KEPT      3             ///< Excluded.
#define RANGE_LATE      5             ///< Second of those converted late.
#define RANGE_AGAIN     10            ///< Unshared, and shared again.
#define RANGE_AT_EXIT   12            ///< Unshared by an event's handler.
#define RANGE_2M_KEPT   (NR_4K + 2)
#define RANGE_2M_SPLIT  (NR_4K + 7)   ///< A page of it is excluded.
#define RANGE_2M_LATE   (NR_4K + 9)   ///< First of those converted late.
#define RANGE_2M_AGAIN  (NR_4K + 10)
#define RANGE_REFUSED   (NR_4K + 20)
#define RANGE_2M_SMALL  (NR_4K + 30)  ///< The host maps 4 KiB in here.

/// Memory that is shared, and what of it is excluded.
typedef struct {
  struct tdxc_range    Range[MAX_RANGE];
  UINTN                NumberOf1G;
  UINTN                Count;
  struct tdxc_range    Kept[MAX_KEPT];      ///< Order 0.
  UINTN                NumberKept;
  struct tdxc_range    Mmio;                ///< Shared all the time.
  struct tdxc_range    Refused;             ///< By the host, at the end.
} STAGE_MEMORY;

/// What the stage works with.
typedef struct {
  TDX_UNSHARE_PROTOCOL        *Unshare;
  TDX_UNSHARE_REPORT          *Report;
  struct tdxc_sim_firmware    *Sim;
  struct stage_walk           Walk;
  STAGE_MEMORY                Memory;
  UINT64                      Cr0;          ///< When it began.
  EFI_STATUS                  AtExit;       ///< Of a conversion in a handler
  EFI_STATUS                  AfterGate;    ///< and in one after the driver's.
  UINT64                      DriverStart;  ///< The driver's image.
  UINT64                      DriverEnd;
  UINTN                       Allocations;  ///< By it while boot services end.
  UINTN                       AllocationsOfOthers;
  BOOLEAN                     Refuse;       ///< The host refuses a range.
} STAGE;

extern STAGE  gStage;

/// Before.c: tests while boot services are there.
extern CONST TAP_TEST  gTestsBefore[];
extern CONST UINTN     gNumberBefore;

/// After.c: tests when they are gone.
extern CONST TAP_TEST  gTestsAfter[];
extern CONST UINTN     gNumberAfter;

/// Built.c: the driver's code on page tables that are not in use.
VOID
RunDefects (
  VOID
  );

/**
  Whether a page is excluded, for good.

  @param[in] Address  Of the page.

  @return  TRUE: it stays shared.
**/
BOOLEAN
IsKept (
  IN UINT64  Address
  );

#endif
