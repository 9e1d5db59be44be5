/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * A VM goes: vCPUs, KeyID, private pages, tables, control pages, in the order
 * that the library advises. What it cannot take down is given up, and stays
 * quarantined.
 */
#include <sched.h>

#include "vmm_impl.h"

/* Attempts at a step of the teardown. */
#define ATTEMPTS 1000u

static void stop_vcpus(struct tdxc_sim_vmm *vm)
{
	for (uint32_t i = 0; i < vm->config.nr_vcpus; i++)
		tdxc_sim_vmm_stop(vm, i);
	for (uint32_t i = 0; i < vm->config.nr_vcpus; i++)
		(void)tdxc_sim_vmm_join(vm, i);
}

static uint64_t calls_made(const struct tdxc_sim_vmm *vm)
{
	const struct tdxc_sim_port *port = &vm->host->port;

	return tdxc_sim_port_all_calls(port) -
	       tdxc_sim_port_calls(port, TDXC_PHYMEM_PAMT_ADD) -
	       tdxc_sim_port_calls(port, TDXC_PHYMEM_PAMT_REMOVE);
}

static void expect_calls(struct tdxc_sim_vmm *vm)
{
	struct tdxc_mmu_counts counts;

	tdxc_sim_vmm_mmu_counts(vm, &counts);
	vm->counts.teardown_least = tdxc_td_teardown_calls(
		&vm->td,
		counts.pages[1][1] + counts.pages[1][2] + counts.pages[1][3],
		counts.tables[1]);
	vm->counts.teardown_calls = calls_made(vm);
}

static int end(struct tdxc_sim_vmm *vm)
{
	int err;

	vmm_lock(vm, TDXC_LOCK_EXCLUSIVE);
	err = tdxc_td_end(&vm->td);
	vmm_unlock(vm);
	return err;
}

static int free_keyid(struct tdxc_sim_vmm *vm)
{
	int err;

	vmm_lock(vm, TDXC_LOCK_EXCLUSIVE);
	err = tdxc_td_free_keyid(&vm->td, &vm->diag);
	vmm_unlock(vm);
	return err;
}

static int do_step(struct tdxc_sim_vmm *vm, const struct tdxc_td_todo *todo)
{
	switch (todo->step) {
	case TDXC_TD_VCPUS:
		return tdxc_td_vcpu_flush(&vm->td, todo->vcpu, todo->cpu,
					  &vm->diag);
	case TDXC_TD_CLOSE:
		return tdxc_td_close(&vm->td, &vm->diag);
	case TDXC_TD_CACHES:
		return tdxc_td_flush_package(&vm->td, todo->cpu, &vm->diag);
	case TDXC_TD_KEYID:
		return free_keyid(vm);
	default:
		return end(vm);
	}
}

static int take_step(struct tdxc_sim_vmm *vm)
{
	struct tdxc_td_todo todo;
	int err = tdxc_td_next(&vm->td, &todo);

	if (err != TDXC_OK)
		return err;
	if (todo.step == TDXC_TD_VCPUS || todo.step == TDXC_TD_CACHES)
		tdxc_sim_host_take_this_lp(vm->host, todo.cpu);
	else
		(void)tdxc_sim_host_take_lp(vm->host);
	err = do_step(vm, &todo);
	vmm_end(vm);
	return err;
}

/* To RECLAIM, where the module lets pages go. */
static int close_td(struct tdxc_sim_vmm *vm)
{
	uint32_t tries = 0;

	(void)vmm_begin(vm);
	while (end(vm) == TDXC_E_BUSY && tries++ < ATTEMPTS)
		(void)sched_yield();
	vmm_end(vm);
	tries = 0;
	while (tdxc_load_acquire(&vm->td.step) < TDXC_TD_RECLAIM) {
		int err = take_step(vm);

		if (err != TDXC_OK && tries++ >= ATTEMPTS)
			return err;
		if (err != TDXC_OK)
			(void)sched_yield();
	}
	return TDXC_OK;
}

static void give_up(struct tdxc_sim_vmm *vm)
{
	(void)vmm_begin(vm);
	vmm_lock(vm, TDXC_LOCK_EXCLUSIVE);
	if (tdxc_td_abandon(&vm->td) != TDXC_OK)
		vmm_die(vm, "the TD could not be given up", TDXC_E_IO);
	vmm_unlock(vm);
	vmm_end(vm);
}

/* --- the trees ----------------------------------------------------------- */

