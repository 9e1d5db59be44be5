# SPDX-License-Identifier: BSD-2-Clause-Patent
"""TdxPlan.efi against tdxcore plan: one memory map, one document."""
import json
import os
import subprocess
import sys

import boot
import build

sys.path.append(os.path.join(build.TREE, "tests/linux"))
# pylint: disable-next=wrong-import-position
import verdict  # tests/linux/verdict.py

TOOL = os.path.join(build.TREE, "build/dev/tools/tdxcore")

# What TdxPlan.efi is given beside --map and --json, and what tdxcore plan is.
WAYS = {"plan": ("", []),
        "dynamic": ("--dynamic-pamt", ["--dynamic-pamt"]),
        "economy": ("--economy", ["--economy"])}
# Two CMRs, below all RAM of QEMU's largest map: the rest is not convertible.
CMRS = ["0x100000:0x700000", "0x1000000:0x8000000"]
# Room for no PAMT.
TOO_SMALL = "0x100000:0x1000"
COMMANDS = [
    "TdxPlan.efi",
    *[f"TdxPlan.efi --map={name}.map --json={name}.json {option}".strip()
      for name, (option, _) in WAYS.items()],
    f"TdxCmrTable.efi {' '.join(CMRS)}",
    "TdxPlan.efi --map=cmr.map --json=cmr.json",
    f"TdxCmrTable.efi {TOO_SMALL}",
    "TdxPlan.efi --map=none.map --json=none.json",
    "echo no layout %lasterror%",
    "TdxCmrTable.efi 0x100800:0x1000",
    "TdxPlan.efi",
    "echo bad table %lasterror%",
    "TdxPlan.efi --nonsense",
    "echo nonsense %lasterror%",
]


def written(done, name):
    """A file that the firmware wrote, or b''."""
    for spelling in (name, name.upper()):
        try:
            with open(os.path.join(done.esp, spelling), "rb") as file:
                return file.read()
        except FileNotFoundError:
            pass
    return b""


def differences(done, name, options):
    """Complaints: the two documents of a map."""
    lines, said = written(done, name + ".map"), written(done, name + ".json")
    if not lines or not said:
        return [f"no {name}.map or no {name}.json"]
    tool = subprocess.run([TOOL, "plan", "--json", *options, "-"],
                          input=lines, capture_output=True, check=False)
    if tool.returncode != (1 if b'"infeasible"' in said else 0):
        return [tool.stderr.decode()]
    if tool.stdout == said:
        return []
    return ["TdxPlan.efi:", *said.decode(errors="replace").splitlines()[:40],
            "tdxcore plan:", *tool.stdout.decode().splitlines()[:40]]


def missing(done, *texts):
    """Complaints: what is not on the console."""
    return [f"no '{text}' on the console" for text in texts
            if text not in done.output]


def accounts(done):
    """Complaints: memory and excluded are what the map calls RAM."""
    try:
        plan = json.loads(written(done, "plan.json"))
    except ValueError as error:
        return [f"plan.json: {error}"]
    known = sum(int(part["size"], 16)
                for part in plan["memory"] + plan["excluded"])
    ram = sum(
        int(end, 16) - int(start, 16)
        for line in written(done, "plan.map").decode().splitlines()
        if line.split("type=")[1].split(",")[0] in ("1", "2", "3", "4", "7")
        for start, end in [line.split("range=[")[1].split(")")[0].split("-")])
    return [] if known == ram and plan["tdmrs"] else [
        f"{known} bytes accounted for, {ram} are RAM"]


def judge(done: boot.Boot):
    """Results of a boot that ran COMMANDS."""
    results = [verdict.outcome(
        f"plan: the JSON of TdxPlan.efi {option}".rstrip()
        + " is tdxcore plan's, byte for byte",
        differences(done, name, options))
        for name, (option, options) in WAYS.items()]
    cmrs = [f"--cmr={cmr}" for cmr in CMRS]
    results.append(verdict.outcome(
        "plan: with the platform's CMR table too",
        differences(done, "cmr", cmrs)))
    results.append(verdict.outcome(
        "plan: where there is no layout the document says why",
        differences(done, "none", [f"--cmr={TOO_SMALL}"])
        or missing(done, "no layout 0xE")))
    results.append(verdict.outcome(
        "plan: a malformed CMR table is refused, with the reason",
        missing(done, "TdxPlan: CMR table: ", "bad table 0x21")))
    results.append(verdict.outcome(
        "plan: every byte of RAM is accounted for", accounts(done)))
    results.append(verdict.outcome(
        "plan: a table on the console",
        missing(done, "TDMR 0", "PAMT 1G", "exactly the RAM")))
    results.append(verdict.outcome(
        "plan: an option nobody knows is refused, with the usage",
        missing(done, "TdxPlan: usage: TdxPlan.efi [", "nonsense 0x2")))
    return results
