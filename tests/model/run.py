#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause-Patent
"""Run the models of the freeze protocol through Spin.

    run.py [--large] [--only WORD] [--keep FOLDER]

    --large   the larger configurations too: many minutes, up to 8 GiB
    --only    only the runs whose name contains WORD
    --keep    build there, and leave verifiers and error trails behind

The protocol must hold every property; each mutation must break the one that is
named with it, which then is the only property that is on. Prints the states
explored, the time with building, and the memory of each run. The last line is `N passed, N failed`.
"""
import argparse
import concurrent.futures
import os
import pathlib
import re
import resource
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
MEMORY_MIB = 900    # of one run; two of them at a time
LARGE_MIB = 8000
SECONDS = 300
LARGE_SECONDS = 3600
SAFETY = ["-DSAFETY", "-DCOLLAPSE"]
LIVENESS = ["-DCOLLAPSE", "-DNFAIR=3"]

# In the order of ONLY's numbers.
PROPERTIES = {"freeze": ("I_OWN", "I_EXCL", "I_WNOF", "I_AGREE", "I_FPRE", "I_PARENT",
                         "I_CHILD", "I_NOPP", "I_ROLL", "I_NOYIELD", "I_ENC", "I_DESC",
                         "I_SINGLE", "I_RET", "I_TLB", "I_TRK1", "I_HOLD", "I_STATE",
                         "I_ROOT", "I_FILT", "I_BITS", "I_CNT", "I_BUG", "P_ZAP",
                         "P_YIELD"),
              "order": ("R24", "HANDOVER", "R7", "R23"),
              "gate": ("CLEAN", "LATE", "COUNT", "OPENED"),
              "retire": ("I_FREE", "I_EXCL", "I_CNT", "I_ENC"),
              "resize": ("I_OWN", "I_EXCL", "I_AGREE", "I_PARENT", "I_CHILD", "I_NOPP",
                         "I_ROLL", "I_SINGLE", "I_FREE", "I_CNT", "R7")}

# The protocol as it is: what must hold in every state.
FULL = {"FAILS": 0}
FAILS = {"GFNS": 2}
BOTH = {"TREES": 2, "HALVES": 1, "GFNS": 2, "FAILS": 0}
YIELDS = {"GFNS": 2, "YIELDS": 1, "ACCEPTED": 2, "FAILS": 0}
LARGE = ({"TREES": 2, "GFNS": 2, "VCPUS": 1, "FAILS": 0},
         {"ACCEPTED": 2, "YIELDS": 1},
         {"GFNS": 4, "FAILS": 0})

# Small ones, for mutations.
SMALL = {"GFNS": 2, "VCPUS": 1}
THREE = {"VCPUS": 1}

MUTATIONS = (
    (1, "publish before SEPT.ADD", SMALL, "I_PARENT"),
    (2, "plain store instead of CAS at freeze", SMALL, "I_EXCL"),
    (3, "lock let go inside the window", SMALL, "I_NOYIELD"),
    (3, "lock let go inside the window", SMALL, "I_OWN"),
    (4, "TRACK skipped", SMALL, "I_TLB"),
    (5, "kick skipped", SMALL, "I_TRK1"),
    (5, "kick skipped", SMALL, "I_TLB"),
    (6, "hold cleared early", SMALL, "I_HOLD"),
    (6, "hold cleared early", SMALL, "P_ZAP"),
    (7, "restore after success", SMALL, "I_AGREE"),
    (8, "external page freed after a fatal link", SMALL, "I_RET"),
    (9, "L to L' taken for a removal", SMALL, "I_NOPP"),
    (10, "table filled with zeros", SMALL, "I_ENC"),
    (12, "alias bit in the mirror walk", SMALL, "I_BITS"),
    (13, "stale faults not refused", THREE, "I_SINGLE"),
    (13, "stale faults not refused", THREE, "I_FPRE"),
    (14, "zap that ignores its filter", BOTH, "I_FILT"),
    (15, "poison not looked at in the window", SMALL, "I_BUG"),
    (16, "finalised without the lock", SMALL, "I_STATE"),
    (17, "table reclaimed before its children", SMALL, "I_CHILD"),
    (20, "BUSY without a restore", SMALL, "I_OWN"),
    (21, "page counted before it is mapped", SMALL, "I_CNT"),
    (22, "yield without progress", YIELDS, "P_YIELD"),
    (23, "restore of a blocked entry", SMALL, "I_ROLL"),
    (24, "exclusive lock beside readers", SMALL, "I_WNOF"),
    (26, "walk through a frozen entry", SMALL, "I_DESC"),
    (25, "mirror root invalidated in a live TD", SMALL, "I_ROOT"),
)

