# SPDX-License-Identifier: BSD-2-Clause-Patent
"""What a boot is worth: results by name, from the scripts and from the log."""
import base64
import binascii
import json
import re
import time
import sys

TEST = re.compile(r"^(not )?ok (\d+) - (\S.*?)(?: # SKIP(?: (.*))?)?$")
PLAN = re.compile(r"^1\.\.(\d+)(?: # SKIP (.*))?$")
SPENT = re.compile(r"^# (\d+) us\b")
SCRIPT = re.compile(r"^# script (\S+)$")
FILE = re.compile(r"^#< (\S+) (\S+)$")

# What a healthy kernel does not say, by what would be wrong.
FAULTS = {
    "no warning, no oops": re.compile(
        r"WARNING: (?!.*(recursive locking|suspicious RCU|lock))|Oops|"
        r"BUG: (?!(KASAN|KCSAN|soft|sleeping|scheduling|workqueue))|"
        r"general protection fault|Kernel panic|unable to handle|refcount_t|"
        r"UBSAN|stack-protector|list_(add|del) corruption|invalid opcode"),
    "no stall, no lockup": re.compile(
        r"rcu: INFO|rcu_\w+ (detected|self-detected) stall|soft lockup|"
        r"hard LOCKUP|blocked for more than|workqueue lockup|"
        r"workqueue: .* hogged CPU"),
    "no lock misused": re.compile(
        r"possible (recursive|circular|irq)|lock inversion|lock state|"
        r"suspicious RCU|sleeping function|scheduling while atomic|"
        r"held lock freed|non-static key|bad unlock balance|lock held when|"
        r"invalid wait context|still has locks held"),
    "no memory misused or lost": re.compile(
        r"BUG: K[AC]SAN|kmemleak: [1-9]|ODEBUG|Objects remaining|"
        r"Bad page|BUG kmalloc|Poison overwritten|Memory Limit|"
        r"Out of memory|page allocation failure"),
}
# KCSAN finds races of the kernel's own, too. A report without its end counts,
# whatever it says.
RACE = re.compile(r"^.*={60}\n.*BUG: KCSAN: (?:.*\n)+?.*={60}\n", re.M)
# A log that was not read would be clean as well.
FIRST, LAST = "Linux version ", "reboot: Power down"

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"


class Result:
    """One test."""

    def __init__(self, name, result, why=""):
        self.name, self.result, self.why = name, result, why
        self.seconds = 0.0      # none of its own: judged after the fact

    def as_dict(self):
        """For JSON."""
        return {"name": self.name, "result": self.result,
                "seconds": self.seconds, "why": self.why}


def outcome(name, complaints, start=None):
    """A result that is good without complaints; `start`: of the test, by the
    monotonic clock.
    """
    result = Result(name, FAILED if complaints else PASSED,
                    "\n".join(complaints))
    if start is not None:
        result.seconds = round(time.monotonic() - start, 3)
    return result


def report(about, results, seconds, as_json):
    """Show results; the exit code. `about`: what else JSON's object has."""
    lines = sys.stderr if as_json else sys.stdout
    for result in results:
        mark = {PASSED: "ok  ", FAILED: "FAIL",
                SKIPPED: "skip"}[result.result]
        print(mark, result.name, file=lines)
        if result.why and result.result != PASSED:
            print("    " + result.why.strip().replace("\n", "\n    "),
                  file=lines)
    counts = {kind: sum(result.result == kind for result in results)
              for kind in (PASSED, FAILED, SKIPPED)}
    if as_json:
        json.dump({**about, "seconds": round(seconds, 1), **counts,
                   "tests": [result.as_dict() for result in results]},
                  sys.stdout, indent=1)
        print()
    print(f"{counts[PASSED]} passed, {counts[FAILED]} failed",
          file=lines)
    return 1 if counts[FAILED] or not counts[PASSED] else 0


