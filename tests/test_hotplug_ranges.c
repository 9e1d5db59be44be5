/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Which hotplugged ranges lie in the memory that was planned, and that the
 * verdict says so.
 *
 * Once SYS.CONFIG is done, TDX memory cannot grow, so a range may go online
 * only if it was there before: is all of it covered, and which part is not?
 * Both questions are asked here of a planned machine, of the lists and then of
 * `hotplug`.
 *
 * The list is the RAM in use and the RAM under PAMTs. PAMTs belong to it: their
 * pages stay allocated, so they cannot go offline on their own, but a block may
 * hold one. Neighbours in the list touch where the node changes or a PAMT
 * begins, and stay separate entries on purpose: a rule that looked for one
 * entry around the whole range would refuse boot memory.
 */
#include <check.h>
#include <stdlib.h>

#include <tdxcore/tdxcore.h>

#define MIB	   0x100000ull
#define GIB	   0x40000000ull
#define BLOCK	   (128 * MIB) /* What Linux plugs at a time on x86. */
#define MAX_RANGES 64

/* Two nodes meet at 6 GiB; nothing lies between 2 and 4 GiB. */
static const struct tdxc_plan_ram ram[] = {
	{{0, 0x9F000}, 0},
	{{MIB, 2 * GIB}, 0},
	{{4 * GIB, 6 * GIB}, 0},
	{{6 * GIB, 8 * GIB}, 1},
};

static const struct tdxc_range cmrs[] = {
	{MIB, 2 * GIB},
	{4 * GIB, 8 * GIB},
};

/* The machine, planned. */
struct machine {
	struct tdxc_plan_config config;
	struct tdxc_plan plan;
	void *scratch;
	void *infos;
	struct tdxc_range tdx[MAX_RANGES];
	size_t nr_tdx;
};

static struct machine m;

static void machine_plan(void)
{
	struct tdxc_plan_fault fault;
	size_t bytes;

	m.config.abi = TDXC_ABI;
	m.config.limits = tdxc_limits_observed();
	m.config.cmrs = cmrs;
	m.config.nr_cmrs = sizeof(cmrs) / sizeof(cmrs[0]);
	m.config.ram = ram;
	m.config.nr_ram = sizeof(ram) / sizeof(ram[0]);
	ck_assert_int_eq(tdxc_plan_scratch_bytes(&m.config, &bytes), TDXC_OK);
	m.scratch = malloc(bytes);
	ck_assert_ptr_nonnull(m.scratch);
	ck_assert_int_eq(
		tdxc_plan_make(&m.plan, &m.config, m.scratch, bytes, &fault),
		TDXC_OK);
	bytes = m.plan.nr_tdmrs *
		tdxc_tdmr_info_stride(m.config.limits.max_reserved);
	m.infos = aligned_alloc(TDXC_TDMR_INFO_ALIGN, bytes);
	ck_assert_ptr_nonnull(m.infos);
	ck_assert_int_eq(tdxc_plan_seal(&m.plan, m.infos, bytes, &fault),
			 TDXC_OK);
}

static void machine_list_tdx_memory(void)
{
	size_t i;

	m.nr_tdx = 0;
	ck_assert_uint_le(m.plan.nr_memory + m.plan.nr_excluded, MAX_RANGES);
	for (i = 0; i < m.plan.nr_memory; i++)
		m.tdx[m.nr_tdx++] = m.plan.memory[i].range;
	for (i = 0; i < m.plan.nr_excluded; i++)
		if (m.plan.excluded[i].reason == TDXC_PLAN_PAMT)
			m.tdx[m.nr_tdx++] = m.plan.excluded[i].range;
	tdxc_range_sort(m.tdx, m.nr_tdx);
	ck_assert_uint_eq(tdxc_range_first_unsorted(m.tdx, m.nr_tdx), m.nr_tdx);
}

static void setup(void)
{
	machine_plan();
	machine_list_tdx_memory();
}

static void teardown(void)
{
	free(m.infos);
	free(m.scratch);
}

static bool covered(uint64_t start, uint64_t end)
{
	struct tdxc_range event = {start, end};

	return tdxc_range_list_covers(m.tdx, m.nr_tdx, event);
}

/* The part of an event that is not TDX memory, which must be one piece. */
static struct tdxc_range missing(uint64_t start, uint64_t end)
{
	struct tdxc_range event = {start, end};
	struct tdxc_range out[MAX_RANGES + 1];

	ck_assert_uint_eq(
		tdxc_range_list_subtract(&event, 1, m.tdx, m.nr_tdx, out), 1);
	return out[0];
}

START_TEST(boot_memory_goes_online_again)
{
	uint64_t at;

	for (at = BLOCK; at < 2 * GIB; at += BLOCK)
		ck_assert(covered(at, at + BLOCK));
	for (at = 4 * GIB; at < 8 * GIB; at += BLOCK)
		ck_assert(covered(at, at + BLOCK));
}
END_TEST

