#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause-Patent
"""tdxcore host, seen from outside, on trees that stand for a kernel."""

import fcntl
import itertools
import json
import os
import select
import shutil
import signal
import subprocess

from harness import DATA, SCRATCH, TOOL, check, finish, run, write

READY = os.path.join(DATA, '../host/ready')
SYSFS = 'sys/kernel/tdxcore'
DEBUG = 'sys/kernel/debug/tdxcore'
TRACING = 'sys/kernel/tracing'
number = itertools.count()

MEMBERS = ['usable', 'reason', 'state', 'error', 'ready', 'module_version',
           'pamt_bytes', 'keyids_in_use', 'quarantined', 'parameters',
           'preconditions', 'counters', 'coherence', 'quarantine', 'advice']

# Each: the reason, a part of what to do about it.
REASONS = [
    ('intel: the CPU is not made by Intel', 'sim=on'),
    ('keyid-partitioning: the register raises #GP: no KeyIDs', 'firmware'),
    ('private-keyids: firmware set no private KeyID aside', 'firmware'),
    ('seamrr-enabled: SEAMRR is not enabled', 'firmware'),
    ('movdir64b: the CPU does not offer it', 'sim=on'),
    ('vmx: the CPU does not offer it', 'VMX'),
    ('x2apic: the CPU does not offer it', 'x2APIC'),
    ('hibernation: hibernation is possible', 'nohibernate'),
]
# Each: the error at which the bring-up ended, a part of what to do about it.
ERRORS = [
    ('TDXC_E_NOMEM', 'soon after boot'), ('TDXC_E_BUSY', 'unload KVM'),
    ('TDXC_E_OPNOTSUPP', '6.19'), ('TDXC_E_NODEV', 'no TDX module'),
    ('TDXC_E_IO', 'host log'),
]
# Each: a file, what it holds, what is said to be expected.
DAMAGED = [
    ('usable', 'perhaps\n', 'usable:1: a number'),
    ('pamt_bytes', '-1\n', 'pamt_bytes:1: a number'),
    ('keyids_in_use', '99999999999999999999999\n', 'keyids_in_use:1:'),
    ('quarantined', '', 'quarantined:1: a number'),
    ('preconditions', '', 'preconditions:0: `usable yes'),
    ('preconditions', 'usable no\nfail intel\n', 'preconditions:2:'),
    ('preconditions', 'usable no\nfail a b c: d\n', 'preconditions:2:'),
    ('counters', 'seamcall SYS.INIT many\n', 'counters:1:'),
    ('counters', 'failed 1\n\nfailed\n', 'counters:2:'),
    ('coherence', 'possible yes\ncpu x reasons 0x0\n', 'coherence:2:'),
    ('quarantine', 'count 1\n', 'quarantine:1:'),
    ('quarantine', 'page 0x1000 level 1 status none\n', 'quarantine:1:'),
]
DAMAGED_PLAN = [
    ('cmrs', ' cmr 0x1000\n', 'cmrs:1:'),
    ('cmrs', ' tdmr 0x0 0x40000000\n', 'cmrs:1:'),
    ('cmrs', ' cmr 0x1000 0xfffffffffffffff0\n', 'cmrs:1:'),
    ('tdmrs', ' tdmr zero 0x40000000\n', 'tdmrs:1:'),
    ('tdmrs_planned', 'pamt-bytes 1\n', 'tdmrs_planned:1:'),
    ('pamt_bytes', 'x\n', 'pamt_bytes:1:'),
]

BAD = [
    [], ['lunch'], ['status', 'plan'], ['--json'], ['status', '--lines', '1'],
    ['plan', '--seconds', '1'], ['status', '--file', 'x'],
    ['trace', '--file', 'x'], ['trace', '--seconds', '0'],
    ['trace', '--seconds', '-1'], ['trace', '--seconds', '0x1'],
    ['trace', '--seconds', '86401'], ['trace', '--lines', '0'],
    ['trace', '--lines', ''], ['trace', '--lines', '1000001'],
    ['log', '--bogus'],
]


def tree(**files):
    """A copy of the tree of a kernel with TDX up, with files changed: a name
    is of sysfs or of debugfs; None takes it away."""
    root = os.path.join(SCRATCH.name, f'root{next(number)}')
    shutil.copytree(READY, root)
    for name, content in files.items():
        path = os.path.join(root, SYSFS, name)
        if not os.path.exists(path):
            path = os.path.join(root, DEBUG, name)
        if content is None:
            os.remove(path)
        else:
            with open(path, 'w', encoding='ascii') as file:
                file.write(content)
    return root


