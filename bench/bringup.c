/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Bringing a module up, where a SEAMCALL lasts 20 microseconds: with one thread
 * for TDMR.INIT, with two, and by the serial method of Linux
 * (linux-host-tdx.md 3, 6), which reads each metadata field with a call of its
 * own and initialises one TDMR after another on one CPU.
 *
 *   bringup_SHAPE_threads  TDMR.INIT with param threads, per SEAMCALL
 *   bringup_SHAPE_serial   the same by the serial method; param: 1
 *   bringup_SHAPE_all_...  all of the bring-up, per bring-up
 *
 * Shapes are RAM in blocks of whole GiBs with holes between them, a TDMR each.
 * Ratios and counts are remarks in front. A count that is not the least the
 * module permits is a failure.
 *
 * --quick: once, and less of everything, to show that it runs.
 */
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "bringup.h"

#define GIB	   0x40000000ull
#define MIB	   0x100000ull
#define COST_NS	   20000u
#define PACKAGES   2u
#define LPS	   4u
#define MAX_BLOCKS 8u
#define REPS	   9u
#define MAX_REPS   30u
/* What the ratio of two threads to one should reach. */
#define WANTED 1.8
/* TDMR bytes that a call of TDMR.INIT gets through: 1,024 entries of 4K.
 * tdx-module-abi.md 5.1 */
#define CALL_BYTES (4 * MIB)

struct shape {
	const char *name;
	uint32_t nr_blocks;
	uint32_t gib[MAX_BLOCKS];
};

static const struct shape shapes[] = {
	{"even", 2, {8, 8}},
	{"three", 3, {4, 4, 4}},
	{"uneven", 5, {1, 7, 2, 4, 1}},
	{"one_large", 6, {8, 1, 3, 1, 2, 1}},
};
#define NR_SHAPES (sizeof(shapes) / sizeof(shapes[0]))

static const struct shape quick_shapes[] = {
	{"even", 2, {1, 1}},
	{"uneven", 3, {1, 2, 1}},
};
#define NR_QUICK_SHAPES (sizeof(quick_shapes) / sizeof(quick_shapes[0]))

/* Ways of bringing up. */
enum way { ONE_THREAD, TWO_THREADS, SERIAL, WAYS };

struct result {
	struct bench tdmrs;
	struct bench all;
	uint64_t calls;
	char names[2][48];
};

struct machine {
	struct tdxc_sim_machine machine;
	struct tdxc_sim_port port;
	struct tdxc_plan_ram ram[MAX_BLOCKS];
	struct tdxc_sim_platform platform;
};

static struct machine m;

static _Noreturn void give_up(const char *what, uint64_t value)
{
	fprintf(stderr, "bench: %s: 0x%llx\n", what, (unsigned long long)value);
	exit(EXIT_FAILURE);
}

static uint64_t gibs_of(const struct shape *shape)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < shape->nr_blocks; i++)
		sum += shape->gib[i];
	return sum;
}

/* Blocks with a hole of 8 GiB after each: to bridge it would cost more PAMT
 * than a TDMR of its own does. */
static void power_on(const struct shape *shape)
{
	struct tdxc_sim_platform *p = &m.platform;
	uint64_t at = 4 * GIB;

	memset(&m, 0, sizeof(m));
	p->abi = TDXC_ABI;
	p->profile = TDXC_SIM_PROFILE_NEWER;
	p->nr_lps = LPS;
	p->nr_packages = PACKAGES;
	p->pa_width = 52;
	p->keyid_bits = 6;
	p->shared_keyids = 31;
	p->private_keyids = 32;
	p->fms = 0x806F8;
	p->cache_blocks = 4;
	for (uint32_t i = 0; i < shape->nr_blocks; i++) {
		m.ram[i].range.start = at;
		m.ram[i].range.end = at + shape->gib[i] * GIB;
		p->cmrs[i].base = at;
		p->cmrs[i].size = shape->gib[i] * GIB;
		at = m.ram[i].range.end + 8 * GIB;
	}
	p->nr_cmrs = shape->nr_blocks;
	if (tdxc_sim_machine_init(&m.machine, p, 1) != 0)
		give_up("machine", 0);
	m.port.machine = &m.machine;
	m.port.cost_ns = COST_NS;
}

