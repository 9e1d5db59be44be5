#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause-Patent
"""The core compiles wherever it is meant to run; warnings are errors.

    cross.py TREE BUILD    compile every file of libtdxcore/ for each target
    cross.py --selftest    show that each target refuses what it must

A target whose inputs are unchanged since it last passed in BUILD is not
compiled again.
"""
import glob
import hashlib
import os
import re
import shutil
import sys
import tempfile

from report import Report, output_of, run

COMPILER_SYMBOLS = {"memcpy", "memmove", "memset", "memcmp"}
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion",
            "-Wsign-conversion", "-Wshadow", "-Wmissing-prototypes",
            "-Wstrict-prototypes", "-Wvla", "-Wcast-align", "-Wundef",
            "-Wframe-larger-than=512", "-Werror"]
FREESTANDING = ["-std=c11", "-ffreestanding", "-fno-builtin", "-fno-common",
                "-fno-stack-protector", *WARNINGS]
HOSTED, UEFI = "libtdxcore/env/hosted", "glue/uefi/env"
WINDOWS = ["clang", "--target=x86_64-unknown-windows", "-mgeneral-regs-only",
           "-nostdinc"]
# EDK2's gcc tool chain: ELF, but 16-bit wchar_t and no red zone.
EDK2_GCC = ["gcc", "-mgeneral-regs-only", "-nostdinc", "-fshort-wchar",
            "-mno-red-zone", "-fno-strict-aliasing", "-fpie", "-mcmodel=small"]

# Name: environment header, then the command.
TARGETS = {
    "gcc -O2": (HOSTED, ["gcc", "-mgeneral-regs-only", "-O2"]),
    "gcc -Os": (HOSTED, ["gcc", "-mgeneral-regs-only", "-Os"]),
    "clang -O2": (HOSTED, ["clang", "-mgeneral-regs-only", "-nostdlibinc",
                           "-O2"]),
    "uefi clang -O2": (UEFI, [*WINDOWS, "-O2"]),
    "uefi clang -Oz": (UEFI, [*WINDOWS, "-Oz"]),
    "uefi gcc -Os": (UEFI, [*EDK2_GCC, "-Os"]),
    "aarch64 -O2": (HOSTED, ["clang", "--target=aarch64-none-elf",
                             "-mgeneral-regs-only", "-nostdlibinc", "-O2"]),
}
LINUX_FOLDERS = ("include", "libtdxcore", "glue/linux", "glue/sim")


def core_sources(tree):
    """The files every target compiles."""
    return sorted(glob.glob(os.path.join(tree, "libtdxcore/*.c")))


def fingerprint(tree, folders, extra):
    """A digest of all C files below @folders, and of @extra."""
    digest = hashlib.sha256(repr(extra).encode())
    with open(__file__, "rb") as file:
        digest.update(file.read())
    for folder in folders:
        for path in sorted(glob.glob(os.path.join(tree, folder, "**"),
                                     recursive=True)):
            if os.path.isfile(path):
                digest.update(os.path.relpath(path, tree).encode())
                with open(path, "rb") as file:
                    digest.update(file.read())
    return digest.hexdigest()


def unchanged(stamp, text):
    """Whether @stamp holds @text."""
    try:
        with open(stamp, encoding="utf-8") as file:
            return file.read() == text
    except OSError:
        return False


def write(path, text):
    """Write @text to @path and make its folder."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def unresolved(objects):
    """Names that @objects want and do not have, beyond the compiler's four."""
    wanted, defined = set(), set()
    for path in objects:
        with open(path, "rb") as file:
            is_elf = file.read(4) == b"\x7fELF"
        if is_elf:  # readelf reads every machine's; nm only some
            pattern = re.compile(r"\s*\d+:.*(?:GLOBAL|WEAK)\s+\w+\s+(\w+)\s+"
                                 r"([\w.$]+)")
            lines = output_of(["readelf", "-sW", path]).splitlines()
            for found in filter(None, map(pattern.match, lines)):
                (wanted if found[1] == "UND" else defined).add(found[2])
        else:
            for line in output_of(["nm", "-P", "-g", path]).splitlines():
                name, kind = line.split()[:2]
                (wanted if kind in "Uw" else defined).add(name)
    return sorted(wanted - defined - COMPILER_SYMBOLS)


def compile_file(tree, target, source, output):
    """Compile one file for @target; return complaints."""
    environment, command = TARGETS[target]
    code, text = run([*command, *FREESTANDING,
                      "-I", os.path.join(tree, environment),
                      "-I", os.path.join(tree, "include"),
                      "-c", source, "-o", output])
    return text.splitlines()[:20] if code or text else []


