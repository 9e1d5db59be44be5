#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause-Patent
"""The house rules that a compiler does not know, read from the sources.

    source.py TREE        check the source tree
    source.py --selftest  show that each check can fail
"""
import json
import os
import re
import sys
import tempfile

from report import Report, output_of, run

FILE_LINES = 500
# Lines from the function's name to its closing brace.
FUNCTION_LINES = 70
FUNCTION_P90 = 35
FUNCTION_P50 = 13

CODE_SUFFIXES = (".c", ".h", ".sh", ".py", ".build", ".promela")
CODE_NAMES = ("dev", "run", "Kbuild", "Makefile", "meson_options.txt")
CONDITIONAL = re.compile(r"\s*#\s*(if|ifdef|ifndef|elif|else)\b(.*)")
INCLUDE = re.compile(r'\s*#\s*include\s*([<"][^>"]*[>"])')
# Written in two halves so that this file does not find itself.
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b")
SPDX = "SPDX-License" "-Identifier: "
PACKAGE = "glue/uefi/TdxCorePkg/"
EDK2_STYLE = (PACKAGE, "glue/uefi/gnuefi/")
LICENCES = {"glue/linux/": "(GPL-2.0-only OR BSD-2-Clause-Patent)",
            "": "BSD-2-Clause-Patent"}


def tree_files(tree):
    """Paths below @tree that belong to the project, relative to it."""
    code, text = run(["git", "-C", tree, "ls-files", "--cached", "--others",
                      "--exclude-standard"])
    if code == 0 and text:
        paths = text.splitlines()
    else:  # an unpacked release has no git
        paths = [os.path.relpath(os.path.join(folder, name), tree)
                 for folder, _, names in os.walk(tree) for name in names]
    return sorted(path for path in paths
                  if not path.startswith(("build", "out/", ".git/"))
                  and os.path.isfile(os.path.join(tree, path)))


def core_files(tree, suffix):
    """Files of the core itself, without its environment headers."""
    return [path for path in tree_files(tree)
            if re.fullmatch(r"libtdxcore/[^/]*" + re.escape(suffix), path)]


def public_headers(tree):
    """Headers that an installed user sees."""
    return [path for path in tree_files(tree)
            if re.fullmatch(r"include/tdxcore/[^/]*\.h", path)]


def lines_of(tree, path):
    """Yield (number, text) of a file's lines."""
    with open(os.path.join(tree, path), encoding="utf-8") as file:
        yield from enumerate(file.read().splitlines(), 1)


def is_table(tree, path):
    """Whether a core-private header is rows for a macro its includer defines.

    It is included once for each meaning of the macro, so it has no guard; to
    pass as one, it may have no directive at all, and one reader only.
    """
    if any(re.match(r"\s*#", text) for _, text in lines_of(tree, path)):
        return False
    wanted = f'#include "{os.path.basename(path)}"'
    readers = [source for source in core_files(tree, ".c")
               for _, text in lines_of(tree, source) if text == wanted]
    return len(readers) > 1 and len(set(readers)) == 1


def check_no_conditionals(tree):
    """The core is one program: what differs between platforms is outside."""
    return [f"{path}:{number}: {text.strip()}"
            for path in core_files(tree, ".c")
            for number, text in lines_of(tree, path)
            if CONDITIONAL.match(text)]


def check_header_conditionals(tree):
    """Headers hold one guard, and what C++ needs."""
    complaints = []
    for path in public_headers(tree) + core_files(tree, ".h"):
        if path.startswith("libtdxcore/") and is_table(tree, path):
            continue
        guards = 0
        for number, text in lines_of(tree, path):
            found = CONDITIONAL.match(text)
            if not found:
                continue
            words = (found[1] + found[2]).split()
            if words == ["ifdef", "__cplusplus"]:
                continue
            guard = "TDXCORE_" + re.sub(
                r"\W", "_", os.path.basename(path)).upper()
            if words == ["ifndef", guard] and not guards:
                guards += 1
                continue
            complaints.append(f"{path}:{number}: {text.strip()}")
        if not guards:
            complaints.append(f"{path}: no include guard")
    return complaints


def check_includes(tree):
    """The core includes its own headers and the environment, never libc."""
    allowed = re.compile(r'<tdxcore/\w+\.h>|<tdxc_env\.h>|"\w+\.h"')
    return [f"{path}:{number}: {found[1]}"
            for path in core_files(tree, ".c") + core_files(tree, ".h")
            + public_headers(tree)
            for number, text in lines_of(tree, path)
            if (found := INCLUDE.match(text))
            and not allowed.fullmatch(found[1])]


