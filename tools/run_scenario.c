/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * tdxcore run SCENARIO: reads it and the memory map it names, plays it, prints
 * what happened.
 */
#include <inttypes.h>
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "run_cmd.h"
#include "scenario/play.h"

/* What is played, and on what memory. */
struct stage {
	const char *path;
	struct scenario scenario;
	char *map_path; /* owned */
	struct map map;
	struct tdxc_plan_ram *ram; /* owned */
	struct tdxc_range *cmrs;   /* owned */
	struct play_request request;
	struct play_outcome outcome;
};

/* --- memory ----------------------------------------------------------------
 */

/* The scenario's folder is where its files are. */
static char *beside(const char *path, const char *file)
{
	const char *slash = strrchr(path, '/');
	size_t folder =
		slash && file[0] != '/' ? (size_t)(slash - path) + 1 : 0;
	char *joined = malloc(folder + strlen(file) + 1);

	if (joined) {
		memcpy(joined, path, folder);
		strcpy(joined + folder, file);
	}
	return joined;
}

/* The machine keeps a record of every page. */
static int check_memory(const struct stage *t)
{
	struct map_error error = {.name = t->map_path};
	uint64_t bytes = 0;
	size_t i;

	for (i = 0; i < t->request.nr_ram; i++) {
		bytes += tdxc_range_size(t->ram[i].range);
		if (t->ram[i].range.end > 1ull << (RUN_PA_BITS - 1))
			bytes = UINT64_MAX / 2;
	}
	if (bytes <= SCENARIO_MAX_MEMORY)
		return CLI_OK;
	snprintf(error.text, sizeof error.text,
		 "too much memory for a scenario; expected at most %" PRIu64
		 " GiB, below 2^%d",
		 (uint64_t)SCENARIO_MAX_MEMORY >> 30, RUN_PA_BITS - 1);
	return plan_refuse(MAP_E_INPUT, &error);
}

static int read_memory(struct stage *t)
{
	struct map_error error;
	int err;

	t->map_path = beside(t->path, t->scenario.machine.map);
	if (!t->map_path)
		return plan_no_memory();
	err = map_read(t->map_path, &t->map, &error);
	if (err)
		return plan_refuse(err, &error);
	if (map_ram(&t->map, &t->ram, &t->request.nr_ram) ||
	    map_cmrs_ram(&t->map, &t->cmrs, &t->request.nr_cmrs))
		return plan_no_memory();
	t->request.ram = t->ram;
	t->request.cmrs = t->cmrs;
	return check_memory(t);
}

static int read_all(struct stage *t, const struct run_options *o)
{
	struct map_error error;
	int err = scenario_read(t->path, &t->scenario, &error);

	if (err)
		return plan_refuse(err, &error);
	t->request.scenario = &t->scenario;
	t->request.seed = o->has_seed ? o->seed : t->scenario.seed;
	return t->scenario.machine.map ? read_memory(t) : CLI_OK;
}

/* --- text ------------------------------------------------------------------
 */

static void print_head(FILE *f, const struct stage *t)
{
	const struct scenario_machine *m = &t->scenario.machine;
	char size[PLAN_SIZE_TEXT];

	fprintf(f, "Scenario  %s, seed %" PRIu64 "\n", t->path,
		t->request.seed);
	fprintf(f, "Machine   %s, %u CPUs in %u package%s, %s PAMT\n\n",
		m->map ? t->map_path : plan_size(size, m->memory), m->cpus,
		m->packages, m->packages == 1 ? "" : "s",
		m->dynamic_pamt ? "dynamic" : "static");
	fprintf(f, "  %10s  line\n", "time");
}

static void print_tail(FILE *f, const struct stage *t)
{
	const struct play_outcome *out = &t->outcome;
	char size[PLAN_SIZE_TEXT];

	fprintf(f, "\nTDs          %" PRIu64 "\n", out->tds);
	fprintf(f, "Verified     %s\n", plan_size(size, out->bytes_verified));
	fprintf(f, "Broadcasts   %" PRIu64 "\n", out->broadcasts);
	fprintf(f, "Quarantined  %" PRIu64 " pages, %" PRIu64 " to the end\n",
		out->quarantined, out->quarantined_still);
	fprintf(f, "Audit        %s\n", out->audit);
	fprintf(f, "Time         %.3f s\n\n", out->seconds);
	run_print_calls(f, out->seamcalls, out->retries);
}

