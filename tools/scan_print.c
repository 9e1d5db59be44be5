/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * tdxcore scan: what was found, for people and for programs.
 */
#include <inttypes.h>
#include <jansson.h>

#include "scan_cmd.h"

static const char *const level_names[] = {"4k", "2m", "1g"};

static const char *const root_names[] = {
	[DUMP_ROOT_NONE] = "none",   [DUMP_ROOT_QEMU] = "qemu",
	[DUMP_ROOT_FOUND] = "found", [DUMP_ROOT_VMCOREINFO] = "vmcoreinfo",
	[DUMP_ROOT_GIVEN] = "given",
};

static const char *const root_texts[] = {
	[DUMP_ROOT_NONE] = "not known",
	[DUMP_ROOT_QEMU] = "of CPU 0, as QEMU noted it",
	[DUMP_ROOT_VMCOREINFO] = "of the kernel, from its VMCOREINFO",
	[DUMP_ROOT_FOUND] = "found: the page that looks most like a root",
	[DUMP_ROOT_GIVEN] = "as given",
};

uint64_t scan_bytes(const uint64_t *leaves)
{
	return leaves[0] * TDXC_PAGE_SIZE + leaves[1] * TDXC_SIZE_2M +
	       leaves[2] * TDXC_SIZE_1G;
}

/* ---- for people ---- */

static void print_leaves(FILE *f, const char *what, const uint64_t *leaves)
{
	fprintf(f,
		"%-10s %10" PRIu64 " x 4K %8" PRIu64 " x 2M %6" PRIu64
		" x 1G   %" PRIu64 " KiB\n",
		what, leaves[0], leaves[1], leaves[2],
		scan_bytes(leaves) / 1024);
}

static void print_runs(FILE *f, const char *title, const struct scan_runs *runs)
{
	size_t i;

	if (runs->nr == 0)
		return;
	fprintf(f, "\n%s\n  %-18s %-16s %-16s %12s\n", title, "virtual",
		"physical", "to", "KiB");
	for (i = 0; i < runs->nr; i++) {
		const struct tdxc_scan_run *run = &runs->run[i];

		fprintf(f,
			"  0x%016" PRIx64 " 0x%014" PRIx64 " 0x%014" PRIx64
			" %12" PRIu64 "%s\n",
			run->va, run->pa.start, run->pa.end,
			tdxc_range_size(run->pa) / 1024,
			run->shared ? " shared" : "");
	}
}

static void print_bad(FILE *f, const struct scan_report *r)
{
	uint64_t i;

	if (r->nr_bad == 0)
		return;
	fprintf(f, "\nMalformed entries: %" PRIu64 "\n", r->nr_bad);
	for (i = 0; i < r->nr_bad && i < SCAN_MAX_BAD; i++)
		fprintf(f,
			"  0x%016" PRIx64 " level %" PRIu32 " 0x%016" PRIx64
			" %s\n",
			r->bad[i].va, r->bad[i].level, r->bad[i].entry,
			tdxc_scan_bad_text(r->bad[i].bad));
}

void scan_print_text(FILE *f, const struct scan_report *r)
{
	const struct tdxc_scan_config *c = &r->config;

	fprintf(f, "Root       0x%" PRIx64 " (%s), %" PRIu32 " levels, ",
		c->root, root_texts[r->dump->root_source], c->levels);
	fprintf(f, "%" PRIu64 " tables\n", r->tables);
	fprintf(f, "Shared bit %" PRIu32 ", %s in shared entries\n",
		c->shared_bit,
		c->polarity == TDXC_SHARED_IS_SET ? "set" : "clear");
	print_leaves(f, "Mapped", r->leaves);
	print_leaves(f, "Shared", r->shared_leaves);
	print_runs(f, "Shared ranges", &r->shared);
	print_runs(f, "Mapped ranges", &r->mapped);
	print_bad(f, r);
	fprintf(f,
		"\nUnsharing clears %" PRIu64 " entries and converts %" PRIu64
		" pages with %" PRIu64 " hypercalls",
		r->unshare.leaves, r->unshare.converted, r->unshare.converts);
	if (r->unshare.aliased != 0)
		fprintf(f, "; %" PRIu64 " pages are mapped once more",
			r->unshare.aliased);
	fprintf(f, ".\n");
}

