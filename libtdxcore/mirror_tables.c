/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Removing empty tables of the mirror while the guest is alive.
 *
 * A table that is being removed is frozen whole, and stays so for as long as
 * the batch it is in grows. So nothing here waits: what is not empty, or is
 * somebody else's, is passed by.
 */
#include "mirror_resize.h"

/* A call of tdxc_mmu_remove_tables(). */
struct sweep {
	struct tdxc_mmu *mmu;
	struct tdxc_mmu_cpu *cpu;
	const struct tdxc_tree *tree;
	struct tdxc_table_zap *zap;
	uint64_t start;
	uint64_t cursor; /* frames below it are done */
	uint64_t visits; /* entries that may still be visited */
	enum tdxc_lock lock;
	uint32_t nr; /* of cpu->batch; frozen */
};

static uint64_t *table_of(const struct sweep *s, struct tdxc_spte entry)
{
	return tdxc_table_at(s->tree, tdxc_spte_pa(entry));
}

/* --- the batch
 * ---------------------------------------------------------------- */

/* The table is gone, and its external page freed, or lost. */
static void table_gone(struct sweep *s, const struct tdxc_external_entry *table,
		       uint64_t *slot)
{
	s->zap->removed++;
	tdxc_thaw_(s->cpu, slot, tdxc_spte_empty());
	tdxc_row_bury_(s->mmu, s->cpu, tdxc_spte_pa(table->old));
}

/* It stays. Where it may be gone nothing can be mapped in it any more, because
 * the MMU was poisoned before its entries can be seen again. */
static void table_stays(struct sweep *s,
			const struct tdxc_external_entry *table, uint64_t *slot)
{
	tdxc_row_thaw_(s->cpu, table_of(s, table->old), tdxc_row_empty_(),
		       TDXC_ENTRIES);
	tdxc_thaw_(s->cpu, slot, table->old);
}

static void table_poison(const struct sweep *s,
			 const struct tdxc_external_entry *table)
{
	const struct tdxc_external_change change = {
		.gfn = table->gfn,
		.level = table->level,
		.lock = s->lock,
		.old = table->old,
		.now = tdxc_spte_empty(),
		.external = table->external,
	};

	tdxc_mmu_poison_(s->mmu, &change, table->status);
}

static int settle_table(struct sweep *s, uint32_t i)
{
	const struct tdxc_external_entry *table = &s->cpu->batch.entries[i];
	uint64_t *slot = s->cpu->batch.slots[i];

	switch (table->status) {
	case TDXC_OK:
		table_gone(s, table, slot);
		return TDXC_OK;
	case TDXC_E_BUSY:
		s->cpu->counts.busy++;
		if (table->gfn.n < s->cursor)
			s->cursor = table->gfn.n;
		table_stays(s, table, slot);
		return TDXC_E_BUSY;
	default:
		table_poison(s, table);
		if (table->removed)
			table_gone(s, table, slot);
		else
			table_stays(s, table, slot);
		return TDXC_E_IO;
	}
}

/* Take the batch out of the external tree. TDXC_E_IO before TDXC_E_BUSY. */
static int settle(struct sweep *s)
{
	const struct tdxc_mmu_config *c = &s->mmu->config;
	const uint32_t n = s->nr;
	int err = TDXC_OK;
	uint32_t i;

	if (n == 0)
		return TDXC_OK;
	c->ops->external_remove(c->ctx, s->cpu->batch.entries, n, s->lock);
	s->nr = 0;
	for (i = 0; i < n; i++) {
		int settled = settle_table(s, i);

		if (settled != TDXC_OK && err != TDXC_E_IO)
			err = settled;
	}
	return err;
}

/* --- tables
 * ------------------------------------------------------------------- */

/* Own the entry and the empty table below it. */
static bool own_table(const struct sweep *s, struct tdxc_iter *it)
{
	struct tdxc_spte met;

	if (!tdxc_freeze_(s->cpu, it->slot, &it->spte))
		return false;
	if (tdxc_row_freeze_(s->cpu, table_of(s, it->spte), tdxc_row_empty_(),
			     &met))
		return true;
	tdxc_thaw_(s->cpu, it->slot, it->spte);
	return false;
}

static void add_table(struct sweep *s, const struct tdxc_iter *it)
{
	const struct tdxc_mmu_config *c = &s->mmu->config;
	struct tdxc_external_entry *table = &s->cpu->batch.entries[s->nr];

	table->gfn.n = it->gfn;
	table->level = it->level;
	table->status = TDXC_E_IO;
	table->old = it->spte;
	table->external =
		c->ops->table_external(c->ctx, tdxc_spte_pa(it->spte));
	table->removed = false;
	s->cpu->batch.slots[s->nr++] = it->slot;
}

/* Whether a table lies within the range and looks empty. */
static bool is_candidate(struct sweep *s, const struct tdxc_iter *it)
{
	uint32_t n;

	if (!tdxc_spte_is_table(it->spte) || it->gfn < s->start ||
	    it->gfn + tdxc_level_frames(it->level) > s->zap->end.n)
		return false;
	n = tdxc_row_matches_(table_of(s, it->spte), tdxc_row_empty_());
	s->visits -= n;
	return n == TDXC_ENTRIES;
}

static int sweep_entry(struct sweep *s, struct tdxc_iter *it)
{
	s->cursor = it->next;
	if (s->visits <= TDXC_ENTRIES)
		return TDXC_E_AGAIN;
	s->visits--;
	if (is_candidate(s, it) && own_table(s, it)) {
		add_table(s, it);
		tdxc_iter_skip(it);
		if (s->nr < s->cpu->batch.room)
			return TDXC_OK;
		s->cursor = it->next;
		return settle(s);
	}
	tdxc_iter_next(it);
	return TDXC_OK;
}

/* Nothing is frozen afterwards. */
static int sweep(struct sweep *s)
{
	const struct tdxc_gfn start = {s->start};
	struct tdxc_iter it;
	int settled;
	int err = tdxc_iter_begin(&it, s->tree, start, s->zap->end,
				  TDXC_LEVEL_2M);

	while (err == TDXC_OK && it.valid)
		err = sweep_entry(s, &it);
	if (err == TDXC_OK)
		s->cursor = s->zap->end.n;
	settled = settle(s);
	return settled == TDXC_OK ? err : settled;
}

int tdxc_mmu_remove_tables(struct tdxc_mmu *mmu, struct tdxc_root *root,
			   struct tdxc_mmu_cpu *cpu, struct tdxc_table_zap *zap,
			   enum tdxc_lock lock)
{
	struct sweep s = {
		.mmu = mmu,
		.cpu = cpu,
		.tree = &root->tree,
		.zap = zap,
		.start = zap->start.n,
		.cursor = zap->start.n,
		.visits = TDXC_MMU_VISITS,
		.lock = lock,
	};
	int err;

	if (!tdxc_batch_ok_(cpu))
		return TDXC_E_INVAL;
	if (zap->start.n >= zap->end.n)
		return tdxc_resize_ok_(mmu, root, 0, lock);
	err = tdxc_resize_ok_(mmu, root, zap->end.n - 1, lock);
	if (err != TDXC_OK)
		return err;
	err = sweep(&s);
	zap->start.n = s.cursor;
	return err;
}
