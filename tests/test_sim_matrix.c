/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * MEM leaves against expectations written from tdx-module-abi.md 7 alone: every
 * reachable state of an entry at every level, asked for at every level, by
 * every leaf, in both op-states, tracked and not (7.2, 7.4, 7.5); then several
 * faults at once, of which the first in the order of 7.1 has to be told; then
 * random lives of a few pages under the tracking rule.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "sim/p1.h"

enum { FREE, NL, NLB, MAP, BLK, PEND, PENDB, NR_STATES };

#define WALK_FAILED   0xC0000B0000000001ull
#define NOT_PRESENT   0xC0000B0300000001ull
#define NOT_BLOCKED   0xC0000B0600000001ull
#define ALREADY	      0x00000B0700000001ull
#define NOT_TRACKED   0xC0000B0800000001ull
#define NOT_TRACKED_T 0xC0000B0800000092ull
#define CONDITIONS    0xC0000B0900000001ull
#define BAD_STATE     0xC0000B0D00000001ull
#define CHILDREN      0xC0000B0E00000001ull
#define BAD_OP_STATE  0xC000060800000000ull
#define LAST	      5 /* level asked for at most */

/* Section 7.4, a column per leaf, a letter per state in the enum's order:
 * k done, t done where tracked, s state incorrect, a blocked already, u done
 * where tracked (told as UNBLOCK does), p PROMOTE, r SEPT.REMOVE, n not
 * present. */
static const struct rule {
	const char *name;
	uint64_t rax;
	uint64_t flag; /* of RDX */
	unsigned min, max;
	bool runs; /* in op-state R, too */
	const char *by_state;
	int8_t next[NR_STATES]; /* after success; -1: as before */
} rules[] = {
	{"SEPT.ADD", 3, 0, 1, 3, true, "kssssss", {NL}},
	{"SEPT.ADD existing", 3, 1, 1, 3, true, "kksssss", {NL, -1}},
	{"PAGE.ADD", 2, 0, 0, 0, false, "kssssss", {MAP}},
	{"PAGE.AUG", 6, 0, 0, 1, true, "kssssss", {PEND}},
	{"PAGE.REMOVE", 29, 0, 0, 2, true, "ssstttt", {0}},
	{"RANGE.BLOCK",
	 7,
	 0,
	 0,
	 3,
	 true,
	 "skakaka",
	 {0, NLB, 0, BLK, 0, PENDB, 0}},
	{"RANGE.UNBLOCK",
	 39,
	 0,
	 0,
	 3,
	 true,
	 "ssususu",
	 {0, 0, NL, 0, MAP, 0, PEND}},
	{"PAGE.PROMOTE", 23, 0, 1, 2, true, "sppssss", {0}},
	{"PAGE.PROMOTE v1", 0x10017, 0, 1, 2, true, "sppssss", {0}},
	{"PAGE.DEMOTE",
	 15,
	 0,
	 1,
	 2,
	 true,
	 "ssstttt",
	 {0, 0, 0, NL, NL, NL, NL}},
	{"PAGE.RELOCATE",
	 5,
	 0,
	 0,
	 0,
	 true,
	 "ssstttt",
	 {0, 0, 0, MAP, MAP, PEND, PEND}},
	{"SEPT.REMOVE", 30, 0, 1, 3, true, "srrssss", {0}},
	{"SEPT.REMOVE v1", 0x1001E, 0, 1, 3, true, "srrssss", {0}},
	{"SEPT.RD", 25, 0, 0, 3, true, "kkkkkkk", {-1, -1, -1, -1, -1, -1, -1}},
	{"MR.EXTEND",
	 16,
	 0,
	 0,
	 0,
	 false,
	 "nnnknnn",
	 {-1, -1, -1, -1, -1, -1, -1}},
};

/* The path of GPA 0: a state and a page for each level's entry. */
struct path {
	uint8_t state[4];
	uint64_t hpa[4];
	bool runs;
	bool tracked;
};

struct answer {
	uint64_t rax, rcx, rdx;
};

static const uint64_t entry_at[4] = {PT, PD, PDPT, ROOT};

