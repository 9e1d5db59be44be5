/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * See mirror_world.h.
 */
#include "mirror_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <urcu.h>

#include <tdxcore/err.h>
#include <tdxcore/version.h>

#define PAGE 4096ull

/* ThreadSanitizer does not see what orders the library's users of RCU: all that
 * was done in read-side sections comes before what their end is waited for. */
#if defined(__SANITIZE_THREAD__)
#define WATCHED 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define WATCHED 1
#endif
#endif

#ifdef WATCHED
#include <sanitizer/tsan_interface.h>
static uint64_t sections;
#define SECTION_ENDS()	 __tsan_release(&sections)
#define SECTIONS_ENDED() __tsan_acquire(&sections)
#else
#define SECTION_ENDS()	 ((void)0)
#define SECTIONS_ENDED() ((void)0)
#endif

static _Thread_local struct world_thread *self;

/* Behind each table, in the page that is its external page. */
struct external {
	enum { EXTERNAL_NONE, EXTERNAL_HELD, EXTERNAL_LENT } state;
};

/* Two leaf tables beside each other, one below another level-2 table, one below
 * another level-3 table. */
static const uint64_t regions[WORLD_REGIONS] = {5ull << 18, (5ull << 18) + 512,
						6ull << 18, 3ull << 27};

uint64_t world_gfn(uint32_t region)
{
	return regions[region];
}

void world_wrong(struct world *w, const char *what)
{
	const char *none = NULL;

	atomic_compare_exchange_strong(&w->wrong, &none, what);
}

static void stop(const char *what)
{
	fprintf(stderr, "mirror_world: %s\n", what);
	abort();
}

uint64_t world_below(struct world_thread *t, uint64_t n)
{
	t->random = t->random * 6364136223846793005ull + 1442695040888963407ull;
	return (t->random >> 33) % n;
}

/* In a frozen window: give somebody on another processor time to run into it.
 * Whoever gives the processor up here makes all others spin for a time slice.
 */
static void linger(void)
{
	uint32_t i;

	if (world_below(self, 16) == 0)
		for (i = 0; i < 200; i++)
			tdxc_relax();
}

/* ---- tables ---- */

static struct external *external_of(uint64_t pa)
{
	return (struct external *)(size_t)(pa + PAGE);
}

static int table_alloc(void *ctx, bool mirror, struct tdxc_mmu_table *table)
{
	struct world *w = ctx;
	void *memory = aligned_alloc(PAGE, 2 * PAGE);

	if (memory == NULL)
		stop("no memory");
	if (self->cpu.frozen != 0)
		world_wrong(w, "allocation in a frozen window");
	memset(memory, 0x5A, PAGE);
	table->pa = (uint64_t)(size_t)memory;
	table->external = mirror ? table->pa + PAGE : 0;
	external_of(table->pa)->state = mirror ? EXTERNAL_HELD : EXTERNAL_NONE;
	atomic_fetch_add(&w->nr_alloc, 1);
	if (mirror)
		atomic_fetch_add(&w->nr_external, 1);
	return TDXC_OK;
}

/* The external page is the host's, or there is none, or it is lost. */
static void check_external(struct world *w, const struct tdxc_mmu_table *table,
			   bool retired)
{
	struct external *x = external_of(table->pa);

	if (table->external == 0 && x->state == EXTERNAL_LENT)
		world_wrong(w, "a table goes before its external page");
	if (table->external == 0 && x->state == EXTERNAL_HELD)
		atomic_fetch_add(&w->nr_external_lost, 1);
	if (table->external == 0)
		return;
	if (retired || x->state != EXTERNAL_HELD)
		world_wrong(w, "an external page is freed that was lent");
	atomic_fetch_add(&w->nr_external_back, 1);
}

static void table_free(void *ctx, const struct tdxc_mmu_table *table)
{
	struct world *w = ctx;

	check_external(w, table, false);
	atomic_fetch_add(&w->nr_free, 1);
	free((void *)(size_t)table->pa);
}

static void wait_for_sections(struct world *w, struct world_thread *t)
{
	uint32_t i;

	if (t->nr_deferred == 0)
		return;
	synchronize_rcu();
	SECTIONS_ENDED();
	for (i = 0; i < t->nr_deferred; i++)
		free((void *)(size_t)t->deferred[i]);
	atomic_fetch_add(&w->nr_free, t->nr_deferred);
	t->nr_deferred = 0;
}

