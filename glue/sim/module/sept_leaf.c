/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* What the MEM leaves have in common: section 7.1, and rule 7.5. */
#include "module.h"

static uint64_t walk_and_lock(struct tdxc_sim_call *c,
			      const struct tdxc_sim_mem_rules *rules,
			      struct tdxc_sim_mem *mem, uint8_t level)
{
	bool found = tdxc_sim_sept_walk(c->m, &mem->td, mem->at.gpa, level,
					&mem->at);

	mem->entry = tdxc_load_acquire(mem->at.entry) & ~SEPT_LOCKED & ~SEPT_HP;
	mem->state = tdxc_sim_sept_state(mem->entry);
	if (!found) {
		tdxc_sim_sept_report(c, mem->entry, mem->at.level);
		return STATUS(ST_EPT_WALK_FAILED, TDXC_SIM_RCX);
	}
	if (rules->no_tree)
		return 0;
	if (!tdxc_sim_sept_lock(mem->at.entry)) {
		tdxc_sim_sept_report(c, mem->entry, mem->at.level);
		return STATUS(ST_BUSY, TDXC_SIM_RCX);
	}
	mem->locked = true;
	mem->entry = tdxc_load_acquire(mem->at.entry) & ~SEPT_LOCKED & ~SEPT_HP;
	mem->state = tdxc_sim_sept_state(mem->entry);
	return 0;
}

uint64_t tdxc_sim_mem_begin(struct tdxc_sim_call *c,
			    const struct tdxc_sim_mem_rules *rules,
			    uint64_t rdx, struct tdxc_sim_mem *mem)
{
	uint64_t rcx = c->gpr[TDXC_SIM_RCX];
	uint8_t level;
	uint8_t max = rules->max_level;
	uint64_t status;

	mem->locked = false;
	c->gpr[TDXC_SIM_RCX] = 0;
	c->gpr[TDXC_SIM_RDX] = 0;
	status = tdxc_sim_claim_td(c, rdx, rules->tdr_exclusive, TDXC_SIM_RDX,
				   &mem->td);
	if (status == 0)
		status = tdxc_sim_check_td(c, &mem->td, rules->op_states,
					   !rules->tdr_exclusive);
	if (status != 0)
		return status;
	if (max == 255)
		max = tdxc_sim_sept_root_level(&mem->td);
	status = tdxc_sim_check_gpa(&mem->td, rcx, rules->min_level, max,
				    &mem->at.gpa, &level);
	if (status != 0)
		return status;
	if (!rules->no_tree &&
	    !tdxc_sim_hold(c, &mem->td.tdcs->tree_lock, rules->tree_exclusive))
		return STATUS(ST_BUSY, OP_SEPT_TREE);
	return walk_and_lock(c, rules, mem, level);
}

uint64_t tdxc_sim_mem_end(struct tdxc_sim_mem *mem, uint64_t status)
{
	if (mem->locked)
		tdxc_sim_sept_unlock(mem->at.entry);
	mem->locked = false;
	return status;
}

uint64_t tdxc_sim_mem_state_error(struct tdxc_sim_call *c,
				  const struct tdxc_sim_mem *mem)
{
	tdxc_sim_sept_report(c, mem->entry, mem->at.level);
	return STATUS(ST_EPT_STATE, TDXC_SIM_RCX);
}

uint64_t tdxc_sim_mem_require_tracked(struct tdxc_sim_call *c,
				      const struct tdxc_sim_mem *mem,
				      uint64_t bepoch)
{
	if (mem->td.tdcs->op_state != OS_RUNNABLE)
		return 0;
	if (mem->state != SS_NL_BLOCKED && mem->state != SS_BLOCKED &&
	    mem->state != SS_PENDING_BLOCKED) {
		tdxc_sim_sept_report(c, mem->entry, mem->at.level);
		return STATUS(ST_NOT_BLOCKED, TDXC_SIM_RCX);
	}
	return tdxc_sim_tracked(mem->td.tdcs, bepoch)
		       ? 0
		       : STATUS(ST_NOT_TRACKED, TDXC_SIM_RCX);
}
