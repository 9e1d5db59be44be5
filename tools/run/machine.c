/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * The simulated machine: processors as asked for, and the CMRs that its
 * firmware reports.
 */
#include "run.h"

#include <string.h>

#define KEYID_BITS     6
#define SHARED_KEYIDS  31
#define PRIVATE_KEYIDS 32
#define FAMILY_MODEL   0x806F8
#define CACHE_BLOCKS   4
#define FOUR_GIB       0x100000000ull
#define NO_GAP	       SIZE_MAX

/* Where two CMRs are nearest to each other. Memory below 4 GiB is never joined
 * to that above it: the hole between is no memory on any PC. */
static size_t smallest_gap(const struct tdxc_cmr *cmrs, size_t nr)
{
	uint64_t least = UINT64_MAX;
	size_t at = NO_GAP;
	size_t i;

	for (i = 0; i + 1 < nr; i++) {
		uint64_t end = cmrs[i].base + cmrs[i].size;
		uint64_t gap = cmrs[i + 1].base - end;

		if (end <= FOUR_GIB && cmrs[i + 1].base >= FOUR_GIB)
			continue;
		if (gap < least) {
			least = gap;
			at = i;
		}
	}
	return at;
}

/* The array holds one more than a module reports: make room for the next. */
static size_t join_nearest(struct tdxc_cmr *cmrs, size_t nr)
{
	size_t at = smallest_gap(cmrs, nr);

	cmrs[at].size = cmrs[at + 1].base + cmrs[at + 1].size - cmrs[at].base;
	memmove(&cmrs[at + 1], &cmrs[at + 2], (nr - at - 2) * sizeof *cmrs);
	return nr - 1;
}

/*
 * CMRs that are more than fit come from RAM, or from what lies between: no
 * firmware reported them. Firmware that had to would cover them with what fits,
 * and a layout that keeps to the narrow ones keeps to the wide ones.
 */
static void report_cmrs(const struct run_request *request,
			struct tdxc_sim_platform *platform)
{
	struct tdxc_cmr cmrs[TDXC_MAX_CMRS + 1];
	size_t nr = 0;
	size_t i;

	for (i = 0; i < request->nr_cmrs; i++) {
		cmrs[nr].base = request->cmrs[i].start;
		cmrs[nr].size = tdxc_range_size(request->cmrs[i]);
		if (++nr > TDXC_MAX_CMRS)
			nr = join_nearest(cmrs, nr);
	}
	memcpy(platform->cmrs, cmrs, nr * sizeof *cmrs);
	platform->nr_cmrs = (uint32_t)nr;
}

void run_describe(const struct run_request *request,
		  struct tdxc_sim_platform *platform)
{
	memset(platform, 0, sizeof *platform);
	platform->abi = TDXC_ABI;
	platform->profile = request->dynamic_pamt ? TDXC_SIM_PROFILE_NEWER
						  : TDXC_SIM_PROFILE_1_5_01;
	platform->nr_lps = request->cpus;
	platform->nr_packages = request->packages;
	platform->pa_width = RUN_PA_BITS + KEYID_BITS;
	platform->keyid_bits = KEYID_BITS;
	platform->shared_keyids = SHARED_KEYIDS;
	platform->private_keyids = PRIVATE_KEYIDS;
	platform->fms = FAMILY_MODEL;
	platform->cache_blocks = CACHE_BLOCKS;
	report_cmrs(request, platform);
}
