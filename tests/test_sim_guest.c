/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Guests that touch memory, and a host that gives and takes it. */
#include <check.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "audit.h"
#include "guest.h"
#include "module.h"
#include "sim/sim_fixture.h"

#define COUNT(a)    (sizeof(a) / sizeof((a)[0]))
#define GPA	    0x40000000ull
#define SHARED	    (1ull << 47)
#define SHARED_ROOT 0x500000ull
#define NOT_TRACKED 0xC0000B0800000001ull
#define SCRIPT(g, ...)                                                         \
	do {                                                                   \
		static const struct tdxc_sim_guest_op script_[] = {            \
			__VA_ARGS__};                                          \
		(g)->script = script_;                                         \
		(g)->nr_ops = COUNT(script_);                                  \
		ck_assert_int_eq(tdxc_sim_guest_init(g), TDXC_OK);             \
	} while (0)

static struct sim_fixture f;
static struct sim_td td;
static struct tdxc_sim_guest a;
static struct tdxc_sim_guest b;
static uint64_t next_shared;
static uint64_t map_limit; /* bytes of one MapGPA; 0: no limit */
static uint32_t aug_level;
static bool refuse;

/* Missing private pages are added, at a level of the test's choice. */
static bool on_violation(void *ctx, struct tdxc_sim_guest *g, uint64_t gpa,
			 uint64_t qualification, uint64_t extended)
{
	uint64_t first = gpa & ~((4096ull << (9 * aug_level)) - 1);
	uint64_t pa;

	(void)ctx;
	(void)qualification;
	(void)extended;
	ck_assert_uint_eq(gpa & g->shared_bit, 0);
	if (refuse)
		return false;
	/* 2 with a race: someone else was first */
	(void)sim_td_aug(&f, &td, first, aug_level, &pa);
	return true;
}

static uint64_t shared_page(void *ctx)
{
	(void)ctx;
	next_shared += 4096;
	return next_shared;
}

static bool map_page(uint64_t gpa, bool shared)
{
	return tdxc_sim_shared_map(&f.machine, SHARED_ROOT, gpa | SHARED,
				   shared ? shared_page(NULL)
					  : TDXC_SIM_GUEST_UNMAP,
				   shared_page, NULL);
}

/* MapGPA: shared pages appear in the shared EPT, or go. */
static bool on_vmcall(void *ctx, struct tdxc_sim_guest *g,
		      struct tdxc_sim_regs *regs)
{
	uint64_t gpa = regs->gpr[TDXC_SIM_R12] & ~SHARED;
	uint64_t bytes = regs->gpr[TDXC_SIM_R13];
	bool shared = (regs->gpr[TDXC_SIM_R12] & SHARED) != 0;

	(void)ctx;
	(void)g;
	if (refuse)
		return false;
	if (regs->gpr[TDXC_SIM_R11] != 0x10001) {
		regs->gpr[TDXC_SIM_R10] = 0;
		return true;
	}
	regs->gpr[TDXC_SIM_R10] = 0;
	if (gpa % 4096 != 0) {
		regs->gpr[TDXC_SIM_R10] = 0x8000000000000002;
		return true;
	}
	if (map_limit != 0 && bytes > map_limit) {
		bytes = map_limit;
		regs->gpr[TDXC_SIM_R10] = 1;
	}
	for (uint64_t i = 0; i < bytes; i += 4096)
		ck_assert(map_page(gpa + i, shared));
	regs->gpr[TDXC_SIM_R11] = gpa + bytes;
	return true;
}

static void prepare(struct tdxc_sim_guest *g, uint32_t i)
{
	memset(g, 0, sizeof(*g));
	g->machine = &f.machine;
	g->lp = i + 1;
	g->tdvpr = td.tdvpr[i];
	g->shared_bit = SHARED;
	g->shared_root = SHARED_ROOT;
	g->host.violation = on_violation;
	g->host.vmcall = on_vmcall;
	g->accept = true;
	g->check = true;
}

