// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause-Patent)
/*
 * A guest of the software module that converts memory: each TDCALL is made
 * inside, by vCPU 0, and what leaves the TD for it is answered here by its
 * host, which takes pages out and puts pages in.
 */
#include <linux/mm.h>
#include <linux/preempt.h>
#include <linux/sched.h>

#include "sim.h"

#define PATIENCE 100000u

/* Where the registers of a TDCALL are. */
static void to_guest(struct tdxc_sim_regs *to, u64 rax,
		     const struct tdxc_tdcall_regs *from)
{
	*to = (struct tdxc_sim_regs){{rax}};
	to->gpr[TDXC_SIM_RCX] = from->rcx;
	to->gpr[TDXC_SIM_RDX] = from->rdx;
	to->gpr[TDXC_SIM_R8] = from->r8;
	to->gpr[TDXC_SIM_R9] = from->r9;
	to->gpr[TDXC_SIM_R10] = from->r10;
	to->gpr[TDXC_SIM_R11] = from->r11;
	to->gpr[TDXC_SIM_R12] = from->r12;
	to->gpr[TDXC_SIM_R13] = from->r13;
}

static void from_guest(struct tdxc_tdcall_regs *to,
		       const struct tdxc_sim_regs *from)
{
	to->rcx = from->gpr[TDXC_SIM_RCX];
	to->rdx = from->gpr[TDXC_SIM_RDX];
	to->r8 = from->gpr[TDXC_SIM_R8];
	to->r9 = from->gpr[TDXC_SIM_R9];
	to->r10 = from->gpr[TDXC_SIM_R10];
	to->r11 = from->gpr[TDXC_SIM_R11];
	to->r12 = from->gpr[TDXC_SIM_R12];
	to->r13 = from->gpr[TDXC_SIM_R13];
}

/* --- the host ------------------------------------------------------------- */

/* What of it the host does: all, or what lies before the frames that it
 * refuses, or none. */
static u64 answer_to(const struct tdxc_ksim_guest *guest,
		     struct tdxc_td_conversion *c)
{
	if (c->start.n >= guest->refuse_end || c->end.n <= guest->refuse_start)
		return TDXC_MAP_GPA_SUCCESS;
	if (c->start.n >= guest->refuse_start)
		return TDXC_MAP_GPA_INUSE;
	c->end.n = guest->refuse_start;
	return TDXC_MAP_GPA_RETRY;
}

/* What becomes private comes when it is accepted. */
static int map_gpa(struct tdxc_ksim_guest *guest)
{
	struct tdxc_td_conversion c;
	u64 answer = tdxc_td_map_gpa(&guest->regs, TDXC_KSIM_ALIAS, &c);
	u64 alias = 0;
	int err = TDXC_OK;

	if (answer == TDXC_MAP_GPA_SUCCESS)
		answer = answer_to(guest, &c);
	if (answer > TDXC_MAP_GPA_RETRY) {
		guest->refused++;
	} else {
		guest->map_gpas++;
		if (!c.to_private) {
			alias = TDXC_KSIM_ALIAS;
			err = tdxc_ksim_vm_zap(guest->vm, c.start.n, c.end.n);
		}
		guest->regs.common.r11 = (c.end.n | alias) << PAGE_SHIFT;
	}
	guest->regs.common.r10 = answer;
	return err;
}

static int on_exit(struct tdxc_ksim_guest *guest,
		   const struct tdxc_td_exit *exit)
{
	struct tdxc_fault fault = {.level = TDXC_LEVEL_2M};
	int err;

	switch (exit->kind) {
	case TDXC_EXIT_VIOLATION:
		tdxc_td_fault(exit, &fault);
		err = tdxc_ksim_vm_fault(guest->vm, fault.gfn.n, fault.level,
					 0);
		guest->faults += err == TDXC_OK;
		return err;
	case TDXC_EXIT_VMCALL:
		return guest->regs.common.r11 == TDXC_VMCALL_MAP_GPA
			       ? map_gpa(guest)
			       : TDXC_E_IO;
	case TDXC_EXIT_INTERRUPT:
		return TDXC_OK;
	default:
		return TDXC_E_IO;
	}
}

static int enter(struct tdxc_ksim_guest *guest, struct tdxc_td_exit *exit)
{
	struct tdxc_ksim_machine *machine = &guest->vm->host->machine;
	struct tdxc_ksim_vcpu *v = &guest->vm->vcpus[0];
	int err;

	preempt_disable();
	machine->entering[v->lp] = v;
	err = tdxc_td_enter(&guest->vm->td, v->index, v->lp, &guest->regs,
			    exit);
	machine->entering[v->lp] = NULL;
	preempt_enable();
	return err;
}

/* --- the guest ------------------------------------------------------------ */

static uint64_t tdcall(void *ctx, uint64_t rax, struct tdxc_tdcall_regs *regs)
{
	struct tdxc_ksim_guest *guest = ctx;
	struct tdxc_ksim_vcpu *v = &guest->vm->vcpus[0];
	struct tdxc_td_exit exit;
	u32 tries;
	int err;

	to_guest(&v->call, rax, regs);
	v->calling = TDXC_KSIM_CALL_DUE;
	for (tries = 0; v->calling != TDXC_KSIM_CALL_DONE; tries++) {
		err = enter(guest, &exit);
		if (err == TDXC_OK)
			err = on_exit(guest, &exit);
		if (tries == PATIENCE ||
		    (err != TDXC_OK && !tdxc_ksim_worth_trying(err)))
			return TDXC_STATUS_GP;
		cond_resched();
	}
	from_guest(regs, &v->call);
	return v->call.gpr[TDXC_SIM_RAX];
}

/* Not asked for: pages that were accepted before are counted. */
static int zero(void *ctx, uint64_t gpa, uint64_t bytes)
{
	return TDXC_E_OPNOTSUPP;
}

const struct tdxc_convert_ops tdxc_ksim_convert_ops = {
	.abi = TDXC_ABI,
	.tdcall = tdcall,
	.zero = zero,
};

void tdxc_ksim_guest_init(struct tdxc_ksim_guest *guest,
			  struct tdxc_ksim_vm *vm)
{
	*guest = (struct tdxc_ksim_guest){.vm = vm};
	vm->vcpus[0].op = TDXC_KSIM_CALL;
	vm->vcpus[0].lp = 0;
}
