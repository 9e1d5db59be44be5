# SPDX-License-Identifier: BSD-2-Clause-Patent
"""Boot a Linux kernel in QEMU, without KVM, and run scripts in it.

The initramfs holds busybox, the module, the scripts and init. What the scripts
print comes back over a serial line of its own, so that no kernel message can
tear it; the kernel's log comes over the other one.
"""
import os
import re
import shutil
import subprocess
import tempfile

import kernels
import verdict

HERE = os.path.dirname(os.path.abspath(__file__))
GUEST = os.path.join(HERE, "guest")
TOOL = os.path.join(os.path.dirname(os.path.dirname(HERE)),
                    "build/dev/tools/tdxcore")
# A line of a script that names programs of this machine which it runs
WANTS = re.compile(r"^# with: (.*)$", re.M)
# What init says before all else
INIT = "# init"
FOLDERS = ("bin", "dev", "modules", "proc", "scripts", "sys", "tmp")


def install(source, target):
    """Copy a file and make it executable."""
    shutil.copyfile(source, target)
    os.chmod(target, 0o755)


def install_program(root, name):
    """A program, with its libraries where it looks for them."""
    path = TOOL if name == "tdxcore" else shutil.which(name)
    target = os.path.join(root, "bin", name)
    install(path, target)
    subprocess.run(["strip", target], check=True)
    for library in re.findall(r"(/\S+) \(0x", kernels.call(["ldd", path])):
        os.makedirs(os.path.dirname(root + library), exist_ok=True)
        install(library, root + library)


def fill(root, kernel, module, scripts):
    """What the guest's root folder holds."""
    for folder in FOLDERS:
        os.mkdir(os.path.join(root, folder))
    install(shutil.which("busybox"), os.path.join(root, "bin/busybox"))
    os.symlink("busybox", os.path.join(root, "bin/sh"))
    # As modules are installed: a tenth of the size
    subprocess.run(["strip", "--strip-debug", "-o",
                    os.path.join(root, "tdxcore.ko"), module], check=True)
    install(os.path.join(GUEST, "init"), os.path.join(root, "init"))
    shutil.copy(os.path.join(GUEST, "tap"), root)
    for path in kernel.modules:
        shutil.copy(path, os.path.join(root, "modules"))
    for script in scripts:
        shutil.copy(script, os.path.join(root, "scripts"))
    for name in sorted({name for script in scripts
                        for line in WANTS.findall(read(script))
                        for name in line.split()}):
        install_program(root, name)


def archive(root, path):
    """Append a folder to an initramfs: the kernel unpacks one after the other.
    """
    names = [os.path.relpath(os.path.join(folder, name), root)
             for folder, folders, files in os.walk(root)
             for name in folders + files]
    with open(path, "ab") as out:
        subprocess.run(["cpio", "-o", "-H", "newc", "--quiet", "-R", "0:0"],
                       input="\n".join(sorted(names)).encode(), cwd=root,
                       stdout=out, check=True)


def pack(path, kernel, module, scripts):
    """An initramfs at `path`."""
    if os.path.exists(path):
        os.remove(path)
    with tempfile.TemporaryDirectory() as root:
        fill(root, kernel, module, scripts)
        archive(root, path)


def read(path):
    """A log's text, empty if there is none."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().replace("\r", "")
    except FileNotFoundError:
        return ""


class Guest:
    """What came of a boot."""

    def __init__(self, log, output, ended):
        self.log = log          # the kernel's
        self.output = output    # of the scripts
        self.ended = ended      # "", or why there is no end
        self.early = ""         # how the boot before this one panicked

    def panicked_early(self):
        """The kernel's last words if init never said a word."""
        if INIT in self.output:
            return ""
        found = re.search(r"Kernel panic - .*", self.log)
        return found[0] if found else ""


def start(command, log, output, timeout):
    """Run QEMU to its end."""
    for path in (log, output):
        if os.path.exists(path):
            os.remove(path)
    ended = ""
    try:
        done = subprocess.run(command, timeout=timeout, check=False,
                              stdin=subprocess.DEVNULL)
        if done.returncode:
            ended = f"QEMU ended with {done.returncode}"
    except subprocess.TimeoutExpired:
        ended = f"no end after {timeout} s"
    return Guest(read(log), read(output), ended)


def machine(kernel, ramdisk, parameters):
    """QEMU's command line, without size and serial lines. The kernel does not
    check its timer: on a busy machine an emulated one fails that check.
    """
    return ["qemu-system-x86_64", "-accel", "tcg,thread=multi",
            "-machine", "q35", "-cpu", "max,vendor=GenuineIntel",
            "-display", "none", "-nic", "none", "-no-reboot",
            "-kernel", kernel.image, "-initrd", ramdisk, "-append",
            " ".join(["console=ttyS0 panic=-1 oops=panic no_timer_check"]
                     + parameters)]


def boot(kernel, module, scripts, folder, environment, timeout, memory="1G"):
    """Boot with 4 CPUs, run the scripts, power off.

    `environment`: the kernel hands what it does not know to init, and init's
    environment is the scripts'. Logs are left in `folder`.

    Kernels 7.x panic now and then under this emulator before there is any
    init: then, and only then, and once, the boot is tried again.
    """
    os.makedirs(folder, exist_ok=True)
    ramdisk, log, output = (os.path.join(folder, name) for name in
                            ("initramfs.cpio", "console.log", "tap"))
    pack(ramdisk, kernel, module, scripts)
    given = [f"{name}={value}" for name, value in environment.items()]
    command = machine(kernel, ramdisk, given) + [
        "-smp", "4", "-m", memory,
        "-serial", "file:" + log, "-serial", "file:" + output]
    guest = start(command, log, output, timeout)
    early = guest.panicked_early()
    if early:
        os.replace(log, os.path.join(folder, "console-early.log"))
        guest = start(command, log, output, timeout)
        guest.early = early
    return guest


# Each: a kernel's log, what init printed, and whether to boot once more.
PANIC = "[ 1.0] Kernel panic - not syncing: no init\n"
SEEDED = (
    ("panicked before init", PANIC, "", True),
    ("panicked after init's first line", PANIC, INIT + "\n# script a\n", False),
    ("hangs before init", "[ 1.0] nothing more\n", "", False),
)


def selftest():
    """Results: only a panic before init is worth another boot."""
    results = [
        verdict.outcome(f"seeded: a kernel that {name}",
                        [] if bool(Guest(log, output, "").panicked_early())
                        == again else ["judged wrongly"])
        for name, log, output, again in SEEDED]
    guest = Guest("", "", "")
    guest.early = PANIC
    told, = verdict.judge_boot(guest)
    return results + [verdict.outcome(
        "seeded: a second boot is told",
        [] if told.result == verdict.SKIPPED and PANIC in told.why
        else ["silent"])]
