/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * @file
 * @brief A TD's life: keys, control pages, vCPUs, image, run, teardown.
 *
 * | step    | functions                        | runs on                 |
 * |---------|----------------------------------|-------------------------|
 * | CREATE  | tdxc_td_create()                 | any CPU                 |
 * | KEYS    | tdxc_td_key_config()             | a CPU of each package   |
 * | SETUP   | tdxc_td_setup()                  | any CPU                 |
 * | BUILD   | tdxc_td_vcpu_create()            | the vCPU stays with it  |
 * |         | tdxc_mmu_populate(), a source    | any CPU                 |
 * |         | tdxc_td_measure(), _finalize()   | any CPU                 |
 * | RUN     | tdxc_td_enter()                  | the vCPU's CPU          |
 * | VCPUS   | tdxc_td_vcpu_flush()             | each vCPU's CPU         |
 * | CLOSE   | tdxc_td_close()                  | any CPU                 |
 * | CACHES  | tdxc_td_flush_package()          | a CPU of each package   |
 * | KEYID   | tdxc_td_free_keyid()             | any CPU                 |
 * | RECLAIM | zap the mirror's pages and roots | any CPU                 |
 * |         | tdxc_td_reclaim()                | any CPU                 |
 * | GONE    |                                  |                         |
 *
 * tdxc_td_next() says what comes next and where, so that a port is a loop
 * around it. The library runs nothing on another CPU by itself. From any step
 * tdxc_td_end() goes to the steps that take the TD down, so a TD that failed
 * half way is torn down like any other.
 *
 * Every page that the module may still own stays out of the allocator: what
 * cannot be reclaimed is quarantined, in the list of the TD's Secure EPT, with
 * the call that failed. A KeyID that cannot be freed is quarantined too.
 *
 * A page that the module refused to take is the host's again only after
 * PAGE.WBINVD of it, which the module grants for pages that it does not have,
 * and which writes back what a call that failed half way left of it in caches.
 *
 * Locks. Functions marked *exclusive* need the mirror's lock that way, because
 * the module takes the TDR for itself: a removal beside them would find it busy
 * (H4, H5). Functions marked *serial* need the caller's lock against each
 * other. tdxc_td_enter() needs none.
 *
 * @source{tdx-module-abi.md 1.5 to 1.9, 8, 9; linux-host-tdx.md 9;
 *         kvm-mirror-mmu.md 6}
 */
#ifndef TDXCORE_TD_H
#define TDXCORE_TD_H

#include <tdxcore/convert.h>
#include <tdxcore/module.h>
#include <tdxcore/platform.h>
#include <tdxcore/sept.h>