START_TEST(memory_that_was_not_there_is_not_covered)
{
	ck_assert(!covered(2 * GIB, 2 * GIB + BLOCK));
	ck_assert(!covered(8 * GIB, 8 * GIB + BLOCK));
	ck_assert_uint_eq(missing(8 * GIB, 8 * GIB + BLOCK).start, 8 * GIB);
}
END_TEST

/* A range across two recorded ranges that touch is as good as one inside
 * either: the nodes differ, the memory does not. */
START_TEST(idea_30_straddling_ranges_that_touch)
{
	size_t i, borders = 0;

	for (i = 1; i < m.nr_tdx; i++)
		borders += m.tdx[i - 1].end == 6 * GIB &&
			   m.tdx[i].start == 6 * GIB;
	ck_assert_uint_eq(borders, 1);
	ck_assert(covered(6 * GIB - BLOCK, 6 * GIB + BLOCK));
	ck_assert(covered(4 * GIB, 8 * GIB));
}
END_TEST

/* A range across a gap is not, however much of it is, and what is missing is
 * the gap and no more. */
START_TEST(idea_30_straddling_a_gap)
{
	struct tdxc_range gap = missing(2 * GIB - BLOCK, 4 * GIB + BLOCK);

	ck_assert(!covered(2 * GIB - BLOCK, 4 * GIB + BLOCK));
	ck_assert_uint_eq(gap.start, 2 * GIB);
	ck_assert_uint_eq(gap.end, 4 * GIB);
	ck_assert(!covered(2 * GIB - TDXC_PAGE_SIZE, 2 * GIB + TDXC_PAGE_SIZE));
	ck_assert(!covered(4 * GIB - TDXC_PAGE_SIZE, 4 * GIB + TDXC_PAGE_SIZE));
}
END_TEST

/* The first block was boot memory, and yet it is not all TDX memory, because
 * no CMR holds the first MiB. A verdict can say exactly that: the first MiB is
 * what is missing, it was RAM, and the reason is not that it was not there at
 * boot. Who keeps the first MiB out of the page allocator may allow the rest.
 */
START_TEST(idea_31_block_with_the_first_mib)
{
	struct tdxc_range legacy = missing(0, BLOCK);

	ck_assert(!covered(0, BLOCK));
	ck_assert_uint_eq(legacy.start, 0);
	ck_assert_uint_eq(legacy.end, TDXC_PLAN_LEGACY_END);
	ck_assert(covered(TDXC_PLAN_LEGACY_END, BLOCK));
	ck_assert_uint_ge(m.plan.nr_excluded, 1);
	ck_assert_int_eq(m.plan.excluded[0].reason, TDXC_PLAN_LEGACY);
	ck_assert_uint_eq(m.plan.excluded[0].range.start, 0);
}
END_TEST

/* What `hotplug` says of each block of the machine, beside the lists. */
START_TEST(the_verdict_on_each_block_is_what_the_lists_say)
{
	const struct tdxc_hotplug_state state = {
		.abi = TDXC_ABI,
		.tdx = TDXC_HOTPLUG_TDX_UP,
		.cmrs = cmrs,
		.nr_cmrs = sizeof(cmrs) / sizeof(cmrs[0]),
		.memory = m.tdx,
		.nr_memory = m.nr_tdx,
	};
	uint64_t at;

	for (at = 0; at < 9 * GIB; at += BLOCK / 2) {
		const struct tdxc_range block = {at, at + BLOCK};
		struct tdxc_range want[MAX_RANGES + 1];
		struct tdxc_range got[MAX_RANGES + 1];
		struct tdxc_hotplug_verdict v;
		size_t nr = tdxc_range_list_subtract(&block, 1, m.tdx, m.nr_tdx,
						     want);

		ck_assert_int_eq(
			tdxc_hotplug_judge(&state, TDXC_HOTPLUG_MEMORY_ONLINE,
					   &block, got, MAX_RANGES + 1, &v),
			TDXC_OK);
		ck_assert_int_eq(v.answer == TDXC_HOTPLUG_ALLOW,
				 covered(block.start, block.end));
		ck_assert_uint_eq(v.nr, nr);
		ck_assert_mem_eq(got, want, nr * sizeof(*want));
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("hotplug_ranges");
	TCase *tc = tcase_create("planned machine");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, boot_memory_goes_online_again);
	tcase_add_test(tc, memory_that_was_not_there_is_not_covered);
	tcase_add_test(tc, idea_30_straddling_ranges_that_touch);
	tcase_add_test(tc, idea_30_straddling_a_gap);
	tcase_add_test(tc, idea_31_block_with_the_first_mib);
	tcase_add_test(tc, the_verdict_on_each_block_is_what_the_lists_say);
	suite_add_tcase(s, tc);
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
