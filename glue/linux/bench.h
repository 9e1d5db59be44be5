/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause-Patent) */
#ifndef TDXC_LINUX_BENCH_H
#define TDXC_LINUX_BENCH_H

struct dentry;

/* With bench=1 the file `bench` in `root`: reading it measures. */
void tdxc_linux_bench_debugfs(struct dentry *root);

#endif
