/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Write protection, dirty and accessed bits of the direct root.
 *
 * CPUs set A and D in the same words, so every change is a compare and swap of
 * what was read. An entry that somebody else froze may be about to become
 * writable or dirty, so it is waited for; only aging, which is a hint, passes
 * it by.
 */
#include "mirror_take.h"

#include <tdxcore/err.h>

#define TRACK_FROZEN 1

/* Looking for leaves with a bit. */
struct track {
	const struct tdxc_tree *tree;
	uint64_t bit;
	bool clear;    /* it where it is found */
	bool wait;     /* for frozen entries */
	bool by_frame; /* up to 64 frames from @first, those of @mask */
	uint64_t first;
	uint64_t mask;	 /* all bits, where not by frame */
	uint64_t found;	 /* by frame; else 0 or all bits */
	uint64_t cursor; /* frames below it are done */
	uint64_t end;
	uint64_t visits; /* entries that may still be visited */
};

/* What a leaf, or a frozen entry, stands for in @mask and @found. */
static uint64_t frames_of(const struct track *t, const struct tdxc_iter *it)
{
	if (t->by_frame && it->level == TDXC_LEVEL_4K)
		return t->mask & 1ull << (it->gfn - t->first);
	return t->mask;
}

/* A leaf with the bit. false: it changed. A large page's D bit stands for more
 * frames than were asked for, so it stays. */
static bool track_leaf(struct track *t, struct tdxc_iter *it)
{
	uint64_t frames = frames_of(t, it);
	bool clear = t->clear && !(t->by_frame && it->level > TDXC_LEVEL_4K);

	if (frames == 0)
		return true;
	if (clear && !tdxc_try_cmpxchg(it->slot, &it->spte.bits,
				       it->spte.bits & ~t->bit))
		return false;
	t->found |= frames;
	return true;
}

static int track_entry(struct track *t, struct tdxc_iter *it)
{
	if (t->visits == 0)
		return TDXC_E_AGAIN;
	t->visits--;
	t->cursor = it->next;
	if (tdxc_spte_is_table(it->spte))
		return tdxc_iter_down_(it) || !t->wait ? TDXC_OK : TRACK_FROZEN;
	if (tdxc_spte_is_frozen(it->spte) && t->wait && frames_of(t, it) != 0)
		return TRACK_FROZEN;
	if (tdxc_spte_is_leaf(it->spte) && (it->spte.bits & t->bit) != 0 &&
	    !track_leaf(t, it))
		return TDXC_OK;
	tdxc_iter_skip(it);
	return TDXC_OK;
}

static int track_walk(struct track *t)
{
	const struct tdxc_gfn start = {t->cursor};
	const struct tdxc_gfn end = {t->end};
	struct tdxc_iter it;
	int err = tdxc_iter_begin(&it, t->tree, start, end, TDXC_LEVEL_4K);

	while (err == TDXC_OK && it.valid && (t->found == 0 || t->clear))
		err = track_entry(t, &it);
	if (err == TDXC_OK)
		t->cursor = t->end;
	return err;
}

static int track(struct track *t)
{
	int err;

	t->visits = TDXC_MMU_VISITS;
	for (;;) {
		err = track_walk(t);
		if (err == TRACK_FROZEN)
			err = tdxc_wait_thaw_(t->tree, t->cursor);
		else
			return err;
		if (err != TDXC_OK)
			return err;
	}
}

/* A range of a direct root, all of it below the end. */
static bool track_ok(const struct tdxc_root *root, uint64_t end)
{
	return (tdxc_load_acquire(&root->state) & ROOT_DIRECT) != 0 &&
	       end <= root->tree.end;
}

int tdxc_mmu_write_protect(const struct tdxc_mmu *mmu, struct tdxc_root *root,
			   struct tdxc_gfn *start, struct tdxc_gfn end,
			   enum tdxc_lock lock, bool *flush)
{
	struct track t = {
		.tree = &root->tree,
		.bit = TDXC_SPTE_W,
		.clear = true,
		.wait = true,
		.mask = UINT64_MAX,
		.cursor = start->n,
		.end = end.n,
	};
	int err;

	*flush = false;
	if (!track_ok(root, end.n) || !tdxc_lock_ok_(mmu, lock))
		return TDXC_E_INVAL;
	if (start->n >= end.n)
		return TDXC_OK;
	err = track(&t);
	start->n = t.cursor;
	*flush = t.found != 0;
	return err;
}

int tdxc_mmu_clear_dirty(const struct tdxc_mmu *mmu, struct tdxc_root *root,
			 struct tdxc_gfn start, uint64_t mask,
			 enum tdxc_lock lock, uint64_t *dirty)
{
	struct track t = {
		.tree = &root->tree,
		.bit = TDXC_SPTE_D,
		.clear = true,
		.wait = true,
		.by_frame = true,
		.first = start.n,
		.mask = mask,
		.cursor = start.n,
		.end = start.n + 64,
	};
	int err;

	*dirty = 0;
	if (!track_ok(root, start.n + 1) || !tdxc_lock_ok_(mmu, lock) ||
	    start.n % 64 != 0)
		return TDXC_E_INVAL;
	if (t.end > root->tree.end && mask >> (root->tree.end - start.n) != 0)
		return TDXC_E_INVAL;
	err = track(&t);
	*dirty = t.found;
	return err;
}

int tdxc_mmu_age(struct tdxc_root *root, struct tdxc_gfn *start,
		 struct tdxc_gfn end, bool clear, bool *young)
{
	struct track t = {
		.tree = &root->tree,
		.bit = TDXC_SPTE_A,
		.clear = clear,
		.mask = UINT64_MAX,
		.cursor = start->n,
		.end = end.n,
	};
	int err;

	*young = false;
	if (!track_ok(root, end.n))
		return TDXC_E_INVAL;
	if (start->n >= end.n)
		return TDXC_OK;
	err = track(&t);
	start->n = t.cursor;
	*young = t.found != 0;
	return err;
}
