/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * See world.h. Everything a run changes is in `w` and in the table memory, so
 * that a run begins with a copy of what was prepared.
 */
#include "model.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define LOCK_WRITER (1ull << 32)

struct model w;
static struct model kept;

static _Alignas(4096) uint64_t memory[WORLD_TABLES][TDXC_ENTRIES];
static uint64_t kept_memory[WORLD_TABLES][TDXC_ENTRIES];

/* --- finding things ----------------------------------------------------------
 */

struct world_cpu *world_self(void)
{
	int self = il_self();

	return &w.cpu[self < 0 ? IL_THREADS : (uint32_t)self];
}

static uint32_t self_number(void)
{
	return (uint32_t)(world_self() - w.cpu);
}

struct tdxc_mmu *world_mmu(void)
{
	return &w.mmu;
}

struct tdxc_root *world_root(enum tdxc_memory kind)
{
	return w.root[kind == TDXC_MEMORY_PRIVATE];
}

uint64_t world_page(uint32_t i)
{
	return WORLD_PAGE_PA + i * 0x200000ull;
}

static uint64_t *piece_of(uint64_t pa)
{
	uint64_t i = pa / 4096 % TDXC_ENTRIES;
	uint32_t k;

	for (k = 0; k < w.watches; k++)
		if (w.watched[k] % TDXC_ENTRIES == i)
			return &w.piece[k];
	return &w.piece_of_others;
}

uint64_t *model_page_of(uint64_t pa, uint32_t level)
{
	uint64_t i = (pa - WORLD_PAGE_PA) / 0x200000;

	if (pa < WORLD_PAGE_PA || i >= WORLD_PAGES)
		il_fail("I-SINGLE", "no page at 0x%" PRIx64, pa);
	if (i == WORLD_ROW && level == TDXC_LEVEL_4K)
		return piece_of(pa);
	return &w.page[i % WORLD_PAGES];
}

uint64_t world_page_state(uint64_t pa, uint32_t level)
{
	return *model_page_of(pa, level);
}

uint32_t model_table_of(uint64_t pa)
{
	uint64_t i = (pa - WORLD_TABLE_PA) / 4096;

	if (pa < WORLD_TABLE_PA || i >= WORLD_TABLES || pa % 4096 != 0) {
		il_fail("I-DESC", "no table at 0x%" PRIx64, pa);
		return 0;
	}
	return (uint32_t)i;
}

static bool is_table(uint64_t spte)
{
	struct tdxc_spte s = {spte};

	return tdxc_spte_is_table(s);
}

/* The table in which an entry is; NO_TABLE: the word is none. */
static uint32_t table_with(const uint64_t *p)
{
	uintptr_t at = (uintptr_t)p - (uintptr_t)memory;

	return at < sizeof(memory) ? (uint32_t)(at / 4096) : NO_TABLE;
}

static uint64_t first_of(const struct model_table *t, const uint64_t *p)
{
	uint64_t i = ((uintptr_t)p - (uintptr_t)memory) / 8 % TDXC_ENTRIES;

	return t->base + i * tdxc_level_frames(t->level);
}

struct model_slot *model_slot_of(uint64_t *at)
{
	uint32_t i;

	for (i = 0; i < w.slots; i++)
		if (w.slot[i].at == at)
			return &w.slot[i];
	if (w.slots == WORLD_SLOTS)
		abort();
	w.slot[i].at = at;
	w.slot[i].before = *at;
	w.slot[i].owner = NOBODY;
	w.slots++;
	return &w.slot[i];
}

struct model_slot *model_owned(uint64_t gfn, uint32_t level)
{
	uint64_t first = gfn & ~(tdxc_level_frames(level) - 1);
	uint32_t i;

	for (i = 0; i < w.slots; i++) {
		struct model_slot *s = &w.slot[i];
		const struct model_table *t = &w.table[table_with(s->at)];

		if (t->state == TABLE_LINKED && t->mirror &&
		    t->level == level && first_of(t, s->at) == first &&
		    *s->at == TDXC_SPTE_FROZEN_BITS &&
		    s->owner == (int)self_number())
			return s;
	}
	return NULL;
}

struct model_entry *model_entry_of(uint64_t gfn, uint32_t level)
{
	uint64_t first = gfn & ~(tdxc_level_frames(level) - 1);
	uint32_t i;

	for (i = 0; i < w.entries; i++)
		if (w.entry[i].gfn == first && w.entry[i].level == level)
			return &w.entry[i];
	return NULL;
}

