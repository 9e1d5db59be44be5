/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * @file
 * @brief Finding shared memory in x86 page tables.
 *
 * A guest of TDX or SEV tells shared memory from private memory by one address
 * bit of its page-table entries. A scan walks the tables below a root, in the
 * order of virtual addresses, and reports the leaves whose bit says shared, or
 * all leaves; neighbours may be joined into runs, whatever their sizes.
 *
 * A scan never writes. It believes no entry: whatever the tables hold, it reads
 * no table outside the memory it was told of, enters no table that is already
 * on its path, and reads no more tables than it may. What is wrong is reported
 * where it stands and the walk goes on beside it.
 *
 * A *leaf* of level 2 or 3 has the page-size bit, present or not: what Linux
 * takes away for PROT_NONE keeps its address and its shared bit. An entry of
 * level 1 is a leaf unless it is zero. A zero entry is never shared.
 *
 * Context: where several CPUs scan at once each has its own range, best from
 * tdxc_scan_split(), and its own struct tdxc_scan. Nobody frees or splits
 * tables meanwhile, or the caller begins again from tdxc_scan::at with
 * tdxc_scan_restart().
 *
 * @source{unshare-kexec-guest.md 2.2, 2.3, 2.8, 5.1, 5.2; seeds.md S004-5}
 */
#ifndef TDXCORE_SCAN_H
#define TDXCORE_SCAN_H

#include <tdxcore/range.h>
#include <tdxcore/spte.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Entries of x86 tables: bits that a scan looks at. */
#define TDXC_PTE_PRESENT (1ull << 0)
#define TDXC_PTE_USER	 (1ull << 2) /**< User mode. */
#define TDXC_PTE_A	 (1ull << 5) /**< Accessed. */
#define TDXC_PTE_D	 (1ull << 6) /**< Dirty. */
/** Page size at levels 2 and 3, reserved above; PAT at level 1. */
#define TDXC_PTE_PS	   (1ull << 7)
#define TDXC_PTE_LARGE_PAT (1ull << 12) /**< PAT at levels 2, 3. */
/** Present, writable, accessed, dirty: what points to a table. */
#define TDXC_PTE_TABLE	 0x63ull
#define TDXC_PTE_PA_MASK 0x000FFFFFFFFFF000ull /**< Bits 51:12. */

/** The shared bit lies in bits 51:12. */
#define TDXC_SCAN_MIN_SHARED_BIT 12u
#define TDXC_SCAN_MAX_SHARED_BIT 51u /**< TDX: 47 or 51. */
/** Physical addresses have at least so many bits. */
#define TDXC_SCAN_MIN_PA_BITS 32u
#define TDXC_SCAN_MAX_PA_BITS 52u      /**< And at most so many. */
#define TDXC_SCAN_MAX_PARTS   0x10000u /**< tdxc_scan_split(). */

/** What the bit says. @source{unshare-kexec-guest.md 2.2} */
enum tdxc_shared_polarity {
	/** TDX, vTOM: set in shared entries. It and everything above it are
	 *  lost to the address. */
	TDXC_SHARED_IS_SET = 1,
	/** SEV: the C-bit is clear in shared entries. Only that bit is lost. */
	TDXC_SHARED_IS_CLEAR = 2,
};

/** Which leaves are reported. */
enum tdxc_scan_what {
	TDXC_SCAN_SHARED = 1, /**< Shared ones, at the speed of memory. */
	/** Present ones and shared ones: for statistics, some twenty times
	 *  slower. */
	TDXC_SCAN_MAPPED = 2,
};

/** How a table is reached, where no constant offset does it. */
struct tdxc_scan_ops {
	uint32_t abi; /**< #TDXC_ABI. */
	/**
	 * @brief Make a table readable; once per table, never per entry.
	 * @param ctx   Context.
	 * @param pa    Its address. @units{bytes, 4 KiB aligned}
	 * @param level Of the table. Until the next call for this level or a
	 *              higher one the entries stay readable, so one buffer per
	 *              level is enough.
	 * @return 512 entries, 8-byte aligned; NULL: cannot be read.
	 */
	uint64_t *(*table)(void *ctx, uint64_t pa, uint32_t level);
};

