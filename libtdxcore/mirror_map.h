/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Installing one entry: what faults and population share; not API.
 *
 * Functions return 0, TDXC_FAULT_* or TDXC_E_*, as they reach the caller of the
 * library; see mirror.h.
 */
#ifndef TDXCORE_MIRROR_MAP_H
#define TDXCORE_MIRROR_MAP_H

#include "mirror_work.h"

#include <tdxcore/err.h>

/* Who installs, why and where. */
struct tdxc_map_ {
	struct tdxc_mmu *mmu;
	struct tdxc_mmu_cpu *cpu;
	const struct tdxc_fault *fault;
	enum tdxc_lock lock;
	uint32_t kind;
};

/* An entry that a walk has come to, and what stood there. */
struct tdxc_spot_ {
	uint64_t *slot;
	struct tdxc_spte old;
	uint64_t gfn;
	uint32_t level;
};

/* First frame that the entry covers. */
static inline struct tdxc_gfn tdxc_spot_first_(const struct tdxc_spot_ *at)
{
	struct tdxc_gfn first = {at->gfn & ~(tdxc_level_frames(at->level) - 1)};

	return first;
}

/* Put an empty table below an empty entry; at->old becomes its pointer. */
int tdxc_link_(const struct tdxc_map_ *m, struct tdxc_spot_ *at);

/* Change the external tree as the owner of a frozen entry changes that. */
static inline int tdxc_external_(const struct tdxc_map_ *m,
				 const struct tdxc_external_change *change)
{
	int err;

	if (tdxc_mmu_is_poisoned(m->mmu))
		return TDXC_FAULT_POISONED;
	err = m->mmu->config.ops->external_set(m->mmu->config.ctx, change);
	if (err == TDXC_OK)
		return TDXC_OK;
	if (err == TDXC_E_BUSY) {
		m->cpu->counts.busy++;
		return TDXC_E_BUSY;
	}
	tdxc_mmu_poison_(m->mmu, change, err);
	return TDXC_E_IO;
}

/* The external change that goes with at->old becoming @now. */
static inline struct tdxc_external_change
tdxc_change_(const struct tdxc_map_ *m, const struct tdxc_spot_ *at,
	     struct tdxc_spte now)
{
	struct tdxc_external_change change = {
		tdxc_spot_first_(at), at->level, m->lock, at->old, now, 0};

	return change;
}

/* What has to go well while the entry is frozen. */
static inline int tdxc_agree_(const struct tdxc_map_ *m,
			      const struct tdxc_spot_ *at, struct tdxc_spte now)
{
	const struct tdxc_mmu_config *c = &m->mmu->config;
	struct tdxc_external_change change;

	if (c->ops->is_stale(c->ctx, m->fault, tdxc_spot_first_(at),
			     at->level)) {
		m->cpu->counts.stale++;
		return TDXC_FAULT_RETRY;
	}
	if (m->kind != KIND_MIRROR)
		return TDXC_OK;
	change = tdxc_change_(m, at, now);
	return tdxc_external_(m, &change);
}

/*
 * Replace what stands at an entry, or leave it as it was. @pages are mapped
 * there more than before. After a failure whose outcome is unknown the old
 * value is back: nothing is mapped that the external tree may not have, and
 * what it may have is named in the diagnostic. The MMU is poisoned before the
 * entry is let go, so nobody makes the same change once more.
 */
static inline int tdxc_install_(const struct tdxc_map_ *m,
				struct tdxc_spot_ *at, struct tdxc_spte now,
				uint64_t pages)
{
	int err;

	if (!tdxc_freeze_(m->cpu, at->slot, &at->old))
		return TDXC_FAULT_RETRY;
	err = tdxc_agree_(m, at, now);
	if (err != TDXC_OK) {
		tdxc_thaw_(m->cpu, at->slot, at->old);
		return err;
	}
	m->cpu->counts.pages[m->kind][at->level] += pages;
	tdxc_thaw_(m->cpu, at->slot, now);
	return TDXC_OK;
}

/*
 * Walk to the entry of @goal that covers a frame, linking tables above it.
 * Stops above for whatever is neither a table nor empty.
 */
static inline int tdxc_map_walk_(const struct tdxc_map_ *m,
				 const struct tdxc_tree *tree, uint32_t goal,
				 struct tdxc_spot_ *at)
{
	uint64_t n = at->gfn | tree->alias;
	uint64_t pa = tree->pa;
	int err;

