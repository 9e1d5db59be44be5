/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * @file
 * @brief What this machine can do, told from its register values.
 *
 * The caller reads registers and adds two facts about its own host; the
 * library answers with KeyID ranges, address width, errata, and a report that
 * names every precondition of TDX with a verdict, a reason and the value that
 * was looked at. Nothing is called and nothing is printed, so that a kernel can
 * know all this before a module runs, and expose it through an interface
 * instead of log lines (seeds.md S001-2).
 *
 * The verdict is about the platform. Whether a TDX module is loaded is told by
 * the first SEAMCALL (seeds.md S001-1).
 *
 * Registers are those of one CPU. Firmware programs all alike; VMX is still to
 * be switched on, CPU by CPU.
 *
 * UNVERIFIED, because no public page that this was written from confirms them:
 * the numbers of the two SEAMRR MSRs, IA32_MTRRCAP bit 15 (SEAMRR supported),
 * and bit 10 of the mask (locked). Only bit 11 of the mask (enabled), which
 * users look at by hand, can make a platform unusable here; the others warn.
 *
 * @source{linux-host-tdx.md 1.1 to 1.6; tdx-module-abi.md 3.3; seeds.md S001}
 */
#ifndef TDXCORE_PLATFORM_H
#define TDXCORE_PLATFORM_H

#include <tdxcore/range.h>

