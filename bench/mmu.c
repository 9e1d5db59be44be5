/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * What the MMU costs, each time beside the least it could cost here: a loop
 * that does only what memory demands, in the same run and by turns.
 *
 *   lookup_*     four dependent loads, with indices and nothing else
 *   fault_*      the same walk and a compare and swap of the entry, in tables
 *                that are there
 *   populate     the leaf tables filled with plain stores
 *   populate_by_fault
 *                the same pages mapped fault by fault, in order
 *   zap          an exchange of every entry
 *   demote       for each 4 KiB page of large ones, the plain store of it
 *   promote      for each 4 KiB page, and
 *   remove_tables
 *                for each entry of a table that goes, an exchange of it
 *   *_2_threads  the same work done by one thread
 *
 * A lookup is `warm` where its tables, 2 MiB, fit into a cache, and `cold`
 * where they do not, 128 MiB; `sequential`, `random`, or a `chain`: each frame
 * is what the entry before maps. `called` is tdxc_lookup(), else it is inlined.
 *
 *   mmu [--quick] [--json | --columns]
 *
 * --columns is what bench/mmu.gp draws: ./dev plot.
 *
 * --quick: little of each, to show that it runs. ratio is the cost divided by
 * the limit's, or for `speed-up` the limit's by the cost. A ratio that is not
 * good is measured again, for some time: what else runs here can only make a
 * cost larger.
 */
#define _DEFAULT_SOURCE /* madvise() */
#include <pthread.h>
#include <sys/mman.h>

#include "bench.h"
#include "mmu_port.h"

#define FLAGS	  (TDXC_SPTE_PRESENT | TDXC_SPTE_SVE | TDXC_SPTE_RWX)
#define OUT	  4096u
#define HUGE_PAGE (2ull << 20)
#define THREADS	  2u
#define MAX_CASES 32u

static uint64_t warm_frames = 1ull << 18;
static uint64_t cold_frames = 1ull << 24;
static uint64_t cold_visits = 1ull << 20;
static uint64_t least_reps = 10;
static uint64_t most_reps = 60;

