/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Removal from the Secure EPT: what it costs in SEAMCALLs at each stage of a
 * TD's life, and that a page is handed back clean, or not at all. One thread,
 * on the software TDX platform.
 */
#include <tdxcore/err.h>

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "module.h"
#include "sept/sept_rig.h"

#define GFN	 0x40000ull /* at 1 GiB */
#define PAGE	 PAMT_RIG_PAGE
#define BUSY	 0x8000020000000092ull /* the S-EPT tree */
#define BUSY_TDR 0x8000020000000002ull
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct sept_rig rig;
static struct tdxc_external_entry entries[TDXC_MMU_BATCH];

static void up(bool dynamic)
{
	const struct sept_rig_options options = {.dynamic_pamt = dynamic};

	sept_rig_up(&rig, &options);
}

static void down(void)
{
	ck_assert_uint_eq(rig.nr_freed_owned, 0);
	ck_assert(sept_rig_audit(&rig));
	sept_rig_down(&rig);
}

static void go_to(enum tdxc_sept_stage stage)
{
	if (stage >= TDXC_SEPT_RUN)
		sept_rig_run(&rig);
	if (stage >= TDXC_SEPT_CLOSED)
		sept_rig_close(&rig);
	if (stage >= TDXC_SEPT_RELEASED)
		sept_rig_release(&rig);
}

/* Pages from GFN on, in a TD at a stage, and their entries. */
static uint64_t prepare(enum tdxc_sept_stage stage, uint32_t level, uint32_t n)
{
	uint64_t pa = sept_rig_fill(&rig, GFN, level, n);

	for (uint32_t i = 0; i < n; i++) {
		uint64_t frames = i * tdxc_level_frames(level);

		entries[i] =
			sept_rig_leaf(GFN + frames, level, pa + frames * PAGE);
	}
	go_to(stage);
	sept_rig_mark(&rig);
	return pa;
}

static void all_are_back(uint64_t pa, uint32_t level, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		ck_assert_int_eq(entries[i].status, TDXC_OK);
		ck_assert_uint_eq(
			sept_rig_type(&rig,
				      pa + i * tdxc_level_frames(level) * PAGE),
			SEPT_RIG_NDA);
	}
	ck_assert_uint_eq(rig.quarantine.count, 0);
}

/* ---- what it costs ---- */

static const uint32_t numbers[] = {1, 2, 3, 17, 511, 512};

START_TEST(n_pages_cost_3n_plus_1_calls_and_one_broadcast_in_a_running_td)
{
	uint32_t n = numbers[_i];
	uint64_t pa;

	up(false);
	pa = prepare(TDXC_SEPT_RUN, 1, n);
	ck_assert_int_eq(sept_rig_enter(&rig, 0), TDXC_OK);
	tdxc_sept_remove(&rig.sept, entries, n);
	ck_assert_uint_eq(rig.nr_calls, 3 * n + 1);
	ck_assert_uint_eq(sept_rig_calls(&rig, TDXC_MEM_RANGE_BLOCK), n);
	ck_assert_uint_eq(sept_rig_calls(&rig, TDXC_MEM_TRACK), 1);
	ck_assert_uint_eq(sept_rig_calls(&rig, TDXC_MEM_PAGE_REMOVE), n);
	ck_assert_uint_eq(sept_rig_calls(&rig, TDXC_PHYMEM_PAGE_WBINVD), n);
	ck_assert_uint_eq(rig.sept.counts.broadcasts, 1);
	ck_assert_uint_eq(rig.nr_kicks, 1);
	all_are_back(pa, 1, n);
	down();
}
END_TEST

START_TEST(n_pages_cost_2n_calls_before_the_td_runs)
{
	uint32_t n = numbers[_i];
	uint64_t pa;

	up(false);
	pa = prepare(TDXC_SEPT_BUILD, 1, n);
	tdxc_sept_remove(&rig.sept, entries, n);
	ck_assert_uint_eq(rig.nr_calls, 2 * n);
	ck_assert_uint_eq(sept_rig_calls(&rig, TDXC_MEM_PAGE_REMOVE), n);
	ck_assert_uint_eq(rig.sept.counts.broadcasts, 0);
	all_are_back(pa, 1, n);
	down();
}
END_TEST

START_TEST(n_pages_cost_n_calls_when_the_keyid_is_free)
{
	uint32_t n = numbers[_i];
	uint64_t pa;

	up(false);
	pa = prepare(TDXC_SEPT_RELEASED, 1, n);
	tdxc_sept_remove(&rig.sept, entries, n);
	ck_assert_uint_eq(rig.nr_calls, n);
	ck_assert_uint_eq(sept_rig_calls(&rig, TDXC_PHYMEM_PAGE_RECLAIM), n);
	all_are_back(pa, 1, n);
	down();
}
END_TEST

/* Besides: the pair of each range that nothing uses any more. */
START_TEST(dynamic_pamt_costs_one_call_more_for_each_range)
{
	static const struct {
		enum tdxc_sept_stage stage;
		uint64_t calls;
	} costs[] = {
		{TDXC_SEPT_BUILD, 2 * 512 + 1},
		{TDXC_SEPT_RUN, 3 * 512 + 1 + 1},
		{TDXC_SEPT_RELEASED, 512 + 1},
	};
	uint64_t pa;

	up(true);
	pa = prepare(costs[_i].stage, 1, 512);
	tdxc_sept_remove(&rig.sept, entries, 512);
	ck_assert_uint_eq(rig.nr_calls, costs[_i].calls);
	ck_assert_uint_eq(sept_rig_calls(&rig, TDXC_PHYMEM_PAMT_REMOVE), 1);
	all_are_back(pa, 1, 512);
	ck_assert(!pamt_rig_module_has_pair(&rig.p, pa));
	down();
}
END_TEST

