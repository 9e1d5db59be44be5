/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Grammar of TDX trace files; section numbers are those of FORMAT.md.
 *
 * trace_line.c cuts a line into tokens; here its directive is looked up and the
 * operands become numbers in the one function that knows this directive. A
 * request and its answer become one event.
 */
#include "trace.h"
#include "trace_line.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- platform: section 2 ---- */

enum {
	GIVEN_LPS = 1,
	GIVEN_KEYIDS = 2,
	GIVEN_PAWIDTH = 4,
	GIVEN_SEAMRR = 8,
	GIVEN_FMS = 16,
	GIVEN_CACHEBLOCKS = 32,
	GIVEN_ALL = 63
};

static bool platform_cmr(struct trace *t, struct trace_platform *p)
{
	uint64_t v[2];

	if (!trace_numbers(t, 1, 2, v))
		return false;
	/* A case's first line replaces the inherited list. */
	if (t->in_case && !t->case_had_cmr)
		p->nr_cmrs = 0;
	t->case_had_cmr = true;
	if (p->nr_cmrs == TRACE_MAX_CMRS)
		return trace_fail(t, "expected at most 32 cmr lines");
	p->cmrs[p->nr_cmrs].base = v[0];
	p->cmrs[p->nr_cmrs++].size = v[1];
	return true;
}

static bool platform_value(struct trace *t, struct trace_platform *p)
{
	static const struct {
		const char *name;
		size_t nr;
		unsigned given;
	} known[] = {
		{"lps", 2, GIVEN_LPS},
		{"keyids", 3, GIVEN_KEYIDS},
		{"pawidth", 1, GIVEN_PAWIDTH},
		{"seamrr", 2, GIVEN_SEAMRR},
		{"fms", 1, GIVEN_FMS},
		{"cacheblocks", 1, GIVEN_CACHEBLOCKS},
	};
	uint64_t v[3] = {0, 0, 0};
	size_t i;

	for (i = 0; !token_is(t->tokens[0], known[i].name); i++)
		continue;
	if (!trace_numbers(t, 1, known[i].nr, v))
		return false;
	t->given |= known[i].given;
	if (known[i].given == GIVEN_LPS)
		p->lps = v[0], p->packages = v[1];
	else if (known[i].given == GIVEN_KEYIDS)
		p->keyid_bits = v[0], p->shared_keyids = v[1],
		p->private_keyids = v[2];
	else if (known[i].given == GIVEN_PAWIDTH)
		p->pawidth = v[0];
	else if (known[i].given == GIVEN_SEAMRR)
		p->seamrr_base = v[0], p->seamrr_size = v[1];
	else if (known[i].given == GIVEN_FMS)
		p->fms = v[0];
	else
		p->cacheblocks = v[0];
	return true;
}

static bool platform_is_directive(struct trace_token token)
{
	return token_is(token, "lps") || token_is(token, "keyids") ||
	       token_is(token, "pawidth") || token_is(token, "seamrr") ||
	       token_is(token, "fms") || token_is(token, "cacheblocks") ||
	       token_is(token, "cmr");
}

static bool platform_directive(struct trace *t, struct trace_platform *p)
{
	if (token_is(t->tokens[0], "cmr"))
		return platform_cmr(t, p);
	return platform_value(t, p);
}

/* What a player must be able to rely on before it shifts or allocates. */
static bool platform_sane(struct trace *t)
{
	const struct trace_platform *p = &t->platform;

	if (p->lps < 1 || p->lps > 65536 || p->packages < 1 ||
	    p->packages > p->lps)
		return trace_fail(t, "lps: expected 1..10000 processors and no "
				     "more packages than processors");
	if (p->pawidth < 32 || p->pawidth > 52 || p->keyid_bits > 15 ||
	    p->keyid_bits + 32 > p->pawidth)
		return trace_fail(t, "pawidth, keyids: expected 20..34 bits "
				     "with 20 or more below the KeyID field");
	if (p->shared_keyids > 0xffff || p->private_keyids > 0xffff)
		return trace_fail(t, "keyids: expected counts up to ffff");
	if (p->seamrr_size > UINT64_MAX - p->seamrr_base)
		return trace_fail(t, "seamrr: expected a range that does not "
				     "wrap");
	return true;
}

