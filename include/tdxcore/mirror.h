/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * @file
 * @brief The MMU of a guest with private memory: a mirror root, a direct root,
 *        faults, population, zaps, and the freeze protocol between them.
 *
 * A guest has two halves. The *shared* half is an ordinary EPT, the *direct*
 * root. The *private* half is written by the TDX module alone; the VMM keeps a
 * copy of its structure, the *mirror* root, and every change of it goes along
 * with the same change of the private tree, which the ops make (the *external*
 * tree).
 *
 * The freeze protocol. One entry can be changed atomically, an entry and the
 * external tree cannot. So whoever changes an entry
 *
 *  1. replaces the value it knows by the frozen value (compare and swap),
 *  2. asks whether the change is still wanted, and makes the external one,
 *  3. stores the new value, or, where the external tree did not change, the old
 *     one (release).
 *
 * Nobody else writes a frozen entry and no walk goes through it. Between 1 and
 * 3 the owner does not allocate, sleep, yield or leave its read-side section. A
 * fault that meets a frozen entry leaves and is retried. Entries of the direct
 * root are changed in the same way, without an external tree, wherever a
 * concurrent invalidation could be missed otherwise. A table is unlinked with
 * all its entries frozen, and they stay so: a walk that is still inside looks
 * again from the root.
 *
 * Locks. The lock is the caller's. Every operation is told how it is held and
 * asks the port (`lock_held`): *shared*, beside any number of others, or
 * *exclusive*. Every operation runs in shared mode, removal too, but for root
 * invalidation and teardown. All operations run inside a read-side section of
 * the caller's; the port frees a retired table when all sections that could see
 * it have ended.
 *
 * Long operations return TDXC_E_AGAIN after a bounded piece of work, with a
 * cursor in their request: the caller may drop the lock and the section, and
 * calls again. Nothing stays frozen in between.
 *
 * A change of the external tree whose outcome is not known *poisons* the MMU:
 * the first diagnostic is kept, nothing is lent to the external tree any more,
 * and pages whose fate is unknown are named, never handed back.
 *
 * @source{seeds.md S002; kvm-mirror-mmu.md 4, 5, 12}
 */
#ifndef TDXCORE_MIRROR_H
#define TDXCORE_MIRROR_H

#include <tdxcore/iter.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Roots of one MMU: valid ones, and invalid ones that wait to be zapped. */
#define TDXC_MMU_ROOTS 16
/** Entries that one external_remove() takes, at most. */
#define TDXC_MMU_BATCH 512
/** Looks at an entry that another one froze, in a zap; then TDXC_E_AGAIN. */
#define TDXC_MMU_SPINS 10000u
/** Entries that a long operation visits before it returns TDXC_E_AGAIN. */
#define TDXC_MMU_VISITS 65536u

/** Classes of roots; INVALID is a modifier: "also invalid ones".
 *  @source{kvm-mirror-mmu.md 1.2} */
enum tdxc_roots {
	TDXC_ROOTS_INVALID = 1,
	TDXC_ROOTS_DIRECT = 2,
	TDXC_ROOTS_MIRROR = 4,
	TDXC_ROOTS_VALID = TDXC_ROOTS_DIRECT | TDXC_ROOTS_MIRROR,
	TDXC_ROOTS_ALL = TDXC_ROOTS_VALID | TDXC_ROOTS_INVALID,
};

/** Which memory an operation is about; not the same as a class of roots.
 *  @source{seeds.md S002-3; kvm-mirror-mmu.md 1.3} */
enum tdxc_memory {
	TDXC_MEMORY_SHARED = 1,
	TDXC_MEMORY_PRIVATE = 2,
};

/** How the caller holds its lock. */
enum tdxc_lock {
	TDXC_LOCK_SHARED,
	TDXC_LOCK_EXCLUSIVE,
};

/** Memory of a table. */
struct tdxc_mmu_table {
	uint64_t pa; /**< Host physical address of the 4 KiB page. */
	/** Mirror tables: the page that the external tree gets as its table.
	 *  @units{host physical address; 0: none} */
	uint64_t external;
};

/**
 * A change of one entry of the external tree. What kind it is, @ref old and
 * @ref now say:
 *
 * | old     | now   | change                                    | module   |
 * |---------|-------|-------------------------------------------|----------|
 * | nothing | table | an empty table is linked                  | SEPT.ADD |
 * | nothing | leaf  | a page is mapped                          | AUG, ADD |
 * | leaf    | table | a large page becomes 512 smaller ones     | DEMOTE   |
 * | table   | leaf  | 512 pages become one; the table is back   | PROMOTE  |
 * | leaf    | leaf  | the contents move to another page         | RELOCATE |
 */
struct tdxc_external_change {
	struct tdxc_gfn gfn;  /**< First frame. */
	uint32_t level;	      /**< 1 to 5. */
	enum tdxc_lock lock;  /**< How the caller holds its lock. */
	struct tdxc_spte old; /**< The mirror's value before. */
	struct tdxc_spte now; /**< The mirror's value after. */
	/** Page of the table that @ref now, or @ref old, points to. */
	uint64_t external;
	/** Page that holds the first contents of the page mapped, in memory of
	 *  the host; 0: none. From tdxc_fault::source. */
	uint64_t source;
};

