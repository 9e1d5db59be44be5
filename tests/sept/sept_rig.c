/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "sept_rig.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit.h"

#define PAGE  PAMT_RIG_PAGE
#define MIB   0x100000ull
#define CACHE 24u

static void must(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "sept_rig: %s\n", what);
	abort();
}

static uint64_t count(uint64_t *counter, uint64_t n)
{
	return __atomic_fetch_add(counter, n, __ATOMIC_RELAXED);
}

/* --- the port --------------------------------------------------------------
 */

/* Whether this is the call that is to fail, now. */
static bool fails(struct sept_rig_fault *fault, uint64_t number, uint64_t rax,
		  uint64_t rcx)
{
	if (fault->at == 0 || fault->hits >= fault->times)
		return false;
	if (fault->hits == 0 && number == fault->at) {
		fault->rax = rax;
		fault->rcx = rcx;
	} else if (fault->hits == 0 || fault->rax != rax || fault->rcx != rcx) {
		return false;
	}
	fault->hits++;
	return true;
}

/* The same for calls of a leaf, from the at-th of them on. */
static bool leaf_fails(struct sept_rig_fault *fault, uint64_t rax)
{
	if (fault->at == 0 || fault->rax != rax)
		return false;
	if (fault->at > 1) {
		fault->at--;
		return false;
	}
	return fault->hits++ < fault->times;
}

static uint64_t op_call(void *ctx, uint64_t rax,
			struct tdxc_seamcall_regs *regs,
			enum tdxc_seamcall_shape shape)
{
	struct sept_rig *rig = ctx;
	uint64_t number = count(&rig->nr_calls, 1);
	uint64_t status;
	bool failing;

	if (number < SEPT_RIG_TRACE)
		rig->trace[number] = rax;
	if (rig->on_call)
		rig->on_call(rig, rax);
	failing = fails(&rig->fault, number + 1, rax, regs->rcx);
	if (failing && !rig->fault.spoil)
		return rig->fault.status;
	if (leaf_fails(&rig->of_leaf, rax))
		return rig->of_leaf.status;
	status =
		tdxc_sim_port_seamcall_ops.call(&rig->p.port, rax, regs, shape);
	if (failing)
		regs->rcx ^= 3 * PAGE;
	if (rig->hint && status == 0 && rax == TDXC_MEM_PAGE_REMOVE)
		regs->rcx |= 1ull << 62;
	if (rig->other_pair && status == 0 && rax == TDXC_MEM_PAGE_PROMOTE)
		((struct tdxc_seamcall_full *)(void *)regs)->r12 += PAGE;
	/* A thread may lose its processor inside the module, which an LP does
	 * not. */
	if (rig->threads && tdxc_again(status) != TDXC_AGAIN_NO)
		(void)sched_yield();
	return status;
}

static const struct tdxc_seamcall_ops seamcall_ops = {TDXC_ABI, op_call};

/* --- the ops ---------------------------------------------------------------
 */

static void op_kick(void *ctx, uint32_t vcpu)
{
	struct sept_rig *rig = ctx;

	(void)count(&rig->nr_kicks, 1);
	if (!rig->deaf && rig->inside[vcpu])
		sept_rig_leave(rig, vcpu);
	if (rig->on_kick)
		rig->on_kick(rig, vcpu);
}

static void op_relax(void *ctx)
{
	struct sept_rig *rig = ctx;

	(void)count(&rig->nr_relaxes, 1);
	if (rig->on_relax)
		rig->on_relax(rig);
	else
		(void)sched_yield();
}

static void op_clflush(void *ctx, uint64_t pa, uint64_t bytes)
{
	struct sept_rig *rig = ctx;

	(void)count(&rig->nr_flushed, bytes / PAGE);
	must(tdxc_sim_machine_clflush(&rig->p.f.machine, 0, pa, bytes) == 0,
	     "CLFLUSH");
}

static void op_rewrite(void *ctx, uint64_t pa, uint64_t bytes)
{
	static const uint64_t zero[8];
	struct sept_rig *rig = ctx;

	(void)count(&rig->nr_rewritten, bytes / PAGE);
	for (uint64_t end = pa + bytes; pa < end; pa += sizeof(zero))
		must(tdxc_sim_machine_movdir64b(&rig->p.f.machine, 0, pa,
						zero) == 0,
		     "MOVDIR64B");
}

static struct tdxc_pamt_cache *op_pamt_cache(void *ctx)
{
	struct sept_rig *rig = ctx;

	return rig->p.config.bitmap_bits != 0 && !rig->no_cache
		       ? &rig->cache[tdxc_sim_port_lp()].cache
		       : NULL;
}

