/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * MMIO entries, and tables without entries.
 */
#include <tdxcore/spte.h>

/* The generation in two pieces, below and above the bits that tell what an
 * entry is. */
#define GENERATION_LOW_BITS   7
#define GENERATION_LOW_SHIFT  3
#define GENERATION_HIGH_SHIFT 51
#define GENERATION_LOW	      ((1ull << GENERATION_LOW_BITS) - 1)
#define GENERATION_HIGH	      (TDXC_MMIO_GENERATIONS - 1 - GENERATION_LOW)
#define GENERATION_MASK                                                        \
	(GENERATION_LOW << GENERATION_LOW_SHIFT |                              \
	 GENERATION_HIGH >> GENERATION_LOW_BITS << GENERATION_HIGH_SHIFT)

TDXC_STATIC_ASSERT((GENERATION_MASK & (TDXC_SPTE_PRESENT | TDXC_SPTE_TABLE |
				       TDXC_SPTE_RWX | TDXC_SPTE_SVE)) == 0,
		   "a generation does not touch what tells MMIO");

struct tdxc_spte tdxc_spte_mmio(const struct tdxc_mmio *mmio,
				uint64_t generation)
{
	uint64_t low = generation & GENERATION_LOW;
	uint64_t high = (generation & GENERATION_HIGH) >> GENERATION_LOW_BITS;
	struct tdxc_spte s = {mmio->value | low << GENERATION_LOW_SHIFT |
			      high << GENERATION_HIGH_SHIFT};

	return s;
}

uint64_t tdxc_spte_mmio_generation(struct tdxc_spte s)
{
	uint64_t low = s.bits >> GENERATION_LOW_SHIFT & GENERATION_LOW;
	uint64_t high = s.bits >> GENERATION_HIGH_SHIFT << GENERATION_LOW_BITS;

	return low | (high & GENERATION_HIGH);
}

void tdxc_table_fill(uint64_t *table)
{
	uint64_t *end = table + TDXC_ENTRIES;
	uint32_t i;

	/* Every table of a guest passes here: a cache line at a time. */
	for (; table < end; table += 8)
		for (i = 0; i < 8; i++)
			table[i] = TDXC_SPTE_EMPTY_BITS;
}
