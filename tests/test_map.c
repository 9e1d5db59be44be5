/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * The map readers: what each format means, what is refused and in which line,
 * and what becomes of a map afterwards (nodes, RAM, CMRs).
 *
 * Maps stand in the tables as text, results as text too: a list of
 * "START-END*@NODE TYPE", hex and half-open, * for RAM, @ where the node is
 * known, with semicolons between.
 */
#include <check.h>
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "map/map.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define TEXT_BYTES   4096

static char *list_text(const struct map_list *list)
{
	static char text[TEXT_BYTES];
	const struct map_entry *e;
	size_t at = 0;
	size_t i;

	text[0] = '\0';
	for (i = 0; i < list->nr && at < TEXT_BYTES - 200; i++) {
		e = &list->entries[i];
		at += (size_t)sprintf(text + at, "%s%" PRIx64 "-%" PRIx64 "%s",
				      i ? ";" : "", e->range.start,
				      e->range.end, e->ram ? "*" : "");
		if (e->has_node)
			at += (size_t)sprintf(text + at, "@%" PRIu32, e->node);
		if (e->type[0])
			at += (size_t)sprintf(text + at, " %s", e->type);
	}
	return text;
}

static char *ram_text(const struct tdxc_plan_ram *ram, size_t nr)
{
	static char text[TEXT_BYTES];
	size_t at = 0;
	size_t i;

	text[0] = '\0';
	for (i = 0; i < nr; i++)
		at += (size_t)sprintf(text + at,
				      "%s%" PRIx64 "-%" PRIx64 "@%" PRIu32,
				      i ? ";" : "", ram[i].range.start,
				      ram[i].range.end, ram[i].node);
	return text;
}

static char *ranges_text(const struct tdxc_range *r, size_t nr)
{
	static char text[TEXT_BYTES];
	size_t at = 0;
	size_t i;

	text[0] = '\0';
	for (i = 0; i < nr; i++)
		at += (size_t)sprintf(text + at, "%s%" PRIx64 "-%" PRIx64,
				      i ? ";" : "", r[i].start, r[i].end);
	return text;
}

/* A copy without a NUL behind it: a reader that goes too far is caught. */
static char *exact(const char *text, size_t *len)
{
	char *copy;

	*len = strlen(text);
	copy = malloc(*len + (*len == 0));
	ck_assert_ptr_nonnull(copy);
	memcpy(copy, text, *len);
	return copy;
}

static int parse(const char *text, struct map *map, struct map_error *error)
{
	size_t len;
	char *copy = exact(text, &len);
	int result;

	memset(error, 0, sizeof *error);
	result = map_parse(copy, len, "the.map", map, error);
	free(copy);
	return result;
}

static void parse_good(const char *text, struct map *map)
{
	struct map_error error;

	ck_assert_msg(parse(text, map, &error) == MAP_OK, "%zu: %s\n%s",
		      error.line, error.text, text);
}

/* ---- formats ---- */