/* As a kernel maps memory: in large pages. */
static void *get(uint64_t bytes)
{
	uint64_t size = (bytes + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
	void *p = aligned_alloc(HUGE_PAGE, size);

	must(p != NULL, "out of memory");
	(void)madvise(p, size, MADV_HUGEPAGE);
	memset(p, 0, size);
	return p;
}

/* --- a guest ------------------------------------------------------------- */

struct guest {
	uint64_t frames;
	struct mmu_port port;
	struct tdxc_mmu mmu;
	struct tdxc_mmu_cpu cpu[THREADS];
	struct tdxc_root *root;
	uint64_t *pages;  /* of each frame: one cycle through all frames */
	uint32_t *order;  /* all frames */
	uint32_t *halves; /* first those of the first half */
	struct tdxc_zapped out[THREADS][OUT];
	struct tdxc_external_entry entries[THREADS][TDXC_MMU_BATCH];
	uint64_t *slots[THREADS][TDXC_MMU_BATCH];
};

static uint64_t random_state = 1;

static uint64_t random_below(uint64_t n)
{
	random_state =
		random_state * 6364136223846793005ull + 1442695040888963407ull;
	return (random_state >> 33) % n;
}

static struct guest *guest_new(uint64_t frames)
{
	struct guest *g = get(sizeof(*g));
	uint64_t half[2] = {0, frames / 2};
	uint64_t i;

	g->frames = frames;
	g->port.bytes = (frames / 512 + frames / 512 / 512 + 64) * 4096;
	g->port.memory = get(g->port.bytes);
	g->pages = get(frames * sizeof(*g->pages));
	g->order = get(frames * sizeof(*g->order));
	g->halves = get(frames * sizeof(*g->halves));
	for (i = 0; i < frames; i++) {
		uint64_t at = random_below(i + 1);

		g->order[i] = g->order[at];
		g->order[at] = (uint32_t)i;
	}
	for (i = 0; i < frames; i++)
		g->pages[g->order[i]] = (uint64_t)g->order[(i + 1) % frames]
					<< 12;
	for (i = 0; i < frames; i++)
		g->halves[half[g->order[i] >= frames / 2]++] = g->order[i];
	return g;
}

static void guest_free(struct guest *g)
{
	free(g->port.memory);
	free(g->pages);
	free(g->order);
	free(g->halves);
	free(g);
}

static void guest_reset(struct guest *g, enum tdxc_roots kind)
{
	uint32_t i;

	memset(g->cpu, 0, sizeof(g->cpu));
	for (i = 0; i < THREADS; i++) {
		g->cpu[i].batch.entries = g->entries[i];
		g->cpu[i].batch.slots = g->slots[i];
		g->cpu[i].batch.room = TDXC_MMU_BATCH;
	}
	g->root = port_mmu(&g->port, &g->mmu, kind);
}

static void top_up(struct guest *g, uint32_t cpu, enum tdxc_memory memory)
{
	must(tdxc_mmu_topup(&g->mmu, &g->cpu[cpu], memory) == TDXC_OK,
	     "no tables");
}

static void populate(struct guest *g)
{
	struct tdxc_populate p = {0};
	int err;

	p.like = port_fault(false);
	p.frames = g->frames;
	p.pages = g->pages;
	do {
		top_up(g, 0, TDXC_MEMORY_SHARED);
		err = tdxc_mmu_populate(&g->mmu, g->root, &g->cpu[0], &p,
					TDXC_LOCK_SHARED);
	} while (err == TDXC_E_AGAIN);
	must(err == TDXC_OK && p.mapped == g->frames, "not populated");
}

static void fault_one(struct guest *g, uint32_t cpu, struct tdxc_fault *fault,
		      uint64_t gfn)
{
	if (g->cpu[cpu].nr_spare[fault->is_private] < LEVELS - 1)
		top_up(g, cpu,
		       fault->is_private ? TDXC_MEMORY_PRIVATE
					 : TDXC_MEMORY_SHARED);
	fault->gfn.n = gfn;
	fault->pa = g->pages[gfn];
	must(tdxc_mmu_fault(&g->mmu, g->root, &g->cpu[cpu], fault,
			    TDXC_LOCK_SHARED) == TDXC_FAULT_FIXED,
	     "not fixed");
}

static uint64_t *leaf_slot(const struct guest *g, uint64_t gfn)
{
	const struct tdxc_tree *tree = &g->root->tree;
	uint64_t n = gfn | tree->alias;
	uint64_t pa = tree->pa;
	uint32_t level;

	for (level = tree->levels; level > 1; level--)
		pa = tdxc_table_at(tree, pa)[tdxc_table_index(n, level)] &
		     TDXC_SPTE_PA_MASK;
	return tdxc_table_at(tree, pa) + tdxc_table_index(n, 1);
}

/* --- contests ------------------------------------------------------------ */

struct side {
	void (*prepare)(struct guest *g); /* not timed; may be NULL */
	/* What both sides must agree on. */
	uint64_t (*run)(struct guest *g, uint64_t ops);
};

struct contest {
	const char *name;
	const char *limit; /* what it is compared with */
	struct side side;
	struct side least;
	double wanted; /* ratio: at most; of a speed-up: at least; 0: any */
	bool speed_up;
};

struct result {
	const struct contest *contest;
	uint64_t frames;
	double ns;
	double least_ns;
	double ratio;
};

static struct result results[MAX_CASES];
static size_t nr_results;

static bool is_good(const struct result *r)
{
	const struct contest *c = r->contest;

	if (c->wanted == 0)
		return true;
	return c->speed_up ? r->ratio >= c->wanted : r->ratio <= c->wanted;
}

static uint64_t time_side(const struct side *side, struct guest *g,
			  uint64_t ops, uint64_t *sum)
{
	uint64_t start;

	if (side->prepare)
		side->prepare(g);
	start = bench_now();
	*sum = side->run(g, ops);
	return bench_now() - start;
}

static void hold(const struct contest *c, struct guest *g, uint64_t ops)
{
	struct result *r = &results[nr_results++];
	uint64_t best[2] = {UINT64_MAX, UINT64_MAX};
	uint64_t rep;

	must(nr_results <= MAX_CASES, "too many cases");
	r->contest = c;
	r->frames = g->frames;
	for (rep = 0; rep < most_reps && (rep < least_reps || !is_good(r));
	     rep++) {
		uint64_t sum[2];
		uint64_t ns[2];

		ns[0] = time_side(&c->side, g, ops, &sum[0]);
		ns[1] = time_side(&c->least, g, ops, &sum[1]);
		must(sum[0] == sum[1], "the two sides differ");
		best[0] = ns[0] < best[0] ? ns[0] : best[0];
		best[1] = ns[1] < best[1] ? ns[1] : best[1];
		r->ns = (double)best[0] / (double)ops;
		r->least_ns = (double)best[1] / (double)ops;
		r->ratio =
			c->speed_up ? r->least_ns / r->ns : r->ns / r->least_ns;
	}
}

/* --- lookups ------------------------------------------------------------- */

static inline uint64_t load(const struct tdxc_tree *tree, uint64_t bits,
			    uint64_t index)
{
	uint64_t pa = bits & TDXC_SPTE_PA_MASK;

	return tdxc_load_once((const uint64_t *)(size_t)(pa + tree->virt) +
			      (index & 511));
}

/* What nobody can do without. */
static inline uint64_t raw(const struct tdxc_tree *tree, uint64_t gfn)
{
	uint64_t n = gfn | tree->alias;
	uint64_t bits = load(tree, tree->pa, n >> 27);

	bits = load(tree, bits, n >> 18);
	bits = load(tree, bits, n >> 9);
	return load(tree, bits, n);
}

static __attribute__((noinline)) uint64_t
raw_called(const struct tdxc_tree *tree, uint64_t gfn)
{
	return raw(tree, gfn);
}

static inline uint64_t inlined(const struct tdxc_tree *tree, uint64_t gfn)
{
	struct tdxc_found found = tdxc_lookup_inline(tree, frame(gfn));

	must(found.level == 1, "not mapped");
	return found.spte.bits;
}

static inline uint64_t called(const struct tdxc_tree *tree, uint64_t gfn)
{
	struct tdxc_found found = tdxc_lookup(tree, frame(gfn));

	must(found.level == 1, "not mapped");
	return found.spte.bits;
}

#define LOOKUP_LOOPS(how)                                                      \
	static uint64_t how##_sequential(struct guest *g, uint64_t ops)        \
	{                                                                      \
		const struct tdxc_tree tree = g->root->tree;                   \
		uint64_t sum = 0;                                              \
		uint64_t i;                                                    \
                                                                               \
		for (i = 0; i < ops; i++)                                      \
			sum += how(&tree, i);                                  \
		return sum;                                                    \
	}                                                                      \
                                                                               \
	static uint64_t how##_random(struct guest *g, uint64_t ops)            \
	{                                                                      \
		const struct tdxc_tree tree = g->root->tree;                   \
		const uint32_t *order = g->order;                              \
		uint64_t sum = 0;                                              \
		uint64_t i;                                                    \
                                                                               \
		for (i = 0; i < ops; i++)                                      \
			sum += how(&tree, order[i]);                           \
		return sum;                                                    \
	}                                                                      \
                                                                               \
	static uint64_t how##_chain(struct guest *g, uint64_t ops)             \
	{                                                                      \
		const struct tdxc_tree tree = g->root->tree;                   \
		uint64_t gfn = g->order[0];                                    \
		uint64_t i;                                                    \
                                                                               \
		for (i = 0; i < ops; i++)                                      \
			gfn = (how(&tree, gfn) & TDXC_SPTE_PA_MASK) >> 12;     \
		return gfn;                                                    \
	}

LOOKUP_LOOPS(raw)
LOOKUP_LOOPS(raw_called)
LOOKUP_LOOPS(inlined)
LOOKUP_LOOPS(called)

/* A function that is called is compared with the chase in such a function. */
#define LOOKUP(temperature, how, pattern, least, most)                         \
	{                                                                      \
		"lookup_" temperature "_" #pattern "_" #how,                   \
			"four-load chase, " #how, {NULL, how##_##pattern},     \
			{NULL, least##_##pattern}, most, false                 \
	}

static const struct contest warm_lookups[] = {
	LOOKUP("warm", inlined, sequential, raw, 3),
	LOOKUP("warm", inlined, random, raw, 3),
	LOOKUP("warm", inlined, chain, raw, 1.1),
	LOOKUP("warm", called, sequential, raw_called, 3),
	LOOKUP("warm", called, random, raw_called, 3),
	LOOKUP("warm", called, chain, raw_called, 1.1),
};

static const struct contest cold_lookups[] = {
	LOOKUP("cold", inlined, random, raw, 1.1),
	LOOKUP("cold", inlined, chain, raw, 1.1),
	LOOKUP("cold", called, random, raw_called, 1.1),
	LOOKUP("cold", called, chain, raw_called, 1.1),
};

/* --- faults -------------------------------------------------------------- */

static void empty_direct(struct guest *g)
{
	guest_reset(g, TDXC_ROOTS_DIRECT);
}

static void empty_mirror(struct guest *g)
{
	guest_reset(g, TDXC_ROOTS_MIRROR);
}

static void mapped(struct guest *g)
{
	guest_reset(g, TDXC_ROOTS_DIRECT);
	populate(g);
}

static void mapped_private(struct guest *g)
{
	struct tdxc_fault fault = port_fault(true);
	uint64_t i;

	guest_reset(g, TDXC_ROOTS_MIRROR);
	for (i = 0; i < g->frames; i++)
		fault_one(g, 0, &fault, i);
}

/* Identical frames and pages: large ones are aligned. */
static void large_private(struct guest *g)
{
	struct tdxc_fault fault = port_fault(true);

	guest_reset(g, TDXC_ROOTS_MIRROR);
	fault.level = TDXC_LEVEL_2M;
	for (; fault.gfn.n < g->frames; fault.gfn.n += TDXC_ENTRIES) {
		fault.pa = fault.gfn.n << 12;
		top_up(g, 0, TDXC_MEMORY_PRIVATE);
		must(tdxc_mmu_fault(&g->mmu, g->root, &g->cpu[0], &fault,
				    TDXC_LOCK_SHARED) == TDXC_FAULT_FIXED,
		     "not fixed");
	}
}

static void tables_only(struct guest *g)
{
	uint64_t i;

	mapped(g);
	for (i = 0; i < g->frames; i += TDXC_ENTRIES)
		tdxc_table_fill(leaf_slot(g, i));
}

static uint64_t fault_direct(struct guest *g, uint64_t ops)
{
	struct tdxc_fault fault = port_fault(false);
	uint64_t i;

	for (i = 0; i < ops; i++)
		fault_one(g, 0, &fault, g->order[i]);
	return ops;
}

static uint64_t fault_mirror(struct guest *g, uint64_t ops)
{
	struct tdxc_fault fault = port_fault(true);
	uint64_t i;

	for (i = 0; i < ops; i++)
		fault_one(g, 0, &fault, g->order[i]);
	return ops;
}

static uint64_t fault_in_order(struct guest *g, uint64_t ops)
{
	struct tdxc_fault fault = port_fault(false);
	uint64_t i;

	for (i = 0; i < ops; i++)
		fault_one(g, 0, &fault, i);
	return ops;
}

static uint64_t walk_and_swap(struct guest *g, uint64_t ops)
{
	const struct tdxc_tree tree = g->root->tree;
	uint64_t done = 0;
	uint64_t i;

	for (i = 0; i < ops; i++) {
		uint64_t n = g->order[i] | tree.alias;
		uint64_t empty = TDXC_SPTE_EMPTY_BITS;
		uint64_t pa = load(&tree, tree.pa, n >> 27);

		pa = load(&tree, pa, n >> 18);
		pa = load(&tree, pa, n >> 9) & TDXC_SPTE_PA_MASK;
		done += tdxc_try_cmpxchg(tdxc_table_at(&tree, pa) + (n & 511),
					 &empty, g->pages[g->order[i]] | FLAGS);
	}
	return done;
}

/* --- population and zaps ------------------------------------------------- */

static uint64_t populate_all(struct guest *g, uint64_t ops)
{
	populate(g);
	return ops;
}

/* An entry at a time: in a kernel there are no vector registers to use. */
static uint64_t fill(struct guest *g, uint64_t ops)
{
	uint64_t *entries = (uint64_t *)(void *)g->port.memory;
	uint64_t i;

	for (i = 0; i < ops; i++) {
		uint64_t entry = g->pages[i] | FLAGS;

		OPAQUE(entry);
		entries[i] = entry;
	}
	return ops;
}

static uint64_t zap_range(struct guest *g, uint32_t cpu, uint64_t start,
			  uint64_t end, enum tdxc_zap_reason reason)
{
	struct tdxc_zapped *out = g->out[cpu];
	struct tdxc_zap zap = {0};
	uint64_t pages = 0;
	int err;

	zap.start = frame(start);
	zap.end = frame(end);
	zap.reason = reason;
	zap.out = out;
	zap.room = OUT;
	do {
		err = tdxc_mmu_zap(&g->mmu, &g->cpu[cpu], &zap,
				   TDXC_LOCK_SHARED);
		pages += zap.nr_out;
	} while (err == TDXC_E_AGAIN);
	must(err == TDXC_OK, "not zapped");
	return pages;
}

static uint64_t zap_shared(struct guest *g, uint64_t ops)
{
	return zap_range(g, 0, 0, ops, TDXC_ZAP_NOTIFIER);
}

static uint64_t zap_private(struct guest *g, uint64_t ops)
{
	return zap_range(g, 0, 0, ops, TDXC_ZAP_TO_SHARED);
}

/* --- sizes and tables ---------------------------------------------------- */

static uint64_t demote_all(struct guest *g, uint64_t ops)
{
	uint64_t i;

	for (i = 0; i < ops; i += TDXC_ENTRIES) {
		top_up(g, 0, TDXC_MEMORY_PRIVATE);
		must(tdxc_mmu_demote(&g->mmu, g->root, &g->cpu[0], frame(i),
				     TDXC_LEVEL_4K,
				     TDXC_LOCK_SHARED) == TDXC_OK,
		     "not demoted");
	}
	return ops;
}

static uint64_t promote_all(struct guest *g, uint64_t ops)
{
	uint64_t i;

	for (i = 0; i < ops; i += TDXC_ENTRIES)
		must(tdxc_mmu_promote(&g->mmu, g->root, &g->cpu[0], frame(i),
				      TDXC_LEVEL_2M,
				      TDXC_LOCK_SHARED) == TDXC_OK,
		     "not promoted");
	return ops;
}

/* Each table, of which there is one for 512 frames. */
static uint64_t remove_all(struct guest *g, uint64_t ops)
{
	struct tdxc_table_zap zap = {0};
	int err;

	zap.end = frame(ops);
	do {
		err = tdxc_mmu_remove_tables(&g->mmu, g->root, &g->cpu[0], &zap,
					     TDXC_LOCK_SHARED);
	} while (err == TDXC_E_AGAIN);
	must(err == TDXC_OK && zap.removed >= ops / TDXC_ENTRIES,
	     "not removed");
	return ops;
}

static void small_private(struct guest *g)
{
	large_private(g);
	(void)demote_all(g, g->frames);
}

static void empty_private(struct guest *g)
{
	mapped_private(g);
	(void)zap_private(g, g->frames);
}

/* No walk: each leaf table is looked for once. */
static uint64_t exchange(struct guest *g, uint64_t ops)
{
	uint64_t done = 0;
	uint64_t i;

	for (i = 0; i < ops; i += TDXC_ENTRIES) {
		uint64_t *slot = leaf_slot(g, i);
		uint64_t *end = slot + TDXC_ENTRIES;

		for (; slot < end; slot++) {
			struct tdxc_spte s = {tdxc_load_once(slot)};

			if (!tdxc_spte_is_present(s))
				continue;
			s.bits = tdxc_xchg(slot, TDXC_SPTE_EMPTY_BITS);
			done += tdxc_spte_is_leaf(s);
		}
	}
	return done;
}

/* --- two threads --------------------------------------------------------- */

struct job {
	pthread_t id;
	struct guest *guest;
	void (*work)(struct job *job);
	uint32_t cpu;
	uint32_t first_half; /* of the frames */
	uint32_t end_half;
};

static void job_faults(struct job *job, bool is_private)
{
	struct tdxc_fault fault = port_fault(is_private);
	uint64_t half = job->guest->frames / 2;
	uint64_t i;

	for (i = job->first_half * half; i < job->end_half * half; i++)
		fault_one(job->guest, job->cpu, &fault, job->guest->halves[i]);
}

static void job_fault_direct(struct job *job)
{
	job_faults(job, false);
}

static void job_fault_mirror(struct job *job)
{
	job_faults(job, true);
}

static void job_zap(struct job *job)
{
	uint64_t half = job->guest->frames / 2;

	(void)zap_range(job->guest, job->cpu, job->first_half * half,
			job->end_half * half, TDXC_ZAP_NOTIFIER);
}

static void *job_run(void *arg)
{
	struct job *job = arg;

	job->work(job);
	return NULL;
}

static void run_jobs(struct guest *g, uint32_t threads,
		     void (*work)(struct job *job))
{
	struct job jobs[THREADS];
	uint32_t each = THREADS / threads;
	uint32_t i;

	for (i = 0; i < threads; i++) {
		jobs[i].guest = g;
		jobs[i].work = work;
		jobs[i].cpu = i;
		jobs[i].first_half = i * each;
		jobs[i].end_half = (i + 1) * each;
		must(!pthread_create(&jobs[i].id, NULL, job_run, &jobs[i]),
		     "no thread");
	}
	for (i = 0; i < threads; i++)
		must(!pthread_join(jobs[i].id, NULL), "no thread");
}

#define THREAD_SIDES(what)                                                     \
	static uint64_t what##_by_one(struct guest *g, uint64_t ops)           \
	{                                                                      \
		run_jobs(g, 1, job_##what);                                    \
		return ops;                                                    \
	}                                                                      \
                                                                               \
	static uint64_t what##_by_two(struct guest *g, uint64_t ops)           \
	{                                                                      \
		run_jobs(g, 2, job_##what);                                    \
		return ops;                                                    \
	}

THREAD_SIDES(fault_direct)
THREAD_SIDES(fault_mirror)
THREAD_SIDES(zap)

#define TWO_THREADS(what, prepare)                                             \
	{                                                                      \
#what "_2_threads", "one thread",                              \
			{prepare, what##_by_two },                             \
			 {prepare, what##_by_one }, 1.8, true                  \
	}

static const struct contest changes[] = {
	{"fault_direct",
	 "walk and swap",
	 {empty_direct, fault_direct},
	 {tables_only, walk_and_swap},
	 0,
	 false},
	{"fault_mirror",
	 "walk and swap",
	 {empty_mirror, fault_mirror},
	 {tables_only, walk_and_swap},
	 0,
	 false},
	{"populate",
	 "linear fill",
	 {empty_direct, populate_all},
	 {empty_direct, fill},
	 1.5,
	 false},
	{"populate_by_fault",
	 "fault by fault",
	 {empty_direct, populate_all},
	 {empty_direct, fault_in_order},
	 5,
	 true},
	{"zap",
	 "exchange of each entry",
	 {mapped, zap_shared},
	 {mapped, exchange},
	 1.5,
	 false},
	{"zap_private",
	 "exchange of each entry",
	 {mapped_private, zap_private},
	 {mapped_private, exchange},
	 0,
	 false},
	{"demote",
	 "linear fill",
	 {large_private, demote_all},
	 {large_private, fill},
	 0,
	 false},
	{"promote",
	 "exchange of each entry",
	 {small_private, promote_all},
	 {mapped, exchange},
	 0,
	 false},
	{"remove_tables",
	 "exchange of each entry",
	 {empty_private, remove_all},
	 {mapped, exchange},
	 0,
	 false},
	TWO_THREADS(fault_direct, empty_direct),
	TWO_THREADS(fault_mirror, empty_mirror),
	TWO_THREADS(zap, mapped),
};

/* --- what came out ------------------------------------------------------- */

static void print_wanted(FILE *to, const struct result *r, const char *none)
{
	const struct contest *c = r->contest;

	if (c->wanted == 0)
		fputs(none, to);
	else
		fprintf(to, "%s %.2f", c->speed_up ? ">=" : "<=", c->wanted);
}

static void print_table(void)
{
	size_t i;

	printf("%-32s %8s %8s %7s %-8s %s\n", "case", "ns", "limit", "ratio",
	       "wanted", "limit is");
	for (i = 0; i < nr_results; i++) {
		const struct result *r = &results[i];

		printf("%-32s %8.2f %8.2f %7.2f ", r->contest->name, r->ns,
		       r->least_ns, r->ratio);
		print_wanted(stdout, r, "       ");
		printf("%s %s\n", is_good(r) ? " " : "!", r->contest->limit);
	}
}

static void print_json(void)
{
	size_t i;

	printf("[\n");
	for (i = 0; i < nr_results; i++) {
		const struct result *r = &results[i];

		printf("  {\"name\": \"%s\", \"frames\": %llu, "
		       "\"ns_per_op\": %.3f, \"limit\": \"%s\", "
		       "\"limit_ns_per_op\": %.3f, \"ratio\": %.3f, "
		       "\"wanted\": \"",
		       r->contest->name, (unsigned long long)r->frames, r->ns,
		       r->contest->limit, r->least_ns, r->ratio);
		print_wanted(stdout, r, "");
		printf("\", \"good\": %s}%s\n", is_good(r) ? "true" : "false",
		       i + 1 < nr_results ? "," : "");
	}
	printf("]\n");
}

/* For bench/mmu.gp: what it is called, its ratio, what is wanted. */
static void print_columns(void)
{
	size_t i;

	for (i = 0; i < nr_results; i++) {
		const struct result *r = &results[i];

		printf("%s\t%.3f\t", r->contest->name, r->ratio);
		if (r->contest->wanted > 0)
			printf("%.2f\n", r->contest->wanted);
		else
			printf("?\n");
	}
}

/* ------------------------------------------------------------------------- */

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static void hold_all(void)
{
	struct guest *g = guest_new(warm_frames);
	size_t i;

	mapped(g);
	for (i = 0; i < COUNT(warm_lookups); i++)
		hold(&warm_lookups[i], g, g->frames);
	for (i = 0; i < COUNT(changes); i++)
		hold(&changes[i], g, g->frames);
	guest_free(g);
	g = guest_new(cold_frames);
	mapped(g);
	for (i = 0; i < COUNT(cold_lookups); i++)
		hold(&cold_lookups[i], g, cold_visits);
	guest_free(g);
}

int main(int argc, char **argv)
{
	void (*print)(void) = print_table;
	int i;

	for (i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--quick") == 0) {
			warm_frames = 1ull << 13;
			cold_frames = 1ull << 15;
			cold_visits = 1ull << 13;
			least_reps = 1;
			most_reps = 1;
		} else if (strcmp(argv[i], "--json") == 0) {
			print = print_json;
		} else if (strcmp(argv[i], "--columns") == 0) {
			print = print_columns;
		} else {
			fprintf(stderr, "usage: mmu [--quick] "
					"[--json | --columns]\n");
			return 2;
		}
	}
	hold_all();
	print();
	return EXIT_SUCCESS;
}
