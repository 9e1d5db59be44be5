/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Zaps: which slots they write, what they report, and what is left when the
 * external tree is busy or does not say.
 */
#include <tdxcore/err.h>

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "mirror/mirror_case.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define PAGE	     4096u
#define BASE	     (5ull << 18) /* frame */
#define MIB2	     512ull	  /* frames */
#define ROOM	     1024u
#define SHARED	     TDXC_MEMORY_SHARED
#define PRIVATE	     TDXC_MEMORY_PRIVATE

static struct mirror_case c;
static struct tdxc_zapped out[ROOM];

/* What external_remove() saw, and what it answers: by leaf, in order. */
static struct {
	void (*real)(void *ctx, struct tdxc_external_entry *leaves, size_t n,
		     enum tdxc_lock lock);
	int err[ROOM];
	bool applied; /* the page is removed all the same */
	size_t leaves;
	size_t batches;
	size_t size[ROOM];
	enum tdxc_lock lock;
} spy;

static void spy_remove(void *ctx, struct tdxc_external_entry *leaves, size_t n,
		       enum tdxc_lock lock)
{
	size_t i;

	spy.size[spy.batches++] = n;
	spy.lock = lock;
	for (i = 0; i < n; i++) {
		int err = spy.err[spy.leaves++];

		if (err == TDXC_OK || spy.applied)
			spy.real(ctx, &leaves[i], 1, lock);
		if (err != TDXC_OK)
			leaves[i].status = err;
	}
}