def check_target(tree, build, target, report):
    """Compile all files for one target, unless nothing changed."""
    environment, command = TARGETS[target]
    folder = os.path.join(build, re.sub(r"\W+", "-", target))
    os.makedirs(folder, exist_ok=True)
    stamp = os.path.join(folder, "passed")
    state = fingerprint(tree, ("include", "libtdxcore", environment),
                        [command, output_of([command[0], "--version"])])
    fresh = unchanged(stamp, state)
    failed, objects = report.failed, []
    for source in core_sources(tree):
        name = os.path.basename(source)
        objects.append(os.path.join(folder, name + ".o"))
        report.check(f"{target}: {name}", [] if fresh else
                     compile_file(tree, target, source, objects[-1]))
    if report.failed == failed:
        report.check(f"{target}: wants only the compiler's four", [
            f"wants {name}" for name in unresolved(objects)])
    if report.failed == failed:
        write(stamp, state)


def kernel_headers():
    """Folder of the newest installed kernel headers, or None.

    Not the running kernel's: a test must not depend on where it runs.
    """
    def version(path):
        return [int(number) for number in re.findall(r"\d+", path)]

    found = [path for path in glob.glob("/usr/src/linux-headers-*-amd64")
             if not re.search(r"-(rt|cloud)-", path)]
    return max(found, key=version, default=None)


def mirror_sources(tree, folder):
    """Copy what the kernel build needs; untouched files keep their time."""
    wanted = set()
    for part in LINUX_FOLDERS:
        for path in glob.glob(os.path.join(tree, part, "**"), recursive=True):
            name = os.path.relpath(path, tree)
            if not (os.path.isfile(path)
                    and re.search(r"\.(c|h|mk)$|/(Kbuild|Makefile)$", name)):
                continue
            if name.endswith(".mod.c"):  # left by a build in place
                continue
            wanted.add(name)
            with open(path, encoding="utf-8") as file:
                text = file.read()
            if not unchanged(os.path.join(folder, name), text):
                write(os.path.join(folder, name), text)
    for path in glob.glob(os.path.join(folder, "**/*.[ch]"), recursive=True):
        name = os.path.relpath(path, folder)
        if name not in wanted and not name.endswith(".mod.c"):
            os.remove(path)


def build_module(tree, folder, headers):
    """Build glue/linux from a copy of the sources; return complaints."""
    mirror_sources(tree, folder)
    module = os.path.join(folder, "glue/linux")
    product = os.path.join(module, "tdxcore.ko")
    if os.path.exists(product):
        os.remove(product)
    code, text = run(["make", "-C", headers, f"M={os.path.abspath(module)}",
                      "W=1", "KCFLAGS=-Werror", "modules"])
    if code or not os.path.exists(product):
        return [line for line in text.splitlines()
                if re.search(r"error|warning|Error|ERROR", line)][:20] or [text]
    return [line for line in text.splitlines()
            if "warning" in line.lower()]


def check_linux(tree, build, report):
    """Build the kernel module and look at what became of the core."""
    headers = kernel_headers()
    if not headers:
        report.check("linux", ["no /usr/src/linux-headers-*-amd64"])
        return
    folder = os.path.join(build, "linux")
    stamp = os.path.join(folder, "passed")
    state = fingerprint(tree, LINUX_FOLDERS, headers)
    release = os.path.basename(headers)
    module = os.path.join(folder, "glue/linux")
    product = os.path.join(module, "tdxcore.ko")
    failed = report.failed
    if unchanged(stamp, state) and os.path.exists(product):
        report.check(f"linux: module against {release}", [])
    else:
        report.check(f"linux: module against {release}",
                     build_module(tree, folder, headers))
    if report.failed != failed:
        return
    # What the kernel's own compiler flags add: tracing and thunks.
    instrument = re.compile(r"__fentry__|__x86_return_thunk|"
                            r"__x86_indirect_thunk_\w+|__stack_chk_fail|"
                            r"__fortify_\w+|fortify_\w+|tdxc_\w+")
    for source in core_sources(tree):
        name = "core_" + os.path.basename(source)[:-2] + ".o"
        path = os.path.join(module, name)
        report.check(f"linux: {name}", ["not built"]
                     if not os.path.exists(path) else [
                         f"wants {symbol}" for symbol in unresolved([path])
                         if not instrument.fullmatch(symbol)])
    if report.failed == failed:
        write(stamp, state)


BAD_CONVERSION = ("int tdxc_x(unsigned long long v);\n"
                  "int tdxc_x(unsigned long long v)\n{\n\treturn v;\n}\n")
