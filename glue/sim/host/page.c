/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Pages that can be lent, in blocks of 2 MiB, and who has each of them. Small
 * pages come from blocks that are used already, so that large ones stay whole.
 */
#include <stdlib.h>
#include <string.h>

#include "host_impl.h"

#define PAGE	    4096ull
#define BLOCK	    0x200000ull
#define PER_BLOCK   512u
#define FIRST_BLOCK 0x1000000ull /* below: what bring-up uses */

enum { LIST_NONE, LIST_WHOLE, LIST_PARTIAL, LIST_APART };

static void lock(struct tdxc_sim_host *host)
{
	(void)pthread_mutex_lock(&host->pages_mutex);
}

static void unlock(struct tdxc_sim_host *host)
{
	(void)pthread_mutex_unlock(&host->pages_mutex);
}

/* --- lists of blocks ----------------------------------------------------- */

static struct tdxc_sim_block **list_of(struct tdxc_sim_host *host,
				       uint32_t list)
{
	switch (list) {
	case LIST_WHOLE:
		return &host->whole;
	case LIST_APART:
		return &host->apart;
	default:
		return &host->partial;
	}
}

static void unlist(struct tdxc_sim_host *host, struct tdxc_sim_block *b)
{
	if (b->list == LIST_NONE)
		return;
	if (b->prev)
		b->prev->next = b->next;
	else
		*list_of(host, b->list) = b->next;
	if (b->next)
		b->next->prev = b->prev;
	b->next = NULL;
	b->prev = NULL;
	b->list = LIST_NONE;
}

static void enlist(struct tdxc_sim_host *host, struct tdxc_sim_block *b)
{
	uint32_t list = b->nr_free == 0		  ? LIST_NONE
			: b->apart		  ? LIST_APART
			: b->nr_free == PER_BLOCK ? LIST_WHOLE
						  : LIST_PARTIAL;
	struct tdxc_sim_block **head = list_of(host, list);

	if (b->list == list)
		return;
	unlist(host, b);
	if (list == LIST_NONE)
		return;
	b->list = list;
	b->next = *head;
	if (b->next)
		b->next->prev = b;
	*head = b;
}

/* --- where there are blocks ---------------------------------------------- */

static bool holds_pamt(const struct tdxc_module *m, struct tdxc_range r)
{
	for (uint32_t i = 0; i < m->nr_tdmrs; i++) {
		for (uint32_t level = 0; level < TDXC_PAMT_LEVELS; level++) {
			if (tdxc_range_overlaps(m->tdmrs[i].pamt[level], r))
				return true;
		}
	}
	return false;
}

static bool is_ram(const struct tdxc_sim_host *host, struct tdxc_range r)
{
	for (size_t i = 0; i < host->config.nr_ram; i++) {
		const struct tdxc_range *ram = &host->config.ram[i].range;

		if (r.start >= ram->start && r.end <= ram->end)
			return true;
	}
	return false;
}

/* Blocks there, counted or, once there is room, made. */
static size_t walk_blocks(struct tdxc_sim_host *host)
{
	const struct tdxc_module *m = &host->bringup.module;
	size_t n = 0;

	for (uint32_t i = 0; i < m->nr_tdmrs; i++) {
		struct tdxc_range t = m->tdmrs[i].range;

		for (uint64_t pa = t.start; pa < t.end; pa += BLOCK) {
			struct tdxc_range r = {pa, pa + BLOCK};

			if (pa < FIRST_BLOCK || !is_ram(host, r) ||
			    holds_pamt(m, r))
				continue;
			if (host->blocks)
				host->blocks[n].pa = pa;
			n++;
		}
	}
	return n;
}

int tdxc_sim_host_pages_up(struct tdxc_sim_host *host)
{
	if (pthread_mutex_init(&host->pages_mutex, NULL) != 0)
		return TDXC_E_NOMEM;
	host->nr_blocks = walk_blocks(host);
	if (host->nr_blocks == 0)
		return TDXC_E_NOMEM;
	host->blocks = calloc(host->nr_blocks, sizeof(*host->blocks));
	if (!host->blocks)
		return TDXC_E_NOMEM;
	(void)walk_blocks(host);
	for (size_t i = host->nr_blocks; i-- > 0;) {
		struct tdxc_sim_block *b = &host->blocks[i];

		for (uint32_t k = 0; k < PER_BLOCK; k++)
			b->pages[k].state = TDXC_SIM_PAGE_FREE;
		b->nr_free = PER_BLOCK;
		enlist(host, b);
	}
	host->counts[TDXC_SIM_PAGE_FREE][TDXC_SIM_USE_NONE] =
		host->nr_blocks * PER_BLOCK;
	return TDXC_OK;
}

