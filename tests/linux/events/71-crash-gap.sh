# SPDX-License-Identifier: BSD-2-Clause-Patent
# shellcheck shell=sh
# machine: -m 2G -smp 4
# append: crashkernel=256M
# kernels: 2
# crash: yes
# log 1: without crash_kexec_post_notifiers nothing is handed over ! the end:
# The gap: a crash kernel that is entered before any notifier.
. /host
. /memory

if [ "$STAGE" = 1 ]; then
	check "the software module comes up" come_up
	check "a crash kernel is loaded" next_kernel -p nr_cpus=1 reset_devices
	leave crash
	exit
fi

check "the crash kernel has the dump" test -s /proc/vmcore
plan
