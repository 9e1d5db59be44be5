/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Faults, population, zaps, tracking, invalidation, teardown, and private pages
 * that change their size and place, by eight threads at once, with an external
 * tree that is busy now and then and, in some rounds, fails once. Afterwards
 * the mirror is the external tree, and every page and table is accounted for.
 *
 * TDXC_SIM_RACE_SECONDS: how long (2); TDXC_SEED: the seed of the first round.
 */
#include <tdxcore/err.h>

#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "mirror/mirror_world.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define ROUND_NS     250000000u
#define HOT	     24u /* frames of a region that are usually used */
#define ROOM	     64u
#define TRIES	     40u
#define DIRTY	     64u /* frames that are dirtied and harvested */
#define A	     TDXC_SPTE_A
#define D	     TDXC_SPTE_D
#define W	     TDXC_SPTE_W

static struct world w;
static struct world_thread threads[WORLD_THREADS];
static pthread_t ids[WORLD_THREADS];
static _Atomic bool ending;
static uint64_t total_calls;
static uint64_t demoted, promoted, relocated, removed;
static struct tdxc_mmu_counts total;

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t from_env(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : otherwise;
}

static uint32_t any_region(struct world_thread *t)
{
	return world_below(t, 2) == 0 ? 0
				      : (uint32_t)world_below(t, WORLD_REGIONS);
}

static uint32_t any_frame(struct world_thread *t)
{
	return (uint32_t)world_below(t, world_below(t, 8) == 0 ? WORLD_FRAMES
							       : HOT);
}

static struct tdxc_root *get_root(bool is_private)
{
	struct tdxc_root *root = NULL;
	int err = tdxc_root_get(
		&w.mmu, is_private ? TDXC_ROOTS_MIRROR : TDXC_ROOTS_DIRECT,
		&root);

	if (err == TDXC_OK)
		return root;
	if (err != TDXC_E_AGAIN && err != TDXC_E_NOSPC)
		world_wrong(&w, "no root");
	return NULL;
}

static void put_root(struct tdxc_root *root)
{
	if (tdxc_root_put(&w.mmu, root) != TDXC_OK)
		world_wrong(&w, "a reference is not dropped");
}

/* ---- what threads do ---- */

/* Frames that this thread has mapped so far, as it counts them itself. */
static uint64_t counted(const struct world_thread *t, bool is_private)
{
	const uint64_t *pages = t->cpu.counts.pages[is_private];

	return pages[1] + pages[2] * WORLD_FRAMES;
}

static void check_outcome(int err)
{
	switch (err) {
	case TDXC_OK:
	case TDXC_FAULT_SPURIOUS:
	case TDXC_FAULT_RETRY:
	case TDXC_E_EXIST: /* a large page is in the way */
		return;
	case TDXC_FAULT_POISONED:
	case TDXC_E_IO:
		if (!tdxc_mmu_is_poisoned(&w.mmu))
			world_wrong(&w, "nothing has failed");
		return;
	default:
		world_wrong(&w, "an outcome that cannot be");
	}
}

static void fault(struct world_thread *t)
{
	bool is_private = world_below(t, 2) == 0;
	struct tdxc_root *root = get_root(is_private);
	uint32_t region = any_region(t);
	struct tdxc_fault f;
	uint64_t before;
	int err;

	if (root == NULL)
		return;
	err = tdxc_mmu_topup(&w.mmu, &t->cpu,
			     is_private ? TDXC_MEMORY_PRIVATE
					: TDXC_MEMORY_SHARED);
	if (err != TDXC_OK)
		world_wrong(&w, "no reserve");
	world_fault(&w, region, any_frame(t), is_private, &f);
	f.write = world_below(t, 2) == 0;
	f.prefetch = !f.write && world_below(t, 4) == 0;
	if (world_below(t, 16) == 0 &&
	    !(is_private && world_any_moved(&w, region))) {
		f.level = TDXC_LEVEL_2M;
		f.pa &= ~(uint64_t)(WORLD_FRAMES * 4096 - 1);
	}
	before = counted(t, is_private);
	check_outcome(tdxc_mmu_fault(&w.mmu, root, &t->cpu, &f, world_held(t)));
	t->mapped += counted(t, is_private) - before;
	put_root(root);
}

