/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Lines, words and numbers of a text that ends where its length says. Words
 * stand between blanks; a # that begins a word begins a comment.
 */
#include "scenario_parse.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define QUOTE_BYTES 40

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* --- lines and words ------------------------------------------------------ */

void scenario_reader_init(struct scenario_reader *r, const char *text,
			  size_t len, const char *name, struct map_error *error)
{
	memset(r, 0, sizeof *r);
	r->at = text;
	r->end = text + len;
	r->line_at = text;
	r->word_at = text;
	r->line_end = text;
	r->name = name;
	r->error = error;
}

bool scenario_next_line(struct scenario_reader *r)
{
	const char *newline;

	while (r->at < r->end) {
		newline = memchr(r->at, '\n', (size_t)(r->end - r->at));
		r->line_at = r->at;
		r->word_at = r->at;
		r->line_end = newline ? newline : r->end;
		r->at = newline ? newline + 1 : r->end;
		r->line++;
		if (scenario_next_word(r))
			return true;
	}
	return false;
}

void scenario_line_text(const struct scenario_reader *r,
			char text[SCENARIO_TEXT_BYTES])
{
	const char *at = r->line_at;
	size_t n = 0;

	while (at < r->line_end && is_blank(*at))
		at++;
	for (; at < r->line_end && *at != '#' && n + 1 < SCENARIO_TEXT_BYTES;
	     at++)
		text[n++] = *at >= ' ' && *at <= '~' ? *at : ' ';
	while (n > 0 && text[n - 1] == ' ')
		n--;
	text[n] = '\0';
}

bool scenario_next_word(struct scenario_reader *r)
{
	while (r->word_at < r->line_end && is_blank(*r->word_at))
		r->word_at++;
	if (r->word_at < r->line_end && *r->word_at == '#')
		r->word_at = r->line_end;
	r->word.text = r->word_at;
	while (r->word_at < r->line_end && !is_blank(*r->word_at))
		r->word_at++;
	r->word.len = (size_t)(r->word_at - r->word.text);
	return r->word.len > 0;
}

bool scenario_word_is(const struct scenario_reader *r, const char *text)
{
	return r->word.len == strlen(text) &&
	       memcmp(r->word.text, text, r->word.len) == 0;
}

/* --- refusing --------------------------------------------------------------
 */

int scenario_refuse(const struct scenario_reader *r, const char *format, ...)
{
	struct map_error *e = r->error;
	va_list args;
	char *c;

	e->name = r->name;
	e->line = r->line;
	va_start(args, format);
	(void)vsnprintf(e->text, sizeof e->text, format, args);
	va_end(args);
	/* Words are quoted as they stand in the file. */
	for (c = e->text; *c != '\0'; c++)
		*c = *c >= ' ' && *c <= '~' ? *c : '?';
	return MAP_E_INPUT;
}

int scenario_unexpected(const struct scenario_reader *r, const char *expected)
{
	char quote[QUOTE_BYTES + 4];
	size_t n = r->word.len < QUOTE_BYTES ? r->word.len : QUOTE_BYTES;
	size_t i;

	if (r->word.len == 0)
		return scenario_refuse(
			r, "expected %s, found the end of the line", expected);
	for (i = 0; i < n; i++)
		quote[i] = r->word.text[i] != '\0' ? r->word.text[i] : '?';
	memcpy(quote + n, n < r->word.len ? "..." : "",
	       n < r->word.len ? 4 : 1);
	return scenario_refuse(r, "expected %s, found \"%s\"", expected, quote);
}

int scenario_no_memory(const struct scenario_reader *r)
{
	(void)scenario_refuse(r, "out of memory");
	return MAP_E_NOMEM;
}

int scenario_line_ends(struct scenario_reader *r)
{
	return scenario_next_word(r)
		       ? scenario_unexpected(r, "the end of the line")
		       : MAP_OK;
}

/* --- numbers ---------------------------------------------------------------
 */

static unsigned digit_value(char c)
{
	if (is_digit(c))
		return (unsigned)(c - '0');
	if (c >= 'a' && c <= 'f')
		return (unsigned)(c - 'a' + 10);
	if (c >= 'A' && c <= 'F')
		return (unsigned)(c - 'A' + 10);
	return 16;
}

/* Digits from *at on, decimal or with 0x; false: none, or more than 64 bits. */
static bool scan_digits(const char **at, const char *end, uint64_t *value)
{
	unsigned base = 10;
	const char *c = *at;
	const char *first;
	uint64_t v = 0;

	if (end - c > 2 && c[0] == '0' && (c[1] == 'x' || c[1] == 'X')) {
		base = 16;
		c += 2;
	}
	for (first = c; c < end && digit_value(*c) < base; c++) {
		if (v > (UINT64_MAX - digit_value(*c)) / base)
			return false;
		v = v * base + digit_value(*c);
	}
	if (c == first)
		return false;
	*at = c;
	*value = v;
	return true;
}

static unsigned unit_shift(char c)
{
	switch (c) {
	case 'K':
		return 10;
	case 'M':
		return 20;
	case 'G':
		return 30;
	case 'T':
		return 40;
	default:
		return 0;
	}
}

