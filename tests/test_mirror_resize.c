/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Private pages that change their size or place, and tables that go: what each
 * operation does from each state, what is left when the external tree refuses
 * or does not say, and what others see in the meantime.
 *
 * Ids H, I: kvm-mirror-mmu.md 11, 12.3.
 */
#include <tdxcore/err.h>

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "mirror/mirror_case.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define GIB1	     (1ull << 18)	/* frames */
#define MIB2	     512ull		/* frames */
#define BASE	     (5 * GIB1)		/* frame */
#define ELSEWHERE    0x0000030000000000 /* pages that are nobody's */
#define ROOM	     1024u

static struct mirror_case c;
static struct tdxc_zapped out[ROOM];

/* ---- a case ---- */

static void up(uint32_t levels)
{
	struct mirror_shape shape = {levels, false, true, 0};

	mirror_case_up(&c, &shape);
}

static void expect_whole(void)
{
	const char *wrong = mirror_case_audit(&c);

	ck_assert_msg(wrong == NULL, "%s", wrong);
}

static void down(void)
{
	expect_whole();
	ck_assert_ptr_null(mirror_case_down(&c));
}

static struct tdxc_root *root(void)
{
	struct tdxc_root *r = mirror_case_root(&c, TDXC_ROOTS_MIRROR);

	ck_assert_int_eq(tdxc_root_put(&c.mmu, r), TDXC_OK);
	return r;
}

static void map(uint64_t gfn, uint32_t level)
{
	struct tdxc_fault fault = mirror_case_fault(&c, gfn, true);

	fault.level = level;
	fault.pa &= ~((tdxc_level_frames(level) << 12) - 1);
	ck_assert_int_eq(mirror_case_do(&c, 0, &fault), TDXC_FAULT_FIXED);
}

/* 512 leaves of the level below one, contiguous. */
static void map_row(uint64_t gfn, uint32_t level)
{
	uint32_t i;

	for (i = 0; i < TDXC_ENTRIES; i++)
		map(gfn + i * tdxc_level_frames(level - 1), level - 1);
}

static uint64_t *slot_of(uint64_t gfn, uint32_t level)
{
	const struct tdxc_tree *tree = &root()->tree;
	uint64_t pa = tree->pa;
	uint32_t l = tree->levels;

	for (;; l--) {
		uint64_t *slot =
			tdxc_table_at(tree, pa) + tdxc_table_index(gfn, l);
		struct tdxc_spte s = {*slot};

		if (l == level || !tdxc_spte_is_table(s))
			return slot;
		pa = tdxc_spte_pa(s);
	}
}

static struct tdxc_found look_up(uint64_t gfn)
{
	const struct tdxc_gfn frame = {gfn};

	return tdxc_lookup(&root()->tree, frame);
}

/* A frame is mapped as it was lent, by a leaf of a level; 0: not at all. */
static void expect_mapped(uint64_t gfn, uint32_t level)
{
	struct tdxc_found found = look_up(gfn);
	uint64_t inside = (tdxc_level_frames((uint32_t)found.level) - 1) & gfn;

	if (level == 0) {
		ck_assert_uint_eq(found.spte.bits, TDXC_SPTE_EMPTY_BITS);
		return;
	}
	ck_assert_uint_eq(found.level, level);
	ck_assert(tdxc_spte_is_leaf(found.spte));
	ck_assert_uint_eq(tdxc_spte_pa(found.spte) + (inside << 12),
			  MIRROR_CASE_PRIVATE_PA + (gfn << 12));
}

static uint64_t retired(void)
{
	return mirror_case_tables(&c, MIRROR_PAGE_RETIRED);
}

/* ---- the operations ---- */

enum op { DEMOTE, PROMOTE, RELOCATE, REMOVE, OPS };

/* An operation, and what it is about. */
struct work {
	enum op op;
	uint64_t gfn;
	uint32_t level; /* as the operation takes it */
	uint64_t pa;
	uint64_t end; /* REMOVE: last frame plus 1; 0: 2 MiB */
	uint64_t removed;
};

static int remove_from(uint32_t cpu, struct work *w, enum tdxc_lock lock)
{
	struct tdxc_table_zap zap = {
		.start = {w->gfn},
		.end = {w->end != 0 ? w->end : w->gfn + MIB2},
	};
	int err =
		tdxc_mmu_remove_tables(&c.mmu, root(), &c.cpu[cpu], &zap, lock);

	w->removed = zap.removed;
	w->gfn = zap.start.n;
	return err;
}

static int work_on(struct tdxc_root *r, uint32_t cpu, struct work *w,
		   enum tdxc_lock lock)
{
	const struct tdxc_gfn gfn = {w->gfn};
	int err = TDXC_OK;

	switch (w->op) {
	case DEMOTE:
		err = tdxc_mmu_demote(&c.mmu, r, &c.cpu[cpu], gfn, w->level,
				      lock);
		break;
	case PROMOTE:
		err = tdxc_mmu_promote(&c.mmu, r, &c.cpu[cpu], gfn, w->level,
				       lock);
		break;
	case RELOCATE:
		err = tdxc_mmu_relocate(&c.mmu, r, &c.cpu[cpu], gfn, &w->pa,
					lock);
		break;
	default:
		err = remove_from(cpu, w, lock);
	}
	return err;
}

/* By a CPU that has what it needs, with the lock shared. */
static int work(struct work *w)
{
	int err = mirror_case_ready(&c, 1, true);

	ck_assert_int_eq(err, TDXC_OK);
	err = work_on(root(), 1, w, TDXC_LOCK_SHARED);
	ck_assert_uint_eq(c.cpu[1].frozen, 0);
	return err;
}

static int do_op(enum op op, uint64_t gfn, uint32_t level)
{
	struct work w = {op, gfn, level, ELSEWHERE, 0, 0};

	return work(&w);
}

/* What each operation finds, so that it has something to do. */
static void prepare(enum op op, uint64_t gfn)
{
	switch (op) {
	case DEMOTE:
		map(gfn, TDXC_LEVEL_2M);
		break;
	case PROMOTE:
		map_row(gfn, TDXC_LEVEL_2M);
		break;
	case RELOCATE:
		map(gfn, TDXC_LEVEL_4K);
		break;
	default: {
		struct tdxc_zap zap = {
			.start = {gfn},
			.end = {gfn + 1},
			.reason = TDXC_ZAP_BACKING_GONE,
			.out = out,
			.room = ROOM,
		};

		map(gfn, TDXC_LEVEL_4K);
		ck_assert_int_eq(
			tdxc_mmu_zap(&c.mmu, &c.cpu[0], &zap, TDXC_LOCK_SHARED),
			TDXC_OK);
	}
	}
}

static const uint32_t usual_level[OPS] = {TDXC_LEVEL_4K, TDXC_LEVEL_2M, 0, 0};

/* How often an operation that has something to do was done. */
static uint64_t times_done(enum op op)
{
	const uint64_t done[OPS] = {c.demotions, c.promotions, c.relocations,
				    c.tables_removed};

	return done[op];
}

/* Nothing that counts has changed, and nothing was done. */
static void expect_untouched(uint64_t digest)
{
	ck_assert_uint_eq(mirror_case_digest(&c), digest);
	ck_assert_uint_eq(retired(), 0);
	ck_assert(!tdxc_mmu_is_poisoned(&c.mmu));
	expect_whole();
}

/* ---- sizes ---- */

