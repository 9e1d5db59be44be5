/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * The Secure EPT of a TD: what is refused, what a change costs in SEAMCALLs and
 * what it leaves in the module; TLB tracking and the gate of vCPU entry. One
 * thread, on the software TDX platform.
 */
#include <tdxcore/err.h>
#include <tdxcore/version.h>

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "sept/sept_rig.h"

#define GFN	 0x40000ull /* at 1 GiB */
#define PAGE	 PAMT_RIG_PAGE
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct sept_rig rig;

static void up(bool dynamic)
{
	const struct sept_rig_options options = {.dynamic_pamt = dynamic};

	sept_rig_up(&rig, &options);
}

static void down(void)
{
	ck_assert(sept_rig_audit(&rig));
	sept_rig_down(&rig);
}

/* The calls since the mark, exactly. */
static void expect_calls(const uint64_t *leaves, size_t n)
{
	for (size_t i = 0; i < n && i < rig.nr_calls; i++)
		ck_assert_msg(rig.trace[i] == leaves[i],
			      "call %zu is %llu, not %llu", i,
			      (unsigned long long)rig.trace[i],
			      (unsigned long long)leaves[i]);
	ck_assert_uint_eq(rig.nr_calls, n);
}

#define EXPECT_CALLS(...)                                                      \
	expect_calls((const uint64_t[]){__VA_ARGS__},                          \
		     sizeof((const uint64_t[]){__VA_ARGS__}) /                 \
			     sizeof(uint64_t))

/* ---- beginning ---- */

enum config_fault {
	ABI,
	NO_OPS,
	OPS_ABI,
	NO_KICK,
	NO_RELAX,
	NO_CLFLUSH,
	NO_REWRITE,
	NO_CACHE,
	NO_TABLE_FREE,
	NO_PORT,
	NO_PAMT,
	NO_QUARANTINE,
	PA_BITS_31,
	PA_BITS_53,
	NO_VCPUS,
	VCPUS_NOT_ALIGNED,
	CONFIG_FAULTS
};

static void break_ops(struct tdxc_sept_ops *ops, int fault)
{
	if (fault == OPS_ABI)
		ops->abi++;
	if (fault == NO_KICK)
		ops->kick = NULL;
	if (fault == NO_RELAX)
		ops->relax = NULL;
	if (fault == NO_CLFLUSH)
		ops->clflush = NULL;
	if (fault == NO_REWRITE)
		ops->rewrite = NULL;
	if (fault == NO_CACHE)
		ops->pamt_cache = NULL;
	if (fault == NO_TABLE_FREE)
		ops->table_free = NULL;
}

static void break_config(struct tdxc_sept_config *c, int fault)
{
	if (fault == ABI)
		c->abi++;
	if (fault == NO_OPS)
		c->ops = NULL;
	if (fault == NO_PORT)
		c->port = NULL;
	if (fault == NO_PAMT)
		c->pamt = NULL;
	if (fault == NO_QUARANTINE)
		c->quarantine = NULL;
	if (fault == PA_BITS_31)
		c->pa_bits = 31;
	if (fault == PA_BITS_53)
		c->pa_bits = 53;
	if (fault == NO_VCPUS)
		c->vcpus = NULL;
	if (fault == VCPUS_NOT_ALIGNED)
		c->vcpus = (void *)((char *)c->vcpus + 8);
}

START_TEST(a_configuration_with_one_thing_wrong_is_refused)
{
	struct tdxc_sept_config config;
	struct tdxc_sept_ops ops;
	struct tdxc_sept sept;
	unsigned char before[sizeof(sept)];

	up(false);
	config = rig.config;
	ops = *config.ops;
	config.ops = &ops;
	memset(&sept, 0x5A, sizeof(sept));
	memcpy(before, &sept, sizeof(sept));
	break_ops(&ops, _i);
	break_config(&config, _i);
	ck_assert_int_eq(tdxc_sept_init(&sept, &config), TDXC_E_INVAL);
	ck_assert_int_eq(memcmp(before, &sept, sizeof(sept)), 0);
	down();
}
END_TEST

START_TEST(init_begins_at_stage_none_with_the_usual_limits)
{
	struct tdxc_sept_config config;
	struct tdxc_sept sept;

	up(false);
	config = rig.config;
	config.kick_spins = 0;
	config.track_spins = 0;
	config.nr_vcpus = 0;
	config.vcpus = NULL;
	sept_rig_mark(&rig);
	ck_assert_int_eq(tdxc_sept_init(&sept, &config), TDXC_OK);
	ck_assert_uint_eq(sept.stage, TDXC_SEPT_NONE);
	ck_assert_uint_eq(sept.config.kick_spins, TDXC_SEPT_KICK_SPINS);
	ck_assert_uint_eq(sept.config.track_spins, TDXC_SEPT_TRACK_SPINS);
	ck_assert_uint_eq(sept.config.broadcast_cost, TDXC_SEPT_BROADCAST_COST);
	ck_assert_uint_eq(rig.nr_calls, 0);
	down();
}
END_TEST

START_TEST(a_stage_is_never_an_earlier_one)
{
	up(false);
	tdxc_sept_set_stage(&rig.sept, TDXC_SEPT_CLOSED);
	tdxc_sept_set_stage(&rig.sept, TDXC_SEPT_BUILD);
	ck_assert_uint_eq(rig.sept.stage, TDXC_SEPT_CLOSED);
	tdxc_sept_set_stage(&rig.sept, TDXC_SEPT_STAGES);
	ck_assert_uint_eq(rig.sept.stage, TDXC_SEPT_CLOSED);
	down();
}
END_TEST

