/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Dynamic PAMT pairs on the software TDX module: they come with the first use
 * of a 2 MiB range and go with the last, and nothing that fails loses a page.
 *
 * TDXC_TEST_SCALE=percent: at how many calls the sweep lets one fail.
 */
#include <tdxcore/err.h>
#include <tdxcore/pamt.h>
#include <tdxcore/version.h>

#include <check.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "audit.h"
#include "pamt/pamt_rig.h"

#define COUNT(a)       (sizeof(a) / sizeof((a)[0]))
#define ADD	       TDXC_PHYMEM_PAMT_ADD
#define REMOVE	       TDXC_PHYMEM_PAMT_REMOVE
#define USE_4K	       TDXC_PAMT_USE_4K
#define USE_2M	       TDXC_PAMT_USE_2M
#define PAGE	       PAMT_RIG_PAGE
#define GPA	       0x40000000ull
#define GIB	       0x40000000ull

#define BUSY_RCX       0x8000020000000001ull
#define NOT_FREE_RDX   0xC000030300000002ull
#define NO_PAIR_RCX    0xC000030500000001ull
#define NO_PAIR_YET_R8 0x8000030800000008ull
#define METADATA_R8    0xC000030000000008ull

static struct pamt_rig rig;
static struct tdxc_pamt *const pamt = &rig.pamt;
static struct pamt_rig_cache own; /* the cache of the tests */
static struct tdxc_seamcall_diag diag;
static uint64_t range; /* one 2 MiB range to play with */

static const struct sim_shape dynamic = {
	.nr_lps = 2,
	.nr_packages = 1,
	.nr_tdmrs = 2,
	.gib = 1,
	.profile = TDXC_SIM_PROFILE_NEWER,
	.dynamic_pamt = true,
};

static void up_as(const struct sim_shape *shape)
{
	ck_assert_uint_eq(pamt_rig_up(&rig, shape), 0);
	tdxc_sim_port_enter(0);
	pamt_rig_cache(&own, 12);
	pamt_rig_fill(&rig, &own, 10);
	memset(&diag, 0, sizeof(diag));
	range = pamt_rig_range(&rig, 5);
}

static void up(void)
{
	up_as(&dynamic);
}

static void down(void)
{
	pamt_rig_down(&rig);
}

static int get(uint64_t pa)
{
	return tdxc_pamt_get(pamt, pa, USE_4K, &own.cache, &diag);
}

static int put(uint64_t pa)
{
	return tdxc_pamt_put(pamt, pa, USE_4K, &own.cache, &diag);
}

static int get_2m(uint64_t pa)
{
	return tdxc_pamt_get(pamt, pa, USE_2M, &own.cache, &diag);
}

static int put_2m(uint64_t pa)
{
	return tdxc_pamt_put(pamt, pa, USE_2M, &own.cache, &diag);
}

static uint64_t calls(uint64_t leaf)
{
	return tdxc_sim_port_calls(&rig.port, leaf);
}

static struct tdxc_pamt_state look(uint64_t pa)
{
	struct tdxc_pamt_state state;

	ck_assert_int_eq(tdxc_pamt_look(pamt, pa, &state), TDXC_OK);
	return state;
}

static void expect_stats(uint64_t installed, uint64_t retained,
			 uint64_t quarantined)
{
	struct tdxc_pamt_stats stats;

	tdxc_pamt_read_stats(pamt, &stats);
	ck_assert_uint_eq(stats.installed, installed);
	ck_assert_uint_eq(stats.retained, retained);
	ck_assert_uint_eq(stats.quarantined, quarantined);
	ck_assert_uint_eq(stats.changing, 0);
	ck_assert_uint_eq(stats.adds - stats.removes, installed);
}

static void expect_free(uint64_t pa)
{
	static const struct tdxc_pamt_state none;
	struct tdxc_pamt_state state = look(pa);

	ck_assert_mem_eq(&state, &none, sizeof(state));
	ck_assert(!pamt_rig_module_has_pair(&rig, pa));
}

/* --- configuration ------------------------------------------------------- */

static uint64_t bytes_of(uint64_t start, uint64_t end)
{
	struct tdxc_range tdmr = {start, end};
	struct tdxc_pamt_config config = {
		.abi = TDXC_ABI,
		.bitmap_bits = 1,
		.tdmrs = &tdmr,
		.nr_tdmrs = 1,
	};

	return tdxc_pamt_bytes(&config);
}

START_TEST(counters_of_256_gib_at_the_top_of_52_bits_take_3_mib)
{
	uint64_t top = 1ull << 52;
	uint64_t flat = top / PAMT_RIG_2M * sizeof(uint32_t);
	uint64_t bytes = bytes_of(top - 256 * GIB, top);

	ck_assert_uint_eq(flat, 8 * GIB);
	ck_assert_uint_lt(bytes, 8 << 20);
	ck_assert_uint_eq(bytes >> 20, 3);
	ck_assert_uint_eq(bytes, bytes_of(4 * GIB, 260 * GIB));
}
END_TEST

START_TEST(the_highest_range_of_52_bits_has_its_entry)
{
	uint64_t top = 1ull << 52;
	struct tdxc_range tdmrs[2] = {{0, GIB}, {top - GIB, top}};
	struct tdxc_pamt_config config = rig.config;
	struct tdxc_pamt_state state;
	struct tdxc_pamt high;

	config.pa_bits = 52;
	config.tdmrs = tdmrs;
	config.nr_tdmrs = 2;
	config.nr_pamts = 0;
	config.memory_bytes = tdxc_pamt_bytes(&config);
	ck_assert_uint_lt(config.memory_bytes, 32 << 10);
	config.memory = malloc(config.memory_bytes);
	ck_assert_int_eq(tdxc_pamt_init(&high, &config), TDXC_OK);
	ck_assert_int_eq(
		tdxc_pamt_get(&high, top - PAMT_RIG_2M, USE_2M, NULL, &diag),
		TDXC_OK);
	ck_assert_int_eq(tdxc_pamt_look(&high, top - 1, &state), TDXC_OK);
	ck_assert(state.large);
	ck_assert_int_eq(tdxc_pamt_look(&high, GIB - 1, &state), TDXC_OK);
	ck_assert(!state.large);
	ck_assert_int_eq(tdxc_pamt_look(&high, GIB, &state), TDXC_E_RANGE);
	ck_assert_int_eq(tdxc_pamt_look(&high, top - GIB - 1, &state),
			 TDXC_E_RANGE);
	ck_assert_int_eq(tdxc_pamt_look(&high, top, &state), TDXC_E_RANGE);
	free(config.memory);
}
END_TEST

