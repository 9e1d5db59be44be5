// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause-Patent)
/* Caches and TLBs, and the marks that say whose caches may be dirty. */
#include <linux/cpu.h>
#include <linux/slab.h>
#include <linux/smp.h>

#include <asm/cacheflush.h>
#include <asm/special_insns.h>

#include "compat.h"
#include "tdxc_linux.h"

#define CPUID_7_ECX_MOVDIR64B (1u << 28)
#define CPUID_7_EBX_INVPCID   (1u << 10)
#define INVPCID_ALL_GLOBAL    2ul

/* One array, as the end of a kernel's life wants it (handover.h). */
static struct tdxc_coherence_cpu *marks;
static struct tdxc_coherence coherence;

struct tdxc_coherence_cpu *tdxc_linux_coherence_this(void)
{
	return &marks[smp_processor_id()];
}

const struct tdxc_coherence_cpu *tdxc_linux_coherence_of(int cpu)
{
	return &marks[cpu];
}

const struct tdxc_coherence *tdxc_linux_coherence(void)
{
	return &coherence;
}

void tdxc_linux_wbinvd(void)
{
	struct tdxc_coherence_cpu *cpu;

	preempt_disable();
	cpu = tdxc_linux_coherence_this();
	tdxc_coherence_flush_begin(cpu);
	asm volatile("wbinvd" : : : "memory");
	tdxc_coherence_flush_end(cpu);
	preempt_enable();
}

/* CPUs that do not know it take it for WBINVD. No mark is cleared: clean lines
 * stay. */
void tdxc_linux_wbnoinvd(void)
{
	asm volatile(".byte 0xf3, 0x0f, 0x09" : : : "memory");
}

static void wbinvd_ipi(void *unused)
{
	tdxc_linux_wbinvd();
}

void tdxc_linux_wbinvd_all(void)
{
	on_each_cpu(wbinvd_ipi, NULL, 1);
}

void tdxc_linux_clflush(void *at, size_t bytes)
{
	clflush_cache_range(at, (unsigned int)bytes);
}

bool tdxc_linux_has_movdir64b(void)
{
	return cpuid_eax(0) >= 7 && cpuid_ecx(7) & CPUID_7_ECX_MOVDIR64B;
}

void tdxc_linux_rewrite(void *at, size_t bytes)
{
	static const u8 zeros[64] __aligned(64);
	u8 *to = at;
	size_t i;

	for (i = 0; i < bytes; i += 64)
		/* MOVDIR64B (%rdx), %rax */
		asm volatile(".byte 0x66, 0x0f, 0x38, 0xf8, 0x02"
			     :
			     : "a"(to + i), "d"(zeros)
			     : "memory");
	/* These stores are write-combining. */
	mb();
}

void tdxc_linux_flush_tlb(void)
{
	const struct {
		u64 pcid;
		u64 address;
	} __aligned(16) descriptor = {};
	unsigned long flags, cr4;

	if (cpuid_eax(0) >= 7 && cpuid_ebx(7) & CPUID_7_EBX_INVPCID) {
		asm volatile("invpcid %0, %1"
			     :
			     : "m"(descriptor), "r"(INVPCID_ALL_GLOBAL)
			     : "memory");
		return;
	}
	/* Changing CR4.PGE flushes all. The kernel's copy of CR4 stays right:
	 * with interrupts off nobody looks in between. */
	local_irq_save(flags);
	asm volatile("mov %%cr4, %0" : "=r"(cr4));
	asm volatile("mov %0, %%cr4" : : "r"(cr4 ^ X86_CR4_PGE) : "memory");
	asm volatile("mov %0, %%cr4" : : "r"(cr4) : "memory");
	local_irq_restore(flags);
}

static u32 cpuid_if(u32 leaf)
{
	return cpuid_eax(0x80000000) >= leaf ? cpuid_eax(leaf) : 0;
}

int tdxc_linux_cache_init(void)
{
	struct tdxc_coherence_config config = {
		.abi = TDXC_ABI,
		.policy = TDXC_COHERENCE_TRACKED,
		.guest = TDXC_COHERENCE_NO_GUEST,
		.flags = TDXC_COHERENCE_DISABLES,
		.platform = tdxc_linux_platform(),
		.cpuid_80000000_eax = cpuid_eax(0x80000000),
		.cpuid_8000001f_eax = cpuid_if(0x8000001f),
	};
	int err = tdxc_coherence_init(&coherence, &config);
	int cpu;

	if (err)
		return err;
	marks = kcalloc(nr_cpu_ids, sizeof(*marks), GFP_KERNEL);
	if (!marks)
		return -ENOMEM;
	for_each_possible_cpu(cpu)
		tdxc_coherence_cpu_init(&marks[cpu], &coherence);
	return 0;
}

void tdxc_linux_cache_exit(void)
{
	kfree(marks);
}
