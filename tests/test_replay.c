/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Every recorded trace on the software TDX platform, and proof that the
 * comparison can fail: answers and requests are changed, and the player has to
 * notice, to go on, and to end.
 */
#include <check.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replay/replay.h"

#define COUNT(a)  (sizeof(a) / sizeof((a)[0]))
#define MUTATIONS 5

/* Request lines of each file: what is not played is missed. */
static const struct {
	const char *name;
	uint64_t calls;
} traces[] = {
	{"guest-accept", 8414},	   {"guest-pages2m", 8631},
	{"guest-track", 8063},	   {"sept-build", 8866},
	{"sept-churn", 8924},	   {"sept-gig", 1210},
	{"sept-large", 9279},	   {"sept-measure", 614},
	{"sept-small", 8617},	   {"sysconfig-adjacent", 2125},
	{"sysconfig-edges", 1032}, {"sysconfig-holes", 1700},
	{"sysconfig-many", 56},	   {"sysconfig-pc", 2550},
	{"sysconfig-retry", 460},  {"sysconfig-server", 2550},
	{"sysorder-fields", 1090}, {"sysorder-tdmr", 971},
	{"sysorder-walk", 2941},   {"tdlife-corners", 661},
	{"tdlife-one", 1757},	   {"tdlife-pairs", 5271},
	{"tdlife-wrong", 9653},
};

struct text {
	char *bytes;
	size_t size;
};

static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9E3779B97F4A7C15ull;

	z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
	z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
	return z ^ (z >> 31);
}

static void path_of(size_t i, char *path, size_t room)
{
	const char *data = getenv("TDXC_TEST_DATA");

	ck_assert_msg(data != NULL, "TDXC_TEST_DATA is not set");
	ck_assert_int_lt(snprintf(path, room, "%s/traces/%s.trace", data,
				  traces[i].name),
			 (int)room);
}

static struct text load(size_t i)
{
	struct text t = {NULL, 0};
	char path[1024];
	FILE *f;
	long size;

	path_of(i, path, sizeof(path));
	f = fopen(path, "rb");
	ck_assert_msg(f != NULL, "%s", path);
	ck_assert_int_eq(fseek(f, 0, SEEK_END), 0);
	size = ftell(f);
	ck_assert_int_gt(size, 0);
	rewind(f);
	t.size = (size_t)size;
	t.bytes = malloc(t.size + 1);
	ck_assert_ptr_nonnull(t.bytes);
	ck_assert_uint_eq(fread(t.bytes, 1, t.size, f), t.size);
	t.bytes[t.size] = '\0';
	(void)fclose(f);
	return t;
}

/* Text with [at, at + cut) replaced. */
static struct text splice(const struct text *t, size_t at, size_t cut,
			  const char *with)
{
	size_t n = strlen(with);
	struct text out = {NULL, t->size - cut + n};

	out.bytes = malloc(out.size + 1);
	ck_assert_ptr_nonnull(out.bytes);
	memcpy(out.bytes, t->bytes, at);
	memcpy(out.bytes + at, with, n);
	memcpy(out.bytes + at + n, t->bytes + at + cut, t->size - at - cut);
	out.bytes[out.size] = '\0';
	return out;
}

static struct replay_totals play(const struct text *t)
{
	struct replay_totals totals = {0, 0, 0};
	char error[REPLAY_ERROR_BYTES] = "";

	ck_assert_msg(replay_text("changed", t->bytes, t->size, &totals, NULL,
				  error, sizeof(error)) == 0,
		      "%s", error);
	return totals;
}

START_TEST(a_trace_replays_without_a_mismatch)
{
	struct replay_report report = {stdout, 20, 0};
	struct replay_totals totals = {0, 0, 0};
	char error[REPLAY_ERROR_BYTES] = "";
	char path[1024];

	path_of((size_t)_i, path, sizeof(path));
	ck_assert_msg(
		replay_file(path, &totals, &report, error, sizeof(error)) == 0,
		"%s", error);
	printf("%s: %" PRIu64 " calls in %" PRIu64 " cases, %" PRIu64
	       " mismatches\n",
	       traces[_i].name, totals.calls, totals.cases, totals.mismatches);
	ck_assert_uint_eq(totals.mismatches, 0);
	ck_assert_uint_ge(totals.calls, traces[_i].calls);
	ck_assert_uint_ge(totals.cases, 1);
}
END_TEST

/* A line that starts with `word`, from some place in the text on; 0: none. */
static size_t some_line(const struct text *t, const char *word, uint64_t *seed)
{
	size_t from = (size_t)(next_random(seed) % t->size);
	const char *at = strstr(t->bytes + from, word);

	if (!at)
		at = strstr(t->bytes, word);
	return at ? (size_t)(at - t->bytes) + 1 : 0;
}

