# SPDX-License-Identifier: BSD-3-Clause
"""The programs that tools/bench measures whole, each started and stopped, with its packets."""

import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import time

PATIENCE = 60
LCORES = ('rte-worker-', 'lcore-worker-')  # the threads of EAL that forward


def free_hugepages():
    """Megabytes of free hugepages."""
    with open('/proc/meminfo', encoding='ascii') as file:
        found = dict(re.findall(r'^(\w+):\s+(\d+)', file.read(), re.M))
    return int(found.get('HugePages_Free', 0)) * int(found.get('Hugepagesize', 0)) // 1024


def human(number):
    """1000 as 1k."""
    for size, letter in ((1000000, 'M'), (1000, 'k')):
        if number >= size and number % size == 0:
            return f'{number // size}{letter}'
    return str(number)


def vdevs(folder, split=False):
    """Ports that read without end; 'split': with two queues each, filled as a device would."""
    files = ('.0.pcap', '.1.pcap') if split else ('.pcap',)
    return [f'--vdev=net_pcap{i},' + ''.join(f'rx_pcap={folder}/{side}{file},' for file in files)
            + 'infinite_rx=1' for i, side in enumerate(('inside', 'outside'))]


def eal_of_two(bench, ports, workers=1):
    """EAL with a management lcore and a worker, or more, for those that forward. With more workers
    than other CPUs, one shares management's, which sleeps nearly always."""
    cpus = bench.options.cpus
    lcores = ''.join(f',{1 + i}@{cpus[-1 - i % len(cpus)]}' for i in range(workers))
    memory = ['--in-memory'] if free_hugepages() >= 1024 else ['--no-huge', '--no-shconf']
    return memory + ['-m', '1024', '--no-pci', '--no-telemetry',
                     f'--lcores=0@{cpus[0]}{lcores}'] + ports


