/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Pairs come and go with the uses of a 2 MiB range.
 *
 * Each operation reads the word, decides, and exchanges it for its successor;
 * if someone was faster it decides again. These rounds and the looks at a range
 * in transition are counted together, so every call ends.
 */
#include <tdxcore/err.h>
#include <tdxcore/pamt.h>

#include "pamt_entry.h"

/* RCX of PAMT.ADD and PAMT.REMOVE: the range, and the module's level of 2M. */
#define RCX_LEVEL_2M 1ull

#define PAGES_PER_2M (TDXC_SIZE_2M / TDXC_PAGE_SIZE)
#define PAIR	     2u

/* A 2 MiB range, found. */
struct pamt_at {
	struct tdxc_pamt_entry *entry;
	uint64_t base;
};

static int find(const struct tdxc_pamt *pamt, uint64_t pa,
		enum tdxc_pamt_use use, struct pamt_at *at)
{
	uint64_t size = use == TDXC_PAMT_USE_2M ? TDXC_SIZE_2M : TDXC_PAGE_SIZE;

	if ((use != TDXC_PAMT_USE_4K && use != TDXC_PAMT_USE_2M) ||
	    (pa & (size - 1)) != 0)
		return TDXC_E_INVAL;
	at->base = pa & ~(TDXC_SIZE_2M - 1);
	at->entry = tdxc_pamt_entry_of_(pamt, pa);
	return at->entry ? TDXC_OK : TDXC_E_RANGE;
}

static uint64_t look_again(const struct tdxc_pamt_entry *e)
{
	tdxc_relax();
	return tdxc_load_acquire(&e->word);
}

static bool has_pair(const struct tdxc_pamt_cache *cache)
{
	return cache && cache->count >= PAIR;
}

static bool has_room(const struct tdxc_pamt_cache *cache)
{
	return cache && cache->room - cache->count >= PAIR;
}

static bool is_retained(uint64_t word)
{
	return (word & (TDXC_PAMT_COUNT | TDXC_PAMT_INSTALLED |
			TDXC_PAMT_CHANGING | TDXC_PAMT_QUARANTINED)) ==
	       TDXC_PAMT_INSTALLED;
}

static void record(struct tdxc_pamt_entry *e, uint64_t page0, uint64_t page1)
{
	tdxc_store_release(&e->page[0], page0);
	tdxc_store_release(&e->page[1], page1);
}

static bool is_recorded(const struct tdxc_pamt_entry *e, uint64_t page0,
			uint64_t page1)
{
	return (e->page[0] == page0 && e->page[1] == page1) ||
	       (e->page[0] == page1 && e->page[1] == page0);
}

/* The word with a pair that was installed just now. */
static uint64_t installed(uint64_t word, uint64_t references)
{
	word &= ~(TDXC_PAMT_CHANGING | TDXC_PAMT_LARGE);
	return (word + TDXC_PAMT_ONE_ADD) | TDXC_PAMT_INSTALLED | references;
}

/* A range that this CPU has put in transition, `free` before, gets its pair. */
static int add_pair(struct tdxc_pamt *pamt, const struct pamt_at *at,
		    uint64_t free, struct tdxc_pamt_cache *cache,
		    struct tdxc_seamcall_diag *diag)
{
	const uint64_t *page = &cache->pages[cache->count - PAIR];
	struct tdxc_seamcall_regs regs = {
		.rcx = at->base | RCX_LEVEL_2M,
		.rdx = page[0] & ~(TDXC_PAGE_SIZE - 1),
		.r8 = page[1] & ~(TDXC_PAGE_SIZE - 1),
	};
	int err;

	record(at->entry, regs.rdx, regs.r8);
	err = tdxc_seamcall(pamt->port, TDXC_PHYMEM_PAMT_ADD, &regs,
			    TDXC_SEAMCALL_IN, &pamt->limits, diag);
	if (err) {
		record(at->entry, 0, 0);
		tdxc_store_release(&at->entry->word, free);
		return err;
	}
	cache->count -= PAIR;
	tdxc_store_release(&at->entry->word, installed(free, 1));
	return TDXC_OK;
}

/* PAMT.REMOVE into `pages`. An answer with pages that were never given is none
 * to build on. */
