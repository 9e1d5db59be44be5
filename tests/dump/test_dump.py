#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause-Patent
"""tdxcore scan on dumps of a real Linux kernel, beside a walk in Python.

    test_dump.py TDXCORE [SCRATCH]

SCRATCH (a temporary folder by default) keeps the kernel between runs. The
kernel of Debian is booted in QEMU with 4 and with 5 levels of page tables; both
dumps are walked here independently, then known leaves in them are made shared.
"""
import json
import os
import random
import struct
import subprocess
import sys
import tempfile

import linux

SEED = int(os.environ.get("TDXC_SEED", "1"))
PRESENT, LARGE = 1, 1 << 7
ADDRESS = 0x000FFFFFFFFFF000
passed = 0
failures = []


def check(name, condition, detail=""):
    """Count one test; say so only when it fails."""
    global passed
    if condition:
        passed += 1
    else:
        failures.append(name)
        print(f"FAILED {name}: {str(detail)[:2000]}")


class Core:
    """An ELF core, read on its own terms."""

    def __init__(self, path):
        with open(path, "rb") as file:
            self.data = bytearray(file.read())
        offset, = struct.unpack_from("<Q", self.data, 32)
        count, = struct.unpack_from("<H", self.data, 56)
        self.loads = []
        self.cr3 = self.cr4 = None
        for i in range(count):
            kind, _, at, _, pa, size = struct.unpack_from(
                "<IIQQQQ", self.data, offset + 56 * i)
            if kind == 1 and size:
                self.loads.append((pa, at, size))
            elif kind == 4:
                self.notes(at, size)

    def notes(self, at, size):
        """Control registers, from QEMU's note of the first CPU."""
        end = at + size
        while at + 12 <= end and self.cr3 is None:
            name, desc, _ = struct.unpack_from("<III", self.data, at)
            text = bytes(self.data[at + 12:at + 12 + name]).rstrip(b"\0")
            at += 12 + (name + 3) // 4 * 4
            if text == b"QEMU":
                # version, size, 18 registers, 10 segments, CR0...
                self.cr3, self.cr4 = struct.unpack_from(
                    "<QQ", self.data, at + 8 + 144 + 240 + 24)
            at += (desc + 3) // 4 * 4

    def place(self, pa):
        """Offset in the file of a physical address, or None."""
        for start, at, size in self.loads:
            if start <= pa < start + size:
                return at + pa - start
        return None

    def table(self, pa):
        """512 entries."""
        return struct.unpack_from("<512Q", self.data, self.place(pa))

    def raw(self):
        """The RAM without the ELF, from address 0; firmware is far above."""
        loads = [load for load in self.loads if load[0] < 1 << 31]
        out = bytearray(max(pa + size for pa, _, size in loads))
        for pa, at, size in loads:
            out[pa:pa + size] = self.data[at:at + size]
        return out


def leaves(core, levels):
    """Yield (va, pa, level, place of the entry), in order."""
    def walk(table, level, base):
        for i, entry in enumerate(core.table(table)):
            if not entry & PRESENT:
                continue
            va = base + (i << (12 + 9 * (level - 1)))
            if level == 1 or entry & LARGE:
                mask = ADDRESS & ~((1 << (12 + 9 * (level - 1))) - 1)
                yield va, entry & mask, level, core.place(table) + 8 * i
            else:
                yield from walk(entry & ADDRESS, level - 1, va)

    bits = 12 + 9 * levels
    for va, pa, level, place in walk(core.cr3 & ADDRESS, levels, 0):
        if va >> (bits - 1):
            va |= -1 << bits & (1 << 64) - 1
        yield va, pa, level, place


def runs(found):
    """Join neighbours: [(va, pa, size)]."""
    out = []
    for va, pa, level, _ in found:
        size = 1 << (12 + 9 * (level - 1))
        if out and out[-1][0] + out[-1][2] == va and \
                out[-1][1] + out[-1][2] == pa:
            out[-1] = (out[-1][0], out[-1][1], out[-1][2] + size)
        else:
            out.append((va, pa, size))
    return out


def histogram(found):
    """Leaves by size, as the tool names them."""
    count = {"4k": 0, "2m": 0, "1g": 0}
    for _, _, level, _ in found:
        count[("4k", "2m", "1g")[level - 1]] += 1
    return count


def scan(tool, path, *options):
    """Run the tool; its JSON."""
    done = subprocess.run([tool, "scan", path, "--json", *options],
                          capture_output=True, text=True, check=False)
    if done.returncode:
        check(f"scan {path}", False, done.stderr)
        return None
    return json.loads(done.stdout)


def listed(items):
    """The tool's ranges as ours."""
    return [(int(i["va"], 16), int(i["base"], 16), int(i["size"], 16))
            for i in items]


