/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Schedules of the real code: each row is a situation and what a few threads do
 * in it; every interleaving of them keeps the invariants (world.h).
 *
 *   scenarios [NAME]    NAME: only those whose name begins so
 *
 * TDXC_TEST_SCALE below 100 cuts each to 20 schedules per percent; 200 and more
 * allow one more preemption for each 200. TDXC_INTERLEAVE_PATH prints the steps
 * that led to a failure.
 *
 * Ids R: kvm-mirror-mmu.md 11.2.
 */
#include "report.h"
#include "world.h"

#include <string.h>

#define ATTEMPTS 12u
#define WHOLE	 (1ull << 36)

/* Frames: three neighbours, one in another leaf table, one below another entry
 * of the same level-3 table. */
#define A 0x200ull
#define B 0x201ull
#define C 0x400ull
#define E 0x202ull
#define D 0x40000ull

enum job {
	JOB_NONE,
	JOB_FAULT,
	JOB_FAULT_EXISTS,    /* another page is mapped there */
	JOB_FAULT_EXCLUSIVE, /* under the exclusive lock */
	JOB_ZAP,	     /* with the lock shared */
	JOB_ZAP_EXCLUSIVE,
	JOB_WALK, /* without a lock */
	JOB_ITERATE,
	JOB_TEARDOWN,
	JOB_ROOT,
	JOB_VCPU,
	JOB_VCPU_IDLE,	/* is in the guest, and touches nothing */
	JOB_CPU_WRITES, /* hardware sets D */
	JOB_PROTECT,
	JOB_COLLECT_DIRTY,
	JOB_POPULATE,
	JOB_DEMOTE,
	JOB_PROMOTE,
	JOB_RELOCATE,
	JOB_REMOVE_TABLES, /* gfn: of a leaf table; 0: all of 1 GiB, twice */
};

/* What is at the 2 MiB that begin with A: its page is WORLD_ROW. */
enum row { NO_ROW, ROW_LARGE, ROW_SMALL };

struct task {
	enum job job;
	enum tdxc_memory memory;
	uint64_t gfn;
	uint32_t page; /* JOB_VCPU: its number */
	uint32_t busy; /* answers that the external tree may give */
	uint32_t fatal;
	enum tdxc_zap_reason reason;
};

struct scenario {
	const char *name;
	struct task task[IL_THREADS];
	uint64_t mapped[2][3]; /* private, shared frames before; 0: none */
	uint32_t preemptions;  /* 0: no bound */
	uint64_t watched;      /* one more frame */
	bool no_roots;
	bool emptied; /* what was mapped was zapped: tables are left */
	enum row row;
	uint64_t hole; /* frame of the row that was zapped; 0: none */
};

#define PRIVATE TDXC_MEMORY_PRIVATE
#define SHARED	TDXC_MEMORY_SHARED

#define TASK(job, memory, gfn, page)                                           \
	{                                                                      \
		job, memory, gfn, page, 0, 0, 0                                \
	}
#define FAULT(gfn, page)	TASK(JOB_FAULT, PRIVATE, gfn, page)
#define FAULT_SHARED(gfn, page) TASK(JOB_FAULT, SHARED, gfn, page)
#define FAULT_BUSY(gfn, page)                                                  \
	{                                                                      \
		JOB_FAULT, PRIVATE, gfn, page, 1, 0, 0                         \
	}
#define FAULT_FATAL(gfn, page)                                                 \
	{                                                                      \
		JOB_FAULT, PRIVATE, gfn, page, 0, 1, 0                         \
	}
#define ZAP(gfn, reason)                                                       \
	{                                                                      \
		JOB_ZAP, PRIVATE, gfn, 0, 0, 0, reason                         \
	}
#define ZAP_BUSY(gfn, reason)                                                  \
	{                                                                      \
		JOB_ZAP, PRIVATE, gfn, 0, 1, 0, reason                         \
	}
#define ZAP_FATAL(gfn, reason)                                                 \
	{                                                                      \
		JOB_ZAP, PRIVATE, gfn, 0, 0, 1, reason                         \
	}
#define ZAP_ALONE(gfn, reason)                                                 \
	{                                                                      \
		JOB_ZAP_EXCLUSIVE, PRIVATE, gfn, 0, 0, 0, reason               \
	}

/* A job that the external tree may refuse, or fail, once. */
#define DOUBTFUL(job, gfn, page, busy, fatal)                                  \
	{                                                                      \
		job, PRIVATE, gfn, page, busy, fatal, 0                        \
	}
#define DEMOTE	     TASK(JOB_DEMOTE, PRIVATE, A, 0)
#define PROMOTE	     TASK(JOB_PROMOTE, PRIVATE, A, 0)
#define MOVE(page)   TASK(JOB_RELOCATE, PRIVATE, A, page)
#define SWEEP(gfn)   TASK(JOB_REMOVE_TABLES, PRIVATE, gfn, 0)
#define SMALL_ROW    .row = ROW_SMALL, .watched = B
#define LARGE_ROW    .row = ROW_LARGE, .watched = B
#define HOLE(gfn)    .row = ROW_SMALL, .hole = gfn, .watched = B
#define EMPTY_TABLES PRIVATE_AT(A), .emptied = true

#define GONE	     TDXC_ZAP_BACKING_GONE
#define TO_SHARED    TDXC_ZAP_TO_SHARED
#define NOTIFIER     TDXC_ZAP_NOTIFIER
#define DELETED	     TDXC_ZAP_SLOT_DELETED