static void zap_slots(struct tdxc_sim_vmm *vm)
{
	for (uint32_t i = 0; i < TDXC_SIM_VMM_SLOTS; i++) {
		const struct tdxc_sim_vmm_memory *m = &vm->memory[i];
		uint32_t tries = 0;

		while (m->start != m->end &&
		       vmm_zap(vm, m->start, m->end, TDXC_ZAP_SLOT_DELETED) ==
			       TDXC_E_IO &&
		       tries++ < ATTEMPTS)
			;
	}
}

static int zap_roots_once(struct tdxc_sim_vmm *vm, struct tdxc_roots_zap *zap)
{
	int err;

	vmm_lock(vm, TDXC_LOCK_EXCLUSIVE);
	err = tdxc_roots_invalidate(&vm->mmu, TDXC_ROOTS_VALID,
				    TDXC_LOCK_EXCLUSIVE);
	if (err == TDXC_OK)
		err = tdxc_zap_roots(&vm->mmu, &vmm_cpu(vm)->mmu, zap,
				     TDXC_LOCK_EXCLUSIVE);
	vmm_unlock(vm);
	tdxc_sim_host_reap(vm->host, 1);
	return err;
}

static void zap_roots(struct tdxc_sim_vmm *vm)
{
	struct tdxc_roots_zap zap = {.out = vmm_cpu(vm)->zapped,
				     .room = TDXC_SIM_VMM_BATCH};
	uint32_t tries = 0;
	int err;

	while (tdxc_root_put(&vm->mmu, vm->mirror) == TDXC_E_AGAIN)
		;
	do {
		err = zap_roots_once(vm, &zap);
		vmm_trim(vm);
	} while ((err == TDXC_E_AGAIN || err == TDXC_E_BUSY) &&
		 tries++ < ATTEMPTS);
	if (err != TDXC_OK)
		vmm_die(vm, "the roots could not be taken down", err);
}

static void drop_all_pages(struct tdxc_sim_vmm *vm)
{
	for (uint32_t i = 0; i < TDXC_SIM_VMM_SLOTS; i++) {
		struct vmm_range range = {.memory = &vm->memory[i],
					  .start = vm->memory[i].start,
					  .end = vm->memory[i].end};

		if (range.start == range.end)
			continue;
		vmm_drop_pages(vm, &range, VMM_SHARED);
		vmm_drop_pages(vm, &range, VMM_PRIVATE);
	}
}

/* What processors keep for the MMU. */
static void release_cpus(struct tdxc_sim_vmm *vm)
{
	for (uint32_t i = 0; i < vm->host->description.nr_lps; i++)
		tdxc_mmu_release(&vm->mmu, &vm->cpus[i].mmu);
	tdxc_sim_host_reap(vm->host, 1);
}

static void take_trees_down(struct tdxc_sim_vmm *vm)
{
	(void)vmm_begin(vm);
	if (vm->mirror) {
		zap_slots(vm);
		zap_roots(vm);
		release_cpus(vm);
	}
	drop_all_pages(vm);
	vmm_end(vm);
}

/* --- all of it ----------------------------------------------------------- */

static int reclaim(struct tdxc_sim_vmm *vm)
{
	int err = TDXC_OK;

	(void)vmm_begin(vm);
	if (tdxc_load_acquire(&vm->td.step) == TDXC_TD_RECLAIM)
		err = tdxc_td_reclaim(&vm->td, &vm->diag);
	vmm_end(vm);
	return err;
}

void tdxc_sim_vmm_abandon(struct tdxc_sim_vmm *vm,
			  struct tdxc_sim_vmm_counts *counts)
{
	stop_vcpus(vm);
	if (counts)
		tdxc_sim_vmm_read_counts(vm, counts);
	vmm_free(vm);
}

int tdxc_sim_vmm_destroy(struct tdxc_sim_vmm *vm,
			 struct tdxc_sim_vmm_counts *counts)
{
	uint64_t lost;
	int err;

	stop_vcpus(vm);
	expect_calls(vm);
	err = close_td(vm);
	if (err != TDXC_OK)
		give_up(vm);
	take_trees_down(vm);
	if (err == TDXC_OK)
		err = reclaim(vm);
	vm->counts.teardown_calls = calls_made(vm) - vm->counts.teardown_calls;
	lost = tdxc_sim_host_give_up(vm->host, vm->owner);
	vm->counts.quarantined += lost;
	if (tdxc_sim_host_kept(vm->host, vm->owner) != 0)
		tdxc_sim_host_stop("pages of a VM are left behind",
				   tdxc_sim_host_kept(vm->host, vm->owner));
	if (counts)
		tdxc_sim_vmm_read_counts(vm, counts);
	if (err == TDXC_OK && (lost != 0 || vmm_is_dead(vm)))
		err = TDXC_E_IO;
	vmm_free(vm);
	return err;
}
