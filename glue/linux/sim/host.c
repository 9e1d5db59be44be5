// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause-Patent)
/*
 * The module on the machine, brought up as a kernel would: what
 * tdxc_module_next() advises is done on the CPU that it names.
 */
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/workqueue.h>

#include "../record.h"
#include "sim.h"

/* Where the structures lie that the module reads: below 1 MiB, where no TDMR
 * has memory in use. */
#define POINTERS_PA 0x10000ull
#define LIST_PA	    0x11000ull
#define INFOS_PA    0x20000ull
#define INFOS_BYTES ((size_t)TDXC_MODULE_MAX_TDMRS * 1024)
#define GIB	    0x40000000ull

/* --- ops of the bring-up -------------------------------------------------- */

static int pamt_alloc(void *ctx, const struct tdxc_plan_tdmr *tdmr,
		      struct tdxc_range *pamt)
{
	struct tdxc_ksim_host *host = ctx;
	u32 level;

	for (level = 0; level < TDXC_PAMT_LEVELS; level++) {
		if (tdxc_range_is_empty(tdmr->pamt[level]))
			return TDXC_E_NOMEM;
	}
	memcpy(pamt, tdmr->pamt, sizeof(tdmr->pamt));
	host->nr_pamts++;
	return TDXC_OK;
}

static void pamt_free(void *ctx, const struct tdxc_range *pamt)
{
	struct tdxc_ksim_host *host = ctx;

	host->nr_pamts--;
}

static int flush_caches(void *ctx)
{
	struct tdxc_ksim_host *host = ctx;

	host->flushes++;
	return TDXC_OK;
}

static int rewrite(void *ctx, struct tdxc_range range)
{
	struct tdxc_ksim_host *host = ctx;

	tdxc_ksim_machine_zero(&host->machine, range.start,
			       tdxc_range_size(range));
	return TDXC_OK;
}

static const struct tdxc_module_ops module_ops = {
	.abi = TDXC_ABI,
	.pamt_alloc = pamt_alloc,
	.pamt_free = pamt_free,
	.flush_caches = flush_caches,
	.rewrite = rewrite,
};

/* --- begin ---------------------------------------------------------------- */

static int init_module_object(struct tdxc_ksim_host *host)
{
	const struct tdxc_sim_platform *p = &host->machine.platform;
	const struct tdxc_module_config config = {
		.abi = TDXC_ABI,
		.flags =
			host->config.dynamic_pamt ? 0 : TDXC_MODULE_STATIC_PAMT,
		.port = host->port,
		.ops = &module_ops,
		.ctx = host,
		.cpus = host->cpus,
		.nr_cpus = p->nr_lps,
		.pa_bits = p->pa_width - p->keyid_bits,
		.global_keyid = (u16)(p->shared_keyids + 1),
		.partial_write_erratum = host->config.erratum,
		.infos = host->infos,
		.infos_pa = INFOS_PA,
		.infos_bytes = INFOS_BYTES,
		.pointers = host->pointers,
		.pointers_pa = POINTERS_PA,
	};
	u32 i;

	for (i = 0; i < p->nr_lps; i++) {
		host->cpus[i].package = i * p->nr_packages / p->nr_lps;
		host->cpus[i].online = 1;
	}
	for (i = 0; i < p->nr_cmrs; i++)
		host->ram[i].range = (struct tdxc_range){
			p->cmrs[i].base, p->cmrs[i].base + p->cmrs[i].size};
	return tdxc_module_init(&host->module, &config);
}

