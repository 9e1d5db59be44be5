/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause-Patent) */
#ifndef TDXC_LINUX_REPORT_H
#define TDXC_LINUX_REPORT_H

struct dentry;

/* The files in `root`. */
void tdxc_linux_report_debugfs(struct dentry *root);

#endif
