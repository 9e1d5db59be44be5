// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause-Patent)
/*
 * The loop around tdxc_module_next(): each step runs on the CPU that it names.
 * What a step is, when it may be repeated and how it is undone, the core says.
 */
#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/printk.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/topology.h>
#include <linux/workqueue.h>

#include "bringup.h"
#include "power.h"
#include "recording.h"
#include "sim/sim.h"
#include "tdxc_linux.h"

#define INFOS_BYTES ((size_t)TDXC_MODULE_MAX_TDMRS * 1024)
/* SEAMCALLs of a CPU before it lets others run. */
#define CALLS_PER_TURN	64
#define QUARANTINE_ROOM 256

static struct tdxc_linux_bringup machine = {
	.lock = __MUTEX_INITIALIZER(machine.lock),
};

struct tdxc_linux_bringup *tdxc_linux_bringup(void)
{
	return &machine;
}

/* --- the module's ops ----------------------------------------------------- */

static void pamt_free(void *ctx, const struct tdxc_range *pamt)
{
	u32 i;

	for (i = 0; i < TDXC_PAMT_LEVELS; i++)
		if (pamt[i].start < pamt[i].end)
			tdxc_linux_contig_free(pamt[i]);
}

static int pamt_alloc(void *ctx, const struct tdxc_plan_tdmr *tdmr,
		      struct tdxc_range *pamt)
{
	struct tdxc_range got[TDXC_PAMT_LEVELS] = {};
	u32 i;

	for (i = 0; i < TDXC_PAMT_LEVELS; i++) {
		if (tdmr->pamt_bytes[i] == 0)
			continue;
		if (tdxc_linux_contig_alloc(tdmr->pamt_bytes[i],
					    (int)tdmr->node, &got[i])) {
			pamt_free(ctx, got);
			return TDXC_E_NOMEM;
		}
	}
	memcpy(pamt, got, sizeof(got));
	return TDXC_OK;
}

static int flush_caches(void *ctx)
{
	tdxc_linux_wbinvd_all();
	return TDXC_OK;
}

static int rewrite(void *ctx, struct tdxc_range range)
{
	if (!tdxc_linux_has_movdir64b())
		return TDXC_E_OPNOTSUPP;
	tdxc_linux_rewrite(__va(range.start), range.end - range.start);
	return TDXC_OK;
}

const struct tdxc_module_ops tdxc_linux_module_ops = {
	.abi = TDXC_ABI,
	.pamt_alloc = pamt_alloc,
	.pamt_free = pamt_free,
	.flush_caches = flush_caches,
	.rewrite = rewrite,
};

/* --- memory of the bring-up ----------------------------------------------- */

static void memory_free(struct tdxc_linux_bringup *b)
{
	kvfree(b->memory);
	kvfree(b->scratch);
	kvfree(b->ram);
	kfree(b->keyid_words);
	kvfree(b->quarantine.lost);
	kfree(b->cpus);
	kfree(b->cpu_of);
	kfree(b->index_of);
	if (b->infos)
		free_pages_exact(b->infos, INFOS_BYTES);
	free_page((unsigned long)b->pointers);
	b->memory = NULL;
	b->nr_memory = 0;
	b->scratch = NULL;
	b->ram = NULL;
	b->keyid_words = NULL;
	b->quarantine.lost = NULL;
	b->cpus = NULL;
	b->cpu_of = NULL;
	b->index_of = NULL;
	b->infos = NULL;
	b->pointers = NULL;
}

static int memory_alloc(struct tdxc_linux_bringup *b)
{
	b->nr_cpus = num_present_cpus();
	b->cpus = kcalloc(b->nr_cpus, sizeof(*b->cpus), GFP_KERNEL);
	b->cpu_of = kcalloc(b->nr_cpus, sizeof(u32), GFP_KERNEL);
	b->index_of = kcalloc(nr_cpu_ids, sizeof(u32), GFP_KERNEL);
	if (b->index_of) /* no CPU of the module's */
		memset(b->index_of, 0xFF, nr_cpu_ids * sizeof(u32));
	b->infos = alloc_pages_exact(INFOS_BYTES, GFP_KERNEL | __GFP_ZERO);
	b->pointers = (u64 *)get_zeroed_page(GFP_KERNEL);
	b->ram = tdxc_linux_ram_get(&b->nr_ram);
	b->quarantine.room = QUARANTINE_ROOM;
	b->quarantine.lost = kvcalloc(QUARANTINE_ROOM,
				      sizeof(*b->quarantine.lost), GFP_KERNEL);
	if (b->cpus && b->cpu_of && b->index_of && b->infos && b->pointers &&
	    b->ram && b->quarantine.lost)
		return TDXC_OK;
	memory_free(b);
	return TDXC_E_NOMEM;
}

