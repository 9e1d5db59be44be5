# SPDX-License-Identifier: BSD-2-Clause-Patent
# shellcheck shell=sh
# machine: -m 1G,slots=4,maxmem=8G -smp 4
# The machine itself: what memory hotplug does while nobody says no.
. /host
. /memory

# Newer kernels would bring it online by themselves.
echo offline >"$BLOCKS/auto_online_blocks"
at=$((0x100000000))
check "a DIMM is plugged" plug_dimm dimm1 $((128 << 20)) $at
check "without the module its memory goes online" goes_online $at \
	online_movable
check "and offline" goes_offline $at
check "and online once more" goes_online $at online_movable
check "the guest gives the DIMM back" unplug_dimm dimm1
check "and has no such memory any more" until_true is_gone $at
check "what QEMU refuses comes back as an error" fails \
	plug_dimm dimm2 $((100 << 20)) 1
plan
