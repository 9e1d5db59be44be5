#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause-Patent
"""tdxcore run SCENARIO, seen from outside.

Every example comes out right and says so; what is wrong is reported with its
line; what cannot be read is refused.
"""

import glob
import json
import os
import signal
import subprocess

from harness import (DATA, SCRATCH, TOOL, check, finish, on_terminal, run,
                     write)

EXAMPLES = os.path.join(DATA, '..', '..', '..', 'examples')
KEYS = ['tds', 'bytes_verified', 'seamcalls', 'broadcasts', 'retries',
        'quarantined', 'audit']

SCALE = int(os.environ.get('TDXC_TEST_SCALE') or 100)
# Left out by the slower tools, under which test_play does the same things.
LONG = {'churn', 'resize', 'storm', 'two-tds'}

# What each must have done, beside what it expects of itself.
MOST = {
    'churn': ('tds', 13),
    'first-steps': ('bytes_verified', 16 << 20),
    'hotplug': ('bytes_verified', 64 << 20),
    'kexec': ('tds', 4),
    'lost-page': ('quarantined', 1),
    'old-module': ('tds', 2),
    'real-machine': ('bytes_verified', 32 << 20),
    'resize': ('bytes_verified', 64 << 20),
    'storm': ('retries', 1),
    'two-tds': ('bytes_verified', 512 << 20),
    'unshare': ('bytes_verified', 128 << 20),
}

MACHINE = 'machine memory 2G cpus 4\n'
TD = MACHINE + 'td a memory 32M\n'


# --- what is right ------------------------------------------------------------


def judge(name, result):
    """The object that a scenario without fault prints."""
    if not check(f'{name}: exit code', result.code == 0 and not result.err,
                 f'{result.code}: {result.err}'):
        return None
    out = json.loads(result.out)
    check(f'{name}: members', list(out) == KEYS, list(out))
    check(f'{name}: audit', out['audit'] == 'ok', out['audit'])
    check(f'{name}: bytes', out['bytes_verified'] > 0)
    check(f'{name}: calls', out['seamcalls'].get('MNG.CREATE') == out['tds'],
          out['seamcalls'])
    return out


def test_every_example():
    found = sorted(glob.glob(os.path.join(EXAMPLES, '*.scenario')))
    names = [os.path.basename(f)[:-len('.scenario')] for f in found]
    check('the examples', names == sorted(MOST), names)
    for name, path in zip(names, found):
        if SCALE < 100 and name in LONG:
            continue
        out = judge(name, run('run', os.path.abspath(path), '--json'))
        if out and name in MOST:
            member, least = MOST[name]
            check(f'{name}: {member}', out[member] >= least, out[member])


def test_two_large_tds():
    """The example that issues ask for is as large as they ask."""
    with open(os.path.join(EXAMPLES, 'two-tds.scenario')) as f:
        lines = [line.split() for line in f if line.startswith('td ')]
    check('8 vCPUs and 4 GiB each', [line[2:6] for line in lines] ==
          [['vcpus', '8', 'memory', '4G']] * 2, lines)


def test_text():
    scenario = TD + 'guest a write 2M..4M\nrepeat 2\nparallel\n' \
        'guest a verify 2M..4M\nhost a migrate\nend\nend\nteardown a\n'
    result = run('run', write('text.scenario', scenario))
    check('text: exit code', result.code == 0 and not result.err, result.err)
    for word in ['Scenario  text.scenario, seed 1', '2 GiB, 4 CPUs in 2 '
                 'packages, static PAMT', 'Verified', 'Broadcasts',
                 'Quarantined  0 pages', 'Audit        ok', 'VP.ENTER',
                 'retries', '3  guest a write 2M..4M', '8  end']:
        want = word != '8  end'
        check(f'text has {word}' if want else f'text has no {word}',
              (word in result.out) == want, result.out)
    check('text: each round of a repeat',
          result.out.count('guest a verify 2M..4M') == 2, result.out)
    with open(os.path.join(SCRATCH.name, 'text.scenario'), 'rb') as f:
        text = f.read()
    result = run('run', '-', '--json', stdin=text)
    judge('standard input', result)


