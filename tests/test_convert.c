/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Conversions against a host and a module that answer as a test wants: what is
 * asked in which order, which answers are followed, where each failure leaves
 * the range. The last tests compare random hosts with a record of every page.
 *
 * TDXC_SEED repeats a random run; TDXC_TEST_SCALE=percent: how many.
 */
#include <tdxcore/convert.h>
#include <tdxcore/err.h>
#include <tdxcore/status.h>
#include <tdxcore/version.h>

#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "convert/convert_case.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static struct convert_case k;
static struct tdxc_conversion r;

static void setup(void)
{
	convert_case_begin(&k, 48);
	memset(&r, 0xA5, sizeof(r));
}

static int share(uint64_t gpa, uint64_t bytes)
{
	return tdxc_convert_share(&k.c, gpa, bytes, &r);
}

static int unshare(uint64_t gpa, uint64_t bytes)
{
	return tdxc_convert_unshare(&k.c, gpa, bytes, &r);
}

static void expect_failure(enum tdxc_convert_stage stage,
			   enum tdxc_convert_reason reason, uint64_t gpa)
{
	ck_assert_int_eq(r.failure.stage, stage);
	ck_assert_int_eq(r.failure.reason, reason);
	ck_assert_uint_eq(r.failure.gpa, gpa);
}

static void expect_no_gap(void)
{
	ck_assert_uint_eq(r.gap_start, r.gap_end);
	ck_assert_int_eq(r.second.err, TDXC_OK);
}

static void expect_gap(uint64_t start, uint64_t end)
{
	ck_assert_uint_eq(r.gap_start, start);
	ck_assert_uint_eq(r.gap_end, end);
}

#define BASE	CASE_BASE
#define PAGE	TDXC_PAGE_SIZE
#define SIZE_2M TDXC_SIZE_2M
#define SIZE_1G TDXC_SIZE_1G
#define ACCEPT	TDXC_TDG_MEM_PAGE_ACCEPT
#define RELEASE TDXC_TDG_MEM_PAGE_RELEASE
#define VMCALL	TDXC_TDG_VP_VMCALL
#define RETRY	TDXC_MAP_GPA_RETRY
#define REFUSED TDXC_MAP_GPA_INVALID_OPERAND
#define FOREVER UINT64_MAX

/* A range is shared, with nothing of it in the log. */
static void setup_shared(uint64_t bytes, uint8_t level)
{
	setup();
	convert_case_set(&k, BASE, bytes, CASE_SHARED, level);
}

static void expect_pages(uint64_t gpa, uint64_t bytes, enum case_page state)
{
	ck_assert_uint_eq(convert_case_count(&k, gpa, bytes, state),
			  bytes / PAGE);
}

static void answer(uint64_t leaf, uint64_t skip, uint64_t times, uint64_t rax)
{
	convert_case_answer(&k, leaf, skip, times, rax);
}

/* The host does so much and says so. */
static void step(uint64_t r10, uint64_t bytes)
{
	convert_case_step(&k, (struct case_step){.r10 = r10, .bytes = bytes});
}

/* ---- MapGPA ---- */

START_TEST(memory_is_shared_and_made_private_again)
{
	const struct tdxc_tdcall_regs *in = &k.log[0].in;

	setup();
	ck_assert_int_eq(share(BASE, 4 * SIZE_2M), TDXC_OK);
	expect_failure(TDXC_CONVERT_NONE, TDXC_CONVERT_FINE, 0);
	ck_assert_uint_eq(r.done, 4 * SIZE_2M);
	ck_assert_uint_eq(k.calls, 1);
	ck_assert_uint_eq(in->r12, BASE | 1ull << 47);
	ck_assert_uint_eq(in->r13, 4 * SIZE_2M);
	ck_assert_uint_eq(in->rdx | in->r8 | in->r9, 0);
	expect_pages(BASE, 4 * SIZE_2M, CASE_SHARED);
	expect_no_gap();

	ck_assert_int_eq(unshare(BASE, 4 * SIZE_2M), TDXC_OK);
	ck_assert_uint_eq(r.done, 4 * SIZE_2M);
	ck_assert_uint_eq(r.map_calls, 1);
	ck_assert_uint_eq(r.pages[1], 4);
	ck_assert_uint_eq(k.log[1].in.r12, BASE);
	expect_pages(BASE, 4 * SIZE_2M, CASE_PRIVATE);
	expect_no_gap();
}
END_TEST

START_TEST(u37_a_host_that_says_retry_and_does_nothing_is_left)
{
	setup();
	k.last_for_ever = true;
	step(RETRY, 0);
	ck_assert_int_eq(share(BASE, SIZE_2M), TDXC_E_BUSY);
	expect_failure(TDXC_CONVERT_MAP, TDXC_CONVERT_NO_PROGRESS, BASE);
	ck_assert_uint_eq(r.map_calls, TDXC_CONVERT_FUTILE);
	ck_assert_uint_eq(r.retries, TDXC_CONVERT_FUTILE);
	ck_assert_uint_eq(r.done, 0);
	ck_assert_uint_eq(r.failure.diag.out.r10, RETRY);
	expect_pages(BASE, SIZE_2M, CASE_PRIVATE);

	setup();
	k.config.futile = 7;
	convert_case_configure(&k);
	k.last_for_ever = true;
	step(RETRY, 0);
	ck_assert_int_eq(unshare(BASE, SIZE_2M), TDXC_E_BUSY);
	ck_assert_uint_eq(k.calls, 7);
}
END_TEST

START_TEST(u37_progress_gives_a_host_new_credit)
{
	setup();
	for (int i = 0; i < 4; i++) {
		step(RETRY, 0);
		step(RETRY, 0);
		step(RETRY, PAGE);
	}
	ck_assert_int_eq(share(BASE, SIZE_2M), TDXC_OK);
	ck_assert_uint_eq(r.map_calls, 13);
	ck_assert_uint_eq(r.retries, 12);
	expect_pages(BASE, SIZE_2M, CASE_SHARED);
}
END_TEST

/* After 2 pages of 512: R11, plain or with the shared bit, to be refused. */
static const struct {
	const char *what;
	uint64_t r11;
	bool toggled; /* the shared bit is that of the other direction */
} bad_addresses[] = {
	{"before the range", BASE - PAGE, false},
	{"0", 0, false},
	{"back to the start", BASE, false},
	{"a page back", BASE + PAGE, false},
	{"the end", BASE + SIZE_2M, false},
	{"beyond the end", BASE + SIZE_2M + PAGE, false},
	{"far beyond", (1ull << 47) - PAGE, false},
	{"other shared bit", BASE + 8 * PAGE, true},
	{"not aligned", BASE + 8 * PAGE + 8, false},
	{"by a bit", BASE + 8 * PAGE + 1, false},
	{"with a high bit", BASE + 8 * PAGE + (1ull << 52), false},
	{"with bit 63", BASE + 8 * PAGE + (1ull << 63), false},
	{"wraps", 0 - PAGE, false},
	{"as called", TDXC_VMCALL_MAP_GPA, false},
};

