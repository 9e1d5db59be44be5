/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Platform P1 and the layouts T0 and T1 of tdx-module-abi.md 10.1, for the
 * suites that try check.c: a layout is made by writing words over T0 and T1.
 */
#ifndef CHECK_FIXTURE_H
#define CHECK_FIXTURE_H

#include <tdxcore/check.h>
#include <tdxcore/version.h>

#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define STRIDE	     512
#define WORDS	     (STRIDE / 8)

/* Where operands point when their address is not in question. */
#define ARRAY 0x300000000ull

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

static const struct tdxc_cmr p1_cmrs[] = {
	{0x100000, 0x7FF00000},
	{0x100000000, 0x400000000},
	{0x500000000, 0x40000000}, /* CMR2: only where a test wants it. */
};

static inline struct tdxc_check_platform p1(void)
{
	struct tdxc_check_platform p;

	memset(&p, 0, sizeof p);
	p.abi = TDXC_ABI;
	p.keyid_start_bit = 46;
	p.shared_keyids = 31;
	p.private_keyids = 32;
	p.seamrr.start = 0x90000000;
	p.seamrr.end = 0x98000000;
	p.cmrs = p1_cmrs;
	p.nr_cmrs = 2;
	p.limits = tdxc_limits_observed();
	return p;
}

static void t0_t1(uint64_t *infos)
{
	static const uint64_t t[2][AREAS] = {
		{0x100000000, 0x40000000, 0x4C0000000, 0x1000, 0x4C0001000,
		 0x2000, 0x4C0003000, 0x400000},
		{0x140000000, 0x40000000, 0x4C1000000, 0x1000, 0x4C1001000,
		 0x2000, 0x4C1003000, 0x400000},
	};

	memset(infos, 0, 2 * STRIDE);
	memcpy(infos, t[0], sizeof t[0]);
	memcpy(infos + WORDS, t[1], sizeof t[1]);
}

static inline uint64_t check_two(const struct tdxc_check_platform *p,
				 const struct edit *edits, size_t nr_edits,
				 uint32_t n)
{
	uint64_t infos[2 * WORDS];
	size_t i;

	t0_t1(infos);
	for (i = 0; i < nr_edits; i++)
		infos[edits[i].tdmr * WORDS + edits[i].word] = edits[i].value;
	return tdxc_check_layout(p, infos, STRIDE, n);
}

#endif
