/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * See mirror_case.h.
 */
#include "mirror_case.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tdxcore/err.h>
#include <tdxcore/version.h>

#define PAGE   4096ull
#define OFFSET 0x0000600000000000ull
/* Host physical addresses of tables begin here when they are mapped elsewhere.
 */
#define BASE 0x0000000400000000ull

static void wrong(struct mirror_case *c, const char *what)
{
	if (c->wrong == NULL)
		c->wrong = what;
}

static void stop(const char *what)
{
	fprintf(stderr, "mirror_case: %s\n", what);
	abort();
}

/* ---- injections ---- */

/* Count a call. true: it fails, with *err. */
static bool injected(struct mirror_case *c, enum mirror_hook hook, int *err)
{
	struct mirror_injection *in = &c->inject[hook];
	uint64_t call = ++c->calls[hook];
	void (*run)(void *) = in->run;

	if (in->at == 0 || call < in->at || call >= in->at + in->times)
		return false;
	if (run != NULL) {
		in->run = NULL;
		in->at = 0;
		run(in->arg);
		return false;
	}
	*err = in->err;
	return true;
}

void mirror_case_fail(struct mirror_case *c, enum mirror_hook hook, uint64_t at,
		      int err)
{
	struct mirror_injection in = {
		c->calls[hook] + at, 1, err, false, false, NULL, NULL};

	c->inject[hook] = in;
}

void mirror_case_run(struct mirror_case *c, enum mirror_hook hook, uint64_t at,
		     void (*run)(void *arg), void *arg)
{
	struct mirror_injection in = {
		c->calls[hook] + at, 1, 0, false, false, run, arg};

	c->inject[hook] = in;
}

void mirror_case_calm(struct mirror_case *c)
{
	memset(c->inject, 0, sizeof c->inject);
}

/* ---- tables ---- */

static uint64_t pa_of(const struct mirror_case *c, uint32_t i)
{
	return (uint64_t)(size_t)c->memory - c->virt + i * PAGE;
}

static uint32_t index_of(struct mirror_case *c, uint64_t pa)
{
	uint64_t i = (pa - pa_of(c, 0)) / PAGE;

	if (pa % PAGE != 0 || i >= MIRROR_CASE_TABLES)
		stop("no address of a table");
	return (uint32_t)i;
}

static uint64_t external_of(uint32_t i)
{
	return MIRROR_CASE_EXTERNAL_PA + i * PAGE;
}

static bool any_frozen(const struct mirror_case *c)
{
	uint32_t i;

	for (i = 0; i < MIRROR_CASE_CPUS; i++)
		if (c->cpu[i].frozen != 0)
			return true;
	return false;
}

static int table_alloc(void *ctx, bool mirror, struct tdxc_mmu_table *table)
{
	struct mirror_case *c = ctx;
	uint32_t i;
	int err;

	if (any_frozen(c))
		wrong(c, "allocation in a frozen window");
	if (injected(c, MIRROR_ALLOC, &err))
		return err;
	for (i = 0; i < MIRROR_CASE_TABLES; i++)
		if (c->table[i] == MIRROR_PAGE_FREE &&
		    c->external[i] == MIRROR_PAGE_FREE)
			break;
	if (i == MIRROR_CASE_TABLES)
		return TDXC_E_NOMEM;
	c->table[i] = MIRROR_PAGE_HELD;
	c->external[i] = mirror ? MIRROR_PAGE_HELD : MIRROR_PAGE_FREE;
	memset(c->memory + i * PAGE, c->fill, PAGE);
	table->pa = pa_of(c, i);
	table->external = mirror ? external_of(i) : 0;
	return TDXC_OK;
}

static void external_free(struct mirror_case *c, uint32_t i, uint64_t external)
{
	if (external == 0) {
		if (c->external[i] != MIRROR_PAGE_FREE)
			c->external[i] = MIRROR_PAGE_LOST;
		return;
	}
	if (external != external_of(i) || c->external[i] != MIRROR_PAGE_HELD)
		wrong(c, "an external page is freed that is not the host's");
	c->external[i] = MIRROR_PAGE_FREE;
}

