// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause-Patent)
/*
 * sim_firmware=tdx: this machine as if its firmware had enabled TDX. Registers
 * say so, the software module answers SEAMCALL for this kernel's own CPUs and
 * memory, and everything above the instruction is what it always is: bring-up,
 * hotplug, the end of the kernel.
 */
#include <linux/debugfs.h>
#include <linux/kernel.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/printk.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/string.h>
#include <linux/topology.h>
#include <linux/uaccess.h>

#include "../bringup.h"
#include "../tdxc_linux.h"
#include "sim.h"

#define MIB	       0x100000ull
#define SHARED_KEYIDS  31u
#define PRIVATE_KEYIDS 32u
#define KEYID_BITS     6u
#define MAX_HELD       PRIVATE_KEYIDS
/* Where no machine has RAM. */
#define SEAMRR_BASE 0xF0000000ull
#define SEAMRR_SIZE 0x8000000ull

/* --- what the administrator says ------------------------------------------ */

enum firmware_kind { FIRMWARE_OFF, FIRMWARE_TDX, FIRMWARE_SEAMRR };

static const char *const kinds[] = {
	[FIRMWARE_OFF] = "off",
	[FIRMWARE_TDX] = "tdx",
	[FIRMWARE_SEAMRR] = "seamrr",
};
static int kind;

static int set_kind(const char *text, const struct kernel_param *param)
{
	int found = __sysfs_match_string(kinds, ARRAY_SIZE(kinds), text);

	if (found < 0)
		return found;
	kind = found;
	return 0;
}

static int get_kind(char *text, const struct kernel_param *param)
{
	return scnprintf(text, PAGE_SIZE, "%s\n", kinds[kind]);
}

static const struct kernel_param_ops kind_ops = {
	.set = set_kind,
	.get = get_kind,
};
module_param_cb(sim_firmware, &kind_ops, NULL, 0444);
MODULE_PARM_DESC(sim_firmware,
		 "tdx: as if firmware had enabled TDX; seamrr: SEAMRR is on, "
		 "and nothing else (default off)");

static char *sim_cmr = "ram";
module_param(sim_cmr, charp, 0444);
MODULE_PARM_DESC(sim_cmr,
		 "CMRs of sim_firmware=tdx: BASE:SIZE,...; ram: what RAM is "
		 "there (default ram)");

static bool sim_module = true;
module_param(sim_module, bool, 0444);
MODULE_PARM_DESC(sim_module,
		 "off: sim_firmware=tdx without a TDX module, so that CMRs "
		 "are not known (default on)");

bool tdxc_ksim_firmware_is_on(void)
{
	return kind != FIRMWARE_OFF;
}

/* --- registers ------------------------------------------------------------ */

void tdxc_ksim_firmware_regs(struct tdxc_platform_regs *regs)
{
	u64 keyids = kind == FIRMWARE_TDX ? PRIVATE_KEYIDS : 0;

	if (kind == FIRMWARE_OFF)
		return;
	regs->keyid_partitioning =
		(struct tdxc_platform_msr){keyids << 32 | SHARED_KEYIDS, true};
	regs->tme_activate =
		(struct tdxc_platform_msr){(u64)KEYID_BITS << 32 | 3, true};
	regs->vmx_basic = (struct tdxc_platform_msr){
		1ull << 60 | 4096ull << 32 | 0x11, true};
	regs->mtrrcap = (struct tdxc_platform_msr){0x8D0A, true};
	regs->seamrr_base = (struct tdxc_platform_msr){SEAMRR_BASE | 8, true};
	regs->seamrr_mask = (struct tdxc_platform_msr){
		((1ull << 46) - SEAMRR_SIZE) | 0xC00, true};
	regs->cpuid_0_ebx = 0x756E6547;
	regs->cpuid_0_edx = 0x49656E69;
	regs->cpuid_0_ecx = 0x6C65746E;
	regs->cpuid_1_eax = 0xA06D1;
	regs->cpuid_1_ecx = 1u << 26 | 1u << 21 | 1u << 5;
	regs->cpuid_1_edx = 1u << 27;
	regs->cpuid_7_ecx |= 1u << 28;
	regs->cpuid_80000008_eax = 0x3934;
}

/* --- CMRs ----------------------------------------------------------------- */

static int by_base(const void *a, const void *b)
{
	const struct tdxc_cmr *x = a, *y = b;

	return x->base < y->base ? -1 : x->base > y->base;
}

static int add_cmr(struct tdxc_ksim_machine_config *config, u64 base, u64 size)
{
	if (config->nr_cmrs == ARRAY_SIZE(config->cmrs))
		return -ENOSPC;
	config->cmrs[config->nr_cmrs].base = base;
	config->cmrs[config->nr_cmrs++].size = size;
	return 0;
}

