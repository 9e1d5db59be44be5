// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause-Patent)
/*
 * A machine for the software module, made of what this kernel has.
 *
 * Memory is made under locks and with preemption off, like every SEAMCALL, and
 * so from what the kernel keeps for that.
 */
#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/crypto.h>
#include <linux/gfp.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/string.h>
#include <linux/timex.h>

#include <crypto/hash.h>

#include "../record.h"
#include "sim.h"

#define MIB 0x100000ull
#define GIB 0x40000000ull
/* Family 6: model ADh, without the partial-write erratum, and 8Fh, with it. */
#define FMS	    0xA06D0u
#define FMS_ERRATUM 0x806F8u

/* --- memory --------------------------------------------------------------- */

static u64 plain(const struct tdxc_ksim_machine *machine, u64 pa)
{
	const struct tdxc_sim_platform *p = &machine->platform;

	return pa & ((1ull << (p->pa_width - p->keyid_bits)) - 1);
}

/* This kernel's own, where the machine is this one and has RAM there. */
static void *real_page(const struct tdxc_ksim_machine *machine, u64 frame)
{
	struct page *page = machine->real ? pfn_to_online_page(frame) : NULL;

	return page ? page_address(page) : NULL;
}

void *tdxc_ksim_machine_page(struct tdxc_ksim_machine *machine, u64 pa)
{
	u64 frame = plain(machine, pa) >> PAGE_SHIFT;
	void *page = real_page(machine, frame);

	if (!page)
		page = tdxc_ksim_sparse_page(machine->pages, frame);
	if (page)
		return page;
	atomic64_inc(&machine->scrapped);
	return page_address(machine->scrap);
}

void tdxc_ksim_machine_zero(struct tdxc_ksim_machine *machine, u64 pa,
			    u64 bytes)
{
	const u64 first = plain(machine, pa) >> PAGE_SHIFT;
	const u64 last = first + (bytes >> PAGE_SHIFT) - 1;
	u64 frame = first;
	void *page;

	while ((page = tdxc_ksim_sparse_next(machine->pages, &frame, last))) {
		clear_page(page);
		frame++;
	}
	for (frame = first; machine->real && frame <= last; frame++) {
		page = real_page(machine, frame);
		if (page)
			clear_page(page);
	}
}

static void free_memory(struct tdxc_ksim_machine *machine)
{
	tdxc_ksim_sparse_destroy(machine->pages);
	if (machine->scrap)
		__free_page(machine->scrap);
}

/* --- what the machine does for the module --------------------------------- */

static void *op_page(void *ctx, uint64_t pa, bool write)
{
	return tdxc_ksim_machine_page(ctx, pa);
}

static void op_zero(void *ctx, uint64_t pa, uint64_t bytes)
{
	tdxc_ksim_machine_zero(ctx, pa, bytes);
}

static bool op_random(void *ctx, void *out, size_t bytes)
{
	get_random_bytes(out, bytes);
	return true;
}

static enum tdxc_sim_key_result op_key(void *ctx, uint32_t lp, uint32_t keyid)
{
	struct tdxc_ksim_machine *machine = ctx;
	uint64_t left = tdxc_load_once(&machine->key_failures);

	while (left != 0) {
		if (tdxc_try_cmpxchg(&machine->key_failures, &left, left - 1))
			return machine->key_failure;
	}
	return TDXC_SIM_KEY_OK;
}

static bool op_interrupt_pending(void *ctx, uint32_t lp)
{
	const struct tdxc_ksim_machine *machine = ctx;

	return tdxc_load_once(&machine->interrupts[lp]) != 0;
}

/* Every KeyID sees the same memory: caches have nothing to write back. */
static void op_flush_page(void *ctx, uint64_t pa)
{
}

static void op_flush_block(void *ctx, uint32_t package, uint32_t block)
{
}

static uint64_t op_tsc(void *ctx, uint32_t lp)
{
	return get_cycles();
}

