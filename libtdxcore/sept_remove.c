/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Entries go: leaves and empty tables, in batches; and what RECLAIM gets back
 * when the KeyID is free.
 *
 * Each entry has its own result. In a TD that runs all are blocked, one TRACK
 * serves them, then they are removed; what fails for one does not stop the
 * others, because they are blocked by then.
 */
#include "sept_work.h"

/* Page types that RECLAIM tells of. tdx-module-abi.md 3.6 */
#define TYPE_REG 3u
#define TYPE_EPT 8u

/* What is to be removed, leaf or table. */
struct target {
	struct tdxc_external_entry *entry;
	enum tdxc_sept_use use;
	uint32_t size; /* of its page, as a level */
	uint64_t pa;
};

static struct target target_of(struct tdxc_external_entry *entry)
{
	struct target t = {entry, TDXC_SEPT_PAGE, entry->level,
			   tdxc_spte_pa(entry->old)};

	if (tdxc_spte_is_table(entry->old)) {
		t.use = TDXC_SEPT_TABLE;
		t.size = TDXC_LEVEL_4K;
		t.pa = entry->external;
	}
	return t;
}

/* The page is lost. `removed`: the entry maps nothing any more. */
static void lose(struct tdxc_sept *sept, const struct target *t, bool removed,
		 const struct tdxc_seamcall_diag *diag)
{
	t->entry->removed = removed;
	t->entry->status = tdxc_sept_lose_(sept, t->use, t->entry->gfn, t->size,
					   t->pa, diag);
}

/* The page is the host's. */
static void finish(struct tdxc_sept *sept, const struct target *t)
{
	const struct tdxc_sept_config *c = &sept->config;

	tdxc_sept_home_(sept, t->pa, t->size);
	if (t->use == TDXC_SEPT_TABLE)
		c->ops->table_free(c->ctx, t->pa);
	t->entry->status = TDXC_OK;
}

/* --- REMOVE --------------------------------------------------------------- */

/* The module was busy. A blocked entry becomes what it was, so that the guest
 * is not locked out for as long as the caller likes. */
static void give_in(struct tdxc_sept *sept, const struct target *t,
		    struct tdxc_sept_op_ *op)
{
	t->entry->status = TDXC_E_BUSY;
	if (tdxc_sept_stage_(sept) == TDXC_SEPT_RUN &&
	    tdxc_sept_unblock_(sept, t->entry->gfn, t->entry->level, op))
		lose(sept, t, false, &op->diag);
}

static void remove_entry(struct tdxc_sept *sept,
			 struct tdxc_external_entry *entry)
{
	const struct target t = target_of(entry);
	struct tdxc_sept_op_ op;
	int err;

	tdxc_sept_op_init_(&op,
			   t.use == TDXC_SEPT_TABLE ? TDXC_MEM_SEPT_REMOVE
						    : TDXC_MEM_PAGE_REMOVE,
			   tdxc_sept_rcx_(entry->gfn, entry->level), sept->tdr);
	err = tdxc_sept_call_(sept, &op);
	if (err == TDXC_E_BUSY)
		give_in(sept, &t, &op);
	else if (err)
		lose(sept, &t, false, &op.diag);
	else if (!tdxc_sept_returned_(&op, t.pa) ||
		 tdxc_sept_write_back_(sept, t.pa, t.size, &op.diag))
		lose(sept, &t, true, &op.diag);
	else
		finish(sept, &t);
}

/* --- a TD that runs ------------------------------------------------------- */

static void block_entry(struct tdxc_sept *sept,
			struct tdxc_external_entry *entry)
{
	struct tdxc_sept_op_ op;
	int err = tdxc_sept_block_(sept, entry->gfn, entry->level, &op);

	entry->status = err;
	if (err == TDXC_E_IO) {
		const struct target t = target_of(entry);

		lose(sept, &t, false, &op.diag);
	}
}

/* Without a TRACK nothing can be removed, nor unblocked: blocked entries stay
 * so, and the next removal takes them on. */