START_TEST(u38_a_retry_address_outside_what_is_left_is_refused)
{
	bool to_shared = _i % 2 != 0;
	uint64_t gpaw = (_i / 2) % 2 != 0 ? 52 : 48;
	size_t n = (size_t)_i / 4;
	uint64_t bit = 1ull << (gpaw - 1);
	uint64_t r11 = bad_addresses[n].r11;

	setup();
	k.config.gpaw = (uint32_t)gpaw;
	convert_case_configure(&k);
	if (!to_shared)
		convert_case_set(&k, BASE, SIZE_2M, CASE_SHARED, 0);
	if (to_shared != bad_addresses[n].toggled)
		r11 ^= bit;
	step(RETRY, 2 * PAGE);
	convert_case_step(&k, (struct case_step){.r10 = RETRY,
						 .how = CASE_R11_RAW,
						 .r11 = r11});
	ck_assert_msg((to_shared ? share(BASE, SIZE_2M)
				 : unshare(BASE, SIZE_2M)) == TDXC_E_IO,
		      "%s", bad_addresses[n].what);
	expect_failure(TDXC_CONVERT_MAP, TDXC_CONVERT_RETRY_ADDRESS,
		       BASE + 2 * PAGE);
	ck_assert_uint_eq(r.failure.diag.out.r11, r11);
	ck_assert_uint_eq(r.map_calls, 2);
	ck_assert_uint_eq(r.done, 2 * PAGE);
	expect_no_gap();
}
END_TEST

START_TEST(u39_a_host_that_converts_a_page_a_call_is_limited_by_a_budget)
{
	uint64_t budget = TDXC_CONVERT_MAP_CALLS + 8;

	setup();
	k.chunk = PAGE;
	ck_assert_int_eq(share(BASE, 8 * SIZE_2M), TDXC_E_BUSY);
	expect_failure(TDXC_CONVERT_MAP, TDXC_CONVERT_BUDGET,
		       BASE + budget * PAGE);
	ck_assert_uint_eq(r.map_calls, budget);
	ck_assert_uint_eq(r.done, budget * PAGE);
	expect_pages(BASE, r.done, CASE_SHARED);
	expect_pages(BASE + r.done, 8 * SIZE_2M - r.done, CASE_PRIVATE);

	/* it goes on from there */
	k.chunk = SIZE_2M;
	ck_assert_int_eq(share(BASE + r.done, 8 * SIZE_2M - r.done), TDXC_OK);
	expect_pages(BASE, 8 * SIZE_2M, CASE_SHARED);

	setup();
	k.chunk = PAGE;
	ck_assert_int_eq(share(BASE, SIZE_2M), TDXC_OK);
	ck_assert_uint_eq(r.map_calls, 512);

	setup();
	k.config.map_calls = 5;
	convert_case_configure(&k);
	k.chunk = PAGE;
	ck_assert_int_eq(share(BASE, SIZE_2M), TDXC_E_BUSY);
	ck_assert_uint_eq(r.map_calls, 6);
}
END_TEST

START_TEST(u40_progress_before_a_hard_error_is_returned)
{
	/* in the last call too, if the host says where it stopped */
	setup();
	step(RETRY, 3 * PAGE);
	step(REFUSED, 2 * PAGE);
	ck_assert_int_eq(share(BASE, SIZE_2M), TDXC_E_IO);
	expect_failure(TDXC_CONVERT_MAP, TDXC_CONVERT_REFUSED, BASE + 5 * PAGE);
	ck_assert_uint_eq(r.failure.diag.out.r10, REFUSED);
	ck_assert_uint_eq(r.failure.diag.in.r12,
			  (BASE + 3 * PAGE) | k.shared_bit);
	ck_assert_uint_eq(r.done, 5 * PAGE);
	expect_pages(BASE, 5 * PAGE, CASE_SHARED);
	expect_pages(BASE + 5 * PAGE, SIZE_2M - 5 * PAGE, CASE_PRIVATE);

	/* to private: what the host did is accepted, so there is no gap */
	setup_shared(SIZE_2M, 0);
	step(RETRY, 3 * PAGE);
	convert_case_step(&k, (struct case_step){.r10 = REFUSED,
						 .how = CASE_R11_RAW,
						 .r11 = TDXC_VMCALL_MAP_GPA});
	ck_assert_int_eq(unshare(BASE, SIZE_2M), TDXC_E_IO);
	ck_assert_uint_eq(r.done, 3 * PAGE);
	ck_assert_uint_eq(r.mapped, 3 * PAGE);
	expect_pages(BASE, 3 * PAGE, CASE_PRIVATE);
	expect_pages(BASE + 3 * PAGE, SIZE_2M - 3 * PAGE, CASE_SHARED);
	expect_no_gap();
}
END_TEST

START_TEST(u40_when_accepting_the_progress_fails_too_both_are_told)
{
	setup_shared(SIZE_2M, 0);
	step(RETRY, 8 * PAGE);
	step(REFUSED, 0);
	answer(ACCEPT, 5, 1, CASE_WALK_FAILED);
	ck_assert_int_eq(unshare(BASE, SIZE_2M), TDXC_E_IO);
	expect_failure(TDXC_CONVERT_MAP, TDXC_CONVERT_REFUSED, BASE + 8 * PAGE);
	ck_assert_int_eq(r.second.stage, TDXC_CONVERT_ACCEPT);
	ck_assert_int_eq(r.second.reason, TDXC_CONVERT_CALL);
	ck_assert_uint_eq(r.second.gpa, BASE + 5 * PAGE);
	ck_assert_uint_eq(r.second.diag.status, CASE_WALK_FAILED);
	ck_assert_uint_eq(r.done, 5 * PAGE);
	expect_gap(5 * PAGE, 8 * PAGE);
	expect_pages(BASE + 5 * PAGE, 3 * PAGE, CASE_PENDING);
}
END_TEST

static const uint64_t unknown_answers[] = {
	2,
	3,
	0x7FFFFFFFFFFFFFFF,
	0x100000000,
	0x8000000000000000, /* INVALID_OPERAND */
	0x8000000000000001, /* GPA_INUSE */
	0x8000000000000002, /* ALIGN_ERROR */
	0x8000000000000003,
	0x8000000000000000 + 77,
	UINT64_MAX,
};

START_TEST(u41_unknown_answers_are_errors)
{
	uint64_t r10 = unknown_answers[_i];

	setup();
	step(r10, 0);
	ck_assert_int_eq(share(BASE, SIZE_2M), TDXC_E_IO);
	expect_failure(TDXC_CONVERT_MAP, TDXC_CONVERT_REFUSED, BASE);
	ck_assert_uint_eq(r.failure.diag.out.r10, r10);
	ck_assert_uint_eq(k.calls, 1);

	setup_shared(SIZE_2M, 1);
	step(r10, 0);
	ck_assert_int_eq(unshare(BASE, SIZE_2M), TDXC_E_IO);
	ck_assert_uint_eq(k.calls, 1);
	ck_assert_uint_eq(r.done, 0);
	expect_pages(BASE, SIZE_2M, CASE_SHARED);
}
END_TEST