static void table_retire(void *ctx, const struct tdxc_mmu_table *table)
{
	struct world *w = ctx;

	check_external(w, table, true);
	if (self->nr_deferred == WORLD_DEFERRED)
		stop("too many tables are retired at once");
	self->deferred[self->nr_deferred++] = table->pa;
}

static uint64_t table_external(void *ctx, uint64_t pa)
{
	(void)ctx;
	return pa + PAGE;
}

/* ---- the lock, and invalidations ---- */

void world_lock(struct world *w, struct world_thread *t, enum world_hold hold)
{
	int err = hold == WORLD_SHARED ? pthread_rwlock_rdlock(&w->lock)
				       : pthread_rwlock_wrlock(&w->lock);

	if (err != 0)
		stop("no lock");
	t->hold = hold;
	rcu_read_lock();
}

void world_unlock(struct world *w, struct world_thread *t)
{
	SECTION_ENDS();
	rcu_read_unlock();
	t->hold = WORLD_NONE;
	pthread_rwlock_unlock(&w->lock);
	if (t->nr_deferred >= 16)
		wait_for_sections(w, t);
}

enum tdxc_lock world_held(const struct world_thread *t)
{
	return t->hold == WORLD_EXCLUSIVE ? TDXC_LOCK_EXCLUSIVE
					  : TDXC_LOCK_SHARED;
}

static bool lock_held(void *ctx, enum tdxc_lock lock)
{
	(void)ctx;
	return self->hold == WORLD_EXCLUSIVE ||
	       (self->hold == WORLD_SHARED && lock == TDXC_LOCK_SHARED);
}

/* A region that an entry of a level covers, or covers a part of. */
static uint32_t region_of(struct world *w, uint64_t gfn, uint32_t level)
{
	uint32_t shift = level == 1 ? 9 : 9 * (level - 1);
	uint32_t r;

	for (r = 0; r < WORLD_REGIONS; r++)
		if ((gfn ^ regions[r]) >> shift == 0)
			return r;
	world_wrong(w, "a frame outside of all regions");
	return 0;
}

static bool is_stale(void *ctx, const struct tdxc_fault *fault,
		     struct tdxc_gfn gfn, uint32_t level)
{
	struct world *w = ctx;
	uint32_t half = fault->is_private;
	uint32_t r = region_of(w, gfn.n, level);
	uint32_t part = (uint32_t)(gfn.n - regions[r]) / WORLD_PART;
	uint32_t end = level == 1 ? part + 1 : WORLD_PARTS;

	linger();
	for (; part < end; part++)
		if (atomic_load(&w->under_way[half][r][part]) != 0 ||
		    atomic_load(&w->last[half][r][part]) > fault->sequence)
			return true;
	return false;
}

static uint64_t page_of(uint32_t region, uint32_t frame, bool moved)
{
	return (moved ? WORLD_OTHER_PA : WORLD_PRIVATE_PA) +
	       (regions[region] + frame) * PAGE;
}

uint64_t world_page(struct world *w, uint32_t region, uint32_t frame)
{
	return page_of(region, frame, atomic_load(&w->moved[region][frame]));
}

bool world_any_moved(struct world *w, uint32_t region)
{
	uint32_t i;

	for (i = 0; i < WORLD_FRAMES; i++)
		if (atomic_load(&w->moved[region][i]))
			return true;
	return false;
}

void world_fault(struct world *w, uint32_t region, uint32_t frame,
		 bool is_private, struct tdxc_fault *fault)
{
	memset(fault, 0, sizeof(*fault));
	fault->sequence = atomic_load(&w->sequence);
	fault->gfn.n = regions[region] + frame;
	fault->pa = is_private ? world_page(w, region, frame)
			       : WORLD_SHARED_PA + fault->gfn.n * PAGE;
	fault->level = TDXC_LEVEL_4K;
	fault->is_private = is_private;
	fault->memory_type = 6;
	fault->host_writable = true;
}

static void raise_to(_Atomic uint64_t *least, uint64_t value)
{
	uint64_t old = atomic_load(least);

	while (old < value && !atomic_compare_exchange_weak(least, &old, value))
		;
}

