/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * The unshare engine on page tables made by hand, with a platform that writes
 * down what it is asked for and fails where it is told to.
 *
 * The compare and exchange of entries is replaced: it may find that somebody
 * else was faster. The engine's object of the library is therefore not linked.
 */
#include <tdxc_env.h>

static bool hooked_cmpxchg(uint64_t *p, uint64_t *old, uint64_t value);
#define tdxc_try_cmpxchg hooked_cmpxchg
#include "../libtdxcore/unshare_walk.c"
#undef tdxc_try_cmpxchg

#include <tdxcore/version.h>

#include "unshare/guest.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define GIB	     TDXC_SIZE_1G
#define MIB2	     TDXC_SIZE_2M
#define PAGE	     TDXC_PAGE_SIZE
#define SET	     TDXC_SHARED_IS_SET
#define CLEAR	     TDXC_SHARED_IS_CLEAR
#define MAX	     4096u
#define WHY	     0x1234567800000005ull

/* ---- the platform ---- */

enum event { CONVERT, FLUSH, BEFORE };

static struct log {
	enum event what;
	struct tdxc_range pa;
	uint32_t order;
} events[MAX];

static struct platform {
	size_t nr;	   /* events */
	uint64_t bad;	   /* address of a page that fails; 1: none */
	uint64_t bad_end;  /* and all up to here */
	uint64_t worked;   /* conversions after which bad pages are good */
	uint64_t stop_at;  /* conversion that is canceled; 0: none */
	uint64_t converts; /* calls */
	bool not_accepted;
	uint64_t liar;	   /* what is claimed beyond the range */
	int before;	   /* what before() returns */
	uint64_t *watched; /* an entry that is zero when its page is */
} port;

static void record(enum event what, struct tdxc_range pa, uint32_t order)
{
	ck_assert_uint_lt(port.nr, MAX);
	events[port.nr].what = what;
	events[port.nr].pa = pa;
	events[port.nr++].order = order;
}

static int convert(void *ctx, struct tdxc_range pa,
		   struct tdxc_unshare_done *done)
{
	ck_assert_ptr_eq(ctx, &port);
	ck_assert(done->bytes == 0 && done->status == 0 && !done->not_accepted);
	ck_assert(pa.start < pa.end && (pa.start | pa.end) % PAGE == 0);
	if (port.watched)
		ck_assert_uint_eq(*port.watched, 0);
	port.converts++;
	if (port.converts == port.stop_at) {
		done->bytes = tdxc_range_size(pa) / 2 / PAGE * PAGE;
		pa.end = pa.start + done->bytes;
		if (done->bytes != 0)
			record(CONVERT, pa, 0);
		return TDXC_E_CANCELED;
	}
	if (pa.end <= port.bad || pa.start >= port.bad_end ||
	    (port.worked != 0 && port.converts > port.worked)) {
		record(CONVERT, pa, 0);
		return TDXC_OK;
	}
	done->status = WHY;
	done->not_accepted = port.not_accepted;
	if (pa.start < port.bad)
		done->bytes = port.bad - pa.start;
	pa.end = pa.start + done->bytes;
	if (done->bytes != 0)
		record(CONVERT, pa, 0);
	done->bytes += port.liar;
	return TDXC_E_IO;
}

static void flush(void *ctx)
{
	const struct tdxc_range none = {0, 0};

	ck_assert_ptr_eq(ctx, &port);
	record(FLUSH, none, 0);
}

static int before(void *ctx, uint32_t order)
{
	const struct tdxc_range none = {0, 0};

	ck_assert_ptr_eq(ctx, &port);
	record(BEFORE, none, order);
	return port.before;
}

static const struct tdxc_unshare_ops ops = {TDXC_ABI, convert, flush, before};

/* ---- somebody who is faster ---- */

static struct rival {
	uint64_t *slot;
	uint64_t value; /* what he writes, or turns in it */
	bool turn;
	uint32_t times;
} rival;

static bool hooked_cmpxchg(uint64_t *p, uint64_t *old, uint64_t value)
{
	if (p == rival.slot && rival.times != 0) {
		rival.times--;
		*p = rival.turn ? *p ^ rival.value : rival.value;
	}
	return tdxc_try_cmpxchg(p, old, value);
}

/* ---- setting up ---- */

static struct guest guest;
static struct tdxc_unshare engine;
static struct tdxc_unshare_config config;
static struct tdxc_range batch[64];
static struct tdxc_unshare_left left[64];
static struct tdxc_range seen_ranges[64];
static struct tdxc_tracker seen;

static void start(uint32_t levels, uint32_t bit, uint32_t polarity)
{
	guest_free(&guest);
	guest_new(&guest, levels, bit, polarity);
	memset(&port, 0, sizeof port);
	memset(&rival, 0, sizeof rival);
	memset(&config, 0, sizeof config);
	port.bad = UINT64_MAX;
	port.bad_end = 0;
	tdxc_tracker_init(&seen, seen_ranges, COUNT(seen_ranges));
	config.abi = TDXC_ABI;
	config.edit = TDXC_UNSHARE_CLEAR;
	config.flush = TDXC_FLUSH_LATE;
	config.large = TDXC_LARGE_KEEP;
	config.scan = guest_scan(&guest);
	config.ops = &ops;
	config.ctx = &port;
	config.batch = batch;
	config.batch_room = COUNT(batch);
	config.left = left;
	config.left_room = COUNT(left);
}

static void start_td(void)
{
	start(4, 51, SET);
}

static void teardown(void)
{
	guest_free(&guest);
}

static void init(void)
{
	ck_assert_int_eq(tdxc_unshare_init(&engine, &config), TDXC_OK);
}

static void run(int err)
{
	init();
	ck_assert_int_eq(tdxc_unshare_run(&engine), err);
	ck_assert(engine.finished);
}

static void fail_pages(uint64_t from, uint64_t to)
{
	port.bad = from;
	port.bad_end = to;
}

/* ---- what happened ---- */

static void expect_event(size_t i, enum event what, uint64_t pa, uint64_t size)
{
	ck_assert_uint_lt(i, port.nr);
	ck_assert_int_eq(events[i].what, what);
	ck_assert_uint_eq(events[i].pa.start, pa);
	ck_assert_uint_eq(events[i].pa.end, pa + size);
}

static void expect_before(size_t i, uint32_t order)
{
	expect_event(i, BEFORE, 0, 0);
	ck_assert_uint_eq(events[i].order, order);
}

static void expect_left(size_t i, uint64_t pa, uint64_t size, uint32_t stage)
{
	ck_assert_uint_lt(i, engine.nr_left);
	ck_assert_uint_eq(left[i].pa.start, pa);
	ck_assert_uint_eq(left[i].pa.end, pa + size);
	ck_assert_uint_eq(left[i].stage, stage);
}

/* How often a page was converted. */
static unsigned times_converted(uint64_t pa)
{
	unsigned n = 0;
	size_t i;

	for (i = 0; i < port.nr; i++)
		n += events[i].what == CONVERT && events[i].pa.start <= pa &&
		     pa < events[i].pa.end;
	return n;
}

