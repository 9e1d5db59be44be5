// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause-Patent)
/*
 * Gate, scanner and unshare engine in the running kernel. A bit of the entries
 * stands in for the shared bit: in page tables of the tests' own bit 51, which
 * no CPU looks at there; on a vmalloc area that is in use a bit that is
 * software's, which the copies that are scanned have as bit 51, too. What is
 * shared becomes private in a TD of the software module.
 */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include <asm/processor.h>
#include <asm/special_insns.h>

#include "../sim/sim.h"
#include "../tdxc_linux.h"
#include "selftest.h"

#define ENTRIES	   512u
#define TABLES	   4u
#define PAGES	   (ENTRIES * TABLES)
#define FIXED	   1500u /* shared from the start, and until the end */
#define SHARED_BIT 51u
#define SHARED	   (1ull << SHARED_BIT)
#define MARK_BIT   11 /* of a live entry */
#define THREADS	   3
#define LEFT_ROOM  64u
#define BATCH_ROOM 64u

/* --- page tables of our own: 8 MiB from 0 on ------------------------------ */

struct tree {
	u64 *upper[3]; /* root first */
	u64 *leaf[TABLES];
};

static u64 *slot_of(const struct tree *t, u32 page)
{
	return &t->leaf[page / ENTRIES][page % ENTRIES];
}

static void tree_free(struct tree *t)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(t->upper); i++)
		free_page((unsigned long)t->upper[i]);
	for (i = 0; i < TABLES; i++)
		free_page((unsigned long)t->leaf[i]);
}

static int tree_init(struct tree *t)
{
	bool all = true;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(t->upper); i++) {
		t->upper[i] = (u64 *)get_zeroed_page(GFP_KERNEL);
		all = all && t->upper[i];
	}
	for (i = 0; i < TABLES; i++) {
		t->leaf[i] = (u64 *)get_zeroed_page(GFP_KERNEL);
		all = all && t->leaf[i];
	}
	if (!all) {
		tree_free(t);
		return -ENOMEM;
	}
	t->upper[0][0] = __pa(t->upper[1]) | TDXC_PTE_TABLE;
	t->upper[1][0] = __pa(t->upper[2]) | TDXC_PTE_TABLE;
	for (i = 0; i < TABLES; i++)
		t->upper[2][i] = __pa(t->leaf[i]) | TDXC_PTE_TABLE;
	for (i = 0; i < PAGES; i++)
		*slot_of(t, i) = (u64)i << PAGE_SHIFT | TDXC_PTE_TABLE |
				 (i < FIXED ? SHARED : 0);
	return 0;
}

static struct tdxc_scan_config tree_scan(const struct tree *t)
{
	return (struct tdxc_scan_config){
		.abi = TDXC_ABI,
		.levels = 4,
		.root = __pa(t->upper[0]),
		.virt = PAGE_OFFSET,
		.shared_bit = SHARED_BIT,
		.polarity = TDXC_SHARED_IS_SET,
		.pa_bits = SHARED_BIT,
		.what = TDXC_SCAN_SHARED,
		.end = (u64)PAGES << PAGE_SHIFT,
		.max_tables = U64_MAX,
	};
}

static u64 tree_shared(const struct tree *t)
{
	u64 n = 0;
	u32 i;

	for (i = 0; i < PAGES; i++)
		n += (READ_ONCE(*slot_of(t, i)) & SHARED) != 0;
	return n;
}

/* --- conversions, until the gate closes ----------------------------------- */

struct converting {
	struct tree tree;
	struct tdxc_gate gate;
	struct completion over;
	atomic_t threads;
	atomic64_t shared; /* what the converters counted */
	atomic64_t rounds;
	u32 started;
	struct tdxc_gate_report report;
};

static void turn(struct converting *c, u32 page)
{
	u64 *slot = slot_of(&c->tree, page);
	u64 old = READ_ONCE(*slot);

	while (!try_cmpxchg(slot, &old, old ^ SHARED))
		cpu_relax();
	atomic64_add(old & SHARED ? -1 : 1, &c->shared);
	atomic64_inc(&c->rounds);
}

