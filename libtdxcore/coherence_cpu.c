/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Why one CPU's caches may hold lines of another key: a word that is set before
 * the act and cleared after the flush.
 *
 * Between the flush and the clearing, an interrupt may act again. So whoever
 * flushes leaves a bit in the word that every mark takes away, and clears the
 * reasons only when it is still there. All writers are contexts of one CPU:
 * whoever interrupts another one is done before that goes on, so that an
 * exchange is lost only to an interrupt.
 */
#include <tdxcore/coherence.h>

#define FLUSHING (1ull << 63)
#define REASONS	 0xFFull

void tdxc_coherence_cpu_init(struct tdxc_coherence_cpu *cpu,
			     const struct tdxc_coherence *c)
{
	tdxc_store_release(&cpu->word, c->capability & TDXC_COHERENCE_BY_SME);
}

uint32_t tdxc_coherence_reasons(const struct tdxc_coherence_cpu *cpu)
{
	return (uint32_t)(tdxc_load_acquire(&cpu->word) & REASONS);
}

void tdxc_coherence_mark(struct tdxc_coherence_cpu *cpu, uint32_t acts)
{
	uint64_t set = acts & TDXC_COHERENCE_ACTS;
	uint64_t old = tdxc_load_once(&cpu->word);
	uint32_t tries;

	if ((old & (set | FLUSHING)) == set)
		return;
	for (tries = 0; tries < TDXC_COHERENCE_TRIES; tries++) {
		if (tdxc_try_cmpxchg(&cpu->word, &old, (old | set) & ~FLUSHING))
			return;
	}
	/* Too much is safe. */
	(void)tdxc_xchg(&cpu->word, (old & REASONS) | TDXC_COHERENCE_ACTS);
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

	/* Lost to an interrupt: the next round sees what it left. */
	if ((old & FLUSHING) != 0)
		(void)tdxc_try_cmpxchg(&cpu->word, &old, left);
	return tdxc_coherence_reasons(cpu);
}
