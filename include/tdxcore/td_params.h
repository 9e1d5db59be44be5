/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * @file
 * @brief TD_PARAMS: what MNG.INIT is told about a TD.
 *
 * The structure is built from a plain one, and judged before the module does:
 * in the module's order, so that the fault named is the one that MNG.INIT would
 * blame, with the value, and the bits that may and must be set.
 *
 * | offset | size | field                 | from                             |
 * |--------|------|-----------------------|----------------------------------|
 * | 0      | 8    | ATTRIBUTES            | attributes                       |
 * | 8      | 8    | XFAM                  | xfam                             |
 * | 16     | 2    | MAX_VCPUS             | max_vcpus                        |
 * | 18     | 1    | NUM_L2_VMS            | nr_l2_vms                        |
 * | 19     | 1    | MSR_CONFIG_CTLS       | bit 0: arch_cap_valid            |
 * | 24     | 8    | EPTP_CONTROLS         | levels; write-back               |
 * | 32     | 8    | CONFIG_FLAGS          | config_flags                     |
 * | 40     | 2    | TSC_FREQUENCY         | tsc_frequency                    |
 * | 80     | 48   | MRCONFIGID            | mrconfigid                       |
 * | 128    | 48   | MROWNER               | mrowner                          |
 * | 176    | 48   | MROWNERCONFIG         | mrownerconfig                    |
 * | 224    | 8    | IA32_ARCH_CAPABILITIES | arch_cap                        |
 * | 256    | 16 n | CPUID_CONFIG          | cpuid, in the module's order     |
 *
 * Whatever is not in the table is reserved, and 0.
 *
 * @source{tdx-module-abi.md 1.5, 2.2, 3.2, 3.5, 3.9}
 */
#ifndef TDXCORE_TD_PARAMS_H
#define TDXCORE_TD_PARAMS_H

#include <tdxcore/metadata.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Size of TD_PARAMS, and its alignment. @units{bytes} */
#define TDXC_TD_PARAMS_BYTES 1024
/** The same in words. */
#define TDXC_TD_PARAMS_WORDS (TDXC_TD_PARAMS_BYTES / 8)
/** CPUID_CONFIG entries that there is room for. */
#define TDXC_TD_PARAMS_CPUID	 48

#define TDXC_TD_ATTR_DEBUG	 (1ull << 0)  /**< The host sees into it. */
#define TDXC_TD_ATTR_NO_SEPT_VE	 (1ull << 28) /**< SEPT_VE_DISABLE. */
#define TDXC_TD_ATTR_MIGRATABLE	 (1ull << 29) /**< Not with the other two. */
#define TDXC_TD_ATTR_PKS	 (1ull << 30) /**< Supervisor keys. */
#define TDXC_TD_ATTR_PERFMON	 (1ull << 63) /**< Performance monitoring. */

#define TDXC_TD_FLAG_GPAW	 (1ull << 0) /**< 52-bit GPAs: 5 levels. */
#define TDXC_TD_FLAG_PENDING_VE	 (1ull << 1) /**< FLEXIBLE_PENDING_VE. */
#define TDXC_TD_FLAG_NO_RBP_MOD	 (1ull << 2) /**< RBP survives VP.ENTER. */
#define TDXC_TD_FLAG_MAXPA_VIRT	 (1ull << 3) /**< Newer modules. */
#define TDXC_TD_FLAG_MAXGPA_VIRT (1ull << 4) /**< Newer modules. */

/** TSC frequencies that a TD can be given. @units{25 MHz} */
#define TDXC_TD_TSC_LEAST 4u
#define TDXC_TD_TSC_MOST  400u /**< @units{25 MHz} */
/** L2 VMs at most. */
#define TDXC_TD_L2_VMS_MOST 3u

