/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Bring-up on the simulated machine. */
#include "bringup.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Where the structures lie that the module reads: below 1 MiB, where no TDMR
 * has memory in use. */
#define POINTERS_PA 0x10000ull
#define LIST_PA	    0x11000ull
#define INFOS_PA    0x20000ull
#define INFOS_BYTES ((size_t)TDXC_MODULE_MAX_TDMRS * 1024)
#define MAX_THREADS TDXC_SIM_MAX_LPS

static void describe_cpus(struct tdxc_sim_bringup *b)
{
	const struct tdxc_sim_platform *p = &b->config.port->machine->platform;

	for (uint32_t i = 0; i < p->nr_lps; i++) {
		b->cpus[i].package = i * p->nr_packages / p->nr_lps;
		b->cpus[i].online = 1;
	}
}

static int init_module(struct tdxc_sim_bringup *b)
{
	const struct tdxc_sim_machine *machine = b->config.port->machine;
	const struct tdxc_sim_platform *p = &machine->platform;
	struct tdxc_module_config config = {
		.abi = TDXC_ABI,
		.flags = b->config.module_flags,
		.port = tdxc_sim_port_seamcall(b->config.port),
		.ops = &tdxc_sim_module_ops,
		.ctx = &b->ops,
		.cpus = b->cpus,
		.nr_cpus = p->nr_lps,
		.pa_bits = p->pa_width - p->keyid_bits,
		.global_keyid = (uint16_t)(p->shared_keyids + 1),
		.partial_write_erratum = tdxc_sim_machine_poisons(machine),
		.infos = b->infos,
		.infos_pa = INFOS_PA,
		.infos_bytes = INFOS_BYTES,
		.pointers = b->pointers,
		.pointers_pa = POINTERS_PA,
	};

	return tdxc_module_init(&b->module, &config);
}

int tdxc_sim_bringup_init(struct tdxc_sim_bringup *b,
			  const struct tdxc_sim_bringup_config *config)
{
	int err = TDXC_E_NOMEM;

	memset(b, 0, sizeof(*b));
	b->config = *config;
	b->ops.port = config->port;
	b->infos = aligned_alloc(TDXC_TDMR_INFO_ALIGN, INFOS_BYTES);
	b->pointers = aligned_alloc(TDXC_TDMR_INFO_ALIGN,
				    TDXC_MODULE_MAX_TDMRS * sizeof(uint64_t));
	if (b->infos && b->pointers) {
		describe_cpus(b);
		err = init_module(b);
	}
	if (err != TDXC_OK)
		tdxc_sim_bringup_fini(b);
	return err;
}

void tdxc_sim_bringup_fini(struct tdxc_sim_bringup *b)
{
	free(b->scratch);
	free(b->infos);
	free(b->pointers);
	b->scratch = NULL;
	b->infos = NULL;
	b->pointers = NULL;
}

/* Who finds another thread in it goes on working instead. */
static void show(struct tdxc_sim_bringup *b)
{
	if (!b->config.watch ||
	    __atomic_exchange_n(&b->watching, 1, __ATOMIC_ACQUIRE) != 0)
		return;
	b->config.watch(b->config.watch_ctx, b);
	__atomic_store_n(&b->watching, 0, __ATOMIC_RELEASE);
}

static int read_metadata(struct tdxc_sim_bringup *b)
{
	const void *page = NULL;
	int err;

	/* Only without the line model is a page the same for every KeyID. */
	if (!b->config.field_by_field &&
	    !b->config.port->machine->options.lines)
		page = tdxc_sim_memory_page(b->config.port->machine->memory,
					    LIST_PA);
	err = tdxc_module_read(&b->module, page, LIST_PA, &b->metadata_fault,
			       &b->diag);
	if (err != TDXC_OK)
		return err;
	if (b->config.max_tdmrs != 0 &&
	    b->config.max_tdmrs < b->module.limits.max_tdmrs)
		b->module.limits.max_tdmrs = b->config.max_tdmrs;
	if (b->config.max_reserved != 0 &&
	    b->config.max_reserved < b->module.limits.max_reserved)
		b->module.limits.max_reserved = b->config.max_reserved;
	return TDXC_OK;
}

static int make_plan(struct tdxc_sim_bringup *b)
{
	size_t bytes;
	int err;

	b->request = (struct tdxc_plan_config){
		.abi = TDXC_ABI,
		.flags = b->config.plan_flags,
		.ram = b->config.ram,
		.nr_ram = b->config.nr_ram,
		.cmrs = b->config.cmrs,
		.nr_cmrs = b->config.nr_cmrs,
	};
	err = tdxc_module_plan_bytes(&b->module, &b->request, &bytes);
	if (err != TDXC_OK)
		return err;
	free(b->scratch);
	b->scratch = malloc(bytes);
	if (!b->scratch)
		return TDXC_E_NOMEM;
	return tdxc_module_plan(&b->module, &b->request, &b->plan, b->scratch,
				bytes, &b->plan_fault);
}

