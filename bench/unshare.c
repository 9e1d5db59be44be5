/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * What it costs to find the shared memory of a guest with 64 GiB, and how many
 * conversions are asked for.
 *
 *   scan_4k        all mapped by 4 KiB pages, 1 in 1,000 shared; beside a
 *                  sequential read of the same leaf tables, in the same run and
 *                  by turns, and beside a lookup from the root per address
 *   scan_2m, _1g   the same memory in larger pages
 *   convert        shared ranges of 1 to 64 pages: hypercalls per range
 *
 *   unshare [--quick] [--json]
 *
 * --quick: 1 GiB, to show that it runs. The share of the bandwidth is the
 * median of many rounds in which the read and the scan follow one another:
 * neither has its luckiest moment set against the other's. The least times are
 * printed too.
 */
#define _DEFAULT_SOURCE /* madvise() */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <tdxcore/err.h>
#include <tdxcore/scan.h>
#include <tdxcore/unshare.h>
#include <tdxcore/version.h>

#include "bench.h"

#define HUGE_PAGE  (2ull << 20)
#define SHARED	   (1ull << 51)
#define FLAGS	   0x8000000000000163ull
#define TABLE	   0x0000000000000063ull
#define DIRECT_MAP 0xFFFF888000000000ull
#define ROUNDS	   301u

static uint64_t gibs = 64;
static uint64_t *tables;
static uint64_t nr_tables;
static uint64_t *leaves; /* leaf tables: the last of `tables` */
static uint64_t nr_leaves;
static uint64_t nr_shared;

static void must(bool condition, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "unshare: %s\n", what);
	exit(EXIT_FAILURE);
}

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

/* ---- a guest ---- */

static uint64_t random_state = 1;

static uint64_t random_below(uint64_t n)
{
	random_state =
		random_state * 6364136223846793005ull + 1442695040888963407ull;
	return (random_state >> 33) % n;
}

static uint64_t *table(uint64_t n)
{
	return tables + n * 512;
}

/* The tables are "physical" pages from 0; table 0 is the root. */
static void map_guest(uint32_t level)
{
	uint64_t nr_2m = gibs * 512;
	uint64_t nr_entries = level == 1   ? nr_2m * 512
			      : level == 2 ? nr_2m
					   : gibs;
	uint64_t size = level == 1 ? 1 : level == 2 ? 512 : 1ull << 18;
	uint64_t i;

	nr_tables = 2 + gibs + nr_2m;
	if (tables == NULL)
		tables = get(nr_tables * 4096);
	memset(tables, 0, nr_tables * 4096);
	table(0)[(DIRECT_MAP >> 39) & 511] = 1ull << 12 | TABLE;
	for (i = 0; level < 3 && i < gibs; i++)
		table(1)[i] = (2 + i) << 12 | TABLE;
	for (i = 0; level < 2 && i < nr_2m; i++)
		table(2)[i] = (2 + gibs + i) << 12 | TABLE;
	leaves = table(level == 1 ? 2 + gibs : level == 2 ? 2 : 1);
	nr_leaves = nr_entries;
	nr_shared = 0;
	for (i = 0; i < nr_entries; i++) {
		leaves[i] = (i * size) << 12 | FLAGS |
			    (level > 1 ? TDXC_PTE_PS : 0);
		if (random_below(1000) == 0) {
			leaves[i] |= SHARED;
			nr_shared++;
		}
	}
}

static struct tdxc_scan_config scan_config(void)
{
	struct tdxc_scan_config c = {0};

	c.abi = TDXC_ABI;
	c.levels = 4;
	c.virt = (uint64_t)(size_t)tables;
	c.shared_bit = 51;
	c.polarity = TDXC_SHARED_IS_SET;
	c.pa_bits = 52;
	c.what = TDXC_SCAN_SHARED;
	c.start = DIRECT_MAP;
	c.end = DIRECT_MAP + (gibs << 30);
	c.max_tables = nr_tables;
	return c;
}

/* ---- contests ---- */

static uint64_t scan_all(void)
{
	struct tdxc_scan_config c = scan_config();
	struct tdxc_scan scan;
	struct tdxc_scan_leaf leaf;
	uint64_t found = 0;

	must(tdxc_scan_begin(&scan, &c) == TDXC_OK, "not begun");
	while (tdxc_scan_next_leaf(&scan, &leaf) == TDXC_SCAN_LEAF)
		found++;
	return found;
}

/* As fast as this machine reads: several streams of adds, no dependence. */
static uint64_t read_all(void)
{
	uint64_t sum[8] = {0};
	uint64_t i;
	unsigned j;

	for (i = 0; i < nr_leaves; i += 8)
		for (j = 0; j < 8; j++)
			sum[j] += leaves[i + j];
	for (j = 1; j < 8; j++)
		sum[0] += sum[j];
	return sum[0];
}

