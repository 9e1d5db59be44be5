/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * The external tree, as a port would drive the TDX module: an entry at a time,
 * each call one step; removal by BLOCK, TRACK, kick, REMOVE. And guests, who
 * accept pages and keep translations.
 *
 * The module's rules are here as well: what it would refuse fails an invariant.
 */
#include "model.h"

#include <inttypes.h>

/* --- one entry ---------------------------------------------------------------
 */

/* The mirror's entry for an external one; its owner alone makes a change. What
 * is above may be frozen just now, by who would like to take the table apart.
 */
static struct model_slot *owned_slot(uint64_t gfn, uint32_t level)
{
	struct model_slot *s = model_owned(gfn, level);

	if (s == NULL)
		il_fail("I-OWN", "external change of frame 0x%" PRIx64, gfn);
	return s;
}

static void check_change(const struct tdxc_external_change *change,
			 const struct model_slot *s)
{
	const struct world_cpu *c = world_self();

	if (s->before != change->old.bits || s->before == change->now.bits)
		il_fail("I-NOPP", "set from 0x%" PRIx64, change->old.bits);
	if (!tdxc_spte_is_table(change->now) &&
	    change->now.bits !=
		    tdxc_spte_private(tdxc_spte_pa(change->now), change->level)
			    .bits)
		il_fail("I-ENC", "private 0x%" PRIx64, change->now.bits);
	if ((change->lock == TDXC_LOCK_EXCLUSIVE) != c->exclusive)
		il_fail("H18", "another lock than is held");
	if (c->poisoned)
		il_fail("I-BUG", "an external change after the failure");
	if (tdxc_spte_is_present(change->old) && !c->changes)
		il_fail("I-NOPP", "changes 0x%" PRIx64, change->old.bits);
}

/* Who has the page of an entry: a guest page, or a table's external page. */
static uint64_t *page_of(struct tdxc_spte s, uint32_t level, uint64_t external)
{
	uint32_t child;

	if (!tdxc_spte_is_table(s))
		return model_page_of(tdxc_spte_pa(s), level);
	child = model_table_of(tdxc_spte_pa(s));
	if (external != external_pa(child))
		il_fail("I-SINGLE", "another table's external page");
	return &w.table[child].external;
}

/* 0: it works; then BUSY and failure, as far as they are allowed. */
static int answer(void)
{
	struct world_cpu *c = world_self();
	uint32_t n = 1u + (c->busy != 0) + (c->fatal != 0);
	uint32_t a = il_choose(n);

	if (a == 0)
		return TDXC_OK;
	if (a == 1 && c->busy != 0) {
		c->busy--;
		return TDXC_E_BUSY;
	}
	c->fatal--;
	return TDXC_E_IO;
}

/* What the module finds when it is called. */
static void check_entry(const struct tdxc_external_change *change,
			const struct model_entry *e,
			const struct model_entry *parent, uint64_t page)
{
	uint64_t x = e->cell & X_STATE_MASK;

	if (x == X_LOST)
		il_fail("I-BUG", "an entry that is lost");
	if (!tdxc_spte_is_present(change->old) && x != X_FREE)
		il_fail("I-SINGLE", "set twice: 0x%" PRIx64, e->cell);
	if (!model_agrees(change->old.bits, e->cell))
		il_fail("I-AGREE", "changes 0x%" PRIx64, e->cell);
	if (parent != NULL && (parent->cell & X_STATE_MASK) != X_TABLE)
		il_fail("I-PARENT", "no external table above");
	if (page == PAGE_LENT)
		il_fail("I-SINGLE", "lent already");
	if (page == PAGE_LOST)
		il_fail("I-RET", "a lost page is used");
}

static uint64_t cell_of(struct tdxc_spte s, uint64_t external)
{
	return tdxc_spte_is_table(s) ? X_TABLE | external
				     : X_PENDING | tdxc_spte_pa(s);
}

/* An entry that is one level below another, and watched; NULL: none left. */
static struct model_entry *next_child(const struct model_entry *parent,
				      uint32_t *i)
{
	while (*i < w.entries) {
		struct model_entry *e = &w.entry[(*i)++];

		if (e->level + 1 == parent->level &&
		    (e->gfn & ~(tdxc_level_frames(parent->level) - 1)) ==
			    parent->gfn)
			return e;
	}
	return NULL;
}

