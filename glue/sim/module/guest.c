/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* The guest's side: VP.ENTER and every way out of it (sections 1.8, 1.9). */
#include "module.h"

enum {
	EXIT_INTERRUPT = 1,
	EXIT_EPT_VIOLATION = 48,
	EXIT_TDCALL = 77,
};

#define INTERRUPT_INFO	 0x80000030ull /* external interrupt, vector 30h */
#define VMCALL_REGISTERS 0xFFECull     /* RDX RBX RBP RSI RDI R8..R15 */
#define VMCALL_FORBIDDEN 0xFFFFFFFF00000013ull
#define VIOLATION_WRITE	 2ull
#define VIOLATION_READ	 1ull
#define SEPT_VE_DISABLE	 (1ull << 28)

/* Locks a running vCPU keeps: the walk to its TDVPR, and its TDR. */
#define RUNNING_LOCKS 4u

static struct tdxc_sim_vcpu *vcpu_of(const struct tdxc_sim_module *m,
				     uint32_t lp, struct tdxc_sim_td *td)
{
	td->pa = m->lps[lp].tdr;
	td->tdr = tdxc_sim_tdr_page(m, td->pa);
	td->keyid = (uint32_t)td->tdr->keyid;
	td->tdcs = tdxc_sim_tdcs_page(m, td->tdr);
	return tdxc_sim_page_for_write(m, m->lps[lp].tdvpr, td->keyid);
}

/* What the host chose in answer to VP.VMCALL reaches the guest. */
static void answer_vmcall(struct tdxc_sim_vcpu *vcpu, const uint64_t *host)
{
	uint32_t i;

	for (i = 0; i < 16; i++) {
		if ((vcpu->vmcall_mask & VMCALL_REGISTERS & 1ull << i) != 0)
			vcpu->guest[i] = host[i];
	}
	vcpu->guest[TDXC_SIM_RAX] = 0;
	vcpu->vmcall_mask = 0;
}

static void enter_guest(struct tdxc_sim_call *c, const struct tdxc_sim_td *td,
			struct tdxc_sim_vcpu *vcpu, uint64_t tdvpr)
{
	struct tdxc_sim_lp *lp = &c->m->lps[c->lp];
	uint32_t i;

	vcpu->epoch = tdxc_sim_epoch_enter(td->tdcs);
	tdxc_sim_release(c, RUNNING_LOCKS);
	for (i = 0; i < RUNNING_LOCKS; i++)
		lp->held[i] = c->held[i].word;
	lp->tdvpr = tdvpr;
	lp->tdr = td->pa;
	tdxc_store_release(&lp->in_guest, 1);
	if (vcpu->vmcall_mask != 0)
		answer_vmcall(vcpu, c->gpr);
	memcpy(c->gpr, vcpu->guest, sizeof(vcpu->guest));
	c->entered = true;
}

uint64_t tdxc_sim_vp_enter(struct tdxc_sim_call *c)
{
	uint64_t rcx = c->gpr[TDXC_SIM_RCX];
	uint64_t tdvpr = rcx & SEPT_HPA;
	struct tdxc_sim_vcpu *vcpu;
	struct tdxc_sim_td td;
	uint64_t status;

	if ((rcx & 0xFFF) != 0 || rcx >> 54 != 0)
		return STATUS(ST_OPERAND_INVALID, TDXC_SIM_RCX);
	status = tdxc_sim_claim_vcpu(c, tdvpr, false, TDXC_SIM_RCX, &td, &vcpu);
	if (status == 0)
		status = tdxc_sim_check_td(c, &td, OS_BIT(OS_RUNNABLE), true);
	if (status == 0)
		status = tdxc_sim_vcpu_take(c, &td, vcpu);
	if (status != 0)
		return status;
	if (rcx >> 52 != 0)
		return STATUS(ST_OPERAND_INVALID, TDXC_SIM_RCX);
	if (!tdxc_sim_hold(c, &td.tdcs->epoch_lock, false))
		return STATUS(ST_BUSY, OP_TD_EPOCH);
	tdxc_store_release(&vcpu->state, VS_ACTIVE);
	enter_guest(c, &td, vcpu, tdvpr);
	return 0;
}