static void table_free(void *ctx, const struct tdxc_mmu_table *table)
{
	struct mirror_case *c = ctx;
	uint32_t i = index_of(c, table->pa);
	int err;

	(void)injected(c, MIRROR_FREE, &err);
	if (c->table[i] != MIRROR_PAGE_HELD)
		wrong(c, "a table is freed that the library has not");
	c->table[i] = MIRROR_PAGE_FREE;
	external_free(c, i, table->external);
}

static void table_retire(void *ctx, const struct tdxc_mmu_table *table)
{
	struct mirror_case *c = ctx;
	uint32_t i = index_of(c, table->pa);
	int err;

	(void)injected(c, MIRROR_RETIRE, &err);
	if (c->table[i] != MIRROR_PAGE_HELD)
		wrong(c, "a table is retired that the library has not");
	c->table[i] = MIRROR_PAGE_RETIRED;
	external_free(c, i, table->external);
}

static uint64_t table_external(void *ctx, uint64_t pa)
{
	return external_of(index_of(ctx, pa));
}

/* ---- lock, sequence, attributes ---- */

static bool holds(const struct mirror_case *c, enum tdxc_lock lock)
{
	return c->exclusive_held ||
	       (lock == TDXC_LOCK_SHARED && c->shared_held);
}

static bool lock_held(void *ctx, enum tdxc_lock lock)
{
	struct mirror_case *c = ctx;
	int err;

	return !injected(c, MIRROR_LOCK, &err) && holds(c, lock);
}

static bool overlaps(const struct mirror_range *range, uint64_t start,
		     uint64_t end)
{
	return range->start < end && start < range->end;
}

static bool is_stale(void *ctx, const struct tdxc_fault *fault,
		     struct tdxc_gfn gfn, uint32_t level)
{
	struct mirror_case *c = ctx;
	uint64_t end = gfn.n + tdxc_level_frames(level);
	uint32_t i;
	int err;

	if (injected(c, MIRROR_STALE, &err))
		return true;
	for (i = 0; i < c->nr_invalidated; i++)
		if (overlaps(&c->invalidated[i], gfn.n, end) &&
		    fault->sequence < c->invalidated[i].value)
			return true;
	for (i = 0; i < c->nr_attributes; i++)
		if (overlaps(&c->attributes[i], gfn.n, end) &&
		    c->attributes[i].value != fault->is_private)
			return true;
	return false;
}

static void add_range(struct mirror_range *ranges, uint32_t *n,
		      struct mirror_range range)
{
	if (*n == MIRROR_CASE_RANGES)
		stop("too many ranges");
	ranges[(*n)++] = range;
}

void mirror_case_invalidate(struct mirror_case *c, uint64_t start, uint64_t end)
{
	struct mirror_range range = {start, end, ++c->sequence};

	add_range(c->invalidated, &c->nr_invalidated, range);
}

void mirror_case_attribute(struct mirror_case *c, uint64_t start, uint64_t end,
			   bool is_private)
{
	struct mirror_range range = {start, end, is_private};

	add_range(c->attributes, &c->nr_attributes, range);
}

/* ---- the external tree ---- */

/* The place of a key, or where it would be. */
static struct mirror_node *find(struct mirror_node *nodes, uint64_t key)
{
	uint32_t i = (uint32_t)(key * 0x9E3779B97F4A7C15ull >> 40);
	uint32_t tries;

	for (tries = 0; tries < MIRROR_CASE_NODES; tries++) {
		struct mirror_node *node =
			&nodes[(i + tries) % MIRROR_CASE_NODES];

		if (node->key == key || node->key == 0)
			return node;
	}
	stop("the external tree is too large");
	return NULL;
}

static struct mirror_node *put(struct mirror_node *nodes, uint64_t key)
{
	struct mirror_node *node = find(nodes, key);

	node->key = key;
	return node;
}

static uint64_t key_of(uint64_t gfn, uint32_t level)
{
	return (gfn & ~(tdxc_level_frames(level) - 1)) * 8 + level;
}

static struct mirror_node *node_at(const struct mirror_case *c, uint64_t gfn,
				   uint32_t level)
{
	return find(c->nodes, key_of(gfn, level));
}

const struct mirror_node *mirror_case_node(const struct mirror_case *c,
					   uint64_t gfn, uint32_t level)
{
	return node_at(c, gfn, level);
}

bool mirror_case_is_lent(const struct mirror_case *c, uint64_t pa)
{
	return find(c->pages, pa)->kind != MIRROR_NODE_FREE;
}

