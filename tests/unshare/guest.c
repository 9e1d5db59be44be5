/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "guest.h"

#include <tdxcore/version.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void guest_clear(struct guest *g)
{
	memset(g->memory, 0, g->nr_tables * 4096ull);
	g->nr_tables = 1;
}

void guest_new(struct guest *g, uint32_t levels, uint32_t shared_bit,
	       uint32_t polarity)
{
	memset(g, 0, sizeof *g);
	g->memory = aligned_alloc(4096, GUEST_TABLES * 4096ull);
	if (!g->memory) {
		fputs("out of memory\n", stderr);
		exit(EXIT_FAILURE);
	}
	g->levels = levels;
	g->shared_bit = shared_bit;
	g->polarity = polarity;
	g->pa_bits = 52;
	g->nr_tables = GUEST_TABLES;
	guest_clear(g);
}

void guest_free(struct guest *g)
{
	free(g->memory);
	memset(g, 0, sizeof *g);
}

uint64_t *guest_table(const struct guest *g, uint32_t n)
{
	return g->memory + n * 512ull;
}

uint64_t guest_table_pa(uint32_t n)
{
	return GUEST_TABLES_PA + n * 4096ull;
}

uint64_t guest_with_state(const struct guest *g, uint64_t entry, bool shared)
{
	uint64_t bit = 1ull << g->shared_bit;

	entry &= ~bit;
	if (shared == (g->polarity == TDXC_SHARED_IS_SET))
		entry |= bit;
	return entry;
}

uint64_t guest_table_entry(const struct guest *g, uint64_t pa)
{
	return guest_with_state(g, pa | TDXC_PTE_TABLE, false);
}

uint64_t guest_leaf(const struct guest *g, uint64_t pa, uint32_t level,
		    bool shared)
{
	uint64_t flags = 0x8000000000000163ull;

	if (level > TDXC_LEVEL_4K)
		flags |= TDXC_PTE_PS;
	return guest_with_state(g, pa | flags, shared);
}

uint64_t *guest_slot(struct guest *g, uint64_t va, uint32_t level)
{
	uint64_t *table = guest_table(g, 0);
	uint32_t up = g->levels;

	for (;;) {
		uint64_t *slot = &table[va >> (12 + 9 * (up - 1)) & 511];

		if (up == level)
			return slot;
		if (*slot == 0) {
			if (g->nr_tables == GUEST_TABLES) {
				fputs("no tables\n", stderr);
				exit(EXIT_FAILURE);
			}
			*slot = guest_table_entry(
				g, guest_table_pa(g->nr_tables++));
		}
		table = guest_table(
			g, (uint32_t)(((*slot & 0xFFFFFFF000ull) -
				       (GUEST_TABLES_PA & 0xFFFFFFF000ull)) /
				      4096));
		up--;
	}
}

uint64_t *guest_map(struct guest *g, uint64_t va, uint64_t pa, uint32_t level,
		    bool shared)
{
	uint64_t *slot = guest_slot(g, va, level);

	*slot = guest_leaf(g, pa, level, shared);
	return slot;
}

struct tdxc_scan_config guest_scan(const struct guest *g)
{
	struct tdxc_scan_config c = {0};

	c.abi = TDXC_ABI;
	c.levels = g->levels;
	c.root = GUEST_ROOT_PA;
	c.virt = (uint64_t)(size_t)g->memory - GUEST_TABLES_PA;
	c.shared_bit = g->shared_bit;
	c.polarity = g->polarity;
	c.pa_bits = g->pa_bits;
	c.what = TDXC_SCAN_SHARED;
	c.max_tables = 1ull << 20;
	return c;
}