static bool is_leaf(unsigned state)
{
	return state >= MAP;
}

/* Section 3.7. */
static uint64_t raw(unsigned state, uint64_t hpa)
{
	static const uint64_t bits[NR_STATES] = {
		0x80E0000000000000, 0x8000000000000007, 0x8080000000000000,
		0x80000000000000F7, 0x80800000000000F0, 0x81000000000000F0,
		0x81800000000000F0,
	};

	return bits[state] | (state == FREE ? 0 : hpa);
}

static void details(struct answer *a, const struct path *p, unsigned level)
{
	static const uint64_t numbers[NR_STATES] = {0, 0x84, 0x81, 4, 1, 2, 3};
	unsigned state = p->state[level];

	a->rdx = level | numbers[state] << 8;
	if (state == FREE)
		a->rcx = FREE_RCX;
	else if (is_leaf(state))
		a->rcx = p->hpa[level] | (state == MAP ? 0x80000000000000F7
						       : 0x80000000000000F0);
	else
		a->rcx = state == NL ? 7 : 0;
}

static void refuse(struct answer *a, uint64_t rax, const struct path *p,
		   unsigned level)
{
	a->rax = rax;
	details(a, p, level);
}

/* Section 7.5; true: go on. */
static bool tracked(struct answer *a, const struct path *p, unsigned level)
{
	unsigned state = p->state[level];

	if (!p->runs)
		return true;
	if (state != NLB && state != BLK && state != PENDB) {
		refuse(a, NOT_BLOCKED, p, level);
		return false;
	}
	if (!p->tracked)
		a->rax = NOT_TRACKED;
	return p->tracked;
}

/* What a leaf says of an entry it found. */
static void judge(struct answer *a, const struct rule *r, const struct path *p,
		  unsigned level)
{
	switch (r->by_state[p->state[level]]) {
	case 's':
		refuse(a, BAD_STATE, p, level);
		break;
	case 'a':
		refuse(a, ALREADY, p, level);
		break;
	case 'n':
		refuse(a, NOT_PRESENT, p, level);
		break;
	case 'u':
		if (p->runs && !p->tracked)
			a->rax = NOT_TRACKED_T;
		break;
	case 't':
		if (tracked(a, p, level) && (r->rax == 29 || r->rax == 5))
			a->rcx = p->hpa[level];
		break;
	case 'p': /* 511 of the children are free */
		if (tracked(a, p, level))
			refuse(a, CONDITIONS, p, level);
		break;
	case 'r':
		if (!tracked(a, p, level))
			break;
		if (p->state[level - 1] != FREE)
			refuse(a, CHILDREN, p, level);
		else
			a->rcx = p->hpa[level];
		break;
	default:
		if (r->rax == 25)
			details(a, p, level);
		break;
	}
}

static struct answer expect(const struct rule *r, const struct path *p,
			    unsigned wanted, unsigned *found)
{
	struct answer a = {0, 0, 0};
	unsigned level = 3;

	if (p->runs && !r->runs) {
		a.rax = BAD_OP_STATE;
		return a;
	}
	if (wanted < r->min || wanted > r->max) {
		a.rax = INVALID(1);
		return a;
	}
	while (level > wanted && p->state[level] == NL)
		level--;
	*found = level;
	if (level == wanted || r->rax == 16)
		judge(&a, r, p, level);
	else
		refuse(&a, WALK_FAILED, p, level);
	return a;
}

/* --- the same in the module's memory -------------------------------------- */

#define BIG	  0x140000000ull /* all of T1 */
#define EPOCH_NOW 3

static uint64_t pamt_entry(unsigned level, uint64_t pa)
{
	switch (level) {
	case 0:
		return PAMT_OF(pa);
	case 1:
		return 0x4C0001000 + (pa - TDMR) / 0x200000 * 16;
	default:
		return 0x4C1000000;
	}
}