struct tdxc_ksim_host *
tdxc_ksim_host_create(const struct tdxc_ksim_machine_config *config, int *err)
{
	struct tdxc_ksim_host *host = kvzalloc(sizeof(*host), GFP_KERNEL);

	*err = TDXC_E_NOMEM;
	if (!host)
		return NULL;
	host->config = *config;
	/* the format of traces is that of a module without */
	if (tdxc_record_is_on())
		host->config.dynamic_pamt = false;
	*err = tdxc_ksim_machine_init(&host->machine, &host->config);
	if (*err) {
		kvfree(host);
		return NULL;
	}
	host->port = tdxc_ksim_machine_port(&host->machine);
	/* powers of two are aligned to their size */
	host->infos = kzalloc(INFOS_BYTES, GFP_KERNEL);
	host->pointers =
		kzalloc(TDXC_MODULE_MAX_TDMRS * sizeof(u64), GFP_KERNEL);
	host->actors =
		kvcalloc(TDXC_KSIM_ACTORS, sizeof(*host->actors), GFP_KERNEL);
	*err = TDXC_E_NOMEM;
	if (host->infos && host->pointers && host->actors)
		*err = init_module_object(host);
	if (*err == TDXC_OK)
		return host;
	tdxc_ksim_host_destroy(host);
	return NULL;
}

/* --- steps ---------------------------------------------------------------- */

struct on_lp {
	int (*fn)(void *arg);
	void *arg;
};

static long run_on_lp(void *arg)
{
	const struct on_lp *work = arg;

	return work->fn(work->arg);
}

int tdxc_ksim_on_lp(struct tdxc_ksim_host *host, u32 lp, int (*fn)(void *arg),
		    void *arg)
{
	struct on_lp work = {fn, arg};

	return (int)work_on_cpu(host->machine.cpu_of[lp], run_on_lp, &work);
}

static int init_this_cpu(void *arg)
{
	struct tdxc_ksim_host *host = arg;

	return tdxc_module_cpu_init(&host->module,
				    tdxc_ksim_machine_lp(&host->machine),
				    &host->diag);
}

static int key_config(void *arg)
{
	struct tdxc_ksim_host *host = arg;

	return tdxc_module_key_config(&host->module,
				      tdxc_ksim_machine_lp(&host->machine),
				      &host->diag);
}

static int read_metadata(struct tdxc_ksim_host *host)
{
	return tdxc_module_read(&host->module,
				tdxc_ksim_machine_page(&host->machine, LIST_PA),
				LIST_PA, &host->metadata_fault, &host->diag);
}

static int make_plan(struct tdxc_ksim_host *host)
{
	size_t bytes;
	int err;

	host->request = (struct tdxc_plan_config){
		.abi = TDXC_ABI,
		.ram = host->ram,
		.nr_ram = host->machine.platform.nr_cmrs,
	};
	err = tdxc_module_plan_bytes(&host->module, &host->request, &bytes);
	if (err != TDXC_OK)
		return err;
	kvfree(host->scratch);
	host->scratch = kvmalloc(bytes, GFP_KERNEL);
	if (!host->scratch)
		return TDXC_E_NOMEM;
	return tdxc_module_plan(&host->module, &host->request, &host->plan,
				host->scratch, bytes, &host->plan_fault);
}

static void publish(struct tdxc_ksim_host *host, u64 pa, const void *from,
		    size_t bytes)
{
	size_t at;

	for (at = 0; at < bytes; at += PAGE_SIZE)
		memcpy(tdxc_ksim_machine_page(&host->machine, pa + at),
		       (const char *)from + at,
		       min_t(size_t, bytes - at, PAGE_SIZE));
}

static int place(struct tdxc_ksim_host *host)
{
	int err = tdxc_module_place(&host->module, &host->plan,
				    &host->plan_fault);

	if (err != TDXC_OK)
		return err;
	publish(host, INFOS_PA, host->infos, INFOS_BYTES);
	publish(host, POINTERS_PA, host->pointers,
		TDXC_MODULE_MAX_TDMRS * sizeof(u64));
	return TDXC_OK;
}

/* --- TDMR.INIT, by every CPU at once -------------------------------------- */

struct init_work {
	struct work_struct work;
	struct tdxc_ksim_host *host;
	int err;
};

