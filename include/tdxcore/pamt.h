/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * @file
 * @brief Dynamic PAMT: page pairs that come and go; whose is this address?
 *
 * With Dynamic PAMT the module has 4K PAMT entries only for 2 MiB ranges that
 * were given a pair of pages. A range needs one as long as any 4K page or
 * control page of it is lent to the module, and must have none while it is
 * lent as a 2M page. tdxc_pamt_get() and tdxc_pamt_put() stand around each use
 * of a page and see to that.
 *
 * | state of a 2 MiB range | get 4K       | put 4K  | get 2M       | put 2M  |
 * |------------------------|--------------|---------|--------------|---------|
 * | free                   | PAMT.ADD     | refused | 2M page      | refused |
 * | pair, n references     | n + 1        | n - 1   | refused      | refused |
 * | pair, 1 reference      | 2            | REMOVE  | refused      | refused |
 * | pair, retained         | 1            | refused | REMOVE, 2M   | refused |
 * | 2M page                | refused      | refused | refused      | free    |
 *
 * The bookkeeping is one 64-bit word for each 2 MiB and takes no lock. Who
 * makes the first reference or drops the last marks the word as in transition
 * and makes the SEAMCALL; who wants to get meanwhile looks again a bounded
 * number of times. Who puts holds a reference, and while there is one nobody
 * else adds or removes that pair: so ADD and REMOVE of a range never meet
 * in the module, and a put needs no answer to that.
 *
 * PAMT.REMOVE can be busy all the same: others walk through the range. The
 * pair is then *retained*: installed, without references, found by the next
 * get, taken by tdxc_pamt_trim(). When REMOVE fails in any other way, nobody
 * knows what the module thinks of the two pages: the pair is *quarantined*,
 * which is for ever. Its pages are never handed out again, and the count stays
 * as it was. Later uses of the range are counted, and make no more calls: if
 * the pair is still there they work, if not the module says so.
 *
 * Where the module has no Dynamic PAMT all of this succeeds and does nothing.
 *
 * Levels: 1 = 4 KiB, 2 = 2 MiB, as everywhere in the library.
 *
 * @source{tdx-module-abi.md 3.6, 6.2, 11; linux-host-tdx.md 8.4, 10.1}
 */
#ifndef TDXCORE_PAMT_H
#define TDXCORE_PAMT_H

#include <tdxcore/range.h>
#include <tdxcore/seamcall.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Looks at a range that another CPU has in transition, about 1 ms. */
#define TDXC_PAMT_SPINS 20000u
/** References to one pair at most: a range has 512 pages, and more than a few
 *  for each of them are gets without puts. */
#define TDXC_PAMT_MAX_REFERENCES 0xFFFFu

/** What a page is used as. */
enum tdxc_pamt_use {
	/** 4K guest page, S-EPT page, TDR, TDCX, TDVPR: needs the pair. */
	TDXC_PAMT_USE_4K = 1,
	/** 2M guest page: needs that there is none. */
	TDXC_PAMT_USE_2M = 2,
};

/** The machine, and the memory of the bookkeeping. */
struct tdxc_pamt_config {
	uint32_t abi; /**< TDXC_ABI. */
	/** Address bits below the KeyID. @units{32..52} */
	uint32_t pa_bits;
	/** tdxc_limits::pamt_bitmap_bits as configured; 0: static PAMT. */
	uint32_t bitmap_bits;
	uint32_t spins; /**< 0: TDXC_PAMT_SPINS. @units{loads} */
	/** Kept by reference. */
	const struct tdxc_seamcall_port *port;
	/** For ADD and REMOVE. */
	struct tdxc_seamcall_limits limits;
	/** Where pages may be lent from: the TDMRs, or less. A TDMR may be
	 *  split to leave out GiBs without RAM; neighbours may be joined.
	 *  Copied. @shape{sorted list, 1 GiB aligned, not empty} */
	const struct tdxc_range *tdmrs;
	size_t nr_tdmrs; /**< Entries of @ref tdmrs. */
	/** The PAMT regions of the layout, for tdxc_pamt_whose(). Copied.
	 *  @shape{sorted list, 4 KiB aligned; may be empty} */
	const struct tdxc_range *pamts;
	size_t nr_pamts; /**< Entries of @ref pamts. */
	/** Belongs to the object until the caller is done with it; contents
	 *  undefined. @shape{8-byte aligned} */
	void *memory;
	uint64_t memory_bytes; /**< At least tdxc_pamt_bytes(). */
};

