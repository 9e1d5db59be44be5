/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Page-table entries: every predicate on every kind of entry, and the frozen
 * value against everything that can be encoded.
 *
 * TDXC_TEST_SCALE=percent: how many MMIO generations are tried.
 */
#include <tdxcore/spte.h>

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define PA	     0x123456789000ull
#define TOP_PA	     0x000FFFFFFFFFF000ull

/* Any request is one number below REQUESTS. */
#define FLAGS	 7
#define REQUESTS (1u << (FLAGS + 3))

static const struct tdxc_mmio vm = {0x8000000000000007ull, 6};
static const struct tdxc_mmio td = {0x8000000000000007ull, 0};

/* From one generation to the next that is tried. */
static uint64_t generation_step(void)
{
	const char *text = getenv("TDXC_TEST_SCALE");
	uint64_t percent = text ? strtoull(text, NULL, 0) : 100;

	return percent == 0 || percent > 100 ? 1 : 100 / percent;
}

static struct tdxc_spte_request request_of(uint32_t number, uint64_t pa,
					   uint32_t level)
{
	struct tdxc_spte_request r = {
		.pa = pa & ~(tdxc_level_frames(level) * 4096 - 1),
		.level = level,
		.read = number & 1,
		.exec = number >> 1 & 1,
		.host_writable = number >> 2 & 1,
		.write_protected = number >> 3 & 1,
		.accessed = number >> 4 & 1,
		.dirty = number >> 5 & 1,
		.ignore_pat = number >> 6 & 1,
		.memory_type = (uint8_t)(number >> FLAGS & 7),
	};

	return r;
}

static struct tdxc_spte direct(uint32_t number, uint64_t pa, uint32_t level)
{
	struct tdxc_spte_request r = request_of(number, pa, level);

	return tdxc_spte_direct(&r);
}

static struct tdxc_spte word(uint64_t bits)
{
	struct tdxc_spte s = {bits};

	return s;
}

/* ---- what an entry is ---- */

enum {
	PRESENT = 1,
	TABLE = 2,
	LEAF = 4,
	FROZEN = 8,
	VM_MMIO = 16,
	TD_MMIO = 32,
};

static uint32_t kind_of(struct tdxc_spte s)
{
	return (tdxc_spte_is_present(s) ? PRESENT : 0u) |
	       (tdxc_spte_is_table(s) ? TABLE : 0u) |
	       (tdxc_spte_is_leaf(s) ? LEAF : 0u) |
	       (tdxc_spte_is_frozen(s) ? FROZEN : 0u) |
	       (tdxc_spte_is_mmio(&vm, s) ? VM_MMIO : 0u) |
	       (tdxc_spte_is_mmio(&td, s) ? TD_MMIO : 0u);
}

START_TEST(each_predicate_holds_for_its_own_entries_alone)
{
	const struct {
		struct tdxc_spte s;
		uint32_t kind;
	} rows[] = {
		{tdxc_spte_empty(), 0},
		{tdxc_spte_frozen(), FROZEN},
		{tdxc_spte_table(0), PRESENT | TABLE},
		{tdxc_spte_table(PA), PRESENT | TABLE},
		{tdxc_spte_table(TOP_PA), PRESENT | TABLE},
		{tdxc_spte_private(PA, 1), PRESENT | LEAF},
		{tdxc_spte_private(TOP_PA, 1), PRESENT | LEAF},
		{tdxc_spte_private(0, 2), PRESENT | LEAF},
		{tdxc_spte_private(0, 3), PRESENT | LEAF},
		{direct(REQUESTS - 1, TOP_PA, 1), PRESENT | LEAF},
		{direct(0, 0, 1), PRESENT | LEAF},
		{tdxc_spte_mmio(&vm, 0), VM_MMIO},
		{tdxc_spte_mmio(&vm, TDXC_MMIO_GENERATIONS - 1), VM_MMIO},
		{tdxc_spte_mmio(&td, 0), TD_MMIO},
		{tdxc_spte_mmio(&td, TDXC_MMIO_GENERATIONS - 1), TD_MMIO},
		{word(0), TD_MMIO},
	};
	size_t i;

	for (i = 0; i < COUNT(rows); i++)
		ck_assert_msg(kind_of(rows[i].s) == rows[i].kind, "row %zu", i);
}
END_TEST

/* kvm-mirror-mmu.md 11.1 H24: nor does it have a bit that a filter by
 * permission, A or D looks at, nor an address. */
