/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * The planner, promise by promise. Names that start with idea_NN prove that row
 * of linux-host-tdx.md section 13; what Linux does there is asked of
 * plan/baseline.c, what the library does instead of the planner.
 */
#include <check.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <tdxcore/tdxcore.h>

#include "plan/baseline.h"
#include "plan/case.h"
#include "plan/oracle.h"
#include "plan/verify.h"

#define PAGE	 0x1000ull
#define MIB	 0x100000ull
#define GIB	 0x40000000ull
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct plan_case c;
static struct plan_run run;
static struct baseline base;

static void setup(void)
{
	case_init(&c);
	memset(&run, 0, sizeof(run));
	memset(&base, 0, sizeof(base));
}

static void teardown(void)
{
	plan_run_end(&run);
	baseline_free(&base);
}

/* Plan and verify; the plan must exist. */
static void plan(void)
{
	const char *wrong;

	plan_run_end(&run);
	plan_run(&run, &c);
	ck_assert_msg(run.make == TDXC_OK, "make: %s (%s)",
		      tdxc_err_name(run.make),
		      tdxc_plan_fault_text(run.fault.kind));
	ck_assert_msg(run.seal == TDXC_OK, "seal: %s (%s)",
		      tdxc_err_name(run.seal),
		      tdxc_plan_fault_text(run.fault.kind));
	wrong = verify_run(&c, &run);
	ck_assert_msg(!wrong, "%s", wrong ? wrong : "");
}

/* Make only, for tests that place PAMTs themselves. */
static void plan_make(void)
{
	c.config.flags |= TDXC_PLAN_CALLER_PLACES;
	plan_run_make(&run, &c);
	ck_assert_int_eq(run.make, TDXC_OK);
}

static void plan_seal(void)
{
	const char *wrong;

	plan_run_seal(&run, &c);
	ck_assert_msg(run.seal == TDXC_OK, "seal: %s",
		      tdxc_plan_fault_text(run.fault.kind));
	wrong = verify_run(&c, &run);
	ck_assert_msg(!wrong, "%s", wrong ? wrong : "");
}

static enum baseline_result linux_way(void)
{
	baseline_free(&base);
	baseline_alloc(&base, &c.config.limits, c.ram, c.config.nr_ram);
	return baseline_run(&base);
}

static const struct tdxc_tdmr_info *info(uint32_t i)
{
	size_t stride = tdxc_tdmr_info_stride(c.config.limits.max_reserved);
	const char *at = run.infos;

	return (const void *)(at + i * stride);
}

/* Bytes excluded for a reason. */
static uint64_t excluded(enum tdxc_plan_reason reason)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < run.plan.nr_excluded; i++)
		if (run.plan.excluded[i].reason == reason)
			sum += tdxc_range_size(run.plan.excluded[i].range);
	return sum;
}

/* The caller's PAMT of one TDMR: three parts from `at` on, 4K part lowest. */
static void place(uint32_t i, uint64_t at)
{
	struct tdxc_range pamt[TDXC_PAMT_LEVELS];
	int level;

	for (level = 0; level < TDXC_PAMT_LEVELS; level++) {
		pamt[level].start = at;
		at += run.plan.tdmrs[i].pamt_bytes[level];
		pamt[level].end = at;
	}
	ck_assert_int_eq(tdxc_plan_place(&run.plan, i, pamt), TDXC_OK);
}

static uint64_t pamt_total(uint32_t i)
{
	const uint64_t *bytes = run.plan.tdmrs[i].pamt_bytes;

	return bytes[0] + bytes[1] + bytes[2];
}

/* ---- test ideas ----------------------------------------------------- */

START_TEST(idea_01_ram_below_1mib_is_legacy)
{
	case_ram(&c, 0, 0x9F000, 0);
	case_ram(&c, 0xA0000, 512 * MIB, 0);
	ck_assert_int_eq(linux_way(), BASELINE_OK);
	ck_assert_uint_eq(base.nr_usable, 1);
	ck_assert_uint_eq(base.usable[0].start, MIB);

	/* even a CMR below 1 MiB does not change that */
	case_cmr(&c, 0, 512 * MIB);
	plan();
	ck_assert_uint_eq(excluded(TDXC_PLAN_LEGACY), 0x9F000 + MIB - 0xA0000);
	ck_assert_uint_eq(run.plan.excluded[0].range.end, 0x9F000);
	ck_assert_uint_eq(run.plan.lost_bytes, 0);
	ck_assert_uint_eq(run.plan.usable_bytes + run.plan.pamt_bytes,
			  511 * MIB);
	ck_assert_uint_eq(info(0)->reserved[0].offset, 0);
	ck_assert_uint_ge(info(0)->reserved[0].size, MIB);
}
END_TEST

START_TEST(idea_02_no_ram_is_an_error)
{
	static const struct {
		uint64_t start, end;
	} ram[] = {{0, 0}, {0, 0x9F000}, {MIB, MIB + PAGE - 1}};
	size_t i;

	for (i = 0; i < COUNT(ram); i++) {
		setup();
		case_cmr(&c, MIB, GIB);
		if (i)
			case_ram(&c, ram[i].start, ram[i].end, 0);
		ck_assert_int_eq(linux_way(), BASELINE_EMPTY);
		plan_run(&run, &c);
		ck_assert_int_eq(run.make, TDXC_E_NOSPC);
		ck_assert_int_eq(run.fault.kind, TDXC_PLAN_FAULT_NO_MEMORY);
		ck_assert_ptr_null(verify_failure(&c, &run));
		teardown();
	}
}
END_TEST

START_TEST(idea_02_ram_outside_all_cmrs_is_no_memory)
{
	case_ram(&c, GIB, 2 * GIB, 0);
	case_cmr(&c, 2 * GIB, 3 * GIB);
	plan_run(&run, &c);
	ck_assert_int_eq(run.make, TDXC_E_NOSPC);
	ck_assert_int_eq(run.fault.kind, TDXC_PLAN_FAULT_NO_MEMORY);
}
END_TEST

START_TEST(idea_03_whole_gibs_have_no_holes)
{
	case_ram(&c, 4 * GIB, 8 * GIB, 0);
	case_cmr_is_ram(&c);
	ck_assert_int_eq(linux_way(), BASELINE_OK);
	ck_assert_uint_eq(base.tdmrs[0].nr_holes, 0);
	plan();
	ck_assert_uint_eq(run.plan.nr_tdmrs, 1);
	ck_assert_uint_eq(run.plan.tdmrs[0].nr_reserved, 1);
	ck_assert_uint_eq(info(0)->reserved[0].size, run.plan.pamt_bytes);
}
END_TEST

START_TEST(idea_04_range_that_ends_at_a_tdmr_base)
{
	uint32_t i;

	case_ram(&c, 3 * GIB, 4 * GIB, 0);
	case_ram(&c, 4 * GIB, 5 * GIB + 512 * MIB, 1);
	case_cmr_is_ram(&c);
	ck_assert_int_eq(linux_way(), BASELINE_OK);
	ck_assert_uint_eq(base.nr_tdmrs, 2);
	ck_assert_uint_eq(base.tdmrs[1].nr_holes, 1);
	ck_assert_uint_eq(
		base.tdmrs[1].areas[base.tdmrs[1].nr_areas - 1].offset,
		GIB + 512 * MIB);
	plan();
	ck_assert_uint_eq(run.plan.lost_bytes, 0);
	for (i = 0; i < run.plan.nr_tdmrs; i++)
		ck_assert_uint_le(run.plan.tdmrs[i].nr_reserved, 1);
}
END_TEST

START_TEST(idea_05_touching_ranges_of_two_nodes)
{
	case_ram(&c, GIB, GIB + 512 * MIB, 0);
	case_ram(&c, GIB + 512 * MIB, 2 * GIB, 1);
	case_cmr_is_ram(&c);
	ck_assert_uint_eq(c.config.nr_cmrs, 1);
	ck_assert_int_eq(linux_way(), BASELINE_OK);
	ck_assert_uint_eq(base.tdmrs[0].nr_holes, 0);
	plan();
	ck_assert_uint_eq(run.plan.nr_tdmrs, 1);
	ck_assert_uint_eq(run.plan.tdmrs[0].nr_reserved, 1);
	ck_assert_uint_eq(run.plan.nr_memory, 2);
	ck_assert_uint_eq(run.plan.memory[0].node, 0);
	ck_assert_uint_eq(run.plan.memory[1].node, 1);
	ck_assert_uint_eq(run.plan.lost_bytes, 0);
}
END_TEST

