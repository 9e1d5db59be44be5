# SPDX-License-Identifier: BSD-2-Clause-Patent
# shellcheck shell=sh
# machine: -m 1G -smp 4
# log 1: the last SEAMCALL, the hand-over, then the end | the end: last SEAMCALL, SYS.DISABLE on CPU \d+: 0x0$
# log 1: the last SEAMCALL, the hand-over, then the end | the end: hand-over \(reboot\)
# log 1: the last SEAMCALL, the hand-over, then the end | reboot: Power down
# Power off while TDX is up.
. /host
. /memory

check "the software module comes up" come_up
leave poweroff -f
