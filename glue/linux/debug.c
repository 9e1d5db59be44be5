// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause-Patent)
/* The folder of this module in debugfs. */
#include <linux/debugfs.h>

#include "bench.h"
#include "report.h"
#include "selftest/selftest.h"
#include "tdxc_linux.h"

static struct dentry *root;

int tdxc_linux_debug_init(void)
{
	root = debugfs_create_dir("tdxcore", NULL);
	tdxc_linux_report_debugfs(root);
	tdxc_linux_bench_debugfs(root);
	tdxc_selftest_debugfs(root);
	return 0;
}

void tdxc_linux_debug_exit(void)
{
	debugfs_remove_recursive(root);
}

struct dentry *tdxc_linux_debug_root(void)
{
	return root;
}