static void put_path(const struct path *p, unsigned level)
{
	unsigned state = p->state[level];
	unsigned size = is_leaf(state) ? level : 0;
	uint64_t pamt = pamt_entry(size, p->hpa[level]);

	write64(entry_at[level], raw(state, p->hpa[level]));
	if (state == FREE)
		return;
	if (is_leaf(state))
		write64(pamt, TDR >> 12 << 24 | 3 << 16);
	write64(pamt + 8, p->tracked ? 1 : EPOCH_NOW);
}

static void set_up(const struct path *p, unsigned level)
{
	power_on(TDXC_SIM_PROFILE_1_5_01, 2);
	start(p->runs ? RUN : TABLES);
	for (unsigned i = 0; p->runs && i < EPOCH_NOW - 1; i++)
		must(38, TDR, 0, 0);
	/* what is blocked on the way */
	for (unsigned i = 1; i < 4; i++)
		write64(pamt_entry(0, p->hpa[i] < BIG && !is_leaf(p->state[i])
					      ? p->hpa[i]
					      : PT) +
				8,
			p->tracked ? 1 : EPOCH_NOW);
	put_path(p, level);
}

static struct path make_path(unsigned level, unsigned state, bool runs,
			     bool is_tracked)
{
	static const uint64_t leaf_pages[4] = {B, H4, BIG, 0};
	struct path p = {
		{FREE, NL, NL, NL}, {0, PT, PD, PDPT}, runs, is_tracked};

	p.state[level] = (uint8_t)state;
	if (is_leaf(state))
		p.hpa[level] = leaf_pages[level];
	return p;
}

static struct tdxc_sim_regs ask(const struct rule *r, unsigned wanted)
{
	struct tdxc_sim_regs regs = {{0}};

	regs.gpr[TDXC_SIM_RAX] = r->rax;
	regs.gpr[TDXC_SIM_RCX] = r->rax == 16 ? 0 : wanted;
	regs.gpr[TDXC_SIM_RDX] = TDR | r->flag;
	regs.gpr[TDXC_SIM_R8] = H2;
	regs.gpr[TDXC_SIM_R9] = SOURCE;
	(void)tdxc_sim_seamcall(&machine.module, 0, &regs);
	return regs;
}

static void check_next(const struct rule *r, const struct path *p,
		       unsigned level)
{
	unsigned from = p->state[level];
	int next = r->next[from];
	uint64_t hpa = p->hpa[level];

	if (from == FREE || r->rax == 5 || r->rax == 15)
		hpa = H2;
	if (next < 0)
		next = (int)from, hpa = p->hpa[level];
	ck_assert_msg(tdxc_sim_machine_read64(&machine, entry_at[level]) ==
			      raw((unsigned)next, hpa),
		      "%s on state %u at level %u leaves %llx", r->name, from,
		      level,
		      (unsigned long long)tdxc_sim_machine_read64(
			      &machine, entry_at[level]));
}

static unsigned try_leaf(const struct path *p, unsigned level,
			 const struct rule *r, unsigned wanted)
{
	unsigned found = 0;
	struct answer want = expect(r, p, wanted, &found);
	struct tdxc_sim_regs got = ask(r, wanted);

	ck_assert_msg(
		got.gpr[0] == want.rax && got.gpr[1] == want.rcx &&
			got.gpr[2] == want.rdx,
		"%s of level %u, state %u at level %u, %s, %stracked: got "
		"%llx %llx %llx want %llx %llx %llx",
		r->name, wanted, p->state[level], level,
		p->runs ? "runnable" : "initialized", p->tracked ? "" : "not ",
		(unsigned long long)got.gpr[0], (unsigned long long)got.gpr[1],
		(unsigned long long)got.gpr[2], (unsigned long long)want.rax,
		(unsigned long long)want.rcx, (unsigned long long)want.rdx);
	if (want.rax != 0)
		return 1;
	check_next(r, p, found);
	tdxc_sim_machine_fini(&machine);
	set_up(p, level);
	return 1;
}

static unsigned try_path(const struct path *p, unsigned level)
{
	unsigned calls = 0;

	set_up(p, level);
	for (size_t i = 0; i < COUNT(rules); i++) {
		for (unsigned wanted = 0; wanted <= LAST; wanted++) {
			if (rules[i].rax != 16 || wanted == 0)
				calls += try_leaf(p, level, &rules[i], wanted);
		}
	}
	tdxc_sim_machine_fini(&machine);
	return calls;
}

