/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Vectors D1 to D11 of tdx-module-abi.md 11, on the newer profile. */
#ifndef TDXC_TESTS_SIM_VECTORS_PAMT_H
#define TDXC_TESTS_SIM_VECTORS_PAMT_H

#include "vectors.h"

#define ADD(rax, range) R0(rax, 58, (range) | 1, PAIR0(range), PAIR1(range))

/* clang-format off */
static const struct vector_case pamt_vectors[] = {
	{"D1", TDMRS, "PAMT.ADD where the PAMT is static",
	 {ADD(INVALID(0), TDMR)}},
	{"D2", DYNAMIC, "levels that are none, and 1M",
	 {R0(INVALID(1), 58, TDMR, PAIR0(TDMR), PAIR1(TDMR)),
	  R0(INVALID(1), 58, TDMR | 2, PAIR0(TDMR), PAIR1(TDMR)),
	  R0(INVALID(1), 58, (TDMR + 0x100000) | 1, PAIR0(TDMR), PAIR1(TDMR))}},
	{"D3", DYNAMIC, "PAMT.ADD twice",
	 {ADD(0, TDMR), R0(0xC000030400000001, 58, TDMR | 1, A, B)}},
	{"D4", DYNAMIC, "one page for both",
	 {R0(0xC000030300000008, 58, TDMR | 1, A, A), ADD(0, TDMR)}},
	{"D5", DYNTD, "SEPT.ADD of a page without a pair",
	 {R2(0x8000030800000008, 0, 0, 3, 1, TDR, H2)}},
	{"D6", DYNTD, "the same with the pair",
	 {R0(0x8000030800000008, 3, 1, TDR, H2), ADD(0, H2),
	  R2(0, 0, 0, 3, 1, TDR, H2)}},
	{"D7", DYNTD, "a pair's page as an S-EPT page",
	 {R2(0xC000030000000008, 0, 0, 3, 1, TDR, PAIR0(TDMR)),
	  R2(0xC000030000000008, 0, 0, 3, 1, TDR, PAIR1(TDMR))}},
	{"D8", DYNTD, "AUG of 2M over a pair",
	 {ADD(0, H2), R2(0xC000030000000008, 0, 0, 6, 1, TDR, H2)}},
	{"D9", DYNTD, "PAMT.REMOVE with a page in use",
	 {R0(0xC000030600000000, 59, TDMR | 1)}},
	{"D9b", DYNTD, "PAMT.REMOVE with a page of the second half in use",
	 {ADD(0, H2), R0(0, 3, 1, TDR, H2 + 0x100000),
	  R0(0xC000030600000001, 59, H2 | 1)}},
	{"D10", DYNTD, "PAMT.REMOVE without a pair",
	 {R0(0xC000030500000001, 59, H2 | 1), ADD(0, H2),
	  R3(0, H2 | 1, PAIR0(H2), PAIR1(H2), 59, H2 | 1),
	  R0(0xC000030500000001, 59, H2 | 1)}},
	{"D11", DYNTD, "PAMT.ADD over a 2M page",
	 {R0(0, 6, 1, TDR, H2), R0(0xC000030400000001, 58, H2 | 1, A, B)}},
};
/* clang-format on */

#endif
