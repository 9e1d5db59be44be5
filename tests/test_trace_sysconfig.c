/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * check.c against the recorded answers of TDH.SYS.CONFIG: every sysconfig-*
 * trace under the data directory, every call, all nine registers.
 *
 * Only what SYS.CONFIG can see is modelled: memory, which processors have run
 * SYS.LP.INIT, and whether the module is before, in or past the state in which
 * it takes a configuration. Leaves beyond that are passed over.
 */
#include "trace/trace.h"

#include <tdxcore/check.h>
#include <tdxcore/err.h>
#include <tdxcore/status.h>
#include <tdxcore/version.h>

#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How many there are; a lower number means that some were not looked at. */
#define EXPECTED_FILES	    7
#define EXPECTED_CASES	    1911
#define EXPECTED_CONFIGS    2002
#define EXPECTED_IN_RETRY   116

#define LEAF_SYS_INIT	    0x21
#define LEAF_SYS_LP_INIT    0x23
#define LEAF_SYS_CONFIG	    0x2d

#define CONFIG_NOT_PENDING  0xC000050C00000000ull
#define INIT_NOT_PENDING    0xC000050000000000ull
#define LP_INIT_NOT_PENDING 0xC000050B00000000ull
#define LP_INIT_DONE	    0xC000050300000000ull
#define CMR_LIST_INVALID    0xC0000A2200000000ull

#define PAGE		    4096
#define MAX_PAGES	    256
#define MAX_LPS		    64
#define INFO_BYTES	    320
#define STRIDE		    512

struct page {
	uint64_t number;
	unsigned char bytes[PAGE];
};

enum state { INIT_PENDING, INIT_DONE, CONFIG_DONE };

struct machine {
	struct page pages[MAX_PAGES];
	size_t nr_pages;
	enum state state;
	bool lp_done[MAX_LPS];
	struct tdxc_cmr cmrs[TRACE_MAX_CMRS];
	struct tdxc_check_platform platform;
	uint64_t lps;
	uint64_t infos[64 * STRIDE / 8];
};

struct totals {
	unsigned files, cases, configs, in_retry, mismatches;
};

/* ---- memory ---- */

static unsigned char *machine_page(struct machine *m, uint64_t pa, bool make)
{
	size_t i;

	for (i = 0; i < m->nr_pages; i++) {
		if (m->pages[i].number == pa / PAGE)
			return m->pages[i].bytes;
	}
	if (!make)
		return NULL;
	ck_assert_uint_lt(m->nr_pages, MAX_PAGES);
	m->pages[i].number = pa / PAGE;
	memset(m->pages[i].bytes, 0, PAGE);
	m->nr_pages++;
	return m->pages[i].bytes;
}

static void machine_write(struct machine *m, uint64_t pa, uint64_t word)
{
	memcpy(machine_page(m, pa, true) + pa % PAGE, &word, sizeof word);
}

static uint64_t machine_read(struct machine *m, uint64_t pa)
{
	const unsigned char *page = machine_page(m, pa, false);
	uint64_t word = 0;

	if (page)
		memcpy(&word, page + pa % PAGE, sizeof word);
	return word;
}

static void machine_fill(struct machine *m, const struct trace_event *e)
{
	uint64_t at;

	for (at = e->pa; at < e->pa + e->len; at++) {
		/* Memory starts as zero; large zero fills need no page. */
		if (e->byte == 0 && !machine_page(m, at, false))
			at |= PAGE - 1;
		else
			machine_page(m, at, true)[at % PAGE] =
				(unsigned char)e->byte;
	}
}

/* ---- the module ---- */

