/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * @file
 * @brief The Secure EPT of a TD: the mirror's external tree as SEAMCALLs.
 *
 * tdxc_sept_set(), tdxc_sept_remove() and tdxc_sept_reclaim() are what a port's
 * tdxc_mmu_ops call for a mirror root. Pages are given back only when the
 * module has let them go *and* their lines under the TD's KeyID are written
 * back; a page that may still be the module's is *quarantined*: named in a list
 * with the answer that it got, and never handed back.
 *
 * What a removal costs depends on where the TD is in its life:
 *
 * | stage       | a removal of n 4 KiB pages                    | SEAMCALLs |
 * |-------------|-----------------------------------------------|-----------|
 * | BUILD       | REMOVE and write-back of each                 | 2n        |
 * | RUN         | BLOCK all, TRACK, vCPUs out, REMOVE and       | 3n + 1    |
 * |             | write-back of all                             |           |
 * | RELEASED    | RECLAIM of each: the KeyID is free, and its   | n         |
 * |             | lines were written back by PHYMEM.CACHE.WB    |           |
 *
 * TLB tracking. Between BLOCK and REMOVE of an entry a TRACK has to succeed,
 * and each vCPU to be outside the TD once after it. CPUs that remove at the
 * same time share that: one of them makes the TRACK for all who had blocked
 * their entries before it began. It is also what lets the *next* TRACK succeed,
 * so the vCPUs are forced out after every TRACK, and TRACKs never overlap.
 *
 * Busy. The module's locks are try-locks; a call that finds one taken is
 * repeated a bounded number of times. Then, once, the *guarded retry*: vCPU
 * entry is held, the vCPUs are forced out, the call is repeated as often again,
 * and entry is allowed. Only vCPUs and their guests can contend with a removal
 * for long, so this ends. If it does not, the caller gets TDXC_E_BUSY where
 * nothing changed; a removal that cannot go on is undone (UNBLOCK) where the
 * module allows it. It allows that after TRACK only: where TRACK itself stays
 * busy, what was blocked stays so.
 *
 * With Dynamic PAMT the module may refuse to write back 4 KiB of a large page
 * that is free, for there is no PAMT entry of 4 KiB. The range gets a pair
 * meanwhile, which costs three calls.
 *
 * vCPUs enter through tdxc_sept_enter_begin() and tdxc_sept_enter_end(), which
 * tdxc_td_enter() (td.h) calls.
 *
 * @source{tdx-module-abi.md 7, 9.4, 15; kvm-mirror-mmu.md 6, 12;
 *         linux-host-tdx.md 9.2}
 */
#ifndef TDXCORE_SEPT_H
#define TDXCORE_SEPT_H

#include <tdxcore/mirror.h>
#include <tdxcore/pamt.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Looks at a vCPU that was told to leave, before it counts as stuck; about a
 *  second. */
#define TDXC_SEPT_KICK_SPINS 20000000u
/** Looks at a TRACK that another CPU is making; it waits for vCPUs itself. */
#define TDXC_SEPT_TRACK_SPINS 60000000u
/** What forcing the vCPUs of a TD out costs, as a number of SEAMCALLs: an
 *  interrupt, an exit and an entry of each, with its TLB empty. */
#define TDXC_SEPT_BROADCAST_COST 64u

/** Where a TD is in its life, as far as its private memory is concerned. */
enum tdxc_sept_stage {
	TDXC_SEPT_NONE,	 /**< No keys: nothing can be lent. */
	TDXC_SEPT_BUILD, /**< INITIALIZED: PAGE.ADD, no tracking. */
	TDXC_SEPT_RUN,	 /**< RUNNABLE: PAGE.AUG, tracking. */
	/** The KeyID is being given back: nothing can be lent or removed. */
	TDXC_SEPT_CLOSED,
	TDXC_SEPT_RELEASED, /**< The KeyID is free: RECLAIM. */
	TDXC_SEPT_STAGES    /**< Number of stages. */
};