/* The e820 of linux-host-tdx.md 5.7 example 3, below 2 GiB. */
static void fox_creek_pass(void)
{
	static const uint64_t usable[][2] = {
		{0x0, 0x9f000},		  {0x100000, 0x5d169000},
		{0x5d22b000, 0x5d3cf000}, {0x5d46a000, 0x5e5b3000},
		{0x5e5c3000, 0x5e5d3000}, {0x5e5e5000, 0x5eb58000},
		{0x61358000, 0x6172b000}, {0x61795000, 0x617ff000},
		{0x61913000, 0x61999000}, {0x619e0000, 0x619e2000},
		{0x619ea000, 0x61a27000}, {0x61baf000, 0x623c3000},
		{0x62472000, 0x62824000}, {0x63a25000, 0x63d58000},
		{0x64158000, 0x64159000}, {0x64195000, 0x6e9cf000},
		{0x6f7ff000, 0x6f800000}, {0x100000000, 0x107a000000},
	};
	size_t i;

	for (i = 0; i < COUNT(usable); i++)
		case_ram(&c, usable[i][0], usable[i][1], 0);
}

START_TEST(idea_06_seventeen_holes_in_one_tdmr)
{
	fox_creek_pass();
	ck_assert_int_eq(linux_way(), BASELINE_TOO_MANY_AREAS);
	ck_assert_uint_eq(base.bad_tdmr, 0);

	/* with the machine's own CMRs nothing is short */
	case_cmr(&c, 0x100000, 0x6f800000);
	case_cmr(&c, 0x100000000, 0x107a000000);
	plan();
	ck_assert_uint_eq(run.plan.lost_bytes, 0);
	ck_assert_uint_eq(run.plan.nr_tdmrs, 2);
	ck_assert_uint_le(run.plan.tdmrs[0].nr_reserved, 2);
}
END_TEST

START_TEST(idea_06_seventeen_holes_if_no_hole_is_convertible)
{
	fox_creek_pass();
	case_cmr_is_ram(&c);
	plan();
	ck_assert_uint_eq(run.plan.lost_bytes, 0);
	ck_assert_uint_le(run.plan.tdmrs[0].nr_reserved, 16);
}
END_TEST

/* Fragments of 16 pages, more than a TDMR has areas for, in one GiB. */
static void fragmented_gib(unsigned n)
{
	unsigned i;

	for (i = 0; i < n; i++)
		case_ram(&c, GIB + (1 + 2 * i) * MIB,
			 GIB + (1 + 2 * i) * MIB + 16 * PAGE, 0);
	case_ram(&c, 2 * GIB, 4 * GIB, 0);
	case_cmr_is_ram(&c);
}

START_TEST(idea_07_more_holes_in_a_gib_than_areas)
{
	struct oracle_answer best;

	fragmented_gib(20);
	plan();
	oracle_solve(&c.config, &best);
	ck_assert_int_eq(best.verdict, ORACLE_SOLVED);
	/* 21 holes, 16 areas: five fragments go, less what PAMTs fill */
	ck_assert_uint_gt(best.lost_bytes, 0);
	ck_assert_uint_lt(best.lost_bytes, 5 * 16 * PAGE);
	ck_assert_uint_eq(run.plan.lost_bytes, best.lost_bytes);
	ck_assert_uint_eq(run.plan.pamt_bytes, best.pamt_bytes);
	ck_assert_uint_eq(run.plan.nr_tdmrs, best.nr_tdmrs);
	ck_assert(run.plan.proven);
	ck_assert_uint_eq(run.plan.lost_bound, run.plan.lost_bytes);
}
END_TEST

START_TEST(idea_07_convertible_holes_need_no_areas)
{
	fragmented_gib(40);
	c.config.nr_cmrs = 1;
	c.cmrs[0].start = GIB;
	c.cmrs[0].end = 4 * GIB;
	plan();
	ck_assert_uint_eq(run.plan.lost_bytes, 0);
	ck_assert_uint_eq(run.plan.tdmrs[0].nr_reserved, 1);
}
END_TEST

/* One GiB with so many holes; roomy RAM elsewhere. */
static void holes(unsigned n)
{
	uint64_t step = 32 * MIB;
	uint64_t at = 4 * GIB;
	unsigned i;

	for (i = 0; i < n; i++)
		case_ram(&c, at + i * step, at + (i + 1) * step - MIB, 0);
	case_ram(&c, at + n * step, at + GIB, 0);
	case_cmr_is_ram(&c);
}

START_TEST(idea_08_the_last_area)
{
	holes(16);
	baseline_alloc(&base, &c.config.limits, c.ram, c.config.nr_ram);
	baseline_collect(&base);
	ck_assert_int_eq(baseline_cover(&base), BASELINE_OK);
	/* 16 holes pass while no PAMT lies inside ... */
	ck_assert_int_eq(baseline_reserve(&base), BASELINE_OK);
	ck_assert_uint_eq(base.tdmrs[0].nr_areas, 16);
	/* ... and the chunk is number 17 */
	ck_assert_int_eq(baseline_place(&base), BASELINE_OK);
	ck_assert_int_eq(baseline_reserve(&base), BASELINE_TOO_MANY_AREAS);

	plan();
	ck_assert_uint_eq(run.plan.lost_bytes, 0);
	ck_assert_uint_eq(run.plan.tdmrs[0].nr_reserved, 16);
}
END_TEST

static void islands(unsigned n)
{
	unsigned i;

	for (i = 0; i < n; i++)
		case_ram(&c, (4 + 2 * i) * GIB, (5 + 2 * i) * GIB, 0);
	case_cmr_is_ram(&c);
}

START_TEST(idea_09_as_many_ranges_as_tdmrs)
{
	static const struct {
		unsigned ranges;
		enum baseline_result linux;
		bool warned;
	} t[] = {
		{60, BASELINE_OK, false},
		{61, BASELINE_OK, true},
		{64, BASELINE_OK, true},
		{65, BASELINE_TOO_MANY_TDMRS, false},
		{66, BASELINE_TOO_MANY_TDMRS, false},
	};

	setup();
	islands(t[_i].ranges);
	ck_assert_int_eq(linux_way(), t[_i].linux);
	if (t[_i].linux == BASELINE_OK)
		ck_assert(base.warned == t[_i].warned);
	plan();
	ck_assert_uint_eq(run.plan.lost_bytes, 0);
	ck_assert_uint_eq(run.plan.nr_tdmrs,
			  t[_i].ranges < 64 ? t[_i].ranges : 64);
}
END_TEST

START_TEST(idea_10_pamt_touching_a_hole_uses_one_area)
{
	case_ram(&c, GIB + 256 * MIB, 2 * GIB, 0);
	case_cmr_is_ram(&c);
	ck_assert_int_eq(linux_way(), BASELINE_OK);
	ck_assert_uint_eq(base.tdmrs[0].nr_areas, 2);
	plan();
	ck_assert_uint_eq(run.plan.tdmrs[0].nr_reserved, 1);

	/* and so does one that the caller puts there */
	plan_run_end(&run);
	plan_make();
	place(0, GIB + 256 * MIB);
	plan_seal();
	ck_assert_uint_eq(run.plan.tdmrs[0].nr_reserved, 1);
	ck_assert_uint_eq(info(0)->reserved[0].size, 256 * MIB + pamt_total(0));
}
END_TEST

/* Two TDMRs that cannot merge: what lies between is not convertible and 2 GiB
 * long. */
static void two_tdmrs(void)
{
	case_ram(&c, 4 * GIB, 6 * GIB, 0);
	case_ram(&c, 8 * GIB, 10 * GIB, 1);
	case_cmr_is_ram(&c);
}

START_TEST(idea_11_pamt_inside_another_tdmr)
{
	two_tdmrs();
	plan_make();
	ck_assert_uint_eq(run.plan.nr_tdmrs, 2);
	place(0, 9 * GIB);
	place(1, 9 * GIB + pamt_total(0));
	plan_seal();
	ck_assert_uint_eq(run.plan.tdmrs[0].nr_reserved, 0);
	ck_assert_uint_eq(run.plan.tdmrs[1].nr_reserved, 1);
	ck_assert_uint_eq(info(1)->reserved[0].offset, GIB);
	ck_assert_uint_eq(info(1)->reserved[0].size, run.plan.pamt_bytes);
}
END_TEST