#ifdef __cplusplus
extern "C" {
#endif

/** IA32_MKTME_KEYID_PARTITIONING: shared KeyIDs 31:0, private ones 63:32. */
#define TDXC_MSR_KEYID_PARTITIONING 0x87u
/** IA32_MTRRCAP. */
#define TDXC_MSR_MTRRCAP 0xFEu
/** IA32_VMX_BASIC. */
#define TDXC_MSR_VMX_BASIC 0x480u
/** IA32_TME_ACTIVATE: 0 locked, 1 enabled, 35:32 KeyID bits. */
#define TDXC_MSR_TME_ACTIVATE 0x982u
/** Base of SEAMRR. UNVERIFIED number. */
#define TDXC_MSR_SEAMRR_BASE 0x1400u
/** Mask of SEAMRR. UNVERIFIED number. */
#define TDXC_MSR_SEAMRR_MASK 0x1401u

/** A model specific register as it was read. */
struct tdxc_platform_msr {
	uint64_t value; /**< Ignored unless @ref readable. */
	bool readable;	/**< false: reading raised \#GP. */
};

/** What the caller read, and knows. Start from zeros: what stays 0 is a feature
 *  that is missing or a danger that is not excluded. */
struct tdxc_platform_regs {
	uint32_t abi;				     /**< TDXC_ABI. */
	struct tdxc_platform_msr keyid_partitioning; /**< MSR 0x87. */
	struct tdxc_platform_msr tme_activate;	     /**< MSR 0x982. */
	struct tdxc_platform_msr vmx_basic;	     /**< MSR 0x480. */
	struct tdxc_platform_msr mtrrcap;	     /**< MSR 0xFE. */
	struct tdxc_platform_msr seamrr_base;	     /**< MSR 0x1400. */
	struct tdxc_platform_msr seamrr_mask;	     /**< MSR 0x1401. */
	uint32_t cpuid_0_ebx;			     /**< Vendor: "Genu". */
	uint32_t cpuid_0_edx;			     /**< Vendor: "ineI". */
	uint32_t cpuid_0_ecx;			     /**< Vendor: "ntel". */
	uint32_t cpuid_1_eax;	     /**< Family, model, stepping. */
	uint32_t cpuid_1_ecx;	     /**< 5 VMX, 21 x2APIC, 26 XSAVE. */
	uint32_t cpuid_1_edx;	     /**< 27 self-snoop. */
	uint32_t cpuid_7_ecx;	     /**< Subleaf 0: 28 MOVDIR64B. */
	uint32_t cpuid_80000008_eax; /**< 7:0 MAXPHYADDR. */
	/** Until its end this host never hibernates. */
	bool hibernation_excluded;
	/** Until its end this host never enters ACPI S3. */
	bool s3_excluded;
};

/** The preconditions, in the order in which they are judged. */
enum tdxc_platform_check {
	TDXC_CHECK_INTEL,	       /**< The CPU is Intel's. */
	TDXC_CHECK_KEYID_PARTITIONING, /**< MSR 0x87 is there. */
	TDXC_CHECK_PRIVATE_KEYIDS,     /**< There is a private KeyID. */
	TDXC_CHECK_GUEST_KEYIDS,       /**< There is a second one. */
	TDXC_CHECK_TME_LOCKED,	       /**< MSR 0x982 is final. */
	TDXC_CHECK_TME_ENABLED,	       /**< Memory is encrypted. */
	TDXC_CHECK_KEYID_BITS,	       /**< Addresses can name all KeyIDs. */
	TDXC_CHECK_PA_WIDTH,	       /**< And have enough bits left. */
	TDXC_CHECK_SEAMRR_SUPPORTED,   /**< UNVERIFIED bit; warns. */
	TDXC_CHECK_SEAMRR_ENABLED,     /**< Else SEAMCALL raises \#GP. */
	TDXC_CHECK_SEAMRR_LOCKED,      /**< UNVERIFIED bit; warns. */
	TDXC_CHECK_XSAVE,	       /**< CPUID(1).ECX bit 26. */
	TDXC_CHECK_MOVDIR64B,	       /**< CPUID(7,0).ECX bit 28. */
	TDXC_CHECK_SELF_SNOOP,	       /**< CPUID(1).EDX bit 27. */
	TDXC_CHECK_VMX,		       /**< CPUID(1).ECX bit 5. */
	TDXC_CHECK_VMCS_SIZE,	       /**< A VMCS fits a page. */
	TDXC_CHECK_X2APIC,	       /**< CPUID(1).ECX bit 21. */
	TDXC_CHECK_HIBERNATION,	       /**< Ruled out for good. */
	TDXC_CHECK_S3,		       /**< Ruled out; warns. */
	TDXC_PLATFORM_CHECKS	       /**< Number of preconditions. */
};

/** How a precondition came out. */
enum tdxc_platform_verdict {
	/** Could not be told; does not make the platform unusable. */
	TDXC_PLATFORM_UNKNOWN,
	TDXC_PLATFORM_PASS, /**< Met. */
	TDXC_PLATFORM_WARN, /**< Not met; TDX may work all the same. */
	TDXC_PLATFORM_FAIL, /**< Not met; the platform is not usable. */
};

/** Why a verdict is what it is. */
enum tdxc_platform_reason {
	TDXC_REASON_NOT_EXAMINED,   /**< Nothing was looked at. */
	TDXC_REASON_MET,	    /**< As it should be. */
	TDXC_REASON_DEPENDS,	    /**< An earlier check settles it. */
	TDXC_REASON_OTHER_VENDOR,   /**< Not GenuineIntel. */
	TDXC_REASON_NO_PARTITION,   /**< MSR 0x87 raises \#GP: no TDX. */
	TDXC_REASON_NO_PRIVATE,	    /**< Firmware set no KeyID aside. */
	TDXC_REASON_ONLY_GLOBAL,    /**< One: none is left for guests. */
	TDXC_REASON_NO_TME,	    /**< MSR 0x982 raises \#GP. */
	TDXC_REASON_TME_UNLOCKED,   /**< It may still change. */
	TDXC_REASON_TME_OFF,	    /**< Memory is not encrypted. */
	TDXC_REASON_KEYID_OVERFLOW, /**< KeyIDs beyond the KeyID bits. */
	TDXC_REASON_PA_WIDTH,	    /**< Not 32 to 52 bits. */
	TDXC_REASON_PA_NOT_52,	    /**< The module counts KeyID bits from
					 52 down, whatever CPUID says. */
	TDXC_REASON_UNREADABLE,	    /**< The register raises \#GP. */
	TDXC_REASON_NOT_ANNOUNCED,  /**< The register denies it. */
	TDXC_REASON_SEAMRR_OFF,	    /**< Firmware left SEAMRR off. */
	TDXC_REASON_SEAMRR_OPEN,    /**< On, but not locked. */
	TDXC_REASON_NOT_OFFERED,    /**< The CPU lacks the feature. */
	TDXC_REASON_VMCS_LARGE,	    /**< Above 4 KiB. */
	TDXC_REASON_HIBERNATION,    /**< TDX memory would not survive. */
	TDXC_REASON_S3,		    /**< TDX does not survive it. */
	TDXC_PLATFORM_REASONS	    /**< Number of reasons. */
};

/** One line of the report. */
struct tdxc_platform_finding {
	enum tdxc_platform_check check;	    /**< Which precondition. */
	enum tdxc_platform_verdict verdict; /**< How it came out. */
	enum tdxc_platform_reason reason;   /**< Why. */
	/** The register looked at (tdxc_platform_check_source()); 0 or 1 for
	 *  a fact of the host; 0 where the register raised \#GP. */
	uint64_t value;
};

/** Errata of the platform. @source{linux-host-tdx.md 1.4} */
enum tdxc_erratum {
	/** A store smaller than a cache line poisons private memory; pages
	 *  that come back need 64-byte stores. Family 6 models 8Fh, CFh. */
	TDXC_ERRATUM_PARTIAL_WRITE = 1u << 0,
	/** SEAMRET from the P-SEAMLDR loses the current VMCS: do not call it.
	 *  IA32_VMX_BASIC bit 60 clear, or not known to be set. */
	TDXC_ERRATUM_SEAMLDR_VMCS = 1u << 1,
};

/** The machine. Facts that no register told are 0. */
struct tdxc_platform {
	bool usable;		/**< No check failed. */
	bool seamrr_enabled;	/**< Mask bit 11. */
	uint32_t errata;	/**< #tdxc_erratum */
	uint32_t family;	/**< CPU family, extended one included. */
	uint32_t model;		/**< CPU model, extended one included. */
	uint32_t vmcs_revision; /**< For VMXON regions. */
	uint32_t vmcs_bytes;	/**< Size of a VMCS. @units{bytes} */
	/** As CPUID says. @units{bits} */
	uint32_t maxphyaddr;
	/** KeyID bits of an address; 0 unless TME is locked and enabled.
	 *  @units{bits} */
	uint32_t keyid_bits;
	/** MAXPHYADDR less the KeyID bits, and so the first bit of the KeyID
	 *  in an address; 0 when TDXC_CHECK_PA_WIDTH failed. @units{bits} */
	uint32_t pa_bits;
	/** KeyIDs 1 to this one are shared, as 0 is. */
	uint32_t nr_shared_keyids;
	/** Private KeyIDs, as firmware set them aside. */
	uint32_t nr_private_keyids;
	/** The first private KeyID, which the module gets; 0: there is none,
	 *  or even the widest KeyID field could not name the last one. */
	uint32_t global_keyid;
	/** The first KeyID for guests; 0 as above. */
	uint32_t first_guest_keyid;
	/** All private KeyIDs but the global one; 0 as above. */
	uint32_t nr_guest_keyids;
	/** Where module and P-SEAMLDR live; empty: off, or not told. */
	struct tdxc_range seamrr;
	/** All preconditions, by #tdxc_platform_check. */
	struct tdxc_platform_finding report[TDXC_PLATFORM_CHECKS];
};

/**
 * @brief Judge a machine by its registers.
 *
 * @param[in]  regs     Registers and host facts.
 * @param[out] platform Facts and the whole report, whatever the verdicts.
 *
 * @retval TDXC_OK      Judged; see tdxc_platform::usable.
 * @retval TDXC_E_INVAL regs->abi is not TDXC_ABI; @p platform is not usable,
 *                      its report all TDXC_REASON_NOT_EXAMINED.
 * @return #tdxc_err
 * @locks{none; reentrant: touches only its arguments}
 * @complexity{O(1)}
 * @source{linux-host-tdx.md 1.2, 1.3, 1.5}
 */
TDXC_MUST_CHECK int tdxc_platform_judge(const struct tdxc_platform_regs *regs,
					struct tdxc_platform *platform);

/**
 * @brief The first line of the report with a verdict.
 *
 * @param platform Judged.
 * @param verdict  #tdxc_platform_verdict
 * @return A line of platform->report; NULL when there is none. For
 *         TDXC_PLATFORM_FAIL it says why the platform is not usable.
 * @complexity{O(1)}
 */
const struct tdxc_platform_finding *
tdxc_platform_first(const struct tdxc_platform *platform,
		    enum tdxc_platform_verdict verdict);

/**
 * @brief An address with a KeyID in it.
 *
 * @param platform Judged, TDXC_CHECK_PA_WIDTH passed.
 * @param pa       Address. @units{bytes, below 2^pa_bits}
 * @param keyid    KeyID. @units{below 2^keyid_bits}
 * @return What software and module put into page tables and operands.
 * @source{linux-host-tdx.md 1.5}
 */
static inline uint64_t tdxc_platform_keyed(const struct tdxc_platform *platform,
					   uint64_t pa, uint32_t keyid)
{
	return pa | (uint64_t)keyid << platform->pa_bits;
}

/**
 * @brief Short name of a precondition, such as "guest-keyids".
 * @param check Any value.
 * @return A constant string, never NULL; letters, digits and hyphens.
 */
const char *tdxc_platform_check_name(enum tdxc_platform_check check);

/**
 * @brief Where the value of a finding comes from, such as "MSR 0x87".
 * @param check Any value.
 * @return A constant string, never NULL.
 */
const char *tdxc_platform_check_source(enum tdxc_platform_check check);

/**
 * @brief One line of text for a reason, without a full stop.
 * @param reason Any value.
 * @return A constant string, never NULL.
 */
const char *tdxc_platform_reason_text(enum tdxc_platform_reason reason);

/**
 * @brief "unknown", "pass", "warn" or "fail".
 * @param verdict Any value.
 * @return A constant string, never NULL.
 */
const char *tdxc_platform_verdict_name(enum tdxc_platform_verdict verdict);

/* --- KeyIDs for guests ---------------------------------------------------- */

/** How often tdxc_keyids_alloc() and the like begin anew because another CPU
 *  was faster. */
#define TDXC_KEYID_ATTEMPTS 10000u

/**
 * @brief The guest KeyIDs of a machine: free, in use, or quarantined.
 *
 * Any number of CPUs may use it at once, without a lock. A KeyID that could
 * not be taken back from the module in order is quarantined instead of freed:
 * its next user would meet the old one's cache lines.
 */
struct tdxc_keyids {
	/** @cond private: owned by the library. */
	uint64_t *words;
	size_t nr_words;
	uint32_t first;
	uint32_t nr;
	/** @endcond */
};

/**
 * @brief How many words tdxc_keyids_init() needs.
 * @param platform Judged.
 * @return Words; 0 when the machine is not usable.
 */
size_t tdxc_keyids_words(const struct tdxc_platform *platform);

/**
 * @brief All guest KeyIDs of a machine, none of them in use.
 *
 * @param[out] keyids   The allocator; untouched on error.
 * @param[in]  platform Judged; not needed afterwards.
 * @param[in]  words    Memory of the caller, kept by reference as long as the
 *                      allocator is used. @shape{nr_words entries, contents
 *                      undefined}
 * @param[in]  nr_words Entries of @p words.
 *
 * @retval TDXC_OK      Ready.
 * @retval TDXC_E_NODEV The machine is not usable.
 * @retval TDXC_E_NOSPC @p nr_words is below tdxc_keyids_words().
 * @return #tdxc_err
 * @locks{nobody uses it yet}
 * @complexity{O(words)}
 */
TDXC_MUST_CHECK int tdxc_keyids_init(struct tdxc_keyids *keyids,
				     const struct tdxc_platform *platform,
				     uint64_t *words, size_t nr_words);

/**
 * @brief Take a free KeyID, the lowest that is seen free.
 *
 * @param[in,out] keyids The allocator.
 * @param[out]    keyid  The KeyID; untouched on error.
 *
 * @retval TDXC_OK      The caller's alone until it is freed.
 * @retval TDXC_E_NOSPC None was free when it was looked at.
 * @retval TDXC_E_AGAIN TDXC_KEYID_ATTEMPTS races lost; nothing changed.
 * @return #tdxc_err
 * @locks{none; any context, any number of CPUs}
 * @complexity{O(words + races lost)}
 */
TDXC_MUST_CHECK int tdxc_keyids_alloc(struct tdxc_keyids *keyids,
				      uint32_t *keyid);

/**
 * @brief Give a KeyID back, after the module freed it (MNG.KEY.FREEID).
 *
 * @param[in,out] keyids The allocator.
 * @param[in]     keyid  A KeyID in use.
 *
 * @retval TDXC_OK      Free.
 * @retval TDXC_E_INVAL Not a guest KeyID, free already, or quarantined;
 *                      nothing changed.
 * @retval TDXC_E_AGAIN TDXC_KEYID_ATTEMPTS races lost; nothing changed.
 * @return #tdxc_err
 * @locks{none; any context, any number of CPUs}
 * @complexity{O(races lost)}
 */
TDXC_MUST_CHECK int tdxc_keyids_free(struct tdxc_keyids *keyids,
				     uint32_t keyid);

/**
 * @brief Give a KeyID up: it is never handed out again.
 *
 * @param[in,out] keyids The allocator.
 * @param[in]     keyid  A KeyID in use.
 *
 * @retval TDXC_OK      Quarantined.
 * @retval TDXC_E_INVAL Not a guest KeyID, free, or quarantined already;
 *                      nothing changed.
 * @retval TDXC_E_AGAIN TDXC_KEYID_ATTEMPTS races lost; nothing changed.
 * @return #tdxc_err
 * @locks{none; any context, any number of CPUs}
 * @complexity{O(races lost)}
 */
TDXC_MUST_CHECK int tdxc_keyids_quarantine(struct tdxc_keyids *keyids,
					   uint32_t keyid);

/**
 * @brief How many KeyIDs are in use, quarantined ones not counted.
 *
 * Exact while no other CPU changes the allocator; else a KeyID may be missed
 * that was taken during the count. A caller that decides by it, as before a CPU
 * goes away (linux-host-tdx.md 1.6), holds off whoever allocates.
 *
 * @param keyids The allocator.
 * @return KeyIDs that were allocated and neither freed nor quarantined.
 * @complexity{O(words)}
 */
uint32_t tdxc_keyids_in_use(const struct tdxc_keyids *keyids);

/**
 * @brief How many KeyIDs are quarantined.
 * @param keyids The allocator.
 * @return Their number; it never falls.
 * @complexity{O(words)}
 */
uint32_t tdxc_keyids_quarantined(const struct tdxc_keyids *keyids);

#ifdef __cplusplus
}
#endif

#endif