/* --- the library ---------------------------------------------------------- */

static void describe_bringup(const struct shape *shape, uint32_t threads,
			     struct tdxc_sim_bringup_config *config)
{
	*config = (struct tdxc_sim_bringup_config){
		.port = &m.port,
		.ram = m.ram,
		.nr_ram = shape->nr_blocks,
		.module_flags = TDXC_MODULE_STATIC_PAMT,
		.threads = threads,
		/* as often as the module reports progress */
		.calls_per_turn = (uint32_t)(GIB / CALL_BYTES),
	};
}

static void step_until(struct tdxc_sim_bringup *b, enum tdxc_module_step step)
{
	while (tdxc_module_step(&b->module) != step) {
		if (tdxc_sim_bringup_step(b) != TDXC_OK)
			give_up(tdxc_module_step_name(b->failed_step),
				b->diag.status);
	}
}

static void by_library(const struct shape *shape, uint32_t threads,
		       struct result *r)
{
	struct tdxc_sim_bringup_config config;
	struct tdxc_sim_bringup b;

	power_on(shape);
	describe_bringup(shape, threads, &config);
	if (tdxc_sim_bringup_init(&b, &config) != TDXC_OK)
		give_up("bring-up", 0);
	bench_start(&r->all);
	step_until(&b, TDXC_MODULE_TDMRS);
	bench_start(&r->tdmrs);
	step_until(&b, TDXC_MODULE_READY);
	bench_stop(&r->tdmrs);
	bench_stop(&r->all);
	if (b.module.nr_tdmrs != shape->nr_blocks)
		give_up("a layout of so many TDMRs", b.module.nr_tdmrs);
	r->calls = tdxc_sim_port_all_calls(&m.port);
	tdxc_sim_bringup_fini(&b);
	tdxc_sim_machine_fini(&m.machine);
}

/* --- the serial method ---------------------------------------------------- */

/* In Linux's order; the last is the length of the CPUID arrays. */
static const uint64_t fields[] = {
	0x0800000100000003, 0x0800000100000004, 0x0800000100000005,
	0x0A00000300000008, 0x9100000100000008, 0x9100000100000009,
	0x9100000100000010, 0x9100000100000011, 0x9100000100000012,
	0x9800000100000000, 0x9800000100000100, 0x9800000100000200,
	0x1900000300000000, 0x1900000300000001, 0x1900000300000002,
	0x1900000300000003, 0x9900000100000008, 0x9900000100000004,
};
#define NR_FIELDS    (sizeof(fields) / sizeof(fields[0]))
#define CPUID_LEAVES 0x9900000300000400ull
#define CPUID_VALUES 0x9900000300000500ull

static struct tdxc_seamcall_regs call(uint64_t leaf, uint64_t rcx, uint64_t rdx,
				      uint64_t r8)
{
	struct tdxc_seamcall_limits limits = tdxc_seamcall_limits_usual();
	struct tdxc_seamcall_port port = tdxc_sim_port_seamcall(&m.port);
	struct tdxc_seamcall_regs regs = {rcx, rdx, r8, 0, 0, 0};
	struct tdxc_seamcall_diag diag;

	if (tdxc_seamcall(&port, leaf, &regs, TDXC_SEAMCALL_RET, &limits,
			  &diag) != TDXC_OK)
		give_up(tdxc_leaf_name(leaf), diag.status);
	return regs;
}

static uint64_t read_field(uint64_t field)
{
	return call(TDXC_SYS_RD, 0, field, 0).r8;
}

/* Returns the calls made. */
static uint64_t read_serially(void)
{
	uint64_t last = 0;

	for (size_t i = 0; i < NR_FIELDS; i++)
		last = read_field(fields[i]);
	for (uint64_t i = 0; i < last; i++) {
		(void)read_field(CPUID_LEAVES + i);
		(void)read_field(CPUID_VALUES + 2 * i);
		(void)read_field(CPUID_VALUES + 2 * i + 1);
	}
	return NR_FIELDS + 3 * last;
}

