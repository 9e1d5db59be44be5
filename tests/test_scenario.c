/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * The scenario reader: what each statement means, what is left out, and what is
 * refused in which line, in which words.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scenario/scenario.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define MIB	     ((uint64_t)1 << 20)
#define GIB	     ((uint64_t)1 << 30)

/* A copy without a NUL behind it: a reader that goes too far is caught. */
static int parse(const char *text, struct scenario *s, struct map_error *error)
{
	size_t len = strlen(text);
	char *copy = malloc(len + (len == 0));
	int result;

	ck_assert_ptr_nonnull(copy);
	memcpy(copy, text, len);
	memset(error, 0, sizeof *error);
	result = scenario_parse(copy, len, "a.scenario", s, error);
	free(copy);
	return result;
}

static void parse_good(const char *text, struct scenario *s)
{
	struct map_error error;

	ck_assert_msg(parse(text, s, &error) == MAP_OK, "%zu: %s\n%s",
		      error.line, error.text, text);
}

/* ---- what is refused ---- */

struct refusal {
	const char *text;
	size_t line;
	const char *says; /* part of the message */
};

#define STATEMENTS                                                             \
	"expected machine, seed, td, guest, host, parallel, repeat, end, "     \
	"inject, expect, audit, teardown, plug, unplug, offline, online, "     \
	"unshare, kexec or crash, found "

