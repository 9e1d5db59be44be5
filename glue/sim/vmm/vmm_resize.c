/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Private pages that change their size or their place, and tables that go. */
#include <sched.h>

#include "vmm_impl.h"

int vmm_demote_locked(struct tdxc_sim_vmm *vm, uint64_t gfn)
{
	return tdxc_mmu_demote(&vm->mmu, vm->mirror, &vmm_cpu(vm)->mmu,
			       vmm_gfn(gfn), TDXC_LEVEL_4K, vmm_held(vm));
}

static void judge(struct tdxc_sim_vmm *vm, int err, uint64_t *counter)
{
	if (err == TDXC_OK)
		vmm_count(counter, 1);
	if (err == TDXC_E_IO)
		vmm_die(vm, "a page could not change its size or place", err);
}

int tdxc_sim_vmm_demote(struct tdxc_sim_vmm *vm, uint64_t gpa)
{
	int err;

	(void)vmm_begin(vm);
	err = vmm_topup(vm, TDXC_MEMORY_PRIVATE);
	if (err == TDXC_OK) {
		vmm_lock(vm, TDXC_LOCK_SHARED);
		err = vmm_demote_locked(vm, gpa / VMM_PAGE);
		vmm_unlock(vm);
	}
	judge(vm, err, &vm->counts.demotes);
	vmm_end(vm);
	return err;
}

int tdxc_sim_vmm_promote(struct tdxc_sim_vmm *vm, uint64_t gpa)
{
	int err;

	(void)vmm_begin(vm);
	err = vmm_topup(vm, TDXC_MEMORY_PRIVATE);
	if (err == TDXC_OK) {
		vmm_lock(vm, TDXC_LOCK_SHARED);
		err = tdxc_mmu_promote(&vm->mmu, vm->mirror, &vmm_cpu(vm)->mmu,
				       vmm_gfn(gpa / VMM_PAGE), TDXC_LEVEL_2M,
				       TDXC_LOCK_SHARED);
		vmm_unlock(vm);
	}
	judge(vm, err, &vm->counts.promotes);
	vmm_end(vm);
	return err;
}

/* Within the window; *pa becomes the page that it left. */
static int relocate_to(struct tdxc_sim_vmm *vm, const struct vmm_range *range,
		       uint64_t *pa)
{
	uint64_t new_pa = *pa;
	int err = vmm_topup(vm, TDXC_MEMORY_PRIVATE);

	if (err != TDXC_OK)
		return err;
	vmm_lock(vm, TDXC_LOCK_SHARED);
	err = tdxc_mmu_relocate(&vm->mmu, vm->mirror, &vmm_cpu(vm)->mmu,
				vmm_gfn(range->start), pa, TDXC_LOCK_SHARED);
	vmm_unlock(vm);
	if (err == TDXC_OK)
		vmm_set_page(vm, range->memory, range->start, VMM_PRIVATE,
			     new_pa);
	return err;
}

int tdxc_sim_vmm_relocate(struct tdxc_sim_vmm *vm, uint64_t gpa)
{
	struct vmm_range range;
	uint64_t pa;
	int err = vmm_range(vm, gpa, VMM_PAGE, &range);

	if (err != TDXC_OK)
		return err;
	range.halves[VMM_PRIVATE] = true;
	range.claim = true;
	(void)vmm_begin(vm);
	err = tdxc_sim_host_alloc(vm->host, 1, TDXC_SIM_USE_PRIVATE, vm->owner,
				  &pa);
	if (err == TDXC_OK) {
		vmm_begin_change(vm, &range);
		err = relocate_to(vm, &range, &pa);
		vmm_end_change(vm, &range);
		if (tdxc_sim_host_page(vm->host, pa).state ==
		    TDXC_SIM_PAGE_HOST)
			tdxc_sim_host_free(vm->host, 1, pa);
	}
	judge(vm, err, &vm->counts.relocations);
	vmm_end(vm);
	return err;
}

/* One pass; what is empty afterwards the next one finds. */
static int remove_pass(struct tdxc_sim_vmm *vm, struct tdxc_table_zap *zap)
{
	uint32_t tries = 0;
	int err;

	do {
		err = vmm_topup(vm, TDXC_MEMORY_PRIVATE);
		if (err != TDXC_OK)
			break;
		vmm_lock(vm, TDXC_LOCK_SHARED);
		err = tdxc_mmu_remove_tables(&vm->mmu, vm->mirror,
					     &vmm_cpu(vm)->mmu, zap,
					     TDXC_LOCK_SHARED);
		vmm_unlock(vm);
		vmm_trim(vm);
	} while ((err == TDXC_E_AGAIN || err == TDXC_E_BUSY) && tries++ < 1000);
	return err;
}

int tdxc_sim_vmm_remove_tables(struct tdxc_sim_vmm *vm, uint64_t gpa,
			       uint64_t bytes, uint64_t *removed)
{
	struct tdxc_table_zap zap = {.removed = 0};
	uint64_t before;
	int err;

	(void)vmm_begin(vm);
	do {
		before = zap.removed;
		zap.start = vmm_gfn(gpa / VMM_PAGE);
		zap.end = vmm_gfn((gpa + bytes) / VMM_PAGE);
		err = remove_pass(vm, &zap);
	} while (err == TDXC_OK && zap.removed != before);
	vmm_count(&vm->counts.tables_removed, zap.removed);
	if (err == TDXC_E_IO)
		vmm_die(vm, "a table could not be removed", err);
	vmm_end(vm);
	*removed = zap.removed;
	return err;
}
