/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Write protection, dirty and accessed bits: of the direct root, and of nothing
 * else.
 */
#include <tdxcore/err.h>

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "mirror/mirror_case.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define BASE	     (5ull << 18) /* frame */
#define MIB2	     512ull	  /* frames */
#define A	     TDXC_SPTE_A
#define D	     TDXC_SPTE_D
#define W	     TDXC_SPTE_W

static struct mirror_case c;
static struct tdxc_root *direct;
static struct tdxc_root *mirror;

static void up_with(uint32_t levels, bool shared_only)
{
	struct mirror_shape shape = {levels, shared_only, true, 0};

	mirror_case_up(&c, &shape);
	direct = mirror_case_root(&c, TDXC_ROOTS_DIRECT);
	if (!shared_only)
		mirror = mirror_case_root(&c, TDXC_ROOTS_MIRROR);
}

static void up(void)
{
	up_with(4, false);
}

static void down(void)
{
	ck_assert_ptr_null(mirror_case_audit(&c));
	ck_assert_ptr_null(mirror_case_down(&c));
}

static void map(uint64_t gfn, bool is_private, uint32_t level)
{
	struct tdxc_fault fault = mirror_case_fault(&c, gfn, is_private);

	fault.level = level;
	ck_assert_int_eq(mirror_case_do(&c, 0, &fault), TDXC_FAULT_FIXED);
}

/* The lowest slot of the direct root that covers a frame. */
static uint64_t *slot_of(uint64_t gfn)
{
	uint64_t n = gfn | direct->tree.alias;
	uint32_t level = direct->tree.levels;
	uint64_t *slot = tdxc_table_at(&direct->tree, direct->tree.pa) +
			 tdxc_table_index(n, level);

	for (;;) {
		struct tdxc_spte s = {*slot};

		if (!tdxc_spte_is_table(s))
			return slot;
		level--;
		slot = tdxc_table_at(&direct->tree, tdxc_spte_pa(s)) +
		       tdxc_table_index(n, level);
	}
}

/* What a CPU does. */
static void touch(uint64_t gfn, uint64_t bits)
{
	*slot_of(gfn) |= bits;
}

static uint64_t bits_of(uint64_t gfn)
{
	return *slot_of(gfn) & (A | D | W);
}

static struct tdxc_gfn frame(uint64_t n)
{
	struct tdxc_gfn gfn = {n};

	return gfn;
}

static int protect(uint64_t start, uint64_t end, bool *flush)
{
	struct tdxc_gfn cursor = frame(start);
	int err = tdxc_mmu_write_protect(&c.mmu, direct, &cursor, frame(end),
					 TDXC_LOCK_SHARED, flush);

	if (err == TDXC_OK && start < end)
		ck_assert_uint_eq(cursor.n, end);
	if (err == TDXC_E_INVAL)
		ck_assert_uint_eq(cursor.n, start);
	return err;
}

static int age(uint64_t start, uint64_t end, bool clear, bool *young)
{
	struct tdxc_gfn cursor = frame(start);

	return tdxc_mmu_age(direct, &cursor, frame(end), clear, young);
}

static int clean(uint64_t start, uint64_t mask, uint64_t *dirty)
{
	return tdxc_mmu_clear_dirty(&c.mmu, direct, frame(start), mask,
				    TDXC_LOCK_SHARED, dirty);
}

/* ---- the mirror, and what is no range ---- */

START_TEST(r36_attributes_of_private_pages_are_not_changed)
{
	struct tdxc_gfn start = frame(BASE);
	uint64_t dirty = 7;
	bool flush = true;
	uint64_t digest;

	up();
	map(BASE, true, 1);
	digest = mirror_case_digest(&c);
	ck_assert_int_eq(tdxc_mmu_write_protect(&c.mmu, mirror, &start,
						frame(BASE + 1),
						TDXC_LOCK_SHARED, &flush),
			 TDXC_E_INVAL);
	ck_assert(!flush);
	ck_assert_int_eq(tdxc_mmu_clear_dirty(&c.mmu, mirror, start, 1,
					      TDXC_LOCK_SHARED, &dirty),
			 TDXC_E_INVAL);
	ck_assert_uint_eq(dirty, 0);
	ck_assert_uint_eq(mirror_case_digest(&c), digest);
	down();
}
END_TEST

