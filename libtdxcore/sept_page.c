/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Pages on their way to the module, and back. */
#include "sept_work.h"

static struct tdxc_pamt_cache *cache_of(const struct tdxc_sept *sept)
{
	return sept->config.ops->pamt_cache(sept->config.ctx);
}

static uint64_t bytes_of(uint32_t level)
{
	return tdxc_level_frames(level) * TDXC_PAGE_SIZE;
}

/* What tdxc_sept_set() says where tdxc_pamt_get() failed. */
static int refused(int err, uint32_t level)
{
	switch (err) {
	case TDXC_E_NOMEM:
	case TDXC_E_NOSPC:
		return TDXC_E_NOMEM;
	case TDXC_E_AGAIN:
	case TDXC_E_BUSY:
		return TDXC_E_BUSY;
	case TDXC_E_RANGE:
		return TDXC_E_OPNOTSUPP;
	case TDXC_E_EXIST:
		return level > TDXC_LEVEL_4K ? TDXC_E_OPNOTSUPP : TDXC_E_IO;
	default:
		return TDXC_E_IO;
	}
}

int tdxc_sept_lend_(struct tdxc_sept *sept, uint64_t pa, uint32_t level,
		    struct tdxc_seamcall_diag *diag)
{
	const struct tdxc_sept_config *c = &sept->config;
	enum tdxc_pamt_use use =
		level == TDXC_LEVEL_4K ? TDXC_PAMT_USE_4K : TDXC_PAMT_USE_2M;
	int err;

	memset(diag, 0, sizeof(*diag));
	err = tdxc_pamt_get(c->pamt, pa, use, cache_of(sept), diag);
	if (err)
		return refused(err, level);
	if (c->clflush)
		c->ops->clflush(c->ctx, pa, bytes_of(level));
	return TDXC_OK;
}

/* Whatever becomes of the pair, the page is free: `pamt` keeps a pair that it
 * could not remove. */
static void put(struct tdxc_sept *sept, uint64_t pa, enum tdxc_pamt_use use)
{
	struct tdxc_seamcall_diag diag;
	int err = tdxc_pamt_put(sept->config.pamt, pa, use, cache_of(sept),
				&diag);

	(void)err;
}

void tdxc_sept_unlend_(struct tdxc_sept *sept, uint64_t pa, uint32_t level)
{
	uint64_t end = pa + bytes_of(level);

	if (level == TDXC_LEVEL_4K) {
		put(sept, pa, TDXC_PAMT_USE_4K);
		return;
	}
	/* A page of 1 GiB was made of 512 that were got one by one. */
	for (; pa < end; pa += TDXC_SIZE_2M)
		put(sept, pa, TDXC_PAMT_USE_2M);
}

int tdxc_sept_write_back_(struct tdxc_sept *sept, uint64_t pa, uint32_t level,
			  struct tdxc_seamcall_diag *diag)
{
	const struct tdxc_sept_config *c = &sept->config;
	uint64_t keyid = (uint64_t)sept->keyid << c->pa_bits;
	uint64_t end = pa + bytes_of(level);

	for (; pa < end; pa += TDXC_PAGE_SIZE) {
		struct tdxc_seamcall_regs regs = {.rcx = pa | keyid};

		if (tdxc_seamcall(c->port, TDXC_PHYMEM_PAGE_WBINVD, &regs,
				  TDXC_SEAMCALL_IN, &c->limits, diag))
			return TDXC_E_IO;
	}
	return TDXC_OK;
}

void tdxc_sept_home_(struct tdxc_sept *sept, uint64_t pa, uint32_t level)
{
	const struct tdxc_sept_config *c = &sept->config;

	tdxc_sept_unlend_(sept, pa, level);
	if (c->rewrite)
		c->ops->rewrite(c->ctx, pa, bytes_of(level));
	(void)tdxc_sept_quarantine_recover(c->quarantine, pa, level);
}