/** What is to be removed from the external tree: a leaf, or an empty table. */
struct tdxc_external_entry {
	struct tdxc_gfn gfn; /**< First frame. */
	/** Of the entry: 1 to 3 for a leaf, 2 to 5 for a table. */
	uint32_t level;
	/** Result, set by the op: TDXC_OK, removed, and the page is the host's
	 *  (of a table: was freed by the op); TDXC_E_BUSY, unchanged; anything
	 *  else, see @ref removed. */
	int status;
	struct tdxc_spte old; /**< The mirror's value. */
	uint64_t external;    /**< Page of the table; 0 for a leaf. */
	/** Result, looked at only after an error other than TDXC_E_BUSY. true:
	 *  the entry maps nothing any more, but the page is lost. false: what
	 *  became of it is not known. */
	bool removed;
};

/** Room for entries that are frozen together, in memory of the caller's with
 *  undefined contents. The more, the fewer times vCPUs are forced out. */
struct tdxc_mmu_batch {
	struct tdxc_external_entry *entries; /**< @shape{room entries} */
	uint64_t **slots; /**< Where each stands. @shape{room entries} */
	uint32_t room;	  /**< 1 to TDXC_MMU_BATCH; 0: none. */
};

struct tdxc_fault;

/** What the MMU needs of its platform. All members mandatory. */
struct tdxc_mmu_ops {
	uint32_t abi; /**< TDXC_ABI. */
	/**
	 * @brief Memory for a table; contents undefined.
	 * @param[in]  ctx    The port's.
	 * @param[in]  mirror true: with an external page.
	 * @param[out] table  Filled on success.
	 * @return TDXC_OK or TDXC_E_NOMEM. Called by tdxc_mmu_topup() and
	 *         tdxc_root_get() only: never inside a frozen window. A root
	 *         has no external page: the module keeps its own.
	 */
	int (*table_alloc)(void *ctx, bool mirror,
			   struct tdxc_mmu_table *table);
	/** @brief Free a table, and its external page, that no walk has seen.
	 *  @param[in] ctx The port's. @param[in] table The table. */
	void (*table_free)(void *ctx, const struct tdxc_mmu_table *table);
	/** @brief Free a table that was linked, after all read-side sections
	 *  that could see it have ended. An external page that is 0 in @p table
	 *  was reclaimed and freed, or is lost.
	 *  @param[in] ctx The port's. @param[in] table The table. */
	void (*table_retire)(void *ctx, const struct tdxc_mmu_table *table);
	/** @brief External page of a linked mirror table.
	 *  @param[in] ctx The port's. @param[in] pa The table's address.
	 *  @return Its host physical address. */
	uint64_t (*table_external)(void *ctx, uint64_t pa);
	/** @brief Whether the caller's lock is held so.
	 *  @param[in] ctx The port's. @param[in] lock #tdxc_lock
	 *  @return true when it is; exclusive counts as shared too. */
	bool (*lock_held)(void *ctx, enum tdxc_lock lock);
	/** @brief Whether a fault must not be completed: memory it concerns was
	 *  invalidated since fault->sequence, or is not (private or shared) as
	 *  the fault believes. Called in the frozen window; its reads must not
	 *  be moved before the freeze: acquire, or stronger.
	 *  @param[in] ctx The port's. @param[in] fault The fault.
	 *  @param[in] gfn First frame. @param[in] level Level of the entry.
	 *  @return true: the fault is retried. */
	bool (*is_stale)(void *ctx, const struct tdxc_fault *fault,
			 struct tdxc_gfn gfn, uint32_t level);
	/** @brief Change one entry of the external tree. Of a promotion, the
	 *  page of the table is freed by the op.
	 *  @param[in] ctx The port's. @param[in] change What to do.
	 *  @return TDXC_OK; TDXC_E_BUSY: unchanged, try again; TDXC_E_NOMEM:
	 *  unchanged, the port has too few pages of its own (Dynamic PAMT);
	 *  TDXC_E_OPNOTSUPP: unchanged, the external tree does not do that
	 *  here, such as a promotion of pages that are not all alike, or a page
	 *  of that size; anything else: unknown, the MMU is poisoned. */
	int (*external_set)(void *ctx,
			    const struct tdxc_external_change *change);
	/** @brief Remove leaves, or empty tables, from the external tree, and
	 *  get the pages back.
	 *  @param[in] ctx The port's. @param[in,out] entries status is set.
	 *  @param[in] n Number of them, at most TDXC_MMU_BATCH.
	 *  @param[in] lock How the caller holds its lock. */
	void (*external_remove)(void *ctx, struct tdxc_external_entry *entries,
				size_t n, enum tdxc_lock lock);
	/** @brief Get the external page of a table back, at teardown: its
	 *  children were given back before.
	 *  @param[in] ctx The port's. @param[in] gfn First frame it covers.
	 *  @param[in] level Level of the table. @param[in] external The page.
	 *  @return TDXC_OK: it was freed. Anything else: it is lost. */
	int (*external_reclaim)(void *ctx, struct tdxc_gfn gfn, uint32_t level,
				uint64_t external);
};

/** How an MMU is made. */
struct tdxc_mmu_config {
	uint32_t abi;			/**< TDXC_ABI. */
	uint32_t levels;		/**< 4 or 5. */
	const struct tdxc_mmu_ops *ops; /**< Kept by reference. */
	void *ctx;			/**< First argument of the ops. */
	/** Virtual minus physical address of table memory.
	 *  @units{bytes, multiple of 4 KiB} */
	uint64_t virt;
	/** The guest has private memory: a mirror root, an alias bit. */
	bool td;
	/** Before a zap takes 512 contiguous private 4 KiB pages of an aligned
	 *  2 MiB range, try to make them one (tdxc_sept_promotion_pays()). */
	bool promote_to_zap;
	/** Frame numbers are below this; at most the alias bit of a TD. */
	uint64_t end;
};

