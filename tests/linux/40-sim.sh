# SPDX-License-Identifier: BSD-2-Clause-Patent
# shellcheck shell=sh
# sim=on: the software module, brought up when the module is loaded and audited
# when it goes: a violation is a warning in the log, which fails the run.
. /tap

stress_says() {
	echo 2 >"$DEBUG/stress" && cat "$DEBUG/stress" &&
		[ -s "$DEBUG/stress" ]
}

no_nonsense() {
	! echo much >"$DEBUG/stress"
}

# Two at once: one after the other, neither fails.
two_stresses() {
	echo 1 >"$DEBUG/stress" &
	first=$!
	echo 1 >"$DEBUG/stress" && wait $first
}

begins_as_a_trace() {
	head -n 1 "$DEBUG/trace"
	[ "$(head -n 1 "$DEBUG/trace")" = "tdxtrace 1" ]
}

is_whole() {
	! grep 'the memory is full' "$DEBUG/trace"
}

# has_none FILE [PARAMETERS]
has_none() {
	file=$1
	shift
	insmod "$KO" "$@" && [ ! -e "$DEBUG/$file" ] && rmmod tdxcore
}

send_trace() {
	gzip -c "$DEBUG/trace" >/tmp/trace.gz || return
	send /tmp/trace.gz kernel.tdxtrace.gz >/dev/ttyS1
}

check "without sim there is no stress" has_none stress
check "without record there is no trace" has_none trace sim=on
check "the simulated module comes up" insmod "$KO" sim=on
check "what is not a number is no time to stress" no_nonsense
check "stress of two seconds, and what it did" stress_says
check "two stresses at once" two_stresses
check "the machine goes, audited" rmmod tdxcore
check "comes up without Dynamic PAMT" insmod "$KO" sim=on dynamic_pamt=off
check "goes again" rmmod tdxcore
check "comes up and is recorded" insmod "$KO" sim=on record=on
check "the recording is a trace" begins_as_a_trace
check "nothing of it is missing" is_whole
check "the trace is sent" send_trace
check "goes, recorded" rmmod tdxcore
check "a recording without memory is refused" fails insmod "$KO" \
	record=on record_mib=0
plan
