/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * @file
 * @brief Runtime update: another TDX module takes over while TDs stay in
 *        memory.
 *
 * | phase   | function               | runs on             | SEAMCALL        |
 * |---------|------------------------|---------------------|-----------------|
 * |         | tdxc_update_begin()    | a CPU               | SYS.SHUTDOWN    |
 * | INSTALL | tdxc_update_install()  | every CPU, serially | SEAMLDR.INSTALL |
 * | CPUS    | tdxc_update_cpu_init() | every CPU           | SYS.INIT        |
 * |         |                        |                     | SYS.LP.INIT     |
 * | RUN     | tdxc_update_finish()   | a CPU               | SYS.UPDATE      |
 * | READ    | tdxc_update_finish()   | a CPU               | SYS.RD          |
 * | DONE    |                        |                     |                 |
 *
 * tdxc_update_next() says what comes next and on which CPU. SYS.CONFIG, keys
 * and TDMRs are not done again: the new module finds them in the hand-off data
 * that the old one wrote.
 *
 * **What can fail, and what is lost.** Everything that can be known before
 * SYS.SHUTDOWN is checked before it: up to there a failure changes nothing.
 * After it the old module never runs again. A busy answer leaves the phase as
 * it was: repeat the step, or give up. Any other failure of INSTALL, CPUS or
 * SYS.UPDATE ends the update: phase FAILED, TDs are lost, the later steps are
 * refused, no version is claimed, and the module object is at TDXC_MODULE_UNDO,
 * not at TDXC_MODULE_DEAD, because the PAMTs still hold what a module wrote
 * with its own KeyID. tdxc_module_undo() then does what it does for any
 * configured module: SYS.DISABLE, for whatever is left to answer it, flush,
 * rewrite on machines with the partial-write erratum, free. In phase READ the
 * new module runs and the TDs are safe; what fails there can be repeated at any
 * time.
 *
 * **Others meanwhile.** While the module tries to shut down, SEAMCALLs of other
 * CPUs may be answered SYS_SHUTDOWN, and SYS.SHUTDOWN is answered SYS_BUSY as
 * long as one of them is inside. So keep all CPUs out of the module, in guests
 * too, from tdxc_update_begin() to the end.
 *
 * @source{linux-host-tdx.md 10.2, 12 items 9 to 11, 13 ideas 46 to 50;
 *         tdx-module-abi.md 1.4}
 */
#ifndef TDXCORE_UPDATE_H
#define TDXCORE_UPDATE_H

#include <tdxcore/module.h>

