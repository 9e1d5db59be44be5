// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause-Patent)
/*
 * Threads and what they bring along, and the memory of page tables: real pages,
 * freed by RCU.
 */
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "sim.h"

/* --- actors --------------------------------------------------------------- */

struct tdxc_ksim_actor *tdxc_ksim_begin(struct tdxc_ksim_host *host)
{
	u32 i;

	for (i = 0; i < TDXC_KSIM_ACTORS; i++) {
		struct tdxc_ksim_actor *a = &host->actors[i];

		if (cmpxchg(&a->task, NULL, current) != NULL)
			continue;
		memset(&a->mmu, 0, sizeof(a->mmu));
		a->mmu.batch = (struct tdxc_mmu_batch){a->entries, a->slots,
						       TDXC_KSIM_BATCH};
		tdxc_pamt_cache_init(&a->pamt, a->pamt_pages,
				     TDXC_KSIM_PAMT_ROOM);
		a->held = TDXC_KSIM_UNLOCKED;
		return a;
	}
	return NULL;
}

struct tdxc_ksim_actor *tdxc_ksim_actor(struct tdxc_ksim_host *host)
{
	u32 i;

	for (i = 0; i < TDXC_KSIM_ACTORS; i++) {
		if (READ_ONCE(host->actors[i].task) == current)
			return &host->actors[i];
	}
	return NULL;
}

void tdxc_ksim_end(struct tdxc_ksim_host *host, struct tdxc_mmu *mmu)
{
	struct tdxc_ksim_actor *actor = tdxc_ksim_actor(host);

	if (mmu)
		tdxc_mmu_release(mmu, &actor->mmu);
	tdxc_ksim_pamt_drain(host, 0);
	smp_store_release(&actor->task, NULL);
}

int tdxc_ksim_pamt_topup(struct tdxc_ksim_host *host)
{
	struct tdxc_pamt_cache *cache = &tdxc_ksim_actor(host)->pamt;
	struct tdxc_pamt_page page = {0, false};
	int err = TDXC_OK;

	if (host->pamt.dynamic == 0)
		return TDXC_OK;
	while (err == TDXC_OK && cache->count < TDXC_KSIM_PAMT_LOW) {
		err = tdxc_ksim_alloc(&host->pages, 1, &page.pa);
		if (err == TDXC_OK)
			err = tdxc_pamt_cache_add(cache, page);
	}
	return err;
}

void tdxc_ksim_pamt_drain(struct tdxc_ksim_host *host, u32 keep)
{
	struct tdxc_pamt_cache *cache = &tdxc_ksim_actor(host)->pamt;
	struct tdxc_pamt_page page;

	while (cache->count > keep && tdxc_pamt_cache_take(cache, &page))
		tdxc_ksim_free(&host->pages, 1, page.pa);
}

/* --- tables --------------------------------------------------------------- */

/* Of a page that is a table, behind page_private(). */
struct table {
	struct rcu_head rcu;
	struct tdxc_ksim_host *host;
	struct page *page;
	u64 external;
};

static struct table *table_of(u64 pa)
{
	return (struct table *)page_private(pfn_to_page(pa >> PAGE_SHIFT));
}

static void release(struct table *table)
{
	struct tdxc_ksim_host *host = table->host;

	set_page_private(table->page, 0);
	__free_page(table->page);
	kfree(table);
	atomic64_dec(&host->nr_tables);
}

static void release_later(struct rcu_head *rcu)
{
	release(container_of(rcu, struct table, rcu));
}

int tdxc_ksim_table_alloc(struct tdxc_ksim_host *host, bool external,
			  struct tdxc_mmu_table *out)
{
	struct table *table = kzalloc(sizeof(*table), GFP_KERNEL);

	if (!table)
		return TDXC_E_NOMEM;
	table->page = alloc_page(GFP_KERNEL);
	if (!table->page) {
		kfree(table);
		return TDXC_E_NOMEM;
	}
	table->host = host;
	set_page_private(table->page, (unsigned long)table);
	atomic64_inc(&host->nr_tables);
	out->pa = (u64)page_to_pfn(table->page) << PAGE_SHIFT;
	out->external = 0;
	if (external && tdxc_ksim_alloc(&host->pages, 1, &out->external)) {
		release(table);
		return TDXC_E_NOMEM;
	}
	table->external = out->external;
	return TDXC_OK;
}

void tdxc_ksim_table_free(struct tdxc_ksim_host *host,
			  const struct tdxc_mmu_table *table)
{
	if (table->external != 0)
		tdxc_ksim_free(&host->pages, 1, table->external);
	release(table_of(table->pa));
}

/* Its page of the Secure EPT went before. */
void tdxc_ksim_table_retire(struct tdxc_ksim_host *host,
			    const struct tdxc_mmu_table *table)
{
	call_rcu(&table_of(table->pa)->rcu, release_later);
}

u64 tdxc_ksim_table_external(u64 pa)
{
	return table_of(pa)->external;
}