/* R39: nothing is lent to, or removed from, a TD that is going down. */
START_TEST(R39_nothing_is_lent_or_removed_at_the_stages_without_a_key)
{
	static const enum tdxc_sept_stage stages[] = {
		TDXC_SEPT_NONE, TDXC_SEPT_CLOSED, TDXC_SEPT_RELEASED};
	enum tdxc_sept_stage stage = stages[_i];
	struct tdxc_external_change link = sept_rig_link(GFN, 3, 0x100001000);
	struct tdxc_external_change map = sept_rig_map(GFN, 1, 0x100002000);
	struct tdxc_external_entry leaf = sept_rig_leaf(GFN, 1, 0x100002000);

	up(false);
	rig.sept.stage = stage;
	sept_rig_mark(&rig);
	ck_assert_int_eq(tdxc_sept_set(&rig.sept, &link), TDXC_E_OPNOTSUPP);
	ck_assert_int_eq(tdxc_sept_set(&rig.sept, &map), TDXC_E_OPNOTSUPP);
	if (stage != TDXC_SEPT_RELEASED) {
		tdxc_sept_remove(&rig.sept, &leaf, 1);
		ck_assert_int_eq(leaf.status, TDXC_E_BUSY);
	}
	ck_assert_uint_eq(rig.nr_calls, 0);
	ck_assert_uint_eq(rig.quarantine.count, 0);
	down();
}
END_TEST

/* ---- lending ---- */

START_TEST(a_table_is_linked_by_one_call)
{
	struct tdxc_external_change link;
	uint64_t table;

	up(_i == 1);
	table = sept_rig_table_page(&rig);
	link = sept_rig_link(GFN & ~0x7FFFFFFull, 4, table);
	sept_rig_mark(&rig);
	ck_assert_int_eq(tdxc_sept_set(&rig.sept, &link), TDXC_OK);
	/* the first page of a range needs its pair */
	if (_i == 1)
		EXPECT_CALLS(TDXC_PHYMEM_PAMT_ADD, TDXC_MEM_SEPT_ADD);
	else
		EXPECT_CALLS(TDXC_MEM_SEPT_ADD);
	ck_assert_int_eq(sept_rig_state(&rig, 0, 4), SEPT_RIG_TABLE);
	ck_assert_uint_eq(sept_rig_type(&rig, table), SEPT_RIG_EPT);
	down();
}
END_TEST

static const struct {
	uint32_t level;
	bool run;
	bool source;
	int err;
	uint64_t leaf; /* the call; 0: none */
	enum sept_rig_state state;
} maps[] = {
	{1, false, false, TDXC_OK, TDXC_MEM_PAGE_AUG, SEPT_RIG_PENDING},
	{2, false, false, TDXC_OK, TDXC_MEM_PAGE_AUG, SEPT_RIG_PENDING},
	{1, false, true, TDXC_OK, TDXC_MEM_PAGE_ADD, SEPT_RIG_MAPPED},
	{1, true, false, TDXC_OK, TDXC_MEM_PAGE_AUG, SEPT_RIG_PENDING},
	{2, true, false, TDXC_OK, TDXC_MEM_PAGE_AUG, SEPT_RIG_PENDING},
	{1, true, true, TDXC_E_OPNOTSUPP, 0, SEPT_RIG_FREE}, /* R22 */
	{2, false, true, TDXC_E_OPNOTSUPP, 0, SEPT_RIG_FREE},
	{3, false, false, TDXC_E_OPNOTSUPP, 0, SEPT_RIG_FREE},
	{3, true, false, TDXC_E_OPNOTSUPP, 0, SEPT_RIG_FREE},
};

/* I-STATE: ADD before the TD is final, AUG whenever there is no source. */
START_TEST(R22_a_page_is_mapped_by_one_call_where_the_stage_has_one)
{
	uint32_t level = maps[_i].level;
	struct tdxc_external_change map;
	uint64_t pa;

	up(false);
	(void)sept_rig_tables(&rig, GFN, level);
	if (maps[_i].run)
		sept_rig_run(&rig);
	pa = sept_rig_page(&rig, level);
	map = sept_rig_map(GFN, level, pa);
	map.source = maps[_i].source ? SEPT_RIG_SOURCE : 0;
	sept_rig_mark(&rig);
	ck_assert_int_eq(tdxc_sept_set(&rig.sept, &map), maps[_i].err);
	ck_assert_uint_eq(rig.nr_calls, maps[_i].leaf != 0);
	if (maps[_i].leaf != 0) {
		ck_assert_uint_eq(rig.trace[0], maps[_i].leaf);
		ck_assert_uint_eq(sept_rig_mapped(&rig, GFN, level), pa);
	}
	ck_assert_int_eq(sept_rig_state(&rig, GFN, level), maps[_i].state);
	ck_assert_uint_eq(rig.quarantine.count, 0);
	down();
}
END_TEST

START_TEST(a_change_that_is_none_of_the_five_is_refused)
{
	struct tdxc_external_change changes[] = {
		sept_rig_link(GFN, 1, 0x104000000), /* no table there */
		sept_rig_link(GFN, 2, 0),	    /* without its page */
		sept_rig_map(GFN, 1, 0x104000000),
		sept_rig_demote(GFN, 1, 0x104000000, 0x104001000),
		sept_rig_demote(GFN, 4, 0x104000000, 0x104001000),
		sept_rig_demote(GFN, 2, 0x104000000, 0),
		sept_rig_promote(GFN, 1, 0x104000000, 0x104001000),
		sept_rig_promote(GFN, 4, 0x104000000, 0x104001000),
		sept_rig_promote(GFN, 2, 0x104000000, 0),
		sept_rig_link(GFN, 2, 0x104000000),
		sept_rig_relocate(GFN, 0x104000000, 0x104001000),
	};

	changes[2].now = tdxc_spte_empty(); /* a removal is no change */
	changes[9].old = changes[9].now;    /* table to table */
	changes[10].level = 2;		    /* a large page elsewhere */
	changes[10].external = 0x104002000;
	up(false);
	sept_rig_mark(&rig);
	for (size_t i = 0; i < COUNT(changes); i++)
		ck_assert_int_eq(tdxc_sept_set(&rig.sept, &changes[i]),
				 TDXC_E_INVAL);
	ck_assert_uint_eq(rig.nr_calls, 0);
	ck_assert_uint_eq(rig.quarantine.count, 0);
	down();
}
END_TEST

