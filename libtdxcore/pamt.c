/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * The record of Dynamic PAMT: its memory, its caches, and how it stands.
 *
 * The memory holds the TDMRs, the PAMT regions, for each TDMR the index of its
 * first entry, and the entries. What lies between TDMRs costs nothing.
 */
#include <tdxcore/err.h>
#include <tdxcore/pamt.h>
#include <tdxcore/version.h>

#include "pamt_entry.h"

#define SHIFT_2M    21
#define MIN_PA_BITS 32
#define MAX_PA_BITS 52

static bool list_is_good(const struct tdxc_range *list, size_t n,
			 uint64_t align)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (((list[i].start | list[i].end) & (align - 1)) != 0)
			return false;
	}
	return tdxc_range_first_unsorted(list, n) == n;
}

static uint64_t nr_entries(const struct tdxc_pamt_config *config)
{
	uint64_t n = 0;
	size_t i;

	if (config->bitmap_bits == 0)
		return 0;
	for (i = 0; i < config->nr_tdmrs; i++)
		n += tdxc_range_size(config->tdmrs[i]) >> SHIFT_2M;
	return n;
}

uint64_t tdxc_pamt_bytes(const struct tdxc_pamt_config *config)
{
	if (config->abi != TDXC_ABI || config->nr_tdmrs == 0 ||
	    !list_is_good(config->tdmrs, config->nr_tdmrs, TDXC_SIZE_1G) ||
	    !list_is_good(config->pamts, config->nr_pamts, TDXC_PAGE_SIZE))
		return 0;
	return (config->nr_tdmrs + config->nr_pamts) *
		       sizeof(struct tdxc_range) +
	       config->nr_tdmrs * sizeof(uint64_t) +
	       nr_entries(config) * sizeof(struct tdxc_pamt_entry);
}

static bool list_is_below(const struct tdxc_range *list, size_t n,
			  uint32_t pa_bits)
{
	return n == 0 || list[n - 1].end <= 1ull << pa_bits;
}

static int check_config(const struct tdxc_pamt_config *config)
{
	uint64_t bytes = tdxc_pamt_bytes(config);

	if (bytes == 0 || !config->port || config->port->ops->abi != TDXC_ABI ||
	    config->pa_bits < MIN_PA_BITS || config->pa_bits > MAX_PA_BITS ||
	    !config->memory ||
	    (uintptr_t)config->memory % sizeof(uint64_t) != 0)
		return TDXC_E_INVAL;
	if (!list_is_below(config->tdmrs, config->nr_tdmrs, config->pa_bits) ||
	    !list_is_below(config->pamts, config->nr_pamts, config->pa_bits))
		return TDXC_E_RANGE;
	return config->memory_bytes < bytes ? TDXC_E_NOSPC : TDXC_OK;
}

/* Share the memory out; it is zero. */
static void fill_memory(struct tdxc_pamt *pamt,
			const struct tdxc_pamt_config *config)
{
	struct tdxc_range *tdmrs = config->memory;
	struct tdxc_range *pamts = tdmrs + config->nr_tdmrs;
	uint64_t *first = (uint64_t *)(void *)(pamts + config->nr_pamts);
	uint64_t next = 0;
	size_t i;

	for (i = 0; i < config->nr_tdmrs; i++) {
		tdmrs[i] = config->tdmrs[i];
		first[i] = next;
		next += tdxc_range_size(tdmrs[i]) >> SHIFT_2M;
	}
	for (i = 0; i < config->nr_pamts; i++)
		pamts[i] = config->pamts[i];
	pamt->tdmrs = tdmrs;
	pamt->pamts = pamts;
	pamt->first = first;
	pamt->entries =
		(struct tdxc_pamt_entry *)(void *)(first + config->nr_tdmrs);
}

int tdxc_pamt_init(struct tdxc_pamt *pamt,
		   const struct tdxc_pamt_config *config)
{
	int err = check_config(config);

	memset(pamt, 0, sizeof(*pamt));
	if (err)
		return err;
	memset(config->memory, 0, tdxc_pamt_bytes(config));
	fill_memory(pamt, config);
	pamt->port = config->port;
	pamt->limits = config->limits;
	pamt->pa_mask = (1ull << config->pa_bits) - 1;
	pamt->spins = config->spins != 0 ? config->spins : TDXC_PAMT_SPINS;
	pamt->dynamic = config->bitmap_bits != 0;
	pamt->nr_tdmrs = config->nr_tdmrs;
	pamt->nr_pamts = config->nr_pamts;
	return TDXC_OK;
}

