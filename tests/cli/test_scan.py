#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause-Patent
"""tdxcore scan, seen from outside; tests/dump has dumps of a real kernel."""

import json
import struct

from harness import check, finish, run, write

PAGE = 4096
SHARED = 1 << 51
UPPER = 0xFFFF800000000000

BAD_USAGE = [
    [], ['--json'], ['a', 'b'], ['--cr3'], ['--cr3', 'x', 'a'],
    ['--cr3', '', 'a'], ['--cr3=-1', 'a'], ['--cr3', '1' * 17, 'a'],
    ['--levels', '3', 'a'], ['--levels', '6', 'a'], ['--levels', 'x', 'a'],
    ['--shared-bit', '11', 'a'], ['--shared-bit', '52', 'a'],
    ['--shared-bit', '0x33', 'a'], ['--c-bit', '11', 'a'],
    ['--shared-bit', '51', '--c-bit', '51', 'a'], ['--json=1', 'a'],
    ['--bogus', 'a'],
]


class Guest:
    """Page tables in a small memory: root in page 1, tables behind it."""

    def __init__(self, levels=4, pages=64):
        self.memory = bytearray(pages * PAGE)
        self.levels = levels
        self.last = 1

    def set(self, place, entry):
        """Write an entry."""
        struct.pack_into('<Q', self.memory, place, entry)

    def slot(self, va, level):
        """The place of the entry that maps an address; tables are made."""
        table = PAGE
        for up in range(self.levels, level, -1):
            place = table + 8 * (va >> (12 + 9 * (up - 1)) & 511)
            entry, = struct.unpack_from('<Q', self.memory, place)
            if not entry:
                self.last += 1
                entry = self.last * PAGE | 0x63
                self.set(place, entry)
            table = entry & ~0xFFF
        return table + 8 * (va >> (12 + 9 * (level - 1)) & 511)

    def map(self, va, pa, level=1, shared=0):
        """Map a page."""
        flags = 0x63 | (0x80 if level > 1 else 0) | shared
        self.set(self.slot(va, level), pa | flags)


def note(name, desc):
    """An ELF note."""
    name += b'\0'
    return (struct.pack('<III', len(name), len(desc), 0) + name +
            b'\0' * (-len(name) % 4) + desc + b'\0' * (-len(desc) % 4))


def qemu_note(cr3, cr4=0):
    """What QEMU notes of a CPU."""
    desc = struct.pack('<II', 1, 440) + bytes(144 + 240 + 24)
    return note(b'QEMU', desc + struct.pack('<QQ', cr3, cr4) + bytes(8))


def core(loads, notes=b''):
    """An ELF core of [(pa, content)]."""
    count = len(loads) + bool(notes)
    at = 64 + 56 * count
    head = struct.pack('<4sBBB9xHHIQQQIHHHHHH', b'\x7fELF', 2, 1, 1, 4, 62, 1,
                       0, 64, 0, 0, 64, 56, count, 0, 0, 0)
    body = b''
    if notes:
        head += struct.pack('<IIQQQQQQ', 4, 0, at, 0, 0, len(notes),
                            len(notes), 0)
        body += notes
    for pa, content in loads:
        head += struct.pack('<IIQQQQQQ', 1, 0, at + len(body), 0, pa,
                            len(content), len(content), 0)
        body += content
    return head + body


def scan(name, *args):
    """The tool's JSON."""
    result = run('scan', name, '--json', *args)
    check(f'{name} {args}: exit code', result.code == 0 and not result.err,
          result.err)
    return json.loads(result.out) if result.code == 0 else {}


def sample(levels=4):
    """A guest with shared and private leaves of all sizes."""
    guest = Guest(levels, 600)
    guest.map(UPPER, 0)
    for i in range(8):
        guest.map(UPPER + (16 + i) * PAGE, (16 + i) * PAGE,
                  shared=SHARED if 2 <= i < 6 else 0)
    guest.map(UPPER + (1 << 30), 0, 2, SHARED)
    guest.map(UPPER + (2 << 30), 0, 2)
    guest.map(UPPER + (3 << 30), 1 << 30, 3)
    guest.map(UPPER + 99 * PAGE, 18 * PAGE, shared=SHARED)
    return guest


SHARED_RANGES = [(UPPER + 18 * PAGE, 18 * PAGE, 4 * PAGE),
                 (UPPER + 99 * PAGE, 18 * PAGE, PAGE),
                 (UPPER + (1 << 30), 0, 1 << 21)]


def ranges(items):
    """As tuples."""
    return [(int(i['va'], 16), int(i['base'], 16), int(i['size'], 16))
            for i in items]


