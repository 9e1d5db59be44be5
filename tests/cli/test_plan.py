#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause-Patent
"""tdxcore plan, seen from outside.

What a layout must satisfy is computed here from the text of the map, in Python
and without the library, so that a mistake would have to be made twice.
"""

import json
import os
import re
import xml.dom.minidom

from harness import DATA, SCRATCH, check, finish, machine, run, write

PAGE = 0x1000
MIB = 0x100000
GIB = 0x40000000
FOUR_GIB = 0x100000000
LEVELS = {'4k': 262144, '2m': 512, '1g': 1}
REASONS = {'legacy', 'not-convertible', 'pamt', 'limit', 'uneconomic'}
KEYS = ['status', 'reason', 'limits', 'cmrs', 'memory', 'excluded', 'tdmrs',
        'pamt_bytes', 'usable_bytes', 'lost_bytes']

# --- lists of ranges ----------------------------------------------------------


def joined(ranges):
    out = []
    for start, end in sorted(r for r in ranges if r[0] < r[1]):
        if out and start <= out[-1][1]:
            out[-1][1] = max(out[-1][1], end)
        else:
            out.append([start, end])
    return [tuple(r) for r in out]


def minus(a, b):
    out = []
    for start, end in a:
        for cut, until in b:
            if until <= start or cut >= end:
                continue
            if cut > start:
                out.append((start, cut))
            start = max(start, until)
            if start >= end:
                break
        if start < end:
            out.append((start, end))
    return out


def size(ranges):
    return sum(end - start for start, end in ranges)


def disjoint(ranges):
    ordered = sorted(ranges)
    return all(a[1] <= b[0] for a, b in zip(ordered, ordered[1:]))


def within(inner, outer):
    return not minus(joined(inner), joined(outer))


# --- maps, read once more -----------------------------------------------------


def lines_of(path):
    with open(path, errors='replace') as f:
        return f.read().splitlines()


