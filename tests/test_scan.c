/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Scanning page tables made by hand: sizes, holes, edges of the address space,
 * bits that are no address, and tables that nobody should believe.
 * test_unshare_random.c has tables nobody made by hand.
 */
#include <tdxcore/err.h>
#include <tdxcore/scan.h>
#include <tdxcore/version.h>

#include "unshare/guest.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define GIB	     TDXC_SIZE_1G
#define SET	     TDXC_SHARED_IS_SET
#define CLEAR	     TDXC_SHARED_IS_CLEAR

static struct guest guest;
static struct tdxc_scan scan;
static struct tdxc_scan_leaf leaf;

static void start(uint32_t levels, uint32_t bit, uint32_t polarity)
{
	guest_free(&guest);
	guest_new(&guest, levels, bit, polarity);
}

static void teardown(void)
{
	guest_free(&guest);
}

static void begin(const struct tdxc_scan_config *c)
{
	ck_assert_int_eq(tdxc_scan_begin(&scan, c), TDXC_OK);
}

static void begin_all(void)
{
	struct tdxc_scan_config c = guest_scan(&guest);

	begin(&c);
}

static void begin_range(uint64_t from, uint64_t to)
{
	struct tdxc_scan_config c = guest_scan(&guest);

	c.start = from;
	c.end = to;
	begin(&c);
}

static void expect_leaf(uint64_t va, uint64_t pa, uint32_t level)
{
	ck_assert_int_eq(tdxc_scan_next_leaf(&scan, &leaf), TDXC_SCAN_LEAF);
	ck_assert_uint_eq(leaf.va, va);
	ck_assert_uint_eq(leaf.pa, pa);
	ck_assert_uint_eq(leaf.level, level);
	ck_assert_uint_eq(leaf.bad, TDXC_SCAN_GOOD);
	ck_assert(leaf.shared);
	ck_assert_uint_eq(*leaf.slot, leaf.entry);
}

static void expect_bad(uint64_t va, uint32_t level, uint32_t bad)
{
	ck_assert_int_eq(tdxc_scan_next_leaf(&scan, &leaf), TDXC_SCAN_BAD);
	ck_assert_uint_eq(leaf.va, va);
	ck_assert_uint_eq(leaf.level, level);
	ck_assert_uint_eq(leaf.bad, bad);
}

static void expect_end(void)
{
	ck_assert_int_eq(tdxc_scan_next_leaf(&scan, &leaf), TDXC_SCAN_END);
	ck_assert_int_eq(tdxc_scan_next_leaf(&scan, &leaf), TDXC_SCAN_END);
}

static void expect_run(uint64_t va, uint64_t pa, uint64_t size)
{
	struct tdxc_scan_run run;

	ck_assert_int_eq(tdxc_scan_next_run(&scan, &run), TDXC_SCAN_LEAF);
	ck_assert_uint_eq(run.va, va);
	ck_assert_uint_eq(run.pa.start, pa);
	ck_assert_uint_eq(run.pa.end, pa + size);
	ck_assert_uint_eq(run.leaves[0] * TDXC_PAGE_SIZE +
				  run.leaves[1] * TDXC_SIZE_2M +
				  run.leaves[2] * TDXC_SIZE_1G,
			  size);
}

static void expect_no_run(void)
{
	struct tdxc_scan_run run;

	ck_assert_int_eq(tdxc_scan_next_run(&scan, &run), TDXC_SCAN_END);
}

/* ---- leaves ---- */

static const struct platform {
	uint32_t levels, bit, polarity;
} platforms[] = {
	{4, 47, SET},	{4, 51, SET},	{5, 47, SET},	{5, 51, SET},
	{4, 47, CLEAR}, {4, 51, CLEAR}, {5, 51, CLEAR},
};

START_TEST(u11_a_shared_leaf_of_each_size_is_found_once)
{
	const struct platform *p = &platforms[_i];
	uint32_t level;

	start(p->levels, p->bit, p->polarity);
	for (level = 1; level <= 3; level++) {
		guest_map(&guest, level * 8 * GIB, level * GIB, level, true);
		guest_map(&guest, (level * 8 + 2) * GIB, (level + 8) * GIB,
			  level, false);
	}
	begin_all();
	for (level = 1; level <= 3; level++)
		expect_leaf(level * 8 * GIB, level * GIB, level);
	expect_end();
}
END_TEST

/* Every position in a table, and every position to go on from. */
START_TEST(u11_each_of_the_512_entries_of_a_table_is_looked_at)
{
	const struct platform *p = &platforms[_i];
	uint32_t i, other;

	start(p->levels, p->bit, p->polarity);
	for (i = 0; i < 512; i++)
		guest_map(&guest, i * 4096ull, i * 4096ull, 1, false);
	for (i = 0; i < 512; i++) {
		other = i * 7 % 512;
		guest_map(&guest, i * 4096ull, i * 4096ull, 1, true);
		guest_map(&guest, other * 4096ull, other * 4096ull, 1, true);
		begin_all();
		if (other < i)
			expect_leaf(other * 4096ull, other * 4096ull, 1);
		expect_leaf(i * 4096ull, i * 4096ull, 1);
		if (other > i)
			expect_leaf(other * 4096ull, other * 4096ull, 1);
		expect_end();
		guest_map(&guest, i * 4096ull, i * 4096ull, 1, false);
		guest_map(&guest, other * 4096ull, other * 4096ull, 1, false);
	}
}
END_TEST

