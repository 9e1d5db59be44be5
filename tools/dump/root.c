/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Finding the root of a kernel's page tables where nobody says where it is.
 *
 * A root has no large pages, its entries point into RAM, and a kernel of x86-64
 * is mapped in the upper half, up to the last entry. Candidates are walked, and
 * what they map counts for them; what makes no sense counts much against them.
 * Tables of 4 levels that are walked with 5 make little sense, and so do most
 * pages that are no tables.
 */
#include <tdxcore/err.h>
#include <tdxcore/version.h>

#include "dump.h"

#define BAD_WEIGHT 64
#define MAX_BAD	   1000
#define MAX_TABLES 65536u
/* Where addresses of the upper half begin, by levels - 4. */
static const uint64_t upper_half[] = {0xFFFF800000000000, 0xFF00000000000000};

static bool in_ram(const struct dump *d, uint64_t pa)
{
	struct tdxc_range page = {pa, pa + TDXC_PAGE_SIZE};

	return tdxc_range_list_covers(d->ram, d->nr_ram, page);
}

/* Whether an entry can point to a table; bits that tell private from shared
 * memory are left out. */
static bool may_point(const struct dump *d, uint64_t entry)
{
	const uint64_t state = 1ull << 51 | 1ull << 47;

	return (entry & (TDXC_PTE_PRESENT | TDXC_PTE_PS)) == TDXC_PTE_PRESENT &&
	       in_ram(d, entry & TDXC_PTE_PA_MASK & ~state);
}

static bool may_be_root(struct dump *d, uint64_t pa)
{
	const uint64_t *table;
	uint8_t last = 0;
	unsigned i;

	/* The last entry first: few pages have one. */
	if (!dump_read(d, pa + 511 * 8, &last, 1) || !may_point(d, last | pa))
		return false;
	table = dump_table(d, pa, 0);
	if (!table || !may_point(d, table[511]))
		return false;
	for (i = 0; i < 511; i++) {
		if (table[i] != 0 && !may_point(d, table[i]))
			return false;
	}
	return true;
}

static uint64_t *read_table(void *ctx, uint64_t pa, uint32_t level)
{
	return dump_table(ctx, pa, level);
}

/* Leaves of the upper half, less what is malformed there. */
static int64_t judge(struct dump *d, uint64_t root, uint32_t levels)
{
	static const struct tdxc_scan_ops ops = {TDXC_ABI, read_table};
	struct tdxc_scan_config c = {0};
	struct tdxc_scan scan;
	struct tdxc_scan_leaf leaf;
	enum tdxc_scan_event event;
	int64_t leaves = 0;
	int64_t bad = 0;

	c.abi = TDXC_ABI;
	c.levels = levels;
	c.root = root;
	c.ops = &ops;
	c.ctx = d;
	c.shared_bit = TDXC_SCAN_MAX_SHARED_BIT;
	c.polarity = TDXC_SHARED_IS_SET;
	c.pa_bits = TDXC_SCAN_MAX_PA_BITS;
	c.what = TDXC_SCAN_MAPPED;
	c.ram = d->ram;
	c.nr_ram = d->nr_ram;
	c.start = upper_half[levels - 4];
	c.max_tables = MAX_TABLES;
	if (tdxc_scan_begin(&scan, &c) != TDXC_OK)
		return 0;
	do {
		event = tdxc_scan_next_leaf(&scan, &leaf);
		leaves += event == TDXC_SCAN_LEAF;
		bad += event == TDXC_SCAN_BAD;
	} while (bad < MAX_BAD &&
		 (event == TDXC_SCAN_LEAF || event == TDXC_SCAN_BAD));
	return leaves - BAD_WEIGHT * bad;
}

uint32_t dump_guess_levels(struct dump *d, uint64_t root)
{
	return judge(d, root, 5) > 0 ? 5 : 4;
}

bool dump_find_root(struct dump *d)
{
	int64_t best = 0;
	size_t i;

	for (i = 0; i < d->nr_ram; i++) {
		uint64_t pa = d->ram[i].start;

		for (; pa < d->ram[i].end; pa += TDXC_PAGE_SIZE) {
			uint32_t levels;

			if (!may_be_root(d, pa))
				continue;
			for (levels = 4; levels <= 5; levels++) {
				int64_t score = judge(d, pa, levels);

				if (score <= best)
					continue;
				best = score;
				d->root = pa;
				d->levels = levels;
				d->root_source = DUMP_ROOT_FOUND;
			}
		}
	}
	return best != 0;
}