/* The entry above is a table; the module's root always is. */
static bool has_parent(const struct mirror_case *c, uint64_t gfn,
		       uint32_t level)
{
	return level == c->mmu.config.levels ||
	       node_at(c, gfn, level + 1)->kind == MIRROR_NODE_TABLE;
}

/* All entries of the mirror's table, or the first that is not so. */
static bool is_row(const uint64_t *entries, uint64_t first, uint64_t step)
{
	uint32_t e;

	for (e = 0; e < TDXC_ENTRIES; e++)
		if (entries[e] != first + e * step)
			return false;
	return true;
}

static const uint64_t *entries_of(struct mirror_case *c, struct tdxc_spte table)
{
	uint32_t i = index_of(c, tdxc_spte_pa(table));

	return (const void *)(c->memory + i * PAGE);
}

/* Bytes of a page of the level below. */
static uint64_t step_below(uint32_t level)
{
	return tdxc_level_frames(level - 1) << 12;
}

static void lend(struct mirror_case *c, uint64_t pa, uint64_t key)
{
	struct mirror_node *page = put(c->pages, pa);

	if (page->kind != MIRROR_NODE_FREE)
		wrong(c, "a page is lent twice");
	page->kind = MIRROR_NODE_LEAF;
	page->value = key;
}

/* Of large pages the first and the last frame will do. */
static void lend_all(struct mirror_case *c, uint64_t pa, uint32_t level,
		     uint64_t key)
{
	lend(c, pa, key);
	if (level > TDXC_LEVEL_4K)
		lend(c, pa + ((tdxc_level_frames(level) - 1) << 12), key);
}

static void take_back(struct mirror_case *c, uint64_t pa, uint32_t level)
{
	uint64_t last = pa + ((tdxc_level_frames(level) - 1) << 12);

	find(c->pages, pa)->kind = MIRROR_NODE_FREE;
	find(c->pages, last)->kind = MIRROR_NODE_FREE;
}

static void lend_table(struct mirror_case *c,
		       const struct tdxc_external_change *change,
		       struct mirror_node *node)
{
	uint32_t i = index_of(c, tdxc_spte_pa(change->now));

	if (change->external != external_of(i) ||
	    c->external[i] != MIRROR_PAGE_HELD)
		wrong(c, "a table is linked without its external page");
	c->external[i] = MIRROR_PAGE_LENT;
	node->kind = MIRROR_NODE_TABLE;
	node->value = change->external;
}

static void set_table(struct mirror_case *c,
		      const struct tdxc_external_change *change,
		      struct mirror_node *node)
{
	if (!is_row(entries_of(c, change->now), TDXC_SPTE_EMPTY_BITS, 0))
		wrong(c, "a table is linked that is not empty");
	if (change->source != 0)
		wrong(c, "a table has no first contents");
	lend_table(c, change, node);
}

static void check_leaf(struct mirror_case *c,
		       const struct tdxc_external_change *change)
{
	uint64_t pa = tdxc_spte_pa(change->now);

	if (change->now.bits != tdxc_spte_private(pa, change->level).bits)
		wrong(c, "a private page is not RWX and write-back");
	if ((pa & ((tdxc_level_frames(change->level) << 12) - 1)) != 0)
		wrong(c, "a private page is not aligned");
}

static void set_leaf(struct mirror_case *c,
		     const struct tdxc_external_change *change,
		     struct mirror_node *node)
{
	uint64_t pa = tdxc_spte_pa(change->now);

	check_leaf(c, change);
	if (change->source != 0 && change->level > TDXC_LEVEL_4K)
		wrong(c, "a large page has no first contents");
	lend_all(c, pa, change->level, node->key);
	if (c->finalised)
		c->augs++;
	else
		c->adds++;
	node->kind = MIRROR_NODE_LEAF;
	node->value = pa;
}

/* --- changes of what is there --- */

static void demote(struct mirror_case *c,
		   const struct tdxc_external_change *change,
		   struct mirror_node *node)
{
	uint64_t pa = tdxc_spte_pa(change->old);
	uint64_t step = step_below(change->level);
	uint32_t level = change->level - 1;
	uint32_t e;

