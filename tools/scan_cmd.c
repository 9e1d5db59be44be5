/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * tdxcore scan: the shared memory of a guest, from a dump of its memory.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <tdxcore/err.h>
#include <tdxcore/version.h>

#include "scan_cmd.h"

enum {
	KEY_CR3 = 0x1000,
	KEY_LEVELS,
	KEY_SHARED_BIT,
	KEY_C_BIT,
	KEY_MAPPED,
	KEY_JSON,
};

struct scan_options {
	const char *path;
	uint64_t cr3;
	bool has_cr3;
	uint64_t levels; /* 0: as the dump says, or as it looks */
	uint64_t bit;	 /* 0: the one that is in use */
	bool c_bit;
	bool mapped;
	bool json;
};

static int out_of_memory(void)
{
	cli_error("out of memory");
	return CLI_INTERNAL;
}

/* ---- where the tables are ---- */

static uint64_t *read_table(void *ctx, uint64_t pa, uint32_t level)
{
	return dump_table(ctx, pa, level);
}

static const struct tdxc_scan_ops dump_ops = {TDXC_ABI, read_table};

static int choose_root(const struct scan_options *o, struct dump *d)
{
	if (o->has_cr3) {
		if (d->levels == 0 && o->levels == 0)
			d->levels =
				dump_guess_levels(d, o->cr3 & TDXC_PTE_PA_MASK);
		d->root = o->cr3 & TDXC_PTE_PA_MASK;
		d->root_source = DUMP_ROOT_GIVEN;
	} else if (d->root_source == DUMP_ROOT_NONE && !dump_find_root(d)) {
		cli_error("%s: no CR3 is noted in it and no page looks like "
			  "the root of page tables; give --cr3",
			  o->path);
		return CLI_INPUT;
	}
	if (o->levels != 0)
		d->levels = (uint32_t)o->levels;
	return CLI_OK;
}

static struct tdxc_scan_config base_config(const struct scan_options *o,
					   struct dump *d)
{
	struct tdxc_scan_config c = {0};
	uint64_t pages = 0;
	size_t i;

	for (i = 0; i < d->nr_ram; i++)
		pages += tdxc_range_size(d->ram[i]) / TDXC_PAGE_SIZE;
	c.abi = TDXC_ABI;
	c.levels = d->levels;
	c.root = d->root;
	c.ops = &dump_ops;
	c.ctx = d;
	c.shared_bit = (uint32_t)o->bit;
	c.polarity = o->c_bit ? TDXC_SHARED_IS_CLEAR : TDXC_SHARED_IS_SET;
	c.pa_bits = TDXC_SCAN_MAX_PA_BITS;
	c.what = TDXC_SCAN_SHARED;
	c.ram = d->ram;
	c.nr_ram = d->nr_ram;
	/* Kernels map some tables more than once, none of them often. */
	c.max_tables = 1024 + 4 * pages;
	return c;
}

/* Leaves that are shared if this is the bit. */
static uint64_t count_shared(struct tdxc_scan_config c, uint32_t bit)
{
	struct tdxc_scan scan;
	struct tdxc_scan_leaf leaf;
	enum tdxc_scan_event event;
	uint64_t n = 0;

	c.shared_bit = bit;
	if (tdxc_scan_begin(&scan, &c))
		return 0;
	do {
		event = tdxc_scan_next_leaf(&scan, &leaf);
		n += event == TDXC_SCAN_LEAF;
	} while (event == TDXC_SCAN_LEAF || event == TDXC_SCAN_BAD);
	return n;
}

/* A TD has it at 47 or 51; a machine without shared memory at neither. */
static int choose_bit(const struct scan_options *o, struct tdxc_scan_config *c)
{
	uint64_t at_47, at_51;

	if (o->bit != 0)
		return CLI_OK;
	at_47 = count_shared(*c, 47);
	at_51 = count_shared(*c, 51);
	if (at_47 != 0 && at_51 != 0) {
		cli_error("%s: bits 47 and 51 are both in use; give "
			  "--shared-bit",
			  o->path);
		return CLI_INPUT;
	}
	c->shared_bit = at_47 != 0 ? 47 : 51;
	return CLI_OK;
}

/* ---- what is mapped ---- */

