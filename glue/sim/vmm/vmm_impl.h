/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Between the files of the VMM. */
#ifndef TDXC_SIM_VMM_IMPL_H
#define TDXC_SIM_VMM_IMPL_H

#include <tdxcore/convert.h>
#include <tdxcore/err.h>
#include <tdxcore/version.h>

#include "vmm.h"

#define VMM_PAGE   4096ull
#define VMM_REGION 512u /* frames of 2 MiB */
/* Times a thing that was busy, or has more to do, is tried again. */
#define VMM_PATIENCE 100000u

enum { VMM_SHARED, VMM_PRIVATE }; /* halves */

/* What a processor brings along; of who stands on it. */
struct tdxc_sim_vmm_cpu {
	struct tdxc_mmu_cpu mmu;
	struct tdxc_external_entry entries[TDXC_SIM_VMM_BATCH];
	uint64_t *slots[TDXC_SIM_VMM_BATCH];
	struct tdxc_zapped zapped[TDXC_SIM_VMM_BATCH];
	enum { VMM_UNLOCKED, VMM_LOCKED_SHARED, VMM_LOCKED_EXCLUSIVE } held;
};

/* Frames of one slot, and the window in which they change. */
struct vmm_range {
	struct tdxc_sim_vmm_memory *memory;
	uint64_t start;
	uint64_t end;
	bool halves[2]; /* invalidated */
	bool claim;	/* of one operation at a time */
};

static inline void vmm_count(uint64_t *counter, uint64_t n)
{
	(void)__atomic_fetch_add(counter, n, __ATOMIC_RELAXED);
}

static inline struct tdxc_gfn vmm_gfn(uint64_t n)
{
	return (struct tdxc_gfn){n};
}

/* --- vmm.c --------------------------------------------------------------- */

/* Stand on a processor, for an operation; what it has there. */
struct tdxc_sim_vmm_cpu *vmm_begin(struct tdxc_sim_vmm *vm);
void vmm_end(struct tdxc_sim_vmm *vm);
struct tdxc_sim_vmm_cpu *vmm_cpu(struct tdxc_sim_vmm *vm);
/* The lock, and a read-side section within it. */
void vmm_lock(struct tdxc_sim_vmm *vm, enum tdxc_lock how);
void vmm_unlock(struct tdxc_sim_vmm *vm);
enum tdxc_lock vmm_held(struct tdxc_sim_vmm *vm);
/* Tables and Dynamic PAMT pages for the next operation; and what was too much.
 */
int vmm_topup(struct tdxc_sim_vmm *vm, enum tdxc_memory memory);
void vmm_trim(struct tdxc_sim_vmm *vm);
void vmm_die(struct tdxc_sim_vmm *vm, const char *why, int err);
bool vmm_is_dead(const struct tdxc_sim_vmm *vm);
void vmm_free(struct tdxc_sim_vmm *vm);

/* --- vmm_ops.c ----------------------------------------------------------- */

extern const struct tdxc_mmu_ops vmm_mmu_ops;
extern const struct tdxc_sept_ops vmm_sept_ops;
extern const struct tdxc_td_ops vmm_td_ops;

/* --- vmm_memory.c -------------------------------------------------------- */

int vmm_memory_up(struct tdxc_sim_vmm *vm);
void vmm_memory_down(struct tdxc_sim_vmm *vm);
/* The slot of a frame; NULL: none that is alive. */
struct tdxc_sim_vmm_memory *vmm_find(struct tdxc_sim_vmm *vm, uint64_t gfn);
/* A range of bytes that is in one slot. TDXC_E_NOENT, TDXC_E_INVAL. */
int vmm_range(struct tdxc_sim_vmm *vm, uint64_t gpa, uint64_t bytes,
	      struct vmm_range *range);
bool vmm_is_shared(const struct tdxc_sim_vmm_memory *m, uint64_t gfn);
void vmm_set_shared(const struct vmm_range *range, bool is_shared);
void vmm_begin_change(struct tdxc_sim_vmm *vm, const struct vmm_range *range);
void vmm_end_change(struct tdxc_sim_vmm *vm, const struct vmm_range *range);
/* tdxc_mmu_ops::is_stale() */
bool vmm_is_stale(struct tdxc_sim_vmm *vm, const struct tdxc_fault *fault,
		  uint64_t gfn, uint32_t level);
/* Fill in pa, sequence and level: the page behind fault->gfn, at fault->level
 * or below. TDXC_E_AGAIN: it is changing. TDXC_E_NOENT: no slot. TDXC_E_ACCES:
 * it is the other half's. TDXC_E_NOMEM. */
int vmm_look_up(struct tdxc_sim_vmm *vm, struct tdxc_fault *fault);
/* Pages of a half go back to the host, where it has them. */
void vmm_drop_pages(struct tdxc_sim_vmm *vm, const struct vmm_range *range,
		    uint32_t half);
/* The page behind a frame; 0: none. */
uint64_t vmm_page(struct tdxc_sim_vmm *vm, struct tdxc_sim_vmm_memory *m,
		  uint64_t gfn, uint32_t half);
void vmm_set_page(struct tdxc_sim_vmm *vm, struct tdxc_sim_vmm_memory *m,
		  uint64_t gfn, uint32_t half, uint64_t pa);

/* --- vmm_fault.c --------------------------------------------------------- */

/* Until it is resolved; standing on a processor. `stop`, when not NULL, ends
 * it: TDXC_E_CANCELED. */
int vmm_fault(struct tdxc_sim_vmm *vm, const struct tdxc_fault *like,
	      const uint64_t *stop);

/* --- vmm_convert.c ------------------------------------------------------- */

/* Unmap, standing on a processor; within vmm_begin_change(). */
int vmm_zap(struct tdxc_sim_vmm *vm, uint64_t start, uint64_t end,
	    enum tdxc_zap_reason reason);
int vmm_convert(struct tdxc_sim_vmm *vm, uint64_t gpa, uint64_t bytes,
		bool to_private);
/* No vCPU has a translation of shared memory from before. */
void vmm_flush_shared(struct tdxc_sim_vmm *vm);

/* --- vmm_resize.c -------------------------------------------------------- */

/* With the lock held. As tdxc_mmu_demote(). */
int vmm_demote_locked(struct tdxc_sim_vmm *vm, uint64_t gfn);

#endif