/* A hole of 1 page, of a whole leaf table, 1 GiB, 512 GiB, 256 TiB; the walk
 * starts in the middle of it. */
START_TEST(u12_a_hole_at_any_level_is_skipped_to_its_end)
{
	uint32_t level = (uint32_t)_i + 1;
	uint64_t hole = 1ull << (12 + 9 * (level - 1));
	uint64_t from[] = {0, 4096, hole / 2 & ~0xFFFull, hole - 4096};
	size_t i;

	start(5, 51, SET);
	guest_map(&guest, 0x40000000000000, GIB, 3, false); /* another table */
	guest_map(&guest, 4 * hole, 7 * GIB, 1, false);
	guest_map(&guest, 6 * hole, 8 * GIB, 1, true);
	for (i = 0; i < COUNT(from); i++) {
		begin_range(5 * hole + from[i], 0);
		expect_leaf(6 * hole, 8 * GIB, 1);
		expect_end();
	}
}
END_TEST

START_TEST(u13_the_last_page_and_an_end_inside_a_leaf)
{
	start(4, 51, SET);
	guest_map(&guest, 0ull - 4096, 0x5000, 1, true);
	guest_map(&guest, 0ull - GIB, 3 * GIB, 2, true);
	begin_all();
	expect_leaf(0ull - GIB, 3 * GIB, 2);
	expect_leaf(0ull - 4096, 0x5000, 1);
	expect_end();
	begin_range(0ull - 4096, 0);
	expect_leaf(0ull - 4096, 0x5000, 1);
	expect_end();
	/* The end, and the start, in the middle of 2 MiB. */
	begin_range(0ull - 2 * GIB, 0ull - GIB + 4096);
	expect_leaf(0ull - GIB, 3 * GIB, 2);
	expect_end();
	begin_range(0ull - GIB + 4096, 0ull - 4096);
	expect_leaf(0ull - GIB, 3 * GIB, 2);
	expect_end();
	begin_range(0ull - GIB + TDXC_SIZE_2M, 0ull - 4096);
	expect_end();
}
END_TEST

START_TEST(u13_an_end_inside_a_leaf_table_is_an_end)
{
	uint64_t from, to, i;

	start(4, 47, SET);
	for (i = 0; i < 512; i++)
		guest_map(&guest, i << 12, i << 12, 1, true);
	for (from = 0; from < 40; from++) {
		for (to = from + 1; to < 60; to++) {
			begin_range(from << 12, to << 12);
			for (i = from; i < to; i++)
				expect_leaf(i << 12, i << 12, 1);
			expect_end();
		}
	}
}
END_TEST

static const struct bounds {
	uint32_t levels;
	uint64_t start, end;
	int err;
} bounds[] = {
	{4, 0, 0, TDXC_OK},
	{4, 0, 0x800000000000, TDXC_OK},
	{4, 0, 0x800000001000, TDXC_E_INVAL},
	{4, 0x7FFFFFFFF000, 0x800000000000, TDXC_OK},
	{4, 0x800000000000, 0, TDXC_E_INVAL},
	{4, GUEST_UPPER_4, 0, TDXC_OK},
	{4, GUEST_UPPER_4 - 4096, 0, TDXC_E_INVAL},
	{4, 0, GUEST_UPPER_4, TDXC_E_INVAL},
	{4, 0, GUEST_UPPER_4 + 4096, TDXC_OK},
	{4, GUEST_UPPER_4, GUEST_UPPER_4 + 4096, TDXC_OK},
	{5, 0, 0x100000000000000, TDXC_OK},
	{5, 0, 0x100000000001000, TDXC_E_INVAL},
	{5, 0x100000000000000, 0, TDXC_E_INVAL},
	{5, GUEST_UPPER_5, 0, TDXC_OK},
	{5, GUEST_UPPER_5 - 4096, 0, TDXC_E_INVAL},
	{5, GUEST_UPPER_4, 0, TDXC_OK},
	{4, GUEST_UPPER_5, 0, TDXC_E_INVAL},
	{4, 0x1000, 0x1000, TDXC_E_INVAL},
	{4, 0x2000, 0x1000, TDXC_E_INVAL},
	{4, 0x1001, 0, TDXC_E_INVAL},
	{4, 0, 0x1001, TDXC_E_INVAL},
	{3, 0, 0, TDXC_E_INVAL},
	{6, 0, 0, TDXC_E_INVAL},
};