enum spoil {
	ABI,
	PORT,
	PORT_ABI,
	PA_BITS_31,
	PA_BITS_53,
	NO_TDMRS,
	NO_MEMORY,
	ODD_MEMORY,
	SHORT_MEMORY,
	TDMR_ALIGN,
	TDMR_ORDER,
	PAMT_ALIGN,
	PAMT_ORDER,
	TDMR_HIGH,
	PAMT_HIGH,
};

static const int spoilt[] = {
	[ABI] = TDXC_E_INVAL,	       [PORT] = TDXC_E_INVAL,
	[PORT_ABI] = TDXC_E_INVAL,     [PA_BITS_31] = TDXC_E_INVAL,
	[PA_BITS_53] = TDXC_E_INVAL,   [NO_TDMRS] = TDXC_E_INVAL,
	[NO_MEMORY] = TDXC_E_INVAL,    [ODD_MEMORY] = TDXC_E_INVAL,
	[SHORT_MEMORY] = TDXC_E_NOSPC, [TDMR_ALIGN] = TDXC_E_INVAL,
	[TDMR_ORDER] = TDXC_E_INVAL,   [PAMT_ALIGN] = TDXC_E_INVAL,
	[PAMT_ORDER] = TDXC_E_INVAL,   [TDMR_HIGH] = TDXC_E_RANGE,
	[PAMT_HIGH] = TDXC_E_RANGE,
};

static void spoil_lists(enum spoil what, struct tdxc_range tdmrs[2],
			struct tdxc_range pamts[2])
{
	tdmrs[0] = (struct tdxc_range){4 * GIB, 5 * GIB};
	tdmrs[1] = (struct tdxc_range){5 * GIB, 6 * GIB};
	pamts[0] = (struct tdxc_range){6 * GIB, 6 * GIB + PAGE};
	pamts[1] = (struct tdxc_range){7 * GIB, 7 * GIB + PAGE};
	if (what == TDMR_ALIGN)
		tdmrs[1].end += GIB / 2;
	if (what == TDMR_ORDER)
		tdmrs[0].end = 6 * GIB;
	if (what == PAMT_ALIGN)
		pamts[0].start += 512;
	if (what == PAMT_ORDER)
		pamts[1] = pamts[0];
	if (what == TDMR_HIGH)
		tdmrs[1].end = (1ull << PAMT_RIG_PA_BITS) + GIB;
	if (what == PAMT_HIGH)
		pamts[1].end = (1ull << PAMT_RIG_PA_BITS) + PAGE;
}

START_TEST(a_configuration_that_is_not_as_it_must_be_is_refused)
{
	static const struct tdxc_pamt none;
	struct tdxc_seamcall_ops ops = *rig.seamcall.ops;
	struct tdxc_seamcall_port port = {&ops, &rig.port};
	struct tdxc_pamt_config config = rig.config;
	struct tdxc_range tdmrs[2];
	struct tdxc_range pamts[2];
	enum spoil what = (enum spoil)_i;
	struct tdxc_pamt other;

	spoil_lists(what, tdmrs, pamts);
	config.tdmrs = tdmrs;
	config.nr_tdmrs = what == NO_TDMRS ? 0 : 2;
	config.pamts = pamts;
	config.nr_pamts = 2;
	config.memory_bytes = 1 << 20;
	config.memory = malloc(config.memory_bytes);
	void *memory = config.memory;
	config.abi += what == ABI;
	ops.abi += what == PORT_ABI;
	config.port = what == PORT ? NULL : &port;
	if (what == PA_BITS_31)
		config.pa_bits = 31;
	if (what == PA_BITS_53)
		config.pa_bits = 53;
	if (what == NO_MEMORY)
		config.memory = NULL;
	if (what == ODD_MEMORY)
		config.memory = (char *)memory + 4;
	if (what == SHORT_MEMORY)
		config.memory_bytes = tdxc_pamt_bytes(&config) - 1;
	memset(&other, 0xA5, sizeof(other));
	if (what == TDMR_HIGH)
		config.bitmap_bits = 0; /* else the memory is too short */
	ck_assert_int_eq(tdxc_pamt_init(&other, &config), spoilt[what]);
	ck_assert_mem_eq(&other, &none, sizeof(other));
	free(memory);
}
END_TEST

START_TEST(static_pamt_needs_no_pairs_and_almost_no_memory)
{
	const struct sim_shape shape = {
		.nr_lps = 1, .nr_packages = 1, .nr_tdmrs = 1, .gib = 1};
	static const uint64_t pair[2] = {1, 2};
	struct tdxc_pamt_state state;

	up_as(&shape);
	ck_assert_uint_lt(rig.config.memory_bytes, 128);
	ck_assert_int_eq(get(range), TDXC_OK);
	ck_assert_int_eq(tdxc_pamt_get(pamt, range, USE_2M, NULL, &diag),
			 TDXC_OK);
	ck_assert_int_eq(put(range), TDXC_OK);
	ck_assert_int_eq(put(range), TDXC_OK);
	ck_assert_int_eq(tdxc_pamt_demote_begin(pamt, range, pair), TDXC_OK);
	ck_assert_int_eq(tdxc_pamt_demote_end(pamt, range, true), TDXC_OK);
	ck_assert_int_eq(tdxc_pamt_promote_begin(pamt, range), TDXC_OK);
	ck_assert_int_eq(tdxc_pamt_promote_end(pamt, range, pair), TDXC_OK);
	ck_assert_int_eq(tdxc_pamt_trim(pamt, rig.tdmrs[0], &own.cache, &diag),
			 TDXC_OK);
	ck_assert_int_eq(tdxc_pamt_look(pamt, range, &state), TDXC_OK);
	expect_stats(0, 0, 0);
	ck_assert_uint_eq(tdxc_sim_port_all_calls(&rig.port), 0);
	ck_assert_uint_eq(own.cache.count, 10);
	down();
}
END_TEST

/* --- caches -------------------------------------------------------------- */

