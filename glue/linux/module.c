// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause-Patent)
/*
 * The kernel module: its parts, and in which order they come and go.
 */
#include <linux/errno.h>
#include <linux/init.h>
#include <linux/module.h>
#include <linux/printk.h>

#include <tdxcore/tdxcore.h>

#include "bringup.h"
#include "power.h"
#include "record.h"
#include "sim/sim.h"
#include "tdxc_linux.h"

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

/* What the module consists of: started in this order, stopped in the other. */
static const struct part {
	int (*init)(void);
	void (*exit)(void);
} parts[] = {
	{tdxc_linux_cpu_init, tdxc_linux_cpu_exit},
	{tdxc_linux_cache_init, tdxc_linux_cache_exit},
	{tdxc_linux_debug_init, tdxc_linux_debug_exit},
	{tdxc_record_init, tdxc_record_exit},
	{tdxc_linux_hotplug_init, tdxc_linux_hotplug_exit},
	{tdxc_linux_power_init, tdxc_linux_power_exit},
	{tdxc_ksim_firmware_init, tdxc_ksim_firmware_exit},
	{tdxc_linux_bringup_init, tdxc_linux_bringup_exit},
	{tdxc_linux_sysfs_init, tdxc_linux_sysfs_exit},
	{tdxc_ksim_init, tdxc_ksim_exit},
};

static void stop(size_t n)
{
	while (n-- > 0)
		parts[n].exit();
}

static int __init tdxcore_init(void)
{
	uint32_t version = tdxc_version();
	size_t i;
	int err;

	/* Objects of different age in one build tree */
	if (tdxc_abi() != TDXC_ABI)
		return -EINVAL;
	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		err = parts[i].init();
		if (err) {
			stop(i);
			return err;
		}
	}
	pr_info("tdxcore %u.%u.%u\n", version >> 16, version >> 8 & 0xFF,
		version & 0xFF);
	return 0;
}

static void __exit tdxcore_exit(void)
{
	stop(ARRAY_SIZE(parts));
}

module_init(tdxcore_init);
module_exit(tdxcore_exit);

MODULE_DESCRIPTION("Portable logic for Intel TDX");
MODULE_AUTHOR("libtdxcore contributors");
MODULE_LICENSE("Dual BSD/GPL");
