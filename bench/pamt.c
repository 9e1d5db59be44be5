/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Dynamic PAMT gets and puts over 1 GiB of 4K pages, by one thread and by two,
 * beside the method of one global lock around counter and SEAMCALL.
 *
 *   pamt_churn_*   a thread holds 32 random pages; an operation puts the
 *                  oldest and gets another. Most of them add and remove a pair.
 *   pamt_fill_*    32,768 random pages got, then put; an operation is one get
 *                  or put and the SEAMCALL on the page itself (AUG, REMOVE)
 *                  that it stands around.
 *   pamt_count_*   the same without that call: two threads write to the same
 *                  512 words, and the caches of this computer set the pace.
 *
 *   ..._record     the library
 *   ..._lock       a spin lock
 *
 * param: threads. ns_per_op: elapsed time over the operations of all threads.
 * The module is an op that takes its time and remembers the pair of each range.
 *
 * --quick: little of each, to show that it runs. --ns N: what a SEAMCALL takes
 * (1000).
 */
#include <tdxcore/err.h>
#include <tdxcore/pamt.h>
#include <tdxcore/version.h>

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

#define GIB	    0x40000000ull
#define BASE	    (4 * GIB)
#define RANGES	    512u
#define PAGES	    (RANGES * 512u)
#define MAX_THREADS 2u
#define WINDOW	    32u
#define ROOM	    2048u

static uint64_t seamcall_ns = 1000;
static uint64_t churns = 5000;	   /* operations in all */
static uint64_t fills = PAGES / 8; /* pages in all */
static uint64_t repeats = 40;

static void must(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "bench: %s\n", what);
	exit(EXIT_FAILURE);
}

/* --- a module that only takes its time ----------------------------------- */

static uint64_t pairs[RANGES][2];

static void spend(uint64_t ns)
{
	uint64_t start = bench_now();

	while (bench_now() - start < ns)
		tdxc_relax();
}

static uint64_t seamcall(void *ctx, uint64_t rax,
			 struct tdxc_seamcall_regs *regs,
			 enum tdxc_seamcall_shape shape)
{
	uint64_t *pair = pairs[(regs->rcx - BASE) >> 21];

	(void)ctx;
	(void)shape;
	spend(seamcall_ns);
	if (rax == TDXC_PHYMEM_PAMT_ADD) {
		pair[0] = regs->rdx;
		pair[1] = regs->r8;
	} else {
		regs->rdx = pair[0];
		regs->r8 = pair[1];
	}
	return 0;
}

static const struct tdxc_seamcall_ops ops = {TDXC_ABI, seamcall};
static const struct tdxc_seamcall_port port = {&ops, NULL};

/* --- the two methods ----------------------------------------------------- */

struct method {
	const char *name;
	int (*get)(uint64_t pa, struct tdxc_pamt_cache *cache);
	int (*put)(uint64_t pa, struct tdxc_pamt_cache *cache);
};

static struct tdxc_pamt pamt;
static void *pamt_memory;

static int record_get(uint64_t pa, struct tdxc_pamt_cache *cache)
{
	struct tdxc_seamcall_diag diag;

	return tdxc_pamt_get(&pamt, pa, TDXC_PAMT_USE_4K, cache, &diag);
}

static int record_put(uint64_t pa, struct tdxc_pamt_cache *cache)
{
	struct tdxc_seamcall_diag diag;

	return tdxc_pamt_put(&pamt, pa, TDXC_PAMT_USE_4K, cache, &diag);
}

static pthread_spinlock_t lock;
static uint32_t counts[RANGES];

static int call_module(uint64_t leaf, uint64_t pa,
		       struct tdxc_seamcall_regs *regs)
{
	const struct tdxc_seamcall_limits limits = tdxc_seamcall_limits_usual();
	struct tdxc_seamcall_diag diag;

	regs->rcx = (pa & ~0x1FFFFFull) | 1;
	return tdxc_seamcall(&port, leaf, regs, TDXC_SEAMCALL_RET, &limits,
			     &diag);
}

static int lock_get(uint64_t pa, struct tdxc_pamt_cache *cache)
{
	uint32_t *count = &counts[(pa - BASE) >> 21];
	struct tdxc_seamcall_regs regs = {0};
	struct tdxc_pamt_page page = {0, false};
	int err = TDXC_OK;

	(void)pthread_spin_lock(&lock);
	if (*count == 0) {
		must(tdxc_pamt_cache_take(cache, &page), "empty cache");
		regs.rdx = page.pa;
		must(tdxc_pamt_cache_take(cache, &page), "empty cache");
		regs.r8 = page.pa;
		err = call_module(TDXC_PHYMEM_PAMT_ADD, pa, &regs);
	}
	++*count;
	(void)pthread_spin_unlock(&lock);
	return err;
}