static const struct refusal refusals[] = {
	/* lines and words */
	{"", 0, "expected at least one td"},
	{"# nothing\n\n", 2, "expected at least one td"},
	{"bogus\n", 1, STATEMENTS "\"bogus\""},
	{"td a\n\n  Teardown a\n", 3, STATEMENTS "\"Teardown\""},
	{"\x01\x7f\n", 1, STATEMENTS "\"??\""},
	{"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n", 1,
	 "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...\""},
	/* machine */
	{"machine bogus\n", 1,
	 "expected map FILE, memory SIZE, packages N, cpus N, dynamic-pamt "
	 "on|off, track on|off or lines on|off, found \"bogus\""},
	{"machine\nmachine\ntd a\n", 2, "expected one machine, before"},
	{"td a\nmachine\n", 2, "expected one machine, before"},
	{"machine map\n", 1,
	 "expected a file with a memory map, found the "
	 "end of the line"},
	{"machine memory\n", 1,
	 "for memory, a multiple of 1G from 1G to 256G, "
	 "found the end of the line"},
	{"machine memory 1536M\n", 1, "a multiple of 1G"},
	{"machine memory 257G\n", 1, "from 1G to 256G, found \"257G\""},
	{"machine memory 0\n", 1, "found \"0\""},
	{"machine memory 4g\n", 1, "found \"4g\""},
	{"machine memory 4GB\n", 1, "found \"4GB\""},
	{"machine memory -1G\n", 1, "found \"-1G\""},
	{"machine memory 99999999999999999999\n", 1, "found \"9999"},
	{"machine memory 20000000000000000T\n", 1, "found \"2000"},
	{"machine packages 0\n", 1,
	 "expected a number from 1 to 8 for "
	 "packages, found \"0\""},
	{"machine packages 9\n", 1, "for packages, found \"9\""},
	{"machine cpus 65\n", 1, "from 1 to 64 for cpus, found \"65\""},
	{"machine cpus 1K\n", 1, "for cpus, found \"1K\""},
	{"machine cpus 1\n", 1, "1 cpus for 2 packages"},
	{"machine dynamic-pamt yes\n", 1,
	 "expected on or off for dynamic-pamt, found \"yes\""},
	{"machine track\n", 1, "expected on or off for track"},
	{"machine lines 1\n", 1, "expected on or off for lines, found"},
	/* seed */
	{"seed\n", 1, "expected a number for seed, found the end of the line"},
	{"seed x\n", 1, "found \"x\""},
	{"seed 0x\n", 1, "found \"0x\""},
	{"seed 18446744073709551616\n", 1, "found \"1844"},
	{"seed 1 2\n", 1, "expected the end of the line, found \"2\""},
	{"seed 1\nseed 2\n", 2, "expected one seed, before"},
	{"td a\nseed 2\n", 2, "expected one seed, before"},
	/* td */
	{"td\n", 1, "expected the name of a TD, found the end of the line"},
	{"td 1a\n", 1, "expected the name of a TD, found \"1a\""},
	{"td a.b\n", 1, "expected the name of a TD, found \"a.b\""},
	{"td aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n", 1, "the name of a TD"},
	{"td a bogus\n", 1,
	 "expected vcpus N, memory SIZE, image SIZE, slots N or large on|off, "
	 "found \"bogus\""},
	{"td a vcpus 17\n", 1, "from 1 to 16 for vcpus"},
	{"td a memory 3M\n", 1, "a multiple of 2M from 2M to 64G"},
	{"td a image 5000\n", 1, "a multiple of 4K from 4K to 64M"},
	{"td a memory 2M image 4M\n", 1, "the image is larger"},
	{"td a slots 17\n", 1, "from 1 to 16 for slots"},
	{"td a memory 4M slots 3\n", 1, "at least 2M of memory for each slot"},
	{"td a large maybe\n", 1, "expected on or off for large"},
	{"td b\ntd a\ntd a\n", 3, "there is a TD a, made in line 2"},
	{"td a\ntd b\ntd c\ntd d\ntd e\ntd f\ntd g\ntd h\ntd i\ntd j\ntd k\n"
	 "td l\ntd m\ntd n\ntd o\ntd p\ntd q\n",
	 17, "at most 16 TDs at a time"},
	/* teardown */
	{"td a\nteardown\n", 2, "expected a TD that a td statement made"},
	{"td a\nteardown b\n", 2, "found \"b\""},
	{"td a\nteardown a\nteardown a\n", 3, "found \"a\""},
	{"td a\nteardown a b\n", 2, "expected the end of the line"},
	/* guest */
	{"guest a write all\ntd a\n", 1, "found \"a\""},
	{"td a\nguest a\n", 2,
	 "expected touch, write, verify, accept, share, unshare or storm, "
	 "found the end of the line"},
	{"td a\nguest a balloon all\n", 2, "found \"balloon\""},
	{"td a\nguest a write\n", 2,
	 "expected a range such as 64M..128M, in multiples of 4K within the "
	 "TD's 0..256M, or all, found the end of the line"},
	{"td a\nguest a write 1M\n", 2, "found \"1M\""},
	{"td a\nguest a write 1M..\n", 2, "found \"1M..\""},
	{"td a\nguest a write ..1M\n", 2, "found \"..1M\""},
	{"td a\nguest a write 2M..1M\n", 2, "found \"2M..1M\""},
	{"td a\nguest a write 1M..1M\n", 2, "found \"1M..1M\""},
	{"td a\nguest a write 0..257M\n", 2, "found \"0..257M\""},
	{"td a\nguest a write 0..4097\n", 2, "found \"0..4097\""},
	{"td a\nguest a write 0..1M..2M\n", 2, "found \"0..1M..2M\""},
	{"td a\nguest a write all pages 4K\n", 2,
	 "expected stride SIZE, times N or may-fail, found \"pages\""},
	{"td a\nguest a write all stride 0\n", 2, "found \"0\""},
	{"td a\nguest a write all stride 6K\n", 2, "a multiple of 4K"},
	{"td a\nguest a write all times 0\n", 2,
	 "from 1 to 1000000 for times, found \"0\""},
	{"td a\nguest a accept all pages 1G\n", 2,
	 "expected 4K or 2M for pages, found \"1G\""},
	{"td a\nguest a accept all bogus\n", 2,
	 "expected pages 4K|2M, times N or may-fail, found \"bogus\""},
	{"td a\nguest a accept 0..1M pages 2M\n", 2,
	 "pages 2M need a range in multiples of 2M"},
	{"td a\nguest a share all stride 2M\n", 2,
	 "expected times N or may-fail, found \"stride\""},
	{"td a\nguest a storm all stride 4K\n", 2,
	 "expected times N or may-fail, found \"stride\""},
	/* host */
	{"td a\nhost a\n", 2,
	 "expected populate, balloon, delete-slot, promote, demote, relocate, "
	 "remove-tables, zap-shared or migrate, found the end of the line"},
	{"td a\nhost b balloon all\n", 2, "found \"b\""},
	{"td a\nhost a write all\n", 2, "found \"write\""},
	{"td a\nhost a promote 0..1M\n", 2, "in multiples of 2M within"},
	{"td a\nhost a remove-tables 0..1M\n", 2, "in multiples of 2M within"},
	{"td a\nhost a delete-slot\n", 2,
	 "expected a number from 0 to 0 for the slot"},
	{"td a slots 4\nhost a delete-slot 4\n", 2, "from 0 to 3"},
	{"td a\nhost a migrate\n", 2,
	 "expected migrate in a parallel, beside what the guest does"},
	{"td a\nrepeat 2\nhost a migrate\nend\n", 3,
	 "expected migrate in a parallel, beside what the guest does"},
	{"td a\ntd b\nparallel\nguest b touch all\nhost a migrate\nend\n", 5,
	 "expected a guest statement of a at the same time"},
	{"td a\nhost a migrate all\n", 2,
	 "expected times N or may-fail, found \"all\""},
	{"td a\nhost a balloon all pages 4K\n", 2,
	 "expected times N or may-fail, found \"pages\""},
	/* blocks */
	{"td a\nend\n", 2, "expected a parallel or repeat before this end"},
	{"td a\nrepeat 2\nguest a write all\n", 2,
	 "expected an end for this block"},
	{"td a\nparallel\nguest a write all\n", 2,
	 "expected an end for this block"},
	{"td a\nrepeat 2\nend\n", 3,
	 "expected statements between repeat and its end"},
	{"td a\nparallel\nend\n", 3,
	 "expected statements between parallel and its end"},
	{"td a\nrepeat\n", 2, "expected a number from 1 to 1000000 for repeat"},
	{"td a\nrepeat 2 3\n", 2, "expected the end of the line"},
	{"td a\nparallel 2\n", 2, "expected the end of the line"},
	{"td a\nrepeat 2\naudit\nend end\n", 4, "expected the end of the line"},
	{"td a\naudit now\n", 2, "expected the end of the line"},
	{"td a\nrepeat 2\nrepeat 2\nrepeat 2\nrepeat 2\nrepeat 2\naudit\n"
	 "end\nend\nend\nend\nend\n",
	 6, "at most 4 blocks in each other"},
	{"td a\nparallel\naudit\nend\n", 3,
	 "expected guest, host, unshare or end in a parallel"},
	{"td a\nparallel\nparallel\nhost a migrate\nend\nend\n", 3,
	 "expected guest, host, unshare or end in a parallel"},
	{"td a\nparallel\nteardown a\nend\n", 3,
	 "expected guest, host, unshare or end in a parallel"},
	{"td a\nrepeat 2\nexpect tds = 1\nend\n", 3,
	 "expected expect outside of repeat and parallel"},
	{"td a\nrepeat 2\nteardown a\nend\n", 3,
	 "expected a to be made within the repeat"},
	{"td a\nrepeat 2\ntd b\nend\n", 3,
	 "expected a teardown of b within the repeat"},
	/* what happens at once */
	{"td a\nparallel\nguest a write 0..1M\nguest a verify 0..4K\nend\n", 4,
	 "expected other memory than in line 3"},
	{"td a\nparallel\nguest a touch 0..1M\nhost a balloon 4K..8K\nend\n", 4,
	 "expected other memory than in line 3"},
	{"td a\nparallel\nhost a populate all\nguest a storm 0..1M\nend\n", 4,
	 "expected other memory than in line 3"},
	{"td a slots 2\nparallel\nhost a delete-slot 1\n"
	 "guest a share 128M..129M\nend\n",
	 4, "expected other memory than in line 3"},
	{"td a vcpus 1\nparallel\nguest a touch 0..1M\nguest a touch 0..1M\n"
	 "end\n",
	 3, "expected at most 1 guest statements for a"},
	{"td a\nparallel\n"
	 "host a migrate\nhost a migrate\nhost a migrate\nhost a migrate\n"
	 "host a migrate\nhost a migrate\nhost a migrate\nhost a migrate\n"
	 "host a migrate\nhost a migrate\nhost a migrate\nhost a migrate\n"
	 "host a migrate\nhost a migrate\nhost a migrate\nhost a migrate\n"
	 "host a migrate\nend\n",
	 2, "at most 16 statements in a parallel"},
	/* memory and processors that come and go */
	{"td a\nplug\n", 2,
	 "expected a range of physical memory such as 8G..9G, in multiples of "
	 "2M below 32T, found the end of the line"},
	{"td a\nplug all acpi allowed\n", 2, "found \"all\""},
	{"td a\nplug 1M..2M acpi allowed\n", 2, "found \"1M..2M\""},
	{"td a\nplug 8G..33T acpi allowed\n", 2, "found \"8G..33T\""},
	{"td a\nplug 8G..9G\n", 2, "expected acpi or driver, found the end"},
	{"td a\nplug 8G..9G allowed\n", 2, "found \"allowed\""},
	{"td a\nplug 8G..9G acpi\n", 2,
	 "expected what the answer must be: allowed, warned or refused, found "
	 "the end of the line"},
	{"td a\nplug 8G..9G driver ok\n", 2, "refused, found \"ok\""},
	{"td a\nplug 8G..9G driver refused now\n", 2, "the end of the line"},
	{"td a\nunplug 9G..8G allowed\n", 2, "found \"9G..8G\""},
	{"td a\nunplug 8G..9G acpi allowed\n", 2, "found \"acpi\""},
	{"td a\noffline\n", 2, "expected a number from 0 to 7 for the cpu"},
	{"machine cpus 4\ntd a\noffline 4 allowed\n", 3, "from 0 to 3"},
	{"td a\noffline 1\n", 2, "expected what the answer must be"},
	{"td a\nonline 8 allowed\n", 2, "from 0 to 7 for the cpu"},
	{"td a\nparallel\noffline 1 allowed\nend\n", 3, "in a parallel"},
	{"td a\nparallel\nplug 8G..9G acpi refused\nend\n", 3, "in a parallel"},
	/* how kernels end */
	{"td a\nunshare\n", 2, "expected a TD that a td statement made"},
	{"td a\nunshare b\n", 2, "found \"b\""},
	{"td a\nunshare a all\n", 2,
	 "expected keep RANGE, late RANGE, levels 4|5, tracked, in-flight N or "
	 "may-fail, found \"all\""},
	{"td a\nunshare a keep\n", 2, "expected a range such as 64M..128M"},
	{"td a\nunshare a late 1..2\n", 2, "found \"1..2\""},
	{"td a\nunshare a levels 3\n", 2, "from 4 to 5 for levels"},
	{"td a\nunshare a in-flight 0\n", 2,
	 "from 1 to 1000 for conversions in flight"},
	{"td a\nunshare a keep 0..2M late 1M..3M\n", 2,
	 "expected what is kept to lie apart from what comes late"},
	{"machine lines on\ntd a\nunshare a\n", 3,
	 "expected a machine without lines"},
	{"td a\ncrash b\n", 2, "found \"b\""},
	{"td a\nkexec now\n", 2, "expected the end of the line"},
	{"td a\nkexec\ntd b\n", 3, "or a kexec where the module cannot be"},
	{"td a\ncrash\ntd b\n", 3, "expected nothing but expect after"},
	{"machine dynamic-pamt on\ntd a\nkexec\nguest a verify all\n", 4,
	 "found \"a\""},
	{"machine dynamic-pamt on\ntd a\ncrash\naudit\n", 4,
	 "expected nothing but expect after a crash of the host"},
	{"machine dynamic-pamt on\ntd a\nrepeat 2\nkexec\nend\n", 4,
	 "outside of repeat and parallel"},
	{"machine dynamic-pamt on\ntd a\nparallel\ncrash\nend\n", 4,
	 "outside of repeat and parallel"},
	{"td a\nparallel\ncrash a\nend\n", 3,
	 "expected unshare without in-flight in a parallel"},
	{"td a\nparallel\nunshare a in-flight 1\nend\n", 3,
	 "expected unshare without in-flight in a parallel"},
	{"td a\nparallel\nunshare a\nhost a relocate all\nend\n", 4,
	 "expected other memory than in line 3"},
	{"td a\nparallel\nunshare a\nunshare a\nend\n", 4,
	 "expected other memory than in line 3"},
	/* inject, expect */
	{"td a\ninject\n", 2,
	 "expected busy 1/N [LEAF], fail LEAF [call N] or "
	 "off, found the end of the line"},
	{"td a\ninject off now\n", 2, "expected the end of the line"},
	{"td a\ninject busy\n", 2, "expected a rate such as 1/100"},
	{"td a\ninject busy 2/100\n", 2, "found \"2/100\""},
	{"td a\ninject busy 1/1\n", 2, "from 2 to 1000000"},
	{"td a\ninject busy 1/x\n", 2, "found \"x\""},
	{"td a\ninject busy 1/10 BOGUS\n", 2,
	 "expected the name of a SEAMCALL leaf, such as MEM.PAGE.REMOVE, "
	 "found \"BOGUS\""},
	{"td a\ninject fail\n", 2, "expected the name of a SEAMCALL leaf"},
	{"td a\ninject fail MEM.TRACK bogus\n", 2, "expected call N"},
	{"td a\ninject fail MEM.TRACK call 0\n", 2, "for call, found \"0\""},
	{"td a\ninject fail MEM.TRACK call 1 1\n", 2, "the end of the line"},
	{"td a\nexpect bogus = 1\n", 2,
	 "expected tds, verified, broadcasts, retries, quarantined or "
	 "seamcalls LEAF, found \"bogus\""},
	{"td a\nexpect seamcalls = 1\n", 2, "the name of a SEAMCALL leaf"},
	{"td a\nexpect tds 1\n", 2, "expected =, >= or <=, found \"1\""},
	{"td a\nexpect tds < 1\n", 2, "expected =, >= or <=, found \"<\""},
	{"td a\nexpect tds =\n", 2, "for what is expected"},
	{"td a\nexpect tds = 1 TD\n", 2, "expected the end of the line"},
};

