/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* The auditor on the simulated machine. */
#include <stdlib.h>
#include <string.h>

#include "audit.h"

/* With the line model the truth may still be in a cache. */
static bool exists(void *ctx, uint64_t pa)
{
	const struct tdxc_sim_machine *machine = ctx;

	return machine->lines || tdxc_sim_memory_peek(machine->memory, pa);
}

static void *grow(void *ctx, void *old, size_t old_bytes, size_t bytes)
{
	(void)ctx;
	(void)old_bytes;
	return realloc(old, bytes);
}

static const struct tdxc_sim_audit_ops ops = {exists, grow};

int tdxc_sim_audit(struct tdxc_sim_machine *machine,
		   struct tdxc_sim_violation *out)
{
	struct tdxc_sim_auditor *a = calloc(1, sizeof(*a));
	int err;

	if (!a) {
		memset(out, 0, sizeof(*out));
		out->what = "no memory for the audit";
		return -1;
	}
	a->m = &machine->module;
	a->ops = &ops;
	a->ctx = machine;
	tdxc_sim_machine_begin_call(machine, 0);
	err = tdxc_sim_audit_run(a, out);
	tdxc_sim_machine_end_call(machine, 0);
	free(a->pages);
	free(a);
	return err;
}
