/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Roots: which there are, who refers to them, how they become invalid and go.
 */
#include <tdxcore/err.h>
#include <tdxcore/version.h>

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "../libtdxcore/mirror_work.h"
#include "mirror/mirror_case.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static struct mirror_case c;

static void up(uint32_t levels, bool shared_only)
{
	struct mirror_shape shape = {levels, shared_only, true, 0};

	mirror_case_up(&c, &shape);
}

static void down(void)
{
	ck_assert_ptr_null(mirror_case_audit(&c));
	ck_assert_ptr_null(mirror_case_down(&c));
}

static struct tdxc_root *get(enum tdxc_roots kind)
{
	return mirror_case_root(&c, kind);
}

static int invalidate(uint32_t classes)
{
	int err;

	c.exclusive_held = true;
	err = tdxc_roots_invalidate(&c.mmu, classes, TDXC_LOCK_EXCLUSIVE);
	c.exclusive_held = false;
	return err;
}

/* What a zap does at its end; test_mirror_teardown.c has the real one. */
static int zapped(struct tdxc_root *root)
{
	root->state |= ROOT_ZAPPED;
	return tdxc_root_put(&c.mmu, root);
}

/* ---- classes ---- */

/* kvm-mirror-mmu.md 1.2: INVALID is a modifier, not a class. */
START_TEST(a_malformed_configuration_is_refused)
{
	struct tdxc_mmu_config bad;
	struct tdxc_mmu_config good;
	struct tdxc_mmu_ops ops;
	struct tdxc_mmu mmu;

	up(4, false);
	good = c.mmu.config;
	ops = *good.ops;
#define REFUSED(change)                                                        \
	do {                                                                   \
		bad = good;                                                    \
		bad.change;                                                    \
		ck_assert_int_eq(tdxc_mmu_init(&mmu, &bad), TDXC_E_INVAL);     \
	} while (0)
	REFUSED(abi = TDXC_ABI + 1);
	REFUSED(levels = 3);
	REFUSED(levels = TDXC_MAX_LEVELS + 1);
	REFUSED(end = 0);
	REFUSED(end = tdxc_alias_bit(5) + 1);
	REFUSED(virt += 8);
	REFUSED(ops = NULL);
	ops.abi++;
	REFUSED(ops = &ops);
	ops.abi--;
	ops.is_stale = NULL;
	REFUSED(ops = &ops);
#undef REFUSED
	ck_assert_int_eq(tdxc_mmu_init(&mmu, &good), TDXC_OK);
	down();
}
END_TEST

START_TEST(s002_11_a_root_matches_its_class_and_invalid_ones_if_asked)
{
	static const struct {
		uint64_t state;
		uint32_t classes;
		bool matches;
	} rows[] = {
		{ROOT_DIRECT, TDXC_ROOTS_DIRECT, true},
		{ROOT_DIRECT, TDXC_ROOTS_MIRROR, false},
		{ROOT_DIRECT, TDXC_ROOTS_VALID, true},
		{ROOT_DIRECT, TDXC_ROOTS_INVALID, false},
		{ROOT_DIRECT, TDXC_ROOTS_DIRECT | TDXC_ROOTS_INVALID, true},
		{ROOT_DIRECT, 0, false},
		{ROOT_MIRROR, TDXC_ROOTS_MIRROR, true},
		{ROOT_MIRROR, TDXC_ROOTS_DIRECT, false},
		{ROOT_MIRROR, TDXC_ROOTS_ALL, true},
		{ROOT_DIRECT | ROOT_INVALID, TDXC_ROOTS_DIRECT, false},
		{ROOT_DIRECT | ROOT_INVALID, TDXC_ROOTS_VALID, false},
		{ROOT_DIRECT | ROOT_INVALID, TDXC_ROOTS_INVALID, false},
		{ROOT_DIRECT | ROOT_INVALID, TDXC_ROOTS_ALL, true},
		{ROOT_DIRECT | ROOT_INVALID,
		 TDXC_ROOTS_MIRROR | TDXC_ROOTS_INVALID, false},
		{ROOT_MIRROR | ROOT_INVALID | ROOT_SCHEDULED,
		 TDXC_ROOTS_MIRROR | TDXC_ROOTS_INVALID, true},
		{0, TDXC_ROOTS_ALL, false},
	};
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		struct tdxc_root root;

		memset(&root, 0, sizeof root);
		root.state = rows[i].state;
		ck_assert_msg(tdxc_root_matches(&root, rows[i].classes) ==
				      rows[i].matches,
			      "row %zu", i);
	}
}
END_TEST

