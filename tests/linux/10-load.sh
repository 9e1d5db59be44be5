# SPDX-License-Identifier: BSD-2-Clause-Patent
# shellcheck shell=sh
# The module comes and goes.
. /tap

built_for_this_kernel() {
	strings "$KO" | grep "^vermagic=$(uname -r) "
}

says_its_version() {
	dmesg | grep -E 'tdxcore:? [0-9]+\.[0-9]+\.[0-9]+'
}

# 4096: out of tree, 8192: not signed
taints_only_as_foreign() {
	tainted=$(cat /proc/sys/kernel/tainted)
	echo "$tainted"
	[ $((tainted & ~(4096 | 8192))) -eq 0 ]
}

is_live() {
	grep -x live "$SYS/initstate"
}

nobody_holds_it() {
	grep -x 0 "$SYS/refcnt"
}

leaves_nothing() {
	! is_loaded && [ ! -e "$SYS" ] && [ ! -e "$DEBUG" ] &&
		[ ! -e "$FOLDER" ] &&
		! grep tdxcore /proc/vmallocinfo && ! grep tdxc /proc/kallsyms
}

# An open file of the module's holds it.
stays_while_a_file_is_open() (
	exec 3<"$DEBUG/selftest" && fails rmmod tdxcore && is_loaded
)

# Tests go on with what the ones before left.
tests_have_one_reader() (
	exec 3<"$DEBUG/selftest" && fails cat "$DEBUG/selftest"
)

times_begun() {
	dmesg | grep -cE 'tdxcore:? [0-9]+\.[0-9]+\.[0-9]+'
}

# Newer kernels let all four succeed that name the same file: what counts is
# how often the module began.
one_of_four_wins() {
	before=$(times_begun)
	for cpu in 0 1 2 3; do
		taskset $((1 << cpu)) insmod "$KO" &
	done
	wait
	echo "$before $(times_begun)"
	[ "$(times_begun)" -eq $((before + 1)) ] && is_loaded
}

cpu_goes_and_comes() {
	echo 0 >/sys/devices/system/cpu/cpu3/online &&
		echo 1 >/sys/devices/system/cpu/cpu3/online &&
		grep -x 1 /sys/devices/system/cpu/cpu3/online
}

loads_without_a_cpu() {
	echo 0 >/sys/devices/system/cpu/cpu2/online &&
		insmod "$KO" && echo 1 >/sys/devices/system/cpu/cpu2/online &&
		rmmod tdxcore
}

many_times() {
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		insmod "$KO" && rmmod tdxcore || return
	done
}

check "is built for this kernel" built_for_this_kernel
check "loads" insmod "$KO"
check "is live" is_live
check "says its version in the log" says_its_version
check "taints the kernel as out-of-tree only" taints_only_as_foreign
check "nobody holds it" nobody_holds_it
check "a second copy is refused" fails insmod "$KO"
check "has its folder in debugfs" test -d "$DEBUG"
check "stays while one of its files is open" stays_while_a_file_is_open
check "the self-tests have one reader at a time" tests_have_one_reader
check "a CPU goes and comes back while it is there" cpu_goes_and_comes
check "unloads" rmmod tdxcore
check "leaves nothing behind" leaves_nothing
check "what is not there does not unload" fails rmmod tdxcore
check "loads again" insmod "$KO"
check "unloads again" rmmod tdxcore
check "of four that load it at once one wins" one_of_four_wins
check "what won unloads" rmmod tdxcore
check "loads while a CPU is offline, which then comes" loads_without_a_cpu
check "ten times in a row" many_times
check "leaves nothing behind after all that" leaves_nothing
plan
