# SPDX-License-Identifier: BSD-2-Clause-Patent
"""TdxUnshareDxe and the OS loader that checks what it has left.

The driver has to refuse to start where there is no TD; its twin on the software
module takes its place. What TdxStage.efi reports is TAP; what the driver itself
says at the end is judged here.
"""
import re

import verdict

COMMANDS = ["load TdxUnshareDxe.efi", "load TdxUnshareSimDxe.efi"]
REFUSED = "TdxUnshareDxe.efi' error in StartImage: Unsupported"
SAID = re.compile(r"TdxUnshare: (\d+) pages found shared, (\d+) private now, "
                  r"(\d+) kept, (\d+) refused")


def says(done):
    """Whether the driver reports, where it was built to."""
    name = "the driver says what became of each page"
    if done.debug is None:
        return verdict.Result(name, verdict.SKIPPED, "built without DEBUG")
    said = SAID.search(done.debug)
    found, *parts = map(int, said.groups()) if said else (0, 1)
    return verdict.outcome(name, [
        said.group(0) if said else "it said nothing"]
        if found != sum(parts) else [])


def judge(done):
    """Results of a boot with the drivers, beside the stage's own."""
    return [
        verdict.outcome("the driver does not start outside a TD", [
            f"no such line: {REFUSED}"]
            if REFUSED not in done.output else []),
        says(done),
    ]
