// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause-Patent)
/* The MMU with the kernel's own locks, memory and RCU. */
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/random.h>
#include <linux/slab.h>

#include "../mmu.h"
#include "../tdxc_linux.h"
#include "selftest.h"

#define FRAMES	(1ull << 14)
#define THREADS 4

struct guest {
	struct tdxc_linux_mmu mmu;
	struct tdxc_linux_mmu_cpu cpu[THREADS];
};

static struct guest *guest_new(bool td)
{
	struct tdxc_linux_mmu_config config = {
		.levels = 4,
		.end = td ? tdxc_alias_bit(4) : 1ull << 36,
		.td = td,
		.pages = &tdxc_linux_td_ops,
	};
	struct guest *g = kvzalloc(sizeof(*g), GFP_KERNEL);
	u32 i;

	if (!g)
		return NULL;
	for (i = 0; i < THREADS; i++)
		tdxc_linux_mmu_cpu_init(&g->cpu[i]);
	if (tdxc_linux_mmu_init(&g->mmu, &config)) {
		kvfree(g);
		return NULL;
	}
	return g;
}

/* What is left afterwards: the tables that nobody freed; or an error. */
static s64 guest_end(struct guest *g)
{
	s64 left;
	u32 i;
	int err;

	for (i = 1; i < THREADS; i++)
		tdxc_linux_mmu_cpu_release(&g->mmu, &g->cpu[i]);
	err = tdxc_linux_mmu_destroy(&g->mmu, &g->cpu[0]);
	left = err ? err : atomic64_read(&g->mmu.tables);
	kvfree(g);
	return left;
}

static u64 page_of(u64 gfn)
{
	return 0x100000000ull + (gfn << PAGE_SHIFT);
}

static int touch(struct guest *g, u32 thread, bool is_private, u64 gfn)
{
	struct tdxc_fault fault = {
		.gfn = {gfn},
		.pa = page_of(gfn),
		.sequence = tdxc_linux_mmu_sequence(&g->mmu),
		.level = TDXC_LEVEL_4K,
		.memory_type = 6,
		.is_private = is_private,
		.write = true,
		.host_writable = true,
	};

	return tdxc_linux_mmu_fault(&g->mmu, &g->cpu[thread], &fault);
}

/* Pages that went; an error when it did not come to its end. */
static s64 zap(struct guest *g, u32 thread, u64 start, u64 end,
	       enum tdxc_zap_reason reason)
{
	struct tdxc_zapped out[16];
	struct tdxc_zap z = {.start = {start},
			     .end = {end},
			     .reason = reason,
			     .out = out,
			     .room = ARRAY_SIZE(out)};
	s64 pages = 0;
	int err;

	tdxc_linux_mmu_invalidate_begin(&g->mmu);
	do {
		err = tdxc_linux_mmu_zap(&g->mmu, &g->cpu[thread], &z);
		pages += (s64)z.nr_out;
		cond_resched();
	} while (err == TDXC_E_AGAIN);
	tdxc_linux_mmu_invalidate_end(&g->mmu);
	return err ? err : pages;
}

static enum tdxc_selftest_result one_fault(char *why, bool td)
{
	struct guest *g = guest_new(td);
	struct tdxc_found found;
	int first, second;
	s64 left;

	TDXC_EXPECT(g);
	first = touch(g, 0, td, 7);
	second = touch(g, 0, td, 7);
	found = tdxc_linux_mmu_lookup(&g->mmu, td, 7);
	left = td ? zap(g, 0, 0, FRAMES, TDXC_ZAP_SLOT_DELETED) : 1;
	TDXC_EXPECT_EQ(guest_end(g), 0);
	TDXC_EXPECT_EQ(first, TDXC_FAULT_FIXED);
	TDXC_EXPECT_EQ(second, TDXC_FAULT_SPURIOUS);
	TDXC_EXPECT_EQ(found.level, 1);
	TDXC_EXPECT_EQ(tdxc_spte_pa(found.spte), page_of(7));
	TDXC_EXPECT_EQ(left, 1);
	return TDXC_SELFTEST_OK;
}

static enum tdxc_selftest_result direct_fault(char *why)
{
	return one_fault(why, false);
}

static enum tdxc_selftest_result mirror_fault(char *why)
{
	return one_fault(why, true);
}

static enum tdxc_selftest_result zap_counts(char *why, bool td)
{
	struct guest *g = guest_new(td);
	struct tdxc_found found;
	s64 first, second;
	u64 i, bad = 0;

	TDXC_EXPECT(g);
	for (i = 0; i < 1500; i++)
		bad += touch(g, 0, td, i) != TDXC_FAULT_FIXED;
	first = zap(g, 0, 100, 1100, TDXC_ZAP_SLOT_DELETED);
	found = tdxc_linux_mmu_lookup(&g->mmu, td, 100);
	second = zap(g, 0, 0, FRAMES, TDXC_ZAP_SLOT_DELETED);
	TDXC_EXPECT_EQ(guest_end(g), 0);
	TDXC_EXPECT_EQ(bad, 0);
	TDXC_EXPECT_EQ(first, 1000);
	TDXC_EXPECT(!tdxc_spte_is_leaf(found.spte));
	TDXC_EXPECT_EQ(second, 500);
	return TDXC_SELFTEST_OK;
}

static enum tdxc_selftest_result direct_zap(char *why)
{
	return zap_counts(why, false);
}

static enum tdxc_selftest_result mirror_zap(char *why)
{
	return zap_counts(why, true);
}

static enum tdxc_selftest_result stale_fault(char *why)
{
	struct guest *g = guest_new(true);
	int during, after;
	s64 left;