static const struct {
	uint64_t rax;
	int err;
} failed_calls[] = {
	{CASE_INVALID_RCX, TDXC_E_IO},
	{CASE_INVALID_RAX, TDXC_E_IO},
	{CASE_BUSY, TDXC_E_BUSY},
	{0x0000000000000001, TDXC_E_IO}, /* information is no success here */
	{CASE_ALREADY, TDXC_E_IO},
	{TDXC_STATUS_UD, TDXC_E_ACCES},
	{TDXC_STATUS_GP, TDXC_E_OPNOTSUPP},
};

/* R10 says SUCCESS, or that there is more to do: RAX comes first. */
START_TEST(u42_a_call_that_failed_is_no_answer)
{
	uint64_t r10 = (uint64_t)_i % 2;
	uint64_t rax = failed_calls[_i / 2].rax;
	struct tdxc_convert_failure *f = &r.failure;

	setup_shared(SIZE_2M, 1);
	k.last_for_ever = true;
	convert_case_step(&k, (struct case_step){.r10 = r10,
						 .how = CASE_R11_OFFSET,
						 .r11 = 8 * PAGE,
						 .rax = rax});
	ck_assert_int_eq(unshare(BASE, SIZE_2M), failed_calls[_i / 2].err);
	expect_failure(TDXC_CONVERT_MAP, TDXC_CONVERT_CALL, BASE);
	ck_assert_uint_eq(f->diag.status, rax);
	ck_assert_uint_eq(f->diag.calls,
			  rax == CASE_BUSY ? TDXC_CONVERT_ATTEMPTS : 1);
	ck_assert_uint_eq(r.mapped, 0);
	ck_assert_uint_eq(k.calls_of[ACCEPT], 0);
	if (tdxc_status_is_synthetic(rax))
		ck_assert_int_eq(
			memcmp(&f->diag.in, &f->diag.out, sizeof(f->diag.in)),
			0);
}
END_TEST

START_TEST(u43_after_retries_all_of_the_range_is_accepted)
{
	setup_shared(8 * SIZE_2M, 1);
	k.chunk = SIZE_2M;
	ck_assert_int_eq(unshare(BASE, 8 * SIZE_2M), TDXC_OK);
	ck_assert_uint_eq(r.map_calls, 8);
	ck_assert_uint_eq(k.calls_of[ACCEPT], 8);
	for (uint64_t i = 0; i < 8; i++) {
		ck_assert_uint_eq(k.log[i].in.r12, BASE + i * SIZE_2M);
		ck_assert_uint_eq(k.log[i].in.r13, (8 - i) * SIZE_2M);
		ck_assert_uint_eq(k.log[8 + i].in.rcx,
				  (BASE + i * SIZE_2M) | 1);
	}
	expect_pages(BASE, 8 * SIZE_2M, CASE_PRIVATE);
}
END_TEST

/* ---- ACCEPT ---- */

START_TEST(u44_that_1g_is_no_size_is_learnt_once)
{
	setup_shared(2 * SIZE_1G, 1);
	ck_assert_int_eq(unshare(BASE, 2 * SIZE_1G), TDXC_OK);
	ck_assert_uint_eq(r.pages[1], 1024);
	ck_assert_uint_eq(r.pages[0] + r.pages[2], 0);
	ck_assert_uint_eq(r.fallbacks, 1);
	ck_assert_uint_eq(k.calls_of[ACCEPT], 1025);
	ck_assert_uint_eq(k.log[1].in.rcx, BASE | 2);
	ck_assert_uint_eq(k.log[2].in.rcx, BASE | 1);

	convert_case_set(&k, BASE, SIZE_1G, CASE_PENDING, 0);
	ck_assert_int_eq(tdxc_convert_accept(&k.c, BASE, SIZE_1G, &r), TDXC_OK);
	ck_assert_uint_eq(r.pages[0], 0x40000);
	/* 2 MiB is tried at each place, for leaves differ */
	ck_assert_uint_eq(r.fallbacks, 512);
}
END_TEST

START_TEST(u44_where_1g_is_a_size_it_comes_first)
{
	setup_shared(2 * SIZE_1G, 2);
	k.has_1g = true;
	memset(k.level, 1, 512);
	ck_assert_int_eq(unshare(BASE, 2 * SIZE_1G), TDXC_OK);
	/* a mismatch of the first teaches nothing about the second */
	ck_assert_uint_eq(r.pages[1], 512);
	ck_assert_uint_eq(r.pages[2], 1);
	ck_assert_uint_eq(r.fallbacks, 1);
	expect_pages(BASE, 2 * SIZE_1G, CASE_PRIVATE);
}
END_TEST

static const uint64_t invalid[] = {CASE_INVALID_RCX, CASE_INVALID_RAX};

START_TEST(u44_other_sizes_than_1g_are_never_missing)
{
	setup_shared(SIZE_2M, 1);
	answer(ACCEPT, 0, 1, invalid[_i]);
	ck_assert_int_eq(unshare(BASE, SIZE_2M), TDXC_E_IO);
	expect_failure(TDXC_CONVERT_ACCEPT, TDXC_CONVERT_CALL, BASE);
	ck_assert_uint_eq(k.calls_of[ACCEPT], 1);
	ck_assert_uint_eq(r.fallbacks, 0);
}
END_TEST

START_TEST(u45_a_mismatch_at_2m_falls_back_there_and_only_there)
{
	setup_shared(3 * SIZE_2M, 1);
	k.level[1] = 0;
	ck_assert_int_eq(unshare(BASE, 3 * SIZE_2M), TDXC_OK);
	ck_assert_uint_eq(r.pages[1], 2);
	ck_assert_uint_eq(r.pages[0], 512);
	ck_assert_uint_eq(r.fallbacks, 1);
	ck_assert_uint_eq(k.calls_of[ACCEPT], 2 + 1 + 512);
	expect_pages(BASE, 3 * SIZE_2M, CASE_PRIVATE);
}
END_TEST

START_TEST(u45_a_mismatch_at_4k_is_an_error)
{
	setup_shared(SIZE_2M, 0);
	answer(ACCEPT, 4, 1, CASE_MISMATCH);
	ck_assert_int_eq(unshare(BASE, SIZE_2M), TDXC_E_IO);
	/* one call at 2 MiB, three pages */
	expect_failure(TDXC_CONVERT_ACCEPT, TDXC_CONVERT_SIZE, BASE + 3 * PAGE);
	ck_assert_uint_eq(r.failure.diag.in.rcx, BASE + 3 * PAGE);
	ck_assert_uint_eq(r.done, 3 * PAGE);
	expect_gap(3 * PAGE, SIZE_2M);
	expect_pages(BASE, 3 * PAGE, CASE_PRIVATE);
	expect_pages(BASE + 3 * PAGE, SIZE_2M - 3 * PAGE, CASE_PENDING);

	/* the gap can be closed */
	ck_assert_int_eq(tdxc_convert_accept(&k.c, BASE + r.gap_start,
					     r.gap_end - r.gap_start, &r),
			 TDXC_OK);
	expect_pages(BASE, SIZE_2M, CASE_PRIVATE);
}
END_TEST

