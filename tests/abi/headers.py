#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause-Patent
"""Every header compiles alone, in C and C++, with no warning.

    headers.py TREE        check include/tdxcore/*.h and libtdxcore/*.h
    headers.py --selftest  show that the check can fail
"""
import glob
import os
import sys
import tempfile

from report import Report, run

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAM = os.path.join(os.path.dirname(HERE), "header_test.c")
WARNINGS = ["-Wall", "-Wextra", "-Wshadow", "-Werror"]
C_WARNINGS = WARNINGS + ["-Wpedantic", "-Wconversion", "-Wsign-conversion",
                         "-Wstrict-prototypes", "-Wmissing-prototypes"]
# C++ has no flexible array member, so pedantry there would refuse TDMR_INFO.
COMPILERS = (
    ("gcc", ["gcc", "-std=c11", *C_WARNINGS]),
    ("clang", ["clang", "-std=c11", *C_WARNINGS]),
    ("gcc -std=c2x", ["gcc", "-std=c2x", *C_WARNINGS]),
    ("g++", ["g++", "-xc++", "-std=c++11", *WARNINGS]),
    ("clang++", ["clang++", "-xc++", "-std=c++17", *WARNINGS]),
)


def headers_of(tree):
    """Public headers, and those the core's own files share.

    A private one without guard is rows of a table (source.py judges those).
    """
    private = []
    for path in glob.glob(os.path.join(tree, "libtdxcore/*.h")):
        with open(path, encoding="utf-8") as file:
            if "#ifndef " in file.read():
                private.append(path)
    return sorted(glob.glob(os.path.join(tree, "include/tdxcore/*.h"))
                  + private)


def check_header(command, tree, header):
    """Compile a program that includes @header twice and nothing else."""
    code, text = run([*command, "-fsyntax-only",
                      "-I", os.path.join(tree, "include"),
                      "-I", os.path.join(tree, "libtdxcore"),
                      "-I", os.path.join(tree, "libtdxcore/env/hosted"),
                      f'-DTDXC_TEST_HEADER="{os.path.basename(header)}"',
                      "-I", os.path.dirname(header), PROGRAM])
    return text.splitlines()[:20] if code else []


def check_tree(tree, report):
    """Check all headers with all compilers."""
    for name, command in COMPILERS:
        for header in headers_of(tree):
            # Core-private headers are never seen by a C++ compiler.
            if "++" in name and "/include/" not in header:
                continue
            label = f"{name}: {os.path.relpath(header, tree)}"
            report.check(label, check_header(command, tree, header))


SEEDED = (
    ("no include", "uint8_t", "uint8_t tdxc_x(void);\n"),
    ("no guard", "redefinition", "struct tdxc_x {\n\tint i;\n};\n"),
    ("lossy conversion", "conversion",
     "#pragma once\nstatic inline char tdxc_x(int i)\n{\n\treturn i;\n}\n"),
    ("old-style declaration", "prototype", "int tdxc_x();\n"),
)


def selftest(report):
    """Feed the check headers that must be refused, and one that must not."""
    command = dict(COMPILERS)["gcc"]
    with tempfile.TemporaryDirectory() as tree:
        header = os.path.join(tree, "include/tdxcore/x.h")
        os.makedirs(os.path.dirname(header))

        def complaints_about(text):
            with open(header, "w", encoding="utf-8") as file:
                file.write(text)
            return check_header(command, tree, header)

        for name, expected, text in SEEDED:
            report.must_complain(f"seeded: {name}", complaints_about(text),
                                 expected)
        report.check("control", complaints_about("int tdxc_x(void);\n"))


def main():
    """See the top of the file."""
    report = Report()
    if sys.argv[1:] == ["--selftest"]:
        selftest(report)
    elif len(sys.argv) == 2:
        check_tree(os.path.abspath(sys.argv[1]), report)
    else:
        sys.exit(__doc__)
    report.finish()


main()
