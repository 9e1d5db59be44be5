/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Page tables of a guest, made by hand: tables come from a pool that stands at
 * GUEST_TABLES_PA, entries are whatever a test wants.
 */
#ifndef TDXC_TESTS_UNSHARE_GUEST_H
#define TDXC_TESTS_UNSHARE_GUEST_H

#include <tdxcore/scan.h>

#define GUEST_TABLES	64u
#define GUEST_TABLES_PA 0x4000000000ull
#define GUEST_ROOT_PA	GUEST_TABLES_PA
/* Where upper-half maps begin. */
#define GUEST_UPPER_4 0xFFFF800000000000ull
#define GUEST_UPPER_5 0xFF00000000000000ull
#define GUEST_DIRECT  0xFFFF888000000000ull

struct guest {
	uint64_t *memory; /* GUEST_TABLES tables; the first is the root */
	uint32_t nr_tables;
	uint32_t levels;
	uint32_t shared_bit;
	uint32_t polarity;
	uint32_t pa_bits;
};

/* A root without entries, in memory of its own; ends the program without. */
void guest_new(struct guest *g, uint32_t levels, uint32_t shared_bit,
	       uint32_t polarity);
void guest_free(struct guest *g);
/* Forget all entries. */
void guest_clear(struct guest *g);

uint64_t *guest_table(const struct guest *g, uint32_t n);
uint64_t guest_table_pa(uint32_t n);

/* The state of an entry, and an entry that points to a table. */
uint64_t guest_with_state(const struct guest *g, uint64_t entry, bool shared);
uint64_t guest_table_entry(const struct guest *g, uint64_t pa);
uint64_t guest_leaf(const struct guest *g, uint64_t pa, uint32_t level,
		    bool shared);

/* The slot that maps an address at a level; tables above it are made. */
uint64_t *guest_slot(struct guest *g, uint64_t va, uint32_t level);
/* Map it, and return the slot. */
uint64_t *guest_map(struct guest *g, uint64_t va, uint64_t pa, uint32_t level,
		    bool shared);

/* The whole address space, shared leaves, tables reached by offset. */
struct tdxc_scan_config guest_scan(const struct guest *g);

#endif
