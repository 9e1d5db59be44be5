/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* The ops of bring-up on the simulated machine. */
#include "module_ops.h"

#include <string.h>

#define LINE_BYTES 64u

/* Whether this op call is one of those that are to fail. */
static bool fails(struct tdxc_sim_module_port *p)
{
	p->op_calls++;
	return p->op_calls == p->fail_at[0] || p->op_calls == p->fail_at[1];
}

static int pamt_alloc(void *ctx, const struct tdxc_plan_tdmr *tdmr,
		      struct tdxc_range *pamt)
{
	struct tdxc_sim_module_port *p = ctx;
	uint64_t bytes = 0;

	for (uint32_t level = 0; level < TDXC_PAMT_LEVELS; level++) {
		if (tdxc_range_is_empty(tdmr->pamt[level]))
			return TDXC_E_NOMEM;
		bytes += tdxc_range_size(tdmr->pamt[level]);
	}
	tdxc_sim_port_note(p->port, TDXC_SIM_PORT_PAMT_ALLOC, tdmr->range.start,
			   bytes);
	if (fails(p) || p->nr_lent == TDXC_MODULE_MAX_TDMRS)
		return TDXC_E_NOMEM;
	memcpy(pamt, tdmr->pamt, sizeof(tdmr->pamt));
	memcpy(p->lent[p->nr_lent++], pamt, sizeof(tdmr->pamt));
	return TDXC_OK;
}

static void pamt_free(void *ctx, const struct tdxc_range *pamt)
{
	struct tdxc_sim_module_port *p = ctx;
	size_t bytes = sizeof(p->lent[0]);

	tdxc_sim_port_note(p->port, TDXC_SIM_PORT_PAMT_FREE,
			   pamt[TDXC_PAMT_4K].start, pamt[TDXC_PAMT_4K].end);
	for (uint64_t i = 0; i < p->nr_lent; i++) {
		if (memcmp(p->lent[i], pamt, bytes) != 0)
			continue;
		memmove(p->lent[i], p->lent[p->nr_lent - 1], bytes);
		p->nr_lent--;
		return;
	}
	p->bad_frees++;
}

static int flush_caches(void *ctx)
{
	struct tdxc_sim_module_port *p = ctx;
	struct tdxc_sim_machine *machine = p->port->machine;

	tdxc_sim_port_note(p->port, TDXC_SIM_PORT_FLUSH, 0, 0);
	p->flushes++;
	if (fails(p))
		return TDXC_E_BUSY;
	for (uint32_t lp = 0; lp < machine->platform.nr_lps; lp++) {
		int err = tdxc_sim_machine_wbinvd(machine, lp);

		if (err != TDXC_OK)
			return err;
		__atomic_store_n(&p->port->incoherent[lp], 0, __ATOMIC_RELEASE);
	}
	return TDXC_OK;
}

/* Without the line model memory has no keys, and zeroing is all there is. */
static int zero_range(struct tdxc_sim_machine *machine, struct tdxc_range range)
{
	static const uint8_t zeros[LINE_BYTES];

	if (!machine->options.lines) {
		tdxc_sim_memory_zero(machine->memory, range.start,
				     tdxc_range_size(range));
		return TDXC_OK;
	}
	for (uint64_t pa = range.start; pa < range.end; pa += LINE_BYTES) {
		int err = tdxc_sim_machine_movdir64b(
			machine, tdxc_sim_port_lp(), pa, zeros);

		if (err != TDXC_OK)
			return err;
	}
	return TDXC_OK;
}

static int rewrite(void *ctx, struct tdxc_range range)
{
	struct tdxc_sim_module_port *p = ctx;

	tdxc_sim_port_note(p->port, TDXC_SIM_PORT_REWRITE, range.start,
			   range.end);
	if (fails(p))
		return TDXC_E_BUSY;
	p->rewritten_bytes += tdxc_range_size(range);
	return zero_range(p->port->machine, range);
}

const struct tdxc_module_ops tdxc_sim_module_ops = {
	.abi = TDXC_ABI,
	.pamt_alloc = pamt_alloc,
	.pamt_free = pamt_free,
	.flush_caches = flush_caches,
	.rewrite = rewrite,
};

int tdxc_sim_port_publish(struct tdxc_sim_port *port, uint64_t pa,
			  const void *bytes, size_t nr_bytes)
{
	return tdxc_sim_machine_store(port->machine, tdxc_sim_port_lp(), pa,
				      bytes, nr_bytes);
}
