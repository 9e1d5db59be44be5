# SPDX-License-Identifier: BSD-2-Clause-Patent
# shellcheck shell=sh
# machine: -m 1G,slots=4,maxmem=16G -smp 4 -object memory-backend-ram,id=more,size=1G -device virtio-mem-pci,id=more,memdev=more,memaddr=0x200000000,requested-size=0
# Firmware enabled TDX, and there is no TDX module: CMRs are not known. Then TDX
# is off, by the administrator or because firmware did not enable it.
. /host
. /memory

new=$((0x140000000))

state_is() {
	cat "$FOLDER/state"
	grep -q "^$1" "$FOLDER/state"
}

allowed() {
	goes_online "$new" online_movable && goes_offline "$new" && quiet
}

check "the module finds no TDX module" insmod "$KO" sim_firmware=tdx \
	sim_module=off
check "nothing is up" state_is 'off '
check "boot memory goes offline and online again" boot_memory_goes_and_comes
check "a DIMM is plugged" plug_dimm new $((256 << 20)) $new
check "it stays offline, for CMRs are not known" stays_offline $new
check "one message says so of the whole DIMM" once \
	'acpi-add \[mem 0x140000000-0x14fffffff\]: refuse: .*not known'
check "virtio-mem adds memory" grow_virtio_mem
check "that is refused for the same reason" stays_offline $((0x200000000))
check "one message names the driver's range" once \
	'driver-add \[mem 0x200000000-0x207ffffff\]: refuse: .*not known'
check "virtio-mem takes it back" shrink_virtio_mem
check "the module goes" rmmod tdxcore
check "the administrator chooses hotplug" insmod "$KO" sim_firmware=tdx \
	use_tdx=off
forget
check "nothing is brought up then" state_is 'off '
check "the same DIMM goes online, and no message comes" allowed
check "the module goes again" rmmod tdxcore
check "firmware did not enable TDX" insmod "$KO"
forget
check "the DIMM goes online there, too" allowed
check "virtio-mem's memory comes" grow_virtio_mem
check "and goes online" goes_online $((0x200000000)) online_movable
check "virtio-mem takes that back" shrink_virtio_mem
check "the DIMM is given back" unplug_dimm new
check "of all that the module said nothing" quiet
plan
