/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* System leaves but SYS.CONFIG and the metadata (sections 1.4, 5.2). */
#include "module.h"

static bool has_entropy(const struct tdxc_sim_module *m)
{
	uint64_t canary;

	return m->ops->random(m->ctx, &canary, sizeof(canary));
}

static bool cmr_list_ok(const struct tdxc_sim_module *m)
{
	uint64_t end = 0;
	uint32_t i;

	for (i = 0; i < m->platform.nr_cmrs; i++) {
		const struct tdxc_cmr *cmr = &m->platform.cmrs[i];

		if (cmr->size == 0)
			continue;
		if (cmr->base > UINT64_MAX - cmr->size ||
		    (cmr->base | cmr->size) % PAGE_BYTES != 0 ||
		    cmr->base < end ||
		    (cmr->base + cmr->size - 1) >> tdxc_sim_hkid_shift(m) != 0)
			return false;
		end = cmr->base + cmr->size;
	}
	return true;
}

uint64_t tdxc_sim_sys_init(struct tdxc_sim_call *c)
{
	uint64_t attributes = c->gpr[TDXC_SIM_RCX];
	struct tdxc_sim_module *m = c->m;
	uint64_t status;

	c->gpr[TDXC_SIM_RCX] = 0;
	c->gpr[TDXC_SIM_RDX] = 0;
	c->gpr[TDXC_SIM_R8] = 0;
	c->gpr[TDXC_SIM_R9] = 0;
	c->gpr[TDXC_SIM_R10] = 0;
	status = tdxc_sim_hold_global(c, true);
	if (status != 0)
		return status;
	if (attributes != 0)
		return STATUS(ST_OPERAND_INVALID, TDXC_SIM_RCX);
	if (m->state != TDXC_SIM_SYSINIT_PENDING)
		return STATUS(ST_SYS_INIT_NOT_PENDING, 0);
	if (!cmr_list_ok(m))
		return STATUS(ST_CMR_LIST_INVALID, 0);
	if (!has_entropy(m))
		return STATUS(ST_NO_ENTROPY, 0);
	tdxc_store_release(&m->state, TDXC_SIM_SYSINIT_DONE);
	return 0;
}

uint64_t tdxc_sim_sys_lp_init(struct tdxc_sim_call *c)
{
	struct tdxc_sim_module *m = c->m;
	uint64_t status;

	c->gpr[TDXC_SIM_RCX] = 0;
	c->gpr[TDXC_SIM_RDX] = 0;
	c->gpr[TDXC_SIM_R8] = 0;
	status = tdxc_sim_hold_global(c, false);
	if (status != 0)
		return status;
	if (tdxc_load_acquire(&m->state) != TDXC_SIM_SYSINIT_DONE)
		return STATUS(ST_LP_INIT_NOT_PENDING, 0);
	if (m->lps[c->lp].initialized)
		return STATUS(ST_LP_INIT_DONE, 0);
	if (!has_entropy(m))
		return STATUS(ST_NO_ENTROPY, 0);
	m->lps[c->lp].initialized = true;
	(void)tdxc_sim_add(&m->nr_lps_initialized, 1);
	return 0;
}

uint64_t tdxc_sim_sys_key_config(struct tdxc_sim_call *c)
{
	struct tdxc_sim_module *m = c->m;
	uint64_t package = 1ull << tdxc_sim_package(m, c->lp);
	uint64_t status = tdxc_sim_hold_global(c, true);

	if (status != 0)
		return status;
	if (m->state != TDXC_SIM_SYSCONFIG_DONE)
		return STATUS(ST_KEY_CONFIG_NOT_PENDING, 0);
	if ((m->packages_configured & package) != 0)
		return STATUS(ST_KEY_CONFIGURED, 0);
	switch (m->ops->key(m->ctx, c->lp, m->global_keyid)) {
	case TDXC_SIM_KEY_BUSY:
		return STATUS(ST_BUSY, OP_KET);
	case TDXC_SIM_KEY_NO_ENTROPY:
		return STATUS(ST_KEY_GENERATION, 0);
	case TDXC_SIM_KEY_OK:
		break;
	}
	m->packages_configured |= package;
	if (m->packages_configured == tdxc_sim_all_packages(m))
		tdxc_store_release(&m->state, TDXC_SIM_READY);
	return 0;
}

