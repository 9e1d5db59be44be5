/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Lookups and walks: by hand on small trees, then on random ones beside a slow
 * model, also while entries change between two steps.
 *
 * Entries that point to no table hold addresses where no memory is mapped, so
 * that a walk that follows one crashes.
 *
 * TDXC_SEED repeats a run; TDXC_TEST_SCALE=percent: how many random trees.
 */
#include <tdxcore/err.h>
#include <tdxcore/iter.h>

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define TABLES	     48u
#define BASE_PA	     0x40000000ull
#define NOWHERE	     0x000F123456789000ull
#define ROUNDS	     1000u
#define FEWEST	     10u
#define MAX_VISITS   (TABLES * TDXC_ENTRIES)

static _Alignas(4096) uint64_t tables[TABLES][TDXC_ENTRIES];
static uint32_t level_of[TABLES];
static uint32_t nr_tables;
static struct tdxc_tree tree;
static uint64_t state;

static uint64_t random_below(uint64_t n)
{
	state = state * 6364136223846793005ull + 1442695040888963407ull;
	return (state >> 33) % n;
}

static uint64_t from_env(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : otherwise;
}

static uint64_t seed(void)
{
	state = from_env("TDXC_SEED", 1);
	printf("TDXC_SEED=%llu\n", (unsigned long long)state);
	return ROUNDS * from_env("TDXC_TEST_SCALE", 100) / 100 + FEWEST;
}

/* ---- trees ---- */

static uint64_t new_table(void)
{
	ck_assert_uint_lt(nr_tables, TABLES);
	tdxc_table_fill(tables[nr_tables]);
	return BASE_PA + 4096ull * nr_tables++;
}

/* A root without entries; @alias 0 or 1. */
static void plant(uint32_t levels, uint32_t alias)
{
	nr_tables = 0;
	memset(&tree, 0, sizeof tree);
	tree.virt = (uint64_t)(size_t)tables - BASE_PA;
	level_of[0] = levels;
	tree.pa = new_table();
	tree.levels = levels;
	tree.alias = alias ? tdxc_alias_bit(levels) : 0;
	tree.end = alias ? tree.alias : 1ull << (9 * levels);
}

static bool points_to_table(uint64_t bits)
{
	return tdxc_spte_is_table((struct tdxc_spte){bits});
}

static uint64_t *child_of(uint64_t bits)
{
	return tables[((bits & TDXC_SPTE_PA_MASK) - BASE_PA) / 4096];
}

/* Entry for an address that hardware walks: @n has the alias bit where there is
 * one. Tables are linked into empty entries on the way; other ones end it. */
static uint64_t *slot_of(uint64_t n, uint32_t level)
{
	uint64_t *table = tables[0];
	uint32_t at;

	for (at = tree.levels;; at--) {
		uint64_t *slot = &table[n >> (9 * (at - 1)) & 511];

		if (at == level)
			return slot;
		if (*slot == TDXC_SPTE_EMPTY_BITS) {
			level_of[nr_tables] = at - 1;
			*slot = tdxc_spte_table(new_table()).bits;
		}
		if (!points_to_table(*slot))
			return slot;
		table = child_of(*slot);
	}
}

static struct tdxc_gfn frame(uint64_t n)
{
	struct tdxc_gfn gfn = {n};

	return gfn;
}

/* Any entry that points to no table. */
static uint64_t random_stop(uint32_t level)
{
	const struct tdxc_mmio mmio = tdxc_mmio_of(random_below(2));

	switch (random_below(5)) {
	case 0:
		return TDXC_SPTE_EMPTY_BITS;
	case 1:
		return TDXC_SPTE_FROZEN_BITS;
	case 2:
		return tdxc_spte_mmio(&mmio, random_below(1 << 19)).bits;
	case 3: /* Uncached, so that only bit 10 tells it from a table. */
		return NOWHERE | TDXC_SPTE_SVE | TDXC_SPTE_PRESENT |
		       TDXC_SPTE_RWX | TDXC_SPTE_A;
	default:
		return tdxc_spte_private(NOWHERE, level).bits;
	}
}

