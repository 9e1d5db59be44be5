/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * tdxcore host trace: an event in words. A line of a trace is
 *
 *   TASK-PID [CPU] FLAGS SECONDS: tdxcore_NAME: FIELDS
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <tdxcore/convert.h>
#include <tdxcore/err.h>
#include <tdxcore/hotplug.h>
#include <tdxcore/seamcall.h>
#include <tdxcore/status.h>

#include "host_cmd.h"

#define MARK ": tdxcore_"

/* --- a line --------------------------------------------------------------- */

/* The number in the last "[...]"; its place in the line is cut there. */
static bool cut_cpu(char *line, uint64_t *cpu)
{
	char *open = strrchr(line, '[');
	char *end = open ? strchr(open, ']') : NULL;

	if (!end)
		return false;
	*end = '\0';
	*open = '\0';
	return host_number(open + 1, cpu);
}

static char *trim(char *text)
{
	size_t n = strlen(text);

	while (n && text[n - 1] == ' ')
		text[--n] = '\0';
	return text + strspn(text, " ");
}

bool host_event_parse(char *line, struct host_event *e)
{
	char *mark = strstr(line, MARK);
	char *fields;
	char *time;

	if (!mark)
		return false;
	*mark = '\0';
	e->name = mark + strlen(MARK);
	fields = strstr(mark + strlen(MARK), ": ");
	time = strrchr(line, ' ');
	if (!fields || !time)
		return false;
	*fields = '\0';
	*time = '\0';
	e->fields = fields + 2;
	e->time = time + 1;
	if (!cut_cpu(line, &e->cpu))
		return false;
	e->task = trim(line);
	return true;
}

/* --- fields --------------------------------------------------------------- */

/* Where the value of "KEY=" begins; NULL without it. */
static const char *field_at(const struct host_event *e, const char *key)
{
	size_t n = strlen(key);
	const char *at = strstr(e->fields, key);

	while (at && (at[n] != '=' || (at > e->fields && at[-1] != ' ')))
		at = strstr(at + 1, key);
	return at ? at + n + 1 : NULL;
}

static uint64_t number_of(const struct host_event *e, const char *key)
{
	const char *at = field_at(e, key);

	return at ? strtoull(at, NULL, 0) : 0;
}

/* Negative, where an error is told. */
static int result_of(const struct host_event *e)
{
	const char *at = field_at(e, "result");

	return at ? (int)strtol(at, NULL, 10) : 0;
}

static void range_of(const struct host_event *e, uint64_t *start, uint64_t *end)
{
	const char *at = strchr(e->fields, '[');
	char *rest = NULL;

	*start = 0;
	*end = 0;
	if (!at)
		return;
	*start = strtoull(at + 1, &rest, 0);
	if (*rest == ',')
		*end = strtoull(rest + 1, NULL, 0);
}

static const char *kind_of(const struct host_event *e)
{
	return strstr(e->fields, "private") ? "private" : "shared";
}

/* --- words ---------------------------------------------------------------- */

static const char *tdcall_name(uint64_t rax)
{
	switch (rax & 0xFFFF) {
	case TDXC_TDG_VP_VMCALL:
		return "TDG.VP.VMCALL";
	case TDXC_TDG_VP_INFO:
		return "TDG.VP.INFO";
	case TDXC_TDG_MEM_PAGE_ACCEPT:
		return "TDG.MEM.PAGE.ACCEPT";
	case TDXC_TDG_MEM_PAGE_RELEASE:
		return "TDG.MEM.PAGE.RELEASE";
	default:
		return NULL;
	}
}

static const char *leaf_name(const struct host_event *e)
{
	uint64_t rax = number_of(e, "rax");
	const char *name = !strcmp(e->name, "seamcall") ? tdxc_leaf_name(rax)
							: tdcall_name(rax);

	return name ? name : "?";
}

static bool is_call(const struct host_event *e)
{
	return !strcmp(e->name, "seamcall") || !strcmp(e->name, "conversion");
}

static const char *hotplug_event_of(const struct host_event *e)
{
	return tdxc_hotplug_event_name(
		(enum tdxc_hotplug_event)number_of(e, "event"));
}

static const char *hotplug_answer_of(const struct host_event *e)
{
	return tdxc_hotplug_answer_name(
		(enum tdxc_hotplug_answer)number_of(e, "answer"));
}

static enum tdxc_hotplug_reason hotplug_reason_of(const struct host_event *e)
{
	return (enum tdxc_hotplug_reason)number_of(e, "reason");
}

/* --- for people ----------------------------------------------------------- */

/* The operands as they stand, after RAX and the status. */
static const char *operands_of(const struct host_event *e)
{
	const char *at = field_at(e, "status");

	at = at ? strchr(at, ' ') : NULL;
	return at ? at + 1 : "";
}

