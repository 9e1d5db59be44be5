/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include <Library/TdxSimGuestLib.h>

#include <tdxcore/err.h>
#include <tdxcore/range.h>
#include <tdxcore/version.h>

#define PAGE	 TDXC_PAGE_SIZE
#define MIB	 0x100000ull
#define GIB	 0x40000000ull
#define LOW	 0x100000ull	/* TDMR_INFO array and structures */
#define PARAMS	 0x200000ull	/* TD_PARAMS */
#define BASE	 0x100000000ull /* first TDMR */
#define NR_TDMRS 4u
#define TDMR_GIB 4ull
#define END	 (BASE + NR_TDMRS * TDMR_GIB * GIB)
#define CONTROL	 (END - GIB) /* pages of the TD itself; below, its memory */
#define PAMT_4K	 (TDMR_GIB << 22)
#define PAMT_2M	 (TDMR_GIB << 13)
#define PAMTS	 (PAMT_4K + PAMT_2M + PAGE)
#define KEYID	 40u
#define SHARED	 (1ull << (TDXC_SIM_GUEST_GPAW - 1))
#define BUSY	 0x8000020000000001ull
#define MISMATCH 0xC0000B0Bull

enum {
	LEAF_ENTER = 0,
	LEAF_MNG_ADDCX = 1,
	LEAF_SEPT_ADD = 3,
	LEAF_VP_ADDCX = 4,
	LEAF_AUG = 6,
	LEAF_BLOCK = 7,
	LEAF_KEY_CONFIG = 8,
	LEAF_MNG_CREATE = 9,
	LEAF_VP_CREATE = 10,
	LEAF_FINALIZE = 17,
	LEAF_MNG_INIT = 21,
	LEAF_VP_INIT = 22,
	LEAF_SEPT_RD = 25,
	LEAF_REMOVE = 29,
	LEAF_SYS_KEY_CONFIG = 31,
	LEAF_SYS_INIT = 33,
	LEAF_LP_INIT = 35,
	LEAF_TDMR_INIT = 36,
	LEAF_TRACK = 38,
	LEAF_SYS_CONFIG = 45,
	EXIT_EPT_VIOLATION = 48,
};

/* ---- the machine ---- */

/* Where a frame is, or could be. */
static uint32_t slot_of(const struct tdxc_sim_firmware *sim, uint64_t pa)
{
	const struct tdxc_sim_platform *p = &sim->module.platform;
	uint64_t plain = pa & ((1ull << (p->pa_width - p->keyid_bits)) - 1);
	uint64_t frame = plain / PAGE;
	uint64_t at = (frame * 0x9E3779B97F4A7C15ull) >> 51;

	while (sim->frames[at] != 0 && sim->frames[at] != frame + 1)
		at = (at + 1) % TDXC_SIM_GUEST_SLOTS;
	return (uint32_t)at;
}

static void *page(void *ctx, uint64_t pa, bool write)
{
	struct tdxc_sim_firmware *sim = ctx;
	uint32_t slot = slot_of(sim, pa);

	(void)write;
	if (sim->frames[slot] == 0) {
		const struct tdxc_sim_platform *p = &sim->module.platform;
		uint32_t bits = p->pa_width - p->keyid_bits;

		if (sim->used == TDXC_SIM_GUEST_PAGES) {
			sim->scrapped++;
			return sim->pages[TDXC_SIM_GUEST_PAGES];
		}
		sim->frames[slot] = (pa & ((1ull << bits) - 1)) / PAGE + 1;
		sim->slots[slot] = sim->used++;
	}
	return sim->pages[sim->slots[slot]];
}

static void zero_pages(void *ctx, uint64_t pa, uint64_t bytes)
{
	struct tdxc_sim_firmware *sim = ctx;

	for (uint64_t i = 0; i < bytes; i += PAGE) {
		uint32_t slot = slot_of(sim, pa + i);

		if (sim->frames[slot] != 0)
			memset(sim->pages[sim->slots[slot]], 0, PAGE);
	}
}

static bool random_bytes(void *ctx, void *out, size_t bytes)
{
	struct tdxc_sim_firmware *sim = ctx;
	uint8_t *at = out;

	while (bytes-- != 0) {
		sim->random = sim->random * 0x5851F42D4C957F2Dull + 1;
		*at++ = (uint8_t)(sim->random >> 56);
	}
	return true;
}