/* ---- for programs ---- */

static json_t *hex(uint64_t value)
{
	return json_sprintf("0x%" PRIx64, value);
}

static json_t *leaves_json(const uint64_t *leaves)
{
	json_t *o = json_object();
	size_t i;

	for (i = 0; i < TDXC_LEVEL_1G; i++)
		json_object_set_new(o, level_names[i],
				    json_integer((json_int_t)leaves[i]));
	return o;
}

static json_t *runs_json(const struct scan_runs *runs)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; list && i < runs->nr; i++) {
		const struct tdxc_scan_run *run = &runs->run[i];
		json_t *o = json_pack("{s:o, s:o, s:o, s:b, s:o}", "va",
				      hex(run->va), "base", hex(run->pa.start),
				      "size", hex(tdxc_range_size(run->pa)),
				      "shared", run->shared, "leaves",
				      leaves_json(run->leaves));

		if (json_array_append_new(list, o)) {
			json_decref(list);
			list = NULL;
		}
	}
	return list;
}

static json_t *bad_json(const struct scan_report *r)
{
	json_t *list = json_array();
	uint64_t i;

	for (i = 0; i < r->nr_bad && i < SCAN_MAX_BAD; i++)
		json_array_append_new(
			list, json_pack("{s:o, s:i, s:o, s:s}", "va",
					hex(r->bad[i].va), "level",
					(int)r->bad[i].level, "entry",
					hex(r->bad[i].entry), "what",
					tdxc_scan_bad_text(r->bad[i].bad)));
	return json_pack("{s:I, s:o}", "count", (json_int_t)r->nr_bad, "first",
			 list);
}

static json_t *unshare_json(const struct scan_report *r)
{
	const struct tdxc_unshare_result *u = &r->unshare;

	return json_pack("{s:I, s:I, s:I, s:I}", "entries",
			 (json_int_t)u->leaves, "pages",
			 (json_int_t)u->converted, "conversions",
			 (json_int_t)u->converts, "aliased_pages",
			 (json_int_t)u->aliased);
}

int scan_print_json(FILE *f, const struct scan_report *r)
{
	const struct tdxc_scan_config *c = &r->config;
	bool set = c->polarity == TDXC_SHARED_IS_SET;
	json_t *root;
	int failed;

	root = json_pack(
		"{s:o, s:s, s:i, s:i, s:s, s:I, s:o, s:o, s:I, s:I, s:o, s:o, "
		"s:o}",
		"cr3", hex(c->root), "cr3_from",
		root_names[r->dump->root_source], "levels", (int)c->levels,
		"shared_bit", (int)c->shared_bit, "shared_when",
		set ? "set" : "clear", "tables", (json_int_t)r->tables,
		"leaves", leaves_json(r->leaves), "shared_leaves",
		leaves_json(r->shared_leaves), "mapped_bytes",
		(json_int_t)scan_bytes(r->leaves), "shared_bytes",
		(json_int_t)scan_bytes(r->shared_leaves), "shared",
		runs_json(&r->shared), "malformed", bad_json(r), "unshare",
		unshare_json(r));
	if (root && r->list_mapped &&
	    json_object_set_new(root, "mapped", runs_json(&r->mapped))) {
		json_decref(root);
		root = NULL;
	}
	failed = !root || json_dumpf(root, f, JSON_INDENT(2)) ||
		 fputc('\n', f) == EOF;
	json_decref(root);
	if (!failed)
		return 0;
	cli_error("out of memory");
	return CLI_INTERNAL;
}
