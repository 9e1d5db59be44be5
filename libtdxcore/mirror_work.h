/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * The freeze protocol's three moves, and what else the files of the room
 * `mirror` share; not API.
 */
#ifndef TDXCORE_MIRROR_WORK_H
#define TDXCORE_MIRROR_WORK_H

#include <tdxcore/mirror.h>

/* Indices of tdxc_mmu_cpu::spare and of the counts. */
#define KIND_DIRECT 0u
#define KIND_MIRROR 1u

/* tdxc_root::state: the class, and flags. */
#define ROOT_DIRECT    ((uint64_t)TDXC_ROOTS_DIRECT)
#define ROOT_MIRROR    ((uint64_t)TDXC_ROOTS_MIRROR)
#define ROOT_INVALID   ((uint64_t)TDXC_ROOTS_INVALID)
#define ROOT_SCHEDULED (1ull << 8) /* the MMU's reference goes with the zap */
#define ROOT_ZAPPED    (1ull << 9) /* nothing is mapped in it any more */

/* tdxc_root::refs of a slot that is being filled or emptied. */
#define ROOT_CLAIMED (~0ull)

/* tdxc_mmu::valid: the slot of the valid root of a kind, plus ROOT_FIRST. */
#define ROOT_NONE   0ull
#define ROOT_MAKING 1ull
#define ROOT_FIRST  2ull

/* One entry, and where it stands. */
struct tdxc_entry_ {
	uint64_t *slot;
	uint64_t gfn; /* first frame, without alias */
	uint32_t level;
	uint32_t kind;
};

static inline uint32_t tdxc_root_kind_(const struct tdxc_root *root)
{
	return (tdxc_load_once(&root->state) & ROOT_MIRROR) != 0 ? KIND_MIRROR
								 : KIND_DIRECT;
}

/* Own an entry. On failure *old is what stands there. */
static inline bool tdxc_freeze_(struct tdxc_mmu_cpu *cpu, uint64_t *slot,
				struct tdxc_spte *old)
{
	/* A variable of its own leaves the caller's in registers. */
	uint64_t seen = old->bits;

	if (!tdxc_try_cmpxchg(slot, &seen, TDXC_SPTE_FROZEN_BITS)) {
		old->bits = seen;
		cpu->counts.lost++;
		return false;
	}
	cpu->frozen++;
	return true;
}

/* Let an owned entry go, with a value: everything before is visible first. */
static inline void tdxc_thaw_(struct tdxc_mmu_cpu *cpu, uint64_t *slot,
			      struct tdxc_spte value)
{
	tdxc_store_release(slot, value.bits);
	cpu->frozen--;
}

/* Remember the first change of the external tree whose outcome is unknown. */
void tdxc_mmu_poison_(struct tdxc_mmu *mmu,
		      const struct tdxc_external_change *change, int err);

/* Whether the caller may run so; and with the lock it says. */
static inline bool tdxc_lock_ok_(const struct tdxc_mmu *mmu,
				 enum tdxc_lock lock)
{
	return mmu->config.ops->lock_held(mmu->config.ctx, lock);
}

/* Refer to the root in a slot, as whoever goes through all slots does; false:
 * there is none, or other CPUs kept changing the count. tdxc_root_put() ends
 * it. */
bool tdxc_root_hold_(struct tdxc_root *root);

/* A spare table of a kind, filled with empty entries; false: none left. */
bool tdxc_spare_take_(struct tdxc_mmu_cpu *cpu, uint32_t kind,
		      struct tdxc_mmu_table *table);

/* Put a table back that was taken and not linked. */
void tdxc_spare_give_(struct tdxc_mmu_cpu *cpu, uint32_t kind,
		      const struct tdxc_mmu_table *table);

#endif