def text_of(root, folder, name):
    with open(os.path.join(root, folder, name), encoding='ascii') as file:
        return file.read()


def host(root, *args):
    return run('host', '--root', root, *args)


def status(root, code):
    """The object, and the text, of which some is checked here."""
    result = host(root, 'status', '--json')
    check(f'{root}: exit code {code}', result.code == code and not result.err,
          f'{result.code} {result.err}')
    value = json.loads(result.out)
    check(f'{root}: members', list(value) == MEMBERS, list(value))
    told = host(root, 'status')
    check(f'{root}: told', told.code == code and not told.err, told.err)
    for what in value['advice']:
        check(f'{root}: told: {what}', what in told.out, told.out)
    return value, told.out


def test_status_agrees_with_the_files():
    root = tree()
    value, text = status(root, 0)
    for name in 'pamt_bytes', 'keyids_in_use', 'quarantined':
        check(f'status: {name}', value[name] ==
              int(text_of(root, SYSFS, name)), value[name])
    for name in 'state', 'module_version':
        check(f'status: {name}', value[name] ==
              text_of(root, SYSFS, name).strip(), value[name])
    check('status: usable and ready', value['usable'] is True and
          value['ready'] is True and value['reason'] == value['error'] == '')
    check('status: parameters', value['parameters'] == {
        'bench': 'N', 'dynamic_pamt': 'Y', 'record': 'N', 'sim': 'N',
        'use_tdx': 'Y'}, value['parameters'])
    lines = text_of(root, DEBUG, 'preconditions').splitlines()[1:]
    want = [line.split(': ', 1) for line in lines]
    got = [(f"{p['verdict']:7} {p['check']:18} {p['source']} {p['value']}",
            p['why']) for p in value['preconditions']]
    check('status: every precondition', [list(g) for g in got] == want, got)
    check('status: counters', value['counters'] == {
        'seamcalls': {'SYS.INIT': 1, 'SYS.RD': 88, 'other': 5}, 'seamldr': 0,
        'failed': 1, 'tdcalls': 0}, value['counters'])
    check('status: caches', value['coherence']['possible'] is True and
          [c['reasons'] for c in value['coherence']['cpus']] ==
          [['seamcall'], ['seamcall', 'td'], [], []], value['coherence'])
    lost, = value['quarantine']['pages']
    check('status: quarantine', lost['name'] == 'OPERAND_BUSY' and
          lost['address'] == '0x123456000', lost)
    check('status: a page lost is told', 'OPERAND_BUSY' in text and
          'until the machine is reset' in text, text)
    check('status: CPUs that need no flush are not listed',
          'CPU 1: seamcall, td' in text and 'CPU 2' not in text, text)


def test_status_says_what_to_do():
    for reason, what in REASONS:
        value, text = status(tree(usable='0\n', reason=reason + '\n',
                                  state='off (TDXC_E_NODEV)\n',
                                  module_version='', quarantined='0\n'), 1)
        check(f'{reason}: advice', len(value['advice']) == 1 and
              what in value['advice'][0], value['advice'])
        check(f'{reason}: not ready', value['ready'] is False and
              value['state'] == 'off' and value['module_version'] is None)
        check(f'{reason}: told', f'not usable: {reason}' in text, text)
    for error, what in ERRORS:
        value, text = status(tree(state=f'off ({error})\n', module_version='',
                                  quarantined='0\n'), 1)
        check(f'{error}: advice', len(value['advice']) == 1 and
              what in value['advice'][0] and value['error'] == error,
              value['advice'])
        check(f'{error}: told', f'off ({error})' in text, text)
    value, _ = status(tree(state='waits for a CPU\n', quarantined='0\n'), 1)
    check('waits for a CPU: advice', len(value['advice']) == 1 and
          'online' in value['advice'][0] and value['state'] ==
          'waits for a CPU', value)
    value, _ = status(tree(state='SYS.CONFIG\n'), 1)
    check('a step that is not the last', value['state'] == 'SYS.CONFIG' and
          value['ready'] is False)


def refused(name, root, action, *parts):
    """Bad input: nothing on standard output, and what to do on the other."""
    for args in [action], [action, '--json']:
        result = host(root, *args)
        check(f'{name}: exit code', result.code == 3, result.code)
        check(f'{name}: nothing on stdout', result.out == '', result.out)
        check(f'{name}: what to do', all(part in result.err for part in parts),
              result.err)


