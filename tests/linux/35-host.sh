# SPDX-License-Identifier: BSD-2-Clause-Patent
# shellcheck shell=sh
# with: tdxcore
# `tdxcore host' beside a real module: what it tells is what the files say.
. /tap
TRACING=$DEBUG/../tracing
TRACE=$TRACING/instances/tdxcore

# exits CODE COMMAND...: whether it does; what it printed is in /tmp/said.
exits() {
	wanted=$1
	shift
	"$@" >/tmp/said
	code=$?
	cat /tmp/said
	echo "exit code $code"
	[ $code -eq "$wanted" ]
}

# says CODE WORDS COMMAND...: exits with CODE, and says this on either stream
says() {
	code=$1 words=$2
	shift 2
	exits "$code" "$@" 2>/tmp/complaint
	good=$?
	cat /tmp/complaint
	[ $good -eq 0 ] && grep -q -e "$words" /tmp/said /tmp/complaint
}

# member NAME: its value in an object, one member a line
member() {
	sed -n "s/^  \"$1\": \"\{0,1\}\([^\",]*\)\"\{0,1\},\{0,1\}$/\1/p" /tmp/said
}

# same NAME VALUE
same() {
	echo "$1: '$(member "$1")', not '$2'"
	[ "$(member "$1")" = "$2" ]
}

truth() {
	[ "$1" -eq 1 ] && echo true || echo false
}

# The object has what the files have that it was made of.
agrees_with_sysfs() {
	exits 1 tdxcore host status --json || return
	for name in pamt_bytes keyids_in_use quarantined; do
		same $name "$(cat "$FOLDER/$name")" || return
	done
	same usable "$(truth "$(cat "$FOLDER/usable")")" &&
		same reason "$(cat "$FOLDER/reason")" &&
		same state "$(sed 's| (.*||' "$FOLDER/state")" &&
		same module_version null
}

has_every_parameter() {
	exits 1 tdxcore host status --json || return
	for path in "$SYS"/parameters/*; do
		grep "^    \"${path##*/}\": \"$(cat "$path")\"" /tmp/said ||
			return
	done
}

has_every_precondition() {
	exits 1 tdxcore host status || return
	grep -v '^usable ' "$DEBUG/preconditions" >/tmp/lines
	[ -s /tmp/lines ] || return
	while read -r verdict check _; do
		grep "^  $verdict  *$check " /tmp/said || return
	done </tmp/lines
}

has_every_counter() {
	exits 1 tdxcore host status --json || return
	sed 's/^seamcall //' "$DEBUG/counters" | while read -r name count; do
		grep "^ *\"$name\": $count,\{0,1\}$" /tmp/said || return
	done
}

# as tdxcore writes an object: the planned TDMRs are the file's
plans_what_the_module_plans() {
	exits 0 tdxcore host plan --json || return
	grep '^ tdmr ' "$DEBUG/tdmrs_planned" >/tmp/lines
	[ -s /tmp/lines ] || return
	while read -r _ base size _; do
		grep -A 1 "\"base\": \"$base\"" /tmp/said |
			grep "\"size\": \"$size\"" || return
	done </tmp/lines
}

logs_what_dmesg_has() {
	exits 0 tdxcore host log || return
	dmesg | sed -n 's/^.*\] \(tdxcore[: ].*\)/\1/p' >/tmp/lines
	[ -s /tmp/lines ] || return
	while read -r line; do
		grep -F "$line" /tmp/said || return
	done </tmp/lines
}

# Self-tests make calls of all kinds while it looks.
sees_events() {
	(sleep 1 && cat "$DEBUG/selftest" >/dev/null) &
	exits 0 tdxcore host trace --seconds 60 --lines 20 || return
	wait
	[ "$(wc -l </tmp/said)" -eq 20 ] && grep 'seamcall .* -> [A-Z]' /tmp/said
}

trace_is_gone() {
	ls "$TRACING/instances"
	[ ! -e "$TRACE" ]
}

# runs SIGNAL: a trace that ends by it, long before its time
ends_by() {
	tdxcore host trace --seconds 3600 --json >/tmp/said 2>/tmp/complaint &
	tracer=$!
	until grep tracing /tmp/complaint; do
		[ -d /proc/$tracer ] || break
	done
	[ -e "$TRACE" ] && kill -s "$1" $tracer && wait $tracer &&
		same ended interrupt
}

one_at_a_time() {
	tdxcore host trace --seconds 3600 >/dev/null 2>/tmp/first &
	tracer=$!
	until grep tracing /tmp/first; do
		[ -d /proc/$tracer ] || break
	done
	says 1 another tdxcore host trace
	good=$?
	kill -s TERM $tracer && wait $tracer && [ $good -eq 0 ]
}

# killed: takes over what a run left that nobody could end
takes_over() {
	mkdir "$TRACE" && echo 1 >"$TRACE/events/tdxcore/enable" &&
		exits 0 tdxcore host trace --seconds 1 && trace_is_gone
}

no_debugfs() {
	mounted=/sys/kernel/debug
	umount "$mounted/tracing" 2>/dev/null
	umount $mounted || return
	says 1 'mount -t debugfs' tdxcore host status &&
		says 3 'mount -t debugfs' tdxcore host plan
	good=$?
	mount -t debugfs debugfs $mounted && [ $good -eq 0 ]
}

not_root() {
	mkdir -p /etc && echo 'somebody:x:1000:1000::/:/bin/sh' >/etc/passwd &&
		says 1 'as root' \
			su -s /bin/sh somebody -c '/bin/tdxcore host status'
}

check "the tool runs" tdxcore --version
check "without the module: says how to load it" \
	says 3 insmod tdxcore host status
check "without the module: no trace either" says 3 insmod tdxcore host trace
insmod "$KO" || exit
check "status agrees with sysfs" agrees_with_sysfs
check "status has every parameter" has_every_parameter
check "status has every precondition" has_every_precondition
check "status has every counter" has_every_counter
check "status says what to do" says 1 'What to do' tdxcore host status
check "CMRs are not known" says 0 'CMRs are not known' tdxcore host plan
check "the plan is the module's" plans_what_the_module_plans
check "the log is the kernel's" logs_what_dmesg_has
check "debugfs is away: says how to get it" no_debugfs
check "not root: says so, and tells what anybody may know" not_root
check "events are seen and decoded" sees_events
check "the trace is gone after that" trace_is_gone
check "SIGINT ends a trace" ends_by INT
check "the trace is gone after SIGINT" trace_is_gone
check "SIGTERM ends a trace" ends_by TERM
check "the trace is gone after SIGTERM" trace_is_gone
# Small kernels may have no locks of files.
[ ! -e /proc/locks ] ||
	check "there is one trace at a time" one_at_a_time
check "a trace that was left behind is taken over" takes_over
check "the module unloads after traces" rmmod tdxcore
insmod "$KO" sim=on || exit
check "sim=on: status agrees with sysfs" agrees_with_sysfs
check "sim=on: status has every parameter" has_every_parameter
check "sim=on: status has every counter" has_every_counter
plan