static void build(bool lines)
{
	struct sim_shape shape = {
		.nr_lps = 4,
		.nr_packages = 2,
		.nr_tdmrs = 1,
		.gib = 1,
		.lines = lines,
	};

	ck_assert_uint_eq(sim_up(&f, &shape), 0);
	ck_assert_uint_eq(sim_td_build(&f, &td, 40, 2), 0);
	for (uint64_t i = 0; i < 512; i++)
		ck_assert(tdxc_sim_machine_write64(
			&f.machine, 0x300000 + i * 8,
			tdxc_sim_guest_pattern(GPA + 0x800000 + i * 8, 5)));
	ck_assert_uint_eq(sim_td_add(&f, &td, GPA + 0x800000, 0x300000), 0);
	ck_assert_uint_eq(sim_td_finalize(&f, &td), 0);
	next_shared = SHARED_ROOT;
	map_limit = 0;
	aug_level = 0;
	refuse = false;
	prepare(&a, 0);
	prepare(&b, 1);
}

static void up(void)
{
	build(false);
}

static void down(void)
{
	struct tdxc_sim_violation v;
	int err = tdxc_sim_audit(&f.machine, &v);

	ck_assert_msg(err == 0, "%s", v.text);
	sim_down(&f);
}

/* Where the test itself broke a rule there is nothing to audit. */
static void down_unaudited(void)
{
	sim_down(&f);
}

static void expect(struct tdxc_sim_guest *g, enum tdxc_sim_guest_result result)
{
	enum tdxc_sim_guest_result got = tdxc_sim_guest_run(g);

	ck_assert_msg(got == result, "result %d, status %llx, where %llx", got,
		      (unsigned long long)g->status,
		      (unsigned long long)g->where);
	ck_assert_int_eq(g->result, result);
	ck_assert(!f.machine.module.lps[g->lp].in_guest);
}

/* --- private memory ------------------------------------------------------ */

START_TEST(memory_appears_when_touched_and_keeps_what_was_written)
{
	SCRIPT(&a, {TDXC_SIM_GUEST_WRITE, GPA + 8, 5 * 4096, 77},
	       {TDXC_SIM_GUEST_VERIFY, GPA + 8, 5 * 4096, 77},
	       {TDXC_SIM_GUEST_READ, GPA, 4096, 0},
	       {TDXC_SIM_GUEST_EXIT, 0, 0, 0});
	expect(&a, TDXC_SIM_GUEST_DONE);
	ck_assert_uint_eq(a.nr_violations, 6);
	ck_assert_uint_eq(a.nr_ve, 6);
	ck_assert_uint_gt(a.nr_tlb_hits, 0);
	SCRIPT(&b, {TDXC_SIM_GUEST_VERIFY, GPA + 8, 5 * 4096, 77});
	expect(&b, TDXC_SIM_GUEST_DONE);
	ck_assert_uint_eq(b.nr_violations, 0);
}
END_TEST

START_TEST(the_line_model_lets_the_same_guests_run)
{
	sim_down(&f);
	build(true);
	SCRIPT(&a, {TDXC_SIM_GUEST_WRITE, GPA, 3 * 4096, 77},
	       {TDXC_SIM_GUEST_VERIFY, GPA + 0x800000, 4096, 5},
	       {TDXC_SIM_GUEST_SHARE, GPA, 4096, 0},
	       {TDXC_SIM_GUEST_WRITE, GPA | SHARED, 4096, 78},
	       {TDXC_SIM_GUEST_VERIFY, GPA | SHARED, 4096, 78});
	expect(&a, TDXC_SIM_GUEST_DONE);
	SCRIPT(&b, {TDXC_SIM_GUEST_VERIFY, GPA, 3 * 4096, 77});
	expect(&b, TDXC_SIM_GUEST_DONE);
}
END_TEST

START_TEST(what_was_added_at_build_time_is_there)
{
	SCRIPT(&a, {TDXC_SIM_GUEST_VERIFY, GPA + 0x800000, 4096, 5});
	expect(&a, TDXC_SIM_GUEST_DONE);
	ck_assert_uint_eq(a.nr_violations, 0);
}
END_TEST

START_TEST(wrong_contents_are_told_with_their_place)
{
	SCRIPT(&a, {TDXC_SIM_GUEST_WRITE, GPA, 4096, 1},
	       {TDXC_SIM_GUEST_WRITE, GPA + 0x208, 8, 2},
	       {TDXC_SIM_GUEST_VERIFY, GPA, 4096, 1});
	expect(&a, TDXC_SIM_GUEST_WRONG);
	ck_assert_uint_eq(a.where, GPA + 0x208);
}
END_TEST