static void machine_power_on(struct machine *m, const struct trace_platform *t)
{
	size_t i;

	memset(m, 0, sizeof *m);
	ck_assert_uint_le(t->lps, MAX_LPS);
	m->lps = t->lps;
	for (i = 0; i < t->nr_cmrs; i++) {
		m->cmrs[i].base = t->cmrs[i].base;
		m->cmrs[i].size = t->cmrs[i].size;
	}
	m->platform.abi = TDXC_ABI;
	m->platform.keyid_start_bit = (uint32_t)(t->pawidth - t->keyid_bits);
	m->platform.shared_keyids = (uint32_t)t->shared_keyids;
	m->platform.private_keyids = (uint32_t)t->private_keyids;
	m->platform.seamrr.start = t->seamrr_base;
	m->platform.seamrr.end = t->seamrr_base + t->seamrr_size;
	m->platform.cmrs = m->cmrs;
	m->platform.nr_cmrs = t->nr_cmrs;
	m->platform.limits = tdxc_limits_observed();
	m->platform.limits.pa_bits = (uint32_t)t->pawidth;
}

static uint64_t machine_init(struct machine *m, uint64_t rcx)
{
	struct tdxc_range ranges[TRACE_MAX_CMRS];
	struct tdxc_cmr_fault fault;
	size_t nr;

	if (rcx != 0)
		return TDXC_STATUS_OPERAND_INVALID | TDXC_OPERAND_RCX;
	if (m->state != INIT_PENDING)
		return INIT_NOT_PENDING;
	/* A platform without convertible memory is one to the module. */
	if (tdxc_cmr_read(m->cmrs, m->platform.nr_cmrs,
			  m->platform.keyid_start_bit, ranges, &nr,
			  &fault) != TDXC_OK &&
	    fault.kind != TDXC_CMR_FAULT_EMPTY_LIST)
		return CMR_LIST_INVALID;
	m->state = INIT_DONE;
	return TDXC_STATUS_SUCCESS;
}

static uint64_t machine_lp_init(struct machine *m, uint64_t lp)
{
	if (m->state != INIT_DONE)
		return LP_INIT_NOT_PENDING;
	if (m->lp_done[lp])
		return LP_INIT_DONE;
	m->lp_done[lp] = true;
	return TDXC_STATUS_SUCCESS;
}

static uint64_t machine_config_entry(struct machine *m, uint64_t array,
				     uint32_t i)
{
	uint64_t keyid_mask = (1ull << m->platform.keyid_start_bit) - 1;
	uint64_t pa = machine_read(m, (array & keyid_mask) + 8 * i);
	uint64_t status = tdxc_check_info_address(&m->platform, pa);
	size_t k;

	if (status != TDXC_STATUS_SUCCESS)
		return status;
	for (k = 0; k < INFO_BYTES / 8; k++)
		m->infos[i * STRIDE / 8 + k] =
			machine_read(m, (pa & keyid_mask) + 8 * k);
	return tdxc_check_tdmr(&m->platform, m->infos, STRIDE, i);
}

static uint64_t machine_config(struct machine *m, const uint64_t *regs)
{
	uint64_t status;
	uint64_t lp;
	uint32_t i;

	if (m->state != INIT_DONE)
		return CONFIG_NOT_PENDING;
	for (lp = 0; lp < m->lps; lp++) {
		if (!m->lp_done[lp])
			return CONFIG_NOT_PENDING;
	}
	status = tdxc_check_operands(&m->platform, regs[TRACE_RCX],
				     regs[TRACE_RDX], regs[TRACE_R8]);
	for (i = 0; status == TDXC_STATUS_SUCCESS && i < regs[TRACE_RDX]; i++)
		status = machine_config_entry(m, regs[TRACE_RCX], i);
	if (status == TDXC_STATUS_SUCCESS)
		m->state = CONFIG_DONE;
	return status;
}