#ifdef __cplusplus
extern "C" {
#endif

/* --- images ----------------------------------------------------------------
 */

/** Header of an uploaded image. @units{bytes} */
#define TDXC_UPDATE_HEADER_BYTES 4096u
/** Signature pages that SEAMLDR_PARAMS takes. */
#define TDXC_UPDATE_SIGSTRUCT_PAGES 1u
/** Module pages that SEAMLDR_PARAMS takes at most. */
#define TDXC_UPDATE_MODULE_PAGES 496u

/** What is wrong with an image. */
enum tdxc_update_image_fault_kind {
	TDXC_IMAGE_OK,		    /**< Nothing. */
	TDXC_IMAGE_SHORT,	    /**< No room for a header. */
	TDXC_IMAGE_VERSION,	    /**< Format is not 0x0200. */
	TDXC_IMAGE_MAGIC,	    /**< Does not say "TDX-BLOB". */
	TDXC_IMAGE_SIGSTRUCT_PAGES, /**< Not exactly one signature page. */
	TDXC_IMAGE_MODULE_PAGES,    /**< None, or more than 496. */
	TDXC_IMAGE_RESERVED,	    /**< A reserved byte is not 0. */
	TDXC_IMAGE_LENGTH,	    /**< Header and pages are not its size. */
	TDXC_IMAGE_FAULTS	    /**< Number of kinds. */
};

/** What was refused, and where. */
struct tdxc_update_image_fault {
	enum tdxc_update_image_fault_kind kind; /**< The first one found. */
	uint32_t offset; /**< Of the field, or of the byte. @units{bytes} */
	uint64_t value;	 /**< What stands there; for sizes the image's. */
};

/** Where things are in an image. */
struct tdxc_update_image {
	uint64_t sigstruct_offset; /**< First signature page. @units{bytes} */
	uint64_t module_offset;	   /**< First module page. @units{bytes} */
	uint32_t sigstruct_pages;  /**< @units{4 KiB pages} */
	uint32_t module_pages;	   /**< @units{4 KiB pages} */
	uint16_t checksum;	   /**< As it stands there; see below. */
};

/**
 * @brief Check the header of an image, before any SEAMCALL.
 *
 * An image is a header, its signature pages, its module pages. Only the header
 * is read, so the rest may lie anywhere: page by page, or not yet in memory.
 *
 * The checksum is not verified: how it is computed is not published. Neither
 * is the signature: that is the P-SEAMLDR's business.
 *
 * @param[in]  header Start of the image. @shape{TDXC_UPDATE_HEADER_BYTES, any
 *                    alignment; not read where @p size is less}
 * @param[in]  size   Size of the whole image. @units{bytes}
 * @param[out] image  Filled on success, zero otherwise.
 * @param[out] fault  First fault. Never NULL.
 * @retval TDXC_OK      Well-formed.
 * @retval TDXC_E_INVAL Refused.
 * @return #tdxc_err
 * @complexity{O(1)} @source{linux-host-tdx.md 10.2}
 */
TDXC_MUST_CHECK int
tdxc_update_image_check(const void *header, uint64_t size,
			struct tdxc_update_image *image,
			struct tdxc_update_image_fault *fault);

/**
 * @brief One line of text for a fault kind, without a full stop.
 * @param kind Any value.
 * @return A constant string, never NULL.
 */
const char *
tdxc_update_image_fault_text(enum tdxc_update_image_fault_kind kind);

/* --- what the P-SEAMLDR reads and writes ------------------------------------
 */

/** What the P-SEAMLDR is asked for. */
enum tdxc_seamldr_scenario {
	TDXC_SEAMLDR_LOAD = 0,	 /**< A module where there is none. */
	TDXC_SEAMLDR_UPDATE = 1, /**< The next module; TDs stay. */
};

/** SEAMLDR_PARAMS, as the P-SEAMLDR reads it. */
struct tdxc_seamldr_params {
	uint32_t version;	  /**< 0. */
	uint32_t scenario;	  /**< #tdxc_seamldr_scenario */
	uint64_t sigstruct_pa;	  /**< Page of the signature. */
	uint8_t reserved[104];	  /**< 0. */
	uint64_t nr_module_pages; /**< 1 to 496. */
	uint64_t module_pa[TDXC_UPDATE_MODULE_PAGES]; /**< In order. */
};

TDXC_STATIC_ASSERT(sizeof(struct tdxc_seamldr_params) == 4096,
		   "SEAMLDR_PARAMS is 4096 bytes");
TDXC_STATIC_ASSERT(offsetof(struct tdxc_seamldr_params, module_pa) == 128,
		   "module pages start at byte 128");

/** Physical addresses of an image's pages, under a shared KeyID. */
struct tdxc_update_pages {
	const uint64_t *sigstruct; /**< @shape{nr_sigstruct entries} */
	uint32_t nr_sigstruct;	   /**< As image.sigstruct_pages. */
	uint32_t nr_module;	   /**< As image.module_pages. */
	/** In the image's order; may be the module_pa of the structure that is
	 *  filled. @shape{nr_module entries} */
	const uint64_t *module;
};

/**
 * @brief Fill SEAMLDR_PARAMS from lists of pages.
 *
 * @param[out] params   Fully overwritten; unchanged on error.
 * @param[in]  scenario #tdxc_seamldr_scenario
 * @param[in]  pages    Where the image's pages are.
 * @param[out] bad      TDXC_E_RANGE: the address to blame, counted from the
 *                      first signature page on. Never NULL.
 * @retval TDXC_OK      Filled.
 * @retval TDXC_E_INVAL Not one signature page, not 1 to 496 module pages, or no
 *                      such scenario.
 * @retval TDXC_E_RANGE An address is 0, not 4 KiB aligned or above 52 bits.
 * @return #tdxc_err
 * @complexity{O(pages)}
 */
TDXC_MUST_CHECK int
tdxc_update_params_fill(struct tdxc_seamldr_params *params,
			enum tdxc_seamldr_scenario scenario,
			const struct tdxc_update_pages *pages, uint32_t *bad);

/** SEAMLDR_INFO, as the P-SEAMLDR writes it. */
struct tdxc_seamldr_info {
	uint32_t version;	    /**< Of this structure. */
	uint32_t attributes;	    /**< Of the P-SEAMLDR. */
	uint32_t vendor;	    /**< Vendor. */
	uint32_t build_date;	    /**< Build date. */
	uint16_t build_num;	    /**< Build. */
	uint16_t minor_version;	    /**< Version of the P-SEAMLDR. */
	uint16_t major_version;	    /**< Version of the P-SEAMLDR. */
	uint16_t update_version;    /**< Version of the P-SEAMLDR. */
	uint32_t acm_x2apic_id;	    /**< CPU that loaded it. */
	uint32_t remaining_updates; /**< Installations it still allows. */
	uint8_t seam_info[128];	    /**< Not interpreted here. */
	uint8_t seam_ready;	    /**< A TDX module is there. */
	uint8_t seam_debug;	    /**< It is a debug one. */
	uint8_t p_seam_ready;	    /**< The P-SEAMLDR is ready. */
	uint8_t reserved[93];	    /**< Not interpreted here. */
};

TDXC_STATIC_ASSERT(sizeof(struct tdxc_seamldr_info) == 256,
		   "SEAMLDR_INFO is 256 bytes");
TDXC_STATIC_ASSERT(offsetof(struct tdxc_seamldr_info, seam_ready) == 160,
		   "state of SEAM starts at byte 160");

/** Attempts at a P-SEAMLDR that answers CF = 1: another CPU may be in it.
 *  @source{linux-host-tdx.md 2.1, 2.6} */
#define TDXC_UPDATE_ATTEMPTS 100000u

/**
 * @brief SEAMLDR.INFO: version of the P-SEAMLDR, updates that remain.
 *
 * @param[in]  port       The instruction.
 * @param[in]  loses_vmcs As struct tdxc_update_config.
 * @param[in]  block      The block at @p block_pa, as this CPU reads it.
 *                        Contents undefined afterwards. @shape{256 bytes}
 * @param[in]  block_pa   Its physical address, under a shared KeyID.
 *                        @shape{256 aligned}
 * @param[out] info       Filled; zero on error.
 * @param[out] diag       The call. Never NULL.
 * @retval TDXC_E_OPNOTSUPP @p loses_vmcs, no call was made (diag->calls 0); or
 *                          \#GP.
 * @retval TDXC_E_INVAL     @p block_pa is not aligned; no call was made.
 * @retval TDXC_E_BUSY      CF = 1 in TDXC_UPDATE_ATTEMPTS attempts: the
 *                          P-SEAMLDR is busy, or there is none.
 * @retval TDXC_E_IO        Any status but 0.
 * @return Otherwise as tdxc_seamcall().
 */
TDXC_MUST_CHECK int tdxc_update_read_info(const struct tdxc_seamcall_port *port,
					  bool loses_vmcs, const void *block,
					  uint64_t block_pa,
					  struct tdxc_seamldr_info *info,
					  struct tdxc_seamcall_diag *diag);

/* --- the update --------------------------------------------------------------
 */

/** Options of struct tdxc_update_config. */
enum tdxc_update_flags {
	/** Have the module refuse, too, while a TD is being built or in another
	 *  state that an update would harm (SYS.SHUTDOWN RCX bit 16). Only
	 *  where it has TDXC_FEATURE_UPDATE_COMPAT. */
	TDXC_UPDATE_AVOID_SENSITIVE = 1u << 0,
	/** Begin though CPUs are offline: the caller brings them online in
	 *  phase INSTALL. Without it that is refused before anything happens,
	 *  because a CPU that stays away cannot be made up for. */
	TDXC_UPDATE_OFFLINE_CPUS = 1u << 1,
};

/** An update to be made. */
struct tdxc_update_config {
	uint32_t abi;		    /**< TDXC_ABI. */
	uint32_t flags;		    /**< #tdxc_update_flags, or 0. */
	struct tdxc_module *module; /**< At READY. Kept by reference. */
	/** What SEAMLDR.INFO said; NULL: do not look whether updates remain. */
	const struct tdxc_seamldr_info *seamldr;
	/** Physical address of a filled struct tdxc_seamldr_params, which and
	 *  the image stay in place until phase CPUS. @shape{4 KiB aligned} */
	uint64_t params_pa;
	/** Memory for the library's notes: 1 for each CPU that did its
	 *  SEAMLDR.INSTALL. Kept by reference; need not be initialised.
	 *  @shape{as many entries as the module has CPUs} */
	uint64_t *installed;
	/** Format of the hand-off data: one that the old module writes and the
	 *  new one reads. For the way up that is info.module_hv, for the way
	 *  down the new module's own. */
	uint16_t handoff_version;
	/** The machine has TDXC_ERRATUM_SEAMLDR_VMCS of platform.h. */
	bool loses_vmcs;
};

/** Where an update stands. */
enum tdxc_update_phase {
	TDXC_UPDATE_NONE,    /**< Not begun: the old module runs. */
	TDXC_UPDATE_INSTALL, /**< SEAMLDR.INSTALL on every CPU. */
	TDXC_UPDATE_CPUS,    /**< SYS.INIT once, LP.INIT on every CPU. */
	TDXC_UPDATE_RUN,     /**< SYS.UPDATE. */
	TDXC_UPDATE_READ,    /**< The new module runs; metadata. */
	TDXC_UPDATE_DONE,    /**< The module object is at READY again. */
	TDXC_UPDATE_FAILED,  /**< At UNDO: tdxc_module_undo() is next. */
	TDXC_UPDATE_PHASES   /**< Number of phases. */
};

/** An update under way. Caller-owned; all members are the library's. What
 *  begins with "failed" is valid at FAILED, once every CPU has returned. */
struct tdxc_update {
	struct tdxc_update_config config; /**< As given. */
	uint64_t phase;			  /**< #tdxc_update_phase; atomic. */
	uint64_t claim; /**< 1: a CPU is in SEAMLDR.INSTALL; atomic. */
	/** Phase that failed. */
	enum tdxc_update_phase failed_phase;
	uint32_t failed_cpu;	  /**< CPU it failed on; INSTALL and CPUS. */
	uint64_t failed_status;	  /**< Status; 0: the caller gave up. */
	struct tdxc_sysinfo info; /**< Read in phase READ. */
};

/** What tdxc_update_next() advises. */
struct tdxc_update_todo {
	enum tdxc_update_phase phase; /**< What to do. */
	uint32_t cpu;		      /**< Index of the CPU to do it on. */
	uint32_t missing; /**< INSTALL, CPUS: CPUs that still need it. */
};

/**
 * @brief SYS.SHUTDOWN: from here on there is no way back. @locks{serial}
 *
 * No TD may be being built (tdxc_module_build_begin()); none can be begun until
 * the update is over. The module, the P-SEAMLDR and the CPUs are looked at
 * first.
 *
 * @param[out] u      Object; fully overwritten; phase INSTALL on success, NONE
 *                    otherwise.
 * @param[in]  config Copied; see its members for what is kept by reference.
 * @param[out] builds TDXC_E_BUSY: TDs that are being built; 0 where the module
 *                    is busy or knows of one that the library does not. Never
 *                    NULL.
 * @param[out] diag   The call; calls 0 where none was made. Never NULL.
 * @retval TDXC_OK          The module object is at TDXC_MODULE_UPDATE, no CPU
 *                          counts as initialised, offline ones included, and
 *                          no version is claimed.
 * @retval TDXC_E_OPNOTSUPP The machine loses its VMCS; the module cannot be
 *                          updated (TDXC_FEATURE_TD_PRESERVING), or not avoid
 *                          what it is told to. No call was made.
 * @retval TDXC_E_INVAL     abi, flags, a missing pointer, an unaligned
 *                          params_pa, or the module is not at READY.
 * @retval TDXC_E_RANGE     The module does not write this hand-off version.
 * @retval TDXC_E_NOSPC     The P-SEAMLDR allows no further update.
 * @retval TDXC_E_NODEV     A CPU is offline; or CF = 1.
 * @retval TDXC_E_BUSY      See @p builds.
 * @return Otherwise as tdxc_seamcall(). After any error the old module runs,
 *         its object is as before, and TDs can be built.
 * @complexity{O(nr_cpus), one SEAMCALL with its retries}
 */
TDXC_MUST_CHECK int tdxc_update_begin(struct tdxc_update *u,
				      const struct tdxc_update_config *config,
				      uint64_t *builds,
				      struct tdxc_seamcall_diag *diag);

/**
 * @brief SEAMLDR.INSTALL for the calling CPU.
 *
 * The last CPU's call replaces the module. CPUs may all call this at once, the
 * P-SEAMLDR lets in one at a time.
 *
 * @param[in,out] u    Object at INSTALL; goes to CPUS after the last CPU.
 * @param[in]     cpu  Index of the calling CPU.
 * @param[out]    diag The call. Never NULL.
 * @retval TDXC_OK         This CPU is done; no call where it was already.
 * @retval TDXC_E_AGAIN    Another CPU is at it; nothing happened, call again.
 * @retval TDXC_E_BUSY     CF = 1 in TDXC_UPDATE_ATTEMPTS attempts; nothing
 *                         happened, call again.
 * @retval TDXC_E_CANCELED The update has failed elsewhere; no call was made.
 * @retval TDXC_E_INVAL    Wrong phase, or no such CPU.
 * @retval TDXC_E_IO       Any status but 0: the update has failed.
 * @return Otherwise as tdxc_seamcall(), and the update has failed.
 * @locks{none; any number of CPUs at once}
 */
TDXC_MUST_CHECK int tdxc_update_install(struct tdxc_update *u, uint32_t cpu,
					struct tdxc_seamcall_diag *diag);

/**
 * @brief SYS.INIT if nobody did it yet, then LP.INIT; on the CPU itself.
 *
 * @param[in,out] u    Object at CPUS; goes to RUN after the last CPU.
 * @param[in]     cpu  Index of the calling CPU.
 * @param[out]    diag The last call. Never NULL.
 * @retval TDXC_OK         This CPU is done; no call where it was already.
 * @retval TDXC_E_AGAIN    As tdxc_module_cpu_init(); call again.
 * @retval TDXC_E_BUSY     The module stayed busy or has no entropy; call again.
 * @retval TDXC_E_CANCELED The update has failed elsewhere; no call was made.
 * @retval TDXC_E_INVAL    Wrong phase, or no such CPU.
 * @return Otherwise as tdxc_seamcall(), and the update has failed.
 * @locks{none; any number of CPUs at once}
 */
TDXC_MUST_CHECK int tdxc_update_cpu_init(struct tdxc_update *u, uint32_t cpu,
					 struct tdxc_seamcall_diag *diag);

/**
 * @brief SYS.UPDATE, and read the metadata again. @locks{serial}
 *
 * The module's limits and CMRs stay as they are: they describe the layout that
 * the new module took over.
 *
 * @param[in,out] u     Object at RUN, or at READ to try again; goes to DONE.
 * @param[out]    fault Field to blame, in phase READ. Never NULL.
 * @param[out]    diag  The last call. Never NULL.
 * @retval TDXC_OK          The module object is at READY with the new module's
 *                          metadata, and TDs can be built.
 * @retval TDXC_E_BUSY      The module stayed busy; call again.
 * @retval TDXC_E_CANCELED  The update has failed; no call was made.
 * @retval TDXC_E_INVAL     Wrong phase.
 * @retval TDXC_E_OPNOTSUPP At READ: the new module clobbers RBP, which
 *                          TDXC_MODULE_ALLOW_RBP_MOD did not allow: no TD may
 *                          be entered.
 * @return From RUN as tdxc_seamcall(), and the update has failed; at READ, the
 *         phase that tells, as tdxc_metadata_read(): TDs that exist can go on,
 *         none can be built, no version is claimed; call again or give up.
 */
TDXC_MUST_CHECK int tdxc_update_finish(struct tdxc_update *u,
				       struct tdxc_metadata_fault *fault,
				       struct tdxc_seamcall_diag *diag);

/**
 * @brief End an update that does not get on: as if the step had failed.
 *        @locks{serial}
 *
 * @param[in,out] u Object at INSTALL to READ; goes to FAILED. What TDs there
 *                  are is lost.
 * @retval TDXC_OK      The module object is at TDXC_MODULE_UNDO.
 * @retval TDXC_E_BUSY  A CPU is in SEAMLDR.INSTALL; nothing happened.
 * @retval TDXC_E_INVAL Wrong phase.
 * @return #tdxc_err
 */
TDXC_MUST_CHECK int tdxc_update_give_up(struct tdxc_update *u);

/**
 * @brief Where an update stands. @locks{none}
 * @param u Object.
 * @return #tdxc_update_phase
 */
enum tdxc_update_phase tdxc_update_get_phase(const struct tdxc_update *u);

/**
 * @brief What to do next, and on which CPU. @locks{serial}
 *
 * @param[in]  u    Object that was begun.
 * @param[out] todo Filled always.
 * @retval TDXC_OK      Do it; at DONE and FAILED there is nothing to do.
 * @retval TDXC_E_NODEV Only offline CPUs are left: todo->cpu is the first.
 *                      Bring it online, and ask again.
 * @return #tdxc_err
 * @complexity{O(nr_cpus)}
 */
TDXC_MUST_CHECK int tdxc_update_next(const struct tdxc_update *u,
				     struct tdxc_update_todo *todo);

/**
 * @brief Name of a phase, such as "SEAMLDR.INSTALL".
 * @param phase Any value.
 * @return A constant string, never NULL.
 */
const char *tdxc_update_phase_name(enum tdxc_update_phase phase);

#ifdef __cplusplus
}
#endif

#endif
