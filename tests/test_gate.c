/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * The conversion gate, one caller after the other: what is counted, what is
 * refused, how a wait ends, and what opens again. Conversions end in the pauses
 * of a port whose clock does what a test wants.
 */
#include <tdxcore/err.h>
#include <tdxcore/gate.h>
#include <tdxcore/version.h>

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define SECOND	     1000000000ull
#define NEVER	     UINT64_MAX

/* A clock that moves by `step` in each pause, and conversions that end when so
 * many pauses have passed. */
struct port {
	struct tdxc_gate *gate;
	uint64_t now;
	uint64_t step; /* may be negative, in two's complement */
	uint64_t ends; /* the pause in which a conversion ends */
	uint64_t pauses;
	uint64_t reads;
};

static uint64_t port_now(void *ctx)
{
	struct port *p = ctx;

	p->reads++;
	return p->now;
}

static void port_pause(void *ctx)
{
	struct port *p = ctx;

	p->pauses++;
	p->now += p->step;
	if (p->pauses >= p->ends && tdxc_gate_look(p->gate).in_flight != 0)
		ck_assert_int_eq(tdxc_gate_end(p->gate), TDXC_OK);
}

static const struct tdxc_gate_ops port_ops = {TDXC_ABI, port_now, port_pause};

static struct tdxc_gate gate;
static struct port port;
static struct tdxc_gate_wait patience;
static struct tdxc_gate_report report;

/* A gate with n conversions in flight, and a clock of a microsecond a pause. */
static void setup(uint64_t n)
{
	memset(&gate, 0, sizeof(gate));
	while (n-- > 0)
		ck_assert_int_eq(tdxc_gate_begin(&gate), TDXC_OK);
	port = (struct port){
		.gate = &gate, .now = 5, .step = 1000, .ends = NEVER};
	patience = tdxc_gate_wait_usual(&port_ops, &port);
	memset(&report, 0xA5, sizeof(report));
}

static void expect(bool closed, uint64_t in_flight)
{
	struct tdxc_gate_state state = tdxc_gate_look(&gate);

	ck_assert_int_eq(state.closed, closed);
	ck_assert_uint_eq(state.in_flight, in_flight);
}

/* ---- begin and end ---- */

START_TEST(u1_a_conversion_after_the_close_is_refused_and_not_counted)
{
	setup(0);
	ck_assert_int_eq(tdxc_gate_close(&gate, &patience, &report), TDXC_OK);
	ck_assert_int_eq(tdxc_gate_begin(&gate), TDXC_E_CANCELED);
	expect(true, 0);

	setup(2);
	(void)tdxc_gate_close_now(&gate);
	ck_assert_int_eq(tdxc_gate_begin(&gate), TDXC_E_CANCELED);
	expect(true, 2);
}
END_TEST

START_TEST(u5_an_end_without_a_begin_is_detected)
{
	setup(0);
	ck_assert_int_eq(tdxc_gate_end(&gate), TDXC_E_INVAL);
	expect(false, 0);

	setup(1);
	ck_assert_int_eq(tdxc_gate_end(&gate), TDXC_OK);
	ck_assert_int_eq(tdxc_gate_end(&gate), TDXC_E_INVAL);
	expect(false, 0);

	(void)tdxc_gate_close_now(&gate);
	ck_assert_int_eq(tdxc_gate_end(&gate), TDXC_E_INVAL);
	expect(true, 0);
}
END_TEST

START_TEST(u7_a_conversion_inside_a_conversion_is_counted_twice)
{
	setup(1);
	ck_assert_int_eq(tdxc_gate_begin(&gate), TDXC_OK);
	expect(false, 2);
	ck_assert_int_eq(tdxc_gate_end(&gate), TDXC_OK);
	(void)tdxc_gate_close_now(&gate);
	/* the inner one is refused, the outer one ends */
	ck_assert_int_eq(tdxc_gate_begin(&gate), TDXC_E_CANCELED);
	ck_assert_int_eq(tdxc_gate_end(&gate), TDXC_OK);
	expect(true, 0);
}
END_TEST

