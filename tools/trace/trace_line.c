/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Lines, tokens and numbers of a TDX trace: section 1 of FORMAT.md.
 */
#include "trace_line.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- errors and growing arrays ---- */

bool trace_fail(struct trace *t, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	(void)vsnprintf(t->error, sizeof t->error, format, list);
	va_end(list);
	t->error_line = t->line;
	return false;
}

void *trace_grow(struct trace *t, void *array, size_t *room, size_t one)
{
	size_t wanted = *room ? *room * 2 : 64;
	void *grown = realloc(array, wanted * one);

	if (!grown) {
		trace_fail(t, "out of memory");
		return NULL;
	}
	*room = wanted;
	return grown;
}

bool trace_push(struct trace *t, struct trace_token **array, size_t *nr,
		size_t *room, struct trace_token token)
{
	struct trace_token *grown;

	if (*nr == *room) {
		grown = trace_grow(t, *array, room, sizeof **array);
		if (!grown)
			return false;
		*array = grown;
	}
	(*array)[(*nr)++] = token;
	return true;
}

/* ---- lines and tokens: section 1 ---- */

bool token_is(struct trace_token token, const char *text)
{
	return token.length == strlen(text) &&
	       memcmp(token.text, text, token.length) == 0;
}

/* Cut [p, end) at single blanks. */
static bool trace_cut(struct trace *t, const char *p, const char *end)
{
	struct trace_token token;
	const char *blank;

	for (;;) {
		blank = memchr(p, ' ', (size_t)(end - p));
		token.text = p;
		token.length = (size_t)((blank ? blank : end) - p);
		if (token.length == 0)
			return trace_fail(t, "expected operands separated by "
					     "single blanks");
		if (!trace_push(t, &t->tokens, &t->nr_tokens, &t->room_tokens,
				token))
			return false;
		if (!blank)
			return true;
		p = blank + 1;
	}
}

/*
 * Without its comment, and without trailing blanks: the format page does not
 * mention those, but a few recorded lines without operands end with one.
 */
static bool trace_line_end(struct trace *t, const char *p, const char **end)
{
	const char *c;
	const char *hash = memchr(p, '#', (size_t)(*end - p));

	for (c = p; c < *end; c++) {
		if (*c < ' ' || *c > '~')
			return trace_fail(t, "expected printable ASCII");
	}
	if (hash)
		*end = hash;
	while (*end > p && (*end)[-1] == ' ')
		(*end)--;
	return true;
}

/* Fill tokens[] from the next line that has any; false at the end. */
bool trace_line(struct trace *t)
{
	const char *p;
	const char *newline;
	const char *end;

	if (t->again) {
		t->again = false;
		return true;
	}
	while (t->pos < t->size) {
		p = t->text + t->pos;
		t->line++;
		newline = memchr(p, '\n', t->size - t->pos);
		if (!newline)
			return trace_fail(t, "expected a newline at the end");
		t->pos = (size_t)(newline - t->text) + 1;
		end = newline;
		if (!trace_line_end(t, p, &end))
			return false;
		if (end == p)
			continue;
		t->nr_tokens = 0;
		return trace_cut(t, p, end);
	}
	return false;
}

bool trace_number(struct trace *t, size_t i, uint64_t *value)
{
	static const char digits[] = "0123456789abcdef";
	struct trace_token token = t->tokens[i];
	const char *digit;
	size_t k;

	*value = 0;
	if (token.length > 16 || (token.length > 1 && token.text[0] == '0'))
		return trace_fail(t,
				  "operand %zu: expected at most 16 digits "
				  "without leading zeros",
				  i);
	for (k = 0; k < token.length; k++) {
		digit = memchr(digits, token.text[k], 16);
		if (!digit)
			return trace_fail(t,
					  "operand %zu: expected a "
					  "lower-case hexadecimal number",
					  i);
		*value = *value << 4 | (uint64_t)(digit - digits);
	}
	return true;
}

/* Operands first.. as numbers; a directive of exactly that many. */
bool trace_numbers(struct trace *t, size_t first, size_t nr, uint64_t *values)
{
	size_t i;

	if (t->nr_tokens != first + nr)
		return trace_fail(t, "expected %zu operands", first + nr - 1);
	for (i = 0; i < nr; i++) {
		if (!trace_number(t, first + i, &values[i]))
			return false;
	}
	return true;
}