/* Every CPU that firmware told of, offline ones too. */
static void describe_cpus(struct tdxc_linux_bringup *b)
{
	u32 i = 0;
	int cpu;

	for_each_present_cpu(cpu)
	{
		if (i == b->nr_cpus)
			break;
		b->cpus[i].package = (u32)topology_physical_package_id(cpu);
		b->cpus[i].online = cpu_online(cpu);
		b->cpu_of[i] = (u32)cpu;
		b->index_of[cpu] = i;
		i++;
	}
}

static int module_object(struct tdxc_linux_bringup *b)
{
	const struct tdxc_platform *p = b->config.platform;
	struct tdxc_module_config config = {
		.abi = TDXC_ABI,
		.flags = tdxc_linux_param_dynamic_pamt()
				 ? 0
				 : TDXC_MODULE_STATIC_PAMT,
		.port = b->config.port,
		.ops = &tdxc_linux_module_ops,
		.cpus = b->cpus,
		.nr_cpus = b->nr_cpus,
		.pa_bits = p->pa_bits,
		.global_keyid = (u16)p->global_keyid,
		.partial_write_erratum = p->errata & TDXC_ERRATUM_PARTIAL_WRITE,
		.infos = b->infos,
		.infos_pa = __pa(b->infos),
		.infos_bytes = INFOS_BYTES,
		.pointers = b->pointers,
		.pointers_pa = __pa(b->pointers),
	};

	return tdxc_module_init(&b->module, &config);
}

/* --- CPUs come and go ----------------------------------------------------- */

/* Whose CPUs they are; callbacks have no context. */
static struct tdxc_linux_bringup *owner;

static int lp_online(unsigned int cpu)
{
	struct tdxc_linux_bringup *b = owner;
	u32 index = b->index_of[cpu];
	struct tdxc_seamcall_diag diag = {};
	int err = tdxc_module_cpu_may_join(&b->module, index);

	if (!err)
		err = tdxc_module_cpu_init(&b->module, index, &diag);
	if (err) {
		b->diag = diag;
		return err;
	}
	b->cpus[index].online = 1;
	if (READ_ONCE(b->waiting))
		schedule_work(&b->resume);
	return 0;
}

static enum tdxc_coherence_module module_state(struct tdxc_linux_bringup *b)
{
	if (b->module.disabled)
		return TDXC_COHERENCE_DISABLED;
	return TDXC_COHERENCE_CALLED;
}

static int lp_offline(unsigned int cpu)
{
	struct tdxc_linux_bringup *b = owner;
	u32 index = b->index_of[cpu];
	struct tdxc_coherence_answer answer;
	u32 package;
	int err;

	err = tdxc_module_cpu_may_leave(
		&b->module, index,
		b->keyid_words ? tdxc_keyids_in_use(&b->keyids) : 0, &package);
	if (err == TDXC_E_BUSY)
		pr_warn_ratelimited("tdxcore: CPU %u stays: KeyIDs are in use, "
				    "and it is the last of package %u\n",
				    cpu, package);
	if (err)
		return err;
	err = tdxc_coherence_decide(
		tdxc_linux_coherence(), TDXC_COHERENCE_CPU_OFFLINE,
		module_state(b),
		tdxc_coherence_reasons(tdxc_linux_coherence_of((int)cpu)),
		&answer);
	if (!err && answer.action == TDXC_COHERENCE_DO_WBINVD)
		tdxc_linux_wbinvd();
	if (!err && answer.action == TDXC_COHERENCE_DO_WBNOINVD)
		tdxc_linux_wbnoinvd();
	b->cpus[index].online = 0;
	return err;
}

/* --- steps ---------------------------------------------------------------- */

static int read_metadata(struct tdxc_linux_bringup *b)
{
	void *page = (void *)get_zeroed_page(GFP_KERNEL);
	int err;

	if (!page)
		return TDXC_E_NOMEM;
	err = tdxc_module_read(&b->module, page, __pa(page), &b->metadata_fault,
			       &b->diag);
	free_page((unsigned long)page);
	return err;
}

static int make_plan(struct tdxc_linux_bringup *b)
{
	size_t bytes;
	int err;

	b->request = (struct tdxc_plan_config){
		.abi = TDXC_ABI,
		.flags = TDXC_PLAN_CALLER_PLACES,
		.ram = b->ram,
		.nr_ram = b->nr_ram,
	};
	err = tdxc_module_plan_bytes(&b->module, &b->request, &bytes);
	if (err)
		return err;
	kvfree(b->scratch);
	b->scratch = kvmalloc(bytes, GFP_KERNEL);
	if (!b->scratch)
		return TDXC_E_NOMEM;
	return tdxc_module_plan(&b->module, &b->request, &b->plan, b->scratch,
				bytes, &b->plan_fault);
}

