# SPDX-License-Identifier: BSD-2-Clause-Patent
"""What the tests of the command line share: running it, and counting.

A test program is called with the tdxcore binary and the folder of test data;
its last line is "N passed, N failed".
"""

import errno
import os
import pty
import subprocess
import sys
import tempfile

TOOL = os.path.abspath(sys.argv[1])
DATA = os.path.join(os.path.abspath(sys.argv[2]), 'maps')
SCRATCH = tempfile.TemporaryDirectory()

passed = 0
failures = []


class Result:
    def __init__(self, process):
        self.code = process.returncode
        self.out = (process.stdout or b'').decode(errors='replace')
        self.err = process.stderr.decode(errors='replace')


def run(*args, stdin=b'', stdout=subprocess.PIPE):
    """Run the tool in the scratch folder."""
    command = [TOOL] + [str(a) for a in args]
    process = subprocess.run(command, input=stdin, timeout=300, stdout=stdout,
                             stderr=subprocess.PIPE, cwd=SCRATCH.name)
    return Result(process)


def on_terminal(*args):
    """What a person sees on standard error."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen([TOOL, *args], stdout=subprocess.PIPE,
                               stderr=theirs, cwd=SCRATCH.name)
    os.close(theirs)
    seen = b''
    try:
        while chunk := os.read(ours, 4096):
            seen += chunk
    except OSError as e:
        if e.errno != errno.EIO:  # Linux's way of saying end of file
            raise
    os.close(ours)
    out, _ = process.communicate(timeout=300)
    return process.returncode, out, seen.decode()


def write(name, content):
    """Put a file where the tool runs; tests then name it without a path."""
    data = content if isinstance(content, bytes) else content.encode()
    with open(os.path.join(SCRATCH.name, name), 'wb') as f:
        f.write(data)
    return name


def machine(name):
    return os.path.join(DATA, name)


def check(name, condition, detail=''):
    """Count one test; say so only when it fails."""
    global passed
    if condition:
        passed += 1
        return True
    failures.append(name)
    print(f'FAILED {name}: {detail}'.rstrip(': '))
    return False


def finish():
    SCRATCH.cleanup()
    print(f'{passed} passed, {len(failures)} failed')
    sys.exit(1 if failures else 0)
