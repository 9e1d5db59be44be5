/** @file
  SEAMCALL, TDCALL and RDMSR, and what becomes of their traps.

  For the time of one instruction this processor has an interrupt descriptor
  table of its own, a copy of the beginning of the firmware's with two handlers
  of ours. They go on four bytes behind the instruction, with the trap in RAX.

  SEAMCALL and TDCALL are written as bytes, for assemblers that do not know
  them.

  SPDX-License-Identifier: BSD-2-Clause-Patent
**/
#include "Trap.h"

#include <Library/BaseLib.h>

#define VECTOR_UD  6
#define VECTOR_GP  13
//
// Up to #MC, which may come with interrupts off.
//
#define VECTORS       20
#define GATE_PRESENT  0x8E
#define CR4_CET       0x800000

typedef struct {
  UINT16    OffsetLow;
  UINT16    Selector;
  UINT8     Stack;
  UINT8     Type;
  UINT16    OffsetMiddle;
  UINT32    OffsetHigh;
  UINT32    Reserved;
} GATE;

STATIC_ASSERT (sizeof (GATE) == 16, "a gate of 64-bit mode");
STATIC_ASSERT (sizeof (IA32_DESCRIPTOR) == 10, "what SIDT stores");
STATIC_ASSERT (OFFSET_OF (struct tdxc_seamcall_full, common.r11) == 0x28, "the assembly");
STATIC_ASSERT (OFFSET_OF (struct tdxc_seamcall_full, rbx) == 0x30, "the assembly");
STATIC_ASSERT (OFFSET_OF (struct tdxc_seamcall_full, rdi) == 0x40, "the assembly");
STATIC_ASSERT (OFFSET_OF (struct tdxc_seamcall_full, r15) == 0x60, "the assembly");
STATIC_ASSERT (OFFSET_OF (struct tdxc_tdcall_regs, r13) == 0x38, "the assembly");
STATIC_ASSERT (TDXC_STATUS_UD == 0x8000FF0000000006ULL, "the assembly");
STATIC_ASSERT (TDXC_STATUS_GP == 0x8000FF000000000DULL, "the assembly");
STATIC_ASSERT (TDXC_STATUS_VMFAILINVALID == 0x8000FF00FFFF0000ULL, "the assembly");

VOID
EFIAPI
TdxCoreAsmTrapUd (
  VOID
  );

VOID
EFIAPI
TdxCoreAsmTrapGp (
  VOID
  );

//
// Arguments are in RCX and RDX. All registers of the callee's are saved, for
// the instructions take and give almost all that there are; nothing that a
// guest left in one stays there.
//
#define SAVE_REGISTERS \
  "push %rbx\n\tpush %rbp\n\tpush %rdi\n\tpush %rsi\n\t" \
  "push %r12\n\tpush %r13\n\tpush %r14\n\tpush %r15\n\t"
#define RESTORE_REGISTERS \
  "xor %ecx, %ecx\n\txor %edx, %edx\n\txor %r8d, %r8d\n\txor %r9d, %r9d\n\t" \
  "xor %r10d, %r10d\n\txor %r11d, %r11d\n\t" \
  "pop %r15\n\tpop %r14\n\tpop %r13\n\tpop %r12\n\t" \
  "pop %rsi\n\tpop %rdi\n\tpop %rbp\n\tpop %rbx\n\tret\n"
#define FUNCTION(Name)  ".globl " Name "\n" Name ":\n\t"

