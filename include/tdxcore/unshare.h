/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * @file
 * @brief A guest makes all its shared memory private before another kernel
 *        takes over.
 *
 * To that kernel shared memory is ordinary RAM, and a private access to it is
 * fatal. Conversions are stopped first (gate.h); then, with one CPU left and
 * interrupts off, tdxc_unshare_run() walks the direct map, or goes through a
 * set that was fed all along (tracker.h):
 *
 * | step | for each        | what                                            |
 * |------|-----------------|-------------------------------------------------|
 * | 1    | shared leaf     | take its address, then clear the entry: a stray |
 * |      |                 | access would make the page shared again         |
 * | 2    | batch of ranges | flush the TLB (policy early)                    |
 * | 3    | range of leaves | convert: one call for all of it, or one for     |
 * |      |                 | each max_chunk                                  |
 * | 4    | pass            | flush the TLB (policy late)                     |
 *
 * A failure is listed with its stage and the rest goes on. Entries of pages
 * that failed stay cleared.
 *
 * Exclusions are what later steps still need, such as a GHCB or a console. Each
 * has an *order*: memory of order 0 is never converted; what has order 1 comes
 * in a pass after everything without exclusion, then order 2, and so on. Before
 * each such pass tdxc_unshare_ops::before() is called, to shut down the devices
 * that needed the memory. A leaf that holds several exclusions waits for the
 * last of them; one that holds memory of order 0 stays.
 *
 * What is left is in tdxc_unshare_config::left, and in a compact form that the
 * next kernel can be given: tdxc_unshare_pack().
 *
 * Context: nobody else changes the tables, except that hardware sets accessed
 * and dirty bits. Several CPUs may work at once, each with its own struct and
 * its own part of the address space (tdxc_scan_split()); a page that is mapped
 * in two parts is then converted by both.
 *
 * @source{seeds.md S004-1, S004-5 to S004-7; unshare-kexec-guest.md 2.6 to
 *         2.12, 8.2}
 */
#ifndef TDXCORE_UNSHARE_H
#define TDXCORE_UNSHARE_H

#include <tdxcore/convert.h>
#include <tdxcore/scan.h>
#include <tdxcore/tracker.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Compare-exchanges of an entry that somebody else keeps changing. */
#define TDXC_UNSHARE_ROUNDS 8u
/** Pages in a row that fail, after which the rest of their range is given up,
 *  as a rule. */
#define TDXC_UNSHARE_FUTILE 16u

/** What a shared entry becomes. */
enum tdxc_unshare_edit {
	/** Zero. TDX. @source{unshare-kexec-guest.md 2.9} */
	TDXC_UNSHARE_CLEAR = 1,
	/** The same with the shared bit turned. SEV. */
	TDXC_UNSHARE_MAKE_PRIVATE = 2,
};

/** When the TLB is flushed. */
enum tdxc_unshare_flush {
	/** After the entries of a batch were edited, before it is converted. */
	TDXC_FLUSH_EARLY = 1,
	/** Once, at the end of each pass: on the last CPU a stale translation
	 *  can only be used speculatively. */
	TDXC_FLUSH_LATE = 2,
};

/** What becomes of a large leaf that is excluded in part. */
enum tdxc_unshare_large {
	TDXC_LARGE_KEEP = 1,  /**< It is excluded as a whole. */
	TDXC_LARGE_SPLIT = 2, /**< It is split, where there is a table. */
};

/** How far something came. */
enum tdxc_unshare_stage {
	TDXC_UNSHARE_KEPT = 1, /**< Excluded: shared, by intent. */
	/** An entry the scan did not believe: what is shared below it, if
	 *  anything, is not known. */
	TDXC_UNSHARE_WALK = 2,
	TDXC_UNSHARE_ENTRY = 3,	  /**< The entry kept changing: shared. */
	TDXC_UNSHARE_CONVERT = 4, /**< The host did not convert: shared. */
	TDXC_UNSHARE_ACCEPT = 5,  /**< Private, but not accepted. */
	TDXC_UNSHARE_STAGES = 6,  /**< One more than the last. */
};

