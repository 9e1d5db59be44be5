/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * What the files of a scan share: how frames of the address space, counted from
 * 0 as indices of tables do, and virtual addresses belong together.
 */
#ifndef TDXCORE_SCAN_WORK_H
#define TDXCORE_SCAN_WORK_H

#include <tdxcore/scan.h>

static inline uint64_t scan_va(uint32_t levels, uint64_t frame)
{
	uint32_t bits = 12 + 9 * levels;
	uint64_t va = frame << 12;

	return va >> (bits - 1) ? va | ~0ull << bits : va;
}

/* The leaf that was reported last is met once more. */
void tdxc_scan_again_(struct tdxc_scan *s, const struct tdxc_scan_leaf *leaf);

#endif