	for (at->level = tree->levels;; at->level--) {
		at->slot = tdxc_table_at(tree, pa) +
			   tdxc_table_index(n, at->level);
		at->old.bits = tdxc_load_acquire(at->slot);
		if (!tdxc_spte_is_table(at->old)) {
			if (at->level <= goal ||
			    at->old.bits != TDXC_SPTE_EMPTY_BITS)
				return TDXC_OK;
			err = tdxc_link_(m, at);
			if (err != TDXC_OK)
				return err;
		}
		pa = tdxc_spte_pa(at->old);
	}
}

/* Alignment that the level asks of an address. @units{bytes} */
static inline uint64_t tdxc_level_bytes_(uint32_t level)
{
	return tdxc_level_frames(level) << 12;
}

static inline bool tdxc_map_place_ok_(const struct tdxc_tree *tree,
				      const struct tdxc_fault *fault)
{
	uint64_t inside;

	if (fault->level - 1 >= TDXC_LEVEL_1G)
		return false;
	inside = tdxc_level_bytes_(fault->level) - 1;
	return (fault->pa & (inside | ~TDXC_SPTE_PA_MASK)) == 0 &&
	       (fault->gfn.n | inside >> 12) < tree->end;
}

/* Private pages are write-back and never write-protected; what is no memory is
 * shared. */
static inline bool tdxc_map_private_ok_(const struct tdxc_fault *fault)
{
	return !fault->mmio && !fault->write_protected &&
	       (fault->memory_type == 0 ||
		fault->memory_type == TDXC_SPTE_WB >> TDXC_SPTE_TYPE_SHIFT);
}

/* A root that is not simply valid and of the right wanted. */
static inline int tdxc_map_refused_(const struct tdxc_root *root,
				    uint64_t wanted)
{
	return (tdxc_load_once(&root->state) & wanted) != 0 ? TDXC_FAULT_RETRY
							    : TDXC_E_INVAL;
}

static inline int tdxc_map_check_(const struct tdxc_mmu *mmu,
				  const struct tdxc_root *root,
				  const struct tdxc_fault *fault,
				  enum tdxc_lock lock)
{
	uint64_t wanted = fault->is_private ? ROOT_MIRROR : ROOT_DIRECT;

	if (!tdxc_lock_ok_(mmu, lock) ||
	    !tdxc_map_place_ok_(&root->tree, fault))
		return TDXC_E_INVAL;
	if (fault->is_private && !tdxc_map_private_ok_(fault))
		return TDXC_E_INVAL;
	if (tdxc_load_once(&root->state) != wanted)
		return tdxc_map_refused_(root, wanted);
	if (tdxc_mmu_is_poisoned(mmu))
		return TDXC_FAULT_POISONED;
	if (fault->exec && !fault->is_private && mmu->config.td)
		return TDXC_FAULT_ACCESS;
	return TDXC_OK;
}

/* Address of the page of a frame, when @base is that of the frame rounded down
 * to a level. */
static inline uint64_t tdxc_page_of_(uint64_t base, uint64_t gfn,
				     uint32_t level)
{
	return base + ((gfn & (tdxc_level_frames(level) - 1)) << 12);
}

/* Where a leaf of the entry's level begins that maps the fault's page. */
static inline uint64_t tdxc_leaf_pa_(const struct tdxc_fault *fault,
				     const struct tdxc_spot_ *at)
{
	return tdxc_page_of_(fault->pa, fault->gfn.n, fault->level) &
	       ~(tdxc_level_bytes_(at->level) - 1);
}

static inline struct tdxc_spte tdxc_map_leaf_(const struct tdxc_map_ *m,
					      uint64_t pa, uint32_t level)
{
	const struct tdxc_fault *fault = m->fault;
	struct tdxc_spte_request request = {
		.pa = pa,
		.level = level,
		.read = true,
		.exec = true,
		.host_writable = fault->host_writable,
		.write_protected = fault->write_protected,
		.accessed = !fault->prefetch,
		.dirty = fault->write,
		.memory_type = fault->memory_type,
	};

	if (m->kind == KIND_MIRROR)
		return tdxc_spte_private(pa, level);
	return tdxc_spte_direct(&request);
}

#endif