static const struct {
	enum map_format format;
	const char *text;
	const char *entries;
} formats[] = {
	/* Plain. */
	{MAP_PLAIN, "0 fff usable", "0-1000* usable"},
	{MAP_PLAIN, "0x0000 0X0FFF usable\n", "0-1000* usable"},
	{MAP_PLAIN, "0 fff System RAM\n", "0-1000* System RAM"},
	{MAP_PLAIN, "0 fff USABLE\n", "0-1000* USABLE"},
	{MAP_PLAIN, "0 fff usable \t\r\n", "0-1000* usable"},
	{MAP_PLAIN, "\t0\tfff\tusable\n", "0-1000* usable"},
	{MAP_PLAIN, "# c\n\n \n 0 fff usable # why\n", "0-1000* usable"},
	{MAP_PLAIN, "0 0 reserved\n", "0-1 reserved"},
	{MAP_PLAIN, "0 fff unusable", "0-1000 unusable"},
	{MAP_PLAIN, "0 fff soft reserved\n", "0-1000 soft reserved"},
	{MAP_PLAIN, "0 fff persistent (type 7)\n",
	 "0-1000 persistent (type 7)"},
	{MAP_PLAIN, "2000 2fff ACPI data\n0 fff usable\n",
	 "0-1000* usable;2000-3000 ACPI data"},
	{MAP_PLAIN, "0 fffffffffffff usable\n", "0-10000000000000* usable"},
	{MAP_PLAIN, "00000000000000000000 fff usable\n", "0-1000* usable"},
	{MAP_PLAIN, "0 fff a type that is longer than forty characters\n",
	 "0-1000 a type that is longer than forty charac"},
	/* Boot log. */
	{MAP_BOOTLOG, "BIOS-e820: [mem 0x0-0xfff] usable", "0-1000* usable"},
	{MAP_BOOTLOG,
	 "[    0.000000] Linux version 6.8\n"
	 "[    0.000000] BIOS-provided physical RAM map:\n"
	 "[    0.000000] BIOS-e820: [mem 0x0000000000000000-0x000000000009fbff]"
	 " usable\r\n"
	 "[    0.000000] BIOS-e820: [mem 0x000000000009fc00-0x000000000009ffff]"
	 " reserved\n"
	 "[    0.000000] e820: update [mem 0x00000000-0x00000fff] usable ==> "
	 "reserved\n"
	 "[    0.000000] user: [mem 0x0000000000000000-0x0000000000000fff] "
	 "usable\n"
	 "[    0.000000] modified: [mem 0x0000000000000000-0x00000000000000ff] "
	 "usable\n",
	 "0-9fc00* usable;9fc00-a0000 reserved"},
	{MAP_BOOTLOG,
	 "kernel: BIOS-e820: [mem 0x0-0xfff] persistent (type 12)\n",
	 "0-1000 persistent (type 12)"},
	{MAP_BOOTLOG,
	 "Nov 21 host kernel: BIOS-e820: [mem 0x0-0xfff] soft reserved\n",
	 "0-1000 soft reserved"},
	/* As newer kernels print it: sizes, gaps, other names. */
	{MAP_BOOTLOG,
	 "BIOS-e820: [mem 0x0000000000000000-0x000000000009fbff]  639   KB "
	 "System RAM\n"
	 "BIOS-e820: [mem 0x000000000009fc00-0x000000000009ffff]    1   KB "
	 "device reserved\n"
	 "BIOS-e820: [gap 0x00000000000a0000-0x00000000000effff]  320   KB "
	 "...\n"
	 "BIOS-e820: [mem 0x0000000000100000-0x00000000001fffff]    1.5 MB "
	 "persistent RAM (type 7)\n",
	 "0-9fc00* System RAM;9fc00-a0000 device reserved;100000-200000 "
	 "persistent RAM (type 7)"},
	{MAP_BOOTLOG,
	 "BIOS-e820: [mem 0x0-0xfff] usable\n"
	 "efi: mem00: [Conventional Memory|] range=[0x0-0x1fff] (0MB)\n"
	 "00000000-00000fff : Reserved\n",
	 "0-1000* usable"},
	/* /proc/iomem. */
	{MAP_IOMEM,
	 "# dump\n"
	 "00000000-00000fff : Reserved\n"
	 "00001000-0009ffff : System RAM\n"
	 "  00002000-00002fff : Kernel code\n"
	 "    00002000-00002fff : Deeper\n"
	 "000a0000-000bffff : PCI Bus 0000:00\n",
	 "0-1000 Reserved;1000-a0000* System RAM;a0000-c0000 PCI Bus 0000:00"},
	{MAP_IOMEM, "100000000-23fffffff : System RAM\n",
	 "100000000-240000000* System RAM"},
	{MAP_IOMEM, "00001000-00001fff : System RAM (kmem)\n",
	 "1000-2000 System RAM (kmem)"},
	{MAP_IOMEM, "00001000-00001fff : System RAM (virtio_mem)\n",
	 "1000-2000 System RAM (virtio_mem)"},
	{MAP_IOMEM,
	 "00001000-00001fff : Soft Reserved\n  00001000-00001fff : "
	 "System RAM (kmem)\n",
	 "1000-2000 Soft Reserved"},
	{MAP_IOMEM, "00001000-00001fff : usable\n", "1000-2000 usable"},
	{MAP_IOMEM, "00000000-00000000 : a\n00000001-00000001 : b\n",
	 "0-1 a;1-2 b"},
	{MAP_IOMEM, "00001000-00001fff :\n", "1000-2000"},
	/* EFI. */
	{MAP_EFI, "mem00 0x0 0x1000 Conventional Memory\n",
	 "0-1000* Conventional Memory"},
	{MAP_EFI, "mem00: 0 1000 type=7 (attr=0xf)\n", "0-1000* type=7"},
	{MAP_EFI, "mem00\t0\t1000\ttype=7\n", "0-1000* type=7"},
	{MAP_EFI,
	 "mem00 0 1000 type=1\nmem01 1000 2000 type=2\n"
	 "mem02 2000 3000 type=3\nmem03 3000 4000 type=4\n",
	 "0-1000* type=1;1000-2000* type=2;2000-3000* type=3;3000-4000* "
	 "type=4"},
	{MAP_EFI,
	 "mem00 0 1000 type=0\nmem01 1000 2000 type=5\n"
	 "mem02 2000 3000 type=6\nmem03 3000 4000 type=8\n"
	 "mem04 4000 5000 type=9\nmem05 5000 6000 type=10\n"
	 "mem06 6000 7000 type=14\nmem07 7000 8000 type=15\n"
	 "mem08 8000 9000 type=2147483648\n",
	 "0-1000 type=0;1000-2000 type=5;2000-3000 type=6;3000-4000 type=8;"
	 "4000-5000 type=9;5000-6000 type=10;6000-7000 type=14;7000-8000 "
	 "type=15;8000-9000 type=2147483648"},
	{MAP_EFI,
	 "mem00 0 1000 Loader Code\nmem01 1000 2000 Loader Data\n"
	 "mem02 2000 3000 Boot Code\nmem03 3000 4000 Boot Data\n"
	 "mem04 4000 5000 Runtime Code\nmem05 5000 6000 ACPI Reclaim Memory\n"
	 "mem06 6000 7000 Memory Mapped I/O\nmem07 7000 8000 Reserved\n",
	 "0-1000* Loader Code;1000-2000* Loader Data;2000-3000* Boot Code;"
	 "3000-4000* Boot Data;4000-5000 Runtime Code;5000-6000 ACPI Reclaim "
	 "Memory;6000-7000 Memory Mapped I/O;7000-8000 Reserved"},
	{MAP_EFI,
	 "mem00 0 1000 EfiBootServicesData\nmem01 1000 2000 BS_Code\n"
	 "mem02 2000 3000 Boot Services Code\nmem03 3000 4000 Available\n",
	 "0-1000* EfiBootServicesData;1000-2000* BS_Code;2000-3000* Boot "
	 "Services Code;3000-4000* Available"},
	{MAP_EFI, "mem00 0 1000 type=7 (attr=0x4000f)\n", "0-1000 type=7"},
	{MAP_EFI,
	 "[    0.000000] efi: EFI v2.7 by EDK II\n"
	 "[    0.000000] efi: mem00: [Conventional Memory|   |  |  |  |  |  |  "
	 "|  |   |WB|WT|WC|UC] range=[0x0000000000000000-0x0000000000000fff] "
	 "(0MB)\n"
	 "[    0.000000] efi: mem01: [Conventional Memory|   |  |  |SP|  |  |  "
	 "|  |   |WB|WT|WC|UC] range=[0x0000000000001000-0x0000000000001fff] "
	 "(0MB)\n"
	 "[    0.000000] efi: memattr: Unexpected EFI Memory Attributes\n"
	 "[    0.000000] efi: mem02: [Runtime Data       |RUN|  |  |  |  |  |  "
	 "|  |   |WB|WT|WC|UC] range=[0x0000000000002000-0x0000000000002fff] "
	 "(0MB)\n",
	 "0-1000* Conventional Memory;1000-2000 Conventional Memory;2000-3000 "
	 "Runtime Data"},
	{MAP_EFI,
	 "efi: mem00: type=7, attr=0xf, range=[0x0000000000000000-"
	 "0x0000000000001000) (0MB)\n",
	 "0-1000* type=7"},
	{MAP_EFI, "mem00: [Boot Data|] range=[0x0-0xfff] (0MB)\n",
	 "0-1000* Boot Data"},
	/* JSON. */
	{MAP_JSON,
	 "{\"memory\":[{\"base\":\"0x1000\",\"size\":\"0x1000\",\"node\":3}]}",
	 "1000-2000*@3 memory"},
	{MAP_JSON,
	 "\n\n {\"status\":\"ok\",\"excluded\":[{\"base\":\"0x0\",\"size\":"
	 "\"0x1000\",\"reason\":\"legacy\"}]}",
	 "0-1000* excluded"},
	{MAP_JSON,
	 "{\"memory\":[{\"base\":\"0x1000\",\"size\":\"0x1000\"}],"
	 "\"excluded\":[{\"base\":\"0x0\",\"size\":\"0x1000\"}]}",
	 "0-1000* excluded;1000-2000* memory"},
};

START_TEST(each_format_is_told_by_content_and_read)
{
	struct map map;

	parse_good(formats[_i].text, &map);
	ck_assert_msg(map.format == formats[_i].format, "%s, not %s:\n%s",
		      map_format_name(map.format),
		      map_format_name(formats[_i].format), formats[_i].text);
	ck_assert_str_eq(list_text(&map.memory), formats[_i].entries);
	map_free(&map);
}
END_TEST