static size_t count(enum event what)
{
	size_t n = 0;
	size_t i;

	for (i = 0; i < port.nr; i++)
		n += events[i].what == what;
	return n;
}

static void exclude(struct tdxc_unshare_exclusion *list, size_t nr)
{
	config.exclusions = list;
	config.nr_exclusions = nr;
}

/* Pages 0 to n - 1 are mapped from 0; every third is shared. */
static void map_thirds(uint64_t n)
{
	uint64_t i;

	for (i = 0; i < n; i++)
		guest_map(&guest, i * PAGE, i * PAGE, 1, i % 3 == 0);
}

/* ---- leaves ---- */

START_TEST(s004_5_each_shared_leaf_is_cleared_and_then_converted)
{
	uint64_t *slots[3];
	uint64_t *private_slot;
	uint64_t was;
	uint32_t level;

	start_td();
	for (level = 1; level <= 3; level++)
		slots[level - 1] = guest_map(&guest, level * 8 * GIB,
					     level * GIB, level, true);
	private_slot = guest_map(&guest, 40 * GIB, 40 * GIB, 1, false);
	was = *private_slot;
	port.watched = slots[0];
	run(TDXC_OK);
	expect_event(0, CONVERT, GIB, PAGE);
	expect_event(1, CONVERT, 2 * GIB, MIB2);
	expect_event(2, CONVERT, 3 * GIB, GIB);
	expect_event(3, FLUSH, 0, 0);
	ck_assert_uint_eq(port.nr, 4);
	for (level = 1; level <= 3; level++)
		ck_assert_uint_eq(*slots[level - 1], 0);
	ck_assert_uint_eq(*private_slot, was);
	ck_assert_uint_eq(engine.result.found, 1 + 512 + 512 * 512);
	ck_assert_uint_eq(engine.result.converted, engine.result.found);
	ck_assert_uint_eq(engine.result.leaves, 3);
}
END_TEST

START_TEST(s004_5_sev_entries_become_private_instead)
{
	uint64_t *slot;

	start(4, 51, CLEAR);
	slot = guest_map(&guest, GIB, 2 * GIB, 2, true);
	config.edit = TDXC_UNSHARE_MAKE_PRIVATE;
	run(TDXC_OK);
	expect_event(0, CONVERT, 2 * GIB, MIB2);
	ck_assert_uint_eq(*slot, guest_leaf(&guest, 2 * GIB, 2, false));
	start_td();
	slot = guest_map(&guest, GIB, 2 * GIB, 2, true);
	config.edit = TDXC_UNSHARE_MAKE_PRIVATE;
	run(TDXC_OK);
	ck_assert_uint_eq(*slot, guest_leaf(&guest, 2 * GIB, 2, false));
}
END_TEST

START_TEST(s004_5_one_page_that_fails_does_not_stop_the_others)
{
	start_td();
	map_thirds(30);
	fail_pages(9 * PAGE, 10 * PAGE);
	run(TDXC_E_IO);
	ck_assert_uint_eq(engine.nr_left, 1);
	expect_left(0, 9 * PAGE, PAGE, TDXC_UNSHARE_CONVERT);
	ck_assert_uint_eq(engine.result.converted, 9);
	ck_assert_uint_eq(engine.result.found, 10);
	ck_assert_uint_eq(*guest_slot(&guest, 9 * PAGE, 1), 0);
}
END_TEST

START_TEST(u25_the_address_comes_from_the_entry_that_is_cleared)
{
	uint64_t *slot;

	start_td();
	slot = guest_map(&guest, GIB, 2 * GIB, 1, true);
	/* Another page, just before the entry is cleared. */
	rival.slot = slot;
	rival.value = guest_leaf(&guest, 3 * GIB, 1, true);
	rival.times = 1;
	run(TDXC_OK);
	expect_event(0, CONVERT, 3 * GIB, PAGE);
	expect_event(1, FLUSH, 0, 0);
	ck_assert_uint_eq(*slot, 0);
}
END_TEST

static const struct change {
	uint64_t value;
	bool turn;
	uint32_t times;
	unsigned converted; /* of the page that was there first */
	uint64_t after;
} changes[] = {
	/* It became private: nothing to do any more. */
	{1ull << 51, true, 1, 0, 1},
	/* It went away. */
	{0, false, 1, 0, 0},
	/* A permission changed, once and several times. */
	{2, true, 1, 1, 0},
	{2, true, 7, 1, 0},
};

START_TEST(u32_an_entry_that_changed_is_looked_at_again)
{
	const struct change *c = &changes[_i];
	uint64_t *slot;

	start_td();
	slot = guest_map(&guest, GIB, 2 * GIB, 1, true);
	guest_map(&guest, 2 * GIB, 5 * GIB, 1, true);
	rival.slot = slot;
	rival.value = c->value;
	rival.turn = c->turn;
	rival.times = c->times;
	run(TDXC_OK);
	ck_assert_uint_eq(times_converted(2 * GIB), c->converted);
	ck_assert_uint_eq(times_converted(5 * GIB), 1);
	ck_assert_uint_eq(*slot != 0, c->after);
	ck_assert_uint_eq(engine.result.changed, c->times);
}
END_TEST

START_TEST(u32_an_entry_that_never_stands_still_is_given_up)
{
	start_td();
	rival.slot = guest_map(&guest, GIB, 2 * GIB, 2, true);
	guest_map(&guest, 2 * GIB, 5 * GIB, 1, true);
	rival.value = 2;
	rival.turn = true;
	rival.times = UINT32_MAX;
	run(TDXC_E_IO);
	expect_left(0, 2 * GIB, MIB2, TDXC_UNSHARE_ENTRY);
	ck_assert_uint_eq(left[0].va, GIB);
	ck_assert_uint_eq(engine.result.left[TDXC_UNSHARE_ENTRY], 512);
	ck_assert_uint_eq(engine.result.found, 513);
	ck_assert_uint_eq(times_converted(5 * GIB), 1);
}
END_TEST

START_TEST(u33_accessed_and_dirty_bits_may_change_meanwhile)
{
	uint64_t *slot;

	start_td();
	slot = guest_map(&guest, GIB, 2 * GIB, 1, true);
	rival.slot = slot;
	rival.value = _i == 0 ? TDXC_PTE_A : TDXC_PTE_A | TDXC_PTE_D;
	rival.turn = true;
	rival.times = 3;
	run(TDXC_OK);
	ck_assert_uint_eq(times_converted(2 * GIB), 1);
	ck_assert_uint_eq(*slot, 0);
	ck_assert_uint_eq(engine.result.changed, 0);
	/* What hardware set is kept where the entry is. */
	start(4, 51, CLEAR);
	slot = guest_map(&guest, GIB, 2 * GIB, 1, true);
	*slot &= ~(TDXC_PTE_A | TDXC_PTE_D);
	config.edit = TDXC_UNSHARE_MAKE_PRIVATE;
	rival.slot = slot;
	rival.value = TDXC_PTE_A | TDXC_PTE_D;
	rival.turn = true;
	rival.times = 1;
	run(TDXC_OK);
	ck_assert_uint_eq(*slot, guest_leaf(&guest, 2 * GIB, 1, false));
}
END_TEST