/** What a quarantined page was. */
enum tdxc_sept_use {
	TDXC_SEPT_PAGE,	   /**< A private page of the guest. */
	TDXC_SEPT_TABLE,   /**< A page of the Secure EPT. */
	TDXC_SEPT_CONTROL, /**< TDR, TDCX, TDVPR; see td.h. */
	TDXC_SEPT_PAIR,	   /**< A Dynamic PAMT page handed to DEMOTE. */
};

/** A page that may be the module's, and why that is not known. */
struct tdxc_sept_lost {
	/** 1: the entry is valid; 2: the page came back after all, by a later
	 *  removal or RECLAIM. Atomic, written last. */
	uint64_t state;
	uint64_t pa;		/**< First byte. */
	uint32_t level;		/**< Its size: 1 to 3. */
	enum tdxc_sept_use use; /**< What it was. */
	struct tdxc_gfn gfn;	/**< First frame; 0 for control pages. */
	/** The call that failed. */
	struct tdxc_seamcall_diag diag;
};

/** A list of pages that are not handed back. Any number of CPUs may add. */
struct tdxc_sept_quarantine {
	struct tdxc_sept_lost *lost; /**< Zeroed. @shape{room entries} */
	uint32_t room;		     /**< Entries of @ref lost. */
	/** Pages quarantined, also those there was no room to name; atomic. */
	uint64_t count;
	uint64_t recovered; /**< Of these: came back later; atomic. */
};

/** How vCPU entry and TLB tracking see a vCPU. One cache line. */
struct tdxc_sept_vcpu {
	/** Odd: it may be in the TD. Atomic. */
	uint64_t sequence;
	/** 1: it was told to leave and has not yet. Atomic; for the port. */
	uint64_t kicked;
	uint64_t pad[6]; /**< Of the cache line. */
};

/** Effects. All members mandatory. */
struct tdxc_sept_ops {
	uint32_t abi; /**< TDXC_ABI. */
	/** @brief Make a vCPU leave the TD soon; does not wait.
	 *  @param[in] ctx The port's. @param[in] vcpu Index. Called for vCPUs
	 *  that may be inside only; more than once if it does not help. */
	void (*kick)(void *ctx, uint32_t vcpu);
	/** @brief Let others run while the library waits for a vCPU, or for
	 *  another CPU's TRACK: a pause, or a yield where that is allowed.
	 *  @param[in] ctx The port's. */
	void (*relax)(void *ctx);
	/** @brief CLFLUSH a page, before it is lent, under KeyID 0. Called only
	 *  where config.clflush is set.
	 *  @param[in] ctx The port's. @param[in] pa First byte.
	 *  @param[in] bytes 4 KiB or 2 MiB. */
	void (*clflush)(void *ctx, uint64_t pa, uint64_t bytes);
	/** @brief Write zeros with MOVDIR64B over a page, then a full fence.
	 *  Called only where config.rewrite is set, before a page is the host's
	 *  again.
	 *  @param[in] ctx The port's. @param[in] pa First byte.
	 *  @param[in] bytes 4 KiB or more. */
	void (*rewrite)(void *ctx, uint64_t pa, uint64_t bytes);
	/** @brief The calling CPU's cache of Dynamic PAMT pages.
	 *  @param[in] ctx The port's.
	 *  @return Filled before locks were taken, tdxc_pamt_cache_need(), and
	 *  2 for each demotion; 2, for a removal of large pages, whatever their
	 *  number; with room for 2 more, for a promotion and what goes back.
	 *  NULL: none, with static PAMT. */
	struct tdxc_pamt_cache *(*pamt_cache)(void *ctx);
	/** @brief A page of the Secure EPT is the host's again.
	 *  @param[in] ctx The port's. @param[in] pa The page. */
	void (*table_free)(void *ctx, uint64_t pa);
};

