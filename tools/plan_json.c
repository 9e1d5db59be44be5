/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * tdxcore plan --json: the document that firmware prints too.
 */
#include "plan_cmd.h"

/* The stream remembers a failure, and closing it tells. */
static void put(void *ctx, const char *text, size_t len)
{
	(void)fwrite(text, 1, len, ctx);
}

void plan_print_json(FILE *f, const struct plan_report *r)
{
	const struct layout_sink sink = {put, f};
	const struct layout_plan layout = plan_layout(r);

	layout_json(&layout, &sink);
}
