/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * From decided places to what the module reads, and to the two lists that
 * account for every byte of RAM.
 */
#include "plan_work.h"

static struct tdxc_range pamt_at(const struct tdxc_plan *plan, uint32_t i)
{
	return plan->tdmrs[i / TDXC_PAMT_LEVELS].pamt[i % TDXC_PAMT_LEVELS];
}

/* Which gaps between groups are kept: all above `floor`, and `ties` of those
 * equal to it. */
struct keep {
	uint64_t floor;
	size_t ties;
};

static struct keep choose_gaps(struct tdxc_plan_work *w, size_t first,
			       size_t end)
{
	struct keep keep = {0, 0};
	struct tdxc_plan_top top;
	size_t i;

	tdxc_plan_top_init_(&top, w->heap, w->config->limits.max_reserved - 1);
	for (i = first + 1; i < end; i++) {
		uint64_t gap =
			tdxc_plan_hard_gap_(&w->hards[i - 1], &w->hards[i]);

		if (gap != 0)
			tdxc_plan_top_push_(&top, gap);
	}
	if (top.cap == 0)
		keep.floor = UINT64_MAX;
	else if (top.nr == top.cap)
		keep.floor = top.heap[0];
	for (i = 0; i < top.nr; i++)
		keep.ties += top.heap[i] == keep.floor;
	return keep;
}

static bool keeps(struct keep *keep, uint64_t gap)
{
	if (gap != keep->floor || gap == 0)
		return gap > keep->floor;
	if (keep->ties == 0)
		return false;
	keep->ties--;
	return true;
}

/* Reserved areas of one TDMR as ranges; their number. */
static uint32_t lay_span_areas(struct tdxc_plan_work *w, struct tdxc_range span,
			       struct tdxc_range *areas)
{
	size_t first = tdxc_plan_first_hard_(w, span.start);
	size_t end = first;
	struct keep keep;
	uint32_t nr = 0;
	size_t i;

	while (end < w->nr_hards && w->hards[end].start < span.end)
		end++;
	keep = choose_gaps(w, first, end);
	for (i = first; i < end; i++) {
		struct tdxc_range r = {w->hards[i].start, w->hards[i].end};
		bool apart = i == first ||
			     keeps(&keep, tdxc_plan_hard_gap_(&w->hards[i - 1],
							      &w->hards[i]));

		r = tdxc_range_intersect(r, span);
		if (apart)
			areas[nr++] = r;
		else
			areas[nr - 1].end = r.end;
	}
	return nr;
}

/* Reserve the PAMTs where the plan has them, and lay every TDMR's areas. */
void tdxc_plan_lay_areas_(struct tdxc_plan_work *w, struct tdxc_plan *plan)
{
	size_t used = 0;
	uint32_t i;

	tdxc_plan_hards_reset_(w);
	for (i = 0; i < TDXC_PAMT_LEVELS * plan->nr_tdmrs; i++) {
		struct tdxc_range r = pamt_at(plan, i);

		if (!tdxc_range_is_empty(r))
			(void)tdxc_plan_hard_insert_(w, r);
	}
	for (i = 0; i < plan->nr_tdmrs; i++) {
		struct tdxc_plan_tdmr *tdmr = &plan->tdmrs[i];

		tdmr->nr_reserved =
			lay_span_areas(w, tdmr->range, w->areas + used);
		used += tdmr->nr_reserved;
	}
	w->nr_areas = used;
}

static int refuse(struct tdxc_plan_fault *fault, enum tdxc_plan_fault_kind kind,
		  size_t index, struct tdxc_range range)
{
	fault->kind = kind;
	fault->index = index;
	fault->range = range;
	return kind == TDXC_PLAN_FAULT_OUTPUT ? TDXC_E_NOSPC : TDXC_E_INVAL;
}

static bool pamt_ok(const struct tdxc_plan *plan, uint32_t i)
{
	const struct tdxc_plan_config *config = plan->config;
	struct tdxc_range r = pamt_at(plan, i);
	uint64_t need = plan->tdmrs[i / TDXC_PAMT_LEVELS]
				.pamt_bytes[i % TDXC_PAMT_LEVELS];

	return ((r.start | r.end) & (TDXC_PAGE_SIZE - 1)) == 0 &&
	       tdxc_range_size(r) >= need && r.start >= TDXC_PLAN_LEGACY_END &&
	       tdxc_range_list_covers(config->cmrs, config->nr_cmrs, r);
}

