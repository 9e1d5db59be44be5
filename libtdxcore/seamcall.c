/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * The SEAMCALL convention: names, classes of answers, bounded repetition.
 *
 * An answer "not now" is matched by its upper 32 bits: the lower ones name the
 * busy resource and differ between modules. What a failed attempt wrote into
 * the registers is not what the next one starts from.
 */
#include <tdxcore/err.h>
#include <tdxcore/seamcall.h>
#include <tdxcore/status.h>
#include <tdxcore/version.h>

#define LEAF_NAME_LENGTH 20

struct leaf_name {
	uint64_t rax;
	char name[LEAF_NAME_LENGTH];
};

static const struct leaf_name leaf_names[] = {
	{TDXC_VP_ENTER, "VP.ENTER"},
	{TDXC_MNG_ADDCX, "MNG.ADDCX"},
	{TDXC_MEM_PAGE_ADD, "MEM.PAGE.ADD"},
	{TDXC_MEM_SEPT_ADD, "MEM.SEPT.ADD"},
	{TDXC_VP_ADDCX, "VP.ADDCX"},
	{TDXC_MEM_PAGE_RELOCATE, "MEM.PAGE.RELOCATE"},
	{TDXC_MEM_PAGE_AUG, "MEM.PAGE.AUG"},
	{TDXC_MEM_RANGE_BLOCK, "MEM.RANGE.BLOCK"},
	{TDXC_MNG_KEY_CONFIG, "MNG.KEY.CONFIG"},
	{TDXC_MNG_CREATE, "MNG.CREATE"},
	{TDXC_VP_CREATE, "VP.CREATE"},
	{TDXC_MNG_RD, "MNG.RD"},
	{TDXC_MNG_WR, "MNG.WR"},
	{TDXC_MEM_PAGE_DEMOTE, "MEM.PAGE.DEMOTE"},
	{TDXC_MR_EXTEND, "MR.EXTEND"},
	{TDXC_MR_FINALIZE, "MR.FINALIZE"},
	{TDXC_VP_FLUSH, "VP.FLUSH"},
	{TDXC_MNG_VPFLUSHDONE, "MNG.VPFLUSHDONE"},
	{TDXC_MNG_KEY_FREEID, "MNG.KEY.FREEID"},
	{TDXC_MNG_INIT, "MNG.INIT"},
	{TDXC_VP_INIT, "VP.INIT"},
	{TDXC_MEM_PAGE_PROMOTE, "MEM.PAGE.PROMOTE"},
	{TDXC_PHYMEM_PAGE_RDMD, "PHYMEM.PAGE.RDMD"},
	{TDXC_MEM_SEPT_RD, "MEM.SEPT.RD"},
	{TDXC_VP_RD, "VP.RD"},
	{TDXC_PHYMEM_PAGE_RECLAIM, "PHYMEM.PAGE.RECLAIM"},
	{TDXC_MEM_PAGE_REMOVE, "MEM.PAGE.REMOVE"},
	{TDXC_MEM_SEPT_REMOVE, "MEM.SEPT.REMOVE"},
	{TDXC_SYS_KEY_CONFIG, "SYS.KEY.CONFIG"},
	{TDXC_SYS_INFO, "SYS.INFO"},
	{TDXC_SYS_INIT, "SYS.INIT"},
	{TDXC_SYS_RD, "SYS.RD"},
	{TDXC_SYS_LP_INIT, "SYS.LP.INIT"},
	{TDXC_SYS_TDMR_INIT, "SYS.TDMR.INIT"},
	{TDXC_SYS_RDALL, "SYS.RDALL"},
	{TDXC_MEM_TRACK, "MEM.TRACK"},
	{TDXC_MEM_RANGE_UNBLOCK, "MEM.RANGE.UNBLOCK"},
	{TDXC_PHYMEM_CACHE_WB, "PHYMEM.CACHE.WB"},
	{TDXC_PHYMEM_PAGE_WBINVD, "PHYMEM.PAGE.WBINVD"},
	{TDXC_VP_WR, "VP.WR"},
	{TDXC_SYS_LP_SHUTDOWN, "SYS.LP.SHUTDOWN"},
	{TDXC_SYS_CONFIG, "SYS.CONFIG"},
	{TDXC_SYS_SHUTDOWN, "SYS.SHUTDOWN"},
	{TDXC_SYS_UPDATE, "SYS.UPDATE"},
	{TDXC_PHYMEM_PAMT_ADD, "PHYMEM.PAMT.ADD"},
	{TDXC_PHYMEM_PAMT_REMOVE, "PHYMEM.PAMT.REMOVE"},
	{TDXC_SYS_DISABLE, "SYS.DISABLE"},
	{TDXC_SEAMLDR_INFO, "SEAMLDR.INFO"},
	{TDXC_SEAMLDR_INSTALL, "SEAMLDR.INSTALL"},
};

#define LEAF_MASK (TDXC_SEAMLDR | 0xFFFFull)

const char *tdxc_leaf_name(uint64_t rax)
{
	size_t i;

	for (i = 0; i < sizeof leaf_names / sizeof leaf_names[0]; i++) {
		if (leaf_names[i].rax == (rax & LEAF_MASK))
			return leaf_names[i].name;
	}
	return NULL;
}