/* All of it but the first MiB, which no firmware makes convertible. */
static int add_ram(struct tdxc_ksim_machine_config *config)
{
	size_t nr, i;
	struct tdxc_plan_ram *ram = tdxc_linux_ram_get(&nr);
	u64 start, end;
	int err = 0;

	if (!ram)
		return -ENOMEM;
	for (i = 0; i < nr && !err; i++) {
		start = max(PAGE_ALIGN(ram[i].range.start), MIB);
		end = ALIGN_DOWN(ram[i].range.end, PAGE_SIZE);
		if (start < end)
			err = add_cmr(config, start, end - start);
	}
	kvfree(ram);
	return err;
}

/* BASE:SIZE */
static int add_item(struct tdxc_ksim_machine_config *config, char *text)
{
	char *rest;
	u64 base = memparse(text, &rest), size;

	if (*rest != ':')
		return -EINVAL;
	size = memparse(rest + 1, &rest);
	if (*rest != '\0' || size == 0 || !PAGE_ALIGNED(base | size))
		return -EINVAL;
	return add_cmr(config, base, size);
}

static int add_cmrs(struct tdxc_ksim_machine_config *config)
{
	char *copy = kstrdup(sim_cmr, GFP_KERNEL), *rest = copy, *item;
	int err = copy ? 0 : -ENOMEM;

	while (!err && (item = strsep(&rest, ",")) != NULL)
		err = strcmp(item, "ram") ? add_item(config, item)
					  : add_ram(config);
	kfree(copy);
	sort(config->cmrs, config->nr_cmrs, sizeof(config->cmrs[0]), by_base,
	     NULL);
	return err;
}

/* --- the module ----------------------------------------------------------- */

static struct tdxc_ksim_machine *machine;
static struct tdxc_seamcall_port port;
static struct dentry *keyids_file;

u64 tdxc_ksim_firmware_call(u64 rax, struct tdxc_seamcall_regs *regs,
			    enum tdxc_seamcall_shape shape)
{
	if (!machine)
		return TDXC_STATUS_VMFAILINVALID;
	return port.ops->call(port.ctx, rax, regs, shape);
}

static u32 packages(void)
{
	u64 seen = 0;
	int cpu;

	for_each_present_cpu(cpu) seen |=
		1ull << (topology_physical_package_id(cpu) & 63);
	return (u32)hweight64(seen);
}

static int power_on(void)
{
	struct tdxc_ksim_machine_config config = {
		.dynamic_pamt = tdxc_linux_param_dynamic_pamt(),
		.real = true,
		.packages = packages(),
		.seamrr = {SEAMRR_BASE, SEAMRR_BASE + SEAMRR_SIZE},
	};
	int err = add_cmrs(&config);

	if (err)
		return err;
	machine = kvzalloc(sizeof(*machine), GFP_KERNEL);
	if (!machine)
		return -ENOMEM;
	err = tdxc_ksim_machine_init(machine, &config);
	if (err) {
		kvfree(machine);
		machine = NULL;
		return err;
	}
	port = tdxc_ksim_machine_port(machine);
	return 0;
}

/* --- KeyIDs: what a hypervisor with guests would hold --------------------- */

static u32 held[MAX_HELD];
static u32 nr_held;

static int hold(struct tdxc_linux_bringup *b, u32 want)
{
	int err = 0;

	while (!err && nr_held < want) {
		err = tdxc_keyids_alloc(&b->keyids, &held[nr_held]);
		if (!err)
			nr_held++;
	}
	while (!err && nr_held > want)
		err = tdxc_keyids_free(&b->keyids, held[--nr_held]);
	return err;
}

static ssize_t keyids_write(struct file *file, const char __user *from,
			    size_t bytes, loff_t *pos)
{
	struct tdxc_linux_bringup *b = tdxc_linux_bringup();
	u32 want;
	int err = kstrtou32_from_user(from, bytes, 0, &want);

	if (err)
		return err;
	mutex_lock(&b->lock);
	if (!b->started)
		err = -ENODEV;
	else
		err = want > MAX_HELD ? -EINVAL : hold(b, want);
	mutex_unlock(&b->lock);
	return err ? err : (ssize_t)bytes;
}

static const struct file_operations keyids_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.write = keyids_write,
	.llseek = default_llseek,
};

int tdxc_ksim_firmware_init(void)
{
	int err;

	if (kind == FIRMWARE_OFF)
		return 0;
	pr_info("tdxcore: firmware is simulated: %s\n", kinds[kind]);
	if (kind != FIRMWARE_TDX)
		return 0;
	err = sim_module ? power_on() : 0;
	if (!err)
		keyids_file = debugfs_create_file("keyids", 0200,
						  tdxc_linux_debug_root(), NULL,
						  &keyids_fops);
	return err;
}

/* After the bring-up was taken back: nobody makes a call any more. */
void tdxc_ksim_firmware_exit(void)
{
	debugfs_remove(keyids_file);
	keyids_file = NULL;
	if (!machine)
		return;
	tdxc_ksim_machine_fini(machine);
	kvfree(machine);
	machine = NULL;
}
