/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Scenarios as they are played: what statements do to a TD, that several
 * threads do it at once, and that one wrong byte, or one wrong record of the
 * machine's, is found.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scenario/play.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define KIB	     ((uint64_t)1 << 10)

#define MACHINE	     "machine memory 1G cpus 4 packages 2\n"
#define NEWER	     "machine memory 1G cpus 4 packages 2 dynamic-pamt on\n"
#define TD	     "td a memory 16M image 64K slots 2\n"

static struct scenario scenario;
static struct play_outcome out;

static void play_with(const char *text, const struct play_request *more)
{
	struct play_request request = *more;
	struct map_error error;

	ck_assert_msg(scenario_parse(text, strlen(text), "test", &scenario,
				     &error) == MAP_OK,
		      "%zu: %s\n%s", error.line, error.text, text);
	request.scenario = &scenario;
	request.seed = scenario.seed;
	scenario_play(&request, &out);
	scenario_free(&scenario);
}

static void play(const char *text)
{
	const struct play_request nothing = {0};

	play_with(text, &nothing);
}

static void play_right(const char *text)
{
	play(text);
	ck_assert_msg(out.result == PLAY_RIGHT, "line %zu: %s\n%s", out.line,
		      out.why, text);
	ck_assert_str_eq(out.audit, "ok");
	ck_assert_str_eq(out.why, "");
}

/* ---- what statements do ---- */

static const struct {
	const char *text;
	uint64_t verified; /* bytes, at least */
	uint32_t leaf;	   /* that is called at least so often */
	uint64_t calls;
} statements[] = {
	/* the image is verified without being asked for */
	{"", 64 * KIB, TDXC_MR_EXTEND, 256},
	{"guest a verify all\n", 128 * KIB, TDXC_VP_ENTER, 2},
	{"guest a write 2M..3M\n", 1088 * KIB, TDXC_MEM_PAGE_AUG, 1},
	{"guest a write 2M..12M stride 1M\n", 104 * KIB, TDXC_MEM_PAGE_AUG, 5},
	{"guest a touch 2M..12M stride 2M times 3\n", 64 * KIB,
	 TDXC_MEM_PAGE_AUG, 5},
	{"guest a accept 2M..6M\n", 64 * KIB, TDXC_MEM_PAGE_AUG, 2},
	{"guest a accept 2M..3M pages 4K\n", 64 * KIB, TDXC_MEM_PAGE_AUG, 256},
	{"host a populate 2M..4M\nguest a accept 2M..4M pages 4K\n", 64 * KIB,
	 TDXC_MEM_PAGE_DEMOTE, 1},
	/* both halves, by guest and host */
	{"guest a share 2M..2112K\nguest a write 2M..2112K\n", 192 * KIB,
	 TDXC_VP_ENTER, 4},
	{"guest a write 2M..2112K\nguest a share 2M..2112K\n"
	 "guest a unshare 2M..2112K\nguest a write 2M..2112K\n",
	 192 * KIB, TDXC_MEM_RANGE_BLOCK, 1},
	{"guest a storm 7M..9M\n", 8192 * KIB, TDXC_MEM_TRACK, 2},
	{"guest a write all\nhost a balloon 2M..4M\n", 14336 * KIB,
	 TDXC_MEM_PAGE_REMOVE, 1},
	{"guest a write all\nhost a delete-slot 1\nguest a write 8M..9M\n",
	 9216 * KIB, TDXC_MEM_PAGE_REMOVE, 4},
	{"guest a share 2M..3M\nguest a write 2M..3M\nhost a zap-shared all\n"
	 "guest a verify 2M..3M\nhost a zap-shared 2M..3M\n",
	 3072 * KIB, TDXC_VP_ENTER, 4},
	{"guest a write 2M..4M\nhost a demote 2M..4M\nhost a relocate "
	 "2M..2112K\n",
	 2112 * KIB, TDXC_MEM_PAGE_RELOCATE, 16},
	{"guest a write 2M..4M\nhost a demote 2M..4M\nhost a promote 2M..4M\n",
	 2112 * KIB, TDXC_MEM_PAGE_PROMOTE, 1},
	{"parallel\nguest a write 2M..4M\nhost a migrate\nend\n", 2112 * KIB,
	 TDXC_VP_FLUSH, 2},
	{"repeat 3\ntd b memory 2M image 4K\nguest b write 4K..8K\n"
	 "teardown b\nend\naudit\n",
	 88 * KIB, TDXC_MNG_CREATE, 4},
};

