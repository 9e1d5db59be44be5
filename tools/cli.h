/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * What every command of the command line shares: exit codes, messages, and
 * output that appears whole or not at all.
 *
 * A command is one function and one line in main.c's table. It gets argc and
 * argv as main() would, argv[0] being "tdxcore COMMAND".
 */
#ifndef TDXCORE_TOOLS_CLI_H
#define TDXCORE_TOOLS_CLI_H

#include <argp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Exit codes; a contract (man page). */
enum cli_exit {
	CLI_OK = 0,	  /* Done. */
	CLI_NO = 1,	  /* The answer is no. */
	CLI_USAGE = 2,	  /* Wrong arguments. */
	CLI_INPUT = 3,	  /* A file or what it holds is bad. */
	CLI_INTERNAL = 4, /* Out of memory or disk, or a bug of ours. */
};

struct cli_command {
	const char *name;
	const char *summary; /* One line for `tdxcore --help`. */
	int (*run)(int argc, char **argv);
};

int cli_plan(int argc, char **argv);
int cli_decode(int argc, char **argv);
int cli_replay(int argc, char **argv);
int cli_run(int argc, char **argv);
int cli_scan(int argc, char **argv);
int cli_hotplug(int argc, char **argv);
int cli_coherence(int argc, char **argv);
int cli_host(int argc, char **argv);

/* Index of the word that is `arg` among `n` of them; `n` if none is. */
size_t cli_word(const char *arg, size_t n, const char *(*word_at)(size_t i));

/*
 * -h, --help, --usage and --version. A command's argp makes this a child and
 * parses with ARGP_NO_HELP, because glibc's own help has no -h.
 */
extern const struct argp cli_common_argp;
/* Section of the help in which they stand: the last. */
#define CLI_COMMON_GROUP 9

/* "tdxcore: ..." with a newline, on standard error. */
__attribute__((format(printf, 1, 2))) void cli_error(const char *format, ...);
/* The same for what the user should know though nothing is wrong. */
__attribute__((format(printf, 1, 2))) void cli_note(const char *format, ...);

/*
 * How many bytes of something long are done: a line on standard error that is
 * drawn over, when that is a terminal; nothing otherwise.
 */
struct cli_progress {
	const char *what;
	bool is_terminal;
	bool is_drawn;
	uint64_t drawn_ms;
};

void cli_progress_start(struct cli_progress *p, const char *what);
/* Draws a few times a second, however often it is called. */
void cli_progress_show(struct cli_progress *p, uint64_t done, uint64_t total);
/* Take the line away. */
void cli_progress_end(struct cli_progress *p);

/*
 * Output is built in memory and written at the end, so that a command which
 * fails half way has printed nothing.
 */
struct cli_out {
	FILE *stream; /* Write here. */
	char *text;   /* Owned; valid after cli_out_close(). */
	size_t size;
};

/* 0, or CLI_INTERNAL with a message. */
int cli_out_open(struct cli_out *out);
/* End writing: text and size become valid. 0, or CLI_INTERNAL. */
int cli_out_close(struct cli_out *out);
/* Write what was collected to standard output. 0, or CLI_INTERNAL. */
int cli_out_print(const struct cli_out *out);
/* Write it to a file. 0, or CLI_INTERNAL. */
int cli_out_save(const struct cli_out *out, const char *path);
/* Free; fits any state, a zeroed structure included. */
void cli_out_free(struct cli_out *out);

#endif