START_TEST(idea_12_pamt_over_the_end_of_a_tdmr)
{
	uint64_t border;

	/* one TDMR each, by a hole big enough not to be worth covering, and
	 * RAM that goes on from one to the next */
	c.config.limits.max_reserved = 1;
	case_ram(&c, 4 * GIB, 5 * GIB + 512 * MIB, 0);
	case_ram(&c, 5 * GIB + 768 * MIB, 7 * GIB - 256 * MIB, 0);
	case_cmr_is_ram(&c);
	plan_make();
	ck_assert_uint_eq(run.plan.nr_tdmrs, 2);
	border = run.plan.tdmrs[0].range.end;
	ck_assert_uint_eq(border, run.plan.tdmrs[1].range.start);
	place(0, border - 64 * PAGE);
	place(1, border - 64 * PAGE + pamt_total(0));
	plan_seal();
	ck_assert_uint_ge(run.plan.tdmrs[0].nr_reserved, 1);
	ck_assert_uint_eq(
		info(0)->reserved[run.plan.tdmrs[0].nr_reserved - 1].offset +
			info(0)->reserved[run.plan.tdmrs[0].nr_reserved - 1]
				.size,
		info(0)->size);
	ck_assert_uint_eq(info(1)->reserved[0].offset, 0);
}
END_TEST

START_TEST(idea_13_pamt_parts_of_a_roomy_tdmr_are_one_block)
{
	struct tdxc_range *p;
	uint64_t lo = UINT64_MAX;
	uint64_t hi = 0;
	int i;

	case_ram(&c, 4 * GIB, 68 * GIB, 0);
	case_cmr_is_ram(&c);
	ck_assert_int_eq(linux_way(), BASELINE_OK);
	ck_assert_uint_eq(base.tdmrs[0].chunk.start % PAGE, 0);
	plan();
	p = run.plan.tdmrs[0].pamt;
	for (i = 0; i < TDXC_PAMT_LEVELS; i++) {
		ck_assert_uint_eq(p[i].start % PAGE, 0);
		ck_assert_uint_eq(p[i].end % PAGE, 0);
		lo = p[i].start < lo ? p[i].start : lo;
		hi = p[i].end > hi ? p[i].end : hi;
	}
	ck_assert_uint_eq(hi - lo, run.plan.pamt_bytes);
	ck_assert_uint_lt(p[TDXC_PAMT_4K].start, p[TDXC_PAMT_2M].start);
	ck_assert_uint_lt(p[TDXC_PAMT_2M].start, p[TDXC_PAMT_1G].start);
	ck_assert_uint_eq(run.plan.tdmrs[0].nr_reserved, 1);
}
END_TEST

struct pamt_size {
	uint32_t entry;
	uint32_t bits;
	enum tdxc_pamt_level level;
	uint64_t gibs;
	uint64_t bytes;
};

static const struct pamt_size pamt_sizes[] = {
	/* linux-host-tdx.md 5.3 and 5.7 */
	{16, 0, TDXC_PAMT_4K, 2, 0x800000},
	{16, 0, TDXC_PAMT_2M, 2, 0x4000},
	{16, 0, TDXC_PAMT_1G, 2, 0x1000},
	{16, 0, TDXC_PAMT_4K, 62, 0xF800000},
	{16, 0, TDXC_PAMT_2M, 62, 0x7C000},
	{16, 0, TDXC_PAMT_1G, 256, 0x1000},
	{16, 0, TDXC_PAMT_1G, 257, 0x2000},
	/* idea 14: the module says how long an entry is */
	{24, 0, TDXC_PAMT_4K, 1, 0x600000},
	{24, 0, TDXC_PAMT_2M, 1, 0x3000},
	{24, 0, TDXC_PAMT_1G, 171, 0x2000},
	{17, 0, TDXC_PAMT_2M, 1, 0x3000},
	{8, 0, TDXC_PAMT_2M, 1, 0x1000},
	{4, 0, TDXC_PAMT_2M, 1, 0x1000},
	{4, 0, TDXC_PAMT_2M, 3, 0x2000},
	{1, 0, TDXC_PAMT_1G, 1, 0x1000},
	{4096, 0, TDXC_PAMT_4K, 1, 0x40000000},
	/* idea 15: Dynamic PAMT, a bitmap instead of the 4K region */
	{16, 1, TDXC_PAMT_4K, 2, 0x10000},
	{16, 2, TDXC_PAMT_4K, 2, 0x20000},
	{16, 4, TDXC_PAMT_4K, 2, 0x40000},
	{16, 1, TDXC_PAMT_4K, 62, 0x1F0000},
	{16, 1, TDXC_PAMT_2M, 62, 0x7C000},
	{16, 1, TDXC_PAMT_1G, 62, 0x1000},
	{16, 64, TDXC_PAMT_4K, 1, 0x200000},
};

START_TEST(idea_14_and_15_pamt_region_sizes)
{
	const struct pamt_size *t = &pamt_sizes[_i];
	struct tdxc_limits l = tdxc_limits_observed();

	l.pamt_entry_size[t->level] = t->entry;
	l.pamt_bitmap_bits = t->bits;
	ck_assert_uint_eq(tdxc_plan_pamt_bytes(&l, t->level, t->gibs),
			  t->bytes);
}
END_TEST

START_TEST(idea_14_a_plan_follows_the_entry_sizes)
{
	c.config.limits.pamt_entry_size[TDXC_PAMT_4K] = 24;
	c.config.limits.pamt_entry_size[TDXC_PAMT_2M] = 17;
	c.config.limits.pamt_entry_size[TDXC_PAMT_1G] = 4;
	case_ram(&c, 4 * GIB, 7 * GIB, 0);
	case_cmr_is_ram(&c);
	plan();
	ck_assert_uint_eq(info(0)->pamt_4k.size, 3 * 0x600000);
	ck_assert_uint_eq(info(0)->pamt_2m.size, 0x7000);
	ck_assert_uint_eq(info(0)->pamt_1g.size, 0x1000);
}
END_TEST

/* Shapes of linux-host-tdx.md 5.7 and of published logs. */
struct golden {
	const char *what;
	uint64_t ram[6][2];
	uint32_t node[6];
	uint32_t bits;
	uint64_t kib;
	uint32_t tdmrs;
	uint32_t holes[6];
};

static const struct golden goldens[] = {
	{
		.what = "example 1: 64 GiB, hole below 4 GiB",
		.ram = {{MIB, 2 * GIB}, {4 * GIB, 66 * GIB}},
		.kib = 262664,
		.tdmrs = 2,
		.holes = {1, 0},
	},
	{
		.what = "example 1 with Dynamic PAMT",
		.ram = {{MIB, 2 * GIB}, {4 * GIB, 66 * GIB}},
		.bits = 1,
		.kib = 2568,
		.tdmrs = 2,
		.holes = {1, 0},
	},
	{
		.what = "example 2: low RAM ends early",
		.ram = {{MIB, 0x7F800000}, {4 * GIB, 66 * GIB}},
		.kib = 262664,
		.tdmrs = 2,
		.holes = {2, 0},
	},
	{
		.what = "example 3: RAM as the CMRs of canonical/tdx#135",
		.ram = {{0x100000, 0x6F800000},
			{0x100000000, 0x107A000000},
			{0x1080000000, 0x207C000000},
			{0x2080000000, 0x307C000000},
			{0x3080000000, 0x407C000000}},
		.kib = 1050644,
		.tdmrs = 5,
		.holes = {2, 1, 1, 1, 1},
	},
	{
		.what = "example 4: 252 GiB",
		.ram = {{MIB, 2 * GIB},
			{4 * GIB, 128 * GIB},
			{128 * GIB, 254 * GIB}},
		.kib = 1034220,
		.tdmrs = 3,
		.holes = {1, 0, 0},
	},
	{
		.what = "example 4: 252 GiB, Dynamic PAMT",
		.ram = {{MIB, 2 * GIB},
			{4 * GIB, 128 * GIB},
			{128 * GIB, 254 * GIB}},
		.bits = 1,
		.kib = 10092,
		.tdmrs = 3,
		.holes = {1, 0, 0},
	},
	{
		.what = "example 5: nodes meet inside a GiB",
		.ram = {{MIB, 2 * GIB},
			{4 * GIB, 33 * GIB + 512 * MIB},
			{33 * GIB + 512 * MIB, 66 * GIB}},
		.node = {0, 0, 1},
		.kib = 262668,
		.tdmrs = 3,
		.holes = {1, 0, 0},
	},
	{
		.what = "example 6: fragments",
		.ram = {{MIB, 256 * MIB},
			{300 * MIB, 700 * MIB},
			{900 * MIB, 1500 * MIB},
			{1600 * MIB, 2047 * MIB},
			{2100 * MIB, 2200 * MIB}},
		.kib = 12324,
		.tdmrs = 3,
		.holes = {3, 2, 2},
	},
	{
		.what = "example 7: 2 TiB, two sockets",
		.ram = {{MIB, 2 * GIB},
			{4 * GIB, 1028 * GIB},
			{1028 * GIB, 2050 * GIB}},
		.node = {0, 0, 1},
		.kib = 8405028,
		.tdmrs = 3,
		.holes = {1, 0, 0},
	},
};

