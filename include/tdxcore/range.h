/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * @file
 * @brief Half-open ranges of host physical addresses, and sorted lists of them.
 *
 * A *sorted list* is an array of non-empty ranges, ascending and without
 * overlap; neighbours may touch. No function allocates or recurses.
 */
#ifndef TDXCORE_RANGE_H
#define TDXCORE_RANGE_H

#include <tdxc_env.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TDXC_PAGE_SIZE 0x1000ull     /**< 4 KiB, in bytes. */
#define TDXC_SIZE_2M   0x200000ull   /**< 2 MiB, in bytes. */
#define TDXC_SIZE_1G   0x40000000ull /**< 1 GiB, in bytes. */

/** Bytes [start, end) of host physical address space. */
struct tdxc_range {
	uint64_t start; /**< First byte. */
	uint64_t end;	/**< One past the last byte. */
};

/**
 * @brief Size of a range in bytes.
 * @param r Range. @shape{start <= end}
 * @return end - start.
 */
static inline uint64_t tdxc_range_size(struct tdxc_range r)
{
	return r.end - r.start;
}

/**
 * @brief Whether a range holds no byte (inverted ranges included).
 * @param r Any pair of values.
 * @return true when start >= end.
 */
static inline bool tdxc_range_is_empty(struct tdxc_range r)
{
	return r.start >= r.end;
}

/**
 * @brief Whether two ranges share a byte; touching ranges do not.
 * @param a Range, may be empty.
 * @param b Range, may be empty.
 * @return true when a byte lies in both.
 */
static inline bool tdxc_range_overlaps(struct tdxc_range a, struct tdxc_range b)
{
	return a.start < b.end && b.start < a.end && !tdxc_range_is_empty(a) &&
	       !tdxc_range_is_empty(b);
}

/**
 * @brief Whether every byte of @p inner lies in @p outer.
 * @param outer Range.
 * @param inner Range. @shape{start <= end}
 * @return true when contained.
 */
static inline bool tdxc_range_contains(struct tdxc_range outer,
				       struct tdxc_range inner)
{
	return outer.start <= inner.start && inner.end <= outer.end;
}

/**
 * @brief The bytes that two ranges share.
 * @param a Range.
 * @param b Range.
 * @return Their intersection; empty (tdxc_range_is_empty()) when there is none.
 */
static inline struct tdxc_range tdxc_range_intersect(struct tdxc_range a,
						     struct tdxc_range b)
{
	struct tdxc_range r;

	r.start = a.start > b.start ? a.start : b.start;
	r.end = a.end < b.end ? a.end : b.end;
	return r;
}

/**
 * @brief The whole aligned units inside a range.
 * @param r     Range. @shape{start <= end}
 * @param align Unit. @units{bytes, a power of two}
 * @return start rounded up, end rounded down; empty when no unit fits.
 */
static inline struct tdxc_range tdxc_range_trim(struct tdxc_range r,
						uint64_t align)
{
	struct tdxc_range t;

	t.end = r.end & ~(align - 1);
	t.start = r.start > ~(align - 1) ? r.end
					 : (r.start + align - 1) & ~(align - 1);
	return t;
}

/**
 * @brief Sort ranges by start, then by end, in place (heap sort).
 *
 * @param[in,out] r Array. @shape{n entries, any order, overlaps allowed}
 * @param[in]     n Number of entries.
 * @complexity{O(n log n), no memory}
 */
void tdxc_range_sort(struct tdxc_range *r, size_t n);

/**
 * @brief Join overlapping and touching neighbours and drop empty ranges.
 *
 * @param[in,out] r Array. @shape{n entries, ascending by start}
 * @param[in]     n Number of entries.
 * @return Number of entries left at the front of @p r: a sorted list in which
 *         no two ranges touch.
 * @complexity{O(n)}
 */
size_t tdxc_range_join(struct tdxc_range *r, size_t n);

/**
 * @brief Find the first entry that breaks the sorted-list rule.
 *
 * @param r Array. @shape{n entries}
 * @param n Number of entries.
 * @return Index of the first range that is empty or starts below the end of
 *         the one before it; @p n when the list is sorted.
 * @complexity{O(n)}
 */
size_t tdxc_range_first_unsorted(const struct tdxc_range *r, size_t n);

/**
 * @brief Binary search by address.
 *
 * @param r    Sorted list. @shape{n entries}
 * @param n    Number of entries.
 * @param addr Address. @units{bytes}
 * @return Index of the first range that ends above @p addr (it contains the
 *         address or lies wholly above it); @p n when there is none.
 * @complexity{O(log n)}
 */
size_t tdxc_range_find(const struct tdxc_range *r, size_t n, uint64_t addr);

/**
 * @brief Whether a sorted list covers every byte of a range.
 *
 * Touching neighbours count as one.
 *
 * @param r     Sorted list. @shape{n entries}
 * @param n     Number of entries.
 * @param inner Range to look for. @shape{start <= end; empty: always covered}
 * @return true when covered.
 * @complexity{O(log n + entries touched)}
 */
bool tdxc_range_list_covers(const struct tdxc_range *r, size_t n,
			    struct tdxc_range inner);

/**
 * @brief Intersect two sorted lists.
 *
 * @param[in]  a     Sorted list. @shape{na entries}
 * @param[in]  na    Number of entries of @p a.
 * @param[in]  b     Sorted list. @shape{nb entries}
 * @param[in]  nb    Number of entries of @p b.
 * @param[out] out   Receives a sorted list. @shape{na + nb entries always
 *                   suffice; may not alias @p a or @p b}
 * @return Number of entries written.
 * @complexity{O(na + nb)}
 */
size_t tdxc_range_list_intersect(const struct tdxc_range *a, size_t na,
				 const struct tdxc_range *b, size_t nb,
				 struct tdxc_range *out);

/**
 * @brief Subtract one sorted list from another: the bytes of @p a not in @p b.
 *
 * @param[in]  a     Sorted list. @shape{na entries}
 * @param[in]  na    Number of entries of @p a.
 * @param[in]  b     Sorted list. @shape{nb entries}
 * @param[in]  nb    Number of entries of @p b.
 * @param[out] out   Receives a sorted list. @shape{na + nb entries always
 *                   suffice; may not alias @p a or @p b}
 * @return Number of entries written.
 * @complexity{O(na + nb)}
 */
size_t tdxc_range_list_subtract(const struct tdxc_range *a, size_t na,
				const struct tdxc_range *b, size_t nb,
				struct tdxc_range *out);

#ifdef __cplusplus
}
#endif

#endif