/* The state has to be plain bytes in the TD's own pages: it is imported and
 * exported around every step. */
static int sha384(struct crypto_shash *tfm, enum tdxc_sim_sha384_step step,
		  void *state, const void *data, size_t bytes, void *out)
{
	SHASH_DESC_ON_STACK(desc, tfm);
	int err;

	desc->tfm = tfm;
	if (step == TDXC_SIM_SHA384_INIT)
		err = crypto_shash_init(desc);
	else
		err = crypto_shash_import(desc, state);
	if (err)
		return err;
	if (step == TDXC_SIM_SHA384_FINAL)
		return crypto_shash_final(desc, out);
	if (step == TDXC_SIM_SHA384_UPDATE)
		err = crypto_shash_update(desc, data, bytes);
	return err ? err : crypto_shash_export(desc, state);
}

static void op_sha384(void *ctx, enum tdxc_sim_sha384_step step, void *state,
		      const void *data, size_t bytes, void *out)
{
	struct tdxc_ksim_machine *machine = ctx;

	if (sha384(machine->sha384, step, state, data, bytes, out))
		atomic64_inc(&machine->scrapped);
}

static const struct tdxc_sim_ops ops = {
	.page = op_page,
	.zero = op_zero,
	.random = op_random,
	.key = op_key,
	.interrupt_pending = op_interrupt_pending,
	.flush_page = op_flush_page,
	.flush_block = op_flush_block,
	.tsc = op_tsc,
	.sha384 = op_sha384,
};

/* --- power on ------------------------------------------------------------- */

/* None of them goes until tdxc_ksim_machine_let_go(), if they are not real:
 * what may go then, the core says. */
static void find_cpus(struct tdxc_ksim_machine *machine)
{
	const struct cpumask *mask =
		machine->real ? cpu_present_mask : cpu_online_mask;
	int cpu;

	cpus_read_lock();
	if (!machine->real)
		tdxc_ksim_hold_cpus();
	machine->holds_cpus = !machine->real;
	for (cpu = cpumask_first(mask);
	     cpu < (int)nr_cpu_ids && machine->nr_lps < TDXC_SIM_MAX_LPS;
	     cpu = cpumask_next(cpu, mask)) {
		machine->cpu_of[machine->nr_lps++] = cpu;
		machine->lp_of[cpu] = machine->nr_lps;
	}
	cpus_read_unlock();
}

void tdxc_ksim_machine_let_go(struct tdxc_ksim_machine *machine)
{
	if (machine->holds_cpus)
		tdxc_ksim_release_cpus();
	machine->holds_cpus = false;
}

static void describe(struct tdxc_ksim_machine *machine,
		     const struct tdxc_ksim_machine_config *config)
{
	machine->platform = (struct tdxc_sim_platform){
		.abi = TDXC_ABI,
		.profile = config->dynamic_pamt ? TDXC_SIM_PROFILE_NEWER
						: TDXC_SIM_PROFILE_1_5_01,
		.nr_lps = machine->nr_lps,
		.nr_packages = machine->nr_lps > 1 ? 2 : 1,
		.pa_width = 52,
		.keyid_bits = 6,
		.shared_keyids = 31,
		.private_keyids = 32,
		.fms = config->erratum ? FMS_ERRATUM : FMS,
		.cache_blocks = 4,
		.seamrr = {0x90000000, 0x98000000},
		.cmrs = {{MIB, GIB - MIB}, {4 * GIB, config->gib * GIB}},
		.nr_cmrs = 2,
	};
	if (!config->real)
		return;
	machine->platform.nr_packages =
		clamp(config->packages, 1u,
		      min(machine->nr_lps, TDXC_SIM_MAX_PACKAGES));
	machine->platform.seamrr = config->seamrr;
	memcpy(machine->platform.cmrs, config->cmrs, sizeof(config->cmrs));
	machine->platform.nr_cmrs = config->nr_cmrs;
}