START_TEST(u35_a_second_scan_finds_nothing)
{
	struct tdxc_scan scan;
	struct tdxc_scan_leaf leaf;

	start(_i & 1 ? 5 : 4, 47, _i & 2 ? CLEAR : SET);
	config.edit = _i & 2 ? TDXC_UNSHARE_MAKE_PRIVATE : TDXC_UNSHARE_CLEAR;
	map_thirds(1000);
	guest_map(&guest, GIB, GIB, 2, true);
	guest_map(&guest, 2 * GIB, 4 * GIB, 3, true);
	fail_pages(300 * PAGE, 330 * PAGE);
	run(TDXC_E_IO);
	ck_assert_int_eq(tdxc_scan_begin(&scan, &config.scan), TDXC_OK);
	ck_assert_int_eq(tdxc_scan_next_leaf(&scan, &leaf), TDXC_SCAN_END);
	port.nr = 0;
	run(TDXC_OK);
	ck_assert_uint_eq(port.nr, 0);
	ck_assert_uint_eq(engine.result.found, 0);
}
END_TEST

/* ---- merging ---- */

START_TEST(u36_one_call_for_a_range_whatever_its_leaves)
{
	uint64_t base = GIB - MIB2 - PAGE;

	start_td();
	config.batch_room = _i == 0 ? 1 : COUNT(batch);
	guest_map(&guest, base, base, 1, true);
	guest_map(&guest, GIB - MIB2, GIB - MIB2, 2, true);
	guest_map(&guest, GIB, GIB, 3, true);
	guest_map(&guest, 2 * GIB, 2 * GIB, 1, true);
	guest_map(&guest, 2 * GIB + PAGE, 3 * GIB, 1, true); /* elsewhere */
	guest_map(&guest, 5 * GIB, 3 * GIB + PAGE, 1, true); /* goes on */
	run(TDXC_OK);
	expect_event(0, CONVERT, base, GIB + MIB2 + 2 * PAGE);
	expect_event(1, CONVERT, 3 * GIB, 2 * PAGE);
	expect_event(2, FLUSH, 0, 0);
	ck_assert_uint_eq(engine.result.converts, 2);
	ck_assert_uint_eq(engine.result.ranges, 2);
}
END_TEST

START_TEST(u36_a_limit_cuts_ranges)
{
	start_td();
	guest_map(&guest, 0, 0, 2, true);
	guest_map(&guest, MIB2, MIB2, 1, true);
	config.max_chunk = MIB2 / 2;
	run(TDXC_OK);
	expect_event(0, CONVERT, 0, MIB2 / 2);
	expect_event(1, CONVERT, MIB2 / 2, MIB2 / 2);
	expect_event(2, CONVERT, MIB2, PAGE);
	ck_assert_uint_eq(engine.result.ranges, 1);
}
END_TEST

START_TEST(u36_ranges_do_not_merge_across_an_exclusion)
{
	struct tdxc_unshare_exclusion x[] = {{{5 * PAGE, 6 * PAGE}, 0, 0}};
	uint64_t i;

	start_td();
	for (i = 0; i < 10; i++)
		guest_map(&guest, i * PAGE, i * PAGE, 1, true);
	exclude(x, 1);
	run(TDXC_OK);
	expect_event(0, CONVERT, 0, 5 * PAGE);
	expect_event(1, CONVERT, 6 * PAGE, 4 * PAGE);
	expect_left(0, 5 * PAGE, PAGE, TDXC_UNSHARE_KEPT);
	ck_assert_uint_eq(engine.result.found, 10);
}
END_TEST

START_TEST(u24_a_page_mapped_twice_is_converted_once)
{
	uint64_t *slots[4];
	size_t i;

	start_td();
	config.seen = &seen;
	slots[0] = guest_map(&guest, GIB, GIB, 2, true);
	slots[1] = guest_map(&guest, 2 * GIB, GIB + PAGE, 1, true);
	/* Partly new: what is not is left out. */
	slots[2] = guest_map(&guest, 3 * GIB, GIB, 3, true);
	slots[3] = guest_map(&guest, 4 * GIB, GIB, 3, true);
	run(TDXC_OK);
	for (i = 0; i < COUNT(slots); i++)
		ck_assert_uint_eq(*slots[i], 0);
	expect_event(0, CONVERT, GIB, GIB);
	ck_assert_uint_eq(count(CONVERT), 1);
	ck_assert_uint_eq(engine.result.found, 512 * 512);
	ck_assert_uint_eq(engine.result.aliased, 1 + 512 + 512 * 512);
	/* Nobody asked for it. */
	start_td();
	guest_map(&guest, GIB, GIB, 1, true);
	guest_map(&guest, 2 * GIB, GIB, 1, true);
	run(TDXC_OK);
	ck_assert_uint_eq(times_converted(GIB), 2);
}
END_TEST

START_TEST(u24_pages_that_the_set_has_no_room_for_are_counted)
{
	start_td();
	tdxc_tracker_init(&seen, seen_ranges, 1);
	config.seen = &seen;
	guest_map(&guest, GIB, GIB, 1, true);
	guest_map(&guest, 2 * GIB, 2 * GIB, 1, true);
	guest_map(&guest, 3 * GIB, GIB, 1, true);
	guest_map(&guest, 4 * GIB, 2 * GIB, 1, true);
	run(TDXC_OK);
	ck_assert_uint_eq(times_converted(GIB), 1);
	ck_assert_uint_eq(times_converted(2 * GIB), 2);
	ck_assert_uint_eq(engine.result.forgotten, 2);
	ck_assert_uint_eq(engine.result.aliased, 1);
}
END_TEST

/* ---- exclusions ---- */

START_TEST(s004_7_exclusions_are_converted_last_in_the_stated_order)
{
	struct tdxc_unshare_exclusion x[] = {
		{{1 * PAGE, 2 * PAGE}, 7, 0},	{{3 * PAGE, 4 * PAGE}, 0, 0},
		{{5 * PAGE, 6 * PAGE}, 2, 0},	{{8 * PAGE, 9 * PAGE}, 7, 0},
		{{100 * GIB, 101 * GIB}, 3, 0}, /* nobody maps it */
	};
	uint64_t i;

	start_td();
	for (i = 0; i < 10; i++)
		guest_map(&guest, i * PAGE, i * PAGE, 1, true);
	exclude(x, COUNT(x));
	run(TDXC_OK);
	expect_event(0, CONVERT, 0, PAGE);
	expect_event(1, CONVERT, 2 * PAGE, PAGE);
	expect_event(2, CONVERT, 4 * PAGE, PAGE);
	expect_event(3, CONVERT, 6 * PAGE, 2 * PAGE);
	expect_event(4, CONVERT, 9 * PAGE, PAGE);
	expect_event(5, FLUSH, 0, 0);
	expect_before(6, 2);
	expect_event(7, CONVERT, 5 * PAGE, PAGE);
	expect_event(8, FLUSH, 0, 0);
	expect_before(9, 3);
	expect_before(10, 7);
	expect_event(11, CONVERT, PAGE, PAGE);
	expect_event(12, CONVERT, 8 * PAGE, PAGE);
	expect_event(13, FLUSH, 0, 0);
	ck_assert_uint_eq(port.nr, 14);
	ck_assert_uint_eq(engine.nr_left, 1);
	expect_left(0, 3 * PAGE, PAGE, TDXC_UNSHARE_KEPT);
	ck_assert_uint_eq(engine.result.found, 10);
	ck_assert_uint_eq(*guest_slot(&guest, 3 * PAGE, 1),
			  guest_leaf(&guest, 3 * PAGE, 1, true));
}
END_TEST

