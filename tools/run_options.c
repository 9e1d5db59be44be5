/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * tdxcore run: its options, beside those of a plan.
 */
#include <string.h>
#include <unistd.h>

#include "run_cmd.h"

#define PACKAGES	 2
#define CPUS_PER_PACKAGE 2

enum {
	KEY_MODULE_ONLY = 0x2000,
	KEY_PACKAGES,
	KEY_CPUS,
	KEY_THREADS,
};

static const struct argp_option run_option_list[] = {
	{"module-only", KEY_MODULE_ONLY, NULL, 0,
	 "Bring the TDX module up on the planned layout of MAP, and stop", 0},
	{"packages", KEY_PACKAGES, "N", 0, "Processor packages (2)", 0},
	{"cpus", KEY_CPUS, "N", 0,
	 "Logical processors of all packages together (2 per package)", 0},
	{"threads", KEY_THREADS, "N", 0,
	 "Threads that initialise TDMRs, each as a CPU of its own (as many as "
	 "this computer has CPUs, and at most --cpus)",
	 0},
	{0},
};

static void check_processors(struct run_options *o,
			     const struct argp_state *state)
{
	long here = sysconf(_SC_NPROCESSORS_ONLN);

	if (o->cpus == 0)
		o->cpus = CPUS_PER_PACKAGE * o->packages;
	if (o->cpus < o->packages)
		argp_error(state, "--cpus: %u is too few for %u packages",
			   o->cpus, o->packages);
	if (o->threads > o->cpus)
		argp_error(state,
			   "--threads: %u threads need as many CPUs; "
			   "there are %u (--cpus)",
			   o->threads, o->cpus);
	if (o->threads == 0)
		o->threads =
			here > 0 && here < o->cpus ? (uint32_t)here : o->cpus;
}

/* Plans may be made for any module, but this is the one to be brought up. */
static void check_limits(const struct tdxc_limits *limits,
			 const struct argp_state *state)
{
	int level;

	if (limits->max_tdmrs > TDXC_SIM_MAX_TDMRS)
		argp_error(state,
			   "--max-tdmrs: %u is out of range: the "
			   "software TDX module takes 1 to %u",
			   limits->max_tdmrs, TDXC_SIM_MAX_TDMRS);
	if (limits->max_reserved > TDXC_SIM_MAX_RESERVED)
		argp_error(state,
			   "--max-reserved: %u is out of range: the "
			   "software TDX module takes 1 to %u",
			   limits->max_reserved, TDXC_SIM_MAX_RESERVED);
	for (level = 0; level < TDXC_PAMT_LEVELS; level++) {
		if (limits->pamt_entry_size[level] != RUN_PAMT_ENTRY)
			argp_error(state, "--pamt-entry: the software TDX "
					  "module has entries of 16,16,16 "
					  "bytes");
	}
}

static void check(struct run_options *o, const struct argp_state *state)
{
	if (!o->module_only && o->plan.map)
		argp_error(state,
			   "'%s': this version runs no scenarios, only "
			   "--module-only [MAP]",
			   o->plan.map);
	if (!o->module_only)
		argp_error(state, "--module-only is missing: it is all that "
				  "this version runs");
	check_processors(o, state);
	check_limits(&o->plan.limits, state);
}

static error_t run_parse(int key, char *arg, struct argp_state *state)
{
	struct run_options *o = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &o->plan;
		return 0;
	case KEY_MODULE_ONLY:
		o->module_only = true;
		return 0;
	case KEY_PACKAGES:
		o->packages = plan_number(state, "--packages", arg, strlen(arg),
					  TDXC_SIM_MAX_PACKAGES);
		return 0;
	case KEY_CPUS:
		o->cpus = plan_number(state, "--cpus", arg, strlen(arg),
				      TDXC_SIM_MAX_LPS);
		return 0;
	case KEY_THREADS:
		o->threads = plan_number(state, "--threads", arg, strlen(arg),
					 TDXC_SIM_MAX_LPS);
		return 0;
	case ARGP_KEY_END:
		check(o, state);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int run_options_parse(struct run_options *o, int argc, char **argv)
{
	static const struct argp_child children[] = {
		{&plan_options_argp, 0, NULL, 0},
		{&cli_common_argp, 0, NULL, CLI_COMMON_GROUP},
		{0},
	};
	static const struct argp argp = {
		.options = run_option_list,
		.parser = run_parse,
		.args_doc = "--module-only [MAP]",
		.doc = "Bring a TDX module up on the software TDX platform: a "
		       "simulated machine with the memory of MAP, from "
		       "SYS.INIT "
		       "to initialised TDMRs, on the layout that tdxcore plan "
		       "prints for the same options.\v"
		       "MAP and most options are those of tdxcore plan; "
		       "the machine has 64 TiB of physical addresses. The "
		       "module is the recorded 1.5.0; with --dynamic-pamt a "
		       "newer one that has it. It takes 64 TDMRs with 16 "
		       "reserved areas; --max-tdmrs and --max-reserved plan "
		       "for "
		       "fewer. Where there are more than 32 CMRs, the plan "
		       "keeps to them, and the module reports 32 that cover "
		       "them.\n\n"
		       "Exit codes: 0 the module is ready, 1 there is no "
		       "layout "
		       "or the module refused, 2 wrong usage, 3 bad input, 4 "
		       "out of resources.",
		.children = children,
	};

	memset(o, 0, sizeof *o);
	o->packages = PACKAGES;
	plan_options_init(&o->plan);
	if (argp_parse(&argp, argc, argv, ARGP_NO_HELP, NULL, o))
		return plan_no_memory();
	return plan_options_finish(&o->plan);
}
