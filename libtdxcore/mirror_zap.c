/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Zaps of ranges.
 *
 * Leaves of the direct root are compared and swapped to empty, one by one: what
 * is reported is exactly what was replaced, so that no A or D bit that a CPU
 * set in between is lost. Leaves of the mirror are frozen, up to a batch of
 * them, taken out of the external tree together, and emptied or put back.
 *
 * An entry that somebody else froze is waited for and never passed by: its
 * owner may be about to map a page. While this CPU waits, it owns no entry
 * itself, so two zaps cannot wait for each other.
 */
#include "mirror_resize.h"
#include "mirror_take.h"

#include <tdxcore/err.h>

/* What else than an error ends a walk: another one's frozen entry, a batch
 * or array that is full. */
#define TAKE_FROZEN 1
#define TAKE_FULL   2

int tdxc_zap_memory(bool td, enum tdxc_zap_reason reason, uint32_t *memory)
{
	uint32_t both = TDXC_MEMORY_SHARED | TDXC_MEMORY_PRIVATE;

	if ((uint32_t)reason >= TDXC_ZAP_REASONS)
		return TDXC_E_INVAL;
	if (!td) {
		*memory = TDXC_MEMORY_SHARED;
		return TDXC_OK;
	}
	switch (reason) {
	case TDXC_ZAP_SLOT_DELETED:
		*memory = both;
		return TDXC_OK;
	case TDXC_ZAP_NOTIFIER:
	case TDXC_ZAP_TO_PRIVATE:
		*memory = TDXC_MEMORY_SHARED;
		return TDXC_OK;
	case TDXC_ZAP_TO_SHARED:
	case TDXC_ZAP_BACKING_GONE:
		*memory = TDXC_MEMORY_PRIVATE;
		return TDXC_OK;
	case TDXC_ZAP_DMA:
		*memory = 0;
		return TDXC_OK;
	default:
		return TDXC_E_OPNOTSUPP;
	}
}

int tdxc_wait_thaw_(const struct tdxc_tree *tree, uint64_t gfn)
{
	const struct tdxc_gfn frame = {gfn};
	uint32_t looks;

	for (looks = 0; looks < TDXC_MMU_SPINS; looks++) {
		if (!tdxc_spte_is_frozen(tdxc_lookup(tree, frame).spte))
			return TDXC_OK;
		tdxc_relax();
	}
	return TDXC_E_AGAIN;
}

/* --- the direct root ---------------------------------------------------------
 */

/* Empty @n slots of a leaf table; room for all of them is there. Stops at a
 * frozen slot, and at one that changed under it, and returns how many are
 * done. */
static uint64_t take_pages(struct tdxc_take_ *t, uint64_t *slot, uint64_t n)
{
	struct tdxc_zapped *out = t->out + t->nr_out;
	const uint64_t gfn = t->cursor & ~t->strip;
	size_t taken;
	uint64_t i;

	for (i = 0; i < n; i++) {
		uint64_t old = tdxc_load_once(&slot[i]);

		if ((old & TDXC_SPTE_PRESENT) == 0) {
			if (old == TDXC_SPTE_FROZEN_BITS)
				break;
			continue;
		}
		if (!tdxc_try_cmpxchg(&slot[i], &old, TDXC_SPTE_EMPTY_BITS))
			break;
		out->gfn.n = gfn + i;
		out->level = TDXC_LEVEL_4K;
		out->status = TDXC_OK;
		out->old.bits = old;
		out->memory = TDXC_MEMORY_SHARED;
		out++;
	}
	taken = (size_t)(out - t->out) - t->nr_out;
	t->nr_out += taken;
	t->cpu->counts.pages[KIND_DIRECT][TDXC_LEVEL_4K] -= taken;
	return i;
}

/* Empty what is in the range of the leaf table below an entry. */
static int take_table(struct tdxc_take_ *t, struct tdxc_iter *it)
{
	uint64_t *table = tdxc_table_at(t->tree, tdxc_spte_pa(it->spte));
	uint64_t end = it->gfn + TDXC_ENTRIES;

	if (end > it->end)
		end = it->end;
	while (t->cursor < end) {
		uint64_t room = t->room - t->nr_out;
		uint64_t n = end - t->cursor;
		uint64_t *slot = table + tdxc_table_index(t->cursor, 1);
		uint64_t done;

		if (n > room)
			n = room;
		if (n == 0 || t->visits <= n)
			return TDXC_E_AGAIN;
		done = take_pages(t, slot, n);
		t->cursor += done;
		t->visits -= done;
		if (done == n)
			continue;
		if (tdxc_load_once(slot + done) == TDXC_SPTE_FROZEN_BITS)
			return TAKE_FROZEN;
		t->cpu->counts.lost++;
		t->visits--;
	}
	tdxc_iter_skip(it);
	return TDXC_OK;
}