/** What the library keeps about one 2 MiB range. */
struct tdxc_pamt_entry;

/** The bookkeeping of a machine. Nothing in here changes after
 *  tdxc_pamt_init() but the entries. */
struct tdxc_pamt {
	const struct tdxc_seamcall_port *port; /**< The instruction. */
	struct tdxc_seamcall_limits limits;    /**< For ADD and REMOVE. */
	uint64_t pa_mask;		       /**< Address without KeyID. */
	uint32_t spins;			       /**< Looks at a transition. */
	uint32_t dynamic;		       /**< 0: static PAMT. */
	const struct tdxc_range *tdmrs;	       /**< In the caller's memory. */
	size_t nr_tdmrs;		       /**< Entries of it. */
	/** Index of the first entry of each TDMR; and the total. */
	const uint64_t *first;
	const struct tdxc_range *pamts;	 /**< In the caller's memory. */
	size_t nr_pamts;		 /**< Entries of it. */
	struct tdxc_pamt_entry *entries; /**< One per 2 MiB. */
};

/**
 * Pages to make pairs of, and pages of pairs that are no more. One thread at a
 * time uses a cache; as a rule each vCPU has one and fills it before it takes
 * its locks. The pages must lie in TDMRs that are initialised, outside their
 * reserved areas.
 * Where the module wants pages flushed before it gets them
 * (TDXC_FEATURE_CLFLUSH), whoever fills a cache has flushed their lines.
 */
struct tdxc_pamt_cache {
	uint64_t *pages; /**< Private to the library. @shape{room entries} */
	uint32_t room;	 /**< Entries of @ref pages. */
	uint32_t count;	 /**< Pages in it. */
};

/** A page that leaves a cache. */
struct tdxc_pamt_page {
	uint64_t pa; /**< Physical address. */
	/**
	 * It was part of a pair. On a platform with the partial-write erratum
	 * the host must rewrite the page with MOVDIR64B, and fence, before it
	 * uses it for anything but another pair; elsewhere nothing is needed.
	 */
	bool was_private;
};

/** Pairs and uses of all 2 MiB ranges, each counted once as it stood when it
 *  was looked at. */
struct tdxc_pamt_stats {
	uint64_t installed;   /**< Pairs the module has. */
	uint64_t retained;    /**< Of these: without references. */
	uint64_t quarantined; /**< Of these: never to be handed out. */
	uint64_t changing;    /**< Ranges in transition. */
	uint64_t references;  /**< 4K uses. */
	uint64_t large;	      /**< 2M uses. */
	uint64_t adds;	      /**< Pairs ever installed; modulo 2^32 each. */
	uint64_t removes;     /**< Pairs ever removed. */
};

/** One 2 MiB range as it stood when it was looked at. */
struct tdxc_pamt_state {
	uint32_t references; /**< 4K uses. */
	bool installed;	     /**< The module has a pair. */
	bool large;	     /**< In use as a 2M page. */
	bool quarantined;    /**< The pair is never handed out again. */
	bool changing;	     /**< Some CPU has it in transition. */
	/** The pages of the pair; 0: none. In transition they may be recorded
	 *  and not installed. */
	uint64_t pair[2];
};

/**
 * @brief Memory that tdxc_pamt_init() needs for a configuration.
 *
 * 24 bytes per 2 MiB of @ref tdxc_pamt_config::tdmrs, none of it for addresses
 * outside: 3 MiB for 256 GiB wherever they lie. Static PAMT: no entries.
 *
 * @param config abi, bitmap_bits, tdmrs and pamts are looked at.
 * @return Bytes; 0 when the lists are not as they must be.
 * @units{bytes} @complexity{O(nr_tdmrs + nr_pamts)}
 */
