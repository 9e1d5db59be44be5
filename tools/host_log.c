/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * tdxcore host log: the module's lines of the kernel's log.
 *
 * A line is a record of /dev/kmsg, "PRIORITY,SEQUENCE,MICROSECONDS,...;TEXT",
 * or what dmesg or journalctl print: "<6>[    1.234567] TEXT",
 * "kern  :info  : [    1.234567] TEXT", "Nov 21 10:00:00 host kernel: TEXT".
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <tdxcore/err.h>
#include <tdxcore/status.h>

#include "host_cmd.h"

#define SEVERITIES 8

struct log_line {
	const char *severity; /* NULL: the line does not say. */
	const char *time;     /* NULL, or seconds. */
	const char *text;     /* "tdxcore..." */
	char seconds[24];     /* Room for `time`. */
};

static const char *severity_name(size_t i)
{
	static const char *const names[SEVERITIES] = {
		"emerg",   "alert",  "crit", "err",
		"warning", "notice", "info", "debug",
	};

	return names[i];
}

/* As dmesg calls it. */
static const char *severity_of(uint64_t priority)
{
	return severity_name(priority % SEVERITIES);
}

/* --- where a line is ours, and what stands before ------------------------- */

static bool begins_ours(const char *text)
{
	static const char name[] = "tdxcore";

	if (strncmp(text, name, sizeof name - 1) != 0)
		return false;
	text += sizeof name - 1;
	/* "tdxcore: ...", or "tdxcore 0.1.0" */
	return *text == ':' || (*text == ' ' && isdigit((uint8_t)text[1]));
}

/* "6,339,5140900,-;TEXT"; others after the third are not looked at. */
static bool parse_record(char *line, struct log_line *l)
{
	char *text = strchr(line, ';');
	char *save = NULL;
	uint64_t value[3];
	char *field;
	size_t i;

	if (!isdigit((uint8_t)*line) || !text)
		return false;
	*text++ = '\0';
	if (!begins_ours(text))
		return false;
	field = strtok_r(line, ",", &save);
	for (i = 0; i < 3; i++) {
		if (!field || !host_number(field, &value[i]))
			return false;
		field = strtok_r(NULL, ",", &save);
	}
	snprintf(l->seconds, sizeof l->seconds, "%" PRIu64 ".%06" PRIu64,
		 value[2] / 1000000, value[2] % 1000000);
	l->time = l->seconds;
	l->severity = severity_of(value[0]);
	l->text = text;
	return true;
}

/* "<6>", or "kern  :info  :" */
static const char *printed_severity(char *head)
{
	char *word = head + strcspn(head, " :");
	uint64_t priority;
	size_t i;

	if (*head == '<') {
		head[strcspn(head, ">")] = '\0';
		return host_number(head + 1, &priority) ? severity_of(priority)
							: NULL;
	}
	word += strspn(word, " ");
	if (*word != ':')
		return NULL;
	word++;
	word[strcspn(word, " :")] = '\0';
	/* dmesg calls one of them otherwise. */
	i = cli_word(!strcmp(word, "warn") ? "warning" : word, SEVERITIES,
		     severity_name);
	return i < SEVERITIES ? severity_name(i) : NULL;
}

/* "[    1.234567]": the seconds, cut out. "[   T12]" may stand beside it. */
static const char *printed_time(char *head)
{
	char *open = strchr(head, '[');
	char *digits;
	size_t n;

	for (; open; open = strchr(open + 1, '[')) {
		digits = open + 1 + strspn(open + 1, " ");
		n = strspn(digits, "0123456789.");
		if (!n || digits[n] != ']')
			continue;
		*open = '\0';
		digits[n] = '\0';
		return digits;
	}
	return NULL;
}

/* What a program printed: the text is ours where "tdxcore" begins it, after
 * nothing, "] " or ": ". */
