/** @file
  libtdxcore in firmware: the core's headers, and the primitives that it asks a
  platform for.

  The core's functions and the callbacks that it takes are plain C functions.
  None of them is EFIAPI, and no EFIAPI function is ever behind one of its
  pointers.

  All but TdxCoreWbinvdAll (), TdxCoreOnAll (), TdxCoreOnProcessor (),
  TdxCoreTimeBegin () and the page functions work after ExitBootServices, too.

  SPDX-License-Identifier: BSD-2-Clause-Patent
**/
#ifndef TDX_CORE_LIB_H_
#define TDX_CORE_LIB_H_

#include <tdxcore/tdxcore.h>

//
// Status.c
//

/**
  What an error of the core is in UEFI.

  @param[in] Error  TDXC_OK or a negative value of enum tdxc_err.

  @return  RETURN_SUCCESS for TDXC_OK; RETURN_ABORTED for a number that is none
           of the core's.
**/
RETURN_STATUS
TdxCoreStatus (
  IN int  Error
  );

//
// Seamcall.c
//

/// SEAMCALL on the processor that this runs on. Context: NULL, or a struct
/// tdxc_coherence_cpu of this processor, to be marked before the call.
///
/// A trap is caught (TDXC_STATUS_UD, TDXC_STATUS_GP) unless CET is on.
/// Interrupts are off meanwhile.
extern CONST struct tdxc_seamcall_ops  gTdxCoreSeamcallOps;

//
// Tdcall.c
//

/// TDCALL, and zeros where a page was accepted before. Context: unused. Traps
/// as above.
extern CONST struct tdxc_convert_ops  gTdxCoreConvertOps;

/**
  Whether this firmware runs in a TD, by CPUID.
**/
BOOLEAN
TdxCoreIsTd (
  VOID
  );

//
// Cache.c
//

/**
  WBINVD on this processor, and its mark cleared.

  @param[in,out] Marks  NULL, or this processor's.

  @retval RETURN_SUCCESS      Flushed.
  @retval RETURN_UNSUPPORTED  In a TD, where the instruction raises #VE and the
                              host flushes.
**/
RETURN_STATUS
TdxCoreWbinvd (
  IN OUT struct tdxc_coherence_cpu  *Marks OPTIONAL
  );

/**
  WBINVD on every processor through MP services, and wait for all. Before the
  handlers of ExitBootServices, which park the other processors.

  @param[in,out] Marks  NULL, or those of all processors, by their number.

  @retval RETURN_SUCCESS      All have flushed.
  @retval RETURN_UNSUPPORTED  As TdxCoreWbinvd ().
  @retval RETURN_NOT_FOUND    No MP services: this processor has flushed.
  @return                     Another processor could not be started: this one
                              has flushed, others may have.
**/
RETURN_STATUS
TdxCoreWbinvdAll (
  IN OUT struct tdxc_coherence_cpu  *Marks OPTIONAL
  );

/**
  The TLB of this processor, global entries included.
**/
VOID
TdxCoreFlushTlb (
  VOID
  );

//
// Processor.c
//

/// What runs on a processor: a plain function, boot services are not for it.
typedef VOID (*TDX_CORE_PROCEDURE)(
  UINTN  Processor,
  VOID   *Context
  );

/**
  Processors, those of MP services that are enabled; 1 without MP services.
**/
UINTN
TdxCoreProcessors (
  VOID
  );

/**
  The number of the processor that this runs on; 0 without MP services. It asks
  boot services: what runs elsewhere by TdxCoreOnAll () is told its number.
**/
UINTN
TdxCoreWhoAmI (
  VOID
  );

/**
  Run a procedure on one processor, and wait for it.

  @param[in] Processor  Its number; this one's own is fine.
  @param[in] Procedure  What to run.
  @param[in] Context    Given to it.

  @retval RETURN_SUCCESS    It has run.
  @retval RETURN_NOT_FOUND  No such processor.
  @return                   MP services refused: it has not run.
**/
RETURN_STATUS
TdxCoreOnProcessor (
  IN UINTN               Processor,
  IN TDX_CORE_PROCEDURE  Procedure,
  IN VOID                *Context OPTIONAL
  );

/**
  Run a procedure on all other processors at once, wait, then run it on this one.

  @param[in] Procedure  What to run.
  @param[in] Context    Given to it.

  @retval RETURN_SUCCESS    All have run it.
  @retval RETURN_NOT_FOUND  No MP services: this one has run it.
  @return                   MP services refused: this one has run it.
**/
RETURN_STATUS
TdxCoreOnAll (
  IN TDX_CORE_PROCEDURE  Procedure,
  IN VOID                *Context OPTIONAL
  );

//
// PageTable.c
//

/// Tables of this processor, as the core's scanner wants them.
typedef struct {
  UINT64     Root;        ///< CR3 without its control bits.
  UINT32     Levels;      ///< 4 or 5.
  UINT32     PaBits;      ///< Physical address bits of this processor.
  BOOLEAN    ReadOnly;    ///< CR0.WP is set: tables may be protected.
  BOOLEAN    CanWrite;    ///< CR4.CET is clear: CR0.WP may be cleared.
} TDX_CORE_TABLES;

/**
  The page tables in use.

  @param[out] Tables  Filled.
**/
VOID
TdxCoreTables (
  OUT TDX_CORE_TABLES  *Tables
  );

/**
  From here to TdxCoreCloseTables () this processor writes its page tables even
  where they are mapped read-only, with interrupts off. Not nested.

  @return  What TdxCoreCloseTables () needs to put everything back as it was.
**/
UINT64
TdxCoreOpenTables (
  VOID
  );

/**
  @param[in] Opened  What TdxCoreOpenTables () returned.
**/
VOID
TdxCoreCloseTables (
  IN UINT64  Opened
  );

//
// Memory.c
//

/**
  A page of reserved memory: one that no OS takes for its own.

  @param[out] Address  Its address.

  @retval RETURN_SUCCESS           Allocated.
  @retval RETURN_OUT_OF_RESOURCES  There is none; or TdxCoreMemoryEnd () was
                                   called.
**/
RETURN_STATUS
TdxCorePageAllocate (
  OUT UINT64  *Address
  );

/**
  @param[in] Address  From TdxCorePageAllocate (); stays where it is after
                      TdxCoreMemoryEnd ().
**/
VOID
TdxCorePageFree (
  IN UINT64  Address
  );

/**
  Nothing is allocated or freed from here on: boot services end.
**/
VOID
TdxCoreMemoryEnd (
  VOID
  );

//
// Time.c
//

/**
  Measure the time stamp counter against Stall (). Before this, time stands
  still, which the gate's waits survive by their count of looks.
**/
VOID
TdxCoreTimeBegin (
  VOID
  );

/// The time stamp counter as the gate's clock, PAUSE as its pause. Context:
/// unused.
extern CONST struct tdxc_gate_ops  gTdxCoreGateOps;

//
// Platform.c
//

/**
  The registers that tdxc_platform_judge () wants of this processor. An MSR that
  it does not have is noted as such.

  @param[out] Regs  Filled.
**/
VOID
TdxCorePlatformRegs (
  OUT struct tdxc_platform_regs  *Regs
  );

//
// Log.c
//

/**
  Write what became of a SEAMCALL to the debug output.

  @param[in] Diag  What the core says of it.
**/
VOID
TdxCoreLogSeamcall (
  IN CONST struct tdxc_seamcall_diag  *Diag
  );

#endif
