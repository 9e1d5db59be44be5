// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause-Patent)
/* The effects that mirror, Secure EPT and TD ask for. */
#include <linux/gfp.h>
#include <linux/lockdep.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/smp.h>

#include "mmu.h"
#include "tdxc_linux.h"
#include "trace.h"

/* Kept by the page of a table, in page->private. */
struct table {
	struct rcu_head rcu;
	struct page *page;
	u64 external;
};

/* Who holds the lock on this CPU, for the op that is not told. */
static DEFINE_PER_CPU(struct tdxc_linux_mmu_cpu *, active);

static struct table *table_of(u64 pa)
{
	return (struct table *)page_private(pfn_to_page(PHYS_PFN(pa)));
}

/* --- ops of the mirror ---------------------------------------------------- */

static int table_alloc(void *ctx, bool mirror, struct tdxc_mmu_table *table)
{
	struct tdxc_linux_mmu *l = ctx;
	struct table *t = kzalloc(sizeof(*t), GFP_KERNEL_ACCOUNT);

	if (!t)
		return TDXC_E_NOMEM;
	t->page = alloc_page(GFP_KERNEL_ACCOUNT);
	if (!t->page)
		goto no_page;
	if (mirror &&
	    l->config.pages->page_alloc(l->config.pages_ctx, &t->external))
		goto no_external;
	set_page_private(t->page, (unsigned long)t);
	table->pa = PFN_PHYS(page_to_pfn(t->page));
	table->external = t->external;
	atomic64_inc(&l->tables);
	return TDXC_OK;
no_external:
	__free_page(t->page);
no_page:
	kfree(t);
	return TDXC_E_NOMEM;
}

static void release(struct table *t)
{
	set_page_private(t->page, 0);
	__free_page(t->page);
	kfree(t);
}

static void table_free(void *ctx, const struct tdxc_mmu_table *table)
{
	struct tdxc_linux_mmu *l = ctx;

	if (table->external)
		l->config.pages->page_free(l->config.pages_ctx,
					   table->external);
	release(table_of(table->pa));
	atomic64_dec(&l->tables);
}

static void retired(struct rcu_head *rcu)
{
	release(container_of(rcu, struct table, rcu));
}

static void table_retire(void *ctx, const struct tdxc_mmu_table *table)
{
	struct tdxc_linux_mmu *l = ctx;

	if (table->external)
		l->config.pages->page_free(l->config.pages_ctx,
					   table->external);
	atomic64_dec(&l->tables);
	call_rcu(&table_of(table->pa)->rcu, retired);
}

static uint64_t table_external(void *ctx, uint64_t pa)
{
	return table_of(pa)->external;
}

/* Only a kernel with lockdep can tell. */
static bool lock_held(void *ctx, enum tdxc_lock lock)
{
#ifdef CONFIG_LOCKDEP
	struct tdxc_linux_mmu *l = ctx;

	if (!debug_locks)
		return true;
	if (lock == TDXC_LOCK_EXCLUSIVE)
		return lockdep_is_held_type(&l->lock, 0);
	return lockdep_is_held(&l->lock);
#else
	return true;
#endif
}

static bool is_stale(void *ctx, const struct tdxc_fault *fault,
		     struct tdxc_gfn gfn, uint32_t level)
{
	struct tdxc_linux_mmu *l = ctx;

	return smp_load_acquire(&l->invalidating) ||
	       smp_load_acquire(&l->sequence) != fault->sequence;
}

static int external_set(void *ctx, const struct tdxc_external_change *change)
{
	struct tdxc_linux_mmu *l = ctx;

	return l->config.sept ? tdxc_sept_set(l->config.sept, change) : TDXC_OK;
}

static void external_remove(void *ctx, struct tdxc_external_entry *entries,
			    size_t n, enum tdxc_lock lock)
{
	struct tdxc_linux_mmu *l = ctx;
	size_t i;

	if (l->config.sept) {
		tdxc_sept_remove(l->config.sept, entries, n);
		return;
	}
	for (i = 0; i < n; i++) {
		if (entries[i].external)
			l->config.pages->page_free(l->config.pages_ctx,
						   entries[i].external);
		entries[i].status = TDXC_OK;
	}
}

static int external_reclaim(void *ctx, struct tdxc_gfn gfn, uint32_t level,
			    uint64_t external)
{
	struct tdxc_linux_mmu *l = ctx;

	if (l->config.sept)
		return tdxc_sept_reclaim(l->config.sept, gfn, external);
	l->config.pages->page_free(l->config.pages_ctx, external);
	return TDXC_OK;
}