static int remember_memory(struct tdxc_linux_bringup *b)
{
	size_t i;

	b->memory =
		kvcalloc(b->plan.nr_memory + 1, sizeof(*b->memory), GFP_KERNEL);
	if (!b->memory)
		return TDXC_E_NOMEM;
	for (i = 0; i < b->plan.nr_memory; i++)
		b->memory[i] = b->plan.memory[i].range;
	b->nr_memory = tdxc_range_join(b->memory, b->plan.nr_memory);
	return TDXC_OK;
}

static int place_pamts(struct tdxc_linux_bringup *b)
{
	int err = tdxc_module_place(&b->module, &b->plan, &b->plan_fault);

	return err ? err : remember_memory(b);
}

struct on_cpu {
	struct tdxc_linux_bringup *b;
	u32 index;
};

static int key_config(void *arg)
{
	struct on_cpu *on = arg;

	return tdxc_module_key_config(&on->b->module, on->index, &on->b->diag);
}

struct worker {
	struct work_struct work;
	struct tdxc_module *module;
	struct tdxc_seamcall_diag diag;
	int err;
};

static void work_tdmrs(struct work_struct *work)
{
	struct worker *w = container_of(work, struct worker, work);
	u64 calls;

	do {
		w->err = tdxc_module_tdmr_init(w->module, CALLS_PER_TURN,
					       &calls, &w->diag);
		cond_resched();
	} while (w->err == TDXC_E_AGAIN);
}

/* On every CPU at once; one that found no work has nothing to say. */
static int init_tdmrs(struct tdxc_linux_bringup *b)
{
	struct worker *workers =
		kcalloc(b->nr_cpus, sizeof(*workers), GFP_KERNEL);
	int err = TDXC_OK;
	u32 i;

	if (!workers)
		return TDXC_E_NOMEM;
	cpus_read_lock();
	for (i = 0; i < b->nr_cpus; i++) {
		INIT_WORK(&workers[i].work, work_tdmrs);
		workers[i].module = &b->module;
		if (cpu_online(b->cpu_of[i]))
			schedule_work_on((int)b->cpu_of[i], &workers[i].work);
	}
	for (i = 0; i < b->nr_cpus; i++) {
		flush_work(&workers[i].work);
		if (err || !workers[i].err || workers[i].err == TDXC_E_NOENT)
			continue;
		err = workers[i].err;
		b->diag = workers[i].diag;
	}
	cpus_read_unlock();
	kfree(workers);
	return err;
}

static int take_keyids(struct tdxc_linux_bringup *b)
{
	size_t words = tdxc_keyids_words(b->config.platform);

	if (b->keyid_words)
		return TDXC_OK;
	b->keyid_words = kcalloc(words, sizeof(u64), GFP_KERNEL);
	if (!b->keyid_words)
		return TDXC_E_NOMEM;
	return tdxc_keyids_init(&b->keyids, b->config.platform, b->keyid_words,
				words);
}

static int do_step(struct tdxc_linux_bringup *b,
		   const struct tdxc_module_todo *todo)
{
	struct on_cpu on = {.b = b, .index = todo->cpu};

	switch (todo->step) {
	case TDXC_MODULE_READ:
		return read_metadata(b);
	case TDXC_MODULE_PLAN:
		return make_plan(b);
	case TDXC_MODULE_PLACE:
		return place_pamts(b);
	case TDXC_MODULE_CONFIG:
		return tdxc_module_configure(&b->module, &b->diag);
	case TDXC_MODULE_FLUSH:
		return tdxc_module_flush(&b->module);
	case TDXC_MODULE_KEYS:
		return smp_call_on_cpu(b->cpu_of[todo->cpu], key_config, &on,
				       false);
	case TDXC_MODULE_TDMRS:
		return init_tdmrs(b);
	default:
		return TDXC_E_INVAL;
	}
}

static int run(struct tdxc_linux_bringup *b)
{
	struct tdxc_module_todo todo;
	int err = take_keyids(b);

	while (!err && tdxc_module_step(&b->module) != TDXC_MODULE_READY) {
		err = tdxc_module_next(&b->module, &todo);
		b->step = todo.step;
		if (!err)
			err = do_step(b, &todo);
	}
	return err;
}

/* --- all of it ------------------------------------------------------------ */

