/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* The steps of a bring-up, timed and counted. */
#include "run.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* Calls of TDMR.INIT before a thread looks for a TDMR with more work left: a
 * GiB of a static PAMT, which is as often as the module reports progress. */
#define CALLS_PER_TURN 256

static uint64_t now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void watch(void *ctx, const struct tdxc_sim_bringup *b)
{
	const struct run *run = ctx;
	struct tdxc_module_progress p;

	if (tdxc_module_step(&b->module) != TDXC_MODULE_TDMRS)
		return;
	p = tdxc_module_get_progress(&b->module);
	run->request.progress(run->request.progress_ctx, p.done, p.total);
}

bool run_start(struct run *run, const struct run_request *request)
{
	struct tdxc_sim_bringup_config config = {
		.port = &run->port,
		.ram = request->ram,
		.nr_ram = request->nr_ram,
		.cmrs = request->cmrs,
		.nr_cmrs = request->nr_cmrs,
		.module_flags =
			request->dynamic_pamt ? 0 : TDXC_MODULE_STATIC_PAMT,
		.plan_flags = request->plan_flags,
		.max_tdmrs = request->max_tdmrs,
		.max_reserved = request->max_reserved,
		.threads = request->threads,
		.calls_per_turn = CALLS_PER_TURN,
		.watch = request->progress ? watch : NULL,
		.watch_ctx = run,
	};

	memset(run, 0, sizeof *run);
	run->request = *request;
	run->hint = "";
	run->port.machine = &run->machine;
	run_describe(request, &run->platform);
	if (tdxc_sim_machine_init(&run->machine, &run->platform, 1) != 0)
		return false;
	if (tdxc_sim_bringup_init(&run->bringup, &config) == TDXC_OK)
		return true;
	tdxc_sim_machine_fini(&run->machine);
	return false;
}

void run_end(struct run *run)
{
	tdxc_sim_bringup_fini(&run->bringup);
	tdxc_sim_machine_fini(&run->machine);
}

/* Steps are made of calls by one CPU each; they count together. */
static struct run_step *entry_of(struct run *run, enum tdxc_module_step step)
{
	struct run_step *last = &run->steps[run->nr_steps];

	if (run->nr_steps > 0 && last[-1].step == step)
		return &last[-1];
	last->step = step;
	run->nr_steps++;
	return last;
}

static int make_step(struct run *run)
{
	uint64_t calls = tdxc_sim_port_all_calls(&run->port);
	uint64_t start = now_ns();
	int err = tdxc_sim_bringup_step(&run->bringup);
	uint64_t ns = now_ns() - start;
	struct run_step *entry = entry_of(run, run->bringup.failed_step);

	entry->ns += ns;
	entry->seamcalls += tdxc_sim_port_all_calls(&run->port) - calls;
	return err;
}

/* A page that the machine could not have is a call that did not happen,
 * whatever its status says. */
static void look_for_trouble(struct run *run)
{
	struct tdxc_sim_event event;

	if (!tdxc_sim_machine_event(&run->machine, &event))
		return;
	run->outcome = event.kind == TDXC_SIM_EVENT_NO_PAGE ? RUN_NO_MEMORY
							    : RUN_BROKEN;
	snprintf(run->reason, sizeof run->reason,
		 "the simulated machine has no page at 0x%llx",
		 (unsigned long long)event.pa);
	run->hint = "";
}

void run_module(struct run *run)
{
	int err = TDXC_OK;

	while (err == TDXC_OK &&
	       tdxc_module_step(&run->bringup.module) != TDXC_MODULE_READY)
		err = make_step(run);
	run->outcome = RUN_READY;
	if (err != TDXC_OK)
		run_explain(run);
	look_for_trouble(run);
}

uint64_t run_retries(const struct run *run)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < TDXC_AGAIN_KINDS; i++)
		sum += run->port.again[i];
	return sum;
}