START_TEST(u8_the_count_cannot_run_into_the_marks)
{
	setup(0);
	gate.word = TDXC_GATE_COUNT - 1;
	ck_assert_int_eq(tdxc_gate_begin(&gate), TDXC_OK);
	ck_assert_int_eq(tdxc_gate_begin(&gate), TDXC_E_NOSPC);
	expect(false, TDXC_GATE_COUNT);
	ck_assert_uint_eq(gate.word, TDXC_GATE_COUNT);
	ck_assert_uint_eq(tdxc_gate_close_now(&gate), TDXC_GATE_COUNT);
	expect(true, TDXC_GATE_COUNT);
	/* a full and closed gate says that it is closed */
	ck_assert_int_eq(tdxc_gate_begin(&gate), TDXC_E_CANCELED);
	ck_assert_int_eq(tdxc_gate_end(&gate), TDXC_OK);
	expect(true, TDXC_GATE_COUNT - 1);
}
END_TEST

/* ---- closing ---- */

START_TEST(u2_a_close_returns_when_the_last_conversion_has_ended)
{
	setup(3);
	port.ends = 10; /* one in each pause from the tenth on */
	ck_assert_int_eq(tdxc_gate_close(&gate, &patience, &report), TDXC_OK);
	ck_assert_int_eq(report.end, TDXC_GATE_DRAINED);
	ck_assert_uint_eq(report.at_close, 3);
	ck_assert_uint_eq(report.in_flight, 0);
	ck_assert_uint_eq(port.pauses, 12);
	ck_assert_uint_eq(report.looks, 13);
	ck_assert_uint_eq(report.waited_ns, 12000);
	expect(true, 0);
}
END_TEST

/* Nothing in flight: no pause, and nobody asks what time it is. */
START_TEST(s004_2_a_close_of_an_idle_gate_does_not_wait)
{
	setup(0);
	ck_assert_int_eq(tdxc_gate_close(&gate, &patience, &report), TDXC_OK);
	ck_assert_uint_eq(port.pauses, 0);
	ck_assert_uint_eq(port.reads, 0);
	ck_assert_uint_eq(report.looks, 1);
	ck_assert_uint_eq(report.at_close, 0);
	ck_assert_uint_eq(report.waited_ns, 0);
	expect(true, 0);
}
END_TEST

START_TEST(s004_3_a_close_waits_30_seconds_and_no_longer)
{
	setup(2);
	port.step = SECOND / 1000;
	ck_assert_int_eq(tdxc_gate_close(&gate, &patience, &report),
			 TDXC_E_BUSY);
	ck_assert_int_eq(report.end, TDXC_GATE_TIMED_OUT);
	ck_assert_uint_eq(report.waited_ns, 30 * SECOND);
	ck_assert_uint_eq(report.in_flight, 2);
	/* closed all the same, and no race yet: nobody went on */
	expect(true, 2);
	ck_assert(!tdxc_gate_look(&gate).raced);
}
END_TEST

/* The last look comes after the clock was read. */
START_TEST(s004_3_what_ends_in_the_last_pause_counts)
{
	setup(1);
	port.step = 40 * SECOND;
	port.ends = 1;
	ck_assert_int_eq(tdxc_gate_close(&gate, &patience, &report), TDXC_OK);
	ck_assert_uint_eq(report.waited_ns, 40 * SECOND);
}
END_TEST

static const struct {
	uint64_t now;
	uint64_t step;
} clocks[] = {
	{0, 0},				   /* stands still */
	{100 * SECOND, 0 - SECOND / 1000}, /* runs backward */
	{5, 0 - 1ull},			   /* and across 0 */
	{0, 1ull << 63},		   /* jumps about */
};

START_TEST(u9_a_patienceby_a_bad_clock_ends_after_so_many_looks)
{
	setup(1);
	port.now = clocks[_i].now;
	port.step = clocks[_i].step;
	patience.looks = 5000;
	ck_assert_int_eq(tdxc_gate_close(&gate, &patience, &report),
			 TDXC_E_BUSY);
	ck_assert_int_eq(report.end, TDXC_GATE_LOOKED_ENOUGH);
	ck_assert_uint_eq(report.looks, 5000);
	ck_assert_uint_eq(report.waited_ns, 0);
	ck_assert_uint_eq(report.in_flight, 1);
	expect(true, 1);
}
END_TEST

/* It goes a second forward, then 900 ms back, and so on. */
static void setback_pause(void *ctx)
{
	struct port *p = ctx;

	p->step = p->pauses % 2 == 0 ? SECOND : 0 - 9 * SECOND / 10;
	port_pause(ctx);
}