uint64_t *model_find(const struct tdxc_tree *tree, uint64_t gfn, uint32_t level)
{
	uint64_t pa = tree->pa;
	uint32_t l;

	for (l = tree->levels;; l--) {
		uint64_t *p = memory[model_table_of(pa)] +
			      tdxc_table_index(gfn | tree->alias, l);
		struct tdxc_spte s = {*p};

		if (l == level)
			return p;
		if (!tdxc_spte_is_table(s))
			return NULL;
		pa = tdxc_spte_pa(s);
	}
}

uint64_t *model_below(uint64_t table_pa, uint64_t gfn, uint32_t level)
{
	return memory[model_table_of(table_pa)] + tdxc_table_index(gfn, level);
}

uint64_t world_entry(enum tdxc_memory kind, uint64_t gfn, uint32_t level)
{
	uint64_t *p = model_find(&world_root(kind)->tree, gfn, level);

	return p == NULL ? TDXC_SPTE_EMPTY_BITS : *p;
}

uint64_t world_external(uint64_t gfn, uint32_t level)
{
	return model_entry_of(gfn, level)->cell;
}

void world_print(const uint64_t *p)
{
	uint32_t t = table_with(p);
	uint32_t i;

	if (t < NO_TABLE) {
		printf("table %u level %u [%u]", t, w.table[t].level,
		       (uint32_t)(p - memory[t]));
		return;
	}
	for (i = 0; i < w.entries; i++) {
		if (p == &w.entry[i].cell) {
			printf("external %" PRIx64 " level %u", w.entry[i].gfn,
			       w.entry[i].level);
			return;
		}
	}
	if (p == &w.sequence)
		printf("sequence");
	else if (p == &w.lock)
		printf("lock");
	else
		printf("+0x%tx", (const char *)p - (const char *)&w);
}

/* --- invariants of an entry --------------------------------------------------
 */

/* Whether an entry that nobody is changing is what the external one is. What is
 * lost agrees with anything. */
bool model_agrees(uint64_t spte, uint64_t x)
{
	struct tdxc_spte s = {spte};
	uint64_t pa = x & TDXC_SPTE_PA_MASK;

	switch (x & X_STATE_MASK) {
	case X_FREE:
		return !tdxc_spte_is_present(s);
	case X_TABLE:
		return tdxc_spte_is_table(s) &&
		       pa == external_pa(model_table_of(tdxc_spte_pa(s)));
	case X_PENDING:
	case X_MAPPED:
		return tdxc_spte_is_leaf(s) && pa == tdxc_spte_pa(s);
	case X_LOST:
		return true;
	default:
		return false;
	}
}

static struct model_entry *entry_behind(const uint64_t *p)
{
	const struct model_table *t = &w.table[table_with(p)];

	return model_entry_of(first_of(t, p), t->level);
}

static bool covers_watched(const struct model_table *t, const uint64_t *p)
{
	uint64_t first =
		first_of(t, p) & (tdxc_alias_bit(w.mmu.config.levels) - 1);
	uint32_t i;

	for (i = 0; i < w.watches; i++)
		if (first ==
		    (w.watched[i] & ~(tdxc_level_frames(t->level) - 1)))
			return true;
	return false;
}

/* Frames, alias bit and memory are those of the thread's work. */
static void check_place(const struct model_table *t, const uint64_t *p)
{
	const struct world_cpu *c = world_self();
	uint64_t alias = tdxc_alias_bit(w.mmu.config.levels);
	uint64_t first = first_of(t, p);
	uint32_t kind = t->mirror ? TDXC_MEMORY_PRIVATE : TDXC_MEMORY_SHARED;

	if ((c->memory & kind) == 0)
		il_fail("I-FILT", "the other memory's table");
	if (((first & alias) != 0) == t->mirror && c->end <= alias)
		il_fail("I-BITS", "the other half, frame 0x%" PRIx64, first);
	first &= alias - 1;
	if (first >= c->end || first + tdxc_level_frames(t->level) <= c->first)
		il_fail("I-BITS", "frame 0x%" PRIx64 " of no concern", first);
}

/* Whoever accesses an entry came to its table by an address that was there. */
static void check_access(const uint64_t *p)
{
	uint32_t i = table_with(p);
	const struct model_table *t = &w.table[i];
	const struct world_cpu *c = world_self();

	if (t->state == TABLE_SPARE && i / WORLD_TABLES_CPU == self_number())
		return;
	if (t->state == TABLE_POOL || t->state == TABLE_FREED)
		il_fail("I-FREE", "table %u is free", i);
	if (t->state == TABLE_SPARE)
		il_fail("I-DESC", "table %u is another one's spare", i);
	if (!c->section)
		il_fail("I-FREE", "no read-side section");
	if (!t->root && (c->reached >> i & 1) == 0)
		il_fail("WEAK", "table %u, not acquired", i);
	if (t->state == TABLE_LINKED)
		check_place(t, p);
}

