/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * One planning problem, self contained: what the planner, the baseline and the
 * oracle are all asked. A case has a text form, so that a failing test prints
 * a line that another run can read back:
 *
 *   t=64 r=16 e=16,16,16 b=0 pa=52 f=0 | 100000-80000000 | 0-80000000@0
 *
 * limits (TDMRs, areas, bytes per PAMT entry 4K,2M,1G, bitmap bits, address
 * bits) and flags, then CMRs, then RAM with its node; hex, half open.
 */
#ifndef TESTS_PLAN_CASE_H
#define TESTS_PLAN_CASE_H

#include <stdio.h>

#include <tdxcore/plan.h>

#define CASE_MAX  192
#define CASE_TEXT 16384

struct plan_case {
	struct tdxc_plan_config config; /* arrays point into this structure */
	struct tdxc_range cmrs[CASE_MAX];
	struct tdxc_plan_ram ram[CASE_MAX];
};

/* Empty case with the limits of every module seen so far. */
void case_init(struct plan_case *c);

/* Append, keeping the order given. */
void case_cmr(struct plan_case *c, uint64_t start, uint64_t end);
void case_ram(struct plan_case *c, uint64_t start, uint64_t end, uint32_t node);

/* Copy with the pointers following. */
void case_copy(struct plan_case *to, const struct plan_case *from);

/* CMRs := the RAM above 1 MiB, trimmed to pages, touching ones joined. */
void case_cmr_is_ram(struct plan_case *c);

/* 0, or -1 on text that is no case. */
int case_parse(struct plan_case *c, const char *text);
void case_format(const struct plan_case *c, char *text, size_t bytes);

/* RAM trimmed to pages; false when nothing is left. */
bool case_trim(struct tdxc_range ram, struct tdxc_range *out);

/*
 * Convertible RAM above 1 MiB: the only bytes a plan can use or lose. Pieces
 * keep their node and are not joined; returns how many.
 */
size_t case_usable(const struct plan_case *c, struct tdxc_plan_ram *out,
		   size_t max);

/* Random numbers: splitmix64, the same everywhere. */
struct rnd {
	uint64_t state;
};
uint64_t rnd_next(struct rnd *r);
/* 0 .. n-1; n > 0. */
uint64_t rnd_below(struct rnd *r, uint64_t n);
/* true once in n. */
bool rnd_one_in(struct rnd *r, uint64_t n);

/* TDXC_SEED, else the default; printed, so that a run can be repeated. */
uint64_t test_seed(const char *what, uint64_t fallback);
/* count * TDXC_TEST_SCALE / 100, at least 1. */
uint64_t test_scale(uint64_t count);

/* One planner run with its memory, red zones around the scratch. */
struct plan_run {
	int make;     /* return of tdxc_plan_make() */
	int seal;     /* return of tdxc_plan_seal(); 1: not reached */
	bool overrun; /* the scratch was written beyond its size */
	struct tdxc_plan plan;
	struct tdxc_plan_fault fault;
	unsigned char *memory; /* red zone, scratch, red zone */
	size_t scratch_bytes;
	void *infos; /* 512 aligned */
	size_t infos_bytes;
};

/* Make and seal. Every run must be ended. */
void plan_run(struct plan_run *run, const struct plan_case *c);
void plan_run_make(struct plan_run *run, const struct plan_case *c);
void plan_run_seal(struct plan_run *run, const struct plan_case *c);
void plan_run_end(struct plan_run *run);

#endif