/* A range is in one region. */
void world_begin_invalidation(struct world *w, const struct tdxc_zap *zap,
			      uint32_t memory)
{
	uint32_t r = region_of(w, zap->start.n, 1);
	uint64_t sequence = atomic_fetch_add(&w->sequence, 1) + 1;
	uint64_t last = (zap->end.n - 1 - regions[r]) / WORLD_PART;
	uint64_t part = (zap->start.n - regions[r]) / WORLD_PART;
	uint32_t half;

	for (; part <= last; part++) {
		for (half = 0; half < 2; half++) {
			if ((memory >> half & 1) == 0)
				continue;
			atomic_fetch_add(&w->under_way[half][r][part], 1);
			raise_to(&w->last[half][r][part], sequence);
		}
	}
}

void world_end_invalidation(struct world *w, const struct tdxc_zap *zap,
			    uint32_t memory)
{
	uint32_t r = region_of(w, zap->start.n, 1);
	uint64_t last = (zap->end.n - 1 - regions[r]) / WORLD_PART;
	uint64_t part = (zap->start.n - regions[r]) / WORLD_PART;
	uint32_t half;

	for (; part <= last; part++)
		for (half = 0; half < 2; half++)
			if ((memory >> half & 1) != 0)
				atomic_fetch_sub(&w->under_way[half][r][part],
						 1);
}

static struct tdxc_zap one_frame(uint32_t region, uint32_t frame)
{
	struct tdxc_zap range;

	memset(&range, 0, sizeof(range));
	range.start.n = regions[region] + frame;
	range.end.n = range.start.n + 1;
	return range;
}

bool world_begin_move(struct world *w, uint32_t region, uint32_t frame,
		      uint64_t *pa)
{
	const struct tdxc_zap range = one_frame(region, frame);

	if (atomic_exchange(&w->moving[region][frame], true))
		return false;
	world_begin_invalidation(w, &range, TDXC_MEMORY_PRIVATE);
	*pa = page_of(region, frame, !atomic_load(&w->moved[region][frame]));
	return true;
}

/* Who looked the page up while it was moving is stale, too. */
void world_end_move(struct world *w, uint32_t region, uint32_t frame,
		    bool moved)
{
	const struct tdxc_zap range = one_frame(region, frame);

	if (moved)
		atomic_store(&w->moved[region][frame],
			     !atomic_load(&w->moved[region][frame]));
	world_begin_invalidation(w, &range, TDXC_MEMORY_PRIVATE);
	world_end_invalidation(w, &range, TDXC_MEMORY_PRIVATE);
	world_end_invalidation(w, &range, TDXC_MEMORY_PRIVATE);
	atomic_store(&w->moving[region][frame], false);
}

/* ---- the external tree ---- */

/* Regions below one table share its entry: that of the first of them. */
static uint32_t holder(uint32_t region, uint32_t level)
{
	uint32_t r;

	for (r = 0; r < region; r++)
		if ((regions[r] ^ regions[region]) >> (9 * level) == 0)
			return r;
	return region;
}

/* The entry that points to the table of a level. */
static uint64_t *table_entry(struct world *w, uint32_t region, uint32_t level)
{
	return &w->table[level][holder(region, level)];
}

/* What may be below a region's entry of a level. The root is always there. */
static bool has_parent(struct world *w, uint32_t region, uint32_t level)
{
	return level == w->mmu.config.levels ||
	       *table_entry(w, region, level) != 0;
}

/* The outcome of this call is not known. */
static bool fails_now(struct world *w)
{
	return atomic_load(&w->fail_in) > 0 &&
	       atomic_fetch_sub(&w->fail_in, 1) == 1;
}

static bool busy_now(struct world *w)
{
	if (w->calm || world_below(self, 8) != 0)
		return false;
	atomic_fetch_add(&w->nr_busy, 1);
	return true;
}

static void set_table(struct world *w,
		      const struct tdxc_external_change *change, uint32_t r)
{
	uint64_t *entry = table_entry(w, r, change->level - 1);
	struct external *x = external_of(tdxc_spte_pa(change->now));

	if (*entry != 0 || (change->level == 2 && w->large[r] != 0))
		world_wrong(w, "a table is linked where something is");
	if (change->external != tdxc_spte_pa(change->now) + PAGE ||
	    x->state != EXTERNAL_HELD)
		world_wrong(w, "a table is linked without its external page");
	x->state = EXTERNAL_LENT;
	*entry = change->external;
}

