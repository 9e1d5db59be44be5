/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Ranges and sorted lists: tables for the edges, and random lists in a world of
 * 64 bytes where every answer can be had from a bit mask.
 */
#include <tdxcore/range.h>

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define TOP	     0xFFFFFFFFFFFFFFFFull

/* ---- single ranges ---- */

static const struct {
	struct tdxc_range a, b;
	bool overlaps, contains, meet;
} pairs[] = {
	{{0, 10}, {10, 20}, false, false, false}, /* Touching. */
	{{0, 10}, {9, 20}, true, false, true},
	{{0, 10}, {0, 10}, true, true, true},
	{{0, 10}, {2, 3}, true, true, true},
	{{2, 3}, {0, 10}, true, false, true},
	{{0, 10}, {5, 5}, false, true, false}, /* An empty one inside. */
	{{5, 5}, {0, 10}, false, false, false},
	{{0, 10}, {8, 4}, false, true, false}, /* Inverted: holds nothing. */
	{{TOP - 1, TOP}, {0, TOP}, true, false, true},
};

START_TEST(overlap_containment_and_intersection_agree_at_the_edges)
{
	struct tdxc_range r = tdxc_range_intersect(pairs[_i].a, pairs[_i].b);

	ck_assert_int_eq(tdxc_range_overlaps(pairs[_i].a, pairs[_i].b),
			 pairs[_i].overlaps);
	ck_assert_int_eq(tdxc_range_overlaps(pairs[_i].b, pairs[_i].a),
			 pairs[_i].overlaps);
	ck_assert_int_eq(tdxc_range_contains(pairs[_i].a, pairs[_i].b),
			 pairs[_i].contains);
	ck_assert_int_eq(!tdxc_range_is_empty(r), pairs[_i].meet);
}
END_TEST

static const struct {
	struct tdxc_range in;
	uint64_t align;
	struct tdxc_range out; /* 0, 0: empty. */
} trims[] = {
	{{0x1000, 0x3000}, 0x1000, {0x1000, 0x3000}},
	{{0x1001, 0x3FFF}, 0x1000, {0x2000, 0x3000}},
	{{0x1001, 0x1FFF}, 0x1000, {0, 0}},
	{{0x1FFF, 0x2001}, 0x1000, {0, 0}},
	{{0, 0xFFF}, 0x1000, {0, 0}},
	{{0, 0}, 0x1000, {0, 0}},
	{{TOP, TOP}, 0x1000, {0, 0}}, /* Rounding up would wrap. */
	{{TOP - 1, TOP}, 0x1000, {0, 0}},
	{{TOP & ~0xFFFull, TOP}, 0x1000, {0, 0}},
	{{0x3FFFFFFF, 0xC0000001}, 0x40000000, {0x40000000, 0xC0000000}},
	{{5, 9}, 1, {5, 9}},
};

START_TEST(trimming_keeps_whole_units_and_never_wraps)
{
	struct tdxc_range r = tdxc_range_trim(trims[_i].in, trims[_i].align);

	if (trims[_i].out.end == 0) {
		ck_assert(tdxc_range_is_empty(r));
		return;
	}
	ck_assert_uint_eq(r.start, trims[_i].out.start);
	ck_assert_uint_eq(r.end, trims[_i].out.end);
}
END_TEST

/* ---- lists ---- */

START_TEST(joining_drops_empty_ranges_and_merges_what_touches)
{
	struct tdxc_range r[] = {{0, 0},   {1, 3},	  {3, 5},  {4, 4},
				 {6, 9},   {7, 8},	  {9, 10}, {12, 11},
				 {20, 30}, {TOP - 1, TOP}};
	size_t n = tdxc_range_join(r, COUNT(r));

	ck_assert_uint_eq(n, 4);
	ck_assert(r[0].start == 1 && r[0].end == 5);
	ck_assert(r[1].start == 6 && r[1].end == 10);
	ck_assert(r[2].start == 20 && r[2].end == 30);
	ck_assert(r[3].start == TOP - 1 && r[3].end == TOP);
	ck_assert_uint_eq(tdxc_range_join(r, 0), 0);
}
END_TEST