# Liveness: no failure, one BUSY, one zap, then no more.
LIVE = {"LIVE": 1, "GFNS": 2, "VCPUS": 1, "BUSIES": 1, "ZAPS": 1}
HALT = {"LIVE": 1, "GFNS": 2, "VCPUS": 1, "ZAPS": 1, "BUSIES": 1, "HALT": 1}
CANCEL = {"LIVE": 1, "GFNS": 2, "VCPUS": 1, "ZAPS": 1, "CANCEL": 1}
LIVENESS_RUNS = (
    (0, "", LIVE, "p_thaw_leaf"),
    (0, "", LIVE, "p_thaw_table"),
    (0, "", LIVE, "p_fault"),
    (0, "", LIVE, "p_zap"),
    (0, "", HALT, "p_nospin"),
    (0, "", CANCEL, "p_cancel"),
    (20, "BUSY without a restore", LIVE, "p_thaw_leaf"),
    (20, "BUSY without a restore", LIVE, "p_thaw_table"),
    (11, "stale snapshot after a lost CAS", LIVE, "p_fault"),
    (20, "BUSY without a restore", LIVE, "p_zap"),
    (18, "fault that waits on a frozen entry", HALT, "p_nospin"),
    (19, "retry that is not cancelled", CANCEL, "p_cancel"),
)

# order.pml: stores that leave the CPU in any order.
ORDERS = (
    (0, "", {}, None),
    (0, "", {"TSO": 1}, None),
    (1, "publish by a plain store", {}, "R24"),
    (1, "publish by a plain store, on TSO", {"TSO": 1}, None),
    (2, "restore by a plain store", {}, "HANDOVER"),
    (2, "restore by a plain store, on TSO", {"TSO": 1}, None),
    (3, "freeze not ordered before the stale check", {}, "R7"),
    (4, "no fence after the invalidation began", {}, "R7"),
    (4, "no fence after the invalidation began, on TSO", {"TSO": 1}, "R7"),
    (5, "allowed set by a plain store", {}, "R23"),
    (6, "allowed read without acquire", {}, "R23"),
    (7, "entry read without acquire", {}, "R24"),
)

# gate.pml: nobody converts while memory is handed over.
GATES = (
    (0, "", {}, None),
    (0, "", {"TSO": 1}, None),
    (1, "closed by a plain store", {}, "LATE"),
    (1, "closed by a plain store, on TSO", {"TSO": 1}, "LATE"),
    (2, "count read before the closed mark is set", {}, "LATE"),
    (2, "count read before the closed mark is set", {}, "CLEAN"),
    (2, "count read before the closed mark is set, on TSO", {"TSO": 1},
     "CLEAN"),
    (3, "ended by a plain store", {}, "COUNT"),
    (3, "ended by a plain store, on TSO", {"TSO": 1}, "COUNT"),
    (4, "ended by an exchange without release", {}, "CLEAN"),
    (4, "ended by an exchange without release, on TSO", {"TSO": 1}, None),
    (5, "looks without acquire", {}, "CLEAN"),
    (5, "looks without acquire, on TSO", {"TSO": 1}, None),
    (6, "begun by an exchange without acquire", {}, "OPENED"),
    (6, "begun by an exchange without acquire, on TSO", {"TSO": 1}, None),
    (7, "flag and count apart, no fence between", {}, "LATE"),
    (7, "flag and count apart, no fence between, on TSO", {"TSO": 1}, "LATE"),
    (10, "flag and count apart, a fence between", {}, None),
    (8, "begun by a plain store", {}, "COUNT"),
    (8, "begun by a plain store, on TSO", {"TSO": 1}, "COUNT"),
    (9, "opened by a plain store", {}, "OPENED"),
    (9, "opened by a plain store, on TSO", {"TSO": 1}, None),
)