static void up(uint32_t levels, bool shared_only)
{
	struct mirror_shape shape = {levels, shared_only, true, 0};

	mirror_case_up(&c, &shape);
	memset(&spy, 0, sizeof(spy));
	spy.real = c.ops.external_remove;
	c.ops.external_remove = spy_remove;
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

static void map_both(uint64_t gfn, uint32_t level)
{
	map(gfn, false, level);
	if (c.mmu.config.td)
		map(gfn, true, level);
}

static struct tdxc_zap zap_of(uint64_t start, uint64_t end,
			      enum tdxc_zap_reason reason)
{
	struct tdxc_zap zap;

	memset(&zap, 0, sizeof(zap));
	zap.start.n = start;
	zap.end.n = end;
	zap.reason = reason;
	zap.out = out;
	zap.room = ROOM;
	return zap;
}

static int do_zap(struct tdxc_zap *zap, uint32_t cpu)
{
	int err = tdxc_mmu_zap(&c.mmu, &c.cpu[cpu], zap, TDXC_LOCK_SHARED);

	ck_assert_uint_eq(c.cpu[cpu].frozen, 0);
	ck_assert_uint_le(zap->nr_out, zap->room);
	return err;
}

/* ---- looking at tables ---- */

static struct tdxc_root *root_of(bool is_private)
{
	uint64_t valid = c.mmu.valid[is_private];

	return &c.mmu.roots[valid - 2];
}

/* The lowest slot that covers a frame. */
static uint64_t *slot_of(bool is_private, uint64_t gfn)
{
	const struct tdxc_tree *tree = &root_of(is_private)->tree;
	uint64_t n = gfn | tree->alias;
	uint32_t level = tree->levels;
	uint64_t *slot =
		tdxc_table_at(tree, tree->pa) + tdxc_table_index(n, level);

	for (;;) {
		struct tdxc_spte s = {*slot};

		if (!tdxc_spte_is_table(s))
			return slot;
		level--;
		slot = tdxc_table_at(tree, tdxc_spte_pa(s)) +
		       tdxc_table_index(n, level);
	}
}

static bool is_mapped(bool is_private, uint64_t gfn)
{
	struct tdxc_spte s = {*slot_of(is_private, gfn)};

	return tdxc_spte_is_present(s);
}

/* Memory of all tables, before an operation and after it. */
struct watch {
	uint64_t *before;
	const uint64_t *slots[16]; /* that may be written */
	uint32_t nr;
};

static bool may_write_page(const struct watch *w, const uint8_t *page)
{
	uint32_t i;

	for (i = 0; i < w->nr; i++) {
		const uint8_t *slot = (const uint8_t *)w->slots[i];

		if (slot >= page && slot < page + PAGE)
			return true;
	}
	return false;
}

static void protect(const struct watch *w, int how)
{
	uint32_t i;

	for (i = 0; i < MIRROR_CASE_TABLES; i++) {
		uint8_t *page = c.memory + (size_t)i * PAGE;

		if (!may_write_page(w, page))
			ck_assert_int_eq(mprotect(page, PAGE, how), 0);
	}
}

/* From now on a write to any table without one of the slots is a fault. */
static void watch_begin(struct watch *w)
{
	size_t bytes = (size_t)MIRROR_CASE_TABLES * PAGE;

	w->before = malloc(bytes);
	ck_assert_ptr_nonnull(w->before);
	memcpy(w->before, c.memory, bytes);
	protect(w, PROT_READ);
}

/* Exactly the slots were written, with empty entries. */
static void watch_end(struct watch *w)
{
	const uint64_t *now = (const uint64_t *)(const void *)c.memory;
	uint32_t written = 0;
	uint32_t table;
	uint32_t i;

	protect(w, PROT_READ | PROT_WRITE);
	for (table = 0; table < MIRROR_CASE_TABLES; table++) {
		size_t first = (size_t)table * TDXC_ENTRIES;

		if (c.table[table] == MIRROR_PAGE_FREE)
			continue;
		for (i = 0; i < TDXC_ENTRIES; i++)
			written += now[first + i] != w->before[first + i];
	}
	ck_assert_uint_eq(written, w->nr);
	for (i = 0; i < w->nr; i++)
		ck_assert_uint_eq(*w->slots[i], TDXC_SPTE_EMPTY_BITS);
	free(w->before);
}

/* ---- reasons ---- */

static const struct {
	enum tdxc_zap_reason reason;
	uint32_t memory; /* of a TD */
	int err;
} reasons[] = {
	{TDXC_ZAP_SLOT_DELETED, PRIVATE | SHARED, TDXC_OK},
	{TDXC_ZAP_NOTIFIER, SHARED, TDXC_OK},
	{TDXC_ZAP_TO_SHARED, PRIVATE, TDXC_OK},
	{TDXC_ZAP_TO_PRIVATE, SHARED, TDXC_OK},
	{TDXC_ZAP_BACKING_GONE, PRIVATE, TDXC_OK},
	{TDXC_ZAP_MTRR, 0, TDXC_E_OPNOTSUPP},
	{TDXC_ZAP_CR0_CD, 0, TDXC_E_OPNOTSUPP},
	{TDXC_ZAP_APICV, 0, TDXC_E_OPNOTSUPP},
	{TDXC_ZAP_DMA, 0, TDXC_OK},
};

START_TEST(s002_7_a_reason_says_which_memory_it_concerns)
{
	uint32_t i;

	ck_assert_uint_eq(COUNT(reasons), TDXC_ZAP_REASONS);
	for (i = 0; i < COUNT(reasons); i++) {
		uint32_t memory = 77;

		ck_assert_int_eq(
			tdxc_zap_memory(true, reasons[i].reason, &memory),
			reasons[i].err);
		ck_assert_uint_eq(memory, reasons[i].err == TDXC_OK
						  ? reasons[i].memory
						  : 77);
		ck_assert_int_eq(
			tdxc_zap_memory(false, reasons[i].reason, &memory),
			TDXC_OK);
		ck_assert_uint_eq(memory, SHARED);
	}
}
END_TEST

START_TEST(what_is_no_reason_is_refused)
{
	uint32_t memory = 77;

	ck_assert_int_eq(tdxc_zap_memory(true, TDXC_ZAP_REASONS, &memory),
			 TDXC_E_INVAL);
	ck_assert_int_eq(
		tdxc_zap_memory(false, (enum tdxc_zap_reason) - 1, &memory),
		TDXC_E_INVAL);
	ck_assert_uint_eq(memory, 77);
}
END_TEST

/* Pages of both sizes in both halves: some in the range, some outside. */
static const struct {
	uint64_t frame;
	uint32_t level;
	bool zapped;
} pages[] = {
	{0, 1, false},	      {1, 1, true},	    {2, 1, true},
	{3, 1, true},	      {MIB2 + 88, 1, true}, {2 * MIB2, 2, true},
	{3 * MIB2, 2, false},
};

static void watch_reason(struct watch *w, uint32_t memory)
{
	uint32_t i;

	w->nr = 0;
	for (i = 0; i < COUNT(pages); i++) {
		if (pages[i].zapped && (memory & SHARED) != 0)
			w->slots[w->nr++] =
				slot_of(false, BASE + pages[i].frame);
		if (pages[i].zapped && (memory & PRIVATE) != 0)
			w->slots[w->nr++] =
				slot_of(true, BASE + pages[i].frame);
	}
}

static void zap_for_a_reason(enum tdxc_zap_reason reason, int err)
{
	struct tdxc_zap zap = zap_of(BASE + 1, BASE + 3 * MIB2, reason);
	struct watch w;
	uint32_t memory = 0;
	uint32_t i;

	for (i = 0; i < COUNT(pages); i++)
		map_both(BASE + pages[i].frame, pages[i].level);
	if (err == TDXC_OK)
		ck_assert_int_eq(
			tdxc_zap_memory(c.mmu.config.td, reason, &memory),
			TDXC_OK);
	watch_reason(&w, memory);
	watch_begin(&w);
	ck_assert_int_eq(do_zap(&zap, 1), err);
	watch_end(&w);
	ck_assert_uint_eq(zap.nr_out, w.nr);
	ck_assert_int_eq(zap.flush, (memory & SHARED) != 0);
	for (i = 0; i < zap.nr_out; i++) {
		ck_assert_uint_ne(memory & (uint32_t)out[i].memory, 0);
		ck_assert_int_eq(out[i].status, TDXC_OK);
	}
}

START_TEST(s002_7_each_reason_writes_the_slots_of_its_halves_only)
{
	const uint32_t levels = _i % 2 == 0 ? 4 : 5;
	uint32_t i;

	for (i = 0; i < COUNT(reasons); i++) {
		bool td = _i < 2;

		up(levels, !td);
		zap_for_a_reason(reasons[i].reason,
				 td ? reasons[i].err : TDXC_OK);
		down();
	}
}
END_TEST

START_TEST(s002_8_reasons_that_tdx_does_not_know_are_refused)
{
	static const enum tdxc_zap_reason refused[] = {
		TDXC_ZAP_MTRR, TDXC_ZAP_CR0_CD, TDXC_ZAP_APICV};
	struct tdxc_zap zap;
	uint64_t digest;
	uint32_t i;

	up(4, false);
	map_both(BASE, 1);
	digest = mirror_case_digest(&c);
	for (i = 0; i < COUNT(refused); i++) {
		zap = zap_of(0, c.mmu.config.end, refused[i]);
		ck_assert_int_eq(do_zap(&zap, 0), TDXC_E_OPNOTSUPP);
		ck_assert_uint_eq(zap.nr_out, 0);
	}
	/* Guest PAT is honoured for shared memory, so nothing has to go. */
	zap = zap_of(0, c.mmu.config.end, TDXC_ZAP_DMA);
	ck_assert_int_eq(do_zap(&zap, 0), TDXC_OK);
	ck_assert_uint_eq(zap.nr_out, 0);
	ck_assert_uint_eq(mirror_case_digest(&c), digest);
	down();
}
END_TEST

START_TEST(r30_a_notifier_unmap_leaves_the_private_twin)
{
	struct tdxc_zap zap = zap_of(BASE, BASE + 1, TDXC_ZAP_NOTIFIER);

	up(4, false);
	map_both(BASE, 1);
	ck_assert_int_eq(do_zap(&zap, 0), TDXC_OK);
	ck_assert(!is_mapped(false, BASE));
	ck_assert(is_mapped(true, BASE));
	ck_assert(
		mirror_case_is_lent(&c, MIRROR_CASE_PRIVATE_PA + BASE * PAGE));
	ck_assert_uint_eq(spy.batches, 0);
	down();
}
END_TEST

START_TEST(r31_a_conversion_to_shared_leaves_the_direct_twin)
{
	struct tdxc_zap zap = zap_of(BASE, BASE + 1, TDXC_ZAP_TO_SHARED);

	up(4, false);
	map_both(BASE, 1);
	ck_assert_int_eq(do_zap(&zap, 0), TDXC_OK);
	ck_assert(is_mapped(false, BASE));
	ck_assert(!is_mapped(true, BASE));
	ck_assert(
		!mirror_case_is_lent(&c, MIRROR_CASE_PRIVATE_PA + BASE * PAGE));
	ck_assert(!zap.flush);
	down();
}
END_TEST

/* ---- ranges ---- */

START_TEST(h13_a_range_that_reaches_into_the_alias_half_is_refused)
{
	uint64_t alias = tdxc_alias_bit(4);
	const uint64_t ranges[][2] = {
		{alias - 1, alias + 1}, {alias, alias + 1}, {0, UINT64_MAX}};
	struct tdxc_zap zap;
	uint32_t i;

	up(4, false);
	map_both(alias - 1, 1);
	for (i = 0; i < COUNT(ranges); i++) {
		zap = zap_of(ranges[i][0], ranges[i][1], TDXC_ZAP_SLOT_DELETED);
		ck_assert_int_eq(do_zap(&zap, 0), TDXC_E_INVAL);
		ck_assert_uint_eq(zap.nr_out, 0);
	}
	zap = zap_of(alias - 1, alias, TDXC_ZAP_SLOT_DELETED);
	ck_assert_int_eq(do_zap(&zap, 0), TDXC_OK);
	ck_assert_uint_eq(zap.nr_out, 2);
	down();
}
END_TEST

START_TEST(empty_ranges_are_nothing_to_do)
{
	const uint64_t ranges[][2] = {
		{BASE, BASE}, {BASE + 1, BASE}, {tdxc_alias_bit(4) + 1, BASE}};
	uint32_t i;

	up(4, false);
	map_both(BASE, 1);
	for (i = 0; i < COUNT(ranges); i++) {
		struct tdxc_zap zap = zap_of(ranges[i][0], ranges[i][1],
					     TDXC_ZAP_SLOT_DELETED);

		ck_assert_int_eq(do_zap(&zap, 0), TDXC_OK);
		ck_assert_uint_eq(zap.nr_out, 0);
	}
	down();
}
END_TEST

START_TEST(no_room_and_no_lock_are_refused)
{
	struct tdxc_zap zap = zap_of(BASE, BASE + 1, TDXC_ZAP_SLOT_DELETED);
	uint64_t digest;

	up(4, false);
	map_both(BASE, 1);
	digest = mirror_case_digest(&c);
	zap.room = 0;
	ck_assert_int_eq(do_zap(&zap, 0), TDXC_E_INVAL);
	zap.room = ROOM;
	c.shared_held = false;
	ck_assert_int_eq(do_zap(&zap, 0), TDXC_E_INVAL);
	c.shared_held = true;
	ck_assert_int_eq(
		tdxc_mmu_zap(&c.mmu, &c.cpu[0], &zap, TDXC_LOCK_EXCLUSIVE),
		TDXC_E_INVAL);
	ck_assert_uint_eq(mirror_case_digest(&c), digest);
	ck_assert_int_eq(do_zap(&zap, 0), TDXC_OK);
	ck_assert_uint_eq(zap.nr_out, 2);
	down();
}
END_TEST

START_TEST(where_there_is_no_root_nothing_is_mapped)
{
	struct tdxc_zap zap = zap_of(0, BASE, TDXC_ZAP_SLOT_DELETED);

	up(5, false);
	ck_assert_int_eq(do_zap(&zap, 0), TDXC_OK);
	ck_assert_uint_eq(zap.nr_out, 0);
	down();
}
END_TEST

START_TEST(a_large_page_half_in_the_range_goes_whole_where_it_is_shared)
{
	const uint64_t ranges[][2] = {{BASE + 5, BASE + 6},
				      {BASE + 5, BASE + 2 * MIB2},
				      {BASE - 7, BASE + 5}};
	uint32_t i;

	up(4, false);
	for (i = 0; i < COUNT(ranges); i++) {
		struct tdxc_zap zap =
			zap_of(ranges[i][0], ranges[i][1], TDXC_ZAP_NOTIFIER);

		map(BASE, false, TDXC_LEVEL_2M);
		ck_assert_int_eq(do_zap(&zap, 0), TDXC_OK);
		ck_assert_uint_eq(zap.nr_out, 1);
		ck_assert_uint_eq(out[0].gfn.n, BASE);
		ck_assert_uint_eq(out[0].level, TDXC_LEVEL_2M);
		ck_assert(!is_mapped(false, BASE + 511));
		expect_whole();
	}
	down();
}
END_TEST

/* Splitting it is another operation, which may fail. */
START_TEST(h14_a_large_private_page_half_in_the_range_stays_mapped_in_both)
{
	const uint64_t ranges[][2] = {{BASE + 5, BASE + 6},
				      {BASE + 5, BASE + 2 * MIB2},
				      {BASE - 7, BASE + 5}};
	uint32_t i;

	up(4, false);
	map(BASE - 3, true, TDXC_LEVEL_4K);
	map(BASE, true, TDXC_LEVEL_2M);
	for (i = 0; i < COUNT(ranges); i++) {
		struct tdxc_zap zap =
			zap_of(ranges[i][0], ranges[i][1], TDXC_ZAP_TO_SHARED);

		ck_assert_int_eq(do_zap(&zap, 0), TDXC_E_EXIST);
		ck_assert_uint_eq(zap.nr_out, i == 2 ? 1 : 0);
		ck_assert(is_mapped(true, BASE));
		ck_assert(!tdxc_mmu_is_poisoned(&c.mmu));
		expect_whole();
		ck_assert_int_eq(do_zap(&zap, 0), TDXC_E_EXIST);
	}
	down();
}
END_TEST

START_TEST(invalid_roots_are_zapped_too)
{
	struct tdxc_zap zap = zap_of(BASE, BASE + 1, TDXC_ZAP_NOTIFIER);

	up(4, false);
	map_both(BASE, 1);
	c.exclusive_held = true;
	ck_assert_int_eq(tdxc_roots_invalidate(&c.mmu, TDXC_ROOTS_DIRECT,
					       TDXC_LOCK_EXCLUSIVE),
			 TDXC_OK);
	c.exclusive_held = false;
	map(BASE, false, 1);
	ck_assert_int_eq(do_zap(&zap, 0), TDXC_OK);
	ck_assert_uint_eq(zap.nr_out, 2);
	ck_assert(is_mapped(true, BASE));
	down();
}
END_TEST

START_TEST(mmio_entries_stay)
{
	struct tdxc_zap zap = zap_of(BASE, BASE + 1, TDXC_ZAP_SLOT_DELETED);
	struct tdxc_fault fault;
	uint64_t entry;

	up(4, false);
	fault = mirror_case_fault(&c, BASE, false);
	fault.mmio = true;
	ck_assert_int_eq(mirror_case_do(&c, 0, &fault), TDXC_FAULT_EMULATE);
	entry = *slot_of(false, BASE);
	ck_assert_int_eq(do_zap(&zap, 0), TDXC_OK);
	ck_assert_uint_eq(zap.nr_out, 0);
	ck_assert(!zap.flush);
	ck_assert_uint_eq(*slot_of(false, BASE), entry);
	down();
}
END_TEST

/* ---- what is reported ---- */

START_TEST(accessed_and_dirty_are_reported_as_they_were_last)
{
	static const uint64_t bits[] = {0, TDXC_SPTE_A, TDXC_SPTE_D,
					TDXC_SPTE_A | TDXC_SPTE_D};
	struct tdxc_zap zap = zap_of(BASE, BASE + 4 * MIB2, TDXC_ZAP_NOTIFIER);
	uint64_t expected[7];
	uint32_t i;

	up(4, false);
	for (i = 0; i < COUNT(expected); i++) {
		uint64_t gfn = BASE + (i < 4 ? i : (i - 3) * MIB2);
		uint64_t *slot;

		map(gfn, false, i < 4 ? 1 : 2);
		slot = slot_of(false, gfn);
		*slot = (*slot & ~(TDXC_SPTE_A | TDXC_SPTE_D)) | bits[i % 4];
		expected[i] = *slot;
	}
	ck_assert_int_eq(do_zap(&zap, 0), TDXC_OK);
	ck_assert_uint_eq(zap.nr_out, COUNT(expected));
	for (i = 0; i < COUNT(expected); i++)
		ck_assert_uint_eq(out[i].old.bits, expected[i]);
	down();
}
END_TEST

/* Zapping is not transparent: the guest must accept the memory again. */
START_TEST(s002_5_a_private_page_that_was_zapped_is_lent_anew)
{
	struct tdxc_zap zap = zap_of(BASE, BASE + 1, TDXC_ZAP_BACKING_GONE);

	up(4, false);
	c.finalised = true;
	map(BASE, true, 1);
	ck_assert_uint_eq(c.augs, 1);
	ck_assert_int_eq(do_zap(&zap, 0), TDXC_OK);
	ck_assert_uint_eq(zap.nr_out, 1);
	ck_assert_uint_eq(
		out[0].old.bits,
		tdxc_spte_private(MIRROR_CASE_PRIVATE_PA + BASE * PAGE, 1)
			.bits);
	map(BASE, true, 1);
	ck_assert_uint_eq(c.augs, 2);
	down();
}
END_TEST

/* Call again until it is done; count pages by frame. Every call takes out
 * something, or goes on. */
static uint32_t zap_all(struct tdxc_zap *zap, uint32_t *seen, int expected)
{
	uint32_t calls = 0;
	int err;

	do {
		uint64_t before = zap->cursor;
		size_t i;

		err = do_zap(zap, 0);
		for (i = 0; i < zap->nr_out; i++)
			seen[out[i].gfn.n - BASE] += out[i].status == TDXC_OK;
		ck_assert(err == TDXC_OK || err == TDXC_E_AGAIN ||
			  err == expected);
		ck_assert(err != TDXC_E_AGAIN || zap->nr_out > 0 ||
			  zap->cursor > before);
		expect_whole();
		ck_assert_uint_lt(++calls, 2000);
	} while (err != TDXC_OK);
	return calls;
}

START_TEST(h22_every_page_is_reported_once_whatever_the_room)
{
	static const size_t rooms[] = {1, 3, 63, 64, 65, 200};
	static uint32_t seen[ROOM];
	uint32_t i;
	uint32_t r;

	for (r = 0; r < COUNT(rooms); r++) {
		struct tdxc_zap zap =
			zap_of(BASE, BASE + 2 * MIB2, TDXC_ZAP_SLOT_DELETED);

		up(4, false);
		for (i = 0; i < 150; i++)
			map_both(BASE + i * 5, 1);
		memset(seen, 0, sizeof(seen));
		zap.room = rooms[r];
		zap_all(&zap, seen, TDXC_OK);
		for (i = 0; i < ROOM; i++)
			ck_assert_uint_eq(seen[i],
					  i % 5 == 0 && i < 750 ? 2 : 0);
		ck_assert_uint_eq(spy.leaves, 150);
		down();
	}
}
END_TEST

START_TEST(r16_a_long_zap_goes_on_with_every_call)
{
	struct tdxc_zap zap;
	uint64_t cursor = 0;
	size_t pages_out = 0;
	uint32_t calls = 0;
	uint64_t i;
	int err;

	up(4, false);
	for (i = 0; i < 300; i++)
		map(BASE + i * MIB2, false, 1);
	zap = zap_of(BASE, BASE + 300 * MIB2, TDXC_ZAP_NOTIFIER);
	do {
		err = do_zap(&zap, 0);
		pages_out += zap.nr_out;
		calls++;
		ck_assert(err == TDXC_OK || zap.cursor > cursor);
		cursor = zap.cursor;
	} while (err == TDXC_E_AGAIN);
	ck_assert_int_eq(err, TDXC_OK);
	ck_assert_uint_eq(pages_out, 300);
	ck_assert_uint_ge(calls, 2);
	ck_assert_uint_le(calls, 4);
	down();
}
END_TEST

START_TEST(a_zap_that_is_done_can_be_used_again)
{
	struct tdxc_zap zap = zap_of(BASE, BASE + 1, TDXC_ZAP_SLOT_DELETED);
	uint32_t i;

	up(4, false);
	for (i = 0; i < 3; i++) {
		map_both(BASE, 1);
		ck_assert_int_eq(do_zap(&zap, 0), TDXC_OK);
		ck_assert_uint_eq(zap.nr_out, 2);
	}
	down();
}
END_TEST

START_TEST(r17_behind_a_zap_only_the_invalidation_keeps_pages_out)
{
	struct tdxc_zap zap = zap_of(BASE, BASE + 2, TDXC_ZAP_NOTIFIER);
	struct tdxc_fault old;
	struct tdxc_fault young;

	up(4, false);
	map(BASE, false, 1);
	map(BASE + 1, false, 1);
	old = mirror_case_fault(&c, BASE, false);
	mirror_case_invalidate(&c, BASE, BASE + 2);
	young = mirror_case_fault(&c, BASE, false);
	zap.room = 1;
	ck_assert_int_eq(do_zap(&zap, 0), TDXC_E_AGAIN);
	ck_assert_int_eq(mirror_case_do(&c, 1, &old), TDXC_FAULT_RETRY);
	ck_assert_int_eq(mirror_case_do(&c, 1, &young), TDXC_FAULT_FIXED);
	ck_assert_int_eq(do_zap(&zap, 0), TDXC_OK);
	ck_assert_uint_eq(zap.nr_out, 1);
	ck_assert(is_mapped(false, BASE));
	down();
}
END_TEST

/* ---- the external tree ---- */

START_TEST(private_pages_leave_in_batches)
{
	struct tdxc_zap zap =
		zap_of(BASE, BASE + 200 * MIB2, TDXC_ZAP_TO_SHARED);
	uint32_t i;

	up(4, false);
	for (i = 0; i < 140; i++)
		map(BASE + i * 64, true, 1);
	for (i = 20; i < 30; i++)
		map(BASE + i * MIB2, true, 2);
	ck_assert_int_eq(do_zap(&zap, 0), TDXC_OK);
	ck_assert_uint_eq(zap.nr_out, 150);
	ck_assert_uint_eq(spy.batches, 3);
	ck_assert_uint_eq(spy.size[0], MIRROR_CASE_BATCH);
	ck_assert_uint_eq(spy.size[1], MIRROR_CASE_BATCH);
	ck_assert_uint_eq(spy.size[2], 150 - 2 * MIRROR_CASE_BATCH);
	for (i = 1; i < 150; i++)
		ck_assert_uint_lt(out[i - 1].gfn.n, out[i].gfn.n);
	down();
}
END_TEST

START_TEST(h18_the_hook_is_told_how_the_lock_is_held)
{
	static const enum tdxc_lock locks[] = {TDXC_LOCK_SHARED,
					       TDXC_LOCK_EXCLUSIVE};
	uint32_t i;

	up(4, false);
	for (i = 0; i < COUNT(locks); i++) {
		struct tdxc_zap zap =
			zap_of(BASE, BASE + 1, TDXC_ZAP_SLOT_DELETED);

		map_both(BASE, 1);
		c.exclusive_held = locks[i] == TDXC_LOCK_EXCLUSIVE;
		ck_assert_int_eq(
			tdxc_mmu_zap(&c.mmu, &c.cpu[0], &zap, locks[i]),
			TDXC_OK);
		c.exclusive_held = false;
		ck_assert_uint_eq(zap.nr_out, 2);
		ck_assert_int_eq(spy.lock, locks[i]);
	}
	down();
}
END_TEST

#define MANY 70u /* more than a batch */

static void map_many(void)
{
	uint32_t i;

	for (i = 0; i < MANY; i++)
		map(BASE + i, true, 1);
}

/* Guest ACCEPT holds the entry's lock (R8), or the module is busy otherwise. */
START_TEST(r8_a_busy_page_is_put_back_and_the_next_call_takes_it)
{
	static uint32_t seen[ROOM];
	uint32_t busy;
	uint32_t i;

	for (busy = 0; busy < MANY; busy++) {
		struct tdxc_zap zap =
			zap_of(BASE, BASE + MIB2, TDXC_ZAP_TO_SHARED);
		uint64_t entry;

		up(4, false);
		map_many();
		entry = *slot_of(true, BASE + busy);
		spy.err[busy] = TDXC_E_BUSY;
		ck_assert_int_eq(do_zap(&zap, 0), TDXC_E_BUSY);
		expect_whole();
		ck_assert_uint_eq(*slot_of(true, BASE + busy), entry);
		ck_assert_uint_eq(zap.nr_out,
				  busy < MIRROR_CASE_BATCH ? 63 : MANY - 1);
		ck_assert_uint_eq(c.cpu[0].counts.busy, 1);
		memset(seen, 0, sizeof(seen));
		for (i = 0; i < zap.nr_out; i++)
			seen[out[i].gfn.n - BASE]++;
		ck_assert_uint_eq(seen[busy], 0);
		zap_all(&zap, seen, TDXC_OK);
		for (i = 0; i < MANY; i++)
			ck_assert_uint_eq(seen[i], 1);
		down();
	}
}
END_TEST

START_TEST(a_module_busy_for_ever_is_reported_each_time)
{
	struct tdxc_zap zap = zap_of(BASE, BASE + 2, TDXC_ZAP_TO_SHARED);
	uint32_t i;

	up(4, false);
	map(BASE, true, 1);
	map(BASE + 1, true, 1);
	for (i = 0; i < 20; i++) {
		spy.err[2 * i] = TDXC_E_BUSY;
		spy.err[2 * i + 1] = TDXC_E_BUSY;
		ck_assert_int_eq(do_zap(&zap, 0), TDXC_E_BUSY);
		ck_assert_uint_eq(zap.nr_out, 0);
		expect_whole();
	}
	down();
}
END_TEST

static void expect_poison(uint64_t gfn, int err)
{
	const struct tdxc_mmu_poison *p = &c.mmu.poison;

	ck_assert(tdxc_mmu_is_poisoned(&c.mmu));
	ck_assert_uint_eq(p->gfn.n, gfn);
	ck_assert_uint_eq(p->level, 1);
	ck_assert_int_eq(p->err, err);
	ck_assert_uint_eq(tdxc_spte_pa(p->old),
			  MIRROR_CASE_PRIVATE_PA + gfn * PAGE);
	ck_assert_uint_eq(p->now.bits, TDXC_SPTE_EMPTY_BITS);
}

static void unknown_outcome(uint32_t which, bool applied)
{
	struct tdxc_zap zap = zap_of(BASE, BASE + MIB2, TDXC_ZAP_TO_SHARED);
	struct tdxc_fault fault;
	uint32_t bad = 0;
	size_t good = 0;
	uint32_t i;
	int err;

	map_many();
	spy.err[which] = TDXC_E_IO;
	spy.applied = applied;
	do {
		err = do_zap(&zap, 0);
		for (i = 0; i < zap.nr_out; i++) {
			good += out[i].status == TDXC_OK;
			if (out[i].status == TDXC_OK)
				continue;
			bad++;
			ck_assert_int_eq(err, TDXC_E_IO);
			ck_assert_uint_eq(out[i].gfn.n, BASE + which);
		}
		expect_whole();
	} while (err == TDXC_E_IO);
	ck_assert_int_eq(err, TDXC_OK);
	ck_assert_uint_eq(bad, 1);
	ck_assert_uint_eq(good, MANY - 1);
	expect_poison(BASE + which, TDXC_E_IO);
	ck_assert(is_mapped(true, BASE + which));
	ck_assert_uint_eq(mirror_case_counts(&c).pages[1][1], 1);
	fault = mirror_case_fault(&c, BASE + which, true);
	ck_assert_int_eq(mirror_case_do(&c, 0, &fault), TDXC_FAULT_POISONED);
}

/* It may be there or not: it stays in the mirror, and nobody gets it. */
START_TEST(r41_a_page_of_unknown_fate_is_quarantined)
{
	uint32_t which;

	for (which = 0; which < MANY; which++) {
		up(4, false);
		unknown_outcome(which, which % 2 == 1);
		down();
	}
}
END_TEST

START_TEST(r39_a_leaf_that_the_hook_refuses_is_quarantined)
{
	struct tdxc_zap zap = zap_of(BASE, BASE + 1, TDXC_ZAP_BACKING_GONE);

	up(4, false);
	map(BASE, true, 1);
	spy.err[0] = TDXC_E_OPNOTSUPP; /* the KeyID was given back */
	ck_assert_int_eq(do_zap(&zap, 0), TDXC_E_IO);
	ck_assert_uint_eq(zap.nr_out, 1);
	ck_assert_int_eq(out[0].status, TDXC_E_OPNOTSUPP);
	ck_assert(
		mirror_case_is_lent(&c, MIRROR_CASE_PRIVATE_PA + BASE * PAGE));
	expect_poison(BASE, TDXC_E_OPNOTSUPP);
	down();
}
END_TEST

START_TEST(a_page_of_unknown_fate_comes_back_when_a_later_zap_succeeds)
{
	struct tdxc_zap zap = zap_of(BASE, BASE + 1, TDXC_ZAP_TO_SHARED);

	up(4, false);
	map(BASE, true, 1);
	spy.err[0] = TDXC_E_IO;
	ck_assert_int_eq(do_zap(&zap, 0), TDXC_E_IO);
	ck_assert_int_eq(do_zap(&zap, 0), TDXC_OK);
	ck_assert_uint_eq(zap.nr_out, 0);
	ck_assert_int_eq(do_zap(&zap, 0), TDXC_OK);
	ck_assert_uint_eq(zap.nr_out, 1);
	ck_assert_int_eq(out[0].status, TDXC_OK);
	ck_assert(!is_mapped(true, BASE));
	ck_assert(tdxc_mmu_is_poisoned(&c.mmu));
	down();
}
END_TEST

START_TEST(unknown_comes_before_busy_and_both_are_told_apart)
{
	struct tdxc_zap zap = zap_of(BASE, BASE + 4, TDXC_ZAP_TO_SHARED);
	uint32_t i;

	up(4, false);
	for (i = 0; i < 4; i++)
		map(BASE + i, true, 1);
	spy.err[1] = TDXC_E_BUSY;
	spy.err[2] = TDXC_E_IO;
	ck_assert_int_eq(do_zap(&zap, 0), TDXC_E_IO);
	ck_assert_uint_eq(zap.nr_out, 3);
	ck_assert_int_eq(out[0].status, TDXC_OK);
	ck_assert_uint_eq(out[1].gfn.n, BASE + 2);
	ck_assert_int_eq(out[1].status, TDXC_E_IO);
	ck_assert_int_eq(out[2].status, TDXC_OK);
	expect_whole();
	/* It goes on at the busy one, and meets the other once more. */
	ck_assert_int_eq(do_zap(&zap, 0), TDXC_OK);
	ck_assert_uint_eq(zap.nr_out, 2);
	ck_assert_uint_eq(out[0].gfn.n, BASE + 1);
	ck_assert_uint_eq(out[1].gfn.n, BASE + 2);
	down();
}
END_TEST

START_TEST(h2_a_failed_removal_keeps_no_reference)
{
	static const int errors[] = {TDXC_E_BUSY, TDXC_E_IO};
	uint32_t i;

	for (i = 0; i < COUNT(errors); i++) {
		struct tdxc_zap zap =
			zap_of(BASE, BASE + 1, TDXC_ZAP_TO_SHARED);

		up(4, false);
		map(BASE, true, 1);
		spy.err[0] = errors[i];
		ck_assert_int_eq(do_zap(&zap, 0), errors[i]);
		ck_assert_uint_eq(root_of(true)->refs, 1);
		expect_whole();
		/* After the retry nothing refers to the page. */
		zap = zap_of(BASE, BASE + 1, TDXC_ZAP_TO_SHARED);
		ck_assert_int_eq(do_zap(&zap, 0), TDXC_OK);
		ck_assert_uint_eq(zap.nr_out, 1);
		ck_assert(!mirror_case_is_lent(&c, MIRROR_CASE_PRIVATE_PA +
							   BASE * PAGE));
		ck_assert_uint_eq(root_of(true)->refs, 1);
		down();
	}
}
END_TEST

/* I-ROLL: what a call that fails did not report is as it was. */
START_TEST(h16_pages_are_counted_when_they_are_out)
{
	struct tdxc_zap zap = zap_of(BASE, BASE + 3, TDXC_ZAP_TO_SHARED);
	uint64_t digest;
	uint32_t i;

	up(4, false);
	for (i = 0; i < 3; i++)
		map(BASE + i, true, 1);
	digest = mirror_case_digest(&c);
	for (i = 0; i < 3; i++)
		spy.err[i] = TDXC_E_BUSY;
	ck_assert_int_eq(do_zap(&zap, 0), TDXC_E_BUSY);
	ck_assert_uint_eq(mirror_case_digest(&c), digest);
	spy.err[3] = TDXC_E_BUSY;
	ck_assert_int_eq(do_zap(&zap, 0), TDXC_E_BUSY);
	ck_assert_uint_eq(mirror_case_counts(&c).pages[1][1], 1);
	down();
}
END_TEST

/* ---- others in between ---- */

struct meeting {
	struct tdxc_zap zap;
	uint64_t gfn;
	int err;
};

static void zap_inside(void *arg)
{
	struct meeting *m = arg;

	m->err = do_zap(&m->zap, 1);
	ck_assert_uint_eq(m->zap.nr_out, 0);
	ck_assert_uint_eq(c.cpu[1].counts.frozen_met, 1);
}

/* The owner may be about to map a page: the zap waits, and takes it once. */
START_TEST(r20_a_frozen_entry_is_waited_for_and_taken_once)
{
	const bool is_private = _i != 0;
	struct meeting m;
	struct tdxc_fault fault;

	up(4, false);
	memset(&m, 0, sizeof(m));
	m.zap = zap_of(BASE, BASE + 1, TDXC_ZAP_SLOT_DELETED);
	map_both(BASE + 1, 1);
	mirror_case_run(&c, MIRROR_STALE, 1, zap_inside, &m);
	fault = mirror_case_fault(&c, BASE, is_private);
	ck_assert_int_eq(mirror_case_do(&c, 0, &fault), TDXC_FAULT_FIXED);
	ck_assert_int_eq(m.err, TDXC_E_AGAIN);
	ck_assert_int_eq(do_zap(&m.zap, 1), TDXC_OK);
	ck_assert_uint_eq(m.zap.nr_out, 1);
	ck_assert_uint_eq(out[0].gfn.n, BASE);
	down();
}
END_TEST

static void zap_all_inside(void *arg)
{
	struct meeting *m = arg;

	m->err = do_zap(&m->zap, 1);
	ck_assert_uint_eq(m->zap.nr_out, 3);
}

/* What the zap owns itself is settled before it waits. */
START_TEST(a_zap_that_waits_owns_nothing)
{
	struct meeting m;
	struct tdxc_fault fault;
	uint32_t i;

	up(4, false);
	memset(&m, 0, sizeof(m));
	m.zap = zap_of(BASE, BASE + 6, TDXC_ZAP_TO_SHARED);
	for (i = 0; i < 6; i++)
		if (i != 3)
			map(BASE + i, true, 1);
	mirror_case_run(&c, MIRROR_SET, 1, zap_all_inside, &m);
	fault = mirror_case_fault(&c, BASE + 3, true);
	ck_assert_int_eq(mirror_case_do(&c, 0, &fault), TDXC_FAULT_FIXED);
	ck_assert_int_eq(m.err, TDXC_E_AGAIN);
	ck_assert_int_eq(do_zap(&m.zap, 1), TDXC_OK);
	ck_assert_uint_eq(m.zap.nr_out, 3);
	down();
}
END_TEST

static void look_at_references(void *arg)
{
	ck_assert_uint_eq(root_of(true)->refs, 2);
	*(bool *)arg = true;
}

START_TEST(a_root_that_is_walked_is_referred_to)
{
	struct tdxc_zap zap = zap_of(BASE, BASE + 1, TDXC_ZAP_TO_SHARED);
	bool looked = false;

	up(4, false);
	map(BASE, true, 1);
	mirror_case_run(&c, MIRROR_REMOVE, 1, look_at_references, &looked);
	ck_assert_int_eq(do_zap(&zap, 0), TDXC_OK);
	ck_assert(looked);
	ck_assert_uint_eq(root_of(true)->refs, 1);
	down();
}
END_TEST

static void fault_inside(void *arg)
{
	struct meeting *m = arg;
	struct tdxc_fault fault = mirror_case_fault(&c, m->gfn, true);

	fault.sequence--;
	m->err = mirror_case_do(&c, 1, &fault);
}

static void populate_inside(void *arg)
{
	struct meeting *m = arg;
	struct tdxc_populate p;

	memset(&p, 0, sizeof(p));
	p.like = mirror_case_fault(&c, m->gfn, true);
	p.like.sequence--;
	p.start.n = m->gfn;
	p.frames = 1;
	m->err = tdxc_mmu_populate(&c.mmu, root_of(true), &c.cpu[1], &p,
				   TDXC_LOCK_SHARED);
	ck_assert_uint_eq(p.done, 0);
}

static void meet_a_deletion(uint64_t gfn, void (*run)(void *arg), int expected)
{
	struct tdxc_zap zap = zap_of(BASE, BASE + MIB2, TDXC_ZAP_SLOT_DELETED);
	struct meeting m;

	up(4, false);
	memset(&m, 0, sizeof(m));
	map(BASE, true, 1);
	ck_assert_int_eq(tdxc_mmu_topup(&c.mmu, &c.cpu[1], PRIVATE), TDXC_OK);
	mirror_case_invalidate(&c, BASE, BASE + MIB2);
	m.gfn = gfn;
	mirror_case_run(&c, MIRROR_REMOVE, 1, run, &m);
	ck_assert_int_eq(do_zap(&zap, 0), TDXC_OK);
	ck_assert_int_eq(m.err, expected);
	ck_assert_uint_eq(zap.nr_out, 1);
	ck_assert(!is_mapped(true, gfn));
	down();
}

START_TEST(h9_a_fault_on_a_slot_being_deleted_does_not_wait)
{
	meet_a_deletion(BASE, fault_inside, TDXC_FAULT_RETRY);
	meet_a_deletion(BASE + 1, fault_inside, TDXC_FAULT_RETRY);
}
END_TEST

START_TEST(h10_prefault_of_a_slot_being_deleted_returns_to_its_caller)
{
	meet_a_deletion(BASE, populate_inside, TDXC_E_AGAIN);
	meet_a_deletion(BASE + 1, populate_inside, TDXC_E_AGAIN);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("mirror_zap");
	TCase *reason = tcase_create("reasons");
	TCase *range = tcase_create("ranges");
	TCase *report = tcase_create("reports");
	TCase *external = tcase_create("external");
	TCase *meet = tcase_create("meetings");

	tcase_add_test(reason, s002_7_a_reason_says_which_memory_it_concerns);
	tcase_add_test(reason, what_is_no_reason_is_refused);
	tcase_add_loop_test(
		reason, s002_7_each_reason_writes_the_slots_of_its_halves_only,
		0, 4);
	tcase_add_test(reason,
		       s002_8_reasons_that_tdx_does_not_know_are_refused);
	tcase_add_test(reason, r30_a_notifier_unmap_leaves_the_private_twin);
	tcase_add_test(reason,
		       r31_a_conversion_to_shared_leaves_the_direct_twin);
	suite_add_tcase(s, reason);
	tcase_add_test(range,
		       h13_a_range_that_reaches_into_the_alias_half_is_refused);
	tcase_add_test(range, empty_ranges_are_nothing_to_do);
	tcase_add_test(range, no_room_and_no_lock_are_refused);
	tcase_add_test(range, where_there_is_no_root_nothing_is_mapped);
	tcase_add_test(
		range,
		a_large_page_half_in_the_range_goes_whole_where_it_is_shared);
	tcase_add_test(
		range,
		h14_a_large_private_page_half_in_the_range_stays_mapped_in_both);
	tcase_add_test(range, invalid_roots_are_zapped_too);
	tcase_add_test(range, mmio_entries_stay);
	suite_add_tcase(s, range);
	tcase_add_test(report,
		       accessed_and_dirty_are_reported_as_they_were_last);
	tcase_add_test(report,
		       s002_5_a_private_page_that_was_zapped_is_lent_anew);
	tcase_add_test(report,
		       h22_every_page_is_reported_once_whatever_the_room);
	tcase_add_test(report, r16_a_long_zap_goes_on_with_every_call);
	tcase_add_test(report, a_zap_that_is_done_can_be_used_again);
	tcase_add_test(report,
		       r17_behind_a_zap_only_the_invalidation_keeps_pages_out);
	suite_add_tcase(s, report);
	tcase_add_test(external, private_pages_leave_in_batches);
	tcase_add_test(external, h18_the_hook_is_told_how_the_lock_is_held);
	tcase_add_test(external,
		       r8_a_busy_page_is_put_back_and_the_next_call_takes_it);
	tcase_add_test(external, a_module_busy_for_ever_is_reported_each_time);
	tcase_add_test(external, r41_a_page_of_unknown_fate_is_quarantined);
	tcase_add_test(external,
		       r39_a_leaf_that_the_hook_refuses_is_quarantined);
	tcase_add_test(
		external,
		a_page_of_unknown_fate_comes_back_when_a_later_zap_succeeds);
	tcase_add_test(external,
		       unknown_comes_before_busy_and_both_are_told_apart);
	tcase_add_test(external, h2_a_failed_removal_keeps_no_reference);
	tcase_add_test(external, h16_pages_are_counted_when_they_are_out);
	suite_add_tcase(s, external);
	tcase_add_loop_test(
		meet, r20_a_frozen_entry_is_waited_for_and_taken_once, 0, 2);
	tcase_add_test(meet, a_zap_that_waits_owns_nothing);
	tcase_add_test(meet, a_root_that_is_walked_is_referred_to);
	tcase_add_test(meet, h9_a_fault_on_a_slot_being_deleted_does_not_wait);
	tcase_add_test(
		meet,
		h10_prefault_of_a_slot_being_deleted_returns_to_its_caller);
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
