/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Every SEAMCALL of every operation on the Secure EPT fails in every way: once,
 * as often as the plain retry looks, for ever, with an answer that is none, and
 * with a page that is not the one. After each the module, the record of Dynamic
 * PAMT, the pages handed back and the list of lost ones must agree (I-ROLL,
 * I-RET, H2, H14, H16).
 */
#include <tdxcore/err.h>

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sept/sept_rig.h"

#define GFN	    0x40000ull /* at 1 GiB */
#define PAGE	    PAMT_RIG_PAGE
#define ATTEMPTS    3u
#define COUNT(a)    (sizeof(a) / sizeof((a)[0]))
#define WORDS_OF(v) (sizeof(v) / sizeof(uint64_t))

enum op {
	LINK,
	AUG_4K,
	AUG_2M,
	ADD,
	DEMOTE,
	PROMOTE,
	RELOCATE,
	REMOVE_4K,
	REMOVE_2M,
	REMOVE_TABLE,
	RECLAIM_4K,
	RECLAIM_2M,
	RECLAIM_TABLE,
	OPS
};

static const char *const op_names[] = {
	"link",		"map 4K",	"map 2M",     "map with source",
	"demote",	"promote",	"relocate",   "remove 4K",
	"remove 2M",	"remove table", "reclaim 4K", "reclaim 2M",
	"reclaim table"};

enum kind {
	BUSY_ONCE,
	INTERRUPTED_ONCE,
	BUSY_TO_THE_GUARD, /* the guarded retry finds it free */
	BUSY_ALWAYS,
	INTERRUPTED_ALWAYS,
	REFUSED,
	TRAP,
	SPOILT,
	KINDS
};

static const struct {
	const char *name;
	uint64_t status;
	uint64_t times;
} kinds[] = {
	{"busy once", 0x8000020000000092, 1},
	{"interrupted once", 0x8000000400000000, 1},
	{"busy until the vCPUs are held", 0x8000020000000001, ATTEMPTS},
	{"busy for ever", 0x8000020000000080, SEPT_RIG_ALWAYS},
	{"interrupted for ever", 0x8000020600000000, SEPT_RIG_ALWAYS},
	{"refused", 0xC0000B0D00000001, SEPT_RIG_ALWAYS},
	{"no instruction", TDXC_STATUS_UD, SEPT_RIG_ALWAYS},
	{"another page", 0, 1},
};

static struct sept_rig rig;

/* One operation on one TD. */
struct scene {
	enum op op;
	bool run;
	bool dynamic;
	uint64_t pages[3]; /* it is about; 0: none */
	struct tdxc_external_change change;
	struct tdxc_external_entry entry;
};

static bool is_removal(const struct scene *s)
{
	return s->op >= REMOVE_4K;
}

static uint32_t level_of(enum op op)
{
	return op == LINK || op == AUG_2M || op == DEMOTE || op == PROMOTE ||
			       op == REMOVE_2M || op == REMOVE_TABLE ||
			       op == RECLAIM_2M || op == RECLAIM_TABLE
		       ? 2
		       : 1;
}

/* --- what there is ---------------------------------------------------------
 */

/* All that a change may change, as words. */
struct view {
	uint64_t state[5];
	uint64_t mapped[5];
	uint64_t type[3];
	uint64_t installed;
	uint64_t references;
	uint64_t large;
	uint64_t changing;
	uint64_t retained;
	uint64_t cached;
};

static struct view look(const struct scene *s)
{
	static const struct {
		uint64_t gfn;
		uint32_t level;
	} at[] = {{GFN, 3}, {GFN, 2}, {GFN, 1}, {GFN + 1, 1}, {GFN + 511, 1}};
	struct tdxc_pamt_stats stats;
	struct view v;

