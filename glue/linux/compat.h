/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause-Patent) */
/*
 * Where kernels from 6.1 to 7.x differ: the only file that asks for a version.
 */
#ifndef TDXC_LINUX_COMPAT_H
#define TDXC_LINUX_COMPAT_H

#include <linux/gfp.h>
#include <linux/mmzone.h>
#include <linux/perf_event.h>
#include <linux/syscore_ops.h>
#include <linux/version.h>

#include <asm/msr.h>
#include <asm/processor.h>
#include <asm/tlbflush.h>
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 16, 0)
#include <asm/cpuid/api.h>
#endif

/* Newer kernels name MSR functions after the width, q for 64 bits. */
static inline int tdxc_compat_rdmsr_safe(u32 msr, u64 *value)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 16, 0)
	return rdmsrq_safe(msr, value);
#else
	unsigned long long read = 0;
	int err = rdmsrl_safe(msr, &read);

	*value = read;
	return err;
#endif
}

/* The largest order of the buddy allocator: inclusive since 6.4, by this name
 * since 6.8. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 8, 0)
#define TDXC_COMPAT_MAX_ORDER MAX_PAGE_ORDER
#elif LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
#define TDXC_COMPAT_MAX_ORDER MAX_ORDER
#else
#define TDXC_COMPAT_MAX_ORDER (MAX_ORDER - 1)
#endif

/*
 * Newer kernels let only KVM change CR4, because they switch VMX on by
 * themselves: a module cannot, and must not behind their back, for the next
 * change of CR4 would be made from a copy without VMXE.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 19, 0)
#define TDXC_COMPAT_VMX_IS_OURS 1
static inline void tdxc_compat_cr4_vmxe(bool on)
{
	if (on)
		cr4_set_bits_irqsoff(X86_CR4_VMXE);
	else
		cr4_clear_bits_irqsoff(X86_CR4_VMXE);
}

static inline void tdxc_compat_intel_pt(bool vmx)
{
	intel_pt_handle_vmx(vmx);
}
#else
#define TDXC_COMPAT_VMX_IS_OURS 0
static inline void tdxc_compat_cr4_vmxe(bool on)
{
}

static inline void tdxc_compat_intel_pt(bool vmx)
{
}
#endif

/* What a kernel does last: an object of its own since 6.19. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 19, 0)
#define TDXC_COMPAT_SYSCORE(object, callback)                                  \
	static void object##_shutdown(void)                                    \
	{                                                                      \
		callback();                                                    \
	}                                                                      \
	static struct syscore_ops object = {.shutdown = object##_shutdown}
#define tdxc_compat_register_syscore   register_syscore_ops
#define tdxc_compat_unregister_syscore unregister_syscore_ops
#else
#define TDXC_COMPAT_SYSCORE(object, callback)                                  \
	static void object##_shutdown(void *data)                              \
	{                                                                      \
		callback();                                                    \
	}                                                                      \
	static const struct syscore_ops object##_ops = {                       \
		.shutdown = object##_shutdown};                                \
	static struct syscore object = {.ops = &object##_ops}
#define tdxc_compat_register_syscore   register_syscore
#define tdxc_compat_unregister_syscore unregister_syscore
#endif

/* Whether a kexec runs the syscore's shutdown: 6.1 does not, 7.2 does. What is
 * between is taken for one that does not, which is early but never too late. */
#define TDXC_COMPAT_KEXEC_HAS_SYSCORE                                          \
	(LINUX_VERSION_CODE >= KERNEL_VERSION(7, 0, 0))

/* Contiguous memory of any size: modules may ask for it since 7.0. */
static inline struct page *tdxc_compat_alloc_contig(unsigned long pages,
						    int node)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 0, 0)
	return alloc_contig_pages(pages, GFP_KERNEL | __GFP_NOWARN, node, NULL);
#else
	return NULL;
#endif
}

static inline void tdxc_compat_free_contig(unsigned long pfn,
					   unsigned long pages)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 0, 0)
	free_contig_range(pfn, pages);
#endif
}

#define TDXC_COMPAT_HAS_CONTIG (LINUX_VERSION_CODE >= KERNEL_VERSION(7, 0, 0))

#endif
