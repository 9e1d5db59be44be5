/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Faults in both halves: what they install, what they answer, what they leave
 * behind when a hook fails, and what others see of them in between.
 *
 * One thread; where the second one comes in matters, it runs inside a hook of
 * the first one's.
 *
 * TDXC_SEED repeats a run; TDXC_TEST_SCALE=percent: how many random faults.
 */
#include <tdxcore/err.h>

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../libtdxcore/mirror_work.h"
#include "mirror/mirror_case.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define FAULTS	     20000u
#define FEWEST	     500u
#define PAGE	     4096ull
/* Somewhere with another index on each level. */
#define GFN 0x123456789ull

static struct mirror_case c;

static void up_as(uint32_t levels, bool offset, bool shared_only)
{
	struct mirror_shape shape = {levels, shared_only, offset, 0};

	mirror_case_up(&c, &shape);
}

static void up(void)
{
	up_as(4, true, false);
}

static void down(void)
{
	ck_assert_ptr_null(mirror_case_audit(&c));
	ck_assert_ptr_null(mirror_case_down(&c));
}

static struct tdxc_fault fault_at(uint64_t gfn, bool is_private)
{
	return mirror_case_fault(&c, gfn, is_private);
}

static struct tdxc_fault shared_at(uint64_t gfn)
{
	return fault_at(gfn, false);
}

static struct tdxc_fault private_at(uint64_t gfn)
{
	return fault_at(gfn, true);
}

static int handle(const struct tdxc_fault *fault)
{
	return mirror_case_do(&c, 0, fault);
}

static void expect(struct tdxc_fault fault, int outcome)
{
	ck_assert_int_eq(handle(&fault), outcome);
}

static struct tdxc_fault large(struct tdxc_fault fault, uint32_t level)
{
	uint64_t mask = tdxc_level_frames(level) - 1;

	fault.pa -= (fault.gfn.n & mask) * PAGE;
	fault.level = level;
	return fault;
}

static struct tdxc_found look(uint64_t gfn, bool is_private)
{
	struct tdxc_root *root = mirror_case_root(
		&c, is_private ? TDXC_ROOTS_MIRROR : TDXC_ROOTS_DIRECT);
	struct tdxc_gfn at = {gfn};
	struct tdxc_found found = tdxc_lookup(&root->tree, at);

	ck_assert_int_eq(tdxc_root_put(&c.mmu, root), TDXC_OK);
	return found;
}

static void expect_entry(const struct tdxc_fault *fault, uint32_t level,
			 uint64_t bits)
{
	struct tdxc_found found = look(fault->gfn.n, fault->is_private);

	ck_assert_uint_eq(found.level, level);
	ck_assert_uint_eq(found.spte.bits, bits);
}

/* Where the entry is, by hand: @n has the alias bit where there is one. */
static uint64_t *slot_of(const struct tdxc_root *root, uint64_t n,
			 uint32_t level)
{
	uint64_t pa = root->tree.pa;
	uint32_t at = root->tree.levels;

	for (;;) {
		uint64_t *slot = (uint64_t *)(size_t)(pa + c.virt) +
				 (n >> 9 * (at - 1) & 511);

		if (at == level)
			return slot;
		ck_assert(tdxc_spte_is_table((struct tdxc_spte){*slot}));
		pa = tdxc_spte_pa((struct tdxc_spte){*slot});
		at--;
	}
}

static struct tdxc_root *root_of(bool is_private)
{
	return mirror_case_root(&c, is_private ? TDXC_ROOTS_MIRROR
					       : TDXC_ROOTS_DIRECT);
}

static struct tdxc_mmu_counts counts(void)
{
	return mirror_case_counts(&c);
}

/* ---- what is installed ---- */

#define A    TDXC_SPTE_A
#define D    TDXC_SPTE_D
#define W    TDXC_SPTE_W
#define HOST (TDXC_SPTE_HOST_W | TDXC_SPTE_MMU_W)
#define LEAF (TDXC_SPTE_R | TDXC_SPTE_X | TDXC_SPTE_PRESENT | TDXC_SPTE_SVE)

START_TEST(a_shared_fault_installs_what_the_access_and_the_host_allow)
{
	static const struct {
		bool write, prefetch, host_writable, write_protected;
		uint8_t memory_type;
		int outcome;
		uint64_t bits;
	} rows[] = {
		{0, 0, 1, 0, 6, TDXC_FAULT_FIXED, LEAF | A | W | HOST | 0x30},
		{1, 0, 1, 0, 6, TDXC_FAULT_FIXED,
		 LEAF | A | D | W | HOST | 0x30},
		{0, 1, 1, 0, 6, TDXC_FAULT_FIXED, LEAF | W | HOST | 0x30},
		{0, 0, 0, 0, 6, TDXC_FAULT_FIXED, LEAF | A | 0x30},
		{0, 0, 1, 1, 6, TDXC_FAULT_FIXED, LEAF | A | HOST | 0x30},
		{0, 0, 0, 1, 6, TDXC_FAULT_FIXED, LEAF | A | 0x30},
		{0, 0, 1, 0, 0, TDXC_FAULT_FIXED, LEAF | A | W | HOST},
		{0, 1, 1, 1, 7, TDXC_FAULT_FIXED, LEAF | HOST | 0x38},
		{1, 0, 0, 0, 6, TDXC_FAULT_ACCESS, 0},
		{1, 0, 1, 1, 6, TDXC_FAULT_ACCESS, 0},
	};
	size_t i;

	for (i = 0; i < 2 * COUNT(rows); i++) {
		size_t row = i / 2;
		uint32_t level = i % 2 ? TDXC_LEVEL_2M : TDXC_LEVEL_4K;
		struct tdxc_fault fault;

		up();
		fault = large(shared_at(GFN), level);
		fault.write = rows[row].write;
		fault.prefetch = rows[row].prefetch;
		fault.host_writable = rows[row].host_writable;
		fault.write_protected = rows[row].write_protected;
		fault.memory_type = rows[row].memory_type;
		/* the tables are there, so that both ways are taken */
		expect(shared_at(i % 2 ? GFN ^ 512 : GFN ^ 1),
		       TDXC_FAULT_FIXED);
		ck_assert_int_eq(handle(&fault), rows[row].outcome);
		if (rows[row].bits == 0)
			expect_entry(&fault, level, TDXC_SPTE_EMPTY_BITS);
		else
			expect_entry(&fault, level,
				     rows[row].bits | fault.pa |
					     (i % 2 ? TDXC_SPTE_HUGE : 0));
		down();
	}
}
END_TEST

/* Private: all access, write-back, whatever the access was. */
START_TEST(s002_5_a_private_fault_installs_rwx_and_write_back)
{
	uint32_t i;

	for (i = 0; i < 48; i++) {
		uint32_t level = i / 16 + 1;
		struct tdxc_fault fault;

		up();
		fault = large(private_at(GFN), level);
		fault.write = i & 1;
		fault.prefetch = i & 2;
		fault.exec = i & 4;
		fault.host_writable = i & 8;
		fault.memory_type = i & 8 ? 6 : 0;
		ck_assert_int_eq(handle(&fault), TDXC_FAULT_FIXED);
		expect_entry(&fault, level,
			     tdxc_spte_private(fault.pa, level).bits);
		ck_assert_uint_eq(look(GFN, true).spte.bits & 0x3F, 0x37);
		down();
	}
}
END_TEST

START_TEST(s002_5_anything_else_is_refused_for_private_memory)
{
	uint32_t what;

	for (what = 0; what < 8; what++) {
		struct tdxc_fault fault;
		uint64_t before;

		up();
		expect(private_at(GFN ^ 1), TDXC_FAULT_FIXED);
		fault = private_at(what & 1 ? GFN : GFN ^ 512);
		before = mirror_case_digest(&c);
		if (what / 2 == 0)
			fault.memory_type = 1;
		else if (what / 2 == 1)
			fault.memory_type = 5;
		else if (what / 2 == 2)
			fault.write_protected = true;
		else
			fault.mmio = true;
		ck_assert_int_eq(handle(&fault), TDXC_E_INVAL);
		ck_assert_uint_eq(mirror_case_digest(&c), before);
		down();
	}
}
END_TEST

/* kvm-mirror-mmu.md 1.4. */
START_TEST(r43_4_and_5_levels_index_alike_with_alias_bit_47_and_51)
{
	uint32_t i;

	for (i = 0; i < 8; i++) {
		uint32_t levels = i & 1 ? 5 : 4;
		bool is_private = i & 2;
		uint64_t bit = 1ull << ((levels == 5 ? 51 : 47) - 12);
		struct tdxc_fault fault;
		const struct tdxc_root *root;

		up_as(levels, i & 4, false);
		fault = fault_at(GFN, is_private);
		ck_assert_int_eq(handle(&fault), TDXC_FAULT_FIXED);
		root = root_of(is_private);
		ck_assert_uint_eq(
			tdxc_spte_pa((struct tdxc_spte){*slot_of(
				root, is_private ? GFN : GFN | bit, 1)}),
			fault.pa);
		ck_assert_uint_eq(counts().tables[is_private], levels - 1);
		down();
	}
}
END_TEST

START_TEST(r32_mirror_walks_index_without_the_alias_bit)
{
	const struct tdxc_root *root;
	uint32_t i;

	up();
	expect(private_at(GFN), TDXC_FAULT_FIXED);
	root = root_of(true);
	for (i = 256; i < 512; i++)
		ck_assert_uint_eq(*slot_of(root, (uint64_t)i << 27, 4),
				  TDXC_SPTE_EMPTY_BITS);
	down();
}
END_TEST

START_TEST(s002_1_the_same_frame_is_mapped_in_both_halves)
{
	struct tdxc_fault shared;
	struct tdxc_fault private;

	up();
	shared = shared_at(GFN);
	private = private_at(GFN);
	ck_assert_int_eq(handle(&shared), TDXC_FAULT_FIXED);
	ck_assert_uint_eq(look(GFN, true).spte.bits, TDXC_SPTE_EMPTY_BITS);
	ck_assert_int_eq(handle(&private), TDXC_FAULT_FIXED);
	ck_assert_uint_eq(tdxc_spte_pa(look(GFN, false).spte), shared.pa);
	ck_assert_uint_eq(tdxc_spte_pa(look(GFN, true).spte), private.pa);
	down();
}
END_TEST