	memset(&v, 0, sizeof(v));
	for (size_t i = 0; i < COUNT(at); i++) {
		v.state[i] = sept_rig_state(&rig, at[i].gfn, at[i].level);
		v.mapped[i] = sept_rig_mapped(&rig, at[i].gfn, at[i].level);
	}
	for (size_t i = 0; i < COUNT(s->pages); i++)
		v.type[i] =
			s->pages[i] != 0 ? sept_rig_type(&rig, s->pages[i]) : 0;
	tdxc_pamt_read_stats(&rig.p.pamt, &stats);
	v.installed = stats.installed;
	v.references = stats.references;
	v.large = stats.large;
	v.changing = stats.changing;
	v.retained = stats.retained;
	v.cached = rig.cache[0].cache.count;
	return v;
}

static bool same(const struct view *a, const struct view *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

/* --- scenes ----------------------------------------------------------------
 */

static void prepare_change(struct scene *s)
{
	uint64_t *p = s->pages;
	uint32_t level = level_of(s->op);
	uint64_t table = sept_rig_tables(&rig, GFN, level);

	switch (s->op) {
	case LINK:
		p[0] = sept_rig_table_page(&rig);
		s->change = sept_rig_link(GFN, 2, p[0]);
		break;
	case AUG_4K:
	case AUG_2M:
	case ADD:
		p[0] = sept_rig_page(&rig, level);
		s->change = sept_rig_map(GFN, level, p[0]);
		s->change.source = s->op == ADD ? SEPT_RIG_SOURCE : 0;
		break;
	case DEMOTE:
		p[0] = sept_rig_fill(&rig, GFN, 2, 1);
		p[1] = sept_rig_table_page(&rig);
		s->change = sept_rig_demote(GFN, 2, p[0], p[1]);
		break;
	case PROMOTE:
		p[1] = sept_rig_tables(&rig, GFN, 1);
		p[0] = sept_rig_fill(&rig, GFN, 1, 512);
		s->change = sept_rig_promote(GFN, 2, p[0], p[1]);
		break;
	default:
		p[0] = sept_rig_fill(&rig, GFN, 1, 2);
		p[1] = sept_rig_page(&rig, 1);
		s->change = sept_rig_relocate(GFN, p[0], p[1]);
		break;
	}
	(void)table;
}

static void prepare_removal(struct scene *s)
{
	if (s->op == REMOVE_TABLE || s->op == RECLAIM_TABLE) {
		s->pages[0] = sept_rig_tables(&rig, GFN, 1);
		s->entry = sept_rig_table(GFN, 2, s->pages[0]);
		return;
	}
	s->pages[0] = sept_rig_fill(&rig, GFN, level_of(s->op), 1);
	s->entry = sept_rig_leaf(GFN, level_of(s->op), s->pages[0]);
}

static void begin(struct scene *s)
{
	const struct sept_rig_options options = {.dynamic_pamt = s->dynamic,
						 .busy = ATTEMPTS};

	sept_rig_up(&rig, &options);
	memset(s->pages, 0, sizeof(s->pages));
	if (is_removal(s))
		prepare_removal(s);
	else
		prepare_change(s);
	if (s->run || s->op >= RECLAIM_4K)
		sept_rig_run(&rig);
	if (s->op >= RECLAIM_4K) {
		sept_rig_close(&rig);
		sept_rig_release(&rig);
	}
	sept_rig_mark(&rig);
}

static int perform(struct scene *s)
{
	if (!is_removal(s))
		return tdxc_sept_set(&rig.sept, &s->change);
	tdxc_sept_remove(&rig.sept, &s->entry, 1);
	return s->entry.status;
}

/* --- what is expected -------------------------------------------------------
 */

static int expect_of_pamt(const struct scene *s, uint64_t leaf, enum kind kind)
{
	if (leaf == TDXC_PHYMEM_PAMT_REMOVE)
		return TDXC_OK; /* the record keeps the pair */
	if (is_removal(s))
		return TDXC_E_IO; /* the page cannot be written back */
	return kind == REFUSED || kind == TRAP ? TDXC_E_IO : TDXC_E_BUSY;
}

static int expect(const struct scene *s, uint64_t leaf, enum kind kind)
{
	if (kind == BUSY_ONCE || kind == INTERRUPTED_ONCE)
		return TDXC_OK;
	if (leaf == TDXC_PHYMEM_PAMT_ADD || leaf == TDXC_PHYMEM_PAMT_REMOVE)
		return expect_of_pamt(s, leaf, kind);
	if (leaf == TDXC_PHYMEM_PAGE_WBINVD)
		return s->op == PROMOTE ? TDXC_OK : TDXC_E_IO;
	if (kind == REFUSED || kind == TRAP || kind == SPOILT)
		return TDXC_E_IO;
	if (leaf == TDXC_PHYMEM_PAGE_RECLAIM)
		return TDXC_E_BUSY;
	if (kind == BUSY_TO_THE_GUARD)
		return TDXC_OK;
	return leaf == TDXC_MEM_TRACK && !is_removal(s) ? TDXC_E_IO
							: TDXC_E_BUSY;
}

/* Leaves that hand a page back. */
static bool returns_a_page(uint64_t leaf)
{
	return leaf == TDXC_MEM_PAGE_REMOVE || leaf == TDXC_MEM_SEPT_REMOVE ||
	       leaf == TDXC_MEM_PAGE_PROMOTE ||
	       leaf == TDXC_MEM_PAGE_RELOCATE ||
	       leaf == TDXC_PHYMEM_PAGE_RECLAIM;
}

static bool is_lost(uint64_t pa)
{
	for (uint64_t i = 0; i < rig.quarantine.count; i++) {
		if (rig.lost[i].state == 1 && rig.lost[i].pa == pa)
			return true;
	}
	return false;
}

/* I-RET: what the module got in an operation that failed is named. */
static void nothing_is_hidden(const struct scene *s, const struct view *before)
{
	for (size_t i = 0; i < COUNT(s->pages); i++) {
		if (s->pages[i] == 0 ||
		    sept_rig_type(&rig, s->pages[i]) == SEPT_RIG_NDA)
			continue;
		ck_assert(before->type[i] != SEPT_RIG_NDA ||
			  is_lost(s->pages[i]));
	}
}

static void nothing_is_held(void)
{
	ck_assert_uint_eq(rig.sept.held, 0);
	ck_assert_uint_eq(rig.sept.track_lock, 0);
	for (uint32_t v = 0; v < SEPT_RIG_VCPUS; v++)
		ck_assert_uint_eq(rig.vcpus[v].sequence % 2, 0);
	for (uint64_t i = 0; i < rig.nr_freed; i++)
		ck_assert(!is_lost(rig.freed[i]));
	ck_assert_uint_eq(rig.nr_freed_owned, 0);
	ck_assert(sept_rig_audit(&rig));
}

static void check_ok(const struct scene *s, uint64_t leaf, enum kind kind,
		     const struct view *after)
{
	struct view now = look(s);

	if (leaf == TDXC_PHYMEM_PAMT_REMOVE) {
		ck_assert(memcmp(now.state, after->state, sizeof(now.state)) ==
			  0);
		return;
	}
	if (leaf == TDXC_PHYMEM_PAGE_WBINVD && kind > INTERRUPTED_ONCE) {
		/* promoted, and the table's page is lost */
		ck_assert(is_lost(s->pages[1]));
		ck_assert_uint_eq(rig.nr_freed, 0);
		return;
	}
	ck_assert(same(&now, after));
	ck_assert_uint_eq(rig.quarantine.count, 0);
}

/* I-ROLL, H16: unchanged, but that entries stay blocked without a TRACK. Then
 * the same thing succeeds. */
static void check_busy(struct scene *s, uint64_t leaf,
		       const struct view *before, const struct view *after)
{
	struct view now = look(s);

	ck_assert_uint_eq(rig.quarantine.count, 0);
	ck_assert_uint_eq(rig.nr_freed, 0);
	if (leaf != TDXC_MEM_TRACK)
		ck_assert(same(&now, before));
	sept_rig_mark(&rig);
	ck_assert_int_eq(perform(s), TDXC_OK);
	now = look(s);
	ck_assert(same(&now, after));
}

static void check_lost(struct scene *s, const struct view *before,
		       const struct view *after)
{
	struct view now;

	ck_assert_uint_ge(rig.quarantine.count, 1);
	ck_assert_uint_eq(rig.sept.diagnosed, 1);
	nothing_is_hidden(s, before);
	if (!is_removal(s) || s->entry.removed)
		return;
	/* the mirror still has it: a later attempt gets it back */
	sept_rig_mark(&rig);
	ck_assert_int_eq(perform(s), TDXC_OK);
	now = look(s);
	ck_assert(same(&now, after));
	ck_assert_uint_eq(rig.quarantine.recovered, rig.quarantine.count);
}

static void one_fault(struct scene *s, uint64_t at, enum kind kind,
		      const struct view *after)
{
	struct view before;
	uint64_t leaf;
	int err;

	begin(s);
	before = look(s);
	rig.fault.at = at;
	rig.fault.status = kinds[kind].status;
	rig.fault.times = kinds[kind].times;
	rig.fault.spoil = kind == SPOILT;
	err = perform(s);
	leaf = rig.fault.rax;
	ck_assert_uint_ge(rig.fault.hits, 1);
	if (err != expect(s, leaf, kind))
		ck_abort_msg("%s%s%s, call %u (leaf %u) %s: %d, not %d",
			     op_names[s->op], s->run ? ", running" : "",
			     s->dynamic ? ", dynamic" : "", (unsigned)at,
			     (unsigned)leaf, kinds[kind].name, err,
			     expect(s, leaf, kind));
	if (err == TDXC_OK)
		check_ok(s, leaf, kind, after);
	else if (err == TDXC_E_BUSY)
		check_busy(s, leaf, &before, after);
	else
		check_lost(s, &before, after);
	nothing_is_held();
	sept_rig_down(&rig);
}

/* Of 512 write-backs, not each. */
static bool is_worth_it(uint64_t at, uint64_t nr)
{
	return at <= 6 || at + 3 > nr;
}

static void every_fault(struct scene *s)
{
	uint64_t trace[SEPT_RIG_TRACE];
	struct view after;
	uint64_t nr;

	begin(s);
	ck_assert_int_eq(perform(s), TDXC_OK);
	after = look(s);
	nr = rig.nr_calls;
	memcpy(trace, rig.trace, sizeof(trace));
	sept_rig_down(&rig);
	for (uint64_t at = 1; at <= nr; at++) {
		if (!is_worth_it(at, nr))
			continue;
		for (int k = 0; k < KINDS; k++) {
			/* WBINVD that wants a pair is refused as it is */
			if (k == SPOILT && !returns_a_page(trace[at - 1]))
				continue;
			one_fault(s, at, (enum kind)k, &after);
		}
	}
}

START_TEST(every_call_of_every_operation_may_fail_in_every_way)
{
	struct scene s;

	memset(&s, 0, sizeof(s));
	s.op = (enum op)(_i / 4);
	s.run = (_i & 1) != 0;
	s.dynamic = (_i & 2) != 0;
	if ((s.op == ADD && s.run) || (s.op >= RECLAIM_4K && s.run))
		return;
	every_fault(&s);
}
END_TEST

/* ---- two things fail ---- */

static void of_leaf(uint64_t leaf, uint64_t status, uint64_t times)
{
	rig.of_leaf = (struct sept_rig_fault){
		.at = 1, .status = status, .times = times, .rax = leaf};
}

static const enum op undone_ops[] = {DEMOTE, PROMOTE, RELOCATE};
static const uint64_t undone_leaves[] = {
	TDXC_MEM_PAGE_DEMOTE, TDXC_MEM_PAGE_PROMOTE, TDXC_MEM_PAGE_RELOCATE};

/* H14: a change that failed, and cannot be undone either, is not "unchanged".
 */
START_TEST(H14_a_change_that_cannot_be_undone_is_not_said_to_be_unchanged)
{
	struct scene s;
	struct view before;

	memset(&s, 0, sizeof(s));
	s.op = undone_ops[_i % 3];
	s.dynamic = _i >= 3;
	s.run = true;
	begin(&s);
	before = look(&s);
	rig.fault = (struct sept_rig_fault){
		.at = 3,
		.status = kinds[BUSY_ALWAYS].status,
		.times = SEPT_RIG_ALWAYS,
	};
	of_leaf(TDXC_MEM_RANGE_UNBLOCK, kinds[REFUSED].status, SEPT_RIG_ALWAYS);
	if (s.dynamic && s.op == DEMOTE)
		rig.fault.at = 3;
	ck_assert_int_eq(perform(&s), TDXC_E_IO);
	ck_assert_uint_ge(rig.quarantine.count, 1);
	nothing_is_hidden(&s, &before);
	nothing_is_held();
	sept_rig_down(&rig);
}
END_TEST

START_TEST(a_change_that_stays_busy_is_undone_by_one_call)
{
	struct scene s;

	memset(&s, 0, sizeof(s));
	s.op = undone_ops[_i];
	s.run = true;
	begin(&s);
	of_leaf(undone_leaves[_i], kinds[BUSY_ALWAYS].status, SEPT_RIG_ALWAYS);
	ck_assert_int_eq(perform(&s), TDXC_E_BUSY);
	ck_assert_uint_eq(sept_rig_calls(&rig, TDXC_MEM_RANGE_UNBLOCK), 1);
	ck_assert_uint_eq(rig.sept.counts.undone, 1);
	/* DEMOTE may have written to the page of the table before it gave up */
	ck_assert_uint_eq(sept_rig_calls(&rig, TDXC_PHYMEM_PAGE_WBINVD),
			  s.op == DEMOTE);
	sept_rig_down(&rig);
}
END_TEST

START_TEST(a_table_that_a_failed_demotion_may_have_written_to_is_not_returned)
{
	struct scene s;

	memset(&s, 0, sizeof(s));
	s.op = DEMOTE;
	s.run = _i == 1;
	begin(&s);
	of_leaf(TDXC_MEM_PAGE_DEMOTE, kinds[BUSY_ALWAYS].status,
		SEPT_RIG_ALWAYS);
	rig.on_call = NULL;
	rig.fault = (struct sept_rig_fault){
		.at = s.run ? 2 + 2 * ATTEMPTS + 1 + 1 : 2 * ATTEMPTS + 1,
		.status = kinds[REFUSED].status,
		.times = SEPT_RIG_ALWAYS,
	};
	ck_assert_int_eq(perform(&s), TDXC_E_IO);
	ck_assert_uint_eq(rig.fault.rax, TDXC_PHYMEM_PAGE_WBINVD);
	ck_assert_uint_eq(rig.quarantine.count, 1);
	ck_assert_uint_eq(rig.lost[0].pa, s.pages[1]);
	ck_assert_int_eq(rig.lost[0].use, TDXC_SEPT_TABLE);
	sept_rig_down(&rig);
}
END_TEST

/* The table's page and the pair: the module was given all three. */
START_TEST(a_demotion_that_goes_wrong_loses_the_table_and_the_pair)
{
	struct tdxc_pamt_state state;
	struct scene s;
	uint32_t pages;

	memset(&s, 0, sizeof(s));
	s.op = DEMOTE;
	s.run = _i == 1;
	s.dynamic = true;
	begin(&s);
	pages = rig.cache[0].cache.count;
	of_leaf(TDXC_MEM_PAGE_DEMOTE, kinds[REFUSED].status, 1);
	ck_assert_int_eq(perform(&s), TDXC_E_IO);
	ck_assert_uint_eq(rig.quarantine.count, 3);
	ck_assert(is_lost(s.pages[1]));
	ck_assert_int_eq(rig.lost[1].use, TDXC_SEPT_PAIR);
	ck_assert_int_eq(rig.lost[2].use, TDXC_SEPT_PAIR);
	ck_assert_uint_ne(rig.lost[1].pa, rig.lost[2].pa);
	ck_assert_uint_eq(rig.cache[0].cache.count, pages - 2);
	/* the large page stands */
	ck_assert_int_eq(tdxc_pamt_look(&rig.p.pamt, s.pages[0], &state), 0);
	ck_assert(state.large);
	ck_assert(!state.changing);
	ck_assert_int_eq(sept_rig_state(&rig, GFN, 2), SEPT_RIG_PENDING);
	sept_rig_down(&rig);
}
END_TEST

/* Which of the two the guest has is known to the module alone. */
START_TEST(a_relocation_that_goes_wrong_loses_both_pages)
{
	static const uint64_t leaves[] = {TDXC_MEM_PAGE_RELOCATE,
					  TDXC_PHYMEM_PAGE_WBINVD};
	struct scene s;

	memset(&s, 0, sizeof(s));
	s.op = RELOCATE;
	s.run = true;
	begin(&s);
	of_leaf(leaves[_i], kinds[REFUSED].status, 1);
	ck_assert_int_eq(perform(&s), TDXC_E_IO);
	ck_assert_uint_eq(rig.quarantine.count, 2);
	ck_assert(is_lost(s.pages[0]));
	ck_assert(is_lost(s.pages[1]));
	sept_rig_down(&rig);
}
END_TEST

/* The first one is what all else came of. */
START_TEST(the_first_failure_is_the_one_that_is_told)
{
	struct scene s;

	memset(&s, 0, sizeof(s));
	s.op = REMOVE_4K;
	s.run = true;
	begin(&s);
	of_leaf(TDXC_MEM_PAGE_REMOVE, kinds[REFUSED].status, 1);
	ck_assert_int_eq(perform(&s), TDXC_E_IO);
	of_leaf(TDXC_MEM_RANGE_BLOCK, kinds[TRAP].status, 1);
	ck_assert_int_eq(perform(&s), TDXC_E_IO);
	ck_assert_uint_eq(rig.sept.diagnosed, 1);
	ck_assert_uint_eq(rig.sept.diag.rax, TDXC_MEM_PAGE_REMOVE);
	ck_assert_uint_eq(rig.sept.diag.status, kinds[REFUSED].status);
	ck_assert_uint_eq(rig.sept.diag.in.rcx, GFN << 12);
	ck_assert_uint_eq(rig.quarantine.count, 1);
	sept_rig_down(&rig);
}
END_TEST

/* A stuck vCPU while entry is held: busy, not a wait for ever. */
START_TEST(the_guarded_retry_does_not_wait_for_ever)
{
	struct scene s;

	memset(&s, 0, sizeof(s));
	s.op = REMOVE_4K;
	s.run = true;
	begin(&s);
	ck_assert_int_eq(sept_rig_enter(&rig, 0), TDXC_OK);
	rig.deaf = true;
	of_leaf(TDXC_MEM_RANGE_BLOCK, kinds[BUSY_ALWAYS].status,
		SEPT_RIG_ALWAYS);
	ck_assert_int_eq(perform(&s), TDXC_E_BUSY);
	ck_assert_uint_eq(rig.nr_calls, ATTEMPTS);
	ck_assert_uint_eq(rig.nr_relaxes, rig.config.kick_spins);
	ck_assert_uint_eq(rig.sept.held, 0);
	sept_rig_down(&rig);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("sept_fault");
	TCase *tc = tcase_create("faults");
	SRunner *r;
	int failed;

	tcase_set_timeout(tc, 600);
	tcase_add_loop_test(tc,
			    every_call_of_every_operation_may_fail_in_every_way,
			    0, OPS * 4);
	tcase_add_loop_test(
		tc,
		H14_a_change_that_cannot_be_undone_is_not_said_to_be_unchanged,
		0, 6);
	tcase_add_loop_test(tc, a_change_that_stays_busy_is_undone_by_one_call,
			    0, 3);
	tcase_add_loop_test(
		tc,
		a_table_that_a_failed_demotion_may_have_written_to_is_not_returned,
		0, 2);
	tcase_add_loop_test(
		tc, a_demotion_that_goes_wrong_loses_the_table_and_the_pair, 0,
		2);
	tcase_add_loop_test(tc, a_relocation_that_goes_wrong_loses_both_pages,
			    0, 2);
	tcase_add_test(tc, the_first_failure_is_the_one_that_is_told);
	tcase_add_test(tc, the_guarded_retry_does_not_wait_for_ever);
	suite_add_tcase(s, tc);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