def test_without_the_module():
    root = tree()
    shutil.rmtree(os.path.join(root, SYSFS))
    for action in 'status', 'plan', 'trace':
        refused(f'{action} without the module', root, action, 'not loaded',
                'insmod', 'modprobe')
    empty = os.path.join(SCRATCH.name, f'root{next(number)}')
    os.mkdir(empty)
    refused('without sysfs', empty, 'status', 'mount -t sysfs')
    refused('without a log', empty, 'log', 'No such file')


def test_without_debugfs():
    root = tree()
    shutil.rmtree(os.path.join(root, DEBUG))
    value, text = status(root, 0)
    check('status without debugfs has sysfs', value['pamt_bytes'] == 8409088
          and all(value[name] is None for name in
                  ('preconditions', 'counters', 'coherence', 'quarantine')))
    check('debugfs is not mounted: once, and how to',
          sum('mount -t debugfs' in what for what in value['advice']) == 1 and
          'Preconditions' not in text, value['advice'])
    refused('plan without debugfs', root, 'plan', 'mount -t debugfs')
    os.rmdir(os.path.join(root, 'sys/kernel/debug'))
    refused('no debugfs at all', root, 'plan', 'CONFIG_DEBUG_FS')
    os.makedirs(os.path.join(root, 'sys/kernel/debug/other'))
    refused('debugfs without our folder', root, 'plan', 'does not have it')
    root = tree(cmrs=None)
    refused('one file of debugfs is missing', root, 'plan', 'cmrs',
            'does not have it')


def test_not_root():
    """Root may read everything: another user is asked, if we are root."""
    root = tree()
    for folder in SCRATCH.name, root:
        os.chmod(folder, 0o755)
    os.chmod(os.path.join(root, 'sys/kernel/debug'), 0o700)
    command = [TOOL, 'host', '--root', root]
    other = {'user': 65534, 'group': 65534} if os.getuid() == 0 else {}
    if not other:
        os.chmod(os.path.join(root, 'sys/kernel/debug'), 0)
    for action, code in ('status', 0), ('plan', 3):
        try:
            done = subprocess.run([*command, action], capture_output=True,
                                  text=True, timeout=60, **other)
        except PermissionError:
            print('note: another user may not run this tool: not tried')
            break
        check(f'{action}, not root: exit code', done.returncode == code,
              done.stderr)
        check(f'{action}, not root: what to do', 'as root' in
              done.stdout + done.stderr, done.stdout + done.stderr)
    os.chmod(os.path.join(root, 'sys/kernel/debug'), 0o700)


def test_damaged():
    for name, content, what in DAMAGED:
        refused(f'damaged {name} {content!r}', tree(**{name: content}),
                'status', what, 'was expected')
    for name, content, what in DAMAGED_PLAN:
        refused(f'damaged {name} {content!r}', tree(**{name: content}), 'plan',
                what, 'was expected')


def ranges(text, word):
    """[base, size] of the lines of a file, as it has them."""
    return [line.split()[1:3] for line in text.splitlines()
            if line.split()[0] == word]


def test_plan():
    root = tree()
    result = host(root, 'plan', '--json')
    value = json.loads(result.out)
    check('plan: exit code', result.code == 0 and not result.err, result.err)
    for name, word, got in (
            ('cmrs', 'cmr', value['cmrs']), ('tdmrs', 'tdmr', value['tdmrs']),
            ('tdmrs_planned', 'tdmr', value['planned']['tdmrs'])):
        check(f'plan: {name}', [[r['base'], r['size']] for r in got] ==
              ranges(text_of(root, DEBUG, name), word), got)
    check('plan: PAMTs', value['tdmrs'][0]['pamt_2m'] ==
          {'base': '0x900000', 'size': '0x4000'}, value['tdmrs'][0])
    check('plan: totals', value['pamt_bytes'] == 8409088 and
          value['planned']['pamt_bytes'] == 12611584 and
          value['planned']['lost_bytes'] == 4096, value)
    text = host(root, 'plan').out
    for part in ('[0x00100000, 0x6f800000)', 'CMRs: 2', 'configured: 2',
                 '2 TDMRs', 'PAMT 1G', '4 KiB lost'):
        check(f'plan: told: {part}', part in text, text)