#define NAME(name_, ...)                                                       \
	{                                                                      \
		.name = name_, __VA_ARGS__                                     \
	}
#define DO(...)		.task = {__VA_ARGS__}
#define PRIVATE_AT(...) .mapped[0] = {__VA_ARGS__}
#define SHARED_AT(...)	.mapped[1] = {__VA_ARGS__}
#define BOUND(n)	.preemptions = n

/* Where B is mapped, the tables that A needs are there. */
static const struct scenario scenarios[] = {
	NAME("R1 two faults on a frame", DO(FAULT(A, 0), FAULT(A, 0)),
	     PRIVATE_AT(B)),
	NAME("R1 three faults on a frame",
	     DO(FAULT(A, 0), FAULT(A, 0), FAULT(A, 0)), PRIVATE_AT(B),
	     BOUND(3)),
	NAME("R1 two shared faults on a frame",
	     DO(FAULT_SHARED(A, 0), FAULT_SHARED(A, 0)), SHARED_AT(B)),
	NAME("R2 a fault links, a fault comes through",
	     DO(FAULT(A, 0), FAULT(A, 0)), PRIVATE_AT(C)),
	NAME("R3 two faults need the same table", DO(FAULT(A, 0), FAULT(B, 1)),
	     PRIVATE_AT(C)),
	NAME("R3 two faults need the same two tables",
	     DO(FAULT(A, 0), FAULT(C, 1)), .watched = D),
	NAME("R3 two shared faults need the same tables",
	     DO(FAULT_SHARED(A, 0), FAULT_SHARED(B, 1)), SHARED_AT(D)),
	NAME("R4 busy, and another fault waits",
	     DO(FAULT_BUSY(A, 0), FAULT_BUSY(A, 0)), PRIVATE_AT(B)),
	NAME("R4 busy at a table too", DO(FAULT_BUSY(A, 0), FAULT(B, 1)),
	     PRIVATE_AT(C)),
	NAME("R5 a failure poisons", DO(FAULT_FATAL(A, 0), FAULT(A, 0)),
	     PRIVATE_AT(B)),
	NAME("R5 a failure at a table",
	     DO(FAULT_FATAL(A, 0), FAULT_FATAL(B, 1)), PRIVATE_AT(C)),
	NAME("R5 a failure, and a fault elsewhere",
	     DO(FAULT_FATAL(A, 0), FAULT(B, 1)), PRIVATE_AT(E)),
	NAME("R5 a removal fails, a fault goes on",
	     DO(ZAP_FATAL(A, GONE), FAULT(A, 0)), PRIVATE_AT(A)),
	NAME("R6 a zap under the exclusive lock",
	     DO(FAULT(A, 0), ZAP_ALONE(A, GONE)), PRIVATE_AT(B)),
	NAME("R7 R25 a fault with an old page",
	     DO(FAULT(A, 0), ZAP(A, TO_SHARED)), PRIVATE_AT(B)),
	NAME("R7 R25 a shared fault with an old page",
	     DO(FAULT_SHARED(A, 0), ZAP(A, NOTIFIER)), SHARED_AT(B)),
	NAME("R7 a fault without tables, and a zap",
	     DO(FAULT(A, 0), ZAP(A, GONE)), PRIVATE_AT(C)),
	NAME("R8 a zap and a guest that accepts",
	     DO(ZAP(A, GONE), TASK(JOB_VCPU, PRIVATE, A, 0)), PRIVATE_AT(A)),
	NAME("R9 R10 R11 two zaps and a vCPU",
	     DO(ZAP(A, GONE), ZAP(B, GONE), TASK(JOB_VCPU, PRIVATE, A, 0)),
	     PRIVATE_AT(A, B), BOUND(3)),
	NAME("R11 two zaps and an idle vCPU",
	     DO(ZAP(A, GONE), ZAP(B, GONE), TASK(JOB_VCPU_IDLE, PRIVATE, A, 0)),
	     PRIVATE_AT(A, B), BOUND(3)),
	NAME("R12 R13 a zap and two vCPUs",
	     DO(ZAP(A, GONE), TASK(JOB_VCPU, PRIVATE, A, 0),
		TASK(JOB_VCPU, PRIVATE, A, 1)),
	     PRIVATE_AT(A), BOUND(3)),
	NAME("R14 an iterator, and tables that go",
	     DO(TASK(JOB_TEARDOWN, SHARED, 0, 0),
		TASK(JOB_ITERATE, SHARED, A, 0)),
	     SHARED_AT(A)),
	NAME("R14 an iterator, and a mirror that goes",
	     DO(TASK(JOB_TEARDOWN, PRIVATE, 0, 0),
		TASK(JOB_ITERATE, PRIVATE, A, 0)),
	     PRIVATE_AT(A), .emptied = true),
	NAME("R17 a zap, and a fault behind it", DO(ZAP(A, GONE), FAULT(A, 0)),
	     PRIVATE_AT(A, B)),
	NAME("R18 a mirror is torn down, and a walk",
	     DO(TASK(JOB_TEARDOWN, PRIVATE, 0, 0),
		TASK(JOB_WALK, PRIVATE, A, 0)),
	     PRIVATE_AT(A), .emptied = true),
	NAME("R20 a zap in shared mode meets a fault",
	     DO(ZAP_BUSY(A, GONE), FAULT_BUSY(A, 0)), PRIVATE_AT(B)),
	NAME("R20 two zaps of a frame in shared mode",
	     DO(ZAP(A, GONE), ZAP(A, GONE)), PRIVATE_AT(A)),
	NAME("R20 a busy zap", DO(ZAP_BUSY(A, GONE), FAULT(A, 0)),
	     PRIVATE_AT(A)),
	NAME("R21 a fault in a table that dies",
	     DO(TASK(JOB_TEARDOWN, SHARED, 0, 0), FAULT_SHARED(A, 0)),
	     SHARED_AT(B)),
	NAME("R21 a zap in a table that dies",
	     DO(TASK(JOB_TEARDOWN, SHARED, 0, 0), ZAP(A, NOTIFIER)),
	     SHARED_AT(A)),
	NAME("R28 two CPUs make the mirror root",
	     DO(TASK(JOB_ROOT, PRIVATE, 0, 0), TASK(JOB_ROOT, PRIVATE, 0, 0)),
	     .no_roots = true),
	NAME("R28 three CPUs make the direct root",
	     DO(TASK(JOB_ROOT, SHARED, 0, 0), TASK(JOB_ROOT, SHARED, 0, 0),
		TASK(JOB_ROOT, SHARED, 0, 0)),
	     BOUND(3), .no_roots = true),
	NAME("R30 a notifier, and the private twin",
	     DO(ZAP(A, NOTIFIER), TASK(JOB_WALK, PRIVATE, A, 0)), PRIVATE_AT(A),
	     SHARED_AT(A)),
	NAME("R31 a conversion, and the shared twin",
	     DO(ZAP(A, TO_SHARED), FAULT_SHARED(A, 1)), PRIVATE_AT(A),
	     SHARED_AT(A)),
	NAME("R31 a slot goes, in both halves",
	     DO(ZAP(A, DELETED), FAULT(A, 0)), PRIVATE_AT(A), SHARED_AT(A)),
	NAME("R37 two faults, two pages, one frame",
	     DO(TASK(JOB_FAULT_EXISTS, PRIVATE, A, 0),
		TASK(JOB_FAULT_EXISTS, PRIVATE, A, 3)),
	     PRIVATE_AT(B)),
	NAME("R44 a walk meets a frozen entry",
	     DO(FAULT(A, 0), TASK(JOB_WALK, PRIVATE, A, 0)), PRIVATE_AT(C)),
	NAME("R44 a walk and a zap",
	     DO(ZAP(A, GONE), TASK(JOB_WALK, PRIVATE, A, 0)), PRIVATE_AT(A)),
	NAME("a D bit set during a zap",
	     DO(ZAP(A, NOTIFIER), TASK(JOB_CPU_WRITES, SHARED, A, 0)),
	     SHARED_AT(A)),
	NAME("a D bit set while D bits are collected",
	     DO(TASK(JOB_COLLECT_DIRTY, SHARED, A, 0),
		TASK(JOB_CPU_WRITES, SHARED, A, 0)),
	     SHARED_AT(A)),
	NAME("D bits collected twice, and one set",
	     DO(TASK(JOB_COLLECT_DIRTY, SHARED, A, 0),
		TASK(JOB_COLLECT_DIRTY, SHARED, A, 0),
		TASK(JOB_CPU_WRITES, SHARED, A, 0)),
	     SHARED_AT(A)),
	NAME("write protection and a shared fault",
	     DO(TASK(JOB_PROTECT, SHARED, A, 0), FAULT_SHARED(A, 0)),
	     SHARED_AT(B)),
	NAME("write protection and a zap",
	     DO(TASK(JOB_PROTECT, SHARED, A, 0), ZAP(A, NOTIFIER)),
	     SHARED_AT(A)),
	NAME("a table is populated, and a fault",
	     DO(TASK(JOB_POPULATE, SHARED, A, 0), FAULT_SHARED(A, 0)),
	     SHARED_AT(C), .watched = B),
	NAME("a table is populated, and a zap",
	     DO(TASK(JOB_POPULATE, SHARED, A, 0), ZAP(A, NOTIFIER)),
	     SHARED_AT(C), .watched = B),
	NAME("a mirror is populated, and a zap",
	     DO(TASK(JOB_POPULATE, PRIVATE, A, 0), ZAP(A, GONE)), PRIVATE_AT(C),
	     .watched = B),
	NAME("a fault under the exclusive lock",
	     DO(TASK(JOB_FAULT_EXCLUSIVE, PRIVATE, A, 0), FAULT(A, 0)),
	     PRIVATE_AT(B)),
	NAME("two faults and a zap", DO(FAULT(A, 0), FAULT(A, 0), ZAP(A, GONE)),
	     PRIVATE_AT(B), BOUND(3)),
	NAME("two faults, a zap, a walk: three levels of tables",
	     DO(FAULT(A, 0), FAULT(B, 1), ZAP(A, GONE),
		TASK(JOB_WALK, PRIVATE, A, 0)),
	     PRIVATE_AT(D), BOUND(3)),
	NAME("I-NOPP promotion and a fault", DO(PROMOTE, FAULT(A, WORLD_ROW)),
	     SMALL_ROW),
	NAME("I-NOPP promotion and a fault that fills the last hole",
	     DO(PROMOTE, FAULT(A, WORLD_ROW)), HOLE(A)),
	NAME("I-NOPP promotion and a zap", DO(PROMOTE, ZAP(A, GONE)),
	     SMALL_ROW),
	NAME("I-NOPP promotion that may be refused, and a zap",
	     DO(DOUBTFUL(JOB_PROMOTE, A, 0, 1, 0), ZAP(A, GONE)), SMALL_ROW),
	NAME("I-NOPP promotion that may fail, and a fault",
	     DO(DOUBTFUL(JOB_PROMOTE, A, 0, 0, 1), FAULT(B, WORLD_ROW)),
	     SMALL_ROW),
	NAME("I-NOPP promotion that may fail, and a zap",
	     DO(DOUBTFUL(JOB_PROMOTE, A, 0, 0, 1), ZAP(B, GONE)), SMALL_ROW),
	NAME("I-NOPP two promotions", DO(PROMOTE, PROMOTE), SMALL_ROW),
	NAME("I-NOPP promotion and demotion", DO(PROMOTE, DEMOTE), SMALL_ROW),
	NAME("I-NOPP demotion and promotion", DO(DEMOTE, PROMOTE), LARGE_ROW),
	NAME("I-NOPP demotion and a fault", DO(DEMOTE, FAULT(A, WORLD_ROW)),
	     LARGE_ROW),
	NAME("I-NOPP two demotions", DO(DEMOTE, DEMOTE), LARGE_ROW),
	NAME("I-NOPP demotion and a zap of part", DO(DEMOTE, ZAP(A, GONE)),
	     LARGE_ROW),
	NAME("H14 demotion that may be refused, and a zap of part",
	     DO(DOUBTFUL(JOB_DEMOTE, A, 0, 1, 0), ZAP(A, GONE)), LARGE_ROW),
	NAME("H14 demotion that may fail, and a zap of part",
	     DO(DOUBTFUL(JOB_DEMOTE, A, 0, 0, 1), ZAP(A, GONE)), LARGE_ROW),
	NAME("I-NOPP promotion and a walk",
	     DO(PROMOTE, TASK(JOB_WALK, PRIVATE, A, 0)), SMALL_ROW),
	NAME("R14 promotion and an iterator",
	     DO(PROMOTE, TASK(JOB_ITERATE, PRIVATE, A, 0)), SMALL_ROW),
	NAME("I-NOPP promotion and a page that moves", DO(PROMOTE, MOVE(3)),
	     SMALL_ROW),
	NAME("I-NOPP a page moves, and a zap", DO(MOVE(3), ZAP(A, GONE)),
	     PRIVATE_AT(A)),
	NAME("I-NOPP a page moves, and a fault with the old one",
	     DO(MOVE(3), TASK(JOB_FAULT_EXISTS, PRIVATE, A, 0)), PRIVATE_AT(A)),
	NAME("I-NOPP a page moves twice", DO(MOVE(2), MOVE(3)), PRIVATE_AT(A)),
	NAME("I-NOPP a page that may not move, and a zap",
	     DO(DOUBTFUL(JOB_RELOCATE, A, 3, 1, 0), ZAP(A, GONE)),
	     PRIVATE_AT(A)),
	NAME("I-NOPP a page whose move may fail, and a zap",
	     DO(DOUBTFUL(JOB_RELOCATE, A, 3, 0, 1), ZAP(A, GONE)),
	     PRIVATE_AT(A)),
	NAME("H20 a fault on 2 MiB, and a zap of another part",
	     DO(FAULT(B, WORLD_ROW), ZAP(A, TO_SHARED)), PRIVATE_AT(C)),
	NAME("I-CHILD an empty table goes, and a fault",
	     DO(SWEEP(A), FAULT(A, 0)), EMPTY_TABLES),
	NAME("I-CHILD an empty table goes, and two faults",
	     DO(SWEEP(A), FAULT(A, 0), FAULT(B, 1)), EMPTY_TABLES, BOUND(3)),
	NAME("I-CHILD a table goes, and a zap empties it",
	     DO(SWEEP(A), ZAP(A, GONE)), PRIVATE_AT(A)),
	NAME("I-CHILD an empty table is removed by two", DO(SWEEP(A), SWEEP(A)),
	     EMPTY_TABLES),
	NAME("I-CHILD two levels of empty tables go, and a fault",
	     DO(SWEEP(0), FAULT(A, 0)), EMPTY_TABLES),
	NAME("I-CHILD two levels of empty tables are removed by two",
	     DO(SWEEP(0), SWEEP(0)), EMPTY_TABLES),
	NAME("I-CHILD two levels of empty tables go, and a fault elsewhere",
	     DO(SWEEP(0), FAULT(C, 1)), EMPTY_TABLES),
	NAME("I-CHILD an empty table that may stay, and a fault",
	     DO(DOUBTFUL(JOB_REMOVE_TABLES, A, 0, 1, 0), FAULT(A, 0)),
	     EMPTY_TABLES),
	NAME("I-CHILD an empty table that may be lost, and a fault",
	     DO(DOUBTFUL(JOB_REMOVE_TABLES, A, 0, 0, 1), FAULT(A, 0)),
	     EMPTY_TABLES),
	NAME("I-CHILD an empty table goes, and an iterator",
	     DO(SWEEP(A), TASK(JOB_ITERATE, PRIVATE, A, 0)), EMPTY_TABLES),
	NAME("I-CHILD an empty table goes, and population",
	     DO(SWEEP(A), TASK(JOB_POPULATE, PRIVATE, A, 0)), EMPTY_TABLES,
	     .watched = B),
	NAME("I-NOPP promotion, a fault and a zap",
	     DO(PROMOTE, FAULT(B, WORLD_ROW), ZAP(A, GONE)), SMALL_ROW,
	     BOUND(2)),
	NAME("I-CHILD an empty table goes, a fault and a zap",
	     DO(SWEEP(A), FAULT(A, 0), ZAP(A, GONE)), EMPTY_TABLES, BOUND(2)),
	NAME("two faults, two zaps",
	     DO(FAULT(A, 0), FAULT(A, 0), ZAP(A, GONE), ZAP(A, GONE)),
	     PRIVATE_AT(A, B), BOUND(2)),
};