/* Each 4 KiB of it is written back. */
START_TEST(a_page_of_2_mib_costs_3_calls_and_512_write_backs)
{
	static const struct {
		enum tdxc_sept_stage stage;
		uint64_t calls;
	} costs[] = {
		{TDXC_SEPT_BUILD, 1 + 512},
		{TDXC_SEPT_RUN, 3 + 512},
		{TDXC_SEPT_RELEASED, 1},
	};
	uint64_t pa;

	up(false);
	pa = prepare(costs[_i].stage, 2, 1);
	tdxc_sept_remove(&rig.sept, entries, 1);
	ck_assert_uint_eq(rig.nr_calls, costs[_i].calls);
	all_are_back(pa, 2, 1);
	down();
}
END_TEST

/* With Dynamic PAMT the module may refuse a page of 4 KiB that has no entry:
 * one refusal, ADD and REMOVE more. tdx-module-abi.md 1.10, 11 */
START_TEST(a_write_back_that_wants_a_pair_gets_one_meanwhile)
{
	struct tdxc_pamt_stats stats;
	uint32_t pages;
	uint64_t pa;

	up(true);
	pa = prepare(_i == 0 ? TDXC_SEPT_BUILD : TDXC_SEPT_RUN, 2, 2);
	pages = rig.cache[0].cache.count;
	tdxc_sept_remove(&rig.sept, entries, 2);
	ck_assert_uint_eq(rig.nr_calls,
			  2 * (1 + 512 + 3) + (_i == 0 ? 0 : 2 + 1));
	ck_assert_uint_eq(sept_rig_calls(&rig, TDXC_PHYMEM_PAMT_ADD), 2);
	ck_assert_uint_eq(rig.cache[0].cache.count, pages);
	all_are_back(pa, 2, 2);
	tdxc_pamt_read_stats(&rig.p.pamt, &stats);
	ck_assert_uint_eq(stats.large, 0);
	ck_assert_uint_eq(stats.retained, 0);
	down();
}
END_TEST

START_TEST(without_pages_for_that_the_large_page_is_lost)
{
	struct tdxc_pamt_stats stats;

	up(true);
	(void)prepare(TDXC_SEPT_RUN, 2, 1);
	pamt_rig_cache(&rig.cache[0], 8);
	tdxc_sept_remove(&rig.sept, entries, 1);
	ck_assert_int_eq(entries[0].status, TDXC_E_IO);
	ck_assert(entries[0].removed);
	ck_assert_uint_eq(rig.lost[0].diag.rax, TDXC_PHYMEM_PAGE_WBINVD);
	tdxc_pamt_read_stats(&rig.p.pamt, &stats);
	ck_assert_uint_eq(stats.large, 1);
	down();
}
END_TEST

START_TEST(pages_of_2_mib_share_one_track)
{
	uint64_t pa;

	up(false);
	pa = prepare(TDXC_SEPT_RUN, 2, 5);
	tdxc_sept_remove(&rig.sept, entries, 5);
	ck_assert_uint_eq(rig.nr_calls, 1 + 5 * (2 + 512));
	ck_assert_uint_eq(rig.sept.counts.tracks, 1);
	all_are_back(pa, 2, 5);
	down();
}
END_TEST

/* tdx-module-abi.md 15.1: 6 calls in place of 1025, besides write-backs. */
START_TEST(promoted_first_512_pages_cost_6_calls_and_write_backs)
{
	struct tdxc_external_change promote;
	struct tdxc_external_entry leaf;
	uint64_t table;
	uint64_t pa;

	up(false);
	table = sept_rig_tables(&rig, GFN, 1);
	pa = prepare(TDXC_SEPT_RUN, 1, 512);
	promote = sept_rig_promote(GFN, 2, pa, table);
	ck_assert_int_eq(tdxc_sept_set(&rig.sept, &promote), TDXC_OK);
	leaf = sept_rig_leaf(GFN, 2, pa);
	tdxc_sept_remove(&rig.sept, &leaf, 1);
	ck_assert_int_eq(leaf.status, TDXC_OK);
	ck_assert_uint_eq(rig.nr_calls, 6 + 1 + 512);
	ck_assert_uint_eq(sept_rig_calls(&rig, TDXC_PHYMEM_PAGE_WBINVD),
			  1 + 512);
	ck_assert_uint_eq(rig.sept.counts.broadcasts, 2);
	down();
}
END_TEST

/* ---- tables ---- */

static const struct {
	enum tdxc_sept_stage stage;
	uint64_t calls; /* for two tables */
} table_costs[] = {
	{TDXC_SEPT_BUILD, 4},
	{TDXC_SEPT_RUN, 7},
	{TDXC_SEPT_RELEASED, 2},
};

