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
#define TRACKING     "machine memory 1G cpus 4 packages 2 track on\n"
#define LINES	     "machine memory 1G cpus 2 packages 2 lines on"
#define SMALL	     "td a memory 4M image 8K\n"

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

/* ---- memory and processors that come and go ---- */

/* RAM of these machines is 1M..1G and 4G..5G. */
static const char *const events[] = {
	MACHINE TD "plug 8G..9G acpi refused\nplug 8G..9G driver refused\n",
	MACHINE TD "plug 4G..5G acpi refused\nplug 3G..9G driver refused\n",
	MACHINE TD "unplug 4608M..5G warned\nguest a write all\n",
	MACHINE TD "unplug 8G..9G allowed\n",
	TRACKING TD "plug 8G..9G acpi allowed\nunplug 8G..9G allowed\n"
		    "plug 8G..9G driver allowed\n",
	TRACKING TD "plug 2G..2050M acpi allowed\nplug 8G..8194M driver "
		    "allowed\nguest a share 2M..8M\nguest a write 2M..8M\n"
		    "guest a unshare 2M..8M\nguest a write 2M..8M\n"
		    "unplug 2G..2050M allowed\naudit\n",
	TRACKING TD "plug 4G..5G acpi refused\nunplug 4864M..5G warned\n"
		    "plug 4864M..5G acpi refused\n",
	MACHINE TD "offline 0 allowed\noffline 1 refused\noffline 0 refused\n"
		   "online 1 refused\nguest a write all\nonline 0 allowed\n"
		   "offline 1 allowed\noffline 2 allowed\n",
	MACHINE TD "guest a write all\noffline 0 allowed\noffline 3 allowed\n"
		   "parallel\nguest a verify all\nhost a migrate times 20\n"
		   "end\n",
	"machine memory 1G cpus 2 packages 1\n" TD "offline 1 allowed\n"
	"guest a write all\noffline 0 refused\n",
	/* without a KeyID in use a package may have none; somebody must */
	MACHINE TD "teardown a\noffline 0 allowed\noffline 1 allowed\n"
		   "offline 2 allowed\noffline 3 refused\n",
};

START_TEST(what_is_refused_does_not_happen_and_what_is_allowed_does)
{
	play_right(events[_i]);
	ck_assert_uint_eq(out.quarantined, 0);
}
END_TEST

/* ---- how kernels end ---- */

static const char *const ends[] = {
	"unshare a\n",
	"guest a share 0..14M\nunshare a\nguest a write 0..14M\n",
	"guest a share all\nunshare a tracked\nguest a write all\n",
	"guest a share 2M..6M\nguest a share 7M..9M\nunshare a levels 5\n"
	"guest a write 2M..9M\nguest a share 3M..4M\nunshare a\n",
	/* a leaf of 2M of which a part is excluded, in either order */
	"guest a share 2M..10M\nguest a write 2M..10M\n"
	"unshare a keep 3M..3076K late 6M..6148K\nguest a verify all\n"
	"unshare a keep 3M..3076K\nunshare a\n",
	"guest a share 2M..10M\nguest a write 2M..10M\n"
	"unshare a late 3M..3076K keep 6M..6148K\nguest a verify all\n",
	"guest a share 2M..10M\nguest a write 2M..10M\n"
	"unshare a tracked keep 3M..3076K late 6M..6148K\n"
	"guest a verify all\nguest a unshare all\n",
	/* who never ends: nothing has changed, or all becomes private */
	"guest a share 2M..3M\nguest a write 2M..3M\n"
	"unshare a in-flight 5\nguest a verify 2M..3M\n"
	"guest a unshare 2M..3M\n",
	"guest a write 2M..3M\ncrash a in-flight 700\nguest a write all\n",
	"guest a share 4M..6M\ncrash a\ncrash a tracked in-flight 3\n",
	/* the host forgets a slot, and the kernel is told */
	"guest a share 9M..12M\nhost a delete-slot 1\nunshare a tracked\n"
	"guest a write 9M..10M\n",
	"parallel\nguest a storm 2M..6M\nguest a storm 9M..12M\nunshare a\n"
	"end\nguest a verify all\nguest a write 2M..12M\n",
	"repeat 5\nparallel\nunshare a tracked\nguest a storm 2M..4M times "
	"20\nhost a migrate times 9\nend\nend\n",
};