static void golden_case(const struct golden *g)
{
	size_t i;

	for (i = 0; i < COUNT(g->ram) && g->ram[i][1]; i++)
		case_ram(&c, g->ram[i][0], g->ram[i][1], g->node[i]);
	c.config.limits.pamt_bitmap_bits = g->bits;
	case_cmr_is_ram(&c);
}

START_TEST(idea_16_the_baseline_reproduces_the_golden_totals)
{
	const struct golden *g = &goldens[_i];
	uint32_t i;

	golden_case(g);
	ck_assert_msg(linux_way() == BASELINE_OK, "%s", g->what);
	ck_assert_msg(base.pamt_bytes == g->kib * 1024, "%s: %" PRIu64 " KiB",
		      g->what, base.pamt_bytes / 1024);
	ck_assert_msg(base.nr_tdmrs == g->tdmrs, "%s", g->what);
	for (i = 0; i < g->tdmrs; i++)
		ck_assert_msg(base.tdmrs[i].nr_holes == g->holes[i],
			      "%s: TDMR %u has %u holes", g->what, i,
			      base.tdmrs[i].nr_holes);
}
END_TEST

START_TEST(idea_16_the_planner_needs_no_more)
{
	const struct golden *g = &goldens[_i];

	golden_case(g);
	plan();
	ck_assert_msg(run.plan.lost_bytes == 0, "%s", g->what);
	ck_assert_msg(run.plan.pamt_bytes <= g->kib * 1024, "%s: %" PRIu64,
		      g->what, run.plan.pamt_bytes);
	ck_assert_msg(run.plan.nr_tdmrs <= g->tdmrs, "%s", g->what);
}
END_TEST

/* The areas that examples 1, 2, 5 and 6 spell out. */
START_TEST(idea_16_the_baselines_areas_are_the_examples)
{
	golden_case(&goldens[0]);
	baseline_alloc(&base, &c.config.limits, c.ram, c.config.nr_ram);
	baseline_collect(&base);
	ck_assert_int_eq(baseline_cover(&base), BASELINE_OK);
	base.tdmrs[0].chunk.start = 0x20000000;
	base.tdmrs[0].chunk.end = 0x20000000 + 0x805000;
	base.tdmrs[1].chunk.start = 0x180000000;
	base.tdmrs[1].chunk.end = 0x180000000 + 0xF87D000;
	ck_assert_int_eq(baseline_reserve(&base), BASELINE_OK);
	ck_assert_uint_eq(base.tdmrs[0].nr_areas, 2);
	ck_assert_uint_eq(base.tdmrs[0].areas[0].offset, 0);
	ck_assert_uint_eq(base.tdmrs[0].areas[0].size, 0x100000);
	ck_assert_uint_eq(base.tdmrs[0].areas[1].offset, 0x20000000);
	ck_assert_uint_eq(base.tdmrs[0].areas[1].size, 0x805000);
	ck_assert_uint_eq(base.tdmrs[1].nr_areas, 1);
	ck_assert_uint_eq(base.tdmrs[1].areas[0].offset, 0x80000000);
	ck_assert_uint_eq(base.tdmrs[1].areas[0].size, 0xF87D000);
	teardown();

	setup();
	golden_case(&goldens[2]);
	ck_assert_int_eq(linux_way(), BASELINE_OK);
	ck_assert_uint_eq(
		base.tdmrs[0].areas[base.tdmrs[0].nr_areas - 1].offset,
		0x7F800000);
	ck_assert_uint_eq(base.tdmrs[0].areas[base.tdmrs[0].nr_areas - 1].size,
			  0x800000);
	teardown();

	setup();
	golden_case(&goldens[6]);
	ck_assert_int_eq(linux_way(), BASELINE_OK);
	ck_assert_uint_eq(base.tdmrs[1].range.end, 34 * GIB);
	ck_assert_uint_eq(base.tdmrs[2].range.start, 34 * GIB);
	ck_assert_uint_eq(base.tdmrs[1].node, 0);
	ck_assert_uint_eq(base.tdmrs[2].node, 1);
	ck_assert_uint_ge(base.tdmrs[2].chunk.start, 33 * GIB + 512 * MIB);
}
END_TEST

START_TEST(idea_16_example_6_area_by_area)
{
	static const struct tdxc_tdmr_reserved want[3][3] = {
		{{0, MIB}, {256 * MIB, 44 * MIB}, {700 * MIB, 200 * MIB}},
		{{0x1DC00000, 0x6400000}, {0x3FF00000, 0x100000}, {0, 0}},
		{{0, 0x3400000}, {0x9800000, 0x36800000}, {0, 0}},
	};
	uint32_t i;
	uint32_t k;

	golden_case(&goldens[7]);
	baseline_alloc(&base, &c.config.limits, c.ram, c.config.nr_ram);
	baseline_collect(&base);
	ck_assert_int_eq(baseline_cover(&base), BASELINE_OK);
	ck_assert_int_eq(baseline_reserve(&base), BASELINE_OK);
	for (i = 0; i < 3; i++) {
		for (k = 0; k < base.tdmrs[i].nr_areas; k++) {
			ck_assert_uint_eq(base.tdmrs[i].areas[k].offset,
					  want[i][k].offset);
			ck_assert_uint_eq(base.tdmrs[i].areas[k].size,
					  want[i][k].size);
		}
	}
}
END_TEST

START_TEST(idea_29_touching_cmrs_are_one)
{
	case_ram(&c, 4 * GIB, 8 * GIB, 0);
	case_cmr(&c, 4 * GIB, 5 * GIB + 16 * PAGE);
	case_cmr(&c, 5 * GIB + 16 * PAGE, 6 * GIB);
	case_cmr(&c, 6 * GIB, 8 * GIB);
	plan();
	ck_assert_uint_eq(run.plan.nr_tdmrs, 1);
	ck_assert_uint_eq(run.plan.tdmrs[0].nr_reserved, 1);
	ck_assert_uint_eq(run.plan.lost_bytes, 0);
	ck_assert_uint_eq(run.plan.nr_memory, 1);
}
END_TEST

/* ---- what is optimised ---------------------------------------------- */

START_TEST(tdmrs_split_at_a_gib_border_when_areas_run_out)
{
	unsigned i;

	/* 3 holes per GiB in touching GiBs; 4 areas per TDMR */
	c.config.limits.max_reserved = 4;
	for (i = 0; i < 16; i++)
		case_ram(&c, 4 * GIB + i * 256 * MIB,
			 4 * GIB + i * 256 * MIB + 192 * MIB, 0);
	case_cmr_is_ram(&c);
	ck_assert_int_eq(linux_way(), BASELINE_TOO_MANY_AREAS);
	plan();
	ck_assert_uint_eq(run.plan.lost_bytes, 0);
	ck_assert_uint_eq(run.plan.nr_tdmrs, 4);
}
END_TEST

START_TEST(tdmrs_merge_when_the_count_runs_out)
{
	c.config.limits.max_tdmrs = 2;
	islands(8);
	plan();
	ck_assert_uint_eq(run.plan.lost_bytes, 0);
	ck_assert_uint_eq(run.plan.nr_tdmrs, 2);
}
END_TEST