/* The guest's registers stay with the vCPU, the host gets the exit's. */
static void leave_guest(struct tdxc_sim_module *m, uint32_t lp,
			const struct tdxc_sim_td *td,
			struct tdxc_sim_vcpu *vcpu)
{
	struct tdxc_sim_lp *here = &m->lps[lp];
	uint32_t i;

	tdxc_sim_epoch_leave(td->tdcs, vcpu->epoch);
	tdxc_store_release(&vcpu->state, VS_READY);
	for (i = RUNNING_LOCKS; i-- > 0;)
		tdxc_sim_unlock_shared(here->held[i]);
	/* last: SYS.DISABLE takes the memory back once no LP is in a guest */
	tdxc_store_release(&here->in_guest, 0);
}

static void exit_with(struct tdxc_sim_regs *regs, uint64_t reason)
{
	memset(regs, 0, sizeof(*regs));
	regs->gpr[TDXC_SIM_RAX] = reason;
}

void tdxc_sim_interrupt_exit(struct tdxc_sim_module *m, uint32_t lp,
			     struct tdxc_sim_regs *regs)
{
	struct tdxc_sim_td td;
	struct tdxc_sim_vcpu *vcpu = vcpu_of(m, lp, &td);

	leave_guest(m, lp, &td, vcpu);
	exit_with(regs, EXIT_INTERRUPT);
	regs->gpr[TDXC_SIM_R9] = INTERRUPT_INFO;
}

static void violation(struct tdxc_sim_regs *regs, uint64_t qualification,
		      uint64_t extended, uint64_t gpa)
{
	exit_with(regs, EXIT_EPT_VIOLATION);
	regs->gpr[TDXC_SIM_RCX] = qualification;
	regs->gpr[TDXC_SIM_RDX] = extended;
	regs->gpr[TDXC_SIM_R8] = gpa;
}

/* Extended qualification: type, and what stood in the way (section 1.9). */
static uint64_t extended_info(uint64_t type, uint8_t wanted, uint8_t level,
			      uint64_t entry)
{
	uint64_t state = tdxc_sim_sept_report_rdx(entry, 0) >> 8;
	bool leaf = tdxc_sim_sept_is_leaf(tdxc_sim_sept_state(entry));

	return type | (uint64_t)wanted << 32 | (uint64_t)level << 35 |
	       state << 38 | (uint64_t)leaf << 46;
}

/* --- TDCALL -------------------------------------------------------------- */

static enum tdxc_sim_outcome vmcall(struct tdxc_sim_module *m, uint32_t lp,
				    struct tdxc_sim_regs *regs)
{
	uint64_t mask = regs->gpr[TDXC_SIM_RCX];
	struct tdxc_sim_td td;
	struct tdxc_sim_vcpu *vcpu = vcpu_of(m, lp, &td);
	uint32_t i;

	if ((mask & VMCALL_FORBIDDEN) != 0 ||
	    ((td.tdcs->config_flags & 4) != 0 && (mask & 32) != 0)) {
		regs->gpr[TDXC_SIM_RAX] =
			STATUS(ST_OPERAND_INVALID, TDXC_SIM_RCX);
		return TDXC_SIM_RETURNED;
	}
	memcpy(vcpu->guest, regs->gpr, sizeof(vcpu->guest));
	vcpu->vmcall_mask = mask | 1ull << 32; /* also when mask is 0 */
	leave_guest(m, lp, &td, vcpu);
	exit_with(regs, EXIT_TDCALL);
	regs->gpr[TDXC_SIM_RCX] = mask;
	for (i = 0; i < 16; i++) {
		if ((mask & VMCALL_REGISTERS & 1ull << i) != 0)
			regs->gpr[i] = vcpu->guest[i];
	}
	return TDXC_SIM_EXITED;
}

