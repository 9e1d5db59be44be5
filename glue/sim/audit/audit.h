/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * The auditor: is everything the module keeps, in its own structure and in
 * simulated memory, consistent? Reads every PAMT entry, TD, S-EPT page and
 * vCPU; changes nothing. For quiet moments: no call may be under way, guests
 * may run.
 */
#ifndef TDXC_SIM_AUDIT_H
#define TDXC_SIM_AUDIT_H

#include "machine.h"

/* The first thing found wrong. */
struct tdxc_sim_violation {
	const char *what; /* a sentence without a full stop; NULL: none */
	uint64_t where;	  /* page, entry, KeyID or LP it speaks of */
	char text[160];	  /* both, to print */
};

/* 0: all is consistent. -1: it is not, and `out` says what and where; or
 * memory is short, which it says as well. */
int tdxc_sim_audit(struct tdxc_sim_machine *machine,
		   struct tdxc_sim_violation *out);

#endif
