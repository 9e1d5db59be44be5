# SPDX-License-Identifier: BSD-2-Clause-Patent
# shellcheck shell=sh
# machine: -m 1G -smp 4,sockets=4,cores=2,threads=1,maxcpus=8
# Gate, scanner and conversions, by the module's own tests in this kernel.
. /host

says_ok() {
	grep -A 1 -F -- "- $1" /tmp/selftest
	grep -q -E "^ok [0-9]+ - $1\$" /tmp/selftest
}

none_fails() {
	! grep -A 1 '^not ok' /tmp/selftest
}

check "the software module comes up" insmod "$KO" sim=on
cat "$DEBUG/selftest" >/tmp/selftest
check "no test of the module's own fails" none_fails
for name in "gate: closed once drained, and opened again" \
	"gate: the closer gives up in time" \
	"gate: so does one that may not sleep" \
	"gate: the closer waits for a conversion of another thread" \
	"scan: after three converters met the gate it finds what they counted" \
	"scan: 1280 marked pages of a vmalloc area, where the kernel has them" \
	"unshare: over 1000 shared pages become private in the simulated TD" \
	"unshare: what its host refuses is left, counted, and retried" \
	"unshare: marked pages of a vmalloc area become private there"; do
	check "$name" says_ok "$name"
done
check "the module goes, audited" rmmod tdxcore
plan
