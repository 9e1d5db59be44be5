/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Zapping roots that were invalidated: leaves first, then tables, the lowest
 * level first.
 *
 * No fault completes in an invalid root, so what one stage removed does not
 * come back in the next. Who is still walking there, to zap a range or to age
 * it, finds every entry of a table that was unlinked frozen for good, and looks
 * again from the root.
 */
#include "mirror_take.h"

#include <tdxcore/err.h>

/* A root, and how far it is. Stage 0 takes leaves out; stage n unlinks the
 * tables of level n. */
struct teardown {
	struct tdxc_mmu *mmu;
	struct tdxc_mmu_cpu *cpu;
	struct tdxc_roots_zap *zap;
	struct tdxc_root *root;
	struct tdxc_tree tree; /* both halves (R34) */
	uint32_t kind;
	enum tdxc_lock lock;
};

static bool is_scheduled(const struct tdxc_root *root, uint64_t class)
{
	uint64_t state = tdxc_load_acquire(&root->state);

	return (state & ROOT_SCHEDULED) != 0 && (state & class) != 0;
}

static void go_to_stage(struct tdxc_roots_zap *zap, uint32_t stage)
{
	zap->stage = stage;
	zap->cursor = 0;
}

/* --- leaves ------------------------------------------------------------------
 */

static int take_leaves(struct teardown *d)
{
	struct tdxc_roots_zap *zap = d->zap;
	struct tdxc_take_ t = {
		.mmu = d->mmu,
		.cpu = d->cpu,
		.tree = &d->tree,
		.strip = d->root->tree.alias,
		.cursor = zap->cursor,
		.end = d->tree.end,
		.out = zap->out,
		.room = zap->room,
		.nr_out = zap->nr_out,
		.visits = zap->visits,
		.lock = d->lock,
		.kind = KIND_DIRECT,
	};
	int err = tdxc_take_(&t);

	zap->nr_out = t.nr_out;
	zap->cursor = t.cursor;
	zap->visits = t.visits;
	return err;
}

/* A private page that is still mapped: its owner must take it out before. From
 * a poisoned MMU it may not come out at all; it is given up then. */
static int give_up_leaf(struct teardown *d, struct tdxc_iter *it)
{
	struct tdxc_zapped *out = &d->zap->out[d->zap->nr_out];

	if (!tdxc_mmu_is_poisoned(d->mmu))
		return TDXC_E_BUSY;
	if (d->zap->nr_out == d->zap->room)
		return TDXC_E_AGAIN;
	out->gfn.n = it->gfn;
	out->level = it->level;
	out->status = TDXC_E_IO;
	out->old = it->spte;
	out->memory = TDXC_MEMORY_PRIVATE;
	d->zap->nr_out++;
	d->cpu->counts.pages[KIND_MIRROR][it->level]--;
	tdxc_store_release(it->slot, TDXC_SPTE_EMPTY_BITS);
	tdxc_iter_skip(it);
	return TDXC_OK;
}

static int leaf_entry(struct teardown *d, struct tdxc_iter *it)
{
	if (tdxc_spte_is_leaf(it->spte))
		return give_up_leaf(d, it);
	tdxc_iter_next(it);
	return TDXC_OK;
}

/* --- tables ------------------------------------------------------------------
 */

/* Mark a slot of an unlinked table dead. TDXC_E_BUSY: something is mapped. */
static int kill_slot(struct tdxc_mmu_cpu *cpu, uint64_t *slot)
{
	uint64_t old = tdxc_load_acquire(slot);
	uint32_t looks;

	for (looks = 0; looks < TDXC_MMU_SPINS; looks++) {
		if ((old & TDXC_SPTE_PRESENT) != 0)
			return TDXC_E_BUSY;
		if (old != TDXC_SPTE_FROZEN_BITS &&
		    tdxc_try_cmpxchg(slot, &old, TDXC_SPTE_FROZEN_BITS))
			return TDXC_OK;
		if (old != TDXC_SPTE_FROZEN_BITS)
			continue;
		if (looks == 0)
			cpu->counts.frozen_met++;
		tdxc_relax();
		old = tdxc_load_acquire(slot);
	}
	return TDXC_E_AGAIN;
}

/* Mark all slots of a table dead, or leave it without pages as it was. MMIO
 * entries are not put back: they are hints, and nobody faults here. */
static int kill_table(struct tdxc_mmu_cpu *cpu, uint64_t *table)
{
	uint32_t i;
	int err = TDXC_OK;

	for (i = 0; i < TDXC_ENTRIES && err == TDXC_OK; i++)
		err = kill_slot(cpu, &table[i]);
	if (err == TDXC_OK)
		return TDXC_OK;
	/* The last slot is not ours. */
	for (i--; i > 0; i--)
		tdxc_store_release(&table[i - 1], TDXC_SPTE_EMPTY_BITS);
	return err;
}

/* A table that nothing is below any more: back to the port. The external page
 * comes back first, or is lost. */
static void retire_table(struct teardown *d, const struct tdxc_iter *it)
{
	const struct tdxc_mmu_config *c = &d->mmu->config;
	struct tdxc_mmu_table table = {tdxc_spte_pa(it->spte), 0};
	struct tdxc_gfn gfn = {it->gfn};

	if (d->kind == KIND_MIRROR &&
	    c->ops->external_reclaim(
		    c->ctx, gfn, it->level - 1,
		    c->ops->table_external(c->ctx, table.pa)) != TDXC_OK)
		d->zap->tables_lost++;
	d->cpu->counts.tables[d->kind]--;
	tdxc_thaw_(d->cpu, it->slot, tdxc_spte_empty());
	c->ops->table_retire(c->ctx, &table);
}

