/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Teardown of roots: what goes, in which order, and what stays.
 */
#include <tdxcore/err.h>

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "../libtdxcore/mirror_work.h"
#include "mirror/mirror_case.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define PAGE	     4096u
#define BASE	     (5ull << 18) /* frame */
#define MIB2	     512ull	  /* frames */
#define GIB	     (512 * MIB2)
#define ROOM	     1024u
#define EVENTS	     2048u

static struct mirror_case c;
static struct tdxc_zapped out[ROOM];

/* Calls of the hooks that give memory back, in order. */
static struct {
	struct tdxc_mmu_ops real;
	struct {
		bool reclaim;
		uint64_t gfn;
		uint32_t level;
		uint64_t external;
		uint64_t pa;
	} event[EVENTS];
	uint32_t nr;
} spy;

static uint64_t *slot_of(const struct tdxc_tree *tree, uint64_t gfn,
			 uint32_t goal);

/* Whoever gives a table's page back owns the entry that pointed to it. */
static void expect_owned(uint64_t gfn, uint32_t level)
{
	uint32_t i = 0;

	while ((c.mmu.roots[i].state & TDXC_ROOTS_MIRROR) == 0)
		i++;
	ck_assert_uint_eq(*slot_of(&c.mmu.roots[i].tree, gfn, level),
			  TDXC_SPTE_FROZEN_BITS);
}

static int spy_reclaim(void *ctx, struct tdxc_gfn gfn, uint32_t level,
		       uint64_t external)
{
	ck_assert_uint_lt(spy.nr, EVENTS);
	spy.event[spy.nr].reclaim = true;
	spy.event[spy.nr].gfn = gfn.n;
	spy.event[spy.nr].level = level;
	spy.event[spy.nr].external = external;
	spy.nr++;
	expect_owned(gfn.n, level + 1);
	return spy.real.external_reclaim(ctx, gfn, level, external);
}

static void spy_retire(void *ctx, const struct tdxc_mmu_table *table)
{
	ck_assert_uint_lt(spy.nr, EVENTS);
	spy.event[spy.nr].reclaim = false;
	spy.event[spy.nr].pa = table->pa;
	spy.event[spy.nr].external = table->external;
	spy.nr++;
	spy.real.table_retire(ctx, table);
}

static void up(uint32_t levels, bool shared_only)
{
	struct mirror_shape shape = {levels, shared_only, true, 0};

	mirror_case_up(&c, &shape);
	memset(&spy, 0, sizeof(spy));
	spy.real = c.ops;
	c.ops.external_reclaim = spy_reclaim;
	c.ops.table_retire = spy_retire;
}

static void expect_whole(void)
{
	ck_assert_ptr_null(mirror_case_audit(&c));
}

static void down(void)
{
	expect_whole();
	ck_assert_ptr_null(mirror_case_down(&c));
}

static void map(uint64_t gfn, bool is_private, uint32_t level)
{
	struct tdxc_fault fault = mirror_case_fault(&c, gfn, is_private);

	fault.level = level;
	ck_assert_int_eq(mirror_case_do(&c, 0, &fault), TDXC_FAULT_FIXED);
}

static void map_some(bool is_private)
{
	map(BASE, is_private, 1);
	map(BASE + 3, is_private, 1);
	map(BASE + 7 * MIB2, is_private, 1);
	map(BASE + 9 * MIB2, is_private, 2);
	map(BASE + 3 * GIB, is_private, 3);
	map(0, is_private, 1);
}

#define SOME	    6u /* pages that map_some() maps */
#define SOME_TABLES 6u /* and tables, of 4 levels */

static void invalidate(uint32_t classes)
{
	c.exclusive_held = true;
	ck_assert_int_eq(
		tdxc_roots_invalidate(&c.mmu, classes, TDXC_LOCK_EXCLUSIVE),
		TDXC_OK);
	c.exclusive_held = false;
}

static struct tdxc_roots_zap zap_of(size_t room)
{
	struct tdxc_roots_zap zap;

	memset(&zap, 0, sizeof(zap));
	zap.out = out;
	zap.room = room;
	return zap;
}

static int do_zap(struct tdxc_roots_zap *zap, enum tdxc_lock lock)
{
	int err;

	c.exclusive_held = lock == TDXC_LOCK_EXCLUSIVE;
	err = tdxc_zap_roots(&c.mmu, &c.cpu[1], zap, lock);
	c.exclusive_held = false;
	ck_assert_uint_eq(c.cpu[1].frozen, 0);
	ck_assert_uint_le(zap->nr_out, zap->room);
	return err;
}

