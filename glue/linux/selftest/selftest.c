// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause-Patent)
/*
 * Which tests there are, and the file whose reading runs them.
 *
 * seq_file shows an entry again when it did not fit into the buffer: a test
 * runs when its entry is shown for the first time, and its outcome is kept
 * until the file is closed.
 */
#include <linux/atomic.h>
#include <linux/debugfs.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "selftest.h"

/* A line each: whoever adds one touches no other. */
/* clang-format off */
static const struct tdxc_selftest *const groups[] = {
	tdxc_selftest_core,
	tdxc_selftest_primitives,
	tdxc_selftest_memory,
	tdxc_selftest_machine,
	tdxc_selftest_mmu,
	tdxc_selftest_guest,
	tdxc_selftest_trace,
	tdxc_selftest_sim,
	tdxc_selftest_unshare,
	tdxc_selftest_bringup,
};
/* clang-format on */

struct outcome {
	bool ran;
	enum tdxc_selftest_result result;
	char why[TDXC_SELFTEST_WHY];
	u64 microseconds;
};

struct run {
	loff_t nr;
	struct outcome outcome[];
};

/* Tests go on with what the ones before them left: one run at a time. */
static atomic_t running = ATOMIC_INIT(0);

static const struct tdxc_selftest *find(loff_t number)
{
	const struct tdxc_selftest *test;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(groups); i++)
		for (test = groups[i]; test->name; test++)
			if (number-- == 0)
				return test;
	return NULL;
}

static loff_t count(void)
{
	loff_t n = 0;

	while (find(n))
		n++;
	return n;
}

/* Position 0 is the plan, n the n-th test. */
static void *seq_start(struct seq_file *m, loff_t *pos)
{
	struct run *run = m->private;

	return *pos <= run->nr ? pos : NULL;
}

static void *seq_next(struct seq_file *m, void *at, loff_t *pos)
{
	++*pos;
	return seq_start(m, pos);
}

static void seq_stop(struct seq_file *m, void *at)
{
}

static void perform(const struct tdxc_selftest *test, struct outcome *outcome)
{
	ktime_t begin = ktime_get();

	outcome->result = test->fn(outcome->why);
	outcome->microseconds = (u64)ktime_us_delta(ktime_get(), begin);
	outcome->ran = true;
	cond_resched();
}

static int seq_show(struct seq_file *m, void *at)
{
	struct run *run = m->private;
	loff_t number = *(loff_t *)at;
	const struct tdxc_selftest *test;
	struct outcome *outcome;

	if (number == 0) {
		seq_printf(m, "1..%lld\n", run->nr);
		return 0;
	}
	test = find(number - 1);
	outcome = &run->outcome[number - 1];
	if (!outcome->ran)
		perform(test, outcome);
	seq_printf(m, "%s %lld - %s",
		   outcome->result == TDXC_SELFTEST_FAILED ? "not ok" : "ok",
		   number, test->name);
	if (outcome->result == TDXC_SELFTEST_SKIPPED)
		seq_printf(m, " # SKIP %s", outcome->why);
	seq_printf(m, "\n# %llu us", outcome->microseconds);
	if (outcome->result == TDXC_SELFTEST_FAILED)
		seq_printf(m, ", %s", outcome->why);
	seq_putc(m, '\n');
	return 0;
}

static const struct seq_operations seq_ops = {
	.start = seq_start,
	.next = seq_next,
	.stop = seq_stop,
	.show = seq_show,
};

static int open_run(struct file *file)
{
	loff_t nr = count();
	struct run *run = kvzalloc(struct_size(run, outcome, nr), GFP_KERNEL);
	int err;

	if (!run)
		return -ENOMEM;
	run->nr = nr;
	err = seq_open(file, &seq_ops);
	if (err)
		kvfree(run);
	else
		((struct seq_file *)file->private_data)->private = run;
	return err;
}

static int file_open(struct inode *inode, struct file *file)
{
	int err;

	if (atomic_cmpxchg_acquire(&running, 0, 1))
		return -EBUSY;
	err = open_run(file);
	if (err)
		atomic_set_release(&running, 0);
	return err;
}

static int file_release(struct inode *inode, struct file *file)
{
	int err;

	kvfree(((struct seq_file *)file->private_data)->private);
	err = seq_release(inode, file);
	atomic_set_release(&running, 0);
	return err;
}

static const struct file_operations file_ops = {
	.owner = THIS_MODULE,
	.open = file_open,
	.read = seq_read,
	.llseek = seq_lseek,
	.release = file_release,
};

void tdxc_selftest_debugfs(struct dentry *root)
{
	debugfs_create_file("selftest", 0400, root, NULL, &file_ops);
}