static void init_serially(const struct tdxc_module *module)
{
	for (uint32_t i = 0; i < module->nr_tdmrs; i++) {
		struct tdxc_range tdmr = module->tdmrs[i].range;
		uint64_t next;

		do {
			next = call(TDXC_SYS_TDMR_INIT, tdmr.start, 0, 0).rdx;
		} while (next < tdmr.end);
	}
}

static void give_keys(void)
{
	uint64_t seen = 0;

	for (uint32_t lp = 0; lp < LPS; lp++) {
		uint64_t package = 1ull << lp * PACKAGES / LPS;

		tdxc_sim_port_enter(lp);
		if ((seen & package) == 0)
			(void)call(TDXC_SYS_KEY_CONFIG, 0, 0, 0);
		seen |= package;
	}
	tdxc_sim_port_enter(0);
}

/* A layout to configure: the library's, so that both have the same to do. Its
 * calls and their cost are not counted. */
static void lay_out(const struct shape *shape, struct tdxc_sim_bringup *b)
{
	struct tdxc_sim_bringup_config config;

	power_on(shape);
	m.port.cost_ns = 0;
	describe_bringup(shape, 1, &config);
	if (tdxc_sim_bringup_init(b, &config) != TDXC_OK)
		give_up("bring-up", 0);
	step_until(b, TDXC_MODULE_CONFIG);
	tdxc_sim_machine_fini(&m.machine);
	power_on(shape);
}

static void hand_over(const struct tdxc_sim_bringup *b)
{
	const struct tdxc_module_config *c = &b->module.config;
	uint64_t bytes = b->module.nr_tdmrs * sizeof(uint64_t);

	if (tdxc_sim_port_publish(&m.port, c->infos_pa, b->infos,
				  c->infos_bytes) != TDXC_OK ||
	    tdxc_sim_port_publish(&m.port, c->pointers_pa, b->pointers,
				  bytes) != TDXC_OK)
		give_up("memory", 0);
	(void)call(TDXC_SYS_CONFIG, c->pointers_pa, b->module.nr_tdmrs,
		   c->global_keyid);
}

/* Returns the SYS.RD calls made. */
static uint64_t by_serial_method(const struct shape *shape, struct result *r)
{
	struct tdxc_sim_bringup layout;
	uint64_t reads;

	lay_out(shape, &layout);
	bench_start(&r->all);
	(void)call(TDXC_SYS_INIT, 0, 0, 0);
	for (uint32_t lp = 0; lp < LPS; lp++) {
		tdxc_sim_port_enter(lp);
		(void)call(TDXC_SYS_LP_INIT, 0, 0, 0);
	}
	tdxc_sim_port_enter(0);
	reads = read_serially();
	hand_over(&layout);
	for (uint32_t lp = 0; lp < LPS; lp++)
		(void)tdxc_sim_machine_wbinvd(&m.machine, lp);
	give_keys();
	bench_start(&r->tdmrs);
	init_serially(&layout.module);
	bench_stop(&r->tdmrs);
	bench_stop(&r->all);
	r->calls = tdxc_sim_port_all_calls(&m.port);
	tdxc_sim_bringup_fini(&layout);
	tdxc_sim_machine_fini(&m.machine);
	return reads;
}

/* --- what came out -------------------------------------------------------- */

/* Every CPU and every package has its call, metadata that fits a page is read
 * with one, and each call of TDMR.INIT does as much as the module lets it. */
static uint64_t fewest_calls(const struct shape *shape)
{
	uint64_t sys_init = 1;
	uint64_t sys_rdall = 1;
	uint64_t sys_config = 1;

	return sys_init + LPS + sys_rdall + sys_config + PACKAGES +
	       gibs_of(shape) * GIB / CALL_BYTES;
}

static double ratio(const struct bench *a, const struct bench *b)
{
	return b->best == 0 ? 0 : (double)a->best / (double)b->best;
}

/* Two threads share the work by whole GiBs, and a TDMR is one thread's. */
static double best_ratio(const struct shape *shape)
{
	uint64_t gibs = gibs_of(shape);
	uint64_t longest = (gibs + 1) / 2;

	for (uint32_t i = 0; i < shape->nr_blocks; i++) {
		if (shape->gib[i] > longest)
			longest = shape->gib[i];
	}
	return (double)gibs / (double)longest;
}