# retire.pml: tables taken out of a direct tree while others walk it.
RETIRES = (
    (0, "", {}, None),
    (1, "table freed before the sections ended", {}, "I_FREE"),
    (2, "slot taken from its owner", {}, "I_EXCL"),
    (3, "slots of a dead table left empty", {}, "I_CNT"),
    (1, "table freed before the sections ended", {}, "I_ENC"),
)

# resize.pml: pages that change their size, tables that go in a live guest.
RESIZE_LIVE = {"LIVE": 1, "BUSIES": 1, "ZAPS": 1, "CHANGES": 1}
RESIZES = (
    (0, "", {}, None, None),
    (1, "split before the module did it", {}, "I_AGREE", None),
    (2, "promoted without owning the pages", {}, "I_CHILD", None),
    (2, "promoted without owning the pages", {}, "I_PARENT", None),
    (3, "entries of a dead table alive", {}, "I_SINGLE", None),
    (4, "table reused before the sections ended", {}, "I_FREE", None),
    (5, "large fault stale for its own frame only", {}, "R7", None),
    (6, "zap that passes a frozen entry by", {}, "R7", None),
    (7, "promotion counted that was refused", {}, "I_CNT", None),
    (8, "split that was refused", {}, "I_NOPP", None),
    (9, "BUSY without a restore", {}, "I_OWN", None),
    (10, "entry put back that another one froze", {}, "I_EXCL", None),
    (11, "restore after success", {}, "I_ROLL", None),
    (0, "", RESIZE_LIVE, None, "p_thaw"),
    (0, "", RESIZE_LIVE, None, "p_fault"),
    (0, "", RESIZE_LIVE, None, "p_zap"),
    (9, "BUSY without a restore", RESIZE_LIVE, "p_thaw", "p_thaw"),
    (9, "BUSY without a restore", RESIZE_LIVE, "p_zap", "p_zap"),
    (9, "BUSY without a restore", RESIZE_LIVE, "p_fault", "p_fault"),
)


class Run:
    """One verification: a model, how it is configured, what must come out."""

    def __init__(self, model, mutation, what, defines, expected, claim=None):
        self.model = model
        self.mutation = mutation
        self.what = what
        self.defines = dict(defines)
        self.expected = expected
        self.claim = claim
        self.large = False

    def name(self):
        """What it shows."""
        options = " ".join(f"{k}={v}" for k, v in self.defines.items())
        what = f"mutation {self.mutation}, {self.what}" if self.mutation \
            else "protocol"
        shown = self.claim or self.expected or "all"
        return f"{self.model}: {what}: {shown}" \
               f"{' [' + options + ']' if options else ''}"

    def macros(self):
        """Definitions for Spin's preprocessor."""
        macros = dict(self.defines)
        if self.mutation:
            macros["MUTATION"] = self.mutation
        known = PROPERTIES[self.model]
        if self.expected in known:
            macros["ONLY"] = known.index(self.expected) + 1
        elif self.mutation and self.claim:
            macros["ONLY"] = len(known) + 1
        return [f"-D{k}={v}" for k, v in macros.items()]


def all_runs(large):
    """Every run, the longest first."""
    runs = []
    if large:
        runs += [Run("freeze", 0, "", defines, None) for defines in LARGE]
        for run in runs:
            run.large = True
    runs += [Run("freeze", 0, "", defines, None)
             for defines in (FULL, BOTH, FAILS, YIELDS)]
    runs += [Run("freeze", m, what, defines, None if m == 0 else claim, claim)
             for m, what, defines, claim in LIVENESS_RUNS]
    runs += [Run("freeze", *row) for row in MUTATIONS]
    runs += [Run("order", *row) for row in ORDERS]
    runs += [Run("gate", *row) for row in GATES]
    runs += [Run("retire", *row) for row in RETIRES]
    runs += [Run("resize", *row) for row in RESIZES]
    runs += [Run("retire", 0, "", {"LIVE": 1}, None, "p_unlink"),
             Run("retire", 4, "entry left frozen", {"LIVE": 1}, "p_unlink",
                 "p_unlink")]
    return runs


def unbroken():
    """Properties that no mutation breaks: nobody knows whether they can fail."""
    broken = {(run.model, run.expected or run.claim)
              for run in all_runs(False) if run.mutation}
    wanted = {(model, name) for model, names in PROPERTIES.items()
              for name in names}
    wanted |= {(run.model, run.claim) for run in all_runs(False) if run.claim}
    return sorted(f"{model}: {name}" for model, name in wanted - broken)


