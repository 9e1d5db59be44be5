/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * @file
 * @brief The software TDX module: answers SEAMCALL and TDCALL as Intel's does.
 *
 * As freestanding as the core, so that it runs in user space, in a kernel and
 * in firmware. It owns no memory of its own beyond struct tdxc_sim_module:
 * S-EPT pages, PAMT entries, TDR, TDCS and TDVPS live in the simulated memory,
 * which it reaches through #tdxc_sim_ops.
 *
 * Nothing waits: every lock is a try-lock, and what is taken is given back
 * before the call returns, except what a running vCPU holds.
 */
#ifndef TDXC_SIM_TDX_MODULE_H
#define TDXC_SIM_TDX_MODULE_H

#include <tdxcore/check.h>
#include <tdxcore/err.h>
#include <tdxcore/status.h>
#include <tdxcore/version.h>

#define TDXC_SIM_MAX_LPS      256u
#define TDXC_SIM_MAX_PACKAGES 8u
#define TDXC_SIM_MAX_TDMRS    64u
#define TDXC_SIM_MAX_RESERVED 16u
#define TDXC_SIM_MAX_KEYIDS   2048u

/** Registers by operand number: RAX 0, RCX 1, RDX 2, RBX 3, RBP 5, RSI 6,
 *  RDI 7, R8..R15 8..15; 4 (RSP) is never an operand. */
struct tdxc_sim_regs {
	uint64_t gpr[16];
};

enum tdxc_sim_reg {
	TDXC_SIM_RAX = 0,
	TDXC_SIM_RCX = 1,
	TDXC_SIM_RDX = 2,
	TDXC_SIM_RBX = 3,
	TDXC_SIM_RSI = 6,
	TDXC_SIM_RDI = 7,
	TDXC_SIM_R8 = 8,
	TDXC_SIM_R9,
	TDXC_SIM_R10,
	TDXC_SIM_R11,
	TDXC_SIM_R12,
	TDXC_SIM_R13,
	TDXC_SIM_R14,
	TDXC_SIM_R15,
};

/** Which module this one answers as. */
enum tdxc_sim_profile {
	TDXC_SIM_PROFILE_1_5_01, /**< As recorded in the traces. */
	TDXC_SIM_PROFILE_NEWER,	 /**< Adds Dynamic PAMT and SYS.DISABLE. */
};

/** Answer of the key engine. */
enum tdxc_sim_key_result {
	TDXC_SIM_KEY_OK,
	TDXC_SIM_KEY_BUSY,
	TDXC_SIM_KEY_NO_ENTROPY,
};

enum tdxc_sim_sha384_step {
	TDXC_SIM_SHA384_INIT,	/**< Start; data unused. */
	TDXC_SIM_SHA384_UPDATE, /**< Absorb data. */
	TDXC_SIM_SHA384_FINAL,	/**< Write 48 bytes to out. */
};

/** Room for the state of a running SHA-384. @units{bytes} */
#define TDXC_SIM_SHA384_STATE 256u

/** What the machine does for the module. All members mandatory. */
struct tdxc_sim_ops {
	/** The 4 KiB page that holds @p pa, seen through the KeyID in @p pa:
	 *  the same pointer for the same page and KeyID as long as the machine
	 *  lives. @p write: lines become dirty under it. */
	void *(*page)(void *ctx, uint64_t pa, bool write);
	/** Zero whole 4 KiB pages with direct stores through the KeyID in
	 *  @p pa; what was never touched may stay untouched. */
	void (*zero)(void *ctx, uint64_t pa, uint64_t bytes);
	/** Fill with random bytes; false: no entropy. */
	bool (*random)(void *ctx, void *out, size_t bytes);
	/** Program @p keyid on the package of @p lp. */
	enum tdxc_sim_key_result (*key)(void *ctx, uint32_t lp, uint32_t keyid);
	/** Whether an interrupt waits at @p lp with host RFLAGS.IF = 1. */
	bool (*interrupt_pending)(void *ctx, uint32_t lp);
	/** Write back and invalidate one page's lines under the KeyID in
	 *  @p pa. */
	void (*flush_page)(void *ctx, uint64_t pa);
	/** Write back sub-block @p block of @p package's caches. */
	void (*flush_block)(void *ctx, uint32_t package, uint32_t block);
	/** Time stamp counter. */
	uint64_t (*tsc)(void *ctx, uint32_t lp);
	/** SHA-384, its state kept by the module between calls. */
	void (*sha384)(void *ctx, enum tdxc_sim_sha384_step step, void *state,
		       const void *data, size_t bytes, void *out);
};

