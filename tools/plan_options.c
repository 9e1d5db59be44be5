/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * The options of a plan: of tdxcore plan, and of commands that start from one.
 *
 * An option that cannot be read is wrong usage. One that can, but names a range
 * or file that makes no sense, is bad input: noted in `result`, so that a
 * usage error later in the line is still reported as one.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "plan_cmd.h"

/* Limits a module can have, as struct tdxc_limits documents them. */
#define MAX_TDMRS     65535
#define MAX_RESERVED  65535
#define MAX_PAMT_SIZE 4096

enum {
	KEY_CMR = 0x1000,
	KEY_CMR_FILE,
	KEY_NODE,
	KEY_NUMA,
	KEY_MAX_TDMRS,
	KEY_MAX_RESERVED,
	KEY_PAMT_ENTRY,
	KEY_DYNAMIC_PAMT,
	KEY_ECONOMY,
	KEY_SVG,
	KEY_JSON,
};

static const struct argp_option plan_option_list[] = {
	{NULL, 0, NULL, 0, "The machine:", 1},
	{"cmr", KEY_CMR, "ram|span|BASE:SIZE", 0,
	 "Convertible memory: exactly the RAM above 1 MiB (ram, the default), "
	 "what lies between RAM ranges too (span), or this range, in hex "
	 "(repeatable)",
	 1},
	{"cmr-file", KEY_CMR_FILE, "FILE", 0,
	 "Convertible memory: BASE SIZE lines in hex, or the CMR lines of a "
	 "TDX boot log",
	 1},
	{"node", KEY_NODE, "START-END:NODE", 0,
	 "This range, in hex and with its last byte, is on a NUMA node "
	 "(repeatable)",
	 1},
	{"numa", KEY_NUMA, "FILE", 0, "NUMA nodes: NODE START END lines", 1},
	{NULL, 0, NULL, 0, "The TDX module:", 2},
	{"max-tdmrs", KEY_MAX_TDMRS, "N", 0, "TDMRs it takes (64)", 2},
	{"max-reserved", KEY_MAX_RESERVED, "N", 0,
	 "Reserved areas per TDMR (16)", 2},
	{"pamt-entry", KEY_PAMT_ENTRY, "4K,2M,1G", 0,
	 "Bytes of a PAMT entry, by level (16,16,16)", 2},
	{"dynamic-pamt", KEY_DYNAMIC_PAMT, NULL, 0,
	 "Plan for Dynamic PAMT: a bitmap in place of 4K entries", 2},
	{NULL, 0, NULL, 0, "The plan:", 3},
	{"economy", KEY_ECONOMY, NULL, 0,
	 "Leave out GiBs that hold less RAM than the PAMT they cost", 3},
	{"json", KEY_JSON, NULL, 0, "Print one JSON object", 3},
	{"svg", KEY_SVG, "FILE", 0, "Draw the layout, too", 3},
	{0},
};

/* A number in [least, most], decimal, and nothing else. */
uint32_t plan_number(const struct argp_state *state, const char *option,
		     const char *text, size_t len, uint32_t most)
{
	uint32_t value = 0;
	size_t i;

	for (i = 0; i < len && value <= most; i++) {
		if (text[i] < '0' || text[i] > '9')
			break;
		value = value * 10 + (uint32_t)(text[i] - '0');
	}
	if (!len || (i < len && value <= most))
		argp_error(state, "%s: '%.*s' is not a number", option,
			   (int)len, text);
	else if (value < 1 || value > most)
		argp_error(state, "%s: %.*s is out of range: 1 to %u", option,
			   (int)len, text, most);
	return value;
}

static void parse_pamt_entry(struct plan_options *o, const char *arg,
			     const struct argp_state *state)
{
	const char *at = arg;
	size_t len;
	int level;

	for (level = 0; level < TDXC_PAMT_LEVELS; level++) {
		len = strcspn(at, ",");
		o->limits.pamt_entry_size[level] = plan_number(
			state, "--pamt-entry", at, len, MAX_PAMT_SIZE);
		at += len;
		/* A comma follows all but the last, and only those. */
		if ((*at == ',') != (level < TDXC_PAMT_LEVELS - 1))
			argp_error(state,
				   "--pamt-entry: '%s' is not three numbers "
				   "with commas between them",
				   arg);
		at++;
	}
}

/* Step over a number of these digits; NULL where there is none. */
static const char *skip_digits(const char *at, const char *digits)
{
	size_t len = strspn(at, digits);

	return len ? at + len : NULL;
}

static const char *skip_hex(const char *at)
{
	if (at[0] == '0' && (at[1] == 'x' || at[1] == 'X'))
		at += 2;
	return skip_digits(at, "0123456789abcdefABCDEF");
}

static bool is_cmr(const char *arg)
{
	const char *at = skip_hex(arg);

	if (!at || *at != ':')
		return false;
	at = skip_hex(at + 1);
	return at && !*at;
}

