/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * @file
 * @brief Completion status words of the TDX module, taken apart and named.
 *
 * | bits  | field                                                     |
 * |-------|-----------------------------------------------------------|
 * | 63    | ERROR                                                     |
 * | 62    | NON_RECOVERABLE (the same call cannot succeed unchanged)  |
 * | 61    | FATAL                                                     |
 * | 60    | HOST_RECOVERABILITY_HINT                                  |
 * | 59:48 | reserved                                                  |
 * | 47:40 | class                                                     |
 * | 39:32 | code within the class                                     |
 * | 31:0  | details: operand id, MSR index, or up to four indices     |
 *
 * Software matches the upper 32 bits only, except for exact success.
 * Class 0xFF is reserved for software: the synthetic codes below say that the
 * SEAMCALL instruction itself failed.
 *
 * @source{tdx-module-abi.md 2; linux-host-tdx.md 2.2, 2.3}
 */
#ifndef TDXCORE_STATUS_H
#define TDXCORE_STATUS_H

#include <tdxc_env.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The call did what was asked; the only success value. */
#define TDXC_STATUS_SUCCESS 0ull
/** CF = 1: no module, or P-SEAMLDR busy. */
#define TDXC_STATUS_VMFAILINVALID 0x8000FF00FFFF0000ull
/** SEAMCALL raised \#UD: not in VMX operation. */
#define TDXC_STATUS_UD 0x8000FF0000000006ull
/** SEAMCALL raised \#GP: SEAMRR not enabled. */
#define TDXC_STATUS_GP 0x8000FF000000000Dull

/** An operand breaks a rule; details: operand id. */
#define TDXC_STATUS_OPERAND_INVALID 0xC000010000000000ull
/** TDMR base or size is unusable; details: TDMR. */
#define TDXC_STATUS_INVALID_TDMR 0xC0000A0000000000ull
/** TDMR starts below the end of the one before it. */
#define TDXC_STATUS_NON_ORDERED_TDMR 0xC0000A0100000000ull
/** Non-reserved part of a TDMR lies outside the CMRs. */
#define TDXC_STATUS_TDMR_OUTSIDE_CMRS 0xC0000A0200000000ull
/** PAMT region is unaligned, unusable or too small. */
#define TDXC_STATUS_INVALID_PAMT 0xC0000A1000000000ull
/** PAMT region lies outside the CMRs. */
#define TDXC_STATUS_PAMT_OUTSIDE_CMRS 0xC0000A1100000000ull
/** PAMT region overlaps another one, or TDX memory. */
#define TDXC_STATUS_PAMT_OVERLAP 0xC0000A1200000000ull
/** Reserved area is unaligned or leaves its TDMR. */
#define TDXC_STATUS_INVALID_RESERVED 0xC0000A2000000000ull
/** Reserved areas descend, overlap or follow an empty one. */
#define TDXC_STATUS_NON_ORDERED_RESERVED 0xC0000A2100000000ull

/** Operand ids in bits 31:0. @source{tdx-module-abi.md 2.2} */
enum tdxc_operand {
	TDXC_OPERAND_RAX = 0,
	TDXC_OPERAND_RCX = 1,
	TDXC_OPERAND_RDX = 2,
	TDXC_OPERAND_R8 = 8,
};

/** The three kinds of answer that must not be confused. */
enum tdxc_status_kind {
	TDXC_STATUS_KIND_SUCCESS, /**< Exactly 0. */
	TDXC_STATUS_KIND_INFO,	  /**< Not 0, bit 63 clear: done, or nothing
				       to do, and the details say more. */
	TDXC_STATUS_KIND_ERROR,	  /**< Bit 63 set, or an object that died. */
};

/** What a caller can do about a status. */
enum tdxc_status_remedy {
	TDXC_REMEDY_NONE,  /**< Not an error. */
	TDXC_REMEDY_RETRY, /**< Repeat the same call at once, bounded. */
	TDXC_REMEDY_ACT,   /**< Succeeds after another action. */
	TDXC_REMEDY_NEVER, /**< Caller's bug, or permanent in this state. */
	TDXC_REMEDY_DEAD,  /**< The object is dead; tear it down. */
};

