/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * A machine with caches and KeyIDs, the module brought up on it, and one TD
 * with private pages: what tests of the line model start from. Everything is
 * done as a host does it, every call by a logical processor.
 */
#ifndef TDXC_TESTS_SIM_RIG_H
#define TDXC_TESTS_SIM_RIG_H

#include "machine.h"

#define RIG_BASE   0x100000000ull /* private and other memory from here */
#define RIG_END	   0x140000000ull
#define RIG_TD	   32u /* KeyID of the TD */
#define RIG_OTHER  33u /* a private KeyID that no one uses */
#define RIG_GLOBAL 63u
#define RIG_LPS	   4u /* in two packages */

struct rig {
	struct tdxc_sim_machine machine;
	uint64_t next; /* pages from RIG_BASE to here were given away */
	uint64_t tdr;
	uint64_t tdvpr;
};

void rig_platform(struct tdxc_sim_platform *platform);
/* The machine alone, its module not called yet. */
void rig_power_on(struct rig *rig, uint64_t seed);
/* The module is ready for TDs. */
void rig_up(struct rig *rig, uint64_t seed);
void rig_down(struct rig *rig);

/* One SEAMCALL: leaf, RCX, RDX, R8, R9 in, RAX out. */
uint64_t rig_call(struct rig *rig, uint32_t lp, const uint64_t in[5]);
#define RIG_CALL(r, lp, ...) rig_call(r, lp, (const uint64_t[5]){__VA_ARGS__})

/* A free page, flushed as a host does before it gives one away. */
uint64_t rig_page(struct rig *rig);
/* A TD with one vCPU and S-EPT down to 4K at GPA 0. */
void rig_td(struct rig *rig);
/* PAGE.ADD at gpa of a page full of `byte`; returns which page. */
uint64_t rig_add(struct rig *rig, uint64_t gpa, int byte);
uint64_t rig_keyed(const struct rig *rig, uint64_t pa, uint32_t keyid);

#endif