START_TEST(h24_no_predicate_holds_for_a_frozen_entry)
{
	const struct tdxc_spte s = tdxc_spte_frozen();

	ck_assert_uint_eq(kind_of(s), FROZEN);
	ck_assert_uint_eq(s.bits & TDXC_SPTE_RWX, 0);
	ck_assert_uint_eq(s.bits & (TDXC_SPTE_A | TDXC_SPTE_D), 0);
	ck_assert_uint_eq(s.bits & (TDXC_SPTE_HOST_W | TDXC_SPTE_MMU_W), 0);
	ck_assert_uint_eq(tdxc_spte_pa(s), 0);
	ck_assert_uint_ne(s.bits & TDXC_SPTE_SVE, 0);
}
END_TEST

/* R44: what looks for a page that may be written finds none. */
START_TEST(R44_a_frozen_entry_is_absent_for_who_looks_at_permissions)
{
	const struct tdxc_spte s = tdxc_spte_frozen();

	ck_assert(!tdxc_spte_is_present(s));
	ck_assert(!tdxc_spte_is_leaf(s));
	ck_assert_uint_eq(s.bits & (TDXC_SPTE_W | TDXC_SPTE_MMU_W), 0);
}
END_TEST

START_TEST(I_ENC_frozen_is_no_leaf_of_a_direct_root)
{
	const uint64_t pas[] = {0, PA, TOP_PA};
	uint32_t level = (uint32_t)_i;
	uint64_t bad = 0;
	uint32_t number;
	size_t i;

	for (number = 0; number < REQUESTS; number++) {
		for (i = 0; i < COUNT(pas); i++) {
			struct tdxc_spte s = direct(number, pas[i], level);

			bad += kind_of(s) != (PRESENT | LEAF);
			bad += s.bits == TDXC_SPTE_FROZEN_BITS;
			bad += s.bits == TDXC_SPTE_EMPTY_BITS;
		}
	}
	ck_assert_uint_eq(bad, 0);
}
END_TEST

START_TEST(I_ENC_frozen_is_no_table_and_no_private_leaf_at_any_address)
{
	uint64_t i;

	for (i = 0; i < 40; i++) {
		uint64_t pa = 4096ull << i;
		uint32_t level;

		ck_assert_uint_eq(kind_of(tdxc_spte_table(pa)),
				  PRESENT | TABLE);
		for (level = 1; level <= 3; level++)
			ck_assert_uint_eq(kind_of(tdxc_spte_private(pa, level)),
					  PRESENT | LEAF);
	}
	ck_assert_uint_ne(TDXC_SPTE_FROZEN_BITS, TDXC_SPTE_EMPTY_BITS);
}
END_TEST

START_TEST(I_ENC_frozen_is_no_mmio_entry_of_any_generation)
{
	const struct tdxc_mmio mmio = tdxc_mmio_of(_i);
	const uint32_t kind = _i ? TD_MMIO : VM_MMIO;
	uint64_t step = generation_step();
	uint64_t bad = 0;
	uint64_t g;

	for (g = 0; g < TDXC_MMIO_GENERATIONS; g += step) {
		struct tdxc_spte s = tdxc_spte_mmio(&mmio, g);

		bad += kind_of(s) != kind;
		bad += s.bits == TDXC_SPTE_EMPTY_BITS;
	}
	ck_assert_uint_eq(bad, 0);
}
END_TEST

/* A lookup tells tables by the lower twelve bits. */
START_TEST(the_lower_bits_of_a_table_entry_are_those_of_no_other)
{
	const uint64_t low = TDXC_SPTE_TABLE_BITS & 0xFFF;
	uint64_t step = generation_step();
	uint64_t bad = 0;
	uint64_t g;
	uint32_t number;

	ck_assert_uint_ne(TDXC_SPTE_EMPTY_BITS & 0xFFF, low);
	ck_assert_uint_ne(TDXC_SPTE_FROZEN_BITS & 0xFFF, low);
	for (number = 0; number < REQUESTS; number++) {
		bad += (direct(number, PA, 1).bits & 0xFFF) == low;
		bad += (direct(number, PA, 2).bits & 0xFFF) == low;
	}
	for (g = 0; g < TDXC_MMIO_GENERATIONS; g += step) {
		bad += (tdxc_spte_mmio(&vm, g).bits & 0xFFF) == low;
		bad += (tdxc_spte_mmio(&td, g).bits & 0xFFF) == low;
	}
	ck_assert_uint_eq(bad, 0);
	ck_assert_uint_eq(tdxc_spte_table(TOP_PA).bits & 0xFFF, low);
}
END_TEST

/* ---- making entries ---- */