START_TEST(a_cache_gives_back_what_it_got_and_knows_what_was_private)
{
	struct pamt_rig_cache c;
	struct tdxc_pamt_page page = {0x1000, true};

	pamt_rig_cache(&c, 2);
	ck_assert_int_eq(tdxc_pamt_cache_add(&c.cache, page), TDXC_OK);
	page = (struct tdxc_pamt_page){0x2000, false};
	ck_assert_int_eq(tdxc_pamt_cache_add(&c.cache, page), TDXC_OK);
	ck_assert_int_eq(tdxc_pamt_cache_add(&c.cache, page), TDXC_E_NOSPC);
	ck_assert(tdxc_pamt_cache_take(&c.cache, &page));
	ck_assert_uint_eq(page.pa, 0x2000);
	ck_assert(!page.was_private);
	page.pa = 0x2001;
	ck_assert_int_eq(tdxc_pamt_cache_add(&c.cache, page), TDXC_E_INVAL);
	page.pa = 0;
	ck_assert_int_eq(tdxc_pamt_cache_add(&c.cache, page), TDXC_E_INVAL);
	ck_assert(tdxc_pamt_cache_take(&c.cache, &page));
	ck_assert_uint_eq(page.pa, 0x1000);
	ck_assert(page.was_private);
	ck_assert(!tdxc_pamt_cache_take(&c.cache, &page));
	ck_assert_uint_eq(tdxc_pamt_cache_need(4), 8);
	ck_assert_uint_eq(tdxc_pamt_cache_need(5), 10);
}
END_TEST

START_TEST(pages_of_a_removed_pair_are_marked_for_the_rewrite)
{
	struct tdxc_pamt_page page;

	pamt_rig_cache(&own, 2);
	pamt_rig_fill(&rig, &own, 2);
	ck_assert_int_eq(get(range), TDXC_OK);
	ck_assert_uint_eq(own.cache.count, 0);
	ck_assert_int_eq(put(range), TDXC_OK);
	for (int i = 0; i < 2; i++) {
		ck_assert(tdxc_pamt_cache_take(&own.cache, &page));
		ck_assert(page.was_private);
	}
	ck_assert(!tdxc_pamt_cache_take(&own.cache, &page));
}
END_TEST

START_TEST(without_two_pages_the_first_use_is_refused_and_later_ones_are_not)
{
	struct pamt_rig_cache one;

	pamt_rig_cache(&one, 2);
	pamt_rig_fill(&rig, &one, 1);
	ck_assert_int_eq(tdxc_pamt_get(pamt, range, USE_4K, NULL, &diag),
			 TDXC_E_NOMEM);
	ck_assert_int_eq(tdxc_pamt_get(pamt, range, USE_4K, &one.cache, &diag),
			 TDXC_E_NOMEM);
	ck_assert_uint_eq(one.cache.count, 1);
	ck_assert_uint_eq(tdxc_sim_port_all_calls(&rig.port), 0);
	expect_free(range);
	ck_assert_int_eq(get(range), TDXC_OK);
	ck_assert_int_eq(tdxc_pamt_get(pamt, range, USE_4K, NULL, &diag),
			 TDXC_OK);
	ck_assert_uint_eq(look(range).references, 2);
}
END_TEST

/* --- 4K uses ------------------------------------------------------------- */

START_TEST(idea_44_two_gets_in_2_mib_add_once)
{
	ck_assert_int_eq(get(range), TDXC_OK);
	ck_assert_int_eq(get(range + PAMT_RIG_2M - PAGE), TDXC_OK);
	ck_assert_uint_eq(calls(ADD), 1);
	ck_assert_uint_eq(own.cache.count, 8);
	ck_assert_uint_eq(look(range).references, 2);
	ck_assert(pamt_rig_module_has_pair(&rig, range));
	ck_assert_int_eq(get(range + PAMT_RIG_2M), TDXC_OK);
	ck_assert_uint_eq(calls(ADD), 2);
	expect_stats(2, 0, 0);
}
END_TEST

START_TEST(idea_44_two_puts_remove_once)
{
	ck_assert_int_eq(get(range), TDXC_OK);
	ck_assert_int_eq(get(range), TDXC_OK);
	ck_assert_int_eq(put(range), TDXC_OK);
	ck_assert_uint_eq(calls(REMOVE), 0);
	ck_assert(pamt_rig_module_has_pair(&rig, range));
	ck_assert_int_eq(put(range), TDXC_OK);
	ck_assert_uint_eq(calls(REMOVE), 1);
	ck_assert_uint_eq(own.cache.count, 10);
	expect_free(range);
	expect_stats(0, 0, 0);
}
END_TEST

START_TEST(idea_44_a_put_too_many_is_flagged)
{
	ck_assert_int_eq(put(range), TDXC_E_INVAL);
	expect_free(range);
	ck_assert_int_eq(get(range), TDXC_OK);
	ck_assert_int_eq(put(range), TDXC_OK);
	ck_assert_int_eq(put(range), TDXC_E_INVAL);
	ck_assert_int_eq(put_2m(range), TDXC_E_INVAL);
	ck_assert_uint_eq(calls(ADD), 1);
	ck_assert_uint_eq(calls(REMOVE), 1);
	ck_assert_uint_eq(own.cache.count, 10);
	expect_free(range);
}
END_TEST

START_TEST(what_is_no_page_of_a_tdmr_is_refused)
{
	static const struct {
		uint64_t offset; /* from the TDMRs' end */
		enum tdxc_pamt_use use;
		int err;
	} bad[] = {
		{0, USE_4K, TDXC_E_RANGE},
		{0, USE_2M, TDXC_E_RANGE},
		{PAGE / 2, USE_4K, TDXC_E_INVAL},
		{PAGE, USE_2M, TDXC_E_INVAL},
		{0, (enum tdxc_pamt_use)0, TDXC_E_INVAL},
		{0, (enum tdxc_pamt_use)3, TDXC_E_INVAL},
	};

	for (size_t i = 0; i < COUNT(bad); i++) {
		uint64_t pa = rig.f.end + bad[i].offset;

		ck_assert_int_eq(
			tdxc_pamt_get(pamt, pa, bad[i].use, &own.cache, &diag),
			bad[i].err);
		ck_assert_int_eq(
			tdxc_pamt_put(pamt, pa, bad[i].use, &own.cache, &diag),
			bad[i].err);
	}
	ck_assert_int_eq(get(rig.f.base - PAGE), TDXC_E_RANGE);
	ck_assert_int_eq(get(UINT64_MAX & ~(PAGE - 1)), TDXC_E_RANGE);
	ck_assert_uint_eq(tdxc_sim_port_all_calls(&rig.port), 0);
}
END_TEST

START_TEST(references_end_where_only_a_leak_can_explain_them)
{
	for (uint32_t i = 0; i < TDXC_PAMT_MAX_REFERENCES; i++)
		ck_assert_int_eq(get(range), TDXC_OK);
	ck_assert_int_eq(get(range), TDXC_E_INVAL);
	ck_assert_uint_eq(look(range).references, TDXC_PAMT_MAX_REFERENCES);
	for (uint32_t i = 0; i < TDXC_PAMT_MAX_REFERENCES; i++)
		ck_assert_int_eq(put(range), TDXC_OK);
	expect_free(range);
}
END_TEST