/* PAMTs as the caller left them: all there, legal, and apart. */
static int validate_pamts(const struct tdxc_plan *plan,
			  struct tdxc_plan_fault *fault)
{
	struct tdxc_range *sorted = plan->work->pieces;
	uint32_t nr = TDXC_PAMT_LEVELS * plan->nr_tdmrs;
	uint32_t i;
	size_t bad;

	for (i = 0; i < nr; i++) {
		struct tdxc_range r = pamt_at(plan, i);

		if (tdxc_range_is_empty(r))
			return refuse(fault, TDXC_PLAN_FAULT_PAMT_MISSING,
				      i / TDXC_PAMT_LEVELS, r);
		if (!pamt_ok(plan, i))
			return refuse(fault, TDXC_PLAN_FAULT_PAMT,
				      i / TDXC_PAMT_LEVELS, r);
		sorted[i] = r;
	}
	tdxc_range_sort(sorted, nr);
	bad = tdxc_range_first_unsorted(sorted, nr);
	for (i = 0; i < nr && bad < nr; i++) {
		struct tdxc_range r = pamt_at(plan, i);

		if (r.start == sorted[bad].start && r.end == sorted[bad].end)
			return refuse(fault, TDXC_PLAN_FAULT_PAMT,
				      i / TDXC_PAMT_LEVELS, r);
	}
	return TDXC_OK;
}

static struct tdxc_tdmr_region region_of(struct tdxc_range r)
{
	struct tdxc_tdmr_region region = {r.start, tdxc_range_size(r)};

	return region;
}

static void write_infos(const struct tdxc_plan *plan, char *infos,
			size_t stride)
{
	const struct tdxc_range *area = plan->work->areas;
	uint32_t i;
	uint32_t k;

	for (i = 0; i < plan->nr_tdmrs; i++) {
		const struct tdxc_plan_tdmr *tdmr = &plan->tdmrs[i];
		void *at = infos + i * stride;
		struct tdxc_tdmr_info *info = at;

		info->base = tdmr->range.start;
		info->size = tdxc_range_size(tdmr->range);
		info->pamt_4k = region_of(tdmr->pamt[TDXC_PAMT_4K]);
		info->pamt_2m = region_of(tdmr->pamt[TDXC_PAMT_2M]);
		info->pamt_1g = region_of(tdmr->pamt[TDXC_PAMT_1G]);
		for (k = 0; k < tdmr->nr_reserved; k++, area++) {
			info->reserved[k].offset = area->start - info->base;
			info->reserved[k].size = tdxc_range_size(*area);
		}
	}
}

/* What becomes of the RAM at an address, and up to where. */
struct fate {
	bool memory;
	enum tdxc_plan_reason reason;
	uint64_t end;
};

static struct fate fate_until(enum tdxc_plan_reason reason, uint64_t end)
{
	struct fate fate = {false, reason, end};

	return fate;
}

/* Convertible RAM at or above 1 MiB, under no PAMT. */
static struct fate fate_of_frag(const struct tdxc_plan *plan, uint64_t addr,
				uint64_t end)
{
	const struct tdxc_plan_work *w = plan->work;
	const struct tdxc_plan_frag *f =
		&w->frags[tdxc_plan_first_frag_(w, addr)];
	struct fate fate =
		fate_until(f->keep ? TDXC_PLAN_LIMIT : TDXC_PLAN_UNECONOMIC,
			   f->end < end ? f->end : end);
	size_t s = tdxc_plan_first_span_(w, addr);
	size_t a;

	if (s == w->now.nr_spans)
		return fate;
	if (w->now.spans[s].start > addr) {
		if (w->now.spans[s].start < fate.end)
			fate.end = w->now.spans[s].start;
		return fate;
	}
	if (w->now.spans[s].end < fate.end)
		fate.end = w->now.spans[s].end;
	a = tdxc_range_find(w->areas, w->nr_areas, addr);
	fate.memory = a == w->nr_areas || w->areas[a].start > addr;
	if (a == w->nr_areas)
		return fate;
	if (fate.memory && w->areas[a].start < fate.end)
		fate.end = w->areas[a].start;
	if (!fate.memory && w->areas[a].end < fate.end)
		fate.end = w->areas[a].end;
	return fate;
}

