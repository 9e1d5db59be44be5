/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Memory under KeyIDs, and how caches are filled from it. */
#include "lines_impl.h"

#include <stdlib.h>
#include <string.h>

#define REGION_SHIFT 30
#define CHUNK_SHIFT  21
#define CHUNKS	     512u
#define CHUNK_PAGES  512u

struct line_region {
	struct line_page *chunks[CHUNKS]; /* of CHUNK_PAGES each */
};

void *tdxc_sim_lines_grow(void *array, size_t count, size_t *room, size_t size)
{
	size_t more = *room == 0 ? 16 : *room * 2;
	void *bigger;

	if (count < *room)
		return array;
	bigger = realloc(array, more * size);
	if (bigger)
		*room = more;
	return bigger;
}

static bool keep_alias(struct tdxc_sim_lines *lines, struct alias *alias)
{
	struct alias **all = tdxc_sim_lines_grow(
		lines->aliases, lines->nr_aliases, &lines->room_aliases,
		sizeof(lines->aliases[0]));

	if (!all)
		return false;
	all[lines->nr_aliases++] = alias;
	lines->aliases = all;
	return true;
}

struct tdxc_sim_lines *
tdxc_sim_lines_create(const struct tdxc_sim_lines_config *config)
{
	struct tdxc_sim_lines *lines = calloc(1, sizeof(*lines));

	if (!lines)
		return NULL;
	lines->config = *config;
	lines->random = config->seed;
	lines->nr_regions = (tdxc_sim_memory_size(config->memory) +
			     ((uint64_t)1 << REGION_SHIFT) - 1) >>
			    REGION_SHIFT;
	lines->regions = calloc(lines->nr_regions, sizeof(lines->regions[0]));
	lines->generations =
		calloc(config->nr_keyids, sizeof(lines->generations[0]));
	lines->uses = calloc(config->nr_lps, sizeof(lines->uses[0]));
	(void)pthread_mutex_init(&lines->lock, NULL);
	if (!lines->regions || !lines->generations || !lines->uses) {
		tdxc_sim_lines_destroy(lines);
		return NULL;
	}
	return lines;
}

static void free_regions(struct tdxc_sim_lines *lines)
{
	for (uint64_t r = 0; lines->regions && r < lines->nr_regions; r++) {
		struct line_region *region = lines->regions[r];

		if (!region)
			continue;
		for (size_t i = 0; i < CHUNKS; i++) {
			struct line_page *chunk = region->chunks[i];

			for (size_t k = 0; chunk && k < CHUNK_PAGES; k++)
				free(chunk[k].detail);
			free(chunk);
		}
		free(region);
	}
	free(lines->regions);
}

void tdxc_sim_lines_destroy(struct tdxc_sim_lines *lines)
{
	if (!lines)
		return;
	for (uint32_t lp = 0; lines->uses && lp < lines->config.nr_lps; lp++) {
		free(lines->uses[lp].aliases);
		free(lines->uses[lp].doubts);
	}
	free(lines->uses);
	free_regions(lines);
	for (size_t i = 0; i < lines->nr_aliases; i++)
		free(lines->aliases[i]);
	free(lines->aliases);
	free(lines->generations);
	(void)pthread_mutex_destroy(&lines->lock);
	free(lines);
}

uint32_t tdxc_sim_lines_package(const struct tdxc_sim_lines *lines, uint32_t lp)
{
	return lp * lines->config.nr_packages / lines->config.nr_lps;
}

bool tdxc_sim_lines_private(const struct tdxc_sim_lines *lines, uint32_t keyid)
{
	return keyid >= lines->config.first_private &&
	       keyid - lines->config.first_private < lines->config.nr_private;
}

void tdxc_sim_lines_new_key(struct tdxc_sim_lines *lines, uint32_t keyid)
{
	(void)pthread_mutex_lock(&lines->lock);
	lines->generations[keyid]++;
	(void)pthread_mutex_unlock(&lines->lock);
}

/* KeyID 0 with its first key is 0: memory at power on. A KeyID for software
 * that was given no key works with that of KeyID 0. */
static line_tag tag_now(const struct tdxc_sim_lines *lines, uint32_t keyid)
{
	if (lines->generations[keyid] == 0 &&
	    !tdxc_sim_lines_private(lines, keyid))
		return 0;
	return (line_tag)lines->generations[keyid] << 16 | keyid;
}

struct line_page *tdxc_sim_lines_find(struct tdxc_sim_lines *lines, uint64_t pa)
{
	struct line_region **region = &lines->regions[pa >> REGION_SHIFT];
	struct line_page **chunk;