static const struct {
	uint32_t levels;
	uint32_t level;
} sizes[] = {
	{4, TDXC_LEVEL_2M},
	{4, TDXC_LEVEL_1G},
	{5, TDXC_LEVEL_2M},
	{5, TDXC_LEVEL_1G},
};

START_TEST(a_large_page_becomes_512_and_one_again)
{
	const uint32_t level = sizes[_i].level;
	const uint64_t step = tdxc_level_frames(level - 1);
	uint64_t digest;
	uint32_t i;

	up(sizes[_i].levels);
	map(BASE, level);
	digest = mirror_case_digest(&c);
	ck_assert_int_eq(do_op(DEMOTE, BASE + 3, level - 1), TDXC_OK);
	expect_whole();
	for (i = 0; i < TDXC_ENTRIES; i++)
		expect_mapped(BASE + i * step, level - 1);
	ck_assert_int_eq(do_op(PROMOTE, BASE + 3, level), TDXC_OK);
	expect_mapped(BASE, level);
	ck_assert_uint_eq(mirror_case_digest(&c), digest);
	ck_assert_uint_eq(c.demotions, 1);
	ck_assert_uint_eq(c.promotions, 1);
	ck_assert_uint_eq(retired(), 1);
	down();
}
END_TEST

START_TEST(pages_that_were_mapped_one_by_one_become_one)
{
	up(4);
	map_row(BASE, TDXC_LEVEL_2M);
	ck_assert_int_eq(do_op(PROMOTE, BASE + 511, TDXC_LEVEL_2M), TDXC_OK);
	expect_mapped(BASE + 511, TDXC_LEVEL_2M);
	down();
}
END_TEST

START_TEST(a_page_of_1_gib_is_demoted_where_the_frame_is)
{
	up(4);
	map(BASE, TDXC_LEVEL_1G);
	ck_assert_int_eq(do_op(DEMOTE, BASE + MIB2, TDXC_LEVEL_4K), TDXC_OK);
	ck_assert_uint_eq(c.demotions, 2);
	expect_mapped(BASE, TDXC_LEVEL_2M);
	expect_mapped(BASE + MIB2, TDXC_LEVEL_4K);
	expect_mapped(BASE + 2 * MIB2, TDXC_LEVEL_2M);
	down();
}
END_TEST

START_TEST(a_page_moves_and_the_one_it_left_comes_back)
{
	struct work w = {RELOCATE, BASE + 1, 0, ELSEWHERE, 0, 0};

	up(4);
	map(BASE + 1, TDXC_LEVEL_4K);
	ck_assert_int_eq(work(&w), TDXC_OK);
	ck_assert_uint_eq(w.pa, MIRROR_CASE_PRIVATE_PA + ((BASE + 1) << 12));
	ck_assert_uint_eq(tdxc_spte_pa(look_up(BASE + 1).spte), ELSEWHERE);
	ck_assert(!mirror_case_is_lent(&c, w.pa));
	ck_assert(mirror_case_is_lent(&c, ELSEWHERE));
	down();
}
END_TEST

/* ---- states ---- */

/* What stands at a frame: leaves by level, and what else. */
enum state { EMPTY, HOLE_4K, LEAF_4K, LEAF_2M, LEAF_1G, FROZEN_4K, FROZEN_2M };

static void make_state(enum state state)
{
	switch (state) {
	case LEAF_4K:
	case FROZEN_4K:
		map(BASE, TDXC_LEVEL_4K);
		break;
	case LEAF_2M:
	case FROZEN_2M:
		map(BASE, TDXC_LEVEL_2M);
		break;
	case LEAF_1G:
		map(BASE, TDXC_LEVEL_1G);
		break;
	case HOLE_4K:
		map(BASE + 1, TDXC_LEVEL_4K);
		break;
	default:
		break;
	}
}

static const struct {
	enum op op;
	uint32_t level;
	enum state state;
	int err;
} states[] = {
	{DEMOTE, 1, EMPTY, TDXC_OK},
	{DEMOTE, 1, HOLE_4K, TDXC_OK},
	{DEMOTE, 1, LEAF_4K, TDXC_OK},
	{DEMOTE, 2, LEAF_4K, TDXC_OK},
	{DEMOTE, 2, LEAF_2M, TDXC_OK},
	{DEMOTE, 1, FROZEN_4K, TDXC_E_AGAIN},
	{DEMOTE, 2, FROZEN_4K, TDXC_OK}, /* a table is there */
	{DEMOTE, 1, FROZEN_2M, TDXC_E_AGAIN},
	{DEMOTE, 2, FROZEN_2M, TDXC_E_AGAIN},
	{PROMOTE, 2, EMPTY, TDXC_E_NOENT},
	{PROMOTE, 3, EMPTY, TDXC_E_NOENT},
	{PROMOTE, 2, HOLE_4K, TDXC_E_NOENT},
	{PROMOTE, 2, LEAF_4K, TDXC_E_NOENT},
	{PROMOTE, 3, LEAF_4K, TDXC_E_NOENT},
	{PROMOTE, 2, LEAF_2M, TDXC_OK},
	{PROMOTE, 3, LEAF_2M, TDXC_E_NOENT},
	{PROMOTE, 2, LEAF_1G, TDXC_OK},
	{PROMOTE, 2, FROZEN_4K, TDXC_E_AGAIN},
	{PROMOTE, 2, FROZEN_2M, TDXC_E_AGAIN},
	{PROMOTE, 3, FROZEN_2M, TDXC_E_AGAIN},
	{RELOCATE, 0, EMPTY, TDXC_E_NOENT},
	{RELOCATE, 0, HOLE_4K, TDXC_E_NOENT},
	{RELOCATE, 0, LEAF_2M, TDXC_E_NOENT},
	{RELOCATE, 0, LEAF_1G, TDXC_E_NOENT},
	{RELOCATE, 0, FROZEN_4K, TDXC_E_AGAIN},
	{RELOCATE, 0, FROZEN_2M, TDXC_E_AGAIN},
	{REMOVE, 0, EMPTY, TDXC_OK},
	{REMOVE, 0, LEAF_4K, TDXC_OK},
	{REMOVE, 0, LEAF_2M, TDXC_OK},
	{REMOVE, 0, FROZEN_4K, TDXC_OK},
	{REMOVE, 0, FROZEN_2M, TDXC_OK},
};

START_TEST(where_there_is_nothing_to_do_nothing_changes)
{
	enum state state = states[_i].state;
	uint64_t *slot;
	uint64_t digest;
	uint64_t old;

	up(4);
	make_state(state);
	digest = mirror_case_digest(&c);
	slot = slot_of(BASE, 1);
	old = *slot;
	if (state == FROZEN_4K || state == FROZEN_2M)
		*slot = TDXC_SPTE_FROZEN_BITS;
	ck_assert_int_eq(do_op(states[_i].op, BASE, states[_i].level),
			 states[_i].err);
	ck_assert_uint_eq(times_done(states[_i].op), 0);
	*slot = old;
	expect_untouched(digest);
	down();
}
END_TEST

/* What spoils a table that could be promoted otherwise. */
enum flaw { MISSING, OTHER_PAGE, SWAPPED, FROZEN, UNALIGNED };

static const struct {
	enum flaw flaw;
	uint32_t i;
	int err;
} flaws[] = {
	{MISSING, 0, TDXC_E_NOENT},    {MISSING, 1, TDXC_E_NOENT},
	{MISSING, 511, TDXC_E_NOENT},  {OTHER_PAGE, 0, TDXC_E_NOENT},
	{OTHER_PAGE, 7, TDXC_E_NOENT}, {OTHER_PAGE, 511, TDXC_E_NOENT},
	{SWAPPED, 100, TDXC_E_NOENT},  {FROZEN, 0, TDXC_E_AGAIN},
	{FROZEN, 255, TDXC_E_AGAIN},   {FROZEN, 511, TDXC_E_AGAIN},
	{UNALIGNED, 0, TDXC_E_NOENT},
};