/* Until it is done. Returns how many pages came out. */
static size_t zap_all(struct tdxc_roots_zap *zap, enum tdxc_lock lock)
{
	uint32_t calls = 0;
	size_t pages = 0;
	int err;

	do {
		err = do_zap(zap, lock);
		pages += zap->nr_out;
		ck_assert(err == TDXC_OK || err == TDXC_E_AGAIN);
		ck_assert_uint_lt(++calls, 100);
		expect_whole();
	} while (err == TDXC_E_AGAIN);
	return pages;
}

/* Zap the pages of the mirror before it is torn down. */
static void zap_private(void)
{
	struct tdxc_zap zap;
	int err;

	memset(&zap, 0, sizeof(zap));
	zap.end.n = c.mmu.config.end;
	zap.reason = TDXC_ZAP_BACKING_GONE;
	zap.out = out;
	zap.room = ROOM;
	do
		err = tdxc_mmu_zap(&c.mmu, &c.cpu[0], &zap, TDXC_LOCK_SHARED);
	while (err == TDXC_E_AGAIN);
	ck_assert_int_eq(err, TDXC_OK);
}

static struct tdxc_root *valid_root(bool is_private)
{
	return &c.mmu.roots[c.mmu.valid[is_private] - ROOT_FIRST];
}

/* The slot of a frame at a level. */
static uint64_t *slot_of(const struct tdxc_tree *tree, uint64_t gfn,
			 uint32_t goal)
{
	uint64_t n = gfn | tree->alias;
	uint32_t level = tree->levels;
	uint64_t *slot =
		tdxc_table_at(tree, tree->pa) + tdxc_table_index(n, level);

	while (level > goal) {
		struct tdxc_spte s = {*slot};

		ck_assert(tdxc_spte_is_table(s));
		level--;
		slot = tdxc_table_at(tree, tdxc_spte_pa(s)) +
		       tdxc_table_index(n, level);
	}
	return slot;
}

/* All that is in use now may only be read. */
static void protect_tables(const bool *which, int how)
{
	uint32_t i;

	for (i = 0; i < MIRROR_CASE_TABLES; i++)
		if (which[i])
			ck_assert_int_eq(mprotect(c.memory + (size_t)i * PAGE,
						  PAGE, how),
					 0);
}

/* ---- the mirror stays ---- */

/* A VMM that resets a context drops its direct root; one that wants to zap all
 * of it fast invalidates it. Both leave each entry of the mirror as it is. */
START_TEST(s002_6_context_reset_and_fast_zap_write_no_mirror_table)
{
	static bool mirror[MIRROR_CASE_TABLES];
	struct tdxc_roots_zap zap = zap_of(ROOM);
	struct tdxc_root *root;
	uint8_t *before;
	uint32_t i;

	up((uint32_t)_i, false);
	map_some(true);
	before = malloc((size_t)MIRROR_CASE_TABLES * PAGE);
	ck_assert_ptr_nonnull(before);
	for (i = 0; i < MIRROR_CASE_TABLES; i++)
		mirror[i] = c.table[i] == MIRROR_PAGE_HELD;
	map_some(false);
	tdxc_mmu_release(&c.mmu, &c.cpu[0]);
	for (i = 0; i < MIRROR_CASE_TABLES; i++)
		mirror[i] = mirror[i] && c.table[i] == MIRROR_PAGE_HELD;
	memcpy(before, c.memory, (size_t)MIRROR_CASE_TABLES * PAGE);
	protect_tables(mirror, PROT_READ);

	root = mirror_case_root(&c, TDXC_ROOTS_DIRECT);
	ck_assert_int_eq(tdxc_root_put(&c.mmu, root), TDXC_OK);
	invalidate(TDXC_ROOTS_DIRECT);
	ck_assert_uint_eq(zap_all(&zap, TDXC_LOCK_SHARED), SOME);
	map_some(false);

	for (i = 0; i < MIRROR_CASE_TABLES; i++)
		if (mirror[i])
			ck_assert_mem_eq(before + (size_t)i * PAGE,
					 c.memory + (size_t)i * PAGE, PAGE);
	protect_tables(mirror, PROT_READ | PROT_WRITE);
	free(before);
	down();
}
END_TEST

/* The host's address space goes first: its pages do, the guest's private ones
 * do not. */
