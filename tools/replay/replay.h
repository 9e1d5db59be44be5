/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Play recorded requests on the software TDX platform and compare. */
#ifndef TDXC_TOOLS_REPLAY_H
#define TDXC_TOOLS_REPLAY_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct replay_totals {
	uint64_t cases;
	uint64_t calls;	     /* request lines executed and compared */
	uint64_t mismatches; /* request and check lines with a difference */
};

/* Where differences are told, one line each. */
struct replay_report {
	FILE *stream;
	uint64_t max; /* lines at most, over all files */
	uint64_t printed;
};

/* Room enough for any reason but that of an endless path. @units{bytes} */
#define REPLAY_ERROR_BYTES 4400

/* Add what one file comes to; `report` may be NULL. 0; -1 with the reason in
 * `error` ("FILE:LINE: ..." where a line is to blame) when not all of the file
 * was played, and then the totals are those up to there. */
int replay_file(const char *path, struct replay_totals *totals,
		struct replay_report *report, char *error, size_t error_bytes);

/* The same of text in memory; `name` stands for the path. */
int replay_text(const char *name, const char *text, size_t size,
		struct replay_totals *totals, struct replay_report *report,
		char *error, size_t error_bytes);

#endif