/* Pages of private frames as they are now, in the thread's array. */
static const uint64_t *pages_now(struct world_thread *t, uint32_t region,
				 uint32_t first, uint64_t frames)
{
	uint32_t i;

	for (i = 0; i < frames; i++)
		t->pages[i] = world_page(&w, region, first + i);
	return t->pages;
}

static void populate(struct world_thread *t)
{
	bool is_private = world_below(t, 2) == 0;
	struct tdxc_root *root = get_root(is_private);
	uint32_t region = any_region(t);
	struct tdxc_populate p;
	uint32_t tries;
	uint32_t first;
	int err;

	if (root == NULL)
		return;
	memset(&p, 0, sizeof(p));
	first = world_below(t, 2) == 0 ? 0 : any_frame(t);
	p.start.n = world_gfn(region) + first;
	p.frames = first == 0 && world_below(t, 4) == 0
			   ? WORLD_FRAMES
			   : 1 + world_below(t, HOT);
	if (p.frames > WORLD_FRAMES - first)
		p.frames = WORLD_FRAMES - first;
	for (tries = 0; tries < TRIES; tries++) {
		uint64_t done = p.done;

		err = tdxc_mmu_topup(&w.mmu, &t->cpu,
				     is_private ? TDXC_MEMORY_PRIVATE
						: TDXC_MEMORY_SHARED);
		if (err != TDXC_OK)
			world_wrong(&w, "no reserve");
		world_fault(&w, region, first, is_private, &p.like);
		if (world_below(t, 8) == 0)
			p.like.level = TDXC_LEVEL_2M;
		p.like.prefetch = true;
		if (is_private)
			p.pages = pages_now(t, region, first, p.frames);
		err = tdxc_mmu_populate(&w.mmu, root, &t->cpu, &p,
					world_held(t));
		if (p.done < done || p.done > p.frames)
			world_wrong(&w, "population goes back");
		if (err != TDXC_E_AGAIN && err != TDXC_E_BUSY) {
			check_outcome(err);
			break;
		}
	}
	t->mapped += p.mapped;
	put_root(root);
}

/* What came out, by status. */
static void tally(struct world_thread *t, const struct tdxc_zapped *out,
		  size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (!tdxc_spte_is_leaf(out[i].old))
			world_wrong(&w, "what was zapped is no page");
		if (out[i].status == TDXC_OK)
			t->zapped += tdxc_level_frames(out[i].level);
		else if (!tdxc_mmu_is_poisoned(&w.mmu))
			world_wrong(&w, "a status without a failure");
	}
}

/* The invalidation has begun, so nothing comes back; but for a page of unknown
 * fate. */
static void expect_unmapped(const struct tdxc_zap *zap, bool is_private)
{
	struct tdxc_root *root = get_root(is_private);
	uint64_t gfn;

	if (root == NULL)
		return;
	for (gfn = zap->start.n; gfn < zap->end.n; gfn++) {
		const struct tdxc_gfn frame = {gfn};
		struct tdxc_spte s = tdxc_lookup(&root->tree, frame).spte;

		if (tdxc_spte_is_leaf(s) && !tdxc_mmu_is_poisoned(&w.mmu))
			world_wrong(&w, "a page is mapped behind a zap");
	}
	put_root(root);
}

/* Zap until it is done, or for long enough. Now and then leave the lock. */
static int zap_range(struct world_thread *t, struct tdxc_zap *zap)
{
	int err = TDXC_E_AGAIN;
	uint32_t tries;

	for (tries = 0; tries < TRIES; tries++) {
		err = tdxc_mmu_zap(&w.mmu, &t->cpu, zap, world_held(t));
		tally(t, zap->out, zap->nr_out);
		if (t->cpu.frozen != 0)
			world_wrong(&w, "a zap leaves an entry frozen");
		if (err != TDXC_E_AGAIN && err != TDXC_E_BUSY &&
		    err != TDXC_E_IO)
			break;
		if (world_below(t, 4) == 0) {
			enum world_hold hold = t->hold;

			world_unlock(&w, t);
			world_lock(&w, t, hold);
		}
	}
	return err;
}

