/** @file
  What EDK2's base libraries do for the package, where EDK2 is not at hand.

  SPDX-License-Identifier: BSD-2-Clause-Patent
**/
#include <Uefi.h>

#define DEBUG_PORT  0x402

EFI_GUID  gEfiMpServiceProtocolGuid           = EFI_MP_SERVICES_PROTOCOL_GUID;
EFI_GUID  gEfiShellParametersProtocolGuid     = EFI_SHELL_PARAMETERS_PROTOCOL_GUID;
EFI_GUID  gEfiLoadedImageProtocolGuid         = EFI_LOADED_IMAGE_PROTOCOL_GUID;
EFI_GUID  gEfiSimpleFileSystemProtocolGuid    = EFI_SIMPLE_FILE_SYSTEM_PROTOCOL_GUID;
EFI_GUID  gEfiFileInfoGuid                    = EFI_FILE_INFO_ID;
EFI_GUID  gEfiCpuArchProtocolGuid             = EFI_CPU_ARCH_PROTOCOL_GUID;
EFI_GUID  gEfiAcpi20TableGuid                 = ACPI_20_TABLE_GUID;
EFI_GUID  gEfiEventExitBootServicesGuid       = {
  0x27abf055, 0xb1b8, 0x4c26, { 0x80, 0x48, 0x74, 0x8f, 0x37, 0xba, 0xa2, 0xdf }
};
EFI_GUID  gEfiEventBeforeExitBootServicesGuid = {
  0x8be0e274, 0x3970, 0x4b44, { 0x80, 0xc5, 0x1a, 0xb9, 0x50, 0x2f, 0x3b, 0xfc }
};
EFI_GUID  gEfiEventReadyToBootGuid            = {
  0x7ce88fb3, 0x4bd7, 0x4679, { 0x87, 0xa8, 0xa8, 0xd8, 0xde, 0xe5, 0x0d, 0x2b }
};
EFI_GUID  gEdkiiMemoryAcceptProtocolGuid      = {
  0x38c74800, 0x5590, 0x4db4, { 0xa0, 0xf3, 0x67, 0x5d, 0x9b, 0x8e, 0x80, 0x26 }
};

EFI_HANDLE            gImageHandle;
EFI_SYSTEM_TABLE      *gST;
EFI_BOOT_SERVICES     *gBS;
EFI_RUNTIME_SERVICES  *gRT;

STATIC UINT64  mTicksPerMillisecond;

VOID
TdxGnuEfiInit (
  IN EFI_HANDLE        ImageHandle,
  IN EFI_SYSTEM_TABLE  *SystemTable
  )
{
  gImageHandle = ImageHandle;
  gST          = SystemTable;
  gBS          = SystemTable->BootServices;
  gRT          = SystemTable->RuntimeServices;
}

//
// CompilerIntrinsicsLib: volatile, or the compiler makes of each loop a call
// of the function that it is in.
//
void *
memcpy (
  void           *Destination,
  const void     *Source,
  __SIZE_TYPE__  Length
  )
{
  UINT8  *To = Destination;

  __asm__ volatile ("rep movsb" : "+D" (To), "+S" (Source), "+c" (Length) : : "memory");
  return Destination;
}

void *
memmove (
  void           *Destination,
  const void     *Source,
  __SIZE_TYPE__  Length
  )
{
  volatile UINT8        *To   = Destination;
  const volatile UINT8  *From = Source;

  if (To <= From || To >= From + Length) {
    return memcpy (Destination, Source, Length);
  }

  while (Length-- != 0) {
    To[Length] = From[Length];
  }

  return Destination;
}

void *
memset (
  void           *Buffer,
  int            Value,
  __SIZE_TYPE__  Length
  )
{
  UINT8  *To = Buffer;

  __asm__ volatile ("rep stosb" : "+D" (To), "+c" (Length) : "a" (Value) : "memory");
  return Buffer;
}

int
memcmp (
  const void     *First,
  const void     *Second,
  __SIZE_TYPE__  Length
  )
{
  const volatile UINT8  *A = First;
  const volatile UINT8  *B = Second;

  for ( ; Length != 0; Length--, A++, B++) {
    if (*A != *B) {
      return *A < *B ? -1 : 1;
    }
  }

  return 0;
}