START_TEST(refusals_name_line_and_cause)
{
	const struct refusal *r = &refusals[_i];
	struct map_error error;
	struct scenario s;

	ck_assert_msg(parse(r->text, &s, &error) == MAP_E_INPUT, "taken: %s",
		      r->text);
	ck_assert_msg(error.line == r->line && strstr(error.text, r->says),
		      "%s\nline %zu: %s", r->text, error.line, error.text);
	ck_assert_str_eq(error.name, "a.scenario");
	ck_assert_ptr_null(s.statements);
	ck_assert_ptr_null(s.tds);
	ck_assert_ptr_null(s.machine.map);
}
END_TEST

/* ---- what is meant ---- */

START_TEST(what_is_left_out_has_a_default)
{
	struct scenario s;

	parse_good("td a", &s);
	ck_assert_ptr_null(s.machine.map);
	ck_assert_uint_eq(s.machine.memory, 8 * GIB);
	ck_assert_uint_eq(s.machine.packages, 2);
	ck_assert_uint_eq(s.machine.cpus, 8);
	ck_assert(!s.machine.dynamic_pamt);
	ck_assert(!s.machine.track && !s.machine.lines);
	ck_assert_uint_eq(s.seed, 1);
	ck_assert_uint_eq(s.nr_tds, 1);
	ck_assert_str_eq(s.tds[0].name, "a");
	ck_assert_uint_eq(s.tds[0].vcpus, 2);
	ck_assert_uint_eq(s.tds[0].memory, 256 * MIB);
	ck_assert_uint_eq(s.tds[0].image, 65536);
	ck_assert_uint_eq(s.tds[0].slots, 1);
	ck_assert(s.tds[0].large);
	scenario_free(&s);
}
END_TEST

