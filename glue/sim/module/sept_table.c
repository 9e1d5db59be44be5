/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* S-EPT pages: ADD, REMOVE, RD, and large pages made and split (7.6, 15). */
#include "module.h"

static const uint32_t any_live = OS_BIT(OS_INITIALIZED) | OS_BIT(OS_RUNNABLE);

#define KEEP_BIT (1ull << 63) /* of R8..R11: not used, or ignored */

/* Version of this call; 2 and above is refused after the presets. */
static uint64_t version_of(const struct tdxc_sim_call *c)
{
	return c->gpr[TDXC_SIM_RAX] >> 16;
}

static void no_l2_pages(struct tdxc_sim_call *c)
{
	c->gpr[TDXC_SIM_R9] = NO_ID;
	c->gpr[TDXC_SIM_R10] = NO_ID;
	c->gpr[TDXC_SIM_R11] = NO_ID;
}

/* A table full of free entries, under the TD's KeyID. */
static void make_table(struct tdxc_sim_call *c, const struct tdxc_sim_td *td,
		       uint64_t pa)
{
	uint64_t *table = tdxc_sim_sept_table(c->m, td, pa);
	size_t i;

	for (i = 0; i < 512; i++)
		tdxc_store_release(&table[i], SEPT_FREE);
}

static void account_table(struct tdxc_sim_call *c, const struct tdxc_sim_td *td,
			  const struct tdxc_sim_pamt_ref *page, bool fresh)
{
	tdxc_sim_pamt_set(page->entry, PT_EPT, td->pa);
	if (fresh)
		tdxc_store_release(&page->entry->bepoch, 0);
	(void)tdxc_sim_add(&td->tdr->chldcnt, 1);
	tdxc_sim_pamt_count(c->m, page->pa, 1);
}

/* Flags beside the TDR's address in RDX (section 1.3). */
static uint64_t take_flag(uint64_t *rdx, bool *flag)
{
	if ((*rdx & 0xFFE) != 0 || *rdx >> 52 != 0)
		return STATUS(ST_OPERAND_INVALID, TDXC_SIM_RDX);
	*flag = (*rdx & 1) != 0;
	*rdx &= ~1ull;
	return 0;
}

/* Version 1 has a page for each L2 VM; one for a VM the TD has not is wrong.
 * That this is looked at last is inferred. */
static uint64_t check_l2_pages(const struct tdxc_sim_call *c,
			       const struct tdxc_sim_td *td)
{
	uint32_t vm;

	for (vm = 1; vm <= 3; vm++) {
		if (vm > td->tdcs->nr_l2_vms &&
		    c->gpr[TDXC_SIM_R8 + vm] != NO_ID)
			return STATUS(ST_OPERAND_INVALID, TDXC_SIM_R8 + vm);
	}
	return 0;
}

static uint64_t sept_add(struct tdxc_sim_call *c, uint64_t rdx, uint64_t r8,
			 bool versioned)
{
	const struct tdxc_sim_mem_rules rules = {
		any_live, 1, 255, false, false, false,
	};
	struct tdxc_sim_pamt_ref page;
	struct tdxc_sim_mem mem;
	bool existing = false;
	bool none = r8 == NO_ID;
	uint64_t status = take_flag(&rdx, &existing);

	if (status != 0) {
		c->gpr[TDXC_SIM_RCX] = 0;
		c->gpr[TDXC_SIM_RDX] = 0;
		return status;
	}
	status = tdxc_sim_mem_begin(c, &rules, rdx, &mem);
	if (status != 0)
		return tdxc_sim_mem_end(&mem, status);
	if (mem.state == SS_NL_MAPPED && none && !versioned)
		return tdxc_sim_mem_end(
			&mem, STATUS(ST_OPERAND_INVALID, TDXC_SIM_R8));
	if (mem.state == SS_NL_MAPPED && (existing || none)) {
		if (versioned)
			c->gpr[TDXC_SIM_R8] = none ? NO_ID : r8 | KEEP_BIT;
		return tdxc_sim_mem_end(&mem, 0);
	}
	if (mem.state != SS_FREE || (none && versioned))
		return tdxc_sim_mem_end(&mem,
					tdxc_sim_mem_state_error(c, &mem));
	status = none ? STATUS(ST_OPERAND_INVALID, TDXC_SIM_R8)
		      : tdxc_sim_claim_page(c, r8 & ~KEEP_BIT, 0, PT_NDA, true,
					    TDXC_SIM_R8, &page);
	if (status == 0 && versioned)
		status = check_l2_pages(c, &mem.td);
	if (status != 0)
		return tdxc_sim_mem_end(&mem, status);
	make_table(c, &mem.td, page.pa);
	account_table(c, &mem.td, &page, true);
	tdxc_sim_sept_commit(mem.at.entry,
			     tdxc_sim_sept_make(SS_NL_MAPPED, page.pa));
	if (versioned)
		c->gpr[TDXC_SIM_R8] = NO_ID;
	return 0;
}

