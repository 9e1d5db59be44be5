/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Converting a batch: whole ranges as long as the platform takes them, and page
 * by page past what it does not.
 */
#include <tdxcore/err.h>
#include <tdxcore/unshare.h>

#include "unshare_work.h"

static bool unshare_joins(const struct tdxc_unshare_left *a,
			  const struct tdxc_unshare_left *b)
{
	return a->stage == b->stage && a->err == b->err &&
	       a->status == b->status && a->stage != TDXC_UNSHARE_WALK &&
	       a->pa.end == b->pa.start;
}

void tdxc_unshare_leave_(struct tdxc_unshare *u,
			 const struct tdxc_unshare_left *left)
{
	struct tdxc_unshare_left *last = NULL;
	uint64_t count = tdxc_range_size(left->pa) / TDXC_PAGE_SIZE;

	if (left->stage == TDXC_UNSHARE_WALK)
		count = 1;
	u->result.left[left->stage] += count;
	if (u->nr_left != 0)
		last = &u->config.left[u->nr_left - 1];
	if (last != NULL && unshare_joins(last, left)) {
		last->pa.end = left->pa.end;
		last->va = 0;
	} else if (u->config.left == NULL ||
		   u->nr_left == u->config.left_room) {
		u->result.lost++;
	} else {
		u->config.left[u->nr_left++] = *left;
	}
}

/* What the op did of a range; a port that claims too much did nothing. */
static uint64_t unshare_progress(const struct tdxc_unshare_done *done, int err,
				 struct tdxc_range r)
{
	if (err == TDXC_OK)
		return tdxc_range_size(r);
	if (done->bytes >= tdxc_range_size(r))
		return 0;
	return done->bytes & ~(TDXC_PAGE_SIZE - 1);
}

/* A page failed: list it, or all that is left of its range when one page after
 * the other does. */
static void unshare_give_up(struct tdxc_unshare *u, struct tdxc_range *r,
			    const struct tdxc_unshare_done *done, int err)
{
	struct tdxc_unshare_left left = {0};

	left.pa = *r;
	left.status = done->status;
	left.err = err;
	left.stage =
		done->not_accepted ? TDXC_UNSHARE_ACCEPT : TDXC_UNSHARE_CONVERT;
	if (++u->row < u->config.futile)
		left.pa.end = left.pa.start + TDXC_PAGE_SIZE;
	tdxc_unshare_leave_(u, &left);
	r->start = left.pa.end;
}

int tdxc_unshare_batch_(struct tdxc_unshare *u)
{
	uint64_t most = u->config.max_chunk;

	while (u->at_batch < u->nr_batch) {
		struct tdxc_range *r = &u->config.batch[u->at_batch];
		struct tdxc_unshare_done done = {0};
		struct tdxc_range chunk = *r;
		uint64_t bytes;
		int err;

		if (tdxc_range_is_empty(*r)) {
			u->at_batch++;
			u->row = 0;
			continue;
		}
		if (most != 0 && tdxc_range_size(chunk) > most)
			chunk.end = chunk.start + most;
		err = u->config.ops->convert(u->config.ctx, chunk, &done);
		u->result.converts++;
		bytes = unshare_progress(&done, err, chunk);
		r->start += bytes;
		u->result.converted += bytes / TDXC_PAGE_SIZE;
		if (bytes != 0)
			u->row = 0;
		if (err == TDXC_E_CANCELED)
			return err;
		if (err != TDXC_OK)
			unshare_give_up(u, r, &done, err);
	}
	return TDXC_OK;
}