/** What a module calls itself, and which hand-off data it knows. */
struct tdxc_sim_identity {
	uint16_t major; /**< Version; 0 for all of a platform's: 1.5.0. */
	uint16_t minor;
	uint16_t update;
	uint16_t build;
	uint16_t module_hv;	/**< Newest hand-off version. */
	uint16_t min_update_hv; /**< Oldest one it writes and reads. */
	uint16_t no_downgrade;	/**< 1: it writes module_hv only. */
};

/** The platform SYS.INIT finds. */
struct tdxc_sim_platform {
	uint32_t abi; /**< TDXC_ABI. */
	enum tdxc_sim_profile profile;
	uint32_t nr_lps;	  /**< 1..TDXC_SIM_MAX_LPS. */
	uint32_t nr_packages;	  /**< LP i is in package i * P / N. */
	uint32_t pa_width;	  /**< MAXPA. @units{bits} */
	uint32_t keyid_bits;	  /**< PA[pa_width-1 : pa_width-keyid_bits]. */
	uint32_t shared_keyids;	  /**< KeyIDs 0..this are shared. */
	uint32_t private_keyids;  /**< So many private ones follow. */
	uint32_t fms;		  /**< CPUID(1).EAX of every package. */
	uint32_t cache_blocks;	  /**< Sub-blocks of one CACHE.WB. */
	struct tdxc_range seamrr; /**< Never an operand. */
	struct tdxc_cmr cmrs[TDXC_MAX_CMRS]; /**< As firmware reports them. */
	uint32_t nr_cmrs;
	struct tdxc_sim_identity identity; /**< Of the module at power on. */
	uint64_t features0_off; /**< TDX_FEATURES0 bits it does not have. */
};

enum tdxc_sim_state {
	TDXC_SIM_SYSINIT_PENDING,
	TDXC_SIM_SYSINIT_DONE,
	TDXC_SIM_SYSCONFIG_DONE,
	TDXC_SIM_READY,
	TDXC_SIM_SHUTDOWN,
};

/** A configured TDMR. */
struct tdxc_sim_tdmr {
	uint64_t base;
	uint64_t end;
	uint64_t initialized; /**< First byte not yet initialised. */
	uint64_t pamt[TDXC_PAMT_LEVELS];
	uint64_t lock;
	uint32_t nr_reserved;
	struct tdxc_range reserved[TDXC_SIM_MAX_RESERVED];
};

enum tdxc_sim_keyid_state {
	TDXC_SIM_KEYID_FREE,
	TDXC_SIM_KEYID_ASSIGNED,
	TDXC_SIM_KEYID_FLUSHED,
	TDXC_SIM_KEYID_RESERVED,
};

/** Key ownership table entry. */
struct tdxc_sim_kot {
	enum tdxc_sim_keyid_state state;
	uint64_t to_flush; /**< One bit per package. */
};

/** State of PHYMEM.CACHE.WB on one package. */
struct tdxc_sim_cache_wb {
	uint64_t lock;
	bool interrupted;
	uint32_t next_block;
	uint64_t snapshot[TDXC_SIM_MAX_KEYIDS / 64];
};

/** What SYS.SHUTDOWN leaves behind for the next module. */
struct tdxc_sim_handoff {
	bool valid;
	bool dynamic_pamt;
	uint16_t version;
	uint32_t global_keyid;
	uint32_t nr_tdmrs;
	uint64_t packages_configured;
	uint64_t builds;
	struct tdxc_sim_tdmr tdmrs[TDXC_SIM_MAX_TDMRS];
	struct tdxc_sim_kot kot[TDXC_SIM_MAX_KEYIDS];
};

/** The P-SEAMLDR. */
struct tdxc_sim_seamldr {
	uint64_t lock;	    /**< One processor at a time. */
	uint64_t unloaded;  /**< 1: no TDX module to be called. */
	uint32_t remaining; /**< Installations left. */
	uint32_t scenario;  /**< Of the installation under way. */
	uint32_t nr_installed;
	/** Processors that made their call of it. */
	uint64_t installed[TDXC_SIM_MAX_LPS / 64];
};