/* Version 1 hands pages back: on failure as given, bit 63 cleared. */
static void return_pages(struct tdxc_sim_call *c, const uint64_t pages[4])
{
	uint32_t i;

	for (i = 0; i < 4; i++)
		c->gpr[TDXC_SIM_R8 + i] =
			pages[i] == NO_ID ? NO_ID : pages[i] & ~KEEP_BIT;
}

uint64_t tdxc_sim_sept_add(struct tdxc_sim_call *c)
{
	const uint64_t pages[4] = {c->gpr[TDXC_SIM_R8], c->gpr[TDXC_SIM_R9],
				   c->gpr[TDXC_SIM_R10], c->gpr[TDXC_SIM_R11]};
	uint64_t version = version_of(c);
	uint64_t rdx = c->gpr[TDXC_SIM_RDX];
	uint64_t status;

	if (version > 1) {
		c->gpr[TDXC_SIM_RCX] = 0;
		c->gpr[TDXC_SIM_RDX] = 0;
		return STATUS(ST_OPERAND_INVALID, TDXC_SIM_RAX);
	}
	status = sept_add(c, rdx, pages[0], version == 1);
	if (version == 0)
		return status;
	if (status != 0)
		return_pages(c, pages);
	else
		no_l2_pages(c);
	return status;
}

/* The S-EPT page a non-leaf entry points to: its PAMT entry, exclusive. */
static uint64_t hold_table(struct tdxc_sim_call *c,
			   const struct tdxc_sim_mem *mem,
			   struct tdxc_sim_pamt_entry **entry)
{
	*entry = tdxc_sim_pamt_entry(c->m, mem->entry & SEPT_HPA, 0);
	return tdxc_sim_hold(c, &(*entry)->word, true)
		       ? 0
		       : STATUS(ST_BUSY, TDXC_SIM_RCX);
}

static bool is_non_leaf(enum tdxc_sim_sept_state state)
{
	return state == SS_NL_MAPPED || state == SS_NL_BLOCKED;
}

static void free_table(struct tdxc_sim_call *c, const struct tdxc_sim_mem *mem,
		       struct tdxc_sim_pamt_entry *table)
{
	tdxc_sim_pamt_free(c->m, table, mem->entry & SEPT_HPA, 0);
	(void)tdxc_sim_add(&mem->td.tdr->chldcnt, UINT64_MAX);
	c->gpr[TDXC_SIM_RCX] = mem->entry & SEPT_HPA;
}

static bool all_free(const uint64_t *table)
{
	uint32_t i;

	for (i = 0; i < 512; i++) {
		if (tdxc_sim_sept_state(tdxc_load_acquire(&table[i])) !=
		    SS_FREE)
			return false;
	}
	return true;
}