START_TEST(u14_bounds_that_are_not_canonical_are_refused)
{
	const struct bounds *b = &bounds[_i];
	struct tdxc_scan_config c;
	uint64_t from, to;

	start(4, 51, SET);
	c = guest_scan(&guest);
	c.levels = b->levels;
	c.start = b->start;
	c.end = b->end;
	ck_assert_int_eq(tdxc_scan_begin(&scan, &c), b->err);
	if (b->err)
		expect_end();
	ck_assert_int_eq(tdxc_scan_split(&c, 1, 0, &from, &to), b->err);
	if (!b->err) {
		ck_assert_uint_eq(from, b->start);
		ck_assert_uint_eq(to, b->end);
	}
}
END_TEST

START_TEST(u14_both_halves_are_walked_up_to_their_edges)
{
	uint32_t levels = _i == 0 ? 4 : 5;
	uint64_t upper = _i == 0 ? GUEST_UPPER_4 : GUEST_UPPER_5;
	uint64_t lower = 0 - upper;

	start(levels, 51, SET);
	guest_map(&guest, lower - 4096, GIB, 1, true);
	guest_map(&guest, upper, GIB + 4096, 1, true);
	guest_map(&guest, GUEST_DIRECT, 2 * GIB, 3, true);
	begin_all();
	expect_leaf(lower - 4096, GIB, 1);
	expect_leaf(upper, GIB + 4096, 1);
	expect_leaf(GUEST_DIRECT, 2 * GIB, 3);
	expect_end();
	/* Contiguous in memory, but the addresses between them are no
	 * addresses. */
	begin_all();
	expect_run(lower - 4096, GIB, 4096);
	expect_run(upper, GIB + 4096, 4096);
	expect_run(GUEST_DIRECT, 2 * GIB, GIB);
	expect_no_run();
}
END_TEST

START_TEST(u15_every_entry_of_a_5_level_root_is_walked)
{
	uint64_t n;

	start(5, 51, SET);
	for (n = 0; n < 16; n++)
		guest_map(&guest, n * 17 << 48, n * GIB, 3, true);
	begin_all();
	for (n = 0; n < 16; n++) {
		uint64_t va = n * 17 << 48;

		if (va >> 56 != 0)
			va |= GUEST_UPPER_5;
		expect_leaf(va, n * GIB, 3);
	}
	expect_end();
}
END_TEST

/* ---- entries ---- */

START_TEST(u16_an_entry_that_is_not_present_but_shared_is_visited)
{
	uint32_t level = (uint32_t)_i + 1;
	uint64_t global = 1ull << 8;

	start(4, 51, SET);
	*guest_map(&guest, 5 * GIB, 6 * GIB, level, true) ^=
		TDXC_PTE_PRESENT | global;
	begin_all();
	expect_leaf(5 * GIB, 6 * GIB, level);
	ck_assert_uint_eq(leaf.entry & TDXC_PTE_PRESENT, 0);
	expect_end();
	start(4, 51, CLEAR);
	*guest_map(&guest, 5 * GIB, 6 * GIB, level, true) ^=
		TDXC_PTE_PRESENT | global;
	begin_all();
	expect_leaf(5 * GIB, 6 * GIB, level);
	expect_end();
}
END_TEST

START_TEST(u17_a_zero_entry_is_not_shared)
{
	const struct platform *p = &platforms[_i];
	uint32_t level;

	start(p->levels, p->bit, p->polarity);
	for (level = 1; level <= 3; level++) {
		guest_map(&guest, level * 8 * GIB, level * GIB, level, false);
		*guest_map(&guest, (level * 8 + 1) * GIB, GIB, level, true) = 0;
	}
	begin_all();
	expect_end();
	ck_assert(!tdxc_scan_is_shared(&scan, 0));
	ck_assert(tdxc_scan_is_shared(&scan, guest_leaf(&guest, 0, 1, true)));
	ck_assert(!tdxc_scan_is_shared(&scan, guest_leaf(&guest, 0, 1, false)));
}
END_TEST

START_TEST(u18_the_pat_bit_of_a_large_leaf_is_no_address)
{
	uint32_t level = (uint32_t)_i + 2;

	start(4, 51, SET);
	*guest_map(&guest, 5 * GIB, 6 * GIB, level, true) |= TDXC_PTE_LARGE_PAT;
	begin_all();
	expect_leaf(5 * GIB, 6 * GIB, level);
	expect_end();
	/* Bit 7 of a small leaf is PAT, not a size. */
	start(4, 51, SET);
	*guest_map(&guest, 5 * GIB, 6 * GIB + 4096, 1, true) |= TDXC_PTE_PS;
	begin_all();
	expect_leaf(5 * GIB, 6 * GIB + 4096, 1);
	expect_end();
}
END_TEST

START_TEST(u19_software_key_and_no_execute_bits_are_no_address)
{
	uint32_t level = (uint32_t)_i + 1;
	uint32_t bit;

	start(4, 51, SET);
	for (bit = 52; bit < 64; bit++) {
		guest_clear(&guest);
		*guest_map(&guest, 5 * GIB, 6 * GIB, level, true) |=
			1ull << bit | 0xE00;
		begin_all();
		expect_leaf(5 * GIB, 6 * GIB, level);
		expect_end();
	}
}
END_TEST

