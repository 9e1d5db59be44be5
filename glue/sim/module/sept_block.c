/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Withdraw and restore access, and wait out stale translations (7.5, 7.6). */
#include "module.h"

static const uint32_t any_live = OS_BIT(OS_INITIALIZED) | OS_BIT(OS_RUNNABLE);

/* Where BEPOCH of an entry is kept: with the page a leaf maps, or with the
 * S-EPT page a non-leaf points to. */
static uint64_t *bepoch_of(struct tdxc_sim_call *c,
			   const struct tdxc_sim_mem *mem)
{
	uint8_t size = tdxc_sim_sept_is_leaf(mem->state) ? mem->at.level : 0;

	return &tdxc_sim_pamt_entry(c->m, mem->entry & SEPT_HPA, size)->bepoch;
}

uint64_t tdxc_sim_range_block(struct tdxc_sim_call *c)
{
	static const uint8_t blocked[] = {
		[SS_NL_MAPPED] = SS_NL_BLOCKED,
		[SS_MAPPED] = SS_BLOCKED,
		[SS_PENDING] = SS_PENDING_BLOCKED,
		[SS_OTHER] = 0,
	};
	const struct tdxc_sim_mem_rules rules = {
		any_live, 0, 255, false, true, false,
	};
	struct tdxc_sim_mem mem;
	uint64_t status =
		tdxc_sim_mem_begin(c, &rules, c->gpr[TDXC_SIM_RDX], &mem);

	if (status != 0)
		return tdxc_sim_mem_end(&mem, status);
	if (mem.state == SS_BLOCKED || mem.state == SS_PENDING_BLOCKED ||
	    mem.state == SS_NL_BLOCKED) {
		tdxc_sim_sept_report(c, mem.entry, mem.at.level);
		return tdxc_sim_mem_end(
			&mem, STATUS(ST_ALREADY_BLOCKED, TDXC_SIM_RCX));
	}
	if (blocked[mem.state] == 0)
		return tdxc_sim_mem_end(&mem,
					tdxc_sim_mem_state_error(c, &mem));
	tdxc_store_release(bepoch_of(c, &mem), tdxc_sim_epoch(tdxc_load_acquire(
						       &mem.td.tdcs->epoch)));
	tdxc_sim_sept_commit(
		mem.at.entry,
		tdxc_sim_sept_make((enum tdxc_sim_sept_state)blocked[mem.state],
				   mem.entry & SEPT_HPA));
	return 0;
}

uint64_t tdxc_sim_range_unblock(struct tdxc_sim_call *c)
{
	static const uint8_t unblocked[] = {
		[SS_NL_BLOCKED] = SS_NL_MAPPED,
		[SS_BLOCKED] = SS_MAPPED,
		[SS_PENDING_BLOCKED] = SS_PENDING,
		[SS_OTHER] = 0,
	};
	const struct tdxc_sim_mem_rules rules = {
		any_live, 0, 255, false, true, false,
	};
	struct tdxc_sim_mem mem;
	uint64_t status =
		tdxc_sim_mem_begin(c, &rules, c->gpr[TDXC_SIM_RDX], &mem);

	if (status == 0 && unblocked[mem.state] == 0)
		status = tdxc_sim_mem_state_error(c, &mem);
	if (status == 0 && mem.td.tdcs->op_state == OS_RUNNABLE &&
	    !tdxc_sim_tracked(mem.td.tdcs, *bepoch_of(c, &mem)))
		status = STATUS(ST_NOT_TRACKED, OP_SEPT_TREE);
	if (status != 0)
		return tdxc_sim_mem_end(&mem, status);
	tdxc_sim_sept_commit(mem.at.entry,
			     tdxc_sim_sept_make((enum tdxc_sim_sept_state)
							unblocked[mem.state],
						mem.entry & SEPT_HPA));
	return 0;
}

uint64_t tdxc_sim_track(struct tdxc_sim_call *c)
{
	struct tdxc_sim_td td;
	uint64_t status = tdxc_sim_claim_td(c, c->gpr[TDXC_SIM_RCX], false,
					    TDXC_SIM_RCX, &td);

	if (status == 0)
		status = tdxc_sim_check_td(c, &td, any_live, true);
	if (status != 0)
		return status;
	if (!tdxc_sim_hold(c, &td.tdcs->epoch_lock, true))
		return STATUS(ST_BUSY, OP_TD_EPOCH);
	return tdxc_sim_epoch_advance(td.tdcs)
		       ? 0
		       : STATUS(ST_PREVIOUS_EPOCH_BUSY, 0);
}