/* An index, often one at an end. */
static uint64_t random_index(void)
{
	const uint64_t ends[] = {0, 1, 255, 256, 510, 511};

	return random_below(2) ? ends[random_below(COUNT(ends))]
			       : random_below(TDXC_ENTRIES);
}

static uint64_t random_frame(void)
{
	uint64_t n = 0;
	uint32_t level;

	for (level = 0; level < tree.levels; level++)
		n = n << 9 | random_index();
	return n;
}

static void grow(void)
{
	uint32_t tries = 60;

	plant(4 + (uint32_t)random_below(2), (uint32_t)random_below(2));
	while (tries-- > 0 && nr_tables + TDXC_MAX_LEVELS <= TABLES) {
		uint32_t level = 1 + (uint32_t)random_below(tree.levels);
		uint64_t n = random_frame();
		uint64_t *slot;

		/* Some in the half where nobody may look. */
		slot = slot_of(random_below(4) ? n | tree.alias : n, level);
		if (!points_to_table(*slot))
			*slot = random_stop(level);
	}
}

/* ---- the slow model ---- */

struct visit {
	const uint64_t *slot;
	uint64_t bits;
	uint64_t gfn;
	uint32_t level;
};

static struct visit expected[MAX_VISITS];
static size_t nr_expected;

struct range {
	uint64_t start;
	uint64_t end;
	uint32_t min_level;
};

/* Every entry of a table, in the order of hardware's addresses. */
static void model_walk(const uint64_t *table, uint32_t level, uint64_t base,
		       const struct range *range)
{
	uint64_t span = 1ull << (9 * (level - 1));
	uint64_t i;

	for (i = 0; i < TDXC_ENTRIES; i++) {
		uint64_t n = base + i * span;
		uint64_t gfn = n & ~tree.alias;
		struct visit visit = {&table[i], table[i], gfn, level};

		if ((n & tree.alias) != tree.alias || gfn >= range->end ||
		    gfn + span <= range->start)
			continue;
		expected[nr_expected++] = visit;
		if (level > range->min_level && points_to_table(table[i]))
			model_walk(child_of(table[i]), level - 1, n, range);
	}
}

static struct tdxc_found model_lookup(uint64_t gfn)
{
	struct tdxc_found found = {0, {TDXC_SPTE_EMPTY_BITS}};
	const uint64_t *table = tables[0];
	uint32_t level;

	if (gfn >= tree.end)
		return found;
	for (level = tree.levels; level > 0; level--) {
		uint64_t i = (gfn | tree.alias) >> (9 * (level - 1)) & 511;

		found.level = level;
		found.spte.bits = table[i];
		if (!points_to_table(table[i]))
			break;
		table = child_of(table[i]);
	}
	return found;
}

static struct range random_range(void)
{
	struct range range;

	range.start = random_below(3) ? random_frame() % tree.end : 0;
	range.end = random_below(3) ? random_frame() % tree.end : tree.end;
	range.min_level = 1 + (uint32_t)random_below(tree.levels);
	return range;
}

static void begin(struct tdxc_iter *it, const struct range *range)
{
	int err = tdxc_iter_begin(it, &tree, frame(range->start),
				  frame(range->end), range->min_level);

	ck_assert_int_eq(err, TDXC_OK);
}

static void expect_visit(const struct tdxc_iter *it, const struct visit *v)
{
	/* One assertion for millions of entries: each is a system call. */
	if (it->valid && it->gfn == v->gfn && it->level == v->level &&
	    it->spte.bits == v->bits && it->slot == v->slot)
		return;
	ck_abort_msg("valid %d, frame 0x%llx for 0x%llx, level %u for %u",
		     it->valid, (unsigned long long)it->gfn,
		     (unsigned long long)v->gfn, it->level, v->level);
}

START_TEST(random_walks_meet_what_the_slow_model_meets)
{
	uint64_t rounds = seed();
	uint64_t visits = 0;

	while (rounds-- > 0) {
		struct range range;
		struct tdxc_iter it;
		size_t i;

		grow();
		range = random_range();
		nr_expected = 0;
		if (range.start < range.end)
			model_walk(tables[0], tree.levels, 0, &range);
		begin(&it, &range);
		for (i = 0; i < nr_expected; i++) {
			expect_visit(&it, &expected[i]);
			tdxc_iter_next(&it);
		}
		ck_assert(!it.valid);
		visits += nr_expected;
	}
	printf("%llu entries\n", (unsigned long long)visits);
}
END_TEST

