/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "td_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ZAPPED 64u
/* Entries that find the module busy, before the vCPU is given up. */
#define ENTRIES 8u

static void must(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "td_rig: %s\n", what);
	abort();
}

/* --- SEAMCALL ------------------------------------------------------------- */

static void remember(struct td_rig *rig, uint64_t rax, uint64_t rcx,
		     uint64_t status)
{
	if (rig->nr_calls < TD_RIG_CALLS)
		rig->calls[rig->nr_calls] =
			(struct td_rig_call){rax, rcx, status, rig->cpu};
	rig->nr_calls++;
}

static uint64_t rig_call(void *ctx, uint64_t rax,
			 struct tdxc_seamcall_regs *regs,
			 enum tdxc_seamcall_shape shape)
{
	struct td_rig *rig = ctx;
	uint64_t rcx = regs->rcx;
	uint64_t status = 0;

	if (rig->look)
		status = rig->look(rig, false, 0, rax, regs);
	if (status == 0) {
		status = rig->host.seamcall.ops->call(rig->host.seamcall.ctx,
						      rax, regs, shape);
		if (rig->look)
			status = rig->look(rig, true, status, rax, regs);
	}
	remember(rig, rax, rcx, status);
	return status;
}

static const struct tdxc_seamcall_ops rig_seamcall_ops = {
	.abi = TDXC_ABI,
	.call = rig_call,
};

void td_rig_forget_calls(struct td_rig *rig)
{
	rig->nr_calls = 0;
}

uint64_t td_rig_count(const struct td_rig *rig, uint64_t rax)
{
	uint64_t n = 0;

	for (uint64_t i = 0; i < rig->nr_calls && i < TD_RIG_CALLS; i++)
		n += (rig->calls[i].rax & 0xFFFF) == rax;
	return n;
}

/* --- ops ------------------------------------------------------------------ */

static bool lock_held(void *ctx, enum tdxc_lock lock)
{
	const struct td_rig *rig = ctx;

	return lock == TDXC_LOCK_SHARED || rig->exclusive;
}

static int page_alloc(void *ctx, uint64_t *pa)
{
	struct td_rig *rig = ctx;
	int err = tdxc_sim_host_alloc(&rig->host, 1, TDXC_SIM_USE_CONTROL,
				      rig->owner, pa);

	if (err == TDXC_OK) {
		tdxc_sim_host_lend(&rig->host, 1, *pa, rig->owner);
		rig->allocated++;
	}
	return err;
}

static void page_free(void *ctx, uint64_t pa)
{
	struct td_rig *rig = ctx;

	tdxc_sim_host_returned(&rig->host, 1, pa, rig->owner);
	tdxc_sim_host_free(&rig->host, 1, pa);
	rig->allocated--;
}

static const struct tdxc_td_ops td_ops = {
	.abi = TDXC_ABI,
	.page_alloc = page_alloc,
	.page_free = page_free,
	.lock_held = lock_held,
};

static void kick(void *ctx, uint32_t vcpu)
{
	struct td_rig *rig = ctx;

	(void)vcpu;
	rig->kicks++;
}

static void relax(void *ctx)
{
	(void)ctx;
}

static void clflush(void *ctx, uint64_t pa, uint64_t bytes)
{
	struct td_rig *rig = ctx;

	rig->clflushes++;
	must(tdxc_sim_machine_clflush(&rig->host.machine, rig->cpu, pa,
				      bytes) == TDXC_OK,
	     "clflush");
}

static void rewrite(void *ctx, uint64_t pa, uint64_t bytes)
{
	static const char zeros[64];
	struct td_rig *rig = ctx;

	rig->rewrites++;
	rig->rewritten = pa;
	for (uint64_t at = pa; at < pa + bytes; at += sizeof(zeros))
		must(tdxc_sim_machine_movdir64b(&rig->host.machine, rig->cpu,
						at, zeros) == TDXC_OK,
		     "MOVDIR64B");
}

static struct tdxc_pamt_cache *pamt_cache(void *ctx)
{
	struct td_rig *rig = ctx;