START_TEST(formats_have_names)
{
	int i;

	for (i = 0; i < MAP_NR_FORMATS; i++)
		ck_assert_uint_gt(strlen(map_format_name((enum map_format)i)),
				  4);
	ck_assert_str_eq(map_format_name(MAP_NR_FORMATS), "?");
}
END_TEST

/* ---- refusals ---- */

static const struct {
	const char *text;
	size_t line;
	const char *says; /* Part of the message. */
} refused[] = {
	/* Nothing to read. */
	{"", 1, "no memory range"},
	{"\n\n", 2, "no memory range"},
	{"# only a comment\n", 1, "no memory range"},
	{"BIOS-e820: [gap 0x0-0xfff]\n", 1, "no memory range"},
	/* Plain. */
	{"hello\n", 1, "expected \"START END TYPE\""},
	{"0 fff usable\n0 fff\n", 2, "expected \"START END TYPE\""},
	{"0 usable\n", 1, "expected \"START END TYPE\""},
	{"0 fff # usable\n", 1, "expected \"START END TYPE\""},
	{"0-fff usable\n", 1, "expected \"START END TYPE\""},
	{"0x 0xfff usable\n", 1, "expected \"START END TYPE\""},
	{"-1 fff usable\n", 1, "expected \"START END TYPE\""},
	{"0 fffg usable\n", 1, "expected \"START END TYPE\""},
	{"0 fff_ usable\n", 1, "expected \"START END TYPE\""},
	{"0 10000000000000000 usable\n", 1, "64 bits"},
	{"10000000000000000 fff usable\n", 1, "64 bits"},
	{"1000 fff usable\n", 1, "below the first"},
	{"2000 fff usable\n", 1, "below the first"},
	{"0 10000000000000 usable\n", 1, "physical address width"},
	{"10000000000000 10000000000fff usable\n", 1, "address width"},
	{"0 ffffffffffffffff usable\n", 1, "physical address width"},
	{"0 fff usable\nfff 1fff reserved\n", 2, "overlaps"},
	{"fff 1fff reserved\n0 fff usable\n", 2, "overlaps"},
	{"0 fff usable\n0 fff usable\n", 2, "overlaps"},
	{"0 ffff usable\n1000 1fff usable\n", 2, "overlaps"},
	{"0 ffff reserved\n# c\n1000 1fff reserved\n", 3, "of line 1"},
	/* Boot log. */
	{"BIOS-e820: [mem 0x0-0xfff]\n", 1, "BIOS-e820: [mem"},
	{"BIOS-e820: [mem 0x0-0xfff\n", 1, "BIOS-e820: [mem"},
	{"BIOS-e820: [mem 0x0 0xfff] usable\n", 1, "BIOS-e820: [mem"},
	{"BIOS-e820: 0000000000000000 - 000000000009fc00 (usable)\n", 1,
	 "BIOS-e820: [mem"},
	{"x\nBIOS-e820: [mem 0x1000-0xfff] usable\n", 2, "below the first"},
	{"x\nBIOS-e820: [mem 0x0-0x1ffffffffffffffff] usable\n", 2, "64 bits"},
	{"BIOS-e820: [mem 0x0-0xfff] usable\nBIOS-e820: [mem 0x0-0xfff] "
	 "usable\n",
	 2, "overlaps"},
	/* /proc/iomem. */
	{"00000000-00000000 : Reserved\n00000000-00000000 : System RAM\n"
	 "  00000000-00000000 : Kernel code\n",
	 1, "root"},
	{"00000000-00000fff : Reserved\nhello\n", 2, "/proc/iomem"},
	{"00000000-00000fff : Reserved\n  00001000-0000 fff : x\n", 2,
	 "/proc/iomem"},
	{"00000000-00000fff : Reserved\n  00001000-00000000 : x\n", 2,
	 "below the first"},
	{"00000000-00000fff : Reserved\n00000800-00001fff : System RAM\n", 2,
	 "overlaps"},
	{"  00000000-00000fff : System RAM\n", 1, "no memory range"},
	/* EFI. */
	{"mem00 0 1000 type=7\nhello\n", 2, "memNN START END TYPE"},
	{"mem00 0 1000\n", 1, "memNN START END TYPE"},
	{"mem00 0\n", 1, "memNN START END TYPE"},
	{"mem00 0 1000 Frobnicated Memory\n", 1, "EFI memory type"},
	{"mem00 0 1000 type=seven\n", 1, "EFI memory type"},
	{"mem00 1000 1000 type=7\n", 1, "empty"},
	{"mem00 2000 1000 type=7\n", 1, "before it starts"},
	{"mem00 0 20000000000000 type=7\n", 1, "physical address width"},
	{"mem00 0 10000000000000000 type=7\n", 1, "64 bits"},
	{"mem00 0 1000 type=7\nmem01 800 2000 type=0\n", 2, "overlaps"},
	{"efi: mem00: [Boot Data|] range=[0x0 0xfff]\n", 1, "range=[0xSTART"},
	{"efi: mem00: [Boot Data|] range=[0x0-0xfff\n", 1, "range=[0xSTART"},
	{"x\nefi: mem00: [Boot Data|] range=[0x0-0x1000)\nefi: mem01: "
	 "[|] range=[0x2000-0x2fff]\n",
	 3, "EFI memory type"},
	/* JSON. */
	{"{", 1, "JSON"},
	{"{}", 1, "\"memory\" and \"excluded\""},
	{"{\"memory\": 1}", 1, "an array"},
	{"{\"memory\": []}", 1, "no memory range"},
	{"{\"memory\":[],\n\"memory\":[]}", 2, "JSON"},
	{"{\"memory\":[\n7]}", 2, "\"base\""},
	{"{\"memory\":[\n{\"base\":\"0x0\"}]}", 2, "\"size\""},
	{"{\"memory\":[\n{\"base\":0,\"size\":4096}]}", 2, "\"base\""},
	{"{\"memory\":[\n{\"base\":\"1000\",\"size\":\"0x1000\"}]}", 2,
	 "\"base\""},
	{"{\"memory\":[\n{\"base\":\"0x1000x\",\"size\":\"0x1000\"}]}", 2,
	 "\"base\""},
	{"{\"memory\":[\n{\"base\":\"0x0\",\"size\":\"0x0\"}]}", 2, "empty"},
	{"{\"memory\":[\n{\"base\":\"0xffffffffffffffff\",\"size\":\"0x2\"}]}",
	 2, "wrap"},
	{"{\"memory\":[\n{\"base\":\"0xfffffffffffff\",\"size\":\"0x2\"}]}", 2,
	 "physical address width"},
	{"{\"memory\":[\n{\"base\":\"0x0\",\"size\":\"0x1\",\"node\":-1}]}", 2,
	 "\"node\""},
	{"{\"memory\":[\n{\"base\":\"0x0\",\"size\":\"0x1\",\"node\":\"0\"}]}",
	 2, "\"node\""},
	{"{\"memory\":[\n{\"base\":\"0x0\",\"size\":\"0x1\",\"node\":65536}]}",
	 2, "\"node\""},
	{"{\"memory\":[{\"base\":\"0x0\",\"size\":\"0x2\"},\n\n{\"base\":"
	 "\"0x1\",\"size\":\"0x2\"}]}",
	 3, "overlaps"},
	{"{\"a\":\"memory\",\"b\":{\"memory\":[\"x]\\\"\"]},\n\"excluded\":"
	 "[{\"base\":\"0x0\",\"size\":\"0x2\"},\n{\"base\":\"0x1\"}]}",
	 3, "\"size\""},
};

