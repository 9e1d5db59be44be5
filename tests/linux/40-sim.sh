# SPDX-License-Identifier: BSD-2-Clause-Patent
# shellcheck shell=sh
# sim=on: the software module, brought up when the module is loaded and audited
# when it goes: a violation is a warning in the log, which fails the run.
. /tap

stress_says() {
	echo 2 >"$DEBUG/stress" && grep ' machines' "$DEBUG/stress"
}

# However short: a machine with static PAMT, and one with Dynamic PAMT.
shortest_stress() {
	echo 0 >"$DEBUG/stress" && grep -x '2 machines' "$DEBUG/stress"
}

# The format knows static PAMT only.
stress_recorded() {
	echo 0 >"$DEBUG/stress" && grep -x '1 machines' "$DEBUG/stress"
}

# MNG.CREATE, VP.CREATE, MR.FINALIZE, VP.ENTER, MEM.PAGE.AUG
holds_the_life_of_tds() {
	for leaf in 9 a 11 0 6; do
		grep -c "^call [0-9] $leaf " /tmp/trace || return
	done
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
	cat "$DEBUG/trace" >/tmp/trace || return
	head -n 1 /tmp/trace
	[ "$(head -n 1 /tmp/trace)" = "tdxtrace 1" ]
}

is_whole() {
	! grep 'the memory is full' /tmp/trace
}

# has_none FILE [PARAMETERS]
has_none() {
	file=$1
	shift
	insmod "$KO" "$@" && [ ! -e "$DEBUG/$file" ] && rmmod tdxcore
}

send_trace() {
	gzip -c /tmp/trace >/tmp/trace.gz || return
	send /tmp/trace.gz kernel.tdxtrace.gz >/dev/ttyS1
}

check "without sim there is no stress" has_none stress
check "without record there is no trace" has_none trace sim=on
check "the simulated module comes up" insmod "$KO" sim=on
check "what is not a number is no time to stress" no_nonsense
check "stress of two seconds, and what it did" stress_says
check "the shortest stress has both kinds of PAMT" shortest_stress
check "two stresses at once" two_stresses
check "the machine goes, audited" rmmod tdxcore
check "comes up without Dynamic PAMT" insmod "$KO" sim=on dynamic_pamt=off
check "goes again" rmmod tdxcore
check "comes up and is recorded" insmod "$KO" sim=on record=on
check "TDs live while it is recorded" stress_recorded
check "the recording is a trace" begins_as_a_trace
check "the life of TDs is in it" holds_the_life_of_tds
check "nothing of it is missing" is_whole
check "the trace is sent" send_trace
check "goes, recorded" rmmod tdxcore
# None, more than there may be, more than this machine has
for mib in 0 4097 4096; do
	check "a recording with $mib MiB is refused" fails insmod "$KO" \
		record=on record_mib=$mib
done
check "what was refused left nothing behind" fails is_loaded
plan
