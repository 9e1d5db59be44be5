/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * tdxcore host: what its parts share.
 *
 *   host_cmd.c     the command line
 *   host_read.c    files below the root, and what to do where one is missing
 *   host_status.c  gathers the state; host_debug.c reads debugfs for it,
 *                  host_report.c tells it in words
 *   host_plan.c    memory layout
 *   host_log.c     the kernel's log
 *   host_trace.c   tracepoints, on and off again; host_event.c decodes them
 */
#ifndef TDXCORE_TOOLS_HOST_CMD_H
#define TDXCORE_TOOLS_HOST_CMD_H

#include <jansson.h>

#include "cli.h"

#define HOST_SYSFS  "/sys/kernel/tdxcore/"
#define HOST_DEBUG  "/sys/kernel/debug/tdxcore/"
#define HOST_PARAMS "/sys/module/tdxcore/parameters/"

/* What the command line says. */
struct host_options {
	int (*run)(const struct host_options *o);
	const char *root;     /* Before every path; "" is this machine. */
	const char *file;     /* Of log; NULL: the kernel's own. */
	unsigned int seconds; /* Of trace. */
	unsigned int lines;   /* Of trace. */
	bool json;
};

int host_status(const struct host_options *o);
int host_plan(const struct host_options *o);
int host_log(const struct host_options *o);
int host_trace(const struct host_options *o);

/* --- reading (host_read.c) ------------------------------------------------ */

/* Say so; returns CLI_INTERNAL. */
int host_no_memory(void);

/* Root and path in one; owned by the caller. NULL without memory. */
char *host_path(const struct host_options *o, const char *path);

/* A file, read whole, taken apart line by line. */
struct host_text {
	char *path; /* Owned; with the root. */
	char *text; /* Owned. */
	char *next; /* The line after the one given out last. */
	size_t line;
	bool lost; /* A log: lines were overwritten before they were read. */
};

/* 0, or an errno value; host_text_free() either way. */
int host_read(const struct host_options *o, const char *path,
	      struct host_text *t);
/* The next line, without its end; NULL after the last. */
char *host_line(struct host_text *t);
void host_text_free(struct host_text *t);
/* Say what was expected in the line given out last. CLI_INPUT. */
int host_expected(const struct host_text *t, const char *what);

/* Split at blanks; how many words there are, at most `room`. */
size_t host_words(char *line, char **words, size_t room);
/* A number, all of the word: decimal, or hexadecimal with 0x. */
bool host_number(const char *word, uint64_t *value);

/* One value a file. 0, or an exit code with a message printed. */
int host_read_value(const struct host_options *o, const char *path,
		    char **value);
int host_read_number(const struct host_options *o, const char *path,
		     uint64_t *value);

/* Whether the module is loaded. 0, or CLI_INPUT, having said what to do. */
int host_need_module(const struct host_options *o);
/* What to do about a file that could not be read. Never NULL. */
const char *host_remedy(const struct host_options *o, const char *path,
			int error);
/* Print both; CLI_INPUT. */
int host_refuse(const struct host_options *o, const char *path, int error);

/* --- printing ------------------------------------------------------------- */

json_t *host_hex(uint64_t value);
/* Takes the value over. 0, or CLI_INTERNAL with a message. */
int host_put(json_t *object, const char *name, json_t *value);
/* Append; the list is given up when anything fails. */
json_t *host_append(json_t *list, json_t *value);
/* Dump and give up. 0, or CLI_INTERNAL with a message. */
int host_print_json(FILE *f, json_t *root);

/* Files of debugfs, into an empty list or object. 0, or an exit code with a
 * message printed. */
int host_parse_preconditions(struct host_text *t, json_t *list);
int host_parse_counters(struct host_text *t, json_t *object);
int host_parse_coherence(struct host_text *t, json_t *object);
int host_parse_quarantine(struct host_text *t, json_t *object);

/* The state in words. */
void host_print_status(FILE *f, const json_t *status);

/* --- events (host_event.c) ------------------------------------------------ */

/* One line of a trace. The strings are parts of the line. */
struct host_event {
	const char *task; /* "name-pid". */
	const char *time; /* Seconds. */
	const char *name; /* Without "tdxcore_". */
	const char *fields;
	uint64_t cpu;
};

/* Take a line apart, in place; whether it is an event of ours. */
bool host_event_parse(char *line, struct host_event *e);
/* One line. */
void host_event_print(FILE *f, const struct host_event *e);
json_t *host_event_json(const struct host_event *e);

#endif
