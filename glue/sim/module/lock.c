/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Shared and exclusive try-locks in the low 16 bits of a word: bit 0 exclusive,
 * bit 1 host priority, 15:2 readers (section 6.3). The rest of the word may
 * change under a shared lock, so every step is a compare-and-swap.
 */
#include "module.h"

#define LOCK_MASK      0xFFFFull
#define LOCK_EXCLUSIVE 1ull
#define LOCK_PRIORITY  2ull
#define LOCK_READER    4ull

static uint64_t with_lock(uint64_t word, uint64_t lock)
{
	return (word & ~LOCK_MASK) | lock;
}

/* A host attempt that fails leaves the priority bit for guests to see. */
static bool leave_priority(uint64_t *word, uint64_t *old)
{
	return (*old & LOCK_PRIORITY) != 0 ||
	       tdxc_try_cmpxchg(word, old, *old | LOCK_PRIORITY);
}

bool tdxc_sim_lock_shared(uint64_t *word)
{
	uint64_t old = tdxc_load_once(word);

	for (;;) {
		uint64_t lock = old & LOCK_MASK;

		if ((lock & LOCK_EXCLUSIVE) != 0) {
			if (leave_priority(word, &old))
				return false;
			continue;
		}
		lock = (lock & ~LOCK_PRIORITY) + LOCK_READER;
		if (tdxc_try_cmpxchg(word, &old, with_lock(old, lock)))
			return true;
	}
}

bool tdxc_sim_lock_exclusive(uint64_t *word)
{
	uint64_t old = tdxc_load_once(word);

	for (;;) {
		if ((old & LOCK_MASK & ~LOCK_PRIORITY) != 0) {
			if (leave_priority(word, &old))
				return false;
			continue;
		}
		if (tdxc_try_cmpxchg(word, &old,
				     with_lock(old, LOCK_EXCLUSIVE)))
			return true;
	}
}

bool tdxc_sim_lock_promote(uint64_t *word)
{
	uint64_t old = tdxc_load_once(word);

	for (;;) {
		if ((old & LOCK_MASK & ~LOCK_PRIORITY) != LOCK_READER) {
			if (leave_priority(word, &old))
				return false;
			continue;
		}
		if (tdxc_try_cmpxchg(word, &old,
				     with_lock(old, LOCK_EXCLUSIVE)))
			return true;
	}
}

bool tdxc_sim_is_locked(const uint64_t *word)
{
	return (tdxc_load_acquire(word) & LOCK_MASK & ~LOCK_PRIORITY) != 0;
}

uint64_t tdxc_sim_add(uint64_t *word, uint64_t value)
{
	uint64_t old = tdxc_load_once(word);

	while (!tdxc_try_cmpxchg(word, &old, old + value))
		tdxc_relax();
	return old;
}

void tdxc_sim_set_bits(uint64_t *word, uint64_t clear, uint64_t set)
{
	uint64_t old = tdxc_load_once(word);

	while (!tdxc_try_cmpxchg(word, &old, (old & ~clear) | set))
		tdxc_relax();
}

void tdxc_sim_unlock_shared(uint64_t *word)
{
	(void)tdxc_sim_add(word, (uint64_t)0 - LOCK_READER);
}

void tdxc_sim_unlock_exclusive(uint64_t *word)
{
	tdxc_sim_set_bits(word, LOCK_EXCLUSIVE, 0);
}