def test_as_it_is(tool, path, name, core, found, levels):
    """Nothing is shared, and all that is mapped is seen."""
    got = scan(tool, path, "--mapped")
    if not got:
        return
    check(f"{name}: the root is noted", got["cr3_from"] == "qemu" and
          int(got["cr3"], 16) == core.cr3 & ADDRESS, got["cr3"])
    check(f"{name}: levels", got["levels"] == levels, got["levels"])
    check(f"{name}: histogram", got["leaves"] == histogram(found),
          (got["leaves"], histogram(found)))
    check(f"{name}: mapped ranges", listed(got["mapped"]) == runs(found))
    check(f"{name}: nothing is shared", got["shared"] == [])
    check(f"{name}: nothing is malformed", got["malformed"]["count"] == 0,
          got["malformed"])


def test_raw(tool, scratch, name, core, found):
    """An image without notes: the root is given, or found."""
    path = os.path.join(scratch, "raw")
    with open(path, "wb") as file:
        file.write(core.raw())
    given = scan(tool, path, "--cr3", hex(core.cr3), "--mapped")
    check(f"{name}, raw: mapped ranges",
          given and listed(given["mapped"]) == runs(found))
    looked_for = scan(tool, path, "--mapped")
    # Another root of the kernel's may be found: it maps the same above.
    upper = {run for run in runs(found) if run[0] >> 63}
    same = upper & set(listed(looked_for["mapped"])) if looked_for else set()
    check(f"{name}, raw: a root is found", looked_for and
          looked_for["cr3_from"] == "found" and
          len(same) >= len(upper) * 0.8, (len(same), len(upper)))
    os.remove(path)


def test_shared(tool, path, name, core, found, bit):
    """Known leaves are made shared, and exactly these are listed."""
    ram = [(pa, pa + size) for pa, _, size in core.loads]

    def in_ram(pa, level):
        end = pa + (1 << (12 + 9 * (level - 1)))
        return any(start <= pa and end <= stop for start, stop in ram)

    usable = [leaf for leaf in found if in_ram(leaf[1], leaf[2])]
    chosen = sorted(random.sample(usable, 40))
    # Neighbours as well, and one of each size.
    at = usable.index(chosen[20])
    chosen = sorted(set(chosen + usable[at:at + 8] +
                        [next(x for x in usable if x[2] == size)
                         for size in {x[2] for x in usable}]))
    with open(path, "r+b") as file:
        for _, _, _, place in chosen:
            entry, = struct.unpack_from("<Q", core.data, place)
            file.seek(place)
            file.write(struct.pack("<Q", entry | 1 << bit))
    for options in ((), ("--shared-bit", str(bit))):
        got = scan(tool, path, *options)
        if not got:
            continue
        check(f"{name}: the bit in use is {bit}", got["shared_bit"] == bit)
        check(f"{name}: exactly the leaves with bit {bit} are listed",
              listed(got["shared"]) == runs(chosen),
              (got["shared"], runs(chosen)))
        check(f"{name}: their sizes",
              got["shared_leaves"] == histogram(chosen))
        check(f"{name}: the rest is mapped as before",
              got["leaves"] == histogram(found))
        pages = set()
        for _, pa, level, _ in chosen:
            pages.update(range(pa >> 12,
                               (pa >> 12) + (1 << 9 * (level - 1))))
        check(f"{name}: unsharing takes each page once",
              got["unshare"]["pages"] == len(pages) and
              got["unshare"]["entries"] == len(chosen), got["unshare"])
    with open(path, "r+b") as file:
        for _, _, _, place in chosen:
            file.seek(place)
            file.write(core.data[place:place + 8])


def test_kernel(tool, scratch, levels):
    """One boot."""
    name = f"{levels} levels"
    path = os.path.join(scratch, "core")
    linux.make(scratch, os.path.join(scratch, "kernel"), path,
               more="no5lvl" if levels == 4 else "")
    core = Core(path)
    check(f"{name}: the kernel uses them", core.cr4 >> 12 & 1 == levels - 4,
          hex(core.cr4))
    found = list(leaves(core, levels))
    check(f"{name}: a kernel is mapped", len(found) > 1000, len(found))
    test_as_it_is(tool, path, name, core, found, levels)
    test_raw(tool, scratch, name, core, found)
    for bit in (47, 51):
        test_shared(tool, path, name, core, found, bit)
    os.remove(path)


def main():
    """See the top of the file."""
    tool = os.path.abspath(sys.argv[1])
    print(f"TDXC_SEED={SEED}")
    random.seed(SEED)
    with tempfile.TemporaryDirectory() as temporary:
        scratch = os.path.abspath(sys.argv[2]) if len(sys.argv) > 2 \
            else temporary
        os.makedirs(scratch, exist_ok=True)
        linux.install(os.path.join(scratch, "kernel"))
        for levels in (4, 5):
            test_kernel(tool, scratch, levels)
    print(f"{passed} passed, {len(failures)} failed")
    sys.exit(1 if failures else 0)


main()