START_TEST(s004_7_devices_that_cannot_be_shut_down_yet_are_waited_for)
{
	struct tdxc_unshare_exclusion x[] = {{{PAGE, 2 * PAGE}, 1, 0}};

	start_td();
	guest_map(&guest, 0, 0, 1, true);
	guest_map(&guest, PAGE, PAGE, 1, true);
	exclude(x, 1);
	port.before = TDXC_E_BUSY;
	init();
	ck_assert_int_eq(tdxc_unshare_run(&engine), TDXC_E_BUSY);
	ck_assert_int_eq(tdxc_unshare_run(&engine), TDXC_E_BUSY);
	ck_assert(!engine.finished);
	ck_assert_uint_eq(times_converted(PAGE), 0);
	port.before = TDXC_OK;
	ck_assert_int_eq(tdxc_unshare_run(&engine), TDXC_OK);
	ck_assert_uint_eq(times_converted(0), 1);
	ck_assert_uint_eq(times_converted(PAGE), 1);
	ck_assert_uint_eq(count(BEFORE), 3);
}
END_TEST

START_TEST(u21_a_large_leaf_with_an_exclusion_inside_is_kept_whole)
{
	struct tdxc_unshare_exclusion x[] = {
		{{GIB + 7 * PAGE, GIB + 8 * PAGE}, 0, 0},
		{{2 * GIB + 7 * PAGE, 2 * GIB + 8 * PAGE}, 1, 0},
		{{3 * GIB, 3 * GIB + PAGE}, 1, 0},
		{{3 * GIB + MIB2 - PAGE, 3 * GIB + MIB2}, 2, 0},
		{{4 * GIB, 4 * GIB + PAGE}, 5, 0},
		{{4 * GIB + PAGE, 4 * GIB + 2 * PAGE}, 0, 0},
	};

	start_td();
	guest_map(&guest, GIB, GIB, 2, true);
	guest_map(&guest, 2 * GIB, 2 * GIB, 2, true);
	guest_map(&guest, 3 * GIB, 3 * GIB, 2, true);
	guest_map(&guest, 4 * GIB, 4 * GIB, 3, true);
	exclude(x, COUNT(x));
	run(TDXC_OK);
	expect_before(0, 1);
	expect_event(1, CONVERT, 2 * GIB, MIB2);
	expect_event(2, FLUSH, 0, 0);
	expect_before(3, 2);
	expect_event(4, CONVERT, 3 * GIB, MIB2);
	expect_event(5, FLUSH, 0, 0);
	expect_before(6, 5);
	ck_assert_uint_eq(port.nr, 7);
	expect_left(0, GIB, MIB2, TDXC_UNSHARE_KEPT);
	expect_left(1, 4 * GIB, GIB, TDXC_UNSHARE_KEPT);
	ck_assert_uint_eq(left[0].va, GIB);
}
END_TEST

/* Every page of a leaf of 1 GiB but those excluded, with the tables it takes.
 * Attributes go down, PAT to where small leaves have it. */
START_TEST(u21_a_large_leaf_with_an_exclusion_inside_is_split)
{
	struct tdxc_unshare_exclusion x[] = {
		{{GIB + 7 * PAGE, GIB + 9 * PAGE}, 0, 0},
		{{GIB + 9 * PAGE, GIB + 10 * PAGE}, 1, 0},
	};
	const uint64_t spare[] = {guest_table_pa(40), guest_table_pa(41)};
	uint64_t want, pat = _i ? TDXC_PTE_LARGE_PAT : 0;
	uint64_t *slot;

	start(4, 51, _i & 2 ? CLEAR : SET);
	if (_i & 2)
		config.edit = TDXC_UNSHARE_MAKE_PRIVATE;
	slot = guest_map(&guest, 2 * GIB, GIB, 3, true);
	*slot |= pat;
	exclude(x, COUNT(x));
	config.large = TDXC_LARGE_SPLIT;
	config.tables = spare;
	config.nr_tables = COUNT(spare);
	run(TDXC_OK);
	expect_event(0, CONVERT, GIB, 7 * PAGE);
	expect_event(1, CONVERT, GIB + 10 * PAGE, GIB - 10 * PAGE);
	expect_event(2, FLUSH, 0, 0);
	expect_before(3, 1);
	expect_event(4, CONVERT, GIB + 9 * PAGE, PAGE);
	expect_left(0, GIB + 7 * PAGE, 2 * PAGE, TDXC_UNSHARE_KEPT);
	ck_assert_uint_eq(engine.result.splits, 2);
	ck_assert_uint_eq(engine.result.found, 512 * 512);
	ck_assert_uint_eq(*slot, guest_table_entry(&guest, spare[0]));
	ck_assert_uint_eq(guest_table(&guest, 40)[0],
			  guest_table_entry(&guest, spare[1]));
	want = guest_leaf(&guest, GIB + 8 * PAGE, 1, true) |
	       (pat ? TDXC_PTE_PS : 0);
	ck_assert_uint_eq(guest_table(&guest, 41)[8], want);
	want = guest_leaf(&guest, GIB + 3 * MIB2, 2, false) | pat;
	ck_assert_uint_eq(guest_table(&guest, 40)[3], _i & 2 ? want : 0);
}
END_TEST

START_TEST(u21_without_a_table_a_large_leaf_is_kept)
{
	struct tdxc_unshare_exclusion x[] = {
		{{GIB + 7 * PAGE, GIB + 8 * PAGE}, 0, 0},
		{{2 * GIB + 7 * PAGE, 2 * GIB + 8 * PAGE}, 0, 0},
	};
	const uint64_t spare[] = {guest_table_pa(40)};

	start_td();
	guest_map(&guest, GIB, GIB, 2, true);
	guest_map(&guest, 2 * GIB, 2 * GIB, 2, true);
	exclude(x, COUNT(x));
	config.large = TDXC_LARGE_SPLIT;
	config.tables = spare;
	config.nr_tables = 1;
	run(TDXC_OK);
	ck_assert_uint_eq(engine.result.splits, 1);
	ck_assert_uint_eq(engine.result.unsplit, 1);
	expect_left(0, GIB + 7 * PAGE, PAGE, TDXC_UNSHARE_KEPT);
	expect_left(1, 2 * GIB, MIB2, TDXC_UNSHARE_KEPT);
	ck_assert_uint_eq(engine.result.converted, 511);
}
END_TEST

