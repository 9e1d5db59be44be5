/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause-Patent) */
/*
 * The MMU of a guest on this kernel: its lock, its memory, and when a table may
 * go. Faults and zaps run beside one another under the lock held shared, as
 * readers of RCU.
 */
#ifndef TDXC_LINUX_MMU_H
#define TDXC_LINUX_MMU_H

#include <linux/atomic.h>
#include <linux/rwsem.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#include <tdxcore/tdxcore.h>

#define TDXC_LINUX_BATCH 64u

/* What a thread brings along; one operation at a time uses it. Zero it, then
 * tdxc_linux_mmu_cpu_init(). */
struct tdxc_linux_mmu_cpu {
	struct tdxc_mmu_cpu mmu;
	struct tdxc_pamt_cache *pamt; /* or NULL: static PAMT */
	struct tdxc_external_entry entries[TDXC_LINUX_BATCH];
	u64 *slots[TDXC_LINUX_BATCH];
};

struct tdxc_linux_mmu_config {
	u32 levels;
	u64 end; /* frames are below this */
	bool td;
	/* Of a TD; NULL: an external tree that agrees to everything. */
	struct tdxc_sept *sept;
	/* Pages that the module gets, when there is a TD. */
	const struct tdxc_td_ops *pages;
	void *pages_ctx;
	/* Where vCPU i runs, -1: nowhere; or NULL. Kept by reference. */
	int *cpu_of_vcpu;
};

struct tdxc_linux_mmu {
	struct tdxc_mmu mmu;
	struct tdxc_linux_mmu_config config;
	/* Sleeping, because making a root allocates. */
	struct rw_semaphore lock;
	spinlock_t invalidation_lock;
	u64 sequence;	   /* invalidations that ended; atomic */
	u64 invalidating;  /* those under way; atomic */
	atomic64_t tables; /* allocated and not freed */
};

int tdxc_linux_mmu_init(struct tdxc_linux_mmu *l,
			const struct tdxc_linux_mmu_config *config);
/* Zap all that is left; waits for the last reader. -EIO: pages are lost. */
int tdxc_linux_mmu_destroy(struct tdxc_linux_mmu *l,
			   struct tdxc_linux_mmu_cpu *cpu);
void tdxc_linux_mmu_cpu_init(struct tdxc_linux_mmu_cpu *cpu);
void tdxc_linux_mmu_cpu_release(struct tdxc_linux_mmu *l,
				struct tdxc_linux_mmu_cpu *cpu);

/* For fault->sequence: read it before the page is looked up. */
u64 tdxc_linux_mmu_sequence(const struct tdxc_linux_mmu *l);
/* As tdxc_mmu_fault(), with tables and lock. */
int tdxc_linux_mmu_fault(struct tdxc_linux_mmu *l,
			 struct tdxc_linux_mmu_cpu *cpu,
			 const struct tdxc_fault *fault);
/* As tdxc_mmu_zap(), one bounded piece. Between begin and end no fault is
 * completed. */
void tdxc_linux_mmu_invalidate_begin(struct tdxc_linux_mmu *l);
void tdxc_linux_mmu_invalidate_end(struct tdxc_linux_mmu *l);
int tdxc_linux_mmu_zap(struct tdxc_linux_mmu *l, struct tdxc_linux_mmu_cpu *cpu,
		       struct tdxc_zap *zap);
/* As tdxc_lookup(), in a read-side section. */
struct tdxc_found tdxc_linux_mmu_lookup(struct tdxc_linux_mmu *l,
					bool is_private, u64 gfn);

/* ops, with a struct tdxc_linux_mmu as ctx. */
extern const struct tdxc_mmu_ops tdxc_linux_mmu_ops;
extern const struct tdxc_sept_ops tdxc_linux_sept_ops;
extern const struct tdxc_td_ops tdxc_linux_td_ops;

#endif
