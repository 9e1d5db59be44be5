/** @file
  EDK2's names over gnu-efi's headers.

  The package's sources are written for EDK2. Where EDK2 is not at hand, this
  one header stands for all of its headers that they include: the build
  (tests/uefi/build.py) makes every <Uefi.h>, <Library/...> and <Protocol/...>
  that the package does not have itself a file that includes this one.

  It has what the package uses, as the UEFI and PI specifications and EDK2's
  library classes define it, and TdxGnuEfi.c implements it.

  SPDX-License-Identifier: BSD-2-Clause-Patent
**/
#ifndef TDX_GNU_EFI_H_
#define TDX_GNU_EFI_H_

//
// EDK2's CHAR8 is the compiler's char.
//
#define CHAR8  GNU_EFI_CHAR8
#include <efi.h>
#undef CHAR8
typedef char CHAR8;
//
// gnu-efi takes attributes away from compilers that know Microsoft's.
//
#undef __attribute__

#define STATIC  static

#undef EFI_ERROR
#define EFI_ERROR(Status)  (((INTN)(UINTN)(Status)) < 0)

#define SIZE_1KB  0x400
#define SIZE_4KB  0x1000
#define SIZE_1MB  0x100000
#define SIZE_2MB  0x200000
#define SIZE_1GB  0x40000000
#define SIZE_4GB  0x100000000ULL

#define BIT0   0x1
#define BIT1   0x2
#define BIT2   0x4
#define BIT3   0x8
#define BIT4   0x10
#define BIT5   0x20
#define BIT6   0x40
#define BIT7   0x80
#define BIT9   0x200
#define BIT12  0x1000
#define BIT16  0x10000
#define BIT31  0x80000000
#define BIT47  0x800000000000ULL
#define BIT51  0x8000000000000ULL
#define BIT63  0x8000000000000000ULL

#define MAX_UINTN   0xFFFFFFFFFFFFFFFFULL
#define MAX_UINT32  0xFFFFFFFFU
#define MAX_UINT64  0xFFFFFFFFFFFFFFFFULL

#define MIN(a, b)            (((a) < (b)) ? (a) : (b))
#define MAX(a, b)            (((a) > (b)) ? (a) : (b))
#define ARRAY_SIZE(Array)    (sizeof (Array) / sizeof ((Array)[0]))
#define OFFSET_OF(Type, Field)  __builtin_offsetof (Type, Field)
#define STATIC_ASSERT  _Static_assert
#define EFI_PAGES_TO_SIZE(Pages)  ((UINTN)(Pages) << EFI_PAGE_SHIFT)
#define NEXT_MEMORY_DESCRIPTOR(Entry, Size) \
  ((EFI_MEMORY_DESCRIPTOR *)((UINT8 *)(Entry) + (Size)))
#define SIGNATURE_32(A, B, C, D) \
  ((UINT32)(A) | (UINT32)(B) << 8 | (UINT32)(C) << 16 | (UINT32)(D) << 24)
#define ALIGN_VALUE(Value, Alignment) \
  (((Value) + ((Alignment) - 1)) & ~((Alignment) - 1))

typedef UINTN     RETURN_STATUS;
typedef EFI_GUID  GUID;
#define RETURN_ERROR(Status)      EFI_ERROR (Status)
#define RETURN_SUCCESS            EFI_SUCCESS
#define RETURN_INVALID_PARAMETER  EFI_INVALID_PARAMETER
#define RETURN_UNSUPPORTED        EFI_UNSUPPORTED
#define RETURN_BAD_BUFFER_SIZE    EFI_BAD_BUFFER_SIZE
#define RETURN_BUFFER_TOO_SMALL   EFI_BUFFER_TOO_SMALL
#define RETURN_NOT_READY          EFI_NOT_READY
#define RETURN_DEVICE_ERROR       EFI_DEVICE_ERROR
#define RETURN_WRITE_PROTECTED    EFI_WRITE_PROTECTED
#define RETURN_OUT_OF_RESOURCES   EFI_OUT_OF_RESOURCES
#define RETURN_NOT_FOUND          EFI_NOT_FOUND
#define RETURN_ACCESS_DENIED      EFI_ACCESS_DENIED
#define RETURN_TIMEOUT            EFI_TIMEOUT
#define RETURN_ALREADY_STARTED    EFI_ALREADY_STARTED
#define RETURN_ABORTED            EFI_ABORTED
#define RETURN_PROTOCOL_ERROR     EFI_PROTOCOL_ERROR

