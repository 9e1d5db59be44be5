/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* SEAMCALLs on the Secure EPT, and the guarded retry. */
#include "sept_work.h"

/* RCX of a page that is returned: the last 4K entry of its range is free.
 * tdx-module-abi.md 11 */
#define PAIR_REMOVABLE (1ull << 62)

/* Guarded retries of an UNBLOCK. */
#define UNBLOCK_ROUNDS 8u

/* What carries R12 and R13. */
static enum tdxc_seamcall_shape shape_of(uint64_t rax)
{
	return rax == TDXC_MEM_PAGE_DEMOTE || rax == TDXC_MEM_PAGE_PROMOTE
		       ? TDXC_SEAMCALL_FULL
		       : TDXC_SEAMCALL_RET;
}

int tdxc_sept_call_once_(struct tdxc_sept *sept, struct tdxc_sept_op_ *op)
{
	const struct tdxc_sept_config *c = &sept->config;
	const struct tdxc_seamcall_regs in = op->regs.common;
	int err = tdxc_seamcall(c->port, op->rax, &op->regs.common,
				shape_of(op->rax), &c->limits, &op->diag);

	if (op->diag.again[TDXC_AGAIN_BUSY] != 0)
		tdxc_sept_add_(&sept->counts.busy, 1);
	if (err == TDXC_OK) {
		op->diag.in = in;
		op->diag.out = op->regs.common;
		return TDXC_OK;
	}
	return err == TDXC_E_BUSY ? TDXC_E_BUSY : TDXC_E_IO;
}

int tdxc_sept_call_(struct tdxc_sept *sept, struct tdxc_sept_op_ *op)
{
	const struct tdxc_seamcall_full given = op->regs;
	int err = tdxc_sept_call_once_(sept, op);

	if (err != TDXC_E_BUSY)
		return err;
	tdxc_sept_hold_(sept);
	err = tdxc_sept_force_out_(sept);
	if (err == TDXC_OK) {
		op->regs = given;
		err = tdxc_sept_call_once_(sept, op);
	}
	tdxc_sept_release_(sept);
	return err;
}

int tdxc_sept_block_(struct tdxc_sept *sept, struct tdxc_gfn gfn,
		     uint32_t level, struct tdxc_sept_op_ *op)
{
	tdxc_sept_op_init_(op, TDXC_MEM_RANGE_BLOCK, tdxc_sept_rcx_(gfn, level),
			   sept->tdr);
	/* GPA_RANGE_ALREADY_BLOCKED is no error to tdxc_seamcall(). */
	return tdxc_sept_call_(sept, op);
}

/* An entry that cannot be unblocked is lost, so this looks longer than other
 * calls do. */
int tdxc_sept_unblock_(struct tdxc_sept *sept, struct tdxc_gfn gfn,
		       uint32_t level, struct tdxc_sept_op_ *op)
{
	int err = TDXC_E_BUSY;
	uint32_t i;

	for (i = 0; i < UNBLOCK_ROUNDS && err == TDXC_E_BUSY; i++) {
		tdxc_sept_op_init_(op, TDXC_MEM_RANGE_UNBLOCK,
				   tdxc_sept_rcx_(gfn, level), sept->tdr);
		err = tdxc_sept_call_(sept, op);
	}
	if (err == TDXC_OK)
		tdxc_sept_add_(&sept->counts.undone, 1);
	return err;
}

bool tdxc_sept_returned_(const struct tdxc_sept_op_ *op, uint64_t pa)
{
	return (op->regs.common.rcx & ~PAIR_REMOVABLE) == pa;
}
