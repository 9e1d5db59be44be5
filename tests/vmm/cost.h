/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * What operations on private memory cost in SEAMCALLs and broadcasts to vCPUs,
 * counted on the software platform, beside what they may cost, and what one
 * page at a time would. The counts do not depend on the computer.
 */
#ifndef TDXC_TESTS_VMM_COST_H
#define TDXC_TESTS_VMM_COST_H

#include <stdbool.h>
#include <stdint.h>

struct vmm_cost {
	const char *name;
	uint64_t n;	      /* pages, or times */
	uint64_t calls;	      /* SEAMCALLs, without PAMT.ADD and .REMOVE */
	uint64_t write_backs; /* PAGE.WBINVD among them, not judged where
				 `limit` is of the rest */
	uint64_t broadcasts;  /* times all vCPUs had to be out */
	uint64_t limit;	      /* of `calls`, or of calls - write_backs */
	uint64_t broadcast_limit;
	bool less_write_backs; /* the limit is of the rest */
	/* Linux 6.16: one page of 4K at a time (kvm-mirror-mmu.md 6.4). */
	uint64_t page_by_page_calls;
	uint64_t page_by_page_broadcasts;
};

/* Cases there are; the last ones, left out by `quick`, take long. */
uint32_t vmm_cost_count(bool quick);
/* Measure one. False: an operation failed. */
bool vmm_cost_measure(uint32_t i, bool static_pamt, struct vmm_cost *cost);
/* What is judged, and whether it is within the limits. */
uint64_t vmm_cost_judged(const struct vmm_cost *cost);
bool vmm_cost_is_good(const struct vmm_cost *cost);

#endif