START_TEST(u20_bits_from_the_shared_bit_of_a_td_up_are_reserved)
{
	uint32_t bit;

	/* GPAW 48 where the processor has 52 bits. */
	start(4, 47, SET);
	guest_map(&guest, 0, (1ull << 47) - 4096, 1, true);
	begin_all();
	expect_leaf(0, (1ull << 47) - 4096, 1);
	expect_end();
	for (bit = 48; bit < 52; bit++) {
		guest_clear(&guest);
		guest_map(&guest, GIB, 1ull << bit, 1, true);
		guest_map(&guest, 2 * GIB, 4096, 1, true);
		begin_all();
		expect_bad(GIB, 1, TDXC_SCAN_RESERVED);
		expect_leaf(2 * GIB, 4096, 1);
		expect_end();
	}
	/* The C-bit takes one bit away and leaves those above it. */
	start(4, 47, CLEAR);
	guest_map(&guest, 0, 1ull << 50, 1, true);
	begin_all();
	expect_leaf(0, 1ull << 50, 1);
	expect_end();
}
END_TEST

static const struct refusal {
	uint32_t bit, pa_bits, polarity, what, abi;
	int err;
} refusals[] = {
	{51, 52, SET, TDXC_SCAN_SHARED, TDXC_ABI, TDXC_OK},
	{47, 48, SET, TDXC_SCAN_MAPPED, TDXC_ABI, TDXC_OK},
	{12, 52, CLEAR, TDXC_SCAN_MAPPED, TDXC_ABI, TDXC_OK},
	{0, 52, SET, TDXC_SCAN_SHARED, TDXC_ABI, TDXC_E_INVAL},
	{11, 52, SET, TDXC_SCAN_SHARED, TDXC_ABI, TDXC_E_INVAL},
	{52, 52, SET, TDXC_SCAN_SHARED, TDXC_ABI, TDXC_E_INVAL},
	{63, 52, SET, TDXC_SCAN_SHARED, TDXC_ABI, TDXC_E_INVAL},
	{64, 52, SET, TDXC_SCAN_SHARED, TDXC_ABI, TDXC_E_INVAL},
	{51, 31, SET, TDXC_SCAN_SHARED, TDXC_ABI, TDXC_E_INVAL},
	{51, 53, SET, TDXC_SCAN_SHARED, TDXC_ABI, TDXC_E_INVAL},
	{51, 52, 0, TDXC_SCAN_SHARED, TDXC_ABI, TDXC_E_INVAL},
	{51, 52, 3, TDXC_SCAN_SHARED, TDXC_ABI, TDXC_E_INVAL},
	{51, 52, SET, 0, TDXC_ABI, TDXC_E_INVAL},
	{51, 52, SET, 3, TDXC_ABI, TDXC_E_INVAL},
	{51, 52, SET, TDXC_SCAN_SHARED, TDXC_ABI + 1, TDXC_E_INVAL},
	{38, 52, SET, TDXC_SCAN_SHARED, TDXC_ABI, TDXC_E_RANGE},
	{51, 38, SET, TDXC_SCAN_SHARED, TDXC_ABI, TDXC_E_RANGE},
};

START_TEST(u20_bit_positions_that_cannot_be_are_refused)
{
	const struct refusal *r = &refusals[_i];
	struct tdxc_scan_config c;

	start(4, 51, SET);
	c = guest_scan(&guest);
	c.shared_bit = r->bit;
	c.pa_bits = r->pa_bits;
	c.polarity = r->polarity;
	c.what = r->what;
	c.abi = r->abi;
	ck_assert_int_eq(tdxc_scan_begin(&scan, &c), r->err);
	/* The address of the table itself has bit 38. */
	if (r->bit != 12)
		expect_end();
}
END_TEST

static uint64_t *no_table(void *ctx, uint64_t pa, uint32_t level)
{
	(void)ctx;
	(void)pa;
	(void)level;
	return NULL;
}

START_TEST(other_members_that_cannot_be_are_refused)
{
	const struct tdxc_range unsorted[] = {{GIB, 2 * GIB}, {0, GIB}};
	struct tdxc_scan_ops ops = {TDXC_ABI + 1, no_table};
	struct tdxc_scan_config c;

	start(4, 51, SET);
	c = guest_scan(&guest);
	c.root |= 1;
	ck_assert_int_eq(tdxc_scan_begin(&scan, &c), TDXC_E_INVAL);
	c = guest_scan(&guest);
	c.virt |= 8;
	ck_assert_int_eq(tdxc_scan_begin(&scan, &c), TDXC_E_INVAL);
	c = guest_scan(&guest);
	c.max_tables = 0;
	ck_assert_int_eq(tdxc_scan_begin(&scan, &c), TDXC_E_INVAL);
	c = guest_scan(&guest);
	c.ops = &ops;
	ck_assert_int_eq(tdxc_scan_begin(&scan, &c), TDXC_E_INVAL);
	c = guest_scan(&guest);
	c.ram = unsorted;
	c.nr_ram = COUNT(unsorted);
	ck_assert_int_eq(tdxc_scan_begin(&scan, &c), TDXC_E_INVAL);
}
END_TEST