/* After each step: entries that were written. */
static void check_slot(const struct model_slot *s)
{
	const struct model_table *t = &w.table[table_with(s->at)];
	const struct model_entry *e;

	if (t->state != TABLE_LINKED || !t->mirror)
		return;
	e = entry_behind(s->at);
	if (e == NULL)
		return;
	if (*s->at != TDXC_SPTE_FROZEN_BITS) {
		if (!model_agrees(*s->at, e->cell))
			il_fail("I-AGREE", "0x%" PRIx64 " against 0x%" PRIx64,
				*s->at, e->cell);
		return;
	}
	if (s->owner != NOBODY && !w.cpu[s->owner].section)
		il_fail("I-OWN", "its owner %d has left", s->owner);
	if (!s->changed && !model_agrees(s->before, e->cell))
		il_fail("I-FPRE", "0x%" PRIx64 " against 0x%" PRIx64, s->before,
			e->cell);
}

void world_check(void)
{
	uint32_t i;

	for (i = 0; i < w.slots && !il_has_failed(); i++)
		check_slot(&w.slot[i]);
}

/* --- changes of an entry -----------------------------------------------------
 */

static void count(const struct model_table *t, uint64_t spte, uint64_t by)
{
	struct tdxc_mmu_counts *c = &world_self()->ledger;
	struct tdxc_spte s = {spte};

	if (tdxc_spte_is_table(s))
		c->tables[t->mirror] += by;
	else if (tdxc_spte_is_leaf(s))
		c->pages[t->mirror][t->level] += by;
}

/* What is linked holds what tables hold, never zeros; of a mirror nothing, or
 * the leaf that stood above it. */
static void check_contents(const struct model_table *t, uint32_t child,
			   uint64_t before)
{
	struct tdxc_spte above = {before};
	uint32_t i;

	for (i = 0; i < TDXC_ENTRIES; i++) {
		struct tdxc_spte s = {memory[child][i]};
		uint64_t pa = tdxc_spte_pa(above) + i * 4096ull;

		if (t->mirror && tdxc_spte_is_leaf(above) &&
		    s.bits != tdxc_spte_private(pa, TDXC_LEVEL_4K).bits)
			il_fail("I-ENC", "0x%" PRIx64 " below a leaf", s.bits);
		if (s.bits == TDXC_SPTE_EMPTY_BITS)
			continue;
		if ((t->mirror && !tdxc_spte_is_leaf(above)) ||
		    !tdxc_spte_is_leaf(s))
			il_fail("I-ENC", "0x%" PRIx64 " in a new table",
				s.bits);
		count(&w.table[child], s.bits, 1);
	}
}

static void link_table(const struct model_table *t, uint64_t *p,
		       uint64_t before, uint64_t value)
{
	struct tdxc_spte s = {value};
	uint32_t child = model_table_of(tdxc_spte_pa(s));
	struct model_table *c = &w.table[child];

	if (c->state == TABLE_LINKED && c->parent == p)
		return;
	if (c->state != TABLE_SPARE)
		il_fail("I-SINGLE", "table %u is linked twice", child);
	c->state = TABLE_LINKED;
	c->mirror = t->mirror;
	c->level = (uint8_t)(t->level - 1);
	c->base = first_of(t, p);
	c->parent = p;
	check_contents(t, child, before);
}

/* Whoever is still inside finds all entries frozen. */
static void unlink_table(uint64_t before, uint64_t value)
{
	struct tdxc_mmu_counts *c = &world_self()->ledger;
	struct tdxc_spte s = {before};
	struct tdxc_spte now = {value};
	struct model_table *t;
	uint32_t table;
	uint32_t i;

	if (!tdxc_spte_is_table(s) ||
	    (tdxc_spte_is_table(now) && before == value))
		return;
	table = model_table_of(tdxc_spte_pa(s));
	t = &w.table[table];
	t->state = TABLE_UNLINKED;
	if (tdxc_spte_is_leaf(now))
		c->pages[t->mirror][t->level] -= TDXC_ENTRIES;
	for (i = 0; i < TDXC_ENTRIES; i++)
		if (memory[table][i] != TDXC_SPTE_FROZEN_BITS)
			il_fail("I-CHILD", "an entry of a dead table is alive");
}