static int lock_put(uint64_t pa, struct tdxc_pamt_cache *cache)
{
	uint32_t *count = &counts[(pa - BASE) >> 21];
	struct tdxc_seamcall_regs regs = {0};
	bool last;
	int err = TDXC_OK;

	(void)pthread_spin_lock(&lock);
	last = --*count == 0;
	if (last)
		err = call_module(TDXC_PHYMEM_PAMT_REMOVE, pa, &regs);
	(void)pthread_spin_unlock(&lock);
	if (last && !err)
		err = tdxc_pamt_cache_add(
			cache, (struct tdxc_pamt_page){regs.rdx, true});
	if (last && !err)
		err = tdxc_pamt_cache_add(
			cache, (struct tdxc_pamt_page){regs.r8, true});
	return err;
}

static const struct method methods[] = {
	{"record", record_get, record_put},
	{"lock", lock_get, lock_put},
};

/* --- the work ------------------------------------------------------------ */

struct thread {
	pthread_t id;
	const struct method *method;
	uint64_t random;
	uint64_t ops;	    /* of churn */
	uint32_t *own;	    /* its pages, in random order */
	uint64_t nr_own;    /* how many */
	uint64_t page_call; /* ns of a call on the page itself */
	uint64_t began;
	uint64_t ended;
	struct tdxc_pamt_cache cache;
	uint64_t pages[ROOM];
};

static struct thread threads[MAX_THREADS];
static uint32_t order[PAGES];
static pthread_barrier_t barrier;

static uint64_t random_below(struct thread *t, uint64_t n)
{
	t->random = t->random * 6364136223846793005ull + 1442695040888963407ull;
	return (t->random >> 33) % n;
}

static uint64_t page_at(uint64_t index)
{
	return BASE + index * TDXC_PAGE_SIZE;
}

/* Until it is no longer someone else's turn. */
static void get(struct thread *t, uint64_t pa)
{
	int err;

	do
		err = t->method->get(pa, &t->cache);
	while (err == TDXC_E_AGAIN);
	must(err == TDXC_OK, "get");
	if (t->page_call != 0)
		spend(t->page_call);
}

static void put(struct thread *t, uint64_t pa)
{
	if (t->page_call != 0)
		spend(t->page_call);
	must(t->method->put(pa, &t->cache) == TDXC_OK, "put");
}

/* All begin together. */
static void enter(struct thread *t)
{
	(void)pthread_barrier_wait(&barrier);
	t->began = bench_now();
}

static void *churn(void *arg)
{
	struct thread *t = arg;
	uint64_t held[WINDOW];
	uint64_t i;

	enter(t);
	for (i = 0; i < WINDOW; i++) {
		held[i] = page_at(random_below(t, PAGES));
		get(t, held[i]);
	}
	for (i = 0; i < t->ops; i++) {
		put(t, held[i % WINDOW]);
		held[i % WINDOW] = page_at(random_below(t, PAGES));
		get(t, held[i % WINDOW]);
	}
	for (i = 0; i < WINDOW; i++)
		put(t, held[i]);
	t->ended = bench_now();
	return NULL;
}

static void *fill(void *arg)
{
	struct thread *t = arg;
	uint64_t i;

	enter(t);
	for (i = 0; i < t->nr_own; i++)
		get(t, page_at(t->own[i]));
	for (i = 0; i < t->nr_own; i++)
		put(t, page_at(t->own[t->nr_own - 1 - i]));
	t->ended = bench_now();
	return NULL;
}

static void shuffle(void)
{
	struct thread t = {.random = 1};

	for (uint32_t i = 0; i < PAGES; i++)
		order[i] = i;
	for (uint32_t i = PAGES - 1; i > 0; i--) {
		uint32_t k = (uint32_t)random_below(&t, i + 1);
		uint32_t page = order[i];

		order[i] = order[k];
		order[k] = page;
	}
}

enum kind { CHURN, FILL, COUNT, KINDS };

static const char *const kind_names[KINDS] = {"churn", "fill", "count"};

static void prepare(struct thread *t, uint32_t i, uint32_t n)
{
	struct tdxc_pamt_page page = {0, false};

	t->random = 77 + i;
	t->ops = churns / n;
	t->nr_own = fills / n;
	t->own = &order[i * t->nr_own];
	tdxc_pamt_cache_init(&t->cache, t->pages, ROOM);
	for (uint64_t k = 0; k < ROOM / 2; k++) {
		page.pa = BASE + GIB + (i * ROOM + k) * TDXC_PAGE_SIZE;
		must(tdxc_pamt_cache_add(&t->cache, page) == TDXC_OK, "cache");
	}
}

