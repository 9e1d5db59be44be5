/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * tdxcore coherence: whether a CPU has to flush its caches where a kernel ends,
 * and the whole table that says so.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include <tdxcore/coherence.h>
#include <tdxcore/err.h>
#include <tdxcore/version.h>

#include "cli.h"

#define SME_LEAF 0x8000001Fu
#define REASONS	 5
#define MARKS	 4 /* Of the reasons; the last is the platform's. */

enum {
	KEY_PLATFORM = 0x1000,
	KEY_POLICY,
	KEY_REASON,
	KEY_STRICT,
	KEY_WBNOINVD,
	KEY_TABLE,
	KEY_JSON,
};

struct coherence_options {
	enum tdxc_coherence_row row;
	enum tdxc_coherence_policy policy;
	enum tdxc_coherence_site site;
	uint32_t reasons;
	uint32_t flags;
	bool has_row;
	bool has_policy;
	bool has_site;
	bool table;
	bool json;
};

/* What makes a platform the one of a row. */
struct facts {
	bool intel;
	bool sme;
	bool erratum;
	uint32_t shared_keyids;
	uint32_t private_keyids;
	uint32_t guest;
	uint32_t flags;
	enum tdxc_coherence_module module;
};

static const struct facts facts_of[TDXC_COHERENCE_ROWS] = {
	[TDXC_COHERENCE_INTEL] = {.intel = true},
	[TDXC_COHERENCE_TDX_UNUSED] = {.intel = true,
				       .shared_keyids = 31,
				       .private_keyids = 32},
	[TDXC_COHERENCE_TDX] = {.intel = true,
				.shared_keyids = 31,
				.private_keyids = 32,
				.module = TDXC_COHERENCE_CALLED},
	[TDXC_COHERENCE_TDX_ERRATUM] = {.intel = true,
					.erratum = true,
					.shared_keyids = 31,
					.private_keyids = 32,
					.module = TDXC_COHERENCE_CALLED},
	[TDXC_COHERENCE_TDX_DISABLES] = {.intel = true,
					 .shared_keyids = 31,
					 .private_keyids = 32,
					 .flags = TDXC_COHERENCE_DISABLES,
					 .module = TDXC_COHERENCE_CALLED},
	[TDXC_COHERENCE_TDX_DEGRADED] = {.intel = true,
					 .erratum = true,
					 .shared_keyids = 31,
					 .private_keyids = 32,
					 .flags = TDXC_COHERENCE_DISABLES,
					 .module = TDXC_COHERENCE_NOT_DISABLED},
	[TDXC_COHERENCE_MKTME] = {.intel = true, .shared_keyids = 63},
	[TDXC_COHERENCE_SME_OFF] = {.sme = true},
	[TDXC_COHERENCE_SME] = {.sme = true,
				.flags = TDXC_COHERENCE_SME_ACTIVE},
	[TDXC_COHERENCE_SNP_HOST] = {.sme = true,
				     .flags = TDXC_COHERENCE_SNP_ENABLED},
	[TDXC_COHERENCE_TDX_GUEST] = {.intel = true,
				      .guest = TDXC_COHERENCE_IN_TDX},
	[TDXC_COHERENCE_SEV_GUEST] = {.sme = true,
				      .guest = TDXC_COHERENCE_IN_SEV},
	[TDXC_COHERENCE_SNP_GUEST] = {.sme = true,
				      .guest = TDXC_COHERENCE_IN_SNP},
};

/* --- words ---------------------------------------------------------------- */

static const char *row_name(size_t i)
{
	return tdxc_coherence_row_name((enum tdxc_coherence_row)i);
}

static const char *row_text(size_t i)
{
	return tdxc_coherence_row_text((enum tdxc_coherence_row)i);
}

static const char *site_name(size_t i)
{
	return tdxc_coherence_site_name((enum tdxc_coherence_site)i);
}

static const char *policy_name(size_t i)
{
	return tdxc_coherence_policy_name((enum tdxc_coherence_policy)i);
}

static enum tdxc_coherence_reason reason_at(size_t i)
{
	return (enum tdxc_coherence_reason)(1u << i);
}

static const char *reason_name(size_t i)
{
	return tdxc_coherence_reason_name(reason_at(i));
}

/* --- the command line ----------------------------------------------------- */

