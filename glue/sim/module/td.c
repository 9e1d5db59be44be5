/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* A TD's root and control structure: operands, ADDCX, INIT (1.3, 1.5, 3.8). */
#include "module.h"

struct tdxc_sim_tdr *tdxc_sim_tdr_page(const struct tdxc_sim_module *m,
				       uint64_t pa)
{
	return tdxc_sim_page_for_write(m, pa, m->global_keyid);
}

struct tdxc_sim_tdcs *tdxc_sim_tdcs_page(const struct tdxc_sim_module *m,
					 const struct tdxc_sim_tdr *tdr)
{
	return m->ops->page(m->ctx, tdr->tdcx[0], true);
}

static void open_td(const struct tdxc_sim_module *m, uint64_t pa,
		    struct tdxc_sim_td *td)
{
	td->pa = pa;
	td->tdr = tdxc_sim_tdr_page(m, pa);
	td->keyid = (uint32_t)(td->tdr->keyid % TDXC_SIM_MAX_KEYIDS);
	td->tdcs = NULL;
}

uint64_t tdxc_sim_claim_td(struct tdxc_sim_call *c, uint64_t pa, bool exclusive,
			   uint32_t operand, struct tdxc_sim_td *td)
{
	struct tdxc_sim_pamt_ref ref;
	uint64_t status =
		tdxc_sim_claim_page(c, pa, 0, PT_TDR, exclusive, operand, &ref);

	if (status == 0)
		open_td(c->m, pa, td);
	return status;
}

uint64_t tdxc_sim_check_td(struct tdxc_sim_call *c, struct tdxc_sim_td *td,
			   uint32_t allowed, bool lock_op_state)
{
	if (tdxc_load_once(&td->tdr->fatal) != 0)
		return STATUS(ST_TD_FATAL, 0);
	if (td->tdr->lifecycle != LC_KEYS_CONFIGURED)
		return STATUS(ST_KEYS_NOT_CONFIGURED, 0);
	if (td->tdr->nr_tdcx < SIM_TDCX_PAGES)
		return STATUS(ST_TDCS_NOT_ALLOCATED, 0);
	td->tdcs = tdxc_sim_tdcs_page(c->m, td->tdr);
	if (lock_op_state && !tdxc_sim_hold(c, &td->tdcs->op_lock, false))
		return STATUS(ST_BUSY, OP_OP_STATE);
	if ((allowed >> td->tdcs->op_state & 1) == 0)
		return STATUS(ST_OP_STATE, 0);
	return 0;
}

bool tdxc_sim_is_debug(const struct tdxc_sim_td *td)
{
	return (td->tdcs->attributes & 1) != 0;
}

uint64_t tdxc_sim_claim_vcpu(struct tdxc_sim_call *c, uint64_t pa,
			     bool exclusive, uint32_t operand,
			     struct tdxc_sim_td *td,
			     struct tdxc_sim_vcpu **vcpu)
{
	struct tdxc_sim_pamt_entry *owner;
	struct tdxc_sim_pamt_ref ref;
	uint64_t status = tdxc_sim_claim_page(c, pa, 0, PT_TDVPR, exclusive,
					      operand, &ref);

	if (status != 0)
		return status;
	td->pa = tdxc_sim_pamt_owner(ref.entry);
	owner = tdxc_sim_pamt_entry(c->m, td->pa, 0);
	if (!tdxc_sim_hold(c, &owner->word, false))
		return STATUS(ST_BUSY, OP_TDR);
	open_td(c->m, td->pa, td);
	*vcpu = tdxc_sim_page_for_write(c->m, pa, td->keyid);
	return 0;
}