/** A root. References keep it; an invalid root goes with the last one. */
struct tdxc_root {
	struct tdxc_tree tree; /**< For tdxc_lookup() and iterators. */
	uint64_t refs;	       /**< Atomic; 0: the slot is free. */
	uint64_t state;	       /**< Class and flags; atomic. */
};

/** Pages mapped, by level 1 to 3, and table pages, per class of roots:
 *  [0] direct, [1] mirror. Two's complement: one CPU may map what another
 *  zaps. */
struct tdxc_mmu_counts {
	uint64_t pages[2][4]; /**< By level; [0] unused. */
	uint64_t tables[2];   /**< Without roots. */
	uint64_t frozen_met;  /**< Frozen entries of others met. */
	uint64_t lost;	      /**< Races lost at a compare and swap. */
	uint64_t busy;	      /**< TDXC_E_BUSY of the external tree. */
	uint64_t stale;	      /**< Changes given up in the frozen window. */
};

/** What one CPU (or thread) brings along: tables in reserve, and its share of
 *  the statistics. One operation at a time uses it. Zero it at first, and set
 *  @ref batch. */
struct tdxc_mmu_cpu {
	/** [0] direct, [1] mirror. */
	struct tdxc_mmu_table spare[2][TDXC_MAX_LEVELS];
	uint32_t nr_spare[2];	       /**< In reserve. */
	uint32_t frozen;	       /**< Entries this CPU owns now. */
	struct tdxc_mmu_counts counts; /**< Committed changes only. */
	/** For zaps of private memory and tdxc_mmu_remove_tables(); without
	 *  room these are refused. */
	struct tdxc_mmu_batch batch;
};

/** First failure that poisoned an MMU. */
struct tdxc_mmu_poison {
	uint64_t set;	      /**< 1: valid; atomic, written last. */
	struct tdxc_gfn gfn;  /**< First frame of the entry. */
	uint32_t level;	      /**< Level of the entry. */
	int err;	      /**< As the op returned it. */
	struct tdxc_spte old; /**< The mirror's value before. */
	struct tdxc_spte now; /**< What it was to become. */
};

/** The MMU of one guest. Caller-owned; members are the library's. */
struct tdxc_mmu {
	struct tdxc_mmu_config config;		/**< As given. */
	struct tdxc_mmio mmio;			/**< How MMIO entries look. */
	struct tdxc_root roots[TDXC_MMU_ROOTS]; /**< Slots. */
	/** Where the valid direct [0] and mirror [1] roots are; atomic, and a
	 *  claim on making one. */
	uint64_t valid[2];
	/** 1: poisoned, from before the first entry with an unknown outcome is
	 *  let go; atomic. Claim on @ref poison. */
	uint64_t poisoned;
	struct tdxc_mmu_poison poison; /**< First failure. */
};

/**
 * @brief Make an MMU without roots.
 * @param[out] mmu    Fully overwritten.
 * @param[in]  config Copied.
 * @retval TDXC_OK      Made.
 * @retval TDXC_E_INVAL abi, levels, end or virt, or an op is missing;
 * unchanged.
 * @return #tdxc_err
 */
TDXC_MUST_CHECK int tdxc_mmu_init(struct tdxc_mmu *mmu,
				  const struct tdxc_mmu_config *config);

/**
 * @brief Whether the outcome of an external change is unknown.
 * @param mmu MMU. @return true: see mmu->poison, once its `set` is 1.
 * @locks{none}
 */
static inline bool tdxc_mmu_is_poisoned(const struct tdxc_mmu *mmu)
{
	return tdxc_load_acquire(&mmu->poisoned) != 0;
}

/**
 * @brief Fill up a CPU's spare tables, before any lock is taken.
 *
 * @param[in]     mmu    MMU.
 * @param[in,out] cpu    CPU.
 * @param[in]     memory Which kind of tables the next operation may link.
 * @retval TDXC_OK      Enough for a walk from the root.
 * @retval TDXC_E_NOMEM Fewer; what was obtained stays in reserve.
 * @return #tdxc_err
 */
TDXC_MUST_CHECK int tdxc_mmu_topup(const struct tdxc_mmu *mmu,
				   struct tdxc_mmu_cpu *cpu,
				   enum tdxc_memory memory);

/**
 * @brief Give a CPU's spare tables back.
 * @param[in]     mmu MMU. @param[in,out] cpu CPU.
 */
void tdxc_mmu_release(const struct tdxc_mmu *mmu, struct tdxc_mmu_cpu *cpu);

/**
 * @brief Add one CPU's statistics to a sum.
 * @param[in,out] sum Sum. @param[in] cpu CPU, not in use.
 */
void tdxc_mmu_counts_add(struct tdxc_mmu_counts *sum,
			 const struct tdxc_mmu_cpu *cpu);

/* --- roots ------------------------------------------------------------------
 */

/**
 * @brief Get the valid root of a class, making it if there is none.
 *
 * @param[in,out] mmu   MMU.
 * @param[in]     kind  TDXC_ROOTS_DIRECT or TDXC_ROOTS_MIRROR.
 * @param[out]    root  The root, referenced: tdxc_root_put().
 * @retval TDXC_OK      Got.
 * @retval TDXC_E_INVAL Another class, or a mirror without a TD.
 * @retval TDXC_E_NOMEM No table memory.
 * @retval TDXC_E_NOSPC All slots hold roots that wait to be zapped.
 * @retval TDXC_E_AGAIN Another CPU is making it, or kept changing the
 *                      references; nothing changed.
 * @return #tdxc_err
 * @locks{shared or exclusive; not in a read-side section that cannot sleep}
 */
TDXC_MUST_CHECK int tdxc_root_get(struct tdxc_mmu *mmu, enum tdxc_roots kind,
				  struct tdxc_root **root);

