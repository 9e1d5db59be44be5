#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause-Patent
"""tdxcore hotplug, seen from outside: every written verdict, the table of
rules, real machines' maps."""

import json
import os

from harness import DATA, check, finish, machine, run, write

TABLE = os.path.join(DATA, '..', 'tables', 'hotplug.tsv')
MEMBERS = ['event', 'range', 'answer', 'severity', 'reason', 'text', 'message',
           'concerned', 'may_bring_up']
MIB = 0x100000
GIB = 0x40000000
BLOCK = 128 * MIB

# A machine: CMRs [1M, 2G) and [4G, 8G), two nodes that meet at 6 GiB.
CMRS = ['--cmr', f'{MIB:x}:{2 * GIB - MIB:x}', '--cmr',
        f'{4 * GIB:x}:{4 * GIB:x}']
MEMORY = ['--memory', f'{4 * GIB:x}-{6 * GIB - 1:x}', '--memory',
          f'{MIB:x}-{2 * GIB - 1:x}', '--memory',
          f'{6 * GIB:x}-{8 * GIB - 1:x}']
UP = ['--tdx', 'up'] + CMRS + MEMORY
STATES = {
    'off': ['--tdx', 'off'] + CMRS,
    'use-tdx-off': ['--use-tdx', 'off'] + CMRS,
    'unknown': ['--cmr', 'unknown'],
    'enabled': ['--tdx', 'enabled'] + CMRS,
    'up': UP,
    'track': UP + ['--track'],
    'keep': UP + ['--keep-first-mib'],
}
# The range, and what of it a verdict may be about.
RANGES = {
    'cmr': (5 * GIB, 5 * GIB + BLOCK),
    'partly': (8 * GIB - BLOCK, 8 * GIB + BLOCK),
    'outside': (8 * GIB, 72 * GIB),
    'all': (4 * GIB, 4 * GIB + BLOCK),
    'touching': (6 * GIB - BLOCK, 6 * GIB + BLOCK),
    'gap': (2 * GIB - BLOCK, 4 * GIB + BLOCK),
    'first-mib': (0, BLOCK),
}
CONCERNED = {
    ('added-cmr', 'cmr'): [(5 * GIB, 5 * GIB + BLOCK)],
    ('added-cmr', 'partly'): [(8 * GIB - BLOCK, 8 * GIB)],
    ('removed-cmr', 'cmr'): [(5 * GIB, 5 * GIB + BLOCK)],
    ('removed-cmr', 'partly'): [(8 * GIB - BLOCK, 8 * GIB)],
    ('added-unknown', 'outside'): [(8 * GIB, 72 * GIB)],
    ('added-policy', 'outside'): [(8 * GIB, 72 * GIB)],
    ('added-tracked', 'outside'): [(8 * GIB, 72 * GIB)],
    ('not-tdx-memory', 'outside'): [(8 * GIB, 72 * GIB)],
    ('not-tdx-memory', 'gap'): [(2 * GIB, 4 * GIB)],
    ('not-tdx-tracked', 'gap'): [(2 * GIB, 4 * GIB)],
    ('first-mib', 'first-mib'): [(0, MIB)],
    ('first-mib-kept', 'first-mib'): [(0, MIB)],
}

USAGE = [
    [], ['acpi-add'], ['acpi-add', '0'], ['acpi-add', '0-'],
    ['acpi-add', '-5'], ['acpi-add', '0-5-6'], ['acpi-add', 'x-y'],
    ['sunset', '0-fff'], ['acpi-add', '0-fff', '0-fff'],
    ['cpu-add', '0-fff'], ['--table', 'acpi-add', '0-fff'],
    ['acpi-add', '0-fff', '--tdx', 'up'],
    ['acpi-add', '0-fff', '--tdx', 'maybe'],
    ['acpi-add', '0-fff', '--use-tdx', 'maybe'],
    ['acpi-add', '0-fff', '--seamrr', '1'],
    ['acpi-add', '0-fff', '--cmr', 'span'],
    ['acpi-add', '0-fff', '--cmr', 'ram'],
    ['acpi-add', '0-fff', '--cmr', 'unknown', '--cmr', '100000:1000'],
    ['acpi-add', '0-fff', '--memory', '0-fff', '--map', 'x'],
    ['acpi-add', '0-fff', '--bogus'],
]

INPUT = [
    ['acpi-add', 'fff-0'], ['acpi-add', '0-10000000000000'],
    ['acpi-add', '0-ffffffffffffffff'],
    ['memory-online', '0-fff', '--tdx', 'up', '--memory', 'fff-0'],
    ['acpi-add', '0-fff', '--cmr', '100000:0'],
    ['acpi-add', '0-fff', '--cmr', '100000:2000', '--cmr', '101000:1000'],
    ['acpi-add', '0-fff', '--map', 'no-such-file'],
    ['acpi-add', '0-fff', '--cmr-file', 'no-such-file'],
]


def written():
    with open(TABLE, encoding='utf-8') as file:
        for line in file.read().splitlines():
            if not line.startswith('#'):
                yield line.split('\t')


def ask(event, span, *args):
    where = [f'0x{span[0]:x}-0x{span[1] - 1:x}'] if span else []
    result = run('hotplug', event, *where, *args, '--json')
    return result, json.loads(result.out)