START_TEST(all_memory_is_private_when_a_guests_kernel_ends)
{
	char text[500];

	(void)snprintf(text, sizeof text, "%s%s%s", _i % 2 ? NEWER : MACHINE,
		       TD, ends[_i / 2]);
	play_right(text);
}
END_TEST

/* TDs, memory and processors of the first kernel are no concern of the next. */
START_TEST(the_next_kernel_brings_the_module_up_and_runs_a_td)
{
	play_right(NEWER TD "td b memory 4M\nguest a write all\n"
			    "offline 1 allowed\nkexec\nonline 1 refused\n" TD
			    "guest a write 2M..4M\noffline 1 allowed\n"
			    "inject busy 1/3\nkexec\ntd c memory 4M\n"
			    "host c populate all\nteardown c\nkexec\nkexec\n"
			    "expect tds = 4\nexpect seamcalls SYS.DISABLE >= 4"
			    "\n");
	ck_assert_uint_eq(out.seamcalls[TDXC_SYS_INIT], 5);
}
END_TEST

/* A dead TD is no reason for the kernel to go on. */
START_TEST(a_kernel_ends_with_a_dead_td)
{
	play_right(NEWER TD "guest a write 2M..4M\nguest a verify all\n"
			    "inject fail MEM.PAGE.REMOVE\n"
			    "host a balloon 2M..4M may-fail\nkexec\n" TD
			    "guest a write all\nexpect quarantined >= 1\n");
	ck_assert_uint_eq(out.quarantined_still, 0);
}
END_TEST

static const char *const line_models[] = {
	" dynamic-pamt on\n" SMALL "guest a write 2M..2064K\nkexec\n" SMALL
	"guest a write 2M..2064K\ncrash\n",
	" dynamic-pamt off\n" SMALL "guest a write 2M..2064K\n"
	"guest a share 3M..3080K\nguest a write 3M..3080K\nkexec\n",
	" dynamic-pamt off\n" SMALL "guest a write 2M..2064K\ncrash\n",
	" dynamic-pamt on\n" SMALL "inject busy 1/2\nguest a write 2M..2064K\n"
	"crash\nexpect seamcalls SYS.DISABLE >= 1\n",
};

START_TEST(nothing_old_reaches_the_next_kernels_memory)
{
	char text[300];

	(void)snprintf(text, sizeof text, LINES "%s", line_models[_i]);
	play_right(text);
}
END_TEST

