/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * @file
 * @brief Would the module accept this layout? The same status word it gives.
 *
 * Written from the module's rules, not from the planner, and sharing no code
 * with it beyond range.h: so that a layout which passes here passes there.
 * Pure: nothing is kept, nothing is called, no memory is written.
 *
 * A question the module could not be asked (abi is not TDXC_ABI, a number of
 * the platform or a stride outside its documented range) is answered with
 * OPERAND_INVALID, operand RAX: no rule of SYS.CONFIG gives that status.
 */
#ifndef TDXCORE_CHECK_H
#define TDXCORE_CHECK_H

#include <tdxcore/cmr.h>
#include <tdxcore/tdmr.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What SYS.CONFIG checks against. */
struct tdxc_check_platform {
	uint32_t abi; /**< TDXC_ABI. */
	/** First address bit that belongs to the KeyID; addresses of private
	 *  memory structures must have these bits clear. @units{32..pa_bits} */
	uint32_t keyid_start_bit;
	uint32_t shared_keyids;	  /**< KeyIDs 0..shared_keyids are shared. */
	uint32_t private_keyids;  /**< So many private KeyIDs follow them. */
	struct tdxc_range seamrr; /**< Never usable as an operand. */
	/** CMRs as SYS.INIT accepted them. @shape{ascending; entries of size 0
	 *  anywhere; the module has 32 but any number may be given} */
	const struct tdxc_cmr *cmrs;
	size_t nr_cmrs;		   /**< Entries of @ref cmrs. */
	struct tdxc_limits limits; /**< pamt_bitmap_bits decides the mode. */
};

/**
 * @brief Check the operands of TDH.SYS.CONFIG itself.
 *
 * Module state and processors are the caller's business.
 *
 * @param p   Platform.
 * @param rcx Physical address of the pointer array.
 * @param rdx Number of TDMRs.
 * @param r8  Global KeyID, and bit 16 for Dynamic PAMT: accepted only where
 *            limits.pamt_bitmap_bits is not 0.
 * @return Completion status; 0 when the module would go on to the entries.
 * @complexity{O(1)} @source{tdx-module-abi.md 4.1 steps 4 to 7}
 */
uint64_t tdxc_check_operands(const struct tdxc_check_platform *p, uint64_t rcx,
			     uint64_t rdx, uint64_t r8);

/**
 * @brief Check one address taken from the pointer array.
 *
 * @param p  Platform.
 * @param pa Physical address of a TDMR_INFO.
 * @return Completion status; 0 when the module would read the structure.
 * @complexity{O(1)} @source{tdx-module-abi.md 4.1 step 8}
 */
uint64_t tdxc_check_info_address(const struct tdxc_check_platform *p,
				 uint64_t pa);

/**
 * @brief Check TDMR @p i, as the module does before it reads TDMR i + 1.
 *
 * @param p      Platform.
 * @param infos  TDMR_INFO array, structures 0..i filled, 0..i-1 accepted.
 *               @shape{i + 1 structures of tdxc_tdmr_info_stride() bytes or
 *               more; any alignment}
 * @param stride Distance between structures. @units{bytes, at least 64 + 16 *
 *               max_reserved}
 * @param i      Index of the TDMR to check. @units{below limits.max_tdmrs}
 * @return Completion status with its detail bytes; 0 when accepted.
 * @complexity{O((i + CMRs) * reserved areas)}
 * @source{tdx-module-abi.md 4.2-4.7}
 */
uint64_t tdxc_check_tdmr(const struct tdxc_check_platform *p, const void *infos,
			 size_t stride, uint32_t i);

/**
 * @brief Check a whole layout: the first TDMR that fails decides.
 *
 * @param p      Platform.
 * @param infos  TDMR_INFO array. @shape{n structures, any alignment}
 * @param stride Distance between structures. @units{bytes}
 * @param n      Number of TDMRs.
 * @return Completion status with its detail bytes; 0 when accepted. A count of
 *         0 or above limits.max_tdmrs is OPERAND_INVALID with operand RDX.
 * @complexity{O(n * (n + CMRs) * reserved areas)}
 * @source{tdx-module-abi.md 4.1-4.7}
 */
uint64_t tdxc_check_layout(const struct tdxc_check_platform *p,
			   const void *infos, size_t stride, uint32_t n);

#ifdef __cplusplus
}
#endif

#endif