static enum tdxc_sim_key_result key(void *ctx, uint32_t lp, uint32_t keyid)
{
	(void)ctx;
	(void)lp;
	(void)keyid;
	return TDXC_SIM_KEY_OK;
}

static bool interrupt_pending(void *ctx, uint32_t lp)
{
	(void)ctx;
	(void)lp;
	return false;
}

static void flush_page(void *ctx, uint64_t pa)
{
	(void)ctx;
	(void)pa;
}

static void flush_block(void *ctx, uint32_t package, uint32_t block)
{
	(void)ctx;
	(void)package;
	(void)block;
}

static uint64_t tsc(void *ctx, uint32_t lp)
{
	struct tdxc_sim_firmware *sim = ctx;

	(void)lp;
	return sim->tsc += 1000;
}

/* A stand-in: nothing here reads a measurement. */
static void sha384(void *ctx, enum tdxc_sim_sha384_step step, void *state,
		   const void *data, size_t bytes, void *out)
{
	(void)ctx;
	(void)data;
	(void)bytes;
	if (step == TDXC_SIM_SHA384_INIT)
		memset(state, 0, TDXC_SIM_SHA384_STATE);
	if (step == TDXC_SIM_SHA384_FINAL)
		memset(out, 0, 48);
}

static const struct tdxc_sim_ops sim_ops = {
	page,	    zero_pages,	 random_bytes, key,    interrupt_pending,
	flush_page, flush_block, tsc,	       sha384,
};

static void write64(struct tdxc_sim_firmware *sim, uint64_t pa, uint64_t value)
{
	uint8_t *at = page(sim, pa, true);

	memcpy(at + pa % PAGE, &value, sizeof(value));
}

/* ---- the host: SEAMCALLs ---- */

static uint64_t call(struct tdxc_sim_firmware *sim, uint64_t leaf, uint64_t rcx,
		     uint64_t rdx, uint64_t r8, uint64_t *out_rdx)
{
	struct tdxc_sim_regs regs = {{leaf, rcx, rdx}};
	uint64_t status;

	regs.gpr[TDXC_SIM_R8] = r8;
	(void)tdxc_sim_seamcall(&sim->module, 0, &regs);
	status = leaf == LEAF_ENTER ? 0 : regs.gpr[TDXC_SIM_RAX];
	if (out_rdx)
		*out_rdx = regs.gpr[TDXC_SIM_RDX];
	if (status != 0 && sim->status == 0)
		sim->status = status;
	return status;
}

static uint64_t new_page(struct tdxc_sim_firmware *sim)
{
	sim->next += PAGE;
	return sim->next - PAGE;
}

static void describe(struct tdxc_sim_platform *p)
{
	memset(p, 0, sizeof(*p));
	p->abi = TDXC_ABI;
	p->profile = TDXC_SIM_PROFILE_1_5_01;
	p->nr_lps = 1;
	p->nr_packages = 1;
	p->pa_width = 52;
	p->keyid_bits = 6;
	p->shared_keyids = 31;
	p->private_keyids = 32;
	p->fms = 0xA06D0;
	p->cache_blocks = 4;
	p->seamrr.start = 0x90000000;
	p->seamrr.end = 0x98000000;
	p->nr_cmrs = 2;
	p->cmrs[0].base = MIB;
	p->cmrs[0].size = 0x80000000 - MIB;
	p->cmrs[1].base = BASE;
	p->cmrs[1].size = END - BASE + NR_TDMRS * PAMTS;
}

static void write_info(struct tdxc_sim_firmware *sim, uint32_t i)
{
	uint64_t at = LOW + PAGE + i * 512ull;
	uint64_t pamt = END + i * PAMTS;
	const uint64_t info[8] = {
		BASE + i * TDMR_GIB * GIB,
		TDMR_GIB * GIB,
		pamt + PAMT_4K + PAMT_2M,
		PAGE,
		pamt + PAMT_4K,
		PAMT_2M,
		pamt,
		PAMT_4K,
	};

	for (uint32_t k = 0; k < 8; k++)
		write64(sim, at + 8ull * k, info[k]);
	write64(sim, LOW + 8ull * i, at);
}