/* ---- sizes, places, tables ---- */

static void check_change(int err)
{
	switch (err) {
	case TDXC_OK:
	case TDXC_E_NOENT:
	case TDXC_E_AGAIN:
	case TDXC_E_BUSY:
		return;
	case TDXC_E_IO:
		if (!tdxc_mmu_is_poisoned(&w.mmu))
			world_wrong(&w, "nothing has failed");
		return;
	default:
		world_wrong(&w, "a change that cannot be");
	}
}

/* A large page in the way of a zap is made smaller. */
static void demote(struct world_thread *t, uint64_t n)
{
	const struct tdxc_gfn gfn = {n};
	struct tdxc_root *root = get_root(true);

	if (root == NULL)
		return;
	if (tdxc_mmu_topup(&w.mmu, &t->cpu, TDXC_MEMORY_PRIVATE) != TDXC_OK)
		world_wrong(&w, "no reserve");
	check_change(tdxc_mmu_demote(&w.mmu, root, &t->cpu, gfn, TDXC_LEVEL_4K,
				     world_held(t)));
	put_root(root);
}

static void zap(struct world_thread *t)
{
	struct tdxc_zapped out[ROOM];
	uint32_t region = any_region(t);
	uint32_t memory = 0;
	struct tdxc_zap zap;
	int err;

	memset(&zap, 0, sizeof(zap));
	zap.start.n = world_gfn(region) + any_frame(t);
	zap.end.n = zap.start.n + 1 + world_below(t, HOT);
	if (world_below(t, 4) == 0) {
		zap.start.n = world_gfn(region);
		zap.end.n = zap.start.n + WORLD_FRAMES;
	}
	if (zap.end.n > world_gfn(region) + WORLD_FRAMES)
		zap.end.n = world_gfn(region) + WORLD_FRAMES;
	zap.reason = (enum tdxc_zap_reason)world_below(t, TDXC_ZAP_REASONS);
	zap.out = out;
	zap.room = 1 + world_below(t, ROOM);
	if (tdxc_zap_memory(true, zap.reason, &memory) != TDXC_OK)
		return;
	world_begin_invalidation(&w, &zap, memory);
	err = zap_range(t, &zap);
	if (err == TDXC_E_EXIST) {
		demote(t, zap.start.n);
		demote(t, zap.end.n - 1);
		err = zap_range(t, &zap);
	}
	if (err == TDXC_OK && (memory & TDXC_MEMORY_SHARED) != 0)
		expect_unmapped(&zap, false);
	if (err == TDXC_OK && (memory & TDXC_MEMORY_PRIVATE) != 0)
		expect_unmapped(&zap, true);
	if (err != TDXC_OK && err != TDXC_E_AGAIN && err != TDXC_E_BUSY &&
	    err != TDXC_E_IO && err != TDXC_E_EXIST)
		world_wrong(&w, "a zap that cannot be");
	world_end_invalidation(&w, &zap, memory);
}

static void promote(struct world_thread *t)
{
	const struct tdxc_gfn gfn = {world_gfn(any_region(t)) + any_frame(t)};
	struct tdxc_root *root = get_root(true);

	if (root == NULL)
		return;
	check_change(tdxc_mmu_promote(&w.mmu, root, &t->cpu, gfn, TDXC_LEVEL_2M,
				      world_held(t)));
	put_root(root);
}

/* As in any region whose pages have not moved. */
static void fill_region(struct world_thread *t, uint32_t region)
{
	struct tdxc_root *root = get_root(true);
	struct tdxc_populate p;
	uint32_t tries;
	int err = TDXC_E_AGAIN;

	if (root == NULL)
		return;
	memset(&p, 0, sizeof(p));
	p.start.n = world_gfn(region);
	p.frames = WORLD_FRAMES;
	for (tries = 0; tries < TRIES; tries++) {
		if (tdxc_mmu_topup(&w.mmu, &t->cpu, TDXC_MEMORY_PRIVATE) !=
		    TDXC_OK)
			world_wrong(&w, "no reserve");
		world_fault(&w, region, 0, true, &p.like);
		p.like.prefetch = true;
		p.pages = pages_now(t, region, 0, p.frames);
		err = tdxc_mmu_populate(&w.mmu, root, &t->cpu, &p,
					world_held(t));
		if (err != TDXC_E_AGAIN && err != TDXC_E_BUSY) {
			check_outcome(err);
			break;
		}
	}
	t->mapped += p.mapped;
	put_root(root);
}