def parts(root):
    return [(int(p['base'], 16), int(p['base'], 16) + int(p['size'], 16))
            for p in root['concerned']]


def test_verdicts():
    for event, state, memory, answer, severity, reason, _ in written():
        name = f'{event} {state} {memory}'
        span = RANGES.get(memory)
        result, root = ask(event, span, *STATES[state])
        check(f'{name}: members', list(root) == MEMBERS, list(root))
        check(f'{name}: verdict', (root['answer'], root['severity'],
                                   root['reason']) ==
              (answer, severity, reason), root)
        check(f'{name}: exit code', result.code == (answer == 'refuse') and
              not result.err, result.err)
        check(f'{name}: concerned',
              parts(root) == CONCERNED.get((reason, memory), []), root)
        check(f'{name}: bring-up',
              root['may_bring_up'] is (state in ('enabled', 'unknown')), root)
        text = run('hotplug', event, *([f'{span[0]:x}-{span[1] - 1:x}']
                                       if span else []), *STATES[state])
        check(f'{name}: one line', text.code == result.code and
              text.out.splitlines()[0] == root['message'] and
              len(text.out.splitlines()) == 1 + len(root['concerned']),
              text.out)


def test_table():
    """Every rule is written, and every written verdict follows from it."""
    rules = {r['reason']: r for r in
             json.loads(run('hotplug', '--table', '--json').out)['rules']}
    lines = list(written())
    check('every reason is there', {w[5] for w in lines} == set(rules),
          {w[5] for w in lines} ^ set(rules))
    for event, _, _, answer, severity, reason, _ in lines:
        rule = rules[reason]
        check(f'{reason}: {event}', event in rule['events'] and
              (rule['answer'], rule['severity']) == (answer, severity), rule)
    out = run('hotplug', '--table').out
    for reason, rule in rules.items():
        line, events = out[out.index(reason + ' '):].splitlines()[:2]
        check(f'{reason}: text', line.split(None, 3) ==
              [reason, rule['answer'], rule['severity'], rule['text']], line)
        check(f'{reason}: events in text',
              events.strip().split(', ') == rule['events'], events)


def test_seamrr_alone():
    for tdx in STATES.values():
        for seamrr, code in ('on', 1), ('off', 0):
            for event in 'cpu-add', 'cpu-remove':
                result, _ = ask(event, None, *tdx, '--seamrr', seamrr)
                check(f'{event} {tdx} {seamrr}', result.code == code, tdx)


def test_maps():
    """RAM of a real machine, as it was, is TDX memory, and nothing else."""
    name = machine('dell-poweredge-r630-64g.e820')
    up = ['--tdx', 'up', '--map', name]
    result, root = ask('memory-online', (4 * GIB, 4 * GIB + BLOCK), *up)
    check('boot memory goes online again', result.code == 0 and
          root['reason'] == 'tdx-memory', root)
    result, root = ask('memory-online', (0, BLOCK), *up)
    check('first block', root['concerned'][0] ==
          {'base': '0x0', 'size': '0x100000'}, root)
    top = 1 << 50
    result, root = ask('acpi-add', (top, top + 64 * GIB), *up)
    check('64 GiB more', result.code == 1 and
          root['reason'] == 'added-policy' and
          parts(root) == [(top, top + 64 * GIB)], root)
    result, root = ask('acpi-remove', (4 * GIB, 5 * GIB), *up, '--cmr', 'ram')
    check('removal', root['severity'] == 'firmware-bug', root)
    result, root = ask('acpi-remove', (4 * GIB, 5 * GIB), *up, '--cmr',
                       'unknown')
    check('removal, CMRs unknown', root['reason'] == 'removed-unknown', root)


def test_cmr_file():
    write('cmrs', '100000 7ff00000\n100000000 80000000\n')
    _, root = ask('acpi-add', (4 * GIB, 5 * GIB), '--cmr-file', 'cmrs')
    check('file', root['reason'] == 'added-cmr', root)
    log = machine('tdx-emr-foxcreekpass-256g.tdxlog')
    _, root = ask('acpi-remove', (4 * GIB, 5 * GIB), '--cmr-file', log)
    check('boot log', root['reason'] == 'removed-cmr', root)


def test_bad():
    for cases, code in (USAGE, 2), (INPUT, 3):
        for args in cases:
            result = run('hotplug', *args)
            check(f'{args}: exit code', result.code == code, result)
            check(f'{args}: nothing on stdout', result.out == '', result.out)
            check(f'{args}: message', 'tdxcore' in result.err, result.err)


def test_help():
    for args in ['--help'], ['-h'], ['--version'], ['--usage']:
        result = run('hotplug', *args)
        check(f'{args}', result.code == 0 and result.out, result.err)
    check('listed', 'hotplug' in run('--help').out)
    with open('/dev/full', 'wb') as full:
        for args in ['--table'], ['--table', '--json'], ['cpu-online']:
            result = run('hotplug', *args, stdout=full)
            check(f'full disk {args}', result.code == 4 and result.err,
                  result.code)


if __name__ == '__main__':
    for test in [t for n, t in list(globals().items())
                 if n.startswith('test_')]:
        test()
    finish()
