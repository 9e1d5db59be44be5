/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * An MMU with everything around it, for one thread: table memory, an external
 * tree that refuses what a TDX module would refuse, the caller's lock,
 * invalidations and memory attributes; and hooks that fail, or run something
 * else, at the n-th call.
 *
 * A rule that is broken is kept in `wrong`; mirror_case_audit() and
 * mirror_case_down() return it.
 */
#ifndef TDXC_TESTS_MIRROR_CASE_H
#define TDXC_TESTS_MIRROR_CASE_H

#include <tdxcore/mirror.h>

#define MIRROR_CASE_CPUS   4u
#define MIRROR_CASE_TABLES 1024u
#define MIRROR_CASE_RANGES 16u
#define MIRROR_CASE_NODES  (1u << 15)

/* Where pages of the guest are, by half: frame after frame, so that large pages
 * are possible everywhere. */
#define MIRROR_CASE_PRIVATE_PA 0x0000010000000000ull
#define MIRROR_CASE_SHARED_PA  0x0000020000000000ull
/* External pages. */
#define MIRROR_CASE_EXTERNAL_PA 0x0000040000000000ull

enum mirror_hook {
	MIRROR_ALLOC,
	MIRROR_FREE,
	MIRROR_RETIRE,
	MIRROR_LOCK,
	MIRROR_STALE,
	MIRROR_SET,
	MIRROR_REMOVE,
	MIRROR_RECLAIM,
	MIRROR_HOOKS
};

enum mirror_page {
	MIRROR_PAGE_FREE,
	MIRROR_PAGE_HELD, /* the library has it */
	MIRROR_PAGE_LENT, /* external pages: a table of the external tree */
	MIRROR_PAGE_LOST, /* external pages: nobody knows */
	MIRROR_PAGE_RETIRED
};

struct mirror_range {
	uint64_t start, end;
	uint64_t value;
};

/* An entry of the external tree. */
struct mirror_node {
	uint64_t key; /* frame * 8 + level; 0: unused */
	uint64_t value;
	enum { MIRROR_NODE_FREE, MIRROR_NODE_TABLE, MIRROR_NODE_LEAF } kind;
};

struct mirror_shape {
	uint32_t levels;
	bool shared_only; /* no TD */
	bool offset;	  /* tables are mapped elsewhere than they are */
	uint64_t end;	  /* frames; 0: as many as there may be */
};

/* What one hook does from its n-th call on, for some calls. */
struct mirror_injection {
	uint64_t at; /* 1: the next call; 0: nothing is injected */
	uint64_t times;
	int err;      /* what it returns */
	bool applied; /* the change is made all the same */
	bool removed; /* MIRROR_REMOVE: nothing maps it, but the page is lost */
	/* Instead: run this, once, and then go on as usual. */
	void (*run)(void *arg);
	void *arg;
};

#define MIRROR_CASE_BATCH 64u

struct mirror_case {
	struct tdxc_mmu mmu;
	struct tdxc_mmu_ops ops;
	struct tdxc_mmu_cpu cpu[MIRROR_CASE_CPUS];
	struct tdxc_external_entry entries[MIRROR_CASE_CPUS][MIRROR_CASE_BATCH];
	uint64_t *slots[MIRROR_CASE_CPUS][MIRROR_CASE_BATCH];
	struct mirror_injection inject[MIRROR_HOOKS];
	uint64_t calls[MIRROR_HOOKS];
	const char *wrong;

	bool shared_held, exclusive_held;
	bool finalised; /* pages are AUGed, no more ADDed */
	uint64_t adds, augs;
	uint64_t demotions, promotions, relocations, tables_removed;
	struct tdxc_external_change last; /* of those that were made */
	uint64_t sequence;
	struct mirror_range invalidated[MIRROR_CASE_RANGES];
	uint32_t nr_invalidated;
	struct mirror_range attributes[MIRROR_CASE_RANGES];
	uint32_t nr_attributes;

	uint8_t *memory; /* of tables */
	uint64_t virt;
	uint8_t fill; /* what table_alloc leaves in a table */
	enum mirror_page table[MIRROR_CASE_TABLES];
	enum mirror_page external[MIRROR_CASE_TABLES];
	struct mirror_node *nodes;
	struct mirror_node *pages; /* lent: key is the address, value the key */
};

void mirror_case_up(struct mirror_case *c, const struct mirror_shape *shape);
/* Give spare tables back and free all; returns what was wrong, or NULL. */
const char *mirror_case_down(struct mirror_case *c);

/* A root, with the lock that getting it takes. Aborts when there is none. */
struct tdxc_root *mirror_case_root(struct mirror_case *c, enum tdxc_roots kind);

/* The usual fault: a read of a page that is there, now. */
struct tdxc_fault mirror_case_fault(const struct mirror_case *c, uint64_t gfn,
				    bool is_private);
/* Top up a CPU. */
int mirror_case_ready(struct mirror_case *c, uint32_t cpu, bool is_private);
/* Top up a CPU, unless inside a hook, and let it fault, with the lock shared.
 */
int mirror_case_do(struct mirror_case *c, uint32_t cpu,
		   const struct tdxc_fault *fault);

/* Faults that looked frames up before are stale from now on. */
void mirror_case_invalidate(struct mirror_case *c, uint64_t start,
			    uint64_t end);
/* Frames are private or shared; without it both is believed. */
void mirror_case_attribute(struct mirror_case *c, uint64_t start, uint64_t end,
			   bool is_private);

/* Let a hook return an error at its n-th call from now. */
void mirror_case_fail(struct mirror_case *c, enum mirror_hook hook, uint64_t at,
		      int err);
/* Run something inside a hook, at its n-th call from now. */
void mirror_case_run(struct mirror_case *c, enum mirror_hook hook, uint64_t at,
		     void (*run)(void *arg), void *arg);
/* Injections that were not reached are gone. */
void mirror_case_calm(struct mirror_case *c);

/* What the external tree has. */
const struct mirror_node *mirror_case_node(const struct mirror_case *c,
					   uint64_t gfn, uint32_t level);
/* Whether a page is lent to it. */
bool mirror_case_is_lent(const struct mirror_case *c, uint64_t pa);
/* How many tables, and external pages, are in a state. */
uint32_t mirror_case_tables(const struct mirror_case *c,
			    enum mirror_page state);
uint32_t mirror_case_externals(const struct mirror_case *c,
			       enum mirror_page state);

/* The sum of what the CPUs counted. */
struct tdxc_mmu_counts mirror_case_counts(const struct mirror_case *c);
/* All that a failed operation must leave alone: entries, external tree, pages,
 * counts of pages and tables. Not the reserve, and not where tables are. */
uint64_t mirror_case_digest(const struct mirror_case *c);
/* Nothing is frozen, the mirror is the external tree, counts are right, every
 * table and page is accounted for. NULL, or what is wrong. After an unknown
 * outcome the trees may differ where the diagnostic says. */
const char *mirror_case_audit(const struct mirror_case *c);

#endif
