#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause-Patent
"""What a kernel or a firmware gets when it links the archive.

    archive.py ARCHIVE          check the archive and the .su and .ci files that
                                gcc left beside its objects (ARCHIVE.p/)
    archive.py --selftest CC    show that each check can fail
"""
import os
import re
import sys
import tempfile

from report import Report, output_of, run

# Compilers call these four whatever the source says, and every environment
# that C code runs in has them.
COMPILER_SYMBOLS = {"memcpy", "memmove", "memset", "memcmp"}
PREFIX = "tdxc_"
FRAME_LIMIT = 512


def symbols(archive):
    """Yield (member, name, nm type letter) of global symbols."""
    member = ""
    for line in output_of(["nm", "-P", "-g", archive]).splitlines():
        if line.endswith(":"):
            member = line[:-1]
        elif line.strip():
            fields = line.split()
            yield member, fields[0], fields[1]


def check_undefined(archive):
    """Nothing is wanted but what the archive has and the compiler's four."""
    table = list(symbols(archive))
    defined = {name for _, name, kind in table if kind not in "Uwv"}
    return [f"{member} wants {name}" for member, name, kind in table
            if kind in "Uwv" and name not in defined | COMPILER_SYMBOLS]


def check_exports(archive):
    """Only tdxc_ names may clash with names of the program."""
    table = list(symbols(archive))
    complaints = [f"{member} exports {name}" for member, name, kind in table
                  if kind not in "Uwv" and not name.startswith(PREFIX)]
    if not any(kind == "T" for _, _, kind in table):
        complaints.append("no function is exported at all")
    return complaints


def check_writable(archive):
    """No state outside the caller's objects: no writable section, no COMMON.

    This covers .data, .bss, thread-local storage, constructors and pointers in
    const tables (.data.rel.ro), which a loader would have to relocate.
    """
    complaints = []
    member = ""
    section = re.compile(r"\s*\[\s*\d+\]\s+(\S+)\s+\S+\s+[0-9a-f]+\s+"
                         r"[0-9a-f]+\s+([0-9a-f]+)\s+\S+\s+([A-Za-z]*)")
    for line in output_of(["readelf", "-SW", archive]).splitlines():
        if line.startswith("File: "):
            member = line[len("File: "):]
        found = section.match(line)
        if not found:
            continue
        name, size, flags = found[1], int(found[2], 16), found[3]
        if "A" in flags and "W" in flags and size:
            complaints.append(f"{member}: {name} holds {size} writable bytes")
    complaints += [f"{member}: {name} is COMMON"
                   for member, name, kind in symbols(archive) if kind == "C"]
    return complaints


def side_files(archive, suffix):
    """Paths of the compiler's @suffix files, one for each member."""
    folder = archive + ".p"
    members = output_of(["ar", "t", archive]).split()
    paths = [os.path.join(folder, os.path.basename(member)[:-len(".o")] + suffix)
             for member in members]
    return paths, [path for path in paths if not os.path.exists(path)]


def check_frames(archive):
    """No frame above the limit, none whose size is known at run time only."""
    paths, missing = side_files(archive, ".su")
    if missing or not paths:
        return [f"no stack usage file: {missing}"]
    complaints = []
    for path in paths:
        with open(path, encoding="utf-8") as usage:
            for line in usage:
                where, size, kind = line.rstrip("\n").split("\t")
                if int(size) > FRAME_LIMIT:
                    complaints.append(f"{where}: frame of {size} bytes")
                if "dynamic" in kind:
                    complaints.append(f"{where}: frame is {kind}")
    return complaints


def read_call_graph(paths):
    """Return ({caller: callees}, {function: frame bytes})."""
    calls, frames = {}, {}
    node = re.compile(r'node: \{ title: "([^"]+)" label: "[^"]*\\n(\d+) bytes')
    edge = re.compile(r'edge: \{ sourcename: "([^"]+)" targetname: "([^"]+)"')
    for path in paths:
        with open(path, encoding="utf-8") as graph:
            for line in graph:
                if found := node.match(line):
                    calls.setdefault(found[1], set())
                    frames[found[1]] = int(found[2])
                elif found := edge.match(line):
                    calls.setdefault(found[1], set()).add(found[2])
    return calls, frames


def find_cycle(calls):
    """Return a list of functions that call each other in a circle, or []."""
    done, path = set(), []
    for start in calls:
        stack = [(start, iter(sorted(calls[start])))]
        path = [start]
        while stack and start not in done:
            function, callees = stack[-1]
            callee = next(callees, None)
            if callee is None:
                done.add(function)
                stack.pop()
                path.pop()
            elif callee in path:
                return path[path.index(callee):] + [callee]
            elif callee in calls and callee not in done:
                stack.append((callee, iter(sorted(calls[callee]))))
                path.append(callee)
    return []


def deepest(calls, frames):
    """Return (bytes, function) of the deepest chain of frames."""
    depth = {}

    def measure(function):
        if function not in depth:
            below = [measure(callee) for callee in calls.get(function, ())]
            depth[function] = frames.get(function, 0) + max(below, default=0)
        return depth[function]

    return max(((measure(function), function) for function in calls),
               default=(0, "none"))