/* An entry of a mirror is no longer frozen, or was changed without. */
static void check_mirror(const struct model_slot *s, uint64_t before,
			 uint64_t value, bool thawed)
{
	const struct model_entry *e = entry_behind(s->at);
	struct tdxc_spte now = {value};
	uint64_t both = before & value & TDXC_SPTE_PRESENT;

	if (e == NULL) {
		il_fail("I-BITS", "an entry that nobody asked for");
		return;
	}
	if (both != 0 && before != value && !(thawed && s->changed))
		il_fail("I-NOPP", "0x%" PRIx64 " to 0x%" PRIx64, before, value);
	if (tdxc_spte_is_table(now) && !model_agrees(value, e->cell))
		il_fail("I-PARENT", "published, external 0x%" PRIx64, e->cell);
	if (thawed && value == before && !model_agrees(value, e->cell))
		il_fail("I-ROLL", "restored, external 0x%" PRIx64, e->cell);
	if (!model_agrees(value, e->cell))
		il_fail("I-AGREE", "0x%" PRIx64 " against 0x%" PRIx64, value,
			e->cell);
}

/* The entry that points to a table is frozen by this thread: it may take the
 * table apart, and marks all of its entries frozen for good. */
static bool takes_apart(const struct model_table *t)
{
	return t->parent != NULL && *t->parent == TDXC_SPTE_FROZEN_BITS &&
	       model_slot_of(t->parent)->owner == (int)self_number();
}

static void take_apart(struct model_slot *s, uint64_t old, uint64_t value)
{
	if (old == TDXC_SPTE_FROZEN_BITS && s->owner != NOBODY)
		il_fail("I-EXCL", "a dead mark on a frozen entry");
	if (value == TDXC_SPTE_FROZEN_BITS) {
		s->before = old;
		s->changed = false;
	} else if (value != s->before) {
		il_fail("I-ROLL", "0x%" PRIx64 " put back as 0x%" PRIx64,
			s->before, value);
	}
}

static void freeze(struct model_slot *s, uint64_t old)
{
	const struct model_entry *e = entry_behind(s->at);

	s->owner = (int)self_number();
	s->before = old;
	s->x = e == NULL ? 0 : e->cell;
	s->changed = false;
	world_self()->owned++;
}

/* An entry was written. `stored`: without looking at what was there. */
static void changed(uint64_t *p, uint64_t old, uint64_t value, bool stored)
{
	struct world_cpu *c = world_self();
	struct model_table *t = &w.table[table_with(p)];
	struct model_slot *s;
	bool mine;
	uint64_t before;

	if (t->state == TABLE_SPARE || !covers_watched(t, p))
		return;
	s = model_slot_of(p);
	if (takes_apart(t)) {
		take_apart(s, old, value);
		return;
	}
	mine = old == TDXC_SPTE_FROZEN_BITS && s->owner == (int)self_number();
	if (old == TDXC_SPTE_FROZEN_BITS && !mine)
		il_fail("I-EXCL", "frozen by %d, written by %u", s->owner,
			self_number());
	if (stored && !mine && old != value && !c->exclusive)
		il_fail("I-EXCL", "stored to what it does not own");
	if (value == TDXC_SPTE_FROZEN_BITS) {
		if (!mine)
			freeze(s, old);
		return;
	}
	before = mine ? s->before : old;
	if (mine) {
		s->owner = NOBODY;
		c->owned--;
	}
	if (t->state != TABLE_LINKED)
		return;
	if (t->mirror)
		check_mirror(s, before, value, mine);
	count(t, before, ~0ull);
	count(t, value, 1);
	unlink_table(before, value);
	if (is_table(value))
		link_table(t, p, before, value);
}

/* --- atomics -----------------------------------------------------------------
 */

/* The world itself refers to its roots, so no count of references ends at 0,
 * and additions to a count may change places. Where roots are made and dropped,
 * their counts take steps all the same: world_roots_in_steps(). */
static bool is_root_count(const uint64_t *p)
{
	uint32_t i;

	for (i = 0; i < TDXC_MMU_ROOTS; i++)
		if (p == &w.mmu.roots[i].refs)
			return true;
	return false;
}

/* Whether other threads may notice an access. Entries that cover no watched
 * frame are never anybody else's. */
static bool takes_step(const uint64_t *p)
{
	uint32_t t = table_with(p);

	if (t == NO_TABLE)
		return w.roots_in_steps || !is_root_count(p);
	if (w.table[t].state == TABLE_SPARE)
		return t / WORLD_TABLES_CPU != self_number();
	return covers_watched(&w.table[t], p);
}

static void before_access(const char *what, const uint64_t *p,
			  enum il_mode mode)
{
	if (takes_step(p))
		il_access(what, p, mode);
	if (table_with(p) != NO_TABLE)
		check_access(p);
}

static void after_read(const uint64_t *p, uint64_t value, bool acquire)
{
	struct world_cpu *c = world_self();
	struct tdxc_spte s = {value};

	c->last = (uint64_t *)(uintptr_t)p;
	c->seen = value;
	if (table_with(p) == NO_TABLE)
		return;
	if (tdxc_spte_is_frozen(s))
		c->met = c->last;
	else if (tdxc_spte_is_table(s) && acquire)
		c->reached |= 1ull << model_table_of(tdxc_spte_pa(s));
}