START_TEST(a_guest_without_private_memory_uses_all_of_its_root)
{
	struct tdxc_fault fault;

	up_as(4, false, true);
	fault = shared_at((1ull << 36) - 1);
	ck_assert_int_eq(handle(&fault), TDXC_FAULT_FIXED);
	ck_assert_uint_eq(*slot_of(root_of(false), (1ull << 36) - 1, 1) &
				  TDXC_SPTE_PA_MASK,
			  fault.pa);
	/* and may fetch from it */
	fault = shared_at(5);
	fault.exec = true;
	ck_assert_int_eq(handle(&fault), TDXC_FAULT_FIXED);
	down();
}
END_TEST

/* ---- trees ---- */

/* Wherever a table or leaf is in the mirror, the external tree has one. */
START_TEST(s002_2_the_mirror_has_a_table_wherever_the_private_tree_has_one)
{
	uint32_t level;

	up();
	expect(private_at(GFN), TDXC_FAULT_FIXED);
	expect(large(private_at(GFN ^ 512), TDXC_LEVEL_2M), TDXC_FAULT_FIXED);
	ck_assert_int_eq(mirror_case_node(&c, GFN, 1)->kind, MIRROR_NODE_LEAF);
	for (level = 2; level <= 4; level++)
		ck_assert_int_eq(mirror_case_node(&c, GFN, level)->kind,
				 MIRROR_NODE_TABLE);
	ck_assert_int_eq(mirror_case_node(&c, GFN ^ 512, 2)->kind,
			 MIRROR_NODE_LEAF);
	/* the audit compares all of it */
	down();
}
END_TEST

/* What the module gets as a table is never what the VMM walks. */
START_TEST(s002_2_mirror_tables_are_never_given_to_the_module)
{
	uint32_t level;

	up();
	expect(private_at(GFN), TDXC_FAULT_FIXED);
	for (level = 2; level <= 4; level++) {
		uint64_t value = mirror_case_node(&c, GFN, level)->value;

		ck_assert_uint_ge(value, MIRROR_CASE_EXTERNAL_PA);
		ck_assert_uint_ne(value, *slot_of(root_of(true), GFN, level) &
						 TDXC_SPTE_PA_MASK);
	}
	down();
}
END_TEST

START_TEST(s002_10_every_change_of_the_mirror_goes_with_one_of_the_private_tree)
{
	up();
	expect(shared_at(GFN), TDXC_FAULT_FIXED);
	ck_assert_uint_eq(c.calls[MIRROR_SET], 0);
	expect(private_at(GFN), TDXC_FAULT_FIXED);
	ck_assert_uint_eq(c.calls[MIRROR_SET], 4);
	expect(private_at(GFN ^ 1), TDXC_FAULT_FIXED);
	ck_assert_uint_eq(c.calls[MIRROR_SET], 5);
	ck_assert_uint_eq(c.last.gfn.n, GFN ^ 1);
	ck_assert_uint_eq(c.last.level, 1);
	ck_assert_uint_eq(c.last.old.bits, TDXC_SPTE_EMPTY_BITS);
	ck_assert_uint_eq(c.last.now.bits, look(GFN ^ 1, true).spte.bits);
	ck_assert_uint_eq(c.last.external, 0);
	down();
}
END_TEST

START_TEST(h22_every_committed_change_is_told_and_counted_once)
{
	struct tdxc_mmu_counts n;

	up();
	expect(private_at(GFN), TDXC_FAULT_FIXED);
	expect(private_at(GFN), TDXC_FAULT_SPURIOUS);
	expect(large(private_at(GFN ^ 512), TDXC_LEVEL_2M), TDXC_FAULT_FIXED);
	expect(large(private_at(GFN ^ (1 << 18)), TDXC_LEVEL_1G),
	       TDXC_FAULT_FIXED);
	n = counts();
	ck_assert_uint_eq(n.tables[KIND_MIRROR], 3);
	ck_assert_uint_eq(n.pages[KIND_MIRROR][TDXC_LEVEL_4K], 1);
	ck_assert_uint_eq(n.pages[KIND_MIRROR][TDXC_LEVEL_2M], 1);
	ck_assert_uint_eq(n.pages[KIND_MIRROR][TDXC_LEVEL_1G], 1);
	ck_assert_uint_eq(c.calls[MIRROR_SET], 6);
	ck_assert_uint_eq(n.tables[KIND_DIRECT], 0);
	down();
}
END_TEST

/* ---- large pages ---- */

START_TEST(a_large_page_is_mapped_where_the_level_allows_it)
{
	uint32_t i;

	for (i = 0; i < 12; i++) {
		uint32_t level = i % 3 + 1;
		bool is_private = i & 4;
		struct tdxc_fault fault;

		up_as(i & 1 ? 5 : 4, true, false);
		fault = large(fault_at(GFN, is_private), level);
		ck_assert_int_eq(handle(&fault), TDXC_FAULT_FIXED);
		ck_assert_uint_eq(look(GFN, is_private).level, level);
		ck_assert_uint_eq(counts().pages[is_private][level], 1);
		ck_assert_int_eq(handle(&fault), TDXC_FAULT_SPURIOUS);
		down();
	}
}
END_TEST

START_TEST(below_a_table_that_is_there_smaller_pages_of_it_are_mapped)
{
	uint32_t i;

	for (i = 0; i < 2; i++) {
		struct tdxc_fault fault;

		up();
		expect(fault_at(GFN, i), TDXC_FAULT_FIXED);
		fault = large(fault_at(GFN ^ 3, i), TDXC_LEVEL_2M);
		ck_assert_int_eq(handle(&fault), TDXC_FAULT_FIXED);
		ck_assert_uint_eq(look(GFN ^ 3, i).level, 1);
		ck_assert_uint_eq(tdxc_spte_pa(look(GFN ^ 3, i).spte),
				  fault_at(GFN ^ 3, i).pa);
		/* and 2 MiB where 1 GiB was allowed */
		fault = large(fault_at(GFN ^ 0x600, i), TDXC_LEVEL_1G);
		ck_assert_int_eq(handle(&fault), TDXC_FAULT_FIXED);
		ck_assert_uint_eq(look(GFN ^ 0x600, i).level, 2);
		ck_assert_uint_eq(
			tdxc_spte_pa(look(GFN ^ 0x600, i).spte),
			large(fault_at(GFN ^ 0x600, i), TDXC_LEVEL_2M).pa);
		down();
	}
}
END_TEST

START_TEST(a_large_page_in_the_way_of_a_smaller_one_is_left_alone)
{
	uint32_t i;

	for (i = 0; i < 2; i++) {
		uint64_t before;

		up();
		expect(large(fault_at(GFN, i), TDXC_LEVEL_2M),
		       TDXC_FAULT_FIXED);
		before = mirror_case_digest(&c);
		expect(fault_at(GFN, i), TDXC_E_EXIST);
		expect(fault_at(GFN ^ 5, i), TDXC_E_EXIST);
		ck_assert_uint_eq(mirror_case_digest(&c), before);
		expect(large(fault_at(GFN ^ 5, i), TDXC_LEVEL_1G),
		       TDXC_FAULT_SPURIOUS);
		down();
	}
}
END_TEST

/* Half of 2 MiB changes sides while a fault on the other half is on its way. */
START_TEST(h20_no_large_page_over_a_range_of_which_half_is_converted)
{
	uint32_t i;

	for (i = 0; i < 2; i++) {
		uint64_t first = GFN & ~511ull;
		struct tdxc_fault fault;
		uint64_t before;

		up();
		expect(fault_at(GFN ^ 512, i), TDXC_FAULT_FIXED);
		before = mirror_case_digest(&c);
		fault = large(fault_at(first + 7, i), TDXC_LEVEL_2M);
		mirror_case_attribute(&c, first + 256, first + 512, !i);
		ck_assert_int_eq(handle(&fault), TDXC_FAULT_RETRY);
		ck_assert_uint_eq(mirror_case_digest(&c), before);
		ck_assert_uint_eq(counts().stale, 1);
		expect(fault_at(first + 7, i), TDXC_FAULT_FIXED);
		expect(fault_at(first + 256, i), TDXC_FAULT_RETRY);
		expect(fault_at(first + 256, !i), TDXC_FAULT_FIXED);
		down();
	}
}
END_TEST

/* ---- what is there already ---- */

START_TEST(h23_fault_and_prefault_of_one_page_add_it_once)
{
	uint32_t i;

	for (i = 0; i < 4; i++) {
		struct tdxc_fault fault;
		struct tdxc_fault prefault;

		up();
		c.finalised = true;
		fault = private_at(GFN);
		prefault = fault;
		prefault.prefetch = true;
		ck_assert_int_eq(handle(i & 1 ? &fault : &prefault),
				 TDXC_FAULT_FIXED);
		ck_assert_int_eq(handle(i & 2 ? &fault : &prefault),
				 TDXC_FAULT_SPURIOUS);
		ck_assert_uint_eq(c.augs, 1);
		ck_assert_uint_eq(c.calls[MIRROR_SET], 4);
		down();
	}
}
END_TEST

START_TEST(a_write_to_a_write_protected_page_makes_it_writable_and_dirty)
{
	uint32_t level;

	for (level = 1; level <= 3; level++) {
		struct tdxc_fault fault;
		uint64_t was;

		up();
		fault = large(shared_at(GFN), level);
		fault.write_protected = true;
		ck_assert_int_eq(handle(&fault), TDXC_FAULT_FIXED);
		was = look(GFN, false).spte.bits;
		ck_assert_int_eq(handle(&fault), TDXC_FAULT_SPURIOUS);
		fault.write = true;
		ck_assert_int_eq(handle(&fault), TDXC_FAULT_ACCESS);
		fault.write_protected = false;
		ck_assert_int_eq(handle(&fault), TDXC_FAULT_FIXED);
		ck_assert_uint_eq(look(GFN, false).spte.bits, was | W | D);
		ck_assert_int_eq(handle(&fault), TDXC_FAULT_SPURIOUS);
		ck_assert_uint_eq(counts().pages[KIND_DIRECT][level], 1);
		down();
	}
}
END_TEST

