// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause-Patent)
/*
 * SEAMCALL and TDCALL: the instruction, what a trap becomes, and the mark that
 * stands before a call.
 *
 * The instructions are written as bytes, for assemblers that do not know them.
 * A trap comes back through the exception table with its vector in RAX. When
 * the instruction fails no register has changed, so storing them all back
 * changes nothing.
 */
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/spinlock.h>

#include <asm/asm.h>

#include "recording.h"
#include "sim/sim.h"
#include "tdxc_linux.h"
#include "trace.h"

/* linux-host-tdx.md 2.2: a software code, less the vector. */
#define TRAP_BASE      (TDXC_STATUS_UD - 6)

#define SEAMCALL_BYTES ".byte 0x66, 0x0f, 0x01, 0xcf"
#define TDCALL_BYTES   ".byte 0x66, 0x0f, 0x01, 0xcc"

/*
 * Loads and stores of memory become calls where a kernel is instrumented
 * (KASAN, KCSAN), and a call loses what a register variable holds: there are
 * none between the copies before the instruction and those behind it.
 */
u64 tdxc_linux_seamcall_asm(u64 rax, struct tdxc_seamcall_regs *regs)
{
	u64 rcx = regs->rcx, rdx = regs->rdx;
	u64 v8 = regs->r8, v9 = regs->r9, v10 = regs->r10, v11 = regs->r11;
	register u64 r8 asm("r8") = v8;
	register u64 r9 asm("r9") = v9;
	register u64 r10 asm("r10") = v10;
	register u64 r11 asm("r11") = v11;

	asm volatile(
		"1:\t" SEAMCALL_BYTES "\n\t"
		"jnc 3f\n\t"
		"mov %[fail], %%rax\n\t"
		"jmp 3f\n"
		"2:\tor %[trap], %%rax\n"
		"3:\n" _ASM_EXTABLE_FAULT(1b, 2b)
		: "+a"(rax), "+c"(rcx), "+d"(rdx), "+r"(r8), "+r"(r9),
		  "+r"(r10), "+r"(r11)
		: [fail] "r"(TDXC_STATUS_VMFAILINVALID), [trap] "r"(TRAP_BASE)
		: "cc", "memory");
	v8 = r8;
	v9 = r9;
	v10 = r10;
	v11 = r11;
	*regs = (struct tdxc_seamcall_regs){rcx, rdx, v8, v9, v10, v11};
	return rax;
}

/*
 * Every register but RSP is an operand or may be lost (RBP, by modules without
 * NO_RBP_MOD), so the pointer to them waits on the stack. What a guest left in
 * them is gone afterwards.
 */