/**
 * @brief Drop a reference. The MMU itself keeps one to every valid root, and
 *        to an invalid one until it is zapped.
 * @param[in,out] mmu  MMU. @param[in,out] root From tdxc_root_get().
 * @retval TDXC_OK      Dropped; the last one of an invalid, zapped root retires
 *                      its table.
 * @retval TDXC_E_INVAL It would be the last one of a root that is valid (R29)
 *                      or not zapped, or there is none; nothing changed.
 * @retval TDXC_E_AGAIN Other CPUs kept changing the count; nothing changed.
 * @return #tdxc_err
 * @locks{none}
 */
TDXC_MUST_CHECK int tdxc_root_put(struct tdxc_mmu *mmu, struct tdxc_root *root);

/**
 * @brief Whether a root is of one of the classes.
 * @param root    Root.
 * @param classes #tdxc_roots
 * @return Its class matches, and an invalid root only with TDXC_ROOTS_INVALID.
 */
bool tdxc_root_matches(const struct tdxc_root *root, uint32_t classes);

/**
 * @brief Invalidate all roots of some classes: no fault completes in them.
 *
 * The mirror root stays valid until the guest is torn down: invalidate
 * TDXC_ROOTS_DIRECT for a fast zap of everything (S002-6).
 *
 * @param[in,out] mmu     MMU.
 * @param[in]     classes TDXC_ROOTS_DIRECT, _MIRROR or both.
 * @param[in]     lock    TDXC_LOCK_EXCLUSIVE.
 * @retval TDXC_E_INVAL Wrong class or lock.
 * @return #tdxc_err
 */
TDXC_MUST_CHECK int tdxc_roots_invalidate(struct tdxc_mmu *mmu,
					  uint32_t classes,
					  enum tdxc_lock lock);

/** A page that a zap took out, or tried to. */
struct tdxc_zapped {
	struct tdxc_gfn gfn;	 /**< First frame. */
	uint32_t level;		 /**< 1 to 3. */
	int status;		 /**< TDXC_OK; else quarantine the page. */
	struct tdxc_spte old;	 /**< With A and D as they were last. */
	enum tdxc_memory memory; /**< Which half it was mapped in. */
};

/** A zap of whole roots that were invalidated. */
struct tdxc_roots_zap {
	struct tdxc_zapped *out; /**< Leaves; of the direct root too. */
	size_t room;		 /**< Entries of @ref out. */
	size_t nr_out;		 /**< Filled by this call. */
	uint64_t tables_lost;	 /**< External pages not reclaimed, so far. */
	/** @cond private */
	uint32_t slot;
	uint32_t stage;
	uint64_t cursor;
	uint64_t visits;
	/** @endcond */
};

/**
 * @brief Zap invalidated roots, a piece at a time, leaves before tables, and
 *        drop the MMU's references to them.
 *
 * Direct roots come first. Before they are zapped, all vCPUs have left the
 * guest once since tdxc_roots_invalidate(), and flush its TLBs when they enter
 * it again with another root: table memory is retired here, and no flush is
 * asked for.
 *
 * An external page that external_reclaim() does not give back is lost: counted
 * in zap->tables_lost, never freed. Of a poisoned MMU, private pages that are
 * still mapped are given up: they are in zap->out with TDXC_E_IO.
 *
 * @param[in,out] mmu  MMU.
 * @param[in,out] cpu  CPU.
 * @param[in,out] zap  Zero at first, but for out and room.
 * @param[in]     lock Shared; exclusive when a mirror root is among them: its
 *                     leaves must be gone and its KeyID be free (R39, R40).
 * @retval TDXC_OK      Done. @retval TDXC_E_AGAIN More to do: take zap->out
 *                      away and call again.
 * @retval TDXC_E_INVAL Room 0 or wrong lock; nothing happened.
 * @retval TDXC_E_BUSY  A mirror root still maps pages, and nothing was done to
 *                      it: zap its memory and call again.
 * @return #tdxc_err
 * @locks{shared or exclusive, inside a read-side section}
 */
TDXC_MUST_CHECK int tdxc_zap_roots(struct tdxc_mmu *mmu,
				   struct tdxc_mmu_cpu *cpu,
				   struct tdxc_roots_zap *zap,
				   enum tdxc_lock lock);

/* --- faults
 * ------------------------------------------------------------------- */

/** An EPT violation, and what the VMM knows about the page behind it. */
struct tdxc_fault {
	struct tdxc_gfn gfn; /**< Without alias bit. */
	uint64_t pa;	     /**< Page behind gfn rounded down to the level.
				  @units{bytes, aligned to the level} */
	uint64_t sequence;   /**< Invalidation sequence when pa was looked up.*/
	uint64_t generation; /**< MMIO: of the memory slots. */
	/** Private memory of a TD that is being built: page of the host's with
	 *  the first contents, and then @ref level is 1; 0: none.
	 *  @units{host physical address, 4 KiB aligned} */
	uint64_t source;
	uint32_t level; /**< Largest level allowed, 1 to 3. */
	/** EPT memory type of shared memory. Private memory is write-back: 6,
	 *  or 0 for "not said"; anything else is refused. @units{0..7} */
	uint8_t memory_type;
	bool is_private;    /**< In the private half. */
	bool prefetch;	    /**< No access: map ahead. */
	bool write;	    /**< The access was a write. */
	bool exec;	    /**< The access was a fetch. */
	bool mmio;	    /**< No memory here: shared half only. */
	bool host_writable; /**< Shared memory; private always is. */
	/** Shared memory: map without W, for dirty logging. A write is not
	 *  allowed then: log it, and fault without this. */
	bool write_protected;
};