__asm__ (
  ".text\n"
  FUNCTION ("TdxCoreAsmTrapUd")
  "addq $4, (%rsp)\n\t"
  "movabs $0x8000FF0000000006, %rax\n\t"
  "iretq\n"
  FUNCTION ("TdxCoreAsmTrapGp")
  "add $8, %rsp\n\t" // the error code
  "addq $4, (%rsp)\n\t"
  "movabs $0x8000FF000000000D, %rax\n\t"
  "iretq\n"
  FUNCTION ("TdxCoreAsmRdmsr")
  "mov %rdx, %r8\n\t"
  "xor %eax, %eax\n\t"
  "xor %edx, %edx\n\t"
  "rdmsr\n\t"
  "nop\n\tnop\n\t"
  "mov %rax, %rcx\n\t" // a trap's number is wider than what RDMSR reads
  "shr $32, %rcx\n\t"
  "jnz 1f\n\t"
  "shl $32, %rdx\n\t"
  "or %rdx, %rax\n\t"
  "mov %rax, (%r8)\n\t"
  "xor %eax, %eax\n"
  "1:\tret\n"
  FUNCTION ("TdxCoreAsmSeamcall")
  SAVE_REGISTERS
  "push %rdx\n\t"
  "mov %rcx, %rax\n\t"
  "mov %rdx, %rdi\n\t"
  "mov 0x00(%rdi), %rcx\n\t"
  "mov 0x08(%rdi), %rdx\n\t"
  "mov 0x10(%rdi), %r8\n\t"
  "mov 0x18(%rdi), %r9\n\t"
  "mov 0x20(%rdi), %r10\n\t"
  "mov 0x28(%rdi), %r11\n\t"
  "mov 0x30(%rdi), %rbx\n\t"
  "mov 0x38(%rdi), %rsi\n\t"
  "mov 0x48(%rdi), %r12\n\t"
  "mov 0x50(%rdi), %r13\n\t"
  "mov 0x58(%rdi), %r14\n\t"
  "mov 0x60(%rdi), %r15\n\t"
  "mov 0x40(%rdi), %rdi\n\t"
  "clc\n\t" // a trap leaves it as it is
  ".byte 0x66, 0x0F, 0x01, 0xCF\n\t"
  "jnc 1f\n\t"
  "movabs $0x8000FF00FFFF0000, %rax\n"
  "1:\txchg %rdi, (%rsp)\n\t"
  "mov %rcx, 0x00(%rdi)\n\t"
  "mov %rdx, 0x08(%rdi)\n\t"
  "mov %r8, 0x10(%rdi)\n\t"
  "mov %r9, 0x18(%rdi)\n\t"
  "mov %r10, 0x20(%rdi)\n\t"
  "mov %r11, 0x28(%rdi)\n\t"
  "mov %rbx, 0x30(%rdi)\n\t"
  "mov %rsi, 0x38(%rdi)\n\t"
  "mov %r12, 0x48(%rdi)\n\t"
  "mov %r13, 0x50(%rdi)\n\t"
  "mov %r14, 0x58(%rdi)\n\t"
  "mov %r15, 0x60(%rdi)\n\t"
  "pop %rcx\n\t"
  "mov %rcx, 0x40(%rdi)\n\t"
  RESTORE_REGISTERS
  FUNCTION ("TdxCoreAsmTdcall")
  SAVE_REGISTERS
  "push %rdx\n\t"
  "mov %rcx, %rax\n\t"
  "mov %rdx, %rdi\n\t"
  "mov 0x00(%rdi), %rcx\n\t"
  "mov 0x08(%rdi), %rdx\n\t"
  "mov 0x10(%rdi), %r8\n\t"
  "mov 0x18(%rdi), %r9\n\t"
  "mov 0x20(%rdi), %r10\n\t"
  "mov 0x28(%rdi), %r11\n\t"
  "mov 0x30(%rdi), %r12\n\t"
  "mov 0x38(%rdi), %r13\n\t"
  "xor %ebx, %ebx\n\t" // nothing else goes to the host
  "xor %ebp, %ebp\n\t"
  "xor %esi, %esi\n\t"
  "xor %edi, %edi\n\t"
  "xor %r14d, %r14d\n\t"
  "xor %r15d, %r15d\n\t"
  ".byte 0x66, 0x0F, 0x01, 0xCC\n\t"
  "pop %rdi\n\t"
  "mov %rcx, 0x00(%rdi)\n\t"
  "mov %rdx, 0x08(%rdi)\n\t"
  "mov %r8, 0x10(%rdi)\n\t"
  "mov %r9, 0x18(%rdi)\n\t"
  "mov %r10, 0x20(%rdi)\n\t"
  "mov %r11, 0x28(%rdi)\n\t"
  "mov %r12, 0x30(%rdi)\n\t"
  "mov %r13, 0x38(%rdi)\n\t"
  RESTORE_REGISTERS
  );

STATIC
VOID
SetGate (
  OUT GATE   *Gate,
  IN  UINTN  Handler
  )
{
  Gate->OffsetLow    = (UINT16)Handler;
  Gate->OffsetMiddle = (UINT16)(Handler >> 16);
  Gate->OffsetHigh   = (UINT32)(Handler >> 32);
  Gate->Selector     = AsmReadCs ();
  Gate->Stack        = 0;
  Gate->Type         = GATE_PRESENT;
  Gate->Reserved     = 0;
}

//
// With CET a handler may not return to where it was not called from, and the
// trap is the firmware's.
//
UINT64
TdxCoreTry (
  IN     TRAP_INSTRUCTION  Instruction,
  IN     UINT64            Rax,
  IN OUT VOID              *Registers
  )
{
  GATE             Gates[VECTORS];
  IA32_DESCRIPTOR  Firmware;
  IA32_DESCRIPTOR  Ours;
  BOOLEAN          Interrupts;
  UINTN            Bytes;

  Interrupts = SaveAndDisableInterrupts ();
  AsmReadIdtr (&Firmware);
  Bytes = (UINTN)Firmware.Limit + 1;
  if (((AsmReadCr4 () & CR4_CET) == 0) && (Bytes >= sizeof (Gates))) {
    memcpy (Gates, (VOID *)(UINTN)Firmware.Base, sizeof (Gates));
    SetGate (&Gates[VECTOR_UD], (UINTN)TdxCoreAsmTrapUd);
    SetGate (&Gates[VECTOR_GP], (UINTN)TdxCoreAsmTrapGp);
    Ours.Base  = (UINTN)Gates;
    Ours.Limit = sizeof (Gates) - 1;
    AsmWriteIdtr (&Ours);
    Rax = Instruction (Rax, Registers);
    AsmWriteIdtr (&Firmware);
  } else {
    Rax = Instruction (Rax, Registers);
  }

  SetInterruptState (Interrupts);
  return Rax;
}