START_TEST(H15_empty_tables_go_in_a_batch_and_are_freed_by_the_library)
{
	uint64_t table[2];

	up(false);
	table[0] = sept_rig_tables(&rig, GFN, 1);
	table[1] = sept_rig_tables(&rig, GFN + 512, 1);
	entries[0] = sept_rig_table(GFN, 2, table[0]);
	entries[1] = sept_rig_table(GFN + 512, 2, table[1]);
	go_to(table_costs[_i].stage);
	sept_rig_mark(&rig);
	tdxc_sept_remove(&rig.sept, entries, 2);
	ck_assert_uint_eq(rig.nr_calls, table_costs[_i].calls);
	for (uint32_t i = 0; i < 2; i++) {
		ck_assert_int_eq(entries[i].status, TDXC_OK);
		ck_assert_uint_eq(rig.freed[i], table[i]);
		ck_assert_uint_eq(sept_rig_type(&rig, table[i]), SEPT_RIG_NDA);
	}
	ck_assert_uint_eq(rig.nr_freed, 2);
	down();
}
END_TEST

/* R19: the module refuses, and knows best. The page is lost until RECLAIM. */
START_TEST(R19_a_table_that_is_not_empty_is_lost_until_it_is_reclaimed)
{
	struct tdxc_external_entry leaf;
	uint64_t table;
	uint64_t pa;

	up(false);
	table = sept_rig_tables(&rig, GFN, 1);
	pa = sept_rig_fill(&rig, GFN, 1, 1);
	go_to(TDXC_SEPT_RUN);
	entries[0] = sept_rig_table(GFN, 2, table);
	tdxc_sept_remove(&rig.sept, entries, 1);
	ck_assert_int_eq(entries[0].status, TDXC_E_IO);
	ck_assert(!entries[0].removed);
	ck_assert_uint_eq(rig.nr_freed, 0);
	ck_assert_uint_eq(rig.quarantine.count, 1);
	ck_assert_uint_eq(rig.lost[0].pa, table);
	ck_assert_int_eq(rig.lost[0].use, TDXC_SEPT_TABLE);
	ck_assert_uint_eq(rig.lost[0].diag.rax, TDXC_MEM_SEPT_REMOVE);
	ck_assert_uint_eq(rig.sept.diagnosed, 1);
	sept_rig_close(&rig);
	sept_rig_release(&rig);
	leaf = sept_rig_leaf(GFN, 1, pa);
	tdxc_sept_remove(&rig.sept, &leaf, 1);
	ck_assert_int_eq(leaf.status, TDXC_OK);
	ck_assert_int_eq(tdxc_sept_reclaim(&rig.sept, entries[0].gfn, table),
			 TDXC_OK);
	ck_assert_uint_eq(rig.nr_freed, 1);
	ck_assert_uint_eq(rig.quarantine.recovered, 1);
	ck_assert_uint_eq(rig.lost[0].state, 2);
	down();
}
END_TEST

/* ---- taken on ---- */

START_TEST(an_entry_that_is_blocked_already_is_taken_on)
{
	uint64_t pa;

	up(false);
	pa = prepare(TDXC_SEPT_RUN, 1, 2);
	ck_assert_uint_eq(SIM_CALL(&rig.p.f, 7, TDXC_MEM_RANGE_BLOCK, GFN << 12,
				   rig.td.tdr),
			  0);
	tdxc_sept_remove(&rig.sept, entries, 2);
	ck_assert_uint_eq(rig.nr_calls, 7);
	all_are_back(pa, 1, 2);
	down();
}
END_TEST

START_TEST(a_page_that_the_mirror_has_elsewhere_is_lost)
{
	uint64_t pa;

	up(_i == 1);
	pa = prepare(TDXC_SEPT_RUN, 1, 3);
	entries[1].old = tdxc_spte_private(pa + 100 * PAGE, 1);
	tdxc_sept_remove(&rig.sept, entries, 3);
	ck_assert_int_eq(entries[0].status, TDXC_OK);
	ck_assert_int_eq(entries[1].status, TDXC_E_IO);
	ck_assert(entries[1].removed);
	ck_assert_int_eq(entries[2].status, TDXC_OK);
	ck_assert_uint_eq(rig.quarantine.count, 1);
	ck_assert_uint_eq(rig.lost[0].pa, pa + 100 * PAGE);
	ck_assert_uint_eq(rig.lost[0].gfn.n, GFN + 1);
	ck_assert_uint_eq(rig.lost[0].diag.out.rcx & TDXC_SPTE_PA_MASK,
			  pa + PAGE);
	down();
}
END_TEST

/* tdx-module-abi.md 11: a hint of Dynamic PAMT beside the address. */
START_TEST(bit_62_beside_the_page_that_came_back_is_no_part_of_it)
{
	uint64_t pa;

	up(true);
	pa = prepare(TDXC_SEPT_RUN, 1, 2);
	rig.hint = true;
	tdxc_sept_remove(&rig.sept, entries, 2);
	all_are_back(pa, 1, 2);
	down();
}
END_TEST