START_TEST(a_bad_map_is_refused_with_its_line)
{
	struct map_error error;
	struct map map;

	ck_assert_msg(parse(refused[_i].text, &map, &error) == MAP_E_INPUT,
		      "accepted:\n%s", refused[_i].text);
	ck_assert_str_eq(error.name, "the.map");
	ck_assert_msg(error.line == refused[_i].line, "line %zu: %s\n%s",
		      error.line, error.text, refused[_i].text);
	ck_assert_msg(strstr(error.text, refused[_i].says), "%s\n%s",
		      error.text, refused[_i].text);
	ck_assert_msg(strstr(error.text, "expected"), "%s", error.text);
	ck_assert_uint_eq(map.memory.nr, 0);
	ck_assert_uint_eq(map.cmrs.nr, 0);
	ck_assert_ptr_null(map.memory.entries);
}
END_TEST

START_TEST(a_message_repeats_a_bad_line_short_and_printable)
{
	char text[400];
	struct map_error error;
	struct map map;
	const char *c;

	memset(text, 'z', sizeof text);
	memcpy(text, "\033[2J\001\200", 6);
	ck_assert_int_eq(map_parse(text, sizeof text, "x", &map, &error),
			 MAP_E_INPUT);
	for (c = error.text; *c; c++)
		ck_assert(*c >= ' ' && *c <= '~');
	ck_assert_uint_lt(strlen(error.text), 160);
	ck_assert_ptr_nonnull(strstr(error.text, "..."));
}
END_TEST

START_TEST(a_nul_is_a_byte_like_any_other)
{
	static const char text[] = "0 fff usable\0\n1000 1fff reserved\n";
	struct map_error error;
	struct map map;

	ck_assert_int_eq(map_parse(text, sizeof text - 1, "x", &map, &error),
			 MAP_OK);
	ck_assert_uint_eq(map.memory.nr, 2);
	ck_assert(!map.memory.entries[0].ram);
	map_free(&map);
}
END_TEST

/* ---- nodes and CMRs of a JSON map ---- */

/* Pages of a layout: number and node of memory, number of excluded ones. */
static const struct {
	struct {
		unsigned page;
		unsigned node;
	} memory[2];
	unsigned excluded[3]; /* 0: no more. */
	const char *ram;
} json_nodes[] = {
	/* The lower neighbour wins. */
	{{{1, 1}, {3, 2}}, {2}, "1000-3000@1;3000-4000@2"},
	/* Only the upper one touches. */
	{{{1, 1}, {4, 2}}, {3}, "1000-2000@1;3000-5000@2"},
	/* Nothing touches. */
	{{{1, 1}, {9, 2}}, {5}, "1000-2000@1;5000-6000@0;9000-a000@2"},
	/* Memory goes ahead of an excluded neighbour. */
	{{{1, 1}, {4, 2}}, {2, 3}, "1000-3000@1;3000-5000@2"},
	/* Chains of excluded ranges, upwards and downwards. */
	{{{1, 1}, {9, 2}}, {2, 3}, "1000-4000@1;9000-a000@2"},
	{{{1, 1}, {9, 2}}, {6, 7, 8}, "1000-2000@1;6000-a000@2"},
};

static void layout_as_json(int i, char *text)
{
	size_t at = 0;
	size_t k;

	for (k = 0; k < 2; k++)
		at += (size_t)sprintf(
			text + at,
			"%s{\"base\":\"0x%x000\",\"size\":\"0x1000\","
			"\"node\":%u}",
			k ? "," : "{\"memory\":[", json_nodes[i].memory[k].page,
			json_nodes[i].memory[k].node);
	for (k = 0; k < 3 && json_nodes[i].excluded[k]; k++)
		at += (size_t)sprintf(
			text + at,
			"%s{\"base\":\"0x%x000\",\"size\":\"0x1000\"}",
			k ? "," : "],\"excluded\":[",
			json_nodes[i].excluded[k]);
	(void)sprintf(text + at, "]}");
}

START_TEST(an_excluded_range_takes_the_node_it_touches)
{
	struct tdxc_plan_ram *ram;
	char text[TEXT_BYTES];
	struct map map;
	size_t nr;

	layout_as_json(_i, text);
	parse_good(text, &map);
	ck_assert_int_eq(map_ram(&map, &ram, &nr), MAP_OK);
	ck_assert_str_eq(ram_text(ram, nr), json_nodes[_i].ram);
	free(ram);
	map_free(&map);
}
END_TEST

START_TEST(a_json_map_brings_its_cmrs)
{
	struct tdxc_range *cmrs;
	struct map_error error;
	struct map map;
	size_t nr;

	parse_good("{\"cmrs\":[{\"base\":\"0x100000\",\"size\":\"0x1000\"},\n"
		   "{\"base\":\"0x101000\",\"size\":\"0x1000\"}],\"memory\":["
		   "{\"base\":\"0x100000\",\"size\":\"0x1000\",\"node\":0}]}",
		   &map);
	ck_assert_str_eq(list_text(&map.cmrs),
			 "100000-101000 cmrs;101000-102000 cmrs");
	ck_assert_uint_eq(map.cmrs.entries[1].line, 2);
	ck_assert_int_eq(map_cmrs_listed(&map.cmrs, "x", &cmrs, &nr, &error),
			 MAP_OK);
	ck_assert_str_eq(ranges_text(cmrs, nr), "100000-102000");
	free(cmrs);
	map_free(&map);
}
END_TEST

/* ---- RAM ---- */