static int convert(void *arg)
{
	struct converting *c = arg;
	u32 x = get_random_u32();
	int err;

	while ((err = tdxc_gate_begin(&c->gate)) != TDXC_E_CANCELED) {
		if (!err) {
			turn(c, FIXED + x % (PAGES - FIXED));
			tdxc_gate_end(&c->gate);
		}
		x = x * 1664525 + 1013904223;
		cond_resched();
	}
	if (atomic_dec_and_test(&c->threads))
		complete(&c->over);
	return 0;
}

static void start_threads(struct converting *c)
{
	struct task_struct *task;
	u32 i;

	atomic_set(&c->threads, 1);
	for (i = 0; i < THREADS; i++) {
		atomic_inc(&c->threads);
		task = kthread_run(convert, c, "tdxcore-test/%u", i);
		if (IS_ERR(task))
			atomic_dec(&c->threads);
		else
			c->started++;
	}
}

/* Converters at work, and then the gate is closed. */
static int converted_and_closed(struct converting *c)
{
	struct tdxc_gate_wait wait =
		tdxc_gate_wait_usual(&tdxc_linux_gate_ops, NULL);
	u32 looks;
	int err;

	init_completion(&c->over);
	atomic64_set(&c->shared, FIXED);
	start_threads(c);
	for (looks = 0;
	     looks < 10000 && c->started && atomic64_read(&c->rounds) < 5000;
	     looks++)
		usleep_range(100, 200);
	err = tdxc_gate_close(&c->gate, &wait, &c->report);
	if (!atomic_dec_and_test(&c->threads))
		wait_for_completion(&c->over);
	return err;
}

static struct converting *converting_new(void)
{
	struct converting *c = kvzalloc(sizeof(*c), GFP_KERNEL);

	if (c && !tree_init(&c->tree))
		return c;
	kvfree(c);
	return NULL;
}

static void converting_free(struct converting *c)
{
	tree_free(&c->tree);
	kvfree(c);
}

/* --- tests on our own tables ---------------------------------------------- */

/* Every shared entry, in order, and no other. */
static enum tdxc_selftest_result compare_tree(char *why, const struct tree *t)
{
	struct tdxc_scan_config config = tree_scan(t);
	struct tdxc_scan_leaf leaf;
	struct tdxc_scan scan;
	u32 i;

	TDXC_EXPECT_EQ(tdxc_scan_begin(&scan, &config), 0);
	for (i = 0; i < PAGES; i++) {
		if (!(*slot_of(t, i) & SHARED))
			continue;
		TDXC_EXPECT_EQ(tdxc_scan_next_leaf(&scan, &leaf),
			       TDXC_SCAN_LEAF);
		TDXC_EXPECT(leaf.slot == slot_of(t, i));
		TDXC_EXPECT_EQ(leaf.pa, (u64)i << PAGE_SHIFT);
		TDXC_EXPECT(leaf.shared);
	}
	TDXC_EXPECT_EQ(tdxc_scan_next_leaf(&scan, &leaf), TDXC_SCAN_END);
	return TDXC_SELFTEST_OK;
}

static enum tdxc_selftest_result check_gate(char *why, struct converting *c)
{
	TDXC_EXPECT_EQ(converted_and_closed(c), 0);
	TDXC_EXPECT(c->started > 0);
	TDXC_EXPECT_EQ(c->report.end, TDXC_GATE_DRAINED);
	TDXC_EXPECT_EQ(c->report.in_flight, 0);
	TDXC_EXPECT(atomic64_read(&c->rounds) >= 5000);
	TDXC_EXPECT_EQ(tree_shared(&c->tree), atomic64_read(&c->shared));
	TDXC_EXPECT(tree_shared(&c->tree) > 1000);
	return compare_tree(why, &c->tree);
}

static enum tdxc_selftest_result gate_and_scan(char *why)
{
	struct converting *c = converting_new();
	enum tdxc_selftest_result result;

	TDXC_EXPECT(c);
	result = check_gate(why, c);
	converting_free(c);
	return result;
}

/* --- a TD whose guest converts -------------------------------------------- */

