/** @file
  TdxPlan.efi: the command line.

  SPDX-License-Identifier: BSD-2-Clause-Patent
**/
#include "TdxPlan.h"
#include <Protocol/LoadedImage.h>
#include <Protocol/ShellParameters.h>

#define MOST_WORDS     16
#define LONGEST_LINE   512

STATIC CONST CHAR8  mUsage[] =
  "TdxPlan.efi [--table] [--json[=FILE]] [--map[=FILE]] [--dynamic-pamt] [--economy]\n"
  "Lays TDMRs, PAMTs and reserved areas over this firmware's memory map.\n"
  "  --table         print them as a table: what it does unasked\n"
  "  --json          print what tdxcore plan --json prints for the same map\n"
  "  --map           print the memory map, as tdxcore plan reads it\n"
  "  --dynamic-pamt  plan for Dynamic PAMT\n"
  "  --economy       leave out GiBs that hold less RAM than the PAMT they cost\n"
  "FILE is on the volume that the program was loaded from. All outputs of one run\n"
  "are of one memory map.\n";

/**
  What stands behind a prefix; NULL: something else.
**/
STATIC
CONST CHAR16 *
Behind (
  IN CONST CHAR16  *Word,
  IN CONST CHAR16  *Prefix
  )
{
  while (*Prefix != 0) {
    if (*Word++ != *Prefix++) {
      return NULL;
    }
  }

  return Word;
}

STATIC
BOOLEAN
ReadOutput (
  IN  CONST CHAR16  *Word,
  IN  CONST CHAR16  *Name,
  OUT PLAN_OUTPUT   *Output
  )
{
  CONST CHAR16  *Rest;
  UINTN         Index;

  Rest = Behind (Word, Name);
  if ((Rest == NULL) || ((*Rest != 0) && (*Rest != L'='))) {
    return FALSE;
  }

  if (*Rest == L'=') {
    Rest++;
    if ((*Rest == 0) || (StrLen (Rest) >= PLAN_PATH_CHARS)) {
      return FALSE;
    }
  }

  for (Index = 0; Rest[Index] != 0; Index++) {
    Output->Path[Index] = Rest[Index] == L'/' ? L'\\' : Rest[Index];
  }

  Output->Path[Index] = 0;
  Output->Wanted      = TRUE;
  return TRUE;
}

STATIC
BOOLEAN
ReadWord (
  IN     CONST CHAR16  *Word,
  IN OUT PLAN_OPTIONS  *Options
  )
{
  if (StrCmp (Word, L"--dynamic-pamt") == 0) {
    Options->DynamicPamt = TRUE;
    return TRUE;
  }

  if (StrCmp (Word, L"--economy") == 0) {
    Options->Economy = TRUE;
    return TRUE;
  }

  return ReadOutput (Word, L"--json", &Options->Json) ||
         ReadOutput (Word, L"--map", &Options->Map) ||
         ReadOutput (Word, L"--table", &Options->Table);
}

/**
  The words of load options. They need not end with a NUL, and may begin with
  the program's name.
**/
STATIC
UINTN
SplitLine (
  IN  CONST EFI_LOADED_IMAGE_PROTOCOL  *Image,
  OUT CHAR16                           *Line,
  OUT CHAR16                           **Words
  )
{
  CONST CHAR16  *Given;
  UINTN         Length;
  UINTN         Count;
  UINTN         Index;

  Given  = Image->LoadOptions;
  Length = Given == NULL ? 0 : Image->LoadOptionsSize / sizeof (CHAR16);
  Length = MIN (Length, LONGEST_LINE - 1);
  Count  = 0;
  Line[Length] = 0;
  for (Index = 0; Index < Length; Index++) {
    Line[Index] = Given[Index] == L' ' ? 0 : Given[Index];
    if ((Line[Index] != 0) && ((Index == 0) || (Line[Index - 1] == 0))) {
      if ((Count == 0) && (Line[Index] != L'-')) {
        continue;
      }

      if (Count < MOST_WORDS) {
        Words[Count++] = &Line[Index];
      }
    }
  }

  return Count;
}

EFI_STATUS
PlanReadOptions (
  IN  EFI_HANDLE    ImageHandle,
  OUT PLAN_OPTIONS  *Options
  )
{
  EFI_SHELL_PARAMETERS_PROTOCOL  *Shell;
  EFI_LOADED_IMAGE_PROTOCOL      *Image;
  EFI_STATUS                     Status;
  CHAR16                         Line[LONGEST_LINE];
  CHAR16                         *Split[MOST_WORDS];
  CHAR16                         **Words;
  UINTN                          Count;
  UINTN                          Index;

  ZeroMem (Options, sizeof (*Options));
  Status = gBS->HandleProtocol (ImageHandle, &gEfiShellParametersProtocolGuid, (VOID **)&Shell);
  if (!EFI_ERROR (Status)) {
    Words = Shell->Argv + 1;
    Count = Shell->Argc > 0 ? Shell->Argc - 1 : 0;
  } else {
    Status = gBS->HandleProtocol (ImageHandle, &gEfiLoadedImageProtocolGuid, (VOID **)&Image);
    Words  = Split;
    Count  = EFI_ERROR (Status) ? 0 : SplitLine (Image, Line, Split);
  }

  for (Index = 0; Index < Count; Index++) {
    if (!ReadWord (Words[Index], Options)) {
      PlanComplain ("usage", mUsage);
      return EFI_INVALID_PARAMETER;
    }
  }

  if (!Options->Json.Wanted && !Options->Map.Wanted) {
    Options->Table.Wanted = TRUE;
  }

  return EFI_SUCCESS;
}
