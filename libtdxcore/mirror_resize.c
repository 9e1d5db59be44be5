/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Private pages that change their size or place: one leaf becomes 512, 512
 * become one, a leaf gets another page.
 *
 * All of it happens in one frozen window, together with the same change of the
 * external tree; no value in between is ever seen.
 */
#include "mirror_resize.h"

/* --- the 512 entries of a table
 * ----------------------------------------------- */

uint32_t tdxc_row_matches_(const uint64_t *table, struct tdxc_row_ row)
{
	uint32_t i;

	for (i = 0; i < TDXC_ENTRIES; i++) {
		if (tdxc_load_once(&table[i]) != row.first + i * row.step)
			break;
	}
	return i;
}

void tdxc_row_fill_(uint64_t *table, struct tdxc_row_ row)
{
	uint32_t i;

	for (i = 0; i < TDXC_ENTRIES; i++)
		table[i] = row.first + i * row.step;
}

bool tdxc_row_freeze_(struct tdxc_mmu_cpu *cpu, uint64_t *table,
		      struct tdxc_row_ row, struct tdxc_spte *met)
{
	uint32_t i;

	for (i = 0; i < TDXC_ENTRIES; i++) {
		met->bits = row.first + i * row.step;
		if (!tdxc_freeze_(cpu, &table[i], met)) {
			tdxc_row_thaw_(cpu, table, row, i);
			return false;
		}
	}
	return true;
}

void tdxc_row_thaw_(struct tdxc_mmu_cpu *cpu, uint64_t *table,
		    struct tdxc_row_ row, uint32_t n)
{
	struct tdxc_spte value;
	uint32_t i;

	for (i = 0; i < n; i++) {
		value.bits = row.first + i * row.step;
		tdxc_thaw_(cpu, &table[i], value);
	}
}

void tdxc_row_bury_(struct tdxc_mmu *mmu, struct tdxc_mmu_cpu *cpu, uint64_t pa)
{
	const struct tdxc_mmu_table table = {pa, 0};

	cpu->frozen -= TDXC_ENTRIES;
	cpu->counts.tables[KIND_MIRROR]--;
	mmu->config.ops->table_retire(mmu->config.ctx, &table);
}

/* --- what the operations have in common
 * --------------------------------------- */

int tdxc_resize_ok_(const struct tdxc_mmu *mmu, const struct tdxc_root *root,
		    uint64_t last, enum tdxc_lock lock)
{
	if (tdxc_load_once(&root->state) != ROOT_MIRROR ||
	    last >= root->tree.end || !tdxc_lock_ok_(mmu, lock))
		return TDXC_E_INVAL;
	return tdxc_mmu_is_poisoned(mmu) ? TDXC_E_IO : TDXC_OK;
}

/* Walk to the entry of a level that covers a frame, or to what stands above. */
static void find_entry(const struct tdxc_tree *tree, uint64_t gfn,
		       uint32_t level, struct tdxc_spot_ *at)
{
	const uint64_t virt = tree->virt - TDXC_SPTE_TABLE_BITS;
	uint32_t next = tree->levels;

	at->gfn = gfn;
	at->old.bits = tree->pa + TDXC_SPTE_TABLE_BITS;
	while (tdxc_down_(virt, gfn, next, at) && next > level)
		next--;
}

/* Tell the external tree, as the owner of the entry. */
static int tell_external(const struct tdxc_map_ *m, const struct tdxc_spot_ *at,
			 struct tdxc_spte now, uint64_t external)
{
	const struct tdxc_external_change change = {
		.gfn = tdxc_spot_first_(at),
		.level = at->level,
		.lock = m->lock,
		.old = at->old,
		.now = now,
		.external = external,
	};

	return tdxc_external_(m, &change);
}

/* That the MMU is poisoned is an error here, whoever poisoned it. */
static int as_error(int err)
{
	return err == TDXC_FAULT_POISONED ? TDXC_E_IO : err;
}

/* Somebody else is changing it. */
static int met_frozen(struct tdxc_mmu_cpu *cpu)
{
	cpu->counts.frozen_met++;
	return TDXC_E_AGAIN;
}

/* --- one leaf becomes 512
 * ----------------------------------------------------- */

/* The table was not linked: back to the reserve, empty, unless its external
 * page may be the external tree's now. */
static void unlinked(const struct tdxc_map_ *m, struct tdxc_mmu_table *table,
		     int err)
{
	tdxc_table_fill(tdxc_table_at(m->tree, table->pa));
	tdxc_link_undo_(m, table, err);
}