static void map_flawed(enum flaw flaw, uint32_t at)
{
	uint32_t i;

	for (i = 0; i < TDXC_ENTRIES; i++) {
		struct tdxc_fault fault = mirror_case_fault(&c, BASE + i, true);

		if (flaw == MISSING && i == at)
			continue;
		if (flaw == OTHER_PAGE && i == at)
			fault.pa = ELSEWHERE;
		if (flaw == SWAPPED && (i == at || i == at + 1))
			fault.pa ^= 0x1000;
		if (flaw == UNALIGNED)
			fault.pa = ELSEWHERE + 0x1000 + i * 0x1000ull;
		ck_assert_int_eq(mirror_case_do(&c, 0, &fault),
				 TDXC_FAULT_FIXED);
	}
}

START_TEST(pages_that_are_not_one_are_not_promoted)
{
	uint64_t *slot;
	uint64_t digest;
	uint64_t old;

	up(4);
	map_flawed(flaws[_i].flaw, flaws[_i].i);
	digest = mirror_case_digest(&c);
	slot = slot_of(BASE + flaws[_i].i, 1);
	old = *slot;
	if (flaws[_i].flaw == FROZEN)
		*slot = TDXC_SPTE_FROZEN_BITS;
	ck_assert_int_eq(do_op(PROMOTE, BASE, TDXC_LEVEL_2M), flaws[_i].err);
	ck_assert_uint_eq(c.promotions, 0);
	*slot = old;
	expect_untouched(digest);
	down();
}
END_TEST

START_TEST(two_sizes_below_one_entry_are_not_promoted)
{
	uint64_t digest;

	up(4);
	map(BASE, TDXC_LEVEL_1G);
	ck_assert_int_eq(do_op(DEMOTE, BASE + 5 * MIB2, TDXC_LEVEL_4K),
			 TDXC_OK);
	digest = mirror_case_digest(&c);
	ck_assert_int_eq(do_op(PROMOTE, BASE, TDXC_LEVEL_1G), TDXC_E_NOENT);
	expect_untouched(digest);
	ck_assert_int_eq(do_op(PROMOTE, BASE + 5 * MIB2, TDXC_LEVEL_2M),
			 TDXC_OK);
	ck_assert_int_eq(do_op(PROMOTE, BASE, TDXC_LEVEL_1G), TDXC_OK);
	expect_mapped(BASE + 5 * MIB2, TDXC_LEVEL_1G);
	down();
}
END_TEST

/* ---- arguments ---- */

enum wrong_root { GOOD_ROOT, DIRECT_ROOT, INVALID_ROOT };

static const struct {
	enum op op;
	uint64_t gfn;
	uint32_t level;
	uint64_t pa;
	enum wrong_root root;
	bool exclusive; /* said, and not held */
} refused[] = {
	{DEMOTE, BASE, 0, 0, GOOD_ROOT, false},
	{DEMOTE, BASE, 3, 0, GOOD_ROOT, false},
	{DEMOTE, BASE, 0x80000001, 0, GOOD_ROOT, false},
	{DEMOTE, 1ull << 35, 1, 0, GOOD_ROOT, false},
	{DEMOTE, ~0ull, 1, 0, GOOD_ROOT, false},
	{DEMOTE, BASE, 1, 0, DIRECT_ROOT, false},
	{DEMOTE, BASE, 1, 0, INVALID_ROOT, false},
	{DEMOTE, BASE, 1, 0, GOOD_ROOT, true},
	{PROMOTE, BASE, 0, 0, GOOD_ROOT, false},
	{PROMOTE, BASE, 1, 0, GOOD_ROOT, false},
	{PROMOTE, BASE, 4, 0, GOOD_ROOT, false},
	{PROMOTE, 1ull << 35, 2, 0, GOOD_ROOT, false},
	{PROMOTE, BASE, 2, 0, DIRECT_ROOT, false},
	{PROMOTE, BASE, 2, 0, INVALID_ROOT, false},
	{PROMOTE, BASE, 2, 0, GOOD_ROOT, true},
	{RELOCATE, 1ull << 35, 0, ELSEWHERE, GOOD_ROOT, false},
	{RELOCATE, BASE, 0, ELSEWHERE + 1, GOOD_ROOT, false},
	{RELOCATE, BASE, 0, 1ull << 52, GOOD_ROOT, false},
	{RELOCATE, BASE, 0, MIRROR_CASE_PRIVATE_PA + (BASE << 12), GOOD_ROOT,
	 false},
	{RELOCATE, BASE, 0, ELSEWHERE, DIRECT_ROOT, false},
	{RELOCATE, BASE, 0, ELSEWHERE, INVALID_ROOT, false},
	{RELOCATE, BASE, 0, ELSEWHERE, GOOD_ROOT, true},
};

static struct tdxc_root *any_root(enum wrong_root which)
{
	struct tdxc_root *r =
		mirror_case_root(&c, which == DIRECT_ROOT ? TDXC_ROOTS_DIRECT
							  : TDXC_ROOTS_MIRROR);

	ck_assert_int_eq(tdxc_root_put(&c.mmu, r), TDXC_OK);
	if (which != INVALID_ROOT)
		return r;
	c.exclusive_held = true;
	ck_assert_int_eq(tdxc_roots_invalidate(&c.mmu, TDXC_ROOTS_MIRROR,
					       TDXC_LOCK_EXCLUSIVE),
			 TDXC_OK);
	c.exclusive_held = false;
	return r;
}

START_TEST(an_argument_that_does_not_fit_is_refused)
{
	struct work w = {refused[_i].op,
			 refused[_i].gfn,
			 refused[_i].level,
			 refused[_i].pa,
			 0,
			 0};
	struct tdxc_root *r;
	uint64_t digest;

	up(4);
	prepare(w.op, BASE);
	r = any_root(refused[_i].root);
	ck_assert_int_eq(mirror_case_ready(&c, 1, true), TDXC_OK);
	digest = mirror_case_digest(&c);
	ck_assert_int_eq(work_on(r, 1, &w,
				 refused[_i].exclusive ? TDXC_LOCK_EXCLUSIVE
						       : TDXC_LOCK_SHARED),
			 TDXC_E_INVAL);
	ck_assert_uint_eq(w.pa, refused[_i].pa);
	ck_assert_uint_eq(times_done(w.op), 0);
	expect_untouched(digest);
	down();
}
END_TEST

static const struct {
	uint64_t start;
	uint64_t end;
	uint32_t room;
	int err;
} ranges[] = {
	{BASE, BASE + MIB2, 0, TDXC_E_INVAL},
	{BASE, BASE + MIB2, TDXC_MMU_BATCH + 1, TDXC_E_INVAL},
	{BASE, (1ull << 35) + 1, 1, TDXC_E_INVAL},
	{1ull << 35, (1ull << 35) + MIB2, 1, TDXC_E_INVAL},
	{BASE, BASE, 1, TDXC_OK},
	{BASE + MIB2, BASE, 1, TDXC_OK},
};

