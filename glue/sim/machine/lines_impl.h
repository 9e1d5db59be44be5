/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* What lines.c shares with lines_call.c and lines_cache.c. */
#ifndef TDXC_SIM_LINES_IMPL_H
#define TDXC_SIM_LINES_IMPL_H

#include <pthread.h>

#include "lines.h"
#include "tdx_module.h"

#define LINES_PER_PAGE 64u
#define PAGE_SIZE_4K   4096u

/* Who wrote a line: KeyID, and which of the keys it has had. */
typedef uint32_t line_tag;

/* One page through one KeyID, as caches hold it. Lives as long as the model,
 * for the module keeps pointers into it. */
struct alias {
	uint64_t pa; /* of the page */
	uint32_t keyid;
	struct line_page *page;
	struct alias *next; /* of the same page */
	/* By line: packages with a copy, and 1 + the one whose is dirty. */
	uint8_t holders[LINES_PER_PAGE];
	uint8_t owner[LINES_PER_PAGE];
	/* LPs whose call works on it. */
	uint64_t users[TDXC_SIM_MAX_LPS / 64];
	uint64_t writers[TDXC_SIM_MAX_LPS / 64];
	_Alignas(TDXC_SIM_LINE) unsigned char bytes[PAGE_SIZE_4K];
};

/* Lines of a page that were not all written alike. */
struct line_detail {
	line_tag tags[LINES_PER_PAGE];
	uint64_t poison;
	struct alias *aliases;
};

struct line_page {
	line_tag tag; /* of the whole page, without a detail */
	struct line_detail *detail;
};

/* A foreign private line handed to the module, not yet judged. */
struct doubt {
	struct alias *alias;
	uint32_t line;
	uint64_t garbage[TDXC_SIM_LINE / 8];
};

/* What the call on an LP has asked for. */
struct lp_use {
	struct alias **aliases;
	size_t nr_aliases;
	size_t room_aliases;
	struct doubt *doubts;
	size_t nr_doubts;
	size_t room_doubts;
};

struct line_region;

struct tdxc_sim_lines {
	struct tdxc_sim_lines_config config;
	pthread_mutex_t lock; /* all below, and the contents of memory */
	uint64_t random;
	uint16_t *generations; /* by KeyID */
	struct line_region **regions;
	uint64_t nr_regions;
	struct alias **aliases; /* all of them */
	size_t nr_aliases;
	size_t room_aliases;
	struct lp_use *uses; /* by LP */
};

/* The array with room for one more element of `size` bytes; NULL: no memory,
 * and the array is as it was. */
void *tdxc_sim_lines_grow(void *array, size_t count, size_t *room, size_t size);
uint32_t tdxc_sim_lines_package(const struct tdxc_sim_lines *lines,
				uint32_t lp);
bool tdxc_sim_lines_private(const struct tdxc_sim_lines *lines, uint32_t keyid);
/* NULL: no memory. */
struct line_page *tdxc_sim_lines_find(struct tdxc_sim_lines *lines,
				      uint64_t pa);
/* `make`: if it is not there yet; NULL: it is not, or no memory. */
struct alias *tdxc_sim_lines_alias(struct tdxc_sim_lines *lines,
				   const struct tdxc_sim_line *at, bool make);
bool tdxc_sim_lines_used(const struct alias *alias);
/* What a read through the KeyID gets from memory: the content, or garbage.
 * false: a machine check. */
bool tdxc_sim_lines_fetch(struct tdxc_sim_lines *lines,
			  const struct line_page *page,
			  const struct tdxc_sim_line *at, void *out);
/* Memory now holds this, written under this KeyID; no poison is left. */
void tdxc_sim_lines_commit(struct tdxc_sim_lines *lines,
			   const struct tdxc_sim_line *at,
			   struct line_page *page, const void *in);
void tdxc_sim_lines_write_back(struct tdxc_sim_lines *lines,
			       struct alias *alias, uint32_t line);
/* Out of every cache, written back when dirty; unless a call uses it. */
void tdxc_sim_lines_drop(struct tdxc_sim_lines *lines, struct alias *alias,
			 uint32_t line);
void tdxc_sim_lines_machine_check(struct tdxc_sim_lines *lines,
				  const struct tdxc_sim_line *at,
				  bool by_module);

#endif
