/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "pamt_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void must(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "pamt_rig: %s\n", what);
	abort();
}

uint64_t pamt_rig_up(struct pamt_rig *rig, const struct sim_shape *shape)
{
	struct tdxc_pamt_config *config = &rig->config;
	uint64_t status;

	memset(rig, 0, sizeof(*rig));
	status = sim_up(&rig->f, shape);
	if (status != 0)
		return status;
	rig->port.machine = &rig->f.machine;
	rig->seamcall = tdxc_sim_port_seamcall(&rig->port);
	rig->next_page = rig->f.end;
	rig->tdmrs[0] = (struct tdxc_range){rig->f.base, rig->f.end};
	/* the fixture puts all PAMTs behind the last TDMR */
	rig->pamts[0] = (struct tdxc_range){
		rig->f.end, rig->f.machine.platform.cmrs[1].base +
				    rig->f.machine.platform.cmrs[1].size};
	config->abi = TDXC_ABI;
	config->pa_bits = PAMT_RIG_PA_BITS;
	config->bitmap_bits = shape->dynamic_pamt;
	config->port = &rig->seamcall;
	config->limits = tdxc_seamcall_limits_usual();
	config->tdmrs = rig->tdmrs;
	config->nr_tdmrs = 1;
	config->pamts = rig->pamts;
	config->nr_pamts = 1;
	config->memory_bytes = tdxc_pamt_bytes(config);
	rig->memory = malloc(config->memory_bytes);
	must(rig->memory != NULL, "no memory");
	config->memory = rig->memory;
	return (uint64_t)tdxc_pamt_init(&rig->pamt, config);
}

void pamt_rig_down(struct pamt_rig *rig)
{
	pamt_rig_no_faults(rig);
	free(rig->memory);
	sim_down(&rig->f);
}

void pamt_rig_faults(struct pamt_rig *rig, struct tdxc_sim_fault_rule *rules,
		     size_t nr_rules, uint64_t seed)
{
	tdxc_sim_fault_attach(&rig->fault, &rig->f.machine, rules, nr_rules,
			      seed);
	rig->port.fault = &rig->fault;
}

void pamt_rig_no_faults(struct pamt_rig *rig)
{
	if (rig->port.fault)
		tdxc_sim_fault_detach(&rig->fault);
	rig->port.fault = NULL;
}

uint64_t pamt_rig_range(const struct pamt_rig *rig, uint64_t i)
{
	return rig->f.base + i * PAMT_RIG_2M;
}

uint64_t pamt_rig_page(struct pamt_rig *rig)
{
	rig->next_page -= PAMT_RIG_PAGE;
	return rig->next_page;
}

void pamt_rig_cache(struct pamt_rig_cache *c, uint32_t room)
{
	must(room <= PAMT_RIG_ROOM, "cache too large");
	tdxc_pamt_cache_init(&c->cache, c->pages, room);
}

void pamt_rig_fill(struct pamt_rig *rig, struct pamt_rig_cache *c, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct tdxc_pamt_page page = {pamt_rig_page(rig), false};

		must(tdxc_pamt_cache_add(&c->cache, page) == 0, "cache full");
	}
}

/* RDMD of a 4K page reaches the 4K level only through a pair. */
bool pamt_rig_module_has_pair(struct pamt_rig *rig, uint64_t range)
{
	struct tdxc_sim_regs out;

	must(sim_call(&rig->f, 0, (const uint64_t[5]){24, range}, &out) == 0,
	     "PAGE.RDMD");
	return out.gpr[TDXC_SIM_R8] == 0;
}