static const struct scenario *now;

/* Of the run: what hardware did, and what was told of it. */
static struct {
	bool wrote;
	bool told;
} dirty;

/* --- faults ------------------------------------------------------------------
 */

static struct tdxc_fault fault_of(const struct task *t)
{
	struct tdxc_fault f;

	memset(&f, 0, sizeof(f));
	f.gfn.n = t->gfn;
	f.pa = world_page(t->page);
	/* A page of 2 MiB, or part of it where there is a table. */
	f.level = t->page == WORLD_ROW ? TDXC_LEVEL_2M : TDXC_LEVEL_4K;
	f.memory_type = 6;
	f.is_private = t->memory == PRIVATE;
	f.write = true;
	f.host_writable = true;
	return f;
}

static void top_up(enum tdxc_memory memory)
{
	if (tdxc_mmu_topup(world_mmu(), &world_self()->cpu, memory) != TDXC_OK)
		il_fail("LEAK", "no table is left");
}

/* false: to be tried again. */
static bool fault_once(const struct task *t, enum tdxc_lock lock)
{
	struct tdxc_fault f = fault_of(t);
	int err;

	top_up(t->memory);
	f.sequence = world_sequence();
	world_enter(lock, t->memory, t->gfn, t->gfn + 1);
	err = tdxc_mmu_fault(world_mmu(), world_root(t->memory),
			     &world_self()->cpu, &f, lock);
	world_leave();
	switch (err) {
	case TDXC_FAULT_FIXED:
	case TDXC_FAULT_SPURIOUS:
	case TDXC_FAULT_POISONED:
	case TDXC_E_IO:
		return true;
	case TDXC_FAULT_RETRY:
		return false;
	case TDXC_E_EXIST:
		if (t->job == JOB_FAULT_EXISTS)
			return true;
		/* fall through */
	default:
		il_fail("P-FAULT", "a fault returns %d", err);
		return true;
	}
}

