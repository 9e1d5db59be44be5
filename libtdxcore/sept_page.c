/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Pages on their way to the module, and back. */
#include "sept_work.h"

#define MISSING_PAMT_PAGE_PAIR 0x8000030800000000ull

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

static int write_back_4k(const struct tdxc_sept *sept, uint64_t pa,
			 struct tdxc_seamcall_diag *diag)
{
	const struct tdxc_sept_config *c = &sept->config;
	struct tdxc_seamcall_regs regs = {
		.rcx = pa | (uint64_t)sept->keyid << c->pa_bits,
	};

	return tdxc_seamcall(c->port, TDXC_PHYMEM_PAGE_WBINVD, &regs,
			     TDXC_SEAMCALL_IN, &c->limits, diag)
		       ? TDXC_E_IO
		       : TDXC_OK;
}

/* WBINVD looks for the PAMT entry of 4 KiB, which a large page has none of. */
static bool wants_pair(const struct tdxc_seamcall_diag *diag)
{
	return tdxc_status_code(diag->status) == MISSING_PAMT_PAGE_PAIR;
}

/* The range counts as one page again, so that it is put as what it was got.
 * Where a pair stays in its way the range is free already. */
static void get_large_again(struct tdxc_sept *sept, uint64_t pa)
{
	struct tdxc_seamcall_diag diag;
	int err = tdxc_pamt_get(sept->config.pamt, pa, TDXC_PAMT_USE_2M,
				cache_of(sept), &diag);

	(void)err;
}

/* A free range of 2 MiB gets a pair for as long as it is written back. */
static int write_back_with_pair(struct tdxc_sept *sept, uint64_t pa,
				struct tdxc_seamcall_diag *diag)
{
	struct tdxc_seamcall_diag add;
	uint64_t offset;
	int err;

	put(sept, pa, TDXC_PAMT_USE_2M);
	err = tdxc_pamt_get(sept->config.pamt, pa, TDXC_PAMT_USE_4K,
			    cache_of(sept), &add);
	if (err == TDXC_OK) {
		for (offset = 0; offset < TDXC_SIZE_2M && err == TDXC_OK;
		     offset += TDXC_PAGE_SIZE)
			err = write_back_4k(sept, pa + offset, diag);
		put(sept, pa, TDXC_PAMT_USE_4K);
	}
	get_large_again(sept, pa);
	return err ? TDXC_E_IO : TDXC_OK;
}

static int write_back_2m(struct tdxc_sept *sept, uint64_t pa,
			 struct tdxc_seamcall_diag *diag)
{
	uint64_t end = pa + TDXC_SIZE_2M;
	int err = write_back_4k(sept, pa, diag);

	if (err && wants_pair(diag))
		return write_back_with_pair(sept, pa, diag);
	for (pa += TDXC_PAGE_SIZE; pa < end && err == TDXC_OK;
	     pa += TDXC_PAGE_SIZE)
		err = write_back_4k(sept, pa, diag);
	return err;
}

int tdxc_sept_write_back_(struct tdxc_sept *sept, uint64_t pa, uint32_t level,
			  struct tdxc_seamcall_diag *diag)
{
	uint64_t end = pa + bytes_of(level);
	int err = TDXC_OK;

	if (level == TDXC_LEVEL_4K)
		return write_back_4k(sept, pa, diag);
	for (; pa < end && err == TDXC_OK; pa += TDXC_SIZE_2M)
		err = write_back_2m(sept, pa, diag);
	return err;
}

void tdxc_sept_home_(struct tdxc_sept *sept, uint64_t pa, uint32_t level)
{
	const struct tdxc_sept_config *c = &sept->config;

	tdxc_sept_unlend_(sept, pa, level);
	if (c->rewrite)
		c->ops->rewrite(c->ctx, pa, bytes_of(level));
	(void)tdxc_sept_quarantine_recover(c->quarantine, pa, level);
}