/* Empty an entry that maps a large page, in the range or not. */
static int take_large(struct tdxc_take_ *t, struct tdxc_iter *it)
{
	struct tdxc_zapped *out = &t->out[t->nr_out];
	uint64_t old = it->spte.bits;

	if (t->nr_out == t->room)
		return TDXC_E_AGAIN;
	if (!tdxc_try_cmpxchg(it->slot, &old, TDXC_SPTE_EMPTY_BITS)) {
		t->cpu->counts.lost++;
		it->spte.bits = old;
		return TDXC_OK;
	}
	out->gfn.n = it->gfn & ~t->strip;
	out->level = it->level;
	out->status = TDXC_OK;
	out->old = it->spte;
	out->memory = TDXC_MEMORY_SHARED;
	t->nr_out++;
	t->cpu->counts.pages[KIND_DIRECT][it->level]--;
	tdxc_iter_skip(it);
	return TDXC_OK;
}

/* --- the mirror --------------------------------------------------------------
 */

/* Whether nothing more can be taken before the batch is gone. */
static bool take_is_full(const struct tdxc_take_ *t)
{
	return t->nr_batch == t->cpu->batch.room ||
	       t->nr_out + t->nr_batch == t->room;
}

/* Own a leaf, for the batch. */
static int take_private(struct tdxc_take_ *t, struct tdxc_iter *it)
{
	struct tdxc_external_entry *leaf = &t->cpu->batch.entries[t->nr_batch];

	if (it->gfn < t->start ||
	    it->gfn + tdxc_level_frames(it->level) > t->end)
		return TDXC_E_EXIST;
	if (take_is_full(t))
		return TAKE_FULL;
	if (!tdxc_freeze_(t->cpu, it->slot, &it->spte))
		return TDXC_OK;
	leaf->gfn.n = it->gfn;
	leaf->level = it->level;
	leaf->status = TDXC_E_IO;
	leaf->old = it->spte;
	leaf->external = 0;
	leaf->removed = false;
	t->cpu->batch.slots[t->nr_batch] = it->slot;
	t->nr_batch++;
	tdxc_iter_skip(it);
	return TDXC_OK;
}

/* Whether a table of 4 KiB pages goes as a whole, and nothing of it went yet.
 */
static bool take_may_promote(const struct tdxc_take_ *t,
			     const struct tdxc_iter *it)
{
	return t->mmu->config.promote_to_zap && t->kind == KIND_MIRROR &&
	       it->level == TDXC_LEVEL_2M && it->next == it->gfn &&
	       it->gfn + TDXC_ENTRIES <= t->end &&
	       !tdxc_mmu_is_poisoned(t->mmu);
}

/* Try to make one page of those below an entry, which is met again then.
 * Whatever stands against it, but for an unknown outcome, the pages can go one
 * by one. */
static int take_promote(struct tdxc_take_ *t, struct tdxc_iter *it)
{
	const struct tdxc_map_ m = {t->mmu, t->cpu,  t->tree,
				    NULL,   t->lock, KIND_MIRROR};
	struct tdxc_spot_ at = {it->slot, it->spte, it->gfn, it->level};
	int err;

	if (take_is_full(t))
		return TAKE_FULL;
	if (t->visits < TDXC_ENTRIES)
		return TDXC_E_AGAIN;
	t->visits -= TDXC_ENTRIES;
	err = tdxc_promote_(&m, &at);
	if (err == TDXC_E_IO)
		return TDXC_E_IO;
	if (err == TDXC_OK)
		tdxc_iter_reread(it);
	else if (!tdxc_iter_down_(it))
		return TAKE_FROZEN;
	return TDXC_OK;
}

static void report_private(struct tdxc_take_ *t,
			   const struct tdxc_external_entry *leaf)
{
	struct tdxc_zapped *out = &t->out[t->nr_out++];

	out->gfn = leaf->gfn;
	out->level = leaf->level;
	out->status = leaf->status;
	out->old = leaf->old;
	out->memory = TDXC_MEMORY_PRIVATE;
}

