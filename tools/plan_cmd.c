/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * tdxcore plan: plans a machine, has the result checked, and prints.
 */
#include <inttypes.h>
#include <stdlib.h>

#include <tdxcore/err.h>
#include <tdxcore/status.h>
#include <tdxcore/version.h>

#include "plan_cmd.h"

struct layout_plan plan_layout(const struct plan_report *r)
{
	struct layout_plan layout = {
		.config = &r->config,
		.plan = &r->plan,
		.infos = r->infos,
		.reason = r->reason,
	};

	return layout;
}

const struct tdxc_tdmr_info *plan_info(const struct plan_report *r, size_t i)
{
	const struct layout_plan layout = plan_layout(r);

	return layout_info(&layout, i);
}

size_t plan_nr_reserved(const struct plan_report *r, size_t i)
{
	const struct layout_plan layout = plan_layout(r);

	return layout_nr_reserved(&layout, i);
}

/* --- planning ------------------------------------------------------------ */

static int internal(const char *what, const struct tdxc_plan_fault *fault)
{
	cli_error("internal error: %s: %s (%zu)", what,
		  tdxc_plan_fault_text(fault->kind), fault->index);
	return CLI_INTERNAL;
}

/* TDXC_OK, TDXC_E_NOSPC where there is no layout, or CLI_INTERNAL. */
static int make(struct plan_report *r)
{
	struct tdxc_plan_fault fault = {0};
	size_t bytes;
	int err;

	if (tdxc_plan_scratch_bytes(&r->config, &bytes) != TDXC_OK)
		return plan_no_memory();
	r->scratch = malloc(bytes);
	if (!r->scratch)
		return plan_no_memory();
	err = tdxc_plan_make(&r->plan, &r->config, r->scratch, bytes, &fault);
	if (err == TDXC_OK)
		return err;
	if (err != TDXC_E_NOSPC)
		return internal("tdxc_plan_make", &fault);
	r->reason = tdxc_plan_fault_text(fault.kind);
	return err;
}

static int seal(struct plan_report *r)
{
	size_t stride = tdxc_tdmr_info_stride(r->config.limits.max_reserved);
	size_t bytes = r->plan.nr_tdmrs * stride;
	struct tdxc_plan_fault fault = {0};

	r->infos = aligned_alloc(TDXC_TDMR_INFO_ALIGN, bytes);
	if (!r->infos)
		return plan_no_memory();
	if (tdxc_plan_seal(&r->plan, r->infos, bytes, &fault) != TDXC_OK)
		return internal("tdxc_plan_seal", &fault);
	return CLI_OK;
}

/* What the module would say: nothing is printed that it would refuse. */
static int check(const struct plan_report *r)
{
	const struct layout_plan layout = plan_layout(r);
	struct tdxc_cmr *cmrs = calloc(r->nr_cmrs, sizeof *cmrs);
	struct tdxc_status_info info;
	uint64_t status;

	if (!cmrs)
		return plan_no_memory();
	status = layout_check(&layout, cmrs);
	free(cmrs);
	if (!status)
		return CLI_OK;
	(void)tdxc_status_lookup(status, &info);
	cli_error("internal error: the module would refuse this layout: "
		  "0x%016" PRIx64 " %s",
		  status, info.name);
	return CLI_INTERNAL;
}

/* Without a layout all RAM is excluded, and still accounted for. */
static int account_for_nothing(struct plan_report *r)
{
	r->given_up = calloc(layout_none_most(&r->config), sizeof *r->given_up);
	if (!r->given_up)
		return plan_no_memory();
	layout_none(&r->plan, &r->config, r->given_up);
	return CLI_OK;
}

static int plan(struct plan_report *r)
{
	int result;

	r->config.abi = TDXC_ABI;
	r->config.flags = r->options->flags;
	r->config.limits = r->options->limits;
	r->config.cmrs = r->cmrs;
	r->config.nr_cmrs = r->nr_cmrs;
	r->config.ram = r->ram;
	r->config.nr_ram = r->nr_ram;
	r->reason = "";
	result = make(r);
	if (result == TDXC_E_NOSPC)
		return account_for_nothing(r);
	if (!result)
		result = seal(r);
	return result ? result : check(r);
}

/* --- printing ------------------------------------------------------------ */

int plan_save_svg(const struct plan_report *r)
{
	struct cli_out out = {0};
	int result = cli_out_open(&out);

	if (!result)
		result = plan_print_svg(out.stream, r);
	if (!result)
		result = cli_out_close(&out);
	if (!result)
		result = cli_out_save(&out, r->options->svg);
	cli_out_free(&out);
	return result;
}

static int print(const struct plan_report *r)
{
	struct cli_out out = {0};
	int result = cli_out_open(&out);

	if (!result && r->options->json)
		plan_print_json(out.stream, r);
	else if (!result)
		plan_print_text(out.stream, r);
	if (!result)
		result = cli_out_close(&out);
	/* Last but one, so that a drawing that cannot be written leaves
	 * standard output empty. */
	if (!result && r->options->svg && plan_feasible(r))
		result = plan_save_svg(r);
	if (!result)
		result = cli_out_print(&out);
	cli_out_free(&out);
	return result;
}

static error_t plan_parse(int key, char *arg, struct argp_state *state)
{
	(void)arg;
	if (key != ARGP_KEY_INIT)
		return ARGP_ERR_UNKNOWN;
	state->child_inputs[0] = state->input;
	return 0;
}

/* 0, or an exit code with a message printed. Wrong usage does not return. */
static int parse(struct plan_options *o, int argc, char **argv)
{
	static const struct argp_child children[] = {
		{&plan_options_argp, 0, NULL, 0},
		{&cli_common_argp, 0, NULL, CLI_COMMON_GROUP},
		{0},
	};
	static const struct argp argp = {
		.parser = plan_parse,
		.args_doc = "[MAP]",
		.doc = "Lay TDMRs, PAMTs and reserved areas over a machine's "
		       "memory map.\v"
		       "MAP is a file, or - for standard input: Linux boot log "
		       "lines (BIOS-e820), START END TYPE lines, /proc/iomem "
		       "text, EFI memNN lines, or what --json prints. Without "
		       "it, this machine's /proc/iomem.\n\n"
		       "Exit codes: 0 planned, 1 there is no layout, 2 wrong "
		       "usage, 3 bad input, 4 out of resources.",
		.children = children,
	};

	plan_options_init(o);
	if (argp_parse(&argp, argc, argv, ARGP_NO_HELP, NULL, o))
		return plan_no_memory();
	return plan_options_finish(o);
}

int cli_plan(int argc, char **argv)
{
	struct plan_options options;
	struct plan_report report = {.options = &options};
	int result = parse(&options, argc, argv);

	if (!result)
		result = plan_read_machine(&report, &options);
	if (!result)
		result = plan(&report);
	if (!result)
		result = print(&report);
	if (!result && !plan_feasible(&report)) {
		cli_error("no layout: %s", report.reason);
		result = CLI_NO;
	}
	plan_report_free(&report);
	plan_options_free(&options);
	return result;
}
