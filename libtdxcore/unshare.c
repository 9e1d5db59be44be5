/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Passes of the unshare engine: what nobody needs any more first, then each
 * order of exclusions.
 */
#include <tdxcore/err.h>
#include <tdxcore/unshare.h>
#include <tdxcore/version.h>

#include "unshare_work.h"

/* The largest int64_t; a kernel has no name of C for it. */
#define LARGEST (UINT64_MAX >> 1)

static void unshare_flush(struct tdxc_unshare *u)
{
	if (!u->stale)
		return;
	u->config.ops->flush(u->config.ctx);
	u->result.flushes++;
	u->stale = false;
}

/* ---- one pass ---- */

static int unshare_begin_pass(struct tdxc_unshare *u)
{
	struct tdxc_scan_config scan = u->config.scan;
	int err;

	if (u->pass != 0) {
		err = u->config.ops->before(u->config.ctx, u->pass);
		if (err != TDXC_OK)
			return err;
		scan.start = u->late_start;
		scan.end = u->late_end;
	}
	u->walked = u->pass != 0 && !u->late;
	u->list_at = 0;
	if (u->config.tracked == NULL && !u->walked) {
		err = tdxc_scan_begin(&u->scan, &scan);
		if (err != TDXC_OK)
			return err;
	}
	u->begun = true;
	return TDXC_OK;
}

static int unshare_pass(struct tdxc_unshare *u)
{
	int err;

	for (;;) {
		if (u->converting) {
			err = tdxc_unshare_batch_(u);
			if (err != TDXC_OK)
				return err;
			u->converting = false;
			u->nr_batch = 0;
		}
		if (u->walked && tdxc_range_is_empty(u->rest))
			break;
		err = tdxc_unshare_fill_(u);
		if (err != TDXC_OK)
			return err;
		if (u->nr_batch == 0)
			continue;
		if (u->config.flush == TDXC_FLUSH_EARLY)
			unshare_flush(u);
		u->result.ranges += u->nr_batch;
		u->at_batch = 0;
		u->row = 0;
		u->converting = true;
	}
	unshare_flush(u);
	return TDXC_OK;
}

/* ---- all of them ---- */

static void unshare_next_pass(struct tdxc_unshare *u)
{
	uint32_t next = UNSHARE_NEVER;
	size_t i;

	for (i = 0; i < u->config.nr_exclusions; i++) {
		uint32_t order = u->config.exclusions[i].order;

		if (order > u->pass && order < next)
			next = order;
	}
	u->begun = false;
	u->finished = next == UNSHARE_NEVER;
	if (!u->finished)
		u->pass = next;
}

static int unshare_verdict(const struct tdxc_unshare *u)
{
	uint32_t stage;

	for (stage = TDXC_UNSHARE_WALK; stage < TDXC_UNSHARE_STAGES; stage++) {
		if (u->result.left[stage] != 0)
			return TDXC_E_IO;
	}
	return TDXC_OK;
}

int tdxc_unshare_run(struct tdxc_unshare *u)
{
	int err;

	while (!u->finished) {
		if (!u->begun) {
			err = unshare_begin_pass(u);
			if (err != TDXC_OK)
				return err;
		}
		err = unshare_pass(u);
		if (err != TDXC_OK)
			return err;
		unshare_next_pass(u);
	}
	return unshare_verdict(u);
}

/* ---- once more ---- */

/* Convert what an entry of the list holds; what is done leaves it. */
static int unshare_again(struct tdxc_unshare *u, struct tdxc_unshare_left *left)
{
	uint64_t most = u->config.max_chunk;

	while (!tdxc_range_is_empty(left->pa)) {
		struct tdxc_unshare_done done = {0};
		struct tdxc_range r = left->pa;
		uint64_t pages;
		int err;

		if (most != 0 && tdxc_range_size(r) > most)
			r.end = r.start + most;
		err = u->config.ops->convert(u->config.ctx, r, &done);
		u->result.converts++;
		if (err == TDXC_OK || done.bytes > tdxc_range_size(r))
			done.bytes = err ? 0 : tdxc_range_size(r);
		done.bytes &= ~(TDXC_PAGE_SIZE - 1);
		pages = done.bytes / TDXC_PAGE_SIZE;
		left->pa.start += done.bytes;
		u->result.converted += pages;
		u->result.left[left->stage] -= pages;
		if (err != TDXC_OK)
			return err;
	}
	return TDXC_OK;
}