//
// BaseLib
//
#define READ_REGISTER(Name, Register)                     \
  UINTN EFIAPI Name (VOID) {                              \
    UINTN  Value;                                         \
    __asm__ volatile ("mov %%" Register ", %0" : "=r" (Value)); \
    return Value;                                         \
  }
#define WRITE_REGISTER(Name, Register)                    \
  UINTN EFIAPI Name (UINTN Value) {                       \
    __asm__ volatile ("mov %0, %%" Register : : "r" (Value) : "memory"); \
    return Value;                                         \
  }

READ_REGISTER (AsmReadCr0, "cr0")
READ_REGISTER (AsmReadCr2, "cr2")
READ_REGISTER (AsmReadCr3, "cr3")
READ_REGISTER (AsmReadCr4, "cr4")
WRITE_REGISTER (AsmWriteCr0, "cr0")
WRITE_REGISTER (AsmWriteCr3, "cr3")
WRITE_REGISTER (AsmWriteCr4, "cr4")

UINT64
EFIAPI
AsmReadMsr64 (
  UINT32  Index
  )
{
  UINT32  Low;
  UINT32  High;

  __asm__ volatile ("rdmsr" : "=a" (Low), "=d" (High) : "c" (Index));
  return (UINT64)High << 32 | Low;
}

UINT64
EFIAPI
AsmReadTsc (
  VOID
  )
{
  UINT32  Low;
  UINT32  High;

  __asm__ volatile ("rdtsc" : "=a" (Low), "=d" (High));
  return (UINT64)High << 32 | Low;
}

UINT32
EFIAPI
AsmCpuidEx (
  UINT32  Index,
  UINT32  SubIndex,
  UINT32  *Eax,
  UINT32  *Ebx,
  UINT32  *Ecx,
  UINT32  *Edx
  )
{
  UINT32  A = Index;
  UINT32  B;
  UINT32  C = SubIndex;
  UINT32  D;

  __asm__ volatile ("cpuid" : "+a" (A), "=b" (B), "+c" (C), "=d" (D));
  if (Eax != NULL) {
    *Eax = A;
  }

  if (Ebx != NULL) {
    *Ebx = B;
  }

  if (Ecx != NULL) {
    *Ecx = C;
  }

  if (Edx != NULL) {
    *Edx = D;
  }

  return Index;
}

UINT32
EFIAPI
AsmCpuid (
  UINT32  Index,
  UINT32  *Eax,
  UINT32  *Ebx,
  UINT32  *Ecx,
  UINT32  *Edx
  )
{
  return AsmCpuidEx (Index, 0, Eax, Ebx, Ecx, Edx);
}

VOID
EFIAPI
AsmWbinvd (
  VOID
  )
{
  __asm__ volatile ("wbinvd" : : : "memory");
}

VOID *
EFIAPI
AsmFlushCacheLine (
  VOID  *LinearAddress
  )
{
  __asm__ volatile ("clflush (%0)" : : "r" (LinearAddress) : "memory");
  return LinearAddress;
}

VOID
EFIAPI
CpuPause (
  VOID
  )
{
  __asm__ volatile ("pause");
}

VOID
EFIAPI
CpuDeadLoop (
  VOID
  )
{
  for ( ; ;) {
    CpuPause ();
  }
}

VOID
EFIAPI
MemoryFence (
  VOID
  )
{
  __asm__ volatile ("" : : : "memory");
}

VOID
EFIAPI
DisableInterrupts (
  VOID
  )
{
  __asm__ volatile ("cli" : : : "memory");
}

VOID
EFIAPI
EnableInterrupts (
  VOID
  )
{
  __asm__ volatile ("sti" : : : "memory");
}

BOOLEAN
EFIAPI
GetInterruptState (
  VOID
  )
{
  UINTN  Flags;

  __asm__ volatile ("pushfq\n\tpop %0" : "=r" (Flags) : : "memory");
  return (Flags & BIT9) != 0;
}

