/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * SEAMCALLs that fail on purpose: rules that pick a call, by its number or by
 * chance, and what then happens to it. Sits between a machine and its module,
 * so everything the module asks of the machine can be made to fail.
 */
#ifndef TDXC_SIM_FAULT_H
#define TDXC_SIM_FAULT_H

#include "machine.h"

#define TDXC_SIM_FAULT_ANY_LEAF 0xFFFFu
#define TDXC_SIM_FAULT_SEAMLDR	0x10000u /* | leaf: of the P-SEAMLDR */
#define TDXC_SIM_FAULT_LEAVES	128u

enum tdxc_sim_fault_action {
	TDXC_SIM_FAULT_STATUS,	   /* RAX = value; the leaf does not run */
	TDXC_SIM_FAULT_INTERRUPT,  /* an interrupt is pending all the while */
	TDXC_SIM_FAULT_NO_ENTROPY, /* the random number generator is empty */
	TDXC_SIM_FAULT_KEY_FAILS,  /* the key engine has no entropy */
	TDXC_SIM_FAULT_KEY_BUSY,   /* the key engine is in use */
	TDXC_SIM_FAULT_DELAY,	   /* spin `value` times, then run */
};

/* When and what. The first rule that applies to a call is the only one. */
struct tdxc_sim_fault_rule {
	uint32_t leaf; /* or TDXC_SIM_FAULT_ANY_LEAF */
	enum tdxc_sim_fault_action action;
	uint64_t nth;	      /* of the calls the rule matches, from 1; or 0 */
	uint64_t per_million; /* and then by chance, with this probability */
	uint64_t most;	      /* faults in all; 0: no limit */
	uint64_t value;
	/* counted: calls the rule matched, and those that it made fail */
	uint64_t seen;
	uint64_t hits;
};

struct tdxc_sim_fault {
	struct tdxc_sim_machine *machine; /* NULL: detached */
	struct tdxc_sim_fault_rule *rules;
	size_t nr_rules;
	uint64_t seed;
	uint64_t calls[TDXC_SIM_FAULT_LEAVES];	/* by leaf; others in [127] */
	uint64_t faults[TDXC_SIM_FAULT_LEAVES]; /* of those */
	/* private: the machine behind */
	const struct tdxc_sim_ops *ops;
	void *ctx;
};

/* Stand between the module and its machine. The rules stay the caller's and
 * are counted in; nothing may be under way. */
void tdxc_sim_fault_attach(struct tdxc_sim_fault *fault,
			   struct tdxc_sim_machine *machine,
			   struct tdxc_sim_fault_rule *rules, size_t nr_rules,
			   uint64_t seed);
void tdxc_sim_fault_detach(struct tdxc_sim_fault *fault);

/* tdxc_sim_machine_seamcall() under the rules. Thread-safe as that is; with one
 * thread the same seed and calls give the same faults. */
enum tdxc_sim_outcome tdxc_sim_fault_seamcall(struct tdxc_sim_fault *fault,
					      uint32_t lp,
					      struct tdxc_sim_regs *regs);

/* A call that waits for its turn. */
struct tdxc_sim_queued {
	uint32_t lp;
	struct tdxc_sim_regs regs; /* operands, then results */
	enum tdxc_sim_outcome outcome;
	size_t turn; /* when it ran, from 0 */
	bool done;
};

/* Deterministic mode: run all queued calls one at a time. Which logical
 * processor goes next is drawn from *seed; calls of one processor keep their
 * order, and after it entered a guest its others stay undone. Returns how many
 * ran. */
size_t tdxc_sim_fault_run(struct tdxc_sim_fault *fault,
			  struct tdxc_sim_queued *calls, size_t nr_calls,
			  uint64_t *seed);

#endif
