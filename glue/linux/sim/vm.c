// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause-Patent)
/* A TD: built, measured, finalised. */
#include <linux/delay.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "sim.h"

/* Of the guest: x87 and SSE; 2 GHz. */
#define XFAM	      3u
#define TSC_FREQUENCY 80u
#define LEVELS	      4u
#define ATTEMPTS      1000u

/* --- the lock, and a read-side section within it -------------------------- */

void tdxc_ksim_vm_lock(struct tdxc_ksim_vm *vm, enum tdxc_lock how)
	__acquires(&vm->lock) __acquires(RCU)
{
	struct tdxc_ksim_actor *actor = tdxc_ksim_actor(vm->host);

	if (how == TDXC_LOCK_SHARED) {
		read_lock(&vm->lock);
		actor->held = TDXC_KSIM_SHARED;
	} else {
		write_lock(&vm->lock);
		actor->held = TDXC_KSIM_EXCLUSIVE;
	}
	rcu_read_lock();
}

void tdxc_ksim_vm_unlock(struct tdxc_ksim_vm *vm) __releases(&vm->lock)
	__releases(RCU)
{
	struct tdxc_ksim_actor *actor = tdxc_ksim_actor(vm->host);
	bool shared = actor->held == TDXC_KSIM_SHARED;

	rcu_read_unlock();
	actor->held = TDXC_KSIM_UNLOCKED;
	if (shared)
		read_unlock(&vm->lock);
	else
		write_unlock(&vm->lock);
}

int tdxc_ksim_vm_topup(struct tdxc_ksim_vm *vm)
{
	int err = tdxc_ksim_pamt_topup(vm->host);

	if (err != TDXC_OK)
		return err;
	return tdxc_mmu_topup(&vm->mmu, &tdxc_ksim_actor(vm->host)->mmu,
			      TDXC_MEMORY_PRIVATE);
}

bool tdxc_ksim_worth_trying(int err)
{
	return err == TDXC_E_BUSY || err == TDXC_E_AGAIN;
}

/* --- objects of the library ----------------------------------------------- */

static int init_sept(struct tdxc_ksim_vm *vm)
{
	struct tdxc_ksim_host *host = vm->host;
	const struct tdxc_sept_config config = {
		.abi = TDXC_ABI,
		.ops = &tdxc_ksim_sept_ops,
		.ctx = vm,
		.port = &host->port,
		.limits = tdxc_seamcall_limits_usual(),
		.pamt = &host->pamt,
		.pa_bits = host->platform.pa_bits,
		.clflush = tdxc_sysinfo_feature(&host->module.info,
						TDXC_FEATURE_CLFLUSH),
		.rewrite = host->config.erratum,
		.vcpus = vm->sept_vcpus,
		.nr_vcpus = vm->nr_vcpus,
		.quarantine = &host->quarantine,
	};

	return tdxc_sept_init(&vm->sept, &config);
}

static int init_td(struct tdxc_ksim_vm *vm)
{
	const struct tdxc_td_config config = {
		.abi = TDXC_ABI,
		.ops = &tdxc_ksim_td_ops,
		.ctx = vm,
		.module = &vm->host->module,
		.keyids = &vm->host->keyids,
		.sept = &vm->sept,
		.vcpus = vm->td_vcpus,
		.alias = TDXC_KSIM_ALIAS,
	};

	return tdxc_td_init(&vm->td, &config);
}

static int init_mmu(struct tdxc_ksim_vm *vm, bool promote_to_zap)
{
	const struct tdxc_mmu_config config = {
		.abi = TDXC_ABI,
		.levels = LEVELS,
		.ops = &tdxc_ksim_mmu_ops,
		.ctx = vm,
		.virt = PAGE_OFFSET,
		.td = true,
		.promote_to_zap = promote_to_zap,
		.end = TDXC_KSIM_ALIAS,
	};
	int err = tdxc_mmu_init(&vm->mmu, &config);

	if (err != TDXC_OK)
		return err;
	return tdxc_root_get(&vm->mmu, TDXC_ROOTS_MIRROR, &vm->mirror);
}

static int init(struct tdxc_ksim_vm *vm)
{
	u32 i;

	rwlock_init(&vm->lock);
	mutex_init(&vm->backing_lock);
	mutex_init(&vm->change_lock);
	for (i = 0; i < vm->nr_vcpus; i++) {
		vm->vcpus[i].vm = vm;
		vm->vcpus[i].index = i;
	}
	vm->backing = kvcalloc(vm->frames, sizeof(u64), GFP_KERNEL);
	/* a power of two of cache lines: aligned */
	vm->sept_vcpus = kcalloc(roundup_pow_of_two(vm->nr_vcpus),
				 sizeof(*vm->sept_vcpus), GFP_KERNEL);
	if (!vm->backing || !vm->sept_vcpus)
		return TDXC_E_NOMEM;
	return init_sept(vm);
}

/* --- MNG.CREATE to VP.INIT ------------------------------------------------ */

static int build_params(struct tdxc_ksim_vm *vm, u64 *page)
{
	const struct tdxc_ksim_host *host = vm->host;
	struct tdxc_td_rules rules = {
		.abi = TDXC_ABI,
		.info = &host->module.info,
		.fms = host->machine.platform.fms,
		.five_level = true,
	};
	const struct tdxc_td_params params = {
		.abi = TDXC_ABI,
		.levels = LEVELS,
		.xfam = XFAM,
		.max_vcpus = (u16)vm->nr_vcpus,
		.tsc_frequency = TSC_FREQUENCY,
	};
	struct tdxc_td_params_fault fault;
	int err = tdxc_td_rules_read(&host->port, &rules, &vm->diag);

	if (err != TDXC_OK)
		return err;
	return tdxc_td_params_build(&rules, &params, page, &fault);
}

