/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Everything that can fail in a bring-up fails once, and pairs of failures do:
 * each SEAMCALL, and each call of an op. Whatever failed, the state has a name,
 * memory comes back only when the module cannot own it any more, and after a
 * power cycle the machine comes up.
 *
 * Every pair is tried where TDXC_TEST_SCALE is 100 or nothing; less of it takes
 * a sample (TDXC_SEED).
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "module/module_case.h"

#define COUNT(a)      (sizeof(a) / sizeof((a)[0]))
#define STATUS(upper) ((uint64_t)(upper) << 32)
#define NONE	      0
#define MOST_UNDOS    5

static struct module_case c;
static struct tdxc_module *m;

/* What goes wrong: SEAMCALLs and op calls, by number from 1 in the whole life
 * of the machine; NONE: not this one. */
struct failures {
	uint64_t call[2];
	uint64_t op[2];
	uint64_t status; /* of the calls */
};

static struct {
	uint64_t runs;
	uint64_t failed; /* bring-ups that met their failure */
	uint64_t at[TDXC_MODULE_STEPS];
	uint64_t undone_to[TDXC_MODULE_STEPS];
	uint64_t undo_repeated;
	uint64_t retried; /* bring-ups tried again without a power cycle */
} tally;

static const uint64_t statuses[] = {
	STATUS(0xC0000D00),	   /* any refusal */
	STATUS(0x80000202),	   /* SYS_BUSY */
	STATUS(0x80000203),	   /* RND_NO_ENTROPY */
	STATUS(0x80000003),	   /* INTERRUPTED_RESUMABLE */
	TDXC_STATUS_VMFAILINVALID, /* the module is gone */
};

/* So many answers in a row make one call of the library fail. */
static uint64_t answers_to_fail(uint64_t status)
{
	struct tdxc_seamcall_limits limits = tdxc_seamcall_limits_usual();

	return limits.attempts[tdxc_again(status)];
}

/* --- what must hold when memory comes back
 * ------------------------------------ */

/* The first PAMT that was freed after the entry `from`. */
static size_t first_free(size_t from)
{
	size_t n = tdxc_sim_port_journalled(&c.port);

	while (from < n && c.journal[from].act != TDXC_SIM_PORT_PAMT_FREE)
		from++;
	return from;
}

/* Last SEAMCALL, then flush, then rewrite where the erratum wants it, then
 * free: but only if the module had the PAMTs at all. */
static void memory_was_safe_to_free(size_t from, bool owned)
{
	size_t n = tdxc_sim_port_journalled(&c.port);
	size_t at = first_free(from);
	uint64_t rewrites = 0;
	bool flushed = false;

	ck_assert_uint_lt(n, MODULE_CASE_JOURNAL);
	if (!owned || at == n)
		return;
	for (size_t i = from; i < at; i++) {
		if (c.journal[i].act == TDXC_SIM_PORT_CALL) {
			flushed = false;
			rewrites = 0;
		}
		if (c.journal[i].act == TDXC_SIM_PORT_FLUSH)
			flushed = true;
		if (c.journal[i].act == TDXC_SIM_PORT_REWRITE && flushed)
			rewrites++;
	}
	ck_assert(flushed);
	if (m->config.partial_write_erratum)
		ck_assert_uint_ge(rewrites, TDXC_PAMT_LEVELS);
	for (size_t i = at; i < n; i++)
		ck_assert_int_ne(c.journal[i].act, TDXC_SIM_PORT_CALL);
}

static bool module_owns_pamts(void)
{
	return c.machine.module.state == TDXC_SIM_SYSCONFIG_DONE ||
	       c.machine.module.state == TDXC_SIM_READY;
}

/* --- one life of a machine
 * ------------------------------------------------------ */

static void take_down(void)
{
	size_t from = tdxc_sim_port_journalled(&c.port);
	bool owned = module_owns_pamts();
	struct tdxc_seamcall_diag diag;
	int err = TDXC_E_BUSY;
	int tries;

	for (tries = 0; tries < MOST_UNDOS && err != TDXC_OK; tries++) {
		err = tdxc_module_undo(m, &diag);
		if (err != TDXC_OK) {
			ck_assert_int_eq(tdxc_module_step(m), TDXC_MODULE_UNDO);
			ck_assert_uint_eq(c.b.ops.nr_lent, m->nr_tdmrs);
		}
	}
	ck_assert_int_eq(err, TDXC_OK);
	tally.undo_repeated += (uint64_t)tries - 1;
	ck_assert_uint_eq(c.b.ops.nr_lent, 0);
	ck_assert_uint_eq(c.b.ops.bad_frees, 0);
	memory_was_safe_to_free(from, owned);
	tally.undone_to[tdxc_module_step(m)]++;
}

