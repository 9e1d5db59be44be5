# SPDX-License-Identifier: BSD-2-Clause-Patent
"""What the core costs a firmware: code, writable data, stack.

Code is measured in the image that clang and lld-link made of TdxUnshareDxe,
stack in what gcc says of the same sources. What an entry point needs is the
deepest chain of frames below it. A call through a table of ops is one of every
function that stands in a table of that type at that place. The firmware's own
services, and what stands for EDK2's libraries, are not in it.
"""
import glob
import os
import re
import struct
import sys

import build

sys.path += [os.path.join(build.TREE, "tests", name)
             for name in ("linux", "abi")]
# pylint: disable=wrong-import-position
import archive
import verdict
from report import output_of
# pylint: enable=wrong-import-position

IMAGE = "TdxUnshareDxe"
TEXT_LIMIT = 64 * 1024
STACK_LIMIT = 2048
INDIRECT = "__indirect_call"
# What the assembly in Trap.c pushes, with its own return address.
ASSEMBLY, ASSEMBLY_BYTES = "assembly", 80
TABLE = re.compile(r"Relocation section '\.rela\.data\.rel\.ro\S*?\.(\w+)'")
TARGET = re.compile(r"^([0-9a-f]{16}).*R_X86_64_64\s+\S+\s+"
                    r"(?:\.text\.)?(\w+) \+ 0$")
STRUCT = re.compile(r"struct (tdxc_\w+_ops) \{(.*?)\n\};", re.S)
FIELD = re.compile(r"\(\*(\w+)\)\(|(uint32_t) abi")
VARIABLE = re.compile(r"struct (tdxc_\w+_ops)\s+(\w+)\s*=")
CALLED = re.compile(r"ops->(\w+)\s*\(")


def text_bytes(image):
    """Size of a PE image's code."""
    with open(image, "rb") as file:
        data = file.read()
    header = struct.unpack_from("<I", data, 0x3C)[0]
    count, = struct.unpack_from("<H", data, header + 6)
    optional, = struct.unpack_from("<H", data, header + 20)
    total = 0
    for i in range(count):
        at = header + 24 + optional + 40 * i
        if struct.unpack_from("<I", data, at + 36)[0] & 0x20:  # code
            total += struct.unpack_from("<I", data, at + 8)[0]
    return total


def check_text(images, limit=TEXT_LIMIT):
    """The driver is unshare, gate, accept, what they need and its own."""
    size = text_bytes(images[IMAGE])
    print(f"     .text of {IMAGE}.efi: {size} bytes", file=sys.stderr)
    return [] if 0 < size <= limit else [f"{size} bytes"]


def objects_of(folder, pattern):
    """Objects of TdxCoreLib below a build folder."""
    return sorted(glob.glob(os.path.join(folder, "obj/TdxCoreLib", pattern)))


def check_data(folder, pattern="libtdxcore-*.obj"):
    """Neither compiler gave the core a byte that can be written."""
    found = objects_of(os.path.join(folder, "clang"), pattern)
    complaints = [] if found else ["no objects"]
    for path in found:
        for line in output_of(["nm", "-P", path]).splitlines():
            name, kind = line.split()[:2]
            if kind in "dDbBcC" and not name.startswith("."):
                complaints.append(f"{os.path.basename(path)}: {name}")
    library = os.path.join(folder, "gcc/core.a")
    if os.path.exists(library):
        os.remove(library)
    output_of(["ar", "rcs", library,
               *objects_of(os.path.join(folder, "gcc"), pattern)])
    return complaints + archive.check_writable(library)


def read_sources(pattern):
    """Text of files below the tree."""
    for path in glob.glob(os.path.join(build.TREE, pattern), recursive=True):
        with open(path, encoding="utf-8") as file:
            yield file.read()


def fields_of_ops():
    """Pointers in each type of table, by offset."""
    found = {}
    for pattern in ("include/tdxcore/*.h", "glue/uefi/**/*.h"):
        for text in read_sources(pattern):
            for name, body in STRUCT.findall(text):
                found[name] = {8 * i: pointer for i, (pointer, _) in
                               enumerate(FIELD.findall(body))}
    return found


def types_of_tables():
    """Types of the glue's tables by name."""
    return {name: kind for text in read_sources("glue/uefi/**/*.c")
            for kind, name in VARIABLE.findall(text)}