START_TEST(pages_are_accepted_at_either_size)
{
	aug_level = 1;
	SCRIPT(&a, {TDXC_SIM_GUEST_ACCEPT_2M, GPA, 2 * TDXC_SIZE_2M, 0},
	       {TDXC_SIM_GUEST_ACCEPT_2M, GPA, TDXC_SIZE_2M, 0},
	       {TDXC_SIM_GUEST_WRITE, GPA + TDXC_SIZE_2M - 64, 128, 3},
	       {TDXC_SIM_GUEST_VERIFY, GPA + TDXC_SIZE_2M - 64, 128, 3});
	expect(&a, TDXC_SIM_GUEST_DONE);
	ck_assert_uint_eq(a.nr_ve, 0);
	ck_assert_uint_eq(a.nr_violations, 2);
	aug_level = 0;
	SCRIPT(&a, {TDXC_SIM_GUEST_ACCEPT_4K, GPA + 0x900000, 8 * 4096, 0},
	       {TDXC_SIM_GUEST_READ, GPA + 0x900000, 8 * 4096, 0});
	expect(&a, TDXC_SIM_GUEST_DONE);
	ck_assert_uint_eq(a.nr_violations, 8);
	SCRIPT(&a, {TDXC_SIM_GUEST_ACCEPT_2M, GPA + 0x800000, TDXC_SIZE_2M, 0});
	expect(&a, TDXC_SIM_GUEST_REFUSED);
	ck_assert_uint_eq(a.status >> 32, 0xC0000B0B);
	SCRIPT(&a, {TDXC_SIM_GUEST_ACCEPT_4K, 1ull << 52, 4096, 0});
	expect(&a, TDXC_SIM_GUEST_REFUSED);
	ck_assert_uint_eq(a.status, 0xC000010000000001);
}
END_TEST

START_TEST(a_large_pending_page_is_accepted_whole_when_touched)
{
	aug_level = 1;
	SCRIPT(&a, {TDXC_SIM_GUEST_WRITE, GPA + 0x5000, 4096, 3},
	       {TDXC_SIM_GUEST_VERIFY, GPA + 0x5000, 4096, 3});
	expect(&a, TDXC_SIM_GUEST_DONE);
	ck_assert_uint_eq(a.nr_ve, 1);
}
END_TEST

START_TEST(a_pending_page_stops_a_guest_that_does_not_accept)
{
	a.accept = false;
	SCRIPT(&a, {TDXC_SIM_GUEST_READ, GPA, 8, 0});
	expect(&a, TDXC_SIM_GUEST_VE);
	ck_assert_uint_eq(a.where, GPA);
}
END_TEST

/* --- shared memory ------------------------------------------------------- */

START_TEST(pages_become_shared_and_private_again)
{
	uint64_t pa;

	map_limit = 2 * 4096;
	SCRIPT(&a, {TDXC_SIM_GUEST_SHARE, GPA, 5 * 4096, 0},
	       {TDXC_SIM_GUEST_WRITE, GPA | SHARED, 5 * 4096, 9},
	       {TDXC_SIM_GUEST_VERIFY, GPA | SHARED, 5 * 4096, 9});
	expect(&a, TDXC_SIM_GUEST_DONE);
	ck_assert_uint_eq(a.nr_vmcalls, 3);
	pa = SHARED_ROOT + 4096; /* the first the host gave away */
	ck_assert_uint_eq(tdxc_sim_machine_read64(&f.machine, pa),
			  tdxc_sim_guest_pattern(GPA, 9));
	SCRIPT(&a, {TDXC_SIM_GUEST_UNSHARE, GPA, 5 * 4096, 0},
	       {TDXC_SIM_GUEST_WRITE, GPA, 5 * 4096, 10},
	       {TDXC_SIM_GUEST_VERIFY, GPA, 5 * 4096, 10});
	expect(&a, TDXC_SIM_GUEST_DONE);
	ck_assert_uint_eq(tdxc_sim_machine_read64(&f.machine, pa),
			  tdxc_sim_guest_pattern(GPA, 9));
}
END_TEST

