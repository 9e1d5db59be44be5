/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * @file
 * @brief Could this CPU's caches hold lines that the next owner of the memory
 *        must not see written back?
 *
 * Hardware keeps no coherence between lines of one address under different
 * KeyIDs (Intel) or C-bits (AMD). A dirty line that is left behind under the
 * old key overwrites, when it is evicted, what the next kernel wrote there. Two
 * things are needed against that and no more (seeds.md S000-2): nothing uses
 * private mappings any more, neither the TDX module nor a guest, and after that
 * the caches are flushed, on every CPU that may hold such lines.
 *
 * No page is converted back to KeyID 0. KeyID 0 checks no integrity, so the
 * next kernel may read and write any page through it; whoever wants a page
 * under another KeyID has to convert it with whole-line writes (MOVDIR64B)
 * first, whatever it was before. So memory contents and integrity metadata left
 * behind do no harm, and nobody needs a record of which pages were private. The
 * exception are parts with the partial-write erratum, where a store smaller
 * than a line poisons a page that was private: there the module has to be
 * disabled, which cleans memory, or an image may not be loaded, or the answer
 * is "degraded" (seeds.md S000-3, S000-4; unshare-kexec-guest.md 1.3, 1.7).
 *
 * One table, platform by site, decides; it is data. There are two policies:
 *
 * | policy  | decides by                                                     |
 * |---------|----------------------------------------------------------------|
 * | static  | what the platform can do, told by raw CPUID and MSRs alone:    |
 * |         | SME, or TDX enabled by firmware. The same answer on every CPU, |
 * |         | at every site; a flush too many is accepted.                   |
 * | tracked | why this very CPU may hold such lines: one word for each CPU,  |
 * |         | set before the act, cleared only after a flush.                |
 *
 * Neither asks what the running kernel chose to enable: the next one may choose
 * differently (seeds.md S003-4). Inside a TDX, SEV-ES or SEV-SNP guest WBINVD
 * raises an exception, so there the answer is never to flush.
 *
 * In tables the words mean: *executing*, the CPU that jumps to the next kernel;
 * *remote*, every other one.
 *
 * @source{unshare-kexec-guest.md 1; seeds.md S000, S003; linux-host-tdx.md 8}
 */
#ifndef TDXCORE_COHERENCE_H
#define TDXCORE_COHERENCE_H

#include <tdxcore/platform.h>

