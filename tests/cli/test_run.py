#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause-Patent
"""tdxcore run --module-only, seen from outside.

What is brought up must be what tdxcore plan prints for the same options, with
no SEAMCALL more than the module's rules ask for.
"""

import concurrent.futures
import glob
import json
import os

from harness import (DATA, SCRATCH, check, finish, machine, on_terminal, run,
                     write)

GIB = 0x40000000
KEYS = ['status', 'reason', 'hint', 'module_version', 'dynamic_pamt',
        'packages', 'cpus', 'threads', 'steps', 'tdmrs', 'pamt_bytes',
        'usable_bytes', 'seamcalls', 'retries']
STEPS = ['SYS.INIT', 'SYS.RD', 'plan', 'place', 'SYS.CONFIG', 'flush',
         'SYS.KEY.CONFIG', 'SYS.TDMR.INIT']
# Its source quotes reserved ranges only.
NO_RAM = {'cxl-amd-1tb-hole-partial.e820'}

EVERY_MAP = [
    [],
    ['--dynamic-pamt'],
    ['--cmr', 'span', '--max-tdmrs', '3', '--max-reserved', '2', '--economy'],
]

SMALL = '0x100000 0x7fffffff usable\n0x100000000 0x1ffffffff usable\n'


def run_module(*args, **more):
    return run('run', '--module-only', *args, **more)


def in_gibs(plan):
    return sum(int(t['size'], 16) for t in plan['tdmrs']) // GIB


def fewest_calls(plan, cpus, packages):
    """What no bring-up can do without."""
    calls = {'SYS.INIT': 1, 'SYS.LP.INIT': cpus, 'SYS.RDALL': 1,
             'SYS.CONFIG': 1, 'SYS.KEY.CONFIG': packages,
             'SYS.TDMR.INIT': in_gibs(plan) *
             (64 if plan['limits']['dynamic_pamt'] else 256)}
    return calls


def faults_of(ran, plan, cpus=4, packages=2):
    """Yield what is wrong with a bring-up that should have been this plan."""
    if list(ran) != KEYS:
        yield f'members {list(ran)}'
    if ran['status'] != 'ok' or ran['reason'] or ran['hint']:
        yield f'{ran["status"]}: {ran["reason"]}'
    if ran['tdmrs'] != len(plan['tdmrs']):
        yield f'{ran["tdmrs"]} TDMRs'
    for member in 'pamt_bytes', 'usable_bytes':
        if ran[member] != plan[member]:
            yield f'{member}: {ran[member]}, planned {plan[member]}'
    if ran['dynamic_pamt'] != plan['limits']['dynamic_pamt']:
        yield 'another kind of PAMT'
    if ran['seamcalls'] != fewest_calls(plan, cpus, packages):
        yield f'SEAMCALLs {ran["seamcalls"]}'
    if ran['retries'] != 0:
        yield f'{ran["retries"]} retries'
    if (ran['cpus'], ran['packages']) != (cpus, packages):
        yield f'{ran["cpus"]} CPUs, {ran["packages"]} packages'
    yield from faults_of_steps(ran)


def faults_of_steps(ran):
    steps = ran['steps']
    if [s['name'] for s in steps] != STEPS:
        yield f'steps {[s["name"] for s in steps]}'
    if any(list(s) != ['name', 'seconds', 'seamcalls'] for s in steps):
        yield 'members of a step'
    if any(s['seconds'] < 0 for s in steps):
        yield 'time runs backwards'
    if sum(s['seamcalls'] for s in steps) != sum(ran['seamcalls'].values()):
        yield 'a SEAMCALL outside the steps'


def judge(name, result, plan, **shape):
    if not check(f'{name}: exit code', result.code == 0,
                 f'{result.code}: {result.err}'):
        return
    bad = list(faults_of(json.loads(result.out), plan, **shape))
    check(f'{name}: as planned', not bad, '; '.join(bad))


# --- every machine ------------------------------------------------------------


def plan_and_run(case):
    path, options = case
    return (path, options, run('plan', path, '--json', *options),
            run_module(path, '--json', *options))


def test_every_map():
    found = sorted(sum((glob.glob(f'{DATA}/*.{end}')
                        for end in ('e820', 'iomem', 'efimap')), []))
    check('there are machines', len(found) >= 196, len(found))
    cases = [(path, options) for options in EVERY_MAP for path in found]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for path, options, planned, ran in pool.map(plan_and_run, cases):
            judge_map(os.path.basename(path), options, planned, ran)