START_TEST(h12_a_notifier_release_leaves_the_mirror)
{
	struct tdxc_roots_zap zap = zap_of(ROOM);
	size_t i;

	up(4, false);
	map_some(true);
	map_some(false);
	invalidate(TDXC_ROOTS_DIRECT);
	ck_assert_uint_eq(zap_all(&zap, TDXC_LOCK_SHARED), SOME);
	for (i = 0; i < zap.nr_out; i++)
		ck_assert_int_eq(out[i].memory, TDXC_MEMORY_SHARED);
	ck_assert_uint_eq(mirror_case_counts(&c).pages[1][1], 4);
	ck_assert_uint_eq(mirror_case_counts(&c).tables[1], SOME_TABLES);
	ck_assert_uint_ne(c.mmu.valid[1], ROOT_NONE);
	down();
}
END_TEST

/* ---- locks and classes ---- */

START_TEST(h11_a_mirror_goes_with_the_lock_held_alone)
{
	struct tdxc_roots_zap zap = zap_of(ROOM);
	uint64_t digest;

	up(4, false);
	map_some(true);
	map_some(false);
	zap_private();
	invalidate(TDXC_ROOTS_VALID);
	digest = mirror_case_digest(&c);
	ck_assert_int_eq(do_zap(&zap, TDXC_LOCK_SHARED), TDXC_E_INVAL);
	ck_assert_uint_eq(mirror_case_digest(&c), digest);
	ck_assert_uint_eq(spy.nr, 0);
	ck_assert_uint_eq(zap_all(&zap, TDXC_LOCK_EXCLUSIVE), SOME);
	down();
}
END_TEST

START_TEST(no_room_and_no_lock_are_refused)
{
	struct tdxc_roots_zap zap = zap_of(0);
	uint64_t digest;

	up(4, false);
	map_some(false);
	invalidate(TDXC_ROOTS_DIRECT);
	digest = mirror_case_digest(&c);
	ck_assert_int_eq(do_zap(&zap, TDXC_LOCK_SHARED), TDXC_E_INVAL);
	zap.room = ROOM;
	c.shared_held = false;
	ck_assert_int_eq(do_zap(&zap, TDXC_LOCK_SHARED), TDXC_E_INVAL);
	c.shared_held = true;
	ck_assert_uint_eq(mirror_case_digest(&c), digest);
	ck_assert_uint_eq(zap_all(&zap, TDXC_LOCK_SHARED), SOME);
	down();
}
END_TEST

START_TEST(s002_11_valid_roots_are_not_zapped)
{
	struct tdxc_roots_zap zap = zap_of(ROOM);
	uint64_t digest;

	up(4, false);
	map_some(false);
	map_some(true);
	digest = mirror_case_digest(&c);
	ck_assert_uint_eq(zap_all(&zap, TDXC_LOCK_SHARED), 0);
	ck_assert_uint_eq(mirror_case_digest(&c), digest);
	ck_assert_uint_eq(spy.nr, 0);
	down();
}
END_TEST

/* ---- all of it ---- */

START_TEST(r34_a_root_is_zapped_in_both_halves)
{
	const uint32_t levels = (uint32_t)_i;
	struct tdxc_roots_zap zap = zap_of(ROOM);
	struct tdxc_root *root;
	uint64_t alias;

	up(levels, false);
	root = mirror_case_root(&c, TDXC_ROOTS_DIRECT);
	map_some(false);
	/* Nothing of the library maps the other half; it may not stay. */
	alias = root->tree.alias;
	root->tree.alias = 0;
	map_some(false);
	root->tree.alias = alias;
	ck_assert_int_eq(tdxc_root_put(&c.mmu, root), TDXC_OK);
	invalidate(TDXC_ROOTS_DIRECT);
	ck_assert_int_eq(do_zap(&zap, TDXC_LOCK_SHARED), TDXC_OK);
	ck_assert_uint_eq(zap.nr_out, 2 * SOME);
	ck_assert_uint_eq(out[0].gfn.n, 0);
	ck_assert_uint_eq(out[SOME].gfn.n, 0);
	ck_assert_uint_eq(out[SOME + 1].gfn.n, BASE);
	ck_assert_uint_eq(mirror_case_counts(&c).tables[0], 0);
	down();
}
END_TEST