static int keep_run(struct scan_runs *runs, const struct tdxc_scan_run *run)
{
	if (runs->nr == runs->room) {
		size_t room = runs->room ? 2 * runs->room : 64;
		void *more = realloc(runs->run, room * sizeof *runs->run);

		if (!more)
			return out_of_memory();
		runs->run = more;
		runs->room = room;
	}
	runs->run[runs->nr++] = *run;
	return CLI_OK;
}

static int take_run(struct scan_report *r, const struct tdxc_scan_run *run)
{
	int failed = CLI_OK;
	size_t i;

	for (i = 0; i < TDXC_LEVEL_1G; i++) {
		r->leaves[i] += run->leaves[i];
		if (run->shared)
			r->shared_leaves[i] += run->leaves[i];
	}
	if (run->shared)
		failed = keep_run(&r->shared, run);
	if (!failed && r->list_mapped)
		failed = keep_run(&r->mapped, run);
	return failed;
}

static int scan_all(struct scan_report *r)
{
	struct tdxc_scan scan;
	struct tdxc_scan_run run;
	int failed = CLI_OK;

	r->config.what = TDXC_SCAN_MAPPED;
	if (tdxc_scan_begin(&scan, &r->config)) {
		cli_error("%s: no page tables at 0x%llx", r->path,
			  (unsigned long long)r->config.root);
		return CLI_INPUT;
	}
	while (!failed) {
		switch (tdxc_scan_next_run(&scan, &run)) {
		case TDXC_SCAN_END:
			r->tables = scan.tables_read;
			return CLI_OK;
		case TDXC_SCAN_LEAF:
			failed = take_run(r, &run);
			break;
		case TDXC_SCAN_BAD:
			if (r->nr_bad < SCAN_MAX_BAD)
				r->bad[r->nr_bad] = run.bad_entry;
			r->nr_bad++;
			break;
		case TDXC_SCAN_BUDGET:
			cli_error("%s: more than %llu page tables: they "
				  "cannot be a kernel's",
				  r->path,
				  (unsigned long long)r->config.max_tables);
			return CLI_INPUT;
		}
	}
	return failed;
}

/* ---- what unsharing would do ---- */

static int pretend(void *ctx, struct tdxc_range pa,
		   struct tdxc_unshare_done *done)
{
	(void)ctx;
	(void)pa;
	(void)done;
	return TDXC_OK;
}

static void no_flush(void *ctx)
{
	(void)ctx;
}

static int no_exclusions(void *ctx, uint32_t order)
{
	(void)ctx;
	(void)order;
	return TDXC_OK;
}

/* Tables are copies: clearing their entries changes no dump. */
static int rehearse(struct scan_report *r)
{
	static const struct tdxc_unshare_ops ops = {TDXC_ABI, pretend, no_flush,
						    no_exclusions};
	struct tdxc_range batch[64];
	struct tdxc_unshare_config c = {0};
	struct tdxc_tracker seen;
	struct tdxc_unshare *u = malloc(sizeof *u);
	struct tdxc_range *ranges =
		calloc(r->shared.nr + 1, sizeof *r->shared.run);

	if (!u || !ranges) {
		free(u);
		free(ranges);
		return out_of_memory();
	}
	tdxc_tracker_init(&seen, ranges, r->shared.nr + 1);
	c.abi = TDXC_ABI;
	c.edit = TDXC_UNSHARE_CLEAR;
	c.flush = TDXC_FLUSH_LATE;
	c.large = TDXC_LARGE_KEEP;
	c.scan = r->config;
	c.scan.what = TDXC_SCAN_SHARED;
	c.ops = &ops;
	c.batch = batch;
	c.batch_room = sizeof batch / sizeof batch[0];
	c.seen = &seen;
	if (!tdxc_unshare_init(u, &c))
		(void)!tdxc_unshare_run(u);
	r->unshare = u->result;
	free(u);
	free(ranges);
	return CLI_OK;
}

/* ---- the command ---- */

static int print_report(const struct scan_report *r, bool json)
{
	struct cli_out out = {0};
	int result = CLI_INTERNAL;

	if (cli_out_open(&out))
		return CLI_INTERNAL;
	if (!json)
		scan_print_text(out.stream, r);
	if ((!json || !scan_print_json(out.stream, r)) &&
	    !cli_out_close(&out) && !cli_out_print(&out))
		result = CLI_OK;
	cli_out_free(&out);
	return result;
}