static int place_pamts(struct tdxc_sim_bringup *b)
{
	int err = tdxc_module_place(&b->module, &b->plan, &b->plan_fault);

	if (err == TDXC_OK)
		err = tdxc_sim_port_publish(b->config.port, INFOS_PA, b->infos,
					    INFOS_BYTES);
	if (err == TDXC_OK)
		err = tdxc_sim_port_publish(
			b->config.port, POINTERS_PA, b->pointers,
			b->module.nr_tdmrs * sizeof(uint64_t));
	return err;
}

/* --- TDMR.INIT ------------------------------------------------------------ */

struct worker {
	struct tdxc_sim_bringup *b;
	uint32_t lp;
	int err;
	struct tdxc_seamcall_diag diag;
};

static void work(struct worker *w)
{
	struct tdxc_sim_bringup *b = w->b;
	uint64_t calls;

	do {
		w->err = tdxc_module_tdmr_init(
			&b->module, b->config.calls_per_turn, &calls, &w->diag);
		show(b);
	} while (w->err == TDXC_E_AGAIN);
}

static void *work_on_lp(void *arg)
{
	struct worker *w = arg;

	tdxc_sim_port_enter(w->lp);
	work(w);
	return NULL;
}

/* The worst that any of them said; one that found no work said nothing. */
static int worst(struct tdxc_sim_bringup *b, const struct worker *workers,
		 uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		if (workers[i].err == TDXC_OK || workers[i].err == TDXC_E_NOENT)
			continue;
		b->diag = workers[i].diag;
		return workers[i].err;
	}
	return TDXC_OK;
}

static int init_tdmrs(struct tdxc_sim_bringup *b)
{
	uint32_t threads = b->config.threads;
	struct worker workers[MAX_THREADS];
	pthread_t ids[MAX_THREADS];
	uint32_t started;

	if (threads > b->module.config.nr_cpus)
		threads = b->module.config.nr_cpus;
	for (uint32_t i = 0; i < MAX_THREADS; i++)
		workers[i] = (struct worker){.b = b, .lp = i};
	for (started = 1; started < threads; started++) {
		if (pthread_create(&ids[started], NULL, work_on_lp,
				   &workers[started]) != 0)
			break;
	}
	work(&workers[0]);
	for (uint32_t i = 1; i < started; i++)
		(void)pthread_join(ids[i], NULL);
	return worst(b, workers, started);
}

/* --- one step ------------------------------------------------------------- */

static int do_step(struct tdxc_sim_bringup *b,
		   const struct tdxc_module_todo *todo)
{
	struct tdxc_module *m = &b->module;

	switch (todo->step) {
	case TDXC_MODULE_CPUS:
		tdxc_sim_port_enter(todo->cpu);
		return tdxc_module_cpu_init(m, todo->cpu, &b->diag);
	case TDXC_MODULE_READ:
		return read_metadata(b);
	case TDXC_MODULE_PLAN:
		return make_plan(b);
	case TDXC_MODULE_PLACE:
		return place_pamts(b);
	case TDXC_MODULE_CONFIG:
		return tdxc_module_configure(m, &b->diag);
	case TDXC_MODULE_FLUSH:
		return tdxc_module_flush(m);
	case TDXC_MODULE_KEYS:
		tdxc_sim_port_enter(todo->cpu);
		return tdxc_module_key_config(m, todo->cpu, &b->diag);
	case TDXC_MODULE_TDMRS:
		return init_tdmrs(b);
	default:
		return TDXC_E_INVAL;
	}
}

int tdxc_sim_bringup_step(struct tdxc_sim_bringup *b)
{
	struct tdxc_module_todo todo;

	memset(&b->diag, 0, sizeof(b->diag));
	b->err = tdxc_module_next(&b->module, &todo);
	if (b->err == TDXC_OK)
		b->err = do_step(b, &todo);
	tdxc_sim_port_enter(0);
	b->failed_step = todo.step;
	b->failed_cpu = todo.cpu;
	show(b);
	return b->err;
}

int tdxc_sim_bringup_run(struct tdxc_sim_bringup *b)
{
	while (tdxc_module_step(&b->module) != TDXC_MODULE_READY) {
		int err = tdxc_sim_bringup_step(b);

		if (err != TDXC_OK)
			return err;
	}
	return TDXC_OK;
}