START_TEST(r45_private_pages_are_not_aged)
{
	struct tdxc_gfn start = frame(BASE);
	bool young = true;
	uint64_t digest;
	uint32_t clear;

	up();
	map(BASE, true, 1);
	digest = mirror_case_digest(&c);
	for (clear = 0; clear < 2; clear++) {
		ck_assert_int_eq(tdxc_mmu_age(mirror, &start, frame(BASE + 1),
					      clear != 0, &young),
				 TDXC_E_INVAL);
		ck_assert(!young);
	}
	ck_assert_uint_eq(mirror_case_digest(&c), digest);
	down();
}
END_TEST

START_TEST(private_twins_stay_as_they_are)
{
	struct tdxc_zap zap;
	struct tdxc_zapped out[2];
	uint64_t dirty;
	bool flag;

	up();
	map(BASE, true, 1);
	map(BASE, false, 1);
	touch(BASE, A | D);
	ck_assert_int_eq(protect(BASE, BASE + 1, &flag), TDXC_OK);
	ck_assert_int_eq(clean(BASE, 1, &dirty), TDXC_OK);
	ck_assert_int_eq(age(BASE, BASE + 1, true, &flag), TDXC_OK);
	memset(&zap, 0, sizeof(zap));
	zap.start.n = BASE;
	zap.end.n = BASE + 1;
	zap.reason = TDXC_ZAP_TO_SHARED;
	zap.out = out;
	zap.room = COUNT(out);
	ck_assert_int_eq(
		tdxc_mmu_zap(&c.mmu, &c.cpu[0], &zap, TDXC_LOCK_SHARED),
		TDXC_OK);
	ck_assert_uint_eq(zap.nr_out, 1);
	ck_assert_uint_eq(out[0].old.bits & (A | D | TDXC_SPTE_RWX),
			  TDXC_SPTE_RWX);
	down();
}
END_TEST

START_TEST(frames_beyond_the_end_are_refused)
{
	uint64_t end;
	uint64_t dirty;
	bool flag;

	up();
	end = c.mmu.config.end;
	ck_assert_int_eq(protect(BASE, end + 1, &flag), TDXC_E_INVAL);
	ck_assert_int_eq(age(BASE, end + 1, true, &flag), TDXC_E_INVAL);
	ck_assert_int_eq(clean(end, 1, &dirty), TDXC_E_INVAL);
	ck_assert_int_eq(clean(UINT64_MAX - 63, 1, &dirty), TDXC_E_INVAL);
	ck_assert_int_eq(clean(BASE + 1, 1, &dirty), TDXC_E_INVAL);
	ck_assert_int_eq(protect(BASE, BASE, &flag), TDXC_OK);
	ck_assert_int_eq(protect(end + 5, BASE, &flag), TDXC_OK);
	ck_assert_int_eq(age(BASE, BASE, true, &flag), TDXC_OK);
	ck_assert_int_eq(protect(end - 1, end, &flag), TDXC_OK);
	ck_assert_int_eq(clean(end - 64, 1ull << 63, &dirty), TDXC_OK);
	down();
}
END_TEST

START_TEST(an_end_inside_of_64_frames_is_respected)
{
	struct mirror_shape shape = {4, false, true, BASE + 70};
	uint64_t dirty;

	mirror_case_up(&c, &shape);
	direct = mirror_case_root(&c, TDXC_ROOTS_DIRECT);
	map(BASE + 69, false, 1);
	touch(BASE + 69, D);
	ck_assert_int_eq(clean(BASE + 64, 1u << 6, &dirty), TDXC_E_INVAL);
	ck_assert_int_eq(clean(BASE + 64, 1u << 5, &dirty), TDXC_OK);
	ck_assert_uint_eq(dirty, 1u << 5);
	down();
}
END_TEST

