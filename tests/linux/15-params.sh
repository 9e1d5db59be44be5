# SPDX-License-Identifier: BSD-2-Clause-Patent
# shellcheck shell=sh
# What the module takes from its command line.
. /tap

# loads_with NAME VALUE SHOWN
loads_with() {
	insmod "$KO" "$1=$2" || return
	shown=$(cat "$SYS/parameters/$1")
	rmmod tdxcore && echo "$shown" && [ "$shown" = "$3" ]
}

refuses() {
	! insmod "$KO" "$1" && ! is_loaded
}

# root may write to what nobody may: the mode is what counts
cannot_change() {
	insmod "$KO" || return
	mode=$(stat -c %a "$SYS/parameters/$1")
	rmmod tdxcore && echo "$mode" && [ "$mode" = 444 ]
}

ignores_the_unknown() {
	insmod "$KO" no_such_parameter=1 && rmmod tdxcore &&
		dmesg | grep "unknown parameter 'no_such_parameter' ignored"
}

describes() {
	strings "$KO" | grep "^parm=$1:."
}

for name in use_tdx dynamic_pamt bench sim record; do
	check "$name=on" loads_with $name on Y
	check "$name=off" loads_with $name off N
	check "$name=perhaps is refused" refuses $name=perhaps
	check "$name is what it was while the module is there" \
		cannot_change $name
	check "$name is described" describes $name
done
check "a parameter nobody knows does not keep it out" ignores_the_unknown
plan