struct job {
	enum tdxc_selftest_result (*fn)(char *why, struct job *job);
	char *why;
	enum tdxc_selftest_result result;
	struct tdxc_ksim_host *host;
	struct tdxc_ksim_vm *vm;
	struct tdxc_ksim_guest guest;
	struct tdxc_converter converter;
	struct tdxc_unshare_tdx tdx;
	struct tdxc_unshare unshare;
	struct tdxc_range batch[BATCH_ROOM];
	struct tdxc_unshare_left left[LEFT_ROOM];
	struct converting *c; /* tests on our own tables */
	struct area *area;    /* tests on a vmalloc area */
};

static int guest_up(struct job *job)
{
	struct tdxc_convert_config config = {
		.abi = TDXC_ABI,
		.ops = &tdxc_ksim_convert_ops,
		.ctx = &job->guest,
		.accepted = TDXC_ACCEPTED_ERROR,
		.release = TDXC_RELEASE_NEVER,
	};
	struct tdxc_tdcall_diag diag;
	int err;

	tdxc_ksim_guest_init(&job->guest, job->vm);
	err = tdxc_convert_gpaw(&tdxc_ksim_convert_ops, &job->guest,
				&config.gpaw, &diag);
	job->tdx.converter = &job->converter;
	return err ? err : tdxc_convert_init(&job->converter, &config);
}

static enum tdxc_selftest_result with_vm(char *why, struct job *job)
{
	const struct tdxc_ksim_vm_config config = {.nr_vcpus = 1,
						   .frames = PAGES};
	enum tdxc_selftest_result result = TDXC_SELFTEST_OK;
	struct tdxc_sim_violation wrong = {};
	int err, end;

	job->vm = tdxc_ksim_vm_create(job->host, &config, &err);
	TDXC_EXPECT_EQ(err, 0);
	err = tdxc_ksim_vm_finalize(job->vm);
	if (!err)
		err = guest_up(job);
	if (!err)
		result = job->fn(why, job);
	end = tdxc_ksim_audit(&job->host->machine, &wrong);
	if (result == TDXC_SELFTEST_OK && end)
		strscpy(why, wrong.text, TDXC_SELFTEST_WHY);
	if (tdxc_ksim_vm_destroy(job->vm) && !err)
		err = TDXC_E_BUSY;
	if (result != TDXC_SELFTEST_OK || end)
		return TDXC_SELFTEST_FAILED;
	TDXC_EXPECT_EQ(err, 0);
	return TDXC_SELFTEST_OK;
}

/* On the CPU that is the vCPU's. */
static long run_on_lp(void *arg)
{
	struct job *job = arg;

	if (!tdxc_ksim_begin(job->host))
		return TDXC_E_NOMEM;
	job->result = with_vm(job->why, job);
	tdxc_ksim_end(job->host, NULL);
	return TDXC_OK;
}

static int with_host(struct job *job)
{
	const struct tdxc_ksim_machine_config config = {.gib = 1};
	int err;

	job->host = tdxc_ksim_host_create(&config, &err);
	if (!job->host)
		return err;
	err = tdxc_ksim_host_up(job->host);
	/* Not tdxc_ksim_on_lp(): what runs there calls it, and lockdep tells
	 * work that waits for work by where it was asked for. */
	if (!err)
		err = (int)work_on_cpu(job->host->machine.cpu_of[0], run_on_lp,
				       job);
	if (tdxc_ksim_host_destroy(job->host) && !err)
		err = TDXC_E_BUSY;
	return err;
}

static enum tdxc_selftest_result
run_job(char *why, enum tdxc_selftest_result (*fn)(char *why, struct job *job),
	struct converting *c, struct area *area)
{
	struct job *job = kvzalloc(sizeof(*job), GFP_KERNEL);
	enum tdxc_selftest_result result;
	int err;

	TDXC_EXPECT(job);
	job->fn = fn;
	job->why = why;
	job->c = c;
	job->area = area;
	err = with_host(job);
	result = job->result;
	kvfree(job);
	if (result != TDXC_SELFTEST_OK)
		return result;
	TDXC_EXPECT_EQ(err, 0);
	return TDXC_SELFTEST_OK;
}