/** What this machine and its module allow. */
struct tdxc_td_rules {
	uint32_t abi; /**< TDXC_ABI. */
	/** Of the module; fixed bits, CPUID_CONFIG, MAX_VCPUS_PER_TD. Kept by
	 *  reference. */
	const struct tdxc_sysinfo *info;
	uint64_t config_flags_fixed0; /**< CONFIG_FLAGS bits that may be 1. */
	uint64_t config_flags_fixed1; /**< CONFIG_FLAGS bits that must be 1. */
	uint64_t arch_cap_mask;	      /**< IA32_ARCH_CAP_CONFIG_MASK. */
	/** The TD has TDCX pages for so many L2 VMs:
	 *  tdxc_td_config::nr_l2_vms. */
	uint32_t nr_l2_vms;
	/** CPUID(1).EAX of the machine, bits 27:16 and 13:0: a TD is given
	 *  that family, model and stepping, or none. 0: not judged here. */
	uint32_t fms;
	/** The processor walks EPTs of five levels, with 49 address bits or
	 *  more. */
	bool five_level;
};

/** One CPUID leaf of a TD, as far as its owner configures it. */
struct tdxc_td_cpuid {
	uint32_t leaf;	   /**< EAX of CPUID. */
	uint32_t subleaf;  /**< ECX of CPUID; 0xFFFFFFFF: it has none. */
	uint32_t value[4]; /**< EAX, EBX, ECX, EDX: configurable bits only. */
};

/** A TD, as its owner wants it. */
struct tdxc_td_params {
	uint32_t abi;		   /**< TDXC_ABI. */
	uint32_t levels;	   /**< Of the Secure EPT. @units{4 or 5} */
	uint64_t attributes;	   /**< TDXC_TD_ATTR_* */
	uint64_t xfam;		   /**< Extended features, as XCR0 and XSS. */
	uint64_t config_flags;	   /**< TDXC_TD_FLAG_* */
	uint64_t arch_cap;	   /**< IA32_ARCH_CAPABILITIES. */
	uint16_t max_vcpus;	   /**< At least 1. */
	uint16_t tsc_frequency;	   /**< @units{25 MHz} */
	uint8_t nr_l2_vms;	   /**< @units{0..3} */
	bool arch_cap_valid;	   /**< @ref arch_cap is to be used. */
	uint8_t mrconfigid[48];	   /**< Free for the TD's owner; attested. */
	uint8_t mrowner[48];	   /**< The same. */
	uint8_t mrownerconfig[48]; /**< The same. */
	/** Leaves that are not listed get 0: no bit of the choice. Each at
	 *  most once. @shape{nr_cpuid entries, any order} */
	const struct tdxc_td_cpuid *cpuid;
	size_t nr_cpuid; /**< Entries of @ref cpuid. */
};

/** Fields, in the order in which the module judges them. */
enum tdxc_td_field {
	TDXC_TD_FIELD_NONE,
	TDXC_TD_FIELD_ATTRIBUTES,
	TDXC_TD_FIELD_XFAM,
	TDXC_TD_FIELD_MAX_VCPUS,
	TDXC_TD_FIELD_NUM_L2_VMS,
	TDXC_TD_FIELD_CONFIG_FLAGS,
	TDXC_TD_FIELD_EPTP_CONTROLS,
	TDXC_TD_FIELD_TSC_FREQUENCY,
	TDXC_TD_FIELD_CPUID_CONFIG,
	TDXC_TD_FIELD_ARCH_CAPABILITIES,
	TDXC_TD_FIELDS /**< Number of values. */
};

/** What a field breaks. */
enum tdxc_td_rule {
	TDXC_TD_RULE_NONE,     /**< Nothing. */
	TDXC_TD_RULE_ALLOWED,  /**< A bit is 1 that must be 0. */
	TDXC_TD_RULE_REQUIRED, /**< A bit is 0 that must be 1. */
	TDXC_TD_RULE_TOGETHER, /**< Bits that come together, or exclude each
				    other. */
	TDXC_TD_RULE_BOUNDS,   /**< A number is too small or too large. */
	TDXC_TD_RULE_PAGES,    /**< The TD has no TDCX pages for it. */
	TDXC_TD_RULE_LEVELS,   /**< GPAW wants five levels, or the processor has
				    no five. */
	TDXC_TD_RULE_FMS, /**< Another processor's family, model, stepping. */
	TDXC_TD_RULE_UNKNOWN, /**< No CPUID leaf that can be configured. */
	TDXC_TD_RULE_TWICE,   /**< A CPUID leaf is listed twice. */
	TDXC_TD_RULES	      /**< Number of values. */
};