START_TEST(random_lookups_find_what_the_slow_model_finds)
{
	uint64_t rounds = seed();
	uint64_t levels[6] = {0};
	uint64_t i;

	while (rounds-- > 0) {
		grow();
		for (i = 0; i < 64; i++) {
			uint64_t gfn = random_frame() % (tree.end + 512);
			struct tdxc_found want = model_lookup(gfn);
			struct tdxc_found found;

			found = tdxc_lookup(&tree, frame(gfn));
			ck_assert_mem_eq(&found, &want, sizeof want);
			found = tdxc_lookup_inline(&tree, frame(gfn));
			ck_assert_mem_eq(&found, &want, sizeof want);
			levels[want.level]++;
		}
	}
	for (i = 1; i < COUNT(levels); i++)
		ck_assert_uint_ne(levels[i], 0);
}
END_TEST

/* ---- entries that change under a walk ---- */

static uint64_t orphans[TABLES];
static size_t nr_orphans;

/* Unlink what is linked, link what was unlinked, or put something else. */
static void mutate(uint64_t *slot, uint32_t level)
{
	size_t i;

	if (points_to_table(*slot)) {
		if (nr_orphans < TABLES)
			orphans[nr_orphans++] = *slot;
		*slot = random_stop(level);
		return;
	}
	for (i = 0; i < nr_orphans; i++) {
		size_t at = (size_t)(child_of(orphans[i]) - tables[0]);

		if (level_of[at / TDXC_ENTRIES] == level - 1 &&
		    random_below(2)) {
			*slot = orphans[i];
			orphans[i] = orphans[--nr_orphans];
			return;
		}
	}
	*slot = random_stop(level);
}

/* The current entry, one on the path to it, or any. */
static void disturb(struct tdxc_iter *it)
{
	uint32_t t = (uint32_t)random_below(nr_tables);
	uint32_t level;

	switch (random_below(4)) {
	case 0:
		mutate(it->slot, it->level);
		break;
	case 1:
		level = it->level +
			(uint32_t)random_below(tree.levels - it->level + 1);
		mutate(it->path[level] +
			       tdxc_table_index(it->gfn | tree.alias, level),
		       level);
		break;
	case 2:
		mutate(&tables[t][random_index()], level_of[t]);
		break;
	default:
		break;
	}
}

/* Where a walk goes from here, as the tables are now. @path: the tables it came
 * through. */
static struct visit model_step(const struct tdxc_iter *it, bool skip,
			       uint64_t *path[], uint64_t end)
{
	uint64_t next = it->gfn + (1ull << (9 * (it->level - 1)));
	struct visit v = {NULL, 0, next, it->level};

	if (!skip && it->level > it->min_level && points_to_table(*it->slot)) {
		v.level = it->level - 1;
		path[v.level] = child_of(*it->slot);
		v.gfn = it->next >> (9 * (v.level - 1)) << (9 * (v.level - 1));
	} else if (next >= end) {
		return v;
	} else {
		while (v.level < tree.levels &&
		       next % (1ull << (9 * v.level)) == 0)
			v.level++;
	}
	v.slot = path[v.level] +
		 ((v.gfn | tree.alias) >> (9 * (v.level - 1)) & 511);
	v.bits = *v.slot;
	return v;
}

/* Every step goes where the tables of that moment lead, and none is left out:
 * the walk ends at the end of its range. */
