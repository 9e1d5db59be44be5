/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * A small machine with the software TDX module brought up on it, and TDs built
 * on that: what tests and benchmarks of the simulation start from.
 */
#ifndef TDXC_TESTS_SIM_FIXTURE_H
#define TDXC_TESTS_SIM_FIXTURE_H

#include "machine.h"

#define SIM_FIRST_PRIVATE 32u /* KeyIDs 32..63; the module takes the last */
#define SIM_GLOBAL_KEYID  63u
#define SIM_MAX_VCPUS	  8u

struct sim_shape {
	uint32_t nr_lps;
	uint32_t nr_packages;
	uint32_t nr_tdmrs;
	uint64_t gib; /* of each TDMR */
	enum tdxc_sim_profile profile;
	bool dynamic_pamt;
	bool reserved;			   /* the last MiB of each TDMR is */
	bool lines;			   /* with the line model */
	struct tdxc_sim_identity identity; /* of the module */
	uint64_t features0_off;
};

struct sim_fixture {
	struct tdxc_sim_machine machine;
	struct sim_shape shape;
	uint64_t base; /* of the first TDMR */
	uint64_t end;
	uint64_t next; /* pages below were handed out */
};

struct sim_td {
	uint64_t tdr;
	uint32_t keyid;
	uint32_t nr_vcpus;
	uint64_t tdvpr[SIM_MAX_VCPUS];
};

/* Machine and module, ready for TDs. 0: done; else the status that stopped
 * it, or UINT64_MAX when memory is short. */
uint64_t sim_up(struct sim_fixture *f, const struct sim_shape *shape);
void sim_down(struct sim_fixture *f);

/* One SEAMCALL: RAX, RCX, RDX, R8, R9 in, RAX out. `out` may be NULL. */
uint64_t sim_call(struct sim_fixture *f, uint32_t lp, const uint64_t in[5],
		  struct tdxc_sim_regs *out);
#define SIM_CALL(f, lp, ...)                                                   \
	sim_call(f, lp, (const uint64_t[5]){__VA_ARGS__}, NULL)

/* So many bytes (4K or 2M) that no one has, aligned to themselves; 0: none
 * left. With Dynamic PAMT the pair that covers them is in place. */
uint64_t sim_page(struct sim_fixture *f, uint64_t bytes);

/* An initialised TD with its vCPUs, each associated with LP 0. 0, or the
 * status that stopped it. */
uint64_t sim_td_build(struct sim_fixture *f, struct sim_td *td, uint32_t keyid,
		      uint32_t nr_vcpus);
/* S-EPT pages from the root to the entry of gpa at `level`. */
uint64_t sim_td_tables(struct sim_fixture *f, const struct sim_td *td,
		       uint64_t gpa, uint32_t level);
/* A page of 4K (level 0) or 2M (1) at gpa: PAGE.AUG; *pa: which. */
uint64_t sim_td_aug(struct sim_fixture *f, const struct sim_td *td,
		    uint64_t gpa, uint32_t level, uint64_t *pa);
/* PAGE.ADD of `source`, before the TD is final. */
uint64_t sim_td_add(struct sim_fixture *f, const struct sim_td *td,
		    uint64_t gpa, uint64_t source);
/* MR.FINALIZE, then each vCPU freed of the LP that made it. */
uint64_t sim_td_finalize(struct sim_fixture *f, const struct sim_td *td);
/* The teardown of section 9.4, every page reclaimed. */
uint64_t sim_td_destroy(struct sim_fixture *f, const struct sim_td *td);

/* Random numbers that repeat: splitmix64. */
uint64_t sim_random(uint64_t *state);

#endif
