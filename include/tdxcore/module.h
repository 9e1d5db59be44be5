/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * @file
 * @brief Bring a TDX module up, keep it, take it down: one state machine.
 *
 * | step    | function                     | runs on                       |
 * |---------|------------------------------|-------------------------------|
 * | CPUS    | tdxc_module_cpu_init()       | every CPU, any number at once |
 * | READ    | tdxc_module_read()           | a CPU that did CPUS           |
 * | PLAN    | tdxc_module_plan()           | anywhere: makes no call       |
 * | PLACE   | tdxc_module_place()          | anywhere: makes no call       |
 * | CONFIG  | tdxc_module_configure()      | any CPU                       |
 * | FLUSH   | tdxc_module_flush()          | any CPU; the op reaches all   |
 * | KEYS    | tdxc_module_key_config()     | a CPU of each package         |
 * | TDMRS   | tdxc_module_tdmr_init()      | any number of CPUs at once    |
 * | READY   |                              |                               |
 *
 * tdxc_module_next() says what comes next and on which CPU, so that a port is
 * a loop around it. Each step that fails leaves the module where it was: it may
 * be tried again, or tdxc_module_undo() gives back what was taken. The library
 * never runs code on another CPU by itself: the port does, and the functions
 * here use the CPU they are called on.
 *
 * What the module may own is never freed: only tdxc_module_undo() frees a PAMT,
 * and only after the last SEAMCALL, a flush of all caches, and on machines with
 * the partial-write erratum a rewrite with MOVDIR64B.
 *
 * Locks: functions marked *serial* need the caller's lock against each other.
 * The others may run at any time, on any CPU, beside a serial one.
 *
 * @source{linux-host-tdx.md 1.6, 2.6, 2.7, 6; tdx-module-abi.md 1.4, 4, 5}
 */
#ifndef TDXCORE_MODULE_H
#define TDXCORE_MODULE_H

#include <tdxcore/metadata.h>
#include <tdxcore/plan.h>
#include <tdxcore/seamcall.h>