START_TEST(walks_go_on_right_while_entries_change_between_their_steps)
{
	uint64_t rounds = seed();
	uint64_t restarts = 0;

	while (rounds-- > 0) {
		uint64_t *path[TDXC_MAX_LEVELS + 1] = {NULL};
		struct range range;
		struct tdxc_iter it;
		struct visit v = {NULL, 0, 0, 0};

		grow();
		nr_orphans = 0;
		range = random_range();
		path[tree.levels] = tables[0];
		begin(&it, &range);
		while (it.valid) {
			bool skip = random_below(8) == 0;

			disturb(&it);
			if (tdxc_iter_may_yield(&it) && random_below(16) == 0) {
				uint64_t next = it.next;

				tdxc_iter_restart(&it);
				ck_assert_uint_eq(it.next, next);
				ck_assert_uint_eq(it.level, tree.levels);
				restarts++;
				continue;
			}
			v = model_step(&it, skip, path, range.end);
			if (skip)
				tdxc_iter_skip(&it);
			else
				tdxc_iter_next(&it);
			if (!v.slot)
				break;
			expect_visit(&it, &v);
		}
		ck_assert(!it.valid);
		if (range.start < range.end)
			ck_assert_uint_ge(v.gfn, range.end);
	}
	ck_assert_uint_ne(restarts, 0);
}
END_TEST

/* ---- by hand ---- */

static void put(uint64_t n, uint32_t level, uint64_t bits)
{
	*slot_of(n, level) = bits;
}

static uint64_t leaf(uint32_t level)
{
	return tdxc_spte_private(NOWHERE & ~0x3FFFFFFFull, level).bits;
}

static void walk(struct tdxc_iter *it, uint64_t start, uint64_t end,
		 uint32_t min_level)
{
	const struct range range = {start, end, min_level};

	begin(it, &range);
}

/* Go on to the first entry of a level. */
static void walk_down_to(struct tdxc_iter *it, uint32_t level)
{
	while (it->valid && it->level != level)
		tdxc_iter_next(it);
	ck_assert(it->valid);
}

static void expect_at(const struct tdxc_iter *it, uint64_t gfn, uint32_t level,
		      uint64_t bits)
{
	ck_assert(it->valid);
	ck_assert_uint_eq(it->gfn, gfn);
	ck_assert_uint_eq(it->level, level);
	ck_assert_uint_eq(it->spte.bits, bits);
}

static void expect_found(uint64_t gfn, uint64_t level, uint64_t bits)
{
	struct tdxc_found found = tdxc_lookup(&tree, frame(gfn));
	struct tdxc_found in_line = tdxc_lookup_inline(&tree, frame(gfn));

	ck_assert_uint_eq(found.level, level);
	ck_assert_uint_eq(found.spte.bits, bits);
	ck_assert_mem_eq(&in_line, &found, sizeof found);
}

/* 4 or 5 levels, without and with alias bit. */
static void plant_shape(int i)
{
	plant(4 + ((uint32_t)i & 1), (uint32_t)i >> 1);
}

#define SHAPES 4

START_TEST(a_walk_meets_parents_before_children_in_order)
{
	struct tdxc_iter it;

	plant(4, 0);
	put(0x200, 1, leaf(1));
	put(0x400, 2, leaf(2));
	walk(&it, 0x1FF, 0x401, 1);
	expect_at(&it, 0, 4, *slot_of(0, 4));
	tdxc_iter_next(&it);
	expect_at(&it, 0, 3, *slot_of(0, 3));
	tdxc_iter_next(&it);
	expect_at(&it, 0, 2, TDXC_SPTE_EMPTY_BITS);
	tdxc_iter_next(&it);
	expect_at(&it, 0x200, 2, *slot_of(0x200, 2));
	tdxc_iter_next(&it);
	expect_at(&it, 0x200, 1, leaf(1));
	tdxc_iter_next(&it);
	expect_at(&it, 0x201, 1, TDXC_SPTE_EMPTY_BITS);
	while (it.level == 1)
		tdxc_iter_next(&it);
	expect_at(&it, 0x400, 2, leaf(2));
	tdxc_iter_next(&it);
	ck_assert(!it.valid);
}
END_TEST

START_TEST(R43_lookups_and_walks_index_alike_with_4_and_5_levels)
{
	uint64_t last;
	struct tdxc_iter it;

	plant_shape(_i);
	last = tree.end - 1;
	put(0 | tree.alias, 1, leaf(1));
	put(last | tree.alias, 1, leaf(1));
	put((last - 512) | tree.alias, 2, leaf(2));
	expect_found(0, 1, leaf(1));
	expect_found(1, 1, TDXC_SPTE_EMPTY_BITS);
	expect_found(last, 1, leaf(1));
	expect_found(last - 512, 2, leaf(2));
	walk(&it, last - 512, tree.end, 1);
	ck_assert_uint_eq(it.level, tree.levels);
	walk_down_to(&it, 2);
	expect_at(&it, last - 1023, 2, leaf(2));
	walk_down_to(&it, 1);
	while (it.gfn != last)
		tdxc_iter_next(&it);
	expect_at(&it, last, 1, leaf(1));
	tdxc_iter_next(&it);
	ck_assert(!it.valid);
}
END_TEST