BOOLEAN
EFIAPI
SaveAndDisableInterrupts (
  VOID
  )
{
  BOOLEAN  State = GetInterruptState ();

  DisableInterrupts ();
  return State;
}

BOOLEAN
EFIAPI
SetInterruptState (
  BOOLEAN  State
  )
{
  if (State) {
    EnableInterrupts ();
  } else {
    DisableInterrupts ();
  }

  return State;
}

VOID
EFIAPI
AsmReadIdtr (
  IA32_DESCRIPTOR  *Idtr
  )
{
  __asm__ volatile ("sidt %0" : "=m" (*Idtr));
}

VOID
EFIAPI
AsmWriteIdtr (
  CONST IA32_DESCRIPTOR  *Idtr
  )
{
  __asm__ volatile ("lidt %0" : : "m" (*Idtr) : "memory");
}

UINT16
EFIAPI
AsmReadCs (
  VOID
  )
{
  UINT16  Selector;

  __asm__ volatile ("mov %%cs, %0" : "=r" (Selector));
  return Selector;
}

UINTN
EFIAPI
AsciiStrLen (
  CONST CHAR8  *String
  )
{
  UINTN  Length = 0;

  while (((CONST volatile CHAR8 *)String)[Length] != '\0') {
    Length++;
  }

  return Length;
}

UINTN
EFIAPI
AsciiStrSize (
  CONST CHAR8  *String
  )
{
  return AsciiStrLen (String) + 1;
}

INTN
EFIAPI
AsciiStrnCmp (
  CONST CHAR8  *First,
  CONST CHAR8  *Second,
  UINTN        Length
  )
{
  for ( ; Length != 0; Length--, First++, Second++) {
    if (*First != *Second || *First == '\0') {
      return (INTN)*First - *Second;
    }
  }

  return 0;
}

INTN
EFIAPI
AsciiStrCmp (
  CONST CHAR8  *First,
  CONST CHAR8  *Second
  )
{
  return AsciiStrnCmp (First, Second, MAX_UINTN);
}

UINTN
EFIAPI
StrLen (
  CONST CHAR16  *String
  )
{
  UINTN  Length = 0;

  while (((CONST volatile CHAR16 *)String)[Length] != 0) {
    Length++;
  }

  return Length;
}

UINTN
EFIAPI
StrSize (
  CONST CHAR16  *String
  )
{
  return (StrLen (String) + 1) * sizeof (CHAR16);
}

INTN
EFIAPI
StrCmp (
  CONST CHAR16  *First,
  CONST CHAR16  *Second
  )
{
  for ( ; *First == *Second && *First != 0; First++, Second++) {
  }

  return (INTN)*First - *Second;
}

//
// BaseMemoryLib
//
VOID *
EFIAPI
CopyMem (
  VOID        *Destination,
  CONST VOID  *Source,
  UINTN       Length
  )
{
  return memmove (Destination, Source, Length);
}

VOID *
EFIAPI
SetMem (
  VOID   *Buffer,
  UINTN  Length,
  UINT8  Value
  )
{
  return memset (Buffer, Value, Length);
}

VOID *
EFIAPI
ZeroMem (
  VOID   *Buffer,
  UINTN  Length
  )
{
  return memset (Buffer, 0, Length);
}

INTN
EFIAPI
CompareMem (
  CONST VOID  *First,
  CONST VOID  *Second,
  UINTN       Length
  )
{
  return memcmp (First, Second, Length);
}

BOOLEAN
EFIAPI
CompareGuid (
  CONST GUID  *First,
  CONST GUID  *Second
  )
{
  return memcmp (First, Second, sizeof (GUID)) == 0;
}

GUID *
EFIAPI
CopyGuid (
  GUID        *Destination,
  CONST GUID  *Source
  )
{
  *Destination = *Source;
  return Destination;
}

//
// MemoryAllocationLib
//
STATIC
VOID *
AllocatePagesOf (
  EFI_MEMORY_TYPE  Type,
  UINTN            Pages
  )
{
  EFI_PHYSICAL_ADDRESS  Address = 0;

  if (Pages == 0 || EFI_ERROR (gBS->AllocatePages (AllocateAnyPages, Type, Pages, &Address))) {
    return NULL;
  }

  return (VOID *)(UINTN)Address;
}

