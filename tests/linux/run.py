#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause-Patent
"""The kernel module in real kernels: build, boot in QEMU, run scripts, judge.

    run.py [--kernel NAME] [--json] [--soak] [--debug] [--events]
           [--only SCRIPT]
    run.py --selftest

Everything is built and kept below build/linux. The last line is `N passed, N
failed`; what was skipped is neither. With --json standard output has one
object, and the rest goes to standard error.
"""
import argparse
import glob
import gzip
import os
import re
import subprocess
import sys
import time

import boot
import debug
import events
import kernels
import verdict

HERE = os.path.dirname(os.path.abspath(__file__))
TREE = os.path.dirname(os.path.dirname(HERE))
BUILD = os.path.join(TREE, "build/linux")
sys.path.insert(0, os.path.join(TREE, "tests/abi"))
# pylint: disable-next=wrong-import-position
import cross

# Cycles of load and unload, then seconds of stress; limit of the whole boot.
BRIEF = {"SOAK_CYCLES": 20, "SOAK_SECONDS": 30}
LONG = {"SOAK_CYCLES": 1000, "SOAK_SECONDS": 600}
DEBUG = {"SOAK_CYCLES": 50, "SOAK_SECONDS": 300}
TIMEOUTS = {"brief": 600, "long": 3600, "debug": 2400}
# So much longer a debug kernel may take for an event.
DEBUG_SLOWNESS = 6
# Without debug information a load takes half the time, and there is no BTF.
FLAGS = ("W=1", "KCFLAGS=-Werror -g0", "CONFIG_DEBUG_INFO_BTF_MODULES=")
FINDING = re.compile(r"^(?!\./|/usr|include/|arch/).*(warning|error):", re.M)


def make(kernel, folder, *arguments):
    """Run the kernel's build; exit code and output."""
    done = subprocess.run(
        kernel.command(folder, ["make", "-C", kernel.headers,
                                "M={}/glue/linux", f"-j{os.cpu_count()}",
                                *arguments, "modules"]),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        stdin=subprocess.DEVNULL, check=False)
    return done.returncode, done.stdout


def complaints_of(code, text):
    """Warnings and errors, or the end of what failed without one."""
    found = FINDING.findall(text) and [
        line for line in text.splitlines() if FINDING.match(line)]
    return found or (text.splitlines()[-20:] if code else [])


def build_module(kernel, folder):
    """The module's path, and results.

    It is built from a copy, so that no object lands between the sources and
    two kernels never mix theirs.
    """
    cross.mirror_sources(TREE, folder)
    module = os.path.join(folder, "glue/linux/tdxcore.ko")
    if os.path.exists(module):
        os.remove(module)
    start = time.monotonic()
    code, text = make(kernel, folder, *FLAGS)
    results = [verdict.outcome("build: no warning with W=1",
                               complaints_of(code, text), start)]
    if kernel.root == "/" and not code:
        start = time.monotonic()
        code, text = make(kernel, folder, *FLAGS, "C=2", "CHECK=sparse")
        results.append(verdict.outcome("build: sparse finds nothing",
                                       complaints_of(code, text), start))
    return (module if os.path.exists(module) else None), results


def script_name(path):
    """As the guest's init calls it."""
    return re.sub(r"^\d\d-|\.sh$", "", os.path.basename(path))


def keep_files(output, folder):
    """Files that the guest sent, written to `folder`; their paths."""
    os.makedirs(folder, exist_ok=True)
    paths = []
    for name, data in verdict.files_of(output).items():
        path = os.path.join(folder, os.path.basename(name))
        with open(path, "wb") as file:
            file.write(data)
        paths.append(path)
    return paths


def replay(path):
    """Whether a recorded trace replays: a result."""
    name, start = f"replay: {os.path.basename(path)[:-3]}", time.monotonic()
    try:
        with gzip.open(path) as packed, open(path[:-3], "wb") as file:
            file.write(packed.read())
    except (OSError, EOFError) as error:
        return verdict.outcome(name, [f"came back damaged: {error}"])
    done = subprocess.run([boot.TOOL, "replay", path[:-3]],
                          text=True, check=False, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    lines = done.stdout.splitlines() or ["no output"]
    good = done.returncode == 0 and re.fullmatch(
        r"[1-9]\d* calls, 0 mismatches", lines[-1])
    return verdict.outcome(name, [] if good else lines[-20:], start)


def try_kernel(kernel, environment, timeout, scripts, memory="1G", brief=""):
    """Build for a kernel, boot it, judge: results. `brief`: events to add."""
    folder = os.path.join(BUILD, kernel.release)
    module, results = build_module(kernel, os.path.join(folder, "tree"))
    if not module:
        return results
    paths = sorted(glob.glob(os.path.join(HERE, scripts + ".sh")))
    guest = boot.boot(kernel, module, paths, folder, environment,
                      timeout, memory)
    results += verdict.judge_scripts(guest.output, map(script_name, paths))
    results += [replay(path) for path in keep_files(
        guest.output, os.path.join(folder, "files"))]
    results += verdict.judge_boot(guest)
    results += verdict.judge_log(guest.log, guest.ended)
    return results + events.run(kernel, module, folder, brief)


def try_events(kernel, scripts, slowness=1):
    """Build for a kernel, let it live through the events: results."""
    folder = os.path.join(BUILD, kernel.release)
    module, results = build_module(kernel, os.path.join(folder, "tree"))
    if not module:
        return results
    return results + events.run(kernel, module, folder, scripts, slowness)


def parse():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kernel", default="6.1", metavar="NAME",
                        help="6.1, 6.12, or what Debian sid has, as 7.x")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--soak", action="store_true",
                        help="1000 cycles and 10 minutes of stress")
    parser.add_argument("--debug", action="store_true",
                        help="kernels that look for faults, built here")
    parser.add_argument("--events", action="store_true",
                        help="hotplug, kexec, crash: tests/linux/events")
    parser.add_argument("--only", default="*", metavar="SCRIPT",
                        help="one of tests/linux/*.sh: 10-load, or of "
                        "tests/linux/events/*.sh")
    parser.add_argument("--selftest", action="store_true")
    return parser.parse_args()


def run(args):
    """Results of what was asked for."""
    if args.selftest:
        return "", verdict.selftest() + boot.selftest() \
            + events.selftest()
    if args.debug:
        results = []
        for kernel in debug.prepare(BUILD):
            found = (try_events(kernel, args.only, DEBUG_SLOWNESS)
                     if args.events else
                     try_kernel(kernel, DEBUG, TIMEOUTS["debug"], args.only,
                                memory="2G"))
            for result in found:
                result.name = f"{kernel.release}: {result.name}"
            results += found
        return "debug", results
    kernel = kernels.prepare(args.kernel, BUILD)
    if args.events:
        return kernel.release, try_events(kernel, args.only)
    if args.soak:
        return kernel.release, try_kernel(kernel, LONG, TIMEOUTS["long"],
                                          args.only)
    return kernel.release, try_kernel(
        kernel, BRIEF, TIMEOUTS["brief"], args.only,
        brief=events.BRIEF if args.only == "*" else "")


def main():
    """See the top of the file."""
    args = parse()
    start = time.monotonic()
    try:
        name, results = run(args)
    except kernels.KernelError as error:
        print(error, file=sys.stderr)
        name, results = args.kernel, [
            verdict.outcome("a kernel to boot", [str(error)])]
    return verdict.report({"kernel": name}, results,
                          time.monotonic() - start, args.json)


if __name__ == "__main__":
    sys.exit(main())