static void print_call(FILE *f, const struct host_event *e)
{
	uint64_t status = number_of(e, "status");
	struct tdxc_status_info info;

	(void)tdxc_status_lookup(status, &info);
	fprintf(f, "%s 0x%" PRIx64 " %s -> %s", leaf_name(e),
		number_of(e, "rax"), operands_of(e), info.name);
	if (status)
		fprintf(f, " 0x%" PRIx64 ": %s", status, info.meaning);
}

static void print_memory(FILE *f, const struct host_event *e)
{
	uint64_t start;
	uint64_t end;

	range_of(e, &start, &end);
	if (!strcmp(e->name, "fault"))
		fprintf(f, "gfn 0x%" PRIx64 " level %" PRIu64,
			number_of(e, "gfn"), number_of(e, "level"));
	else
		fprintf(f, "gfns [0x%" PRIx64 ", 0x%" PRIx64 ")", start, end);
	fprintf(f, " %s -> %s", kind_of(e), tdxc_err_name(result_of(e)));
}

static void print_hotplug(FILE *f, const struct host_event *e)
{
	uint64_t start;
	uint64_t end;

	range_of(e, &start, &end);
	fprintf(f, "%s [0x%" PRIx64 ", 0x%" PRIx64 ") -> %s: %s",
		hotplug_event_of(e), start, end, hotplug_answer_of(e),
		tdxc_hotplug_reason_text(hotplug_reason_of(e)));
}

void host_event_print(FILE *f, const struct host_event *e)
{
	fprintf(f, "%14s  %3" PRIu64 "  %-20s %-10s ", e->time, e->cpu, e->task,
		e->name);
	if (is_call(e))
		print_call(f, e);
	else if (!strcmp(e->name, "fault") || !strcmp(e->name, "zap"))
		print_memory(f, e);
	else if (!strcmp(e->name, "hotplug"))
		print_hotplug(f, e);
	else
		fputs(e->fields, f);
	fputc('\n', f);
}

/* --- for programs --------------------------------------------------------- */

static json_t *call_json(const struct host_event *e)
{
	static const char *const registers[] = {"rcx", "rdx", "r8", "r9",
						"r10", "r12", "r13"};
	uint64_t status = number_of(e, "status");
	struct tdxc_status_info info;
	json_t *object;
	size_t i;

	(void)tdxc_status_lookup(status, &info);
	object = json_pack("{s:s, s:o, s:o, s:s, s:s}", "leaf", leaf_name(e),
			   "rax", host_hex(number_of(e, "rax")), "status",
			   host_hex(status), "status_name", info.name,
			   "meaning", info.meaning);
	for (i = 0; i < sizeof registers / sizeof registers[0] && object; i++) {
		if (!field_at(e, registers[i]) ||
		    !json_object_set_new(object, registers[i],
					 host_hex(number_of(e, registers[i]))))
			continue;
		json_decref(object);
		object = NULL;
	}
	return object;
}

static json_t *memory_json(const struct host_event *e)
{
	const char *result = tdxc_err_name(result_of(e));
	uint64_t start;
	uint64_t end;

	if (!strcmp(e->name, "fault"))
		return json_pack("{s:o, s:I, s:s, s:s}", "gfn",
				 host_hex(number_of(e, "gfn")), "level",
				 (json_int_t)number_of(e, "level"), "kind",
				 kind_of(e), "result", result);
	range_of(e, &start, &end);
	return json_pack("{s:o, s:o, s:s, s:s}", "start", host_hex(start),
			 "end", host_hex(end), "kind", kind_of(e), "result",
			 result);
}

static json_t *hotplug_json(const struct host_event *e)
{
	uint64_t start;
	uint64_t end;

	range_of(e, &start, &end);
	return json_pack("{s:s, s:o, s:o, s:s, s:s, s:s}", "what",
			 hotplug_event_of(e), "start", host_hex(start), "end",
			 host_hex(end), "answer", hotplug_answer_of(e),
			 "reason",
			 tdxc_hotplug_reason_name(hotplug_reason_of(e)), "text",
			 tdxc_hotplug_reason_text(hotplug_reason_of(e)));
}

json_t *host_event_json(const struct host_event *e)
{
	json_t *object = json_pack("{s:s, s:I, s:s, s:s}", "time", e->time,
				   "cpu", (json_int_t)e->cpu, "task", e->task,
				   "event", e->name);
	json_t *more;

	if (is_call(e))
		more = call_json(e);
	else if (!strcmp(e->name, "fault") || !strcmp(e->name, "zap"))
		more = memory_json(e);
	else if (!strcmp(e->name, "hotplug"))
		more = hotplug_json(e);
	else
		more = json_pack("{s:s}", "fields", e->fields);
	if (!object || !more || json_object_update(object, more)) {
		json_decref(object);
		object = NULL;
	}
	json_decref(more);
	return object;
}