/** What runs on a logical processor. */
struct tdxc_sim_lp {
	bool initialized;
	uint64_t in_guest; /**< 1 while a vCPU runs here, else 0. */
	uint64_t tdvpr;	   /**< While in guest: the vCPU and its TD. */
	uint64_t tdr;
	uint64_t *held[4]; /**< Locks a running vCPU keeps. */
};

/** The module. Zero it, then tdxc_sim_init(). */
struct tdxc_sim_module {
	const struct tdxc_sim_ops *ops;
	void *ctx;
	struct tdxc_sim_platform platform;
	uint64_t state; /**< enum tdxc_sim_state */
	uint64_t lock;	/**< Global: SYS.* */
	uint64_t kot_lock;
	uint64_t key_lock;
	uint64_t nr_lps_initialized;
	uint64_t packages_configured;
	uint64_t inside; /**< Calls running now. */
	uint32_t global_keyid;
	uint32_t disable_step; /**< Sub-blocks SYS.DISABLE has flushed. */
	bool dynamic_pamt;
	uint32_t nr_tdmrs;
	/** TDMR_INFO structures of the SYS.CONFIG that runs. */
	uint64_t infos[TDXC_SIM_MAX_TDMRS][40];
	struct tdxc_sim_tdmr tdmrs[TDXC_SIM_MAX_TDMRS];
	struct tdxc_sim_kot kot[TDXC_SIM_MAX_KEYIDS];
	struct tdxc_sim_cache_wb cache_wb[TDXC_SIM_MAX_PACKAGES];
	struct tdxc_sim_lp lps[TDXC_SIM_MAX_LPS];
	uint64_t unsupported; /**< Calls of leaves the profile lacks. */
	struct tdxc_sim_identity identity;
	uint64_t generation; /**< Modules loaded before this one. */
	uint64_t builds;     /**< TDs created and not finalised. */
	struct tdxc_sim_handoff handoff;
	struct tdxc_sim_seamldr seamldr;
};

/*
 * A module that the P-SEAMLDR installs is 1 to 496 pages. The first begins with
 * struct tdxc_sim_image; what else they hold is unused, but signed for: the
 * page of the signature begins with struct tdxc_sim_signature.
 */
#define TDXC_SIM_IMAGE_MAGIC	 0x454C55444F4D5854ull /* "TXMODULE" */
#define TDXC_SIM_SIGNATURE_MAGIC 0x4E474953444F4D54ull /* "TMODSIGN" */

struct tdxc_sim_image {
	uint64_t magic;
	struct tdxc_sim_identity identity;
};

struct tdxc_sim_signature {
	uint64_t magic;
	uint64_t nr_pages;
	uint64_t sum; /**< tdxc_sim_image_sum() over all pages, from 0. */
};

/** Answers of the P-SEAMLDR: the values are inferred. */
#define TDXC_SIM_SEAMLDR_BAD_PARAM     0x8000000000010000ull
#define TDXC_SIM_SEAMLDR_BAD_CALL      0x8000000000010001ull
#define TDXC_SIM_SEAMLDR_BAD_SIGNATURE 0x8000000000010002ull
#define TDXC_SIM_SEAMLDR_NO_UPDATES    0x8000000000010003ull
/** Installations that it allows from power on. */
#define TDXC_SIM_SEAMLDR_UPDATES 64u

/**
 * @brief Add a page to the sum that a module is signed with.
 * @param sum  So far.
 * @param page 4096 bytes.
 * @return The new sum, which depends on contents and order.
 */
uint64_t tdxc_sim_image_sum(uint64_t sum, const void *page);

/** What became of a call. */
enum tdxc_sim_outcome {
	TDXC_SIM_RETURNED, /**< SEAMCALL or TDCALL returned to its caller. */
	TDXC_SIM_ENTERED,  /**< VP.ENTER: the guest runs on this LP now. */
	TDXC_SIM_EXITED,   /**< The guest left: the registers are the host's. */
};