static int set_up(struct tdxc_ksim_vm *vm)
{
	struct tdxc_ksim_host *host = vm->host;
	u64 leaf;
	u64 pa;
	int err = tdxc_ksim_alloc(&host->pages, 1, &pa);

	if (err != TDXC_OK)
		return err;
	err = build_params(vm, tdxc_ksim_machine_page(&host->machine, pa));
	if (err == TDXC_OK)
		err = tdxc_td_setup(&vm->td, pa, &leaf, &vm->diag);
	tdxc_ksim_free(&host->pages, 1, pa);
	return err;
}

static int key_config(void *arg)
{
	struct tdxc_ksim_vm *vm = arg;

	return tdxc_td_key_config(
		&vm->td, tdxc_ksim_machine_lp(&vm->host->machine), &vm->diag);
}

static int take_step(struct tdxc_ksim_vm *vm)
{
	struct tdxc_td_todo todo;
	int err = tdxc_td_next(&vm->td, &todo);

	if (err == TDXC_OK)
		err = tdxc_ksim_pamt_topup(vm->host);
	if (err != TDXC_OK)
		return err;
	switch (todo.step) {
	case TDXC_TD_CREATE:
		return tdxc_td_create(&vm->td, &vm->diag);
	case TDXC_TD_KEYS:
		return tdxc_ksim_on_lp(vm->host, todo.cpu, key_config, vm);
	case TDXC_TD_SETUP:
		return set_up(vm);
	default:
		return TDXC_E_INVAL;
	}
}

/* The lock keeps the thread on its CPU, which the vCPU is associated with. */
static int make_vcpu(struct tdxc_ksim_vm *vm, u32 vcpu)
{
	u32 tries = 0;
	int err;

	do {
		err = tdxc_ksim_pamt_topup(vm->host);
		if (err != TDXC_OK)
			return err;
		tdxc_ksim_vm_lock(vm, TDXC_LOCK_EXCLUSIVE);
		err = tdxc_td_vcpu_create(
			&vm->td, vcpu, tdxc_ksim_machine_lp(&vm->host->machine),
			vcpu, &vm->diag);
		tdxc_ksim_vm_unlock(vm);
	} while (tdxc_ksim_worth_trying(err) && tries++ < ATTEMPTS);
	return err;
}

static int build(struct tdxc_ksim_vm *vm, bool promote_to_zap)
{
	u32 tries = 0;
	int err;
	u32 i;

	err = init_td(vm);
	if (err != TDXC_OK)
		return err;
	while (tdxc_load_acquire(&vm->td.step) < TDXC_TD_BUILD) {
		err = take_step(vm);
		if (err != TDXC_OK &&
		    (!tdxc_ksim_worth_trying(err) || tries++ >= ATTEMPTS))
			return err;
	}
	err = init_mmu(vm, promote_to_zap);
	for (i = 0; err == TDXC_OK && i < vm->nr_vcpus; i++)
		err = make_vcpu(vm, i);
	return err;
}

struct tdxc_ksim_vm *
tdxc_ksim_vm_create(struct tdxc_ksim_host *host,
		    const struct tdxc_ksim_vm_config *config, int *err)
{
	struct tdxc_ksim_vm *vm = kvzalloc(sizeof(*vm), GFP_KERNEL);

	*err = TDXC_E_NOMEM;
	if (!vm)
		return NULL;
	vm->host = host;
	vm->nr_vcpus = config->nr_vcpus;
	vm->frames = config->frames;
	vm->small_pages = config->small_pages;
	*err = init(vm);
	if (*err == TDXC_OK)
		*err = build(vm, config->promote_to_zap);
	if (*err == TDXC_OK)
		return vm;
	if (tdxc_ksim_vm_destroy(vm) != TDXC_OK)
		*err = TDXC_E_IO;
	return NULL;
}

/* --- the image ------------------------------------------------------------ */

static int measure(struct tdxc_ksim_vm *vm, u64 gfn)
{
	const struct tdxc_gfn start = {gfn};
	u32 tries = 0;
	u64 done;
	int err;

	do {
		tdxc_ksim_vm_lock(vm, TDXC_LOCK_EXCLUSIVE);
		err = tdxc_td_measure(&vm->td, start, 1, &done, &vm->diag);
		tdxc_ksim_vm_unlock(vm);
	} while (err == TDXC_E_BUSY && done == 0 && tries++ < ATTEMPTS);
	return err;
}

int tdxc_ksim_vm_add(struct tdxc_ksim_vm *vm, u64 gpa)
{
	struct tdxc_ksim_host *host = vm->host;
	u64 source;
	u64 *page;
	int err = tdxc_ksim_alloc(&host->pages, 1, &source);

	if (err != TDXC_OK)
		return err;
	page = tdxc_ksim_machine_page(&host->machine, source);
	clear_page(page);
	page[0] = tdxc_ksim_pattern(gpa);
	err = tdxc_ksim_vm_fault(vm, gpa >> PAGE_SHIFT, TDXC_LEVEL_4K, source);
	if (err == TDXC_OK)
		err = measure(vm, gpa >> PAGE_SHIFT);
	tdxc_ksim_free(&host->pages, 1, source);
	return err;
}

int tdxc_ksim_vm_finalize(struct tdxc_ksim_vm *vm)
{
	u32 tries = 0;
	int err;

	do {
		tdxc_ksim_vm_lock(vm, TDXC_LOCK_EXCLUSIVE);
		err = tdxc_td_finalize(&vm->td, &vm->diag);
		tdxc_ksim_vm_unlock(vm);
	} while (tdxc_ksim_worth_trying(err) && tries++ < ATTEMPTS);
	return err;
}
