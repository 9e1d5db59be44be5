/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Accounting of a plan, byte by byte. Every range that can matter cuts the
 * address space; on each piece between two cuts all questions have one answer,
 * so the pieces are walked and each is asked: is it RAM, convertible, under a
 * PAMT, in a TDMR, reserved - and do the plan's lists say so?
 */
#include "verify.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <tdxcore/err.h>
#include <tdxcore/version.h>

static char problem[512];

/* Everything a run says, flattened. */
struct verify {
	const struct plan_case *c;
	const struct plan_run *run;
	uint64_t *cuts;
	size_t nr_cuts;
	struct tdxc_range *reserved; /* of all TDMRs, absolute */
	uint32_t *reserved_of;
	size_t nr_reserved;
	uint64_t sum[TDXC_PLAN_NR_REASONS];
	uint64_t memory;
};

void verify_platform(struct verify_platform *p, const struct plan_case *c)
{
	size_t i;

	memset(p, 0, sizeof(*p));
	p->platform.abi = TDXC_ABI;
	p->platform.keyid_start_bit = c->config.limits.pa_bits;
	p->platform.shared_keyids = 0;
	p->platform.private_keyids = 1;
	p->platform.cmrs = p->cmrs;
	p->platform.nr_cmrs = c->config.nr_cmrs;
	p->platform.limits = c->config.limits;
	for (i = 0; i < c->config.nr_cmrs; i++) {
		p->cmrs[i].base = c->config.cmrs[i].start;
		p->cmrs[i].size =
			c->config.cmrs[i].end - c->config.cmrs[i].start;
	}
}

static const struct tdxc_tdmr_info *verify_info(const struct verify *v,
						uint32_t i)
{
	size_t stride = tdxc_tdmr_info_stride(v->c->config.limits.max_reserved);
	const unsigned char *at = v->run->infos;

	return (const struct tdxc_tdmr_info *)(const void *)(at + i * stride);
}

static void verify_cut(struct verify *v, struct tdxc_range r)
{
	v->cuts[v->nr_cuts++] = r.start;
	v->cuts[v->nr_cuts++] = r.end;
}

static int verify_compare(const void *a, const void *b)
{
	const uint64_t *x = a;
	const uint64_t *y = b;

	return *x < *y ? -1 : *x > *y;
}

static bool verify_in(uint64_t at, struct tdxc_range r)
{
	return r.start <= at && at < r.end;
}

/* Bytes of a PAMT region from the formula of linux-host-tdx.md 5.3. */
static uint64_t verify_pamt_bytes(const struct tdxc_limits *l, unsigned level,
				  uint64_t size)
{
	static const uint64_t page[] = {4096, 2097152, 1073741824};
	uint64_t entries = size / page[level];
	uint64_t bytes = entries * l->pamt_entry_size[level];

	if (level == TDXC_PAMT_4K && l->pamt_bitmap_bits)
		bytes = (entries * l->pamt_bitmap_bits + 7) / 8;
	return (bytes + 4095) / 4096 * 4096;
}

static const char *verify_tdmr(struct verify *v, uint32_t i, uint64_t *pamt)
{
	const struct tdxc_limits *l = &v->c->config.limits;
	const struct tdxc_plan_tdmr *t = &v->run->plan.tdmrs[i];
	const struct tdxc_tdmr_info *info = verify_info(v, i);
	const struct tdxc_tdmr_region *at[] = {&info->pamt_4k, &info->pamt_2m,
					       &info->pamt_1g};
	uint64_t size = t->range.end - t->range.start;
	unsigned level;

	if (info->base != t->range.start || info->size != size)
		return "TDMR_INFO and plan name different ranges";
	for (level = 0; level < TDXC_PAMT_LEVELS; level++) {
		uint64_t need = verify_pamt_bytes(l, level, size);

		if (t->pamt_bytes[level] != need)
			return "pamt_bytes is not what the formula says";
		if (at[level]->base != t->pamt[level].start ||
		    at[level]->size !=
			    t->pamt[level].end - t->pamt[level].start)
			return "TDMR_INFO and plan place a PAMT differently";
		if (!(v->c->config.flags & TDXC_PLAN_CALLER_PLACES) &&
		    at[level]->size != need)
			return "PAMT region is not as long as needed";
		*pamt += need;
		verify_cut(v, t->pamt[level]);
	}
	verify_cut(v, t->range);
	return NULL;
}

