/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * @file
 * @brief A guest converts its memory: TDCALL, MapGPA, ACCEPT, page release.
 *
 * | from    | to      | calls                                               |
 * |---------|---------|-----------------------------------------------------|
 * | private | shared  | MEM.PAGE.RELEASE of each page where the TD has it,  |
 * |         |         | then MapGPA with the shared bit set                 |
 * | shared  | private | MapGPA with the shared bit clear, then ACCEPT of    |
 * |         |         | each page, which zeroes it                          |
 *
 * MapGPA asks the host, which is not trusted: it may do a part and answer
 * RETRY. An answer is followed only where it leads forward inside the request,
 * and only so often. ACCEPT and RELEASE ask the TDX module, page by page, the
 * largest pages that fit first: a mismatch falls back to the next smaller size,
 * at 4 KiB it is an error. That 1 GiB is no size at all for a module is learnt
 * once.
 *
 * No function touches page tables or TLBs, or the gate (gate.h): begin before
 * the first of these steps, end after the last one.
 *
 * | order | to shared                       | to private                      |
 * |-------|---------------------------------|---------------------------------|
 * | 1     | entries are made shared, and    | shared entries are cleared      |
 * |       | the TLB is flushed              |                                 |
 * | 2     | tdxc_convert_share()            | tdxc_convert_unshare()          |
 * | 3     |                                 | entries are made private        |
 *
 * A call that failed says how far it came. Memory that is neither shared nor
 * accepted, a *gap*, must not be touched, for a private access to it is fatal
 * to the TD: give it to tdxc_convert_accept() or never use it again.
 *
 * @source{unshare-kexec-guest.md 2.2, 2.4, 3, 4; tdx-module-abi.md 1.8}
 */
#ifndef TDXCORE_CONVERT_H
#define TDXCORE_CONVERT_H

#include <tdxc_env.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Leaves of TDCALL, RAX bits 15:0. */
enum tdxc_tdcall_leaf {
	TDXC_TDG_VP_VMCALL = 0,
	TDXC_TDG_VP_INFO = 1,
	TDXC_TDG_MEM_PAGE_ACCEPT = 6,
	TDXC_TDG_MEM_PAGE_RELEASE = 30, /**< UNVERIFIED operands: as ACCEPT. */
};

/** Sub-function of VP.VMCALL, in R11. */
#define TDXC_VMCALL_MAP_GPA 0x10001ull
/** RCX of VP.VMCALL: R10 to R13 pass, and no other register. */
#define TDXC_VMCALL_R10_TO_R13 0x3C00ull

/** What a host answers to MapGPA, in R10. Any other value is an error too. */
#define TDXC_MAP_GPA_SUCCESS	     0ull /**< The whole range is done. */
#define TDXC_MAP_GPA_RETRY	     1ull /**< Go on at R11. */
#define TDXC_MAP_GPA_INVALID_OPERAND 0x8000000000000000ull /**< Bad range. */
#define TDXC_MAP_GPA_INUSE	     0x8000000000000001ull /**< Page in use. */
#define TDXC_MAP_GPA_ALIGN_ERROR     0x8000000000000002ull /**< Not 4 KiB. */

/** Attempts at a TDCALL that is answered OPERAND_BUSY, as a rule. */
#define TDXC_CONVERT_ATTEMPTS 1000u
/** Answers RETRY in a row that lead nowhere, as a rule.
 *  @source{unshare-kexec-guest.md 3.3} */
#define TDXC_CONVERT_FUTILE 3u
/** MapGPA calls for one range, as a rule, beside one per 2 MiB. */
#define TDXC_CONVERT_MAP_CALLS 1024u

/** Registers of a TDCALL. */
struct tdxc_tdcall_regs {
	uint64_t rcx; /**< Operand 1; of VP.VMCALL which registers pass. */
	uint64_t rdx; /**< Operand 2. */
	uint64_t r8;  /**< Operand 8. */
	uint64_t r9;  /**< Operand 9. */
	uint64_t r10; /**< To the host: 0; from it: its answer. */
	uint64_t r11; /**< To the host: what is asked. */
	uint64_t r12; /**< MapGPA: first address. */
	uint64_t r13; /**< MapGPA: size. */
};