START_TEST(a_pamt_that_swallows_a_fragment_joins_two_holes)
{
	uint64_t pamt = 4 * MIB + 3 * PAGE;

	/* hole, RAM, hole, fragment as long as the PAMT, hole, RAM */
	c.config.limits.max_reserved = 1;
	c.config.limits.max_tdmrs = 1;
	case_ram(&c, GIB, GIB + 256 * MIB, 0);
	case_ram(&c, GIB + 300 * MIB, GIB + 300 * MIB + pamt, 0);
	case_ram(&c, GIB + 400 * MIB, 2 * GIB, 0);
	case_cmr_is_ram(&c);
	plan();
	ck_assert_uint_eq(run.plan.lost_bytes, 0);
	ck_assert_uint_eq(run.plan.tdmrs[0].nr_reserved, 1);
	ck_assert_uint_eq(info(0)->reserved[0].offset, 256 * MIB);
	ck_assert_uint_eq(info(0)->reserved[0].size, 144 * MIB);
}
END_TEST

START_TEST(the_cheapest_fragments_are_given_up)
{
	/* one area for three holes; PAMTs fit into either fragment */
	c.config.limits.max_reserved = 1;
	c.config.limits.max_tdmrs = 1;
	case_ram(&c, GIB, GIB + 256 * MIB, 0);
	case_ram(&c, GIB + 300 * MIB, GIB + 340 * MIB, 0);
	case_ram(&c, GIB + 400 * MIB, GIB + 420 * MIB, 0);
	case_ram(&c, GIB + 500 * MIB, 2 * GIB, 0);
	case_cmr_is_ram(&c);
	plan();
	ck_assert(run.plan.proven);
	ck_assert_uint_eq(run.plan.lost_bytes, 60 * MIB - run.plan.pamt_bytes);
	ck_assert_uint_eq(excluded(TDXC_PLAN_LIMIT), run.plan.lost_bytes);
}
END_TEST

START_TEST(pamt_lies_on_the_node_it_serves)
{
	uint32_t i;
	int level;

	/* each TDMR has a hole to lean on, so its own node costs nothing */
	case_ram(&c, 4 * GIB + MIB, 6 * GIB, 0);
	case_ram(&c, 8 * GIB + MIB, 10 * GIB, 1);
	case_cmr_is_ram(&c);
	plan();
	ck_assert_uint_eq(run.plan.nr_tdmrs, 2);
	for (i = 0; i < 2; i++) {
		ck_assert_uint_eq(run.plan.tdmrs[i].node, i);
		ck_assert_uint_eq(run.plan.tdmrs[i].nr_reserved, 1);
		for (level = 0; level < TDXC_PAMT_LEVELS; level++) {
			struct tdxc_range r = run.plan.tdmrs[i].pamt[level];

			ck_assert(tdxc_range_contains(c.ram[i].range, r));
		}
	}
}
END_TEST

START_TEST(fewer_areas_weigh_more_than_the_node)
{
	/* no holes: one block of PAMTs is one area, on either node */
	two_tdmrs();
	plan();
	ck_assert_uint_eq(run.plan.nr_tdmrs, 2);
	ck_assert_uint_eq(run.plan.tdmrs[0].nr_reserved +
				  run.plan.tdmrs[1].nr_reserved,
			  1);
}
END_TEST

START_TEST(economy_leaves_out_gibs_that_cost_more_than_they_hold)
{
	case_ram(&c, 4 * GIB, 6 * GIB, 0);
	case_ram(&c, 8 * GIB, 8 * GIB + MIB, 0);
	case_cmr_is_ram(&c);
	plan();
	ck_assert_uint_eq(run.plan.nr_tdmrs, 2);
	ck_assert_uint_eq(excluded(TDXC_PLAN_UNECONOMIC), 0);

	c.config.flags = TDXC_PLAN_ECONOMY;
	plan();
	ck_assert_uint_eq(run.plan.nr_tdmrs, 1);
	ck_assert_uint_eq(excluded(TDXC_PLAN_UNECONOMIC), MIB);
	ck_assert_uint_eq(run.plan.lost_bytes, 0);
}
END_TEST

START_TEST(economy_keeps_a_gib_that_pays)
{
	case_ram(&c, 4 * GIB, 6 * GIB, 0);
	case_ram(&c, 8 * GIB, 8 * GIB + 64 * MIB, 0);
	case_cmr_is_ram(&c);
	c.config.flags = TDXC_PLAN_ECONOMY;
	plan();
	ck_assert_uint_eq(run.plan.nr_tdmrs, 2);
	ck_assert_uint_eq(excluded(TDXC_PLAN_UNECONOMIC), 0);
}
END_TEST

START_TEST(ram_without_room_for_a_pamt_is_refused)
{
	/* 4 MiB of RAM in a GiB whose PAMT is longer than that */
	case_ram(&c, GIB, GIB + 4 * MIB, 0);
	case_cmr_is_ram(&c);
	plan_run(&run, &c);
	ck_assert_int_eq(run.make, TDXC_E_NOSPC);
	ck_assert_int_eq(run.fault.kind, TDXC_PLAN_FAULT_NO_ROOM);
	ck_assert_ptr_null(verify_failure(&c, &run));
}
END_TEST

START_TEST(caller_placed_pamts_need_no_room_in_the_ram)
{
	/* the hole is convertible: firmware's, but the caller may have it */
	case_ram(&c, GIB, GIB + 4 * MIB, 0);
	case_cmr(&c, GIB, GIB + 32 * MIB);
	plan_make();
	place(0, GIB + 8 * MIB);
	plan_seal();
	ck_assert_uint_eq(run.plan.usable_bytes, 4 * MIB);
	ck_assert_uint_eq(run.plan.lost_bytes, 0);
	/* no RAM between the PAMT and the end of the CMR: one area */
	ck_assert_uint_eq(run.plan.tdmrs[0].nr_reserved, 1);
}
END_TEST

/* ---- make: misuse --------------------------------------------------- */

static void good_case(void)
{
	case_ram(&c, MIB, GIB, 0);
	case_ram(&c, 4 * GIB, 6 * GIB, 1);
	case_cmr_is_ram(&c);
}

static void misuse_abi(void)
{
	c.config.abi++;
}

static void misuse_abi_zero(void)
{
	c.config.abi = 0;
}

static void misuse_flags(void)
{
	c.config.flags = 4;
}

static void misuse_tdmrs(void)
{
	c.config.limits.max_tdmrs = 0;
}

static void misuse_tdmrs_many(void)
{
	c.config.limits.max_tdmrs = 65536;
}

static void misuse_reserved(void)
{
	c.config.limits.max_reserved = 0;
}

static void misuse_entry_4k(void)
{
	c.config.limits.pamt_entry_size[0] = 0;
}

static void misuse_entry_2m(void)
{
	c.config.limits.pamt_entry_size[1] = 4097;
}

static void misuse_entry_1g(void)
{
	c.config.limits.pamt_entry_size[2] = 0;
}

static void misuse_bits(void)
{
	c.config.limits.pamt_bitmap_bits = 65;
}

static void misuse_width_small(void)
{
	c.config.limits.pa_bits = 31;
}

static void misuse_width_big(void)
{
	c.config.limits.pa_bits = 64;
}

static void misuse_cmr_overlap(void)
{
	c.cmrs[1].start = c.cmrs[0].end - PAGE;
}

static void misuse_cmr_order(void)
{
	struct tdxc_range r = c.cmrs[0];

	c.cmrs[0] = c.cmrs[1];
	c.cmrs[1] = r;
}

static void misuse_cmr_empty(void)
{
	c.cmrs[0].end = c.cmrs[0].start;
}

static void misuse_cmr_unaligned(void)
{
	c.cmrs[1].end += 1;
}

static void misuse_cmr_width(void)
{
	c.config.limits.pa_bits = 32;
	c.config.nr_ram = 1;
}

static void misuse_ram_order(void)
{
	struct tdxc_plan_ram r = c.ram[0];

	c.ram[0] = c.ram[1];
	c.ram[1] = r;
}

static void misuse_ram_overlap(void)
{
	c.ram[1].range.start = c.ram[0].range.end - 1;
}

static void misuse_ram_empty(void)
{
	c.ram[1].range.end = c.ram[1].range.start;
}

static void misuse_ram_inverted(void)
{
	c.ram[0].range.start = c.ram[0].range.end + 1;
}

static void misuse_ram_width(void)
{
	c.config.limits.pa_bits = 32;
	c.config.nr_cmrs = 1;
}