/* Not where all of a region is to be contiguous. */
static void relocate(struct world_thread *t)
{
	const uint32_t region = 2 + (uint32_t)world_below(t, WORLD_REGIONS - 2);
	const uint32_t frame = (uint32_t)world_below(t, HOT);
	struct tdxc_root *root = get_root(true);
	uint64_t pa;
	int err;

	if (root == NULL)
		return;
	if (world_begin_move(&w, region, frame, &pa)) {
		const struct tdxc_gfn gfn = {world_gfn(region) + frame};

		err = tdxc_mmu_relocate(&w.mmu, root, &t->cpu, gfn, &pa,
					world_held(t));
		check_change(err);
		if (err == TDXC_OK && pa != world_page(&w, region, frame))
			world_wrong(&w, "another page came back");
		world_end_move(&w, region, frame, err == TDXC_OK);
	}
	put_root(root);
}

static void remove_tables(struct world_thread *t)
{
	struct tdxc_root *root = get_root(true);
	struct tdxc_table_zap zap;
	int err;

	if (root == NULL)
		return;
	memset(&zap, 0, sizeof(zap));
	zap.end.n = w.mmu.config.end;
	if (world_below(t, 2) == 0) {
		zap.start.n = world_gfn(any_region(t));
		zap.end.n = zap.start.n + WORLD_FRAMES;
	}
	err = tdxc_mmu_remove_tables(&w.mmu, root, &t->cpu, &zap,
				     world_held(t));
	check_change(err);
	if (t->cpu.frozen != 0)
		world_wrong(&w, "tables that go leave an entry frozen");
	put_root(root);
}

static void resize(struct world_thread *t)
{
	switch (world_below(t, 8)) {
	case 0:
		demote(t, world_gfn(any_region(t)) + any_frame(t));
		break;
	case 1:
	case 2:
		fill_region(t, (uint32_t)world_below(t, 2));
		promote(t);
		break;
	case 3:
		promote(t);
		break;
	case 4:
		relocate(t);
		break;
	default:
		remove_tables(t);
	}
}

static void track(struct world_thread *t)
{
	struct tdxc_root *root = get_root(false);
	struct tdxc_gfn start = {world_gfn(any_region(t))};
	const struct tdxc_gfn end = {start.n + HOT};
	uint64_t dirty;
	bool flag;
	int err;

	if (root == NULL)
		return;
	switch (world_below(t, 3)) {
	case 0:
		err = tdxc_mmu_write_protect(&w.mmu, root, &start, end,
					     world_held(t), &flag);
		break;
	case 1:
		err = tdxc_mmu_clear_dirty(&w.mmu, root, start, UINT64_MAX,
					   world_held(t), &dirty);
		break;
	default:
		err = tdxc_mmu_age(root, &start, end, world_below(t, 2) == 0,
				   &flag);
	}
	if (err != TDXC_OK && err != TDXC_E_AGAIN)
		world_wrong(&w, "tracking that cannot be");
	put_root(root);
}

/* The slot of a frame's leaf, or NULL. */
static uint64_t *leaf_slot(const struct tdxc_root *root, uint64_t gfn)
{
	const struct tdxc_gfn start = {gfn};
	const struct tdxc_gfn end = {gfn + 1};
	struct tdxc_iter it;

	if (tdxc_iter_begin(&it, &root->tree, start, end, 1) != TDXC_OK)
		return NULL;
	while (it.valid && tdxc_spte_is_table(it.spte))
		tdxc_iter_next(&it);
	return it.valid && tdxc_spte_is_leaf(it.spte) ? it.slot : NULL;
}

