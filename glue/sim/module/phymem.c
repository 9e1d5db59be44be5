/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Physical pages: what is this one, take it back, flush it (1.10). */
#include "module.h"

static void preset(struct tdxc_sim_call *c)
{
	uint32_t i;

	c->gpr[TDXC_SIM_RCX] = 0;
	c->gpr[TDXC_SIM_RDX] = 0;
	for (i = TDXC_SIM_R8; i <= TDXC_SIM_R11; i++)
		c->gpr[i] = 0;
}

static void report(struct tdxc_sim_call *c, const struct tdxc_sim_pamt_ref *ref)
{
	c->gpr[TDXC_SIM_RCX] = tdxc_sim_pamt_type(ref->entry);
	c->gpr[TDXC_SIM_RDX] = tdxc_sim_pamt_type(ref->entry) == PT_PAMT
				       ? 0
				       : tdxc_sim_pamt_owner(ref->entry);
	c->gpr[TDXC_SIM_R8] = ref->size;
}

uint64_t tdxc_sim_rdmd(struct tdxc_sim_call *c)
{
	uint64_t pa = c->gpr[TDXC_SIM_RCX];
	struct tdxc_sim_pamt_ref ref;
	uint64_t status;

	preset(c);
	status = tdxc_sim_check_hpa(c->m, pa, 0, TDXC_SIM_RCX);
	if (status == 0)
		status =
			tdxc_sim_pamt_walk(c, pa, 0, false, TDXC_SIM_RCX, &ref);
	if (status != 0)
		return status;
	report(c, &ref);
	if (c->gpr[TDXC_SIM_RCX] == PT_REG || c->gpr[TDXC_SIM_RCX] == PT_EPT)
		c->gpr[TDXC_SIM_R9] = tdxc_load_once(&ref.entry->bepoch);
	return 0;
}

static uint64_t pages_of(uint8_t size)
{
	return 1ull << (9 * size);
}

static uint64_t reclaim_tdr(struct tdxc_sim_call *c, uint64_t pa)
{
	const struct tdxc_sim_tdr *tdr = tdxc_sim_tdr_page(c->m, pa);

	if (tdr->lifecycle != LC_TEARDOWN)
		return STATUS(ST_LIFECYCLE, 0);
	return tdxc_load_once(&tdr->chldcnt) != 0
		       ? STATUS(ST_TD_ASSOCIATED_PAGES, 0)
		       : 0;
}

static uint64_t reclaim_child(struct tdxc_sim_call *c,
			      const struct tdxc_sim_pamt_ref *ref)
{
	uint64_t owner = tdxc_sim_pamt_owner(ref->entry);
	struct tdxc_sim_pamt_entry *e = tdxc_sim_pamt_entry(c->m, owner, 0);
	struct tdxc_sim_tdr *tdr;

	if (!tdxc_sim_hold(c, &e->word, false))
		return STATUS(ST_BUSY, OP_TDR);
	tdr = tdxc_sim_tdr_page(c->m, owner);
	if (tdr->lifecycle != LC_TEARDOWN)
		return STATUS(ST_LIFECYCLE, 0);
	(void)tdxc_sim_add(&tdr->chldcnt, (uint64_t)0 - pages_of(ref->size));
	return 0;
}

uint64_t tdxc_sim_reclaim(struct tdxc_sim_call *c)
{
	uint64_t pa = c->gpr[TDXC_SIM_RCX];
	struct tdxc_sim_pamt_ref ref;
	uint64_t status;
	uint8_t type;

	preset(c);
	status = tdxc_sim_check_hpa(c->m, pa, 0, TDXC_SIM_RCX);
	if (status == 0)
		status = tdxc_sim_pamt_walk(c, pa, 0, true, TDXC_SIM_RCX, &ref);
	if (status != 0)
		return status;
	type = tdxc_sim_pamt_type(ref.entry);
	if (type == PT_NDA || type == PT_RSVD || type == PT_PAMT)
		return STATUS(ST_PAGE_METADATA, TDXC_SIM_RCX);
	report(c, &ref);
	if (tdxc_sim_check_hpa(c->m, pa, ref.size, TDXC_SIM_RCX) != 0)
		return STATUS(ST_OPERAND_INVALID, TDXC_SIM_RCX);
	status = type == PT_TDR ? reclaim_tdr(c, pa) : reclaim_child(c, &ref);
	if (status != 0)
		return status;
	tdxc_sim_pamt_free(c->m, ref.entry, pa, ref.size);
	return 0;
}

uint64_t tdxc_sim_page_wbinvd(struct tdxc_sim_call *c)
{
	uint64_t keyed = c->gpr[TDXC_SIM_RCX];
	uint64_t pa = keyed & ~tdxc_sim_hkid_mask(c->m);
	struct tdxc_sim_pamt_ref ref;
	uint64_t status = tdxc_sim_claim_page(c, pa, 0, PT_NDA, false,
					      TDXC_SIM_RCX, &ref);

	if (status == 0)
		c->m->ops->flush_page(c->m->ctx, keyed);
	return status;
}
