// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause-Patent)
/*
 * Sparse memory of a simulated machine: a page of this kernel for each frame
 * that was asked for.
 *
 * Every access of the software module comes through here, on all CPUs at once:
 * four levels of pointers that are set once and stay until the machine goes,
 * so that a look-up needs neither lock nor RCU.
 */
#include <linux/gfp.h>
#include <linux/mm.h>

#include "sim.h"

#define LEVELS 4
#define BITS   9

static void **slot_of(void *node, u64 frame, unsigned int level)
{
	void **slots = node;

	return &slots[(frame >> (BITS * level)) & ((1u << BITS) - 1)];
}

/* What a slot holds; a page put there if it was empty. */
static void *fill(void **slot)
{
	void *there = smp_load_acquire(slot);
	void *page;

	if (there)
		return there;
	page = (void *)__get_free_page(GFP_ATOMIC | __GFP_ZERO | __GFP_NOWARN);
	if (!page)
		return NULL;
	there = cmpxchg(slot, NULL, page);
	if (!there)
		return page;
	free_page((unsigned long)page);
	return there;
}

void *tdxc_ksim_sparse_create(void)
{
	return (void *)get_zeroed_page(GFP_KERNEL);
}

void *tdxc_ksim_sparse_page(void *root, u64 frame)
{
	unsigned int level = LEVELS;
	void *node = root;

	while (node && level-- > 0)
		node = fill(slot_of(node, frame, level));
	return node;
}

/* The first node or page of a level at or after *frame. */
static void *next_of(void *root, unsigned int target, u64 *frame, u64 last)
{
	unsigned int level = LEVELS;
	void *node = root;

	while (*frame <= last) {
		level--;
		node = smp_load_acquire(slot_of(node, *frame, level));
		if (node && level == target)
			return node;
		if (node)
			continue;
		*frame = (*frame | ((1ull << (BITS * level)) - 1)) + 1;
		node = root;
		level = LEVELS;
	}
	return NULL;
}

void *tdxc_ksim_sparse_next(void *root, u64 *frame, u64 last)
{
	return next_of(root, 0, frame, last);
}

void tdxc_ksim_sparse_destroy(void *root)
{
	const u64 last = (1ull << (BITS * LEVELS)) - 1;
	unsigned int level;
	u64 frame;
	void *node;

	for (level = 0; root && level < LEVELS; level++) {
		frame = 0;
		while ((node = next_of(root, level, &frame, last)) != NULL) {
			free_page((unsigned long)node);
			frame += 1ull << (BITS * level);
		}
	}
	free_page((unsigned long)root);
}