START_TEST(a_lock_that_is_not_held_is_refused)
{
	uint64_t dirty;
	bool flag;

	up();
	map(BASE, false, 1);
	touch(BASE, A | D);
	c.shared_held = false;
	ck_assert_int_eq(protect(BASE, BASE + 1, &flag), TDXC_E_INVAL);
	ck_assert_int_eq(clean(BASE, 1, &dirty), TDXC_E_INVAL);
	ck_assert_uint_eq(bits_of(BASE), A | D | W);
	/* Aging needs none. */
	ck_assert_int_eq(age(BASE, BASE + 1, true, &flag), TDXC_OK);
	ck_assert(flag);
	c.shared_held = true;
	down();
}
END_TEST

/* ---- write protection ---- */

START_TEST(write_protection_takes_w_and_nothing_else)
{
	const uint32_t levels = _i == 0 ? 4 : 5;
	uint64_t before;
	bool flush;

	up_with(levels, _i == 2);
	map(BASE, false, 1);
	map(BASE + 1, false, 1);
	map(BASE + 2, false, 1);
	touch(BASE + 1, A | D);
	before = *slot_of(BASE + 1);
	ck_assert_int_eq(protect(BASE + 1, BASE + 2, &flush), TDXC_OK);
	ck_assert(flush);
	ck_assert_uint_eq(*slot_of(BASE + 1), before & ~W);
	ck_assert_uint_eq(bits_of(BASE) & W, W);
	ck_assert_uint_eq(bits_of(BASE + 2) & W, W);
	ck_assert_int_eq(protect(BASE + 1, BASE + 2, &flush), TDXC_OK);
	ck_assert(!flush);
	down();
}
END_TEST

START_TEST(a_large_page_is_protected_whole)
{
	bool flush;

	up();
	map(BASE, false, 2);
	ck_assert_int_eq(protect(BASE + 5, BASE + 6, &flush), TDXC_OK);
	ck_assert(flush);
	ck_assert_uint_eq(bits_of(BASE) & W, 0);
	down();
}
END_TEST

START_TEST(a_write_to_a_protected_page_faults_and_is_let_through)
{
	struct tdxc_fault fault;
	bool flush;

	up();
	map(BASE, false, 1);
	ck_assert_int_eq(protect(BASE, BASE + 1, &flush), TDXC_OK);
	fault = mirror_case_fault(&c, BASE, false);
	fault.write = true;
	ck_assert_int_eq(mirror_case_do(&c, 0, &fault), TDXC_FAULT_FIXED);
	ck_assert_uint_eq(bits_of(BASE), A | D | W);
	down();
}
END_TEST

START_TEST(long_ranges_are_done_piece_by_piece)
{
	struct tdxc_gfn cursors[2];
	uint32_t calls[2] = {0, 0};
	uint64_t i;
	bool flag;
	int err;

	up();
	for (i = 0; i < 300; i++)
		map(BASE + i * MIB2, false, 1);
	cursors[0] = cursors[1] = frame(BASE);
	do {
		uint64_t before = cursors[0].n;

		err = tdxc_mmu_write_protect(&c.mmu, direct, &cursors[0],
					     frame(BASE + 300 * MIB2),
					     TDXC_LOCK_SHARED, &flag);
		ck_assert(flag);
		ck_assert_uint_gt(cursors[0].n, before);
		calls[0]++;
	} while (err == TDXC_E_AGAIN);
	ck_assert_int_eq(err, TDXC_OK);
	do {
		uint64_t before = cursors[1].n;

		err = tdxc_mmu_age(direct, &cursors[1],
				   frame(BASE + 300 * MIB2), true, &flag);
		ck_assert(flag);
		ck_assert_uint_gt(cursors[1].n, before);
		calls[1]++;
	} while (err == TDXC_E_AGAIN);
	ck_assert_int_eq(err, TDXC_OK);
	for (i = 0; i < 300; i++)
		ck_assert_uint_eq(bits_of(BASE + i * MIB2), 0);
	for (i = 0; i < 2; i++) {
		ck_assert_uint_gt(calls[i], 1);
		ck_assert_uint_lt(calls[i], 5);
	}
	down();
}
END_TEST

/* ---- dirty ---- */