static void demoted(const struct tdxc_map_ *m, struct tdxc_spot_ *at,
		    struct tdxc_spte now)
{
	struct tdxc_mmu_counts *counts = &m->cpu->counts;

	counts->tables[KIND_MIRROR]++;
	counts->pages[KIND_MIRROR][at->level]--;
	counts->pages[KIND_MIRROR][at->level - 1] += TDXC_ENTRIES;
	tdxc_thaw_(m->cpu, at->slot, now);
	at->old = now;
}

/* The table is filled before the leaf is frozen, so that the window is short.
 */
static int demote_leaf(const struct tdxc_map_ *m, struct tdxc_spot_ *at)
{
	struct tdxc_mmu_table table;
	struct tdxc_spte now;
	int err;

	if (!tdxc_spare_take_(m->cpu, KIND_MIRROR, &table))
		return TDXC_E_NOMEM;
	tdxc_row_fill_(tdxc_table_at(m->tree, table.pa),
		       tdxc_row_leaves_(tdxc_spte_pa(at->old), at->level));
	now = tdxc_spte_table(table.pa);
	if (!tdxc_freeze_(m->cpu, at->slot, &at->old)) {
		unlinked(m, &table, TDXC_E_AGAIN);
		return TDXC_E_AGAIN;
	}
	err = tell_external(m, at, now, table.external);
	if (err != TDXC_OK) {
		unlinked(m, &table, tdxc_restore_(m, at, err));
		return as_error(err);
	}
	demoted(m, at, now);
	return TDXC_OK;
}

int tdxc_mmu_demote(struct tdxc_mmu *mmu, struct tdxc_root *root,
		    struct tdxc_mmu_cpu *cpu, struct tdxc_gfn gfn,
		    uint32_t level, enum tdxc_lock lock)
{
	const struct tdxc_map_ m = {mmu,  cpu,	&root->tree,
				    NULL, lock, KIND_MIRROR};
	const uint64_t virt = root->tree.virt - TDXC_SPTE_TABLE_BITS;
	struct tdxc_spot_ at;
	int err = tdxc_resize_ok_(mmu, root, gfn.n, lock);

	if (level - 1 >= TDXC_LEVEL_2M)
		return TDXC_E_INVAL;
	if (err != TDXC_OK)
		return err;
	find_entry(&root->tree, gfn.n, level, &at);
	while (at.level > level && tdxc_spte_is_leaf(at.old)) {
		err = demote_leaf(&m, &at);
		if (err != TDXC_OK)
			return err;
		(void)tdxc_down_(virt, gfn.n, at.level - 1, &at);
	}
	return tdxc_spte_is_frozen(at.old) ? met_frozen(cpu) : TDXC_OK;
}

/* --- 512 become one
 * ----------------------------------------------------------- */

/* What the entries below would be if they made up one page. */
static struct tdxc_row_ row_below(const struct tdxc_spot_ *at,
				  const uint64_t *table)
{
	const struct tdxc_spte first = {tdxc_load_acquire(table)};

	return tdxc_row_leaves_(tdxc_spte_pa(first), at->level);
}

/* Looked at before anything is frozen: most tables are not alike, and faults in
 * them need not be bothered. */
static int worth_it(const struct tdxc_spot_ *at, const uint64_t *table,
		    struct tdxc_row_ row)
{
	const struct tdxc_spte first = {row.first};
	const uint64_t inside = (tdxc_level_frames(at->level) << 12) - 1;
	const uint32_t n = tdxc_row_matches_(table, row);

	if (n == TDXC_ENTRIES && (tdxc_spte_pa(first) & inside) == 0)
		return TDXC_OK;
	if (n < TDXC_ENTRIES &&
	    tdxc_load_once(&table[n]) == TDXC_SPTE_FROZEN_BITS)
		return TDXC_E_AGAIN;
	return TDXC_E_NOENT;
}

static void promoted(const struct tdxc_map_ *m, const struct tdxc_spot_ *at,
		     struct tdxc_spte now)
{
	struct tdxc_mmu_counts *counts = &m->cpu->counts;

	counts->pages[KIND_MIRROR][at->level]++;
	counts->pages[KIND_MIRROR][at->level - 1] -= TDXC_ENTRIES;
	tdxc_thaw_(m->cpu, at->slot, now);
	tdxc_row_bury_(m->mmu, m->cpu, tdxc_spte_pa(at->old));
}