static struct tdxc_unshare_config unshare_config(struct job *job)
{
	return (struct tdxc_unshare_config){
		.abi = TDXC_ABI,
		.edit = TDXC_UNSHARE_CLEAR,
		.flush = TDXC_FLUSH_EARLY,
		.large = TDXC_LARGE_KEEP,
		.ops = &tdxc_linux_unshare_ops,
		.ctx = &job->tdx,
		.batch = job->batch,
		.batch_room = BATCH_ROOM,
		.left = job->left,
		.left_room = LEFT_ROOM,
	};
}

/* --- our own tables, converted -------------------------------------------- */

/* In the Secure EPT is exactly what was cleared in our tables. */
static enum tdxc_selftest_result compare_td(char *why, struct job *job)
{
	u32 i;

	for (i = 0; i < PAGES; i++)
		TDXC_EXPECT_EQ(tdxc_ksim_vm_level(job->vm, i) != 0,
			       *slot_of(&job->c->tree, i) == 0);
	return TDXC_SELFTEST_OK;
}

static enum tdxc_selftest_result convert_tree(char *why, struct job *job)
{
	struct tdxc_unshare_config config = unshare_config(job);
	u64 shared = tree_shared(&job->c->tree);

	config.scan = tree_scan(&job->c->tree);
	TDXC_EXPECT_EQ(tdxc_unshare_init(&job->unshare, &config), 0);
	TDXC_EXPECT_EQ(tdxc_unshare_run(&job->unshare), 0);
	TDXC_EXPECT_EQ(job->unshare.result.found, shared);
	TDXC_EXPECT_EQ(job->unshare.result.converted, shared);
	TDXC_EXPECT_EQ(job->unshare.nr_left, 0);
	TDXC_EXPECT_EQ(tree_shared(&job->c->tree), 0);
	TDXC_EXPECT_EQ(tdxc_unshare_difference(job->unshare.result.found,
					       atomic64_read(&job->c->shared)),
		       0);
	return compare_td(why, job);
}

static enum tdxc_selftest_result
with_tree(char *why,
	  enum tdxc_selftest_result (*fn)(char *why, struct job *job))
{
	struct converting *c;
	enum tdxc_selftest_result result;

	TDXC_SKIP_UNLESS(tdxc_ksim_is_on(), "sim=on was not given");
	c = converting_new();
	TDXC_EXPECT(c);
	result = check_gate(why, c);
	if (result == TDXC_SELFTEST_OK)
		result = run_job(why, fn, c, NULL);
	converting_free(c);
	return result;
}

static enum tdxc_selftest_result tree_becomes_private(char *why)
{
	return with_tree(why, convert_tree);
}

#define REFUSED_START 104u
#define REFUSED_END   112u

static enum tdxc_selftest_result convert_but_some(char *why, struct job *job)
{
	struct tdxc_unshare_config config = unshare_config(job);
	u64 shared = tree_shared(&job->c->tree);
	u64 refused = REFUSED_END - REFUSED_START;

	config.scan = tree_scan(&job->c->tree);
	job->guest.refuse_start = REFUSED_START;
	job->guest.refuse_end = REFUSED_END;
	TDXC_EXPECT_EQ(tdxc_unshare_init(&job->unshare, &config), 0);
	TDXC_EXPECT_EQ(tdxc_unshare_run(&job->unshare), TDXC_E_IO);
	TDXC_EXPECT_EQ(job->unshare.result.found, shared);
	TDXC_EXPECT_EQ(job->unshare.result.converted, shared - refused);
	TDXC_EXPECT_EQ(job->unshare.result.left[TDXC_UNSHARE_CONVERT], refused);
	TDXC_EXPECT_EQ(tdxc_ksim_vm_level(job->vm, REFUSED_START), 0);
	job->guest.refuse_end = 0;
	TDXC_EXPECT_EQ(tdxc_unshare_retry(&job->unshare), 0);
	TDXC_EXPECT_EQ(job->unshare.result.converted, shared);
	TDXC_EXPECT_EQ(job->unshare.nr_left, 0);
	return compare_td(why, job);
}