START_TEST(dirty_bits_are_collected_where_they_are_asked_for)
{
	static const uint64_t masks[] = {0,
					 1,
					 1ull << 63,
					 UINT64_MAX,
					 0x5555555555555555,
					 0xFFFF0000FFFF0000};
	uint32_t m;

	for (m = 0; m < COUNT(masks); m++) {
		uint64_t is_dirty = 0x0F0F33335A5AFF00;
		uint64_t dirty;
		uint32_t i;

		up_with(m % 2 == 0 ? 4 : 5, false);
		for (i = 0; i < 64; i++) {
			map(BASE + 64 + i, false, 1);
			if ((is_dirty >> i & 1) != 0)
				touch(BASE + 64 + i, D);
		}
		ck_assert_int_eq(clean(BASE + 64, masks[m], &dirty), TDXC_OK);
		ck_assert_uint_eq(dirty, is_dirty & masks[m]);
		is_dirty &= ~masks[m];
		for (i = 0; i < 64; i++)
			ck_assert_uint_eq(
				bits_of(BASE + 64 + i),
				A | W | ((is_dirty >> i & 1) != 0 ? D : 0));
		down();
	}
}
END_TEST

START_TEST(a_dirty_large_page_stays_dirty)
{
	uint64_t dirty;

	up();
	map(BASE, false, 2);
	ck_assert_int_eq(clean(BASE + 128, UINT64_MAX, &dirty), TDXC_OK);
	ck_assert_uint_eq(dirty, 0);
	touch(BASE, D);
	ck_assert_int_eq(clean(BASE + 128, 0xFF0, &dirty), TDXC_OK);
	ck_assert_uint_eq(dirty, 0xFF0);
	ck_assert_uint_eq(bits_of(BASE), A | D | W);
	down();
}
END_TEST

START_TEST(what_is_not_mapped_is_clean_and_old)
{
	uint64_t dirty;
	bool young;

	up();
	ck_assert_int_eq(clean(BASE, UINT64_MAX, &dirty), TDXC_OK);
	ck_assert_uint_eq(dirty, 0);
	map(BASE + 1, false, 1);
	ck_assert_int_eq(clean(BASE, UINT64_MAX, &dirty), TDXC_OK);
	ck_assert_uint_eq(dirty, 0);
	ck_assert_int_eq(age(BASE + 2, BASE + 100, true, &young), TDXC_OK);
	ck_assert(!young);
	down();
}
END_TEST

/* ---- accessed ---- */

START_TEST(aging_finds_and_clears_a)
{
	bool young;

	up();
	map(BASE, false, 1);
	map(BASE + 1, false, 1);
	map(BASE + MIB2, false, 2);
	touch(BASE, D);
	ck_assert_int_eq(age(BASE, BASE + 2 * MIB2, false, &young), TDXC_OK);
	ck_assert(young);
	ck_assert_uint_eq(bits_of(BASE), A | D | W);
	ck_assert_int_eq(age(BASE, BASE + 2 * MIB2, true, &young), TDXC_OK);
	ck_assert(young);
	ck_assert_uint_eq(bits_of(BASE), D | W);
	ck_assert_uint_eq(bits_of(BASE + 1), W);
	ck_assert_uint_eq(bits_of(BASE + MIB2), W);
	ck_assert_int_eq(age(BASE, BASE + 2 * MIB2, true, &young), TDXC_OK);
	ck_assert(!young);
	touch(BASE + MIB2, A);
	ck_assert_int_eq(age(BASE + MIB2 + 9, BASE + MIB2 + 10, false, &young),
			 TDXC_OK);
	ck_assert(young);
	down();
}
END_TEST

/* ---- others in between ---- */

struct meeting {
	struct tdxc_gfn cursor;
	uint64_t dirty[2];
	bool flag;
	int err[2];
};

static void protect_inside(void *arg)
{
	struct meeting *m = arg;

	m->err[0] = tdxc_mmu_write_protect(&c.mmu, direct, &m->cursor,
					   frame(BASE + 3), TDXC_LOCK_SHARED,
					   &m->flag);
}

static void clean_inside(void *arg)
{
	struct meeting *m = arg;

	m->err[0] = clean(BASE, 7, &m->dirty[0]);
	m->err[1] = clean(BASE, 1, &m->dirty[1]);
}

static void age_inside(void *arg)
{
	struct meeting *m = arg;

	m->err[0] = age(BASE, BASE + 3, true, &m->flag);
}