def test_plan_without_tdx():
    root = tree(cmrs='# not known: no TDX module was read\n', pamt_bytes='0\n',
                tdmrs='# none: no TDX module was configured\n')
    result = host(root, 'plan', '--json')
    value = json.loads(result.out)
    check('CMRs that are not known are null', result.code == 0 and
          value['cmrs'] is None and value['tdmrs'] == [], value)
    check('and told so', 'CMRs are not known' in host(root, 'plan').out)
    root = tree(tdmrs_planned='# more TDMRs are needed than allowed\n')
    result = host(root, 'plan', '--json')
    value = json.loads(result.out)['planned']
    check('no layout: the answer is no', result.code == 1 and
          (value['status'], value['reason']) ==
          ('infeasible', 'more TDMRs are needed than allowed'), value)
    text = host(root, 'plan')
    check('no layout: told', text.code == 1 and 'no layout: more TDMRs' in
          text.out, text.out)


KMSG = '''\
6,1,1000001,-;Linux version 6.1
6,339,5140900,-;tdxcore 0.1.0
 SUBSYSTEM=module
4,340,5140999,-,caller=T1;tdxcore: TDX is up: no hibernation and no S3
6,341,5141000,-;other: mentions tdxcore: here
3,342,61000000,-;tdxcore: SYS.DISABLE: 0xc000050500000000
6,343,61000001,-;tdxcored: not ours
6,344,61000002,-;tdxcore of somebody
'''
# What is found in it: time, severity, text.
FOUND = [
    ('5.140900', 'info', 'tdxcore 0.1.0'),
    ('5.140999', 'warning', 'tdxcore: TDX is up: no hibernation and no S3'),
    ('61.000000', 'err', 'tdxcore: SYS.DISABLE: 0xc000050500000000'),
]
# Each: a line as a program prints it, its time, its severity.
PRINTED = [
    ('[    1.234567] tdxcore: x', '1.234567', None),
    ('[    1.234567][   T12] tdxcore: x', '1.234567', None),
    ('[   T12][    1.234567] tdxcore: x', '1.234567', None),
    ('<4>[    1.234567] tdxcore: x', '1.234567', 'warning'),
    ('kern  :warn  : [    1.234567] tdxcore: x', '1.234567', 'warning'),
    ('kern  :err   : [    1.234567] tdxcore: x', '1.234567', 'err'),
    ('Nov 21 10:00:00 info kernel: tdxcore: x', None, None),
    ('[Sat Nov 21 10:00:00 2026] tdxcore: x', None, None),
    ('tdxcore: x', None, None),
    ('<6>tdxcore: x', None, 'info'),
]
NOT_OURS = ['', 'tdxcore', 'tdxcore:', 'x', '[ 1.0] x tdxcore: y', '6,1,2',
            '6,1;tdxcore: x', '6,x,1,-;tdxcore: x', '[ 1.0] tdxcorex: y', '\0']


def log_lines(*args):
    result = run('host', 'log', '--json', *args)
    return [(line['time'], line['severity'], line['text'])
            for line in json.loads(result.out)['lines']]


def test_log():
    root = tree()
    os.mkdir(os.path.join(root, 'dev'))
    write(os.path.join(root, 'dev/kmsg'), KMSG)
    check('log: only ours', log_lines('--root', root) == FOUND,
          log_lines('--root', root))
    check('log: of a file', log_lines('--file', write('kmsg', KMSG)) == FOUND)
    result = run('host', 'log', '--file', '-', stdin=KMSG.encode())
    lines = result.out.splitlines()
    check('log: of standard input', result.code == 0 and len(lines) == 4,
          result.out)
    check('log: told', lines[1].split(None, 2) == list(FOUND[1]), lines)
    check('log: a status is explained', 'SYS_NOT_READY' in lines[3], lines)
    value = json.loads(run('host', 'log', '--json', '--file', 'kmsg').out)
    check('log: a status is explained to programs',
          value['lines'][2]['status'] == 'SYS_NOT_READY' and
          value['lost'] is False, value)
    for line, time, severity in PRINTED:
        got = log_lines('--file', write('line', line + '\n'))
        check(f'log: {line}', got == [(time, severity, 'tdxcore: x')], got)
    for line in NOT_OURS:
        if line in ('tdxcore:',):
            continue
        result = run('host', 'log', '--file', write('line', line + '\n'))
        check(f'log: not ours: {line!r}', result.code == 0 and
              result.out == '' and 'no line' in result.err, result.err)
    result = run('host', 'log', '--file', write('empty', ''))
    check('log: an empty file', result.code == 3 and result.out == '')
    result = run('host', 'log', '--file', 'nowhere')
    check('log: no file', result.code == 3 and 'nowhere' in result.err)