/* false: a leaf that is not modelled. */
static bool machine_call(struct machine *m, const struct trace_request *r,
			 uint64_t *out)
{
	memcpy(out, r->regs, sizeof r->regs);
	if (r->regs[TRACE_RAX] == LEAF_SYS_CONFIG) {
		out[TRACE_RAX] = machine_config(m, r->regs);
	} else if (r->regs[TRACE_RAX] == LEAF_SYS_INIT) {
		out[TRACE_RAX] = machine_init(m, r->regs[TRACE_RCX]);
		out[TRACE_RCX] = 0;
	} else if (r->regs[TRACE_RAX] == LEAF_SYS_LP_INIT) {
		out[TRACE_RAX] = machine_lp_init(m, r->lp);
		out[TRACE_RCX] = 0;
	} else {
		return false;
	}
	return true;
}

/* ---- replay ---- */

static void replay_request(struct machine *m, const char *path,
			   const struct trace_event *e, struct totals *sum)
{
	uint64_t out[TRACE_NR_REGS];
	size_t i;

	if (e->request.kind != TRACE_CALL || e->request.count != 1 ||
	    !machine_call(m, &e->request, out))
		return;
	if (e->request.regs[TRACE_RAX] == LEAF_SYS_CONFIG)
		sum->configs++;
	for (i = 0; i < TRACE_NR_REGS; i++) {
		if (e->answer.any[i] || e->answer.regs[i] == out[i])
			continue;
		sum->mismatches++;
		printf("%s:%u: register %zu: got %llx want %llx\n", path,
		       e->answer.line, i, (unsigned long long)out[i],
		       (unsigned long long)e->answer.regs[i]);
	}
}

static void replay_event(struct machine *m, struct trace *t,
			 const struct trace_event *e, struct totals *sum)
{
	size_t i;

	switch (e->kind) {
	case TRACE_CASE:
		machine_power_on(m, &t->platform);
		sum->cases++;
		break;
	case TRACE_MEM:
		for (i = 0; i < e->nr_words; i++)
			machine_write(m, e->pa + 8 * i, e->words[i].value);
		break;
	case TRACE_FILL:
		machine_fill(m, e);
		break;
	case TRACE_REQUEST:
		replay_request(m, t->path, e, sum);
		break;
	case TRACE_CHECK:
	case TRACE_INTR:
	case TRACE_KEYFAIL:
		break;
	}
}

static void replay_file(const char *path, struct totals *sum)
{
	static struct machine m;
	unsigned configs = sum->configs;
	struct trace_event e;
	struct trace t;

	if (trace_open(&t, path)) {
		while (trace_next(&t, &e))
			replay_event(&m, &t, &e, sum);
	}
	ck_assert_msg(t.error[0] == '\0', "%s:%u: %s", path, t.error_line,
		      t.error);
	trace_close(&t);
	sum->files++;
	if (strstr(path, "sysconfig-retry"))
		sum->in_retry += sum->configs - configs;
}

static void replay_all(struct totals *sum)
{
	const char *data = getenv("TDXC_TEST_DATA");
	struct dirent *entry;
	char folder[512];
	char path[1024];
	size_t length;
	DIR *dir;

	memset(sum, 0, sizeof *sum);
	(void)snprintf(folder, sizeof folder, "%s/traces",
		       data ? data : "tests/data");
	dir = opendir(folder);
	ck_assert_msg(dir != NULL, "%s: no such folder", folder);
	while ((entry = readdir(dir)) != NULL) {
		length = strlen(entry->d_name);
		if (strncmp(entry->d_name, "sysconfig-", 10) != 0 ||
		    length < 6 ||
		    strcmp(entry->d_name + length - 6, ".trace") != 0)
			continue;
		(void)snprintf(path, sizeof path, "%s/%s", folder,
			       entry->d_name);
		replay_file(path, sum);
	}
	closedir(dir);
}

START_TEST(every_recorded_sys_config_answer_is_given_by_check)
{
	struct totals sum;

	replay_all(&sum);
	printf("%u files, %u cases, %u SYS.CONFIG calls (%u in retry), "
	       "%u mismatches\n",
	       sum.files, sum.cases, sum.configs, sum.in_retry, sum.mismatches);
	ck_assert_uint_eq(sum.mismatches, 0);
	ck_assert_uint_ge(sum.files, EXPECTED_FILES);
	ck_assert_uint_ge(sum.cases, EXPECTED_CASES);
	ck_assert_uint_ge(sum.configs, EXPECTED_CONFIGS);
	ck_assert_uint_ge(sum.in_retry, EXPECTED_IN_RETRY);
}
END_TEST

