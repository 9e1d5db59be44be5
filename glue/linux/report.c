// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause-Patent)
/* What can be read of the state, as files of debugfs. */
#include <linux/debugfs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include "bringup.h"
#include "report.h"
#include "tdxc_linux.h"

static int preconditions_show(struct seq_file *m, void *unused)
{
	const struct tdxc_platform *p = tdxc_linux_platform();
	size_t i;

	seq_printf(m, "usable %s\n", p->usable ? "yes" : "no");
	for (i = 0; i < TDXC_PLATFORM_CHECKS; i++) {
		const struct tdxc_platform_finding *f = &p->report[i];

		seq_printf(m, "%-7s %-18s %s 0x%llx: %s\n",
			   tdxc_platform_verdict_name(f->verdict),
			   tdxc_platform_check_name(f->check),
			   tdxc_platform_check_source(f->check), f->value,
			   tdxc_platform_reason_text(f->reason));
	}
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(preconditions);

static int counters_show(struct seq_file *m, void *unused)
{
	struct tdxc_linux_calls *sum = kzalloc(sizeof(*sum), GFP_KERNEL);
	size_t i;

	if (!sum)
		return -ENOMEM;
	tdxc_linux_calls_sum(sum);
	for (i = 0; i < TDXC_LINUX_LEAVES; i++) {
		const char *name = tdxc_leaf_name(i);

		if (sum->leaf[i])
			seq_printf(m, "seamcall %s %llu\n",
				   name ? name : "other", sum->leaf[i]);
	}
	seq_printf(m, "seamldr %llu\nfailed %llu\ntdcalls %llu\n", sum->seamldr,
		   sum->failed, sum->tdcalls);
	kfree(sum);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(counters);

static int coherence_show(struct seq_file *m, void *unused)
{
	int cpu;

	seq_printf(m, "possible %s\n",
		   tdxc_coherence_possible(tdxc_linux_coherence()) ? "yes"
								   : "no");
	for_each_possible_cpu(cpu) seq_printf(
		m, "cpu %d reasons 0x%x\n", cpu,
		tdxc_coherence_reasons(tdxc_linux_coherence_of(cpu)));
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(coherence);

/* --- the layout ----------------------------------------------------------- */

static void show_range(struct seq_file *m, const char *what,
		       struct tdxc_range range)
{
	seq_printf(m, " %s 0x%llx 0x%llx", what, range.start,
		   range.end - range.start);
}

static int cmrs_show(struct seq_file *m, void *unused)
{
	struct tdxc_linux_bringup *b = tdxc_linux_bringup();
	size_t i;

	mutex_lock(&b->lock);
	if (!b->started)
		seq_puts(m, "# not known: no TDX module was read\n");
	for (i = 0; b->started && i < b->module.nr_cmrs; i++) {
		show_range(m, "cmr", b->module.cmrs[i]);
		seq_putc(m, '\n');
	}
	mutex_unlock(&b->lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(cmrs);

static int tdmrs_show(struct seq_file *m, void *unused)
{
	struct tdxc_linux_bringup *b = tdxc_linux_bringup();
	u32 i;

	mutex_lock(&b->lock);
	if (!b->started)
		seq_puts(m, "# none: no TDX module was configured\n");
	for (i = 0; b->started && i < b->module.nr_tdmrs; i++) {
		const struct tdxc_module_tdmr *t = &b->module.tdmrs[i];

		show_range(m, "tdmr", t->range);
		show_range(m, "pamt-4k", t->pamt[TDXC_PAMT_4K]);
		show_range(m, "pamt-2m", t->pamt[TDXC_PAMT_2M]);
		show_range(m, "pamt-1g", t->pamt[TDXC_PAMT_1G]);
		seq_putc(m, '\n');
	}
	mutex_unlock(&b->lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(tdmrs);

static int show_plan(struct seq_file *m, const struct tdxc_plan_config *config)
{
	struct tdxc_plan_fault fault;
	struct tdxc_plan plan;
	void *scratch;
	size_t bytes;
	u32 i;
	int err = tdxc_plan_scratch_bytes(config, &bytes);

	if (err)
		return err;
	scratch = kvmalloc(bytes, GFP_KERNEL);
	if (!scratch)
		return -ENOMEM;
	err = tdxc_plan_make(&plan, config, scratch, bytes, &fault);
	if (err)
		seq_printf(m, "# %s\n", tdxc_plan_fault_text(fault.kind));
	for (i = 0; !err && i < plan.nr_tdmrs; i++) {
		show_range(m, "tdmr", plan.tdmrs[i].range);
		show_range(m, "pamt-4k", plan.tdmrs[i].pamt[TDXC_PAMT_4K]);
		seq_putc(m, '\n');
	}
	if (!err)
		seq_printf(m, "pamt-bytes %llu lost-bytes %llu\n",
			   plan.pamt_bytes, plan.lost_bytes);
	kvfree(scratch);
	return 0;
}

/* For this machine's RAM, with the limits of every module seen so far, as if
 * exactly the RAM were convertible: the pessimistic reading. */
static int planned_show(struct seq_file *m, void *unused)
{
	struct tdxc_plan_config config = {.abi = TDXC_ABI,
					  .limits = tdxc_limits_observed()};
	struct tdxc_plan_ram *ram = tdxc_linux_ram_get(&config.nr_ram);
	struct tdxc_range *cmrs;
	int err = -ENOMEM;
	size_t i;

	if (!ram)
		return -ENOMEM;
	cmrs = kvcalloc(config.nr_ram, sizeof(*cmrs), GFP_KERNEL);
	for (i = 0; cmrs && i < config.nr_ram; i++) {
		cmrs[i].start = PAGE_ALIGN(ram[i].range.start);
		cmrs[i].end = ALIGN_DOWN(ram[i].range.end, PAGE_SIZE);
	}
	config.ram = ram;
	config.cmrs = cmrs;
	config.nr_cmrs = config.nr_ram;
	if (cmrs)
		err = show_plan(m, &config);
	kvfree(cmrs);
	kvfree(ram);
	return err;
}
DEFINE_SHOW_ATTRIBUTE(planned);

static int quarantine_show(struct seq_file *m, void *unused)
{
	struct tdxc_linux_bringup *b = tdxc_linux_bringup();
	u32 i;

	mutex_lock(&b->lock);
	seq_printf(m, "count %llu recovered %llu\n",
		   READ_ONCE(b->quarantine.count),
		   READ_ONCE(b->quarantine.recovered));
	for (i = 0; b->quarantine.lost && i < b->quarantine.room; i++) {
		const struct tdxc_sept_lost *lost = &b->quarantine.lost[i];

		if (smp_load_acquire(&lost->state) == 1)
			seq_printf(m, "page 0x%llx level %u status 0x%llx\n",
				   lost->pa, lost->level, lost->diag.status);
	}
	mutex_unlock(&b->lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(quarantine);

void tdxc_linux_report_debugfs(struct dentry *root)
{
	debugfs_create_file("preconditions", 0400, root, NULL,
			    &preconditions_fops);
	debugfs_create_file("counters", 0400, root, NULL, &counters_fops);
	debugfs_create_file("coherence", 0400, root, NULL, &coherence_fops);
	debugfs_create_file("cmrs", 0400, root, NULL, &cmrs_fops);
	debugfs_create_file("tdmrs", 0400, root, NULL, &tdmrs_fops);
	debugfs_create_file("tdmrs_planned", 0400, root, NULL, &planned_fops);
	debugfs_create_file("quarantine", 0400, root, NULL, &quarantine_fops);
}
