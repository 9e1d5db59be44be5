#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause-Patent
"""What the documents promise: links lead somewhere, snippets run.

    docs.py TREE BUILD    BUILD: configured and built Meson folder of TREE
    docs.py --selftest    show that each check can fail

A snippet is a fenced block of README.md after a line <!-- test: NAME -->.
"""
import glob
import os
import re
import shutil
import sys
import tempfile

from report import Report, run

LINK = re.compile(r"\[[^\]]*\]\(([^)\s#]+)(?:#[^)]*)?\)")
SNIPPET = re.compile(r"^<!-- test: ([\w-]+) -->\n+```\w*\n(.*?)^```$",
                     re.M | re.S)
OPS = re.compile(r"^struct (tdxc_\w+_ops) \{", re.M)
# Where a version is written, and how.
VERSIONS = {
    "meson.build": r"^  version: '(.*)',$",
    "CHANGELOG.md": r"^## (\d\S*)",
    "docs/tdxcore.1": r'^\.TH .*"libtdxcore (.*?)"',
    "glue/linux/dkms.conf": r'^PACKAGE_VERSION="(.*)"$',
}
# A line each, so that a module's name and the core's meet.
MODULE = """\
#include <linux/module.h>
#include <linux/printk.h>
#include <tdxcore/tdxcore.h>
static int __init planner_init(void)
{
\tstruct tdxc_plan_config config = {.abi = TDXC_ABI};
\tsize_t bytes;
\tint err = tdxc_plan_scratch_bytes(&config, &bytes);

\tpr_info("planner: %s\\n", tdxc_err_name(err));
\treturn 0;
}
module_init(planner_init);
MODULE_LICENSE("Dual BSD/GPL");
"""


def read(*parts):
    """A file's text."""
    with open(os.path.join(*parts), encoding="utf-8") as file:
        return file.read()


def write(path, text):
    """A file, and its folder."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def documents(tree):
    """Paths of all documents, relative to the tree."""
    return sorted(os.path.relpath(path, tree) for path in
                  glob.glob(tree + "/*.md") + glob.glob(tree + "/docs/*.md"))


def check_links(tree):
    """A link to a file of the tree leads to one."""
    return [f"{name}: {link}" for name in documents(tree)
            for link in LINK.findall(read(tree, name))
            if "://" not in link and not os.path.exists(
                os.path.join(tree, os.path.dirname(name), link))]


def check_index(tree):
    """README leads to every document."""
    links = LINK.findall(read(tree, "README.md"))
    return [f"{name} is not linked from README.md"
            for name in documents(tree) if name.startswith("docs/")
            and name not in links]


def check_ops(tree):
    """A port is told of every table that it may have to supply."""
    text = read(tree, "docs/PORTING.md")
    return [f"{table} is not in PORTING.md"
            for path in sorted(glob.glob(tree + "/include/tdxcore/*.h"))
            for table in OPS.findall(read(path))
            if f"`{table}`" not in text]


def check_versions(tree):
    """One version everywhere."""
    header = read(tree, "include/tdxcore/version.h")
    wanted = ".".join(re.findall(r"TDXC_VERSION_\w+ (\d+)", header))
    complaints = []
    for name, pattern in VERSIONS.items():
        found = re.search(pattern, read(tree, name), re.M)
        if not found or found[1] != wanted:
            complaints.append(f"{name}: {found and found[1]}, not {wanted}")
    return complaints


def snippets(tree):
    """The marked blocks of README.md by name."""
    return dict(SNIPPET.findall(read(tree, "README.md")))


def step(command, **options):
    """Complaints of one command."""
    code, text = run(command, **options)
    return [] if not code else ([f"exit code {code}: {' '.join(command)}"]
                                + text.splitlines()[-20:])


def steps(*commands, **options):
    """Complaints of the first command that fails."""
    for command in commands:
        complaints = step(command, **options)
        if complaints:
            return complaints
    return []


def example(tree, folder):
    """The smallest program, as the snippets call it."""
    os.makedirs(folder, exist_ok=True)
    shutil.copy(os.path.join(tree, "examples/plan_min.c"),
                os.path.join(folder, "program.c"))


def try_pkg_config(tree, build, text, folder):
    """Against what `meson install` installs."""
    root = os.path.join(folder, "root")
    complaints = step(["meson", "install", "-C", build, "--no-rebuild"],
                      env={**os.environ, "DESTDIR": root})
    places = glob.glob(root + "/**/pkgconfig", recursive=True)
    env = {**os.environ, "PKG_CONFIG_PATH": ":".join(places),
           "PKG_CONFIG_SYSROOT_DIR": root}
    example(tree, folder)
    return complaints or steps(["sh", "-e", "-c", text], ["./program"],
                               cwd=folder, env=env)


def try_meson(tree, _, text, folder):
    """As a subproject."""
    example(tree, folder)
    write(folder + "/meson.build", text)
    os.makedirs(folder + "/subprojects")
    os.symlink(tree, folder + "/subprojects/tdxcore")
    return steps(["meson", "setup", "build"], ["ninja", "-C", "build"],
                 ["build/program"], cwd=folder)


def kernel_headers():
    """The newest ones for Debian's plain amd64 kernel, or None."""
    found = [path for path in glob.glob("/usr/src/linux-headers-*-amd64")
             if not re.search(r"-(rt|cloud)-", path)]
    return max(found, default=None, key=lambda path: [
        int(number) for number in re.findall(r"\d+", path)])


