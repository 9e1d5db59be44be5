/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * A simulated machine with Dynamic PAMT, or static PAMT, and the library's
 * record of it: what tests and benchmarks of `pamt` start from.
 */
#ifndef TDXC_TESTS_PAMT_RIG_H
#define TDXC_TESTS_PAMT_RIG_H

#include <tdxcore/pamt.h>

#include "fault.h"
#include "port.h"
#include "sim/sim_fixture.h"

#define PAMT_RIG_PAGE 4096ull
#define PAMT_RIG_2M   0x200000ull
#define PAMT_RIG_ROOM 64u

/* Address bits of the fixture's machine, without the KeyID. */
#define PAMT_RIG_PA_BITS 46u

struct pamt_rig {
	struct sim_fixture f;
	struct tdxc_sim_port port;
	struct tdxc_seamcall_port seamcall;
	struct tdxc_sim_fault fault;
	struct tdxc_pamt pamt;
	struct tdxc_pamt_config config;
	struct tdxc_range tdmrs[1];
	struct tdxc_range pamts[1];
	void *memory;
	uint64_t next_page; /* from the end of the TDMRs downwards */
};

/* A cache with its memory. */
struct pamt_rig_cache {
	struct tdxc_pamt_cache cache;
	uint64_t pages[PAMT_RIG_ROOM];
};

/* Machine, module, record. 0, or the status or error that stopped it. */
uint64_t pamt_rig_up(struct pamt_rig *rig, const struct sim_shape *shape);
void pamt_rig_down(struct pamt_rig *rig);

/* From now on calls may fail. */
void pamt_rig_faults(struct pamt_rig *rig, struct tdxc_sim_fault_rule *rules,
		     size_t nr_rules, uint64_t seed);
/* And no more. */
void pamt_rig_no_faults(struct pamt_rig *rig);

/* The i-th 2 MiB of the first TDMR. */
uint64_t pamt_rig_range(const struct pamt_rig *rig, uint64_t i);
/* A page of the last TDMR that nobody has. */
uint64_t pamt_rig_page(struct pamt_rig *rig);
/* An empty cache; then n fresh pages in it. */
void pamt_rig_cache(struct pamt_rig_cache *c, uint32_t room);
void pamt_rig_fill(struct pamt_rig *rig, struct pamt_rig_cache *c, uint32_t n);

/* Whether the module has a pair for a range, asked without the library. */
bool pamt_rig_module_has_pair(struct pamt_rig *rig, uint64_t range);

#endif