u64 tdxc_linux_seamcall_full_asm(u64 rax, struct tdxc_seamcall_full *regs)
{
	asm volatile(
		"push %%rbp\n\t"
		"push %%rdi\n\t"
		"mov 0x00(%%rdi), %%rcx\n\t"
		"mov 0x08(%%rdi), %%rdx\n\t"
		"mov 0x10(%%rdi), %%r8\n\t"
		"mov 0x18(%%rdi), %%r9\n\t"
		"mov 0x20(%%rdi), %%r10\n\t"
		"mov 0x28(%%rdi), %%r11\n\t"
		"mov 0x30(%%rdi), %%rbx\n\t"
		"mov 0x38(%%rdi), %%rsi\n\t"
		"mov 0x48(%%rdi), %%r12\n\t"
		"mov 0x50(%%rdi), %%r13\n\t"
		"mov 0x58(%%rdi), %%r14\n\t"
		"mov 0x60(%%rdi), %%r15\n\t"
		"mov 0x40(%%rdi), %%rdi\n"
		"1:\t" SEAMCALL_BYTES "\n\t"
		"jnc 3f\n\t"
		"movabs %[fail], %%rax\n\t"
		"jmp 3f\n"
		"2:\tpush %%rbx\n\t"
		"movabs %[trap], %%rbx\n\t"
		"or %%rbx, %%rax\n\t"
		"pop %%rbx\n"
		"3:\txchg %%rdi, (%%rsp)\n\t"
		"mov %%rcx, 0x00(%%rdi)\n\t"
		"mov %%rdx, 0x08(%%rdi)\n\t"
		"mov %%r8, 0x10(%%rdi)\n\t"
		"mov %%r9, 0x18(%%rdi)\n\t"
		"mov %%r10, 0x20(%%rdi)\n\t"
		"mov %%r11, 0x28(%%rdi)\n\t"
		"mov %%rbx, 0x30(%%rdi)\n\t"
		"mov %%rsi, 0x38(%%rdi)\n\t"
		"mov %%r12, 0x48(%%rdi)\n\t"
		"mov %%r13, 0x50(%%rdi)\n\t"
		"mov %%r14, 0x58(%%rdi)\n\t"
		"mov %%r15, 0x60(%%rdi)\n\t"
		"pop %%rcx\n\t"
		"mov %%rcx, 0x40(%%rdi)\n\t"
		"pop %%rbp\n\t"
		"xor %%ecx, %%ecx\n\t"
		"xor %%edx, %%edx\n\t"
		"xor %%r8d, %%r8d\n\t"
		"xor %%r9d, %%r9d\n\t"
		"xor %%r10d, %%r10d\n\t"
		"xor %%r11d, %%r11d\n\t"
		"xor %%ebx, %%ebx\n\t"
		"xor %%esi, %%esi\n\t"
		"xor %%edi, %%edi\n\t"
		"xor %%r12d, %%r12d\n\t"
		"xor %%r13d, %%r13d\n\t"
		"xor %%r14d, %%r14d\n\t"
		"xor %%r15d, %%r15d\n" _ASM_EXTABLE_FAULT(1b, 2b)
		: "+a"(rax), "+D"(regs)
		: [fail] "i"(TDXC_STATUS_VMFAILINVALID), [trap] "i"(TRAP_BASE)
		: "rcx", "rdx", "r8", "r9", "r10", "r11", "rbx", "rsi", "r12",
		  "r13", "r14", "r15", "cc", "memory");
	return rax;
}
static_assert(offsetof(struct tdxc_seamcall_full, common.r11) == 0x28);
static_assert(offsetof(struct tdxc_seamcall_full, rbx) == 0x30);
static_assert(offsetof(struct tdxc_seamcall_full, rdi) == 0x40);
static_assert(offsetof(struct tdxc_seamcall_full, r15) == 0x60);

u64 tdxc_linux_tdcall_asm(u64 rax, struct tdxc_tdcall_regs *regs)
{
	u64 rcx = regs->rcx, rdx = regs->rdx;
	u64 v8 = regs->r8, v9 = regs->r9, v10 = regs->r10, v11 = regs->r11;
	u64 v12 = regs->r12, v13 = regs->r13;
	register u64 r8 asm("r8") = v8;
	register u64 r9 asm("r9") = v9;
	register u64 r10 asm("r10") = v10;
	register u64 r11 asm("r11") = v11;
	register u64 r12 asm("r12") = v12;
	register u64 r13 asm("r13") = v13;

	asm volatile("1:\t" TDCALL_BYTES "\n\t"
		     "jmp 3f\n"
		     "2:\tor %[trap], %%rax\n"
		     "3:\n" _ASM_EXTABLE_FAULT(1b, 2b)
		     : "+a"(rax), "+c"(rcx), "+d"(rdx), "+r"(r8), "+r"(r9),
		       "+r"(r10), "+r"(r11), "+r"(r12), "+r"(r13)
		     : [trap] "r"(TRAP_BASE)
		     : "cc", "memory");
	v8 = r8;
	v9 = r9;
	v10 = r10;
	v11 = r11;
	v12 = r12;
	v13 = r13;
	*regs = (struct tdxc_tdcall_regs){rcx, rdx, v8, v9, v10, v11, v12, v13};
	return rax;
}

/* --- for the core --------------------------------------------------------- */

static DEFINE_PER_CPU(struct tdxc_linux_calls, calls);

/* Hardware lets one CPU at a time into the P-SEAMLDR. */
static DEFINE_RAW_SPINLOCK(seamldr_lock);

static u64 execute_module(u64 rax, struct tdxc_seamcall_regs *regs,
			  enum tdxc_seamcall_shape shape)
{
	struct tdxc_seamcall_regs copy;

