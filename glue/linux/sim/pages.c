// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause-Patent)
/*
 * Simulated memory that can be lent, and who has each page. Small pages come
 * from the lower quarter as long as it lasts, so that large ones stay whole.
 */
#include <linux/bitmap.h>
#include <linux/mm.h>

#include "sim.h"

#define LARGE_FRAMES 512u

static u64 frames_of(u32 level)
{
	return level == 2 ? LARGE_FRAMES : 1;
}

int tdxc_ksim_pages_init(struct tdxc_ksim_pages *pages, struct tdxc_range r)
{
	spin_lock_init(&pages->lock);
	pages->base = r.start;
	pages->nr = tdxc_range_size(r) >> PAGE_SHIFT;
	pages->taken =
		kvcalloc(BITS_TO_LONGS(pages->nr), sizeof(long), GFP_KERNEL);
	pages->lent =
		kvcalloc(BITS_TO_LONGS(pages->nr), sizeof(long), GFP_KERNEL);
	return pages->taken && pages->lent ? TDXC_OK : TDXC_E_NOMEM;
}

void tdxc_ksim_pages_fini(struct tdxc_ksim_pages *pages)
{
	kvfree(pages->taken);
	kvfree(pages->lent);
}

static u64 find(struct tdxc_ksim_pages *pages, u32 level)
{
	u64 at;

	if (level == 2)
		return bitmap_find_next_zero_area(pages->taken, pages->nr,
						  pages->nr / 4, LARGE_FRAMES,
						  LARGE_FRAMES - 1);
	at = find_next_zero_bit(pages->taken, pages->nr, pages->small);
	return at < pages->nr ? at
			      : find_first_zero_bit(pages->taken, pages->nr);
}

int tdxc_ksim_alloc(struct tdxc_ksim_pages *pages, u32 level, u64 *pa)
{
	u64 n = frames_of(level);
	u64 at;

	spin_lock(&pages->lock);
	at = find(pages, level);
	if (at + n <= pages->nr) {
		bitmap_set(pages->taken, at, n);
		pages->nr_taken += n;
		if (level == 1)
			pages->small = (at + 1) % (pages->nr / 4);
		*pa = pages->base + (at << PAGE_SHIFT);
	}
	spin_unlock(&pages->lock);
	return at + n <= pages->nr ? TDXC_OK : TDXC_E_NOMEM;
}

/* Whether n frames from `first` on are all marked, or none is. */
static bool are(const unsigned long *map, u64 first, u64 n, bool marked)
{
	u64 end = first + n;
	u64 other = marked ? find_next_zero_bit(map, end, first)
			   : find_next_bit(map, end, first);

	return other >= end;
}

/* Where the frames are, if they are what they have to be. */
static bool expect(struct tdxc_ksim_pages *pages, u32 level, u64 pa, bool lent,
		   u64 *first)
{
	u64 n = frames_of(level);

	*first = (pa - pages->base) >> PAGE_SHIFT;
	if (pa >= pages->base && *first + n <= pages->nr &&
	    are(pages->taken, *first, n, true) &&
	    are(pages->lent, *first, n, lent))
		return true;
	pages->mistakes++;
	return false;
}

void tdxc_ksim_free(struct tdxc_ksim_pages *pages, u32 level, u64 pa)
{
	u64 first;

	spin_lock(&pages->lock);
	if (expect(pages, level, pa, false, &first)) {
		bitmap_clear(pages->taken, first, frames_of(level));
		pages->nr_taken -= frames_of(level);
	}
	spin_unlock(&pages->lock);
}

void tdxc_ksim_lend(struct tdxc_ksim_pages *pages, u32 level, u64 pa)
{
	u64 first;

	spin_lock(&pages->lock);
	if (expect(pages, level, pa, false, &first)) {
		bitmap_set(pages->lent, first, frames_of(level));
		pages->nr_lent += frames_of(level);
	}
	spin_unlock(&pages->lock);
}

void tdxc_ksim_returned(struct tdxc_ksim_pages *pages, u32 level, u64 pa)
{
	u64 first;

	spin_lock(&pages->lock);
	if (expect(pages, level, pa, true, &first)) {
		bitmap_clear(pages->lent, first, frames_of(level));
		pages->nr_lent -= frames_of(level);
	}
	spin_unlock(&pages->lock);
}

bool tdxc_ksim_is_lent(struct tdxc_ksim_pages *pages, u64 pa)
{
	return test_bit((pa - pages->base) >> PAGE_SHIFT, pages->lent);
}