static uint64_t sept_remove(struct tdxc_sim_call *c)
{
	const struct tdxc_sim_mem_rules rules = {
		any_live, 1, 255, false, true, false,
	};
	struct tdxc_sim_pamt_entry *table;
	struct tdxc_sim_mem mem;
	uint64_t status =
		tdxc_sim_mem_begin(c, &rules, c->gpr[TDXC_SIM_RDX], &mem);

	if (status == 0 && !is_non_leaf(mem.state))
		status = tdxc_sim_mem_state_error(c, &mem);
	if (status == 0)
		status = hold_table(c, &mem, &table);
	if (status == 0)
		status = tdxc_sim_mem_require_tracked(c, &mem, table->bepoch);
	if (status == 0 && !all_free(tdxc_sim_sept_table(
				   c->m, &mem.td, mem.entry & SEPT_HPA))) {
		tdxc_sim_sept_report(c, mem.entry, mem.at.level);
		status = STATUS(ST_EPT_PAGE_NOT_FREE, TDXC_SIM_RCX);
	}
	if (status != 0)
		return tdxc_sim_mem_end(&mem, status);
	free_table(c, &mem, table);
	tdxc_sim_sept_commit(mem.at.entry, SEPT_FREE);
	return 0;
}

uint64_t tdxc_sim_sept_remove(struct tdxc_sim_call *c)
{
	uint64_t version = version_of(c);

	if (version != 0)
		no_l2_pages(c);
	if (version <= 1)
		return sept_remove(c);
	c->gpr[TDXC_SIM_RCX] = 0;
	c->gpr[TDXC_SIM_RDX] = 0;
	return STATUS(ST_OPERAND_INVALID, TDXC_SIM_RAX);
}

uint64_t tdxc_sim_sept_rd(struct tdxc_sim_call *c)
{
	const struct tdxc_sim_mem_rules rules = {
		any_live, 0, 255, false, false, false,
	};
	struct tdxc_sim_mem mem;
	uint64_t status =
		tdxc_sim_mem_begin(c, &rules, c->gpr[TDXC_SIM_RDX], &mem);

	if (status == 0)
		tdxc_sim_sept_report(c, mem.entry, mem.at.level);
	return tdxc_sim_mem_end(&mem, status);
}

/* --- PROMOTE ------------------------------------------------------------- */

/* All children mapped, or all pending, on contiguous memory that is aligned to
 * the large page (section 15.2). */
static bool uniform(const uint64_t *child, uint8_t level)
{
	uint64_t first = child[0] & ~SEPT_LOCKED;
	enum tdxc_sim_sept_state state = tdxc_sim_sept_state(first);
	uint64_t step = tdxc_sim_level_bytes((uint8_t)(level - 1));
	uint64_t i;

	if ((state != SS_MAPPED && state != SS_PENDING) ||
	    (first & SEPT_HPA) % tdxc_sim_level_bytes(level) != 0)
		return false;
	for (i = 0; i < 512; i++) {
		if ((child[i] & ~SEPT_LOCKED) != first + i * step)
			return false;
	}
	return true;
}

static void unlock_children(uint64_t *child, uint32_t n)
{
	while (n-- > 0)
		tdxc_sim_sept_unlock(&child[n]);
}

static bool lock_children(uint64_t *child)
{
	uint32_t i;

	for (i = 0; i < 512; i++) {
		if (!tdxc_sim_sept_lock(&child[i])) {
			unlock_children(child, i);
			return false;
		}
	}
	return true;
}

/* 512 small pages become one: the PAMT's view of it. */
static void merge_pamt(struct tdxc_sim_call *c, const struct tdxc_sim_td *td,
		       struct tdxc_sim_pamt_entry *parent, uint64_t hpa,
		       uint8_t level)
{
	uint64_t step = tdxc_sim_level_bytes((uint8_t)(level - 1));
	uint64_t pages[2];
	uint64_t i;

	for (i = 0; i < 512; i++) {
		uint64_t pa = hpa + i * step;

		tdxc_sim_pamt_free(
			c->m,
			tdxc_sim_pamt_entry(c->m, pa, (uint8_t)(level - 1)), pa,
			(uint8_t)(level - 1));
	}
	if (level == 1 && c->m->dynamic_pamt) {
		tdxc_sim_pair_take(c->m, parent, pages);
		c->gpr[TDXC_SIM_R12] = pages[0];
		c->gpr[TDXC_SIM_R13] = pages[1];
	}
	tdxc_sim_pamt_set(parent, PT_REG, td->pa);
}