/* A write that is being let through, to the second of three dirty pages. */
static void write_meets(struct meeting *m, void (*run)(void *arg))
{
	struct tdxc_fault fault;
	uint32_t i;
	bool flush;

	up();
	memset(m, 0, sizeof(*m));
	m->cursor = frame(BASE);
	for (i = 0; i < 3; i++) {
		map(BASE + i, false, 1);
		touch(BASE + i, D);
	}
	ck_assert_int_eq(protect(BASE + 1, BASE + 2, &flush), TDXC_OK);
	mirror_case_run(&c, MIRROR_STALE, 1, run, m);
	fault = mirror_case_fault(&c, BASE + 1, false);
	fault.write = true;
	ck_assert_int_eq(mirror_case_do(&c, 0, &fault), TDXC_FAULT_FIXED);
}

START_TEST(write_protection_waits_for_who_may_be_making_it_writable)
{
	struct meeting m;

	write_meets(&m, protect_inside);
	ck_assert_int_eq(m.err[0], TDXC_E_AGAIN);
	ck_assert_uint_eq(m.cursor.n, BASE + 1);
	ck_assert(m.flag);
	ck_assert_uint_eq(bits_of(BASE + 1) & W, W);
	protect_inside(&m);
	ck_assert_int_eq(m.err[0], TDXC_OK);
	ck_assert_uint_eq(m.cursor.n, BASE + 3);
	ck_assert(m.flag);
	ck_assert_uint_eq(bits_of(BASE + 1) & W, 0);
	down();
}
END_TEST

START_TEST(collecting_waits_for_who_may_be_making_it_dirty)
{
	struct meeting m;
	uint64_t dirty;

	write_meets(&m, clean_inside);
	ck_assert_int_eq(m.err[0], TDXC_E_AGAIN);
	ck_assert_uint_eq(m.dirty[0], 1);
	/* Nobody asked for the frozen one. */
	ck_assert_int_eq(m.err[1], TDXC_OK);
	ck_assert_int_eq(clean(BASE, 7, &dirty), TDXC_OK);
	ck_assert_uint_eq(m.dirty[0] | m.dirty[1] | dirty, 7);
	down();
}
END_TEST

START_TEST(aging_passes_by_what_is_frozen)
{
	struct meeting m;

	write_meets(&m, age_inside);
	ck_assert_int_eq(m.err[0], TDXC_OK);
	ck_assert(m.flag);
	ck_assert_uint_eq(bits_of(BASE), D | W);
	ck_assert_uint_eq(bits_of(BASE + 2), D | W);
	down();
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("mirror_track");
	TCase *refused = tcase_create("refused");
	TCase *track = tcase_create("tracked");
	TCase *meet = tcase_create("meetings");

	tcase_add_test(refused,
		       r36_attributes_of_private_pages_are_not_changed);
	tcase_add_test(refused, r45_private_pages_are_not_aged);
	tcase_add_test(refused, private_twins_stay_as_they_are);
	tcase_add_test(refused, frames_beyond_the_end_are_refused);
	tcase_add_test(refused, an_end_inside_of_64_frames_is_respected);
	tcase_add_test(refused, a_lock_that_is_not_held_is_refused);
	suite_add_tcase(s, refused);
	tcase_add_loop_test(track, write_protection_takes_w_and_nothing_else, 0,
			    3);
	tcase_add_test(track, a_large_page_is_protected_whole);
	tcase_add_test(track,
		       a_write_to_a_protected_page_faults_and_is_let_through);
	tcase_add_test(track, long_ranges_are_done_piece_by_piece);
	tcase_add_test(track,
		       dirty_bits_are_collected_where_they_are_asked_for);
	tcase_add_test(track, a_dirty_large_page_stays_dirty);
	tcase_add_test(track, what_is_not_mapped_is_clean_and_old);
	tcase_add_test(track, aging_finds_and_clears_a);
	suite_add_tcase(s, track);
	tcase_add_test(
		meet, write_protection_waits_for_who_may_be_making_it_writable);
	tcase_add_test(meet, collecting_waits_for_who_may_be_making_it_dirty);
	tcase_add_test(meet, aging_passes_by_what_is_frozen);
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