START_TEST(s002_11_invalidation_takes_the_classes_it_is_told)
{
	static const uint32_t classes[] = {TDXC_ROOTS_DIRECT, TDXC_ROOTS_MIRROR,
					   TDXC_ROOTS_VALID};
	size_t i;

	for (i = 0; i < COUNT(classes); i++) {
		struct tdxc_root *direct;
		struct tdxc_root *mirror;

		up(4, false);
		direct = get(TDXC_ROOTS_DIRECT);
		mirror = get(TDXC_ROOTS_MIRROR);
		ck_assert_int_eq(invalidate(classes[i]), TDXC_OK);
		ck_assert(tdxc_root_matches(direct, TDXC_ROOTS_VALID) !=
			  ((classes[i] & TDXC_ROOTS_DIRECT) != 0));
		ck_assert(tdxc_root_matches(mirror, TDXC_ROOTS_VALID) !=
			  ((classes[i] & TDXC_ROOTS_MIRROR) != 0));
		down();
	}
}
END_TEST

START_TEST(invalidation_wants_a_class_and_the_lock_alone)
{
	struct tdxc_root *root;

	up(4, false);
	root = get(TDXC_ROOTS_DIRECT);
	ck_assert_int_eq(invalidate(0), TDXC_E_INVAL);
	ck_assert_int_eq(invalidate(TDXC_ROOTS_INVALID), TDXC_E_INVAL);
	ck_assert_int_eq(invalidate(TDXC_ROOTS_ALL), TDXC_E_INVAL);
	ck_assert_int_eq(invalidate(8), TDXC_E_INVAL);
	ck_assert_int_eq(tdxc_roots_invalidate(&c.mmu, TDXC_ROOTS_DIRECT,
					       TDXC_LOCK_SHARED),
			 TDXC_E_INVAL);
	/* it is not held so */
	ck_assert_int_eq(tdxc_roots_invalidate(&c.mmu, TDXC_ROOTS_DIRECT,
					       TDXC_LOCK_EXCLUSIVE),
			 TDXC_E_INVAL);
	ck_assert(tdxc_root_matches(root, TDXC_ROOTS_DIRECT));
	down();
}
END_TEST

START_TEST(s002_1_two_roots_map_the_two_halves)
{
	uint32_t levels;

	for (levels = 4; levels <= 5; levels++) {
		const struct tdxc_root *direct;
		const struct tdxc_root *mirror;

		up(levels, false);
		direct = get(TDXC_ROOTS_DIRECT);
		mirror = get(TDXC_ROOTS_MIRROR);
		ck_assert_ptr_ne(direct, mirror);
		ck_assert_uint_ne(direct->tree.pa, mirror->tree.pa);
		ck_assert_uint_eq(direct->tree.alias, tdxc_alias_bit(levels));
		ck_assert_uint_eq(mirror->tree.alias, 0);
		ck_assert_uint_eq(direct->tree.end, tdxc_alias_bit(levels));
		ck_assert_uint_eq(mirror->tree.end, tdxc_alias_bit(levels));
		ck_assert_uint_eq(direct->tree.levels, levels);
		down();
	}
}
END_TEST