//
// Newer than gnu-efi's enumeration.
//
#define EfiPersistentMemory      14
#define EfiUnacceptedMemoryType  15

//
// EDK2's spelling of what gnu-efi has.
//
typedef UINT64                             PHYSICAL_ADDRESS;
typedef struct _SIMPLE_TEXT_OUTPUT_INTERFACE EFI_SIMPLE_TEXT_OUTPUT_PROTOCOL;

//
// Variable arguments of EFIAPI functions.
//
#if defined (_WIN32) || !defined (GNU_EFI_USE_MS_ABI)
typedef __builtin_va_list VA_LIST;
#define VA_START(Marker, Last)  __builtin_va_start (Marker, Last)
#define VA_END(Marker)          __builtin_va_end (Marker)
#else
typedef __builtin_ms_va_list VA_LIST;
#define VA_START(Marker, Last)  __builtin_ms_va_start (Marker, Last)
#define VA_END(Marker)          __builtin_ms_va_end (Marker)
#endif
#define VA_ARG(Marker, Type)  __builtin_va_arg (Marker, Type)

//
// PI specification, volume 2, 13.4: MP services.
//
#define EFI_MP_SERVICES_PROTOCOL_GUID \
  { 0x3fdda605, 0xa76e, 0x4f46, \
    { 0xad, 0x29, 0x12, 0xf4, 0x53, 0x1b, 0x3d, 0x08 } \
  }
#define PROCESSOR_AS_BSP_BIT         BIT0
#define PROCESSOR_ENABLED_BIT        BIT1
#define PROCESSOR_HEALTH_STATUS_BIT  BIT2

typedef struct _EFI_MP_SERVICES_PROTOCOL EFI_MP_SERVICES_PROTOCOL;

typedef
VOID
(EFIAPI *EFI_AP_PROCEDURE)(
  IN OUT VOID  *Buffer
  );

typedef struct {
  UINT32    Package;
  UINT32    Core;
  UINT32    Thread;
} EFI_CPU_PHYSICAL_LOCATION;

typedef struct {
  UINT32    Package;
  UINT32    Module;
  UINT32    Tile;
  UINT32    Die;
  UINT32    Core;
  UINT32    Thread;
} EFI_CPU_PHYSICAL_LOCATION2;

typedef struct {
  UINT64                        ProcessorId;
  UINT32                        StatusFlag;
  EFI_CPU_PHYSICAL_LOCATION     Location;
  EFI_CPU_PHYSICAL_LOCATION2    Location2;
} EFI_PROCESSOR_INFORMATION;

typedef
EFI_STATUS
(EFIAPI *EFI_MP_SERVICES_GET_NUMBER_OF_PROCESSORS)(
  IN  EFI_MP_SERVICES_PROTOCOL  *This,
  OUT UINTN                     *NumberOfProcessors,
  OUT UINTN                     *NumberOfEnabledProcessors
  );

typedef
EFI_STATUS
(EFIAPI *EFI_MP_SERVICES_GET_PROCESSOR_INFO)(
  IN  EFI_MP_SERVICES_PROTOCOL   *This,
  IN  UINTN                      ProcessorNumber,
  OUT EFI_PROCESSOR_INFORMATION  *ProcessorInfoBuffer
  );