uint64_t world_load(const uint64_t *p, bool acquire)
{
	before_access(acquire ? "acquire" : "load", p, IL_READ);
	after_read(p, *p, acquire);
	return *p;
}

void world_store(uint64_t *p, uint64_t value)
{
	uint64_t old;

	before_access("store", p, IL_WRITE);
	old = *p;
	*p = value;
	if (table_with(p) != NO_TABLE)
		changed(p, old, value, true);
}

bool world_cmpxchg(uint64_t *p, uint64_t *old, uint64_t value)
{
	before_access("cmpxchg", p, IL_WRITE);
	if (*p != *old) {
		*old = *p;
		after_read(p, *p, false);
		return false;
	}
	*p = value;
	if (table_with(p) != NO_TABLE)
		changed(p, *old, value, false);
	return true;
}

uint64_t world_xchg(uint64_t *p, uint64_t value)
{
	uint64_t old;

	before_access("xchg", p, IL_WRITE);
	old = *p;
	*p = value;
	if (table_with(p) != NO_TABLE)
		changed(p, old, value, false);
	return old;
}

/* Whether a walk still comes to the first of some entries, each of which is to
 * point to the table of the one before. */
static bool is_reached(const struct il_step *step)
{
	uint32_t i;

	for (i = 1; i < step->objects; i++) {
		struct tdxc_spte s = {step->expected[i]};

		if (!tdxc_spte_is_table(s) ||
		    model_table_of(tdxc_spte_pa(s)) !=
			    table_with(step->object[i - 1]))
			return false;
	}
	return true;
}

/* Looking again at what has not changed shows nothing new. Entries of a dead
 * table never change, but the one above has. */
static void wait_for_change(uint64_t *p, uint64_t seen)
{
	struct il_step step = {
		.what = "look above",
		.object = {p},
		.expected = {seen},
		.objects = 1,
	};
	uint32_t t = table_with(p);
	uint32_t i;

	while (t != NO_TABLE && !w.table[t].root && w.table[t].parent != NULL) {
		step.object[step.objects++] = w.table[t].parent;
		t = table_with(w.table[t].parent);
	}
	il_step(&step); /* all objects are read */
	for (i = 1; i < step.objects; i++)
		step.expected[i] = *step.object[i];
	step.what = "wait";
	step.any = step.objects;
	if (is_reached(&step))
		il_step(&step);
}

void world_relax(void)
{
	wait_for_change(world_self()->last, world_self()->seen);
}

/* --- ops: tables -------------------------------------------------------------
 */

static int table_alloc(void *ctx, bool mirror, struct tdxc_mmu_table *table)
{
	struct world_cpu *c = world_self();
	uint32_t first = self_number() * WORLD_TABLES_CPU;
	uint32_t i;

	(void)ctx;
	if (c->owned != 0)
		il_fail("I-NOYIELD", "allocates with %u frozen", c->owned);
	for (i = first; i < first + WORLD_TABLES_CPU; i++) {
		struct model_table *t = &w.table[i];

		if (t->state != TABLE_POOL || t->external != PAGE_HOST)
			continue;
		t->state = TABLE_SPARE;
		t->mirror = mirror;
		c->reached |= 1ull << i;
		memset(memory[i], 0, sizeof(memory[i]));
		table->pa = WORLD_TABLE_PA + i * 4096ull;
		table->external = mirror ? external_pa(i) : 0;
		return TDXC_OK;
	}
	return TDXC_E_NOMEM;
}

/* The external page comes with the table, unless it is lost. */
static void check_external_back(const struct model_table *t, uint64_t external)
{
	if (external != 0 && t->external != PAGE_HOST)
		il_fail("I-RET", "an external page that was not given back");
	if (external == 0 && t->mirror && t->external == PAGE_LENT)
		il_fail("I-RET", "an external page is forgotten");
}

static void table_free(void *ctx, const struct tdxc_mmu_table *table)
{
	struct model_table *t = &w.table[model_table_of(table->pa)];

	(void)ctx;
	if (t->state != TABLE_SPARE)
		il_fail("I-FREE", "frees a table that was linked");
	check_external_back(t, table->external);
	t->state = TABLE_POOL;
}

static uint32_t in_sections(void)
{
	uint32_t set = 0;
	uint32_t i;

	for (i = 0; i < WORLD_CPUS; i++)
		if (w.cpu[i].section)
			set |= 1u << i;
	return set;
}

