/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Finding the root of a kernel's page tables where nobody says where it is.
 *
 * A root has no large pages, its entries point into RAM, and a kernel of x86-64
 * is mapped in the upper half, the last entry among them. What is left of the
 * candidates is judged by how much of them makes sense further down.
 */
#include "dump.h"

#define REQUIRED (TDXC_PTE_PRESENT)
/* Tables that are looked into for one candidate. */
#define TRIES 64u

static bool in_ram(const struct dump *d, uint64_t pa)
{
	struct tdxc_range page = {pa, pa + TDXC_PAGE_SIZE};

	return tdxc_range_list_covers(d->ram, d->nr_ram, page);
}

/* Address of a table in RAM, if the entry can be nothing else: bits that tell
 * private from shared memory are left out. */
static bool points_to_table(const struct dump *d, uint64_t entry, uint64_t *pa)
{
	const uint64_t state = 1ull << 51 | 1ull << 47;

	*pa = entry & TDXC_PTE_PA_MASK & ~state;
	return (entry & (REQUIRED | TDXC_PTE_PS)) == REQUIRED && in_ram(d, *pa);
}

/* Entries that point to tables; 0 where one of them is not as it should. */
static unsigned count_tables(const struct dump *d, const uint64_t *table,
			     unsigned from)
{
	unsigned n = 0;
	unsigned i;
	uint64_t pa;

	for (i = from; i < 512; i++) {
		if (table[i] == 0)
			continue;
		if (!points_to_table(d, table[i], &pa))
			return 0;
		n++;
	}
	return n;
}

/* How many entries of the upper half make sense two levels further down. */
static unsigned judge(struct dump *d, uint64_t root, uint32_t levels)
{
	uint64_t *table = dump_table(d, root, levels);
	unsigned score = 0;
	unsigned tries = 0;
	unsigned i;
	uint64_t pa;

	if (!table || count_tables(d, table, 256) == 0 || table[511] == 0)
		return 0;
	for (i = 256; i < 512 && tries < TRIES; i++) {
		uint64_t *next;
		unsigned j, good = 0, bad = 0;

		if (!points_to_table(d, table[i], &pa) || pa == root)
			continue;
		tries++;
		next = dump_table(d, pa, levels - 1);
		for (j = 0; next && j < 512; j++) {
			uint64_t entry = next[j];

			if (entry == 0)
				continue;
			/* Pages of 1 GiB are possible below level 4 only. */
			if (points_to_table(d, entry, &pa) ||
			    (levels == 4 && (entry & REQUIRED) &&
			     (entry & TDXC_PTE_PS)))
				good++;
			else
				bad++;
		}
		if (bad == 0 && good != 0)
			score++;
	}
	return score;
}

uint32_t dump_guess_levels(struct dump *d, uint64_t root)
{
	return judge(d, root, 5) > judge(d, root, 4) ? 5 : 4;
}

bool dump_find_root(struct dump *d)
{
	unsigned best = 0;
	size_t i;

	for (i = 0; i < d->nr_ram; i++) {
		uint64_t pa = d->ram[i].start;

		for (; pa < d->ram[i].end; pa += TDXC_PAGE_SIZE) {
			uint32_t levels;
			unsigned score;

			for (levels = 4; levels <= 5; levels++) {
				score = judge(d, pa, levels);
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