class Script:
    """What one script printed."""

    def __init__(self, name):
        self.name, self.results = name, []
        self.planned, self.ended, self.skipped = None, False, None

    def take(self, line):
        """One line of it."""
        test, plan, spent = (regex.match(line)
                             for regex in (TEST, PLAN, SPENT))
        if test:
            failed, number, name, why = test.groups()
            result = FAILED if failed else PASSED if why is None else SKIPPED
            self.results.append(Result(f"{self.name}: {name}", result,
                                       why or ""))
            if int(number) != len(self.results):
                self.results[-1].result = FAILED
                self.results[-1].why = f"is number {len(self.results)}"
        elif plan:
            self.planned = (self.planned or 0) + int(plan[1])
            self.skipped = plan[2]
        elif spent and self.results:
            self.results[-1].seconds = int(spent[1]) / 1e6
        elif line == f"# end {self.name}":
            self.ended = True
        elif self.results and self.results[-1].result == FAILED:
            self.results[-1].why += line.lstrip("# ") + "\n"

    def all_results(self):
        """Its tests', and that it ran them all."""
        complaints = []
        if not self.ended:
            complaints.append("it did not come to its end")
        if self.planned is None:
            complaints.append("it had no plan")
        elif self.planned != len(self.results):
            complaints.append(f"{len(self.results)} tests of {self.planned}")
        name = f"{self.name}: runs all its tests"
        if self.skipped and not complaints:
            return [Result(name, SKIPPED, self.skipped)]
        return self.results + [outcome(name, complaints)]


def judge_scripts(output, names):
    """Results of the scripts named, in order."""
    scripts = {name: Script(name) for name in names}
    current, strays = None, []
    for line in output.splitlines():
        begin = SCRIPT.match(line)
        if begin and begin[1] in scripts:
            current = scripts[begin[1]]
        elif current:
            current.take(line)
        elif TEST.match(line):
            strays.append(line)
    results = [result for script in scripts.values()
               for result in script.all_results()]
    names = [result.name for result in results]
    twice = sorted({name for name in names if names.count(name) > 1})
    return results + [outcome("scripts: every test has a name of its own",
                              twice + strays)]


def judge_log(log, ended):
    """Results from the kernel's log."""
    lines = RACE.sub(lambda race: race[0] if "[tdxcore]" in race[0] else "",
                     log).splitlines()
    missing = [f"no '{text}'" for text in (FIRST, LAST) if text not in log]
    results = [outcome("log: from the first line to power-off",
                       missing + ([ended] if ended else []))]
    for name, fault in FAULTS.items():
        results.append(outcome(f"log: {name}", [
            line for line in lines if fault.search(line)]))
    return results


def judge_boot(guest):
    """Whether the kernel came up at once: a panic before init is told, not
    counted as the module's."""
    name = "boot: the kernel comes up at the first try"
    if guest.early:
        return [Result(name, SKIPPED, "1 more: " + guest.early)]
    return [Result(name, PASSED)]


def files_of(output):
    """Files that scripts sent: their contents by name."""
    encoded = {}
    for line in output.splitlines():
        found = FILE.match(line)
        if found:
            encoded.setdefault(found[1], []).append(found[2])
    files = {}
    for name, parts in encoded.items():
        try:
            files[name] = base64.b64decode("".join(parts), validate=True)
        except binascii.Error:
            files[name] = b""
    return files