START_TEST(what_the_host_refuses_is_told)
{
	SCRIPT(&a, {TDXC_SIM_GUEST_SHARE, GPA + 8, 4096, 0});
	expect(&a, TDXC_SIM_GUEST_REFUSED);
	ck_assert_uint_eq(a.status, 0x8000000000000002);
	refuse = true;
	SCRIPT(&a, {TDXC_SIM_GUEST_SHARE, GPA, 4096, 0});
	expect(&a, TDXC_SIM_GUEST_STUCK);
	SCRIPT(&a, {TDXC_SIM_GUEST_READ, GPA, 4096, 0});
	expect(&a, TDXC_SIM_GUEST_STUCK);
	ck_assert_uint_eq(a.where, GPA);
}
END_TEST

static bool do_nothing(void *ctx, struct tdxc_sim_guest *g, uint64_t gpa,
		       uint64_t qualification, uint64_t extended)
{
	(void)ctx;
	(void)g;
	(void)gpa;
	(void)qualification;
	(void)extended;
	return true;
}

START_TEST(a_host_that_does_nothing_is_not_waited_for_for_ever)
{
	a.host.violation = do_nothing;
	SCRIPT(&a, {TDXC_SIM_GUEST_READ, GPA | SHARED, 4096, 0});
	expect(&a, TDXC_SIM_GUEST_STUCK);
	ck_assert_uint_gt(a.nr_violations, TDXC_SIM_GUEST_PATIENCE);
}
END_TEST

START_TEST(large_shared_pages_and_ill_formed_tables_are_seen)
{
	uint64_t table = 0x500000;
	struct tdxc_sim_translation at;

	ck_assert(map_page(GPA, true));
	ck_assert(tdxc_sim_shared_walk(&f.machine, 0, SHARED_ROOT, GPA | SHARED,
				       &at));
	ck_assert_uint_eq(at.level, 0);
	ck_assert(!tdxc_sim_shared_walk(&f.machine, 0, SHARED_ROOT,
					(GPA + 4096) | SHARED, &at));
	/* the level 1 table is the third one made; entry 5 a 2M page */
	table += 4 * 4096;
	tdxc_sim_guest_store(&f.machine, 0, table - 4096 + 5 * 8,
			     0x600000 | 0xB7);
	ck_assert(tdxc_sim_shared_walk(
		&f.machine, 0, SHARED_ROOT,
		(GPA + 5 * TDXC_SIZE_2M + 0x3000) | SHARED, &at));
	ck_assert_uint_eq(at.level, 1);
	ck_assert_uint_eq(at.pa, 0x600000);
	ck_assert(!map_page(GPA + 5 * TDXC_SIZE_2M, true));
	tdxc_sim_guest_store(&f.machine, 0, SHARED_ROOT, 1ull << 50 | 7);
	ck_assert(!tdxc_sim_shared_walk(&f.machine, 0, SHARED_ROOT, 0, &at));
}
END_TEST

/* --- epochs -------------------------------------------------------------- */

/* Run until the vCPU has a translation it uses again. */
static void warm_up(struct tdxc_sim_guest *g)
{
	uint64_t hits = g->nr_tlb_hits;

	for (int i = 0; i < 1000 && g->nr_tlb_hits < hits + 3; i++)
		ck_assert_int_eq(tdxc_sim_guest_step(g),
				 TDXC_SIM_GUEST_RUNNING);
	ck_assert_uint_ge(g->nr_tlb_hits, hits + 3);
}

START_TEST(a_page_can_go_only_once_no_vcpu_can_still_reach_it)
{
	SCRIPT(&a, {TDXC_SIM_GUEST_READ, GPA, 8, 0},
	       {TDXC_SIM_GUEST_LOOP, 0, 0, 0});
	warm_up(&a);
	ck_assert_uint_eq(SIM_CALL(&f, 0, 7, GPA, td.tdr), 0);
	warm_up(&a); /* blocked, and still in the TLB: that is right */
	ck_assert_uint_eq(SIM_CALL(&f, 0, 29, GPA, td.tdr), NOT_TRACKED);
	ck_assert_uint_eq(SIM_CALL(&f, 0, 38, td.tdr), 0);
	ck_assert_uint_eq(SIM_CALL(&f, 0, 29, GPA, td.tdr), NOT_TRACKED);
	warm_up(&a);
	tdxc_sim_guest_kick(&a);
	ck_assert_int_eq(tdxc_sim_guest_step(&a), TDXC_SIM_GUEST_RUNNING);
	ck_assert_uint_eq(SIM_CALL(&f, 0, 29, GPA, td.tdr), 0);
	refuse = true;
	expect(&a, TDXC_SIM_GUEST_STUCK);
	ck_assert_uint_eq(a.nr_interrupts, 1);
	ck_assert_uint_eq(a.nr_tlb_flushes, 2);
}
END_TEST

