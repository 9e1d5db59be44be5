/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * tdxcore plan for people: the TDMRs, what became of all RAM, and how good the
 * answer is.
 */
#include <inttypes.h>

#include "plan_cmd.h"

static const char *const level_names[TDXC_PAMT_LEVELS] = {"4K", "2M", "1G"};

static const char *const reason_texts[TDXC_PLAN_NR_REASONS] = {
	[TDXC_PLAN_LEGACY] = "below 1 MiB",
	[TDXC_PLAN_NOT_CONVERTIBLE] = "in no CMR",
	[TDXC_PLAN_PAMT] = "holds PAMTs",
	[TDXC_PLAN_LIMIT] = "given up to a limit of the module",
	[TDXC_PLAN_UNECONOMIC] = "its GiB costs more PAMT than it holds RAM",
};

const char *plan_size(char text[PLAN_SIZE_TEXT], uint64_t bytes)
{
	static const char *const units[] = {"B",   "KiB", "MiB",
					    "GiB", "TiB", "PiB"};
	uint64_t unit = 1;
	size_t i = 0;

	while (i < sizeof units / sizeof units[0] - 1 && bytes / unit >= 1024) {
		unit *= 1024;
		i++;
	}
	if (bytes % unit == 0)
		snprintf(text, PLAN_SIZE_TEXT, "%" PRIu64 " %s", bytes / unit,
			 units[i]);
	else
		snprintf(text, PLAN_SIZE_TEXT, "%.*f %s",
			 bytes / unit < 10 ? 2 : 1,
			 (double)bytes / (double)unit, units[i]);
	return text;
}

const char *plan_nodes(char text[PLAN_NODES_TEXT], const struct plan_report *r,
		       size_t i)
{
	const struct tdxc_plan_tdmr *t = &r->plan.tdmrs[i];
	size_t nodes = plan_count_nodes(r, t->range);

	if (nodes > 1)
		snprintf(text, PLAN_NODES_TEXT, "%zu nodes", nodes);
	else
		snprintf(text, PLAN_NODES_TEXT, "node %u", t->node);
	return text;
}

const char *plan_cmr_source_text(const struct plan_report *r)
{
	switch (r->cmr_source) {
	case PLAN_CMRS_SPAN:
		return "the RAM and what lies between (--cmr span)";
	case PLAN_CMRS_OPTION:
		return "as given (--cmr)";
	case PLAN_CMRS_FILE:
		return r->options->cmr_file;
	case PLAN_CMRS_MAP:
		return "the map's own";
	case PLAN_CMRS_UNSAID:
	case PLAN_CMRS_RAM:
		break;
	}
	return "exactly the RAM (--cmr ram)";
}

/* All addresses with as many digits as the highest one has. */
static int address_digits(const struct plan_report *r)
{
	uint64_t most = r->nr_ram ? r->ram[r->nr_ram - 1].range.end : 0;
	int digits = 8;

	if (r->plan.nr_tdmrs &&
	    r->plan.tdmrs[r->plan.nr_tdmrs - 1].range.end > most)
		most = r->plan.tdmrs[r->plan.nr_tdmrs - 1].range.end;
	while (digits < 16 && most >> (4 * digits))
		digits++;
	return digits;
}

static void print_range(FILE *f, int digits, struct tdxc_range range)
{
	char size[PLAN_SIZE_TEXT];

	fprintf(f, "[0x%0*" PRIx64 ", 0x%0*" PRIx64 ")  %10s", digits,
		range.start, digits, range.end,
		plan_size(size, tdxc_range_size(range)));
}

/* --- head ---------------------------------------------------------------- */

size_t plan_count_nodes(const struct plan_report *r, struct tdxc_range in)
{
	unsigned char seen[(MAP_MAX_NODE + 1) / 8] = {0};
	unsigned char bit;
	uint32_t node;
	size_t n = 0;
	size_t i;

	for (i = 0; i < r->nr_ram; i++) {
		node = r->ram[i].node;
		if (node > MAP_MAX_NODE ||
		    !tdxc_range_overlaps(r->ram[i].range, in))
			continue;
		bit = (unsigned char)(1u << node % 8);
		n += !(seen[node / 8] & bit);
		seen[node / 8] |= bit;
	}
	return n;
}

