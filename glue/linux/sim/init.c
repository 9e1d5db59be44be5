// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause-Patent)
/*
 * sim=on: a machine is brought up when the module is loaded and taken down when
 * it goes, with the auditor at the end; and the file `stress`.
 */
#include <linux/cpuhotplug.h>
#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/printk.h>
#include <linux/random.h>
#include <linux/uaccess.h>

#include "../tdxc_linux.h"
#include "sim.h"

static bool sim;
module_param(sim, bool, 0444);
MODULE_PARM_DESC(sim, "on: the software TDX module on a simulated machine");

static struct tdxc_ksim_host *resident;
static struct dentry *stress_file;

bool tdxc_ksim_is_on(void)
{
	return sim;
}

/* --- CPUs that are processors of a machine stay, and no other comes ------- */

static atomic_t machines = ATOMIC_INIT(0);
static enum cpuhp_state hotplug_state;

void tdxc_ksim_hold_cpus(void)
{
	atomic_inc(&machines);
}

void tdxc_ksim_release_cpus(void)
{
	atomic_dec(&machines);
}

static int cpu_changes(unsigned int cpu)
{
	return atomic_read(&machines) != 0 ? -EBUSY : 0;
}

/* --- stress --------------------------------------------------------------- */

/* One run at a time, and what the last one said. */
static DEFINE_MUTEX(stressing);
static char said[160];

static ssize_t stress_write(struct file *file, const char __user *from,
			    size_t bytes, loff_t *pos)
{
	unsigned int seconds;
	u64 seed = get_random_u64();
	int err = kstrtouint_from_user(from, bytes, 10, &seconds);

	if (err)
		return err;
	mutex_lock(&stressing);
	pr_info("tdxcore: stress for %u s, seed %llx\n", seconds, seed);
	err = tdxc_ksim_stress(seconds, seed, said, sizeof(said));
	if (err)
		pr_err("tdxcore: stress with seed %llx: %s\n", seed, said);
	mutex_unlock(&stressing);
	return err ? -EIO : (ssize_t)bytes;
}

static ssize_t stress_read(struct file *file, char __user *to, size_t bytes,
			   loff_t *pos)
{
	ssize_t n;

	mutex_lock(&stressing);
	n = simple_read_from_buffer(to, bytes, pos, said, strlen(said));
	mutex_unlock(&stressing);
	return n;
}

static const struct file_operations stress_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.read = stress_read,
	.write = stress_write,
	.llseek = default_llseek,
};

/* --- the resident machine ------------------------------------------------- */

static int bring_up(void)
{
	const struct tdxc_ksim_machine_config config = {
		.gib = 1,
		.dynamic_pamt = tdxc_linux_param_dynamic_pamt(),
	};
	int err;

	resident = tdxc_ksim_host_create(&config, &err);
	if (!resident) {
		pr_err("tdxcore: no simulated machine: %d\n", err);
		return err;
	}
	err = tdxc_ksim_host_up(resident);
	if (!err) {
		tdxc_ksim_machine_let_go(&resident->machine);
		return 0;
	}
	pr_err("tdxcore: the simulated module did not come up: %d\n", err);
	tdxc_ksim_host_destroy(resident);
	resident = NULL;
	return err;
}

int tdxc_ksim_init(void)
{
	int err;

	if (!sim)
		return 0;
	err = cpuhp_setup_state_nocalls(CPUHP_AP_ONLINE_DYN, "tdxcore/sim",
					cpu_changes, cpu_changes);
	if (err < 0)
		return err;
	hotplug_state = err;
	err = bring_up();
	if (err)
		cpuhp_remove_state_nocalls(hotplug_state);
	else
		stress_file = debugfs_create_file("stress", 0600,
						  tdxc_linux_debug_root(), NULL,
						  &stress_fops);
	return err;
}

/* On a processor of the module: it is called for the last time. */
static int take_down(void *arg)
{
	struct tdxc_sim_violation wrong;
	u64 left;

	if (tdxc_ksim_audit(&resident->machine, &wrong))
		WARN(1, "tdxcore: %s\n", wrong.text);
	left = tdxc_ksim_host_destroy(resident);
	WARN(left != 0, "tdxcore: %llu pages of the machine are left\n", left);
	resident = NULL;
	return 0;
}

void tdxc_ksim_exit(void)
{
	if (!sim)
		return;
	debugfs_remove(stress_file);
	stress_file = NULL;
	tdxc_ksim_tests_exit();
	tdxc_ksim_on_lp(resident, 0, take_down, NULL);
	cpuhp_remove_state_nocalls(hotplug_state);
}

MODULE_SOFTDEP("pre: sha512");
