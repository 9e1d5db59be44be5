/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * The ops of a module's bring-up (tdxcore/module.h) on the simulated machine.
 * PAMTs are taken where the planner wants them; what is lent out is recorded,
 * so that a leak or a page freed twice shows.
 */
#ifndef TDXC_SIM_MODULE_OPS_H
#define TDXC_SIM_MODULE_OPS_H

#include <tdxcore/module.h>

#include "port.h"

/* Zero it, then set `port`. */
struct tdxc_sim_module_port {
	struct tdxc_sim_port *port;
	/* set: the op calls that fail, by number from 1; 0: none. */
	uint64_t fail_at[2];

	/* counted: */
	uint64_t op_calls; /* of ops that can fail */
	uint64_t flushes;
	uint64_t rewritten_bytes;
	uint64_t nr_lent;   /* PAMTs that were not given back */
	uint64_t bad_frees; /* of what was not lent */
	struct tdxc_range lent[TDXC_MODULE_MAX_TDMRS][TDXC_PAMT_LEVELS];
};

/* ctx: the struct above. One CPU at a time, as the core calls them. */
extern const struct tdxc_module_ops tdxc_sim_module_ops;

/* Memory as a CPU writes it, without KeyID, for the module to read.
 * TDXC_E_RANGE: beyond the machine's memory. */
int tdxc_sim_port_publish(struct tdxc_sim_port *port, uint64_t pa,
			  const void *bytes, size_t nr_bytes);

#endif
