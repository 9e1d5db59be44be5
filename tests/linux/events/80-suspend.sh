# SPDX-License-Identifier: BSD-2-Clause-Patent
# shellcheck shell=sh
# machine: -m 1G -smp 4
# end: reboot: Restarting system
# Sleep: the machine wakes up again, or does not fall asleep.
. /host
. /memory

# sleeps HOW: until the host wakes the machine up
sleeps() {
	echo "$1" >/sys/power/mem_sleep && host wakeup &&
		echo mem >/sys/power/state
}

refused_sleep() {
	forget
	echo "$1" >/sys/power/mem_sleep
	! echo mem >/sys/power/state && told 'no hibernation and no S3'
}

# The whole way down and up but for the idle CPUs, which nothing here would
# wake.
idles() {
	echo s2idle >/sys/power/mem_sleep && echo devices >/sys/power/pm_test &&
		echo mem >/sys/power/state && echo none >/sys/power/pm_test
}

refused_hibernation() {
	forget
	! echo disk >/sys/power/state && told 'no hibernation and no S3'
}

is_up() {
	grep -x ready "$FOLDER/state"
}

check "without the module the machine sleeps in S3 and wakes up" sleeps deep
check "the module loads, TDX is off" insmod "$KO"
check "while TDX is off it sleeps and wakes up" sleeps deep
check "the module unloads" rmmod tdxcore
check "the software module comes up" come_up
check "while TDX is up S3 is refused" refused_sleep deep
[ ! -e /sys/power/disk ] ||
	check "while TDX is up hibernation is refused" refused_hibernation
[ ! -e /sys/power/pm_test ] ||
	check "while TDX is up s2idle is allowed" idles
check "TDX is still up" is_up
check "the module goes" rmmod tdxcore
check "then it sleeps and wakes up as before" sleeps deep
# QEMU does not power off once it slept.
leave reboot -f