/** Why TD_PARAMS were not built. */
struct tdxc_td_params_fault {
	enum tdxc_td_field field; /**< The field to blame. */
	enum tdxc_td_rule rule;	  /**< What is wrong with it. */
	uint64_t value;		  /**< What was given. */
	/** ALLOWED, REQUIRED: bits that may be 1. BOUNDS: the greatest. */
	uint64_t allowed;
	/** ALLOWED, REQUIRED: bits that must be 1. BOUNDS: the least. */
	uint64_t required;
	uint64_t bits; /**< ALLOWED, REQUIRED, TOGETHER: bits to blame. */
	/** CPUID_CONFIG: leaf (31:0) and sub-leaf (63:32), as MNG.INIT puts
	 *  them into RCX. */
	uint64_t leaf;
	uint32_t reg; /**< CPUID_CONFIG: 0 EAX, 1 EBX, 2 ECX, 3 EDX. */
	/** What MNG.INIT would answer; 0: the module never sees it. */
	uint64_t status;
};

/**
 * @brief Read what the rules need beyond struct tdxc_sysinfo: three SYS.RD.
 *
 * Fields that the module does not have get what modules without them do: GPAW
 * alone may be chosen, and no bit of IA32_ARCH_CAPABILITIES.
 *
 * @param[in]     port  The instruction, on a CPU that did SYS.LP.INIT.
 * @param[in,out] rules abi is checked; config_flags_fixed0, _fixed1 and
 *                      arch_cap_mask are filled on success.
 * @param[out]    diag  The last call. Never NULL.
 * @retval TDXC_OK      Read.
 * @retval TDXC_E_INVAL rules->abi.
 * @return Otherwise as tdxc_seamcall(); @p rules is unchanged.
 */
TDXC_MUST_CHECK int tdxc_td_rules_read(const struct tdxc_seamcall_port *port,
				       struct tdxc_td_rules *rules,
				       struct tdxc_seamcall_diag *diag);

/**
 * @brief Judge and build TD_PARAMS.
 *
 * What the module checks beyond the reference is its own: MNG.INIT may still
 * refuse IA32_ARCH_CAPABILITIES, CPUID_CONFIG, and combinations of fields.
 *
 * @param[in]  rules  The machine's.
 * @param[in]  params What is wanted.
 * @param[out] page   TD_PARAMS, complete; untouched on failure.
 *                    @shape{TDXC_TD_PARAMS_WORDS entries}
 * @param[out] fault  The first fault; all zero on success. Never NULL.
 * @retval TDXC_OK      Built.
 * @retval TDXC_E_INVAL See @p fault; field NONE: an abi, or info is missing.
 * @retval TDXC_E_NOSPC The module has more than TDXC_TD_PARAMS_CPUID entries of
 *                      CPUID_CONFIG: fault->value.
 * @return #tdxc_err
 * @locks{none; reentrant: touches only its arguments}
 * @complexity{O(CPUID_CONFIG entries * nr_cpuid)}
 * @source{tdx-module-abi.md 3.5}
 */
TDXC_MUST_CHECK int tdxc_td_params_build(const struct tdxc_td_rules *rules,
					 const struct tdxc_td_params *params,
					 uint64_t *page,
					 struct tdxc_td_params_fault *fault);

/**
 * @brief Name of a field, such as "ATTRIBUTES".
 * @param field Any value.
 * @return A constant string, never NULL.
 */
const char *tdxc_td_field_name(enum tdxc_td_field field);

/**
 * @brief One line of text for a rule, without a full stop.
 * @param rule Any value.
 * @return A constant string, never NULL.
 */
const char *tdxc_td_rule_text(enum tdxc_td_rule rule);

#ifdef __cplusplus
}
#endif

#endif