START_TEST(u48_a_mismatch_at_every_size_is_an_error_at_its_place)
{
	setup_shared(2 * SIZE_2M, 1);
	answer(ACCEPT, 1, 1, CASE_MISMATCH | 1);
	answer(ACCEPT, 2, 1, CASE_MISMATCH);
	ck_assert_int_eq(unshare(BASE, 2 * SIZE_2M), TDXC_E_IO);
	expect_failure(TDXC_CONVERT_ACCEPT, TDXC_CONVERT_SIZE, BASE + SIZE_2M);
	ck_assert_uint_eq(r.failure.diag.status, CASE_MISMATCH);
	ck_assert_uint_eq(k.calls_of[ACCEPT], 3);
	ck_assert_uint_eq(r.done, SIZE_2M);
	expect_gap(SIZE_2M, 2 * SIZE_2M);
}
END_TEST

/* Leaves of each size, private all the time: the host unmapped nothing. */
static const struct {
	uint8_t level;
	uint64_t gpa;
	uint64_t bytes;
	uint64_t pages[3];
} already[] = {
	{0, BASE, 4 * PAGE, {4, 0, 0}},
	{1, BASE, 2 * SIZE_2M, {0, 2, 0}},
	{1, BASE + PAGE, 3 * PAGE, {3, 0, 0}}, /* parts of a larger leaf */
	{2, BASE, SIZE_1G, {0, 0, 1}},
	{2, BASE + SIZE_2M, SIZE_2M + PAGE, {1, 1, 0}},
};

static int unshare_accepted(size_t i, enum tdxc_accepted policy)
{
	setup();
	k.has_1g = true;
	k.config.accepted = policy;
	convert_case_configure(&k);
	memset(k.level, already[i].level, sizeof(k.level));
	return unshare(already[i].gpa, already[i].bytes);
}

START_TEST(u46_a_page_accepted_already_is_an_error_where_that_is_the_policy)
{
	ck_assert_int_eq(unshare_accepted((size_t)_i, TDXC_ACCEPTED_ERROR),
			 TDXC_E_EXIST);
	expect_failure(TDXC_CONVERT_ACCEPT, TDXC_CONVERT_ALREADY,
		       already[_i].gpa);
	ck_assert_uint_eq(r.failure.diag.status,
			  CASE_ALREADY | already[_i].level);
	ck_assert_uint_eq(r.done, 0);
	ck_assert_uint_eq(r.already, 0);
	ck_assert_uint_eq(k.zero_calls, 0);
	expect_gap(0, already[_i].bytes);
}
END_TEST

START_TEST(u46_or_is_counted)
{
	ck_assert_int_eq(unshare_accepted((size_t)_i, TDXC_ACCEPTED_COUNT),
			 TDXC_OK);
	ck_assert_uint_eq(r.done, already[_i].bytes);
	ck_assert_uint_eq(r.already, already[_i].bytes);
	ck_assert_int_eq(memcmp(r.pages, already[_i].pages, sizeof(r.pages)),
			 0);
	ck_assert_uint_eq(k.zero_calls, 0);
}
END_TEST

START_TEST(u46_or_is_zeroed)
{
	ck_assert_int_eq(unshare_accepted((size_t)_i, TDXC_ACCEPTED_ZERO),
			 TDXC_OK);
	ck_assert_uint_eq(r.already, already[_i].bytes);
	ck_assert_uint_eq(k.zeroed, already[_i].bytes);
	ck_assert_uint_eq(k.zero_calls, r.pages[0] + r.pages[1] + r.pages[2]);
}
END_TEST

START_TEST(u46_pages_of_both_kinds_in_a_range)
{
	setup_shared(8 * PAGE, 0);
	k.config.accepted = TDXC_ACCEPTED_ZERO;
	convert_case_configure(&k);
	k.page[2] = CASE_PRIVATE;
	k.page[5] = CASE_PRIVATE;
	ck_assert_int_eq(unshare(BASE, 8 * PAGE), TDXC_OK);
	ck_assert_uint_eq(r.already, 2 * PAGE);
	ck_assert_uint_eq(r.pages[0], 8);
	ck_assert_uint_eq(k.zeroed, 2 * PAGE);

	/* an op that fails ends it */
	setup_shared(8 * PAGE, 0);
	k.config.accepted = TDXC_ACCEPTED_ZERO;
	convert_case_configure(&k);
	k.page[2] = CASE_PRIVATE;
	k.zero_err = TDXC_E_NOMEM;
	ck_assert_int_eq(unshare(BASE, 8 * PAGE), TDXC_E_NOMEM);
	expect_failure(TDXC_CONVERT_ZERO, TDXC_CONVERT_OP, BASE + 2 * PAGE);
	ck_assert_uint_eq(r.done, 2 * PAGE);
	expect_gap(2 * PAGE, 8 * PAGE);
}
END_TEST

/* Accepted at a smaller size than asked for: the rest of it is unknown. */
START_TEST(u46_accepted_at_a_smaller_size_is_no_answer)
{
	setup_shared(SIZE_2M, 1);
	k.config.accepted = TDXC_ACCEPTED_COUNT;
	convert_case_configure(&k);
	answer(ACCEPT, 0, 1, CASE_ALREADY | 0);
	ck_assert_int_eq(unshare(BASE, SIZE_2M), TDXC_E_IO);
	expect_failure(TDXC_CONVERT_ACCEPT, TDXC_CONVERT_CALL, BASE);
	ck_assert_uint_eq(r.already, 0);
}
END_TEST

START_TEST(u47_a_busy_accept_is_repeated_with_fresh_arguments)
{
	setup_shared(2 * PAGE, 0);
	answer(ACCEPT, 0, 5, CASE_BUSY);
	ck_assert_int_eq(unshare(BASE, 2 * PAGE), TDXC_OK);
	ck_assert_uint_eq(r.busy, 5);
	ck_assert_uint_eq(k.calls_of[ACCEPT], 7);
	for (uint64_t i = 1; i < 7; i++) {
		ck_assert_uint_eq(k.log[i].rax, ACCEPT);
		ck_assert_int_eq(memcmp(&k.log[i].in, &k.log[1].in,
					sizeof(k.log[i].in)) == 0,
				 true);
		ck_assert_uint_eq(k.log[1].in.rcx, BASE);
	}
}
END_TEST

START_TEST(u47_each_size_has_its_own_attempts)
{
	setup_shared(SIZE_2M, 0);
	k.config.attempts = 3;
	convert_case_configure(&k);
	answer(ACCEPT, 0, 2, CASE_BUSY);
	answer(ACCEPT, 3, 2, CASE_BUSY);
	ck_assert_int_eq(unshare(BASE, SIZE_2M), TDXC_OK);
	ck_assert_uint_eq(r.busy, 4);
	ck_assert_uint_eq(r.pages[0], 512);
}
END_TEST

static const struct {
	const char *what;
	uint64_t leaf;
	enum tdxc_convert_stage stage;
} busy[] = {
	{"ACCEPT", ACCEPT, TDXC_CONVERT_ACCEPT},
	{"MapGPA", VMCALL, TDXC_CONVERT_MAP},
	{"RELEASE", RELEASE, TDXC_CONVERT_RELEASE},
};