/**
 * @brief Load the module: state SYSINIT_PENDING.
 *
 * @param[out] m        Module; fully overwritten.
 * @param[in]  ops      Machine. Must outlive the module.
 * @param[in]  ctx      First argument of every op.
 * @param[in]  platform Copied.
 * @retval TDXC_OK      Loaded.
 * @retval TDXC_E_INVAL An op is missing or a platform value out of range.
 * @return #tdxc_err
 */
TDXC_MUST_CHECK int tdxc_sim_init(struct tdxc_sim_module *m,
				  const struct tdxc_sim_ops *ops, void *ctx,
				  const struct tdxc_sim_platform *platform);

/**
 * @brief SEAMCALL on a logical processor that is on the host's side.
 *
 * RAX bit 63 selects the P-SEAMLDR. Where the instruction fails with CF = 1,
 * for there is no module or the P-SEAMLDR is busy, RAX is
 * TDXC_STATUS_VMFAILINVALID.
 *
 * @param[in,out] m    Module. @locks{none; any number of LPs at once}
 * @param[in]     lp   Logical processor. @units{below nr_lps}
 * @param[in,out] regs Operands in, results out; untouched but for RAX where
 *                     the module's dispatcher refuses.
 * @return TDXC_SIM_RETURNED, or TDXC_SIM_ENTERED with @p regs the guest's.
 */
enum tdxc_sim_outcome tdxc_sim_seamcall(struct tdxc_sim_module *m, uint32_t lp,
					struct tdxc_sim_regs *regs);

/**
 * @brief TDCALL of the vCPU that runs on a logical processor.
 *
 * @param[in,out] m    Module.
 * @param[in]     lp   Logical processor in guest.
 * @param[in,out] regs Operands in, results out.
 * @return TDXC_SIM_RETURNED to the guest, or TDXC_SIM_EXITED with @p regs what
 *         VP.ENTER returns to the host.
 */
enum tdxc_sim_outcome tdxc_sim_tdcall(struct tdxc_sim_module *m, uint32_t lp,
				      struct tdxc_sim_regs *regs);

/**
 * @brief External interrupt, vector 30h: the vCPU on @p lp leaves the guest.
 * @param[in,out] m    Module.
 * @param[in]     lp   Logical processor in guest.
 * @param[out]    regs What VP.ENTER returns to the host.
 */
void tdxc_sim_interrupt_exit(struct tdxc_sim_module *m, uint32_t lp,
			     struct tdxc_sim_regs *regs);

/** How a guest access to private memory went. */
enum tdxc_sim_access {
	TDXC_SIM_ACCESS_OK,
	TDXC_SIM_ACCESS_VE,	   /**< Pending page: \#VE in the guest. */
	TDXC_SIM_ACCESS_VIOLATION, /**< EPT violation: the vCPU must exit. */
};

/** A private translation, as a TLB keeps it. */
struct tdxc_sim_translation {
	uint64_t pa;   /**< First byte of the page, KeyID bits included. */
	uint8_t level; /**< 0 4K, 1 2M, 2 1G, as the module counts. */
};

/**
 * @brief Translate a private GPA through the secure EPT, as hardware would.
 * @param[in]  m   Module.
 * @param[in]  lp  Logical processor in guest.
 * @param[in]  gpa Guest physical address, shared bit clear.
 * @param[out] out Filled on TDXC_SIM_ACCESS_OK.
 * @return #tdxc_sim_access
 */
enum tdxc_sim_access tdxc_sim_translate(struct tdxc_sim_module *m, uint32_t lp,
					uint64_t gpa,
					struct tdxc_sim_translation *out);

/**
 * @brief The vCPU on @p lp leaves the guest with an EPT violation.
 * @param[in,out] m     Module.
 * @param[in]     lp    Logical processor in guest.
 * @param[in]     gpa   Faulting address.
 * @param[in]     write Whether it was a write.
 * @param[out]    regs  What VP.ENTER returns to the host.
 */
void tdxc_sim_violation_exit(struct tdxc_sim_module *m, uint32_t lp,
			     uint64_t gpa, bool write,
			     struct tdxc_sim_regs *regs);

/**
 * @brief TLB epoch in which the vCPU on @p lp entered: translations made in
 *        another are stale.
 * @param m  Module.
 * @param lp Logical processor in guest.
 * @return The epoch.
 */
uint64_t tdxc_sim_entry_epoch(const struct tdxc_sim_module *m, uint32_t lp);

#endif
