/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Ranges that are mapped ahead: the same tree as fault by fault, in pieces that
 * can be stopped anywhere.
 *
 * TDXC_SEED repeats a run; TDXC_TEST_SCALE=percent: how many random ranges.
 */
#include <tdxcore/err.h>

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../libtdxcore/mirror_work.h"
#include "mirror/mirror_case.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define RANGES	     300u
#define FEWEST	     10u
#define PAGE	     4096ull
/* The first frame of a 1 GiB page, with other indices above. */
#define BASE 0x123440000ull
/* Frames that tests map and look at. */
#define WINDOW 2048u
/* Calls until a range is mapped, at most. */
#define ROUNDS 2000u

static struct mirror_case c;
static uint64_t pages[WINDOW];

static void up_as(uint32_t levels, bool offset)
{
	struct mirror_shape shape = {levels, false, offset, 0};

	mirror_case_up(&c, &shape);
}

static void up(void)
{
	up_as(4, true);
}

static void down(void)
{
	ck_assert_ptr_null(mirror_case_audit(&c));
	ck_assert_ptr_null(mirror_case_down(&c));
}

static struct tdxc_root *root_of(bool is_private)
{
	return mirror_case_root(&c, is_private ? TDXC_ROOTS_MIRROR
					       : TDXC_ROOTS_DIRECT);
}

static struct tdxc_populate range(uint64_t start, uint64_t frames,
				  uint32_t level, bool is_private)
{
	struct tdxc_populate p;

	memset(&p, 0, sizeof p);
	p.like = mirror_case_fault(&c, start, is_private);
	p.like.gfn.n = 0;
	p.like.level = level;
	p.like.prefetch = true;
	p.start.n = start;
	p.frames = frames;
	return p;
}

/* One call, with a CPU that was topped up. */
static int call(struct tdxc_populate *p)
{
	struct tdxc_root *root = root_of(p->like.is_private);
	int err = mirror_case_ready(&c, 0, p->like.is_private);

	if (err == TDXC_OK)
		err = tdxc_mmu_populate(&c.mmu, root, &c.cpu[0], p,
					TDXC_LOCK_SHARED);
	ck_assert_uint_eq(c.cpu[0].frozen, 0);
	ck_assert_uint_le(p->done, p->frames);
	ck_assert_int_eq(tdxc_root_put(&c.mmu, root), TDXC_OK);
	return err;
}

/* Until it says something else than "again". */
static int finish(struct tdxc_populate *p)
{
	uint32_t i;

	for (i = 0; i < ROUNDS; i++) {
		int err = call(p);

		if (err != TDXC_E_AGAIN)
			return err;
	}
	ck_abort_msg("a range that never ends");
	return TDXC_E_AGAIN;
}

static void expect_all(struct tdxc_populate p)
{
	ck_assert_int_eq(finish(&p), TDXC_OK);
	ck_assert_uint_eq(p.done, p.frames);
}

static struct tdxc_found look(uint64_t gfn, bool is_private)
{
	struct tdxc_root *root = root_of(is_private);
	struct tdxc_gfn at = {gfn};
	struct tdxc_found found = tdxc_lookup(&root->tree, at);

	ck_assert_int_eq(tdxc_root_put(&c.mmu, root), TDXC_OK);
	return found;
}

static uint64_t page_of(uint64_t gfn, bool is_private)
{
	return mirror_case_fault(&c, gfn, is_private).pa;
}

/* Address under a frame; 0: none. */
static uint64_t mapped_at(uint64_t gfn, bool is_private)
{
	struct tdxc_found found = look(gfn, is_private);
	uint64_t inside;

	if (!tdxc_spte_is_leaf(found.spte))
		return 0;
	inside = gfn & (tdxc_level_frames((uint32_t)found.level) - 1);
	return tdxc_spte_pa(found.spte) + inside * PAGE;
}

static int fault_on(uint64_t gfn, bool is_private)
{
	struct tdxc_fault fault = mirror_case_fault(&c, gfn, is_private);

	fault.prefetch = true;
	return mirror_case_do(&c, 1, &fault);
}

static uint64_t *slot_of(bool is_private, uint64_t gfn, uint32_t level)
{
	struct tdxc_root *root = root_of(is_private);
	struct tdxc_gfn at = {gfn};
	struct tdxc_gfn end = {gfn + 1};
	struct tdxc_iter it;

	ck_assert_int_eq(tdxc_iter_begin(&it, &root->tree, at, end, level),
			 TDXC_OK);
	while (it.valid && it.level > level)
		tdxc_iter_next(&it);
	ck_assert(it.valid);
	ck_assert_int_eq(tdxc_root_put(&c.mmu, root), TDXC_OK);
	return it.slot;
}

static struct tdxc_mmu_counts counts(void)
{
	return mirror_case_counts(&c);
}

static void contiguous_pages(uint64_t start, bool is_private)
{
	uint64_t i;

	for (i = 0; i < WINDOW; i++)
		pages[i] = page_of(start + i, is_private);
}

/* ---- the same as faults ---- */

static const struct {
	uint64_t start, frames;
} spans[] = {
	{0, 1},	    {0, 511},  {0, 512},  {0, 513},    {511, 1},
	{511, 2},   {1, 511},  {1, 512},  {100, 1000}, {512, 512},
	{300, 600}, {0, 2048}, {5, 2000},
};

/* Digest of a tree that faults have made. */
static uint64_t by_faults(uint64_t start, uint64_t frames, bool is_private)
{
	uint64_t digest;
	uint64_t i;

	up();
	for (i = 0; i < frames; i++)
		ck_assert_int_eq(fault_on(start + i, is_private),
				 TDXC_FAULT_FIXED);
	digest = mirror_case_digest(&c);
	down();
	return digest;
}

START_TEST(a_range_becomes_the_tree_that_faults_would_make)
{
	size_t i;

	for (i = 0; i < 4 * COUNT(spans); i++) {
		uint64_t start = BASE + spans[i / 4].start;
		uint64_t frames = spans[i / 4].frames;
		bool is_private = i & 1;
		uint64_t wanted = by_faults(start, frames, is_private);
		struct tdxc_populate p;

		up();
		p = range(start, frames, TDXC_LEVEL_4K, is_private);
		contiguous_pages(start, is_private);
		if (i & 2)
			p.pages = pages;
		ck_assert_int_eq(finish(&p), TDXC_OK);
		ck_assert_uint_eq(p.done, frames);
		ck_assert_uint_eq(p.mapped, frames);
		ck_assert_uint_eq(mirror_case_digest(&c), wanted);
		down();
	}
}
END_TEST

