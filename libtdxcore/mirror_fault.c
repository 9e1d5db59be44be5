/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Faults in full: tables to link, large pages, MMIO, entries that are not
 * empty.
 *
 * tdxc_mmu_fault() has two shorter ways for what is usual, an empty 4 KiB entry
 * in a table that is there, in mirror_shared.c and mirror_private.c. They come
 * here with everything else, and what they do differs in cost alone.
 */
#include "mirror_map.h"

/* Where a leaf of the entry's level begins that maps the fault's page. */
static uint64_t leaf_pa(const struct tdxc_fault *fault,
			const struct tdxc_spot_ *at)
{
	uint64_t page;

	if (at->level == fault->level)
		return fault->pa;
	page = fault->gfn.n & (tdxc_level_frames(fault->level) - 1);
	return fault->pa + ((page & ~(tdxc_level_frames(at->level) - 1)) << 12);
}

/* Another page, or another size, than the fault wants is mapped: either it is
 * stale, or the caller contradicts itself. */
static int met_other(const struct tdxc_map_ *m, const struct tdxc_spot_ *at)
{
	return tdxc_stale_(m, at) ? TDXC_FAULT_RETRY : TDXC_E_EXIST;
}

/* The leaf does not allow the write, but the fault does. */
static int met_read_only(const struct tdxc_map_ *m, struct tdxc_spot_ *at)
{
	struct tdxc_spte now = {at->old.bits | TDXC_SPTE_W | TDXC_SPTE_D |
				TDXC_SPTE_A | TDXC_SPTE_HOST_W |
				TDXC_SPTE_MMU_W};

	return tdxc_install_(m, at, now, 0);
}

static int met_leaf(const struct tdxc_map_ *m, struct tdxc_spot_ *at)
{
	const struct tdxc_fault *fault = m->fault;

	if (at->level > fault->level || fault->mmio ||
	    tdxc_spte_pa(at->old) != leaf_pa(fault, at))
		return met_other(m, at);
	if (fault->prefetch || !fault->write ||
	    (at->old.bits & TDXC_SPTE_W) != 0)
		return TDXC_FAULT_SPURIOUS;
	return tdxc_leaf_ok_(fault) ? met_read_only(m, at) : TDXC_FAULT_ACCESS;
}

static int met_mmio(const struct tdxc_map_ *m, struct tdxc_spot_ *at)
{
	struct tdxc_spte now =
		tdxc_spte_mmio(&m->mmu->mmio, m->fault->generation);
	int err;

	if (now.bits == at->old.bits)
		return TDXC_FAULT_EMULATE;
	err = tdxc_install_(m, at, now, 0);
	return err == TDXC_OK ? TDXC_FAULT_EMULATE : err;
}

static int met_nothing(const struct tdxc_map_ *m, struct tdxc_spot_ *at)
{
	uint64_t pa = leaf_pa(m->fault, at);
	struct tdxc_spte now = m->kind == KIND_MIRROR
				       ? tdxc_spte_private(pa, at->level)
				       : tdxc_leaf_(m->fault, pa, at->level);

	if (m->kind == KIND_DIRECT && !tdxc_leaf_ok_(m->fault))
		return TDXC_FAULT_ACCESS;
	return tdxc_install_(m, at, now, 1);
}

int tdxc_met_(const struct tdxc_map_ *m, struct tdxc_spot_ *at)
{
	if (tdxc_spte_is_frozen(at->old)) {
		m->cpu->counts.frozen_met++;
		return TDXC_FAULT_RETRY;
	}
	if (tdxc_spte_is_present(at->old))
		return met_leaf(m, at);
	/* No other entry of a mirror maps nothing; zeros in its table are not
	 * this library's (R35). MMIO stands on level 1. */
	if (m->kind == KIND_MIRROR || at->level > TDXC_LEVEL_4K)
		return TDXC_E_EXIST;
	return m->fault->mmio ? met_mmio(m, at) : met_nothing(m, at);
}

int tdxc_fault_met_(struct tdxc_mmu *mmu, struct tdxc_mmu_cpu *cpu,
		    const struct tdxc_fault *fault, enum tdxc_lock lock,
		    uint64_t *slot, struct tdxc_spte old)
{
	const struct tdxc_map_ m = {
		mmu,   cpu,  NULL,
		fault, lock, fault->is_private ? KIND_MIRROR : KIND_DIRECT};
	struct tdxc_spot_ at = {slot, old, fault->gfn.n, TDXC_LEVEL_4K};

	return tdxc_met_(&m, &at);
}

/* No TD fetches from shared memory. */
int tdxc_fault_ok_(const struct tdxc_mmu *mmu, const struct tdxc_root *root,
		   const struct tdxc_fault *fault, enum tdxc_lock lock)
{
	uint64_t wanted = fault->is_private ? ROOT_MIRROR : ROOT_DIRECT;
	uint64_t state = tdxc_load_once(&root->state);

	if (!tdxc_lock_ok_(mmu, lock) || !tdxc_place_ok_(&root->tree, fault) ||
	    (fault->is_private ? !tdxc_private_ok_(fault)
			       : fault->memory_type > 7 || fault->source != 0))
		return TDXC_E_INVAL;
	if (state != wanted)
		return (state & wanted) != 0 ? TDXC_FAULT_RETRY : TDXC_E_INVAL;
	if (tdxc_mmu_is_poisoned(mmu))
		return TDXC_FAULT_POISONED;
	if (fault->exec && !fault->is_private && mmu->config.td)
		return TDXC_FAULT_ACCESS;
	return TDXC_OK;
}

static int fault_walk(const struct tdxc_map_ *m)
{
	const struct tdxc_fault *fault = m->fault;
	struct tdxc_spot_ at;
	int err = tdxc_reach_(m, fault->gfn.n,
			      fault->mmio ? TDXC_LEVEL_4K : fault->level, &at);

	if (err != TDXC_OK)
		return err;
	if (at.old.bits != TDXC_SPTE_EMPTY_BITS)
		return tdxc_met_(m, &at);
	return fault->mmio ? met_mmio(m, &at) : met_nothing(m, &at);
}

int tdxc_fault_slow_(struct tdxc_mmu *mmu, const struct tdxc_root *root,
		     struct tdxc_mmu_cpu *cpu, const struct tdxc_fault *fault,
		     enum tdxc_lock lock)
{
	const struct tdxc_map_ m = {
		mmu,   cpu,  &root->tree,
		fault, lock, fault->is_private ? KIND_MIRROR : KIND_DIRECT};
	int err = tdxc_fault_ok_(mmu, root, fault, lock);

	if (err == TDXC_OK)
		err = fault_walk(&m);
	return err == TDXC_E_BUSY ? TDXC_FAULT_RETRY : err;
}

int tdxc_mmu_fault(struct tdxc_mmu *mmu, struct tdxc_root *root,
		   struct tdxc_mmu_cpu *cpu, const struct tdxc_fault *fault,
		   enum tdxc_lock lock)
{
	if (fault->is_private)
		return tdxc_fault_private_(mmu, root, cpu, fault, lock);
	return tdxc_fault_shared_(mmu, root, cpu, fault, lock);
}
