/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * How long planning takes, per RAM range, as ranges become many; beside the
 * method of one TDMR per range (tests/plan/baseline.c) in the same run.
 *
 * The machine: n - 1 ranges of 4 MiB with a page between them, and one of
 * 64 GiB for the PAMTs.
 *
 *   plan_holes_convertible  the pages between are convertible: no limit bites
 *   plan_holes_reserved     they are not, 64 TDMRs and 16 areas: both limits
 *                           bite, and RAM must be given up
 *   plan_holes_reserved_roomy    they are not, but there are 1,024 TDMRs and
 *                           areas: every hole gets one
 *   baseline                64 TDMRs and 16 areas: it gives up where a limit
 *                           bites
 *   baseline_roomy          1,024 TDMRs and areas
 */
#include <stdlib.h>
#include <string.h>

#include <tdxcore/plan.h>
#include <tdxcore/version.h>

#include "../tests/plan/baseline.h"
#include "bench.h"

#define PAGE	 4096ull
#define MIB	 (1ull << 20)
#define GIB	 (1ull << 30)
#define PIECE	 (4 * MIB)
#define MAX_N	 100000u
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct machine {
	struct tdxc_plan_config config;
	struct tdxc_plan_ram *ram;
	struct tdxc_range *cmrs;
	void *scratch;
	size_t scratch_bytes;
	void *infos;
	size_t infos_bytes;
};

static void *get(size_t bytes)
{
	void *p = aligned_alloc(512, (bytes + 511) / 512 * 512);

	if (!p) {
		fprintf(stderr, "bench: out of memory\n");
		exit(EXIT_FAILURE);
	}
	return p;
}

static void machine_ram(struct machine *m, size_t n)
{
	size_t i;

	m->ram = get(n * sizeof(*m->ram));
	for (i = 0; i < n; i++) {
		uint64_t at = 4 * GIB + i * (PIECE + PAGE);

		m->ram[i].range.start = at;
		m->ram[i].range.end = at + (i + 1 < n ? PIECE : 64 * GIB);
		m->ram[i].node = 0;
	}
	m->config.ram = m->ram;
	m->config.nr_ram = n;
}

static void machine_cmrs(struct machine *m, int convertible)
{
	size_t n = m->config.nr_ram;
	size_t i;

	m->cmrs = get(n * sizeof(*m->cmrs));
	for (i = 0; i < n; i++)
		m->cmrs[i] = m->ram[i].range;
	if (convertible)
		m->cmrs[0].end = m->cmrs[n - 1].end;
	m->config.cmrs = m->cmrs;
	m->config.nr_cmrs = convertible ? 1 : n;
}

static void limits_make(struct tdxc_limits *limits, int roomy)
{
	*limits = tdxc_limits_observed();
	if (roomy) {
		limits->max_tdmrs = 1024;
		limits->max_reserved = 1024;
	}
}

static void machine_make(struct machine *m, size_t n, int convertible,
			 int roomy)
{
	memset(m, 0, sizeof(*m));
	m->config.abi = TDXC_ABI;
	limits_make(&m->config.limits, roomy);
	machine_ram(m, n);
	machine_cmrs(m, convertible);
	if (tdxc_plan_scratch_bytes(&m->config, &m->scratch_bytes)) {
		fprintf(stderr, "bench: refused\n");
		exit(EXIT_FAILURE);
	}
	m->scratch = get(m->scratch_bytes);
	m->infos_bytes = m->config.limits.max_tdmrs *
			 tdxc_tdmr_info_stride(m->config.limits.max_reserved);
	m->infos = get(m->infos_bytes);
}

static void machine_free(struct machine *m)
{
	free(m->ram);
	free(m->cmrs);
	free(m->scratch);
	free(m->infos);
}