def needs_licence(path):
    """Whether a file is code: written by someone, for someone to reuse."""
    return (path.endswith(CODE_SUFFIXES)
            or os.path.basename(path) in CODE_NAMES)


def check_licences(tree):
    """Each file of code says in its first lines under which terms it stands."""
    complaints = []
    for path in filter(needs_licence, tree_files(tree)):
        folder = next(key for key in LICENCES if path.startswith(key))
        wanted = SPDX + LICENCES[folder]
        # EDK2's files say it where their first comment ends.
        most = 40 if path.startswith(EDK2_STYLE) else 3
        head = [text for _, text in lines_of(tree, path)][:most]
        found = [text for text in head if wanted in text]
        if not found:
            complaints.append(f"{path}: no '{wanted}'")
    return complaints


def check_file_lengths(tree):
    """One question per file needs no more than this."""
    complaints = []
    for path in core_files(tree, ".c") + core_files(tree, ".h"):
        count = sum(1 for _ in lines_of(tree, path))
        if count > FILE_LINES:
            complaints.append(f"{path}: {count} lines, at most {FILE_LINES}")
    return complaints


def function_lengths(tree):
    """Return [(lines, "file:function")] of the core, shortest first."""
    lengths = []
    for path in core_files(tree, ".c"):
        tags = output_of(["ctags", "--quiet=yes", "--options=NONE", "-f", "-",
                          "--kinds-C=f", "--fields=Nne",
                          "--output-format=json", os.path.join(tree, path)])
        for tag in map(json.loads, tags.splitlines()):
            if "end" in tag:
                lengths.append((tag["end"] - tag["line"] + 1,
                                f"{path}:{tag['name']}"))
    return sorted(lengths)