/* What is left to do for the caller of a step that failed. */
static void before_retry(void)
{
	if (tdxc_module_step(m) == TDXC_MODULE_TDMRS)
		ck_assert_int_eq(tdxc_module_resume(m), TDXC_OK);
	if (c.b.err != TDXC_OK && c.b.diag.rax == TDXC_SYS_INIT)
		ck_assert_int_eq(tdxc_module_forget_sys_init(m), TDXC_OK);
}

static void reboot(void)
{
	struct tdxc_sim_bringup_config config = c.b.config;

	tdxc_sim_bringup_fini(&c.b);
	ck_assert_int_eq(tdxc_sim_machine_reset(&c.machine, &c.platform), 0);
	ck_assert_int_eq(tdxc_sim_bringup_init(&c.b, &config), TDXC_OK);
	ck_assert_int_eq(tdxc_sim_bringup_run(&c.b), TDXC_OK);
}

/* Bring up, try again after each failure but the last, take down, bring up
 * where that is allowed, and in any case after a power cycle. */
static void live(const struct tdxc_sim_platform *platform,
		 const struct failures *f)
{
	struct module_case_answer answers[2];
	int failures = 0;
	int err;

	module_case_up(&c, platform, NULL);
	m = &c.b.module;
	for (size_t i = 0; i < 2; i++) {
		answers[i] = (struct module_case_answer){
			.leaf = MODULE_CASE_ANY_LEAF,
			.nth = f->call[i] == NONE ? UINT64_MAX : f->call[i],
			.most = answers_to_fail(f->status),
			.status = f->status,
		};
		c.b.ops.fail_at[i] = f->op[i];
	}
	module_case_answer(&c, answers, 2);
	tally.runs++;
	while ((err = tdxc_sim_bringup_run(&c.b)) != TDXC_OK) {
		ck_assert_uint_lt(c.b.failed_step, TDXC_MODULE_READY);
		tally.at[c.b.failed_step]++;
		tally.failed += failures == 0;
		if (++failures == 2)
			break;
		before_retry();
	}
	take_down();
	module_case_answer(&c, NULL, 0);
	c.b.ops.fail_at[0] = c.b.ops.fail_at[1] = NONE;
	if (tdxc_module_step(m) != TDXC_MODULE_DEAD) {
		before_retry();
		ck_assert_int_eq(tdxc_sim_bringup_run(&c.b), TDXC_OK);
		tally.retried++;
		take_down();
	}
	reboot();
	module_case_down(&c);
}

/* --- how many there are
 * ------------------------------------------------------------ */

/* With every feature and erratum; and the oldest module without either. */
static void choose_platform(int which, struct tdxc_sim_platform *platform)
{
	module_case_platform(platform);
	if (which == 0)
		platform->fms = 0x806F8;
	else
		platform->profile = TDXC_SIM_PROFILE_1_5_01;
}

#define PLATFORMS 2

/* A life without failure: its SEAMCALLs and op calls. */
static void measure(const struct tdxc_sim_platform *platform, uint64_t *calls,
		    uint64_t *ops)
{
	struct tdxc_seamcall_diag diag;

	module_case_up(&c, platform, NULL);
	ck_assert_int_eq(tdxc_sim_bringup_run(&c.b), TDXC_OK);
	ck_assert_int_eq(tdxc_module_undo(&c.b.module, &diag), TDXC_OK);
	*calls = tdxc_sim_port_all_calls(&c.port);
	*ops = c.b.ops.op_calls;
	module_case_down(&c);
}

static void print_tally(const char *what)
{
	printf("%s: %llu lives, %llu with a failed bring-up, %llu undos "
	       "repeated, %llu brought up again at once\n",
	       what, (unsigned long long)tally.runs,
	       (unsigned long long)tally.failed,
	       (unsigned long long)tally.undo_repeated,
	       (unsigned long long)tally.retried);
	for (uint32_t i = 0; i < TDXC_MODULE_STEPS; i++) {
		if (tally.at[i] != 0 || tally.undone_to[i] != 0)
			printf("  %-14s %6llu failures, %6llu undone to it\n",
			       tdxc_module_step_name(i),
			       (unsigned long long)tally.at[i],
			       (unsigned long long)tally.undone_to[i]);
	}
	memset(&tally, 0, sizeof(tally));
}