static const struct {
	const char *map;
	const char *nodes; /* NULL: none. */
	const char *ram;
	uint64_t uncovered;
} rams[] = {
	{"0 9fbff usable\n100000 fffffff usable\n", NULL,
	 "0-9f000@0;100000-10000000@0", 0},
	{"800 27ff usable\n", NULL, "1000-2000@0", 0},
	{"800 17ff usable\n", NULL, "", 0},
	{"1000 1fff reserved\n", NULL, "", 0},
	/* A page that two RAM ranges share is RAM, as in Linux. */
	{"0 17ff usable\n1800 2fff usable\n", NULL, "0-3000@0", 0},
	{"0 7ff usable\n800 fff usable\n", NULL, "0-1000@0", 0},
	{"0 7ff usable\n800 ffe usable\n", NULL, "", 0},
	{"0 17ff usable\n1800 18ff usable\n1900 2000 reserved\n", NULL,
	 "0-1000@0", 0},
	{"0 17ff usable\n1800 1fff reserved\n2000 2fff usable\n", NULL,
	 "0-1000@0;2000-3000@0", 0},
	/* Nodes. */
	{"100000 1fffff usable\n", "0 0 17ffff\n1 180000 1fffff\n",
	 "100000-180000@0;180000-200000@1", 0},
	{"100000 1fffff usable\n", "7 0 ffffffff\n", "100000-200000@7", 0},
	{"100000 1fffff usable\n200000 2fffff usable\n", "7 0 ffffffff\n",
	 "100000-300000@7", 0},
	{"100000 1fffff usable\n", "1 180000 1fffff\n",
	 "100000-180000@0;180000-200000@1", 0x80000},
	{"100000 1fffff usable\n", "1 100000 17ffff\n",
	 "100000-180000@1;180000-200000@0", 0x80000},
	{"100000 1fffff usable\n", "1 120000 13ffff\n",
	 "100000-120000@0;120000-140000@1;140000-200000@0", 0xe0000},
	/* Below 1 MiB no node matters: Linux keeps page 0 out of its nodes. */
	{"0 9ffff usable\n", "0 1000 9ffff\n", "0-a0000@0", 0},
	{"0 9ffff usable\n", "1 1000 9ffff\n", "0-1000@0;1000-a0000@1", 0},
	/* A page belongs to the node of its first byte. */
	{"100000 1fffff usable\n", "0 0 1807ff\n1 180800 1fffff\n",
	 "100000-181000@0;181000-200000@1", 0},
	{"100800 1fffff usable\n", "0 100800 1fffff\n", "101000-200000@0", 0},
	/* Touching ranges of two nodes share a page: the lower has it. */
	{"100000 1007ff usable\n100800 1fffff usable\n",
	 "0 0 1007ff\n1 100800 1fffff\n", "100000-101000@0;101000-200000@1", 0},
	{"100000 1fffff reserved\n200000 2fffff usable\n",
	 "1 100000 1fffff\n2 200000 2fffff\n", "200000-300000@2", 0},
};

START_TEST(ram_is_whole_pages_split_at_node_borders)
{
	struct map_list nodes;
	struct map_error error;
	struct tdxc_plan_ram *ram;
	uint64_t uncovered = 0;
	struct map map;
	size_t len;
	size_t nr;
	char *copy;

	parse_good(rams[_i].map, &map);
	if (rams[_i].nodes) {
		copy = exact(rams[_i].nodes, &len);
		ck_assert_int_eq(map_parse_numa(copy, len, "x", &nodes, &error),
				 MAP_OK);
		free(copy);
		ck_assert_int_eq(
			map_apply_nodes(&map, &nodes, &uncovered, &error),
			MAP_OK);
		map_list_free(&nodes);
	}
	ck_assert_int_eq(map_ram(&map, &ram, &nr), MAP_OK);
	ck_assert_str_eq(ram_text(ram, nr), rams[_i].ram);
	ck_assert_uint_eq(uncovered, rams[_i].uncovered);
	free(ram);
	map_free(&map);
}
END_TEST

/* ---- CMRs guessed from the map ---- */

static const struct {
	const char *map;
	const char *ram;  /* --cmr ram */
	const char *span; /* --cmr span */
} guesses[] = {
	{"0 9ffff usable\n", "", ""},
	{"0 1fffff usable\n", "100000-200000", "100000-200000"},
	/* What the map describes between RAM joins, a gap does not. */
	{"100000 1fffff usable\n200000 2fffff reserved\n"
	 "300000 3fffff usable\n",
	 "100000-200000;300000-400000", "100000-400000"},
	{"100000 1fffff usable\n200000 2ffffe reserved\n"
	 "300000 3fffff usable\n",
	 "100000-200000;300000-400000", "100000-200000;300000-400000"},
	{"100000 1fffff usable\n200001 2fffff reserved\n"
	 "300000 3fffff usable\n",
	 "100000-200000;300000-400000", "100000-200000;300000-400000"},
	{"100000 1fffff usable\n300000 3fffff usable\n",
	 "100000-200000;300000-400000", "100000-200000;300000-400000"},
	/* Several entries, of several types. */
	{"100000 1fffff usable\n200000 27ffff ACPI data\n"
	 "280000 2fffff type 20\n300000 3fffff usable\n",
	 "100000-200000;300000-400000", "100000-400000"},
	/* A CMR begins and ends with RAM. */
	{"100000 1fffff reserved\n200000 2fffff usable\n"
	 "300000 3fffff reserved\n",
	 "200000-300000", "200000-300000"},
	/* RAM below 1 MiB does not count, what touches it from above does. */
	{"0 9ffff usable\na0000 fffff reserved\n100000 1fffff usable\n",
	 "100000-200000", "100000-200000"},
	{"0 9ffff usable\na0000 17ffff reserved\n180000 1fffff usable\n",
	 "180000-200000", "180000-200000"},
	/* Never across 4 GiB. */
	{"c0000000 dfffffff usable\ne0000000 ffffffff reserved\n"
	 "100000000 1ffffffff usable\n",
	 "c0000000-e0000000;100000000-200000000",
	 "c0000000-e0000000;100000000-200000000"},
	{"c0000000 dfffffff usable\ne0000000 10fffffff reserved\n"
	 "110000000 1ffffffff usable\n",
	 "c0000000-e0000000;110000000-200000000",
	 "c0000000-e0000000;110000000-200000000"},
	/* One RAM range across 4 GiB stays one. */
	{"c0000000 13fffffff usable\n", "c0000000-140000000",
	 "c0000000-140000000"},
	{"80000000 9fffffff usable\na0000000 bfffffff reserved\n"
	 "c0000000 13fffffff usable\n140000000 14fffffff reserved\n"
	 "150000000 15fffffff usable\n",
	 "80000000-a0000000;c0000000-140000000;150000000-160000000",
	 "80000000-160000000"},
	{"c0000000 ffffffff usable\n100000000 10fffffff reserved\n"
	 "110000000 1ffffffff usable\n",
	 "c0000000-100000000;110000000-200000000",
	 "c0000000-100000000;110000000-200000000"},
	{"c0000000 dfffffff usable\ne0000000 ffffffff reserved\n"
	 "100000000 1ffffffff usable\n200000000 20fffffff reserved\n"
	 "210000000 21fffffff usable\n",
	 "c0000000-e0000000;100000000-200000000;210000000-220000000",
	 "c0000000-e0000000;100000000-220000000"},
	/* Pages that touching RAM ranges share begin and end a CMR, too. */
	{"100000 1007ff usable\n100800 1017ff usable\n"
	 "101800 102fff reserved\n103000 1037ff usable\n"
	 "103800 103fff usable\n",
	 "100000-101000;103000-104000", "100000-104000"},
	/* Whole pages. */
	{"100000 1007ff usable\n100800 1017ff reserved\n"
	 "101800 103fff usable\n",
	 "102000-104000", "102000-104000"},
	{"100000 101fff usable\n102000 1027ff usable\n"
	 "102800 103fff reserved\n104000 104fff usable\n",
	 "100000-102000;104000-105000", "100000-105000"},
};

