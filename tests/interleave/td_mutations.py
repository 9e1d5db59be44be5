#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause-Patent
"""Break the end of a TD in every known way; each must be noticed.

    td_mutations.py TREE FOLDER CC...    TREE: the sources; FOLDER: scratch

As mutations.py: textual replacements in a copy of a source, the scenarios whose
names begin so, and the properties (td_scenarios.c) of which one must fail.
"""
import os
import re
import shutil
import subprocess
import sys

FLAGS = ["-std=c11", "-O1", "-D_POSIX_C_SOURCE=200809L",
         "-Itests/interleave/env", "-Iinclude", "-Ilibtdxcore",
         "-ffunction-sections", "-Wl,--gc-sections"]
# Of the core, what the scenarios reach.
CORE = ("td", "td_build", "td_exit", "td_page", "td_teardown", "td_vcpu",
        "sept", "sept_call", "sept_page", "sept_quarantine", "sept_remove",
        "sept_resize", "sept_set", "sept_track", "module", "module_undo",
        "pamt", "pamt_use", "platform_keyid", "seamcall", "spte", "status",
        "err", "range")
SOURCES = ("tests/interleave/explore.c", "tests/interleave/td_scenarios.c")
FAILED = re.compile(r"^FAIL (.*): \d+ schedules.*?longest \d+, ([^:]+): (.*)$",
                    re.MULTILINE)

AGAIN = """\
	if (tdxc_td_step_(td) != TDXC_TD_RUN)
		return TDXC_E_INVAL;
	tdxc_store_release(&v->cpu, (uint64_t)cpu + 1);
"""
MARK = "	tdxc_store_release(&v->cpu, (uint64_t)cpu + 1);\n	regs->"
OUT = "	err = came_out(td, v, regs, exit);\n"
EMPTY = "	if (!tdxc_td_is_empty_(td))\n		return TDXC_E_BUSY;\n"
CLEAR = "	(void)tdxc_xchg(&v->cpu, 0);\n"
FLUSH = "	err = flush(td, v, diag);\n"
SET = """\
		(void)tdxc_xchg(&td->step, TDXC_TD_VCPUS);
"""

# What is broken, where, [(its text, the text instead)], scenarios, properties.
MUTATIONS = (
    ("a vCPU that was let in does not look at the step again", "td_vcpu",
     [(AGAIN, "	tdxc_store_release(&v->cpu, (uint64_t)cpu + 1);\n")],
     "one vCPU", ("T-LATE", "T-KNOWN", "T-CLOSE")),
    ("a vCPU looks at the step before it says that it enters", "td_vcpu",
     [(AGAIN, "	tdxc_store_release(&v->cpu, (uint64_t)cpu + 1);\n"),
      ("	err = tdxc_sept_enter_begin(td->config.sept, vcpu);\n",
       "	if (tdxc_td_step_(td) != TDXC_TD_RUN)\n"
       "		return TDXC_E_INVAL;\n"
       "	err = tdxc_sept_enter_begin(td->config.sept, vcpu);\n")],
     "one vCPU", ("T-LATE", "T-KNOWN", "T-CLOSE")),
    ("a vCPU is marked after it has left", "td_vcpu",
     [("	tdxc_sept_enter_end(td->config.sept, vcpu);\n",
       "	tdxc_sept_enter_end(td->config.sept, vcpu);\n"
       "	if (err == TDXC_OK)\n"
       "		tdxc_store_release(&v->cpu, (uint64_t)cpu + 1);\n"),
      (MARK, "	regs->")],
     "one vCPU", ("T-KNOWN", "T-CLOSE")),
    ("a vCPU is marked only if it got in", "td_vcpu",
     [(MARK, "	regs->"),
      (OUT, OUT + "	if (err == TDXC_OK)\n"
            "		tdxc_store_release(&v->cpu, (uint64_t)cpu + 1);\n")],
     "one vCPU, busy", ("T-KNOWN", "T-CLOSE")),
    ("the end does not look for vCPUs inside", "td",
     [(EMPTY, "")], "one vCPU", ("T-INSIDE", "T-LATE", "T-KNOWN")),
    ("the end looks for vCPUs inside before it forbids entry", "td",
     [("	if (step < TDXC_TD_VCPUS) {\n",
       EMPTY + "	if (step < TDXC_TD_VCPUS) {\n"),
      (EMPTY + "	if (!has", "	if (!has")],
     "one vCPU", ("T-INSIDE", "T-LATE", "T-KNOWN")),
    ("the end looks for marks before it looks for vCPUs inside", "td",
     [(EMPTY + "	if (!has_associated(td))\n",
       "	bool marked = has_associated(td);\n" + EMPTY
       + "	if (!marked)\n")],
     "one vCPU", ("T-CLOSE", "T-KNOWN")),
    ("entry is forbidden only after the looks", "td",
     [(SET, ""),
      ("		(void)tdxc_try_cmpxchg(&td->step, &vcpus, TDXC_TD_CLOSE);\n",
       "		(void)tdxc_xchg(&td->step, TDXC_TD_CLOSE);\n"
       "	else\n"
       "		(void)tdxc_xchg(&td->step, vcpus);\n")],
     "one vCPU", ("T-LATE", "T-KNOWN", "T-CLOSE")),
    ("a flush does not look for vCPUs inside", "td_vcpu",
     [("	if (tdxc_td_is_empty_(td) &&\n	    tdxc_td_first",
       "	if (tdxc_td_first")],
     "two vCPUs", ("T-CLOSE",)),
    ("a flush looks for vCPUs inside before the step", "td_vcpu",
     [("	if (!tdxc_try_cmpxchg(&td->step, &vcpus, TDXC_TD_VCPUS))\n"
       "		return;\n", "")],
     "two vCPUs", ("T-CLOSE",)),
    ("a mark is cleared before the flush", "td_vcpu",
     [(FLUSH, CLEAR + FLUSH)],
     "one vCPU", ("T-KNOWN",)),
    ("a flush closes the step whatever the marks say", "td_vcpu",
     [(" &&\n	    tdxc_td_first_associated_(td) == "
       "td->config.sept->config.nr_vcpus", "")],
     "two vCPUs", ("T-CLOSE",)),
)


