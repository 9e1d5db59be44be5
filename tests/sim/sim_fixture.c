/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "sim_fixture.h"

#include <string.h>

#define PAGE   TDXC_PAGE_SIZE
#define LOW    0x100000ull    /* TDMR_INFO array and structures */
#define PARAMS 0x200000ull    /* TD_PARAMS */
#define BASE   0x100000000ull /* first TDMR */
#define MIB    0x100000ull

uint64_t sim_random(uint64_t *state)
{
	uint64_t z = *state += 0x9E3779B97F4A7C15ull;

	z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
	z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
	return z ^ (z >> 31);
}

uint64_t sim_call(struct sim_fixture *f, uint32_t lp, const uint64_t in[5],
		  struct tdxc_sim_regs *out)
{
	struct tdxc_sim_regs regs = {{0}};

	regs.gpr[TDXC_SIM_RAX] = in[0];
	regs.gpr[TDXC_SIM_RCX] = in[1];
	regs.gpr[TDXC_SIM_RDX] = in[2];
	regs.gpr[TDXC_SIM_R8] = in[3];
	regs.gpr[TDXC_SIM_R9] = in[4];
	(void)tdxc_sim_machine_seamcall(&f->machine, lp, &regs);
	if (out)
		*out = regs;
	return regs.gpr[TDXC_SIM_RAX];
}

/* --- bring-up ------------------------------------------------------------ */

static uint64_t pages(uint64_t bytes)
{
	return (bytes + PAGE - 1) & ~(PAGE - 1);
}

/* Room for the three PAMT regions of one TDMR, by level. */
static void pamt_sizes(const struct sim_shape *shape, uint64_t size[3])
{
	size[0] = shape->dynamic_pamt ? pages(shape->gib << 15)
				      : shape->gib << 22;
	size[1] = shape->gib << 13;
	size[2] = pages(shape->gib * 16);
}

static uint64_t pamt_room(const struct sim_shape *shape)
{
	uint64_t size[3];

	pamt_sizes(shape, size);
	return size[0] + size[1] + size[2];
}

static void describe(const struct sim_shape *shape, struct tdxc_sim_platform *p)
{
	uint64_t bytes =
		shape->nr_tdmrs * ((shape->gib << 30) + pamt_room(shape));

	memset(p, 0, sizeof(*p));
	p->abi = TDXC_ABI;
	p->profile = shape->profile;
	p->identity = shape->identity;
	p->features0_off = shape->features0_off;
	p->nr_lps = shape->nr_lps;
	p->nr_packages = shape->nr_packages;
	p->pa_width = 52;
	p->keyid_bits = 6;
	p->shared_keyids = 31;
	p->private_keyids = 32;
	p->fms = 0x806F8;
	p->cache_blocks = 4;
	p->seamrr.start = 0x90000000;
	p->seamrr.end = 0x98000000;
	p->nr_cmrs = 2;
	p->cmrs[0].base = MIB;
	p->cmrs[0].size = 0x80000000 - MIB;
	p->cmrs[1].base = BASE;
	p->cmrs[1].size = bytes;
}

static void write_info(struct sim_fixture *f, uint32_t i)
{
	const struct sim_shape *shape = &f->shape;
	uint64_t at = LOW + PAGE + i * 512ull;
	uint64_t bytes = shape->gib << 30;
	uint64_t pamt = f->end + i * pamt_room(shape);
	uint64_t size[3];
	uint64_t info[10] = {f->base + i * bytes, bytes};

	pamt_sizes(shape, size);
	info[2] = pamt;
	info[3] = size[2];
	info[4] = pamt + size[2];
	info[5] = size[1];
	info[6] = info[4] + size[1];
	info[7] = size[0];
	if (shape->reserved) {
		info[8] = bytes - MIB;
		info[9] = MIB;
	}
	for (uint32_t k = 0; k < 10; k++)
		(void)tdxc_sim_machine_write64(&f->machine, at + 8ull * k,
					       info[k]);
	(void)tdxc_sim_machine_write64(&f->machine, LOW + 8ull * i, at);
}

static uint64_t init_tdmr(struct sim_fixture *f, uint64_t base, uint64_t end)
{
	struct tdxc_sim_regs out;
	uint64_t status;

	do {
		status = sim_call(f, 0, (const uint64_t[5]){36, base}, &out);
	} while (status == 0 && out.gpr[TDXC_SIM_RDX] < end);
	return status;
}

