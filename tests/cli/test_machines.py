#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause-Patent
"""tdxcore plan on every recorded machine, held against a second opinion.

Also what shows that the second opinion has one: plans with a single thing
changed are refused.
"""

import copy
import glob
import json
import os

import machines
from harness import DATA, check, finish, run, write

GUESSES = {'ram': machines.cmrs_ram, 'span': machines.cmrs_span}
# Its source quotes reserved ranges only.
NO_RAM = {'cxl-amd-1tb-hole-partial'}


def accept(name, result, *machine):
    """The tool planned it, and nothing is wrong with the plan."""
    if not check(f'{name}: exit code', result.code == 0,
                 f'{result.code}: {result.err}'):
        return None
    plan = json.loads(result.out)
    bad = machines.judge(plan, *machine)
    check(f'{name}: layout', not bad, '; '.join(bad[:5]))
    return plan


def test_every_machine():
    found = sorted(sum((glob.glob(f'{DATA}/*.{end}')
                        for end in ('e820', 'iomem', 'efimap')), []))
    check('there are machines', len(found) >= 196, len(found))
    for path in found:
        name = os.path.splitext(os.path.basename(path))[0]
        numa = os.path.splitext(path)[0] + '.numa'
        options, nodes = [], []
        if os.path.exists(numa):
            options, nodes = ['--numa', numa], machines.read_numa(numa)
        entries = machines.read_map(path)
        for guess, cmrs_of in GUESSES.items():
            result = run('plan', path, '--cmr', guess, '--json', *options)
            title = f'{os.path.basename(path)} --cmr {guess}'
            if name in NO_RAM:
                check(f'{title}: infeasible', result.code == 1, result.err)
            else:
                accept(title, result, entries, cmrs_of(entries), nodes)


def test_every_tdx_log():
    """A boot log is a CMR file if it lists CMRs, and bad input if not."""
    write('ram', '100000 1ffffff usable\n')
    for log in sorted(glob.glob(f'{DATA}/*.tdxlog')):
        name = os.path.basename(log)
        cmrs = machines.read_cmr_log(log)
        result = run('plan', 'ram', '--cmr-file', log, '--json')
        if not cmrs:
            check(f'{name}: no CMR file', result.code == 3 and
                  not result.out and f'{log}:' in result.err, result.err)
            continue
        accept(name, result, [(0x100000, 0x2000000, True)], cmrs)
        path = log.replace('.tdxlog', '.e820')
        if os.path.exists(path):
            plan = accept(f'{name} and its map', run(
                'plan', path, '--cmr-file', log, '--json'),
                machines.read_map(path), cmrs)
            check(f'{name} and its map: nothing lost',
                  plan and plan['lost_bytes'] == 0)


def move(entry, key, by):
    entry[key] = hex(int(entry[key], 16) + by)


SPOILED = [
    ('a total', lambda p: p.update(pamt_bytes=p['pamt_bytes'] + 1)),
    ('memory left out', lambda p: p['memory'].pop()),
    ('memory twice', lambda p: p['memory'].append(p['memory'][0])),
    ('a wrong reason', lambda p: p['excluded'][0].update(reason='pamt')),
    ('a key too many', lambda p: p.update(more=1)),
    ('upper case', lambda p: p['tdmrs'][1].update(size='0X200000000')),
    ('a TDMR too many', lambda p: p['limits'].update(max_tdmrs=1)),
    ('an area too many',
     lambda p: p['limits'].update(max_reserved_per_tdmr=1)),
    ('an area left out', lambda p: p['tdmrs'][0]['reserved'].pop()),
    ('an area moved',
     lambda p: move(p['tdmrs'][0]['reserved'][-1], 'offset', 0x1000)),
    ('a small PAMT',
     lambda p: move(p['tdmrs'][1]['pamt_2m'], 'size', -0x1000)),
    ('a PAMT moved',
     lambda p: move(p['tdmrs'][1]['pamt_4k'], 'base', 0x40000000)),
    ('a wrong node', lambda p: p['memory'][0].update(node=1)),
    ('a CMR left out', lambda p: p['cmrs'].pop()),
]


def test_the_second_opinion():
    entries = [(0, 0xa0000, True), (0x100000, 0x80000000, True),
               (0x80000000, 0x90000000, False),
               (0x90000000, 0xc0000000, True),
               (0x100000000, 0x300000000, True)]
    write('machine', ''.join(
        f'{a:x} {b - 1:x} {"usable" if ram else "reserved"}\n'
        for a, b, ram in entries))
    cmrs = machines.cmrs_ram(entries)
    plan = accept('a good plan', run('plan', 'machine', '--json'), entries,
                  cmrs)
    for name, spoil in SPOILED:
        bad = copy.deepcopy(plan)
        spoil(bad)
        check(f'{name} is noticed', machines.judge(bad, entries, cmrs))


if __name__ == '__main__':
    test_every_machine()
    test_every_tdx_log()
    test_the_second_opinion()
    finish()
