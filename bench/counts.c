/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * One operation, N times: bench/counts.py runs it under callgrind, with N and
 * 2 N and once more without the operation, and takes the differences.
 *
 *   counts --list              names of the operations
 *   counts NAME N [empty]      N a multiple of 512
 *
 * Only measured() is counted: tables are prepared before, and what the
 * operations left behind is checked after it. Their answers are checked at
 * once, by the empty loop too.
 *
 * The frames are N neighbours in the shared half of a TD with 4 levels, or its
 * private half, in random order. Faults find no table below the root.
 */
#include <tdxcore/err.h>
#include <tdxcore/hotplug.h>
#include <tdxcore/iter.h>
#include <tdxcore/mirror.h>
#include <tdxcore/scan.h>
#include <tdxcore/seamcall.h>
#include <tdxcore/version.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mmu_port.h"

#define FIRST	  (5ull << 18 | 77 << 9) /* frame */
#define MEMORY_PA (3ull << 40)
#define SEED	  1

static uint64_t nr;    /* operations */
static uint64_t *gfns; /* in random order */

static void *get(size_t bytes)
{
	void *p = aligned_alloc(4096, (bytes + 4095) / 4096 * 4096);

	must(p != NULL, "out of memory");
	return p;
}

static uint64_t pa_of(uint64_t gfn)
{
	return MEMORY_PA + gfn * 4096;
}

static void shuffle_gfns(void)
{
	uint64_t random = SEED;
	uint64_t i;

	gfns = get(nr * sizeof(*gfns));
	for (i = 0; i < nr; i++) {
		uint64_t at;

		random = random * 6364136223846793005ull +
			 1442695040888963407ull;
		at = (random >> 33) % (i + 1);
		gfns[i] = gfns[at];
		gfns[at] = FIRST + i;
	}
}

/* --- an MMU on a port that does nothing ---------------------------------- */

static struct mmu_port port;
static struct tdxc_mmu mmu;
static struct tdxc_mmu_cpu cpu;
static struct tdxc_root *root;

static void make_mmu(enum tdxc_roots kind)
{
	port.bytes = (nr / 512 + 64) * 4096;
	port.memory = get(port.bytes);
	root = port_mmu(&port, &mmu, kind);
}

static void top_up(enum tdxc_memory memory)
{
	must(tdxc_mmu_topup(&mmu, &cpu, memory) == TDXC_OK, "no tables");
}

static void expect_mapped(void)
{
	const uint64_t fixed = TDXC_SPTE_PA_MASK | TDXC_SPTE_RWX;
	uint64_t i;

	for (i = 0; i < nr; i++) {
		struct tdxc_found f = tdxc_lookup(&root->tree, frame(gfns[i]));

		must(f.level == 1 && tdxc_spte_is_leaf(f.spte) &&
			     (f.spte.bits & fixed) ==
				     (pa_of(gfns[i]) | TDXC_SPTE_RWX),
		     "not mapped");
	}
}

static void expect_none(void)
{
	uint64_t i;

	for (i = 0; i < nr; i++) {
		struct tdxc_found f = tdxc_lookup(&root->tree, frame(gfns[i]));

		must(f.spte.bits == TDXC_SPTE_EMPTY_BITS, "still mapped");
	}
}

/* --- population ---------------------------------------------------------- */

static uint64_t *pages;

static void prepare_populate(void)
{
	uint64_t i;

	make_mmu(TDXC_ROOTS_DIRECT);
	pages = get(nr * sizeof(*pages));
	for (i = 0; i < nr; i++)
		pages[i] = pa_of(FIRST + i);
}

static void loop_populate(void)
{
	struct tdxc_populate p = {0};
	int err;

	p.like = port_fault(false);
	p.start = frame(FIRST);
	p.frames = nr;
	p.pages = pages;
	do {
		top_up(TDXC_MEMORY_SHARED);
		err = tdxc_mmu_populate(&mmu, root, &cpu, &p, TDXC_LOCK_SHARED);
	} while (err == TDXC_E_AGAIN);
	must(err == TDXC_OK && p.mapped == nr, "not populated");
}

