/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Eight processors: four map pages of one TD and remove them in batches, four
 * run its vCPUs through the gate, which touch and accept the same pages all the
 * while. The module is the judge of TLB tracking: it refuses what was not
 * tracked, and the guests hold every use of their TLB against the S-EPT.
 * Afterwards the pages are accounted for, and the removers shared TRACKs.
 *
 * TDXC_SIM_RACE_SECONDS: how long (2); TDXC_SIM_RACE_SEED: the seed, printed in
 * any case.
 */
#include <tdxcore/err.h>

#include <check.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "guest.h"
#include "sept/sept_rig.h"

#define REMOVERS	 4u
#define VCPUS		 SEPT_RIG_VCPUS
#define WINDOW		 24u	    /* pages of a remover */
#define GFN		 0x40000ull /* at 1 GiB; each remover has a table */
#define PAGE		 PAMT_RIG_PAGE
#define ENTRIES_TOGETHER 64u
#define PATIENCE_NS	 60000000000ull

static struct sept_rig rig;
static struct tdxc_sim_guest guests[VCPUS];
static uint64_t deadline; /* in ns */
static uint64_t running;  /* removers; atomic */

struct remover {
	pthread_t id;
	uint32_t lp;
	uint64_t gfn;
	uint64_t random;
	uint64_t page[WINDOW];
	bool mapped[WINDOW];
	uint64_t large; /* a page of 2 MiB that comes and goes */
	uint64_t table;
	const char *wrong;
	int value;
	uint64_t nr_removed;
	uint64_t nr_batches; /* in which something was blocked */
	uint64_t nr_busy;
	uint64_t nr_resized;
};

struct vcpu {
	pthread_t id;
	uint32_t index;
	uint64_t nr_entered;
	uint64_t nr_refused;
	uint64_t nr_busy;
	uint64_t nr_ended;
	const char *wrong;
	uint64_t where;
};

static uint64_t now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t from_env(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : otherwise;
}

/* ---- removers ---- */

static void complain(struct remover *r, const char *what, int value)
{
	if (r->wrong)
		return;
	r->wrong = what;
	r->value = value;
}

static uint64_t below(struct remover *r, uint64_t n)
{
	return (sim_random(&r->random) >> 16) % n;
}

/* Until it is no more "not now". */
static int set(struct remover *r, const struct tdxc_external_change *change)
{
	int err;

	do {
		err = tdxc_sept_set(&rig.sept, change);
		r->nr_busy += err == TDXC_E_BUSY;
	} while (err == TDXC_E_BUSY);
	return err;
}

static void map_some(struct remover *r)
{
	for (uint64_t i = 0; i < WINDOW; i++) {
		struct tdxc_external_change map =
			sept_rig_map(r->gfn + i, 1, r->page[i]);
		int err;

		if (r->mapped[i] || below(r, 3) == 0)
			continue;
		err = set(r, &map);
		if (err)
			complain(r, "map", err);
		r->mapped[i] = err == TDXC_OK;
	}
}

static void settle(struct remover *r, const struct tdxc_external_entry *e)
{
	uint64_t i = e->gfn.n - r->gfn;

	if (e->status == TDXC_OK) {
		r->mapped[i] = false;
		r->nr_removed++;
	} else if (e->status == TDXC_E_BUSY) {
		r->nr_busy++;
	} else {
		complain(r, "remove", e->status);
	}
}

/* About so many in a hundred. */
static void remove_some(struct remover *r, uint64_t percent)
{
	struct tdxc_external_entry entries[WINDOW];
	size_t n = 0;

	for (uint64_t i = 0; i < WINDOW; i++) {
		if (r->mapped[i] && below(r, 100) < percent)
			entries[n++] = sept_rig_leaf(r->gfn + i, 1, r->page[i]);
	}
	if (n == 0)
		return;
	tdxc_sept_remove(&rig.sept, entries, n);
	r->nr_batches++;
	for (size_t i = 0; i < n; i++)
		settle(r, &entries[i]);
}

static void remove_one(struct remover *r, struct tdxc_external_entry *entry)
{
	do {
		tdxc_sept_remove(&rig.sept, entry, 1);
		r->nr_batches++;
	} while (entry->status == TDXC_E_BUSY);
	if (entry->status != TDXC_OK)
		complain(r, "remove of a large page or a table", entry->status);
}

/* A page of 2 MiB is mapped, split, made one again where it can be, and goes.
 * No guest touches it: an entry of 4 KiB that is accepted cannot be promoted
 * with those that are not. */
