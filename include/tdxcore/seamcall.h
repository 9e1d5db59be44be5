/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * @file
 * @brief SEAMCALL: leaf numbers, the calling convention, bounded retries.
 *
 * A port supplies one function that executes the instruction. Everything else
 * about a call is here: which answers are worth repeating, how often, and what
 * is said about a call that failed. Nothing is printed; a diagnostic is
 * returned.
 *
 * | register           | in                     | out                      |
 * |--------------------|------------------------|--------------------------|
 * | RAX                | leaf, version, bit 63  | completion status        |
 * | RCX RDX R8-R11     | operands               | results, also of errors  |
 * | R12 R13            | VP.ENTER, MEM.PAGE.DEMOTE | VP.ENTER, PROMOTE     |
 * | RBX RSI RDI R14 R15 | VP.ENTER only         | VP.ENTER only            |
 *
 * When the instruction itself fails (CF = 1, \#UD, \#GP) no register is an
 * output: the caller's structure stays as it was and the status is one of the
 * synthetic codes of status.h.
 *
 * @source{linux-host-tdx.md 2.1, 2.2, 2.5; tdx-module-abi.md 1.1, 1.2}
 */
#ifndef TDXCORE_SEAMCALL_H
#define TDXCORE_SEAMCALL_H

#include <tdxc_env.h>

#ifdef __cplusplus
extern "C" {
#endif

/** RAX bit 63: the call goes to the P-SEAMLDR, not to the TDX module. */
#define TDXC_SEAMLDR (1ull << 63)
/** RAX for version @p v of a leaf. */
#define TDXC_LEAF_V(leaf, v) ((uint64_t)(leaf) | (uint64_t)(v) << 16)

/** Leaf numbers, RAX bits 15:0. @source{tdx-module-abi.md 1.2, 11;
 *  linux-host-tdx.md 2.8} */
enum tdxc_leaf {
	TDXC_VP_ENTER = 0,
	TDXC_MNG_ADDCX = 1,
	TDXC_MEM_PAGE_ADD = 2,
	TDXC_MEM_SEPT_ADD = 3,
	TDXC_VP_ADDCX = 4,
	TDXC_MEM_PAGE_RELOCATE = 5,
	TDXC_MEM_PAGE_AUG = 6,
	TDXC_MEM_RANGE_BLOCK = 7,
	TDXC_MNG_KEY_CONFIG = 8,
	TDXC_MNG_CREATE = 9,
	TDXC_VP_CREATE = 10,
	TDXC_MNG_RD = 11,
	TDXC_MNG_WR = 13,
	TDXC_MEM_PAGE_DEMOTE = 15,
	TDXC_MR_EXTEND = 16,
	TDXC_MR_FINALIZE = 17,
	TDXC_VP_FLUSH = 18,
	TDXC_MNG_VPFLUSHDONE = 19,
	TDXC_MNG_KEY_FREEID = 20,
	TDXC_MNG_INIT = 21,
	TDXC_VP_INIT = 22,
	TDXC_MEM_PAGE_PROMOTE = 23,
	TDXC_PHYMEM_PAGE_RDMD = 24,
	TDXC_MEM_SEPT_RD = 25,
	TDXC_VP_RD = 26,
	TDXC_PHYMEM_PAGE_RECLAIM = 28,
	TDXC_MEM_PAGE_REMOVE = 29,
	TDXC_MEM_SEPT_REMOVE = 30,
	TDXC_SYS_KEY_CONFIG = 31,
	TDXC_SYS_INFO = 32,
	TDXC_SYS_INIT = 33,
	TDXC_SYS_RD = 34,
	TDXC_SYS_LP_INIT = 35,
	TDXC_SYS_TDMR_INIT = 36,
	TDXC_SYS_RDALL = 37,
	TDXC_MEM_TRACK = 38,
	TDXC_MEM_RANGE_UNBLOCK = 39,
	TDXC_PHYMEM_CACHE_WB = 40,
	TDXC_PHYMEM_PAGE_WBINVD = 41,
	TDXC_VP_WR = 43,
	TDXC_SYS_LP_SHUTDOWN = 44,
	TDXC_SYS_CONFIG = 45,
	TDXC_SYS_SHUTDOWN = 52,
	TDXC_SYS_UPDATE = 53,
	TDXC_PHYMEM_PAMT_ADD = 58,
	TDXC_PHYMEM_PAMT_REMOVE = 59,
	TDXC_SYS_DISABLE = 69, /**< UNVERIFIED number. */
};

/** P-SEAMLDR: what it is. @source{linux-host-tdx.md 2.8} */
#define TDXC_SEAMLDR_INFO (TDXC_SEAMLDR | 0)
/** P-SEAMLDR: put a module in place. @source{linux-host-tdx.md 2.8} */
#define TDXC_SEAMLDR_INSTALL (TDXC_SEAMLDR | 1)

/**
 * @brief Name of a leaf, such as "SYS.INIT" or "SEAMLDR.INSTALL".
 * @param rax RAX as given to the call; the version is ignored.
 * @return A constant string; NULL for a number without a name here.
 * @complexity{O(number of leaves)}
 */
const char *tdxc_leaf_name(uint64_t rax);

/** The six common registers. */
struct tdxc_seamcall_regs {
	uint64_t rcx; /**< Operand 1. */
	uint64_t rdx; /**< Operand 2. */
	uint64_t r8;  /**< Operand 8. */
	uint64_t r9;  /**< Operand 9. */
	uint64_t r10; /**< Operand 10. */
	uint64_t r11; /**< Operand 11. */
};

/** The full register file of VP.ENTER; R12 and R13 of it also of
 *  MEM.PAGE.DEMOTE and MEM.PAGE.PROMOTE with Dynamic PAMT. */
struct tdxc_seamcall_full {
	struct tdxc_seamcall_regs common; /**< First: see #tdxc_seamcall_ops. */
	uint64_t rbx;			  /**< Operand 3. */
	uint64_t rsi;			  /**< Operand 6. */
	uint64_t rdi;			  /**< Operand 7. */
	uint64_t r12;			  /**< Operand 12. */
	uint64_t r13;			  /**< Operand 13. */
	uint64_t r14;			  /**< Operand 14. */
	uint64_t r15;			  /**< Operand 15. */
};

/** The three call shapes: what is loaded before, and stored after. */
enum tdxc_seamcall_shape {
	TDXC_SEAMCALL_IN,   /**< Six in, none out. */
	TDXC_SEAMCALL_RET,  /**< Six in, six out. */
	TDXC_SEAMCALL_FULL, /**< All in, all out. */
};

/** What the platform does: one entry. */
struct tdxc_seamcall_ops {
	uint32_t abi; /**< TDXC_ABI. */
	/**
	 * @brief Execute SEAMCALL on the calling CPU, once.
	 *
	 * The port marks the CPU's caches as holding private lines *before* the
	 * instruction (linux-host-tdx.md 8.1) and keeps the caller on this CPU
	 * while it runs.
	 *
	 * @param[in]     ctx   The port's.
	 * @param[in]     rax   Leaf, version, bit 63.
	 * @param[in,out] regs  Operands; for TDXC_SEAMCALL_FULL the first
	 *                      member of a struct tdxc_seamcall_full. Results
	 *                      are written as @p shape says, never when the
	 *                      instruction failed. After the FULL shape every
	 *                      operand register of the CPU is zeroed.
	 * @param[in]     shape #tdxc_seamcall_shape
	 * @return RAX, or TDXC_STATUS_VMFAILINVALID for CF = 1, TDXC_STATUS_UD
	 *         and TDXC_STATUS_GP for a trap.
	 * @locks{any context, also NMI: no lock, no allocation}
	 */
	uint64_t (*call)(void *ctx, uint64_t rax,
			 struct tdxc_seamcall_regs *regs,
			 enum tdxc_seamcall_shape shape);
};

/** A port of the instruction: its ops and their first argument. */
struct tdxc_seamcall_port {
	const struct tdxc_seamcall_ops *ops; /**< Never NULL. */
	void *ctx;			     /**< Given to every op. */
};

/** Which kind of "not now" a status is; matched without its details. */
enum tdxc_again {
	TDXC_AGAIN_NO, /**< An answer. */
	/** RND_NO_ENTROPY, KEY_GENERATION_FAILED. */
	TDXC_AGAIN_ENTROPY,
	/** OPERAND_BUSY, SYS_BUSY, OPERAND_BUSY_HOST_PRIORITY,
	 *  INTERRUPTED_BUSY. */
	TDXC_AGAIN_BUSY,
	/** INTERRUPTED_RESUMABLE, INTERRUPTED_RESTARTABLE,
	 *  INTERRUPTED_PAMT. */
	TDXC_AGAIN_RESUME,
	TDXC_AGAIN_KINDS /**< Number of kinds. */
};

/** How many attempts in all, the first included, end in each kind of
 *  #tdxc_again; 0 and 1: none is repeated. @units{1..2^32-1} */
struct tdxc_seamcall_limits {
	uint32_t attempts[TDXC_AGAIN_KINDS]; /**< [TDXC_AGAIN_NO] unused. */
};

/** Attempts at an answer without entropy, as for RDRAND.
 *  @source{linux-host-tdx.md 2.5} */
#define TDXC_ATTEMPTS_ENTROPY 10u
/** Attempts at a busy answer: the module's locks are held for one call. */
#define TDXC_ATTEMPTS_BUSY 1000u
/** Attempts at an interrupted call. @source{linux-host-tdx.md 2.5} */
#define TDXC_ATTEMPTS_RESUME 10000u

/**
 * @brief The limits above.
 * @return Limits for a caller without reasons of its own.
 */
static inline struct tdxc_seamcall_limits tdxc_seamcall_limits_usual(void)
{
	struct tdxc_seamcall_limits limits = {
		{1, TDXC_ATTEMPTS_ENTROPY, TDXC_ATTEMPTS_BUSY,
		 TDXC_ATTEMPTS_RESUME},
	};

	return limits;
}

/** What there is to say about a call. */
struct tdxc_seamcall_diag {
	uint64_t rax;	 /**< Leaf and version as called. */
	uint64_t status; /**< The last answer. */
	/** Operands of the last attempt. Valid unless status is 0. */
	struct tdxc_seamcall_regs in;
	/** Registers after it; equal to @ref in for TDXC_SEAMCALL_IN and when
	 *  the instruction failed. Valid unless status is 0. Of
	 *  TDXC_SEAMCALL_FULL the common six. */
	struct tdxc_seamcall_regs out;
	uint64_t calls; /**< Attempts made. */
	/** Answers of each #tdxc_again kind among them; the last one counts. */
	uint32_t again[TDXC_AGAIN_KINDS];
};

/**
 * @brief Which kind of "not now" a status is.
 *
 * PREVIOUS_TLB_EPOCH_BUSY is none: it passes only when vCPUs have left their
 * TD, so repeating the call at once is no answer to it.
 *
 * @param status Completion status, details ignored.
 * @return #tdxc_again
 * @complexity{O(1)}
 */
enum tdxc_again tdxc_again(uint64_t status);

/**
 * @brief Error code for a status that no attempt is left for.
 *
 * | status                         | error              |
 * |--------------------------------|--------------------|
 * | success, information           | TDXC_OK            |
 * | VMFAILINVALID                  | TDXC_E_NODEV       |
 * | \#GP                           | TDXC_E_OPNOTSUPP   |
 * | \#UD                           | TDXC_E_ACCES       |
 * | anything tdxc_again() names    | TDXC_E_BUSY        |
 * | anything else                  | TDXC_E_IO          |
 *
 * @param status Completion status.
 * @return #tdxc_err
 * @complexity{O(1)} @source{linux-host-tdx.md 2.4; seeds.md S001-1}
 */
int tdxc_seamcall_err(uint64_t status);

/**
 * @brief Make a call, repeating it while the answer is "not now".
 *
 * Each repetition starts from the operands as given; only PHYMEM.CACHE.WB is
 * resumed with RCX = 1 after INTERRUPTED_RESUMABLE, as its convention wants.
 * Kinds are counted apart: the call ends when one kind has used its attempts
 * up.
 *
 * @param[in]     port   The instruction.
 * @param[in]     rax    Leaf, version, bit 63.
 * @param[in,out] regs   Operands, then for TDXC_SEAMCALL_RET and _FULL the
 *                       results of the last attempt; as given after
 *                       TDXC_SEAMCALL_IN, and when the instruction failed,
 *                       whatever the port wrote. For TDXC_SEAMCALL_FULL the
 *                       first member of a struct tdxc_seamcall_full.
 * @param[in]     shape  #tdxc_seamcall_shape; VP.ENTER, which must not be
 *                       repeated, is refused with TDXC_SEAMCALL_FULL.
 * @param[in]     limits Attempts.
 * @param[out]    diag   What happened. Never NULL.
 *
 * @retval TDXC_OK          Success, or information (diag->status not 0).
 * @retval TDXC_E_BUSY      An attempt limit was reached.
 * @retval TDXC_E_NODEV     CF = 1: no module, or P-SEAMLDR busy.
 * @retval TDXC_E_OPNOTSUPP \#GP: SEAMRR not enabled.
 * @retval TDXC_E_ACCES     \#UD: not in VMX operation.
 * @retval TDXC_E_IO        Any other answer; see @p diag.
 * @retval TDXC_E_INVAL     VP.ENTER with TDXC_SEAMCALL_FULL, or the port's
 *                          ops are of another ABI; no call was made.
 * @return #tdxc_err
 * @locks{none; any context the port's op allows}
 * @complexity{at most the sum of limits->attempts calls}
 */
int tdxc_seamcall(const struct tdxc_seamcall_port *port, uint64_t rax,
		  struct tdxc_seamcall_regs *regs,
		  enum tdxc_seamcall_shape shape,
		  const struct tdxc_seamcall_limits *limits,
		  struct tdxc_seamcall_diag *diag);

#ifdef __cplusplus
}
#endif

#endif