uint64_t tdxc_pamt_bytes(const struct tdxc_pamt_config *config);

/**
 * @brief Begin with every 2 MiB range free.
 *
 * @param[out] pamt   The object; zeroed on error.
 * @param[in]  config The machine.
 *
 * @retval TDXC_OK      Ready.
 * @retval TDXC_E_INVAL Another ABI, also of the port; pa_bits out of range; a
 *                      list that is not as it must be; memory not aligned.
 * @retval TDXC_E_RANGE A list goes beyond 2^pa_bits.
 * @retval TDXC_E_NOSPC memory_bytes below tdxc_pamt_bytes().
 * @return #tdxc_err
 * @complexity{O(bytes)}
 */
TDXC_MUST_CHECK int tdxc_pamt_init(struct tdxc_pamt *pamt,
				   const struct tdxc_pamt_config *config);

/* --- caches ----------------------------------------------------------------
 */

/**
 * @brief Pages that a fault may need at most: a pair for each S-EPT page and
 *        for the page itself.
 * @param levels Depth of the S-EPT. @units{4 or 5}
 * @return Pages to have in the cache before the fault takes its locks.
 * @source{linux-host-tdx.md 10.1}
 */
static inline uint32_t tdxc_pamt_cache_need(uint32_t levels)
{
	return 2 * levels;
}

/**
 * @brief Begin with an empty cache.
 * @param[out] cache The cache.
 * @param[in]  pages Its memory, kept by reference. @shape{room entries}
 * @param[in]  room  Pages it can hold. Room for 2 more than it is ever filled
 *                   with lets every put remove its pair.
 */
static inline void tdxc_pamt_cache_init(struct tdxc_pamt_cache *cache,
					uint64_t *pages, uint32_t room)
{
	cache->pages = pages;
	cache->room = room;
	cache->count = 0;
}

/**
 * @brief Put a page into a cache.
 *
 * @param[in,out] cache The cache.
 * @param[in]     page  A page that nobody uses, as its owner knows it.
 *
 * @retval TDXC_OK      In.
 * @retval TDXC_E_INVAL Address 0, or not 4 KiB aligned; nothing changed.
 * @retval TDXC_E_NOSPC Full; nothing changed.
 * @return #tdxc_err
 */
TDXC_MUST_CHECK int tdxc_pamt_cache_add(struct tdxc_pamt_cache *cache,
					struct tdxc_pamt_page page);

/**
 * @brief Take a page out of a cache.
 *
 * @param[in,out] cache The cache.
 * @param[out]    page  The page put in last. Untouched when there is none.
 * @return false: empty.
 */
TDXC_MUST_CHECK bool tdxc_pamt_cache_take(struct tdxc_pamt_cache *cache,
					  struct tdxc_pamt_page *page);

/* --- uses ------------------------------------------------------------------
 */

/**
 * @brief A page is about to be lent to the module.
 *
 * @param[in,out] pamt  The bookkeeping.
 * @param[in]     pa    The page. @shape{4 KiB or 2 MiB aligned, as used}
 * @param[in]     use   What it is going to be.
 * @param[in,out] cache Gives the pair to the first 4K use of a range, takes a
 *                      retained one from the way of a 2M use. NULL: empty, and
 *                      without room.
 * @param[out]    diag  The SEAMCALL, where one was made; else untouched. Never
 *                      NULL.
 *
 * @retval TDXC_OK      Go ahead; tdxc_pamt_put() when the page is back.
 * @retval TDXC_E_INVAL @p pa is not aligned, @p use is none, or the range has
 *                      TDXC_PAMT_MAX_REFERENCES.
 * @retval TDXC_E_RANGE @p pa lies in no TDMR.
 * @retval TDXC_E_EXIST In use at the other size, or as a 2M page already.
 * @retval TDXC_E_NOMEM A pair is needed and @p cache has not got two pages.
 * @retval TDXC_E_NOSPC A retained pair is in the way and @p cache has no room
 *                      for it.
 * @retval TDXC_E_AGAIN In transition all the while.
 * @retval TDXC_E_BUSY  The module stayed busy.
 * @retval TDXC_E_IO    4K: ADD failed, the pages are in the cache again. 2M:
 *                      REMOVE failed, and the pair is quarantined.
 * @return Otherwise as tdxc_seamcall(). Of any failure but this last one
 *         nothing remains.
 * @locks{none; one cache on one CPU at a time}
 * @complexity{O(log nr_tdmrs); one SEAMCALL for the first use of a range}
 * @source{linux-host-tdx.md 10.1, 13 item 44}
 */