START_TEST(every_state_level_and_leaf)
{
	bool runs = (_i & 1) != 0;
	bool is_tracked = (_i & 2) != 0;
	unsigned calls = 0;

	p1_tdmrs = 2;
	for (unsigned level = 0; level < 4; level++) {
		for (unsigned state = 0; state < NR_STATES; state++) {
			struct path p =
				make_path(level, state, runs, is_tracked);

			if ((level == 0 && (state == NL || state == NLB)) ||
			    (level == 3 && is_leaf(state)))
				continue;
			calls += try_path(&p, level);
		}
	}
	printf("%u calls\n", calls);
	ck_assert_uint_gt(calls, 1800);
}
END_TEST

/* --- several faults at once ------------------------------------------------
 */

enum {
	F_FLAG,
	F_TDR_KEY,
	F_TDR_RANGE,
	F_TDR_BUSY,
	F_TDR_TYPE,
	F_FATAL,
	F_LIFECYCLE,
	F_TDCS,
	F_OP_LOCK,
	F_OP_STATE,
	F_RCX,
	F_SHARED,
	F_TREE,
	F_WALK,
	F_ENTRY,
	F_STATE,
	F_R9,
	F_R8_INVALID,
	F_R8_RANGE,
	F_R8_BUSY,
	F_R8_TYPE,
	NR_FAULTS
};

/* Section 7.1; 0: the status is made of the entry's details. */
static const uint64_t told[NR_FAULTS] = {
	INVALID(2),	    INVALID(2),		0xC000010100000002,
	0x8000020000000002, 0xC000030000000002, 0xE000060400000000,
	0x8000081000000000, 0xC000060600000000, 0x80000200000000AC,
	BAD_OP_STATE,	    INVALID(1),		INVALID(1),
	0x8000020000000092, WALK_FAILED,	0x8000020000000001,
	BAD_STATE,	    INVALID(9),		INVALID(8),
	0xC000010100000008, 0x8000020000000008, 0xC000030000000008,
};

/* A leaf on an entry it would take, and the state it would not take. */
static const struct subject {
	uint64_t rax;
	unsigned level, good, bad;
	bool exclusive; /* TDR: no op-state, tree and entry locks */
	bool r8, r9;
	uint64_t done; /* status when nothing is wrong */
} subjects[] = {
	{3, 1, FREE, MAP, false, true, false, 0},
	{2, 0, FREE, MAP, true, true, true, 0},
	{6, 0, FREE, MAP, false, true, false, 0},
	{6, 1, FREE, NL, false, true, false, 0},
	{29, 0, MAP, FREE, false, false, false, 0},
	{29, 1, PEND, NL, false, false, false, 0},
	{7, 0, PEND, FREE, false, false, false, 0},
	{7, 1, NL, FREE, false, false, false, 0},
	{39, 0, BLK, MAP, false, false, false, 0},
	{23, 1, NL, MAP, false, false, false, CONDITIONS},
	{15, 1, MAP, NL, false, true, false, 0},
	{5, 0, MAP, FREE, false, true, false, 0},
	{30, 1, NL, MAP, false, false, false, 0},
	{16, 0, MAP, PEND, true, false, false, 0},
};

static bool applies(const struct subject *s, unsigned fault)
{
	switch (fault) {
	case F_OP_LOCK:
	case F_TREE:
	case F_ENTRY:
		return !s->exclusive;
	case F_R9:
		return s->r9;
	case F_R8_INVALID:
	case F_R8_RANGE:
	case F_R8_BUSY:
	case F_R8_TYPE:
		return s->r8;
	default:
		return true;
	}
}

static void set_bits(uint64_t pa, uint64_t bits)
{
	write64(pa, tdxc_sim_machine_read64(&machine, pa) | bits);
}

#define TDCS_AT(member) (TDCX + offsetof(struct tdxc_sim_tdcs, member))
#define TDR_AT(member)	(TDR + offsetof(struct tdxc_sim_tdr, member))