/* tdx-module-abi.md 2.3 */
#define CODE_INTERRUPTED_RESUMABLE	0x80000003u
#define CODE_INTERRUPTED_RESTARTABLE	0x80000004u
#define CODE_OPERAND_BUSY		0x80000200u
#define CODE_SYS_BUSY			0x80000202u
#define CODE_RND_NO_ENTROPY		0x80000203u
#define CODE_OPERAND_BUSY_HOST_PRIORITY 0x80000204u
#define CODE_INTERRUPTED_BUSY		0x80000206u
#define CODE_INTERRUPTED_PAMT		0x80000307u
#define CODE_KEY_GENERATION_FAILED	0x80000800u

enum tdxc_again tdxc_again(uint64_t status)
{
	switch ((uint32_t)(status >> 32)) {
	case CODE_INTERRUPTED_RESUMABLE:
	case CODE_INTERRUPTED_RESTARTABLE:
	case CODE_INTERRUPTED_PAMT:
		return TDXC_AGAIN_RESUME;
	case CODE_OPERAND_BUSY:
	case CODE_SYS_BUSY:
	case CODE_OPERAND_BUSY_HOST_PRIORITY:
	case CODE_INTERRUPTED_BUSY:
		return TDXC_AGAIN_BUSY;
	case CODE_RND_NO_ENTROPY:
	case CODE_KEY_GENERATION_FAILED:
		return TDXC_AGAIN_ENTROPY;
	default:
		return TDXC_AGAIN_NO;
	}
}

int tdxc_seamcall_err(uint64_t status)
{
	if (tdxc_status_kind(status) != TDXC_STATUS_KIND_ERROR)
		return TDXC_OK;
	if (status == TDXC_STATUS_VMFAILINVALID)
		return TDXC_E_NODEV;
	if (status == TDXC_STATUS_GP)
		return TDXC_E_OPNOTSUPP;
	if (status == TDXC_STATUS_UD)
		return TDXC_E_ACCES;
	return tdxc_again(status) != TDXC_AGAIN_NO ? TDXC_E_BUSY : TDXC_E_IO;
}

/*
 * CACHE.WB goes on where it was only if it is told so. After a restartable
 * interruption nothing was committed, and what was asked for is asked again.
 */
static bool seamcall_resumes(uint64_t rax, uint64_t status)
{
	return (rax & LEAF_MASK) == TDXC_PHYMEM_CACHE_WB &&
	       (uint32_t)(status >> 32) == CODE_INTERRUPTED_RESUMABLE;
}

/* Whether an answer of this kind may be followed by another attempt. */
static bool seamcall_may_repeat(const struct tdxc_seamcall_limits *limits,
				struct tdxc_seamcall_diag *diag,
				enum tdxc_again kind)
{
	if (kind == TDXC_AGAIN_NO)
		return false;
	diag->again[kind]++;
	return diag->again[kind] < limits->attempts[kind];
}

/* The operands of a call of any shape. */
struct given {
	struct tdxc_seamcall_full full;
	size_t bytes; /* of it, that the caller's structure has */
};

static void seamcall_restore(const struct given *given,
			     struct tdxc_seamcall_regs *regs)
{
	memcpy((void *)regs, &given->full, given->bytes);
}

/* What is said about a call that did not simply succeed, and what it leaves in
 * the caller's registers. */
static int seamcall_end(struct tdxc_seamcall_diag *diag,
			const struct given *given, uint64_t rcx,
			struct tdxc_seamcall_regs *regs,
			enum tdxc_seamcall_shape shape)
{
	diag->in = given->full.common;
	diag->in.rcx = rcx;
	diag->out = diag->in;
	/* Not left to each port: an instruction that failed has no outputs. */
	if (shape != TDXC_SEAMCALL_IN &&
	    !tdxc_status_is_synthetic(diag->status))
		diag->out = *regs;
	else
		seamcall_restore(given, regs);
	return tdxc_seamcall_err(diag->status);
}

static bool seamcall_refused(const struct tdxc_seamcall_port *port,
			     uint64_t rax, enum tdxc_seamcall_shape shape)
{
	return port->ops->abi != TDXC_ABI ||
	       (shape == TDXC_SEAMCALL_FULL &&
		(rax & LEAF_MASK) == TDXC_VP_ENTER);
}

int tdxc_seamcall(const struct tdxc_seamcall_port *port, uint64_t rax,
		  struct tdxc_seamcall_regs *regs,
		  enum tdxc_seamcall_shape shape,
		  const struct tdxc_seamcall_limits *limits,
		  struct tdxc_seamcall_diag *diag)
{
	struct given given = {.bytes = shape == TDXC_SEAMCALL_FULL
					       ? sizeof(given.full)
					       : sizeof(*regs)};
	uint64_t rcx = regs->rcx;

	memset(diag, 0, sizeof(*diag));
	diag->rax = rax;
	if (seamcall_refused(port, rax, shape))
		return TDXC_E_INVAL;
	memcpy(&given.full, (const void *)regs, given.bytes);
	for (;;) {
		diag->status = port->ops->call(port->ctx, rax, regs, shape);
		diag->calls++;
		if (diag->status == TDXC_STATUS_SUCCESS)
			break;
		if (!seamcall_may_repeat(limits, diag,
					 tdxc_again(diag->status)))
			return seamcall_end(diag, &given, rcx, regs, shape);
		if (seamcall_resumes(rax, diag->status))
			rcx = 1;
		seamcall_restore(&given, regs);
		regs->rcx = rcx;
		tdxc_relax();
	}
	if (shape == TDXC_SEAMCALL_IN)
		seamcall_restore(&given, regs);
	return TDXC_OK;
}