/* GPA bit 47 is index bit 8 of level 4, bit 51 index bit 3 of level 5. */
START_TEST(R43_the_alias_bit_is_47_with_4_levels_and_51_with_5)
{
	const uint32_t levels = (uint32_t)_i;
	const uint32_t index = levels == 4 ? 256 : 8;
	struct tdxc_iter it;

	plant(levels, 1);
	ck_assert_uint_eq(tree.alias * 4096, 1ull << (levels == 4 ? 47 : 51));
	tables[0][index] = leaf(3);
	expect_found(0, levels, leaf(3));
	walk(&it, 0, 1, 1);
	ck_assert_ptr_eq(it.slot, &tables[0][index]);
}
END_TEST

START_TEST(R32_mirror_walks_index_without_the_alias_bit)
{
	const uint32_t levels = (uint32_t)_i;
	struct tdxc_iter it;

	plant(levels, 0);
	tree.end = tdxc_alias_bit(levels); /* A mirror is as large as that. */
	put(5, 1, leaf(1));
	put(5 | tdxc_alias_bit(levels), 1, TDXC_SPTE_FROZEN_BITS);
	expect_found(5, 1, leaf(1));
	walk(&it, 5, 6, 1);
	ck_assert_ptr_eq(it.slot, &tables[0][0]);
	walk_down_to(&it, 1);
	expect_at(&it, 5, 1, leaf(1));
}
END_TEST

START_TEST(I_BITS_the_direct_walk_of_the_same_tables_finds_the_other_half)
{
	const uint32_t levels = (uint32_t)_i;
	struct tdxc_iter it;

	plant(levels, 1);
	put(5, 1, TDXC_SPTE_FROZEN_BITS);
	put(5 | tree.alias, 1, leaf(1));
	expect_found(5, 1, leaf(1));
	walk(&it, 5, 6, 1);
	walk_down_to(&it, 1);
	expect_at(&it, 5, 1, leaf(1));
}
END_TEST

START_TEST(R33_a_direct_walk_that_starts_at_the_alias_bit_is_refused)
{
	const uint64_t beyond[] = {0, 1, 512, 1ull << 20};
	struct tdxc_iter it;
	size_t i;

	plant((uint32_t)_i, 1);
	for (i = 0; i < COUNT(beyond); i++) {
		uint64_t n = tree.alias + beyond[i];

		ck_assert_int_eq(
			tdxc_iter_begin(&it, &tree, frame(n), frame(n + 1), 1),
			TDXC_E_INVAL);
		ck_assert(!it.valid);
		expect_found(n, 0, TDXC_SPTE_EMPTY_BITS);
	}
}
END_TEST

START_TEST(R34_a_walk_of_the_whole_tree_meets_both_halves)
{
	struct tdxc_tree whole;
	struct tdxc_iter it;
	uint64_t leaves = 0;

	plant((uint32_t)_i, 1);
	put(7, 1, leaf(1));
	put(7 | tree.alias, 1, leaf(1));
	put(tree.alias * 2 - 1, 1, leaf(1));
	whole = tdxc_tree_whole(&tree);
	ck_assert_int_eq(
		tdxc_iter_begin(&it, &whole, frame(0), frame(whole.end), 1),
		TDXC_OK);
	for (; it.valid; tdxc_iter_next(&it))
		leaves += tdxc_spte_is_leaf(it.spte);
	ck_assert_uint_eq(leaves, 3);
	ck_assert_uint_eq(it.next, 1ull << (9 * tree.levels));
}
END_TEST

