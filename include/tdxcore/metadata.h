/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * @file
 * @brief What a TDX module says about itself: global metadata, by field id.
 *
 * One table says which fields the library wants, how wide they are and which
 * of them a module may lack. They are read one by one (SYS.RD), or all with one
 * call (SYS.RDALL) where the caller has a page for the list. Both ways fill the
 * same structure.
 *
 * Field id: bits 23:0 field code, 33:32 element size (1, 2, 4, 8 bytes), 61:56
 * class. A field is known by class and code alone, as the module knows it:
 * element sizes differ between sources (PAMT_PAGE_BITMAP_ENTRY_BITS is
 * published with one byte and with two).
 *
 * @source{tdx-module-abi.md 1.4, 3.9; linux-host-tdx.md 3}
 */
#ifndef TDXCORE_METADATA_H
#define TDXCORE_METADATA_H

#include <tdxcore/cmr.h>
#include <tdxcore/seamcall.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Room for CPUID_CONFIG entries. @source{linux-host-tdx.md 3} */
#define TDXC_MAX_CPUID_CONFIG 128

/** Bits of TDX_FEATURES0 that the library acts on.
 *  @source{tdx-module-abi.md 3.9; linux-host-tdx.md 3} */
enum tdxc_feature {
	TDXC_FEATURE_TD_PRESERVING = 1,	 /**< Runtime update is possible. */
	TDXC_FEATURE_NO_RBP_MOD = 18,	 /**< RBP survives TD entry. */
	TDXC_FEATURE_CLFLUSH = 23,	 /**< CLFLUSH before giving pages. */
	TDXC_FEATURE_DYNAMIC_PAMT = 36,	 /**< 4K PAMT entries on demand. */
	TDXC_FEATURE_UPDATE_COMPAT = 47, /**< Refuses an unsafe update. */
};

/** The fields, in the order in which they are read. */
enum tdxc_field {
	TDXC_FIELD_MINOR_VERSION,
	TDXC_FIELD_MAJOR_VERSION,
	TDXC_FIELD_UPDATE_VERSION,
	TDXC_FIELD_INTERNAL_VERSION,
	TDXC_FIELD_BUILD_NUM,
	TDXC_FIELD_BUILD_DATE,
	TDXC_FIELD_FEATURES0,
	TDXC_FIELD_NUM_PKGS,
	TDXC_FIELD_MAX_TDMRS,
	TDXC_FIELD_MAX_RESERVED,
	TDXC_FIELD_PAMT_4K_ENTRY_SIZE,
	TDXC_FIELD_PAMT_2M_ENTRY_SIZE,
	TDXC_FIELD_PAMT_1G_ENTRY_SIZE,
	TDXC_FIELD_PAMT_BITMAP_BITS,
	TDXC_FIELD_TDR_SIZE,
	TDXC_FIELD_TDCS_SIZE,
	TDXC_FIELD_TDVPS_SIZE,
	TDXC_FIELD_ATTRIBUTES_FIXED0,
	TDXC_FIELD_ATTRIBUTES_FIXED1,
	TDXC_FIELD_XFAM_FIXED0,
	TDXC_FIELD_XFAM_FIXED1,
	TDXC_FIELD_NUM_CPUID_CONFIG,
	TDXC_FIELD_MAX_VCPUS_PER_TD,
	TDXC_FIELD_MODULE_HV,
	TDXC_FIELD_MIN_UPDATE_HV,
	TDXC_FIELD_NO_DOWNGRADE,
	TDXC_FIELD_NUM_CMRS,
	TDXC_FIELDS /**< Number of scalar fields. */
};

/** What the module says about itself. */
struct tdxc_sysinfo {
	/** Bit i: #tdxc_field i was read; its member is 0 otherwise. */
	uint64_t present;
	uint64_t features0;	     /**< TDX_FEATURES0. */
	uint64_t attributes_fixed0;  /**< ATTRIBUTES bits that may be 1. */
	uint64_t attributes_fixed1;  /**< ATTRIBUTES bits that must be 1. */
	uint64_t xfam_fixed0;	     /**< XFAM bits that may be 1. */
	uint64_t xfam_fixed1;	     /**< XFAM bits that must be 1. */
	uint32_t build_date;	     /**< BUILD_DATE, decimal yyyymmdd. */
	uint32_t num_pkgs;	     /**< Packages the module knows. */
	uint16_t major_version;	     /**< Version, with minor and update. */
	uint16_t minor_version;	     /**< Second part of the version. */
	uint16_t update_version;     /**< Third part of the version. */
	uint16_t internal_version;   /**< INTERNAL_VERSION. */
	uint16_t build_num;	     /**< BUILD_NUM. */
	uint16_t max_tdmrs;	     /**< MAX_TDMRS. */
	uint16_t max_reserved;	     /**< MAX_RESERVED_PER_TDMR. */
	uint16_t pamt_4k_entry_size; /**< @units{bytes} */
	uint16_t pamt_2m_entry_size; /**< @units{bytes} */
	uint16_t pamt_1g_entry_size; /**< @units{bytes} */
	uint16_t pamt_bitmap_bits;   /**< Per 4 KiB page; Dynamic PAMT only. */
	uint16_t tdr_size;	     /**< TDR. @units{bytes} */
	uint16_t tdcs_size;	     /**< TDCS without L2 VMs. @units{bytes} */
	uint16_t tdvps_size;	     /**< TDVPS without L2 VMs. @units{bytes} */
	uint16_t num_cpuid_config;   /**< Entries of the arrays below. */
	uint16_t max_vcpus_per_td;   /**< MAX_VCPUS_PER_TD. */
	uint16_t module_hv;	     /**< Highest hand-off version it writes. */
	uint16_t min_update_hv;	     /**< Lowest one it writes. */
	uint16_t no_downgrade;	     /**< 1: only module_hv. */
	uint16_t num_cmrs;	     /**< Entries of @ref cmrs. */
	/** CPUID leaf (31:0) and sub-leaf (63:32) that a TD's owner may
	 *  configure. @shape{num_cpuid_config entries} */
	uint64_t cpuid_leaf[TDXC_MAX_CPUID_CONFIG];
	/** Bits that may be configured: EAX, EBX, then ECX, EDX. */
	uint64_t cpuid_value[TDXC_MAX_CPUID_CONFIG][2];
	/** As reported, unused tail included: for tdxc_cmr_read(). */
	struct tdxc_cmr cmrs[TDXC_MAX_CMRS];
};

