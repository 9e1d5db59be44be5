/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * tdxcore replay: recorded requests to a TDX platform, made again on the
 * software one, each answer compared.
 */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "replay/replay.h"

enum {
	KEY_JSON = 0x1000,
	KEY_MAX,
	KEY_KEEP_GOING,
};

#define DEFAULT_MAX 20

struct replay_options {
	const char **paths; /* Owned, what they point to is argv's. */
	size_t nr;
	uint64_t max;
	bool json;
};

/* What came of a file. */
struct played {
	struct replay_totals totals;
	char error[REPLAY_ERROR_BYTES]; /* "": all of it was played. */
};

struct replay_run {
	struct replay_report report;
	struct replay_totals totals;
	size_t unplayed; /* Files. */
	json_t *files;
};

static int out_of_memory(void)
{
	cli_error("out of memory");
	return CLI_INTERNAL;
}

static int list_file(struct replay_run *run, const char *path,
		     const struct played *played)
{
	const struct replay_totals *t = &played->totals;
	json_t *file =
		json_pack("{s:s, s:I, s:I, s:I}", "file", path, "cases",
			  (json_int_t)t->cases, "calls", (json_int_t)t->calls,
			  "mismatches", (json_int_t)t->mismatches);

	if (file && played->error[0] != '\0' &&
	    json_object_set_new(file, "error", json_string(played->error))) {
		json_decref(file);
		file = NULL;
	}
	return json_array_append_new(run->files, file) ? out_of_memory()
						       : CLI_OK;
}

static int play_file(struct replay_run *run, const char *path)
{
	struct played played = {0};

	if (replay_file(path, &played.totals, &run->report, played.error,
			sizeof played.error)) {
		cli_error("%s", played.error);
		run->unplayed++;
	}
	run->totals.cases += played.totals.cases;
	run->totals.calls += played.totals.calls;
	run->totals.mismatches += played.totals.mismatches;
	return run->files ? list_file(run, path, &played) : CLI_OK;
}

static int print_json(FILE *f, const struct replay_run *run)
{
	json_t *root =
		json_pack("{s:O, s:I, s:I}", "files", run->files, "calls",
			  (json_int_t)run->totals.calls, "mismatches",
			  (json_int_t)run->totals.mismatches);
	int failed = !root || json_dumpf(root, f, JSON_INDENT(2)) ||
		     fputc('\n', f) == EOF;

	json_decref(root);
	return failed ? out_of_memory() : CLI_OK;
}

/* Differences go before the totals; with JSON, where the object is all there
 * is on standard output, to standard error. */
static int play_all(FILE *f, const struct replay_options *o,
		    struct replay_run *run)
{
	int result = CLI_OK;
	size_t i;

	run->report.stream = o->json ? stderr : f;
	run->report.max = o->max;
	if (o->json) {
		run->files = json_array();
		if (!run->files)
			return out_of_memory();
	}
	for (i = 0; i < o->nr && result == CLI_OK; i++)
		result = play_file(run, o->paths[i]);
	if (result == CLI_OK && o->json)
		return print_json(f, run);
	fprintf(f, "%" PRIu64 " calls, %" PRIu64 " mismatches\n",
		run->totals.calls, run->totals.mismatches);
	return result;
}

static int verdict(const struct replay_run *run)
{
	if (run->unplayed != 0)
		return CLI_INPUT;
	return run->totals.mismatches != 0 ? CLI_NO : CLI_OK;
}

static error_t set_max(struct replay_options *o, const char *arg,
		       struct argp_state *state)
{
	size_t length = strlen(arg);

	if (length == 0 || length > 18 || strspn(arg, "0123456789") != length) {
		argp_error(state,
			   "--max: '%s' is not a number of lines: 1 to 18 "
			   "decimal digits were expected",
			   arg);
		return EINVAL;
	}
	o->max = strtoull(arg, NULL, 10);
	return 0;
}

static error_t add_path(struct replay_options *o, const char *arg)
{
	const char **more = realloc(o->paths, (o->nr + 1) * sizeof *more);

	if (!more)
		return ENOMEM;
	more[o->nr++] = arg;
	o->paths = more;
	return 0;
}

static error_t replay_parse(int key, char *arg, struct argp_state *state)
{
	struct replay_options *o = state->input;

	switch (key) {
	case KEY_JSON:
		o->json = true;
		return 0;
	case KEY_KEEP_GOING:
		return 0;
	case KEY_MAX:
		return set_max(o, arg, state);
	case ARGP_KEY_ARG:
		return add_path(o, arg);
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "a trace is missing");
		return EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option replay_options[] = {
	{"max", KEY_MAX, "N", 0, "Print at most N mismatches (20)", 0},
	{"keep-going", KEY_KEEP_GOING, NULL, 0,
	 "Go on after a mismatch or a bad file; the default", 0},
	{"json", KEY_JSON, NULL, 0,
	 "Print one JSON object, with the totals of each file", 0},
	{0},
};

int cli_replay(int argc, char **argv)
{
	static const struct argp_child children[] = {
		{&cli_common_argp, 0, NULL, CLI_COMMON_GROUP},
		{0},
	};
	static const struct argp argp = {
		.options = replay_options,
		.parser = replay_parse,
		.args_doc = "FILE...",
		.doc = "Make recorded requests to a TDX module again on the "
		       "software TDX platform, and compare every register of "
		       "every answer.\v"
		       "The last line is `N calls, M mismatches'. Exits with 1 "
		       "when there is a mismatch, with 3 when a file could not "
		       "be played to its end.",
		.children = children,
	};
	struct replay_options o = {.max = DEFAULT_MAX};
	struct replay_run run = {0};
	struct cli_out out = {0};
	int result = CLI_INTERNAL;

	if (argp_parse(&argp, argc, argv, ARGP_NO_HELP, NULL, &o))
		cli_error("out of memory");
	else if (!cli_out_open(&out) && !play_all(out.stream, &o, &run) &&
		 !cli_out_close(&out) && !cli_out_print(&out))
		result = verdict(&run);
	json_decref(run.files);
	cli_out_free(&out);
	free(o.paths);
	return result;
}