START_TEST(a_write_to_a_page_that_the_host_maps_read_only_is_not_allowed)
{
	struct tdxc_fault fault;
	uint64_t was;

	up();
	fault = shared_at(GFN);
	fault.host_writable = false;
	ck_assert_int_eq(handle(&fault), TDXC_FAULT_FIXED);
	was = look(GFN, false).spte.bits;
	fault.write = true;
	ck_assert_int_eq(handle(&fault), TDXC_FAULT_ACCESS);
	ck_assert_uint_eq(look(GFN, false).spte.bits, was);
	/* the host has made it writable meanwhile */
	fault.host_writable = true;
	ck_assert_int_eq(handle(&fault), TDXC_FAULT_FIXED);
	ck_assert_uint_eq(look(GFN, false).spte.bits, was | W | D | HOST);
	down();
}
END_TEST

START_TEST(a_prefault_is_content_with_any_page_that_is_mapped)
{
	struct tdxc_fault fault;

	up();
	fault = shared_at(GFN);
	fault.write_protected = true;
	ck_assert_int_eq(handle(&fault), TDXC_FAULT_FIXED);
	fault.write_protected = false;
	fault.prefetch = true;
	fault.write = true;
	ck_assert_int_eq(handle(&fault), TDXC_FAULT_SPURIOUS);
	down();
}
END_TEST

START_TEST(a_stale_write_does_not_undo_a_write_protection)
{
	struct tdxc_fault fault;
	uint64_t was;

	up();
	fault = shared_at(GFN);
	fault.write_protected = true;
	ck_assert_int_eq(handle(&fault), TDXC_FAULT_FIXED);
	was = look(GFN, false).spte.bits;
	fault.write_protected = false;
	fault.write = true;
	mirror_case_invalidate(&c, GFN, GFN + 1);
	ck_assert_int_eq(handle(&fault), TDXC_FAULT_RETRY);
	ck_assert_uint_eq(look(GFN, false).spte.bits, was);
	down();
}
END_TEST

START_TEST(r37_another_page_under_a_leaf_is_refused)
{
	uint32_t i;

	for (i = 0; i < 4; i++) {
		uint32_t level = i / 2 + 1;
		struct tdxc_fault fault;
		uint64_t before;

		up();
		fault = large(fault_at(GFN, i & 1), level);
		ck_assert_int_eq(handle(&fault), TDXC_FAULT_FIXED);
		before = mirror_case_digest(&c);
		fault.pa += tdxc_level_frames(level) * PAGE;
		ck_assert_int_eq(handle(&fault), TDXC_E_EXIST);
		fault.prefetch = true;
		ck_assert_int_eq(handle(&fault), TDXC_E_EXIST);
		/* one that is stale was right when it looked the page up */
		mirror_case_invalidate(&c, GFN, GFN + 1);
		ck_assert_int_eq(handle(&fault), TDXC_FAULT_RETRY);
		ck_assert_uint_eq(mirror_case_digest(&c), before);
		down();
	}
}
END_TEST

/* Attributes of a private page cannot be changed by a fault at all. */
START_TEST(r36_no_fault_changes_the_attributes_of_a_mirror_leaf)
{
	uint32_t i;

	up();
	expect(private_at(GFN), TDXC_FAULT_FIXED);
	for (i = 0; i < 16; i++) {
		struct tdxc_fault fault = private_at(GFN);
		uint64_t before = mirror_case_digest(&c);

		fault.write = i & 1;
		fault.exec = i & 2;
		fault.prefetch = i & 4;
		fault.host_writable = i & 8;
		ck_assert_int_eq(handle(&fault), TDXC_FAULT_SPURIOUS);
		ck_assert_uint_eq(mirror_case_digest(&c), before);
	}
	ck_assert_uint_eq(c.calls[MIRROR_SET], 4);
	down();
}
END_TEST

START_TEST(no_td_fetches_from_shared_memory)
{
	struct tdxc_fault fault;
	uint32_t i;

	up();
	for (i = 0; i < 2; i++) {
		fault = shared_at(GFN);
		fault.exec = true;
		ck_assert_int_eq(handle(&fault), TDXC_FAULT_ACCESS);
		expect(shared_at(GFN ^ 1),
		       i ? TDXC_FAULT_SPURIOUS : TDXC_FAULT_FIXED);
	}
	ck_assert_uint_eq(counts().pages[KIND_DIRECT][1], 1);
	down();
}
END_TEST

/* ---- MMIO ---- */

static struct tdxc_fault mmio_at(uint64_t gfn, uint64_t generation)
{
	struct tdxc_fault fault = shared_at(gfn);

	fault.mmio = true;
	fault.pa = 0;
	fault.generation = generation;
	return fault;
}

START_TEST(mmio_is_remembered_with_its_generation)
{
	uint32_t td;

	for (td = 0; td < 2; td++) {
		struct tdxc_fault fault;

		up_as(4, true, !td);
		fault = mmio_at(GFN, 0x5A5A5);
		ck_assert_int_eq(handle(&fault), TDXC_FAULT_EMULATE);
		expect_entry(&fault, 1,
			     tdxc_spte_mmio(&c.mmu.mmio, 0x5A5A5).bits);
		ck_assert_uint_eq(c.calls[MIRROR_STALE], 1);
		/* once more costs nothing */
		ck_assert_int_eq(handle(&fault), TDXC_FAULT_EMULATE);
		ck_assert_uint_eq(c.calls[MIRROR_STALE], 1);
		fault = mmio_at(GFN, 0x5A5A6);
		ck_assert_int_eq(handle(&fault), TDXC_FAULT_EMULATE);
		expect_entry(&fault, 1,
			     tdxc_spte_mmio(&c.mmu.mmio, 0x5A5A6).bits);
		ck_assert_uint_eq(counts().pages[KIND_DIRECT][1], 0);
		down();
	}
}
END_TEST

/* In a TD generation 0 is a word of zeros. */
START_TEST(memory_takes_the_place_of_mmio_but_not_the_other_way_round)
{
	uint64_t generation;

	for (generation = 0; generation < 2; generation++) {
		struct tdxc_fault fault;
		uint64_t before;

		up();
		fault = mmio_at(GFN, generation);
		ck_assert_int_eq(handle(&fault), TDXC_FAULT_EMULATE);
		/* also where more would be allowed */
		expect(large(shared_at(GFN), (uint32_t)generation + 1),
		       TDXC_FAULT_FIXED);
		ck_assert_uint_eq(look(GFN, false).level, 1);
		ck_assert_uint_eq(tdxc_spte_pa(look(GFN, false).spte),
				  shared_at(GFN).pa);
		before = mirror_case_digest(&c);
		ck_assert_int_eq(handle(&fault), TDXC_E_EXIST);
		/* whatever its address says */
		fault.pa = shared_at(GFN).pa;
		ck_assert_int_eq(handle(&fault), TDXC_E_EXIST);
		mirror_case_invalidate(&c, GFN, GFN + 1);
		ck_assert_int_eq(handle(&fault), TDXC_FAULT_RETRY);
		ck_assert_uint_eq(mirror_case_digest(&c), before);
		down();
	}
}
END_TEST

START_TEST(mmio_is_4_kib_wherever_it_is)
{
	uint32_t i;

	for (i = 0; i < 6; i++) {
		struct tdxc_fault fault;

		up();
		if (i & 1)
			expect(shared_at(GFN ^ 1), TDXC_FAULT_FIXED);
		fault = mmio_at(GFN, 7);
		fault.level = i / 2 + 1;
		ck_assert_int_eq(handle(&fault), TDXC_FAULT_EMULATE);
		expect_entry(&fault, 1, tdxc_spte_mmio(&c.mmu.mmio, 7).bits);
		down();
	}
}
END_TEST

START_TEST(stale_mmio_is_not_installed)
{
	struct tdxc_fault fault;

	up();
	fault = mmio_at(GFN, 3);
	mirror_case_invalidate(&c, GFN, GFN + 1);
	ck_assert_int_eq(handle(&fault), TDXC_FAULT_RETRY);
	ck_assert_uint_eq(look(GFN, false).spte.bits, TDXC_SPTE_EMPTY_BITS);
	down();
}
END_TEST

/* ---- what is refused ---- */

static void out_of_end(struct tdxc_fault *f)
{
	f->gfn.n = c.mmu.config.end;
}

static void with_alias(struct tdxc_fault *f)
{
	f->gfn.n |= tdxc_alias_bit(4);
}

static void beyond_all(struct tdxc_fault *f)
{
	f->gfn.n = ~0ull;
}

static void large_over_the_end(struct tdxc_fault *f)
{
	f->gfn.n = c.mmu.config.end - 1;
	f->pa = 0;
	f->level = TDXC_LEVEL_2M;
}

static void level_0(struct tdxc_fault *f)
{
	f->level = 0;
}

static void level_4(struct tdxc_fault *f)
{
	f->level = 4;
	f->pa = 0;
}

static void level_max(struct tdxc_fault *f)
{
	f->level = UINT32_MAX;
}

static void pa_unaligned(struct tdxc_fault *f)
{
	f->pa += 8;
}

static void pa_beyond(struct tdxc_fault *f)
{
	f->pa = 1ull << 52;
}

static void pa_all_ones(struct tdxc_fault *f)
{
	f->pa = ~0ull;
}

static void large_pa_unaligned(struct tdxc_fault *f)
{
	f->level = TDXC_LEVEL_2M;
	f->pa = 0x201000;
}

static void huge_pa_unaligned(struct tdxc_fault *f)
{
	f->level = TDXC_LEVEL_1G;
	f->pa = 0x200000;
}

static void shared_memory_type(struct tdxc_fault *f)
{
	f->is_private = false;
	f->memory_type = 8;
}

static void source_unaligned(struct tdxc_fault *f)
{
	f->source = 0x1008;
}

