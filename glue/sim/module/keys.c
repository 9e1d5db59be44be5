/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* KeyIDs from assignment to reuse, and the cache write-back between (9). */
#include "module.h"

static uint64_t hold_kot(struct tdxc_sim_call *c, bool exclusive)
{
	return tdxc_sim_hold(c, &c->m->kot_lock, exclusive)
		       ? 0
		       : STATUS(ST_BUSY, OP_KOT);
}

/* A fresh TD root page: only its content and KeyID table entry. */
static uint64_t make_tdr(struct tdxc_sim_call *c, uint64_t pa, uint32_t keyid)
{
	struct tdxc_sim_module *m = c->m;
	struct tdxc_sim_tdr *tdr;

	m->ops->zero(m->ctx, tdxc_sim_keyed(m, pa, m->global_keyid),
		     PAGE_BYTES);
	tdr = tdxc_sim_tdr_page(m, pa);
	if (!m->ops->random(m->ctx, tdr->uuid, sizeof(tdr->uuid))) {
		memset(tdr->uuid, 0, sizeof(tdr->uuid));
		return STATUS(ST_NO_ENTROPY, 0);
	}
	tdr->keyid = keyid;
	tdr->lifecycle = LC_HKID_ASSIGNED;
	return 0;
}

uint64_t tdxc_sim_mng_create(struct tdxc_sim_call *c)
{
	uint64_t pa = c->gpr[TDXC_SIM_RCX];
	uint64_t keyid = c->gpr[TDXC_SIM_RDX];
	struct tdxc_sim_module *m = c->m;
	struct tdxc_sim_pamt_ref ref;
	uint64_t status;

	if (keyid >> 16 != 0 || !tdxc_sim_is_private_keyid(m, keyid))
		return STATUS(ST_OPERAND_INVALID, TDXC_SIM_RDX);
	status =
		tdxc_sim_claim_page(c, pa, 0, PT_NDA, true, TDXC_SIM_RCX, &ref);
	if (status == 0)
		status = hold_kot(c, true);
	if (status != 0)
		return status;
	if (m->kot[keyid].state != TDXC_SIM_KEYID_FREE)
		return STATUS(ST_HKID_NOT_FREE, 0);
	status = make_tdr(c, pa, (uint32_t)keyid);
	if (status != 0)
		return status;
	m->kot[keyid].state = TDXC_SIM_KEYID_ASSIGNED;
	(void)tdxc_sim_add(&m->builds, 1);
	tdxc_sim_pamt_set(ref.entry, PT_TDR, 0);
	tdxc_sim_pamt_count(m, pa, 1);
	return 0;
}

uint64_t tdxc_sim_mng_key_config(struct tdxc_sim_call *c)
{
	struct tdxc_sim_module *m = c->m;
	uint64_t package = 1ull << tdxc_sim_package(m, c->lp);
	struct tdxc_sim_td td;
	uint64_t status = tdxc_sim_claim_td(c, c->gpr[TDXC_SIM_RCX], true,
					    TDXC_SIM_RCX, &td);

	if (status != 0)
		return status;
	if (td.tdr->fatal != 0)
		return STATUS(ST_TD_FATAL, 0);
	if (td.tdr->lifecycle != LC_HKID_ASSIGNED)
		return STATUS(ST_LIFECYCLE, 0);
	if ((td.tdr->packages & package) != 0)
		return STATUS(ST_KEY_CONFIGURED, 0);
	switch (m->ops->key(m->ctx, c->lp, td.keyid)) {
	case TDXC_SIM_KEY_BUSY:
		return STATUS(ST_BUSY, OP_KET);
	case TDXC_SIM_KEY_NO_ENTROPY:
		return STATUS(ST_KEY_GENERATION, 0);
	case TDXC_SIM_KEY_OK:
		break;
	}
	td.tdr->packages |= package;
	if (td.tdr->packages == tdxc_sim_all_packages(m))
		td.tdr->lifecycle = LC_KEYS_CONFIGURED;
	return 0;
}

/* Blocking ends the building of a TD that was never finalised. */
static void block_td(struct tdxc_sim_module *m, const struct tdxc_sim_td *td,
		     bool finalised)
{
	m->kot[td->keyid].to_flush = tdxc_sim_all_packages(m);
	m->kot[td->keyid].state = TDXC_SIM_KEYID_FLUSHED;
	td->tdr->lifecycle = LC_BLOCKED;
	if (!finalised)
		(void)tdxc_sim_add(&m->builds, UINT64_MAX);
}