static const struct {
	const char *what;
	void (*spoil)(void);
	int err;
	enum tdxc_plan_fault_kind kind;
	size_t index;
} misuses[] = {
	{"newer abi", misuse_abi, TDXC_E_INVAL, TDXC_PLAN_FAULT_ABI, SIZE_MAX},
	{"abi forgotten", misuse_abi_zero, TDXC_E_INVAL, TDXC_PLAN_FAULT_ABI,
	 SIZE_MAX},
	{"unknown flag", misuse_flags, TDXC_E_INVAL, TDXC_PLAN_FAULT_FLAGS,
	 SIZE_MAX},
	{"0 TDMRs", misuse_tdmrs, TDXC_E_INVAL, TDXC_PLAN_FAULT_LIMITS, 0},
	{"65536 TDMRs", misuse_tdmrs_many, TDXC_E_INVAL, TDXC_PLAN_FAULT_LIMITS,
	 0},
	{"0 areas", misuse_reserved, TDXC_E_INVAL, TDXC_PLAN_FAULT_LIMITS, 1},
	{"4K entry of 0", misuse_entry_4k, TDXC_E_INVAL, TDXC_PLAN_FAULT_LIMITS,
	 2},
	{"2M entry of 4097", misuse_entry_2m, TDXC_E_INVAL,
	 TDXC_PLAN_FAULT_LIMITS, 3},
	{"1G entry of 0", misuse_entry_1g, TDXC_E_INVAL, TDXC_PLAN_FAULT_LIMITS,
	 4},
	{"65 bits", misuse_bits, TDXC_E_INVAL, TDXC_PLAN_FAULT_LIMITS, 5},
	{"31 address bits", misuse_width_small, TDXC_E_INVAL,
	 TDXC_PLAN_FAULT_LIMITS, 6},
	{"64 address bits", misuse_width_big, TDXC_E_INVAL,
	 TDXC_PLAN_FAULT_LIMITS, 6},
	{"overlapping CMRs", misuse_cmr_overlap, TDXC_E_INVAL,
	 TDXC_PLAN_FAULT_CMR, 1},
	{"descending CMRs", misuse_cmr_order, TDXC_E_INVAL, TDXC_PLAN_FAULT_CMR,
	 1},
	{"empty CMR", misuse_cmr_empty, TDXC_E_INVAL, TDXC_PLAN_FAULT_CMR, 0},
	{"unaligned CMR", misuse_cmr_unaligned, TDXC_E_INVAL,
	 TDXC_PLAN_FAULT_CMR, 1},
	{"CMR too high", misuse_cmr_width, TDXC_E_RANGE,
	 TDXC_PLAN_FAULT_CMR_WIDTH, 1},
	{"descending RAM", misuse_ram_order, TDXC_E_INVAL, TDXC_PLAN_FAULT_RAM,
	 1},
	{"overlapping RAM", misuse_ram_overlap, TDXC_E_INVAL,
	 TDXC_PLAN_FAULT_RAM, 1},
	{"empty RAM", misuse_ram_empty, TDXC_E_INVAL, TDXC_PLAN_FAULT_RAM, 1},
	{"inverted RAM", misuse_ram_inverted, TDXC_E_INVAL, TDXC_PLAN_FAULT_RAM,
	 0},
	{"RAM too high", misuse_ram_width, TDXC_E_RANGE,
	 TDXC_PLAN_FAULT_RAM_WIDTH, 1},
};

START_TEST(malformed_configurations_are_refused_and_named)
{
	static unsigned char scratch[1 << 20] __attribute__((aligned(8)));
	struct tdxc_plan_fault fault;
	struct tdxc_plan result;
	int err;

	good_case();
	misuses[_i].spoil();
	memset(&result, 0xff, sizeof(result));
	err = tdxc_plan_make(&result, &c.config, scratch, sizeof(scratch),
			     &fault);
	ck_assert_msg(err == misuses[_i].err, "%s: %s", misuses[_i].what,
		      tdxc_err_name(err));
	ck_assert_msg(fault.kind == misuses[_i].kind, "%s: %s",
		      misuses[_i].what, tdxc_plan_fault_text(fault.kind));
	if (misuses[_i].index != SIZE_MAX)
		ck_assert_msg(fault.index == misuses[_i].index, "%s: index %zu",
			      misuses[_i].what, fault.index);
	ck_assert_ptr_null(result.tdmrs);
	ck_assert_ptr_null(result.work);
	ck_assert_uint_eq(result.nr_tdmrs, 0);
}
END_TEST

START_TEST(scratch_query_refuses_what_cannot_be)
{
	size_t bytes = 1;

	good_case();
	c.config.nr_ram = SIZE_MAX / 2;
	ck_assert_int_eq(tdxc_plan_scratch_bytes(&c.config, &bytes),
			 TDXC_E_INVAL);
	ck_assert_uint_eq(bytes, 0);

	bytes = 1;
	c.config.nr_ram = 2;
	c.config.limits.max_reserved = 0;
	ck_assert_int_eq(tdxc_plan_scratch_bytes(&c.config, &bytes),
			 TDXC_E_INVAL);
	ck_assert_uint_eq(bytes, 0);
}
END_TEST

START_TEST(scratch_missing_small_or_unaligned_is_refused)
{
	struct tdxc_plan_fault fault;
	struct tdxc_plan result;
	unsigned char *memory;
	size_t bytes;

	good_case();
	ck_assert_int_eq(tdxc_plan_scratch_bytes(&c.config, &bytes), TDXC_OK);
	memory = malloc(bytes + 8);
	ck_assert_ptr_nonnull(memory);
	ck_assert_int_eq(
		tdxc_plan_make(&result, &c.config, NULL, bytes, &fault),
		TDXC_E_NOMEM);
	ck_assert_int_eq(fault.kind, TDXC_PLAN_FAULT_SCRATCH);
	ck_assert_uint_eq(fault.index, bytes);
	ck_assert_int_eq(
		tdxc_plan_make(&result, &c.config, memory, bytes - 1, &fault),
		TDXC_E_NOMEM);
	ck_assert_int_eq(fault.kind, TDXC_PLAN_FAULT_SCRATCH);
	ck_assert_uint_eq(fault.index, bytes);
	ck_assert_int_eq(
		tdxc_plan_make(&result, &c.config, memory + 4, bytes, &fault),
		TDXC_E_NOMEM);
	ck_assert_int_eq(fault.kind, TDXC_PLAN_FAULT_SCRATCH);
	ck_assert_int_eq(
		tdxc_plan_make(&result, &c.config, memory, bytes, &fault),
		TDXC_OK);
	free(memory);
}
END_TEST

START_TEST(scratch_contents_do_not_matter_and_nothing_is_written_beyond)
{
	struct tdxc_plan_fault fault;
	struct tdxc_plan other;
	unsigned char *memory;
	size_t bytes;
	uint32_t i;

	fragmented_gib(20);
	plan(); /* red zones are checked there */
	ck_assert_int_eq(tdxc_plan_scratch_bytes(&c.config, &bytes), TDXC_OK);
	memory = malloc(bytes);
	ck_assert_ptr_nonnull(memory);
	memset(memory, 0x5a, bytes);
	ck_assert_int_eq(
		tdxc_plan_make(&other, &c.config, memory, bytes, &fault),
		TDXC_OK);
	ck_assert_uint_eq(other.nr_tdmrs, run.plan.nr_tdmrs);
	for (i = 0; i < other.nr_tdmrs; i++)
		ck_assert_mem_eq(&other.tdmrs[i].pamt, &run.plan.tdmrs[i].pamt,
				 sizeof(other.tdmrs[i].pamt));
	free(memory);
}
END_TEST

START_TEST(the_same_question_has_the_same_answer)
{
	struct plan_run again;

	holes(16);
	plan();
	plan_run(&again, &c);
	ck_assert_uint_eq(again.infos_bytes, run.infos_bytes);
	ck_assert_mem_eq(again.infos, run.infos, run.infos_bytes);
	plan_run_end(&again);
}
END_TEST

/* ---- place and seal: misuse ------------------------------------------ */

START_TEST(place_beyond_the_last_tdmr_is_refused)
{
	struct tdxc_range pamt[TDXC_PAMT_LEVELS] = {{0, 0}, {0, 0}, {0, 0}};

	good_case();
	plan_make();
	ck_assert_int_eq(tdxc_plan_place(&run.plan, run.plan.nr_tdmrs, pamt),
			 TDXC_E_INVAL);
	ck_assert_int_eq(tdxc_plan_place(&run.plan, UINT32_MAX, pamt),
			 TDXC_E_INVAL);
	plan_seal();
}
END_TEST

