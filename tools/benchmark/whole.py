# SPDX-License-Identifier: BSD-3-Clause
"""The parts of tools/bench that measure whole programs: daemon, policy, poll."""

import json
import os
import re
import shutil
import statistics
import subprocess
import tempfile
import time

from programs import (PATIENCE, Daemon, NotAvailable, OpenVswitch, Testpmd, human, rate)

FLOWS = 1000  # net_pcap holds a capture that it reads without end in the port's own buffers
TURNS = 2  # of one worker and two, and of reloading and not, in a run
PINGS = 100


def captures(bench, top, flows, rules):
    """A folder with both sides' frames and the policy that approves them."""
    folder = f'{top}/{flows}-{rules}'
    os.mkdir(folder)
    bench.measure({'command': 'pcap', 'flows': flows, 'rules': rules, 'path': folder})
    return folder


def copy(folder):
    """A copy, in which a program has not run yet."""
    return shutil.copytree(folder, tempfile.mkdtemp(dir=os.path.dirname(folder)),
                           dirs_exist_ok=True)


# ---- daemon: rates ----

def part_daemon(bench):
    """Rates of whole programs, in turn."""
    pair = [('ppsfwd', Daemon),
            ('ppsfwd, 2 workers', lambda bench, folder: Daemon(bench, folder, 2, True))]
    others = [(Testpmd.name, Testpmd), (OpenVswitch.name, OpenVswitch),
              ('ppsfwd, 2 workers, one queue',
               lambda bench, folder: Daemon(bench, folder, 2, False))]
    with tempfile.TemporaryDirectory(prefix='ppsfw-bench.') as top:
        folder = captures(bench, top, FLOWS, 1000)
        large = captures(bench, top, FLOWS, 10000)
        for _ in range(bench.options.runs):
            rates = {}
            for name, kind in TURNS * pair + others:
                rates[name] = daemon_row(bench, f'{name}, {human(FLOWS)} flows', kind,
                                         copy(folder))
                if name == 'ppsfwd, 2 workers':
                    ratio_row(bench, rates, name, 'ppsfwd')
            for name in (Testpmd.name, OpenVswitch.name):
                ratio_row(bench, rates, 'ppsfwd', name)
            reload_rows(bench, copy(large))


def daemon_row(bench, name, kind, folder):
    """Measures it once; its rate while its workers have their CPUs, or None."""
    if not bench.wanted(name):
        return None
    try:
        program = kind(bench, folder)
    except NotAvailable as error:
        bench.note(f'{name}: not measured: {error}')
        return None
    try:
        rate(program, 0.5)
        result, share = rate(program, 1)
    finally:
        program.stop()
    bench.add('daemon', name, 'Mpps', [result], beside=('of their CPUs', [share]))
    return result / share if share > 0 else None


def ratio_row(bench, rates, one, other):
    """How many times as fast, measured one soon after the other, while they had their CPUs."""
    if rates.get(one) and rates.get(other):
        bench.add('daemon', f'{one} over {other}, {human(FLOWS)} flows', 'ratio',
                  [rates[one] / rates[other]])


def reload_rows(bench, folder):
    """With and without a load of 10,000 rules as soon as the last one is in force."""
    name = f'ppsfwd, {human(FLOWS)} flows, 10k rules'
    if not bench.wanted(name):
        return

    def load():
        begun = time.monotonic()
        program.call('load', f'{folder}/policy.json')
        time.sleep(max(0, begun + 0.1 - time.monotonic()))

    program = Daemon(bench, folder)
    try:
        for _ in range(TURNS):
            quiet, quiet_share = rate(program, 1)
            before, begun = program.status()['policy']['generation'], time.monotonic()
            busy, busy_share = rate(program, 2, load)
            loads = program.status()['policy']['generation'] - before
            said = ('reloads a second', [loads / (time.monotonic() - begun)])
            bench.add('daemon', name, 'Mpps', [quiet], ('of their CPUs', [quiet_share]))
            bench.add('daemon', name + ', reloading', 'Mpps', [busy], said)
            bench.add('daemon', name + ', reloading over not', 'ratio',
                      [busy / busy_share / (quiet / quiet_share)], said)
    finally:
        program.stop()


# ---- policy: answers ----

def part_policy(bench):
    """How long an operator waits, with 10,000 rules."""
    with tempfile.TemporaryDirectory(prefix='ppsfw-bench.') as top:
        folder = captures(bench, top, FLOWS, 10000)
        one, other = f'{folder}/policy.json', f'{folder}/other.json'
        change(one, other)
        times = 3 if bench.options.quick else 3 * bench.options.runs
        for _ in range(times):
            answer_row(bench, 'check, 10k rules', 'check', one)
            answer_row(bench, 'diff, 10k rules, 138 of them changed', 'diff', one, other)
        name = 'load, 10k rules, under traffic'
        if not bench.wanted(name):
            return
        program = Daemon(bench, folder)
        try:
            for i in range(times):
                words = ('--socket', program.socket, '--json', 'load', '--force')
                done = answer_row(bench, name, *words, (other, one)[i % 2])
                bench.add('policy', name + ': compiled in', 's',
                          [json.loads(done)['build_ms'] / 1000])
        finally:
            program.stop()


