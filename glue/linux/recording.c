// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause-Patent)
/*
 * What a genuine module is asked and answers, for the recorder (record.h).
 *
 * Calls from an NMI are not to be recorded: they would wait for the lock of the
 * call that they interrupted. There are none in this module.
 */
#include <linux/bitops.h>
#include <linux/cpumask.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/topology.h>

#include "compat.h"
#include "record.h"
#include "recording.h"
#include "tdxc_linux.h"

/* The line model of the simulator; hardware does not tell. */
#define CACHE_BLOCKS 4

/* Else a trap of a self-test would be on the file of a simulated machine. */
bool tdxc_linux_is_recording(void)
{
	return tdxc_record_is_on() && tdxc_linux_platform()->usable;
}

static u64 packages(void)
{
	u64 seen = 0;
	int cpu;

	for_each_present_cpu(cpu) seen |=
		1ull << (topology_physical_package_id(cpu) & 63);
	return hweight64(seen);
}

/* CMRs are known after the first calls only: RAM stands for them. */
static void describe_memory(struct tdxc_record_platform *p)
{
	struct tdxc_plan_ram *ram;
	u64 start, end;
	size_t nr, i;

	ram = tdxc_linux_ram_get(&nr);
	if (!ram)
		return;
	for (i = 0; i < nr && p->nr_cmrs < TDXC_MAX_CMRS; i++) {
		start = max(PAGE_ALIGN(ram[i].range.start),
			    (u64)TDXC_PLAN_LEGACY_END);
		end = ALIGN_DOWN(ram[i].range.end, PAGE_SIZE);
		if (start >= end)
			continue;
		p->cmrs[p->nr_cmrs].base = start;
		p->cmrs[p->nr_cmrs++].size = end - start;
	}
	kvfree(ram);
}

void tdxc_linux_record_machine(void)
{
	const struct tdxc_platform *from = tdxc_linux_platform();
	struct tdxc_record_platform *p;

	if (!tdxc_linux_is_recording())
		return;
	p = kzalloc(sizeof(*p), GFP_KERNEL);
	if (!p)
		return;
	p->nr_lps = num_present_cpus();
	p->nr_packages = packages();
	p->keyid_bits = from->keyid_bits;
	p->shared_keyids = from->nr_shared_keyids;
	p->private_keyids = from->nr_private_keyids;
	p->pa_width = from->pa_bits + from->keyid_bits;
	p->seamrr_start = from->seamrr.start;
	p->seamrr_bytes = from->seamrr.end - from->seamrr.start;
	p->fms = cpuid_eax(1);
	p->cache_blocks = CACHE_BLOCKS;
	describe_memory(p);
	tdxc_record_machine(p);
	kfree(p);
}

static struct tdxc_record_regs line_of(u64 rax,
				       const struct tdxc_seamcall_regs *regs,
				       enum tdxc_seamcall_shape shape)
{
	const struct tdxc_seamcall_full *full =
		container_of(regs, struct tdxc_seamcall_full, common);
	struct tdxc_record_regs line = {.r = {
						[TDXC_RECORD_RAX] = rax,
						[TDXC_RECORD_RCX] = regs->rcx,
						[TDXC_RECORD_RDX] = regs->rdx,
						[TDXC_RECORD_R8] = regs->r8,
						[TDXC_RECORD_R9] = regs->r9,
						[TDXC_RECORD_R10] = regs->r10,
						[TDXC_RECORD_R11] = regs->r11,
					}};

	if (shape == TDXC_SEAMCALL_FULL) {
		line.r[TDXC_RECORD_R12] = full->r12;
		line.r[TDXC_RECORD_R13] = full->r13;
	}
	return line;
}

static const void *page_at(void *ctx, u64 pa)
{
	return pfn_valid(PHYS_PFN(pa)) ? __va(pa) : NULL;
}

/* Interrupts are on again while the guest runs. */
static u64 recorded_entry(tdxc_linux_execute execute, u64 rax,
			  struct tdxc_seamcall_regs *regs,
			  const struct tdxc_record_regs *in)
{
	u32 lp = (u32)smp_processor_id();
	struct tdxc_record_regs out;
	unsigned long flags;
	u64 status;

	flags = tdxc_record_begin();
	tdxc_record_entered(lp, in);
	tdxc_record_end(flags);
	status = execute(rax, regs, TDXC_SEAMCALL_FULL);
	out = line_of(status, regs, TDXC_SEAMCALL_FULL);
	flags = tdxc_record_begin();
	tdxc_record_left(lp, &out);
	tdxc_record_end(flags);
	return status;
}

u64 tdxc_linux_recorded(tdxc_linux_execute execute, u64 rax,
			struct tdxc_seamcall_regs *regs,
			enum tdxc_seamcall_shape shape)
{
	struct tdxc_record_regs in = line_of(rax, regs, shape), out;
	unsigned long flags;
	u64 status;

	if ((rax & 0xFFFF) == TDXC_VP_ENTER && !(rax & TDXC_SEAMLDR))
		return recorded_entry(execute, rax, regs, &in);
	flags = tdxc_record_begin();
	tdxc_record_operands(&in, page_at, NULL);
	status = execute(rax, regs, shape);
	out = line_of(status, regs, shape);
	tdxc_record_call((u32)smp_processor_id(), &in, &out);
	tdxc_record_end(flags);
	return status;
}