static const char *verify_areas(struct verify *v, uint32_t i)
{
	uint32_t max = v->c->config.limits.max_reserved;
	const struct tdxc_tdmr_info *info = verify_info(v, i);
	uint32_t used = 0;
	uint32_t k;

	for (k = 0; k < max; k++) {
		struct tdxc_tdmr_reserved r = info->reserved[k];
		struct tdxc_range abs = {info->base + r.offset,
					 info->base + r.offset + r.size};

		if (!r.size) {
			if (r.offset)
				return "unused reserved entry is not zero";
			continue;
		}
		used++;
		v->reserved[v->nr_reserved] = abs;
		v->reserved_of[v->nr_reserved++] = i;
		verify_cut(v, abs);
	}
	if (used != v->run->plan.tdmrs[i].nr_reserved)
		return "nr_reserved is not the number of areas written";
	return NULL;
}

/* Which TDMR has this address available (not reserved), or -1. */
static int64_t verify_available(const struct verify *v, uint64_t at)
{
	uint32_t i;
	size_t k;

	for (i = 0; i < v->run->plan.nr_tdmrs; i++)
		if (verify_in(at, v->run->plan.tdmrs[i].range))
			break;
	if (i == v->run->plan.nr_tdmrs)
		return -1;
	for (k = 0; k < v->nr_reserved; k++)
		if (v->reserved_of[k] == i && verify_in(at, v->reserved[k]))
			return -1;
	return i;
}

static bool verify_pamt_at(const struct verify *v, uint64_t at)
{
	uint32_t i;
	unsigned level;

	for (i = 0; i < v->run->plan.nr_tdmrs; i++)
		for (level = 0; level < TDXC_PAMT_LEVELS; level++)
			if (verify_in(at, v->run->plan.tdmrs[i].pamt[level]))
				return true;
	return false;
}

static bool verify_convertible(const struct verify *v, uint64_t at)
{
	size_t i;

	for (i = 0; i < v->c->config.nr_cmrs; i++)
		if (verify_in(at, v->c->config.cmrs[i]))
			return true;
	return false;
}

static const struct tdxc_plan_ram *verify_ram(const struct verify *v,
					      uint64_t at)
{
	struct tdxc_range t;
	size_t i;

	for (i = 0; i < v->c->config.nr_ram; i++)
		if (case_trim(v->c->config.ram[i].range, &t) &&
		    verify_in(at, t))
			return &v->c->config.ram[i];
	return NULL;
}

/* How the plan's own lists account for an address. */
static const char *verify_listed(const struct verify *v, uint64_t at,
				 uint32_t *node, int *reason)
{
	const struct tdxc_plan *p = &v->run->plan;
	unsigned times = 0;
	size_t i;

	*reason = -1;
	for (i = 0; i < p->nr_memory; i++)
		if (verify_in(at, p->memory[i].range)) {
			times++;
			*node = p->memory[i].node;
			*reason = TDXC_PLAN_NR_REASONS;
		}
	for (i = 0; i < p->nr_excluded; i++)
		if (verify_in(at, p->excluded[i].range)) {
			times++;
			*node = p->excluded[i].node;
			*reason = (int)p->excluded[i].reason;
		}
	return times > 1 ? "a byte of RAM is listed twice" : NULL;
}