/* What an operation on a range adds to an empty loop is all of it. */
static void loop_nothing(void)
{
}

/* --- lookups ------------------------------------------------------------- */

static void prepare_lookup(void)
{
	prepare_populate();
	loop_populate();
	expect_mapped();
}

static inline void lookups(struct tdxc_found (*lookup)(const struct tdxc_tree *,
						       struct tdxc_gfn))
{
	const struct tdxc_tree *tree = &root->tree;
	const uint64_t flags =
		tdxc_lookup(tree, frame(FIRST)).spte.bits - pa_of(FIRST);
	uint64_t i;

	OPAQUE(tree);
	for (i = 0; i < nr; i++) {
		uint64_t want = pa_of(gfns[i]) + flags;
		struct tdxc_found found = {1, {want}};

		if (lookup)
			found = lookup(tree, frame(gfns[i]));
		OPAQUE(found.spte.bits);
		OPAQUE(found.level);
		must(found.spte.bits == want && found.level == 1, "not found");
	}
}

static void loop_lookup(void)
{
	lookups(tdxc_lookup);
}

static void loop_lookup_inline(void)
{
	lookups(tdxc_lookup_inline);
}

static void loop_lookup_empty(void)
{
	lookups(NULL);
}

/* --- faults -------------------------------------------------------------- */

static inline void faults(bool is_private, bool call)
{
	enum tdxc_memory memory =
		is_private ? TDXC_MEMORY_PRIVATE : TDXC_MEMORY_SHARED;
	struct tdxc_fault fault = port_fault(is_private);
	uint64_t i;

	for (i = 0; i < nr; i++) {
		int got = TDXC_FAULT_FIXED;

		if (cpu.nr_spare[is_private] < LEVELS - 1)
			top_up(memory);
		fault.gfn.n = gfns[i];
		fault.pa = pa_of(gfns[i]);
		__asm__ volatile("" : : "r"(&fault) : "memory");
		if (call)
			got = tdxc_mmu_fault(&mmu, root, &cpu, &fault,
					     TDXC_LOCK_SHARED);
		else
			OPAQUE(got);
		must(got == TDXC_FAULT_FIXED, "not fixed");
	}
}

static void prepare_fault_direct(void)
{
	make_mmu(TDXC_ROOTS_DIRECT);
	top_up(TDXC_MEMORY_SHARED);
}

static void loop_fault_direct(void)
{
	faults(false, true);
}

static void loop_fault_direct_empty(void)
{
	faults(false, false);
}

static void prepare_fault_mirror(void)
{
	make_mmu(TDXC_ROOTS_MIRROR);
	top_up(TDXC_MEMORY_PRIVATE);
}

static void loop_fault_mirror(void)
{
	faults(true, true);
}

static void loop_fault_mirror_empty(void)
{
	faults(true, false);
}

/* --- zaps ---------------------------------------------------------------- */

static struct tdxc_zapped *zapped;
static uint64_t nr_zapped;

static void prepare_zap(void)
{
	prepare_lookup();
	zapped = get((nr + 1) * sizeof(*zapped));
	memset(zapped, 0, (nr + 1) * sizeof(*zapped));
}

static void loop_zap(void)
{
	struct tdxc_zap zap = {0};
	int err;

	zap.start = frame(FIRST);
	zap.end = frame(FIRST + nr);
	zap.reason = TDXC_ZAP_NOTIFIER;
	do {
		zap.out = zapped + nr_zapped;
		zap.room = nr + 1 - nr_zapped;
		err = tdxc_mmu_zap(&mmu, &cpu, &zap, TDXC_LOCK_SHARED);
		nr_zapped += zap.nr_out;
	} while (err == TDXC_E_AGAIN);
	must(err == TDXC_OK && nr_zapped == nr, "not zapped");
}

static void expect_zapped(void)
{
	uint64_t i;

	for (i = 0; i < nr; i++)
		must(zapped[i].gfn.n == FIRST + i && zapped[i].level == 1 &&
			     zapped[i].status == TDXC_OK &&
			     zapped[i].memory == TDXC_MEMORY_SHARED &&
			     tdxc_spte_pa(zapped[i].old) == pa_of(FIRST + i),
		     "zapped something else");
	expect_none();
}

