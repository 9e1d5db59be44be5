/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * tdxcore hotplug: what a memory or CPU hotplug event means under TDX.
 */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include <tdxcore/err.h>
#include <tdxcore/hotplug.h>
#include <tdxcore/version.h>

#include "plan_cmd.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

enum {
	KEY_TDX = 0x1000,
	KEY_USE_TDX,
	KEY_SEAMRR,
	KEY_CMR,
	KEY_CMR_FILE,
	KEY_MAP,
	KEY_MEMORY,
	KEY_TRACK,
	KEY_KEEP,
	KEY_TABLE,
	KEY_JSON,
};

/* A growing list; owned. */
struct range_list {
	struct tdxc_range *r;
	size_t nr;
};

struct hotplug_options {
	struct tdxc_hotplug_state state;
	enum tdxc_hotplug_event event;
	struct tdxc_range range;
	bool has_event;
	bool has_range;
	bool has_seamrr;
	bool cmrs_unknown;
	bool cmrs_of_map;
	bool table;
	bool json;
	const char *map;
	const char *cmr_file;
	struct map_list cmr_list;
	struct range_list cmrs;
	struct range_list memory;
	int result; /* bad input, reported already */
};

/* An event, judged. */
struct hotplug_report {
	const struct hotplug_options *o;
	struct tdxc_hotplug_verdict verdict;
	struct tdxc_range *parts; /* owned */
	char message[TDXC_HOTPLUG_MESSAGE_BYTES];
};

static int no_memory(void)
{
	cli_error("out of memory");
	return CLI_INTERNAL;
}

static bool needs_range(enum tdxc_hotplug_event event)
{
	return event <= TDXC_HOTPLUG_MEMORY_OFFLINE;
}

/* --- the command line ----------------------------------------------------- */

static const char *event_name(size_t i)
{
	return tdxc_hotplug_event_name((enum tdxc_hotplug_event)i);
}

/* In the order of enum tdxc_hotplug_tdx. */
static const char *const tdx_states[] = {"off", "enabled", "up"};

static const char *tdx_state_name(size_t i)
{
	return tdx_states[i];
}

static const char *switch_name(size_t i)
{
	return i ? "off" : "on";
}

/* One of a few words; does not return when it is none. */
static size_t word(const char *arg, size_t n, const char *(*word_at)(size_t),
		   const char *option, const struct argp_state *state)
{
	size_t i = cli_word(arg, n, word_at);

	if (i == n)
		argp_error(state, "%s: '%s' is not known", option, arg);
	return i;
}

static bool is_off(const char *arg, const char *option,
		   const struct argp_state *state)
{
	return word(arg, 2, switch_name, option, state) == 1;
}

/* START-END in hex, END being the last byte. A range that is inverted or ends
 * beyond 2^52 is bad input, not bad usage. */
static struct tdxc_range parse_range(struct hotplug_options *o, const char *arg,
				     const struct argp_state *state)
{
	struct tdxc_range r = {0, 0};
	char *end = NULL;

	if (strspn(arg, "0123456789abcdefABCDEFxX-") == strlen(arg) &&
	    arg[0] != '-' && strchr(arg, '-')) {
		r.start = strtoull(arg, &end, 16);
		if (*end == '-' && end[1] != '\0' && end[1] != '-')
			r.end = strtoull(end + 1, &end, 16);
		else
			end = NULL;
	}
	if (!end || *end) {
		argp_error(state, "'%s' is not a range: START-END in hex", arg);
		return r;
	}
	if (r.end < r.start || r.end >> MAP_PA_BITS != 0) {
		cli_error("%s: a range that ends at its start or above, and "
			  "below 2^%d, was expected",
			  arg, MAP_PA_BITS);
		o->result = CLI_INPUT;
		return r;
	}
	r.end++;
	return r;
}

static error_t add_range(struct range_list *list, struct tdxc_range r)
{
	struct tdxc_range *more =
		realloc(list->r, (list->nr + 1) * sizeof *more);

	if (!more)
		return ENOMEM;
	more[list->nr++] = r;
	list->r = more;
	return 0;
}

