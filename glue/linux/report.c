// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause-Patent)
/* What can be read of the state, as files of debugfs. */
#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

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

void tdxc_linux_report_debugfs(struct dentry *root)
{
	debugfs_create_file("preconditions", 0400, root, NULL,
			    &preconditions_fops);
	debugfs_create_file("counters", 0400, root, NULL, &counters_fops);
	debugfs_create_file("coherence", 0400, root, NULL, &coherence_fops);
}
