// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause-Patent)
/* One value a file, for programs: /sys/kernel/tdxcore. */
#include <linux/kobject.h>
#include <linux/sysfs.h>

#include "bringup.h"
#include "tdxc_linux.h"

static struct kobject *folder;

static ssize_t usable_show(struct kobject *kobj, struct kobj_attribute *attr,
			   char *buf)
{
	return sysfs_emit(buf, "%d\n", tdxc_linux_platform()->usable);
}

/* The first precondition that failed; empty where none did. */
static ssize_t reason_show(struct kobject *kobj, struct kobj_attribute *attr,
			   char *buf)
{
	const struct tdxc_platform_finding *f =
		tdxc_platform_first(tdxc_linux_platform(), TDXC_PLATFORM_FAIL);

	if (!f)
		return sysfs_emit(buf, "\n");
	return sysfs_emit(buf, "%s: %s\n", tdxc_platform_check_name(f->check),
			  tdxc_platform_reason_text(f->reason));
}

static ssize_t state_show(struct kobject *kobj, struct kobj_attribute *attr,
			  char *buf)
{
	struct tdxc_linux_bringup *b = tdxc_linux_bringup();
	ssize_t length;

	mutex_lock(&b->lock);
	if (b->started)
		length = sysfs_emit(
			buf, "%s\n",
			tdxc_module_step_name(tdxc_module_step(&b->module)));
	else if (b->waiting)
		length = sysfs_emit(buf, "waits for a CPU\n");
	else
		length = sysfs_emit(buf, "off (%s)\n", tdxc_err_name(b->err));
	mutex_unlock(&b->lock);
	return length;
}

static ssize_t module_version_show(struct kobject *kobj,
				   struct kobj_attribute *attr, char *buf)
{
	struct tdxc_linux_bringup *b = tdxc_linux_bringup();
	const struct tdxc_sysinfo *info = &b->module.info;
	ssize_t length = -ENXIO;

	mutex_lock(&b->lock);
	if (b->started)
		length = sysfs_emit(buf, "%u.%u.%02u\n", info->major_version,
				    info->minor_version, info->update_version);
	mutex_unlock(&b->lock);
	return length;
}

static ssize_t pamt_bytes_show(struct kobject *kobj,
			       struct kobj_attribute *attr, char *buf)
{
	struct tdxc_linux_bringup *b = tdxc_linux_bringup();
	u64 bytes = 0;

	mutex_lock(&b->lock);
	if (b->started)
		bytes = b->plan.pamt_bytes;
	mutex_unlock(&b->lock);
	return sysfs_emit(buf, "%llu\n", bytes);
}

static ssize_t keyids_in_use_show(struct kobject *kobj,
				  struct kobj_attribute *attr, char *buf)
{
	struct tdxc_linux_bringup *b = tdxc_linux_bringup();
	u32 in_use = 0;

	mutex_lock(&b->lock);
	if (b->started)
		in_use = tdxc_keyids_in_use(&b->keyids);
	mutex_unlock(&b->lock);
	return sysfs_emit(buf, "%u\n", in_use);
}

static ssize_t quarantined_show(struct kobject *kobj,
				struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%llu\n",
			  READ_ONCE(tdxc_linux_bringup()->quarantine.count));
}

static struct kobj_attribute attributes[] = {
	__ATTR_RO(usable),	__ATTR_RO(reason),
	__ATTR_RO(state),	__ATTR_RO(module_version),
	__ATTR_RO(pamt_bytes),	__ATTR_RO(keyids_in_use),
	__ATTR_RO(quarantined),
};

int tdxc_linux_sysfs_init(void)
{
	size_t i;
	int err;

	folder = kobject_create_and_add("tdxcore", kernel_kobj);
	if (!folder)
		return -ENOMEM;
	for (i = 0; i < ARRAY_SIZE(attributes); i++) {
		err = sysfs_create_file(folder, &attributes[i].attr);
		if (err) {
			kobject_put(folder);
			return err;
		}
	}
	return 0;
}

/* The files go with the folder. */
void tdxc_linux_sysfs_exit(void)
{
	kobject_put(folder);
}