START_TEST(a_direct_leaf_says_what_was_asked_for)
{
	uint32_t level = (uint32_t)_i;
	uint32_t number;

	for (number = 0; number < REQUESTS; number++) {
		struct tdxc_spte_request r = request_of(number, PA, level);
		uint64_t bits = tdxc_spte_direct(&r).bits;

		ck_assert_uint_eq(bits & TDXC_SPTE_PA_MASK, r.pa);
		ck_assert_int_eq(!!(bits & TDXC_SPTE_R), r.read);
		ck_assert_int_eq(!!(bits & TDXC_SPTE_X), r.exec);
		ck_assert_int_eq(!!(bits & TDXC_SPTE_A), r.accessed);
		ck_assert_int_eq(!!(bits & TDXC_SPTE_D), r.dirty);
		ck_assert_int_eq(!!(bits & TDXC_SPTE_IPAT), r.ignore_pat);
		ck_assert_int_eq(!!(bits & TDXC_SPTE_HUGE), level > 1);
		ck_assert_uint_eq(bits >> TDXC_SPTE_TYPE_SHIFT & 7,
				  r.memory_type);
		ck_assert_uint_ne(bits & TDXC_SPTE_SVE, 0);
	}
}
END_TEST

/* kvm-mirror-mmu.md 2.3: W only if the MMU allows it, that only if the host
 * does. */
START_TEST(write_permissions_of_direct_leaves_are_in_order)
{
	uint32_t number;

	for (number = 0; number < REQUESTS; number++) {
		struct tdxc_spte_request r = request_of(number, PA, 1);
		uint64_t bits = tdxc_spte_direct(&r).bits;
		bool w = bits & TDXC_SPTE_W;
		bool mmu = bits & TDXC_SPTE_MMU_W;
		bool host = bits & TDXC_SPTE_HOST_W;

		ck_assert(!w || mmu);
		ck_assert(!mmu || host);
		ck_assert_int_eq(host, r.host_writable);
		ck_assert_int_eq(w, r.host_writable && !r.write_protected);
	}
}
END_TEST

/* kvm-mirror-mmu.md 2.2: the leaf of a demand fault that writes, and of a
 * prefetch that did not. */
START_TEST(direct_leaves_look_as_they_do_in_linux)
{
	struct tdxc_spte_request r = {
		.pa = PA,
		.level = 1,
		.read = true,
		.exec = true,
		.host_writable = true,
		.accessed = true,
		.dirty = true,
		.memory_type = 6,
	};

	ck_assert_uint_eq(tdxc_spte_direct(&r).bits, 0x8600000000000B37 | PA);
	r.accessed = false;
	ck_assert_uint_eq(tdxc_spte_direct(&r).bits, 0x8600000000000A37 | PA);
}
END_TEST

/* seeds.md S002-5 */
START_TEST(private_leaves_are_rwx_and_write_back_at_each_level)
{
	const struct {
		uint32_t level;
		uint64_t bits;
	} rows[] = {
		{1, 0x8600000000000837 | PA},
		{2, 0x86000000000008B7 | (PA & ~0x1FFFFFull)},
		{3, 0x86000000000008B7 | (PA & ~0x3FFFFFFFull)},
	};
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		uint64_t pa = rows[i].bits & TDXC_SPTE_PA_MASK;
		struct tdxc_spte s = tdxc_spte_private(pa, rows[i].level);

		ck_assert_uint_eq(s.bits, rows[i].bits);
		ck_assert_uint_eq(tdxc_spte_pa(s), pa);
	}
}
END_TEST

START_TEST(tables_allow_all_and_keep_their_address)
{
	struct tdxc_spte s = tdxc_spte_table(PA);

	ck_assert_uint_eq(tdxc_spte_pa(s), PA);
	ck_assert_uint_eq(tdxc_spte_pa(tdxc_spte_table(TOP_PA)), TOP_PA);
	ck_assert_uint_eq(s.bits & TDXC_SPTE_RWX, TDXC_SPTE_RWX);
	ck_assert_uint_ne(s.bits & TDXC_SPTE_A, 0);
	/* Reserved where an entry points to a table. */
	ck_assert_uint_eq(s.bits & 0xF8, 0);
}
END_TEST

/* ---- MMIO ---- */

START_TEST(a_generation_comes_back_from_an_mmio_entry)
{
	const struct tdxc_mmio mmio = tdxc_mmio_of(_i);
	uint64_t step = generation_step();
	uint64_t bad = 0;
	uint64_t g;

	for (g = 0; g < TDXC_MMIO_GENERATIONS; g += step) {
		struct tdxc_spte s = tdxc_spte_mmio(&mmio, g);
		uint64_t beyond = g + 5 * TDXC_MMIO_GENERATIONS;

		bad += tdxc_spte_mmio_generation(s) != g;
		bad += tdxc_spte_mmio(&mmio, beyond).bits != s.bits;
	}
	ck_assert_uint_eq(bad, 0);
	for (g = 1; g < TDXC_MMIO_GENERATIONS; g <<= 1) {
		struct tdxc_spte s = tdxc_spte_mmio(&mmio, g);

		ck_assert_uint_eq(tdxc_spte_mmio_generation(s), g);
	}
}
END_TEST