START_TEST(statements_have_their_effect)
{
	const bool dynamic = _i % 2 != 0;
	char text[400];

	(void)snprintf(text, sizeof text, "%s%s%s", dynamic ? NEWER : MACHINE,
		       TD, statements[_i / 2].text);
	play_right(text);
	ck_assert_uint_ge(out.bytes_verified, statements[_i / 2].verified);
	ck_assert_uint_ge(out.seamcalls[statements[_i / 2].leaf],
			  statements[_i / 2].calls);
	ck_assert_uint_eq(out.seamcalls[TDXC_MNG_CREATE], out.tds);
	ck_assert_uint_eq(out.seamcalls[TDXC_MNG_KEY_FREEID], out.tds);
	ck_assert_uint_eq(out.quarantined, 0);
}
END_TEST

START_TEST(all_at_once_loses_no_byte)
{
	play_right(NEWER "td a vcpus 3 memory 16M slots 2\n"
			 "td b vcpus 2 memory 16M large off\n"
			 "guest a write 0..4M\nguest b write 0..1M\n"
			 "inject busy 1/40\n"
			 "parallel\n"
			 "guest a verify 0..4M times 2\n"
			 "guest a storm 4M..4352K\n"
			 "guest a write 5M..5376K times 2\n"
			 "host a demote 0..4M times 2\n"
			 "host a promote 0..4M times 2\n"
			 "host a migrate times 20\n"
			 "host a delete-slot 1\n"
			 "host a zap-shared all times 3\n"
			 "guest b storm 2M..2304K\n"
			 "host b relocate 0..256K\n"
			 "host b balloon 4M..5M\n"
			 "end\n"
			 "expect tds = 2\nexpect retries >= 1\n");
}
END_TEST

START_TEST(a_lost_page_ends_one_td_and_no_other)
{
	play_right(NEWER TD "td b memory 16M\nguest a write 2M..4M\n"
			    "guest b write 2M..4M\n"
			    "inject fail MEM.PAGE.REMOVE\n"
			    "parallel\nhost a balloon 2M..4M may-fail\n"
			    "guest b verify all\nend\nteardown a\n"
			    "guest b write 4M..6M\n"
			    "expect quarantined >= 1\n");
	ck_assert_uint_eq(out.quarantined_still, 0);
}
END_TEST

/* ---- what is found ---- */

/* Something that goes wrong behind the library's back, once. */
struct mischief {
	size_t line; /* after it */
	void (*act)(struct tdxc_sim_host *host, uint64_t pa);
	enum tdxc_sim_page_state state; /* of a page of this kind */
	enum tdxc_sim_page_use use;
};

static void flip_a_bit(struct tdxc_sim_host *host, uint64_t pa)
{
	uint64_t word = tdxc_sim_machine_read64(&host->machine, pa + 8);

	ck_assert(tdxc_sim_machine_write64(&host->machine, pa + 8, word ^ 1));
}

static struct tdxc_sim_page *find_page(struct tdxc_sim_host *host, uint64_t pa)
{
	size_t i;

	for (i = 0; i < host->nr_blocks; i++) {
		if (host->blocks[i].pa == (pa & ~(SCENARIO_LARGE - 1)))
			return &host->blocks[i].pages[pa / SCENARIO_PAGE % 512];
	}
	return NULL;
}

static void lend_on_paper(struct tdxc_sim_host *host, uint64_t pa)
{
	find_page(host, pa)->state = TDXC_SIM_PAGE_LENT;
}

static uint64_t first_page(struct tdxc_sim_host *host, const struct mischief *m)
{
	size_t i;
	size_t n;

	for (i = 0; i < host->nr_blocks; i++) {
		for (n = 0; n < 512; n++) {
			const struct tdxc_sim_page *page =
				&host->blocks[i].pages[n];

			if (page->state == m->state && page->use == m->use)
				return host->blocks[i].pa + n * SCENARIO_PAGE;
		}
	}
	ck_abort_msg("no such page");
	return 0;
}

static void make_mischief(void *ctx, struct tdxc_sim_host *host, size_t line)
{
	struct mischief *m = ctx;

	if (line != m->line)
		return;
	m->line = 0;
	m->act(host, first_page(host, m));
}

static void play_mischief(const char *text, struct mischief mischief)
{
	const struct play_request request = {
		.watch = make_mischief,
		.ctx = &mischief,
	};

	play_with(text, &request);
	ck_assert_msg(out.result == PLAY_WRONG, "not found\n%s", text);
}