def change(one, other):
    """Writes a policy with other ports for some rules, and without some."""
    with open(one, encoding='utf-8') as file:
        policy = json.load(file)
    for rule in policy['approved'][::100]:
        rule['ports'] = 8080
    del policy['approved'][50::263]
    with open(other, 'w', encoding='utf-8') as file:
        json.dump(policy, file)


def answer_row(bench, name, *words):
    """The time from the command to the end of its answer; the answer."""
    if not bench.wanted(name):
        return None
    begun = time.monotonic()
    done = subprocess.run([bench.program('app', 'ppsfw', 'ppsfw'), *words], check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    took = time.monotonic() - begun
    if done.stderr or done.returncode not in (0, 1):
        raise SystemExit(f'bench: {" ".join(done.args)}\n{done.stderr}')
    bench.add('policy', name, 's', [took])
    return done.stdout


# ---- poll: what sleeping costs ----

class Wire:
    """Two hosts and a box between them: namespaces without names, each held by a process."""

    HOSTS = {'in0': '198.51.100.1', 'out0': '198.51.100.2'}

    def __init__(self):
        self.holders = {}
        try:
            for place in ('box', *self.HOSTS):
                self.hold(place)
            self.run('box', 'sysctl', '-qw', 'net.ipv6.conf.default.disable_ipv6=1')
            for port, address in self.HOSTS.items():
                self.run(port, 'ip', 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', port,
                         'netns', str(self.holders['box'].pid))
                self.run(port, 'ip', 'addr', 'add', address + '/24', 'dev', 'eth0')
                self.run(port, 'ip', 'link', 'set', 'eth0', 'up')
                self.run('box', 'ip', 'link', 'set', port, 'up')
        except (OSError, subprocess.SubprocessError) as error:
            self.end()
            raise NotAvailable(f'no namespaces: {error}') from error

    def hold(self, place):
        holder = subprocess.Popen(['unshare', '--net', 'cat'], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.holders[place] = holder
        holder.stdin.write(b'x')  # the echo says that it is there
        holder.stdin.flush()
        if holder.stdout.read(1) != b'x':
            raise OSError('unshare failed')

    def enter(self, place):
        return ['nsenter', '-t', str(self.holders[place].pid), '--net', '--']

    def run(self, place, *words):
        env = dict(os.environ, PATH=os.environ['PATH'] + ':/usr/sbin:/sbin')
        return subprocess.run(self.enter(place) + list(words), stdout=subprocess.PIPE, check=True,
                              stderr=subprocess.PIPE, text=True, timeout=PATIENCE, env=env).stdout

    def end(self):
        for holder in self.holders.values():
            holder.kill()
            holder.communicate()


def part_poll(bench):
    """Pings through the daemon, whose workers sleep when nothing comes, or do not."""
    try:
        wire = Wire()
    except NotAvailable as error:
        bench.note(f'poll: not measured: {error}')
        return
    try:
        for _ in range(bench.options.runs):
            medians = {poll: ping_rows(bench, wire, poll) for poll in ('adaptive', 'busy')}
            if all(medians.values()):
                bench.add('poll', 'ping, median, adaptive over busy', 'ratio',
                          [medians['adaptive'] / medians['busy']])
    finally:
        wire.end()


def ping_rows(bench, wire, poll):
    """Pings at 20 ms, each after a silence; the median."""
    if not bench.wanted(f'ping, {poll}'):
        return None
    policy = {'policy': 'bench', 'revision': 1, 'link': {'arp': 'both'}, 'approved': [
        {'id': 'PING', 'direction': 'both', 'protocol': 'icmp', 'source': 'any',
         'destination': 'any'}]}
    with tempfile.TemporaryDirectory(prefix='ppsfw-bench.') as folder:
        with open(f'{folder}/policy.json', 'w', encoding='utf-8') as file:
            json.dump(policy, file)
        ports = [f'--vdev=net_af_packet{i},iface={port}' for i, port in enumerate(wire.HOSTS)]
        program = Daemon(bench, folder, ports=ports, enter=wire.enter('box'), poll=poll,
                         names=('net_af_packet0', 'net_af_packet1'))
        try:
            text = wire.run('out0', 'ping', '-c', str(PINGS + 1), '-i', '0.02',
                            wire.HOSTS['in0'])
            share = max(worker['utilisation'] for worker in program.status()['workers'])
        finally:
            program.stop()
    times = [float(word) * 1000 for word in re.findall(r'time=([\d.]+) ms', text)][1:]
    median = statistics.median(times)
    bench.add('poll', f'ping, {poll}: median', 'us', [median])
    bench.add('poll', f'ping, {poll}: 90 of 100', 'us', [sorted(times)[len(times) * 9 // 10]])
    bench.add('poll', f'ping, {poll}: utilisation of the worker', 'share', [share])
    return median
