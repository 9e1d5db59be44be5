# SPDX-License-Identifier: BSD-2-Clause-Patent
"""Break one source of a scenarios' program at a time, and see who notices.

What the three mutation scripts share; mutations.py has a runner of its own,
for it breaks headers too. A mutation is a name, the
source it breaks, textual replacements of which each fits exactly once, the
scenarios whose names begin so, and the properties of which one must fail.
"""
import os
import re
import shutil
import subprocess
import sys

FAILED = re.compile(r"^FAIL (.*): \d+ schedules.*?longest \d+, ([^:]+): (.*)$",
                    re.MULTILINE)


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


def try_one(tree, folder, compile_, sources, mutation):
    """Build and run a mutation; return (noticed, remark)."""
    _, broken, replacements, scenarios, expected = mutation
    with open(os.path.join(tree, broken), encoding="utf-8") as file:
        text = mutated(file.read(), replacements)
    if text is None:
        return False, "its text is not there, or more than once"
    source = os.path.join(folder, "mutated.c")
    program = os.path.join(folder, "scenarios")
    with open(source, "w", encoding="utf-8") as file:
        file.write(text)
    code, text = run([*compile_, source, "-o", program]
                     + [object_of(folder, name) for name in sources
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


def main(flags, sources, mutations):
    """Try all; arguments as the scripts say."""
    tree, folder, compile_ = sys.argv[1], sys.argv[2], sys.argv[3:] + flags
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    for name in sources:
        code, text = run([*compile_, "-c", name, "-o",
                          object_of(folder, name)], cwd=tree)
        if code:
            sys.exit(text)
    failed = 0
    for mutation in mutations:
        noticed, remark = try_one(tree, folder, compile_, sources, mutation)
        failed += not noticed
        print(f"{'ok  ' if noticed else 'FAIL'} {mutation[0]}: {remark}",
              flush=True)
    print(f"{len(mutations) - failed} passed, {failed} failed")
    shutil.rmtree(folder, ignore_errors=True)
    sys.exit(1 if failed else 0)