START_TEST(u9_a_clock_that_is_set_back_still_ends_the_wait)
{
	static const struct tdxc_gate_ops ops = {TDXC_ABI, port_now,
						 setback_pause};

	setup(1);
	port.now = ~0ull - SECOND / 2; /* and it wraps */
	patience.ops = &ops;
	ck_assert_int_eq(tdxc_gate_close(&gate, &patience, &report),
			 TDXC_E_BUSY);
	ck_assert_int_eq(report.end, TDXC_GATE_TIMED_OUT);
	ck_assert_uint_eq(report.waited_ns, 30 * SECOND);
	ck_assert_uint_eq(report.looks, 1 + 59);
}
END_TEST

START_TEST(u9_time_that_passes_without_end_does_not_wrap)
{
	setup(1);
	port.step = (1ull << 63) - 1;
	patience.limit_ns = UINT64_MAX;
	patience.looks = 100;
	ck_assert_int_eq(tdxc_gate_close(&gate, &patience, &report),
			 TDXC_E_BUSY);
	ck_assert_int_eq(report.end, TDXC_GATE_TIMED_OUT);
	ck_assert_uint_eq(report.waited_ns, UINT64_MAX);
}
END_TEST

/* A limit of 0 by the clock or by looks is one look: the exchange itself. */
START_TEST(u3_a_close_without_patience_returns_at_once)
{
	setup(4);
	if (_i == 0)
		patience.limit_ns = 0;
	else
		patience.looks = (uint64_t)_i - 1;
	ck_assert_int_eq(tdxc_gate_close(&gate, &patience, &report),
			 TDXC_E_BUSY);
	ck_assert_uint_eq(port.pauses, 0);
	ck_assert_uint_eq(report.in_flight, 4);
	ck_assert_uint_eq(report.looks, 1);
	expect(true, 4);
}
END_TEST

START_TEST(u3_a_crash_close_says_how_many_conversions_were_in_flight)
{
	setup((uint64_t)_i);
	ck_assert_uint_eq(tdxc_gate_close_now(&gate), (uint64_t)_i);
	expect(true, (uint64_t)_i);
}
END_TEST

START_TEST(s004_4_a_crash_close_with_conversions_in_flight_is_remembered)
{
	setup(2);
	(void)tdxc_gate_close_now(&gate);
	ck_assert(tdxc_gate_look(&gate).raced);
	ck_assert_int_eq(tdxc_gate_end(&gate), TDXC_OK);
	ck_assert_int_eq(tdxc_gate_end(&gate), TDXC_OK);
	ck_assert(tdxc_gate_look(&gate).raced);
	expect(true, 0);

	setup(0);
	ck_assert_uint_eq(tdxc_gate_close_now(&gate), 0);
	ck_assert(!tdxc_gate_look(&gate).raced);
}
END_TEST

START_TEST(s004_4_a_close_that_timed_out_becomes_a_race_when_someone_goes_on)
{
	setup(1);
	patience.looks = 3;
	ck_assert_int_eq(tdxc_gate_close(&gate, &patience, &report),
			 TDXC_E_BUSY);
	ck_assert(!tdxc_gate_look(&gate).raced);
	ck_assert_uint_eq(tdxc_gate_close_now(&gate), 1);
	ck_assert(tdxc_gate_look(&gate).raced);
}
END_TEST

START_TEST(u6_closing_twice_is_the_same_as_closing_once)
{
	setup(0);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(tdxc_gate_close(&gate, &patience, &report),
				 TDXC_OK);
		ck_assert_uint_eq(gate.word, TDXC_GATE_CLOSED);
		ck_assert_uint_eq(tdxc_gate_close_now(&gate), 0);
		ck_assert_uint_eq(gate.word, TDXC_GATE_CLOSED);
	}
	ck_assert_int_eq(tdxc_gate_open(&gate), TDXC_OK);
	ck_assert_int_eq(tdxc_gate_begin(&gate), TDXC_OK);
}
END_TEST

START_TEST(u6_a_close_that_timed_out_can_be_repeated)
{
	setup(1);
	patience.looks = 3;
	ck_assert_int_eq(tdxc_gate_close(&gate, &patience, &report),
			 TDXC_E_BUSY);
	port.ends = 0;
	ck_assert_int_eq(tdxc_gate_close(&gate, &patience, &report), TDXC_OK);
	ck_assert_uint_eq(report.at_close, 1);
	ck_assert_int_eq(tdxc_gate_open(&gate), TDXC_OK);
}
END_TEST

