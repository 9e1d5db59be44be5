/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * @file
 * @brief Convertible memory ranges (CMRs): read the module's list, refuse a
 *        malformed one with a reason.
 *
 * Firmware declares CMRs at boot, MCHECK verifies them, and they never change
 * (seeds.md S001-4). The module reports up to 32 of them, by SYS.INFO or as
 * metadata fields CMR_BASE and CMR_SIZE, and pads the list with entries of
 * size 0.
 */
#ifndef TDXCORE_CMR_H
#define TDXCORE_CMR_H

#include <tdxcore/range.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Most CMRs a platform can have. @source{tdx-module-abi.md 3.1} */
#define TDXC_MAX_CMRS 32

/** CMR_INFO, as the module writes it. @source{tdx-module-abi.md 3.3} */
struct tdxc_cmr {
	uint64_t base; /**< First byte. @units{bytes, multiple of 4 KiB} */
	uint64_t size; /**< Length; 0: unused entry. @units{bytes, 4 KiB} */
};

TDXC_STATIC_ASSERT(sizeof(struct tdxc_cmr) == 16, "CMR_INFO is 16 bytes");

/** Why a CMR list was refused, or what in it is suspicious. */
enum tdxc_cmr_fault_kind {
	TDXC_CMR_FAULT_NONE,	   /**< Nothing to report. */
	TDXC_CMR_FAULT_EMPTY_LIST, /**< No entry with a size; refused. */
	TDXC_CMR_FAULT_UNALIGNED,  /**< Base or size not 4 KiB; refused. */
	TDXC_CMR_FAULT_WRAP,	   /**< base + size wraps; refused. */
	TDXC_CMR_FAULT_PA_WIDTH,   /**< Beyond the physical width; refused. */
	TDXC_CMR_FAULT_ORDER,	   /**< Starts below the one before; refused. */
	TDXC_CMR_FAULT_OVERLAP,	   /**< Overlaps the one before; refused. */
	TDXC_CMR_WARN_SIZE_0_BASE, /**< Size 0 but a base; entry ignored. */
	TDXC_CMR_WARN_INNER_EMPTY, /**< Unused entry before a used one: ignored,
					as SYS.INIT does. */
};

/** What tdxc_cmr_read() found, and where. */
struct tdxc_cmr_fault {
	enum tdxc_cmr_fault_kind
		kind;	/**< First refusal, else first warning. */
	uint32_t index; /**< Entry of the list as given. */
};

/**
 * @brief Turn the module's CMR list into a sorted list of ranges.
 *
 * Unused entries (size 0) are skipped, the zero tail among them; touching CMRs
 * are joined, because the module treats them as one when it checks containment
 * (tdx-module-abi.md 4.7). A list without any used entry is refused here though
 * SYS.INIT takes it: such a machine has nothing to plan.
 *
 * @param[in]  raw     The list as reported. @shape{n entries, ascending}
 * @param[in]  n       Number of entries. @units{may exceed TDXC_MAX_CMRS: what
 *                     a test or simulator describes need not be a real module}
 * @param[in]  pa_bits Physical address width; SYS.INIT also refuses KeyID bits,
 *                     so leave them out where known. @units{bits, 32..63}
 * @param[out] out     Receives the joined ranges. @shape{room for n entries}
 * @param[out] nr_out  Number written; 0 on error.
 * @param[out] fault   First refusal or warning. Never NULL.
 *
 * @retval TDXC_OK      Read; @p fault may hold a warning (TDXC_CMR_WARN_*).
 * @retval TDXC_E_INVAL Refused; @p fault names the entry and the reason.
 * @return #tdxc_err
 * @complexity{O(n)}
 * @source{tdx-module-abi.md 1.4 SYS.INIT, 3.3; linux-host-tdx.md 4}
 */
TDXC_MUST_CHECK int tdxc_cmr_read(const struct tdxc_cmr *raw, size_t n,
				  uint32_t pa_bits, struct tdxc_range *out,
				  size_t *nr_out, struct tdxc_cmr_fault *fault);

/**
 * @brief One line of text for a fault kind, without a full stop.
 * @param kind Any value.
 * @return A constant string, never NULL.
 */
const char *tdxc_cmr_fault_text(enum tdxc_cmr_fault_kind kind);

#ifdef __cplusplus
}
#endif

#endif