/* --- SEAMCALLs ----------------------------------------------------------- */

static uint64_t empty_call(void *ctx, uint64_t rax,
			   struct tdxc_seamcall_regs *regs,
			   enum tdxc_seamcall_shape shape)
{
	(void)ctx;
	(void)rax;
	(void)regs;
	(void)shape;
	return 0;
}

static inline void seamcalls(bool call)
{
	const struct tdxc_seamcall_ops call_ops = {TDXC_ABI, empty_call};
	const struct tdxc_seamcall_port empty = {&call_ops, NULL};
	const struct tdxc_seamcall_limits limits = tdxc_seamcall_limits_usual();
	struct tdxc_seamcall_regs regs = {0};
	struct tdxc_seamcall_diag diag = {0};
	uint64_t i;

	for (i = 0; i < nr; i++) {
		int err = TDXC_OK;

		regs.rcx = pa_of(gfns[i]);
		__asm__ volatile("" : : "r"(&regs), "r"(&diag) : "memory");
		if (call)
			err = tdxc_seamcall(&empty, TDXC_MEM_PAGE_AUG, &regs,
					    TDXC_SEAMCALL_RET, &limits, &diag);
		else
			OPAQUE(err);
		must(err == TDXC_OK && diag.status == 0 &&
			     regs.rcx == pa_of(gfns[i]),
		     "no answer");
	}
}

static void loop_seamcall(void)
{
	seamcalls(true);
}

static void loop_seamcall_empty(void)
{
	seamcalls(false);
}

/* --- scans --------------------------------------------------------------- */

#define SHARED_BIT 51

static uint64_t *guest; /* root, two tables below it, leaf tables */
static uint64_t nr_shared;

/* N leaves of 4 KiB, every thousandth shared. */
static void prepare_scan(void)
{
	uint64_t i;

	guest = get((3 + nr / 512) * 4096);
	memset(guest, 0, (size_t)3 * 4096);
	guest[0] = 1 << 12 | TDXC_PTE_TABLE;
	guest[512] = 2 << 12 | TDXC_PTE_TABLE;
	must(nr / 512 <= 512, "N is at most 2^18");
	for (i = 0; i < nr / 512; i++)
		guest[1024 + i] = (3 + i) << 12 | TDXC_PTE_TABLE;
	for (i = 0; i < nr; i++) {
		uint64_t shared = i % 1000 == 499;

		guest[1536 + i] = pa_of(i) | shared << SHARED_BIT | 0x163;
		nr_shared += shared;
	}
}

static void loop_scan(void)
{
	struct tdxc_scan_config config = {0};
	struct tdxc_scan scan;
	struct tdxc_scan_leaf leaf;
	uint64_t found = 0;

	config.abi = TDXC_ABI;
	config.levels = 4;
	config.virt = (uint64_t)(size_t)guest;
	config.shared_bit = SHARED_BIT;
	config.polarity = TDXC_SHARED_IS_SET;
	config.pa_bits = 52;
	config.what = TDXC_SCAN_SHARED;
	config.end = nr * 4096;
	config.max_tables = 3 + nr / 512;
	must(tdxc_scan_begin(&scan, &config) == TDXC_OK, "not begun");
	while (tdxc_scan_next_leaf(&scan, &leaf) == TDXC_SCAN_LEAF)
		found += leaf.va == leaf.pa - MEMORY_PA;
	must(found == nr_shared, "not all that is shared was found");
}

/* --- hotplug -------------------------------------------------------------- */

#define NR_RANGES 1000u
#define MIB	  0x100000ull

/* 3 MiB of every 4 are TDX memory. */
static struct tdxc_range ranges[NR_RANGES];
static struct tdxc_hotplug_state platform;

static void prepare_hotplug(void)
{
	uint64_t i;

	for (i = 0; i < NR_RANGES; i++) {
		ranges[i].start = MEMORY_PA + i * 4 * MIB;
		ranges[i].end = ranges[i].start + 3 * MIB;
	}
	platform.abi = TDXC_ABI;
	platform.tdx = TDXC_HOTPLUG_TDX_UP;
	platform.cmrs = ranges;
	platform.nr_cmrs = NR_RANGES;
	platform.memory = ranges;
	platform.nr_memory = NR_RANGES;
}