static const char *verify_reason(const struct verify *v, uint64_t at,
				 int reason)
{
	bool limit = reason == TDXC_PLAN_LIMIT ||
		     (reason == TDXC_PLAN_UNECONOMIC &&
		      (v->c->config.flags & TDXC_PLAN_ECONOMY));

	if (at < TDXC_PLAN_LEGACY_END)
		return reason == TDXC_PLAN_LEGACY ? NULL
						  : "low RAM is not legacy";
	if (!verify_convertible(v, at))
		return reason == TDXC_PLAN_NOT_CONVERTIBLE
			       ? NULL
			       : "RAM in no CMR is not called so";
	if (verify_pamt_at(v, at))
		return reason == TDXC_PLAN_PAMT
			       ? NULL
			       : "RAM under a PAMT is not called so";
	if (verify_available(v, at) >= 0)
		return reason == TDXC_PLAN_NR_REASONS
			       ? NULL
			       : "available RAM is not listed as memory";
	return limit ? NULL : "RAM given up is not of reason limit";
}

static const char *verify_piece(struct verify *v, uint64_t start, uint64_t end)
{
	const struct tdxc_plan_ram *ram = verify_ram(v, start);
	const char *wrong;
	uint32_t node = 0;
	int reason;

	if (verify_pamt_at(v, start) &&
	    !(v->c->config.flags & TDXC_PLAN_CALLER_PLACES) &&
	    (!ram || start < TDXC_PLAN_LEGACY_END ||
	     !verify_convertible(v, start)))
		return "PAMT outside convertible RAM";
	wrong = verify_listed(v, start, &node, &reason);
	if (wrong)
		return wrong;
	if (!ram)
		return reason == -1 ? NULL : "listed, but no RAM";
	if (reason == -1)
		return "a byte of RAM is not listed";
	if (node != ram->node)
		return "listed with a wrong node";
	if (reason < TDXC_PLAN_NR_REASONS)
		v->sum[reason] += end - start;
	else
		v->memory += end - start;
	return verify_reason(v, start, reason);
}

static const char *verify_lists(struct verify *v)
{
	const struct tdxc_plan *p = &v->run->plan;
	uint64_t last = 0;
	struct tdxc_range t;
	size_t i;

	for (i = 0; i < p->nr_memory; i++) {
		struct tdxc_range r = p->memory[i].range;

		if (r.start >= r.end || r.start < last || r.start % 4096 ||
		    r.end % 4096)
			return "memory is not ascending whole pages";
		last = r.end;
		verify_cut(v, r);
	}
	for (i = 0, last = 0; i < p->nr_excluded; i++) {
		struct tdxc_range r = p->excluded[i].range;

		if (r.start >= r.end || r.start < last || r.start % 4096 ||
		    r.end % 4096)
			return "excluded is not ascending whole pages";
		last = r.end;
		verify_cut(v, r);
	}
	for (i = 0; i < v->c->config.nr_cmrs; i++)
		verify_cut(v, v->c->config.cmrs[i]);
	for (i = 0; i < v->c->config.nr_ram; i++)
		if (case_trim(v->c->config.ram[i].range, &t))
			verify_cut(v, t);
	v->cuts[v->nr_cuts++] = TDXC_PLAN_LEGACY_END;
	return NULL;
}

static const char *verify_account(struct verify *v)
{
	const struct tdxc_plan *p = &v->run->plan;
	const char *wrong = verify_lists(v);
	size_t i;

	if (wrong)
		return wrong;
	qsort(v->cuts, v->nr_cuts, sizeof(*v->cuts), verify_compare);
	for (i = 0; i + 1 < v->nr_cuts; i++) {
		if (v->cuts[i] == v->cuts[i + 1])
			continue;
		wrong = verify_piece(v, v->cuts[i], v->cuts[i + 1]);
		if (wrong)
			return wrong;
	}
	if (v->sum[TDXC_PLAN_LIMIT] != p->lost_bytes)
		return "lost_bytes is not the sum of reason limit";
	if (v->memory != p->usable_bytes)
		return "usable_bytes is not the sum of memory";
	return NULL;
}