/* The owner of the entry above: own those below, and make the change. */
static int promote_owned(const struct tdxc_map_ *m, const struct tdxc_spot_ *at,
			 uint64_t *table, struct tdxc_row_ row)
{
	const struct tdxc_mmu_config *c = &m->mmu->config;
	const struct tdxc_spte first = {row.first};
	const struct tdxc_spte now =
		tdxc_spte_private(tdxc_spte_pa(first), at->level);
	struct tdxc_spte met;
	int err;

	if (!tdxc_row_freeze_(m->cpu, table, row, &met))
		return tdxc_spte_is_frozen(met) ? TDXC_E_AGAIN : TDXC_E_NOENT;
	err = tell_external(
		m, at, now,
		c->ops->table_external(c->ctx, tdxc_spte_pa(at->old)));
	if (err != TDXC_OK) {
		tdxc_row_thaw_(m->cpu, table, row, TDXC_ENTRIES);
		return err;
	}
	promoted(m, at, now);
	return TDXC_OK;
}

int tdxc_promote_(const struct tdxc_map_ *m, struct tdxc_spot_ *at)
{
	uint64_t *table = tdxc_table_at(m->tree, tdxc_spte_pa(at->old));
	const struct tdxc_row_ row = row_below(at, table);
	int err = worth_it(at, table, row);

	if (err != TDXC_OK)
		return err;
	if (!tdxc_freeze_(m->cpu, at->slot, &at->old))
		return TDXC_E_AGAIN;
	err = promote_owned(m, at, table, row);
	return err == TDXC_OK ? TDXC_OK : tdxc_restore_(m, at, err);
}

int tdxc_mmu_promote(struct tdxc_mmu *mmu, struct tdxc_root *root,
		     struct tdxc_mmu_cpu *cpu, struct tdxc_gfn gfn,
		     uint32_t level, enum tdxc_lock lock)
{
	const struct tdxc_map_ m = {mmu,  cpu,	&root->tree,
				    NULL, lock, KIND_MIRROR};
	struct tdxc_spot_ at;
	int err = tdxc_resize_ok_(mmu, root, gfn.n, lock);

	if (level != TDXC_LEVEL_2M && level != TDXC_LEVEL_1G)
		return TDXC_E_INVAL;
	if (err != TDXC_OK)
		return err;
	find_entry(&root->tree, gfn.n, level, &at);
	if (at.level == level && tdxc_spte_is_table(at.old))
		return as_error(tdxc_promote_(&m, &at));
	if (tdxc_spte_is_leaf(at.old))
		return TDXC_OK;
	return tdxc_spte_is_frozen(at.old) ? met_frozen(cpu) : TDXC_E_NOENT;
}

/* --- a leaf gets another page
 * ------------------------------------------------- */

int tdxc_mmu_relocate(struct tdxc_mmu *mmu, struct tdxc_root *root,
		      struct tdxc_mmu_cpu *cpu, struct tdxc_gfn gfn,
		      uint64_t *pa, enum tdxc_lock lock)
{
	const struct tdxc_map_ m = {mmu,  cpu,	&root->tree,
				    NULL, lock, KIND_MIRROR};
	const struct tdxc_spte now = tdxc_spte_private(*pa, TDXC_LEVEL_4K);
	struct tdxc_spot_ at;
	int err = tdxc_resize_ok_(mmu, root, gfn.n, lock);

	if ((*pa & ~TDXC_SPTE_PA_MASK) != 0)
		return TDXC_E_INVAL;
	if (err != TDXC_OK)
		return err;
	find_entry(&root->tree, gfn.n, TDXC_LEVEL_4K, &at);
	if (tdxc_spte_is_frozen(at.old))
		return met_frozen(cpu);
	if (at.level > TDXC_LEVEL_4K || !tdxc_spte_is_leaf(at.old))
		return TDXC_E_NOENT;
	if (tdxc_spte_pa(at.old) == *pa)
		return TDXC_E_INVAL;
	if (!tdxc_freeze_(cpu, at.slot, &at.old))
		return TDXC_E_AGAIN;
	err = tell_external(&m, &at, now, 0);
	if (err != TDXC_OK)
		return as_error(tdxc_restore_(&m, &at, err));
	tdxc_thaw_(cpu, at.slot, now);
	*pa = tdxc_spte_pa(at.old);
	return TDXC_OK;
}
