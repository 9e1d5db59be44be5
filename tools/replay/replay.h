/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Play recorded requests on the software TDX platform and compare. */
#ifndef TDXC_TOOLS_REPLAY_H
#define TDXC_TOOLS_REPLAY_H

#include <stdint.h>
#include <stdio.h>

struct replay_totals {
	uint64_t calls;	     /* request lines executed and compared */
	uint64_t mismatches; /* of those, lines with a difference */
	uint64_t cases;
};

/* Add one file's totals. Mismatches are written to `report`, at most `max` in
 * all. 0; -1 with the reason in `error` (file:line: ...). */
int replay_file(const char *path, struct replay_totals *totals, FILE *report,
		uint64_t max, char *error, size_t error_bytes);

#endif