/* ---- the reader itself ---- */

#define HEADER                                                                 \
	"tdxtrace 1\n"                                                         \
	"lps 2 1\nkeyids 6 1f 20\npawidth 34\nseamrr 90000000 8000000\n"       \
	"fms 806f8\ncacheblocks 4\ncmr 100000 7ff00000\n"

#define CASE HEADER "case a\n"

static const struct {
	const char *text;
	const char *expected; /* Part of the message; NULL: no error. */
	unsigned line;
} grammar[] = {
	{CASE "call 0 21 0\nret 0\n", NULL, 0},
	{CASE "  # a comment\n\ncall 0 21 0 # why\nret 0\n", NULL, 0},
	{CASE "call 0 21 0 \nret 0 \n", NULL, 0},
	{CASE "cmr 0 0\nlps 8 8\ncall 7 21 0\nret 0\n", NULL, 0},
	{CASE "repeat a call 0 24 0 1 2 3 4 5 6 7 8\nret 0\n", NULL, 0},
	{CASE "until 40000000 100 call 1 24 0 0\nret 0 0 40000000\n", NULL, 0},
	{CASE "call 0 22 0 0 1\nret 0 0 * *\n", NULL, 0},
	{CASE "call 0 0 0 1\nret enter\ntdcall 0 6 1\nret 0\nexit 0\n"
	      "ret exit 1\n",
	 NULL, 0},
	{CASE "check 1000 1 * 2\nfill 0 1000 ff\nintr 1 1\n"
	      "keyfail busy 2\n",
	 NULL, 0},
	{"", "tdxtrace 1", 0},
	{"tdxtrace 2\n", "tdxtrace 1", 1},
	{"tdxtrace 1\ncase a\n", "before the first case", 2},
	{HEADER "mem 0 1\n", "platform directive or case", 9},
	{HEADER "case A\n", "a-z", 9},
	{HEADER "case a b\n", "a case name", 9},
	{HEADER "case aaaaaaaaaabbbbbbbbbbccccccccccdddddddddde\n", "1..40", 9},
	{CASE "case a\n", "a new name", 10},
	{CASE "call 0 21 0\n", "expected ret", 10},
	{CASE "call 0 21 0\nmem 0 1\n", "expected ret", 11},
	{CASE "ret 0\n", "a directive of the format", 10},
	{CASE "call  0 21 0\nret 0\n", "single blanks", 10},
	{CASE " call 0 21 0\nret 0\n", "single blanks", 10},
	{CASE "call\t0 21 0\nret 0\n", "printable", 10},
	{CASE "call 0 21 0\r\nret 0\n", "printable", 10},
	{CASE "call 0 021 0\nret 0\n", "leading zeros", 10},
	{CASE "call 0 2D 0\nret 0\n", "lower-case", 10},
	{CASE "call 0 0x2d 0\nret 0\n", "leading zeros", 10},
	{CASE "call 0 11112222333344445 0\nret 0\n", "16 digits", 10},
	{CASE "call 2 21 0\nret 0\n", "a processor", 10},
	{CASE "call 0 21\nret 0\n", "LP LEAF VERSION", 10},
	{CASE "call 0 21 0 1 2 3 4 5 6 7 8 9\nret 0\n", "after R13", 10},
	{CASE "call 0 21 0\nret 0 1 2 3 4 5 6 7 8 9\n", "after R13", 11},
	{CASE "call 0 21 0\nret *\n", "lower-case", 11},
	{CASE "call 0 21 0\nret\n", "RAX", 11},
	{CASE "call 0 21 0\nret enter\n", "VP.ENTER only", 11},
	{CASE "call 0 0 0\nret exit 1\n", "tdcall or exit", 11},
	{CASE "exit 0\nret 1\n", "tdcall or exit", 11},
	{CASE "mem 1004 1\n", "multiple of 8", 10},
	{CASE "mem 1000\n", "an address and words", 10},
	{CASE "mem fffffffffffffff8 1 2\n", "multiple of 8", 10},
	{CASE "fill ffffffffffffffff 2 0\n", "a range", 10},
	{CASE "fill 0 1 100\n", "a range", 10},
	{CASE "intr 0 2\n", "0 or 1", 10},
	{CASE "keyfail lazy 2\n", "entropy or busy", 10},
	{CASE "mem 0 1\nlps 1 1\n", "first event", 11},
	{CASE "pawidth 40\nmem 0 1\n", "pawidth", 11},
	{CASE "keyids 15 1 1\nmem 0 1\n", "pawidth", 11},
	{CASE "lps 0 1\nmem 0 1\n", "lps", 11},
	{CASE "call 0 21 0\nret 0", "newline", 11},
};

