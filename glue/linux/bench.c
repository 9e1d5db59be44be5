// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause-Patent)
/*
 * Micro-benchmarks: a JSON line for each, nanoseconds per operation of the
 * fastest of REPEATS runs. With preemption on, as the operations themselves
 * run; the fastest run is the one that nobody disturbed.
 */
#include <linux/debugfs.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/smp.h>

#include "bench.h"
#include "mmu.h"
#include "tdxc_linux.h"

#define REPEATS 5
#define FRAMES	(1ull << 14)

struct bench {
	struct tdxc_linux_mmu mmu;
	struct tdxc_linux_mmu_cpu cpu;
	struct tdxc_zapped out[512];
	bool td;
	u64 wrong; /* operations that did not do what they should */
};

/* Nanoseconds for `*n` operations. */
typedef u64 (*measure)(struct bench *b, u64 *n);

/* Every frame once, in an order that no cache foresees. */
static u64 nth_frame(u64 i)
{
	return (i * 0x9E5 + 77) % FRAMES;
}

static int touch(struct bench *b, u64 gfn)
{
	struct tdxc_fault fault = {
		.gfn = {gfn},
		.pa = 0x100000000ull + (gfn << PAGE_SHIFT),
		.sequence = tdxc_linux_mmu_sequence(&b->mmu),
		.level = TDXC_LEVEL_4K,
		.memory_type = 6,
		.is_private = b->td,
		.write = true,
		.host_writable = true,
	};

	return tdxc_linux_mmu_fault(&b->mmu, &b->cpu, &fault);
}

static u64 fault(struct bench *b, u64 *n)
{
	u64 begin = ktime_get_ns(), i;

	for (i = 0; i < FRAMES; i++)
		b->wrong += touch(b, nth_frame(i)) != TDXC_FAULT_FIXED;
	*n = FRAMES;
	return ktime_get_ns() - begin;
}

static u64 zap(struct bench *b, u64 *n)
{
	struct tdxc_zap z = {.end = {FRAMES},
			     .reason = TDXC_ZAP_SLOT_DELETED,
			     .out = b->out,
			     .room = ARRAY_SIZE(b->out)};
	u64 begin = ktime_get_ns(), pages = 0;
	int err;

	tdxc_linux_mmu_invalidate_begin(&b->mmu);
	do {
		err = tdxc_linux_mmu_zap(&b->mmu, &b->cpu, &z);
		pages += z.nr_out;
	} while (err == TDXC_E_AGAIN);
	tdxc_linux_mmu_invalidate_end(&b->mmu);
	begin = ktime_get_ns() - begin;
	b->wrong += err || pages != FRAMES;
	*n = FRAMES;
	return begin;
}

/* The walk alone, as a fault handler makes it: root and section are there. */
static u64 lookup(struct bench *b, u64 *n)
{
	struct tdxc_found found;
	struct tdxc_root *root;
	u64 begin, i;

	*n = FRAMES;
	down_read(&b->mmu.lock);
	if (tdxc_root_get(&b->mmu.mmu,
			  b->td ? TDXC_ROOTS_MIRROR : TDXC_ROOTS_DIRECT,
			  &root)) {
		b->wrong++;
		up_read(&b->mmu.lock);
		return 0;
	}
	rcu_read_lock();
	begin = ktime_get_ns();
	for (i = 0; i < FRAMES; i++) {
		found = tdxc_lookup(&root->tree,
				    (struct tdxc_gfn){nth_frame(i)});
		b->wrong += found.level != 1;
	}
	begin = ktime_get_ns() - begin;
	rcu_read_unlock();
	b->wrong += tdxc_root_put(&b->mmu.mmu, root) != TDXC_OK;
	up_read(&b->mmu.lock);
	return begin;
}

/* The direct map of this kernel, by entry of a leaf table. */
static u64 scan(struct bench *b, u64 *n)
{
	struct tdxc_scan_config config;
	struct tdxc_scan_leaf leaf;
	struct tdxc_scan scan;
	u64 begin;

	if (tdxc_linux_walk_begin(&config)) {
		b->wrong++;
		*n = 1;
		return 0;
	}
	config.start = PAGE_OFFSET;
	config.end = PAGE_OFFSET + ((u64)totalram_pages() << PAGE_SHIFT);
	begin = ktime_get_ns();
	b->wrong += tdxc_scan_begin(&scan, &config) ||
		    tdxc_scan_next_leaf(&scan, &leaf) != TDXC_SCAN_END;
	begin = ktime_get_ns() - begin;
	*n = max_t(u64, scan.tables_read, 1) * 512;
	tdxc_linux_walk_end(&config);
	return begin;
}