/* Demotion: the entries below are there now. */
static void split(const struct tdxc_external_change *change,
		  const struct model_entry *parent, bool lost)
{
	struct model_entry *e;
	uint32_t i = 0;

	while ((e = next_child(parent, &i)) != NULL) {
		uint64_t pa = tdxc_spte_pa(change->old) +
			      ((e->gfn - parent->gfn) << 12);
		uint64_t *page = model_page_of(pa, e->level);

		if (e->cell != X_FREE || *page != PAGE_HOST)
			il_fail("I-CHILD", "0x%" PRIx64 " below a leaf",
				e->cell);
		e->cell = lost ? X_LOST : X_PENDING | pa;
		*page = lost ? PAGE_LOST : PAGE_LENT;
	}
}

/* Promotion: the entries below were alike, and all of them are frozen. */
static void merge(const struct tdxc_external_change *change,
		  const struct model_entry *parent, bool lost)
{
	struct model_entry *e;
	uint32_t i = 0;

	while ((e = next_child(parent, &i)) != NULL) {
		uint64_t pa = tdxc_spte_pa(change->now) +
			      ((e->gfn - parent->gfn) << 12);

		if (e->cell != (X_PENDING | pa))
			il_fail("I-AGREE", "0x%" PRIx64 " is promoted",
				e->cell);
		e->cell = lost ? X_LOST : X_FREE;
		*model_page_of(pa, e->level) = lost ? PAGE_LOST : PAGE_HOST;
	}
}

/* Entries of the mirror below one that is frozen: the table is in @old. */
static void mark_below(const struct tdxc_external_change *change,
		       const struct model_entry *parent)
{
	struct model_entry *e;
	uint32_t i = 0;

	while ((e = next_child(parent, &i)) != NULL) {
		uint64_t *p = model_below(tdxc_spte_pa(change->old), e->gfn,
					  e->level);

		if (*p != TDXC_SPTE_FROZEN_BITS)
			il_fail("I-CHILD", "frame 0x%" PRIx64 " is not frozen",
				e->gfn);
		model_slot_of(p)->changed = true;
	}
}

static void add_object(struct il_step *step, uint64_t *object)
{
	step->object[step->objects] = object;
	step->mode[step->objects++] = IL_WRITE;
}

/* The step touches what is below, too. */
static void add_below(struct il_step *step, const struct model_entry *parent)
{
	struct model_entry *e;
	uint32_t i = 0;

	while ((e = next_child(parent, &i)) != NULL)
		add_object(step, &e->cell);
}

/* The change is made, or nobody knows. */
static void make_change(const struct tdxc_external_change *change,
			struct model_entry *e, uint64_t *lent, uint64_t *back,
			bool lost)
{
	bool from_leaf = tdxc_spte_is_leaf(change->old);
	bool from_table = tdxc_spte_is_table(change->old);

	if (from_leaf && tdxc_spte_is_table(change->now))
		split(change, e, lost);
	if (from_table) {
		mark_below(change, e);
		merge(change, e, lost);
	}
	if (back != NULL)
		*back = lost ? PAGE_LOST : PAGE_HOST;
	*lent = lost ? PAGE_LOST : PAGE_LENT;
	e->cell = lost ? X_LOST : cell_of(change->now, change->external);
}

int external_set(void *ctx, const struct tdxc_external_change *change)
{
	struct model_slot *s = owned_slot(change->gfn.n, change->level);
	struct model_entry *e = model_entry_of(change->gfn.n, change->level);
	struct model_entry *parent =
		model_entry_of(change->gfn.n, change->level + 1);
	uint64_t *lent = page_of(change->now, change->level, change->external);
	uint64_t *back = NULL;
	struct il_step step = {
		.what = "set",
		.mode = {IL_WRITE, IL_WRITE, IL_READ, IL_READ},
		.objects = parent == NULL ? 3 : 4,
	};
	int err;

	(void)ctx;
	if (s == NULL || e == NULL)
		return TDXC_E_IO; /* it has failed already */
	check_change(change, s);
	step.object[0] = &e->cell;
	step.object[1] = lent;
	step.object[2] = s->at;
	step.object[3] = parent == NULL ? s->at : &parent->cell;
	if (tdxc_spte_is_present(change->old)) {
		back = page_of(change->old, change->level, change->external);
		add_object(&step, back);
		if (change->level > TDXC_LEVEL_4K)
			add_below(&step, e);
	}
	il_step(&step);
	check_entry(change, e, parent, *lent);
	err = answer();
	if (err == TDXC_E_BUSY)
		return err;
	s->changed = true;
	make_change(change, e, lent, back, err != TDXC_OK);
	return err;
}

