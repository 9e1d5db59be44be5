# SPDX-License-Identifier: BSD-2-Clause-Patent
# shellcheck shell=sh
# machine: -m 1G -smp 4,sockets=4,cores=2,threads=1,maxcpus=8
# CPUs: two packages of two, and room for two more.
. /host
. /memory
CPUS=/sys/devices/system/cpu

goes() {
	echo 0 >"$CPUS/cpu$1/online" && grep -x 0 "$CPUS/cpu$1/online"
}

comes() {
	echo 1 >"$CPUS/cpu$1/online" && grep -x 1 "$CPUS/cpu$1/online"
}

# refused COMMAND CPU: and the CPU stays as it was
refused() {
	before=$(cat "$CPUS/cpu$2/online")
	forget
	! "$1" "$2" && [ "$(cat "$CPUS/cpu$2/online")" = "$before" ]
}

packages_are_two_and_two() {
	cat "$CPUS"/cpu[0-3]/topology/physical_package_id | tr '\n' ' ' >/tmp/p
	cat /tmp/p
	grep -x '0 0 1 1 ' /tmp/p
}

# lp_inits N: so many were made
lp_inits() {
	cat "$DEBUG/counters"
	grep -E "LP.INIT $1\$" "$DEBUG/counters"
}

in_use() {
	echo "$1" >"$DEBUG/keyids" && grep -x "$1" "$FOLDER/keyids_in_use"
}

is_ready() {
	cat "$FOLDER/state"
	grep -x ready "$FOLDER/state"
}

waits() {
	insmod "$KO" sim_firmware=tdx && grep -x 'waits for a CPU' \
		"$FOLDER/state"
}

# plug_cpu N: QEMU's own heap does not survive a second CPU in the place of one
# that was taken away (7.2), so each has a place of its own.
plug_cpu() {
	host device_add "{\"driver\": \"max-x86_64-cpu\", \"id\": \"cpu$1\", \
\"socket-id\": $(($1 / 2)), \"core-id\": $(($1 % 2)), \"thread-id\": 0}" &&
		until_true test -d "$CPUS/cpu$1"
}

unplug_cpu() {
	host device_del "{\"id\": \"cpu$1\"}" &&
		host wait DEVICE_DELETED "cpu$1" &&
		until_true test ! -d "$CPUS/cpu$1"
}

check "there are two packages" packages_are_two_and_two
check "with static PAMTs the module comes up" come_up dynamic_pamt=off
check "and gives all of them back" rmmod tdxcore
check "the module comes up" come_up
check "LP.INIT was made on four CPUs" lp_inits 4
check "without KeyIDs in use a package goes" goes 3
check "its last CPU, too" goes 2
check "it comes back" comes 2
check "and its other CPU" comes 3
check "without another LP.INIT" lp_inits 4
check "a KeyID is in use" in_use 1
check "a CPU goes that is not the last of its package" goes 3
check "the last one stays" refused goes 2
check "one message says why" once 'CPU 2 stays: KeyIDs are in use'
check "the other one comes back" comes 3
check "now this one may go" goes 2
check "and come back" comes 2
check "the KeyID is free again" in_use 0
check "then the last one goes" eval "goes 3 && goes 2"
check "the package comes back" eval "comes 2 && comes 3"
check "a KeyID is in use again" in_use 1
check "which does not keep the module" rmmod tdxcore
check "with a CPU offline" goes 3
check "the module waits, and configures nothing" waits
check "LP.INIT was made on three" lp_inits 3
check "the CPU comes late" comes 3
check "and the module comes up" until_true is_ready
check "with one LP.INIT more" lp_inits 4
forget
# Firmware that says of no CPU that it can come later (MADT of QEMU 7.2) is taken
# at its word by newer kernels.
if [ "$(cat "$CPUS/possible")" != 0-7 ]; then
	number=$((number + 1))
	echo "ok $number - CPUs are added # SKIP the kernel expects no others"
	plan
	exit
fi
check "a CPU is added while SEAMRR is on" plug_cpu 4
check "one message says that TDX rules it out" once 'CPU 4: cpu-add: refuse: '
check "it does not go online" refused comes 4
check "the message is not repeated for it" quiet
check "a module that goes lets it" eval "rmmod tdxcore && comes 4 && goes 4"
check "SEAMRR is on, and TDX is not" insmod "$KO" sim_firmware=seamrr
forget
check "another CPU is added" plug_cpu 5
check "and told of" once 'CPU 5: cpu-add: refuse: SEAMRR is on'
check "and refused" refused comes 5
check "one that was there as the module came goes online" comes 4
check "and offline" goes 4
check "without SEAMRR the module loads" eval "rmmod tdxcore && insmod $KO"
forget
check "a third CPU is added" plug_cpu 6
check "it goes online" comes 6
check "nothing was said" quiet
check "it goes offline" goes 6
check "the module comes, as if SEAMRR were on" \
	eval "rmmod tdxcore && insmod $KO sim_firmware=seamrr"
forget
check "a CPU is taken away, which nobody can refuse" unplug_cpu 6
check "one message says so" once 'CPU 6: cpu-remove: refuse: SEAMRR is on'
plan