START_TEST(clflush_comes_before_lending_where_it_is_needed)
{
	const struct sept_rig_options options = {.clflush = _i == 1};

	sept_rig_up(&rig, &options);
	(void)sept_rig_fill(&rig, GFN, 2, 1);	    /* two tables and 2 MiB */
	(void)sept_rig_fill(&rig, GFN + 512, 1, 1); /* one and 4 KiB */
	ck_assert_uint_eq(rig.nr_flushed, _i == 1 ? 2 + 512 + 1 + 1 : 0);
	down();
}
END_TEST

START_TEST(clflush_comes_before_the_pages_of_a_demotion)
{
	const struct sept_rig_options options = {.clflush = true,
						 .dynamic_pamt = _i == 1};
	struct tdxc_external_change demote;
	uint64_t pa;

	sept_rig_up(&rig, &options);
	pa = sept_rig_fill(&rig, GFN, 2, 1);
	rig.nr_flushed = 0;
	demote = sept_rig_demote(GFN, 2, pa, sept_rig_table_page(&rig));
	ck_assert_int_eq(tdxc_sept_set(&rig.sept, &demote), TDXC_OK);
	ck_assert_uint_eq(rig.nr_flushed, _i == 1 ? 1 + 2 : 1);
	down();
}
END_TEST

/* ---- Dynamic PAMT ---- */

START_TEST(without_a_pair_nothing_is_lent_and_nothing_remains)
{
	struct tdxc_external_change map;

	up(true);
	(void)sept_rig_tables(&rig, GFN, 1);
	pamt_rig_cache(&rig.cache[0], 8);
	map = sept_rig_map(GFN, 1, sept_rig_page(&rig, 1));
	sept_rig_mark(&rig);
	ck_assert_int_eq(tdxc_sept_set(&rig.sept, &map), TDXC_E_NOMEM);
	ck_assert_uint_eq(rig.nr_calls, 0);
	ck_assert_int_eq(sept_rig_state(&rig, GFN, 1), SEPT_RIG_FREE);
	down();
}
END_TEST

START_TEST(a_large_page_over_a_range_in_use_at_4k_is_not_supported)
{
	struct tdxc_external_change map;
	uint64_t pa;

	up(true);
	pa = sept_rig_fill(&rig, GFN, 1, 1);
	(void)sept_rig_tables(&rig, GFN + 512, 2);
	map = sept_rig_map(GFN + 512, 2, pa & ~(PAMT_RIG_2M - 1));
	sept_rig_mark(&rig);
	ck_assert_int_eq(tdxc_sept_set(&rig.sept, &map), TDXC_E_OPNOTSUPP);
	ck_assert_uint_eq(rig.nr_calls, 0);
	down();
}
END_TEST

START_TEST(a_page_outside_all_tdmrs_is_not_supported)
{
	struct tdxc_external_change map;

	up(true);
	(void)sept_rig_tables(&rig, GFN, 1);
	map = sept_rig_map(GFN, 1, SEPT_RIG_SOURCE);
	sept_rig_mark(&rig);
	ck_assert_int_eq(tdxc_sept_set(&rig.sept, &map), TDXC_E_OPNOTSUPP);
	ck_assert_uint_eq(rig.nr_calls, 0);
	down();
}
END_TEST

/* ---- demotion, promotion, relocation ---- */

/* A TD with one page of 2 MiB, or with 512 of 4 KiB under a table. */
static void up_with(bool dynamic, bool run, uint32_t level, uint64_t *pa,
		    uint64_t *table)
{
	up(dynamic);
	*table = sept_rig_tables(&rig, GFN, level);
	*pa = sept_rig_fill(&rig, GFN, level, level == 1 ? 512 : 1);
	if (run)
		sept_rig_run(&rig);
	sept_rig_mark(&rig);
}

static bool dynamic(int i)
{
	return (i & 1) != 0;
}

static bool running(int i)
{
	return (i & 2) != 0;
}

START_TEST(a_demotion_is_one_call_and_three_in_a_running_td)
{
	struct tdxc_external_change demote;
	uint64_t table;
	uint64_t pa;

	up_with(dynamic(_i), running(_i), 2, &pa, &table);
	table = sept_rig_table_page(&rig);
	demote = sept_rig_demote(GFN, 2, pa, table);
	ck_assert_int_eq(tdxc_sept_set(&rig.sept, &demote), TDXC_OK);
	if (running(_i))
		EXPECT_CALLS(TDXC_MEM_RANGE_BLOCK, TDXC_MEM_TRACK,
			     TDXC_MEM_PAGE_DEMOTE);
	else
		EXPECT_CALLS(TDXC_MEM_PAGE_DEMOTE);
	ck_assert_int_eq(sept_rig_state(&rig, GFN, 2), SEPT_RIG_TABLE);
	ck_assert_int_eq(sept_rig_state(&rig, GFN + 511, 1), SEPT_RIG_PENDING);
	ck_assert_uint_eq(sept_rig_mapped(&rig, GFN + 511, 1), pa + 511 * PAGE);
	ck_assert_uint_eq(sept_rig_type(&rig, table), SEPT_RIG_EPT);
	ck_assert_uint_eq(rig.sept.counts.demoted, 1);
	if (dynamic(_i)) {
		struct tdxc_pamt_state state;

		ck_assert_int_eq(tdxc_pamt_look(&rig.p.pamt, pa, &state), 0);
		ck_assert_uint_eq(state.references, 512);
		ck_assert(pamt_rig_module_has_pair(&rig.p, pa));
	}
	down();
}
END_TEST

