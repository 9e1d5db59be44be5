/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * The reader of memory dumps, and the scanner on the tables it finds: whatever
 * comes in, no read leaves the file, and the work is bounded.
 */
#include <tdxcore/err.h>
#include <tdxcore/version.h>

#include "dump/dump.h"

#include <stdlib.h>
#include <string.h>

#define MAX_TABLES 2000u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t *table(void *ctx, uint64_t pa, uint32_t level)
{
	return dump_table(ctx, pa, level);
}

static const struct tdxc_scan_ops ops = {TDXC_ABI, table};

static void scan(struct dump *d, uint32_t levels, uint32_t what)
{
	struct tdxc_scan_config c = {0};
	struct tdxc_scan s;
	struct tdxc_scan_run run;
	enum tdxc_scan_event event;

	c.abi = TDXC_ABI;
	c.levels = levels;
	c.root = d->root;
	c.ops = &ops;
	c.ctx = d;
	c.shared_bit = levels == 4 ? 51 : 47;
	c.polarity = what == TDXC_SCAN_SHARED ? TDXC_SHARED_IS_CLEAR
					      : TDXC_SHARED_IS_SET;
	c.pa_bits = 52;
	c.what = what;
	c.ram = d->ram;
	c.nr_ram = d->nr_ram;
	c.max_tables = MAX_TABLES;
	if (tdxc_scan_begin(&s, &c) != TDXC_OK)
		return;
	do
		event = tdxc_scan_next_run(&s, &run);
	while (event == TDXC_SCAN_LEAF || event == TDXC_SCAN_BAD);
	if (s.tables_read > MAX_TABLES)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct dump d;
	uint8_t *copy = malloc(size + (size == 0));
	int failed;

	if (!copy)
		return 0;
	/* Not a byte of room beyond the end. */
	memcpy(copy, data, size);
	failed = dump_parse(&d, copy, size);
	if (failed != (d.error[0] != '\0' ? -1 : 0))
		abort();
	if (!failed) {
		if (d.root_source == DUMP_ROOT_NONE)
			(void)dump_find_root(&d);
		scan(&d, 4, TDXC_SCAN_SHARED);
		scan(&d, 5, TDXC_SCAN_MAPPED);
	}
	dump_close(&d);
	free(copy);
	return 0;
}