START_TEST(a_range_of_tables_is_checked)
{
	struct tdxc_table_zap zap = {.start = {ranges[_i].start},
				     .end = {ranges[_i].end}};
	uint64_t digest;

	up(4);
	prepare(REMOVE, BASE);
	c.cpu[1].batch.room = ranges[_i].room;
	digest = mirror_case_digest(&c);
	ck_assert_int_eq(tdxc_mmu_remove_tables(&c.mmu, root(), &c.cpu[1], &zap,
						TDXC_LOCK_SHARED),
			 ranges[_i].err);
	ck_assert_uint_eq(zap.removed, 0);
	expect_untouched(digest);
	down();
}
END_TEST

/* ---- when the external tree does not do it ---- */

static const int refusals[] = {TDXC_E_BUSY, TDXC_E_NOMEM, TDXC_E_OPNOTSUPP};

/* H16: nothing is counted that did not happen. */
START_TEST(h16_a_refused_change_leaves_all_as_it_was)
{
	enum op op = (enum op)(_i / 3);
	int err = refusals[_i % 3];
	uint64_t digest;

	up(4);
	prepare(op, BASE);
	digest = mirror_case_digest(&c);
	mirror_case_fail(&c, MIRROR_SET, 1, err);
	ck_assert_int_eq(do_op(op, BASE, usual_level[op]), err);
	ck_assert_uint_eq(times_done(op), 0);
	ck_assert_uint_eq(mirror_case_counts(&c).busy, err == TDXC_E_BUSY);
	expect_untouched(digest);
	ck_assert_int_eq(do_op(op, BASE, usual_level[op]), TDXC_OK);
	ck_assert_uint_eq(times_done(op), 1);
	down();
}
END_TEST

START_TEST(a_second_demotion_that_is_refused_leaves_the_first)
{
	up(4);
	map(BASE, TDXC_LEVEL_1G);
	mirror_case_fail(&c, MIRROR_SET, 2, refusals[_i]);
	ck_assert_int_eq(do_op(DEMOTE, BASE, TDXC_LEVEL_4K), refusals[_i]);
	expect_mapped(BASE, TDXC_LEVEL_2M);
	expect_whole();
	ck_assert_int_eq(do_op(DEMOTE, BASE, TDXC_LEVEL_4K), TDXC_OK);
	expect_mapped(BASE, TDXC_LEVEL_4K);
	down();
}
END_TEST

/* H14: the mirror is what it was, and the MMU is poisoned at once. Whether the
 * change was made all the same is not known: both are tried. */
START_TEST(h14_a_change_of_unknown_outcome_poisons)
{
	enum op op = (enum op)(_i / 2);
	struct work w = {op, BASE, usual_level[op], ELSEWHERE, 0, 0};
	struct tdxc_spte old;

	up(4);
	prepare(op, BASE);
	old.bits = *slot_of(BASE, op == RELOCATE ? 1 : 2);
	mirror_case_fail(&c, MIRROR_SET, 1, TDXC_E_IO);
	c.inject[MIRROR_SET].applied = _i % 2;
	ck_assert_int_eq(work(&w), TDXC_E_IO);
	ck_assert_uint_eq(w.pa, ELSEWHERE);
	ck_assert_uint_eq(*slot_of(BASE, op == RELOCATE ? 1 : 2), old.bits);
	ck_assert(tdxc_mmu_is_poisoned(&c.mmu));
	ck_assert_uint_eq(c.mmu.poison.gfn.n, BASE);
	ck_assert_uint_eq(c.mmu.poison.level, op == RELOCATE ? 1 : 2);
	ck_assert_int_eq(c.mmu.poison.err, TDXC_E_IO);
	ck_assert_uint_eq(c.mmu.poison.old.bits, old.bits);
	ck_assert(tdxc_spte_is_present(c.mmu.poison.now));
	/* Of a demotion the table that may be the external tree's is lost. */
	ck_assert_uint_eq(mirror_case_externals(&c, MIRROR_PAGE_LOST),
			  op == DEMOTE);
	expect_whole();
	ck_assert_uint_eq(retired(), 0);
	down();
}
END_TEST

START_TEST(after_an_unknown_outcome_nothing_changes)
{
	struct tdxc_fault fault;
	uint64_t digest;

	up(4);
	prepare((enum op)_i, BASE);
	fault = mirror_case_fault(&c, BASE + 9 * MIB2, true);
	mirror_case_fail(&c, MIRROR_SET, 1, TDXC_E_IO);
	ck_assert_int_eq(mirror_case_do(&c, 0, &fault), TDXC_FAULT_POISONED);
	digest = mirror_case_digest(&c);
	ck_assert_int_eq(do_op((enum op)_i, BASE, usual_level[_i]), TDXC_E_IO);
	ck_assert_uint_eq(mirror_case_digest(&c), digest);
	down();
}
END_TEST

/* A failure elsewhere, while the entries of this operation are frozen. */
static uint64_t poison_in_window(void *ctx, uint64_t pa)
{
	struct mirror_case *mirror = ctx;

	mirror->mmu.poison.gfn.n = BASE + GIB1;
	mirror->mmu.poison.level = TDXC_LEVEL_4K;
	mirror->mmu.poisoned = 1;
	mirror->mmu.poison.set = 1;
	(void)pa;
	return 0;
}

START_TEST(what_is_poisoned_in_the_window_is_not_changed)
{
	uint64_t digest;

	up(4);
	prepare(PROMOTE, BASE);
	digest = mirror_case_digest(&c);
	c.ops.table_external = poison_in_window;
	ck_assert_int_eq(do_op(PROMOTE, BASE, TDXC_LEVEL_2M), TDXC_E_IO);
	ck_assert_uint_eq(mirror_case_digest(&c), digest);
	ck_assert_uint_eq(c.promotions, 0);
	down();
}
END_TEST

START_TEST(without_a_table_in_reserve_nothing_is_demoted)
{
	struct work w = {DEMOTE, BASE, TDXC_LEVEL_4K, 0, 0, 0};
	uint64_t digest;

	up(4);
	map(BASE, TDXC_LEVEL_2M);
	digest = mirror_case_digest(&c);
	ck_assert_int_eq(work_on(root(), 2, &w, TDXC_LOCK_SHARED),
			 TDXC_E_NOMEM);
	expect_untouched(digest);
	down();
}
END_TEST

/* A table that was not needed can be linked empty afterwards. */
START_TEST(a_table_that_was_not_linked_is_empty_again)
{
	uint32_t i;

	up(4);
	map(BASE, TDXC_LEVEL_2M);
	for (i = 0; i < 3; i++) {
		mirror_case_fail(&c, MIRROR_SET, 1, TDXC_E_BUSY);
		ck_assert_int_eq(do_op(DEMOTE, BASE, TDXC_LEVEL_4K),
				 TDXC_E_BUSY);
	}
	for (i = 1; i < 4; i++) {
		struct tdxc_fault fault =
			mirror_case_fault(&c, BASE + i * MIB2, true);

		ck_assert_int_eq(mirror_case_do(&c, 1, &fault),
				 TDXC_FAULT_FIXED);
	}
	down();
}
END_TEST

/* ---- what others see in the window ---- */

/* What another CPU does while an entry is frozen, and what it is told. */
struct intruder {
	enum { FAULTS, ZAPS, CHANGES } how;
	struct work w;
	uint64_t gfn;
	int err;
	int got;
};

static int intrude_zap(uint64_t gfn)
{
	struct tdxc_zap zap = {
		.start = {gfn},
		.end = {gfn + 1},
		.reason = TDXC_ZAP_BACKING_GONE,
		.out = out,
		.room = ROOM,
	};

	return tdxc_mmu_zap(&c.mmu, &c.cpu[2], &zap, TDXC_LOCK_SHARED);
}