# Each: target, what it must say, source.
SEEDED = [(target, "conversion", BAD_CONVERSION) for target in TARGETS] + [
    ("uefi clang -O2", "'string.h' file not found", "#include <string.h>\n"),
    ("uefi gcc -Os", "string.h", "#include <string.h>\n"),
    ("aarch64 -O2", "'string.h' file not found", "#include <string.h>\n"),
    ("uefi clang -O2", "long has 64 bits",
     '_Static_assert(sizeof(long) == 8, "long has 64 bits");\n'),
    ("aarch64 -O2", "__builtin_ia32_pause",
     "void tdxc_x(void);\nvoid tdxc_x(void)\n"
     "{\n\t__builtin_ia32_pause();\n}\n"),
    ("clang -O2", "stack frame size",
     "void tdxc_u(char *a);\nvoid tdxc_x(void);\nvoid tdxc_x(void)\n"
     "{\n\tchar a[600];\n\n\ttdxc_u(a);\n}\n"),
]
CONTROL = ("#include <tdxc_env.h>\n"
           "TDXC_MUST_CHECK int tdxc_x(uint64_t *to, size_t n, bool b);\n"
           "TDXC_STATIC_ASSERT(sizeof(uint64_t) == 8, \"64 bits\");\n"
           "int tdxc_x(uint64_t *to, size_t n, bool b)\n"
           "{\n\tuint64_t old = tdxc_load_once(to);\n\n"
           "\tmemset(to, b ? 1 : 0, n);\n"
           "\twhile (!tdxc_try_cmpxchg(to, &old, old + 1))\n"
           "\t\ttdxc_relax();\n"
           "\ttdxc_store_release(to, tdxc_load_acquire(to + 1));\n"
           "\tif (TDXC_UNLIKELY(n == 0))\n\t\treturn 0;\n"
           "\treturn tdxc_xchg(to, UINT64_MAX) != UINT32_MAX;\n}\n")
# What EDK2's Base.h and ProcessorBind.h have already said by then.
EDK2_NAMES = ("typedef unsigned long long UINT64;\n"
              "typedef unsigned char BOOLEAN;\n"
              "#define VOID void\n#define NULL ((VOID *)0)\n"
              "#define TRUE ((BOOLEAN)(1 == 1))\n"
              "#define STATIC_ASSERT _Static_assert\n"
              "#define MAX_UINT64 0xFFFFFFFFFFFFFFFFULL\n")
WANTS_ABORT = ("void abort(void);\nvoid tdxc_x(void);\n"
               "void tdxc_x(void)\n{\n\tabort();\n}\n")


def selftest_compilers(tree, report):
    """Every target refuses what it must, and takes the control."""
    with tempfile.TemporaryDirectory() as folder:
        source, output = folder + "/seed.c", folder + "/seed.o"
        for target, expected, text in SEEDED:
            write(source, text)
            report.must_complain(f"seeded: {target}: {expected}",
                                 compile_file(tree, target, source, output),
                                 expected)
        for target in TARGETS:
            write(source, CONTROL)
            report.check(f"control: {target}",
                         compile_file(tree, target, source, output))
            report.check(f"control: {target}: symbols", unresolved([output]))
            write(source, WANTS_ABORT)
            compile_file(tree, target, source, output)
            report.must_complain(f"seeded: {target}: libc call",
                                 unresolved([output]), "abort")
            if "uefi" in target:
                write(source, EDK2_NAMES + CONTROL)
                report.check(f"control: {target}: after EDK2's names",
                             compile_file(tree, target, source, output))


def selftest_linux(tree, report):
    """A kernel build refuses a libc header and an undeclared function."""
    headers = kernel_headers()
    with tempfile.TemporaryDirectory() as folder:
        copy = folder + "/tree"
        for part in ("include", "libtdxcore", "glue"):
            shutil.copytree(os.path.join(tree, part),
                            os.path.join(copy, part))
        victim = copy + "/libtdxcore/version.c"
        with open(victim, encoding="utf-8") as file:
            text = file.read()
        for expected, seed in (
                ("stdint.h", "#include <stdint.h>\n"),
                ("tdxc_stray", "int tdxc_stray(void)\n{\n\treturn 0;\n}\n")):
            write(victim, text + seed)
            report.must_complain(f"seeded: linux: {expected}", build_module(
                copy, folder + "/build", headers), expected)


def main():
    """See the top of the file."""
    report = Report()
    here = os.path.dirname(os.path.abspath(__file__))
    if sys.argv[1:] == ["--selftest"]:
        tree = os.path.dirname(os.path.dirname(here))
        selftest_compilers(tree, report)
        selftest_linux(tree, report)
    elif len(sys.argv) == 3:
        tree, build = map(os.path.abspath, sys.argv[1:])
        for target in TARGETS:
            check_target(tree, build, target, report)
        check_linux(tree, build, report)
    else:
        sys.exit(__doc__)
    report.finish()


if __name__ == "__main__":
    main()
