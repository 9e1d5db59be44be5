# SPDX-License-Identifier: BSD-2-Clause-Patent
"""Boot OVMF in QEMU, without KVM, and run what is on its EFI system partition.

The partition holds the images, files that a test brings along, and startup.nsh,
whose last command powers off. All output is the serial console's; what images
write with DEBUG goes to a file of its own.
"""
import os
import re
import shutil
import subprocess
import threading
import time

FIRMWARE = "/usr/share/OVMF/OVMF_CODE_4M.fd"
VARIABLES = "/usr/share/OVMF/OVMF_VARS_4M.fd"
ASKS = b"or any other key to continue"
SECTORS = 65536  # of 512 bytes
SCREEN_CONTROL = re.compile(r"\x1b\[[0-9;?=]*[A-Za-z]|\r")


class Boot:
    """What came of a boot."""

    def __init__(self, output, debug, esp, ended, seconds):
        self.output = output    # the serial console's, without screen control
        self.debug = debug      # what DEBUG wrote
        self.esp = esp          # folder: what the partition holds now
        self.ended = ended      # "", or why there is no end
        self.seconds = seconds


def read(path):
    """A log's text, empty if there is none."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return SCREEN_CONTROL.sub("", file.read())
    except FileNotFoundError:
        return ""


def fill(esp, images, files, commands):
    """What the partition holds."""
    shutil.rmtree(esp, ignore_errors=True)
    os.makedirs(esp)
    for image in images:
        shutil.copy(image, esp)
    for name, text in files.items():
        with open(os.path.join(esp, name), "w", encoding="utf-8") as file:
            file.write(text)
    lines = ["@echo -off", "fs0:", *commands, "reset -s"]
    with open(os.path.join(esp, "startup.nsh"), "w", encoding="ascii",
              newline="\r\n") as file:
        file.write("\n".join(lines) + "\n")


def mtools(*command):
    """A command of mtools; what it complains of ends the test."""
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL,
                   env={**os.environ, "MTOOLS_SKIP_CHECK": "1"})


def pack(esp, image):
    """A FAT file system with what the folder holds.

    QEMU can show a folder as a file system, and loses part of what a guest
    writes to it.
    """
    if os.path.exists(image):
        os.remove(image)
    mtools("mformat", "-C", "-i", image, "-T", str(SECTORS), "-h", "16",
           "-s", "32", "::")
    mtools("mcopy", "-i", image, "-s",
           *[os.path.join(esp, name) for name in sorted(os.listdir(esp))],
           "::")


def unpack(image, esp):
    """The folder holds what the file system does now."""
    shutil.rmtree(esp)
    os.makedirs(esp)
    mtools("mcopy", "-i", image, "-s", "-n", "::*", esp)


def run(command, timeout):
    """Run QEMU; "", or why it did not end well.

    The shell waits five seconds for a key before it runs startup.nsh, any key
    but ESC being as good as waiting.
    """
    late, seen = threading.Event(), b""
    with subprocess.Popen(command, stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as qemu:

        def stop():
            late.set()
            qemu.kill()

        timer = threading.Timer(timeout, stop)
        timer.start()
        while part := qemu.stdout.read1(4096):
            seen = (seen + part)[-8192:]
            if ASKS in seen:
                qemu.stdin.write(b"\r")
                qemu.stdin.flush()
                seen = b""
        code = qemu.wait()
        timer.cancel()
    if late.is_set():
        return f"no end after {timeout} s"
    return f"QEMU ended with {code}" if code else ""


def boot(folder, images, commands, files=None, cpus=1, memory="512M",
         cpu="max,vendor=GenuineIntel", timeout=240):
    """Boot, run the shell's `commands`, power off: a Boot.

    `images`: paths of EFI files. `files`: text by name. Logs and the partition
    are left in `folder`. An image that does not come back powers off itself.
    """
    os.makedirs(folder, exist_ok=True)
    esp, image, variables, serial, debug = (
        os.path.join(folder, name) for name in
        ("esp", "esp.img", "variables.fd", "serial.log", "debug.log"))
    fill(esp, images, files or {}, commands)
    pack(esp, image)
    shutil.copy(VARIABLES, variables)
    for path in (serial, debug):
        if os.path.exists(path):
            os.remove(path)
    command = [
        "qemu-system-x86_64", "-accel", "tcg,thread=multi", "-machine", "q35",
        "-cpu", cpu, "-smp", str(cpus), "-m", memory, "-display", "none",
        "-vga", "none", "-nic", "none", "-no-reboot",
        "-drive", f"if=pflash,format=raw,readonly=on,file={FIRMWARE}",
        "-drive", f"if=pflash,format=raw,file={variables}",
        "-drive", f"format=raw,file={image}",
        "-debugcon", "file:" + debug,
        "-global", "isa-debugcon.iobase=0x402",
        "-chardev", "stdio,id=console,logfile=" + serial,
        "-serial", "chardev:console"]
    start = time.monotonic()
    ended = run(command, timeout)
    unpack(image, esp)
    return Boot(read(serial), read(debug), esp, ended,
                time.monotonic() - start)
