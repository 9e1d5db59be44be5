# SPDX-License-Identifier: BSD-2-Clause-Patent
"""What happens to a kernel from outside: the host acts in step with a guest.

Each tests/linux/events/NN-NAME.sh is a script for the guest, as those of
tests/linux are, with its machine in comments at the top:

    # machine: -m 1G,slots=4,maxmem=8G -smp 4,sockets=2,maxcpus=6
        QEMU's options; without it -m 1G -smp 4
    # append: crashkernel=192M
        for the kernel's command line
    # kernels: 2
        how many boot one after the other; 1 if not said. Each runs the
        script: $STAGE is 1, 2, ... and tests are called NAME-2: ... from the
        second kernel on
    # crash: yes
        all but the last kernel crash: their logs count up to SysRq's line
    # end: reboot: Restarting system
        the last line of the last kernel, `reboot: Power down` if not said
    # log 1: NAME | REGEX
        a test of the first kernel's log. Several lines of one NAME have to
        match lines in this order
    # log 1: NAME ! REGEX
        no line may match

Scripts next to each other with the same machine and command line share a boot,
unless one has more to say than these.

A script sources /host, which has `host`, `leave`, `next_kernel` and more; what
has no suffix here is at / in the guest. On the serial line of the tests the
guest writes one line and reads one:

    #> COMMAND [JSON]           any command of QMP, as device_add
    #> wait EVENT [TEXT]        for an event of QMP whose JSON has TEXT, and
                                which came since the script's first request
                                and was waited for by nobody
    #> wakeup                   as soon as the guest has fallen asleep

    ok [JSON] | error WHY       the answer

An answer takes 60 seconds at most, a boot 300 for each kernel and script.
Kernels panic or hang now and then under this emulator before there is any init:
then the boot is tried once more, and the results say so.
"""
import glob
import json
import os
import re
import select
import shlex
import shutil
import socket
import subprocess
import tempfile
import time

import boot
import verdict

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "events")
TABLE = os.path.join(HERE, "../../../docs/events.md")
SECONDS, ANSWER = 300, 60
MACHINE = "-m 1G -smp 4"
HEADER = re.compile(r"^# (machine|append|kernels|crash|end|log \d): (.*)$",
                    re.M)
# For every test run
BRIEF = "21-*,60-*"
CRASH = "sysrq: Trigger a crash"
HANGS = "no init within half the time"


class HostError(Exception):
    """What the guest is told instead of an answer."""


class Script:
    """A script and what its header says."""

    def __init__(self, path):
        self.path = path
        self.file = os.path.basename(path)
        self.name = re.sub(r"^\d\d-|\.sh$", "", self.file)
        self.machine, self.append, self.end = MACHINE, "", verdict.LAST
        self.kernels, self.crash, self.logs = 1, False, []
        with open(path, encoding="ascii") as file:
            for word, value in HEADER.findall(file.read()):
                self.take(word, value)

    def take(self, word, value):
        """A line of the header."""
        if word == "kernels":
            self.kernels = int(value)
        elif word == "crash":
            self.crash = value == "yes"
        elif word.startswith("log"):
            name, kind, regex = re.split(r" ([|!]) ", value, maxsplit=1)
            self.logs.append((int(word[4:]), name, kind, re.compile(regex)))
        else:
            setattr(self, word, value)

    def names(self):
        """As each of its kernels calls it."""
        return [self.name] + [f"{self.name}-{stage}" for stage in
                              range(2, self.kernels + 1)]

    def shares(self, other):
        """Whether one boot does for both."""
        return (all(script.kernels == 1 and script.end == verdict.LAST
                    and not script.logs for script in (self, other))
                and (self.machine, self.append)
                == (other.machine, other.append))


def grouped(scripts):
    """Lists of scripts, one for each boot."""
    groups = []
    for script in scripts:
        if groups and groups[-1][-1].shares(script):
            groups[-1].append(script)
        else:
            groups.append([script])
    return groups