static void intrude(void *arg)
{
	struct intruder *in = arg;
	struct tdxc_fault fault = mirror_case_fault(&c, in->gfn, true);

	ck_assert(tdxc_spte_is_frozen(look_up(in->gfn).spte));
	if (in->how == FAULTS)
		in->got = mirror_case_do(&c, 2, &fault);
	else if (in->how == ZAPS)
		in->got = intrude_zap(in->gfn);
	else
		in->got = work_on(root(), 2, &in->w, TDXC_LOCK_SHARED);
	ck_assert_uint_eq(c.cpu[2].frozen, 0);
}

static const struct {
	enum op op;
	struct intruder in;
} windows[] = {
	{DEMOTE, {FAULTS, {0}, BASE, TDXC_FAULT_RETRY, 77}},
	{DEMOTE, {FAULTS, {0}, BASE + 511, TDXC_FAULT_RETRY, 77}},
	{DEMOTE, {ZAPS, {0}, BASE + 1, TDXC_E_AGAIN, 77}},
	{DEMOTE, {CHANGES, {DEMOTE, BASE, 1, 0, 0, 0}, BASE, TDXC_E_AGAIN, 77}},
	{DEMOTE,
	 {CHANGES, {PROMOTE, BASE, 2, 0, 0, 0}, BASE, TDXC_E_AGAIN, 77}},
	{DEMOTE,
	 {CHANGES,
	  {RELOCATE, BASE, 0, ELSEWHERE, 0, 0},
	  BASE,
	  TDXC_E_AGAIN,
	  77}},
	{DEMOTE, {CHANGES, {REMOVE, BASE, 0, 0, 0, 0}, BASE, TDXC_OK, 77}},
	{PROMOTE, {FAULTS, {0}, BASE, TDXC_FAULT_RETRY, 77}},
	{PROMOTE, {FAULTS, {0}, BASE + 511, TDXC_FAULT_RETRY, 77}},
	{PROMOTE, {ZAPS, {0}, BASE + 1, TDXC_E_AGAIN, 77}},
	{PROMOTE,
	 {CHANGES, {DEMOTE, BASE, 1, 0, 0, 0}, BASE, TDXC_E_AGAIN, 77}},
	{PROMOTE,
	 {CHANGES, {PROMOTE, BASE, 2, 0, 0, 0}, BASE, TDXC_E_AGAIN, 77}},
	{PROMOTE,
	 {CHANGES,
	  {RELOCATE, BASE + 4, 0, ELSEWHERE, 0, 0},
	  BASE,
	  TDXC_E_AGAIN,
	  77}},
	{PROMOTE, {CHANGES, {REMOVE, BASE, 0, 0, 0, 0}, BASE, TDXC_OK, 77}},
	{RELOCATE, {FAULTS, {0}, BASE, TDXC_FAULT_RETRY, 77}},
	{RELOCATE, {ZAPS, {0}, BASE, TDXC_E_AGAIN, 77}},
	{RELOCATE,
	 {CHANGES, {DEMOTE, BASE, 1, 0, 0, 0}, BASE, TDXC_E_AGAIN, 77}},
	{RELOCATE,
	 {CHANGES, {PROMOTE, BASE, 2, 0, 0, 0}, BASE, TDXC_E_AGAIN, 77}},
	{RELOCATE,
	 {CHANGES,
	  {RELOCATE, BASE, 0, ELSEWHERE, 0, 0},
	  BASE,
	  TDXC_E_AGAIN,
	  77}},
	{RELOCATE, {CHANGES, {REMOVE, BASE, 0, 0, 0, 0}, BASE, TDXC_OK, 77}},
	{REMOVE, {FAULTS, {0}, BASE, TDXC_FAULT_RETRY, 77}},
	{REMOVE, {ZAPS, {0}, BASE, TDXC_E_AGAIN, 77}},
	{REMOVE, {CHANGES, {DEMOTE, BASE, 1, 0, 0, 0}, BASE, TDXC_E_AGAIN, 77}},
	{REMOVE,
	 {CHANGES, {PROMOTE, BASE, 2, 0, 0, 0}, BASE, TDXC_E_AGAIN, 77}},
	{REMOVE, {CHANGES, {REMOVE, BASE, 0, 0, 0, 0}, BASE, TDXC_OK, 77}},
};

/* I-NOPP: old value, frozen, new value; and nobody gets in between. */
START_TEST(i_nopp_in_the_window_nobody_else_gets_anywhere)
{
	enum op op = windows[_i].op;
	struct intruder in = windows[_i].in;

	up(4);
	prepare(op, BASE);
	ck_assert_int_eq(mirror_case_ready(&c, 2, true), TDXC_OK);
	mirror_case_run(&c, op == REMOVE ? MIRROR_REMOVE : MIRROR_SET, 1,
			intrude, &in);
	ck_assert_int_eq(do_op(op, BASE, usual_level[op]), TDXC_OK);
	ck_assert_int_eq(in.got, in.err);
	ck_assert_uint_eq(times_done(op), 1);
	ck_assert_uint_eq(c.demotions + c.promotions + c.relocations +
				  c.tables_removed,
			  1);
	down();
}
END_TEST

/* ---- a table that is gone ---- */

/* R14, R21: whoever is still inside finds every entry frozen for good. */
START_TEST(a_walk_in_a_table_that_went_looks_again)
{
	const bool promotes = _i == 0;
	const struct tdxc_gfn start = {BASE + 5};
	const struct tdxc_gfn end = {BASE + 7};
	struct tdxc_iter it;
	uint32_t i;

	up(4);
	prepare(promotes ? PROMOTE : REMOVE, BASE);
	ck_assert_int_eq(tdxc_iter_begin(&it, &root()->tree, start, end, 1),
			 TDXC_OK);
	while (it.level > 1)
		tdxc_iter_next(&it);
	ck_assert_int_eq(do_op(promotes ? PROMOTE : REMOVE, BASE, 2), TDXC_OK);
	ck_assert_uint_eq(retired(), 1);
	for (i = 0; i < TDXC_ENTRIES; i++)
		ck_assert_uint_eq(it.path[1][i], TDXC_SPTE_FROZEN_BITS);
	tdxc_iter_reread(&it);
	ck_assert(tdxc_spte_is_frozen(it.spte));
	tdxc_iter_restart(&it);
	while (it.valid && tdxc_spte_is_table(it.spte))
		tdxc_iter_next(&it);
	ck_assert_uint_eq(it.level, 2);
	ck_assert_int_eq(tdxc_spte_is_leaf(it.spte), promotes);
	down();
}
END_TEST

/* ---- tables that go ---- */

static void empty_table(uint64_t gfn)
{
	prepare(REMOVE, gfn);
}

/* Empty tables of a range, whether it is all of each, and a page somewhere. */
static const struct {
	uint64_t start;
	uint64_t end;
	uint64_t page; /* one more, 0: none */
	uint64_t removed[3];
} sweeps[] = {
	{BASE, BASE + MIB2, 0, {1, 0, 0}},
	{BASE + 1, BASE + 2 * MIB2, 0, {1, 0, 0}},
	{BASE, BASE + 2 * MIB2 - 1, 0, {1, 0, 0}},
	{BASE, BASE + 2 * MIB2, 0, {2, 0, 0}},
	{BASE, BASE + 2 * MIB2, BASE + 700, {1, 0, 0}},
	{BASE, BASE + GIB1, 0, {2, 1, 0}},
	{BASE, BASE + GIB1, BASE + 9 * MIB2, {2, 0, 0}},
	{0, 1ull << 27, 0, {2, 1, 1}},
	{0, 1ull << 27, BASE + GIB1, {2, 1, 0}},
	{0, 1ull << 35, 0, {2, 1, 1}},
};