/* ---- cases ---- */

static bool case_name(struct trace *t, char *name)
{
	struct trace_token token;
	size_t i;

	if (t->nr_tokens != 2)
		return trace_fail(t, "expected a case name");
	token = t->tokens[1];
	if (token.length >= TRACE_NAME_SIZE)
		return trace_fail(t, "case: expected 1..40 characters");
	for (i = 0; i < token.length; i++) {
		if (!memchr("abcdefghijklmnopqrstuvwxyz0123456789-",
			    token.text[i], 37))
			return trace_fail(t, "case: expected a-z, 0-9, -");
	}
	memcpy(name, token.text, token.length);
	name[token.length] = '\0';
	for (i = 0; i < t->nr_names; i++) {
		if (token_is(t->names[i], name))
			return trace_fail(t, "case: expected a new name");
	}
	return trace_push(t, &t->names, &t->nr_names, &t->room_names, token);
}

static bool case_begin(struct trace *t, struct trace_event *e)
{
	if (!t->in_case && t->given != GIVEN_ALL)
		return trace_fail(t, "expected lps, keyids, pawidth, seamrr, "
				     "fms and cacheblocks before the first "
				     "case");
	if (!case_name(t, e->name))
		return false;
	e->kind = TRACE_CASE;
	t->in_case = true;
	t->case_had_cmr = false;
	t->platform = t->defaults;
	while (trace_line(t)) {
		if (!platform_is_directive(t->tokens[0])) {
			t->again = true;
			break;
		}
		if (!platform_directive(t, &t->platform))
			return false;
	}
	return t->error[0] == '\0' && platform_sane(t);
}

/* ---- memory and environment: section 3 ---- */

static bool event_words(struct trace *t, struct trace_event *e, bool any)
{
	struct trace_word *grown;
	size_t i;

	e->kind = any ? TRACE_CHECK : TRACE_MEM;
	if (t->nr_tokens < 3)
		return trace_fail(t, "expected an address and words");
	if (!trace_number(t, 1, &e->pa))
		return false;
	e->nr_words = t->nr_tokens - 2;
	if (e->pa % 8 != 0 || e->pa > UINT64_MAX - 8 * e->nr_words)
		return trace_fail(t, "expected an address of a multiple of 8");
	while (t->room_words < e->nr_words) {
		grown = trace_grow(t, t->words, &t->room_words,
				   sizeof *t->words);
		if (!grown)
			return false;
		t->words = grown;
	}
	for (i = 0; i < e->nr_words; i++) {
		t->words[i].value = 0;
		t->words[i].any = any && token_is(t->tokens[i + 2], "*");
		if (!t->words[i].any &&
		    !trace_number(t, i + 2, &t->words[i].value))
			return false;
	}
	e->words = t->words;
	return true;
}

static bool event_fill(struct trace *t, struct trace_event *e)
{
	uint64_t v[3];

	e->kind = TRACE_FILL;
	if (!trace_numbers(t, 1, 3, v))
		return false;
	if (v[1] > UINT64_MAX - v[0] || v[2] > 0xff)
		return trace_fail(t, "fill: expected a range and a byte");
	e->pa = v[0];
	e->len = v[1];
	e->byte = v[2];
	return true;
}

static bool event_intr(struct trace *t, struct trace_event *e)
{
	uint64_t v[2];

	e->kind = TRACE_INTR;
	if (!trace_numbers(t, 1, 2, v))
		return false;
	if (v[0] >= t->platform.lps || v[1] > 1)
		return trace_fail(t, "intr: expected a processor and 0 or 1");
	e->lp = v[0];
	e->value = v[1];
	return true;
}