START_TEST(after_teardown_every_table_is_back)
{
	const bool shared_only = _i >= 2;
	const uint32_t levels = _i % 2 == 0 ? 4 : 5;
	struct tdxc_roots_zap zap = zap_of(ROOM);
	struct tdxc_mmu_counts counts;
	uint32_t i;

	up(levels, shared_only);
	map_some(false);
	if (!shared_only) {
		map_some(true);
		zap_private();
	}
	invalidate(shared_only ? TDXC_ROOTS_DIRECT : TDXC_ROOTS_VALID);
	zap_all(&zap, TDXC_LOCK_EXCLUSIVE);
	tdxc_mmu_release(&c.mmu, &c.cpu[0]);
	ck_assert_uint_eq(mirror_case_tables(&c, MIRROR_PAGE_HELD), 0);
	ck_assert_uint_eq(mirror_case_externals(&c, MIRROR_PAGE_LENT), 0);
	ck_assert_uint_eq(mirror_case_externals(&c, MIRROR_PAGE_LOST), 0);
	ck_assert_uint_eq(zap.tables_lost, 0);
	counts = mirror_case_counts(&c);
	for (i = 0; i < 2; i++) {
		ck_assert_uint_eq(counts.tables[i], 0);
		ck_assert_uint_eq(counts.pages[i][1], 0);
		ck_assert_uint_eq(counts.pages[i][2], 0);
		ck_assert_uint_eq(counts.pages[i][3], 0);
	}
	for (i = 0; i < TDXC_MMU_ROOTS; i++)
		ck_assert_uint_eq(c.mmu.roots[i].refs, 0);
	down();
}
END_TEST

START_TEST(a_root_that_is_referred_to_goes_with_the_last_reference)
{
	struct tdxc_roots_zap zap = zap_of(ROOM);
	struct tdxc_root *root;

	up(4, false);
	map_some(false);
	root = mirror_case_root(&c, TDXC_ROOTS_DIRECT);
	invalidate(TDXC_ROOTS_DIRECT);
	ck_assert_uint_eq(zap_all(&zap, TDXC_LOCK_SHARED), SOME);
	ck_assert_uint_eq(mirror_case_tables(&c, MIRROR_PAGE_RETIRED),
			  SOME_TABLES);
	ck_assert_uint_eq(root->refs, 1);
	ck_assert_int_eq(tdxc_root_put(&c.mmu, root), TDXC_OK);
	ck_assert_uint_eq(mirror_case_tables(&c, MIRROR_PAGE_RETIRED),
			  SOME_TABLES + 1);
	down();
}
END_TEST

START_TEST(pages_come_out_as_there_is_room)
{
	static const size_t rooms[] = {1, 2, SOME - 1, SOME};
	uint32_t r;

	for (r = 0; r < COUNT(rooms); r++) {
		struct tdxc_roots_zap zap = zap_of(rooms[r]);

		up(4, false);
		map_some(false);
		invalidate(TDXC_ROOTS_DIRECT);
		ck_assert_uint_eq(zap_all(&zap, TDXC_LOCK_SHARED), SOME);
		down();
	}
}
END_TEST

START_TEST(a_long_teardown_goes_on_with_every_call)
{
	struct tdxc_roots_zap zap = zap_of(ROOM);
	uint32_t calls = 0;
	size_t pages = 0;
	uint64_t i;
	int err;

	up(4, false);
	for (i = 0; i < 400; i++)
		map(BASE + i * MIB2, _i != 0, 1);
	if (_i != 0)
		zap_private();
	invalidate(_i != 0 ? TDXC_ROOTS_MIRROR : TDXC_ROOTS_DIRECT);
	do {
		uint32_t stage = zap.stage;
		uint64_t cursor = zap.cursor;

		err = do_zap(&zap, TDXC_LOCK_EXCLUSIVE);
		pages += zap.nr_out;
		calls++;
		ck_assert(err == TDXC_OK || zap.stage > stage ||
			  zap.cursor > cursor);
		expect_whole();
	} while (err == TDXC_E_AGAIN);
	ck_assert_int_eq(err, TDXC_OK);
	ck_assert_uint_eq(pages, _i != 0 ? 0 : 400);
	ck_assert_uint_ge(calls, 4);
	ck_assert_uint_le(calls, 12);
	down();
}
END_TEST

/* ---- order ---- */

START_TEST(r18_h15_an_external_page_is_reclaimed_before_its_table_is_retired)
{
	struct tdxc_roots_zap zap = zap_of(ROOM);
	uint32_t i;

	up(4, false);
	map_some(true);
	zap_private();
	invalidate(TDXC_ROOTS_MIRROR);
	zap_all(&zap, TDXC_LOCK_EXCLUSIVE);
	/* and the root, which has none */
	ck_assert_uint_eq(spy.nr, 2 * SOME_TABLES + 1);
	for (i = 0; i < SOME_TABLES; i++) {
		ck_assert(spy.event[2 * i].reclaim);
		ck_assert(!spy.event[2 * i + 1].reclaim);
		ck_assert_uint_eq(
			spy.event[2 * i].external,
			spy.real.table_external(&c, spy.event[2 * i + 1].pa));
		ck_assert_uint_eq(spy.event[2 * i + 1].external, 0);
	}
	down();
}
END_TEST