static void bring_up(struct tdxc_sim_firmware *sim)
{
	uint64_t done;

	(void)call(sim, LEAF_SYS_INIT, 0, 0, 0, NULL);
	(void)call(sim, LEAF_LP_INIT, 0, 0, 0, NULL);
	for (uint32_t i = 0; i < NR_TDMRS; i++)
		write_info(sim, i);
	(void)call(sim, LEAF_SYS_CONFIG, LOW, NR_TDMRS, 63, NULL);
	(void)call(sim, LEAF_SYS_KEY_CONFIG, 0, 0, 0, NULL);
	for (uint64_t base = BASE; sim->status == 0 && base < END;
	     base += TDMR_GIB * GIB) {
		do {
			(void)call(sim, LEAF_TDMR_INIT, base, 0, 0, &done);
		} while (sim->status == 0 && done < base + TDMR_GIB * GIB);
	}
}

static void build_td(struct tdxc_sim_firmware *sim)
{
	sim->tdr = new_page(sim);
	(void)call(sim, LEAF_MNG_CREATE, sim->tdr, KEYID, 0, NULL);
	(void)call(sim, LEAF_KEY_CONFIG, sim->tdr, 0, 0, NULL);
	for (uint32_t i = 0; i < 6; i++)
		(void)call(sim, LEAF_MNG_ADDCX, new_page(sim), sim->tdr, 0,
			   NULL);
	write64(sim, PARAMS + 8, 7);	 /* XFAM */
	write64(sim, PARAMS + 16, 1);	 /* vCPUs */
	write64(sim, PARAMS + 24, 0x1E); /* EPTP: write-back, 4 levels */
	write64(sim, PARAMS + 40, 80);	 /* 2 GHz */
	(void)call(sim, LEAF_MNG_INIT, sim->tdr, PARAMS, 0, NULL);
	sim->tdvpr = new_page(sim);
	(void)call(sim, LEAF_VP_CREATE, sim->tdvpr, sim->tdr, 0, NULL);
	for (uint32_t i = 0; i < 5; i++)
		(void)call(sim, LEAF_VP_ADDCX, new_page(sim), sim->tdvpr, 0,
			   NULL);
	(void)call(sim, LEAF_VP_INIT, sim->tdvpr, 0, 0, NULL);
	(void)call(sim, LEAF_FINALIZE, sim->tdr, 0, 0, NULL);
}

static bool enter(struct tdxc_sim_firmware *sim, struct tdxc_sim_regs *regs)
{
	regs->gpr[TDXC_SIM_RAX] = LEAF_ENTER;
	regs->gpr[TDXC_SIM_RCX] = sim->tdvpr;
	if (tdxc_sim_seamcall(&sim->module, 0, regs) == TDXC_SIM_ENTERED)
		return true;
	if (sim->status == 0)
		sim->status = regs->gpr[TDXC_SIM_RAX];
	return false;
}

uint64_t tdxc_sim_firmware_up(struct tdxc_sim_firmware *sim)
{
	struct tdxc_sim_regs regs = {{0}};
	struct tdxc_sim_platform platform;

	memset(sim, 0, sizeof(*sim));
	describe(&platform);
	sim->next = CONTROL;
	tdxc_tracker_init(&sim->mapped[0], sim->ranges[0],
			  TDXC_SIM_GUEST_RANGES);
	tdxc_tracker_init(&sim->mapped[1], sim->ranges[1],
			  TDXC_SIM_GUEST_RANGES);
	tdxc_tracker_init(&sim->shared, sim->ranges[2], TDXC_SIM_GUEST_RANGES);
	if (tdxc_sim_init(&sim->module, &sim_ops, sim, &platform) != TDXC_OK)
		return UINT64_MAX;
	bring_up(sim);
	build_td(sim);
	if (sim->status == 0)
		(void)enter(sim, &regs);
	return sim->status;
}

void tdxc_sim_firmware_attach(struct tdxc_sim_firmware *sim)
{
	sim->module.ops = &sim_ops;
}

/* ---- the host: memory ---- */

static bool holds(const struct tdxc_tracker *t, struct tdxc_range r)
{
	return tdxc_range_is_empty(tdxc_tracker_missing(t, r));
}

static bool touches(const struct tdxc_tracker *t, struct tdxc_range r)
{
	size_t i = tdxc_range_find(t->ranges, t->nr, r.start);

	return i < t->nr && tdxc_range_overlaps(t->ranges[i], r);
}

static struct tdxc_range page_of(uint64_t gpa, uint32_t level)
{
	uint64_t size = level == 0 ? PAGE : TDXC_SIZE_2M;
	struct tdxc_range r = {gpa & ~(size - 1), (gpa & ~(size - 1)) + size};

	return r;
}

