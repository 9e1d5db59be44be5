/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Platform P1 of tdx-module-abi.md 10.1 with a module on it, in any of the
 * states that vectors start from. Everything stands where vectors.h says.
 */
#ifndef TDXC_TESTS_SIM_P1_H
#define TDXC_TESTS_SIM_P1_H

#include "../check_fixture.h"

/* check_fixture.h is C of its own style */
#undef COUNT
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#include <check.h>

#include "machine.h"
#include "module.h"
#include "vectors.h"

/* How many of T0 and T1 SYS.CONFIG gets. */
static uint64_t p1_tdmrs = 1;

static struct tdxc_sim_machine machine;

static inline void write64(uint64_t pa, uint64_t value)
{
	ck_assert(tdxc_sim_machine_write64(&machine, pa, value));
}

static inline uint64_t call(uint32_t lp, uint64_t rax, uint64_t rcx,
			    uint64_t rdx, uint64_t r8)
{
	struct tdxc_sim_regs regs = {{0}};

	regs.gpr[TDXC_SIM_RAX] = rax;
	regs.gpr[TDXC_SIM_RCX] = rcx;
	regs.gpr[TDXC_SIM_RDX] = rdx;
	regs.gpr[TDXC_SIM_R8] = r8;
	(void)tdxc_sim_seamcall(&machine.module, lp, &regs);
	return regs.gpr[TDXC_SIM_RAX];
}

static inline void must(uint64_t rax, uint64_t rcx, uint64_t rdx, uint64_t r8)
{
	uint64_t status = call(0, rax, rcx, rdx, r8);

	ck_assert_msg(status == 0, "leaf %u: %016llx", (unsigned)rax,
		      (unsigned long long)status);
}

/* --- platform P1, and the states vectors start from ----------------------- */

static inline void power_on(enum tdxc_sim_profile profile, size_t nr_cmrs)
{
	struct tdxc_sim_platform p = {
		.abi = TDXC_ABI,
		.profile = profile,
		.nr_lps = 4,
		.nr_packages = 2,
		.pa_width = 52,
		.keyid_bits = 6,
		.shared_keyids = 31,
		.private_keyids = 32,
		.fms = 0x806F8,
		.cache_blocks = 4,
		.seamrr = {0x90000000, 0x98000000},
		.nr_cmrs = (uint32_t)nr_cmrs,
	};

	memcpy(p.cmrs, p1_cmrs, nr_cmrs * sizeof(p1_cmrs[0]));
	ck_assert_int_eq(tdxc_sim_machine_init(&machine, &p, 1), 0);
}

static inline void write_infos(const uint64_t *infos)
{
	for (unsigned t = 0; t < 2; t++) {
		write64(LIST + 8 * t, INFO + STRIDE * t);
		for (unsigned w = 0; w < WORDS; w++)
			write64(INFO + STRIDE * t + 8 * w,
				infos[t * WORDS + w]);
	}
}

static inline void start_lps(void)
{
	uint64_t infos[2 * WORDS];

	for (uint32_t lp = 0; lp < 4; lp++)
		ck_assert_uint_eq(call(lp, 35, 0, 0, 0), 0);
	t0_t1(infos);
	write_infos(infos);
}

static inline void start_keys(uint64_t tdr)
{
	must(8, tdr, 0, 0);
	ck_assert_uint_eq(call(2, 8, tdr, 0, 0), 0);
}

static inline void start_tdmr(uint64_t base)
{
	uint64_t status;

	do {
		status = call(0, 36, base, 0, 0);
	} while (status == 0);
	ck_assert_uint_eq(status, 0x00000A0300000000);
}

/* One vCPU at most, four levels, 2 GHz. */
static inline void start_td(void)
{
	write64(PARAMS + 8, 7);
	write64(PARAMS + 16, 1);
	write64(PARAMS + 24, 0x1E);
	write64(PARAMS + 40, 80);
	must(21, TDR, PARAMS, 0);
}

static inline void start_vcpu(void)
{
	must(10, TDVPR, TDR, 0);
	for (uint64_t i = 1; i < 6; i++)
		must(4, TDVPR + i * 0x1000, TDVPR, 0);
	must(22, TDVPR, 0, 0);
}

static inline void start_tables(enum vector_start to)
{
	must(3, 3, TDR, PDPT);
	must(3, 2, TDR, PD);
	if (to >= TABLES && to != RUN2M && to != DYNTD)
		must(3, 1, TDR, PT);
}

static inline void start_pages(void)
{
	for (uint64_t i = 0; i < 6; i++)
		must(1, TDCX + i * 0x1000, TDR, 0);
	/* what TD_PARAMS would be, for vectors that change a word */
	write64(PARAMS + 8, 7);
	write64(PARAMS + 16, 1);
	write64(PARAMS + 24, 0x1E);
	write64(PARAMS + 40, 80);
}

static inline void start_module(enum vector_start to)
{
	uint64_t dynamic = to >= DYNAMIC ? 1 << 16 : 0;

	if (to >= INITED)
		must(33, 0, 0, 0);
	if (to >= LPS)
		start_lps();
	if (to >= CONFIG)
		must(45, LIST, p1_tdmrs, GLOBAL | dynamic);
	if (to >= READY) {
		must(31, 0, 0, 0);
		ck_assert_uint_eq(call(2, 31, 0, 0, 0), 0);
	}
	for (uint64_t i = 0; to >= TDMRS && i < p1_tdmrs; i++)
		start_tdmr(TDMR + i * 0x40000000);
}

static inline void start(enum vector_start to)
{
	start_module(to);
	if (to == DYNAMIC)
		return;
	if (to == DYNTD)
		must(58, TDMR | 1, PAIR0(TDMR), PAIR1(TDMR));
	if (to >= CREATED)
		must(9, TDR, KEYID, 0);
	if (to >= KEYED)
		start_keys(TDR);
	if (to >= PAGES)
		start_pages();
	if (to >= TD)
		start_td();
	if (to >= ROOTED)
		start_tables(to);
	if (to >= VCPU && to != DYNTD)
		start_vcpu();
	if (to == RUN || to == RUN2M) {
		must(17, TDR, 0, 0);
		must(18, TDVPR, 0, 0);
	}
}

#endif