/* A TD on the module: what the pairs are for. */
START_TEST(pages_can_be_lent_exactly_between_get_and_put)
{
	uint64_t page = range + 7 * PAGE;
	struct sim_td td;

	ck_assert_uint_eq(sim_td_build(&rig.f, &td, 40, 0), 0);
	ck_assert_uint_eq(sim_td_tables(&rig.f, &td, GPA, 1), 0);
	ck_assert_uint_eq(SIM_CALL(&rig.f, 0, 3, GPA | 1, td.tdr, page),
			  NO_PAIR_YET_R8);
	ck_assert_int_eq(get(page), TDXC_OK);
	ck_assert_uint_eq(SIM_CALL(&rig.f, 0, 3, GPA | 1, td.tdr, page), 0);
	ck_assert_int_eq(get(page + PAGE), TDXC_OK);
	ck_assert_uint_eq(SIM_CALL(&rig.f, 0, 6, GPA, td.tdr, page + PAGE), 0);
	ck_assert_uint_eq(SIM_CALL(&rig.f, 0, 29, GPA, td.tdr), 0);
	ck_assert_int_eq(put(page + PAGE), TDXC_OK);
	ck_assert_uint_eq(SIM_CALL(&rig.f, 0, 30, GPA | 1, td.tdr), 0);
	ck_assert_int_eq(put(page), TDXC_OK);
	expect_free(range);
}
END_TEST

/* --- 2M uses ------------------------------------------------------------- */

START_TEST(a_2m_page_has_no_pair_and_keeps_4k_uses_away)
{
	struct sim_td td;

	ck_assert_uint_eq(sim_td_build(&rig.f, &td, 40, 0), 0);
	ck_assert_uint_eq(sim_td_tables(&rig.f, &td, GPA, 1), 0);
	ck_assert_int_eq(get_2m(range), TDXC_OK);
	ck_assert_uint_eq(SIM_CALL(&rig.f, 0, 6, GPA | 1, td.tdr, range), 0);
	ck_assert_int_eq(get(range + PAGE), TDXC_E_EXIST);
	ck_assert_int_eq(get_2m(range), TDXC_E_EXIST);
	ck_assert_int_eq(put(range), TDXC_E_INVAL);
	ck_assert(look(range).large);
	ck_assert_uint_eq(SIM_CALL(&rig.f, 0, 29, GPA | 1, td.tdr), 0);
	ck_assert_int_eq(put_2m(range), TDXC_OK);
	ck_assert_int_eq(put_2m(range), TDXC_E_INVAL);
	ck_assert_uint_eq(tdxc_sim_port_all_calls(&rig.port), 0);
	expect_free(range);
}
END_TEST

START_TEST(a_4k_use_keeps_a_2m_use_away)
{
	struct sim_td td;

	ck_assert_uint_eq(sim_td_build(&rig.f, &td, 40, 0), 0);
	ck_assert_uint_eq(sim_td_tables(&rig.f, &td, GPA, 1), 0);
	ck_assert_int_eq(get(range + PAGE), TDXC_OK);
	ck_assert_int_eq(get_2m(range), TDXC_E_EXIST);
	ck_assert_uint_eq(SIM_CALL(&rig.f, 0, 6, GPA | 1, td.tdr, range),
			  METADATA_R8);
	ck_assert_uint_eq(look(range).references, 1);
	ck_assert_int_eq(put(range + PAGE), TDXC_OK);
	ck_assert_int_eq(get_2m(range), TDXC_OK);
	ck_assert_uint_eq(SIM_CALL(&rig.f, 0, 6, GPA | 1, td.tdr, range), 0);
}
END_TEST

START_TEST(a_2m_use_takes_a_retained_pair_out_of_its_way)
{
	ck_assert_int_eq(get(range), TDXC_OK);
	ck_assert_int_eq(tdxc_pamt_put(pamt, range, USE_4K, NULL, &diag),
			 TDXC_OK);
	expect_stats(1, 1, 0);
	ck_assert_int_eq(tdxc_pamt_get(pamt, range, USE_2M, NULL, &diag),
			 TDXC_E_NOSPC);
	expect_stats(1, 1, 0);
	ck_assert_int_eq(get_2m(range), TDXC_OK);
	ck_assert_uint_eq(own.cache.count, 10);
	expect_stats(0, 0, 0);
	ck_assert(look(range).large);
	ck_assert(!pamt_rig_module_has_pair(&rig, range));
}
END_TEST

/* --- retained pairs ------------------------------------------------------ */

static void retain(uint64_t pa)
{
	ck_assert_int_eq(get(pa), TDXC_OK);
	ck_assert_int_eq(tdxc_pamt_put(pamt, pa, USE_4K, NULL, &diag), TDXC_OK);
}

START_TEST(a_put_without_room_retains_the_pair_and_the_next_get_finds_it)
{
	struct tdxc_pamt_page page = {range, false};

	ck_assert_int_eq(get(range), TDXC_OK);
	while (tdxc_pamt_cache_add(&own.cache, page) == TDXC_OK)
		;
	ck_assert_int_eq(put(range), TDXC_OK);
	ck_assert_uint_eq(calls(REMOVE), 0);
	expect_stats(1, 1, 0);
	ck_assert_int_eq(put(range), TDXC_E_INVAL);
	ck_assert_int_eq(tdxc_pamt_get(pamt, range, USE_4K, NULL, &diag),
			 TDXC_OK);
	ck_assert_uint_eq(calls(ADD), 1);
	expect_stats(1, 0, 0);
	ck_assert(pamt_rig_module_has_pair(&rig, range));
}
END_TEST

START_TEST(trim_removes_what_is_retained_and_stops_when_the_cache_is_full)
{
	const struct tdxc_range all = {0, UINT64_MAX};
	const struct tdxc_range first = {range, range + PAMT_RIG_2M};
	const struct tdxc_range parts = {range + PAGE,
					 range + 2 * PAMT_RIG_2M - PAGE};

	for (uint64_t i = 0; i < 3; i++)
		retain(range + i * PAMT_RIG_2M);
	ck_assert_int_eq(get(range + 3 * PAMT_RIG_2M), TDXC_OK);
	expect_stats(4, 3, 0);
	ck_assert_int_eq(tdxc_pamt_trim(pamt, parts, &own.cache, &diag),
			 TDXC_OK);
	expect_stats(4, 3, 0);
	ck_assert_int_eq(tdxc_pamt_trim(pamt, first, &own.cache, &diag),
			 TDXC_OK);
	expect_stats(3, 2, 0);
	own.cache.room = own.cache.count + 3;
	ck_assert_int_eq(tdxc_pamt_trim(pamt, all, &own.cache, &diag),
			 TDXC_E_NOSPC);
	expect_stats(2, 1, 0);
	own.cache.room = PAMT_RIG_ROOM;
	ck_assert_int_eq(tdxc_pamt_trim(pamt, all, &own.cache, &diag), TDXC_OK);
	expect_stats(1, 0, 0);
	ck_assert_uint_eq(look(range + 3 * PAMT_RIG_2M).references, 1);
	ck_assert_uint_eq(own.cache.count, 8);
}
END_TEST