START_TEST(machine_and_td_say_all)
{
	struct scenario s;

	parse_good("# c\n\tmachine map x.e820 memory 64G packages 3 cpus 64 "
		   "dynamic-pamt on # why\r\nseed 0xFFFFFFFFFFFFFFFF\n"
		   "td a-1 vcpus 16 memory 64G image 64M slots 16 large off\n",
		   &s);
	ck_assert_str_eq(s.machine.map, "x.e820");
	ck_assert_uint_eq(s.machine.memory, 64 * GIB);
	ck_assert_uint_eq(s.machine.packages, 3);
	ck_assert_uint_eq(s.machine.cpus, 64);
	ck_assert(s.machine.dynamic_pamt);
	ck_assert_uint_eq(s.seed, UINT64_MAX);
	ck_assert_str_eq(s.tds[0].name, "a-1");
	ck_assert_uint_eq(s.tds[0].vcpus, 16);
	ck_assert_uint_eq(s.tds[0].memory, 64 * GIB);
	ck_assert_uint_eq(s.tds[0].image, 64 * MIB);
	ck_assert_uint_eq(s.tds[0].slots, 16);
	ck_assert(!s.tds[0].large);
	scenario_free(&s);
}
END_TEST

struct meaning {
	const char *line; /* after "td a memory 1G vcpus 4 slots 2" */
	enum scenario_kind kind;
	int what;
	uint64_t start;
	uint64_t end;
	uint64_t stride;
	uint64_t page;
	uint64_t times;
	bool may_fail;
};