/** What became of a fault. */
enum tdxc_fault_outcome {
	/** Mapped, or allowed what it was not before. */
	TDXC_FAULT_FIXED = 0,
	/** It was mapped already. */
	TDXC_FAULT_SPURIOUS,
	/** Frozen, lost, busy or stale, or the root is invalid: look everything
	 *  up again. */
	TDXC_FAULT_RETRY,
	/** MMIO, and the entry says so: emulate the access. A TD gets \#VE. */
	TDXC_FAULT_EMULATE,
	/** The access is not allowed: a write to a page that the host maps
	 *  read-only or that is write-protected, a fetch from the shared half
	 *  of a TD. */
	TDXC_FAULT_ACCESS,
	/** The MMU is poisoned; the page was not lent. */
	TDXC_FAULT_POISONED,
};

/**
 * @brief Handle a fault.
 *
 * Tables on the way are linked first; they stay when a later step fails (an
 * empty table is legal in both trees). One external change per entry; none for
 * a spurious fault. Whether the fault is stale is asked once, while the entry
 * that maps its page is frozen; not for tables, which map nothing.
 *
 * A large page is mapped where the level allows it and no table is in the way;
 * below a table that is there already, smaller pages of the same memory are.
 *
 * After an external change whose outcome is unknown, the entry is what it was
 * before, so that nothing is mapped that may not be there; what may be there is
 * the page in mmu->poison.now. Of a table, the external page is lost: its
 * memory goes to table_free() with external = 0.
 *
 * @param[in,out] mmu   MMU.
 * @param[in]     root  Mirror root for private, direct root for shared memory.
 * @param[in,out] cpu   CPU, topped up.
 * @param[in]     fault What happened.
 * @param[in]     lock  #tdxc_lock
 * @return #tdxc_fault_outcome, or
 * @retval TDXC_E_INVAL A frame beyond the end or with the alias bit, a root of
 *                      the other class, a level or address that do not fit,
 *                      private memory with a memory type, write protection or
 *                      MMIO, a source of shared memory or of a large page, a
 *                      lock that is not held; nothing changed.
 * @retval TDXC_E_NOMEM The CPU was not topped up, or external_set() said so;
 *                      tables linked so far stay.
 * @retval TDXC_E_OPNOTSUPP external_set() said so: ask for a smaller level.
 *                      Tables linked so far stay.
 * @retval TDXC_E_EXIST Another page is mapped there (R37), or a large page
 *                      where smaller ones are wanted: tdxc_mmu_demote(); or the
 *                      table holds what no operation has written, such as zeros
 *                      (R35). Nothing changed, and the fault is not stale.
 * @retval TDXC_E_IO    The outcome of lending the page is unknown, and the MMU
 *                      is poisoned now: quarantine the page.
 * @locks{shared or exclusive, inside a read-side section}
 * @source{kvm-mirror-mmu.md 4, 12}
 */
TDXC_MUST_CHECK int tdxc_mmu_fault(struct tdxc_mmu *mmu, struct tdxc_root *root,
				   struct tdxc_mmu_cpu *cpu,
				   const struct tdxc_fault *fault,
				   enum tdxc_lock lock);

/** A range to map ahead. */
struct tdxc_populate {
	/** As for a fault at each page: level is the largest that is allowed;
	 *  gfn is filled in, and pa where there are @ref pages, and source
	 *  where there are @ref sources. */
	struct tdxc_fault like;
	struct tdxc_gfn start; /**< First frame. */
	uint64_t frames;       /**< How many. */
	/** Pages, one per frame; NULL: contiguous from like.pa on.
	 *  @units{host physical addresses} */
	const uint64_t *pages;
	/** Pages with the first contents, one per frame, 0 where there are
	 *  none; NULL: contiguous from like.source on, if that is not 0. Of a
	 *  page that is mapped already the source is not looked at.
	 *  @units{host physical addresses} */
	const uint64_t *sources;
	uint64_t done;	 /**< Frames done: the cursor. 0 at first. */
	uint64_t mapped; /**< Frames that were not mapped before. */
};

/**
 * @brief Map a range ahead, a piece at a time.
 *
 * An aligned, contiguous range of 2 MiB or 1 GiB becomes one leaf where
 * like.level allows and no table is in the way. A leaf table of the direct root
 * that does not exist yet is filled before it is linked; whether its pages are
 * stale is asked for all of them at once while the entry above is frozen, and
 * for each of them only if that says yes and the range has not all of them.
 * Otherwise, and in a mirror, each page is a change of its own, as in
 * tdxc_mmu_fault(). Pages that are mapped already, as wanted, are skipped.
 *
 * Whatever is returned, the frames before p->done are mapped, no entry stays
 * frozen, and the frame at p->done is what a fault on it would have left.
 *
 * @param[in,out] mmu  MMU.
 * @param[in]     root As for a fault.
 * @param[in,out] cpu  CPU, topped up.
 * @param[in,out] p    What to map, and how far it is.
 * @param[in]     lock #tdxc_lock
 * @retval TDXC_OK      All mapped.
 * @retval TDXC_E_AGAIN More to do, or a page is stale, or its entry frozen: top
 *                      up, look the pages from p->done on up again if
 *                      p->like.sequence is old, and call again.
 * @retval TDXC_E_BUSY  The external tree is busy: the same, later.
 * @retval TDXC_E_INVAL The range or a page of it is out of bounds, MMIO, or as
 *                      for a fault.
 * @retval TDXC_E_NOMEM The CPU was not topped up, and nothing was done; or the
 *                      external tree has too few pages of its own: give it
 *                      more, and call again.
 * @retval TDXC_E_OPNOTSUPP The external tree does not take a page of the size
 *                      there is at p->done: call again with a smaller level.
 * @retval TDXC_E_EXIST Another page is mapped at p->done; see a fault.
 * @retval TDXC_E_IO    Quarantine the page at p->done; see a fault.
 * @retval TDXC_FAULT_RETRY    The root is invalid: begin again with the valid
 *                             one (H19).
 * @retval TDXC_FAULT_ACCESS   The access of @ref tdxc_populate::like is not
 *                             allowed.
 * @retval TDXC_FAULT_POISONED The MMU is poisoned; no page was lent since.
 * @return One of these.
 * @locks{shared or exclusive, inside a read-side section}
 * @complexity{up to #TDXC_MMU_VISITS entries, and contiguous pages are
 *             compared once per level}
 */