static void record_machine(const struct tdxc_sim_platform *p)
{
	struct tdxc_record_platform r = {
		.nr_lps = p->nr_lps,
		.nr_packages = p->nr_packages,
		.keyid_bits = p->keyid_bits,
		.shared_keyids = p->shared_keyids,
		.private_keyids = p->private_keyids,
		.pa_width = p->pa_width,
		.seamrr_start = p->seamrr.start,
		.seamrr_bytes = tdxc_range_size(p->seamrr),
		.fms = p->fms,
		.cache_blocks = p->cache_blocks,
		.nr_cmrs = p->nr_cmrs,
	};

	memcpy(r.cmrs, p->cmrs, sizeof(r.cmrs));
	tdxc_record_machine(&r);
}

static int get_sha384(struct tdxc_ksim_machine *machine)
{
	struct crypto_shash *tfm = crypto_alloc_shash("sha384", 0, 0);

	if (IS_ERR(tfm))
		return -ENOENT;
	machine->sha384 = tfm;
	return crypto_shash_statesize(tfm) <= TDXC_SIM_SHA384_STATE ? 0
								    : -ENOENT;
}

int tdxc_ksim_machine_init(struct tdxc_ksim_machine *machine,
			   const struct tdxc_ksim_machine_config *config)
{
	int err;

	memset(machine, 0, sizeof(*machine));
	machine->real = config->real;
	find_cpus(machine);
	describe(machine, config);
	machine->scrap = alloc_page(GFP_KERNEL | __GFP_ZERO);
	machine->pages = tdxc_ksim_sparse_create();
	err = machine->scrap && machine->pages ? get_sha384(machine) : -ENOMEM;
	if (!err && tdxc_sim_init(&machine->module, &ops, machine,
				  &machine->platform) != TDXC_OK)
		err = -EINVAL;
	if (err)
		tdxc_ksim_machine_fini(machine);
	else if (tdxc_record_is_on() && !machine->real)
		record_machine(&machine->platform);
	return err;
}

void tdxc_ksim_machine_fini(struct tdxc_ksim_machine *machine)
{
	free_memory(machine);
	tdxc_ksim_machine_let_go(machine);
	if (machine->sha384)
		crypto_free_shash(machine->sha384);
	machine->sha384 = NULL;
	machine->scrap = NULL;
}

/* --- SEAMCALL ------------------------------------------------------------- */

static const u8 line_regs[TDXC_RECORD_REGS] = {
	TDXC_SIM_RAX, TDXC_SIM_RCX, TDXC_SIM_RDX, TDXC_SIM_R8,	TDXC_SIM_R9,
	TDXC_SIM_R10, TDXC_SIM_R11, TDXC_SIM_R12, TDXC_SIM_R13,
};

static struct tdxc_record_regs line_of(const struct tdxc_sim_regs *regs)
{
	struct tdxc_record_regs line;
	u32 i;

	for (i = 0; i < TDXC_RECORD_REGS; i++)
		line.r[i] = regs->gpr[line_regs[i]];
	return line;
}

static const void *record_page(void *ctx, u64 pa)
{
	return tdxc_ksim_machine_page(ctx, pa);
}

static enum tdxc_sim_outcome recorded(struct tdxc_ksim_machine *machine, u32 lp,
				      struct tdxc_sim_regs *regs)
{
	struct tdxc_record_regs in = line_of(regs);
	unsigned long flags = tdxc_record_begin();
	enum tdxc_sim_outcome outcome;

	tdxc_record_operands(&in, record_page, machine);
	outcome = tdxc_sim_seamcall(&machine->module, lp, regs);
	if (outcome == TDXC_SIM_ENTERED) {
		tdxc_record_entered(lp, &in);
	} else {
		const struct tdxc_record_regs out = line_of(regs);

		tdxc_record_call(lp, &in, &out);
	}
	tdxc_record_end(flags);
	return outcome;
}

