# SPDX-License-Identifier: BSD-2-Clause-Patent
# shellcheck shell=sh
# machine: -m 1G,slots=4,maxmem=16G -smp 4 -object memory-backend-ram,id=more,size=1G -device virtio-mem-pci,id=more,memdev=more,memaddr=0x200000000,requested-size=0
# TDX is up and its CMRs are known: memory inside, outside and across them.
. /host
. /memory

old=$((0x100000000))
inside=$((0x110000000))
outside=$((0x140000000))
across=$((0x180000000))
itself=$((0x1c0000000))

plug_by_itself() {
	echo online >"$BLOCKS/auto_online_blocks"
	plug_dimm itself $((256 << 20)) "$itself" &&
		until_true told 'acpi-add'
	plugged=$?
	echo offline >"$BLOCKS/auto_online_blocks"
	return $plugged
}

both_offline() {
	until_true is_there $(($1 + BLOCK_BYTES)) && is_offline "$1" &&
		is_offline $(($1 + BLOCK_BYTES))
}

tells_of_removal() {
	until_true told ', firmware bug: ' && once 'went, though CMRs are fixed'
}

check "a DIMM is there before the module" plug_dimm old $((256 << 20)) $old
check "its memory is movable" movable $old
check "the module comes up, its CMRs are known" come_up \
	"sim_cmr=ram,$inside:256M,$across:128M"
check "an allowed DIMM is TDX memory" is_tdx_memory $old
check "boot memory goes offline and online again" boot_memory_goes_and_comes
check "a DIMM inside a CMR is plugged" plug_dimm in $((256 << 20)) $inside
check "none of its memory goes online" stays_offline $inside
check "one message names the whole DIMM, as an attack maybe" \
	once 'acpi-add \[mem 0x110000000-0x11fffffff\]: refuse, .*attack'
check "a DIMM outside every CMR is plugged" \
	plug_dimm out $((256 << 20)) $outside
check "it stays offline, too" stays_offline $outside
check "one message says that this is policy" \
	once 'acpi-add \[mem 0x140000000-0x14fffffff\]: refuse: policy'
check "a DIMM half in a CMR is plugged" plug_dimm half $((256 << 20)) $across
check "neither half goes online" stays_offline $across
check "one message names the DIMM and the half in the CMR" \
	once 'acpi-add \[mem 0x180000000-0x18fffffff\].*0x187ffffff\]$'
check "a refused DIMM is given back" unplug_dimm half
forget
check "a DIMM comes that the kernel puts online by itself" plug_by_itself
check "or would, for none of it goes online" both_offline $itself
check "one message says why" \
	once 'acpi-add \[mem 0x1c0000000-0x1cfffffff\]: refuse: policy'
check "it is given back" unplug_dimm itself
check "virtio-mem adds memory" grow_virtio_mem
check "that is refused as a driver's" stays_offline $((0x200000000))
check "one message names the driver's range" \
	once 'driver-add \[mem 0x200000000-0x207ffffff\]: refuse: policy'
check "virtio-mem takes it back" shrink_virtio_mem
forget
check "convertible memory goes: nobody can refuse that" unplug_dimm old
check "one message calls it a firmware bug" tells_of_removal
check "the module goes" rmmod tdxcore
check "without it what was refused goes online" \
	goes_online $outside online_movable
check "and offline" goes_offline $outside
check "the one outside is given back" unplug_dimm out
check "and the one inside" unplug_dimm in
plan
