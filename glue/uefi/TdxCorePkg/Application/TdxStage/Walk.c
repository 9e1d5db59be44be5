/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "Walk.h"

#define PRESENT 1ull
#define LARGE	0x80ull
#define ADDRESS 0x000FFFFFFFFFF000ull

static uint64_t size_of(uint32_t level)
{
	return 1ull << (12 + 9 * (level - 1));
}

static uint64_t *table_of(const struct stage_walk *walk, uint64_t entry)
{
	return (uint64_t *)(size_t)((entry & ADDRESS & ~walk->shared) +
				    walk->virt);
}

static bool is_leaf(uint64_t entry, uint32_t level)
{
	return level == 1 || (level <= 3 && (entry & LARGE) != 0);
}

uint64_t stage_walk_entry(const struct stage_walk *walk, uint64_t va,
			  uint32_t *level)
{
	uint64_t entry = walk->root;
	uint32_t at = walk->levels;

	for (;; at--) {
		entry = table_of(walk, entry)[va / size_of(at) % 512];
		if (entry == 0) {
			*level = 0;
			return 0;
		}
		if (is_leaf(entry, at)) {
			*level = at;
			return entry;
		}
		if ((entry & PRESENT) == 0) {
			*level = 0;
			return entry;
		}
	}
}

uint64_t stage_walk_table(const struct stage_walk *walk, uint64_t va,
			  uint32_t level)
{
	uint64_t entry = walk->root;
	uint32_t at = walk->levels;

	for (; at != level; at--) {
		entry = table_of(walk, entry)[va / size_of(at) % 512];
		if ((entry & PRESENT) == 0 || is_leaf(entry, at))
			return 0;
	}
	return entry & ADDRESS & ~walk->shared;
}

/* What maps `va`, and the address after what its entry maps. */
static uint64_t step(const struct stage_walk *walk, uint64_t va,
		     uint64_t *entry, uint32_t *level, uint64_t *bad)
{
	*entry = walk->root;
	for (*level = walk->levels;; (*level)--) {
		*entry = table_of(walk, *entry)[va / size_of(*level) % 512];
		if (*entry == 0 || is_leaf(*entry, *level) ||
		    (*entry & PRESENT) == 0)
			return (va / size_of(*level) + 1) * size_of(*level);
		*bad += (*entry & walk->shared) != 0;
	}
}

uint64_t stage_walk_shared(const struct stage_walk *walk, uint64_t end,
			   uint64_t *bad, uint64_t *absent)
{
	uint64_t shared = 0;
	uint64_t va = 0;

	*bad = 0;
	*absent = 0;
	while (va < end) {
		uint64_t entry;
		uint32_t level;
		uint64_t next = step(walk, va, &entry, &level, bad);

		if (entry != 0 && is_leaf(entry, level)) {
			*absent += (entry & PRESENT) == 0;
			if ((entry & walk->shared) != 0)
				shared += next - va;
		}
		va = next;
	}
	return shared;
}