#ifdef __cplusplus
extern "C" {
#endif

/** TDCX pages of a TD at most. @source{tdx-module-abi.md 1.5} */
#define TDXC_TD_MAX_TDCX 9
/** Pages of a vCPU at most, its TDVPR included. @source{tdx-module-abi.md 1.6}
 */
#define TDXC_TD_MAX_TDVPS 15
/** Packages that a key is configured on, at most. */
#define TDXC_TD_MAX_PACKAGES 64
/** Bytes that one MR.EXTEND measures. @source{tdx-module-abi.md 1.7} */
#define TDXC_TD_EXTEND_BYTES 256
/** Times MNG.KEY.FREEID may find WBCACHE_NOT_COMPLETE before it counts as
 *  refused. */
#define TDXC_TD_REWINDS 4u

/** Where the TD is; what has to be done next. */
enum tdxc_td_step {
	TDXC_TD_CREATE,	 /**< MNG.CREATE. */
	TDXC_TD_KEYS,	 /**< MNG.KEY.CONFIG on each package. */
	TDXC_TD_SETUP,	 /**< MNG.ADDCX, MNG.INIT. */
	TDXC_TD_BUILD,	 /**< Image, vCPUs; ends with MR.FINALIZE. */
	TDXC_TD_RUN,	 /**< VP.ENTER. */
	TDXC_TD_VCPUS,	 /**< VP.FLUSH of each vCPU on its CPU. */
	TDXC_TD_CLOSE,	 /**< MNG.VPFLUSHDONE. */
	TDXC_TD_CACHES,	 /**< PHYMEM.CACHE.WB on each package. */
	TDXC_TD_KEYID,	 /**< MNG.KEY.FREEID. */
	TDXC_TD_RECLAIM, /**< Private pages, S-EPT, then control pages. */
	TDXC_TD_GONE,	 /**< Nothing is left, but what is quarantined. */
	TDXC_TD_STEPS	 /**< Number of steps. */
};

/** Effects. All members mandatory. */
struct tdxc_td_ops {
	uint32_t abi; /**< TDXC_ABI. */
	/** @brief A page for TDR, TDCX or TDVPR, inside a TDMR.
	 *  @param[in] ctx The port's. @param[out] pa The page; contents
	 *  undefined.
	 *  @return TDXC_OK or TDXC_E_NOMEM. */
	int (*page_alloc)(void *ctx, uint64_t *pa);
	/** @brief A page is the host's again.
	 *  @param[in] ctx The port's. @param[in] pa The page. */
	void (*page_free)(void *ctx, uint64_t pa);
	/** @brief Whether the mirror's lock is held so; as
	 *  tdxc_mmu_ops::lock_held().
	 *  @param[in] ctx The port's. @param[in] lock #tdxc_lock
	 *  @return true when it is. */
	bool (*lock_held)(void *ctx, enum tdxc_lock lock);
};

/** Where a vCPU is. */
enum tdxc_td_vcpu_state {
	TDXC_VCPU_NONE,	   /**< No page of it is the module's. */
	TDXC_VCPU_CREATED, /**< VP.CREATE was done, VP.INIT was not. */
	TDXC_VCPU_READY,   /**< It can enter. */
	TDXC_VCPU_DEAD,	   /**< It stopped for good; the TD may go on. */
};

/** A vCPU. Zero it at first; members are the library's. */
struct tdxc_td_vcpu {
	enum tdxc_td_vcpu_state state; /**< Where it is. */
	uint32_t nr_pages;	       /**< Entries of @ref pages. */
	/** TDVPR first. */
	uint64_t pages[TDXC_TD_MAX_TDVPS];
	/** CPU it is associated with, plus 1; 0: none. Atomic. */
	uint64_t cpu;
};

/** The TD, and its machine. */
struct tdxc_td_config {
	uint32_t abi;		       /**< TDXC_ABI. */
	const struct tdxc_td_ops *ops; /**< Kept by reference. */
	void *ctx;		       /**< First argument of the ops. */
	/** Ready; its CPUs and packages, metadata, and gate for builds. Kept by
	 *  reference. */
	struct tdxc_module *module;
	struct tdxc_keyids *keyids; /**< Kept by reference. */
	/** Initialised, at stage NONE. Its port, limits, PAMT, errata and
	 *  quarantine are the TD's too. Kept by reference. */
	struct tdxc_sept *sept;
	/** Kept by reference, zeroed. @shape{sept->config.nr_vcpus entries} */
	struct tdxc_td_vcpu *vcpus;
	/** Alias bit of a shared address, as a frame number: 1 << 35, or 1 <<
	 * 39 with GPAW. 0: 1 << 35. */
	uint64_t alias;
	uint32_t nr_l2_vms; /**< As in TD_PARAMS. @units{0..3} */
	/** x2APIC ID of each vCPU, all different, for VP.INIT version 1, which
	 *  modules from 1.5.05 on have; NULL: version 0, without. Kept by
	 *  reference. @shape{sept->config.nr_vcpus entries} */
	const uint32_t *x2apic_ids;
};

/** A TD. Caller-owned; members are the library's. */
struct tdxc_td {
	struct tdxc_td_config config;	 /**< As given. */
	uint64_t step;			 /**< #tdxc_td_step; atomic. */
	uint32_t keyid;			 /**< 0: none. */
	uint64_t tdr;			 /**< 0: none. */
	uint64_t tdcx[TDXC_TD_MAX_TDCX]; /**< Pages that the module has. */
	uint32_t nr_tdcx;		 /**< Entries of @ref tdcx. */
	uint32_t nr_vcpus;		 /**< vCPUs initialised. */
	/** Packages where the step KEYS, or CACHES, is done. */
	uint32_t packages[TDXC_TD_MAX_PACKAGES];
	uint32_t nr_packages; /**< Entries of @ref packages. */
	uint32_t rewound;     /**< Times KEYID went back to CACHES. */
	bool building;	      /**< The module's gate for updates is taken. */
	bool mismeasured;     /**< A measurement failed: not to be finalised. */
	/** The first answer that said that the TD died (TD_FATAL, or a fatal
	 *  exit): only teardown works then. 0: none; atomic. */
	uint64_t fatal;
};

/** What tdxc_td_next() advises. */
struct tdxc_td_todo {
	enum tdxc_td_step step; /**< What to do. */
	uint32_t cpu;		/**< KEYS, CACHES, VCPUS: CPU to do it on. */
	uint32_t package;	/**< KEYS, CACHES: the package it is for. */
	uint32_t vcpu;		/**< VCPUS: the vCPU. */
};

/**
 * @brief Begin: step CREATE, no call is made.
 * @param[out] td     Fully overwritten.
 * @param[in]  config Copied.
 * @retval TDXC_OK      Ready.
 * @retval TDXC_E_INVAL abi, an op or pointer is missing, alias, nr_l2_vms;
 *                      or the module says it wants more pages than the arrays
 *                      hold, or has more packages; unchanged.
 * @return #tdxc_err
 */
TDXC_MUST_CHECK int tdxc_td_init(struct tdxc_td *td,
				 const struct tdxc_td_config *config);

/**
 * @brief What to do next, and where. @locks{serial}
 *
 * @param[in]  td   Object.
 * @param[out] todo Filled always.
 * @retval TDXC_OK      Do it. At BUILD, RUN and GONE there is nothing to do but
 *                      what the caller wants.
 * @retval TDXC_E_NODEV The CPU it needs is not online; see todo.
 * @return #tdxc_err
 */
TDXC_MUST_CHECK int tdxc_td_next(const struct tdxc_td *td,
				 struct tdxc_td_todo *todo);

/** @brief Name of a step, such as "MNG.CREATE".
 *  @param step Any value. @return A constant string, never NULL. */
const char *tdxc_td_step_name(enum tdxc_td_step step);

/* --- build -----------------------------------------------------------------
 */

/**
 * @brief A KeyID and a TDR page; MNG.CREATE. @locks{serial}
 *
 * @param[in,out] td   Object at CREATE; goes to KEYS.
 * @param[out]    diag The call; else untouched.
 * @retval TDXC_OK      Created.
 * @retval TDXC_E_INVAL Another step.
 * @retval TDXC_E_BUSY  The module is being updated, or stayed busy.
 * @retval TDXC_E_AGAIN A race for a KeyID, the gate, or a PAMT pair was lost.
 * @retval TDXC_E_NOSPC No KeyID is free.
 * @retval TDXC_E_NOMEM No page, or too few in the Dynamic PAMT cache.
 * @return Otherwise as tdxc_seamcall() or tdxc_pamt_get(). Of a failure nothing
 *         remains, but that the page, and the KeyID with it, is quarantined
 *         where the module may have it; a KeyID also that the module calls not
 *         free (HKID_NOT_FREE).
 */
TDXC_MUST_CHECK int tdxc_td_create(struct tdxc_td *td,
				   struct tdxc_seamcall_diag *diag);

/**
 * @brief MNG.KEY.CONFIG on the package of this CPU. @locks{serial}
 * @param[in,out] td   Object at KEYS; after the last package at SETUP.
 * @param[in]     cpu  Index of the calling CPU in the module's list.
 * @param[out]    diag The call; else untouched.
 * @retval TDXC_OK      Done, or it was done before.
 * @retval TDXC_E_INVAL Another step, or no such CPU.
 * @return Otherwise as tdxc_seamcall(); nothing changed.
 */
TDXC_MUST_CHECK int tdxc_td_key_config(struct tdxc_td *td, uint32_t cpu,
				       struct tdxc_seamcall_diag *diag);

/**
 * @brief MNG.ADDCX for every page, then MNG.INIT. @locks{serial}
 *
 * @param[in,out] td        Object at SETUP; goes to BUILD, and its Secure EPT
 *                          with it.
 * @param[in]     params_pa TD_PARAMS, by tdxc_td_params_build(). @shape{1024
 *                          bytes, 1024 aligned, KeyID 0}
 * @param[out]    leaf      CPUID leaf (31:0) and sub-leaf (63:32) that MNG.INIT
 *                          blames; 0: none.
 * @param[out]    diag      The last call; else untouched.
 * @retval TDXC_OK      Initialised.
 * @retval TDXC_E_INVAL Another step; or the module, updated since
 *                      tdxc_td_init(), wants more pages than the arrays hold.
 * @retval TDXC_E_NOMEM No page, or too few in the Dynamic PAMT cache; what was
 *                      added stays, call again.
 * @return Otherwise as tdxc_seamcall() or tdxc_pamt_get(); the same.
 */
TDXC_MUST_CHECK int tdxc_td_setup(struct tdxc_td *td, uint64_t params_pa,
				  uint64_t *leaf,
				  struct tdxc_seamcall_diag *diag);

/**
 * @brief VP.CREATE, VP.ADDCX for every page, VP.INIT. @locks{serial, exclusive}
 *
 * @param[in,out] td   Object at BUILD.
 * @param[in]     vcpu Index; initialised in any order.
 * @param[in]     cpu  The calling CPU: the vCPU is associated with it.
 * @param[in]     rcx  What the guest finds in RCX and R8 at first.
 * @param[out]    diag The last call; else untouched.
 * @retval TDXC_OK      It is READY.
 * @retval TDXC_E_INVAL Another step, no such vCPU or CPU, or it is READY
 *                      already, or the lock is not held; or too many pages, as
 *                      tdxc_td_setup().
 * @retval TDXC_E_NOMEM As tdxc_td_setup().
 * @return Otherwise as tdxc_seamcall(); what was added stays: call again, or
 *         leave the vCPU half created, which teardown knows how to end (L53).
 */
TDXC_MUST_CHECK int tdxc_td_vcpu_create(struct tdxc_td *td, uint32_t vcpu,
					uint32_t cpu, uint64_t rcx,
					struct tdxc_seamcall_diag *diag);

/**
 * @brief Measure pages that were mapped with contents: MR.EXTEND of each 256
 *        bytes. @locks{serial, exclusive}
 *
 * The order counts: it is part of the measurement.
 *
 * @param[in,out] td     Object at BUILD.
 * @param[in]     start  First frame.
 * @param[in]     frames How many.
 * @param[out]    done   Bytes measured; on failure the rest is not.
 * @param[out]    diag   The last call; else untouched.
 * @retval TDXC_OK      Measured.
 * @retval TDXC_E_INVAL Another step, frames beyond 2^52 bytes, or the lock is
 *                      not held; nothing was measured.
 * @retval TDXC_E_BUSY  The module stayed busy. With 0 bytes done nothing
 *                      happened: call again.
 * @return Otherwise as tdxc_seamcall(). A TD whose measurement failed in any
 *         other way than these two cannot be finalised.
 */
TDXC_MUST_CHECK int tdxc_td_measure(struct tdxc_td *td, struct tdxc_gfn start,
				    uint64_t frames, uint64_t *done,
				    struct tdxc_seamcall_diag *diag);

/**
 * @brief MR.FINALIZE: the TD can run, and its image is fixed.
 *        @locks{serial, exclusive}
 *
 * @param[in,out] td   Object at BUILD; goes to RUN, and its Secure EPT with it.
 * @param[out]    diag The call; else untouched.
 * @retval TDXC_OK      Finalised; the module may be updated again.
 * @retval TDXC_E_INVAL Another step, the lock is not held, no vCPU, or a
 *                      measurement failed.
 * @return Otherwise as tdxc_seamcall(); nothing changed.
 */
TDXC_MUST_CHECK int tdxc_td_finalize(struct tdxc_td *td,
				     struct tdxc_seamcall_diag *diag);

/* --- run -------------------------------------------------------------------
 */

/** Why a vCPU is out. */
enum tdxc_td_exit_kind {
	TDXC_EXIT_NONE,	     /**< It did not get in: see the error. */
	TDXC_EXIT_VIOLATION, /**< EPT violation: see the fault members. */
	TDXC_EXIT_VMCALL,    /**< TDG.VP.VMCALL: R10 and R11 say what. */
	TDXC_EXIT_INTERRUPT, /**< External interrupt, NMI, or SMI. */
	TDXC_EXIT_OTHER, /**< Another exit reason; see tdxc_td_exit::reason. */
	TDXC_EXIT_VCPU_DEAD, /**< This vCPU is disabled. */
	TDXC_EXIT_TD_DEAD,   /**< The TD is dead: tear it down. */
};

/** An exit, taken apart. */
struct tdxc_td_exit {
	enum tdxc_td_exit_kind kind; /**< Why. */
	uint64_t status;	     /**< RAX of VP.ENTER. */
	uint32_t reason;	     /**< VMX exit reason, bits 15:0. */
	/** Violation: the page, without alias bit. */
	struct tdxc_gfn gfn;
	bool is_private; /**< Violation: in the private half. */
	bool write;	 /**< Violation: a write. */
	bool exec;	 /**< Violation: a fetch. */
	/** Violation: the page is mapped and was not accepted, and the TD
	 *  gets no \#VE for that: the guest is at fault. */
	bool pending;
	/** Violation: the guest accepts at this level, 1 or 2; 0: it does not
	 *  accept. Map that level; a larger page must be demoted first. */
	uint32_t accept_level;
};

/**
 * @brief VP.ENTER, once, on this CPU.
 *
 * @param[in,out] td   Object at RUN.
 * @param[in]     vcpu Index.
 * @param[in]     cpu  The calling CPU.
 * @param[in,out] regs The guest's registers as the GHCI has them; RCX is
 *                     overwritten.
 * @param[out]    exit Why it is out.
 * | answer                                    | returned     | exit->kind  |
 * |-------------------------------------------|--------------|-------------|
 * | an exit reason                            | TDXC_OK      | by reason   |
 * | NON_RECOVERABLE_VCPU                      | TDXC_OK      | VCPU_DEAD   |
 * | NON_RECOVERABLE_TD and its kin            | TDXC_OK      | TD_DEAD     |
 * | TD_FATAL, or either was known to be dead  | TDXC_E_IO    | either      |
 * | busy, interrupted, CROSS_TD_FAULT, _TRAP, | TDXC_E_AGAIN | NONE        |
 * | HOST_PRIORITY_BUSY_TIMEOUT                |              |             |
 * | VCPU_ASSOCIATED                           | TDXC_E_BUSY  | NONE        |
 * | anything else                             | TDXC_E_IO    | NONE        |
 *
 * @retval TDXC_OK      It was in, and is out: see @p exit.
 * @retval TDXC_E_AGAIN Entry is held, or the module was busy: look for requests
 *                      and try again, on the slow path (H7).
 * @retval TDXC_E_BUSY  It is associated with another CPU: tdxc_td_vcpu_flush()
 *                      there first.
 * @retval TDXC_E_INVAL Another step, no such vCPU or CPU, or it is neither
 *                      READY nor dead.
 * @retval TDXC_E_IO    VP.ENTER was refused, or the TD or vCPU is dead.
 * @return Otherwise as tdxc_seamcall().
 * @locks{none of the mirror's; the calling thread is the vCPU's}
 */
TDXC_MUST_CHECK int tdxc_td_enter(struct tdxc_td *td, uint32_t vcpu,
				  uint32_t cpu, struct tdxc_seamcall_full *regs,
				  struct tdxc_td_exit *exit);

/**
 * @brief VP.FLUSH on the vCPU's CPU, so that it can enter on another one, or
 *        the TD be taken down.
 * @param[in,out] td   Object at RUN, BUILD or VCPUS; from VCPUS to CLOSE with
 *                     the last one.
 * @param[in]     vcpu Index. @param[in] cpu The calling CPU.
 * @param[out]    diag The call; else untouched.
 * @retval TDXC_OK      It is associated with no CPU; also when it was before,
 *                      or was never initialised: no call is made then.
 * @retval TDXC_E_BUSY  It is inside, or the module stayed busy.
 * @retval TDXC_E_INVAL Another step, no such vCPU, or not its CPU.
 * @return Otherwise as tdxc_seamcall().
 * @locks{none; the vCPU is not inside}
 */
TDXC_MUST_CHECK int tdxc_td_vcpu_flush(struct tdxc_td *td, uint32_t vcpu,
				       uint32_t cpu,
				       struct tdxc_seamcall_diag *diag);

/** A guest's request to convert memory. */
struct tdxc_td_conversion {
	struct tdxc_gfn start; /**< First frame, without alias bit. */
	struct tdxc_gfn end;   /**< One past the last. */
	bool to_private;       /**< Else to shared. */
};

/**
 * @brief What a MapGPA call asks for.
 * @param[in]  regs  Of the exit, kind VMCALL, R11 = 10001h.
 * @param[in]  alias The TD's alias bit, as a frame number.
 * @param[out] c     Filled on success; may be empty.
 * @return What to put into R10: TDXC_MAP_GPA_SUCCESS, _INVALID_OPERAND or
 *         _ALIGN_ERROR of convert.h.
 */
uint64_t tdxc_td_map_gpa(const struct tdxc_seamcall_full *regs, uint64_t alias,
			 struct tdxc_td_conversion *c);

/**
 * @brief What an EPT violation says about the fault to handle.
 *
 * The level that the guest accepts at is honoured: fault->level is lowered to
 * it. Then look up the page behind fault->gfn and fill in what else the VMM
 * knows. A larger page that is mapped there must be demoted to that level.
 *
 * @param[in]     exit  Of kind VIOLATION.
 * @param[in,out] fault gfn, is_private, write and exec are filled in; level is
 *                      the largest that is allowed, in and out.
 */
void tdxc_td_fault(const struct tdxc_td_exit *exit, struct tdxc_fault *fault);

/* --- teardown --------------------------------------------------------------
 */

/**
 * @brief Begin to take the TD down, from any step. @locks{serial, exclusive}
 *
 * No vCPU enters afterwards, nothing is lent.
 *
 * @param[in,out] td Object; goes to VCPUS, or as far as there is nothing to do.
 * @retval TDXC_OK      So it is; also when it was before.
 * @retval TDXC_E_INVAL The lock is not held; nothing changed.
 * @retval TDXC_E_BUSY  A vCPU is inside: kick it, and call again before
 *                      tdxc_td_next(). No other one enters any more.
 * @return #tdxc_err
 */
TDXC_MUST_CHECK int tdxc_td_end(struct tdxc_td *td);

/**
 * @brief MNG.VPFLUSHDONE. @locks{serial}
 * @param[in,out] td   Object at CLOSE; goes to CACHES.
 * @param[out]    diag The call; else untouched.
 * @retval TDXC_OK      Done.
 * @retval TDXC_E_INVAL Another step.
 * @retval TDXC_E_BUSY  FLUSHVP_NOT_DONE, or the module stayed busy: the KeyID
 *                      stays, and no further call is made (L41).
 * @return Otherwise as tdxc_seamcall(); nothing changed.
 */
TDXC_MUST_CHECK int tdxc_td_close(struct tdxc_td *td,
				  struct tdxc_seamcall_diag *diag);

/**
 * @brief PHYMEM.CACHE.WB on the package of this CPU, until it is done.
 *        @locks{serial}
 * @param[in,out] td   Object at CACHES; after the last package at KEYID.
 * @param[in]     cpu  The calling CPU.
 * @param[out]    diag The last call; else untouched.
 * @retval TDXC_OK      Done, by this call or another TD's
 *                      (NO_HKID_READY_TO_WBCACHE).
 * @retval TDXC_E_INVAL Another step, or no such CPU.
 * @return Otherwise as tdxc_seamcall(); call again.
 */
TDXC_MUST_CHECK int tdxc_td_flush_package(struct tdxc_td *td, uint32_t cpu,
					  struct tdxc_seamcall_diag *diag);

/**
 * @brief MNG.KEY.FREEID; the KeyID can be used again. @locks{serial, exclusive}
 * @param[in,out] td   Object at KEYID; goes to RECLAIM, and its Secure EPT to
 *                     RELEASED.
 * @param[out]    diag The call; else untouched.
 * @retval TDXC_OK      Free.
 * @retval TDXC_E_INVAL Another step, or the lock is not held.
 * @retval TDXC_E_AGAIN WBCACHE_NOT_COMPLETE: the step is CACHES, for all
 *                      packages. The fifth time it is TDXC_E_IO.
 * @return Otherwise as tdxc_seamcall(); nothing changed. See
 *         tdxc_td_abandon().
 */
TDXC_MUST_CHECK int tdxc_td_free_keyid(struct tdxc_td *td,
				       struct tdxc_seamcall_diag *diag);

/**
 * @brief RECLAIM of all control pages, the TDR last. @locks{serial}
 *
 * After the mirror's pages and tables were given back. The TDR is written back
 * under the global KeyID, under which the module writes it, after its RECLAIM:
 * PAGE.WBINVD is granted for pages that the module does not have.
 *
 * @param[in,out] td   Object at RECLAIM; goes to GONE.
 * @param[out]    diag The first call that failed; else untouched.
 * @retval TDXC_OK      Every page is the host's again.
 * @retval TDXC_E_INVAL Another step.
 * @retval TDXC_E_IO    Some page was refused and is quarantined, the TDR with
 *                      it. The step is GONE all the same.
 * @return #tdxc_err
 */
TDXC_MUST_CHECK int tdxc_td_reclaim(struct tdxc_td *td,
				    struct tdxc_seamcall_diag *diag);

/**
 * @brief Give up a TD that cannot be taken down: everything it has is
 *        quarantined, the KeyID too. @locks{serial, exclusive}
 * @param[in,out] td Object at CREATE to RECLAIM; goes to GONE. Pages of the
 *                   mirror are the caller's to quarantine. The entries of the
 *                   list have a diag with 0 calls.
 * @retval TDXC_OK      Given up.
 * @retval TDXC_E_INVAL It is GONE, or the lock is not held.
 * @return #tdxc_err
 */
TDXC_MUST_CHECK int tdxc_td_abandon(struct tdxc_td *td);

/**
 * @brief SEAMCALLs that a teardown costs at least, from VCPUS to GONE, when
 *        nothing is busy.
 *
 * VP.FLUSH of each associated vCPU, VPFLUSHDONE, CACHE.WB per package, FREEID,
 * RECLAIM of every page and table and control page, and PAGE.WBINVD of the TDR.
 *
 * @param td     Object.
 * @param leaves Pages mapped in the mirror, of any size. @param tables S-EPT
 *               pages. @return Calls, Dynamic PAMT's not counted.
 */
uint64_t tdxc_td_teardown_calls(const struct tdxc_td *td, uint64_t leaves,
				uint64_t tables);

#ifdef __cplusplus
}
#endif

#endif