def test_seeds():
    # One vCPU and one thing at a time: nothing is left to the scheduler.
    name = write('seed.scenario', MACHINE + 'seed 5\ntd a vcpus 1 memory 16M\n'
                 'inject busy 1/20\nguest a storm 2M..8M times 2\n')
    same = [judge(f'seed: {args}', run('run', name, '--json', *args))
            for args in ([], [], ['--seed', '5'], ['--seed', '0x5'])]
    other = judge('seed 6', run('run', name, '--json', '--seed', '6'))
    check('the same seed, the same calls', all(s == same[0] for s in same),
          same)
    check('another seed, other calls', other != same[0], other)


def test_progress():
    name = write('slow.scenario', TD + 'guest a write all\nguest a verify all\n')
    code, out, seen = on_terminal('run', name, '--json')
    check('terminal: exit code', code == 0 and json.loads(out), seen)
    check('terminal: progress', all(f'slow.scenario: line {n} done' in seen
                                    for n in (2, 3, 4)), repr(seen))
    check('terminal: taken away', seen.endswith('\r\x1b[K'), repr(seen))


def test_map():
    """A memory map is looked for beside the scenario."""
    os.makedirs(os.path.join(SCRATCH.name, 'below'), exist_ok=True)
    write('below/a.map', '0x100000 0x7fffffff usable\n'
          '0x100000000 0x13fffffff usable\n')
    name = write('below/map.scenario', 'machine map a.map cpus 2\ntd a memory '
                 '16M\n')
    judge('map', run('run', name, '--json'))
    check('text names the map', 'below/a.map' in run('run', name).out)


def test_dynamic_pamt():
    for switch, least in ('on', 1), ('off', 0):
        name = write('pamt.scenario', f'machine dynamic-pamt {switch}\n'
                     'td a memory 32M large off\nguest a write 2M..6M\n')
        out = judge(f'dynamic PAMT {switch}', run('run', name, '--json'))
        pairs = out['seamcalls'].get('PHYMEM.PAMT.ADD', 0)
        check(f'dynamic PAMT {switch}: pairs', (pairs > 0) == (least > 0),
              pairs)


def test_events():
    """What the library says of a hotplug event is told to people."""
    name = write('events.scenario', 'machine memory 1G track on\n'
                 'td a memory 16M\nplug 8G..9G driver allowed\n'
                 'plug 4G..5G acpi refused\nunplug 4608M..5G warned\n'
                 'offline 0 allowed\n')
    judge('events', run('run', name, '--json'))
    text = run('run', name).out
    for words in ['driver-add [mem 0x200000000-0x23fffffff]: allow',
                  'acpi-add [mem 0x100000000-0x13fffffff]: refuse, firmware '
                  'bug or attack', 'acpi-remove [mem 0x120000000-0x13fffffff]'
                  ': warn, firmware bug', 'cpu-offline: allow',
                  '3  plug 8G..9G driver allowed']:
        check(f'events: {words}', words in text, text)


def test_kernels():
    """A module for each kernel of the host; the counters are of them all."""
    name = write('kernels.scenario', 'machine memory 1G cpus 4 dynamic-pamt on\n'
                 'td a memory 16M\nguest a share 2M..4M\nunshare a\nkexec\n'
                 'td a memory 16M\nguest a write 2M..4M\ncrash\n')
    out = judge('kernels', run('run', name, '--json'))
    for leaf, calls in ('SYS.INIT', 2), ('SYS.LP.INIT', 8), ('MNG.CREATE', 2):
        check(f'kernels: {leaf}', out['seamcalls'][leaf] == calls,
              out['seamcalls'])
    check('kernels: bytes', out['bytes_verified'] >= 2 << 20, out)


# --- what is wrong ------------------------------------------------------------