int tdxc_unshare_retry(struct tdxc_unshare *u)
{
	uint32_t kept = 0;
	uint32_t i;
	int err = TDXC_OK;

	if (!u->finished)
		return TDXC_E_INVAL;
	for (i = 0; i < u->nr_left; i++) {
		struct tdxc_unshare_left *left = &u->config.left[i];

		if (err != TDXC_E_CANCELED &&
		    (left->stage == TDXC_UNSHARE_CONVERT ||
		     left->stage == TDXC_UNSHARE_ACCEPT)) {
			err = unshare_again(u, left);
			if (tdxc_range_is_empty(left->pa))
				continue;
		}
		u->config.left[kept++] = *left;
	}
	u->nr_left = kept;
	return err == TDXC_E_CANCELED ? err : unshare_verdict(u);
}

int64_t tdxc_unshare_difference(uint64_t found, int64_t expected)
{
	uint64_t away; /* from a negative counter up to 0 */

	if (expected >= 0 && found < (uint64_t)expected)
		return -(int64_t)((uint64_t)expected - found);
	if (expected >= 0)
		found -= (uint64_t)expected;
	away = expected < 0 ? 0 - (uint64_t)expected : 0;
	if (found > LARGEST || away > LARGEST - found)
		return (int64_t)LARGEST;
	return (int64_t)(found + away);
}

/* ---- setting up ---- */

static bool unshare_exclusions_ok(const struct tdxc_unshare_config *c)
{
	uint64_t end = 0;
	size_t i;

	for (i = 0; i < c->nr_exclusions; i++) {
		const struct tdxc_unshare_exclusion *x = &c->exclusions[i];

		if (tdxc_range_is_empty(x->pa) || x->pa.start < end ||
		    ((x->pa.start | x->pa.end) & (TDXC_PAGE_SIZE - 1)) != 0 ||
		    x->order == UNSHARE_NEVER)
			return false;
		end = x->pa.end;
	}
	return true;
}

static bool unshare_policies_ok(const struct tdxc_unshare_config *c)
{
	return (c->edit == TDXC_UNSHARE_CLEAR ||
		c->edit == TDXC_UNSHARE_MAKE_PRIVATE) &&
	       (c->flush == TDXC_FLUSH_EARLY || c->flush == TDXC_FLUSH_LATE) &&
	       (c->large == TDXC_LARGE_KEEP || c->large == TDXC_LARGE_SPLIT);
}

int tdxc_unshare_init(struct tdxc_unshare *u,
		      const struct tdxc_unshare_config *config)
{
	memset(u, 0, sizeof(*u));
	u->finished = true;
	if (config->abi != TDXC_ABI || config->ops == NULL ||
	    config->ops->abi != TDXC_ABI || config->batch == NULL ||
	    config->batch_room == 0 ||
	    (config->max_chunk & (TDXC_PAGE_SIZE - 1)) != 0)
		return TDXC_E_INVAL;
	if (!unshare_policies_ok(config) || !unshare_exclusions_ok(config))
		return TDXC_E_INVAL;
	if (config->tracked == NULL) {
		int err = tdxc_scan_begin(&u->scan, &config->scan);

		if (err != TDXC_OK)
			return err;
		if (config->scan.what != TDXC_SCAN_SHARED)
			return TDXC_E_INVAL;
	}
	u->config = *config;
	if (u->config.futile == 0)
		u->config.futile = TDXC_UNSHARE_FUTILE;
	u->finished = false;
	return TDXC_OK;
}
