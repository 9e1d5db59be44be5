/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Mapping a range ahead, piece by piece: a large page, the rest of a leaf table
 * that is there, or a whole leaf table that is not.
 *
 * The last is what makes it fast: nobody sees a table before it is linked, so
 * it is filled with plain stores, and frozen is the one entry above. A mirror
 * cannot do that, because the external tree takes its pages one by one, below a
 * table that it has.
 */
#include "mirror_map.h"

/* A call of tdxc_mmu_populate(). */
struct populate {
	struct tdxc_map_ m; /* its fault is the next member */
	struct tdxc_fault f;
	struct tdxc_populate *p;
	uint64_t visits;
};

/* Address of the page that is @i frames after the first. */
static uint64_t page_at(const struct tdxc_populate *p, uint64_t i)
{
	return p->pages != NULL ? p->pages[i] : p->like.pa + (i << 12);
}

static bool has_sources(const struct tdxc_populate *p)
{
	return p->sources != NULL || p->like.source != 0;
}

/* Page with the contents of the page that is @i frames after the first. */
static uint64_t source_at(const struct tdxc_populate *p, uint64_t i)
{
	if (p->sources != NULL)
		return p->sources[i];
	return p->like.source != 0 ? p->like.source + (i << 12) : 0;
}

/* How many of the next @n frames have contiguous pages. */
static uint64_t run_of(const struct tdxc_populate *p, uint64_t n)
{
	const uint64_t *pages = p->pages;
	uint64_t i;

	if (pages == NULL)
		return n;
	pages += p->done;
	for (i = 1; i < n && pages[i] == pages[0] + (i << 12); i++)
		;
	return i;
}

