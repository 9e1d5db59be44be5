# SPDX-License-Identifier: BSD-2-Clause-Patent
"""What the scripts of this folder share: counting, running, self-tests.

A check is a function that returns a list of complaints; none means it passed.
Every script ends with the line `N passed, N failed`, which ./dev adds up, and
offers --selftest, which feeds each check something bad and expects a complaint:
a check that cannot fail proves nothing.
"""
import subprocess
import sys


class Report:
    """Counts checks and prints one line for each."""

    def __init__(self):
        self.passed = 0
        self.failed = 0

    def check(self, name, complaints):
        """Record one check; @complaints is empty when it passed."""
        if complaints:
            self.failed += 1
            print(f"FAIL {name}")
            for complaint in complaints:
                print(f"     {complaint}")
        else:
            self.passed += 1
            print(f"ok   {name}")

    def must_complain(self, name, complaints, expected):
        """Record a self-test: some complaint must contain @expected."""
        if any(expected in complaint for complaint in complaints):
            self.check(name, [])
        else:
            self.check(name, [f"no complaint about '{expected}'; "
                              f"got {complaints}"])

    def finish(self):
        """Print the total and leave."""
        print(f"{self.passed} passed, {self.failed} failed")
        sys.exit(1 if self.failed or not self.passed else 0)


def run(command, **kwargs):
    """Run @command without input; return (exit code, all output)."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, errors="replace", check=False, **kwargs)
    return done.returncode, done.stdout


def output_of(command):
    """Run @command, which must succeed; return what it wrote on stdout."""
    return subprocess.run(command, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, text=True,
                          check=True).stdout
