#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause-Patent
"""tdxcore replay, seen from outside."""

import json
import os
import sys

from harness import SCRATCH, check, finish, run, write

TRACES = os.path.join(os.path.abspath(sys.argv[2]), 'traces')

HEADER = '''tdxtrace 1
lps 2 1
keyids 6 1f 20
pawidth 34
seamrr 90000000 8000000
fms 806f8
cacheblocks 4
cmr 100000 7ff00000
case a
'''
GOOD = HEADER + '''call 0 21 0
ret 0
check 1000 0
'''
ZEROS = ' 0' * 8
WRONG = HEADER + '''call 0 21 0
ret c000010000000001
check 1000 0 5
'''

BAD_USAGE = [
    [], ['--json'], ['--max', '3'], ['--max', 'x', 'good'],
    ['--max=', 'good'], ['--max=-1', 'good'], ['--max=0x1', 'good'],
    ['--max', '1' * 19, 'good'], ['--bogus', 'good'], ['--json=1', 'good'],
    ['--keep-going=1', 'good'],
]

BAD_TRACES = [
    ('empty', '', 'empty:1: '),
    ('blank', '\n# nothing\n', 'blank:2: '),
    ('other', 'tdxtrace 2\n', 'other:1: '),
    ('binary', b'\x7fELF\x02\x01\n', 'binary:1: '),
    ('noplatform', 'tdxtrace 1\ncase a\n', 'noplatform:2: '),
    ('cut', GOOD[:-1], 'cut:12: '),
    ('noanswer', HEADER + 'call 0 21 0\n', 'noanswer:10: '),
    ('garbage', GOOD + 'gibberish\n', 'garbage:13: '),
    ('nolp', HEADER + 'call 2 21 0\nret 0\n', 'nolp:10: '),
    ('bignumber', HEADER + 'call 0 21 0 11112222333344445\nret 0\n',
     'bignumber:10: '),
    ('endless', HEADER + 'repeat ffffffffffffffff call 0 2c 0\nret 0\n',
     'endless:10: '),
    ('machine', HEADER.replace('lps 2 1', 'lps 4000 1'), 'machine:9: '),
]


def last_line(text):
    return text.splitlines()[-1] if text else ''


def test_recorded():
    names = sorted(f for f in os.listdir(TRACES) if f.endswith('.trace'))
    check('there are 23 traces', len(names) >= 23, str(len(names)))
    paths = [os.path.join(TRACES, name) for name in names]
    result = run('replay', *paths)
    words = result.out.split()
    check('all of them: exit code 0', result.code == 0 and not result.err,
          result.out + result.err)
    check('all of them: one line', words[1:] == ['calls,', '0', 'mismatches'],
          result.out)
    check('all of them: every request', int(words[0]) >= 95435, result.out)

    result = run('replay', '--json', '--keep-going', *paths)
    root = json.loads(result.out)
    check('JSON: exit code 0', result.code == 0 and not result.err,
          result.err)
    check('JSON: members', list(root) == ['files', 'calls', 'mismatches'],
          str(list(root)))
    check('JSON: the same total', root['calls'] == int(words[0]) and
          root['mismatches'] == 0)
    check('JSON: a file each', [f['file'] for f in root['files']] == paths)
    check('JSON: files add up', root['calls'] == sum(
        f['calls'] for f in root['files']))
    for file in root['files']:
        requests = 0
        with open(file['file'], encoding='ascii') as f:
            for line in f:
                requests += line.split(' ')[0].strip() in (
                    'call', 'tdcall', 'exit', 'repeat', 'until')
        check(f'{file["file"]}: every request line counts',
              file['calls'] == requests, f'{file["calls"]} of {requests}')