static uint64_t number(const char *name, uint64_t unset)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : unset;
}

/* All of them, or under the slower tools one of so many. */
static uint64_t stride(void)
{
	uint64_t percent = number("TDXC_TEST_SCALE", 100);

	return percent >= 100 ? 1 : 1 + 30 / (percent + 1);
}

START_TEST(any_seamcall_may_fail)
{
	uint64_t status = statuses[(size_t)_i / PLATFORMS];
	uint64_t step = stride();
	struct tdxc_sim_platform platform;
	uint64_t calls;
	uint64_t ops;

	choose_platform(_i % PLATFORMS, &platform);
	measure(&platform, &calls, &ops);
	for (uint64_t i = calls; i >= 1; i -= step < i ? step : i) {
		struct failures f = {.call = {i}, .status = status};

		live(&platform, &f);
	}
	/* the last call is SYS.DISABLE, after bring-up */
	ck_assert_uint_eq(tally.failed + 1, tally.runs);
	ck_assert_uint_eq(tally.runs, (calls + step - 1) / step);
	print_tally("one SEAMCALL");
}
END_TEST

START_TEST(any_op_call_may_fail)
{
	struct tdxc_sim_platform platform;
	uint64_t calls;
	uint64_t ops;

	choose_platform(_i, &platform);
	measure(&platform, &calls, &ops);
	for (uint64_t i = 1; i <= ops; i++) {
		struct failures f = {.op = {i}};

		live(&platform, &f);
	}
	print_tally("one op");
}
END_TEST

/* --- pairs
 * ------------------------------------------------------------------------ */

/* Failure k of 1..calls + ops: SEAMCALLs first. */
static void add_failure(struct failures *f, size_t i, uint64_t k,
			uint64_t calls)
{
	if (k <= calls)
		f->call[i] = k;
	else
		f->op[i] = k - calls;
}

static void live_with_pair(const struct tdxc_sim_platform *platform,
			   uint64_t calls, uint64_t first, uint64_t second)
{
	struct failures f = {.status = statuses[0]};

	add_failure(&f, 0, first, calls);
	add_failure(&f, 1, second, calls);
	live(platform, &f);
}

static uint64_t draw(uint64_t *state, uint64_t below)
{
	*state = *state * 6364136223846793005ull + 1442695040888963407ull;
	return (*state >> 33) % below;
}

static void every_pair(const struct tdxc_sim_platform *platform, uint64_t calls,
		       uint64_t all)
{
	for (uint64_t i = 1; i <= all; i++)
		for (uint64_t k = i; k <= all; k++)
			live_with_pair(platform, calls, i, k);
}

static void some_pairs(const struct tdxc_sim_platform *platform, uint64_t calls,
		       uint64_t all, uint64_t percent)
{
	uint64_t state = number("TDXC_SEED", 1);

	printf("seed %llu\n", (unsigned long long)state);
	for (uint64_t n = all * all / 2 * percent / 100 + 1; n > 0; n--)
		live_with_pair(platform, calls, 1 + draw(&state, all),
			       1 + draw(&state, all));
}

START_TEST(any_two_of_them_may_fail)
{
	uint64_t percent = number("TDXC_TEST_SCALE", 100);
	struct tdxc_sim_platform platform;
	uint64_t calls;
	uint64_t ops;

	choose_platform(0, &platform);
	measure(&platform, &calls, &ops);
	printf("%llu SEAMCALLs, %llu op calls\n", (unsigned long long)calls,
	       (unsigned long long)ops);
	/* One more of each, because a repeated undo makes more of both. */
	calls++;
	ops++;
	if (percent >= 100)
		every_pair(&platform, calls, calls + ops);
	else
		some_pairs(&platform, calls, calls + ops, percent);
	print_tally("pairs");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("module_fault");
	TCase *t = tcase_create("faults");
	SRunner *runner;
	int failed;

	tcase_set_timeout(t, 0);
	tcase_add_loop_test(t, any_seamcall_may_fail, 0,
			    COUNT(statuses) * PLATFORMS);
	tcase_add_loop_test(t, any_op_call_may_fail, 0, PLATFORMS);
	tcase_add_test(t, any_two_of_them_may_fail);
	suite_add_tcase(s, t);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