static bool is_node(const char *arg)
{
	const char *at = skip_hex(arg);

	if (!at || *at != '-')
		return false;
	at = skip_hex(at + 1);
	if (!at || *at != ':')
		return false;
	at = skip_digits(at + 1, "0123456789");
	return at && !*at;
}

/* Remember the first thing that went wrong, and print it. */
static void note_result(struct plan_options *o, int result,
			const struct map_error *error)
{
	int code;

	if (result == MAP_OK || o->result)
		return;
	code = plan_refuse(result, error);
	o->result = code;
}

static void choose_cmrs(struct plan_options *o, enum plan_cmr_source source,
			const struct argp_state *state)
{
	bool again = o->cmr_source == source && source != PLAN_CMRS_FILE;

	if (o->cmr_source != PLAN_CMRS_UNSAID && !again)
		argp_error(state, "convertible memory is given in one way: "
				  "--cmr ram, --cmr span, --cmr BASE:SIZE or "
				  "one --cmr-file");
	o->cmr_source = source;
}

static void parse_cmr(struct plan_options *o, const char *arg,
		      const struct argp_state *state)
{
	struct map_error error = {0};

	if (!strcmp(arg, "ram")) {
		choose_cmrs(o, PLAN_CMRS_RAM, state);
	} else if (!strcmp(arg, "span")) {
		choose_cmrs(o, PLAN_CMRS_SPAN, state);
	} else if (!is_cmr(arg)) {
		argp_error(state,
			   "--cmr: '%s' is not ram, span or BASE:SIZE in hex",
			   arg);
	} else {
		choose_cmrs(o, PLAN_CMRS_OPTION, state);
		note_result(o, map_option_cmr(arg, &o->cmrs, &error), &error);
	}
}

static void parse_cmr_file(struct plan_options *o, const char *arg,
			   const struct argp_state *state)
{
	struct map_error error = {0};

	choose_cmrs(o, PLAN_CMRS_FILE, state);
	o->cmr_file = arg;
	note_result(o, map_read_cmrs(arg, &o->cmrs, &error), &error);
}

static void parse_node(struct plan_options *o, const char *arg,
		       const struct argp_state *state)
{
	struct map_error error = {0};

	if (o->numa_file)
		argp_error(state, "--node and --numa exclude each other");
	if (!is_node(arg))
		argp_error(state,
			   "--node: '%s' is not START-END:NODE, the range in "
			   "hex",
			   arg);
	note_result(o, map_option_node(arg, &o->nodes, &error), &error);
}

static void parse_numa(struct plan_options *o, const char *arg,
		       const struct argp_state *state)
{
	struct map_error error = {0};

	if (o->nodes.nr)
		argp_error(state, "--node and --numa exclude each other");
	if (o->numa_file)
		argp_error(state, "--numa is given once");
	o->numa_file = arg;
	note_result(o, map_read_numa(arg, &o->nodes, &error), &error);
}

static error_t parse_machine(int key, char *arg, struct argp_state *state)
{
	struct plan_options *o = state->input;

	switch (key) {
	case KEY_CMR:
		parse_cmr(o, arg, state);
		return 0;
	case KEY_CMR_FILE:
		parse_cmr_file(o, arg, state);
		return 0;
	case KEY_NODE:
		parse_node(o, arg, state);
		return 0;
	case KEY_NUMA:
		parse_numa(o, arg, state);
		return 0;
	case ARGP_KEY_ARG:
		if (o->map)
			argp_error(state, "'%s' is a second map", arg);
		o->map = arg;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static error_t plan_parse(int key, char *arg, struct argp_state *state)
{
	struct plan_options *o = state->input;

	switch (key) {
	case KEY_MAX_TDMRS:
		o->limits.max_tdmrs = plan_number(state, "--max-tdmrs", arg,
						  strlen(arg), MAX_TDMRS);
		return 0;
	case KEY_MAX_RESERVED:
		o->limits.max_reserved =
			plan_number(state, "--max-reserved", arg, strlen(arg),
				    MAX_RESERVED);
		return 0;
	case KEY_PAMT_ENTRY:
		parse_pamt_entry(o, arg, state);
		return 0;
	case KEY_DYNAMIC_PAMT:
		o->limits.pamt_bitmap_bits = 1;
		return 0;
	case KEY_ECONOMY:
		o->flags |= TDXC_PLAN_ECONOMY;
		return 0;
	case KEY_SVG:
		o->svg = arg;
		return 0;
	case KEY_JSON:
		o->json = true;
		return 0;
	default:
		return parse_machine(key, arg, state);
	}
}

const struct argp plan_options_argp = {
	.options = plan_option_list,
	.parser = plan_parse,
};

void plan_options_init(struct plan_options *o)
{
	memset(o, 0, sizeof *o);
	o->limits = tdxc_limits_observed();
}

int plan_options_finish(struct plan_options *o)
{
	if (!o->map)
		o->map = "/proc/iomem";
	return o->result;
}

void plan_options_free(struct plan_options *o)
{
	map_list_free(&o->cmrs);
	map_list_free(&o->nodes);
}