	if (!*region)
		*region = calloc(1, sizeof(**region));
	if (!*region)
		return NULL;
	chunk = &(*region)->chunks[pa >> CHUNK_SHIFT & (CHUNKS - 1)];
	if (!*chunk)
		*chunk = calloc(CHUNK_PAGES, sizeof(**chunk));
	return *chunk ? *chunk + (pa >> 12 & (CHUNK_PAGES - 1)) : NULL;
}

static struct line_detail *detail_of(struct line_page *page)
{
	struct line_detail *detail = page->detail;

	if (detail)
		return detail;
	detail = calloc(1, sizeof(*detail));
	for (size_t i = 0; detail && i < LINES_PER_PAGE; i++)
		detail->tags[i] = page->tag;
	page->detail = detail;
	return detail;
}

static struct alias *new_alias(struct tdxc_sim_lines *lines,
			       struct line_page *page,
			       const struct tdxc_sim_line *at)
{
	struct line_detail *detail = detail_of(page);
	struct alias *alias;

	alias = detail ? aligned_alloc(TDXC_SIM_LINE, sizeof(*alias)) : NULL;
	if (!alias)
		return NULL;
	if (!keep_alias(lines, alias)) {
		free(alias);
		return NULL;
	}
	memset(alias, 0, sizeof(*alias));
	alias->pa = at->pa & ~(uint64_t)(PAGE_SIZE_4K - 1);
	alias->keyid = at->keyid;
	alias->page = page;
	alias->next = detail->aliases;
	detail->aliases = alias;
	return alias;
}

struct alias *tdxc_sim_lines_alias(struct tdxc_sim_lines *lines,
				   const struct tdxc_sim_line *at, bool make)
{
	struct line_page *page = tdxc_sim_lines_find(lines, at->pa);
	struct alias *alias =
		page && page->detail ? page->detail->aliases : NULL;

	while (alias && alias->keyid != at->keyid)
		alias = alias->next;
	if (!alias && page && make)
		alias = new_alias(lines, page, at);
	return alias;
}

bool tdxc_sim_lines_used(const struct alias *alias)
{
	for (size_t i = 0; i < TDXC_SIM_MAX_LPS / 64; i++) {
		if (alias->users[i] != 0)
			return true;
	}
	return false;
}

/* --- what memory gives and takes ------------------------------------------ */

static uint32_t line_of(uint64_t pa)
{
	return (uint32_t)(pa / TDXC_SIM_LINE % LINES_PER_PAGE);
}

static line_tag tag_of(const struct line_page *page, uint32_t line)
{
	return page->detail ? page->detail->tags[line] : page->tag;
}

static bool is_poisoned(const struct line_page *page, uint32_t line)
{
	return page->detail && (page->detail->poison >> line & 1) != 0;
}

static uint64_t mix(uint64_t z)
{
	z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
	z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
	return z ^ (z >> 31);
}

/* Ciphertext of another key, deciphered with this one: differs with content,
 * address and both keys, and is the same each time. */
static void scramble(uint64_t *words, uint64_t pa, line_tag wrote,
		     line_tag reads)
{
	for (size_t i = 0; i < TDXC_SIM_LINE / 8; i++) {
		uint64_t tweak = mix(pa + 8 * i + 0x9E3779B97F4A7C15ull);

		words[i] = mix(words[i] ^ mix(tweak + wrote));
		words[i] = mix(words[i] + mix(tweak ^ ~(uint64_t)reads));
	}
}

bool tdxc_sim_lines_fetch(struct tdxc_sim_lines *lines,
			  const struct line_page *page,
			  const struct tdxc_sim_line *at, void *out)
{
	uint32_t line = line_of(at->pa);
	line_tag wrote = tag_of(page, line);
	line_tag reads = tag_now(lines, at->keyid);
	const unsigned char *bytes =
		tdxc_sim_memory_peek(lines->config.memory, at->pa);
	uint64_t words[TDXC_SIM_LINE / 8] = {0};

	if (bytes)
		memcpy(words, bytes + (size_t)line * TDXC_SIM_LINE,
		       TDXC_SIM_LINE);
	if (is_poisoned(page, line))
		wrote = ~wrote;
	if (wrote != reads)
		scramble(words, at->pa & ~(uint64_t)(TDXC_SIM_LINE - 1), wrote,
			 reads);
	memcpy(out, words, sizeof(words));
	if (is_poisoned(page, line))
		return false;
	return wrote == reads || !tdxc_sim_lines_private(lines, at->keyid);
}