	if (node->kind != MIRROR_NODE_LEAF || node->value != pa)
		wrong(c, "a leaf is demoted that is not there");
	if (!is_row(entries_of(c, change->now),
		    tdxc_spte_private(pa, level).bits, step))
		wrong(c, "a leaf is demoted to something else");
	lend_table(c, change, node);
	take_back(c, pa, change->level);
	for (e = 0; e < TDXC_ENTRIES; e++) {
		uint64_t gfn = change->gfn.n + e * tdxc_level_frames(level);
		struct mirror_node *child = put(c->nodes, key_of(gfn, level));

		if (child->kind != MIRROR_NODE_FREE)
			wrong(c, "something is below a leaf");
		child->kind = MIRROR_NODE_LEAF;
		child->value = pa + e * step;
		lend_all(c, child->value, level, child->key);
	}
	c->demotions++;
}

static void promote(struct mirror_case *c,
		    const struct tdxc_external_change *change,
		    struct mirror_node *node)
{
	uint64_t pa = tdxc_spte_pa(change->now);
	uint64_t step = step_below(change->level);
	uint32_t table = index_of(c, tdxc_spte_pa(change->old));
	uint32_t level = change->level - 1;
	uint32_t e;

	check_leaf(c, change);
	if (node->kind != MIRROR_NODE_TABLE ||
	    node->value != change->external ||
	    change->external != external_of(table))
		wrong(c, "a table is promoted that is not there");
	if (!is_row(entries_of(c, change->old), TDXC_SPTE_FROZEN_BITS, 0))
		wrong(c, "a table is promoted that is not frozen");
	for (e = 0; e < TDXC_ENTRIES; e++) {
		uint64_t gfn = change->gfn.n + e * tdxc_level_frames(level);
		struct mirror_node *child = node_at(c, gfn, level);

		if (child->kind != MIRROR_NODE_LEAF ||
		    child->value != pa + e * step)
			wrong(c, "what is promoted is not alike");
		child->kind = MIRROR_NODE_FREE;
		take_back(c, pa + e * step, level);
	}
	c->external[table] = MIRROR_PAGE_FREE;
	node->kind = MIRROR_NODE_LEAF;
	node->value = pa;
	lend_all(c, pa, change->level, node->key);
	c->promotions++;
}

static void relocate(struct mirror_case *c,
		     const struct tdxc_external_change *change,
		     struct mirror_node *node)
{
	uint64_t old = tdxc_spte_pa(change->old);
	uint64_t pa = tdxc_spte_pa(change->now);

	check_leaf(c, change);
	if (change->level != TDXC_LEVEL_4K || node->kind != MIRROR_NODE_LEAF ||
	    node->value != old || pa == old)
		wrong(c, "a page moves that is not there");
	take_back(c, old, change->level);
	lend_all(c, pa, change->level, node->key);
	node->value = pa;
	c->relocations++;
}

static void apply(struct mirror_case *c,
		  const struct tdxc_external_change *change)
{
	struct mirror_node *node =
		put(c->nodes, key_of(change->gfn.n, change->level));
	bool from_leaf = tdxc_spte_is_leaf(change->old);
	bool to_table = tdxc_spte_is_table(change->now);

	c->last = *change;
	if (from_leaf && to_table)
		demote(c, change, node);
	else if (from_leaf)
		relocate(c, change, node);
	else if (tdxc_spte_is_table(change->old))
		promote(c, change, node);
	else if (to_table)
		set_table(c, change, node);
	else
		set_leaf(c, change, node);
}

static int external_set(void *ctx, const struct tdxc_external_change *change)
{
	struct mirror_case *c = ctx;
	bool applied = c->inject[MIRROR_SET].applied;
	int err = TDXC_OK;

	if (!any_frozen(c))
		wrong(c, "an external change outside a frozen window");
	if (tdxc_mmu_is_poisoned(&c->mmu))
		wrong(c, "an external change after an unknown outcome");
	if (!holds(c, change->lock))
		wrong(c, "the external tree is told of a lock nobody holds");
	if ((change->gfn.n & (tdxc_level_frames(change->level) - 1)) != 0 ||
	    (change->gfn.n & tdxc_alias_bit(c->mmu.config.levels)) != 0)
		wrong(c, "an external change of no private frame");
	if (!tdxc_spte_is_present(change->now) ||
	    (tdxc_spte_is_table(change->old) &&
	     !tdxc_spte_is_leaf(change->now)))
		wrong(c, "an external change that is none");
	if (tdxc_spte_is_present(change->old) && change->source != 0)
		wrong(c, "first contents of what is there");
	if (!has_parent(c, change->gfn.n, change->level))
		wrong(c, "an external change below no table");
	if (!tdxc_spte_is_present(change->old) &&
	    node_at(c, change->gfn.n, change->level)->kind != MIRROR_NODE_FREE)
		wrong(c, "an external change where something is");
	if (injected(c, MIRROR_SET, &err) && !applied)
		return err;
	apply(c, change);
	return err;
}