/* An invalid root stays so: the caller would take another one. */
static bool root_is_invalid(enum tdxc_memory memory)
{
	return !tdxc_root_matches(world_root(memory), TDXC_ROOTS_VALID);
}

static void do_fault(const struct task *t, enum tdxc_lock lock)
{
	uint32_t i;

	for (i = 0; i < ATTEMPTS; i++) {
		if (fault_once(t, lock) || root_is_invalid(t->memory))
			return;
		world_wait();
	}
	il_fail("P-FAULT", "%u attempts", i);
}

static void do_populate(const struct task *t)
{
	struct tdxc_populate p;
	uint64_t pages[2] = {world_page(t->page), world_page(t->page + 1)};
	uint32_t i;

	memset(&p, 0, sizeof(p));
	p.like = fault_of(t);
	p.start.n = t->gfn;
	p.frames = 2;
	p.pages = pages;
	for (i = 0; i < ATTEMPTS; i++) {
		int err;

		top_up(t->memory);
		p.like.sequence = world_sequence();
		world_enter(TDXC_LOCK_SHARED, t->memory, t->gfn, t->gfn + 2);
		err = tdxc_mmu_populate(world_mmu(), world_root(t->memory),
					&world_self()->cpu, &p,
					TDXC_LOCK_SHARED);
		world_leave();
		if (err == TDXC_OK)
			return;
		if (err != TDXC_E_AGAIN)
			il_fail("P-FAULT", "populate returns %d", err);
		world_wait();
	}
	il_fail("P-FAULT", "%u attempts", i);
}

