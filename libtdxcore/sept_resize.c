/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * An entry that is present changes: DEMOTE, PROMOTE, RELOCATE.
 *
 * In a TD that runs it is blocked and tracked first. Where the change is
 * refused then, UNBLOCK makes the entry what it was.
 */
#include "sept_work.h"

#define EPT_INVALID_PROMOTE_CONDITIONS 0xC0000B0900000000ull

#define PAIR			       2u

/* The entry is what it was before BLOCK; `err` is why. */
static int give_in(struct tdxc_sept *sept,
		   const struct tdxc_external_change *change,
		   struct tdxc_sept_op_ *op, int err)
{
	const struct tdxc_seamcall_diag why = op->diag;

	if (tdxc_sept_stage_(sept) != TDXC_SEPT_RUN)
		return err;
	if (tdxc_sept_unblock_(sept, change->gfn, change->level, op))
		return TDXC_E_IO;
	op->diag = why;
	return err;
}

/* Nobody has a translation of the entry any more. */
static int cut_off(struct tdxc_sept *sept,
		   const struct tdxc_external_change *change,
		   struct tdxc_sept_op_ *op)
{
	int err;

	if (tdxc_sept_stage_(sept) != TDXC_SEPT_RUN)
		return TDXC_OK;
	err = tdxc_sept_block_(sept, change->gfn, change->level, op);
	if (err)
		return err;
	err = tdxc_sept_track(sept, &op->diag);
	return err ? give_in(sept, change, op, err) : TDXC_OK;
}

/* The call that changes the entry. */
struct request {
	uint64_t rax;
	uint64_t page;	     /* R8 */
	uint64_t pair[PAIR]; /* R12, R13 */
};

static int cut_off_and_call(struct tdxc_sept *sept,
			    const struct tdxc_external_change *change,
			    const struct request *request,
			    struct tdxc_sept_op_ *op)
{
	int err = cut_off(sept, change, op);

	if (err)
		return err;
	tdxc_sept_op_init_(op, request->rax,
			   tdxc_sept_rcx_(change->gfn, change->level),
			   sept->tdr);
	op->regs.common.r8 = request->page;
	op->regs.r12 = request->pair[0];
	op->regs.r13 = request->pair[1];
	err = tdxc_sept_call_(sept, op);
	if (err == TDXC_OK)
		return TDXC_OK;
	if (tdxc_status_code(op->diag.status) == EPT_INVALID_PROMOTE_CONDITIONS)
		err = TDXC_E_OPNOTSUPP;
	return give_in(sept, change, op, err);
}

static int lose_table(struct tdxc_sept *sept,
		      const struct tdxc_external_change *change,
		      const struct tdxc_seamcall_diag *diag)
{
	return tdxc_sept_lose_(sept, TDXC_SEPT_TABLE, change->gfn,
			       TDXC_LEVEL_4K, change->external, diag);
}

/* --- pairs of Dynamic PAMT ------------------------------------------------ */

/* Only 4 KiB pages need a pair. */
static bool needs_pair(const struct tdxc_sept *sept,
		       const struct tdxc_external_change *change)
{
	return sept->config.pamt->dynamic != 0 &&
	       change->level == TDXC_LEVEL_2M;
}

static struct tdxc_pamt_cache *cache_of(const struct tdxc_sept *sept)
{
	return sept->config.ops->pamt_cache(sept->config.ctx);
}

/* Nobody else uses the range that is being resized, so the others' answers
 * cannot come; if they do, it is not to be resized. */
static int refused(int err)
{
	return err == TDXC_E_AGAIN ? TDXC_E_BUSY : TDXC_E_OPNOTSUPP;
}

static void give_pair(struct tdxc_pamt_cache *cache,
		      const struct tdxc_pamt_page pages[PAIR])
{
	uint32_t i;

	for (i = PAIR; i-- > 0;) {
		/* There is room: they came from there, or it was looked at. */
		int err = tdxc_pamt_cache_add(cache, pages[i]);

		(void)err;
	}
}

static int take_pair(struct tdxc_sept *sept, uint64_t pa,
		     struct tdxc_pamt_page pages[PAIR])
{
	const struct tdxc_sept_config *c = &sept->config;
	struct tdxc_pamt_cache *cache = cache_of(sept);
	uint64_t pair[PAIR];
	uint32_t i;
	int err;

