/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * tdxcore decode: what a completion status says, in words.
 */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include <tdxcore/err.h>
#include <tdxcore/status.h>
#include <tdxcore/tdmr.h>

#include "cli.h"

enum { KEY_JSON = 0x1000 };

struct decode_options {
	uint64_t *statuses; /* Owned. */
	size_t nr;
	bool json;
};

/* One status, taken apart. */
struct decoded {
	uint64_t status;
	struct tdxc_status_info info;
	bool known;
	char details[120]; /* Bits 31:0 in words. */
};

static const char *const kind_names[] = {
	[TDXC_STATUS_KIND_SUCCESS] = "success",
	[TDXC_STATUS_KIND_INFO] = "information",
	[TDXC_STATUS_KIND_ERROR] = "error",
};

static const struct {
	const char *name; /* For programs. */
	const char *text; /* For people. */
} remedies[] = {
	[TDXC_REMEDY_NONE] = {"none", "nothing to do: this is not an error"},
	[TDXC_REMEDY_RETRY] = {"retry",
			       "repeat the same call at once, a bounded "
			       "number of times"},
	[TDXC_REMEDY_ACT] = {"act", "the call can succeed after another "
				    "action"},
	[TDXC_REMEDY_NEVER] = {"never", "repeating this call cannot help: a "
					"caller's bug, or a permanent state"},
	[TDXC_REMEDY_DEAD] = {"dead", "the object is dead; tear it down"},
};

static const char *class_name(uint8_t class)
{
	static const char *const names[] = {
		"general",     "operand",    "busy",	  "page",
		"TD pages",    "system",     "TD",	  "vCPU",
		"key",	       "platform",   "TDMR",	  "secure EPT",
		"metadata",    "service TD", "migration", NULL,
		"attestation", "nested TD",
	};

	if (class == 0xFF)
		return "SEAMCALL itself failed";
	if (class >= sizeof names / sizeof names[0] || !names[class])
		return "unknown class";
	return names[class];
}

static void describe_operand(struct decoded *d, uint32_t id)
{
	const char *name = tdxc_operand_name(id);

	if (name)
		snprintf(d->details, sizeof d->details, "operand %s (id %u)",
			 name, id);
	else
		snprintf(d->details, sizeof d->details,
			 "operand id %u, which is not defined", id);
}

/* Bytes: TDMR, then a PAMT level or a reserved area, then another TDMR. */
static void describe_tdmr(struct decoded *d, uint32_t bytes)
{
	static const char *const levels[] = {"4K", "2M", "1G"};
	uint64_t code = tdxc_status_code(d->status);
	uint32_t tdmr = bytes & 0xFF;
	uint32_t second = bytes >> 8 & 0xFF;
	uint32_t other = bytes >> 16 & 0xFF;
	char *text = d->details;
	size_t room = sizeof d->details;

	if (code == TDXC_STATUS_INVALID_RESERVED ||
	    code == TDXC_STATUS_NON_ORDERED_RESERVED)
		snprintf(text, room, "TDMR %u, reserved area %u", tdmr, second);
	else if (code == TDXC_STATUS_PAMT_OVERLAP && second < TDXC_PAMT_LEVELS)
		snprintf(text, room, "TDMR %u, PAMT %s; overlaps TDMR %u", tdmr,
			 levels[second], other);
	else if ((code == TDXC_STATUS_INVALID_PAMT ||
		  code == TDXC_STATUS_PAMT_OUTSIDE_CMRS) &&
		 second < TDXC_PAMT_LEVELS)
		snprintf(text, room, "TDMR %u, PAMT %s", tdmr, levels[second]);
	else if (bytes < 0x100)
		snprintf(text, room, "TDMR %u", tdmr);
	else
		snprintf(text, room, "TDMR %u, further bytes 0x%02x 0x%02x",
			 tdmr, second, other);
}

static void describe_details(struct decoded *d)
{
	uint32_t bits = (uint32_t)d->status;
	char *text = d->details;
	size_t room = sizeof d->details;

	switch (d->info.detail) {
	case TDXC_DETAIL_OPERAND:
		describe_operand(d, bits);
		break;
	case TDXC_DETAIL_TDMR:
		describe_tdmr(d, bits);
		break;
	case TDXC_DETAIL_MSR:
		snprintf(text, room, "MSR 0x%x", bits);
		break;
	case TDXC_DETAIL_CPUID:
		snprintf(text, room, "CPUID leaf 0x%x", bits);
		break;
	case TDXC_DETAIL_VECTOR:
		snprintf(text, room, "exception vector %u", bits);
		break;
	case TDXC_DETAIL_NUMBER:
		if (bits)
			snprintf(text, room, "0x%x", bits);
		break;
	}
}

static void decode(struct decoded *d, uint64_t status)
{
	memset(d, 0, sizeof *d);
	d->status = status;
	d->known = tdxc_status_lookup(status, &d->info) == TDXC_OK;
	describe_details(d);
}

