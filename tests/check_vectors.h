/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Vectors C1 to C62 of tdx-module-abi.md 10.1, for test_check.c. Each is the
 * layouts T0 and T1 of that section with some words written over.
 */
#ifndef CHECK_VECTORS_H
#define CHECK_VECTORS_H

#include <stdint.h>

/* 64-bit words of TDMR_INFO. */
enum word { BASE, SIZE, G_BASE, G_SIZE, M_BASE, M_SIZE, K_BASE, K_SIZE, AREAS };

struct edit {
	unsigned tdmr, word;
	uint64_t value;
};

/* Reserved area n of TDMR t. */
#define RS(t, n, offset, size)                                                 \
	{t, AREAS + 2 * (n), offset},                                          \
	{                                                                      \
		t, AREAS + 2 * (n) + 1, size                                   \
	}

/* A TDMR of 2 GiB needs larger PAMTs; the 4K region makes room. */
#define TWO_GIB                                                                \
	{0, SIZE, 0x80000000}, {0, M_SIZE, 0x4000}, {0, K_BASE, 0x4C0005000},  \
	{                                                                      \
		0, K_SIZE, 0x800000                                            \
	}

struct vector {
	const char *id;
	unsigned nr_tdmrs;
	struct edit edits[8]; /* Ends with the first that changes nothing. */
	uint64_t status;
};