static void source_beyond(struct tdxc_fault *f)
{
	f->source = 1ull << 52;
}

static void source_of_large(struct tdxc_fault *f)
{
	f->source = 0x1000;
	f->level = TDXC_LEVEL_2M;
	f->pa = 0x200000;
}

static void source_of_shared(struct tdxc_fault *f)
{
	f->source = 0x1000;
	f->is_private = false;
}

static const struct {
	void (*make)(struct tdxc_fault *f);
} refused[] = {
	{out_of_end},
	{with_alias},
	{beyond_all},
	{large_over_the_end},
	{level_0},
	{level_4},
	{level_max},
	{pa_unaligned},
	{pa_beyond},
	{pa_all_ones},
	{large_pa_unaligned},
	{huge_pa_unaligned},
	{shared_memory_type},
	{source_unaligned},
	{source_beyond},
	{source_of_large},
	{source_of_shared},
};

START_TEST(a_fault_that_makes_no_sense_changes_nothing)
{
	size_t i;

	for (i = 0; i < 4 * COUNT(refused); i++) {
		struct mirror_shape shape = {4, false, true,
					     0x200000000ull + 17};
		struct tdxc_fault fault;
		uint64_t before;

		mirror_case_up(&c, &shape);
		if (i & 1) {
			expect(fault_at(GFN ^ 1, true), TDXC_FAULT_FIXED);
			expect(fault_at(GFN ^ 1, false), TDXC_FAULT_FIXED);
		}
		fault = fault_at(GFN, i & 2);
		refused[i / 4].make(&fault);
		ck_assert_int_eq(mirror_case_ready(&c, 0, fault.is_private),
				 TDXC_OK);
		before = mirror_case_digest(&c);
		memset(c.calls, 0, sizeof c.calls);
		ck_assert_msg(handle(&fault) == TDXC_E_INVAL, "row %zu", i);
		ck_assert_uint_eq(mirror_case_digest(&c), before);
		ck_assert_uint_eq(c.calls[MIRROR_SET], 0);
		ck_assert_uint_eq(c.calls[MIRROR_STALE], 0);
		down();
	}
}
END_TEST

START_TEST(s002_4_a_frame_with_the_shared_bit_is_refused_in_both_roots)
{
	uint32_t i;

	for (i = 0; i < 4; i++) {
		uint32_t levels = i & 1 ? 5 : 4;
		struct tdxc_fault fault;

		up_as(levels, true, false);
		fault = fault_at(GFN, i & 2);
		fault.gfn.n |= tdxc_alias_bit(levels);
		ck_assert_int_eq(handle(&fault), TDXC_E_INVAL);
		ck_assert_uint_eq(look(GFN, i & 2).spte.bits,
				  TDXC_SPTE_EMPTY_BITS);
		down();
	}
}
END_TEST

/* A memory slot that reaches into the alias half would be mapped twice. */
START_TEST(h13_frames_of_the_alias_half_cannot_be_mapped)
{
	struct tdxc_mmu_config config;
	struct tdxc_mmu mmu;
	uint32_t i;

	up();
	for (i = 0; i < 2; i++) {
		expect(fault_at(tdxc_alias_bit(4), i), TDXC_E_INVAL);
		expect(fault_at(tdxc_alias_bit(4) - 1, i), TDXC_FAULT_FIXED);
	}
	/* nor can an MMU be made for them */
	config = c.mmu.config;
	config.end = tdxc_alias_bit(4) + 1;
	ck_assert_int_eq(tdxc_mmu_init(&mmu, &config), TDXC_E_INVAL);
	down();
}
END_TEST

START_TEST(r33_a_direct_walk_at_or_above_the_alias_bit_is_refused)
{
	up();
	expect(shared_at(tdxc_alias_bit(4)), TDXC_E_INVAL);
	expect(shared_at(tdxc_alias_bit(4) | GFN), TDXC_E_INVAL);
	expect(large(shared_at(tdxc_alias_bit(4)), TDXC_LEVEL_1G),
	       TDXC_E_INVAL);
	ck_assert_uint_eq(counts().tables[KIND_DIRECT], 0);
	down();
}
END_TEST

START_TEST(s002_3_a_private_fault_has_no_business_in_a_direct_root)
{
	uint32_t i;

	for (i = 0; i < 4; i++) {
		struct tdxc_fault fault;
		struct tdxc_root *other;
		uint64_t before;

		up();
		expect(fault_at(GFN ^ 1, false), TDXC_FAULT_FIXED);
		expect(fault_at(GFN ^ 1, true), TDXC_FAULT_FIXED);
		fault = fault_at(i & 2 ? GFN : GFN ^ 512, i & 1);
		other = root_of(!fault.is_private);
		ck_assert_int_eq(mirror_case_ready(&c, 0, i & 1), TDXC_OK);
		before = mirror_case_digest(&c);
		ck_assert_int_eq(tdxc_mmu_fault(&c.mmu, other, &c.cpu[0],
						&fault, TDXC_LOCK_SHARED),
				 TDXC_E_INVAL);
		ck_assert_uint_eq(mirror_case_digest(&c), before);
		down();
	}
}
END_TEST

START_TEST(without_the_lock_nothing_happens)
{
	uint32_t i;

	for (i = 0; i < 8; i++) {
		bool is_private = i & 1;
		struct tdxc_fault fault;
		struct tdxc_root *root;
		uint64_t before;

		up();
		expect(fault_at(GFN ^ 1, is_private), TDXC_FAULT_FIXED);
		fault = fault_at(i & 2 ? GFN : GFN ^ 512, is_private);
		root = root_of(is_private);
		ck_assert_int_eq(mirror_case_ready(&c, 0, is_private), TDXC_OK);
		before = mirror_case_digest(&c);
		c.shared_held = i & 4;
		ck_assert_int_eq(tdxc_mmu_fault(&c.mmu, root, &c.cpu[0], &fault,
						i & 4 ? TDXC_LOCK_EXCLUSIVE
						      : TDXC_LOCK_SHARED),
				 TDXC_E_INVAL);
		ck_assert_uint_eq(mirror_case_digest(&c), before);
		c.shared_held = true;
		down();
	}
}
END_TEST

START_TEST(the_external_tree_is_told_how_the_lock_is_held)
{
	uint32_t i;

	for (i = 0; i < 2; i++) {
		enum tdxc_lock lock =
			i ? TDXC_LOCK_EXCLUSIVE : TDXC_LOCK_SHARED;
		struct tdxc_fault fault;

		up();
		c.exclusive_held = i;
		fault = private_at(GFN);
		ck_assert_int_eq(mirror_case_ready(&c, 0, true), TDXC_OK);
		ck_assert_int_eq(tdxc_mmu_fault(&c.mmu, root_of(true),
						&c.cpu[0], &fault, lock),
				 TDXC_FAULT_FIXED);
		ck_assert_int_eq(c.last.lock, lock);
		fault = private_at(GFN ^ 1);
		ck_assert_int_eq(tdxc_mmu_fault(&c.mmu, root_of(true),
						&c.cpu[0], &fault, lock),
				 TDXC_FAULT_FIXED);
		ck_assert_int_eq(c.last.lock, lock);
		down();
	}
}
END_TEST

/* The root that is used is looked at, the mirror's too. */
START_TEST(h19_a_fault_in_an_invalid_root_is_retried_and_changes_nothing)
{
	uint32_t i;

	for (i = 0; i < 4; i++) {
		bool is_private = i & 1;
		struct tdxc_fault fault;
		struct tdxc_root *root;
		uint64_t before;

		up();
		expect(fault_at(GFN ^ 1, is_private), TDXC_FAULT_FIXED);
		root = root_of(is_private);
		c.exclusive_held = true;
		ck_assert_int_eq(tdxc_roots_invalidate(&c.mmu, TDXC_ROOTS_VALID,
						       TDXC_LOCK_EXCLUSIVE),
				 TDXC_OK);
		c.exclusive_held = false;
		fault = fault_at(i & 2 ? GFN : GFN ^ 512, is_private);
		ck_assert_int_eq(mirror_case_ready(&c, 0, is_private), TDXC_OK);
		before = mirror_case_digest(&c);
		ck_assert_int_eq(tdxc_mmu_fault(&c.mmu, root, &c.cpu[0], &fault,
						TDXC_LOCK_SHARED),
				 TDXC_FAULT_RETRY);
		ck_assert_uint_eq(mirror_case_digest(&c), before);
		down();
	}
}
END_TEST

/* No argument of any function is an entry, so none can be the frozen one: what
 * is made of a fault never looks like it. */
START_TEST(h17_no_fault_can_ask_for_a_frozen_entry)
{
	uint32_t i;

	for (i = 0; i < 1u << 8; i++) {
		struct tdxc_spte_request request = {
			.pa = TDXC_SPTE_FROZEN_BITS & TDXC_SPTE_PA_MASK,
			.level = i & 1 ? 2 : 1,
			.read = i & 2,
			.exec = i & 4,
			.host_writable = i & 8,
			.write_protected = i & 16,
			.accessed = i & 32,
			.dirty = i & 64,
			.memory_type = i & 128 ? 3 : 6};

		ck_assert(!tdxc_spte_is_frozen(tdxc_spte_direct(&request)));
	}
	ck_assert(!tdxc_spte_is_frozen(tdxc_spte_private(0, 1)));
	ck_assert(!tdxc_spte_is_frozen(tdxc_spte_table(0)));
}
END_TEST

/* ---- others in between ---- */

struct peer {
	struct tdxc_fault fault;
	int outcome;
	struct tdxc_found found;
	uint32_t spare;
};

/* The second CPU, in a hook of the first one's. */
static void peer_fault(void *arg)
{
	struct peer *peer = arg;

	peer->outcome = mirror_case_do(&c, 1, &peer->fault);
	peer->found = look(peer->fault.gfn.n, peer->fault.is_private);
	peer->spare = c.cpu[1].nr_spare[peer->fault.is_private];
}

static struct peer peer_ready(uint64_t gfn, bool is_private)
{
	struct peer peer;