typedef
EFI_STATUS
(EFIAPI *EFI_MP_SERVICES_STARTUP_ALL_APS)(
  IN  EFI_MP_SERVICES_PROTOCOL  *This,
  IN  EFI_AP_PROCEDURE          Procedure,
  IN  BOOLEAN                   SingleThread,
  IN  EFI_EVENT                 WaitEvent               OPTIONAL,
  IN  UINTN                     TimeoutInMicroSeconds,
  IN  VOID                      *ProcedureArgument      OPTIONAL,
  OUT UINTN                     **FailedCpuList         OPTIONAL
  );

typedef
EFI_STATUS
(EFIAPI *EFI_MP_SERVICES_STARTUP_THIS_AP)(
  IN  EFI_MP_SERVICES_PROTOCOL  *This,
  IN  EFI_AP_PROCEDURE          Procedure,
  IN  UINTN                     ProcessorNumber,
  IN  EFI_EVENT                 WaitEvent               OPTIONAL,
  IN  UINTN                     TimeoutInMicroSeconds,
  IN  VOID                      *ProcedureArgument      OPTIONAL,
  OUT BOOLEAN                   *Finished               OPTIONAL
  );

typedef
EFI_STATUS
(EFIAPI *EFI_MP_SERVICES_SWITCH_BSP)(
  IN EFI_MP_SERVICES_PROTOCOL  *This,
  IN UINTN                     ProcessorNumber,
  IN BOOLEAN                   EnableOldBSP
  );

typedef
EFI_STATUS
(EFIAPI *EFI_MP_SERVICES_ENABLEDISABLEAP)(
  IN EFI_MP_SERVICES_PROTOCOL  *This,
  IN UINTN                     ProcessorNumber,
  IN BOOLEAN                   EnableAP,
  IN UINT32                    *HealthFlag OPTIONAL
  );

typedef
EFI_STATUS
(EFIAPI *EFI_MP_SERVICES_WHOAMI)(
  IN  EFI_MP_SERVICES_PROTOCOL  *This,
  OUT UINTN                     *ProcessorNumber
  );

struct _EFI_MP_SERVICES_PROTOCOL {
  EFI_MP_SERVICES_GET_NUMBER_OF_PROCESSORS    GetNumberOfProcessors;
  EFI_MP_SERVICES_GET_PROCESSOR_INFO          GetProcessorInfo;
  EFI_MP_SERVICES_STARTUP_ALL_APS             StartupAllAPs;
  EFI_MP_SERVICES_STARTUP_THIS_AP             StartupThisAP;
  EFI_MP_SERVICES_SWITCH_BSP                  SwitchBSP;
  EFI_MP_SERVICES_ENABLEDISABLEAP             EnableDisableAP;
  EFI_MP_SERVICES_WHOAMI                      WhoAmI;
};

//
// PI specification, volume 2, 12.3: the CPU architectural protocol.
//
#define EFI_CPU_ARCH_PROTOCOL_GUID \
  { 0x26baccb1, 0x6f42, 0x11d4, \
    { 0xbc, 0xe7, 0x00, 0x80, 0xc7, 0x3c, 0x88, 0x81 } \
  }

extern EFI_GUID  gEfiMpServiceProtocolGuid;
extern EFI_GUID  gEfiShellParametersProtocolGuid;
extern EFI_GUID  gEfiLoadedImageProtocolGuid;
extern EFI_GUID  gEfiSimpleFileSystemProtocolGuid;
extern EFI_GUID  gEfiFileInfoGuid;
extern EFI_GUID  gEfiEventExitBootServicesGuid;
extern EFI_GUID  gEfiEventBeforeExitBootServicesGuid;
extern EFI_GUID  gEfiEventReadyToBootGuid;
extern EFI_GUID  gEdkiiMemoryAcceptProtocolGuid;
extern EFI_GUID  gEfiCpuArchProtocolGuid;
extern EFI_GUID  gEfiAcpi20TableGuid;
extern EFI_GUID  gEfiCallerIdGuid;

