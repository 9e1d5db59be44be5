/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * A layout checked as the module would, and RAM accounted for where there is
 * none.
 */
#include "layout.h"

#include <tdxcore/check.h>
#include <tdxcore/version.h>

/* The checker wants KeyIDs. No layout depends on how many there are: they lie
 * above the address bits. */
#define CHECK_SHARED_KEYIDS  31
#define CHECK_PRIVATE_KEYIDS 32

const struct tdxc_tdmr_info *layout_info(const struct layout_plan *l, size_t i)
{
	size_t stride = tdxc_tdmr_info_stride(l->config->limits.max_reserved);

	return (const void *)((const char *)l->infos + i * stride);
}

size_t layout_nr_reserved(const struct layout_plan *l, size_t i)
{
	const struct tdxc_tdmr_info *info = layout_info(l, i);
	size_t n = 0;

	while (n < l->config->limits.max_reserved && info->reserved[n].size)
		n++;
	return n;
}

uint64_t layout_check(const struct layout_plan *l, struct tdxc_cmr *cmrs)
{
	const struct tdxc_plan_config *c = l->config;
	struct tdxc_check_platform p;
	size_t i;

	for (i = 0; i < c->nr_cmrs; i++) {
		cmrs[i].base = c->cmrs[i].start;
		cmrs[i].size = tdxc_range_size(c->cmrs[i]);
	}
	memset(&p, 0, sizeof p);
	p.abi = TDXC_ABI;
	p.keyid_start_bit = c->limits.pa_bits;
	p.shared_keyids = CHECK_SHARED_KEYIDS;
	p.private_keyids = CHECK_PRIVATE_KEYIDS;
	p.cmrs = cmrs;
	p.nr_cmrs = c->nr_cmrs;
	p.limits = c->limits;
	return tdxc_check_layout(&p, l->infos,
				 tdxc_tdmr_info_stride(c->limits.max_reserved),
				 l->plan->nr_tdmrs);
}

/* --- no layout ----------------------------------------------------------- */

/* The list of what is given up, as it grows. */
struct none {
	struct tdxc_plan *plan;
	struct tdxc_plan_excluded *room;
};

static void give_up(const struct none *none, struct tdxc_range range,
		    uint32_t node, enum tdxc_plan_reason reason)
{
	struct tdxc_plan_excluded *e = &none->room[none->plan->nr_excluded];

	if (tdxc_range_is_empty(range))
		return;
	e->range = range;
	e->node = node;
	e->reason = reason;
	none->plan->nr_excluded++;
	if (reason == TDXC_PLAN_LIMIT)
		none->plan->lost_bytes += tdxc_range_size(range);
}

/* Split one RAM range: what is in a CMR is lost, the rest never was ours. */
static void give_up_ram(const struct none *none,
			const struct tdxc_plan_config *c,
			const struct tdxc_plan_ram *ram)
{
	struct tdxc_range legacy = {0, TDXC_PLAN_LEGACY_END};
	struct tdxc_range rest = ram->range;
	struct tdxc_range in;
	struct tdxc_range before;
	size_t i;

	legacy = tdxc_range_intersect(rest, legacy);
	give_up(none, legacy, ram->node, TDXC_PLAN_LEGACY);
	if (!tdxc_range_is_empty(legacy))
		rest.start = legacy.end;
	i = tdxc_range_find(c->cmrs, c->nr_cmrs, rest.start);
	for (; i < c->nr_cmrs && c->cmrs[i].start < rest.end; i++) {
		in = tdxc_range_intersect(rest, c->cmrs[i]);
		before.start = rest.start;
		before.end = in.start;
		give_up(none, before, ram->node, TDXC_PLAN_NOT_CONVERTIBLE);
		give_up(none, in, ram->node, TDXC_PLAN_LIMIT);
		rest.start = in.end;
	}
	give_up(none, rest, ram->node, TDXC_PLAN_NOT_CONVERTIBLE);
}

size_t layout_none_most(const struct tdxc_plan_config *config)
{
	/* Per RAM range a legacy piece, two for each CMR it meets, and a rest;
	 * they meet at most nr_ram + nr_cmrs times. */
	return 4 * config->nr_ram + 2 * config->nr_cmrs + 1;
}

void layout_none(struct tdxc_plan *plan, const struct tdxc_plan_config *config,
		 struct tdxc_plan_excluded *room)
{
	struct none none = {plan, room};
	size_t i;

	memset(plan, 0, sizeof *plan);
	for (i = 0; i < config->nr_ram; i++)
		give_up_ram(&none, config, &config->ram[i]);
	plan->excluded = room;
}