START_TEST(u47_and_not_more_often_than_configured)
{
	int err;

	setup();
	k.has_release = true;
	k.config.attempts = 20;
	k.config.release = TDXC_RELEASE_ALWAYS;
	convert_case_configure(&k);
	if (busy[_i].leaf == ACCEPT)
		convert_case_set(&k, BASE, PAGE, CASE_SHARED, 0);
	answer(busy[_i].leaf, 0, FOREVER, CASE_BUSY);
	err = busy[_i].leaf == ACCEPT ? unshare(BASE, PAGE) : share(BASE, PAGE);
	ck_assert_int_eq(err, TDXC_E_BUSY);
	expect_failure(busy[_i].stage, TDXC_CONVERT_CALL, BASE);
	ck_assert_uint_eq(k.calls_of[busy[_i].leaf], 20);
	ck_assert_uint_eq(r.failure.diag.calls, 20);
	ck_assert_uint_eq(r.busy, 20);
}
END_TEST

/* ---- ranges ---- */

static const struct {
	const char *what;
	uint64_t gpa;
	uint64_t bytes;
	int err;
} ranges[] = {
	{"empty", BASE, 0, TDXC_E_INVAL},
	{"empty at 0", 0, 0, TDXC_E_INVAL},
	{"start not aligned", BASE + 8, PAGE, TDXC_E_INVAL},
	{"size not aligned", BASE, PAGE + 8, TDXC_E_INVAL},
	{"size below a page", BASE, 1, TDXC_E_INVAL},
	{"a level in the address", BASE | 1, SIZE_2M, TDXC_E_INVAL},
	{"wraps to 0", 0 - PAGE, PAGE, TDXC_E_RANGE},
	{"wraps", 0 - PAGE, 2 * PAGE, TDXC_E_RANGE},
	{"size wraps", BASE, 0 - PAGE, TDXC_E_RANGE},
	{"with the shared bit", BASE | 1ull << 51, PAGE, TDXC_E_RANGE},
	{"at the shared bit", 1ull << 51, PAGE, TDXC_E_RANGE},
	{"across the shared bit", (1ull << 51) - PAGE, 2 * PAGE, TDXC_E_RANGE},
	{"bit 63", BASE | 1ull << 63, PAGE, TDXC_E_RANGE},
	{"all there is and a page", 0, (1ull << 51) + PAGE, TDXC_E_RANGE},
};

START_TEST(u49_ranges_that_cannot_be_converted_are_refused)
{
	uint64_t gpa = ranges[_i].gpa;
	uint64_t bytes = ranges[_i].bytes;
	int err[6];

	for (size_t i = 0; i < 2; i++) {
		setup();
		k.config.gpaw = i == 0 ? 48 : 52;
		/* each row means the width's own shared bit */
		if (i == 0 && gpa >> 50 == 1)
			gpa = (gpa & ~(1ull << 51)) | 1ull << 47;
		convert_case_configure(&k);
		err[3 * i] = share(gpa, bytes);
		err[3 * i + 1] = unshare(gpa, bytes);
		err[3 * i + 2] = tdxc_convert_accept(&k.c, gpa, bytes, &r);
		expect_failure(TDXC_CONVERT_CHECK, TDXC_CONVERT_RANGE, gpa);
		ck_assert_uint_eq(r.done, 0);
		expect_no_gap();
		ck_assert_uint_eq(k.calls, 0);
		gpa = ranges[_i].gpa;
	}
	for (size_t i = 0; i < COUNT(err); i++)
		ck_assert_msg(err[i] == ranges[_i].err, "%s", ranges[_i].what);
}
END_TEST

/* All there is, and the last page of it: the host is asked. */
START_TEST(u49_ranges_up_to_the_shared_bit_are_good)
{
	uint64_t end = 1ull << (_i == 0 ? 47 : 51);
	int err[2];

	setup();
	k.config.gpaw = _i == 0 ? 48 : 52;
	convert_case_configure(&k);
	answer(VMCALL, 0, FOREVER, CASE_INVALID_RCX);
	err[0] = unshare(end - PAGE, PAGE);
	err[1] = unshare(0, end);
	for (size_t i = 0; i < COUNT(err); i++) {
		ck_assert_int_eq(err[i], TDXC_E_IO);
		ck_assert_uint_eq(k.log[i].rax, VMCALL);
	}
	expect_failure(TDXC_CONVERT_MAP, TDXC_CONVERT_CALL, 0);
}
END_TEST

/* A range that needs every size; what each call asks for. */
START_TEST(u50_size_bits_and_addresses_do_not_mix)
{
	uint64_t gpa = BASE + SIZE_1G - SIZE_2M - PAGE;
	uint64_t bytes = PAGE + SIZE_2M + SIZE_1G / 2 + PAGE;
	uint64_t at = gpa;

	setup();
	convert_case_set(&k, BASE, 2 * SIZE_1G, CASE_SHARED, 1);
	k.has_1g = true;
	ck_assert_int_eq(unshare(gpa, bytes), TDXC_OK);
	ck_assert_uint_eq(k.log[0].in.r12, gpa);
	ck_assert_uint_eq(k.log[1].in.rcx, gpa);
	at += PAGE;
	for (uint64_t i = 2; i < CASE_LOG; i++, at += SIZE_2M)
		ck_assert_uint_eq(k.log[i].in.rcx, at | 1);
	ck_assert_uint_eq(r.pages[0], 2);
	ck_assert_uint_eq(r.pages[1], 257);
	expect_pages(gpa, bytes, CASE_PRIVATE);
	ck_assert_uint_eq(
		convert_case_count(&k, BASE, 2 * SIZE_1G, CASE_PRIVATE),
		bytes / PAGE);
}
END_TEST

/* ---- RELEASE ---- */

static void setup_release(enum tdxc_release release, bool offered)
{
	setup();
	k.config.release = release;
	k.has_release = offered;
	convert_case_configure(&k);
}

START_TEST(u51_pages_are_released_before_they_are_shared)
{
	setup_release(_i == 0 ? TDXC_RELEASE_IF_OFFERED : TDXC_RELEASE_ALWAYS,
		      true);
	k.level[1] = 0;
	ck_assert_int_eq(share(BASE, 2 * SIZE_2M), TDXC_OK);
	ck_assert_uint_eq(r.released, 2 * SIZE_2M);
	ck_assert_uint_eq(r.pages[1], 1);
	ck_assert_uint_eq(r.pages[0], 512);
	ck_assert_uint_eq(k.calls, 1 + 1 + 512 + 1);
	ck_assert_uint_eq(k.log[0].rax, RELEASE);
	ck_assert_uint_eq(k.log[0].in.rcx, BASE | 1);
	ck_assert_uint_eq(k.calls_of[VMCALL], 1);
	expect_pages(BASE, 2 * SIZE_2M, CASE_SHARED);
	expect_no_gap();
}
END_TEST

START_TEST(u51_without_the_leaf_memory_is_shared_as_it_is)
{
	setup_release(TDXC_RELEASE_IF_OFFERED, false);
	ck_assert_int_eq(share(BASE, SIZE_2M), TDXC_OK);
	expect_failure(TDXC_CONVERT_NONE, TDXC_CONVERT_FINE, 0);
	ck_assert_uint_eq(r.failure.diag.calls, 0);
	ck_assert_int_eq(share(BASE + SIZE_2M, SIZE_2M), TDXC_OK);
	/* learnt */
	ck_assert_uint_eq(k.calls_of[RELEASE], 1);
	expect_pages(BASE, 2 * SIZE_2M, CASE_SHARED);
}
END_TEST

