/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * The usual fault, short: an empty 4 KiB entry in a table that is there; not
 * API.
 *
 * Nothing is kept in memory, and little over a call. The entry is not read
 * before it is frozen: the exchange says what stood there.
 */
#ifndef TDXCORE_MIRROR_USUAL_H
#define TDXCORE_MIRROR_USUAL_H

#include "mirror_map.h"

/* A fault on a 4 KiB page, against which nothing stands, in a root of this
 * state. */
static inline bool tdxc_usual_fault_(const struct tdxc_mmu *mmu,
				     const struct tdxc_root *root,
				     const struct tdxc_fault *fault,
				     uint64_t state)
{
	return tdxc_load_once(&root->state) == state &&
	       fault->level == TDXC_LEVEL_4K && fault->gfn.n < root->tree.end &&
	       (fault->pa & ~TDXC_SPTE_PA_MASK) == 0 &&
	       !tdxc_mmu_is_poisoned(mmu);
}

/* Find the entry of a 4 KiB page; false: there is no table for it. */
static inline bool tdxc_usual_walk_(const struct tdxc_tree *tree, uint64_t gfn,
				    struct tdxc_spot_ *at)
{
	const uint64_t n = gfn | tree->alias;
	const uint64_t virt = tree->virt - TDXC_SPTE_TABLE_BITS;
	uint64_t *top = tdxc_table_at(tree, tree->pa);

	if (tree->levels == 5) {
		at->old.bits = tdxc_load_acquire(top + tdxc_table_index(n, 5));
		if (!tdxc_spte_is_table(at->old) || !tdxc_down_(virt, n, 4, at))
			return false;
	} else {
		at->old.bits = tdxc_load_acquire(top + tdxc_table_index(n, 4));
		if (!tdxc_spte_is_table(at->old))
			return false;
	}
	if (!tdxc_down_(virt, n, TDXC_LEVEL_1G, at) ||
	    !tdxc_down_(virt, n, TDXC_LEVEL_2M, at))
		return false;
	at->slot = (uint64_t *)(size_t)(at->old.bits + virt) +
		   tdxc_table_index(n, TDXC_LEVEL_4K);
	at->level = TDXC_LEVEL_4K;
	return true;
}

/* Own the entry; false: at->old stands there, and nobody lost anything yet. */
static inline bool tdxc_usual_freeze_(const struct tdxc_map_ *m,
				      struct tdxc_spot_ *at)
{
	uint64_t seen = TDXC_SPTE_EMPTY_BITS;

	if (!tdxc_try_cmpxchg(at->slot, &seen, TDXC_SPTE_FROZEN_BITS)) {
		at->old.bits = seen;
		return false;
	}
	m->cpu->frozen++;
	at->gfn = m->fault->gfn.n;
	at->old = tdxc_spte_empty();
	return true;
}

#endif
