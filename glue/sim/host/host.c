/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* A host, from power on to power off. */
#include "host.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host_impl.h"

#define MIB 0x100000ull
#define GIB 0x40000000ull
/* Family 6: model ADh, without the partial-write erratum, and 8Fh, with it. */
#define FMS	    0xA06D0u
#define FMS_ERRATUM 0x806F8u

_Noreturn void tdxc_sim_host_stop(const char *what, uint64_t where)
{
	fprintf(stderr, "sim host: %s: %llx\n", what,
		(unsigned long long)where);
	abort();
}

/* A processor that makes a SEAMCALL is not taken away from it, a thread is: who
 * finds a lock taken lets its holder go on. */
static uint64_t call(void *ctx, uint64_t rax, struct tdxc_seamcall_regs *regs,
		     enum tdxc_seamcall_shape shape)
{
	uint64_t status =
		tdxc_sim_port_seamcall_ops.call(ctx, rax, regs, shape);

	if (tdxc_again(status) == TDXC_AGAIN_BUSY)
		(void)sched_yield();
	return status;
}

static const struct tdxc_seamcall_ops patient_ops = {
	.abi = TDXC_ABI,
	.call = call,
};

static void describe(struct tdxc_sim_host *host)
{
	const struct tdxc_sim_host_config *c = &host->config;
	struct tdxc_sim_platform *p = &host->description;

	if (c->platform) {
		*p = *c->platform;
		return;
	}
	*p = (struct tdxc_sim_platform){
		.abi = TDXC_ABI,
		.profile = c->static_pamt ? TDXC_SIM_PROFILE_1_5_01
					  : TDXC_SIM_PROFILE_NEWER,
		.nr_lps = c->nr_lps != 0 ? c->nr_lps : 20,
		.nr_packages = c->nr_packages != 0 ? c->nr_packages : 2,
		.pa_width = 52,
		.keyid_bits = 6,
		.shared_keyids = 31,
		.private_keyids = 32,
		.fms = c->erratum ? FMS_ERRATUM : FMS,
		.cache_blocks = 4,
		.seamrr = {0x90000000, 0x98000000},
		.cmrs = {{MIB, GIB - MIB},
			 {4 * GIB, (c->gib != 0 ? c->gib : 2) * GIB}},
		.nr_cmrs = 2,
	};
}

static void describe_ram(struct tdxc_sim_host *host)
{
	const struct tdxc_sim_platform *p = &host->description;

	for (uint32_t i = 0; i < p->nr_cmrs; i++)
		host->ram[i].range = (struct tdxc_range){
			p->cmrs[i].base, p->cmrs[i].base + p->cmrs[i].size};
	if (host->config.ram)
		return;
	host->config.ram = host->ram;
	host->config.nr_ram = p->nr_cmrs;
}

static int bring_up(struct tdxc_sim_host *host)
{
	const struct tdxc_sim_bringup_config config = {
		.port = &host->port,
		.ram = host->config.ram,
		.nr_ram = host->config.nr_ram,
		.module_flags =
			host->config.static_pamt ? TDXC_MODULE_STATIC_PAMT : 0,
	};
	int err = tdxc_sim_bringup_init(&host->bringup, &config);

	if (err != TDXC_OK)
		return err;
	err = tdxc_sim_bringup_run(&host->bringup);
	if (err != TDXC_OK)
		tdxc_sim_bringup_fini(&host->bringup);
	return err;
}

static int judge(struct tdxc_sim_host *host)
{
	struct tdxc_platform_regs regs;
	size_t words;
	int err = tdxc_sim_port_platform(&host->machine, 0, &regs);

	if (err == TDXC_OK)
		err = tdxc_platform_judge(&regs, &host->platform);
	if (err != TDXC_OK)
		return err;
	words = tdxc_keyids_words(&host->platform);
	if (words == 0)
		return TDXC_E_NODEV;
	host->keyid_words = calloc(words, sizeof(uint64_t));
	return host->keyid_words
		       ? tdxc_keyids_init(&host->keyids, &host->platform,
					  host->keyid_words, words)
		       : TDXC_E_NOMEM;
}

static int init_pamt(struct tdxc_sim_host *host)
{
	const struct tdxc_module *m = &host->bringup.module;
	struct tdxc_range tdmrs[TDXC_MODULE_MAX_TDMRS];
	struct tdxc_pamt_config config = {
		.abi = TDXC_ABI,
		.pa_bits = host->platform.pa_bits,
		.bitmap_bits = (m->config.flags & TDXC_MODULE_STATIC_PAMT) != 0
				       ? 0
				       : m->limits.pamt_bitmap_bits,
		.port = &host->seamcall,
		.limits = host->config.limits,
		.tdmrs = tdmrs,
		.nr_tdmrs = m->nr_tdmrs,
	};

	for (uint32_t i = 0; i < m->nr_tdmrs; i++)
		tdmrs[i] = m->tdmrs[i].range;
	config.memory_bytes = tdxc_pamt_bytes(&config);
	host->pamt_memory = malloc(config.memory_bytes);
	if (!host->pamt_memory)
		return TDXC_E_NOMEM;
	config.memory = host->pamt_memory;
	return tdxc_pamt_init(&host->pamt, &config);
}