/* A 2M operand's locks and types are those of its 2M entry. */
static uint64_t r8_entry(const struct subject *s)
{
	return pamt_entry(s->rax == 6 ? s->level : 0, H2);
}

static void put_fault(const struct subject *s, unsigned fault,
		      struct tdxc_sim_regs *regs)
{
	uint64_t *gpr = regs->gpr;

	switch (fault) {
	case F_FLAG:
		gpr[2] |= 2;
		break;
	case F_TDR_KEY:
		gpr[2] |= 1ull << 46;
		break;
	case F_TDR_RANGE:
		gpr[2] = 0x80000000 | (gpr[2] & (1ull << 46 | 0xFFF));
		break;
	case F_TDR_BUSY:
		set_bits(PAMT_OF(TDR), 1);
		break;
	case F_TDR_TYPE:
		write64(PAMT_OF(TDR),
			(tdxc_sim_machine_read64(&machine, PAMT_OF(TDR)) &
			 0xFFFF) |
				5 << 16);
		break;
	case F_FATAL:
		write64(TDR_AT(fatal), 1);
		break;
	case F_LIFECYCLE:
		write64(TDR_AT(lifecycle), 2);
		break;
	case F_TDCS:
		write64(TDR_AT(nr_tdcx), 5);
		break;
	case F_OP_LOCK:
		set_bits(TDCS_AT(op_lock), 1);
		break;
	case F_OP_STATE:
		write64(TDCS_AT(op_state), 0);
		break;
	case F_RCX:
		gpr[1] |= s->rax == 16 ? 0x80 : 0x800;
		break;
	case F_SHARED:
		gpr[1] |= 1ull << 47;
		break;
	case F_TREE:
		set_bits(TDCS_AT(tree_lock), 1);
		break;
	case F_WALK:
		write64(PDPT, raw(FREE, 0));
		break;
	case F_ENTRY:
		set_bits(entry_at[s->level], 0x800);
		break;
	case F_R9:
		gpr[9] |= 8;
		break;
	case F_R8_INVALID:
		gpr[8] |= 8;
		break;
	case F_R8_RANGE:
		gpr[8] = 0x80000000 | (gpr[8] & 0xFFF);
		break;
	case F_R8_BUSY:
		set_bits(r8_entry(s), 1);
		break;
	case F_R8_TYPE:
		set_bits(r8_entry(s), 3 << 16);
		break;
	default:
		break;
	}
}

static struct answer first_of(const struct subject *s, const struct path *p,
			      uint32_t faults)
{
	struct answer a = {s->done, 0, 0};
	unsigned fault = 0;

	while (fault < NR_FAULTS && (faults >> fault & 1) == 0)
		fault++;
	if (fault < NR_FAULTS)
		a.rax = told[fault];
	if (fault == F_WALK || fault == F_ENTRY || fault == F_STATE ||
	    (fault == NR_FAULTS && s->done == CONDITIONS))
		details(&a, p, fault == F_WALK ? 2 : s->level);
	else if (fault == NR_FAULTS &&
		 (s->rax == 29 || s->rax == 5 || s->rax == 30))
		a.rcx = p->hpa[s->level];
	if (s->rax == 16 && (fault == F_WALK || fault == F_STATE))
		a.rax = NOT_PRESENT;
	return a;
}