	memset(&peer, 0, sizeof peer);
	peer.fault = fault_at(gfn, is_private);
	peer.outcome = -1;
	ck_assert_int_eq(mirror_case_ready(&c, 1, is_private), TDXC_OK);
	return peer;
}

START_TEST(r1_the_loser_of_two_faults_on_one_address_leaves_and_retries)
{
	uint32_t i;

	for (i = 0; i < 2; i++) {
		struct peer peer;

		up();
		expect(fault_at(GFN ^ 1, i), TDXC_FAULT_FIXED);
		peer = peer_ready(GFN, i);
		mirror_case_run(&c, MIRROR_STALE, 1, peer_fault, &peer);
		expect(fault_at(GFN, i), TDXC_FAULT_FIXED);
		ck_assert_int_eq(peer.outcome, TDXC_FAULT_RETRY);
		ck_assert(tdxc_spte_is_frozen(peer.found.spte));
		ck_assert_uint_eq(peer.spare, 3);
		ck_assert_uint_eq(c.cpu[1].counts.frozen_met, 1);
		ck_assert_uint_eq(c.cpu[0].counts.lost, 0);
		peer_fault(&peer);
		ck_assert_int_eq(peer.outcome, TDXC_FAULT_SPURIOUS);
		down();
	}
}
END_TEST

START_TEST(r2_a_fault_below_a_frozen_table_entry_stops_and_retries)
{
	struct peer peer;

	up();
	(void)root_of(true);
	peer = peer_ready(GFN ^ 0x40000, true);
	/* the table that is linked first covers both */
	mirror_case_run(&c, MIRROR_SET, 1, peer_fault, &peer);
	expect(private_at(GFN), TDXC_FAULT_FIXED);
	ck_assert_int_eq(peer.outcome, TDXC_FAULT_RETRY);
	ck_assert_uint_eq(peer.found.level, 4);
	ck_assert(tdxc_spte_is_frozen(peer.found.spte));
	ck_assert_uint_eq(peer.spare, 3);
	peer_fault(&peer);
	ck_assert_int_eq(peer.outcome, TDXC_FAULT_FIXED);
	down();
}
END_TEST

START_TEST(r3_a_table_that_two_faults_need_is_added_once)
{
	struct peer peer;
	uint32_t at;

	for (at = 1; at <= 3; at++) {
		up();
		(void)root_of(true);
		peer = peer_ready(GFN ^ 1, true);
		mirror_case_run(&c, MIRROR_SET, at, peer_fault, &peer);
		expect(private_at(GFN), TDXC_FAULT_FIXED);
		ck_assert_int_eq(peer.outcome, TDXC_FAULT_RETRY);
		ck_assert_uint_eq(peer.spare, 3);
		ck_assert_uint_eq(counts().tables[KIND_MIRROR], 3);
		peer_fault(&peer);
		ck_assert_int_eq(peer.outcome, TDXC_FAULT_FIXED);
		ck_assert_uint_eq(counts().tables[KIND_MIRROR], 3);
		ck_assert_uint_eq(peer.spare, 3);
		down();
	}
}
END_TEST

START_TEST(r4_after_a_busy_module_the_old_entry_is_back)
{
	struct tdxc_fault fault;
	uint64_t before;

	up();
	expect(private_at(GFN ^ 1), TDXC_FAULT_FIXED);
	before = mirror_case_digest(&c);
	mirror_case_fail(&c, MIRROR_SET, 1, TDXC_E_BUSY);
	expect(private_at(GFN), TDXC_FAULT_RETRY);
	ck_assert_uint_eq(mirror_case_digest(&c), before);
	ck_assert_uint_eq(counts().busy, 1);
	/* another CPU succeeds next */
	mirror_case_calm(&c);
	fault = private_at(GFN);
	ck_assert_int_eq(mirror_case_do(&c, 1, &fault), TDXC_FAULT_FIXED);
	down();
}
END_TEST

START_TEST(r5_a_fatal_error_restores_the_entry_and_stops_external_changes)
{
	uint32_t i;

	for (i = 0; i < 4; i++) {
		bool applied = i & 1;
		struct tdxc_fault fault;
		uint64_t sets;

		up();
		expect(private_at(GFN ^ 1), TDXC_FAULT_FIXED);
		expect(shared_at(GFN ^ 1), TDXC_FAULT_FIXED);
		fault = large(private_at(GFN ^ (i & 2 ? 512 : 0)),
			      i & 2 ? TDXC_LEVEL_2M : TDXC_LEVEL_4K);
		mirror_case_fail(&c, MIRROR_SET, 1, TDXC_E_IO);
		c.inject[MIRROR_SET].applied = applied;
		ck_assert_int_eq(handle(&fault), TDXC_E_IO);
		ck_assert_uint_eq(look(fault.gfn.n, true).spte.bits,
				  TDXC_SPTE_EMPTY_BITS);
		ck_assert(tdxc_mmu_is_poisoned(&c.mmu));
		ck_assert_uint_eq(c.mmu.poison.gfn.n,
				  fault.gfn.n & ~(i & 2 ? 511ull : 0ull));
		ck_assert_uint_eq(c.mmu.poison.level, fault.level);
		ck_assert_int_eq(c.mmu.poison.err, TDXC_E_IO);
		ck_assert_uint_eq(c.mmu.poison.old.bits, TDXC_SPTE_EMPTY_BITS);
		ck_assert_uint_eq(tdxc_spte_pa(c.mmu.poison.now), fault.pa);
		sets = c.calls[MIRROR_SET];
		ck_assert_int_eq(handle(&fault), TDXC_FAULT_POISONED);
		expect(private_at(GFN ^ 2), TDXC_FAULT_POISONED);
		expect(private_at(GFN ^ 0x80000), TDXC_FAULT_POISONED);
		expect(shared_at(GFN), TDXC_FAULT_POISONED);
		ck_assert_uint_eq(c.calls[MIRROR_SET], sets);
		ck_assert_uint_eq(counts().pages[KIND_MIRROR][1], 1);
		down();
	}
}
END_TEST

static void poison_it(void *arg)
{
	struct tdxc_external_change change;

	(void)arg;
	memset(&change, 0, sizeof change);
	tdxc_mmu_poison_(&c.mmu, &change, TDXC_E_IO);
}

/* Another CPU's change fails while this one asks whether it is stale. */
START_TEST(r5_a_fault_that_is_under_way_lends_nothing_any_more)
{
	uint64_t before;

	up();
	expect(private_at(GFN ^ 1), TDXC_FAULT_FIXED);
	before = mirror_case_digest(&c);
	mirror_case_run(&c, MIRROR_STALE, 1, poison_it, NULL);
	expect(private_at(GFN), TDXC_FAULT_POISONED);
	ck_assert_uint_eq(c.calls[MIRROR_SET], 4);
	ck_assert_uint_eq(mirror_case_digest(&c), before);
	down();
}
END_TEST

/* The page of a table may be the module's: it is never used again. */
START_TEST(r5_the_external_page_of_a_table_of_unknown_fate_is_lost)
{
	uint32_t i;

	for (i = 0; i < 6; i++) {
		uint32_t linked = i / 2;
		uint32_t lent;

		up();
		mirror_case_fail(&c, MIRROR_SET, linked + 1, TDXC_E_IO);
		c.inject[MIRROR_SET].applied = i & 1;
		expect(private_at(GFN), TDXC_FAULT_POISONED);
		lent = mirror_case_externals(&c, MIRROR_PAGE_LENT);
		ck_assert_uint_eq(lent, linked);
		ck_assert_uint_eq(mirror_case_externals(&c, MIRROR_PAGE_LOST),
				  1);
		ck_assert_uint_eq(counts().tables[KIND_MIRROR], linked);
		ck_assert_uint_eq(c.mmu.poison.level, 4 - linked);
		ck_assert_uint_eq(c.calls[MIRROR_FREE], 1);
		ck_assert_uint_eq(c.cpu[0].nr_spare[KIND_MIRROR], 2 - linked);
		down();
	}
}
END_TEST

static void invalidate_it(void *arg)
{
	uint64_t *gfn = arg;

	mirror_case_invalidate(&c, *gfn, *gfn + 1);
}

/* A zap that begins before the entry is frozen is noticed; the sequence is
 * looked at last, inside the frozen window. */
START_TEST(r7_a_fault_queued_behind_a_zap_sees_that_it_is_stale)
{
	uint32_t i;

	for (i = 0; i < 8; i++) {
		bool is_private = i & 1;
		uint64_t gfn = i & 2 ? GFN : GFN ^ 512;
		struct tdxc_fault fault;
		uint64_t zapped = i & 4 ? gfn : gfn + 1;
		int outcome = i & 4 ? TDXC_FAULT_RETRY : TDXC_FAULT_FIXED;

		up();
		expect(fault_at(GFN ^ 1, is_private), TDXC_FAULT_FIXED);
		fault = fault_at(gfn, is_private);
		/* after the walk, and before the sequence is read */
		mirror_case_run(&c, MIRROR_STALE, 1, invalidate_it, &zapped);
		ck_assert_int_eq(handle(&fault), outcome);
		if (i & 4) {
			ck_assert_uint_eq(look(gfn, is_private).spte.bits,
					  TDXC_SPTE_EMPTY_BITS);
			ck_assert_uint_eq(counts().stale, 1);
			ck_assert(!mirror_case_is_lent(&c, fault.pa));
		}
		fault.sequence = c.sequence;
		ck_assert_int_eq(handle(&fault), i & 4 ? TDXC_FAULT_FIXED
						       : TDXC_FAULT_SPURIOUS);
		down();
	}
}
END_TEST

static void convert_it(void *arg)
{
	struct peer *peer = arg;

	mirror_case_attribute(&c, peer->fault.gfn.n, peer->fault.gfn.n + 1,
			      !peer->fault.is_private);
}