/* --- what the module answers --------------------------------------------- */

static struct tdxc_sim_fault_rule always(uint32_t leaf, uint64_t status)
{
	return (struct tdxc_sim_fault_rule){.leaf = leaf,
					    .action = TDXC_SIM_FAULT_STATUS,
					    .per_million = 1000000,
					    .value = status};
}

static const struct {
	uint64_t status;
	int err;
	uint64_t attempts;
} add_answers[] = {
	{BUSY_RCX, TDXC_E_BUSY, TDXC_ATTEMPTS_BUSY},
	{0x8000020300000000ull, TDXC_E_BUSY, TDXC_ATTEMPTS_ENTROPY},
	{0xC000030400000001ull, TDXC_E_IO, 1}, /* HPA_RANGE_NOT_FREE */
	{NOT_FREE_RDX, TDXC_E_IO, 1},
	{TDXC_STATUS_VMFAILINVALID, TDXC_E_NODEV, 1},
	{TDXC_STATUS_UD, TDXC_E_ACCES, 1},
};

START_TEST(an_add_that_fails_leaves_the_range_free_and_the_pages_cached)
{
	struct tdxc_sim_fault_rule rule = always(ADD, add_answers[_i].status);
	uint64_t before[PAMT_RIG_ROOM];

	memcpy(before, own.pages, sizeof(before));
	pamt_rig_faults(&rig, &rule, 1, 1);
	ck_assert_int_eq(get(range), add_answers[_i].err);
	ck_assert_uint_eq(diag.status, add_answers[_i].status);
	ck_assert_uint_eq(diag.in.rcx, range | 1);
	ck_assert_uint_eq(calls(ADD), add_answers[_i].attempts);
	ck_assert_uint_eq(own.cache.count, 10);
	ck_assert_mem_eq(own.pages, before, 10 * sizeof(before[0]));
	expect_free(range);
	pamt_rig_no_faults(&rig);
	ck_assert_int_eq(get(range), TDXC_OK);
}
END_TEST

START_TEST(the_module_refuses_pages_that_are_in_use)
{
	uint64_t used = own.pages[9];

	ck_assert_int_eq(get(range), TDXC_OK);
	pamt_rig_cache(&own, 4);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(tdxc_pamt_cache_add(
					 &own.cache,
					 (struct tdxc_pamt_page){used, false}),
				 TDXC_OK);
	ck_assert_int_eq(get(range + PAMT_RIG_2M), TDXC_E_IO);
	ck_assert_uint_eq(diag.status, NOT_FREE_RDX);
	ck_assert_uint_eq(own.cache.count, 2);
	expect_free(range + PAMT_RIG_2M);
}
END_TEST

START_TEST(a_remove_that_stays_busy_retains_the_pair)
{
	struct tdxc_sim_fault_rule rule = always(REMOVE, BUSY_RCX);

	ck_assert_int_eq(get(range), TDXC_OK);
	pamt_rig_faults(&rig, &rule, 1, 1);
	ck_assert_int_eq(put(range), TDXC_OK);
	ck_assert_uint_eq(diag.status, BUSY_RCX);
	ck_assert_uint_eq(calls(REMOVE), TDXC_ATTEMPTS_BUSY);
	expect_stats(1, 1, 0);
	ck_assert_int_eq(tdxc_pamt_trim(pamt, rig.tdmrs[0], &own.cache, &diag),
			 TDXC_E_BUSY);
	ck_assert_int_eq(get_2m(range), TDXC_E_BUSY);
	expect_stats(1, 1, 0);
	pamt_rig_no_faults(&rig);
	ck_assert_int_eq(get(range), TDXC_OK);
	ck_assert_uint_eq(calls(ADD), 1);
	ck_assert_int_eq(put(range), TDXC_OK);
	ck_assert_uint_eq(own.cache.count, 10);
	expect_free(range);
}
END_TEST

static const struct {
	uint64_t status;
	int err;
} remove_failures[] = {
	{0xC000030600000000ull, TDXC_E_IO}, /* PAMT_PAGE_NOT_EMPTY */
	{NO_PAIR_RCX, TDXC_E_IO},
	{TDXC_STATUS_VMFAILINVALID, TDXC_E_NODEV},
	{TDXC_STATUS_GP, TDXC_E_OPNOTSUPP},
};

START_TEST(idea_45_a_remove_that_fails_quarantines_the_pair_count_unchanged)
{
	struct tdxc_sim_fault_rule rule =
		always(REMOVE, remove_failures[_i].status);

	ck_assert_int_eq(get(range), TDXC_OK);
	pamt_rig_faults(&rig, &rule, 1, 1);
	ck_assert_int_eq(put(range), remove_failures[_i].err);
	ck_assert_uint_eq(diag.status, remove_failures[_i].status);
	pamt_rig_no_faults(&rig);
	ck_assert_uint_eq(look(range).references, 1);
	ck_assert(look(range).quarantined);
	ck_assert_uint_eq(own.cache.count, 8);
	expect_stats(1, 0, 1);
	/* for ever, and without another call */
	ck_assert_int_eq(get(range), TDXC_OK);
	ck_assert_int_eq(put(range), TDXC_OK);
	ck_assert_int_eq(put(range), TDXC_OK);
	ck_assert_int_eq(put(range), TDXC_E_INVAL);
	ck_assert_int_eq(get_2m(range), TDXC_E_EXIST);
	ck_assert_int_eq(tdxc_pamt_trim(pamt, rig.tdmrs[0], &own.cache, &diag),
			 TDXC_OK);
	ck_assert_uint_eq(calls(ADD) + calls(REMOVE), 2);
	ck_assert_uint_eq(own.cache.count, 8);
	expect_stats(1, 0, 1);
}
END_TEST