static void try_faults(const struct subject *s, uint32_t faults)
{
	bool bad = (faults >> F_STATE & 1) != 0;
	struct path p =
		make_path(s->level, bad ? s->bad : s->good, false, true);
	struct tdxc_sim_regs regs = {
		{s->rax, s->rax == 16 ? 0 : s->level, TDR}};
	struct answer want;

	regs.gpr[TDXC_SIM_R8] = H2;
	regs.gpr[TDXC_SIM_R9] = SOURCE;
	set_up(&p, s->level);
	for (unsigned i = 0; i < NR_FAULTS; i++) {
		if ((faults >> i & 1) != 0)
			put_fault(s, i, &regs);
	}
	if ((faults >> F_WALK & 1) != 0)
		p.state[2] = FREE;
	want = first_of(s, &p, faults);
	(void)tdxc_sim_seamcall(&machine.module, 0, &regs);
	ck_assert_msg(
		regs.gpr[0] == want.rax && regs.gpr[1] == want.rcx &&
			regs.gpr[2] == want.rdx,
		"leaf %u level %u faults %x: got %llx %llx %llx want "
		"%llx %llx %llx",
		(unsigned)s->rax, s->level, faults,
		(unsigned long long)regs.gpr[0],
		(unsigned long long)regs.gpr[1],
		(unsigned long long)regs.gpr[2], (unsigned long long)want.rax,
		(unsigned long long)want.rcx, (unsigned long long)want.rdx);
	tdxc_sim_machine_fini(&machine);
}

static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9E3779B97F4A7C15ull;

	z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
	z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
	return z ^ (z >> 31);
}

#define ROUNDS 300

START_TEST(the_first_of_several_faults_is_told)
{
	const struct subject *s = &subjects[_i];
	uint64_t seed = 0xFA017 + (uint64_t)_i;

	p1_tdmrs = 1;
	for (unsigned fault = 0; fault <= NR_FAULTS; fault++) {
		if (fault == NR_FAULTS || applies(s, fault))
			try_faults(s, fault == NR_FAULTS ? 0 : 1u << fault);
	}
	for (unsigned i = 0; i < ROUNDS; i++) {
		uint32_t faults = 0;

		for (unsigned n = 2 + (unsigned)(next_random(&seed) % 3); n > 0;
		     n--) {
			unsigned fault =
				(unsigned)(next_random(&seed) % NR_FAULTS);

			if (applies(s, fault))
				faults |= 1u << fault;
		}
		try_faults(s, faults);
	}
}
END_TEST

/* --- random lives of eight pages (7.5)
 * ---------------------------------------- */

#define PAGES_HELD 8u

struct model {
	uint8_t state[PAGES_HELD];
	uint64_t hpa[PAGES_HELD];
	uint64_t bepoch[PAGES_HELD];
	uint64_t epoch;	  /* of the TD */
	uint64_t entered; /* epoch in which the vCPU entered; 0: outside */
	uint64_t next;	  /* page never used before */
};

static bool model_tracked(const struct model *m, unsigned i)
{
	uint64_t b = m->bepoch[i];

	return b + 1 < m->epoch || (b + 1 == m->epoch && m->entered != b);
}

/* The status of REMOVE and RELOCATE, or of UNBLOCK. */
static uint64_t model_wait(const struct model *m, unsigned i, bool unblock)
{
	unsigned state = m->state[i];
	bool blocked = state == BLK || state == PENDB;

	if (state == FREE || (unblock && !blocked))
		return BAD_STATE;
	if (!blocked)
		return NOT_BLOCKED;
	if (model_tracked(m, i))
		return 0;
	return unblock ? NOT_TRACKED_T : NOT_TRACKED;
}

static uint64_t model_track(struct model *m)
{
	if (m->entered != 0 && m->entered != m->epoch)
		return 0x8000020100000000;
	m->epoch++;
	return 0;
}

static uint64_t model_block(struct model *m, unsigned i)
{
	if (m->state[i] == FREE)
		return BAD_STATE;
	if (m->state[i] == BLK || m->state[i] == PENDB)
		return ALREADY;
	m->state[i] = m->state[i] == MAP ? BLK : PENDB;
	m->bepoch[i] = m->epoch;
	return 0;
}

static uint8_t unblocked(uint8_t state)
{
	return state == BLK ? MAP : PEND;
}

static void step_guest(struct model *m, unsigned i)
{
	struct tdxc_sim_regs regs = {{6, i * 0x1000ull}};
	bool exits = m->state[i] != PEND && m->state[i] != MAP;
	enum tdxc_sim_outcome got;

	got = tdxc_sim_tdcall(&machine.module, 1, &regs);
	ck_assert_int_eq(got, exits ? TDXC_SIM_EXITED : TDXC_SIM_RETURNED);
	if (exits)
		m->entered = 0;
	else
		ck_assert_uint_eq(regs.gpr[0],
				  m->state[i] == MAP ? 0x00000B0A00000000 : 0);
	if (!exits)
		m->state[i] = MAP;
}