START_TEST(the_first_entry_that_breaks_the_rule_is_found)
{
	const struct tdxc_range good[] = {{0, 1}, {1, 2}, {5, 9}};
	const struct tdxc_range empty[] = {{0, 1}, {1, 1}, {5, 9}};
	const struct tdxc_range inverted[] = {{0, 1}, {3, 4}, {9, 5}};
	const struct tdxc_range overlap[] = {{0, 2}, {1, 3}, {5, 9}};
	const struct tdxc_range order[] = {{5, 6}, {7, 8}, {0, 1}};

	ck_assert_uint_eq(tdxc_range_first_unsorted(good, 3), 3);
	ck_assert_uint_eq(tdxc_range_first_unsorted(good, 0), 0);
	ck_assert_uint_eq(tdxc_range_first_unsorted(empty, 3), 1);
	ck_assert_uint_eq(tdxc_range_first_unsorted(inverted, 3), 2);
	ck_assert_uint_eq(tdxc_range_first_unsorted(overlap, 3), 1);
	ck_assert_uint_eq(tdxc_range_first_unsorted(order, 3), 2);
}
END_TEST

START_TEST(touching_ranges_cover_as_one_and_a_gap_does_not)
{
	const struct tdxc_range touching[] = {{10, 20}, {20, 30}, {30, 40}};
	const struct tdxc_range gap[] = {{10, 20}, {21, 30}};

	ck_assert(tdxc_range_list_covers(touching, 3,
					 (struct tdxc_range){10, 40}));
	ck_assert(tdxc_range_list_covers(touching, 3,
					 (struct tdxc_range){15, 35}));
	ck_assert(!tdxc_range_list_covers(touching, 3,
					  (struct tdxc_range){9, 11}));
	ck_assert(!tdxc_range_list_covers(touching, 3,
					  (struct tdxc_range){39, 41}));
	ck_assert(!tdxc_range_list_covers(gap, 2, (struct tdxc_range){15, 25}));
	ck_assert(tdxc_range_list_covers(gap, 2, (struct tdxc_range){20, 20}));
	ck_assert(!tdxc_range_list_covers(NULL, 0, (struct tdxc_range){0, 1}));
	ck_assert(tdxc_range_list_covers(NULL, 0, (struct tdxc_range){5, 5}));
}
END_TEST

/* ---- random lists against bit masks ---- */

static uint64_t state;

static uint64_t draw(uint64_t below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (state >> 11) % below;
}

static void seed(void)
{
	const char *given = getenv("TDXC_SEED");

	state = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
	printf("TDXC_SEED=%llu\n", (unsigned long long)state);
	state = state * 0x9E3779B97F4A7C15ull | 1;
}

/* Bit k: byte k of 0..62. */
static uint64_t mask_of(const struct tdxc_range *r, size_t n)
{
	uint64_t mask = 0;
	uint64_t k;
	size_t i;

	for (i = 0; i < n; i++) {
		for (k = r[i].start; k < r[i].end; k++)
			mask |= 1ull << k;
	}
	return mask;
}

/* A sorted list; neighbours touch now and then. */
static size_t random_list(struct tdxc_range *r, size_t max)
{
	uint64_t at = draw(8);
	size_t n = 0;

	while (n < max && at < 60) {
		r[n].start = at;
		r[n].end = at + 1 + draw(6);
		if (r[n].end > 63)
			r[n].end = 63;
		at = r[n].end + draw(4);
		n++;
	}
	return n;
}

static void check_ordered(const struct tdxc_range *r, size_t n)
{
	ck_assert_uint_eq(tdxc_range_first_unsorted(r, n), n);
}