static const char *verify_totals(const struct verify *v, uint64_t pamt)
{
	const struct tdxc_plan *p = &v->run->plan;

	if (!p->sealed)
		return "sealed, but the plan does not say so";
	if (p->pamt_bytes != pamt)
		return "pamt_bytes is not the sum over TDMRs";
	if (p->lost_bound > p->lost_bytes)
		return "lost_bound is above lost_bytes";
	if (!p->usable_bytes)
		return "a plan without usable RAM";
	if (p->nr_tdmrs < 1 || p->nr_tdmrs > v->c->config.limits.max_tdmrs)
		return "number of TDMRs outside the limit";
	return NULL;
}

static const char *verify_sealed(struct verify *v)
{
	const char *wrong = NULL;
	uint64_t pamt = 0;
	uint32_t i;

	for (i = 0; !wrong && i < v->run->plan.nr_tdmrs; i++) {
		wrong = verify_tdmr(v, i, &pamt);
		if (!wrong)
			wrong = verify_areas(v, i);
	}
	if (!wrong)
		wrong = verify_totals(v, pamt);
	if (!wrong)
		wrong = verify_account(v);
	return wrong;
}

static const char *verify_check(const struct plan_case *c,
				const struct plan_run *run)
{
	struct verify_platform *p = malloc(sizeof(*p));
	uint64_t status;

	if (!p)
		abort();
	verify_platform(p, c);
	status = tdxc_check_layout(
		&p->platform, run->infos,
		tdxc_tdmr_info_stride(c->config.limits.max_reserved),
		run->plan.nr_tdmrs);
	free(p);
	if (!status)
		return NULL;
	snprintf(problem, sizeof(problem), "check refuses: 0x%016" PRIx64,
		 status);
	return problem;
}

const char *verify_run(const struct plan_case *c, const struct plan_run *run)
{
	const struct tdxc_plan *p = &run->plan;
	size_t areas = (size_t)p->nr_tdmrs * c->config.limits.max_reserved;
	struct verify v = {.c = c, .run = run};
	const char *wrong;

	if (run->overrun)
		return "wrote beyond the scratch memory";
	if (run->make || run->seal)
		return "not made and sealed";
	v.cuts = calloc(2 * (areas + 4 * (size_t)p->nr_tdmrs + p->nr_memory +
			     p->nr_excluded + c->config.nr_cmrs +
			     c->config.nr_ram) +
				1,
			sizeof(*v.cuts));
	v.reserved = calloc(areas + 1, sizeof(*v.reserved));
	v.reserved_of = calloc(areas + 1, sizeof(*v.reserved_of));
	if (!v.cuts || !v.reserved || !v.reserved_of)
		abort();
	wrong = verify_sealed(&v);
	if (!wrong)
		wrong = verify_check(c, run);
	free(v.cuts);
	free(v.reserved);
	free(v.reserved_of);
	return wrong;
}

static bool verify_zeroed(const struct tdxc_plan *plan)
{
	static const struct tdxc_plan zero;

	return plan->tdmrs == zero.tdmrs && plan->nr_tdmrs == 0 &&
	       plan->memory == NULL && plan->nr_memory == 0 &&
	       plan->excluded == NULL && plan->nr_excluded == 0 &&
	       plan->pamt_bytes == 0 && plan->lost_bytes == 0 &&
	       plan->lost_bound == 0 && plan->usable_bytes == 0 &&
	       plan->work == NULL && !plan->sealed && !plan->proven;
}

const char *verify_failure(const struct plan_case *c,
			   const struct plan_run *run)
{
	(void)c;
	if (run->overrun)
		return "wrote beyond the scratch memory";
	if (!run->make)
		return "did not fail";
	if (!run->memory)
		return NULL; /* refused before there was scratch */
	if (run->fault.kind == TDXC_PLAN_FAULT_NONE)
		return "failed without a reason";
	if (!verify_zeroed(&run->plan))
		return "failed, but the plan is not zeroed";
	return NULL;
}
