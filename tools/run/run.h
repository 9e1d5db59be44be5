/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * A TDX module brought up on a simulated machine of given memory: what was
 * done, how long it took, and why it went no further.
 *
 *   machine.c  the machine that firmware describes
 *   run.c      the steps
 *   failure.c  a step that failed, in words
 */
#ifndef TDXCORE_TOOLS_RUN_RUN_H
#define TDXCORE_TOOLS_RUN_RUN_H

#include "bringup.h"

/* Physical addresses of the machine: 52 bits, of which the upper 6 hold KeyIDs.
 * @units{bits} */
#define RUN_PA_BITS 46
/* PAMT entries of the software TDX module. @units{bytes} */
#define RUN_PAMT_ENTRY 16

/* What to build and bring up. The arrays must live as long as the run. */
struct run_request {
	const struct tdxc_plan_ram *ram; /* below 2^RUN_PA_BITS */
	size_t nr_ram;
	/* What the plan keeps to; the machine reports these or, where they are
	 * more than a module can report, wider ones. */
	const struct tdxc_range *cmrs;
	size_t nr_cmrs;
	uint32_t plan_flags;   /* enum tdxc_plan_flags */
	uint32_t max_tdmrs;    /* 1..TDXC_SIM_MAX_TDMRS */
	uint32_t max_reserved; /* 1..TDXC_SIM_MAX_RESERVED */
	bool dynamic_pamt;
	uint32_t packages; /* 1..TDXC_SIM_MAX_PACKAGES, at most cpus */
	uint32_t cpus;	   /* 1..TDXC_SIM_MAX_LPS */
	uint32_t threads;  /* 1..cpus, for TDMR.INIT */
	/* While TDMR.INIT goes on, from any thread, one at a time; or NULL. */
	void (*progress)(void *ctx, uint64_t done, uint64_t total);
	void *progress_ctx;
};

enum run_outcome {
	RUN_READY,	/* Brought up. */
	RUN_INFEASIBLE, /* There is no layout. */
	RUN_REFUSED,	/* The module would not. */
	RUN_NO_MEMORY,	/* The computer that simulates is short of it. */
	RUN_BROKEN,	/* A bug of ours. */
};

/* Calls of tdxc_sim_bringup_step() for one step, together. */
struct run_step {
	enum tdxc_module_step step;
	uint64_t ns;
	uint64_t seamcalls;
};

#define RUN_REASON_BYTES 320

struct run {
	struct run_request request;
	struct tdxc_sim_platform platform;
	struct tdxc_sim_machine machine;
	struct tdxc_sim_port port;
	struct tdxc_sim_bringup bringup;
	struct run_step steps[TDXC_MODULE_STEPS];
	size_t nr_steps;
	enum run_outcome outcome;
	/* Why it is not ready; "" where it is. */
	char reason[RUN_REASON_BYTES];
	const char *hint; /* What to do about it; "" where nothing helps. */
};

/* Power the machine on, nothing brought up. False: no memory; nothing to end.
 */
bool run_start(struct run *run, const struct run_request *request);
/* Bring the module up: fills steps, outcome, reason, hint. */
void run_module(struct run *run);
void run_end(struct run *run);

/* Calls that the module answered with "not now". */
uint64_t run_retries(const struct run *run);

/* --- between the parts ---------------------------------------------------- */

/* What firmware and processor say of themselves. */
void run_describe(const struct run_request *request,
		  struct tdxc_sim_platform *platform);
/* From the failed step of the bring-up: outcome, reason, hint. */
void run_explain(struct run *run);

#endif
