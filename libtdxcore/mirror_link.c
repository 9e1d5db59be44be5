/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Linking an empty table into a tree.
 *
 * Nobody asks whether the fault behind it is stale: an empty table maps
 * nothing, so it may stay, in both trees.
 */
#include "mirror_map.h"

/* A table that did not get linked: back to the reserve, unless its external
 * page may be the external tree's now; then that page is lost. */
static void link_undo(const struct tdxc_map_ *m, struct tdxc_mmu_table *table,
		      int err)
{
	const struct tdxc_mmu_config *c = &m->mmu->config;

	if (err != TDXC_E_IO) {
		tdxc_spare_give_(m->cpu, m->kind, table);
		return;
	}
	table->external = 0;
	c->ops->table_free(c->ctx, table);
}

/* The entry is frozen. */
static int link_external(const struct tdxc_map_ *m, const struct tdxc_spot_ *at,
			 const struct tdxc_mmu_table *table)
{
	struct tdxc_external_change change =
		tdxc_change_(m, at, tdxc_spte_table(table->pa));

	change.external = table->external;
	return tdxc_external_(m, &change);
}

int tdxc_link_(const struct tdxc_map_ *m, struct tdxc_spot_ *at)
{
	struct tdxc_mmu_table table;
	struct tdxc_spte now;
	int err = TDXC_OK;

	if (!tdxc_spare_take_(m->cpu, m->kind, &table))
		return TDXC_E_NOMEM;
	if (!tdxc_freeze_(m->cpu, at->slot, &at->old)) {
		tdxc_spare_give_(m->cpu, m->kind, &table);
		return TDXC_FAULT_RETRY;
	}
	if (m->kind == KIND_MIRROR)
		err = link_external(m, at, &table);
	if (err != TDXC_OK) {
		tdxc_thaw_(m->cpu, at->slot, at->old);
		link_undo(m, &table, err);
		return err == TDXC_E_IO ? TDXC_FAULT_POISONED : err;
	}
	now = tdxc_spte_table(table.pa);
	m->cpu->counts.tables[m->kind]++;
	tdxc_thaw_(m->cpu, at->slot, now);
	at->old = now;
	return TDXC_OK;
}
