/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * What the options of a plan describe: a machine's RAM, nodes and CMRs.
 */
#include <stdlib.h>

#include <tdxcore/cmr.h>

#include "plan_cmd.h"

int plan_refuse(int result, const struct map_error *error)
{
	if (error->name && error->line)
		cli_error("%s:%zu: %s", error->name, error->line, error->text);
	else if (error->name)
		cli_error("%s: %s", error->name, error->text);
	else
		cli_error("%s", error->text);
	return result == MAP_E_NOMEM ? CLI_INTERNAL : CLI_INPUT;
}

int plan_no_memory(void)
{
	cli_error("out of memory");
	return CLI_INTERNAL;
}

uint64_t plan_ram_bytes(const struct plan_report *r)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < r->nr_ram; i++)
		sum += tdxc_range_size(r->ram[i].range);
	return sum;
}

static int read_nodes(struct plan_report *r, struct plan_options *o)
{
	const char *name = o->numa_file ? o->numa_file : "--node";
	struct map_error error = {0};
	char size[PLAN_SIZE_TEXT];
	uint64_t uncovered = 0;
	int result;

	if (!o->nodes.nr)
		return CLI_OK;
	result = map_check_nodes(&o->nodes, name, &error);
	if (result == MAP_OK)
		result =
			map_apply_nodes(&r->map, &o->nodes, &uncovered, &error);
	if (result != MAP_OK)
		return plan_refuse(result, &error);
	if (uncovered)
		cli_note("%s: %s of RAM is on no node; node 0 is assumed", name,
			 plan_size(size, uncovered));
	return CLI_OK;
}

static int by_start(const void *a, const void *b)
{
	const struct map_entry *x = a;
	const struct map_entry *y = b;

	return (x->range.start > y->range.start) -
	       (x->range.start < y->range.start);
}

/* CMRs by the source that r->cmr_source names. */
static int list_cmrs(struct plan_report *r, struct plan_options *o,
		     struct map_error *error)
{
	switch (r->cmr_source) {
	case PLAN_CMRS_SPAN:
		return map_cmrs_span(&r->map, &r->cmrs, &r->nr_cmrs);
	case PLAN_CMRS_OPTION:
		/* Options come in any order, a module's list does not. */
		qsort(o->cmrs.entries, o->cmrs.nr, sizeof *o->cmrs.entries,
		      by_start);
		return map_cmrs_listed(&o->cmrs, "--cmr", &r->cmrs, &r->nr_cmrs,
				       error);
	case PLAN_CMRS_FILE:
		return map_cmrs_listed(&o->cmrs, o->cmr_file, &r->cmrs,
				       &r->nr_cmrs, error);
	case PLAN_CMRS_MAP:
		return map_cmrs_listed(&r->map.cmrs, o->map, &r->cmrs,
				       &r->nr_cmrs, error);
	case PLAN_CMRS_UNSAID:
	case PLAN_CMRS_RAM:
		break;
	}
	return map_cmrs_ram(&r->map, &r->cmrs, &r->nr_cmrs);
}

static int read_cmrs(struct plan_report *r, struct plan_options *o)
{
	struct map_error error = {.text = "out of memory"};
	int result;

	r->cmr_source = o->cmr_source;
	if (r->cmr_source == PLAN_CMRS_UNSAID)
		r->cmr_source = r->map.cmrs.nr ? PLAN_CMRS_MAP : PLAN_CMRS_RAM;
	result = list_cmrs(r, o, &error);
	if (result != MAP_OK)
		return plan_refuse(result, &error);
	if (r->nr_cmrs > TDXC_MAX_CMRS)
		cli_note("%zu CMRs; firmware declares at most %d", r->nr_cmrs,
			 TDXC_MAX_CMRS);
	return CLI_OK;
}

int plan_read_machine(struct plan_report *r, struct plan_options *o)
{
	struct map_error error = {0};
	int result = map_read(o->map, &r->map, &error);

	if (result != MAP_OK)
		return plan_refuse(result, &error);
	result = read_nodes(r, o);
	if (result)
		return result;
	if (map_ram(&r->map, &r->ram, &r->nr_ram) != MAP_OK)
		return plan_no_memory();
	return read_cmrs(r, o);
}

void plan_report_free(struct plan_report *r)
{
	map_free(&r->map);
	free(r->cmrs);
	free(r->ram);
	free(r->scratch);
	free(r->infos);
	free(r->given_up);
}
