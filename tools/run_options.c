/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * tdxcore run: its options, beside those of a plan.
 */
#include <errno.h>
#include <stdlib.h>
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
	KEY_SEED,
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
	{"seed", KEY_SEED, "N", 0,
	 "What a SCENARIO draws by chance, instead of its own seed", 0},
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

/* A scenario says itself what its machine is. */
static void check_scenario(const struct run_options *o,
			   const struct argp_state *state)
{
	const struct plan_options *p = &o->plan;
	struct plan_options usual;

	plan_options_init(&usual);
	if (!p->map)
		argp_error(state, "a SCENARIO is missing, or --module-only");
	if (o->packages || o->cpus || o->threads || p->svg || p->cmr_file ||
	    p->numa_file || p->cmrs.nr || p->nodes.nr ||
	    p->cmr_source != usual.cmr_source || p->flags != usual.flags ||
	    memcmp(&p->limits, &usual.limits, sizeof p->limits) != 0)
		argp_error(state, "a SCENARIO says itself what its machine is: "
				  "only --json and --seed go with it");
	plan_options_free(&usual);
}

static void check(struct run_options *o, const struct argp_state *state)
{
	if (!o->module_only) {
		check_scenario(o, state);
		return;
	}
	if (o->has_seed)
		argp_error(state, "--seed: --module-only leaves nothing to "
				  "chance");
	if (o->packages == 0)
		o->packages = PACKAGES;
	check_processors(o, state);
	check_limits(&o->plan.limits, state);
}

/* Decimal, or hexadecimal with 0x. */
static uint64_t parse_seed(const struct argp_state *state, const char *arg)
{
	char *end;
	uint64_t seed;

	errno = 0;
	seed = strtoull(arg, &end, 0);
	if (errno || end == arg || *end || arg[0] < '0' || arg[0] > '9')
		argp_error(state, "--seed: '%s' is no number of 64 bits", arg);
	return seed;
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
	case KEY_SEED:
		o->seed = parse_seed(state, arg);
		o->has_seed = true;
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
		.args_doc = "SCENARIO\n--module-only [MAP]",
		.doc = "Run a SCENARIO on the software TDX platform: a "
		       "simulated machine with a TDX module, TDs whose guests "
		       "touch, accept, share and unshare memory, and a host "
		       "that maps, zaps and converts it meanwhile. Every byte "
		       "that a guest wrote is verified.\n\n"
		       "With --module-only, bring a TDX module up on a "
		       "machine with the memory of MAP, from SYS.INIT "
		       "to initialised TDMRs, on the layout that tdxcore plan "
		       "prints for the same options.\v"
		       "With --module-only, MAP and most options are those of "
		       "tdxcore plan; "
		       "the machine has 64 TiB of physical addresses. The "
		       "module is the recorded 1.5.0; with --dynamic-pamt a "
		       "newer one that has it. It takes 64 TDMRs with 16 "
		       "reserved areas; --max-tdmrs and --max-reserved plan "
		       "for "
		       "fewer. Where there are more than 32 CMRs, the plan "
		       "keeps to them, and the module reports 32 that cover "
		       "them.\n\n"
		       "Exit codes: 0 all is well, or the module is ready; 1 a "
		       "byte or an invariant is wrong, there is no layout "
		       "or the module refused; 2 wrong usage; 3 bad input; 4 "
		       "out of resources.",
		.children = children,
	};

	memset(o, 0, sizeof *o);
	plan_options_init(&o->plan);
	if (argp_parse(&argp, argc, argv, ARGP_NO_HELP, NULL, o))
		return plan_no_memory();
	return o->module_only ? plan_options_finish(&o->plan) : CLI_OK;
}
