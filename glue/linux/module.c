// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause-Patent)
/*
 * The core as a kernel module. It offers nothing yet: it proves in every test
 * run that the core compiles, links and finds its symbols inside a kernel.
 */
#include <linux/errno.h>
#include <linux/init.h>
#include <linux/module.h>
#include <linux/printk.h>

#include <tdxcore/tdxcore.h>

/* Glue hands the core's codes on as they are. */
static_assert(TDXC_E_NOENT == -ENOENT);
static_assert(TDXC_E_IO == -EIO);
static_assert(TDXC_E_AGAIN == -EAGAIN);
static_assert(TDXC_E_NOMEM == -ENOMEM);
static_assert(TDXC_E_BUSY == -EBUSY);
static_assert(TDXC_E_EXIST == -EEXIST);
static_assert(TDXC_E_NODEV == -ENODEV);
static_assert(TDXC_E_INVAL == -EINVAL);
static_assert(TDXC_E_NOSPC == -ENOSPC);
static_assert(TDXC_E_RANGE == -ERANGE);
static_assert(TDXC_E_OPNOTSUPP == -EOPNOTSUPP);

static int __init tdxcore_init(void)
{
	uint32_t version = tdxc_version();

	/* Objects of different age in one build tree */
	if (tdxc_abi() != TDXC_ABI)
		return -EINVAL;
	pr_info("tdxcore %u.%u.%u\n", version >> 16, version >> 8 & 0xFF,
		version & 0xFF);
	return 0;
}

static void __exit tdxcore_exit(void)
{
}

module_init(tdxcore_init);
module_exit(tdxcore_exit);

MODULE_DESCRIPTION("Portable logic for Intel TDX");
MODULE_AUTHOR("libtdxcore contributors");
MODULE_LICENSE("Dual BSD/GPL");
