// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause-Patent)
/*
 * What the library needs of its platform, and which pages go to the module and
 * come back. A page whose fate is unknown stays lent, and is found at the end.
 */
#include <linux/mm.h>
#include <linux/processor.h>

#include "sim.h"

static void die(struct tdxc_ksim_vm *vm)
{
	tdxc_store_release(&vm->dead, 1);
}

/* --- of the MMU ----------------------------------------------------------- */

static int table_alloc(void *ctx, bool mirror, struct tdxc_mmu_table *table)
{
	struct tdxc_ksim_vm *vm = ctx;

	return tdxc_ksim_table_alloc(vm->host, mirror, table);
}

static void table_free(void *ctx, const struct tdxc_mmu_table *table)
{
	struct tdxc_ksim_vm *vm = ctx;

	tdxc_ksim_table_free(vm->host, table);
}

static void table_retire(void *ctx, const struct tdxc_mmu_table *table)
{
	struct tdxc_ksim_vm *vm = ctx;

	tdxc_ksim_table_retire(vm->host, table);
}

static uint64_t table_external(void *ctx, uint64_t pa)
{
	return tdxc_ksim_table_external(pa);
}

static bool lock_held(void *ctx, enum tdxc_lock lock)
{
	struct tdxc_ksim_vm *vm = ctx;
	const struct tdxc_ksim_actor *actor = tdxc_ksim_actor(vm->host);

	return actor->held == TDXC_KSIM_EXCLUSIVE ||
	       (actor->held == TDXC_KSIM_SHARED && lock == TDXC_LOCK_SHARED);
}

static bool is_stale(void *ctx, const struct tdxc_fault *fault,
		     struct tdxc_gfn gfn, uint32_t level)
{
	return tdxc_ksim_vm_is_stale(ctx, fault, gfn.n, level);
}

/* The page that a change gives to the module, if any. */
static u64 given(const struct tdxc_external_change *change, u32 *level)
{
	*level = 1;
	if (tdxc_spte_is_table(change->now))
		return change->external;
	if (tdxc_spte_is_table(change->old))
		return 0;
	*level = change->level;
	return tdxc_spte_pa(change->now);
}

static int external_set(void *ctx, const struct tdxc_external_change *change)
{
	struct tdxc_ksim_vm *vm = ctx;
	struct tdxc_ksim_pages *pages = &vm->host->pages;
	u32 level;
	u64 pa = given(change, &level);
	int err;

	/* the KeyID is gone: pages come back one by one, whatever their size */
	if (tdxc_load_acquire(&vm->sept.stage) > TDXC_SEPT_RUN)
		return TDXC_E_OPNOTSUPP;
	if (pa != 0)
		tdxc_ksim_lend(pages, level, pa);
	err = tdxc_sept_set(&vm->sept, change);
	switch (err) {
	case TDXC_OK:
		if (tdxc_spte_is_leaf(change->old) &&
		    tdxc_spte_is_leaf(change->now))
			tdxc_ksim_returned(pages, level,
					   tdxc_spte_pa(change->old));
		break;
	case TDXC_E_BUSY:
	case TDXC_E_NOMEM:
	case TDXC_E_OPNOTSUPP:
	case TDXC_E_INVAL:
		if (pa != 0)
			tdxc_ksim_returned(pages, level, pa);
		break;
	default:
		die(vm);
		break;
	}
	return err;
}

static void external_remove(void *ctx, struct tdxc_external_entry *entries,
			    size_t n, enum tdxc_lock lock)
{
	struct tdxc_ksim_vm *vm = ctx;
	size_t i;

	tdxc_sept_remove(&vm->sept, entries, n);
	atomic64_inc(&vm->batches);
	for (i = 0; i < n; i++) {
		const struct tdxc_external_entry *e = &entries[i];

		if (e->status == TDXC_OK && tdxc_spte_is_leaf(e->old))
			tdxc_ksim_returned(&vm->host->pages, e->level,
					   tdxc_spte_pa(e->old));
		else if (e->status != TDXC_OK && e->status != TDXC_E_BUSY)
			die(vm);
	}
}

static int external_reclaim(void *ctx, struct tdxc_gfn gfn, uint32_t level,
			    uint64_t external)
{
	struct tdxc_ksim_vm *vm = ctx;

	return tdxc_sept_reclaim(&vm->sept, gfn, external);
}

const struct tdxc_mmu_ops tdxc_ksim_mmu_ops = {
	.abi = TDXC_ABI,
	.table_alloc = table_alloc,
	.table_free = table_free,
	.table_retire = table_retire,
	.table_external = table_external,
	.lock_held = lock_held,
	.is_stale = is_stale,
	.external_set = external_set,
	.external_remove = external_remove,
	.external_reclaim = external_reclaim,
};

/* --- of the Secure EPT ---------------------------------------------------- */

static void kick(void *ctx, uint32_t vcpu)
{
	tdxc_ksim_vcpu_kick(ctx, vcpu);
}

static void relax(void *ctx)
{
	cpu_relax();
}

/* Caches have nothing of simulated memory. */
static void flush_lines(void *ctx, uint64_t pa, uint64_t bytes)
{
}

static void rewrite(void *ctx, uint64_t pa, uint64_t bytes)
{
	struct tdxc_ksim_vm *vm = ctx;

	tdxc_ksim_machine_zero(&vm->host->machine, pa, bytes);
}

static struct tdxc_pamt_cache *pamt_cache(void *ctx)
{
	struct tdxc_ksim_vm *vm = ctx;

	return &tdxc_ksim_actor(vm->host)->pamt;
}

static void page_back(void *ctx, uint64_t pa)
{
	struct tdxc_ksim_vm *vm = ctx;

	tdxc_ksim_returned(&vm->host->pages, 1, pa);
	tdxc_ksim_free(&vm->host->pages, 1, pa);
}

const struct tdxc_sept_ops tdxc_ksim_sept_ops = {
	.abi = TDXC_ABI,
	.kick = kick,
	.relax = relax,
	.clflush = flush_lines,
	.rewrite = rewrite,
	.pamt_cache = pamt_cache,
	.table_free = page_back,
};

/* --- of the TD ------------------------------------------------------------ */

static int page_alloc(void *ctx, uint64_t *pa)
{
	struct tdxc_ksim_vm *vm = ctx;
	int err = tdxc_ksim_alloc(&vm->host->pages, 1, pa);

	if (err == TDXC_OK)
		tdxc_ksim_lend(&vm->host->pages, 1, *pa);
	return err;
}

const struct tdxc_td_ops tdxc_ksim_td_ops = {
	.abi = TDXC_ABI,
	.page_alloc = page_alloc,
	.page_free = page_back,
	.lock_held = lock_held,
};