/* clang-format off */
static const struct vector vectors[] = {
	{"C1", 1, {{0, BASE, 0x100000000}}, 0},
	{"C2", 1, {{0, BASE, 0x120000000}}, 0xC0000A0000000000},
	{"C3", 1, {{0, BASE, 0xFFFFFFFFC0000000}, {0, SIZE, 0x80000000}}, 0xC0000A0000000000},
	{"C4", 1, {{0, SIZE, 0}}, 0xC0000A0000000000},
	{"C5", 1, {{0, SIZE, 0x20000000}}, 0xC0000A0000000000},
	{"C6", 1, {{0, BASE, 0x400100000000}}, 0xC0000A0000000000},
	{"C7", 1, {{0, BASE, 0x3FFFC0000000}, {0, SIZE, 0x80000000}}, 0xC0000A0000000000},
	{"C8", 1, {{0, BASE, 0x10000000000000}}, 0xC0000A0000000000},
	{"C9", 2, {{1, BASE, 0x140000000}}, 0},
	{"C10", 2, {{1, BASE, 0x80000000}}, 0xC0000A0100000001},
	{"C11", 2, {{1, BASE, 0x100000000}}, 0xC0000A0100000001},
	{"C12", 2, {TWO_GIB}, 0xC0000A0100000001},
	{"C13", 2, {{1, BASE, 0x110000000}}, 0xC0000A0100000001},
	{"C14", 2, {{1, BASE, 0x150000000}}, 0xC0000A0000000001},
	{"C15", 1, {RS(0, 0, 0x1000, 0x1000), RS(0, 1, 0x2000, 0x1000)}, 0},
	{"C16", 1, {RS(0, 0, 0x1000, 0x1000), RS(0, 2, 0x5000, 0x1000)}, 0xC0000A2100000100},
	{"C17", 1, {RS(0, 1, 0x1000, 0x1000)}, 0xC0000A2100000000},
	{"C18", 1, {RS(0, 0, 0x5000, 0x1000), RS(0, 1, 0x1000, 0x1000)}, 0xC0000A2100000100},
	{"C19", 1, {RS(0, 0, 0x1000, 0x2000), RS(0, 1, 0x2000, 0x1000)}, 0xC0000A2100000100},
	{"C20", 1, {RS(0, 0, 0x1800, 0x1000)}, 0xC0000A2000000000},
	{"C21", 1, {RS(0, 0, 0x1000, 0x800)}, 0xC0000A2000000000},
	{"C22", 1, {RS(0, 0, 0x3FFFF000, 0x2000)}, 0xC0000A2000000000},
	{"C23", 1, {RS(0, 0, 0x40000000, 0x1000)}, 0xC0000A2000000000},
	{"C24", 1, {RS(0, 0, 0x3FFFF000, 0x1000)}, 0},
	{"C25", 1, {RS(0, 0, 0xFFFFFFFFFFFFF000, 0x2000)}, 0xC0000A2000000000},
	{"C26", 1, {RS(0, 0, 0xFFFFFFFFFFFFE000, 0x1000)}, 0xC0000A2000000000},
	{"C27", 1, {RS(0, 0, 0x1000, 0x1000), RS(0, 1, 0xDEAD, 0)}, 0},
	/* C28 is c28_all_sixteen_areas_may_be_used. */
	{"C29", 1, {RS(0, 0, 0, 0x40000000)}, 0},
	{"C30", 1, {{0, G_SIZE, 0}}, 0xC0000A1000000200},
	{"C31", 1, {{0, M_SIZE, 0x1000}}, 0xC0000A1000000100},
	{"C32", 1, {{0, K_SIZE, 0x3FF000}}, 0xC0000A1000000000},
	{"C33", 1, {{0, K_SIZE, 0x800000}}, 0},
	{"C34", 1, {{0, K_BASE, 0x4C0003800}}, 0xC0000A1000000000},
	{"C35", 1, {{0, M_SIZE, 0x2800}}, 0xC0000A1000000100},
	{"C36", 1, {{0, G_BASE, 0x4004C0000000}}, 0xC0000A1000000200},
	{"C37", 1, {{0, G_SIZE, 0}, {0, K_SIZE, 0x3FF000}}, 0xC0000A1000000200},
	{"C38", 1, {RS(0, 0, 0x1800, 0x1000), {0, G_SIZE, 0}}, 0xC0000A2000000000},
	{"C39", 1, {{0, M_BASE, 0x4C0010000}}, 0xC0000A1200000000},
	{"C40", 1, {{0, G_BASE, 0x4C0001000}}, 0xC0000A1200000100},
	{"C41", 1, {{0, G_BASE, 0x4C0010000}}, 0xC0000A1200000000},
	{"C42", 1, {{0, K_BASE, 0x110000000}}, 0xC0000A1200000000},
	{"C43", 1, {{0, K_BASE, 0x110000000}, RS(0, 0, 0x10000000, 0x400000)}, 0},
	{"C44", 1, {{0, K_BASE, 0x110000000}, RS(0, 0, 0x10000000, 0x3FF000)}, 0xC0000A1200000000},
	{"C45", 1, {{0, K_BASE, 0x110000000}, RS(0, 0, 0x10000000, 0x200000), RS(0, 1, 0x10200000, 0x200000)}, 0},
	{"C46", 2, {RS(0, 0, 0x10000000, 0x400000), {1, K_BASE, 0x110000000}}, 0},
	{"C47", 2, {{1, K_BASE, 0x110000000}}, 0xC0000A1200000001},
	{"C48", 2, {{0, M_BASE, 0x150000000}}, 0xC0000A1200010100},
	{"C49", 1, {{0, M_BASE, 0x150000000}}, 0},
	{"C50", 2, {{1, G_BASE, 0x4C0003000}}, 0xC0000A1200000201},
	{"C51", 2, {{1, K_BASE, 0x4BFE00000}}, 0xC0000A1200000001},
	{"C52", 1, {{0, G_BASE, 0x80000000}}, 0xC0000A1100000200},
	{"C53", 1, {{0, K_BASE, 0x4FFE00000}}, 0xC0000A1100000000},
	/* C54 is c54_a_pamt_may_span_touching_cmrs. */
	{"C55", 1, {{0, K_BASE, 0x80000000}, {0, M_BASE, 0x80001000}}, 0xC0000A1200000000},
	{"C56", 1, {TWO_GIB, {0, BASE, 0x40000000}}, 0xC0000A0200000000},
	{"C57", 1, {TWO_GIB, {0, BASE, 0x40000000}, RS(0, 0, 0x40000000, 0x40000000)}, 0},
	{"C58", 1, {{0, BASE, 0}}, 0xC0000A0200000000},
	{"C59", 1, {{0, BASE, 0}, RS(0, 0, 0, 0x100000)}, 0},
	{"C60", 1, {{0, BASE, 0x80000000}, RS(0, 0, 0, 0x40000000)}, 0},
	{"C61", 1, {{0, BASE, 0x4C0000000}, RS(0, 0, 0, 0x1000000)}, 0},
	{"C62", 1, {{0, BASE, 0x4C0000000}, RS(0, 0, 0, 0x400000)}, 0xC0000A1200000000},
};
/* clang-format on */

#endif
