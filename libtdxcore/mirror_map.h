/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Installing one entry: what faults and population share; not API.
 *
 * Functions return 0, TDXC_FAULT_* or TDXC_E_*, as they reach the caller of the
 * library; see mirror.h.
 *
 * All here is inline, so that a fault's state stays in registers. What is
 * called out of line gets copies of it.
 */
#ifndef TDXCORE_MIRROR_MAP_H
#define TDXCORE_MIRROR_MAP_H

#include "mirror_work.h"

#include <tdxcore/err.h>

/* Who installs, why and where. */
struct tdxc_map_ {
	struct tdxc_mmu *mmu;
	struct tdxc_mmu_cpu *cpu;
	const struct tdxc_tree *tree;
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

/* Put empty tables below an empty entry until one of @goal covers the frame, or
 * something else than an empty entry is met. */
int tdxc_grow_(const struct tdxc_map_ *m, uint32_t goal, struct tdxc_spot_ *at);

/* A table that did not get linked: back to the reserve, unless its external
 * page may be the external tree's now; then that page is lost. */
void tdxc_link_undo_(const struct tdxc_map_ *m, struct tdxc_mmu_table *table,
		     int err);

/* What becomes of a change that the external tree did not make. */
int tdxc_refused_(struct tdxc_mmu *mmu, struct tdxc_mmu_cpu *cpu,
		  const struct tdxc_external_change *change, int err);

/* Handle a fault of one kind, most of them fast. */
int tdxc_fault_shared_(struct tdxc_mmu *mmu, struct tdxc_root *root,
		       struct tdxc_mmu_cpu *cpu, const struct tdxc_fault *fault,
		       enum tdxc_lock lock);
int tdxc_fault_private_(struct tdxc_mmu *mmu, struct tdxc_root *root,
			struct tdxc_mmu_cpu *cpu,
			const struct tdxc_fault *fault, enum tdxc_lock lock);

/* Handle any fault. */
int tdxc_fault_slow_(struct tdxc_mmu *mmu, const struct tdxc_root *root,
		     struct tdxc_mmu_cpu *cpu, const struct tdxc_fault *fault,
		     enum tdxc_lock lock);

/* What can be said before the walk. */
int tdxc_fault_ok_(const struct tdxc_mmu *mmu, const struct tdxc_root *root,
		   const struct tdxc_fault *fault, enum tdxc_lock lock);

/* Handle the rest of a fault that has come to an entry that is neither empty
 * nor a table. */
int tdxc_met_(const struct tdxc_map_ *m, struct tdxc_spot_ *at);

/* The same for a 4 KiB page at whose entry something stands.
 */
int tdxc_fault_met_(struct tdxc_mmu *mmu, struct tdxc_mmu_cpu *cpu,
		    const struct tdxc_fault *fault, enum tdxc_lock lock,
		    uint64_t *slot, struct tdxc_spte old);

/* --- where
 * -------------------------------------------------------------------- */

/* First frame that the entry covers. */
static inline struct tdxc_gfn tdxc_spot_first_(const struct tdxc_spot_ *at)
{
	struct tdxc_gfn first = {at->gfn & ~(tdxc_level_frames(at->level) - 1)};

	return first;
}

/* Go from at->old, which points to a table, to the entry in it; true: that
 * points to a table too. Pointers to tables differ in their address alone, so
 * what they have in common is subtracted once, in @virt. */
static inline bool tdxc_down_(uint64_t virt, uint64_t n, uint32_t level,
			      struct tdxc_spot_ *at)
{
	at->slot = (uint64_t *)(size_t)(at->old.bits + virt) +
		   tdxc_table_index(n, level);
	at->old.bits = tdxc_load_acquire(at->slot);
	at->level = level;
	return tdxc_spte_is_table(at->old);
}

/* Walk to the lowest entry that covers a frame. */
static inline void tdxc_descend_(const struct tdxc_tree *tree, uint64_t gfn,
				 struct tdxc_spot_ *at)
{
	const uint64_t n = gfn | tree->alias;
	const uint64_t virt = tree->virt - TDXC_SPTE_TABLE_BITS;