static void set_leaf(struct world *w, const struct tdxc_external_change *change,
		     uint32_t r)
{
	uint64_t pa = tdxc_spte_pa(change->now);
	uint64_t *leaf = change->level == 1
				 ? &w->small[r][change->gfn.n - regions[r]]
				 : &w->large[r];

	if (*leaf != 0 || (change->level == 2 && *table_entry(w, r, 1) != 0))
		world_wrong(w, "a page is lent where something is");
	if (pa != world_page(w, r, (uint32_t)(change->gfn.n - regions[r])) ||
	    (change->level == 2 && world_any_moved(w, r)))
		world_wrong(w, "another page is lent");
	*leaf = pa;
}

static void demote(struct world *w, const struct tdxc_external_change *change,
		   uint32_t r)
{
	uint64_t pa = tdxc_spte_pa(change->old);
	uint32_t i;

	if (change->level != 2 || w->large[r] != pa)
		world_wrong(w, "a page is demoted that is not there");
	w->large[r] = 0;
	set_table(w, change, r);
	for (i = 0; i < WORLD_FRAMES; i++) {
		if (w->small[r][i] != 0)
			world_wrong(w, "something is below a large page");
		w->small[r][i] = pa + i * PAGE;
	}
	atomic_fetch_add(&w->nr_demoted, 1);
}

static void promote(struct world *w, const struct tdxc_external_change *change,
		    uint32_t r)
{
	uint64_t pa = tdxc_spte_pa(change->now);
	uint64_t *entry = table_entry(w, r, 1);
	uint32_t i;

	if (change->level != 2 || *entry == 0 || *entry != change->external ||
	    w->large[r] != 0)
		world_wrong(w, "a table is promoted that is not there");
	for (i = 0; i < WORLD_FRAMES; i++) {
		if (w->small[r][i] != pa + i * PAGE)
			world_wrong(w, "what is promoted is not alike");
		w->small[r][i] = 0;
	}
	external_of(change->external - PAGE)->state = EXTERNAL_NONE;
	*entry = 0;
	w->large[r] = pa;
	atomic_fetch_add(&w->nr_external_back, 1);
	atomic_fetch_add(&w->nr_promoted, 1);
}

static void relocate(struct world *w, const struct tdxc_external_change *change,
		     uint32_t r)
{
	uint32_t frame = (uint32_t)(change->gfn.n - regions[r]);
	uint64_t *leaf = &w->small[r][frame];

	if (change->level != 1 || *leaf != tdxc_spte_pa(change->old))
		world_wrong(w, "a page moves that is not there");
	*leaf = tdxc_spte_pa(change->now);
	atomic_fetch_add(&w->nr_moved, 1);
}

static void set_any(struct world *w, const struct tdxc_external_change *change,
		    uint32_t r)
{
	bool from_leaf = tdxc_spte_is_leaf(change->old);
	bool to_table = tdxc_spte_is_table(change->now);

	if (from_leaf && to_table)
		demote(w, change, r);
	else if (from_leaf)
		relocate(w, change, r);
	else if (tdxc_spte_is_table(change->old))
		promote(w, change, r);
	else if (to_table)
		set_table(w, change, r);
	else
		set_leaf(w, change, r);
}

static int external_set(void *ctx, const struct tdxc_external_change *change)
{
	struct world *w = ctx;
	uint32_t r = region_of(w, change->gfn.n, change->level);

	linger();
	if (self->cpu.frozen == 0 || !lock_held(w, change->lock))
		world_wrong(w, "an external change by nobody who may");
	if (!has_parent(w, r, change->level))
		world_wrong(w, "an external change below no table");
	if (busy_now(w))
		return TDXC_E_BUSY;
	if (fails_now(w)) {
		atomic_fetch_add(&w->nr_lost, !tdxc_spte_is_table(change->now));
		return TDXC_E_IO;
	}
	set_any(w, change, r);
	atomic_fetch_add(&w->nr_set, 1);
	return TDXC_OK;
}

