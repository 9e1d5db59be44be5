/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * An MMU with everything around it, for many threads: table memory that is
 * freed when no thread can see it any more, the caller's lock, invalidations,
 * and an external tree that is busy now and then and fails once.
 *
 * The external tree is plain memory without a lock of its own. Who may touch an
 * entry of it is the library's business: ThreadSanitizer, and the checks of the
 * hooks, say whether it sees to that.
 */
#ifndef TDXC_TESTS_MIRROR_WORLD_H
#define TDXC_TESTS_MIRROR_WORLD_H

#include <pthread.h>
#include <stdatomic.h>

#include <tdxcore/mirror.h>

#define WORLD_THREADS	 8u
#define WORLD_BATCH	 64u
#define WORLD_REGIONS	 4u   /* of 2 MiB, below different tables */
#define WORLD_FRAMES	 512u /* of a region */
#define WORLD_PART	 32u  /* frames that are invalidated together */
#define WORLD_PARTS	 (WORLD_FRAMES / WORLD_PART)
#define WORLD_DEFERRED	 1024u
#define WORLD_PRIVATE_PA 0x0000010000000000ull
#define WORLD_SHARED_PA	 0x0000020000000000ull
#define WORLD_OTHER_PA	 0x0000030000000000ull /* where private pages move */

/* How a thread holds the lock. */
enum world_hold { WORLD_NONE, WORLD_SHARED, WORLD_EXCLUSIVE };

struct world_thread {
	uint32_t id;
	uint64_t random;
	enum world_hold hold;
	struct tdxc_mmu_cpu cpu;
	struct tdxc_external_entry entries[WORLD_BATCH];
	uint64_t *slots[WORLD_BATCH];
	uint64_t pages[WORLD_FRAMES];	   /* to populate with */
	uint64_t deferred[WORLD_DEFERRED]; /* tables to free */
	uint32_t nr_deferred;
	/* frames, as the results of calls say */
	uint64_t mapped, zapped, given_up;
	uint64_t calls;
	uint64_t tables_lost;
};

struct world {
	struct tdxc_mmu mmu;
	struct tdxc_mmu_ops ops;
	pthread_rwlock_t lock;
	/* Invalidations, by half and part of a region: how many are under way,
	 * and the sequence number of the last that began. */
	_Atomic uint64_t sequence;
	_Atomic uint64_t under_way[2][WORLD_REGIONS][WORLD_PARTS];
	_Atomic uint64_t last[2][WORLD_REGIONS][WORLD_PARTS];
	/* The external tree: pages of tables and leaves; 0: none. */
	uint64_t table[TDXC_MAX_LEVELS][WORLD_REGIONS];
	uint64_t large[WORLD_REGIONS];
	uint64_t small[WORLD_REGIONS][WORLD_FRAMES];
	/* Which of its two pages a private frame has, and whether somebody is
	 * changing that. */
	_Atomic bool moved[WORLD_REGIONS][WORLD_FRAMES];
	_Atomic bool moving[WORLD_REGIONS][WORLD_FRAMES];
	bool calm;		  /* never busy */
	_Atomic int64_t fail_in;  /* calls until one has no known outcome */
	_Atomic uint64_t nr_lost; /* pages, in that call */
	_Atomic uint64_t nr_gone; /* frames unmapped with a page that is lost */
	_Atomic uint64_t nr_busy, nr_set, nr_removed;
	_Atomic uint64_t nr_demoted, nr_promoted, nr_moved, nr_tables_removed;
	_Atomic uint64_t nr_alloc, nr_free;
	_Atomic uint64_t nr_external, nr_external_back, nr_external_lost;
	const char *_Atomic wrong; /* the first complaint */
};

/* A world with fail_in calls until the failure, or none: 0. */
void world_up(struct world *w, int64_t fail_in);
void world_down(struct world *w);
void world_wrong(struct world *w, const char *what);

/* Around all that a thread does. */
void world_enter(struct world *w, struct world_thread *t);
void world_leave(struct world *w, struct world_thread *t);
uint64_t world_below(struct world_thread *t, uint64_t n);

/* Take the lock and begin a read-side section; end both, and free what the
 * thread has retired. */
void world_lock(struct world *w, struct world_thread *t, enum world_hold hold);
void world_unlock(struct world *w, struct world_thread *t);
enum tdxc_lock world_held(const struct world_thread *t);

/* First frame of a region. */
uint64_t world_gfn(uint32_t region);
/* The page of a private frame as it is now. */
uint64_t world_page(struct world *w, uint32_t region, uint32_t frame);
/* A private frame is about to move, to *pa, and is invalidated for so long;
 * false: somebody else is at it. And the end of it. */
bool world_begin_move(struct world *w, uint32_t region, uint32_t frame,
		      uint64_t *pa);
void world_end_move(struct world *w, uint32_t region, uint32_t frame,
		    bool moved);
/* Whether a private frame of a region has moved. */
bool world_any_moved(struct world *w, uint32_t region);
/* A fault on a frame as it is now. */
void world_fault(struct world *w, uint32_t region, uint32_t frame,
		 bool is_private, struct tdxc_fault *fault);
void world_begin_invalidation(struct world *w, const struct tdxc_zap *zap,
			      uint32_t memory);
void world_end_invalidation(struct world *w, const struct tdxc_zap *zap,
			    uint32_t memory);

/* With no thread left: the mirror is the external tree, and nothing is frozen.
 */
void world_compare(struct world *w);
/* What is mapped in all roots. @units{frames} */
uint64_t world_present(struct world *w);
/* Nothing is frozen; for who holds the lock alone. */
void world_expect_thawed(struct world *w);

#endif