	return rig->host.pamt.dynamic != 0
		       ? tdxc_sim_host_pamt_cache(&rig->host)
		       : NULL;
}

static void sept_table_free(void *ctx, uint64_t pa)
{
	struct td_rig *rig = ctx;

	tdxc_sim_host_returned(&rig->host, 1, pa, rig->owner);
	tdxc_sim_host_free(&rig->host, 1, pa);
}

static const struct tdxc_sept_ops sept_ops = {
	.abi = TDXC_ABI,
	.kick = kick,
	.relax = relax,
	.clflush = clflush,
	.rewrite = rewrite,
	.pamt_cache = pamt_cache,
	.table_free = sept_table_free,
};

static int table_alloc(void *ctx, bool mirror, struct tdxc_mmu_table *table)
{
	struct td_rig *rig = ctx;

	return tdxc_sim_host_table_alloc(&rig->host, mirror ? rig->owner : 0,
					 table);
}

static void table_free(void *ctx, const struct tdxc_mmu_table *table)
{
	struct td_rig *rig = ctx;

	tdxc_sim_host_table_free(&rig->host, table);
}

static void table_retire(void *ctx, const struct tdxc_mmu_table *table)
{
	struct td_rig *rig = ctx;

	tdxc_sim_host_table_retire(&rig->host, table);
}

static uint64_t table_external(void *ctx, uint64_t pa)
{
	struct td_rig *rig = ctx;

	return tdxc_sim_host_table_external(&rig->host, pa);
}

static bool is_stale(void *ctx, const struct tdxc_fault *fault,
		     struct tdxc_gfn gfn, uint32_t level)
{
	(void)ctx;
	(void)fault;
	(void)gfn;
	(void)level;
	return false;
}

/* Lent before the module gets it, back if it does not. */
static int external_set(void *ctx, const struct tdxc_external_change *change)
{
	struct td_rig *rig = ctx;
	uint64_t pa = tdxc_spte_is_table(change->now)
			      ? change->external
			      : tdxc_spte_pa(change->now);
	int err;

	tdxc_sim_host_lend(&rig->host, 1, pa, rig->owner);
	err = tdxc_sept_set(&rig->sept, change);
	if (err != TDXC_OK && err != TDXC_E_IO)
		tdxc_sim_host_returned(&rig->host, 1, pa, rig->owner);
	return err;
}

static void external_remove(void *ctx, struct tdxc_external_entry *entries,
			    size_t n, enum tdxc_lock lock)
{
	struct td_rig *rig = ctx;

	(void)lock;
	tdxc_sept_remove(&rig->sept, entries, n);
}

static int external_reclaim(void *ctx, struct tdxc_gfn gfn, uint32_t level,
			    uint64_t external)
{
	struct td_rig *rig = ctx;

	(void)level;
	return tdxc_sept_reclaim(&rig->sept, gfn, external);
}