START_TEST(a_demotion_without_a_pair_leaves_everything_as_it_was)
{
	struct tdxc_external_change demote;
	struct tdxc_pamt_stats before;
	struct tdxc_pamt_stats after;
	uint64_t table;
	uint64_t pa;

	up_with(true, true, 2, &pa, &table);
	pamt_rig_cache(&rig.cache[0], 8);
	demote = sept_rig_demote(GFN, 2, pa, sept_rig_table_page(&rig));
	tdxc_pamt_read_stats(&rig.p.pamt, &before);
	ck_assert_int_eq(tdxc_sept_set(&rig.sept, &demote), TDXC_E_NOMEM);
	tdxc_pamt_read_stats(&rig.p.pamt, &after);
	ck_assert_uint_eq(rig.nr_calls, 0);
	ck_assert_int_eq(memcmp(&before, &after, sizeof(before)), 0);
	ck_assert_int_eq(sept_rig_state(&rig, GFN, 2), SEPT_RIG_PENDING);
	down();
}
END_TEST

START_TEST(a_promotion_is_one_call_three_in_a_running_td_and_a_write_back)
{
	struct tdxc_external_change promote;
	uint32_t pages;
	uint64_t table;
	uint64_t pa;

	up_with(dynamic(_i), running(_i), 1, &pa, &table);
	pages = rig.cache[0].cache.count;
	promote = sept_rig_promote(GFN, 2, pa, table);
	ck_assert_int_eq(tdxc_sept_set(&rig.sept, &promote), TDXC_OK);
	if (running(_i))
		EXPECT_CALLS(TDXC_MEM_RANGE_BLOCK, TDXC_MEM_TRACK,
			     TDXC_MEM_PAGE_PROMOTE, TDXC_PHYMEM_PAGE_WBINVD);
	else
		EXPECT_CALLS(TDXC_MEM_PAGE_PROMOTE, TDXC_PHYMEM_PAGE_WBINVD);
	ck_assert_int_eq(sept_rig_state(&rig, GFN, 2), SEPT_RIG_PENDING);
	ck_assert_uint_eq(sept_rig_mapped(&rig, GFN, 2), pa);
	ck_assert_uint_eq(sept_rig_type(&rig, table), SEPT_RIG_NDA);
	ck_assert_uint_eq(rig.nr_freed, 1);
	ck_assert_uint_eq(rig.freed[0], table);
	ck_assert_uint_eq(rig.sept.counts.promoted, 1);
	if (dynamic(_i)) {
		struct tdxc_pamt_page page;

		ck_assert_uint_eq(rig.cache[0].cache.count, pages + 2);
		for (uint32_t i = 0; i < 2; i++) {
			ck_assert(tdxc_pamt_cache_take(&rig.cache[0].cache,
						       &page));
			ck_assert(page.was_private);
		}
		ck_assert(!pamt_rig_module_has_pair(&rig.p, pa));
	}
	down();
}
END_TEST

START_TEST(a_promotion_needs_room_for_the_pair_that_comes_back)
{
	struct tdxc_external_change promote;
	uint64_t table;
	uint64_t pa;

	up_with(true, true, 1, &pa, &table);
	rig.cache[0].cache.room = rig.cache[0].cache.count + 1;
	promote = sept_rig_promote(GFN, 2, pa, table);
	ck_assert_int_eq(tdxc_sept_set(&rig.sept, &promote), TDXC_E_NOMEM);
	ck_assert_uint_eq(rig.nr_calls, 0);
	rig.cache[0].cache.room = PAMT_RIG_ROOM;
	ck_assert_int_eq(tdxc_sept_set(&rig.sept, &promote), TDXC_OK);
	down();
}
END_TEST

START_TEST(without_a_cache_no_page_changes_its_size)
{
	struct tdxc_external_change change;
	uint64_t table;
	uint64_t pa;

	up_with(true, true, _i == 0 ? 2 : 1, &pa, &table);
	change = _i == 0 ? sept_rig_demote(GFN, 2, pa, table + PAGE)
			 : sept_rig_promote(GFN, 2, pa, table);
	rig.no_cache = true;
	ck_assert_int_eq(tdxc_sept_set(&rig.sept, &change), TDXC_E_NOMEM);
	ck_assert_uint_eq(rig.nr_calls, 0);
	rig.no_cache = false;
	down();
}
END_TEST

/* Nobody else should be at it; if someone is, it is not done twice. */
START_TEST(a_range_that_is_being_resized_is_busy)
{
	const uint64_t pair[2] = {0x100000, 0x101000};
	struct tdxc_external_change change;
	uint32_t pages;
	uint64_t table;
	uint64_t pa;

	up_with(true, true, _i == 0 ? 2 : 1, &pa, &table);
	pages = rig.cache[0].cache.count;
	if (_i == 0) {
		change = sept_rig_demote(GFN, 2, pa, table + PAGE);
		ck_assert_int_eq(tdxc_pamt_demote_begin(&rig.p.pamt, pa, pair),
				 0);
	} else {
		change = sept_rig_promote(GFN, 2, pa, table);
		ck_assert_int_eq(tdxc_pamt_promote_begin(&rig.p.pamt, pa), 0);
	}
	ck_assert_int_eq(tdxc_sept_set(&rig.sept, &change), TDXC_E_BUSY);
	ck_assert_uint_eq(rig.nr_calls, 0);
	ck_assert_uint_eq(rig.cache[0].cache.count, pages);
	if (_i == 0)
		ck_assert_int_eq(tdxc_pamt_demote_end(&rig.p.pamt, pa, false),
				 0);
	else
		ck_assert_int_eq(tdxc_pamt_promote_end(&rig.p.pamt, pa, NULL),
				 0);
	ck_assert_int_eq(tdxc_sept_set(&rig.sept, &change), TDXC_OK);
	down();
}
END_TEST

/* The module and the record disagree: neither pair may be used. */
START_TEST(a_promotion_that_returns_another_pair_is_not_to_be_built_on)
{
	struct tdxc_external_change promote;
	struct tdxc_pamt_stats stats;
	uint32_t pages;
	uint64_t table;
	uint64_t pa;

	up_with(true, true, 1, &pa, &table);
	pages = rig.cache[0].cache.count;
	rig.other_pair = true;
	promote = sept_rig_promote(GFN, 2, pa, table);
	ck_assert_int_eq(tdxc_sept_set(&rig.sept, &promote), TDXC_E_IO);
	ck_assert_uint_eq(rig.cache[0].cache.count, pages);
	ck_assert_uint_eq(rig.nr_freed, 0);
	ck_assert_uint_eq(rig.quarantine.count, 1);
	ck_assert_uint_eq(rig.lost[0].pa, table);
	tdxc_pamt_read_stats(&rig.p.pamt, &stats);
	ck_assert_uint_eq(stats.quarantined, 1);
	down();
}
END_TEST

