/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Taking leaves out of a tree: what zaps, teardown and tracking share; not API.
 */
#ifndef TDXCORE_MIRROR_TAKE_H
#define TDXCORE_MIRROR_TAKE_H

#include "mirror_work.h"

/* Which leaves, and where they go. */
struct tdxc_take_ {
	struct tdxc_mmu *mmu;
	struct tdxc_mmu_cpu *cpu;
	const struct tdxc_tree *tree;
	uint64_t strip;	 /* bits of frame numbers that are not reported */
	uint64_t start;	 /* of the whole range */
	uint64_t cursor; /* frames below it are done */
	uint64_t end;
	struct tdxc_zapped *out;
	size_t room;
	size_t nr_out;
	uint64_t visits; /* entries that may still be visited */
	enum tdxc_lock lock;
	uint32_t kind;
	uint32_t nr_batch; /* of cpu->batch; frozen */
};

/* Take what is left of the range out of the tree. Mirror leaves go out of the
 * external tree as well. TDXC_OK, or TDXC_E_AGAIN, _BUSY, _IO, _EXIST as
 * tdxc_mmu_zap(); the cursor says how far it went. */
int tdxc_take_(struct tdxc_take_ *t);

/* Wait, for a bounded number of looks, until the entry that covers a frame is
 * not frozen. It is looked up from the root each time, for the table in which
 * it was met may be dead. */
int tdxc_wait_thaw_(const struct tdxc_tree *tree, uint64_t gfn);

/* Whether there is a root in a slot: neither free nor being filled or emptied.
 * Who then fails to hold it looks again later. */
static inline bool tdxc_root_is_there_(const struct tdxc_root *root)
{
	uint64_t refs = tdxc_load_acquire(&root->refs);

	return refs != 0 && refs != ROOT_CLAIMED;
}

/* From an entry that points to a table into it. false: it does not any more,
 * the iterator has gone on beside it, and the walk must come back. */
static inline bool tdxc_iter_down_(struct tdxc_iter *it)
{
	uint32_t level = it->level;

	tdxc_iter_next(it);
	return it->valid && it->level < level;
}

#endif