def limit(mib):
    """A function that bounds the memory of the process that runs it."""
    size = mib << 20
    return lambda: resource.setrlimit(resource.RLIMIT_AS, (size, size))


def command(words, folder, seconds, mib):
    """Run a program; return (exit code, what it printed)."""
    try:
        done = subprocess.run(
            words, cwd=folder, stdout=subprocess.PIPE, timeout=seconds,
            stderr=subprocess.STDOUT, preexec_fn=limit(mib), check=False,
            text=True, errors="replace")
    except subprocess.TimeoutExpired as error:
        return 124, str(error)
    return done.returncode, done.stdout


def build(run, folder, mib):
    """Make the verifier; return a complaint or None."""
    flags = LIVENESS if run.claim else SAFETY
    steps = (["spin", "-a", *run.macros(), str(HERE / f"{run.model}.pml")],
             ["gcc", "-O0" if run.mutation else "-O2",
              "-w", *flags, f"-DMEMLIM={mib}", "-o", "pan", "pan.c"])
    for words in steps:
        code, text = command(words, folder, SECONDS, LARGE_MIB)
        if code or "Error:" in text:
            return f"{words[0]}: {text.strip()[-300:]}"
    return None


def verdict(run, text):
    """What is wrong with the outcome, or None."""
    errors = re.search(r"errors: (\d+)", text)
    if not errors:
        return "no result: " + text.strip()[-200:]
    violated = re.search(r"assertion violated \((\w+)\|\|", text)
    cycle = "acceptance cycle" in text
    found = violated[1] if violated else "cycle" if cycle else \
        "a deadlock" if "invalid end state" in text.split("Full")[0] else None
    if run.expected is None:
        if errors[1] != "0":
            return f"broken: {found}"
        if re.search(r"max search depth too small|out of memory|not completed",
                     text):
            return "not explored to the end"
        return None
    wanted = "cycle" if run.claim else run.expected
    return None if found == wanted else f"found {found}, not {wanted}"


def verify(run, folder):
    """Build and run; return (complaint or None, states, seconds, MiB)."""
    folder.mkdir(parents=True, exist_ok=True)
    mib = LARGE_MIB if run.large else MEMORY_MIB
    begin = time.monotonic()
    complaint, states, used = build(run, folder, mib), 0, 0
    if complaint is None:
        bits = "27" if run.large else "23" if run.expected is None else "20"
        words = ["./pan", "-m3000000" if run.large else "-m1000000",
                 f"-w{bits}"]
        if run.claim:
            words += ["-a", "-f", "-N", run.claim]
        _, text = command(words, folder,
                          LARGE_SECONDS if run.large else SECONDS,
                          mib + 200)
        complaint = verdict(run, text)
        found = re.search(r"([\d.e+]+) states, stored", text)
        states = int(float(found[1])) if found else 0
        found = re.search(r"([\d.]+)\s+total actual memory", text)
        used = float(found[1]) if found else 0
    return complaint, states, time.monotonic() - begin, used


def main():
    """See the top of the file."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("--keep")
    options = parser.parse_args()
    runs = [run for run in all_runs(options.large)
            if options.only in run.name()]
    idle = unbroken()
    passed, failed = int(not idle), len(idle)
    print("".join(f"FAIL {name}: no mutation breaks it\n" for name in idle)
          or "ok   each property is broken by a mutation")
    begin = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch, \
            concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        top = pathlib.Path(options.keep or scratch).resolve()
        jobs = {pool.submit(verify, run, top / str(number)): run
                for number, run in enumerate(runs)}
        for job in concurrent.futures.as_completed(jobs):
            complaint, states, seconds, used = job.result()
            word = "FAIL" if complaint else "ok  "
            print(f"{word} {states:>9} states {seconds:6.1f} s {used:5.0f} "
                  f"MiB  {jobs[job].name()}"
                  f"{'; ' + complaint if complaint else ''}", flush=True)
            passed += not complaint
            failed += bool(complaint)
    print(f"{len(runs)} runs in {time.monotonic() - begin:.0f} s")
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed or not runs else 0)


if __name__ == "__main__":
    main()