/* A range of its own for the table, and no pair for that. */
START_TEST(a_demotion_whose_table_gets_no_pair_loses_the_table)
{
	struct tdxc_external_change demote;
	uint64_t table;
	uint64_t pa;

	up_with(true, true, 2, &pa, &table);
	table = sept_rig_page(&rig, 2);
	demote = sept_rig_demote(GFN, 2, pa, table);
	rig.of_leaf = (struct sept_rig_fault){
		.at = 1,
		.status = 0xC000030300000002,
		.times = 1,
		.rax = TDXC_PHYMEM_PAMT_ADD,
	};
	ck_assert_int_eq(tdxc_sept_set(&rig.sept, &demote), TDXC_E_IO);
	ck_assert_uint_eq(rig.nr_calls, 1);
	ck_assert_uint_eq(rig.quarantine.count, 1);
	ck_assert_uint_eq(rig.lost[0].pa, table);
	ck_assert_int_eq(sept_rig_state(&rig, GFN, 2), SEPT_RIG_PENDING);
	down();
}
END_TEST

/* The module looks at all 512; in a running TD the entry is blocked then, and
 * must be what it was. */
START_TEST(pages_that_are_not_alike_are_not_promoted_and_stay_mapped)
{
	struct tdxc_external_change promote;
	struct tdxc_external_change map;
	uint64_t table;
	uint64_t pa;

	up(dynamic(_i));
	table = sept_rig_tables(&rig, GFN, 1);
	pa = sept_rig_fill(&rig, GFN, 1, 512) + 0;
	/* one of them is mapped already, the others are pending */
	if (running(_i))
		sept_rig_run(&rig);
	map = sept_rig_relocate(GFN + 7, pa + 7 * PAGE, sept_rig_page(&rig, 1));
	ck_assert_int_eq(tdxc_sept_set(&rig.sept, &map), TDXC_OK);
	/* the range has one reference less: the record says no before */
	sept_rig_mark(&rig);
	promote = sept_rig_promote(GFN, 2, pa, table);
	ck_assert_int_eq(tdxc_sept_set(&rig.sept, &promote), TDXC_E_OPNOTSUPP);
	if (dynamic(_i))
		ck_assert_uint_eq(rig.nr_calls, 0);
	else if (running(_i))
		EXPECT_CALLS(TDXC_MEM_RANGE_BLOCK, TDXC_MEM_TRACK,
			     TDXC_MEM_PAGE_PROMOTE, TDXC_MEM_RANGE_UNBLOCK);
	else
		EXPECT_CALLS(TDXC_MEM_PAGE_PROMOTE);
	ck_assert_int_eq(sept_rig_state(&rig, GFN, 2), SEPT_RIG_TABLE);
	ck_assert_int_eq(sept_rig_state(&rig, GFN + 8, 1), SEPT_RIG_PENDING);
	ck_assert_uint_eq(rig.quarantine.count, 0);
	ck_assert_uint_eq(rig.nr_freed, 0);
	down();
}
END_TEST

START_TEST(a_relocation_hands_the_old_page_back)
{
	struct tdxc_external_change relocate;
	uint64_t old;
	uint64_t now;

	up(dynamic(_i));
	old = sept_rig_fill(&rig, GFN, 1, 2);
	if (running(_i))
		sept_rig_run(&rig);
	now = sept_rig_page(&rig, 1);
	relocate = sept_rig_relocate(GFN, old, now);
	sept_rig_mark(&rig);
	ck_assert_int_eq(tdxc_sept_set(&rig.sept, &relocate), TDXC_OK);
	if (running(_i))
		EXPECT_CALLS(TDXC_MEM_RANGE_BLOCK, TDXC_MEM_TRACK,
			     TDXC_MEM_PAGE_RELOCATE, TDXC_PHYMEM_PAGE_WBINVD);
	else
		EXPECT_CALLS(TDXC_MEM_PAGE_RELOCATE, TDXC_PHYMEM_PAGE_WBINVD);
	ck_assert_uint_eq(sept_rig_mapped(&rig, GFN, 1), now);
	ck_assert_int_eq(sept_rig_state(&rig, GFN, 1), SEPT_RIG_PENDING);
	ck_assert_uint_eq(sept_rig_type(&rig, old), SEPT_RIG_NDA);
	down();
}
END_TEST

/* 1 GiB: made of 512 pages of 2 MiB, split again, gone. */
START_TEST(a_page_of_1_gib_comes_and_goes)
{
	struct tdxc_external_change change;
	struct tdxc_pamt_stats stats;
	uint64_t table;
	uint64_t pa = 0x140000000;

	up(_i == 1);
	table = sept_rig_tables(&rig, GFN, 2);
	for (uint64_t i = 0; i < 512; i++) {
		change = sept_rig_map(GFN + i * 512, 2, pa + i * PAMT_RIG_2M);
		ck_assert_int_eq(tdxc_sept_set(&rig.sept, &change), TDXC_OK);
	}
	sept_rig_run(&rig);
	change = sept_rig_promote(GFN, 3, pa, table);
	ck_assert_int_eq(tdxc_sept_set(&rig.sept, &change), TDXC_OK);
	ck_assert_uint_eq(sept_rig_mapped(&rig, GFN, 3), pa);
	change = sept_rig_demote(GFN, 3, pa, sept_rig_table_page(&rig));
	ck_assert_int_eq(tdxc_sept_set(&rig.sept, &change), TDXC_OK);
	ck_assert_uint_eq(sept_rig_mapped(&rig, GFN + 512, 2),
			  pa + PAMT_RIG_2M);
	tdxc_pamt_read_stats(&rig.p.pamt, &stats);
	ck_assert_uint_eq(stats.large, _i == 1 ? 512 : 0);
	down();
}
END_TEST

