# SPDX-License-Identifier: BSD-2-Clause-Patent
"""A second, slower opinion on what a machine is and what a layout must be.

Written from design.md 4.1 and the module's rules, not from the tool: whatever
`tdxcore plan --json` prints is held against it. Ranges are (start, end) pairs,
half-open.
"""
import re

PAGE = 0x1000
GIB = 0x40000000
LEGACY_END = 0x100000
BORDER = 1 << 32
KEYS = ["status", "reason", "limits", "cmrs", "memory", "excluded", "tdmrs",
        "pamt_bytes", "usable_bytes", "lost_bytes"]
REASONS = {"legacy", "not-convertible", "pamt", "limit", "uneconomic"}
LEVELS = (("4k", PAGE), ("2m", PAGE * 512), ("1g", GIB))
HEX = re.compile(r"0x(0|[1-9a-f][0-9a-f]*)")
EFI_RAM = {"Loader Code", "Loader Data", "Boot Code", "Boot Data",
           "Conventional Memory", "1", "2", "3", "4", "7"}


# --- lists of ranges ---------------------------------------------------------

def join(ranges):
    """Sort; join what overlaps or touches."""
    out = []
    for start, end in sorted(r for r in ranges if r[0] < r[1]):
        if out and start <= out[-1][1]:
            out[-1] = (out[-1][0], max(out[-1][1], end))
        else:
            out.append((start, end))
    return out


def overlap(ranges):
    """Return the first two of @ranges that share a byte, or None."""
    ranges = sorted(ranges)
    for a, b in zip(ranges, ranges[1:]):
        if a[1] > b[0]:
            return a, b
    return None


def both(a, b):
    """Bytes in joined lists @a and @b."""
    out, i, j = [], 0, 0
    while i < len(a) and j < len(b):
        start, end = max(a[i][0], b[j][0]), min(a[i][1], b[j][1])
        if start < end:
            out.append((start, end))
        if a[i][1] < b[j][1]:
            i += 1
        else:
            j += 1
    return join(out)


def without(a, b):
    """Bytes of joined list @a that are not in joined list @b."""
    edges = [0] + [x for r in b for x in r] + [1 << 64]
    return both(a, list(zip(edges[::2], edges[1::2])))


def total(ranges):
    """Bytes in @ranges."""
    return sum(end - start for start, end in ranges)


# --- machines ----------------------------------------------------------------

def read_map(path):
    """Return [(start, end, is RAM)] of a file of tests/data/maps."""
    entries = []
    with open(path, encoding="utf-8") as file:
        for line in file:
            line = line.rstrip()
            if not line or line.startswith("#"):
                continue
            if path.endswith(".iomem"):
                if line.startswith(" "):
                    continue
                span, name = line.split(" : ", 1)
                start, last = span.split("-")
                entries.append((int(start, 16), int(last, 16) + 1,
                                name == "System RAM"))
            elif path.endswith(".efimap"):
                _, start, end, kind = line.split(" ", 3)
                kind = re.sub(r"^type=(\d+) .*", r"\1", kind)
                entries.append((int(start, 16), int(end, 16),
                                kind in EFI_RAM))
            else:
                start, last, kind = line.split(" ", 2)
                entries.append((int(start, 16), int(last, 16) + 1,
                                kind == "usable"))
    return sorted(entries)


def read_numa(path):
    """Return [(start, end, node)] of a .numa file."""
    nodes = []
    with open(path, encoding="utf-8") as file:
        for line in file:
            if line.strip() and not line.startswith("#"):
                node, start, last = line.split()
                nodes.append((int(start, 16), int(last, 16) + 1, int(node)))
    return sorted(nodes)


def read_cmr_log(path):
    """Return the CMRs of a TDX boot log."""
    with open(path, encoding="utf-8") as file:
        return [(int(a, 16), int(b, 16)) for a, b in re.findall(
            r"CMR: \[(0x[0-9a-f]+), (0x[0-9a-f]+)\)", file.read())]