START_TEST(within_an_epoch_translations_outlive_exits)
{
	uint64_t flushes;

	SCRIPT(&a, {TDXC_SIM_GUEST_READ, GPA, 8, 0},
	       {TDXC_SIM_GUEST_LOOP, 0, 0, 0});
	warm_up(&a);
	flushes = a.nr_tlb_flushes;
	for (int i = 0; i < 3; i++) {
		tdxc_sim_guest_kick(&a);
		warm_up(&a);
	}
	ck_assert_uint_eq(a.nr_tlb_flushes, flushes);
	ck_assert_uint_eq(a.nr_interrupts, 3);
	ck_assert_uint_eq(SIM_CALL(&f, 0, 38, td.tdr), 0);
	tdxc_sim_guest_kick(&a);
	warm_up(&a);
	ck_assert_uint_eq(a.nr_tlb_flushes, flushes + 1);
	tdxc_sim_guest_stop(&a);
	expect(&a, TDXC_SIM_GUEST_DONE);
}
END_TEST

static uint64_t *entry_of(uint64_t gpa, uint8_t level)
{
	struct tdxc_sim_module *m = &f.machine.module;
	struct tdxc_sim_td t = {.pa = td.tdr, .keyid = td.keyid};
	struct tdxc_sim_sept at;

	t.tdr = tdxc_sim_tdr_page(m, td.tdr);
	t.tdcs = tdxc_sim_tdcs_page(m, t.tdr);
	(void)tdxc_sim_sept_walk(m, &t, gpa, level, &at);
	return at.entry;
}

static void remove_page(void)
{
	*entry_of(GPA, 0) = SEPT_FREE;
}

static void move_page(void)
{
	*entry_of(GPA, 0) += 4096;
}

static void make_pending(void)
{
	*entry_of(GPA, 0) =
		tdxc_sim_sept_make(SS_PENDING, *entry_of(GPA, 0) & SEPT_HPA);
}

static void remove_table(void)
{
	*entry_of(GPA, 1) = SEPT_FREE;
}

static void lead_astray(void)
{
	*entry_of(GPA, 1) = tdxc_sim_sept_make(SS_NL_BLOCKED, 1ull << 45);
}

static void make_large(void)
{
	*entry_of(GPA, 1) = tdxc_sim_sept_make(
		SS_MAPPED, *entry_of(GPA, 0) & SEPT_HPA & ~0x1FFFFFull);
}

static void (*const cheats[])(void) = {
	remove_page,  move_page,   make_pending,
	remove_table, lead_astray, make_large,
};

/* What the module would have refused, done behind its back. */
START_TEST(a_translation_that_outlives_its_page_is_an_error)
{
	SCRIPT(&a, {TDXC_SIM_GUEST_READ, GPA, 8, 0},
	       {TDXC_SIM_GUEST_LOOP, 0, 0, 0});
	warm_up(&a);
	cheats[_i]();
	expect(&a, TDXC_SIM_GUEST_STALE);
	ck_assert_uint_eq(a.where, GPA);
	SCRIPT(&a, {TDXC_SIM_GUEST_READ, GPA + 0x100000, 8, 0},
	       {TDXC_SIM_GUEST_EXIT, 0, 0, 0});
}
END_TEST

/* --- the script ---------------------------------------------------------- */

START_TEST(loops_spin_and_calls_end_where_they_should)
{
	SCRIPT(&a, {TDXC_SIM_GUEST_SPIN, 0, 0, 200},
	       {TDXC_SIM_GUEST_HLT, 0, 0, 0}, {TDXC_SIM_GUEST_LOOP, 0, 0, 3},
	       {TDXC_SIM_GUEST_LOOP, 1, 0, 1}, {TDXC_SIM_GUEST_EXIT, 0, 0, 0},
	       {TDXC_SIM_GUEST_HLT, 0, 0, 0});
	expect(&a, TDXC_SIM_GUEST_DONE);
	/* 4 times round, once more through the outer loop, 4 round again */
	ck_assert_uint_eq(a.nr_vmcalls, 8);
}
END_TEST