START_TEST(r25_an_attribute_that_flips_after_the_lookup_makes_the_fault_retry)
{
	uint32_t i;

	for (i = 0; i < 2; i++) {
		struct peer peer;

		up();
		expect(fault_at(GFN ^ 1, i), TDXC_FAULT_FIXED);
		peer = peer_ready(GFN, i);
		mirror_case_run(&c, MIRROR_STALE, 1, convert_it, &peer);
		expect(fault_at(GFN, i), TDXC_FAULT_RETRY);
		ck_assert_uint_eq(look(GFN, i).spte.bits, TDXC_SPTE_EMPTY_BITS);
		expect(fault_at(GFN, !i), TDXC_FAULT_FIXED);
		down();
	}
}
END_TEST

struct watch {
	uint64_t gfn;
	uint32_t level;
	uint32_t frozen; /* how many entries, then */
	struct tdxc_found found;
	int kind; /* of the external entry */
};

static void watch_it(void *arg)
{
	struct watch *watch = arg;

	watch->found = look(watch->gfn, true);
	watch->frozen = c.cpu[0].frozen;
	watch->kind = (int)mirror_case_node(&c, watch->gfn, watch->level)->kind;
}

/* There is no moment at which one tree has the page and the other shows none.
 */
START_TEST(h3_the_entry_is_frozen_from_before_the_page_is_added_to_after)
{
	struct watch watch = {.gfn = GFN, .level = 1, .kind = -1};
	uint32_t hook;

	for (hook = MIRROR_STALE; hook <= MIRROR_SET; hook++) {
		up();
		expect(private_at(GFN ^ 1), TDXC_FAULT_FIXED);
		mirror_case_run(&c, (enum mirror_hook)hook, 1, watch_it,
				&watch);
		expect(private_at(GFN), TDXC_FAULT_FIXED);
		ck_assert(tdxc_spte_is_frozen(watch.found.spte));
		ck_assert_uint_eq(watch.frozen, 1);
		ck_assert_int_eq(watch.kind, MIRROR_NODE_FREE);
		down();
	}
}
END_TEST

START_TEST(s002_9_the_entry_is_frozen_while_the_module_call_runs)
{
	struct watch watch = {.gfn = GFN, .level = 1, .kind = -1};
	uint32_t at;

	for (at = 1; at <= 4; at++) {
		up();
		watch.level = 5 - at;
		mirror_case_run(&c, MIRROR_SET, at, watch_it, &watch);
		expect(private_at(GFN), TDXC_FAULT_FIXED);
		ck_assert(tdxc_spte_is_frozen(watch.found.spte));
		ck_assert_uint_eq(watch.found.level, 5 - at);
		/* one at a time, and none stays */
		ck_assert_uint_eq(watch.frozen, 1);
		ck_assert_uint_eq(c.cpu[0].frozen, 0);
		down();
	}
}
END_TEST

/* The hooks of the case complain about an allocation in a frozen window, and
 * every operation about an entry that stays frozen. */
START_TEST(r15_nothing_is_frozen_where_a_fault_allocates_or_returns)
{
	uint32_t i;

	for (i = 0; i < 6; i++) {
		up();
		if (i & 1)
			mirror_case_fail(&c, MIRROR_SET, 2 + i / 2,
					 TDXC_E_BUSY);
		expect(private_at(GFN),
		       i & 1 ? TDXC_FAULT_RETRY : TDXC_FAULT_FIXED);
		ck_assert_uint_eq(c.cpu[0].frozen, 0);
		ck_assert_uint_ge(c.calls[MIRROR_ALLOC], 4);
		mirror_case_calm(&c);
		down();
	}
}
END_TEST

/* As a teardown leaves a table that it has unlinked. */
START_TEST(r21_a_fault_on_an_entry_of_a_dead_table_fails_and_walks_again)
{
	uint32_t i;

	for (i = 0; i < 2; i++) {
		uint64_t alias = i ? 0 : tdxc_alias_bit(4);
		uint64_t alive[TDXC_ENTRIES];
		uint64_t *table;
		uint32_t e;

		up();
		expect(fault_at(GFN ^ 1, i), TDXC_FAULT_FIXED);
		table = slot_of(root_of(i), (GFN & ~511ull) | alias, 1);
		memcpy(alive, table, sizeof alive);
		for (e = 0; e < TDXC_ENTRIES; e++)
			table[e] = TDXC_SPTE_FROZEN_BITS;
		expect(fault_at(GFN, i), TDXC_FAULT_RETRY);
		expect(fault_at(GFN ^ 1, i), TDXC_FAULT_RETRY);
		for (e = 0; e < TDXC_ENTRIES; e++)
			ck_assert_uint_eq(table[e], TDXC_SPTE_FROZEN_BITS);
		ck_assert_uint_eq(counts().frozen_met, 2);
		/* the next walk finds a table that is alive */
		memcpy(table, alive, sizeof alive);
		expect(fault_at(GFN, i), TDXC_FAULT_FIXED);
		down();
	}
}
END_TEST

static void finalise_it(void *arg)
{
	(void)arg;
	c.finalised = true;
}

/* ADD and AUG are the external tree's choice, made while the entry is frozen:
 * the state that it sees then is the state that counts. */
START_TEST(r22_after_the_td_is_final_pages_are_augmented_and_never_added)
{
	up();
	expect(private_at(GFN), TDXC_FAULT_FIXED);
	ck_assert_uint_eq(c.adds, 1);
	mirror_case_run(&c, MIRROR_STALE, 1, finalise_it, NULL);
	expect(private_at(GFN ^ 1), TDXC_FAULT_FIXED);
	expect(private_at(GFN ^ 2), TDXC_FAULT_FIXED);
	ck_assert_uint_eq(c.adds, 1);
	ck_assert_uint_eq(c.augs, 2);
	down();
}
END_TEST

/* Whatever the port's memory held before. The external tree looks at it when
 * it is told of the table. */
START_TEST(r24_a_table_is_filled_before_it_is_linked)
{
	static const uint8_t fills[] = {0x00, 0x5A, 0xFF};
	uint32_t i;

	for (i = 0; i < 2 * COUNT(fills); i++) {
		uint32_t e;
		const uint64_t *table;

		up();
		c.fill = fills[i / 2];
		expect(fault_at(GFN, i & 1), TDXC_FAULT_FIXED);
		table = slot_of(root_of(i & 1),
				GFN | (i & 1 ? 0 : tdxc_alias_bit(4)), 1) -
			(GFN & 511);
		for (e = 0; e < TDXC_ENTRIES; e++)
			if (e != (GFN & 511))
				ck_assert_uint_eq(table[e],
						  TDXC_SPTE_EMPTY_BITS);
		down();
	}
}
END_TEST

/* A port that hands zeros in does no harm; zeros that come later are noticed,
 * because they would be MMIO. */
START_TEST(r35_a_table_of_zeros_in_the_mirror_is_detected)
{
	uint32_t level;

	for (level = 1; level <= 3; level++) {
		uint64_t before;
		uint64_t *slot;

		up();
		expect(private_at(GFN), TDXC_FAULT_FIXED);
		slot = slot_of(root_of(true), GFN ^ 1ull << 9 * (level - 1),
			       level);
		*slot = 0;
		before = mirror_case_digest(&c);
		expect(private_at(GFN ^ 1ull << 9 * (level - 1)), TDXC_E_EXIST);
		ck_assert_uint_eq(mirror_case_digest(&c), before);
		*slot = TDXC_SPTE_EMPTY_BITS;
		down();
	}
}
END_TEST

START_TEST(r35_zeros_above_the_leaves_of_a_direct_root_are_detected)
{
	uint32_t level;

	for (level = 2; level <= 4; level++) {
		uint64_t gfn = GFN ^ 1ull << 9 * (level - 1);
		uint64_t *slot;

		up();
		expect(shared_at(GFN), TDXC_FAULT_FIXED);
		slot = slot_of(root_of(false), gfn | tdxc_alias_bit(4), level);
		*slot = 0;
		expect(shared_at(gfn), TDXC_E_EXIST);
		expect(mmio_at(gfn, 0), TDXC_E_EXIST);
		if (level <= TDXC_LEVEL_1G)
			expect(large(shared_at(gfn), level), TDXC_E_EXIST);
		*slot = TDXC_SPTE_EMPTY_BITS;
		down();
	}
}
END_TEST

/* The caller retries in place; each try comes back at once, and when the slot
 * is gone it stops trying. */
START_TEST(r26_a_fault_of_a_slot_being_deleted_never_waits)
{
	struct tdxc_fault fault;
	uint32_t tries;

	up();
	fault = private_at(GFN);
	mirror_case_invalidate(&c, GFN, GFN + 1);
	for (tries = 0; tries < 100; tries++)
		ck_assert_int_eq(handle(&fault), TDXC_FAULT_RETRY);
	ck_assert_uint_eq(counts().stale, 100);
	/* the tables above were needed once */
	ck_assert_uint_eq(counts().tables[KIND_MIRROR], 3);
	ck_assert_uint_eq(c.calls[MIRROR_SET], 3);
	down();
}
END_TEST

START_TEST(r27_tables_of_a_fault_that_was_given_up_serve_the_next_one)
{
	struct tdxc_fault fault;

	up();
	mirror_case_fail(&c, MIRROR_SET, 4, TDXC_E_BUSY);
	expect(private_at(GFN), TDXC_FAULT_RETRY);
	ck_assert_uint_eq(counts().tables[KIND_MIRROR], 3);
	ck_assert_uint_eq(c.cpu[0].nr_spare[KIND_MIRROR], 0);
	mirror_case_calm(&c);
	/* no table is left, and none is needed */
	fault = private_at(GFN);
	ck_assert_int_eq(tdxc_mmu_fault(&c.mmu, root_of(true), &c.cpu[0],
					&fault, TDXC_LOCK_SHARED),
			 TDXC_FAULT_FIXED);
	ck_assert_uint_eq(counts().tables[KIND_MIRROR], 3);
	down();
}
END_TEST