static void step_enter(struct model *m)
{
	struct tdxc_sim_regs regs = {{0, TDVPR}};

	if (m->entered != 0) {
		tdxc_sim_interrupt_exit(&machine.module, 1, &regs);
		m->entered = 0;
		return;
	}
	ck_assert_int_eq(tdxc_sim_seamcall(&machine.module, 1, &regs),
			 TDXC_SIM_ENTERED);
	m->entered = m->epoch;
}

/* AUG, REMOVE, RELOCATE, UNBLOCK: what is expected, and what changes. */
static uint64_t step_page(struct model *m, unsigned leaf, unsigned i)
{
	uint64_t status = leaf == 6 ? (m->state[i] == FREE ? 0 : BAD_STATE)
				    : model_wait(m, i, leaf == 39);

	if (status != 0)
		return status;
	if (leaf == 29)
		m->state[i] = FREE;
	else
		m->state[i] = leaf == 6 ? PEND : unblocked(m->state[i]);
	if (leaf == 6 || leaf == 5) {
		m->hpa[i] = m->next;
		m->next += 0x1000;
	}
	return 0;
}

static void step(struct model *m, uint64_t *seed)
{
	static const uint8_t leaves[] = {6, 29, 5, 39, 7, 7, 38};
	unsigned kind = (unsigned)(next_random(seed) % 10);
	unsigned i = (unsigned)(next_random(seed) % PAGES_HELD);
	uint64_t next = m->next;
	uint64_t want;

	if (kind == 9) {
		step_enter(m);
	} else if (kind >= COUNT(leaves)) {
		if (m->entered != 0)
			step_guest(m, i);
	} else {
		unsigned leaf = leaves[kind];

		if (leaf == 38)
			want = model_track(m);
		else if (leaf == 7)
			want = model_block(m, i);
		else
			want = step_page(m, leaf, i);
		ck_assert_uint_eq(
			call(0, leaf, leaf == 38 ? TDR : i * 0x1000, TDR, next),
			want);
	}
	ck_assert_uint_eq(tdxc_sim_machine_read64(&machine, PT + 8ull * i),
			  raw(m->state[i], m->hpa[i]));
}

static uint64_t td_field(uint64_t id)
{
	struct tdxc_sim_regs regs = {{11, TDR, id}};

	(void)tdxc_sim_seamcall(&machine.module, 0, &regs);
	ck_assert_uint_eq(regs.gpr[0], 0);
	return regs.gpr[TDXC_SIM_R8];
}

START_TEST(pages_live_by_the_tracking_rule)
{
	struct model m = {.epoch = 1, .next = A};
	uint64_t seed = 0x7EAC4 + (uint64_t)_i;

	p1_tdmrs = 1;
	power_on(TDXC_SIM_PROFILE_1_5_01, 2);
	start(RUN);
	for (unsigned n = 0; n < 20000; n++) {
		uint64_t used = 15; /* TDCX, TDVPS, tables */

		step(&m, &seed);
		for (unsigned i = 0; i < PAGES_HELD; i++)
			used += m.state[i] != FREE;
		ck_assert_uint_eq(td_field(CHLDCNT), used);
		ck_assert_uint_eq(td_field(0x9210000300000000), m.epoch);
		for (uint64_t k = 0; k < 2; k++)
			ck_assert_uint_eq(td_field(0x9210000100000001 + k),
					  m.entered != 0 &&
						  (m.entered & 1) == k);
		if (m.next > TDMR + 0x3F000000)
			break;
	}
	tdxc_sim_machine_fini(&machine);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sim_matrix");
	TCase *tc = tcase_create("matrix");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tc, every_state_level_and_leaf, 0, 4);
	tcase_add_loop_test(tc, the_first_of_several_faults_is_told, 0,
			    (int)COUNT(subjects));
	tcase_add_loop_test(tc, pages_live_by_the_tracking_rule, 0, 4);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