const struct tdxc_mmu_ops tdxc_linux_mmu_ops = {
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

/* --- ops of the Secure EPT and of a TD ------------------------------------ */

static void nothing(void *unused)
{
}

/* An interrupt of any kind makes a vCPU leave. */
static void kick(void *ctx, uint32_t vcpu)
{
	struct tdxc_linux_mmu *l = ctx;
	int cpu = -1;

	if (l->config.cpu_of_vcpu)
		cpu = READ_ONCE(l->config.cpu_of_vcpu[vcpu]);
	if (cpu >= 0)
		smp_call_function_single(cpu, nothing, NULL, 0);
}

/* The lock does not let anybody sleep. */
static void relax(void *ctx)
{
	cpu_relax();
}

static void clflush_page(void *ctx, uint64_t pa, uint64_t bytes)
{
	tdxc_linux_clflush(__va(pa), bytes);
}

static void rewrite(void *ctx, uint64_t pa, uint64_t bytes)
{
	tdxc_linux_rewrite(__va(pa), bytes);
}

static struct tdxc_pamt_cache *pamt_cache(void *ctx)
{
	struct tdxc_linux_mmu_cpu *cpu = this_cpu_read(active);

	return cpu ? cpu->pamt : NULL;
}

static void sept_table_free(void *ctx, uint64_t pa)
{
	struct tdxc_linux_mmu *l = ctx;

	l->config.pages->page_free(l->config.pages_ctx, pa);
}

const struct tdxc_sept_ops tdxc_linux_sept_ops = {
	.abi = TDXC_ABI,
	.kick = kick,
	.relax = relax,
	.clflush = clflush_page,
	.rewrite = rewrite,
	.pamt_cache = pamt_cache,
	.table_free = sept_table_free,
};

static int page_alloc(void *ctx, uint64_t *pa)
{
	return tdxc_linux_page_alloc(pa);
}

static void page_free(void *ctx, uint64_t pa)
{
	tdxc_linux_page_free(pa);
}

const struct tdxc_td_ops tdxc_linux_td_ops = {
	.abi = TDXC_ABI,
	.page_alloc = page_alloc,
	.page_free = page_free,
	.lock_held = lock_held,
};

/* --- operations ----------------------------------------------------------- */

int tdxc_linux_mmu_init(struct tdxc_linux_mmu *l,
			const struct tdxc_linux_mmu_config *config)
{
	struct tdxc_mmu_config mmu = {
		.abi = TDXC_ABI,
		.levels = config->levels,
		.ops = &tdxc_linux_mmu_ops,
		.ctx = l,
		.virt = PAGE_OFFSET,
		.td = config->td,
		.end = config->end,
	};

	memset(l, 0, sizeof(*l));
	l->config = *config;
	init_rwsem(&l->lock);
	spin_lock_init(&l->invalidation_lock);
	return tdxc_mmu_init(&l->mmu, &mmu);
}

void tdxc_linux_mmu_cpu_init(struct tdxc_linux_mmu_cpu *cpu)
{
	cpu->mmu.batch.entries = cpu->entries;
	cpu->mmu.batch.slots = cpu->slots;
	cpu->mmu.batch.room = TDXC_LINUX_BATCH;
}

void tdxc_linux_mmu_cpu_release(struct tdxc_linux_mmu *l,
				struct tdxc_linux_mmu_cpu *cpu)
{
	tdxc_mmu_release(&l->mmu, &cpu->mmu);
}

/* Nobody else on this CPU until the end: `active` is of one operation. */
static void section_begin(struct tdxc_linux_mmu_cpu *cpu) __acquires(RCU)
{
	preempt_disable();
	rcu_read_lock();
	this_cpu_write(active, cpu);
}

static void section_end(void) __releases(RCU)
{
	this_cpu_write(active, NULL);
	rcu_read_unlock();
	preempt_enable();
}

static int root_get(struct tdxc_linux_mmu *l, bool is_private,
		    struct tdxc_root **root)
{
	return tdxc_root_get(&l->mmu,
			     is_private ? TDXC_ROOTS_MIRROR : TDXC_ROOTS_DIRECT,
			     root);
}

/* AGAIN: others changed the count. The MMU itself keeps the root. */
static void root_put(struct tdxc_linux_mmu *l, struct tdxc_root *root)
{
	while (tdxc_root_put(&l->mmu, root) == TDXC_E_AGAIN)
		cpu_relax();
}

u64 tdxc_linux_mmu_sequence(const struct tdxc_linux_mmu *l)
{
	return smp_load_acquire(&l->sequence);
}

int tdxc_linux_mmu_fault(struct tdxc_linux_mmu *l,
			 struct tdxc_linux_mmu_cpu *cpu,
			 const struct tdxc_fault *fault)
{
	struct tdxc_root *root;
	int result;

	result = tdxc_mmu_topup(&l->mmu, &cpu->mmu,
				fault->is_private ? TDXC_MEMORY_PRIVATE
						  : TDXC_MEMORY_SHARED);
	if (result)
		return result;
	down_read(&l->lock);
	result = root_get(l, fault->is_private, &root);
	if (!result) {
		section_begin(cpu);
		result = tdxc_mmu_fault(&l->mmu, root, &cpu->mmu, fault,
					TDXC_LOCK_SHARED);
		section_end();
		root_put(l, root);
	}
	up_read(&l->lock);
	trace_tdxcore_fault(fault->gfn.n, fault->level, fault->is_private,
			    result);
	return result;
}

void tdxc_linux_mmu_invalidate_begin(struct tdxc_linux_mmu *l)
{
	spin_lock(&l->invalidation_lock);
	smp_store_release(&l->invalidating, l->invalidating + 1);
	spin_unlock(&l->invalidation_lock);
}

void tdxc_linux_mmu_invalidate_end(struct tdxc_linux_mmu *l)
{
	spin_lock(&l->invalidation_lock);
	smp_store_release(&l->sequence, l->sequence + 1);
	smp_store_release(&l->invalidating, l->invalidating - 1);
	spin_unlock(&l->invalidation_lock);
}

int tdxc_linux_mmu_zap(struct tdxc_linux_mmu *l, struct tdxc_linux_mmu_cpu *cpu,
		       struct tdxc_zap *zap)
{
	u32 memory = 0;
	int err;

	down_read(&l->lock);
	section_begin(cpu);
	err = tdxc_mmu_zap(&l->mmu, &cpu->mmu, zap, TDXC_LOCK_SHARED);
	section_end();
	up_read(&l->lock);
	if (!tdxc_zap_memory(l->config.td, zap->reason, &memory))
		trace_tdxcore_zap(zap->start.n, zap->end.n,
				  memory & TDXC_MEMORY_PRIVATE, err);
	return err;
}

struct tdxc_found tdxc_linux_mmu_lookup(struct tdxc_linux_mmu *l,
					bool is_private, u64 gfn)
{
	struct tdxc_found found = {};
	struct tdxc_root *root;

	down_read(&l->lock);
	if (!root_get(l, is_private, &root)) {
		rcu_read_lock();
		found = tdxc_lookup(&root->tree, (struct tdxc_gfn){gfn});
		rcu_read_unlock();
		root_put(l, root);
	}
	up_read(&l->lock);
	return found;
}

/* Leaves first, as far as they go, then what held them. */
int tdxc_linux_mmu_destroy(struct tdxc_linux_mmu *l,
			   struct tdxc_linux_mmu_cpu *cpu)
{
	u32 classes =
		TDXC_ROOTS_DIRECT | (l->config.td ? TDXC_ROOTS_MIRROR : 0);
	struct tdxc_zapped *out =
		kvcalloc(TDXC_LINUX_BATCH, sizeof(*out), GFP_KERNEL);
	struct tdxc_roots_zap zap = {.out = out, .room = TDXC_LINUX_BATCH};
	int err;

	if (!out)
		return TDXC_E_NOMEM;
	down_write(&l->lock);
	err = tdxc_roots_invalidate(&l->mmu, classes, TDXC_LOCK_EXCLUSIVE);
	while (!err) {
		section_begin(cpu);
		err = tdxc_zap_roots(&l->mmu, &cpu->mmu, &zap,
				     TDXC_LOCK_EXCLUSIVE);
		section_end();
		cond_resched();
		if (err == TDXC_OK)
			break;
		if (err == TDXC_E_AGAIN)
			err = TDXC_OK;
	}
	up_write(&l->lock);
	tdxc_mmu_release(&l->mmu, &cpu->mmu);
	rcu_barrier();
	kvfree(out);
	return err || zap.tables_lost == 0 ? err : TDXC_E_IO;
}