#ifdef __cplusplus
extern "C" {
#endif

/* --- the table ------------------------------------------------------------ */

/** Platforms: the rows. */
enum tdxc_coherence_row {
	TDXC_COHERENCE_INTEL,	     /**< No TDX. */
	TDXC_COHERENCE_TDX_UNUSED,   /**< Enabled, module never called. */
	TDXC_COHERENCE_TDX,	     /**< Used; not, or not to be disabled. */
	TDXC_COHERENCE_TDX_ERRATUM,  /**< The same, partial-write erratum. */
	TDXC_COHERENCE_TDX_DISABLES, /**< Used; the module can be disabled. */
	TDXC_COHERENCE_TDX_DEGRADED, /**< It could not, and the erratum. */
	TDXC_COHERENCE_MKTME,	     /**< Shared KeyIDs only, 0 in use. */
	TDXC_COHERENCE_AMD,	     /**< No SME in CPUID. */
	TDXC_COHERENCE_SME_OFF,	     /**< SME in CPUID, encryption off. */
	TDXC_COHERENCE_SME,	     /**< SME active. */
	TDXC_COHERENCE_SNP_HOST,     /**< It runs SEV-SNP guests. */
	TDXC_COHERENCE_TDX_GUEST,    /**< WBINVD raises \#VE. */
	TDXC_COHERENCE_SEV_GUEST,    /**< C-bit only. */
	TDXC_COHERENCE_SNP_GUEST,    /**< SEV-ES or SNP: WBINVD raises \#VC. */
	TDXC_COHERENCE_ROWS	     /**< Number of rows. */
};

/** Sites: the columns. A shutdown hook that flushes before CPUs are stopped
 * asks as if each CPU were stopped there (handover.h does). */
enum tdxc_coherence_site {
	TDXC_COHERENCE_REBOOT,		/**< Reboot or power off. */
	TDXC_COHERENCE_KEXEC_REMOTE,	/**< A CPU being stopped. */
	TDXC_COHERENCE_KEXEC_EXECUTING, /**< The CPU that jumps. */
	TDXC_COHERENCE_CRASH_REMOTE,	/**< Stopped by NMI in a crash. */
	TDXC_COHERENCE_CRASH_EXECUTING, /**< Jumps to the crash kernel. */
	TDXC_COHERENCE_CPU_OFFLINE,	/**< One CPU leaves; the rest stay. */
	TDXC_COHERENCE_SUSPEND,		/**< ACPI S3. */
	TDXC_COHERENCE_IMAGE_LOAD, /**< A kexec or crash image is loaded. */
	TDXC_COHERENCE_SITES	   /**< Number of sites. */
};

/** What stands in the table. */
enum tdxc_coherence_cell {
	TDXC_COHERENCE_NO,	     /**< No flush. */
	TDXC_COHERENCE_YES,	     /**< Flush. */
	TDXC_COHERENCE_FLAG,	     /**< Flush if there is a reason. */
	TDXC_COHERENCE_DISABLE_FLAG, /**< Disable the module first, then so. */
	TDXC_COHERENCE_FORBIDDEN,    /**< Never: WBINVD would fault. */
	TDXC_COHERENCE_REFUSED,	     /**< Refuse what is about to happen. */
	TDXC_COHERENCE_FINE,	     /**< Go on; nothing is flushed. */
	TDXC_COHERENCE_AT_RISK,	     /**< Go on, and say what may go wrong. */
	TDXC_COHERENCE_NOT_ASKED,    /**< Does not come up; if it does, flush
					  if there is a reason. */
	TDXC_COHERENCE_CELLS	     /**< Number of kinds. */
};

/** What there is to say about a cell. */
enum tdxc_coherence_note {
	TDXC_COHERENCE_PLAIN,	      /**< Nothing. */
	TDXC_COHERENCE_MARK_CLEAR,    /**< No mark can be set. */
	TDXC_COHERENCE_MARK_SET,      /**< SME in CPUID is a mark. */
	TDXC_COHERENCE_EARLY,	      /**< Mostly done earlier. */
	TDXC_COHERENCE_DISABLE_TRIED, /**< Without waiting for it. */
	TDXC_COHERENCE_WHILE_ON,      /**< While TDX is on. */
	TDXC_COHERENCE_NEWER,	      /**< Older kernels did not. */
	TDXC_COHERENCE_IN_NMI,	      /**< In the NMI that stops the CPU. */
	TDXC_COHERENCE_HYPERVISOR,    /**< Decides what CPUID shows. */
	TDXC_COHERENCE_VC_HANDLER,    /**< Unless it emulates WBINVD. */
	TDXC_COHERENCE_ERRATUM,	      /**< Memory can still be poisoned. */
	TDXC_COHERENCE_NOTES	      /**< Number of notes. */
};

/** Which of the two tables. */
enum tdxc_coherence_policy {
	TDXC_COHERENCE_STATIC,	/**< By what the platform can do. */
	TDXC_COHERENCE_TRACKED, /**< By each CPU's own reasons. */
	TDXC_COHERENCE_POLICIES /**< Number of policies. */
};

/** One cell. */
struct tdxc_coherence_entry {
	enum tdxc_coherence_cell cell; /**< What stands there. */
	enum tdxc_coherence_note note; /**< What there is to say. */
	bool derived; /**< UNVERIFIED: concluded, not read in a kernel. */
};

/**
 * @brief Read a cell.
 * @param[in]  policy Which table.
 * @param[in]  row    Platform.
 * @param[in]  site   Site.
 * @param[out] entry  The cell; untouched on error.
 * @retval TDXC_OK      Filled.
 * @retval TDXC_E_INVAL No such policy, row or site.
 * @return #tdxc_err
 * @source{unshare-kexec-guest.md 1.11 (tracked); seeds.md S000-6, S003-2
 *         (static)}
 */
TDXC_MUST_CHECK int tdxc_coherence_table(enum tdxc_coherence_policy policy,
					 enum tdxc_coherence_row row,
					 enum tdxc_coherence_site site,
					 struct tdxc_coherence_entry *entry);

/* --- the platform --------------------------------------------------------- */

/** Whether, and as what, this kernel is a guest. It overrides all else. */
enum tdxc_coherence_guest {
	/** On the machine, or a guest whose memory is not encrypted. */
	TDXC_COHERENCE_NO_GUEST,
	TDXC_COHERENCE_IN_TDX, /**< A TD. */
	TDXC_COHERENCE_IN_SEV, /**< SEV without ES. */
	TDXC_COHERENCE_IN_SNP, /**< SEV-ES or SEV-SNP. */
};

/** Facts of the host in tdxc_coherence_config::flags. */
enum tdxc_coherence_flags {
	/** This host disables the module when it ends (SYS.DISABLE). */
	TDXC_COHERENCE_DISABLES = 1u << 0,
	/** This kernel has SME encryption on. Chooses the row; the flush is the
	 *  same without it. */
	TDXC_COHERENCE_SME_ACTIVE = 1u << 1,
	/** SEV-SNP is on. */
	TDXC_COHERENCE_SNP_ENABLED = 1u << 2,
	/** Flush by the mark where the table follows Linux in not flushing:
	 *  remote CPUs in a crash, and CPUs that go offline. */
	TDXC_COHERENCE_STRICT = 1u << 3,
	/** The CPUs have WBNOINVD, and it may be used where the same kernel
	 *  goes on (CPU offline). Never at a hand-over: clean lines would stay
	 *  under a KeyID that the next kernel may use. UNVERIFIED: Linux uses
	 *  WBINVD everywhere. */
	TDXC_COHERENCE_WBNOINVD_OK = 1u << 4,
};

/** What the platform is judged by. Start from zeros. */
struct tdxc_coherence_config {
	uint32_t abi;	 /**< TDXC_ABI. */
	uint32_t policy; /**< #tdxc_coherence_policy */
	uint32_t guest;	 /**< #tdxc_coherence_guest */
	uint32_t flags;	 /**< #tdxc_coherence_flags */
	/** Judged by raw registers; needed during the call only. */
	const struct tdxc_platform *platform;
	/** Highest extended CPUID leaf. */
	uint32_t cpuid_80000000_eax;
	/** Bit 0: SME. Read directly: a command line may have cleared the
	 *  kernel's own feature flag. Ignored where the leaf does not exist. */
	uint32_t cpuid_8000001f_eax;
};

/** The platform, judged once; read only afterwards. */
struct tdxc_coherence {
	uint32_t policy;     /**< #tdxc_coherence_policy */
	uint32_t guest;	     /**< #tdxc_coherence_guest */
	uint32_t flags;	     /**< #tdxc_coherence_flags */
	uint32_t capability; /**< #tdxc_coherence_reason: SME, TDX_ENABLED. */
	bool intel;	     /**< GenuineIntel. */
	bool mktme;	     /**< There are shared KeyIDs beside 0. */
	bool partial_write;  /**< The erratum. */
};

/** How far the TDX module is, as far as flushing goes. */
enum tdxc_coherence_module {
	TDXC_COHERENCE_NEVER_CALLED, /**< No SEAMCALL was made. */
	TDXC_COHERENCE_CALLED,	     /**< One was. */
	TDXC_COHERENCE_DISABLED,     /**< SYS.DISABLE went through. */
	TDXC_COHERENCE_NOT_DISABLED, /**< SYS.DISABLE was not offered, or
					  failed. */
};

/**
 * @brief Judge a platform.
 *
 * @param[out] c      Object; untouched on error.
 * @param[in]  config Facts.
 * @retval TDXC_OK      Judged.
 * @retval TDXC_E_INVAL abi, policy, guest, flags, or no platform.
 * @return #tdxc_err
 */
TDXC_MUST_CHECK int
tdxc_coherence_init(struct tdxc_coherence *c,
		    const struct tdxc_coherence_config *config);

/**
 * @brief The one attribute: memory of this host may be incoherent.
 * @param c Judged.
 * @return true where SME is in CPUID or firmware enabled TDX, and the kernel is
 *         in no guest that must not flush. @source{seeds.md S003-1}
 */
bool tdxc_coherence_possible(const struct tdxc_coherence *c);

/**
 * @brief The row of the table.
 *
 * With the static policy the module counts as called: to ask it would need a
 * lock that cannot be taken where the answer is needed (seeds.md S000-6).
 *
 * @param c      Judged.
 * @param module #tdxc_coherence_module
 * @return The row.
 */
enum tdxc_coherence_row
tdxc_coherence_row_of(const struct tdxc_coherence *c,
		      enum tdxc_coherence_module module);

/* --- the reasons of each CPU ---------------------------------------------- */

/** Why a CPU's caches may hold such lines. A set. */
enum tdxc_coherence_reason {
	TDXC_COHERENCE_BY_SEAMCALL = 1u << 0,	/**< Made since last flush. */
	TDXC_COHERENCE_BY_TD = 1u << 1,		/**< A TD was entered. */
	TDXC_COHERENCE_BY_CONVERSION = 1u << 2, /**< A page was converted. */
	TDXC_COHERENCE_BY_SME = 1u << 3, /**< SME in CPUID; stays for good. */
	TDXC_COHERENCE_BY_TDX_ENABLED = 1u << 4, /**< Static policy: TDX may
						      have been used. */
};

/** What may be marked: the acts, not what the platform can do. */
#define TDXC_COHERENCE_ACTS                                                    \
	(TDXC_COHERENCE_BY_SEAMCALL | TDXC_COHERENCE_BY_TD |                   \
	 TDXC_COHERENCE_BY_CONVERSION)

/** Exchanges that an act may lose to interrupts of its own CPU before it marks
 *  every act. */
#define TDXC_COHERENCE_TRIES 64u

/** The reasons of one CPU: one word. It is written on its own CPU only, in any
 *  context, NMI included, and may be read on any. Zero it, or init. */
struct tdxc_coherence_cpu {
	/** @cond private: the library's; atomic. */
	uint64_t word;
	/** @endcond */
};

/**
 * @brief A CPU came up: no act, and for good what the platform can do of
 *        itself (SME).
 * @param[out] cpu The CPU.
 * @param[in]  c   Judged.
 */
void tdxc_coherence_cpu_init(struct tdxc_coherence_cpu *cpu,
			     const struct tdxc_coherence *c);

/**
 * @brief An act begins on this CPU; call it *before* the act.
 *
 * An NMI between this and the act sees the mark. Preemption may be on, as long
 * as the thread is pinned to this CPU until the act is over.
 *
 * @param[in,out] cpu  This CPU.
 * @param[in]     acts TDXC_COHERENCE_ACTS or some of them; other bits are
 *                     ignored.
 * @locks{none; any context} @complexity{one exchange}
 */
void tdxc_coherence_begin(struct tdxc_coherence_cpu *cpu, uint32_t acts);

/**
 * @brief The act is over; its mark stays.
 *
 * Without this, an interrupt that flushes between the mark and the act would
 * clear the mark of lines that are dirtied only afterwards: while an act is
 * under way, no flush clears anything.
 *
 * @param[in,out] cpu This CPU; nothing happens when no act is under way.
 * @locks{as tdxc_coherence_begin()} @complexity{one exchange}
 */
void tdxc_coherence_end(struct tdxc_coherence_cpu *cpu);

/**
 * @brief Why this CPU's caches may hold such lines.
 * @param cpu Any CPU.
 * @return #tdxc_coherence_reason; 0: no reason.
 * @locks{none; any context, any CPU}
 */
uint32_t tdxc_coherence_reasons(const struct tdxc_coherence_cpu *cpu);

/**
 * @brief This CPU is about to execute WBINVD.
 * @param[in,out] cpu This CPU. Its reasons stay until
 *                    tdxc_coherence_flush_end(): an NMI in between still
 *                    flushes.
 * @locks{as tdxc_coherence_begin()}
 */
void tdxc_coherence_flush_begin(struct tdxc_coherence_cpu *cpu);

/**
 * @brief This CPU has executed WBINVD since tdxc_coherence_flush_begin().
 *
 * The acts are cleared, unless one is under way, which this flush interrupted,
 * or began since, and may have dirtied lines behind the flush.
 *
 * @param[in,out] cpu This CPU.
 * @return The reasons that are left: those that stay for good, or all of them
 *         when the flush has to be repeated; see TDXC_COHERENCE_ACTS.
 * @locks{as tdxc_coherence_begin()}
 */
uint32_t tdxc_coherence_flush_end(struct tdxc_coherence_cpu *cpu);

/* --- the answer ----------------------------------------------------------- */

/** What to do. */
enum tdxc_coherence_action {
	TDXC_COHERENCE_DO_NOTHING,  /**< Go on. */
	TDXC_COHERENCE_DO_WBINVD,   /**< Flush on this CPU, then go on. */
	TDXC_COHERENCE_DO_WBNOINVD, /**< Write back is enough. */
	TDXC_COHERENCE_DO_NEVER,    /**< Go on; WBINVD would fault. */
	TDXC_COHERENCE_DO_REFUSE,   /**< Do not let it happen. */
	TDXC_COHERENCE_DO_DEGRADED, /**< Go on, and report the risk. */
	TDXC_COHERENCE_ACTIONS	    /**< Number of actions. */
};

/** The answer for one CPU at one site. */
struct tdxc_coherence_answer {
	enum tdxc_coherence_action action; /**< What to do. */
	/** Why lines may be dirty; also where nothing is done about it. */
	uint32_t reasons;
	/** The module is to be disabled before (SYS.DISABLE, on one CPU). */
	bool disable_first;
	enum tdxc_coherence_row row;	   /**< Where it stands. */
	struct tdxc_coherence_entry entry; /**< What stands there. */
};

/**
 * @brief Decide for one CPU at one site.
 *
 * @param[in]  c       Judged.
 * @param[in]  site    Where.
 * @param[in]  module  #tdxc_coherence_module; ignored by the static policy. A
 *                     mark for a SEAMCALL overrides NEVER_CALLED.
 * @param[in]  reasons tdxc_coherence_reasons() of the CPU; the static policy
 *                     does not decide by it.
 * @param[out] answer  Filled; untouched on error.
 * @retval TDXC_OK      Decided.
 * @retval TDXC_E_INVAL No such site or module state.
 * @return #tdxc_err
 * @locks{none; reentrant, any context}
 * @complexity{O(1)} @source{unshare-kexec-guest.md 1.11, 1.12}
 */
TDXC_MUST_CHECK int tdxc_coherence_decide(const struct tdxc_coherence *c,
					  enum tdxc_coherence_site site,
					  enum tdxc_coherence_module module,
					  uint32_t reasons,
					  struct tdxc_coherence_answer *answer);

/* --- in words ------------------------------------------------------------- */

/**
 * @brief "static" or "tracked".
 * @param policy Any value.
 * @return A constant string, never NULL.
 */
const char *tdxc_coherence_policy_name(enum tdxc_coherence_policy policy);

/**
 * @brief Short name of a row, such as "tdx-disables".
 * @param row Any value.
 * @return A constant string, never NULL; letters and hyphens.
 */
const char *tdxc_coherence_row_name(enum tdxc_coherence_row row);

/**
 * @brief One line of text for a row.
 * @param row Any value.
 * @return A constant string, never NULL.
 */
const char *tdxc_coherence_row_text(enum tdxc_coherence_row row);

/**
 * @brief Short name of a site, such as "kexec-remote".
 * @param site Any value.
 * @return A constant string, never NULL; letters, digits and hyphens.
 */
const char *tdxc_coherence_site_name(enum tdxc_coherence_site site);

/**
 * @brief Short name of what stands in a cell, such as "flag".
 * @param cell Any value.
 * @return A constant string, never NULL; letters and hyphens.
 */
const char *tdxc_coherence_cell_name(enum tdxc_coherence_cell cell);

/**
 * @brief One line of text for a note; empty for TDXC_COHERENCE_PLAIN.
 * @param note Any value.
 * @return A constant string, never NULL.
 */
const char *tdxc_coherence_note_text(enum tdxc_coherence_note note);

/**
 * @brief Short name of an action, such as "wbinvd".
 * @param action Any value.
 * @return A constant string, never NULL; letters and hyphens.
 */
const char *tdxc_coherence_action_name(enum tdxc_coherence_action action);

/**
 * @brief Short name of one reason, such as "seamcall".
 * @param reason One bit of #tdxc_coherence_reason.
 * @return A constant string, never NULL; letters and hyphens.
 */
const char *tdxc_coherence_reason_name(enum tdxc_coherence_reason reason);

/**
 * @brief One line of text for a reason, for people.
 * @param reason One bit of #tdxc_coherence_reason.
 * @return A constant string, never NULL.
 */
const char *tdxc_coherence_reason_text(enum tdxc_coherence_reason reason);

#ifdef __cplusplus
}
#endif

#endif