static const struct meaning meanings[] = {
	{"guest a touch all", SCENARIO_GUEST, SCENARIO_TOUCH, 0, GIB, 4096, 0,
	 1, false},
	{"guest a write 0..0x1000", SCENARIO_GUEST, SCENARIO_WRITE, 0, 4096,
	 4096, 0, 1, false},
	{"guest a write 4096..512M stride 2M times 7", SCENARIO_GUEST,
	 SCENARIO_WRITE, 4096, 512 * MIB, 2 * MIB, 0, 7, false},
	{"guest a verify 4K..8K", SCENARIO_GUEST, SCENARIO_VERIFY, 4096, 8192,
	 4096, 0, 1, false},
	{"guest a accept all pages 4K", SCENARIO_GUEST, SCENARIO_ACCEPT, 0, GIB,
	 4096, 4096, 1, false},
	{"guest a accept 2M..4M pages 2M", SCENARIO_GUEST, SCENARIO_ACCEPT,
	 2 * MIB, 4 * MIB, 4096, 2 * MIB, 1, false},
	{"guest a share 4K..8K", SCENARIO_GUEST, SCENARIO_SHARE, 4096, 8192,
	 4096, 0, 1, false},
	{"guest a unshare 4K..8K", SCENARIO_GUEST, SCENARIO_UNSHARE, 4096, 8192,
	 4096, 0, 1, false},
	{"guest a storm 4K..8K times 9 may-fail", SCENARIO_GUEST,
	 SCENARIO_STORM, 4096, 8192, 4096, 0, 9, true},
	{"host a populate all", SCENARIO_HOST, SCENARIO_POPULATE, 0, GIB, 4096,
	 0, 1, false},
	{"host a balloon 4K..8K may-fail", SCENARIO_HOST, SCENARIO_BALLOON,
	 4096, 8192, 4096, 0, 1, true},
	{"host a delete-slot 1", SCENARIO_HOST, SCENARIO_DELETE_SLOT, GIB / 2,
	 GIB, 4096, 0, 1, false},
	{"host a promote 2M..4M", SCENARIO_HOST, SCENARIO_PROMOTE, 2 * MIB,
	 4 * MIB, 4096, 0, 1, false},
	{"host a demote 2M..4M may-fail times 2", SCENARIO_HOST,
	 SCENARIO_DEMOTE, 2 * MIB, 4 * MIB, 4096, 0, 2, true},
	{"host a relocate 4K..8K", SCENARIO_HOST, SCENARIO_RELOCATE, 4096, 8192,
	 4096, 0, 1, false},
	{"host a remove-tables 2M..4M", SCENARIO_HOST, SCENARIO_REMOVE_TABLES,
	 2 * MIB, 4 * MIB, 4096, 0, 1, false},
	{"host a zap-shared all", SCENARIO_HOST, SCENARIO_ZAP_SHARED, 0, GIB,
	 4096, 0, 1, false},
	{"audit", SCENARIO_AUDIT, 0, 0, 0, 0, 0, 1, false},
	{"teardown a", SCENARIO_TEARDOWN, 0, 0, 0, 0, 0, 1, false},
	{"inject off", SCENARIO_INJECT, SCENARIO_INJECT_OFF, 0, 0, 0, 0, 1,
	 false},
	{"inject busy 1/100", SCENARIO_INJECT, SCENARIO_INJECT_BUSY, 0, 0, 0, 0,
	 100, false},
	{"inject fail MEM.PAGE.REMOVE", SCENARIO_INJECT, SCENARIO_INJECT_FAIL,
	 0, 0, 0, 0, 1, false},
	{"inject fail MEM.TRACK call 3", SCENARIO_INJECT, SCENARIO_INJECT_FAIL,
	 0, 0, 0, 0, 3, false},
	{"expect retries >= 1", SCENARIO_EXPECT, SCENARIO_COUNT_RETRIES, 0, 0,
	 0, 0, 1, false},
};

