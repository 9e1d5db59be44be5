/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * A module's whole bring-up on the simulated machine, as a kernel would drive
 * it: what tdxc_module_next() advises is done on the CPU it names.
 */
#ifndef TDXC_SIM_BRINGUP_H
#define TDXC_SIM_BRINGUP_H

#include "module_ops.h"

struct tdxc_sim_bringup;

/* What to bring up. The arrays must live as long as the bring-up. */
struct tdxc_sim_bringup_config {
	struct tdxc_sim_port *port;
	const struct tdxc_plan_ram *ram;
	size_t nr_ram;
	/* What the plan keeps to; NULL: the CMRs that the module reports. */
	const struct tdxc_range *cmrs;
	size_t nr_cmrs;
	uint32_t module_flags; /* enum tdxc_module_flags */
	uint32_t plan_flags;   /* enum tdxc_plan_flags */
	/* Most TDMRs and areas to plan for; 0: what the module takes. */
	uint32_t max_tdmrs;
	uint32_t max_reserved;
	bool field_by_field; /* SYS.RD instead of SYS.RDALL */
	uint32_t threads;    /* for TDMR.INIT; 0 and 1: none beside this one */
	/* SEAMCALLs of a thread before it looks up again; 0: a whole TDMR. */
	uint32_t calls_per_turn;
	/* After every step, and while TDMR.INIT goes on, from whichever
	 * thread made a turn, one at a time; or NULL. */
	void (*watch)(void *ctx, const struct tdxc_sim_bringup *b);
	void *watch_ctx;
};

struct tdxc_sim_bringup {
	struct tdxc_sim_bringup_config config;
	struct tdxc_sim_module_port ops;
	struct tdxc_module module;
	struct tdxc_module_cpu cpus[TDXC_SIM_MAX_LPS];
	struct tdxc_plan_config request;
	struct tdxc_plan plan; /* valid from CONFIG on */
	void *scratch;
	void *infos;
	uint64_t *pointers;
	uint64_t watching; /* 1: a thread is in `watch` */
	/* of the step that failed */
	enum tdxc_module_step failed_step;
	uint32_t failed_cpu;
	int err;
	struct tdxc_seamcall_diag diag;
	struct tdxc_metadata_fault metadata_fault;
	struct tdxc_plan_fault plan_fault;
};

/* TDXC_E_NOMEM, or as tdxc_module_init(). Then tdxc_sim_bringup_fini(). */
int tdxc_sim_bringup_init(struct tdxc_sim_bringup *b,
			  const struct tdxc_sim_bringup_config *config);
/* Gives the driver's own memory back, not the module's. */
void tdxc_sim_bringup_fini(struct tdxc_sim_bringup *b);
/* Do what comes next; TDXC_OK: done. The step's error is kept in `b`. */
int tdxc_sim_bringup_step(struct tdxc_sim_bringup *b);
/* Until the module is ready, or a step fails. */
int tdxc_sim_bringup_run(struct tdxc_sim_bringup *b);

#endif