/* Page 2 holds MSR bitmaps, page 3 is the S-EPT root (section 3.8). */
static void fill_tdcx(const struct tdxc_sim_module *m, uint64_t keyed,
		      uint64_t index)
{
	uint64_t *words;
	size_t i;

	m->ops->zero(m->ctx, keyed, PAGE_BYTES);
	if (index != 2 && index != 3)
		return;
	words = m->ops->page(m->ctx, keyed, true);
	for (i = 0; i < PAGE_BYTES / 8; i++)
		words[i] = index == 2 ? UINT64_MAX : SEPT_FREE;
}

static uint64_t may_add_tdcx(struct tdxc_sim_call *c,
			     const struct tdxc_sim_td *td)
{
	if (td->tdr->fatal != 0)
		return STATUS(ST_TD_FATAL, 0);
	if (td->tdr->lifecycle != LC_KEYS_CONFIGURED)
		return STATUS(ST_KEYS_NOT_CONFIGURED, 0);
	if (td->tdr->nr_tdcx == SIM_TDCX_MAX)
		return STATUS(ST_TDCX_NUM, 0);
	(void)c;
	return 0;
}

uint64_t tdxc_sim_mng_addcx(struct tdxc_sim_call *c)
{
	uint64_t pa = c->gpr[TDXC_SIM_RCX];
	struct tdxc_sim_module *m = c->m;
	struct tdxc_sim_pamt_ref ref;
	struct tdxc_sim_td td;
	uint64_t index;
	uint64_t seed;
	uint64_t status = tdxc_sim_claim_td(c, c->gpr[TDXC_SIM_RDX], true,
					    TDXC_SIM_RDX, &td);

	if (status == 0)
		status = may_add_tdcx(c, &td);
	if (status == 0)
		status = tdxc_sim_claim_page(c, pa, 0, PT_NDA, true,
					     TDXC_SIM_RCX, &ref);
	if (status != 0)
		return status;
	index = td.tdr->nr_tdcx;
	if (index >= SIM_TDCX_PAGES &&
	    tdxc_sim_tdcs_page(m, td.tdr)->op_state != OS_UNINITIALIZED)
		return STATUS(ST_OP_STATE, 0);
	if (index + 1 == SIM_TDCX_PAGES &&
	    !m->ops->random(m->ctx, &seed, sizeof(seed)))
		return STATUS(ST_NO_ENTROPY, 0);
	fill_tdcx(m, tdxc_sim_keyed(m, pa, td.keyid), index);
	td.tdr->tdcx[index] = tdxc_sim_keyed(m, pa, td.keyid);
	td.tdr->nr_tdcx++;
	(void)tdxc_sim_add(&td.tdr->chldcnt, 1);
	tdxc_sim_pamt_set(ref.entry, PT_TDCX, td.pa);
	tdxc_sim_pamt_count(m, pa, 1);
	return 0;
}

uint64_t tdxc_sim_mng_init(struct tdxc_sim_call *c)
{
	uint64_t tdr = c->gpr[TDXC_SIM_RCX];
	uint64_t params = c->gpr[TDXC_SIM_RDX];
	struct tdxc_sim_td td;
	uint64_t status;

	c->gpr[TDXC_SIM_RCX] = 0;
	status = tdxc_sim_claim_td(c, tdr, true, TDXC_SIM_RCX, &td);
	if (status == 0)
		status = tdxc_sim_check_td(c, &td, OS_BIT(OS_UNINITIALIZED),
					   false);
	if (status == 0)
		status = tdxc_sim_check_shared(c->m, params, 1024, 1024,
					       TDXC_SIM_RDX);
	if (status == 0)
		status = tdxc_sim_apply_td_params(c->m, &td, params,
						  &c->gpr[TDXC_SIM_RCX]);
	if (status != 0)
		return status;
	td.tdcs->nr_vcpus = 0;
	td.tdcs->nr_assoc_vcpus = 0;
	td.tdcs->hp_lock_timeout = 1000000;
	tdxc_sim_epoch_init(td.tdcs);
	tdxc_sim_measure_start(c, td.tdcs);
	td.tdcs->op_state = OS_INITIALIZED;
	return 0;
}