TRACE = '''\
            insmod-85      [001] .....    12.345678: tdxcore_seamcall: \
rax=0x21 status=0x0 rcx=0x1 rdx=0x2 r8=0x3 r9=0x4
      a [b] c-9999         [013] d..1.    12.345679: tdxcore_seamcall: \
rax=0x8000000000000001 status=0x8000ff0000000006 rcx=0x0 rdx=0x0 r8=0x0 r9=0x0
CPU:1 [LOST 12 EVENTS]
           <idle>-0        [000] .....    13.000000: other_event: rax=0x21
               sh-90       [002] .....    14.000000: tdxcore_fault: \
gfn=0x1000 level=1 private result=-11
               sh-90       [002] .....    14.000001: tdxcore_zap: \
gfn=[0x1000, 0x2000) shared result=0
               sh-90       [002] .....    14.000002: tdxcore_conversion: \
rax=0x6 status=0xc000010000000001 rcx=0x1000 r10=0x0 r12=0x0 r13=0x0
               sh-90       [002] .....    14.000003: tdxcore_hotplug: \
event=3 [0x100000000, 0x108000000) answer=2 reason=12
               sh-90       [002] .....    14.000004: tdxcore_new: x=1
'''
EVENTS = [
    {'time': '12.345678', 'cpu': 1, 'task': 'insmod-85', 'event': 'seamcall',
     'leaf': 'SYS.INIT', 'rax': '0x21', 'status': '0x0',
     'status_name': 'SUCCESS', 'rcx': '0x1', 'rdx': '0x2', 'r8': '0x3',
     'r9': '0x4'},
    {'time': '12.345679', 'cpu': 13, 'task': 'a [b] c-9999',
     'leaf': 'SEAMLDR.INSTALL', 'status_name': 'SEAMCALL_UD'},
    {'event': 'fault', 'gfn': '0x1000', 'level': 1, 'kind': 'private',
     'result': 'TDXC_E_AGAIN'},
    {'event': 'zap', 'start': '0x1000', 'end': '0x2000', 'kind': 'shared',
     'result': 'TDXC_OK'},
    {'event': 'conversion', 'leaf': 'TDG.MEM.PAGE.ACCEPT',
     'status_name': 'OPERAND_INVALID', 'rcx': '0x1000', 'r13': '0x0'},
    {'event': 'hotplug', 'what': 'memory-online', 'answer': 'refuse',
     'start': '0x100000000', 'end': '0x108000000'},
    {'event': 'new', 'fields': 'x=1'},
]