static int call_remove(struct tdxc_pamt *pamt, const struct pamt_at *at,
		       uint64_t pages[2], struct tdxc_seamcall_diag *diag)
{
	struct tdxc_seamcall_regs regs = {.rcx = at->base | RCX_LEVEL_2M};
	int err = tdxc_seamcall(pamt->port, TDXC_PHYMEM_PAMT_REMOVE, &regs,
				TDXC_SEAMCALL_RET, &pamt->limits, diag);

	if (err)
		return err;
	pages[0] = regs.rdx;
	pages[1] = regs.r8;
	return is_recorded(at->entry, regs.rdx, regs.r8) ? TDXC_OK : TDXC_E_IO;
}

/* A range that this CPU has put in transition, `before` before, loses its pair
 * and becomes `after`. The cache has room. */
static int remove_pair(struct tdxc_pamt *pamt, const struct pamt_at *at,
		       uint64_t before, uint64_t after,
		       struct tdxc_pamt_cache *cache,
		       struct tdxc_seamcall_diag *diag)
{
	uint64_t pages[PAIR];
	int err = call_remove(pamt, at, pages, diag);

	if (err == TDXC_E_BUSY) {
		after = before & ~TDXC_PAMT_COUNT;
	} else if (err) {
		after = before | TDXC_PAMT_QUARANTINED;
	} else {
		record(at->entry, 0, 0);
		cache->pages[cache->count++] = pages[0] | TDXC_PAMT_WAS_PRIVATE;
		cache->pages[cache->count++] = pages[1] | TDXC_PAMT_WAS_PRIVATE;
	}
	tdxc_store_release(&at->entry->word, after);
	return err;
}

/* --- 4K uses ------------------------------------------------------------- */

/* Why a range that nobody changes cannot have one more. */
static int refuse_4k(uint64_t word, const struct tdxc_pamt_cache *cache)
{
	if ((word & TDXC_PAMT_LARGE) != 0)
		return TDXC_E_EXIST;
	if ((word & TDXC_PAMT_COUNT) == TDXC_PAMT_MAX_REFERENCES)
		return TDXC_E_INVAL;
	if ((word & TDXC_PAMT_INSTALLED) == 0 && !has_pair(cache))
		return TDXC_E_NOMEM;
	return TDXC_OK;
}

static int get_4k(struct tdxc_pamt *pamt, const struct pamt_at *at,
		  struct tdxc_pamt_cache *cache,
		  struct tdxc_seamcall_diag *diag)
{
	uint64_t word = tdxc_load_once(&at->entry->word);
	uint32_t left;
	int err;

	for (left = pamt->spins; left != 0; left--) {
		bool ready = (word & TDXC_PAMT_INSTALLED) != 0;

		if ((word & TDXC_PAMT_CHANGING) != 0) {
			word = look_again(at->entry);
			continue;
		}
		err = refuse_4k(word, cache);
		if (err)
			return err;
		if (tdxc_try_cmpxchg(&at->entry->word, &word,
				     ready ? word + 1
					   : word | TDXC_PAMT_CHANGING))
			return ready ? TDXC_OK
				     : add_pair(pamt, at, word, cache, diag);
	}
	return TDXC_E_AGAIN;
}

static int put_4k(struct tdxc_pamt *pamt, const struct pamt_at *at,
		  struct tdxc_pamt_cache *cache,
		  struct tdxc_seamcall_diag *diag)
{
	uint64_t word = tdxc_load_once(&at->entry->word);
	uint32_t left;

	for (left = pamt->spins; left != 0; left--) {
		bool last = (word & TDXC_PAMT_COUNT) == 1 && has_room(cache) &&
			    (word & TDXC_PAMT_QUARANTINED) == 0;
		uint64_t next = word - 1;

		if ((word & TDXC_PAMT_COUNT) == 0)
			return TDXC_E_INVAL;
		if ((word & TDXC_PAMT_CHANGING) != 0) {
			word = look_again(at->entry);
			continue;
		}
		if (!tdxc_try_cmpxchg(&at->entry->word, &word,
				      last ? next | TDXC_PAMT_CHANGING : next))
			continue;
		if (!last)
			return TDXC_OK;
		return remove_pair(pamt, at, word, next & ~TDXC_PAMT_INSTALLED,
				   cache, diag);
	}
	return TDXC_E_AGAIN;
}

/* --- 2M uses ------------------------------------------------------------- */

static int refuse_2m(uint64_t word, const struct tdxc_pamt_cache *cache)
{
	if ((word &
	     (TDXC_PAMT_COUNT | TDXC_PAMT_LARGE | TDXC_PAMT_QUARANTINED)) != 0)
		return TDXC_E_EXIST;
	if ((word & TDXC_PAMT_INSTALLED) != 0 && !has_room(cache))
		return TDXC_E_NOSPC;
	return TDXC_OK;
}

