/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Whether the host's record of its pages is what the module thinks of them, and
 * the library's of Dynamic PAMT pages.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit.h"
#include "host_impl.h"
#include "module.h"

#define PAGE	  4096ull
#define PER_BLOCK 512u

struct checker {
	struct tdxc_sim_host *host;
	const char *what;
	uint64_t where;
	uint64_t pamt_pages; /* in caches and pairs */
};

static void complain(struct checker *c, const char *what, uint64_t where)
{
	if (c->what)
		return;
	c->what = what;
	c->where = where;
}

/* By level, as the module counts; PT_NDA where it has no entry. */
static uint8_t type_of(struct tdxc_sim_host *host, uint64_t pa, uint8_t size)
{
	const struct tdxc_sim_pamt_entry *e =
		tdxc_sim_pamt_entry(&host->machine.module, pa, size);

	return e ? tdxc_sim_pamt_type(e) : PT_NDA;
}

static bool module_has(uint8_t type)
{
	return type == PT_REG || type == PT_TDR || type == PT_TDCX ||
	       type == PT_TDVPR || type == PT_EPT;
}

static void check_page(struct checker *c, const struct tdxc_sim_page *page,
		       uint64_t pa, bool has)
{
	switch (page->state) {
	case TDXC_SIM_PAGE_FREE:
	case TDXC_SIM_PAGE_HOST:
		if (has)
			complain(c, "the host uses a page of the module's", pa);
		break;
	case TDXC_SIM_PAGE_LENT:
		if (!has)
			complain(c, "a page is lent that the module has not",
				 pa);
		break;
	default:
		break;
	}
}

static void check_block(struct checker *c, const struct tdxc_sim_block *b)
{
	bool large = type_of(c->host, b->pa, 1) == PT_REG;

	for (uint32_t i = 0; i < PER_BLOCK && !c->what; i++) {
		uint64_t pa = b->pa + i * PAGE;

		check_page(c, &b->pages[i], pa,
			   large || module_has(type_of(c->host, pa, 0)));
	}
}

static void expect_pamt_page(struct checker *c, uint64_t pa)
{
	struct tdxc_sim_page page = tdxc_sim_host_page(c->host, pa);

	c->pamt_pages++;
	if (page.use != TDXC_SIM_USE_PAMT)
		complain(c, "a page serves Dynamic PAMT that is another's", pa);
}

/* Pages handed to a DEMOTE that failed: the library alone knows which. */
static void check_lost_pairs(struct checker *c)
{
	const struct tdxc_sept_quarantine *q = &c->host->quarantine;

	for (uint32_t i = 0; i < q->room; i++) {
		if (q->lost[i].state != 1 || q->lost[i].use != TDXC_SEPT_PAIR)
			continue;
		expect_pamt_page(c, q->lost[i].pa);
		tdxc_sim_host_quarantine(c->host, 1, q->lost[i].pa);
	}
}

static void check_pairs(struct checker *c)
{
	struct tdxc_sim_host *host = c->host;

	for (size_t i = 0; i < host->nr_blocks; i++) {
		struct tdxc_pamt_state state;

		if (tdxc_pamt_look(&host->pamt, host->blocks[i].pa, &state) !=
			    TDXC_OK ||
		    !state.installed)
			continue;
		expect_pamt_page(c, state.pair[0]);
		expect_pamt_page(c, state.pair[1]);
	}
	for (uint32_t lp = 0; lp < host->description.nr_lps; lp++) {
		const struct tdxc_pamt_cache *cache = &host->lps[lp].pamt;

		for (uint32_t i = 0; i < cache->count; i++)
			expect_pamt_page(c, host->lps[lp].pamt_pages[i] &
						    ~(PAGE - 1));
	}
}

/* Pages for Dynamic PAMT of any state: quarantined pairs are pairs still. */
static uint64_t pamt_pages(const struct tdxc_sim_host *host)
{
	uint64_t n = 0;

	for (uint32_t state = 0; state < TDXC_SIM_PAGE_STATES; state++)
		n += host->counts[state][TDXC_SIM_USE_PAMT];
	return n;
}

static void check_all(struct checker *c)
{
	struct tdxc_sim_host *host = c->host;

	tdxc_sim_machine_begin_call(&host->machine, 0);
	for (size_t i = 0; i < host->nr_blocks && !c->what; i++)
		check_block(c, &host->blocks[i]);
	tdxc_sim_machine_end_call(&host->machine, 0);
	check_pairs(c);
	check_lost_pairs(c);
	if (!c->what && c->pamt_pages != pamt_pages(host))
		complain(c, "pages for Dynamic PAMT are missing",
			 pamt_pages(host) - c->pamt_pages);
}

int tdxc_sim_host_check(struct tdxc_sim_host *host, char *text, size_t bytes)
{
	struct tdxc_sim_violation v;
	struct checker c = {.host = host};

	if (tdxc_sim_audit(&host->machine, &v) != 0) {
		(void)snprintf(text, bytes, "audit: %s", v.text);
		return -1;
	}
	check_all(&c);
	if (!c.what)
		return 0;
	(void)snprintf(text, bytes, "%s: %llx", c.what,
		       (unsigned long long)c.where);
	return -1;
}
