/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * What the files of `pamt` share: the word of a 2 MiB range.
 *
 *   15:0   references: 4K uses
 *   16     in transition: only the CPU that set this bit changes the entry
 *   17     the module has a pair
 *   18     in use as a 2M page; no references then
 *   19     the pair is never handed out again; 17 is set then
 *   63:32  pairs installed so far
 *
 * In transition the rest of the word says which one it is: references for a
 * PROMOTE, bit 18 for a DEMOTE, bit 17 alone for PAMT.REMOVE, nothing for
 * PAMT.ADD. Who does not find the transition bit changes the word by an
 * exchange with what it found; who set the bit stores.
 *
 * The pages are recorded before the module can have them, and forgotten after
 * it has given them back.
 */
#ifndef TDXCORE_PAMT_ENTRY_H
#define TDXCORE_PAMT_ENTRY_H

#include <tdxcore/pamt.h>

#define TDXC_PAMT_COUNT	      0xFFFFull
#define TDXC_PAMT_CHANGING    (1ull << 16)
#define TDXC_PAMT_INSTALLED   (1ull << 17)
#define TDXC_PAMT_LARGE	      (1ull << 18)
#define TDXC_PAMT_QUARANTINED (1ull << 19)
#define TDXC_PAMT_ADDS_SHIFT  32
#define TDXC_PAMT_ONE_ADD     (1ull << TDXC_PAMT_ADDS_SHIFT)

/* An address is a multiple of 4 KiB, so bit 0 of a cached one is free to say
 * that the page was part of a pair. */
#define TDXC_PAMT_WAS_PRIVATE 1ull

TDXC_STATIC_ASSERT(TDXC_PAMT_COUNT == TDXC_PAMT_MAX_REFERENCES,
		   "the count fits its bits");

struct tdxc_pamt_entry {
	uint64_t word;
	uint64_t page[2]; /* 0: none */
};

/* The entry of the range that holds pa; NULL: outside all TDMRs. */
struct tdxc_pamt_entry *tdxc_pamt_entry_of_(const struct tdxc_pamt *pamt,
					    uint64_t pa);

#endif