START_TEST(empty_tables_go_from_the_lowest_level_up)
{
	uint32_t pass;

	up(4);
	empty_table(BASE);
	empty_table(BASE + MIB2);
	if (sweeps[_i].page != 0)
		map(sweeps[_i].page, TDXC_LEVEL_4K);
	for (pass = 0; pass < 3; pass++) {
		struct work w = {REMOVE, sweeps[_i].start, 0,
				 0,	 sweeps[_i].end,   0};

		ck_assert_int_eq(work(&w), TDXC_OK);
		ck_assert_uint_eq(w.removed, sweeps[_i].removed[pass]);
		ck_assert_uint_eq(w.gfn, sweeps[_i].end);
		expect_whole();
	}
	ck_assert_uint_eq(retired(), c.tables_removed);
	/* What went comes again. */
	map(BASE + 3, TDXC_LEVEL_4K);
	down();
}
END_TEST

#define MANY 200u

START_TEST(many_tables_go_in_pieces)
{
	static const uint32_t rooms[] = {1, 7, MIRROR_CASE_BATCH};
	struct tdxc_table_zap zap = {.start = {BASE}, .end = {BASE + GIB1}};
	uint32_t calls = 0;
	uint32_t i;
	int err;

	up(4);
	for (i = 0; i < MANY; i++)
		empty_table(BASE + i * MIB2);
	c.cpu[1].batch.room = rooms[_i];
	do {
		uint64_t start = zap.start.n;

		err = tdxc_mmu_remove_tables(&c.mmu, root(), &c.cpu[1], &zap,
					     TDXC_LOCK_SHARED);
		expect_whole();
		calls++;
		if (err == TDXC_E_AGAIN)
			ck_assert_uint_gt(zap.start.n, start);
	} while (err == TDXC_E_AGAIN);
	ck_assert_int_eq(err, TDXC_OK);
	ck_assert_uint_eq(zap.removed, MANY);
	ck_assert_uint_gt(calls, MANY * TDXC_ENTRIES / TDXC_MMU_VISITS);
	down();
}
END_TEST

/* How the removal of one of three tables fails, and what is left then. */
static const struct {
	uint64_t at; /* 1 to 3 */
	int err;
	bool applied, removed;
	uint64_t gone;
} lost_tables[] = {
	{1, TDXC_E_BUSY, false, false, 2}, {2, TDXC_E_BUSY, false, false, 2},
	{3, TDXC_E_BUSY, false, false, 2}, {1, TDXC_E_IO, false, false, 2},
	{2, TDXC_E_IO, false, false, 2},   {2, TDXC_E_IO, true, false, 2},
	{2, TDXC_E_IO, false, true, 3},	   {3, TDXC_E_NOMEM, false, false, 2},
};

START_TEST(a_table_that_is_not_known_to_be_gone_stays)
{
	uint64_t at = BASE + (lost_tables[_i].at - 1) * MIB2;
	struct work w = {REMOVE, BASE, 0, 0, BASE + 3 * MIB2, 0};
	bool busy = lost_tables[_i].err == TDXC_E_BUSY;
	uint32_t i;

	up(4);
	for (i = 0; i < 3; i++)
		empty_table(BASE + i * MIB2);
	mirror_case_fail(&c, MIRROR_REMOVE, lost_tables[_i].at,
			 lost_tables[_i].err);
	c.inject[MIRROR_REMOVE].applied = lost_tables[_i].applied;
	c.inject[MIRROR_REMOVE].removed = lost_tables[_i].removed;
	ck_assert_int_eq(work(&w), busy ? TDXC_E_BUSY : TDXC_E_IO);
	ck_assert_uint_eq(w.removed, lost_tables[_i].gone);
	ck_assert_uint_eq(retired(), lost_tables[_i].gone);
	ck_assert_int_eq(tdxc_mmu_is_poisoned(&c.mmu), !busy);
	ck_assert_uint_eq(mirror_case_counts(&c).busy, busy);
	expect_whole();
	if (busy) {
		ck_assert_uint_eq(w.gfn, at);
		ck_assert_int_eq(work(&w), TDXC_OK);
		ck_assert_uint_eq(w.removed, 1);
	} else {
		ck_assert_uint_eq(c.mmu.poison.gfn.n, at);
		ck_assert_uint_eq(mirror_case_externals(&c, MIRROR_PAGE_LOST),
				  lost_tables[_i].removed);
		ck_assert_int_eq(intrude_zap(at), TDXC_OK);
	}
	down();
}
END_TEST

/* Both in one batch, in either order. */
static int both[2];

static void fail_both(void *ctx, struct tdxc_external_entry *entries, size_t n,
		      enum tdxc_lock lock)
{
	size_t i;

	(void)ctx;
	(void)lock;
	ck_assert_uint_eq(n, 2);
	for (i = 0; i < n; i++)
		entries[i].status = both[i];
}

START_TEST(an_unknown_outcome_is_said_before_a_busy_one)
{
	struct work w = {REMOVE, BASE, 0, 0, BASE + 2 * MIB2, 0};

	up(4);
	empty_table(BASE);
	empty_table(BASE + MIB2);
	both[_i] = TDXC_E_IO;
	both[1 - _i] = TDXC_E_BUSY;
	c.ops.external_remove = fail_both;
	ck_assert_int_eq(work(&w), TDXC_E_IO);
	ck_assert_uint_eq(w.removed, 0);
	ck_assert_uint_eq(retired(), 0);
	down();
}
END_TEST

START_TEST(a_table_with_an_entry_in_work_is_passed_by)
{
	const bool above = _i == 1;
	struct work w = {REMOVE, BASE, 0, 0, BASE + 2 * MIB2, 0};
	uint64_t *slot;
	uint64_t old;

	up(4);
	empty_table(BASE);
	empty_table(BASE + MIB2);
	slot = slot_of(BASE + 311, above ? 2 : 1);
	old = *slot;
	*slot = TDXC_SPTE_FROZEN_BITS;
	ck_assert_int_eq(work(&w), TDXC_OK);
	ck_assert_uint_eq(w.removed, 1);
	*slot = old;
	expect_whole();
	w.gfn = BASE;
	ck_assert_int_eq(work(&w), TDXC_OK);
	ck_assert_uint_eq(w.removed, 1);
	down();
}
END_TEST

/* ---- zaps ---- */

static struct tdxc_zap zap_of(uint64_t start, uint64_t end)
{
	struct tdxc_zap zap = {
		.start = {start},
		.end = {end},
		.reason = TDXC_ZAP_TO_SHARED,
		.out = out,
		.room = ROOM,
	};

	return zap;
}

static int do_zap(struct tdxc_zap *zap)
{
	int err = tdxc_mmu_zap(&c.mmu, &c.cpu[1], zap, TDXC_LOCK_SHARED);

	ck_assert_uint_eq(c.cpu[1].frozen, 0);
	return err;
}

