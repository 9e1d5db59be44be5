/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * The set of ranges, beside an array of bits.
 *
 * TDXC_SEED repeats a run; TDXC_TEST_SCALE=percent: how many operations.
 */
#include <tdxcore/err.h>
#include <tdxcore/tracker.h>

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE	   TDXC_PAGE_SIZE
#define PAGES	   64u
#define ROOM	   (PAGES / 2)
#define OPERATIONS 200000u
#define FEWEST	   2000u

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

static struct tdxc_range pages(uint64_t from, uint64_t to)
{
	struct tdxc_range r = {from * PAGE, to * PAGE};

	return r;
}

/* The ranges that the bits say, written down naively. */
static size_t ranges_of(const bool *bits, struct tdxc_range *out)
{
	size_t n = 0;
	unsigned i;

	for (i = 0; i < PAGES; i++) {
		if (!bits[i])
			continue;
		if (i > 0 && bits[i - 1])
			out[n - 1].end += PAGE;
		else
			out[n++] = pages(i, i + 1);
	}
	return n;
}

static bool same(const struct tdxc_tracker *t, const bool *bits)
{
	struct tdxc_range want[PAGES];
	size_t n = ranges_of(bits, want);
	uint64_t bytes = 0;
	size_t i;

	for (i = 0; i < n; i++)
		bytes += tdxc_range_size(want[i]);
	return t->nr == n && t->bytes == bytes &&
	       (n == 0 || memcmp(t->ranges, want, n * sizeof *want) == 0);
}

static bool missing_is_right(const struct tdxc_tracker *t, const bool *bits,
			     uint64_t from, uint64_t to)
{
	struct tdxc_range got = tdxc_tracker_missing(t, pages(from, to));
	uint64_t end;

	while (from < to && bits[from])
		from++;
	for (end = from; end < to && !bits[end];)
		end++;
	return got.start == from * PAGE && got.end == end * PAGE;
}

START_TEST(a_set_holds_what_was_added_less_what_was_removed)
{
	uint64_t n =
		OPERATIONS * from_env("TDXC_TEST_SCALE", 100) / 100 + FEWEST;
	uint64_t refused = 0;
	struct tdxc_range memory[2][ROOM + 1];
	struct tdxc_range *old;
	struct tdxc_tracker t;
	bool bits[PAGES] = {false};
	uint64_t i;

	state = from_env("TDXC_SEED", 1);
	printf("TDXC_SEED=%llu\n", (unsigned long long)state);
	tdxc_tracker_init(&t, memory[0], ROOM);
	for (i = 0; i < n; i++) {
		uint64_t from = random_below(PAGES);
		uint64_t to = from + random_below(random_below(8) ? 3 : PAGES);
		bool add = random_below(2);
		bool next[PAGES];
		struct tdxc_range want[PAGES];
		int err;

		if (to > PAGES)
			to = PAGES;
		/* Often there is little room. */
		t.room = random_below(2) ? ROOM : t.nr + random_below(2);
		if (t.room > ROOM)
			t.room = ROOM;
		memcpy(next, bits, sizeof next);
		if (to > from)
			memset(next + from, add, to - from);
		err = add ? tdxc_tracker_add(&t, pages(from, to))
			  : tdxc_tracker_remove(&t, pages(from, to));
		if (ranges_of(next, want) > t.room) {
			if (err != TDXC_E_NOSPC)
				ck_abort_msg("no room, and no word of it");
			refused++;
		} else {
			if (err != TDXC_OK)
				ck_abort_msg("refused for nothing");
			memcpy(bits, next, sizeof bits);
		}
		if (!same(&t, bits) || !missing_is_right(&t, bits, from, to))
			ck_abort_msg("operation %llu", (unsigned long long)i);
		if (random_below(64) == 0) {
			struct tdxc_range *to_array =
				memory[t.ranges == memory[0]];

			if (t.nr > 0 &&
			    tdxc_tracker_move(&t, to_array, t.nr - 1, &old) !=
				    TDXC_E_NOSPC)
				ck_abort_msg("moved into too little");
			if (tdxc_tracker_move(&t, to_array, ROOM, &old) ||
			    old == to_array || !same(&t, bits))
				ck_abort_msg("moved wrongly");
		}
	}
	ck_assert_uint_gt(refused, n / 100);
}
END_TEST

START_TEST(what_is_no_range_of_pages_is_refused)
{
	static const struct tdxc_range bad[] = {
		{PAGE, 0}, {1, PAGE}, {0, PAGE + 1}, {100, 200}};
	struct tdxc_range memory[4];
	struct tdxc_tracker t;
	size_t i;

	tdxc_tracker_init(&t, memory, 4);
	ck_assert_int_eq(tdxc_tracker_add(&t, pages(0, 2)), TDXC_OK);
	for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		ck_assert_int_eq(tdxc_tracker_add(&t, bad[i]), TDXC_E_INVAL);
		ck_assert_int_eq(tdxc_tracker_remove(&t, bad[i]), TDXC_E_INVAL);
	}
	ck_assert_int_eq(tdxc_tracker_add(&t, pages(9, 9)), TDXC_OK);
	ck_assert_int_eq(tdxc_tracker_remove(&t, pages(1, 1)), TDXC_OK);
	ck_assert_uint_eq(t.nr, 1);
	ck_assert_uint_eq(t.bytes, 2 * PAGE);
}
END_TEST

START_TEST(an_empty_set_needs_no_memory)
{
	struct tdxc_range memory[1], *old;
	struct tdxc_tracker t;

	tdxc_tracker_init(&t, NULL, 0);
	ck_assert_int_eq(tdxc_tracker_remove(&t, pages(0, 5)), TDXC_OK);
	ck_assert_int_eq(tdxc_tracker_add(&t, pages(0, 5)), TDXC_E_NOSPC);
	ck_assert_uint_eq(tdxc_tracker_missing(&t, pages(0, 5)).end, 5 * PAGE);
	ck_assert_int_eq(tdxc_tracker_move(&t, memory, 1, &old), TDXC_OK);
	ck_assert_ptr_null(old);
	ck_assert_int_eq(tdxc_tracker_add(&t, pages(0, 5)), TDXC_OK);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("tracker");
	TCase *t = tcase_create("tracker");
	SRunner *runner;
	int failed;

	tcase_add_test(t, a_set_holds_what_was_added_less_what_was_removed);
	tcase_add_test(t, what_is_no_range_of_pages_is_refused);
	tcase_add_test(t, an_empty_set_needs_no_memory);
	suite_add_tcase(suite, t);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