/* The same with general registers only, all that kernels have at hand. */
static uint64_t read_words(void)
{
	uint64_t all = 0;
	uint64_t i;

	for (i = 0; i < nr_leaves; i += 8) {
		const uint64_t *e = leaves + i;
		uint64_t some = ((e[0] | e[1]) | (e[2] | e[3])) |
				((e[4] | e[5]) | (e[6] | e[7]));

		__asm__ volatile("" : "+r"(some));
		all |= some;
	}
	return all;
}

/* A lookup from the root for each page, one after the other. */
static uint64_t look_up_all(void)
{
	const struct tdxc_scan_config c = scan_config();
	uint64_t found = 0;
	uint64_t va;

	for (va = c.start; va < c.end; va += 4096) {
		uint64_t entry = 0;
		unsigned shift;

		for (shift = 39; shift >= 12; shift -= 9) {
			const uint64_t *t =
				(const uint64_t *)(size_t)((entry &
							    TDXC_PTE_PA_MASK) +
							   c.virt);

			entry = tdxc_load_once(&t[va >> shift & 511]);
			if ((entry & TDXC_PTE_PRESENT) == 0 ||
			    (shift < 39 && (entry & TDXC_PTE_PS) != 0))
				break;
		}
		found += (entry & SHARED) != 0;
	}
	return found;
}

static uint64_t once(uint64_t (*work)(void), uint64_t *answer)
{
	uint64_t began = bench_now();

	__asm__ volatile("" : "+r"(work) : : "memory");
	*answer = work();
	__asm__ volatile("" : : "r"(*answer) : "memory");
	return bench_now() - began;
}

static void keep_least(uint64_t *least, uint64_t ns)
{
	if (*least == 0 || ns < *least)
		*least = ns;
}

/* ---- converting ---- */

static uint64_t nr_converted; /* pages */

static int convert(void *ctx, struct tdxc_range pa,
		   struct tdxc_unshare_done *done)
{
	(void)ctx;
	(void)done;
	nr_converted += tdxc_range_size(pa) / 4096;
	return TDXC_OK;
}

static void flush(void *ctx)
{
	(void)ctx;
}

static int before(void *ctx, uint32_t order)
{
	(void)ctx;
	(void)order;
	return TDXC_OK;
}

/* Shared ranges of 1 to 64 pages, each followed by a private page; returns
 * their number. */
static uint64_t share_ranges(void)
{
	uint64_t ranges = 0;
	uint64_t i = 0;

	map_guest(1);
	nr_shared = 0;
	for (i = 0; i < nr_leaves; i++)
		leaves[i] &= ~SHARED;
	for (i = random_below(8192); i + 64 < nr_leaves; ranges++) {
		uint64_t stop = i + 1 + random_below(64);

		for (; i < stop; i++, nr_shared++)
			leaves[i] |= SHARED;
		i += 1 + random_below(8192);
	}
	return ranges;
}

static struct tdxc_unshare engine;

static uint64_t unshare_all(void)
{
	static const struct tdxc_unshare_ops ops = {TDXC_ABI, convert, flush,
						    before};
	static struct tdxc_range batch[64];
	struct tdxc_unshare_config c = {0};

	c.abi = TDXC_ABI;
	c.edit = TDXC_UNSHARE_CLEAR;
	c.flush = TDXC_FLUSH_LATE;
	c.large = TDXC_LARGE_KEEP;
	c.scan = scan_config();
	c.ops = &ops;
	c.batch = batch;
	c.batch_room = 64;
	nr_converted = 0;
	must(tdxc_unshare_init(&engine, &c) == TDXC_OK, "not set up");
	must(tdxc_unshare_run(&engine) == TDXC_OK, "not converted");
	return nr_converted;
}

/* ---- figures ---- */

struct figures {
	uint64_t scan_ns;
	uint64_t read_ns;
	uint64_t lookup_ns;
	double bandwidth_share;
	double words_share;
	double speed_up;
	uint64_t scan_2m_ns;
	uint64_t scan_1g_ns;
	uint64_t unshare_ns;
	uint64_t ranges;
	uint64_t converts;
	uint64_t flushes;
};

static double ratio(uint64_t a, uint64_t b)
{
	return b == 0 ? 0 : (double)a / (double)b;
}

static int compare_ratios(const void *a, const void *b)
{
	const double *x = a;
	const double *y = b;

	return (*x > *y) - (*x < *y);
}

static double median(double *ratios, size_t nr)
{
	qsort(ratios, nr, sizeof(*ratios), compare_ratios);
	return ratios[nr / 2];
}

