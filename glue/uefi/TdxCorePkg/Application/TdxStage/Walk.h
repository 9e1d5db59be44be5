/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * A walk of page tables that has nothing of the core's: what the driver did is
 * held against it.
 */
#ifndef TDXC_UEFI_WALK_H
#define TDXC_UEFI_WALK_H

#include <tdxc_env.h>

struct stage_walk {
	uint64_t root;
	uint32_t levels;
	uint64_t shared; /* mask of the shared bit */
	uint64_t virt;	 /* virtual minus physical address of tables */
};

/* The entry that maps an address, and its level: 0 where nothing does. */
uint64_t stage_walk_entry(const struct stage_walk *walk, uint64_t va,
			  uint32_t *level);

/* The table of a level that leads to an address; 0: there is none. */
uint64_t stage_walk_table(const struct stage_walk *walk, uint64_t va,
			  uint32_t level);

/* Bytes below `end` whose entries are present and shared; *bad counts entries
 * that are not leaves and shared, and *absent leaves that are not present. */
uint64_t stage_walk_shared(const struct stage_walk *walk, uint64_t end,
			   uint64_t *bad, uint64_t *absent);

#endif