/** What the platform does. All members mandatory. */
struct tdxc_convert_ops {
	uint32_t abi; /**< TDXC_ABI. */
	/**
	 * @brief Execute TDCALL once.
	 * @param[in]     ctx  The port's.
	 * @param[in]     rax  Leaf.
	 * @param[in,out] regs Operands, then results. Registers that are not
	 *                     here are zeroed before and after a VP.VMCALL
	 *                     where it passes them.
	 * @return RAX; TDXC_STATUS_UD or TDXC_STATUS_GP for a trap, then
	 *         @p regs does not matter.
	 * @locks{any context: no lock, no allocation}
	 */
	uint64_t (*tdcall)(void *ctx, uint64_t rax,
			   struct tdxc_tdcall_regs *regs);
	/**
	 * @brief Zero a page that was accepted before.
	 *        Called under TDXC_ACCEPTED_ZERO only.
	 * @param[in] ctx   The port's.
	 * @param[in] gpa   Its address. @units{bytes, aligned to the size}
	 * @param[in] bytes Its size: 4 KiB, 2 MiB or 1 GiB.
	 * @return TDXC_OK, or an error that ends the conversion.
	 */
	int (*zero)(void *ctx, uint64_t gpa, uint64_t bytes);
};

/**
 * What becomes of a page that ACCEPT finds accepted. The host may have left it
 * in place, or may have put it there with contents of an earlier time, and the
 * guest cannot tell. @source{unshare-kexec-guest.md 3.7}
 */
enum tdxc_accepted {
	TDXC_ACCEPTED_ERROR, /**< An error: for memory with a history. */
	TDXC_ACCEPTED_COUNT, /**< Good, and counted: for memory whose contents
				  nobody reads again, as at kexec. */
	TDXC_ACCEPTED_ZERO,  /**< Zeroed by the op, and counted. */
};

/** Whether pages are released before they are shared.
 *  @source{unshare-kexec-guest.md 3.8} */
enum tdxc_release {
	TDXC_RELEASE_NEVER,
	TDXC_RELEASE_IF_OFFERED, /**< Unless the module has no such leaf. */
	TDXC_RELEASE_ALWAYS,	 /**< TDX Connect: an error without it. */
};

/** How a guest converts. */
struct tdxc_convert_config {
	uint32_t abi;  /**< TDXC_ABI. */
	uint32_t gpaw; /**< From tdxc_convert_gpaw(): 48 or 52. @units{bits} */
	const struct tdxc_convert_ops *ops; /**< Kept. Never NULL. */
	void *ctx;			    /**< Given to every op. */
	enum tdxc_accepted accepted;	    /**< Pages accepted already. */
	enum tdxc_release release;	    /**< Pages about to be shared. */
	uint32_t attempts;		    /**< 0: #TDXC_CONVERT_ATTEMPTS. */
	uint32_t futile;		    /**< 0: #TDXC_CONVERT_FUTILE. */
	uint32_t map_calls;		    /**< 0: #TDXC_CONVERT_MAP_CALLS. */
};

/** A guest that converts. Any number of CPUs may use one at once. */
struct tdxc_converter {
	struct tdxc_convert_config config; /**< Limits filled in. */
	uint64_t no_release;		   /**< Atomic, learnt: no such leaf. */
	uint64_t no_1g_accept;		   /**< Atomic, learnt: not at 1 GiB. */
	uint64_t no_1g_release;		   /**< Atomic, learnt: not at 1 GiB. */
};

/** What a conversion was at when it failed. */
enum tdxc_convert_stage {
	TDXC_CONVERT_NONE,    /**< It did not fail. */
	TDXC_CONVERT_CHECK,   /**< The range; no call was made. */
	TDXC_CONVERT_RELEASE, /**< MEM.PAGE.RELEASE. */
	TDXC_CONVERT_MAP,     /**< MapGPA. */
	TDXC_CONVERT_ACCEPT,  /**< MEM.PAGE.ACCEPT. */
	TDXC_CONVERT_ZERO,    /**< The op; the page is accepted. */
	TDXC_CONVERT_STAGES   /**< Number of stages. */
};