static void plan_once(struct machine *m, struct tdxc_plan *plan)
{
	struct tdxc_plan_fault fault;

	if (tdxc_plan_make(plan, &m->config, m->scratch, m->scratch_bytes,
			   &fault) ||
	    tdxc_plan_seal(plan, m->infos, m->infos_bytes, &fault)) {
		fprintf(stderr, "bench: no plan: %s\n",
			tdxc_plan_fault_text(fault.kind));
		exit(EXIT_FAILURE);
	}
}

/* ns per range, growing with n: what a question costs. */
static double bench_plan(const char *name, size_t n, int convertible, int roomy,
			 uint64_t most)
{
	struct bench b = {.name = name, .param = n, .ops = n, .most = most};
	struct tdxc_plan plan;
	struct machine m;

	machine_make(&m, n, convertible, roomy);
	while (bench_more(&b)) {
		bench_start(&b);
		plan_once(&m, &plan);
		bench_stop(&b);
	}
	bench_print(&b);
	printf("# %s: %u TDMRs, %llu MiB PAMT, %llu MiB lost, scratch %zu "
	       "KiB\n",
	       name, plan.nr_tdmrs, (unsigned long long)(plan.pamt_bytes >> 20),
	       (unsigned long long)(plan.lost_bytes >> 20),
	       m.scratch_bytes >> 10);
	machine_free(&m);
	return bench_ns_per_op(&b);
}

static double bench_baseline(const char *name, size_t n, int roomy,
			     uint64_t most)
{
	static const char *const result[] = {"ok", "no RAM", "too many TDMRs",
					     "too many areas", "no room"};
	struct bench b = {.name = name, .param = n, .ops = n, .most = most};
	struct tdxc_limits limits;
	enum baseline_result got = BASELINE_OK;
	struct baseline base;
	struct machine m;

	memset(&m, 0, sizeof(m));
	machine_ram(&m, n);
	limits_make(&limits, roomy);
	baseline_alloc(&base, &limits, m.ram, n);
	while (bench_more(&b)) {
		bench_start(&b);
		got = baseline_run(&base);
		bench_stop(&b);
	}
	bench_print(&b);
	printf("# %s: %s, %u TDMRs, %llu MiB PAMT\n", name, result[got],
	       base.nr_tdmrs, (unsigned long long)(base.pamt_bytes >> 20));
	baseline_free(&base);
	machine_free(&m);
	return bench_ns_per_op(&b);
}

static void print_growth(const char *name, const double *ns, const size_t *n,
			 size_t count)
{
	size_t i;

	for (i = 1; i < count; i++)
		if (ns[i - 1] > 0)
			printf("# growth of %s from %zu to %zu ranges: "
			       "x %.2f per range\n",
			       name, n[i - 1], n[i], ns[i] / ns[i - 1]);
}

static double bench_one(size_t which, const char *name, size_t n, uint64_t most)
{
	switch (which) {
	case 0:
		return bench_plan(name, n, 1, 0, most);
	case 1:
		return bench_plan(name, n, 0, 0, most);
	case 2:
		return bench_plan(name, n, 0, 1, most);
	case 3:
		return bench_baseline(name, n, 0, most);
	default:
		return bench_baseline(name, n, 1, most);
	}
}

int main(int argc, char **argv)
{
	static const char *const names[] = {
		"plan_holes_convertible", "plan_holes_reserved",
		"plan_holes_reserved_roomy", "baseline", "baseline_roomy"};
	static const size_t sizes[] = {10, 1000, MAX_N};
	int quick = argc > 1 && !strcmp(argv[1], "--quick");
	size_t count = quick ? 2 : COUNT(sizes);
	double ns[COUNT(sizes)];
	size_t which;
	size_t i;

	if (argc > 2 || (argc > 1 && !quick)) {
		fprintf(stderr, "usage: %s [--quick]\n", argv[0]);
		return 2;
	}
	bench_header();
	for (which = 0; which < COUNT(names); which++) {
		for (i = 0; i < count; i++)
			ns[i] = bench_one(which, names[which], sizes[i],
					  quick ? 1 : 1000);
		print_growth(names[which], ns, sizes, count);
	}
	return EXIT_SUCCESS;
}