/** The TD, and its machine. */
struct tdxc_sept_config {
	uint32_t abi;			 /**< TDXC_ABI. */
	const struct tdxc_sept_ops *ops; /**< Kept by reference. */
	void *ctx;			 /**< First argument of the ops. */
	/** Kept by reference. */
	const struct tdxc_seamcall_port *port;
	struct tdxc_seamcall_limits limits; /**< Of every call. */
	struct tdxc_pamt *pamt;		    /**< Kept by reference. */
	uint32_t pa_bits; /**< Address bits below the KeyID. @units{32..52} */
	bool clflush;	  /**< TDXC_FEATURE_CLFLUSH: before lending. */
	bool rewrite;	  /**< Partial-write erratum: before reusing. */
	/** Spins; 0: the usual ones above. @units{calls of relax} */
	uint32_t kick_spins;
	uint32_t track_spins;	 /**< See @ref kick_spins. */
	uint32_t broadcast_cost; /**< 0: TDXC_SEPT_BROADCAST_COST. */
	/** Kept by reference, zeroed. @shape{nr_vcpus entries, 64 aligned} */
	struct tdxc_sept_vcpu *vcpus;
	uint32_t nr_vcpus; /**< Those the TD may ever have. */
	/** Kept by reference; may be shared by TDs. */
	struct tdxc_sept_quarantine *quarantine;
};

/** Counted since tdxc_sept_init(); each atomic. */
struct tdxc_sept_counts {
	uint64_t tracks;     /**< TRACKs that succeeded. */
	uint64_t shared;     /**< Removals that used another CPU's TRACK. */
	uint64_t broadcasts; /**< Times all vCPUs had to be out. */
	uint64_t kicks;	     /**< vCPUs that had to be told. */
	uint64_t busy;	     /**< Calls that found a lock taken. */
	uint64_t guarded;    /**< Times vCPU entry was held. */
	uint64_t undone;     /**< Entries blocked, and unblocked again. */
	uint64_t promoted;   /**< PROMOTEs that succeeded. */
	uint64_t demoted;    /**< DEMOTEs that succeeded. */
};

/** The Secure EPT of one TD. Caller-owned; members are the library's. */
struct tdxc_sept {
	struct tdxc_sept_config config; /**< As given. */
	uint64_t tdr;			/**< Root page of the TD. */
	uint32_t keyid;			/**< Its KeyID. */
	uint64_t stage;			/**< #tdxc_sept_stage; atomic. */
	uint64_t track_lock;  /**< 1: a CPU is making a TRACK; atomic. */
	uint64_t track_begun; /**< Number of the last TRACK begun; atomic. */
	uint64_t track_done;  /**< Number of the last one that ended well, with
				   all vCPUs out after it; atomic. */
	uint64_t held;	      /**< CPUs that hold vCPU entry; atomic. */
	struct tdxc_sept_counts counts; /**< Statistics. */
	uint64_t diagnosing;		/**< Claim on @ref diag; atomic. */
	/** First failure with an unknown outcome, the call behind
	 *  mmu->poison; valid when @ref diagnosed is 1. */
	struct tdxc_seamcall_diag diag;
	uint64_t diagnosed; /**< Atomic, written last. */
};

/**
 * @brief Begin: stage NONE, no call is made.
 * @param[out] sept   Fully overwritten.
 * @param[in]  config Copied.
 * @retval TDXC_OK      Ready for tdxc_sept_open().
 * @retval TDXC_E_INVAL abi, also of the port; an op or pointer is missing,
 *                      pa_bits, or vcpus not aligned; unchanged.
 * @return #tdxc_err
 */
TDXC_MUST_CHECK int tdxc_sept_init(struct tdxc_sept *sept,
				   const struct tdxc_sept_config *config);

/**
 * @brief Which TD it is, once it has a TDR and a KeyID; before any sharing.
 * @param[in,out] sept  At stage NONE.
 * @param[in]     tdr   Root page. @param[in] keyid Its KeyID.
 */
void tdxc_sept_open(struct tdxc_sept *sept, uint64_t tdr, uint32_t keyid);

/**
 * @brief Go to a stage; td.h does that as the TD goes through its life.
 * @param[in,out] sept Object. @param[in] stage Never an earlier one.
 * @locks{the caller's, exclusive: no tdxc_sept_set() or _remove() runs}
 */
