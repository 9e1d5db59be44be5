# SPDX-License-Identifier: BSD-2-Clause-Patent
# shellcheck shell=sh
# bench=1: that the benchmarks run, and that what they measure was done right.
# Their numbers are comments in the output.
. /tap

measures() {
	cat "$DEBUG/bench" >/tmp/bench && [ -s /tmp/bench ]
}

has_objects_only() {
	! grep -v -E '^\{"name": "[a-z0-9_]+", "ns": [0-9]+\.[0-9]{3}, "ops": [1-9][0-9]*, "wrong": [0-9]+\}$' /tmp/bench
}

nothing_wrong() {
	! grep -v '"wrong": 0}' /tmp/bench
}

names() {
	for name in lookup_direct_4k lookup_mirror_4k fault_direct_4k \
		fault_mirror_4k zap_direct_4k zap_mirror_4k scan_entry \
		flush_one_cpu flush_all_cpus gate_begin_end seamcall; do
		grep -q "\"name\": \"$name\"" /tmp/bench || return
	done
}

measure_at_once() {
	cat "$DEBUG/bench" >/tmp/first &
	cat "$DEBUG/bench" >/tmp/second && wait $! &&
		[ "$(wc -l </tmp/first)" -eq "$(wc -l </tmp/second)" ]
}

offers_none() {
	insmod "$KO" && [ ! -e "$DEBUG/bench" ] && rmmod tdxcore
}

check "without bench there is nothing to measure" offers_none
check "loads with bench" insmod "$KO" bench=on
check "everything is measured" measures
sed 's/^/# /' /tmp/bench
check "lookup, fault, zap, scan, flush and gate are among it" names
check "each line is a JSON object" has_objects_only
check "what was measured was done right" nothing_wrong
check "two that measure at once, one after the other" measure_at_once
check "unloads after measuring" rmmod tdxcore
plan