static void table_retire(void *ctx, const struct tdxc_mmu_table *table)
{
	struct model_table *t = &w.table[model_table_of(table->pa)];

	(void)ctx;
	il_access("retire", &w.sections, IL_WRITE);
	if (!t->root && t->state != TABLE_UNLINKED)
		il_fail("I-FREE", "retires a table that is linked");
	if (t->mirror && !t->root)
		check_external_back(t, table->external);
	t->state = TABLE_RETIRED;
	t->waited = in_sections();
	if (t->waited == 0)
		t->state = TABLE_FREED;
}

static uint64_t table_external(void *ctx, uint64_t pa)
{
	(void)ctx;
	return external_pa(model_table_of(pa));
}

/* --- ops: the caller ---------------------------------------------------------
 */

static bool lock_held(void *ctx, enum tdxc_lock lock)
{
	const struct world_cpu *c = world_self();

	(void)ctx;
	return c->exclusive || (c->shared && lock == TDXC_LOCK_SHARED);
}

static bool is_stale(void *ctx, const struct tdxc_fault *fault,
		     struct tdxc_gfn gfn, uint32_t level)
{
	struct world_cpu *c = world_self();
	uint32_t memory_of =
		fault->is_private ? TDXC_MEMORY_PRIVATE : TDXC_MEMORY_SHARED;

	(void)ctx;
	il_access("is_stale", &w.sequence, IL_READ);
	c->stale = w.sequence / 2 != fault->sequence ||
		   ((w.sequence & 1) != 0 &&
		    (w.stale_memory & memory_of) != 0 && gfn.n < w.stale_end &&
		    gfn.n + tdxc_level_frames(level) > w.stale_first);
	return c->stale;
}

static const struct tdxc_mmu_ops ops = {
	.abi = TDXC_ABI,
	.table_alloc = table_alloc,
	.table_free = table_free,
	.table_retire = table_retire,
	.table_external = table_external,
	.lock_held = lock_held,
	.is_stale = is_stale,
	.external_set = external_set,
	.external_remove = external_remove,
	.external_reclaim = external_reclaim,
};

/* --- locks, sections, invalidations -----------------------------------------
 */

static void check_nothing_frozen(void)
{
	uint32_t i;

	for (i = 0; i < w.slots; i++)
		if (*w.slot[i].at == TDXC_SPTE_FROZEN_BITS &&
		    w.table[table_with(w.slot[i].at)].state == TABLE_LINKED)
			il_fail("I-WNOF", "frozen under the exclusive lock");
}

void world_enter(enum tdxc_lock lock, uint32_t kind, uint64_t first,
		 uint64_t end)
{
	struct world_cpu *c = world_self();
	bool exclusive = lock == TDXC_LOCK_EXCLUSIVE;
	bool shared = lock == TDXC_LOCK_SHARED;
	struct il_step step = {
		.what = "enter",
		.object = {&w.lock, &w.sections, &w.mmu.poisoned},
		.mode = {exclusive ? IL_WRITE : IL_COMMUTE, IL_COMMUTE,
			 IL_READ},
		.objects = 3,
		.mask = exclusive ? ~0ull
			: shared  ? LOCK_WRITER
				  : 0,
		.value = 0,
		.equal = true,
	};

	il_step(&step);
	w.lock += exclusive ? LOCK_WRITER : shared;
	c->exclusive = exclusive;
	c->shared = shared;
	c->section = true;
	c->memory = kind;
	c->first = first;
	c->end = end;
	c->met = NULL;
	c->stale = false;
	c->poisoned = w.mmu.poisoned != 0;
	if (exclusive)
		check_nothing_frozen();
}

void world_may_change(void)
{
	world_self()->changes = true;
}

static void leave_section(void)
{
	uint32_t bit = 1u << self_number();
	uint32_t i;

	world_self()->section = false;
	for (i = 0; i < WORLD_TABLES; i++) {
		struct model_table *t = &w.table[i];

		if (t->state != TABLE_RETIRED)
			continue;
		t->waited &= ~bit;
		if (t->waited == 0)
			t->state = TABLE_FREED;
	}
}

/* Tables that a thread may use without reading their address. */
static void forget_reached(void)
{
	struct world_cpu *c = world_self();
	uint32_t first = self_number() * WORLD_TABLES_CPU;
	uint32_t i;

	c->reached = 0;
	for (i = first; i < first + WORLD_TABLES_CPU; i++)
		if (w.table[i].state == TABLE_SPARE)
			c->reached |= 1ull << i;
}

static void check_counts(const struct tdxc_mmu_counts *a,
			 const struct tdxc_mmu_counts *b, const char *which)
{
	if (memcmp(a->pages, b->pages, sizeof(a->pages)) != 0 ||
	    memcmp(a->tables, b->tables, sizeof(a->tables)) != 0)
		il_fail("I-CNT",
			"%s: mirror pages %" PRIu64 " of %" PRIu64
			", tables %" PRIu64 " of %" PRIu64,
			which, a->pages[1][1], b->pages[1][1], a->tables[1],
			b->tables[1]);
}

