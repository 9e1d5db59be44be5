# SPDX-License-Identifier: BSD-2-Clause-Patent
# shellcheck shell=sh
# machine: -m 2G -smp 4
# append: crashkernel=256M crash_kexec_post_notifiers
# kernels: 2
# crash: yes
# log 1: a panic tries SYS.DISABLE, then hands over | Kernel panic - not syncing: sysrq triggered crash
# log 1: a panic tries SYS.DISABLE, then hands over | the end: last SEAMCALL, SYS.DISABLE on CPU \d+: 0x0$
# log 1: a panic tries SYS.DISABLE, then hands over | the end: hand-over \(crash\)
# A crash kernel that is entered after the panic notifiers.
. /host
. /memory

if [ "$STAGE" = 1 ]; then
	check "the software module comes up" come_up
	check "a crash kernel is loaded" next_kernel -p nr_cpus=1 reset_devices
	leave crash
	exit
fi

check "the crash kernel has the dump" test -s /proc/vmcore
check "the module loads beside it, TDX stays off" insmod "$KO"
check "and unloads" rmmod tdxcore
plan