/* Nor is 1 GiB taken for what is missing. */
START_TEST(u51_the_lack_of_the_leaf_shows_at_every_size)
{
	setup_release(TDXC_RELEASE_IF_OFFERED, false);
	ck_assert_int_eq(share(BASE, SIZE_1G), TDXC_OK);
	ck_assert_uint_eq(k.calls_of[RELEASE], 1);
	ck_assert_uint_eq(k.log[0].in.rcx, BASE | 2);
	ck_assert_uint_eq(r.fallbacks, 0);
}
END_TEST

static const uint64_t no_lack[] = {
	CASE_WALK_FAILED,
	CASE_ALREADY, /* no answer to RELEASE */
	CASE_INVALID_RCX,
};

START_TEST(u51_another_failure_is_no_lack_of_the_leaf)
{
	setup_release(TDXC_RELEASE_IF_OFFERED, true);
	k.config.accepted = TDXC_ACCEPTED_COUNT;
	convert_case_configure(&k);
	answer(RELEASE, 0, 1, no_lack[_i]);
	ck_assert_int_eq(share(BASE, PAGE), TDXC_E_IO);
	expect_failure(TDXC_CONVERT_RELEASE, TDXC_CONVERT_CALL, BASE);
	ck_assert_uint_eq(k.calls_of[VMCALL], 0);
	ck_assert_uint_eq(r.already, 0);
	ck_assert_int_eq(share(BASE, PAGE), TDXC_OK);
	ck_assert_uint_eq(r.released, PAGE);
}
END_TEST

START_TEST(u51_where_it_is_needed_its_lack_is_an_error)
{
	setup_release(TDXC_RELEASE_ALWAYS, false);
	for (uint64_t i = 1; i < 3; i++) {
		ck_assert_int_eq(share(BASE, SIZE_2M), TDXC_E_OPNOTSUPP);
		expect_failure(TDXC_CONVERT_RELEASE, TDXC_CONVERT_NOT_OFFERED,
			       BASE);
		ck_assert_uint_eq(k.calls_of[RELEASE], i);
	}
	ck_assert_uint_eq(k.calls_of[VMCALL], 0);
	expect_pages(BASE, SIZE_2M, CASE_PRIVATE);
	expect_no_gap();
}
END_TEST

START_TEST(u51_1g_is_learnt_for_this_leaf_alone)
{
	setup_release(TDXC_RELEASE_ALWAYS, true);
	ck_assert_int_eq(share(BASE, 2 * SIZE_1G), TDXC_OK);
	ck_assert_uint_eq(k.calls_of[RELEASE], 1025);
	k.has_1g = true;
	memset(k.level, 2, sizeof(k.level));
	ck_assert_int_eq(unshare(BASE, 2 * SIZE_1G), TDXC_OK);
	ck_assert_uint_eq(k.calls_of[ACCEPT], 2);
	ck_assert_uint_eq(r.pages[2], 2);
}
END_TEST

START_TEST(u51_what_mapgpa_does_not_share_is_accepted_again)
{
	setup_release(TDXC_RELEASE_ALWAYS, true);
	step(RETRY, SIZE_2M);
	step(REFUSED, 3 * PAGE);
	ck_assert_int_eq(share(BASE, 3 * SIZE_2M), TDXC_E_IO);
	expect_failure(TDXC_CONVERT_MAP, TDXC_CONVERT_REFUSED,
		       BASE + SIZE_2M + 3 * PAGE);
	ck_assert_uint_eq(r.done, SIZE_2M + 3 * PAGE);
	expect_pages(BASE, r.done, CASE_SHARED);
	expect_pages(BASE + r.done, 3 * SIZE_2M - r.done, CASE_PRIVATE);
	expect_no_gap();
}
END_TEST

START_TEST(u51_and_if_that_fails_the_gap_is_named)
{
	setup_release(TDXC_RELEASE_ALWAYS, true);
	step(REFUSED, 0);
	answer(ACCEPT, 1, FOREVER, CASE_FREE);
	ck_assert_int_eq(share(BASE, 3 * SIZE_2M), TDXC_E_IO);
	expect_failure(TDXC_CONVERT_MAP, TDXC_CONVERT_REFUSED, BASE);
	ck_assert_uint_eq(r.done, 0);
	expect_gap(SIZE_2M, 3 * SIZE_2M);
	ck_assert_int_eq(r.second.stage, TDXC_CONVERT_ACCEPT);
	ck_assert_uint_eq(r.second.gpa, BASE + SIZE_2M);
	expect_pages(BASE, SIZE_2M, CASE_PRIVATE);
	expect_pages(BASE + SIZE_2M, 2 * SIZE_2M, CASE_PENDING);
}
END_TEST

START_TEST(u51_a_release_that_fails_midway_is_undone)
{
	setup_release(_i == 1 ? TDXC_RELEASE_ALWAYS : TDXC_RELEASE_IF_OFFERED,
		      true);
	answer(RELEASE, 2, 1, _i == 2 ? CASE_INVALID_RAX : CASE_WALK_FAILED);
	ck_assert_int_eq(share(BASE, 4 * SIZE_2M),
			 _i == 2 ? TDXC_E_OPNOTSUPP : TDXC_E_IO);
	expect_failure(TDXC_CONVERT_RELEASE,
		       _i == 2 ? TDXC_CONVERT_NOT_OFFERED : TDXC_CONVERT_CALL,
		       BASE + 2 * SIZE_2M);
	ck_assert_uint_eq(r.released, 2 * SIZE_2M);
	ck_assert_uint_eq(r.done, 0);
	ck_assert_uint_eq(k.calls_of[VMCALL], 0);
	expect_pages(BASE, 4 * SIZE_2M, CASE_PRIVATE);
	expect_no_gap();
}
END_TEST

/* ---- making a converter ---- */

START_TEST(a_configuration_that_makes_no_sense_is_refused)
{
	static const struct tdxc_converter zero;
	struct tdxc_convert_ops ops;
	struct tdxc_convert_config good;
	struct tdxc_convert_config bad[9];

	setup();
	good = k.config;
	ops = *good.ops;
	ops.abi++;
	for (size_t i = 0; i < COUNT(bad); i++)
		bad[i] = good;
	bad[0].abi++;
	bad[1].ops = &ops;
	bad[2].gpaw = 0;
	bad[3].gpaw = 47;
	bad[4].gpaw = 51;
	bad[5].gpaw = 64;
	bad[6].gpaw = 1u << 31;
	bad[7].accepted = (enum tdxc_accepted)3;
	bad[8].release = (enum tdxc_release)3;
	for (size_t i = 0; i < COUNT(bad); i++) {
		ck_assert_int_eq(tdxc_convert_init(&k.c, &bad[i]),
				 TDXC_E_INVAL);
		ck_assert_int_eq(memcmp(&k.c, &zero, sizeof(zero)), 0);
	}
	ck_assert_int_eq(tdxc_convert_init(&k.c, &good), TDXC_OK);
	ck_assert_uint_eq(k.c.config.attempts, TDXC_CONVERT_ATTEMPTS);
	ck_assert_uint_eq(k.c.config.futile, TDXC_CONVERT_FUTILE);
	ck_assert_uint_eq(k.c.config.map_calls, TDXC_CONVERT_MAP_CALLS);
}
END_TEST

