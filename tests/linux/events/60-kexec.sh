# SPDX-License-Identifier: BSD-2-Clause-Patent
# shellcheck shell=sh
# machine: -m 2G -smp 4
# kernels: 2
# log 1: kexec -e leaves the first kernel | Starting new kernel
# kexec into the same kernel, as a host does that is not rebooted.
. /host

if [ "$STAGE" = 1 ]; then
	check "the module loads" insmod "$KO"
	check "the same kernel is loaded as the next one" next_kernel -l
	leave kexec -e
	exit
fi

check "the second kernel runs the same script" [ "$STAGE" = 2 ]
check "the module loads" insmod "$KO"
check "the module unloads" rmmod tdxcore
plan