static void remove_leaf(struct mirror_case *c, struct tdxc_external_entry *leaf)
{
	struct mirror_node *node = node_at(c, leaf->gfn.n, leaf->level);
	uint64_t pa = tdxc_spte_pa(leaf->old);

	if (node->kind != MIRROR_NODE_LEAF || node->value != pa)
		wrong(c, "a leaf is removed that is not there");
	if (leaf->external != 0)
		wrong(c, "a leaf has no external page");
	node->kind = MIRROR_NODE_FREE;
	if (!leaf->removed)
		take_back(c, pa, leaf->level);
}

/* Nothing is left below an entry. */
static bool is_bare(const struct mirror_case *c, uint64_t gfn, uint32_t level)
{
	uint64_t end = gfn + tdxc_level_frames(level);
	uint32_t i;

	for (i = 0; i < MIRROR_CASE_NODES; i++) {
		const struct mirror_node *node = &c->nodes[i];

		if (node->kind != MIRROR_NODE_FREE && node->key % 8 < level &&
		    node->key / 8 >= gfn && node->key / 8 < end)
			return false;
	}
	return true;
}

static void remove_table(struct mirror_case *c,
			 struct tdxc_external_entry *table)
{
	struct mirror_node *node = node_at(c, table->gfn.n, table->level);
	uint32_t i = index_of(c, tdxc_spte_pa(table->old));

	if (node->kind != MIRROR_NODE_TABLE || node->value != table->external ||
	    table->external != external_of(i) ||
	    c->external[i] != MIRROR_PAGE_LENT)
		wrong(c, "a table is removed that is not there");
	if (!is_bare(c, table->gfn.n, table->level))
		wrong(c, "a table is removed that is not empty");
	if (!is_row(entries_of(c, table->old), TDXC_SPTE_FROZEN_BITS, 0))
		wrong(c, "a table is removed that is not frozen");
	node->kind = MIRROR_NODE_FREE;
	c->external[i] = table->removed ? MIRROR_PAGE_LOST : MIRROR_PAGE_FREE;
	c->tables_removed++;
}

static void remove_entry(struct mirror_case *c,
			 struct tdxc_external_entry *entry)
{
	const struct mirror_injection *in = &c->inject[MIRROR_REMOVE];
	bool applied = in->applied;
	bool removed = in->removed;
	int err = TDXC_OK;
	bool fails = injected(c, MIRROR_REMOVE, &err);

	if (fails && removed)
		entry->removed = true;
	entry->status = err;
	if (fails && !applied && !removed)
		return;
	if (tdxc_spte_is_table(entry->old))
		remove_table(c, entry);
	else
		remove_leaf(c, entry);
}

/* Of the CPU whose batch it is; or one entry of it, for a test's spy. */
static size_t room_of(const struct mirror_case *c,
		      const struct tdxc_external_entry *entries)
{
	uint32_t i;

	for (i = 0; i < MIRROR_CASE_CPUS; i++)
		if (entries == c->cpu[i].batch.entries)
			return c->cpu[i].batch.room;
	return 1;
}

static void external_remove(void *ctx, struct tdxc_external_entry *entries,
			    size_t n, enum tdxc_lock lock)
{
	struct mirror_case *c = ctx;
	size_t i;

	if (n == 0 || n > room_of(c, entries))
		wrong(c, "a batch of a wrong size is removed");
	if (!any_frozen(c) || !holds(c, lock))
		wrong(c, "entries are removed by nobody who may");
	for (i = 0; i < n; i++)
		remove_entry(c, &entries[i]);
}

