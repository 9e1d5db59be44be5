/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * The command line: finds the command and gets out of its way.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <tdxcore/version.h>

#include "cli.h"

/* A new command is one file and one line here. */
static const struct cli_command commands[] = {
	{"plan", "lay TDMRs, PAMTs and reserved areas over a memory map",
	 cli_plan},
	{"decode", "explain completion status words of the TDX module",
	 cli_decode},
	{"scan", "find the shared memory of a guest in a dump of its memory",
	 cli_scan},
	{"replay", "make recorded requests again, on the software TDX module",
	 cli_replay},
	{"hotplug", "say what a memory or CPU hotplug event means under TDX",
	 cli_hotplug},
	{"coherence", "say who flushes caches where a kernel ends",
	 cli_coherence},
	{"run", "run TDs on the software TDX platform, as a scenario says",
	 cli_run},
	{"host", "show what the Linux kernel module tdxcore knows and does",
	 cli_host},
};

#define NR_COMMANDS (sizeof commands / sizeof commands[0])

enum {
	KEY_USAGE = 0x1000,
	KEY_VERSION,
};

static const struct argp_option common_options[] = {
	{"help", 'h', NULL, 0, "Print this help", CLI_COMMON_GROUP},
	{"usage", KEY_USAGE, NULL, 0, "Print a short usage message",
	 CLI_COMMON_GROUP},
	{"version", KEY_VERSION, NULL, 0, "Print the version",
	 CLI_COMMON_GROUP},
	{0},
};

/* Help that could not be written is an error like any other output. */
static _Noreturn void leave(void)
{
	if (!ferror(stdout) && !fflush(stdout))
		exit(CLI_OK);
	cli_error("standard output: %s", strerror(errno));
	exit(CLI_INTERNAL);
}

static error_t common_parse(int key, char *arg, struct argp_state *state)
{
	uint32_t version = tdxc_version();

	(void)arg;
	switch (key) {
	case 'h':
		argp_state_help(state, stdout,
				ARGP_HELP_STD_HELP & ~ARGP_HELP_EXIT_OK);
		leave();
	case KEY_USAGE:
		argp_state_help(state, stdout, ARGP_HELP_USAGE);
		leave();
	case KEY_VERSION:
		printf("tdxcore %u.%u.%u\n", version >> 16, version >> 8 & 0xFF,
		       version & 0xFF);
		leave();
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

const struct argp cli_common_argp = {
	.options = common_options,
	.parser = common_parse,
};

static const struct cli_command *find_command(const char *name)
{
	size_t i;

	for (i = 0; i < NR_COMMANDS; i++) {
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	}
	return NULL;
}

static int run_command(const struct cli_command *command, int argc, char **argv)
{
	char name[64];

	/* argp puts argv[0] in front of its messages. */
	snprintf(name, sizeof name, "tdxcore %s", command->name);
	argv[0] = name;
	return command->run(argc, argv);
}

/* What the command line asks for. */
struct request {
	const struct cli_command *command;
	int at; /* Its index in argv. */
};

static error_t main_parse(int key, char *arg, struct argp_state *state)
{
	struct request *request = state->input;

	switch (key) {
	case ARGP_KEY_ARG:
		request->command = find_command(arg);
		request->at = state->next - 1;
		if (!request->command)
			argp_error(state, "unknown command '%s'", arg);
		/* What follows is the command's own business. */
		state->next = state->argc;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "a command is missing");
		return EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* The list of commands, after the options. */
static char *main_help(int key, const char *text, void *input)
{
	struct cli_out out;
	size_t i;

	(void)input;
	if (key != ARGP_KEY_HELP_POST_DOC || cli_out_open(&out))
		return (char *)text;
	fputs("Commands:\n", out.stream);
	for (i = 0; i < NR_COMMANDS; i++)
		fprintf(out.stream, "  %-10s %s\n", commands[i].name,
			commands[i].summary);
	fputs("\n`tdxcore COMMAND --help' explains a command; "
	      "tdxcore(1) has everything.",
	      out.stream);
	if (cli_out_close(&out)) {
		cli_out_free(&out);
		return (char *)text;
	}
	return out.text;
}

int main(int argc, char **argv)
{
	static const struct argp_child children[] = {
		{&cli_common_argp, 0, NULL, CLI_COMMON_GROUP},
		{0},
	};
	static const struct argp argp = {
		.parser = main_parse,
		.args_doc = "COMMAND [ARGUMENT...]",
		.doc = "Intel TDX logic at the command line.\v ",
		.children = children,
		.help_filter = main_help,
	};
	struct request request = {0};
	char name[] = "tdxcore";

	argp_err_exit_status = CLI_USAGE;
	if (argc < 1)
		return CLI_USAGE;
	argv[0] = name;
	if (argp_parse(&argp, argc, argv, ARGP_IN_ORDER | ARGP_NO_HELP, NULL,
		       &request))
		return CLI_INTERNAL;
	return run_command(request.command, argc - request.at,
			   argv + request.at);
}