static void vp_info(struct tdxc_sim_module *m, uint32_t lp,
		    struct tdxc_sim_regs *regs)
{
	struct tdxc_sim_td td;
	const struct tdxc_sim_vcpu *vcpu = vcpu_of(m, lp, &td);

	regs->gpr[TDXC_SIM_RAX] = 0;
	regs->gpr[TDXC_SIM_RCX] = td.tdcs->gpaw != 0 ? 52 : 48;
	regs->gpr[TDXC_SIM_RDX] = td.tdcs->attributes;
	regs->gpr[TDXC_SIM_R8] =
		tdxc_load_once(&td.tdcs->nr_vcpus) | td.tdcs->max_vcpus << 32;
	regs->gpr[TDXC_SIM_R9] = vcpu->index;
	regs->gpr[TDXC_SIM_R10] = 1;
	regs->gpr[TDXC_SIM_R11] = 0;
}

/* The guest may only take an entry that no host call has or wants. */
static bool guest_lock(uint64_t *entry)
{
	uint64_t old = tdxc_load_once(entry);

	do {
		if ((old & (SEPT_LOCKED | SEPT_HP)) != 0)
			return false;
	} while (!tdxc_try_cmpxchg(entry, &old, old | SEPT_LOCKED));
	return true;
}

/* Pending becomes mapped, its memory zeroed under the TD's key. */
static void accept_pending(struct tdxc_sim_module *m,
			   const struct tdxc_sim_td *td,
			   const struct tdxc_sim_sept *at, uint64_t entry)
{
	uint64_t hpa = entry & SEPT_HPA;

	m->ops->zero(m->ctx, tdxc_sim_keyed(m, hpa, td->keyid),
		     tdxc_sim_level_bytes(at->level));
	tdxc_sim_sept_commit(at->entry, tdxc_sim_sept_make(SS_MAPPED, hpa));
}

/* A status for the guest; or 0 and *violated: only the host can help. */
static uint64_t accept_at(struct tdxc_sim_module *m,
			  const struct tdxc_sim_td *td,
			  const struct tdxc_sim_sept *at, bool *violated)
{
	uint64_t entry;

	if (!guest_lock(at->entry))
		return STATUS(ST_BUSY, TDXC_SIM_RCX);
	entry = tdxc_load_acquire(at->entry) & ~SEPT_LOCKED;
	switch (tdxc_sim_sept_state(entry)) {
	case SS_PENDING:
		accept_pending(m, td, at, entry);
		return 0;
	case SS_MAPPED:
		tdxc_sim_sept_unlock(at->entry);
		return STATUS(ST_ALREADY_ACCEPTED, at->level);
	case SS_NL_MAPPED:
	case SS_NL_BLOCKED:
		tdxc_sim_sept_unlock(at->entry);
		return STATUS(ST_PAGE_SIZE_MISMATCH, at->level);
	default:
		tdxc_sim_sept_unlock(at->entry);
		*violated = true;
		return 0;
	}
}

static enum tdxc_sim_outcome accept(struct tdxc_sim_module *m, uint32_t lp,
				    struct tdxc_sim_regs *regs)
{
	struct tdxc_sim_td td;
	struct tdxc_sim_vcpu *vcpu = vcpu_of(m, lp, &td);
	bool violated = false;
	struct tdxc_sim_sept at;
	uint64_t entry;
	uint64_t gpa;
	uint8_t level;
	uint64_t status = tdxc_sim_check_gpa(&td, regs->gpr[TDXC_SIM_RCX], 0, 1,
					     &gpa, &level);

	if (status == 0) {
		if (tdxc_sim_sept_walk(m, &td, gpa, level, &at))
			status = accept_at(m, &td, &at, &violated);
		else if (tdxc_sim_sept_state(tdxc_load_acquire(at.entry)) ==
			 SS_MAPPED)
			status = STATUS(ST_ALREADY_ACCEPTED, at.level);
		else
			violated = true;
	}
	if (!violated) {
		regs->gpr[TDXC_SIM_RAX] = status;
		return TDXC_SIM_RETURNED;
	}
	entry = tdxc_load_acquire(at.entry);
	memcpy(vcpu->guest, regs->gpr, sizeof(vcpu->guest));
	leave_guest(m, lp, &td, vcpu);
	violation(regs, VIOLATION_WRITE,
		  extended_info(1, level, at.level, entry), gpa);
	return TDXC_SIM_EXITED;
}