static uint64_t min_of(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Frames left below the entry that covers the next one. */
static uint64_t left_below(const struct populate *w, uint32_t level)
{
	uint64_t frames = tdxc_level_frames(level);

	return min_of(frames - (w->f.gfn.n & (frames - 1)),
		      w->p->frames - w->p->done);
}

/* The largest page that the next frames make up. */
static uint32_t level_of(const struct populate *w)
{
	const struct tdxc_populate *p = w->p;
	uint32_t level;

	for (level = p->like.level; level > TDXC_LEVEL_4K; level--) {
		uint64_t frames = tdxc_level_frames(level);

		if ((w->f.pa & ((frames << 12) - 1)) == 0 &&
		    left_below(w, level) == frames &&
		    run_of(p, frames) == frames)
			return level;
	}
	return TDXC_LEVEL_4K;
}

/* The next frame, as a fault on a page of its own. */
static int next_page(struct populate *w)
{
	w->f.gfn.n = w->p->start.n + w->p->done;
	w->f.pa = page_at(w->p, w->p->done);
	w->f.source = source_at(w->p, w->p->done);
	w->f.level = TDXC_LEVEL_4K;
	return ((w->f.pa | w->f.source) & ~TDXC_SPTE_PA_MASK) == 0
		       ? TDXC_OK
		       : TDXC_E_INVAL;
}

static void advance(struct populate *w, uint64_t frames, bool mapped)
{
	w->p->done += frames;
	w->visits++;
	if (mapped)
		w->p->mapped += frames;
}

static struct tdxc_spte leaf_of(const struct populate *w, uint64_t pa,
				uint32_t level)
{
	return w->m.kind == KIND_MIRROR ? tdxc_spte_private(pa, level)
					: tdxc_leaf_(&w->f, pa, level);
}

/* --- leaf tables that are there, large pages
 * ---------------------------------- */

/* One entry that is not above the fault's level. */
static int populate_entry(struct populate *w, struct tdxc_spot_ *at)
{
	bool present = tdxc_spte_is_present(at->old);
	uint64_t frames = left_below(w, at->level);
	int err;

	if (at->old.bits == TDXC_SPTE_EMPTY_BITS)
		err = tdxc_install_(&w->m, at, leaf_of(w, w->f.pa, at->level),
				    1);
	else
		err = tdxc_met_(&w->m, at);
	if (err != TDXC_OK && err != TDXC_FAULT_SPURIOUS)
		return err;
	advance(w, frames, !present);
	return TDXC_OK;
}

/* The rest of a leaf table. */
static int populate_table(struct populate *w, struct tdxc_spot_ *at)
{
	uint64_t left = left_below(w, TDXC_LEVEL_2M);
	int err = TDXC_OK;

	for (; left > 0 && err == TDXC_OK; left--, at->slot++) {
		err = next_page(w);
		if (err != TDXC_OK)
			return err;
		at->gfn = w->f.gfn.n;
		at->old.bits = tdxc_load_acquire(at->slot);
		err = populate_entry(w, at);
	}
	return err;
}

/* Frames below something that stands above the leaf tables. A leaf there is
 * what the range wants if it allows leaves of this size, and has the rest of
 * its pages. */
static int populate_met(struct populate *w, struct tdxc_spot_ *at)
{
	uint64_t inside = w->f.gfn.n & (tdxc_level_frames(at->level) - 1);
	uint64_t frames = run_of(w->p, left_below(w, at->level));
	int err;

	w->f.level = w->p->like.level;
	if (w->f.level >= at->level) {
		w->f.level = at->level;
		w->f.pa -= inside << 12;
	}
	err = tdxc_met_(&w->m, at);
	if (err != TDXC_OK && err != TDXC_FAULT_SPURIOUS)
		return err;
	advance(w, frames, false);
	return TDXC_OK;
}

/* --- leaf tables that are not
 * ------------------------------------------------- */

/* Whether some of the next @n frames must not be mapped. Asked for all of the
 * leaf table at once where that says no. */
static bool fill_stale(const struct populate *w, const struct tdxc_spot_ *at,
		       uint64_t n)
{
	const struct tdxc_mmu_config *c = &w->m.mmu->config;
	struct tdxc_gfn gfn = w->f.gfn;
	bool stale = c->ops->is_stale(c->ctx, &w->f, tdxc_spot_first_(at),
				      at->level);

	if (stale && n < TDXC_ENTRIES) {
		uint64_t end = gfn.n + n;

		for (stale = false; gfn.n < end && !stale; gfn.n++)
			stale = c->ops->is_stale(c->ctx, &w->f, gfn,
						 TDXC_LEVEL_4K);
	}
	if (stale)
		w->m.cpu->counts.stale++;
	return stale;
}

/* Link a table that has @n leaves. */
static int fill_link(const struct populate *w, struct tdxc_spot_ *at,
		     uint64_t pa, uint64_t n)
{
	struct tdxc_mmu_counts *counts = &w->m.cpu->counts;

	if (!tdxc_freeze_(w->m.cpu, at->slot, &at->old))
		return TDXC_FAULT_RETRY;
	if (fill_stale(w, at, n))
		return tdxc_restore_(&w->m, at, TDXC_FAULT_RETRY);
	counts->tables[KIND_DIRECT]++;
	counts->pages[KIND_DIRECT][TDXC_LEVEL_4K] += n;
	tdxc_thaw_(w->m.cpu, at->slot, tdxc_spte_table(pa));
	return TDXC_OK;
}

static void fill_contiguous(uint64_t *entries, uint64_t first, uint64_t n)
{
	uint64_t i;

	for (i = 0; i < n; i++)
		entries[i] = first + (i << 12);
}

/* A cache line at a time, which halves the instructions. */
#define FILL_AT_ONCE 8u

/* Bits of the addresses that are not those of pages. */
static uint64_t fill_pages(uint64_t *entries, uint64_t leaf,
			   const uint64_t *pages, uint64_t n)
{
	uint64_t all = 0;
	uint64_t i = 0;
	uint32_t k;

	for (; n - i >= FILL_AT_ONCE; i += FILL_AT_ONCE) {
		for (k = 0; k < FILL_AT_ONCE; k++) {
			all |= pages[i + k];
			entries[i + k] = leaf | pages[i + k];
		}
	}
	for (; i < n; i++) {
		all |= pages[i];
		entries[i] = leaf | pages[i];
	}
	return all & ~TDXC_SPTE_PA_MASK;
}

static int fill_leaves(const struct populate *w, uint64_t *entries, uint64_t n)
{
	uint64_t leaf = leaf_of(w, 0, TDXC_LEVEL_4K).bits;

	if (w->p->pages == NULL) {
		fill_contiguous(entries, leaf | w->f.pa, n);
		return TDXC_OK;
	}
	return fill_pages(entries, leaf, w->p->pages + w->p->done, n) == 0
		       ? TDXC_OK
		       : TDXC_E_INVAL;
}

/* Build a leaf table for an empty entry, and link it. */
static int populate_fill(struct populate *w, struct tdxc_spot_ *at)
{
	uint64_t n = left_below(w, TDXC_LEVEL_2M);
	struct tdxc_mmu_table table;
	uint64_t *entries;
	uint64_t i;
	int err;

	if (!tdxc_spare_take_(w->m.cpu, KIND_DIRECT, &table))
		return TDXC_E_NOMEM;
	entries = tdxc_table_at(w->m.tree, table.pa) +
		  tdxc_table_index(w->f.gfn.n, TDXC_LEVEL_4K);
	err = fill_leaves(w, entries, n);
	if (err == TDXC_OK)
		err = fill_link(w, at, table.pa, n);
	if (err != TDXC_OK) {
		for (i = 0; i < n; i++)
			entries[i] = TDXC_SPTE_EMPTY_BITS;
		tdxc_spare_give_(w->m.cpu, KIND_DIRECT, &table);
		return err;
	}
	w->visits += n;
	advance(w, n, true);
	return TDXC_OK;
}

/* --- the range
 * ---------------------------------------------------------------- */

/* One piece of the range. */
static int populate_piece(struct populate *w)
{
	struct tdxc_spot_ at;
	uint32_t level;
	int err = next_page(w);

	if (err != TDXC_OK)
		return err;
	level = level_of(w);
	err = tdxc_reach_(&w->m, w->f.gfn.n,
			  level > TDXC_LEVEL_4K ? level : TDXC_LEVEL_2M, &at);
	if (err != TDXC_OK)
		return err;
	if (at.level == TDXC_LEVEL_4K)
		return populate_table(w, &at);
	if (at.old.bits != TDXC_SPTE_EMPTY_BITS)
		return populate_met(w, &at);
	if (level > TDXC_LEVEL_4K)
		return populate_entry(w, &at);
	if (w->m.kind == KIND_DIRECT)
		return populate_fill(w, &at);
	err = tdxc_grow_(&w->m, TDXC_LEVEL_4K, &at);
	return err == TDXC_OK && at.level == TDXC_LEVEL_4K
		       ? populate_table(w, &at)
		       : err;
}

static int populate_range(struct populate *w)
{
	const struct tdxc_populate *p = w->p;
	const uint32_t *spare = &w->m.cpu->nr_spare[w->m.kind];
	const uint64_t done = p->done;
	const bool topped_up = *spare > 0;
	int err = TDXC_OK;

	while (p->done < p->frames && err == TDXC_OK)
		err = w->visits < TDXC_MMU_VISITS ? populate_piece(w)
						  : TDXC_E_AGAIN;
	if (err == TDXC_FAULT_RETRY)
		return TDXC_E_AGAIN;
	/* With tables in reserve it is the external tree that has too little.
	 */
	if (err == TDXC_E_NOMEM && *spare == 0 &&
	    (topped_up || p->done != done))
		return TDXC_E_AGAIN;
	return err;
}

/* The range is inside the tree, and its pages below 2^52. */
static bool range_ok(const struct tdxc_tree *tree,
		     const struct tdxc_populate *p)
{
	uint64_t top = (TDXC_SPTE_PA_MASK >> 12) + 1;

	return p->start.n <= tree->end && p->frames <= tree->end - p->start.n &&
	       p->done <= p->frames &&
	       (p->pages != NULL || (p->like.pa <= TDXC_SPTE_PA_MASK &&
				     p->frames <= top - (p->like.pa >> 12)));
}

int tdxc_mmu_populate(struct tdxc_mmu *mmu, struct tdxc_root *root,
		      struct tdxc_mmu_cpu *cpu, struct tdxc_populate *p,
		      enum tdxc_lock lock)
{
	struct populate w = {{mmu, cpu, &root->tree, NULL, lock,
			      p->like.is_private ? KIND_MIRROR : KIND_DIRECT},
			     p->like,
			     p,
			     0};
	int err;

	w.m.fault = &w.f;
	if (p->like.mmio || p->like.level - 1 >= TDXC_LEVEL_1G ||
	    (has_sources(p) &&
	     (!p->like.is_private || p->like.level > TDXC_LEVEL_4K)) ||
	    !range_ok(&root->tree, p))
		return TDXC_E_INVAL;
	if (p->done == p->frames)
		return TDXC_OK;
	err = next_page(&w);
	if (err == TDXC_OK)
		err = tdxc_fault_ok_(mmu, root, &w.f, lock);
	if (err == TDXC_OK && w.m.kind == KIND_DIRECT && !tdxc_leaf_ok_(&w.f))
		return TDXC_FAULT_ACCESS;
	return err == TDXC_OK ? populate_range(&w) : err;
}
