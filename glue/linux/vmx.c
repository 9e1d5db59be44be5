// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause-Patent)
/*
 * VMX operation, without which SEAMCALL raises #UD: on for every CPU, or
 * refused with the reason. Where CR4.VMXE is set already, VMX belongs to
 * somebody, KVM as a rule, who may leave it at any time.
 */
#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/pfn.h>
#include <linux/topology.h>

#include <asm/asm.h>

#include "compat.h"
#include "tdxc_linux.h"

static DEFINE_PER_CPU(struct page *, region);
static DEFINE_PER_CPU(bool, ours);
static DEFINE_MUTEX(users_lock);
static int users;
static int hotplug_state;

/* It fails by a fault, or by CF or ZF. */
static int vmxon(phys_addr_t pa)
{
	u8 failed = 1;

	asm volatile("1:\tvmxon %[pa]\n\t"
		     "setbe %[failed]\n"
		     "2:\n" _ASM_EXTABLE(1b, 2b)
		     : [failed] "+qm"(failed)
		     : [pa] "m"(pa)
		     : "memory", "cc");
	return failed ? -EIO : 0;
}

int tdxc_linux_vmx_on(void)
{
	struct page *page = this_cpu_read(region);
	unsigned long flags;
	int err = 0;

	if (!TDXC_COMPAT_VMX_IS_OURS || !(cpuid_ecx(1) & 1u << 5))
		return -EOPNOTSUPP;
	if (!page)
		return -ENOMEM;
	local_irq_save(flags);
	if (native_read_cr4() & X86_CR4_VMXE) {
		err = -EBUSY;
	} else {
		tdxc_compat_intel_pt(true);
		tdxc_compat_cr4_vmxe(true);
		err = vmxon(PFN_PHYS(page_to_pfn(page)));
		if (err) {
			tdxc_compat_cr4_vmxe(false);
			tdxc_compat_intel_pt(false);
		}
		this_cpu_write(ours, !err);
	}
	local_irq_restore(flags);
	return err;
}

void tdxc_linux_vmx_off(void)
{
	unsigned long flags;

	local_irq_save(flags);
	if (this_cpu_read(ours)) {
		this_cpu_write(ours, false);
		asm volatile("vmxoff" : : : "memory", "cc");
		tdxc_compat_cr4_vmxe(false);
		tdxc_compat_intel_pt(false);
	}
	local_irq_restore(flags);
}

static int online(unsigned int cpu)
{
	return tdxc_linux_vmx_on();
}

static int offline(unsigned int cpu)
{
	tdxc_linux_vmx_off();
	return 0;
}

static void regions_free(void)
{
	int cpu;

	for_each_possible_cpu(cpu)
	{
		if (per_cpu(region, cpu))
			__free_page(per_cpu(region, cpu));
		per_cpu(region, cpu) = NULL;
	}
}

static int regions_alloc(void)
{
	u32 revision = tdxc_linux_platform()->vmcs_revision;
	struct page *page;
	int cpu;

	for_each_possible_cpu(cpu)
	{
		page = alloc_pages_node(cpu_to_node(cpu),
					GFP_KERNEL | __GFP_ZERO, 0);
		if (!page) {
			regions_free();
			return -ENOMEM;
		}
		*(u32 *)page_address(page) = revision;
		per_cpu(region, cpu) = page;
	}
	return 0;
}

static int all_on(void)
{
	int err = regions_alloc();

	if (err)
		return err;
	err = cpuhp_setup_state(CPUHP_AP_ONLINE_DYN, "x86/tdxcore:vmx", online,
				offline);
	if (err < 0) {
		regions_free();
		return err;
	}
	hotplug_state = err;
	return 0;
}

int tdxc_linux_vmx_get(void)
{
	int err = 0;

	mutex_lock(&users_lock);
	if (users == 0)
		err = all_on();
	if (!err)
		users++;
	mutex_unlock(&users_lock);
	return err;
}

void tdxc_linux_vmx_put(void)
{
	mutex_lock(&users_lock);
	if (--users == 0) {
		cpuhp_remove_state(hotplug_state);
		regions_free();
	}
	mutex_unlock(&users_lock);
}

const char *tdxc_linux_vmx_text(int err)
{
	switch (err) {
	case 0:
		return "VMX is on, on every CPU";
	case -EBUSY:
		return "VMX belongs to somebody else (CR4.VMXE is set)";
	case -EOPNOTSUPP:
		return TDXC_COMPAT_VMX_IS_OURS
			       ? "the CPU has no VMX"
			       : "this kernel lets no module switch VMX on";
	case -EIO:
		return "VMXON failed: firmware may have locked VMX out";
	default:
		return "VMX could not be switched on";
	}
}
