/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * What the benchmarks share: a clock, and the form of a result:
 *
 *   name,param,ns_per_op,ops,reps
 *
 * param is the size of the problem, ops how many operations one repetition
 * does, and ns_per_op that of the fastest repetition. Lines that start with #
 * are remarks. With BENCH_NO_CLOCK defined all times are 0: for machines
 * without a clock, and to show that a benchmark builds and runs there.
 */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <stdint.h>
#include <stdio.h>
#ifndef BENCH_NO_CLOCK
#include <time.h>
#endif

/* Time to spend on one result. @units{nanoseconds} */
#define BENCH_BUDGET_NS 300000000ull

static inline uint64_t bench_now(void)
{
#ifdef BENCH_NO_CLOCK
	return 0;
#else
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
#endif
}

struct bench {
	const char *name;
	uint64_t param;
	uint64_t ops;  /* per repetition */
	uint64_t most; /* repetitions */
	/* private */
	uint64_t reps;
	uint64_t best;
	uint64_t spent;
	uint64_t began;
};

/* while (bench_more(&b)) { bench_start(&b); work(); bench_stop(&b); } */
static inline int bench_more(const struct bench *b)
{
	if (b->reps == 0)
		return 1;
	return b->reps < b->most && (b->reps < 3 || b->spent < BENCH_BUDGET_NS);
}

static inline void bench_start(struct bench *b)
{
	b->began = bench_now();
}

static inline void bench_stop(struct bench *b)
{
	uint64_t ns = bench_now() - b->began;

	if (b->reps == 0 || ns < b->best)
		b->best = ns;
	b->spent += ns;
	b->reps++;
}

static inline double bench_ns_per_op(const struct bench *b)
{
	return (double)b->best / (double)b->ops;
}

static inline void bench_header(void)
{
	printf("name,param,ns_per_op,ops,reps\n");
}

static inline void bench_print(const struct bench *b)
{
	printf("%s,%llu,%.2f,%llu,%llu\n", b->name,
	       (unsigned long long)b->param, bench_ns_per_op(b),
	       (unsigned long long)b->ops, (unsigned long long)b->reps);
	fflush(stdout);
}

#endif