/* A #VE is never pending: the scripted guest handles its own at once. */
static void no_ve_info(struct tdxc_sim_regs *regs)
{
	uint32_t i;

	regs->gpr[TDXC_SIM_RAX] = STATUS(ST_NO_VE_INFO, 0);
	regs->gpr[TDXC_SIM_RCX] = 0;
	regs->gpr[TDXC_SIM_RDX] = 0;
	for (i = TDXC_SIM_R8; i <= TDXC_SIM_R10; i++)
		regs->gpr[i] = 0;
}

enum tdxc_sim_outcome tdxc_sim_tdcall(struct tdxc_sim_module *m, uint32_t lp,
				      struct tdxc_sim_regs *regs)
{
	switch (regs->gpr[TDXC_SIM_RAX]) {
	case 0:
		return vmcall(m, lp, regs);
	case 1:
		vp_info(m, lp, regs);
		return TDXC_SIM_RETURNED;
	case 3:
		no_ve_info(regs);
		return TDXC_SIM_RETURNED;
	case 6:
		return accept(m, lp, regs);
	default:
		(void)tdxc_sim_add(&m->unsupported, 1);
		regs->gpr[TDXC_SIM_RAX] =
			STATUS(ST_OPERAND_INVALID, TDXC_SIM_RAX);
		return TDXC_SIM_RETURNED;
	}
}

/* --- memory accesses ----------------------------------------------------- */

enum tdxc_sim_access tdxc_sim_translate(struct tdxc_sim_module *m, uint32_t lp,
					uint64_t gpa,
					struct tdxc_sim_translation *out)
{
	enum tdxc_sim_sept_state state;
	struct tdxc_sim_sept at;
	struct tdxc_sim_td td;
	uint64_t entry;

	(void)vcpu_of(m, lp, &td);
	(void)tdxc_sim_sept_walk(m, &td, gpa, 0, &at);
	entry = tdxc_load_acquire(at.entry);
	state = tdxc_sim_sept_state(entry);
	if (state == SS_PENDING && (td.tdcs->attributes & SEPT_VE_DISABLE) == 0)
		return TDXC_SIM_ACCESS_VE;
	if (state != SS_MAPPED)
		return TDXC_SIM_ACCESS_VIOLATION;
	out->level = at.level;
	out->pa = tdxc_sim_keyed(m, entry & SEPT_HPA & ~SEPT_LOCKED, td.keyid);
	return TDXC_SIM_ACCESS_OK;
}

void tdxc_sim_violation_exit(struct tdxc_sim_module *m, uint32_t lp,
			     uint64_t gpa, bool write,
			     struct tdxc_sim_regs *regs)
{
	struct tdxc_sim_td td;
	struct tdxc_sim_vcpu *vcpu = vcpu_of(m, lp, &td);
	uint64_t extended = 0;
	struct tdxc_sim_sept at;
	uint64_t entry;

	(void)tdxc_sim_sept_walk(m, &td, gpa & ~(PAGE_BYTES - 1), 0, &at);
	entry = tdxc_load_acquire(at.entry);
	if (tdxc_sim_sept_state(entry) == SS_PENDING)
		extended = extended_info(6, 0, at.level, entry);
	leave_guest(m, lp, &td, vcpu);
	violation(regs, write ? VIOLATION_WRITE : VIOLATION_READ, extended,
		  gpa);
}

uint64_t tdxc_sim_entry_epoch(const struct tdxc_sim_module *m, uint32_t lp)
{
	struct tdxc_sim_td td;

	return vcpu_of(m, lp, &td)->epoch;
}