/* The hook refuses a table below which there is something. */
START_TEST(r19_children_go_before_parents)
{
	struct tdxc_roots_zap zap = zap_of(ROOM);
	uint32_t level = 1;
	uint32_t i;

	up((uint32_t)_i, false);
	map_some(true);
	zap_private();
	invalidate(TDXC_ROOTS_MIRROR);
	zap_all(&zap, TDXC_LOCK_EXCLUSIVE);
	for (i = 0; i < spy.nr; i++) {
		if (!spy.event[i].reclaim)
			continue;
		ck_assert_uint_ge(spy.event[i].level, level);
		level = spy.event[i].level;
	}
	ck_assert_uint_eq(level, (uint32_t)_i - 1);
	down();
}
END_TEST

START_TEST(r19_r39_a_mirror_that_maps_a_page_is_left_alone)
{
	const uint32_t level = (uint32_t)_i;
	struct tdxc_roots_zap zap = zap_of(ROOM);
	uint64_t digest;

	up(4, false);
	map(BASE + 3 * GIB, true, level);
	map(BASE, false, 1);
	invalidate(TDXC_ROOTS_VALID);
	ck_assert_int_eq(do_zap(&zap, TDXC_LOCK_EXCLUSIVE), TDXC_E_BUSY);
	ck_assert_uint_eq(zap.nr_out, 1); /* the shared one */
	digest = mirror_case_digest(&c);
	ck_assert_int_eq(do_zap(&zap, TDXC_LOCK_EXCLUSIVE), TDXC_E_BUSY);
	ck_assert_uint_eq(zap.nr_out, 0);
	ck_assert_uint_eq(mirror_case_digest(&c), digest);
	ck_assert_uint_eq(mirror_case_counts(&c).pages[1][level], 1);
	ck_assert_uint_eq(mirror_case_externals(&c, MIRROR_PAGE_LENT),
			  4 - level);
	expect_whole();
	zap_private();
	ck_assert_uint_eq(zap_all(&zap, TDXC_LOCK_EXCLUSIVE), 0);
	ck_assert_uint_eq(mirror_case_externals(&c, MIRROR_PAGE_LENT), 0);
	down();
}
END_TEST

/* ---- what is lost ---- */

/* As with a KeyID that is still assigned. */
START_TEST(r40_an_external_page_that_is_not_reclaimed_is_lost_not_reused)
{
	uint32_t which;

	for (which = 1; which <= SOME_TABLES; which++) {
		struct tdxc_roots_zap zap = zap_of(ROOM);

		up(4, false);
		map_some(true);
		zap_private();
		invalidate(TDXC_ROOTS_MIRROR);
		mirror_case_fail(&c, MIRROR_RECLAIM, which,
				 which % 2 == 0 ? TDXC_E_IO : TDXC_E_BUSY);
		zap_all(&zap, TDXC_LOCK_EXCLUSIVE);
		ck_assert_uint_eq(zap.tables_lost, 1);
		ck_assert_uint_eq(mirror_case_externals(&c, MIRROR_PAGE_LOST),
				  1);
		ck_assert_uint_eq(mirror_case_externals(&c, MIRROR_PAGE_LENT),
				  0);
		ck_assert_uint_eq(mirror_case_tables(&c, MIRROR_PAGE_RETIRED),
				  SOME_TABLES + 1);
		ck_assert_uint_eq(mirror_case_counts(&c).tables[1], 0);
		down();
	}
}
END_TEST

START_TEST(all_external_pages_may_be_lost)
{
	struct tdxc_roots_zap zap = zap_of(ROOM);

	up(4, false);
	map_some(true);
	zap_private();
	invalidate(TDXC_ROOTS_MIRROR);
	mirror_case_fail(&c, MIRROR_RECLAIM, 1, TDXC_E_OPNOTSUPP);
	c.inject[MIRROR_RECLAIM].times = SOME_TABLES;
	zap_all(&zap, TDXC_LOCK_EXCLUSIVE);
	ck_assert_uint_eq(zap.tables_lost, SOME_TABLES);
	ck_assert_uint_eq(mirror_case_externals(&c, MIRROR_PAGE_LOST),
			  SOME_TABLES);
	down();
}
END_TEST

