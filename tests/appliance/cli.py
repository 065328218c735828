# SPDX-License-Identifier: BSD-3-Clause
"""ppsfw as a process, and the answers of a daemon that tests play themselves. Every test file is
called with the program and the top of the sources as its arguments."""

import copy
import datetime
import json
import os
import pty
import subprocess
import sys
import tempfile

from fake_daemon import FakeDaemon
from tap import check

PPSFW = os.path.abspath(sys.argv[1])
ROOT = sys.argv[2] if len(sys.argv) > 2 else os.path.join(os.path.dirname(__file__), "..", "..")
ROOT = os.path.abspath(ROOT)
SOURCES = os.path.join(ROOT, "app", "ppsfw")

OK, FAILED, USAGE = 0, 1, 2

GIB = 1 << 30


def environment(**extra):
    """The environment without anything that would change what is printed."""
    env = {"PATH": os.environ["PATH"], "TERM": "xterm", "LANG": "C.UTF-8"}
    for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LD_PRELOAD"):
        if name in os.environ:
            env[name] = os.environ[name]
    env.update(extra)
    return env


class Result:
    """What a run left behind."""

    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    def __repr__(self):
        return f"exit {self.code}\n--- stdout\n{self.out}--- stderr\n{self.err}"


def run(*words, daemon=None, env=None, cwd=None):
    """Runs ppsfw with these words."""
    command = [PPSFW]
    if daemon is not None:
        command += ["--socket", daemon.path]
    done = subprocess.run(command + list(words), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          stdin=subprocess.DEVNULL, env=env or environment(), cwd=cwd, timeout=60)
    return Result(done.returncode, done.stdout.decode(), done.stderr.decode())


def run_on_terminal(*words, daemon=None, env=None):
    """Runs ppsfw with a terminal as its standard output."""
    parent, child = pty.openpty()
    command = [PPSFW] + (["--socket", daemon.path] if daemon else []) + list(words)
    process = subprocess.Popen(command, stdout=child, stderr=subprocess.PIPE,
                               stdin=subprocess.DEVNULL, env=env or environment())
    os.close(child)
    out = b""
    while True:
        try:
            chunk = os.read(parent, 65536)
        except OSError:  # the other side was closed
            break
        if not chunk:
            break
        out += chunk
    os.close(parent)
    err = process.stderr.read()
    process.stderr.close()
    return Result(process.wait(60), out.decode().replace("\r\n", "\n"), err.decode())


def ask(answers, *words, **more):
    """Runs ppsfw against a daemon with these answers. Returns the result and the calls it got."""
    with FakeDaemon(answers) as daemon:
        result = run(*words, daemon=daemon, **more)
    return result, daemon.calls


def check_exit(result, code):
    """The exit status, with all that was printed when it is another one."""
    check(result.code == code, f"wanted exit {code}: {result!r}")


def now(seconds_ago=0):
    """RFC 3339."""
    then = datetime.datetime.utcnow() - datetime.timedelta(seconds=seconds_ago)
    return then.strftime("%Y-%m-%dT%H:%M:%SZ")


# ---- answers ----

POLICY = {"name": "web-enclave", "revision": 7, "authority": "Configuration Management Board",
          "digest": "3f2a9c1be04d" + "0" * 52, "generation": 4, "file": "/etc/ppsfw/policy.json",
          "loaded": "2026-11-20T06:00:00Z", "age_sec": 7500, "valid_until": None,
          "rules": {"approved": 4, "exceptions": 1, "banned": 1}, "entries": 42,
          "table_bytes": 1 << 20}


def make_port(name, **changes):
    """A PORT of the answer to status."""
    port = {"name": name, "driver": "net_pcap", "link": "up", "speed_mbps": 10000, "mtu": 1500,
            "rx_packets": 1000, "rx_bytes": 100000, "tx_packets": 900, "tx_bytes": 90000,
            "rx_pps": 1234567, "tx_pps": 900, "rx_bps": 3400000000, "tx_bps": 7200000,
            "missed": 0, "no_buffer": 0, "errors": 0,
            "rx_queues": 1, "tx_queues": 1, "spread": "none"}
    port.update(changes)
    return port


