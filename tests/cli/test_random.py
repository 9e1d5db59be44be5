#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause-Patent
"""tdxcore plan on random machines and on damaged input.

A seed is printed first; TDXC_SEED=N repeats a run. TDXC_TEST_SCALE is the
percentage of machines that is taken.
"""

import json
import os
import random

import machines
from harness import DATA, check, finish, run, write

SEED = int(os.environ.get('TDXC_SEED') or random.SystemRandom().getrandbits(32))
SCALE = int(os.environ.get('TDXC_TEST_SCALE') or 100)
MACHINES = max(4 * SCALE, 20)
DAMAGED = max(4 * SCALE, 20)
KINDS = ['reserved', 'ACPI data', 'ACPI NVS', 'soft reserved',
         'persistent (type 7)', 'unusable']


def random_entries(rng):
    """Ranges of all kinds, some touching, some not of whole pages."""
    entries, at = [], rng.choice((0, 0, 0x1000, 0xfff00000))
    grain = rng.choice((1, 0x800, 0x1000, 0x1000, 0x100000))
    for _ in range(rng.randrange(1, 24)):
        if rng.random() < 0.4:
            at += rng.randrange(1, 1 << rng.randrange(13, 33))
        length = rng.randrange(1, 1 << rng.randrange(8, 33))
        start = at // grain * grain
        end = max(start + grain, (start + length) // grain * grain)
        if entries:
            start = max(start, entries[-1][1])
        if start < end:
            ram = rng.random() < 0.6
            entries.append((start, end, ram))
            at = end
    return entries


def random_cmrs(rng, entries):
    """Options, and the CMRs they stand for."""
    kind = rng.choice(('', 'ram', 'span', 'list', 'file'))
    if kind in ('', 'ram'):
        return (['--cmr', kind] if kind else []), machines.cmrs_ram(entries)
    if kind == 'span':
        return ['--cmr', 'span'], machines.cmrs_span(entries)
    cmrs = []
    for start, end in machines.cmrs_span(entries)[:16]:
        middle = rng.randrange(start, end) & ~0xfff
        cmrs += [r for r in ((start, middle), (middle, end))
                 if r[0] < r[1] and rng.random() < 0.9]
    if not cmrs:
        return [], machines.cmrs_ram(entries)
    if kind == 'file':
        write('cmrs', ''.join(f'{a:x} {b - a:x}\n' for a, b in cmrs))
        return ['--cmr-file', 'cmrs'], machines.join(cmrs)
    rng.shuffle(cmrs)
    return ([x for a, b in cmrs for x in ('--cmr', f'{a:x}:{b - a:#x}')],
            machines.join(cmrs))


def random_nodes(rng, entries):
    """Options, and what they say."""
    if rng.random() < 0.5:
        return [], []
    nodes, at = [], 0
    while at < entries[-1][1] and len(nodes) < 8:
        end = at + (rng.randrange(1, 1 << rng.randrange(21, 34)) & ~0xfff)
        if at < end:
            nodes.append((at, end, rng.randrange(4)))
        at = end + rng.choice((0, 0, 0x200000))
    if rng.random() < 0.5:
        write('numa', ''.join(f'{n} {a:x} {b - 1:x}\n' for a, b, n in nodes))
        return ['--numa', 'numa'], nodes
    return [x for a, b, n in nodes
            for x in ('--node', f'{a:x}-{b - 1:x}:{n}')], nodes


def random_limits(rng):
    options = []
    if rng.random() < 0.4:
        options += ['--max-tdmrs', str(rng.choice((1, 2, 3, 8)))]
    if rng.random() < 0.4:
        options += ['--max-reserved', str(rng.choice((1, 2, 3, 8)))]
    if rng.random() < 0.3:
        options += ['--pamt-entry', ','.join(
            str(rng.choice((1, 16, 24, 64))) for _ in range(3))]
    if rng.random() < 0.3:
        options += ['--dynamic-pamt']
    if rng.random() < 0.3:
        options += ['--economy']
    return options


def test_random_machines():
    """What is planned is right; what is not has a reason."""
    feasible = 0
    for i in range(MACHINES):
        rng = random.Random(f'{SEED} machine {i}')
        entries = random_entries(rng)
        lines = [f'{a:x} {b - 1:x} '
                 f'{"usable" if ram else rng.choice(KINDS)}\n'
                 for a, b, ram in entries]
        rng.shuffle(lines)
        write('machine', ''.join(lines))
        cmr_options, cmrs = random_cmrs(rng, entries)
        node_options, nodes = random_nodes(rng, entries)
        args = ['plan', 'machine', '--json', *cmr_options, *node_options,
                *random_limits(rng)]
        result = run(*args)
        if result.code == 1:
            plan = json.loads(result.out)
            bad = [] if plan['status'] == 'infeasible' and plan['reason'] \
                and not plan['tdmrs'] else ['exit code 1, but a layout']
        elif result.code == 0:
            feasible += 1
            bad = machines.judge(json.loads(result.out), entries, cmrs, nodes)
        else:
            bad = [f'exit code {result.code}: {result.err}']
        check(f'machine {i}', not bad,
              f'{bad[:3]}\n{" ".join(args)}\n{"".join(lines)}')
    check('some machines have a layout', feasible > MACHINES // 4, feasible)


def damage(rng, text):
    """Change a few bytes, or lose or repeat a piece."""
    data = bytearray(text)
    for _ in range(rng.choice((1, 1, 2, 8))):
        at = rng.randrange(len(data))
        piece = data[at:at + rng.randrange(1, 64)]
        what = rng.randrange(4)
        if what == 0:
            data[at] = rng.choice(b'\x00\xff \n-:0123456789abcdefx[]{}"#')
        elif what == 1:
            del data[at:at + len(piece)]
        elif what == 2:
            data[at:at] = piece
        else:
            data[at] ^= 1 << rng.randrange(8)
        if not data:
            data = bytearray(b'\n')
    return bytes(data)


def test_damaged_input():
    """Planned or refused; never a crash, never half an answer."""
    names = sorted(n for n in os.listdir(DATA) if n.endswith(
        ('.e820', '.iomem', '.efimap', '.numa', '.tdxlog')))
    write('ram', '100000 3fffffff usable\n')
    for i in range(DAMAGED):
        rng = random.Random(f'{SEED} damage {i}')
        name = rng.choice(names)
        with open(os.path.join(DATA, name), 'rb') as file:
            write('damaged', damage(rng, file.read()))
        args = ['plan', 'damaged', '--json']
        if name.endswith('.numa'):
            args = ['plan', 'ram', '--json', '--numa', 'damaged']
        elif name.endswith('.tdxlog'):
            args = ['plan', 'ram', '--json', '--cmr-file', 'damaged']
        result = run(*args)
        good = result.code in (0, 1) and result.out and json.loads(result.out)
        refused = result.code == 3 and not result.out and 'damaged:' in \
            result.err and 'expected' in result.err
        check(f'damaged {i} ({name})', good or refused,
              f'{result.code}: {result.err}')


if __name__ == '__main__':
    print(f'TDXC_SEED={SEED}')
    test_random_machines()
    test_damaged_input()
    finish()