/** Why it failed there. */
enum tdxc_convert_reason {
	TDXC_CONVERT_FINE,	    /**< It did not fail. */
	TDXC_CONVERT_RANGE,	    /**< Empty, unaligned, or out of bounds. */
	TDXC_CONVERT_CALL,	    /**< TDCALL failed: diag.status. */
	TDXC_CONVERT_SIZE,	    /**< Size mismatch at 4 KiB. */
	TDXC_CONVERT_ALREADY,	    /**< Accepted already. */
	TDXC_CONVERT_NOT_OFFERED,   /**< No leaf to release pages. */
	TDXC_CONVERT_REFUSED,	    /**< By the host: diag.out.r10. */
	TDXC_CONVERT_RETRY_ADDRESS, /**< RETRY at no such address: r11. */
	TDXC_CONVERT_NO_PROGRESS,   /**< RETRY where it was, too often. */
	TDXC_CONVERT_BUDGET,	    /**< Progress in too many steps. */
	TDXC_CONVERT_OP,	    /**< The zero op returned an error. */
	TDXC_CONVERT_REASONS	    /**< Number of reasons. */
};

/** What there is to say about a TDCALL. */
struct tdxc_tdcall_diag {
	uint64_t rax;		     /**< Leaf. */
	uint64_t status;	     /**< The last answer. */
	struct tdxc_tdcall_regs in;  /**< Operands of every attempt. */
	struct tdxc_tdcall_regs out; /**< After the last one. */
	uint64_t calls;		     /**< Attempts. */
};

/** A failure. */
struct tdxc_convert_failure {
	int err;			 /**< #tdxc_err */
	enum tdxc_convert_stage stage;	 /**< Where. */
	enum tdxc_convert_reason reason; /**< Why. */
	uint64_t gpa;			 /**< First address not done. */
	struct tdxc_tdcall_diag diag;	 /**< The call; zero without one. */
};

/** What became of a range. Offsets and sizes in bytes from its start. */
struct tdxc_conversion {
	/** Converted from the start. What follows, up to the gap and after it,
	 *  is as it was, as far as the host is to be believed. */
	uint64_t done;
	uint64_t gap_start; /**< Neither shared nor accepted, from here */
	uint64_t gap_end;   /**< to here; equal when there is no gap. */
	uint64_t mapped;    /**< What MapGPA did from the start. */
	uint64_t released;  /**< What RELEASE did from the start. */
	uint64_t already;   /**< Pages accepted already. @units{bytes} */
	/** Pages released and accepted, by size; already accepted ones too.
	 *  @shape{4 KiB, 2 MiB, 1 GiB} */
	uint64_t pages[3];
	uint64_t map_calls; /**< MapGPA calls. */
	uint64_t retries;   /**< RETRY answers among them. */
	uint64_t fallbacks; /**< Times a smaller size was tried. */
	uint64_t busy;	    /**< TDCALLs answered OPERAND_BUSY. */
	struct tdxc_convert_failure failure; /**< The first failure. */
	/** And one while putting right what that one left. */
	struct tdxc_convert_failure second;
};

/**
 * @brief Ask the TDX module for the guest-physical address width.
 *
 * @param[in]  ops  Platform. @param[in] ctx Its context.
 * @param[out] gpaw 48 or 52 on success, 0 otherwise. @units{bits}
 * @param[out] diag The call. Never NULL.
 * @retval TDXC_OK          Known. The shared bit is @p gpaw - 1.
 * @retval TDXC_E_INVAL     The ops are of another ABI; no call was made.
 * @retval TDXC_E_ACCES     \#UD: not a TD.
 * @retval TDXC_E_OPNOTSUPP \#GP.
 * @retval TDXC_E_IO        Another status; a width that cannot be.
 * @return #tdxc_err
 * @source{unshare-kexec-guest.md 2.2, 4}
 */
TDXC_MUST_CHECK int tdxc_convert_gpaw(const struct tdxc_convert_ops *ops,
				      void *ctx, uint32_t *gpaw,
				      struct tdxc_tdcall_diag *diag);

/**
 * @brief Make a converter.
 * @param[out] c      Zero after a failure.
 * @param[in]  config How.
 * @retval TDXC_OK      Ready.
 * @retval TDXC_E_INVAL Another ABI, a width that cannot be, or a policy that
 *                      is none.
 * @return #tdxc_err
 */
TDXC_MUST_CHECK int tdxc_convert_init(struct tdxc_converter *c,
				      const struct tdxc_convert_config *config);

