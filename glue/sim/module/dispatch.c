/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* The door of the module: which leaf, may it run now, and what it leaves. */
#include "module.h"

enum {
	LEAF_VP_ENTER = 0,
	LEAF_SYS_LP_SHUTDOWN = 44,
};

static void set_identity(struct tdxc_sim_module *m)
{
	static const struct tdxc_sim_identity usual = {1, 5, 0, 744, 0, 0, 0};

	m->identity =
		m->platform.identity.major != 0 ? m->platform.identity : usual;
}

int tdxc_sim_init(struct tdxc_sim_module *m, const struct tdxc_sim_ops *ops,
		  void *ctx, const struct tdxc_sim_platform *platform)
{
	const struct tdxc_sim_platform *p = platform;

	if (!ops || !ops->page || !ops->zero || !ops->random || !ops->key ||
	    !ops->interrupt_pending || !ops->flush_page || !ops->flush_block ||
	    !ops->tsc || !ops->sha384)
		return TDXC_E_INVAL;
	if (p->abi != TDXC_ABI || p->nr_lps == 0 ||
	    p->nr_lps > TDXC_SIM_MAX_LPS || p->nr_packages == 0 ||
	    p->nr_packages > TDXC_SIM_MAX_PACKAGES ||
	    p->nr_packages > p->nr_lps || p->pa_width > 52 ||
	    p->keyid_bits == 0 || p->keyid_bits > 11 ||
	    p->pa_width < 32 + p->keyid_bits || p->cache_blocks == 0 ||
	    p->nr_cmrs > TDXC_MAX_CMRS || p->private_keyids == 0 ||
	    p->shared_keyids + p->private_keyids >= 1u << p->keyid_bits)
		return TDXC_E_INVAL;
	memset(m, 0, sizeof(*m));
	m->ops = ops;
	m->ctx = ctx;
	m->platform = *platform;
	set_identity(m);
	m->seamldr.remaining = TDXC_SIM_SEAMLDR_UPDATES;
	return TDXC_OK;
}

/* Leaves that may run before the module is ready (section 1.1 step 4). */
static bool runs_early(uint16_t leaf)
{
	switch (leaf) {
	case 31:
	case 32:
	case 33:
	case 34:
	case 35:
	case 37:
	case 44:
	case 45:
	case 53:
		return true;
	default:
		return false;
	}
}

/* Leaves that look at the version themselves (section 1.1 step 2). */
static bool is_versioned(uint16_t leaf)
{
	switch (leaf) {
	case 3:
	case 11:
	case 23:
	case 26:
	case 30:
		return true;
	default:
		return false;
	}
}

static uint64_t run_sys_leaf(struct tdxc_sim_call *c, uint16_t leaf,
			     bool *known)
{
	switch (leaf) {
	case 31:
		return tdxc_sim_sys_key_config(c);
	case 32:
		return tdxc_sim_sys_info(c);
	case 33:
		return tdxc_sim_sys_init(c);
	case 34:
		return tdxc_sim_sys_rd(c);
	case 35:
		return tdxc_sim_sys_lp_init(c);
	case 36:
		return tdxc_sim_sys_tdmr_init(c);
	case 37:
		return tdxc_sim_sys_rdall(c);
	case 44:
		return tdxc_sim_sys_lp_shutdown(c);
	case 45:
		return tdxc_sim_sys_config(c);
	case 52:
		return tdxc_sim_sys_shutdown(c);
	case 53:
		return tdxc_sim_sys_update(c);
	case 58:
		if (tdxc_sim_is_newer(c->m))
			return tdxc_sim_pamt_add(c);
		break;
	case 59:
		if (tdxc_sim_is_newer(c->m))
			return tdxc_sim_pamt_remove(c);
		break;
	case 69:
		if (tdxc_sim_is_newer(c->m))
			return tdxc_sim_sys_disable(c);
		break;
	default:
		break;
	}
	*known = false;
	return 0;
}