START_TEST(random_lists_intersect_and_subtract_as_bit_masks_do)
{
	struct tdxc_range a[16], b[16], out[32];
	uint64_t ma, mb;
	size_t na, nb, n;
	unsigned round;

	seed();
	for (round = 0; round < 30000; round++) {
		na = random_list(a, draw(17));
		nb = random_list(b, draw(17));
		ma = mask_of(a, na);
		mb = mask_of(b, nb);
		n = tdxc_range_list_intersect(a, na, b, nb, out);
		ck_assert_uint_le(n, na + nb);
		check_ordered(out, n);
		ck_assert_uint_eq(mask_of(out, n), ma & mb);
		n = tdxc_range_list_subtract(a, na, b, nb, out);
		ck_assert_uint_le(n, na + nb);
		check_ordered(out, n);
		ck_assert_uint_eq(mask_of(out, n), ma & ~mb);
	}
}
END_TEST

START_TEST(random_searches_and_covers_agree_with_bit_masks)
{
	struct tdxc_range r[16], inner;
	uint64_t mask, want, addr;
	unsigned round;
	size_t n, i;

	seed();
	for (round = 0; round < 30000; round++) {
		n = random_list(r, draw(17));
		mask = mask_of(r, n);
		addr = draw(64);
		for (i = 0; i < n && r[i].end <= addr; i++)
			continue;
		ck_assert_uint_eq(tdxc_range_find(r, n, addr), i);
		inner.start = draw(63);
		inner.end = inner.start + draw(64 - inner.start);
		want = mask_of(&inner, 1);
		ck_assert_int_eq(tdxc_range_list_covers(r, n, inner),
				 (mask & want) == want);
	}
}
END_TEST

static int by_start_then_end(const void *a, const void *b)
{
	const struct tdxc_range *x = a;
	const struct tdxc_range *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return x->end < y->end ? -1 : x->end > y->end;
}

START_TEST(heap_sort_gives_the_order_of_qsort_whatever_the_input)
{
	struct tdxc_range r[64], sorted[64];
	unsigned round;
	size_t n, i;

	seed();
	for (round = 0; round < 10000; round++) {
		n = draw(65);
		for (i = 0; i < n; i++) {
			r[i].start = draw(round % 2 ? 8 : TOP);
			r[i].end = draw(round % 2 ? 8 : TOP);
		}
		memcpy(sorted, r, sizeof r);
		qsort(sorted, n, sizeof sorted[0], by_start_then_end);
		tdxc_range_sort(r, n);
		ck_assert_int_eq(memcmp(r, sorted, n * sizeof r[0]), 0);
	}
}
END_TEST

START_TEST(sorting_a_hundred_thousand_takes_n_log_n)
{
	const size_t n = 100000;
	struct tdxc_range *r = calloc(n, sizeof *r);
	size_t i;

	ck_assert_ptr_nonnull(r);
	for (i = 0; i < n; i++) { /* Descending; n^2 would take minutes. */
		r[i].start = 2 * (n - i);
		r[i].end = r[i].start + 1;
	}
	tdxc_range_sort(r, n);
	ck_assert_uint_eq(tdxc_range_first_unsorted(r, n), n);
	free(r);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("range");
	TCase *one = tcase_create("single");
	TCase *lists = tcase_create("lists");
	TCase *random = tcase_create("random");
	SRunner *runner;
	int failed;

	tcase_set_timeout(random, 120);
	tcase_add_loop_test(
		one, overlap_containment_and_intersection_agree_at_the_edges, 0,
		COUNT(pairs));
	tcase_add_loop_test(one, trimming_keeps_whole_units_and_never_wraps, 0,
			    COUNT(trims));
	tcase_add_test(lists,
		       joining_drops_empty_ranges_and_merges_what_touches);
	tcase_add_test(lists, the_first_entry_that_breaks_the_rule_is_found);
	tcase_add_test(lists, touching_ranges_cover_as_one_and_a_gap_does_not);
	tcase_add_test(random,
		       random_lists_intersect_and_subtract_as_bit_masks_do);
	tcase_add_test(random, random_searches_and_covers_agree_with_bit_masks);
	tcase_add_test(random,
		       heap_sort_gives_the_order_of_qsort_whatever_the_input);
	tcase_add_test(random, sorting_a_hundred_thousand_takes_n_log_n);
	suite_add_tcase(suite, one);
	suite_add_tcase(suite, lists);
	suite_add_tcase(suite, random);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
