// SPDX-License-Identifier: BSD-2-Clause-Patent
/*
 * What the events need of kexec(8):
 *
 *   kexec -l|-p KERNEL INITRAMFS COMMAND-LINE
 *   kexec -u | -U | -e
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/kexec.h>
#include <linux/reboot.h>

static int load(unsigned long flags, char **names)
{
	int kernel = open(names[0], O_RDONLY | O_CLOEXEC);
	int initramfs = open(names[1], O_RDONLY | O_CLOEXEC);

	if (kernel < 0 || initramfs < 0)
		return -1;
	return (int)syscall(SYS_kexec_file_load, kernel, initramfs,
			    strlen(names[2]) + 1, names[2], flags);
}

static int unload(unsigned long flags)
{
	return (int)syscall(SYS_kexec_file_load, -1, -1, 0UL, NULL,
			    flags | KEXEC_FILE_UNLOAD);
}

static int jump(void)
{
	return (int)syscall(SYS_reboot, LINUX_REBOOT_MAGIC1,
			    LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_KEXEC, NULL);
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "";
	int err;

	if (argc == 5 && strcmp(how, "-l") == 0)
		err = load(0, argv + 2);
	else if (argc == 5 && strcmp(how, "-p") == 0)
		err = load(KEXEC_FILE_ON_CRASH, argv + 2);
	else if (argc == 2 && strcmp(how, "-u") == 0)
		err = unload(0);
	else if (argc == 2 && strcmp(how, "-U") == 0)
		err = unload(KEXEC_FILE_ON_CRASH);
	else if (argc == 2 && strcmp(how, "-e") == 0)
		err = jump();
	else
		return 2;
	if (err)
		perror(how);
	return err ? 1 : 0;
}
