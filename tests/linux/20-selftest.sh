# SPDX-License-Identifier: BSD-2-Clause-Patent
# shellcheck shell=sh
# The module's own tests: what reading the file says is TAP already.
. /tap

insmod "$KO" sim=on || exit
cat "$DEBUG/selftest"