def judge_map(name, options, planned, ran):
    label = ' '.join([name] + options)
    if planned.code == 0:
        judge(label, ran, json.loads(planned.out))
        check(f'{label}: nothing to say', ran.err == '', ran.err)
        return
    check(f'{label}: no layout', name in NO_RAM and planned.code == 1 and
          ran.code == 1 and json.loads(ran.out)['status'] == 'infeasible' and
          json.loads(ran.out)['reason'] in ran.err, ran.err)


def test_cmr_files():
    name = 'tdx-emr-foxcreekpass-256g'
    options = [machine(name + '.e820'), '--json',
               '--cmr-file', machine(name + '.tdxlog')]
    plan = run('plan', *options)
    judge('CMRs of a log', run_module(*options),
          json.loads(plan.out))
    write('plan.json', plan.out)
    judge('what plan prints', run_module('plan.json', '--json'),
          json.loads(run('plan', 'plan.json', '--json').out))


# --- processors ---------------------------------------------------------------


def test_processors():
    write('small', SMALL)
    plan = json.loads(run('plan', 'small', '--json').out)
    for packages, cpus, threads in ((1, 1, 1), (1, 2, 2), (3, 7, 2), (8, 8, 8),
                                    (2, 256, 16), (8, 256, 1)):
        result = run_module('small', '--json', '--packages', packages,
                            '--cpus', cpus, '--threads', threads)
        judge(f'{cpus} CPUs in {packages} packages, {threads} threads', result,
              plan, cpus=cpus, packages=packages)
        check('as many threads as asked for',
              json.loads(result.out)['threads'] == threads)
    result = run_module('small', '--json', '--packages', '5')
    judge('two CPUs per package', result, plan, cpus=10, packages=5)
    result = run_module('small', '--json', '--cpus', '2')
    check('no more threads than CPUs',
          json.loads(result.out)['threads'] <= 2, result.out)


# --- more CMRs than a module reports ------------------------------------------


def pieces(nr, start, size, step):
    return ''.join(f'{start + i * step:#x} {start + i * step + size - 1:#x} '
                   'usable\n' for i in range(nr))


def test_many_cmrs():
    low = pieces(20, 0x10000000, 0x1000000, 0x2000000)
    high = pieces(30, 0x100000000, 0x4000000, 0x8000000)
    write('many', low + high + '0x200000000 0x27fffffff usable\n')
    plan = json.loads(run('plan', 'many', '--json').out)
    check('more than 32 CMRs', len(plan['cmrs']) == 51, len(plan['cmrs']))
    result = run_module('many', '--json')
    judge('51 CMRs', result, plan)
    check('51 CMRs: the module reports 32', '51 CMRs' in result.err and
          'the module reports 32' in result.err, result.err)
    write('border', pieces(33, 0x80000000, 0x1000000, 0x2000000) +
          '0xfff00000 0xffffffff usable\n0x100001000 0x17fffffff usable\n')
    result = run_module('border', '--json')
    judge('CMRs around 4 GiB', result,
          json.loads(run('plan', 'border', '--json').out))


# --- text, drawing, progress --------------------------------------------------


def test_text():
    write('small', SMALL)
    for options in [], ['--dynamic-pamt']:
        result = run_module('small', *options)
        check('text: exit code', result.code == 0 and not result.err,
              result.err)
        for word in [
                'Ready', 'SYS.LP.INIT', 'SYS.TDMR.INIT', 'TDMRs', 'PAMT',
                'retries', 'CPUs', '2 packages']:
            check(f'text has {word}', word in result.out, result.out)
        calls = json.loads(run_module('small', '--json', *options).out)
        for leaf, count in calls['seamcalls'].items():
            check(f'text counts {leaf}',
                  any(line.split() == [leaf, str(count)]
                      for line in result.out.splitlines()), result.out)


def test_text_without_a_layout():
    result = run_module(machine('cxl-amd-1tb-hole-partial.e820'))
    check('no layout: said', result.code == 1 and 'Not ready' in result.out and
          'no layout' in result.err, result.err)


def test_drawing():
    name = machine('acer-extensa-5630-4g.e820')
    first = run('plan', name, '--svg', 'plan.svg')
    second = run_module(name, '--svg', 'run.svg')
    drawings = []
    for drawing in 'plan.svg', 'run.svg':
        with open(os.path.join(SCRATCH.name, drawing), 'rb') as f:
            drawings.append(f.read())
    check('run draws what plan draws', first.code == second.code == 0 and
          drawings[0] == drawings[1])


def test_progress():
    name = machine('hp-superdome2-16s-12t.e820')
    code, out, seen = on_terminal('run', '--module-only', '--json', name)
    check('terminal: exit code', code == 0 and json.loads(out), seen)
    check('terminal: progress', 'SYS.TDMR.INIT' in seen and '%' in seen and
          'GiB' in seen, repr(seen))
    check('terminal: taken away', seen.endswith('\r\x1b[K'), repr(seen[-20:]))
    result = run_module(name)
    check('no terminal: no progress', result.code == 0 and result.err == '',
          result.err)


