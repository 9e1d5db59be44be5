/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * @file
 * @brief A set of page ranges that its caller feeds: what is shared just now.
 *
 * For guests whose shared memory is not, or not all, in one page table: a
 * driver's ring may be mapped anywhere. The set is told of every conversion and
 * can be made private without a walk (tdxc_unshare_config::tracked).
 *
 * Ranges that overlap or touch become one. Nothing is allocated: an operation
 * that has no room changes nothing and says so, and the caller brings a larger
 * array when it may (tdxc_tracker_move()). Only an add of a range that touches
 * no other, and a remove from within a range, need room, one entry each.
 *
 * Context: the caller's lock. A crash that interrupts an operation may find the
 * array in the middle of a move: tdxc_range_first_unsorted() then may or may
 * not tell, and one entry may stand in it twice.
 *
 * @source{unshare-kexec-guest.md 2.12, 7 rows 11 and 23}
 */
#ifndef TDXCORE_TRACKER_H
#define TDXCORE_TRACKER_H

#include <tdxcore/range.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A set. The members are for the caller to read. */
struct tdxc_tracker {
	/** The ranges. @shape{sorted list of nr entries, none touch} */
	struct tdxc_range *ranges;
	size_t nr;	/**< Entries in use. */
	size_t room;	/**< Entries there are. */
	uint64_t bytes; /**< Sum of the sizes. */
};

/**
 * @brief Make an empty set.
 * @param[out] t      Set.
 * @param[in]  ranges Its memory; kept.
 * @param[in]  room   Entries of @p ranges.
 */
void tdxc_tracker_init(struct tdxc_tracker *t, struct tdxc_range *ranges,
		       size_t room);

/**
 * @brief Go on in another array.
 * @param[in,out] t      Set.
 * @param[in]     ranges New memory; kept. May not overlap the old one.
 * @param[in]     room   Its entries.
 * @param[out]    old    The old memory, which is the caller's again.
 * @retval TDXC_OK      Moved.
 * @retval TDXC_E_NOSPC @p room is below t->nr; nothing changed.
 * @return #tdxc_err
 */
TDXC_MUST_CHECK int tdxc_tracker_move(struct tdxc_tracker *t,
				      struct tdxc_range *ranges, size_t room,
				      struct tdxc_range **old);

/**
 * @brief Add a range, or what of it is not in the set.
 * @param[in,out] t Set.
 * @param[in]     r Range. @shape{multiples of 4 KiB; empty: nothing happens}
 * @retval TDXC_OK      All of it is in the set.
 * @retval TDXC_E_INVAL Inverted, or not aligned; nothing changed.
 * @retval TDXC_E_NOSPC No room; nothing changed.
 * @return #tdxc_err
 * @complexity{O(log nr) at the end of the list, else O(nr)}
 */
TDXC_MUST_CHECK int tdxc_tracker_add(struct tdxc_tracker *t,
				     struct tdxc_range r);

/**
 * @brief Remove a range, or what of it is in the set.
 *
 * After TDXC_E_NOSPC the set says more than is true, and the excess is
 * converted once more, to what it is, where the whole set is made private.
 *
 * @param[in,out] t Set.
 * @param[in]     r Range. @shape{multiples of 4 KiB; empty: nothing happens}
 * @retval TDXC_OK      Nothing of it is in the set.
 * @retval TDXC_E_INVAL Inverted, or not aligned; nothing changed.
 * @retval TDXC_E_NOSPC It lies within one range, whose two rests have no room;
 *                      nothing changed.
 * @return #tdxc_err
 * @complexity{O(nr)}
 */
TDXC_MUST_CHECK int tdxc_tracker_remove(struct tdxc_tracker *t,
					struct tdxc_range r);

/**
 * @brief The first piece of a range that is not in the set.
 * @param t Set.
 * @param r Range. @shape{start <= end}
 * @return The piece; empty, at r.end, when all of it is in the set.
 * @complexity{O(log nr)}
 */
struct tdxc_range tdxc_tracker_missing(const struct tdxc_tracker *t,
				       struct tdxc_range r);

#ifdef __cplusplus
}
#endif

#endif