/** What to walk. Zero it first. */
struct tdxc_scan_config {
	uint32_t abi;	 /**< #TDXC_ABI. */
	uint32_t levels; /**< 4 or 5. */
	/** Address of the root table: CR3 without its control bits.
	 *  @units{bytes, 4 KiB aligned} */
	uint64_t root;
	/** Virtual minus physical address of any table, where @ref ops is NULL.
	 *  @units{bytes, multiple of 4 KiB} */
	uint64_t virt;
	const struct tdxc_scan_ops *ops; /**< Or NULL. */
	void *ctx;			 /**< Of @ref ops. */
	uint32_t shared_bit;		 /**< 12 to 51. */
	uint32_t polarity;		 /**< #tdxc_shared_polarity. */
	uint32_t pa_bits;		 /**< 32 to 52. */
	uint32_t what;			 /**< #tdxc_scan_what. */
	/** Memory in which tables and shared pages may lie; kept by reference.
	 *  @shape{sorted list of nr_ram entries; 0: any address below pa_bits;
	 *  required where the tables are not to be trusted and @ref virt is
	 *  used} */
	const struct tdxc_range *ram;
	size_t nr_ram; /**< Entries of @ref ram. */
	/** First virtual address. @units{bytes, 4 KiB aligned, canonical} */
	uint64_t start;
	/** One past the last: 0 stands for 2^64, so that two zeros are the
	 *  whole address space. The hole of non-canonical addresses may lie
	 *  between. A leaf across an end is reported whole. */
	uint64_t end;
	/** Tables to read before #TDXC_SCAN_BUDGET. @units{at least 1} */
	uint64_t max_tables;
};

/** What is wrong with an entry. */
enum tdxc_scan_bad {
	TDXC_SCAN_GOOD,		/**< Nothing. */
	TDXC_SCAN_NO_TABLE,	/**< tdxc_scan_ops::table() gave NULL. */
	TDXC_SCAN_OUTSIDE,	/**< The table or shared page is outside RAM. */
	TDXC_SCAN_LOOP,		/**< The table is its own ancestor. */
	TDXC_SCAN_TABLE_SHARED, /**< The table would be read as shared memory.*/
	TDXC_SCAN_RESERVED,	/**< An address bit that must be 0. */
	TDXC_SCAN_TOO_LARGE,	/**< Page-size bit at level 4 or 5. */
	TDXC_SCAN_BADS,		/**< Number of the above. */
};

/** One entry. */
struct tdxc_scan_leaf {
	uint64_t *slot; /**< Where it stands; NULL for the root itself. */
	uint64_t entry; /**< What was read there. */
	uint64_t va;	/**< First virtual address, sign-extended. */
	uint64_t pa;	/**< Of the page; 0 where @ref bad. */
	uint32_t level; /**< 1 to 3; 1 to 5 where @ref bad. */
	uint32_t bad;	/**< #tdxc_scan_bad. */
	bool shared;	/**< What the shared bit says. */
};

/** Neighbouring leaves: contiguous in virtual and in physical addresses. */
struct tdxc_scan_run {
	uint64_t va;			 /**< First virtual address. */
	struct tdxc_range pa;		 /**< Physical addresses. */
	uint64_t leaves[TDXC_LEVEL_1G];	 /**< Number by level - 1. */
	bool shared;			 /**< All of them, or none. */
	struct tdxc_scan_leaf bad_entry; /**< Of #TDXC_SCAN_BAD only. */
};

/** What a step of a scan met. */
enum tdxc_scan_event {
	TDXC_SCAN_END,	/**< Nothing more. */
	TDXC_SCAN_LEAF, /**< A leaf, or a run of them. */
	TDXC_SCAN_BAD,	/**< A malformed entry; the scan goes on beside it. */
	/** tdxc_scan::tables_left is 0 and there is more to read. Goes on when
	 *  the caller adds to it. */
	TDXC_SCAN_BUDGET,
};