	TDXC_EXPECT(g);
	tdxc_linux_mmu_invalidate_begin(&g->mmu);
	during = touch(g, 0, true, 3);
	tdxc_linux_mmu_invalidate_end(&g->mmu);
	after = touch(g, 0, true, 3);
	left = zap(g, 0, 0, FRAMES, TDXC_ZAP_SLOT_DELETED);
	TDXC_EXPECT_EQ(guest_end(g), 0);
	TDXC_EXPECT_EQ(during, TDXC_FAULT_RETRY);
	TDXC_EXPECT_EQ(after, TDXC_FAULT_FIXED);
	TDXC_EXPECT_EQ(left, 1);
	return TDXC_SELFTEST_OK;
}

/* --- several CPUs --------------------------------------------------------- */

struct job {
	struct guest *guest;
	u32 thread;
	u32 rounds;
	bool td;
	bool zaps;
	u64 seed;
	s64 fixed;
	s64 zapped;
	u64 odd; /* answers that may not be */
	struct completion done;
};

static u64 next_random(u64 *seed)
{
	*seed = *seed * 6364136223846793005ull + 1442695040888963407ull;
	return *seed >> 33;
}

static void fault_some(struct job *job)
{
	u64 gfn = next_random(&job->seed) % FRAMES;
	int result = touch(job->guest, job->thread, job->td, gfn);

	if (result == TDXC_FAULT_FIXED)
		job->fixed++;
	else if (result != TDXC_FAULT_SPURIOUS && result != TDXC_FAULT_RETRY &&
		 result != TDXC_E_AGAIN)
		job->odd++;
}

static void zap_some(struct job *job)
{
	u64 start = next_random(&job->seed) % FRAMES;
	u64 end = min(FRAMES, start + 1 + next_random(&job->seed) % 700);
	s64 pages =
		zap(job->guest, job->thread, start, end, TDXC_ZAP_SLOT_DELETED);

	if (pages < 0)
		job->odd++;
	else
		job->zapped += pages;
}

static int work(void *arg)
{
	struct job *job = arg;
	u32 i;

	for (i = 0; i < job->rounds; i++) {
		if (job->zaps && i % 64 == 0)
			zap_some(job);
		else
			fault_some(job);
		cond_resched();
	}
	complete(&job->done);
	return 0;
}

/* Each on a CPU of its own, where there are as many. */
static void run_jobs(struct job *jobs, u32 nr)
{
	struct task_struct *task;
	u32 i, cpu = 0;

	for (i = 0; i < nr; i++) {
		init_completion(&jobs[i].done);
		task = kthread_create(work, &jobs[i], "tdxcore-test/%u", i);
		if (IS_ERR(task)) {
			jobs[i].odd++;
			complete(&jobs[i].done);
			continue;
		}
		kthread_bind(task, cpu);
		wake_up_process(task);
		cpu = cpumask_next((int)cpu, cpu_online_mask);
		if (cpu >= nr_cpu_ids)
			cpu = cpumask_first(cpu_online_mask);
	}
	for (i = 0; i < nr; i++)
		wait_for_completion(&jobs[i].done);
}

static enum tdxc_selftest_result together(char *why, bool td, bool zaps)
{
	struct guest *g = guest_new(td);
	struct job jobs[THREADS] = {};
	s64 fixed = 0, zapped = 0;
	u64 odd = 0;
	s64 rest;
	u32 i;

	TDXC_EXPECT(g);
	for (i = 0; i < THREADS; i++) {
		jobs[i].guest = g;
		jobs[i].thread = i;
		jobs[i].rounds = 4000;
		jobs[i].td = td;
		jobs[i].zaps = zaps;
		jobs[i].seed = i + 1;
	}
	run_jobs(jobs, THREADS);
	for (i = 0; i < THREADS; i++) {
		fixed += jobs[i].fixed;
		zapped += jobs[i].zapped;
		odd += jobs[i].odd;
	}
	rest = zap(g, 0, 0, FRAMES, TDXC_ZAP_SLOT_DELETED);
	TDXC_EXPECT_EQ(guest_end(g), 0);
	TDXC_EXPECT_EQ(odd, 0);
	TDXC_EXPECT(fixed > 0);
	/* Every page that was mapped was unmapped once. */
	TDXC_EXPECT_EQ(zapped + rest, fixed);
	return TDXC_SELFTEST_OK;
}

static enum tdxc_selftest_result direct_together(char *why)
{
	return together(why, false, false);
}

static enum tdxc_selftest_result mirror_together(char *why)
{
	return together(why, true, false);
}

static enum tdxc_selftest_result direct_against_zaps(char *why)
{
	return together(why, false, true);
}

static enum tdxc_selftest_result mirror_against_zaps(char *why)
{
	return together(why, true, true);
}

const struct tdxc_selftest tdxc_selftest_mmu[] = {
	{"mmu: a shared page is mapped, found and not mapped twice",
	 direct_fault},
	{"mmu: a private page is mapped, found and not mapped twice",
	 mirror_fault},
	{"mmu: a zap of shared pages takes those of its range", direct_zap},
	{"mmu: a zap of private pages takes those of its range", mirror_zap},
	{"mmu: no fault completes during an invalidation", stale_fault},
	{"mmu: shared faults on 4 CPUs, every table freed", direct_together},
	{"mmu: private faults on 4 CPUs, every table freed", mirror_together},
	{"mmu: shared faults against zaps on 4 CPUs", direct_against_zaps},
	{"mmu: private faults against zaps on 4 CPUs", mirror_against_zaps},
	{},
};