def check_recursion(archive):
    """No function reaches itself, so stack depth has a bound; print it."""
    paths, missing = side_files(archive, ".ci")
    if missing or not paths:
        return [f"no call graph file: {missing}"]
    calls, frames = read_call_graph(paths)
    if not calls:
        return ["the call graph is empty"]
    cycle = find_cycle(calls)
    if cycle:
        return ["recursion: " + " -> ".join(cycle)]
    total, function = deepest(calls, frames)
    print(f"     deepest stack: {total} bytes below {function}")
    return []


CHECKS = (
    ("wants only memcpy, memmove, memset, memcmp", check_undefined),
    ("exports only " + PREFIX, check_exports),
    ("holds no writable data", check_writable),
    (f"frames at most {FRAME_LIMIT} bytes, none dynamic", check_frames),
    ("calls no function recursively", check_recursion),
)

# Each: name, check that must complain, what it must say, source that earns it.
# The control is what all checks must accept.
SEEDED = (
    ("libc call", check_undefined, "wants abort",
     "void abort(void); void tdxc_x(void) { abort(); }"),
    ("weak reference", check_undefined, "wants tdxc_hook",
     "void tdxc_hook(void) __attribute__((weak));"
     "void tdxc_x(void) { tdxc_hook(); }"),
    ("missing own function", check_undefined, "wants tdxc_gone",
     "void tdxc_gone(void); void tdxc_x(void) { tdxc_gone(); }"),
    ("foreign name", check_exports, "exports range_sort",
     "void range_sort(void); void range_sort(void) {}"),
    ("static counter", check_writable, ".bss",
     "int tdxc_x(void) { static int n; return n++; }"),
    ("initialised variable", check_writable, ".data",
     "int tdxc_x = 7; void tdxc_y(void) {}"),
    ("COMMON variable", check_writable, "COMMON",
     "int tdxc_x[4] __attribute__((common)); void tdxc_y(void) {}"),
    ("pointer in a const table", check_writable, ".data.rel.ro",
     'const char *const tdxc_x[] = { "a", "b" };'),
    ("constructor", check_writable, ".init_array",
     "__attribute__((constructor)) void tdxc_x(void) {}"),
    ("large frame", check_frames, "frame of",
     "void tdxc_use(char *); void tdxc_x(void) { char a[600]; tdxc_use(a); }"),
    ("variable-length array", check_frames, "dynamic",
     "void tdxc_use(char *);"
     "void tdxc_x(int n) { char a[n]; tdxc_use(a); }"),
    ("recursion", check_recursion, "recursion: ",
     "int tdxc_b(int n);"
     "__attribute__((noinline)) int tdxc_a(int n)"
     "{ return n ? tdxc_b(n - 1) + 1 : 0; }"
     "__attribute__((noinline)) int tdxc_b(int n)"
     "{ return n ? tdxc_a(n - 1) * 3 : 1; }"),
)
CONTROL = ("void *memcpy(void *, const void *, __SIZE_TYPE__);"
           "static const int table[] = { 1, 2 };"
           "__attribute__((noinline)) static int pick(int i)"
           "{ return table[i & 1]; }"
           "int tdxc_x(int i, void *a, void *b)"
           "{ memcpy(a, b, 999); return pick(i) + pick(i + 1); }")


def build_archive(compiler, folder, source):
    """Compile @source as Meson would; return the archive's path."""
    archive = os.path.join(folder, "libseed.a")
    objects = archive + ".p"
    os.makedirs(objects, exist_ok=True)
    path = os.path.join(folder, "seed.c")
    with open(path, "w", encoding="utf-8") as file:
        file.write(source)
    code, text = run([compiler, "-O2", "-fPIC", "-ffreestanding",
                      "-fno-builtin", "-fno-stack-protector", "-w",
                      "-fstack-usage", "-fcallgraph-info=su", "-c", path, "-o",
                      os.path.join(objects, "seed.c.o")])
    if code:
        raise RuntimeError(text)
    output_of(["ar", "rcs", archive, os.path.join(objects, "seed.c.o")])
    return archive


def selftest(compiler, report):
    """Feed every check a bad archive, and all of them a good one."""
    for name, check, expected, source in SEEDED:
        with tempfile.TemporaryDirectory() as folder:
            complaints = check(build_archive(compiler, folder, source))
            report.must_complain(f"seeded: {name}", complaints, expected)
    with tempfile.TemporaryDirectory() as folder:
        archive = build_archive(compiler, folder, CONTROL)
        for name, check in CHECKS:
            report.check(f"control: {name}", check(archive))
        os.remove(archive + ".p/seed.c.su")
        report.must_complain("seeded: no stack usage file",
                             check_frames(archive), "no stack usage file")


def main():
    """See the top of the file."""
    report = Report()
    if len(sys.argv) == 3 and sys.argv[1] == "--selftest":
        selftest(sys.argv[2], report)
    elif len(sys.argv) == 2:
        for name, check in CHECKS:
            report.check(name, check(sys.argv[1]))
    else:
        sys.exit(__doc__)
    report.finish()


if __name__ == "__main__":
    main()