START_TEST(place_after_seal_is_refused)
{
	struct tdxc_range pamt[TDXC_PAMT_LEVELS] = {{0, 0}, {0, 0}, {0, 0}};
	struct tdxc_range before;

	good_case();
	plan();
	before = run.plan.tdmrs[0].pamt[0];
	ck_assert_int_eq(tdxc_plan_place(&run.plan, 0, pamt), TDXC_E_INVAL);
	ck_assert_uint_eq(run.plan.tdmrs[0].pamt[0].start, before.start);
}
END_TEST

START_TEST(seal_twice_writes_the_same)
{
	struct tdxc_plan_fault fault;
	void *again;

	good_case();
	plan();
	again = aligned_alloc(512, run.infos_bytes);
	ck_assert_ptr_nonnull(again);
	ck_assert_int_eq(
		tdxc_plan_seal(&run.plan, again, run.infos_bytes, &fault),
		TDXC_OK);
	ck_assert_mem_eq(again, run.infos, run.infos_bytes);
	ck_assert_ptr_null(verify_run(&c, &run));
	free(again);
}
END_TEST

START_TEST(seal_into_a_bad_buffer_is_refused)
{
	struct tdxc_plan_fault fault;
	unsigned char *infos;
	size_t bytes;
	size_t i;

	good_case();
	plan();
	bytes = run.infos_bytes;
	infos = aligned_alloc(512, bytes + 512);
	ck_assert_ptr_nonnull(infos);
	memset(infos, 0xee, bytes + 512);
	ck_assert_int_eq(tdxc_plan_seal(&run.plan, infos, bytes - 1, &fault),
			 TDXC_E_NOSPC);
	ck_assert_int_eq(fault.kind, TDXC_PLAN_FAULT_OUTPUT);
	ck_assert_uint_eq(fault.index, bytes);
	ck_assert_int_eq(tdxc_plan_seal(&run.plan, infos + 8, bytes, &fault),
			 TDXC_E_NOSPC);
	ck_assert_int_eq(fault.kind, TDXC_PLAN_FAULT_OUTPUT);
	ck_assert_int_eq(tdxc_plan_seal(&run.plan, NULL, bytes, &fault),
			 TDXC_E_NOSPC);
	for (i = 0; i < bytes + 512; i++)
		ck_assert_uint_eq(infos[i], 0xee);
	free(infos);
}
END_TEST

START_TEST(seal_zeroes_what_it_does_not_use)
{
	static const unsigned char zero[512];
	const unsigned char *at;
	uint32_t i;

	good_case();
	plan();
	for (i = 0; i < run.plan.nr_tdmrs; i++) {
		uint32_t used = 64 + 16 * run.plan.tdmrs[i].nr_reserved;

		at = (const void *)info(i);
		ck_assert_mem_eq(at + used, zero, 512 - used);
	}
}
END_TEST

/* What a caller can get wrong about TDMR 0's PAMT. */
static const struct {
	const char *what;
	uint64_t at[TDXC_PAMT_LEVELS]; /* start of each region */
	int64_t longer;		       /* bytes added to each region */
	enum tdxc_plan_fault_kind kind;
	size_t tdmr;
} misplacings[] = {
	{"unaligned",
	 {4 * GIB + 1, 4 * GIB + 64 * MIB, 4 * GIB + 96 * MIB},
	 0,
	 TDXC_PLAN_FAULT_PAMT,
	 0},
	{"a page short",
	 {4 * GIB, 4 * GIB + 64 * MIB, 4 * GIB + 96 * MIB},
	 -4096,
	 TDXC_PLAN_FAULT_PAMT,
	 0},
	{"half a page longer",
	 {4 * GIB, 4 * GIB + 64 * MIB, 4 * GIB + 96 * MIB},
	 2048,
	 TDXC_PLAN_FAULT_PAMT,
	 0},
	{"in no CMR",
	 {4 * GIB, 7 * GIB, 4 * GIB + 96 * MIB},
	 0,
	 TDXC_PLAN_FAULT_PAMT,
	 0},
	{"over the end of a CMR",
	 {4 * GIB, 4 * GIB + 64 * MIB, 6 * GIB - 2048},
	 2048,
	 TDXC_PLAN_FAULT_PAMT,
	 0},
	{"beyond the address width",
	 {4 * GIB, 1ull << 52, 4 * GIB + 96 * MIB},
	 0,
	 TDXC_PLAN_FAULT_PAMT,
	 0},
	{"at the end of address space",
	 {4 * GIB, UINT64_MAX - 4095, 4 * GIB + 96 * MIB},
	 0,
	 TDXC_PLAN_FAULT_PAMT_MISSING, /* start above end */
	 0},
	{"below 1 MiB",
	 {4 * GIB, 4 * GIB + 64 * MIB, 16 * PAGE},
	 0,
	 TDXC_PLAN_FAULT_PAMT,
	 0},
	{"over another of its own",
	 {4 * GIB, 4 * GIB + 4 * PAGE, 4 * GIB + 96 * MIB},
	 0,
	 TDXC_PLAN_FAULT_PAMT,
	 0},
	{"over another TDMR's",
	 {5 * GIB, 4 * GIB + 64 * MIB, 4 * GIB + 96 * MIB},
	 0,
	 TDXC_PLAN_FAULT_PAMT,
	 SIZE_MAX},
};

START_TEST(misplaced_pamts_are_refused)
{
	struct tdxc_range pamt[TDXC_PAMT_LEVELS];
	size_t i;

	good_case();
	plan_make();
	ck_assert_uint_eq(run.plan.nr_tdmrs, 2);
	place(1, 5 * GIB);
	for (i = 0; i < TDXC_PAMT_LEVELS; i++) {
		pamt[i].start = misplacings[_i].at[i];
		pamt[i].end = pamt[i].start + run.plan.tdmrs[0].pamt_bytes[i] +
			      (uint64_t)misplacings[_i].longer;
	}
	ck_assert_int_eq(tdxc_plan_place(&run.plan, 0, pamt), TDXC_OK);
	plan_run_seal(&run, &c);
	ck_assert_msg(run.seal == TDXC_E_INVAL, "%s: %s", misplacings[_i].what,
		      tdxc_err_name(run.seal));
	ck_assert_msg(run.fault.kind == misplacings[_i].kind, "%s: %s",
		      misplacings[_i].what,
		      tdxc_plan_fault_text(run.fault.kind));
	if (misplacings[_i].tdmr != SIZE_MAX)
		ck_assert_uint_eq(run.fault.index, misplacings[_i].tdmr);
	ck_assert(!run.plan.sealed);
	/* nothing was written */
	for (i = 0; i < run.infos_bytes; i++)
		ck_assert_uint_eq(((unsigned char *)run.infos)[i], 0xa5);
	/* and a second, better try is possible */
	free(run.infos);
	run.infos = NULL;
	place(0, 4 * GIB);
	plan_seal();
}
END_TEST

START_TEST(a_pamt_that_is_missing_is_named)
{
	struct tdxc_range none[TDXC_PAMT_LEVELS] = {{0, 0}, {0, 0}, {0, 0}};

	good_case();
	plan_make();
	ck_assert_int_eq(tdxc_plan_place(&run.plan, 1, none), TDXC_OK);
	plan_run_seal(&run, &c);
	ck_assert_int_eq(run.seal, TDXC_E_INVAL);
	ck_assert_int_eq(run.fault.kind, TDXC_PLAN_FAULT_PAMT_MISSING);
	ck_assert_uint_eq(run.fault.index, 1);
}
END_TEST

START_TEST(longer_pamts_are_accepted)
{
	struct tdxc_range pamt[TDXC_PAMT_LEVELS] = {
		{5 * GIB, 5 * GIB + 16 * MIB},
		{5 * GIB + 16 * MIB, 5 * GIB + 17 * MIB},
		{5 * GIB + 17 * MIB, 5 * GIB + 18 * MIB},
	};

	good_case();
	plan_make();
	ck_assert_int_eq(tdxc_plan_place(&run.plan, 0, pamt), TDXC_OK);
	place(1, 5 * GIB + 18 * MIB);
	plan_seal();
	ck_assert_uint_eq(run.plan.tdmrs[0].nr_reserved, 1);
	ck_assert_uint_eq(run.plan.tdmrs[1].nr_reserved, 1);
}
END_TEST

/* ---- seal: where a caller's PAMT costs nothing ------------------------ */