START_TEST(R2_a_walk_that_meets_a_frozen_entry_does_not_go_through_it)
{
	struct tdxc_iter it;

	plant_shape(_i);
	put(0x200 | tree.alias, 1, leaf(1));
	put(0x200 | tree.alias, 2, TDXC_SPTE_FROZEN_BITS);
	expect_found(0x200, 2, TDXC_SPTE_FROZEN_BITS);
	ck_assert(tdxc_spte_is_frozen(tdxc_lookup(&tree, frame(0x200)).spte));
	walk(&it, 0x200, 0x600, 1);
	walk_down_to(&it, 2);
	expect_at(&it, 0x200, 2, TDXC_SPTE_FROZEN_BITS);
	tdxc_iter_next(&it);
	expect_at(&it, 0x400, 2, TDXC_SPTE_EMPTY_BITS);
}
END_TEST

/* As a fast path looks at it: R44. */
START_TEST(R44_a_lookup_that_meets_a_frozen_entry_finds_nothing_present)
{
	uint32_t level;

	for (level = 1; level <= 5; level++) {
		struct tdxc_found found;

		plant(5, 1);
		put(9 | tree.alias, level, TDXC_SPTE_FROZEN_BITS);
		found = tdxc_lookup(&tree, frame(9));
		ck_assert_uint_eq(found.level, level);
		ck_assert(tdxc_spte_is_frozen(found.spte));
		ck_assert(!tdxc_spte_is_present(found.spte));
	}
}
END_TEST

START_TEST(R14_a_table_unlinked_after_it_was_read_is_not_entered)
{
	const uint64_t now[] = {TDXC_SPTE_EMPTY_BITS, TDXC_SPTE_FROZEN_BITS,
				0 /* MMIO of a TD */, leaf(2)};
	struct tdxc_iter it;
	size_t i;

	for (i = 0; i < COUNT(now); i++) {
		plant_shape(_i);
		put(0x200 | tree.alias, 1, leaf(1));
		walk(&it, 0x200, 0x600, 1);
		walk_down_to(&it, 2);
		ck_assert(tdxc_spte_is_table(it.spte));
		*it.slot = now[i];
		tdxc_iter_next(&it);
		expect_at(&it, 0x400, 2, TDXC_SPTE_EMPTY_BITS);
	}
}
END_TEST

START_TEST(a_table_linked_after_the_entry_was_read_is_entered)
{
	struct tdxc_iter it;

	plant_shape(_i);
	put(0x200 | tree.alias, 2, TDXC_SPTE_EMPTY_BITS);
	walk(&it, 0x201, 0x600, 1);
	walk_down_to(&it, 2);
	ck_assert(!tdxc_spte_is_table(it.spte));
	put(0x201 | tree.alias, 1, leaf(1));
	tdxc_iter_reread(&it);
	ck_assert(tdxc_spte_is_table(it.spte));
	tdxc_iter_next(&it);
	expect_at(&it, 0x201, 1, leaf(1));
}
END_TEST

START_TEST(skipping_goes_beside_or_above_but_not_into_the_table)
{
	struct tdxc_iter it;

	plant(4, 0);
	put(0x3FFFF, 1, leaf(1));
	put(0x40000, 1, leaf(1));
	walk(&it, 0x3FFFF, 0x80000, 1);
	walk_down_to(&it, 2);
	tdxc_iter_skip(&it);
	expect_at(&it, 0x40000, 3, *slot_of(0x40000, 3));
	tdxc_iter_skip(&it);
	ck_assert(!it.valid);
}
END_TEST

START_TEST(a_walk_does_not_descend_below_its_lowest_level)
{
	const uint32_t min_level = (uint32_t)_i;
	struct tdxc_iter it;
	uint32_t lowest = 5;

	plant(4, 0);
	put(0, 1, leaf(1));
	for (walk(&it, 0, 1ull << 28, min_level); it.valid; tdxc_iter_next(&it))
		lowest = it.level < lowest ? it.level : lowest;
	ck_assert_uint_eq(lowest, min_level);
}
END_TEST

START_TEST(a_large_leaf_is_met_whole_where_a_range_begins_inside_it)
{
	struct tdxc_iter it;

	plant_shape(_i);
	put(0x40000 | tree.alias, 3, leaf(3));
	expect_found(0x7FFFF, 3, leaf(3));
	walk(&it, 0x41234, 0x41235, 1);
	walk_down_to(&it, 3);
	expect_at(&it, 0x40000, 3, leaf(3));
	tdxc_iter_next(&it);
	ck_assert(!it.valid);
}
END_TEST