static void execute(struct tdxc_ksim_machine *machine, u32 lp,
		    struct tdxc_sim_regs *regs)
{
	enum tdxc_sim_outcome outcome;

	atomic64_inc(&machine->calls[min_t(u64, regs->gpr[0] & 0xFFFF, 127)]);
	if (tdxc_record_is_on() && !machine->real)
		outcome = recorded(machine, lp, regs);
	else
		outcome = tdxc_sim_seamcall(&machine->module, lp, regs);
	if (outcome == TDXC_SIM_ENTERED)
		tdxc_ksim_inside(machine, lp, regs);
	else if (regs->gpr[TDXC_SIM_RAX] != 0)
		atomic64_inc(&machine->refused);
}

u32 tdxc_ksim_machine_lp(const struct tdxc_ksim_machine *machine)
{
	return machine->lp_of[raw_smp_processor_id()] - 1;
}

static void load(struct tdxc_sim_regs *cpu, const struct tdxc_seamcall_regs *in,
		 const struct tdxc_seamcall_full *full)
{
	cpu->gpr[TDXC_SIM_RCX] = in->rcx;
	cpu->gpr[TDXC_SIM_RDX] = in->rdx;
	cpu->gpr[TDXC_SIM_R8] = in->r8;
	cpu->gpr[TDXC_SIM_R9] = in->r9;
	cpu->gpr[TDXC_SIM_R10] = in->r10;
	cpu->gpr[TDXC_SIM_R11] = in->r11;
	if (!full)
		return;
	cpu->gpr[TDXC_SIM_RBX] = full->rbx;
	cpu->gpr[TDXC_SIM_RSI] = full->rsi;
	cpu->gpr[TDXC_SIM_RDI] = full->rdi;
	cpu->gpr[TDXC_SIM_R12] = full->r12;
	cpu->gpr[TDXC_SIM_R13] = full->r13;
	cpu->gpr[TDXC_SIM_R14] = full->r14;
	cpu->gpr[TDXC_SIM_R15] = full->r15;
}

static void store(const struct tdxc_sim_regs *cpu,
		  struct tdxc_seamcall_regs *out,
		  struct tdxc_seamcall_full *full)
{
	out->rcx = cpu->gpr[TDXC_SIM_RCX];
	out->rdx = cpu->gpr[TDXC_SIM_RDX];
	out->r8 = cpu->gpr[TDXC_SIM_R8];
	out->r9 = cpu->gpr[TDXC_SIM_R9];
	out->r10 = cpu->gpr[TDXC_SIM_R10];
	out->r11 = cpu->gpr[TDXC_SIM_R11];
	if (!full)
		return;
	full->rbx = cpu->gpr[TDXC_SIM_RBX];
	full->rsi = cpu->gpr[TDXC_SIM_RSI];
	full->rdi = cpu->gpr[TDXC_SIM_RDI];
	full->r12 = cpu->gpr[TDXC_SIM_R12];
	full->r13 = cpu->gpr[TDXC_SIM_R13];
	full->r14 = cpu->gpr[TDXC_SIM_R14];
	full->r15 = cpu->gpr[TDXC_SIM_R15];
}

static uint64_t call(void *ctx, uint64_t rax, struct tdxc_seamcall_regs *regs,
		     enum tdxc_seamcall_shape shape)
{
	struct tdxc_seamcall_full *full =
		shape == TDXC_SEAMCALL_FULL
			? container_of(regs, struct tdxc_seamcall_full, common)
			: NULL;
	struct tdxc_ksim_machine *machine = ctx;
	struct tdxc_sim_regs cpu = {{rax}};
	int id = get_cpu();

	load(&cpu, regs, full);
	/* a CPU that came online later is none of the module's */
	if (machine->lp_of[id] == 0)
		cpu.gpr[TDXC_SIM_RAX] = TDXC_STATUS_UD;
	else
		execute(machine, machine->lp_of[id] - 1, &cpu);
	put_cpu();
	if (shape != TDXC_SEAMCALL_IN)
		store(&cpu, regs, full);
	return cpu.gpr[TDXC_SIM_RAX];
}