def ops_of(path, frames, types, fields):
    """Functions in an object's tables of ops, by type and field."""
    found, table = {}, None
    for line in output_of(["readelf", "-rW", path]).splitlines():
        if line.startswith("Relocation section"):
            begin = TABLE.match(line)
            table = types.get(begin[1]) if begin else None
        elif table and (to := TARGET.match(line)):
            field = table, fields[table].get(int(to[1], 16))
            found.setdefault(field, set()).update(
                name for name in frames if name.split(":")[-1] == to[2])
    return found


def source_of(path):
    """The text that a call graph is of, and its name."""
    with open(path, encoding="utf-8") as graph:
        source = graph.readline().split('"')[1]
    with open(source, encoding="utf-8") as file:
        return os.path.basename(source), file.read()


def behind(function, asked, ops):
    """What a function may call through pointers: no op calls its own table."""
    own = {kind for (kind, _), names in ops.items() if function in names}
    found = {ASSEMBLY} & asked
    for (kind, field), names in ops.items():
        if field in asked and kind not in own:
            found |= names
    return found


def measure(objects):
    """Bytes of stack by function, deepest calls included; complaints.

    Only the driver's own functions count, and what they reach.
    """
    calls, frames = {}, {ASSEMBLY: ASSEMBLY_BYTES}
    ops, asked = {}, {}
    types, fields = types_of_tables(), fields_of_ops()
    roots = []
    for path in objects:
        graph = path[:-len(".obj")] + ".ci"
        found = archive.read_call_graph([graph])
        name, text = source_of(graph)
        roots += found[0] if f"/obj/{IMAGE}/" in path else []
        for function, callees in found[0].items():
            calls.setdefault(function, set()).update(callees)
            asked[function] = {ASSEMBLY} if name == "Trap.c" else set(
                CALLED.findall(text))
        frames.update(found[1])
        for field, functions in ops_of(path, found[1], types, fields).items():
            ops.setdefault(field, set()).update(functions)
    for function, callees in calls.items():
        if INDIRECT in callees:
            callees.remove(INDIRECT)
            callees |= behind(function, asked[function], ops)
    if cycle := archive.find_cycle(calls):
        return {}, ["recursion: " + " -> ".join(cycle)]
    depth = {}
    for function in roots:
        depth_of(function, calls, frames, depth)
    known = {field for _, field in ops}
    return depth, [] if "tdcall" in known else ["no ops were found"]


def depth_of(name, calls, frames, depth):
    """Fill in `depth` of a function; there is no recursion."""
    if name not in depth:
        depth[name] = frames.get(name, 0) + max(
            (depth_of(callee, calls, frames, depth)
             for callee in calls.get(name, ())), default=0)
    return depth[name]


def check_stack(objects, limit=STACK_LIMIT):
    """Every function of the driver, and of the core that it reaches."""
    chosen = [path for path in objects
              if "/obj/gnuefi/" not in path and "AutoGen" not in path]
    depth, complaints = measure(chosen)
    if depth:
        name = max(depth, key=depth.get)
        print(f"     deepest stack: {depth[name]} bytes below "
              f"{os.path.basename(name)}", file=sys.stderr)
    return complaints + [f"{os.path.basename(name)}: {size} bytes"
                         for name, size in sorted(depth.items())
                         if size >= limit]


def seeded(folder, images, objects):
    """Complaints of checks that did not see what they must."""
    return [name for name, found in {
        "code": check_text(images, 1),
        "the glue's own variables": check_data(folder, "*-Memory.obj"),
        "stack": check_stack(objects[IMAGE], 100)}.items() if not found]


def judge(folder, images, objects):
    """Results."""
    return [
        verdict.outcome("limits: each is noticed when it is passed",
                        seeded(folder, images, objects)),
        verdict.outcome("limits: an EFIAPI function is no callback of the "
                        "core", build.refuses_efiapi(folder + "/gcc")),
        verdict.outcome("limits: code of unshare, gate and accept is at most "
                        "64 KiB", check_text(images)),
        verdict.outcome("limits: no writable global in the core",
                        check_data(folder)),
        verdict.outcome("limits: each entry point needs less than 2 KiB of "
                        "stack", check_stack(objects[IMAGE]))]