static int scan_dump(const struct scan_options *o, struct dump *d)
{
	struct scan_report r = {0};
	int failed;

	failed = choose_root(o, d);
	if (failed)
		return failed;
	r.path = o->path;
	r.dump = d;
	r.list_mapped = o->mapped;
	r.config = base_config(o, d);
	failed = choose_bit(o, &r.config);
	if (!failed)
		failed = scan_all(&r);
	if (!failed)
		failed = rehearse(&r);
	if (!failed)
		failed = print_report(&r, o->json);
	free(r.mapped.run);
	free(r.shared.run);
	return failed;
}

static bool parse_number(const char *text, int base, uint64_t *value)
{
	char *end;

	if (*text == '\0' || strchr("+- \t\n", *text))
		return false;
	errno = 0;
	*value = strtoull(text, &end, base);
	return *end == '\0' && errno == 0;
}

static error_t parse_bit(struct scan_options *o, const char *arg,
			 struct argp_state *state, bool c_bit)
{
	if (o->bit != 0)
		argp_error(state, "there is one bit that tells, not two");
	if (!parse_number(arg, 10, &o->bit) ||
	    o->bit < TDXC_SCAN_MIN_SHARED_BIT ||
	    o->bit > TDXC_SCAN_MAX_SHARED_BIT)
		argp_error(state, "'%s' is not a bit: 12 to 51 was expected",
			   arg);
	o->c_bit = c_bit;
	return 0;
}

static error_t scan_parse(int key, char *arg, struct argp_state *state)
{
	struct scan_options *o = state->input;

	switch (key) {
	case KEY_CR3:
		if (!parse_number(arg, 16, &o->cr3))
			argp_error(state, "'%s' is not a hex number", arg);
		o->has_cr3 = true;
		return 0;
	case KEY_LEVELS:
		if (!parse_number(arg, 10, &o->levels) || o->levels < 4 ||
		    o->levels > 5)
			argp_error(state, "'%s' is not 4 or 5", arg);
		return 0;
	case KEY_SHARED_BIT:
	case KEY_C_BIT:
		return parse_bit(o, arg, state, key == KEY_C_BIT);
	case KEY_MAPPED:
		o->mapped = true;
		return 0;
	case KEY_JSON:
		o->json = true;
		return 0;
	case ARGP_KEY_ARG:
		if (o->path)
			argp_error(state, "one dump at a time");
		o->path = arg;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "a dump is missing");
		return EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option scan_options[] = {
	{"cr3", KEY_CR3, "ADDRESS", 0,
	 "Root of the page tables, in hex (noted in the dump, or looked for)",
	 0},
	{"levels", KEY_LEVELS, "N", 0, "Levels of the tables: 4 or 5", 0},
	{"shared-bit", KEY_SHARED_BIT, "N", 0,
	 "Address bit that is set in shared entries (47 or 51, which is in "
	 "use)",
	 0},
	{"c-bit", KEY_C_BIT, "N", 0,
	 "Address bit that is clear in shared entries, as SEV has it", 0},
	{"mapped", KEY_MAPPED, NULL, 0, "List all that is mapped, too", 0},
	{"json", KEY_JSON, NULL, 0, "Print one JSON object", 0},
	{0},
};

int cli_scan(int argc, char **argv)
{
	static const struct argp_child children[] = {
		{&cli_common_argp, 0, NULL, CLI_COMMON_GROUP},
		{0},
	};
	static const struct argp argp = {
		.options = scan_options,
		.parser = scan_parse,
		.args_doc = "DUMP",
		.doc = "Find the shared memory of a guest in a dump of its "
		       "memory: an ELF core as QEMU's dump-guest-memory and "
		       "kdump write it, or a raw image from address 0.",
		.children = children,
	};
	struct scan_options o = {0};
	struct dump *d;
	int result;

	if (argp_parse(&argp, argc, argv, ARGP_NO_HELP, NULL, &o))
		return out_of_memory();
	d = malloc(sizeof *d);
	if (!d)
		return out_of_memory();
	if (dump_open(d, o.path)) {
		cli_error("%s: %s", o.path, d->error);
		result = CLI_INPUT;
	} else {
		result = scan_dump(&o, d);
	}
	dump_close(d);
	free(d);
	return result;
}