def try_kbuild(tree, _, text, folder):
    """As part of a module."""
    headers = kernel_headers()
    if not headers:
        return ["no kernel headers (linux-headers-amd64)"]
    write(folder + "/Kbuild", text)
    write(folder + "/main.c", MODULE)
    for part in ("include", "libtdxcore", "glue/linux"):
        shutil.copytree(
            os.path.join(tree, part), f"{folder}/libtdxcore/{part}",
            ignore=shutil.ignore_patterns("*.o", "*.cmd", "*.ko", "*.mod*"))
    return steps(["make", "-C", headers, "M=" + folder,
                  f"-j{os.cpu_count()}", "modules"],
                 ["test", "-f", folder + "/planner.ko"])


def sources_of(path):
    """What an .inf lists as sources, without EDK2's remarks on them."""
    section = re.search(r"^\[Sources[^\]]*\]\n(.*?)(?=^\[|\Z)", read(path),
                        re.M | re.S)
    lines = section[1].splitlines() if section else []
    return [line.split("|")[0].strip() for line in lines
            if line.strip() and not line.strip().startswith("#")]


def try_edk2(tree, _, text, folder):
    """The class is there, and compiles the whole core from its sources.

    EDK2 itself is not here: ./dev uefi compiles and boots the same sources.
    """
    del folder
    complaints = []
    for name, path in re.findall(r"^ +(\w+)\|(\S+)$", text, re.M):
        inf = os.path.join(tree, "glue/uefi", path)
        if not os.path.exists(inf):
            return [f"{path} is not below glue/uefi"]
        if not re.search(rf"^ +LIBRARY_CLASS += {name}\b", read(inf), re.M):
            complaints.append(f"{path} is not of the class {name}")
        listed = [os.path.normpath(os.path.join(os.path.dirname(inf), source))
                  for source in sources_of(inf)]
        complaints += [f"{source} is not there" for source in listed
                       if not os.path.exists(source)]
        complaints += [f"{path} lacks {os.path.relpath(source, tree)}"
                       for source in glob.glob(tree + "/libtdxcore/*.c")
                       if source not in listed]
    return complaints or ([] if "TdxCoreLib" in text else ["no class"])


TRIES = {"pkg-config": try_pkg_config, "meson": try_meson,
         "kbuild": try_kbuild, "edk2": try_edk2}


def try_snippet(name, tree, build):
    """Run one in a folder of its own."""
    text = snippets(tree).get(name)
    if text is None:
        return ["no such snippet in README.md"]
    with tempfile.TemporaryDirectory() as folder:
        return TRIES[name](tree, build, text, folder)


def seeded(folder):
    """A tree in which everything is wrong."""
    write(folder + "/README.md", "[a](docs/a.md) [b](nowhere.md)\n" + "".join(
        f"<!-- test: {name} -->\n```x\n{text}\n```\n" for name, text in (
            ("pkg-config", "false"), ("meson", "project("),
            ("kbuild", "obj-m := nothing.o"), ("edk2", "  A|B/C.inf"))))
    write(folder + "/docs/a.md", "")
    write(folder + "/docs/b.md", "")
    write(folder + "/docs/PORTING.md", "")
    write(folder + "/include/tdxcore/a.h", "struct tdxc_new_ops {\n")
    write(folder + "/include/tdxcore/version.h",
          "#define TDXC_VERSION_MAJOR 7\n")
    write(folder + "/examples/plan_min.c", "int main(void) { return 0; }\n")
    for name in VERSIONS:
        write(os.path.join(folder, name), "\n")
    for part in ("libtdxcore", "glue/linux"):
        os.makedirs(os.path.join(folder, part), exist_ok=True)


def selftest(report):
    """See the top of the file."""
    with tempfile.TemporaryDirectory() as folder:
        seeded(folder)
        report.must_complain("seeded: a link to nothing", check_links(folder),
                             "nowhere.md")
        report.must_complain("seeded: no link", check_index(folder), "docs/b")
        report.must_complain("seeded: a table nobody knows",
                             check_ops(folder), "tdxc_new_ops")
        report.must_complain("seeded: no version", check_versions(folder),
                             "not 7")
        for name in TRIES:
            report.must_complain(f"seeded: {name}",
                                 try_snippet(name, folder, folder), "")
        write(folder + "/README.md", "")
        report.must_complain("seeded: no snippet",
                             try_snippet("meson", folder, folder), "no such")


def main():
    """See the top of the file."""
    report = Report()
    if sys.argv[1:] == ["--selftest"]:
        selftest(report)
    elif len(sys.argv) == 3:
        tree, build = map(os.path.abspath, sys.argv[1:])
        report.check("links lead somewhere", check_links(tree))
        report.check("README leads to every document", check_index(tree))
        report.check("every ops table is in PORTING.md", check_ops(tree))
        report.check("one version", check_versions(tree))
        for name in TRIES:
            report.check(f"README: {name}", try_snippet(name, tree, build))
    else:
        sys.exit(__doc__)
    report.finish()


if __name__ == "__main__":
    main()