/* A register of an answer, changed; false: this answer names none. */
static bool change_answer(const struct text *t, uint64_t *seed,
			  struct text *out)
{
	size_t at = some_line(t, "\nret ", seed) + strlen("ret ");
	size_t end = at + strcspn(t->bytes + at, "\n");
	size_t nr = 0;
	size_t tokens[12][2];
	size_t k;

	while (at < end && nr < COUNT(tokens)) {
		size_t n = strcspn(t->bytes + at, " #\n");

		if (n == 0)
			break;
		if (strspn(t->bytes + at, "0123456789abcdef") == n) {
			tokens[nr][0] = at;
			tokens[nr++][1] = n;
		}
		at += n + 1;
	}
	/* `enter` begins with a digit, but does not end with one */
	if (nr == 0)
		return false;
	k = (size_t)(next_random(seed) % nr);
	*out = splice(t, tokens[k][0], tokens[k][1], "dead0bad");
	return true;
}

START_TEST(a_changed_register_is_one_mismatch)
{
	struct text t = load((size_t)_i);
	uint64_t seed = 0x7E57 + (uint64_t)_i;
	unsigned done = 0;

	while (done < MUTATIONS) {
		struct text changed;
		struct replay_totals totals;

		if (!change_answer(&t, &seed, &changed))
			continue;
		totals = play(&changed);
		ck_assert_uint_eq(totals.mismatches, 1);
		ck_assert_uint_ge(totals.calls, traces[_i].calls);
		free(changed.bytes);
		done++;
	}
	free(t.bytes);
}
END_TEST

START_TEST(a_lost_request_does_not_stop_the_player)
{
	struct text t = load((size_t)_i);
	uint64_t seed = 0x1057 + (uint64_t)_i;

	for (unsigned i = 0; i < MUTATIONS; i++) {
		size_t at = some_line(&t, "\ncall ", &seed);
		size_t line = strcspn(t.bytes + at, "\n") + 1;
		size_t ret = strcspn(t.bytes + at + line, "\n") + 1;
		struct text changed = splice(&t, at, line + ret, "");
		struct replay_totals totals = play(&changed);

		ck_assert_uint_ge(totals.calls, traces[_i].calls - 1);
		free(changed.bytes);
	}
	free(t.bytes);
}
END_TEST

/* A guest that runs where the trace has none, and the other way round. */
START_TEST(a_guest_on_the_wrong_side_does_not_stop_the_player)
{
	static const char *const with[] = {"\nret c000010000000001\n",
					   "\nret 0\n"};
	struct text t = load((size_t)_i);
	uint64_t seed = 0x51DE + (uint64_t)_i;
	unsigned i;

	for (i = 0; i < 2 && strstr(t.bytes, "\nret enter\n"); i++) {
		size_t at = some_line(&t, "\nret enter\n", &seed) - 1;
		struct text changed =
			splice(&t, at, strlen("\nret enter\n"), with[i]);
		struct replay_totals totals = play(&changed);

		ck_assert_uint_ge(totals.calls, traces[_i].calls);
		ck_assert_uint_ge(totals.mismatches, 1);
		free(changed.bytes);
	}
	free(t.bytes);
}
END_TEST

#define HEADER                                                                 \
	"tdxtrace 1\nlps 2 1\nkeyids 6 1f 20\npawidth 34\n"                    \
	"seamrr 90000000 8000000\nfms 806f8\ncacheblocks 4\n"                  \
	"cmr 100000 7ff00000\ncase a\n"