/* Until it is done; frames that came out. */
static uint64_t zap_all(struct tdxc_zap *zap)
{
	uint64_t frames = 0;
	uint32_t calls;
	int err = TDXC_E_AGAIN;
	size_t i;

	for (calls = 0; calls < 2000 && err == TDXC_E_AGAIN; calls++) {
		err = do_zap(zap);
		for (i = 0; i < zap->nr_out; i++)
			frames += tdxc_level_frames(out[i].level);
	}
	ck_assert_int_eq(err, TDXC_OK);
	return frames;
}

/* Promotion before a zap: what the range, the room and the external tree make
 * of it. */
static const struct {
	uint64_t start, end; /* frames from BASE */
	size_t room;
	uint32_t batch;
	int err; /* of the promotion */
	uint64_t promotions;
	uint64_t removals; /* entries that went out of the external tree */
} promoted_zaps[] = {
	{0, MIB2, ROOM, 64, TDXC_OK, 1, 1},
	{0, MIB2, 1, 1, TDXC_OK, 1, 1},
	{0, 2 * MIB2, ROOM, 64, TDXC_OK, 1, 4},
	{0, 2 * MIB2, 2, 64, TDXC_OK, 1, 4},
	{0, 2 * MIB2, ROOM, 1, TDXC_OK, 1, 4},
	{0, MIB2, ROOM, 64, TDXC_E_BUSY, 0, MIB2},
	{0, MIB2, ROOM, 64, TDXC_E_NOMEM, 0, MIB2},
	{0, MIB2, ROOM, 64, TDXC_E_OPNOTSUPP, 0, MIB2},
	{1, MIB2, ROOM, 64, TDXC_OK, 0, MIB2 - 1},
	{0, MIB2 - 1, ROOM, 64, TDXC_OK, 0, MIB2 - 1},
	{MIB2, 2 * MIB2, ROOM, 64, TDXC_OK, 0, 3},
};

START_TEST(a_zap_promotes_a_whole_table_first)
{
	struct tdxc_zap zap = zap_of(BASE + promoted_zaps[_i].start,
				     BASE + promoted_zaps[_i].end);
	uint64_t pages = 0;
	uint64_t before;
	uint32_t i;

	up(4);
	c.mmu.config.promote_to_zap = true;
	c.cpu[1].batch.room = promoted_zaps[_i].batch;
	zap.room = promoted_zaps[_i].room;
	map_row(BASE, TDXC_LEVEL_2M);
	for (i = 0; i < 3; i++)
		map(BASE + MIB2 + 7 * i, TDXC_LEVEL_4K);
	if (promoted_zaps[_i].err != TDXC_OK)
		mirror_case_fail(&c, MIRROR_SET, 1, promoted_zaps[_i].err);
	for (i = 0; i < 2 * MIB2; i++)
		pages += i >= promoted_zaps[_i].start &&
			 i < promoted_zaps[_i].end &&
			 tdxc_spte_is_leaf(look_up(BASE + i).spte);
	before = c.calls[MIRROR_REMOVE];
	ck_assert_uint_eq(zap_all(&zap), pages);
	ck_assert_uint_eq(c.calls[MIRROR_REMOVE] - before,
			  promoted_zaps[_i].removals);
	ck_assert_uint_eq(c.promotions, promoted_zaps[_i].promotions);
	ck_assert_uint_eq(retired(), c.promotions);
	ck_assert(!tdxc_mmu_is_poisoned(&c.mmu));
	down();
}
END_TEST

/* 512 pages of 2 MiB are not made one: the range may be part of it. */
START_TEST(a_zap_promotes_small_pages_only)
{
	const uint64_t frames = _i == 0 ? MIB2 : 2 * MIB2;
	struct tdxc_zap zap = zap_of(BASE, BASE + frames);

	up(4);
	c.mmu.config.promote_to_zap = true;
	map(BASE, TDXC_LEVEL_1G);
	ck_assert_int_eq(do_op(DEMOTE, BASE, TDXC_LEVEL_2M), TDXC_OK);
	ck_assert_uint_eq(zap_all(&zap), frames);
	ck_assert_uint_eq(c.promotions, 0);
	down();
}
END_TEST

START_TEST(a_zap_does_not_promote_unless_told_to)
{
	struct tdxc_zap zap = zap_of(BASE, BASE + MIB2);

	up(4);
	map_row(BASE, TDXC_LEVEL_2M);
	ck_assert_uint_eq(zap_all(&zap), MIB2);
	ck_assert_uint_eq(c.promotions, 0);
	down();
}
END_TEST

START_TEST(a_promotion_of_unknown_outcome_ends_the_zap_and_the_next_goes_on)
{
	struct tdxc_zap zap = zap_of(BASE, BASE + MIB2);

	up(4);
	c.mmu.config.promote_to_zap = true;
	map_row(BASE, TDXC_LEVEL_2M);
	mirror_case_fail(&c, MIRROR_SET, 1, TDXC_E_IO);
	ck_assert_int_eq(do_zap(&zap), TDXC_E_IO);
	ck_assert_uint_eq(zap.nr_out, 0);
	ck_assert_uint_eq(c.mmu.poison.level, 2);
	expect_mapped(BASE, TDXC_LEVEL_4K);
	expect_whole();
	ck_assert_uint_eq(zap_all(&zap), MIB2);
	down();
}
END_TEST

/* I-CNT: a page that is mapped nowhere is not counted, even if it is lost. */
START_TEST(i_cnt_a_page_that_was_unmapped_and_lost_is_not_counted)
{
	struct tdxc_zap zap = zap_of(BASE, BASE + MIB2);
	bool removed = _i == 1;

	up(4);
	map(BASE, TDXC_LEVEL_4K);
	mirror_case_fail(&c, MIRROR_REMOVE, 1, TDXC_E_IO);
	c.inject[MIRROR_REMOVE].removed = removed;
	ck_assert_int_eq(do_zap(&zap), TDXC_E_IO);
	ck_assert_uint_eq(zap.nr_out, 1);
	ck_assert_int_eq(out[0].status, TDXC_E_IO);
	expect_mapped(BASE, removed ? 0 : 1);
	ck_assert_uint_eq(mirror_case_counts(&c).pages[1][1], !removed);
	ck_assert(mirror_case_is_lent(&c, tdxc_spte_pa(out[0].old)));
	ck_assert(tdxc_mmu_is_poisoned(&c.mmu));
	down();
}
END_TEST

static const struct {
	enum tdxc_zap_reason reason;
	uint32_t room;
	int err;
} batches[] = {
	{TDXC_ZAP_TO_SHARED, 0, TDXC_E_INVAL},
	{TDXC_ZAP_TO_SHARED, TDXC_MMU_BATCH + 1, TDXC_E_INVAL},
	{TDXC_ZAP_SLOT_DELETED, 0, TDXC_E_INVAL},
	{TDXC_ZAP_NOTIFIER, 0, TDXC_OK},
	{TDXC_ZAP_DMA, 0, TDXC_OK},
	{TDXC_ZAP_MTRR, 0, TDXC_E_OPNOTSUPP},
};

START_TEST(private_memory_is_not_zapped_without_room_for_a_batch)
{
	struct tdxc_zap zap = zap_of(BASE, BASE + MIB2);
	uint64_t digest;

	up(4);
	map(BASE, TDXC_LEVEL_4K);
	zap.reason = batches[_i].reason;
	c.cpu[1].batch.room = batches[_i].room;
	digest = mirror_case_digest(&c);
	ck_assert_int_eq(do_zap(&zap), batches[_i].err);
	ck_assert_uint_eq(zap.nr_out, 0);
	expect_untouched(digest);
	down();
}
END_TEST