START_TEST(idea_45_a_page_still_lent_is_found_by_remove_and_nothing_is_lost)
{
	struct sim_td td;

	ck_assert_uint_eq(sim_td_build(&rig.f, &td, 40, 0), 0);
	ck_assert_uint_eq(sim_td_tables(&rig.f, &td, GPA, 1), 0);
	ck_assert_int_eq(get(range), TDXC_OK);
	ck_assert_uint_eq(SIM_CALL(&rig.f, 0, 3, GPA | 1, td.tdr, range), 0);
	ck_assert_int_eq(put(range), TDXC_E_IO);
	ck_assert_uint_eq(diag.status, 0xC000030600000000ull);
	ck_assert_uint_eq(look(range).references, 1);
	/* the pair is there: other pages of the range can be used */
	ck_assert_int_eq(get(range + PAGE), TDXC_OK);
	ck_assert_uint_eq(SIM_CALL(&rig.f, 0, 6, GPA, td.tdr, range + PAGE), 0);
}
END_TEST

START_TEST(trim_and_2m_uses_quarantine_too)
{
	struct tdxc_sim_fault_rule rule = always(REMOVE, NO_PAIR_RCX);

	retain(range);
	retain(range + PAMT_RIG_2M);
	pamt_rig_faults(&rig, &rule, 1, 1);
	ck_assert_int_eq(get_2m(range), TDXC_E_IO);
	expect_stats(2, 1, 1);
	ck_assert(!look(range).large);
	ck_assert_int_eq(tdxc_pamt_trim(pamt, rig.tdmrs[0], &own.cache, &diag),
			 TDXC_E_IO);
	expect_stats(2, 0, 2);
	ck_assert_uint_eq(own.cache.count, 6);
}
END_TEST

/* --- a port in between --------------------------------------------------- */

/* What a call meets besides the module. */
static void (*during)(uint64_t rax); /* while it runs */
static uint64_t wrong_page;	     /* instead of R8 */

static uint64_t hooked_call(void *ctx, uint64_t rax,
			    struct tdxc_seamcall_regs *regs,
			    enum tdxc_seamcall_shape shape)
{
	uint64_t status;

	if (during)
		during(rax);
	status = tdxc_sim_port_seamcall_ops.call(ctx, rax, regs, shape);
	if (wrong_page != 0 && shape == TDXC_SEAMCALL_RET)
		regs->r8 = wrong_page;
	return status;
}

static const struct tdxc_seamcall_ops hooked = {TDXC_ABI, hooked_call};

static void hook(void (*what)(uint64_t rax))
{
	during = what;
	wrong_page = 0;
	rig.seamcall.ops = &hooked;
	pamt->spins = 100;
}

START_TEST(pages_that_were_never_given_are_not_taken)
{
	ck_assert_int_eq(get(range), TDXC_OK);
	hook(NULL);
	wrong_page = range;
	ck_assert_int_eq(put(range), TDXC_E_IO);
	ck_assert_uint_eq(diag.status, 0);
	ck_assert(look(range).quarantined);
	ck_assert_uint_eq(own.cache.count, 8);
}
END_TEST

static uint64_t nr_hooks;

/* What other CPUs may try while ADD or REMOVE runs. */
static void others_try(uint64_t rax)
{
	struct tdxc_seamcall_diag unused;
	struct pamt_rig_cache other;
	struct tdxc_pamt_state state = look(range);

	pamt_rig_cache(&other, 4);
	pamt_rig_fill(&rig, &other, 2);
	ck_assert(state.changing);
	ck_assert_uint_eq(state.references, 0);
	ck_assert_uint_ne(state.pair[0], 0);
	ck_assert_uint_ne(state.pair[1], 0);
	ck_assert_uint_eq(state.installed, rax == REMOVE);
	for (int use = USE_4K; use <= (int)USE_2M; use++) {
		ck_assert_int_eq(tdxc_pamt_get(pamt, range,
					       (enum tdxc_pamt_use)use,
					       &other.cache, &unused),
				 TDXC_E_AGAIN);
		ck_assert_int_eq(tdxc_pamt_put(pamt, range,
					       (enum tdxc_pamt_use)use,
					       &other.cache, &unused),
				 TDXC_E_INVAL);
	}
	ck_assert_int_eq(tdxc_pamt_promote_begin(pamt, range), TDXC_E_AGAIN);
	ck_assert_int_eq(
		tdxc_pamt_trim(pamt, rig.tdmrs[0], &other.cache, &unused),
		TDXC_OK);
	ck_assert_uint_eq(other.cache.count, 2);
	nr_hooks++;
}

START_TEST(who_meets_a_transition_looks_again_and_changes_nothing)
{
	hook(others_try);
	nr_hooks = 0;
	ck_assert_int_eq(get(range), TDXC_OK);
	ck_assert_int_eq(put(range), TDXC_OK);
	ck_assert_uint_eq(nr_hooks, 2);
	ck_assert_uint_eq(calls(ADD), 1);
	ck_assert_uint_eq(calls(REMOVE), 1);
	expect_free(range);
}
END_TEST

/* --- pages that change their size ---------------------------------------- */

static struct sim_td big; /* with a 2M page at GPA */

static uint64_t resize(uint64_t leaf, uint64_t table, uint64_t pair[2])
{
	struct tdxc_sim_regs regs = {{leaf, GPA | 1, big.tdr}};

	regs.gpr[TDXC_SIM_R8] = table;
	regs.gpr[TDXC_SIM_R12] = pair[0];
	regs.gpr[TDXC_SIM_R13] = pair[1];
	(void)tdxc_sim_machine_seamcall(&rig.f.machine, 0, &regs);
	pair[0] = regs.gpr[TDXC_SIM_R12];
	pair[1] = regs.gpr[TDXC_SIM_R13];
	return regs.gpr[TDXC_SIM_RAX];
}

static void take_pair(uint64_t pair[2])
{
	struct tdxc_pamt_page page;

	for (int i = 0; i < 2; i++) {
		ck_assert(tdxc_pamt_cache_take(&own.cache, &page));
		pair[i] = page.pa;
	}
}

static void build_big(void)
{
	ck_assert_uint_eq(sim_td_build(&rig.f, &big, 40, 0), 0);
	ck_assert_uint_eq(sim_td_tables(&rig.f, &big, GPA, 1), 0);
	ck_assert_int_eq(get_2m(range), TDXC_OK);
	ck_assert_uint_eq(SIM_CALL(&rig.f, 0, 6, GPA | 1, big.tdr, range), 0);
}

/* The 2M page becomes 512 pages of 4K. */
static void demote(uint64_t pair[2])
{
	take_pair(pair);
	ck_assert_int_eq(tdxc_pamt_demote_begin(pamt, range, pair), TDXC_OK);
	ck_assert_uint_eq(look(range).pair[0], pair[0]);
	ck_assert_uint_eq(resize(15, sim_page(&rig.f, PAGE), pair), 0);
	ck_assert_int_eq(tdxc_pamt_demote_end(pamt, range, true), TDXC_OK);
}

