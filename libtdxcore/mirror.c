/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * The MMU object: how it is made, spare tables, statistics, poison.
 */
#include "mirror_work.h"

#include <tdxcore/err.h>
#include <tdxcore/version.h>

#define TABLE_BYTES 4096u

static bool ops_ok(const struct tdxc_mmu_ops *ops)
{
	return ops != NULL && ops->abi == TDXC_ABI &&
	       ops->table_alloc != NULL && ops->table_free != NULL &&
	       ops->table_retire != NULL && ops->table_external != NULL &&
	       ops->lock_held != NULL && ops->is_stale != NULL &&
	       ops->external_set != NULL && ops->external_remove != NULL &&
	       ops->external_reclaim != NULL;
}

/* Frames that a walk can tell apart, without the alias half of a TD. */
static uint64_t most_frames(const struct tdxc_mmu_config *config)
{
	return config->td ? tdxc_alias_bit(config->levels)
			  : 1ull << (9 * config->levels);
}

int tdxc_mmu_init(struct tdxc_mmu *mmu, const struct tdxc_mmu_config *config)
{
	if (config->abi != TDXC_ABI || !ops_ok(config->ops) ||
	    config->levels < 4 || config->levels > TDXC_MAX_LEVELS ||
	    config->end == 0 || config->end > most_frames(config) ||
	    (config->virt & (TABLE_BYTES - 1)) != 0)
		return TDXC_E_INVAL;
	memset(mmu, 0, sizeof(*mmu));
	mmu->config = *config;
	mmu->mmio = tdxc_mmio_of(config->td);
	return TDXC_OK;
}

void tdxc_mmu_poison_(struct tdxc_mmu *mmu,
		      const struct tdxc_external_change *change, int err)
{
	uint64_t none = 0;

	/* Who comes second lets its entry go at once, so this alone must keep
	 * others from lending there. */
	if (!tdxc_try_cmpxchg(&mmu->poisoned, &none, 1))
		return;
	mmu->poison.gfn = change->gfn;
	mmu->poison.level = change->level;
	mmu->poison.err = err;
	mmu->poison.old = change->old;
	mmu->poison.now = change->now;
	tdxc_store_release(&mmu->poison.set, 1);
}

/* --- spare tables -----------------------------------------------------------
 */

/* A root is never linked, so one table less than levels is enough. */
int tdxc_mmu_topup(const struct tdxc_mmu *mmu, struct tdxc_mmu_cpu *cpu,
		   enum tdxc_memory memory)
{
	const struct tdxc_mmu_config *c = &mmu->config;
	uint32_t kind =
		memory == TDXC_MEMORY_PRIVATE ? KIND_MIRROR : KIND_DIRECT;
	int err;

	while (cpu->nr_spare[kind] < c->levels - 1) {
		struct tdxc_mmu_table *table =
			&cpu->spare[kind][cpu->nr_spare[kind]];

		err = c->ops->table_alloc(c->ctx, kind == KIND_MIRROR, table);
		if (err != TDXC_OK)
			return err;
		tdxc_table_fill((uint64_t *)(size_t)(table->pa + c->virt));
		cpu->nr_spare[kind]++;
	}
	return TDXC_OK;
}

void tdxc_mmu_release(const struct tdxc_mmu *mmu, struct tdxc_mmu_cpu *cpu)
{
	const struct tdxc_mmu_config *c = &mmu->config;
	uint32_t kind;

	for (kind = KIND_DIRECT; kind <= KIND_MIRROR; kind++) {
		while (cpu->nr_spare[kind] > 0) {
			cpu->nr_spare[kind]--;
			c->ops->table_free(
				c->ctx, &cpu->spare[kind][cpu->nr_spare[kind]]);
		}
	}
}

bool tdxc_spare_take_(struct tdxc_mmu_cpu *cpu, uint32_t kind,
		      struct tdxc_mmu_table *table)
{
	if (cpu->nr_spare[kind] == 0)
		return false;
	*table = cpu->spare[kind][--cpu->nr_spare[kind]];
	return true;
}

void tdxc_spare_give_(struct tdxc_mmu_cpu *cpu, uint32_t kind,
		      const struct tdxc_mmu_table *table)
{
	cpu->spare[kind][cpu->nr_spare[kind]++] = *table;
}

/* --- statistics
 * --------------------------------------------------------------- */

void tdxc_mmu_counts_add(struct tdxc_mmu_counts *sum,
			 const struct tdxc_mmu_cpu *cpu)
{
	const struct tdxc_mmu_counts *c = &cpu->counts;
	uint32_t kind;
	uint32_t level;

	for (kind = KIND_DIRECT; kind <= KIND_MIRROR; kind++) {
		for (level = 1; level <= TDXC_LEVEL_1G; level++)
			sum->pages[kind][level] += c->pages[kind][level];
		sum->tables[kind] += c->tables[kind];
	}
	sum->frozen_met += c->frozen_met;
	sum->lost += c->lost;
	sum->busy += c->busy;
	sum->stale += c->stale;
}