static int get_2m(struct tdxc_pamt *pamt, const struct pamt_at *at,
		  struct tdxc_pamt_cache *cache,
		  struct tdxc_seamcall_diag *diag)
{
	uint64_t word = tdxc_load_once(&at->entry->word);
	uint32_t left;
	int err;

	for (left = pamt->spins; left != 0; left--) {
		bool retained = (word & TDXC_PAMT_INSTALLED) != 0;
		uint64_t next = (word & ~TDXC_PAMT_INSTALLED) | TDXC_PAMT_LARGE;

		if ((word & TDXC_PAMT_CHANGING) != 0) {
			word = look_again(at->entry);
			continue;
		}
		err = refuse_2m(word, cache);
		if (err)
			return err;
		if (tdxc_try_cmpxchg(&at->entry->word, &word,
				     retained ? word | TDXC_PAMT_CHANGING
					      : next))
			return retained ? remove_pair(pamt, at, word, next,
						      cache, diag)
					: TDXC_OK;
	}
	return TDXC_E_AGAIN;
}

static int put_2m(struct tdxc_pamt *pamt, const struct pamt_at *at)
{
	uint64_t word = tdxc_load_once(&at->entry->word);
	uint32_t left;

	for (left = pamt->spins; left != 0; left--) {
		if ((word & TDXC_PAMT_LARGE) == 0)
			return TDXC_E_INVAL;
		if ((word & TDXC_PAMT_CHANGING) != 0)
			word = look_again(at->entry);
		else if (tdxc_try_cmpxchg(&at->entry->word, &word,
					  word & ~TDXC_PAMT_LARGE))
			return TDXC_OK;
	}
	return TDXC_E_AGAIN;
}

int tdxc_pamt_get(struct tdxc_pamt *pamt, uint64_t pa, enum tdxc_pamt_use use,
		  struct tdxc_pamt_cache *cache,
		  struct tdxc_seamcall_diag *diag)
{
	struct pamt_at at;
	int err;

	if (!pamt->dynamic)
		return TDXC_OK;
	err = find(pamt, pa, use, &at);
	if (err)
		return err;
	return use == TDXC_PAMT_USE_2M ? get_2m(pamt, &at, cache, diag)
				       : get_4k(pamt, &at, cache, diag);
}

int tdxc_pamt_put(struct tdxc_pamt *pamt, uint64_t pa, enum tdxc_pamt_use use,
		  struct tdxc_pamt_cache *cache,
		  struct tdxc_seamcall_diag *diag)
{
	struct pamt_at at;
	int err;

	if (!pamt->dynamic)
		return TDXC_OK;
	err = find(pamt, pa, use, &at);
	if (err)
		return err;
	if (use == TDXC_PAMT_USE_2M)
		return put_2m(pamt, &at);
	err = put_4k(pamt, &at, cache, diag);
	return err == TDXC_E_BUSY ? TDXC_OK : err;
}

/* --- retained pairs ------------------------------------------------------ */

static int trim_one(struct tdxc_pamt *pamt, const struct pamt_at *at,
		    struct tdxc_pamt_cache *cache,
		    struct tdxc_seamcall_diag *diag)
{
	uint64_t word = tdxc_load_once(&at->entry->word);

	if (!is_retained(word))
		return TDXC_OK;
	if (!has_room(cache))
		return TDXC_E_NOSPC;
	if (!tdxc_try_cmpxchg(&at->entry->word, &word,
			      word | TDXC_PAMT_CHANGING))
		return TDXC_OK; /* someone needs it */
	return remove_pair(pamt, at, word, word & ~TDXC_PAMT_INSTALLED, cache,
			   diag);
}

int tdxc_pamt_trim(struct tdxc_pamt *pamt, struct tdxc_range within,
		   struct tdxc_pamt_cache *cache,
		   struct tdxc_seamcall_diag *diag)
{
	int result = TDXC_OK;
	size_t t;

	within = tdxc_range_trim(within, TDXC_SIZE_2M);
	for (t = 0; pamt->dynamic != 0 && t < pamt->nr_tdmrs; t++) {
		struct tdxc_range r =
			tdxc_range_intersect(pamt->tdmrs[t], within);

		for (; r.start < r.end; r.start += TDXC_SIZE_2M) {
			struct pamt_at at = {tdxc_pamt_entry_of_(pamt, r.start),
					     r.start};
			int err = trim_one(pamt, &at, cache, diag);

			if (err == TDXC_E_BUSY)
				result = err;
			else if (err)
				return err;
		}
	}
	return result;
}