/* Nothing is below a table. What a poisoned MMU gave up may be. */
static bool is_bare(struct world *w, uint32_t region, uint32_t level)
{
	uint32_t r;
	uint32_t i;

	for (r = 0; r < WORLD_REGIONS; r++) {
		if (holder(r, level) != holder(region, level))
			continue;
		if (level > 1 && *table_entry(w, r, level - 1) != 0)
			return false;
		if (level == 2 && w->large[r] != 0)
			return tdxc_mmu_is_poisoned(&w->mmu);
		for (i = 0; level == 1 && i < WORLD_FRAMES; i++)
			if (w->small[r][i] != 0)
				return tdxc_mmu_is_poisoned(&w->mmu);
	}
	return true;
}

/* Whether an entry can be removed now. Of a failure, sometimes the entry is
 * gone and the page is lost. */
static bool removes(struct world *w, struct tdxc_external_entry *entry)
{
	entry->removed = false;
	if (busy_now(w)) {
		entry->status = TDXC_E_BUSY;
		return false;
	}
	entry->status = fails_now(w) ? TDXC_E_IO : TDXC_OK;
	if (entry->status == TDXC_OK)
		return true;
	atomic_fetch_add(&w->nr_lost, 1);
	entry->removed = world_below(self, 2) == 0;
	return entry->removed;
}

static void remove_leaf(struct world *w, struct tdxc_external_entry *leaf)
{
	uint32_t r = region_of(w, leaf->gfn.n, leaf->level);
	uint64_t *entry = leaf->level == 1
				  ? &w->small[r][leaf->gfn.n - regions[r]]
				  : &w->large[r];

	if (*entry == 0 || *entry != tdxc_spte_pa(leaf->old))
		world_wrong(w, "a page is removed that is not there");
	if (!removes(w, leaf))
		return;
	*entry = 0;
	atomic_fetch_add(&w->nr_removed, 1);
	if (leaf->removed)
		atomic_fetch_add(&w->nr_gone, tdxc_level_frames(leaf->level));
}

static void remove_table(struct world *w, struct tdxc_external_entry *table)
{
	uint32_t r = region_of(w, table->gfn.n, table->level);
	uint64_t *entry = table_entry(w, r, table->level - 1);
	struct external *x = external_of(tdxc_spte_pa(table->old));

	if (*entry == 0 || *entry != table->external ||
	    x->state != EXTERNAL_LENT)
		world_wrong(w, "a table is removed that is not there");
	if (!is_bare(w, r, table->level - 1))
		world_wrong(w, "a table is removed that is not empty");
	if (!removes(w, table))
		return;
	*entry = 0;
	x->state = table->removed ? EXTERNAL_HELD : EXTERNAL_NONE;
	if (!table->removed)
		atomic_fetch_add(&w->nr_external_back, 1);
	atomic_fetch_add(&w->nr_tables_removed, 1);
}

static void external_remove(void *ctx, struct tdxc_external_entry *entries,
			    size_t n, enum tdxc_lock lock)
{
	struct world *w = ctx;
	uint64_t frozen = 0;
	size_t i;

	for (i = 0; i < n; i++)
		frozen += 1 + (tdxc_spte_is_table(entries[i].old) ? TDXC_ENTRIES
								  : 0);
	if (n == 0 || n > TDXC_MMU_BATCH || self->cpu.frozen != frozen ||
	    !lock_held(w, lock))
		world_wrong(w, "entries are removed by nobody who may");
	linger();
	for (i = 0; i < n; i++) {
		if (tdxc_spte_is_table(entries[i].old))
			remove_table(w, &entries[i]);
		else
			remove_leaf(w, &entries[i]);
	}
}

static int external_reclaim(void *ctx, struct tdxc_gfn gfn, uint32_t level,
			    uint64_t external)
{
	struct world *w = ctx;
	uint32_t r = region_of(w, gfn.n, level + 1);
	uint64_t *entry = table_entry(w, r, level);

	if (self->hold != WORLD_EXCLUSIVE)
		world_wrong(w, "a table is reclaimed beside others");
	if (*entry != external ||
	    external_of(external - PAGE)->state != EXTERNAL_LENT)
		world_wrong(w, "a table is reclaimed that is not there");
	if (!is_bare(w, r, level))
		world_wrong(w, "a table is reclaimed before what is below it");
	external_of(external - PAGE)->state = EXTERNAL_NONE;
	*entry = 0;
	atomic_fetch_add(&w->nr_external_back, 1);
	return TDXC_OK;
}

