/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * What the files of the room `sept` share; not API.
 */
#ifndef TDXCORE_SEPT_WORK_H
#define TDXCORE_SEPT_WORK_H

#include <tdxcore/err.h>
#include <tdxcore/range.h>
#include <tdxcore/sept.h>
#include <tdxcore/status.h>

/* One SEAMCALL, and what came of it. */
struct tdxc_sept_op_ {
	uint64_t rax;
	struct tdxc_seamcall_full regs; /* operands, then results */
	struct tdxc_seamcall_diag diag; /* in and out also after success */
};

static inline void tdxc_sept_op_init_(struct tdxc_sept_op_ *op, uint64_t rax,
				      uint64_t rcx, uint64_t rdx)
{
	memset(op, 0, sizeof(*op));
	op->rax = rax;
	op->regs.common.rcx = rcx;
	op->regs.common.rdx = rdx;
}

/* RCX of the MEM leaves. tdx-module-abi.md 1.3 */
static inline uint64_t tdxc_sept_rcx_(struct tdxc_gfn gfn, uint32_t level)
{
	return gfn.n << 12 | tdxc_level_of_module(level);
}

static inline enum tdxc_sept_stage
tdxc_sept_stage_(const struct tdxc_sept *sept)
{
	return (enum tdxc_sept_stage)tdxc_load_acquire(&sept->stage);
}

/* Fully ordered. A round that is lost here was won by another CPU. */
static inline void tdxc_sept_add_(uint64_t *counter, uint64_t n)
{
	uint64_t old = tdxc_load_once(counter);

	while (!tdxc_try_cmpxchg(counter, &old, old + n))
		tdxc_relax();
}

/* --- calls (sept_call.c) ------------------------------------------------- */

/* Repeated while it is busy, then once more with all vCPUs out. TDXC_OK, or
 * TDXC_E_BUSY, or TDXC_E_IO for every other answer. */
int tdxc_sept_call_(struct tdxc_sept *sept, struct tdxc_sept_op_ *op);
/* Repeated while it is busy, and no more. */
int tdxc_sept_call_once_(struct tdxc_sept *sept, struct tdxc_sept_op_ *op);
/* BLOCK; an entry that is blocked already is as good. */
int tdxc_sept_block_(struct tdxc_sept *sept, struct tdxc_gfn gfn,
		     uint32_t level, struct tdxc_sept_op_ *op);
int tdxc_sept_unblock_(struct tdxc_sept *sept, struct tdxc_gfn gfn,
		       uint32_t level, struct tdxc_sept_op_ *op);
/* Whether the page that a call returned in RCX is this one. */
bool tdxc_sept_returned_(const struct tdxc_sept_op_ *op, uint64_t pa);

/* --- vCPUs (sept_track.c) ------------------------------------------------ */

/* No vCPU that asks from now on gets in. */
void tdxc_sept_hold_(struct tdxc_sept *sept);
void tdxc_sept_release_(struct tdxc_sept *sept);
/* Each vCPU has been out once since the call began. TDXC_E_BUSY: one did not
 * leave. */
int tdxc_sept_force_out_(struct tdxc_sept *sept);

/* --- pages (sept_page.c) ------------------------------------------------- */

/* A page is about to be the module's. TDXC_OK, or as tdxc_sept_set() says;
 * nothing remains of a failure. */
int tdxc_sept_lend_(struct tdxc_sept *sept, uint64_t pa, uint32_t level,
		    struct tdxc_seamcall_diag *diag);
/* It did not get it. */
void tdxc_sept_unlend_(struct tdxc_sept *sept, uint64_t pa, uint32_t level);
/* Its lines under the TD's KeyID are in memory, and in no cache. */
int tdxc_sept_write_back_(struct tdxc_sept *sept, uint64_t pa, uint32_t level,
			  struct tdxc_seamcall_diag *diag);
/* It is the host's again; its lines are in no cache. */
void tdxc_sept_home_(struct tdxc_sept *sept, uint64_t pa, uint32_t level);

/* --- lost pages (sept_quarantine.c) -------------------------------------- */

/* A page may be the module's, because of this call. TDXC_E_IO. */
int tdxc_sept_lose_(struct tdxc_sept *sept, enum tdxc_sept_use use,
		    struct tdxc_gfn gfn, uint32_t level, uint64_t pa,
		    const struct tdxc_seamcall_diag *diag);

/* --- changes of the size or place (sept_resize.c) ------------------------ */

int tdxc_sept_demote_(struct tdxc_sept *sept,
		      const struct tdxc_external_change *change);
int tdxc_sept_promote_(struct tdxc_sept *sept,
		       const struct tdxc_external_change *change);
int tdxc_sept_relocate_(struct tdxc_sept *sept,
			const struct tdxc_external_change *change);

#endif