START_TEST(s002_3_roots_are_mirror_or_direct_and_nothing_else)
{
	static const int kinds[] = {0,
				    TDXC_ROOTS_INVALID,
				    TDXC_ROOTS_VALID,
				    TDXC_ROOTS_ALL,
				    TDXC_ROOTS_MIRROR | TDXC_ROOTS_INVALID,
				    8};
	struct tdxc_root *root = NULL;
	size_t i;

	up(4, false);
	for (i = 0; i < COUNT(kinds); i++)
		ck_assert_int_eq(
			tdxc_root_get(&c.mmu, (enum tdxc_roots)kinds[i], &root),
			TDXC_E_INVAL);
	ck_assert_ptr_null(root);
	ck_assert_uint_eq(c.calls[MIRROR_ALLOC], 0);
	down();
}
END_TEST

START_TEST(a_guest_without_private_memory_has_no_mirror_and_no_alias_bit)
{
	struct tdxc_root *root = NULL;

	up(4, true);
	ck_assert_int_eq(tdxc_root_get(&c.mmu, TDXC_ROOTS_MIRROR, &root),
			 TDXC_E_INVAL);
	ck_assert_ptr_null(root);
	root = get(TDXC_ROOTS_DIRECT);
	ck_assert_uint_eq(root->tree.alias, 0);
	ck_assert_uint_eq(root->tree.end, 1ull << 36);
	down();
}
END_TEST

/* ---- references ---- */

struct second {
	int err;
	struct tdxc_root *root;
};

static void get_as_second(void *arg)
{
	struct second *second = arg;

	second->err = tdxc_root_get(&c.mmu, TDXC_ROOTS_MIRROR, &second->root);
}

/* The second CPU comes while the first one makes the root. */
START_TEST(r28_two_cpus_get_one_root_counted_once_each)
{
	struct second second = {TDXC_OK, NULL};
	struct tdxc_root *first;

	up(4, false);
	mirror_case_run(&c, MIRROR_ALLOC, 1, get_as_second, &second);
	first = get(TDXC_ROOTS_MIRROR);
	ck_assert_int_eq(second.err, TDXC_E_AGAIN);
	ck_assert_ptr_null(second.root);
	get_as_second(&second);
	ck_assert_int_eq(second.err, TDXC_OK);
	ck_assert_ptr_eq(second.root, first);
	ck_assert_uint_eq(first->refs, 3);
	ck_assert_uint_eq(c.calls[MIRROR_ALLOC], 1);
	down();
}
END_TEST

START_TEST(r29_the_last_reference_of_a_valid_root_is_not_dropped)
{
	struct tdxc_root *root;

	up(4, false);
	root = get(TDXC_ROOTS_MIRROR);
	ck_assert_int_eq(tdxc_root_put(&c.mmu, root), TDXC_OK);
	ck_assert_int_eq(tdxc_root_put(&c.mmu, root), TDXC_E_INVAL);
	ck_assert_uint_eq(root->refs, 1);
	ck_assert(tdxc_root_matches(root, TDXC_ROOTS_MIRROR));
	ck_assert_ptr_eq(get(TDXC_ROOTS_MIRROR), root);
	down();
}
END_TEST

START_TEST(r29_nor_that_of_an_invalid_root_that_is_not_zapped)
{
	struct tdxc_root *root;

	up(4, false);
	root = get(TDXC_ROOTS_DIRECT);
	ck_assert_int_eq(invalidate(TDXC_ROOTS_DIRECT), TDXC_OK);
	ck_assert_int_eq(tdxc_root_put(&c.mmu, root), TDXC_OK);
	ck_assert_int_eq(tdxc_root_put(&c.mmu, root), TDXC_E_INVAL);
	ck_assert_uint_eq(root->refs, 1);
	ck_assert_uint_eq(c.calls[MIRROR_RETIRE], 0);
	down();
}
END_TEST

