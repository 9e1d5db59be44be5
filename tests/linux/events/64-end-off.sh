# SPDX-License-Identifier: BSD-2-Clause-Patent
# shellcheck shell=sh
# machine: -m 1G -smp 4
# log 1: without TDX nothing is handed over ! the end: (last SEAMCALL|hand-over)
# Power off with the module there and TDX off.
. /host

check "the module loads" insmod "$KO"
leave poweroff -f
