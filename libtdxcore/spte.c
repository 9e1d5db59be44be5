/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Entries that take more than one expression to make: direct leaves, MMIO.
 */
#include <tdxcore/spte.h>

/* kvm-mirror-mmu.md 2.2: the generation in two pieces. */
#define GENERATION_LOW_BITS   8
#define GENERATION_LOW_SHIFT  3
#define GENERATION_HIGH_SHIFT 52
#define GENERATION_LOW	      ((1ull << GENERATION_LOW_BITS) - 1)
#define GENERATION_HIGH	      (TDXC_MMIO_GENERATIONS - 1 - GENERATION_LOW)
#define GENERATION_MASK                                                        \
	(GENERATION_LOW << GENERATION_LOW_SHIFT |                              \
	 GENERATION_HIGH >> GENERATION_LOW_BITS << GENERATION_HIGH_SHIFT)

TDXC_STATIC_ASSERT((GENERATION_MASK & (TDXC_SPTE_PRESENT | TDXC_SPTE_RWX |
				       TDXC_SPTE_SVE | TDXC_SPTE_PA_MASK)) == 0,
		   "a generation does not touch what tells MMIO");

static inline uint64_t flag(bool on, uint64_t bits)
{
	return on ? bits : 0;
}

struct tdxc_spte tdxc_spte_direct(const struct tdxc_spte_request *request)
{
	const bool huge = request->level > TDXC_LEVEL_4K;
	const bool write = request->host_writable && !request->write_protected;
	struct tdxc_spte s = {request->pa | TDXC_SPTE_PRESENT | TDXC_SPTE_SVE};

	s.bits |= flag(request->read, TDXC_SPTE_R);
	s.bits |= flag(write, TDXC_SPTE_W);
	s.bits |= flag(request->exec, TDXC_SPTE_X);
	s.bits |= (request->memory_type & 7ull) << TDXC_SPTE_TYPE_SHIFT;
	s.bits |= flag(request->ignore_pat, TDXC_SPTE_IPAT);
	s.bits |= flag(huge, TDXC_SPTE_HUGE);
	s.bits |= flag(request->accessed, TDXC_SPTE_A);
	s.bits |= flag(request->dirty, TDXC_SPTE_D);
	s.bits |= flag(request->host_writable,
		       TDXC_SPTE_HOST_W | TDXC_SPTE_MMU_W);
	return s;
}

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
	uint32_t i;

	for (i = 0; i < TDXC_ENTRIES; i++)
		table[i] = TDXC_SPTE_EMPTY_BITS;
}