//
// UefiBootServicesTableLib, UefiRuntimeServicesTableLib.
//
extern EFI_HANDLE            gImageHandle;
extern EFI_SYSTEM_TABLE      *gST;
extern EFI_BOOT_SERVICES     *gBS;
extern EFI_RUNTIME_SERVICES  *gRT;

//
// BaseLib.
//
UINTN EFIAPI AsmReadCr0 (VOID);
UINTN EFIAPI AsmReadCr2 (VOID);
UINTN EFIAPI AsmReadCr3 (VOID);
UINTN EFIAPI AsmReadCr4 (VOID);
UINTN EFIAPI AsmWriteCr0 (UINTN Value);
UINTN EFIAPI AsmWriteCr3 (UINTN Value);
UINTN EFIAPI AsmWriteCr4 (UINTN Value);
UINT64 EFIAPI AsmReadMsr64 (UINT32 Index);
UINT64 EFIAPI AsmReadTsc (VOID);
UINT32 EFIAPI AsmCpuid (UINT32 Index, UINT32 *Eax, UINT32 *Ebx, UINT32 *Ecx, UINT32 *Edx);
UINT32 EFIAPI AsmCpuidEx (UINT32 Index, UINT32 SubIndex, UINT32 *Eax, UINT32 *Ebx, UINT32 *Ecx, UINT32 *Edx);
VOID EFIAPI AsmWbinvd (VOID);
VOID *EFIAPI AsmFlushCacheLine (VOID *LinearAddress);
VOID EFIAPI CpuPause (VOID);
VOID EFIAPI CpuDeadLoop (VOID);
VOID EFIAPI MemoryFence (VOID);
VOID EFIAPI DisableInterrupts (VOID);
VOID EFIAPI EnableInterrupts (VOID);
BOOLEAN EFIAPI GetInterruptState (VOID);
BOOLEAN EFIAPI SaveAndDisableInterrupts (VOID);
BOOLEAN EFIAPI SetInterruptState (BOOLEAN State);
UINTN EFIAPI AsciiStrLen (CONST CHAR8 *String);
UINTN EFIAPI AsciiStrSize (CONST CHAR8 *String);
INTN EFIAPI AsciiStrCmp (CONST CHAR8 *First, CONST CHAR8 *Second);
INTN EFIAPI AsciiStrnCmp (CONST CHAR8 *First, CONST CHAR8 *Second, UINTN Length);
UINTN EFIAPI StrLen (CONST CHAR16 *String);
UINTN EFIAPI StrSize (CONST CHAR16 *String);
INTN EFIAPI StrCmp (CONST CHAR16 *First, CONST CHAR16 *Second);

typedef struct {
  UINT16    Limit;
  UINT64    Base;
} __attribute__ ((packed)) IA32_DESCRIPTOR;

VOID EFIAPI AsmReadIdtr (IA32_DESCRIPTOR *Idtr);
VOID EFIAPI AsmWriteIdtr (CONST IA32_DESCRIPTOR *Idtr);
UINT16 EFIAPI AsmReadCs (VOID);

//
// BaseMemoryLib.
//
VOID *EFIAPI CopyMem (VOID *Destination, CONST VOID *Source, UINTN Length);
VOID *EFIAPI SetMem (VOID *Buffer, UINTN Length, UINT8 Value);
VOID *EFIAPI ZeroMem (VOID *Buffer, UINTN Length);
INTN EFIAPI CompareMem (CONST VOID *First, CONST VOID *Second, UINTN Length);
BOOLEAN EFIAPI CompareGuid (CONST GUID *First, CONST GUID *Second);
GUID *EFIAPI CopyGuid (GUID *Destination, CONST GUID *Source);