/* ---- the gate ---- */

START_TEST(a_vcpu_that_is_inside_has_an_odd_sequence)
{
	up(false);
	sept_rig_run(&rig);
	ck_assert_int_eq(sept_rig_enter(&rig, 1), TDXC_OK);
	ck_assert_uint_eq(rig.vcpus[1].sequence, 1);
	sept_rig_leave(&rig, 1);
	ck_assert_uint_eq(rig.vcpus[1].sequence, 2);
	ck_assert_uint_eq(rig.vcpus[0].sequence, 0);
	down();
}
END_TEST

static int answer_while_held;

static void try_to_enter(struct sept_rig *r, uint64_t rax)
{
	if (rax == TDXC_MEM_RANGE_BLOCK && r->sept.held != 0)
		answer_while_held = tdxc_sept_enter_begin(&r->sept, 2);
}

/* R12: the flag is set, and a vCPU is about to enter. */
START_TEST(R12_entry_is_refused_while_it_is_held_and_allowed_after)
{
	struct tdxc_external_entry leaf;
	uint64_t pa;

	up(false);
	pa = sept_rig_fill(&rig, GFN, 1, 1);
	sept_rig_run(&rig);
	sept_rig_mark(&rig);
	rig.fault = (struct sept_rig_fault){
		1, 0x8000020000000092, 3, false, 0, 0, 0};
	rig.on_call = try_to_enter;
	answer_while_held = 1;
	leaf = sept_rig_leaf(GFN, 1, pa);
	tdxc_sept_remove(&rig.sept, &leaf, 1);
	ck_assert_int_eq(leaf.status, TDXC_OK);
	ck_assert_int_eq(answer_while_held, TDXC_E_AGAIN);
	ck_assert_uint_eq(rig.vcpus[2].sequence, 2);
	ck_assert_uint_eq(rig.sept.held, 0);
	ck_assert_int_eq(sept_rig_enter(&rig, 2), TDXC_OK);
	sept_rig_leave(&rig, 2);
	down();
}
END_TEST

/* ---- TRACK ---- */

START_TEST(a_vcpu_that_is_out_costs_nothing)
{
	struct tdxc_seamcall_diag diag;

	up(false);
	sept_rig_run(&rig);
	ck_assert_int_eq(sept_rig_enter(&rig, 0), TDXC_OK);
	ck_assert_int_eq(sept_rig_enter(&rig, 3), TDXC_OK);
	sept_rig_leave(&rig, 3);
	sept_rig_mark(&rig);
	ck_assert_int_eq(tdxc_sept_track(&rig.sept, &diag), TDXC_OK);
	EXPECT_CALLS(TDXC_MEM_TRACK);
	ck_assert_uint_eq(rig.nr_kicks, 1);
	ck_assert(!rig.inside[0]);
	ck_assert_uint_eq(rig.sept.counts.kicks, 1);
	ck_assert_uint_eq(rig.sept.counts.tracks, 1);
	ck_assert_uint_eq(rig.sept.counts.broadcasts, 1);
	down();
}
END_TEST

START_TEST(outside_the_stage_run_no_track_is_needed)
{
	struct tdxc_seamcall_diag diag;

	up(false);
	sept_rig_mark(&rig);
	ck_assert_int_eq(tdxc_sept_track(&rig.sept, &diag), TDXC_OK);
	ck_assert_uint_eq(rig.nr_calls, 0);
	down();
}
END_TEST

/* R9, I-TRK1: the vCPUs are out between two TRACKs. */
START_TEST(R9_ten_tracks_in_a_row_succeed_with_vcpus_that_come_back)
{
	struct tdxc_seamcall_diag diag;

	up(false);
	sept_rig_run(&rig);
	for (uint32_t i = 0; i < 10; i++) {
		for (uint32_t v = 0; v < SEPT_RIG_VCPUS; v++)
			ck_assert_int_eq(sept_rig_enter(&rig, v), TDXC_OK);
		ck_assert_int_eq(tdxc_sept_track(&rig.sept, &diag), TDXC_OK);
	}
	ck_assert_uint_eq(rig.sept.counts.tracks, 10);
	ck_assert_uint_eq(rig.nr_kicks, 10 * SEPT_RIG_VCPUS);
	down();
}
END_TEST

/* A vCPU that entered while the TRACK was made has the new epoch, and being
 * told does no harm. */
static void enter_at_track(struct sept_rig *r, uint64_t rax)
{
	if (rax == TDXC_MEM_TRACK && !r->inside[1])
		ck_assert_int_eq(sept_rig_enter(r, 1), TDXC_OK);
}

START_TEST(R11_a_vcpu_that_enters_around_the_track_is_told_too)
{
	struct tdxc_seamcall_diag diag;

	up(false);
	sept_rig_run(&rig);
	rig.on_call = enter_at_track;
	ck_assert_int_eq(tdxc_sept_track(&rig.sept, &diag), TDXC_OK);
	ck_assert_uint_eq(rig.nr_kicks, 1);
	ck_assert(!rig.inside[1]);
	down();
}
END_TEST

START_TEST(a_vcpu_that_does_not_leave_is_a_busy_track_and_told_again)
{
	struct tdxc_seamcall_diag diag;

	up(false);
	sept_rig_run(&rig);
	ck_assert_int_eq(sept_rig_enter(&rig, 0), TDXC_OK);
	rig.deaf = true;
	ck_assert_int_eq(tdxc_sept_track(&rig.sept, &diag), TDXC_E_BUSY);
	ck_assert_uint_gt(rig.nr_kicks, 4);
	ck_assert_uint_eq(rig.nr_relaxes, rig.config.kick_spins);
	ck_assert_uint_eq(rig.sept.track_done, 0);
	ck_assert_uint_eq(rig.sept.track_lock, 0);
	/* it hears at last: the epoch before is still taken */
	rig.deaf = false;
	ck_assert_int_eq(tdxc_sept_track(&rig.sept, &diag), TDXC_OK);
	ck_assert_uint_eq(rig.sept.track_done, rig.sept.track_begun);
	down();
}
END_TEST