//
// Drivers and applications alike allocate boot services' memory here.
//
VOID *
EFIAPI
AllocatePages (
  UINTN  Pages
  )
{
  return AllocatePagesOf (EfiBootServicesData, Pages);
}

VOID *
EFIAPI
AllocateReservedPages (
  UINTN  Pages
  )
{
  return AllocatePagesOf (EfiReservedMemoryType, Pages);
}

VOID *
EFIAPI
AllocateRuntimePages (
  UINTN  Pages
  )
{
  return AllocatePagesOf (EfiRuntimeServicesData, Pages);
}

VOID
EFIAPI
FreePages (
  VOID   *Buffer,
  UINTN  Pages
  )
{
  gBS->FreePages ((UINTN)Buffer, Pages);
}

VOID *
EFIAPI
AllocateAlignedPages (
  UINTN  Pages,
  UINTN  Alignment
  )
{
  UINTN  Extra = Alignment > EFI_PAGE_SIZE ? Alignment / EFI_PAGE_SIZE : 0;
  UINT8  *Memory = AllocatePages (Pages + Extra);
  UINTN  Before;

  if (Memory == NULL || Extra == 0) {
    return Memory;
  }

  Before = (ALIGN_VALUE ((UINTN)Memory, Alignment) - (UINTN)Memory) / EFI_PAGE_SIZE;
  if (Before != 0) {
    FreePages (Memory, Before);
  }

  Memory += EFI_PAGES_TO_SIZE (Before);
  if (Extra != Before) {
    FreePages (Memory + EFI_PAGES_TO_SIZE (Pages), Extra - Before);
  }

  return Memory;
}

VOID
EFIAPI
FreeAlignedPages (
  VOID   *Buffer,
  UINTN  Pages
  )
{
  FreePages (Buffer, Pages);
}

STATIC
VOID *
AllocatePoolOf (
  EFI_MEMORY_TYPE  Type,
  UINTN            Size
  )
{
  VOID  *Memory = NULL;

  return EFI_ERROR (gBS->AllocatePool (Type, Size, &Memory)) ? NULL : Memory;
}

VOID *
EFIAPI
AllocatePool (
  UINTN  Size
  )
{
  return AllocatePoolOf (EfiBootServicesData, Size);
}

VOID *
EFIAPI
AllocateZeroPool (
  UINTN  Size
  )
{
  VOID  *Memory = AllocatePool (Size);

  return Memory == NULL ? NULL : ZeroMem (Memory, Size);
}

VOID *
EFIAPI
AllocateReservedPool (
  UINTN  Size
  )
{
  return AllocatePoolOf (EfiReservedMemoryType, Size);
}

VOID *
EFIAPI
AllocateRuntimePool (
  UINTN  Size
  )
{
  return AllocatePoolOf (EfiRuntimeServicesData, Size);
}

VOID
EFIAPI
FreePool (
  VOID  *Buffer
  )
{
  gBS->FreePool (Buffer);
}

//
// IoLib
//
UINT8
EFIAPI
IoRead8 (
  UINTN  Port
  )
{
  UINT8  Value;

  __asm__ volatile ("inb %w1, %0" : "=a" (Value) : "d" (Port) : "memory");
  return Value;
}

UINT8
EFIAPI
IoWrite8 (
  UINTN  Port,
  UINT8  Value
  )
{
  __asm__ volatile ("outb %0, %w1" : : "a" (Value), "d" (Port) : "memory");
  return Value;
}

UINT16
EFIAPI
IoWrite16 (
  UINTN   Port,
  UINT16  Value
  )
{
  __asm__ volatile ("outw %0, %w1" : : "a" (Value), "d" (Port) : "memory");
  return Value;
}

UINT32
EFIAPI
IoRead32 (
  UINTN  Port
  )
{
  UINT32  Value;

  __asm__ volatile ("inl %w1, %0" : "=a" (Value) : "d" (Port) : "memory");
  return Value;
}

