/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * The line model: who sees what in memory that several KeyIDs reach.
 *
 * Memory holds, per 64-byte line, the plain content and the KeyID that wrote
 * it. Caches hold copies by (address, KeyID), which hardware does not keep
 * coherent with each other: a copy is filled when it is used, and when it is
 * dirty it overwrites memory at the time it is written back, whatever memory
 * holds by then. A line of one KeyID is coherent between the packages; the
 * dirty copy belongs to the package that wrote last.
 *
 * The module reaches memory by whole pages and keeps pointers while it works.
 * So the lines of a page it has asked for stay in the cache until its call has
 * ended, or its guest has: who flushes before that finds them dirty again.
 */
#ifndef TDXC_SIM_LINES_H
#define TDXC_SIM_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "events.h"
#include "memory.h"

#define TDXC_SIM_LINE 64u

struct tdxc_sim_lines;

struct tdxc_sim_lines_config {
	struct tdxc_sim_memory *memory;
	struct tdxc_sim_events *events;
	uint32_t nr_lps; /* LP i is in package i * P / N */
	uint32_t nr_packages;
	uint32_t cache_blocks;
	uint32_t nr_keyids;
	uint32_t first_private; /* KeyIDs whose integrity is checked */
	uint32_t nr_private;
	bool partial_write_poisons; /* the erratum */
	uint64_t seed;
};

/* A line of one KeyID, or bytes inside it. */
struct tdxc_sim_line {
	uint32_t lp;
	uint32_t keyid;
	uint64_t pa; /* without KeyID */
};

/* NULL: no memory. */
struct tdxc_sim_lines *
tdxc_sim_lines_create(const struct tdxc_sim_lines_config *config);
void tdxc_sim_lines_destroy(struct tdxc_sim_lines *lines);

/* A new key: what was written under the old one is foreign from now on. */
void tdxc_sim_lines_new_key(struct tdxc_sim_lines *lines, uint32_t keyid);

/* For the module: all lines of the page at `at` in the cache of the LP; the
 * same pointer ever after. `call`: they stay there until
 * tdxc_sim_lines_end_call(). NULL: no memory. */
void *tdxc_sim_lines_page(struct tdxc_sim_lines *lines,
			  const struct tdxc_sim_line *at, bool write,
			  bool call);
/* The call, or the guest, on this LP is over. What it overwrote entirely in
 * foreign lines counts as direct stores, which is what the module uses to make
 * a page; what else it asked for in foreign private lines was consumed. */
void tdxc_sim_lines_end_call(struct tdxc_sim_lines *lines, uint32_t lp,
			     bool guest_runs);
/* Zero whole pages by direct stores. 0, or TDXC_E_NOMEM. */
int tdxc_sim_lines_zero(struct tdxc_sim_lines *lines,
			const struct tdxc_sim_line *at, uint64_t bytes);

/*
 * For software: bytes inside one line. TDXC_OK; TDXC_E_IO: machine check, an
 * event tells, a load returns garbage and a store is lost; TDXC_E_NOMEM.
 */
int tdxc_sim_lines_load(struct tdxc_sim_lines *lines,
			const struct tdxc_sim_line *at, void *out,
			size_t bytes);
int tdxc_sim_lines_store(struct tdxc_sim_lines *lines,
			 const struct tdxc_sim_line *at, const void *in,
			 size_t bytes);
/* Past the caches: a whole line by MOVDIR64B (never a machine check, and it
 * clears poison), or a part of it. */
int tdxc_sim_lines_store_direct(struct tdxc_sim_lines *lines,
				const struct tdxc_sim_line *at, const void *in,
				size_t bytes);

/* Out of every cache: this line, under this KeyID alone. */
void tdxc_sim_lines_clflush(struct tdxc_sim_lines *lines,
			    const struct tdxc_sim_line *at);
/* All KeyIDs' lines in a package's caches, or block `block` of them (-1: all).
 * `invalidate`: WBINVD; without: WBNOINVD. */
void tdxc_sim_lines_flush_package(struct tdxc_sim_lines *lines,
				  uint32_t package, int64_t block,
				  bool invalidate);
/* The caches run out of room: so many lines leave them, in an order that
 * comes from the seed. */
void tdxc_sim_lines_evict(struct tdxc_sim_lines *lines, uint64_t count);
/* Lines of a KeyID that are dirty in a cache. */
uint64_t tdxc_sim_lines_dirty(struct tdxc_sim_lines *lines, uint32_t keyid);

#endif