static void init_tdmrs_here(struct work_struct *work)
{
	struct init_work *w = container_of(work, struct init_work, work);
	struct tdxc_seamcall_diag diag;
	u64 calls;

	do {
		w->err = tdxc_module_tdmr_init(&w->host->module, 16, &calls,
					       &diag);
		cond_resched();
	} while (w->err == TDXC_E_AGAIN);
}

static int init_tdmrs(struct tdxc_ksim_host *host)
{
	u32 n = host->machine.nr_lps;
	struct init_work *works = kcalloc(n, sizeof(*works), GFP_KERNEL);
	int err = TDXC_OK;
	u32 i;

	if (!works)
		return TDXC_E_NOMEM;
	for (i = 0; i < n; i++) {
		works[i].host = host;
		INIT_WORK(&works[i].work, init_tdmrs_here);
		schedule_work_on(host->machine.cpu_of[i], &works[i].work);
	}
	for (i = 0; i < n; i++) {
		flush_work(&works[i].work);
		if (works[i].err != TDXC_OK && works[i].err != TDXC_E_NOENT)
			err = works[i].err;
	}
	kfree(works);
	return err;
}

int tdxc_ksim_host_step(struct tdxc_ksim_host *host)
{
	struct tdxc_module_todo todo;
	int err = tdxc_module_next(&host->module, &todo);

	if (err != TDXC_OK)
		return err;
	switch (todo.step) {
	case TDXC_MODULE_CPUS:
		return tdxc_ksim_on_lp(host, todo.cpu, init_this_cpu, host);
	case TDXC_MODULE_READ:
		return read_metadata(host);
	case TDXC_MODULE_PLAN:
		return make_plan(host);
	case TDXC_MODULE_PLACE:
		return place(host);
	case TDXC_MODULE_CONFIG:
		return tdxc_module_configure(&host->module, &host->diag);
	case TDXC_MODULE_FLUSH:
		return tdxc_module_flush(&host->module);
	case TDXC_MODULE_KEYS:
		return tdxc_ksim_on_lp(host, todo.cpu, key_config, host);
	case TDXC_MODULE_TDMRS:
		return init_tdmrs(host);
	default:
		return TDXC_E_INVAL;
	}
}

/* --- what TDs need -------------------------------------------------------- */

static int init_keyids(struct tdxc_ksim_host *host)
{
	const struct tdxc_sim_platform *p = &host->machine.platform;
	size_t words;

	host->platform = (struct tdxc_platform){
		.usable = true,
		.seamrr_enabled = true,
		.errata = host->config.erratum ? TDXC_ERRATUM_PARTIAL_WRITE : 0,
		.maxphyaddr = p->pa_width,
		.keyid_bits = p->keyid_bits,
		.pa_bits = p->pa_width - p->keyid_bits,
		.nr_shared_keyids = p->shared_keyids,
		.nr_private_keyids = p->private_keyids,
		.global_keyid = p->shared_keyids + 1,
		.first_guest_keyid = p->shared_keyids + 2,
		.nr_guest_keyids = p->private_keyids - 1,
	};
	words = tdxc_keyids_words(&host->platform);
	host->keyid_words = kcalloc(words, sizeof(u64), GFP_KERNEL);
	return host->keyid_words
		       ? tdxc_keyids_init(&host->keyids, &host->platform,
					  host->keyid_words, words)
		       : TDXC_E_NOMEM;
}

static int init_pamt(struct tdxc_ksim_host *host)
{
	const struct tdxc_module *m = &host->module;
	struct tdxc_range tdmrs[4];
	struct tdxc_pamt_config config = {
		.abi = TDXC_ABI,
		.pa_bits = host->platform.pa_bits,
		.bitmap_bits = host->config.dynamic_pamt
				       ? m->limits.pamt_bitmap_bits
				       : 0,
		.port = &host->port,
		.limits = tdxc_seamcall_limits_usual(),
		.tdmrs = tdmrs,
		.nr_tdmrs = m->nr_tdmrs,
	};
	u32 i;

	if (m->nr_tdmrs > ARRAY_SIZE(tdmrs))
		return TDXC_E_NOSPC;
	for (i = 0; i < m->nr_tdmrs; i++)
		tdmrs[i] = m->tdmrs[i].range;
	config.memory_bytes = tdxc_pamt_bytes(&config);
	host->pamt_memory = kvmalloc(config.memory_bytes, GFP_KERNEL);
	if (!host->pamt_memory)
		return TDXC_E_NOMEM;
	config.memory = host->pamt_memory;
	return tdxc_pamt_init(&host->pamt, &config);
}