class Qmp:
    """QEMU's monitor."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(ANSWER)
        self.socket.connect(path)
        self.lines, self.events = b"", []
        self.message(time.monotonic() + ANSWER)
        self.execute("qmp_capabilities")

    def message(self, deadline):
        """The next object, or None after the deadline or the end."""
        while b"\n" not in self.lines:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.socket], [], [], left)[0]:
                return None
            data = self.socket.recv(65536)
            if not data:
                return None
            self.lines += data
        line, self.lines = self.lines.split(b"\n", 1)
        return json.loads(line)

    def execute(self, command, arguments=None):
        """A command's return value."""
        request = {"execute": command, "arguments": arguments or {}}
        self.socket.sendall(json.dumps(request).encode() + b"\n")
        deadline = time.monotonic() + ANSWER
        while True:
            message = self.message(deadline)
            if message is None:
                raise HostError(f"{command}: no answer from QEMU")
            if "event" in message:
                self.events.append(message)
            elif "error" in message:
                raise HostError(message["error"]["desc"])
            else:
                return message["return"]

    def poll(self):
        """Take in what is there."""
        message = self.message(time.monotonic() + 0.001)
        if message and "event" in message:
            self.events.append(message)

    def take(self, event, text):
        """An event that has not been taken."""
        for message in self.events:
            if message["event"] == event and text in json.dumps(message):
                self.events.remove(message)
                return message.get("data", {})
        return None

    def wait(self, event, text):
        """An event's data, awaited."""
        deadline = time.monotonic() + ANSWER
        while True:
            data = self.take(event, text)
            if data is not None:
                return data
            message = self.message(deadline)
            if message is None:
                raise HostError(f"no {event} {text}")
            if "event" in message:
                self.events.append(message)


class Machine:
    """QEMU, its monitor and the line of the tests."""

    def __init__(self, command, log, output):
        self.folder = tempfile.mkdtemp()
        self.monitor, line = (os.path.join(self.folder, name)
                              for name in ("qmp", "tap"))
        self.output, self.partial, self.asleep = output, b"", None
        self.has_init = False
        for path in (log, output):
            if os.path.exists(path):
                os.remove(path)
        # pylint: disable-next=consider-using-with
        self.process = subprocess.Popen(
            command + ["-S", "-serial", "file:" + log,
                       "-chardev", f"socket,id=tap,path={line},server=on,"
                       "wait=off", "-serial", "chardev:tap",
                       "-qmp", f"unix:{self.monitor},server=on,wait=off"],
            stdin=subprocess.DEVNULL)
        self.tap = socket.socket(socket.AF_UNIX)
        try:
            self.connect(line)
        except OSError:
            self.close()
            raise

    def connect(self, line):
        """To both sockets, which QEMU makes before it starts the guest."""
        deadline = time.monotonic() + ANSWER
        while not os.path.exists(self.monitor):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise OSError("QEMU did not start")
            time.sleep(0.01)
        self.tap.connect(line)
        self.qmp = Qmp(self.monitor)

    def answer(self, request):
        """What the guest is told."""
        command, _, rest = request.partition(" ")
        try:
            if command == "wait":
                event, _, text = rest.partition(" ")
                data = self.qmp.wait(event, text)
            elif command == "wakeup":
                self.asleep, data = False, {}
            else:
                data = self.qmp.execute(command, json.loads(rest or "{}"))
        except (HostError, json.JSONDecodeError) as error:
            return "error " + " ".join(str(error).split())
        return "ok " + json.dumps(data)

    def take(self, data):
        """What the guest wrote: kept, and requests answered."""
        with open(self.output, "ab") as file:
            file.write(data)
        *lines, self.partial = (self.partial + data).split(b"\n")
        for line in lines:
            text = line.decode(errors="replace").strip()
            self.has_init |= text == boot.INIT
            if text.startswith("#> "):
                self.tap.sendall(self.answer(text[3:]).encode() + b"\n")

    def serve(self, seconds):
        """Until QEMU ends: "", or why that is no end."""
        start = time.monotonic()
        while True:
            left = start + seconds - time.monotonic()
            if left <= 0:
                return "no end in time"
            if not self.has_init and left < seconds / 2:
                return HANGS
            ready = select.select([self.tap, self.qmp.socket], [], [],
                                  min(left, 1))[0]
            if self.tap in ready:
                data = self.tap.recv(65536)
                if not data:
                    break
                self.take(data)
            if self.qmp.socket in ready:
                self.qmp.poll()
            if self.asleep is False and self.qmp.take("SUSPEND", "") \
                    is not None:
                self.asleep = None
                self.qmp.execute("system_wakeup")
        code = self.process.wait(ANSWER)
        return f"QEMU ended with {code}" if code else ""

    def run(self, seconds):
        """Let the guest go."""
        try:
            self.qmp.execute("cont")
            return self.serve(seconds)
        except (OSError, HostError, subprocess.TimeoutExpired) as error:
            return f"the host: {error}"

    def close(self):
        """End what is left."""
        self.process.kill()
        self.process.wait()
        self.tap.close()
        shutil.rmtree(self.folder)