/* ---- looking at all of it ---- */

static bool agrees(struct world *w, const struct tdxc_iter *it)
{
	uint32_t shift = it->level == 1 ? 9 : 9 * (it->level - 1);
	uint64_t table = 0;
	uint64_t leaf = 0;
	uint32_t r;

	for (r = 0; r < WORLD_REGIONS; r++) {
		if ((it->gfn ^ regions[r]) >> shift != 0)
			continue;
		if (it->level > 1)
			table = *table_entry(w, r, it->level - 1);
		if (it->level == 2)
			leaf = w->large[r];
		if (it->level == 1)
			leaf = w->small[r][it->gfn - regions[r]];
	}
	if (tdxc_spte_is_table(it->spte))
		return leaf == 0 && table == tdxc_spte_pa(it->spte) + PAGE;
	if (tdxc_spte_is_leaf(it->spte))
		return table == 0 && leaf == tdxc_spte_pa(it->spte);
	return leaf == 0 && table == 0;
}

/* Everything in a root; adds the frames it maps. */
static void look_at_root(struct world *w, const struct tdxc_root *root,
			 bool compare, uint64_t *present)
{
	const struct tdxc_gfn start = {0};
	const struct tdxc_gfn end = {root->tree.end};
	struct tdxc_iter it;

	if (tdxc_iter_begin(&it, &root->tree, start, end, 1) != TDXC_OK)
		stop("a root cannot be walked");
	for (; it.valid; tdxc_iter_next(&it)) {
		if (tdxc_spte_is_frozen(it.spte))
			world_wrong(w, "an entry is frozen by nobody");
		if (tdxc_spte_is_leaf(it.spte))
			*present += tdxc_level_frames(it.level);
		if (compare && (root->state & TDXC_ROOTS_MIRROR) != 0 &&
		    !agrees(w, &it))
			world_wrong(w, "the mirror is not the external tree");
	}
}

static uint64_t look_at_all(struct world *w, bool compare)
{
	uint64_t present = 0;
	uint32_t i;

	for (i = 0; i < TDXC_MMU_ROOTS; i++)
		if (w->mmu.roots[i].refs != 0)
			look_at_root(w, &w->mmu.roots[i], compare, &present);
	return present;
}

void world_compare(struct world *w)
{
	(void)look_at_all(w, true);
}

uint64_t world_present(struct world *w)
{
	return look_at_all(w, false);
}

void world_expect_thawed(struct world *w)
{
	(void)look_at_all(w, false);
}

/* ---- up and down ---- */

void world_up(struct world *w, int64_t fail_in)
{
	const struct tdxc_mmu_ops ops = {
		TDXC_ABI,	 table_alloc,	  table_free, table_retire,
		table_external,	 lock_held,	  is_stale,   external_set,
		external_remove, external_reclaim};
	struct tdxc_mmu_config config;
	pthread_rwlockattr_t attr;

	memset(w, 0, sizeof(*w));
	w->ops = ops;
	atomic_store(&w->fail_in, fail_in);
	memset(&config, 0, sizeof(config));
	config.abi = TDXC_ABI;
	config.levels = 4;
	config.ops = &w->ops;
	config.ctx = w;
	config.td = true;
	config.end = tdxc_alias_bit(config.levels);
	if (tdxc_mmu_init(&w->mmu, &config) != TDXC_OK)
		stop("no MMU");
	if (pthread_rwlockattr_init(&attr) != 0 ||
	    pthread_rwlockattr_setkind_np(
		    &attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP) != 0 ||
	    pthread_rwlock_init(&w->lock, &attr) != 0)
		stop("no lock");
	pthread_rwlockattr_destroy(&attr);
}

void world_down(struct world *w)
{
	pthread_rwlock_destroy(&w->lock);
}

void world_enter(struct world *w, struct world_thread *t)
{
	(void)w;
	self = t;
	t->cpu.batch.entries = t->entries;
	t->cpu.batch.slots = t->slots;
	t->cpu.batch.room = WORLD_BATCH;
	rcu_register_thread();
}

void world_leave(struct world *w, struct world_thread *t)
{
	tdxc_mmu_release(&w->mmu, &t->cpu);
	wait_for_sections(w, t);
	rcu_unregister_thread();
	self = NULL;
}