START_TEST(pages_need_not_be_contiguous)
{
	uint32_t i;

	for (i = 0; i < 4; i++) {
		bool is_private = i & 1;
		struct tdxc_populate p;
		uint64_t f;

		up_as(i & 2 ? 5 : 4, i & 2);
		for (f = 0; f < WINDOW; f++)
			pages[f] = page_of(BASE + (f * 7 + 3) % WINDOW,
					   is_private);
		p = range(BASE + 3, 1500, TDXC_LEVEL_1G, is_private);
		p.pages = pages;
		expect_all(p);
		for (f = 0; f < 1500; f++)
			ck_assert_uint_eq(mapped_at(BASE + 3 + f, is_private),
					  pages[f]);
		ck_assert_uint_eq(counts().pages[is_private][1], 1500);
		down();
	}
}
END_TEST

START_TEST(pages_are_mapped_as_the_model_fault_says)
{
	struct tdxc_populate p;

	up();
	p = range(BASE, 600, TDXC_LEVEL_4K, false);
	p.like.prefetch = false;
	p.like.write = true;
	expect_all(p);
	ck_assert_uint_eq(look(BASE + 5, false).spte.bits,
			  page_of(BASE + 5, false) | 0x8600000000000B37ull);
	p = range(BASE + 1024, 600, TDXC_LEVEL_4K, false);
	p.like.write_protected = true;
	expect_all(p);
	ck_assert_uint_eq(look(BASE + 1024, false).spte.bits &
				  (TDXC_SPTE_W | TDXC_SPTE_MMU_W | TDXC_SPTE_A),
			  TDXC_SPTE_MMU_W);
	down();
}
END_TEST

START_TEST(s002_10_private_pages_are_told_one_by_one_below_their_table)
{
	struct tdxc_populate p;

	up();
	p = range(BASE, 512, TDXC_LEVEL_4K, true);
	expect_all(p);
	/* three tables, and the model refuses a leaf without its table */
	ck_assert_uint_eq(c.calls[MIRROR_SET], 3 + 512);
	ck_assert_uint_eq(c.adds, 512);
	down();
}
END_TEST

/* ---- large pages ---- */

START_TEST(contiguous_aligned_frames_become_large_pages)
{
	static const struct {
		uint64_t start, frames;
		uint32_t level;
		uint64_t pages[4];
	} rows[] = {
		{0, 512, 2, {0, 0, 1, 0}},
		{0, 511, 2, {0, 511, 0, 0}},
		{1, 512, 2, {0, 512, 0, 0}},
		{0, 1024, 3, {0, 0, 2, 0}},
		{256, 1024, 2, {0, 512, 1, 0}},
		{0, 1u << 18, 3, {0, 0, 0, 1}},
		{0, 1u << 18, 2, {0, 0, 512, 0}},
		{0, (1u << 18) + 513, 3, {0, 1, 1, 1}},
		{(1u << 18) - 512, 513, 3, {0, 1, 1, 0}},
	};
	size_t i;

	for (i = 0; i < 2 * COUNT(rows); i++) {
		bool is_private = i & 1;
		struct tdxc_mmu_counts n;

		up();
		expect_all(range(BASE + rows[i / 2].start, rows[i / 2].frames,
				 rows[i / 2].level, is_private));
		n = counts();
		ck_assert_mem_eq(n.pages[is_private], rows[i / 2].pages,
				 sizeof rows[0].pages);
		ck_assert_uint_eq(
			mapped_at(BASE + rows[i / 2].start, is_private),
			page_of(BASE + rows[i / 2].start, is_private));
		down();
	}
}
END_TEST

START_TEST(pages_that_are_not_contiguous_stay_small)
{
	static const struct {
		uint64_t from, by;
	} rows[] = {{511, 1}, {1, 1}, {0, 512}, {256, 512}};
	size_t i;

	for (i = 0; i < 2 * COUNT(rows); i++) {
		bool is_private = i & 1;
		struct tdxc_populate p;
		uint64_t f;

		up();
		contiguous_pages(BASE, is_private);
		for (f = rows[i / 2].from; f < 512; f++)
			pages[f] += rows[i / 2].by * PAGE;
		p = range(BASE, 512, TDXC_LEVEL_2M, is_private);
		p.pages = pages;
		expect_all(p);
		ck_assert_uint_eq(counts().pages[is_private][2],
				  rows[i / 2].from == 0);
		down();
	}
}
END_TEST

START_TEST(memory_that_is_not_aligned_stays_small)
{
	struct tdxc_populate p;

	up();
	p = range(BASE, 512, TDXC_LEVEL_2M, false);
	p.like.pa += PAGE;
	expect_all(p);
	ck_assert_uint_eq(counts().pages[KIND_DIRECT][1], 512);
	down();
}
END_TEST

START_TEST(below_a_table_that_is_there_smaller_pages_are_mapped)
{
	uint32_t i;

	for (i = 0; i < 2; i++) {
		struct tdxc_populate p;

		up();
		ck_assert_int_eq(fault_on(BASE + 600, i), TDXC_FAULT_FIXED);
		p = range(BASE, 2048, TDXC_LEVEL_1G, i);
		ck_assert_int_eq(finish(&p), TDXC_OK);
		ck_assert_uint_eq(p.mapped, 2047);
		ck_assert_uint_eq(counts().pages[i][1], 512);
		ck_assert_uint_eq(counts().pages[i][2], 3);
		down();
	}
}
END_TEST

/* ---- what is there already ---- */

