/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* The audit of a simulated machine. */
#ifndef TDXC_SIM_AUDIT_H
#define TDXC_SIM_AUDIT_H

#include "auditor.h"
#include "machine.h"

/* As tdxc_sim_audit_run(). */
int tdxc_sim_audit(struct tdxc_sim_machine *machine,
		   struct tdxc_sim_violation *out);

#endif