static void resize(struct remover *r)
{
	uint64_t gfn = r->gfn + 512;
	struct tdxc_external_change map = sept_rig_map(gfn, 2, r->large);
	struct tdxc_external_change demote =
		sept_rig_demote(gfn, 2, r->large, r->table);
	struct tdxc_external_change promote =
		sept_rig_promote(gfn, 2, r->large, r->table);
	struct tdxc_external_entry leaf = sept_rig_leaf(gfn, 2, r->large);
	int err = set(r, &map);

	if (err == TDXC_OK)
		err = set(r, &demote);
	if (err == TDXC_OK)
		err = set(r, &promote);
	if (err)
		complain(r, "resize", err);
	else
		r->nr_resized++;
	remove_one(r, &leaf);
}

/* The time is over, and there was something to see; on a machine that is busy
 * that may take longer. */
static bool is_over(void)
{
	uint64_t ns = now();

	return ns >= deadline + PATIENCE_NS ||
	       (ns >= deadline && __atomic_load_n(&rig.sept.counts.shared,
						  __ATOMIC_RELAXED) != 0);
}

static void *run_remover(void *arg)
{
	struct remover *r = arg;

	tdxc_sim_port_enter(r->lp);
	while (!is_over() && !r->wrong) {
		map_some(r);
		remove_some(r, 60);
		if (below(r, 16) == 0)
			resize(r);
		(void)sched_yield();
	}
	while (!r->wrong && memchr(r->mapped, true, sizeof(r->mapped)))
		remove_some(r, 100);
	(void)__atomic_fetch_sub(&running, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

/* ---- vCPUs ---- */

static void on_kick(struct sept_rig *r, uint32_t vcpu)
{
	(void)r;
	tdxc_sim_guest_kick(&guests[vcpu]);
}

static void begin_script(uint32_t i)
{
	static struct tdxc_sim_guest_op scripts[VCPUS][2];
	struct tdxc_sim_guest *g = &guests[i];

	scripts[i][0] = (struct tdxc_sim_guest_op){
		TDXC_SIM_GUEST_READ, (GFN + i % REMOVERS * 1024) * PAGE,
		WINDOW * PAGE, 0};
	scripts[i][1] =
		(struct tdxc_sim_guest_op){TDXC_SIM_GUEST_LOOP, 0, 0, 0};
	g->machine = &rig.p.f.machine;
	g->lp = i + 1;
	g->tdvpr = rig.td.tdvpr[i];
	g->shared_bit = 1ull << 47;
	g->script = scripts[i];
	g->nr_ops = 2;
	g->accept = true;
	g->check = true;
	ck_assert_int_eq(tdxc_sim_guest_init(g), TDXC_OK);
}

/* One VP.ENTER, as tdxc_td_enter() makes it. */
static void enter(struct vcpu *v)
{
	struct tdxc_sim_guest *g = &guests[v->index];
	struct tdxc_sim_regs regs = {{0}};

	if (tdxc_sept_enter_begin(&rig.sept, v->index) != TDXC_OK) {
		v->nr_refused++;
		(void)sched_yield();
		return;
	}
	regs.gpr[TDXC_SIM_RAX] = TDXC_VP_ENTER;
	regs.gpr[TDXC_SIM_RCX] = g->tdvpr;
	if (tdxc_sim_machine_seamcall(g->machine, g->lp, &regs) ==
	    TDXC_SIM_ENTERED) {
		v->nr_entered++;
		tdxc_sim_guest_inside(g, &regs);
	} else {
		v->nr_busy++;
	}
	tdxc_sept_enter_end(&rig.sept, v->index);
	/* it waits for a page, perhaps: the others' turn */
	if (v->nr_entered % ENTRIES_TOGETHER == 0)
		(void)sched_yield();
}

static void *run_vcpu(void *arg)
{
	struct vcpu *v = arg;
	struct tdxc_sim_guest *g = &guests[v->index];

	while (__atomic_load_n(&running, __ATOMIC_SEQ_CST) != 0) {
		enter(v);
		if (g->result == TDXC_SIM_GUEST_RUNNING)
			continue;
		v->nr_ended++;
		if (g->result == TDXC_SIM_GUEST_STALE) {
			v->wrong = "a stale translation was used";
			v->where = g->where;
			break;
		}
		/* out of patience with pages that are not there */
		if (tdxc_sim_guest_init(g) != TDXC_OK)
			v->wrong = "guest";
	}
	return NULL;
}

/* ---- rounds ---- */

static void prepare(struct remover *removers, struct vcpu *vcpus, bool dynamic,
		    uint64_t seed)
{
	static const uint32_t lps[REMOVERS] = {0, 5, 6, 7};
	const struct sept_rig_options options = {.dynamic_pamt = dynamic,
						 .busy = 100};

	sept_rig_up(&rig, &options);
	rig.sept.config.kick_spins = TDXC_SEPT_KICK_SPINS;
	rig.sept.config.track_spins = TDXC_SEPT_TRACK_SPINS;
	rig.threads = true;
	rig.deaf = true;
	rig.on_kick = on_kick;
	memset(removers, 0, REMOVERS * sizeof(*removers));
	memset(vcpus, 0, VCPUS * sizeof(*vcpus));
	for (uint32_t i = 0; i < REMOVERS; i++) {
		struct remover *r = &removers[i];

		r->lp = lps[i];
		r->gfn = GFN + 1024ull * i;
		r->random = seed + i;
		(void)sept_rig_tables(&rig, r->gfn, 1);
		r->large = sept_rig_page(&rig, 2);
		r->table = sept_rig_table_page(&rig);
	}
	/* neighbours belong to different removers: they share pairs */
	for (uint32_t k = 0; k < WINDOW * REMOVERS; k++)
		removers[k % REMOVERS].page[k / REMOVERS] =
			sept_rig_page(&rig, 1);
	sept_rig_run(&rig);
	for (uint32_t i = 0; i < VCPUS; i++) {
		vcpus[i].index = i;
		begin_script(i);
	}
}

static void race(struct remover *removers, struct vcpu *vcpus)
{
	running = REMOVERS;
	for (uint32_t i = 0; i < REMOVERS; i++)
		ck_assert_int_eq(pthread_create(&removers[i].id, NULL,
						run_remover, &removers[i]),
				 0);
	for (uint32_t i = 0; i < VCPUS; i++)
		ck_assert_int_eq(
			pthread_create(&vcpus[i].id, NULL, run_vcpu, &vcpus[i]),
			0);
	for (uint32_t i = 0; i < REMOVERS; i++)
		(void)pthread_join(removers[i].id, NULL);
	for (uint32_t i = 0; i < VCPUS; i++)
		(void)pthread_join(vcpus[i].id, NULL);
}

static void judge(const struct remover *removers, const struct vcpu *vcpus,
		  uint64_t seed)
{
	struct tdxc_pamt_stats stats;

	for (uint32_t i = 0; i < REMOVERS; i++) {
		const struct remover *r = &removers[i];

		ck_assert_msg(!r->wrong,
			      "seed %" PRIu64 ": %s: %d; leaf %" PRIu64
			      ": %" PRIx64,
			      seed, r->wrong, r->value, rig.sept.diag.rax,
			      rig.sept.diag.status);
		for (uint32_t k = 0; k < WINDOW; k++)
			ck_assert_uint_eq(sept_rig_type(&rig, r->page[k]),
					  SEPT_RIG_NDA);
		ck_assert_uint_eq(sept_rig_type(&rig, r->large), SEPT_RIG_NDA);
	}
	for (uint32_t i = 0; i < VCPUS; i++)
		ck_assert_msg(!vcpus[i].wrong, "seed %" PRIu64 ": %s: %" PRIx64,
			      seed, vcpus[i].wrong, vcpus[i].where);
	ck_assert_uint_eq(rig.quarantine.count, 0);
	ck_assert_uint_eq(rig.sept.held, 0);
	ck_assert_uint_eq(rig.sept.track_lock, 0);
	ck_assert_uint_eq(rig.sept.track_done, rig.sept.track_begun);
	tdxc_pamt_read_stats(&rig.p.pamt, &stats);
	ck_assert_uint_eq(stats.large, 0);
	ck_assert_uint_eq(stats.changing, 0);
	ck_assert_uint_eq(stats.quarantined, 0);
	ck_assert(sept_rig_audit(&rig));
}

static void report(const struct remover *removers, const struct vcpu *vcpus)
{
	const struct tdxc_sept_counts *c = &rig.sept.counts;
	uint64_t removed = 0;
	uint64_t batches = 0;
	uint64_t resized = 0;
	uint64_t entered = 0;
	uint64_t refused = 0;

	for (uint32_t i = 0; i < REMOVERS; i++) {
		removed += removers[i].nr_removed;
		batches += removers[i].nr_batches;
		resized += removers[i].nr_resized;
	}
	for (uint32_t i = 0; i < VCPUS; i++) {
		entered += vcpus[i].nr_entered;
		refused += vcpus[i].nr_refused;
	}
	printf("%" PRIu64 " pages in %" PRIu64 " removals, %" PRIu64
	       " resized, %" PRIu64 " TRACKs, %" PRIu64 " shared, %" PRIu64
	       " kicks, %" PRIu64 " guarded, %" PRIu64 " busy, %" PRIu64
	       " entries, %" PRIu64 " refused\n",
	       removed, batches, resized, c->tracks, c->shared, c->kicks,
	       c->guarded, c->busy, entered, refused);
	ck_assert_uint_gt(removed, 0);
	ck_assert_uint_gt(entered, 0);
	/* each removal, demotion and promotion needed one TRACK */
	ck_assert_uint_ge(c->tracks + c->shared, resized);
	ck_assert_uint_le(c->tracks, batches + 2 * resized + c->guarded);
}

static void rounds(bool dynamic)
{
	uint64_t seconds = from_env("TDXC_SIM_RACE_SECONDS", 2);
	uint64_t seed = from_env("TDXC_SIM_RACE_SEED", (uint64_t)time(NULL));
	static struct remover removers[REMOVERS];
	static struct vcpu vcpus[VCPUS];

	printf("seed %" PRIu64 " (TDXC_SIM_RACE_SEED repeats or changes it)\n",
	       seed);
	fflush(stdout);
	prepare(removers, vcpus, dynamic, seed);
	deadline = now() + seconds * 500000000u;
	race(removers, vcpus);
	judge(removers, vcpus, seed);
	report(removers, vcpus);
	ck_assert_uint_gt(rig.sept.counts.shared, 0);
	sept_rig_down(&rig);
}

START_TEST(removers_share_tracks_and_no_guest_uses_what_is_gone)
{
	rounds(_i == 1);
}
END_TEST

/* ---- who shares ---- */

static uint64_t nr_waiting; /* removers that have waited; atomic */
static _Thread_local bool waited;

static void count_who_waits(struct sept_rig *r)
{
	(void)r;
	if (!waited)
		(void)__atomic_fetch_add(&nr_waiting, 1, __ATOMIC_SEQ_CST);
	waited = true;
	(void)sched_yield();
}

/* The first TRACK lasts until the others have blocked what they remove, and
 * wait. */
static void last_until_all_wait(struct sept_rig *r, uint64_t rax)
{
	while (rax == TDXC_MEM_TRACK &&
	       tdxc_load_acquire(&r->sept.track_begun) == 1 &&
	       __atomic_load_n(&nr_waiting, __ATOMIC_SEQ_CST) < REMOVERS - 1)
		(void)sched_yield();
}

static void *remove_once(void *arg)
{
	struct remover *r = arg;

	tdxc_sim_port_enter(r->lp);
	waited = false;
	remove_some(r, 100);
	return NULL;
}

START_TEST(who_blocked_before_a_track_began_shares_it_and_no_one_else)
{
	static struct remover removers[REMOVERS];
	static struct vcpu vcpus[VCPUS];

	prepare(removers, vcpus, _i == 1, 1);
	for (uint32_t i = 0; i < REMOVERS; i++) {
		tdxc_sim_port_enter(removers[i].lp);
		map_some(&removers[i]);
	}
	nr_waiting = 0;
	rig.on_call = last_until_all_wait;
	rig.on_relax = count_who_waits;
	for (uint32_t i = 0; i < REMOVERS; i++)
		ck_assert_int_eq(pthread_create(&removers[i].id, NULL,
						remove_once, &removers[i]),
				 0);
	for (uint32_t i = 0; i < REMOVERS; i++)
		(void)pthread_join(removers[i].id, NULL);
	judge(removers, vcpus, 1);
	/* the first had its own; one made the second, for three */
	ck_assert_uint_eq(rig.sept.counts.tracks, 2);
	ck_assert_uint_eq(rig.sept.counts.shared, REMOVERS - 2);
	ck_assert_uint_eq(rig.sept.counts.broadcasts, 2);
	sept_rig_down(&rig);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sept_race");
	TCase *tcase = tcase_create("race");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 600);
	tcase_add_loop_test(
		tcase, removers_share_tracks_and_no_guest_uses_what_is_gone, 0,
		2);
	tcase_add_loop_test(
		tcase,
		who_blocked_before_a_track_began_shares_it_and_no_one_else, 0,
		2);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