START_TEST(statements_mean_what_they_say)
{
	const struct meaning *m = &meanings[_i];
	const struct scenario_statement *st;
	struct scenario s;
	char text[200];

	(void)snprintf(text, sizeof text,
		       "td a memory 1G vcpus 4 slots 2\n  %s # why\n", m->line);
	parse_good(text, &s);
	ck_assert_uint_eq(s.nr_statements, 2);
	st = &s.statements[1];
	ck_assert_int_eq(st->kind, m->kind);
	/* the members of the union have one type's size */
	ck_assert_int_eq((int)st->what.guest, m->what);
	ck_assert_uint_eq(st->line, 2);
	ck_assert_uint_eq(st->range.start, m->start);
	ck_assert_uint_eq(st->range.end, m->end);
	ck_assert_uint_eq(st->stride, m->stride);
	ck_assert_uint_eq(st->page, m->page);
	ck_assert_uint_eq(st->times, m->times);
	ck_assert(st->may_fail == m->may_fail);
	ck_assert_str_eq(st->text, m->line);
	if (m->kind == SCENARIO_GUEST)
		ck_assert_uint_eq(st->nr_vcpus, 4);
	scenario_free(&s);
}
END_TEST

START_TEST(expectations_have_relation_and_value)
{
	static const struct {
		const char *line;
		enum scenario_counter counter;
		enum scenario_relation relation;
		uint64_t value;
		uint32_t leaf;
	} expectations[] = {
		{"expect tds = 2", SCENARIO_COUNT_TDS, SCENARIO_EQUAL, 2, 0},
		{"expect verified >= 1G", SCENARIO_COUNT_VERIFIED,
		 SCENARIO_AT_LEAST, GIB, 0},
		{"expect broadcasts <= 3", SCENARIO_COUNT_BROADCASTS,
		 SCENARIO_AT_MOST, 3, 0},
		{"expect quarantined = 0", SCENARIO_COUNT_QUARANTINED,
		 SCENARIO_EQUAL, 0, 0},
		{"expect seamcalls MEM.TRACK <= 5", SCENARIO_COUNT_SEAMCALLS,
		 SCENARIO_AT_MOST, 5, 38},
	};
	struct scenario s;
	char text[80];
	size_t i;

	for (i = 0; i < COUNT(expectations); i++) {
		(void)snprintf(text, sizeof text, "td a\n%s\n",
			       expectations[i].line);
		parse_good(text, &s);
		ck_assert_int_eq(s.statements[1].what.counter,
				 expectations[i].counter);
		ck_assert_int_eq(s.statements[1].relation,
				 expectations[i].relation);
		ck_assert_uint_eq(s.statements[1].value, expectations[i].value);
		ck_assert_uint_eq(s.statements[1].leaf, expectations[i].leaf);
		scenario_free(&s);
	}
}
END_TEST