/* --- removal -----------------------------------------------------------------
 */

static int block(struct model_entry *e, struct model_slot *s, bool guarded)
{
	struct il_step step = {
		.what = "block",
		.object = {&e->cell, &e->guest, s->at, &w.vcpu[0].tag,
			   &w.vcpu[1].tag, &w.hold},
		.mode = {IL_WRITE, IL_READ, IL_READ, IL_READ, IL_READ, IL_READ},
		.objects = guarded ? 6 : 3,
	};
	uint32_t x;
	int err;

	il_step(&step);
	if (guarded && (w.vcpu[0].tag != 0 || w.vcpu[1].tag != 0))
		il_fail("I-HOLD", "a vCPU is in the guest at the retry");
	x = (uint32_t)(e->cell & X_STATE_MASK);
	if (x != X_PENDING && x != X_MAPPED && x != X_LOST)
		il_fail("I-AGREE", "blocks 0x%" PRIx64, e->cell);
	if (e->guest != 0)
		return TDXC_E_BUSY;
	err = x == X_LOST ? TDXC_E_IO : answer();
	if (err == TDXC_E_BUSY)
		return err;
	s->changed = true;
	if (err != TDXC_OK) {
		*model_page_of(s->before & TDXC_SPTE_PA_MASK, e->level) =
			PAGE_LOST;
		e->cell = X_LOST;
		return err;
	}
	e->cell = (e->cell & TDXC_SPTE_PA_MASK) | X_BLOCKED;
	e->since = (uint32_t)w.epoch;
	return TDXC_OK;
}

/* Whoever is in the guest leaves it; a call of the module ends first. */
static void kick(void)
{
	uint32_t i;

	for (i = 0; i < w.vcpus; i++) {
		struct il_step step = {
			.what = "kick",
			.object = {&w.vcpu[i].calls, &w.vcpu[i].tag},
			.mode = {IL_READ, IL_WRITE},
			.objects = 2,
			.mask = ~0ull,
			.value = 0,
			.equal = true,
		};

		il_step(&step);
		w.vcpu[i].tag = 0;
	}
}

static bool track(void)
{
	struct il_step step = {
		.what = "track",
		.object = {&w.epoch, &w.vcpu[0].tag, &w.vcpu[1].tag},
		.mode = {IL_WRITE, IL_READ, IL_READ},
		.objects = 1 + w.vcpus,
	};
	uint32_t i;

	il_step(&step);
	for (i = 0; i < VCPUS; i++)
		if (w.vcpu[i].tag != 0 && w.vcpu[i].tag < w.epoch)
			return false;
	w.epoch++;
	return true;
}

static void track_and_kick(void)
{
	if (!track()) {
		kick(); /* another CPU's kick is still to come */
		if (!track())
			il_fail("I-TRK1", "TRACK is refused");
	}
	kick();
}

/* All vCPUs out, one more try, in again. */
static int block_guarded(struct model_entry *e, struct model_slot *s)
{
	int err;

	il_access("hold", &w.hold, IL_WRITE);
	w.hold++;
	kick();
	err = block(e, s, true);
	il_access("release", &w.hold, IL_WRITE);
	w.hold--;
	return err;
}

static bool may_translate(const struct model_vcpu *v, uint64_t gfn)
{
	bool knows = v->gfn[0] == gfn + 1 || v->gfn[1] == gfn + 1;

	return knows && (v->tag != 0 || v->flushed == w.epoch);
}

static void remove_page(struct model_entry *e, struct model_slot *s)
{
	uint64_t *page = model_page_of(e->cell & TDXC_SPTE_PA_MASK, e->level);
	struct il_step step = {
		.what = "remove",
		.object = {&e->cell, page, s->at, &w.epoch, &w.vcpu[0].tag,
			   &w.vcpu[1].tag},
		.mode = {IL_WRITE, IL_WRITE, IL_READ, IL_READ, IL_READ,
			 IL_READ},
		.objects = 4 + w.vcpus,
	};
	uint32_t i;

	il_step(&step);
	if (e->since == w.epoch)
		il_fail("I-TLB", "no TRACK since it was blocked");
	for (i = 0; i < VCPUS; i++)
		if (may_translate(&w.vcpu[i], e->gfn))
			il_fail("I-TLB", "vCPU %u has a translation", i);
	e->cell = X_FREE;
	*page = PAGE_HOST;
}

