/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * tdxcore host status, for people. The value is ours: every member that is
 * not asked about with json_is_null() is there.
 */
#include <inttypes.h>
#include <string.h>

#include "host_cmd.h"
#include "plan_cmd.h"

static const char *text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "";
}

static uint64_t number_of(const json_t *object, const char *name)
{
	return (uint64_t)json_integer_value(json_object_get(object, name));
}

static void print_summary(FILE *f, const json_t *status)
{
	const char *reason = text_of(status, "reason");
	const char *error = text_of(status, "error");
	const char *version = text_of(status, "module_version");
	char size[PLAN_SIZE_TEXT];

	fprintf(f, "Platform    %s%s%s\n",
		json_is_true(json_object_get(status, "usable")) ? "usable"
								: "not usable",
		*reason ? ": " : "", reason);
	fprintf(f, "TDX module  %s%s%s%s%s%s\n", text_of(status, "state"),
		*error ? " (" : "", error, *error ? ")" : "",
		*version ? ", version " : "", version);
	fprintf(f, "PAMT        %s\n",
		plan_size(size, number_of(status, "pamt_bytes")));
	fprintf(f, "KeyIDs      %" PRIu64 " in use\n",
		number_of(status, "keyids_in_use"));
	fprintf(f, "Quarantine  %" PRIu64 " pages\n",
		number_of(status, "quarantined"));
}

static void print_lost(FILE *f, const json_t *quarantine)
{
	json_t *page;
	size_t i;

	json_array_foreach(json_object_get(quarantine, "pages"), i, page)
		fprintf(f,
			"            page %s, level %" PRIu64 ": %s %s: %s\n",
			text_of(page, "address"), number_of(page, "level"),
			text_of(page, "status"), text_of(page, "name"),
			text_of(page, "meaning"));
}

static void print_parameters(FILE *f, const json_t *status)
{
	json_t *list = json_object_get(status, "parameters");
	const char *separator = "";
	const char *name;
	json_t *value;

	fputs("Parameters  ", f);
	json_object_foreach(list, name, value)
	{
		fprintf(f, "%s%s=%s", separator, name,
			json_string_value(value));
		separator = " ";
	}
	fputc('\n', f);
}

static void print_counters(FILE *f, const json_t *counters)
{
	const char *separator = "";
	const char *name;
	json_t *value;

	fputs("\nCalls       ", f);
	json_object_foreach((json_t *)counters, name, value)
	{
		if (!json_is_integer(value))
			continue;
		fprintf(f, "%s%s %" JSON_INTEGER_FORMAT, separator, name,
			json_integer_value(value));
		separator = ", ";
	}
	fputc('\n', f);
	json_object_foreach(json_object_get(counters, "seamcalls"), name, value)
		fprintf(f, "%12s%-24s %10" JSON_INTEGER_FORMAT "\n", "", name,
			json_integer_value(value));
}

static void print_cpu(FILE *f, const json_t *cpu)
{
	const char *separator = " ";
	json_t *reason;
	size_t i;

	fprintf(f, "%12sCPU %" PRIu64 ":", "", number_of(cpu, "cpu"));
	json_array_foreach(json_object_get(cpu, "reasons"), i, reason)
	{
		fprintf(f, "%s%s", separator, json_string_value(reason));
		separator = ", ";
	}
	fputc('\n', f);
}

/* Only CPUs that would have to flush are listed. */
static void print_coherence(FILE *f, const json_t *coherence)
{
	json_t *cpus = json_object_get(coherence, "cpus");
	size_t marked = 0;
	json_t *cpu;
	size_t i;

	json_array_foreach(cpus, i, cpu) marked +=
		json_array_size(json_object_get(cpu, "reasons")) > 0;
	fprintf(f,
		"\nCaches      private lines are %spossible; %zu of %zu CPUs "
		"would have to flush\n",
		json_is_true(json_object_get(coherence, "possible")) ? ""
								     : "not ",
		marked, json_array_size(cpus));
	json_array_foreach(cpus, i, cpu)
	{
		if (json_array_size(json_object_get(cpu, "reasons")))
			print_cpu(f, cpu);
	}
}

static void print_preconditions(FILE *f, const json_t *list)
{
	json_t *entry;
	size_t i;

	fputs("\nPreconditions\n", f);
	json_array_foreach(list, i, entry) fprintf(
		f, "  %-8s%-18s %-21s %-18s %s\n", text_of(entry, "verdict"),
		text_of(entry, "check"), text_of(entry, "source"),
		text_of(entry, "value"), text_of(entry, "why"));
}

static void print_advice(FILE *f, const json_t *advice)
{
	json_t *what;
	size_t i;

	if (json_array_size(advice))
		fputs("\nWhat to do\n", f);
	json_array_foreach(advice, i, what)
		fprintf(f, "  %s\n", json_string_value(what));
}

void host_print_status(FILE *f, const json_t *status)
{
	const json_t *counters = json_object_get(status, "counters");
	const json_t *coherence = json_object_get(status, "coherence");
	const json_t *list = json_object_get(status, "preconditions");

	print_summary(f, status);
	print_lost(f, json_object_get(status, "quarantine"));
	print_parameters(f, status);
	if (!json_is_null(counters))
		print_counters(f, counters);
	if (!json_is_null(coherence))
		print_coherence(f, coherence);
	if (!json_is_null(list))
		print_preconditions(f, list);
	print_advice(f, json_object_get(status, "advice"));
}