START_TEST(a_close_by_ops_of_another_abi_changes_nothing)
{
	struct tdxc_gate_ops other = port_ops;

	setup(1);
	other.abi++;
	patience.ops = &other;
	ck_assert_int_eq(tdxc_gate_close(&gate, &patience, &report),
			 TDXC_E_INVAL);
	expect(false, 1);
	ck_assert_uint_eq(port.pauses, 0);
	ck_assert_uint_eq(port.reads, 0);
}
END_TEST

/* ---- opening ---- */

START_TEST(u10_a_gate_opens_again_after_a_clean_close)
{
	setup(0);
	if (_i == 0)
		ck_assert_int_eq(tdxc_gate_close(&gate, &patience, &report),
				 TDXC_OK);
	else
		(void)tdxc_gate_close_now(&gate);
	ck_assert_int_eq(tdxc_gate_open(&gate), TDXC_OK);
	expect(false, 0);
	ck_assert_int_eq(tdxc_gate_begin(&gate), TDXC_OK);
	expect(false, 1);
}
END_TEST

static const struct {
	const char *what;
	uint64_t word;
	int err;
} unopened[] = {
	{"open, idle", 0, TDXC_E_INVAL},
	{"open, in use", 3, TDXC_E_INVAL},
	{"closed, in use", TDXC_GATE_CLOSED | 1, TDXC_E_BUSY},
	{"raced, in use", TDXC_GATE_CLOSED | TDXC_GATE_RACED | 1, TDXC_E_INVAL},
	{"raced, idle", TDXC_GATE_CLOSED | TDXC_GATE_RACED, TDXC_E_INVAL},
};

START_TEST(u10_it_opens_after_nothing_else)
{
	gate.word = unopened[_i].word;
	ck_assert_msg(tdxc_gate_open(&gate) == unopened[_i].err, "%s",
		      unopened[_i].what);
	ck_assert_uint_eq(gate.word, unopened[_i].word);
}
END_TEST

static TCase *begin_case(void)
{
	TCase *tcase = tcase_create("begin and end");

	tcase_add_test(
		tcase,
		u1_a_conversion_after_the_close_is_refused_and_not_counted);
	tcase_add_test(tcase, u5_an_end_without_a_begin_is_detected);
	tcase_add_test(tcase,
		       u7_a_conversion_inside_a_conversion_is_counted_twice);
	tcase_add_test(tcase, u8_the_count_cannot_run_into_the_marks);
	return tcase;
}

static TCase *close_case(void)
{
	TCase *tcase = tcase_create("close");

	tcase_add_test(tcase,
		       u2_a_close_returns_when_the_last_conversion_has_ended);
	tcase_add_test(tcase, s004_2_a_close_of_an_idle_gate_does_not_wait);
	tcase_add_test(tcase, s004_3_a_close_waits_30_seconds_and_no_longer);
	tcase_add_test(tcase, s004_3_what_ends_in_the_last_pause_counts);
	tcase_add_loop_test(
		tcase, u9_a_patienceby_a_bad_clock_ends_after_so_many_looks, 0,
		(int)COUNT(clocks));
	tcase_add_test(tcase, u9_a_clock_that_is_set_back_still_ends_the_wait);
	tcase_add_test(tcase, u9_time_that_passes_without_end_does_not_wrap);
	tcase_add_loop_test(tcase, u3_a_close_without_patience_returns_at_once,
			    0, 3);
	tcase_add_loop_test(
		tcase,
		u3_a_crash_close_says_how_many_conversions_were_in_flight, 0,
		4);
	tcase_add_test(
		tcase,
		s004_4_a_crash_close_with_conversions_in_flight_is_remembered);
	tcase_add_test(
		tcase,
		s004_4_a_close_that_timed_out_becomes_a_race_when_someone_goes_on);
	tcase_add_test(tcase, u6_closing_twice_is_the_same_as_closing_once);
	tcase_add_test(tcase, u6_a_close_that_timed_out_can_be_repeated);
	tcase_add_test(tcase, a_close_by_ops_of_another_abi_changes_nothing);
	return tcase;
}

static TCase *open_case(void)
{
	TCase *tcase = tcase_create("open");

	tcase_add_loop_test(tcase, u10_a_gate_opens_again_after_a_clean_close,
			    0, 2);
	tcase_add_loop_test(tcase, u10_it_opens_after_nothing_else, 0,
			    (int)COUNT(unopened));
	return tcase;
}

int main(void)
{
	Suite *suite = suite_create("gate");
	SRunner *runner;
	int failed;

	suite_add_tcase(suite, begin_case());
	suite_add_tcase(suite, close_case());
	suite_add_tcase(suite, open_case());
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
