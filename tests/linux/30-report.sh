# SPDX-License-Identifier: BSD-2-Clause-Patent
# shellcheck shell=sh
# What the module says of a machine without TDX: why, and nothing is enforced.
. /tap

says_why_in_the_log() {
	dmesg | grep 'tdxcore.*TDX'
}

report_says_no() {
	grep -x 'usable no' "$DEBUG/preconditions"
}

report_names_what_is_missing() {
	cat "$DEBUG/preconditions"
	[ "$(grep -c -E '^fail ' "$DEBUG/preconditions")" -gt 0 ]
}

every_file_can_be_read() {
	for file in "$DEBUG"/*; do
		[ ! -f "$file" ] || [ -w "$file" ] || cat "$file" || return
	done
}

only_root_reads() {
	for file in "$DEBUG"/*; do
		echo "$file $(stat -c %a "$file")"
		case $(stat -c %a "$file") in *00) ;; *) return 1 ;; esac
	done
}

# Twice the same unless something was done in between.
counts_are_stable() {
	cat "$DEBUG/counters" >/tmp/one
	cat "$DEBUG/counters" >/tmp/two
	diff /tmp/one /tmp/two
}

# All CPUs read everything at once.
read_at_once() {
	for cpu in 0 1 2 3; do
		for _ in 1 2 3 4 5; do
			taskset $((1 << cpu)) cat "$DEBUG/preconditions" \
				"$DEBUG/counters" "$DEBUG/coherence" || echo bad
		done >/tmp/read.$cpu &
	done
	wait
	! grep -x bad /tmp/read.?
}

shows() {
	cat "$FOLDER/$1"
	grep -q -x "$2" "$FOLDER/$1"
}

has_no_version() {
	[ -e "$FOLDER/module_version" ] && ! cat "$FOLDER/module_version"
}

same_reason_in_both() {
	check=$(cut -d : -f 1 <"$FOLDER/reason")
	echo "reason: $check"
	grep "^fail  *$check " "$DEBUG/preconditions"
}

only_root_writes() {
	for file in "$FOLDER"/*; do
		echo "$file $(stat -c %a "$file")"
		[ "$(stat -c %a "$file")" = 444 ] || return
	done
}

memory_stays_free() {
	for state in /sys/devices/system/memory/memory*/state; do
		grep -x online "$state" || return
	done
}

insmod "$KO" || exit
check "the log says why there is no TDX" says_why_in_the_log
check "the report says that the machine cannot be used" report_says_no
check "the report names what is missing" report_names_what_is_missing
check "every file of debugfs can be read" every_file_can_be_read
check "only root reads them" only_root_reads
check "counters do not move by themselves" counts_are_stable
check "four CPUs read the reports at once" read_at_once
check "no memory was taken away" memory_stays_free
check "sysfs says that the machine cannot be used" shows usable 0
check "sysfs names a reason that the report has, too" same_reason_in_both
check "sysfs says that nothing was started" shows state 'off (.*)'
check "no PAMT is in use" shows pamt_bytes 0
check "a module that is not there has no version" has_no_version
check "nobody writes to sysfs" only_root_writes
plan
