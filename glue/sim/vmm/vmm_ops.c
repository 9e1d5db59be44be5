/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * What the library needs of its platform: here it is told which pages go to the
 * module and which come back.
 */
#include <sched.h>

#include "vmm_impl.h"

/* --- of the MMU ---------------------------------------------------------- */

static int table_alloc(void *ctx, bool mirror, struct tdxc_mmu_table *table)
{
	struct tdxc_sim_vmm *vm = ctx;

	if (vmm_cpu(vm)->mmu.frozen != 0)
		tdxc_sim_host_stop("allocation in a frozen window", 0);
	return tdxc_sim_host_table_alloc(vm->host, mirror ? vm->owner : 0,
					 table);
}

static void table_free(void *ctx, const struct tdxc_mmu_table *table)
{
	struct tdxc_sim_vmm *vm = ctx;

	tdxc_sim_host_table_free(vm->host, table);
}

static void table_retire(void *ctx, const struct tdxc_mmu_table *table)
{
	struct tdxc_sim_vmm *vm = ctx;
	const struct tdxc_mmu_table memory = {.pa = table->pa};

	tdxc_sim_host_table_retire(vm->host, &memory);
}

static uint64_t table_external(void *ctx, uint64_t pa)
{
	struct tdxc_sim_vmm *vm = ctx;

	return tdxc_sim_host_table_external(vm->host, pa);
}

static bool lock_held(void *ctx, enum tdxc_lock lock)
{
	struct tdxc_sim_vmm *vm = ctx;
	const struct tdxc_sim_vmm_cpu *cpu = vmm_cpu(vm);

	return cpu->held == VMM_LOCKED_EXCLUSIVE ||
	       (cpu->held == VMM_LOCKED_SHARED && lock == TDXC_LOCK_SHARED);
}

static bool is_stale(void *ctx, const struct tdxc_fault *fault,
		     struct tdxc_gfn gfn, uint32_t level)
{
	return vmm_is_stale(ctx, fault, gfn.n, level);
}

/* The page that a change gives to the module, if any. */
static uint64_t given(const struct tdxc_external_change *change,
		      uint32_t *level)
{
	*level = 1;
	if (tdxc_spte_is_table(change->now))
		return change->external;
	if (tdxc_spte_is_table(change->old))
		return 0;
	*level = change->level;
	return tdxc_spte_pa(change->now);
}

/* Nobody knows what became of it. */
static void lost(struct tdxc_sim_vmm *vm,
		 const struct tdxc_external_change *change, uint64_t pa,
		 uint32_t level)
{
	struct tdxc_sim_host *host = vm->host;

	if (pa != 0)
		tdxc_sim_host_quarantine(host, level, pa);
	if (tdxc_spte_is_table(change->old))
		tdxc_sim_host_quarantine(host, 1, change->external);
	if (tdxc_spte_is_leaf(change->old))
		tdxc_sim_host_quarantine(host, change->level,
					 tdxc_spte_pa(change->old));
}

static int external_set(void *ctx, const struct tdxc_external_change *change)
{
	struct tdxc_sim_vmm *vm = ctx;
	struct tdxc_sim_host *host = vm->host;
	uint32_t level;
	uint64_t pa = given(change, &level);
	int err;

	if (pa != 0)
		tdxc_sim_host_lend(host, level, pa, vm->owner);
	err = tdxc_sept_set(&vm->sept, change);
	switch (err) {
	case TDXC_OK:
		if (tdxc_spte_is_leaf(change->old) &&
		    tdxc_spte_is_leaf(change->now))
			tdxc_sim_host_returned(host, level,
					       tdxc_spte_pa(change->old),
					       vm->owner);
		break;
	case TDXC_E_BUSY:
	case TDXC_E_NOMEM:
	case TDXC_E_OPNOTSUPP:
	case TDXC_E_INVAL:
		if (pa != 0)
			tdxc_sim_host_returned(host, level, pa, vm->owner);
		break;
	default:
		lost(vm, change, pa, level);
		vmm_die(vm, "a change of the Secure EPT failed", err);
		break;
	}
	return err;
}

