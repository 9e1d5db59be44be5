/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * The JSON document of a layout: one object, a line per member, one blank of
 * indentation per level.
 */
#include "layout.h"

/* Room for 64 bits in decimal. */
#define DIGITS 20

/* A document being written. */
struct writer {
	const struct layout_sink *sink;
	uint32_t depth;
	bool empty; /* Nothing was written in this object or array. */
};

static void put(const struct writer *w, const char *text)
{
	size_t len = 0;

	while (text[len])
		len++;
	w->sink->put(w->sink->ctx, text, len);
}

static void put_number(const struct writer *w, uint64_t value, uint32_t base)
{
	char text[DIGITS];
	size_t at = DIGITS;

	do {
		text[--at] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	w->sink->put(w->sink->ctx, text + at, DIGITS - at);
}

static void put_line(const struct writer *w)
{
	uint32_t i;

	put(w, "\n");
	for (i = 0; i < w->depth; i++)
		put(w, " ");
}

/* Where a value goes: a line of its own, in an object behind its name. */
static void place(struct writer *w, const char *name)
{
	if (w->depth) {
		if (!w->empty)
			put(w, ",");
		put_line(w);
	}
	w->empty = false;
	if (!name)
		return;
	put(w, "\"");
	put(w, name);
	put(w, "\": ");
}

static void begin(struct writer *w, const char *name, const char *bracket)
{
	place(w, name);
	put(w, bracket);
	w->depth++;
	w->empty = true;
}

static void finish(struct writer *w, const char *bracket)
{
	w->depth--;
	if (!w->empty)
		put_line(w);
	put(w, bracket);
	w->empty = false;
}

/* The texts are the library's own: nothing in them needs an escape. */
static void string(struct writer *w, const char *name, const char *text)
{
	place(w, name);
	put(w, "\"");
	put(w, text);
	put(w, "\"");
}

static void number(struct writer *w, const char *name, uint64_t value)
{
	place(w, name);
	put_number(w, value, 10);
}

static void hex(struct writer *w, const char *name, uint64_t value)
{
	place(w, name);
	put(w, "\"0x");
	put_number(w, value, 16);
	put(w, "\"");
}

static void base_size(struct writer *w, uint64_t base, uint64_t size)
{
	hex(w, "base", base);
	hex(w, "size", size);
}

static void limits(struct writer *w, const struct tdxc_limits *l)
{
	begin(w, "limits", "{");
	number(w, "max_tdmrs", l->max_tdmrs);
	number(w, "max_reserved_per_tdmr", l->max_reserved);
	begin(w, "pamt_entry_size", "{");
	number(w, "4k", l->pamt_entry_size[TDXC_PAMT_4K]);
	number(w, "2m", l->pamt_entry_size[TDXC_PAMT_2M]);
	number(w, "1g", l->pamt_entry_size[TDXC_PAMT_1G]);
	finish(w, "}");
	place(w, "dynamic_pamt");
	put(w, l->pamt_bitmap_bits ? "true" : "false");
	finish(w, "}");
}

static void cmrs(struct writer *w, const struct tdxc_plan_config *c)
{
	size_t i;

	begin(w, "cmrs", "[");
	for (i = 0; i < c->nr_cmrs; i++) {
		begin(w, NULL, "{");
		base_size(w, c->cmrs[i].start, tdxc_range_size(c->cmrs[i]));
		finish(w, "}");
	}
	finish(w, "]");
}

static void memory(struct writer *w, const struct tdxc_plan *plan)
{
	const struct tdxc_plan_memory *m;
	size_t i;

	begin(w, "memory", "[");
	for (i = 0; i < plan->nr_memory; i++) {
		m = &plan->memory[i];
		begin(w, NULL, "{");
		base_size(w, m->range.start, tdxc_range_size(m->range));
		number(w, "node", m->node);
		finish(w, "}");
	}
	finish(w, "]");
}

static void excluded(struct writer *w, const struct tdxc_plan *plan)
{
	const struct tdxc_plan_excluded *e;
	size_t i;

	begin(w, "excluded", "[");
	for (i = 0; i < plan->nr_excluded; i++) {
		e = &plan->excluded[i];
		begin(w, NULL, "{");
		base_size(w, e->range.start, tdxc_range_size(e->range));
		string(w, "reason", tdxc_plan_reason_name(e->reason));
		finish(w, "}");
	}
	finish(w, "]");
}

static void region(struct writer *w, const char *name,
		   struct tdxc_tdmr_region r)
{
	begin(w, name, "{");
	base_size(w, r.base, r.size);
	finish(w, "}");
}

static void tdmr(struct writer *w, const struct layout_plan *l, size_t i)
{
	const struct tdxc_tdmr_info *info = layout_info(l, i);
	size_t nr = layout_nr_reserved(l, i);
	size_t j;

	begin(w, NULL, "{");
	base_size(w, info->base, info->size);
	region(w, "pamt_4k", info->pamt_4k);
	region(w, "pamt_2m", info->pamt_2m);
	region(w, "pamt_1g", info->pamt_1g);
	begin(w, "reserved", "[");
	for (j = 0; j < nr; j++) {
		begin(w, NULL, "{");
		hex(w, "offset", info->reserved[j].offset);
		hex(w, "size", info->reserved[j].size);
		finish(w, "}");
	}
	finish(w, "]");
	finish(w, "}");
}

void layout_json(const struct layout_plan *l, const struct layout_sink *sink)
{
	struct writer w = {sink, 0, true};
	size_t i;

	begin(&w, NULL, "{");
	string(&w, "status", l->reason[0] ? "infeasible" : "ok");
	string(&w, "reason", l->reason);
	limits(&w, &l->config->limits);
	cmrs(&w, l->config);
	memory(&w, l->plan);
	excluded(&w, l->plan);
	begin(&w, "tdmrs", "[");
	for (i = 0; i < l->plan->nr_tdmrs; i++)
		tdmr(&w, l, i);
	finish(&w, "]");
	number(&w, "pamt_bytes", l->plan->pamt_bytes);
	number(&w, "usable_bytes", l->plan->usable_bytes);
	number(&w, "lost_bytes", l->plan->lost_bytes);
	finish(&w, "}");
	put(&w, "\n");
}