static void op_table_free(void *ctx, uint64_t pa)
{
	struct sept_rig *rig = ctx;
	uint64_t at = count(&rig->nr_freed, 1);

	if (at < SEPT_RIG_FREED)
		rig->freed[at] = pa;
	if (!rig->threads && sept_rig_type(rig, pa) != SEPT_RIG_NDA)
		rig->nr_freed_owned++;
}

static const struct tdxc_sept_ops sept_ops = {
	.abi = TDXC_ABI,
	.kick = op_kick,
	.relax = op_relax,
	.clflush = op_clflush,
	.rewrite = op_rewrite,
	.pamt_cache = op_pamt_cache,
	.table_free = op_table_free,
};

/* --- up and down -----------------------------------------------------------
 */

/* The record of Dynamic PAMT makes its calls through the same port. */
static void make_pamt(struct sept_rig *rig, uint32_t busy)
{
	struct tdxc_pamt_config *config = &rig->p.config;

	config->port = &rig->port;
	config->limits.attempts[TDXC_AGAIN_BUSY] = busy;
	must(tdxc_pamt_init(&rig->p.pamt, config) == 0, "tdxc_pamt_init()");
	for (uint32_t lp = 0; lp < SEPT_RIG_LPS; lp++) {
		pamt_rig_cache(&rig->cache[lp], CACHE + 8);
		if (config->bitmap_bits != 0)
			pamt_rig_fill(&rig->p, &rig->cache[lp], CACHE);
	}
}

static void make_sept(struct sept_rig *rig,
		      const struct sept_rig_options *options, uint32_t busy)
{
	struct tdxc_sept_config *c = &rig->config;

	rig->quarantine.lost = rig->lost;
	rig->quarantine.room = SEPT_RIG_LOST;
	c->abi = TDXC_ABI;
	c->ops = &sept_ops;
	c->ctx = rig;
	c->port = &rig->port;
	c->limits = tdxc_seamcall_limits_usual();
	c->limits.attempts[TDXC_AGAIN_BUSY] = busy;
	c->limits.attempts[TDXC_AGAIN_RESUME] = busy;
	c->pamt = &rig->p.pamt;
	c->pa_bits = PAMT_RIG_PA_BITS;
	c->clflush = options->clflush;
	c->rewrite = options->rewrite;
	c->kick_spins = 100;
	c->track_spins = 100;
	c->vcpus = rig->vcpus;
	c->nr_vcpus = rig->td.nr_vcpus;
	c->quarantine = &rig->quarantine;
	must(tdxc_sept_init(&rig->sept, c) == 0, "tdxc_sept_init()");
	tdxc_sept_open(&rig->sept, rig->td.tdr, rig->td.keyid);
	tdxc_sept_set_stage(&rig->sept, TDXC_SEPT_BUILD);
}

void sept_rig_up(struct sept_rig *rig, const struct sept_rig_options *options)
{
	const struct sim_shape shape = {
		.nr_lps = SEPT_RIG_LPS,
		.nr_packages = 2,
		.nr_tdmrs = 1,
		.gib = 3,
		.profile = TDXC_SIM_PROFILE_NEWER,
		.dynamic_pamt = options->dynamic_pamt,
		.lines = options->lines,
	};
	uint32_t busy = options->busy != 0 ? options->busy : 3;
	uint32_t nr_vcpus =
		options->nr_vcpus != 0 ? options->nr_vcpus : SEPT_RIG_VCPUS;

	memset(rig, 0, sizeof(*rig));
	must(pamt_rig_up(&rig->p, &shape) == 0, "machine and module");
	rig->port = (struct tdxc_seamcall_port){&seamcall_ops, rig};
	rig->next_table = rig->p.f.base + 64 * MIB;
	rig->next_4k = rig->p.f.base + 128 * MIB;
	rig->next_2m = rig->p.f.base + 256 * MIB;
	must(sim_td_build(&rig->p.f, &rig->td, SEPT_RIG_KEYID, nr_vcpus) == 0,
	     "TD");
	tdxc_sim_port_enter(0);
	make_pamt(rig, busy);
	make_sept(rig, options, busy);
}

void sept_rig_down(struct sept_rig *rig)
{
	for (uint32_t v = 0; v < rig->td.nr_vcpus; v++)
		if (rig->inside[v])
			sept_rig_leave(rig, v);
	pamt_rig_down(&rig->p);
}

void sept_rig_run(struct sept_rig *rig)
{
	must(sim_td_finalize(&rig->p.f, &rig->td) == 0, "MR.FINALIZE");
	tdxc_sept_set_stage(&rig->sept, TDXC_SEPT_RUN);
}