static void parse_row(struct coherence_options *o, const char *arg,
		      const struct argp_state *state)
{
	size_t i = cli_word(arg, TDXC_COHERENCE_ROWS, row_name);

	if (i == TDXC_COHERENCE_ROWS)
		argp_error(state, "--platform: '%s' is not in the table", arg);
	o->row = (enum tdxc_coherence_row)i;
	o->has_row = true;
}

static void parse_site(struct coherence_options *o, const char *arg,
		       const struct argp_state *state)
{
	size_t i = cli_word(arg, TDXC_COHERENCE_SITES, site_name);

	if (o->has_site)
		argp_error(state, "'%s' is a second site", arg);
	if (i == TDXC_COHERENCE_SITES)
		argp_error(state, "'%s' is not a site", arg);
	o->site = (enum tdxc_coherence_site)i;
	o->has_site = true;
}

static void parse_policy(struct coherence_options *o, const char *arg,
			 const struct argp_state *state)
{
	size_t i = cli_word(arg, TDXC_COHERENCE_POLICIES, policy_name);

	if (i == TDXC_COHERENCE_POLICIES)
		argp_error(state, "--policy: '%s' is not static or tracked",
			   arg);
	o->policy = (enum tdxc_coherence_policy)i;
	o->has_policy = true;
}

static void parse_reason(struct coherence_options *o, const char *arg,
			 const struct argp_state *state)
{
	size_t i = cli_word(arg, MARKS, reason_name);

	if (i == MARKS)
		argp_error(state,
			   "--reason: '%s' is not seamcall, td, conversion or "
			   "sme",
			   arg);
	o->reasons |= reason_at(i);
}

static void check_usage(const struct coherence_options *o,
			const struct argp_state *state)
{
	if (o->table) {
		if (o->has_site || o->has_row)
			argp_error(state,
				   "--table takes no site and no platform");
		return;
	}
	if (!o->has_site)
		argp_error(state, "a site is missing");
	if (!o->has_row)
		argp_error(state, "--platform is missing");
}

static error_t coherence_parse(int key, char *arg, struct argp_state *state)
{
	struct coherence_options *o = state->input;

	switch (key) {
	case KEY_PLATFORM:
		parse_row(o, arg, state);
		return 0;
	case KEY_POLICY:
		parse_policy(o, arg, state);
		return 0;
	case KEY_REASON:
		parse_reason(o, arg, state);
		return 0;
	case KEY_STRICT:
		o->flags |= TDXC_COHERENCE_STRICT;
		return 0;
	case KEY_WBNOINVD:
		o->flags |= TDXC_COHERENCE_WBNOINVD_OK;
		return 0;
	case KEY_TABLE:
		o->table = true;
		return 0;
	case KEY_JSON:
		o->json = true;
		return 0;
	case ARGP_KEY_ARG:
		parse_site(o, arg, state);
		return 0;
	case ARGP_KEY_END:
		check_usage(o, state);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option coherence_options[] = {
	{"platform", KEY_PLATFORM, "ROW", 0,
	 "A row of the table, by its short name", 1},
	{"policy", KEY_POLICY, "static|tracked", 0,
	 "Ask what the platform can do, or why this CPU's caches may hold "
	 "such lines (the default; with --table: both)",
	 1},
	{"reason", KEY_REASON, "WHY", 0,
	 "This CPU has a mark: seamcall, td, conversion or sme (repeatable)",
	 1},
	{"strict", KEY_STRICT, NULL, 0,
	 "Flush by the mark on remote CPUs in a crash and on CPUs that go "
	 "offline, too",
	 1},
	{"wbnoinvd", KEY_WBNOINVD, NULL, 0,
	 "Use WBNOINVD where the same kernel goes on", 1},
	{"table", KEY_TABLE, NULL, 0, "Print the whole table", 2},
	{"json", KEY_JSON, NULL, 0, "Print one JSON object", 2},
	{0},
};

/* --- one answer ----------------------------------------------------------- */

static int no_memory(void)
{
	cli_error("out of memory");
	return CLI_INTERNAL;
}

static int decide(const struct coherence_options *o,
		  struct tdxc_coherence_answer *answer)
{
	const struct facts *f = &facts_of[o->row];
	struct tdxc_platform platform = {0};
	const struct tdxc_coherence_config config = {
		.abi = TDXC_ABI,
		.policy = o->policy,
		.guest = f->guest,
		.flags = f->flags | o->flags,
		.platform = &platform,
		.cpuid_80000000_eax = f->intel ? 0x80000008 : SME_LEAF,
		.cpuid_8000001f_eax = f->sme,
	};
	struct tdxc_coherence c;

	platform.report[TDXC_CHECK_INTEL].verdict =
		f->intel ? TDXC_PLATFORM_PASS : TDXC_PLATFORM_FAIL;
	platform.nr_shared_keyids = f->shared_keyids;
	platform.nr_private_keyids = f->private_keyids;
	platform.errata = f->erratum ? TDXC_ERRATUM_PARTIAL_WRITE : 0;
	if (tdxc_coherence_init(&c, &config) == TDXC_OK &&
	    tdxc_coherence_decide(&c, o->site, f->module, o->reasons, answer) ==
		    TDXC_OK)
		return CLI_OK;
	cli_error("internal error: tdxc_coherence_decide");
	return CLI_INTERNAL;
}

static json_t *reasons_json(uint32_t reasons)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < REASONS; i++) {
		if (reasons & reason_at(i))
			json_array_append_new(list,
					      json_string(reason_name(i)));
	}
	return list;
}

