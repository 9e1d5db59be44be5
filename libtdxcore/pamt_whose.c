/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Whose is this physical address? For a machine check handler: nothing is
 * waited for, and what the interrupted CPU was changing is read as it stands.
 */
#include <tdxcore/err.h>
#include <tdxcore/pamt.h>
#include <tdxcore/status.h>

#include "pamt_entry.h"

#define ADDR_RANGE_ERROR 0xC000010100000000ull

/* By page type. tdx-module-abi.md 3.6 */
static const uint8_t whose_type[] = {
	TDXC_WHOSE_NOT_TDX, TDXC_WHOSE_RESERVED, TDXC_WHOSE_OTHER,
	TDXC_WHOSE_GUEST,   TDXC_WHOSE_TDR,	 TDXC_WHOSE_TDCX,
	TDXC_WHOSE_TDVPR,   TDXC_WHOSE_OTHER,	 TDXC_WHOSE_SEPT,
};

static bool is_in(const struct tdxc_range *list, size_t n, uint64_t pa)
{
	size_t i = tdxc_range_find(list, n, pa);

	return i < n && pa >= list[i].start;
}

static bool is_large(const struct tdxc_pamt *pamt, uint64_t page)
{
	const struct tdxc_pamt_entry *e =
		pamt->dynamic ? tdxc_pamt_entry_of_(pamt, page) : NULL;

	return e && (tdxc_load_once(&e->word) & TDXC_PAMT_LARGE) != 0;
}

/* What can be said without an answer. */
static enum tdxc_whose guess(const struct tdxc_pamt *pamt,
			     const struct tdxc_pamt_owner *owner)
{
	bool inside = is_in(pamt->tdmrs, pamt->nr_tdmrs, owner->page);

	if (!inside)
		return TDXC_WHOSE_NOT_TDX;
	if (tdxc_status_code(owner->status) == ADDR_RANGE_ERROR)
		return TDXC_WHOSE_UNINITIALIZED;
	return is_large(pamt, owner->page) ? TDXC_WHOSE_GUEST
					   : TDXC_WHOSE_UNKNOWN;
}

static enum tdxc_whose ask_module(const struct tdxc_pamt *pamt,
				  struct tdxc_pamt_owner *owner)
{
	const struct tdxc_seamcall_limits once = {{1, 1, 1, 1}};
	struct tdxc_seamcall_regs regs = {.rcx = owner->page};
	struct tdxc_seamcall_diag diag;
	int err = tdxc_seamcall(pamt->port, TDXC_PHYMEM_PAGE_RDMD, &regs,
				TDXC_SEAMCALL_RET, &once, &diag);
	enum tdxc_whose whose;

	owner->status = diag.status;
	if (err)
		return guess(pamt, owner);
	whose = regs.rcx < sizeof(whose_type)
			? (enum tdxc_whose)whose_type[regs.rcx]
			: TDXC_WHOSE_OTHER;
	owner->tdr = whose == TDXC_WHOSE_TDR ? owner->page : regs.rdx;
	return whose;
}

/* Whether a page is recorded as one of a pair; *base: of which range. */
static bool find_pair(const struct tdxc_pamt *pamt, uint64_t page,
		      uint64_t *base)
{
	const struct tdxc_pamt_entry *e = pamt->entries;
	size_t t;

	for (t = 0; pamt->dynamic != 0 && t < pamt->nr_tdmrs; t++) {
		struct tdxc_range r = pamt->tdmrs[t];

		for (; r.start < r.end; r.start += TDXC_SIZE_2M, e++) {
			if (tdxc_load_once(&e->page[0]) != page &&
			    tdxc_load_once(&e->page[1]) != page)
				continue;
			*base = r.start;
			return true;
		}
	}
	return false;
}

enum tdxc_whose tdxc_pamt_whose(const struct tdxc_pamt *pamt, uint64_t pa,
				struct tdxc_pamt_owner *owner)
{
	memset(owner, 0, sizeof(*owner));
	owner->page = pa & pamt->pa_mask & ~(TDXC_PAGE_SIZE - 1);
	if (is_in(pamt->pamts, pamt->nr_pamts, owner->page))
		owner->whose = TDXC_WHOSE_STATIC_PAMT;
	else
		owner->whose = ask_module(pamt, owner);
	if (!tdxc_whose_is_private(owner->whose) && owner->page != 0 &&
	    find_pair(pamt, owner->page, &owner->pair_of))
		owner->whose = TDXC_WHOSE_DYNAMIC_PAMT;
	return owner->whose;
}