/* Of a poisoned MMU no page may come out, but its tables do. */
START_TEST(a_poisoned_mirror_gives_its_pages_up)
{
	struct tdxc_roots_zap zap = zap_of(2);
	uint32_t lost = 0;
	size_t i;
	int err;

	up(4, false);
	map_some(true);
	c.mmu.poisoned = 1;
	c.mmu.poison.set = 1;
	invalidate(TDXC_ROOTS_MIRROR);
	do {
		err = do_zap(&zap, TDXC_LOCK_EXCLUSIVE);
		for (i = 0; i < zap.nr_out; i++) {
			ck_assert_int_eq(out[i].status, TDXC_E_IO);
			ck_assert_int_eq(out[i].memory, TDXC_MEMORY_PRIVATE);
			ck_assert(tdxc_spte_is_leaf(out[i].old));
			lost++;
		}
	} while (err == TDXC_E_AGAIN);
	ck_assert_int_eq(err, TDXC_OK);
	ck_assert_uint_eq(lost, SOME);
	ck_assert_uint_eq(mirror_case_counts(&c).pages[1][1], 0);
	ck_assert_uint_eq(mirror_case_counts(&c).tables[1], 0);
	ck_assert_uint_eq(mirror_case_tables(&c, MIRROR_PAGE_RETIRED),
			  SOME_TABLES + 1);
	/* The model has rules for private pages only while they are used. */
	(void)mirror_case_down(&c);
}
END_TEST

/* ---- others in between ---- */

START_TEST(r21_every_slot_of_a_dead_table_is_frozen)
{
	struct tdxc_roots_zap zap = zap_of(ROOM);
	struct tdxc_fault fault;
	uint64_t *tables[3];
	uint64_t expected = TDXC_SPTE_EMPTY_BITS;
	uint32_t level;
	uint32_t i;

	up(4, false);
	map(BASE, false, 1);
	for (level = 1; level <= 3; level++)
		tables[level - 1] =
			slot_of(&valid_root(false)->tree, BASE, level) -
			tdxc_table_index(BASE | tdxc_alias_bit(4), level);
	invalidate(TDXC_ROOTS_DIRECT);
	zap_all(&zap, TDXC_LOCK_SHARED);
	for (level = 1; level <= 3; level++)
		for (i = 0; i < TDXC_ENTRIES; i++)
			ck_assert_uint_eq(tables[level - 1][i],
					  TDXC_SPTE_FROZEN_BITS);
	/* Who walked there before loses, and finds another root. */
	ck_assert(!tdxc_try_cmpxchg(&tables[0][0], &expected,
				    TDXC_SPTE_FROZEN_BITS));
	fault = mirror_case_fault(&c, BASE, false);
	ck_assert_int_eq(mirror_case_do(&c, 0, &fault), TDXC_FAULT_FIXED);
	down();
}
END_TEST

START_TEST(r14_a_walk_does_not_enter_a_table_that_was_unlinked)
{
	const struct tdxc_gfn start = {BASE};
	const struct tdxc_gfn end = {BASE + MIB2};
	struct tdxc_roots_zap zap = zap_of(ROOM);
	struct tdxc_root *root;
	struct tdxc_iter it;
	uint32_t level;

	for (level = 4; level > 1; level--) {
		up(4, false);
		map(BASE, false, 1);
		root = mirror_case_root(&c, TDXC_ROOTS_DIRECT);
		ck_assert_int_eq(
			tdxc_iter_begin(&it, &root->tree, start, end, 1),
			TDXC_OK);
		while (it.level > level)
			tdxc_iter_next(&it);
		ck_assert(tdxc_spte_is_table(it.spte));
		invalidate(TDXC_ROOTS_DIRECT);
		zap_all(&zap, TDXC_LOCK_SHARED);
		tdxc_iter_next(&it);
		ck_assert(!it.valid);
		ck_assert_int_eq(tdxc_root_put(&c.mmu, root), TDXC_OK);
		down();
	}
}
END_TEST

/* What somebody else does to the second leaf table when the first is gone. */
struct meddler {
	uint64_t *slot;
	uint64_t value;
};

static void meddle(void *arg)
{
	const struct meddler *m = arg;

	*m->slot = m->value;
}

static void up_with_two(struct meddler *m)
{
	up(4, false);
	map(BASE, false, 1);
	map(BASE + MIB2, false, 1);
	m->slot = slot_of(&valid_root(false)->tree, BASE + MIB2 + 300, 1);
	invalidate(TDXC_ROOTS_DIRECT);
	mirror_case_run(&c, MIRROR_RETIRE, 1, meddle, m);
}

