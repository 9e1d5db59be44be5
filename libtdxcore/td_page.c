/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * SEAMCALLs of a TD, and the control pages that are lent with them.
 *
 * A page is given away by one call. Where that call fails, its status is no
 * proof: the module may have written to the page, or have it. PAGE.WBINVD is
 * refused for a page that the module has, so a page comes back through it or
 * not at all. Only an instruction that failed is a proof of itself.
 */
#include "td_work.h"

#include <tdxcore/err.h>
#include <tdxcore/status.h>

/* tdx-module-abi.md 2.3 */
#define STATUS_TD_FATAL 0xE000060400000000ull

/* Puts that met a range in transition, before its reference is given up. */
#define PUT_ATTEMPTS   4u
#define KEYID_ATTEMPTS 4u

void tdxc_td_set_fatal_(struct tdxc_td *td, uint64_t status)
{
	uint64_t none = 0;

	(void)tdxc_try_cmpxchg(&td->fatal, &none, status);
}

int tdxc_td_call_(struct tdxc_td *td, uint64_t rax,
		  struct tdxc_seamcall_regs *regs,
		  enum tdxc_seamcall_shape shape,
		  struct tdxc_seamcall_diag *diag)
{
	const struct tdxc_sept_config *c = &td->config.sept->config;
	int err = tdxc_seamcall(c->port, rax, regs, shape, &c->limits, diag);

	if (tdxc_status_code(diag->status) == STATUS_TD_FATAL)
		tdxc_td_set_fatal_(td, diag->status);
	return err;
}

int tdxc_td_call_tdr_(struct tdxc_td *td, uint64_t rax,
		      struct tdxc_seamcall_diag *diag)
{
	struct tdxc_seamcall_regs regs = {.rcx = td->tdr};

	return tdxc_td_call_(td, rax, &regs, TDXC_SEAMCALL_IN, diag);
}

int tdxc_td_write_back_(struct tdxc_td *td, uint64_t pa, uint32_t keyid,
			struct tdxc_seamcall_diag *diag)
{
	uint32_t pa_bits = td->config.sept->config.pa_bits;
	struct tdxc_seamcall_regs regs = {
		.rcx = pa | (uint64_t)keyid << pa_bits,
	};

	return tdxc_td_call_(td, TDXC_PHYMEM_PAGE_WBINVD, &regs,
			     TDXC_SEAMCALL_IN, diag);
}

static struct tdxc_pamt_cache *cache_of(const struct tdxc_td *td)
{
	const struct tdxc_sept_config *c = &td->config.sept->config;

	return c->ops->pamt_cache(c->ctx);
}

void tdxc_td_page_back_(struct tdxc_td *td, uint64_t pa)
{
	const struct tdxc_sept_config *c = &td->config.sept->config;
	struct tdxc_seamcall_diag ignored;
	uint32_t tries = 0;
	int err;

	if (c->rewrite)
		c->ops->rewrite(c->ctx, pa, TDXC_PAGE_SIZE);
	do {
		/* What becomes of the pair is the pair's, not the page's. */
		err = tdxc_pamt_put(c->pamt, pa, TDXC_PAMT_USE_4K, cache_of(td),
				    &ignored);
	} while (err == TDXC_E_AGAIN && ++tries < PUT_ATTEMPTS);
	td->config.ops->page_free(td->config.ctx, pa);
}

void tdxc_td_quarantine_(struct tdxc_td *td, uint64_t pa,
			 const struct tdxc_seamcall_diag *diag)
{
	struct tdxc_sept_lost lost;

	memset(&lost, 0, sizeof(lost));
	lost.pa = pa;
	lost.level = TDXC_LEVEL_4K;
	lost.use = TDXC_SEPT_CONTROL;
	lost.diag = *diag;
	/* Without room it is counted, and lost all the same. */
	(void)tdxc_sept_quarantine_add(td->config.sept->config.quarantine,
				       &lost);
}

static int page_get(struct tdxc_td *td, uint64_t *pa,
		    struct tdxc_seamcall_diag *diag)
{
	const struct tdxc_sept_config *c = &td->config.sept->config;
	int err = td->config.ops->page_alloc(td->config.ctx, pa);

	if (err != TDXC_OK)
		return err;
	err = tdxc_pamt_get(c->pamt, *pa, TDXC_PAMT_USE_4K, cache_of(td), diag);
	if (err != TDXC_OK) {
		td->config.ops->page_free(td->config.ctx, *pa);
		return err;
	}
	if (c->clflush)
		c->ops->clflush(c->ctx, *pa, TDXC_PAGE_SIZE);
	return TDXC_OK;
}

static void loan_failed(struct tdxc_td *td, struct tdxc_td_loan *loan,
			uint64_t pa, const struct tdxc_seamcall_diag *diag)
{
	struct tdxc_seamcall_diag flush;

	loan->lost =
		!tdxc_status_is_synthetic(diag->status) &&
		tdxc_td_write_back_(td, pa, loan->keyid, &flush) != TDXC_OK;
	if (loan->lost)
		tdxc_td_quarantine_(td, pa, diag);
	else
		tdxc_td_page_back_(td, pa);
}

int tdxc_td_lend_(struct tdxc_td *td, struct tdxc_td_loan *loan,
		  struct tdxc_seamcall_diag *diag)
{
	struct tdxc_seamcall_regs regs = {.rdx = loan->rdx};
	uint64_t pa;
	int err = page_get(td, &pa, diag);

	loan->pa = 0;
	loan->lost = false;
	loan->status = 0;
	if (err != TDXC_OK)
		return err;
	regs.rcx = pa;
	err = tdxc_td_call_(td, loan->rax, &regs, TDXC_SEAMCALL_IN, diag);
	loan->status = diag->status;
	if (err != TDXC_OK)
		loan_failed(td, loan, pa, diag);
	else
		loan->pa = pa;
	return err;
}

/* One that stays in use, because races are lost for ever, is not handed out
 * either. */
void tdxc_td_keyid_lost_(struct tdxc_td *td, uint32_t keyid)
{
	uint32_t tries = 0;
	int err;

	do {
		err = tdxc_keyids_quarantine(td->config.keyids, keyid);
	} while (err == TDXC_E_AGAIN && ++tries < KEYID_ATTEMPTS);
}

/* A race lost is made up for by the step after this one. */
void tdxc_td_build_end_(struct tdxc_td *td)
{
	if (td->building &&
	    tdxc_module_build_end(td->config.module) != TDXC_E_AGAIN)
		td->building = false;
}