START_TEST(u21_a_leaf_that_changes_while_it_is_split_is_met_again)
{
	struct tdxc_unshare_exclusion x[] = {{{GIB, GIB + PAGE}, 0, 0}};
	const uint64_t spare[] = {guest_table_pa(40)};

	start_td();
	rival.slot = guest_map(&guest, GIB, GIB, 2, true);
	rival.value = 2;
	rival.turn = true;
	rival.times = 1;
	exclude(x, 1);
	config.large = TDXC_LARGE_SPLIT;
	config.tables = spare;
	config.nr_tables = 1;
	run(TDXC_OK);
	ck_assert_uint_eq(engine.result.splits, 1);
	ck_assert_uint_eq(engine.result.converted, 511);
	ck_assert_uint_eq(guest_table(&guest, 40)[0],
			  guest_leaf(&guest, GIB, 1, true) ^ 2);
}
END_TEST

START_TEST(u22_exclusions_are_half_open)
{
	struct tdxc_unshare_exclusion x[] = {
		{{GIB - PAGE, GIB}, 0, 0},
		{{GIB + MIB2, GIB + MIB2 + PAGE}, 0, 0},
	};

	start_td();
	guest_map(&guest, GIB, GIB, 2, true);
	exclude(x, COUNT(x));
	run(TDXC_OK);
	expect_event(0, CONVERT, GIB, MIB2);
	ck_assert_uint_eq(engine.nr_left, 0);
	/* One page further and it is touched. */
	x[_i].pa.end += PAGE;
	x[_i].pa.start -= _i ? PAGE : 0;
	start_td();
	guest_map(&guest, GIB, GIB, 2, true);
	exclude(x, COUNT(x));
	run(TDXC_OK);
	ck_assert_uint_eq(count(CONVERT), 0);
	expect_left(0, GIB, MIB2, TDXC_UNSHARE_KEPT);
}
END_TEST

/* ---- counting ---- */

static const struct difference {
	uint64_t found;
	int64_t expected, want;
} differences[] = {
	{5, 5, 0},
	{0, 0, 0},
	{6, 5, 1},
	{5, 6, -1},
	{0, 1000000, -1000000},
	{1000000, 0, 1000000},
	{5, -1, 6},
	{0, INT64_MIN, INT64_MAX},
	{1, INT64_MIN, INT64_MAX},
	{0, INT64_MIN + 1, INT64_MAX},
	{0, INT64_MIN + 2, INT64_MAX - 1},
	{0, INT64_MAX, -INT64_MAX},
	{UINT64_MAX, INT64_MAX, INT64_MAX},
	{UINT64_MAX, INT64_MIN, INT64_MAX},
	{1ull << 63, 1, INT64_MAX},
	{1ull << 63, 2, INT64_MAX - 1},
	{1ull << 63, INT64_MAX, 1},
};

START_TEST(u23_and_s004_6_the_count_is_compared_however_it_differs)
{
	const struct difference *d = &differences[_i];

	ck_assert_int_eq(tdxc_unshare_difference(d->found, d->expected),
			 d->want);
}
END_TEST

START_TEST(s004_6_the_pages_found_are_counted_whatever_became_of_them)
{
	struct tdxc_unshare_exclusion x[] = {{{3 * PAGE, 4 * PAGE}, 0, 0}};

	start_td();
	map_thirds(30);
	exclude(x, 1);
	fail_pages(9 * PAGE, 10 * PAGE);
	run(TDXC_E_IO);
	ck_assert_int_eq(tdxc_unshare_difference(engine.result.found, 10), 0);
	ck_assert_uint_eq(engine.result.converted, 8);
}
END_TEST

/* ---- flushing ---- */

START_TEST(u34_and_s004_6_late_the_tlb_is_flushed_once_at_the_end)
{
	start_td();
	config.batch_room = 2;
	map_thirds(30);
	run(TDXC_OK);
	ck_assert_uint_eq(count(FLUSH), 1);
	expect_event(10, FLUSH, 0, 0);
	/* Nothing shared, nothing stale. */
	start_td();
	guest_map(&guest, 0, 0, 1, false);
	run(TDXC_OK);
	ck_assert_uint_eq(port.nr, 0);
}
END_TEST

START_TEST(u34_early_the_tlb_is_flushed_before_each_batch)
{
	size_t i;

	start_td();
	config.flush = TDXC_FLUSH_EARLY;
	config.batch_room = 4;
	map_thirds(30);
	run(TDXC_OK);
	for (i = 0; i < port.nr; i++)
		ck_assert_int_eq(events[i].what, i % 5 == 0 ? FLUSH : CONVERT);
	ck_assert_uint_eq(port.nr, 10 + 3);
	ck_assert_uint_eq(engine.result.flushes, 3);
}
END_TEST

/* When a page is converted no entry that is flushed later maps it. */
START_TEST(u34_early_no_page_is_converted_with_a_stale_translation)
{
	start_td();
	config.flush = TDXC_FLUSH_EARLY;
	config.batch_room = 1;
	config.seen = &seen;
	guest_map(&guest, GIB, GIB, 1, true);
	guest_map(&guest, 2 * GIB, GIB, 1, true);
	run(TDXC_OK);
	/* Both entries were cleared before the one flush and conversion. */
	expect_event(0, FLUSH, 0, 0);
	expect_event(1, CONVERT, GIB, PAGE);
	ck_assert_uint_eq(port.nr, 2);
}
END_TEST

/* ---- failures ---- */

START_TEST(u26_a_failure_is_listed_with_its_stage)
{
	start_td();
	guest_map(&guest, GIB, GIB, 2, true);
	fail_pages(GIB + 5 * PAGE, GIB + 7 * PAGE);
	port.not_accepted = _i == 1;
	run(TDXC_E_IO);
	ck_assert_uint_eq(engine.nr_left, 1);
	expect_left(0, GIB + 5 * PAGE, 2 * PAGE,
		    _i ? TDXC_UNSHARE_ACCEPT : TDXC_UNSHARE_CONVERT);
	ck_assert_uint_eq(left[0].status, WHY);
	ck_assert_int_eq(left[0].err, TDXC_E_IO);
	expect_event(0, CONVERT, GIB, 5 * PAGE);
	expect_event(1, CONVERT, GIB + 7 * PAGE, MIB2 - 7 * PAGE);
	ck_assert_uint_eq(engine.result.converts, 3);
	ck_assert_uint_eq(engine.result.converted, 510);
}
END_TEST

