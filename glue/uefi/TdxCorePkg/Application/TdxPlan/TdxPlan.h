/** @file
  TdxPlan.efi: what its parts share.

    Options.c  the command line
    Machine.c  the memory map, RAM and CMRs of this firmware
    Plan.c     a layout over them, checked
    Text.c     text in memory, to the console or a file
    TdxPlan.c  all in order

  SPDX-License-Identifier: BSD-2-Clause-Patent
**/
#ifndef TDX_PLAN_H_
#define TDX_PLAN_H_

#include <Uefi.h>
#include <Library/BaseLib.h>
#include <Library/BaseMemoryLib.h>
#include <Library/MemoryAllocationLib.h>
#include <Library/PrintLib.h>
#include <Library/UefiBootServicesTableLib.h>
#include <Guid/TdxCmrTable.h>

#include "../../../../../tools/layout/layout.h"

#define PLAN_PATH_CHARS  128

///
/// Where one kind of output goes.
///
typedef struct {
  BOOLEAN    Wanted;
  CHAR16     Path[PLAN_PATH_CHARS]; ///< Of a file on the image's volume; "": the console.
} PLAN_OUTPUT;

typedef struct {
  PLAN_OUTPUT    Json;
  PLAN_OUTPUT    Map;
  PLAN_OUTPUT    Table;
  BOOLEAN        DynamicPamt;
  BOOLEAN        Economy;
} PLAN_OPTIONS;

///
/// A text that grows. Failed: memory ran out, the text is not complete.
///
typedef struct {
  CHAR8      *Text;
  UINTN      Length;
  UINTN      Room;
  BOOLEAN    Failed;
} PLAN_TEXT;

///
/// What there is to plan for. All of it is one moment's memory map.
///
typedef struct {
  UINT8                   *Map;     ///< Owned.
  UINTN                   MapSize;
  UINTN                   DescriptorSize;
  struct tdxc_plan_ram    *Ram;     ///< Owned.
  size_t                  RamCount;
  struct tdxc_range       *Cmrs;    ///< Owned.
  size_t                  CmrCount;
  BOOLEAN                 CmrTable; ///< CMRs are the platform's.
} PLAN_MACHINE;

typedef struct {
  struct tdxc_plan_config      Config;
  struct tdxc_plan             Plan;
  CONST CHAR8                  *Reason; ///< Why there is no layout; "" where there is.
  VOID                         *Scratch; ///< Owned.
  VOID                         *Infos;   ///< Owned.
  UINTN                        InfoPages;
  struct tdxc_plan_excluded    *GivenUp; ///< Owned; NULL where there is a layout.
} PLAN_LAYOUT;

/**
  Read the command line: the shell's, else the load options.

  @retval EFI_SUCCESS            Read; where nothing is asked for, the table is.
  @retval EFI_INVALID_PARAMETER  Not understood; said on the console.
**/
EFI_STATUS
PlanReadOptions (
  IN  EFI_HANDLE    ImageHandle,
  OUT PLAN_OPTIONS  *Options
  );

/**
  Read this firmware's memory.

  @retval EFI_SUCCESS            Read; PlanFreeMachine () when done.
  @retval EFI_COMPROMISED_DATA   The platform's CMR table is malformed; said.
  @retval EFI_OUT_OF_RESOURCES   No memory.
**/
EFI_STATUS
PlanReadMachine (
  OUT PLAN_MACHINE  *Machine
  );

VOID
PlanFreeMachine (
  IN OUT PLAN_MACHINE  *Machine
  );

/**
  The memory map as lines that tdxcore plan reads.
**/
VOID
PlanMapText (
  IN     CONST PLAN_MACHINE  *Machine,
  IN OUT PLAN_TEXT           *Text
  );

/**
  Plan, and check as the module would.

  @retval EFI_SUCCESS           There is a layout, or Layout->Reason says why not;
                                PlanFreeLayout () when done.
  @retval EFI_OUT_OF_RESOURCES  No memory.
  @retval EFI_PROTOCOL_ERROR    A mistake of the planner; said on the console.
**/
EFI_STATUS
PlanMakeLayout (
  IN  CONST PLAN_MACHINE  *Machine,
  IN  CONST PLAN_OPTIONS  *Options,
  OUT PLAN_LAYOUT         *Layout
  );

VOID
PlanFreeLayout (
  IN OUT PLAN_LAYOUT  *Layout
  );

VOID
PlanJsonText (
  IN     CONST PLAN_LAYOUT  *Layout,
  IN OUT PLAN_TEXT          *Text
  );

VOID
PlanTableText (
  IN     CONST PLAN_MACHINE  *Machine,
  IN     CONST PLAN_LAYOUT   *Layout,
  IN OUT PLAN_TEXT           *Text
  );

/**
  Append.
**/
VOID
PlanAppend (
  IN OUT PLAN_TEXT    *Text,
  IN     CONST CHAR8  *Piece,
  IN     UINTN        Length
  );

/**
  Append a line as AsciiSPrint () makes it; 120 characters are kept.
**/
VOID
EFIAPI
PlanLine (
  IN OUT PLAN_TEXT    *Text,
  IN     CONST CHAR8  *Format,
  ...
  );

/**
  To the console or to the file, which is replaced; the text is freed.
**/
EFI_STATUS
PlanDeliver (
  IN     EFI_HANDLE         ImageHandle,
  IN     CONST PLAN_OUTPUT  *Output,
  IN OUT PLAN_TEXT          *Text
  );

/**
  A complaint, on the console.
**/
VOID
PlanComplain (
  IN CONST CHAR8  *What,
  IN CONST CHAR8  *Why
  );

#endif
