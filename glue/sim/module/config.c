/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * SYS.CONFIG (section 4). What makes a layout acceptable is the core's
 * check.h; this is the order of reading, and what is kept.
 */
#include "module.h"

#define INFO_BYTES (64 + 16 * TDXC_SIM_MAX_RESERVED)

static void describe(const struct tdxc_sim_module *m, bool dynamic,
		     struct tdxc_check_platform *p)
{
	p->abi = TDXC_ABI;
	p->keyid_start_bit = tdxc_sim_hkid_shift(m);
	p->shared_keyids = m->platform.shared_keyids;
	p->private_keyids = m->platform.private_keyids;
	p->seamrr = m->platform.seamrr;
	p->cmrs = m->platform.cmrs;
	p->nr_cmrs = m->platform.nr_cmrs;
	p->limits = tdxc_limits_observed();
	p->limits.pa_bits = m->platform.pa_width;
	p->limits.pamt_bitmap_bits = dynamic ? 1 : 0;
}

static void keep_tdmr(struct tdxc_sim_tdmr *t, const uint64_t *info)
{
	uint32_t i;

	memset(t, 0, sizeof(*t));
	t->base = info[0];
	t->end = info[0] + info[1];
	t->initialized = info[0];
	t->pamt[TDXC_PAMT_1G] = info[2];
	t->pamt[TDXC_PAMT_2M] = info[4];
	t->pamt[TDXC_PAMT_4K] = info[6];
	for (i = 0; i < TDXC_SIM_MAX_RESERVED && info[9 + 2 * i] != 0; i++) {
		t->reserved[i].start = t->base + info[8 + 2 * i];
		t->reserved[i].end = t->reserved[i].start + info[9 + 2 * i];
	}
	t->nr_reserved = i;
}

/* Each TDMR is judged before the next address is even read. */
static uint64_t read_tdmrs(struct tdxc_sim_module *m,
			   const struct tdxc_check_platform *p, uint64_t array,
			   uint32_t count)
{
	uint32_t i;

	for (i = 0; i < count; i++) {
		uint64_t pa;
		uint64_t status;

		tdxc_sim_read_shared(m, array + 8ull * i, &pa, sizeof(pa));
		status = tdxc_check_info_address(p, pa);
		if (status != 0)
			return status;
		tdxc_sim_read_shared(m, pa, m->infos[i], INFO_BYTES);
		status = tdxc_check_tdmr(p, m->infos, INFO_BYTES, i);
		if (status != 0)
			return status;
		keep_tdmr(&m->tdmrs[i], m->infos[i]);
	}
	return 0;
}

uint64_t tdxc_sim_sys_config(struct tdxc_sim_call *c)
{
	struct tdxc_sim_module *m = c->m;
	uint64_t count = c->gpr[TDXC_SIM_RDX];
	uint64_t r8 = c->gpr[TDXC_SIM_R8];
	bool dynamic = tdxc_sim_is_newer(m) && (r8 >> 16 & 1) != 0;
	struct tdxc_check_platform p;
	uint32_t keyid = (uint32_t)(r8 & 0xFFFF);
	uint64_t status;

	if (!tdxc_sim_hold(c, &m->lock, true))
		return STATUS(ST_SYS_BUSY, 0);
	if (m->state != TDXC_SIM_SYSINIT_DONE ||
	    tdxc_load_acquire(&m->nr_lps_initialized) != m->platform.nr_lps)
		return STATUS(ST_CONFIG_NOT_PENDING, 0);
	describe(m, dynamic, &p);
	status = tdxc_check_operands(&p, c->gpr[TDXC_SIM_RCX], count, r8);
	if (status != 0)
		return status;
	/* never undone, even where the call fails (SURPRISES.md 7) */
	m->kot[keyid].state = TDXC_SIM_KEYID_RESERVED;
	m->global_keyid = keyid;
	if (dynamic && tdxc_sim_hkid_shift(m) > 48)
		return STATUS(ST_OPERAND_INVALID, TDXC_SIM_R8);
	status = read_tdmrs(m, &p, c->gpr[TDXC_SIM_RCX], (uint32_t)count);
	if (status != 0)
		return status;
	m->nr_tdmrs = (uint32_t)count;
	m->dynamic_pamt = dynamic;
	m->packages_configured = 0;
	m->handoff.valid = false;
	tdxc_store_release(&m->state, TDXC_SIM_SYSCONFIG_DONE);
	return 0;
}