# Scenario, line of the fault, words of the message, members of the output.
WRONG = [
    ('a scenario that verifies nothing', TD + 'host a balloon all\n', None,
     'no byte was verified', {'bytes_verified': 0, 'audit': 'ok'}),
    ('an expectation', TD + 'expect tds = 2\n', 3,
     'expect tds = 2, but it is 1', {'tds': 1}),
    ('an expectation at least', TD + 'expect verified >= 1G\n', 3,
     'expect verified >= 1G, but it is 65536', {'bytes_verified': 65536}),
    ('an expectation at most', TD + 'expect seamcalls MNG.CREATE <= 0\n', 3,
     'but it is 1', {}),
    ('a page that does not come back', TD + 'guest a write 2M..4M\n'
     'inject fail MEM.PAGE.REMOVE\nhost a balloon 2M..4M\n', 5,
     'TD a is dead: SEAMCALL MEM.PAGE.REMOVE: 0xc000010000000001 '
     'OPERAND_INVALID', {'quarantined': 512, 'tds': 1}),
    ('a page that nobody expects to be lost', TD + 'guest a write 2M..4M\n'
     'guest a verify all\n'
     'inject fail MEM.PAGE.REMOVE\nhost a balloon 2M..4M may-fail\n', None,
     '512 pages were quarantined', {'quarantined': 512}),
    ('a page that a guest does not get', TD + 'inject fail MEM.PAGE.AUG\n'
     'guest a write 2M..4M\n', 4, 'TD a is dead: SEAMCALL MEM.PAGE.AUG', {}),
    ('a dead TD', TD + 'guest a write 2M..4M\ninject fail MEM.PAGE.REMOVE\n'
     'host a balloon 2M..4M may-fail\nguest a verify all\n', 6, 'TD a is dead',
     {}),
    ('a TD that is not created', MACHINE + 'inject fail MNG.INIT\ntd a\n', 3,
     'TD a: not created', {'tds': 0}),
    ('a TD that is not final', MACHINE + 'inject fail MR.FINALIZE\ntd a\n', 3,
     'TD a: not built: TDXC_E_IO: SEAMCALL MR.FINALIZE', {}),
    ('a TD that is not taken down', TD + 'inject fail PHYMEM.PAGE.RECLAIM\n'
     'teardown a\n', 4, 'TD a: not taken down well', {}),
    ('memory that is not there', 'machine memory 1G cpus 2\ntd a memory 4G\n'
     'host a populate all\n', 3, 'TD a: populate at 0x0: TDXC_E_NOMEM', {}),
    ('nothing to demote', TD + 'host a demote 2M..4M\n', 3,
     'TD a: demote at 0x200000: there was nothing to do it to', {}),
    ('nothing to promote', TD + 'host a promote 2M..4M\n', 3,
     'nothing to do it to', {}),
    ('nothing to move', TD + 'host a relocate 2M..4M\n', 3,
     'nothing to do it to', {}),
    ('no table to remove', TD + 'host a remove-tables 2M..4M\n', 3,
     'nothing to do it to', {}),
    ('nothing private to take', TD + 'guest a share 2M..3M\n'
     'host a balloon 2M..3M\n', 4, 'nothing to do it to', {}),
    ('memory that may not come', TD + 'plug 8G..9G acpi allowed\n', 3,
     'allowed expected, but the answer is refuse: policy', {}),
    ('memory in use that goes', TD + 'unplug 2M..1G warned\n', 3,
     'pages of it are in use', {}),
    ('the last of a package', TD + 'offline 0 allowed\noffline 1 allowed\n',
     4, 'allowed expected, but the answer is refuse: its package has no other',
     {}),
    ('no page for tables', TD + 'guest a write all\nunshare a\n', 4,
     'TD a: no memory for page tables', {'bytes_verified': 0}),
    ('too many failures', TD + 'inject busy 1/9 MEM.TRACK\n' * 17, 19,
     'more than 16 failures', {}),
]


def test_wrong():
    for name, scenario, line, words, members in WRONG:
        write('wrong.scenario', scenario)
        result = run('run', 'wrong.scenario', '--json')
        start = 'tdxcore: wrong.scenario' + (f':{line}: ' if line else ': ')
        check(f'wrong, {name}: said', result.code == 1 and
              result.err.startswith(start) and words in result.err,
              f'{result.code}: {result.err}')
        out = json.loads(result.out)
        check(f'wrong, {name}: members', list(out) == KEYS and
              out.items() >= members.items(), result.out)
        check(f'wrong, {name}: the machine is not', out['audit'] == 'ok',
              out['audit'])
        text = run('run', 'wrong.scenario')
        check(f'wrong, {name}: text', text.code == 1 and
              text.err == result.err and 'Audit' in text.out, text.err)