struct tdxc_pamt_entry *tdxc_pamt_entry_of_(const struct tdxc_pamt *pamt,
					    uint64_t pa)
{
	size_t i = tdxc_range_find(pamt->tdmrs, pamt->nr_tdmrs, pa);

	if (i == pamt->nr_tdmrs || pa < pamt->tdmrs[i].start)
		return NULL;
	return &pamt->entries[pamt->first[i] +
			      ((pa - pamt->tdmrs[i].start) >> SHIFT_2M)];
}

int tdxc_pamt_cache_add(struct tdxc_pamt_cache *cache,
			struct tdxc_pamt_page page)
{
	if (page.pa == 0 || page.pa % TDXC_PAGE_SIZE != 0)
		return TDXC_E_INVAL;
	if (cache->count == cache->room)
		return TDXC_E_NOSPC;
	cache->pages[cache->count++] =
		page.pa | (page.was_private ? TDXC_PAMT_WAS_PRIVATE : 0);
	return TDXC_OK;
}

bool tdxc_pamt_cache_take(struct tdxc_pamt_cache *cache,
			  struct tdxc_pamt_page *page)
{
	uint64_t pa;

	if (cache->count == 0)
		return false;
	pa = cache->pages[--cache->count];
	page->pa = pa & ~TDXC_PAMT_WAS_PRIVATE;
	page->was_private = (pa & TDXC_PAMT_WAS_PRIVATE) != 0;
	return true;
}

int tdxc_pamt_look(const struct tdxc_pamt *pamt, uint64_t pa,
		   struct tdxc_pamt_state *state)
{
	const struct tdxc_pamt_entry *e;
	uint64_t word;

	memset(state, 0, sizeof(*state));
	if (!pamt->dynamic)
		return TDXC_OK;
	e = tdxc_pamt_entry_of_(pamt, pa);
	if (!e)
		return TDXC_E_RANGE;
	word = tdxc_load_acquire(&e->word);
	state->references = (uint32_t)(word & TDXC_PAMT_COUNT);
	state->installed = (word & TDXC_PAMT_INSTALLED) != 0;
	state->large = (word & TDXC_PAMT_LARGE) != 0;
	state->quarantined = (word & TDXC_PAMT_QUARANTINED) != 0;
	state->changing = (word & TDXC_PAMT_CHANGING) != 0;
	state->pair[0] = tdxc_load_once(&e->page[0]);
	state->pair[1] = tdxc_load_once(&e->page[1]);
	return TDXC_OK;
}

static void count_entry(struct tdxc_pamt_stats *stats, uint64_t word)
{
	uint32_t adds = (uint32_t)(word >> TDXC_PAMT_ADDS_SHIFT);
	uint32_t installed = (word & TDXC_PAMT_INSTALLED) != 0;
	uint64_t kind = word & (TDXC_PAMT_COUNT | TDXC_PAMT_CHANGING |
				TDXC_PAMT_INSTALLED | TDXC_PAMT_QUARANTINED);

	stats->installed += installed;
	stats->retained += kind == TDXC_PAMT_INSTALLED;
	stats->quarantined += (word & TDXC_PAMT_QUARANTINED) != 0;
	stats->changing += (word & TDXC_PAMT_CHANGING) != 0;
	stats->references += word & TDXC_PAMT_COUNT;
	stats->large += (word & TDXC_PAMT_LARGE) != 0;
	stats->adds += adds;
	stats->removes += (uint32_t)(adds - installed);
}

void tdxc_pamt_read_stats(const struct tdxc_pamt *pamt,
			  struct tdxc_pamt_stats *stats)
{
	uint64_t n;
	uint64_t i;
	size_t t;

	memset(stats, 0, sizeof(*stats));
	for (t = 0; pamt->dynamic != 0 && t < pamt->nr_tdmrs; t++) {
		n = tdxc_range_size(pamt->tdmrs[t]) >> SHIFT_2M;
		for (i = 0; i < n; i++)
			count_entry(stats,
				    tdxc_load_once(
					    &pamt->entries[pamt->first[t] + i]
						     .word));
	}
}