/* ---- what nobody should believe ---- */

/* Every table but one can be read. */
struct reader {
	uint64_t unreadable;
	uint64_t calls;
};

static uint64_t *read_table(void *ctx, uint64_t pa, uint32_t level)
{
	struct reader *r = ctx;

	(void)level;
	r->calls++;
	if (pa == r->unreadable)
		return NULL;
	return (uint64_t *)(size_t)(pa - GUEST_TABLES_PA +
				    (uint64_t)(size_t)guest.memory);
}

static const struct tdxc_scan_ops reader_ops = {TDXC_ABI, read_table};

START_TEST(u28_a_table_that_cannot_be_read_ends_its_subtree_only)
{
	struct reader reader = {0};
	struct tdxc_scan_config c;
	uint32_t n;

	start(4, 51, SET);
	guest_map(&guest, 0, 0, 1, true);		/* tables 1, 2, 3 */
	guest_map(&guest, TDXC_SIZE_2M, 4096, 1, true); /* table 4 */
	guest_map(&guest, 512 * GIB, 8192, 1, true);	/* tables 5, 6, 7 */
	c = guest_scan(&guest);
	c.ops = &reader_ops;
	c.ctx = &reader;
	for (n = 0; n < 8; n++) {
		reader.unreadable = guest_table_pa(n);
		begin(&c);
		if (n <= 3)
			expect_bad(0, n ? 5 - n : 4, TDXC_SCAN_NO_TABLE);
		else
			expect_leaf(0, 0, 1);
		if (n == 4)
			expect_bad(TDXC_SIZE_2M, 2, TDXC_SCAN_NO_TABLE);
		else if (n > 2)
			expect_leaf(TDXC_SIZE_2M, 4096, 1);
		if (n >= 5)
			expect_bad(512 * GIB, 9 - n, TDXC_SCAN_NO_TABLE);
		else if (n != 0)
			expect_leaf(512 * GIB, 8192, 1);
		expect_end();
	}
}
END_TEST

START_TEST(u28_tables_are_asked_for_once_each_never_per_entry)
{
	struct reader reader = {1, 0};
	struct tdxc_scan_config c;
	uint64_t i;

	start(4, 51, SET);
	for (i = 0; i < 1024; i++)
		guest_map(&guest, i << 12, i << 12, 1, i % 3 == 0);
	c = guest_scan(&guest);
	c.ops = &reader_ops;
	c.ctx = &reader;
	begin(&c);
	for (i = 0; i < 1024; i += 3)
		expect_leaf(i << 12, i << 12, 1);
	expect_end();
	ck_assert_uint_eq(reader.calls, 5);
	ck_assert_uint_eq(scan.tables_read, 5);
}
END_TEST

START_TEST(u28_a_table_outside_ram_is_not_read)
{
	const struct tdxc_range ram[] = {
		{0, 4096},
		{guest_table_pa(0), guest_table_pa(3)},
		{guest_table_pa(4), guest_table_pa(8)},
	};
	struct tdxc_scan_config c;

	start(4, 51, SET);
	guest_map(&guest, 0, 0, 1, true);
	guest_map(&guest, TDXC_SIZE_2M, 0, 1, true);
	guest_map(&guest, TDXC_SIZE_2M + 4096, 4096, 1, true);
	*guest_slot(&guest, 6 * GIB, 3) = guest_table_entry(&guest, 1 << 30);
	c = guest_scan(&guest);
	c.ram = ram;
	c.nr_ram = COUNT(ram);
	begin(&c);
	expect_bad(0, 2, TDXC_SCAN_OUTSIDE);
	expect_leaf(TDXC_SIZE_2M, 0, 1);
	/* Nor is a page outside it shared memory: device registers are not. */
	expect_bad(TDXC_SIZE_2M + 4096, 1, TDXC_SCAN_OUTSIDE);
	expect_bad(6 * GIB, 3, TDXC_SCAN_OUTSIDE);
	expect_end();
	c.root = guest_table_pa(9);
	begin(&c);
	expect_bad(0, 4, TDXC_SCAN_OUTSIDE);
	expect_end();
}
END_TEST