/* All threads at work, from the first to begin to the last to end. */
static void run(struct bench *b, enum kind kind, const struct method *method,
		uint32_t n)
{
	uint64_t began = UINT64_MAX;
	uint64_t ended = 0;

	must(pthread_barrier_init(&barrier, NULL, n) == 0, "barrier");
	for (uint32_t i = 0; i < n; i++) {
		struct thread *t = &threads[i];

		prepare(t, i, n);
		t->method = method;
		t->page_call = kind == FILL ? seamcall_ns : 0;
		must(pthread_create(&t->id, NULL, kind == CHURN ? churn : fill,
				    t) == 0,
		     "thread");
	}
	for (uint32_t i = 0; i < n; i++) {
		(void)pthread_join(threads[i].id, NULL);
		began = threads[i].began < began ? threads[i].began : began;
		ended = threads[i].ended > ended ? threads[i].ended : ended;
	}
	b->began = bench_now() - (ended - began);
	bench_stop(b);
	(void)pthread_barrier_destroy(&barrier);
}

/* Nothing may be left behind, or the figures are of something else. */
static void check_empty(void)
{
	struct tdxc_pamt_stats stats;

	tdxc_pamt_read_stats(&pamt, &stats);
	must(stats.references == 0 && stats.installed == 0, "leftovers");
	for (uint32_t i = 0; i < RANGES; i++)
		must(counts[i] == 0, "leftovers of the lock");
}

/* One thread and two in turn, so that what else this computer does meets both
 * alike. */
static void measure(enum kind kind, const struct method *method)
{
	struct bench b[MAX_THREADS] = {{.param = 1}, {.param = 2}};
	char name[32];

	(void)snprintf(name, sizeof(name), "pamt_%s_%s", kind_names[kind],
		       method->name);
	for (uint32_t n = 0; n < MAX_THREADS; n++) {
		b[n].name = name;
		b[n].ops = kind == CHURN ? churns : 2 * fills;
	}
	while (b[0].reps < repeats) {
		run(&b[0], kind, method, 1);
		run(&b[1], kind, method, 2);
	}
	check_empty();
	bench_print(&b[0]);
	bench_print(&b[1]);
	printf("# %s, %s: 2 threads are %.2f times 1\n", kind_names[kind],
	       method->name, bench_ns_per_op(&b[0]) / bench_ns_per_op(&b[1]));
}

static void init(void)
{
	static const struct tdxc_range tdmr = {BASE, BASE + 2 * GIB};
	struct tdxc_pamt_config config = {
		.abi = TDXC_ABI,
		.pa_bits = 46,
		.bitmap_bits = 1,
		.port = &port,
		.limits = tdxc_seamcall_limits_usual(),
		.tdmrs = &tdmr,
		.nr_tdmrs = 1,
	};

	config.memory_bytes = tdxc_pamt_bytes(&config);
	pamt_memory = malloc(config.memory_bytes);
	config.memory = pamt_memory;
	must(pamt_memory && tdxc_pamt_init(&pamt, &config) == TDXC_OK, "init");
	must(pthread_spin_init(&lock, PTHREAD_PROCESS_PRIVATE) == 0, "lock");
}

static void print_memory(void)
{
	const uint64_t top = 1ull << 52;
	const struct tdxc_range tdmr = {top - 256 * GIB, top};
	const struct tdxc_pamt_config config = {
		.abi = TDXC_ABI,
		.bitmap_bits = 1,
		.tdmrs = &tdmr,
		.nr_tdmrs = 1,
	};

	printf("# 256 GiB at the top of 52 bits: %llu KiB; a flat array of "
	       "4-byte counters: %llu KiB\n",
	       (unsigned long long)(tdxc_pamt_bytes(&config) >> 10),
	       (unsigned long long)(top / TDXC_SIZE_2M * 4 >> 10));
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--quick") == 0) {
			churns = 2000;
			fills = 2048;
			repeats = 1;
		} else if (strcmp(argv[i], "--ns") == 0 && i + 1 < argc) {
			seamcall_ns = strtoull(argv[++i], NULL, 0);
		} else {
			fprintf(stderr, "usage: pamt [--quick] [--ns N]\n");
			return 2;
		}
	}
	init();
	shuffle();
	bench_header();
	for (int kind = 0; kind < KINDS; kind++) {
		for (size_t m = 0; m < sizeof(methods) / sizeof(methods[0]);
		     m++) {
			measure((enum kind)kind, &methods[m]);
		}
	}
	print_memory();
	free(pamt_memory);
	return EXIT_SUCCESS;
}
