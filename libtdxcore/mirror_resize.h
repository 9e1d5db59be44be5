/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Mirror tables that come and go while the guest is alive: what demotion,
 * promotion, removal of tables and zaps share; not API.
 *
 * Whoever unlinks a table has frozen the entry above it and all 512 of its own,
 * and these stay frozen for good: a walk that is still inside finds nothing
 * there to change, and looks again from the root. Nobody waits for an entry of
 * another one while it owns entries itself: what is frozen is passed by.
 */
#ifndef TDXCORE_MIRROR_RESIZE_H
#define TDXCORE_MIRROR_RESIZE_H

#include "mirror_map.h"

/* What the 512 entries of a table are, or are to be: contiguous leaves, or
 * empty. */
struct tdxc_row_ {
	uint64_t first;
	uint64_t step; /* from one to the next */
};

static inline struct tdxc_row_ tdxc_row_empty_(void)
{
	struct tdxc_row_ row = {TDXC_SPTE_EMPTY_BITS, 0};

	return row;
}

/* The leaves that a leaf of a level above 1 is made of. */
static inline struct tdxc_row_ tdxc_row_leaves_(uint64_t pa, uint32_t level)
{
	struct tdxc_row_ row = {tdxc_spte_private(pa, level - 1).bits,
				tdxc_level_frames(level - 1) << 12};

	return row;
}

/* How many entries, from the first on, are as the row says. */
uint32_t tdxc_row_matches_(const uint64_t *table, struct tdxc_row_ row);

/* Write a table that nobody sees yet. */
void tdxc_row_fill_(uint64_t *table, struct tdxc_row_ row);

/* Own all entries. Where one is not what the row says, none; *met is what
 * stands there. */
bool tdxc_row_freeze_(struct tdxc_mmu_cpu *cpu, uint64_t *table,
		      struct tdxc_row_ row, struct tdxc_spte *met);

/* Let the first @n go, as they were. */
void tdxc_row_thaw_(struct tdxc_mmu_cpu *cpu, uint64_t *table,
		    struct tdxc_row_ row, uint32_t n);

/* The table is unlinked: its entries stay frozen, and are nobody's. Its
 * external page was freed, or is lost. */
void tdxc_row_bury_(struct tdxc_mmu *mmu, struct tdxc_mmu_cpu *cpu,
		    uint64_t pa);

/* Room to own entries together. */
static inline bool tdxc_batch_ok_(const struct tdxc_mmu_cpu *cpu)
{
	return cpu->batch.room > 0 && cpu->batch.room <= TDXC_MMU_BATCH;
}

/* Whether the caller may change the private tree below a root. TDXC_OK,
 * TDXC_E_INVAL, or TDXC_E_IO: poisoned. */
int tdxc_resize_ok_(const struct tdxc_mmu *mmu, const struct tdxc_root *root,
		    uint64_t last, enum tdxc_lock lock);

/* Make one leaf of the table that an entry points to. As tdxc_mmu_promote(),
 * but for a poisoned MMU, TDXC_FAULT_POISONED. */
int tdxc_promote_(const struct tdxc_map_ *m, struct tdxc_spot_ *at);

#endif