START_TEST(u26_a_host_that_refuses_everything_is_not_asked_for_every_page)
{
	start_td();
	guest_map(&guest, GIB, GIB, 3, true);
	guest_map(&guest, 3 * GIB, 3 * GIB, 3, true);
	fail_pages(0, UINT64_MAX);
	run(TDXC_E_IO);
	ck_assert_uint_eq(engine.nr_left, 2);
	expect_left(0, GIB, GIB, TDXC_UNSHARE_CONVERT);
	expect_left(1, 3 * GIB, GIB, TDXC_UNSHARE_CONVERT);
	ck_assert_uint_eq(port.converts, 2ull * TDXC_UNSHARE_FUTILE);
}
END_TEST

START_TEST(u26_malformed_entries_are_listed_and_the_rest_goes_on)
{
	start(4, 47, SET);
	guest_map(&guest, 0, 0, 1, true);
	guest_map(&guest, PAGE, 1ull << 48, 1, true);
	*guest_slot(&guest, 7 * GIB, 3) =
		guest_table_entry(&guest, GUEST_ROOT_PA);
	guest_map(&guest, 9 * GIB, PAGE, 1, true);
	run(TDXC_E_IO);
	expect_event(0, CONVERT, 0, 2 * PAGE);
	ck_assert_uint_eq(engine.nr_left, 2);
	expect_left(0, 0, 0, TDXC_UNSHARE_WALK);
	ck_assert_uint_eq(left[0].va, PAGE);
	ck_assert_uint_eq(left[0].bad, TDXC_SCAN_RESERVED);
	ck_assert_uint_eq(left[1].va, 7 * GIB);
	ck_assert_uint_eq(left[1].bad, TDXC_SCAN_LOOP);
	ck_assert_uint_eq(engine.result.left[TDXC_UNSHARE_WALK], 2);
}
END_TEST

START_TEST(u26_a_port_that_claims_more_than_it_was_asked_is_not_believed)
{
	start_td();
	guest_map(&guest, GIB, GIB, 2, true);
	fail_pages(GIB, GIB + PAGE);
	port.liar = MIB2;
	run(TDXC_E_IO);
	expect_left(0, GIB, PAGE, TDXC_UNSHARE_CONVERT);
	ck_assert_uint_eq(engine.result.converted, 511);
}
END_TEST

START_TEST(u27_a_full_list_still_counts)
{
	uint32_t room;

	for (room = 0; room <= 3; room++) {
		start_td();
		map_thirds(30);
		config.left_room = room;
		if (room == 0)
			config.left = NULL;
		fail_pages(0, UINT64_MAX);
		run(TDXC_E_IO);
		ck_assert_uint_eq(engine.nr_left, room);
		ck_assert_uint_eq(engine.result.lost, 10 - room);
		ck_assert_uint_eq(engine.result.left[TDXC_UNSHARE_CONVERT], 10);
		ck_assert_uint_eq(engine.result.found, 10);
	}
}
END_TEST

START_TEST(what_failed_may_be_tried_once_more)
{
	start_td();
	map_thirds(30);
	fail_pages(6 * PAGE, 13 * PAGE);
	port.worked = 11;
	init();
	ck_assert_int_eq(tdxc_unshare_retry(&engine), TDXC_E_INVAL);
	ck_assert_int_eq(tdxc_unshare_run(&engine), TDXC_E_IO);
	ck_assert_uint_eq(engine.nr_left, 3);
	ck_assert_int_eq(tdxc_unshare_retry(&engine), TDXC_E_IO);
	ck_assert_uint_eq(engine.nr_left, 1);
	expect_left(0, 6 * PAGE, PAGE, TDXC_UNSHARE_CONVERT);
	port.stop_at = port.converts + 1;
	ck_assert_int_eq(tdxc_unshare_retry(&engine), TDXC_E_CANCELED);
	ck_assert_uint_eq(engine.nr_left, 1);
	ck_assert_int_eq(tdxc_unshare_retry(&engine), TDXC_OK);
	ck_assert_uint_eq(engine.nr_left, 0);
	ck_assert_uint_eq(engine.result.converted, 10);
}
END_TEST

/* Stopped at every conversion, and with one table at a time. */
START_TEST(it_goes_on_where_it_stopped)
{
	struct tdxc_unshare_exclusion x[] = {
		{{6 * PAGE, 7 * PAGE}, 1, 0},
		{{9 * PAGE, 10 * PAGE}, 0, 0},
	};
	uint64_t i, stop;
	int err;

	for (stop = 1; stop < 14; stop++) {
		start_td();
		config.batch_room = 3;
		config.scan.max_tables = 1;
		config.flush = _i ? TDXC_FLUSH_EARLY : TDXC_FLUSH_LATE;
		map_thirds(30);
		guest_map(&guest, GIB, GIB, 2, true);
		guest_map(&guest, 512 * GIB, 2 * GIB, 3, true);
		exclude(x, COUNT(x));
		port.stop_at = stop;
		init();
		for (i = 0; i < 100; i++) {
			err = tdxc_unshare_run(&engine);
			if (err == TDXC_E_NOSPC)
				engine.scan.tables_left++;
			else if (err != TDXC_E_CANCELED)
				break;
		}
		ck_assert_int_eq(err, TDXC_OK);
		ck_assert(engine.finished);
		for (i = 0; i < 30; i++)
			ck_assert_uint_eq(times_converted(i * PAGE),
					  i % 3 == 0 && i != 9);
		for (i = 0; i < 512; i++)
			ck_assert_uint_eq(times_converted(GIB + i * PAGE), 1);
		ck_assert_uint_eq(engine.result.converted, 9 + 512 + 512 * 512);
		/* And once more, after the end. */
		ck_assert_int_eq(tdxc_unshare_run(&engine), TDXC_OK);
	}
}
END_TEST

/* ---- the list for the next kernel ---- */

START_TEST(what_is_left_fits_into_eight_bytes_a_range)
{
	struct tdxc_unshare_exclusion x[] = {{{3 * PAGE, 4 * PAGE}, 0, 0}};
	uint64_t words[16], damaged[16];
	struct tdxc_range pa;
	size_t n, entries, i;
	bool complete;

	start_td();
	map_thirds(20);
	guest_map(&guest, 64 * GIB, 64 * GIB, 3, true);
	for (i = 0; i < 17; i++)
		guest_map(&guest, (80 + i) * GIB, (80 + i) * GIB, 3, true);
	exclude(x, 1);
	fail_pages(80 * GIB, UINT64_MAX);
	port.not_accepted = true;
	run(TDXC_E_IO);
	ck_assert_int_eq(tdxc_unshare_pack(&engine, NULL, 0, &n), TDXC_E_NOSPC);
	/* The kept page, 16 GiB, 1 GiB. */
	ck_assert_uint_eq(n, TDXC_LEFT_HEADER + 3);
	ck_assert_int_eq(tdxc_unshare_pack(&engine, words, n, &n), TDXC_OK);
	ck_assert_int_eq(memcmp(words, "TDXLEFT1", 8), 0);
	ck_assert_int_eq(tdxc_left_check(words, n + 3, &entries, &complete),
			 TDXC_OK);
	ck_assert_uint_eq(entries, 3);
	ck_assert(complete);
	ck_assert_uint_eq(tdxc_left_get(words, 0, &pa), TDXC_LEFT_KEPT);
	ck_assert(pa.start == 3 * PAGE && pa.end == 4 * PAGE);
	ck_assert_uint_eq(tdxc_left_get(words, 1, &pa), TDXC_LEFT_PENDING);
	ck_assert(pa.start == 80 * GIB && pa.end == 96 * GIB);
	ck_assert_uint_eq(tdxc_left_get(words, 2, &pa), TDXC_LEFT_PENDING);
	ck_assert(pa.start == 96 * GIB && pa.end == 97 * GIB);
	for (i = 0; i < n * 64; i++) {
		memcpy(damaged, words, sizeof damaged);
		damaged[i / 64] ^= 1ull << i % 64;
		ck_assert_int_eq(
			tdxc_left_check(damaged, n, &entries, &complete),
			TDXC_E_INVAL);
		ck_assert_uint_eq(entries, 0);
	}
	for (i = 0; i < n; i++)
		ck_assert_int_eq(tdxc_left_check(words, i, &entries, &complete),
				 TDXC_E_INVAL);
}
END_TEST