START_TEST(a_td_that_dies_as_its_kernel_ends_is_no_surprise)
{
	play_right(MACHINE TD "guest a verify all\nguest a share 2M..3M\n"
			      "inject fail MEM.PAGE.AUG call 2\n"
			      "unshare a may-fail\nteardown a\n" TD
			      "guest a write all\nexpect quarantined >= 0\n");
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

/* Who flushes by marks must have them. */
static void forget_marks(struct tdxc_sim_host *host, uint64_t pa)
{
	(void)pa;
	memset(host->port.incoherent, 0, sizeof host->port.incoherent);
}

START_TEST(a_cpu_that_does_not_flush_is_found)
{
	play_mischief(LINES " dynamic-pamt off\n" SMALL
			    "guest a write 2M..2064K\nguest a verify all\n"
			    "audit\nkexec\n",
		      (struct mischief){5, forget_marks, TDXC_SIM_PAGE_LENT,
					TDXC_SIM_USE_PRIVATE});
	ck_assert_uint_eq(out.line, 6);
}
END_TEST

START_TEST(a_wrong_byte_of_the_crash_region_is_found)
{
	play_mischief(NEWER TD "audit\ncrash\n",
		      (struct mischief){3, flip_a_bit, TDXC_SIM_PAGE_HOST,
					TDXC_SIM_USE_NONE});
	ck_assert_uint_eq(out.line, 4);
	ck_assert_msg(strstr(out.why, "the crash region was overwritten"), "%s",
		      out.why);
}
END_TEST

START_TEST(a_wrong_byte_before_a_kexec_is_found)
{
	play_mischief(NEWER TD "audit\nkexec\n",
		      (struct mischief){3, flip_a_bit, TDXC_SIM_PAGE_LENT,
					TDXC_SIM_USE_PRIVATE});
	ck_assert_uint_eq(out.line, 4);
	ck_assert_msg(strstr(out.why, "found something else"), "%s", out.why);
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
	{MACHINE TD "plug 8G..9G acpi allowed\n", 3,
	 "allowed expected, but the answer is refuse: policy, not the "
	 "architecture"},
	{MACHINE TD "unplug 4G..5G allowed\n", 3,
	 "allowed expected, but the answer is warn: convertible memory"},
	{TRACKING TD "plug 8G..9G acpi refused\n", 3,
	 "refused expected, but the answer is allow"},
	{TRACKING TD "plug 8G..9G acpi allowed\nplug 8G..9G acpi allowed\n", 4,
	 "it cannot come: TDXC_E_EXIST"},
	{TRACKING TD "plug 8G..9G acpi allowed\nguest a share 2M..4M\n"
		     "guest a write 2M..4M\nunplug 8G..9G allowed\n",
	 6, "pages of it are in use"},
	{MACHINE TD "unplug 2M..1G warned\n", 3, "pages of it are in use"},
	{MACHINE TD "offline 0 refused\n", 3,
	 "refused expected, but the answer is allow"},
	{MACHINE TD "offline 0 allowed\noffline 1 allowed\n", 4,
	 "answer is refuse: its package has no other, and KeyIDs are in use"},
	{MACHINE TD "online 0 allowed\n", 3, "it is online"},
	{MACHINE TD "offline 0 warned\n", 3, "warned expected"},
	{MACHINE TD "guest a write all\nunshare a\n", 4,
	 "TD a: no memory for page tables: TDXC_E_NOSPC"},
	{MACHINE TD "guest a write 2M..12M\ncrash a in-flight 1000\n"
		    "guest a write all\ncrash a in-flight 1\n",
	 6, "TD a: no memory for page tables"},
	{NEWER TD "kexec\nexpect tds = 2\n", 4, "but it is 1"},
	{MACHINE TD "guest a verify all\nguest a share 2M..3M\n"
		    "inject fail MEM.PAGE.AUG\nunshare a\n",
	 6, "TD a is dead: SEAMCALL MEM.PAGE.AUG: 0xc000010000000001"},
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
	tcase_add_loop_test(
		tc, what_is_refused_does_not_happen_and_what_is_allowed_does, 0,
		(int)COUNT(events));
	tcase_add_loop_test(tc, all_memory_is_private_when_a_guests_kernel_ends,
			    0, 2 * (int)COUNT(ends));
	tcase_add_test(tc, the_next_kernel_brings_the_module_up_and_runs_a_td);
	tcase_add_test(tc, a_kernel_ends_with_a_dead_td);
	tcase_add_test(tc, a_td_that_dies_as_its_kernel_ends_is_no_surprise);
	tcase_add_loop_test(tc, nothing_old_reaches_the_next_kernels_memory, 0,
			    (int)COUNT(line_models));
	return tc;
}

static TCase *wrong_case(void)
{
	TCase *tc = tcase_create("wrong");

	tcase_add_loop_test(tc, a_wrong_private_byte_is_found, 0, 3);
	tcase_add_test(tc, a_wrong_shared_byte_is_found);
	tcase_add_test(tc, a_wrong_record_of_a_page_is_found);
	tcase_add_test(tc, a_cpu_that_does_not_flush_is_found);
	tcase_add_test(tc, a_wrong_byte_of_the_crash_region_is_found);
	tcase_add_test(tc, a_wrong_byte_before_a_kexec_is_found);
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