/* A CPU of the guest accesses a page: it sets bits of an entry that is there,
 * and of no other. Returns those it has set. */
static uint64_t access_page(const struct tdxc_root *root, uint64_t gfn)
{
	uint64_t *slot = leaf_slot(root, gfn);
	uint64_t old;

	if (slot == NULL)
		return 0;
	old = tdxc_load_acquire(slot);
	while ((old & TDXC_SPTE_PRESENT) != 0) {
		uint64_t bits = A | ((old & W) != 0 ? D : 0);

		if (tdxc_try_cmpxchg(slot, &old, old | bits))
			return bits & ~old;
	}
	return 0;
}

static void use(struct world_thread *t)
{
	struct tdxc_root *root = get_root(false);

	if (root == NULL)
		return;
	(void)access_page(root, world_gfn(any_region(t)) + any_frame(t));
	put_root(root);
}

/* All direct roots that wait, as one of the threads that do this. */
static void zap_roots(struct world_thread *t)
{
	struct tdxc_zapped out[ROOM];
	struct tdxc_roots_zap zap;
	uint32_t tries;
	int err = TDXC_E_AGAIN;

	memset(&zap, 0, sizeof(zap));
	zap.out = out;
	zap.room = 1 + world_below(t, ROOM);
	for (tries = 0; tries < TRIES && err == TDXC_E_AGAIN; tries++) {
		err = tdxc_zap_roots(&w.mmu, &t->cpu, &zap, world_held(t));
		tally(t, out, zap.nr_out);
		if (t->cpu.frozen != 0)
			world_wrong(&w, "teardown leaves an entry frozen");
	}
	if (err != TDXC_OK && err != TDXC_E_AGAIN)
		world_wrong(&w, "teardown that cannot be");
}

static void act(struct world_thread *t)
{
	uint64_t what = world_below(t, 100);

	t->calls++;
	if (what < 40)
		fault(t);
	else if (what < 50)
		populate(t);
	else if (what < 70)
		zap(t);
	else if (what < 82)
		track(t);
	else if (what < 92)
		use(t);
	else if (what < 98)
		resize(t);
	else
		zap_roots(t);
}

/* With the lock held alone nothing is frozen (R6). */
static void alone(struct world_thread *t)
{
	world_lock(&w, t, WORLD_EXCLUSIVE);
	world_expect_thawed(&w);
	if (tdxc_roots_invalidate(&w.mmu, TDXC_ROOTS_DIRECT,
				  TDXC_LOCK_EXCLUSIVE) != TDXC_OK)
		world_wrong(&w, "no invalidation");
	if (world_below(t, 2) == 0)
		zap(t);
	world_unlock(&w, t);
}

static void *body(void *arg)
{
	struct world_thread *t = arg;
	uint32_t i;

	world_enter(&w, t);
	while (!atomic_load(&ending) && atomic_load(&w.wrong) == NULL) {
		if (world_below(t, 200) == 0)
			alone(t);
		world_lock(&w, t, WORLD_SHARED);
		for (i = 0; i < 8; i++)
			act(t);
		world_unlock(&w, t);
	}
	world_leave(&w, t);
	return NULL;
}

/* ---- a round ---- */

static void run_for(void *(*work)(void *thread), uint64_t ns)
{
	uint64_t end = now() + ns;
	const struct timespec pause = {0, 5000000};
	uint32_t i;

	atomic_store(&ending, false);
	for (i = 0; i < WORLD_THREADS; i++)
		ck_assert_int_eq(
			pthread_create(&ids[i], NULL, work, &threads[i]), 0);
	while (now() < end && atomic_load(&w.wrong) == NULL)
		nanosleep(&pause, NULL);
	atomic_store(&ending, true);
	for (i = 0; i < WORLD_THREADS; i++)
		ck_assert_int_eq(pthread_join(ids[i], NULL), 0);
}

static void expect_good(uint64_t seed)
{
	const char *wrong = atomic_load(&w.wrong);

	ck_assert_msg(wrong == NULL, "seed %" PRIu64 ": %s", seed, wrong);
}