def check_function_lengths(tree):
    """A function is read in one look: capped, and short as a rule."""
    lengths = function_lengths(tree)
    if not lengths:
        return ["no function found in the core"]
    p50 = lengths[len(lengths) // 2][0]
    p90 = lengths[len(lengths) * 9 // 10][0]
    print(f"     {len(lengths)} functions: p50 {p50}, p90 {p90}, "
          f"longest {lengths[-1][0]} ({lengths[-1][1]})")
    complaints = [f"{name}: {lines} lines, at most {FUNCTION_LINES}"
                  for lines, name in lengths if lines > FUNCTION_LINES]
    if p50 > FUNCTION_P50:
        complaints.append(f"median {p50} lines, at most {FUNCTION_P50}")
    if p90 > FUNCTION_P90:
        complaints.append(f"nine in ten {p90} lines, at most {FUNCTION_P90}")
    return complaints


def check_unfinished(tree):
    """What is unfinished stands in an issue, not in the code."""
    return [f"{path}:{number}: {text.strip()}"
            for path in filter(needs_licence, tree_files(tree))
            for number, text in lines_of(tree, path)
            if UNFINISHED.search(text)]


def check_kernel_wrappers(tree):
    """The kernel object is built from every file of the core."""
    complaints = []
    for path in core_files(tree, ".c"):
        name = os.path.basename(path)
        wrapper = f"glue/linux/core_{name}"
        wanted = f'#include "../../{path}"'
        if not os.path.exists(os.path.join(tree, wrapper)):
            complaints.append(f"{wrapper} is missing")
        elif wanted not in [text for _, text in lines_of(tree, wrapper)]:
            complaints.append(f"{wrapper} does not say {wanted}")
    return complaints


def check_build_lists(tree):
    """Meson has no globs on purpose; a file it does not list is not tested."""
    listed = {"libtdxcore/": core_files(tree, ".c") + public_headers(tree),
              "tests/": [path for path in tree_files(tree)
                         if re.fullmatch(r"tests/(cli/test_\w+\.py"
                                         r"|(fuzz/fuzz|test)_\w+\.c)",
                                         path)]}
    complaints = []
    for folder, paths in listed.items():
        build = os.path.join(tree, folder, "meson.build")
        if not os.path.exists(build):
            complaints.append(f"{folder}meson.build is missing")
            continue
        with open(build, encoding="utf-8") as file:
            text = file.read()
        complaints += [f"{folder}meson.build does not list {path}"
                       for path in paths
                       if not re.search(r"[/'\"]" + re.escape(
                           os.path.basename(path)) + "'", text)]
    return complaints


def inf_sources(tree, path):
    """What an .inf file compiles, relative to the tree."""
    folder, found, inside = os.path.dirname(path), [], False
    for _, text in lines_of(tree, path):
        text = text.split("#")[0].split("|")[0].strip()
        if text.startswith("["):
            inside = text.startswith("[Sources")
        elif inside and text:
            found.append(os.path.normpath(os.path.join(folder, text)))
    return found


def check_firmware_package(tree):
    """EDK2 has no globs; what an .inf or .dsc does not list is not built."""
    files = tree_files(tree)
    infs = [path for path in files
            if path.startswith(PACKAGE) and path.endswith(".inf")]
    listed = {path: inf_sources(tree, path) for path in infs}
    every = {source for sources in listed.values() for source in sources}
    own = [path for path in files if path.endswith((".c", ".h"))
           and os.path.dirname(path) in map(os.path.dirname, infs)]
    complaints = [f"no .inf lists {path}" for path in
                  own + core_files(tree, ".c") if path not in every]
    complaints += [f"{path} lists {source}, which is not there"
                   for path in infs for source in listed[path]
                   if source not in files]
    for path in infs:
        names = [os.path.basename(source) for source in listed[path]
                 if source.endswith(".c")]
        complaints += [f"{path}: objects of {name} overwrite each other"
                       for name in sorted(set(names))
                       if names.count(name) > 1]
    platform = [text.strip() for _, text in
                lines_of(tree, PACKAGE + "TdxCorePkg.dsc")]
    complaints += [f"TdxCorePkg.dsc does not build {path}" for path in infs
                   if path[len("glue/uefi/"):] not in platform]
    return complaints


CHECKS = (
    ("no #if in libtdxcore/*.c", check_no_conditionals),
    ("headers: #if only as guard or for C++", check_header_conditionals),
    ("the core includes no libc header", check_includes),
    ("every file of code names its licence", check_licences),
    (f"no file of the core above {FILE_LINES} lines", check_file_lengths),
    (f"no function of the core above {FUNCTION_LINES} lines",
     check_function_lengths),
    ("nothing is marked unfinished", check_unfinished),
    ("glue/linux wraps every file of the core", check_kernel_wrappers),
    ("Meson lists every file", check_build_lists),
    ("EDK2's files list every file", check_firmware_package),
)

BSD = "/* " + SPDX + "BSD-2-Clause-Patent */\n"
GPL = "/* " + SPDX + "(GPL-2.0-only OR BSD-2-Clause-Patent) */\n"
CORE = "libtdxcore/x.c"
HEADER = "include/tdxcore/x.h"
WRAPPER = "glue/linux/core_x.c"
INF = PACKAGE + "Library/TdxCoreLib/TdxCoreLib.inf"
GOOD_INF = "# a\n[Sources]\n  ../../../../../libtdxcore/x.c\n[Packages]\n  y\n"
GOOD_HEADER = (BSD + "#ifndef TDXCORE_X_H\n#define TDXCORE_X_H\n"
               "#ifdef __cplusplus\n#endif\n#endif\n")
GOOD = {
    CORE: BSD + '#include <tdxcore/x.h>\n#include "table.h"\n'
                '#include "table.h"\nint tdxc_x(void)\n{\n'
                '\treturn 0;\n}\n',
    HEADER: GOOD_HEADER,
    "libtdxcore/table.h": BSD + "X(1, one)\nX(2, two)\n",
    WRAPPER: GPL + '#include "../../libtdxcore/x.c"\n',
    INF: GOOD_INF,
    PACKAGE + "TdxCorePkg.dsc": "[Components]\n  TdxCorePkg/Library/TdxCoreLib"
                                "/TdxCoreLib.inf\n",
    "libtdxcore/meson.build": "# " + BSD + "'x.c', '../include/tdxcore/x.h'\n",
    "tests/meson.build": "# " + BSD + "'test_x.c'\n",
    "tests/test_x.c": BSD,
}
LONG_FUNCTION = "int tdxc_l(int i)\n{\n" + "\ti++;\n" * 67 + "\treturn i;\n}\n"
SHORT_FUNCTIONS = "".join(f"int tdxc_{i}(void)\n{{\n\treturn 0;\n}}\n"
                          for i in range(40))
MIDDLING = "".join(f"int tdxc_{i}(int i)\n{{\n" + "\ti++;\n" * 15
                   + "\treturn i;\n}\n" for i in range(9))

# Each: name, check that must complain, what it must say, file, its contents.
SEEDED = (
    ("#ifdef in the core", check_no_conditionals, "x.c:5: # ifdef",
     CORE, GOOD[CORE].replace("int", "\n# ifdef __linux__\nint", 1)
     .replace("\n\n", "\n")),
    ("second condition in a header", check_header_conditionals, "#if defined",
     HEADER, GOOD_HEADER + "#if defined(__linux__)\n#endif\n"),
    ("header without guard", check_header_conditionals, "no include guard",
     HEADER, BSD),
    ("private header without guard", check_header_conditionals,
     "y.h: no include guard", "libtdxcore/y.h", BSD + "X(1, one)\n"),
    ("libc in the core", check_includes, "<string.h>",
     CORE, BSD + "#include <string.h>\n"),
    ("libc in a public header", check_includes, "<stdint.h>",
     HEADER, GOOD_HEADER + "#include <stdint.h>\n"),
    ("path in an include", check_includes, '"../x.h"',
     CORE, BSD + '#include "../x.h"\n'),
    ("no licence in C", check_licences, "tests/y.c",
     "tests/y.c", "int y;\n"),
    ("no licence in a script", check_licences, "tools/y.py",
     "tools/y.py", "pass\n"),
    ("wrong licence for the kernel", check_licences, "GPL-2.0-only",
     WRAPPER, BSD),
    ("long file", check_file_lengths, "501 lines",
     CORE, BSD + "\n" * 500),
    ("long function", check_function_lengths, "tdxc_l: 71 lines",
     CORE, BSD + SHORT_FUNCTIONS + LONG_FUNCTION),
    ("long median", check_function_lengths, "median 19",
     CORE, BSD + MIDDLING),
    ("long tail", check_function_lengths, "nine in ten",
     CORE, BSD + SHORT_FUNCTIONS[:200] + LONG_FUNCTION),
    ("unfinished work", check_unfinished, "x.c:2",
     CORE, BSD + "/* TO" "DO */\n"),
    ("wrapper missing", check_kernel_wrappers, "core_y.c is missing",
     "libtdxcore/y.c", BSD),
    ("wrapper of another file", check_kernel_wrappers, "does not say",
     WRAPPER, GPL + '#include "../../libtdxcore/y.c"\n'),
    ("core file that Meson does not list", check_build_lists, "y.c",
     "libtdxcore/y.c", BSD),
    ("test that Meson does not list", check_build_lists, "test_y.c",
     "tests/test_y.c", BSD),
    ("fuzz target that Meson does not list", check_build_lists, "fuzz_y.c",
     "tests/fuzz/fuzz_y.c", BSD),
    ("script that Meson does not list", check_build_lists, "test_y.py",
     "tests/cli/test_y.py", "# " + BSD),
    ("core file that EDK2 does not build", check_firmware_package,
     "no .inf lists libtdxcore/y.c", "libtdxcore/y.c", BSD),
    ("file of a module that no .inf lists", check_firmware_package,
     "TdxCoreLib/y.c", PACKAGE + "Library/TdxCoreLib/y.c", BSD),
    ("source of an .inf that is not there", check_firmware_package,
     "which is not there", INF, GOOD_INF.replace("[P", "  y.c\n[P")),
    ("two objects of one name", check_firmware_package, "objects of x.c",
     INF, GOOD_INF.replace("[P", "  x.c\n[P")),
    ("module that EDK2 does not build", check_firmware_package,
     "does not build", PACKAGE + "Library/Y/Y.inf", "[Sources]\n"),
    ("header that Meson does not install", check_build_lists, "y.h",
     "include/tdxcore/y.h", GOOD_HEADER),
)


def write_tree(tree, files):
    """Write @files, a dictionary of path and contents, below @tree."""
    for path, text in files.items():
        whole = os.path.join(tree, path)
        os.makedirs(os.path.dirname(whole), exist_ok=True)
        with open(whole, "w", encoding="utf-8") as file:
            file.write(text)


def selftest(report):
    """Feed every check a bad tree, and all of them a good one."""
    for name, check, expected, path, text in SEEDED:
        with tempfile.TemporaryDirectory() as tree:
            write_tree(tree, {**GOOD, path: text})
            report.must_complain(f"seeded: {name}", check(tree), expected)
    with tempfile.TemporaryDirectory() as tree:
        write_tree(tree, GOOD)
        for name, check in CHECKS:
            report.check(f"control: {name}", check(tree))


def main():
    """See the top of the file."""
    report = Report()
    if sys.argv[1:] == ["--selftest"]:
        selftest(report)
    elif len(sys.argv) == 2:
        for name, check in CHECKS:
            report.check(name, check(sys.argv[1]))
    else:
        sys.exit(__doc__)
    report.finish()


main()