/** What tdxc_unshare_ops::convert() did. Zero when it is called. */
struct tdxc_unshare_done {
	/** Private and accepted, from the start of the range. Not read where
	 *  it returns TDXC_OK. @units{bytes, multiple of 4 KiB} */
	uint64_t bytes;
	uint64_t status;   /**< Of the call that failed, for the list. */
	bool not_accepted; /**< What follows is private but not accepted. */
};

/** What the platform does. All members mandatory. */
struct tdxc_unshare_ops {
	uint32_t abi; /**< #TDXC_ABI. */
	/**
	 * @brief Make memory private and accept it, as far as it goes.
	 * @param[in]  ctx  Context.
	 * @param[in]  pa   Memory. @shape{multiples of 4 KiB, not empty}
	 * @param[out] done How far it came, when it returns an error.
	 * @return TDXC_OK; TDXC_E_CANCELED: stop here, to be resumed; any other
	 *         error: the page after @p done failed.
	 */
	int (*convert)(void *ctx, struct tdxc_range pa,
		       struct tdxc_unshare_done *done);
	/**
	 * @brief Flush the TLB of this CPU, global entries included.
	 * @param[in] ctx Context.
	 */
	void (*flush)(void *ctx);
	/**
	 * @brief A pass for excluded memory is about to begin.
	 * @param[in] ctx   Context.
	 * @param[in] order Of the exclusions that are converted now.
	 * @return TDXC_OK, or an error that ends tdxc_unshare_run(); the next
	 *         call of it begins with this one again.
	 */
	int (*before)(void *ctx, uint32_t order);
};

/** A context for tdxc_unshare_tdx_op(). */
struct tdxc_unshare_tdx {
	struct tdxc_converter *converter; /**< Best with
					       #TDXC_ACCEPTED_COUNT. */
	struct tdxc_conversion last;	  /**< What became of the last range. */
};

/**
 * @brief tdxc_unshare_ops::convert() of a TD: MapGPA and ACCEPT.
 * @param[in,out] ctx  A struct tdxc_unshare_tdx.
 * @param[in]     pa   Memory.
 * @param[out]    done How far it came; its status is R10 of MapGPA or RAX of
 *                     the TDCALL that failed.
 * @return As tdxc_convert_unshare().
 */
TDXC_MUST_CHECK int tdxc_unshare_tdx_op(void *ctx, struct tdxc_range pa,
					struct tdxc_unshare_done *done);

/** Memory that is converted late, or never. */
struct tdxc_unshare_exclusion {
	struct tdxc_range pa; /**< @shape{multiples of 4 KiB} */
	uint32_t order;	      /**< 0: never; 1, 2, ...: in this order. */
	uint32_t reserved_;   /**< 0. */
};

/** What was not made private. */
struct tdxc_unshare_left {
	/** Memory; of #TDXC_UNSHARE_WALK empty where none is known. */
	struct tdxc_range pa;
	uint64_t va;	 /**< Where it is mapped; 0: joined, or no walk. */
	uint64_t status; /**< From tdxc_unshare_done, or the entry. */
	int32_t err;	 /**< What the op returned. */
	uint16_t stage;	 /**< #tdxc_unshare_stage. */
	uint16_t bad;	 /**< #tdxc_scan_bad, of #TDXC_UNSHARE_WALK. */
};

