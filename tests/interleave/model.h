/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * The world's insides, shared by its files: world.c (memory, entries, threads)
 * and external.c (the external tree, guests).
 */
#ifndef TDXC_TESTS_INTERLEAVE_MODEL_H
#define TDXC_TESTS_INTERLEAVE_MODEL_H

#include "world.h"

#define VCPUS	 2u
#define NOBODY	 (-1)
#define NO_TABLE WORLD_TABLES

struct model_table {
	uint64_t external; /* cell: PAGE_* of its external page */
	uint64_t base;	   /* first frame, alias bit included */
	uint64_t *parent;  /* entry that points to it */
	uint32_t waited;   /* threads that may still see it */
	uint8_t state;	   /* enum table_state */
	uint8_t level;
	bool mirror;
	bool root;
};

/* An entry that was written. */
struct model_slot {
	uint64_t *at;
	uint64_t before; /* frozen: what it was */
	uint64_t x;	 /* and the external one then */
	int owner;
	bool changed; /* the external one may have, since */
};

struct model_entry {
	uint64_t gfn;
	uint64_t cell;	/* X_* and an address */
	uint64_t guest; /* cell: the guest is changing it */
	uint32_t level;
	uint32_t since; /* epoch in which it was blocked */
};

struct model_vcpu {
	uint64_t tag;	  /* cell: epoch in which it entered; 0: out */
	uint64_t calls;	  /* cell: it is in a call of the module */
	uint64_t flushed; /* epoch of its translations */
	uint64_t gfn[2];  /* translations, plus 1 */
};

struct model {
	struct tdxc_mmu mmu;
	struct world_cpu cpu[WORLD_CPUS];
	struct tdxc_root *root[2]; /* direct, mirror */
	struct model_table table[WORLD_TABLES];
	struct model_slot slot[WORLD_SLOTS];
	struct model_entry entry[WORLD_ENTRIES];
	struct model_vcpu vcpu[VCPUS];
	uint64_t page[WORLD_PAGES];
	/* Pieces of the page WORLD_ROW, of watched frames; of the others
	 * nobody keeps account. */
	uint64_t piece[WORLD_WATCHES];
	uint64_t piece_of_others;
	uint64_t watched[WORLD_WATCHES];
	uint64_t lock;	   /* cell: readers, LOCK_WRITER */
	uint64_t sections; /* cell: only that it was touched */
	uint64_t sequence; /* cell: twice the number, plus 1: one is going on */
	uint64_t epoch;
	uint64_t hold; /* cell: no vCPU may enter */
	uint64_t stale_first;
	uint64_t stale_end;
	uint32_t stale_memory;
	uint32_t invalidations;
	uint32_t slots;
	uint32_t entries;
	uint32_t watches;
	uint32_t vcpus;
	bool roots_in_steps;
};

extern struct model w;

static inline uint64_t external_pa(uint32_t table)
{
	return WORLD_TABLE_PA + 0x8000000ull + table * 4096ull;
}

uint32_t model_table_of(uint64_t pa);
struct model_slot *model_slot_of(uint64_t *at);
/* The entry of the mirror that the running thread has frozen; NULL: none. */
struct model_slot *model_owned(uint64_t gfn, uint32_t level);
struct model_entry *model_entry_of(uint64_t gfn, uint32_t level);
uint64_t *model_page_of(uint64_t pa, uint32_t level);
uint64_t *model_find(const struct tdxc_tree *tree, uint64_t gfn,
		     uint32_t level);
/* The entry in a table, linked or not, that covers a frame. */
uint64_t *model_below(uint64_t table_pa, uint64_t gfn, uint32_t level);
bool model_agrees(uint64_t spte, uint64_t x);

/* Ops of the external tree. */
int external_set(void *ctx, const struct tdxc_external_change *change);
void external_remove(void *ctx, struct tdxc_external_entry *leaves, size_t n,
		     enum tdxc_lock lock);
int external_reclaim(void *ctx, struct tdxc_gfn gfn, uint32_t level,
		     uint64_t external);

#endif