static void take_poison(const struct tdxc_take_ *t,
			const struct tdxc_external_entry *leaf)
{
	const struct tdxc_external_change change = {
		.gfn = leaf->gfn,
		.level = leaf->level,
		.lock = t->lock,
		.old = leaf->old,
		.now = tdxc_spte_empty(),
	};

	tdxc_mmu_poison_(t->mmu, &change, leaf->status);
}

/* Let one entry of the batch go. Only a page that is known to be back leaves an
 * empty entry: any other stays where it may still be. */
static int take_settle(struct tdxc_take_ *t, uint32_t i)
{
	const struct tdxc_external_entry *leaf = &t->cpu->batch.entries[i];
	uint64_t *slot = t->cpu->batch.slots[i];

	switch (leaf->status) {
	case TDXC_OK:
		t->cpu->counts.pages[KIND_MIRROR][leaf->level]--;
		report_private(t, leaf);
		tdxc_thaw_(t->cpu, slot, tdxc_spte_empty());
		return TDXC_OK;
	case TDXC_E_BUSY:
		t->cpu->counts.busy++;
		if (leaf->gfn.n < t->cursor)
			t->cursor = leaf->gfn.n;
		tdxc_thaw_(t->cpu, slot, leaf->old);
		return TDXC_E_BUSY;
	default:
		take_poison(t, leaf);
		report_private(t, leaf);
		t->cpu->counts.pages[KIND_MIRROR][leaf->level] -= leaf->removed;
		tdxc_thaw_(t->cpu, slot,
			   leaf->removed ? tdxc_spte_empty() : leaf->old);
		return TDXC_E_IO;
	}
}

/* Take the batch out of the external tree. TDXC_E_IO before TDXC_E_BUSY. */
static int take_batch(struct tdxc_take_ *t)
{
	const struct tdxc_mmu_config *c = &t->mmu->config;
	uint32_t n = t->nr_batch;
	int err = TDXC_OK;
	uint32_t i;

	if (n == 0)
		return TDXC_OK;
	c->ops->external_remove(c->ctx, t->cpu->batch.entries, n, t->lock);
	t->nr_batch = 0;
	for (i = 0; i < n; i++) {
		int settled = take_settle(t, i);

		if (settled != TDXC_OK && err != TDXC_E_IO)
			err = settled;
	}
	return err;
}

/* --- the walk ----------------------------------------------------------------
 */

/* Deal with the entry of the iterator and go on; or say why not. */
static int take_entry(struct tdxc_take_ *t, struct tdxc_iter *it)
{
	if (t->visits == 0)
		return TDXC_E_AGAIN;
	t->visits--;
	t->cursor = it->next;
	if (tdxc_spte_is_table(it->spte)) {
		if (it->level == TDXC_LEVEL_2M && t->kind == KIND_DIRECT)
			return take_table(t, it);
		if (take_may_promote(t, it))
			return take_promote(t, it);
		return tdxc_iter_down_(it) ? TDXC_OK : TAKE_FROZEN;
	}
	if (tdxc_spte_is_leaf(it->spte))
		return t->kind == KIND_DIRECT ? take_large(t, it)
					      : take_private(t, it);
	if (tdxc_spte_is_frozen(it->spte))
		return TAKE_FROZEN;
	tdxc_iter_skip(it);
	return TDXC_OK;
}

/* Up to the end of the range, or to what ends a walk. Nothing is frozen
 * afterwards. */
static int take_walk(struct tdxc_take_ *t)
{
	const struct tdxc_gfn start = {t->cursor};
	const struct tdxc_gfn end = {t->end};
	struct tdxc_iter it;
	int settled;
	int err = tdxc_iter_begin(&it, t->tree, start, end,
				  t->kind == KIND_DIRECT ? TDXC_LEVEL_2M
							 : TDXC_LEVEL_4K);

	while (err == TDXC_OK && it.valid)
		err = take_entry(t, &it);
	if (err == TDXC_OK)
		t->cursor = t->end;
	settled = take_batch(t);
	return settled == TDXC_OK ? err : settled;
}

int tdxc_take_(struct tdxc_take_ *t)
{
	for (;;) {
		int err = take_walk(t);

		if (err == TAKE_FULL) {
			err = t->nr_out < t->room ? TDXC_OK : TDXC_E_AGAIN;
		} else if (err == TAKE_FROZEN) {
			t->cpu->counts.frozen_met++;
			err = tdxc_wait_thaw_(t->tree, t->cursor);
		} else {
			return err;
		}
		if (err != TDXC_OK)
			return err;
	}
}