void world_leave(void)
{
	struct world_cpu *c = world_self();
	struct il_step step = {
		.what = "leave",
		.object = {&w.lock, &w.sections},
		.mode = {c->exclusive ? IL_WRITE : IL_COMMUTE, IL_COMMUTE},
		.objects = 2,
	};

	if (c->owned != 0 || c->cpu.frozen != 0)
		il_fail("I-OWN", "returns with %u frozen, %u said", c->owned,
			c->cpu.frozen);
	check_counts(&c->cpu.counts, &c->ledger, "of one thread");
	il_step(&step);
	w.lock -= c->exclusive ? LOCK_WRITER : c->shared;
	c->exclusive = false;
	c->shared = false;
	c->changes = false;
	leave_section();
	forget_reached();
}

void world_invalidate(uint32_t kind, uint64_t first, uint64_t end)
{
	il_access("invalidate", &w.sequence, IL_WRITE);
	w.sequence |= 1;
	if (w.invalidations++ == 0) {
		w.stale_memory = kind;
		w.stale_first = first;
		w.stale_end = end;
		return;
	}
	w.stale_memory |= kind;
	if (w.stale_first > first)
		w.stale_first = first;
	if (w.stale_end < end)
		w.stale_end = end;
}

/* A step for each entry, so that any order with whoever maps there is seen. */
static void check_gone(enum tdxc_memory kind, uint64_t gfn)
{
	uint32_t level = TDXC_LEVEL_4K;
	uint64_t *p = model_find(&world_root(kind)->tree, gfn, level);

	if (p == NULL)
		p = model_find(&world_root(kind)->tree, gfn, ++level);
	if (p == NULL)
		return;
	il_access("gone?", p, IL_READ);
	if ((*p & TDXC_SPTE_PRESENT) != 0 && !is_table(*p) &&
	    (kind == TDXC_MEMORY_SHARED ||
	     (world_external(gfn, level) & X_STATE_MASK) != X_LOST))
		il_fail("R7", "%s frame 0x%" PRIx64 " is mapped",
			kind == TDXC_MEMORY_SHARED ? "shared" : "private", gfn);
}

void world_invalidated(uint32_t kind, uint64_t gfn)
{
	if ((kind & TDXC_MEMORY_PRIVATE) != 0)
		check_gone(TDXC_MEMORY_PRIVATE, gfn);
	if ((kind & TDXC_MEMORY_SHARED) != 0)
		check_gone(TDXC_MEMORY_SHARED, gfn);
	world_valid_again();
}

void world_valid_again(void)
{
	il_access("invalidated", &w.sequence, IL_WRITE);
	w.sequence += 2;
	w.invalidations--;
	if (w.invalidations == 0)
		w.sequence &= ~1ull;
}

uint64_t world_sequence(void)
{
	il_access("sequence", &w.sequence, IL_READ);
	return w.sequence / 2;
}

void world_wait(void)
{
	const struct world_cpu *c = world_self();

	if (c->stale)
		il_wait("until valid", &w.sequence, 1, 1, IL_READ);
	else if (c->met != NULL)
		wait_for_change(c->met, TDXC_SPTE_FROZEN_BITS);
}

/* --- making and ending -------------------------------------------------------
 */

void world_root_made(struct tdxc_root *root, bool mirror)
{
	struct model_table *t = &w.table[model_table_of(root->tree.pa)];

	t->state = TABLE_LINKED;
	t->root = true;
	t->mirror = mirror;
	t->level = (uint8_t)root->tree.levels;
}

static void make_root(uint32_t kind)
{
	if (tdxc_root_get(&w.mmu,
			  kind == 0 ? TDXC_ROOTS_DIRECT : TDXC_ROOTS_MIRROR,
			  &w.root[kind]) != TDXC_OK)
		abort();
	world_root_made(w.root[kind], kind == 1);
}

void world_make(uint32_t levels, bool roots)
{
	struct tdxc_mmu_config config = {
		.abi = TDXC_ABI,
		.levels = levels,
		.ops = &ops,
		.virt = (uint64_t)(uintptr_t)memory - WORLD_TABLE_PA,
		.td = true,
		.end = tdxc_alias_bit(levels),
	};
	uint32_t i;

	memset(&w, 0, sizeof(w));
	for (i = 0; i <= IL_THREADS; i++) {
		w.cpu[i].cpu.batch.entries = w.cpu[i].entries;
		w.cpu[i].cpu.batch.slots = w.cpu[i].slots;
		w.cpu[i].cpu.batch.room = IL_BATCH;
	}
	w.epoch = 1;
	if (tdxc_mmu_init(&w.mmu, &config) != TDXC_OK)
		abort();
	for (i = 0; i < 2 && roots; i++)
		make_root(i);
}

