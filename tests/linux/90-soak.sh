# SPDX-License-Identifier: BSD-2-Clause-Patent
# shellcheck shell=sh
# Load and unload again and again, then everything at once. How long is said on
# the kernel's command line: SOAK_CYCLES, SOAK_SECONDS.
. /tap
: "${SOAK_CYCLES:=5}" "${SOAK_SECONDS:=5}"

load() {
	insmod "$KO" sim=on
}

# KiB in use that nothing but their owner can give back. Pages that each CPU
# keeps in hand are free ones.
in_use() {
	echo 3 >/proc/sys/vm/drop_caches
	[ ! -e /proc/sys/vm/compact_memory ] ||
		echo 1 >/proc/sys/vm/compact_memory
	awk '/^MemTotal:/ { n = $2 }
		/^(MemFree|Buffers|Cached|SReclaimable):/ { n -= $2 }
		$1 == "count:" { n -= 4 * $2 }
		END { print n }' /proc/meminfo /proc/zoneinfo
}

cycles() {
	i=0
	while [ $i -lt "$1" ]; do
		load || return
		cat "$DEBUG/preconditions" >/tmp/report || return
		rmmod tdxcore || return
		i=$((i + 1))
	done
}

kmemleak=/sys/kernel/debug/kmemleak

# KASAN keeps back what was freed, up to 1/32 of memory. There kmemleak judges.
quarantine() {
	[ -e $kmemleak ] || { echo 0 && return; }
	awk '/^MemTotal:/ { print int($2 / 32) }' /proc/meminfo
}

# gave_back BEFORE ROOM: what is freed by RCU is free a little later, so some
# tries. ROOM KiB are for the rest of the kernel.
gave_back() {
	limit=$(($1 + $2 + $(quarantine)))
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		used=$(in_use)
		echo "$used KiB in use, $1 before, at most $limit"
		[ "$used" -gt "$limit" ] || return 0
		sleep 1
	done
	false
}

seconds() {
	echo $(($(now) / 100))
}

# until DEADLINE COMMAND...: again and again; its outcome does not matter.
until_time() {
	deadline=$1
	shift
	while [ "$(seconds)" -lt "$deadline" ]; do
		"$@"
	done
}

load_and_unload() {
	load
	rmmod tdxcore
}

read_files() {
	cat "$DEBUG"/[a-r]* "$DEBUG/selftest"
	cat "$SYS"/parameters/*
}

cpu_off_and_on() {
	echo 0 >/sys/devices/system/cpu/cpu3/online
	echo 1 >/sys/devices/system/cpu/cpu3/online
}

# Loading, unloading, reading and CPUs that go and come, all at once.
everything_at_once() {
	deadline=$(($(seconds) + $1))
	for act in load_and_unload load_and_unload read_files read_files \
		cpu_off_and_on; do
		until_time $deadline $act >/dev/null 2>&1 &
	done
	wait
}

# A machine of the module's lets no CPU come while it is there.
cpus_are_back() {
	rmmod tdxcore 2>/dev/null
	grep -x 1 /sys/devices/system/cpu/cpu3/online ||
		echo 1 >/sys/devices/system/cpu/cpu3/online
}

stays_loadable() {
	rmmod tdxcore 2>/dev/null
	load && rmmod tdxcore
}

# The software module's own, by threads on all CPUs
stress() {
	load && echo "$1" >"$DEBUG/stress" && rmmod tdxcore
}

no_leak_found() {
	# An object younger than five seconds is not looked at.
	sleep 6
	echo scan >$kmemleak && echo scan >$kmemleak && cat $kmemleak &&
		[ -z "$(cat $kmemleak)" ]
}

cycles 5
before=$(in_use)
check "loads and unloads again and again" cycles "$SOAK_CYCLES"
# A thousand cycles show a leak of a page in each.
check "cycles give back their memory" gave_back "$before" \
	$((2048 + SOAK_CYCLES))
check "everything at once" everything_at_once $((SOAK_SECONDS / 3))
check "all CPUs are back after that" cpus_are_back
check "random stress of TDs" stress $((SOAK_SECONDS - SOAK_SECONDS / 3))
check "loads and unloads after that" stays_loadable
# Shells by the thousand and CPUs that went leave more of their own behind.
check "gives back its memory after that" gave_back "$before" 4096
[ ! -e $kmemleak ] || check "kmemleak finds nothing" no_leak_found
plan