START_TEST(r38_a_module_that_is_busy_for_ever_never_holds_a_fault_up)
{
	uint64_t before;
	uint32_t tries;

	up();
	expect(private_at(GFN ^ 1), TDXC_FAULT_FIXED);
	before = mirror_case_digest(&c);
	mirror_case_fail(&c, MIRROR_SET, 1, TDXC_E_BUSY);
	c.inject[MIRROR_SET].times = 1000;
	for (tries = 0; tries < 1000; tries++)
		expect(private_at(GFN), TDXC_FAULT_RETRY);
	/* one call each, and all are counted */
	ck_assert_uint_eq(c.calls[MIRROR_SET], 1004);
	ck_assert_uint_eq(counts().busy, 1000);
	ck_assert_uint_eq(mirror_case_digest(&c), before);
	down();
}
END_TEST

START_TEST(r42_a_cpu_that_was_topped_up_never_runs_out_of_tables)
{
	uint32_t i;

	for (i = 0; i < 4; i++) {
		uint32_t levels = i & 1 ? 5 : 4;

		up_as(levels, true, false);
		ck_assert_int_eq(mirror_case_ready(&c, 0, i & 2), TDXC_OK);
		ck_assert_uint_eq(c.cpu[0].nr_spare[i / 2], levels - 1);
		expect(fault_at(GFN, i & 2), TDXC_FAULT_FIXED);
		ck_assert_uint_eq(c.cpu[0].nr_spare[i / 2], 0);
		down();
	}
}
END_TEST

START_TEST(r42_one_that_was_not_says_so_and_keeps_what_it_linked)
{
	uint32_t i;

	for (i = 0; i < 6; i++) {
		bool is_private = i & 1;
		uint32_t n = i / 2;
		struct tdxc_fault fault;
		struct tdxc_root *root;

		up();
		root = root_of(is_private);
		mirror_case_fail(&c, MIRROR_ALLOC, n + 1, TDXC_E_NOMEM);
		ck_assert_int_eq(mirror_case_ready(&c, 0, is_private),
				 TDXC_E_NOMEM);
		fault = fault_at(GFN, is_private);
		ck_assert_int_eq(tdxc_mmu_fault(&c.mmu, root, &c.cpu[0], &fault,
						TDXC_LOCK_SHARED),
				 TDXC_E_NOMEM);
		ck_assert_uint_eq(counts().tables[is_private], n);
		mirror_case_calm(&c);
		expect(fault, TDXC_FAULT_FIXED);
		down();
	}
}
END_TEST

/* Neither present nor empty: nothing is concluded from a frozen entry. */
START_TEST(r44_a_frozen_entry_is_taken_for_neither_present_nor_empty)
{
	uint32_t i;

	for (i = 0; i < 16; i++) {
		bool is_private = i & 1;
		uint64_t alias = is_private ? 0 : tdxc_alias_bit(4);
		struct tdxc_fault fault;
		uint64_t *slot;

		up();
		expect(fault_at(GFN ^ 1, is_private), TDXC_FAULT_FIXED);
		slot = slot_of(root_of(is_private), GFN | alias, 1);
		*slot = TDXC_SPTE_FROZEN_BITS;
		fault = fault_at(GFN, is_private);
		fault.prefetch = i & 2;
		fault.write = i & 4;
		fault.mmio = !is_private && i & 8;
		ck_assert_int_eq(handle(&fault), TDXC_FAULT_RETRY);
		ck_assert_uint_eq(*slot, TDXC_SPTE_FROZEN_BITS);
		ck_assert_uint_eq(counts().frozen_met, 1);
		*slot = TDXC_SPTE_EMPTY_BITS;
		down();
	}
}
END_TEST

START_TEST(h1_a_lost_exchange_refreshes_the_snapshot)
{
	struct tdxc_spte seen = tdxc_spte_empty();
	struct tdxc_spte there = tdxc_spte_private(0x1000, 1);
	struct tdxc_mmu_cpu cpu;
	uint64_t slot = there.bits;

	memset(&cpu, 0, sizeof cpu);
	ck_assert(!tdxc_freeze_(&cpu, &slot, &seen));
	ck_assert_uint_eq(seen.bits, there.bits);
	ck_assert_uint_eq(slot, there.bits);
	ck_assert_uint_eq(cpu.counts.lost, 1);
	ck_assert_uint_eq(cpu.frozen, 0);
	/* and with that it is won */
	ck_assert(tdxc_freeze_(&cpu, &slot, &seen));
	ck_assert_uint_eq(slot, TDXC_SPTE_FROZEN_BITS);
	ck_assert_uint_eq(cpu.frozen, 1);
	tdxc_thaw_(&cpu, &slot, seen);
	ck_assert_uint_eq(slot, there.bits);
	ck_assert_uint_eq(cpu.frozen, 0);
}
END_TEST

START_TEST(h16_pages_are_counted_only_when_the_change_succeeded)
{
	static const int errors[] = {TDXC_E_BUSY, TDXC_E_IO};
	uint32_t i;

	/* a large page over the table of GFN is never tried */
	for (i = 0; i < 6; i++) {
		struct tdxc_mmu_counts before;
		struct tdxc_mmu_counts after;
		struct tdxc_fault fault;

		up();
		expect(private_at(GFN), TDXC_FAULT_FIXED);
		before = counts();
		/* of a table, or of a leaf */
		mirror_case_fail(&c, MIRROR_SET, 1, errors[i & 1]);
		fault = large(private_at(i & 2 ? GFN ^ 512 : GFN ^ 1),
			      i & 4 ? TDXC_LEVEL_2M : TDXC_LEVEL_4K);
		ck_assert_int_ne(handle(&fault), TDXC_FAULT_FIXED);
		after = counts();
		ck_assert_mem_eq(after.pages, before.pages, sizeof after.pages);
		ck_assert_mem_eq(after.tables, before.tables,
				 sizeof after.tables);
		down();
	}
}
END_TEST

/* ---- every failure of every hook ---- */

struct failure {
	enum mirror_hook hook;
	int err;
	bool applied;
	int outcome;
	int outcome_of_table;
};

static const struct failure failures[] = {
	{MIRROR_ALLOC, TDXC_E_NOMEM, false, TDXC_E_NOMEM, TDXC_E_NOMEM},
	{MIRROR_LOCK, 0, false, TDXC_E_INVAL, TDXC_E_INVAL},
	{MIRROR_STALE, 0, false, TDXC_FAULT_RETRY, TDXC_FAULT_RETRY},
	{MIRROR_SET, TDXC_E_BUSY, false, TDXC_FAULT_RETRY, TDXC_FAULT_RETRY},
	{MIRROR_SET, TDXC_E_NOMEM, false, TDXC_E_NOMEM, TDXC_E_NOMEM},
	{MIRROR_SET, TDXC_E_OPNOTSUPP, false, TDXC_E_OPNOTSUPP,
	 TDXC_E_OPNOTSUPP},
	{MIRROR_SET, TDXC_E_IO, false, TDXC_E_IO, TDXC_FAULT_POISONED},
	{MIRROR_SET, TDXC_E_IO, true, TDXC_E_IO, TDXC_FAULT_POISONED},
	{MIRROR_SET, TDXC_E_INVAL, false, TDXC_E_IO, TDXC_FAULT_POISONED},
	{MIRROR_SET, 1, true, TDXC_E_IO, TDXC_FAULT_POISONED},
};

/* A fault that links three tables, with the n-th call of a hook failing: what
 * is left are whole tables, and nothing of what failed (I-ROLL, I-RET). true:
 * there was an n-th call. */
static bool fails_at(const struct failure *f, uint64_t at, bool is_private)
{
	struct tdxc_fault fault;
	uint64_t calls;
	bool of_table = f->hook == MIRROR_SET && at < 4;
	int outcome;

	up();
	fault = fault_at(GFN, is_private);
	(void)root_of(is_private);
	mirror_case_fail(&c, f->hook, at, f->err);
	c.inject[f->hook].applied = f->applied;
	calls = c.calls[f->hook];
	outcome = handle(&fault);
	if (c.calls[f->hook] < calls + at) {
		ck_assert_int_eq(outcome, TDXC_FAULT_FIXED);
		down();
		return false;
	}
	ck_assert_int_eq(outcome, of_table ? f->outcome_of_table : f->outcome);
	ck_assert_uint_eq(counts().pages[is_private][1], 0);
	ck_assert(!tdxc_spte_is_present(look(GFN, is_private).spte));
	if (!f->applied)
		ck_assert(!mirror_case_is_lent(&c, fault.pa));
	ck_assert_ptr_null(mirror_case_audit(&c));
	mirror_case_calm(&c);
	if (!tdxc_mmu_is_poisoned(&c.mmu))
		expect(fault, TDXC_FAULT_FIXED);
	down();
	return true;
}