START_TEST(u29_a_table_that_contains_itself_costs_bounded_work)
{
	uint32_t i;

	start(5, 51, SET);
	/* All of the root are itself. */
	for (i = 0; i < 512; i++)
		guest_table(&guest, 0)[i] =
			guest_table_entry(&guest, GUEST_ROOT_PA);
	begin_all();
	for (i = 0; i < 512; i++) {
		ck_assert_int_eq(tdxc_scan_next_leaf(&scan, &leaf),
				 TDXC_SCAN_BAD);
		ck_assert_uint_eq(leaf.bad, TDXC_SCAN_LOOP);
		ck_assert_uint_eq(leaf.level, 5);
	}
	expect_end();
	ck_assert_uint_eq(scan.tables_read, 1);
	/* A leaf table whose ancestor it is, at each level, after another. */
	for (i = 0; i < 4; i++) {
		start(5, 51, SET);
		guest_map(&guest, 0, 0, 1, true);
		*guest_slot(&guest, TDXC_SIZE_2M, 2) =
			guest_table_entry(&guest, guest_table_pa(i));
		begin_all();
		expect_leaf(0, 0, 1);
		expect_bad(TDXC_SIZE_2M, 2, TDXC_SCAN_LOOP);
		expect_end();
	}
}
END_TEST

/* No loop, but 512 ways to each table: 2^27 tables to read. */
START_TEST(u29_tables_that_are_their_cousins_are_limited_by_the_budget)
{
	struct tdxc_scan_config c;
	uint32_t level, i;

	start(4, 51, SET);
	for (level = 0; level < 3; level++)
		for (i = 0; i < 512; i++)
			guest_table(&guest, level)[i] = guest_table_entry(
				&guest, guest_table_pa(level + 1));
	c = guest_scan(&guest);
	c.max_tables = 10000;
	begin(&c);
	ck_assert_int_eq(tdxc_scan_next_leaf(&scan, &leaf), TDXC_SCAN_BUDGET);
	ck_assert_int_eq(tdxc_scan_next_leaf(&scan, &leaf), TDXC_SCAN_BUDGET);
	ck_assert_uint_eq(scan.tables_read, 10000);
	scan.tables_left += 500;
	ck_assert_int_eq(tdxc_scan_next_leaf(&scan, &leaf), TDXC_SCAN_BUDGET);
	ck_assert_uint_eq(scan.tables_read, 10500);
}
END_TEST

START_TEST(u30_a_large_page_where_there_is_none_is_an_error)
{
	start(5, 51, SET);
	*guest_slot(&guest, 1ull << 39, 4) = guest_leaf(&guest, 0, 4, true);
	*guest_slot(&guest, 1ull << 48, 5) = guest_leaf(&guest, 0, 5, false);
	guest_map(&guest, 1ull << 40, GIB, 1, true);
	begin_all();
	expect_bad(1ull << 39, 4, TDXC_SCAN_TOO_LARGE);
	expect_leaf(1ull << 40, GIB, 1);
	expect_bad(1ull << 48, 5, TDXC_SCAN_TOO_LARGE);
	expect_end();
}
END_TEST

START_TEST(u30_reserved_address_bits_are_errors)
{
	start(4, 51, SET);
	guest_map(&guest, 0, 4096ull << 1, 2, true);
	guest_map(&guest, GIB, TDXC_SIZE_2M, 3, true);
	/* Private leaves are nobody's business here. */
	guest_map(&guest, 2 * GIB, TDXC_SIZE_2M, 3, false);
	begin_all();
	expect_bad(0, 2, TDXC_SCAN_RESERVED);
	expect_bad(GIB, 3, TDXC_SCAN_RESERVED);
	expect_end();
	guest.pa_bits = 46;
	start(4, 51, SET);
	guest.pa_bits = 46;
	guest_map(&guest, 0, 1ull << 46, 1, true);
	*guest_slot(&guest, GIB, 2) = guest_table_entry(&guest, 1ull << 46);
	begin_all();
	expect_bad(0, 1, TDXC_SCAN_RESERVED);
	expect_bad(GIB, 2, TDXC_SCAN_RESERVED);
	expect_end();
}
END_TEST

START_TEST(a_table_that_is_read_as_shared_memory_is_an_error)
{
	const struct platform *p = &platforms[_i];

	start(p->levels, p->bit, p->polarity);
	guest_map(&guest, 0, 0, 1, true);
	guest_map(&guest, TDXC_SIZE_2M, 0, 1, true);
	*guest_slot(&guest, 0, 2) ^= 1ull << p->bit;
	begin_all();
	expect_bad(0, 2, TDXC_SCAN_TABLE_SHARED);
	expect_leaf(TDXC_SIZE_2M, 0, 1);
	expect_end();
}
END_TEST

START_TEST(u31_a_table_may_hold_leaves_of_both_states)
{
	uint64_t i;

	start(4, 51, SET);
	for (i = 0; i < 512; i++)
		guest_map(&guest, i << 12, i << 12, 1, i % 2 == 1 || i > 500);
	guest_map(&guest, TDXC_SIZE_2M, TDXC_SIZE_2M, 2, false);
	guest_map(&guest, 2 * TDXC_SIZE_2M, 2 * TDXC_SIZE_2M, 2, true);
	begin_all();
	for (i = 1; i < 500; i += 2)
		expect_run(i << 12, i << 12, 4096);
	expect_run(501 << 12, 501 << 12, 11 << 12);
	expect_run(2 * TDXC_SIZE_2M, 2 * TDXC_SIZE_2M, TDXC_SIZE_2M);
	expect_no_run();
}
END_TEST

