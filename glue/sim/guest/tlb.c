/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * The TLB of a vCPU. A private translation may be used for as long as the vCPU
 * stays in the epoch in which it was made, even though the S-EPT entry has been
 * blocked since: that is what MEM.TRACK is for. If by then the page is no
 * longer this TD's at that address, someone gave it away too early.
 */
#include "guest.h"
#include "module.h"

static uint64_t page_of(uint64_t gpa, uint8_t level)
{
	return gpa & ~(tdxc_sim_level_bytes(level) - 1);
}

static void forget(struct tdxc_sim_guest *g, bool all)
{
	for (size_t i = 0; i < TDXC_SIM_GUEST_TLB; i++) {
		if (all || g->tlb[i].shared)
			g->tlb[i].valid = false;
	}
}

void tdxc_sim_guest_tlb_enter(struct tdxc_sim_guest *g)
{
	uint64_t epoch = tdxc_sim_entry_epoch(&g->machine->module, g->lp);
	bool all = epoch != g->epoch || g->tlb_lp != g->lp;

	forget(g, all);
	if (all)
		g->nr_tlb_flushes++;
	g->epoch = epoch;
	g->tlb_lp = g->lp;
}

static struct tdxc_sim_guest_tlb_entry *slot_of(struct tdxc_sim_guest *g,
						uint64_t gpa)
{
	return &g->tlb[gpa / PAGE_BYTES % TDXC_SIM_GUEST_TLB];
}

static bool hit(const struct tdxc_sim_guest_tlb_entry *e, uint64_t gpa)
{
	return e->valid && page_of(gpa, e->level) == e->page;
}

/* A table of this TD, by the PAMT: when a rule was broken an entry can lead
 * anywhere. */
static bool is_table(struct tdxc_sim_module *m, const struct tdxc_sim_td *td,
		     uint64_t hpa)
{
	const struct tdxc_sim_pamt_entry *e;

	if (!tdxc_sim_page_covered(m, hpa))
		return false;
	e = tdxc_sim_pamt_entry(m, hpa, 0);
	return e && tdxc_sim_pamt_type(e) == PT_EPT &&
	       tdxc_sim_pamt_owner(e) == td->pa;
}

/* The S-EPT entry that maps gpa, blocked or not; 0: none does. */
static uint64_t entry_of(struct tdxc_sim_module *m,
			 const struct tdxc_sim_td *td, uint64_t gpa,
			 uint8_t *level)
{
	uint64_t table = td->tdr->tdcx[3] & ~tdxc_sim_hkid_mask(m);

	for (*level = tdxc_sim_sept_root_level(td);; (*level)--) {
		uint64_t entry =
			tdxc_load_acquire(tdxc_sim_sept_table(m, td, table) +
					  (gpa >> (12 + 9 * *level) & 511));
		enum tdxc_sim_sept_state state = tdxc_sim_sept_state(entry);

		if (state == SS_MAPPED || state == SS_BLOCKED)
			return entry;
		table = entry & SEPT_HPA & ~SEPT_LOCKED;
		if (*level == 0 ||
		    (state != SS_NL_MAPPED && state != SS_NL_BLOCKED) ||
		    !is_table(m, td, table))
			return 0;
	}
}

static bool still_true(struct tdxc_sim_guest *g,
		       const struct tdxc_sim_guest_tlb_entry *e)
{
	struct tdxc_sim_module *m = &g->machine->module;
	struct tdxc_sim_td td = {.pa = m->lps[g->lp].tdr};
	uint64_t entry;
	uint8_t level;

	td.tdr = tdxc_sim_tdr_page(m, td.pa);
	td.tdcs = tdxc_sim_tdcs_page(m, td.tdr);
	td.keyid = (uint32_t)td.tdr->keyid;
	entry = entry_of(m, &td, e->page, &level);
	return entry != 0 && level == e->level &&
	       (entry & SEPT_HPA & ~SEPT_LOCKED) ==
		       (e->pa & ~tdxc_sim_hkid_mask(m));
}

static bool walk_shared(struct tdxc_sim_guest *g, uint64_t gpa, bool write,
			struct tdxc_sim_translation *out)
{
	const struct tdxc_sim_shared ept = {
		.machine = g->machine,
		.lp = g->lp,
		.levels = g->shared_bit >> 51 != 0 ? 5 : 4,
		.root = g->shared_root,
		.virt = g->shared_virt,
	};

	return ept.root != 0 && tdxc_sim_shared_access(&ept, gpa, write, out);
}

static enum tdxc_sim_guest_access walk(struct tdxc_sim_guest *g, uint64_t gpa,
				       bool write,
				       struct tdxc_sim_translation *out)
{
	struct tdxc_sim_module *m = &g->machine->module;
	enum tdxc_sim_access access;

	if ((gpa & g->shared_bit) != 0)
		return walk_shared(g, gpa, write, out) ? TDXC_SIM_GUEST_MAPPED
						       : TDXC_SIM_GUEST_ABSENT;
	access = tdxc_sim_translate(m, g->lp, gpa & ~(PAGE_BYTES - 1), out);
	if (access == TDXC_SIM_ACCESS_OK)
		return TDXC_SIM_GUEST_MAPPED;
	return access == TDXC_SIM_ACCESS_VE ? TDXC_SIM_GUEST_PENDING
					    : TDXC_SIM_GUEST_ABSENT;
}

static enum tdxc_sim_guest_access
look_up(struct tdxc_sim_guest *g, uint64_t gpa, bool write, uint64_t *pa)
{
	struct tdxc_sim_guest_tlb_entry *e = slot_of(g, gpa);
	struct tdxc_sim_translation fresh;
	enum tdxc_sim_guest_access access;

	if (hit(e, gpa) && (!e->shared || !write || e->dirty)) {
		g->nr_tlb_hits++;
		if (g->check && !e->shared && !still_true(g, e))
			return TDXC_SIM_GUEST_OUTLIVED;
	} else {
		access = walk(g, gpa, write, &fresh);
		if (access != TDXC_SIM_GUEST_MAPPED)
			return access;
		e->valid = true;
		e->shared = (gpa & g->shared_bit) != 0;
		e->dirty = write;
		e->level = fresh.level;
		e->pa = fresh.pa;
		e->page = page_of(gpa, fresh.level);
	}
	*pa = e->pa + (gpa - e->page);
	return TDXC_SIM_GUEST_MAPPED;
}

/* The module is asked as during a call of this LP's. */
enum tdxc_sim_guest_access tdxc_sim_guest_translate(struct tdxc_sim_guest *g,
						    uint64_t gpa, bool write,
						    uint64_t *pa)
{
	enum tdxc_sim_guest_access access;

	tdxc_sim_machine_begin_call(g->machine, g->lp);
	access = look_up(g, gpa, write, pa);
	tdxc_sim_machine_end_call(g->machine, g->lp);
	return access;
}