/* R10: no REMOVE without TRACK, whatever fails. */
START_TEST(R10_no_entry_is_removed_where_track_failed)
{
	up(false);
	(void)prepare(TDXC_SEPT_RUN, 1, 3);
	rig.of_leaf = (struct sept_rig_fault){
		.at = 1,
		.status = _i == 0 ? BUSY : 0xC000060000000000,
		.times = SEPT_RIG_ALWAYS,
		.rax = TDXC_MEM_TRACK,
	};
	tdxc_sept_remove(&rig.sept, entries, 3);
	ck_assert_uint_eq(sept_rig_calls(&rig, TDXC_MEM_PAGE_REMOVE), 0);
	for (uint64_t i = 0; i < 3; i++) {
		ck_assert_int_eq(entries[i].status,
				 _i == 0 ? TDXC_E_BUSY : TDXC_E_IO);
		ck_assert(!entries[i].removed);
		ck_assert_int_eq(sept_rig_state(&rig, GFN + i, 1),
				 SEPT_RIG_PENDING_BLOCKED);
	}
	ck_assert_uint_eq(rig.quarantine.count, _i == 0 ? 0 : 3);
	/* a later removal takes them on */
	sept_rig_mark(&rig);
	tdxc_sept_remove(&rig.sept, entries, 3);
	ck_assert_uint_eq(rig.nr_calls, 10);
	for (uint32_t i = 0; i < 3; i++)
		ck_assert_int_eq(entries[i].status, TDXC_OK);
	ck_assert_uint_eq(rig.quarantine.recovered, _i == 0 ? 0 : 3);
	down();
}
END_TEST

/* ---- clean pages ---- */

static void fill_page(uint64_t pa, int byte)
{
	unsigned char page[PAGE];

	memset(page, byte, sizeof(page));
	ck_assert_int_eq(tdxc_sim_machine_store(&rig.p.f.machine, 0, pa, page,
						sizeof(page)),
			 0);
}

static bool page_is(uint64_t pa, int byte)
{
	unsigned char want[PAGE];
	unsigned char page[PAGE];

	memset(want, byte, sizeof(want));
	return tdxc_sim_machine_load(&rig.p.f.machine, 0, pa, page,
				     sizeof(page)) == 0 &&
	       memcmp(page, want, sizeof(page)) == 0;
}

/* A page with contents under the TD's KeyID. */
static uint64_t add_page(void)
{
	struct tdxc_external_change map;
	uint64_t pa;

	fill_page(SEPT_RIG_SOURCE, 0x11);
	(void)sept_rig_tables(&rig, GFN, 1);
	pa = sept_rig_page(&rig, 1);
	map = sept_rig_map(GFN, 1, pa);
	map.source = SEPT_RIG_SOURCE;
	ck_assert_int_eq(tdxc_sept_set(&rig.sept, &map), TDXC_OK);
	return pa;
}

/* What the host writes into a page that came back stays, whatever the caches
 * still write to memory later. `careless`: without the write-back. */
static bool page_is_clean(bool careless)
{
	const struct sept_rig_options options = {
		.lines = true, .clflush = true, .rewrite = true};
	bool clean;
	uint64_t pa;

	sept_rig_up(&rig, &options);
	pa = add_page();
	entries[0] = sept_rig_leaf(GFN, 1, pa);
	go_to(TDXC_SEPT_RUN);
	/* as its guest writes */
	fill_page(tdxc_sim_machine_keyed(&rig.p.f.machine, pa, SEPT_RIG_KEYID),
		  0x22);
	if (careless)
		rig.of_leaf = (struct sept_rig_fault){
			1,     0, SEPT_RIG_ALWAYS,
			false, 0, TDXC_PHYMEM_PAGE_WBINVD,
			0};
	tdxc_sept_remove(&rig.sept, entries, 1);
	ck_assert_int_eq(entries[0].status, TDXC_OK);
	ck_assert_uint_eq(rig.nr_rewritten, 1);
	fill_page(pa, 0x77);
	ck_assert_int_eq(
		tdxc_sim_machine_clflush(&rig.p.f.machine, 0, pa, PAGE), 0);
	tdxc_sim_machine_evict(&rig.p.f.machine, 1u << 20);
	clean = page_is(pa, 0x77);
	sept_rig_down(&rig);
	return clean;
}

START_TEST(S000_a_page_that_came_back_has_no_dirty_lines_left)
{
	ck_assert(page_is_clean(false));
	ck_assert(!page_is_clean(true)); /* the check can fail */
}
END_TEST

START_TEST(the_partial_write_erratum_has_every_page_rewritten)
{
	static const uint64_t pages[] = {3, 512};
	const struct sept_rig_options options = {.rewrite = true};
	uint32_t level = (uint32_t)_i + 1;

	sept_rig_up(&rig, &options);
	(void)prepare(TDXC_SEPT_RUN, level, _i == 0 ? 3 : 1);
	tdxc_sept_remove(&rig.sept, entries, _i == 0 ? 3 : 1);
	ck_assert_uint_eq(rig.nr_rewritten, pages[_i]);
	down();
}
END_TEST