static void contest_4k(struct figures *f)
{
	static double of_bandwidth[ROUNDS];
	static double of_words[ROUNDS];
	uint64_t answer;
	unsigned i;

	map_guest(1);
	for (i = 0; i < ROUNDS; i++) {
		uint64_t words = once(read_words, &answer);
		uint64_t read = once(read_all, &answer);
		uint64_t scan = once(scan_all, &answer);

		must(answer == nr_shared, "not all that is shared was found");
		of_bandwidth[i] = ratio(read, scan);
		of_words[i] = ratio(words, scan);
		keep_least(&f->read_ns, read);
		keep_least(&f->scan_ns, scan);
	}
	f->bandwidth_share = median(of_bandwidth, ROUNDS);
	f->words_share = median(of_words, ROUNDS);
	for (i = 0; i < 3; i++)
		keep_least(&f->lookup_ns, once(look_up_all, &answer));
	must(answer == nr_shared, "lookups find something else");
	f->speed_up = ratio(f->lookup_ns, f->scan_ns);
}

static uint64_t contest_large(uint32_t level)
{
	uint64_t least = 0;
	uint64_t answer;
	unsigned i;

	map_guest(level);
	for (i = 0; i < 40; i++) {
		keep_least(&least, once(scan_all, &answer));
		must(answer == nr_shared, "not all that is shared was found");
	}
	return least;
}

static void contest_convert(struct figures *f)
{
	uint64_t answer;

	f->ranges = share_ranges();
	f->unshare_ns = once(unshare_all, &answer);
	must(answer == nr_shared, "not all that is shared was converted");
	f->converts = engine.result.converts;
	f->flushes = engine.result.flushes;
	(void)once(scan_all, &answer);
	must(answer == 0, "something is shared still");
}

static void print_text(const struct figures *f)
{
	printf("64 GiB, or as much as it is with --quick: %llu GiB\n",
	       (unsigned long long)gibs);
	printf("scan_4k   %9.3f ms  sequential read %.3f ms (%.1f GB/s)\n",
	       (double)f->scan_ns / 1e6, (double)f->read_ns / 1e6,
	       (double)nr_leaves * 8 / (double)f->read_ns);
	printf("          %9.3f     of the bandwidth, wanted 0.85; %.3f of "
	       "what "
	       "64-bit reads reach\n",
	       f->bandwidth_share, f->words_share);
	printf("          %9.1f     times a lookup per address (%.3f ms), "
	       "wanted 12\n",
	       f->speed_up, (double)f->lookup_ns / 1e6);
	printf("scan_2m   %9.3f us  wanted 2000\n",
	       (double)f->scan_2m_ns / 1e3);
	printf("scan_1g   %9.3f us  wanted 20\n", (double)f->scan_1g_ns / 1e3);
	printf("convert   %9llu     hypercalls for %llu shared ranges, "
	       "%llu TLB flushes, %.3f ms\n",
	       (unsigned long long)f->converts, (unsigned long long)f->ranges,
	       (unsigned long long)f->flushes, (double)f->unshare_ns / 1e6);
}

static void print_json(const struct figures *f)
{
	printf("{\"gibs\": %llu, \"scan_4k_ns\": %llu, \"read_ns\": %llu, "
	       "\"lookup_ns\": %llu, \"bandwidth_share\": %.4f, "
	       "\"words_share\": %.4f, \"speed_up\": %.3f, \"scan_2m_ns\": "
	       "%llu, "
	       "\"scan_1g_ns\": %llu, \"unshare_ns\": %llu, "
	       "\"shared_ranges\": %llu, \"hypercalls\": %llu, "
	       "\"flushes\": %llu}\n",
	       (unsigned long long)gibs, (unsigned long long)f->scan_ns,
	       (unsigned long long)f->read_ns, (unsigned long long)f->lookup_ns,
	       f->bandwidth_share, f->words_share, f->speed_up,
	       (unsigned long long)f->scan_2m_ns,
	       (unsigned long long)f->scan_1g_ns,
	       (unsigned long long)f->unshare_ns, (unsigned long long)f->ranges,
	       (unsigned long long)f->converts, (unsigned long long)f->flushes);
}

int main(int argc, char **argv)
{
	struct figures f = {0};
	bool json = false;

	for (; argc > 1; argc--, argv++) {
		if (strcmp(argv[1], "--quick") == 0)
			gibs = 1;
		json = json || strcmp(argv[1], "--json") == 0;
	}
	f.scan_2m_ns = contest_large(2);
	f.scan_1g_ns = contest_large(3);
	contest_convert(&f);
	contest_4k(&f);
	if (json)
		print_json(&f);
	else
		print_text(&f);
	free(tables);
	return EXIT_SUCCESS;
}