/* --- pages that change their size ---------------------------------------- */

static bool is_pair(const uint64_t pair[2])
{
	return pair[0] != 0 && pair[1] != 0 && pair[0] != pair[1] &&
	       ((pair[0] | pair[1]) & (TDXC_PAGE_SIZE - 1)) == 0;
}

/* What DEMOTE and PROMOTE want to find. */
static int refuse_resize(uint64_t word, uint64_t wanted)
{
	if ((word & (TDXC_PAMT_COUNT | TDXC_PAMT_LARGE)) != wanted)
		return TDXC_E_INVAL;
	return (word & TDXC_PAMT_QUARANTINED) != 0 ? TDXC_E_IO : TDXC_OK;
}

static int begin_resize(struct tdxc_pamt *pamt, const struct pamt_at *at,
			uint64_t wanted)
{
	uint64_t word = tdxc_load_once(&at->entry->word);
	uint32_t left;
	int err;

	for (left = pamt->spins; left != 0; left--) {
		if ((word & TDXC_PAMT_CHANGING) != 0) {
			word = look_again(at->entry);
			continue;
		}
		err = refuse_resize(word, wanted);
		if (err)
			return err;
		if (tdxc_try_cmpxchg(&at->entry->word, &word,
				     word | TDXC_PAMT_CHANGING))
			return TDXC_OK;
	}
	return TDXC_E_AGAIN;
}

/* The end of one that was begun; *word: how the range stands. */
static int find_begun(const struct tdxc_pamt *pamt, uint64_t pa,
		      uint64_t wanted, struct pamt_at *at, uint64_t *word)
{
	int err = find(pamt, pa, TDXC_PAMT_USE_2M, at);

	if (err)
		return err;
	*word = tdxc_load_once(&at->entry->word);
	return (*word & (TDXC_PAMT_COUNT | TDXC_PAMT_LARGE |
			 TDXC_PAMT_CHANGING)) == (wanted | TDXC_PAMT_CHANGING)
		       ? TDXC_OK
		       : TDXC_E_INVAL;
}

int tdxc_pamt_demote_begin(struct tdxc_pamt *pamt, uint64_t pa,
			   const uint64_t pair[2])
{
	struct pamt_at at;
	int err;

	if (!pamt->dynamic)
		return TDXC_OK;
	err = find(pamt, pa, TDXC_PAMT_USE_2M, &at);
	if (err)
		return err;
	if (!is_pair(pair))
		return TDXC_E_INVAL;
	err = begin_resize(pamt, &at, TDXC_PAMT_LARGE);
	if (err)
		return err;
	record(at.entry, pair[0], pair[1]);
	return TDXC_OK;
}

int tdxc_pamt_demote_end(struct tdxc_pamt *pamt, uint64_t pa, bool done)
{
	struct pamt_at at;
	uint64_t word;
	int err;

	if (!pamt->dynamic)
		return TDXC_OK;
	err = find_begun(pamt, pa, TDXC_PAMT_LARGE, &at, &word);
	if (err)
		return err;
	if (!done)
		record(at.entry, 0, 0);
	tdxc_store_release(&at.entry->word, done ? installed(word, PAGES_PER_2M)
						 : word & ~TDXC_PAMT_CHANGING);
	return TDXC_OK;
}

int tdxc_pamt_promote_begin(struct tdxc_pamt *pamt, uint64_t pa)
{
	struct pamt_at at;
	int err;

	if (!pamt->dynamic)
		return TDXC_OK;
	err = find(pamt, pa, TDXC_PAMT_USE_2M, &at);
	return err ? err : begin_resize(pamt, &at, PAGES_PER_2M);
}

int tdxc_pamt_promote_end(struct tdxc_pamt *pamt, uint64_t pa,
			  const uint64_t *pair)
{
	struct pamt_at at;
	uint64_t word;
	int err;

	if (!pamt->dynamic)
		return TDXC_OK;
	err = find_begun(pamt, pa, PAGES_PER_2M, &at, &word);
	if (err)
		return err;
	word &= ~TDXC_PAMT_CHANGING;
	if (pair && !is_recorded(at.entry, pair[0], pair[1])) {
		word |= TDXC_PAMT_QUARANTINED;
		err = TDXC_E_IO;
	} else if (pair) {
		word &= ~(TDXC_PAMT_COUNT | TDXC_PAMT_INSTALLED);
		word |= TDXC_PAMT_LARGE;
		record(at.entry, 0, 0);
	}
	tdxc_store_release(&at.entry->word, word);
	return err;
}