START_TEST(the_last_reference_of_a_zapped_root_retires_its_table)
{
	struct tdxc_root *root;

	up(4, false);
	root = get(TDXC_ROOTS_DIRECT);
	ck_assert_int_eq(invalidate(TDXC_ROOTS_DIRECT), TDXC_OK);
	ck_assert_int_eq(zapped(root), TDXC_OK);
	ck_assert_uint_eq(c.calls[MIRROR_RETIRE], 0);
	ck_assert_int_eq(tdxc_root_put(&c.mmu, root), TDXC_OK);
	ck_assert_uint_eq(c.calls[MIRROR_RETIRE], 1);
	ck_assert_uint_eq(mirror_case_tables(&c, MIRROR_PAGE_RETIRED), 1);
	ck_assert_uint_eq(root->refs, 0);
	ck_assert_uint_eq(root->state, 0);
	ck_assert_int_eq(tdxc_root_put(&c.mmu, root), TDXC_E_INVAL);
	ck_assert_uint_eq(c.calls[MIRROR_RETIRE], 1);
	down();
}
END_TEST

START_TEST(slots_that_are_free_or_claimed_are_not_referred_to)
{
	struct tdxc_root root;

	up(4, false);
	memset(&root, 0, sizeof root);
	ck_assert(!tdxc_root_hold_(&root));
	ck_assert_int_eq(tdxc_root_put(&c.mmu, &root), TDXC_E_INVAL);
	root.refs = ROOT_CLAIMED;
	ck_assert(!tdxc_root_hold_(&root));
	ck_assert_int_eq(tdxc_root_put(&c.mmu, &root), TDXC_E_INVAL);
	ck_assert_uint_eq(root.refs, ROOT_CLAIMED);
	root.refs = 2;
	ck_assert(tdxc_root_hold_(&root));
	ck_assert_uint_eq(root.refs, 3);
	down();
}
END_TEST

/* ---- invalid roots ---- */

START_TEST(s002_6_invalidating_direct_roots_leaves_the_mirror_root_valid)
{
	const struct tdxc_root *mirror;
	struct tdxc_root *direct;
	struct tdxc_root before;

	up(4, false);
	direct = get(TDXC_ROOTS_DIRECT);
	mirror = get(TDXC_ROOTS_MIRROR);
	before = *mirror;
	ck_assert_int_eq(invalidate(TDXC_ROOTS_DIRECT), TDXC_OK);
	ck_assert_mem_eq(mirror, &before, sizeof before);
	ck_assert_ptr_ne(get(TDXC_ROOTS_DIRECT), direct);
	ck_assert_ptr_eq(get(TDXC_ROOTS_MIRROR), mirror);
	down();
}
END_TEST

START_TEST(invalidating_where_there_is_no_root_does_nothing)
{
	struct tdxc_mmu before;

	up(4, false);
	before = c.mmu;
	ck_assert_int_eq(invalidate(TDXC_ROOTS_VALID), TDXC_OK);
	ck_assert_mem_eq(&c.mmu, &before, sizeof before);
	down();
}
END_TEST

START_TEST(invalid_roots_take_slots_until_they_are_zapped)
{
	struct tdxc_root *roots[TDXC_MMU_ROOTS];
	struct tdxc_root *none = NULL;
	uint32_t i;

	up(4, false);
	for (i = 0; i < TDXC_MMU_ROOTS; i++) {
		roots[i] = get(TDXC_ROOTS_DIRECT);
		ck_assert_int_eq(invalidate(TDXC_ROOTS_DIRECT), TDXC_OK);
	}
	ck_assert_int_eq(tdxc_root_get(&c.mmu, TDXC_ROOTS_DIRECT, &none),
			 TDXC_E_NOSPC);
	ck_assert_int_eq(tdxc_root_get(&c.mmu, TDXC_ROOTS_MIRROR, &none),
			 TDXC_E_NOSPC);
	ck_assert_ptr_null(none);
	ck_assert_int_eq(zapped(roots[5]), TDXC_OK);
	ck_assert_int_eq(tdxc_root_put(&c.mmu, roots[5]), TDXC_OK);
	ck_assert_ptr_eq(get(TDXC_ROOTS_MIRROR), roots[5]);
	down();
}
END_TEST

/* ---- memory ---- */

