/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* The module's accesses: whole pages, kept until the call is over. */
#include <stdlib.h>
#include <string.h>

#include "lines_impl.h"

static uint64_t bit_of(uint32_t lp)
{
	return (uint64_t)1 << (lp % 64);
}

static struct tdxc_sim_line line_at(const struct alias *alias, uint32_t line,
				    uint32_t lp)
{
	const struct tdxc_sim_line at = {
		lp, alias->keyid, alias->pa + (uint64_t)line * TDXC_SIM_LINE};

	return at;
}

/* Foreign private lines are judged when the call is over: a module that makes
 * a page overwrites them, one that uses it consumed them. */
static bool remember(struct lp_use *use, struct alias *alias, uint32_t line)
{
	struct doubt *all =
		tdxc_sim_lines_grow(use->doubts, use->nr_doubts,
				    &use->room_doubts, sizeof(use->doubts[0]));
	struct doubt *doubt;

	if (!all)
		return false;
	use->doubts = all;
	doubt = &use->doubts[use->nr_doubts++];
	doubt->alias = alias;
	doubt->line = line;
	memcpy(doubt->garbage, alias->bytes + (size_t)line * TDXC_SIM_LINE,
	       TDXC_SIM_LINE);
	return true;
}

static void fill_page(struct tdxc_sim_lines *lines, struct alias *alias,
		      uint32_t lp, bool call)
{
	uint8_t holder = (uint8_t)(1u << tdxc_sim_lines_package(lines, lp));
	uint32_t i;

	for (i = 0; i < LINES_PER_PAGE; i++) {
		const struct tdxc_sim_line at = line_at(alias, i, lp);
		unsigned char *bytes = alias->bytes + (size_t)i * TDXC_SIM_LINE;

		if (alias->holders[i] == 0 &&
		    !tdxc_sim_lines_fetch(lines, alias->page, &at, bytes) &&
		    !(call && remember(&lines->uses[lp], alias, i)))
			tdxc_sim_lines_machine_check(lines, &at, true);
		alias->holders[i] |= holder;
	}
}

static void make_dirty(struct alias *alias, uint32_t package)
{
	memset(alias->holders, (int)(1u << package), sizeof(alias->holders));
	memset(alias->owner, (int)package + 1, sizeof(alias->owner));
}

static bool start_use(struct tdxc_sim_lines *lines, struct alias *alias,
		      uint32_t lp)
{
	struct lp_use *use = &lines->uses[lp];

	struct alias **all;

	if ((alias->users[lp / 64] & bit_of(lp)) != 0)
		return true;
	all = tdxc_sim_lines_grow(use->aliases, use->nr_aliases,
				  &use->room_aliases, sizeof(use->aliases[0]));
	if (!all)
		return false;
	use->aliases = all;
	use->aliases[use->nr_aliases++] = alias;
	alias->users[lp / 64] |= bit_of(lp);
	return true;
}

void *tdxc_sim_lines_page(struct tdxc_sim_lines *lines,
			  const struct tdxc_sim_line *at, bool write, bool call)
{
	uint32_t package = tdxc_sim_lines_package(lines, at->lp);
	struct alias *alias;
	bool usable;

	(void)pthread_mutex_lock(&lines->lock);
	alias = tdxc_sim_lines_alias(lines, at, true);
	usable = alias && (!call || start_use(lines, alias, at->lp));
	if (usable) {
		fill_page(lines, alias, at->lp, call);
		if (write)
			make_dirty(alias, package);
		if (write && call)
			alias->writers[at->lp / 64] |= bit_of(at->lp);
	}
	(void)pthread_mutex_unlock(&lines->lock);
	return usable ? alias->bytes : NULL;
}

/* How much of what was handed out is no longer there. */
static size_t changed_words(const struct doubt *doubt)
{
	size_t changed = 0;

	for (size_t i = 0; i < TDXC_SIM_LINE / 8; i++) {
		uint64_t now;

		memcpy(&now,
		       doubt->alias->bytes +
			       (size_t)doubt->line * TDXC_SIM_LINE + i * 8,
		       8);
		changed += now != doubt->garbage[i];
	}
	return changed;
}

static void judge(struct tdxc_sim_lines *lines, const struct doubt *doubt,
		  uint32_t lp)
{
	struct alias *alias = doubt->alias;
	const struct tdxc_sim_line at = line_at(alias, doubt->line, lp);
	size_t changed = changed_words(doubt);

	if (changed == TDXC_SIM_LINE / 8) {
		tdxc_sim_lines_write_back(lines, alias, doubt->line);
	} else {
		tdxc_sim_lines_machine_check(lines, &at, true);
		if (changed == 0)
			alias->owner[doubt->line] = 0;
	}
	tdxc_sim_lines_drop(lines, alias, doubt->line);
}

/* It may have been the last to write. */
static void end_use(struct tdxc_sim_lines *lines, struct alias *alias,
		    uint32_t lp)
{
	if ((alias->writers[lp / 64] & bit_of(lp)) != 0)
		make_dirty(alias, tdxc_sim_lines_package(lines, lp));
	alias->users[lp / 64] &= ~bit_of(lp);
	alias->writers[lp / 64] &= ~bit_of(lp);
}

void tdxc_sim_lines_end_call(struct tdxc_sim_lines *lines, uint32_t lp,
			     bool guest_runs)
{
	struct lp_use *use = &lines->uses[lp];

	(void)pthread_mutex_lock(&lines->lock);
	if (!guest_runs) {
		for (size_t i = 0; i < use->nr_aliases; i++)
			end_use(lines, use->aliases[i], lp);
		use->nr_aliases = 0;
	}
	for (size_t i = 0; i < use->nr_doubts; i++)
		judge(lines, &use->doubts[i], lp);
	use->nr_doubts = 0;
	(void)pthread_mutex_unlock(&lines->lock);
}