TDXC_MUST_CHECK int tdxc_mmu_populate(struct tdxc_mmu *mmu,
				      struct tdxc_root *root,
				      struct tdxc_mmu_cpu *cpu,
				      struct tdxc_populate *p,
				      enum tdxc_lock lock);

/* --- zaps
 * ---------------------------------------------------------------------- */

/** Why a range is zapped; decides which half. @source{seeds.md S002-7, S002-8}
 */
enum tdxc_zap_reason {
	TDXC_ZAP_SLOT_DELETED, /**< Private and shared. */
	TDXC_ZAP_NOTIFIER,     /**< Host unmapped it: shared. */
	TDXC_ZAP_TO_SHARED,    /**< Conversion to shared: private. */
	TDXC_ZAP_TO_PRIVATE,   /**< Conversion to private: shared. */
	TDXC_ZAP_BACKING_GONE, /**< Hole in the private backing: private. */
	TDXC_ZAP_MTRR,	       /**< Refused for a TD. */
	TDXC_ZAP_CR0_CD,       /**< Refused for a TD. */
	TDXC_ZAP_APICV,	       /**< Refused for a TD. */
	TDXC_ZAP_DMA,	       /**< Non-coherent DMA: none for a TD, its PAT is
				    honoured. */
	TDXC_ZAP_REASONS       /**< Number of reasons. */
};

/**
 * @brief Which memory a zap for a reason concerns.
 * @param td     The guest is a TD.
 * @param reason #tdxc_zap_reason
 * @param memory Result: #tdxc_memory bits; 0: nothing to zap. A guest without
 *               private memory has shared memory only, whatever the reason.
 * @retval TDXC_OK          Filled. @retval TDXC_E_OPNOTSUPP Refused.
 * @retval TDXC_E_INVAL     No reason; unchanged.
 * @return #tdxc_err
 */
TDXC_MUST_CHECK int tdxc_zap_memory(bool td, enum tdxc_zap_reason reason,
				    uint32_t *memory);

/** A range to zap. */
struct tdxc_zap {
	struct tdxc_gfn start;	     /**< First frame. */
	struct tdxc_gfn end;	     /**< One past the last. */
	enum tdxc_zap_reason reason; /**< Why. */
	/** Caller's array: pages taken out by this call, in order. */
	struct tdxc_zapped *out;
	size_t room;   /**< Entries of @ref out. */
	size_t nr_out; /**< Filled by this call. */
	/** Result: this call zapped shared entries, flush the guest's TLBs
	 *  before the lock or the read-side section is left. */
	bool flush;
	/** @cond private */
	uint64_t fence;
	uint32_t root;
	uint64_t cursor;
	uint64_t visits;
	bool started;
	/** @endcond */
};

/**
 * @brief Unmap a range in the half, or halves, that the reason concerns.
 *
 * Leaves only: tables stay, and so do MMIO entries, which their generation
 * invalidates. Invalid roots are zapped too: a CPU may still be using one.
 *
 * A leaf that lies partly outside the range is unmapped whole in the direct
 * root, and in the mirror refused with TDXC_E_EXIST: tdxc_mmu_demote() first.
 *
 * The caller has begun an invalidation that its is_stale() knows of; the call
 * starts with a full memory barrier, so that a fault that has not frozen its
 * entry yet finds itself stale, and one that has is waited for. An entry that
 * stays frozen for TDXC_MMU_SPINS looks ends the call with TDXC_E_AGAIN.
 *
 * Private pages are removed in batches, one external_remove() for each. A page
 * whose removal has an unknown outcome stays in the mirror, where no other page
 * can be lent in its place; a later zap tries to remove it again. One that was
 * busy stays, too, and the cursor with it.
 *
 * Where config.promote_to_zap says so, a whole 2 MiB range of contiguous 4 KiB
 * pages is promoted first, and goes as one page of level 2; if that does not
 * work, its pages are removed one by one.
 *
 * @param[in,out] mmu  MMU. @param[in,out] cpu CPU.
 * @param[in,out] zap  Zero its private members at first.
 * @param[in]     lock #tdxc_lock
 * @retval TDXC_OK          Nothing is mapped there any more, but for what was
 *                          reported with a status.
 * @retval TDXC_E_AGAIN     More to do: take zap->out away and call again.
 * @retval TDXC_E_BUSY      The external tree was busy: unmapped are the entries
 *                          in zap->out; call again.
 * @retval TDXC_E_IO        Poisoned: an entry of zap->out has a status, or the
 *                          outcome of a promotion is unknown. Calling again
 *                          goes on behind the one, and tries to remove the
 *                          pages of the other.
 * @retval TDXC_E_OPNOTSUPP The reason is refused; nothing happened.
 * @retval TDXC_E_EXIST     See above; nothing happened to that leaf, and those
 *                          before it are in zap->out.
 * @retval TDXC_E_INVAL     A frame beyond the end or with the alias bit, a
 *                          reason that is none, room 0, private memory and no
 *                          room in cpu->batch, or a lock that is not held;
 *                          nothing happened.
 * @return #tdxc_err
 * @locks{shared or exclusive, inside a read-side section}
 */