static void not_tracked(struct tdxc_sept *sept,
			struct tdxc_external_entry *entry, int err,
			const struct tdxc_seamcall_diag *diag)
{
	const struct target t = target_of(entry);

	if (err == TDXC_E_BUSY)
		entry->status = TDXC_E_BUSY;
	else
		lose(sept, &t, false, diag);
}

static void remove_live(struct tdxc_sept *sept,
			struct tdxc_external_entry *entries, size_t n)
{
	struct tdxc_seamcall_diag diag;
	size_t blocked = 0;
	size_t i;
	int err;

	for (i = 0; i < n; i++) {
		block_entry(sept, &entries[i]);
		blocked += entries[i].status == TDXC_OK;
	}
	if (blocked == 0)
		return;
	memset(&diag, 0, sizeof(diag));
	err = tdxc_sept_track(sept, &diag);
	for (i = 0; i < n; i++) {
		if (entries[i].status != TDXC_OK)
			continue;
		if (err)
			not_tracked(sept, &entries[i], err, &diag);
		else
			remove_entry(sept, &entries[i]);
	}
}

/* --- RECLAIM -------------------------------------------------------------- */

/* That what came back is what the mirror says it was. */
static bool is_as_known(const struct tdxc_sept *sept, const struct target *t,
			const struct tdxc_seamcall_regs *told)
{
	uint64_t type = t->use == TDXC_SEPT_TABLE ? TYPE_EPT : TYPE_REG;

	return told->rcx == type && told->rdx == sept->tdr &&
	       told->r8 == tdxc_level_of_module(t->size);
}

/* Nobody contends any more: there are no vCPUs, and each page is reclaimed
 * once. Lines under the KeyID left the caches before it became free. */
static void reclaim(struct tdxc_sept *sept, const struct target *t)
{
	struct tdxc_sept_op_ op;
	int err;

	tdxc_sept_op_init_(&op, TDXC_PHYMEM_PAGE_RECLAIM, t->pa, 0);
	err = tdxc_sept_call_once_(sept, &op);
	t->entry->status = err;
	if (err == TDXC_E_IO)
		lose(sept, t, false, &op.diag);
	else if (err == TDXC_OK && !is_as_known(sept, t, &op.regs.common))
		lose(sept, t, true, &op.diag);
	else if (err == TDXC_OK)
		finish(sept, t);
}

int tdxc_sept_reclaim(struct tdxc_sept *sept, struct tdxc_gfn gfn,
		      uint64_t external)
{
	struct tdxc_external_entry entry = {.gfn = gfn, .external = external};
	const struct target t = {&entry, TDXC_SEPT_TABLE, TDXC_LEVEL_4K,
				 external};
	struct tdxc_seamcall_diag none;

	memset(&none, 0, sizeof(none));
	if (tdxc_sept_stage_(sept) != TDXC_SEPT_RELEASED) {
		lose(sept, &t, false, &none);
		return TDXC_E_INVAL;
	}
	reclaim(sept, &t);
	if (entry.status == TDXC_E_BUSY)
		lose(sept, &t, false, &none);
	return entry.status;
}

/* -------------------------------------------------------------------------- */

static void remove_by_stage(struct tdxc_sept *sept,
			    struct tdxc_external_entry *entry)
{
	const struct target t = target_of(entry);

	switch (tdxc_sept_stage_(sept)) {
	case TDXC_SEPT_BUILD:
		remove_entry(sept, entry);
		break;
	case TDXC_SEPT_RELEASED:
		reclaim(sept, &t);
		break;
	default:
		entry->status = TDXC_E_BUSY;
		break;
	}
}

void tdxc_sept_remove(struct tdxc_sept *sept,
		      struct tdxc_external_entry *entries, size_t n)
{
	size_t i;

	if (tdxc_sept_stage_(sept) == TDXC_SEPT_RUN) {
		remove_live(sept, entries, n);
		return;
	}
	for (i = 0; i < n; i++)
		remove_by_stage(sept, &entries[i]);
}
