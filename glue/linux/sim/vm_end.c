// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause-Patent)
/*
 * A TD goes: vCPUs, KeyID, private pages, tables, control pages, in the order
 * that the library advises.
 */
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "sim.h"

#define ATTEMPTS 1000u

struct step {
	struct tdxc_ksim_vm *vm;
	u32 vcpu;
};

static int vcpu_flush(void *arg)
{
	const struct step *step = arg;
	struct tdxc_ksim_vm *vm = step->vm;

	return tdxc_td_vcpu_flush(&vm->td, step->vcpu,
				  tdxc_ksim_machine_lp(&vm->host->machine),
				  &vm->diag);
}

int tdxc_ksim_vcpu_flush(struct tdxc_ksim_vm *vm, u32 vcpu)
{
	u64 at = tdxc_load_acquire(&vm->td_vcpus[vcpu].cpu);
	struct step step = {vm, vcpu};

	if (at == 0)
		return TDXC_OK;
	return tdxc_ksim_on_lp(vm->host, (u32)at - 1, vcpu_flush, &step);
}

static int flush_package(void *arg)
{
	struct tdxc_ksim_vm *vm = arg;

	return tdxc_td_flush_package(
		&vm->td, tdxc_ksim_machine_lp(&vm->host->machine), &vm->diag);
}

static int end(struct tdxc_ksim_vm *vm)
{
	int err;

	tdxc_ksim_vm_lock(vm, TDXC_LOCK_EXCLUSIVE);
	err = tdxc_td_end(&vm->td);
	tdxc_ksim_vm_unlock(vm);
	return err;
}

static int free_keyid(struct tdxc_ksim_vm *vm)
{
	int err;

	tdxc_ksim_vm_lock(vm, TDXC_LOCK_EXCLUSIVE);
	err = tdxc_td_free_keyid(&vm->td, &vm->diag);
	tdxc_ksim_vm_unlock(vm);
	return err;
}

static int take_step(struct tdxc_ksim_vm *vm)
{
	struct tdxc_td_todo todo;
	int err = tdxc_td_next(&vm->td, &todo);

	if (err != TDXC_OK)
		return err;
	switch (todo.step) {
	case TDXC_TD_VCPUS:
		return tdxc_ksim_vcpu_flush(vm, todo.vcpu);
	case TDXC_TD_CLOSE:
		return tdxc_td_close(&vm->td, &vm->diag);
	case TDXC_TD_CACHES:
		return tdxc_ksim_on_lp(vm->host, todo.cpu, flush_package, vm);
	case TDXC_TD_KEYID:
		return free_keyid(vm);
	default:
		return end(vm);
	}
}

/* To RECLAIM, where the module lets pages go. */
static int close_td(struct tdxc_ksim_vm *vm)
{
	u32 tries = 0;
	int err;

	while (end(vm) == TDXC_E_BUSY && tries++ < ATTEMPTS)
		cond_resched();
	tries = 0;
	while (tdxc_load_acquire(&vm->td.step) < TDXC_TD_RECLAIM) {
		err = take_step(vm);
		if (err != TDXC_OK && tries++ >= ATTEMPTS)
			return err;
		cond_resched();
	}
	return TDXC_OK;
}

/* --- the tree ------------------------------------------------------------- */

static int zap_roots_once(struct tdxc_ksim_vm *vm, struct tdxc_roots_zap *zap)
{
	int err;

	tdxc_ksim_vm_lock(vm, TDXC_LOCK_EXCLUSIVE);
	err = tdxc_roots_invalidate(&vm->mmu, TDXC_ROOTS_VALID,
				    TDXC_LOCK_EXCLUSIVE);
	if (err == TDXC_OK)
		err = tdxc_zap_roots(&vm->mmu, &tdxc_ksim_actor(vm->host)->mmu,
				     zap, TDXC_LOCK_EXCLUSIVE);
	tdxc_ksim_vm_unlock(vm);
	return err;
}

static int zap_roots(struct tdxc_ksim_vm *vm)
{
	struct tdxc_roots_zap zap = {
		.out = tdxc_ksim_actor(vm->host)->zapped,
		.room = TDXC_KSIM_BATCH,
	};
	u32 tries = 0;
	int err;

	while (tdxc_root_put(&vm->mmu, vm->mirror) == TDXC_E_AGAIN)
		cpu_relax();
	do {
		err = zap_roots_once(vm, &zap);
		tdxc_ksim_pamt_drain(vm->host, TDXC_KSIM_PAMT_HIGH);
		cond_resched();
	} while (tdxc_ksim_worth_trying(err) && tries++ < ATTEMPTS);
	return err != TDXC_OK || zap.tables_lost != 0 ? TDXC_E_IO : TDXC_OK;
}

static int take_tree_down(struct tdxc_ksim_vm *vm)
{
	int err = tdxc_ksim_vm_zap(vm, 0, vm->frames);
	int tables = zap_roots(vm);

	return err != TDXC_OK ? err : tables;
}

static void give_up(struct tdxc_ksim_vm *vm)
{
	tdxc_ksim_vm_lock(vm, TDXC_LOCK_EXCLUSIVE);
	(void)!tdxc_td_abandon(&vm->td);
	tdxc_ksim_vm_unlock(vm);
}

void tdxc_ksim_vm_stop(struct tdxc_ksim_vm *vm)
{
	u32 i;

	for (i = 0; i < vm->nr_vcpus; i++)
		tdxc_ksim_vcpu_stop(vm, i);
	for (i = 0; i < vm->nr_vcpus; i++)
		(void)tdxc_ksim_vcpu_join(vm, i);
}

/* A TD that has an object of the library's at all. */
static int take_td_down(struct tdxc_ksim_vm *vm)
{
	int err = close_td(vm);

	if (err != TDXC_OK)
		give_up(vm);
	if (vm->mirror) {
		int tree = take_tree_down(vm);

		err = err != TDXC_OK ? err : tree;
	}
	tdxc_ksim_vm_drop_backing(vm, 0, vm->frames);
	if (tdxc_load_acquire(&vm->td.step) == TDXC_TD_RECLAIM) {
		int control = tdxc_td_reclaim(&vm->td, &vm->diag);

		err = err != TDXC_OK ? err : control;
	}
	return err;
}

int tdxc_ksim_vm_destroy(struct tdxc_ksim_vm *vm)
{
	struct tdxc_ksim_actor *actor = tdxc_ksim_actor(vm->host);
	int err = TDXC_OK;

	tdxc_ksim_vm_stop(vm);
	if (vm->td.config.abi != 0)
		err = take_td_down(vm);
	if (err == TDXC_OK && vm->dead != 0)
		err = TDXC_E_IO;
	if (vm->mmu.config.ops)
		tdxc_mmu_release(&vm->mmu, &actor->mmu);
	/* tables that wait for readers name the host, not the VM */
	kfree(vm->sept_vcpus);
	kvfree(vm->backing);
	kvfree(vm);
	return err;
}
