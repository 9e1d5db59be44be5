/** @file
  TdxPlan.efi: text in memory, then to the console or a file, so that it is
  there whole or not at all.

  SPDX-License-Identifier: BSD-2-Clause-Patent
**/
#include "TdxPlan.h"
#include <Protocol/LoadedImage.h>
#include <Protocol/SimpleFileSystem.h>

#define LINE_CHARS   120
#define FIRST_ROOM   SIZE_4KB
#define CHUNK_CHARS  64

STATIC
BOOLEAN
Grow (
  IN OUT PLAN_TEXT  *Text,
  IN     UINTN      Length
  )
{
  CHAR8  *Grown;
  UINTN  Room;

  Room = Text->Room == 0 ? FIRST_ROOM : Text->Room;
  while (Room - Text->Length < Length) {
    Room *= 2;
  }

  if (Room == Text->Room) {
    return TRUE;
  }

  Grown = AllocatePool (Room);
  if (Grown == NULL) {
    return FALSE;
  }

  if (Text->Text != NULL) {
    CopyMem (Grown, Text->Text, Text->Length);
    FreePool (Text->Text);
  }

  Text->Text = Grown;
  Text->Room = Room;
  return TRUE;
}

VOID
PlanAppend (
  IN OUT PLAN_TEXT    *Text,
  IN     CONST CHAR8  *Piece,
  IN     UINTN        Length
  )
{
  if (Text->Failed || !Grow (Text, Length)) {
    Text->Failed = TRUE;
    return;
  }

  CopyMem (Text->Text + Text->Length, Piece, Length);
  Text->Length += Length;
}

VOID
EFIAPI
PlanLine (
  IN OUT PLAN_TEXT    *Text,
  IN     CONST CHAR8  *Format,
  ...
  )
{
  CHAR8    Line[LINE_CHARS + 1];
  VA_LIST  Marker;
  UINTN    Length;

  VA_START (Marker, Format);
  Length = AsciiVSPrint (Line, sizeof (Line), Format, Marker);
  VA_END (Marker);
  PlanAppend (Text, Line, Length);
  PlanAppend (Text, "\n", 1);
}

/**
  Characters of the console are 16 bits wide, its lines end with CR LF.
**/
STATIC
VOID
ToConsole (
  IN CONST CHAR8  *Text,
  IN UINTN        Length
  )
{
  CHAR16  Chunk[CHUNK_CHARS + 2];
  UINTN   Filled;
  UINTN   Index;

  Filled = 0;
  for (Index = 0; Index < Length; Index++) {
    if (Text[Index] == '\n') {
      Chunk[Filled++] = L'\r';
    }

    Chunk[Filled++] = (CHAR16)(UINT8)Text[Index];
    if ((Filled >= CHUNK_CHARS) || (Index + 1 == Length)) {
      Chunk[Filled] = 0;
      gST->ConOut->OutputString (gST->ConOut, Chunk);
      Filled = 0;
    }
  }
}

VOID
PlanComplain (
  IN CONST CHAR8  *What,
  IN CONST CHAR8  *Why
  )
{
  ToConsole ("TdxPlan: ", 9);
  ToConsole (What, AsciiStrLen (What));
  ToConsole (": ", 2);
  ToConsole (Why, AsciiStrLen (Why));
  ToConsole ("\n", 1);
}

STATIC
EFI_STATUS
OpenVolume (
  IN  EFI_HANDLE         ImageHandle,
  OUT EFI_FILE_PROTOCOL  **Root
  )
{
  EFI_LOADED_IMAGE_PROTOCOL        *Image;
  EFI_SIMPLE_FILE_SYSTEM_PROTOCOL  *Volume;
  EFI_STATUS                       Status;

  Status = gBS->HandleProtocol (ImageHandle, &gEfiLoadedImageProtocolGuid, (VOID **)&Image);
  if (EFI_ERROR (Status)) {
    return Status;
  }

  Status = gBS->HandleProtocol (Image->DeviceHandle, &gEfiSimpleFileSystemProtocolGuid, (VOID **)&Volume);
  return EFI_ERROR (Status) ? Status : Volume->OpenVolume (Volume, Root);
}

/**
  A file that is there is replaced: a shorter text would leave its end.
**/
STATIC
EFI_STATUS
CreateFile (
  IN  EFI_FILE_PROTOCOL  *Root,
  IN  CONST CHAR16       *Path,
  OUT EFI_FILE_PROTOCOL  **File
  )
{
  EFI_STATUS  Status;

  Status = Root->Open (Root, File, (CHAR16 *)Path, EFI_FILE_MODE_READ | EFI_FILE_MODE_WRITE, 0);
  if (!EFI_ERROR (Status)) {
    (*File)->Delete (*File);
  }

  return Root->Open (
                 Root,
                 File,
                 (CHAR16 *)Path,
                 EFI_FILE_MODE_READ | EFI_FILE_MODE_WRITE | EFI_FILE_MODE_CREATE,
                 0
                 );
}

STATIC
EFI_STATUS
ToFile (
  IN EFI_HANDLE       ImageHandle,
  IN CONST CHAR16     *Path,
  IN CONST PLAN_TEXT  *Text
  )
{
  EFI_FILE_PROTOCOL  *Root;
  EFI_FILE_PROTOCOL  *File;
  EFI_STATUS         Status;
  UINTN              Length;

  Status = OpenVolume (ImageHandle, &Root);
  if (EFI_ERROR (Status)) {
    return Status;
  }

  Status = CreateFile (Root, Path, &File);
  Root->Close (Root);
  if (EFI_ERROR (Status)) {
    return Status;
  }

  Length = Text->Length;
  Status = File->Write (File, &Length, Text->Text);
  if (!EFI_ERROR (Status) && (Length != Text->Length)) {
    Status = EFI_VOLUME_FULL;
  }

  File->Close (File);
  return Status;
}

EFI_STATUS
PlanDeliver (
  IN     EFI_HANDLE         ImageHandle,
  IN     CONST PLAN_OUTPUT  *Output,
  IN OUT PLAN_TEXT          *Text
  )
{
  EFI_STATUS  Status;

  Status = EFI_SUCCESS;
  if (Text->Failed) {
    Status = EFI_OUT_OF_RESOURCES;
  } else if (Output->Path[0] != 0) {
    Status = ToFile (ImageHandle, Output->Path, Text);
  } else {
    ToConsole (Text->Text, Text->Length);
  }

  if (EFI_ERROR (Status)) {
    PlanComplain ("output", "not written");
  }

  if (Text->Text != NULL) {
    FreePool (Text->Text);
  }

  ZeroMem (Text, sizeof (*Text));
  return Status;
}