/* Pages mapped are those zapped and those that are there. */
static void account(uint64_t seed)
{
	struct tdxc_mmu_counts sum;
	uint64_t mapped = 0;
	uint64_t zapped = 0;
	uint64_t counts = 0;
	uint64_t present = world_present(&w);
	uint32_t i;

	memset(&sum, 0, sizeof(sum));
	for (i = 0; i < WORLD_THREADS; i++) {
		tdxc_mmu_counts_add(&sum, &threads[i].cpu);
		mapped += threads[i].mapped;
		zapped += threads[i].zapped + threads[i].given_up;
	}
	zapped += atomic_load(&w.nr_gone);
	for (i = 0; i < 2; i++)
		counts += sum.pages[i][1] + sum.pages[i][2] * WORLD_FRAMES;
	ck_assert_msg(mapped - zapped == present && counts == present,
		      "seed %" PRIu64 ": %" PRIu64 " mapped, %" PRIu64
		      " zapped, %" PRIu64 " counted, %" PRIu64 " there",
		      seed, mapped, zapped, counts, present);
}

/* Everything goes, with the lock held alone. */
static void tear_down(struct world_thread *t)
{
	struct tdxc_zapped out[ROOM];
	struct tdxc_roots_zap roots;
	struct tdxc_zap zap;
	size_t i;
	int err;

	memset(&zap, 0, sizeof(zap));
	zap.end.n = w.mmu.config.end;
	zap.reason = TDXC_ZAP_BACKING_GONE;
	zap.out = out;
	zap.room = ROOM;
	w.calm = true;
	atomic_store(&w.fail_in, 0);
	if (zap_range(t, &zap) != TDXC_OK)
		world_wrong(&w, "the last zap does not end");
	if (tdxc_roots_invalidate(&w.mmu, TDXC_ROOTS_VALID,
				  TDXC_LOCK_EXCLUSIVE) != TDXC_OK)
		world_wrong(&w, "the last invalidation fails");
	memset(&roots, 0, sizeof(roots));
	roots.out = out;
	roots.room = ROOM;
	do {
		err = tdxc_zap_roots(&w.mmu, &t->cpu, &roots,
				     TDXC_LOCK_EXCLUSIVE);
		for (i = 0; i < roots.nr_out; i++)
			if (out[i].status != TDXC_OK)
				t->given_up += tdxc_level_frames(out[i].level);
		tally(t, out, roots.nr_out);
	} while (err == TDXC_E_AGAIN);
	if (err != TDXC_OK)
		world_wrong(&w, "the last teardown fails");
}

static void tear_down_all(void)
{
	world_enter(&w, &threads[0]);
	world_lock(&w, &threads[0], WORLD_EXCLUSIVE);
	tear_down(&threads[0]);
	world_unlock(&w, &threads[0]);
	world_leave(&w, &threads[0]);
}

static void expect_nothing_left(uint64_t seed)
{
	struct tdxc_mmu_counts sum;
	uint32_t i;

	expect_good(seed);
	memset(&sum, 0, sizeof(sum));
	for (i = 0; i < WORLD_THREADS; i++)
		total_calls += threads[i].calls;
	for (i = 0; i < WORLD_THREADS; i++)
		tdxc_mmu_counts_add(&sum, &threads[i].cpu);
	for (i = 0; i < WORLD_THREADS; i++)
		tdxc_mmu_counts_add(&total, &threads[i].cpu);
	demoted += atomic_load(&w.nr_demoted);
	promoted += atomic_load(&w.nr_promoted);
	relocated += atomic_load(&w.nr_moved);
	removed += atomic_load(&w.nr_tables_removed);
	for (i = 0; i < 2; i++)
		ck_assert_uint_eq(sum.tables[i], 0);
	ck_assert_uint_eq(w.nr_alloc, w.nr_free);
	ck_assert_uint_eq(w.nr_external,
			  w.nr_external_back + w.nr_external_lost);
	ck_assert_uint_le(w.nr_external_lost, 1);
	if (!tdxc_mmu_is_poisoned(&w.mmu))
		ck_assert_uint_eq(w.nr_external_lost, 0);
	for (i = 0; i < TDXC_MMU_ROOTS; i++)
		ck_assert_uint_eq(w.mmu.roots[i].refs, 0);
}