START_TEST(blocks_know_their_ends)
{
	struct scenario s;

	parse_good("td a vcpus 5\nrepeat 3\nparallel\nguest a write 0..1M\n"
		   "host a migrate times 1000000\nguest a touch 1M..2M\nend\n"
		   "td b\nteardown b\nend\n",
		   &s);
	ck_assert_uint_eq(s.statements[1].other, 8 + 1);
	ck_assert_uint_eq(s.statements[9].other, 1);
	ck_assert_uint_eq(s.statements[2].other, 6);
	ck_assert_uint_eq(s.statements[6].other, 2);
	ck_assert_int_eq(s.statements[4].what.host, SCENARIO_MIGRATE);
	ck_assert_uint_eq(s.statements[4].times, 1000000);
	ck_assert_uint_eq(s.statements[3].first_vcpu, 0);
	ck_assert_uint_eq(s.statements[3].nr_vcpus, 2);
	ck_assert_uint_eq(s.statements[5].first_vcpu, 2);
	ck_assert_uint_eq(s.statements[5].nr_vcpus, 3);
	scenario_free(&s);
}
END_TEST

START_TEST(names_are_free_after_a_teardown)
{
	struct scenario s;

	parse_good("td a\nteardown a\ntd a memory 2M image 4K\n"
		   "guest a write 0..2M\n",
		   &s);
	ck_assert_uint_eq(s.nr_tds, 2);
	ck_assert_uint_eq(s.statements[3].td, 1);
	scenario_free(&s);
}
END_TEST