static void parse_event(struct hotplug_options *o, const char *arg,
			const struct argp_state *state)
{
	size_t e = cli_word(arg, TDXC_HOTPLUG_EVENTS, event_name);

	if (e == TDXC_HOTPLUG_EVENTS)
		argp_error(state, "'%s' is not an event", arg);
	o->event = (enum tdxc_hotplug_event)e;
	o->has_event = true;
}

static void parse_argument(struct hotplug_options *o, const char *arg,
			   const struct argp_state *state)
{
	if (!o->has_event) {
		parse_event(o, arg, state);
		return;
	}
	if (o->has_range)
		argp_error(state, "'%s' is one argument too many", arg);
	o->range = parse_range(o, arg, state);
	o->has_range = true;
}

static void parse_cmr(struct hotplug_options *o, const char *arg,
		      const struct argp_state *state)
{
	struct map_error error = {0};
	int result;

	if (!strcmp(arg, "unknown")) {
		o->cmrs_unknown = true;
	} else if (!strcmp(arg, "ram")) {
		o->cmrs_of_map = true;
	} else if (!strchr(arg, ':')) {
		argp_error(state,
			   "--cmr: '%s' is not ram, unknown or BASE:SIZE in "
			   "hex",
			   arg);
	} else {
		result = map_option_cmr(arg, &o->cmr_list, &error);
		if (result != MAP_OK)
			o->result = plan_refuse(result, &error);
	}
}

static void parse_cmr_file(struct hotplug_options *o, const char *arg)
{
	struct map_error error = {0};
	int result = map_read_cmrs(arg, &o->cmr_list, &error);

	o->cmr_file = arg;
	if (result != MAP_OK)
		o->result = plan_refuse(result, &error);
}

static void check_usage(const struct hotplug_options *o,
			const struct argp_state *state)
{
	int ways = o->cmrs_unknown + o->cmrs_of_map + (o->cmr_list.nr > 0);

	if (o->table) {
		if (o->has_event)
			argp_error(state, "--table takes no event");
		return;
	}
	if (!o->has_event)
		argp_error(state, "an event is missing");
	if (needs_range(o->event) != o->has_range)
		argp_error(state, needs_range(o->event)
					  ? "a range is missing: START-END"
					  : "CPUs have no range");
	if (ways > 1)
		argp_error(state, "convertible memory is given in one way");
	if (o->cmrs_of_map && !o->map)
		argp_error(state, "--cmr ram needs --map");
	if (o->memory.nr && o->map)
		argp_error(state, "--memory and --map exclude each other");
	if (o->state.tdx == TDXC_HOTPLUG_TDX_UP && !o->memory.nr && !o->map)
		argp_error(state, "--tdx up needs --map or --memory");
}