void tdxc_sim_lines_commit(struct tdxc_sim_lines *lines,
			   const struct tdxc_sim_line *at,
			   struct line_page *page, const void *in)
{
	uint32_t line = line_of(at->pa);
	struct line_detail *detail = detail_of(page);
	unsigned char *bytes =
		tdxc_sim_memory_page(lines->config.memory, at->pa);

	if (!detail || !bytes) {
		const struct tdxc_sim_event event = {TDXC_SIM_EVENT_NO_PAGE,
						     at->pa,
						     at->keyid,
						     0,
						     at->lp,
						     false};

		tdxc_sim_events_put(lines->config.events, &event);
		return;
	}
	memcpy(bytes + (size_t)line * TDXC_SIM_LINE, in, TDXC_SIM_LINE);
	detail->tags[line] = tag_now(lines, at->keyid);
	detail->poison &= ~((uint64_t)1 << line);
}

void tdxc_sim_lines_machine_check(struct tdxc_sim_lines *lines,
				  const struct tdxc_sim_line *at,
				  bool by_module)
{
	const struct line_page *page = tdxc_sim_lines_find(lines, at->pa);
	uint32_t line = line_of(at->pa);
	const struct tdxc_sim_event event = {
		is_poisoned(page, line) ? TDXC_SIM_EVENT_POISON
					: TDXC_SIM_EVENT_WRONG_KEY,
		at->pa & ~(uint64_t)(TDXC_SIM_LINE - 1),
		at->keyid,
		tag_of(page, line) & 0xFFFF,
		at->lp,
		by_module,
	};

	tdxc_sim_events_put(lines->config.events, &event);
}

void tdxc_sim_lines_write_back(struct tdxc_sim_lines *lines,
			       struct alias *alias, uint32_t line)
{
	const struct tdxc_sim_line at = {
		0, alias->keyid, alias->pa + (uint64_t)line * TDXC_SIM_LINE};

	if (alias->owner[line] == 0)
		return;
	alias->owner[line] = 0;
	tdxc_sim_lines_commit(lines, &at, alias->page,
			      alias->bytes + (size_t)line * TDXC_SIM_LINE);
}

void tdxc_sim_lines_drop(struct tdxc_sim_lines *lines, struct alias *alias,
			 uint32_t line)
{
	if (tdxc_sim_lines_used(alias))
		return;
	tdxc_sim_lines_write_back(lines, alias, line);
	alias->holders[line] = 0;
}

/* --- software's accesses ---------------------------------------------------
 */

/* A copy in the cache of the LP. TDXC_E_IO: machine check, and no copy, but
 * the garbage stands where it would be. */
static int fill(struct tdxc_sim_lines *lines, const struct tdxc_sim_line *at,
		struct alias *alias)
{
	uint32_t line = line_of(at->pa);

	if (alias->holders[line] == 0 &&
	    !tdxc_sim_lines_fetch(lines, alias->page, at,
				  alias->bytes +
					  (size_t)line * TDXC_SIM_LINE)) {
		tdxc_sim_lines_machine_check(lines, at, false);
		return TDXC_E_IO;
	}
	alias->holders[line] |=
		(uint8_t)(1u << tdxc_sim_lines_package(lines, at->lp));
	return TDXC_OK;
}

int tdxc_sim_lines_load(struct tdxc_sim_lines *lines,
			const struct tdxc_sim_line *at, void *out, size_t bytes)
{
	struct alias *alias;
	int err = TDXC_E_NOMEM;

	(void)pthread_mutex_lock(&lines->lock);
	alias = tdxc_sim_lines_alias(lines, at, true);
	if (alias) {
		err = fill(lines, at, alias);
		memcpy(out, alias->bytes + at->pa % PAGE_SIZE_4K, bytes);
	}
	(void)pthread_mutex_unlock(&lines->lock);
	return err;
}

int tdxc_sim_lines_store(struct tdxc_sim_lines *lines,
			 const struct tdxc_sim_line *at, const void *in,
			 size_t bytes)
{
	uint32_t package = tdxc_sim_lines_package(lines, at->lp);
	uint32_t line = line_of(at->pa);
	struct alias *alias;
	int err = TDXC_E_NOMEM;

	(void)pthread_mutex_lock(&lines->lock);
	alias = tdxc_sim_lines_alias(lines, at, true);
	if (alias)
		err = fill(lines, at, alias);
	if (err == TDXC_OK) {
		memcpy(alias->bytes + at->pa % PAGE_SIZE_4K, in, bytes);
		alias->holders[line] = (uint8_t)(1u << package);
		alias->owner[line] = (uint8_t)(package + 1);
	}
	(void)pthread_mutex_unlock(&lines->lock);
	return err;
}

