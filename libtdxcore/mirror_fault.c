/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * One fault: walk, and install a leaf or an MMIO entry, or find out why not.
 *
 * The walk keeps its state in registers; an iterator in memory would cost more
 * than all the rest.
 */
#include "mirror_map.h"

/* Another page, or another size, than the fault wants is mapped: either it is
 * stale, or the caller contradicts itself. */
static int met_other(const struct tdxc_map_ *m, const struct tdxc_spot_ *at)
{
	const struct tdxc_mmu_config *c = &m->mmu->config;

	if (!c->ops->is_stale(c->ctx, m->fault, tdxc_spot_first_(at),
			      at->level))
		return TDXC_E_EXIST;
	m->cpu->counts.stale++;
	return TDXC_FAULT_RETRY;
}

/* The leaf does not allow the write: allow it where the fault does. */
static int met_read_only(const struct tdxc_map_ *m, struct tdxc_spot_ *at)
{
	struct tdxc_spte now = {at->old.bits | TDXC_SPTE_W | TDXC_SPTE_D |
				TDXC_SPTE_A | TDXC_SPTE_HOST_W |
				TDXC_SPTE_MMU_W};

	if (!m->fault->host_writable || m->fault->write_protected)
		return TDXC_FAULT_ACCESS;
	return tdxc_install_(m, at, now, 0);
}

static int met_leaf(const struct tdxc_map_ *m, struct tdxc_spot_ *at)
{
	const struct tdxc_fault *fault = m->fault;

	if (at->level > fault->level || fault->mmio ||
	    tdxc_spte_pa(at->old) != tdxc_leaf_pa_(fault, at))
		return met_other(m, at);
	if (fault->prefetch || !fault->write ||
	    (at->old.bits & TDXC_SPTE_W) != 0)
		return TDXC_FAULT_SPURIOUS;
	return met_read_only(m, at);
}

static int fault_mmio(const struct tdxc_map_ *m, struct tdxc_spot_ *at)
{
	struct tdxc_spte now =
		tdxc_spte_mmio(&m->mmu->mmio, m->fault->generation);
	int err;

	if (now.bits == at->old.bits)
		return TDXC_FAULT_EMULATE;
	err = tdxc_install_(m, at, now, 0);
	return err == TDXC_OK ? TDXC_FAULT_EMULATE : err;
}

static int fault_leaf(const struct tdxc_map_ *m, struct tdxc_spot_ *at)
{
	struct tdxc_spte now =
		tdxc_map_leaf_(m, tdxc_leaf_pa_(m->fault, at), at->level);

	if (m->fault->write && (now.bits & TDXC_SPTE_W) == 0)
		return TDXC_FAULT_ACCESS;
	return tdxc_install_(m, at, now, 1);
}

/* The entry is neither empty nor a table. */
static int fault_met(const struct tdxc_map_ *m, struct tdxc_spot_ *at)
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
	return m->fault->mmio ? fault_mmio(m, at) : fault_leaf(m, at);
}

static int fault_in(const struct tdxc_map_ *m, const struct tdxc_tree *tree)
{
	uint32_t goal = m->fault->mmio ? TDXC_LEVEL_4K : m->fault->level;
	struct tdxc_spot_ at;
	int err;

	at.gfn = m->fault->gfn.n;
	err = tdxc_map_walk_(m, tree, goal, &at);
	if (err != TDXC_OK)
		return err;
	if (at.old.bits != TDXC_SPTE_EMPTY_BITS)
		return fault_met(m, &at);
	return m->fault->mmio ? fault_mmio(m, &at) : fault_leaf(m, &at);
}

int tdxc_mmu_fault(struct tdxc_mmu *mmu, struct tdxc_root *root,
		   struct tdxc_mmu_cpu *cpu, const struct tdxc_fault *fault,
		   enum tdxc_lock lock)
{
	struct tdxc_map_ m = {mmu, cpu, fault, lock,
			      fault->is_private ? KIND_MIRROR : KIND_DIRECT};
	int err = tdxc_map_check_(mmu, root, fault, lock);

	if (err == TDXC_OK)
		err = fault_in(&m, &root->tree);
	return err == TDXC_E_BUSY ? TDXC_FAULT_RETRY : err;
}