static void add_tables(struct tdxc_sim_firmware *sim, uint64_t gpa,
		       uint32_t level)
{
	for (uint32_t at = 3; at > level; at--) {
		uint64_t first = gpa >> (12 + 9 * at) << (12 + 9 * at);
		uint64_t rdx = 0;

		(void)call(sim, LEAF_SEPT_RD, first | at, sim->tdr, 0, &rdx);
		if (rdx >> 8 == 0)
			(void)call(sim, LEAF_SEPT_ADD, first | at, sim->tdr,
				   new_page(sim), NULL);
	}
}

/* The size that the guest wants, where nothing smaller is in the way. */
static void violation(struct tdxc_sim_firmware *sim,
		      const struct tdxc_sim_regs *exit)
{
	uint64_t gpa = exit->gpr[TDXC_SIM_R8];
	uint32_t level = exit->gpr[TDXC_SIM_RDX] >> 32 & 7;
	struct tdxc_range r = page_of(gpa, 1);

	if (level == 0 || tdxc_range_overlaps(sim->small, r) ||
	    touches(&sim->shared, r) || touches(&sim->mapped[0], r))
		level = 0;
	r = page_of(gpa, level);
	add_tables(sim, r.start, level);
	if (call(sim, LEAF_AUG, r.start | level, sim->tdr, BASE + r.start,
		 NULL) != 0 ||
	    tdxc_tracker_add(&sim->mapped[level], r) != TDXC_OK)
		return;
	sim->mapped_pages[level]++;
}

/* Each page of the range that is mapped: one SEAMCALL for it. */
static void each_page(struct tdxc_sim_firmware *sim, struct tdxc_range range,
		      uint64_t leaf)
{
	uint64_t gpa = range.start;

	while (gpa < range.end) {
		uint32_t level = holds(&sim->mapped[1], page_of(gpa, 0));
		struct tdxc_range r = page_of(gpa, level);

		if (level == 1 || holds(&sim->mapped[0], r)) {
			(void)call(sim, leaf, r.start | level, sim->tdr, 0,
				   NULL);
			if (leaf == LEAF_REMOVE)
				sim->taken_pages[level]++;
		}
		gpa = r.end;
	}
}

static bool cuts_2m(const struct tdxc_sim_firmware *sim, uint64_t gpa)
{
	return gpa % TDXC_SIZE_2M != 0 &&
	       touches(&sim->mapped[1], page_of(gpa, 0));
}

/* Pages leave the TD. This host demotes none. */
static bool give(struct tdxc_sim_firmware *sim, struct tdxc_range r)
{
	if (cuts_2m(sim, r.start) || cuts_2m(sim, r.end))
		return false;
	each_page(sim, r, LEAF_BLOCK);
	(void)call(sim, LEAF_TRACK, sim->tdr, 0, 0, NULL);
	each_page(sim, r, LEAF_REMOVE);
	return tdxc_tracker_remove(&sim->mapped[0], r) == TDXC_OK &&
	       tdxc_tracker_remove(&sim->mapped[1], r) == TDXC_OK &&
	       tdxc_tracker_add(&sim->shared, r) == TDXC_OK;
}

static bool convert(struct tdxc_sim_firmware *sim, struct tdxc_range r,
		    bool to_shared)
{
	if (tdxc_range_is_empty(r))
		return true;
	return to_shared ? give(sim, r)
			 : tdxc_tracker_remove(&sim->shared, r) == TDXC_OK;
}

static void map_gpa(struct tdxc_sim_firmware *sim, struct tdxc_sim_regs *regs)
{
	uint64_t bit = regs->gpr[TDXC_SIM_R12] & SHARED;
	uint64_t gpa = regs->gpr[TDXC_SIM_R12] & ~SHARED;
	struct tdxc_range r = {gpa, gpa + regs->gpr[TDXC_SIM_R13]};
	uint64_t answer = TDXC_MAP_GPA_SUCCESS;

	sim->maps++;
	sim->recent[1] = sim->recent[0];
	sim->recent[0] = gpa;
	if (sim->chunk != 0 && tdxc_range_size(r) > sim->chunk) {
		r.end = r.start + sim->chunk;
		answer = TDXC_MAP_GPA_RETRY;
	}
	if (tdxc_range_overlaps(sim->refuse, r)) {
		r.end = sim->refuse.start > r.start ? sim->refuse.start
						    : r.start;
		answer = TDXC_MAP_GPA_INUSE;
	}
	if (!convert(sim, r, bit != 0)) {
		r.end = r.start;
		answer = TDXC_MAP_GPA_INVALID_OPERAND;
	}
	sim->retries += answer == TDXC_MAP_GPA_RETRY;
	sim->refused += answer == TDXC_MAP_GPA_INUSE;
	regs->gpr[TDXC_SIM_R10] = answer;
	regs->gpr[TDXC_SIM_R11] = r.end | bit;
}