START_TEST(a_list_that_is_not_complete_says_so)
{
	uint64_t words[16];
	size_t n, entries;
	bool complete;

	start(4, 47, SET);
	map_thirds(20);
	if (_i == 0)
		guest_map(&guest, 30 * PAGE, 1ull << 48, 1, true);
	if (_i == 1)
		config.left_room = 2;
	fail_pages(0, 10 * PAGE);
	init();
	if (_i != 2)
		ck_assert_int_eq(tdxc_unshare_run(&engine), TDXC_E_IO);
	ck_assert_int_eq(tdxc_unshare_pack(&engine, words, 16, &n), TDXC_OK);
	ck_assert_int_eq(tdxc_left_check(words, n, &entries, &complete),
			 TDXC_OK);
	ck_assert(!complete);
	ck_assert_uint_eq(entries, _i == 0 ? 4 : _i == 1 ? 2 : 0);
}
END_TEST

START_TEST(every_stage_has_a_text)
{
	uint32_t stage, other;

	for (stage = 1; stage < TDXC_UNSHARE_STAGES; stage++)
		for (other = 0; other < stage; other++)
			ck_assert_str_ne(tdxc_unshare_stage_text(stage),
					 tdxc_unshare_stage_text(other));
	ck_assert_str_eq(tdxc_unshare_stage_text(stage), "unknown stage");
}
END_TEST

/* ---- a set instead of tables ---- */

START_TEST(a_set_that_was_fed_needs_no_tables)
{
	struct tdxc_unshare_exclusion x[] = {
		{{2 * PAGE, 3 * PAGE}, 1, 0},
		{{3 * PAGE, 5 * PAGE}, 0, 0},
		{{8 * PAGE, 30 * PAGE}, 2, 0},
	};
	const struct tdxc_range shared[] = {{0, 10 * PAGE},
					    {20 * PAGE, 40 * PAGE}};
	struct tdxc_tracker set;
	struct tdxc_range room[8];
	size_t i;

	start_td();
	tdxc_tracker_init(&set, room, COUNT(room));
	for (i = 0; i < COUNT(shared); i++)
		ck_assert_int_eq(tdxc_tracker_add(&set, shared[i]), TDXC_OK);
	memset(&config.scan, 0, sizeof config.scan);
	config.tracked = &set;
	exclude(x, COUNT(x));
	port.stop_at = 2;
	init();
	ck_assert_int_eq(tdxc_unshare_run(&engine), TDXC_E_CANCELED);
	ck_assert_int_eq(tdxc_unshare_run(&engine), TDXC_OK);
	expect_event(0, CONVERT, 0, 2 * PAGE);
	expect_event(1, CONVERT, 5 * PAGE, PAGE);
	expect_event(2, CONVERT, 6 * PAGE, 2 * PAGE);
	expect_event(3, CONVERT, 30 * PAGE, 10 * PAGE);
	expect_before(4, 1);
	expect_event(5, CONVERT, 2 * PAGE, PAGE);
	expect_before(6, 2);
	expect_event(7, CONVERT, 8 * PAGE, 2 * PAGE);
	expect_event(8, CONVERT, 20 * PAGE, 10 * PAGE);
	ck_assert_uint_eq(port.nr, 9);
	expect_left(0, 3 * PAGE, 2 * PAGE, TDXC_UNSHARE_KEPT);
	ck_assert_uint_eq(engine.result.found, 30);
	ck_assert_uint_eq(engine.result.converted, 28);
}
END_TEST

/* ---- several CPUs ---- */

/* Each with its part and an engine of its own, one after the other: together
 * they convert what one would, each page once. */
START_TEST(parts_of_several_cpus_are_the_whole)
{
	static const uint32_t cpus[] = {1, 2, 3, 5, 16, 100};
	uint64_t i, found, va = GUEST_DIRECT;
	struct tdxc_scan_config whole;
	uint32_t part;

	for (i = 0; i < COUNT(cpus); i++) {
		uint64_t page;

		start_td();
		for (page = 0; page < 16; page++) {
			uint64_t at = page * GIB + page * PAGE;

			guest_map(&guest, va + at, at, 1, true);
		}
		guest_map(&guest, va + 16 * GIB, 16 * GIB, 3, true);
		guest_map(&guest, va + 20 * GIB - MIB2, 20 * GIB - MIB2, 2,
			  true);
		whole = config.scan;
		whole.start = va;
		whole.end = va + 20 * GIB;
		found = 0;
		for (part = 0; part < cpus[i]; part++) {
			config.scan = whole;
			if (tdxc_scan_split(&whole, cpus[i], part,
					    &config.scan.start,
					    &config.scan.end))
				continue;
			run(TDXC_OK);
			found += engine.result.found;
		}
		ck_assert_uint_eq(found, 16 + 512 * 512 + 512);
		for (page = 0; page < 16; page++)
			ck_assert_uint_eq(
				times_converted(page * GIB + page * PAGE), 1);
		ck_assert_uint_eq(times_converted(16 * GIB), 1);
		ck_assert_uint_eq(times_converted(20 * GIB - PAGE), 1);
	}
}
END_TEST

/* ---- a TD ---- */

/* A host that refuses a page, or (1) a module that does not accept one. */
static uint64_t tdcall(void *ctx, uint64_t rax, struct tdxc_tdcall_regs *regs)
{
	uint64_t *refused = ctx;

	if (rax != TDXC_TDG_VP_VMCALL) {
		if (*refused != 1)
			return 0;
		if ((regs->rcx & 7) != 0)
			return 0xC0000B0B00000001; /* size mismatch */
		return regs->rcx == 5 * PAGE ? 0xC000010000000001 : 0;
	}
	regs->r10 = TDXC_MAP_GPA_SUCCESS;
	if (*refused != 1 && regs->r12 <= *refused &&
	    *refused < regs->r12 + regs->r13) {
		regs->r10 = TDXC_MAP_GPA_INVALID_OPERAND;
		regs->r11 = *refused;
	}
	return 0;
}

