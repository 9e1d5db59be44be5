#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause-Patent
"""The UEFI package in a real firmware: build, boot OVMF in QEMU, judge.

    run.py [--json] [--only NAME] [--images FOLDER]

With --images what EDK2's build left in that folder is booted, and nothing is
built. All else is below build/uefi. The last line is `N passed, N failed`. With
--json standard output has one object, and the rest goes to
standard error.
"""
import argparse
import glob
import os
import sys
import time

import boot
import build
import limits
import plan

sys.path.append(os.path.join(build.TREE, "tests/linux"))
# pylint: disable-next=wrong-import-position
import verdict  # tests/linux/verdict.py: TAP is judged there
# pylint: disable-next=wrong-import-position
import unshare

BUILD = os.path.join(build.TREE, "build/uefi")


class Case:
    """One boot: what is on the partition, what the shell runs, who reports."""

    def __init__(self, name, commands, scripts, files=None, judge=None,
                 **machine):
        self.name = name
        self.commands = commands    # of startup.nsh, in order
        self.scripts = scripts      # names given to TapBegin()
        self.files = files or {}    # text by name, on the partition
        self.judge = judge          # more results from a boot.Boot
        self.machine = machine      # cpus, memory, cpu: see boot.boot()


CASES = [
    Case("selftest-1cpu", [*plan.COMMANDS, "TdxCoreSelfTest.efi"],
         ["selftest"], judge=plan.judge, cpus=1),
    Case("selftest-4cpu", [*plan.COMMANDS, "TdxCoreSelfTest.efi"],
         ["selftest"], judge=plan.judge, cpus=4, memory="4G"),
    # 5 GiB: two ranges of 1 GiB above 4. Where the processor is AMD's, OVMF
    # maps 1 TiB.
    Case("unshare-1cpu", [*unshare.COMMANDS, "TdxStage.efi"], ["stage"],
         judge=unshare.judge, cpus=1, memory="5G", cpu="max"),
    Case("unshare-4cpu", [*unshare.COMMANDS, "TdxStage.efi refuse"],
         ["stage-refuse"], judge=unshare.judge, cpus=4, memory="5G"),
]


def try_boot(case, images, has_debug=True):
    """Boot a case and judge it: results."""
    folder = os.path.join(BUILD, "" if has_debug else "images", case.name)
    done = boot.boot(folder, images, case.commands, case.files, **case.machine)
    if not has_debug:
        done.debug = None
    results = verdict.judge_scripts(done.output, case.scripts)
    results.append(verdict.outcome("the firmware powers off", [
        line for line in (done.ended,) if line]))
    if case.judge:
        results += case.judge(done)
    for result in results:
        result.name = f"{case.name}: {result.name}"
    return results


def run_images(folder, only):
    """Results of images that somebody else has built."""
    images = sorted(glob.glob(os.path.join(folder, "*.efi")))
    return [result for case in CASES if only in case.name
            for result in try_boot(case, images, has_debug=False)]


def run(only):
    """Results of all that was asked for."""
    images, complaints = build.build_images(os.path.join(BUILD, "clang"))
    results = [verdict.outcome("build: clang and lld-link, no warning",
                               complaints)]
    objects, complaints = build.build_like_edk2(os.path.join(BUILD, "gcc"))
    results.append(verdict.outcome(
        "build: gcc, where EFIAPI is another calling convention",
        complaints))
    if any(result.result == verdict.FAILED for result in results):
        return results
    results += limits.judge(BUILD, images, objects)
    for case in CASES:
        if only in case.name:
            results += try_boot(case, images.values())
    return results


def main():
    """See the top of the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--only", default="", metavar="NAME",
                        help="boots whose name has this in it")
    parser.add_argument("--images", metavar="FOLDER",
                        help="images to boot: nothing is built")
    args = parser.parse_args()
    start = time.monotonic()
    results = run_images(args.images, args.only) if args.images else \
        run(args.only)
    return verdict.report({"firmware": "OVMF"}, results,
                          time.monotonic() - start, args.json)


if __name__ == "__main__":
    sys.exit(main())