START_TEST(pages_that_are_mapped_already_are_skipped_and_not_counted)
{
	uint32_t i;

	for (i = 0; i < 2; i++) {
		struct tdxc_populate p;
		uint64_t f;

		up();
		for (f = 0; f < 1000; f += 3)
			ck_assert_int_eq(fault_on(BASE + f, i),
					 TDXC_FAULT_FIXED);
		p = range(BASE, 1000, TDXC_LEVEL_4K, i);
		ck_assert_int_eq(finish(&p), TDXC_OK);
		ck_assert_uint_eq(p.mapped, 1000 - 334);
		p = range(BASE, 1000, TDXC_LEVEL_4K, i);
		ck_assert_int_eq(finish(&p), TDXC_OK);
		ck_assert_uint_eq(p.mapped, 0);
		ck_assert_uint_eq(counts().pages[i][1], 1000);
		down();
	}
}
END_TEST

START_TEST(h23_pages_are_added_once_however_often_they_are_populated)
{
	uint32_t i;

	up();
	for (i = 0; i < 3; i++) {
		expect_all(range(BASE, 700, TDXC_LEVEL_4K, true));
		ck_assert_int_eq(fault_on(BASE + 5, true), TDXC_FAULT_SPURIOUS);
	}
	ck_assert_uint_eq(c.adds, 700);
	down();
}
END_TEST

START_TEST(a_large_page_that_is_there_covers_the_range_if_it_may)
{
	uint32_t i;

	for (i = 0; i < 4; i++) {
		bool is_private = i & 1;
		struct tdxc_populate p;

		up();
		expect_all(range(BASE + 512, 512, TDXC_LEVEL_2M, is_private));
		contiguous_pages(BASE + 256, is_private);
		p = range(BASE + 256, 1000, TDXC_LEVEL_2M, is_private);
		if (i & 2)
			p.pages = pages;
		ck_assert_int_eq(finish(&p), TDXC_OK);
		ck_assert_uint_eq(p.mapped, 1000 - 512);
		/* from the middle of it, too */
		p = range(BASE + 700, 100, TDXC_LEVEL_1G, is_private);
		ck_assert_int_eq(finish(&p), TDXC_OK);
		ck_assert_uint_eq(p.mapped, 0);
		/* not where smaller pages are wanted */
		p = range(BASE + 256, 1000, TDXC_LEVEL_4K, is_private);
		ck_assert_int_eq(finish(&p), TDXC_E_EXIST);
		ck_assert_uint_eq(p.done, 256);
		down();
	}
}
END_TEST

START_TEST(r37_another_page_ends_the_range_before_it)
{
	uint32_t i;

	for (i = 0; i < 4; i++) {
		bool is_private = i & 1;
		uint64_t before;
		struct tdxc_populate p;

		up();
		/* in a leaf table, or a large page */
		expect_all(range(BASE + 512, 512, i & 2 ? 2 : 1, is_private));
		contiguous_pages(BASE, is_private);
		pages[700] += PAGE;
		p = range(BASE, 1024, TDXC_LEVEL_2M, is_private);
		p.pages = pages;
		ck_assert_int_eq(finish(&p), TDXC_E_EXIST);
		ck_assert_uint_eq(p.done, 700);
		before = mirror_case_digest(&c);
		ck_assert_int_eq(finish(&p), TDXC_E_EXIST);
		ck_assert_uint_eq(mirror_case_digest(&c), before);
		/* unless the pages were looked up too early */
		mirror_case_invalidate(&c, BASE + 700, BASE + 701);
		ck_assert_int_eq(call(&p), TDXC_E_AGAIN);
		ck_assert_uint_eq(p.done, 700);
		down();
	}
}
END_TEST

START_TEST(memory_takes_the_place_of_mmio)
{
	struct tdxc_fault fault;
	struct tdxc_populate p;

	up();
	fault = mirror_case_fault(&c, BASE + 7, false);
	fault.mmio = true;
	ck_assert_int_eq(mirror_case_do(&c, 0, &fault), TDXC_FAULT_EMULATE);
	p = range(BASE, 512, TDXC_LEVEL_2M, false);
	ck_assert_int_eq(finish(&p), TDXC_OK);
	ck_assert_uint_eq(p.mapped, 512);
	ck_assert_uint_eq(mapped_at(BASE + 7, false), page_of(BASE + 7, false));
	down();
}
END_TEST

/* ---- stale ---- */

START_TEST(r7_a_table_of_stale_pages_is_not_linked)
{
	uint32_t i;

	for (i = 0; i < 2; i++) {
		uint64_t frames = i ? 512 : 300;
		struct tdxc_populate p;
		uint64_t before;
		uint32_t e;

		up();
		ck_assert_int_eq(fault_on(BASE + 512, false), TDXC_FAULT_FIXED);
		p = range(BASE, frames, TDXC_LEVEL_4K, false);
		mirror_case_invalidate(&c, BASE + 299, BASE + 300);
		before = mirror_case_digest(&c);
		ck_assert_int_eq(call(&p), TDXC_E_AGAIN);
		ck_assert_uint_eq(p.done, 0);
		ck_assert_uint_eq(counts().stale, 1);
		ck_assert_uint_eq(mirror_case_digest(&c), before);
		/* the table is in reserve again, and empty */
		ck_assert_uint_eq(c.cpu[0].nr_spare[KIND_DIRECT], 3);
		for (e = 0; e < TDXC_ENTRIES; e++)
			ck_assert_uint_eq(
				((uint64_t *)(size_t)(c.virt +
						      c.cpu[0].spare[0][2]
							      .pa))[e],
				TDXC_SPTE_EMPTY_BITS);
		p.like.sequence = c.sequence;
		ck_assert_int_eq(finish(&p), TDXC_OK);
		ck_assert_uint_eq(p.mapped, frames);
		down();
	}
}
END_TEST

/* Its neighbours in the table may be of the other half. */
START_TEST(r25_only_pages_of_the_range_are_asked_about)
{
	uint32_t i;

	for (i = 0; i < 2; i++) {
		struct tdxc_populate p;

		up();
		mirror_case_attribute(&c, BASE, BASE + 100, !i);
		mirror_case_attribute(&c, BASE + 400, BASE + 512, !i);
		p = range(BASE + 100, 300, TDXC_LEVEL_1G, i);
		ck_assert_int_eq(finish(&p), TDXC_OK);
		ck_assert_uint_eq(counts().stale, 0);
		p = range(BASE + 1000, 200, TDXC_LEVEL_1G, i);
		mirror_case_attribute(&c, BASE + 1020, BASE + 1021, !i);
		ck_assert_int_eq(call(&p), TDXC_E_AGAIN);
		/* a table is all or nothing, a mirror goes page by page */
		ck_assert_uint_eq(p.done, i ? 20 : 0);
		ck_assert_uint_eq(mapped_at(BASE + 1020, i), 0);
		down();
	}
}
END_TEST