	at->gfn = gfn;
	at->old.bits = tree->pa + TDXC_SPTE_TABLE_BITS;
	if (tree->levels == 5 && !tdxc_down_(virt, n, 5, at))
		return;
	if (tdxc_down_(virt, n, 4, at) &&
	    tdxc_down_(virt, n, TDXC_LEVEL_1G, at) &&
	    tdxc_down_(virt, n, TDXC_LEVEL_2M, at))
		(void)tdxc_down_(virt, n, TDXC_LEVEL_4K, at);
}

/* The same, linking tables until an entry of @goal is there. */
static inline int tdxc_reach_(const struct tdxc_map_ *m, uint64_t gfn,
			      uint32_t goal, struct tdxc_spot_ *at)
{
	struct tdxc_spot_ there;
	struct tdxc_map_ who;
	int err;

	tdxc_descend_(m->tree, gfn, at);
	if (at->level <= goal || at->old.bits != TDXC_SPTE_EMPTY_BITS)
		return TDXC_OK;
	who = *m;
	there = *at;
	err = tdxc_grow_(&who, goal, &there);
	*at = there;
	return err;
}

/* --- whether
 * ------------------------------------------------------------------ */

/* A level, and frame and address that are aligned and inside. */
static inline bool tdxc_place_ok_(const struct tdxc_tree *tree,
				  const struct tdxc_fault *fault)
{
	uint64_t inside;

	if (fault->level == TDXC_LEVEL_4K)
		return (fault->pa & ~TDXC_SPTE_PA_MASK) == 0 &&
		       fault->gfn.n < tree->end;
	if (fault->level - 1 >= TDXC_LEVEL_1G)
		return false;
	inside = tdxc_level_frames(fault->level) - 1;
	return (fault->pa & (inside << 12 | ~TDXC_SPTE_PA_MASK)) == 0 &&
	       (fault->gfn.n | inside) < tree->end;
}

/* Private pages are write-back and never write-protected; what is no memory is
 * shared. Contents come in pages of 4 KiB. */
static inline bool tdxc_private_ok_(const struct tdxc_fault *fault)
{
	return !fault->mmio && !fault->write_protected &&
	       (fault->source & ~TDXC_SPTE_PA_MASK) == 0 &&
	       (fault->source == 0 || fault->level == TDXC_LEVEL_4K) &&
	       (fault->memory_type == 0 ||
		fault->memory_type == TDXC_SPTE_WB >> TDXC_SPTE_TYPE_SHIFT);
}

/* --- what
 * --------------------------------------------------------------------- */

/* A leaf of a direct root, as the fault asks for it. */
static inline struct tdxc_spte tdxc_leaf_(const struct tdxc_fault *fault,
					  uint64_t pa, uint32_t level)
{
	const struct tdxc_spte_request request = {
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

	return tdxc_spte_direct(&request);
}

/* Whether such a leaf allows the access; all allow to read and to fetch. */
static inline bool tdxc_leaf_ok_(const struct tdxc_fault *fault)
{
	return !fault->write ||
	       (fault->host_writable && !fault->write_protected);
}

/* --- and how
 * ------------------------------------------------------------------ */

/* Change the external tree, as the owner of a frozen entry. */
static inline int tdxc_external_(const struct tdxc_map_ *m,
				 const struct tdxc_external_change *change)
{
	int err;

	if (tdxc_mmu_is_poisoned(m->mmu))
		return TDXC_FAULT_POISONED;
	err = m->mmu->config.ops->external_set(m->mmu->config.ctx, change);
	return err == TDXC_OK ? TDXC_OK
			      : tdxc_refused_(m->mmu, m->cpu, change, err);
}

/* Whether the fault may not be completed, asked by the owner of the entry. */
static inline bool tdxc_stale_(const struct tdxc_map_ *m,
			       const struct tdxc_spot_ *at)
{
	const struct tdxc_mmu_config *c = &m->mmu->config;

	if (!c->ops->is_stale(c->ctx, m->fault, tdxc_spot_first_(at),
			      at->level))
		return false;
	m->cpu->counts.stale++;
	return true;
}

/* The same change of the external tree as of the entry; direct: none. */
static inline int tdxc_mirror_(const struct tdxc_map_ *m,
			       const struct tdxc_spot_ *at,
			       struct tdxc_spte now, uint64_t external,
			       uint64_t source)
{
	const struct tdxc_external_change change = {
		.gfn = tdxc_spot_first_(at),
		.level = at->level,
		.lock = m->lock,
		.old = at->old,
		.now = now,
		.external = external,
		.source = source,
	};

	return m->kind == KIND_MIRROR ? tdxc_external_(m, &change) : TDXC_OK;
}

/* The owner leaves the entry as it was. After a failure whose outcome is
 * unknown, too: nothing is mapped then that the external tree may not have, and
 * what it may have is named in the diagnostic. The MMU was poisoned before, so
 * nobody makes the same change once more. */
static inline int tdxc_restore_(const struct tdxc_map_ *m,
				const struct tdxc_spot_ *at, int err)
{
	tdxc_thaw_(m->cpu, at->slot, at->old);
	return err;
}

/* The owner lets the new value be seen; @pages are mapped more than before. */
static inline int tdxc_publish_(const struct tdxc_map_ *m,
				const struct tdxc_spot_ *at,
				struct tdxc_spte now, uint64_t pages)
{
	m->cpu->counts.pages[m->kind][at->level] += pages;
	tdxc_thaw_(m->cpu, at->slot, now);
	return TDXC_OK;
}

/* All of it: replace what stands at an entry, or leave it as it was. */
static inline int tdxc_install_(const struct tdxc_map_ *m,
				struct tdxc_spot_ *at, struct tdxc_spte now,
				uint64_t pages)
{
	int err;

	if (!tdxc_freeze_(m->cpu, at->slot, &at->old))
		return TDXC_FAULT_RETRY;
	if (tdxc_stale_(m, at))
		return tdxc_restore_(m, at, TDXC_FAULT_RETRY);
	err = tdxc_mirror_(m, at, now, 0, m->fault->source);
	if (err != TDXC_OK)
		return tdxc_restore_(m, at, err);
	return tdxc_publish_(m, at, now, pages);
}

#endif