static void print_text(FILE *f, const struct decoded *d)
{
	uint8_t class = tdxc_status_class(d->status);

	fprintf(f, "0x%016" PRIx64 "  %s\n", d->status, d->info.name);
	fprintf(f, "  kind     %s\n", kind_names[d->info.kind]);
	fprintf(f, "  class    0x%02x (%s), code 0x%02x\n", class,
		class_name(class), (unsigned)(d->status >> 32 & 0xFF));
	fprintf(f, "  meaning  %s\n", d->info.meaning);
	if (d->details[0])
		fprintf(f, "  details  %s\n", d->details);
	if (d->info.hint[0])
		fprintf(f, "  hint     %s\n", d->info.hint);
	fprintf(f, "  remedy   %s\n", remedies[d->info.remedy].text);
}

static json_t *status_json(const struct decoded *d)
{
	char status[19];

	snprintf(status, sizeof status, "0x%016" PRIx64, d->status);
	return json_pack(
		"{s:s, s:s, s:b, s:s, s:i, s:s, s:i, s:s, s:s, s:s, s:s}",
		"status", status, "name", d->info.name, "known", d->known,
		"kind", kind_names[d->info.kind], "class",
		(int)tdxc_status_class(d->status), "class_name",
		class_name(tdxc_status_class(d->status)), "code",
		(int)(d->status >> 32 & 0xFF), "meaning", d->info.meaning,
		"details", d->details, "hint", d->info.hint, "remedy",
		remedies[d->info.remedy].name);
}

static int print_json(FILE *f, const struct decode_options *o)
{
	json_t *list = json_array();
	json_t *root = json_pack("{s:o}", "statuses", list);
	struct decoded d;
	int failed = !root;
	size_t i;

	for (i = 0; i < o->nr && !failed; i++) {
		decode(&d, o->statuses[i]);
		failed = json_array_append_new(list, status_json(&d));
	}
	if (!failed)
		failed = json_dumpf(root, f, JSON_INDENT(2)) ||
			 fputc('\n', f) == EOF;
	json_decref(root);
	if (!failed)
		return CLI_OK;
	cli_error("out of memory");
	return CLI_INTERNAL;
}

static int write_all(FILE *f, const struct decode_options *o)
{
	struct decoded d;
	size_t i;

	if (o->json)
		return print_json(f, o);
	for (i = 0; i < o->nr; i++) {
		decode(&d, o->statuses[i]);
		fputs(i ? "\n" : "", f);
		print_text(f, &d);
	}
	return CLI_OK;
}

static bool all_known(const struct decode_options *o)
{
	struct tdxc_status_info info;
	size_t i;

	for (i = 0; i < o->nr; i++) {
		if (tdxc_status_lookup(o->statuses[i], &info) != TDXC_OK)
			return false;
	}
	return true;
}

/* Hex digits only: strtoull alone would take signs and blanks, too. */
static bool parse_status(const char *arg, uint64_t *status)
{
	const char *digits = arg;

	if (digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X'))
		digits += 2;
	if (!digits[0] || strlen(digits) > 16 ||
	    strspn(digits, "0123456789abcdefABCDEF") != strlen(digits))
		return false;
	*status = strtoull(digits, NULL, 16);
	return true;
}

static error_t add_status(struct decode_options *o, const char *arg,
			  struct argp_state *state)
{
	uint64_t *more;
	uint64_t status;

	if (!parse_status(arg, &status)) {
		argp_error(state,
			   "'%s' is not a status: 1 to 16 hex digits were "
			   "expected",
			   arg);
		return EINVAL;
	}
	more = realloc(o->statuses, (o->nr + 1) * sizeof *more);
	if (!more)
		return ENOMEM;
	more[o->nr++] = status;
	o->statuses = more;
	return 0;
}

static error_t decode_parse(int key, char *arg, struct argp_state *state)
{
	struct decode_options *o = state->input;

	switch (key) {
	case KEY_JSON:
		o->json = true;
		return 0;
	case ARGP_KEY_ARG:
		return add_status(o, arg, state);
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "a status is missing");
		return EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option decode_options[] = {
	{"json", KEY_JSON, NULL, 0, "Print one JSON object", 0},
	{0},
};

int cli_decode(int argc, char **argv)
{
	static const struct argp_child children[] = {
		{&cli_common_argp, 0, NULL, CLI_COMMON_GROUP},
		{0},
	};
	static const struct argp argp = {
		.options = decode_options,
		.parser = decode_parse,
		.args_doc = "STATUS...",
		.doc = "Explain completion status words of the TDX module "
		       "(RAX after SEAMCALL), given in hex.\v"
		       "Exits with 1 when a status is not known; what its bits "
		       "say is printed all the same.",
		.children = children,
	};
	struct decode_options o = {0};
	struct cli_out out = {0};
	int result = CLI_INTERNAL;

	if (argp_parse(&argp, argc, argv, ARGP_NO_HELP, NULL, &o))
		cli_error("out of memory");
	else if (!cli_out_open(&out) && !write_all(out.stream, &o) &&
		 !cli_out_close(&out) && !cli_out_print(&out))
		result = all_known(&o) ? CLI_OK : CLI_NO;
	cli_out_free(&out);
	free(o.statuses);
	return result;
}