static uint64_t parent_error(struct tdxc_sim_call *c,
			     const struct tdxc_sim_mem *mem, uint32_t code)
{
	tdxc_sim_sept_report(c, mem->entry, mem->at.level);
	return STATUS(code, TDXC_SIM_RCX);
}

static uint64_t promote_children(struct tdxc_sim_call *c,
				 struct tdxc_sim_mem *mem,
				 struct tdxc_sim_pamt_entry *table,
				 uint64_t given[2])
{
	uint64_t *child =
		tdxc_sim_sept_table(c->m, &mem->td, mem->entry & SEPT_HPA);
	uint64_t hpa = child[0] & SEPT_HPA & ~SEPT_LOCKED;
	struct tdxc_sim_pamt_entry *parent;
	enum tdxc_sim_sept_state state;

	if (!lock_children(child))
		return parent_error(c, mem, ST_BUSY);
	if (!uniform(child, mem->at.level)) {
		unlock_children(child, 512);
		return parent_error(c, mem, ST_PROMOTE_CONDITIONS);
	}
	if (c->m->ops->interrupt_pending(c->m->ctx, c->lp)) {
		unlock_children(child, 512);
		c->gpr[TDXC_SIM_RCX] = given[0];
		c->gpr[TDXC_SIM_RDX] = given[1];
		return STATUS(ST_INTERRUPTED_RESTARTABLE, 0);
	}
	parent = tdxc_sim_pamt_entry(c->m, hpa, mem->at.level);
	if (!tdxc_sim_hold(c, &parent->word, true)) {
		unlock_children(child, 512);
		return STATUS(ST_BUSY, TDXC_SIM_RCX);
	}
	state = tdxc_sim_sept_state(child[0]);
	merge_pamt(c, &mem->td, parent, hpa, mem->at.level);
	unlock_children(child, 512);
	free_table(c, mem, table);
	tdxc_sim_sept_commit(mem->at.entry, tdxc_sim_sept_make(state, hpa));
	mem->locked = false;
	return 0;
}

static uint64_t page_promote(struct tdxc_sim_call *c)
{
	/* 1.5.01 takes the tree only shared, and another call can then still
	 * stand in the table that is freed; later modules take it exclusive */
	const struct tdxc_sim_mem_rules rules = {
		any_live, 1, 2, false, true, false,
	};
	uint64_t given[2] = {c->gpr[TDXC_SIM_RCX], c->gpr[TDXC_SIM_RDX]};
	struct tdxc_sim_pamt_entry *table;
	struct tdxc_sim_mem mem;
	uint64_t status = tdxc_sim_mem_begin(c, &rules, given[1], &mem);

	if (status == 0 && !is_non_leaf(mem.state))
		status = tdxc_sim_mem_state_error(c, &mem);
	if (status == 0)
		status = hold_table(c, &mem, &table);
	if (status == 0)
		status = tdxc_sim_mem_require_tracked(c, &mem, table->bepoch);
	if (status == 0)
		status = promote_children(c, &mem, table, given);
	return tdxc_sim_mem_end(&mem, status);
}

uint64_t tdxc_sim_page_promote(struct tdxc_sim_call *c)
{
	uint64_t version = version_of(c);

	if (version != 0)
		no_l2_pages(c);
	if (version <= 1)
		return page_promote(c);
	c->gpr[TDXC_SIM_RCX] = 0;
	c->gpr[TDXC_SIM_RDX] = 0;
	return STATUS(ST_OPERAND_INVALID, TDXC_SIM_RAX);
}

/* --- DEMOTE -------------------------------------------------------------- */

static void split_table(uint64_t *table, enum tdxc_sim_sept_state state,
			uint64_t hpa, uint64_t step)
{
	uint64_t i;

	for (i = 0; i < 512; i++)
		tdxc_store_release(&table[i],
				   tdxc_sim_sept_make(state, hpa + i * step));
}