def run(command, **more):
    """Run a command; return (exit code, output)."""
    done = subprocess.run(command, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False,
                          **more)
    return done.returncode, done.stdout


def mutated(text, replacements):
    """The source with its replacements; None if one does not fit."""
    for old, new in replacements:
        if text.count(old) != 1:
            return None
        text = text.replace(old, new)
    return text


def object_of(folder, name):
    """Where the object file of a source is."""
    return os.path.join(folder, name.replace("/", "_") + ".o")


def try_one(tree, folder, compiler, mutation):
    """Build and run a mutation; return (noticed, remark)."""
    _, room, replacements, scenarios, expected = mutation
    broken = f"libtdxcore/{room}.c"
    with open(os.path.join(tree, broken), encoding="utf-8") as file:
        text = mutated(file.read(), replacements)
    if text is None:
        return False, "its text is not there, or more than once"
    source = os.path.join(folder, "mutated.c")
    program = os.path.join(folder, "scenarios")
    with open(source, "w", encoding="utf-8") as file:
        file.write(text)
    code, text = run([*compiler, *FLAGS, source, "-o", program]
                     + [object_of(folder, name) for name in sources()
                        if name != broken], cwd=tree)
    if code:
        return False, text
    environment = {key: value for key, value in os.environ.items()
                   if key != "TDXC_TEST_SCALE"}
    code, text = run([program, scenarios], timeout=120, env=environment)
    found = FAILED.search(text)
    if code == 0 or not found:
        return False, "nobody notices" if code == 0 else text[-300:]
    return found[2] in expected, f"{found[2]} in \"{found[1]}\": {found[3]}"


def sources():
    """All sources of the scenarios' program."""
    return [*SOURCES, *(f"libtdxcore/{room}.c" for room in CORE)]


def main():
    """See the top of the file."""
    tree, folder, compiler = sys.argv[1], sys.argv[2], sys.argv[3:]
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    for name in sources():
        code, text = run([*compiler, *FLAGS, "-c", name, "-o",
                          object_of(folder, name)], cwd=tree)
        if code:
            sys.exit(text)
    failed = 0
    for mutation in MUTATIONS:
        noticed, remark = try_one(tree, folder, compiler, mutation)
        failed += not noticed
        print(f"{'ok  ' if noticed else 'FAIL'} {mutation[0]}: {remark}",
              flush=True)
    print(f"{len(MUTATIONS) - failed} passed, {failed} failed")
    shutil.rmtree(folder, ignore_errors=True)
    sys.exit(1 if failed else 0)


main()
