/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * The usual fault in a mirror root.
 */
#include "mirror_usual.h"

/* The entry is frozen: make the external change, and the same here. */
static inline int private_lend(const struct tdxc_map_ *m,
			       const struct tdxc_spot_ *at)
{
	struct tdxc_spte now = tdxc_spte_private(m->fault->pa, TDXC_LEVEL_4K);
	int err = tdxc_mirror_(m, at, now, 0, 0);

	if (err == TDXC_OK)
		return tdxc_publish_(m, at, now, 1);
	return tdxc_restore_(m, at,
			     err == TDXC_E_BUSY ? TDXC_FAULT_RETRY : err);
}

int tdxc_fault_private_(struct tdxc_mmu *mmu, struct tdxc_root *root,
			struct tdxc_mmu_cpu *cpu,
			const struct tdxc_fault *fault, enum tdxc_lock lock)
{
	const struct tdxc_map_ m = {mmu, cpu, NULL, fault, lock, KIND_MIRROR};
	struct tdxc_spot_ at;

	if (!tdxc_usual_fault_(mmu, root, fault, ROOT_MIRROR) ||
	    fault->source != 0 || !tdxc_private_ok_(fault) ||
	    !tdxc_usual_walk_(&root->tree, fault->gfn.n, &at))
		return tdxc_fault_slow_(mmu, root, cpu, fault, lock);
	if (!tdxc_lock_ok_(mmu, lock))
		return TDXC_E_INVAL;
	if (!tdxc_usual_freeze_(&m, &at))
		return tdxc_fault_met_(mmu, cpu, fault, lock, at.slot, at.old);
	if (tdxc_stale_(&m, &at))
		return tdxc_restore_(&m, &at, TDXC_FAULT_RETRY);
	return private_lend(&m, &at);
}
