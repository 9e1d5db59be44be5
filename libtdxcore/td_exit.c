/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* What VP.ENTER returned, taken apart. tdx-module-abi.md 1.8, 1.9 */
#include "td_work.h"

/* Upper half of RAX. */
#define CODE_EXIT		    0x00000000u
#define CODE_VCPU_DEAD		    0x40000001u
#define CODE_VCPU_DEAD_OLD	    0x40000002u
#define CODE_TD_DEAD		    0x60000002u
#define CODE_TD_DEAD_NON_ACCESSIBLE 0x60000005u
#define CODE_TD_DEAD_APIC_MODE	    0xE0000007u
#define CODE_TD_DEAD_APIC_MODE_OLD  0x60000007u
#define CODE_TD_DEAD_METADATA	    0x6000000Au
#define BIT_ERROR		    (1ull << 63)
#define BIT_NON_RECOVERABLE	    (1ull << 62)

/* VMX exit reasons. */
#define REASON_EXCEPTION_OR_NMI	  0u
#define REASON_EXTERNAL_INTERRUPT 1u
#define REASON_IO_SMI		  5u
#define REASON_OTHER_SMI	  6u
#define REASON_EPT_VIOLATION	  48u
#define REASON_TDCALL		  77u

/* Exit interruption information: type, and the one of NMIs. */
#define INTERRUPTION_TYPE(info) ((info) >> 8 & 7)
#define TYPE_NMI		2u

/* Exit qualification of an EPT violation. */
#define QUALIFICATION_WRITE (1ull << 1)
#define QUALIFICATION_FETCH (1ull << 2)

/* Extended exit qualification: its type, and the level asked for. */
#define EXTENDED_TYPE(extended)	 ((extended)&15)
#define TYPE_ACCEPT		 1u
#define TYPE_PENDING		 6u
#define EXTENDED_LEVEL(extended) ((uint32_t)((extended) >> 32) & 7)

static enum tdxc_td_exit_kind kind_of_reason(uint32_t reason, uint64_t info)
{
	switch (reason) {
	case REASON_EPT_VIOLATION:
		return TDXC_EXIT_VIOLATION;
	case REASON_TDCALL:
		return TDXC_EXIT_VMCALL;
	case REASON_EXTERNAL_INTERRUPT:
	case REASON_IO_SMI:
	case REASON_OTHER_SMI:
		return TDXC_EXIT_INTERRUPT;
	case REASON_EXCEPTION_OR_NMI:
		return INTERRUPTION_TYPE(info) == TYPE_NMI ? TDXC_EXIT_INTERRUPT
							   : TDXC_EXIT_OTHER;
	default:
		return TDXC_EXIT_OTHER;
	}
}

/* NONE: it was not in, or is to go in again. */
static enum tdxc_td_exit_kind kind_of(uint64_t status, uint64_t info)
{
	switch ((uint32_t)(status >> 32)) {
	case CODE_EXIT:
		return kind_of_reason((uint16_t)status, info);
	case CODE_VCPU_DEAD:
	case CODE_VCPU_DEAD_OLD:
		return TDXC_EXIT_VCPU_DEAD;
	case CODE_TD_DEAD:
	case CODE_TD_DEAD_NON_ACCESSIBLE:
	case CODE_TD_DEAD_APIC_MODE:
	case CODE_TD_DEAD_APIC_MODE_OLD:
	case CODE_TD_DEAD_METADATA:
		return TDXC_EXIT_TD_DEAD;
	default:
		return (status & (BIT_ERROR | BIT_NON_RECOVERABLE)) == 0
			       ? TDXC_EXIT_OTHER
			       : TDXC_EXIT_NONE;
	}
}

static void decode_violation(const struct tdxc_seamcall_regs *regs,
			     uint64_t alias, struct tdxc_td_exit *exit)
{
	uint64_t type = EXTENDED_TYPE(regs->rdx);
	uint64_t frame = regs->r8 / TDXC_PAGE_SIZE;

	exit->gfn.n = frame & ~alias;
	exit->is_private = (frame & alias) == 0;
	exit->write = (regs->rcx & QUALIFICATION_WRITE) != 0;
	exit->exec = (regs->rcx & QUALIFICATION_FETCH) != 0;
	exit->pending = type == TYPE_PENDING;
	if (type == TYPE_ACCEPT)
		exit->accept_level = EXTENDED_LEVEL(regs->rdx) + 1;
}

void tdxc_td_decode_exit_(const struct tdxc_seamcall_full *regs, uint64_t alias,
			  struct tdxc_td_exit *exit)
{
	exit->kind = kind_of(exit->status, regs->common.r9);
	if (exit->kind == TDXC_EXIT_NONE)
		return;
	exit->reason = (uint16_t)exit->status;
	if (exit->kind == TDXC_EXIT_VIOLATION)
		decode_violation(&regs->common, alias, exit);
}

void tdxc_td_fault(const struct tdxc_td_exit *exit, struct tdxc_fault *fault)
{
	fault->gfn = exit->gfn;
	fault->is_private = exit->is_private;
	fault->write = exit->write;
	fault->exec = exit->exec;
	if (exit->accept_level != 0 && fault->level > exit->accept_level)
		fault->level = exit->accept_level;
}

uint64_t tdxc_td_map_gpa(const struct tdxc_seamcall_full *regs, uint64_t alias,
			 struct tdxc_td_conversion *c)
{
	uint64_t shared = alias * TDXC_PAGE_SIZE;
	uint64_t start = regs->r12 & ~shared;
	uint64_t bytes = regs->r13;

	if (((regs->r12 | bytes) & (TDXC_PAGE_SIZE - 1)) != 0)
		return TDXC_MAP_GPA_ALIGN_ERROR;
	/* The bits above the alias bit are none of an address. */
	if (start >= shared || bytes > shared - start)
		return TDXC_MAP_GPA_INVALID_OPERAND;
	c->start.n = start / TDXC_PAGE_SIZE;
	c->end.n = c->start.n + bytes / TDXC_PAGE_SIZE;
	c->to_private = (regs->r12 & shared) == 0;
	return TDXC_MAP_GPA_SUCCESS;
}
