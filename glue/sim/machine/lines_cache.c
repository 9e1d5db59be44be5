/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* What leaves the caches, and in which order. */
#include <stdlib.h>

#include "lines_impl.h"

/* A line that is to leave. */
struct leaver {
	struct alias *alias;
	uint32_t line;
};

struct leavers {
	struct leaver *list;
	size_t count;
	size_t room;
};

static uint64_t next_random(struct tdxc_sim_lines *lines)
{
	uint64_t z = lines->random += 0x9E3779B97F4A7C15ull;

	z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
	z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
	return z ^ (z >> 31);
}

/* Short of memory: one by one in the order found, rather than not at all. */
static void add(struct tdxc_sim_lines *lines, struct leavers *all,
		struct alias *alias, uint32_t line)
{
	struct leaver *list = tdxc_sim_lines_grow(
		all->list, all->count, &all->room, sizeof(all->list[0]));

	if (!list) {
		tdxc_sim_lines_write_back(lines, alias, line);
		return;
	}
	all->list = list;
	all->list[all->count].alias = alias;
	all->list[all->count++].line = line;
}

static void swap(struct leavers *all, size_t a, size_t b)
{
	struct leaver kept = all->list[a];

	all->list[a] = all->list[b];
	all->list[b] = kept;
}

static void shuffle(struct tdxc_sim_lines *lines, struct leavers *all)
{
	for (size_t i = all->count; i > 1; i--)
		swap(all, i - 1, (size_t)(next_random(lines) % i));
}

void tdxc_sim_lines_clflush(struct tdxc_sim_lines *lines,
			    const struct tdxc_sim_line *at)
{
	struct alias *alias;

	(void)pthread_mutex_lock(&lines->lock);
	alias = tdxc_sim_lines_alias(lines, at, false);
	if (alias)
		tdxc_sim_lines_drop(
			lines, alias,
			(uint32_t)(at->pa / TDXC_SIM_LINE % LINES_PER_PAGE));
	(void)pthread_mutex_unlock(&lines->lock);
}

/* Dirty lines in the package, of one page; clean ones leave at once. */
static void collect_page(struct tdxc_sim_lines *lines, struct alias *alias,
			 uint32_t package, bool invalidate, struct leavers *all)
{
	uint8_t copy = (uint8_t)(1u << package);

	if (tdxc_sim_lines_used(alias))
		return;
	for (uint32_t i = 0; i < LINES_PER_PAGE; i++) {
		if (alias->owner[i] == package + 1)
			add(lines, all, alias, i);
		if (invalidate)
			alias->holders[i] &= (uint8_t)~copy;
	}
}

void tdxc_sim_lines_flush_package(struct tdxc_sim_lines *lines,
				  uint32_t package, int64_t block,
				  bool invalidate)
{
	struct leavers all = {NULL, 0, 0};

	(void)pthread_mutex_lock(&lines->lock);
	for (size_t i = 0; i < lines->nr_aliases; i++) {
		if (block < 0 ||
		    (int64_t)(i % lines->config.cache_blocks) == block)
			collect_page(lines, lines->aliases[i], package,
				     invalidate, &all);
	}
	shuffle(lines, &all);
	for (size_t i = 0; i < all.count; i++)
		tdxc_sim_lines_write_back(lines, all.list[i].alias,
					  all.list[i].line);
	(void)pthread_mutex_unlock(&lines->lock);
	free(all.list);
}

void tdxc_sim_lines_evict(struct tdxc_sim_lines *lines, uint64_t count)
{
	struct leavers all = {NULL, 0, 0};

	(void)pthread_mutex_lock(&lines->lock);
	for (size_t i = 0; i < lines->nr_aliases; i++) {
		struct alias *alias = lines->aliases[i];

		for (uint32_t k = 0; k < LINES_PER_PAGE; k++) {
			if (alias->holders[k] != 0)
				add(lines, &all, alias, k);
		}
	}
	shuffle(lines, &all);
	for (size_t i = 0; i < all.count && i < count; i++)
		tdxc_sim_lines_drop(lines, all.list[i].alias, all.list[i].line);
	(void)pthread_mutex_unlock(&lines->lock);
	free(all.list);
}

uint64_t tdxc_sim_lines_dirty(struct tdxc_sim_lines *lines, uint32_t keyid)
{
	uint64_t dirty = 0;

	(void)pthread_mutex_lock(&lines->lock);
	for (size_t i = 0; i < lines->nr_aliases; i++) {
		const struct alias *alias = lines->aliases[i];

		for (size_t k = 0; k < LINES_PER_PAGE; k++)
			dirty += alias->keyid == keyid && alias->owner[k] != 0;
	}
	(void)pthread_mutex_unlock(&lines->lock);
	return dirty;
}
