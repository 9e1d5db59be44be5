/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Between the two parts of a guest's kernel at its end. */
#ifndef TDXCORE_TOOLS_SCENARIO_PLAY_UNSHARE_H
#define TDXCORE_TOOLS_SCENARIO_PLAY_UNSHARE_H

#include <tdxcore/unshare.h>

#include "play_impl.h"

#define PLAY_BATCH	64u
#define PLAY_LEFT	4096u
#define PLAY_SPARE	8u
#define PLAY_LEFT_WORDS (TDXC_LEFT_HEADER + PLAY_LEFT)

/* A kernel at its end. */
struct play_kernel {
	struct play *p;
	struct play_td *td;
	const struct scenario_statement *st;
	struct play_tables tables;
	struct tdxc_converter converter;
	struct tdxc_unshare_tdx tdx;
	struct tdxc_unshare engine;
	struct tdxc_unshare_exclusion exclusions[2];
	size_t nr_exclusions;
	uint64_t spare[PLAY_SPARE];
	struct tdxc_range ram;
	struct tdxc_range batch[PLAY_BATCH];
	struct tdxc_unshare_left left[PLAY_LEFT];
	uint64_t words[PLAY_LEFT_WORDS];
	uint64_t clock;	     /* of the wait, in nanoseconds */
	uint64_t implicit;   /* conversions that a fault asked for, before */
	uint64_t began;	     /* conversions before the gate was closed */
	uint64_t flushes;    /* of the TLB */
	uint64_t shared;     /* pages that were, by the host */
	uint64_t *in_flight; /* owned: pages in the middle of a conversion */
};

static inline bool play_is_in(uint64_t gpa, struct tdxc_range range)
{
	return gpa >= range.start && gpa < range.end;
}

/* play_unshare.c */
void play_kernel_wrong(struct play_kernel *k, const char *what, uint64_t where);
bool play_kernel_fine(struct play_kernel *k, const char *what, int err);
struct tdxc_scan_config play_kernel_scan(struct play_kernel *k);

/* play_private.c */
/* Pages of a range that are shared, as far as the scenario knows. */
uint64_t play_kernel_shared(const struct play_kernel *k,
			    struct tdxc_range range);
uint64_t play_kernel_implicit(const struct play_kernel *k);
/* All that must be so afterwards is. */
void play_kernel_look(struct play_kernel *k);
/* Another kernel has the guest. */
void play_kernel_next(struct play_kernel *k);

#endif