static void begin(uint64_t seed, int64_t fail_in)
{
	uint32_t i;

	world_up(&w, fail_in);
	w.mmu.config.promote_to_zap = seed % 2 == 0;
	memset(threads, 0, sizeof(threads));
	for (i = 0; i < WORLD_THREADS; i++) {
		threads[i].id = i;
		threads[i].random = seed * WORLD_THREADS + i;
	}
}

static void round_of(uint64_t seed, int64_t fail_in)
{
	begin(seed, fail_in);
	run_for(body, ROUND_NS);
	expect_good(seed);
	world_compare(&w);
	expect_good(seed);
	account(seed);
	tear_down_all();
	account(seed);
	expect_nothing_left(seed);
	world_down(&w);
}

START_TEST(i_agree_eight_threads_leave_the_mirror_as_the_external_tree)
{
	uint64_t seed = from_env("TDXC_SEED", (uint64_t)time(NULL));
	uint64_t end =
		now() + from_env("TDXC_SIM_RACE_SECONDS", 2) * 1000000000u;
	uint64_t poisoned = 0;
	uint64_t rounds;

	printf("TDXC_SEED=%" PRIu64 "\n", seed);
	fflush(stdout);
	for (rounds = 0; rounds < 4 || now() < end; rounds++) {
		/* The first failure of some rounds, early or late. */
		round_of(seed + rounds,
			 rounds % 4 == 3 ? (int64_t)(1 + seed * rounds % 3000)
					 : 0);
		poisoned += tdxc_mmu_is_poisoned(&w.mmu);
	}
	printf("%" PRIu64 " calls in %" PRIu64 " rounds, %" PRIu64
	       " of them with a failure\n%" PRIu64 " frozen, %" PRIu64
	       " lost, %" PRIu64 " busy, %" PRIu64 " stale\n",
	       total_calls, rounds, poisoned, total.frozen_met, total.lost,
	       total.busy, total.stale);
	printf("%" PRIu64 " demoted, %" PRIu64 " promoted, %" PRIu64
	       " moved, %" PRIu64 " tables removed\n",
	       demoted, promoted, relocated, removed);
	/* Valgrind gets too little done. */
	if (total_calls > 500000)
		ck_assert(demoted > 0 && promoted > 0 && relocated > 0 &&
			  removed > 0);
}
END_TEST

/* ---- dirty bits ---- */

/* Times that a CPU of the guest set D of a frame, and that it came back. */
static _Atomic uint64_t dirtied[DIRTY];
static _Atomic uint64_t harvested[DIRTY];

static void dirty_frame(struct world_thread *t, struct tdxc_root *root)
{
	uint32_t frame = (uint32_t)world_below(t, DIRTY);

	if ((access_page(root, world_gfn(0) + frame) & D) != 0)
		atomic_fetch_add(&dirtied[frame], 1);
}

/* Map ahead: neither accessed nor dirty; but not by a write, whose D is the
 * library's. */
static void map_clean(struct world_thread *t, struct tdxc_root *root)
{
	struct tdxc_fault f;

	if (tdxc_mmu_topup(&w.mmu, &t->cpu, TDXC_MEMORY_SHARED) != TDXC_OK)
		world_wrong(&w, "no reserve");
	world_fault(&w, 0, (uint32_t)world_below(t, DIRTY), false, &f);
	f.prefetch = true;
	check_outcome(tdxc_mmu_fault(&w.mmu, root, &t->cpu, &f, world_held(t)));
}

static void harvest_range(struct world_thread *t, uint64_t start,
			  uint64_t frames)
{
	struct tdxc_zapped out[DIRTY];
	struct tdxc_zap zap;
	size_t i;
	int err;

	memset(&zap, 0, sizeof(zap));
	zap.start.n = start;
	zap.end.n = start + frames;
	zap.reason = TDXC_ZAP_NOTIFIER;
	zap.out = out;
	zap.room = DIRTY;
	do {
		err = tdxc_mmu_zap(&w.mmu, &t->cpu, &zap, world_held(t));
		for (i = 0; i < zap.nr_out; i++)
			if ((out[i].old.bits & D) != 0)
				atomic_fetch_add(
					&harvested[out[i].gfn.n - world_gfn(0)],
					1);
	} while (err == TDXC_E_AGAIN);
}