/* --- past the caches --------------------------------------------------------
 */

/* The copy under the same KeyID goes; those under others stay as they are,
 * dirty ones to overwrite this one day. */
static void store_line(struct tdxc_sim_lines *lines,
		       const struct tdxc_sim_line *at, struct line_page *page,
		       const void *in)
{
	struct alias *alias = tdxc_sim_lines_alias(lines, at, false);
	uint32_t line = line_of(at->pa);

	tdxc_sim_lines_commit(lines, at, page, in);
	if (!alias)
		return;
	memcpy(alias->bytes + (size_t)line * TDXC_SIM_LINE, in, TDXC_SIM_LINE);
	alias->owner[line] = 0;
	if (!tdxc_sim_lines_used(alias))
		alias->holders[line] = 0;
}

/* The memory controller merges: unless it is to be checked, which the parts
 * with the erratum do with poison. */
static int store_part(struct tdxc_sim_lines *lines,
		      const struct tdxc_sim_line *at, struct line_page *page,
		      const void *in, size_t bytes)
{
	struct alias *alias = tdxc_sim_lines_alias(lines, at, false);
	unsigned char merged[TDXC_SIM_LINE];
	struct tdxc_sim_line whole = *at;
	uint32_t line = line_of(at->pa);
	struct line_detail *detail = detail_of(page);

	if (!detail)
		return TDXC_E_NOMEM;
	if (alias)
		tdxc_sim_lines_drop(lines, alias, line);
	if (is_poisoned(page, line))
		return TDXC_OK;
	if (lines->config.partial_write_poisons &&
	    tdxc_sim_lines_private(lines, detail->tags[line] & 0xFFFF) &&
	    !tdxc_sim_lines_private(lines, at->keyid)) {
		detail->poison |= (uint64_t)1 << line;
		return TDXC_OK;
	}
	whole.pa &= ~(uint64_t)(TDXC_SIM_LINE - 1);
	if (!tdxc_sim_lines_fetch(lines, page, &whole, merged)) {
		tdxc_sim_lines_machine_check(lines, &whole, false);
		return TDXC_E_IO;
	}
	memcpy(merged + at->pa % TDXC_SIM_LINE, in, bytes);
	tdxc_sim_lines_commit(lines, &whole, page, merged);
	return TDXC_OK;
}

int tdxc_sim_lines_store_direct(struct tdxc_sim_lines *lines,
				const struct tdxc_sim_line *at, const void *in,
				size_t bytes)
{
	struct line_page *page;
	int err = TDXC_OK;

	(void)pthread_mutex_lock(&lines->lock);
	page = tdxc_sim_lines_find(lines, at->pa);
	if (!page)
		err = TDXC_E_NOMEM;
	else if (bytes == TDXC_SIM_LINE)
		store_line(lines, at, page, in);
	else
		err = store_part(lines, at, page, in, bytes);
	(void)pthread_mutex_unlock(&lines->lock);
	return err;
}

static void zero_page(struct tdxc_sim_lines *lines,
		      const struct tdxc_sim_line *at, struct line_page *page)
{
	static const unsigned char zeros[TDXC_SIM_LINE];
	struct tdxc_sim_line line = *at;

	if (!page->detail) {
		tdxc_sim_memory_zero(lines->config.memory, at->pa,
				     PAGE_SIZE_4K);
		page->tag = tag_now(lines, at->keyid);
		return;
	}
	for (size_t i = 0; i < LINES_PER_PAGE; i++) {
		store_line(lines, &line, page, zeros);
		line.pa += TDXC_SIM_LINE;
	}
}

int tdxc_sim_lines_zero(struct tdxc_sim_lines *lines,
			const struct tdxc_sim_line *at, uint64_t bytes)
{
	struct tdxc_sim_line here = *at;
	int err = TDXC_OK;

	(void)pthread_mutex_lock(&lines->lock);
	for (; here.pa < at->pa + bytes && err == TDXC_OK;
	     here.pa += PAGE_SIZE_4K) {
		struct line_page *page = tdxc_sim_lines_find(lines, here.pa);

		if (page)
			zero_page(lines, &here, page);
		else
			err = TDXC_E_NOMEM;
	}
	(void)pthread_mutex_unlock(&lines->lock);
	return err;
}