/** A scan. Only the members with a comment are for the caller to read. */
struct tdxc_scan {
	struct tdxc_scan_config config; /**< As given. */
	uint64_t at;	      /**< Next page frame of the address space. */
	uint64_t stop;	      /**< Frames are below this. */
	uint64_t tables_left; /**< May be raised at any time. */
	uint64_t tables_read; /**< So far. */
	/** @cond private */
	uint64_t *table[TDXC_MAX_LEVELS + 1];
	uint64_t path[TDXC_MAX_LEVELS + 1];
	uint64_t shared_mask;
	uint64_t pa_mask;
	uint64_t table_mask;
	uint64_t table_bits;
	uint32_t level;
	uint32_t ahead_event;
	struct tdxc_scan_leaf ahead;
	/** @endcond */
};

/**
 * @brief Begin a scan.
 *
 * @param[out] s      Scan.
 * @param[in]  config What to walk; copied.
 * @retval TDXC_OK      Begun. No table was read yet.
 * @retval TDXC_E_INVAL A member is outside what its comment allows, or a bound
 *                      is not canonical; @p s finds nothing.
 * @retval TDXC_E_RANGE The root lies beyond pa_bits; @p s finds nothing.
 * @return #tdxc_err
 */
TDXC_MUST_CHECK int tdxc_scan_begin(struct tdxc_scan *s,
				    const struct tdxc_scan_config *config);

/**
 * @brief The next leaf.
 *
 * @param[in,out] s   Scan.
 * @param[out]    out The entry, with #TDXC_SCAN_LEAF and #TDXC_SCAN_BAD.
 * @return What was met.
 * @complexity{1.3 instructions per private leaf of 4 KiB that it passes; a call
 *             of the port per table}
 */
enum tdxc_scan_event tdxc_scan_next_leaf(struct tdxc_scan *s,
					 struct tdxc_scan_leaf *out);

/**
 * @brief The next run of leaves. Not to be mixed with tdxc_scan_next_leaf().
 *
 * @param[in,out] s   Scan.
 * @param[out]    out The run, or with #TDXC_SCAN_BAD the entry.
 * @return What was met. After #TDXC_SCAN_BUDGET leaves already seen are kept
 *         for the next call.
 */
enum tdxc_scan_event tdxc_scan_next_run(struct tdxc_scan *s,
					struct tdxc_scan_run *out);

/**
 * @brief Forget all tables and walk from the root again to tdxc_scan::at.
 *
 * After they may have been unmapped, split or freed in between. Nothing is
 * reported twice. Reading the path again counts against the budget.
 *
 * @param[in,out] s Scan.
 */
void tdxc_scan_restart(struct tdxc_scan *s);

/**
 * @brief Which state an entry has.
 * @param s     Scan.
 * @param entry Entry.
 * @return true: shared. Zero never is.
 */
static inline bool tdxc_scan_is_shared(const struct tdxc_scan *s,
				       uint64_t entry)
{
	if (s->config.polarity == TDXC_SHARED_IS_SET)
		return (entry & s->shared_mask) != 0;
	return (entry & s->shared_mask) == 0 && entry != 0;
}

/**
 * @brief The part of an address range that one of several CPUs walks.
 *
 * Parts are cut where no leaf can lie: at multiples of 1 GiB.
 *
 * @param[in]  config Of the whole: levels, start and end are read.
 * @param[in]  parts  Number of parts. @units{1..#TDXC_SCAN_MAX_PARTS}
 * @param[in]  part   Which. @units{0..parts - 1}
 * @param[out] start  Its start, for tdxc_scan_config::start.
 * @param[out] end    Its end.
 * @retval TDXC_OK      There is something to do.
 * @retval TDXC_E_NOENT There are fewer GiB than parts: nothing for this one.
 * @retval TDXC_E_INVAL A bound is not canonical, or there is no such part.
 * @return #tdxc_err
 */
TDXC_MUST_CHECK int tdxc_scan_split(const struct tdxc_scan_config *config,
				    uint32_t parts, uint32_t part,
				    uint64_t *start, uint64_t *end);

/**
 * @brief What is wrong, in words.
 * @param bad A value of #tdxc_scan_bad.
 * @return A constant string.
 */
const char *tdxc_scan_bad_text(uint32_t bad);

#ifdef __cplusplus
}
#endif

#endif
