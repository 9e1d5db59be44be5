/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Why one CPU's caches may hold lines of another key: a word that is set before
 * the act and cleared after the flush.
 *
 * All writers are contexts of one CPU: whoever interrupts another one is done
 * before that goes on. That leaves two ways to clear too much. A flush may come
 * between the mark and the act: so acts under way are counted, and while there
 * is one nothing is cleared. And an act may come between the flush and the
 * clearing: so whoever flushes leaves a bit in the word that every act takes
 * away when it ends, and clears only when it is still there.
 */
#include <tdxcore/coherence.h>

#define REASONS	 0xFFull
#define ONE_ACT	 (1ull << 8) /* the count of acts under way is above */
#define FLUSHING (1ull << 63)

static uint64_t nr_acts(uint64_t word)
{
	return word & ~(REASONS | FLUSHING);
}

void tdxc_coherence_cpu_init(struct tdxc_coherence_cpu *cpu,
			     const struct tdxc_coherence *c)
{
	tdxc_store_release(&cpu->word, c->capability & TDXC_COHERENCE_BY_SME);
}

uint32_t tdxc_coherence_reasons(const struct tdxc_coherence_cpu *cpu)
{
	return (uint32_t)(tdxc_load_acquire(&cpu->word) & REASONS);
}

void tdxc_coherence_begin(struct tdxc_coherence_cpu *cpu, uint32_t acts)
{
	uint64_t set = acts & TDXC_COHERENCE_ACTS;
	uint64_t old = tdxc_load_once(&cpu->word);
	uint32_t tries;

	for (tries = 0; tries < TDXC_COHERENCE_TRIES; tries++) {
		if (tdxc_try_cmpxchg(&cpu->word, &old, (old | set) + ONE_ACT))
			return;
	}
	/* Interrupts end what they began, so the count is what was seen; of
	 * the reasons, too many are safe. */
	(void)tdxc_xchg(&cpu->word,
			((old & ~FLUSHING) | TDXC_COHERENCE_ACTS) + ONE_ACT);
}

void tdxc_coherence_end(struct tdxc_coherence_cpu *cpu)
{
	uint64_t old = tdxc_load_once(&cpu->word);
	uint32_t tries;

	if (nr_acts(old) == 0)
		return;
	for (tries = 0; tries < TDXC_COHERENCE_TRIES; tries++) {
		if (tdxc_try_cmpxchg(&cpu->word, &old,
				     (old & ~FLUSHING) - ONE_ACT))
			return;
	}
	(void)tdxc_xchg(&cpu->word,
			((old & ~FLUSHING) | TDXC_COHERENCE_ACTS) - ONE_ACT);
}

void tdxc_coherence_flush_begin(struct tdxc_coherence_cpu *cpu)
{
	uint64_t old = tdxc_load_once(&cpu->word);
	uint32_t tries;

	/* When all are lost, the flush counts for nothing: safe again. */
	for (tries = 0; tries < TDXC_COHERENCE_TRIES; tries++) {
		if (tdxc_try_cmpxchg(&cpu->word, &old, old | FLUSHING))
			return;
	}
}

uint32_t tdxc_coherence_flush_end(struct tdxc_coherence_cpu *cpu)
{
	uint64_t old = tdxc_load_once(&cpu->word);
	uint64_t left = old & REASONS & ~(uint64_t)TDXC_COHERENCE_ACTS;

	/* Lost to an interrupt: what it left stands. */
	if ((old & FLUSHING) != 0 && nr_acts(old) == 0)
		(void)tdxc_try_cmpxchg(&cpu->word, &old, left);
	return tdxc_coherence_reasons(cpu);
}