static bool event_keyfail(struct trace *t, struct trace_event *e)
{
	e->kind = TRACE_KEYFAIL;
	if (t->nr_tokens != 3 || (!token_is(t->tokens[1], "entropy") &&
				  !token_is(t->tokens[1], "busy")))
		return trace_fail(t, "keyfail: expected entropy or busy and a "
				     "count");
	memcpy(e->name, t->tokens[1].text, t->tokens[1].length);
	e->name[t->tokens[1].length] = '\0';
	return trace_number(t, 2, &e->value);
}

/* ---- requests and answers: sections 4 and 5 ---- */

/* Tokens first.. as registers from reg on; "*" only where any is not NULL. */
static bool request_regs(struct trace *t, size_t first, size_t reg,
			 uint64_t *regs, bool *any)
{
	size_t i;

	if (t->nr_tokens > first + TRACE_NR_REGS - reg)
		return trace_fail(t, "expected no register after R13");
	for (i = first; i < t->nr_tokens; i++, reg++) {
		if (any && token_is(t->tokens[i], "*"))
			any[reg] = true;
		else if (!trace_number(t, i, &regs[reg]))
			return false;
	}
	return true;
}

/* "LP LEAF VERSION [operands]" from token first on. */
static bool request_call(struct trace *t, struct trace_request *r, size_t first)
{
	uint64_t leaf;
	uint64_t version;

	if (t->nr_tokens < first + 3)
		return trace_fail(t, "expected LP LEAF VERSION");
	if (!trace_number(t, first, &r->lp) ||
	    !trace_number(t, first + 1, &leaf) ||
	    !trace_number(t, first + 2, &version))
		return false;
	r->regs[TRACE_RAX] = leaf + (version << 16);
	return request_regs(t, first + 3, TRACE_RCX, r->regs, NULL);
}

static bool request_tdcall(struct trace *t, struct trace_request *r)
{
	r->kind = TRACE_TDCALL;
	if (t->nr_tokens < 3)
		return trace_fail(t, "expected LP RAX");
	return trace_number(t, 1, &r->lp) &&
	       request_regs(t, 2, TRACE_RAX, r->regs, NULL);
}

static bool request_repeat(struct trace *t, struct trace_request *r)
{
	if (t->nr_tokens < 3 || !token_is(t->tokens[2], "call"))
		return trace_fail(t, "expected repeat N call");
	if (!trace_number(t, 1, &r->count))
		return false;
	if (r->count < 1 || r->count > TRACE_MAX_REPEATS)
		return trace_fail(t, "repeat: expected a count of 1..1000000");
	return request_call(t, r, 3);
}

static bool request_until(struct trace *t, struct trace_request *r)
{
	r->kind = TRACE_UNTIL;
	if (t->nr_tokens < 4 || !token_is(t->tokens[3], "call"))
		return trace_fail(t, "expected until END N call");
	return trace_number(t, 1, &r->end) && trace_number(t, 2, &r->count) &&
	       request_call(t, r, 4);
}

static bool request_exit(struct trace *t, struct trace_request *r)
{
	r->kind = TRACE_EXIT;
	return trace_numbers(t, 1, 1, &r->lp);
}

static bool request_answer(struct trace *t, struct trace_event *e)
{
	const struct trace_request *r = &e->request;
	struct trace_answer *a = &e->answer;
	bool host = r->kind == TRACE_CALL || r->kind == TRACE_UNTIL;
	bool open = host && (r->regs[TRACE_RAX] & 0xffff) == 0x22;
	size_t first = 1;

	if (!trace_line(t))
		return t->error[0] == '\0' && trace_fail(t, "expected ret");
	a->line = t->line;
	if (!token_is(t->tokens[0], "ret"))
		return trace_fail(t, "expected ret");
	if (t->nr_tokens > 1 && token_is(t->tokens[1], "enter"))
		a->kind = TRACE_RET_ENTER, first = 2;
	else if (t->nr_tokens > 1 && token_is(t->tokens[1], "exit"))
		a->kind = TRACE_RET_EXIT, first = 2;
	if (a->kind == TRACE_RET_ENTER &&
	    (!host || (r->regs[TRACE_RAX] & 0xffff) != 0))
		return trace_fail(t, "ret enter: expected after VP.ENTER only");
	if ((a->kind == TRACE_RET_EXIT && host) ||
	    (a->kind != TRACE_RET_EXIT && r->kind == TRACE_EXIT))
		return trace_fail(t, "ret exit: expected after tdcall or exit");
	a->nr_listed = t->nr_tokens - first;
	if (a->nr_listed == 0 && a->kind != TRACE_RET_ENTER)
		return trace_fail(t, "expected RAX");
	return request_regs(t, first, TRACE_RAX, a->regs, open ? a->any : NULL);
}