TDXC_MUST_CHECK int tdxc_mmu_zap(struct tdxc_mmu *mmu, struct tdxc_mmu_cpu *cpu,
				 struct tdxc_zap *zap, enum tdxc_lock lock);

/* --- private pages that change their size or place, tables that go ----------
 */

/**
 * @brief Make 512 smaller pages of a large private page.
 *
 * Before part of it is zapped, or accepted at 4K. The guest's access to it
 * faults until then, and nothing of its contents or of what it accepted is
 * lost. The entry is frozen while the external tree changes; then the smaller
 * pages are there, all at once.
 *
 * @param[in,out] mmu   MMU. @param[in,out] root Mirror root.
 * @param[in,out] cpu   CPU, topped up.
 * @param[in]     gfn   Any frame of the page.
 * @param[in]     level Largest level wanted there: 1 or 2.
 * @param[in]     lock  #tdxc_lock
 * @retval TDXC_OK      No larger page is mapped there; also if none was, or if
 *                      nothing is mapped.
 * @retval TDXC_E_AGAIN The entry is frozen, or changed; nothing changed but
 *                      levels above @p level + 1.
 * @retval TDXC_E_BUSY  The external tree is busy; the same.
 * @retval TDXC_E_NOMEM The CPU was not topped up, or the port's op said so; the
 *                      same.
 * @retval TDXC_E_OPNOTSUPP The external tree does not do it; the same.
 * @retval TDXC_E_INVAL Not a valid mirror root, a frame beyond the end or with
 *                      the alias bit, a level, or a lock that is not held.
 * @retval TDXC_E_IO    Poisoned, now or before. The large page stays in the
 *                      mirror, and the table's external page is lost: its
 *                      memory goes to table_free() with external = 0.
 * @return #tdxc_err
 * @locks{shared or exclusive, inside a read-side section}
 * @source{tdx-module-abi.md 15.3; kvm-mirror-mmu.md 11 H14}
 */
TDXC_MUST_CHECK int tdxc_mmu_demote(struct tdxc_mmu *mmu,
				    struct tdxc_root *root,
				    struct tdxc_mmu_cpu *cpu,
				    struct tdxc_gfn gfn, uint32_t level,
				    enum tdxc_lock lock);

/**
 * @brief Make one large page of 512 private pages.
 *
 * The table above them and all its entries are frozen while the external tree
 * changes: faults on them are retried. Afterwards the table is retired.
 *
 * @param[in,out] mmu   MMU. @param[in,out] root Mirror root.
 * @param[in,out] cpu   CPU; nothing is taken from it.
 * @param[in]     gfn   Any frame of the page to be.
 * @param[in]     level Of the page to be: 2 or 3.
 * @param[in]     lock  #tdxc_lock
 * @retval TDXC_OK      One page is mapped there; also if it was before.
 * @retval TDXC_E_NOENT There are not 512 leaves of the level below, contiguous
 *                      and aligned as a whole; nothing changed.
 * @retval TDXC_E_AGAIN An entry is frozen, or changed; nothing changed.
 * @retval TDXC_E_BUSY  The external tree is busy; nothing changed.
 * @retval TDXC_E_NOMEM The port's op said so; nothing changed.
 * @retval TDXC_E_OPNOTSUPP The external tree does not do it: the guest has
 *                      accepted some of the pages and not others, say; nothing
 *                      changed.
 * @retval TDXC_E_INVAL As tdxc_mmu_demote().
 * @retval TDXC_E_IO    Poisoned, now or before. The 512 pages stay in the
 *                      mirror.
 * @return #tdxc_err
 * @locks{shared or exclusive, inside a read-side section}
 * @complexity{513 entries frozen}
 * @source{tdx-module-abi.md 15.2}
 */
TDXC_MUST_CHECK int tdxc_mmu_promote(struct tdxc_mmu *mmu,
				     struct tdxc_root *root,
				     struct tdxc_mmu_cpu *cpu,
				     struct tdxc_gfn gfn, uint32_t level,
				     enum tdxc_lock lock);

/**
 * @brief Move a private 4 KiB page to another page of the host's.
 *
 * Faults that looked the frame up before are stale: as for a zap, the caller
 * has begun an invalidation that its is_stale() knows of. One that is not finds
 * another page mapped than it wants, and gets TDXC_E_EXIST.
 *
 * @param[in,out] mmu  MMU. @param[in,out] root Mirror root.
 * @param[in,out] cpu  CPU; nothing is taken from it.
 * @param[in]     gfn  The frame.
 * @param[in,out] pa   The new page, another one than is mapped; afterwards the
 *                     old one, which is the host's again. Untouched on error.
 *                     @shape{4 KiB aligned}
 * @param[in]     lock #tdxc_lock
 * @retval TDXC_OK      Moved.
 * @retval TDXC_E_NOENT No 4 KiB page is mapped there; nothing changed.
 * @retval TDXC_E_AGAIN, TDXC_E_BUSY, TDXC_E_NOMEM, TDXC_E_OPNOTSUPP,
 *         TDXC_E_INVAL As tdxc_mmu_demote(); nothing changed.
 * @retval TDXC_E_IO    Poisoned, now or before; now: quarantine both pages.
 * @return #tdxc_err
 * @locks{shared or exclusive, inside a read-side section}
 * @source{tdx-module-abi.md 7.6}
 */