START_TEST(slots_divide_the_memory)
{
	struct scenario_td td = {.memory = 14 * MIB, .slots = 3};
	uint64_t at = 0;
	uint32_t i;

	for (i = 0; i < td.slots; i++) {
		struct tdxc_range r = scenario_slot(&td, i);

		ck_assert_uint_eq(r.start, at);
		ck_assert_uint_gt(r.end, r.start);
		ck_assert_uint_eq(r.end % SCENARIO_LARGE, 0);
		at = r.end;
	}
	ck_assert_uint_eq(at, td.memory);
}
END_TEST

START_TEST(what_may_happen_at_once)
{
	static const char *const good[] = {
		"guest a write 0..1M\nguest a write 1M..2M",
		"guest a verify 0..1M\nguest a verify 0..1M",
		"guest a write 0..1M\nguest b write 0..1M",
		"guest a write 0..2M\nhost a demote 0..2M",
		"guest a storm 0..2M\nhost a relocate 0..2M",
		"guest a storm 0..2M\nhost a zap-shared 0..2M",
		"guest a write 0..2M\nhost a migrate",
		"guest a write 0..128M\nhost a delete-slot 1",
		"host a balloon 0..1M\nhost a promote all",
		"guest a storm all\nunshare a\nhost a migrate",
		"unshare a\nunshare b",
	};
	struct scenario s;
	char text[200];
	size_t i;

	for (i = 0; i < COUNT(good); i++) {
		(void)snprintf(text, sizeof text,
			       "td a slots 2\ntd b\nparallel\n%s\nend\n",
			       good[i]);
		parse_good(text, &s);
		scenario_free(&s);
	}
}
END_TEST

/* Every prefix of a good scenario is read without reading beyond it. */
START_TEST(prefixes_end_where_they_end)
{
	static const char text[] =
		"machine memory 2G cpus 4\nseed 7\ntd a vcpus 2 memory 64M\n"
		"parallel\nguest a storm 0..1M times 3\nhost a migrate\nend\n"
		"inject busy 1/50 MEM.TRACK\nexpect retries >= 0\nteardown a\n";
	struct map_error error;
	struct scenario s;
	size_t len;
	char *copy;

	for (len = 0; len < sizeof text; len++) {
		copy = malloc(len + (len == 0));
		ck_assert_ptr_nonnull(copy);
		memcpy(copy, text, len);
		if (scenario_parse(copy, len, "x", &s, &error) == MAP_OK)
			ck_assert_uint_ge(s.nr_tds, 1);
		else
			ck_assert_uint_le(error.line, 10);
		free(copy);
		scenario_free(&s);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("scenario");
	TCase *tc = tcase_create("reader");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tc, refusals_name_line_and_cause, 0,
			    (int)COUNT(refusals));
	tcase_add_test(tc, what_is_left_out_has_a_default);
	tcase_add_test(tc, machine_and_td_say_all);
	tcase_add_loop_test(tc, statements_mean_what_they_say, 0,
			    (int)COUNT(meanings));
	tcase_add_test(tc, expectations_have_relation_and_value);
	tcase_add_test(tc, blocks_know_their_ends);
	tcase_add_test(tc, names_are_free_after_a_teardown);
	tcase_add_test(tc, slots_divide_the_memory);
	tcase_add_test(tc, what_may_happen_at_once);
	tcase_add_test(tc, prefixes_end_where_they_end);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