/* @level is that of the table: the entry that points to it is one above. */
static int external_reclaim(void *ctx, struct tdxc_gfn gfn, uint32_t level,
			    uint64_t external)
{
	struct mirror_case *c = ctx;
	struct mirror_node *node = node_at(c, gfn.n, level + 1);
	uint64_t i = (external - MIRROR_CASE_EXTERNAL_PA) / PAGE;
	int err = TDXC_OK;

	if (i >= MIRROR_CASE_TABLES || node->kind != MIRROR_NODE_TABLE ||
	    node->value != external || c->external[i] != MIRROR_PAGE_LENT)
		wrong(c, "a table is reclaimed that is not there");
	else if (!is_bare(c, gfn.n, level + 1))
		wrong(c, "a table is reclaimed before what is below it");
	else if (!injected(c, MIRROR_RECLAIM, &err))
		c->external[i] = MIRROR_PAGE_FREE;
	/* The tree goes on without a page that is lost. */
	node->kind = MIRROR_NODE_FREE;
	return err;
}

/* ---- up and down ---- */

static void make_mmu(struct mirror_case *c, const struct mirror_shape *shape)
{
	const struct tdxc_mmu_ops ops = {
		TDXC_ABI,	 table_alloc,	  table_free, table_retire,
		table_external,	 lock_held,	  is_stale,   external_set,
		external_remove, external_reclaim};
	struct tdxc_mmu_config config;

	c->ops = ops;
	memset(&config, 0, sizeof config);
	config.abi = TDXC_ABI;
	config.levels = shape->levels;
	config.ops = &c->ops;
	config.ctx = c;
	config.virt = c->virt;
	config.td = !shape->shared_only;
	config.end = shape->end;
	if (config.end == 0)
		config.end = config.td ? tdxc_alias_bit(config.levels)
				       : 1ull << (9 * config.levels);
	if (tdxc_mmu_init(&c->mmu, &config) != TDXC_OK)
		stop("no MMU");
}

void mirror_case_up(struct mirror_case *c, const struct mirror_shape *shape)
{
	uint32_t i;

	memset(c, 0, sizeof *c);
	memset(c->entries, 1, sizeof c->entries); /* undefined contents */
	for (i = 0; i < MIRROR_CASE_CPUS; i++) {
		c->cpu[i].batch.entries = c->entries[i];
		c->cpu[i].batch.slots = c->slots[i];
		c->cpu[i].batch.room = MIRROR_CASE_BATCH;
	}
	c->memory = aligned_alloc(PAGE, MIRROR_CASE_TABLES * PAGE);
	c->nodes = calloc(MIRROR_CASE_NODES, sizeof *c->nodes);
	c->pages = calloc(MIRROR_CASE_NODES, sizeof *c->pages);
	if (c->memory == NULL || c->nodes == NULL || c->pages == NULL)
		stop("no memory");
	c->virt = shape->offset ? (uint64_t)(size_t)c->memory - BASE : 0;
	c->fill = 0x5A;
	c->shared_held = true;
	make_mmu(c, shape);
}

const char *mirror_case_down(struct mirror_case *c)
{
	uint32_t i;

	for (i = 0; i < MIRROR_CASE_CPUS; i++)
		tdxc_mmu_release(&c->mmu, &c->cpu[i]);
	free(c->memory);
	free(c->nodes);
	free(c->pages);
	return c->wrong;
}

struct tdxc_root *mirror_case_root(struct mirror_case *c, enum tdxc_roots kind)
{
	struct tdxc_root *root;

	if (tdxc_root_get(&c->mmu, kind, &root) != TDXC_OK)
		stop("no root");
	return root;
}

struct tdxc_fault mirror_case_fault(const struct mirror_case *c, uint64_t gfn,
				    bool is_private)
{
	struct tdxc_fault fault;

	memset(&fault, 0, sizeof fault);
	fault.gfn.n = gfn;
	fault.pa =
		(is_private ? MIRROR_CASE_PRIVATE_PA : MIRROR_CASE_SHARED_PA) +
		gfn * PAGE;
	fault.sequence = c->sequence;
	fault.level = TDXC_LEVEL_4K;
	fault.is_private = is_private;
	fault.memory_type = 6;
	fault.host_writable = true;
	return fault;
}

int mirror_case_ready(struct mirror_case *c, uint32_t cpu, bool is_private)
{
	return tdxc_mmu_topup(&c->mmu, &c->cpu[cpu],
			      is_private ? TDXC_MEMORY_PRIVATE
					 : TDXC_MEMORY_SHARED);
}

