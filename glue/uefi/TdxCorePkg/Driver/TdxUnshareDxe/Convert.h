/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * A guest's firmware that converts memory, and makes all of it private at the
 * end of boot services: page tables, gate, MapGPA and ACCEPT in their order.
 *
 * All memory it works with is in one struct, so that nothing is allocated once
 * it stands. One processor calls; a call may be interrupted by another one, of
 * an event's handler.
 */
#ifndef TDXC_UEFI_CONVERT_H
#define TDXC_UEFI_CONVERT_H

#include <tdxcore/gate.h>
#include <tdxcore/unshare.h>

#include "Tables.h"

#define TDXC_GUEST_SHARED     1024u /* ranges that are shared at once */
#define TDXC_GUEST_GAPS	      64u   /* ranges neither shared nor accepted */
#define TDXC_GUEST_EXCLUSIONS 128u  /* given by callers */
#define TDXC_GUEST_RAM	      256u  /* ranges of RAM */
#define TDXC_GUEST_LEFT	      256u  /* ranges that could not be converted */
#define TDXC_GUEST_BATCH      256u
#define TDXC_GUEST_RETRIES    3u /* of what is left at the end */
#define TDXC_GUEST_WORDS      (TDXC_LEFT_HEADER + 2 * TDXC_GUEST_LEFT)

/* What a platform has. */
struct tdxc_guest_config {
	const struct tdxc_convert_ops *ops;
	void *ctx;
	uint32_t gpaw;
	struct tdxc_tables tables;
};

struct tdxc_guest {
	struct tdxc_gate gate;
	struct tdxc_tables tables;
	struct tdxc_converter converter; /* accepted already: an error */
	struct tdxc_converter last;	 /* accepted already: counted */
	struct tdxc_tracker shared;	 /* by share(), and gaps */
	struct tdxc_tracker gaps; /* of these, private but not accepted */
	struct tdxc_tracker seen;
	/* Exclusions by callers, in order; and with all that is not RAM. */
	uint32_t nr_asked;
	uint32_t nr_exclusions;
	/* Sorted; nothing outside is converted at the end. */
	uint32_t nr_ram;
	struct tdxc_range ram[TDXC_GUEST_RAM];
	struct tdxc_unshare_exclusion asked[TDXC_GUEST_EXCLUSIONS];
	struct tdxc_unshare_exclusion exclusions[TDXC_GUEST_EXCLUSIONS +
						 TDXC_GUEST_GAPS +
						 TDXC_GUEST_RAM + 1];
	struct tdxc_range shared_ranges[TDXC_GUEST_SHARED];
	struct tdxc_range gap_ranges[TDXC_GUEST_GAPS];
	struct tdxc_range seen_ranges[TDXC_GUEST_SHARED];
	struct tdxc_range batch[TDXC_GUEST_BATCH];
	struct tdxc_unshare_left left[TDXC_GUEST_LEFT];
	struct tdxc_unshare_tdx op;
	struct tdxc_unshare engine;
	uint64_t words[TDXC_GUEST_WORDS];
	size_t nr_words;
	uint64_t in_flight; /* as the gate was closed */
	int64_t difference; /* pages found shared less those tracked */
	uint64_t unmapped;  /* ranges taken out of the tables */
	bool finished;
};

/* TDXC_OK, or TDXC_E_INVAL: the width, or the tables, cannot be. */
int tdxc_guest_init(struct tdxc_guest *g,
		    const struct tdxc_guest_config *config);

/* What is RAM, sorted; copied. TDXC_E_NOSPC: too many; TDXC_E_INVAL: unsorted.
 * Without change. */
int tdxc_guest_set_ram(struct tdxc_guest *g, const struct tdxc_range *ram,
		       size_t nr);

/*
 * Private memory becomes shared. r->done of it is, from the start, also when
 * this fails; the rest is private, but for r's gap, which is not mapped any
 * more.
 *
 * TDXC_E_CANCELED  the gate is closed
 * TDXC_E_EXIST	    some of it is shared already
 * TDXC_E_NOSPC	    too many ranges are shared, or too many pages were split
 * else as tdxc_tables_edit() and tdxc_convert_share()
 */
int tdxc_guest_share(struct tdxc_guest *g, struct tdxc_range range,
		     struct tdxc_conversion *r);

/*
 * And private again, zeroed. A gap is not mapped, counts as shared, and is
 * tried again at the end, even where it is excluded: it can be shared no
 * more. TDXC_E_NOENT: not all of it was shared by
 * tdxc_guest_share(). Else as there.
 */
int tdxc_guest_unshare(struct tdxc_guest *g, struct tdxc_range range,
		       struct tdxc_conversion *r);

/* Memory that was never used before is accepted. TDXC_E_CANCELED, and as
 * tdxc_convert_accept(). */
int tdxc_guest_accept(struct tdxc_guest *g, struct tdxc_range range,
		      struct tdxc_conversion *r);

/*
 * Memory that stays shared (order 0), or is converted after all other memory,
 * by rising order. TDXC_E_EXIST: it overlaps one there is; TDXC_E_INVAL:
 * empty, unaligned, or no RAM; TDXC_E_NOSPC; TDXC_E_CANCELED.
 */
int tdxc_guest_exclude(struct tdxc_guest *g, struct tdxc_range range,
		       uint32_t order);

/*
 * The end: the gate is closed, and every shared page of RAM found in the page
 * tables becomes private but for exclusions of order 0. What cannot be
 * converted leaves the page tables, so that an access to it is a page fault,
 * and is in g->words, as tdxc_unshare_pack() says.
 *
 * TDXC_OK: all of it. TDXC_E_IO: see g->left. Else the engine's.
 */
int tdxc_guest_finish(struct tdxc_guest *g);

#endif