/* Behind the library's back: the vCPU has the epoch before the current one. */
START_TEST(previous_epoch_busy_is_answered_by_all_out_and_one_track_more)
{
	struct tdxc_seamcall_diag diag;

	up(false);
	sept_rig_run(&rig);
	ck_assert_int_eq(sept_rig_enter(&rig, 0), TDXC_OK);
	ck_assert_uint_eq(SIM_CALL(&rig.p.f, 7, TDXC_MEM_TRACK, rig.td.tdr), 0);
	sept_rig_mark(&rig);
	ck_assert_int_eq(tdxc_sept_track(&rig.sept, &diag), TDXC_OK);
	EXPECT_CALLS(TDXC_MEM_TRACK, TDXC_MEM_TRACK);
	ck_assert_uint_eq(rig.sept.counts.guarded, 1);
	ck_assert_uint_eq(rig.sept.counts.tracks, 1);
	ck_assert_uint_eq(rig.sept.held, 0);
	down();
}
END_TEST

#define MANY 70u

static _Alignas(64) struct tdxc_sept_vcpu many[MANY];
static uint32_t told[MANY];

static void leave_when_told(struct sept_rig *r, uint32_t vcpu)
{
	(void)r;
	told[vcpu]++;
	many[vcpu].sequence++;
}

/* More than are told together. Odd ones are inside, by their sequence. */
START_TEST(every_vcpu_that_is_inside_is_told_once_however_many_there_are)
{
	struct tdxc_seamcall_diag diag;

	up(false);
	sept_rig_run(&rig);
	memset(many, 0, sizeof(many));
	memset(told, 0, sizeof(told));
	for (uint32_t i = 0; i < MANY; i++)
		many[i].sequence = 10 + i % 2;
	rig.sept.config.vcpus = many;
	rig.sept.config.nr_vcpus = MANY;
	rig.deaf = true;
	rig.on_kick = leave_when_told;
	ck_assert_int_eq(tdxc_sept_track(&rig.sept, &diag), TDXC_OK);
	for (uint32_t i = 0; i < MANY; i++)
		ck_assert_uint_eq(told[i], i % 2);
	ck_assert_uint_eq(rig.nr_relaxes, 0);
	down();
}
END_TEST

/* Another CPU: it makes the TRACK while this one waits. */
static uint64_t others_track;

static void other_ends_its_track(struct sept_rig *r)
{
	if (r->nr_relaxes < 5)
		return;
	r->sept.track_done = others_track;
	r->sept.track_lock = 0;
}

START_TEST(a_track_that_began_later_is_shared)
{
	struct tdxc_seamcall_diag diag;

	up(false);
	sept_rig_run(&rig);
	rig.sept.track_begun = 7;
	rig.sept.track_lock = 1;
	rig.on_relax = other_ends_its_track;
	others_track = 8;
	sept_rig_mark(&rig);
	memset(&diag, 0x5A, sizeof(diag));
	ck_assert_int_eq(tdxc_sept_track(&rig.sept, &diag), TDXC_OK);
	ck_assert_uint_eq(rig.nr_calls, 0);
	ck_assert_uint_eq(rig.sept.counts.shared, 1);
	ck_assert_uint_eq(diag.status, 0x5A5A5A5A5A5A5A5A);
	down();
}
END_TEST

START_TEST(a_track_that_had_begun_before_is_not)
{
	struct tdxc_seamcall_diag diag;

	up(false);
	sept_rig_run(&rig);
	rig.sept.track_begun = 7;
	rig.sept.track_lock = 1;
	rig.on_relax = other_ends_its_track;
	others_track = 7;
	sept_rig_mark(&rig);
	ck_assert_int_eq(tdxc_sept_track(&rig.sept, &diag), TDXC_OK);
	EXPECT_CALLS(TDXC_MEM_TRACK);
	ck_assert_uint_eq(rig.sept.counts.shared, 0);
	ck_assert_uint_eq(rig.sept.track_done, 8);
	down();
}
END_TEST

START_TEST(the_wait_for_another_cpus_track_is_bounded)
{
	struct tdxc_seamcall_diag diag;

	up(false);
	sept_rig_run(&rig);
	rig.sept.track_lock = 1;
	ck_assert_int_eq(tdxc_sept_track(&rig.sept, &diag), TDXC_E_BUSY);
	ck_assert_uint_eq(rig.nr_relaxes, rig.config.track_spins);
	rig.sept.track_lock = 0;
	down();
}
END_TEST

/* ---- promotion_pays, quarantine ---- */

START_TEST(promotion_pays_unless_a_broadcast_costs_1017_calls)
{
	up(false);
	ck_assert(tdxc_sept_promotion_pays(&rig.sept));
	rig.sept.config.broadcast_cost = 1016;
	ck_assert(tdxc_sept_promotion_pays(&rig.sept));
	rig.sept.config.broadcast_cost = 1017;
	ck_assert(!tdxc_sept_promotion_pays(&rig.sept));
	down();
}
END_TEST

static struct tdxc_sept_lost lost_page(uint64_t pa, uint32_t level)
{
	return (struct tdxc_sept_lost){.pa = pa, .level = level};
}

START_TEST(a_lost_page_is_named_once_and_may_come_back)
{
	struct tdxc_sept_lost room[2];
	struct tdxc_sept_quarantine q = {.lost = room, .room = 2};
	struct tdxc_sept_lost lost = lost_page(0x5000, 1);

	memset(room, 0, sizeof(room));
	ck_assert(!tdxc_sept_quarantine_recover(&q, 0x5000, 1));
	ck_assert(tdxc_sept_quarantine_add(&q, &lost));
	ck_assert(tdxc_sept_quarantine_add(&q, &lost));
	ck_assert_uint_eq(q.count, 1);
	ck_assert_uint_eq(room[0].state, 1);
	ck_assert_uint_eq(room[0].pa, 0x5000);
	ck_assert(!tdxc_sept_quarantine_recover(&q, 0x5000, 2));
	ck_assert(tdxc_sept_quarantine_recover(&q, 0x5000, 1));
	ck_assert(!tdxc_sept_quarantine_recover(&q, 0x5000, 1));
	ck_assert_uint_eq(room[0].state, 2);
	ck_assert_uint_eq(q.recovered, 1);
}
END_TEST