static json_t *entry_json(enum tdxc_coherence_site site,
			  const struct tdxc_coherence_entry *e)
{
	return json_pack(
		"{s:s, s:s, s:s, s:b}", "site", tdxc_coherence_site_name(site),
		"cell", tdxc_coherence_cell_name(e->cell), "note",
		tdxc_coherence_note_text(e->note), "derived", e->derived);
}

static json_t *answer_json(const struct coherence_options *o,
			   const struct tdxc_coherence_answer *a)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:o, s:b, s:s, s:o}", "policy",
			 tdxc_coherence_policy_name(o->policy), "site",
			 tdxc_coherence_site_name(o->site), "platform",
			 tdxc_coherence_row_name(o->row), "action",
			 tdxc_coherence_action_name(a->action), "reasons",
			 reasons_json(a->reasons), "disable_first",
			 a->disable_first, "row",
			 tdxc_coherence_row_name(a->row), "entry",
			 entry_json(o->site, &a->entry));
}

static void print_answer(FILE *f, const struct coherence_options *o,
			 const struct tdxc_coherence_answer *a)
{
	const char *note = tdxc_coherence_note_text(a->entry.note);
	size_t i;

	fprintf(f, "%s\n", tdxc_coherence_action_name(a->action));
	fprintf(f, "  platform %s: %s\n", tdxc_coherence_row_name(a->row),
		tdxc_coherence_row_text(a->row));
	fprintf(f, "  table    %s, %s: %s%s%s%s\n",
		tdxc_coherence_policy_name(o->policy),
		tdxc_coherence_site_name(o->site),
		tdxc_coherence_cell_name(a->entry.cell), *note ? "; " : "",
		note, a->entry.derived ? " (derived, UNVERIFIED)" : "");
	if (a->disable_first)
		fputs("  before   the module is disabled\n", f);
	for (i = 0; i < REASONS; i++) {
		if (a->reasons & reason_at(i))
			fprintf(f, "  reason   %s\n",
				tdxc_coherence_reason_text(reason_at(i)));
	}
}

/* --- the table ------------------------------------------------------------ */

static struct tdxc_coherence_entry entry_at(size_t policy, size_t row,
					    size_t site)
{
	struct tdxc_coherence_entry e;

	if (tdxc_coherence_table((enum tdxc_coherence_policy)policy,
				 (enum tdxc_coherence_row)row,
				 (enum tdxc_coherence_site)site, &e) != TDXC_OK)
		memset(&e, 0, sizeof e);
	return e;
}

static bool is_printed(const struct coherence_options *o, size_t policy)
{
	return !o->has_policy || o->policy == policy;
}

static json_t *row_json(size_t policy, size_t row)
{
	json_t *cells = json_array();
	size_t site;

	for (site = 0; site < TDXC_COHERENCE_SITES; site++) {
		struct tdxc_coherence_entry e = entry_at(policy, row, site);

		json_array_append_new(
			cells, entry_json((enum tdxc_coherence_site)site, &e));
	}
	return json_pack("{s:s, s:s, s:o}", "platform", row_name(row), "text",
			 row_text(row), "cells", cells);
}

