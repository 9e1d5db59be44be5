/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Lines, words and numbers of a text that ends where its length says: no byte
 * outside it is read, and a NUL is a byte like any other.
 *
 * The C library's strtoull() is not used: it wants a NUL, skips blanks, takes
 * signs and depends on the locale.
 */
#include "parse.h"

#include <string.h>

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v';
}

static char to_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_word(char c)
{
	c = to_lower(c);
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '_';
}

/* Value of a digit, or 16. */
static unsigned digit_value(char c)
{
	c = to_lower(c);
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	if (c >= 'a' && c <= 'f')
		return (unsigned)(c - 'a' + 10);
	return 16;
}

void map_reader_init(struct map_reader *r, const char *text, size_t len,
		     const char *name, struct map_error *error)
{
	r->rest.at = text;
	r->rest.end = text + len;
	r->line.at = text;
	r->line.end = text;
	r->number = 0;
	r->name = name;
	r->error = error;
}

bool map_reader_next(struct map_reader *r)
{
	const char *newline;

	if (map_at_end(&r->rest))
		return false;
	newline = memchr(r->rest.at, '\n', (size_t)(r->rest.end - r->rest.at));
	r->line.at = r->rest.at;
	r->line.end = newline ? newline : r->rest.end;
	r->rest.at = newline ? newline + 1 : r->rest.end;
	while (r->line.end > r->line.at && is_blank(r->line.end[-1]))
		r->line.end--;
	r->number++;
	return true;
}

bool map_reader_next_used(struct map_reader *r)
{
	struct map_cursor c;

	while (map_reader_next(r)) {
		c = r->line;
		map_skip_blanks(&c);
		if (!map_at_end(&c) && *c.at != '#')
			return true;
	}
	return false;
}

void map_skip_blanks(struct map_cursor *c)
{
	while (c->at < c->end && is_blank(*c->at))
		c->at++;
}

bool map_at_end(const struct map_cursor *c)
{
	return c->at >= c->end;
}

bool map_skip_word(struct map_cursor *c, const char *word)
{
	size_t len = strlen(word);

	if ((size_t)(c->end - c->at) < len || memcmp(c->at, word, len) != 0)
		return false;
	c->at += len;
	return true;
}

bool map_skip_past(struct map_cursor *c, const char *word)
{
	struct map_cursor at = *c;

	while (!map_at_end(&at)) {
		at.at = memchr(at.at, word[0], (size_t)(at.end - at.at));
		if (!at.at)
			return false;
		if (map_skip_word(&at, word)) {
			*c = at;
			return true;
		}
		at.at++;
	}
	return false;
}

static enum map_scan scan_number(struct map_cursor *c, unsigned base,
				 uint64_t *value)
{
	const char *at = c->at;
	bool big = false;
	uint64_t v = 0;

	for (; at < c->end && digit_value(*at) < base; at++) {
		big = big || v > (UINT64_MAX - digit_value(*at)) / base;
		v = v * base + digit_value(*at);
	}
	if (at == c->at || (at < c->end && is_word(*at)))
		return MAP_SCAN_NONE;
	c->at = at;
	*value = v;
	return big ? MAP_SCAN_BIG : MAP_SCAN_OK;
}

enum map_scan map_scan_hex(struct map_cursor *c, uint64_t *value)
{
	struct map_cursor digits = *c;
	enum map_scan result;

	if (!map_skip_word(&digits, "0x"))
		(void)map_skip_word(&digits, "0X");
	result = scan_number(&digits, 16, value);
	if (result != MAP_SCAN_NONE)
		*c = digits;
	return result;
}

enum map_scan map_scan_decimal(struct map_cursor *c, uint64_t *value)
{
	return scan_number(c, 10, value);
}

bool map_text_is(const struct map_cursor *c, const char *word)
{
	const char *at = c->at;

	while (at < c->end && *word && to_lower(*at) == to_lower(*word)) {
		at++;
		word++;
	}
	return at == c->end && *word == '\0';
}

bool map_text_has(const char *text, size_t len, const char *word)
{
	struct map_reader r;
	struct map_cursor c;

	map_reader_init(&r, text, len, NULL, NULL);
	while (map_reader_next_used(&r)) {
		c = r.line;
		if (map_skip_past(&c, word))
			return true;
	}
	return false;
}
