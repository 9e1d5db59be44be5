# SPDX-License-Identifier: BSD-2-Clause-Patent
"""A Linux kernel of Debian's booted in QEMU, and its memory in a file.

Installs what it needs: QEMU and busybox as packages, the kernel unpacked only,
for it is not to become this machine's own.
"""
import glob
import json
import os
import re
import shutil
import socket
import subprocess
import time

PACKAGES = {"qemu-system-x86_64": "qemu-system-x86", "busybox":
            "busybox-static"}
BOOT_SECONDS = 120
INIT = b"""#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/bin/busybox echo "tdxcore: up"
while :; do /bin/busybox sleep 1000; done
"""


def install(kernels):
    """Get packages that are missing, and a kernel into the folder @kernels."""
    env = dict(os.environ, DEBIAN_FRONTEND="noninteractive")

    def apt(*words, **kwargs):
        subprocess.run(words, check=True, env=env, stdout=subprocess.DEVNULL,
                       **kwargs)

    missing = [package for program, package in PACKAGES.items()
               if not shutil.which(program)]
    if missing:
        apt("apt-get", "update", "-qq")
        apt("apt-get", "install", "-qq", "--no-install-recommends", *missing)
    if glob.glob(f"{kernels}/boot/vmlinuz-*"):
        return
    os.makedirs(kernels, exist_ok=True)
    text = subprocess.run(["apt-cache", "depends", "linux-image-cloud-amd64"],
                          stdout=subprocess.PIPE, text=True, check=False).stdout
    if not text:
        apt("apt-get", "update", "-qq")
        text = subprocess.run(
            ["apt-cache", "depends", "linux-image-cloud-amd64"],
            stdout=subprocess.PIPE, text=True, check=True).stdout
    package = re.search(r"Depends: (linux-image-\S+)", text)[1]
    apt("apt-get", "download", "-qq", package, cwd=kernels,
        stderr=subprocess.DEVNULL)
    for deb in glob.glob(f"{kernels}/*.deb"):
        apt("dpkg", "-x", deb, kernels)
        os.remove(deb)


def cpio(files):
    """An archive in cpio's `newc` format of [(name, mode, content)]."""
    out = b""
    for number, (name, mode, content) in enumerate(
            files + [("TRAILER!!!", 0, b"")], 1):
        fields = [number, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0,
                  len(name) + 1, 0]
        head = b"070701" + b"".join(b"%08X" % field for field in fields)
        head += name.encode() + b"\0"
        out += head + b"\0" * (-len(head) % 4)
        out += content + b"\0" * (-len(content) % 4)
    return out


class Monitor:
    """QEMU's QMP."""

    def __init__(self, path):
        for _ in range(200):
            try:
                self.socket = socket.socket(socket.AF_UNIX)
                self.socket.connect(path)
                break
            except OSError:
                self.socket.close()
                time.sleep(0.05)
        self.file = self.socket.makefile("rw")
        self.file.readline()
        self.do("qmp_capabilities")

    def do(self, command, **arguments):
        """Run a command; return its answer."""
        self.file.write(json.dumps({"execute": command,
                                    "arguments": arguments}) + "\n")
        self.file.flush()
        while True:
            answer = json.loads(self.file.readline())
            if "error" in answer:
                raise RuntimeError(answer["error"])
            if "return" in answer:
                return answer["return"]


def wait_for_boot(log, process):
    """Until the kernel runs our init."""
    for _ in range(BOOT_SECONDS * 10):
        with open(log, "rb") as file:
            if b"tdxcore: up" in file.read():
                return
        if process.poll() is not None:
            break
        time.sleep(0.1)
    with open(log, errors="replace") as file:
        raise RuntimeError("no boot: " + file.read()[-2000:])


def make(folder, kernels, path, cpu="max", more=""):
    """Boot, and write the memory to @path: an ELF core of QEMU's."""
    kernel = sorted(glob.glob(f"{kernels}/boot/vmlinuz-*"))[-1]
    initrd = f"{folder}/initrd"
    log = f"{folder}/console"
    monitor = f"{folder}/qmp"
    with open(shutil.which("busybox"), "rb") as file:
        busybox = file.read()
    with open(initrd, "wb") as file:
        file.write(cpio([("bin", 0o40755, b""), ("proc", 0o40755, b""),
                         ("bin/busybox", 0o100755, busybox),
                         ("init", 0o100755, INIT)]))
    for old in (log, monitor, path):
        if os.path.exists(old):
            os.remove(old)
    with open(log, "wb"):
        pass
    command = ["qemu-system-x86_64", "-accel", "tcg", "-cpu", cpu, "-m", "160",
               "-nodefaults", "-no-user-config", "-display", "none",
               "-kernel", kernel, "-initrd", initrd, "-append",
               f"console=ttyS0 quiet panic=-1 {more}",
               "-serial", f"file:{log}", "-no-reboot",
               "-qmp", f"unix:{monitor},server,nowait"]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL) as process:
        try:
            qmp = Monitor(monitor)
            wait_for_boot(log, process)
            qmp.do("stop")
            qmp.do("dump-guest-memory", paging=False, protocol=f"file:{path}")
            qmp.do("quit")
            process.wait(timeout=30)
        finally:
            if process.poll() is None:
                process.kill()