/* kvm-mirror-mmu.md 2.2 */
START_TEST(mmio_entries_exit_in_a_vm_and_raise_ve_in_a_td)
{
	const uint64_t g = TDXC_MMIO_GENERATIONS - 1;
	const struct tdxc_mmio of_vm = tdxc_mmio_of(false);
	const struct tdxc_mmio of_td = tdxc_mmio_of(true);

	ck_assert_mem_eq(&of_vm, &vm, sizeof vm);
	ck_assert_mem_eq(&of_td, &td, sizeof td);
	ck_assert_uint_eq(tdxc_spte_mmio(&vm, g).bits & TDXC_SPTE_RWX,
			  TDXC_SPTE_W | TDXC_SPTE_X);
	ck_assert_uint_eq(tdxc_spte_mmio(&td, g).bits & TDXC_SPTE_RWX, 0);
	ck_assert_uint_eq(tdxc_spte_mmio(&td, g).bits & TDXC_SPTE_SVE, 0);
}
END_TEST

START_TEST(R35_a_table_of_zeros_is_mmio_and_a_filled_one_is_empty)
{
	uint64_t table[TDXC_ENTRIES + 2];
	uint32_t i;

	memset(table, 0, sizeof table);
	ck_assert(tdxc_spte_is_mmio(&td, word(table[0])));
	tdxc_table_fill(table + 1);
	ck_assert_uint_eq(table[0], 0);
	ck_assert_uint_eq(table[TDXC_ENTRIES + 1], 0);
	for (i = 1; i <= TDXC_ENTRIES; i++) {
		ck_assert_uint_eq(table[i], tdxc_spte_empty().bits);
		ck_assert_uint_eq(kind_of(word(table[i])), 0);
	}
}
END_TEST

/* ---- levels ---- */

START_TEST(levels_span_4_kib_2_mib_1_gib_and_so_on)
{
	const uint64_t frames[] = {1, 0x200, 0x40000, 0x8000000, 0x1000000000};
	uint32_t i;

	for (i = 0; i < COUNT(frames); i++) {
		ck_assert_uint_eq(tdxc_level_frames(i + 1), frames[i]);
		ck_assert_uint_eq(1ull << tdxc_level_shift(i + 1), frames[i]);
		ck_assert_uint_eq(tdxc_level_of_module(i + 1), i);
	}
}
END_TEST

static TCase *kinds_case(void)
{
	TCase *tc = tcase_create("kinds");

	tcase_add_test(tc, each_predicate_holds_for_its_own_entries_alone);
	tcase_add_test(tc, h24_no_predicate_holds_for_a_frozen_entry);
	tcase_add_test(
		tc, R44_a_frozen_entry_is_absent_for_who_looks_at_permissions);
	tcase_add_loop_test(tc, I_ENC_frozen_is_no_leaf_of_a_direct_root, 1, 4);
	tcase_add_test(
		tc,
		I_ENC_frozen_is_no_table_and_no_private_leaf_at_any_address);
	tcase_add_loop_test(tc, I_ENC_frozen_is_no_mmio_entry_of_any_generation,
			    0, 2);
	tcase_add_test(tc,
		       the_lower_bits_of_a_table_entry_are_those_of_no_other);
	return tc;
}

static TCase *making_case(void)
{
	TCase *tc = tcase_create("making");

	tcase_add_loop_test(tc, a_direct_leaf_says_what_was_asked_for, 1, 4);
	tcase_add_test(tc, write_permissions_of_direct_leaves_are_in_order);
	tcase_add_test(tc, direct_leaves_look_as_they_do_in_linux);
	tcase_add_test(tc, private_leaves_are_rwx_and_write_back_at_each_level);
	tcase_add_test(tc, tables_allow_all_and_keep_their_address);
	tcase_add_loop_test(tc, a_generation_comes_back_from_an_mmio_entry, 0,
			    2);
	tcase_add_test(tc, mmio_entries_exit_in_a_vm_and_raise_ve_in_a_td);
	tcase_add_test(tc,
		       R35_a_table_of_zeros_is_mmio_and_a_filled_one_is_empty);
	tcase_add_test(tc, levels_span_4_kib_2_mib_1_gib_and_so_on);
	return tc;
}

int main(void)
{
	Suite *suite = suite_create("spte");
	SRunner *runner;
	int failed;

	suite_add_tcase(suite, kinds_case());
	suite_add_tcase(suite, making_case());
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