START_TEST(cmrs_are_guessed_from_the_map)
{
	struct tdxc_range *cmrs;
	struct map map;
	size_t nr;

	parse_good(guesses[_i].map, &map);
	ck_assert_int_eq(map_cmrs_ram(&map, &cmrs, &nr), MAP_OK);
	ck_assert_str_eq(ranges_text(cmrs, nr), guesses[_i].ram);
	free(cmrs);
	ck_assert_int_eq(map_cmrs_span(&map, &cmrs, &nr), MAP_OK);
	ck_assert_str_eq(ranges_text(cmrs, nr), guesses[_i].span);
	free(cmrs);
	map_free(&map);
}
END_TEST

/* ---- NUMA lists ---- */

static const struct {
	const char *text;
	const char *nodes;
} numa_good[] = {
	{"0 0 fff", "0-1000@0"},
	{"# c\n\n 1\t0x1000 0x1fff # why\n0 0 fff\r\n", "0-1000@0;1000-2000@1"},
	{"65535 0 fff\n", "0-1000@65535"},
	/* What overlaps in one node is joined. */
	{"1 0 fff\n1 800 1fff\n1 900 9ff\n", "0-2000@1"},
	{"0 0 fff\n1 1000 1fff\n", "0-1000@0;1000-2000@1"},
	{"0 0 fffffffffffff\n", "0-10000000000000@0"},
};

static const struct {
	const char *text;
	size_t line;
	const char *says;
} numa_bad[] = {
	{"", 1, "no node"},
	{"# c\n", 1, "no node"},
	{"0 0\n", 1, "NODE START END"},
	{"0 0 fff usable\n", 1, "NODE START END"},
	{"a 0 fff\n", 1, "NODE START END"},
	{"0x1 0 fff\n", 1, "NODE START END"},
	{"-1 0 fff\n", 1, "NODE START END"},
	{"65536 0 fff\n", 1, "node number"},
	{"99999999999999999999 0 fff\n", 1, "node number"},
	{"0 0 fff\n0 0 10000000000000000\n", 2, "64 bits"},
	{"0 0 fff\n0 2000 1fff\n", 2, "below the first"},
	{"0 0 10000000000000\n", 1, "physical address width"},
	{"0 0 fff\n1 800 1fff\n", 2, "overlaps"},
	{"1 800 1fff\n0 0 fff\n", 2, "overlaps"},
	{"0 0 ffff\n0 100 1ff\n1 800 1fff\n", 3, "overlaps"},
};

START_TEST(a_numa_list_is_read)
{
	struct map_error error;
	struct map_list nodes;
	size_t len;
	char *copy = exact(numa_good[_i].text, &len);

	ck_assert_int_eq(map_parse_numa(copy, len, "x", &nodes, &error),
			 MAP_OK);
	free(copy);
	ck_assert_str_eq(list_text(&nodes), numa_good[_i].nodes);
	map_list_free(&nodes);
}
END_TEST

START_TEST(a_bad_numa_list_is_refused_with_its_line)
{
	struct map_error error;
	struct map_list nodes;
	size_t len;
	char *copy = exact(numa_bad[_i].text, &len);

	ck_assert_int_eq(map_parse_numa(copy, len, "x", &nodes, &error),
			 MAP_E_INPUT);
	free(copy);
	ck_assert_msg(strstr(error.text, numa_bad[_i].says), "%s", error.text);
	ck_assert_msg(strstr(error.text, "expected"), "%s", error.text);
	ck_assert_uint_eq(error.line, numa_bad[_i].line);
	ck_assert_ptr_null(nodes.entries);
}
END_TEST

/* ---- CMR lists ---- */

static const struct {
	const char *text;
	const char *cmrs; /* In the order of the text. */
} cmr_good[] = {
	{"100000 1000", "100000-101000"},
	{"# c\n\n 0x100000\t0x1000 # why\r\n", "100000-101000"},
	{"200000 1000\n100000 1000\n", "200000-201000;100000-101000"},
	{"virt/tdx: BIOS enabled: private KeyID range [32, 64)\n"
	 "virt/tdx: CMR: [0x100000, 0x77800000)\n"
	 "[    7.1] tdx: CMR: [0x100000000, 0x206e000000)\n"
	 "virt/tdx: module initialized\n",
	 "100000-77800000;100000000-206e000000"},
	{"0 10000000000000\n", "0-10000000000000"},
};

static const struct {
	const char *text;
	size_t line;
	const char *says;
} cmr_bad[] = {
	{"", 1, "no CMR"},
	{"# c\n", 1, "no CMR"},
	{"100000\n", 1, "BASE SIZE"},
	{"100000 1000 1000\n", 1, "BASE SIZE"},
	{"100000-101000\n", 1, "BASE SIZE"},
	{"100000 0\n", 1, "empty"},
	{"0 0\n", 1, "empty"},
	{"100000 ffffffffffffffff\n", 1, "wrap"},
	{"100000 10000000000000\n", 1, "physical address width"},
	{"100000 10000000000000000\n", 1, "64 bits"},
	{"module\nCMR: 0x100000 0x101000\n", 2, "CMR: [0xSTART"},
	{"CMR: [0x100000, 0x101000]\n", 1, "CMR: [0xSTART"},
	{"CMR: [0x100000, 0x100000)\n", 1, "empty"},
	{"CMR: [0x100000, 0x1000)\n", 1, "before it starts"},
	{"virt/tdx: module initialized\n", 1, "BASE SIZE"},
};

START_TEST(a_cmr_list_is_read_in_its_order)
{
	struct map_error error;
	struct map_list cmrs;
	size_t len;
	char *copy = exact(cmr_good[_i].text, &len);

	ck_assert_int_eq(map_parse_cmrs(copy, len, "x", &cmrs, &error), MAP_OK);
	free(copy);
	ck_assert_str_eq(list_text(&cmrs), cmr_good[_i].cmrs);
	map_list_free(&cmrs);
}
END_TEST