	switch (shape) {
	case TDXC_SEAMCALL_FULL:
		return tdxc_linux_seamcall_full_asm(
			rax,
			container_of(regs, struct tdxc_seamcall_full, common));
	case TDXC_SEAMCALL_RET:
		return tdxc_linux_seamcall_asm(rax, regs);
	default:
		copy = *regs;
		return tdxc_linux_seamcall_asm(rax, &copy);
	}
}

static u64 execute_seamldr(u64 rax, struct tdxc_seamcall_regs *regs,
			   enum tdxc_seamcall_shape shape)
{
	unsigned long flags;
	u64 status;

	raw_spin_lock_irqsave(&seamldr_lock, flags);
	status = execute_module(rax, regs, shape);
	raw_spin_unlock_irqrestore(&seamldr_lock, flags);
	return status;
}

static u64 execute(u64 rax, struct tdxc_seamcall_regs *regs,
		   enum tdxc_seamcall_shape shape)
{
	if (tdxc_ksim_firmware_is_on())
		return tdxc_ksim_firmware_call(rax, regs, shape);
	if (rax & TDXC_SEAMLDR)
		return execute_seamldr(rax, regs, shape);
	return execute_module(rax, regs, shape);
}

static bool is_synthetic(u64 status)
{
	return (status & TRAP_BASE) == TRAP_BASE;
}

static void count(u64 rax, u64 status)
{
	u64 leaf = min_t(u64, rax & 0xFFFF, TDXC_LINUX_LEAVES - 1);

	if (rax & TDXC_SEAMLDR)
		this_cpu_inc(calls.seamldr);
	else
		this_cpu_inc(calls.leaf[leaf]);
	if (is_synthetic(status))
		this_cpu_inc(calls.failed);
}

static uint64_t call(void *ctx, uint64_t rax, struct tdxc_seamcall_regs *regs,
		     enum tdxc_seamcall_shape shape)
{
	u32 act = (rax & 0xFFFF) == TDXC_VP_ENTER && !(rax & TDXC_SEAMLDR)
			  ? TDXC_COHERENCE_BY_TD
			  : TDXC_COHERENCE_BY_SEAMCALL;
	struct tdxc_coherence_cpu *marks;
	u64 status;

	/* Mark and call on one CPU, the mark first: an NMI may stop this CPU
	 * for a kexec at any time. */
	preempt_disable();
	marks = tdxc_linux_coherence_this();
	tdxc_coherence_begin(marks, act);
	status = tdxc_linux_is_recording()
			 ? tdxc_linux_recorded(execute, rax, regs, shape)
			 : execute(rax, regs, shape);
	tdxc_coherence_end(marks);
	count(rax, status);
	preempt_enable();
	trace_tdxcore_seamcall(rax, status, regs);
	return status;
}

static const struct tdxc_seamcall_ops seamcall_ops = {
	.abi = TDXC_ABI,
	.call = call,
};

struct tdxc_seamcall_port tdxc_linux_seamcall_port(void)
{
	return (struct tdxc_seamcall_port){.ops = &seamcall_ops};
}

static uint64_t tdcall(void *ctx, uint64_t rax, struct tdxc_tdcall_regs *regs)
{
	u64 status = tdxc_linux_tdcall_asm(rax, regs);

	this_cpu_inc(calls.tdcalls);
	trace_tdxcore_conversion(rax, status, regs);
	return status;
}

/* A TD's memory below the direct map; `gpa` has no shared bit. */
static int zero(void *ctx, uint64_t gpa, uint64_t bytes)
{
	memset(__va(gpa), 0, bytes);
	return 0;
}

const struct tdxc_convert_ops tdxc_linux_convert_ops = {
	.abi = TDXC_ABI,
	.tdcall = tdcall,
	.zero = zero,
};

void tdxc_linux_calls_sum(struct tdxc_linux_calls *sum)
{
	const u64 *from;
	u64 *to = (u64 *)sum;
	size_t i;
	int cpu;

	memset(sum, 0, sizeof(*sum));
	for_each_possible_cpu(cpu)
	{
		from = (const u64 *)per_cpu_ptr(&calls, cpu);
		for (i = 0; i < sizeof(*sum) / sizeof(u64); i++)
			to[i] += READ_ONCE(from[i]);
	}
}