def kexec_tool(folder):
    """The guest's kexec, built here."""
    path = os.path.join(folder, "kexec")
    subprocess.run(["gcc", "-O1", "-static", "-o", path,
                    os.path.join(HERE, "kexec.c")], check=True)
    return path


def pack(path, kernel, module, scripts, kexec):
    """An initramfs that has itself, without that, for the next kernel."""
    boot.pack(path, kernel, module, [script.path for script in scripts])
    with tempfile.TemporaryDirectory() as root:
        boot.install(os.path.join(HERE, "init"), os.path.join(root, "init"))
        for name in ("host", "memory"):
            shutil.copy(os.path.join(HERE, name), root)
        os.mkdir(os.path.join(root, "bin"))
        boot.install(kexec, os.path.join(root, "bin/kexec"))
        os.makedirs(os.path.join(root, "modules/more"))
        for module_path in glob.glob(os.path.join(
                os.path.dirname(kernel.image), "modules/more/*.ko")):
            shutil.copy(module_path, os.path.join(root, "modules/more"))
        boot.archive(root, path)
    if any(script.kernels > 1 for script in scripts):
        with tempfile.TemporaryDirectory() as root:
            os.mkdir(os.path.join(root, "boot"))
            shutil.copy(path, os.path.join(root, "boot/initramfs"))
            shutil.copy(kernel.image, os.path.join(root, "boot/vmlinuz"))
            boot.archive(root, path)


def boot_once(command, log, output, seconds):
    """A boot: what came of it."""
    try:
        machine = Machine(command, log, output)
    except OSError as error:
        return boot.Guest("", "", str(error))
    try:
        ended = machine.run(seconds)
    finally:
        machine.close()
    return boot.Guest(boot.read(log), boot.read(output), ended)


def boot_group(kernel, module, scripts, folder, slowness):
    """Boot with what the scripts want, and run them."""
    first = scripts[0]
    folder = os.path.join(folder, "events", first.name)
    os.makedirs(folder, exist_ok=True)
    ramdisk, log, output = (os.path.join(folder, name) for name in
                            ("initramfs.cpio", "console.log", "tap"))
    pack(ramdisk, kernel, module, scripts, kexec_tool(folder))
    command = boot.machine(kernel, ramdisk, [first.append]) + shlex.split(
        first.machine)
    seconds = SECONDS * max(first.kernels, len(scripts)) * slowness
    guest = boot_once(command, log, output, seconds)
    early = guest.panicked_early() or guest.ended == HANGS and HANGS
    if early:
        guest = boot_once(command, log, output, seconds)
        guest.early = early
    return guest


def kernels_of(log):
    """The log of each kernel that booted."""
    # Some kernels say no times.
    first = re.compile(r"^(\[ +0\.0+\] )?" + verdict.FIRST, re.M)
    starts = [match.start() for match in first.finditer(log)]
    return [log[start:end] for start, end in
            zip(starts, starts[1:] + [len(log)])]