/* ---- runs ---- */

START_TEST(u36_leaves_of_any_size_merge_where_both_addresses_go_on)
{
	uint64_t base = GIB - TDXC_SIZE_2M - 4096;

	start(4, 51, SET);
	guest_map(&guest, base, base, 1, true);
	guest_map(&guest, GIB - TDXC_SIZE_2M, GIB - TDXC_SIZE_2M, 2, true);
	guest_map(&guest, GIB, GIB, 3, true);
	guest_map(&guest, 2 * GIB, 2 * GIB, 1, true);
	guest_map(&guest, 2 * GIB + 4096, 3 * GIB, 1, true); /* elsewhere */
	guest_map(&guest, 2 * GIB + 8192, 3 * GIB + 4096, 1, true);
	guest_map(&guest, 2 * GIB + 16384, 3 * GIB + 8192, 1, true);
	begin_all();
	expect_run(base, base, GIB + TDXC_SIZE_2M + 8192);
	expect_run(2 * GIB + 4096, 3 * GIB, 8192);
	expect_run(2 * GIB + 16384, 3 * GIB + 8192, 4096);
	expect_no_run();
}
END_TEST

START_TEST(a_run_is_not_lost_when_the_budget_ends_in_it)
{
	struct tdxc_scan_config c;
	struct tdxc_scan_run run;
	uint64_t pages = 0;
	uint64_t i;
	int event;

	start(4, 51, SET);
	for (i = 0; i < 2048; i++)
		guest_map(&guest, i << 12, i << 12, 1, true);
	c = guest_scan(&guest);
	c.max_tables = 1;
	begin(&c);
	do {
		event = (int)tdxc_scan_next_run(&scan, &run);
		if (event == TDXC_SCAN_BUDGET)
			scan.tables_left++;
		else if (event == TDXC_SCAN_LEAF)
			pages += run.leaves[0];
	} while (event != TDXC_SCAN_END);
	ck_assert_uint_eq(pages, 2048);
}
END_TEST

START_TEST(malformed_entries_stand_between_runs)
{
	struct tdxc_scan_run run;

	start(4, 47, SET);
	guest_map(&guest, 0, 0, 1, true);
	guest_map(&guest, 4096, 1ull << 48, 1, true);
	guest_map(&guest, 8192, 8192, 1, true);
	begin_all();
	expect_run(0, 0, 4096);
	ck_assert_int_eq(tdxc_scan_next_run(&scan, &run), TDXC_SCAN_BAD);
	ck_assert_uint_eq(run.bad_entry.va, 4096);
	ck_assert_uint_eq(run.bad_entry.bad, TDXC_SCAN_RESERVED);
	expect_run(8192, 8192, 4096);
	expect_no_run();
}
END_TEST

START_TEST(all_that_is_mapped_is_reported_when_asked_for)
{
	struct tdxc_scan_config c;
	struct tdxc_scan_run run;

	start(4, 51, SET);
	guest_map(&guest, 0, 0, 1, false);
	guest_map(&guest, 4096, 4096, 1, true);
	guest_map(&guest, 8192, 8192, 1, false);
	*guest_map(&guest, 12288, 12288, 1, false) &= ~TDXC_PTE_PRESENT;
	guest_map(&guest, GIB, GIB, 3, false);
	guest_map(&guest, 2 * GIB, 2 * GIB, 2, false);
	c = guest_scan(&guest);
	c.what = TDXC_SCAN_MAPPED;
	begin(&c);
	expect_run(0, 0, 4096);
	expect_run(4096, 4096, 4096);
	expect_run(8192, 8192, 4096);
	ck_assert_int_eq(tdxc_scan_next_run(&scan, &run), TDXC_SCAN_LEAF);
	ck_assert_uint_eq(run.pa.end, 2 * GIB + TDXC_SIZE_2M);
	ck_assert_uint_eq(run.leaves[2], 1);
	ck_assert_uint_eq(run.leaves[1], 1);
	ck_assert(!run.shared);
	expect_no_run();
}
END_TEST

/* ---- parts ---- */

START_TEST(a_walk_goes_on_from_the_root_where_it_was)
{
	uint64_t i;

	start(5, 51, SET);
	for (i = 0; i < 600; i++)
		guest_map(&guest, i << 12, i << 12, 1, true);
	guest_map(&guest, GIB, GIB, 3, true);
	begin_all();
	for (i = 0; i < 600; i++) {
		expect_leaf(i << 12, i << 12, 1);
		tdxc_scan_restart(&scan);
	}
	expect_leaf(GIB, GIB, 3);
	tdxc_scan_restart(&scan);
	expect_end();
}
END_TEST