static json_t *table_json(const struct coherence_options *o)
{
	json_t *root = json_object();
	size_t policy;
	size_t row;

	for (policy = 0; policy < TDXC_COHERENCE_POLICIES; policy++) {
		json_t *rows;

		if (!is_printed(o, policy))
			continue;
		rows = json_array();
		for (row = 0; row < TDXC_COHERENCE_ROWS; row++)
			json_array_append_new(rows, row_json(policy, row));
		json_object_set_new(root, policy_name(policy), rows);
	}
	return root;
}

static void print_cell(FILE *f, struct tdxc_coherence_entry e)
{
	char text[32];
	int len;

	len = snprintf(text, sizeof text, "%s%s",
		       tdxc_coherence_cell_name(e.cell), e.derived ? "*" : "");
	if (e.note != TDXC_COHERENCE_PLAIN)
		snprintf(text + len, sizeof text - (size_t)len, "[%d]",
			 (int)e.note);
	fprintf(f, " %-16s", text);
}

static void print_policy(FILE *f, size_t policy)
{
	size_t row;
	size_t site;

	fprintf(f, "%-14s", policy_name(policy));
	for (site = 0; site < TDXC_COHERENCE_SITES; site++)
		fprintf(f, " %-16s", site_name(site));
	fputc('\n', f);
	for (row = 0; row < TDXC_COHERENCE_ROWS; row++) {
		fprintf(f, "%-14s", row_name(row));
		for (site = 0; site < TDXC_COHERENCE_SITES; site++)
			print_cell(f, entry_at(policy, row, site));
		fputc('\n', f);
	}
	fputc('\n', f);
}

static void print_table(FILE *f, const struct coherence_options *o)
{
	size_t i;

	for (i = 0; i < TDXC_COHERENCE_POLICIES; i++) {
		if (is_printed(o, i))
			print_policy(f, i);
	}
	for (i = 0; i < TDXC_COHERENCE_ROWS; i++)
		fprintf(f, "%-14s %s\n", row_name(i), row_text(i));
	fputs("\n*    derived, UNVERIFIED: read in no kernel\n", f);
	for (i = 1; i < TDXC_COHERENCE_NOTES; i++)
		fprintf(f, "[%zu]%s %s\n", i, i < 10 ? " " : "",
			tdxc_coherence_note_text((enum tdxc_coherence_note)i));
}

/* -------------------------------------------------------------------------- */

static int print_json(FILE *f, json_t *root)
{
	bool done = root && !json_dumpf(root, f, JSON_INDENT(2)) &&
		    fputc('\n', f) != EOF;

	json_decref(root);
	return done ? CLI_OK : no_memory();
}

static int write_all(FILE *f, const struct coherence_options *o,
		     const struct tdxc_coherence_answer *a)
{
	if (o->json)
		return print_json(f,
				  o->table ? table_json(o) : answer_json(o, a));
	if (o->table)
		print_table(f, o);
	else
		print_answer(f, o, a);
	return CLI_OK;
}

static int run(const struct coherence_options *o)
{
	struct tdxc_coherence_answer answer = {0};
	struct cli_out out = {0};
	int result = o->table ? CLI_OK : decide(o, &answer);

	if (!result)
		result = cli_out_open(&out);
	if (!result)
		result = write_all(out.stream, o, &answer);
	if (!result)
		result = cli_out_close(&out);
	if (!result)
		result = cli_out_print(&out);
	if (!result && answer.action == TDXC_COHERENCE_DO_REFUSE)
		result = CLI_NO;
	cli_out_free(&out);
	return result;
}

int cli_coherence(int argc, char **argv)
{
	static const struct argp_child children[] = {
		{&cli_common_argp, 0, NULL, CLI_COMMON_GROUP},
		{0},
	};
	static const struct argp argp = {
		.options = coherence_options,
		.parser = coherence_parse,
		.args_doc = "SITE",
		.doc = "Say whether a CPU has to flush its caches where a "
		       "kernel ends.\v"
		       "SITE is reboot, kexec-remote, kexec-executing, "
		       "crash-remote, crash-executing, cpu-offline, "
		       "suspend-s3 or image-load; platforms are the rows that "
		       "--table prints.\n\n"
		       "Exit codes: 0 answered, 1 the answer is to refuse, 2 "
		       "wrong usage, 4 out of resources.",
		.children = children,
	};
	struct coherence_options o = {.policy = TDXC_COHERENCE_TRACKED};

	if (argp_parse(&argp, argc, argv, ARGP_NO_HELP, NULL, &o))
		return no_memory();
	return run(&o);
}