static enum tdxc_selftest_result refused_pages_are_left(char *why)
{
	return with_tree(why, convert_but_some);
}

/* --- a vmalloc area ------------------------------------------------------- */

#define AREA_PAGES 1600u

struct area {
	u8 *at;
	struct xarray frames; /* index of each physical frame */
	struct tdxc_scan_config base;
	struct tdxc_tracker found;
	struct tdxc_range ranges[AREA_PAGES];
};

static bool is_marked(u32 page)
{
	return page % 5 != 0;
}

static u64 nr_marked(void)
{
	u64 n = 0;
	u32 i;

	for (i = 0; i < AREA_PAGES; i++)
		n += is_marked(i);
	return n;
}

/* The entry of a page that is mapped in this kernel; NULL: by a large one. */
static unsigned long *live_entry(const struct area *area, u32 page)
{
	u64 va = (u64)area->at + ((u64)page << PAGE_SHIFT);
	unsigned long *slot, entry = area->base.root;
	u32 level;

	for (level = area->base.levels; level > 0; level--) {
		slot = (unsigned long *)__va(entry & PTE_PFN_MASK) +
		       (va >> (12 + 9 * (level - 1)) & (ENTRIES - 1));
		entry = READ_ONCE(*slot);
		if (level > 1 && entry & TDXC_PTE_PS)
			return NULL;
	}
	return slot;
}

static bool set_marks(const struct area *area, bool on)
{
	unsigned long *slot;
	u32 i;

	for (i = 0; i < AREA_PAGES; i++) {
		slot = live_entry(area, i);
		if (!slot)
			return false;
		if (is_marked(i) && on)
			set_bit(MARK_BIT, slot);
		else
			clear_bit(MARK_BIT, slot);
	}
	return true;
}

/* Marks look shared in the copy. */
static uint64_t *marked_copy(void *ctx, uint64_t pa, uint32_t level)
{
	struct area *area = ctx;
	u64 *table = area->base.ops->table(area->base.ctx, pa, level);
	u32 i;

	for (i = 0; table && level == 1 && i < ENTRIES; i++)
		if (table[i] >> MARK_BIT & 1)
			table[i] |= SHARED;
	return table;
}

static const struct tdxc_scan_ops marked_ops = {
	.abi = TDXC_ABI,
	.table = marked_copy,
};

/* Each marked page where the kernel itself says it is, and no other. */
static enum tdxc_selftest_result scan_area(char *why, struct area *area)
{
	struct tdxc_scan_config config = area->base;
	struct tdxc_scan_leaf leaf;
	struct tdxc_scan scan;
	u32 i;

	config.ops = &marked_ops;
	config.ctx = area;
	config.start = (u64)area->at;
	config.end = config.start + ((u64)AREA_PAGES << PAGE_SHIFT);
	TDXC_EXPECT_EQ(tdxc_scan_begin(&scan, &config), 0);
	for (i = 0; i < AREA_PAGES; i++) {
		void *at = area->at + ((u64)i << PAGE_SHIFT);

		if (!is_marked(i))
			continue;
		TDXC_EXPECT_EQ(tdxc_scan_next_leaf(&scan, &leaf),
			       TDXC_SCAN_LEAF);
		TDXC_EXPECT_EQ(leaf.va, (u64)at);
		TDXC_EXPECT_EQ(leaf.pa, PFN_PHYS(vmalloc_to_pfn(at)));
		TDXC_EXPECT_EQ(
			tdxc_tracker_add(&area->found,
					 (struct tdxc_range){
						 leaf.pa, leaf.pa + PAGE_SIZE}),
			0);
		xa_store(&area->frames, PHYS_PFN(leaf.pa), xa_mk_value(i),
			 GFP_KERNEL);
	}
	TDXC_EXPECT_EQ(tdxc_scan_next_leaf(&scan, &leaf), TDXC_SCAN_END);
	TDXC_EXPECT_EQ(area->found.bytes, nr_marked() << PAGE_SHIFT);
	return TDXC_SELFTEST_OK;
}

