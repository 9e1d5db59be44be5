/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * The usual fault in a direct root.
 */
#include "mirror_usual.h"

/* Below tables that are there, for an access that is allowed. */
static inline bool shared_usual(const struct tdxc_mmu *mmu,
				const struct tdxc_root *root,
				const struct tdxc_fault *fault,
				struct tdxc_spot_ *at)
{
	if (!tdxc_usual_fault_(mmu, root, fault, ROOT_DIRECT))
		return false;
	if (fault->exec || fault->mmio || fault->memory_type > 7 ||
	    fault->source != 0)
		return false;
	return tdxc_leaf_ok_(fault) &&
	       tdxc_usual_walk_(&root->tree, fault->gfn.n, at);
}

int tdxc_fault_shared_(struct tdxc_mmu *mmu, struct tdxc_root *root,
		       struct tdxc_mmu_cpu *cpu, const struct tdxc_fault *fault,
		       enum tdxc_lock lock)
{
	/* The lock is of no interest below: there is no external tree to tell.
	 */
	const struct tdxc_map_ m = {
		mmu, cpu, NULL, fault, TDXC_LOCK_SHARED, KIND_DIRECT};
	struct tdxc_spot_ at;

	if (!shared_usual(mmu, root, fault, &at))
		return tdxc_fault_slow_(mmu, root, cpu, fault, lock);
	if (!tdxc_lock_ok_(mmu, lock))
		return TDXC_E_INVAL;
	if (!tdxc_usual_freeze_(&m, &at))
		return tdxc_fault_met_(mmu, cpu, fault, TDXC_LOCK_SHARED,
				       at.slot, at.old);
	if (tdxc_stale_(&m, &at))
		return tdxc_restore_(&m, &at, TDXC_FAULT_RETRY);
	return tdxc_publish_(&m, &at,
			     tdxc_leaf_(fault, fault->pa, TDXC_LEVEL_4K), 1);
}
