# SPDX-License-Identifier: BSD-2-Clause-Patent
# shellcheck shell=sh
# machine: -m 1G -smp 4
# end: reboot: Restarting system
# log 1: the last SEAMCALL, a flush, the hand-over, then the reset | the end: last SEAMCALL, SYS.DISABLE on CPU \d+: 0x0$
# log 1: the last SEAMCALL, a flush, the hand-over, then the reset | the end: hand-over \(reboot\)
# log 1: the last SEAMCALL, a flush, the hand-over, then the reset | reboot: Restarting system
# Reboot while TDX is up.
. /host
. /memory

check "the software module comes up" come_up
leave reboot -f