class Traced:
    """A tree with tracepoints; its pipe of events is open for writing."""

    def __init__(self):
        self.root = tree()
        self.folder = os.path.join(self.root, TRACING, 'instances/tdxcore')
        os.makedirs(os.path.join(self.root, TRACING, 'events/tdxcore'))
        os.makedirs(os.path.join(self.folder, 'events/tdxcore'))
        self.enable = os.path.join(self.folder, 'events/tdxcore/enable')
        write(self.enable, '')
        os.mkfifo(os.path.join(self.folder, 'trace_pipe'))
        self.pipe = os.open(os.path.join(self.folder, 'trace_pipe'), os.O_RDWR)

    def run(self, *args, text=TRACE, **more):
        """Events are there before anybody asks for them."""
        os.write(self.pipe, text.encode())
        result = run('host', 'trace', '--root', self.root, *args, **more)
        self.is_off(args)
        return result

    def start(self, *args):
        return subprocess.Popen(
            [TOOL, 'host', 'trace', '--root', self.root, *args],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def is_off(self, name):
        """Switched on, and off after that."""
        with open(self.enable, encoding='ascii') as file:
            text = file.read()
        check(f'trace {name}: off again', text == '0', text)
        write(self.enable, '')

    def close(self):
        os.close(self.pipe)


def test_trace():
    traced = Traced()
    result = traced.run('--json', '--lines', str(len(EVENTS)))
    value = json.loads(result.out)
    check('trace: exit code', result.code == 0, result.err)
    check('trace: ends with the last line asked for',
          value['ended'] == 'lines' and value['lost'] == 12, value)
    check('trace: only events of ours', len(value['events']) == len(EVENTS),
          value)
    for want, got in zip(EVENTS, value['events']):
        check(f'trace: {want}', want.items() <= got.items(), got)
    result = traced.run('--lines', str(len(EVENTS)))
    lines = result.out.splitlines()
    check('trace: told', result.code == 0 and len(lines) == len(EVENTS) and
          '12 lost' in result.err, result.err)
    for line, part in zip(lines, (
            'SYS.INIT 0x21 rcx=0x1 rdx=0x2 r8=0x3 r9=0x4 -> SUCCESS',
            'SEAMLDR.INSTALL', 'gfn 0x1000 level 1 private -> TDXC_E_AGAIN',
            'gfns [0x1000, 0x2000) shared -> TDXC_OK', 'TDG.MEM.PAGE.ACCEPT',
            'memory-online [0x100000000, 0x108000000) -> refuse', 'x=1')):
        check(f'trace: told: {part}', part in line, line)
    result = traced.run('--json', '--seconds', '1')
    value = json.loads(result.out)
    check('trace: ends when its time has passed', value['ended'] == 'seconds'
          and len(value['events']) == len(EVENTS), value)
    result = traced.run('--json', '--seconds', '1',
                        text='x' * 10000 + '\nstray\n' + TRACE)
    check('trace: a line without an end to it is skipped',
          len(json.loads(result.out)['events']) == len(EVENTS), result.out)
    with open('/dev/full', 'wb') as full:
        for args in [], ['--json']:
            result = traced.run('--lines', '1', *args, stdout=full)
            check(f'trace {args}: full disk', result.code == 4, result.err)
    traced.close()


def test_trace_interrupted():
    for number_of in signal.SIGINT, signal.SIGTERM, signal.SIGHUP:
        traced = Traced()
        process = traced.start('--json', '--seconds', '600')
        process.stderr.readline()  # tracing has begun
        with open(traced.enable, encoding='ascii') as file:
            check(f'{number_of.name}: is on', file.read() == '1')
        process.send_signal(number_of)
        out, err = process.communicate(timeout=60)
        check(f'{number_of.name}: what came is printed', process.returncode
              == 0 and json.loads(out)['ended'] == 'interrupt', err)
        traced.is_off(number_of.name)
        traced.close()


def test_trace_reader_leaves():
    """A reader that goes away ends it; it is switched off all the same."""
    traced = Traced()
    process = traced.start('--seconds', '600')
    process.stderr.readline()
    process.stdout.close()
    os.write(traced.pipe, TRACE.encode())
    code = process.wait(timeout=60)
    process.stderr.close()
    check('trace: a reader that leaves', code == 4, code)
    traced.is_off('reader')
    traced.close()


def test_trace_refused():
    traced = Traced()
    held = os.open(traced.folder, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    write(traced.enable, '1')
    result = host(traced.root, 'trace')
    check('trace: not beside another', result.code == 1 and
          'another' in result.err, result.err)
    with open(traced.enable, encoding='ascii') as file:
        check('trace: the other goes on', file.read() == '1')
    os.close(held)
    os.remove(traced.enable)
    refused('trace: cannot be switched on', traced.root, 'trace',
            'events/tdxcore')
    traced.close()
    shutil.rmtree(os.path.join(traced.root, TRACING, 'events/tdxcore'))
    refused('trace: no tracepoints', traced.root, 'trace', 'tracepoints')
    shutil.rmtree(os.path.join(traced.root, TRACING))
    refused('trace: no tracefs', traced.root, 'trace', 'CONFIG_FTRACE')
    os.mkdir(os.path.join(traced.root, TRACING))
    refused('trace: tracefs is not mounted', traced.root, 'trace',
            'mount -t tracefs')


def test_bad():
    for args in BAD:
        result = run('host', *args)
        check(f'{args}: exit code', result.code == 2, result.code)
        check(f'{args}: nothing on stdout', result.out == '', result.out)
        check(f'{args}: message', 'tdxcore host' in result.err, result.err)


def test_help():
    for args in ['--help'], ['-h'], ['--version'], ['--usage']:
        result = run('host', *args)
        check(f'{args}', result.code == 0 and result.out, result.err)
    check('listed', 'host ' in run('--help').out)
    root = tree()
    with open('/dev/full', 'wb') as full:
        for args in ['status'], ['status', '--json'], ['plan']:
            result = run('host', '--root', root, *args, stdout=full)
            check(f'full disk {args}', result.code == 4 and result.err,
                  result.code)


if __name__ == '__main__':
    for test in [t for n, t in list(globals().items())
                 if n.startswith('test_')]:
        test()
    finish()