def is_playing(process):
    """Whether it has threads, and so has begun."""
    try:
        return len(os.listdir(f'/proc/{process.pid}/task')) > 1
    except FileNotFoundError:
        return False


def test_stopped():
    """The host aborts where a page has two owners; that is an answer, too."""
    name = write('long.scenario', TD + 'guest a verify all times 1000000\n')
    process = subprocess.Popen([TOOL, 'run', name, '--json'],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               cwd=SCRATCH.name)
    while not is_playing(process) and process.poll() is None:
        pass
    process.send_signal(signal.SIGABRT)
    out, err = process.communicate(timeout=60)
    check('stopped', process.returncode == 1 and not out and
          b'an invariant is broken' in err, f'{process.returncode}: {err}')


# --- what is refused ----------------------------------------------------------

BAD_INPUT = [
    ('missing.scenario', None, 'missing.scenario: No such file'),
    ('.', None, '.: Is a directory'),
    ('empty.scenario', '', 'empty.scenario:1: the file is empty'),
    ('comment.scenario', '# nothing\n', 'comment.scenario:1: expected at '
     'least one td'),
    ('binary.scenario', b'\x7fELF\x02\x01\n', 'binary.scenario:1: expected'),
    ('word.scenario', 'td a\nguest b write all\n', 'word.scenario:2: expected '
     'a TD'),
    ('large.scenario', '#' * ((1 << 20) + 1), 'large.scenario: larger'),
    ('dead.scenario', 'td a\nkexec\naudit\n', 'dead.scenario:3: expected '
     'nothing but expect'),
    ('event.scenario', 'td a\nplug 8G..9G acpi\n', 'event.scenario:2: '
     'expected what the answer must be'),
    ('nomap.scenario', 'machine map no.map\ntd a\n', 'no.map: No such file'),
    ('badmap.scenario', 'machine map bad.map\ntd a\n', 'bad.map:1: '),
    ('bigmap.scenario', 'machine map big.map\ntd a\n', 'big.map: too much '
     'memory'),
    ('highmap.scenario', 'machine map high.map\ntd a\n', 'high.map: too much '
     'memory'),
]

BAD_USAGE = [
    ['--json'], ['--seed', '1'], ['a', 'b'], ['good', '--bogus'],
    ['good', '--seed'], ['good', '--seed', 'x'], ['good', '--seed', '-1'],
    ['good', '--seed', '1x'], ['good', '--seed', '18446744073709551616'],
    ['good', '--packages', '2'], ['good', '--cpus', '2'],
    ['good', '--threads', '2'], ['good', '--dynamic-pamt'],
    ['good', '--cmr', 'span'], ['good', '--cmr', '100000:100000'],
    ['good', '--cmr-file', 'x'], ['good', '--numa', 'x'],
    ['good', '--node', '0-fffff:0'], ['good', '--svg', 'x.svg'],
    ['good', '--economy'], ['good', '--max-tdmrs', '3'],
    ['--module-only', '--seed', '1', 'small'],
]


def test_input():
    write('bad.map', 'bogus\n')
    write('big.map', '0x100000000 0x50ffffffff usable\n')
    write('high.map', '0x100000 0x7fffffff usable\n'
          '0x3ff000000000 0x3ff03fffffff usable\n')
    for name, content, start in BAD_INPUT:
        if content is not None:
            write(name, content)
        result = run('run', name)
        check(f'input {name}', result.code == 3 and not result.out and
              result.err.startswith(f'tdxcore: {start}'),
              f'{result.code}: {result.err}')


def test_usage():
    write('good', TD)
    for args in BAD_USAGE:
        result = run('run', *args)
        check(f'usage {args}', result.code == 2 and not result.out and
              result.err, f'{result.code}: {result.err}')


def test_full():
    name = write('full.scenario', TD)
    with open('/dev/full', 'wb') as full:
        for more in [], ['--json']:
            result = run('run', name, *more, stdout=full)
            check(f'full disk {more}', result.code == 4 and result.err,
                  result.err)


def test_help():
    text = run('run', '--help').out
    for word in 'SCENARIO', '--seed', '--module-only', '--json':
        check(f'--help names {word}', word in text, text)


if __name__ == '__main__':
    for test in [t for n, t in list(globals().items())
                 if n.startswith('test_')]:
        test()
    finish()