START_TEST(a_lost_page_without_room_for_its_name_is_counted)
{
	struct tdxc_sept_lost room[1];
	struct tdxc_sept_quarantine q = {.lost = room, .room = 1};
	struct tdxc_sept_lost lost = lost_page(0x5000, 1);

	memset(room, 0, sizeof(room));
	ck_assert(tdxc_sept_quarantine_add(&q, &lost));
	lost.pa = 0x6000;
	ck_assert(!tdxc_sept_quarantine_add(&q, &lost));
	ck_assert_uint_eq(q.count, 2);
	ck_assert_uint_eq(room[0].pa, 0x5000);
	ck_assert(!tdxc_sept_quarantine_recover(&q, 0x6000, 1));
}
END_TEST

static TCase *begin_tests(void)
{
	TCase *tc = tcase_create("begin");

	tcase_add_loop_test(tc, a_configuration_with_one_thing_wrong_is_refused,
			    0, CONFIG_FAULTS);
	tcase_add_test(tc, init_begins_at_stage_none_with_the_usual_limits);
	tcase_add_test(tc, a_stage_is_never_an_earlier_one);
	tcase_add_loop_test(
		tc, R39_nothing_is_lent_or_removed_at_the_stages_without_a_key,
		0, 3);
	return tc;
}

static TCase *lend_tests(void)
{
	TCase *tc = tcase_create("lend");

	tcase_add_loop_test(tc, a_table_is_linked_by_one_call, 0, 2);
	tcase_add_loop_test(
		tc, R22_a_page_is_mapped_by_one_call_where_the_stage_has_one, 0,
		COUNT(maps));
	tcase_add_test(tc, a_change_that_is_none_of_the_five_is_refused);
	tcase_add_loop_test(tc, clflush_comes_before_lending_where_it_is_needed,
			    0, 2);
	tcase_add_loop_test(tc, clflush_comes_before_the_pages_of_a_demotion, 0,
			    2);
	tcase_add_test(tc, without_a_pair_nothing_is_lent_and_nothing_remains);
	tcase_add_test(tc,
		       a_large_page_over_a_range_in_use_at_4k_is_not_supported);
	tcase_add_test(tc, a_page_outside_all_tdmrs_is_not_supported);
	return tc;
}

static TCase *resize_tests(void)
{
	TCase *tc = tcase_create("resize");

	tcase_set_timeout(tc, 600);
	tcase_add_loop_test(
		tc, a_demotion_is_one_call_and_three_in_a_running_td, 0, 4);
	tcase_add_test(tc,
		       a_demotion_without_a_pair_leaves_everything_as_it_was);
	tcase_add_loop_test(
		tc,
		a_promotion_is_one_call_three_in_a_running_td_and_a_write_back,
		0, 4);
	tcase_add_test(tc, a_promotion_needs_room_for_the_pair_that_comes_back);
	tcase_add_loop_test(tc, without_a_cache_no_page_changes_its_size, 0, 2);
	tcase_add_loop_test(tc, a_range_that_is_being_resized_is_busy, 0, 2);
	tcase_add_test(
		tc,
		a_promotion_that_returns_another_pair_is_not_to_be_built_on);
	tcase_add_test(tc, a_demotion_whose_table_gets_no_pair_loses_the_table);
	tcase_add_loop_test(
		tc, pages_that_are_not_alike_are_not_promoted_and_stay_mapped,
		0, 4);
	tcase_add_loop_test(tc, a_relocation_hands_the_old_page_back, 0, 4);
	tcase_add_loop_test(tc, a_page_of_1_gib_comes_and_goes, 0, 2);
	return tc;
}

static TCase *track_tests(void)
{
	TCase *tc = tcase_create("track");

	tcase_add_test(tc, a_vcpu_that_is_inside_has_an_odd_sequence);
	tcase_add_test(tc,
		       R12_entry_is_refused_while_it_is_held_and_allowed_after);
	tcase_add_test(tc, a_vcpu_that_is_out_costs_nothing);
	tcase_add_test(tc, outside_the_stage_run_no_track_is_needed);
	tcase_add_test(
		tc, R9_ten_tracks_in_a_row_succeed_with_vcpus_that_come_back);
	tcase_add_test(tc, R11_a_vcpu_that_enters_around_the_track_is_told_too);
	tcase_add_test(
		tc, a_vcpu_that_does_not_leave_is_a_busy_track_and_told_again);
	tcase_add_test(
		tc,
		previous_epoch_busy_is_answered_by_all_out_and_one_track_more);
	tcase_add_test(
		tc,
		every_vcpu_that_is_inside_is_told_once_however_many_there_are);
	tcase_add_test(tc, a_track_that_began_later_is_shared);
	tcase_add_test(tc, a_track_that_had_begun_before_is_not);
	tcase_add_test(tc, the_wait_for_another_cpus_track_is_bounded);
	return tc;
}

static TCase *quarantine_tests(void)
{
	TCase *tc = tcase_create("quarantine");

	tcase_add_test(tc, promotion_pays_unless_a_broadcast_costs_1017_calls);
	tcase_add_test(tc, a_lost_page_is_named_once_and_may_come_back);
	tcase_add_test(tc, a_lost_page_without_room_for_its_name_is_counted);
	return tc;
}

int main(void)
{
	Suite *s = suite_create("sept");
	SRunner *r;
	int failed;

	suite_add_tcase(s, begin_tests());
	suite_add_tcase(s, lend_tests());
	suite_add_tcase(s, resize_tests());
	suite_add_tcase(s, track_tests());
	suite_add_tcase(s, quarantine_tests());
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