START_TEST(parts_of_an_address_range_meet_at_whole_gigabytes)
{
	static const uint32_t parts[] = {1, 2, 3, 7, 64, 65, 1000, 65536};
	struct tdxc_scan_config c;
	uint64_t from, to, at;
	uint32_t part;
	size_t i;
	int err;

	start(4, 51, SET);
	c = guest_scan(&guest);
	for (i = 0; i < COUNT(parts); i++) {
		c.start = GUEST_DIRECT + 4096;
		c.end = _i ? 0 : c.start + 63 * GIB + 8192;
		at = c.start;
		for (part = 0; part < parts[i]; part++) {
			err = tdxc_scan_split(&c, parts[i], part, &from, &to);
			if (err == TDXC_E_NOENT)
				continue;
			ck_assert_int_eq(err, TDXC_OK);
			ck_assert_uint_eq(from, at);
			ck_assert(to % GIB == 0 || to == c.end);
			at = to;
		}
		ck_assert_uint_eq(at, c.end);
	}
	ck_assert_int_eq(tdxc_scan_split(&c, 0, 0, &from, &to), TDXC_E_INVAL);
	ck_assert_int_eq(tdxc_scan_split(&c, 2, 2, &from, &to), TDXC_E_INVAL);
	ck_assert_int_eq(tdxc_scan_split(&c, 65537, 2, &from, &to),
			 TDXC_E_INVAL);
}
END_TEST

START_TEST(every_kind_of_malformed_entry_has_a_text)
{
	uint32_t bad, other;

	for (bad = 0; bad < TDXC_SCAN_BADS; bad++) {
		ck_assert_str_ne(tdxc_scan_bad_text(bad), "");
		for (other = 0; other < bad; other++)
			ck_assert_str_ne(tdxc_scan_bad_text(bad),
					 tdxc_scan_bad_text(other));
	}
	ck_assert_str_eq(tdxc_scan_bad_text(bad), "unknown");
	ck_assert_str_eq(tdxc_scan_bad_text(UINT32_MAX), "unknown");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("scan");
	TCase *t = tcase_create("scan");
	const int all = COUNT(platforms);
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(t, NULL, teardown);
	tcase_add_loop_test(t, u11_a_shared_leaf_of_each_size_is_found_once, 0,
			    all);
	tcase_add_loop_test(
		t, u11_each_of_the_512_entries_of_a_table_is_looked_at, 0, all);
	tcase_add_loop_test(t, u12_a_hole_at_any_level_is_skipped_to_its_end, 0,
			    5);
	tcase_add_test(t, u13_the_last_page_and_an_end_inside_a_leaf);
	tcase_add_test(t, u13_an_end_inside_a_leaf_table_is_an_end);
	tcase_add_loop_test(t, u14_bounds_that_are_not_canonical_are_refused, 0,
			    COUNT(bounds));
	tcase_add_loop_test(t, u14_both_halves_are_walked_up_to_their_edges, 0,
			    2);
	tcase_add_test(t, u15_every_entry_of_a_5_level_root_is_walked);
	tcase_add_loop_test(
		t, u16_an_entry_that_is_not_present_but_shared_is_visited, 0,
		3);
	tcase_add_loop_test(t, u17_a_zero_entry_is_not_shared, 0, all);
	tcase_add_loop_test(t, u18_the_pat_bit_of_a_large_leaf_is_no_address, 0,
			    2);
	tcase_add_loop_test(
		t, u19_software_key_and_no_execute_bits_are_no_address, 0, 3);
	tcase_add_test(t, u20_bits_from_the_shared_bit_of_a_td_up_are_reserved);
	tcase_add_loop_test(t, u20_bit_positions_that_cannot_be_are_refused, 0,
			    COUNT(refusals));
	tcase_add_test(t, other_members_that_cannot_be_are_refused);
	tcase_add_test(t,
		       u28_a_table_that_cannot_be_read_ends_its_subtree_only);
	tcase_add_test(t, u28_tables_are_asked_for_once_each_never_per_entry);
	tcase_add_test(t, u28_a_table_outside_ram_is_not_read);
	tcase_add_test(t, u29_a_table_that_contains_itself_costs_bounded_work);
	tcase_add_test(
		t, u29_tables_that_are_their_cousins_are_limited_by_the_budget);
	tcase_add_test(t, u30_a_large_page_where_there_is_none_is_an_error);
	tcase_add_test(t, u30_reserved_address_bits_are_errors);
	tcase_add_loop_test(
		t, a_table_that_is_read_as_shared_memory_is_an_error, 0, all);
	tcase_add_test(t, u31_a_table_may_hold_leaves_of_both_states);
	tcase_add_test(t,
		       u36_leaves_of_any_size_merge_where_both_addresses_go_on);
	tcase_add_test(t, a_run_is_not_lost_when_the_budget_ends_in_it);
	tcase_add_test(t, malformed_entries_stand_between_runs);
	tcase_add_test(t, all_that_is_mapped_is_reported_when_asked_for);
	tcase_add_test(t, a_walk_goes_on_from_the_root_where_it_was);
	tcase_add_loop_test(
		t, parts_of_an_address_range_meet_at_whole_gigabytes, 0, 2);
	tcase_add_test(t, every_kind_of_malformed_entry_has_a_text);
	suite_add_tcase(suite, t);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