/* Part of a large page: refused, demoted, zapped; the rest stays. */
START_TEST(part_of_a_large_page_goes_after_a_demotion)
{
	struct tdxc_zap zap = zap_of(BASE, BASE + MIB2 / 2);

	up(4);
	map(BASE, TDXC_LEVEL_2M);
	ck_assert_int_eq(do_zap(&zap), TDXC_E_EXIST);
	ck_assert_int_eq(do_op(DEMOTE, BASE, TDXC_LEVEL_4K), TDXC_OK);
	ck_assert_uint_eq(zap_all(&zap), MIB2 / 2);
	expect_mapped(BASE + MIB2 / 2 - 1, 0);
	expect_mapped(BASE + MIB2 / 2, TDXC_LEVEL_4K);
	down();
}
END_TEST

/* ---- faults ---- */

/* H20: frames [start, end) of a 2 MiB page are being converted. */
static const struct {
	uint64_t start, end;
} converted[] = {{0, 256}, {256, 512}, {511, 512}, {0, 1}};

START_TEST(h20_half_of_a_large_page_is_not_mapped_large)
{
	uint64_t other = converted[_i].start == 0 ? 511 : 0;
	struct tdxc_fault fault;

	up(4);
	mirror_case_attribute(&c, BASE + converted[_i].start,
			      BASE + converted[_i].end, false);
	fault = mirror_case_fault(&c, BASE + other, true);
	fault.pa = MIRROR_CASE_PRIVATE_PA + (BASE << 12);
	fault.level = TDXC_LEVEL_2M;
	ck_assert_int_eq(mirror_case_do(&c, 0, &fault), TDXC_FAULT_RETRY);
	expect_mapped(BASE + other, 0);
	fault = mirror_case_fault(&c, BASE + other, true);
	ck_assert_int_eq(mirror_case_do(&c, 0, &fault), TDXC_FAULT_FIXED);
	expect_mapped(BASE + other, TDXC_LEVEL_4K);
	down();
}
END_TEST

/* A refusal of a page, or of a table on the way to it. */
START_TEST(a_fault_says_what_the_external_tree_lacks)
{
	static const int errs[] = {TDXC_E_NOMEM, TDXC_E_OPNOTSUPP};
	const int err = errs[_i % 2];
	const uint64_t at = (uint64_t)(_i / 2 + 1); /* the fourth is the leaf */
	struct tdxc_fault fault;

	up(4);
	fault = mirror_case_fault(&c, BASE, true);
	mirror_case_fail(&c, MIRROR_SET, at, err);
	ck_assert_int_eq(mirror_case_do(&c, 0, &fault), err);
	ck_assert(!tdxc_mmu_is_poisoned(&c.mmu));
	ck_assert_uint_eq(mirror_case_counts(&c).tables[1], at - 1);
	ck_assert_uint_eq(mirror_case_counts(&c).pages[1][1], 0);
	expect_mapped(BASE, 0);
	expect_whole();
	/* and below a table that is there */
	map(BASE + 1, TDXC_LEVEL_4K);
	mirror_case_fail(&c, MIRROR_SET, 1, err);
	ck_assert_int_eq(mirror_case_do(&c, 0, &fault), err);
	expect_whole();
	ck_assert_int_eq(mirror_case_do(&c, 0, &fault), TDXC_FAULT_FIXED);
	down();
}
END_TEST

/* ---- */

static void add_changes(Suite *s)
{
	TCase *t = tcase_create("changes");

	tcase_add_loop_test(t, a_large_page_becomes_512_and_one_again, 0,
			    COUNT(sizes));
	tcase_add_test(t, pages_that_were_mapped_one_by_one_become_one);
	tcase_add_test(t, a_page_of_1_gib_is_demoted_where_the_frame_is);
	tcase_add_test(t, a_page_moves_and_the_one_it_left_comes_back);
	tcase_add_loop_test(t, where_there_is_nothing_to_do_nothing_changes, 0,
			    COUNT(states));
	tcase_add_loop_test(t, pages_that_are_not_one_are_not_promoted, 0,
			    COUNT(flaws));
	tcase_add_test(t, two_sizes_below_one_entry_are_not_promoted);
	tcase_add_loop_test(t, an_argument_that_does_not_fit_is_refused, 0,
			    COUNT(refused));
	tcase_add_loop_test(t, a_range_of_tables_is_checked, 0, COUNT(ranges));
	suite_add_tcase(s, t);
}

static void add_failures(Suite *s)
{
	TCase *t = tcase_create("failures");

	tcase_add_loop_test(t, h16_a_refused_change_leaves_all_as_it_was, 0,
			    REMOVE * COUNT(refusals));
	tcase_add_loop_test(t,
			    a_second_demotion_that_is_refused_leaves_the_first,
			    0, COUNT(refusals));
	tcase_add_loop_test(t, h14_a_change_of_unknown_outcome_poisons, 0,
			    REMOVE * 2);
	tcase_add_loop_test(t, after_an_unknown_outcome_nothing_changes, 0,
			    OPS);
	tcase_add_test(t, what_is_poisoned_in_the_window_is_not_changed);
	tcase_add_test(t, without_a_table_in_reserve_nothing_is_demoted);
	tcase_add_test(t, a_table_that_was_not_linked_is_empty_again);
	tcase_add_loop_test(t, i_nopp_in_the_window_nobody_else_gets_anywhere,
			    0, COUNT(windows));
	suite_add_tcase(s, t);
}

static void add_tables(Suite *s)
{
	TCase *t = tcase_create("tables");

	tcase_add_loop_test(t, a_walk_in_a_table_that_went_looks_again, 0, 2);
	tcase_add_loop_test(t, empty_tables_go_from_the_lowest_level_up, 0,
			    COUNT(sweeps));
	tcase_add_loop_test(t, many_tables_go_in_pieces, 0, 3);
	tcase_add_loop_test(t, a_table_that_is_not_known_to_be_gone_stays, 0,
			    COUNT(lost_tables));
	tcase_add_loop_test(t, an_unknown_outcome_is_said_before_a_busy_one, 0,
			    2);
	tcase_add_loop_test(t, a_table_with_an_entry_in_work_is_passed_by, 0,
			    2);
	suite_add_tcase(s, t);
}

static void add_zaps(Suite *s)
{
	TCase *t = tcase_create("zaps");

	tcase_add_loop_test(t, a_zap_promotes_a_whole_table_first, 0,
			    COUNT(promoted_zaps));
	tcase_add_loop_test(t, a_zap_promotes_small_pages_only, 0, 2);
	tcase_add_test(t, a_zap_does_not_promote_unless_told_to);
	tcase_add_test(
		t,
		a_promotion_of_unknown_outcome_ends_the_zap_and_the_next_goes_on);
	tcase_add_loop_test(
		t, i_cnt_a_page_that_was_unmapped_and_lost_is_not_counted, 0,
		2);
	tcase_add_loop_test(
		t, private_memory_is_not_zapped_without_room_for_a_batch, 0,
		COUNT(batches));
	tcase_add_test(t, part_of_a_large_page_goes_after_a_demotion);
	tcase_add_loop_test(t, h20_half_of_a_large_page_is_not_mapped_large, 0,
			    COUNT(converted));
	tcase_add_loop_test(t, a_fault_says_what_the_external_tree_lacks, 0, 8);
	suite_add_tcase(s, t);
}

int main(void)
{
	Suite *s = suite_create("mirror_resize");
	SRunner *runner;
	int failed;

	add_changes(s);
	add_failures(s);
	add_tables(s);
	add_zaps(s);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