static int unlink_table(struct teardown *d, struct tdxc_iter *it)
{
	int err;

	if (d->zap->visits < TDXC_ENTRIES)
		return TDXC_E_AGAIN;
	d->zap->visits -= TDXC_ENTRIES;
	if (!tdxc_freeze_(d->cpu, it->slot, &it->spte))
		return TDXC_OK;
	err = kill_table(d->cpu,
			 tdxc_table_at(&d->tree, tdxc_spte_pa(it->spte)));
	if (err == TDXC_OK) {
		retire_table(d, it);
		tdxc_iter_skip(it);
		return TDXC_OK;
	}
	tdxc_thaw_(d->cpu, it->slot, it->spte);
	if (err == TDXC_E_BUSY)
		go_to_stage(d->zap, 0);
	return TDXC_E_AGAIN;
}

static int table_entry(struct teardown *d, struct tdxc_iter *it)
{
	int err;

	if (tdxc_spte_is_frozen(it->spte)) {
		d->cpu->counts.frozen_met++;
		err = tdxc_wait_thaw_(&d->tree, it->next);
		if (err == TDXC_OK)
			tdxc_iter_restart(it);
		return err;
	}
	if (it->level == d->zap->stage + 1 && tdxc_spte_is_table(it->spte))
		return unlink_table(d, it);
	tdxc_iter_next(it);
	return TDXC_OK;
}

/* --- stages ------------------------------------------------------------------
 */

static int stage_walk(struct teardown *d)
{
	struct tdxc_roots_zap *zap = d->zap;
	const struct tdxc_gfn start = {zap->cursor};
	const struct tdxc_gfn end = {d->tree.end};
	uint32_t stage = zap->stage;
	struct tdxc_iter it;
	int err = tdxc_iter_begin(&it, &d->tree, start, end, stage + 1);

	while (err == TDXC_OK && it.valid) {
		zap->cursor = it.next;
		if (zap->visits == 0)
			return TDXC_E_AGAIN;
		zap->visits--;
		err = stage == 0 ? leaf_entry(d, &it) : table_entry(d, &it);
	}
	return err;
}

/* Nothing is left in the root table: whoever says so first drops the MMU's
 * reference. */
static int finish_root(struct teardown *d)
{
	const uint64_t *table = tdxc_table_at(&d->tree, d->tree.pa);
	uint64_t state = tdxc_load_acquire(&d->root->state);
	uint32_t i;

	for (i = 0; i < TDXC_ENTRIES; i++) {
		uint64_t entry = tdxc_load_acquire(&table[i]);

		if ((entry & TDXC_SPTE_PRESENT) != 0 ||
		    entry == TDXC_SPTE_FROZEN_BITS) {
			go_to_stage(d->zap, 0);
			return TDXC_E_AGAIN;
		}
	}
	if ((state & ROOT_SCHEDULED) == 0 ||
	    !tdxc_try_cmpxchg(&d->root->state, &state,
			      (state & ~ROOT_SCHEDULED) | ROOT_ZAPPED))
		return TDXC_OK;
	return tdxc_root_put(d->mmu, d->root);
}

static int zap_root(struct teardown *d)
{
	struct tdxc_roots_zap *zap = d->zap;

	while (zap->stage < d->tree.levels) {
		int err = zap->stage == 0 && d->kind == KIND_DIRECT
				  ? take_leaves(d)
				  : stage_walk(d);

		if (err != TDXC_OK)
			return err;
		go_to_stage(zap, zap->stage + 1);
	}
	return finish_root(d);
}

/* What is in a slot, if it is a root of the kind that waits to be zapped. */
static int zap_slot(struct teardown *d, uint32_t slot)
{
	int err = TDXC_OK;
	int put;

	d->root = &d->mmu->roots[slot];
	if (!tdxc_root_is_there_(d->root))
		return TDXC_OK;
	if (!tdxc_root_hold_(d->root))
		return TDXC_E_AGAIN;
	d->tree = tdxc_tree_whole(&d->root->tree);
	if (is_scheduled(d->root,
			 d->kind == KIND_MIRROR ? ROOT_MIRROR : ROOT_DIRECT))
		err = zap_root(d);
	put = tdxc_root_put(d->mmu, d->root);
	return err == TDXC_OK ? put : err;
}

static bool has_mirror(const struct tdxc_mmu *mmu)
{
	uint32_t i;

	for (i = 0; i < TDXC_MMU_ROOTS; i++) {
		if (is_scheduled(&mmu->roots[i], ROOT_MIRROR))
			return true;
	}
	return false;
}

/* Direct roots first, so that they are done even where a mirror still maps
 * pages. */
int tdxc_zap_roots(struct tdxc_mmu *mmu, struct tdxc_mmu_cpu *cpu,
		   struct tdxc_roots_zap *zap, enum tdxc_lock lock)
{
	struct teardown d = {
		.mmu = mmu,
		.cpu = cpu,
		.zap = zap,
		.lock = lock,
	};

	zap->nr_out = 0;
	zap->visits = TDXC_MMU_VISITS;
	if (zap->room == 0 || !tdxc_lock_ok_(mmu, lock) ||
	    (lock != TDXC_LOCK_EXCLUSIVE && has_mirror(mmu)))
		return TDXC_E_INVAL;
	while (zap->slot < 2 * TDXC_MMU_ROOTS) {
		int err;

		d.kind = zap->slot < TDXC_MMU_ROOTS ? KIND_DIRECT : KIND_MIRROR;
		err = zap_slot(&d, zap->slot % TDXC_MMU_ROOTS);
		if (err != TDXC_OK)
			return err;
		zap->slot++;
		go_to_stage(zap, 0);
	}
	zap->slot = 0;
	return TDXC_OK;
}