static void check_counts(const struct shape *shape, const struct result *r,
			 uint64_t reads)
{
	uint64_t fewest = fewest_calls(shape);

	if (r[ONE_THREAD].calls != fewest || r[TWO_THREADS].calls != fewest)
		give_up("SEAMCALLs, more or less than the module permits",
			r[TWO_THREADS].calls);
	if (r[SERIAL].calls != fewest - 1 + reads)
		give_up("SEAMCALLs of the serial method", r[SERIAL].calls);
}

static void print_ratios(const struct shape *shape, const struct result *r,
			 uint64_t reads)
{
	double threads = ratio(&r[ONE_THREAD].tdmrs, &r[TWO_THREADS].tdmrs);
	double serial = ratio(&r[SERIAL].all, &r[TWO_THREADS].all);

	printf("# %s, %u TDMRs, %llu GiB\n", shape->name, shape->nr_blocks,
	       (unsigned long long)gibs_of(shape));
	printf("#   TDMR.INIT, 2 threads against 1: %.2f times as fast (%s "
	       "%.1f; no schedule of whole GiBs is better than %.2f)\n",
	       threads, threads >= WANTED ? "at least" : "less than", WANTED,
	       best_ratio(shape));
	printf("#   all, 2 threads against the serial method: %.2f times as "
	       "fast\n",
	       serial);
	printf("#   SEAMCALLs: %llu, which is the fewest that the module "
	       "permits; serial method: %llu, of them SYS.RD %llu\n",
	       (unsigned long long)r[TWO_THREADS].calls,
	       (unsigned long long)r[SERIAL].calls, (unsigned long long)reads);
}

static bool is_low(const struct result *r)
{
	return ratio(&r[ONE_THREAD].tdmrs, &r[TWO_THREADS].tdmrs) < WANTED;
}

static void prepare(const struct shape *shape, struct result *r)
{
	static const char *const ways[WAYS] = {"threads", "threads", "serial"};

	memset(r, 0, WAYS * sizeof(*r));
	for (int w = 0; w < WAYS; w++) {
		snprintf(r[w].names[0], sizeof(r[w].names[0]), "bringup_%s_%s",
			 shape->name, ways[w]);
		snprintf(r[w].names[1], sizeof(r[w].names[1]),
			 "bringup_%s_all_%s", shape->name, ways[w]);
		r[w].tdmrs.name = r[w].names[0];
		r[w].tdmrs.param = w == TWO_THREADS ? 2 : 1;
		r[w].tdmrs.ops = gibs_of(shape) * GIB / CALL_BYTES;
		r[w].all.name = r[w].names[1];
		r[w].all.param = r[w].tdmrs.param;
		r[w].all.ops = 1;
	}
}

/* By turns, so that what else runs here disturbs all ways alike. It can only
 * lower the ratio, because no way is faster than its calls last: one that is
 * low is measured again. */
static uint64_t measure(const struct shape *shape, struct result *r,
			uint64_t reps, uint64_t most)
{
	uint64_t reads = 0;

	prepare(shape, r);
	for (uint64_t i = 0; i < reps || (i < most && is_low(r)); i++) {
		by_library(shape, 1, &r[ONE_THREAD]);
		by_library(shape, 2, &r[TWO_THREADS]);
		reads = by_serial_method(shape, &r[SERIAL]);
		check_counts(shape, r, reads);
	}
	return reads;
}

int main(int argc, char **argv)
{
	int quick = argc > 1 && strcmp(argv[1], "--quick") == 0;
	const struct shape *all = quick ? quick_shapes : shapes;
	size_t nr = quick ? NR_QUICK_SHAPES : NR_SHAPES;
	static struct result results[NR_SHAPES][WAYS];

	for (size_t i = 0; i < nr; i++) {
		uint64_t reads = measure(&all[i], results[i], quick ? 1 : REPS,
					 quick ? 1 : MAX_REPS);

		print_ratios(&all[i], results[i], reads);
		fflush(stdout);
	}
	bench_header();
	for (size_t i = 0; i < nr; i++) {
		for (int w = 0; w < WAYS; w++) {
			bench_print(&results[i][w].tdmrs);
			bench_print(&results[i][w].all);
		}
	}
	return EXIT_SUCCESS;
}