static bool give_up(void *ctx, struct tdxc_sim_guest *g)
{
	(void)g;
	return ctx != NULL;
}

START_TEST(an_entry_or_interrupt_the_host_does_not_want_ends_the_run)
{
	SCRIPT(&a, {TDXC_SIM_GUEST_SPIN, 0, 0, 1ull << 40});
	ck_assert_int_eq(tdxc_sim_guest_step(&a), TDXC_SIM_GUEST_RUNNING);
	b.tdvpr = a.tdvpr; /* on another LP */
	SCRIPT(&b, {TDXC_SIM_GUEST_SPIN, 0, 0, 1});
	expect(&b, TDXC_SIM_GUEST_REFUSED);
	ck_assert_uint_eq(b.status >> 32, 0xC0000700);
	a.host.interrupt = give_up;
	tdxc_sim_guest_kick(&a);
	expect(&a, TDXC_SIM_GUEST_STUCK);
}
END_TEST

START_TEST(a_busy_module_is_asked_again_but_not_for_ever)
{
	uint64_t *op_lock =
		&tdxc_sim_tdcs_page(
			 &f.machine.module,
			 tdxc_sim_tdr_page(&f.machine.module, td.tdr))
			 ->op_lock;

	*op_lock = 1;
	SCRIPT(&a, {TDXC_SIM_GUEST_SPIN, 0, 0, 1});
	expect(&a, TDXC_SIM_GUEST_REFUSED);
	ck_assert_uint_eq(a.status, 0x80000200000000AC);
	*op_lock = 0;
}
END_TEST

START_TEST(senseless_scripts_are_refused)
{
	static const struct tdxc_sim_guest_op bad[] = {
		{TDXC_SIM_GUEST_READ, 4, 8, 0},
		{TDXC_SIM_GUEST_READ, 8, 4, 0},
		{TDXC_SIM_GUEST_LOOP, 0, 0, 0},
	};

	for (size_t i = 0; i < COUNT(bad); i++) {
		a.script = &bad[i];
		a.nr_ops = 1;
		ck_assert_int_eq(tdxc_sim_guest_init(&a), TDXC_E_INVAL);
	}
	a.script = NULL;
	ck_assert_int_eq(tdxc_sim_guest_init(&a), TDXC_E_INVAL);
}
END_TEST

/* --- threads ------------------------------------------------------------- */

static void *run(void *g)
{
	(void)tdxc_sim_guest_run(g);
	return NULL;
}

static uint64_t retry(uint64_t leaf, uint64_t rcx, uint64_t rdx)
{
	uint64_t status;
	int left = 2000000;

	do {
		status = SIM_CALL(&f, 0, leaf, rcx, rdx);
		if (status >> 32 == 0xC0000B08) {
			tdxc_sim_guest_kick(&a);
			tdxc_sim_guest_kick(&b);
		}
	} while ((status >> 32 == 0xC0000B08 || status >> 32 == 0x80000200 ||
		  status >> 32 == 0x80000201) &&
		 --left > 0);
	return status;
}

/* Each vCPU's thread is its own host: its LP, its pages. */
static bool on_own_lp(void *ctx, struct tdxc_sim_guest *g, uint64_t gpa,
		      uint64_t qualification, uint64_t extended)
{
	uint64_t *next = ctx;

	(void)qualification;
	(void)extended;
	/* a page that is being taken away needs the other thread to go on */
	if (SIM_CALL(&f, g->lp, 6, gpa & ~4095ull, td.tdr, *next) != 0)
		(void)sched_yield();
	else
		*next += 4096;
	return true;
}

/* Two vCPUs write and verify, each its pages, while the host takes pages away
 * that they get back empty. */
