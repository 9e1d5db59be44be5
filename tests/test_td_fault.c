/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Every SEAMCALL of a TD's whole life goes wrong, in every way: once, or from
 * then on for ever. Whatever happens, the TD is taken down or given up, no page
 * that the module may have is handed back, and what nobody doubts about is.
 *
 * TDXC_TEST_SCALE=percent: at how many of the calls.
 */
#include <tdxcore/err.h>
#include <tdxcore/status.h>
#include <tdxcore/td.h>

#include <check.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "td/td_rig.h"

#define COUNT(a)     (sizeof(a) / sizeof((a)[0]))
#define BUSY_RCX     0x8000020000000001ull
#define INVALID_RCX  0xC000010000000001ull
#define NO_ENTROPY   0x8000020300000000ull
#define INTERRUPTED  0x8000000300000000ull
#define RESTARTABLE  0x8000000400000000ull
#define TD_FATAL     0xE000060400000000ull
#define NOT_FREE     0xC000082000000000ull
#define METADATA_RCX 0xC000030000000001ull
#define TRIES	     3u
/* KeyIDs and pages that a machine may lose before the next one is taken. */
#define KEYIDS_LOST 16u
#define PAGES_LOST  2000u

enum when {
	ONCE,	  /* the n-th call */
	FOR_EVER, /* the n-th call, and every later one of its leaf */
	LOST	  /* the n-th call is made, and its answer lost */
};

struct class
{
	const char *name;
	uint64_t status;
	enum when when;
	bool harmless; /* the library repeats it, and nothing is lost */
};

static const struct class classes[] = {
	{"busy once", BUSY_RCX, ONCE, true},
	{"busy for ever", BUSY_RCX, FOR_EVER, false},
	{"refused once", INVALID_RCX, ONCE, false},
	{"refused for ever", INVALID_RCX, FOR_EVER, false},
	{"wrong page once", METADATA_RCX, ONCE, false},
	{"no entropy once", NO_ENTROPY, ONCE, true},
	{"no entropy for ever", NO_ENTROPY, FOR_EVER, false},
	{"interrupted once", INTERRUPTED, ONCE, true},
	{"interrupted for ever", INTERRUPTED, FOR_EVER, false},
	{"restartable once", RESTARTABLE, ONCE, true},
	{"TD dead", TD_FATAL, ONCE, false},
	{"no module once", TDXC_STATUS_VMFAILINVALID, ONCE, false},
	{"answer lost", INVALID_RCX, LOST, false},
};

/* The n-th call, from 1, and what happens to it. */
struct plan {
	uint64_t nth;
	const struct class *class;
	uint64_t leaf; /* of that call, once it was met */
};

static struct td_rig *rig;
static struct td_rig_shape shape;
static const bool dynamic[] = {false, true};

static uint64_t look(struct td_rig *r, bool after, uint64_t status,
		     uint64_t rax, struct tdxc_seamcall_regs *regs)
{
	struct plan *plan = r->look_ctx;
	uint64_t leaf = rax & 0xFFFF;
	bool now = r->nr_calls + 1 == plan->nth;
	bool again = plan->class->when == FOR_EVER &&
		     r->nr_calls + 1 > plan->nth && leaf == plan->leaf;

	(void)regs;
	if (now)
		plan->leaf = leaf;
	if (after)
		return now && plan->class->when == LOST && status == 0
			       ? plan->class->status
			       : status;
	return (now && plan->class->when != LOST) || again ? plan->class->status
							   : 0;
}

static void up(void)
{
	td_rig_up(rig, &shape);
}

static int life(void)
{
	int built;
	int torn;

	td_rig_new(rig, 2);
	built = td_rig_build(rig);
	if (built == TDXC_OK)
		built = td_rig_map(rig, 0x80000);
	if (built == TDXC_OK)
		built = td_rig_map(rig, 0x80001);
	torn = td_rig_teardown(rig, TRIES);
	return built != TDXC_OK ? built : torn;
}

static void complain(const struct plan *plan, const char *what)
{
	ck_abort_msg("call %" PRIu64 " (%s), %s: %s", plan->nth,
		     tdxc_leaf_name(plan->leaf), plan->class->name, what);
}

static bool is_loan(uint64_t leaf)
{
	return leaf == TDXC_MNG_CREATE || leaf == TDXC_MNG_ADDCX ||
	       leaf == TDXC_VP_CREATE || leaf == TDXC_VP_ADDCX;
}