static u64 flush_one(struct bench *b, u64 *n)
{
	u64 begin = ktime_get_ns();

	tdxc_linux_wbinvd();
	*n = 1;
	return ktime_get_ns() - begin;
}

static u64 flush_all(struct bench *b, u64 *n)
{
	u64 begin = ktime_get_ns();

	tdxc_linux_wbinvd_all();
	*n = 1;
	return ktime_get_ns() - begin;
}

static u64 gate(struct bench *b, u64 *n)
{
	struct tdxc_gate gate = {};
	u64 begin = ktime_get_ns(), i;

	*n = 100000;
	for (i = 0; i < *n; i++)
		b->wrong += tdxc_gate_begin(&gate) || tdxc_gate_end(&gate);
	return ktime_get_ns() - begin;
}

static u64 seamcall(struct bench *b, u64 *n)
{
	struct tdxc_seamcall_port port = tdxc_linux_seamcall_port();
	struct tdxc_seamcall_regs regs = {};
	u64 begin = ktime_get_ns(), i;

	*n = 1000;
	for (i = 0; i < *n; i++)
		port.ops->call(port.ctx, TDXC_SYS_RD, &regs, TDXC_SEAMCALL_IN);
	return ktime_get_ns() - begin;
}

/* --- the file ------------------------------------------------------------- */

/* Reading the file measures for seconds: one reader at a time. */
static DEFINE_MUTEX(measuring);

static void line(struct seq_file *m, struct bench *b, const char *name,
		 u64 best, u64 n)
{
	u64 ps = div64_u64(best * 1000, n);

	seq_printf(m,
		   "{\"name\": \"%s\", \"ns\": %llu.%03llu, \"ops\": %llu, "
		   "\"wrong\": %llu}\n",
		   name, ps / 1000, ps % 1000, n, b->wrong);
}

static void once(struct seq_file *m, struct bench *b, const char *name,
		 measure measure)
{
	u64 best = U64_MAX, n = 1;
	u32 i;

	for (i = 0; i < REPEATS; i++) {
		best = min(best, measure(b, &n));
		cond_resched();
	}
	line(m, b, name, best, n);
}

/* What one does the next undoes. */
static void tree(struct seq_file *m, struct bench *b, bool td)
{
	static const char *const names[2][3] = {
		{"fault_direct_4k", "lookup_direct_4k", "zap_direct_4k"},
		{"fault_mirror_4k", "lookup_mirror_4k", "zap_mirror_4k"},
	};
	static const measure measures[3] = {fault, lookup, zap};
	u64 best[3] = {U64_MAX, U64_MAX, U64_MAX}, n[3] = {1, 1, 1};
	u32 i, k;

	b->td = td;
	for (i = 0; i < REPEATS; i++) {
		for (k = 0; k < 3; k++) {
			best[k] = min(best[k], measures[k](b, &n[k]));
			cond_resched();
		}
	}
	for (k = 0; k < 3; k++)
		line(m, b, names[td][k], best[k], n[k]);
}

static int bench_show(struct seq_file *m, void *unused)
{
	struct tdxc_linux_mmu_config config = {
		.levels = 4,
		.end = tdxc_alias_bit(4),
		.td = true,
		.pages = &tdxc_linux_td_ops,
	};
	struct bench *b = kvzalloc(sizeof(*b), GFP_KERNEL);
	int err;

	if (!b)
		return -ENOMEM;
	mutex_lock(&measuring);
	tdxc_linux_mmu_cpu_init(&b->cpu);
	err = tdxc_linux_mmu_init(&b->mmu, &config);
	if (!err) {
		tree(m, b, false);
		tree(m, b, true);
		once(m, b, "scan_entry", scan);
		once(m, b, "flush_one_cpu", flush_one);
		once(m, b, "flush_all_cpus", flush_all);
		once(m, b, "gate_begin_end", gate);
		once(m, b, "seamcall", seamcall);
		err = tdxc_linux_mmu_destroy(&b->mmu, &b->cpu);
	}
	mutex_unlock(&measuring);
	kvfree(b);
	return err;
}
DEFINE_SHOW_ATTRIBUTE(bench);

void tdxc_linux_bench_debugfs(struct dentry *root)
{
	if (tdxc_linux_param_bench())
		debugfs_create_file("bench", 0400, root, NULL, &bench_fops);
}
