/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * tdxcore host status: what the files of debugfs say.
 */
#include <string.h>

#include <tdxcore/coherence.h>
#include <tdxcore/status.h>

#include "host_cmd.h"

#define REASONS 5 /* Bits of enum tdxc_coherence_reason. */

/* "VERDICT CHECK SOURCE VALUE: WHY", SOURCE being one word or two. */
static json_t *precondition(char *line)
{
	char *why = strstr(line, ": ");
	char *words[5];
	uint64_t value;
	size_t n;

	if (!why)
		return NULL;
	*why = '\0';
	n = host_words(line, words, 5);
	if (n < 4 || !host_number(words[n - 1], &value))
		return NULL;
	return json_pack("{s:s, s:s, s:o, s:o, s:s}", "verdict", words[0],
			 "check", words[1], "source",
			 n == 4 ? json_string(words[2])
				: json_sprintf("%s %s", words[2], words[3]),
			 "value", host_hex(value), "why", why + 2);
}

int host_parse_preconditions(struct host_text *t, json_t *list)
{
	char *line = host_line(t);
	json_t *entry;

	if (!line || strncmp(line, "usable ", strlen("usable ")) != 0)
		return host_expected(t, "`usable yes' or `usable no'");
	while ((line = host_line(t))) {
		entry = precondition(line);
		if (!entry)
			return host_expected(
				t, "`VERDICT CHECK SOURCE VALUE: WHY'");
		if (json_array_append_new(list, entry))
			return host_no_memory();
	}
	return CLI_OK;
}

/* Leaves without a name of their own share one. */
static int count_leaf(json_t *leaves, const char *name, uint64_t calls)
{
	json_int_t before = json_integer_value(json_object_get(leaves, name));

	return host_put(leaves, name, json_integer(before + (json_int_t)calls));
}

int host_parse_counters(struct host_text *t, json_t *object)
{
	json_t *leaves = json_object();
	int result = host_put(object, "seamcalls", leaves);
	char *words[4];
	uint64_t value;
	char *line;
	size_t n;

	while (!result && (line = host_line(t))) {
		n = host_words(line, words, 4);
		if (n == 3 && !strcmp(words[0], "seamcall") &&
		    host_number(words[2], &value))
			result = count_leaf(leaves, words[1], value);
		else if (n == 2 && host_number(words[1], &value))
			result = host_put(object, words[0],
					  json_integer((json_int_t)value));
		else
			result = host_expected(t, "`seamcall NAME COUNT' or "
						  "`NAME COUNT'");
	}
	return result;
}

static json_t *reasons_json(uint64_t reasons)
{
	json_t *list = json_array();
	unsigned int i;

	for (i = 0; i < REASONS && list; i++) {
		if (reasons >> i & 1)
			list = host_append(
				list,
				json_string(tdxc_coherence_reason_name((
					enum tdxc_coherence_reason)(1u << i))));
	}
	return list;
}

int host_parse_coherence(struct host_text *t, json_t *object)
{
	json_t *cpus = json_array();
	int result = host_put(object, "cpus", cpus);
	char *words[5];
	uint64_t reasons;
	uint64_t cpu;
	char *line;
	size_t n;

	while (!result && (line = host_line(t))) {
		n = host_words(line, words, 5);
		if (n == 2 && !strcmp(words[0], "possible"))
			result = host_put(
				object, "possible",
				json_boolean(!strcmp(words[1], "yes")));
		else if (n == 4 && host_number(words[1], &cpu) &&
			 host_number(words[3], &reasons))
			result = json_array_append_new(
					 cpus,
					 json_pack("{s:I, s:o}", "cpu",
						   (json_int_t)cpu, "reasons",
						   reasons_json(reasons)))
					 ? host_no_memory()
					 : CLI_OK;
		else
			result =
				host_expected(t, "`possible yes', `possible "
						 "no' or `cpu N reasons BITS'");
	}
	return result;
}

static json_t *lost_page(char **words)
{
	struct tdxc_status_info info;
	uint64_t address;
	uint64_t status;
	uint64_t level;

	if (!host_number(words[1], &address) ||
	    !host_number(words[3], &level) || !host_number(words[5], &status))
		return NULL;
	(void)tdxc_status_lookup(status, &info);
	return json_pack("{s:o, s:I, s:o, s:s, s:s}", "address",
			 host_hex(address), "level", (json_int_t)level,
			 "status", host_hex(status), "name", info.name,
			 "meaning", info.meaning);
}

int host_parse_quarantine(struct host_text *t, json_t *object)
{
	json_t *pages = json_array();
	int result = host_put(object, "pages", pages);
	char *words[7];
	uint64_t count;
	uint64_t recovered;
	json_t *page;
	char *line;
	size_t n;

	while (!result && (line = host_line(t))) {
		n = host_words(line, words, 7);
		page = n == 6 ? lost_page(words) : NULL;
		if (n == 4 && host_number(words[1], &count) &&
		    host_number(words[3], &recovered)) {
			result = host_put(object, "count",
					  json_integer((json_int_t)count));
			if (!result)
				result = host_put(
					object, "recovered",
					json_integer((json_int_t)recovered));
		} else if (!page) {
			result = host_expected(
				t, "`count N recovered N' or `page ADDRESS "
				   "level N status STATUS'");
		} else if (json_array_append_new(pages, page)) {
			result = host_no_memory();
		}
	}
	return result;
}
