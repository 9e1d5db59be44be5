/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * @file
 * @brief The end of a kernel's life in order: stop TDs, disable the module,
 *        flush on each CPU, hand the memory over.
 *
 * The library runs nothing by itself: tdxc_handover_next() says what to do and
 * on which CPU, the port does it and reports. So a port is a loop:
 *
 * | step     | what the port does               | and reports by          |
 * |----------|----------------------------------|-------------------------|
 * | STOP_TDS | keep vCPUs from entering, count  | tdxc_handover_stopped() |
 * |          | those that are still in a TD     |                         |
 * | DISABLE  | nothing but the call, on the CPU | tdxc_handover_disable() |
 * |          | todo.cpu                         |                         |
 * | FLUSH    | on todo.cpu: flush_begin(), then | tdxc_handover_flushed() |
 * |          | todo.action, then flush_end() of |                         |
 * |          | coherence.h                      |                         |
 * | GO       | stop the other CPUs, hand over   |                         |
 * | BLOCKED  | give up: a TD still runs         |                         |
 *
 * Flushing here, in the shutdown hook, keeps WBINVD, which takes milliseconds,
 * out of the path on which CPUs are stopped, where an impatient NMI may cut it
 * short. That path asks tdxc_coherence_decide() all the same: a CPU that made a
 * SEAMCALL since, or was not reached here, still has its mark. No page is
 * converted back (coherence.h says why).
 *
 * Every step is bounded: a report that nothing was achieved may come `limit`
 * times, then the sequence goes on or is BLOCKED, as documented. A crash never
 * waits: it tries to disable the module once, as often as the module's limits
 * repeat a busy call, flushes on the CPU it is on, and goes; the others were
 * stopped by NMI, and flush there if the table says so.
 *
 * An object is used by one CPU at a time. A crash in the middle of an orderly
 * end takes an object of its own.
 *
 * @source{unshare-kexec-guest.md 1.5, 1.6, 1.9; linux-host-tdx.md 8}
 */
#ifndef TDXCORE_HANDOVER_H
#define TDXCORE_HANDOVER_H

#include <tdxcore/coherence.h>
#include <tdxcore/module.h>