START_TEST(h20_no_large_page_over_a_range_of_which_half_is_converted)
{
	uint32_t i;

	for (i = 0; i < 2; i++) {
		struct tdxc_populate p;

		up();
		mirror_case_attribute(&c, BASE + 256, BASE + 512, !i);
		p = range(BASE, 512, TDXC_LEVEL_2M, i);
		ck_assert_int_eq(call(&p), TDXC_E_AGAIN);
		ck_assert_uint_eq(p.done, 0);
		ck_assert_uint_eq(counts().pages[i][2], 0);
		p.frames = 256;
		ck_assert_int_eq(finish(&p), TDXC_OK);
		down();
	}
}
END_TEST

/* ---- where it stops ---- */

START_TEST(r42_without_tables_in_reserve_it_says_so_or_goes_on_later)
{
	uint32_t i;

	for (i = 0; i < 2; i++) {
		struct tdxc_root *root;
		struct tdxc_populate p;

		up();
		root = root_of(i);
		p = range(BASE, 2048, TDXC_LEVEL_4K, i);
		ck_assert_int_eq(tdxc_mmu_populate(&c.mmu, root, &c.cpu[0], &p,
						   TDXC_LOCK_SHARED),
				 TDXC_E_NOMEM);
		ck_assert_uint_eq(counts().tables[i], 0);
		/* three tables lead to the first 512 pages */
		ck_assert_int_eq(call(&p), TDXC_E_AGAIN);
		ck_assert_uint_eq(p.done, 512);
		ck_assert_int_eq(tdxc_mmu_populate(&c.mmu, root, &c.cpu[0], &p,
						   TDXC_LOCK_SHARED),
				 TDXC_E_NOMEM);
		ck_assert_int_eq(finish(&p), TDXC_OK);
		ck_assert_uint_eq(p.mapped, 2048);
		/* what needed no table was progress */
		tdxc_mmu_release(&c.mmu, &c.cpu[0]);
		p = range(BASE, 3000, TDXC_LEVEL_4K, i);
		ck_assert_int_eq(tdxc_mmu_populate(&c.mmu, root, &c.cpu[0], &p,
						   TDXC_LOCK_SHARED),
				 TDXC_E_AGAIN);
		ck_assert_uint_eq(p.done, 2048);
		down();
	}
}
END_TEST

START_TEST(one_call_visits_a_bounded_number_of_entries)
{
	struct tdxc_populate p;
	uint64_t frames = TDXC_MMU_VISITS + 2048;

	up();
	expect_all(range(BASE, frames, TDXC_LEVEL_4K, false));
	p = range(BASE, frames, TDXC_LEVEL_4K, false);
	ck_assert_int_eq(call(&p), TDXC_E_AGAIN);
	ck_assert_uint_eq(p.done, TDXC_MMU_VISITS);
	ck_assert_int_eq(call(&p), TDXC_OK);
	ck_assert_uint_eq(p.done, frames);
	down();
}
END_TEST

START_TEST(r2_a_frozen_entry_on_the_way_is_met_and_left)
{
	uint32_t i;

	for (i = 0; i < 6; i++) {
		bool is_private = i & 1;
		struct tdxc_populate p;
		uint64_t *slot;
		uint64_t saved;

		up();
		ck_assert_int_eq(fault_on(BASE + 5, is_private),
				 TDXC_FAULT_FIXED);
		slot = slot_of(is_private, BASE + 4, i / 2 + 1);
		saved = *slot;
		*slot = TDXC_SPTE_FROZEN_BITS;
		p = range(BASE, 600, TDXC_LEVEL_2M, is_private);
		ck_assert_int_eq(call(&p), TDXC_E_AGAIN);
		ck_assert_uint_eq(p.done, i / 2 == 0 ? 4 : 0);
		ck_assert_uint_eq(c.cpu[0].counts.frozen_met, 1);
		ck_assert_uint_eq(*slot, TDXC_SPTE_FROZEN_BITS);
		*slot = saved;
		ck_assert_int_eq(finish(&p), TDXC_OK);
		down();
	}
}
END_TEST

START_TEST(h19_a_root_invalidated_between_two_calls_is_noticed)
{
	uint32_t i;

	for (i = 0; i < 2; i++) {
		struct tdxc_root *root;
		struct tdxc_populate p;
		uint64_t before;

		up();
		root = root_of(i);
		p = range(BASE, 2048, TDXC_LEVEL_4K, i);
		ck_assert_int_eq(call(&p), TDXC_E_AGAIN);
		c.exclusive_held = true;
		ck_assert_int_eq(tdxc_roots_invalidate(&c.mmu, TDXC_ROOTS_VALID,
						       TDXC_LOCK_EXCLUSIVE),
				 TDXC_OK);
		c.exclusive_held = false;
		ck_assert_int_eq(mirror_case_ready(&c, 0, i), TDXC_OK);
		before = mirror_case_digest(&c);
		ck_assert_int_eq(tdxc_mmu_populate(&c.mmu, root, &c.cpu[0], &p,
						   TDXC_LOCK_SHARED),
				 TDXC_FAULT_RETRY);
		ck_assert_uint_eq(mirror_case_digest(&c), before);
		down();
	}
}
END_TEST

START_TEST(an_empty_range_is_done)
{
	struct tdxc_populate p;

	up();
	p = range(BASE, 0, TDXC_LEVEL_4K, true);
	ck_assert_int_eq(call(&p), TDXC_OK);
	ck_assert_uint_eq(counts().tables[KIND_MIRROR], 0);
	down();
}
END_TEST

static void past_the_end(struct tdxc_populate *p)
{
	p->start.n = c.mmu.config.end - 1;
	p->frames = 2;
}

static void with_alias(struct tdxc_populate *p)
{
	p->start.n |= tdxc_alias_bit(4);
}