/* May this MiB go online? The part that is not TDX memory is written, too. */
static inline void queries(bool call)
{
	uint64_t i;

	for (i = 0; i < nr; i++) {
		uint64_t mib = gfns[i] % (4 * NR_RANGES);
		bool in = mib % 4 != 3;
		struct tdxc_hotplug_verdict verdict = {
			in ? TDXC_HOTPLUG_ALLOW : TDXC_HOTPLUG_REFUSE,
			TDXC_HOTPLUG_NO_TDX, TDXC_HOTPLUG_ORDINARY, !in, false};
		struct tdxc_range range = {MEMORY_PA + mib * MIB, 0};
		struct tdxc_range part;
		int err = TDXC_OK;

		range.end = range.start + MIB;
		part = range;
		__asm__ volatile("" : : "r"(&range) : "memory");
		if (call)
			err = tdxc_hotplug_judge(&platform,
						 TDXC_HOTPLUG_MEMORY_ONLINE,
						 &range, &part, 1, &verdict);
		else
			OPAQUE(err);
		__asm__ volatile("" : : "r"(&verdict), "r"(&part) : "memory");
		must(err == TDXC_OK && verdict.nr == !in &&
			     (verdict.answer == TDXC_HOTPLUG_ALLOW) == in &&
			     part.start == range.start,
		     "another verdict");
	}
}

static void loop_hotplug(void)
{
	queries(true);
}

static void loop_hotplug_empty(void)
{
	queries(false);
}

/* ------------------------------------------------------------------------- */

static const struct operation {
	const char *name;
	void (*prepare)(void);
	void (*loop)(void);
	void (*empty)(void);
	void (*check)(void);
} operations[] = {
	{"lookup_4k", prepare_lookup, loop_lookup, loop_lookup_empty,
	 expect_mapped},
	{"lookup_inline_4k", prepare_lookup, loop_lookup_inline,
	 loop_lookup_empty, expect_mapped},
	{"fault_direct_4k", prepare_fault_direct, loop_fault_direct,
	 loop_fault_direct_empty, expect_mapped},
	{"fault_mirror_4k", prepare_fault_mirror, loop_fault_mirror,
	 loop_fault_mirror_empty, expect_mapped},
	{"populate_direct_4k", prepare_populate, loop_populate, loop_nothing,
	 expect_mapped},
	{"zap_direct_4k", prepare_zap, loop_zap, loop_nothing, expect_zapped},
	{"scan_4k", prepare_scan, loop_scan, loop_nothing, NULL},
	{"hotplug_query", prepare_hotplug, loop_hotplug, loop_hotplug_empty,
	 NULL},
	{"seamcall_wrapper", NULL, loop_seamcall, loop_seamcall_empty, NULL},
};

#define OPERATIONS (sizeof(operations) / sizeof(operations[0]))

/* Named on callgrind's command line: never inlined, never renamed. */
void measured(void (*loop)(void));
__attribute__((noinline)) void measured(void (*loop)(void))
{
	OPAQUE(loop);
	loop();
}

static void run(const struct operation *op, bool empty)
{
	shuffle_gfns();
	if (op->prepare)
		op->prepare();
	measured(empty ? op->empty : op->loop);
	if (op->check && !empty)
		op->check();
}

int main(int argc, char **argv)
{
	size_t i;

	if (argc == 2 && strcmp(argv[1], "--list") == 0) {
		for (i = 0; i < OPERATIONS; i++)
			puts(operations[i].name);
		return EXIT_SUCCESS;
	}
	must(argc >= 3, "see the top of bench/counts.c");
	nr = strtoull(argv[2], NULL, 0);
	must(nr > 0 && nr % 512 == 0, "N is a multiple of 512");
	for (i = 0; i < OPERATIONS; i++) {
		if (strcmp(operations[i].name, argv[1]) == 0) {
			run(&operations[i], argc > 3);
			return EXIT_SUCCESS;
		}
	}
	must(false, "no such operation");
	return EXIT_FAILURE;
}
