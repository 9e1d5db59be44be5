/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * A simulated machine with one TD, made by raw SEAMCALLs, and the library's
 * Secure EPT on it: what the tests of `sept` start from. Every call of the
 * library goes through a port that keeps a list of them and lets one fail.
 */
#ifndef TDXC_TESTS_SEPT_RIG_H
#define TDXC_TESTS_SEPT_RIG_H

#include <tdxcore/sept.h>

#include "pamt/pamt_rig.h"

#define SEPT_RIG_VCPUS	4u
#define SEPT_RIG_LPS	8u
#define SEPT_RIG_TRACE	8192u
#define SEPT_RIG_LOST	64u
#define SEPT_RIG_FREED	64u
#define SEPT_RIG_KEYID	SIM_FIRST_PRIVATE
#define SEPT_RIG_SOURCE 0x300000ull /* a page of the host's */
#define SEPT_RIG_ALWAYS UINT64_MAX

/* As the module numbers them: RDX bits 15:8 of SEPT.RD. */
enum sept_rig_state {
	SEPT_RIG_FREE = 0,
	SEPT_RIG_BLOCKED = 1,
	SEPT_RIG_PENDING = 2,
	SEPT_RIG_PENDING_BLOCKED = 3,
	SEPT_RIG_MAPPED = 4,
	SEPT_RIG_TABLE_BLOCKED = 0x81,
	SEPT_RIG_TABLE = 0x84,
	SEPT_RIG_NO_ENTRY = 0xFF, /* SEPT.RD was refused */
};

/* PAMT types that RDMD tells. */
#define SEPT_RIG_NDA 0u
#define SEPT_RIG_REG 3u
#define SEPT_RIG_EPT 8u

struct sept_rig_options {
	bool dynamic_pamt;
	bool lines; /* with caches and KeyIDs */
	bool clflush;
	bool rewrite;
	uint32_t busy;	   /* attempts; 0: 3 */
	uint32_t nr_vcpus; /* 0: SEPT_RIG_VCPUS */
};

/* One call of the library that fails: the at-th from now on, from 1, and then
 * the same call as often as it is repeated. */
struct sept_rig_fault {
	uint64_t at; /* 0: none */
	uint64_t status;
	uint64_t times;
	bool spoil; /* the call is made, and its RCX spoilt */
	/* counted: */
	uint64_t hits;
	uint64_t rax;
	uint64_t rcx;
};

struct sept_rig {
	struct pamt_rig p;
	struct tdxc_seamcall_port port;
	struct sim_td td;
	struct tdxc_sept sept;
	struct tdxc_sept_config config;
	_Alignas(64) struct tdxc_sept_vcpu vcpus[SEPT_RIG_VCPUS];
	struct tdxc_sept_lost lost[SEPT_RIG_LOST];
	struct tdxc_sept_quarantine quarantine;
	struct pamt_rig_cache cache[SEPT_RIG_LPS];
	struct tdxc_sim_regs guest[SEPT_RIG_VCPUS];
	bool inside[SEPT_RIG_VCPUS];
	uint64_t next_4k;
	uint64_t next_2m;
	uint64_t next_table;

	/* what was asked of the port */
	uint64_t nr_calls;
	uint64_t trace[SEPT_RIG_TRACE]; /* RAX */
	uint64_t nr_kicks;
	uint64_t nr_relaxes;
	uint64_t nr_flushed;   /* 4 KiB pages */
	uint64_t nr_rewritten; /* 4 KiB pages */
	uint64_t freed[SEPT_RIG_FREED];
	uint64_t nr_freed;
	uint64_t nr_freed_owned; /* of these: the module still had them */

	/* set at any time */
	struct sept_rig_fault fault;
	struct sept_rig_fault of_leaf; /* calls of leaf .rax from .at on */
	bool hint;	 /* RCX of REMOVE has bit 62: the pair can go */
	bool other_pair; /* PROMOTE returns a page that is none of the pair */
	bool no_cache;	 /* of Dynamic PAMT pages */
	bool deaf;	 /* a kick does nothing */
	/* LPs are threads: table_free() asks the module nothing. */
	bool threads;
	/* After the kick, or before a call; may be NULL. */
	void (*on_kick)(struct sept_rig *rig, uint32_t vcpu);
	void (*on_call)(struct sept_rig *rig, uint64_t rax);
	void (*on_relax)(struct sept_rig *rig);
};

/* Machine, module, TD at stage BUILD. */
void sept_rig_up(struct sept_rig *rig, const struct sept_rig_options *options);
void sept_rig_down(struct sept_rig *rig);
/* MR.FINALIZE: stage RUN. */
void sept_rig_run(struct sept_rig *rig);
/* The vCPUs flushed: stage CLOSED; the KeyID free: stage RELEASED. */
void sept_rig_close(struct sept_rig *rig);
void sept_rig_release(struct sept_rig *rig);
/* The TDR reclaimed, which the module allows when all other pages are. */
uint64_t sept_rig_reclaim_rest(struct sept_rig *rig);

/* Pages nobody has. */
uint64_t sept_rig_page(struct sept_rig *rig, uint32_t level);
uint64_t sept_rig_table_page(struct sept_rig *rig);

/* Changes as the mirror asks for them. */
struct tdxc_external_change sept_rig_link(uint64_t gfn, uint32_t level,
					  uint64_t table);
struct tdxc_external_change sept_rig_map(uint64_t gfn, uint32_t level,
					 uint64_t pa);
struct tdxc_external_change sept_rig_demote(uint64_t gfn, uint32_t level,
					    uint64_t pa, uint64_t table);
struct tdxc_external_change sept_rig_promote(uint64_t gfn, uint32_t level,
					     uint64_t pa, uint64_t table);
struct tdxc_external_change sept_rig_relocate(uint64_t gfn, uint64_t old,
					      uint64_t pa);
struct tdxc_external_entry sept_rig_leaf(uint64_t gfn, uint32_t level,
					 uint64_t pa);
struct tdxc_external_entry sept_rig_table(uint64_t gfn, uint32_t level,
					  uint64_t table);

/* The tables above a frame, those that are not there: entries of level 4 to
 * above + 1. The last one's page, or 0. */
uint64_t sept_rig_tables(struct sept_rig *rig, uint64_t gfn, uint32_t above);
/* Map n pages from a frame on, contiguous, and tables above them; the first. */
uint64_t sept_rig_fill(struct sept_rig *rig, uint64_t gfn, uint32_t level,
		       uint32_t n);

/* Start to count calls, and to keep the list, anew. */
void sept_rig_mark(struct sept_rig *rig);
/* Calls of a leaf since the mark. */
uint64_t sept_rig_calls(const struct sept_rig *rig, uint64_t leaf);

/* What the module says, asked behind the library's back. */
enum sept_rig_state sept_rig_state(struct sept_rig *rig, uint64_t gfn,
				   uint32_t level);
uint64_t sept_rig_mapped(struct sept_rig *rig, uint64_t gfn, uint32_t level);
uint32_t sept_rig_type(struct sept_rig *rig, uint64_t pa);
/* Whether the module's own structures are consistent. */
bool sept_rig_audit(struct sept_rig *rig);

/* A vCPU enters through the gate, on the LP after its number, and stays inside;
 * the gate's answer. */
int sept_rig_enter(struct sept_rig *rig, uint32_t vcpu);
void sept_rig_leave(struct sept_rig *rig, uint32_t vcpu);

#endif