void world_watch(uint64_t gfn)
{
	uint32_t level;

	if (model_entry_of(gfn, 1) != NULL)
		return;
	w.watched[w.watches++] = gfn;
	for (level = 1; level <= w.mmu.config.levels; level++) {
		if (model_entry_of(gfn, level) != NULL)
			continue;
		w.entry[w.entries].gfn = gfn & ~(tdxc_level_frames(level) - 1);
		w.entry[w.entries].level = level;
		w.entries++;
	}
}

void world_roots_in_steps(void)
{
	w.roots_in_steps = true;
}

void world_vcpus(uint32_t n)
{
	w.vcpus = n;
}

/* Whoever prepared needs none any more. */
void world_release_spares(void)
{
	tdxc_mmu_release(&w.mmu, &world_self()->cpu);
}

uint64_t *world_slot(enum tdxc_memory kind, uint64_t gfn)
{
	return model_find(&world_root(kind)->tree, gfn, 1);
}

void world_allow(uint32_t thread, uint32_t busy, uint32_t fatal)
{
	w.cpu[thread].busy = busy;
	w.cpu[thread].fatal = fatal;
}

void world_keep(void)
{
	kept = w;
	memcpy(kept_memory, memory, sizeof(memory));
}

void world_begin(void)
{
	uint32_t i;

	w = kept;
	for (i = 0; i < WORLD_TABLES; i++)
		if (w.table[i].state != TABLE_POOL)
			memcpy(memory[i], kept_memory[i], sizeof(memory[i]));
}

static bool is_somebodys_spare(uint64_t pa)
{
	uint32_t i;
	uint32_t kind;
	uint32_t k;

	for (i = 0; i < WORLD_CPUS; i++)
		for (kind = 0; kind < 2; kind++)
			for (k = 0; k < w.cpu[i].cpu.nr_spare[kind]; k++)
				if (w.cpu[i].cpu.spare[kind][k].pa == pa)
					return true;
	return false;
}

static void count_leaves(uint32_t table, struct tdxc_mmu_counts *sum)
{
	const struct model_table *t = &w.table[table];
	uint32_t i;

	for (i = 0; i < TDXC_ENTRIES; i++) {
		struct tdxc_spte s = {memory[table][i]};

		if (tdxc_spte_is_leaf(s))
			sum->pages[t->mirror][t->level]++;
		if (tdxc_spte_is_table(s))
			sum->tables[t->mirror]++;
		if (tdxc_spte_is_frozen(s))
			il_fail("I-OWN", "frozen at the end");
	}
}

static void end_tables(struct tdxc_mmu_counts *sum)
{
	uint32_t i;

	for (i = 0; i < WORLD_TABLES; i++) {
		const struct model_table *t = &w.table[i];
		bool linked = t->state == TABLE_LINKED;

		if (linked)
			count_leaves(i, sum);
		if (t->state == TABLE_SPARE &&
		    !is_somebodys_spare(WORLD_TABLE_PA + i * 4096ull))
			il_fail("LEAK", "table %u is nobody's", i);
		if (t->external == PAGE_LENT && !(linked && !t->root))
			il_fail("I-RET", "external page %u is nobody's", i);
		if (t->state == TABLE_UNLINKED)
			il_fail("LEAK", "table %u was not retired", i);
	}
}

static void end_pages(void)
{
	uint32_t lent = 0;
	uint32_t i;

	for (i = 0; i < w.entries; i++)
		if ((w.entry[i].cell & X_STATE_MASK) == X_PENDING ||
		    (w.entry[i].cell & X_STATE_MASK) == X_MAPPED)
			lent++;
	for (i = 0; i < WORLD_PAGES; i++)
		if (w.page[i] == PAGE_LENT)
			lent--;
	for (i = 0; i < w.watches; i++)
		if (w.piece[i] == PAGE_LENT)
			lent--;
	if (lent != 0)
		il_fail("I-SINGLE", "pages lent and pages mapped differ");
}

/* All threads have ended: every table and page is somewhere. */
void world_end(void)
{
	struct tdxc_mmu_counts sum;
	struct tdxc_mmu_counts found;
	uint32_t i;

	memset(&sum, 0, sizeof(sum));
	memset(&found, 0, sizeof(found));
	for (i = 0; i < WORLD_CPUS; i++)
		tdxc_mmu_counts_add(&sum, &w.cpu[i].cpu);
	end_tables(&found);
	check_counts(&sum, &found, "of all");
	end_pages();
}