#ifdef __cplusplus
extern "C" {
#endif

/** How the kernel ends. */
enum tdxc_handover_kind {
	TDXC_HANDOVER_REBOOT, /**< Reboot, power off: memory is not kept. */
	TDXC_HANDOVER_KEXEC,  /**< The next kernel gets all memory. */
	TDXC_HANDOVER_CRASH,  /**< The crash kernel has its own memory. */
	TDXC_HANDOVER_KINDS   /**< Number of kinds. */
};

/** What comes next. */
enum tdxc_handover_step {
	TDXC_HANDOVER_STOP_TDS, /**< No guest may run any more. */
	TDXC_HANDOVER_DISABLE,	/**< The last SEAMCALL. */
	TDXC_HANDOVER_FLUSH,	/**< On one CPU. */
	TDXC_HANDOVER_GO,	/**< All is done. */
	TDXC_HANDOVER_BLOCKED,	/**< A TD could not be stopped. */
	TDXC_HANDOVER_STEPS	/**< Number of steps. */
};

/** Reports without success that a step takes, where config.limit is 0. */
#define TDXC_HANDOVER_LIMIT 1000u

/** What is to end. */
struct tdxc_handover_config {
	uint32_t abi;  /**< TDXC_ABI. */
	uint32_t kind; /**< #tdxc_handover_kind */
	/** The platform; kept by reference. */
	const struct tdxc_coherence *coherence;
	/** The module, at any step of its life; kept by reference. NULL: none
	 *  was ever called. */
	struct tdxc_module *module;
	/** Every CPU that may have a mark; kept by reference.
	 *  @shape{nr_cpus entries} */
	const struct tdxc_coherence_cpu *cpus;
	uint32_t nr_cpus;   /**< Entries of @ref cpus, at least 1. */
	uint32_t executing; /**< The CPU that hands over; flushes last. */
	uint32_t limit;	    /**< Reports without success; 0: the default. */
};

/** The sequence. Caller-owned; members may be read. */
struct tdxc_handover {
	struct tdxc_handover_config config; /**< As given. */
	enum tdxc_handover_step step;	    /**< Where it stands. */
	enum tdxc_coherence_module state;   /**< What is known of the module. */
	enum tdxc_module_disabled disabled; /**< What became of SYS.DISABLE. */
	/** SYS.DISABLE had an answer that a log should have, once. */
	bool tell;
	/** Memory that was private can be poisoned by partial writes. */
	bool degraded;
	uint32_t running;   /**< TDs or vCPUs still running at last report. */
	uint32_t unflushed; /**< CPUs given up: their stop path has to flush. */
	uint32_t tries;	    /**< Reports without success of this step. */
	uint32_t at;	    /**< FLUSH: CPUs dealt with. */
};

/** What to do. */
struct tdxc_handover_todo {
	enum tdxc_handover_step step;	   /**< What. */
	uint32_t cpu;			   /**< DISABLE, FLUSH: on which CPU. */
	enum tdxc_coherence_action action; /**< FLUSH: WBINVD or WBNOINVD. */
};

/**
 * @brief Begin. Nothing is called.
 *
 * @param[out] h      Object; untouched on error.
 * @param[in]  config Copied; see its members for what is kept by reference.
 * @retval TDXC_OK      Ask tdxc_handover_next().
 * @retval TDXC_E_INVAL abi, kind, a missing pointer, or no such CPU.
 * @return #tdxc_err
 */
TDXC_MUST_CHECK int
tdxc_handover_init(struct tdxc_handover *h,
		   const struct tdxc_handover_config *config);

/**
 * @brief What to do next.
 *
 * FLUSH skips CPUs for which the table and their reasons ask for nothing.
 *
 * @param[in,out] h Object.
 * @return What to do; the same until it was reported.
 * @complexity{O(CPUs skipped)}
 */
struct tdxc_handover_todo tdxc_handover_next(struct tdxc_handover *h);

/**
 * @brief Report STOP_TDS.
 *
 * @param[in,out] h       Object at STOP_TDS.
 * @param[in]     running TDs, or vCPUs, that still run.
 * @retval TDXC_OK      None: the next step. Also where some still run and the
 *                      memory is not kept: a reboot goes on at the limit.
 * @retval TDXC_E_AGAIN Ask them again.
 * @retval TDXC_E_BUSY  The limit: BLOCKED. Nothing was disabled or flushed, and
 *                      the kernel may go on living.
 * @retval TDXC_E_INVAL Wrong step.
 * @return #tdxc_err
 */
TDXC_MUST_CHECK int tdxc_handover_stopped(struct tdxc_handover *h,
					  uint32_t running);

/**
 * @brief DISABLE: SYS.DISABLE on this CPU, which it marks.
 *
 * A module without the leaf, or none at all, is no failure; nor is one whose
 * bring-up is unfinished, or one that stays busy: the sequence goes on, because
 * the flush does not need it. What may be wrong afterwards is in
 * tdxc_handover::degraded.
 *
 * @param[in,out] h    Object at DISABLE.
 * @param[in,out] cpu  The word of the calling CPU.
 * @param[out]    diag The call. Never NULL.
 * @retval TDXC_OK      Over; tdxc_handover::disabled says how.
 * @retval TDXC_E_AGAIN The module is busy or was interrupted: call again.
 *                      Never in a crash.
 * @retval TDXC_E_INVAL Wrong step.
 * @return #tdxc_err
 * @source{linux-host-tdx.md 8.3}
 */
TDXC_MUST_CHECK int tdxc_handover_disable(struct tdxc_handover *h,
					  struct tdxc_coherence_cpu *cpu,
					  struct tdxc_seamcall_diag *diag);

/**
 * @brief Report FLUSH.
 *
 * @param[in,out] h   Object at FLUSH.
 * @param[in]     err TDXC_OK: todo.cpu has flushed. Else it could not be
 *                    reached.
 * @retval TDXC_OK      The next CPU, or GO. Also at the limit, when the CPU is
 *                      counted in tdxc_handover::unflushed and keeps its mark.
 * @retval TDXC_E_AGAIN Not flushed, or a SEAMCALL came between: again.
 * @retval TDXC_E_INVAL Wrong step.
 * @return #tdxc_err
 */
TDXC_MUST_CHECK int tdxc_handover_flushed(struct tdxc_handover *h, int err);

/**
 * @brief Name of a step, such as "flush".
 * @param step Any value.
 * @return A constant string, never NULL; letters and hyphens.
 */
const char *tdxc_handover_step_name(enum tdxc_handover_step step);

#ifdef __cplusplus
}
#endif

#endif