	if (!cache || cache->count < PAIR)
		return TDXC_E_NOMEM;
	for (i = 0; i < PAIR; i++) {
		if (!tdxc_pamt_cache_take(cache, &pages[i]))
			return TDXC_E_NOMEM;
		pair[i] = pages[i].pa;
		if (c->clflush)
			c->ops->clflush(c->ctx, pair[i], TDXC_PAGE_SIZE);
	}
	err = tdxc_pamt_demote_begin(c->pamt, pa, pair);
	if (err == TDXC_OK)
		return TDXC_OK;
	give_pair(cache, pages);
	return refused(err);
}

/* DEMOTE has answered. */
static void settle_pair(struct tdxc_sept *sept,
			const struct tdxc_external_change *change,
			const struct tdxc_pamt_page pages[PAIR],
			const struct tdxc_seamcall_diag *diag, int answer)
{
	int err = tdxc_pamt_demote_end(sept->config.pamt,
				       tdxc_spte_pa(change->old),
				       answer == TDXC_OK);
	const struct tdxc_gfn none = {0};
	uint32_t i;

	(void)err; /* it was begun */
	if (answer == TDXC_OK)
		return;
	if (answer != TDXC_E_IO) {
		give_pair(cache_of(sept), pages);
		return;
	}
	for (i = 0; i < PAIR; i++)
		(void)tdxc_sept_lose_(sept, TDXC_SEPT_PAIR, none, TDXC_LEVEL_4K,
				      pages[i].pa, diag);
}

/* --- DEMOTE --------------------------------------------------------------- */

/* A DEMOTE that gave up half way may have written to the page of the table,
 * which is free all the same. */
static int table_is_back(struct tdxc_sept *sept,
			 const struct tdxc_external_change *change,
			 struct tdxc_sept_op_ *op, int err)
{
	uint64_t pa = change->external;

	if (err == TDXC_E_IO ||
	    (op->diag.rax == TDXC_MEM_PAGE_DEMOTE &&
	     tdxc_sept_write_back_(sept, pa, TDXC_LEVEL_4K, &op->diag)))
		return lose_table(sept, change, &op->diag);
	tdxc_sept_home_(sept, pa, TDXC_LEVEL_4K);
	return err;
}

static int demote_with_table(struct tdxc_sept *sept,
			     const struct tdxc_external_change *change,
			     struct tdxc_sept_op_ *op)
{
	struct tdxc_pamt_page pages[PAIR] = {{0, false}, {0, false}};
	struct request request = {
		TDXC_MEM_PAGE_DEMOTE, change->external, {0, 0}};
	bool paired = needs_pair(sept, change);
	int err = paired ? take_pair(sept, tdxc_spte_pa(change->old), pages)
			 : TDXC_OK;

	if (err) {
		tdxc_sept_unlend_(sept, change->external, TDXC_LEVEL_4K);
		return err;
	}
	request.pair[0] = pages[0].pa;
	request.pair[1] = pages[1].pa;
	err = cut_off_and_call(sept, change, &request, op);
	if (err)
		err = table_is_back(sept, change, op, err);
	else
		tdxc_sept_add_(&sept->counts.demoted, 1);
	if (paired)
		settle_pair(sept, change, pages, &op->diag, err);
	return err;
}

int tdxc_sept_demote_(struct tdxc_sept *sept,
		      const struct tdxc_external_change *change)
{
	struct tdxc_sept_op_ op = {.rax = 0};
	int err = tdxc_sept_lend_(sept, change->external, TDXC_LEVEL_4K,
				  &op.diag);

	if (err == TDXC_E_IO)
		return lose_table(sept, change, &op.diag);
	return err ? err : demote_with_table(sept, change, &op);
}

/* --- PROMOTE -------------------------------------------------------------- */

static int promote_begin(struct tdxc_sept *sept,
			 const struct tdxc_external_change *change)
{
	const struct tdxc_pamt_cache *cache = cache_of(sept);
	int err;

	if (!cache || cache->room - cache->count < PAIR)
		return TDXC_E_NOMEM;
	err = tdxc_pamt_promote_begin(sept->config.pamt,
				      tdxc_spte_pa(change->now));
	return err ? refused(err) : TDXC_OK;
}