TDXC_MUST_CHECK int tdxc_pamt_get(struct tdxc_pamt *pamt, uint64_t pa,
				  enum tdxc_pamt_use use,
				  struct tdxc_pamt_cache *cache,
				  struct tdxc_seamcall_diag *diag);

/**
 * @brief A page is back from the module: removed or reclaimed.
 *
 * The last put of a range removes its pair into the cache. The pair is retained
 * when the cache has no room for it, and when the module stays busy.
 *
 * @param[in,out] pamt  The bookkeeping.
 * @param[in]     pa    The page.
 * @param[in]     use   As it was got.
 * @param[in,out] cache Takes the pair. NULL: without room.
 * @param[out]    diag  The SEAMCALL, where one was made; else untouched. Never
 *                      NULL.
 *
 * @retval TDXC_OK      Done; also when the pair was retained.
 * @retval TDXC_E_INVAL A put without a get, or @p pa not aligned, or @p use is
 *                      none: nothing changed.
 * @retval TDXC_E_RANGE @p pa lies in no TDMR; nothing changed.
 * @retval TDXC_E_AGAIN A PROMOTE or DEMOTE of the same range is under way, so
 *                      the reference is not the caller's; nothing changed.
 * @retval TDXC_E_IO    REMOVE failed. The pair is quarantined, the count is as
 *                      before. The page put is free all the same.
 * @return Otherwise as tdxc_seamcall(), and the same holds.
 * @locks{none; one cache on one CPU at a time}
 * @complexity{O(log nr_tdmrs); one SEAMCALL for the last use of a range}
 * @source{linux-host-tdx.md 10.1, 13 items 44, 45}
 */
TDXC_MUST_CHECK int tdxc_pamt_put(struct tdxc_pamt *pamt, uint64_t pa,
				  enum tdxc_pamt_use use,
				  struct tdxc_pamt_cache *cache,
				  struct tdxc_seamcall_diag *diag);

/**
 * @brief Remove retained pairs.
 *
 * @param[in,out] pamt   The bookkeeping.
 * @param[in]     within Where to look; a part of 2 MiB is left alone.
 * @param[in,out] cache  Takes the pages. Never NULL.
 * @param[out]    diag   The last SEAMCALL that failed; else untouched. Never
 *                       NULL.
 *
 * @retval TDXC_OK      None is left.
 * @retval TDXC_E_NOSPC Stopped: the cache has no room for another pair.
 * @retval TDXC_E_BUSY  Some are left, because the module stayed busy.
 * @retval TDXC_E_IO    Stopped: REMOVE failed; that pair is quarantined.
 * @return Otherwise as tdxc_seamcall(), and the same holds.
 * @locks{none; one cache on one CPU at a time}
 * @complexity{O(ranges within); one SEAMCALL per retained pair}
 */
TDXC_MUST_CHECK int tdxc_pamt_trim(struct tdxc_pamt *pamt,
				   struct tdxc_range within,
				   struct tdxc_pamt_cache *cache,
				   struct tdxc_seamcall_diag *diag);

/* --- pages that change their size ------------------------------------------
 */

/**
 * @brief MEM.PAGE.DEMOTE to 4K is about to be called with this pair.
 *
 * The pages are recorded before the module gets them, so that tdxc_pamt_whose()
 * knows them all the while. Until tdxc_pamt_demote_end() the range is in
 * transition. Makes no SEAMCALL.
 *
 * @param[in,out] pamt The bookkeeping.
 * @param[in]     pa   The 2M page. @shape{2 MiB aligned}
 * @param[in]     pair For R12 and R13, out of a cache. @shape{2 pages}
 *
 * @retval TDXC_OK      Call DEMOTE.
 * @retval TDXC_E_INVAL Not in use as a 2M page; addresses not aligned, or 0.
 * @retval TDXC_E_RANGE @p pa lies in no TDMR.
 * @retval TDXC_E_AGAIN In transition all the while.
 * @return #tdxc_err; of a failure nothing remains.
 * @locks{none}
 * @source{tdx-module-abi.md 11}
 */