void sept_rig_close(struct sept_rig *rig)
{
	struct sim_fixture *f = &rig->p.f;

	for (uint32_t v = 0; v < rig->td.nr_vcpus; v++)
		for (uint32_t lp = 0; lp < SEPT_RIG_LPS; lp++)
			(void)SIM_CALL(f, lp, 18, rig->td.tdvpr[v]);
	tdxc_sept_set_stage(&rig->sept, TDXC_SEPT_CLOSED);
	must(SIM_CALL(f, 0, 19, rig->td.tdr) == 0, "MNG.VPFLUSHDONE");
}

void sept_rig_release(struct sept_rig *rig)
{
	struct sim_fixture *f = &rig->p.f;

	must(SIM_CALL(f, 0, 40) == 0, "CACHE.WB");
	must(SIM_CALL(f, SEPT_RIG_LPS - 1, 40) == 0, "CACHE.WB");
	must(SIM_CALL(f, 0, 20, rig->td.tdr) == 0, "MNG.KEY.FREEID");
	tdxc_sept_set_stage(&rig->sept, TDXC_SEPT_RELEASED);
}

uint64_t sept_rig_reclaim_rest(struct sept_rig *rig)
{
	struct sim_fixture *f = &rig->p.f;

	for (uint64_t pa = f->base; pa < f->next; pa += PAGE) {
		uint32_t type = sept_rig_type(rig, pa);

		if (type == 5 || type == 6)
			must(SIM_CALL(f, 0, 28, pa) == 0, "RECLAIM");
	}
	return SIM_CALL(f, 0, 28, rig->td.tdr);
}

/* --- pages and changes -----------------------------------------------------
 */

uint64_t sept_rig_page(struct sept_rig *rig, uint32_t level)
{
	return level == TDXC_LEVEL_4K ? count(&rig->next_4k, PAGE)
				      : count(&rig->next_2m, PAMT_RIG_2M);
}

uint64_t sept_rig_table_page(struct sept_rig *rig)
{
	return count(&rig->next_table, PAGE);
}

static struct tdxc_external_change
change(uint64_t gfn, uint32_t level, struct tdxc_spte old, struct tdxc_spte now)
{
	return (struct tdxc_external_change){
		.gfn = {gfn},
		.level = level,
		.lock = TDXC_LOCK_SHARED,
		.old = old,
		.now = now,
	};
}

/* Where the mirror's own table is, is nobody's business here. */
static struct tdxc_spte table_spte(void)
{
	return tdxc_spte_table(0x7000);
}

struct tdxc_external_change sept_rig_link(uint64_t gfn, uint32_t level,
					  uint64_t table)
{
	struct tdxc_external_change c =
		change(gfn, level, tdxc_spte_empty(), table_spte());

	c.external = table;
	return c;
}

struct tdxc_external_change sept_rig_map(uint64_t gfn, uint32_t level,
					 uint64_t pa)
{
	return change(gfn, level, tdxc_spte_empty(),
		      tdxc_spte_private(pa, level));
}

struct tdxc_external_change sept_rig_demote(uint64_t gfn, uint32_t level,
					    uint64_t pa, uint64_t table)
{
	struct tdxc_external_change c =
		change(gfn, level, tdxc_spte_private(pa, level), table_spte());

	c.external = table;
	return c;
}

struct tdxc_external_change sept_rig_promote(uint64_t gfn, uint32_t level,
					     uint64_t pa, uint64_t table)
{
	struct tdxc_external_change c =
		change(gfn, level, table_spte(), tdxc_spte_private(pa, level));

	c.external = table;
	return c;
}

struct tdxc_external_change sept_rig_relocate(uint64_t gfn, uint64_t old,
					      uint64_t pa)
{
	return change(gfn, TDXC_LEVEL_4K, tdxc_spte_private(old, 1),
		      tdxc_spte_private(pa, 1));
}

struct tdxc_external_entry sept_rig_leaf(uint64_t gfn, uint32_t level,
					 uint64_t pa)
{
	return (struct tdxc_external_entry){
		.gfn = {gfn},
		.level = level,
		.status = 1,
		.old = tdxc_spte_private(pa, level),
	};
}

struct tdxc_external_entry sept_rig_table(uint64_t gfn, uint32_t level,
					  uint64_t table)
{
	return (struct tdxc_external_entry){
		.gfn = {gfn},
		.level = level,
		.status = 1,
		.old = table_spte(),
		.external = table,
	};
}

uint64_t sept_rig_tables(struct sept_rig *rig, uint64_t gfn, uint32_t above)
{
	uint64_t table = 0;

	for (uint32_t level = 4; level > above; level--) {
		uint64_t first = gfn & ~(tdxc_level_frames(level) - 1);
		struct tdxc_external_change c;

		if (sept_rig_state(rig, first, level) != SEPT_RIG_FREE)
			continue;
		table = sept_rig_table_page(rig);
		c = sept_rig_link(first, level, table);
		must(tdxc_sept_set(&rig->sept, &c) == 0, "SEPT.ADD");
	}
	return table;
}