START_TEST(a_wrong_private_byte_is_found)
{
	static const char *const texts[] = {
		/* asked for, and at the latest in the end */
		MACHINE TD "guest a verify all\nguest a verify all\n",
		MACHINE TD "audit\nteardown a\n",
		MACHINE TD "audit\naudit\n",
	};
	static const size_t lines[] = {4, 4, 0};

	play_mischief(texts[_i],
		      (struct mischief){3, flip_a_bit, TDXC_SIM_PAGE_LENT,
					TDXC_SIM_USE_PRIVATE});
	ck_assert_uint_eq(out.line, lines[_i]);
	ck_assert_msg(strstr(out.why, "TD a, vCPU ") &&
			      strstr(out.why, "found something else than was "
					      "written, at 0x"),
		      "%s", out.why);
}
END_TEST

START_TEST(a_wrong_shared_byte_is_found)
{
	play_mischief(MACHINE TD "guest a share 2M..2052K\n"
				 "guest a write 2M..2052K\n"
				 "guest a verify 2M..2052K\n",
		      (struct mischief){4, flip_a_bit, TDXC_SIM_PAGE_HOST,
					TDXC_SIM_USE_SHARED});
	ck_assert_uint_eq(out.line, 5);
	ck_assert_msg(strstr(out.why, "found something else"), "%s", out.why);
}
END_TEST

START_TEST(a_wrong_record_of_a_page_is_found)
{
	play_mischief(MACHINE TD "audit\n",
		      (struct mischief){2, lend_on_paper, TDXC_SIM_PAGE_FREE,
					TDXC_SIM_USE_NONE});
	ck_assert_uint_eq(out.line, 3);
	ck_assert_msg(strncmp(out.audit, "the machine: ", 13) == 0, "%s",
		      out.audit);
	ck_assert_msg(strstr(out.why, "audit: the machine: "), "%s", out.why);
}
END_TEST

/* ---- what cannot be played ---- */

static const struct {
	const char *text;
	size_t line;
	const char *why;
} wrongs[] = {
	{MACHINE TD "host a balloon all\n", 0, "no byte was verified"},
	{MACHINE TD "host a promote 2M..4M\n", 3, "nothing to do it to"},
	{MACHINE TD "expect tds = 2\n", 3, "expect tds = 2, but it is 1"},
	{MACHINE TD "inject fail MEM.PAGE.AUG\nguest a write 2M..4M\n", 4,
	 "TD a is dead: SEAMCALL MEM.PAGE.AUG: 0xc000010000000001"},
	{MACHINE "td a memory 4G\nhost a populate all\n", 3,
	 "populate at 0x0: TDXC_E_NOMEM"},
	/* the first thing wrong is what is told */
	{MACHINE TD "host a promote 2M..4M\nexpect tds = 2\n", 3,
	 "nothing to do it to"},
};

START_TEST(what_is_wrong_has_a_line)
{
	play(wrongs[_i].text);
	ck_assert_int_eq(out.result, PLAY_WRONG);
	ck_assert_uint_eq(out.line, wrongs[_i].line);
	ck_assert_msg(strstr(out.why, wrongs[_i].why), "%s", out.why);
	ck_assert_str_eq(out.audit, "ok");
}
END_TEST

START_TEST(a_machine_without_memory_plays_nothing)
{
	const struct play_request request = {0};

	play_with("machine map nothing\ntd a\n", &request);
	ck_assert_int_eq(out.result, PLAY_NO_MACHINE);
	ck_assert_str_eq(out.audit, "not made");
	ck_assert_msg(strstr(out.why, "no machine"), "%s", out.why);
}
END_TEST

static TCase *right_case(void)
{
	TCase *tc = tcase_create("right");

	tcase_add_loop_test(tc, statements_have_their_effect, 0,
			    2 * (int)COUNT(statements));
	tcase_add_test(tc, all_at_once_loses_no_byte);
	tcase_add_test(tc, a_lost_page_ends_one_td_and_no_other);
	return tc;
}

static TCase *wrong_case(void)
{
	TCase *tc = tcase_create("wrong");

	tcase_add_loop_test(tc, a_wrong_private_byte_is_found, 0, 3);
	tcase_add_test(tc, a_wrong_shared_byte_is_found);
	tcase_add_test(tc, a_wrong_record_of_a_page_is_found);
	tcase_add_loop_test(tc, what_is_wrong_has_a_line, 0,
			    (int)COUNT(wrongs));
	tcase_add_test(tc, a_machine_without_memory_plays_nothing);
	return tc;
}

int main(void)
{
	Suite *suite = suite_create("play");
	SRunner *runner;
	int failed;

	suite_add_tcase(suite, right_case());
	suite_add_tcase(suite, wrong_case());
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