/* --- zaps --------------------------------------------------------------------
 */

static void check_zapped(const struct tdxc_zap *zap)
{
	size_t i;

	for (i = 0; i < zap->nr_out; i++) {
		const struct tdxc_zapped *z = &zap->out[i];
		uint64_t state =
			world_page_state(tdxc_spte_pa(z->old), z->level);

		if ((z->old.bits & TDXC_SPTE_D) != 0 && z->memory == SHARED)
			dirty.told = true;
		if (z->memory == SHARED)
			continue;
		if ((z->status == TDXC_OK) != (state == 0))
			il_fail("I-RET", "status %d of a page in state %u",
				z->status, (uint32_t)state);
	}
}

/* A large page is in the way of a zap. It may come again. */
static void make_smaller(uint64_t gfn, enum tdxc_lock lock)
{
	struct tdxc_gfn frame = {gfn};
	uint64_t first = gfn & ~(tdxc_level_frames(TDXC_LEVEL_2M) - 1);
	int err;

	top_up(PRIVATE);
	world_enter(lock, PRIVATE, first,
		    first + tdxc_level_frames(TDXC_LEVEL_2M));
	world_may_change();
	err = tdxc_mmu_demote(world_mmu(), world_root(PRIVATE),
			      &world_self()->cpu, frame, TDXC_LEVEL_4K, lock);
	world_leave();
	if (err == TDXC_E_AGAIN)
		world_wait();
	else if (err != TDXC_OK && err != TDXC_E_BUSY && err != TDXC_E_IO)
		il_fail("P-ZAP", "demotion returns %d", err);
}

/* After a failure a large page may stay. */
static bool is_stuck(int err)
{
	return err == TDXC_E_EXIST && tdxc_mmu_is_poisoned(world_mmu());
}