static const struct tdxc_mmu_ops mmu_ops = {
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

/* --- machine -------------------------------------------------------------- */

static void write_page(struct td_rig *rig, uint64_t pa, const void *bytes,
		       size_t n)
{
	must(tdxc_sim_machine_store(&rig->host.machine, rig->cpu, pa, bytes,
				    n) == TDXC_OK,
	     "store");
}

static void write_params(struct td_rig *rig)
{
	uint64_t page[TDXC_TD_PARAMS_WORDS];
	struct tdxc_td_params_fault fault;
	struct tdxc_td_rules rules = {
		.abi = TDXC_ABI,
		.info = &rig->host.bringup.module.info,
	};
	const struct tdxc_td_params params = {
		.abi = TDXC_ABI,
		.levels = 4,
		.xfam = 7,
		.max_vcpus = TD_RIG_VCPUS,
		.tsc_frequency = 80,
	};

	must(tdxc_td_rules_read(&rig->host.seamcall, &rules, &rig->diag) ==
		     TDXC_OK,
	     "rules");
	must(tdxc_td_params_build(&rules, &params, page, &fault) == TDXC_OK,
	     "TD_PARAMS");
	write_page(rig, rig->params_pa, page, sizeof(page));
}

static void write_sources(struct td_rig *rig)
{
	unsigned char page[TD_RIG_PAGE];

	for (uint32_t i = 0; i < TD_RIG_IMAGE; i++) {
		must(tdxc_sim_host_alloc(&rig->host, 1, TDXC_SIM_USE_CONTROL, 0,
					 &rig->source[i]) == TDXC_OK,
		     "source page");
		for (size_t k = 0; k < sizeof(page); k++)
			page[k] = (unsigned char)(k * 7 + i * 31 + (k >> 8));
		write_page(rig, rig->source[i], page, sizeof(page));
	}
}

void td_rig_up(struct td_rig *rig, const struct td_rig_shape *shape)
{
	uint32_t packages = shape->packages != 0 ? shape->packages : 2;
	const struct tdxc_sim_host_config config = {
		.nr_lps = 2 * packages,
		.nr_packages = packages,
		.gib = 1,
		.static_pamt = !shape->dynamic_pamt,
		.lines = shape->lines,
		.erratum = shape->erratum,
		.seed = 1,
		.limits = {{1, 4, 8, 16}},
	};

	memset(rig, 0, sizeof(*rig));
	must(tdxc_sim_host_up(&rig->host, &config) == TDXC_OK, "host");
	rig->seamcall.ops = &rig_seamcall_ops;
	rig->seamcall.ctx = rig;
	rig->host.pamt.port = &rig->seamcall;
	tdxc_sim_host_thread_begin(&rig->host);
	tdxc_sim_host_take_this_lp(&rig->host, 0);
	rig->sept_vcpus =
		aligned_alloc(64, TD_RIG_VCPUS * sizeof(*rig->sept_vcpus));
	must(rig->sept_vcpus != NULL, "no memory");
	must(tdxc_sim_host_alloc(&rig->host, 1, TDXC_SIM_USE_CONTROL, 0,
				 &rig->params_pa) == TDXC_OK,
	     "params page");
	write_params(rig);
	write_sources(rig);
	rig->exclusive = true;
}

void td_rig_down(struct td_rig *rig)
{
	tdxc_sim_host_drop_lp(&rig->host);
	tdxc_sim_host_thread_end(&rig->host);
	free(rig->sept_vcpus);
	tdxc_sim_host_down(&rig->host);
}

void td_rig_on(struct td_rig *rig, uint32_t cpu)
{
	if (rig->cpu != cpu) {
		tdxc_sim_host_drop_lp(&rig->host);
		tdxc_sim_host_take_this_lp(&rig->host, cpu);
		rig->cpu = cpu;
	}
	must(tdxc_sim_host_pamt_topup(&rig->host) == TDXC_OK, "PAMT pages");
}

/* --- TD ------------------------------------------------------------------- */

static void new_sept(struct td_rig *rig, uint32_t nr_vcpus)
{
	const struct tdxc_module *m = &rig->host.bringup.module;
	const struct tdxc_sept_config config = {
		.abi = TDXC_ABI,
		.ops = &sept_ops,
		.ctx = rig,
		.port = &rig->seamcall,
		.limits = rig->host.config.limits,
		.pamt = &rig->host.pamt,
		.pa_bits = rig->host.platform.pa_bits,
		.clflush = tdxc_sysinfo_feature(&m->info, TDXC_FEATURE_CLFLUSH),
		.rewrite = m->config.partial_write_erratum,
		.kick_spins = 1000,
		.vcpus = rig->sept_vcpus,
		.nr_vcpus = nr_vcpus,
		.quarantine = &rig->host.quarantine,
	};

	memset(rig->sept_vcpus, 0, TD_RIG_VCPUS * sizeof(*rig->sept_vcpus));
	must(tdxc_sept_init(&rig->sept, &config) == TDXC_OK, "sept");
}

static void new_mmu(struct td_rig *rig)
{
	const struct tdxc_mmu_config config = {
		.abi = TDXC_ABI,
		.levels = 4,
		.ops = &mmu_ops,
		.ctx = rig,
		.virt = tdxc_sim_host_virt(&rig->host),
		.td = true,
		.end = 1ull << 35,
	};

	must(tdxc_mmu_init(&rig->mmu, &config) == TDXC_OK, "mmu");
	memset(&rig->mmu_cpu, 0, sizeof(rig->mmu_cpu));
	rig->mmu_cpu.batch =
		(struct tdxc_mmu_batch){rig->entries, rig->slots, TD_RIG_BATCH};
	must(tdxc_root_get(&rig->mmu, TDXC_ROOTS_MIRROR, &rig->root) == TDXC_OK,
	     "root");
}

struct tdxc_td_config td_rig_config(struct td_rig *rig)
{
	return (struct tdxc_td_config){
		.abi = TDXC_ABI,
		.ops = &td_ops,
		.ctx = rig,
		.module = &rig->host.bringup.module,
		.keyids = &rig->host.keyids,
		.sept = &rig->sept,
		.vcpus = rig->vcpus,
	};
}

void td_rig_new(struct td_rig *rig, uint32_t nr_vcpus)
{
	struct tdxc_td_config config = td_rig_config(rig);

	rig->owner = tdxc_sim_host_new_owner(&rig->host);
	rig->nr_image = 0;
	rig->measured = false;
	memset(rig->image, 0, sizeof(rig->image));
	memset(rig->vcpus, 0, sizeof(rig->vcpus));
	new_sept(rig, nr_vcpus);
	new_mmu(rig);
	must(tdxc_td_init(&rig->td, &config) == TDXC_OK, "td");
	td_rig_on(rig, 0);
	td_rig_forget_calls(rig);
}

/* A page may be named more than once, and may have come back since. */
static void follow_quarantine(struct td_rig *rig)
{
	const struct tdxc_sept_quarantine *q = &rig->host.quarantine;

	must(q->count <= q->room, "quarantine overflows");
	for (uint32_t i = 0; i < q->room; i++) {
		const struct tdxc_sept_lost *lost = &q->lost[i];

		if (lost->state == 1 &&
		    tdxc_sim_host_page(&rig->host, lost->pa).owner ==
			    rig->owner)
			tdxc_sim_host_quarantine(&rig->host, 1, lost->pa);
	}
}

void td_rig_forget(struct td_rig *rig)
{
	tdxc_mmu_release(&rig->mmu, &rig->mmu_cpu);
	tdxc_sim_host_reap(&rig->host, 0);
	follow_quarantine(rig);
}

const char *td_rig_check(struct td_rig *rig)
{
	static char text[200];
	int err;

	td_rig_forget(rig);
	err = tdxc_sim_host_check(&rig->host, text, sizeof(text));
	return err == 0 ? NULL : text;
}

/* --- build ---------------------------------------------------------------- */

static void topup(struct td_rig *rig)
{
	must(tdxc_mmu_topup(&rig->mmu, &rig->mmu_cpu, TDXC_MEMORY_PRIVATE) ==
		     TDXC_OK,
	     "tables");
	must(tdxc_sim_host_pamt_topup(&rig->host) == TDXC_OK, "PAMT pages");
}

int td_rig_fault(struct td_rig *rig, const struct tdxc_fault *fault)
{
	int err;

	topup(rig);
	tdxc_sim_host_read_lock(&rig->host);
	err = tdxc_mmu_fault(&rig->mmu, rig->root, &rig->mmu_cpu, fault,
			     TDXC_LOCK_EXCLUSIVE);
	tdxc_sim_host_read_unlock(&rig->host);
	return err;
}

static int map(struct td_rig *rig, uint64_t gfn, uint64_t source, uint64_t *pa)
{
	struct tdxc_fault fault = {
		.gfn = {gfn},
		.source = source,
		.level = 1,
		.is_private = true,
		.write = true,
	};
	int err = tdxc_sim_host_alloc(&rig->host, 1, TDXC_SIM_USE_PRIVATE,
				      rig->owner, pa);

	must(err == TDXC_OK, "no private page");
	fault.pa = *pa;
	err = td_rig_fault(rig, &fault);
	if (err != TDXC_OK && err != TDXC_E_IO)
		tdxc_sim_host_free(&rig->host, 1, *pa);
	return err == TDXC_FAULT_RETRY ? TDXC_E_BUSY : err;
}

int td_rig_map(struct td_rig *rig, uint64_t gfn)
{
	uint64_t pa;

	return map(rig, gfn, 0, &pa);
}

int td_rig_add_image(struct td_rig *rig)
{
	uint32_t i = rig->nr_image;
	int err = map(rig, TD_RIG_GFN + i, rig->source[i], &rig->image[i]);

	rig->nr_image += err == TDXC_OK;
	return err;
}

int td_rig_measure_image(struct td_rig *rig)
{
	const struct tdxc_gfn start = {TD_RIG_GFN};
	uint64_t done;
	int err = tdxc_td_measure(&rig->td, start, TD_RIG_IMAGE, &done,
				  &rig->diag);

	rig->measured = err == TDXC_OK;
	return err;
}

static int image_step(struct td_rig *rig)
{
	uint32_t nr_vcpus = rig->sept.config.nr_vcpus;
	uint32_t cpus = rig->host.description.nr_lps;

	if (rig->td.nr_vcpus < nr_vcpus) {
		uint32_t vcpu = rig->td.nr_vcpus;

		td_rig_on(rig, vcpu % cpus);
		return tdxc_td_vcpu_create(&rig->td, vcpu, rig->cpu, 0x1234,
					   &rig->diag);
	}
	td_rig_on(rig, 0);
	if (rig->nr_image < TD_RIG_IMAGE)
		return td_rig_add_image(rig);
	if (!rig->measured)
		return td_rig_measure_image(rig);
	return tdxc_td_finalize(&rig->td, &rig->diag);
}

int td_rig_build_step(struct td_rig *rig)
{
	struct tdxc_td_todo todo;
	int err = tdxc_td_next(&rig->td, &todo);

	if (err != TDXC_OK)
		return err;
	td_rig_on(rig, todo.cpu);
	switch (todo.step) {
	case TDXC_TD_CREATE:
		return tdxc_td_create(&rig->td, &rig->diag);
	case TDXC_TD_KEYS:
		return tdxc_td_key_config(&rig->td, todo.cpu, &rig->diag);
	case TDXC_TD_SETUP:
		return tdxc_td_setup(&rig->td, rig->params_pa, &rig->leaf,
				     &rig->diag);
	case TDXC_TD_BUILD:
		return image_step(rig);
	default:
		return TDXC_E_INVAL;
	}
}

int td_rig_build_to(struct td_rig *rig, enum tdxc_td_step step)
{
	int err = TDXC_OK;

	while (err == TDXC_OK && rig->td.step < step)
		err = td_rig_build_step(rig);
	return err;
}

int td_rig_enter(struct td_rig *rig, uint32_t vcpu,
		 struct tdxc_seamcall_full *regs, struct tdxc_td_exit *exit)
{
	uint64_t cpu = rig->vcpus[vcpu].cpu;

	if (cpu != 0)
		td_rig_on(rig, (uint32_t)(cpu - 1));
	memset(regs, 0, sizeof(*regs));
	return tdxc_td_enter(&rig->td, vcpu, rig->cpu, regs, exit);
}

int td_rig_build(struct td_rig *rig)
{
	struct tdxc_seamcall_full regs;
	struct tdxc_td_exit exit;
	int err = td_rig_build_to(rig, TDXC_TD_RUN);

	for (uint32_t i = 0; err == TDXC_OK && i < rig->sept.config.nr_vcpus;
	     i++) {
		uint32_t entries = 0;

		do {
			err = td_rig_enter(rig, i, &regs, &exit);
		} while (err == TDXC_E_AGAIN && ++entries < ENTRIES);
	}
	return err;
}

/* --- teardown ------------------------------------------------------------- */

static void page_home(struct td_rig *rig, const struct tdxc_zapped *z)
{
	uint64_t pa = tdxc_spte_pa(z->old);

	if (z->status != TDXC_OK) {
		tdxc_sim_host_quarantine(&rig->host, 1, pa);
		return;
	}
	tdxc_sim_host_returned(&rig->host, 1, pa, rig->owner);
	tdxc_sim_host_free(&rig->host, 1, pa);
}

int td_rig_zap(struct td_rig *rig, uint64_t gfn, uint64_t frames)
{
	struct tdxc_zapped out[ZAPPED];
	struct tdxc_zap zap = {
		.start = {gfn},
		.end = {gfn + frames},
		.reason = TDXC_ZAP_BACKING_GONE,
		.out = out,
		.room = ZAPPED,
	};
	int first = TDXC_OK;
	int err;

	do {
		tdxc_sim_host_read_lock(&rig->host);
		err = tdxc_mmu_zap(&rig->mmu, &rig->mmu_cpu, &zap,
				   TDXC_LOCK_EXCLUSIVE);
		tdxc_sim_host_read_unlock(&rig->host);
		for (size_t i = 0; i < zap.nr_out; i++)
			page_home(rig, &out[i]);
		if (err != TDXC_OK && err != TDXC_E_AGAIN && first == TDXC_OK)
			first = err;
	} while (err == TDXC_E_AGAIN || err == TDXC_E_IO);
	return first;
}

static int zap_roots(struct td_rig *rig)
{
	struct tdxc_zapped out[ZAPPED];
	struct tdxc_roots_zap zap = {.out = out, .room = ZAPPED};
	int err;

	do {
		tdxc_sim_host_read_lock(&rig->host);
		err = tdxc_zap_roots(&rig->mmu, &rig->mmu_cpu, &zap,
				     TDXC_LOCK_EXCLUSIVE);
		tdxc_sim_host_read_unlock(&rig->host);
		for (size_t i = 0; i < zap.nr_out; i++)
			page_home(rig, &out[i]);
	} while (err == TDXC_E_AGAIN);
	return err;
}

int td_rig_zap_mirror(struct td_rig *rig)
{
	int zapped = td_rig_zap(rig, 0, 1ull << 35);
	int err;

	if (zapped == TDXC_E_BUSY)
		return zapped;
	must(tdxc_roots_invalidate(&rig->mmu, TDXC_ROOTS_MIRROR,
				   TDXC_LOCK_EXCLUSIVE) == TDXC_OK,
	     "invalidate");
	err = zap_roots(rig);
	must(tdxc_root_put(&rig->mmu, rig->root) == TDXC_OK, "root");
	rig->root = NULL;
	return zapped != TDXC_OK ? zapped : err;
}

int td_rig_teardown_step(struct td_rig *rig)
{
	struct tdxc_td_todo todo;
	int err = tdxc_td_next(&rig->td, &todo);
	int zapped;

	if (err != TDXC_OK)
		return err;
	td_rig_on(rig, todo.cpu);
	switch (todo.step) {
	case TDXC_TD_VCPUS:
		return tdxc_td_vcpu_flush(&rig->td, todo.vcpu, todo.cpu,
					  &rig->diag);
	case TDXC_TD_CLOSE:
		return tdxc_td_close(&rig->td, &rig->diag);
	case TDXC_TD_CACHES:
		return tdxc_td_flush_package(&rig->td, todo.cpu, &rig->diag);
	case TDXC_TD_KEYID:
		return tdxc_td_free_keyid(&rig->td, &rig->diag);
	case TDXC_TD_RECLAIM:
		zapped = td_rig_zap_mirror(rig);
		if (zapped == TDXC_E_BUSY)
			return zapped;
		err = tdxc_td_reclaim(&rig->td, &rig->diag);
		return zapped != TDXC_OK ? zapped : err;
	default:
		return tdxc_td_end(&rig->td);
	}
}

int td_rig_teardown(struct td_rig *rig, uint32_t tries)
{
	uint32_t failed = 0;
	int first = tdxc_td_end(&rig->td);

	while (rig->td.step != TDXC_TD_GONE) {
		int err = td_rig_teardown_step(rig);

		if (err == TDXC_OK)
			continue;
		if (first == TDXC_OK)
			first = err;
		if (++failed > tries && rig->td.step != TDXC_TD_GONE) {
			must(tdxc_td_abandon(&rig->td) == TDXC_OK, "abandon");
			(void)tdxc_sim_host_give_up(&rig->host, rig->owner);
		}
	}
	return first;
}
