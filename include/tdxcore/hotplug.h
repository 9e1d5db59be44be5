/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * @file
 * @brief What memory and CPU hotplug events mean under TDX.
 *
 * A pure function from the state of the platform and an event to a verdict.
 * The rules, in short:
 *
 * - CMRs are fixed at boot and verified by MCHECK. Removal of CMR memory is a
 *   firmware bug that has happened already: it is allowed with a warning,
 *   because nobody can refuse it. An addition inside a CMR is possible only
 *   after such a removal, so somebody may be replacing memory: refused as a
 *   possible attack.
 * - Memory outside every CMR may come and go as far as the architecture goes.
 *   An addition is refused by policy, because every page of the page allocator
 *   is to be TDX memory; a caller that keeps TDX memory apart from other
 *   memory says so and may add it.
 * - ACPI and drivers (CXL, dax/kmem, virtio-mem) obey the same rules. A driver
 *   that hands soft-reserved memory of a CMR to the page allocator is refused
 *   like any addition inside a CMR: what is to be TDX memory is there at boot.
 * - While CMRs are not known, removal is ignored and addition refused.
 * - A block goes online when all of it is in the list of TDX memory, which is
 *   frozen once the module is up. It may lie across entries that touch.
 * - Physical CPU hotplug is decided by SEAMRR alone. Logical CPUs come and go;
 *   what the module has to say to that is tdxc_module_cpu_may_leave() and
 *   tdxc_module_cpu_may_join().
 *
 * One call judges a whole DIMM, and one line tells of it: a caller that asks
 * when memory is added, and not when each block goes online, reports once.
 *
 * @source{seeds.md S001; linux-host-tdx.md 7, 12 item 3}
 */
#ifndef TDXCORE_HOTPLUG_H
#define TDXCORE_HOTPLUG_H

#include <tdxcore/range.h>