void plan_print_machine(FILE *f, const struct plan_report *r)
{
	size_t nodes = plan_count_nodes(r, (struct tdxc_range){0, UINT64_MAX});
	char size[PLAN_SIZE_TEXT];

	fprintf(f, "Map     %s (%s)\n", r->options->map,
		map_format_name(r->map.format));
	fprintf(f, "RAM     %s in %zu range%s on %zu node%s\n",
		plan_size(size, plan_ram_bytes(r)), r->nr_ram,
		r->nr_ram == 1 ? "" : "s", nodes, nodes == 1 ? "" : "s");
	fprintf(f, "CMRs    %zu, %s\n", r->nr_cmrs, plan_cmr_source_text(r));
}

static void print_head(FILE *f, const struct plan_report *r)
{
	const struct tdxc_limits *limits = &r->config.limits;

	plan_print_machine(f, r);
	fprintf(f,
		"Module  up to %u TDMRs with %u reserved areas each, "
		"%s PAMT, entries of %u/%u/%u bytes\n",
		limits->max_tdmrs, limits->max_reserved,
		limits->pamt_bitmap_bits ? "dynamic" : "static",
		limits->pamt_entry_size[TDXC_PAMT_4K],
		limits->pamt_entry_size[TDXC_PAMT_2M],
		limits->pamt_entry_size[TDXC_PAMT_1G]);
}

/* --- TDMRs --------------------------------------------------------------- */

static bool holds_pamt(const struct plan_report *r, struct tdxc_range area)
{
	const struct tdxc_plan_tdmr *t;
	size_t i;
	int level;

	for (i = 0; i < r->plan.nr_tdmrs; i++) {
		t = &r->plan.tdmrs[i];
		for (level = 0; level < TDXC_PAMT_LEVELS; level++) {
			if (tdxc_range_overlaps(t->pamt[level], area))
				return true;
		}
	}
	return false;
}

static bool holds_excluded(const struct plan_report *r, struct tdxc_range area,
			   enum tdxc_plan_reason reason)
{
	const struct tdxc_plan_excluded *e = r->plan.excluded;
	size_t from = 0;
	size_t to = r->plan.nr_excluded;
	size_t mid;

	/* The first that ends above the start of the area. */
	while (from < to) {
		mid = from + (to - from) / 2;
		if (e[mid].range.end <= area.start)
			from = mid + 1;
		else
			to = mid;
	}
	for (; from < r->plan.nr_excluded && e[from].range.start < area.end;
	     from++) {
		if (e[from].reason == reason)
			return true;
	}
	return false;
}

/* What a reserved area is for. */
static void print_purpose(FILE *f, const struct plan_report *r,
			  struct tdxc_range area)
{
	const char *comma = "  ";

	if (!tdxc_range_list_covers(r->cmrs, r->nr_cmrs, area)) {
		fprintf(f, "%snot convertible", comma);
		comma = ", ";
	}
	if (holds_pamt(r, area)) {
		fprintf(f, "%sPAMT", comma);
		comma = ", ";
	}
	if (holds_excluded(r, area, TDXC_PLAN_LIMIT))
		fprintf(f, "%sRAM given up", comma);
	fputc('\n', f);
}

static void print_tdmr(FILE *f, const struct plan_report *r, size_t i,
		       int digits)
{
	const struct tdxc_plan_tdmr *t = &r->plan.tdmrs[i];
	const struct tdxc_tdmr_info *info = plan_info(r, i);
	size_t nr = plan_nr_reserved(r, i);
	char nodes[PLAN_NODES_TEXT];
	char size[PLAN_SIZE_TEXT];
	struct tdxc_range area;
	uint64_t pamt = 0;
	size_t j;
	int level;

	for (level = 0; level < TDXC_PAMT_LEVELS; level++)
		pamt += t->pamt_bytes[level];
	fprintf(f, "\n%4zu  TDMR      ", i);
	print_range(f, digits, t->range);
	fprintf(f, "  %s, PAMT %s, reserved %zu/%u\n", plan_nodes(nodes, r, i),
		plan_size(size, pamt), nr, r->config.limits.max_reserved);
	for (level = TDXC_PAMT_LEVELS - 1; level >= 0; level--) {
		fprintf(f, "      PAMT %s   ", level_names[level]);
		print_range(f, digits, t->pamt[level]);
		fputc('\n', f);
	}
	for (j = 0; j < nr; j++) {
		area.start = info->base + info->reserved[j].offset;
		area.end = area.start + info->reserved[j].size;
		fputs("      reserved  ", f);
		print_range(f, digits, area);
		print_purpose(f, r, area);
	}
}