static void wrapping(struct tdxc_populate *p)
{
	p->frames = ~0ull;
}

static void done_beyond(struct tdxc_populate *p)
{
	p->done = p->frames + 1;
}

static void level_0(struct tdxc_populate *p)
{
	p->like.level = 0;
}

static void level_4(struct tdxc_populate *p)
{
	p->like.level = 4;
}

static void as_mmio(struct tdxc_populate *p)
{
	p->like.mmio = true;
}

static void unaligned(struct tdxc_populate *p)
{
	p->like.pa += 1;
}

static void beyond_memory(struct tdxc_populate *p)
{
	p->like.pa = (1ull << 52) - PAGE;
}

static void private_and_protected(struct tdxc_populate *p)
{
	p->like.is_private = true;
	p->like.write_protected = true;
}

START_TEST(h13_a_range_that_makes_no_sense_changes_nothing)
{
	static const struct {
		void (*make)(struct tdxc_populate *p);
	} rows[] = {
		{past_the_end},	 {with_alias},
		{wrapping},	 {done_beyond},
		{level_0},	 {level_4},
		{as_mmio},	 {unaligned},
		{beyond_memory}, {private_and_protected},
	};
	size_t i;

	for (i = 0; i < 2 * COUNT(rows); i++) {
		struct tdxc_root *root;
		struct tdxc_populate p;
		struct tdxc_populate was;
		uint64_t before;

		up();
		p = range(BASE, 600, TDXC_LEVEL_2M, i & 1);
		rows[i / 2].make(&p);
		root = root_of(p.like.is_private);
		ck_assert_int_eq(mirror_case_ready(&c, 0, p.like.is_private),
				 TDXC_OK);
		before = mirror_case_digest(&c);
		was = p;
		ck_assert_msg(tdxc_mmu_populate(&c.mmu, root, &c.cpu[0], &p,
						TDXC_LOCK_SHARED) ==
				      TDXC_E_INVAL,
			      "row %zu", i);
		ck_assert_mem_eq(&p, &was, sizeof p);
		ck_assert_uint_eq(mirror_case_digest(&c), before);
		down();
	}
}
END_TEST

START_TEST(a_page_that_is_none_ends_the_range_before_its_table)
{
	uint32_t i;

	for (i = 0; i < 8; i++) {
		bool is_private = i & 1;
		bool there = i & 4;
		struct tdxc_populate p;

		up();
		if (there)
			ck_assert_int_eq(fault_on(BASE + 900, is_private),
					 TDXC_FAULT_FIXED);
		contiguous_pages(BASE, is_private);
		pages[700] = i & 2 ? pages[700] + 8 : 1ull << 60;
		p = range(BASE, 1024, TDXC_LEVEL_4K, is_private);
		p.pages = pages;
		ck_assert_int_eq(finish(&p), TDXC_E_INVAL);
		ck_assert_uint_eq(p.done, there || is_private ? 700 : 512);
		down();
	}
}
END_TEST

START_TEST(a_write_that_is_not_allowed_maps_nothing)
{
	uint32_t i;

	for (i = 0; i < 2; i++) {
		struct tdxc_populate p;

		up();
		p = range(BASE, 600, TDXC_LEVEL_4K, false);
		p.like.write = true;
		if (i)
			p.like.write_protected = true;
		else
			p.like.host_writable = false;
		ck_assert_int_eq(finish(&p), TDXC_FAULT_ACCESS);
		ck_assert_uint_eq(counts().tables[KIND_DIRECT], 0);
		down();
	}
}
END_TEST

START_TEST(without_the_lock_nothing_happens)
{
	uint32_t i;

	for (i = 0; i < 4; i++) {
		bool is_private = i & 1;
		struct tdxc_root *root;
		struct tdxc_populate p;

		up();
		root = root_of(is_private);
		ck_assert_int_eq(mirror_case_ready(&c, 0, is_private), TDXC_OK);
		c.shared_held = i & 2;
		p = range(BASE, 600, TDXC_LEVEL_4K, is_private);
		ck_assert_int_eq(tdxc_mmu_populate(&c.mmu, root, &c.cpu[0], &p,
						   i & 2 ? TDXC_LOCK_EXCLUSIVE
							 : TDXC_LOCK_SHARED),
				 TDXC_E_INVAL);
		ck_assert_uint_eq(counts().tables[is_private], 0);
		down();
	}
}
END_TEST

START_TEST(s002_3_a_private_range_has_no_business_in_a_direct_root)
{
	uint32_t i;

	for (i = 0; i < 2; i++) {
		struct tdxc_populate p;

		up();
		p = range(BASE, 600, TDXC_LEVEL_4K, i);
		ck_assert_int_eq(mirror_case_ready(&c, 0, i), TDXC_OK);
		ck_assert_int_eq(tdxc_mmu_populate(&c.mmu, root_of(!i),
						   &c.cpu[0], &p,
						   TDXC_LOCK_SHARED),
				 TDXC_E_INVAL);
		ck_assert_uint_eq(counts().tables[i], 0);
		down();
	}
}
END_TEST

/* ---- every failure of every hook ---- */

/* A range over two tables and a large page, one of whose hook calls fails: all
 * before p.done is mapped, nothing after, and going on gets to the same end.
 * true: there was an n-th call. */
static bool fails_at(enum mirror_hook hook, int err, int answer, uint64_t at,
		     bool is_private)
{
	struct tdxc_populate p;
	struct tdxc_root *root;
	uint64_t wanted;
	uint64_t calls;
	bool reached;
	int got;

	up();
	expect_all(range(BASE + 100, 1500, TDXC_LEVEL_2M, is_private));
	wanted = mirror_case_digest(&c);
	down();

	up();
	root = root_of(is_private);
	p = range(BASE + 100, 1500, TDXC_LEVEL_2M, is_private);
	mirror_case_fail(&c, hook, at, err);
	calls = c.calls[hook];
	got = finish(&p);
	reached = c.calls[hook] >= calls + at;
	/* a retry is not told from any other piece of the range */
	ck_assert(got == (reached ? answer : TDXC_OK) ||
		  (reached && answer == TDXC_E_AGAIN && got == TDXC_OK));
	ck_assert_ptr_null(mirror_case_audit(&c));
	if (p.done > 0)
		ck_assert_uint_eq(mapped_at(BASE + 99 + p.done, is_private),
				  page_of(BASE + 99 + p.done, is_private));
	if (p.done < 1500)
		ck_assert_uint_eq(mapped_at(BASE + 100 + p.done, is_private),
				  0);
	mirror_case_calm(&c);
	ck_assert_int_eq(finish(&p), TDXC_OK);
	ck_assert_uint_eq(p.mapped, 1500);
	ck_assert_uint_eq(mirror_case_digest(&c), wanted);
	ck_assert_int_eq(tdxc_root_put(&c.mmu, root), TDXC_OK);
	down();
	return reached;
}