/* --- JSON ------------------------------------------------------------------
 */

static int print_json(FILE *f, const struct play_outcome *out)
{
	json_t *root =
		json_pack("{s:I, s:I, s:o, s:I, s:I, s:I, s:s}", "tds",
			  (json_int_t)out->tds, "bytes_verified",
			  (json_int_t)out->bytes_verified, "seamcalls",
			  run_calls_json(out->seamcalls), "broadcasts",
			  (json_int_t)out->broadcasts, "retries",
			  (json_int_t)out->retries, "quarantined",
			  (json_int_t)out->quarantined, "audit", out->audit);
	int failed = !root || json_dumpf(root, f, JSON_INDENT(1)) ||
		     fputc('\n', f) == EOF;

	json_decref(root);
	return failed ? plan_no_memory() : CLI_OK;
}

/* --- playing ----------------------------------------------------------------
 */

/* The host stops the program where a page has two owners, or none: nothing that
 * happened afterwards would mean anything. It has said why. */
static void stopped(int signal)
{
	static const char text[] =
		"tdxcore: the scenario was stopped: an invariant is broken\n";

	(void)signal;
	if (write(STDERR_FILENO, text, sizeof text - 1) < 0)
		_exit(CLI_INTERNAL);
	_exit(CLI_NO);
}

/* A line that is drawn over. */
static void show_line(void *ctx, struct tdxc_sim_host *host, size_t line)
{
	const struct stage *t = ctx;

	(void)host;
	fprintf(stderr, "\r%s: line %zu done\033[K", t->path, line);
}

static void play(struct stage *t)
{
	bool is_terminal = isatty(STDERR_FILENO);
	struct sigaction before;
	struct sigaction now = {.sa_handler = stopped};

	t->request.watch = is_terminal ? show_line : NULL;
	t->request.ctx = t;
	(void)sigaction(SIGABRT, &now, &before);
	scenario_play(&t->request, &t->outcome);
	if (is_terminal)
		fputs("\r\033[K", stderr);
	(void)sigaction(SIGABRT, &before, NULL);
}

/* --- the command ------------------------------------------------------------
 */

static int verdict(const struct stage *t)
{
	const struct play_outcome *out = &t->outcome;

	switch (out->result) {
	case PLAY_RIGHT:
		return CLI_OK;
	case PLAY_NO_MEMORY:
		return plan_no_memory();
	case PLAY_WRONG:
	case PLAY_NO_MACHINE:
		break;
	}
	if (out->line)
		cli_error("%s:%zu: %s", t->path, out->line, out->why);
	else
		cli_error("%s: %s", t->path, out->why);
	return CLI_NO;
}

static int play_and_print(struct stage *t, bool json)
{
	struct cli_out out = {0};
	int result = cli_out_open(&out);

	if (result)
		return result;
	if (!json) {
		print_head(out.stream, t);
		t->request.log = out.stream;
	}
	play(t);
	if (json)
		result = print_json(out.stream, &t->outcome);
	else
		print_tail(out.stream, t);
	if (!result)
		result = cli_out_close(&out);
	/* With our own failures nothing is written to standard output. */
	if (!result && t->outcome.result != PLAY_NO_MEMORY)
		result = cli_out_print(&out);
	cli_out_free(&out);
	return result ? result : verdict(t);
}

int run_scenario(const struct run_options *o)
{
	struct stage *t = calloc(1, sizeof *t);
	int result;

	if (!t)
		return plan_no_memory();
	t->path = o->plan.map;
	result = read_all(t, o);
	if (!result)
		result = play_and_print(t, o->plan.json);
	scenario_free(&t->scenario);
	map_free(&t->map);
	free(t->map_path);
	free(t->ram);
	free(t->cmrs);
	free(t);
	return result;
}
