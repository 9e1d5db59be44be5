/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Walking a page table in order, parents before children.
 *
 * The walk has no stack but the table of each level, and goes up by
 * arithmetic: the next frame on the same level is in the same table unless its
 * number is a multiple of what the table covers. Whoever changes entries on the
 * way sees to it that no table of the path is freed; see iter.h.
 */
#include <tdxcore/err.h>
#include <tdxcore/iter.h>

struct tdxc_found tdxc_lookup(const struct tdxc_tree *tree, struct tdxc_gfn gfn)
{
	return tdxc_lookup_inline(tree, gfn);
}

/* Arrive at the entry of a level that covers a frame. */
static void iter_arrive(struct tdxc_iter *it, uint64_t gfn, uint32_t level)
{
	uint64_t index = (gfn | it->tree->alias) >> tdxc_level_shift(level);

	it->level = level;
	it->gfn = gfn & ~(tdxc_level_frames(level) - 1);
	it->slot = it->path[level] + (index & (TDXC_ENTRIES - 1));
	it->spte.bits = tdxc_load_acquire(it->slot);
}

static void iter_from_root(struct tdxc_iter *it)
{
	it->restarted = it->next;
	it->path[it->tree->levels] = tdxc_table_at(it->tree, it->tree->pa);
	iter_arrive(it, it->next, it->tree->levels);
}

/* Levels there are, no frames beyond what indices and alias bit allow, and
 * addresses that keep their lower bits. */
static bool tree_ok(const struct tdxc_tree *tree)
{
	return tree->levels >= TDXC_MIN_LEVELS &&
	       tree->levels <= TDXC_MAX_LEVELS &&
	       tree->end <= 1ull << (9 * tree->levels) &&
	       (tree->alias == 0 || tree->end <= tree->alias) &&
	       (tree->virt & 0xFFF) == 0;
}

int tdxc_iter_begin(struct tdxc_iter *it, const struct tdxc_tree *tree,
		    struct tdxc_gfn start, struct tdxc_gfn end,
		    uint32_t min_level)
{
	memset(it, 0, sizeof(*it));
	if (!tree_ok(tree) || min_level < TDXC_LEVEL_4K ||
	    min_level > tree->levels || (start.n & tree->alias) != 0)
		return TDXC_E_INVAL;
	it->tree = tree;
	it->next = start.n;
	it->end = end.n < tree->end ? end.n : tree->end;
	it->min_level = min_level;
	it->valid = it->next < it->end;
	if (it->valid)
		iter_from_root(it);
	return TDXC_OK;
}

void tdxc_iter_reread(struct tdxc_iter *it)
{
	it->spte.bits = tdxc_load_acquire(it->slot);
}

void tdxc_iter_skip(struct tdxc_iter *it)
{
	uint32_t level = it->level;

	it->next = it->gfn + tdxc_level_frames(level);
	it->valid = it->next < it->end;
	if (!it->valid)
		return;
	while (level < it->tree->levels &&
	       (it->next & (tdxc_level_frames(level + 1) - 1)) == 0)
		level++;
	iter_arrive(it, it->next, level);
}

void tdxc_iter_next(struct tdxc_iter *it)
{
	if (it->level > it->min_level) {
		tdxc_iter_reread(it);
		if (tdxc_spte_is_table(it->spte)) {
			it->path[it->level - 1] =
				tdxc_table_at(it->tree, tdxc_spte_pa(it->spte));
			iter_arrive(it, it->next, it->level - 1);
			return;
		}
	}
	tdxc_iter_skip(it);
}

void tdxc_iter_restart(struct tdxc_iter *it)
{
	iter_from_root(it);
}
