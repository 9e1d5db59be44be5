/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * tdxcore host: what the Linux kernel module knows and does.
 */
#include <stdlib.h>
#include <string.h>

#include "host_cmd.h"

#define MOST_SECONDS 86400u
#define MOST_LINES   1000000u

enum {
	KEY_ROOT = 0x1000,
	KEY_FILE,
	KEY_SECONDS,
	KEY_LINES,
	KEY_JSON,
};

static const struct {
	const char *name;
	int (*run)(const struct host_options *o);
} actions[] = {
	{"status", host_status},
	{"plan", host_plan},
	{"log", host_log},
	{"trace", host_trace},
};

#define NR_ACTIONS (sizeof actions / sizeof actions[0])

static const char *action_name(size_t i)
{
	return actions[i].name;
}

static void parse_action(struct host_options *o, const char *arg,
			 const struct argp_state *state)
{
	size_t i = cli_word(arg, NR_ACTIONS, action_name);

	if (o->run)
		argp_error(state, "'%s' is one argument too many", arg);
	if (i == NR_ACTIONS)
		argp_error(state, "'%s' is not status, plan, log or trace",
			   arg);
	o->run = actions[i].run;
}

static unsigned int number(const char *arg, unsigned int most,
			   const char *option, const struct argp_state *state)
{
	uint64_t value = 0;

	if (strspn(arg, "0123456789") != strlen(arg) ||
	    !host_number(arg, &value) || value < 1 || value > most)
		argp_error(state, "%s: '%s' is not a number from 1 to %u",
			   option, arg, most);
	return (unsigned int)value;
}

static void check_usage(const struct host_options *o,
			const struct argp_state *state)
{
	if (!o->run)
		argp_error(state, "status, plan, log or trace is missing");
	if (o->file && o->run != host_log)
		argp_error(state, "--file is for log");
	if ((o->seconds || o->lines) && o->run != host_trace)
		argp_error(state, "--seconds and --lines are for trace");
}

static error_t host_parse(int key, char *arg, struct argp_state *state)
{
	struct host_options *o = state->input;

	switch (key) {
	case KEY_ROOT:
		o->root = arg;
		return 0;
	case KEY_FILE:
		o->file = arg;
		return 0;
	case KEY_SECONDS:
		o->seconds = number(arg, MOST_SECONDS, "--seconds", state);
		return 0;
	case KEY_LINES:
		o->lines = number(arg, MOST_LINES, "--lines", state);
		return 0;
	case KEY_JSON:
		o->json = true;
		return 0;
	case ARGP_KEY_ARG:
		parse_action(o, arg, state);
		return 0;
	case ARGP_KEY_END:
		check_usage(o, state);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option host_options[] = {
	{"root", KEY_ROOT, "DIR", 0,
	 "Read /sys and /dev below this folder instead of /", 1},
	{"file", KEY_FILE, "FILE", 0,
	 "log: what dmesg or journalctl -k printed, instead of /dev/kmsg; - is "
	 "standard input",
	 1},
	{"seconds", KEY_SECONDS, "N", 0, "trace: for how long (10)", 1},
	{"lines", KEY_LINES, "N", 0, "trace: how many events (1000)", 1},
	{"json", KEY_JSON, NULL, 0, "Print one JSON object", 2},
	{0},
};

int cli_host(int argc, char **argv)
{
	static const struct argp_child children[] = {
		{&cli_common_argp, 0, NULL, CLI_COMMON_GROUP},
		{0},
	};
	static const struct argp argp = {
		.options = host_options,
		.parser = host_parse,
		.args_doc = "status|plan|log|trace",
		.doc = "Show what the Linux kernel module tdxcore knows and "
		       "does.\v"
		       "status: why TDX can be used or not, the module's "
		       "state, its counters. plan: convertible memory, TDMRs "
		       "configured and planned, PAMT. log: the module's lines "
		       "of the kernel's log. trace: its tracepoints, switched "
		       "on for a while, decoded.\n\n"
		       "Exit codes: 0 done, 1 no TDX module is ready, or there "
		       "is no layout, 2 wrong usage, 3 the kernel module is "
		       "not loaded or what it shows cannot be read, 4 out of "
		       "resources.",
		.children = children,
	};
	struct host_options o = {.root = ""};

	if (argp_parse(&argp, argc, argv, ARGP_NO_HELP, NULL, &o))
		return host_no_memory();
	return o.run(&o);
}
