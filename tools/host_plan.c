/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * tdxcore host plan: memory as the TDX module has it, and as it would be
 * planned for this machine.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <tdxcore/range.h>

#include "host_cmd.h"
#include "plan_cmd.h"

#define MOST_RANGES 4 /* In a line: a TDMR and three PAMTs. */

/* " WHAT START SIZE", up to four times. */
struct ranges {
	const char *what[MOST_RANGES];
	struct tdxc_range range[MOST_RANGES];
	size_t nr;
};

struct layout {
	json_t *cmrs; /* null where they are not known */
	json_t *tdmrs;
	json_t *planned;
	uint64_t pamt_bytes;
};

/* --- reading -------------------------------------------------------------- */

static bool parse_ranges(char *line, struct ranges *r)
{
	char *words[3 * MOST_RANGES + 1];
	size_t n = host_words(line, words, 3 * MOST_RANGES + 1);
	uint64_t start;
	uint64_t size;
	size_t i;

	if (!n || n % 3 != 0)
		return false;
	for (r->nr = 0; r->nr < n / 3; r->nr++) {
		i = 3 * r->nr;
		if (!host_number(words[i + 1], &start) ||
		    !host_number(words[i + 2], &size) || start + size < start)
			return false;
		r->what[r->nr] = words[i];
		r->range[r->nr].start = start;
		r->range[r->nr].end = start + size;
	}
	return true;
}

static json_t *range_json(struct tdxc_range range)
{
	return json_pack("{s:o, s:o}", "base", host_hex(range.start), "size",
			 host_hex(tdxc_range_size(range)));
}

/* "pamt-4k" is `pamt_4k`, as `tdxcore plan --json` has it. */
static json_t *ranges_json(const struct ranges *r)
{
	json_t *object = range_json(r->range[0]);
	char name[32];
	size_t i;

	for (i = 1; i < r->nr && object; i++) {
		snprintf(name, sizeof name, "%s", r->what[i]);
		name[strcspn(name, "-")] = '_';
		if (json_object_set_new(object, name,
					range_json(r->range[i]))) {
			json_decref(object);
			return NULL;
		}
	}
	return object;
}

/* One line of ranges, the first of them called `what`. */
static int add_line(struct host_text *t, char *line, const char *what,
		    json_t *list)
{
	struct ranges r;

	if (!parse_ranges(line, &r) || strcmp(r.what[0], what) != 0)
		return host_expected(t, "`NAME START SIZE ...', START and SIZE "
					"with 0x");
	return json_array_append_new(list, ranges_json(&r)) ? host_no_memory()
							    : CLI_OK;
}

/* A file of lines of ranges; *comment is what stood in place of them, owned. */
static int read_ranges(const struct host_options *o, const char *path,
		       const char *what, json_t *list, char **comment)
{
	struct host_text t;
	int error = host_read(o, path, &t);
	int result = error ? host_refuse(o, path, error) : CLI_OK;
	char *line;

	*comment = NULL;
	while (!result && (line = host_line(&t))) {
		if (strncmp(line, "# ", 2) != 0) {
			result = add_line(&t, line, what, list);
		} else if (!*comment) {
			*comment = strdup(line + 2);
			result = *comment ? CLI_OK : host_no_memory();
		}
	}
	host_text_free(&t);
	return result;
}

/* "pamt-bytes N lost-bytes N" */
static bool parse_totals(char *line, uint64_t *pamt, uint64_t *lost)
{
	char *words[5];

	return host_words(line, words, 5) == 4 && host_number(words[1], pamt) &&
	       host_number(words[3], lost);
}

static int read_planned(const struct host_options *o, json_t *planned)
{
	const char *path = HOST_DEBUG "tdmrs_planned";
	json_t *list = json_array();
	int result = host_put(planned, "tdmrs", list);
	const char *reason = "";
	uint64_t pamt = 0;
	uint64_t lost = 0;
	struct host_text t;
	int error = host_read(o, path, &t);
	char *line;

	if (!result && error)
		result = host_refuse(o, path, error);
	while (!result && (line = host_line(&t))) {
		if (!strncmp(line, "# ", 2))
			reason = line + 2;
		else if (strncmp(line, "pamt-bytes ", 11) != 0)
			result = add_line(&t, line, "tdmr", list);
		else if (!parse_totals(line, &pamt, &lost))
			result = host_expected(&t,
					       "`pamt-bytes N lost-bytes N'");
	}
	if (!result)
		result = host_put(planned, "status",
				  json_string(*reason ? "infeasible" : "ok"));
	if (!result)
		result = host_put(planned, "reason", json_string(reason));
	if (!result)
		result = host_put(planned, "pamt_bytes",
				  json_integer((json_int_t)pamt));
	if (!result)
		result = host_put(planned, "lost_bytes",
				  json_integer((json_int_t)lost));
	host_text_free(&t);
	return result;
}