static const struct tdxc_seamcall_ops seamcall_ops = {
	.abi = TDXC_ABI,
	.call = call,
};

struct tdxc_seamcall_port
tdxc_ksim_machine_port(struct tdxc_ksim_machine *machine)
{
	return (struct tdxc_seamcall_port){&seamcall_ops, machine};
}

u64 tdxc_ksim_calls(const struct tdxc_ksim_machine *machine, u32 leaf)
{
	return (u64)atomic64_read(&machine->calls[leaf]);
}

/* --- the guest's side ----------------------------------------------------- */

enum tdxc_sim_outcome tdxc_ksim_tdcall(struct tdxc_ksim_machine *machine,
				       u32 lp, struct tdxc_sim_regs *regs)
{
	struct tdxc_record_regs in = line_of(regs);
	enum tdxc_sim_outcome outcome;
	struct tdxc_record_regs out;
	unsigned long flags;

	if (!tdxc_record_is_on())
		return tdxc_sim_tdcall(&machine->module, lp, regs);
	flags = tdxc_record_begin();
	outcome = tdxc_sim_tdcall(&machine->module, lp, regs);
	out = line_of(regs);
	tdxc_record_tdcall(lp, &in, &out, outcome == TDXC_SIM_EXITED);
	tdxc_record_end(flags);
	return outcome;
}

/* What leaves a guest does so between begin and end, to be on the file where
 * it happened. */
static unsigned long leave_begin(void)
{
	return tdxc_record_is_on() ? tdxc_record_begin() : 0;
}

static void leave_end(u32 lp, const struct tdxc_sim_regs *regs,
		      unsigned long flags)
{
	struct tdxc_record_regs out;

	if (!tdxc_record_is_on())
		return;
	out = line_of(regs);
	tdxc_record_left(lp, &out);
	tdxc_record_end(flags);
}

void tdxc_ksim_interrupt_exit(struct tdxc_ksim_machine *machine, u32 lp,
			      struct tdxc_sim_regs *regs)
{
	unsigned long flags = leave_begin();

	tdxc_sim_interrupt_exit(&machine->module, lp, regs);
	leave_end(lp, regs, flags);
}

void tdxc_ksim_violation_exit(struct tdxc_ksim_machine *machine, u32 lp,
			      u64 gpa, bool write, struct tdxc_sim_regs *regs)
{
	unsigned long flags = leave_begin();

	tdxc_sim_violation_exit(&machine->module, lp, gpa, write, regs);
	leave_end(lp, regs, flags);
}

/* --- the audit ------------------------------------------------------------ */

static bool exists(void *ctx, uint64_t pa)
{
	struct tdxc_ksim_machine *machine = ctx;
	u64 frame = plain(machine, pa) >> PAGE_SHIFT;

	return tdxc_ksim_sparse_next(machine->pages, &frame, frame);
}

static void *grow(void *ctx, void *old, size_t old_bytes, size_t bytes)
{
	void *more = kvmalloc(bytes, GFP_KERNEL);

	if (!more)
		return NULL;
	memcpy(more, old, old_bytes);
	kvfree(old);
	return more;
}

static const struct tdxc_sim_audit_ops audit_ops = {exists, grow};

int tdxc_ksim_audit(struct tdxc_ksim_machine *machine,
		    struct tdxc_sim_violation *out)
{
	struct tdxc_sim_auditor *a = kvzalloc(sizeof(*a), GFP_KERNEL);
	int err;

	if (!a) {
		memset(out, 0, sizeof(*out));
		strscpy(out->text, "no memory for the audit",
			sizeof(out->text));
		return -1;
	}
	a->m = &machine->module;
	a->ops = &audit_ops;
	a->ctx = machine;
	err = tdxc_sim_audit_run(a, out);
	kvfree(a->pages);
	kvfree(a);
	return err;
}
