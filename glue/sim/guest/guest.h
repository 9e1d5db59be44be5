/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Guests of the software TDX platform: a vCPU runs a small script on a logical
 * processor, in the caller's thread or step by step. It reaches memory as
 * hardware does: private addresses through the TD's secure EPT, shared ones
 * through an EPT of the host's, both through a TLB that forgets what a new TD
 * epoch makes stale, and nothing else.
 *
 * A guest makes its entries itself and asks its host what to do about exits, or
 * someone else makes VP.ENTER and lets it run until it exits.
 */
#ifndef TDXC_SIM_GUEST_H
#define TDXC_SIM_GUEST_H

#include "machine.h"

#define TDXC_SIM_GUEST_MAX_OPS 64u
#define TDXC_SIM_GUEST_TLB     64u
/* Exits in a row without progress before a vCPU gives up. */
#define TDXC_SIM_GUEST_PATIENCE 100000u

enum tdxc_sim_guest_code {
	TDXC_SIM_GUEST_READ,	  /* touch `bytes` from gpa */
	TDXC_SIM_GUEST_WRITE,	  /* fill with the pattern of `value` */
	TDXC_SIM_GUEST_VERIFY,	  /* must hold that pattern */
	TDXC_SIM_GUEST_ACCEPT_4K, /* `bytes` from gpa, page by page */
	TDXC_SIM_GUEST_ACCEPT_2M,
	TDXC_SIM_GUEST_SHARE,	/* MapGPA: `bytes` from gpa become shared */
	TDXC_SIM_GUEST_UNSHARE, /* and private again */
	TDXC_SIM_GUEST_SPIN,	/* `value` rounds */
	TDXC_SIM_GUEST_LOOP,	/* back to op number gpa, `value` times; 0:
				   until told to stop */
	TDXC_SIM_GUEST_HLT,	/* VP.VMCALL of HLT, then go on */
	TDXC_SIM_GUEST_TDCALL,	/* one, whatever it is: .tdcall */
	TDXC_SIM_GUEST_EXIT,	/* leave, done; also at the script's end */
};

struct tdxc_sim_guest_op {
	enum tdxc_sim_guest_code code;
	uint64_t gpa; /* with the shared bit: shared memory; 8-aligned */
	uint64_t bytes;
	uint64_t value;
};

enum tdxc_sim_guest_result {
	TDXC_SIM_GUEST_RUNNING, /* of a step: call again */
	TDXC_SIM_GUEST_DONE,	/* the script ended, or was told to stop */
	TDXC_SIM_GUEST_WRONG,	/* VERIFY found something else, at .where */
	TDXC_SIM_GUEST_STALE,	/* a translation outlived its page, .where */
	TDXC_SIM_GUEST_VE,	/* a pending page, and no one accepts it */
	TDXC_SIM_GUEST_REFUSED, /* ENTER, ACCEPT or MapGPA: see .status */
	TDXC_SIM_GUEST_STUCK,	/* no progress, or the host gave up */
};

struct tdxc_sim_guest;

/* The host's side. An exit's registers are the module's; false gives up. */
struct tdxc_sim_guest_host {
	void *ctx;
	/* EPT violation: make gpa reachable, or expect it again. */
	bool (*violation)(void *ctx, struct tdxc_sim_guest *g, uint64_t gpa,
			  uint64_t qualification, uint64_t extended);
	/* VP.VMCALL: what regs holds now is what the guest will see. */
	bool (*vmcall)(void *ctx, struct tdxc_sim_guest *g,
		       struct tdxc_sim_regs *regs);
	/* An interrupt took the vCPU out; may be NULL. */
	bool (*interrupt)(void *ctx, struct tdxc_sim_guest *g);
};

/* How a vCPU left the guest last. */
enum tdxc_sim_guest_exit {
	TDXC_SIM_GUEST_NO_EXIT,
	TDXC_SIM_GUEST_VIOLATION,
	TDXC_SIM_GUEST_VMCALL,
	TDXC_SIM_GUEST_INTERRUPT,
};

struct tdxc_sim_guest_tlb_entry {
	uint64_t page; /* gpa, of the size `level` says */
	uint64_t pa;   /* KeyID bits included */
	uint8_t level;
	bool valid;
	bool shared;
	bool dirty; /* shared: writes need no walk */
};

struct tdxc_sim_guest {
	struct tdxc_sim_machine *machine;
	uint32_t lp; /* to run on; not to be changed while in guest */
	uint64_t tdvpr;
	uint64_t shared_bit;  /* 1 << 47, or 51 with GPAW */
	uint64_t shared_root; /* EPT, KeyID 0; 0: none. Four levels; five where
				 the shared bit is 51 */
	/* Virtual minus physical address of its tables; 0: they are in the
	 * machine's memory. Then A and D bits are set as hardware does. */
	uint64_t shared_virt;
	const struct tdxc_sim_guest_op *script;
	size_t nr_ops;
	/* Of TDCALL: registers before and after; else NULL. */
	struct tdxc_sim_regs *tdcall;
	struct tdxc_sim_guest_host host; /* all NULL: never stepped, only let
					    in by tdxc_sim_guest_inside() */
	bool accept; /* #VE: accept the page, 2M before 4K */
	bool check;  /* hold every use of the TLB against the S-EPT */