START_TEST(pages_taken_from_running_vcpus_are_never_seen_again)
{
	uint64_t mine = f.base + TDXC_SIZE_1G / 4;
	uint64_t other = f.base + TDXC_SIZE_1G / 2;
	pthread_t id[2];
	int taken = 0;

	a.host.ctx = &mine;
	b.host.ctx = &other;
	a.host.violation = on_own_lp;
	b.host.violation = on_own_lp;

	SCRIPT(&a, {TDXC_SIM_GUEST_WRITE, GPA, 4096, 11},
	       {TDXC_SIM_GUEST_READ, GPA + 0x4000, 8 * 4096, 0},
	       {TDXC_SIM_GUEST_VERIFY, GPA, 4096, 11},
	       {TDXC_SIM_GUEST_LOOP, 0, 0, 0});
	SCRIPT(&b, {TDXC_SIM_GUEST_READ, GPA + 0x4000, 8 * 4096, 0},
	       {TDXC_SIM_GUEST_WRITE, GPA + 0x1000, 4096, 12},
	       {TDXC_SIM_GUEST_VERIFY, GPA + 0x1000, 4096, 12},
	       {TDXC_SIM_GUEST_LOOP, 0, 0, 0});
	ck_assert_uint_eq(sim_td_tables(&f, &td, GPA, 0), 0);
	ck_assert_int_eq(pthread_create(&id[0], NULL, run, &a), 0);
	ck_assert_int_eq(pthread_create(&id[1], NULL, run, &b), 0);
	for (int i = 0; i < 100000000 && taken < 100; i++) {
		uint64_t gpa = GPA + 0x4000 + (uint64_t)(i % 8) * 4096;

		if (SIM_CALL(&f, 0, 7, gpa, td.tdr) != 0)
			continue;
		ck_assert_uint_eq(retry(38, td.tdr, 0), 0);
		ck_assert_uint_eq(retry(29, gpa, td.tdr), 0);
		taken++;
	}
	tdxc_sim_guest_stop(&a);
	tdxc_sim_guest_stop(&b);
	for (int i = 0; i < 2; i++)
		(void)pthread_join(id[i], NULL);
	ck_assert_int_eq(a.result, TDXC_SIM_GUEST_DONE);
	ck_assert_int_eq(b.result, TDXC_SIM_GUEST_DONE);
	ck_assert_int_eq(taken, 100);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sim_guest");
	TCase *memory = tcase_create("memory");
	TCase *epochs = tcase_create("epochs");
	TCase *cheat = tcase_create("cheat");
	TCase *script = tcase_create("script");
	TCase *all[] = {memory, epochs, script, cheat};
	SRunner *runner;
	int failed;

	for (size_t i = 0; i < COUNT(all); i++) {
		tcase_add_checked_fixture(
			all[i], up, all[i] == cheat ? down_unaudited : down);
		tcase_set_timeout(all[i], 120);
		suite_add_tcase(suite, all[i]);
	}
	tcase_add_test(memory,
		       memory_appears_when_touched_and_keeps_what_was_written);
	tcase_add_test(memory, the_line_model_lets_the_same_guests_run);
	tcase_add_test(memory, what_was_added_at_build_time_is_there);
	tcase_add_test(memory, wrong_contents_are_told_with_their_place);
	tcase_add_test(memory, pages_are_accepted_at_either_size);
	tcase_add_test(memory,
		       a_large_pending_page_is_accepted_whole_when_touched);
	tcase_add_test(memory,
		       a_pending_page_stops_a_guest_that_does_not_accept);
	tcase_add_test(memory, pages_become_shared_and_private_again);
	tcase_add_test(memory, what_the_host_refuses_is_told);
	tcase_add_test(memory,
		       a_host_that_does_nothing_is_not_waited_for_for_ever);
	tcase_add_test(memory,
		       large_shared_pages_and_ill_formed_tables_are_seen);
	tcase_add_test(epochs,
		       a_page_can_go_only_once_no_vcpu_can_still_reach_it);
	tcase_add_test(epochs, within_an_epoch_translations_outlive_exits);
	tcase_add_test(epochs,
		       pages_taken_from_running_vcpus_are_never_seen_again);
	tcase_add_loop_test(cheat,
			    a_translation_that_outlives_its_page_is_an_error, 0,
			    COUNT(cheats));
	tcase_add_test(script, loops_spin_and_calls_end_where_they_should);
	tcase_add_test(
		script,
		an_entry_or_interrupt_the_host_does_not_want_ends_the_run);
	tcase_add_test(script, a_busy_module_is_asked_again_but_not_for_ever);
	tcase_add_test(script, senseless_scripts_are_refused);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