/** What bits 31:0 of a status mean. */
enum tdxc_status_detail {
	TDXC_DETAIL_OPERAND, /**< An operand id. */
	TDXC_DETAIL_TDMR,    /**< Bytes: TDMR, level or area, other TDMR. */
	TDXC_DETAIL_MSR,     /**< An MSR index. */
	TDXC_DETAIL_CPUID,   /**< A CPUID leaf. */
	TDXC_DETAIL_NUMBER,  /**< A plain number, or unused. */
	TDXC_DETAIL_VECTOR,  /**< An exception vector. */
};

/** Everything known about a status; strings live as long as the program. */
struct tdxc_status_info {
	const char *name;	    /**< Without prefix: "OPERAND_BUSY". */
	const char *meaning;	    /**< One line, no full stop. */
	const char *hint;	    /**< What to do; "" where nothing helps. */
	enum tdxc_status_kind kind; /**< Success, information or error. */
	enum tdxc_status_remedy remedy; /**< Who can do what about it. */
	enum tdxc_status_detail detail; /**< What bits 31:0 hold. */
};

/**
 * @brief Class of a status.
 * @param status Completion status.
 * @return Bits 47:40.
 */
static inline uint8_t tdxc_status_class(uint64_t status)
{
	return (uint8_t)(status >> 40);
}

/**
 * @brief Status without its details, for comparing.
 * @param status Completion status.
 * @return Bits 63:32 in place, bits 31:0 zero.
 */
static inline uint64_t tdxc_status_code(uint64_t status)
{
	return status & 0xFFFFFFFF00000000ull;
}

/**
 * @brief Whether the SEAMCALL instruction itself failed: the module never ran.
 * @param status Completion status.
 * @return true for the synthetic codes.
 */
static inline bool tdxc_status_is_synthetic(uint64_t status)
{
	return tdxc_status_class(status) == 0xFF;
}

/**
 * @brief Tell success, information and error apart.
 *
 * Bit 63 decides, except for the codes that report a dead TD or vCPU with bit
 * 63 clear (0x4000000100000000, 0x6000000200000000 and their class-0 kin:
 * bit 62 set), which are errors.
 *
 * @param status Completion status.
 * @return Its kind; works for unknown codes too.
 * @complexity{O(1)}
 */
enum tdxc_status_kind tdxc_status_kind(uint64_t status);

/**
 * @brief Look a status up.
 *
 * A code published with two values (0x40000002 and 0x60000002 in the upper
 * half, 0x60000007 and 0xE0000007) has the same name and texts under both.
 *
 * @param[in]  status Completion status; details are ignored, except that the
 *                    synthetic codes are told apart by them.
 * @param[out] info   Filled on success; for an unknown code filled with the
 *                    name "UNKNOWN" and what the bits alone say.
 * @retval TDXC_OK      Known.
 * @retval TDXC_E_NOENT Unknown; @p info is usable all the same.
 * @return #tdxc_err
 * @complexity{O(log codes)}
 */
int tdxc_status_lookup(uint64_t status, struct tdxc_status_info *info);

/**
 * @brief Number of codes the library knows.
 * @return Entries of the table.
 */
size_t tdxc_status_count(void);

/**
 * @brief Walk the table in ascending order of the code.
 *
 * @param[in]  i    Index. @units{below tdxc_status_count()}
 * @param[out] info Filled. Never NULL.
 * @return The status word, details zero (synthetic codes: details included);
 *         0 with @p info untouched when @p i is out of bounds.
 */
uint64_t tdxc_status_at(size_t i, struct tdxc_status_info *info);

/**
 * @brief Name of an operand id, such as "RCX" or "TD_EPOCH".
 * @param id Bits 31:0 of a status.
 * @return A constant string; NULL when the id is not defined.
 * @source{tdx-module-abi.md 2.2}
 */
const char *tdxc_operand_name(uint32_t id);

#ifdef __cplusplus
}
#endif

#endif