#ifdef __cplusplus
extern "C" {
#endif

/** How far TDX is. */
enum tdxc_hotplug_tdx {
	TDXC_HOTPLUG_TDX_OFF,	  /**< Firmware did not enable it. */
	TDXC_HOTPLUG_TDX_ENABLED, /**< Firmware enabled it; no module is up. */
	TDXC_HOTPLUG_TDX_UP,	  /**< The module has its TDMRs. */
};

/** What happens, or is about to. */
enum tdxc_hotplug_event {
	TDXC_HOTPLUG_ACPI_ADD,	     /**< Memory, announced by ACPI. */
	TDXC_HOTPLUG_ACPI_REMOVE,    /**< Memory, gone or about to go. */
	TDXC_HOTPLUG_DRIVER_ADD,     /**< Memory of a driver: CXL, dax/kmem,
					  virtio-mem. */
	TDXC_HOTPLUG_MEMORY_ONLINE,  /**< A block goes to the allocator. */
	TDXC_HOTPLUG_MEMORY_OFFLINE, /**< A block leaves it. */
	TDXC_HOTPLUG_CPU_ADD,	     /**< A physical CPU. */
	TDXC_HOTPLUG_CPU_REMOVE,     /**< A physical CPU. */
	TDXC_HOTPLUG_CPU_ONLINE,     /**< A logical CPU. */
	TDXC_HOTPLUG_CPU_OFFLINE,    /**< A logical CPU. */
	TDXC_HOTPLUG_EVENTS	     /**< Number of events. */
};

/** What to do. */
enum tdxc_hotplug_answer {
	TDXC_HOTPLUG_ALLOW,  /**< Go on. */
	TDXC_HOTPLUG_WARN,   /**< Go on, and report it loudly. */
	TDXC_HOTPLUG_REFUSE, /**< Do not. */
};

/** How bad it is. */
enum tdxc_hotplug_severity {
	TDXC_HOTPLUG_ORDINARY,	      /**< Nothing is wrong. */
	TDXC_HOTPLUG_FIRMWARE_BUG,    /**< Firmware should have prevented it. */
	TDXC_HOTPLUG_POSSIBLE_ATTACK, /**< Somebody may be replacing memory. */
};

/** Why; each reason has one answer and one severity. */
enum tdxc_hotplug_reason {
	TDXC_HOTPLUG_NO_TDX,	      /**< TDX is off. */
	TDXC_HOTPLUG_USE_TDX_OFF,     /**< The administrator chose hotplug. */
	TDXC_HOTPLUG_REMOVED_UNKNOWN, /**< Removal; CMRs are not known. */
	TDXC_HOTPLUG_ADDED_UNKNOWN,   /**< Addition; CMRs are not known. */
	TDXC_HOTPLUG_REMOVED_CMR,     /**< Removal that meets a CMR. */
	TDXC_HOTPLUG_ADDED_CMR,	      /**< Addition that meets a CMR. */
	TDXC_HOTPLUG_REMOVED_OTHER,   /**< Removal outside every CMR. */
	TDXC_HOTPLUG_ADDED_POLICY,    /**< Addition outside every CMR. */
	TDXC_HOTPLUG_ADDED_TRACKED,   /**< The same, kept apart. */
	TDXC_HOTPLUG_NOT_UP,	      /**< No list of TDX memory yet. */
	TDXC_HOTPLUG_TDX_MEMORY,      /**< All of it is TDX memory. */
	/** Some of it is not, and more than the first MiB. */
	TDXC_HOTPLUG_NOT_TDX_MEMORY,
	TDXC_HOTPLUG_NOT_TDX_TRACKED, /**< The same, kept apart. */
	TDXC_HOTPLUG_FIRST_MIB,	      /**< Only the first MiB is not. */
	TDXC_HOTPLUG_FIRST_MIB_KEPT,  /**< The same; nobody gets it. */
	TDXC_HOTPLUG_GOES_OFFLINE,    /**< Memory may always go offline. */
	TDXC_HOTPLUG_SEAMRR_OFF,      /**< Physical CPUs may come and go. */
	TDXC_HOTPLUG_SEAMRR_ON,	      /**< They may not. */
	TDXC_HOTPLUG_LOGICAL_CPU,     /**< Nothing of the platform changes. */
	TDXC_HOTPLUG_REASONS	      /**< Number of reasons. */
};

/** Facts of the host in tdxc_hotplug_state::flags. */
enum tdxc_hotplug_flags {
	/** use_tdx=off: the administrator chose hotplug. Without effect while
	 *  the module is up: what it was given cannot be taken back by it. */
	TDXC_HOTPLUG_NO_USE_TDX = 1u << 0,
	/** The caller keeps TDX memory apart from other memory and gives a TD
	 *  none of the latter. */
	TDXC_HOTPLUG_TRACK = 1u << 1,
	/** The host hands out no page of the first MiB. */
	TDXC_HOTPLUG_KEEP_FIRST_MIB = 1u << 2,
};

/** The platform as it is now. */
struct tdxc_hotplug_state {
	uint32_t abi;	     /**< TDXC_ABI. */
	uint32_t flags;	     /**< #tdxc_hotplug_flags, or 0. */
	uint32_t tdx;	     /**< #tdxc_hotplug_tdx */
	bool seamrr_enabled; /**< tdxc_platform::seamrr_enabled. */
	/** Convertible memory; kept by reference. @shape{sorted list of
	 *  nr_cmrs entries} */
	const struct tdxc_range *cmrs;
	size_t nr_cmrs; /**< Entries of @ref cmrs; 0: CMRs are not known. */
	/** TDX memory as it was given to the module; kept by reference.
	 *  @shape{sorted list of nr_memory entries; where touching ones are
	 *  joined (tdxc_range_join()), a query costs O(log n)} */
	const struct tdxc_range *memory;
	size_t nr_memory; /**< Entries of @ref memory. */
};

/** The answer to one event. */
struct tdxc_hotplug_verdict {
	enum tdxc_hotplug_answer answer;     /**< What to do. */
	enum tdxc_hotplug_reason reason;     /**< Why. */
	enum tdxc_hotplug_severity severity; /**< How bad it is. */
	size_t nr; /**< Ranges written: see tdxc_hotplug_judge(). */
	bool more; /**< There are more than fit. */
};

/**
 * @brief Judge an event.
 *
 * The ranges written are the parts of @p range that the reason is about: what
 * lies in CMRs for REMOVED_CMR and ADDED_CMR; what is not TDX memory for
 * NOT_TDX_*, FIRST_MIB*; all of it for ADDED_UNKNOWN, ADDED_POLICY and
 * ADDED_TRACKED; else none.
 *
 * @param[in]  state   The platform.
 * @param[in]  event   What happens.
 * @param[in]  range   The memory of it, a whole DIMM at a time where memory is
 *                     added or removed. Ignored, may be NULL, for CPUs.
 *                     @shape{not empty}
 * @param[out] out     Receives ranges, ascending. May be NULL when @p room is
 *                     0. @shape{room entries; may not alias the lists}
 * @param[in]  room    Entries of @p out.
 * @param[out] verdict The answer; untouched on error.
 *
 * @retval TDXC_OK      Judged.
 * @retval TDXC_E_INVAL abi, flags, state or event out of range, or no range
 *                      where one is needed, or an empty one.
 * @return #tdxc_err
 * @locks{none; reentrant: touches only its arguments}
 * @complexity{O(log n + room), n being the longer list, its touching entries
 *             joined}
 * @source{seeds.md S001-3 to S001-9; linux-host-tdx.md 7}
 */
TDXC_MUST_CHECK int tdxc_hotplug_judge(const struct tdxc_hotplug_state *state,
				       enum tdxc_hotplug_event event,
				       const struct tdxc_range *range,
				       struct tdxc_range *out, size_t room,
				       struct tdxc_hotplug_verdict *verdict);

/**
 * @brief May the module be brought up?
 *
 * @param state The platform; its lists are not looked at.
 * @retval TDXC_OK          It may.
 * @retval TDXC_E_INVAL     abi, flags or state out of range.
 * @retval TDXC_E_NODEV     TDX is off.
 * @retval TDXC_E_OPNOTSUPP use_tdx=off: memory may have come since that no
 *                          module was told of.
 * @retval TDXC_E_EXIST     It is up.
 * @return #tdxc_err
 * @source{seeds.md S001-9}
 */
TDXC_MUST_CHECK int
tdxc_hotplug_may_bring_up(const struct tdxc_hotplug_state *state);

/* --- the rules as data, and in words -------------------------------------- */

/** One reason, with all that follows from it. */
struct tdxc_hotplug_rule {
	enum tdxc_hotplug_answer answer;     /**< What to do. */
	enum tdxc_hotplug_severity severity; /**< How bad it is. */
	uint32_t events; /**< Bit n: event n can have this reason. */
};

/**
 * @brief What follows from a reason.
 * @param[in]  reason A reason.
 * @param[out] rule   Its row of the table; untouched on error.
 * @retval TDXC_OK      Filled.
 * @retval TDXC_E_INVAL No such reason.
 * @return #tdxc_err
 */
TDXC_MUST_CHECK int tdxc_hotplug_rule_of(enum tdxc_hotplug_reason reason,
					 struct tdxc_hotplug_rule *rule);

/** Room that every line of tdxc_hotplug_message() fits in. @units{bytes} */
#define TDXC_HOTPLUG_MESSAGE_BYTES 256

/**
 * @brief One line about an event, for a log, without a newline.
 *
 * Addresses are written as Linux does: the last byte, not the one after it. Of
 * the ranges concerned the first is named, and whether there are more.
 *
 * @param[in]  event   What was judged.
 * @param[in]  range   Its range; NULL for CPUs.
 * @param[in]  verdict The answer.
 * @param[in]  first   The first range concerned; NULL: do not name it.
 * @param[out] text    Receives the line, cut to fit and ended by a NUL.
 * @param[in]  bytes   Size of @p text, at least 1.
 *                     @shape{TDXC_HOTPLUG_MESSAGE_BYTES always suffice}
 */
void tdxc_hotplug_message(enum tdxc_hotplug_event event,
			  const struct tdxc_range *range,
			  const struct tdxc_hotplug_verdict *verdict,
			  const struct tdxc_range *first, char *text,
			  size_t bytes);

/**
 * @brief Short name of an event, such as "acpi-add".
 * @param event Any value.
 * @return A constant string, never NULL; letters and hyphens.
 */
const char *tdxc_hotplug_event_name(enum tdxc_hotplug_event event);

/**
 * @brief "allow", "warn" or "refuse".
 * @param answer Any value.
 * @return A constant string, never NULL.
 */
const char *tdxc_hotplug_answer_name(enum tdxc_hotplug_answer answer);

/**
 * @brief "ordinary", "firmware-bug" or "possible-attack".
 * @param severity Any value.
 * @return A constant string, never NULL.
 */
const char *tdxc_hotplug_severity_name(enum tdxc_hotplug_severity severity);

/**
 * @brief Short name of a reason, such as "added-cmr".
 * @param reason Any value.
 * @return A constant string, never NULL; letters and hyphens.
 */
const char *tdxc_hotplug_reason_name(enum tdxc_hotplug_reason reason);

/**
 * @brief One line of text for a reason, without a full stop.
 * @param reason Any value.
 * @return A constant string, never NULL.
 */
const char *tdxc_hotplug_reason_text(enum tdxc_hotplug_reason reason);

#ifdef __cplusplus
}
#endif

#endif