STATUS = {"version": "0.1.0", "pid": 4711, "mode": "inline", "clock": "system",
          "started": "2026-11-18T04:00:00Z", "uptime_sec": 3 * 86400 + 4 * 3600,
          "policy": POLICY,
          "segments": [{"name": "dmz", "inside": make_port("net_pcap0"),
                        "outside": make_port("net_pcap1")}],
          "flows": {"live": 340, "capacity": 1048576, "started": 12345, "ended": 12005,
                    "memory_bytes": 64 << 20, "pressure": False,
                    "half_open": {"live": 12, "max": 524288, "per_source": 8192, "replaced": 0,
                                  "pressure": False}},
          "packets": {"passed": 1234567, "passed_bytes": 3 * GIB, "dropped": 12034,
                      "dropped_bytes": 1 << 20, "pass_pps": 1200, "drop_pps": 20},
          "memory": {"per_flow": 64, "per_rule": 209715},
          "top_drops": [{"reason": "not_approved", "count": 12000},
                        {"reason": "tcp_not_syn", "count": 34}],
          "workers": [{"worker": 0, "lcore": 1, "cpu": 5, "numa_node": 1, "inputs": [
                           {"segment": "dmz", "side": side, "port": port, "queue": 0}
                           for side, port in (("inside", "net_pcap0"), ("outside", "net_pcap1"))],
                       "passed": 1234567, "dropped": 12034, "flows": 340,
                       "utilisation": 0.375, "handed_over": 0, "stalled": False}],
          "placement": [],
          "events": {"written": 1203, "lost": 0, "write_errors": 0,
                     "file": "/var/log/ppsfw/events.jsonl"},
          "reload": {"busy": False, "loads": 3, "refused": 0},
          "drift": {"equal": True, "checked": "2026-11-21T04:00:00.123Z", "running": "5a" * 32,
                    "approved": "5a" * 32, "differs": [], "why": None}}

RULE = {"id": "PPS-0001", "kind": "approved", "direction": "inbound", "traffic": "tcp 443",
        "source": "any", "destination": "web_servers", "vlans": "any", "log": "flows",
        "assurance": "high", "boundary": "external-to-enclave", "approved_by": "CMB 2026-031",
        "owner": None, "assessed": None, "reason": None,
        "mitigations": ["TLS 1.2+ with mutual authentication"], "expires": None,
        "comment": None, "expired": False, "overrides": [], "limits": None, "packets": 1234567, "bytes": 3 * GIB,
        "flows": 120, "live": 8, "last": None, "since": "2026-11-18T04:00:00Z"}

FLOW = {"segment": "dmz", "direction": "inbound", "protocol": "tcp", "source": "203.0.113.9",
        "source_port": 40000, "destination": "198.51.100.10", "destination_port": 443,
        "icmp_type": None, "vlan": 0, "inner_vlan": 0, "state": "tcp_established",
        "rule": "PPS-0001", "started": "2020-01-01T00:00:00Z", "idle_ms": 340,
        "timeout_ms": 7440000, "packets": {"initiator": 10, "responder": 12},
        "bytes": {"initiator": 1000, "responder": 12000}}

LOADED = {"name": "web-enclave", "revision": 8, "digest": "ab" * 32, "previous_digest": "cd" * 32,
          "generation": 5, "rules": {"approved": 10, "exceptions": 1, "banned": 1}, "entries": 40,
          "table_bytes": 1000, "build_ms": 12, "flows": {"kept": 340, "rebound": 2, "cut": 5}}

EXPLAINED = {"verdict": "pass", "reason": "none", "text": "the packet passes",
             "step": "classify",
             "steps": [{"step": "link", "result": "ok", "text": "untagged IPv4"},
                       {"step": "headers", "result": "ok", "text": "well-formed"},
                       {"step": "classify", "result": "pass", "text": "PPS-0001"},
                       {"step": "tunnel", "result": "not reached", "text": ""}],
             "packet": {"direction": "inbound", "length": 54, "protocol": "tcp",
                        "source": "203.0.113.9", "source_port": 40000,
                        "destination": "198.51.100.10", "destination_port": 443},
             "rule": RULE, "nearest": [], "flow": None,
             "policy": {"name": "web-enclave", "revision": 7, "digest": "3f" * 32,
                        "generation": 4}}

DENY = {"time": "2026-11-21T09:08:11.123Z", "seq": 17, "event": "deny", "direction": "inbound",
        "segment": "dmz", "protocol": "tcp", "source": "203.0.113.9", "source_port": 40000,
        "destination": "198.51.100.10", "destination_port": 23, "reason": "not_approved",
        "count": 12}

GOOD_POLICY = {"policy": "web-enclave", "revision": 8, "approved": [
    {"id": "PPS-0001", "direction": "inbound", "protocol": "tcp", "ports": 443, "source": "any",
     "destination": "198.51.100.10", "approved_by": "CMB 2026-031"}]}

BAD_POLICY = {"policy": "web-enclave", "revision": 8, "approved": [
    {"id": "PPS-0001", "direction": "inbound", "protocol": "tcp", "ports": 443, "source": "any",
     "destination": "198.51.100.10"},
    {"id": "PPS-0002", "direction": "sideways", "protocol": "tcp", "ports": 443, "source": "any",
     "destination": "198.51.100.10"},
    {"id": "PPS-0003", "direction": "inbound", "protocol": "tcp", "ports": 70000, "source": "any",
     "destination": "198.51.100.10"}]}


def policy_file(content):
    """A file that holds this policy; gone when the object is."""
    file = tempfile.NamedTemporaryFile("w", suffix=".json")
    file.write(content if isinstance(content, str) else json.dumps(content))
    file.flush()
    return file


def changed(answer, **changes):
    """A deep copy with some members changed."""
    answer = copy.deepcopy(answer)
    answer.update(changes)
    return answer