/* Each entry holds an address that is not mapped: what follows it crashes. */
START_TEST(I_DESC_only_entries_that_point_to_tables_are_followed)
{
	const uint64_t words[] = {
		TDXC_SPTE_EMPTY_BITS,
		TDXC_SPTE_FROZEN_BITS,
		0,
		NOWHERE | TDXC_SPTE_W | TDXC_SPTE_X,
		leaf(1),
		leaf(3),
		(TDXC_SPTE_TABLE_BITS & ~TDXC_SPTE_TABLE) | NOWHERE,
		TDXC_SPTE_TABLE_BITS & ~(TDXC_SPTE_TABLE | TDXC_SPTE_SVE),
	};
	struct tdxc_iter it;
	uint32_t level;
	size_t i;

	for (i = 0; i < COUNT(words); i++) {
		for (level = 1; level <= 5; level++) {
			plant(5, 0);
			put(3, level, words[i]);
			expect_found(3, level, words[i]);
			walk(&it, 3, 4, 1);
			walk_down_to(&it, level);
			ck_assert_uint_eq(it.spte.bits, words[i]);
			tdxc_iter_next(&it);
			ck_assert(!it.valid);
		}
	}
}
END_TEST

START_TEST(a_restarted_walk_goes_on_where_it_was_heading)
{
	struct tdxc_iter it;

	plant_shape(_i);
	put(0x205 | tree.alias, 1, leaf(1));
	walk(&it, 0x200, 0x400, 1);
	walk_down_to(&it, 1);
	while (it.gfn != 0x205)
		tdxc_iter_next(&it);
	tdxc_iter_restart(&it);
	expect_at(&it, 0, tree.levels, *slot_of(tree.alias, tree.levels));
	walk_down_to(&it, 1);
	expect_at(&it, 0x205, 1, leaf(1));
	/* Its tables may be gone by then. */
	put(tree.alias, 3, TDXC_SPTE_FROZEN_BITS);
	tdxc_iter_restart(&it);
	walk_down_to(&it, 3);
	expect_at(&it, 0, 3, TDXC_SPTE_FROZEN_BITS);
	tdxc_iter_next(&it);
	ck_assert(!it.valid);
}
END_TEST

START_TEST(R16_a_walk_without_progress_may_not_yield_again)
{
	struct tdxc_iter it;

	plant_shape(_i);
	put(tree.alias, 1, leaf(1));
	walk(&it, 0, 3, 1);
	ck_assert(!tdxc_iter_may_yield(&it));
	walk_down_to(&it, 1);
	ck_assert(!tdxc_iter_may_yield(&it)); /* Down is no progress. */
	tdxc_iter_next(&it);
	ck_assert(tdxc_iter_may_yield(&it));
	tdxc_iter_restart(&it);
	ck_assert(!tdxc_iter_may_yield(&it));
	walk_down_to(&it, 1);
	ck_assert(!tdxc_iter_may_yield(&it));
	tdxc_iter_next(&it);
	ck_assert(tdxc_iter_may_yield(&it));
}
END_TEST

START_TEST(ranges_without_a_frame_are_over_at_once)
{
	const struct {
		uint64_t start, end;
	} rows[] = {{0, 0}, {5, 5}, {6, 5}, {1ull << 35, 1ull << 36}};
	struct tdxc_iter it;
	size_t i;

	plant(4, 0);
	tree.end = 1ull << 35;
	for (i = 0; i < COUNT(rows); i++) {
		walk(&it, rows[i].start, rows[i].end, 1);
		ck_assert(!it.valid);
	}
	walk(&it, 0, UINT64_MAX, 4); /* Clipped. */
	while (it.valid)
		tdxc_iter_next(&it);
	ck_assert_uint_eq(it.next, tree.end);
}
END_TEST

