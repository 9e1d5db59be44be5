#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause-Patent
"""Count test cases, not programs, in the log of a `meson test` run.

    count_results.py LOG PROGRAMS    LOG: Meson's JSON log
                                     PROGRAMS: how many must be in it
    count_results.py --selftest

A program's cases are counted from what it prints: Check's summary, the summary
of Python's unittest, or a last line `N passed, N failed`. One that prints none
of these, crashes, hangs or fails without saying what failed counts as a failed
case; so does one that is missing from the log. Skipped cases are not passed,
and with CI=true in the environment a skipped program has failed.
"""
import json
import os
import re
import sys

CHECK = re.compile(r"^\d+%: Checks: (\d+), Failures: (\d+), Errors: (\d+)$",
                   re.MULTILINE)
PLAIN = re.compile(r"^(\d+) passed, (\d+) failed$", re.MULTILINE)
UNITTEST = re.compile(r"^Ran (\d+) tests? in .*\n\n(OK|FAILED)(?: \((.*)\))?$",
                      re.MULTILINE)
SKIPPED = "SKIP"


def count_unittest(text):
    """Return (passed, failed) of Python's unittest, or None."""
    found = UNITTEST.findall(text)
    if not found:
        return None
    passed = failed = 0
    for total, _, details in found:
        numbers = {name: int(count) for name, count in
                   re.findall(r"([a-z][a-z ]*)=(\d+)", details)}
        bad = sum(numbers.get(name, 0) for name in (
            "failures", "errors", "unexpected successes"))
        failed += bad
        passed += int(total) - bad - numbers.get("skipped", 0)
    return passed, failed


def count_output(stdout, stderr):
    """Return (passed, failed) from what a program printed, or None."""
    check = CHECK.findall(stdout)
    if check:
        bad = sum(int(f) + int(e) for _, f, e in check)
        return sum(int(total) for total, _, _ in check) - bad, bad
    lines = stdout.rstrip().splitlines()
    plain = PLAIN.fullmatch(lines[-1]) if lines else None
    if plain:
        return int(plain[1]), int(plain[2])
    return count_unittest(stdout + "\n" + stderr)


def count_program(entry):
    """Return (passed, failed, remark) for one program of the log."""
    stdout, stderr = entry.get("stdout") or "", entry.get("stderr") or ""
    if entry["result"] == SKIPPED:
        return 0, int(os.environ.get("CI") == "true"), "skipped"
    counted = count_output(stdout, stderr)
    if counted is None:
        return 0, 1, f"no count, {entry['result']}"
    passed, failed = counted
    clean = entry["result"] == "OK" and entry["returncode"] == 0
    if not clean and not failed:
        return passed, 1, f"{entry['result']}, exit {entry['returncode']}"
    if clean and failed:
        return passed, failed, "exit 0 all the same"
    if not passed and not failed:
        return 0, 1, "no case ran"
    return passed, failed, ""


def report(entries, programs):
    """Print a line for each program and the total; return the exit code."""
    total_passed = total_failed = 0
    for entry in entries:
        passed, failed, remark = count_program(entry)
        total_passed += passed
        total_failed += failed
        print(f"{'FAIL' if failed else 'ok  '} {entry['name']}: {passed} "
              f"passed, {failed} failed, {entry['duration']:.1f} s"
              f"{', ' + remark if remark else ''}")
        if failed:
            print(((entry.get("stdout") or "") + (entry.get("stderr") or ""))
                  [-6000:])
    if len(entries) != programs:
        print(f"FAIL {len(entries)} of {programs} programs are in the log")
        total_failed += 1
    print(f"{total_passed} passed, {total_failed} failed")
    return 1 if total_failed or not total_passed else 0


def entry_of(stdout, result="OK", returncode=0, stderr=""):
    """An entry as Meson writes it."""
    return {"name": "x", "stdout": stdout, "stderr": stderr, "result": result,
            "returncode": returncode, "duration": 0.0}


SEEDED = (
    ("Check", entry_of("Running\n100%: Checks: 3, Failures: 0, Errors: 0\n"),
     (3, 0)),
    ("Check with failures", entry_of(
        "25%: Checks: 4, Failures: 2, Errors: 1\n", "FAIL", 1), (1, 3)),
    ("Check that lies", entry_of(
        "50%: Checks: 2, Failures: 1, Errors: 0\n"), (1, 1)),
    ("Check, then a crash", entry_of(
        "100%: Checks: 3, Failures: 0, Errors: 0\n", "FAIL", -11), (3, 1)),
    ("two Check runners", entry_of("100%: Checks: 3, Failures: 0, Errors: 0\n"
                                   "100%: Checks: 2, Failures: 0, Errors: 0\n"),
     (5, 0)),
    ("no case", entry_of("100%: Checks: 0, Failures: 0, Errors: 0\n"), (0, 1)),
    ("silent", entry_of(""), (0, 1)),
    ("timeout", entry_of("ok 1\n", "TIMEOUT", -15), (0, 1)),
    ("script", entry_of("ok a\n7 passed, 0 failed\n"), (7, 0)),
    ("script with failures", entry_of("6 passed, 1 failed\n", "FAIL", 1),
     (6, 1)),
    ("count that is not last", entry_of("7 passed, 0 failed\nKilled\n"),
     (0, 1)),
    ("unittest", entry_of("", stderr="...\nRan 3 tests in 0.1s\n\nOK\n"),
     (3, 0)),
    ("unittest with skips", entry_of(
        "", stderr="\nRan 3 tests in 0.1s\n\nOK (skipped=1)\n"), (2, 0)),
    ("unittest with failures", entry_of(
        "", "FAIL", 1,
        "\nRan 5 tests in 0.1s\n\nFAILED (failures=1, errors=2)\n"), (2, 3)),
    ("unittest cut off", entry_of("", "FAIL", 1, "Traceback\n"), (0, 1)),
)


def selftest():
    """Show that each way of failing is seen."""
    wrong = [name for name, entry, expected in SEEDED
             if count_program(entry)[:2] != expected]
    for name in wrong:
        print(f"FAIL {name}")
    print(f"{len(SEEDED) - len(wrong)} passed, {len(wrong)} failed")
    return 1 if wrong else 0


def main():
    """See the top of the file."""
    if sys.argv[1:] == ["--selftest"]:
        sys.exit(selftest())
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    with open(sys.argv[1], encoding="utf-8") as log:
        entries = [json.loads(line) for line in log if line.strip()]
    sys.exit(report(entries, int(sys.argv[2])))


main()