#ifdef __cplusplus
extern "C" {
#endif

/** TDMRs that SYS.CONFIG takes at most. @source{tdx-module-abi.md 4.1} */
#define TDXC_MODULE_MAX_TDMRS 64
/** Successful TDMR.INIT calls in a row without progress that mean it is stuck.
 *  A call that does anything initialises at least one entry, and progress is
 *  reported by whole GiBs: 2^18 entries. @source{tdx-module-abi.md 5.1} */
#define TDXC_MODULE_STUCK_CALLS 262144u
/** In tdxc_module::failed: no progress, though every call succeeded. */
#define TDXC_MODULE_STUCK 1ull
/** Looks at a SYS.INIT that another CPU is making. @units{loads} */
#define TDXC_MODULE_SPINS 1000000u

/** Where bring-up stands; what a step needs done before it. */
enum tdxc_module_step {
	TDXC_MODULE_CPUS,   /**< SYS.INIT once, LP.INIT on every CPU. */
	TDXC_MODULE_READ,   /**< Metadata. */
	TDXC_MODULE_PLAN,   /**< Decide TDMRs. */
	TDXC_MODULE_PLACE,  /**< Allocate PAMTs, write TDMR_INFO. */
	TDXC_MODULE_CONFIG, /**< SYS.CONFIG. */
	TDXC_MODULE_FLUSH,  /**< Flush all caches. */
	TDXC_MODULE_KEYS,   /**< SYS.KEY.CONFIG on each package. */
	TDXC_MODULE_TDMRS,  /**< SYS.TDMR.INIT. */
	TDXC_MODULE_READY,  /**< TDs can be built. */
	TDXC_MODULE_UPDATE, /**< A runtime update is under way: update.h. */
	TDXC_MODULE_UNDO,   /**< An undo stopped half way, or an update
				 failed: tdxc_module_undo() is next. */
	TDXC_MODULE_DEAD,   /**< Nothing is owned; not usable before a reboot
				 or reload of the module. */
	TDXC_MODULE_STEPS   /**< Number of steps. */
};

/** Effects that the state machine needs. All members mandatory. */
struct tdxc_module_ops {
	uint32_t abi; /**< TDXC_ABI. */
	/**
	 * @brief Find memory for the PAMT of one TDMR.
	 * @param[in]  ctx  The port's.
	 * @param[in]  tdmr What is needed: pamt_bytes, node, and the planner's
	 *                  suggestion, which costs no reserved area.
	 * @param[out] pamt One range per #tdxc_pamt_level, 4 KiB aligned, at
	 *                  least pamt_bytes[level] long. @shape{3 entries}
	 * @return TDXC_OK, or TDXC_E_NOMEM with nothing allocated.
	 */
	int (*pamt_alloc)(void *ctx, const struct tdxc_plan_tdmr *tdmr,
			  struct tdxc_range *pamt);
	/**
	 * @brief Take back what pamt_alloc gave; cannot fail.
	 * @param[in] ctx  The port's.
	 * @param[in] pamt As pamt_alloc filled it. @shape{3 entries}
	 */
	void (*pamt_free)(void *ctx, const struct tdxc_range *pamt);
	/**
	 * @brief WBINVD on every CPU that is online, and wait for all.
	 * @param[in] ctx The port's.
	 * @return TDXC_OK; any #tdxc_err: some CPU may not have flushed.
	 */
	int (*flush_caches)(void *ctx);
	/**
	 * @brief Write zeros with MOVDIR64B over a range, then a full fence.
	 *
	 * Called only where config.partial_write_erratum is set.
	 *
	 * @param[in] ctx   The port's.
	 * @param[in] range Physical memory. @shape{4 KiB aligned}
	 * @return TDXC_OK; any #tdxc_err: some of it may not be written.
	 */
	int (*rewrite)(void *ctx, struct tdxc_range range);
};

/** A CPU (logical processor) that the machine could have online. */
struct tdxc_module_cpu {
	uint32_t package; /**< Physical package it sits in. */
	/** 1: it can run code now. The caller's to change. */
	uint32_t online;
	/** 1: LP.INIT was done; survives going offline. The library's. */
	uint64_t initialized;
	/** 1: its package has the global key. The library's. */
	uint64_t keyed;
};

/** Options of struct tdxc_module_config. */
enum tdxc_module_flags {
	/** Never use Dynamic PAMT, even where the module has it. */
	TDXC_MODULE_STATIC_PAMT = 1u << 0,
	/** Accept a module that clobbers RBP at TD entry (NO_RBP_MOD clear). */
	TDXC_MODULE_ALLOW_RBP_MOD = 1u << 1,
};

/** The machine, and the memory that is lent to the state machine. Kept by
 *  reference where it says so, for as long as the object lives. */
struct tdxc_module_config {
	uint32_t abi;			   /**< TDXC_ABI. */
	uint32_t flags;			   /**< #tdxc_module_flags, or 0. */
	struct tdxc_seamcall_port port;	   /**< The instruction. */
	const struct tdxc_module_ops *ops; /**< Kept by reference. */
	void *ctx;			   /**< First argument of the ops. */
	/** Every CPU the machine could have online, offline ones too. Kept by
	 *  reference; zero the library's members. @shape{nr_cpus entries} */
	struct tdxc_module_cpu *cpus;
	uint32_t nr_cpus;	    /**< Entries of @ref cpus, at least 1. */
	uint32_t pa_bits;	    /**< Without KeyID bits. @units{32..63} */
	uint16_t global_keyid;	    /**< Private KeyID of the module itself. */
	bool partial_write_erratum; /**< PAMTs are rewritten before freeing. */
	/** The TDMR_INFO array as the caller writes it. Kept by reference.
	 *  @shape{512 aligned; TDXC_MODULE_MAX_TDMRS times
	 *  tdxc_tdmr_info_stride() bytes always suffice} */
	void *infos;
	uint64_t infos_pa;  /**< Physical address of @ref infos. */
	size_t infos_bytes; /**< Size of @ref infos. */
	/** The pointer array of SYS.CONFIG. Kept by reference; free for other
	 *  use after tdxc_module_configure(). @shape{512 aligned,
	 *  TDXC_MODULE_MAX_TDMRS entries} */
	uint64_t *pointers;
	uint64_t pointers_pa; /**< Physical address of @ref pointers. */
};

/** What the module may own of one TDMR, and how far it is. */
struct tdxc_module_tdmr {
	struct tdxc_range range; /**< @units{bytes, 1 GiB aligned} */
	struct tdxc_range pamt[TDXC_PAMT_LEVELS]; /**< Empty: none. */
	uint64_t next;	 /**< First byte not reported as initialised. */
	uint64_t claim;	 /**< 1: a CPU is at work on it. */
	uint32_t stalls; /**< Calls since @ref next moved. */
};

/** A TDX module, as the host sees it. Caller-owned; all members are the
 *  library's, and may be read under the caller's lock. */
struct tdxc_module {
	struct tdxc_module_config config; /**< As given. */
	uint64_t step;			  /**< #tdxc_module_step; atomic. */
	uint64_t sys_init;		  /**< Result of SYS.INIT; atomic. */
	uint64_t cancel;	  /**< 1: TDMR.INIT is to stop; atomic. */
	uint64_t failed;	  /**< First bad status of TDMR.INIT; atomic. */
	uint64_t builds;	  /**< TDs being built, and the gate; atomic. */
	bool configured;	  /**< SYS.CONFIG was accepted. */
	bool disabled;		  /**< SYS.DISABLE was accepted since. */
	struct tdxc_sysinfo info; /**< Valid from PLAN on. */
	struct tdxc_limits limits;	       /**< Valid from PLAN on. */
	struct tdxc_range cmrs[TDXC_MAX_CMRS]; /**< Joined; valid from PLAN. */
	size_t nr_cmrs;			       /**< Entries of @ref cmrs. */
	uint32_t nr_tdmrs;  /**< Entries of @ref tdmrs in use. */
	uint32_t rewritten; /**< TDMRs an undo has rewritten. */
	struct tdxc_module_tdmr tdmrs[TDXC_MODULE_MAX_TDMRS]; /**< Layout. */
};

/** What tdxc_module_next() advises. */
struct tdxc_module_todo {
	enum tdxc_module_step step; /**< What to do. */
	/** CPUS, KEYS: index of the CPU to do it on. */
	uint32_t cpu;
	/** KEYS: the package that needs it. */
	uint32_t package;
};

/**
 * @brief Start from nothing: step CPUS. No call is made.
 *
 * @param[out] m      Object; fully overwritten.
 * @param[in]  config Copied; see its members for what is kept by reference.
 * @retval TDXC_OK      Ready for tdxc_module_cpu_init().
 * @retval TDXC_E_INVAL abi, flags, a missing op, pointer or CPU, or an address
 *                      that is not 512 aligned; @p m is unchanged.
 * @return #tdxc_err
 */
TDXC_MUST_CHECK int tdxc_module_init(struct tdxc_module *m,
				     const struct tdxc_module_config *config);

/**
 * @brief Where bring-up stands. @locks{none}
 * @param m Object.
 * @return #tdxc_module_step
 */
enum tdxc_module_step tdxc_module_step(const struct tdxc_module *m);

/**
 * @brief What to do next, and on which CPU. @locks{serial}
 *
 * @param[in]  m    Object.
 * @param[out] todo Filled always.
 * @retval TDXC_OK      Do it; at READY and DEAD there is nothing to do.
 * @retval TDXC_E_NODEV The step needs a CPU that is not online: todo->cpu is
 *                      the first CPU without LP.INIT (CPUS), todo->package the
 *                      package without an online CPU (KEYS). Bring it online,
 *                      and ask again.
 * @return #tdxc_err
 * @complexity{O(nr_cpus)}
 */
TDXC_MUST_CHECK int tdxc_module_next(const struct tdxc_module *m,
				     struct tdxc_module_todo *todo);

/* --- CPUS ----------------------------------------------------------------- */

/**
 * @brief SYS.INIT if nobody did it yet, then LP.INIT; on the CPU itself.
 *
 * The result of SYS.INIT, good or bad, is kept in one word and returned to
 * every later CPU, until tdxc_module_forget_sys_init(). A CPU that did LP.INIT
 * is done: no call is made. A failure concerns this CPU alone.
 *
 * @param[in,out] m    Object.
 * @param[in]     cpu  Index of the calling CPU.
 * @param[out]    diag The last call; for a remembered failure its status, with
 *                     calls 0. Never NULL.
 * @retval TDXC_OK      The CPU is initialised.
 * @retval TDXC_E_INVAL No such CPU.
 * @retval TDXC_E_AGAIN Another CPU is still in SYS.INIT after
 *                      TDXC_MODULE_SPINS looks; nothing happened.
 * @return Otherwise as tdxc_seamcall().
 * @locks{none; any number of CPUs at once}
 */
TDXC_MUST_CHECK int tdxc_module_cpu_init(struct tdxc_module *m, uint32_t cpu,
					 struct tdxc_seamcall_diag *diag);

/**
 * @brief Forget the result of SYS.INIT, so that the next CPU tries again.
 *
 * After a failure only, or when the module was reloaded: a module that is
 * initialised answers SYS_INIT_NOT_PENDING.
 *
 * @param[in,out] m Object.
 * @retval TDXC_OK     Forgotten.
 * @retval TDXC_E_BUSY A CPU is in SYS.INIT; nothing happened.
 * @return #tdxc_err
 */
TDXC_MUST_CHECK int tdxc_module_forget_sys_init(struct tdxc_module *m);

/**
 * @brief Name the CPUs that did no LP.INIT, offline ones too.
 *
 * SYS.CONFIG wants LP.INIT on every logical processor that the BIOS enabled.
 *
 * @param[in]  m    Object.
 * @param[out] cpus Receives indices, ascending. @shape{room for cap entries}
 * @param[in]  cap  Room; 0 to count only.
 * @return How many there are; more than @p cap are counted but not stored.
 * @complexity{O(nr_cpus)}
 */
uint32_t tdxc_module_cpus_missing(const struct tdxc_module *m, uint32_t *cpus,
				  uint32_t cap);

/**
 * @brief May this CPU go offline?
 *
 * Keys are reclaimed on a CPU of each package, so the last online CPU of a
 * package stays while a guest KeyID is in use.
 *
 * @param[in]  m            Object.
 * @param[in]  cpu          CPU.
 * @param[in]  keyids_in_use Guest KeyIDs allocated (platform.h).
 * @param[out] package      The package that would lose its last CPU.
 * @retval TDXC_OK      It may.
 * @retval TDXC_E_BUSY  It is the last of @p package, and KeyIDs are in use, or
 *                      bring-up is between CONFIG and READY; or an update is
 *                      under way, which needs every CPU.
 * @retval TDXC_E_INVAL No such CPU.
 * @return #tdxc_err
 * @complexity{O(nr_cpus)} @source{linux-host-tdx.md 1.6}
 */
TDXC_MUST_CHECK int tdxc_module_cpu_may_leave(const struct tdxc_module *m,
					      uint32_t cpu,
					      uint32_t keyids_in_use,
					      uint32_t *package);

/**
 * @brief May this CPU come online?
 *
 * @param[in] m   Object.
 * @param[in] cpu CPU.
 * @retval TDXC_OK      It did LP.INIT, or may still do it: call
 *                      tdxc_module_cpu_init() on it.
 * @retval TDXC_E_NODEV The module is configured without it: it was added
 *                      physically, which TDX rules out (seeds.md S001-3).
 * @retval TDXC_E_INVAL No such CPU.
 * @return #tdxc_err
 */
TDXC_MUST_CHECK int tdxc_module_cpu_may_join(const struct tdxc_module *m,
					     uint32_t cpu);

/* --- READ, PLAN, PLACE ---------------------------------------------------- */

/**
 * @brief Read the metadata, and judge it. @locks{serial}
 *
 * @param[in,out] m       Object at CPUS, or at PLAN to read again; goes to
 *                        PLAN.
 * @param[in]     page    A page for SYS.RDALL; NULL: SYS.RD, field by field.
 *                        Also used where the module has no SYS.RDALL.
 * @param[in]     page_pa Physical address of @p page.
 * @param[out]    fault   Field to blame. Never NULL.
 * @param[out]    diag    The last call. Never NULL.
 * @retval TDXC_OK          m->info, limits and cmrs are valid.
 * @retval TDXC_E_INVAL     Wrong step, or a CMR list or limit that cannot be:
 *                          fault->value is the entry's index.
 * @retval TDXC_E_OPNOTSUPP The module clobbers RBP (upgrade it), see
 *                          TDXC_MODULE_ALLOW_RBP_MOD; or \#GP.
 * @return Otherwise as tdxc_metadata_read(). The step is unchanged on error.
 */
TDXC_MUST_CHECK int tdxc_module_read(struct tdxc_module *m, const void *page,
				     uint64_t page_pa,
				     struct tdxc_metadata_fault *fault,
				     struct tdxc_seamcall_diag *diag);

/**
 * @brief Decide the TDMRs. Nothing is allocated. @locks{serial}
 *
 * Look at the plan before going on: it says what it costs.
 *
 * @param[in,out] m       Object at PLAN or PLACE; goes to PLACE.
 * @param[in,out] plan    The request: abi, flags, ram and nr_ram filled by the
 *                        caller; limits and CMRs are filled in here, CMRs only
 *                        where nr_cmrs is 0. Kept by @p result.
 * @param[out]    result  The plan; in use until tdxc_module_place().
 * @param[in]     scratch As tdxc_plan_make().
 * @param[in]     bytes   Size of @p scratch.
 * @param[out]    fault   Reason of a failure. Never NULL.
 * @retval TDXC_E_INVAL Wrong step, or as tdxc_plan_make().
 * @return As tdxc_plan_make(). On error the step is PLAN.
 */
TDXC_MUST_CHECK int tdxc_module_plan(struct tdxc_module *m,
				     struct tdxc_plan_config *plan,
				     struct tdxc_plan *result, void *scratch,
				     size_t bytes,
				     struct tdxc_plan_fault *fault);

/**
 * @brief How much scratch memory tdxc_module_plan() needs.
 * @param[in]  m     Object at PLAN or later.
 * @param[in]  plan  The request; counts and flags are read.
 * @param[out] bytes Needed size. @units{bytes}
 * @return As tdxc_plan_scratch_bytes().
 */
TDXC_MUST_CHECK int tdxc_module_plan_bytes(const struct tdxc_module *m,
					   const struct tdxc_plan_config *plan,
					   size_t *bytes);

/**
 * @brief Allocate the PAMTs through the ops, seal the plan, fill config.infos
 *        and config.pointers. @locks{serial}
 *
 * The plan's scratch memory may be reused afterwards, except for its lists.
 *
 * @param[in,out] m     Object at PLACE; goes to CONFIG.
 * @param[in,out] plan  From tdxc_module_plan(); sealed on success.
 * @param[out]    fault Reason of a failure. Never NULL.
 * @retval TDXC_OK      m->tdmrs describes the layout.
 * @retval TDXC_E_INVAL Wrong step, or as tdxc_plan_seal().
 * @return Otherwise as pamt_alloc or tdxc_plan_seal(): everything allocated is
 *         freed again, and the step is PLAN.
 */
TDXC_MUST_CHECK int tdxc_module_place(struct tdxc_module *m,
				      struct tdxc_plan *plan,
				      struct tdxc_plan_fault *fault);

/* --- CONFIG, FLUSH, KEYS, TDMRS ------------------------------------------- */

/**
 * @brief SYS.CONFIG. @locks{serial}
 *
 * @param[in,out] m    Object at CONFIG; goes to FLUSH.
 * @param[out]    diag The call. Never NULL.
 * @retval TDXC_OK      Accepted: the module may own the PAMTs from here on.
 * @retval TDXC_E_NODEV CPUs without LP.INIT: tdxc_module_cpus_missing() names
 *                      them, no call was made (diag->calls 0); or no module.
 * @retval TDXC_E_IO    Refused; the module wants SYS.CONFIG still. Where the
 *                      status is SYS_CONFIG_NOT_PENDING although no CPU is
 *                      missing, it knows one that config.cpus does not.
 * @return Otherwise as tdxc_seamcall(). The step is unchanged on error.
 * @source{linux-host-tdx.md 6.1; tdx-module-abi.md 4.1}
 */
TDXC_MUST_CHECK int tdxc_module_configure(struct tdxc_module *m,
					  struct tdxc_seamcall_diag *diag);

/**
 * @brief Flush all caches, before the module writes PAMTs with its own KeyID.
 *        @locks{serial}
 * @param[in,out] m Object at FLUSH; goes to KEYS.
 * @retval TDXC_E_INVAL Wrong step.
 * @return As the op. The step is unchanged on error.
 * @source{linux-host-tdx.md 6.2}
 */
TDXC_MUST_CHECK int tdxc_module_flush(struct tdxc_module *m);

/**
 * @brief SYS.KEY.CONFIG for the package of the calling CPU. @locks{serial}
 *
 * @param[in,out] m    Object at KEYS; goes to TDMRS after the last package.
 * @param[in]     cpu  Index of the calling CPU; tdxc_module_next() names it.
 * @param[out]    diag The call, with its retries. Never NULL.
 * @retval TDXC_OK      Its package has the key; no call where it had it.
 * @retval TDXC_E_INVAL Wrong step, or no such CPU.
 * @retval TDXC_E_NODEV The last package known here has the key, but the module
 *                      reports more packages (NUM_PKGS) than config.cpus names;
 *                      or no module.
 * @return Otherwise as tdxc_seamcall(): missing entropy and a busy key engine
 *         are retried first. The step is unchanged on error.
 * @source{linux-host-tdx.md 6.2; tdx-module-abi.md 1.4}
 */
TDXC_MUST_CHECK int tdxc_module_key_config(struct tdxc_module *m, uint32_t cpu,
					   struct tdxc_seamcall_diag *diag);

/**
 * @brief Do a piece of TDMR.INIT on the calling CPU.
 *
 * Every CPU that has time calls this until it is told to stop. TDMRs are taken
 * in order of the work left, largest first, and only one CPU works on a TDMR
 * at a time, because the module refuses a second one.
 *
 * @param[in,out] m         Object at TDMRS; goes to READY after the last.
 * @param[in]     max_calls SEAMCALLs to make before coming back, so that the
 *                          caller can schedule; 0: until the TDMR is done.
 * @param[out]    calls     SEAMCALLs made. Never NULL.
 * @param[out]    diag      The last call. Never NULL.
 * @retval TDXC_OK         All TDMRs are initialised: step READY.
 * @retval TDXC_E_AGAIN    There is more to do: call again.
 * @retval TDXC_E_NOENT    Other CPUs have all the rest: this one may leave.
 * @retval TDXC_E_CANCELED tdxc_module_cancel() was called.
 * @retval TDXC_E_IO       The module refused, here or on another CPU
 *                         (m->failed), went backwards, or made no progress in
 *                         TDXC_MODULE_STUCK_CALLS calls (diag->status 0).
 * @retval TDXC_E_INVAL    Wrong step.
 * @return Otherwise as tdxc_seamcall(). After an error all CPUs get it; the
 *         step is unchanged, and tdxc_module_resume() lets them try again.
 * @locks{none; any number of CPUs at once}
 * @source{tdx-module-abi.md 5.1; linux-host-tdx.md 6.3}
 */
TDXC_MUST_CHECK int tdxc_module_tdmr_init(struct tdxc_module *m,
					  uint32_t max_calls, uint64_t *calls,
					  struct tdxc_seamcall_diag *diag);

/** Bytes of TDMRs that the module reported as initialised. */
struct tdxc_module_progress {
	uint64_t done;	/**< @units{bytes} */
	uint64_t total; /**< @units{bytes} */
};

/**
 * @brief How far TDMR.INIT is. @locks{none}
 * @param m Object at TDMRS or later.
 * @return Progress, in steps of 1 GiB as the module reports it.
 */
struct tdxc_module_progress
tdxc_module_get_progress(const struct tdxc_module *m);

/**
 * @brief Stop TDMR.INIT on all CPUs, each after the SEAMCALL it is in.
 *        @locks{none}
 * @param m Object.
 */
void tdxc_module_cancel(struct tdxc_module *m);

/**
 * @brief Go on after a cancel or an error of TDMR.INIT. @locks{serial}
 * @param[in,out] m Object at TDMRS.
 * @retval TDXC_OK      tdxc_module_tdmr_init() may be called again.
 * @retval TDXC_E_BUSY  A CPU is still inside it; nothing happened.
 * @retval TDXC_E_INVAL Wrong step.
 * @return #tdxc_err
 */
TDXC_MUST_CHECK int tdxc_module_resume(struct tdxc_module *m);

/* --- taking it down ------------------------------------------------------- */

/** What became of SYS.DISABLE. */
enum tdxc_module_disabled {
	TDXC_DISABLE_NOT_TRIED,	  /**< No call was made. */
	TDXC_DISABLE_DONE,	  /**< It starts from SYS.INIT again. */
	TDXC_DISABLE_NOT_OFFERED, /**< OPERAND_INVALID: an old module. */
	TDXC_DISABLE_NOT_READY,	  /**< Nothing to disable: SYS_NOT_READY or
				       SYS_SHUTDOWN. */
	TDXC_DISABLE_NO_MODULE,	  /**< The instruction failed. */
	TDXC_DISABLE_REFUSED,	  /**< Another status; see the diagnostic. */
};

/**
 * @brief SYS.DISABLE until it is through, bounded. Frees nothing.
 *
 * For the end of a kernel's life: last SEAMCALL, then flush, then hand-over.
 * May be called at any step, also in a crash during bring-up.
 *
 * @param[in,out] m    Object. After TDXC_DISABLE_DONE no other call may be made
 *                     but tdxc_module_undo(), which starts again at CPUS.
 * @param[out]    how  What became of it.
 * @param[out]    diag The call, with its retries. Never NULL.
 * @retval TDXC_OK     @p how tells; an old module without the leaf is no error.
 * @retval TDXC_E_BUSY Still busy or interrupted after the bounded retries; call
 *                     again.
 * @return #tdxc_err
 * @locks{none, but nothing else may make calls} @source{linux-host-tdx.md 8.3}
 */
TDXC_MUST_CHECK int tdxc_module_disable(struct tdxc_module *m,
					enum tdxc_module_disabled *how,
					struct tdxc_seamcall_diag *diag);

/**
 * @brief Give everything back. @locks{serial}
 *
 * | SYS.CONFIG was  | what is done, in this order                        |
 * |-----------------|----------------------------------------------------|
 * | not accepted    | free: the module never touched the PAMTs           |
 * | accepted        | SYS.DISABLE, flush, rewrite (erratum parts), free   |
 *
 * Nothing of TDX may run: no TD exists, no other CPU makes calls.
 *
 * | where it ends up | when                                              |
 * |------------------|---------------------------------------------------|
 * | PLAN, or before  | SYS.CONFIG was not accepted: plan again           |
 * | CPUS             | SYS.DISABLE went through: start from SYS.INIT     |
 * | DEAD             | otherwise: the module still believes in the PAMTs |
 *
 * @param[in,out] m    Object at any step but UPDATE.
 * @param[out]    diag SYS.DISABLE. Never NULL.
 * @retval TDXC_OK      Nothing is owned any more.
 * @retval TDXC_E_BUSY  A CPU is in TDMR.INIT, a TD is being built, or
 *                      SYS.DISABLE did not get through; nothing was freed.
 * @retval TDXC_E_INVAL At UPDATE.
 * @return Otherwise as the op that failed: what it concerns and everything
 *         after it is kept, the step is UNDO; call again.
 * @source{linux-host-tdx.md 6.4}
 */
TDXC_MUST_CHECK int tdxc_module_undo(struct tdxc_module *m,
				     struct tdxc_seamcall_diag *diag);

/* --- TDs being built, against updates ------------------------------------- */

/**
 * @brief A TD is going to be built: keep updates out until it is finalised.
 *
 * A module that is replaced while a TD is being built corrupts its measurement.
 *
 * @param[in,out] m Object.
 * @retval TDXC_OK      Counted; pair it with tdxc_module_build_end().
 * @retval TDXC_E_BUSY  An update is under way; nothing happened.
 * @retval TDXC_E_AGAIN Lost TDXC_MODULE_SPINS races; nothing happened.
 * @return #tdxc_err
 * @locks{none} @source{linux-host-tdx.md 1.4, 12 item 9}
 */
TDXC_MUST_CHECK int tdxc_module_build_begin(struct tdxc_module *m);

/**
 * @brief The TD is finalised, or given up.
 * @param[in,out] m Object.
 * @retval TDXC_OK      Counted.
 * @retval TDXC_E_INVAL No build is under way.
 * @retval TDXC_E_AGAIN Lost TDXC_MODULE_SPINS races; nothing happened.
 * @return #tdxc_err
 * @locks{none}
 */
TDXC_MUST_CHECK int tdxc_module_build_end(struct tdxc_module *m);

/**
 * @brief Name of a step, such as "SYS.CONFIG".
 * @param step Any value.
 * @return A constant string, never NULL.
 */
const char *tdxc_module_step_name(enum tdxc_module_step step);

#ifdef __cplusplus
}
#endif

#endif