static const struct {
	const char *what;
	uint64_t at;
	uint32_t areas; /* of the TDMR, which has one hole inside it */
} free_places[] = {
	{"against the hole from below", 4 * GIB + 512 * MIB, 1},
	{"against the hole from above", 4 * GIB + 600 * MIB, 1},
	{"in the middle of RAM", 4 * GIB + 100 * MIB, 2},
	{"at the start of the TDMR", 4 * GIB, 2},
};

START_TEST(a_place_beside_a_hole_costs_no_area)
{
	uint64_t at = free_places[_i].at;

	case_ram(&c, 4 * GIB, 4 * GIB + 512 * MIB, 0);
	case_ram(&c, 4 * GIB + 600 * MIB, 5 * GIB, 0);
	case_cmr_is_ram(&c);
	plan_make();
	ck_assert_uint_eq(run.plan.nr_tdmrs, 1);
	if (at == 4 * GIB + 512 * MIB)
		at -= pamt_total(0);
	place(0, at);
	plan_seal();
	ck_assert_msg(run.plan.tdmrs[0].nr_reserved == free_places[_i].areas,
		      "%s: %u areas", free_places[_i].what,
		      run.plan.tdmrs[0].nr_reserved);
	ck_assert_uint_eq(run.plan.lost_bytes, 0);
}
END_TEST

START_TEST(suggested_places_cost_nothing)
{
	holes(16);
	plan_make();
	/* accept every suggestion as it is */
	plan_seal();
	ck_assert_uint_eq(run.plan.lost_bytes, 0);
	ck_assert_uint_eq(run.plan.tdmrs[0].nr_reserved, 16);
}
END_TEST

START_TEST(costly_places_give_up_the_cheapest_ram)
{
	/* 16 holes, and a PAMT in the middle of the last, longest range */
	holes(16);
	plan_make();
	ck_assert_uint_eq(run.plan.nr_tdmrs, 1);
	place(0, 4 * GIB + 768 * MIB);
	plan_seal();
	ck_assert_uint_eq(run.plan.tdmrs[0].nr_reserved, 16);
	/* 31 MiB is what lies between two holes */
	ck_assert_uint_eq(run.plan.lost_bytes, 31 * MIB);
	ck_assert_uint_eq(excluded(TDXC_PLAN_LIMIT), 31 * MIB);
}
END_TEST

/* ---- words ---------------------------------------------------------- */

START_TEST(every_reason_and_fault_has_words)
{
	static const char *const reasons[] = {
		[TDXC_PLAN_LEGACY] = "legacy",
		[TDXC_PLAN_NOT_CONVERTIBLE] = "not-convertible",
		[TDXC_PLAN_PAMT] = "pamt",
		[TDXC_PLAN_LIMIT] = "limit",
		[TDXC_PLAN_UNECONOMIC] = "uneconomic",
	};
	int kind;
	int i;

	for (i = 0; i < TDXC_PLAN_NR_REASONS; i++)
		ck_assert_str_eq(
			tdxc_plan_reason_name((enum tdxc_plan_reason)i),
			reasons[i]);
	ck_assert_ptr_nonnull(tdxc_plan_reason_name(TDXC_PLAN_NR_REASONS));
	for (kind = 0; kind <= TDXC_PLAN_FAULT_OUTPUT + 1; kind++) {
		const char *text =
			tdxc_plan_fault_text((enum tdxc_plan_fault_kind)kind);

		ck_assert_ptr_nonnull(text);
		ck_assert_uint_gt(strlen(text), 0);
		ck_assert_int_ne(text[strlen(text) - 1], '.');
	}
}
END_TEST

static TCase *ideas(void)
{
	TCase *tc = tcase_create("ideas");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, idea_01_ram_below_1mib_is_legacy);
	tcase_add_test(tc, idea_02_no_ram_is_an_error);
	tcase_add_test(tc, idea_02_ram_outside_all_cmrs_is_no_memory);
	tcase_add_test(tc, idea_03_whole_gibs_have_no_holes);
	tcase_add_test(tc, idea_04_range_that_ends_at_a_tdmr_base);
	tcase_add_test(tc, idea_05_touching_ranges_of_two_nodes);
	tcase_add_test(tc, idea_06_seventeen_holes_in_one_tdmr);
	tcase_add_test(tc, idea_06_seventeen_holes_if_no_hole_is_convertible);
	tcase_add_test(tc, idea_07_more_holes_in_a_gib_than_areas);
	tcase_add_test(tc, idea_07_convertible_holes_need_no_areas);
	tcase_add_test(tc, idea_08_the_last_area);
	tcase_add_loop_test(tc, idea_09_as_many_ranges_as_tdmrs, 0, 5);
	tcase_add_test(tc, idea_10_pamt_touching_a_hole_uses_one_area);
	tcase_add_test(tc, idea_11_pamt_inside_another_tdmr);
	tcase_add_test(tc, idea_12_pamt_over_the_end_of_a_tdmr);
	tcase_add_test(tc, idea_13_pamt_parts_of_a_roomy_tdmr_are_one_block);
	tcase_add_loop_test(tc, idea_14_and_15_pamt_region_sizes, 0,
			    COUNT(pamt_sizes));
	tcase_add_test(tc, idea_14_a_plan_follows_the_entry_sizes);
	tcase_add_loop_test(tc,
			    idea_16_the_baseline_reproduces_the_golden_totals,
			    0, COUNT(goldens));
	tcase_add_loop_test(tc, idea_16_the_planner_needs_no_more, 0,
			    COUNT(goldens));
	tcase_add_test(tc, idea_16_the_baselines_areas_are_the_examples);
	tcase_add_test(tc, idea_16_example_6_area_by_area);
	tcase_add_test(tc, idea_29_touching_cmrs_are_one);
	return tc;
}

static TCase *objective(void)
{
	TCase *tc = tcase_create("objective");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, tdmrs_split_at_a_gib_border_when_areas_run_out);
	tcase_add_test(tc, tdmrs_merge_when_the_count_runs_out);
	tcase_add_test(tc, a_pamt_that_swallows_a_fragment_joins_two_holes);
	tcase_add_test(tc, the_cheapest_fragments_are_given_up);
	tcase_add_test(tc, pamt_lies_on_the_node_it_serves);
	tcase_add_test(tc, fewer_areas_weigh_more_than_the_node);
	tcase_add_test(tc,
		       economy_leaves_out_gibs_that_cost_more_than_they_hold);
	tcase_add_test(tc, economy_keeps_a_gib_that_pays);
	tcase_add_test(tc, ram_without_room_for_a_pamt_is_refused);
	tcase_add_test(tc, the_same_question_has_the_same_answer);
	tcase_add_test(tc, every_reason_and_fault_has_words);
	return tc;
}

static TCase *misuse(void)
{
	TCase *tc = tcase_create("misuse");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, malformed_configurations_are_refused_and_named,
			    0, COUNT(misuses));
	tcase_add_test(tc, scratch_query_refuses_what_cannot_be);
	tcase_add_test(tc, scratch_missing_small_or_unaligned_is_refused);
	tcase_add_test(
		tc,
		scratch_contents_do_not_matter_and_nothing_is_written_beyond);
	tcase_add_test(tc, place_beyond_the_last_tdmr_is_refused);
	tcase_add_test(tc, place_after_seal_is_refused);
	tcase_add_test(tc, seal_twice_writes_the_same);
	tcase_add_test(tc, seal_into_a_bad_buffer_is_refused);
	tcase_add_test(tc, seal_zeroes_what_it_does_not_use);
	return tc;
}

static TCase *caller(void)
{
	TCase *tc = tcase_create("caller places");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, caller_placed_pamts_need_no_room_in_the_ram);
	tcase_add_loop_test(tc, misplaced_pamts_are_refused, 0,
			    COUNT(misplacings));
	tcase_add_test(tc, a_pamt_that_is_missing_is_named);
	tcase_add_test(tc, longer_pamts_are_accepted);
	tcase_add_loop_test(tc, a_place_beside_a_hole_costs_no_area, 0,
			    COUNT(free_places));
	tcase_add_test(tc, suggested_places_cost_nothing);
	tcase_add_test(tc, costly_places_give_up_the_cheapest_ram);
	return tc;
}

int main(void)
{
	Suite *s = suite_create("plan");
	SRunner *runner;
	int failed;

	suite_add_tcase(s, ideas());
	suite_add_tcase(s, objective());
	suite_add_tcase(s, misuse());
	suite_add_tcase(s, caller());
	runner = srunner_create(s);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