/** Why the metadata could not be read, and which field it was. */
struct tdxc_metadata_fault {
	uint64_t field; /**< Field id; 0 where no field is to blame. */
	uint64_t value; /**< The value refused, for TDXC_E_RANGE and _NOSPC. */
};

/**
 * @brief Whether a field was read.
 * @param info  Filled by a reader.
 * @param field #tdxc_field
 * @return true: its member holds what the module said.
 */
static inline bool tdxc_sysinfo_has(const struct tdxc_sysinfo *info,
				    enum tdxc_field field)
{
	return (info->present >> field & 1) != 0;
}

/**
 * @brief Whether the module has a feature.
 * @param info    Filled by a reader.
 * @param feature #tdxc_feature
 * @return Bit of TDX_FEATURES0; false when the field is missing.
 */
static inline bool tdxc_sysinfo_feature(const struct tdxc_sysinfo *info,
					enum tdxc_feature feature)
{
	return (info->features0 >> feature & 1) != 0;
}

/**
 * @brief Field id of a scalar field.
 * @param field #tdxc_field, below TDXC_FIELDS.
 * @return The id as SYS.RD takes it; 0 beyond the table.
 */
uint64_t tdxc_field_id(enum tdxc_field field);

/**
 * @brief Read the metadata with SYS.RD, a call per element.
 *
 * @param[in]  port   The instruction, on a CPU that did SYS.LP.INIT.
 * @param[out] info   Filled; all zero on error: no version is claimed.
 * @param[out] fault  The field to blame. Never NULL.
 * @param[out] diag   The last call. Never NULL.
 *
 * @retval TDXC_OK      Read. Fields that the module lacks and may lack are
 *                      absent from info->present.
 * @retval TDXC_E_NOENT A field that every module must have does not exist
 *                      (METADATA_FIELD_ID_INCORRECT or _NOT_READABLE).
 * @retval TDXC_E_RANGE A value does not fit its member.
 * @retval TDXC_E_NOSPC NUM_CPUID_CONFIG or NUM_CMRS above the room for them;
 *                      found before an array is read.
 * @return Otherwise as tdxc_seamcall(): a field that cannot be read *yet*
 *         (SYS_NOT_READY, SYS_LP_INIT_NOT_DONE) is TDXC_E_IO with the status in
 *         @p diag, not an absent field.
 * @locks{none; not concurrent on one @p info}
 * @complexity{a call per scalar field, 3 per CPUID_CONFIG, 2 per CMR}
 */
TDXC_MUST_CHECK int tdxc_metadata_read(const struct tdxc_seamcall_port *port,
				       struct tdxc_sysinfo *info,
				       struct tdxc_metadata_fault *fault,
				       struct tdxc_seamcall_diag *diag);

/**
 * @brief Read the metadata with SYS.RDALL: one call for all of it.
 *
 * @param[in]  port    The instruction, on a CPU that did SYS.LP.INIT.
 * @param[in]  page    The page at @p page_pa, as this CPU reads it. Contents
 *                     undefined afterwards. @shape{4 KiB, 4 KiB aligned}
 * @param[in]  page_pa Physical address of the page, under a shared KeyID.
 * @param[out] info    As tdxc_metadata_read().
 * @param[out] fault   As tdxc_metadata_read().
 * @param[out] diag    The last call. Never NULL.
 *
 * @retval TDXC_E_INVAL The list in the page is malformed, or there is no end to
 *                      it; fault->field is the header to blame (in the second
 *                      case the id to go on with), fault->value what is wrong
 *                      with it: a size, a number of sequences or elements.
 * @retval TDXC_E_NOENT As tdxc_metadata_read(), or an array has fewer elements
 *                      than its count says.
 * @return Otherwise as tdxc_metadata_read().
 * @locks{none; not concurrent on one @p info or page}
 * @complexity{one call per 4 KiB of metadata, and no more than 16}
 */
TDXC_MUST_CHECK int
tdxc_metadata_read_all(const struct tdxc_seamcall_port *port, const void *page,
		       uint64_t page_pa, struct tdxc_sysinfo *info,
		       struct tdxc_metadata_fault *fault,
		       struct tdxc_seamcall_diag *diag);

#ifdef __cplusplus
}
#endif

#endif