def complaints(lines, wanted):
    """What is not found in this order, and what is found but should not be."""
    rest = iter(lines)
    return [f"no line matches {regex.pattern}" for kind, regex in wanted
            if kind == "|" and not any(regex.search(line) for line in rest)
            ] + [line for line in lines for kind, regex in wanted
                 if kind == "!" and regex.search(line)]


def judge_logs(script, title, guest):
    """Results from the logs of a boot's kernels."""
    logs = kernels_of(guest.log)
    results = [verdict.outcome(
        f"{title}: {script.kernels} kernels boot, the last to its end",
        ([] if len(logs) == script.kernels else [f"{len(logs)} boot"])
        + ([] if script.end in guest.log else [f"no '{script.end}'"])
        + ([guest.ended] if guest.ended else []))]
    for number, log in enumerate(logs, 1):
        if script.crash and number < script.kernels:
            log = log.split(CRASH)[0]
        results.append(verdict.outcome(
            f"{title}: no fault in the log of kernel {number}",
            [line for line in log.splitlines()
             if any(fault.search(line) for fault in verdict.FAULTS.values())]))
    for number, name in dict.fromkeys(log[:2] for log in script.logs):
        lines = logs[number - 1].splitlines() if number <= len(logs) else []
        results.append(verdict.outcome(
            f"{script.name}: {name}",
            complaints(lines, [log[2:] for log in script.logs
                               if log[:2] == (number, name)])
            if lines else [f"kernel {number} has no log"]))
    if guest.early:
        results.append(verdict.Result(
            f"{title}: comes up at the first try", verdict.SKIPPED,
            "1 more: " + guest.early))
    return results


def run(kernel, module, folder, wanted, slowness=1):
    """Results of the scripts wanted: patterns with commas between."""
    scripts = [Script(path) for path in sorted(
        path for name in wanted.split(",")
        for path in glob.glob(os.path.join(HERE, name + ".sh")))]
    output, results = "", []
    for group in grouped(scripts):
        guest = boot_group(kernel, module, group, folder, slowness)
        output += guest.output
        results += judge_logs(group[0], ", ".join(
            script.name for script in group), guest)
    judged = verdict.judge_scripts(output, [
        name for script in scripts for name in script.names()])
    judged[-1].name = "events: every test has a name of its own"
    return judged + results if scripts else []


LOG = "[    0.000000] Linux version 6.1\nboots\nends\n"
# Each: lines, what is wanted of them, whether that is so.
SEEDED = (
    ("a\nb", [("|", "a"), ("|", "b")], True),
    ("b\na", [("|", "a"), ("|", "b")], False),
    ("a", [("|", "a"), ("|", "a")], False),
    ("a", [("!", "b")], True),
    ("a\nb", [("!", "b")], False),
)


def selftest():
    """Results: logs are read as they should be, and the table of docs/ names
    tests that exist.
    """
    results = []
    for text, wanted, good in SEEDED:
        found = complaints(text.split("\n"), [
            (kind, re.compile(regex)) for kind, regex in wanted])
        results.append(verdict.outcome(f"events: {text!r} {wanted}", [] if
                                       (not found) == good else [str(found)]))
    for log in (LOG, LOG[LOG.index("L"):]):
        found = kernels_of(log + log)
        results.append(verdict.outcome(f"events: two times {log!r}", [] if
                                       found == [log, log] else found))
    scripts = [Script(path) for path in glob.glob(HERE + "/*.sh")]
    texts = {name: boot.read(script.path)
             for script in scripts for name in script.names()}
    named = re.findall(r"`([a-z0-9-]+): ([^`]+)`", boot.read(TABLE))
    wrong = [f"{name}: {test}" for name, test in named
             if test not in texts.get(name, "")]
    return results + [verdict.outcome(
        "events: every test of docs/events.md exists",
        wrong if named else ["none is named"])]