int mirror_case_do(struct mirror_case *c, uint32_t cpu,
		   const struct tdxc_fault *fault)
{
	enum tdxc_roots kind =
		fault->is_private ? TDXC_ROOTS_MIRROR : TDXC_ROOTS_DIRECT;
	struct tdxc_root *root = mirror_case_root(c, kind);
	int err = TDXC_OK;

	if (!any_frozen(c))
		err = mirror_case_ready(c, cpu, fault->is_private);
	if (err == TDXC_OK)
		err = tdxc_mmu_fault(&c->mmu, root, &c->cpu[cpu], fault,
				     TDXC_LOCK_SHARED);
	if (tdxc_root_put(&c->mmu, root) != TDXC_OK)
		wrong(c, "a reference is not dropped");
	if (c->cpu[cpu].frozen != 0)
		wrong(c, "an entry stays frozen");
	return err;
}

/* ---- looking at all of it ---- */

static uint32_t count_of(const enum mirror_page *pages, enum mirror_page state)
{
	uint32_t n = 0;
	uint32_t i;

	for (i = 0; i < MIRROR_CASE_TABLES; i++)
		n += pages[i] == state;
	return n;
}

uint32_t mirror_case_tables(const struct mirror_case *c, enum mirror_page state)
{
	return count_of(c->table, state);
}

uint32_t mirror_case_externals(const struct mirror_case *c,
			       enum mirror_page state)
{
	return count_of(c->external, state);
}

struct tdxc_mmu_counts mirror_case_counts(const struct mirror_case *c)
{
	struct tdxc_mmu_counts sum;
	uint32_t i;

	memset(&sum, 0, sizeof sum);
	for (i = 0; i < MIRROR_CASE_CPUS; i++)
		tdxc_mmu_counts_add(&sum, &c->cpu[i]);
	return sum;
}

/* What a look at everything found. */
struct look {
	const struct mirror_case *c;
	uint64_t digest;
	uint64_t leaves[2][TDXC_LEVEL_1G + 1];
	uint64_t tables[2];
	uint64_t frozen;
	uint64_t differ; /* mirror entries unlike the external ones */
	uint32_t kind;
};

static uint64_t mix(uint64_t a, uint64_t b)
{
	uint64_t x = (a ^ b) * 0x9E3779B97F4A7C15ull;

	return x ^ x >> 29;
}

/* Whether the external tree has what stands in the mirror. */
static bool agrees(const struct mirror_case *c, uint64_t gfn, uint32_t level,
		   struct tdxc_spte s)
{
	const struct mirror_node *node = node_at(c, gfn, level);

	if (tdxc_spte_is_table(s))
		return node->kind == MIRROR_NODE_TABLE &&
		       node->value == MIRROR_CASE_EXTERNAL_PA +
					      (tdxc_spte_pa(s) - pa_of(c, 0));
	if (tdxc_spte_is_leaf(s))
		return node->kind == MIRROR_NODE_LEAF &&
		       node->value == tdxc_spte_pa(s);
	return node->kind == MIRROR_NODE_FREE;
}

/* What the diagnostic names, and all below it. */
static bool is_unknown(const struct tdxc_mmu *mmu, uint64_t gfn)
{
	uint64_t inside;

	if (!tdxc_mmu_is_poisoned(mmu))
		return false;
	inside = tdxc_level_frames(mmu->poison.level) - 1;
	return (gfn & ~inside) == (mmu->poison.gfn.n & ~inside);
}

static void look_at_entry(struct look *l, uint64_t gfn, uint32_t level,
			  struct tdxc_spte s)
{
	/* where a table is says nothing */
	uint64_t bits = tdxc_spte_is_table(s) ? TDXC_SPTE_TABLE_BITS : s.bits;

	if (bits != TDXC_SPTE_EMPTY_BITS)
		l->digest += mix(mix(gfn * 8 + level, bits), l->kind + 1);
	l->frozen += tdxc_spte_is_frozen(s);
	l->tables[l->kind] += tdxc_spte_is_table(s);
	if (tdxc_spte_is_leaf(s))
		l->leaves[l->kind][level]++;
	if (l->kind == 1 && !agrees(l->c, gfn, level, s) &&
	    !is_unknown(&l->c->mmu, gfn))
		l->differ++;
}