void tdxc_sept_set_stage(struct tdxc_sept *sept, enum tdxc_sept_stage stage);

/* --- the mirror's ops ------------------------------------------------------
 */

/**
 * @brief tdxc_mmu_ops::external_set() of a TD.
 *
 * | change       | calls                                                   |
 * |--------------|---------------------------------------------------------|
 * | link a table | SEPT.ADD                                                |
 * | map a page   | PAGE.AUG of 4 KiB or 2 MiB                              |
 * | with source  | PAGE.ADD of 4 KiB, in BUILD only                        |
 * | demote       | DEMOTE                                                  |
 * | promote      | PROMOTE, write-back of the table's page                 |
 * | relocate     | RELOCATE, write-back of the old page                    |
 *
 * In RUN the last three begin with BLOCK, TRACK, and all vCPUs out. Where they
 * are refused then, UNBLOCK makes the entry what it was. Dynamic PAMT pairs are
 * got before and put after. A page for a table that a DEMOTE may have written
 * to before it gave up is written back.
 *
 * A promotion whose table's page cannot be written back is done all the same;
 * that page is quarantined and not given to table_free().
 *
 * @param[in,out] sept   The TD's. @param[in] change What to do.
 * @retval TDXC_OK          Done.
 * @retval TDXC_E_BUSY      The module stayed busy; unchanged.
 * @retval TDXC_E_NOMEM     The pamt_cache() has too few pages, or too little
 *                          room; unchanged.
 * @retval TDXC_E_OPNOTSUPP The stage is none of the two; a source in RUN; a
 *                          page larger than the module maps, or in a range in
 *                          use at 4 KiB; a page in no TDMR; a promotion of
 *                          pages that are not alike
 *                          (EPT_INVALID_PROMOTE_CONDITIONS), or of a range
 *                          whose references or pair do not allow it; unchanged.
 * @retval TDXC_E_INVAL     The change is none of the five; unchanged.
 * @retval TDXC_E_IO        Anything else: what the module has is not known, or
 *                          the module refused what can only be a bug, or an
 *                          entry stays blocked because TRACK or UNBLOCK did not
 *                          succeed; the pages are quarantined, sept->diag
 *                          tells.
 * @return One of these.
 * @locks{the mirror's, shared or exclusive; the entry is frozen by the caller}
 */
TDXC_MUST_CHECK int tdxc_sept_set(struct tdxc_sept *sept,
				  const struct tdxc_external_change *change);

/**
 * @brief tdxc_mmu_ops::external_remove() of a TD: leaves, or empty tables.
 *
 * One TRACK and one broadcast at most for the whole batch, as the table at the
 * top says; tables take BLOCK, TRACK, SEPT.REMOVE and write-back. An entry that
 * is blocked already is taken on from there, so a removal that failed half way
 * may be tried again. Each entry has its own result, and one that fails does
 * not stop the others.
 *
 * | what happens                    | status   | removed | entry             |
 * |---------------------------------|----------|---------|-------------------|
 * | all went well                   | OK       |         | free              |
 * | BLOCK stays busy                | E_BUSY   |         | as it was         |
 * | REMOVE stays busy, UNBLOCK done | E_BUSY   |         | as it was         |
 * | TRACK stays busy                | E_BUSY   |         | blocked           |
 * | stage NONE or CLOSED            | E_BUSY   |         | as it was         |
 * | RECLAIM stays busy              | E_BUSY   |         | as it was         |
 * | a call is refused               | E_IO     | false   | perhaps blocked   |
 * | UNBLOCK does not succeed        | E_IO     | false   | blocked           |
 * | another page came back          | E_IO     | true    | free              |
 * | the write-back failed           | E_IO     | true    | free              |
 *
 * @param[in,out] sept    The TD's.
 * @param[in,out] entries Statuses are set as tdxc_external_entry says.
 * @param[in]     n       Number of them. @units{1..TDXC_MMU_BATCH}
 * @locks{the mirror's, shared or exclusive; the entries are frozen by the
 *        caller, in a live TD the calling thread is no vCPU of it inside}
 * @complexity{see the table at the top}
 */
