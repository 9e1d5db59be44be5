#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause-Patent
"""A stranger's ten-line program finds the library by each documented way.

    install.py TREE BUILD    BUILD: configured and built Meson folder of TREE

Nothing is written outside temporary folders.
"""
import glob
import os
import sys
import tempfile

from report import Report, run

PROGRAM = """\
#include <stdio.h>
#include <tdxcore/tdxcore.h>

int main(void)
{
\tif (tdxc_version() != TDXC_VERSION_MAJOR * 65536u +
\t\t\t      TDXC_VERSION_MINOR * 256u + TDXC_VERSION_PATCH)
\t\treturn 1;
\treturn puts(tdxc_err_name(TDXC_E_NOSPC)) < 0;
}
"""
ANSWER = "TDXC_E_NOSPC\n"
PROJECT = """\
project('stranger', 'c', default_options: ['c_std=gnu11'])
executable('stranger', 'main.c', dependencies: dependency('tdxcore'))
"""
WRAP = "[wrap-file]\ndirectory = tdxcore\n[provide]\ndependency_names = tdxcore\n"


def step(command, **kwargs):
    """Run one step; return ([] or complaints, output)."""
    code, text = run(command, **kwargs)
    if not code:
        return [], text
    return [f"exit code {code}: {' '.join(command)}"] + text.splitlines()[-20:], text


def write(path, text):
    """Write @text to @path and make its folder."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def files_below(folder):
    """Relative paths of all files below @folder."""
    return sorted(os.path.relpath(os.path.join(place, name), folder)
                  for place, _, names in os.walk(folder) for name in names)


def install(build, root):
    """`meson install` into @root."""
    return step(["meson", "install", "-C", build, "--no-rebuild"],
                env={**os.environ, "DESTDIR": root})[0]


def check_installed_files(tree, root):
    """All public headers and the hosted environment are there."""
    installed = files_below(root)
    wanted = [f"include/tdxcore/{os.path.basename(path)}"
              for path in glob.glob(os.path.join(tree, "include/tdxcore/*.h"))]
    wanted += ["include/tdxcore/env/hosted/tdxc_env.h", "libtdxcore.a",
               "tdxcore.pc", "man/man1/tdxcore.1"]
    return [f"{name} is not installed" for name in wanted
            if not any(path.endswith("/" + name) for path in installed)]


def pkg_config(root):
    """Flags that pkg-config gives a user of the installed library."""
    places = glob.glob(root + "/**/pkgconfig", recursive=True)
    env = {**os.environ, "PKG_CONFIG_PATH": ":".join(places),
           "PKG_CONFIG_SYSROOT_DIR": root}
    return step(["pkg-config", "--cflags", "--libs", "tdxcore"], env=env)


def check_program(root, source, compiler, answer=None):
    """Compile and run a program with nothing but pkg-config's answer."""
    complaints, flags = pkg_config(root)
    if complaints:
        return complaints
    program = root + ".program"
    complaints, _ = step([*compiler, "-Wall", "-Wextra", "-Werror", source,
                          "-o", program, *flags.split()])
    if complaints:
        return complaints
    complaints, text = step([program])
    if complaints or answer is None:
        return complaints
    return [] if text == answer else [f"printed {text!r}"]


def check_users(tree, root, source, report):
    """Programs of all kinds that a stranger might write."""
    write(source, PROGRAM)
    for compiler in (["gcc", "-std=c11", "-Wpedantic"],
                     ["gcc", "-static", "-no-pie"],
                     ["gcc", "-fPIE", "-pie"],
                     ["clang", "-std=c11"],
                     ["g++", "-xc++"]):
        report.check("pkg-config: " + " ".join(compiler),
                     check_program(root, source, compiler, ANSWER))
    for example in sorted(glob.glob(os.path.join(tree, "examples/*.c"))):
        report.check(os.path.relpath(example, tree), check_program(
            root, example, ["gcc", "-std=c11"]))


def check_tool(root):
    """The installed command-line tool starts."""
    tools = glob.glob(root + "/**/bin/tdxcore", recursive=True)
    if not tools:
        return ["bin/tdxcore is not installed"]
    complaints, text = step([tools[0], "--version"])
    return complaints or ([] if "0.1.0" in text else [f"printed {text!r}"])


def check_subproject(tree, folder):
    """A Meson project takes the library as a subproject."""
    write(folder + "/meson.build", PROJECT)
    write(folder + "/main.c", PROGRAM)
    write(folder + "/subprojects/tdxcore.wrap", WRAP)
    os.symlink(tree, folder + "/subprojects/tdxcore")
    build, root = folder + "/build", folder + "/root"
    for command in (["meson", "setup", build, folder],
                    ["ninja", "-C", build],
                    ["meson", "install", "-C", build, "--no-rebuild"]):
        complaints, text = step(command, env={**os.environ, "DESTDIR": root})
        if complaints:
            return complaints
        if "warning: " in text:
            return text.splitlines()
    if files_below(root):
        return [f"installs {files_below(root)}"]
    built = [path for path in files_below(build)
             if "subprojects/" in path and os.access(
                 os.path.join(build, path), os.X_OK)]
    if built:
        return [f"builds more than the library: {built}"]
    complaints, text = step([build + "/stranger"])
    return complaints or ([] if text == ANSWER else [f"printed {text!r}"])


def selftest(report):
    """The checks notice a missing header, archive and project."""
    with tempfile.TemporaryDirectory() as folder:
        root = folder + "/root"
        write(root + "/usr/lib/pkgconfig/tdxcore.pc",
              "Name: x\nDescription: x\nVersion: 0\nLibs: -ltdxcore\n")
        write(folder + "/include/tdxcore/x.h", "")
        source = folder + "/main.c"
        write(source, PROGRAM)
        report.must_complain("seeded: header not installed",
                             check_installed_files(folder, root),
                             "tdxcore/x.h is not installed")
        report.must_complain("seeded: no header on the path",
                             check_program(root, source, ["gcc"]),
                             "tdxcore/tdxcore.h")
        report.must_complain("seeded: no tool", check_tool(root),
                             "not installed")
        report.must_complain("seeded: not a project",
                             check_subproject(folder + "/include",
                                              folder + "/user"), "exit code")


def main():
    """See the top of the file."""
    report = Report()
    if sys.argv[1:] == ["--selftest"]:
        selftest(report)
    elif len(sys.argv) == 3:
        tree, build = map(os.path.abspath, sys.argv[1:])
        with tempfile.TemporaryDirectory() as folder:
            root = folder + "/root"
            report.check("meson install", install(build, root))
            report.check("installed files", check_installed_files(tree, root))
            check_users(tree, root, folder + "/main.c", report)
            report.check("command-line tool", check_tool(root))
            report.check("Meson subproject",
                         check_subproject(tree, folder + "/user"))
    else:
        sys.exit(__doc__)
    report.finish()


main()
