/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "sim_rig.h"

#include <check.h>
#include <string.h>

#define PAGE   4096ull
#define PAMT   RIG_END
#define ARRAY  0x100000ull
#define INFO   0x101000ull
#define PARAMS 0x102000ull
#define SOURCE 0x103000ull

void rig_platform(struct tdxc_sim_platform *p)
{
	memset(p, 0, sizeof(*p));
	p->abi = TDXC_ABI;
	p->profile = TDXC_SIM_PROFILE_NEWER;
	p->nr_lps = RIG_LPS;
	p->nr_packages = 2;
	p->pa_width = 52;
	p->keyid_bits = 6;
	p->shared_keyids = 31;
	p->private_keyids = 32;
	p->fms = 0x806F8;
	p->cache_blocks = 4;
	p->seamrr.start = 0x90000000;
	p->seamrr.end = 0x98000000;
	p->nr_cmrs = 2;
	p->cmrs[0].base = 0x100000;
	p->cmrs[0].size = 0x80000000 - 0x100000;
	p->cmrs[1].base = RIG_BASE;
	p->cmrs[1].size = 0x80000000;
}

void rig_power_on(struct rig *rig, uint64_t seed)
{
	const struct tdxc_sim_machine_options options = {.lines = true};
	struct tdxc_sim_platform platform;

	rig_platform(&platform);
	rig->next = RIG_BASE;
	ck_assert_int_eq(tdxc_sim_machine_init_with(&rig->machine, &platform,
						    seed, &options),
			 0);
}

void rig_down(struct rig *rig)
{
	tdxc_sim_machine_fini(&rig->machine);
}

uint64_t rig_call(struct rig *rig, uint32_t lp, const uint64_t in[5])
{
	struct tdxc_sim_regs regs = {{0}};

	regs.gpr[TDXC_SIM_RAX] = in[0];
	regs.gpr[TDXC_SIM_RCX] = in[1];
	regs.gpr[TDXC_SIM_RDX] = in[2];
	regs.gpr[TDXC_SIM_R8] = in[3];
	regs.gpr[TDXC_SIM_R9] = in[4];
	(void)tdxc_sim_machine_seamcall(&rig->machine, lp, &regs);
	return regs.gpr[TDXC_SIM_RAX];
}

static void call(struct rig *rig, uint32_t lp, const uint64_t in[5])
{
	ck_assert_uint_eq(rig_call(rig, lp, in), 0);
}

#define CALL(r, lp, ...) call(r, lp, (const uint64_t[5]){__VA_ARGS__})

static void write_words(struct rig *rig, uint64_t pa, const uint64_t *words,
			size_t n)
{
	ck_assert_int_eq(
		tdxc_sim_machine_store(&rig->machine, 0, pa, words, n * 8), 0);
}

void rig_up(struct rig *rig, uint64_t seed)
{
	const uint64_t info[8] = {
		RIG_BASE, 1 << 30, PAMT + 0x410000, 0x1000, PAMT + 0x400000,
		0x2000,	  PAMT,	   0x400000,
	};
	const uint64_t at = INFO;

	rig_power_on(rig, seed);
	write_words(rig, INFO, info, 8);
	write_words(rig, ARRAY, &at, 1);
	CALL(rig, 0, 33);
	for (uint32_t lp = 0; lp < RIG_LPS; lp++)
		CALL(rig, lp, 35);
	CALL(rig, 0, 45, ARRAY, 1, RIG_GLOBAL);
	CALL(rig, 0, 31);
	CALL(rig, RIG_LPS - 1, 31);
	for (uint32_t step = 0; step < 256; step++)
		CALL(rig, step % RIG_LPS, 36, RIG_BASE);
}

uint64_t rig_page(struct rig *rig)
{
	uint64_t pa = rig->next;

	rig->next += PAGE;
	ck_assert_int_eq(tdxc_sim_machine_clflush(&rig->machine, 0, pa, PAGE),
			 0);
	return pa;
}

void rig_td(struct rig *rig)
{
	const uint64_t params[6] = {0, 7, 1, 0x1E, 0, 80};

	rig->tdr = rig_page(rig);
	CALL(rig, 0, 9, rig->tdr, RIG_TD);
	CALL(rig, 0, 8, rig->tdr);
	CALL(rig, RIG_LPS - 1, 8, rig->tdr);
	for (int i = 0; i < 6; i++)
		CALL(rig, 1, 1, rig_page(rig), rig->tdr);
	write_words(rig, PARAMS, params, 6);
	CALL(rig, 0, 21, rig->tdr, PARAMS);
	rig->tdvpr = rig_page(rig);
	CALL(rig, 0, 10, rig->tdvpr, rig->tdr);
	for (int i = 0; i < 5; i++)
		CALL(rig, 0, 4, rig_page(rig), rig->tdvpr);
	CALL(rig, 0, 22, rig->tdvpr);
	for (uint64_t level = 3; level > 0; level--)
		CALL(rig, 2, 3, level, rig->tdr, rig_page(rig));
}

uint64_t rig_add(struct rig *rig, uint64_t gpa, int byte)
{
	uint64_t pa = rig_page(rig);
	unsigned char page[PAGE];

	memset(page, byte, sizeof(page));
	ck_assert_int_eq(tdxc_sim_machine_store(&rig->machine, 0, SOURCE, page,
						sizeof(page)),
			 0);
	CALL(rig, 0, 2, gpa, rig->tdr, pa, SOURCE);
	return pa;
}

uint64_t rig_keyed(const struct rig *rig, uint64_t pa, uint32_t keyid)
{
	return tdxc_sim_machine_keyed(&rig->machine, pa, keyid);
}