/* Digits and a unit, to the end. */
static bool scan_size(const char *at, const char *end, uint64_t *value)
{
	unsigned shift;

	if (!scan_digits(&at, end, value))
		return false;
	if (at == end)
		return true;
	shift = unit_shift(*at);
	if (shift == 0 || at + 1 != end || *value > UINT64_MAX >> shift)
		return false;
	*value <<= shift;
	return true;
}

int scenario_number(struct scenario_reader *r, const char *what, uint64_t least,
		    uint64_t most, uint64_t *value)
{
	char expected[96];
	const char *at;

	(void)scenario_next_word(r);
	at = r->word.text;
	if (scan_digits(&at, at + r->word.len, value) &&
	    at == r->word.text + r->word.len && *value >= least &&
	    *value <= most)
		return MAP_OK;
	if (most == UINT64_MAX)
		(void)snprintf(expected, sizeof expected, "a number for %s",
			       what);
	else
		(void)snprintf(expected, sizeof expected,
			       "a number from %llu to %llu for %s",
			       (unsigned long long)least,
			       (unsigned long long)most, what);
	return scenario_unexpected(r, expected);
}

/* "64M": as a person would write it. */
static const char *size_text(char text[24], uint64_t bytes)
{
	static const char units[] = "TGMK";
	unsigned shift = 40;
	size_t i;

	for (i = 0; units[i] != '\0'; i++, shift -= 10) {
		if (bytes != 0 && bytes % ((uint64_t)1 << shift) == 0)
			break;
	}
	(void)snprintf(text, 24, "%llu%.1s",
		       (unsigned long long)(units[i] ? bytes >> shift : bytes),
		       units + i);
	return text;
}

int scenario_size(struct scenario_reader *r, const char *what, uint64_t align,
		  uint64_t least, uint64_t most, uint64_t *value)
{
	char expected[128];
	char a[24];
	char b[24];
	char c[24];

	(void)scenario_next_word(r);
	if (scan_size(r->word.text, r->word.text + r->word.len, value) &&
	    *value % align == 0 && *value >= least && *value <= most)
		return MAP_OK;
	(void)snprintf(expected, sizeof expected,
		       "a size such as 64M for %s, a multiple of %s from %s "
		       "to %s",
		       what, size_text(a, align), size_text(b, least),
		       size_text(c, most));
	return scenario_unexpected(r, expected);
}

/* Where ".." stands in the current word; NULL: nowhere. */
static const char *dots_of(const struct scenario_reader *r)
{
	size_t i;

	for (i = 0; i + 1 < r->word.len; i++) {
		if (r->word.text[i] == '.' && r->word.text[i + 1] == '.')
			return r->word.text + i;
	}
	return NULL;
}

/* FROM..TO in the current word. */
static bool scan_range(const struct scenario_reader *r, uint64_t align,
		       uint64_t end, struct tdxc_range *range)
{
	const char *dots = dots_of(r);

	return dots && scan_size(r->word.text, dots, &range->start) &&
	       scan_size(dots + 2, r->word.text + r->word.len, &range->end) &&
	       range->start < range->end && range->end <= end &&
	       range->start % align == 0 && range->end % align == 0;
}

int scenario_physical(struct scenario_reader *r, struct tdxc_range *range)
{
	(void)scenario_next_word(r);
	if (scan_range(r, SCENARIO_LARGE, SCENARIO_MAX_PHYSICAL, range))
		return MAP_OK;
	return scenario_unexpected(r, "a range of physical memory such as "
				      "8G..9G, in multiples of 2M below 32T");
}

int scenario_range(struct scenario_reader *r, uint64_t align, uint64_t end,
		   struct tdxc_range *range)
{
	char expected[128];
	char a[24];
	char b[24];

	if (scenario_word_is(r, "all")) {
		range->start = 0;
		range->end = end;
		return MAP_OK;
	}
	if (scan_range(r, align, end, range))
		return MAP_OK;
	(void)snprintf(expected, sizeof expected,
		       "a range such as 64M..128M, in multiples of %s within "
		       "the TD's 0..%s, or all",
		       size_text(a, align), size_text(b, end));
	return scenario_unexpected(r, expected);
}

int scenario_switch(struct scenario_reader *r, const char *what, bool *value)
{
	char expected[64];

	(void)scenario_next_word(r);
	*value = scenario_word_is(r, "on");
	if (*value || scenario_word_is(r, "off"))
		return MAP_OK;
	(void)snprintf(expected, sizeof expected, "on or off for %s", what);
	return scenario_unexpected(r, expected);
}

int scenario_name(struct scenario_reader *r, char name[SCENARIO_NAME_BYTES])
{
	size_t i;

	if (r->word.len == 0 || r->word.len >= SCENARIO_NAME_BYTES ||
	    !is_letter(r->word.text[0]))
		return scenario_unexpected(r, "the name of a TD");
	for (i = 0; i < r->word.len; i++) {
		char c = r->word.text[i];

		if (!is_letter(c) && !is_digit(c) && c != '-')
			return scenario_unexpected(r, "the name of a TD");
	}
	memset(name, 0, SCENARIO_NAME_BYTES);
	memcpy(name, r->word.text, r->word.len);
	return MAP_OK;
}