static void do_zap(const struct task *t, enum tdxc_lock lock)
{
	struct tdxc_zapped out[1];
	struct tdxc_zap zap;
	uint32_t memory = 0;
	uint32_t i;
	int err = TDXC_E_AGAIN;

	memset(&zap, 0, sizeof(zap));
	zap.start.n = t->gfn;
	zap.end.n = t->gfn + 1;
	zap.reason = t->reason;
	zap.out = out;
	zap.room = 1;
	if (tdxc_zap_memory(true, t->reason, &memory) != TDXC_OK)
		il_fail("S002-7", "reason %u", (uint32_t)t->reason);
	world_invalidate(memory, t->gfn, t->gfn + 1);
	for (i = 0; i < ATTEMPTS && err != TDXC_OK; i++) {
		world_enter(lock, memory, t->gfn, t->gfn + 1);
		err = tdxc_mmu_zap(world_mmu(), &world_self()->cpu, &zap, lock);
		world_leave();
		if (err == TDXC_E_EXIST)
			make_smaller(t->gfn, lock);
		else if (err != TDXC_OK && err != TDXC_E_AGAIN &&
			 err != TDXC_E_BUSY && err != TDXC_E_IO)
			il_fail("P-ZAP", "a zap returns %d", err);
		check_zapped(&zap);
	}
	if (is_stuck(err)) {
		world_valid_again();
		return;
	}
	if (err != TDXC_OK)
		il_fail("P-ZAP", "%u attempts, %d", i, err);
	world_invalidated(memory, t->gfn);
}

/* --- sizes, places, tables ---------------------------------------------------
 */

static void enter_row(uint64_t gfn)
{
	uint64_t first = gfn & ~(tdxc_level_frames(TDXC_LEVEL_2M) - 1);

	world_enter(TDXC_LOCK_SHARED, PRIVATE, first,
		    first + tdxc_level_frames(TDXC_LEVEL_2M));
	world_may_change();
}

/* Once: nobody has to succeed. */
static void leave_change(int err)
{
	world_leave();
	switch (err) {
	case TDXC_OK:
	case TDXC_E_NOENT:
	case TDXC_E_AGAIN:
	case TDXC_E_BUSY:
		return;
	case TDXC_E_IO:
		if (!tdxc_mmu_is_poisoned(world_mmu()))
			il_fail("I-BUG", "nothing has failed");
		return;
	default:
		il_fail("I-NOPP", "a change returns %d", err);
	}
}

static void do_demote(const struct task *t)
{
	struct tdxc_gfn gfn = {t->gfn};

	top_up(PRIVATE);
	enter_row(t->gfn);
	leave_change(tdxc_mmu_demote(world_mmu(), world_root(PRIVATE),
				     &world_self()->cpu, gfn, TDXC_LEVEL_4K,
				     TDXC_LOCK_SHARED));
}

static void do_promote(const struct task *t)
{
	struct tdxc_gfn gfn = {t->gfn};

	enter_row(t->gfn);
	leave_change(tdxc_mmu_promote(world_mmu(), world_root(PRIVATE),
				      &world_self()->cpu, gfn, TDXC_LEVEL_2M,
				      TDXC_LOCK_SHARED));
}

static void do_relocate(const struct task *t)
{
	struct tdxc_gfn gfn = {t->gfn};
	uint64_t pa = world_page(t->page);
	int err;

	world_invalidate(PRIVATE, t->gfn, t->gfn + 1);
	world_enter(TDXC_LOCK_SHARED, PRIVATE, t->gfn, t->gfn + 1);
	world_may_change();
	err = tdxc_mmu_relocate(world_mmu(), world_root(PRIVATE),
				&world_self()->cpu, gfn, &pa, TDXC_LOCK_SHARED);
	leave_change(err);
	if (err == TDXC_OK && world_page_state(pa, TDXC_LEVEL_4K) != 0)
		il_fail("I-RET", "the old page is not the host's");
	world_valid_again();
}

static void do_remove_tables(const struct task *t)
{
	struct tdxc_table_zap zap;
	uint32_t i;

	for (i = 0; i < (t->gfn == 0 ? 2u : 1u); i++) {
		memset(&zap, 0, sizeof(zap));
		zap.start.n = t->gfn;
		zap.end.n = t->gfn + tdxc_level_frames(t->gfn == 0 ? 3 : 2);
		world_enter(TDXC_LOCK_SHARED, PRIVATE, zap.start.n, zap.end.n);
		leave_change(tdxc_mmu_remove_tables(
			world_mmu(), world_root(PRIVATE), &world_self()->cpu,
			&zap, TDXC_LOCK_SHARED));
	}
}

static void do_teardown(const struct task *t)
{
	uint32_t classes =
		t->memory == PRIVATE ? TDXC_ROOTS_MIRROR : TDXC_ROOTS_DIRECT;
	enum tdxc_lock lock =
		t->memory == PRIVATE ? TDXC_LOCK_EXCLUSIVE : TDXC_LOCK_SHARED;
	struct tdxc_zapped out[2];
	struct tdxc_roots_zap zap;
	int err = TDXC_E_AGAIN;
	uint32_t i;

	memset(&zap, 0, sizeof(zap));
	zap.out = out;
	zap.room = 2;
	world_enter(TDXC_LOCK_EXCLUSIVE, t->memory, 0, WHOLE);
	if (tdxc_roots_invalidate(world_mmu(), classes, TDXC_LOCK_EXCLUSIVE) !=
	    TDXC_OK)
		il_fail("I-ROOT", "not invalidated");
	world_leave();
	for (i = 0; i < ATTEMPTS && err == TDXC_E_AGAIN; i++) {
		world_enter(lock, t->memory, 0, WHOLE);
		err = tdxc_zap_roots(world_mmu(), &world_self()->cpu, &zap,
				     lock);
		world_leave();
	}
	if (err != TDXC_OK)
		il_fail("P-ZAP", "a root's zap returns %d", err);
}