TDXC_MUST_CHECK int tdxc_pamt_demote_begin(struct tdxc_pamt *pamt, uint64_t pa,
					   const uint64_t pair[2]);

/**
 * @brief DEMOTE has answered.
 *
 * @param[in,out] pamt The bookkeeping.
 * @param[in]     pa   As in tdxc_pamt_demote_begin().
 * @param[in]     done It succeeded: there are 512 4K uses and a pair. Else the
 *                     2M use stands, and the pages are the caller's again.
 *
 * @retval TDXC_OK      Done.
 * @retval TDXC_E_INVAL No DEMOTE of this range was begun; nothing changed.
 * @retval TDXC_E_RANGE @p pa lies in no TDMR.
 * @return #tdxc_err
 * @locks{none; by who called tdxc_pamt_demote_begin()}
 */
TDXC_MUST_CHECK int tdxc_pamt_demote_end(struct tdxc_pamt *pamt, uint64_t pa,
					 bool done);

/**
 * @brief MEM.PAGE.PROMOTE from 4K is about to be called.
 *
 * Until tdxc_pamt_promote_end() the range is in transition. Makes no SEAMCALL.
 *
 * @param[in,out] pamt The bookkeeping.
 * @param[in]     pa   The 2M page to be. @shape{2 MiB aligned}
 *
 * @retval TDXC_OK      Call PROMOTE.
 * @retval TDXC_E_INVAL There are not just 512 references, or @p pa is not
 *                      aligned.
 * @retval TDXC_E_RANGE @p pa lies in no TDMR.
 * @retval TDXC_E_IO    The pair is quarantined.
 * @retval TDXC_E_AGAIN In transition all the while.
 * @return #tdxc_err; of a failure nothing remains.
 * @locks{none}
 * @source{tdx-module-abi.md 11}
 */
TDXC_MUST_CHECK int tdxc_pamt_promote_begin(struct tdxc_pamt *pamt,
					    uint64_t pa);

/**
 * @brief PROMOTE has answered.
 *
 * @param[in,out] pamt The bookkeeping.
 * @param[in]     pa   As in tdxc_pamt_promote_begin().
 * @param[in]     pair What came back in R12 and R13: now there is a 2M use,
 *                     and the pages are the caller's, who may put them into a
 *                     cache as pages that were private. NULL: PROMOTE failed,
 *                     and the 512 references stand. @shape{2 pages}
 *
 * @retval TDXC_OK      Done.
 * @retval TDXC_E_INVAL No PROMOTE of this range was begun; nothing changed.
 * @retval TDXC_E_RANGE @p pa lies in no TDMR.
 * @retval TDXC_E_IO    @p pair is not what the range had. The pair it had is
 *                      quarantined, the references stand; the caller must use
 *                      neither pair.
 * @return #tdxc_err
 * @locks{none; by who called tdxc_pamt_promote_begin()}
 */
TDXC_MUST_CHECK int tdxc_pamt_promote_end(struct tdxc_pamt *pamt, uint64_t pa,
					  const uint64_t *pair);

/* --- looking ---------------------------------------------------------------
 */

/**
 * @brief How one 2 MiB range stands.
 *
 * @param[in]  pamt  The bookkeeping.
 * @param[in]  pa    Any address in the range.
 * @param[out] state How it stands; all zero on error and for static PAMT.
 *
 * @retval TDXC_OK      Filled.
 * @retval TDXC_E_RANGE @p pa lies in no TDMR.
 * @return #tdxc_err
 * @locks{none; the pages are from before or after a change of the rest}
 */
int tdxc_pamt_look(const struct tdxc_pamt *pamt, uint64_t pa,
		   struct tdxc_pamt_state *state);