/* LP of each package, the lowest. */
static uint32_t lp_of_package(const struct sim_fixture *f, uint32_t package)
{
	return (package * f->shape.nr_lps + f->shape.nr_packages - 1) /
	       f->shape.nr_packages;
}

static uint64_t configure(struct sim_fixture *f)
{
	uint64_t keyid = SIM_GLOBAL_KEYID;
	uint64_t status = SIM_CALL(f, 0, 33);

	for (uint32_t lp = 0; status == 0 && lp < f->shape.nr_lps; lp++)
		status = SIM_CALL(f, lp, 35);
	for (uint32_t i = 0; i < f->shape.nr_tdmrs; i++)
		write_info(f, i);
	if (f->shape.dynamic_pamt)
		keyid |= 1 << 16;
	if (status == 0)
		status = SIM_CALL(f, 0, 45, LOW, f->shape.nr_tdmrs, keyid);
	for (uint32_t p = 0; status == 0 && p < f->shape.nr_packages; p++)
		status = SIM_CALL(f, lp_of_package(f, p), 31);
	return status;
}

uint64_t sim_up(struct sim_fixture *f, const struct sim_shape *shape)
{
	uint64_t bytes = shape->gib << 30;
	const struct tdxc_sim_machine_options options = {.lines = shape->lines};
	struct tdxc_sim_platform platform;
	uint64_t status;

	describe(shape, &platform);
	f->shape = *shape;
	f->base = BASE;
	f->end = BASE + shape->nr_tdmrs * bytes;
	f->next = BASE;
	if (tdxc_sim_machine_init_with(&f->machine, &platform, 1, &options) !=
	    0)
		return UINT64_MAX;
	status = configure(f);
	for (uint32_t i = 0; status == 0 && i < shape->nr_tdmrs; i++)
		status = init_tdmr(f, BASE + i * bytes, BASE + (i + 1) * bytes);
	return status;
}

void sim_down(struct sim_fixture *f)
{
	tdxc_sim_machine_fini(&f->machine);
}

/* --- pages --------------------------------------------------------------- */

/* The first two pages of a 2M range hold its own pair. */
static uint64_t add_pair(struct sim_fixture *f, uint64_t range)
{
	f->next = range + 2 * PAGE;
	return SIM_CALL(f, 0, 58, range | 1, range, range + PAGE);
}

uint64_t sim_page(struct sim_fixture *f, uint64_t bytes)
{
	uint64_t at = (f->next + bytes - 1) & ~(bytes - 1);

	if (f->shape.dynamic_pamt && bytes == PAGE && at % TDXC_SIZE_2M == 0) {
		if (add_pair(f, at) != 0)
			return 0;
		at = f->next;
	}
	if (at + bytes > f->end)
		return 0;
	f->next = at + bytes;
	return at;
}

/* --- TDs ----------------------------------------------------------------- */

static void write_params(struct sim_fixture *f, uint32_t nr_vcpus)
{
	struct tdxc_sim_machine *m = &f->machine;

	(void)tdxc_sim_machine_write64(m, PARAMS + 8, 7);	  /* XFAM */
	(void)tdxc_sim_machine_write64(m, PARAMS + 16, nr_vcpus); /* most */
	(void)tdxc_sim_machine_write64(m, PARAMS + 24, 0x1E);	  /* WB, 4 */
	(void)tdxc_sim_machine_write64(m, PARAMS + 40, 80);	  /* 2 GHz */
}

static uint64_t build_vcpu(struct sim_fixture *f, struct sim_td *td, uint32_t i)
{
	uint64_t status;

	td->tdvpr[i] = sim_page(f, PAGE);
	status = SIM_CALL(f, 0, 10, td->tdvpr[i], td->tdr);
	for (uint32_t k = 0; status == 0 && k < 5; k++)
		status = SIM_CALL(f, 0, 4, sim_page(f, PAGE), td->tdvpr[i]);
	if (status == 0)
		status = SIM_CALL(f, 0, 22, td->tdvpr[i]);
	return status;
}