static int init_quarantine(struct tdxc_ksim_host *host)
{
	host->quarantine.room = 256;
	host->quarantine.lost =
		kvcalloc(host->quarantine.room, sizeof(*host->quarantine.lost),
			 GFP_KERNEL);
	return host->quarantine.lost ? TDXC_OK : TDXC_E_NOMEM;
}

/* The longest piece of the upper RAM without a PAMT in it. */
static int init_pages(struct tdxc_ksim_host *host)
{
	struct tdxc_range left = host->ram[1].range;
	const struct tdxc_module *m = &host->module;
	u32 i, level;

	for (i = 0; i < m->nr_tdmrs; i++) {
		for (level = 0; level < TDXC_PAMT_LEVELS; level++) {
			struct tdxc_range p = m->tdmrs[i].pamt[level];

			if (!tdxc_range_overlaps(left, p))
				continue;
			if (p.start - left.start > left.end - p.end)
				left.end = round_down(p.start, TDXC_SIZE_2M);
			else
				left.start = round_up(p.end, TDXC_SIZE_2M);
		}
	}
	return tdxc_ksim_pages_init(&host->pages, left);
}

int tdxc_ksim_host_up(struct tdxc_ksim_host *host)
{
	int err = TDXC_OK;

	while (err == TDXC_OK &&
	       tdxc_module_step(&host->module) != TDXC_MODULE_READY)
		err = tdxc_ksim_host_step(host);
	if (err == TDXC_OK)
		err = init_keyids(host);
	if (err == TDXC_OK)
		err = init_pamt(host);
	if (err == TDXC_OK)
		err = init_quarantine(host);
	if (err == TDXC_OK)
		err = init_pages(host);
	return err;
}

/* --- the end -------------------------------------------------------------- */

static void trim_pamt(struct tdxc_ksim_host *host)
{
	const struct tdxc_range all = {0, 1ull << host->platform.pa_bits};
	struct tdxc_ksim_actor *actor = tdxc_ksim_begin(host);
	struct tdxc_seamcall_diag diag;
	int err;

	if (!actor)
		return;
	do {
		err = tdxc_pamt_trim(&host->pamt, all, &actor->pamt, &diag);
		tdxc_ksim_pamt_drain(host, 0);
	} while (err == TDXC_E_NOSPC);
	tdxc_ksim_end(host, NULL);
}

u64 tdxc_ksim_host_destroy(struct tdxc_ksim_host *host)
{
	u64 left;

	/* tables that wait for readers */
	rcu_barrier();
	if (host->pamt_memory && host->pamt.dynamic)
		trim_pamt(host);
	if (tdxc_module_undo(&host->module, &host->diag) != TDXC_OK)
		host->pages.mistakes++;
	left = host->nr_pamts + host->pages.nr_taken + host->pages.nr_lent +
	       host->pages.mistakes + (u64)atomic64_read(&host->nr_tables) +
	       (u64)atomic64_read(&host->machine.scrapped);
	tdxc_ksim_pages_fini(&host->pages);
	kvfree(host->quarantine.lost);
	kvfree(host->pamt_memory);
	kfree(host->keyid_words);
	kvfree(host->actors);
	kvfree(host->scratch);
	kfree(host->infos);
	kfree(host->pointers);
	tdxc_ksim_machine_fini(&host->machine);
	kvfree(host);
	return left;
}
