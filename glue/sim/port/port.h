/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * The core's ops on the simulated machine: SEAMCALL as the core makes it, by
 * the processor that the calling thread stands for, with what may go wrong and
 * what is to be counted around it.
 */
#ifndef TDXC_SIM_PORT_H
#define TDXC_SIM_PORT_H

#include <tdxcore/seamcall.h>

#include "fault.h"
#include "machine.h"

#define TDXC_SIM_PORT_LEAVES  128u /* counted apart; greater ones in [127] */
#define TDXC_SIM_PORT_SEAMLDR 8u   /* the same of the P-SEAMLDR */

/* What was done through an op, in the order in which it began. */
enum tdxc_sim_port_act {
	TDXC_SIM_PORT_CALL,	  /* SEAMCALL: a = RAX, b = RCX */
	TDXC_SIM_PORT_PAMT_ALLOC, /* a = TDMR base, b = PAMT bytes */
	TDXC_SIM_PORT_PAMT_FREE,  /* a, b = 4K region: start and end */
	TDXC_SIM_PORT_FLUSH,	  /* WBINVD on every LP */
	TDXC_SIM_PORT_REWRITE,	  /* MOVDIR64B: a, b = start and end */
};

struct tdxc_sim_port_entry {
	enum tdxc_sim_port_act act;
	uint32_t lp;
	uint64_t a;
	uint64_t b;
};

/* What a guest does after VP.ENTER: it must have left when this returns, and
 * `regs` is then what VP.ENTER returned to the host. */
typedef void (*tdxc_sim_port_guest)(void *ctx, struct tdxc_sim_machine *machine,
				    uint32_t lp, struct tdxc_sim_regs *regs);

/* Zero it, then set `machine`; all else is optional. What is below "set" may
 * be changed whenever no op runs; what is below "counted" is read then. */
struct tdxc_sim_port {
	struct tdxc_sim_machine *machine;
	struct tdxc_sim_fault *fault; /* attached to the same machine */
	/* NULL: an interrupt takes the guest out before its first step. */
	tdxc_sim_port_guest guest;
	void *guest_ctx;
	struct tdxc_sim_port_entry *journal; /* NULL: none is kept */
	size_t journal_room;

	/* set: */
	uint64_t cost_ns;		/* a SEAMCALL lasts at least so long */
	bool seamrr_off;		/* #GP */
	bool module_absent;		/* CF = 1 from the module */
	bool seamldr_absent;		/* CF = 1 from the P-SEAMLDR */
	bool vmx_off[TDXC_SIM_MAX_LPS]; /* #UD on this LP */

	/* counted: */
	uint64_t calls[TDXC_SIM_PORT_LEAVES];
	uint64_t seamldr_calls[TDXC_SIM_PORT_SEAMLDR];
	uint64_t failed; /* of all these: no answer, but CF = 1 or a trap */
	/* of all these: "not now", by enum tdxc_again; [0] unused */
	uint64_t again[TDXC_AGAIN_KINDS];
	/* The caches of this LP may hold private lines: 1 from before its
	 * first SEAMCALL on. The reader clears it when it has flushed. */
	uint64_t incoherent[TDXC_SIM_MAX_LPS];
	uint64_t nr_journal; /* acts in all, also those without room */
};

/* ctx: the port. */
extern const struct tdxc_seamcall_ops tdxc_sim_port_seamcall_ops;

/* The processor this thread stands for from now on, on any port; 0 before. */
void tdxc_sim_port_enter(uint32_t lp);
uint32_t tdxc_sim_port_lp(void);

/* For the core. */
struct tdxc_seamcall_port tdxc_sim_port_seamcall(struct tdxc_sim_port *port);
/* Calls of a leaf so far; the version is ignored. */
uint64_t tdxc_sim_port_calls(const struct tdxc_sim_port *port, uint64_t rax);
/* All calls so far. */
uint64_t tdxc_sim_port_all_calls(const struct tdxc_sim_port *port);
/* Acts that stand in the journal. */
size_t tdxc_sim_port_journalled(const struct tdxc_sim_port *port);

/* Between the files of the port. */
void tdxc_sim_port_note(struct tdxc_sim_port *port, enum tdxc_sim_port_act act,
			uint64_t a, uint64_t b);

#endif