/* A faulter owns an entry of a table that is to die: the remover waits, and
 * when it has waited enough it puts back what it took. */
START_TEST(r20_the_remover_waits_for_an_owner_and_leaves_all_as_it_was)
{
	struct tdxc_roots_zap zap = zap_of(ROOM);
	struct tdxc_spte leaf = {TDXC_SPTE_PRESENT | TDXC_SPTE_SVE | 0x5000};
	struct meddler m = {NULL, TDXC_SPTE_FROZEN_BITS};
	const uint64_t *table;
	uint32_t i;

	up_with_two(&m);
	ck_assert_int_eq(do_zap(&zap, TDXC_LOCK_SHARED), TDXC_E_AGAIN);
	ck_assert_uint_eq(zap.nr_out, 2);
	ck_assert_uint_eq(c.cpu[1].counts.frozen_met, 1);
	table = m.slot - tdxc_table_index(BASE + MIB2 + 300, 1);
	for (i = 0; i < TDXC_ENTRIES; i++)
		ck_assert_uint_eq(table[i], &table[i] == m.slot
						    ? TDXC_SPTE_FROZEN_BITS
						    : TDXC_SPTE_EMPTY_BITS);
	/* The owner publishes: the page comes out, once. */
	*m.slot = leaf.bits;
	c.cpu[0].counts.pages[0][1]++;
	ck_assert_uint_eq(zap_all(&zap, TDXC_LOCK_SHARED), 1);
	ck_assert_uint_eq(out[0].gfn.n, BASE + MIB2 + 300);
	ck_assert_uint_eq(out[0].old.bits, leaf.bits);
	down();
}
END_TEST

START_TEST(a_page_that_appears_late_comes_out_all_the_same)
{
	struct tdxc_roots_zap zap = zap_of(ROOM);
	struct meddler m = {NULL, TDXC_SPTE_PRESENT | TDXC_SPTE_SVE | 0x5000};

	up_with_two(&m);
	c.cpu[0].counts.pages[0][1]++;
	ck_assert_uint_eq(zap_all(&zap, TDXC_LOCK_SHARED), 3);
	down();
}
END_TEST

START_TEST(mmio_entries_go_with_their_table)
{
	struct tdxc_roots_zap zap = zap_of(ROOM);
	struct meddler m = {NULL, tdxc_spte_mmio(&c.mmu.mmio, 5).bits};

	up_with_two(&m);
	ck_assert_uint_eq(zap_all(&zap, TDXC_LOCK_SHARED), 2);
	ck_assert_uint_eq(*m.slot, TDXC_SPTE_FROZEN_BITS);
	down();
}
END_TEST

/* Two CPUs tear the same root down, a page at a time each. */
START_TEST(two_teardowns_of_one_root_are_one)
{
	struct tdxc_roots_zap zaps[2] = {zap_of(1), zap_of(1)};
	int errs[2] = {TDXC_E_AGAIN, TDXC_E_AGAIN};
	size_t pages = 0;
	uint32_t turn;

	up(4, false);
	map_some(false);
	invalidate(TDXC_ROOTS_DIRECT);
	for (turn = 0; errs[0] != TDXC_OK || errs[1] != TDXC_OK; turn++) {
		uint32_t who = turn % 2;

		ck_assert_uint_lt(turn, 100);
		if (errs[who] == TDXC_OK)
			continue;
		errs[who] = do_zap(&zaps[who], TDXC_LOCK_SHARED);
		ck_assert(errs[who] == TDXC_OK || errs[who] == TDXC_E_AGAIN);
		pages += zaps[who].nr_out;
		expect_whole();
	}
	ck_assert_uint_eq(pages, SOME);
	ck_assert_uint_eq(mirror_case_tables(&c, MIRROR_PAGE_RETIRED),
			  SOME_TABLES + 1);
	down();
}
END_TEST

/* Between two calls the root goes, and another one comes to its slot. */
START_TEST(a_cursor_does_not_outlive_its_root)
{
	struct tdxc_roots_zap slow = zap_of(SOME - 1);
	struct tdxc_roots_zap fast = zap_of(ROOM);

	up(4, false);
	map_some(false);
	invalidate(TDXC_ROOTS_DIRECT);
	ck_assert_int_eq(do_zap(&slow, TDXC_LOCK_SHARED), TDXC_E_AGAIN);
	ck_assert_uint_eq(zap_all(&fast, TDXC_LOCK_SHARED), 1);
	map_some(false);
	invalidate(TDXC_ROOTS_DIRECT);
	ck_assert_uint_eq(zap_all(&slow, TDXC_LOCK_SHARED), SOME);
	ck_assert_uint_eq(mirror_case_counts(&c).tables[0], 0);
	down();
}
END_TEST