GOOD_LOG = FIRST + "6.1\nsomething\n" + LAST + "\n"
GOOD = "# script a\nok 1 - x\n# 5 us\nok 2 - y # SKIP no z\n1..2\n# end a\n"
# Each: what must be said to be wrong, the scripts' output.
SEEDED_OUTPUT = (
    ("a: x", GOOD.replace("ok 1", "not ok 1")),
    ("a: x", GOOD.replace("ok 1", "ok 3")),
    ("a: runs all its tests", GOOD.replace("1..2", "1..3")),
    ("a: runs all its tests", GOOD.replace("1..2\n", "")),
    ("a: runs all its tests", GOOD.replace("# end a\n", "")),
    ("a: runs all its tests", GOOD.replace("ok 2 - y", "ok 2 y")),
    ("a: runs all its tests", ""),
    ("scripts: every test has a name of its own",
     GOOD.replace("- y", "- x")),
    ("scripts: every test has a name of its own", "ok 1 - stray\n" + GOOD),
)
# Each: what must be said to be wrong, a line of a kernel's log.
SEEDED_LOG = (
    ("no warning, no oops", "WARNING: CPU: 0 PID: 1 at mm/slub.c:1"),
    ("no warning, no oops", "BUG: unable to handle page fault for address"),
    ("no warning, no oops", "general protection fault, probably for"),
    ("no warning, no oops", "refcount_t: underflow; use-after-free."),
    ("no stall, no lockup", "rcu: INFO: rcu_preempt self-detected stall"),
    ("no stall, no lockup", "watchdog: BUG: soft lockup - CPU#1 stuck"),
    ("no stall, no lockup", "INFO: task sh:1 blocked for more than 120 s"),
    ("no lock misused", "WARNING: possible recursive locking detected"),
    ("no lock misused", "WARNING: possible circular locking dependency"),
    ("no lock misused", "WARNING: suspicious RCU usage"),
    ("no lock misused", "BUG: sleeping function called from invalid"),
    ("no lock misused", "BUG: scheduling while atomic: sh/1/0x2"),
    ("no memory misused or lost", "BUG: KASAN: use-after-free in x"),
    ("no memory misused or lost", "BUG: KCSAN: data-race in x / y"),
    ("no memory misused or lost", "kmemleak: 3 new suspected memory leaks"),
    ("no memory misused or lost", "Objects remaining in x on shutdown"),
)
# A race of the kernel's own, then one with the frame asked about.
RULER = "=" * 66 + "\n"
RACES = "".join(f"{RULER}BUG: KCSAN: data-race in a / b\n\n"
                f"read to 0xff by task 1 on cpu 1:\n {frame}\n{RULER}"
                for frame in ("tick+0x1/0x8", "{}"))


def failed_names(results):
    """Names of what failed."""
    return [result.name for result in results if result.result == FAILED]


def selftest():
    """Results: each kind of fault is found, and none where none is."""
    results = []
    for wanted, output in SEEDED_OUTPUT:
        found = failed_names(judge_scripts(output, ["a"]))
        results.append(outcome(f"seeded: {wanted}: {output!r}", []
                               if wanted in found else [str(found)]))
    for wanted, line in SEEDED_LOG:
        found = failed_names(judge_log(GOOD_LOG + line + "\n", ""))
        results.append(outcome(f"seeded: {line}", []
                               if found == ["log: " + wanted]
                               else [str(found)]))
    for log, ended in (("", ""), (FIRST, ""), (GOOD_LOG, "no end")):
        found = failed_names(judge_log(log, ended))
        results.append(outcome(f"seeded: log {log!r} {ended}",
                               [] if found else ["taken for good"]))
    good = judge_scripts(GOOD, ["a"]) + judge_log(GOOD_LOG, "")
    results.append(outcome("control: nothing wrong", failed_names(good)))
    for frame, wanted in (("walk+0x5/0x90 [tdxcore]", 1), ("tick+0x1/0x8", 0)):
        found = failed_names(judge_log(GOOD_LOG + RACES.format(frame), ""))
        results.append(outcome(f"seeded: a race in {frame}", []
                               if len(found) == wanted else [str(found)]))
    sent = files_of("#< f aGVs\n#< f bG8=\n#< g !\n")
    results.append(outcome("files come back whole, or empty", []
                           if sent == {"f": b"hello", "g": b""} else
                           [str(sent)]))
    return results