static int gather(const struct host_options *o, struct layout *l)
{
	char *comment = NULL;
	int result = host_need_module(o);

	if (!result)
		result = read_ranges(o, HOST_DEBUG "cmrs", "cmr", l->cmrs,
				     &comment);
	if (!result && comment) {
		json_decref(l->cmrs);
		l->cmrs = json_null();
	}
	free(comment);
	comment = NULL;
	if (!result)
		result = read_ranges(o, HOST_DEBUG "tdmrs", "tdmr", l->tdmrs,
				     &comment);
	free(comment);
	if (!result)
		result = read_planned(o, l->planned);
	if (!result)
		result = host_read_number(o, HOST_SYSFS "pamt_bytes",
					  &l->pamt_bytes);
	return result;
}

/* --- printing ------------------------------------------------------------- */

static struct tdxc_range range_of(const json_t *object)
{
	struct tdxc_range range = {0, 0};
	uint64_t size = 0;

	if (object) {
		host_number(json_string_value(json_object_get(object, "base")),
			    &range.start);
		host_number(json_string_value(json_object_get(object, "size")),
			    &size);
	}
	range.end = range.start + size;
	return range;
}

static void print_range(FILE *f, const char *what, const json_t *object)
{
	struct tdxc_range range = range_of(object);
	char size[PLAN_SIZE_TEXT];

	if (!tdxc_range_is_empty(range))
		fprintf(f, "  %-8s [0x%08" PRIx64 ", 0x%08" PRIx64 ") %10s\n",
			what, range.start, range.end,
			plan_size(size, tdxc_range_size(range)));
}

static void print_tdmrs(FILE *f, const json_t *list)
{
	json_t *tdmr;
	size_t i;

	json_array_foreach(list, i, tdmr)
	{
		print_range(f, "TDMR", tdmr);
		print_range(f, "PAMT 4K", json_object_get(tdmr, "pamt_4k"));
		print_range(f, "PAMT 2M", json_object_get(tdmr, "pamt_2m"));
		print_range(f, "PAMT 1G", json_object_get(tdmr, "pamt_1g"));
	}
}

static void print_planned(FILE *f, const json_t *planned)
{
	const char *reason =
		json_string_value(json_object_get(planned, "reason"));
	json_int_t lost =
		json_integer_value(json_object_get(planned, "lost_bytes"));
	char size[PLAN_SIZE_TEXT];

	fputs("\nPlanned, if exactly this machine's RAM were convertible", f);
	if (*reason) {
		fprintf(f, "\n  no layout: %s\n", reason);
		return;
	}
	fprintf(f, ": %zu TDMRs, %s of PAMT",
		json_array_size(json_object_get(planned, "tdmrs")),
		plan_size(size, (uint64_t)json_integer_value(json_object_get(
					planned, "pamt_bytes"))));
	if (lost)
		fprintf(f, ", %s lost", plan_size(size, (uint64_t)lost));
	fputc('\n', f);
	print_tdmrs(f, json_object_get(planned, "tdmrs"));
}

static void print_text(FILE *f, const struct layout *l)
{
	char size[PLAN_SIZE_TEXT];
	json_t *cmr;
	size_t i;

	if (json_is_null(l->cmrs))
		fputs("CMRs are not known: no TDX module is up\n", f);
	else
		fprintf(f, "CMRs: %zu\n", json_array_size(l->cmrs));
	json_array_foreach(l->cmrs, i, cmr) print_range(f, "CMR", cmr);
	fprintf(f, "\nTDMRs configured: %zu, %s of PAMT\n",
		json_array_size(l->tdmrs), plan_size(size, l->pamt_bytes));
	print_tdmrs(f, l->tdmrs);
	print_planned(f, l->planned);
}

static int print_json(FILE *f, const struct layout *l)
{
	return host_print_json(
		f, json_pack("{s:O, s:O, s:I, s:O}", "cmrs", l->cmrs, "tdmrs",
			     l->tdmrs, "pamt_bytes", (json_int_t)l->pamt_bytes,
			     "planned", l->planned));
}

static bool is_feasible(const struct layout *l)
{
	return !*json_string_value(json_object_get(l->planned, "reason"));
}

int host_plan(const struct host_options *o)
{
	struct layout l = {.cmrs = json_array(),
			   .tdmrs = json_array(),
			   .planned = json_object()};
	struct cli_out out = {0};
	int result = l.cmrs && l.tdmrs && l.planned ? gather(o, &l)
						    : host_no_memory();

	if (!result)
		result = cli_out_open(&out);
	if (!result && o->json)
		result = print_json(out.stream, &l);
	else if (!result)
		print_text(out.stream, &l);
	if (!result)
		result = cli_out_close(&out);
	if (!result)
		result = cli_out_print(&out);
	if (!result && !is_feasible(&l))
		result = CLI_NO;
	cli_out_free(&out);
	json_decref(l.planned);
	json_decref(l.tdmrs);
	json_decref(l.cmrs);
	return result;
}
