/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * The software TDX platform, line model off.
 *
 *   sim_aug        MEM.PAGE.AUG of 4K, per call, one thread; param: pages
 *   sim_block      MEM.RANGE.BLOCK of those pages, per call
 *   sim_remove     MEM.PAGE.REMOVE of those pages, per call
 *   sim_bring_up   a machine of so many GiB from nothing to READY, all TDMRs
 *                  initialised, per machine; the remark after it tells what
 *                  of this computer's memory that took
 *   sim_audit      the auditor over 8 GiB with those pages in one TD
 *
 * --quick: small sizes, to show that it runs.
 */
#include <stdlib.h>
#include <string.h>

#include "../tests/sim/sim_fixture.h"
#include "audit.h"
#include "bench.h"

#define GPA 0x40000000ull

static struct sim_fixture f;
static struct sim_td td;

static void must(uint64_t status, const char *what)
{
	if (status == 0)
		return;
	fprintf(stderr, "bench: %s: %llx\n", what, (unsigned long long)status);
	exit(EXIT_FAILURE);
}

/* One call for each page, and nothing else in the loop. */
static void on_all(uint64_t leaf, uint64_t pages, uint64_t first)
{
	struct tdxc_sim_module *m = &f.machine.module;

	for (uint64_t i = 0; i < pages; i++) {
		struct tdxc_sim_regs regs = {{leaf, GPA + i * 4096, td.tdr}};

		regs.gpr[TDXC_SIM_R8] = first + i * 4096;
		(void)tdxc_sim_seamcall(m, 0, &regs);
		must(regs.gpr[TDXC_SIM_RAX], "a call of the loop");
	}
}

static void bench_pages(uint64_t pages)
{
	const struct sim_shape shape = {
		.nr_lps = 2,
		.nr_packages = 1,
		.nr_tdmrs = 4,
		.gib = 2,
	};
	struct bench aug = {"sim_aug", pages, pages, 50, 0, 0, 0, 0};
	struct bench block = {"sim_block", pages, pages, 50, 0, 0, 0, 0};
	struct bench take = {"sim_remove", pages, pages, 50, 0, 0, 0, 0};
	struct bench audit = {"sim_audit", pages, 1, 50, 0, 0, 0, 0};
	struct tdxc_sim_violation v;

	must(sim_up(&f, &shape), "bring-up");
	must(sim_td_build(&f, &td, 40, 1), "TD");
	for (uint64_t i = 0; i < pages; i += 512)
		must(sim_td_tables(&f, &td, GPA + i * 4096, 0), "tables");
	while (bench_more(&aug)) {
		uint64_t first = f.base + TDXC_SIZE_1G;

		bench_start(&aug);
		on_all(6, pages, first);
		bench_stop(&aug);
		bench_start(&block);
		on_all(7, pages, 0);
		bench_stop(&block);
		bench_start(&audit);
		must((uint64_t)tdxc_sim_audit(&f.machine, &v), v.text);
		bench_stop(&audit);
		bench_start(&take);
		on_all(29, pages, 0);
		bench_stop(&take);
	}
	bench_print(&aug);
	bench_print(&block);
	bench_print(&take);
	bench_print(&audit);
	sim_down(&f);
}

/* The most this process ever had, in KiB. 0: this system does not say. */
static unsigned long resident_kib(void)
{
	FILE *status = fopen("/proc/self/status", "r");
	unsigned long kib = 0;
	char line[128];

	while (status && fgets(line, sizeof(line), status)) {
		if (strncmp(line, "VmHWM:", 6) == 0)
			kib = strtoul(line + 6, NULL, 10);
	}
	if (status)
		(void)fclose(status);
	return kib;
}

static void bench_bring_up(uint64_t gib)
{
	const struct sim_shape shape = {
		.nr_lps = 8,
		.nr_packages = 2,
		.nr_tdmrs = 4,
		.gib = gib / 4,
	};
	struct bench b = {"sim_bring_up", gib, 1, 3, 0, 0, 0, 0};

	while (bench_more(&b)) {
		bench_start(&b);
		must(sim_up(&f, &shape), "bring-up");
		bench_stop(&b);
		sim_down(&f);
	}
	bench_print(&b);
	printf("# resident at most: %lu KiB\n", resident_kib());
}

int main(int argc, char **argv)
{
	int quick = argc > 1 && strcmp(argv[1], "--quick") == 0;

	bench_header();
	bench_bring_up(quick ? 16 : 1024);
	bench_bring_up(quick ? 64 : 16384);
	bench_pages(quick ? 2048 : 65536);
	return EXIT_SUCCESS;
}