static void check_leaf(const struct tdxc_external_entry *leaf,
		       const struct model_slot *s, enum tdxc_lock lock)
{
	if (s->before != leaf->old.bits || !tdxc_spte_is_leaf(leaf->old))
		il_fail("I-NOPP", "removes 0x%" PRIx64, leaf->old.bits);
	if ((lock == TDXC_LOCK_EXCLUSIVE) != world_self()->exclusive)
		il_fail("H18", "another lock than is held");
}

static void remove_leaves(struct tdxc_external_entry *leaves, size_t n,
			  enum tdxc_lock lock)
{
	bool any = false;
	size_t i;

	for (i = 0; i < n; i++) {
		struct model_entry *e =
			model_entry_of(leaves[i].gfn.n, leaves[i].level);
		struct model_slot *s =
			owned_slot(leaves[i].gfn.n, leaves[i].level);

		check_leaf(&leaves[i], s, lock);
		leaves[i].status = block(e, s, false);
		if (leaves[i].status == TDXC_E_BUSY && e->guest != 0)
			leaves[i].status = block_guarded(e, s);
		any = any || leaves[i].status == TDXC_OK;
	}
	if (any)
		track_and_kick();
	for (i = 0; i < n; i++)
		if (leaves[i].status == TDXC_OK)
			remove_page(
				model_entry_of(leaves[i].gfn.n,
					       leaves[i].level),
				owned_slot(leaves[i].gfn.n, leaves[i].level));
}

/* Nothing is below, and nothing can come: all of it is frozen. */
static void check_empty(const struct tdxc_external_entry *table,
			const struct model_entry *parent)
{
	struct model_entry *e;
	uint32_t i = 0;

	while ((e = next_child(parent, &i)) != NULL) {
		uint64_t *p =
			model_below(tdxc_spte_pa(table->old), e->gfn, e->level);

		if (*p != TDXC_SPTE_FROZEN_BITS ||
		    model_slot_of(p)->before != TDXC_SPTE_EMPTY_BITS)
			il_fail("I-CHILD", "frame 0x%" PRIx64 " is not empty",
				e->gfn);
		if (e->cell != X_FREE)
			il_fail("I-CHILD", "0x%" PRIx64 " is below", e->cell);
	}
}

static void remove_table(struct tdxc_external_entry *table, enum tdxc_lock lock)
{
	struct model_entry *e = model_entry_of(table->gfn.n, table->level);
	struct model_slot *s = owned_slot(table->gfn.n, table->level);
	uint64_t *page = page_of(table->old, table->level, table->external);
	struct il_step step = {
		.what = "remove table",
		.object = {&e->cell, page, s->at},
		.mode = {IL_WRITE, IL_WRITE, IL_READ},
		.objects = 3,
	};

	if (s->before != table->old.bits ||
	    (lock == TDXC_LOCK_EXCLUSIVE) != world_self()->exclusive)
		il_fail("I-NOPP", "removes 0x%" PRIx64, table->old.bits);
	add_below(&step, e);
	il_step(&step);
	if (e->cell != (X_TABLE | table->external))
		il_fail("I-AGREE", "removes 0x%" PRIx64, e->cell);
	check_empty(table, e);
	table->status = answer();
	if (table->status == TDXC_E_BUSY)
		return;
	s->changed = true;
	table->removed = table->status != TDXC_OK && il_choose(2) != 0;
	e->cell = table->status == TDXC_OK || table->removed ? X_FREE : X_LOST;
	*page = table->status == TDXC_OK ? PAGE_HOST : PAGE_LOST;
}

/* Leaves or tables, not both. */
void external_remove(void *ctx, struct tdxc_external_entry *entries, size_t n,
		     enum tdxc_lock lock)
{
	size_t i;

	(void)ctx;
	if (!tdxc_spte_is_table(entries[0].old)) {
		remove_leaves(entries, n, lock);
		return;
	}
	for (i = 0; i < n; i++)
		remove_table(&entries[i], lock);
}