/* R41: what is not known to be clean is not returned. */
START_TEST(R41_a_page_whose_write_back_fails_is_removed_and_lost)
{
	uint64_t pa;

	up(false);
	pa = prepare(_i == 0 ? TDXC_SEPT_RUN : TDXC_SEPT_BUILD, 1, 2);
	rig.of_leaf = (struct sept_rig_fault){
		1, 0xC000010100000001, 1, false, 0, TDXC_PHYMEM_PAGE_WBINVD, 0};
	tdxc_sept_remove(&rig.sept, entries, 2);
	ck_assert_int_eq(entries[0].status, TDXC_E_IO);
	ck_assert(entries[0].removed);
	ck_assert_int_eq(entries[1].status, TDXC_OK);
	ck_assert_int_eq(sept_rig_state(&rig, GFN, 1), SEPT_RIG_FREE);
	ck_assert_uint_eq(rig.quarantine.count, 1);
	ck_assert_uint_eq(rig.lost[0].pa, pa);
	ck_assert_uint_eq(rig.lost[0].diag.rax, TDXC_PHYMEM_PAGE_WBINVD);
	ck_assert_uint_eq(rig.sept.diag.status, 0xC000010100000001);
	down();
}
END_TEST

START_TEST(a_large_page_is_lost_whole_where_one_write_back_fails)
{
	uint64_t pa;

	up(false);
	pa = prepare(TDXC_SEPT_RUN, 2, 1);
	rig.of_leaf =
		(struct sept_rig_fault){300, 0xC000010100000001,      1, false,
					0,   TDXC_PHYMEM_PAGE_WBINVD, 0};
	tdxc_sept_remove(&rig.sept, entries, 1);
	ck_assert_int_eq(entries[0].status, TDXC_E_IO);
	ck_assert(entries[0].removed);
	ck_assert_uint_eq(rig.lost[0].pa, pa);
	ck_assert_uint_eq(rig.lost[0].level, 2);
	down();
}
END_TEST

START_TEST(write_backs_name_the_page_and_the_keyid_of_the_td)
{
	uint64_t keyed;
	uint64_t pa;

	up(false);
	pa = prepare(TDXC_SEPT_BUILD, 1, 1);
	keyed = pa | (uint64_t)SEPT_RIG_KEYID << PAMT_RIG_PA_BITS;
	ck_assert_uint_eq(keyed, tdxc_sim_machine_keyed(&rig.p.f.machine, pa,
							SEPT_RIG_KEYID));
	rig.fault = (struct sept_rig_fault){2, BUSY, 1, false, 0, 0, 0};
	tdxc_sept_remove(&rig.sept, entries, 1);
	ck_assert_uint_eq(rig.fault.rax, TDXC_PHYMEM_PAGE_WBINVD);
	ck_assert_uint_eq(rig.fault.rcx, keyed);
	ck_assert_int_eq(entries[0].status, TDXC_OK);
	down();
}
END_TEST

/* ---- busy ---- */

static bool guest_contends;

/* vCPU 0 comes back whenever it may, and holds what the call needs. */
static void contend(struct sept_rig *r, uint64_t rax)
{
	if (!guest_contends || rax != r->of_leaf.rax)
		return;
	if (!r->inside[0])
		(void)sept_rig_enter(r, 0);
	r->of_leaf.times = r->inside[0] ? SEPT_RIG_ALWAYS : 0;
}

static const uint64_t contended[] = {TDXC_MEM_RANGE_BLOCK, TDXC_MEM_TRACK,
				     TDXC_MEM_PAGE_REMOVE};

/* R8 too: ACCEPT of a page that is being removed. */
START_TEST(H6_a_call_that_a_guest_keeps_busy_succeeds_with_vcpus_held_out)
{
	uint64_t pa;

	up(false);
	pa = prepare(TDXC_SEPT_RUN, 1, 2);
	rig.of_leaf = (struct sept_rig_fault){
		1, BUSY, SEPT_RIG_ALWAYS, false, 0, contended[_i], 0};
	rig.on_call = contend;
	guest_contends = true;
	tdxc_sept_remove(&rig.sept, entries, 2);
	all_are_back(pa, 1, 2);
	ck_assert_uint_gt(rig.sept.counts.guarded, 0);
	ck_assert_uint_gt(rig.sept.counts.busy, 0);
	ck_assert_uint_eq(rig.sept.held, 0);
	down();
}
END_TEST

/* Another CPU has the TDR for itself, as VP.INIT does, for so many calls. */
static uint64_t tdr_free_at;
static bool tdr_held;

static uint64_t *tdr_lock(void)
{
	return &tdxc_sim_pamt_entry(&rig.p.f.machine.module, rig.td.tdr, 0)
			->word;
}

static void hold_tdr(struct sept_rig *r, uint64_t rax)
{
	(void)rax;
	if (tdr_held && r->nr_calls >= tdr_free_at) {
		tdxc_sim_unlock_exclusive(tdr_lock());
		tdr_held = false;
	}
}

static void take_tdr(uint64_t until)
{
	ck_assert(tdxc_sim_lock_exclusive(tdr_lock()));
	tdr_held = true;
	tdr_free_at = until;
	rig.on_call = hold_tdr;
}

START_TEST(H5_a_removal_waits_for_a_tdr_that_is_held_for_a_while)
{
	uint64_t pa;

	up(false);
	pa = prepare(TDXC_SEPT_RUN, 1, 2);
	take_tdr(5); /* three attempts, and the second of the guarded retry */
	tdxc_sept_remove(&rig.sept, entries, 2);
	all_are_back(pa, 1, 2);
	ck_assert_uint_eq(rig.sept.counts.guarded, 1);
	down();
}
END_TEST