START_TEST(reader_takes_the_grammar_and_names_what_breaks_it)
{
	const char *text = grammar[_i].text;
	struct trace_event e;
	struct trace t;

	trace_open_text(&t, "grammar", text, strlen(text));
	while (trace_next(&t, &e))
		continue;
	if (!grammar[_i].expected) {
		ck_assert_str_eq(t.error, "");
	} else {
		ck_assert_msg(strstr(t.error, grammar[_i].expected) != NULL,
			      "%s: got \"%s\"", text, t.error);
		ck_assert_uint_eq(t.error_line, grammar[_i].line);
	}
	/* An error stays one. */
	ck_assert(!trace_next(&t, &e));
	trace_close(&t);
}
END_TEST

START_TEST(reader_hands_out_platform_overrides_for_one_case_only)
{
	static const char text[] = CASE "mem 0 1\n"
					"case b\nlps 4 2\ncmr 0 1000\n"
					"cmr 2000 0\nmem 0 1\n"
					"case c\nmem 0 1\n";
	const uint64_t lps[] = {2, 4, 2};
	const size_t cmrs[] = {1, 2, 1};
	struct trace_event e;
	unsigned seen = 0;
	struct trace t;

	trace_open_text(&t, "overrides", text, sizeof text - 1);
	while (trace_next(&t, &e)) {
		if (e.kind != TRACE_CASE)
			continue;
		ck_assert_uint_lt(seen, 3);
		ck_assert_uint_eq(t.platform.lps, lps[seen]);
		ck_assert_uint_eq(t.platform.nr_cmrs, cmrs[seen]);
		ck_assert_int_eq(e.name[0], "abc"[seen]);
		seen++;
	}
	ck_assert_str_eq(t.error, "");
	ck_assert_uint_eq(seen, 3);
	trace_close(&t);
}
END_TEST

START_TEST(reader_refuses_a_file_that_is_not_there)
{
	struct trace_event e;
	struct trace t;

	ck_assert(!trace_open(&t, "/nonexistent/x.trace"));
	ck_assert_str_ne(t.error, "");
	ck_assert(!trace_next(&t, &e));
	trace_close(&t);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("trace_sysconfig");
	TCase *records = tcase_create("records");
	TCase *reader = tcase_create("reader");
	SRunner *runner;
	int failed;

	tcase_set_timeout(records, 120);
	tcase_add_test(records,
		       every_recorded_sys_config_answer_is_given_by_check);
	tcase_add_loop_test(reader,
			    reader_takes_the_grammar_and_names_what_breaks_it,
			    0, sizeof grammar / sizeof grammar[0]);
	tcase_add_test(reader,
		       reader_hands_out_platform_overrides_for_one_case_only);
	tcase_add_test(reader, reader_refuses_a_file_that_is_not_there);
	suite_add_tcase(suite, records);
	suite_add_tcase(suite, reader);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
