/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause-Patent) */
/*
 * What the files of the kernel module offer one another. docs/glue-linux.md
 * lists each function with the one primitive it stands for.
 */
#ifndef TDXC_LINUX_H
#define TDXC_LINUX_H

#include <linux/types.h>

struct dentry;

/* --- debug.c: /sys/kernel/debug/tdxcore ----------------------------------- */

int tdxc_linux_debug_init(void);
void tdxc_linux_debug_exit(void);
/* The folder, for whoever has a file of his own; an ERR_PTR is good enough
 * for every debugfs function. */
struct dentry *tdxc_linux_debug_root(void);

#endif