void tdxc_sept_remove(struct tdxc_sept *sept,
		      struct tdxc_external_entry *entries, size_t n);

/**
 * @brief tdxc_mmu_ops::external_reclaim() of a TD, at stage RELEASED.
 * @param[in,out] sept     The TD's.
 * @param[in]     gfn      First frame the table covers.
 * @param[in]     external Its page.
 * @retval TDXC_OK      It was freed with table_free().
 * @retval TDXC_E_INVAL Another stage: the page is quarantined.
 * @retval TDXC_E_IO    RECLAIM was refused or stayed busy, or told of another
 *                      kind of page: the page is quarantined.
 * @return #tdxc_err
 */
TDXC_MUST_CHECK int tdxc_sept_reclaim(struct tdxc_sept *sept,
				      struct tdxc_gfn gfn, uint64_t external);

/**
 * @brief Whether promoting 512 pages before removing them pays.
 *
 * One by one they cost 2 * 512 calls, besides the write-back that is the same
 * either way, and share their batch's TRACK. Promoted first they cost 6 calls,
 * a write-back of the table, and a broadcast of their own.
 *
 * @param sept The TD's. @return For tdxc_mmu_config::promote_to_zap.
 */
bool tdxc_sept_promotion_pays(const struct tdxc_sept *sept);

/* --- vCPU entry ------------------------------------------------------------
 */

/**
 * @brief A vCPU is about to enter the TD.
 * @param[in,out] sept Object. @param[in] vcpu Index.
 * @retval TDXC_OK      Enter, then tdxc_sept_enter_end().
 * @retval TDXC_E_AGAIN Entry is held: return to the loop that handles requests,
 *                      and try again. Nothing to end.
 * @return #tdxc_err
 * @locks{on the vCPU's own thread}
 */
TDXC_MUST_CHECK int tdxc_sept_enter_begin(struct tdxc_sept *sept,
					  uint32_t vcpu);

/**
 * @brief The vCPU has left the TD, or did not get in.
 *
 * After every VP.ENTER, one that was busy too: who waits for the vCPU to be out
 * must not wait for an entry that keeps failing (H7).
 *
 * @param[in,out] sept Object. @param[in] vcpu Index.
 */
void tdxc_sept_enter_end(struct tdxc_sept *sept, uint32_t vcpu);

/* --- TLB tracking, for what else needs it ----------------------------------
 */

/**
 * @brief Whatever was blocked before the call is out of every TLB after it.
 *
 * @param[in,out] sept Object, at stage RUN; at others nothing is needed.
 * @param[out]    diag The TRACK, where this CPU made one; else untouched.
 * @retval TDXC_OK     So it is.
 * @retval TDXC_E_BUSY TRACK stayed busy, or a vCPU did not leave in time; what
 *                     was blocked stays so.
 * @retval TDXC_E_IO   TRACK failed. @return Otherwise as tdxc_seamcall().
 * @locks{shared or exclusive; the caller is no vCPU inside}
 */
TDXC_MUST_CHECK int tdxc_sept_track(struct tdxc_sept *sept,
				    struct tdxc_seamcall_diag *diag);

/* --- quarantine ------------------------------------------------------------
 */

/**
 * @brief Put a page into quarantine, if it is not in the list.
 * @param[in,out] quarantine List. @param[in] lost All but state.
 * @return false: there was no room to name it; it is counted.
 * @locks{none}
 */
bool tdxc_sept_quarantine_add(struct tdxc_sept_quarantine *quarantine,
			      const struct tdxc_sept_lost *lost);

/**
 * @brief A page of the list is the host's again after all.
 * @param[in,out] quarantine List. @param[in] pa The page. @param[in] level Its
 * size.
 * @return true: it was in the list, and is marked.
 * @complexity{O(entries); 0 entries cost one load}
 */
bool tdxc_sept_quarantine_recover(struct tdxc_sept_quarantine *quarantine,
				  uint64_t pa, uint32_t level);

#ifdef __cplusplus
}
#endif

#endif