static uint64_t run_td_leaf(struct tdxc_sim_call *c, uint16_t leaf, bool *known)
{
	switch (leaf) {
	case LEAF_VP_ENTER:
		return tdxc_sim_vp_enter(c);
	case 1:
		return tdxc_sim_mng_addcx(c);
	case 4:
		return tdxc_sim_vp_addcx(c);
	case 8:
		return tdxc_sim_mng_key_config(c);
	case 9:
		return tdxc_sim_mng_create(c);
	case 10:
		return tdxc_sim_vp_create(c);
	case 11:
		return tdxc_sim_mng_rd(c);
	case 13:
		return tdxc_sim_mng_wr(c);
	case 17:
		return tdxc_sim_mr_finalize(c);
	case 18:
		return tdxc_sim_vp_flush(c);
	case 19:
		return tdxc_sim_mng_vpflushdone(c);
	case 20:
		return tdxc_sim_mng_key_freeid(c);
	case 21:
		return tdxc_sim_mng_init(c);
	case 22:
		return tdxc_sim_vp_init(c);
	case 26:
		return tdxc_sim_vp_rd(c);
	case 27:
		return tdxc_sim_mng_key_reclaimid(c);
	case 43:
		return tdxc_sim_vp_wr(c);
	default:
		return run_sys_leaf(c, leaf, known);
	}
}

static uint64_t run_leaf(struct tdxc_sim_call *c, uint16_t leaf, bool *known)
{
	switch (leaf) {
	case 2:
		return tdxc_sim_page_add(c);
	case 3:
		return tdxc_sim_sept_add(c);
	case 5:
		return tdxc_sim_page_relocate(c);
	case 6:
		return tdxc_sim_page_aug(c);
	case 7:
		return tdxc_sim_range_block(c);
	case 15:
		return tdxc_sim_page_demote(c);
	case 16:
		return tdxc_sim_mr_extend(c);
	case 23:
		return tdxc_sim_page_promote(c);
	case 24:
		return tdxc_sim_rdmd(c);
	case 25:
		return tdxc_sim_sept_rd(c);
	case 28:
		return tdxc_sim_reclaim(c);
	case 29:
		return tdxc_sim_page_remove(c);
	case 30:
		return tdxc_sim_sept_remove(c);
	case 38:
		return tdxc_sim_track(c);
	case 39:
		return tdxc_sim_range_unblock(c);
	case 40:
		return tdxc_sim_cache_wb(c);
	case 41:
		return tdxc_sim_page_wbinvd(c);
	default:
		return run_td_leaf(c, leaf, known);
	}
}

static uint64_t dispatch(struct tdxc_sim_call *c)
{
	uint64_t rax = c->gpr[TDXC_SIM_RAX];
	uint16_t leaf = (uint16_t)rax;
	uint64_t state = tdxc_load_acquire(&c->m->state);
	bool known = true;
	uint64_t status;

	if (rax >> 24 != 0 || ((rax >> 16 & 0xFF) != 0 && !is_versioned(leaf)))
		return STATUS(ST_OPERAND_INVALID, TDXC_SIM_RAX);
	if (state == TDXC_SIM_SHUTDOWN && leaf != LEAF_SYS_LP_SHUTDOWN)
		return STATUS(ST_SYS_SHUTDOWN, 0);
	if (state != TDXC_SIM_READY && !runs_early(leaf))
		return STATUS(ST_SYS_NOT_READY, 0);
	status = run_leaf(c, leaf, &known);
	if (known)
		return status;
	(void)tdxc_sim_add(&c->m->unsupported, 1);
	return STATUS(ST_OPERAND_INVALID, TDXC_SIM_RAX);
}

static enum tdxc_sim_outcome call_module(struct tdxc_sim_module *m, uint32_t lp,
					 struct tdxc_sim_regs *regs)
{
	struct tdxc_sim_call c = {0};
	uint64_t status;

	c.m = m;
	c.lp = lp;
	c.gpr = regs->gpr;
	(void)tdxc_sim_add(&m->inside, 1);
	status = dispatch(&c);
	if (!c.entered) {
		tdxc_sim_release(&c, 0);
		regs->gpr[TDXC_SIM_RAX] = status;
	}
	(void)tdxc_sim_add(&m->inside, UINT64_MAX);
	return c.entered ? TDXC_SIM_ENTERED : TDXC_SIM_RETURNED;
}

enum tdxc_sim_outcome tdxc_sim_seamcall(struct tdxc_sim_module *m, uint32_t lp,
					struct tdxc_sim_regs *regs)
{
	if (regs->gpr[TDXC_SIM_RAX] >> 63 != 0) {
		tdxc_sim_seamldr(m, lp, regs);
		return TDXC_SIM_RETURNED;
	}
	if (tdxc_load_acquire(&m->seamldr.unloaded) != 0) {
		regs->gpr[TDXC_SIM_RAX] = TDXC_STATUS_VMFAILINVALID;
		return TDXC_SIM_RETURNED;
	}
	return call_module(m, lp, regs);
}
