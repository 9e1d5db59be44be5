/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Private pages: ADD, AUG, REMOVE, RELOCATE (sections 7.4, 7.6). */
#include "module.h"

static const uint32_t any_live = OS_BIT(OS_INITIALIZED) | OS_BIT(OS_RUNNABLE);

static void account_page(struct tdxc_sim_call *c,
			 const struct tdxc_sim_mem *mem,
			 const struct tdxc_sim_pamt_ref *page, uint8_t size)
{
	tdxc_sim_pamt_set(page->entry, PT_REG, mem->td.pa);
	tdxc_store_release(&page->entry->bepoch, 0);
	(void)tdxc_sim_add(&mem->td.tdr->chldcnt, 1ull << (9 * size));
	if (size == 0)
		tdxc_sim_pamt_count(c->m, page->pa, 1);
}

uint64_t tdxc_sim_page_add(struct tdxc_sim_call *c)
{
	const struct tdxc_sim_mem_rules rules = {
		OS_BIT(OS_INITIALIZED), 0, 0, true, false, true,
	};
	uint64_t target = c->gpr[TDXC_SIM_R8];
	uint64_t source = c->gpr[TDXC_SIM_R9];
	struct tdxc_sim_pamt_ref page;
	struct tdxc_sim_mem mem;
	uint64_t status =
		tdxc_sim_mem_begin(c, &rules, c->gpr[TDXC_SIM_RDX], &mem);

	if (status == 0)
		status = tdxc_sim_measure_check(c, mem.td.tdcs);
	if (status == 0 && mem.state != SS_FREE)
		status = tdxc_sim_mem_state_error(c, &mem);
	if (status == 0)
		status = tdxc_sim_check_shared(c->m, source, PAGE_BYTES,
					       PAGE_BYTES, TDXC_SIM_R9);
	if (status == 0)
		status = tdxc_sim_claim_page(c, target, 0, PT_NDA, true,
					     TDXC_SIM_R8, &page);
	if (status != 0)
		return status;
	memcpy(tdxc_sim_page_for_write(c->m, target, mem.td.keyid),
	       c->m->ops->page(c->m->ctx, source, false), PAGE_BYTES);
	tdxc_sim_sept_commit(mem.at.entry,
			     tdxc_sim_sept_make(SS_MAPPED, target));
	account_page(c, &mem, &page, 0);
	tdxc_sim_measure_add(c, mem.td.tdcs, mem.at.gpa);
	return 0;
}

uint64_t tdxc_sim_page_aug(struct tdxc_sim_call *c)
{
	const struct tdxc_sim_mem_rules rules = {
		any_live, 0, 1, false, false, false,
	};
	uint64_t target = c->gpr[TDXC_SIM_R8];
	struct tdxc_sim_pamt_ref page;
	struct tdxc_sim_mem mem;
	uint64_t status =
		tdxc_sim_mem_begin(c, &rules, c->gpr[TDXC_SIM_RDX], &mem);

	if (status == 0 && mem.state != SS_FREE)
		status = tdxc_sim_mem_state_error(c, &mem);
	if (status == 0)
		status = tdxc_sim_claim_page(c, target, mem.at.level, PT_NDA,
					     true, TDXC_SIM_R8, &page);
	if (status != 0)
		return tdxc_sim_mem_end(&mem, status);
	account_page(c, &mem, &page, mem.at.level);
	tdxc_sim_sept_commit(mem.at.entry,
			     tdxc_sim_sept_make(SS_PENDING, target));
	return 0;
}

/* The page an entry maps: its PAMT entry, exclusive. */
static uint64_t hold_mapped(struct tdxc_sim_call *c,
			    const struct tdxc_sim_mem *mem,
			    struct tdxc_sim_pamt_entry **entry)
{
	*entry =
		tdxc_sim_pamt_entry(c->m, mem->entry & SEPT_HPA, mem->at.level);
	return tdxc_sim_hold(c, &(*entry)->word, true)
		       ? 0
		       : STATUS(ST_BUSY, TDXC_SIM_RCX);
}

uint64_t tdxc_sim_page_remove(struct tdxc_sim_call *c)
{
	const struct tdxc_sim_mem_rules rules = {
		any_live, 0, 2, false, false, false,
	};
	struct tdxc_sim_pamt_entry *page;
	struct tdxc_sim_mem mem;
	uint64_t hpa;
	uint64_t status =
		tdxc_sim_mem_begin(c, &rules, c->gpr[TDXC_SIM_RDX], &mem);

	if (status == 0 && !tdxc_sim_sept_is_leaf(mem.state))
		status = tdxc_sim_mem_state_error(c, &mem);
	if (status == 0)
		status = hold_mapped(c, &mem, &page);
	if (status == 0)
		status = tdxc_sim_mem_require_tracked(c, &mem, page->bepoch);
	if (status != 0)
		return tdxc_sim_mem_end(&mem, status);
	hpa = mem.entry & SEPT_HPA;
	tdxc_sim_pamt_free(c->m, page, hpa, mem.at.level);
	(void)tdxc_sim_add(&mem.td.tdr->chldcnt,
			   (uint64_t)0 - (1ull << (9 * mem.at.level)));
	tdxc_sim_sept_commit(mem.at.entry, SEPT_FREE);
	c->gpr[TDXC_SIM_RCX] = hpa;
	return 0;
}

static enum tdxc_sim_sept_state unblocked(enum tdxc_sim_sept_state state)
{
	return state == SS_PENDING || state == SS_PENDING_BLOCKED ? SS_PENDING
								  : SS_MAPPED;
}

uint64_t tdxc_sim_page_relocate(struct tdxc_sim_call *c)
{
	const struct tdxc_sim_mem_rules rules = {
		any_live, 0, 0, false, false, false,
	};
	uint64_t target = c->gpr[TDXC_SIM_R8];
	struct tdxc_sim_pamt_entry *old;
	struct tdxc_sim_pamt_ref page;
	struct tdxc_sim_mem mem;
	uint64_t hpa;
	uint64_t status =
		tdxc_sim_mem_begin(c, &rules, c->gpr[TDXC_SIM_RDX], &mem);

	if (status == 0 && !tdxc_sim_sept_is_leaf(mem.state))
		status = tdxc_sim_mem_state_error(c, &mem);
	hpa = mem.entry & SEPT_HPA;
	if (status == 0 && target == hpa)
		status = STATUS(ST_OPERAND_INVALID, TDXC_SIM_R8);
	if (status == 0)
		status = hold_mapped(c, &mem, &old);
	if (status == 0)
		status = tdxc_sim_mem_require_tracked(c, &mem, old->bepoch);
	if (status == 0)
		status = tdxc_sim_claim_page(c, target, 0, PT_NDA, true,
					     TDXC_SIM_R8, &page);
	if (status != 0)
		return tdxc_sim_mem_end(&mem, status);
	if (unblocked(mem.state) == SS_MAPPED)
		memcpy(tdxc_sim_page_for_write(c->m, target, mem.td.keyid),
		       tdxc_sim_page(c->m, hpa, mem.td.keyid), PAGE_BYTES);
	account_page(c, &mem, &page, 0);
	tdxc_sim_pamt_free(c->m, old, hpa, 0);
	(void)tdxc_sim_add(&mem.td.tdr->chldcnt, UINT64_MAX);
	tdxc_sim_sept_commit(mem.at.entry,
			     tdxc_sim_sept_make(unblocked(mem.state), target));
	c->gpr[TDXC_SIM_RCX] = hpa;
	return 0;
}