void tdxc_sim_host_pages_down(struct tdxc_sim_host *host)
{
	free(host->blocks);
	(void)pthread_mutex_destroy(&host->pages_mutex);
}

struct tdxc_sim_block *tdxc_sim_host_block(struct tdxc_sim_host *host,
					   uint64_t pa)
{
	size_t low = 0;
	size_t high = host->nr_blocks;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		struct tdxc_sim_block *b = &host->blocks[middle];

		if (pa >= b->pa && pa < b->pa + BLOCK)
			return b;
		if (pa < b->pa)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

/* --- one page after another ---------------------------------------------- */

static void set(struct tdxc_sim_host *host, struct tdxc_sim_page *page,
		struct tdxc_sim_page now)
{
	host->counts[page->state][page->use]--;
	*page = now;
	host->counts[page->state][page->use]++;
}

/* The pages of a level from pa on; stops where there are none. */
static struct tdxc_sim_page *pages_at(struct tdxc_sim_host *host,
				      uint32_t level, uint64_t pa, uint32_t *n)
{
	struct tdxc_sim_block *b = tdxc_sim_host_block(host, pa);

	*n = level == 2 ? PER_BLOCK : 1;
	if (!b || level < 1 || level > 2 || pa % (*n * PAGE) != 0)
		tdxc_sim_host_stop("no page that can be lent", pa);
	return &b->pages[(pa - b->pa) / PAGE];
}

static void take(struct tdxc_sim_host *host, struct tdxc_sim_block *b,
		 uint32_t first, uint32_t n, struct tdxc_sim_page now)
{
	for (uint32_t i = first; i < first + n; i++)
		set(host, &b->pages[i], now);
	b->nr_free -= n;
	enlist(host, b);
}

/* The first of memory apart that is free as a whole, or that has some. */
static struct tdxc_sim_block *choose_apart(struct tdxc_sim_host *host,
					   uint32_t level)
{
	struct tdxc_sim_block *b = host->apart;

	while (b && level == 2 && b->nr_free != PER_BLOCK)
		b = b->next;
	return b;
}

/* What may be no TDX memory comes from memory that is none, if there is any.
 */
static struct tdxc_sim_block *choose(struct tdxc_sim_host *host, uint32_t level,
				     enum tdxc_sim_page_use use)
{
	struct tdxc_sim_block *apart = choose_apart(host, level);

	if (use == TDXC_SIM_USE_SHARED && apart)
		return apart;
	return level == 2 || !host->partial ? host->whole : host->partial;
}

static bool fails_now(struct tdxc_sim_host *host)
{
	uint64_t left = tdxc_load_once(&host->fail_pages);

	while (left != 0 &&
	       !tdxc_try_cmpxchg(&host->fail_pages, &left, left - 1))
		;
	return left != 0;
}

int tdxc_sim_host_alloc(struct tdxc_sim_host *host, uint32_t level,
			enum tdxc_sim_page_use use, uint16_t owner,
			uint64_t *pa)
{
	const struct tdxc_sim_page now = {TDXC_SIM_PAGE_HOST, (uint8_t)use,
					  owner};
	struct tdxc_sim_block *b;
	uint32_t first = 0;

	if (fails_now(host))
		return TDXC_E_NOMEM;
	lock(host);
	b = choose(host, level, use);
	if (b) {
		while (b->pages[first].state != TDXC_SIM_PAGE_FREE)
			first++;
		take(host, b, first, level == 2 ? PER_BLOCK : 1, now);
		*pa = b->pa + first * PAGE;
	}
	unlock(host);
	return b ? TDXC_OK : TDXC_E_NOMEM;
}

void tdxc_sim_host_free(struct tdxc_sim_host *host, uint32_t level, uint64_t pa)
{
	const struct tdxc_sim_page now = {TDXC_SIM_PAGE_FREE, TDXC_SIM_USE_NONE,
					  0};
	struct tdxc_sim_block *b = tdxc_sim_host_block(host, pa);
	struct tdxc_sim_page *page;
	uint32_t n;

	lock(host);
	page = pages_at(host, level, pa, &n);
	for (uint32_t i = 0; i < n; i++) {
		if (page[i].state != TDXC_SIM_PAGE_HOST)
			tdxc_sim_host_stop("a page is freed that the host has "
					   "not got",
					   pa + i * PAGE);
		set(host, &page[i], now);
	}
	b->nr_free += n;
	enlist(host, b);
	unlock(host);
}

void tdxc_sim_host_lend(struct tdxc_sim_host *host, uint32_t level, uint64_t pa,
			uint16_t owner)
{
	struct tdxc_sim_page *page;
	uint32_t n;

	lock(host);
	page = pages_at(host, level, pa, &n);
	for (uint32_t i = 0; i < n; i++) {
		struct tdxc_sim_page now = page[i];

		if (now.state != TDXC_SIM_PAGE_HOST || now.owner != owner)
			tdxc_sim_host_stop("a page is lent that is lent, or "
					   "another's",
					   pa + i * PAGE);
		if (tdxc_sim_host_block(host, pa)->apart)
			tdxc_sim_host_stop("a page is lent that is no TDX "
					   "memory",
					   pa + i * PAGE);
		now.state = TDXC_SIM_PAGE_LENT;
		set(host, &page[i], now);
	}
	unlock(host);
}

void tdxc_sim_host_returned(struct tdxc_sim_host *host, uint32_t level,
			    uint64_t pa, uint16_t owner)
{
	struct tdxc_sim_page *page;
	uint32_t n;

	lock(host);
	page = pages_at(host, level, pa, &n);
	for (uint32_t i = 0; i < n; i++) {
		struct tdxc_sim_page now = page[i];

		if ((now.state != TDXC_SIM_PAGE_LENT &&
		     now.state != TDXC_SIM_PAGE_QUARANTINED) ||
		    now.owner != owner)
			tdxc_sim_host_stop("a page comes back that was not "
					   "lent",
					   pa + i * PAGE);
		now.state = TDXC_SIM_PAGE_HOST;
		set(host, &page[i], now);
	}
	unlock(host);
}

void tdxc_sim_host_quarantine(struct tdxc_sim_host *host, uint32_t level,
			      uint64_t pa)
{
	struct tdxc_sim_page *page;
	uint32_t n;

	lock(host);
	page = pages_at(host, level, pa, &n);
	for (uint32_t i = 0; i < n; i++) {
		struct tdxc_sim_page now = page[i];

		if (now.state == TDXC_SIM_PAGE_FREE)
			tdxc_sim_host_stop("a page is given up that is free",
					   pa + i * PAGE);
		now.state = TDXC_SIM_PAGE_QUARANTINED;
		set(host, &page[i], now);
	}
	unlock(host);
}

struct tdxc_sim_page tdxc_sim_host_page(struct tdxc_sim_host *host, uint64_t pa)
{
	struct tdxc_sim_page page = {TDXC_SIM_PAGE_ABSENT, TDXC_SIM_USE_NONE,
				     0};
	struct tdxc_sim_block *b = tdxc_sim_host_block(host, pa);

	if (!b)
		return page;
	lock(host);
	page = b->pages[(pa - b->pa) / PAGE];
	unlock(host);
	return page;
}

/* --- memory that comes and goes ------------------------------------------ */

static bool is_in(uint64_t pa, struct tdxc_range range)
{
	return pa >= range.start && pa < range.end;
}

/* After the blocks have moved. */
static void list_all(struct tdxc_sim_host *host)
{
	host->whole = NULL;
	host->partial = NULL;
	host->apart = NULL;
	for (size_t i = host->nr_blocks; i-- > 0;) {
		host->blocks[i].list = LIST_NONE;
		host->blocks[i].next = NULL;
		host->blocks[i].prev = NULL;
		enlist(host, &host->blocks[i]);
	}
}

static void make_block(struct tdxc_sim_block *b, uint64_t pa)
{
	*b = (struct tdxc_sim_block){
		.pa = pa, .nr_free = PER_BLOCK, .apart = true};
	for (uint32_t k = 0; k < PER_BLOCK; k++)
		b->pages[k].state = TDXC_SIM_PAGE_FREE;
}

/* Of the blocks before, between and after, in order. */
static void put_blocks(struct tdxc_sim_host *host, struct tdxc_range range)
{
	size_t n = tdxc_range_size(range) / BLOCK;
	size_t at = 0;

	while (at < host->nr_blocks && host->blocks[at].pa < range.start)
		at++;
	memmove(&host->blocks[at + n], &host->blocks[at],
		(host->nr_blocks - at) * sizeof(*host->blocks));
	for (size_t i = 0; i < n; i++)
		make_block(&host->blocks[at + i], range.start + i * BLOCK);
	host->nr_blocks += n;
	host->counts[TDXC_SIM_PAGE_FREE][TDXC_SIM_USE_NONE] += n * PER_BLOCK;
}

int tdxc_sim_host_plug(struct tdxc_sim_host *host, struct tdxc_range range)
{
	size_t n = tdxc_range_size(range) / BLOCK;
	struct tdxc_sim_block *blocks;

	if (range.start % BLOCK != 0 || range.end % BLOCK != 0)
		return TDXC_E_INVAL;
	for (size_t i = 0; i < host->nr_blocks; i++) {
		if (is_in(host->blocks[i].pa, range))
			return TDXC_E_EXIST;
	}
	blocks = realloc(host->blocks,
			 (host->nr_blocks + n) * sizeof(*host->blocks));
	if (!blocks)
		return TDXC_E_NOMEM;
	host->blocks = blocks;
	put_blocks(host, range);
	list_all(host);
	return TDXC_OK;
}

int tdxc_sim_host_unplug(struct tdxc_sim_host *host, struct tdxc_range range)
{
	size_t left = 0;
	size_t gone = 0;

	for (size_t i = 0; i < host->nr_blocks; i++) {
		if (!is_in(host->blocks[i].pa, range))
			continue;
		if (host->blocks[i].nr_free != PER_BLOCK)
			return TDXC_E_BUSY;
		gone++;
	}
	if (gone == 0)
		return TDXC_E_NOENT;
	for (size_t i = 0; i < host->nr_blocks; i++) {
		if (!is_in(host->blocks[i].pa, range))
			host->blocks[left++] = host->blocks[i];
	}
	host->nr_blocks = left;
	host->counts[TDXC_SIM_PAGE_FREE][TDXC_SIM_USE_NONE] -= gone * PER_BLOCK;
	list_all(host);
	return TDXC_OK;
}

/* --- all of them --------------------------------------------------------- */

uint64_t tdxc_sim_host_count(struct tdxc_sim_host *host,
			     enum tdxc_sim_page_state state)
{
	uint64_t n = 0;

	lock(host);
	for (uint32_t use = 0; use < TDXC_SIM_USES; use++)
		n += host->counts[state][use];
	unlock(host);
	return n;
}

uint64_t tdxc_sim_host_give_up(struct tdxc_sim_host *host, uint16_t owner)
{
	uint64_t n = 0;

	lock(host);
	for (size_t i = 0; i < host->nr_blocks; i++) {
		for (uint32_t k = 0; k < PER_BLOCK; k++) {
			struct tdxc_sim_page *page = &host->blocks[i].pages[k];
			struct tdxc_sim_page now = *page;

			if (now.state != TDXC_SIM_PAGE_LENT ||
			    now.owner != owner)
				continue;
			now.state = TDXC_SIM_PAGE_QUARANTINED;
			set(host, page, now);
			n++;
		}
	}
	unlock(host);
	return n;
}

uint64_t tdxc_sim_host_kept(struct tdxc_sim_host *host, uint16_t owner)
{
	uint64_t n = 0;

	lock(host);
	for (size_t i = 0; i < host->nr_blocks; i++) {
		for (uint32_t k = 0; k < PER_BLOCK; k++) {
			const struct tdxc_sim_page *page =
				&host->blocks[i].pages[k];

			n += page->owner == owner &&
			     page->state == TDXC_SIM_PAGE_HOST;
		}
	}
	unlock(host);
	return n;
}