/* --- a range in the roots that a reason concerns -----------------------------
 */

static int zap_tree(struct tdxc_mmu *mmu, struct tdxc_mmu_cpu *cpu,
		    struct tdxc_zap *zap, const struct tdxc_root *root,
		    enum tdxc_lock lock)
{
	struct tdxc_take_ t = {
		.mmu = mmu,
		.cpu = cpu,
		.tree = &root->tree,
		.start = zap->start.n,
		.cursor = zap->cursor,
		.end = zap->end.n,
		.out = zap->out,
		.room = zap->room,
		.nr_out = zap->nr_out,
		.visits = zap->visits,
		.lock = lock,
		.kind = tdxc_root_kind_(root),
	};
	int err = tdxc_take_(&t);

	if (t.kind == KIND_DIRECT && t.nr_out > zap->nr_out)
		zap->flush = true;
	zap->nr_out = t.nr_out;
	zap->cursor = t.cursor;
	zap->visits = t.visits;
	return err;
}

/* What is in a slot, if a root of the classes is. */
static int zap_slot(struct tdxc_mmu *mmu, struct tdxc_mmu_cpu *cpu,
		    struct tdxc_zap *zap, uint32_t classes, enum tdxc_lock lock)
{
	struct tdxc_root *root = &mmu->roots[zap->root];
	int err = TDXC_OK;
	int put;

	if (!tdxc_root_is_there_(root))
		return TDXC_OK;
	if (!tdxc_root_hold_(root))
		return TDXC_E_AGAIN;
	if (tdxc_root_matches(root, classes))
		err = zap_tree(mmu, cpu, zap, root, lock);
	put = tdxc_root_put(mmu, root);
	return err == TDXC_OK ? put : err;
}

static bool zap_ok(const struct tdxc_mmu *mmu, const struct tdxc_zap *zap,
		   enum tdxc_lock lock)
{
	return zap->room > 0 && zap->end.n <= mmu->config.end &&
	       tdxc_lock_ok_(mmu, lock);
}

/* Invalid roots as well: a CPU may still be using one. */
static uint32_t zap_classes(uint32_t memory)
{
	uint32_t classes = TDXC_ROOTS_INVALID;

	if ((memory & TDXC_MEMORY_SHARED) != 0)
		classes |= TDXC_ROOTS_DIRECT;
	if ((memory & TDXC_MEMORY_PRIVATE) != 0)
		classes |= TDXC_ROOTS_MIRROR;
	return classes;
}

static int zap_slots(struct tdxc_mmu *mmu, struct tdxc_mmu_cpu *cpu,
		     struct tdxc_zap *zap, uint32_t classes,
		     enum tdxc_lock lock)
{
	while (zap->root < TDXC_MMU_ROOTS) {
		int err = zap_slot(mmu, cpu, zap, classes, lock);

		if (err != TDXC_OK)
			return err;
		zap->root++;
		zap->cursor = zap->start.n;
	}
	zap->started = false;
	return TDXC_OK;
}

int tdxc_mmu_zap(struct tdxc_mmu *mmu, struct tdxc_mmu_cpu *cpu,
		 struct tdxc_zap *zap, enum tdxc_lock lock)
{
	uint32_t memory = 0;
	int err;

	zap->nr_out = 0;
	zap->flush = false;
	if (!zap_ok(mmu, zap, lock))
		return TDXC_E_INVAL;
	err = tdxc_zap_memory(mmu->config.td, zap->reason, &memory);
	if (err != TDXC_OK)
		return err;
	if ((memory & TDXC_MEMORY_PRIVATE) != 0 && !tdxc_batch_ok_(cpu))
		return TDXC_E_INVAL;
	if (zap->start.n >= zap->end.n)
		return TDXC_OK;
	zap->visits = TDXC_MMU_VISITS;
	/* A full barrier: either the fault sees the caller's invalidation, or
	 * its frozen entry is seen here (tests/model/order.pml). */
	(void)tdxc_xchg(&zap->fence, 1);
	if (!zap->started) {
		zap->started = true;
		zap->root = 0;
		zap->cursor = zap->start.n;
	}
	return zap_slots(mmu, cpu, zap, zap_classes(memory), lock);
}