//
// MemoryAllocationLib.
//
VOID *EFIAPI AllocatePages (UINTN Pages);
VOID *EFIAPI AllocateReservedPages (UINTN Pages);
VOID *EFIAPI AllocateRuntimePages (UINTN Pages);
VOID *EFIAPI AllocateAlignedPages (UINTN Pages, UINTN Alignment);
VOID EFIAPI FreePages (VOID *Buffer, UINTN Pages);
VOID EFIAPI FreeAlignedPages (VOID *Buffer, UINTN Pages);
VOID *EFIAPI AllocatePool (UINTN Size);
VOID *EFIAPI AllocateZeroPool (UINTN Size);
VOID *EFIAPI AllocateReservedPool (UINTN Size);
VOID *EFIAPI AllocateRuntimePool (UINTN Size);
VOID EFIAPI FreePool (VOID *Buffer);

//
// IoLib.
//
UINT8 EFIAPI IoRead8 (UINTN Port);
UINT8 EFIAPI IoWrite8 (UINTN Port, UINT8 Value);
UINT16 EFIAPI IoWrite16 (UINTN Port, UINT16 Value);
UINT32 EFIAPI IoRead32 (UINTN Port);
UINT32 EFIAPI IoWrite32 (UINTN Port, UINT32 Value);

//
// SynchronizationLib.
//
UINT32 EFIAPI InterlockedIncrement (volatile UINT32 *Value);
UINT32 EFIAPI InterlockedDecrement (volatile UINT32 *Value);
UINT64 EFIAPI InterlockedCompareExchange64 (volatile UINT64 *Value, UINT64 Compare, UINT64 Exchange);

//
// TimerLib: the time stamp counter against Stall (), measured on first use,
// which must be before ExitBootServices.
//
UINT64 EFIAPI GetPerformanceCounter (VOID);
UINT64 EFIAPI GetPerformanceCounterProperties (UINT64 *StartValue OPTIONAL, UINT64 *EndValue OPTIONAL);
UINT64 EFIAPI GetTimeInNanoSecond (UINT64 Ticks);
UINTN EFIAPI MicroSecondDelay (UINTN MicroSeconds);

//
// PrintLib, UefiLib. Conversions: %a %s %c %d %u %x %X %p %r %g %%, flags 0 and
// l, a width.
//
UINTN EFIAPI AsciiVSPrint (CHAR8 *Buffer, UINTN Size, CONST CHAR8 *Format, VA_LIST Marker);
UINTN EFIAPI AsciiSPrint (CHAR8 *Buffer, UINTN Size, CONST CHAR8 *Format, ...);
UINTN EFIAPI UnicodeSPrint (CHAR16 *Buffer, UINTN Size, CONST CHAR16 *Format, ...);
UINTN EFIAPI Print (CONST CHAR16 *Format, ...);
UINTN EFIAPI AsciiPrint (CONST CHAR8 *Format, ...);

//
// DebugLib: to QEMU's debug port.
//
#define DEBUG_INIT     0x00000001
#define DEBUG_WARN     0x00000002
#define DEBUG_INFO     0x00000040
#define DEBUG_VERBOSE  0x00400000
#define DEBUG_ERROR    0x80000000

VOID EFIAPI DebugPrint (UINTN ErrorLevel, CONST CHAR8 *Format, ...);
VOID EFIAPI DebugAssert (CONST CHAR8 *FileName, UINTN Line, CONST CHAR8 *Text);

#define DEBUG(Expression)  DebugPrint Expression
#define ASSERT(Expression) \
  do { \
    if (!(Expression)) { \
      DebugAssert (__FILE__, __LINE__, #Expression); \
    } \
  } while (FALSE)
#define ASSERT_EFI_ERROR(Status)  ASSERT (!EFI_ERROR (Status))

//
// The build's entry point calls it before anything else.
//
VOID
TdxGnuEfiInit (
  IN EFI_HANDLE        ImageHandle,
  IN EFI_SYSTEM_TABLE  *SystemTable
  );

#endif