static int vmx_get(struct tdxc_linux_bringup *b)
{
	int err = b->config.vmx ? tdxc_linux_vmx_get() : 0;

	if (err)
		pr_info("tdxcore: %s\n", tdxc_linux_vmx_text(err));
	return err;
}

static void vmx_put(struct tdxc_linux_bringup *b)
{
	if (b->config.vmx)
		tdxc_linux_vmx_put();
}

/* Without a module no KeyID keeps a CPU. */
static void forget_keyids(struct tdxc_linux_bringup *b)
{
	u64 *words = b->keyid_words;

	/* Not while a CPU is about to go by them. */
	cpus_read_lock();
	b->keyid_words = NULL;
	cpus_read_unlock();
	kfree(words);
}

int tdxc_linux_bringup_stop(struct tdxc_linux_bringup *b)
{
	struct tdxc_seamcall_diag diag;
	int err = tdxc_module_undo(&b->module, &diag);

	if (err)
		pr_warn("tdxcore: memory stays lent to the TDX module: %s, "
			"status 0x%llx\n",
			tdxc_err_name(err), diag.status);
	forget_keyids(b);
	cpuhp_remove_state(b->hotplug_state);
	owner = NULL;
	b->waiting = false;
	tdxc_linux_publish(b, false);
	memory_free(b);
	vmx_put(b);
	return err;
}

/* Until it is ready, or waits, or is taken back. */
static int go_on(struct tdxc_linux_bringup *b)
{
	int err = run(b);

	b->waiting = err == TDXC_E_NODEV && b->config.waits &&
		     b->step == TDXC_MODULE_CPUS;
	if (!err)
		tdxc_linux_publish(b, true);
	else if (!b->waiting)
		(void)tdxc_linux_bringup_stop(b);
	return err;
}

int tdxc_linux_bringup_start(struct tdxc_linux_bringup *b,
			     const struct tdxc_linux_bringup_config *config)
{
	int err;

	if (owner)
		return TDXC_E_BUSY;
	b->config = *config;
	err = vmx_get(b);
	if (err)
		return err;
	err = memory_alloc(b);
	if (err)
		goto no_memory;
	describe_cpus(b);
	err = module_object(b);
	if (err)
		goto no_module;
	owner = b;
	b->step = TDXC_MODULE_CPUS;
	err = cpuhp_setup_state(CPUHP_AP_ONLINE_DYN, "x86/tdxcore:lp",
				lp_online, lp_offline);
	if (err < 0)
		goto no_cpus;
	b->hotplug_state = err;
	return go_on(b);
no_cpus:
	owner = NULL;
no_module:
	memory_free(b);
no_memory:
	vmx_put(b);
	return err;
}

static void say_how_it_ended(const struct tdxc_linux_bringup *b)
{
	if (!b->err)
		pr_info("tdxcore: TDX module ready\n");
	else if (b->waiting)
		pr_info("tdxcore: bring-up waits for CPUs that are offline\n");
	else
		pr_info("tdxcore: bring-up ended at %s with %s: %s, status "
			"0x%llx\n",
			tdxc_module_step_name(b->step), tdxc_err_name(b->err),
			tdxc_leaf_name(b->diag.rax), b->diag.status);
}

/* A CPU came, and did LP.INIT. */
static void resume(struct work_struct *work)
{
	struct tdxc_linux_bringup *b = &machine;

	mutex_lock(&b->lock);
	if (b->waiting) {
		b->err = go_on(b);
		say_how_it_ended(b);
	}
	mutex_unlock(&b->lock);
}

/* TDX that is not there is no reason not to load: the rest is of use. */
int tdxc_linux_bringup_init(void)
{
	struct tdxc_linux_bringup_config config = {
		.platform = tdxc_linux_platform(),
		.port = tdxc_linux_seamcall_port(),
		.vmx = !tdxc_ksim_firmware_is_on(),
		.waits = true,
	};
	struct tdxc_linux_bringup *b = &machine;
	struct tdxc_hotplug_state state;
	int err;

	INIT_WORK(&b->resume, resume);
	tdxc_linux_hotplug_state(&state);
	err = tdxc_hotplug_may_bring_up(&state);
	if (err) {
		b->err = err;
		return 0;
	}
	tdxc_linux_record_machine();
	mutex_lock(&b->lock);
	b->err = tdxc_linux_bringup_start(b, &config);
	say_how_it_ended(b);
	mutex_unlock(&b->lock);
	return 0;
}

void tdxc_linux_bringup_exit(void)
{
	struct tdxc_linux_bringup *b = &machine;

	mutex_lock(&b->lock);
	if (b->started || b->waiting)
		(void)tdxc_linux_bringup_stop(b);
	mutex_unlock(&b->lock);
	cancel_work_sync(&b->resume);
}
