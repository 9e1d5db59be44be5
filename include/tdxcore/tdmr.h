/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * @file
 * @brief TDMR_INFO as the module reads it, and the module's limits.
 *
 * | offset   | field                      | unit                       |
 * |----------|----------------------------|----------------------------|
 * | 0, 8     | TDMR base, size            | bytes, multiples of 1 GiB  |
 * | 16, 24   | PAMT 1G base, size         | bytes, multiples of 4 KiB  |
 * | 32, 40   | PAMT 2M base, size         | bytes, multiples of 4 KiB  |
 * | 48, 56   | PAMT 4K base, size         | bytes, multiples of 4 KiB  |
 * | 64 + 16k | reserved area k: offset    | bytes from the TDMR's base |
 * | 72 + 16k | reserved area k: size      | bytes; 0 ends the list     |
 *
 * @source{tdx-module-abi.md 3.4; linux-host-tdx.md 5.1}
 */
#ifndef TDXCORE_TDMR_H
#define TDXCORE_TDMR_H

#include <tdxcore/range.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The three PAMT regions of a TDMR, numbered as the module numbers levels. */
enum tdxc_pamt_level {
	TDXC_PAMT_4K,	 /**< One entry per 4 KiB page (or a bitmap). */
	TDXC_PAMT_2M,	 /**< One entry per 2 MiB. */
	TDXC_PAMT_1G,	 /**< One entry per 1 GiB. */
	TDXC_PAMT_LEVELS /**< Number of regions. */
};

/** Alignment of each TDMR_INFO and of the pointer array. @units{bytes} */
#define TDXC_TDMR_INFO_ALIGN 512u

/** One reserved area of a TDMR_INFO. */
struct tdxc_tdmr_reserved {
	uint64_t offset; /**< From the TDMR's base. @units{bytes, 4 KiB} */
	uint64_t size;	 /**< 0 ends the list. @units{bytes, 4 KiB} */
};

/** A base and a size as they stand in TDMR_INFO. */
struct tdxc_tdmr_region {
	uint64_t base; /**< @units{bytes} */
	uint64_t size; /**< @units{bytes} */
};

/** TDMR_INFO without its reserved areas, which follow it in memory. */
struct tdxc_tdmr_info {
	uint64_t base; /**< @units{bytes, 1 GiB aligned} */
	uint64_t size; /**< @units{bytes, multiple of 1 GiB} */
	struct tdxc_tdmr_region pamt_1g;      /**< 16 bytes at offset 16. */
	struct tdxc_tdmr_region pamt_2m;      /**< 16 bytes at offset 32. */
	struct tdxc_tdmr_region pamt_4k;      /**< 16 bytes at offset 48. */
	struct tdxc_tdmr_reserved reserved[]; /**< max_reserved entries. */
};

TDXC_STATIC_ASSERT(sizeof(struct tdxc_tdmr_info) == 64,
		   "reserved areas start at 64");
TDXC_STATIC_ASSERT(sizeof(struct tdxc_tdmr_reserved) == 16,
		   "a reserved area is 16 bytes");

/** What the module reports about itself; never assumed. */
struct tdxc_limits {
	uint32_t max_tdmrs;    /**< MAX_TDMRS. @units{1..65535} */
	uint32_t max_reserved; /**< MAX_RESERVED_PER_TDMR. @units{1..65535} */
	/** Bytes per PAMT entry, by #tdxc_pamt_level. @units{1..4096} */
	uint32_t pamt_entry_size[TDXC_PAMT_LEVELS];
	/** 0: static. Else Dynamic PAMT with this many bits per 4 KiB page in
	 *  the bitmap that replaces the 4K region. @units{0..64} */
	uint32_t pamt_bitmap_bits;
	uint32_t pa_bits; /**< Addresses are below 2^this. @units{32..63} */
};

/**
 * @brief The limits of every module seen so far: 64 TDMRs, 16 areas, 16-byte
 *        entries, static PAMT, 52 bits.
 *
 * For tests and tools; a kernel fills the structure from the module's metadata.
 *
 * @return The limits. @source{tdx-module-abi.md 3.1, 3.9}
 */
static inline struct tdxc_limits tdxc_limits_observed(void)
{
	struct tdxc_limits limits = {
		64, 16, {16, 16, 16}, 0, 52,
	};

	return limits;
}

/**
 * @brief Distance between two TDMR_INFO structures in an array.
 *
 * @param max_reserved Reserved areas per TDMR. @units{1..65535}
 * @return 64 + 16 * max_reserved, rounded up to 512. @units{bytes}
 */
static inline size_t tdxc_tdmr_info_stride(uint32_t max_reserved)
{
	return ((size_t)64 + 16 * (size_t)max_reserved + TDXC_TDMR_INFO_ALIGN -
		1) &
	       ~(size_t)(TDXC_TDMR_INFO_ALIGN - 1);
}

#ifdef __cplusplus
}
#endif

#endif