/* --- teardown ----------------------------------------------------------------
 */

static void check_children(const struct model_entry *parent)
{
	uint32_t i;

	for (i = 0; i < w.entries; i++) {
		const struct model_entry *e = &w.entry[i];

		if (e->level < parent->level &&
		    (e->gfn & ~(tdxc_level_frames(parent->level) - 1)) ==
			    parent->gfn &&
		    e->cell != X_FREE && e->cell != X_LOST)
			il_fail("I-CHILD", "level %u below is 0x%" PRIx64,
				e->level, e->cell);
	}
}

int external_reclaim(void *ctx, struct tdxc_gfn gfn, uint32_t level,
		     uint64_t external)
{
	struct model_entry *e = model_entry_of(gfn.n, level + 1);
	struct model_slot *s = owned_slot(gfn.n, level + 1);
	struct il_step step = {
		.what = "reclaim",
		.object = {&e->cell, s->at},
		.mode = {IL_WRITE, IL_READ},
		.objects = 2,
	};
	uint32_t table = model_table_of(s->before & TDXC_SPTE_PA_MASK);
	int err;

	(void)ctx;
	il_step(&step);
	if (external != external_pa(table) || e->cell != (X_TABLE | external))
		il_fail("I-RET", "reclaims 0x%" PRIx64, external);
	check_children(e);
	err = answer();
	s->changed = true;
	e->cell = err == TDXC_OK ? X_FREE : X_LOST;
	w.table[table].external = err == TDXC_OK ? PAGE_HOST : PAGE_LOST;
	return err;
}

/* --- guests ------------------------------------------------------------------
 */

void world_vcpu_enter(uint32_t v)
{
	struct model_vcpu *c = &w.vcpu[v];
	struct il_step step = {
		.what = "enter",
		.object = {&w.hold, &w.epoch, &c->tag},
		.mode = {IL_READ, IL_READ, IL_WRITE},
		.objects = 3,
		.mask = ~0ull,
		.value = 0,
		.equal = true,
	};

	il_step(&step);
	c->tag = w.epoch;
	if (c->flushed != w.epoch)
		c->gfn[0] = c->gfn[1] = 0;
	c->flushed = w.epoch;
}

static void step_in_guest(const char *what, struct model_vcpu *c,
			  struct model_entry *e)
{
	struct il_step step = {
		.what = what,
		.object = {&c->tag, &c->calls, &e->cell, &e->guest},
		.mode = {IL_READ, IL_WRITE, IL_WRITE, IL_WRITE},
		.objects = 4,
	};

	il_step(&step);
}

/* Locks the entry, accepts the page, unlocks. Whoever was kicked is out. */
void world_vcpu_accept(uint32_t v, uint64_t gfn)
{
	struct model_vcpu *c = &w.vcpu[v];
	struct model_entry *e = model_entry_of(gfn, 1);

	step_in_guest("accept", c, e);
	if (c->tag == 0 || e->guest != 0 ||
	    (e->cell & X_STATE_MASK) != X_PENDING)
		return;
	c->calls = 1;
	e->guest = 1;
	step_in_guest("accepted", c, e);
	if ((e->cell & X_STATE_MASK) != X_PENDING)
		il_fail("R8", "0x%" PRIx64 " under the guest's lock", e->cell);
	e->cell = (e->cell & TDXC_SPTE_PA_MASK) | X_MAPPED;
	e->guest = 0;
	c->calls = 0;
}

/* An access: the translation stays in the vCPU. */
void world_vcpu_touch(uint32_t v, uint64_t gfn)
{
	struct model_vcpu *c = &w.vcpu[v];
	const struct model_entry *e = model_entry_of(gfn, 1);
	struct il_step step = {
		.what = "touch",
		.object = {&c->tag, (uint64_t *)(uintptr_t)&e->cell},
		.mode = {IL_WRITE, IL_READ},
		.objects = 2,
	};

	il_step(&step);
	if (c->tag == 0 || (e->cell & X_STATE_MASK) != X_MAPPED)
		return;
	if (c->gfn[0] == 0)
		c->gfn[0] = gfn + 1;
	else
		c->gfn[1] = gfn + 1;
}

void world_vcpu_leave(uint32_t v)
{
	il_access("leave", &w.vcpu[v].tag, IL_WRITE);
	w.vcpu[v].tag = 0;
}