START_TEST(demote_brings_a_pair_and_512_references)
{
	uint64_t pair[2];

	build_big();
	demote(pair);
	ck_assert_uint_eq(look(range).references, 512);
	ck_assert(!look(range).large);
	expect_stats(1, 0, 0);
	for (uint64_t i = 0; i < 512; i++) {
		ck_assert_uint_eq(
			SIM_CALL(&rig.f, 0, 29, GPA + i * PAGE, big.tdr), 0);
		ck_assert_int_eq(put(range + i * PAGE), TDXC_OK);
	}
	ck_assert_uint_eq(calls(REMOVE), 1);
	ck_assert_uint_eq(own.cache.count, 10);
	expect_free(range);
}
END_TEST

START_TEST(promote_gives_the_pair_back)
{
	uint64_t pair[2];
	uint64_t back[2] = {0, 0};

	build_big();
	demote(pair);
	ck_assert_int_eq(tdxc_pamt_promote_begin(pamt, range), TDXC_OK);
	ck_assert_int_eq(put(range), TDXC_E_AGAIN);
	ck_assert_int_eq(get(range), TDXC_E_AGAIN);
	ck_assert_uint_eq(resize(23, 0, back), 0);
	ck_assert_int_eq(tdxc_pamt_promote_end(pamt, range, back), TDXC_OK);
	ck_assert_mem_eq(back, pair, sizeof(back));
	ck_assert(look(range).large);
	ck_assert_uint_eq(look(range).references, 0);
	ck_assert_uint_eq(look(range).pair[0], 0);
	expect_stats(0, 0, 0);
	ck_assert_uint_eq(SIM_CALL(&rig.f, 0, 29, GPA | 1, big.tdr), 0);
	ck_assert_int_eq(put_2m(range), TDXC_OK);
	expect_free(range);
}
END_TEST

START_TEST(a_resize_that_fails_leaves_the_uses_as_they_were)
{
	uint64_t pair[2];

	build_big();
	take_pair(pair);
	ck_assert_int_eq(tdxc_pamt_demote_begin(pamt, range, pair), TDXC_OK);
	ck_assert_int_eq(put_2m(range), TDXC_E_AGAIN);
	ck_assert_int_eq(tdxc_pamt_demote_end(pamt, range, false), TDXC_OK);
	ck_assert(look(range).large);
	ck_assert(!look(range).changing);
	ck_assert_uint_eq(look(range).pair[0], 0);
	demote(pair);
	ck_assert_int_eq(tdxc_pamt_promote_begin(pamt, range), TDXC_OK);
	ck_assert_int_eq(tdxc_pamt_promote_end(pamt, range, NULL), TDXC_OK);
	ck_assert_uint_eq(look(range).references, 512);
	ck_assert(!look(range).changing);
	expect_stats(1, 0, 0);
}
END_TEST

START_TEST(a_promote_that_gives_other_pages_back_quarantines_the_pair)
{
	uint64_t pair[2];
	uint64_t other[2] = {range, range + PAGE};

	build_big();
	demote(pair);
	ck_assert_int_eq(tdxc_pamt_promote_begin(pamt, range), TDXC_OK);
	ck_assert_int_eq(tdxc_pamt_promote_end(pamt, range, other), TDXC_E_IO);
	ck_assert(look(range).quarantined);
	ck_assert_uint_eq(look(range).references, 512);
	ck_assert_int_eq(tdxc_pamt_promote_begin(pamt, range), TDXC_E_IO);
}
END_TEST

START_TEST(a_resize_of_what_is_not_so_is_refused)
{
	uint64_t good[2] = {own.pages[0], own.pages[1]};
	const uint64_t bad[][2] = {
		{0, good[1]},
		{good[0], 0},
		{good[0], good[0]},
		{good[0] + 8, good[1]},
	};

	ck_assert_int_eq(tdxc_pamt_demote_begin(pamt, range, good),
			 TDXC_E_INVAL);
	ck_assert_int_eq(tdxc_pamt_demote_end(pamt, range, true), TDXC_E_INVAL);
	ck_assert_int_eq(tdxc_pamt_promote_begin(pamt, range), TDXC_E_INVAL);
	ck_assert_int_eq(tdxc_pamt_promote_end(pamt, range, good),
			 TDXC_E_INVAL);
	expect_free(range);
	ck_assert_int_eq(get_2m(range), TDXC_OK);
	for (size_t i = 0; i < COUNT(bad); i++)
		ck_assert_int_eq(tdxc_pamt_demote_begin(pamt, range, bad[i]),
				 TDXC_E_INVAL);
	ck_assert_int_eq(tdxc_pamt_demote_begin(pamt, range + PAGE, good),
			 TDXC_E_INVAL);
	ck_assert_int_eq(tdxc_pamt_promote_begin(pamt, range), TDXC_E_INVAL);
	ck_assert_int_eq(tdxc_pamt_demote_end(pamt, range, true), TDXC_E_INVAL);
	ck_assert_int_eq(tdxc_pamt_demote_begin(pamt, rig.f.end, good),
			 TDXC_E_RANGE);
	ck_assert_int_eq(tdxc_pamt_demote_end(pamt, rig.f.end, true),
			 TDXC_E_RANGE);
	ck_assert_int_eq(tdxc_pamt_promote_begin(pamt, rig.f.end),
			 TDXC_E_RANGE);
	ck_assert_int_eq(tdxc_pamt_promote_end(pamt, rig.f.end, NULL),
			 TDXC_E_RANGE);
	for (uint32_t i = 0; i < 511; i++)
		ck_assert_int_eq(get(range + PAMT_RIG_2M), TDXC_OK);
	ck_assert_int_eq(tdxc_pamt_promote_begin(pamt, range + PAMT_RIG_2M),
			 TDXC_E_INVAL);
}
END_TEST

/* --- every page is somewhere --------------------------------------------- */

#define SWEEP_RANGES 4u
#define SWEEP_OPS    160u

/* Pages that the record has, of all ranges; and the module agrees. */
static uint32_t recorded_pages(bool module_agrees)
{
	uint32_t pages = 0;

	for (uint64_t i = 0; i < SWEEP_RANGES; i++) {
		uint64_t pa = pamt_rig_range(&rig, i);
		struct tdxc_pamt_state state = look(pa);

		ck_assert(!state.changing);
		ck_assert_uint_eq(state.pair[0] != 0, state.installed);
		ck_assert_uint_eq(state.pair[1] != 0, state.installed);
		pages += state.installed ? 2 : 0;
		if (module_agrees && !state.quarantined)
			ck_assert_uint_eq(pamt_rig_module_has_pair(&rig, pa),
					  state.installed);
	}
	return pages;
}