START_TEST(H5_a_tdr_that_is_held_for_good_is_busy_and_changes_nothing)
{
	up(false);
	(void)prepare(TDXC_SEPT_RUN, 1, 2);
	take_tdr(UINT64_MAX);
	tdxc_sept_remove(&rig.sept, entries, 2);
	tdr_free_at = 0;
	hold_tdr(&rig, 0);
	for (uint64_t i = 0; i < 2; i++) {
		ck_assert_int_eq(entries[i].status, TDXC_E_BUSY);
		ck_assert_int_eq(sept_rig_state(&rig, GFN + i, 1),
				 SEPT_RIG_PENDING);
	}
	ck_assert_uint_eq(rig.nr_calls, 2 * 6);
	ck_assert_uint_eq(rig.quarantine.count, 0);
	down();
}
END_TEST

START_TEST(a_removal_that_stays_busy_is_undone)
{
	up(_i == 1);
	(void)prepare(TDXC_SEPT_RUN, 1, 3);
	rig.of_leaf = (struct sept_rig_fault){
		2, BUSY, 6, false, 0, TDXC_MEM_PAGE_REMOVE, 0};
	tdxc_sept_remove(&rig.sept, entries, 3);
	ck_assert_int_eq(entries[0].status, TDXC_OK);
	ck_assert_int_eq(entries[1].status, TDXC_E_BUSY);
	ck_assert_int_eq(entries[2].status, TDXC_OK);
	ck_assert_int_eq(sept_rig_state(&rig, GFN + 1, 1), SEPT_RIG_PENDING);
	ck_assert_uint_eq(rig.sept.counts.undone, 1);
	ck_assert_uint_eq(rig.quarantine.count, 0);
	down();
}
END_TEST

/* What cannot be unblocked is lost, so that is tried longer. */
START_TEST(an_unblock_that_is_busy_for_a_while_is_no_loss)
{
	up(false);
	(void)prepare(TDXC_SEPT_RUN, 1, 1);
	rig.fault = (struct sept_rig_fault){3, BUSY, SEPT_RIG_ALWAYS, false, 0,
					    0, 0};
	rig.of_leaf = (struct sept_rig_fault){
		1, BUSY, 20, false, 0, TDXC_MEM_RANGE_UNBLOCK, 0};
	tdxc_sept_remove(&rig.sept, entries, 1);
	ck_assert_int_eq(entries[0].status, TDXC_E_BUSY);
	ck_assert_int_eq(sept_rig_state(&rig, GFN, 1), SEPT_RIG_PENDING);
	ck_assert_uint_eq(rig.quarantine.count, 0);
	down();
}
END_TEST

/* H2: a page that is lost keeps what is known of it, one that is back none. */
START_TEST(H2_a_removal_that_cannot_be_undone_is_lost_and_taken_on_later)
{
	struct tdxc_pamt_stats stats;
	uint64_t pa;

	up(true);
	pa = prepare(TDXC_SEPT_RUN, 1, 2);
	tdxc_pamt_read_stats(&rig.p.pamt, &stats);
	rig.fault = (struct sept_rig_fault){4, BUSY, SEPT_RIG_ALWAYS, false, 0,
					    0, 0};
	rig.of_leaf = (struct sept_rig_fault){
		1, BUSY, SEPT_RIG_ALWAYS, false, 0, TDXC_MEM_RANGE_UNBLOCK, 0};
	tdxc_sept_remove(&rig.sept, entries, 2);
	ck_assert_int_eq(entries[0].status, TDXC_E_IO);
	ck_assert(!entries[0].removed);
	ck_assert_int_eq(entries[1].status, TDXC_OK);
	ck_assert_uint_eq(rig.quarantine.count, 1);
	ck_assert_uint_eq(rig.lost[0].pa, pa);
	ck_assert_uint_eq(rig.lost[0].diag.rax, TDXC_MEM_RANGE_UNBLOCK);
	sept_rig_mark(&rig);
	tdxc_sept_remove(&rig.sept, entries, 1);
	ck_assert_int_eq(entries[0].status, TDXC_OK);
	ck_assert_uint_eq(rig.quarantine.recovered, 1);
	ck_assert(!pamt_rig_module_has_pair(&rig.p, pa));
	down();
}
END_TEST

/* ---- RECLAIM ---- */

START_TEST(a_td_is_taken_apart_to_its_last_page)
{
	uint64_t table;
	uint64_t pa;

	up(_i == 1);
	table = sept_rig_tables(&rig, GFN, 1);
	pa = prepare(TDXC_SEPT_RELEASED, 1, 8);
	tdxc_sept_remove(&rig.sept, entries, 8);
	all_are_back(pa, 1, 8);
	/* the tables, lowest first */
	for (uint32_t i = 0; i < 3; i++)
		ck_assert_int_eq(tdxc_sept_reclaim(&rig.sept, entries[0].gfn,
						   table - i * PAGE),
				 TDXC_OK);
	ck_assert_uint_eq(rig.nr_freed, 3);
	ck_assert_uint_eq(sept_rig_reclaim_rest(&rig), 0);
	ck_assert_uint_eq(rig.quarantine.count, 0);
	if (_i == 1) {
		struct tdxc_pamt_stats stats;

		tdxc_pamt_read_stats(&rig.p.pamt, &stats);
		ck_assert_uint_eq(stats.references, 0);
		ck_assert_uint_eq(stats.installed, 0);
	}
	down();
}
END_TEST