uint64_t sim_td_build(struct sim_fixture *f, struct sim_td *td, uint32_t keyid,
		      uint32_t nr_vcpus)
{
	uint64_t status;

	td->tdr = sim_page(f, PAGE);
	td->keyid = keyid;
	td->nr_vcpus = nr_vcpus;
	status = SIM_CALL(f, 0, 9, td->tdr, keyid);
	for (uint32_t p = 0; status == 0 && p < f->shape.nr_packages; p++)
		status = SIM_CALL(f, lp_of_package(f, p), 8, td->tdr);
	for (uint32_t i = 0; status == 0 && i < 6; i++)
		status = SIM_CALL(f, 0, 1, sim_page(f, PAGE), td->tdr);
	write_params(f, nr_vcpus == 0 ? 1 : nr_vcpus);
	if (status == 0)
		status = SIM_CALL(f, 0, 21, td->tdr, PARAMS);
	for (uint32_t i = 0; status == 0 && i < nr_vcpus; i++)
		status = build_vcpu(f, td, i);
	return status;
}

uint64_t sim_td_tables(struct sim_fixture *f, const struct sim_td *td,
		       uint64_t gpa, uint32_t level)
{
	uint64_t status = 0;

	for (uint32_t at = 3; status == 0 && at > level; at--) {
		uint64_t first = gpa >> (12 + 9 * at) << (12 + 9 * at);
		struct tdxc_sim_regs out;

		status = sim_call(f, 0,
				  (const uint64_t[5]){25, first | at, td->tdr},
				  &out);
		if (status == 0 && out.gpr[TDXC_SIM_RDX] >> 8 == 0)
			status = SIM_CALL(f, 0, 3, first | at, td->tdr,
					  sim_page(f, PAGE));
	}
	return status;
}

uint64_t sim_td_aug(struct sim_fixture *f, const struct sim_td *td,
		    uint64_t gpa, uint32_t level, uint64_t *pa)
{
	uint64_t status = sim_td_tables(f, td, gpa, level);

	*pa = sim_page(f, level == 0 ? PAGE : TDXC_SIZE_2M);
	return status != 0 ? status
			   : SIM_CALL(f, 0, 6, gpa | level, td->tdr, *pa);
}

uint64_t sim_td_add(struct sim_fixture *f, const struct sim_td *td,
		    uint64_t gpa, uint64_t source)
{
	uint64_t status = sim_td_tables(f, td, gpa, 0);

	return status != 0 ? status
			   : SIM_CALL(f, 0, 2, gpa, td->tdr, sim_page(f, PAGE),
				      source);
}

uint64_t sim_td_finalize(struct sim_fixture *f, const struct sim_td *td)
{
	uint64_t status = SIM_CALL(f, 0, 17, td->tdr);

	for (uint32_t i = 0; status == 0 && i < td->nr_vcpus; i++)
		status = SIM_CALL(f, 0, 18, td->tdvpr[i]);
	return status;
}

/* Every page a TD still owns; those of 2M take one call. */
static uint64_t reclaim_pages(struct sim_fixture *f, uint64_t tdr)
{
	struct tdxc_sim_regs out;
	uint64_t status = 0;

	for (uint64_t pa = f->base; status == 0 && pa < f->next; pa += PAGE) {
		uint64_t type;

		if (sim_call(f, 0, (const uint64_t[5]){24, pa}, &out) != 0)
			continue;
		type = out.gpr[TDXC_SIM_RCX];
		if (type >= 3 && type != 4 && type != 15 &&
		    out.gpr[TDXC_SIM_RDX] == tdr)
			status = SIM_CALL(f, 0, 28, pa);
	}
	return status != 0 ? status : SIM_CALL(f, 0, 28, tdr);
}

uint64_t sim_td_destroy(struct sim_fixture *f, const struct sim_td *td)
{
	uint64_t status;

	for (uint32_t i = 0; i < td->nr_vcpus; i++) {
		for (uint32_t lp = 0; lp < f->shape.nr_lps; lp++)
			(void)SIM_CALL(f, lp, 18, td->tdvpr[i]);
	}
	status = SIM_CALL(f, 0, 19, td->tdr);
	for (uint32_t p = 0; status == 0 && p < f->shape.nr_packages; p++)
		status = SIM_CALL(f, lp_of_package(f, p), 40);
	if (status == 0)
		status = SIM_CALL(f, 0, 20, td->tdr);
	return status != 0 ? status : reclaim_pages(f, td->tdr);
}
