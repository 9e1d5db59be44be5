/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * tdxcore run: what its parts share.
 *
 *   run_options.c  the command line
 *   run_cmd.c      builds the machine, brings the module up
 *   run_print.c    for people, and as JSON
 *   run_scenario.c reads a scenario, plays it, prints
 *   run/           the machine and the bring-up, without a command line
 *   scenario/      scenarios, without a command line
 */
#ifndef TDXCORE_TOOLS_RUN_CMD_H
#define TDXCORE_TOOLS_RUN_CMD_H

#include "plan_cmd.h"
#include "run/run.h"

struct run_options {
	struct plan_options plan;
	bool module_only; /* else plan.map is a scenario */
	bool has_seed;
	uint64_t seed;
	uint32_t packages;
	uint32_t cpus;
	uint32_t threads;
};

/* 0, or an exit code with a message printed. Wrong usage does not return. */
int run_options_parse(struct run_options *o, int argc, char **argv);

/* All of it; returns the exit code, with a message printed where it is not 0.
 */
int run_scenario(const struct run_options *o);

void run_print_text(FILE *f, const struct plan_report *r,
		    const struct run *run);
/* 0, or CLI_INTERNAL with a message. */
int run_print_json(FILE *f, const struct run *run);
/* Calls by leaf, and how many of all were retries. */
void run_print_calls(FILE *f, const uint64_t *by_leaf, uint64_t retries);
/* An object, or NULL. */
struct json_t *run_calls_json(const uint64_t *by_leaf);

#endif