/**
 * @brief Make private memory shared.
 *
 * When MapGPA fails, pages that were released are accepted again; they are
 * zero then.
 *
 * @param[in,out] c     Converter.
 * @param[in]     gpa   First address, without the shared bit.
 *                      @shape{multiple of 4 KiB}
 * @param[in]     bytes Size. @shape{multiple of 4 KiB, not 0}
 * @param[out]    r     What became of it. Never NULL.
 * @retval TDXC_OK          All of it is shared.
 * @retval TDXC_E_INVAL     Empty or unaligned; nothing was done.
 * @retval TDXC_E_RANGE     Not below the shared bit, or it wraps; nothing was
 *                          done.
 * @retval TDXC_E_BUSY      The host or the module goes on saying "not now"; r
 *                          says how far it came.
 * @retval TDXC_E_ACCES     TDCALL raised \#UD; as TDXC_E_BUSY.
 * @retval TDXC_E_OPNOTSUPP TDCALL raised \#GP, or pages must be released and
 *                          cannot be; as TDXC_E_BUSY.
 * @retval TDXC_E_EXIST     Of putting right: a page accepted already.
 * @retval TDXC_E_IO        Any other answer; as TDXC_E_BUSY.
 * @return #tdxc_err, that of r->failure.
 * @locks{any context; the gate begun}
 * @complexity{at most a MapGPA call per 2 MiB beside config.map_calls, and
 *             config.attempts TDCALLs for each page and size}
 * @source{unshare-kexec-guest.md 2.4, 3.1 to 3.3, 3.8}
 */
TDXC_MUST_CHECK int tdxc_convert_share(struct tdxc_converter *c, uint64_t gpa,
				       uint64_t bytes,
				       struct tdxc_conversion *r);

/**
 * @brief Make shared memory private, and accept it. Its contents are lost.
 *
 * When MapGPA fails, what it did before is accepted all the same.
 *
 * @param[in,out] c     Converter.
 * @param[in]     gpa   First address, without the shared bit.
 *                      @shape{multiple of 4 KiB}
 * @param[in]     bytes Size. @shape{multiple of 4 KiB, not 0}
 * @param[out]    r     What became of it. Never NULL.
 * @retval TDXC_OK          All of it is private and zero, but for pages
 *                          accepted already under TDXC_ACCEPTED_COUNT.
 * @retval TDXC_E_INVAL     Empty or unaligned; nothing was done.
 * @retval TDXC_E_RANGE     Not below the shared bit, or it wraps; nothing was
 *                          done.
 * @retval TDXC_E_EXIST     A page accepted already under TDXC_ACCEPTED_ERROR;
 *                          as TDXC_E_BUSY.
 * @retval TDXC_E_BUSY      The host or the module goes on saying "not now"; r
 *                          says how far it came.
 * @retval TDXC_E_ACCES     TDCALL raised \#UD; as TDXC_E_BUSY.
 * @retval TDXC_E_OPNOTSUPP TDCALL raised \#GP; as TDXC_E_BUSY.
 * @retval TDXC_E_IO        Any other answer; as TDXC_E_BUSY.
 * @return #tdxc_err, that of r->failure; under TDXC_ACCEPTED_ZERO also what
 *         the op returned.
 * @locks{any context; the gate begun, or closed by the caller}
 * @complexity{as tdxc_convert_share()}
 * @source{unshare-kexec-guest.md 2.4, 3.1 to 3.7}
 */
TDXC_MUST_CHECK int tdxc_convert_unshare(struct tdxc_converter *c, uint64_t gpa,
					 uint64_t bytes,
					 struct tdxc_conversion *r);

/**
 * @brief Accept private memory: a gap, or memory never accepted before.
 *
 * @param[in,out] c     Converter.
 * @param[in]     gpa   First address. @shape{multiple of 4 KiB}
 * @param[in]     bytes Size. @shape{multiple of 4 KiB, not 0}
 * @param[out]    r     What became of it; what was not done is a gap. Never
 *                      NULL.
 * @return #tdxc_err, as tdxc_convert_unshare()
 * @locks{any context}
 * @complexity{as tdxc_convert_share()}
 * @source{unshare-kexec-guest.md 3.5 to 3.7}
 */
TDXC_MUST_CHECK int tdxc_convert_accept(struct tdxc_converter *c, uint64_t gpa,
					uint64_t bytes,
					struct tdxc_conversion *r);

/**
 * @brief Name of a stage, such as "MapGPA".
 * @param stage Any value.
 * @return A constant string, never NULL.
 */
const char *tdxc_convert_stage_name(enum tdxc_convert_stage stage);

/**
 * @brief One line of text for a reason, without a full stop.
 * @param reason Any value.
 * @return A constant string, never NULL.
 */
const char *tdxc_convert_reason_text(enum tdxc_convert_reason reason);

#ifdef __cplusplus
}
#endif

#endif
