/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* One change of an entry, as the mirror asks for it. */
#include "sept_work.h"

/* The page that was lent for a call is the host's again, or lost. */
static int not_lent(struct tdxc_sept *sept, enum tdxc_sept_use use,
		    const struct tdxc_external_change *change, uint64_t pa,
		    const struct tdxc_sept_op_ *op, int err)
{
	uint32_t level = use == TDXC_SEPT_PAGE ? change->level : TDXC_LEVEL_4K;

	if (err == TDXC_E_IO)
		return tdxc_sept_lose_(sept, use, change->gfn, level, pa,
				       &op->diag);
	tdxc_sept_unlend_(sept, pa, level);
	return err;
}

/* Lend a page, and call. */
static int lend_and_call(struct tdxc_sept *sept, enum tdxc_sept_use use,
			 const struct tdxc_external_change *change,
			 struct tdxc_sept_op_ *op)
{
	uint64_t pa = op->regs.common.r8;
	uint32_t level = use == TDXC_SEPT_PAGE ? change->level : TDXC_LEVEL_4K;
	int err = tdxc_sept_lend_(sept, pa, level, &op->diag);

	if (err == TDXC_E_IO)
		return tdxc_sept_lose_(sept, use, change->gfn, level, pa,
				       &op->diag);
	if (err)
		return err;
	err = tdxc_sept_call_(sept, op);
	return err ? not_lent(sept, use, change, pa, op, err) : TDXC_OK;
}

static int link_table(struct tdxc_sept *sept,
		      const struct tdxc_external_change *change)
{
	struct tdxc_sept_op_ op;

	if (change->level == TDXC_LEVEL_4K || change->external == 0)
		return TDXC_E_INVAL;
	tdxc_sept_op_init_(&op, TDXC_MEM_SEPT_ADD,
			   tdxc_sept_rcx_(change->gfn, change->level),
			   sept->tdr);
	op.regs.common.r8 = change->external;
	return lend_and_call(sept, TDXC_SEPT_TABLE, change, &op);
}

static int map_page(struct tdxc_sept *sept, enum tdxc_sept_stage stage,
		    const struct tdxc_external_change *change)
{
	uint32_t largest = change->source != 0 ? TDXC_LEVEL_4K : TDXC_LEVEL_2M;
	struct tdxc_sept_op_ op;

	if (change->level > largest ||
	    (change->source != 0 && stage != TDXC_SEPT_BUILD))
		return TDXC_E_OPNOTSUPP;
	tdxc_sept_op_init_(
		&op,
		change->source != 0 ? TDXC_MEM_PAGE_ADD : TDXC_MEM_PAGE_AUG,
		tdxc_sept_rcx_(change->gfn, change->level), sept->tdr);
	op.regs.common.r8 = tdxc_spte_pa(change->now);
	op.regs.common.r9 = change->source;
	return lend_and_call(sept, TDXC_SEPT_PAGE, change, &op);
}

static int change_present(struct tdxc_sept *sept,
			  const struct tdxc_external_change *change)
{
	bool from_table = tdxc_spte_is_table(change->old);
	bool to_table = tdxc_spte_is_table(change->now);
	bool large = change->level == TDXC_LEVEL_2M ||
		     change->level == TDXC_LEVEL_1G;

	if (!from_table && !to_table && change->level == TDXC_LEVEL_4K)
		return tdxc_sept_relocate_(sept, change);
	if (from_table == to_table || !large || change->external == 0)
		return TDXC_E_INVAL;
	return to_table ? tdxc_sept_demote_(sept, change)
			: tdxc_sept_promote_(sept, change);
}

int tdxc_sept_set(struct tdxc_sept *sept,
		  const struct tdxc_external_change *change)
{
	enum tdxc_sept_stage stage = tdxc_sept_stage_(sept);

	if (stage != TDXC_SEPT_BUILD && stage != TDXC_SEPT_RUN)
		return TDXC_E_OPNOTSUPP;
	if (!tdxc_spte_is_present(change->now))
		return TDXC_E_INVAL;
	if (tdxc_spte_is_present(change->old))
		return change_present(sept, change);
	return tdxc_spte_is_table(change->now) ? link_table(sept, change)
					       : map_page(sept, stage, change);
}