/* PROMOTE has answered. The pair was private. */
static int promote_end(struct tdxc_sept *sept,
		       const struct tdxc_external_change *change,
		       const struct tdxc_sept_op_ *op, int answer)
{
	const uint64_t pair[PAIR] = {op->regs.r12, op->regs.r13};
	const struct tdxc_pamt_page pages[PAIR] = {{pair[0], true},
						   {pair[1], true}};
	int err = tdxc_pamt_promote_end(sept->config.pamt,
					tdxc_spte_pa(change->now),
					answer == TDXC_OK ? pair : NULL);

	if (answer)
		return answer;
	if (err)
		return TDXC_E_IO;
	give_pair(cache_of(sept), pages);
	return TDXC_OK;
}

/* The large page is there. Where the table's page is lost now, that is no
 * reason to say that it is not. */
static void free_table(struct tdxc_sept *sept,
		       const struct tdxc_external_change *change,
		       struct tdxc_sept_op_ *op)
{
	const struct tdxc_sept_config *c = &sept->config;
	uint64_t pa = change->external;

	if (tdxc_sept_write_back_(sept, pa, TDXC_LEVEL_4K, &op->diag)) {
		(void)lose_table(sept, change, &op->diag);
		return;
	}
	tdxc_sept_home_(sept, pa, TDXC_LEVEL_4K);
	c->ops->table_free(c->ctx, pa);
}

int tdxc_sept_promote_(struct tdxc_sept *sept,
		       const struct tdxc_external_change *change)
{
	const struct request request = {TDXC_MEM_PAGE_PROMOTE, 0, {0, 0}};
	bool paired = needs_pair(sept, change);
	struct tdxc_sept_op_ op = {.rax = 0};
	int err = paired ? promote_begin(sept, change) : TDXC_OK;

	if (err)
		return err;
	err = cut_off_and_call(sept, change, &request, &op);
	if (err == TDXC_OK)
		tdxc_sept_add_(&sept->counts.promoted, 1);
	if (paired)
		err = promote_end(sept, change, &op, err);
	if (err == TDXC_OK && !tdxc_sept_returned_(&op, change->external))
		err = TDXC_E_IO;
	if (err == TDXC_E_IO)
		return lose_table(sept, change, &op.diag);
	if (err == TDXC_OK)
		free_table(sept, change, &op);
	return err;
}

/* --- RELOCATE ------------------------------------------------------------- */

static int lose_page(struct tdxc_sept *sept,
		     const struct tdxc_external_change *change, uint64_t pa,
		     const struct tdxc_seamcall_diag *diag)
{
	return tdxc_sept_lose_(sept, TDXC_SEPT_PAGE, change->gfn, TDXC_LEVEL_4K,
			       pa, diag);
}

int tdxc_sept_relocate_(struct tdxc_sept *sept,
			const struct tdxc_external_change *change)
{
	const struct request request = {
		TDXC_MEM_PAGE_RELOCATE, tdxc_spte_pa(change->now), {0, 0}};
	uint64_t old = tdxc_spte_pa(change->old);
	struct tdxc_sept_op_ op = {.rax = 0};
	int err = tdxc_sept_lend_(sept, request.page, TDXC_LEVEL_4K, &op.diag);

	if (err == TDXC_E_IO)
		return lose_page(sept, change, request.page, &op.diag);
	if (err)
		return err;
	err = cut_off_and_call(sept, change, &request, &op);
	if (err == TDXC_OK &&
	    (!tdxc_sept_returned_(&op, old) ||
	     tdxc_sept_write_back_(sept, old, TDXC_LEVEL_4K, &op.diag)))
		err = TDXC_E_IO;
	if (err == TDXC_E_IO) {
		(void)lose_page(sept, change, old, &op.diag);
		return lose_page(sept, change, request.page, &op.diag);
	}
	if (err)
		tdxc_sept_unlend_(sept, request.page, TDXC_LEVEL_4K);
	else
		tdxc_sept_home_(sept, old, TDXC_LEVEL_4K);
	return err;
}
