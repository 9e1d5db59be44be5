/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * The lower half of the trace reader, for trace.c only.
 */
#ifndef TRACE_LINE_H
#define TRACE_LINE_H

#include "trace.h"

/* Note the first error and its line; always false. */
__attribute__((format(printf, 2, 3))) bool trace_fail(struct trace *t,
						      const char *format, ...);

/* Twice the room, or 64; NULL (noted) when there is no memory. */
void *trace_grow(struct trace *t, void *array, size_t *room, size_t one);

bool trace_push(struct trace *t, struct trace_token **array, size_t *nr,
		size_t *room, struct trace_token token);

bool token_is(struct trace_token token, const char *text);

/* Fill tokens[] from the next line that has any; false at the end. */
bool trace_line(struct trace *t);

/* Token i as a number. */
bool trace_number(struct trace *t, size_t i, uint64_t *value);

/* Tokens first.. as numbers; false unless the line has exactly nr of them. */
bool trace_numbers(struct trace *t, size_t first, size_t nr, uint64_t *values);

#endif