def test_sources():
    """The root is given, noted, or found; memory is raw or a core."""
    memory = bytes(sample().memory)
    write('raw', memory)
    write('qemu', core([(0, memory)], qemu_note(PAGE | 0x18)))
    info = (b'SYMBOL(swapper_pg_dir)=ffffffff81001000\n'
            b'SYMBOL(init_top_pgt)=ffffffff82001000\n'
            b'NUMBER(phys_base)=-33554432\nNUMBER(pgtable_l5_enabled)=0\n')
    write('vmcore', core([(0, memory)], note(b'VMCOREINFO', info)))
    write('both', core([(0, memory)], note(b'VMCOREINFO', info) +
                       note(b'CORE', bytes(336)) + qemu_note(PAGE)))
    write('split', core([(300 * PAGE, memory[300 * PAGE:]),
                         (0, memory[:300 * PAGE + 100])], qemu_note(PAGE)))
    for name, args, source in [
            ('raw', ['--cr3', '0x1000', '--levels', '4'], 'given'),
            ('raw', ['--cr3', '1000'], 'given'),
            ('qemu', [], 'qemu'), ('qemu', ['--cr3', '1000'], 'given'),
            ('vmcore', [], 'vmcoreinfo'), ('both', [], 'qemu'),
            ('split', [], 'qemu')]:
        got = scan(name, *args)
        check(f'{name}: root', got['cr3'] == '0x1000' and
              got['cr3_from'] == source and got['levels'] == 4, got['cr3'])
        check(f'{name}: shared ranges',
              ranges(got['shared']) == SHARED_RANGES, got['shared'])
        check(f'{name}: the bit', got['shared_bit'] == 51)
        check(f'{name}: sizes', got['leaves'] ==
              {'4k': 10, '2m': 2, '1g': 1}, got['leaves'])
        check(f'{name}: shared sizes', got['shared_leaves'] ==
              {'4k': 5, '2m': 1, '1g': 0}, got['shared_leaves'])
        check(f'{name}: bytes', got['shared_bytes'] == 5 * PAGE + (2 << 20))
        check(f'{name}: unsharing', got['unshare'] ==
              {'entries': 6, 'pages': 512, 'conversions': 3,
               'aliased_pages': 5}, got['unshare'])
        check(f'{name}: nothing malformed', got['malformed']['count'] == 0)


def test_found():
    """A root that nobody names."""
    guest = sample()
    guest.map((1 << 64) - (2 << 30), 2 * PAGE)
    write('raw', bytes(guest.memory))
    got = scan('raw')
    check('found: root', got['cr3'] == '0x1000' and got['cr3_from'] == 'found',
          got['cr3'])
    write('nothing', bytes(8 * PAGE))
    result = run('scan', 'nothing')
    check('nothing: exit code', result.code == 3 and not result.out)
    check('nothing: message', 'give --cr3' in result.err, result.err)


def test_levels():
    """Five levels, from CR4 and when told so."""
    guest = Guest(5)
    guest.map(0xFF11000000000000, 20 * PAGE, shared=SHARED)
    memory = bytes(guest.memory)
    write('five', core([(0, memory)], qemu_note(PAGE, 1 << 12)))
    want = [(0xFF11000000000000, 20 * PAGE, PAGE)]
    for args in ([], ['--levels', '5'], ['--cr3', '1000', '--levels', '5'],
                 ['--cr3', '1000']):
        got = scan('five', *args)
        check(f'five {args}', got['levels'] == 5 and
              ranges(got['shared']) == want, got)


def test_bits():
    """Bit 47, the C-bit, and both bits at once."""
    guest = Guest()
    guest.map(0, 20 * PAGE, shared=1 << 47)
    guest.map(PAGE, 22 * PAGE)
    write('a', bytes(guest.memory))
    got = scan('a', '--cr3', '1000')
    check('bit 47 is in use', got['shared_bit'] == 47 and
          ranges(got['shared']) == [(0, 20 * PAGE, PAGE)], got['shared'])
    got = scan('a', '--cr3', '1000', '--shared-bit', '51')
    check('bit 47 is address when 51 tells', got['shared'] == [])
    guest.map(2 * PAGE, 23 * PAGE, shared=SHARED)
    write('a', bytes(guest.memory))
    result = run('scan', 'a', '--cr3', '1000')
    check('both bits: exit code', result.code == 3)
    check('both bits: message', '--shared-bit' in result.err, result.err)
    guest = Guest()
    guest.map(0, 20 * PAGE, shared=1 << 47)
    guest.map(PAGE, 21 * PAGE)
    for place in range(PAGE, (guest.last + 1) * PAGE, 8):
        entry, = struct.unpack_from('<Q', guest.memory, place)
        if entry & 1 and entry >> 12 & 0xFF < 16:
            guest.set(place, entry | 1 << 47)
    write('sev', bytes(guest.memory))
    got = scan('sev', '--cr3', '1000', '--c-bit', '47')
    check('C-bit', got['shared_when'] == 'clear' and
          ranges(got['shared']) == [(PAGE, 21 * PAGE, PAGE)], got)