/* --- totals -------------------------------------------------------------- */

static void print_share(FILE *f, const char *name, uint64_t bytes, uint64_t ram,
			const char *text)
{
	char size[PLAN_SIZE_TEXT];
	double percent = ram ? 100.0 * (double)bytes / (double)ram : 0.0;

	fprintf(f, "  %-16s %11s  %8.4f %%%s%s\n", name, plan_size(size, bytes),
		percent, text[0] ? "  " : "", text);
}

static uint64_t excluded_bytes(const struct tdxc_plan *plan,
			       enum tdxc_plan_reason reason)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < plan->nr_excluded; i++) {
		if (plan->excluded[i].reason == reason)
			sum += tdxc_range_size(plan->excluded[i].range);
	}
	return sum;
}

static void print_totals(FILE *f, const struct plan_report *r)
{
	uint64_t ram = plan_ram_bytes(r);
	uint64_t bytes;
	int reason;

	fprintf(f, "\nWhat becomes of the RAM\n");
	print_share(f, "usable", r->plan.usable_bytes, ram, "for TDs");
	for (reason = 0; reason < TDXC_PLAN_NR_REASONS; reason++) {
		bytes = excluded_bytes(&r->plan, (enum tdxc_plan_reason)reason);
		if (bytes)
			print_share(f,
				    tdxc_plan_reason_name(
					    (enum tdxc_plan_reason)reason),
				    bytes, ram, reason_texts[reason]);
	}
	print_share(f, "total", ram, ram, "");
}

static void print_excluded(FILE *f, const struct plan_report *r, int digits)
{
	const struct tdxc_plan_excluded *e;
	const char *head = "\nRAM a TD may not use\n";
	size_t i;
	int reason;

	for (reason = 0; reason < TDXC_PLAN_NR_REASONS; reason++) {
		for (i = 0; i < r->plan.nr_excluded; i++) {
			e = &r->plan.excluded[i];
			if ((int)e->reason != reason)
				continue;
			fprintf(f, "%s  %-16s ", head,
				tdxc_plan_reason_name(e->reason));
			print_range(f, digits, e->range);
			fprintf(f, "  node %u\n", e->node);
			head = "";
		}
	}
}

/* How good the answer is. */
static void print_verdict(FILE *f, const struct plan_report *r)
{
	const struct tdxc_plan *plan = &r->plan;
	char lost[PLAN_SIZE_TEXT];
	char over[PLAN_SIZE_TEXT];

	fputs("\nGiven up to limits of the module: ", f);
	if (!plan->lost_bytes)
		fputs("nothing\n", f);
	else if (plan->lost_bytes == plan->lost_bound)
		fprintf(f, "%s, proven minimal\n",
			plan_size(lost, plan->lost_bytes));
	else if (plan->lost_bound)
		fprintf(f, "%s, at most %s more than any layout must\n",
			plan_size(lost, plan->lost_bytes),
			plan_size(over, plan->lost_bytes - plan->lost_bound));
	else
		fprintf(f, "%s; whether less would do is not proven\n",
			plan_size(lost, plan->lost_bytes));
	fprintf(f, "PAMT bytes and number of TDMRs: %s\n",
		plan->proven ? "proven least" : "not proven least");
}

void plan_print_text(FILE *f, const struct plan_report *r)
{
	int digits = address_digits(r);
	char size[PLAN_SIZE_TEXT];
	uint64_t ram = plan_ram_bytes(r);
	size_t i;

	print_head(f, r);
	if (plan_feasible(r)) {
		fprintf(f, "Layout  %u TDMR%s, %s of PAMT: %.3f %% of RAM\n",
			r->plan.nr_tdmrs, r->plan.nr_tdmrs == 1 ? "" : "s",
			plan_size(size, r->plan.pamt_bytes),
			100.0 * (double)r->plan.pamt_bytes / (double)ram);
		for (i = 0; i < r->plan.nr_tdmrs; i++)
			print_tdmr(f, r, i, digits);
	} else {
		fprintf(f, "Layout  none: %s\n", r->reason);
	}
	print_totals(f, r);
	print_excluded(f, r, digits);
	if (plan_feasible(r))
		print_verdict(f, r);
}