static error_t parse_state(int key, char *arg, struct argp_state *state)
{
	struct hotplug_options *o = state->input;

	switch (key) {
	case KEY_TDX:
		o->state.tdx = (uint32_t)word(arg, COUNT(tdx_states),
					      tdx_state_name, "--tdx", state);
		return 0;
	case KEY_USE_TDX:
		o->state.flags &= ~(uint32_t)TDXC_HOTPLUG_NO_USE_TDX;
		if (is_off(arg, "--use-tdx", state))
			o->state.flags |= TDXC_HOTPLUG_NO_USE_TDX;
		return 0;
	case KEY_SEAMRR:
		o->state.seamrr_enabled = !is_off(arg, "--seamrr", state);
		o->has_seamrr = true;
		return 0;
	case KEY_TRACK:
		o->state.flags |= TDXC_HOTPLUG_TRACK;
		return 0;
	case KEY_KEEP:
		o->state.flags |= TDXC_HOTPLUG_KEEP_FIRST_MIB;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static error_t hotplug_parse(int key, char *arg, struct argp_state *state)
{
	struct hotplug_options *o = state->input;

	switch (key) {
	case KEY_CMR:
		parse_cmr(o, arg, state);
		return 0;
	case KEY_CMR_FILE:
		parse_cmr_file(o, arg);
		return 0;
	case KEY_MAP:
		o->map = arg;
		return 0;
	case KEY_MEMORY:
		return add_range(&o->memory, parse_range(o, arg, state));
	case KEY_TABLE:
		o->table = true;
		return 0;
	case KEY_JSON:
		o->json = true;
		return 0;
	case ARGP_KEY_ARG:
		parse_argument(o, arg, state);
		return 0;
	case ARGP_KEY_END:
		check_usage(o, state);
		return 0;
	default:
		return parse_state(key, arg, state);
	}
}

static const struct argp_option hotplug_options[] = {
	{NULL, 0, NULL, 0, "The platform:", 1},
	{"tdx", KEY_TDX, "off|enabled|up", 0,
	 "TDX is off, enabled by firmware (the default), or its module is up",
	 1},
	{"use-tdx", KEY_USE_TDX, "on|off", 0,
	 "What the administrator chose: TDX (the default) or hotplug", 1},
	{"seamrr", KEY_SEAMRR, "on|off", 0,
	 "SEAMRR; by default on unless TDX is off", 1},
	{"map", KEY_MAP, "MAP", 0,
	 "TDX memory is this map's RAM above 1 MiB, and so are CMRs by default",
	 1},
	{"memory", KEY_MEMORY, "START-END", 0,
	 "TDX memory, in hex and with its last byte (repeatable)", 1},
	{"cmr", KEY_CMR, "ram|unknown|BASE:SIZE", 0,
	 "Convertible memory: that of the map, not known (the default without "
	 "a map), or this range, in hex (repeatable)",
	 1},
	{"cmr-file", KEY_CMR_FILE, "FILE", 0,
	 "Convertible memory: BASE SIZE lines in hex, or the CMR lines of a "
	 "TDX boot log",
	 1},
	{NULL, 0, NULL, 0, "The host:", 2},
	{"track", KEY_TRACK, NULL, 0,
	 "It keeps TDX memory apart from other memory", 2},
	{"keep-first-mib", KEY_KEEP, NULL, 0,
	 "It hands out no page of the first MiB", 2},
	{NULL, 0, NULL, 0, "Output:", 3},
	{"table", KEY_TABLE, NULL, 0, "Print all rules", 3},
	{"json", KEY_JSON, NULL, 0, "Print one JSON object", 3},
	{0},
};

/* --- the lists ------------------------------------------------------------ */

static int by_start(const void *a, const void *b)
{
	const struct map_entry *x = a;
	const struct map_entry *y = b;

	return (x->range.start > y->range.start) -
	       (x->range.start < y->range.start);
}

static int list_cmrs(struct hotplug_options *o)
{
	struct map_error error = {.text = "out of memory"};
	int result;

	qsort(o->cmr_list.entries, o->cmr_list.nr, sizeof *o->cmr_list.entries,
	      by_start);
	result = map_cmrs_listed(&o->cmr_list,
				 o->cmr_file ? o->cmr_file : "--cmr",
				 &o->cmrs.r, &o->cmrs.nr, &error);
	return result == MAP_OK ? CLI_OK : plan_refuse(result, &error);
}

static int list_map_ram(struct hotplug_options *o, const struct map *map)
{
	struct tdxc_plan_ram *ram = NULL;
	struct tdxc_range r;
	size_t nr = 0;
	size_t i;
	int err = 0;

	if (map_ram(map, &ram, &nr) != MAP_OK)
		return no_memory();
	for (i = 0; i < nr && !err; i++) {
		r = ram[i].range;
		if (r.start < TDXC_PLAN_LEGACY_END)
			r.start = TDXC_PLAN_LEGACY_END;
		if (!tdxc_range_is_empty(r))
			err = add_range(&o->memory, r);
	}
	free(ram);
	return err ? no_memory() : CLI_OK;
}

static int read_map(struct hotplug_options *o)
{
	struct map_error error = {0};
	struct map map = {0};
	int result = map_read(o->map, &map, &error);

	if (result != MAP_OK)
		return plan_refuse(result, &error);
	result = list_map_ram(o, &map);
	if (!result && !o->cmrs_unknown && !o->cmr_list.nr &&
	    map_cmrs_ram(&map, &o->cmrs.r, &o->cmrs.nr) != MAP_OK)
		result = no_memory();
	map_free(&map);
	return result;
}

static int read_lists(struct hotplug_options *o)
{
	struct tdxc_hotplug_state *s = &o->state;
	int result = o->result;

	if (!result && o->map)
		result = read_map(o);
	if (!result && o->cmr_list.nr)
		result = list_cmrs(o);
	if (result)
		return result;
	tdxc_range_sort(o->memory.r, o->memory.nr);
	o->memory.nr = tdxc_range_join(o->memory.r, o->memory.nr);
	s->abi = TDXC_ABI;
	s->cmrs = o->cmrs.r;
	s->nr_cmrs = o->cmrs.nr;
	s->memory = o->memory.r;
	s->nr_memory = o->memory.nr;
	if (!o->has_seamrr)
		s->seamrr_enabled = s->tdx != TDXC_HOTPLUG_TDX_OFF;
	return CLI_OK;
}

static int judge(struct hotplug_report *r, const struct hotplug_options *o)
{
	size_t room = o->cmrs.nr + o->memory.nr + 1;
	const struct tdxc_range *range = o->has_range ? &o->range : NULL;

	r->o = o;
	r->parts = calloc(room, sizeof *r->parts);
	if (!r->parts)
		return no_memory();
	if (tdxc_hotplug_judge(&o->state, o->event, range, r->parts, room,
			       &r->verdict) != TDXC_OK) {
		cli_error("internal error: tdxc_hotplug_judge");
		return CLI_INTERNAL;
	}
	tdxc_hotplug_message(o->event, range, &r->verdict, r->parts, r->message,
			     sizeof r->message);
	return CLI_OK;
}

/* --- printing ------------------------------------------------------------- */

static json_t *hex(uint64_t value)
{
	char text[19];

	snprintf(text, sizeof text, "0x%" PRIx64, value);
	return json_string(text);
}

static json_t *range_json(struct tdxc_range r)
{
	return json_pack("{s:o, s:o}", "base", hex(r.start), "size",
			 hex(tdxc_range_size(r)));
}

static json_t *verdict_json(const struct hotplug_report *r)
{
	const struct tdxc_hotplug_verdict *v = &r->verdict;
	json_t *parts = json_array();
	size_t i;

	for (i = 0; i < v->nr; i++)
		json_array_append_new(parts, range_json(r->parts[i]));
	return json_pack("{s:s, s:o, s:s, s:s, s:s, s:s, s:s, s:o, s:b}",
			 "event", tdxc_hotplug_event_name(r->o->event), "range",
			 r->o->has_range ? range_json(r->o->range)
					 : json_null(),
			 "answer", tdxc_hotplug_answer_name(v->answer),
			 "severity", tdxc_hotplug_severity_name(v->severity),
			 "reason", tdxc_hotplug_reason_name(v->reason), "text",
			 tdxc_hotplug_reason_text(v->reason), "message",
			 r->message, "concerned", parts, "may_bring_up",
			 tdxc_hotplug_may_bring_up(&r->o->state) == TDXC_OK);
}

static struct tdxc_hotplug_rule rule_of(enum tdxc_hotplug_reason reason)
{
	struct tdxc_hotplug_rule rule;

	if (tdxc_hotplug_rule_of(reason, &rule) != TDXC_OK)
		memset(&rule, 0, sizeof rule);
	return rule;
}

static json_t *rule_json(enum tdxc_hotplug_reason reason)
{
	struct tdxc_hotplug_rule rule = rule_of(reason);
	json_t *events = json_array();
	size_t e;

	for (e = 0; e < TDXC_HOTPLUG_EVENTS; e++) {
		if (rule.events >> e & 1)
			json_array_append_new(events,
					      json_string(event_name(e)));
	}
	return json_pack("{s:s, s:o, s:s, s:s, s:s}", "reason",
			 tdxc_hotplug_reason_name(reason), "events", events,
			 "answer", tdxc_hotplug_answer_name(rule.answer),
			 "severity", tdxc_hotplug_severity_name(rule.severity),
			 "text", tdxc_hotplug_reason_text(reason));
}

static json_t *table_json(void)
{
	json_t *rules = json_array();
	int i;

	for (i = 0; i < TDXC_HOTPLUG_REASONS; i++)
		json_array_append_new(rules,
				      rule_json((enum tdxc_hotplug_reason)i));
	return json_pack("{s:o}", "rules", rules);
}

static int print_json(FILE *f, json_t *root)
{
	bool done = root && !json_dumpf(root, f, JSON_INDENT(2)) &&
		    fputc('\n', f) != EOF;

	json_decref(root);
	return done ? CLI_OK : no_memory();
}

static void print_events(FILE *f, uint32_t events)
{
	const char *separator = "";
	size_t e;

	for (e = 0; e < TDXC_HOTPLUG_EVENTS; e++) {
		if (!(events >> e & 1))
			continue;
		fprintf(f, "%s%s", separator, event_name(e));
		separator = ", ";
	}
}

static void print_table(FILE *f)
{
	int i;

	for (i = 0; i < TDXC_HOTPLUG_REASONS; i++) {
		enum tdxc_hotplug_reason reason = (enum tdxc_hotplug_reason)i;
		struct tdxc_hotplug_rule rule = rule_of(reason);

		fprintf(f, "%-16s %-7s %-16s %s\n%41s",
			tdxc_hotplug_reason_name(reason),
			tdxc_hotplug_answer_name(rule.answer),
			tdxc_hotplug_severity_name(rule.severity),
			tdxc_hotplug_reason_text(reason), "");
		print_events(f, rule.events);
		fputc('\n', f);
	}
}

static void print_verdict(FILE *f, const struct hotplug_report *r)
{
	size_t i;

	fprintf(f, "%s\n", r->message);
	for (i = 0; i < r->verdict.nr; i++)
		fprintf(f, "  concerns 0x%" PRIx64 "-0x%" PRIx64 "\n",
			r->parts[i].start, r->parts[i].end - 1);
}

static int write_all(FILE *f, const struct hotplug_report *r)
{
	if (r->o->json)
		return print_json(f,
				  r->o->table ? table_json() : verdict_json(r));
	if (r->o->table)
		print_table(f);
	else
		print_verdict(f, r);
	return CLI_OK;
}

static int print(const struct hotplug_report *r)
{
	struct cli_out out = {0};
	int result = cli_out_open(&out);

	if (!result)
		result = write_all(out.stream, r);
	if (!result)
		result = cli_out_close(&out);
	if (!result)
		result = cli_out_print(&out);
	cli_out_free(&out);
	return result;
}

static int run(struct hotplug_options *o)
{
	struct hotplug_report report = {.o = o};
	int result = CLI_OK;

	if (!o->table)
		result = read_lists(o);
	if (!result && !o->table)
		result = judge(&report, o);
	if (!result)
		result = print(&report);
	if (!result && !o->table &&
	    report.verdict.answer == TDXC_HOTPLUG_REFUSE)
		result = CLI_NO;
	free(report.parts);
	return result;
}

int cli_hotplug(int argc, char **argv)
{
	static const struct argp_child children[] = {
		{&cli_common_argp, 0, NULL, CLI_COMMON_GROUP},
		{0},
	};
	static const struct argp argp = {
		.options = hotplug_options,
		.parser = hotplug_parse,
		.args_doc = "EVENT [START-END]",
		.doc = "Say what a hotplug event means under TDX.\v"
		       "EVENT is acpi-add, acpi-remove, driver-add, "
		       "memory-online or memory-offline, with the range it "
		       "concerns; or cpu-add, cpu-remove (physical CPUs), "
		       "cpu-online or cpu-offline.\n\n"
		       "Exit codes: 0 allowed, perhaps with a warning, 1 "
		       "refused, 2 wrong usage, 3 bad input, 4 out of "
		       "resources.",
		.children = children,
	};
	struct hotplug_options o = {.state.tdx = TDXC_HOTPLUG_TDX_ENABLED};
	int result;

	if (argp_parse(&argp, argc, argv, ARGP_NO_HELP, NULL, &o))
		result = no_memory();
	else
		result = run(&o);
	map_list_free(&o.cmr_list);
	free(o.cmrs.r);
	free(o.memory.r);
	return result;
}
