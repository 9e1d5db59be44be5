#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause-Patent
"""tdxcore plan: one machine in every format is one machine.

Written out in each format that can be read, in any order of lines, and as the
JSON of an earlier plan, it must get the same plan to the letter.
"""

import json
import os
import shutil
import subprocess

import machines
from harness import SCRATCH, TOOL, check, finish, run, write

# Whole pages, as EFI wants them; every kind of neighbour.
MACHINE = [
    (0x0, 0x9f000, 'usable'),
    (0x9f000, 0x100000, 'reserved'),
    (0x100000, 0x40000000, 'usable'),
    (0x40000000, 0x40100000, 'ACPI data'),
    (0x40100000, 0x60000000, 'usable'),
    (0x60000000, 0x60200000, 'ACPI NVS'),
    (0x60200000, 0xc0000000, 'usable'),
    (0xc0000000, 0xd0000000, 'reserved'),
    (0x100000000, 0x300000000, 'usable'),
    (0x300000000, 0x340000000, 'soft reserved'),
]
ENTRIES = [(a, b, kind == 'usable') for a, b, kind in MACHINE]


def as_plain(entries):
    return ''.join(f'{a:#x} {b - 1:#x} {kind}\n' for a, b, kind in entries)


def as_plain_bare(entries):
    return '# a machine\n\n' + ''.join(
        f' {a:X}\t{b - 1:x}  {kind} # why\r\n' for a, b, kind in entries)


def as_bootlog(entries):
    return '[    0.000000] Linux version 6.8.0\n' + ''.join(
        f'[    0.000000] BIOS-e820: [mem {a:#018x}-{b - 1:#018x}] {kind}\n'
        for a, b, kind in entries) + (
        '[    0.000000] e820: update [mem 0x00000000-0x00000fff] usable ==> '
        'reserved\n'
        '[    0.000000] efi: mem00: [Reserved|] range=[0x0-0xfff] (0MB)\n')


def as_new_bootlog(entries):
    """As Linux logs since the rework of its e820 code."""
    names = {'usable': 'System RAM', 'reserved': 'device reserved'}
    return ''.join(
        f'BIOS-e820: [mem {a:#018x}-{b - 1:#018x}] {(b - a) >> 10:5}   KB '
        f'{names.get(kind, kind)}\n' for a, b, kind in entries) + (
        'BIOS-e820: [gap 0x00000000d0000000-0x00000000ffffffff]  768   MB '
        '...\n')


def as_iomem(entries):
    text = ''
    for a, b, kind in entries:
        name = 'System RAM' if kind == 'usable' else kind
        text += f'{a:08x}-{b - 1:08x} : {name}\n'
        text += f'  {a:08x}-{a + 0xfff:08x} : Kernel code\n'
    return text


def as_efi(entries):
    """RAM in several of its types, by name and by number."""
    kinds = ('Conventional Memory', 'type=3 (attr=0xf)', 'Loader Data',
             'type=4', 'EfiLoaderCode')
    return ''.join(
        f'mem{i:02} {a:#018x} {b:#018x} '
        f'{kinds[i % len(kinds)] if kind == "usable" else "Reserved"}\n'
        for i, (a, b, kind) in enumerate(entries))


def as_efi_log(entries):
    """As Linux logs with efi=debug."""
    return '[    0.000000] efi: EFI v2.7 by EDK II\n' + ''.join(
        f'[    0.000000] efi: mem{i:02}: '
        f'[{"Conventional Memory" if kind == "usable" else "Reserved":19}'
        f'|   |  |  |  |  |  |  |  |   |WB|WT|WC|UC] '
        f'range=[{a:#018x}-{b - 1:#018x}] ({(b - a) >> 20}MB)\n'
        for i, (a, b, kind) in enumerate(entries))


def as_old_efi_log(entries):
    """As Linux logged until 2015: the end is excluded."""
    return ''.join(
        f'efi: mem{i:02}: type={7 if kind == "usable" else 0}, attr=0xf, '
        f'range=[{a:#018x}-{b:#018x}) ({(b - a) >> 20}MB)\n'
        for i, (a, b, kind) in enumerate(entries))