static struct tdxc_sim_tdmr *tdmr_with_base(struct tdxc_sim_module *m,
					    uint64_t base)
{
	struct tdxc_sim_tdmr *t = tdxc_sim_find_tdmr(m, base);

	return t && t->base == base ? t : NULL;
}

uint64_t tdxc_sim_sys_tdmr_init(struct tdxc_sim_call *c)
{
	uint64_t base = c->gpr[TDXC_SIM_RCX];
	struct tdxc_sim_module *m = c->m;
	struct tdxc_sim_tdmr *t;

	c->gpr[TDXC_SIM_RDX] = 0;
	if (base % TDXC_SIZE_1G != 0 || base >> 52 != 0 ||
	    (base & tdxc_sim_hkid_mask(m)) != 0)
		return STATUS(ST_OPERAND_INVALID, TDXC_SIM_RCX);
	t = tdmr_with_base(m, base);
	if (!t)
		return STATUS(ST_OPERAND_INVALID, TDXC_SIM_RCX);
	if (!tdxc_sim_hold(c, &t->lock, true))
		return STATUS(ST_BUSY, TDXC_SIM_RCX);
	if (t->initialized >= t->end)
		return STATUS(ST_TDMR_INITIALIZED, 0);
	c->gpr[TDXC_SIM_RDX] =
		tdxc_sim_pamt_init_step(m, t) & ~(TDXC_SIZE_1G - 1);
	return 0;
}

/* Kept for compatibility; does nothing in any state. */
uint64_t tdxc_sim_sys_lp_shutdown(struct tdxc_sim_call *c)
{
	(void)c;
	return 0;
}

static bool any_guest_runs(const struct tdxc_sim_module *m)
{
	uint32_t i;

	for (i = 0; i < m->platform.nr_lps; i++) {
		if (tdxc_load_acquire(&m->lps[i].in_guest) != 0)
			return true;
	}
	return false;
}

/* False: an interrupt came first; what is done stays done. */
static bool flush_everything(struct tdxc_sim_call *c)
{
	struct tdxc_sim_module *m = c->m;
	uint32_t blocks = m->platform.cache_blocks;
	uint32_t all = blocks * m->platform.nr_packages;

	while (m->disable_step < all) {
		m->ops->flush_block(m->ctx, m->disable_step / blocks,
				    m->disable_step % blocks);
		m->disable_step++;
		if (m->disable_step < all &&
		    m->ops->interrupt_pending(m->ctx, c->lp))
			return false;
	}
	return true;
}

/* All TDs and keys go, caches are written back, and the module can be
 * initialised again (inferred from linux-host-tdx.md 8.3: resumable, makes
 * progress between calls, and a next kernel may start from zero). */
uint64_t tdxc_sim_sys_disable(struct tdxc_sim_call *c)
{
	struct tdxc_sim_module *m = c->m;
	uint64_t status = tdxc_sim_hold_global(c, true);

	if (status != 0)
		return status;
	if (c->gpr[TDXC_SIM_RCX] != 0)
		return STATUS(ST_OPERAND_INVALID, TDXC_SIM_RCX);
	if (!tdxc_sim_stop_others(m) || any_guest_runs(m))
		status = STATUS(ST_SYS_BUSY, 0);
	else if (!flush_everything(c))
		status = STATUS(ST_INTERRUPTED_RESUMABLE, 0);
	if (status != 0) {
		tdxc_store_release(&m->state, TDXC_SIM_READY);
		return status;
	}
	tdxc_sim_forget(m);
	m->handoff.valid = false;
	return 0;
}
