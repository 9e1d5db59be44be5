/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Linking empty tables into a tree.
 *
 * Nobody asks whether the fault behind it is stale: an empty table maps
 * nothing, so it may stay, in both trees.
 */
#include "mirror_map.h"

void tdxc_link_undo_(const struct tdxc_map_ *m, struct tdxc_mmu_table *table,
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

int tdxc_refused_(struct tdxc_mmu *mmu, struct tdxc_mmu_cpu *cpu,
		  const struct tdxc_external_change *change, int err)
{
	switch (err) {
	case TDXC_E_BUSY:
		cpu->counts.busy++;
		return err;
	case TDXC_E_NOMEM:
	case TDXC_E_OPNOTSUPP:
		return err;
	default:
		tdxc_mmu_poison_(mmu, change, err);
		return TDXC_E_IO;
	}
}

static int link_empty(const struct tdxc_map_ *m, struct tdxc_spot_ *at)
{
	struct tdxc_mmu_table table;
	struct tdxc_spte now;
	int err;

	if (!tdxc_spare_take_(m->cpu, m->kind, &table))
		return TDXC_E_NOMEM;
	if (!tdxc_freeze_(m->cpu, at->slot, &at->old)) {
		tdxc_spare_give_(m->cpu, m->kind, &table);
		return TDXC_FAULT_RETRY;
	}
	now = tdxc_spte_table(table.pa);
	err = tdxc_mirror_(m, at, now, table.external, 0);
	if (err != TDXC_OK) {
		tdxc_link_undo_(m, &table, tdxc_restore_(m, at, err));
		return err == TDXC_E_IO ? TDXC_FAULT_POISONED : err;
	}
	m->cpu->counts.tables[m->kind]++;
	at->old = now;
	tdxc_thaw_(m->cpu, at->slot, now);
	return TDXC_OK;
}

int tdxc_grow_(const struct tdxc_map_ *m, uint32_t goal, struct tdxc_spot_ *at)
{
	const uint64_t n = at->gfn | m->tree->alias;
	const uint64_t virt = m->tree->virt - TDXC_SPTE_TABLE_BITS;
	int err;

	while (at->level > goal && at->old.bits == TDXC_SPTE_EMPTY_BITS) {
		err = link_empty(m, at);
		if (err != TDXC_OK)
			return err;
		while (tdxc_down_(virt, n, at->level - 1, at))
			;
	}
	return TDXC_OK;
}