class Daemon:
    """ppsfwd on the captures, or on other ports; 'enter' is what runs it elsewhere."""

    def __init__(self, bench, folder, workers=1, split=False, *, ports=None,
                 names=('net_pcap0', 'net_pcap1'), enter=(), **config):
        self.bench, self.folder = bench, folder
        self.socket = os.path.join(folder, 'ctl.sock')
        config |= {'eal': eal_of_two(bench, ports or vdevs(folder, split), workers),
                   'policy': f'{folder}/policy.json',
                   'segments': [{'name': 'bench', 'inside': names[0], 'outside': names[1]}],
                   'socket': self.socket, 'state': folder, 'events': {'file': 'events.jsonl'}}
        if workers > 1:
            config['workers'] = workers
        with open(f'{folder}/ppsfwd.json', 'w', encoding='utf-8') as file:
            json.dump(config, file)
        self.process = subprocess.Popen(
            [*enter, bench.program('app', 'ppsfwd', 'ppsfwd'), '--config',
             f'{folder}/ppsfwd.json'],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        wait_for(lambda: self.process.poll() is not None or self.status() is not None)
        if self.process.poll() is not None:
            raise NotAvailable(self.process.stderr.read().strip().splitlines()[-1])

    def call(self, *words):
        return subprocess.run([self.bench.program('app', 'ppsfw', 'ppsfw'), '--socket',
                               self.socket, '--json', *words], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True, check=False)

    def status(self):
        """Asks without a program of its own: that takes no time from what is measured."""
        reply = b''
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(PATIENCE)
                connection.connect(self.socket)
                connection.sendall(b'{"jsonrpc":"2.0","id":1,"method":"status"}\n')
                while not reply.endswith(b'\n'):
                    reply += connection.recv(65536) or b'\n'
        except OSError:
            return None
        return json.loads(reply).get('result')

    def packets(self):
        return self.status()['packets']['passed']

    def worked(self):
        return worked(self.process, LCORES)

    def stop(self):
        stop(self.process)


class Testpmd:
    """dpdk-testpmd, moving pointers: what the inputs can give."""

    name = 'dpdk-testpmd io'

    def __init__(self, bench, folder):
        program = shutil.which('dpdk-testpmd')
        if program is None:
            raise NotAvailable('dpdk-testpmd is not installed (tools/install-packages bench)')
        self.process = subprocess.Popen(
            ['stdbuf', '-o0', program, *eal_of_two(bench, vdevs(folder)), '--', '-i',
             '--auto-start', '--forward-mode=io', '--burst=64'],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.text = ''
        self.packets()

    def packets(self):
        """Asks, and waits for both ports' numbers."""
        self.text = ''
        self.process.stdin.write(b'show port stats all\n')
        self.process.stdin.flush()
        deadline = time.monotonic() + PATIENCE
        while len(re.findall(r'TX-packets: \d+ ', self.text)) < 2:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise NotAvailable('dpdk-testpmd ended: ' + self.text[-200:])
            if select.select([self.process.stdout], [], [], 1)[0]:
                self.text += os.read(self.process.stdout.fileno(), 65536).decode()
        return sum(int(n) for n in re.findall(r'TX-packets: (\d+) ', self.text))

    def worked(self):
        return worked(self.process, LCORES)

    def stop(self):
        stop(self.process)


class OpenVswitch:
    """Open vSwitch's DPDK datapath with conntrack, in folders of its own."""

    name = 'Open vSwitch conntrack'
    server = '/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk'

    def __init__(self, bench, folder):
        if not os.access(self.server, os.X_OK):
            raise NotAvailable('openvswitch-switch-dpdk is not installed '
                               '(tools/install-packages bench)')
        self.folder, self.processes = folder, []
        self.env = dict(os.environ, **{f'OVS_{word}DIR': folder
                                       for word in ('RUN', 'DB', 'LOG', 'SYSCONF')})
        try:
            self.begin(bench)
        except (NotAvailable, subprocess.SubprocessError) as error:
            self.stop()
            raise NotAvailable(f'Open vSwitch does not start here: {error}') from error

    def run(self, *words):
        return subprocess.run(words, env=self.env, stdout=subprocess.PIPE, check=True,
                              stderr=subprocess.PIPE, text=True, timeout=PATIENCE).stdout

    def start(self, *words):
        with open(f'{self.folder}/ovs.log', 'ab') as log:
            self.processes.append(subprocess.Popen(words, env=self.env, stdout=log, stderr=log))

    def begin(self, bench):
        cpus, db = bench.options.cpus, f'{self.folder}/db.sock'
        self.run('ovsdb-tool', 'create', f'{self.folder}/conf.db',
                 '/usr/share/openvswitch/vswitch.ovsschema')
        self.start('ovsdb-server', f'--remote=punix:{db}', f'{self.folder}/conf.db')
        wait_for(lambda: os.path.exists(db))
        eal = [word for word in eal_of_two(bench, [])
               if not word.startswith(('--lcores', '--in-memory'))]
        if '--no-huge' in eal:  # it would add --in-memory, which excludes that
            eal.append('--legacy-mem')
        ovs = ['ovs-vsctl', f'--db=unix:{db}', '--timeout=30']
        self.run(*ovs, '--no-wait', 'set', 'Open_vSwitch', '.',
                 'other_config:dpdk-init=true',
                 f'other_config:dpdk-extra="{" ".join(eal)}"',
                 f'other_config:dpdk-lcore-mask={1 << cpus[0]:#x}',
                 f'other_config:pmd-cpu-mask={1 << cpus[-1]:#x}')
        self.start(self.server, f'unix:{db}', f'--unixctl={self.folder}/vswitchd.ctl')
        wait_for(lambda: os.path.exists(f'{self.folder}/vswitchd.ctl'))
        self.run(*ovs, 'add-br', 'br0', '--', 'set', 'bridge', 'br0', 'datapath_type=netdev')
        for i, side in enumerate(('inside', 'outside')):
            self.run(*ovs, 'add-port', 'br0', side, '--', 'set', 'Interface', side, 'type=dpdk',
                     f'options:dpdk-devargs=net_pcap{i},rx_pcap={self.folder}/{side}.pcap,'
                     'infinite_rx=1', f'ofport_request={i + 1}')
            if self.run(*ovs, 'get', 'Interface', side, 'ofport').strip() != str(i + 1):
                raise NotAvailable(self.run(*ovs, 'get', 'Interface', side, 'error').strip())
        bridge = f'unix:{self.folder}/br0.mgmt'
        self.run('ovs-ofctl', 'del-flows', bridge)
        for flow in ('table=0,ip,ct_state=-trk,actions=ct(table=1)',
                     'table=1,ip,in_port=2,ct_state=+trk+new,actions=ct(commit),output:1',
                     'table=1,ip,in_port=1,ct_state=+trk+est,actions=output:2',
                     'table=1,ip,in_port=2,ct_state=+trk+est,actions=output:1'):
            self.run('ovs-ofctl', 'add-flow', bridge, flow)

    def packets(self):
        text = self.run('ovs-appctl', '-t', f'{self.folder}/vswitchd.ctl',
                        'dpif-netdev/pmd-stats-show')
        return sum(int(n) for n in re.findall(r'^\s*packets received: (\d+)', text, re.M))

    def worked(self):
        return worked(self.processes[-1], 'pmd-')

    def stop(self):
        for process in reversed(self.processes):
            stop(process)


class NotAvailable(Exception):
    """What was to be measured does not run here."""


def stop(process):
    """Ends a process this program started."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()


def wait_for(condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise NotAvailable('it did not start in time')
        time.sleep(0.05)


def rate(program, seconds, meanwhile=None):
    """Millions of packets a second, and how much of their CPUs the workers had."""
    def look():
        return program.packets(), program.worked(), time.monotonic()

    before, ran, begun = look()
    while time.monotonic() - begun < seconds:
        if meanwhile is None:
            time.sleep(0.05)
        else:
            meanwhile()
    after, run, ended = look()
    shares = [(run[thread] - ran[thread]) / (ended - begun) for thread in run]
    return (after - before) / (ended - begun) / 1e6, sum(shares) / len(shares)


def worked(process, names):
    """Seconds that each thread with such a name has run."""
    result = {}
    for thread in os.listdir(f'/proc/{process.pid}/task'):
        place = f'/proc/{process.pid}/task/{thread}'
        with open(f'{place}/comm', encoding='utf-8') as comm:
            if comm.read().startswith(names):
                with open(f'{place}/schedstat', encoding='ascii') as file:
                    result[thread] = int(file.read().split()[0]) / 1e9
    return result
