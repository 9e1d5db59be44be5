/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * tdxcore run: what its parts share.
 *
 *   run_options.c  the command line
 *   run_cmd.c      builds the machine, brings the module up
 *   run_print.c    for people, and as JSON
 *   run/           the machine and the bring-up, without a command line
 */
#ifndef TDXCORE_TOOLS_RUN_CMD_H
#define TDXCORE_TOOLS_RUN_CMD_H

#include "plan_cmd.h"
#include "run/run.h"

struct run_options {
	struct plan_options plan;
	bool module_only;
	uint32_t packages;
	uint32_t cpus;
	uint32_t threads;
};

/* 0, or an exit code with a message printed. Wrong usage does not return. */
int run_options_parse(struct run_options *o, int argc, char **argv);

void run_print_text(FILE *f, const struct plan_report *r,
		    const struct run *run);
/* 0, or CLI_INTERNAL with a message. */
int run_print_json(FILE *f, const struct run *run);

#endif