/* It was made of 512 pages of 2 MiB, each with its own record. */
START_TEST(a_page_of_1_gib_is_reclaimed_by_one_call)
{
	const uint64_t pa = 0x140000000;
	struct tdxc_external_change change;
	struct tdxc_pamt_stats stats;
	uint64_t table;

	up(_i == 1);
	table = sept_rig_tables(&rig, GFN, 2);
	for (uint64_t i = 0; i < 512; i++) {
		change = sept_rig_map(GFN + i * 512, 2, pa + i * PAMT_RIG_2M);
		ck_assert_int_eq(tdxc_sept_set(&rig.sept, &change), TDXC_OK);
	}
	change = sept_rig_promote(GFN, 3, pa, table);
	ck_assert_int_eq(tdxc_sept_set(&rig.sept, &change), TDXC_OK);
	go_to(TDXC_SEPT_RELEASED);
	entries[0] = sept_rig_leaf(GFN, 3, pa);
	sept_rig_mark(&rig);
	tdxc_sept_remove(&rig.sept, entries, 1);
	ck_assert_int_eq(entries[0].status, TDXC_OK);
	ck_assert_uint_eq(rig.nr_calls, 1);
	tdxc_pamt_read_stats(&rig.p.pamt, &stats);
	ck_assert_uint_eq(stats.large, 0);
	down();
}
END_TEST

START_TEST(R40_a_table_of_a_td_with_a_key_is_lost_not_freed)
{
	uint64_t table;

	up(false);
	table = sept_rig_tables(&rig, GFN, 1);
	go_to((enum tdxc_sept_stage)(TDXC_SEPT_BUILD + _i));
	sept_rig_mark(&rig);
	ck_assert_int_eq(
		tdxc_sept_reclaim(&rig.sept, (struct tdxc_gfn){GFN}, table),
		TDXC_E_INVAL);
	ck_assert_uint_eq(rig.nr_calls, 0);
	ck_assert_uint_eq(rig.nr_freed, 0);
	ck_assert_uint_eq(rig.quarantine.count, 1);
	ck_assert_uint_eq(rig.lost[0].pa, table);
	down();
}
END_TEST

START_TEST(H15_a_table_whose_reclaim_is_refused_is_lost_not_freed)
{
	static const uint64_t answers[] = {0xC000060700000000, BUSY,
					   0x8000FF00FFFF0000};
	uint64_t table;

	up(false);
	table = sept_rig_tables(&rig, GFN, 1);
	go_to(TDXC_SEPT_RELEASED);
	sept_rig_mark(&rig);
	rig.fault = (struct sept_rig_fault){
		1, answers[_i], SEPT_RIG_ALWAYS, false, 0, 0, 0};
	ck_assert_int_eq(
		tdxc_sept_reclaim(&rig.sept, (struct tdxc_gfn){GFN}, table),
		TDXC_E_IO);
	ck_assert_uint_eq(rig.nr_freed, 0);
	ck_assert_uint_eq(rig.quarantine.count, 1);
	down();
}
END_TEST

START_TEST(a_busy_reclaim_of_a_page_leaves_it_mapped)
{
	up(false);
	(void)prepare(TDXC_SEPT_RELEASED, 1, 2);
	rig.fault = (struct sept_rig_fault){1, BUSY, 3, false, 0, 0, 0};
	tdxc_sept_remove(&rig.sept, entries, 2);
	ck_assert_int_eq(entries[0].status, TDXC_E_BUSY);
	ck_assert_int_eq(entries[1].status, TDXC_OK);
	ck_assert_uint_eq(rig.quarantine.count, 0);
	down();
}
END_TEST

/* A table where the mirror has a page, a small page where it has a large. */
START_TEST(what_reclaim_tells_of_a_page_must_be_what_the_mirror_says)
{
	uint64_t table;
	uint64_t pa;

	up(false);
	table = sept_rig_tables(&rig, GFN, 1);
	pa = sept_rig_fill(&rig, GFN, 1, 512);
	go_to(TDXC_SEPT_RELEASED);
	entries[0] = sept_rig_leaf(GFN, 1, table);
	entries[1] = sept_rig_leaf(GFN, 2, pa);
	entries[2] = sept_rig_table(GFN, 2, pa + PAGE);
	sept_rig_mark(&rig);
	tdxc_sept_remove(&rig.sept, entries, 3);
	for (uint32_t i = 0; i < 3; i++) {
		ck_assert_int_eq(entries[i].status, TDXC_E_IO);
		ck_assert(entries[i].removed);
	}
	ck_assert_uint_eq(rig.nr_freed, 0);
	ck_assert_uint_eq(rig.quarantine.count, 3);
	down();
}
END_TEST

START_TEST(a_page_of_another_td_is_lost_to_this_one)
{
	up(false);
	(void)prepare(TDXC_SEPT_RELEASED, 1, 1);
	rig.sept.tdr += PAGE;
	tdxc_sept_remove(&rig.sept, entries, 1);
	ck_assert_int_eq(entries[0].status, TDXC_E_IO);
	ck_assert(entries[0].removed);
	ck_assert_uint_eq(rig.quarantine.count, 1);
	down();
}
END_TEST