START_TEST(i_roll_every_failure_of_every_hook_leaves_whole_steps)
{
	static const uint32_t reached[2][COUNT(failures)] = {
		{3, 1, 1, 0, 0, 0, 0, 0, 0, 0}, {3, 1, 1, 4, 4, 4, 4, 4, 4, 4}};
	uint32_t i;

	for (i = 0; i < 2 * COUNT(failures); i++) {
		uint32_t n = 0;

		while (fails_at(&failures[i / 2], n + 1, i & 1))
			n++;
		ck_assert_msg(n == reached[i & 1][i / 2], "row %u: %u calls",
			      i / 2, n);
	}
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

static struct tdxc_fault random_fault(void)
{
	uint64_t gfn = GFN & ~0x3FFFFull;
	struct tdxc_fault fault;

	gfn += random_below(3) << 18;
	gfn += random_below(3) << 9;
	gfn += random_below(4);
	fault = large(fault_at(gfn, random_below(2)),
		      (uint32_t)(random_below(12) == 0	? 3
				 : random_below(6) == 0 ? 2
							: 1));
	fault.write = random_below(2);
	fault.prefetch = random_below(4) == 0;
	if (!fault.is_private) {
		fault.write_protected = random_below(4) == 0;
		fault.host_writable = random_below(4) != 0;
		fault.mmio = random_below(16) == 0;
		fault.generation = random_below(4);
	}
	if (random_below(16) == 0 && fault.sequence > 0)
		fault.sequence--;
	return fault;
}

/* What a successful fault promises. */
static void check_mapped(const struct tdxc_fault *fault)
{
	struct tdxc_found found = look(fault->gfn.n, fault->is_private);
	uint64_t inside =
		fault->gfn.n & (tdxc_level_frames((uint32_t)found.level) - 1);

	ck_assert(tdxc_spte_is_leaf(found.spte));
	ck_assert_uint_le(found.level, fault->level);
	ck_assert_uint_eq(tdxc_spte_pa(found.spte) + inside * PAGE,
			  fault_at(fault->gfn.n, fault->is_private).pa);
	if (fault->write && !fault->prefetch)
		ck_assert((found.spte.bits & W) != 0);
}

static void random_step(uint64_t met[16])
{
	struct tdxc_fault fault = random_fault();
	struct tdxc_mmu_counts before = counts();
	struct tdxc_mmu_counts after;
	int outcome;

	if (random_below(16) == 0)
		mirror_case_fail(&c, MIRROR_SET, 1 + random_below(4),
				 TDXC_E_BUSY);
	if (random_below(32) == 0 && c.nr_invalidated < MIRROR_CASE_RANGES)
		mirror_case_invalidate(&c, fault.gfn.n, fault.gfn.n + 4);
	outcome = mirror_case_do(&c, (uint32_t)random_below(2), &fault);
	mirror_case_calm(&c);
	after = counts();
	if (outcome == TDXC_FAULT_FIXED || outcome == TDXC_FAULT_SPURIOUS)
		check_mapped(&fault);
	if (outcome != TDXC_FAULT_FIXED)
		ck_assert_mem_eq(before.pages, after.pages, sizeof after.pages);
	ck_assert(outcome >= 0 || outcome == TDXC_E_EXIST);
	met[outcome < 0 ? 15 : outcome]++;
}

START_TEST(random_faults_keep_both_trees_alike)
{
	uint64_t n = FAULTS * from_env("TDXC_TEST_SCALE", 100) / 100 + FEWEST;
	uint64_t met[16] = {0};
	uint64_t i;

	state = from_env("TDXC_SEED", 1);
	printf("TDXC_SEED=%llu\n", (unsigned long long)state);
	for (i = 0; i < n; i++) {
		if (i % 500 == 0) {
			if (i > 0)
				down();
			up_as(i % 1000 ? 4 : 5, true, false);
		}
		random_step(met);
	}
	down();
	for (i = TDXC_FAULT_FIXED; i <= TDXC_FAULT_ACCESS; i++)
		ck_assert_msg(met[i] > 0, "outcome %llu was never met",
			      (unsigned long long)i);
	ck_assert_uint_gt(met[15], 0);
}
END_TEST

/* ---- suite ---- */

static TCase *installs_case(void)
{
	TCase *t = tcase_create("what is installed");

	tcase_add_test(
		t, a_shared_fault_installs_what_the_access_and_the_host_allow);
	tcase_add_test(t, s002_5_a_private_fault_installs_rwx_and_write_back);
	tcase_add_test(t, s002_5_anything_else_is_refused_for_private_memory);
	tcase_add_test(t,
		       r43_4_and_5_levels_index_alike_with_alias_bit_47_and_51);
	tcase_add_test(t, r32_mirror_walks_index_without_the_alias_bit);
	tcase_add_test(t, s002_1_the_same_frame_is_mapped_in_both_halves);
	tcase_add_test(t, a_guest_without_private_memory_uses_all_of_its_root);
	return t;
}

static TCase *trees_case(void)
{
	TCase *t = tcase_create("trees");

	tcase_add_test(
		t,
		s002_2_the_mirror_has_a_table_wherever_the_private_tree_has_one);
	tcase_add_test(t, s002_2_mirror_tables_are_never_given_to_the_module);
	tcase_add_test(
		t,
		s002_10_every_change_of_the_mirror_goes_with_one_of_the_private_tree);
	tcase_add_test(t, h22_every_committed_change_is_told_and_counted_once);
	return t;
}

static TCase *large_pages_case(void)
{
	TCase *t = tcase_create("large pages");

	tcase_add_test(t, a_large_page_is_mapped_where_the_level_allows_it);
	tcase_add_test(
		t, below_a_table_that_is_there_smaller_pages_of_it_are_mapped);
	tcase_add_test(t,
		       a_large_page_in_the_way_of_a_smaller_one_is_left_alone);
	tcase_add_test(
		t, h20_no_large_page_over_a_range_of_which_half_is_converted);
	return t;
}

static TCase *there_already_case(void)
{
	TCase *t = tcase_create("what is there already");

	tcase_add_test(t, h23_fault_and_prefault_of_one_page_add_it_once);
	tcase_add_test(
		t,
		a_write_to_a_write_protected_page_makes_it_writable_and_dirty);
	tcase_add_test(
		t,
		a_write_to_a_page_that_the_host_maps_read_only_is_not_allowed);
	tcase_add_test(t, a_prefault_is_content_with_any_page_that_is_mapped);
	tcase_add_test(t, a_stale_write_does_not_undo_a_write_protection);
	tcase_add_test(t, r37_another_page_under_a_leaf_is_refused);
	tcase_add_test(t, r36_no_fault_changes_the_attributes_of_a_mirror_leaf);
	tcase_add_test(t, no_td_fetches_from_shared_memory);
	return t;
}

static TCase *mmio_case(void)
{
	TCase *t = tcase_create("MMIO");

	tcase_add_test(t, mmio_is_remembered_with_its_generation);
	tcase_add_test(
		t, memory_takes_the_place_of_mmio_but_not_the_other_way_round);
	tcase_add_test(t, mmio_is_4_kib_wherever_it_is);
	tcase_add_test(t, stale_mmio_is_not_installed);
	return t;
}

static TCase *refusals_case(void)
{
	TCase *t = tcase_create("what is refused");

	tcase_add_test(t, a_fault_that_makes_no_sense_changes_nothing);
	tcase_add_test(
		t, s002_4_a_frame_with_the_shared_bit_is_refused_in_both_roots);
	tcase_add_test(t, h13_frames_of_the_alias_half_cannot_be_mapped);
	tcase_add_test(t,
		       r33_a_direct_walk_at_or_above_the_alias_bit_is_refused);
	tcase_add_test(t,
		       s002_3_a_private_fault_has_no_business_in_a_direct_root);
	tcase_add_test(t, without_the_lock_nothing_happens);
	tcase_add_test(t, the_external_tree_is_told_how_the_lock_is_held);
	tcase_add_test(
		t,
		h19_a_fault_in_an_invalid_root_is_retried_and_changes_nothing);
	tcase_add_test(t, h17_no_fault_can_ask_for_a_frozen_entry);
	return t;
}

static TCase *in_between_case(void)
{
	TCase *t = tcase_create("others in between");

	tcase_add_test(
		t,
		r1_the_loser_of_two_faults_on_one_address_leaves_and_retries);
	tcase_add_test(t,
		       r2_a_fault_below_a_frozen_table_entry_stops_and_retries);
	tcase_add_test(t, r3_a_table_that_two_faults_need_is_added_once);
	tcase_add_test(t, r4_after_a_busy_module_the_old_entry_is_back);
	tcase_add_test(
		t,
		r5_a_fatal_error_restores_the_entry_and_stops_external_changes);
	tcase_add_test(t, r5_a_fault_that_is_under_way_lends_nothing_any_more);
	tcase_add_test(t,
		       r5_the_external_page_of_a_table_of_unknown_fate_is_lost);
	tcase_add_test(t, r7_a_fault_queued_behind_a_zap_sees_that_it_is_stale);
	tcase_add_test(
		t,
		r25_an_attribute_that_flips_after_the_lookup_makes_the_fault_retry);
	tcase_add_test(
		t,
		h3_the_entry_is_frozen_from_before_the_page_is_added_to_after);
	tcase_add_test(t,
		       s002_9_the_entry_is_frozen_while_the_module_call_runs);
	tcase_add_test(
		t, r15_nothing_is_frozen_where_a_fault_allocates_or_returns);
	tcase_add_test(
		t,
		r21_a_fault_on_an_entry_of_a_dead_table_fails_and_walks_again);
	tcase_add_test(
		t,
		r22_after_the_td_is_final_pages_are_augmented_and_never_added);
	tcase_add_test(t, r24_a_table_is_filled_before_it_is_linked);
	tcase_add_test(t, r35_a_table_of_zeros_in_the_mirror_is_detected);
	tcase_add_test(
		t, r35_zeros_above_the_leaves_of_a_direct_root_are_detected);
	tcase_add_test(t, r26_a_fault_of_a_slot_being_deleted_never_waits);
	tcase_add_test(
		t, r27_tables_of_a_fault_that_was_given_up_serve_the_next_one);
	tcase_add_test(
		t, r38_a_module_that_is_busy_for_ever_never_holds_a_fault_up);
	tcase_add_test(t,
		       r42_a_cpu_that_was_topped_up_never_runs_out_of_tables);
	tcase_add_test(t,
		       r42_one_that_was_not_says_so_and_keeps_what_it_linked);
	tcase_add_test(
		t, r44_a_frozen_entry_is_taken_for_neither_present_nor_empty);
	tcase_add_test(t, h1_a_lost_exchange_refreshes_the_snapshot);
	tcase_add_test(t, h16_pages_are_counted_only_when_the_change_succeeded);
	return t;
}

static TCase *failing_case(void)
{
	TCase *t = tcase_create("every failure of every hook");

	tcase_add_test(t,
		       i_roll_every_failure_of_every_hook_leaves_whole_steps);
	return t;
}

static TCase *at_random_case(void)
{
	TCase *t = tcase_create("at random");

	tcase_add_test(t, random_faults_keep_both_trees_alike);
	return t;
}

int main(void)
{
	Suite *suite = suite_create("mirror_fault");
	SRunner *runner;
	int failed;

	suite_add_tcase(suite, installs_case());
	suite_add_tcase(suite, trees_case());
	suite_add_tcase(suite, large_pages_case());
	suite_add_tcase(suite, there_already_case());
	suite_add_tcase(suite, mmio_case());
	suite_add_tcase(suite, refusals_case());
	suite_add_tcase(suite, in_between_case());
	suite_add_tcase(suite, failing_case());
	suite_add_tcase(suite, at_random_case());
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