static bool parse_printed(char *line, struct log_line *l)
{
	char *text = strstr(line, "tdxcore");

	while (text &&
	       !(begins_ours(text) && (text == line ||
				       (text[-1] == ' ' && text > line + 1 &&
					strchr("]:", text[-2])) ||
				       text[-1] == '>')))
		text = strstr(text + 1, "tdxcore");
	if (!text)
		return false;
	l->text = text;
	if (text > line)
		text[-1] = '\0';
	if (text > line) {
		l->time = printed_time(line);
		l->severity = printed_severity(line);
	}
	return true;
}

static bool parse_line(char *line, struct log_line *l)
{
	memset(l, 0, sizeof *l);
	if (isdigit((uint8_t)*line) && line[strcspn(line, " ,;")] == ',')
		return parse_record(line, l);
	return parse_printed(line, l);
}

/* --- printing ------------------------------------------------------------- */

/* A completion status in the text; nothing where there is none. */
static bool status_in(const char *text, struct tdxc_status_info *info)
{
	const char *at = strstr(text, "0x");
	char digits[19];
	uint64_t status;

	for (; at; at = strstr(at + 2, "0x")) {
		size_t n = strspn(at + 2, "0123456789abcdef") + 2;

		if (n != 18)
			continue;
		snprintf(digits, sizeof digits, "%.18s", at);
		return host_number(digits, &status) &&
		       tdxc_status_lookup(status, info) == TDXC_OK;
	}
	return false;
}

static void print_line(FILE *f, const struct log_line *l)
{
	struct tdxc_status_info info;

	fprintf(f, "%14s  %-8s %s\n", l->time ? l->time : "",
		l->severity ? l->severity : "", l->text);
	if (status_in(l->text, &info))
		fprintf(f, "%25s%s: %s\n", "", info.name, info.meaning);
}

static json_t *line_json(const struct log_line *l)
{
	struct tdxc_status_info info;
	json_t *object = json_pack("{s:s?, s:s?, s:s}", "time", l->time,
				   "severity", l->severity, "text", l->text);

	if (object && status_in(l->text, &info) &&
	    (json_object_set_new(object, "status", json_string(info.name)) ||
	     json_object_set_new(object, "meaning",
				 json_string(info.meaning)))) {
		json_decref(object);
		return NULL;
	}
	return object;
}

static int write_all(const struct host_options *o, FILE *f, struct host_text *t)
{
	json_t *list = json_array();
	struct log_line l;
	size_t found = 0;
	char *line;

	while ((line = host_line(t))) {
		if (!parse_line(line, &l))
			continue;
		found++;
		if (o->json)
			list = host_append(list, line_json(&l));
		else
			print_line(f, &l);
	}
	if (!found)
		cli_note("%s: no line of the kernel module tdxcore", t->path);
	if (t->lost)
		cli_note("%s: lines were overwritten while it was read",
			 t->path);
	if (o->json)
		return host_print_json(f,
				       list ? json_pack("{s:o, s:b}", "lines",
							list, "lost", t->lost)
					    : NULL);
	json_decref(list);
	return CLI_OK;
}

int host_log(const struct host_options *o)
{
	static const struct host_options here = {.root = ""};
	const char *path = o->file ? o->file : "/dev/kmsg";
	struct cli_out out = {0};
	struct host_text t;
	/* A file that somebody names is named as it is. */
	int error = host_read(o->file ? &here : o, path, &t);
	int result = CLI_OK;

	if (error)
		result = host_refuse(o->file ? &here : o, path, error);
	if (!result && o->file && !*t.text) {
		cli_error("%s: a kernel log was expected; this is empty", path);
		result = CLI_INPUT;
	}
	if (!result)
		result = cli_out_open(&out);
	if (!result)
		result = write_all(o, out.stream, &t);
	if (!result)
		result = cli_out_close(&out);
	if (!result)
		result = cli_out_print(&out);
	host_text_free(&t);
	cli_out_free(&out);
	return result;
}