START_TEST(i_roll_every_failure_of_every_hook_leaves_whole_steps)
{
	/* Private pages are many: every 31st call will do. */
	static const struct {
		enum mirror_hook hook;
		int err, answer;
		uint64_t step[2];
		uint32_t reached[2];
	} rows[] = {
		{MIRROR_ALLOC, TDXC_E_NOMEM, TDXC_E_NOMEM, {1, 1}, {6, 6}},
		{MIRROR_LOCK, 0, TDXC_E_INVAL, {1, 1}, {2, 2}},
		{MIRROR_STALE, 0, TDXC_E_AGAIN, {1, 31}, {4, 16}},
		{MIRROR_SET, TDXC_E_BUSY, TDXC_E_BUSY, {1, 31}, {0, 16}},
	};
	size_t i;

	for (i = 0; i < 2 * COUNT(rows); i++) {
		uint64_t at = 1;
		uint32_t n = 0;

		while (fails_at(rows[i / 2].hook, rows[i / 2].err,
				rows[i / 2].answer, at, i & 1)) {
			at += rows[i / 2].step[i & 1];
			n++;
		}
		ck_assert_msg(n == rows[i / 2].reached[i & 1],
			      "row %zu: %u calls", i, n);
	}
}
END_TEST

START_TEST(r5_a_fatal_error_ends_the_range_at_the_page_it_concerns)
{
	uint32_t i;

	for (i = 0; i < 8; i++) {
		uint64_t at = 3 + (i / 2) * 170 + 1;
		struct tdxc_populate p;

		up();
		p = range(BASE, 600, TDXC_LEVEL_4K, true);
		mirror_case_fail(&c, MIRROR_SET, at, TDXC_E_IO);
		c.inject[MIRROR_SET].applied = i & 1;
		ck_assert_int_eq(finish(&p), TDXC_E_IO);
		ck_assert_uint_eq(p.done, at - 4);
		ck_assert_uint_eq(tdxc_spte_pa(c.mmu.poison.now),
				  page_of(BASE + p.done, true));
		ck_assert_uint_eq(mapped_at(BASE + p.done, true), 0);
		ck_assert_int_eq(call(&p), TDXC_FAULT_POISONED);
		ck_assert_uint_eq(p.done, at - 4);
		down();
	}
}
END_TEST

START_TEST(r5_nor_is_a_table_lost_without_a_word)
{
	uint32_t at;

	for (at = 1; at <= 3; at++) {
		struct tdxc_populate p;

		up();
		p = range(BASE, 600, TDXC_LEVEL_4K, true);
		mirror_case_fail(&c, MIRROR_SET, at, TDXC_E_IO);
		c.inject[MIRROR_SET].applied = true;
		ck_assert_int_eq(finish(&p), TDXC_FAULT_POISONED);
		ck_assert_uint_eq(p.done, 0);
		ck_assert_uint_eq(mirror_case_externals(&c, MIRROR_PAGE_LOST),
				  1);
		down();
	}
}
END_TEST

/* ---- others in between ---- */

struct peer {
	uint64_t gfn;
	bool is_private;
	int outcome;
};

static void peer_fault(void *arg)
{
	struct peer *peer = arg;

	peer->outcome = fault_on(peer->gfn, peer->is_private);
}

/* While a full table is being linked nobody sees it, or gets past. */
START_TEST(r3_a_fault_below_a_table_that_is_being_linked_retries)
{
	struct peer peer = {BASE + 5, false, -1};
	struct tdxc_populate p;

	up();
	ck_assert_int_eq(fault_on(BASE + 512, false), TDXC_FAULT_FIXED);
	ck_assert_int_eq(mirror_case_ready(&c, 1, false), TDXC_OK);
	mirror_case_run(&c, MIRROR_STALE, 1, peer_fault, &peer);
	p = range(BASE, 512, TDXC_LEVEL_4K, false);
	ck_assert_int_eq(finish(&p), TDXC_OK);
	ck_assert_int_eq(peer.outcome, TDXC_FAULT_RETRY);
	peer_fault(&peer);
	ck_assert_int_eq(peer.outcome, TDXC_FAULT_SPURIOUS);
	ck_assert_uint_eq(counts().pages[KIND_DIRECT][1], 513);
	down();
}
END_TEST

START_TEST(h16_pages_of_a_table_that_was_not_linked_are_not_counted)
{
	struct tdxc_mmu_counts before;
	struct tdxc_mmu_counts after;
	struct tdxc_populate p;

	up();
	ck_assert_int_eq(fault_on(BASE + 512, false), TDXC_FAULT_FIXED);
	before = counts();
	p = range(BASE, 512, TDXC_LEVEL_4K, false);
	mirror_case_invalidate(&c, BASE, BASE + 1);
	ck_assert_int_eq(call(&p), TDXC_E_AGAIN);
	after = counts();
	ck_assert_mem_eq(before.pages, after.pages, sizeof after.pages);
	ck_assert_mem_eq(before.tables, after.tables, sizeof after.tables);
	down();
}
END_TEST

/* ---- at random ---- */

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

/* Which frames are mapped; where is no question. */
static bool model[2][WINDOW];

