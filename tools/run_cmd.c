/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * tdxcore run: a scenario, or a module brought up on a simulated machine and no
 * more.
 */
#include <stdlib.h>

#include "run_cmd.h"

#define PA_END (1ull << RUN_PA_BITS)

/* --- memory that the machine cannot have --------------------------------- */

static int too_high(const char *name, const struct map_entry *e)
{
	struct map_error error = {.name = name, .line = e->line};

	snprintf(error.text, sizeof error.text,
		 "0x%llx is beyond the software TDX platform; expected "
		 "addresses below 2^%d",
		 (unsigned long long)e->range.end - 1, RUN_PA_BITS);
	return plan_refuse(MAP_E_INPUT, &error);
}

static int check_list(const struct map_list *list, const char *name,
		      bool only_ram)
{
	const struct map_entry *e;
	size_t i;

	for (i = 0; i < list->nr; i++) {
		e = &list->entries[i];
		if (e->range.end > PA_END && (e->ram || !only_ram))
			return too_high(name, e);
	}
	return CLI_OK;
}

static int check_addresses(const struct plan_report *r)
{
	const struct plan_options *o = r->options;
	int result = check_list(&r->map.memory, o->map, true);

	if (result)
		return result;
	if (r->cmr_source == PLAN_CMRS_MAP)
		return check_list(&r->map.cmrs, o->map, false);
	return check_list(&o->cmrs, o->cmr_file ? o->cmr_file : "--cmr", false);
}

/* --- running -------------------------------------------------------------- */

static void show_progress(void *ctx, uint64_t done, uint64_t total)
{
	cli_progress_show(ctx, done, total);
}

static int bring_up(const struct run_options *o, const struct plan_report *r,
		    struct run *run)
{
	struct cli_progress progress;
	const struct run_request request = {
		.ram = r->ram,
		.nr_ram = r->nr_ram,
		.cmrs = r->cmrs,
		.nr_cmrs = r->nr_cmrs,
		.plan_flags = o->plan.flags,
		.max_tdmrs = o->plan.limits.max_tdmrs,
		.max_reserved = o->plan.limits.max_reserved,
		.dynamic_pamt = o->plan.limits.pamt_bitmap_bits != 0,
		.packages = o->packages,
		.cpus = o->cpus,
		.threads = o->threads,
		.progress = show_progress,
		.progress_ctx = &progress,
	};

	cli_progress_start(&progress, "SYS.TDMR.INIT");
	if (!run_start(run, &request))
		return plan_no_memory();
	if (r->nr_cmrs > run->platform.nr_cmrs)
		cli_note("the module reports %u CMRs that cover them",
			 run->platform.nr_cmrs);
	run_module(run);
	cli_progress_end(&progress);
	return CLI_OK;
}

/* --- printing ------------------------------------------------------------- */

/* What was brought up is what plan would draw. */
static int save_svg(const struct plan_report *r, const struct run *run)
{
	struct plan_report drawn = *r;

	drawn.config = run->bringup.request;
	drawn.plan = run->bringup.plan;
	drawn.infos = run->bringup.infos;
	drawn.reason = "";
	return plan_save_svg(&drawn);
}

static int print(const struct plan_report *r, const struct run *run)
{
	struct cli_out out = {0};
	int result = cli_out_open(&out);

	if (!result && r->options->json)
		result = run_print_json(out.stream, run);
	else if (!result)
		run_print_text(out.stream, r, run);
	if (!result)
		result = cli_out_close(&out);
	if (!result && r->options->svg && run->outcome == RUN_READY)
		result = save_svg(r, run);
	if (!result)
		result = cli_out_print(&out);
	cli_out_free(&out);
	return result;
}

static int verdict(const struct run *run)
{
	switch (run->outcome) {
	case RUN_READY:
		return CLI_OK;
	case RUN_INFEASIBLE:
		cli_error("no layout: %s", run->reason);
		return CLI_NO;
	case RUN_REFUSED:
		cli_error("%s", run->reason);
		if (run->hint[0])
			cli_note("%s", run->hint);
		return CLI_NO;
	case RUN_NO_MEMORY:
	case RUN_BROKEN:
		break;
	}
	cli_error("%s%s", run->outcome == RUN_BROKEN ? "internal error: " : "",
		  run->reason);
	return CLI_INTERNAL;
}

static int run_and_print(const struct run_options *o,
			 const struct plan_report *r, struct run *run)
{
	int result = bring_up(o, r, run);

	if (result)
		return result;
	/* With our own failures nothing is written to standard output. */
	if (run->outcome != RUN_NO_MEMORY && run->outcome != RUN_BROKEN)
		result = print(r, run);
	if (!result)
		result = verdict(run);
	run_end(run);
	return result;
}

static int run_module_only(struct run_options *options)
{
	struct plan_report report = {.options = &options->plan};
	struct run *run = NULL;
	int result = plan_read_machine(&report, &options->plan);

	if (!result)
		result = check_addresses(&report);
	if (!result) {
		run = malloc(sizeof *run);
		result = run ? run_and_print(options, &report, run)
			     : plan_no_memory();
	}
	free(run);
	plan_report_free(&report);
	return result;
}

int cli_run(int argc, char **argv)
{
	struct run_options options;
	int result = run_options_parse(&options, argc, argv);

	if (!result)
		result = options.module_only ? run_module_only(&options)
					     : run_scenario(&options);
	plan_options_free(&options.plan);
	return result;
}