static bool event_request(struct trace *t, struct trace_event *e)
{
	struct trace_request *r = &e->request;
	bool good;

	e->kind = TRACE_REQUEST;
	r->count = 1;
	if (token_is(t->tokens[0], "call"))
		good = request_call(t, r, 1);
	else if (token_is(t->tokens[0], "repeat"))
		good = request_repeat(t, r);
	else if (token_is(t->tokens[0], "until"))
		good = request_until(t, r);
	else if (token_is(t->tokens[0], "tdcall"))
		good = request_tdcall(t, r);
	else if (token_is(t->tokens[0], "exit"))
		good = request_exit(t, r);
	else
		good = trace_fail(t, "expected a directive of the format");
	if (good && r->lp >= t->platform.lps)
		good = trace_fail(t, "expected a processor of the platform");
	return good && request_answer(t, e);
}

/* ---- the file ---- */

static bool trace_event(struct trace *t, struct trace_event *e)
{
	struct trace_token first = t->tokens[0];

	if (token_is(first, "case"))
		return case_begin(t, e);
	if (!t->in_case)
		return trace_fail(t, "expected a platform directive or case");
	if (platform_is_directive(first))
		return trace_fail(t, "expected platform directives before the "
				     "case's first event");
	if (token_is(first, "mem"))
		return event_words(t, e, false);
	if (token_is(first, "check"))
		return event_words(t, e, true);
	if (token_is(first, "fill"))
		return event_fill(t, e);
	if (token_is(first, "intr"))
		return event_intr(t, e);
	if (token_is(first, "keyfail"))
		return event_keyfail(t, e);
	return event_request(t, e);
}

bool trace_next(struct trace *t, struct trace_event *e)
{
	memset(e, 0, sizeof *e);
	while (t->error[0] == '\0' && trace_line(t)) {
		e->line = t->line;
		if (!t->signature) {
			t->signature = t->nr_tokens == 2 &&
				       token_is(t->tokens[0], "tdxtrace") &&
				       token_is(t->tokens[1], "1");
			if (!t->signature)
				return trace_fail(t, "expected tdxtrace 1");
		} else if (!t->in_case && platform_is_directive(t->tokens[0])) {
			if (!platform_directive(t, &t->defaults))
				return false;
		} else {
			return trace_event(t, e);
		}
	}
	if (t->error[0] == '\0' && !t->signature)
		return trace_fail(t, "expected tdxtrace 1");
	return false;
}

void trace_open_text(struct trace *t, const char *name, const char *text,
		     size_t size)
{
	memset(t, 0, sizeof *t);
	t->path = name;
	t->text = text;
	t->size = size;
}

bool trace_open(struct trace *t, const char *path)
{
	size_t room = 0;
	size_t got;
	char *grown;
	FILE *f = fopen(path, "rb");

	trace_open_text(t, path, "", 0);
	if (!f)
		return trace_fail(t, "%s", strerror(errno));
	do {
		if (t->size == room) {
			grown = trace_grow(t, t->owned, &room, 1);
			if (!grown)
				break;
			t->owned = grown;
		}
		got = fread(t->owned + t->size, 1, room - t->size, f);
		t->size += got;
	} while (got > 0);
	if (ferror(f))
		trace_fail(t, "%s", strerror(errno));
	(void)fclose(f);
	t->text = t->owned;
	return t->error[0] == '\0';
}

void trace_close(struct trace *t)
{
	free(t->owned);
	free(t->tokens);
	free(t->words);
	free(t->names);
	memset(t, 0, sizeof *t);
}
