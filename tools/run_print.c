/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * tdxcore run: what was done, for people and as JSON.
 *
 * json_pack() takes over what is put into it with `o` and passes a failure on,
 * so a lack of memory shows once, at the top.
 */
#include <inttypes.h>
#include <jansson.h>

#include "run_cmd.h"

/* Room for module_version(). */
#define VERSION_TEXT 24

/* "1.5.0"; empty before it was read. */
static const char *module_version(char text[VERSION_TEXT],
				  const struct run *run)
{
	const struct tdxc_sysinfo *info = &run->bringup.module.info;

	text[0] = '\0';
	if (tdxc_sysinfo_has(info, TDXC_FIELD_MAJOR_VERSION))
		snprintf(text, VERSION_TEXT, "%u.%u.%u", info->major_version,
			 info->minor_version, info->update_version);
	return text;
}

static uint64_t tdmr_bytes(const struct run *run)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < run->bringup.plan.nr_tdmrs; i++)
		sum += tdxc_range_size(run->bringup.plan.tdmrs[i].range);
	return sum;
}

static double seconds(uint64_t ns)
{
	return (double)ns / 1e9;
}

static void count_calls(const struct run *run,
			uint64_t by_leaf[TDXC_SIM_PORT_LEAVES])
{
	uint64_t leaf;

	for (leaf = 0; leaf < TDXC_SIM_PORT_LEAVES; leaf++)
		by_leaf[leaf] = tdxc_sim_port_calls(&run->port, leaf);
}

/* --- text ---------------------------------------------------------------- */

static void print_head(FILE *f, const struct plan_report *r,
		       const struct run *run)
{
	const struct run_request *q = &run->request;
	char version[VERSION_TEXT];

	plan_print_machine(f, r);
	fprintf(f,
		"CPUs    %u in %u package%s; %u thread%s for SYS.TDMR.INIT\n",
		q->cpus, q->packages, q->packages == 1 ? "" : "s", q->threads,
		q->threads == 1 ? "" : "s");
	fprintf(f, "Module  %s, %s PAMT\n\n", module_version(version, run),
		q->dynamic_pamt ? "dynamic" : "static");
}

static void print_steps(FILE *f, const struct run *run)
{
	const struct run_step *s;
	uint64_t calls = 0;
	uint64_t ns = 0;
	size_t i;

	fprintf(f, "%-18s %12s %11s\n", "Step", "ms", "SEAMCALLs");
	for (i = 0; i < run->nr_steps; i++) {
		s = &run->steps[i];
		fprintf(f, "  %-16s %12.3f %11" PRIu64 "\n",
			tdxc_module_step_name(s->step), seconds(s->ns) * 1e3,
			s->seamcalls);
		ns += s->ns;
		calls += s->seamcalls;
	}
	fprintf(f, "  %-16s %12.3f %11" PRIu64 "\n\n", "total",
		seconds(ns) * 1e3, calls);
}

void run_print_calls(FILE *f, const uint64_t *by_leaf, uint64_t retries)
{
	uint64_t leaf;

	fprintf(f, "SEAMCALLs by leaf; %" PRIu64 " were retries\n", retries);
	for (leaf = 0; leaf < TDXC_SIM_PORT_LEAVES; leaf++) {
		if (by_leaf[leaf] && tdxc_leaf_name(leaf))
			fprintf(f, "  %-16s %24" PRIu64 "\n",
				tdxc_leaf_name(leaf), by_leaf[leaf]);
	}
}

static void print_layout(FILE *f, const struct run *run)
{
	const struct tdxc_plan *plan = &run->bringup.plan;
	char size[PLAN_SIZE_TEXT];

	fprintf(f, "Ready\n");
	fprintf(f, "  TDMRs    %u of %s in all\n", plan->nr_tdmrs,
		plan_size(size, tdmr_bytes(run)));
	fprintf(f, "  PAMT     %s\n", plan_size(size, plan->pamt_bytes));
	fprintf(f, "  for TDs  %s\n\n", plan_size(size, plan->usable_bytes));
}

void run_print_text(FILE *f, const struct plan_report *r, const struct run *run)
{
	uint64_t calls[TDXC_SIM_PORT_LEAVES];

	print_head(f, r, run);
	print_steps(f, run);
	if (run->outcome == RUN_READY)
		print_layout(f, run);
	else
		fprintf(f, "Not ready: %s\n\n", run->reason);
	count_calls(run, calls);
	run_print_calls(f, calls, run_retries(run));
}

/* --- JSON ---------------------------------------------------------------- */

static json_t *steps_json(const struct run *run)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < run->nr_steps && list; i++) {
		const struct run_step *s = &run->steps[i];
		json_t *step = json_pack("{s:s, s:f, s:I}", "name",
					 tdxc_module_step_name(s->step),
					 "seconds", seconds(s->ns), "seamcalls",
					 (json_int_t)s->seamcalls);

		if (json_array_append_new(list, step)) {
			json_decref(list);
			list = NULL;
		}
	}
	return list;
}

/* Leaves without a name here are not called. */
json_t *run_calls_json(const uint64_t *calls)
{
	json_t *by_leaf = json_object();
	uint64_t leaf;

	for (leaf = 0; leaf < TDXC_SIM_PORT_LEAVES && by_leaf; leaf++) {
		if (calls[leaf] && tdxc_leaf_name(leaf) &&
		    json_object_set_new(
			    by_leaf, tdxc_leaf_name(leaf),
			    json_integer((json_int_t)calls[leaf]))) {
			json_decref(by_leaf);
			by_leaf = NULL;
		}
	}
	return by_leaf;
}

static const char *status_name(enum run_outcome outcome)
{
	switch (outcome) {
	case RUN_READY:
		return "ok";
	case RUN_INFEASIBLE:
		return "infeasible";
	default:
		return "refused";
	}
}

static json_t *run_json(const struct run *run)
{
	static const struct tdxc_plan none;
	const struct tdxc_plan *plan =
		run->outcome == RUN_READY ? &run->bringup.plan : &none;
	const struct run_request *q = &run->request;
	uint64_t calls[TDXC_SIM_PORT_LEAVES];
	char version[VERSION_TEXT];

	count_calls(run, calls);
	return json_pack(
		"{s:s, s:s, s:s, s:s, s:b, s:I, s:I, s:I, s:o, s:I, "
		"s:I, s:I, s:o, s:I}",
		"status", status_name(run->outcome), "reason", run->reason,
		"hint", run->hint, "module_version",
		module_version(version, run), "dynamic_pamt", q->dynamic_pamt,
		"packages", (json_int_t)q->packages, "cpus",
		(json_int_t)q->cpus, "threads", (json_int_t)q->threads, "steps",
		steps_json(run), "tdmrs", (json_int_t)plan->nr_tdmrs,
		"pamt_bytes", (json_int_t)plan->pamt_bytes, "usable_bytes",
		(json_int_t)plan->usable_bytes, "seamcalls",
		run_calls_json(calls), "retries", (json_int_t)run_retries(run));
}

int run_print_json(FILE *f, const struct run *run)
{
	json_t *root = run_json(run);
	int failed =
		!root ||
		json_dumpf(root, f, JSON_INDENT(1) | JSON_REAL_PRECISION(9)) ||
		fputc('\n', f) == EOF;

	json_decref(root);
	return failed ? plan_no_memory() : CLI_OK;
}