/* It may be of another root; the last look starts all over then. */
START_TEST(wherever_a_cursor_stands_nothing_is_left)
{
	uint32_t stage;

	for (stage = 0; stage <= 4; stage++) {
		struct tdxc_roots_zap zap = zap_of(ROOM);

		up(4, false);
		map_some(false);
		invalidate(TDXC_ROOTS_DIRECT);
		while (c.mmu.roots[zap.slot].refs == 0)
			zap.slot++;
		zap.stage = stage;
		zap.cursor = (1ull << 36) - 1;
		ck_assert_uint_eq(zap_all(&zap, TDXC_LOCK_SHARED), SOME);
		ck_assert_uint_eq(mirror_case_counts(&c).tables[0], 0);
		down();
	}
}
END_TEST

START_TEST(several_roots_that_wait_go_together)
{
	struct tdxc_roots_zap zap = zap_of(ROOM);
	uint32_t i;

	up(4, false);
	for (i = 0; i < TDXC_MMU_ROOTS; i++) {
		map_some(false);
		invalidate(TDXC_ROOTS_DIRECT);
	}
	ck_assert_uint_eq(zap_all(&zap, TDXC_LOCK_SHARED),
			  SOME * TDXC_MMU_ROOTS);
	for (i = 0; i < TDXC_MMU_ROOTS; i++)
		ck_assert_uint_eq(c.mmu.roots[i].refs, 0);
	down();
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("mirror_teardown");
	TCase *stays = tcase_create("what stays");
	TCase *all = tcase_create("all of it");
	TCase *order = tcase_create("order");
	TCase *lost = tcase_create("what is lost");
	TCase *meet = tcase_create("meetings");

	tcase_add_loop_test(
		stays, s002_6_context_reset_and_fast_zap_write_no_mirror_table,
		4, 6);
	tcase_add_test(stays, h12_a_notifier_release_leaves_the_mirror);
	tcase_add_test(stays, h11_a_mirror_goes_with_the_lock_held_alone);
	tcase_add_test(stays, no_room_and_no_lock_are_refused);
	tcase_add_test(stays, s002_11_valid_roots_are_not_zapped);
	suite_add_tcase(s, stays);
	tcase_add_loop_test(all, r34_a_root_is_zapped_in_both_halves, 4, 6);
	tcase_add_loop_test(all, after_teardown_every_table_is_back, 0, 4);
	tcase_add_test(all,
		       a_root_that_is_referred_to_goes_with_the_last_reference);
	tcase_add_test(all, pages_come_out_as_there_is_room);
	tcase_add_loop_test(all, a_long_teardown_goes_on_with_every_call, 0, 2);
	suite_add_tcase(s, all);
	tcase_add_test(
		order,
		r18_h15_an_external_page_is_reclaimed_before_its_table_is_retired);
	tcase_add_loop_test(order, r19_children_go_before_parents, 4, 6);
	tcase_add_loop_test(
		order, r19_r39_a_mirror_that_maps_a_page_is_left_alone, 1, 4);
	suite_add_tcase(s, order);
	tcase_add_test(
		lost,
		r40_an_external_page_that_is_not_reclaimed_is_lost_not_reused);
	tcase_add_test(lost, all_external_pages_may_be_lost);
	tcase_add_test(lost, a_poisoned_mirror_gives_its_pages_up);
	suite_add_tcase(s, lost);
	tcase_add_test(meet, r21_every_slot_of_a_dead_table_is_frozen);
	tcase_add_test(meet,
		       r14_a_walk_does_not_enter_a_table_that_was_unlinked);
	tcase_add_test(
		meet,
		r20_the_remover_waits_for_an_owner_and_leaves_all_as_it_was);
	tcase_add_test(meet, a_page_that_appears_late_comes_out_all_the_same);
	tcase_add_test(meet, mmio_entries_go_with_their_table);
	tcase_add_test(meet, two_teardowns_of_one_root_are_one);
	tcase_add_test(meet, a_cursor_does_not_outlive_its_root);
	tcase_add_test(meet, wherever_a_cursor_stands_nothing_is_left);
	tcase_add_test(meet, several_roots_that_wait_go_together);
	suite_add_tcase(s, meet);
	return s;
}

int main(void)
{
	SRunner *runner = srunner_create(suite());
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