/* --- who only looks ----------------------------------------------------------
 */

static void do_walk(const struct task *t)
{
	struct tdxc_gfn gfn = {t->gfn};
	struct tdxc_found found;
	uint32_t i;

	world_enter(WORLD_NO_LOCK, t->memory, t->gfn, t->gfn + 1);
	for (i = 0; i < 2; i++) {
		found = tdxc_lookup(&world_root(t->memory)->tree, gfn);
		if (found.level == 0 || tdxc_spte_is_table(found.spte))
			il_fail("I-DESC", "a lookup ends at level %u",
				(uint32_t)found.level);
	}
	world_leave();
}

static void do_iterate(const struct task *t)
{
	const struct tdxc_tree *tree = &world_root(t->memory)->tree;
	struct tdxc_gfn first = {t->gfn};
	struct tdxc_gfn end = {t->gfn + 1};
	struct tdxc_iter it;
	uint32_t i = 0;

	world_enter(WORLD_NO_LOCK, t->memory, t->gfn, t->gfn + 1);
	if (tdxc_iter_begin(&it, tree, first, end, 1) != TDXC_OK)
		il_fail("I-BITS", "no iterator");
	while (it.valid) {
		tdxc_iter_next(&it);
		if (++i > tree->levels)
			il_fail("I-DESC", "%u entries of one frame", i);
	}
	world_leave();
}

static void do_root(const struct task *t)
{
	struct tdxc_root *root;
	uint32_t i;
	int err = TDXC_E_AGAIN;

	for (i = 0; i < ATTEMPTS; i++) {
		err = tdxc_root_get(world_mmu(),
				    t->memory == PRIVATE ? TDXC_ROOTS_MIRROR
							 : TDXC_ROOTS_DIRECT,
				    &root);
		if (err != TDXC_E_AGAIN)
			break;
		world_relax();
	}
	if (err != TDXC_OK) {
		il_fail("I-ROOT", "a root: %d", err);
		return;
	}
	world_root_made(root, t->memory == PRIVATE);
	if (root != &world_mmu()->roots[0])
		il_fail("R28", "two roots");
	if (tdxc_root_put(world_mmu(), root) != TDXC_OK)
		il_fail("R29", "a reference is not dropped");
}

/* --- who changes other bits --------------------------------------------------
 */

static void do_vcpu(const struct task *t)
{
	world_vcpu_enter(t->page);
	if (t->job == JOB_VCPU) {
		world_vcpu_accept(t->page, t->gfn);
		world_vcpu_touch(t->page, t->gfn);
	}
	world_vcpu_leave(t->page);
}

/* What a CPU does as it writes: D is set with one locked operation where W
 * allows it. */
static void do_cpu_write(const struct task *t)
{
	uint64_t *slot = world_slot(t->memory, t->gfn);

	il_access("hardware", slot, IL_WRITE);
	if ((*slot & (TDXC_SPTE_PRESENT | TDXC_SPTE_W)) !=
	    (TDXC_SPTE_PRESENT | TDXC_SPTE_W))
		return;
	*slot |= TDXC_SPTE_D;
	dirty.wrote = true;
}

static void do_protect(const struct task *t)
{
	struct tdxc_gfn first = {t->gfn};
	struct tdxc_gfn end = {t->gfn + 1};
	bool flush;
	int err;

	world_enter(TDXC_LOCK_SHARED, t->memory, t->gfn, t->gfn + 1);
	err = tdxc_mmu_write_protect(world_mmu(), world_root(t->memory), &first,
				     end, TDXC_LOCK_SHARED, &flush);
	world_leave();
	if (err != TDXC_OK)
		il_fail("P-ZAP", "write protection returns %d", err);
}

static void do_collect(const struct task *t)
{
	struct tdxc_gfn first = {t->gfn & ~63ull};
	uint64_t mask = 1ull << (t->gfn & 63);
	uint64_t found = 0;

	world_enter(TDXC_LOCK_SHARED, t->memory, t->gfn & ~63ull,
		    (t->gfn | 63) + 1);
	if (tdxc_mmu_clear_dirty(world_mmu(), world_root(t->memory), first,
				 mask, TDXC_LOCK_SHARED, &found) != TDXC_OK)
		il_fail("P-ZAP", "D bits are not collected");
	world_leave();
	if ((found & mask) != 0)
		dirty.told = true;
}