/* The list is short: each loss counts all the same. */
START_TEST(more_pages_are_lost_than_have_room)
{
	up(false);
	(void)prepare(TDXC_SEPT_RUN, 1, SEPT_RIG_LOST + 6);
	rig.of_leaf = (struct sept_rig_fault){1,
					      0xC000060000000000,
					      SEPT_RIG_ALWAYS,
					      false,
					      0,
					      TDXC_PHYMEM_PAGE_WBINVD,
					      0};
	tdxc_sept_remove(&rig.sept, entries, SEPT_RIG_LOST + 6);
	for (uint32_t i = 0; i < SEPT_RIG_LOST + 6; i++)
		ck_assert_int_eq(entries[i].status, TDXC_E_IO);
	ck_assert_uint_eq(rig.quarantine.count, SEPT_RIG_LOST + 6);
	down();
}
END_TEST

static TCase *cost_tests(void)
{
	TCase *tc = tcase_create("costs");

	tcase_add_loop_test(
		tc,
		n_pages_cost_3n_plus_1_calls_and_one_broadcast_in_a_running_td,
		0, COUNT(numbers));
	tcase_add_loop_test(tc, n_pages_cost_2n_calls_before_the_td_runs, 0,
			    COUNT(numbers));
	tcase_add_loop_test(tc, n_pages_cost_n_calls_when_the_keyid_is_free, 0,
			    COUNT(numbers));
	tcase_add_loop_test(tc, dynamic_pamt_costs_one_call_more_for_each_range,
			    0, 3);
	tcase_add_loop_test(
		tc, a_page_of_2_mib_costs_3_calls_and_512_write_backs, 0, 3);
	tcase_add_loop_test(
		tc, a_write_back_that_wants_a_pair_gets_one_meanwhile, 0, 2);
	tcase_add_test(tc, without_pages_for_that_the_large_page_is_lost);
	tcase_add_test(tc, pages_of_2_mib_share_one_track);
	tcase_add_test(tc,
		       promoted_first_512_pages_cost_6_calls_and_write_backs);
	return tc;
}

static TCase *remove_tests(void)
{
	TCase *tc = tcase_create("remove");

	tcase_add_loop_test(
		tc, H15_empty_tables_go_in_a_batch_and_are_freed_by_the_library,
		0, COUNT(table_costs));
	tcase_add_test(
		tc,
		R19_a_table_that_is_not_empty_is_lost_until_it_is_reclaimed);
	tcase_add_test(tc, an_entry_that_is_blocked_already_is_taken_on);
	tcase_add_loop_test(tc, a_page_that_the_mirror_has_elsewhere_is_lost, 0,
			    2);
	tcase_add_test(tc,
		       bit_62_beside_the_page_that_came_back_is_no_part_of_it);
	tcase_add_loop_test(tc, R10_no_entry_is_removed_where_track_failed, 0,
			    2);
	tcase_add_test(tc, S000_a_page_that_came_back_has_no_dirty_lines_left);
	tcase_add_loop_test(
		tc, the_partial_write_erratum_has_every_page_rewritten, 0, 2);
	tcase_add_loop_test(
		tc, R41_a_page_whose_write_back_fails_is_removed_and_lost, 0,
		2);
	tcase_add_test(tc,
		       a_large_page_is_lost_whole_where_one_write_back_fails);
	tcase_add_test(tc, write_backs_name_the_page_and_the_keyid_of_the_td);
	return tc;
}

static TCase *busy_tests(void)
{
	TCase *tc = tcase_create("busy");

	tcase_add_loop_test(
		tc,
		H6_a_call_that_a_guest_keeps_busy_succeeds_with_vcpus_held_out,
		0, COUNT(contended));
	tcase_add_test(tc,
		       H5_a_removal_waits_for_a_tdr_that_is_held_for_a_while);
	tcase_add_test(
		tc, H5_a_tdr_that_is_held_for_good_is_busy_and_changes_nothing);
	tcase_add_loop_test(tc, a_removal_that_stays_busy_is_undone, 0, 2);
	tcase_add_test(tc, an_unblock_that_is_busy_for_a_while_is_no_loss);
	tcase_add_test(
		tc,
		H2_a_removal_that_cannot_be_undone_is_lost_and_taken_on_later);
	return tc;
}

static TCase *reclaim_tests(void)
{
	TCase *tc = tcase_create("reclaim");

	tcase_add_loop_test(tc, a_td_is_taken_apart_to_its_last_page, 0, 2);
	tcase_add_loop_test(tc, a_page_of_1_gib_is_reclaimed_by_one_call, 0, 2);
	tcase_add_loop_test(
		tc, R40_a_table_of_a_td_with_a_key_is_lost_not_freed, 0, 3);
	tcase_add_loop_test(
		tc, H15_a_table_whose_reclaim_is_refused_is_lost_not_freed, 0,
		3);
	tcase_add_test(tc, a_busy_reclaim_of_a_page_leaves_it_mapped);
	tcase_add_test(
		tc, what_reclaim_tells_of_a_page_must_be_what_the_mirror_says);
	tcase_add_test(tc, a_page_of_another_td_is_lost_to_this_one);
	tcase_add_test(tc, more_pages_are_lost_than_have_room);
	return tc;
}

int main(void)
{
	Suite *s = suite_create("sept_remove");
	SRunner *r;
	int failed;

	suite_add_tcase(s, cost_tests());
	suite_add_tcase(s, remove_tests());
	suite_add_tcase(s, busy_tests());
	suite_add_tcase(s, reclaim_tests());
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