/* ---- the guest ---- */

static const uint8_t number[8] = {
	TDXC_SIM_RCX, TDXC_SIM_RDX, TDXC_SIM_R8,  TDXC_SIM_R9,
	TDXC_SIM_R10, TDXC_SIM_R11, TDXC_SIM_R12, TDXC_SIM_R13,
};

static void load(struct tdxc_sim_regs *to, uint64_t rax,
		 const struct tdxc_tdcall_regs *from)
{
	const uint64_t value[8] = {
		from->rcx, from->rdx, from->r8,	 from->r9,
		from->r10, from->r11, from->r12, from->r13,
	};

	memset(to, 0, sizeof(*to));
	to->gpr[TDXC_SIM_RAX] = rax;
	for (uint32_t i = 0; i < 8; i++)
		to->gpr[number[i]] = value[i];
}

static void store(struct tdxc_tdcall_regs *to, const struct tdxc_sim_regs *from)
{
	uint64_t *const at[8] = {
		&to->rcx, &to->rdx, &to->r8,  &to->r9,
		&to->r10, &to->r11, &to->r12, &to->r13,
	};

	for (uint32_t i = 0; i < 8; i++)
		*at[i] = from->gpr[number[i]];
}

static void count(struct tdxc_sim_firmware *sim, uint64_t leaf, uint64_t status)
{
	if (leaf != TDXC_TDG_MEM_PAGE_ACCEPT)
		return;
	sim->accepts++;
	sim->mismatches += status >> 32 == MISMATCH;
}

/* A violation repeats the instruction; VP.VMCALL ends with the entry. */
static uint64_t tdcall(void *ctx, uint64_t rax, struct tdxc_tdcall_regs *regs)
{
	struct tdxc_sim_firmware *sim = ctx;
	struct tdxc_sim_regs g;
	bool again = true;

	if (rax == TDXC_TDG_MEM_PAGE_ACCEPT && sim->busy != 0) {
		sim->busy--;
		memset(regs, 0xA5, sizeof(*regs));
		return BUSY;
	}
	while (again) {
		load(&g, rax, regs);
		if (tdxc_sim_tdcall(&sim->module, 0, &g) == TDXC_SIM_RETURNED)
			break;
		again = g.gpr[TDXC_SIM_RAX] == EXIT_EPT_VIOLATION;
		if (again)
			violation(sim, &g);
		else
			map_gpa(sim, &g);
		if (sim->status != 0 || !enter(sim, &g))
			return TDXC_STATUS_GP;
	}
	store(regs, &g);
	count(sim, rax, g.gpr[TDXC_SIM_RAX]);
	return g.gpr[TDXC_SIM_RAX];
}

/* No converter here zeroes pages that were accepted already. */
static int zero(void *ctx, uint64_t gpa, uint64_t bytes)
{
	(void)ctx;
	(void)gpa;
	(void)bytes;
	return TDXC_E_OPNOTSUPP;
}

const struct tdxc_convert_ops tdxc_sim_firmware_ops = {TDXC_ABI, tdcall, zero};

/* ---- looking ---- */

bool tdxc_sim_firmware_private(struct tdxc_sim_firmware *sim,
			       struct tdxc_range gpa)
{
	uint64_t at = gpa.start;

	while (at < gpa.end) {
		struct tdxc_sim_translation t;

		if (tdxc_sim_translate(&sim->module, 0, at, &t) !=
		    TDXC_SIM_ACCESS_OK)
			return false;
		at = page_of(at, t.level).end;
	}
	return !touches(&sim->shared, gpa);
}

bool tdxc_sim_firmware_shared(struct tdxc_sim_firmware *sim,
			      struct tdxc_range gpa)
{
	struct tdxc_sim_translation t;

	for (uint64_t at = gpa.start; at < gpa.end; at += PAGE) {
		if (tdxc_sim_translate(&sim->module, 0, at, &t) ==
		    TDXC_SIM_ACCESS_OK)
			return false;
	}
	return holds(&sim->shared, gpa);
}