# --- what is refused ----------------------------------------------------------

BAD_USAGE = [
    [], ['--json'], ['--packages', '2', 'small'],
    ['--module-only', 'small', 'small'], ['--module-only', '--bogus', 'small'],
    ['--module-only=1', 'small'], ['--module-only', '--packages', '0', 'small'],
    ['--module-only', '--packages', '9', 'small'],
    ['--module-only', '--packages', 'x', 'small'],
    ['--module-only', '--packages=', 'small'],
    ['--module-only', '--cpus', '0', 'small'],
    ['--module-only', '--cpus', '257', 'small'],
    ['--module-only', '--cpus', '1', 'small'],
    ['--module-only', '--packages', '5', '--cpus', '4', 'small'],
    ['--module-only', '--threads', '0', 'small'],
    ['--module-only', '--threads', '5', 'small'],
    ['--module-only', '--threads', '-1', 'small'],
    ['--module-only', '--max-tdmrs', '65', 'small'],
    ['--module-only', '--max-reserved', '17', 'small'],
    ['--module-only', '--pamt-entry', '16,16,8', 'small'],
    ['--module-only', '--cmr', 'ram', '--cmr', 'span', 'small'],
    # Wrong usage is said even where the input is bad, too.
    ['--module-only', '--packages', '9', 'missing'],
]

BAD_INPUT = [
    ('missing', None, [], 'missing: '),
    ('empty', '', [], 'empty:1: '),
    ('binary', b'\x7fELF\x02\x01\n', [], 'binary:1: '),
    ('inverted', '0x200000 0x1fffff usable\n', [], 'inverted:1: '),
    ('high', '0x100000 0xfffffff usable\n'
     '0x3ffffff00000 0x400000000fff usable\n', [], 'high:2: '),
    ('small', SMALL, ['--cmr', '400000000000:1000'], '--cmr'),
    ('small', SMALL, ['--cmr-file', 'high.cmr'], 'high.cmr:2: '),
    ('small', SMALL, ['--cmr-file', 'missing.cmr'], 'missing.cmr: '),
]


def test_usage():
    write('small', SMALL)
    for args in BAD_USAGE:
        result = run('run', *args)
        check(f'usage {args}', result.code == 2 and not result.out and
              result.err, f'{result.code}: {result.err}')


def test_input():
    write('high.cmr', '0x100000 0x7ff00000\n0x3ffffffff000 0x2000\n')
    for name, content, options, start in BAD_INPUT:
        if content is not None:
            write(name, content)
        result = run_module(name, *options)
        check(f'input {name} {options}', result.code == 3 and not result.out
              and result.err.startswith(f'tdxcore: {start}'),
              f'{result.code}: {result.err}')


def test_high_memory():
    """Up to the last byte below 64 TiB, and what is no RAM anywhere."""
    write('edge', '0x100000 0x7fffffff usable\n'
          '0x3fff80000000 0x3fffffffffff usable\n'
          '0xfd00000000000 0xfffffffffffff reserved\n')
    judge('64 TiB', run_module('edge', '--json'),
          json.loads(run('plan', 'edge', '--json').out))


def test_standard_input():
    judge('standard input', run_module('-', '--json', stdin=SMALL.encode()),
          json.loads(run('plan', '-', '--json', stdin=SMALL.encode()).out))


def test_full():
    write('small', SMALL)
    with open('/dev/full', 'wb') as full:
        for more in [], ['--json'], ['--help']:
            result = run_module('small', *more, stdout=full)
            check(f'full disk {more}', result.code == 4 and result.err,
                  result.err)
    result = run_module('small', '--svg', '/nowhere/x.svg')
    check('a drawing that cannot be written', result.code == 4 and
          not result.out and '/nowhere/x.svg' in result.err, result.err)


def test_help():
    for args in ['--help'], ['-h'], ['--usage'], ['--version']:
        result = run('run', *args)
        check(f'run {args}', result.code == 0 and result.out, result.err)
    text = run('run', '--help').out
    for option in ('module-only', 'packages', 'cpus', 'threads', 'cmr', 'numa',
                   'dynamic-pamt', 'json', 'svg', 'help', 'version'):
        check(f'--help names --{option}', f'--{option}' in text)
    check('tdxcore --help names it', '  run ' in run('--help').out)


if __name__ == '__main__':
    for test in [t for n, t in list(globals().items())
                 if n.startswith('test_')]:
        test()
    finish()