static struct fate fate_at(const struct tdxc_plan *plan, uint64_t addr,
			   uint64_t end)
{
	const struct tdxc_plan_config *config = plan->config;
	const struct tdxc_plan_work *w = plan->work;
	size_t c = tdxc_range_find(config->cmrs, config->nr_cmrs, addr);
	size_t h;

	if (addr < TDXC_PLAN_LEGACY_END)
		return fate_until(TDXC_PLAN_LEGACY,
				  end < TDXC_PLAN_LEGACY_END
					  ? end
					  : TDXC_PLAN_LEGACY_END);
	if (c == config->nr_cmrs)
		return fate_until(TDXC_PLAN_NOT_CONVERTIBLE, end);
	if (config->cmrs[c].start > addr)
		return fate_until(TDXC_PLAN_NOT_CONVERTIBLE,
				  config->cmrs[c].start < end
					  ? config->cmrs[c].start
					  : end);
	if (config->cmrs[c].end < end)
		end = config->cmrs[c].end;
	h = tdxc_plan_first_hard_(w, addr);
	if (h < w->nr_hards && w->hards[h].start <= addr)
		return fate_until(TDXC_PLAN_PAMT, w->hards[h].end < end
							  ? w->hards[h].end
							  : end);
	if (h < w->nr_hards && w->hards[h].start < end)
		end = w->hards[h].start;
	return fate_of_frag(plan, addr, end);
}

static void push_memory(struct tdxc_plan *plan, struct tdxc_range r,
			uint32_t node)
{
	struct tdxc_plan_memory *last =
		plan->nr_memory ? &plan->memory[plan->nr_memory - 1] : NULL;
	struct tdxc_plan_memory m = {r, node};

	if (last && last->range.end == r.start && last->node == node)
		last->range.end = r.end;
	else
		plan->memory[plan->nr_memory++] = m;
	plan->usable_bytes += tdxc_range_size(r);
}

static void push_excluded(struct tdxc_plan *plan, struct tdxc_range r,
			  uint32_t node, enum tdxc_plan_reason reason)
{
	struct tdxc_plan_excluded *last =
		plan->nr_excluded ? &plan->excluded[plan->nr_excluded - 1]
				  : NULL;
	struct tdxc_plan_excluded x = {r, node, reason};

	if (last && last->range.end == r.start && last->node == node &&
	    last->reason == reason)
		last->range.end = r.end;
	else
		plan->excluded[plan->nr_excluded++] = x;
	if (reason == TDXC_PLAN_LIMIT)
		plan->lost_bytes += tdxc_range_size(r);
}

static void account(struct tdxc_plan *plan)
{
	const struct tdxc_plan_config *config = plan->config;
	size_t i;

	plan->memory = plan->work->memory;
	plan->excluded = plan->work->excluded;
	plan->nr_memory = 0;
	plan->nr_excluded = 0;
	plan->usable_bytes = 0;
	plan->lost_bytes = 0;
	for (i = 0; i < config->nr_ram; i++) {
		struct tdxc_range r =
			tdxc_range_trim(config->ram[i].range, TDXC_PAGE_SIZE);

		while (!tdxc_range_is_empty(r)) {
			struct fate fate = fate_at(plan, r.start, r.end);
			struct tdxc_range part = {r.start, fate.end};

			if (fate.memory)
				push_memory(plan, part, config->ram[i].node);
			else
				push_excluded(plan, part, config->ram[i].node,
					      fate.reason);
			r.start = fate.end;
		}
	}
}

int tdxc_plan_seal(struct tdxc_plan *plan, void *infos, size_t bytes,
		   struct tdxc_plan_fault *fault)
{
	const struct tdxc_range nowhere = {0, 0};
	struct tdxc_plan_work *w = plan->work;
	uint32_t i;
	size_t stride;
	size_t need;
	int err;

	memset(fault, 0, sizeof(*fault));
	stride = tdxc_tdmr_info_stride(w->config->limits.max_reserved);
	need = plan->nr_tdmrs * stride;
	if (!infos || bytes < need ||
	    (uintptr_t)infos % TDXC_TDMR_INFO_ALIGN != 0)
		return refuse(fault, TDXC_PLAN_FAULT_OUTPUT, need, nowhere);
	err = validate_pamts(plan, fault);
	if (err != TDXC_OK)
		return err;
	w->now.nr_spans = plan->nr_tdmrs;
	for (i = 0; i < plan->nr_tdmrs; i++)
		w->now.spans[i] = plan->tdmrs[i].range;
	tdxc_plan_lay_areas_(w, plan);
	memset(infos, 0, bytes);
	write_infos(plan, infos, stride);
	account(plan);
	plan->sealed = true;
	return TDXC_OK;
}
