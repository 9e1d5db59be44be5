/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * @file
 * @brief Lay TDMRs, PAMTs and reserved areas over a machine's memory.
 *
 * In goes what the machine has (RAM with its NUMA nodes, CMRs, the module's
 * limits), out comes what SYS.CONFIG wants. Three steps:
 *
 * 1. tdxc_plan_make() decides the TDMRs and finds room for each PAMT in the
 *    RAM itself.
 * 2. A caller that allocates PAMTs itself reads how much, on which node and
 *    where it would cost nothing (the suggested ranges) from the plan, and
 *    answers with tdxc_plan_place().
 * 3. tdxc_plan_seal() writes the TDMR_INFO array and the two lists that account
 *    for every byte of RAM.
 *
 * What is optimised, in this order: least RAM given up to limits; fewest PAMT
 * bytes; fewest TDMRs; fewest reserved areas; PAMT on the node it serves.
 *
 * Only what is not convertible, and PAMTs, need reserved areas: a convertible
 * hole between RAM ranges costs nothing. Areas that touch, or that have no RAM
 * in use between them, are one. When a limit bites, the cheapest pieces of RAM
 * are given up and named (#TDXC_PLAN_LIMIT).
 *
 * How good the answer is: `lost_bytes` is what was given up, `lost_bound` a
 * proven lower bound for every layout that spends no more bytes on PAMTs (one
 * that spends more, on GiBs without RAM, could only call lost RAM a PAMT).
 * Where the two are equal the planner has proved its answer best; within one
 * TDMR the choice of what to give up is always exact. @ref tdxc_plan::proven
 * tells whether the search for (lost bytes, PAMT bytes, TDMR count) over the
 * GiBs from the first to the last ran to its end.
 *
 * The plan lives in the caller's scratch memory; nothing is allocated, nothing
 * is kept elsewhere, nothing recurses.
 */
#ifndef TDXCORE_PLAN_H
#define TDXCORE_PLAN_H

#include <tdxcore/tdmr.h>

#ifdef __cplusplus
extern "C" {
#endif

/** RAM below this is never TDX memory: CMRs never contain the first MiB.
 *  @units{bytes} @source{linux-host-tdx.md 4} */
#define TDXC_PLAN_LEGACY_END 0x100000ull

/** What the firmware calls RAM, with its NUMA node. */
struct tdxc_plan_ram {
	struct tdxc_range range; /**< @units{bytes; trimmed inward to 4 KiB} */
	uint32_t node;		 /**< NUMA node. */
};

/** Options of tdxc_plan_make(). */
enum tdxc_plan_flags {
	/** Leave out GiBs that hold less RAM than the PAMT they cost. */
	TDXC_PLAN_ECONOMY = 1u << 0,
	/** The caller allocates PAMTs: finding no room for one in the RAM is
	 *  no failure, and suggestions may be missing (empty range). */
	TDXC_PLAN_CALLER_PLACES = 1u << 1,
};

/** What to plan for. Arrays must stay valid until tdxc_plan_seal() is done. */
struct tdxc_plan_config {
	uint32_t abi;		   /**< TDXC_ABI. */
	uint32_t flags;		   /**< #tdxc_plan_flags, or 0. */
	struct tdxc_limits limits; /**< From the module's metadata. */
	/** Convertible memory. @shape{sorted list (range.h), 4 KiB aligned,
	 *  as tdxc_cmr_read() gives it} */
	const struct tdxc_range *cmrs;
	size_t nr_cmrs; /**< Entries of @ref cmrs. */
	/** RAM. @shape{ascending, no overlap; neighbours may touch} */
	const struct tdxc_plan_ram *ram;
	size_t nr_ram; /**< Entries of @ref ram. */
};

/** Why a configuration was refused, or why there is no layout. */
enum tdxc_plan_fault_kind {
	TDXC_PLAN_FAULT_NONE,
	TDXC_PLAN_FAULT_ABI,	   /**< abi is not TDXC_ABI. */
	TDXC_PLAN_FAULT_LIMITS,	   /**< A limit outside its documented range;
					index: which, in order of the struct. */
	TDXC_PLAN_FAULT_FLAGS,	   /**< Undefined bit in flags. */
	TDXC_PLAN_FAULT_CMR,	   /**< cmrs[index] empty, unaligned, out of
					order or overlapping. */
	TDXC_PLAN_FAULT_CMR_WIDTH, /**< cmrs[index] beyond pa_bits. */
	TDXC_PLAN_FAULT_RAM,	   /**< ram[index] empty, inverted, out of order
					or overlapping. */
	TDXC_PLAN_FAULT_RAM_WIDTH, /**< ram[index] beyond pa_bits. */
	TDXC_PLAN_FAULT_SCRATCH,   /**< Scratch missing, unaligned, too small;
					index: bytes needed. */
	TDXC_PLAN_FAULT_NO_MEMORY, /**< No convertible RAM above 1 MiB. */
	TDXC_PLAN_FAULT_NO_ROOM,   /**< No layout leaves any RAM usable: PAMTs
					find no room, or every GiB is lost. */
	TDXC_PLAN_FAULT_PAMT,	   /**< PAMT of TDMR `index`: unaligned, too
					small, outside the CMRs, beyond pa_bits
					or overlapping another. */
	TDXC_PLAN_FAULT_PAMT_MISSING, /**< TDMR `index` has no PAMT yet. */
	TDXC_PLAN_FAULT_OUTPUT,	      /**< TDMR_INFO buffer too small or not 512
					   aligned; index: bytes needed. */
};

/** What was refused, and where. */
struct tdxc_plan_fault {
	enum tdxc_plan_fault_kind kind; /**< Reason. */
	size_t index;			/**< See #tdxc_plan_fault_kind. */
	struct tdxc_range range; /**< The offender, where there is one. */
};

/** Why a piece of RAM is not TDX memory. */
enum tdxc_plan_reason {
	TDXC_PLAN_LEGACY,	   /**< Below 1 MiB. */
	TDXC_PLAN_NOT_CONVERTIBLE, /**< In no CMR. */
	TDXC_PLAN_PAMT,		   /**< Holds a PAMT. */
	TDXC_PLAN_LIMIT,	   /**< Given up to a limit of the module. */
	TDXC_PLAN_UNECONOMIC,	   /**< Left out by TDXC_PLAN_ECONOMY. */
	TDXC_PLAN_NR_REASONS	   /**< Number of reasons. */
};

/** One planned TDMR. */
struct tdxc_plan_tdmr {
	struct tdxc_range range; /**< @units{bytes, 1 GiB aligned} */
	uint32_t node;		 /**< Node with most of its RAM. */
	uint32_t nr_reserved;	 /**< Areas it needs; final after seal. */
	/** Size each PAMT region needs, by #tdxc_pamt_level.
	 *  @units{bytes, multiple of 4 KiB} */
	uint64_t pamt_bytes[TDXC_PAMT_LEVELS];
	/** Where each region lies: suggested by make, set by place. Empty when
	 *  there is no suggestion. */
	struct tdxc_range pamt[TDXC_PAMT_LEVELS];
};

/** A piece of RAM a TD may use. */
struct tdxc_plan_memory {
	struct tdxc_range range; /**< @units{bytes, 4 KiB aligned} */
	uint32_t node;		 /**< NUMA node. */
};

/** A piece of RAM a TD may not use. */
struct tdxc_plan_excluded {
	struct tdxc_range range;      /**< @units{bytes, 4 KiB aligned} */
	uint32_t node;		      /**< NUMA node. */
	enum tdxc_plan_reason reason; /**< Why. */
};

/** The result. Arrays point into the scratch memory. */
struct tdxc_plan {
	/** Planned TDMRs, ascending. @shape{nr_tdmrs entries} */
	struct tdxc_plan_tdmr *tdmrs;
	uint32_t nr_tdmrs;   /**< Never above limits.max_tdmrs. */
	bool proven;	     /**< The search ran to its end. */
	bool sealed;	     /**< tdxc_plan_seal() succeeded. */
	uint64_t pamt_bytes; /**< Sum over all TDMRs and levels. */
	uint64_t lost_bytes; /**< RAM of reason TDXC_PLAN_LIMIT. */
	/** No layout with as few PAMT bytes loses less than this. */
	uint64_t lost_bound;
	uint64_t usable_bytes; /**< Sum of @ref memory. Valid after seal. */
	/** RAM in use, ascending. Valid after seal. */
	struct tdxc_plan_memory *memory;
	size_t nr_memory; /**< Entries of @ref memory. */
	/** All other RAM, ascending. Valid after seal. */
	struct tdxc_plan_excluded *excluded;
	size_t nr_excluded; /**< Entries of @ref excluded. */
	/** @cond private: owned by the library. */
	const struct tdxc_plan_config *config;
	struct tdxc_plan_work *work;
	/** @endcond */
};

/**
 * @brief How much scratch memory a configuration needs.
 *
 * @param[in]  config Configuration; only counts and limits are read.
 * @param[out] bytes  Needed size. @units{bytes}
 * @retval TDXC_OK      Written.
 * @retval TDXC_E_INVAL Counts overflow a size_t, or a limit is out of range;
 *                      0 written.
 * @return #tdxc_err
 * @complexity{O(1)}
 */
TDXC_MUST_CHECK int
tdxc_plan_scratch_bytes(const struct tdxc_plan_config *config, size_t *bytes);

/**
 * @brief Decide TDMRs and find room for their PAMTs.
 *
 * @param[out] plan    Result; zeroed on error.
 * @param[in]  config  What to plan for. Kept by reference.
 * @param[in]  scratch Memory for the plan, contents undefined. @shape{8-byte
 *                     aligned, tdxc_plan_scratch_bytes() or more; owned by the
 *                     caller, in use as long as the plan is}
 * @param[in]  bytes   Size of @p scratch.
 * @param[out] fault   Reason of a failure. Never NULL.
 *
 * @retval TDXC_OK      Planned; RAM may have been given up: see lost_bytes.
 * @retval TDXC_E_INVAL Malformed input; @p fault names it.
 * @retval TDXC_E_RANGE Input beyond the physical width; @p fault names it.
 * @retval TDXC_E_NOMEM Scratch too small; @p fault holds the size needed.
 * @retval TDXC_E_NOSPC No layout leaves any RAM usable.
 * @return #tdxc_err
 * @locks{none; reentrant: touches only its arguments}
 * @complexity{O(n log n) for n ranges when no limit bites; else bounded by a
 *             fixed search budget, O(n log n) memory touched}
 */
TDXC_MUST_CHECK int tdxc_plan_make(struct tdxc_plan *plan,
				   const struct tdxc_plan_config *config,
				   void *scratch, size_t bytes,
				   struct tdxc_plan_fault *fault);

/**
 * @brief Tell the plan where the caller put the PAMT of one TDMR.
 *
 * The suggestion is replaced, and what make proved about the layout with it:
 * proven becomes false, lost_bound what holds for any place. Anything wrong
 * with the place is found by tdxc_plan_seal(), when all are known.
 *
 * @param[in,out] plan Made, not sealed.
 * @param[in]     i    TDMR. @units{below nr_tdmrs}
 * @param[in]     pamt One range per #tdxc_pamt_level. @shape{3 entries, each
 *                     pamt_bytes[level] long or more, 4 KiB aligned}
 * @retval TDXC_OK      Noted.
 * @retval TDXC_E_INVAL No such TDMR, or the plan is sealed; nothing changed.
 * @return #tdxc_err
 */
TDXC_MUST_CHECK int tdxc_plan_place(struct tdxc_plan *plan, uint32_t i,
				    const struct tdxc_range *pamt);

/**
 * @brief Write TDMR_INFO structures, and account for every byte of RAM.
 *
 * Places that cost more reserved areas than a TDMR has make the plan give up
 * the cheapest pieces of RAM; lost_bytes is updated, so look at it again.
 *
 * @param[in,out] plan  Made, every PAMT placed.
 * @param[out]    infos TDMR_INFO array, for the module to read: nr_tdmrs
 *                      structures, tdxc_tdmr_info_stride() apart. @shape{512
 *                      aligned}
 * @param[in]     bytes Size of @p infos.
 * @param[out]    fault Reason of a failure. Never NULL.
 *
 * @retval TDXC_OK      Written, unused bytes zeroed; plan lists are valid.
 * @retval TDXC_E_INVAL A PAMT is misplaced or missing; nothing written.
 * @retval TDXC_E_NOSPC @p infos too small or misaligned; nothing written.
 * @return #tdxc_err
 * @complexity{O((n + TDMRs * areas) log n)}
 */
TDXC_MUST_CHECK int tdxc_plan_seal(struct tdxc_plan *plan, void *infos,
				   size_t bytes, struct tdxc_plan_fault *fault);

/**
 * @brief Bytes of one PAMT region.
 *
 * @param limits Module limits.
 * @param level  #tdxc_pamt_level.
 * @param gibs   Size of the TDMR. @units{GiB}
 * @return entries times entry size (or bitmap bits / 8), rounded up to 4 KiB.
 * @source{linux-host-tdx.md 5.3}
 */
uint64_t tdxc_plan_pamt_bytes(const struct tdxc_limits *limits,
			      enum tdxc_pamt_level level, uint64_t gibs);

/**
 * @brief Name of an exclusion reason as the command line prints it.
 * @param reason Any value.
 * @return A constant string, never NULL.
 */
const char *tdxc_plan_reason_name(enum tdxc_plan_reason reason);

/**
 * @brief One line of text for a fault kind, without a full stop.
 * @param kind Any value.
 * @return A constant string, never NULL.
 */
const char *tdxc_plan_fault_text(enum tdxc_plan_fault_kind kind);

#ifdef __cplusplus
}
#endif

#endif