static void look_at_root(struct look *l, const struct tdxc_root *root)
{
	struct tdxc_gfn none = {0};
	struct tdxc_gfn end = {root->tree.end};
	struct tdxc_iter it;

	if (tdxc_iter_begin(&it, &root->tree, none, end, 1) != TDXC_OK)
		stop("a root cannot be walked");
	for (; it.valid; tdxc_iter_next(&it))
		look_at_entry(l, it.gfn, it.level, it.spte);
}

static void look_at_all(struct look *l, const struct mirror_case *c)
{
	uint32_t i;

	memset(l, 0, sizeof *l);
	l->c = c;
	for (i = 0; i < TDXC_MMU_ROOTS; i++) {
		const struct tdxc_root *root = &c->mmu.roots[i];

		if (root->refs == 0)
			continue;
		l->kind = (root->state & TDXC_ROOTS_MIRROR) != 0;
		look_at_root(l, root);
	}
}

uint64_t mirror_case_digest(const struct mirror_case *c)
{
	struct tdxc_mmu_counts counts = mirror_case_counts(c);
	struct look l;
	uint32_t i;

	look_at_all(&l, c);
	for (i = 0; i < MIRROR_CASE_NODES; i++) {
		const struct mirror_node *node = &c->nodes[i];
		const struct mirror_node *page = &c->pages[i];

		if (node->kind == MIRROR_NODE_LEAF)
			l.digest += mix(mix(node->key, node->value), 5);
		if (node->kind == MIRROR_NODE_TABLE)
			l.digest += mix(node->key, 6);
		if (page->kind != MIRROR_NODE_FREE)
			l.digest += mix(mix(page->key, page->value), 7);
	}
	for (i = 0; i < 2; i++) {
		uint32_t level;

		for (level = 1; level <= TDXC_LEVEL_1G; level++)
			l.digest += mix(counts.pages[i][level], 8 + level);
		l.digest += mix(counts.tables[i], 16);
	}
	return l.digest;
}

static uint32_t spare_tables(const struct mirror_case *c)
{
	uint32_t n = 0;
	uint32_t i;

	for (i = 0; i < MIRROR_CASE_CPUS; i++)
		n += c->cpu[i].nr_spare[0] + c->cpu[i].nr_spare[1];
	return n;
}

static uint32_t used_nodes(const struct mirror_case *c, int kind)
{
	uint32_t n = 0;
	uint32_t i;

	for (i = 0; i < MIRROR_CASE_NODES; i++)
		n += (int)c->nodes[i].kind == kind;
	return n;
}

static const char *audit_counts(const struct mirror_case *c,
				const struct look *l)
{
	struct tdxc_mmu_counts counts = mirror_case_counts(c);
	uint32_t level;
	uint32_t kind;
	uint32_t roots = 0;

	for (kind = 0; kind < 2; kind++) {
		if (counts.tables[kind] != l->tables[kind])
			return "the tables are not counted right";
		for (level = 1; level <= TDXC_LEVEL_1G; level++)
			if (counts.pages[kind][level] != l->leaves[kind][level])
				return "the pages are not counted right";
	}
	for (kind = 0; kind < TDXC_MMU_ROOTS; kind++)
		roots += c->mmu.roots[kind].refs != 0;
	if (mirror_case_tables(c, MIRROR_PAGE_HELD) !=
	    l->tables[0] + l->tables[1] + spare_tables(c) + roots)
		return "a table is not accounted for";
	return NULL;
}

const char *mirror_case_audit(const struct mirror_case *c)
{
	uint64_t leaves = 0;
	uint32_t level;
	struct look l;

	look_at_all(&l, c);
	for (level = 1; level <= TDXC_LEVEL_1G; level++)
		leaves += l.leaves[1][level];
	if (c->wrong != NULL)
		return c->wrong;
	if (l.frozen != 0)
		return "an entry is frozen";
	if (tdxc_mmu_is_poisoned(&c->mmu))
		return l.differ == 0 ? audit_counts(c, &l)
				     : "more is unknown than is said";
	if (l.differ != 0)
		return "the mirror is not the external tree";
	if (leaves != used_nodes(c, MIRROR_NODE_LEAF) ||
	    l.tables[1] != used_nodes(c, MIRROR_NODE_TABLE) ||
	    l.tables[1] != mirror_case_externals(c, MIRROR_PAGE_LENT))
		return "the external tree has more than the mirror";
	return audit_counts(c, &l);
}