def test_mismatches():
    write('good', GOOD)
    write('wrong', WRONG)
    result = run('replay', 'good')
    check('good: exit code', result.code == 0 and not result.err, result.err)
    check('good: totals', result.out == '1 calls, 0 mismatches\n', result.out)

    result = run('replay', 'wrong')
    check('wrong: exit code', result.code == 1 and not result.err, result.err)
    check('wrong: lines', result.out.splitlines() == [
        f'wrong:11: case a: got ret 0{ZEROS} want ret c000010000000001{ZEROS}',
        'wrong:12: case a: got 0 at 1008 want 5',
        '1 calls, 2 mismatches'], result.out)

    result = run('replay', 'wrong', 'good', 'wrong', '--max', '3')
    check('--max counts over all files', len(result.out.splitlines()) == 4 and
          last_line(result.out) == '3 calls, 4 mismatches', result.out)
    result = run('replay', '--max=0', 'wrong')
    check('--max=0', result.code == 1 and
          result.out == '1 calls, 2 mismatches\n', result.out)

    many = HEADER + 'call 0 21 0 1\nret 0\n' * 30
    write('many', many)
    result = run('replay', 'many')
    check('20 lines unless said otherwise',
          len(result.out.splitlines()) == 21 and
          last_line(result.out) == '30 calls, 30 mismatches', result.out)

    result = run('replay', '--json', 'good', 'wrong')
    root = json.loads(result.out)
    check('JSON of a mismatch: exit code', result.code == 1)
    check('JSON of a mismatch: totals', root['mismatches'] == 2 and
          [f['mismatches'] for f in root['files']] == [0, 2], result.out)
    check('JSON of a mismatch: lines are diagnostics',
          'wrong:11: case a: got' in result.err, result.err)


def test_step():
    """A guest that is not where the trace has it."""
    trace = HEADER + '''call 0 0 0
ret enter
tdcall 0 1
ret 0 30
exit 0
ret exit 1
call 0 21 0
ret 0
'''
    write('step', trace)
    result = run('replay', 'step')
    check('every line is compared', result.code == 1 and
          last_line(result.out) == '4 calls, 3 mismatches', result.out)
    check('what could not be asked is said',
          'step:13: case a: got nothing, LP 0 is not in guest want ret 0 30'
          in result.out, result.out)


def test_bad_traces():
    for name, content, where in BAD_TRACES:
        write(name, content)
        result = run('replay', name)
        check(f'{name}: exit code 3', result.code == 3, str(result.code))
        check(f'{name}: says where', f'tdxcore: {where}' in result.err,
              result.err)
        check(f'{name}: ends with the totals',
              last_line(result.out).endswith(' mismatches'), result.out)

    result = run('replay', 'missing')
    check('a missing file', result.code == 3 and
          'tdxcore: missing: No such file' in result.err, result.err)
    result = run('replay', SCRATCH.name)
    check('a folder', result.code == 3 and SCRATCH.name in result.err,
          result.err)

    result = run('replay', 'missing', 'wrong', 'garbage', 'good')
    check('a bad file does not stop the others', result.code == 3 and
          last_line(result.out) == '3 calls, 2 mismatches', result.out)
    result = run('replay', '--json', 'garbage', 'good')
    root = json.loads(result.out)
    check('JSON of a bad file', result.code == 3 and
          root['files'][0]['error'].startswith('garbage:13: ') and
          'error' not in root['files'][1], result.out)


def test_usage():
    for arguments in BAD_USAGE:
        result = run('replay', *arguments)
        check(f'usage {arguments}', result.code == 2 and not result.out and
              result.err, f'{result.code} {result.out}{result.err}')
    for option in ('-h', '--help', '--usage'):
        result = run('replay', option)
        check(f'{option}', result.code == 0 and 'FILE...' in result.out,
              result.out)
    check('the list of commands', 'replay' in run('--help').out)
    with open('/dev/full', 'wb') as full:
        result = run('replay', 'good', stdout=full)
    check('a full disk', result.code == 4 and result.err, result.err)


test_recorded()
test_mismatches()
test_step()
test_bad_traces()
test_usage()
finish()