/* A call that gives no page away, nor gets one back. */
static bool is_plain(uint64_t leaf)
{
	static const uint64_t plain[] = {
		TDXC_MNG_KEY_CONFIG, TDXC_MNG_INIT,	   TDXC_VP_INIT,
		TDXC_MR_EXTEND,	     TDXC_MR_FINALIZE,	   TDXC_VP_ENTER,
		TDXC_VP_FLUSH,	     TDXC_MNG_VPFLUSHDONE, TDXC_PHYMEM_CACHE_WB,
		TDXC_MNG_KEY_FREEID,
	};

	for (size_t i = 0; i < COUNT(plain); i++) {
		if (plain[i] == leaf)
			return true;
	}
	return false;
}

/* Where one call alone failed that is repeated, or whose page proved to be the
 * host's, nothing is lost. */
static bool must_keep_all(const struct plan *plan)
{
	return plan->class->harmless ||
	       (plan->class->when == ONCE &&
		(is_loan(plan->leaf) || is_plain(plan->leaf)));
}

/* The whole machine is looked at after every eighth life: what is wrong stays
 * wrong. */
static void check_machine(const struct plan *plan, bool last)
{
	static uint32_t lives;
	const char *wrong;

	td_rig_forget(rig);
	if (++lives % 8 != 0 && !last)
		return;
	wrong = td_rig_check(rig);
	if (wrong)
		complain(plan, wrong);
}

static void check_after(const struct plan *plan, uint64_t pages,
			uint32_t keyids, int err)
{
	uint64_t lost = rig->host.quarantine.count - pages;

	if (plan->class->harmless && err != TDXC_OK)
		complain(plan, tdxc_err_name(err));
	if (rig->td.step != TDXC_TD_GONE)
		complain(plan, "not gone");
	if (tdxc_sim_host_kept(&rig->host, rig->owner) != 0)
		complain(plan, "the host kept a page");
	if (tdxc_sim_host_count(&rig->host, TDXC_SIM_PAGE_LENT) != 0)
		complain(plan, "a page is lent for ever");
	if (tdxc_keyids_in_use(&rig->host.keyids) != 0)
		complain(plan, "a KeyID is in use for ever");
	if (rig->host.bringup.module.builds != 0)
		complain(plan, "updates are kept out for ever");
	if (must_keep_all(plan) &&
	    (lost != 0 || tdxc_keyids_quarantined(&rig->host.keyids) != keyids))
		complain(plan, "something was lost");
}

/* A machine that has lost too much is replaced. */
static void renew(void)
{
	const char *wrong;

	if (tdxc_keyids_quarantined(&rig->host.keyids) < KEYIDS_LOST &&
	    rig->host.quarantine.count < PAGES_LOST)
		return;
	wrong = td_rig_check(rig);
	ck_assert_msg(wrong == NULL, "%s", wrong ? wrong : "");
	td_rig_down(rig);
	up();
}

static void spoil(uint64_t nth, const struct class *class, bool last)
{
	struct plan plan = {nth, class, 0};
	uint64_t pages;
	uint32_t keyids;
	int err;

	renew();
	pages = rig->host.quarantine.count;
	keyids = tdxc_keyids_quarantined(&rig->host.keyids);
	rig->look = look;
	rig->look_ctx = &plan;
	err = life();
	rig->look = NULL;
	check_machine(&plan, last);
	check_after(&plan, pages, keyids, err);
}

static uint64_t step_of_scale(void)
{
	const char *text = getenv("TDXC_TEST_SCALE");
	uint64_t percent = text ? strtoull(text, NULL, 0) : 100;

	return percent == 0 || percent >= 100 ? 1 : 100 / percent;
}

START_TEST(a_call_that_fails_anywhere_in_the_life_loses_no_page)
{
	const struct class *class = &classes[(size_t)_i % COUNT(classes)];
	uint64_t step = step_of_scale();
	uint64_t calls;

	shape.dynamic_pamt = dynamic[(size_t)_i / COUNT(classes)];
	rig = malloc(sizeof(*rig));
	ck_assert_ptr_nonnull(rig);
	up();
	ck_assert_int_eq(life(), TDXC_OK);
	calls = rig->nr_calls;
	ck_assert_uint_gt(calls, 100);
	ck_assert_uint_lt(calls, TD_RIG_CALLS);
	for (uint64_t n = 1 + (uint64_t)_i % step; n <= calls; n += step)
		spoil(n, class, n + step > calls);
	td_rig_down(rig);
	free(rig);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("td_fault");
	TCase *sweep = tcase_create("sweep");

	tcase_add_loop_test(
		sweep, a_call_that_fails_anywhere_in_the_life_loses_no_page, 0,
		(int)(COUNT(classes) * COUNT(dynamic)));
	suite_add_tcase(s, sweep);
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