/* Small texts, and what is said of them. */
static const struct {
	const char *text;
	uint64_t calls, mismatches;
	const char *said; /* part of what is printed, or of the error */
	bool error;
} texts[] = {
	{HEADER "call 0 21 0\nret 0\n", 1, 0, "", false},
	{HEADER "call 0 21 0\nret 1\n", 1, 1,
	 "t:11: case a: got ret 0 0 0 0 0 0 0 0 0 want ret 1 0 0 0 0 0 0 0 "
	 "0\n",
	 false},
	{HEADER "exit 1\nret exit 1\n", 1, 1,
	 "t:11: case a: got nothing, LP 1 is not in guest want ret exit 1 ",
	 false},
	{HEADER "tdcall 1 1\nret 0\n", 1, 1, "LP 1 is not in guest", false},
	{HEADER "call 0 0 0\nret enter\n", 1, 1, "want ret enter\n", false},
	{HEADER "repeat 5 call 0 21 0\nret 0\n", 1, 1,
	 "got ret c000050000000000", false},
	{HEADER "until 1 1 call 0 21 0\nret c000050000000000\n", 1, 0, "",
	 false},
	{HEADER "mem 1000 5\ncheck 1000 5 *\n", 0, 0, "", false},
	{HEADER "mem 1000 5\ncheck 1000 5 7\n", 0, 1,
	 "t:11: case a: got 0 at 1008 want 7\n", false},
	{HEADER "fill 1ffe 4 ab\ncheck 1ff8 abab000000000000 abab\n", 0, 0, "",
	 false},
	{HEADER "fill 0 0 1\nfill ffffffffff000 1000 1\ncheck 0 0\n", 0, 0, "",
	 false},
	{HEADER "call 0 22 0 0 1\nret 0 * * *\n", 1, 1,
	 "want ret 0 * * * 0 0 0 0 0\n", false},
	{"", 0, 0, "t:1: expected tdxtrace 1", true},
	{HEADER "call 0 21 0\nret 0\ncall 0\n", 1, 0,
	 "t:12: expected LP LEAF VERSION", true},
	{HEADER "repeat 0 call 0 21 0\nret 0\n", 0, 0, "t:10: repeat", true},
	{HEADER "repeat 1000001 call 0 2c 0\nret 0\n", 0, 0, "t:10: repeat",
	 true},
	{HEADER "call 0 21 0\nret 0\ncase b\nlps 4000 1\ncall 0 21 0\nret 0\n",
	 1, 0, "t:12: case b: this platform cannot be built", true},
	{HEADER "keyids f 1 1\n", 0, 0, "cannot be built", true},
};

START_TEST(a_text_is_played_and_told_of_as_it_should)
{
	const char *text = texts[_i].text;
	struct replay_totals totals = {0, 0, 0};
	struct replay_report report = {NULL, 20, 0};
	char error[REPLAY_ERROR_BYTES] = "";
	char *said = NULL;
	size_t size = 0;
	int err;

	report.stream = open_memstream(&said, &size);
	ck_assert_ptr_nonnull(report.stream);
	err = replay_text("t", text, strlen(text), &totals, &report, error,
			  sizeof(error));
	(void)fclose(report.stream);
	ck_assert_int_eq(err != 0, texts[_i].error);
	ck_assert_uint_eq(totals.calls, texts[_i].calls);
	ck_assert_uint_eq(totals.mismatches, texts[_i].mismatches);
	ck_assert_msg(strstr(err ? error : said, texts[_i].said) != NULL,
		      "said \"%s\", error \"%s\"", said, error);
	free(said);
}
END_TEST

START_TEST(no_more_than_max_lines_are_printed)
{
	static const char text[] = HEADER "call 0 21 0\nret 1\ncall 0 21 0\n"
					  "ret 2\ncall 0 21 0\nret 3\n";
	struct replay_totals totals = {0, 0, 0};
	struct replay_report report = {NULL, 2, 0};
	char error[REPLAY_ERROR_BYTES] = "";
	char *said = NULL;
	size_t size = 0;

	report.stream = open_memstream(&said, &size);
	ck_assert_ptr_nonnull(report.stream);
	ck_assert_int_eq(replay_text("t", text, strlen(text), &totals, &report,
				     error, sizeof(error)),
			 0);
	(void)fclose(report.stream);
	ck_assert_uint_eq(totals.mismatches, 3);
	ck_assert_uint_eq(report.printed, 2);
	ck_assert_ptr_nonnull(strstr(said, "want ret 2 "));
	ck_assert_ptr_null(strstr(said, "want ret 3 "));
	free(said);
}
END_TEST

START_TEST(a_missing_file_is_named)
{
	struct replay_totals totals = {0, 0, 0};
	char error[REPLAY_ERROR_BYTES] = "";

	ck_assert_int_eq(replay_file("/nowhere/a.trace", &totals, NULL, error,
				     sizeof(error)),
			 -1);
	ck_assert_ptr_nonnull(strstr(error, "/nowhere/a.trace: "));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("replay");
	TCase *tc = tcase_create("replay");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tc, a_trace_replays_without_a_mismatch, 0,
			    (int)COUNT(traces));
	tcase_add_loop_test(tc, a_changed_register_is_one_mismatch, 0,
			    (int)COUNT(traces));
	tcase_add_loop_test(tc, a_lost_request_does_not_stop_the_player, 0,
			    (int)COUNT(traces));
	tcase_add_loop_test(tc,
			    a_guest_on_the_wrong_side_does_not_stop_the_player,
			    0, (int)COUNT(traces));
	tcase_add_loop_test(tc, a_text_is_played_and_told_of_as_it_should, 0,
			    (int)COUNT(texts));
	tcase_add_test(tc, no_more_than_max_lines_are_printed);
	tcase_add_test(tc, a_missing_file_is_named);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
