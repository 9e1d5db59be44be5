#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause-Patent
"""Break the conversion gate in every known way; each must be noticed.

    gate_mutations.py TREE FOLDER CC...    TREE: the sources; FOLDER: scratch

As mutations.py: textual replacements in a copy of the source, the scenarios
whose names begin so, and the properties (gate_scenarios.c) of which one must
fail.
"""
import os
import re
import shutil
import subprocess
import sys

FLAGS = ["-std=c11", "-O1", "-D_POSIX_C_SOURCE=200809L",
         "-Itests/interleave/env", "-Iinclude", "-Ilibtdxcore"]
SOURCES = ("tests/interleave/explore.c", "tests/interleave/gate_scenarios.c",
           "libtdxcore/convert.c", "libtdxcore/convert_map.c",
           "libtdxcore/convert_page.c", "libtdxcore/seamcall.c",
           "libtdxcore/status.c", "libtdxcore/err.c")
FAILED = re.compile(r"^FAIL (.*): \d+ schedules.*?longest \d+, ([^:]+): (.*)$",
                    re.MULTILINE)

BEGIN = """\
		if (tdxc_try_cmpxchg(&gate->word, &old, old + 1))
			return TDXC_OK;
"""
REFUSE = """\
		if ((old & TDXC_GATE_CLOSED) != 0)
			return TDXC_E_CANCELED;
"""
END = "	} while (!tdxc_try_cmpxchg(&gate->word, &old, old - 1));\n"
CLOSE = "	} while (!tdxc_try_cmpxchg(&gate->word, &old, now));\n"
COUNTED = "	return now & TDXC_GATE_COUNT;\n"
OPEN = "	if (tdxc_try_cmpxchg(&gate->word, &old, 0))\n"

# What is broken, [(its text, the text instead)], scenarios, properties.
MUTATIONS = (
    ("the gate is closed by a plain store",
     [(CLOSE, "	} while (false);\n"
              "	tdxc_store_release(&gate->word, now);\n")],
     "two converters", ("G-CLEAN", "G-LATE", "G-COUNT")),
    ("the gate is closed over what others count meanwhile",
     [(CLOSE, "	} while (false);\n"
              "	(void)tdxc_xchg(&gate->word, now);\n")],
     "two converters", ("G-CLEAN", "G-LATE", "G-COUNT")),
    ("the count is read before the closed mark",
     [("	uint64_t now;\n",
       "	uint64_t early = old & TDXC_GATE_COUNT;\n	uint64_t now;\n"),
      (COUNTED, "	return early;\n")],
     "a converter and a crash", ("G-CLEAN", "G-LATE", "G-RACED")),
    ("a conversion begins by a plain store",
     [(BEGIN, "		tdxc_store_release(&gate->word, old + 1);\n"
              "		return TDXC_OK;\n")],
     "a converter and a", ("G-CLEAN", "G-LATE", "G-COUNT", "G-OPEN")),
    ("a conversion looks for the mark only once",
     [(REFUSE, "		if (round == 0 && (old & TDXC_GATE_CLOSED) != 0)\n"
               "			return TDXC_E_CANCELED;\n")],
     "a converter and a", ("G-CLEAN", "G-LATE")),
    ("a refused conversion is counted",
     [(REFUSE, ""),
      (BEGIN, "		if (tdxc_try_cmpxchg(&gate->word, &old, old + 1))\n"
              "			return old >> 63 ? TDXC_E_CANCELED"
              " : TDXC_OK;\n")],
     "a converter and a crash", ("G-COUNT",)),
    ("a conversion ends by a plain store",
     [(END, "	} while (false);\n"
            "	tdxc_store_release(&gate->word, old - 1);\n")],
     "two converters", ("G-COUNT", "G-OPEN", "G-RACED", "G-CLEAN")),
    ("a close does not wait",
     [("	if (report->at_close != 0)\n",
       "	if (report->at_close > TDXC_GATE_COUNT)\n")],
     "a converter and a close", ("G-WAIT", "G-CLEAN", "G-LATE")),
    ("a wait ends when one conversion has ended",
     [("	return report->in_flight == 0;\n",
       "	return report->in_flight < report->at_close;\n")],
     "two converters and a close", ("G-WAIT", "G-CLEAN", "G-LATE")),
    ("a race is not remembered",
     [("			now |= more;\n",
       "			now |= more & TDXC_GATE_CLOSED;\n")],
     "a converter and a crash", ("G-RACED",)),
    ("a gate with conversions in flight opens",
     [(OPEN, "	old = tdxc_load_once(&gate->word);\n"
             "	if (old >> 62 == 2 && tdxc_try_cmpxchg(&gate->word, &old,"
             " old & TDXC_GATE_COUNT))\n")],
     "a close that timed out, and", ("G-OPEN",)),
    ("a gate opens over what stands there",
     [(OPEN, "	if ((tdxc_load_once(&gate->word) << 2) == 0 &&\n"
             "	    (tdxc_xchg(&gate->word, 0), true))\n")],
     "a crash and an opening", ("G-RACED", "G-OPEN", "G-COUNT")),
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


def try_one(tree, folder, compiler, mutation):
    """Build and run a mutation; return (noticed, remark)."""
    _, replacements, scenarios, expected = mutation
    with open(os.path.join(tree, "libtdxcore/gate.c"),
              encoding="utf-8") as file:
        text = mutated(file.read(), replacements)
    if text is None:
        return False, "its text is not there, or more than once"
    source = os.path.join(folder, "gate.c")
    program = os.path.join(folder, "scenarios")
    with open(source, "w", encoding="utf-8") as file:
        file.write(text)
    code, text = run([*compiler, *FLAGS, source, "-o", program]
                     + [os.path.join(folder, name.replace("/", "_") + ".o")
                        for name in SOURCES], cwd=tree)
    if code:
        return False, text
    environment = {key: value for key, value in os.environ.items()
                   if key != "TDXC_TEST_SCALE"}
    code, text = run([program, scenarios], timeout=120, env=environment)
    found = FAILED.search(text)
    if code == 0 or not found:
        return False, "nobody notices" if code == 0 else text[-300:]
    return found[2] in expected, f"{found[2]} in \"{found[1]}\": {found[3]}"


def main():
    """See the top of the file."""
    tree, folder, compiler = sys.argv[1], sys.argv[2], sys.argv[3:]
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    for name in SOURCES:
        target = os.path.join(folder, name.replace("/", "_") + ".o")
        code, text = run([*compiler, *FLAGS, "-c", name, "-o", target],
                         cwd=tree)
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