START_TEST(without_memory_there_is_no_root_and_later_there_is)
{
	struct tdxc_root *root = NULL;
	struct tdxc_mmu before;

	up(4, false);
	before = c.mmu;
	mirror_case_fail(&c, MIRROR_ALLOC, 1, TDXC_E_NOMEM);
	ck_assert_int_eq(tdxc_root_get(&c.mmu, TDXC_ROOTS_DIRECT, &root),
			 TDXC_E_NOMEM);
	ck_assert_ptr_null(root);
	ck_assert_mem_eq(&c.mmu, &before, sizeof before);
	mirror_case_calm(&c);
	ck_assert_ptr_nonnull(get(TDXC_ROOTS_DIRECT));
	down();
}
END_TEST

/* The port's memory comes as it is, zeros included. */
START_TEST(r35_a_root_is_filled_with_empty_entries)
{
	static const uint8_t fills[] = {0x00, 0x5A, 0xFF};
	size_t i;

	for (i = 0; i < COUNT(fills); i++) {
		struct tdxc_root *root;
		const uint64_t *entries;
		uint32_t e;

		up(5, false);
		c.fill = fills[i];
		root = get(TDXC_ROOTS_MIRROR);
		entries = tdxc_table_at(&root->tree, root->tree.pa);
		for (e = 0; e < TDXC_ENTRIES; e++)
			ck_assert_uint_eq(entries[e], TDXC_SPTE_EMPTY_BITS);
		down();
	}
}
END_TEST

/* The module keeps the root of the private tree to itself. */
START_TEST(a_mirror_root_has_no_external_page)
{
	up(4, false);
	ck_assert_ptr_nonnull(get(TDXC_ROOTS_MIRROR));
	ck_assert_uint_eq(mirror_case_externals(&c, MIRROR_PAGE_FREE),
			  MIRROR_CASE_TABLES);
	down();
}
END_TEST

static Suite *root_suite(void)
{
	Suite *s = suite_create("mirror_root");
	TCase *classes = tcase_create("classes");
	TCase *refs = tcase_create("references");
	TCase *invalid = tcase_create("invalid");
	TCase *memory = tcase_create("memory");

	tcase_add_test(
		classes,
		s002_11_a_root_matches_its_class_and_invalid_ones_if_asked);
	tcase_add_test(classes,
		       s002_11_invalidation_takes_the_classes_it_is_told);
	tcase_add_test(classes, a_malformed_configuration_is_refused);
	tcase_add_test(classes, invalidation_wants_a_class_and_the_lock_alone);
	tcase_add_test(classes, s002_1_two_roots_map_the_two_halves);
	tcase_add_test(classes,
		       s002_3_roots_are_mirror_or_direct_and_nothing_else);
	tcase_add_test(
		classes,
		a_guest_without_private_memory_has_no_mirror_and_no_alias_bit);
	suite_add_tcase(s, classes);
	tcase_add_test(refs, r28_two_cpus_get_one_root_counted_once_each);
	tcase_add_test(refs,
		       r29_the_last_reference_of_a_valid_root_is_not_dropped);
	tcase_add_test(refs,
		       r29_nor_that_of_an_invalid_root_that_is_not_zapped);
	tcase_add_test(refs,
		       the_last_reference_of_a_zapped_root_retires_its_table);
	tcase_add_test(refs,
		       slots_that_are_free_or_claimed_are_not_referred_to);
	suite_add_tcase(s, refs);
	tcase_add_test(
		invalid,
		s002_6_invalidating_direct_roots_leaves_the_mirror_root_valid);
	tcase_add_test(invalid,
		       invalidating_where_there_is_no_root_does_nothing);
	tcase_add_test(invalid, invalid_roots_take_slots_until_they_are_zapped);
	suite_add_tcase(s, invalid);
	tcase_add_test(memory,
		       without_memory_there_is_no_root_and_later_there_is);
	tcase_add_test(memory, r35_a_root_is_filled_with_empty_entries);
	tcase_add_test(memory, a_mirror_root_has_no_external_page);
	suite_add_tcase(s, memory);
	return s;
}

int main(void)
{
	SRunner *runner = srunner_create(root_suite());
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