static void body(void)
{
	const struct task *t = &now->task[il_self()];

	switch (t->job) {
	case JOB_FAULT:
	case JOB_FAULT_EXISTS:
		do_fault(t, TDXC_LOCK_SHARED);
		break;
	case JOB_FAULT_EXCLUSIVE:
		do_fault(t, TDXC_LOCK_EXCLUSIVE);
		break;
	case JOB_ZAP:
		do_zap(t, TDXC_LOCK_SHARED);
		break;
	case JOB_ZAP_EXCLUSIVE:
		do_zap(t, TDXC_LOCK_EXCLUSIVE);
		break;
	case JOB_WALK:
		do_walk(t);
		break;
	case JOB_ITERATE:
		do_iterate(t);
		break;
	case JOB_TEARDOWN:
		do_teardown(t);
		break;
	case JOB_ROOT:
		do_root(t);
		break;
	case JOB_VCPU:
	case JOB_VCPU_IDLE:
		do_vcpu(t);
		break;
	case JOB_CPU_WRITES:
		do_cpu_write(t);
		break;
	case JOB_PROTECT:
		do_protect(t);
		break;
	case JOB_COLLECT_DIRTY:
		do_collect(t);
		break;
	case JOB_POPULATE:
		do_populate(t);
		break;
	case JOB_DEMOTE:
		do_demote(t);
		break;
	case JOB_PROMOTE:
		do_promote(t);
		break;
	case JOB_RELOCATE:
		do_relocate(t);
		break;
	case JOB_REMOVE_TABLES:
		do_remove_tables(t);
		break;
	default:
		break;
	}
}

/* --- running -----------------------------------------------------------------
 */

static void begin(void)
{
	world_begin();
	dirty.wrote = false;
	dirty.told = false;
}

/* A D bit that hardware set is told, or still there. */
static void end(void)
{
	uint64_t left = now->no_roots ? 0 : world_entry(SHARED, A, 1);

	if (now->no_roots && world_mmu()->roots[0].refs != 1)
		il_fail("R28", "%u references",
			(uint32_t)world_mmu()->roots[0].refs);
	if (dirty.wrote && !dirty.told && (left & TDXC_SPTE_D) == 0)
		il_fail("DIRTY", "a D bit is lost");
	world_end();
}

/* Leave the tables, without the page. */
static void empty_frame(uint64_t gfn)
{
	struct task t = {JOB_ZAP, PRIVATE, gfn, 0, 0, 0, GONE};

	do_zap(&t, TDXC_LOCK_EXCLUSIVE);
}

static void prepare_frame(enum tdxc_memory memory, uint64_t gfn, uint32_t page)
{
	struct task t = {JOB_FAULT, memory, gfn, page, 0, 0, 0};
	struct tdxc_fault f = fault_of(&t);

	world_watch(gfn);
	f.write = false; /* D is what scenarios set */
	top_up(memory);
	world_enter(TDXC_LOCK_SHARED, memory, gfn, gfn + 1);
	if (tdxc_mmu_fault(world_mmu(), world_root(memory), &world_self()->cpu,
			   &f, TDXC_LOCK_SHARED) != TDXC_FAULT_FIXED)
		il_fail("P-FAULT", "frame 0x%" PRIx64 " is not mapped", gfn);
	world_leave();
}

static void prepare_row(const struct scenario *s)
{
	struct task t = {JOB_DEMOTE, PRIVATE, A, 0, 0, 0, 0};

	world_watch(s->watched);
	prepare_frame(PRIVATE, A, WORLD_ROW);
	if (s->row == ROW_SMALL)
		do_demote(&t);
	if (s->hole != 0)
		empty_frame(s->hole);
}

/* Pages of private frames: 0 where A is mapped, else from 4 on, so that a fault
 * with page 0 lends one that is free. */
static void prepare(const struct scenario *s)
{
	uint32_t m;
	uint32_t i;

	world_make(4, !s->no_roots);
	if (s->no_roots)
		world_roots_in_steps();
	for (m = 0; m < 2; m++)
		for (i = 0; i < 3; i++)
			if (s->mapped[m][i] != 0)
				prepare_frame(m == 0 ? PRIVATE : SHARED,
					      s->mapped[m][i],
					      s->mapped[m][i] == A ? m : 4 + i);
	if (s->emptied)
		empty_frame(A);
	if (s->row != NO_ROW)
		prepare_row(s);
	for (i = 0; i < IL_THREADS; i++) {
		const struct task *t = &s->task[i];

		if (t->job == JOB_VCPU || t->job == JOB_VCPU_IDLE)
			world_vcpus(t->page + 1);

		world_allow(i, t->busy, t->fatal);
		if (t->gfn != 0)
			world_watch(t->gfn);
	}
	if (s->watched != 0)
		world_watch(s->watched);
	world_release_spares();
	world_keep();
}

static void explore(const struct scenario *s, struct report *r,
		    uint64_t percent)
{
	struct il_program p = {
		.name = s->name,
		.begin = begin,
		.check = world_check,
		.end = end,
		.print = world_print,
		.preemptions =
			s->preemptions == 0 ? IL_UNBOUNDED : s->preemptions,
		.most_runs = percent < 100 ? percent * 20 : 0,
	};
	struct il_result result;

	now = s;
	while (p.threads < IL_THREADS && s->task[p.threads].job != JOB_NONE) {
		p.body[p.threads] = body;
		p.threads++;
	}
	if (percent > 100 && s->preemptions != 0)
		p.preemptions = s->preemptions + (uint32_t)(percent / 200);
	il_record(&result);
	prepare(s);
	if (!result.failed)
		il_explore(&p, &result);
	report_case(r, s->name, !result.failed, &result);
}

int main(int argc, char **argv)
{
	uint64_t percent = from_env("TDXC_TEST_SCALE", 100);
	const char *only = argc > 1 ? argv[1] : "";
	struct report r = {0, 0, 0};
	size_t i;

	for (i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++)
		if (strncmp(scenarios[i].name, only, strlen(only)) == 0)
			explore(&scenarios[i], &r, percent);
	return report_end(&r);
}