static void settle(struct tdxc_sim_vmm *vm,
		   const struct tdxc_external_entry *entry)
{
	bool leaf = tdxc_spte_is_leaf(entry->old);
	uint32_t level = leaf ? entry->level : 1;
	uint64_t pa = leaf ? tdxc_spte_pa(entry->old) : entry->external;

	if (entry->status == TDXC_OK) {
		if (leaf)
			tdxc_sim_host_returned(vm->host, level, pa, vm->owner);
		return;
	}
	if (entry->status == TDXC_E_BUSY)
		return;
	tdxc_sim_host_quarantine(vm->host, level, pa);
	vmm_die(vm, "a removal from the Secure EPT failed", entry->status);
}

static void external_remove(void *ctx, struct tdxc_external_entry *entries,
			    size_t n, enum tdxc_lock lock)
{
	struct tdxc_sim_vmm *vm = ctx;

	(void)lock;
	tdxc_sept_remove(&vm->sept, entries, n);
	for (size_t i = 0; i < n; i++)
		settle(vm, &entries[i]);
}

static int external_reclaim(void *ctx, struct tdxc_gfn gfn, uint32_t level,
			    uint64_t external)
{
	struct tdxc_sim_vmm *vm = ctx;
	int err = tdxc_sept_reclaim(&vm->sept, gfn, external);

	(void)level;
	if (err != TDXC_OK)
		tdxc_sim_host_quarantine(vm->host, 1, external);
	return err;
}

const struct tdxc_mmu_ops vmm_mmu_ops = {
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

/* --- of the Secure EPT --------------------------------------------------- */

static void kick(void *ctx, uint32_t vcpu)
{
	tdxc_sim_vmm_kick(ctx, vcpu);
}

static void relax(void *ctx)
{
	(void)ctx;
	(void)sched_yield();
}

static void clflush(void *ctx, uint64_t pa, uint64_t bytes)
{
	struct tdxc_sim_vmm *vm = ctx;

	(void)tdxc_sim_machine_clflush(&vm->host->machine, tdxc_sim_port_lp(),
				       pa, bytes);
}

static void rewrite(void *ctx, uint64_t pa, uint64_t bytes)
{
	static const uint8_t zeros[64];
	struct tdxc_sim_vmm *vm = ctx;
	struct tdxc_sim_machine *machine = &vm->host->machine;

	if (!machine->options.lines) {
		tdxc_sim_memory_zero(machine->memory, pa, bytes);
		return;
	}
	for (uint64_t at = pa; at < pa + bytes; at += sizeof(zeros))
		(void)tdxc_sim_machine_movdir64b(machine, tdxc_sim_port_lp(),
						 at, zeros);
}

static struct tdxc_pamt_cache *pamt_cache(void *ctx)
{
	struct tdxc_sim_vmm *vm = ctx;

	return tdxc_sim_host_pamt_cache(vm->host);
}

static void page_back(void *ctx, uint64_t pa)
{
	struct tdxc_sim_vmm *vm = ctx;

	tdxc_sim_host_returned(vm->host, 1, pa, vm->owner);
	tdxc_sim_host_free(vm->host, 1, pa);
}

const struct tdxc_sept_ops vmm_sept_ops = {
	.abi = TDXC_ABI,
	.kick = kick,
	.relax = relax,
	.clflush = clflush,
	.rewrite = rewrite,
	.pamt_cache = pamt_cache,
	.table_free = page_back,
};

/* --- of the TD ----------------------------------------------------------- */

static int page_alloc(void *ctx, uint64_t *pa)
{
	struct tdxc_sim_vmm *vm = ctx;
	int err = tdxc_sim_host_alloc(vm->host, 1, TDXC_SIM_USE_CONTROL,
				      vm->owner, pa);

	if (err == TDXC_OK)
		tdxc_sim_host_lend(vm->host, 1, *pa, vm->owner);
	return err;
}

const struct tdxc_td_ops vmm_td_ops = {
	.abi = TDXC_ABI,
	.page_alloc = page_alloc,
	.page_free = page_back,
	.lock_held = lock_held,
};
