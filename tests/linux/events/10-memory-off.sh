# SPDX-License-Identifier: BSD-2-Clause-Patent
# shellcheck shell=sh
# machine: -m 1G,slots=4,maxmem=8G -smp 4
# The machine itself: what memory hotplug does while nobody says no.
. /host

# block ADDRESS: its folder in sysfs
block() {
	size=$(cat /sys/devices/system/memory/block_size_bytes)
	echo "/sys/devices/system/memory/memory$(($1 / 0x$size))"
}

is_there() {
	[ -d "$(block "$1")" ]
}

is_gone() {
	! is_there "$1"
}

# Movable memory goes again, whoever took a page of it meanwhile.
goes_online() {
	until_true is_there "$1" || return
	echo online_movable >"$(block "$1")/state"
	grep -x online "$(block "$1")/state"
}

goes_offline() {
	echo offline >"$(block "$1")/state" &&
		grep -x offline "$(block "$1")/state"
}

# Newer kernels would do it by themselves.
echo offline >/sys/devices/system/memory/auto_online_blocks
at=0x100000000
check "a DIMM is plugged" plug_dimm dimm1 $((128 << 20)) $((at))
check "without the module its memory goes online" goes_online $at
check "and offline" goes_offline $at
check "and online once more" goes_online $at
check "the guest gives the DIMM back" unplug_dimm dimm1
check "and has no such memory any more" until_true is_gone $at
check "what QEMU refuses comes back as an error" fails \
	plug_dimm dimm2 $((100 << 20)) 1
plan