static int init_quarantine(struct tdxc_sim_host *host)
{
	uint32_t room = host->config.quarantine_room != 0
				? host->config.quarantine_room
				: 4096;

	host->quarantine.lost = calloc(room, sizeof(struct tdxc_sept_lost));
	host->quarantine.room = room;
	return host->quarantine.lost ? TDXC_OK : TDXC_E_NOMEM;
}

static void release(struct tdxc_sim_host *host)
{
	tdxc_sim_host_lps_down(host);
	tdxc_sim_host_tables_down(host);
	tdxc_sim_host_pages_down(host);
	free(host->quarantine.lost);
	free(host->pamt_memory);
	free(host->keyid_words);
}

static int build(struct tdxc_sim_host *host)
{
	int err = judge(host);

	if (err == TDXC_OK)
		err = init_pamt(host);
	if (err == TDXC_OK)
		err = init_quarantine(host);
	if (err == TDXC_OK)
		err = tdxc_sim_host_pages_up(host);
	if (err == TDXC_OK)
		err = tdxc_sim_host_tables_up(host);
	if (err == TDXC_OK)
		err = tdxc_sim_host_lps_up(host);
	if (err != TDXC_OK)
		release(host);
	return err;
}

int tdxc_sim_host_up(struct tdxc_sim_host *host,
		     const struct tdxc_sim_host_config *config)
{
	const struct tdxc_sim_machine_options options = {.lines =
								 config->lines};
	int err;

	memset(host, 0, sizeof(*host));
	host->config = *config;
	if (config->limits.attempts[TDXC_AGAIN_BUSY] == 0)
		host->config.limits = tdxc_seamcall_limits_usual();
	describe(host);
	describe_ram(host);
	if (tdxc_sim_machine_init_with(&host->machine, &host->description,
				       config->seed, &options) != 0)
		return TDXC_E_INVAL;
	host->port.machine = &host->machine;
	host->port.guest = tdxc_sim_host_let_in;
	host->port.guest_ctx = host;
	host->seamcall = (struct tdxc_seamcall_port){&patient_ops, &host->port};
	err = bring_up(host);
	if (err == TDXC_OK) {
		err = build(host);
		if (err != TDXC_OK)
			tdxc_sim_bringup_fini(&host->bringup);
	}
	if (err != TDXC_OK)
		tdxc_sim_machine_fini(&host->machine);
	host->port.cost_ns = config->cost_ns;
	return err;
}

static void forget(struct tdxc_sim_host *host)
{
	release(host);
	tdxc_sim_bringup_fini(&host->bringup);
	host->keyid_words = NULL;
	host->pamt_memory = NULL;
	host->quarantine = (struct tdxc_sept_quarantine){0};
	host->blocks = NULL;
	host->nr_blocks = 0;
	host->whole = NULL;
	host->partial = NULL;
	host->apart = NULL;
	memset(host->counts, 0, sizeof(host->counts));
}

int tdxc_sim_host_next_kernel(struct tdxc_sim_host *host)
{
	uint64_t cost_ns = host->port.cost_ns;
	int err;

	host->port.cost_ns = 0;
	tdxc_sim_host_no_faults(host);
	forget(host);
	err = bring_up(host);
	if (err == TDXC_OK) {
		err = build(host);
		if (err != TDXC_OK)
			tdxc_sim_bringup_fini(&host->bringup);
	}
	host->bare = err != TDXC_OK;
	host->port.cost_ns = cost_ns;
	return err;
}

void tdxc_sim_host_down(struct tdxc_sim_host *host)
{
	tdxc_sim_host_no_faults(host);
	if (!host->bare) {
		release(host);
		tdxc_sim_bringup_fini(&host->bringup);
	}
	tdxc_sim_machine_fini(&host->machine);
}

void tdxc_sim_host_faults(struct tdxc_sim_host *host,
			  struct tdxc_sim_fault_rule *rules, size_t nr_rules,
			  uint64_t seed)
{
	tdxc_sim_host_no_faults(host);
	tdxc_sim_fault_attach(&host->fault, &host->machine, rules, nr_rules,
			      seed);
	host->port.fault = &host->fault;
}

void tdxc_sim_host_no_faults(struct tdxc_sim_host *host)
{
	if (host->port.fault)
		tdxc_sim_fault_detach(&host->fault);
	host->port.fault = NULL;
}

bool tdxc_sim_host_must_flush(const struct tdxc_sim_host *host)
{
	return host->config.lines ||
	       tdxc_sysinfo_feature(&host->bringup.module.info,
				    TDXC_FEATURE_CLFLUSH);
}

uint16_t tdxc_sim_host_new_owner(struct tdxc_sim_host *host)
{
	return __atomic_add_fetch(&host->last_owner, 1, __ATOMIC_RELAXED);
}