FORMATS = [as_plain_bare, as_bootlog, as_new_bootlog, as_iomem, as_efi,
           as_efi_log, as_old_efi_log]
NODES = ['--node', '0-ffffffff:0', '--node', '100000000-1bfffffff:2',
         '--node', '1c0000000-3ffffffff:1']
NODE_RANGES = [(0, 1 << 32, 0), (1 << 32, 0x1c0000000, 2),
               (0x1c0000000, 0x400000000, 1)]


def test_formats():
    write('plain', as_plain(MACHINE))
    for options in (['--cmr', 'ram'], ['--cmr', 'span'], NODES):
        plain = run('plan', 'plain', '--json', *options)
        bad = machines.judge(
            json.loads(plain.out), ENTRIES,
            (machines.cmrs_span if 'span' in options else
             machines.cmrs_ram)(ENTRIES),
            NODE_RANGES if options is NODES else ())
        check(f'plain lines {options}', not bad, bad)
        for spell in FORMATS:
            write('other', spell(MACHINE))
            other = run('plan', 'other', '--json', *options)
            check(f'{spell.__name__} {options}', other.out == plain.out,
                  other.err)
        write('other', as_plain(sorted(
            MACHINE, key=lambda e: e[0] * 7919 % 10007)))
        other = run('plan', 'other', '--json', *options)
        check(f'lines in another order {options}', other.out == plain.out,
              other.err)


# Options of a plan, and those that its JSON does not carry.
ROUND_TRIPS = [
    ([], []),
    (['--cmr', 'span'], []),
    (['--cmr', '100000:bff00000', '--cmr', '100000000:1f0000000'], []),
    (NODES, []),
    (['--dynamic-pamt'], ['--dynamic-pamt']),
    (['--max-reserved', '3'], ['--max-reserved', '3']),
    (['--max-tdmrs', '1'], ['--max-tdmrs', '1']),
    (['--economy'], ['--economy']),
]


def test_round_trips():
    write('plain', as_plain(MACHINE))
    for options, again in ROUND_TRIPS:
        first = run('plan', 'plain', '--json', *options)
        second = run('plan', '-', '--json', *again, stdin=first.out.encode())
        check(f'round trip {options}', first.code == 0 and
              second.out == first.out, first.err + second.err)
    span = run('plan', 'plain', '--json', '--cmr', 'span')
    ram = run('plan', '-', '--json', '--cmr', 'ram', stdin=span.out.encode())
    check('--cmr goes ahead of the CMRs in a JSON map',
          ram.out == run('plan', 'plain', '--json').out, ram.err)
    write('span.json', span.out)
    moved = run('plan', 'span.json', '--json', '--node', '0-3ffffffff:5')
    check('--node goes ahead of the nodes in a JSON map',
          {m['node'] for m in json.loads(moved.out)['memory']} == {5},
          moved.err)


def test_nodes_below_1m():
    """Linux keeps page 0 out of its nodes: no warning about that."""
    write('plain', as_plain(MACHINE))
    result = run('plan', 'plain', '--node', '1000-3ffffffff:0')
    check('page 0 is on no node', result.code == 0 and not result.err,
          result.err)


def test_hidden_addresses():
    """As somebody who is not root."""
    if os.geteuid() != 0:
        return
    # The build may lie where nobody else can go.
    os.chmod(SCRATCH.name, 0o755)
    program = shutil.copy(TOOL, os.path.join(SCRATCH.name, 'tool'))
    done = subprocess.run([program, 'plan'], user=65534, group=65534,
                          extra_groups=[], capture_output=True, text=True,
                          check=False, stdin=subprocess.DEVNULL)
    check('as nobody', done.returncode == 3 and not done.stdout and
          '/proc/iomem:1: ' in done.stderr and 'root' in done.stderr,
          f'{done.returncode}: {done.stderr}')


if __name__ == '__main__':
    test_formats()
    test_round_trips()
    test_nodes_below_1m()
    test_hidden_addresses()
    finish()