TDXC_MUST_CHECK int tdxc_mmu_relocate(struct tdxc_mmu *mmu,
				      struct tdxc_root *root,
				      struct tdxc_mmu_cpu *cpu,
				      struct tdxc_gfn gfn, uint64_t *pa,
				      enum tdxc_lock lock);

/** Tables to remove, where they are empty. */
struct tdxc_table_zap {
	struct tdxc_gfn start; /**< First frame; moves up to the end. */
	struct tdxc_gfn end;   /**< One past the last. */
	uint64_t removed;      /**< Tables removed so far. */
};

/**
 * @brief Remove the empty tables of the mirror that lie within a range, while
 *        the guest is alive.
 *
 * A table that becomes empty because those below it went is found by the next
 * pass over the range: begin again until @ref tdxc_table_zap::removed stays the
 * same. Tables go in batches, one external_remove() for each. A table that is
 * not empty, or whose entries someone holds frozen, is passed by: nothing here
 * waits.
 *
 * @param[in,out] mmu  MMU. @param[in,out] root Mirror root.
 * @param[in,out] cpu  CPU, with room for a batch.
 * @param[in,out] zap  What to do, and how far it is. Zero @ref
 *                     tdxc_table_zap::removed at first.
 * @param[in]     lock #tdxc_lock
 * @retval TDXC_OK      Gone through.
 * @retval TDXC_E_AGAIN More to do, from zap->start on.
 * @retval TDXC_E_BUSY  The external tree is busy: the same, later.
 * @retval TDXC_E_IO    Poisoned, now or before. A table that may be gone stays
 *                      in the mirror, empty; one whose page is lost is removed.
 * @retval TDXC_E_INVAL As tdxc_mmu_demote(), or no room for a batch.
 * @return #tdxc_err
 * @locks{shared or exclusive, inside a read-side section}
 * @source{tdx-module-abi.md 15.1}
 */
TDXC_MUST_CHECK int tdxc_mmu_remove_tables(struct tdxc_mmu *mmu,
					   struct tdxc_root *root,
					   struct tdxc_mmu_cpu *cpu,
					   struct tdxc_table_zap *zap,
					   enum tdxc_lock lock);

/* --- tracking: the direct root only
 * ---------------------------------------------- */

/**
 * @brief Write-protect a range of the direct root, so that writes fault.
 *
 * Large pages that reach beyond the range are protected whole. D bits stay.
 *
 * @param[in]     mmu   MMU. @param[in,out] root Direct root.
 * @param[in,out] start First frame; afterwards the first that is not done.
 * @param[in]     end   One past the last.
 * @param[in]     lock  #tdxc_lock
 * @param[out]    flush An entry lost W in this call: flush the guest's TLBs
 *                      before the lock or the read-side section is left.
 * @retval TDXC_OK      Nothing in the range is writable.
 * @retval TDXC_E_AGAIN More to do, from @p start on.
 * @retval TDXC_E_INVAL A mirror root (R36), a range, or a lock that is not
 *                      held; nothing changed.
 * @return #tdxc_err
 * @locks{shared or exclusive, inside a read-side section}
 */
TDXC_MUST_CHECK int tdxc_mmu_write_protect(const struct tdxc_mmu *mmu,
					   struct tdxc_root *root,
					   struct tdxc_gfn *start,
					   struct tdxc_gfn end,
					   enum tdxc_lock lock, bool *flush);

/**
 * @brief Collect and clear D bits of up to 64 frames of the direct root.
 *
 * A large page that is dirty is dirty for each of its frames and stays so: its
 * D bit stands for frames that were not asked for, too.
 *
 * @param[in]     mmu   MMU. @param[in,out] root Direct root.
 * @param[in]     start First frame. @units{multiple of 64}
 * @param[in]     mask  Frames to look at: bit i is start + i.
 * @param[in]     lock  #tdxc_lock
 * @param[out]    dirty Bit i: frame start + i was dirty, and is clean now where
 *                      it is no part of a large page. Not 0: flush the guest's
 *                      TLBs, which remember D, before the lock or the read-side
 *                      section is left.
 * @retval TDXC_OK      All looked at.
 * @retval TDXC_E_AGAIN An entry stayed frozen. What was collected is in
 *                      @p dirty: keep it and call again.
 * @retval TDXC_E_INVAL A mirror root, frames beyond the end, or a lock that is
 *                      not held; nothing changed.
 * @return #tdxc_err
 * @locks{shared or exclusive, inside a read-side section}
 */
TDXC_MUST_CHECK int tdxc_mmu_clear_dirty(const struct tdxc_mmu *mmu,
					 struct tdxc_root *root,
					 struct tdxc_gfn start, uint64_t mask,
					 enum tdxc_lock lock, uint64_t *dirty);

/**
 * @brief Whether a range of the direct root was accessed.
 *
 * A hint: entries that are just being changed are passed by, and no flush is
 * needed.
 *
 * @param[in,out] root  Direct root, referenced.
 * @param[in,out] start First frame; afterwards the first that is not done.
 * @param[in]     end   One past the last.
 * @param[in]     clear Clear the A bits too.
 * @param[out]    young Some page that this call looked at was accessed.
 * @retval TDXC_OK      All looked at, or enough.
 * @retval TDXC_E_AGAIN More to do, from @p start on.
 * @retval TDXC_E_INVAL A mirror root (R45), or a range; nothing changed.
 * @return #tdxc_err
 * @locks{none; inside a read-side section}
 */
TDXC_MUST_CHECK int tdxc_mmu_age(struct tdxc_root *root, struct tdxc_gfn *start,
				 struct tdxc_gfn end, bool clear, bool *young);

#ifdef __cplusplus
}
#endif

#endif