def ram_of(entries):
    """Whole pages of RAM, joined."""
    ram = join((start, end) for start, end, is_ram in entries if is_ram)
    return join((-(-start // PAGE) * PAGE, end // PAGE * PAGE)
                for start, end in ram)


def cmrs_ram(entries):
    """--cmr ram."""
    return both(ram_of(entries), [(LEGACY_END, 1 << 52)])


def cmrs_span(entries):
    """--cmr span: chains of touching entries, each from RAM to RAM."""
    ram, described = cmrs_ram(entries), join(e[:2] for e in entries)
    out = []
    for side in ((LEGACY_END, BORDER), (BORDER, 1 << 52)):
        for chain in both(described, [side]):
            inside = both(ram, [chain])
            if inside:
                out.append((inside[0][0], inside[-1][1]))
    return join(out)


def node_of(nodes, address):
    """Node of a page; 0 where none is given."""
    for start, end, node in nodes:
        if start <= address < end:
            return node
    return 0


# --- layouts -----------------------------------------------------------------

class Layout:
    """A layout as the tool printed it, with numbers for its strings."""

    def __init__(self, json):
        self.json = json
        self.bad = []
        limits = json["limits"]
        self.max_tdmrs = limits["max_tdmrs"]
        self.max_reserved = limits["max_reserved_per_tdmr"]
        self.entry = limits["pamt_entry_size"]
        self.dynamic = limits["dynamic_pamt"]
        self.cmrs = [self.range(c) for c in json["cmrs"]]
        self.memory = [self.range(m) for m in json["memory"]]
        self.excluded = [(*self.range(e), e["reason"])
                         for e in json["excluded"]]
        self.tdmrs = [self.range(t) for t in json["tdmrs"]]
        self.pamts = [[self.range(t[f"pamt_{level}"]) for level, _ in LEVELS]
                      for t in json["tdmrs"]]
        self.reserved = [[self.range(r, base) for r in t["reserved"]]
                         for t, (base, _) in zip(json["tdmrs"], self.tdmrs)]

    def number(self, text):
        """A hex string, spelled as the contract says."""
        if not isinstance(text, str) or not HEX.fullmatch(text):
            self.bad.append(f"not a lower-case hex string: {text!r}")
            return 0
        return int(text, 16)

    def range(self, entry, base=None):
        """A range from base and size, or from offset and size."""
        if base is None:
            base, start = 0, self.number(entry["base"])
        else:
            start = self.number(entry["offset"])
        size = self.number(entry["size"])
        if size == 0 or (base + start) % PAGE or size % PAGE:
            self.bad.append(f"empty or not whole pages: {entry}")
        return base + start, base + start + size

    def require(self, condition, text):
        """Note a complaint unless @condition holds."""
        if not condition:
            self.bad.append(text)


def check_shape(layout):
    """Keys, their order, types and totals."""
    json = layout.json
    layout.require(list(json) == KEYS, f"keys {list(json)}")
    layout.require(list(json["limits"]) == [
        "max_tdmrs", "max_reserved_per_tdmr", "pamt_entry_size",
        "dynamic_pamt"], "keys of limits")
    layout.require(list(json["limits"]["pamt_entry_size"]) ==
                   ["4k", "2m", "1g"], "keys of pamt_entry_size")
    for name, keys in (("cmrs", ["base", "size"]),
                       ("memory", ["base", "size", "node"]),
                       ("excluded", ["base", "size", "reason"]),
                       ("tdmrs", ["base", "size", "pamt_4k", "pamt_2m",
                                  "pamt_1g", "reserved"])):
        for entry in json[name]:
            layout.require(list(entry) == keys, f"{name}: {list(entry)}")
    for _, _, reason in layout.excluded:
        layout.require(reason in REASONS, f"reason {reason}")
    for key, ranges in (
            ("usable_bytes", layout.memory),
            ("pamt_bytes", [p for pamts in layout.pamts for p in pamts]),
            ("lost_bytes", [e[:2] for e in layout.excluded
                            if e[2] == "limit"])):
        layout.require(isinstance(json[key], int) and
                       json[key] == total(ranges),
                       f"{key} {json[key]} is not {total(ranges)}")


def check_accounts(layout, ram, cmrs):
    """Every byte of RAM once, and for the right reason."""
    pieces = layout.memory + [e[:2] for e in layout.excluded]
    layout.require(not overlap(pieces), f"counted twice: {overlap(pieces)}")
    layout.require(join(pieces) == ram, "memory and excluded are not the RAM")
    layout.require(layout.cmrs == cmrs, f"cmrs {layout.cmrs[:3]} are not "
                   f"{cmrs[:3]}")
    pamts = join(p for pamts in layout.pamts for p in pamts)
    should = {
        "legacy": both(ram, [(0, LEGACY_END)]),
        "not-convertible": without(both(ram, [(LEGACY_END, 1 << 52)]), cmrs),
        "pamt": both(ram, pamts),
    }
    for reason, ranges in should.items():
        got = join(e[:2] for e in layout.excluded if e[2] == reason)
        layout.require(got == ranges, f"{reason}: {got[:3]}, not "
                       f"{ranges[:3]}")
    free = without(join(layout.tdmrs),
                   join(r for areas in layout.reserved for r in areas))
    layout.require(join(layout.memory) == both(ram, free),
                   "memory is not the RAM that TDMRs leave free")


def check_tdmrs(layout):
    """The rules of SYS.CONFIG for TDMRs and reserved areas."""
    layout.require(len(layout.tdmrs) <= layout.max_tdmrs, "too many TDMRs")
    layout.require(layout.tdmrs == sorted(layout.tdmrs) and
                   not overlap(layout.tdmrs), "TDMRs out of order")
    for (start, end), areas in zip(layout.tdmrs, layout.reserved):
        layout.require(start % GIB == 0 and end % GIB == 0,
                       f"TDMR at {start:#x} not of whole GiBs")
        layout.require(len(areas) <= layout.max_reserved,
                       f"{len(areas)} areas in the TDMR at {start:#x}")
        layout.require(areas == sorted(areas) and not overlap(areas),
                       f"areas out of order in the TDMR at {start:#x}")
        layout.require(all(start <= a and b <= end for a, b in areas),
                       f"area outside the TDMR at {start:#x}")
        free = without([(start, end)], join(areas))
        layout.require(not without(free, layout.cmrs),
                       f"free but not convertible: TDMR at {start:#x}")


def check_pamts(layout, ram):
    """Size and place of every PAMT region."""
    regions = [p for pamts in layout.pamts for p in pamts]
    layout.require(not overlap(regions), f"PAMTs overlap {overlap(regions)}")
    layout.require(not without(join(regions), ram), "PAMT outside the RAM")
    layout.require(not without(join(regions), layout.cmrs),
                   "PAMT outside the CMRs")
    free = without(join(layout.tdmrs),
                   join(r for areas in layout.reserved for r in areas))
    layout.require(not both(join(regions), free), "PAMT in free memory")
    for (start, end), pamts in zip(layout.tdmrs, layout.pamts):
        for (level, page), (a, b) in zip(LEVELS, pamts):
            need = (end - start) // page * layout.entry[level]
            if level == "4k" and layout.dynamic:
                need = (end - start) // page // 8
            layout.require(b - a == -(-need // PAGE) * PAGE,
                           f"PAMT {level} of the TDMR at {start:#x}: {b - a}")


def check_nodes(layout, nodes):
    """The node of each piece of memory."""
    for (start, end), entry in zip(layout.memory, layout.json["memory"]):
        wrong = [a for a in (start, end - PAGE)
                 if node_of(nodes, a) != entry["node"]]
        layout.require(not wrong, f"node {entry['node']} at {start:#x}")


def judge(json, entries, cmrs, nodes=()):
    """Return all complaints about a layout of the machine @entries."""
    layout = Layout(json)
    ram = ram_of(entries)
    layout.require(json["status"] == "ok" and json["reason"] == "",
                   f"status {json['status']}: {json['reason']}")
    check_shape(layout)
    check_accounts(layout, ram, join(cmrs))
    check_tdmrs(layout)
    check_pamts(layout, ram)
    check_nodes(layout, nodes)
    return layout.bad