static uint64_t info(void *ctx, uint64_t rax, struct tdxc_tdcall_regs *regs)
{
	const uint64_t *answer = ctx;

	ck_assert_uint_eq(rax, TDXC_TDG_VP_INFO);
	ck_assert_uint_eq(regs->rcx | regs->rdx | regs->r11, 0);
	regs->rcx = answer[1];
	return answer[0];
}

static const struct {
	uint64_t answer[2]; /* RAX, RCX */
	int err;
	uint32_t gpaw;
} infos[] = {
	{{0, 48}, TDXC_OK, 48},
	{{0, 52}, TDXC_OK, 52},
	{{0, 52 | 1ull << 40}, TDXC_OK, 52}, /* other bits mean other things */
	{{0, 0}, TDXC_E_IO, 0},
	{{0, 47}, TDXC_E_IO, 0},
	{{0, 63}, TDXC_E_IO, 0},
	{{CASE_INVALID_RAX, 48}, TDXC_E_IO, 0},
	{{CASE_BUSY, 48}, TDXC_E_BUSY, 0},
	{{TDXC_STATUS_UD, 48}, TDXC_E_ACCES, 0},
	{{TDXC_STATUS_GP, 48}, TDXC_E_OPNOTSUPP, 0},
};

START_TEST(the_width_comes_from_the_module)
{
	struct tdxc_convert_ops ops = {TDXC_ABI, info, NULL};
	uint64_t answer[2] = {infos[_i].answer[0], infos[_i].answer[1]};
	struct tdxc_tdcall_diag diag;
	uint32_t gpaw = 7;

	ck_assert_int_eq(tdxc_convert_gpaw(&ops, answer, &gpaw, &diag),
			 infos[_i].err);
	ck_assert_uint_eq(gpaw, infos[_i].gpaw);
	ck_assert_uint_eq(diag.status, answer[0]);
	ops.abi++;
	ck_assert_int_eq(tdxc_convert_gpaw(&ops, answer, &gpaw, &diag),
			 TDXC_E_INVAL);
	ck_assert_uint_eq(gpaw, 0);
	ck_assert_uint_eq(diag.calls, 0);
}
END_TEST

START_TEST(stages_and_reasons_have_texts)
{
	for (int i = 0; i < TDXC_CONVERT_STAGES; i++)
		ck_assert_uint_gt(strlen(tdxc_convert_stage_name(
					  (enum tdxc_convert_stage)i)),
				  1);
	for (int i = 0; i < TDXC_CONVERT_REASONS; i++)
		ck_assert_uint_gt(strlen(tdxc_convert_reason_text(
					  (enum tdxc_convert_reason)i)),
				  1);
	ck_assert_str_eq(tdxc_convert_stage_name(TDXC_CONVERT_STAGES), "?");
	ck_assert_str_eq(tdxc_convert_stage_name((enum tdxc_convert_stage) - 1),
			 "?");
	ck_assert_str_eq(tdxc_convert_reason_text(TDXC_CONVERT_REASONS), "?");
}
END_TEST

/* ---- random hosts ---- */

#define WINDOW (8 * SIZE_2M)

static uint64_t random_state;

static uint64_t draw(uint64_t n)
{
	uint64_t x = random_state += 0x9E3779B97F4A7C15ull;

	x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9ull;
	x = (x ^ x >> 27) * 0x94D049BB133111EBull;
	return (x ^ x >> 31) % n;
}

/* Leaves of both sizes in random states; a leaf of 2 MiB has one state. */
static void draw_memory(bool to_shared)
{
	for (uint64_t i = 0; i < WINDOW / SIZE_2M; i++) {
		uint8_t level = (uint8_t)draw(2);
		enum case_page state = to_shared      ? CASE_PRIVATE
				       : draw(8) == 0 ? CASE_PRIVATE
						      : CASE_SHARED;

		convert_case_set(&k, BASE + i * SIZE_2M, SIZE_2M, state, level);
		if (level == 0 && !to_shared) {
			uint64_t page = BASE + i * SIZE_2M + draw(512) * PAGE;

			convert_case_set(&k, page, PAGE, CASE_PRIVATE, 0);
		}
	}
}

/* Parts, pauses, and sometimes a refusal; what it says, it did. */
static void draw_host(uint64_t bytes)
{
	uint64_t left = bytes;

	for (uint64_t n = draw(6); n > 0 && left > PAGE; n--) {
		uint64_t part = draw(4) == 0 ? 0 : draw(left / PAGE) * PAGE;

		step(RETRY, part);
		left -= part;
	}
	if (draw(3) == 0)
		step(REFUSED, draw(left / PAGE) * PAGE);
}

static void draw_module(void)
{
	static const uint64_t answers[] = {
		CASE_BUSY, CASE_BUSY,	     CASE_MISMATCH,
		CASE_FREE, CASE_INVALID_RCX, CASE_INVALID_RAX,
	};

	for (uint64_t n = draw(4); n > 0; n--)
		answer(draw(2) ? ACCEPT : RELEASE, draw(600), 1 + draw(3),
		       answers[draw(COUNT(answers))]);
}

/* Every page of the window is in the state that the result says. */
static void expect_as_told(const uint8_t *before, uint64_t gpa, uint64_t bytes,
			   bool to_shared)
{
	uint64_t first = (gpa - BASE) / PAGE;

	for (uint64_t i = 0; i < WINDOW / PAGE; i++) {
		uint64_t at = (i - first) * PAGE;
		uint8_t wanted = before[i];

		if (i >= first && at < bytes) {
			if (at < r.done)
				wanted = to_shared ? CASE_SHARED : CASE_PRIVATE;
			else if (at >= r.gap_start && at < r.gap_end)
				/* accepted before, but that is an error */
				wanted = wanted == CASE_PRIVATE && !to_shared
						 ? CASE_PRIVATE
						 : CASE_PENDING;
		}
		if (k.page[i] != wanted)
			ck_abort_msg("page %" PRIu64 ": %d, not %d", i,
				     k.page[i], wanted);
	}
}

static void expect_consistent(int err, uint64_t bytes)
{
	ck_assert_int_eq(r.failure.err, err);
	ck_assert_int_eq(err == TDXC_OK, r.done == bytes);
	ck_assert_int_eq(err == TDXC_OK, r.failure.reason == TDXC_CONVERT_FINE);
	ck_assert_uint_le(r.done, bytes);
	ck_assert_uint_le(r.gap_start, r.gap_end);
	ck_assert_uint_le(r.gap_end, bytes);
	if (r.gap_start != r.gap_end)
		ck_assert_uint_ge(r.gap_start, r.done);
	ck_assert_uint_eq(r.map_calls, k.calls_of[VMCALL]);
}

static uint64_t nr_rounds(uint64_t n)
{
	const char *text = getenv("TDXC_TEST_SCALE");

	n = n * (text ? strtoull(text, NULL, 0) : 100) / 100;
	return n ? n : 1;
}

static void seed(void)
{
	const char *text = getenv("TDXC_SEED");

	random_state = text ? strtoull(text, NULL, 0) : 20261121;
	printf("seed %" PRIu64 " (TDXC_SEED repeats or changes it)\n",
	       random_state);
	fflush(stdout);
}