	uint64_t kick; /* atomic: exit as soon as possible, once */
	uint64_t stop; /* atomic: exit, and end the script */

	/* results */
	enum tdxc_sim_guest_result result;
	uint64_t where;	 /* GPA the result speaks of */
	uint64_t status; /* the answer that was refused */
	uint64_t nr_entries;
	uint64_t nr_violations;
	uint64_t nr_vmcalls;
	uint64_t nr_interrupts;
	uint64_t nr_ve;
	uint64_t nr_tlb_hits;
	uint64_t nr_tlb_flushes;
	uint64_t bytes_verified;

	/* private */
	struct tdxc_sim_regs regs; /* the guest's in guest, else the host's */
	bool inside;
	enum tdxc_sim_guest_exit exit;
	bool calling;	 /* VP.VMCALL was made, and not answered */
	size_t at;	 /* op */
	uint64_t offset; /* done of it */
	uint64_t loops[TDXC_SIM_GUEST_MAX_OPS];
	uint64_t futile; /* exits without progress */
	uint64_t epoch;	 /* the private TLB entries are of it */
	uint32_t tlb_lp;
	struct tdxc_sim_guest_tlb_entry tlb[TDXC_SIM_GUEST_TLB];
};

/* Forget results and TLB, start from the first op. What the fields above the
 * results say must be set. TDXC_E_INVAL: they make no sense. */
int tdxc_sim_guest_init(struct tdxc_sim_guest *g);
/* One page of one op, or one exit and entry. On any result but RUNNING the
 * vCPU is out of the guest. */
enum tdxc_sim_guest_result tdxc_sim_guest_step(struct tdxc_sim_guest *g);
/* To the end. From another thread, kick and stop reach it. */
enum tdxc_sim_guest_result tdxc_sim_guest_run(struct tdxc_sim_guest *g);
/* VP.ENTER of this vCPU was made on g->lp, by someone else: run until it
 * exits; regs are then what VP.ENTER returns to the host. When g->result is not
 * RUNNING any more, the script has ended. As tdxc_sim_port_guest needs it. */
void tdxc_sim_guest_inside(struct tdxc_sim_guest *g,
			   struct tdxc_sim_regs *regs);
void tdxc_sim_guest_kick(struct tdxc_sim_guest *g);
void tdxc_sim_guest_stop(struct tdxc_sim_guest *g);

/* The pattern of a word. */
uint64_t tdxc_sim_guest_pattern(uint64_t gpa, uint64_t value);

/* --- the host's EPT for shared memory (shared.c) ------------------------- */

/* Map (pa) or unmap (TDXC_SIM_GUEST_UNMAP) a page of 4K in a four-level EPT at
 * root, whose missing tables `table` supplies, zeroed, or 0. False: it did
 * not. One thread at a time; vCPUs may be walking. */
#define TDXC_SIM_GUEST_UNMAP UINT64_MAX
bool tdxc_sim_shared_map(struct tdxc_sim_machine *machine, uint64_t root,
			 uint64_t gpa, uint64_t pa,
			 uint64_t (*table)(void *ctx), void *ctx);
/* An EPT to walk. */
struct tdxc_sim_shared {
	struct tdxc_sim_machine *machine;
	uint32_t lp;
	uint32_t levels; /* 4 or 5 */
	uint64_t root;
	uint64_t virt; /* as tdxc_sim_guest::shared_virt */
};

/* False: not mapped, or not for that. */
bool tdxc_sim_shared_access(const struct tdxc_sim_shared *ept, uint64_t gpa,
			    bool write, struct tdxc_sim_translation *out);
/* The same of a four-level EPT in the machine's memory, to read. */
bool tdxc_sim_shared_walk(struct tdxc_sim_machine *machine, uint32_t lp,
			  uint64_t root, uint64_t gpa,
			  struct tdxc_sim_translation *out);

/* --- translations (tlb.c) ------------------------------------------------ */

enum tdxc_sim_guest_access {
	TDXC_SIM_GUEST_MAPPED,
	TDXC_SIM_GUEST_PENDING,
	TDXC_SIM_GUEST_ABSENT,
	TDXC_SIM_GUEST_OUTLIVED, /* the TLB knows what the S-EPT forgot */
};

/* After an entry: a new epoch or another LP empties the TLB; shared
 * translations go with every exit. */
void tdxc_sim_guest_tlb_enter(struct tdxc_sim_guest *g);
/* *pa: where gpa is. */
enum tdxc_sim_guest_access tdxc_sim_guest_translate(struct tdxc_sim_guest *g,
						    uint64_t gpa, bool write,
						    uint64_t *pa);
/* 64-bit words, copied as one where the machine has no line model. */
uint64_t tdxc_sim_guest_load(struct tdxc_sim_machine *machine, uint32_t lp,
			     uint64_t pa);
void tdxc_sim_guest_store(struct tdxc_sim_machine *machine, uint32_t lp,
			  uint64_t pa, uint64_t value);

#endif