/** How to unshare. Zero it first. */
struct tdxc_unshare_config {
	uint32_t abi;	/**< #TDXC_ABI. */
	uint32_t edit;	/**< #tdxc_unshare_edit. */
	uint32_t flush; /**< #tdxc_unshare_flush. */
	uint32_t large; /**< #tdxc_unshare_large. */
	/** What to walk; its `what` is #TDXC_SCAN_SHARED. Not read where
	 *  @ref tracked is given. */
	struct tdxc_scan_config scan;
	/** A set to go through instead of tables, or NULL. It is not changed
	 *  and may not be changed meanwhile. */
	const struct tdxc_tracker *tracked;
	const struct tdxc_unshare_ops *ops; /**< Kept. */
	void *ctx;			    /**< Of @ref ops. */
	/** @shape{ascending, without overlap; kept by reference} */
	const struct tdxc_unshare_exclusion *exclusions;
	size_t nr_exclusions; /**< Entries of @ref exclusions. */
	/** Memory for ranges that wait for their conversion.
	 *  @shape{batch_room entries, at least 1} */
	struct tdxc_range *batch;
	uint32_t batch_room;		/**< Entries of @ref batch. */
	uint32_t left_room;		/**< Entries of @ref left; may be 0. */
	struct tdxc_unshare_left *left; /**< Memory for what is left. */
	/** Empty set for what was converted, so that a page that is mapped
	 *  twice is converted once; or NULL. Where it has no room, pages are
	 *  converted again, and counted in tdxc_unshare_result::forgotten. */
	struct tdxc_tracker *seen;
	/** Most that one conversion may be asked for; 0: no limit.
	 *  @units{bytes, multiple of 4 KiB} */
	uint64_t max_chunk;
	/** Physical addresses of pages for #TDXC_LARGE_SPLIT, reached as all
	 *  tables are. @shape{nr_tables entries, kept by reference} */
	const uint64_t *tables;
	uint32_t nr_tables; /**< Entries of @ref tables. */
	uint32_t futile;    /**< 0: #TDXC_UNSHARE_FUTILE. */
};

/** What became of it. Pages are those of 4 KiB. */
struct tdxc_unshare_result {
	uint64_t found;	    /**< Shared pages met, each counted once. */
	uint64_t converted; /**< Pages that are private now. */
	uint64_t aliased;   /**< Pages met once more, elsewhere. */
	uint64_t forgotten; /**< Of those converted, not in seen. */
	/** Pages left, by stage; of #TDXC_UNSHARE_WALK entries. */
	uint64_t left[TDXC_UNSHARE_STAGES];
	uint64_t lost;	   /**< Failures that the list had no room for. */
	uint64_t leaves;   /**< Entries edited. */
	uint64_t changed;  /**< Entries that changed before they were. */
	uint64_t splits;   /**< Large leaves split. */
	uint64_t unsplit;  /**< Large leaves kept for want of a table. */
	uint64_t ranges;   /**< Contiguous ranges that were converted. */
	uint64_t converts; /**< Calls of the op. */
	uint64_t flushes;  /**< TLB flushes. */
};

/** An engine. Only the members with a comment are for the caller to read. */
struct tdxc_unshare {
	struct tdxc_unshare_config config; /**< As given. */
	struct tdxc_unshare_result result; /**< So far. */
	uint32_t nr_left;      /**< Entries of config.left in use. */
	uint32_t pass;	       /**< Order of the pass; 0: without exclusions. */
	bool finished;	       /**< Nothing is left to do. */
	struct tdxc_scan scan; /**< scan.tables_left may be raised. */
	/** @cond private */
	bool begun;
	bool walked;
	bool stale;
	bool converting;
	uint32_t nr_batch;
	uint32_t at_batch;
	uint32_t tables_used;
	uint32_t rounds;
	uint32_t row;
	uint64_t list_at;
	struct tdxc_range rest;
	uint64_t late_start;
	uint64_t late_end;
	bool late;
	/** @endcond */
};

/**
 * @brief Set an engine up. Nothing is read or converted yet.
 *
 * @param[out] u      Engine.
 * @param[in]  config How; copied.
 * @retval TDXC_OK      Ready.
 * @retval TDXC_E_INVAL A member is outside what its comment allows.
 * @retval TDXC_E_RANGE The root lies beyond pa_bits.
 * @return #tdxc_err
 */
TDXC_MUST_CHECK int tdxc_unshare_init(struct tdxc_unshare *u,
				      const struct tdxc_unshare_config *config);

/**
 * @brief Make everything private, or go on with it.
 *
 * After an error other than TDXC_E_IO another call goes on where this one
 * stopped: no page is left out and none is converted twice.
 *
 * @param[in,out] u Engine.
 * @retval TDXC_OK         Finished; at most exclusions of order 0 are shared.
 * @retval TDXC_E_IO       Finished; u->result.left says what is left besides.
 * @retval TDXC_E_CANCELED The convert op said so.
 * @retval TDXC_E_NOSPC    u->scan.tables_left is used up; raise it.
 * @return #tdxc_err, also what tdxc_unshare_ops::before() returned.
 * @locks{none; see the top}
 * @complexity{a walk for each order of exclusions, the later ones only where
 *             such memory was met; at most one call of convert for each
 *             max_chunk of each range and for each page that fails}
 */