/* So many random gets and puts; `held` counts what must be counted. */
static void random_uses(uint64_t *random, uint32_t held[SWEEP_RANGES])
{
	for (uint32_t i = 0; i < SWEEP_OPS; i++) {
		uint64_t n = sim_random(random) >> 16;
		uint64_t r = n % SWEEP_RANGES;
		uint64_t pa = pamt_rig_range(&rig, r) + n / 8 % 512 * PAGE;
		struct tdxc_pamt_cache *cache = n >> 32 & 3 ? &own.cache : NULL;
		bool puts = (n >> 34 & 1) != 0;
		int err = puts ? tdxc_pamt_put(pamt, pa, USE_4K, cache, &diag)
			       : tdxc_pamt_get(pamt, pa, USE_4K, cache, &diag);

		if (puts && held[r] == 0)
			ck_assert_int_eq(err, TDXC_E_INVAL);
		else if (err == TDXC_OK)
			held[r] += puts ? UINT32_MAX : 1;
		ck_assert_uint_eq(look(pa).references, held[r]);
		ck_assert_uint_eq(own.cache.count + recorded_pages(false), 10);
	}
}

static const uint64_t sweep_status[] = {BUSY_RCX, NO_PAIR_RCX,
					TDXC_STATUS_VMFAILINVALID};

/* Every n, or with TDXC_TEST_SCALE=percent some. */
static uint32_t sweep_step(void)
{
	const char *text = getenv("TDXC_TEST_SCALE");
	uint64_t percent = text ? strtoull(text, NULL, 0) : 100;

	return percent >= 100 ? 1 : percent >= 10 ? 3 : 11;
}

/* The n-th ADD and the n-th REMOVE fail. */
START_TEST(a_fault_at_any_call_loses_no_page)
{
	uint32_t nth;

	for (nth = 1; nth <= 24; nth += sweep_step()) {
		struct tdxc_sim_fault_rule rules[2] = {
			always(ADD, sweep_status[_i]),
			always(REMOVE, sweep_status[_i]),
		};
		uint32_t held[SWEEP_RANGES] = {0};
		uint64_t random = nth;
		struct tdxc_sim_violation v;

		rules[0].per_million = 0;
		rules[0].nth = nth;
		rules[1].per_million = 0;
		rules[1].nth = nth;
		up();
		pamt->limits.attempts[TDXC_AGAIN_BUSY] = 1;
		pamt_rig_faults(&rig, rules, 2, 1);
		random_uses(&random, held);
		pamt_rig_no_faults(&rig);
		ck_assert_uint_eq(own.cache.count + recorded_pages(true), 10);
		ck_assert_msg(tdxc_sim_audit(&rig.f.machine, &v) == 0, "%s",
			      v.text);
		down();
	}
}
END_TEST

static Suite *pamt_suite(void)
{
	Suite *s = suite_create("pamt");
	TCase *tc = tcase_create("uses");
	TCase *bare = tcase_create("own machine");

	tcase_add_checked_fixture(tc, up, down);
	tcase_add_test(tc,
		       counters_of_256_gib_at_the_top_of_52_bits_take_3_mib);
	tcase_add_test(tc, the_highest_range_of_52_bits_has_its_entry);
	tcase_add_loop_test(
		tc, a_configuration_that_is_not_as_it_must_be_is_refused, 0,
		COUNT(spoilt));
	tcase_add_test(
		tc, a_cache_gives_back_what_it_got_and_knows_what_was_private);
	tcase_add_test(tc, pages_of_a_removed_pair_are_marked_for_the_rewrite);
	tcase_add_test(
		tc,
		without_two_pages_the_first_use_is_refused_and_later_ones_are_not);
	tcase_add_test(tc, idea_44_two_gets_in_2_mib_add_once);
	tcase_add_test(tc, idea_44_two_puts_remove_once);
	tcase_add_test(tc, idea_44_a_put_too_many_is_flagged);
	tcase_add_test(tc, what_is_no_page_of_a_tdmr_is_refused);
	tcase_add_test(tc, references_end_where_only_a_leak_can_explain_them);
	tcase_add_test(tc, pages_can_be_lent_exactly_between_get_and_put);
	tcase_add_test(tc, a_2m_page_has_no_pair_and_keeps_4k_uses_away);
	tcase_add_test(tc, a_4k_use_keeps_a_2m_use_away);
	tcase_add_test(tc, a_2m_use_takes_a_retained_pair_out_of_its_way);
	tcase_add_test(
		tc,
		a_put_without_room_retains_the_pair_and_the_next_get_finds_it);
	tcase_add_test(
		tc,
		trim_removes_what_is_retained_and_stops_when_the_cache_is_full);
	tcase_add_loop_test(
		tc,
		an_add_that_fails_leaves_the_range_free_and_the_pages_cached, 0,
		COUNT(add_answers));
	tcase_add_test(tc, the_module_refuses_pages_that_are_in_use);
	tcase_add_test(tc, a_remove_that_stays_busy_retains_the_pair);
	tcase_add_loop_test(
		tc,
		idea_45_a_remove_that_fails_quarantines_the_pair_count_unchanged,
		0, COUNT(remove_failures));
	tcase_add_test(
		tc,
		idea_45_a_page_still_lent_is_found_by_remove_and_nothing_is_lost);
	tcase_add_test(tc, trim_and_2m_uses_quarantine_too);
	tcase_add_test(tc, pages_that_were_never_given_are_not_taken);
	tcase_add_test(tc,
		       who_meets_a_transition_looks_again_and_changes_nothing);
	tcase_add_test(tc, demote_brings_a_pair_and_512_references);
	tcase_add_test(tc, promote_gives_the_pair_back);
	tcase_add_test(tc, a_resize_that_fails_leaves_the_uses_as_they_were);
	tcase_add_test(
		tc, a_promote_that_gives_other_pages_back_quarantines_the_pair);
	tcase_add_test(tc, a_resize_of_what_is_not_so_is_refused);
	suite_add_tcase(s, tc);
	tcase_add_test(bare, static_pamt_needs_no_pairs_and_almost_no_memory);
	tcase_add_loop_test(bare, a_fault_at_any_call_loses_no_page, 0,
			    COUNT(sweep_status));
	suite_add_tcase(s, bare);
	return s;
}

int main(void)
{
	SRunner *runner = srunner_create(pamt_suite());
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