def test_malformed():
    """Tables that lead nowhere are listed, and what is beside them found."""
    guest = Guest()
    guest.map(0, 20 * PAGE, shared=SHARED)
    guest.set(guest.slot(1 << 30, 3), 1 << 40 | 0x63)
    guest.set(guest.slot(2 << 30, 3), PAGE | 0x63)
    guest.set(guest.slot(1 << 39, 4), 0xE3)
    guest.set(guest.slot(1 << 21, 2), (PAGE * 5) | 0xE3 | SHARED)
    write('bad', bytes(guest.memory))
    got = scan('bad', '--cr3', '1000')
    check('malformed: shared', ranges(got['shared']) == [(0, 20 * PAGE, PAGE)])
    check('malformed: count', got['malformed']['count'] == 4, got['malformed'])
    check('malformed: where', [(int(i['va'], 16), i['level'])
                               for i in got['malformed']['first']] ==
          [(1 << 21, 2), (1 << 30, 3), (2 << 30, 3), (1 << 39, 4)],
          got['malformed'])
    result = run('scan', 'bad', '--cr3', '1000')
    check('malformed: text', 'Malformed entries: 4' in result.out and
          'its own ancestor' in result.out, result.out)
    # 512 ways to each table.
    guest = Guest()
    for level in range(3):
        for i in range(512):
            guest.set((1 + level) * PAGE + 8 * i, (2 + level) * PAGE | 0x63)
    write('bad', bytes(guest.memory))
    result = run('scan', 'bad', '--cr3', '1000', '--shared-bit', '51')
    check('too many tables: exit code', result.code == 3, result.code)
    check('too many tables: message', 'page tables' in result.err)


def test_bad_files():
    """Files that are no dumps."""
    good = core([(0, bytes(8 * PAGE))], qemu_note(PAGE))
    cases = [
        ('empty', b'', 'empty'),
        ('short', b'\x7fELF', 'ELF core'),
        ('program', good[:16] + b'\2' + good[17:], 'ELF core'),
        ('arm', good[:18] + b'\xb7' + good[19:], 'ELF core'),
        ('cut', good[:-1], 'cut off'),
        ('headers', good[:80], 'table of 2 segments'),
        ('nothing', core([]), 'table of 0 segments'),
        ('notes', core([], qemu_note(PAGE)), 'no page of memory'),
        ('page', bytes(100), 'no page of memory'),
        ('beyond', core([(1 << 52, bytes(PAGE))]), '2^52'),
        ('long note', core([(0, bytes(PAGE))],
                           struct.pack('<III', 5, 1 << 30, 0) + bytes(12)),
         'note'),
    ]
    for name, content, message in cases:
        write(name, content)
        result = run('scan', name)
        check(f'{name}: exit code', result.code == 3, result.code)
        check(f'{name}: message', name in result.err and
              message in result.err and not result.out, result.err)
    for name in ('missing', '.'):
        result = run('scan', name)
        check(f'{name}: exit code', result.code == 3, result.err)
    write('root', core([(0, bytes(8 * PAGE))]))
    result = run('scan', 'root', '--cr3', '100000')
    check('a root outside the dump is malformed',
          result.code == 0 and 'outside RAM' in result.out, result.out)


def test_usage():
    """Wrong arguments, and help."""
    write('a', bytes(sample().memory))
    for args in BAD_USAGE:
        result = run('scan', *args)
        check(f'scan {args}: exit code', result.code == 2, result.code)
        check(f'scan {args}: no output', not result.out and result.err)
    result = run('scan', '--help')
    check('help', result.code == 0 and '--cr3' in result.out)
    check('scan is listed', 'scan ' in run('--help').out)


def test_text():
    """What people read."""
    write('raw', bytes(sample().memory))
    result = run('scan', 'raw', '--cr3', '1000', '--mapped')
    check('text: exit code', result.code == 0, result.err)
    for words in ('4 levels', 'Shared bit 51, set in shared entries',
                  'Shared ranges', 'Mapped ranges',
                  '0xffff800000012000 0x00000000012000 0x00000000016000',
                  'clears 6 entries and converts 512 pages with 3 hypercalls',
                  '5 pages are mapped once more'):
        check(f'text: {words}', words in result.out, result.out)
    got = scan('raw', '--cr3', '1000', '--mapped')
    check('mapped: all of it', sum(int(i['size'], 16) for i in got['mapped'])
          == got['mapped_bytes'] == 10 * PAGE + (4 << 20) + (1 << 30))


test_sources()
test_found()
test_levels()
test_bits()
test_malformed()
test_bad_files()
test_usage()
test_text()
finish()