TDXC_MUST_CHECK int tdxc_unshare_run(struct tdxc_unshare *u);

/**
 * @brief Try once more what failed in conversion.
 *
 * @param[in,out] u Engine that has finished. What succeeds now leaves the list.
 * @retval TDXC_OK         At most exclusions of order 0 are shared.
 * @retval TDXC_E_IO       Something is left besides, or was not listed.
 * @retval TDXC_E_CANCELED The convert op said so; call again.
 * @retval TDXC_E_INVAL    The engine has not finished.
 * @return #tdxc_err
 */
TDXC_MUST_CHECK int tdxc_unshare_retry(struct tdxc_unshare *u);

/**
 * @brief Compare what was found with what was counted while running.
 *
 * @param found    Sum of tdxc_unshare_result::found of all CPUs.
 * @param expected The counter. @units{pages of 4 KiB}
 * @return found - expected, at most INT64_MAX; 0: equal.
 */
int64_t tdxc_unshare_difference(uint64_t found, int64_t expected);

/** What the next kernel must know of a range. */
enum tdxc_left_state {
	TDXC_LEFT_SHARED,  /**< Shared; conversion failed. */
	TDXC_LEFT_PENDING, /**< Private, to be accepted before it is used. */
	TDXC_LEFT_KEPT,	   /**< Shared, by intent. */
};

/** Words of a packed list beside its entries. */
#define TDXC_LEFT_HEADER 4u
/** Pages of 4 KiB that one entry of it covers at most. */
#define TDXC_LEFT_MAX_PAGES (1ull << 22)

/**
 * @brief Pack what is left, for the next kernel: eight bytes for a range.
 *
 * | word | content                                                         |
 * |------|-----------------------------------------------------------------|
 * | 0    | "TDXLEFT1", the first letter in the lowest byte                 |
 * | 1    | number of entries                                               |
 * | 2    | 1 where more is left than is listed, or where it is not known   |
 * | 3    | checksum of all other words                                     |
 * | 4... | bits 51:12 address; 1:0 #tdxc_left_state; 11:2 and 63:52 the low |
 * |      | and the high part of the number of pages less one               |
 *
 * @param[in]  u      Engine.
 * @param[out] words  Memory. @shape{room words; may be NULL when room is 0}
 * @param[in]  room   Number of words.
 * @param[out] needed Words that the list takes.
 * @retval TDXC_OK      Packed.
 * @retval TDXC_E_NOSPC @p room is below @p needed; nothing written to words.
 * @return #tdxc_err
 */
TDXC_MUST_CHECK int tdxc_unshare_pack(const struct tdxc_unshare *u,
				      uint64_t *words, size_t room,
				      size_t *needed);

/**
 * @brief Whether words are a packed list, from whatever source.
 * @param[in]  words    Words.
 * @param[in]  n        How many there are; more than the list has is allowed.
 * @param[out] entries  Number of entries; 0 after an error.
 * @param[out] complete Nothing else is left.
 * @retval TDXC_OK      tdxc_left_get() may be called.
 * @retval TDXC_E_INVAL No such list, or it was damaged.
 * @return #tdxc_err
 */
TDXC_MUST_CHECK int tdxc_left_check(const uint64_t *words, size_t n,
				    size_t *entries, bool *complete);

/**
 * @brief An entry of a packed list.
 * @param[in]  words Words that tdxc_left_check() found good.
 * @param[in]  i     Index, below the number of entries.
 * @param[out] pa    Memory.
 * @return #tdxc_left_state
 */
uint32_t tdxc_left_get(const uint64_t *words, size_t i, struct tdxc_range *pa);

/**
 * @brief Name of a stage.
 * @param stage A value of #tdxc_unshare_stage.
 * @return A constant string.
 */
const char *tdxc_unshare_stage_text(uint32_t stage);

#ifdef __cplusplus
}
#endif

#endif
