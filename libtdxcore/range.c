/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Half-open ranges and sorted lists of them: sort, join, search, intersect,
 * subtract.
 *
 * Relies on nothing but comparisons: no sum of two addresses is formed, so
 * nothing here can wrap. What a range means (RAM, CMR, PAMT) is the caller's.
 */
#include <tdxcore/range.h>

/* By start, then by end: the result must not depend on the input's order. */
static bool range_below(struct tdxc_range a, struct tdxc_range b)
{
	return a.start != b.start ? a.start < b.start : a.end < b.end;
}

static uint64_t range_min(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t range_max(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* Restore the max-heap r[0..n) in which only r[i] may be out of place. */
static void range_sift_down(struct tdxc_range *r, size_t i, size_t n)
{
	struct tdxc_range moving = r[i];
	size_t child;

	/* i < n / 2 says that i has a child, without computing 2 * i. */
	while (i < n / 2) {
		child = 2 * i + 1;
		if (child + 1 < n && range_below(r[child], r[child + 1]))
			child++;
		if (!range_below(moving, r[child]))
			break;
		r[i] = r[child];
		i = child;
	}
	r[i] = moving;
}

void tdxc_range_sort(struct tdxc_range *r, size_t n)
{
	struct tdxc_range top;
	size_t i;

	for (i = n / 2; i > 0; i--)
		range_sift_down(r, i - 1, n);
	for (i = n; i > 1; i--) {
		top = r[0];
		r[0] = r[i - 1];
		r[i - 1] = top;
		range_sift_down(r, 0, i - 1);
	}
}

size_t tdxc_range_join(struct tdxc_range *r, size_t n)
{
	size_t kept = 0;
	size_t i;

	for (i = 0; i < n; i++) {
		if (tdxc_range_is_empty(r[i]))
			continue;
		if (kept > 0 && r[i].start <= r[kept - 1].end)
			r[kept - 1].end = range_max(r[kept - 1].end, r[i].end);
		else
			r[kept++] = r[i];
	}
	return kept;
}

size_t tdxc_range_first_unsorted(const struct tdxc_range *r, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (tdxc_range_is_empty(r[i]))
			break;
		if (i > 0 && r[i].start < r[i - 1].end)
			break;
	}
	return i;
}

size_t tdxc_range_find(const struct tdxc_range *r, size_t n, uint64_t addr)
{
	size_t low = 0;
	size_t high = n;
	size_t mid;

	while (low < high) {
		mid = low + (high - low) / 2;
		if (r[mid].end > addr)
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}

bool tdxc_range_list_covers(const struct tdxc_range *r, size_t n,
			    struct tdxc_range inner)
{
	uint64_t covered = inner.start;
	size_t i;

	for (i = tdxc_range_find(r, n, inner.start);
	     covered < inner.end && i < n && r[i].start <= covered; i++)
		covered = r[i].end;
	return covered >= inner.end;
}

size_t tdxc_range_list_intersect(const struct tdxc_range *a, size_t na,
				 const struct tdxc_range *b, size_t nb,
				 struct tdxc_range *out)
{
	struct tdxc_range common;
	size_t written = 0;
	size_t ia = 0;
	size_t ib = 0;

	while (ia < na && ib < nb) {
		common = tdxc_range_intersect(a[ia], b[ib]);
		if (!tdxc_range_is_empty(common))
			out[written++] = common;
		/* The one that ends first can meet nothing more. */
		if (a[ia].end < b[ib].end)
			ia++;
		else
			ib++;
	}
	return written;
}

size_t tdxc_range_list_subtract(const struct tdxc_range *a, size_t na,
				const struct tdxc_range *b, size_t nb,
				struct tdxc_range *out)
{
	struct tdxc_range rest;
	size_t written = 0;
	size_t ib = 0;
	size_t ia;

	for (ia = 0; ia < na; ia++) {
		rest = a[ia];
		while (ib < nb && b[ib].end <= rest.start)
			ib++;
		while (ib < nb && b[ib].start < rest.end) {
			if (rest.start < b[ib].start) {
				out[written].start = rest.start;
				out[written++].end = b[ib].start;
			}
			rest.start = range_min(b[ib].end, rest.end);
			/* One that reaches further may cut the next range. */
			if (b[ib].end > rest.end)
				break;
			ib++;
		}
		if (!tdxc_range_is_empty(rest))
			out[written++] = rest;
	}
	return written;
}