START_TEST(a_bad_cmr_list_is_refused_with_its_line)
{
	struct map_error error;
	struct map_list cmrs;
	size_t len;
	char *copy = exact(cmr_bad[_i].text, &len);

	ck_assert_int_eq(map_parse_cmrs(copy, len, "x", &cmrs, &error),
			 MAP_E_INPUT);
	free(copy);
	ck_assert_msg(strstr(error.text, cmr_bad[_i].says), "%s", error.text);
	ck_assert_msg(strstr(error.text, "expected"), "%s", error.text);
	ck_assert_uint_eq(error.line, cmr_bad[_i].line);
	ck_assert_ptr_null(cmrs.entries);
}
END_TEST

static const struct {
	const char *text;
	size_t line; /* 0: accepted. */
	const char *says;
} cmr_orders[] = {
	{"100000 1000\n101000 1000\n", 0, "100000-102000"},
	{"100000 1000\n200000 1000\n", 0, "100000-101000;200000-201000"},
	{"200000 1000\n100000 1000\n", 2, "expected"},
	{"100000 2000\n101000 1000\n", 2, "expected"},
	{"100000 1000\n\n200000 1001\n", 3, "expected"},
};

START_TEST(a_cmr_list_is_held_to_what_a_module_reports)
{
	struct map_error error = {NULL, 0, ""};
	struct tdxc_range *cmrs;
	struct map_list list;
	size_t len = strlen(cmr_orders[_i].text);
	size_t nr;
	int result;

	ck_assert_int_eq(
		map_parse_cmrs(cmr_orders[_i].text, len, "x", &list, &error),
		MAP_OK);
	result = map_cmrs_listed(&list, "the.cmrs", &cmrs, &nr, &error);
	if (cmr_orders[_i].line > 0) {
		ck_assert_int_eq(result, MAP_E_INPUT);
		ck_assert_uint_eq(error.line, cmr_orders[_i].line);
		ck_assert_str_eq(error.name, "the.cmrs");
		ck_assert_ptr_nonnull(strstr(error.text, cmr_orders[_i].says));
	} else {
		ck_assert_int_eq(result, MAP_OK);
		ck_assert_str_eq(ranges_text(cmrs, nr), cmr_orders[_i].says);
		free(cmrs);
	}
	map_list_free(&list);
}
END_TEST

START_TEST(more_cmrs_than_a_module_has_are_refused)
{
	char text[40 * 20];
	struct map_error error;
	struct map_list cmrs;
	size_t at = 0;
	unsigned i;

	for (i = 0; i < 33; i++)
		at += (size_t)sprintf(text + at, "%x 1000\n",
				      0x100000 + i * 0x2000);
	ck_assert_int_eq(map_parse_cmrs(text, at, "x", &cmrs, &error),
			 MAP_E_INPUT);
	ck_assert_uint_eq(error.line, 33);
	at -= strlen("140000 1000\n");
	ck_assert_int_eq(map_parse_cmrs(text, at, "x", &cmrs, &error), MAP_OK);
	ck_assert_uint_eq(cmrs.nr, 32);
	map_list_free(&cmrs);
}
END_TEST

/* ---- options ---- */

static const struct {
	const char *arg;
	const char *entry; /* NULL: refused. */
} node_options[] = {
	{"0-fff:0", "0-1000@0"},
	{"0x1000-0x1FFF:12", "1000-2000@12"},
	{"", NULL},
	{"0-fff", NULL},
	{"0-fff:", NULL},
	{"0-fff:x", NULL},
	{"0-fff:1x", NULL},
	{"0-fff:1 ", NULL},
	{" 0-fff:1", NULL},
	{"0:fff:1", NULL},
	{"1000-fff:1", NULL},
	{"0-fff:65536", NULL},
	{"0-10000000000000:1", NULL},
	{"0-ffffffffffffffff:1", NULL},
	{"0-10000000000000000:1", NULL},
};

START_TEST(node_options_are_read_to_the_letter)
{
	struct map_list list = {NULL, 0, 0};
	struct map_error error;
	int result = map_option_node(node_options[_i].arg, &list, &error);

	ck_assert_int_eq(result, node_options[_i].entry ? MAP_OK : MAP_E_INPUT);
	if (node_options[_i].entry)
		ck_assert_str_eq(list_text(&list), node_options[_i].entry);
	else
		ck_assert_str_eq(error.name, "--node");
	map_list_free(&list);
}
END_TEST

static const struct {
	const char *arg;
	const char *entry; /* NULL: refused. */
} cmr_options[] = {
	{"100000:1000", "100000-101000"},
	{"0x100000:0x1000", "100000-101000"},
	{"", NULL},
	{"100000", NULL},
	{"100000:", NULL},
	{":1000", NULL},
	{"100000:1000:", NULL},
	{"100000: 1000", NULL},
	{"100000-1000", NULL},
	{"rom", NULL},
	{"100000:0", NULL},
	{"100000:ffffffffffffffff", NULL},
	{"0:10000000000001", NULL},
	{"0:10000000000000000", NULL},
};

START_TEST(cmr_options_are_read_to_the_letter)
{
	struct map_list list = {NULL, 0, 0};
	struct map_error error;
	int result = map_option_cmr(cmr_options[_i].arg, &list, &error);

	ck_assert_int_eq(result, cmr_options[_i].entry ? MAP_OK : MAP_E_INPUT);
	if (cmr_options[_i].entry)
		ck_assert_str_eq(list_text(&list), cmr_options[_i].entry);
	else
		ck_assert_str_eq(error.name, "--cmr");
	map_list_free(&list);
}
END_TEST

START_TEST(nodes_from_options_and_file_are_checked_together)
{
	struct map_list list = {NULL, 0, 0};
	struct map_error error;

	ck_assert_int_eq(map_option_node("1000-1fff:1", &list, &error), MAP_OK);
	ck_assert_int_eq(map_option_node("0-fff:0", &list, &error), MAP_OK);
	ck_assert_int_eq(map_check_nodes(&list, "x", &error), MAP_OK);
	ck_assert_str_eq(list_text(&list), "0-1000@0;1000-2000@1");
	ck_assert_int_eq(map_option_node("1800-2fff:2", &list, &error), MAP_OK);
	ck_assert_int_eq(map_check_nodes(&list, "x", &error), MAP_E_INPUT);
	ck_assert_ptr_nonnull(strstr(error.text, "overlaps"));
	map_list_free(&list);
}
END_TEST

/* ---- files ---- */

START_TEST(a_file_that_cannot_be_read_is_refused)
{
	struct map_error error;
	struct map_list list;
	struct map map;

	ck_assert_int_eq(map_read("/nowhere/at/all", &map, &error),
			 MAP_E_INPUT);
	ck_assert_str_eq(error.name, "/nowhere/at/all");
	ck_assert_ptr_null(map.memory.entries);
	ck_assert_int_eq(map_read("/", &map, &error), MAP_E_INPUT);
	ck_assert_int_eq(map_read("/dev/null", &map, &error), MAP_E_INPUT);
	ck_assert_ptr_nonnull(strstr(error.text, "empty"));
	ck_assert_int_eq(map_read_numa("/", &list, &error), MAP_E_INPUT);
	ck_assert_ptr_null(list.entries);
	ck_assert_int_eq(map_read_cmrs("/nowhere", &list, &error), MAP_E_INPUT);
	ck_assert_ptr_null(list.entries);
}
END_TEST

