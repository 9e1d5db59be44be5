/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Faults are resolved in place: the guest enters again once, when there is
 * something to see. An access to the half that a frame is not in asks for its
 * conversion.
 */
#include <sched.h>
#include <string.h>

#include "vmm_impl.h"

static bool wants_to_stop(const uint64_t *stop)
{
	return stop && tdxc_load_acquire(stop) != 0;
}

static int get_root(struct tdxc_sim_vmm *vm, bool is_private,
		    struct tdxc_root **root)
{
	if (!is_private)
		return tdxc_root_get(&vm->mmu, TDXC_ROOTS_DIRECT, root);
	*root = vm->mirror;
	return TDXC_OK;
}

static void put_root(struct tdxc_sim_vmm *vm, bool is_private,
		     struct tdxc_root *root)
{
	if (is_private)
		return;
	while (tdxc_root_put(&vm->mmu, root) == TDXC_E_AGAIN)
		;
}

/* A larger page is in the way of the one that is wanted. */
static int make_way(struct tdxc_sim_vmm *vm, const struct tdxc_fault *fault)
{
	int err;

	if (!fault->is_private)
		return TDXC_E_EXIST;
	err = vmm_demote_locked(vm, fault->gfn.n);
	if (err == TDXC_OK)
		vmm_count(&vm->counts.accept_demotes, 1);
	return err == TDXC_OK ? TDXC_E_AGAIN : err;
}

/* One attempt with the lock held. TDXC_E_AGAIN: another one. */
static int attempt_locked(struct tdxc_sim_vmm *vm,
			  const struct tdxc_fault *fault,
			  struct tdxc_root *root)
{
	int outcome = tdxc_mmu_fault(&vm->mmu, root, &vmm_cpu(vm)->mmu, fault,
				     TDXC_LOCK_SHARED);

	switch (outcome) {
	case TDXC_FAULT_FIXED:
		return TDXC_OK;
	case TDXC_FAULT_SPURIOUS:
		vmm_count(&vm->counts.spurious, 1);
		return TDXC_OK;
	case TDXC_FAULT_RETRY:
		return TDXC_E_AGAIN;
	case TDXC_FAULT_POISONED:
		return TDXC_E_IO;
	case TDXC_FAULT_EMULATE:
	case TDXC_FAULT_ACCESS:
		return TDXC_E_ACCES;
	case TDXC_E_EXIST:
		return make_way(vm, fault);
	case TDXC_E_IO:
		vmm_die(vm, "a page could not be lent", outcome);
		return outcome;
	default:
		return outcome;
	}
}

static int attempt(struct tdxc_sim_vmm *vm, const struct tdxc_fault *fault)
{
	struct tdxc_root *root;
	int err = vmm_topup(vm, fault->is_private ? TDXC_MEMORY_PRIVATE
						  : TDXC_MEMORY_SHARED);

	if (err != TDXC_OK)
		return err;
	err = get_root(vm, fault->is_private, &root);
	if (err != TDXC_OK)
		return err == TDXC_E_NOSPC ? TDXC_E_AGAIN : err;
	vmm_lock(vm, TDXC_LOCK_SHARED);
	err = attempt_locked(vm, fault, root);
	vmm_unlock(vm);
	put_root(vm, fault->is_private, root);
	vmm_trim(vm);
	return err;
}

/* TDXC_E_AGAIN: look everything up again. */
static int resolve_once(struct tdxc_sim_vmm *vm, const struct tdxc_fault *like)
{
	struct tdxc_fault fault = *like;
	int err = vmm_look_up(vm, &fault);

	if (err == TDXC_E_ACCES && !like->prefetch) {
		vmm_count(&vm->counts.implicit, 1);
		err = vmm_convert(vm, fault.gfn.n * VMM_PAGE, VMM_PAGE,
				  fault.is_private);
		return err == TDXC_OK ? TDXC_E_AGAIN : err;
	}
	if (err != TDXC_OK)
		return err;
	fault.host_writable = true;
	fault.memory_type = fault.is_private ? 0 : 6;
	err = attempt(vm, &fault);
	if (err == TDXC_E_OPNOTSUPP && fault.level > TDXC_LEVEL_4K) {
		fault.level = TDXC_LEVEL_4K;
		err = attempt(vm, &fault);
	}
	return err;
}

int vmm_fault(struct tdxc_sim_vmm *vm, const struct tdxc_fault *like,
	      const uint64_t *stop)
{
	uint32_t tries;
	int err = TDXC_E_AGAIN;

	for (tries = 0; tries < VMM_PATIENCE; tries++) {
		if (vmm_is_dead(vm))
			return TDXC_E_IO;
		if (wants_to_stop(stop))
			return TDXC_E_CANCELED;
		err = resolve_once(vm, like);
		if (err != TDXC_E_AGAIN && err != TDXC_E_BUSY)
			break;
		vmm_count(&vm->counts.fault_retries, 1);
		(void)sched_yield();
	}
	if (err == TDXC_OK)
		vmm_count(like->is_private ? &vm->counts.private_faults
					   : &vm->counts.shared_faults,
			  1);
	return err;
}

/* --- mapping ahead ------------------------------------------------------- */

/* Behind the page that is mapped at gfn. */
static uint64_t next_to_map(struct tdxc_sim_vmm *vm, uint64_t gfn,
			    bool is_private)
{
	uint32_t level = tdxc_sim_vmm_level(vm, gfn * VMM_PAGE, is_private);

	return level == TDXC_LEVEL_2M ? (gfn | (VMM_REGION - 1)) + 1 : gfn + 1;
}

int tdxc_sim_vmm_populate(struct tdxc_sim_vmm *vm, uint64_t gpa, uint64_t bytes,
			  bool is_private)
{
	struct vmm_range range;
	int err = vmm_range(vm, gpa, bytes, &range);
	uint64_t gfn;

	if (err != TDXC_OK)
		return err;
	(void)vmm_begin(vm);
	for (gfn = range.start; err == TDXC_OK && gfn < range.end;) {
		const struct tdxc_fault fault = {
			.gfn = vmm_gfn(gfn),
			.level = TDXC_LEVEL_2M,
			.is_private = is_private,
			.prefetch = true,
		};

		err = vmm_fault(vm, &fault, NULL);
		if (err == TDXC_OK)
			gfn = next_to_map(vm, gfn, is_private);
	}
	vmm_end(vm);
	return err == TDXC_E_ACCES ? TDXC_E_NOENT : err;
}
