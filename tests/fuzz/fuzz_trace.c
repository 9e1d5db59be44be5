/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * The trace reader on arbitrary text: it ends, and an error has a line.
 */
#include "trace/trace.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct trace_event e;
	struct trace t;
	size_t events = 0;

	trace_open_text(&t, "fuzz", (const char *)data, size);
	while (trace_next(&t, &e)) {
		if (e.kind == TRACE_CASE && t.platform.lps == 0)
			abort();
		/* Each event takes a line at least. */
		if (++events > size)
			abort();
	}
	if (t.error[0] != '\0' && t.error_line > size)
		abort();
	trace_close(&t);
	return 0;
}
