/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * From one module to the next: SYS.SHUTDOWN writes hand-off data, SYS.UPDATE of
 * the next module reads them (sections 1.4, 5.2). What TDs own stays where it
 * is, in memory.
 */
#include "module.h"

#define AVOID_SENSITIVE (1ull << 16)

uint64_t tdxc_sim_hold_global(struct tdxc_sim_call *c, bool exclusive)
{
	return tdxc_sim_hold(c, &c->m->lock, exclusive)
		       ? 0
		       : STATUS(ST_SYS_BUSY, 0);
}

/* A call counts itself inside before it looks at the state, this looks the
 * other way round, and both are fully ordered: one of them sees the other. */
bool tdxc_sim_stop_others(struct tdxc_sim_module *m)
{
	(void)tdxc_xchg(&m->state, TDXC_SIM_SHUTDOWN);
	return tdxc_load_acquire(&m->inside) == 1;
}

void tdxc_sim_forget(struct tdxc_sim_module *m)
{
	uint32_t i;

	for (i = 0; i < m->platform.nr_lps; i++)
		m->lps[i].initialized = false;
	memset(m->kot, 0, sizeof(m->kot));
	memset(m->cache_wb, 0, sizeof(m->cache_wb));
	m->nr_tdmrs = 0;
	m->dynamic_pamt = false;
	m->packages_configured = 0;
	m->disable_step = 0;
	tdxc_store_release(&m->builds, 0);
	tdxc_store_release(&m->nr_lps_initialized, 0);
	tdxc_store_release(&m->state, TDXC_SIM_SYSINIT_PENDING);
}

static bool is_known_version(const struct tdxc_sim_module *m, uint64_t hv)
{
	return hv >= m->identity.min_update_hv && hv <= m->identity.module_hv;
}

static bool may_write_version(const struct tdxc_sim_module *m, uint64_t hv)
{
	return is_known_version(m, hv) &&
	       (m->identity.no_downgrade == 0 || hv == m->identity.module_hv);
}

static void hand_off(struct tdxc_sim_module *m, uint64_t version)
{
	struct tdxc_sim_handoff *h = &m->handoff;

	h->valid = true;
	h->version = (uint16_t)version;
	h->dynamic_pamt = m->dynamic_pamt;
	h->global_keyid = m->global_keyid;
	h->nr_tdmrs = m->nr_tdmrs;
	h->packages_configured = m->packages_configured;
	h->builds = m->builds;
	memcpy(h->tdmrs, m->tdmrs, sizeof(h->tdmrs));
	memcpy(h->kot, m->kot, sizeof(h->kot));
}

static void take_over(struct tdxc_sim_module *m)
{
	struct tdxc_sim_handoff *h = &m->handoff;

	m->dynamic_pamt = h->dynamic_pamt;
	m->global_keyid = h->global_keyid;
	m->nr_tdmrs = h->nr_tdmrs;
	m->packages_configured = h->packages_configured;
	m->builds = h->builds;
	memcpy(m->tdmrs, h->tdmrs, sizeof(m->tdmrs));
	memcpy(m->kot, h->kot, sizeof(m->kot));
	h->valid = false;
}

uint64_t tdxc_sim_sys_shutdown(struct tdxc_sim_call *c)
{
	uint64_t rcx = c->gpr[TDXC_SIM_RCX];
	struct tdxc_sim_module *m = c->m;
	bool avoid = tdxc_sim_is_newer(m) && (rcx & AVOID_SENSITIVE) != 0;
	uint64_t version = avoid ? rcx & ~AVOID_SENSITIVE : rcx;
	uint64_t status;

	if (!may_write_version(m, version))
		return STATUS(ST_OPERAND_INVALID, TDXC_SIM_RCX);
	status = tdxc_sim_hold_global(c, true);
	if (status != 0)
		return status;
	if (!tdxc_sim_stop_others(m))
		status = STATUS(ST_SYS_BUSY, 0);
	else if (avoid && tdxc_load_acquire(&m->builds) != 0)
		status = STATUS(ST_UPDATE_SENSITIVE, 0);
	if (status != 0)
		tdxc_store_release(&m->state, TDXC_SIM_READY);
	else
		hand_off(m, version);
	return status;
}

static bool may_update(const struct tdxc_sim_module *m)
{
	return tdxc_load_acquire(&m->state) == TDXC_SIM_SYSINIT_DONE &&
	       tdxc_load_acquire(&m->nr_lps_initialized) == m->platform.nr_lps;
}

/* The state is looked at again under the lock: another call may have taken the
 * data, or SYS.CONFIG started from nothing. */
uint64_t tdxc_sim_sys_update(struct tdxc_sim_call *c)
{
	struct tdxc_sim_module *m = c->m;
	uint64_t status;

	if (!may_update(m))
		return STATUS(ST_SYS_STATE_INCORRECT, 0);
	status = tdxc_sim_hold_global(c, true);
	if (status != 0)
		return status;
	if (!may_update(m))
		return STATUS(ST_SYS_STATE_INCORRECT, 0);
	if (!m->handoff.valid || !is_known_version(m, m->handoff.version))
		return STATUS(ST_SYS_INVALID_HANDOFF, 0);
	take_over(m);
	tdxc_store_release(&m->state, TDXC_SIM_READY);
	return 0;
}
