/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * A machine with a TDX module to bring up, and answers of the module that a
 * test replaces by its own.
 */
#ifndef TESTS_MODULE_CASE_H
#define TESTS_MODULE_CASE_H

#include "bringup.h"

#define MODULE_CASE_LPS	     4u
#define MODULE_CASE_PACKAGES 2u
#define MODULE_CASE_JOURNAL  32768u

#define MODULE_CASE_ANY_LEAF ~0ull

/* What to answer instead of the module, from its `nth` call of the leaf on,
 * `most` times (0: for ever). The module is not asked. */
struct module_case_answer {
	uint64_t leaf;
	uint64_t nth;
	uint64_t most;
	uint64_t status;
	uint64_t rdx;
	uint64_t seen; /* counted */
};

struct module_case {
	struct tdxc_sim_machine machine;
	struct tdxc_sim_platform platform;
	struct tdxc_sim_port port;
	struct tdxc_sim_bringup b;
	struct tdxc_plan_ram ram[2];
	struct tdxc_sim_port_entry journal[MODULE_CASE_JOURNAL];
	struct module_case_answer *answers;
	size_t nr_answers;
};

/* 2 packages of 2 LPs, 1 GiB below 2 GiB and 2 GiB from 4 GiB on, without the
 * erratum; a driver that was not run. Change `platform` and call again to have
 * another machine. */
void module_case_platform(struct tdxc_sim_platform *platform);
void module_case_up(struct module_case *c,
		    const struct tdxc_sim_platform *platform,
		    const struct tdxc_sim_bringup_config *options);
/* The same on a machine with caches and KeyIDs. */
void module_case_up_with_lines(struct module_case *c,
			       const struct tdxc_sim_platform *platform);
void module_case_down(struct module_case *c);
/* The array stays the caller's and is counted in. */
void module_case_answer(struct module_case *c,
			struct module_case_answer *answers, size_t n);
/* Acts of a kind in the journal. */
size_t module_case_acts(const struct module_case *c,
			enum tdxc_sim_port_act act);
/* Where in the journal the first act of the kind stands; the length if none. */
size_t module_case_first(const struct module_case *c,
			 enum tdxc_sim_port_act act);
size_t module_case_last(const struct module_case *c,
			enum tdxc_sim_port_act act);

#endif
