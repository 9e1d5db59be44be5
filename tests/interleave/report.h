/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * One line for each case, and the last line that count_results.py reads.
 */
#ifndef TDXC_TESTS_INTERLEAVE_REPORT_H
#define TDXC_TESTS_INTERLEAVE_REPORT_H

#include "explore.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct report {
	uint32_t passed;
	uint32_t failed;
	uint64_t runs;
};

static inline uint64_t from_env(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text == NULL ? otherwise : strtoull(text, NULL, 0);
}

static inline void report_case(struct report *r, const char *name, bool ok,
			       const struct il_result *result)
{
	printf("%s %s: %" PRIu64 " schedules%s, %" PRIu64 " pruned, %" PRIu64
	       " steps, longest %u%s%s%s%s\n",
	       ok ? "ok  " : "FAIL", name, result->runs,
	       result->cut ? " (cut)" : "", result->pruned, result->steps,
	       result->longest, result->failed ? ", " : "", result->invariant,
	       result->failed ? ": " : "", result->text);
	fflush(stdout);
	r->runs += result->runs;
	if (ok)
		r->passed++;
	else
		r->failed++;
}

static inline int report_end(const struct report *r)
{
	printf("%" PRIu64 " schedules in all\n", r->runs);
	printf("%u passed, %u failed\n", r->passed, r->failed);
	return r->failed == 0 && r->passed != 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