/**
 * @brief Count everything.
 * @param[in]  pamt  The bookkeeping.
 * @param[out] stats Filled; all zero for static PAMT.
 * @locks{none} @complexity{O(2 MiB ranges)}
 */
void tdxc_pamt_read_stats(const struct tdxc_pamt *pamt,
			  struct tdxc_pamt_stats *stats);

/** What a physical address is to TDX; private ones from TDXC_WHOSE_GUEST on. */
enum tdxc_whose {
	/** No answer, or none that can be believed: see the status. */
	TDXC_WHOSE_UNKNOWN,
	/** Ordinary memory. */
	TDXC_WHOSE_NOT_TDX,
	/** In a reserved area of a TDMR, and no PAMT: ordinary memory. */
	TDXC_WHOSE_RESERVED,
	/** In a TDMR that is not initialised so far: ordinary memory. */
	TDXC_WHOSE_UNINITIALIZED,
	TDXC_WHOSE_GUEST,	 /**< Private page of a guest. */
	TDXC_WHOSE_TDR,		 /**< Root page of a TD. */
	TDXC_WHOSE_TDCX,	 /**< Control page of a TD or a vCPU. */
	TDXC_WHOSE_TDVPR,	 /**< Root page of a vCPU. */
	TDXC_WHOSE_SEPT,	 /**< Page of a Secure EPT. */
	TDXC_WHOSE_STATIC_PAMT,	 /**< In a PAMT region of the layout. */
	TDXC_WHOSE_DYNAMIC_PAMT, /**< Page of a Dynamic PAMT pair. */
	/** The module's, as what this library has no name for. */
	TDXC_WHOSE_OTHER,
};

/** The answer of tdxc_pamt_whose(). */
struct tdxc_pamt_owner {
	enum tdxc_whose whose; /**< What it is. */
	uint64_t page;	       /**< The 4 KiB page asked about, no KeyID. */
	/** Completion status of RDMD; 0 also when the module was not asked. */
	uint64_t status;
	/** TDR of the TD that has the page; of ordinary memory, of the TD that
	 *  had it last: a poisoned line may be older than the page's return.
	 *  0: none, or not known. */
	uint64_t tdr;
	/** Dynamic PAMT: the 2 MiB range whose entries the page holds. */
	uint64_t pair_of;
};

/**
 * @brief Whether the answer is a page that only TDX may touch.
 * @param whose #tdxc_whose
 * @return true: private. An unknown one is not said to be.
 */
static inline bool tdxc_whose_is_private(enum tdxc_whose whose)
{
	return whose >= TDXC_WHOSE_GUEST;
}

/**
 * @brief Is this address private memory of TDX, and why? For the machine check
 *        handler.
 *
 * Asked in this order: the layout's PAMT regions; the module (PHYMEM.PAGE.RDMD,
 * one attempt); where it says that nothing is there or does not answer, the
 * record of pairs, because the module does not tell about them. Looks only, and
 * makes sense of a record that the interrupted CPU was changing: a page is
 * named as part of a pair from before ADD to after REMOVE. A pair page is named
 * although REMOVE has failed, and the page may be clean.
 *
 * Without an answer of the module: outside all TDMRs is TDXC_WHOSE_NOT_TDX, a
 * 2M page in use TDXC_WHOSE_GUEST, anything else TDXC_WHOSE_UNKNOWN.
 *
 * @param[in]  pamt  The bookkeeping; static PAMT too.
 * @param[in]  pa    As the machine check record has it: any byte, KeyID bits
 *                   included.
 * @param[out] owner The answer.
 * @return owner->whose.
 * @locks{none taken, none waited for; NMI context}
 * @complexity{one SEAMCALL; O(2 MiB ranges) where it says nothing}
 * @source{linux-host-tdx.md 8.4, 13 item 39; tdx-module-abi.md 1.10, 3.6}
 */
enum tdxc_whose tdxc_pamt_whose(const struct tdxc_pamt *pamt, uint64_t pa,
				struct tdxc_pamt_owner *owner);

#ifdef __cplusplus
}
#endif

#endif