static void harvest_bits(struct world_thread *t, struct tdxc_root *root)
{
	const struct tdxc_gfn start = {world_gfn(0)};
	uint64_t dirty;
	uint32_t i;
	int err = tdxc_mmu_clear_dirty(&w.mmu, root, start, UINT64_MAX,
				       world_held(t), &dirty);

	if (err != TDXC_OK && err != TDXC_E_AGAIN)
		world_wrong(&w, "tracking that cannot be");
	for (i = 0; i < DIRTY; i++)
		if ((dirty >> i & 1) != 0)
			atomic_fetch_add(&harvested[i], 1);
}

static void disturb(struct world_thread *t, struct tdxc_root *root)
{
	struct tdxc_gfn start = {world_gfn(0) + world_below(t, DIRTY)};
	const struct tdxc_gfn end = {start.n + 2};
	bool flag;
	int err;

	if (world_below(t, 2) == 0)
		err = tdxc_mmu_age(root, &start, end, true, &flag);
	else
		err = tdxc_mmu_write_protect(&w.mmu, root, &start, end,
					     world_held(t), &flag);
	if (err != TDXC_OK && err != TDXC_E_AGAIN)
		world_wrong(&w, "tracking that cannot be");
}

static void *dirty_body(void *arg)
{
	struct world_thread *t = arg;
	uint32_t i;

	world_enter(&w, t);
	while (!atomic_load(&ending) && atomic_load(&w.wrong) == NULL) {
		struct tdxc_root *root;

		world_lock(&w, t, WORLD_SHARED);
		root = get_root(false);
		for (i = 0; i < 64 && root != NULL; i++) {
			uint64_t what = world_below(t, 64);

			if (what == 0)
				harvest_range(t, world_gfn(0) + 8, 8);
			else if (what < 3)
				harvest_range(
					t, world_gfn(0) + world_below(t, DIRTY),
					1);
			else if (what < 6)
				harvest_bits(t, root);
			else if (what < 8)
				disturb(t, root);
			else if (what < 24)
				map_clean(t, root);
			else
				dirty_frame(t, root);
		}
		if (root != NULL)
			put_root(root);
		world_unlock(&w, t);
	}
	world_leave(&w, t);
	return NULL;
}

START_TEST(a_dirty_bit_set_while_its_page_is_zapped_is_not_lost)
{
	uint64_t seed = from_env("TDXC_SEED", (uint64_t)time(NULL));
	uint64_t seconds = from_env("TDXC_SIM_RACE_SECONDS", 2);
	uint64_t sum = 0;
	uint32_t i;

	printf("TDXC_SEED=%" PRIu64 "\n", seed);
	fflush(stdout);
	begin(seed, 0);
	run_for(dirty_body, seconds * 1000000000u / 4);
	expect_good(seed);
	world_enter(&w, &threads[0]);
	world_lock(&w, &threads[0], WORLD_EXCLUSIVE);
	harvest_range(&threads[0], world_gfn(0), WORLD_FRAMES);
	tear_down(&threads[0]);
	world_unlock(&w, &threads[0]);
	world_leave(&w, &threads[0]);
	expect_nothing_left(seed);
	world_down(&w);
	for (i = 0; i < DIRTY; i++) {
		ck_assert_uint_eq(dirtied[i], harvested[i]);
		sum += dirtied[i];
	}
	ck_assert_uint_gt(sum, 0);
	printf("%" PRIu64 " dirty bits, %" PRIu64 " races lost\n", sum,
	       total.lost);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("mirror_race");
	TCase *race = tcase_create("race");
	SRunner *runner;
	int failed;

	tcase_set_timeout(race, 300);
	tcase_add_test(
		race,
		i_agree_eight_threads_leave_the_mirror_as_the_external_tree);
	tcase_add_test(race,
		       a_dirty_bit_set_while_its_page_is_zapped_is_not_lost);
	suite_add_tcase(s, race);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
