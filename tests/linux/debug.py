# SPDX-License-Identifier: BSD-2-Clause-Patent
"""Small kernels that look for faults, from Debian's linux-source package."""
import glob
import os
import shutil
import sys

import kernels

PACKAGE = "linux-source-6.1"
CONFIG = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                      "debug.config")
# KASAN and KCSAN do not go together.
VARIANTS = {
    "kasan": ("PROVE_LOCKING", "PROVE_RCU", "KASAN", "KASAN_INLINE",
              "KASAN_VMALLOC", "DEBUG_KMEMLEAK", "DEBUG_OBJECTS",
              "DEBUG_OBJECTS_RCU_HEAD"),
    # It sees a race if another CPU comes while it waits. In QEMU without KVM
    # one does not come for milliseconds: wait longer, and as much less often.
    "kcsan": ("KCSAN", "KCSAN_UDELAY_TASK=2000", "KCSAN_SKIP_WATCH=40000"),
}


def sources(build):
    """The unpacked sources."""
    tree = os.path.join(build, PACKAGE)
    if os.path.exists(os.path.join(tree, ".complete")):
        return tree
    scratch = os.path.join(build, "source")
    for folder in (tree, scratch):
        shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(scratch)
    kernels.call(["apt-get", "download", "-q", PACKAGE], cwd=scratch)
    package, = glob.glob(scratch + "/*.deb")
    kernels.call(["dpkg-deb", "-x", package, scratch])
    kernels.call(["tar", "xf", f"{scratch}/usr/src/{PACKAGE}.tar.xz",
                  "-C", build])
    shutil.rmtree(scratch)
    with open(os.path.join(tree, ".complete"), "w", encoding="ascii"):
        pass
    return tree


def wanted_options(name):
    """Lines of a configuration."""
    with open(CONFIG, encoding="ascii") as file:
        lines = [line.strip() for line in file if line.startswith("CONFIG_")]
    return (lines + [f"CONFIG_{option}" if "=" in option else
                     f"CONFIG_{option}=y" for option in VARIANTS[name]]
            + [f'CONFIG_LOCALVERSION="-{name}"'])


def configure(tree, folder, options):
    """Write .config; every option wanted must be in it."""
    kernels.call(["make", "-s", "-C", tree, "O=" + folder, "tinyconfig"])
    with open(os.path.join(folder, ".config"), "a", encoding="ascii") as file:
        file.write("\n".join(options) + "\n")
    kernels.call(["make", "-s", "-C", folder, "olddefconfig"])
    with open(os.path.join(folder, ".config"), encoding="ascii") as file:
        lines = set(file.read().splitlines())
    missing = [option for option in options if option not in lines]
    if missing:
        raise kernels.KernelError("not to be had: " + ", ".join(missing))


def build_variant(name, build):
    """The kernel called `name`, built once for one configuration."""
    folder = os.path.join(build, "debug-" + name)
    done, options = os.path.join(folder, ".complete"), wanted_options(name)
    if not (os.path.exists(done)
            and open_text(done).splitlines() == options):
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        tree = sources(build)
        configure(tree, folder, options)
        print(f"Building the kernel {name}", flush=True,
              file=sys.stderr)
        kernels.call(["make", "-s", f"-j{os.cpu_count()}", "-C", folder,
                      "bzImage", "modules"])
        with open(done, "w", encoding="ascii") as file:
            file.write("\n".join(options) + "\n")
    release = open_text(folder + "/include/config/kernel.release").strip()
    return kernels.Kernel(release, folder + "/arch/x86/boot/bzImage", folder)


def open_text(path):
    """A file's text."""
    with open(path, encoding="ascii") as file:
        return file.read()


def prepare(build):
    """All variants."""
    os.makedirs(build, exist_ok=True)
    return [build_variant(name, build) for name in VARIANTS]