uint64_t sept_rig_fill(struct sept_rig *rig, uint64_t gfn, uint32_t level,
		       uint32_t n)
{
	uint64_t first = 0;

	if (level == TDXC_LEVEL_4K && n == TDXC_ENTRIES)
		rig->next_4k =
			(rig->next_4k + PAMT_RIG_2M - 1) & ~(PAMT_RIG_2M - 1);
	for (uint32_t i = 0; i < n; i++) {
		uint64_t at = gfn + i * tdxc_level_frames(level);
		uint64_t pa = sept_rig_page(rig, level);
		struct tdxc_external_change c = sept_rig_map(at, level, pa);

		(void)sept_rig_tables(rig, at, level);
		must(tdxc_sept_set(&rig->sept, &c) == 0, "PAGE.AUG");
		if (i == 0)
			first = pa;
	}
	return first;
}

/* --- looking ----------------------------------------------------------------
 */

void sept_rig_mark(struct sept_rig *rig)
{
	rig->nr_calls = 0;
	rig->fault = (struct sept_rig_fault){0};
	rig->of_leaf = (struct sept_rig_fault){0};
}

uint64_t sept_rig_calls(const struct sept_rig *rig, uint64_t leaf)
{
	uint64_t n = 0;

	for (uint64_t i = 0; i < rig->nr_calls && i < SEPT_RIG_TRACE; i++)
		n += rig->trace[i] == leaf;
	return n;
}

static enum sept_rig_state look(struct sept_rig *rig, uint64_t gfn,
				uint32_t level, struct tdxc_sim_regs *out)
{
	const uint64_t in[5] = {TDXC_MEM_SEPT_RD, gfn << 12 | (level - 1),
				rig->td.tdr};

	if (sim_call(&rig->p.f, SEPT_RIG_LPS - 1, in, out) != 0)
		return SEPT_RIG_NO_ENTRY;
	return (enum sept_rig_state)(out->gpr[TDXC_SIM_RDX] >> 8 & 0xFF);
}

enum sept_rig_state sept_rig_state(struct sept_rig *rig, uint64_t gfn,
				   uint32_t level)
{
	struct tdxc_sim_regs out;

	return look(rig, gfn, level, &out);
}

uint64_t sept_rig_mapped(struct sept_rig *rig, uint64_t gfn, uint32_t level)
{
	struct tdxc_sim_regs out;

	(void)look(rig, gfn, level, &out);
	return out.gpr[TDXC_SIM_RCX] & TDXC_SPTE_PA_MASK;
}

uint32_t sept_rig_type(struct sept_rig *rig, uint64_t pa)
{
	struct tdxc_sim_regs out;

	must(sim_call(&rig->p.f, SEPT_RIG_LPS - 1, (const uint64_t[5]){24, pa},
		      &out) == 0,
	     "PAGE.RDMD");
	/* A pair covers the range: the page itself is free. */
	return out.gpr[TDXC_SIM_RCX] == 15 ? SEPT_RIG_NDA
					   : (uint32_t)out.gpr[TDXC_SIM_RCX];
}

bool sept_rig_audit(struct sept_rig *rig)
{
	struct tdxc_sim_violation v;

	if (tdxc_sim_audit(&rig->p.f.machine, &v) == 0)
		return true;
	fprintf(stderr, "audit: %s\n", v.text);
	return false;
}

/* --- vCPUs ------------------------------------------------------------------
 */

int sept_rig_enter(struct sept_rig *rig, uint32_t vcpu)
{
	struct tdxc_sim_regs *regs = &rig->guest[vcpu];
	int err = tdxc_sept_enter_begin(&rig->sept, vcpu);

	if (err)
		return err;
	memset(regs, 0, sizeof(*regs));
	regs->gpr[TDXC_SIM_RAX] = TDXC_VP_ENTER;
	regs->gpr[TDXC_SIM_RCX] = rig->td.tdvpr[vcpu];
	must(tdxc_sim_machine_seamcall(&rig->p.f.machine, vcpu + 1, regs) ==
		     TDXC_SIM_ENTERED,
	     "VP.ENTER");
	rig->inside[vcpu] = true;
	return TDXC_OK;
}

void sept_rig_leave(struct sept_rig *rig, uint32_t vcpu)
{
	tdxc_sim_machine_interrupt_exit(&rig->p.f.machine, vcpu + 1,
					&rig->guest[vcpu]);
	rig->inside[vcpu] = false;
	tdxc_sept_enter_end(&rig->sept, vcpu);
}