static void split_pamt(struct tdxc_sim_call *c, const struct tdxc_sim_td *td,
		       struct tdxc_sim_pamt_entry *parent, uint64_t hpa,
		       uint8_t level)
{
	uint64_t step = tdxc_sim_level_bytes((uint8_t)(level - 1));
	bool paired = level == 1 && c->m->dynamic_pamt;
	uint64_t i;

	if (paired)
		tdxc_sim_pair_install(c->m, parent, c->gpr[TDXC_SIM_R12],
				      c->gpr[TDXC_SIM_R13]);
	for (i = 0; i < 512; i++) {
		struct tdxc_sim_pamt_entry *e = tdxc_sim_pamt_entry(
			c->m, hpa + i * step, (uint8_t)(level - 1));

		tdxc_sim_pamt_set(e, PT_REG, td->pa);
		tdxc_store_release(&e->bepoch, 0);
		if (level == 1)
			tdxc_sim_pamt_count(c->m, hpa + i * step, 1);
	}
	if (!paired)
		tdxc_sim_pamt_set(parent, PT_NDA, 0);
}

static uint64_t demote_leaf(struct tdxc_sim_call *c, struct tdxc_sim_mem *mem,
			    const struct tdxc_sim_pamt_ref *page)
{
	uint64_t hpa = mem->entry & SEPT_HPA;
	uint8_t level = mem->at.level;
	struct tdxc_sim_pamt_entry *parent =
		tdxc_sim_pamt_entry(c->m, hpa, level);
	bool paired = level == 1 && c->m->dynamic_pamt;
	bool pending =
		mem->state == SS_PENDING || mem->state == SS_PENDING_BLOCKED;
	uint64_t status = paired ? tdxc_sim_pair_claim(c) : 0;

	if (status != 0)
		return status;
	if (!tdxc_sim_hold(c, &parent->word, true)) {
		if (paired)
			tdxc_sim_pair_unclaim(c);
		return STATUS(ST_BUSY, TDXC_SIM_RCX);
	}
	split_table(tdxc_sim_sept_table(c->m, &mem->td, page->pa),
		    pending ? SS_PENDING : SS_MAPPED, hpa,
		    tdxc_sim_level_bytes((uint8_t)(level - 1)));
	split_pamt(c, &mem->td, parent, hpa, level);
	account_table(c, &mem->td, page, false);
	tdxc_sim_sept_commit(mem->at.entry,
			     tdxc_sim_sept_make(SS_NL_MAPPED, page->pa));
	mem->locked = false;
	return 0;
}

uint64_t tdxc_sim_page_demote(struct tdxc_sim_call *c)
{
	const struct tdxc_sim_mem_rules rules = {
		any_live, 1, 2, false, false, false,
	};
	uint64_t given[2] = {c->gpr[TDXC_SIM_RCX], c->gpr[TDXC_SIM_RDX]};
	uint64_t rdx = given[1];
	struct tdxc_sim_pamt_ref page;
	struct tdxc_sim_mem mem;
	bool flag;
	uint64_t status = take_flag(&rdx, &flag);

	if (status != 0) {
		c->gpr[TDXC_SIM_RCX] = 0;
		c->gpr[TDXC_SIM_RDX] = 0;
		return status;
	}
	status = tdxc_sim_mem_begin(c, &rules, rdx, &mem);
	if (status == 0 && !tdxc_sim_sept_is_leaf(mem.state))
		status = tdxc_sim_mem_state_error(c, &mem);
	if (status == 0)
		status = tdxc_sim_mem_require_tracked(
			c, &mem,
			tdxc_sim_pamt_entry(c->m, mem.entry & SEPT_HPA,
					    mem.at.level)
				->bepoch);
	if (status == 0)
		status = tdxc_sim_claim_page(c, c->gpr[TDXC_SIM_R8], 0, PT_NDA,
					     true, TDXC_SIM_R8, &page);
	if (status == 0 && c->m->ops->interrupt_pending(c->m->ctx, c->lp)) {
		c->gpr[TDXC_SIM_RCX] = given[0];
		c->gpr[TDXC_SIM_RDX] = given[1];
		status = STATUS(ST_INTERRUPTED_RESTARTABLE, 0);
	}
	if (status == 0)
		status = demote_leaf(c, &mem, &page);
	return tdxc_sim_mem_end(&mem, status);
}