START_TEST(a_file_without_end_is_given_up)
{
	struct map_error error;
	struct map map;

	ck_assert_int_eq(map_read("/dev/zero", &map, &error), MAP_E_INPUT);
	ck_assert_ptr_nonnull(strstr(error.text, "MiB"));
}
END_TEST

/* ---- real machines ---- */

static const char *data_dir(void)
{
	static char path[512];
	const char *data = getenv("TDXC_TEST_DATA");

	(void)snprintf(path, sizeof path, "%s/maps",
		       data ? data : "tests/data");
	return path;
}

static bool ends_with(const char *name, const char *end)
{
	size_t len = strlen(name);

	return len > strlen(end) && !strcmp(name + len - strlen(end), end);
}

/* Read one file by what its name ends with; false: not a file for a reader. */
static bool read_by_name(const char *path, struct map_error *error, int *result)
{
	struct map_list list = {NULL, 0, 0};
	struct map map = {.format = MAP_PLAIN};

	if (ends_with(path, ".numa"))
		*result = map_read_numa(path, &list, error);
	else if (ends_with(path, ".e820") || ends_with(path, ".iomem") ||
		 ends_with(path, ".efimap"))
		*result = map_read(path, &map, error);
	else
		return false;
	if (*result == MAP_OK && ends_with(path, ".e820"))
		ck_assert_int_eq(map.format, MAP_PLAIN);
	if (*result == MAP_OK && ends_with(path, ".iomem"))
		ck_assert_int_eq(map.format, MAP_IOMEM);
	if (*result == MAP_OK && ends_with(path, ".efimap"))
		ck_assert_int_eq(map.format, MAP_EFI);
	map_list_free(&list);
	map_free(&map);
	return true;
}

START_TEST(every_recorded_machine_is_read)
{
	char path[1024];
	struct map_error error;
	struct dirent *file;
	DIR *dir = opendir(data_dir());
	unsigned read = 0;
	int result = MAP_OK;

	ck_assert_msg(dir != NULL, "%s", data_dir());
	while ((file = readdir(dir)) != NULL) {
		(void)snprintf(path, sizeof path, "%s/%s", data_dir(),
			       file->d_name);
		if (!read_by_name(path, &error, &result))
			continue;
		ck_assert_msg(result == MAP_OK, "%s:%zu: %s", path, error.line,
			      error.text);
		read++;
	}
	(void)closedir(dir);
	ck_assert_uint_ge(read, 366);
}
END_TEST

/* The e820 map that firmware and kernel derive from an EFI map calls the same
 * memory RAM, above 1 MiB. */
static const char *const both[] = {
	"dell-poweredge-r630-64g",
	"hp-superdome2-16s-12t",
	"hpe-proliant-dl385-gen10-16g",
	"nutanix-ahv-12g",
};

static char *ram_above_1m(const char *machine, const char *end)
{
	char path[1024];
	struct tdxc_range *cmrs;
	struct map_error error;
	struct map map;
	char *text;
	size_t nr;

	(void)snprintf(path, sizeof path, "%s/%s%s", data_dir(), machine, end);
	ck_assert_msg(map_read(path, &map, &error) == MAP_OK, "%s:%zu: %s",
		      path, error.line, error.text);
	ck_assert_int_eq(map_cmrs_ram(&map, &cmrs, &nr), MAP_OK);
	text = strdup(ranges_text(cmrs, nr));
	free(cmrs);
	map_free(&map);
	return text;
}

START_TEST(an_efi_map_and_the_e820_map_agree_on_ram)
{
	char *efi = ram_above_1m(both[_i], ".efimap");
	char *e820 = ram_above_1m(both[_i], ".e820");

	ck_assert_str_eq(efi, e820);
	free(efi);
	free(e820);
}
END_TEST

static TCase *maps_case(void)
{
	TCase *t = tcase_create("maps");

	tcase_add_loop_test(t, each_format_is_told_by_content_and_read, 0,
			    COUNT(formats));
	tcase_add_test(t, formats_have_names);
	tcase_add_loop_test(t, a_bad_map_is_refused_with_its_line, 0,
			    COUNT(refused));
	tcase_add_test(t, a_message_repeats_a_bad_line_short_and_printable);
	tcase_add_test(t, a_nul_is_a_byte_like_any_other);
	tcase_add_loop_test(t, an_excluded_range_takes_the_node_it_touches, 0,
			    COUNT(json_nodes));
	tcase_add_test(t, a_json_map_brings_its_cmrs);
	tcase_add_loop_test(t, ram_is_whole_pages_split_at_node_borders, 0,
			    COUNT(rams));
	tcase_add_loop_test(t, cmrs_are_guessed_from_the_map, 0,
			    COUNT(guesses));
	return t;
}

static TCase *lists_case(void)
{
	TCase *t = tcase_create("lists");

	tcase_add_loop_test(t, a_numa_list_is_read, 0, COUNT(numa_good));
	tcase_add_loop_test(t, a_bad_numa_list_is_refused_with_its_line, 0,
			    COUNT(numa_bad));
	tcase_add_loop_test(t, a_cmr_list_is_read_in_its_order, 0,
			    COUNT(cmr_good));
	tcase_add_loop_test(t, a_bad_cmr_list_is_refused_with_its_line, 0,
			    COUNT(cmr_bad));
	tcase_add_loop_test(t, a_cmr_list_is_held_to_what_a_module_reports, 0,
			    COUNT(cmr_orders));
	tcase_add_test(t, more_cmrs_than_a_module_has_are_refused);
	tcase_add_loop_test(t, node_options_are_read_to_the_letter, 0,
			    COUNT(node_options));
	tcase_add_loop_test(t, cmr_options_are_read_to_the_letter, 0,
			    COUNT(cmr_options));
	tcase_add_test(t, nodes_from_options_and_file_are_checked_together);
	return t;
}

static TCase *files_case(void)
{
	TCase *t = tcase_create("files");

	tcase_add_test(t, a_file_that_cannot_be_read_is_refused);
	tcase_add_test(t, a_file_without_end_is_given_up);
	tcase_add_test(t, every_recorded_machine_is_read);
	tcase_add_loop_test(t, an_efi_map_and_the_e820_map_agree_on_ram, 0,
			    COUNT(both));
	return t;
}

int main(void)
{
	Suite *suite = suite_create("map");
	SRunner *runner;
	int failed;

	suite_add_tcase(suite, maps_case());
	suite_add_tcase(suite, lists_case());
	suite_add_tcase(suite, files_case());
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
