#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause-Patent
"""Instructions per operation, exact and repeatable, under callgrind.

    counts.py PROGRAM [NAME...] [--json] [--out DIR] [--quick]

PROGRAM is built from bench/counts.c; NAME is one of its operations, all of them
by default. A figure is (Ir(2N) - Ir(N)) / N of a loop that does the operation,
less the same of the loop without it.

    --json     one flat JSON object of numbers, and nothing else
    --out DIR  keep callgrind's files there, as NAME.LOOP.N.callgrind
    --quick    a smaller N; exit with 1 when a limit is passed
"""
import argparse
import concurrent.futures
import json
import os
import re
import subprocess
import sys
import tempfile

# What each operation may cost; others are measured without a limit.
LIMITS = {
    "lookup_4k": 48,
    "lookup_inline_4k": 36,
    "fault_direct_4k": 135,
    "fault_mirror_4k": 150,
    "populate_direct_4k": 13,
    "zap_direct_4k": 16,
    "hotplug_query": 280,
    "scan_4k": 2.5,
}
N = 16384
QUICK_N = 2048


def instructions(program, folder, name, loop, count):
    """Run one loop of @count operations; return its instructions."""
    path = os.path.join(folder, f"{name}.{loop}.{count}.callgrind")
    done = subprocess.run(
        ["valgrind", "--tool=callgrind", "--collect-atstart=no",
         "--toggle-collect=measured", f"--callgrind-out-file={path}",
         program, name, str(count)] + ["empty"] * (loop == "empty"),
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"counts.py: {name}: {done.stderr}")
    with open(path, encoding="ascii") as file:
        found = re.search(r"^totals: (\d+)$", file.read(), re.MULTILINE)
    return int(found[1])


def figures(program, names, count, folder):
    """Return {name: instructions per operation}."""
    runs = [(name, loop, n) for name in names for loop in ("call", "empty")
            for n in (count, 2 * count)]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        counts = dict(zip(runs, pool.map(
            lambda run: instructions(program, folder, *run), runs)))

    def slope(name, loop):
        return (counts[name, loop, 2 * count]
                - counts[name, loop, count]) / count

    return {name: round(slope(name, "call") - slope(name, "empty"), 3)
            for name in names}


def print_table(result):
    """For people."""
    print(f"{'operation':20} {'instructions':>12} {'limit':>6}")
    for name, value in result.items():
        print(f"{name:20} {value:12.2f} {LIMITS.get(name, '-'):>6}")


def main():
    """See the top of the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("name", nargs="*")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--out", metavar="DIR")
    parser.add_argument("--quick", action="store_true")
    args = parser.parse_args()
    known = subprocess.run([args.program, "--list"], check=True, text=True,
                           capture_output=True).stdout.split()
    for name in args.name:
        if name not in known:
            parser.error(f"no operation {name}; there are {' '.join(known)}")
    with tempfile.TemporaryDirectory() as scratch:
        if args.out:
            os.makedirs(args.out, exist_ok=True)
        result = figures(args.program, args.name or known,
                         QUICK_N if args.quick else N, args.out or scratch)
    if args.json:
        print(json.dumps(result, indent=2))
    else:
        print_table(result)
    over = [name for name in result if result[name] > LIMITS.get(name, 1e9)]
    if args.quick and over:
        sys.exit(f"counts.py: over the limit: {' '.join(over)}")


main()