static void random_range(void)
{
	uint64_t start = random_below(WINDOW);
	uint64_t frames = random_below(WINDOW - start + 1);
	bool is_private = random_below(2);
	struct tdxc_populate p =
		range(BASE + start, frames, TDXC_LEVEL_1G, is_private);
	uint64_t fresh = 0;
	uint64_t i;

	contiguous_pages(BASE + start, is_private);
	if (random_below(2))
		p.pages = pages;
	if (random_below(3) == 0)
		mirror_case_fail(&c, MIRROR_SET, random_below(600) + 1,
				 TDXC_E_BUSY);
	for (i = 0; i < ROUNDS; i++) {
		int err = call(&p);

		if (err == TDXC_OK)
			break;
		ck_assert(err == TDXC_E_AGAIN || err == TDXC_E_BUSY);
	}
	mirror_case_calm(&c);
	for (i = start; i < start + frames; i++) {
		fresh += !model[is_private][i];
		model[is_private][i] = true;
	}
	ck_assert_uint_eq(p.done, frames);
	ck_assert_uint_eq(p.mapped, fresh);
}

static void check_model(void)
{
	uint64_t i;

	for (i = 0; i < 2 * WINDOW; i++) {
		bool is_private = i & 1;
		uint64_t wanted = model[is_private][i / 2]
					  ? page_of(BASE + i / 2, is_private)
					  : 0;

		ck_assert_uint_eq(mapped_at(BASE + i / 2, is_private), wanted);
	}
}

START_TEST(random_ranges_map_their_frames_and_no_others)
{
	uint64_t n = RANGES * from_env("TDXC_TEST_SCALE", 100) / 100 + FEWEST;
	uint64_t i;

	state = from_env("TDXC_SEED", 1);
	printf("TDXC_SEED=%llu\n", (unsigned long long)state);
	for (i = 0; i < n; i++) {
		uint32_t ranges = (uint32_t)random_below(6) + 1;

		up_as(random_below(2) ? 5 : 4, random_below(2));
		memset(model, 0, sizeof model);
		while (ranges-- > 0)
			random_range();
		check_model();
		down();
	}
}
END_TEST

/* ---- first contents ---- */

#define IMAGE 0x0000050000000000ull

/* What external_set() was told of leaves, by frame from BASE. */
static struct {
	int (*real)(void *ctx, const struct tdxc_external_change *change);
	uint64_t source[WINDOW];
	uint64_t leaves;
} told;

static int tell(void *ctx, const struct tdxc_external_change *change)
{
	int err = told.real(ctx, change);

	if (err == TDXC_OK && tdxc_spte_is_leaf(change->now)) {
		told.source[change->gfn.n - BASE] = change->source;
		told.leaves++;
	}
	return err;
}

static void up_told(void)
{
	up();
	memset(&told, 0, sizeof told);
	told.real = c.ops.external_set;
	c.ops.external_set = tell;
}

/* Frames around a leaf table's end: the tables on the way have no contents,
 * which the external tree of the test insists on. */
START_TEST(an_image_is_told_page_by_page)
{
	const bool contiguous = _i == 1;
	static uint64_t sources[600];
	struct tdxc_populate p;
	uint64_t i;

	up_told();
	for (i = 0; i < COUNT(sources); i++)
		sources[i] =
			i % 5 == 3 ? 0 : IMAGE + (COUNT(sources) - i) * PAGE;
	p = range(BASE + 100, COUNT(sources), 1, true);
	p.sources = contiguous ? NULL : sources;
	p.like.source = contiguous ? IMAGE : 0;
	expect_all(p);
	ck_assert_uint_eq(told.leaves, COUNT(sources));
	for (i = 0; i < COUNT(sources); i++)
		ck_assert_uint_eq(told.source[100 + i],
				  contiguous ? IMAGE + i * PAGE : sources[i]);
	down();
}
END_TEST

START_TEST(the_source_of_a_page_that_is_mapped_is_not_told)
{
	struct tdxc_populate p;

	up_told();
	ck_assert_int_eq(fault_on(BASE + 1, true), TDXC_FAULT_FIXED);
	p = range(BASE, 3, 1, true);
	p.like.source = IMAGE;
	expect_all(p);
	ck_assert_uint_eq(told.source[0], IMAGE);
	ck_assert_uint_eq(told.source[1], 0);
	ck_assert_uint_eq(told.source[2], IMAGE + 2 * PAGE);
	down();
}
END_TEST

START_TEST(a_fault_with_first_contents_tells_them)
{
	struct tdxc_fault fault;

	up_told();
	if (_i == 1) /* a leaf table is there */
		ck_assert_int_eq(fault_on(BASE + 1, true), TDXC_FAULT_FIXED);
	fault = mirror_case_fault(&c, BASE, true);
	fault.source = IMAGE;
	ck_assert_int_eq(mirror_case_do(&c, 0, &fault), TDXC_FAULT_FIXED);
	ck_assert_uint_eq(told.source[0], IMAGE);
	down();
}
END_TEST

static const struct {
	uint64_t source;
	uint32_t level;
	bool is_private;
} no_sources[] = {
	{IMAGE, TDXC_LEVEL_4K, false},	      {IMAGE, TDXC_LEVEL_2M, true},
	{IMAGE + 1, TDXC_LEVEL_4K, true},     {IMAGE + 0x800, 1, true},
	{1ull << 52, TDXC_LEVEL_4K, true},    {1ull << 63, 1, true},
	{IMAGE + 0x200, TDXC_LEVEL_2M, true},
};

START_TEST(contents_for_what_has_none_are_refused)
{
	const uint64_t source = no_sources[_i].source;
	const uint64_t sources[2] = {0, source};
	bool aligned = (source & ~TDXC_SPTE_PA_MASK) == 0;
	struct tdxc_fault fault;
	struct tdxc_populate p;
	uint64_t digest;

	up();
	ck_assert_int_eq(fault_on(BASE + 1, true), TDXC_FAULT_FIXED);
	ck_assert_int_eq(fault_on(BASE + 1, false), TDXC_FAULT_FIXED);
	digest = mirror_case_digest(&c);
	fault = mirror_case_fault(&c, BASE, no_sources[_i].is_private);
	fault.level = no_sources[_i].level;
	fault.source = source;
	ck_assert_int_eq(mirror_case_do(&c, 0, &fault), TDXC_E_INVAL);
	p = range(BASE + 2, 2, fault.level, fault.is_private);
	p.like.source = source;
	ck_assert_int_eq(call(&p), TDXC_E_INVAL);
	p = range(BASE + 2, 2, fault.level, fault.is_private);
	p.sources = sources;
	ck_assert_int_eq(call(&p), TDXC_E_INVAL);
	ck_assert_uint_eq(p.done,
			  fault.level == 1 && fault.is_private && !aligned);
	if (p.done == 0)
		ck_assert_uint_eq(mirror_case_digest(&c), digest);
	down();
}
END_TEST

