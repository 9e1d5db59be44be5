/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* The build-time measurement MRTD (section 1.7). */
#include "module.h"

/* What is hashed before the data: a name, padded to 16 bytes, and the GPA. */
struct block {
	char name[16];
	uint64_t gpa;
	uint8_t zero[104];
};

TDXC_STATIC_ASSERT(sizeof(struct block) == 128, "measurement block");

static void update(struct tdxc_sim_call *c, struct tdxc_sim_tdcs *tdcs,
		   const void *data, size_t bytes)
{
	c->m->ops->sha384(c->m->ctx, TDXC_SIM_SHA384_UPDATE, tdcs->sha384, data,
			  bytes, NULL);
}

void tdxc_sim_measure_start(struct tdxc_sim_call *c, struct tdxc_sim_tdcs *tdcs)
{
	c->m->ops->sha384(c->m->ctx, TDXC_SIM_SHA384_INIT, tdcs->sha384, NULL,
			  0, NULL);
	tdcs->measured_by = c->m->generation;
}

uint64_t tdxc_sim_measure_check(struct tdxc_sim_call *c,
				struct tdxc_sim_tdcs *tdcs)
{
	if (tdcs->measured_by == c->m->generation)
		return 0;
	if (tdxc_sim_is_newer(c->m))
		return STATUS(ST_MRTD_CONTEXT, 0);
	tdxc_sim_measure_start(c, tdcs);
	return 0;
}

void tdxc_sim_measure_add(struct tdxc_sim_call *c, struct tdxc_sim_tdcs *tdcs,
			  uint64_t gpa)
{
	struct block b = {"MEM.PAGE.ADD", gpa, {0}};

	update(c, tdcs, &b, sizeof(b));
}

#define EXTEND_BYTES 256u

uint64_t tdxc_sim_mr_extend(struct tdxc_sim_call *c)
{
	static const struct tdxc_sim_mem_rules rules = {
		OS_BIT(OS_INITIALIZED), 0, 0, true, false, true,
	};
	struct block b = {"MR.EXTEND", c->gpr[TDXC_SIM_RCX], {0}};
	uint64_t gpa = c->gpr[TDXC_SIM_RCX];
	uint64_t rdx = c->gpr[TDXC_SIM_RDX];
	struct tdxc_sim_sept at;
	struct tdxc_sim_td td;
	const char *page;
	uint64_t status;
	uint8_t level;

	c->gpr[TDXC_SIM_RCX] = 0;
	c->gpr[TDXC_SIM_RDX] = 0;
	status = tdxc_sim_claim_td(c, rdx, true, TDXC_SIM_RDX, &td);
	if (status == 0)
		status = tdxc_sim_check_td(c, &td, rules.op_states, false);
	if (status == 0)
		status = tdxc_sim_measure_check(c, td.tdcs);
	if (status == 0 && gpa % EXTEND_BYTES != 0)
		status = STATUS(ST_OPERAND_INVALID, TDXC_SIM_RCX);
	if (status == 0)
		status = tdxc_sim_check_gpa(&td, gpa & ~(PAGE_BYTES - 1), 0, 0,
					    &gpa, &level);
	if (status != 0)
		return status;
	(void)tdxc_sim_sept_walk(c->m, &td, gpa, 0, &at);
	if (tdxc_sim_sept_state(*at.entry) != SS_MAPPED) {
		tdxc_sim_sept_report(c, *at.entry, at.level);
		return STATUS(ST_EPT_NOT_PRESENT, TDXC_SIM_RCX);
	}
	gpa = b.gpa & (tdxc_sim_level_bytes(at.level) - 1);
	page = tdxc_sim_page(c->m,
			     (*at.entry & SEPT_HPA) + (gpa & ~(PAGE_BYTES - 1)),
			     td.keyid);
	update(c, td.tdcs, &b, sizeof(b));
	update(c, td.tdcs, page + gpa % PAGE_BYTES, EXTEND_BYTES);
	return 0;
}

uint64_t tdxc_sim_mr_finalize(struct tdxc_sim_call *c)
{
	struct tdxc_sim_td td;
	uint64_t status = tdxc_sim_claim_td(c, c->gpr[TDXC_SIM_RCX], true,
					    TDXC_SIM_RCX, &td);

	if (status == 0)
		status = tdxc_sim_check_td(c, &td, OS_BIT(OS_INITIALIZED),
					   false);
	if (status != 0)
		return status;
	if (td.tdcs->nr_vcpus == 0)
		return STATUS(ST_NO_VCPUS, 0);
	status = tdxc_sim_measure_check(c, td.tdcs);
	if (status != 0)
		return status;
	c->m->ops->sha384(c->m->ctx, TDXC_SIM_SHA384_FINAL, td.tdcs->sha384,
			  NULL, 0, td.tdcs->mrtd);
	td.tdcs->op_state = OS_RUNNABLE;
	(void)tdxc_sim_add(&c->m->builds, UINT64_MAX);
	return 0;
}