START_TEST(levels_and_bounds_that_do_not_fit_are_refused)
{
	const struct {
		uint32_t levels, min_level;
		uint64_t alias, end, virt;
	} rows[] = {
		{3, 1, 0, 1, 0},
		{6, 1, 0, 1, 0},
		{0, 1, 0, 1, 0},
		{4, 0, 0, 1, 0},
		{4, 5, 0, 1, 0},
		{5, 6, 0, 1, 0},
		{4, 1, 0, (1ull << 36) + 1, 0},
		{5, 1, 0, (1ull << 45) + 1, 0},
		{4, 1, 1ull << 35, (1ull << 35) + 1, 0},
		{4, 1, 0, 1, 8},
	};
	struct tdxc_iter it;
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		plant(4, 0);
		tree.levels = rows[i].levels;
		tree.alias = rows[i].alias;
		tree.end = rows[i].end;
		tree.virt += rows[i].virt;
		it.valid = true;
		ck_assert_int_eq(tdxc_iter_begin(&it, &tree, frame(0), frame(1),
						 rows[i].min_level),
				 TDXC_E_INVAL);
		ck_assert(!it.valid);
	}
}
END_TEST

static TCase *random_case(void)
{
	TCase *tc = tcase_create("random");

	tcase_add_test(tc, random_walks_meet_what_the_slow_model_meets);
	tcase_add_test(tc, random_lookups_find_what_the_slow_model_finds);
	tcase_add_test(
		tc, walks_go_on_right_while_entries_change_between_their_steps);
	return tc;
}

static TCase *bits_case(void)
{
	TCase *tc = tcase_create("indices");

	tcase_add_loop_test(
		tc, R43_lookups_and_walks_index_alike_with_4_and_5_levels, 0,
		SHAPES);
	tcase_add_loop_test(
		tc, R43_the_alias_bit_is_47_with_4_levels_and_51_with_5, 4, 6);
	tcase_add_loop_test(tc, R32_mirror_walks_index_without_the_alias_bit, 4,
			    6);
	tcase_add_loop_test(
		tc,
		I_BITS_the_direct_walk_of_the_same_tables_finds_the_other_half,
		4, 6);
	tcase_add_loop_test(
		tc, R33_a_direct_walk_that_starts_at_the_alias_bit_is_refused,
		4, 6);
	tcase_add_loop_test(tc, R34_a_walk_of_the_whole_tree_meets_both_halves,
			    4, 6);
	return tc;
}

static TCase *change_case(void)
{
	TCase *tc = tcase_create("change");

	tcase_add_loop_test(
		tc, R2_a_walk_that_meets_a_frozen_entry_does_not_go_through_it,
		0, SHAPES);
	tcase_add_loop_test(
		tc, R14_a_table_unlinked_after_it_was_read_is_not_entered, 0,
		SHAPES);
	tcase_add_loop_test(tc,
			    a_table_linked_after_the_entry_was_read_is_entered,
			    0, SHAPES);
	tcase_add_test(
		tc,
		R44_a_lookup_that_meets_a_frozen_entry_finds_nothing_present);
	tcase_add_test(tc,
		       I_DESC_only_entries_that_point_to_tables_are_followed);
	tcase_add_loop_test(tc, a_restarted_walk_goes_on_where_it_was_heading,
			    0, SHAPES);
	tcase_add_loop_test(tc, R16_a_walk_without_progress_may_not_yield_again,
			    0, SHAPES);
	return tc;
}

static TCase *order_case(void)
{
	TCase *tc = tcase_create("order");

	tcase_add_test(tc, a_walk_meets_parents_before_children_in_order);
	tcase_add_test(tc,
		       skipping_goes_beside_or_above_but_not_into_the_table);
	tcase_add_loop_test(tc, a_walk_does_not_descend_below_its_lowest_level,
			    1, 5);
	tcase_add_loop_test(
		tc, a_large_leaf_is_met_whole_where_a_range_begins_inside_it, 0,
		SHAPES);
	tcase_add_test(tc, ranges_without_a_frame_are_over_at_once);
	tcase_add_test(tc, levels_and_bounds_that_do_not_fit_are_refused);
	return tc;
}

int main(void)
{
	Suite *suite = suite_create("iter");
	SRunner *runner;
	int failed;

	suite_add_tcase(suite, order_case());
	suite_add_tcase(suite, bits_case());
	suite_add_tcase(suite, change_case());
	suite_add_tcase(suite, random_case());
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
