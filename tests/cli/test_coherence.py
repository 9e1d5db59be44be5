#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause-Patent
"""tdxcore coherence, seen from outside: the table equals the written one, cell
by cell, and every answer follows from it."""

import json
import os
import re

from harness import DATA, check, finish, run

TABLE = os.path.join(DATA, '..', 'tables', 'coherence.tsv')
SITES = ['reboot', 'kexec-remote', 'kexec-executing', 'crash-remote',
         'crash-executing', 'cpu-offline', 'suspend-s3', 'image-load']
MEMBERS = ['policy', 'site', 'platform', 'action', 'reasons', 'disable_first',
           'row', 'entry']
GUESTS = {'tdx-guest', 'snp-guest'}
# What a cell asks for, without a mark and with one.
ASKS = {'no': ('nothing', 'nothing'), 'yes': ('wbinvd', 'wbinvd'),
        'flag': ('nothing', 'wbinvd'), 'disable-flag': ('nothing', 'wbinvd'),
        'never': ('never', 'never'), 'refuse': ('refuse', 'refuse'),
        'ok': ('nothing', 'nothing'), 'degraded': ('degraded', 'degraded'),
        'n-a': ('nothing', 'wbinvd')}

BAD = [
    [], ['reboot'], ['--platform', 'tdx'], ['reboot', '--platform', 'vax'],
    ['lunch', '--platform', 'tdx'], ['reboot', 'reboot', '--platform', 'tdx'],
    ['--table', 'reboot'], ['--table', '--platform', 'tdx'],
    ['reboot', '--platform', 'tdx', '--policy', 'x'],
    ['reboot', '--platform', 'tdx', '--reason', 'tdx-enabled'],
    ['reboot', '--platform', 'tdx', '--bogus'],
]


def written():
    """Yield (policy, platform, site, cell, note, derived)."""
    with open(TABLE, encoding='utf-8') as file:
        for line in file.read().splitlines():
            if line.startswith('#'):
                continue
            policy, platform, label, *cells = line.split('\t')
            for site, cell in zip(SITES, cells, strict=True):
                alone = cell.endswith('*')
                cell, _, note = cell.rstrip('*').partition('|')
                yield (policy, platform, site, cell, note,
                       alone or label == 'derived')


def printed(*args):
    root = json.loads(run('coherence', '--table', '--json', *args).out)
    return [(policy, row['platform'], c['site'], c['cell'], c['note'],
             c['derived'])
            for policy, rows in root.items() for row in rows
            for c in row['cells']]


def test_table_json():
    want = list(written())
    check('the written table is whole', len(want) == 2 * 14 * 8, len(want))
    got = printed()
    for cell in want:
        check(f'cell {cell}', cell in got,
              [g for g in got if g[:3] == cell[:3]])
    check('no other cell', sorted(got) == sorted(want))
    for policy in 'static', 'tracked':
        check(f'{policy} alone', printed('--policy', policy) ==
              [c for c in got if c[0] == policy])


def test_table_text():
    """The same, read from what people see."""
    out = run('coherence', '--table').out
    notes = dict(re.findall(r'^\[(\d+)\] +(.*)$', out, re.M))
    got = []
    for block in out.split('\n\n')[:2]:
        head, *lines = block.splitlines()
        policy, *sites = head.split()
        check(f'{policy}: sites', sites == SITES, sites)
        for line in lines:
            platform, *cells = line.split()
            for site, cell in zip(sites, cells, strict=True):
                name, star, note = re.fullmatch(
                    r'([a-z-]+)(\*?)(?:\[(\d+)\])?', cell).groups()
                got.append((policy, platform, site, name,
                            notes[note] if note else '', bool(star)))
    check('text equals the written table', sorted(got) == sorted(written()),
          set(got) ^ set(written()))
    check('derived is said to be UNVERIFIED', 'UNVERIFIED' in out, out)


def answer(*args):
    result = run('coherence', *args, '--json')
    return result, json.loads(result.out)


def reason_of(platform):
    return ('sme' if platform.startswith(('sme', 'snp', 'sev', 'amd')) or
            platform == 'tdx-unused' else 'seamcall')


def test_answers():
    for policy, platform, site, cell, _, derived in written():
        if policy != 'tracked':
            continue
        for marked in False, True:
            args = [site, '--platform', platform]
            if marked:
                args += ['--reason', reason_of(platform)]
            result, root = answer(*args)
            want = ASKS[cell][marked]
            if platform in GUESTS and cell == 'n-a':
                want = 'never'
            check(f'{args}: action', root['action'] == want, root)
            check(f'{args}: members', list(root) == MEMBERS, list(root))
            check(f'{args}: exit code', result.code == (want == 'refuse') and
                  not result.err, result.err)
            check(f'{args}: entry', root['row'] == platform and
                  root['entry']['cell'] == cell and
                  root['entry']['derived'] is derived and
                  root['disable_first'] is (cell == 'disable-flag'), root)
            text = run('coherence', *args)
            check(f'{args}: text', text.code == result.code and
                  text.out.startswith(want + '\n') and
                  ('UNVERIFIED' in text.out) is derived, text.out)


def test_static():
    """One answer for every site that flushes, whatever the reasons."""
    able = {'no': 'nothing', 'yes': 'wbinvd', 'flag': 'wbinvd',
            'never': 'never'}
    for policy, platform, site, cell, _, _ in written():
        if policy != 'static' or site in ('suspend-s3', 'image-load'):
            continue
        for more in [], ['--reason', 'td']:
            _, root = answer(site, '--platform', platform, '--policy',
                             'static', *more)
            check(f'static {site} {platform} {more}',
                  root['action'] == able[cell], root)


def test_options():
    _, root = answer('crash-remote', '--platform', 'tdx', '--reason', 'td',
                     '--reason', 'conversion')
    check('reasons are told where nothing is done',
          (root['action'], root['reasons']) ==
          ('nothing', ['td', 'conversion']), root)
    _, root = answer('crash-remote', '--platform', 'tdx', '--reason', 'td',
                     '--strict')
    check('strict', root['action'] == 'wbinvd', root)
    _, root = answer('cpu-offline', '--platform', 'tdx', '--reason', 'td',
                     '--wbnoinvd')
    check('wbnoinvd offline', root['action'] == 'wbnoinvd', root)
    _, root = answer('kexec-remote', '--platform', 'tdx', '--reason', 'td',
                     '--wbnoinvd')
    check('wbnoinvd never at a hand-over', root['action'] == 'wbinvd', root)
    _, root = answer('reboot', '--platform', 'tdx-unused', '--reason',
                     'seamcall')
    check('a mark shows use', (root['row'], root['action']) ==
          ('tdx', 'wbinvd'), root)


def test_bad():
    for args in BAD:
        result = run('coherence', *args)
        check(f'{args}: exit code', result.code == 2, result.code)
        check(f'{args}: nothing on stdout', result.out == '', result.out)
        check(f'{args}: message', 'tdxcore coherence' in result.err,
              result.err)


def test_help():
    for args in ['--help'], ['-h'], ['--version'], ['--usage']:
        result = run('coherence', *args)
        check(f'{args}', result.code == 0 and result.out, result.err)
    check('listed', 'coherence' in run('--help').out)
    with open('/dev/full', 'wb') as full:
        for args in (['--table'], ['--table', '--json'],
                     ['reboot', '--platform', 'tdx']):
            result = run('coherence', *args, stdout=full)
            check(f'full disk {args}', result.code == 4 and result.err,
                  result.code)


if __name__ == '__main__':
    for test in [t for n, t in list(globals().items())
                 if n.startswith('test_')]:
        test()
    finish()
