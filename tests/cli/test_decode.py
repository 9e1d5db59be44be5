#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause-Patent
"""tdxcore decode, seen from outside."""

import json

from harness import check, finish, run

MEMBERS = ['status', 'name', 'known', 'kind', 'class', 'class_name', 'code',
           'meaning', 'details', 'hint', 'remedy']

# status, name, kind, class, code, remedy, a part of the details
KNOWN = [
    ('0', 'SUCCESS', 'success', 0, 0, 'none', ''),
    ('0x8000020000000080', 'OPERAND_BUSY', 'error', 2, 0, 'retry',
     'TDR (id 128)'),
    ('8000020000000092', 'OPERAND_BUSY', 'error', 2, 0, 'retry', 'SEPT_TREE'),
    ('0XC000010000000001', 'OPERAND_INVALID', 'error', 1, 0, 'never', 'RCX'),
    ('c0000100000000ff', 'OPERAND_INVALID', 'error', 1, 0, 'never',
     '255, which is not defined'),
    ('0xc000050500000000', 'SYS_NOT_READY', 'error', 5, 5, 'act', ''),
    ('0xC0000A0000000003', 'INVALID_TDMR', 'error', 10, 0, 'never', 'TDMR 3'),
    ('0xC0000A1000000205', 'INVALID_PAMT', 'error', 10, 0x10, 'never',
     'TDMR 5, PAMT 1G'),
    ('0xC0000A1100000100', 'PAMT_OUTSIDE_CMRS', 'error', 10, 0x11, 'never',
     'TDMR 0, PAMT 2M'),
    ('0xC0000A1200020001', 'PAMT_OVERLAP', 'error', 10, 0x12, 'never',
     'TDMR 1, PAMT 4K; overlaps TDMR 2'),
    ('0xC0000A2000000F01', 'INVALID_RESERVED_IN_TDMR', 'error', 10, 0x20,
     'never', 'TDMR 1, reserved area 15'),
    ('0x6000000200000000', 'NON_RECOVERABLE_TD', 'error', 0, 2, 'dead', ''),
    ('0x8000000300000000', 'INTERRUPTED_RESUMABLE', 'error', 0, 3, 'retry',
     ''),
    ('0x0000030100000000', 'PAGE_ALREADY_FREE', 'information', 3, 1, 'none',
     ''),
    ('0x8000FF000000000D', 'SEAMCALL_GP', 'error', 255, 0, 'never', '13'),
    ('0x8000FF0000000006', 'SEAMCALL_UD', 'error', 255, 0, 'act', '6'),
]

UNKNOWN = [
    ('0xC000EE0000000000', 'error'),
    ('0x8000EE0000000000', 'error'),
    ('0x0000EE0000000000', 'information'),
    ('ffffffffffffffff', 'error'),
]

BAD = [
    [], ['--json'], [''], ['0x'], ['x'], ['0x0 '], [' 0'], ['+0'], ['0x-1'],
    ['1.0'], ['0x' + '0' * 17], ['10000000000000000'], ['SUCCESS'],
    ['0', 'zz'], ['zz', '0'], ['--bogus', '0'], ['--json=1', '0'],
]


def test_known():
    for status, name, kind, klass, code, remedy, details in KNOWN:
        result = run('decode', status, '--json')
        check(f'{status}: exit code', result.code == 0 and not result.err,
              result.err)
        root = json.loads(result.out)
        check(f'{status}: one object', list(root) == ['statuses'] and
              len(root['statuses']) == 1, root)
        entry = root['statuses'][0]
        check(f'{status}: members', list(entry) == MEMBERS, list(entry))
        check(f'{status}: status', entry['status'] == f'0x{int(status, 16):016x}',
              entry['status'])
        check(f'{status}: fields',
              (entry['name'], entry['known'], entry['kind'], entry['class'],
               entry['code'], entry['remedy']) ==
              (name, True, kind, klass, code, remedy), entry)
        check(f'{status}: details', details in entry['details'] and
              bool(details) == bool(entry['details']), entry['details'])
        text = run('decode', status)
        check(f'{status}: text', text.code == 0 and all(
            entry[m] in text.out for m in
            ('status', 'name', 'kind', 'meaning', 'details', 'hint')),
              text.out)


def test_unknown():
    for status, kind in UNKNOWN:
        result = run('decode', status, '--json')
        entry = json.loads(result.out)['statuses'][0]
        check(f'{status}: exit code', result.code == 1, result.code)
        check(f'{status}: what the bits say',
              entry['known'] is False and entry['kind'] == kind and
              entry['meaning'], entry)
        text = run('decode', status)
        check(f'{status}: text', text.code == 1 and entry['meaning'] in
              text.out, text.out)


def test_several():
    result = run('decode', '0', '0xC000EE0000000000', '8000020000000000',
                 '--json')
    names = [s['name'] for s in json.loads(result.out)['statuses']]
    check('several: in order', names == ['SUCCESS', 'UNKNOWN', 'OPERAND_BUSY'],
          names)
    check('several: one is unknown', result.code == 1, result.code)
    text = run('decode', '0', '8000020000000000')
    check('several: text', text.code == 0 and 'SUCCESS' in text.out and
          'OPERAND_BUSY' in text.out, text.out)


def test_bad():
    for args in BAD:
        result = run('decode', *args)
        check(f'{args}: exit code', result.code == 2, result.code)
        check(f'{args}: nothing on stdout', result.out == '', result.out)
        check(f'{args}: message', 'tdxcore decode' in result.err, result.err)


def test_help():
    for args in ['--help'], ['-h'], ['--version'], ['--usage']:
        result = run('decode', *args)
        check(f'{args}', result.code == 0 and result.out, result.err)
    with open('/dev/full', 'wb') as full:
        for args in ['0'], ['0', '--json'], ['--help']:
            result = run('decode', *args, stdout=full)
            check(f'full disk {args}', result.code == 4 and result.err,
                  result.code)


if __name__ == '__main__':
    for test in [t for n, t in list(globals().items())
                 if n.startswith('test_')]:
        test()
    finish()
