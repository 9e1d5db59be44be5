/** @file
  TdxCmrTable.efi BASE:SIZE...: installs these CMRs, in hex, as the platform's.

  For platforms whose firmware knows its CMRs and has no table of them.

  SPDX-License-Identifier: BSD-2-Clause-Patent
**/
#include <Uefi.h>
#include <Guid/TdxCmrTable.h>
#include <Library/MemoryAllocationLib.h>
#include <Library/UefiBootServicesTableLib.h>
#include <Protocol/ShellParameters.h>

/**
  A hex number, with 0x or without.

  @return  Where it ends; NULL: no number, or of more than 64 bits.
**/
STATIC
CONST CHAR16 *
ReadHex (
  IN  CONST CHAR16  *Text,
  OUT uint64_t      *Value
  )
{
  CONST CHAR16  *First;
  UINT32        Digit;

  if ((Text[0] == L'0') && ((Text[1] == L'x') || (Text[1] == L'X'))) {
    Text += 2;
  }

  *Value = 0;
  for (First = Text; ; Text++) {
    if ((*Text >= L'0') && (*Text <= L'9')) {
      Digit = *Text - L'0';
    } else if (((*Text | 0x20) >= L'a') && ((*Text | 0x20) <= L'f')) {
      Digit = (*Text | 0x20) - L'a' + 10;
    } else {
      return Text == First ? NULL : Text;
    }

    if ((*Value >> 60) != 0) {
      return NULL;
    }

    *Value = *Value << 4 | Digit;
  }
}

STATIC
BOOLEAN
ReadCmr (
  IN  CONST CHAR16     *Text,
  OUT struct tdxc_cmr  *Cmr
  )
{
  Text = ReadHex (Text, &Cmr->base);
  if ((Text == NULL) || (*Text != L':')) {
    return FALSE;
  }

  Text = ReadHex (Text + 1, &Cmr->size);
  return Text != NULL && *Text == 0;
}

/**
  Nobody checks the list here: whoever reads the table does, as the module would.
**/
EFI_STATUS
EFIAPI
UefiMain (
  IN EFI_HANDLE        ImageHandle,
  IN EFI_SYSTEM_TABLE  *SystemTable
  )
{
  EFI_SHELL_PARAMETERS_PROTOCOL  *Shell;
  TDX_CMR_TABLE                  *Table;
  EFI_STATUS                     Status;
  UINTN                          Index;

  Status = gBS->HandleProtocol (ImageHandle, &gEfiShellParametersProtocolGuid, (VOID **)&Shell);
  if (EFI_ERROR (Status)) {
    return Status;
  }

  if ((Shell->Argc < 2) || (Shell->Argc > TDXC_MAX_CMRS + 1)) {
    return EFI_INVALID_PARAMETER;
  }

  Table = AllocateRuntimePool (sizeof (*Table));
  if (Table == NULL) {
    return EFI_OUT_OF_RESOURCES;
  }

  Table->Count    = (UINT32)(Shell->Argc - 1);
  Table->Reserved = 0;
  for (Index = 0; Index < Table->Count; Index++) {
    if (!ReadCmr (Shell->Argv[Index + 1], &Table->Cmrs[Index])) {
      FreePool (Table);
      return EFI_INVALID_PARAMETER;
    }
  }

  Status = gBS->InstallConfigurationTable (&gTdxCmrTableGuid, Table);
  if (EFI_ERROR (Status)) {
    FreePool (Table);
  }

  return Status;
}