START_TEST(every_page_is_what_the_result_says)
{
	static uint8_t before[WINDOW / PAGE];
	uint64_t failed = 0;
	uint64_t gaps = 0;
	uint64_t n;

	seed();
	for (n = nr_rounds(3000); n > 0; n--) {
		bool to_shared = draw(2);
		uint64_t gpa = BASE + draw(WINDOW / PAGE) * PAGE;
		uint64_t bytes =
			(1 + draw((BASE + WINDOW - gpa) / PAGE)) * PAGE;
		int err;

		setup();
		k.config.release = (enum tdxc_release)draw(3);
		k.config.accepted = (enum tdxc_accepted)draw(3);
		k.config.attempts = 3;
		k.has_release = draw(4) != 0;
		convert_case_configure(&k);
		draw_memory(to_shared);
		draw_host(bytes);
		draw_module();
		memcpy(before, k.page, sizeof(before));
		err = to_shared ? share(gpa, bytes) : unshare(gpa, bytes);
		expect_consistent(err, bytes);
		expect_as_told(before, gpa, bytes, to_shared);
		failed += err != TDXC_OK;
		gaps += r.gap_start != r.gap_end;
	}
	printf("%" PRIu64 " failed, %" PRIu64 " left a gap\n", failed, gaps);
}
END_TEST

/* Whatever such a host says: bounded work, inside the range. The rest of the
 * log is what the fixture asserts of each call. */
START_TEST(a_host_that_lies_costs_bounded_work)
{
	static const uint64_t r10s[] = {RETRY, RETRY, RETRY, RETRY, 0, REFUSED};
	uint64_t n;

	seed();
	for (n = nr_rounds(3000); n > 0; n--) {
		uint64_t bytes = (1 + draw(WINDOW / PAGE)) * PAGE;
		int err;

		setup();
		k.last_for_ever = draw(2);
		k.config.map_calls = 1 + (uint32_t)draw(40);
		convert_case_configure(&k);
		for (uint64_t i = draw(CASE_STEPS); i > 0; i--) {
			struct case_step s = {
				.r10 = r10s[draw(COUNT(r10s))],
				.how = (enum case_r11)draw(3),
				.r11 = draw(4) ? draw(2 * WINDOW / PAGE) * PAGE
					       : draw(UINT64_MAX),
			};

			if (s.how == CASE_R11_RAW && draw(2))
				s.r11 = BASE | (draw(2) << 47) | s.r11;
			convert_case_step(&k, s);
		}
		err = draw(2) ? share(BASE, bytes) : unshare(BASE, bytes);
		expect_consistent(err, bytes);
		ck_assert_uint_le(r.map_calls,
				  k.config.map_calls + bytes / SIZE_2M);
		ck_assert_uint_le(r.mapped, bytes);
		ck_assert_uint_eq(convert_case_count(&k, BASE + bytes, WINDOW,
						     CASE_PRIVATE),
				  WINDOW / PAGE);
	}
}
END_TEST

#define ADD(test)	   tcase_add_test(tcase, test)
#define ADD_ALL(test, set) tcase_add_loop_test(tcase, test, 0, (int)COUNT(set))

static TCase *map_case(void)
{
	TCase *tcase = tcase_create("MapGPA");

	ADD(memory_is_shared_and_made_private_again);
	ADD(u37_a_host_that_says_retry_and_does_nothing_is_left);
	ADD(u37_progress_gives_a_host_new_credit);
	tcase_add_loop_test(tcase,
			    u38_a_retry_address_outside_what_is_left_is_refused,
			    0, 4 * (int)COUNT(bad_addresses));
	ADD(u39_a_host_that_converts_a_page_a_call_is_limited_by_a_budget);
	ADD(u40_progress_before_a_hard_error_is_returned);
	ADD(u40_when_accepting_the_progress_fails_too_both_are_told);
	ADD_ALL(u41_unknown_answers_are_errors, unknown_answers);
	tcase_add_loop_test(tcase, u42_a_call_that_failed_is_no_answer, 0,
			    2 * (int)COUNT(failed_calls));
	ADD(u43_after_retries_all_of_the_range_is_accepted);
	return tcase;
}

static TCase *accept_case(void)
{
	TCase *tcase = tcase_create("ACCEPT");

	ADD(u44_that_1g_is_no_size_is_learnt_once);
	ADD(u44_where_1g_is_a_size_it_comes_first);
	ADD_ALL(u44_other_sizes_than_1g_are_never_missing, invalid);
	ADD(u45_a_mismatch_at_2m_falls_back_there_and_only_there);
	ADD(u45_a_mismatch_at_4k_is_an_error);
	ADD(u48_a_mismatch_at_every_size_is_an_error_at_its_place);
	ADD_ALL(u46_a_page_accepted_already_is_an_error_where_that_is_the_policy,
		already);
	ADD_ALL(u46_or_is_counted, already);
	ADD_ALL(u46_or_is_zeroed, already);
	ADD(u46_pages_of_both_kinds_in_a_range);
	ADD(u46_accepted_at_a_smaller_size_is_no_answer);
	ADD(u47_a_busy_accept_is_repeated_with_fresh_arguments);
	ADD(u47_each_size_has_its_own_attempts);
	ADD_ALL(u47_and_not_more_often_than_configured, busy);
	ADD_ALL(u49_ranges_that_cannot_be_converted_are_refused, ranges);
	tcase_add_loop_test(tcase, u49_ranges_up_to_the_shared_bit_are_good, 0,
			    2);
	ADD(u50_size_bits_and_addresses_do_not_mix);
	return tcase;
}

static TCase *release_case(void)
{
	TCase *tcase = tcase_create("RELEASE");

	tcase_add_loop_test(
		tcase, u51_pages_are_released_before_they_are_shared, 0, 2);
	ADD(u51_without_the_leaf_memory_is_shared_as_it_is);
	ADD(u51_the_lack_of_the_leaf_shows_at_every_size);
	ADD_ALL(u51_another_failure_is_no_lack_of_the_leaf, no_lack);
	ADD(u51_where_it_is_needed_its_lack_is_an_error);
	ADD(u51_1g_is_learnt_for_this_leaf_alone);
	ADD(u51_what_mapgpa_does_not_share_is_accepted_again);
	ADD(u51_and_if_that_fails_the_gap_is_named);
	tcase_add_loop_test(tcase, u51_a_release_that_fails_midway_is_undone, 0,
			    3);
	return tcase;
}

static TCase *other_case(void)
{
	TCase *tcase = tcase_create("other");

	ADD(a_configuration_that_makes_no_sense_is_refused);
	ADD_ALL(the_width_comes_from_the_module, infos);
	ADD(stages_and_reasons_have_texts);
	ADD(every_page_is_what_the_result_says);
	ADD(a_host_that_lies_costs_bounded_work);
	return tcase;
}

int main(void)
{
	Suite *suite = suite_create("convert");
	SRunner *runner;
	int failed;

	suite_add_tcase(suite, map_case());
	suite_add_tcase(suite, accept_case());
	suite_add_tcase(suite, release_case());
	suite_add_tcase(suite, other_case());
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