/* A page of the area is the page of that index in the TD. */
static int convert_by_index(void *ctx, struct tdxc_range pa,
			    struct tdxc_unshare_done *done)
{
	struct job *job = ctx;
	struct tdxc_range gpa;
	void *index;
	u64 at;
	int err;

	for (at = pa.start; at < pa.end; at += PAGE_SIZE) {
		index = xa_load(&job->area->frames, PHYS_PFN(at));
		if (!index)
			return TDXC_E_NOENT;
		gpa.start = (u64)xa_to_value(index) << PAGE_SHIFT;
		gpa.end = gpa.start + PAGE_SIZE;
		err = tdxc_unshare_tdx_op(&job->tdx, gpa, done);
		if (err)
			return err;
	}
	return TDXC_OK;
}

static void no_flush(void *ctx)
{
}

static int nothing_before(void *ctx, uint32_t order)
{
	return TDXC_OK;
}

static const struct tdxc_unshare_ops by_index_ops = {
	.abi = TDXC_ABI,
	.convert = convert_by_index,
	.flush = no_flush,
	.before = nothing_before,
};

static enum tdxc_selftest_result convert_area(char *why, struct job *job)
{
	struct tdxc_unshare_config config = unshare_config(job);
	u32 i;

	config.tracked = &job->area->found;
	config.ops = &by_index_ops;
	config.ctx = job;
	TDXC_EXPECT_EQ(tdxc_unshare_init(&job->unshare, &config), 0);
	TDXC_EXPECT_EQ(tdxc_unshare_run(&job->unshare), 0);
	TDXC_EXPECT_EQ(job->unshare.result.found, nr_marked());
	TDXC_EXPECT_EQ(job->unshare.result.converted, nr_marked());
	for (i = 0; i < PAGES; i++)
		TDXC_EXPECT_EQ(tdxc_ksim_vm_level(job->vm, i) != 0,
			       i < AREA_PAGES && is_marked(i));
	return TDXC_SELFTEST_OK;
}

static enum tdxc_selftest_result use_area(char *why, struct area *area,
					  bool convert)
{
	enum tdxc_selftest_result result = TDXC_SELFTEST_FAILED;

	TDXC_SKIP_UNLESS(set_marks(area, true), "vmalloc mapped large pages");
	result = scan_area(why, area);
	set_marks(area, false);
	if (result == TDXC_SELFTEST_OK && convert)
		result = run_job(why, convert_area, NULL, area);
	return result;
}

static enum tdxc_selftest_result with_area(char *why, bool convert)
{
	struct area *area = kvzalloc(sizeof(*area), GFP_KERNEL);
	enum tdxc_selftest_result result = TDXC_SELFTEST_FAILED;

	TDXC_EXPECT(area);
	xa_init(&area->frames);
	tdxc_tracker_init(&area->found, area->ranges, AREA_PAGES);
	area->at = vmalloc((u64)AREA_PAGES << PAGE_SHIFT);
	if (area->at && !tdxc_linux_walk_begin(&area->base)) {
		result = use_area(why, area, convert);
		tdxc_linux_walk_end(&area->base);
	}
	vfree(area->at);
	xa_destroy(&area->frames);
	kvfree(area);
	return result;
}

static enum tdxc_selftest_result area_is_scanned(char *why)
{
	return with_area(why, false);
}

static enum tdxc_selftest_result area_becomes_private(char *why)
{
	TDXC_SKIP_UNLESS(tdxc_ksim_is_on(), "sim=on was not given");
	return with_area(why, true);
}

const struct tdxc_selftest tdxc_selftest_unshare[] = {
	{"scan: after three converters met the gate it finds what they counted",
	 gate_and_scan},
	{"scan: 1280 marked pages of a vmalloc area, where the kernel has them",
	 area_is_scanned},
	{"unshare: over 1000 shared pages become private in the simulated TD",
	 tree_becomes_private},
	{"unshare: what its host refuses is left, counted, and retried",
	 refused_pages_are_left},
	{"unshare: marked pages of a vmalloc area become private there",
	 area_becomes_private},
	{},
};