static int zero(void *ctx, uint64_t gpa, uint64_t bytes)
{
	(void)ctx;
	(void)gpa;
	(void)bytes;
	return TDXC_E_IO;
}

static void td_flush(void *ctx)
{
	(void)ctx;
}

START_TEST(a_td_converts_with_mapgpa_and_accept)
{
	static const struct tdxc_convert_ops calls = {TDXC_ABI, tdcall, zero};
	static const struct tdxc_unshare_ops td = {
		TDXC_ABI, tdxc_unshare_tdx_op, td_flush, before};
	struct tdxc_convert_config how = {0};
	struct tdxc_converter converter;
	struct tdxc_unshare_tdx tdx;
	uint64_t refused = _i == 0 ? 0x7000000 : _i == 1 ? 5 * PAGE : 1;

	start_td();
	memset(&tdx, 0, sizeof tdx);
	how.abi = TDXC_ABI;
	how.gpaw = 52;
	how.ops = &calls;
	how.ctx = &refused;
	how.accepted = TDXC_ACCEPTED_COUNT;
	ck_assert_int_eq(tdxc_convert_init(&converter, &how), TDXC_OK);
	tdx.converter = &converter;
	guest_map(&guest, 0, 0, 2, true);
	config.ops = &td;
	config.ctx = &tdx;
	config.flush = TDXC_FLUSH_LATE;
	init();
	ck_assert_int_eq(tdxc_unshare_run(&engine),
			 _i == 0 ? TDXC_OK : TDXC_E_IO);
	ck_assert_uint_eq(engine.result.converted, _i == 0 ? 512 : 511);
	if (_i == 0)
		return;
	expect_left(0, 5 * PAGE, PAGE,
		    _i == 1 ? TDXC_UNSHARE_CONVERT : TDXC_UNSHARE_ACCEPT);
	ck_assert_uint_eq(left[0].status, _i == 1 ? TDXC_MAP_GPA_INVALID_OPERAND
						  : 0xC000010000000001);
}
END_TEST

/* ---- refusals ---- */

START_TEST(a_configuration_that_makes_no_sense_is_refused)
{
	struct tdxc_unshare_exclusion x[] = {{{PAGE, 2 * PAGE}, 0, 0},
					     {{2 * PAGE, 3 * PAGE}, 0, 0}};
	struct tdxc_unshare_ops other = ops;

	start_td();
	exclude(x, 2);
	config.ops = &other;
	switch (_i) {
	case 0:
		config.abi++;
		break;
	case 1:
		config.ops = NULL;
		break;
	case 2:
		other.abi++;
		break;
	case 3:
		config.batch = NULL;
		break;
	case 4:
		config.batch_room = 0;
		break;
	case 5:
		config.max_chunk = 100;
		break;
	case 6:
		config.edit = 0;
		break;
	case 7:
		config.edit = 3;
		break;
	case 8:
		config.flush = 0;
		break;
	case 9:
		config.flush = 3;
		break;
	case 10:
		config.large = 0;
		break;
	case 11:
		config.large = 3;
		break;
	case 12:
		config.scan.what = TDXC_SCAN_MAPPED;
		break;
	case 13:
		config.scan.levels = 3;
		break;
	case 14:
		x[1].pa.start--;
		break;
	case 15:
		x[1].pa.start -= PAGE;
		break;
	case 16:
		x[1].pa.end = x[1].pa.start;
		break;
	case 17:
		x[1].order = UINT32_MAX;
		break;
	default:
		break;
	}
	ck_assert_int_eq(tdxc_unshare_init(&engine, &config),
			 _i == 18 ? TDXC_OK : TDXC_E_INVAL);
	/* Nothing happens then, and nothing faults. */
	ck_assert_int_eq(tdxc_unshare_run(&engine), TDXC_OK);
	ck_assert_uint_eq(port.nr, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("unshare");
	TCase *t = tcase_create("unshare");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(t, NULL, teardown);
#define ADD(test)     tcase_add_test(t, test)
#define LOOP(test, n) tcase_add_loop_test(t, test, 0, (int)(n))
	ADD(s004_5_each_shared_leaf_is_cleared_and_then_converted);
	ADD(s004_5_sev_entries_become_private_instead);
	ADD(s004_5_one_page_that_fails_does_not_stop_the_others);
	ADD(u25_the_address_comes_from_the_entry_that_is_cleared);
	LOOP(u32_an_entry_that_changed_is_looked_at_again, COUNT(changes));
	ADD(u32_an_entry_that_never_stands_still_is_given_up);
	LOOP(u33_accessed_and_dirty_bits_may_change_meanwhile, 2);
	LOOP(u35_a_second_scan_finds_nothing, 4);
	LOOP(u36_one_call_for_a_range_whatever_its_leaves, 2);
	ADD(u36_a_limit_cuts_ranges);
	ADD(u36_ranges_do_not_merge_across_an_exclusion);
	ADD(u24_a_page_mapped_twice_is_converted_once);
	ADD(u24_pages_that_the_set_has_no_room_for_are_counted);
	ADD(s004_7_exclusions_are_converted_last_in_the_stated_order);
	ADD(s004_7_devices_that_cannot_be_shut_down_yet_are_waited_for);
	ADD(u21_a_large_leaf_with_an_exclusion_inside_is_kept_whole);
	LOOP(u21_a_large_leaf_with_an_exclusion_inside_is_split, 4);
	ADD(u21_without_a_table_a_large_leaf_is_kept);
	ADD(u21_a_leaf_that_changes_while_it_is_split_is_met_again);
	LOOP(u22_exclusions_are_half_open, 2);
	LOOP(u23_and_s004_6_the_count_is_compared_however_it_differs,
	     COUNT(differences));
	ADD(s004_6_the_pages_found_are_counted_whatever_became_of_them);
	ADD(u34_and_s004_6_late_the_tlb_is_flushed_once_at_the_end);
	ADD(u34_early_the_tlb_is_flushed_before_each_batch);
	ADD(u34_early_no_page_is_converted_with_a_stale_translation);
	LOOP(u26_a_failure_is_listed_with_its_stage, 2);
	ADD(u26_a_host_that_refuses_everything_is_not_asked_for_every_page);
	ADD(u26_malformed_entries_are_listed_and_the_rest_goes_on);
	ADD(u26_a_port_that_claims_more_than_it_was_asked_is_not_believed);
	ADD(u27_a_full_list_still_counts);
	ADD(what_failed_may_be_tried_once_more);
	LOOP(it_goes_on_where_it_stopped, 2);
	ADD(what_is_left_fits_into_eight_bytes_a_range);
	LOOP(a_list_that_is_not_complete_says_so, 3);
	ADD(every_stage_has_a_text);
	ADD(a_set_that_was_fed_needs_no_tables);
	ADD(parts_of_several_cpus_are_the_whole);
	LOOP(a_td_converts_with_mapgpa_and_accept, 3);
	LOOP(a_configuration_that_makes_no_sense_is_refused, 19);
	suite_add_tcase(suite, t);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