UINT32
EFIAPI
IoWrite32 (
  UINTN   Port,
  UINT32  Value
  )
{
  __asm__ volatile ("outl %0, %w1" : : "a" (Value), "d" (Port) : "memory");
  return Value;
}

//
// SynchronizationLib
//
UINT32
EFIAPI
InterlockedIncrement (
  volatile UINT32  *Value
  )
{
  return __atomic_add_fetch (Value, 1, __ATOMIC_SEQ_CST);
}

UINT32
EFIAPI
InterlockedDecrement (
  volatile UINT32  *Value
  )
{
  return __atomic_sub_fetch (Value, 1, __ATOMIC_SEQ_CST);
}

UINT64
EFIAPI
InterlockedCompareExchange64 (
  volatile UINT64  *Value,
  UINT64           Compare,
  UINT64           Exchange
  )
{
  __atomic_compare_exchange_n (Value, &Compare, Exchange, FALSE, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
  return Compare;
}

//
// TimerLib
//
STATIC
UINT64
TicksPerMillisecond (
  VOID
  )
{
  UINT64  Start;

  if (mTicksPerMillisecond == 0) {
    Start = AsmReadTsc ();
    gBS->Stall (1000);
    mTicksPerMillisecond = MAX (AsmReadTsc () - Start, 1);
  }

  return mTicksPerMillisecond;
}

UINT64
EFIAPI
GetPerformanceCounter (
  VOID
  )
{
  return AsmReadTsc ();
}

UINT64
EFIAPI
GetPerformanceCounterProperties (
  UINT64  *StartValue,
  UINT64  *EndValue
  )
{
  if (StartValue != NULL) {
    *StartValue = 0;
  }

  if (EndValue != NULL) {
    *EndValue = MAX_UINT64;
  }

  return TicksPerMillisecond () * 1000;
}

UINT64
EFIAPI
GetTimeInNanoSecond (
  UINT64  Ticks
  )
{
  UINT64  PerMs = TicksPerMillisecond ();

  return Ticks / PerMs * 1000000 + Ticks % PerMs * 1000000 / PerMs;
}

UINTN
EFIAPI
MicroSecondDelay (
  UINTN  MicroSeconds
  )
{
  UINT64  Ticks = TicksPerMillisecond () * MicroSeconds / 1000;
  UINT64  Start = AsmReadTsc ();

  while (AsmReadTsc () - Start < Ticks) {
    CpuPause ();
  }

  return MicroSeconds;
}

//
// PrintLib
//
typedef struct {
  CHAR8    *At;
  CHAR8    *End;
} OUTPUT;

typedef struct {
  BOOLEAN    Left;
  BOOLEAN    Zeros;
  BOOLEAN    Long;
  UINTN      Width;
} CONVERSION;

STATIC
VOID
Put (
  OUTPUT  *Out,
  CHAR16  Character
  )
{
  if (Out->At < Out->End) {
    *Out->At++ = Character < 0x80 ? (CHAR8)Character : '?';
  }
}

STATIC
VOID
PutString (
  OUTPUT            *Out,
  CONST CONVERSION  *How,
  CONST CHAR8       *Ascii,
  CONST CHAR16      *Unicode
  )
{
  UINTN  Length = Ascii != NULL ? AsciiStrLen (Ascii) : StrLen (Unicode);
  UINTN  Index;

  for (Index = Length; !How->Left && Index < How->Width; Index++) {
    Put (Out, ' ');
  }

  for (Index = 0; Index < Length; Index++) {
    Put (Out, Ascii != NULL ? (UINT8)Ascii[Index] : Unicode[Index]);
  }

  for ( ; How->Left && Index < How->Width; Index++) {
    Put (Out, ' ');
  }
}

STATIC
VOID
PutNumber (
  OUTPUT      *Out,
  CONVERSION  *How,
  UINT64      Value,
  UINT64      Base,
  BOOLEAN     Negative
  )
{
  CHAR8  Text[24];
  UINTN  At = sizeof (Text) - 1;

  Text[At] = '\0';
  do {
    Text[--At] = "0123456789ABCDEF"[Value % Base];
    Value     /= Base;
  } while (Value != 0);

  while (How->Zeros && At > 1 && sizeof (Text) - 1 - At < How->Width) {
    Text[--At] = '0';
  }

  if (Negative) {
    Text[--At] = '-';
  }

  PutString (Out, How, Text + At, NULL);
}

STATIC
VOID
PutGuid (
  OUTPUT      *Out,
  CONST GUID  *Guid
  )
{
  CONVERSION  How = { FALSE, TRUE, FALSE, 8 };
  UINTN       Index;

  PutNumber (Out, &How, Guid->Data1, 16, FALSE);
  How.Width = 4;
  Put (Out, '-');
  PutNumber (Out, &How, Guid->Data2, 16, FALSE);
  Put (Out, '-');
  PutNumber (Out, &How, Guid->Data3, 16, FALSE);
  How.Width = 2;
  for (Index = 0; Index < 8; Index++) {
    if (Index == 0 || Index == 2) {
      Put (Out, '-');
    }

    PutNumber (Out, &How, Guid->Data4[Index], 16, FALSE);
  }
}

STATIC
CONST CHAR8 *
ReadFlags (
  CONST CHAR8  *Format,
  CONVERSION   *How
  )
{
  *How = (CONVERSION) { FALSE, FALSE, FALSE, 0 };
  for ( ; ; Format++) {
    if (*Format == '-') {
      How->Left = TRUE;
    } else if (*Format == '0' && How->Width == 0) {
      How->Zeros = TRUE;
    } else if (*Format >= '0' && *Format <= '9') {
      How->Width = How->Width * 10 + (UINTN)(*Format - '0');
    } else if (*Format == 'l' || *Format == 'L') {
      How->Long = TRUE;
    } else {
      return Format;
    }
  }
}

UINTN
EFIAPI
AsciiVSPrint (
  CHAR8        *Buffer,
  UINTN        Size,
  CONST CHAR8  *Format,
  VA_LIST      Marker
  )
{
  OUTPUT      Out;
  CONVERSION  How;
  INT64       Signed;
  UINT64      Value;

  if (Size == 0) {
    return 0;
  }

  Out.At  = Buffer;
  Out.End = Buffer + Size - 1;
  for ( ; *Format != '\0'; Format++) {
    if (*Format != '%') {
      Put (&Out, (UINT8)*Format);
      continue;
    }

    Format = ReadFlags (Format + 1, &How);
    switch (*Format) {
      case 'a':
        PutString (&Out, &How, VA_ARG (Marker, CONST CHAR8 *), NULL);
        break;
      case 's':
        PutString (&Out, &How, NULL, VA_ARG (Marker, CONST CHAR16 *));
        break;
      case 'c':
        Put (&Out, (CHAR16)VA_ARG (Marker, UINTN));
        break;
      case 'g':
        PutGuid (&Out, VA_ARG (Marker, CONST GUID *));
        break;
      case 'd':
        Signed = How.Long ? VA_ARG (Marker, INT64) : VA_ARG (Marker, int);
        Value  = Signed < 0 ? 0 - (UINT64)Signed : (UINT64)Signed;
        PutNumber (&Out, &How, Value, 10, Signed < 0);
        break;
      case 'p':
        How.Long  = TRUE;
        How.Zeros = TRUE;
        How.Width = 16;
        PutNumber (&Out, &How, VA_ARG (Marker, UINT64), 16, FALSE);
        break;
      case 'r':
        How.Long = TRUE;
        PutString (&Out, &How, "status ", NULL);
        PutNumber (&Out, &How, VA_ARG (Marker, UINT64), 16, FALSE);
        break;
      case 'X':
      case 'x':
      case 'u':
        How.Zeros |= *Format == 'X';
        Value      = How.Long ? VA_ARG (Marker, UINT64) : VA_ARG (Marker, UINT32);
        PutNumber (&Out, &How, Value, *Format == 'u' ? 10 : 16, FALSE);
        break;
      case '\0':
        Format--;
        break;
      default:
        Put (&Out, (UINT8)*Format);
        break;
    }
  }

  *Out.At = '\0';
  return (UINTN)(Out.At - Buffer);
}

UINTN
EFIAPI
AsciiSPrint (
  CHAR8        *Buffer,
  UINTN        Size,
  CONST CHAR8  *Format,
  ...
  )
{
  VA_LIST  Marker;
  UINTN    Length;

  VA_START (Marker, Format);
  Length = AsciiVSPrint (Buffer, Size, Format, Marker);
  VA_END (Marker);
  return Length;
}

//
// Printed lines: 255 characters are enough for all that the package says.
//
#define LINE  256

STATIC
VOID
Narrow (
  CHAR8         *To,
  CONST CHAR16  *From
  )
{
  UINTN  Index;

  for (Index = 0; Index < LINE - 1 && From[Index] != 0; Index++) {
    To[Index] = From[Index] < 0x80 ? (CHAR8)From[Index] : '?';
  }

  To[Index] = '\0';
}

STATIC
UINTN
Widen (
  CHAR16       *To,
  UINTN        Room,
  CONST CHAR8  *From
  )
{
  UINTN  Index;

  for (Index = 0; Index + 1 < Room && From[Index] != '\0'; Index++) {
    To[Index] = (UINT8)From[Index];
  }

  To[Index] = 0;
  return Index;
}

UINTN
EFIAPI
UnicodeSPrint (
  CHAR16        *Buffer,
  UINTN         Size,
  CONST CHAR16  *Format,
  ...
  )
{
  CHAR8    Ascii[LINE];
  CHAR8    Text[LINE];
  VA_LIST  Marker;

  if (Size < sizeof (CHAR16)) {
    return 0;
  }

  Narrow (Ascii, Format);
  VA_START (Marker, Format);
  AsciiVSPrint (Text, sizeof (Text), Ascii, Marker);
  VA_END (Marker);
  return Widen (Buffer, Size / sizeof (CHAR16), Text);
}

STATIC
UINTN
PrintText (
  CONST CHAR8  *Text
  )
{
  CHAR16  Wide[LINE];
  UINTN   Length = Widen (Wide, LINE, Text);

  gST->ConOut->OutputString (gST->ConOut, Wide);
  return Length;
}

UINTN
EFIAPI
Print (
  CONST CHAR16  *Format,
  ...
  )
{
  CHAR8    Ascii[LINE];
  CHAR8    Text[LINE];
  VA_LIST  Marker;

  Narrow (Ascii, Format);
  VA_START (Marker, Format);
  AsciiVSPrint (Text, sizeof (Text), Ascii, Marker);
  VA_END (Marker);
  return PrintText (Text);
}

UINTN
EFIAPI
AsciiPrint (
  CONST CHAR8  *Format,
  ...
  )
{
  CHAR8    Text[LINE];
  VA_LIST  Marker;

  VA_START (Marker, Format);
  AsciiVSPrint (Text, sizeof (Text), Format, Marker);
  VA_END (Marker);
  return PrintText (Text);
}

//
// DebugLib
//
VOID
EFIAPI
DebugPrint (
  UINTN        ErrorLevel,
  CONST CHAR8  *Format,
  ...
  )
{
  CHAR8    Text[LINE];
  VA_LIST  Marker;
  UINTN    Index;

  if ((ErrorLevel & (DEBUG_INIT | DEBUG_WARN | DEBUG_INFO | DEBUG_ERROR)) == 0) {
    return;
  }

  VA_START (Marker, Format);
  AsciiVSPrint (Text, sizeof (Text), Format, Marker);
  VA_END (Marker);
  for (Index = 0; Text[Index] != '\0'; Index++) {
    IoWrite8 (DEBUG_PORT, (UINT8)Text[Index]);
  }
}

VOID
EFIAPI
DebugAssert (
  CONST CHAR8  *FileName,
  UINTN        Line,
  CONST CHAR8  *Text
  )
{
  DebugPrint (DEBUG_ERROR, "ASSERT %a:%lu: %a\n", FileName, Line, Text);
  CpuDeadLoop ();
}
