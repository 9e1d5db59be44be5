/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * What the library runs on in tests/interleave: table memory, a model of the
 * external tree, a lock, read-side sections, an invalidation sequence; and the
 * invariants of the freeze protocol, checked at every access.
 *
 * Names of invariants: kvm-mirror-mmu.md 12.3, 12.4. WEAK is not among them: a
 * thread uses a table whose address it did not read with acquire.
 */
#ifndef TDXC_TESTS_WORLD_H
#define TDXC_TESTS_WORLD_H

#include "explore.h"

#include <tdxcore/err.h>
#include <tdxcore/mirror.h>
#include <tdxcore/version.h>

#define WORLD_CPUS	 (IL_THREADS + 1u) /* the last: who prepares */
#define WORLD_TABLES_CPU 9u
#define WORLD_TABLES	 (WORLD_CPUS * WORLD_TABLES_CPU)
#define WORLD_TABLE_PA	 0x10000000ull
#define WORLD_PAGE_PA	 0x40000000ull
#define WORLD_PAGES	 8u /* 2 MiB apart: large pages fit */
#define WORLD_ROW	 7u /* the page that may be in 512 pieces */
#define WORLD_WATCHES	 8u
#define WORLD_SLOTS	 64u
#define WORLD_ENTRIES	 32u

/* What is in an entry of the external tree, or who has a page. Low bits; the
 * address is in the others. */
enum {
	X_FREE,
	X_TABLE,
	X_PENDING, /* not accepted yet */
	X_MAPPED,  /* the guest accepted it */
	X_BLOCKED, /* no new translations */
	X_LOST,	   /* nobody knows */
	X_STATE_MASK = 7
};

enum { PAGE_HOST, PAGE_LENT, PAGE_LOST };

enum table_state {
	TABLE_POOL,
	TABLE_SPARE,
	TABLE_LINKED, /* roots too */
	TABLE_UNLINKED,
	TABLE_RETIRED, /* some may still see it */
	TABLE_FREED
};

#define IL_BATCH 4u

/* Work of one thread: what it may touch, and what it holds. */
struct world_cpu {
	struct tdxc_mmu_cpu cpu;
	struct tdxc_external_entry entries[IL_BATCH];
	uint64_t *slots[IL_BATCH];
	uint64_t reached; /* set of tables */
	struct tdxc_mmu_counts ledger;
	uint64_t first; /* frames [first, end) it is about */
	uint64_t end;
	uint32_t memory; /* enum tdxc_memory bits */
	uint32_t owned;	 /* frozen entries */
	uint32_t busy;	 /* BUSY of the external tree that may come */
	uint32_t fatal;	 /* failures */
	uint64_t *met;	 /* entry last seen frozen */
	uint64_t *last;	 /* word last read, and what it was */
	uint64_t seen;
	uint64_t sequence;
	bool shared;
	bool exclusive;
	bool section;
	bool poisoned; /* when the operation began */
	bool changes;  /* it may change what is mapped to something else */
	bool stale;    /* the fault was */
};

void world_make(uint32_t levels, bool roots);
/* BUSY and failures that the external tree may answer a thread. */
void world_allow(uint32_t thread, uint32_t busy, uint32_t fatal);
/* Frames whose external entries exist in the model. */
void world_watch(uint64_t gfn);
/* How many virtual CPUs there are, at most two. */
void world_vcpus(uint32_t n);
/* Accesses to the counts of references of roots are steps. */
void world_roots_in_steps(void);
/* What was prepared is what each run begins with. */
void world_keep(void);
void world_release_spares(void);
void world_begin(void);
/* After each step, and after the last. */
void world_check(void);
void world_end(void);
void world_print(const uint64_t *object);

/* --- for threads ------------------------------------------------------------
 */

struct world_cpu *world_self(void);
struct tdxc_mmu *world_mmu(void);
struct tdxc_root *world_root(enum tdxc_memory memory);
uint64_t world_page(uint32_t i);
/* An entry, and the external one, as they are; without a step. */
uint64_t world_entry(enum tdxc_memory memory, uint64_t gfn, uint32_t level);
uint64_t *world_slot(enum tdxc_memory memory, uint64_t gfn);
uint64_t world_external(uint64_t gfn, uint32_t level);
uint64_t world_page_state(uint64_t pa, uint32_t level);

#define WORLD_NO_LOCK ((enum tdxc_lock)2)

/* Take the lock and begin a read-side section, for work on frames of some
 * memory; and the end of both. */
void world_enter(enum tdxc_lock lock, uint32_t memory, uint64_t first,
		 uint64_t end);
void world_leave(void);
/* The work that has begun may change what is mapped to something else. */
void world_may_change(void);

/* An invalidation of frames begins and ends. What was mapped there is gone when
 * world_invalidated() checks it, and stays so until the end. */
void world_invalidate(uint32_t memory, uint64_t first, uint64_t end);
void world_invalidated(uint32_t memory, uint64_t gfn);
/* The end where something else may be mapped then. */
void world_valid_again(void);
uint64_t world_sequence(void);
/* Wait for what made a fault be retried. */
void world_wait(void);

/* A root was made during a run. */
void world_root_made(struct tdxc_root *root, bool mirror);

/* --- guests -----------------------------------------------------------------
 */

void world_vcpu_enter(uint32_t v);
void world_vcpu_accept(uint32_t v, uint64_t gfn);
void world_vcpu_touch(uint32_t v, uint64_t gfn);
void world_vcpu_leave(uint32_t v);

#endif