/* ---- what the external tree has too little of ---- */

START_TEST(too_few_pages_of_the_external_tree_are_said)
{
	static const int errs[] = {TDXC_E_NOMEM, TDXC_E_OPNOTSUPP};
	const int err = errs[_i % 2];
	const uint64_t at = (uint64_t)(_i / 2 + 1); /* the fourth is a leaf */
	struct tdxc_populate p;
	uint32_t i;

	up();
	p = range(BASE, 8, 1, true);
	for (i = 0; i < 2; i++) {
		mirror_case_fail(&c, MIRROR_SET, i == 0 ? at : 1, err);
		/* With no table left in reserve it may have been that, so it is
		 * tried again. */
		c.inject[MIRROR_SET].times = 2;
		ck_assert_int_eq(finish(&p), err);
		mirror_case_calm(&c);
		ck_assert(!tdxc_mmu_is_poisoned(&c.mmu));
		ck_assert_ptr_null(mirror_case_audit(&c));
	}
	expect_all(p);
	down();
}
END_TEST

/* ---- suite ---- */

static TCase *contents_case(void)
{
	TCase *t = tcase_create("first contents");

	tcase_add_loop_test(t, an_image_is_told_page_by_page, 0, 2);
	tcase_add_test(t, the_source_of_a_page_that_is_mapped_is_not_told);
	tcase_add_loop_test(t, a_fault_with_first_contents_tells_them, 0, 2);
	tcase_add_loop_test(t, contents_for_what_has_none_are_refused, 0,
			    COUNT(no_sources));
	tcase_add_loop_test(t, too_few_pages_of_the_external_tree_are_said, 0,
			    12);
	return t;
}

static TCase *same_case(void)
{
	TCase *t = tcase_create("the same as faults");

	tcase_add_test(t, a_range_becomes_the_tree_that_faults_would_make);
	tcase_add_test(t, pages_need_not_be_contiguous);
	tcase_add_test(t, pages_are_mapped_as_the_model_fault_says);
	tcase_add_test(
		t, s002_10_private_pages_are_told_one_by_one_below_their_table);
	return t;
}

static TCase *large_pages_case(void)
{
	TCase *t = tcase_create("large pages");

	tcase_add_test(t, contiguous_aligned_frames_become_large_pages);
	tcase_add_test(t, pages_that_are_not_contiguous_stay_small);
	tcase_add_test(t, memory_that_is_not_aligned_stays_small);
	tcase_add_test(t, below_a_table_that_is_there_smaller_pages_are_mapped);
	return t;
}

static TCase *there_already_case(void)
{
	TCase *t = tcase_create("what is there already");

	tcase_add_test(
		t, pages_that_are_mapped_already_are_skipped_and_not_counted);
	tcase_add_test(
		t, h23_pages_are_added_once_however_often_they_are_populated);
	tcase_add_test(t,
		       a_large_page_that_is_there_covers_the_range_if_it_may);
	tcase_add_test(t, r37_another_page_ends_the_range_before_it);
	tcase_add_test(t, memory_takes_the_place_of_mmio);
	return t;
}

static TCase *stale_case(void)
{
	TCase *t = tcase_create("stale");

	tcase_add_test(t, r7_a_table_of_stale_pages_is_not_linked);
	tcase_add_test(t, r25_only_pages_of_the_range_are_asked_about);
	tcase_add_test(
		t, h20_no_large_page_over_a_range_of_which_half_is_converted);
	return t;
}

static TCase *stops_case(void)
{
	TCase *t = tcase_create("where it stops");

	tcase_add_test(
		t, r42_without_tables_in_reserve_it_says_so_or_goes_on_later);
	tcase_add_test(t, one_call_visits_a_bounded_number_of_entries);
	tcase_add_test(t, r2_a_frozen_entry_on_the_way_is_met_and_left);
	tcase_add_test(t, h19_a_root_invalidated_between_two_calls_is_noticed);
	tcase_add_test(t, an_empty_range_is_done);
	tcase_add_test(t, h13_a_range_that_makes_no_sense_changes_nothing);
	tcase_add_test(t, a_page_that_is_none_ends_the_range_before_its_table);
	tcase_add_test(t, a_write_that_is_not_allowed_maps_nothing);
	tcase_add_test(t, without_the_lock_nothing_happens);
	tcase_add_test(t,
		       s002_3_a_private_range_has_no_business_in_a_direct_root);
	return t;
}

static TCase *failing_case(void)
{
	TCase *t = tcase_create("every failure of every hook");

	tcase_add_test(t,
		       i_roll_every_failure_of_every_hook_leaves_whole_steps);
	tcase_add_test(t,
		       r5_a_fatal_error_ends_the_range_at_the_page_it_concerns);
	tcase_add_test(t, r5_nor_is_a_table_lost_without_a_word);
	return t;
}

static TCase *in_between_case(void)
{
	TCase *t = tcase_create("others in between");

	tcase_add_test(t,
		       r3_a_fault_below_a_table_that_is_being_linked_retries);
	tcase_add_test(
		t, h16_pages_of_a_table_that_was_not_linked_are_not_counted);
	return t;
}

static TCase *at_random_case(void)
{
	TCase *t = tcase_create("at random");

	tcase_add_test(t, random_ranges_map_their_frames_and_no_others);
	return t;
}

int main(void)
{
	Suite *suite = suite_create("mirror_populate");
	SRunner *runner;
	int failed;

	suite_add_tcase(suite, same_case());
	suite_add_tcase(suite, large_pages_case());
	suite_add_tcase(suite, there_already_case());
	suite_add_tcase(suite, stale_case());
	suite_add_tcase(suite, stops_case());
	suite_add_tcase(suite, failing_case());
	suite_add_tcase(suite, in_between_case());
	suite_add_tcase(suite, at_random_case());
	suite_add_tcase(suite, contents_case());
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
