# SPDX-License-Identifier: BSD-2-Clause-Patent
# shellcheck shell=sh
# machine: -m 2G -smp 4
# kernels: 2
# log 1: the last SEAMCALL, flushes, then the hand-over | the end: last SEAMCALL, SYS.DISABLE on CPU \d+: 0x0$
# log 1: the last SEAMCALL, flushes, then the hand-over | the end: flush on CPU
# log 1: the last SEAMCALL, flushes, then the hand-over | the end: hand-over \(kexec\), 0 CPUs
# log 1: the last SEAMCALL, flushes, then the hand-over | Starting new kernel
# kexec into the same kernel while TDX is up, as a host does that is not
# rebooted.
. /host
. /memory

nothing_has_ended() {
	grep -x ready "$FOLDER/state" && ! dmesg | grep 'the end:'
}

if [ "$STAGE" = 1 ]; then
	check "the software module comes up" come_up
	check "kexec -e without an image is refused" fails kexec -e
	check "which leaves TDX as it was" nothing_has_ended
	check "the same kernel is loaded as the next one" next_kernel -l
	leave kexec -e
	exit
fi

check "the second kernel runs the same script" [ "$STAGE" = 2 ]
check "its module comes up from the beginning" come_up
check "and goes" rmmod tdxcore
plan