uint64_t tdxc_sim_mng_vpflushdone(struct tdxc_sim_call *c)
{
	struct tdxc_sim_module *m = c->m;
	bool finalised = false;
	struct tdxc_sim_td td;
	uint64_t status = tdxc_sim_claim_td(c, c->gpr[TDXC_SIM_RCX], true,
					    TDXC_SIM_RCX, &td);

	if (status == 0)
		status = hold_kot(c, true);
	if (status != 0)
		return status;
	if (td.tdr->lifecycle != LC_HKID_ASSIGNED &&
	    td.tdr->lifecycle != LC_KEYS_CONFIGURED)
		return STATUS(ST_LIFECYCLE, 0);
	if (td.tdr->nr_tdcx >= SIM_TDCX_PAGES) {
		const struct tdxc_sim_tdcs *tdcs =
			tdxc_sim_tdcs_page(m, td.tdr);

		if (tdcs->op_state != OS_UNINITIALIZED &&
		    tdcs->nr_assoc_vcpus != 0)
			return STATUS(ST_FLUSHVP_NOT_DONE, 0);
		finalised = tdcs->op_state == OS_RUNNABLE;
	}
	block_td(m, &td, finalised);
	return 0;
}

uint64_t tdxc_sim_mng_key_freeid(struct tdxc_sim_call *c)
{
	struct tdxc_sim_module *m = c->m;
	struct tdxc_sim_td td;
	uint64_t status = tdxc_sim_claim_td(c, c->gpr[TDXC_SIM_RCX], true,
					    TDXC_SIM_RCX, &td);

	if (status != 0)
		return status;
	if (td.tdr->lifecycle != LC_BLOCKED)
		return STATUS(ST_LIFECYCLE, 0);
	status = hold_kot(c, true);
	if (status != 0)
		return status;
	if (m->kot[td.keyid].to_flush != 0)
		return STATUS(ST_WBCACHE_NOT_COMPLETE, 0);
	m->kot[td.keyid].state = TDXC_SIM_KEYID_FREE;
	td.tdr->lifecycle = LC_TEARDOWN;
	return 0;
}

/* Does nothing, whatever the operand. */
uint64_t tdxc_sim_mng_key_reclaimid(struct tdxc_sim_call *c)
{
	(void)c;
	return 0;
}

static bool take_snapshot(const struct tdxc_sim_module *m,
			  struct tdxc_sim_cache_wb *wb)
{
	bool any = false;
	uint32_t i;

	memset(wb->snapshot, 0, sizeof(wb->snapshot));
	for (i = 0; i < TDXC_SIM_MAX_KEYIDS; i++) {
		if (m->kot[i].state != TDXC_SIM_KEYID_FLUSHED)
			continue;
		wb->snapshot[i / 64] |= 1ull << (i % 64);
		any = true;
	}
	return any;
}

static void finish_snapshot(struct tdxc_sim_module *m,
			    const struct tdxc_sim_cache_wb *wb,
			    uint32_t package)
{
	uint32_t i;

	for (i = 0; i < TDXC_SIM_MAX_KEYIDS; i++) {
		if ((wb->snapshot[i / 64] >> (i % 64) & 1) != 0)
			tdxc_sim_set_bits(&m->kot[i].to_flush, 1ull << package,
					  0);
	}
}

uint64_t tdxc_sim_cache_wb(struct tdxc_sim_call *c)
{
	uint64_t resume = c->gpr[TDXC_SIM_RCX];
	struct tdxc_sim_module *m = c->m;
	uint32_t package = tdxc_sim_package(m, c->lp);
	struct tdxc_sim_cache_wb *wb = &m->cache_wb[package];
	uint64_t status;

	if (resume > 1)
		return STATUS(ST_OPERAND_INVALID, TDXC_SIM_RCX);
	if (!tdxc_sim_hold(c, &wb->lock, true))
		return STATUS(ST_BUSY, OP_WBCACHE);
	status = hold_kot(c, false);
	if (status != 0)
		return status;
	if (resume == 1 && !wb->interrupted)
		return STATUS(ST_WBCACHE_RESUME, 0);
	if (resume == 0) {
		wb->interrupted = false;
		wb->next_block = 0;
		if (!take_snapshot(m, wb))
			return STATUS(ST_NO_HKID_TO_WBCACHE, 0);
	}
	do {
		m->ops->flush_block(m->ctx, package, wb->next_block++);
		wb->interrupted = wb->next_block < m->platform.cache_blocks;
		if (wb->interrupted && m->ops->interrupt_pending(m->ctx, c->lp))
			return STATUS(ST_INTERRUPTED_RESUMABLE, 0);
	} while (wb->interrupted);
	finish_snapshot(m, wb, package);
	return 0;
}
