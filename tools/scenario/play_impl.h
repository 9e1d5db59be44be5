/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* What the parts of the player share. */
#ifndef TDXCORE_TOOLS_SCENARIO_PLAY_IMPL_H
#define TDXCORE_TOOLS_SCENARIO_PLAY_IMPL_H

#include <pthread.h>
#include <tdxcore/coherence.h>
#include <tdxcore/gate.h>
#include <tdxcore/tracker.h>

#include "play.h"
#include "vmm.h"

#define PLAY_RULES 16u
/* Attempts at what the host is told is busy. */
#define PLAY_ATTEMPTS 64u

/* A TD, and what its guest must find in its memory. Threads that play at the
 * same time have pages of their own: the reader of scenarios sees to that. */
struct play_td {
	const struct scenario_td *def;
	struct tdxc_sim_vmm *vm; /* NULL: it does not live */
	uint64_t alias;
	/* By 4K page: who wrote it last, 0: nobody, or it was lost since. */
	uint32_t *stamps;
	uint8_t *is_shared;
	size_t nr_pages;
	uint64_t moved;	  /* atomic: 1, a vCPU that was asked to move did */
	bool may_be_dead; /* a statement that may fail did it */
	uint64_t guests;  /* atomic: threads that play this one */
	/* What its kernel knows of conversions. */
	struct tdxc_gate gate;
	uint64_t conversions; /* atomic: that began */
	pthread_mutex_t tracker_mutex;
	struct tdxc_tracker tracker; /* what is shared; its array is owned */
};

struct play {
	const struct play_request *request;
	const struct scenario *s;
	struct play_outcome *out;
	struct tdxc_sim_host host;
	struct play_td *tds;
	uint64_t *rounds; /* by statement: of a repeat */
	struct tdxc_sim_fault_rule rules[PLAY_RULES];
	size_t nr_rules;
	uint32_t last_stamp;   /* atomic */
	uint64_t guests;       /* atomic: threads that play guests */
	uint64_t wrong;	       /* atomic: 1, out->why is taken */
	pthread_mutex_t mutex; /* of out->why */
	bool audit_wrong;      /* out->audit is taken */
	/* the end of the host's kernel */
	struct tdxc_coherence coherence;
	struct tdxc_coherence_cpu cpus[TDXC_SIM_MAX_LPS];
	uint64_t crash_region; /* 2 MiB of the crash kernel's; 0: none */
	bool ended;	       /* there is no host any more */
};

/* The first thing that is wrong stays. Line 0: of no statement. */
__attribute__((format(printf, 3, 4))) void
play_wrong(struct play *p, size_t line, const char *format, ...);
void play_no_memory(struct play *p);
/* The same; it is what the audit found, too. */
void play_audit_wrong(struct play *p, size_t line, const char *who,
		      const char *text);
/* Nothing is wrong so far. */
bool play_goes_on(struct play *p);
double play_now(void);

/* splitmix64 */
uint64_t play_random(uint64_t *state);
/* The value whose pattern a stamp stands for. */
uint64_t play_value(const struct play *p, uint32_t stamp);
uint32_t play_stamp(struct play *p);

/* How far the slot reaches that `at` is in; at most to `end`. */
uint64_t play_slot_end(const struct play_td *td, uint64_t at, uint64_t end);
/* From `at` on, how far pages of a slot are alike in being shared, and, if
 * `stamped`, in their stamps; at most to `end`. */
uint64_t play_alike(const struct play_td *td, uint64_t at, uint64_t end,
		    bool stamped);
/* Contents are lost; private pages only, or all. */
void play_forget(struct play_td *td, struct tdxc_range range, bool shared_too);
/* The guest's kernel is told, too. False: no memory. */
bool play_set_shared(struct play_td *td, struct tdxc_range range, bool shared);

/* --- TDs -------------------------------------------------------------------
 */

void play_td_build(struct play *p, const struct scenario_statement *st);
/* Line 0: the scenario's end. */
void play_td_end(struct play *p, size_t td, size_t line);
bool play_td_lives(const struct play_td *td);
/* The host's kernel ends: the module knows nothing of it any more. */
void play_td_abandon(struct play *p, struct play_td *td);
/* After what happened at once: a TD that is dead is wrong, unless one of the
 * statements may fail. */
void play_td_look(struct play *p, struct play_td *td,
		  const struct scenario_statement *first, size_t nr);

/* --- statements ------------------------------------------------------------
 */

/* Host statements and guests, all at once; each alone, too. */
void play_together(struct play *p, const struct scenario_statement *first,
		   size_t nr);
/* All of a guest's written memory, by all its vCPUs. */
void play_verify_all(struct play *p, size_t td, struct tdxc_range range,
		     size_t line);
/* One vCPU's part; on its thread. */
void play_guest(struct play *p, const struct scenario_statement *st,
		uint32_t index);
/* alone: nothing else happens, so that effects can be looked at. */
void play_host(struct play *p, const struct scenario_statement *st, bool alone);
/* Ask each vCPU to go on elsewhere; how many did. */
void play_migrate(struct play *p, const struct scenario_statement *st,
		  uint64_t *random);
uint32_t play_moved(const struct play_td *td);

void play_inject(struct play *p, const struct scenario_statement *st);

/* --- what happens to the machine, and how kernels end ------------------------
 */

void play_memory(struct play *p, const struct scenario_statement *st);
void play_cpu(struct play *p, const struct scenario_statement *st);
void play_handover(struct play *p, const struct scenario_statement *st);
/* Of a guest, when those that play it have ended: they do when the gate is
 * closed. */
void play_unshare(struct play *p, const struct scenario_statement *st);
/* What each host needs for its end; false: it is wrong already. */
bool play_prepare_end(struct play *p);
/* Caches of a processor go to memory, and its mark with them. */
int play_flush(struct play *p, uint32_t cpu);

/* The page tables of a guest, in its own memory: a direct map with the shared
 * bit on what is shared, in pages as large as they can be. */
struct play_tables {
	struct play_td *td;
	uint32_t levels;
	uint64_t root;
	uint64_t next;	/* a page for a table is looked for below */
	uint64_t pages; /* they take */
	uint64_t start; /* of the map, as a virtual address */
};

/* TDXC_E_NOSPC: no page is left that is private and that nobody wrote. */
int play_tables_build(struct play_tables *t);
/* A page for one more table. TDXC_E_NOSPC. */
int play_tables_take(struct play_tables *t, uint64_t *gpa);
/* 512 entries; NULL: there is no private memory. */
uint64_t *play_tables_at(struct play_td *td, uint64_t gpa);
/* One page becomes shared in them. TDXC_E_NOSPC. */
int play_tables_share(struct play_tables *t, uint64_t gpa);
void play_audit(struct play *p, size_t line);
/* At any quiet moment. */
void play_count_quarantined(struct play *p);
/* At the end, with no TD left. */
void play_count(struct play *p);
void play_expectations(struct play *p);

#endif