def ram_of(path):
    """Whole pages of RAM: touching ranges are joined before they are trimmed."""
    ram = []
    for line in lines_of(path):
        if path.endswith('.iomem'):
            m = re.match(r'([0-9a-f]+)-([0-9a-f]+) : (.*)', line)
            name = 'System RAM'
        else:
            m = re.match(r'0x([0-9a-f]+) 0x([0-9a-f]+) (.*)', line)
            name = 'usable'
        if m and m.group(3).strip() == name:
            ram.append((int(m.group(1), 16), int(m.group(2), 16) + 1))
    return joined((-(-start // PAGE) * PAGE, end // PAGE * PAGE)
                  for start, end in joined(ram))


# --- what a layout must satisfy -----------------------------------------------


def base_size(entry):
    assert re.fullmatch(r'0x[0-9a-f]+', entry['base']), entry
    assert re.fullmatch(r'0x[0-9a-f]+', entry['size']), entry
    base = int(entry['base'], 16)
    return (base, base + int(entry['size'], 16))


def pamt_size(limits, level, gibs):
    if limits['dynamic_pamt'] and level == '4k':
        bits = LEVELS[level] * gibs
        return -(-(bits // 8) // PAGE) * PAGE
    entry = limits['pamt_entry_size'][level]
    return -(-(LEVELS[level] * gibs * entry) // PAGE) * PAGE


def faults_of_tdmr(tdmr, limits, cmrs):
    """Yield what is wrong with one TDMR by itself."""
    if list(tdmr) != ['base', 'size', 'pamt_4k', 'pamt_2m', 'pamt_1g',
                      'reserved']:
        yield f'members {list(tdmr)}'
    start, end = base_size(tdmr)
    if start % GIB or end % GIB or start >= end:
        yield f'TDMR {start:#x} not in GiBs'
    for level in LEVELS:
        pamt = base_size(tdmr['pamt_' + level])
        if pamt[0] % PAGE:
            yield f'PAMT {level} at {pamt[0]:#x}'
        if pamt[1] - pamt[0] != pamt_size(limits, level, (end - start) // GIB):
            yield f'PAMT {level} has {pamt[1] - pamt[0]:#x} bytes'
    if len(tdmr['reserved']) > limits['max_reserved_per_tdmr']:
        yield f'{len(tdmr["reserved"])} reserved areas'
    last = 0
    for area in tdmr['reserved']:
        offset, length = int(area['offset'], 16), int(area['size'], 16)
        if offset % PAGE or length % PAGE or length == 0 or offset < last \
                or offset + length > end - start:
            yield f'reserved area {area}'
        last = offset + length
    if not within(minus([(start, end)], reserved_of(tdmr)), cmrs):
        yield 'reaches beyond the CMRs'


def reserved_of(tdmr):
    base = int(tdmr['base'], 16)
    out = []
    for area in tdmr['reserved']:
        start = base + int(area['offset'], 16)
        out.append((start, start + int(area['size'], 16)))
    return out


def faults(plan, ram):
    """Yield everything that is wrong with a layout for this RAM."""
    if list(plan) != KEYS:
        yield f'members {list(plan)}'
    limits = plan['limits']
    cmrs = [base_size(c) for c in plan['cmrs']]
    memory = [base_size(m) for m in plan['memory']]
    excluded = {reason: [] for reason in REASONS}
    for entry in plan['excluded']:
        excluded[entry['reason']].append(base_size(entry))
    everything = memory + sum(excluded.values(), [])
    if not disjoint(everything) or joined(everything) != ram:
        yield 'memory and excluded are not the RAM'
    if memory != sorted(memory) or not all(
            isinstance(m['node'], int) for m in plan['memory']):
        yield 'memory'
    if joined(cmrs) != cmrs:
        yield 'CMRs not ascending, or touching'
    below = minus(ram, [(MIB, 1 << 52)])
    if joined(excluded['legacy']) != below:
        yield 'legacy is not the RAM below 1 MiB'
    if joined(excluded['not-convertible']) != minus(minus(ram, cmrs), below):
        yield 'not-convertible is not the RAM outside the CMRs'
    yield from faults_of_totals(plan, memory, excluded)
    yield from faults_of_tdmrs(plan, memory, excluded, cmrs, ram)


def faults_of_totals(plan, memory, excluded):
    if plan['usable_bytes'] != size(memory):
        yield 'usable_bytes'
    if plan['lost_bytes'] != size(excluded['limit']):
        yield 'lost_bytes'
    if plan['pamt_bytes'] != size(excluded['pamt']):
        yield 'pamt_bytes'


def faults_of_tdmrs(plan, memory, excluded, cmrs, ram):
    limits = plan['limits']
    tdmrs = [base_size(t) for t in plan['tdmrs']]
    pamts = [base_size(t['pamt_' + level]) for t in plan['tdmrs']
             for level in LEVELS]
    reserved = sum((reserved_of(t) for t in plan['tdmrs']), [])
    if len(tdmrs) > limits['max_tdmrs']:
        yield f'{len(tdmrs)} TDMRs'
    if tdmrs != sorted(tdmrs) or not disjoint(tdmrs):
        yield 'TDMRs not ascending'
    for tdmr in plan['tdmrs']:
        yield from faults_of_tdmr(tdmr, limits, cmrs)
    if not disjoint(pamts) or not within(pamts, ram) or not within(pamts, cmrs):
        yield 'PAMTs overlap or leave the RAM'
    if joined(excluded['pamt']) != joined(pamts):
        yield 'excluded as pamt is not where the PAMTs are'
    if not within(memory, tdmrs):
        yield 'memory outside the TDMRs'
    if minus(memory, reserved) != memory:
        yield 'memory is reserved'
    bare = minus(tdmrs, joined(reserved))
    if minus(pamts, joined(bare)) != pamts:
        yield 'PAMT not reserved'


def plan_of(*args, code=0, name=None):
    name = name or ' '.join(str(a).rsplit('/', 1)[-1] for a in args)
    result = run('plan', *args, '--json')
    if not check(f'{name}: exit code', result.code == code,
                 f'{result.code}: {result.err}'):
        return None
    return json.loads(result.out)


def check_plan(ram, *args, code=0):
    name = ' '.join(str(a).rsplit('/', 1)[-1] for a in args)
    plan = plan_of(*args, code=code)
    if plan is None:
        return None
    wrong = list(faults(plan, ram))
    check(f'{name}: layout', not wrong, '; '.join(wrong))
    return plan


# --- the tests ----------------------------------------------------------------

MACHINES = [
    'acer-extensa-5630-4g', 'amd-purico-1p5t', 'asustek-z9pe-d16-series-256g',
    'dell-poweredge-r630-64g', 'dell-poweredge-r7425-1t',
    'dell-poweredge-xe9680-2t', 'hp-superdome2-16s-12t',
    'hpe-proliant-dl385-gen10-16g', 'intel-archercity-cxl',
    'lkp-2s-96cpu-256g-nvdimm', 'tdx-emr-foxcreekpass-256g',
    'chromiumos-crosvm-7g', 'dell-precision-m6800-16g',
]

VARIANTS = [
    ['--cmr', 'ram'],
    ['--cmr', 'span'],
    ['--max-tdmrs', '1'],
    ['--max-tdmrs', '2', '--max-reserved', '2'],
    ['--max-reserved', '1'],
    ['--pamt-entry', '32,16,8'],
    ['--dynamic-pamt'],
    ['--economy'],
    ['--pamt-entry', '2048,16,16', '--economy'],
]


def map_path(name):
    matches = [f for f in os.listdir(DATA) if f.startswith(name) and
               f.endswith('.e820')]
    assert matches, name
    return machine(sorted(matches)[0])


def test_accounting():
    for name in MACHINES:
        path = map_path(name)
        ram = ram_of(path)
        for variant in VARIANTS:
            plan = check_plan(ram, path, *variant)
            if plan and variant[:1] == ['--cmr']:
                check(f'{name} {variant}: nothing lost',
                      plan['lost_bytes'] == 0, plan['lost_bytes'])


def test_iomem():
    for name in sorted(os.listdir(DATA)):
        if name.endswith('.iomem'):
            check_plan(ram_of(machine(name)), machine(name))


def test_cmr_ram():
    path = map_path('hpe-proliant-dl385-gen10-16g')
    expected = minus(ram_of(path), [(0, MIB)])
    for args in [], ['--cmr', 'ram']:
        plan = plan_of(path, *args)
        check(f'CMRs are the RAM {args}',
              [base_size(c) for c in plan['cmrs']] == expected, plan['cmrs'])


def test_cmr_span():
    for name in MACHINES:
        path = map_path(name)
        plan = plan_of(path, '--cmr', 'span')
        ram = minus(ram_of(path), [(0, MIB)])
        cmrs = [base_size(c) for c in plan['cmrs']]
        check(f'{name} span: holds the RAM', within(ram, cmrs))
        check(f'{name} span: not across 4 GiB',
              not any(a < FOUR_GIB < b for a, b in cmrs) or
              any(a < FOUR_GIB < b for a, b in ram), cmrs)
        check(f'{name} span: starts and ends with RAM',
              {a for a, _ in cmrs} <= {a for a, _ in ram} and
              {b for _, b in cmrs} <= {b for _, b in ram}, cmrs)


SMALL = '0x0 0x9ffff usable\n0x100000 0xbfffffff usable\n'
SMALL_RAM = [(0, 0xA0000), (MIB, 0xC0000000)]


def test_cmr_lists():
    write('small.e820', SMALL)
    write('cmrs', '0x100000 0x3ff00000\n0x40000000 0x1000\n')
    write('cmrs.log', 'boot\n[1.0] virt/tdx: CMR: [0x100000, 0x40001000)\n')
    one = plan_of('small.e820', '--cmr', '0x100000:0x3ff01000')
    check('--cmr is used',
          one['cmrs'] == [{'base': '0x100000', 'size': '0x3ff01000'}])
    for args in (['--cmr', '0x100000:0x3ff00000', '--cmr', '40000000:1000'],
                 ['--cmr', '40000000:1000', '--cmr', '0x100000:0x3ff00000'],
                 ['--cmr-file', 'cmrs'], ['--cmr-file', 'cmrs.log']):
        check(f'{args}: as --cmr', plan_of('small.e820', *args) == one)
        check_plan(SMALL_RAM, 'small.e820', *args)


def test_real_cmrs():
    log = machine('tdx-emr-foxcreekpass-256g.tdxlog')
    path = machine('tdx-emr-foxcreekpass-256g.e820')
    plan = check_plan(ram_of(path), path, '--cmr-file', log)
    check('Fox Creek Pass: nothing lost', plan['lost_bytes'] == 0)
    check('Fox Creek Pass: the CMRs of the log', len(plan['cmrs']) == 5)


def test_many_cmrs():
    text = ''.join(f'{a:#x} {a + 0xFFFFF:#x} usable\n'
                   for a in range(MIB, 100 * MIB, 2 * MIB))
    write('many.e820', text)
    result = run('plan', 'many.e820', '--json')
    check('50 CMRs from RAM: allowed', result.code in (0, 1), result.err)
    check('50 CMRs from RAM: noted', '50' in result.err and
          '32' in result.err, result.err)


def test_limits():
    limits = plan_of(map_path('dell-poweredge-r630-64g'))['limits']
    check('default limits', limits == {
        'max_tdmrs': 64, 'max_reserved_per_tdmr': 16,
        'pamt_entry_size': {'4k': 16, '2m': 16, '1g': 16},
        'dynamic_pamt': False}, limits)
    limits = plan_of(map_path('dell-poweredge-r630-64g'), '--max-tdmrs', 7,
                     '--max-reserved=9', '--pamt-entry', '32,24,8',
                     '--dynamic-pamt')['limits']
    check('limits from options', limits == {
        'max_tdmrs': 7, 'max_reserved_per_tdmr': 9,
        'pamt_entry_size': {'4k': 32, '2m': 24, '1g': 8},
        'dynamic_pamt': True}, limits)


def test_lost():
    path = map_path('hpe-proliant-dl385-gen10-16g')
    plan = check_plan(ram_of(path), path, '--max-reserved', '4')
    check('tight limits cost RAM', plan['lost_bytes'] > 0)
    result = run('plan', path, '--max-reserved', '4')
    check('the table says so', 'given up' in result.out.lower() and
          re.search(r'^  limit ', result.out, re.M), result.out)


def test_economy():
    # Two GiBs of which one holds 1 MiB of RAM, less than its PAMT of 4 MiB.
    write('economy.e820', '0x100000 0x3fffffff usable\n'
          '0x100000000 0x1000fffff usable\n')
    ram = [(MIB, GIB), (FOUR_GIB, FOUR_GIB + MIB)]
    plan = check_plan(ram, 'economy.e820')
    check('without --economy: two TDMRs', len(plan['tdmrs']) == 2)
    check('without --economy: no such reason',
          not any(e['reason'] == 'uneconomic' for e in plan['excluded']))
    plan = check_plan(ram, 'economy.e820', '--economy')
    check('--economy: one TDMR', len(plan['tdmrs']) == 1)
    check('--economy: the reason', {
        'base': '0x100000000', 'size': '0x100000', 'reason': 'uneconomic'}
          in plan['excluded'], plan['excluded'])
    check('--economy: nothing lost to limits', plan['lost_bytes'] == 0)


def test_dynamic_pamt():
    write('small.e820', SMALL)
    static = plan_of('small.e820')
    dynamic = check_plan(SMALL_RAM, 'small.e820', '--dynamic-pamt')
    check('--dynamic-pamt: smaller',
          dynamic['pamt_bytes'] < static['pamt_bytes'] // 50)


def test_nodes():
    write('small.e820', SMALL)
    write('nodes', '0 0x0 0x3fffffff\n1 0x40000000 0xbfffffff\n')
    plan = plan_of('small.e820', '--numa', 'nodes')
    check('--numa: two nodes', {m['node'] for m in plan['memory']} == {0, 1})
    for entry in plan['memory']:
        start, end = base_size(entry)
        check('--numa: right node',
              entry['node'] == (start >= GIB) and
              (start >= GIB or end <= GIB), entry)
    check('--node: as --numa',
          plan_of('small.e820', '--node', '0x0-0x3fffffff:0', '--node',
                  '40000000-bfffffff:1') == plan)
    result = run('plan', 'small.e820', '--node', '0-ffffff:0')
    check('--node: says what it does not cover',
          result.code == 0 and 'node' in result.err, result.err)
    for name in ('hp-superdome2-16s-12t', 'dell-poweredge-r730-192g'):
        path = machine(name + '.e820')
        check_plan(ram_of(path), path, '--numa', machine(name + '.numa'))


def test_infeasible():
    write('legacy.e820', '0x1000 0x9ffff usable\n')
    write('reserved.e820', '0x0 0xffffffff reserved\n')
    write('tiny.e820', '0x1000 0x9ffff usable\n0x100000 0x1fffff usable\n')
    write('small.e820', SMALL)
    cases = [
        ('legacy.e820', [(PAGE, 0xA0000)], [], {'legacy'}),
        ('reserved.e820', [], [], set()),
        ('tiny.e820', [(PAGE, 0xA0000), (MIB, 2 * MIB)], [],
         {'legacy', 'limit'}),
        ('small.e820', SMALL_RAM, ['--cmr', '0x100000000:0x1000'],
         {'legacy', 'not-convertible'}),
        ('tiny.e820', [(PAGE, 0xA0000), (MIB, 2 * MIB)],
         ['--cmr', '0x140000:0x1000'],
         {'legacy', 'limit', 'not-convertible'}),
    ]
    for name, ram, args, reasons in cases:
        plan = check_plan(ram, name, *args, code=1)
        if plan is None:
            continue
        check(f'{name} {args}: infeasible', plan['status'] == 'infeasible' and
              plan['reason'] and not plan['memory'] and not plan['tdmrs'] and
              plan['pamt_bytes'] == 0 and plan['usable_bytes'] == 0, plan)
        check(f'{name} {args}: reasons',
              {e['reason'] for e in plan['excluded']} == reasons,
              plan['excluded'])
        table = run('plan', name, *args, '--svg', 'infeasible.svg')
        check(f'{name} {args}: the table says so',
              table.code == 1 and plan['reason'] in table.out, table.out)
        check(f'{name} {args}: no drawing', table.code == 1 and
              run('plan', 'infeasible.svg').code == 3)


def as_bootlog(entries):
    return 'Linux version\n' + ''.join(
        f'[    0.000000] BIOS-e820: [mem {a:#018x}-{b:#018x}] {t}\n'
        for a, b, t in entries)


def as_iomem(entries):
    names = {'usable': 'System RAM', 'reserved': 'Reserved'}
    return ''.join(f'{a:08x}-{b:08x} : {names.get(t, t)}\n'
                   for a, b, t in entries)


def entries_of(path):
    out = []
    for line in lines_of(path):
        m = re.match(r'0x([0-9a-f]+) 0x([0-9a-f]+) (.*)', line)
        if m:
            out.append((int(m.group(1), 16), int(m.group(2), 16),
                        m.group(3).strip()))
    return out


def test_formats():
    for name in ('dell-poweredge-r630-64g', 'hpe-proliant-dl385-gen10-16g',
                 'dell-poweredge-r7425-1t'):
        path = machine(name + '.e820')
        entries = entries_of(path)
        write('same.log', as_bootlog(entries))
        write('same.iomem', as_iomem(entries))
        for cmr in 'ram', 'span':
            plain = run('plan', path, '--cmr', cmr, '--json')
            write('same.json', plain.out)
            for other in 'same.log', 'same.iomem':
                result = run('plan', other, '--cmr', cmr, '--json')
                check(f'{name} {cmr}: {other} as plain',
                      result.out == plain.out and result.code == 0,
                      result.err)
            again = run('plan', 'same.json', '--json')
            check(f'{name} {cmr}: JSON round trip', again.out == plain.out and
                  again.code == 0, again.err)
        piped = run('plan', '-', '--cmr', 'ram', '--json',
                    stdin=as_bootlog(entries).encode())
        check(f'{name}: standard input',
              piped.out == run('plan', path, '--json').out, piped.err)


def test_svg():
    for name in ('dell-poweredge-r630-64g', 'hp-superdome2-16s-12t',
                 'hpe-proliant-dl385-gen10-16g'):
        result = run('plan', machine(name + '.e820'), '--svg', 'a & <b>.svg',
                     '--max-reserved', 3)
        check(f'{name} --svg: exit code', result.code == 0, result.err)
        check_svg(name, 'a & <b>.svg')
    write('a & <"b">.e820', SMALL)
    run('plan', 'a & <"b">.e820', '--svg', 'odd.svg')
    check_svg('odd names', 'odd.svg')
    odd = write(os.fsdecode(b'\xff\x01.e820'), SMALL)
    run('plan', odd, '--svg', 'odder.svg')
    check_svg('odder names', 'odder.svg')


def check_svg(name, path):
    try:
        document = xml.dom.minidom.parse(os.path.join(SCRATCH.name, path))
    except Exception as e:  # pylint: disable=broad-except
        check(f'{name} --svg: well-formed', False, e)
        return
    check(f'{name} --svg: well-formed',
          document.documentElement.tagName == 'svg')
    text = document.toxml()
    for word in 'TDMR 0', 'PAMT', 'reserved area', 'node 0', 'RAM for TDs':
        check(f'{name} --svg: shows {word}', word in text)
    numbers = re.findall(r'(?:x|width)="(-?[0-9.]+)"', text)
    check(f'{name} --svg: nothing beside the page',
          all(-0.01 <= float(n) <= 1200 for n in numbers))


def test_table():
    path = machine('dell-poweredge-r630-64g.e820')
    result = run('plan', path)
    check('table: exit code', result.code == 0, result.err)
    for word in ('TDMR', 'PAMT 4K', 'PAMT 2M', 'PAMT 1G', 'reserved',
                 'legacy', 'node 0', '% of RAM', 'GiB', 'Given up'):
        check(f'table: {word}', word in result.out, result.out)
    for name in MACHINES:
        table = run('plan', map_path(name)).out
        check(f'{name}: no line beyond 100 columns',
              max(map(len, table.splitlines())) <= 100)


# name, arguments, files to write, exit code, what stderr must match
BAD = [
    ('no such option', ['--bogus'], {}, 2, 'bogus'),
    ('two maps', ['a', 'b'], {}, 2, "'b'"),
    ('argument of --json', ['--json=1'], {}, 2, 'json'),
    ('--cmr without', ['--cmr'], {}, 2, 'cmr'),
    ('--cmr nonsense', ['--cmr', 'all'], {}, 2, '--cmr.*all'),
    ('--cmr half', ['--cmr', '0x1000:'], {}, 2, '--cmr'),
    ('--cmr decimal sign', ['--cmr', '-1:0x1000'], {}, 2, '--cmr'),
    ('--cmr twice', ['--cmr', 'ram', '--cmr', 'span'], {}, 2, 'cmr'),
    ('--cmr and file', ['--cmr', 'ram', '--cmr-file', 'm'], {'m': '0 1000\n'},
     2, 'cmr'),
    ('--node nonsense', ['--node', 'x'], {}, 2, '--node.*x'),
    ('--node without node', ['--node', '0-fff'], {}, 2, '--node'),
    ('--node hex node', ['--node', '0-fff:a'], {}, 2, '--node'),
    ('--max-tdmrs 0', ['--max-tdmrs', '0'], {}, 2,
     r'--max-tdmrs.* 0 .*1 to 65535'),
    ('--max-tdmrs 65536', ['--max-tdmrs', '65536'], {}, 2,
     r'--max-tdmrs.*65536.*1 to 65535'),
    ('--max-tdmrs -1', ['--max-tdmrs', '-1'], {}, 2, '--max-tdmrs'),
    ('--max-tdmrs word', ['--max-tdmrs', 'ten'], {}, 2, '--max-tdmrs.*ten'),
    ('--max-tdmrs huge', ['--max-tdmrs', '9' * 40], {}, 2, '--max-tdmrs'),
    ('--max-tdmrs empty', ['--max-tdmrs', ''], {}, 2, '--max-tdmrs'),
    ('--max-reserved 0', ['--max-reserved', '0'], {}, 2,
     r'--max-reserved.* 0 .*1 to 65535'),
    ('--max-reserved big', ['--max-reserved', '65536'], {}, 2,
     '--max-reserved'),
    ('--pamt-entry 0', ['--pamt-entry', '0,16,16'], {}, 2,
     r'--pamt-entry.* 0 .*1 to 4096'),
    ('--pamt-entry big', ['--pamt-entry', '16,16,4097'], {}, 2,
     r'--pamt-entry.*4097.*1 to 4096'),
    ('--pamt-entry two', ['--pamt-entry', '16,16'], {}, 2, '--pamt-entry'),
    ('--pamt-entry four', ['--pamt-entry', '1,2,3,4'], {}, 2, '--pamt-entry'),
    ('--pamt-entry word', ['--pamt-entry', '16,x,16'], {}, 2, '--pamt-entry'),
    ('usage before input', ['missing', '--numa', 'missing', '--max-tdmrs',
                            '0'], {}, 2, '--max-tdmrs'),

    ('missing map', ['missing'], {}, 3, '^tdxcore: missing: '),
    ('map is a folder', ['.'], {}, 3, r'^tdxcore: \.: '),
    ('empty map', ['m'], {'m': ''}, 3, '^tdxcore: m:1: .*empty'),
    ('empty input', ['-'], {}, 3, 'empty'),
    ('comments only', ['m'], {'m': '# nothing\n'}, 3, '^tdxcore: m:'),
    ('malformed line', ['m'], {'m': '0x0 0xfff usable\nhello\n'}, 3,
     '^tdxcore: m:2: .*expected.*hello'),
    ('not hex', ['m'], {'m': '0x0 0xfgf usable\n'}, 3, '^tdxcore: m:1: '),
    ('no type', ['m'], {'m': '0x0 0xfff\n'}, 3, '^tdxcore: m:1: '),
    ('inverted', ['m'], {'m': '0x5000 0xfff usable\n'}, 3,
     '^tdxcore: m:1: .*below'),
    ('empty range', ['m'], {'m': '0x0 0xfff usable\n0x5000 0x4fff usable\n'},
     3, '^tdxcore: m:2: '),
    ('overlap', ['m'], {'m': '0x0 0xffff usable\n0x8000 0x1ffff reserved\n'},
     3, '^tdxcore: m:[12]: .*overlap'),
    ('overlap, unsorted', ['m'],
     {'m': '0x8000 0x1ffff reserved\n0x0 0xffff usable\n'}, 3,
     '^tdxcore: m:[12]: .*overlap'),
    ('beyond 2^52', ['m'], {'m': '0xffffffffff000 0x10000000000fff usable\n'},
     3, r'^tdxcore: m:1: .*2\^52'),
    ('beyond 2^64', ['m'], {'m': '0x0 0x10000000000000000 usable\n'}, 3,
     '^tdxcore: m:1: '),
    ('to the end of 2^64', ['m'], {'m': '0x0 0xffffffffffffffff usable\n'}, 3,
     '^tdxcore: m:1: '),
    ('binary', ['m'], {'m': b'\x00\x01\xff\xfe'}, 3, '^tdxcore: m:1: '),
    ('malformed boot log', ['m'],
     {'m': 'BIOS-e820: [mem 0x0-0xfff] usable\n'
           'BIOS-e820: [mem 0x1000-] usable\n'}, 3, '^tdxcore: m:2: '),
    ('inverted boot log', ['m'],
     {'m': 'BIOS-e820: [mem 0x2000-0xfff] usable\n'}, 3, '^tdxcore: m:1: '),
    ('hidden iomem', ['m'],
     {'m': '00000000-00000000 : Reserved\n00000000-00000000 : System RAM\n'
           '  00000000-00000000 : Kernel code\n'}, 3, '^tdxcore: m:.*root'),
    ('inverted iomem', ['m'], {'m': '00002000-00000fff : System RAM\n'}, 3,
     '^tdxcore: m:1: '),
    ('empty EFI range', ['m'], {'m': 'mem00 0x1000 0x1000 type=7 (attr=0xf)\n'},
     3, '^tdxcore: m:1: '),
    ('broken JSON', ['m'], {'m': '{"memory": [\n}'}, 3, '^tdxcore: m:[12]: '),
    ('JSON of another kind', ['m'], {'m': '{"x": 1}'}, 3, '^tdxcore: m'),
    ('JSON without size', ['m'],
     {'m': '{"memory":[{"base":"0x0"}],"excluded":[]}'}, 3, '^tdxcore: m:1: '),

    ('--cmr empty', ['s', '--cmr', '0x100000:0'], {}, 3, '--cmr.*empty'),
    ('--cmr overlap', ['s', '--cmr', '0x100000:0x2000', '--cmr',
                       '0x101000:0x2000'], {}, 3, '--cmr.*overlap'),
    ('--cmr unaligned', ['s', '--cmr', '0x100001:0x1000'], {}, 3, '--cmr'),
    ('--cmr beyond 2^52', ['s', '--cmr', '0x10000000000000:0x1000'], {}, 3,
     '--cmr'),
    ('--cmr wraps', ['s', '--cmr', '0xfffffffffffff000:0x2000'], {}, 3,
     '--cmr'),
    ('--cmr beyond 2^64', ['s', '--cmr', '10000000000000000:0x1000'], {}, 3,
     '--cmr'),
    ('--cmr 33 times',
     ['s'] + [a for i in range(33) for a in
              ('--cmr', f'{MIB * (i + 1):x}:1000')], {}, 3, '--cmr.*32'),
    ('--cmr-file missing', ['s', '--cmr-file', 'missing'], {}, 3,
     '^tdxcore: missing: '),
    ('--cmr-file folder', ['s', '--cmr-file', '.'], {}, 3, r'^tdxcore: \.: '),
    ('--cmr-file empty', ['s', '--cmr-file', 'm'], {'m': ''}, 3,
     '^tdxcore: m:1: '),
    ('--cmr-file malformed', ['s', '--cmr-file', 'm'],
     {'m': '0x100000 0x1000\nhello\n'}, 3, '^tdxcore: m:2: '),
    ('--cmr-file overlap', ['s', '--cmr-file', 'm'],
     {'m': '0x100000 0x2000\n0x101000 0x2000\n'}, 3,
     '^tdxcore: m:2: .*overlap'),
    ('--cmr-file order', ['s', '--cmr-file', 'm'],
     {'m': '0x200000 0x1000\n0x100000 0x1000\n'}, 3, '^tdxcore: m:2: '),
    ('--cmr-file unaligned', ['s', '--cmr-file', 'm'],
     {'m': '0x100000 0x1001\n'}, 3, '^tdxcore: m:1: '),
    ('--cmr-file beyond 2^52', ['s', '--cmr-file', 'm'],
     {'m': '0x100000 0x1000\n0xffffffffff000 0x2000\n'}, 3,
     '^tdxcore: m:2: '),
    ('--cmr-file zero size', ['s', '--cmr-file', 'm'],
     {'m': '0x100000 0x0\n'}, 3, '^tdxcore: m:1: '),
    ('--cmr-file inverted log', ['s', '--cmr-file', 'm'],
     {'m': 'x\nvirt/tdx: CMR: [0x200000, 0x100000)\n'}, 3, '^tdxcore: m:2: '),

    ('--node inverted', ['s', '--node', '0x2000-0xfff:0'], {}, 3, '--node'),
    ('--node overlap', ['s', '--node', '0-1fff:0', '--node', '1000-2fff:1'],
     {}, 3, '--node.*overlap'),
    ('--node beyond 2^52', ['s', '--node', '0-10000000000000:0'], {}, 3,
     '--node'),
    ('--node huge node', ['s', '--node', '0-fff:65536'], {}, 3, '--node'),
    ('--numa missing', ['s', '--numa', 'missing'], {}, 3,
     '^tdxcore: missing: '),
    ('--numa empty', ['s', '--numa', 'm'], {'m': ''}, 3, '^tdxcore: m:1: '),
    ('--numa malformed', ['s', '--numa', 'm'],
     {'m': '0 0x0 0xfff\n0 hello\n'}, 3, '^tdxcore: m:2: '),
    ('--numa inverted', ['s', '--numa', 'm'], {'m': '0 0x2000 0xfff\n'}, 3,
     '^tdxcore: m:1: '),
    ('--numa overlap', ['s', '--numa', 'm'],
     {'m': '0 0x0 0x1fff\n1 0x1000 0x2fff\n'}, 3,
     '^tdxcore: m:[12]: .*overlap'),

    ('drawing in no folder', ['s', '--svg', 'missing/a.svg'], {}, 4,
     'missing/a.svg'),
    ('drawing over a folder', ['s', '--svg', '.'], {}, 4, r'\.'),
]


def test_bad():
    write('s', SMALL)
    for name, args, files, code, message in BAD:
        for path, content in files.items():
            write(path, content)
        for more in [], ['--json']:
            result = run('plan', *args, *more)
            check(f'{name}: exit code', result.code == code,
                  f'{result.code}: {result.err}')
            check(f'{name}: nothing on stdout', result.out == '', result.out)
            check(f'{name}: message',
                  re.search(message, result.err, re.M), result.err)


def test_full():
    with open('/dev/full', 'wb') as full:
        for more in [], ['--json'], ['--help'], ['--version']:
            result = run('plan', 's', *more, stdout=full)
            check(f'full disk {more}', result.code == 4 and result.err,
                  result.err)


def test_help():
    for args in (['--help'], ['-h'], ['--version'], ['plan', '--help'],
                 ['plan', '-h'], ['plan', '--version'], ['plan', '--usage']):
        result = run(*args)
        check(f'{args}: exit code', result.code == 0 and result.out,
              result.err)
    text = run('plan', '--help').out
    for option in ('cmr', 'cmr-file', 'node', 'numa', 'max-tdmrs',
                   'max-reserved', 'pamt-entry', 'dynamic-pamt', 'economy',
                   'svg', 'json', 'help', 'version'):
        check(f'--help names --{option}', f'--{option}' in text)
    for args in [], ['bogus'], ['--bogus']:
        result = run(*args)
        check(f'tdxcore {args}', result.code == 2 and not result.out and
              'sage' in result.err, result.err)


def test_this_machine():
    result = run('plan', '--json')
    if os.geteuid() == 0:
        check('this machine', result.code in (0, 1) and
              json.loads(result.out)['cmrs'] is not None, result.err)
    else:
        check('this machine, hidden', result.code == 3 and not result.out and
              'iomem' in result.err, result.err)


if __name__ == '__main__':
    for test in [t for n, t in list(globals().items())
                 if n.startswith('test_')]:
        test()
    finish()
