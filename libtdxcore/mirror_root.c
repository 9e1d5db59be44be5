/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Roots: got, referenced, invalidated, and gone with the last reference.
 *
 * Slots are claimed through their reference count, so no slot is read while it
 * is being filled or emptied. There is one valid root of a kind at a time, and
 * `valid` of the MMU says where. It changes from making to made in shared mode,
 * and to none under the exclusive lock only; so who holds the lock in either
 * mode may follow it.
 */
#include "mirror_work.h"

#include <tdxcore/err.h>

bool tdxc_root_matches(const struct tdxc_root *root, uint32_t classes)
{
	uint64_t state = tdxc_load_acquire(&root->state);

	if ((state & ROOT_INVALID) != 0 && (classes & ROOT_INVALID) == 0)
		return false;
	return (state & classes & TDXC_ROOTS_VALID) != 0;
}

bool tdxc_root_hold_(struct tdxc_root *root)
{
	uint64_t refs = tdxc_load_acquire(&root->refs);
	uint32_t tries;

	for (tries = 0; tries < TDXC_MMU_SPINS; tries++) {
		if (refs == 0 || refs == ROOT_CLAIMED)
			return false;
		if (tdxc_try_cmpxchg(&root->refs, &refs, refs + 1))
			return true;
	}
	return false;
}

/* A free slot that nobody else will take; NULL: there is none. */
static struct tdxc_root *root_claim(struct tdxc_mmu *mmu)
{
	uint32_t i;

	for (i = 0; i < TDXC_MMU_ROOTS; i++) {
		uint64_t refs = 0;

		if (tdxc_try_cmpxchg(&mmu->roots[i].refs, &refs, ROOT_CLAIMED))
			return &mmu->roots[i];
	}
	return NULL;
}

/* Fill a claimed slot. Direct roots of a TD map its shared half. */
static int root_fill(const struct tdxc_mmu *mmu, uint32_t kind,
		     struct tdxc_root *root)
{
	const struct tdxc_mmu_config *c = &mmu->config;
	struct tdxc_mmu_table table;
	int err = c->ops->table_alloc(c->ctx, false, &table);

	if (err != TDXC_OK)
		return err;
	memset(&root->tree, 0, sizeof(root->tree));
	root->tree.pa = table.pa;
	root->tree.virt = c->virt;
	root->tree.levels = c->levels;
	root->tree.end = c->end;
	if (c->td && kind == KIND_DIRECT)
		root->tree.alias = tdxc_alias_bit(c->levels);
	tdxc_table_fill(tdxc_table_at(&root->tree, table.pa));
	tdxc_store_release(&root->state,
			   kind == KIND_MIRROR ? ROOT_MIRROR : ROOT_DIRECT);
	return TDXC_OK;
}

/* The caller holds the claim on making it. One reference is the MMU's. */
static int root_make(struct tdxc_mmu *mmu, uint32_t kind,
		     struct tdxc_root **made)
{
	struct tdxc_root *root = root_claim(mmu);
	int err;

	if (root == NULL) {
		tdxc_store_release(&mmu->valid[kind], ROOT_NONE);
		return TDXC_E_NOSPC;
	}
	err = root_fill(mmu, kind, root);
	if (err != TDXC_OK) {
		tdxc_store_release(&root->refs, 0);
		tdxc_store_release(&mmu->valid[kind], ROOT_NONE);
		return err;
	}
	tdxc_store_release(&root->refs, 2);
	tdxc_store_release(&mmu->valid[kind],
			   ROOT_FIRST + (uint64_t)(root - mmu->roots));
	*made = root;
	return TDXC_OK;
}

int tdxc_root_get(struct tdxc_mmu *mmu, enum tdxc_roots kind,
		  struct tdxc_root **root)
{
	uint32_t k = kind == TDXC_ROOTS_MIRROR ? KIND_MIRROR : KIND_DIRECT;
	struct tdxc_root *found;
	uint64_t valid;

	if (kind != TDXC_ROOTS_DIRECT &&
	    (kind != TDXC_ROOTS_MIRROR || !mmu->config.td))
		return TDXC_E_INVAL;
	valid = tdxc_load_acquire(&mmu->valid[k]);
	if (valid == ROOT_NONE &&
	    tdxc_try_cmpxchg(&mmu->valid[k], &valid, ROOT_MAKING))
		return root_make(mmu, k, root);
	if (valid < ROOT_FIRST)
		return TDXC_E_AGAIN;
	found = &mmu->roots[valid - ROOT_FIRST];
	if (!tdxc_root_hold_(found))
		return TDXC_E_AGAIN;
	*root = found;
	return TDXC_OK;
}

/* The last reference went: nobody else looks at the slot any more. */
static void root_retire(const struct tdxc_mmu *mmu, struct tdxc_root *root)
{
	struct tdxc_mmu_table table = {root->tree.pa, 0};

	tdxc_store_release(&root->state, 0);
	memset(&root->tree, 0, sizeof(root->tree));
	tdxc_store_release(&root->refs, 0);
	mmu->config.ops->table_retire(mmu->config.ctx, &table);
}

int tdxc_root_put(struct tdxc_mmu *mmu, struct tdxc_root *root)
{
	uint64_t refs = tdxc_load_acquire(&root->refs);
	uint32_t tries;

	for (tries = 0; tries < TDXC_MMU_SPINS; tries++) {
		bool last = refs == 1;

		if (refs == 0 || refs == ROOT_CLAIMED)
			return TDXC_E_INVAL;
		if (last &&
		    (tdxc_load_acquire(&root->state) & ROOT_ZAPPED) == 0)
			return TDXC_E_INVAL;
		if (!tdxc_try_cmpxchg(&root->refs, &refs,
				      last ? ROOT_CLAIMED : refs - 1))
			continue;
		if (last)
			root_retire(mmu, root);
		return TDXC_OK;
	}
	return TDXC_E_AGAIN;
}

static void root_invalidate(struct tdxc_mmu *mmu, uint32_t kind)
{
	uint64_t valid = tdxc_load_acquire(&mmu->valid[kind]);
	struct tdxc_root *root;

	if (valid < ROOT_FIRST)
		return;
	root = &mmu->roots[valid - ROOT_FIRST];
	tdxc_store_release(&root->state, tdxc_load_once(&root->state) |
						 ROOT_INVALID | ROOT_SCHEDULED);
	tdxc_store_release(&mmu->valid[kind], ROOT_NONE);
}

int tdxc_roots_invalidate(struct tdxc_mmu *mmu, uint32_t classes,
			  enum tdxc_lock lock)
{
	if (classes == 0 || (classes & ~(uint32_t)TDXC_ROOTS_VALID) != 0 ||
	    lock != TDXC_LOCK_EXCLUSIVE || !tdxc_lock_ok_(mmu, lock))
		return TDXC_E_INVAL;
	if ((classes & TDXC_ROOTS_DIRECT) != 0)
		root_invalidate(mmu, KIND_DIRECT);
	if ((classes & TDXC_ROOTS_MIRROR) != 0)
		root_invalidate(mmu, KIND_MIRROR);
	return TDXC_OK;
}
