/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Reader of "TDX trace 1" files (tests/data/traces/FORMAT.md): recorded
 * requests to a TDX platform, with the answers of a reference implementation.
 *
 * The reader knows the grammar and nothing of TDX: it hands out cases with
 * their platform, memory writes, and requests each with its answer, in file
 * order. It is strict: what the format page does not allow is refused with the
 * line and what was expected there. Needs nothing but libc.
 *
 *	struct trace t;
 *	struct trace_event e;
 *
 *	if (trace_open(&t, path))
 *		while (trace_next(&t, &e))
 *			...
 *	if (t.error[0])
 *		... t.path, t.error_line, t.error ...
 *	trace_close(&t);
 */
#ifndef TRACE_H
#define TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TRACE_MAX_CMRS	32
#define TRACE_NAME_SIZE 41 /* 40 characters and the terminator. */
/* A line is one request however often it repeats it; a count beyond this is a
 * slip of the pen, and would look like a player that hangs. */
#define TRACE_MAX_REPEATS 0x1000000u

/* RAX RCX RDX R8 R9 R10 R11 R12 R13, in this order. */
enum trace_reg { TRACE_RAX, TRACE_RCX, TRACE_RDX, TRACE_R8, TRACE_NR_REGS = 9 };

/* The machine a case runs on: file defaults with the case's overrides. */
struct trace_platform {
	uint64_t lps, packages;
	uint64_t keyid_bits, shared_keyids, private_keyids;
	uint64_t pawidth;
	uint64_t seamrr_base, seamrr_size;
	uint64_t fms;
	uint64_t cacheblocks;
	size_t nr_cmrs;
	struct {
		uint64_t base, size;
	} cmrs[TRACE_MAX_CMRS];
};

enum trace_event_kind {
	TRACE_CASE,    /* Power cycle; `name`; trace.platform is complete. */
	TRACE_MEM,     /* Write words[] at pa. */
	TRACE_FILL,    /* Set len bytes at pa to byte. */
	TRACE_CHECK,   /* words[] must be at pa. */
	TRACE_INTR,    /* Interrupt pending at lp: value. */
	TRACE_KEYFAIL, /* The next `value` key programmings fail: name. */
	TRACE_REQUEST, /* request and answer. */
};

/* A word of memory; `any` only in TRACE_CHECK. */
struct trace_word {
	uint64_t value;
	bool any;
};

enum trace_request_kind {
	TRACE_CALL,   /* SEAMCALL; `count` identical ones for repeat. */
	TRACE_UNTIL,  /* SEAMCALL again and again until RDX is `end`. */
	TRACE_TDCALL, /* By the vCPU that runs on lp. */
	TRACE_EXIT,   /* An external interrupt ends the vCPU's run on lp. */
};

enum trace_answer_kind {
	TRACE_RET,	 /* To who asked. */
	TRACE_RET_ENTER, /* VP.ENTER went into the guest. */
	TRACE_RET_EXIT,	 /* The guest left; VP.ENTER returns. */
};

struct trace_request {
	enum trace_request_kind kind;
	uint64_t lp;
	uint64_t count; /* TRACE_CALL: 1 or N; TRACE_UNTIL: N. */
	uint64_t end;	/* TRACE_UNTIL only. */
	uint64_t regs[TRACE_NR_REGS];
};

struct trace_answer {
	enum trace_answer_kind kind;
	unsigned line;
	size_t nr_listed; /* 0 after TRACE_RET_ENTER: compare nothing. */
	uint64_t regs[TRACE_NR_REGS];
	bool any[TRACE_NR_REGS];
};

struct trace_event {
	enum trace_event_kind kind;
	unsigned line;
	char name[TRACE_NAME_SIZE];	/* CASE, KEYFAIL. */
	uint64_t pa;			/* MEM, FILL, CHECK. */
	uint64_t len;			/* FILL. */
	uint64_t byte;			/* FILL. */
	const struct trace_word *words; /* MEM, CHECK: until the next event. */
	size_t nr_words;
	uint64_t lp;	/* INTR. */
	uint64_t value; /* INTR, KEYFAIL. */
	struct trace_request request;
	struct trace_answer answer;
};

/* A piece of a line. */
struct trace_token {
	const char *text;
	size_t length;
};

struct trace {
	const char *path;		/* For messages. */
	struct trace_platform platform; /* Of the case last reported. */
	char error[120];		/* "" while all is well. */
	unsigned error_line;

	/* The rest belongs to the reader. */
	char *owned; /* What trace_open() loaded. */
	const char *text;
	size_t size, pos;
	unsigned line;
	bool again; /* The line in tokens[] was not used up. */
	bool signature, in_case, case_had_cmr;
	unsigned given; /* Platform directives seen in the header. */
	struct trace_platform defaults;
	struct trace_token *tokens;
	size_t nr_tokens, room_tokens;
	struct trace_word *words;
	size_t room_words;
	struct trace_token *names;
	size_t nr_names, room_names;
};

/* Load a file. false: t->error says why; trace_close() is needed all the same.
 * An empty file is an error found by trace_next(). */
bool trace_open(struct trace *t, const char *path);

/* Read from memory, which stays the caller's. */
void trace_open_text(struct trace *t, const char *name, const char *text,
		     size_t size);

/* Next event; false at the end of the file or, with t->error set, at the first
 * malformed line. */
bool trace_next(struct trace *t, struct trace_event *e);

void trace_close(struct trace *t);

#endif
