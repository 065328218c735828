# SPDX-License-Identifier: BSD-3-Clause
"""ppsfwd and ppsfw as processes: a folder of their own, a configuration, a policy, and questions.

    with Appliance(policy(approve("W", "inbound", "https", to="198.51.100.10"))) as appliance:
        appliance.start()
        check_equal(appliance.call("status")["mode"], "inline")

    run = replay(policy(...), [(1.0, INSIDE, frame), ...])      # captured time, runs to its end
    check_equal(run.outside, [frame])

Every test file is called with the two programs and the top of the sources as its arguments.
Nothing here sleeps for a fixed time: a daemon is up when its socket answers.
"""

import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

import pcap
from tap import Failed

PPSFWD = os.path.abspath(sys.argv[1])
PPSFW = os.path.abspath(sys.argv[2])
ROOT = os.path.abspath(sys.argv[3])

INSIDE, OUTSIDE = "inside", "outside"

OK, FAILED, USAGE = 0, 1, 2
REFUSED, BUSY = -32002, -32003

# How many workers daemons have where a test does not say.
WORKERS = int(os.environ.get("PPSFW_WORKERS", "1"))

# Room for a busy machine and for a build with sanitizers; nothing waits this long on purpose.
PATIENCE = 60

EMPTY = {"policy": "empty", "revision": 1}


# ---- policies ----

def approve(rule, direction="both", service=None, *, source="any", to="any", **more):
    """An approved rule; without a service it is for every protocol."""
    what = {"service": service} if service else {}
    if not service and "protocol" not in more:
        what = {"protocol": "any"}
    return {"id": rule, "direction": direction, **what, "source": source, "destination": to,
            **more}


def policy(*approved, name="test", revision=1, **more):
    """A policy with these approved rules."""
    return {"policy": name, "revision": revision, "approved": list(approved), **more}


# Everything that may cross at all.
OPEN_LINK = {"arp": "both", "neighbor_discovery": "both", "vlans": "any"}


# ---- the control socket ----

class RpcError(Exception):
    """An error that the daemon answered."""

    def __init__(self, error):
        super().__init__(f"{error['code']}: {error['message']} {error.get('data', '')}")
        self.code, self.message = error["code"], error["message"]
        self.data = error.get("data")


def connect(path):
    """A socket that is connected; it waits for a place, but not for ever."""
    client = socket.socket(socket.AF_UNIX)
    # With settimeout() before it, a connect would fail when many connect at once.
    client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", PATIENCE, 0))
    try:
        client.connect(path)
    except OSError:
        client.close()
        raise
    client.settimeout(PATIENCE)
    return client


class Control:
    """One connection to the control socket; everything with a time limit."""

    def __init__(self, path):
        self.socket = connect(path)
        self.lines = self.socket.makefile("rb")
        self.sent = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Closes the connection."""
        self.lines.close()
        self.socket.close()

    def send(self, method, params=None):
        """Sends a call without waiting for its answer; returns its id."""
        self.sent += 1
        call = {"jsonrpc": "2.0", "id": self.sent, "method": method}
        if params is not None:
            call["params"] = params
        self.socket.sendall(json.dumps(call).encode() + b"\n")
        return self.sent

    def receive(self):
        """The next object the daemon sends; None when it closed."""
        line = self.lines.readline()
        return json.loads(line) if line else None

    def answer(self):
        """The result in the next object, or the error in it as an exception."""
        reply = self.receive()
        if reply is None:
            raise Failed("the daemon closed the connection")
        if "error" in reply:
            raise RpcError(reply["error"])
        return reply["result"]

    def call(self, method, params=None):
        """Calls and waits for the answer."""
        self.send(method, params)
        return self.answer()

    def load(self, document, name="test.json"):
        """Loads a policy, given as an object or as text."""
        text = document if isinstance(document, str) else json.dumps(document)
        return self.call("load", {"name": name, "text": text})


# ---- the programs ----

class Result:
    """What a run of a program left behind."""

    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    def __repr__(self):
        return f"exit {self.code}\n--- stdout\n{self.out}--- stderr\n{self.err}"


def run_program(*command, timeout=PATIENCE, **more):
    """Runs a program to its end."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=timeout, check=False, **more)
    return Result(done.returncode, done.stdout.decode(errors="replace"),
                  done.stderr.decode(errors="replace"))


def _eal(vdevs, megabytes, workers):
    """Arguments for EAL: no hugepages, no files, and lcores that share the CPUs with everybody."""
    cpus = ",".join(str(cpu) for cpu in sorted(os.sched_getaffinity(0)))
    lcores = ",".join(f"{lcore}@({cpus})" for lcore in range(workers + 1))
    return ["--no-huge", "-m", str(megabytes + 16 * (workers - 1)), "--no-shconf", "--no-pci",
            "--no-telemetry", f"--lcores={lcores}"] + [f"--vdev={vdev}" for vdev in vdevs]


class Appliance:
    """A folder with a configuration and a policy, and the daemon that runs on them.

    'segments' are the names of the segments. Without 'vdevs' each gets two net_pcap ports that read
    <segment>-<side>.pcap and write <segment>-<side>-out.pcap; what is not put there is empty.
    """

    def __init__(self, document=None, *, segments=("dmz",), vdevs=None, ports=None,
                 megabytes=128, prefix=(), **config):
        self.folder = tempfile.mkdtemp(prefix="ppsfw-test.")
        self.segments = segments
        self.process = None
        self.prefix = list(prefix)
        self.socket = self.path("ctl.sock")
        if vdevs is None:
            vdevs = self._pcap_vdevs()
        if ports is None:
            ports = [vdev.split(",")[0] for vdev in vdevs]
        self.config = {
            "eal": _eal(vdevs, megabytes, config.get("workers", WORKERS)),
            "workers": WORKERS,
            "segments": [{"name": name, "inside": ports[2 * i], "outside": ports[2 * i + 1]}
                         for i, name in enumerate(segments)],
            "policy": "policy.json", "flows": 4096, "socket": "ctl.sock",
            "events": {"file": "events.jsonl"}, "state": None,
            # Policies are loaded that are not the configured file: that is told when it is asked.
            "drift_check_seconds": 0,
        }
        self.config.update(config)
        self.write_policy(document if document is not None else EMPTY)

    def _pcap_vdevs(self):
        vdevs = []
        for name in self.segments:
            for side in (INSIDE, OUTSIDE):
                self.write_capture(side, [], name)
                vdevs.append(f"net_pcap{len(vdevs)},rx_pcap={name}-{side}.pcap,"
                             f"tx_pcap={name}-{side}-out.pcap")
        return vdevs

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    # files

    def path(self, name):
        """A file of the folder."""
        return os.path.join(self.folder, name)

    def write(self, name, text):
        """Writes a file, text or an object; returns its path."""
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text if isinstance(text, str) else json.dumps(text, indent=1))
        return self.path(name)

    def write_policy(self, document):
        """Writes the configured policy file."""
        return self.write("policy.json", document)

    def write_capture(self, side, packets, segment="dmz"):
        """What one port receives."""
        pcap.write_pcap(self.path(f"{segment}-{side}.pcap"), packets)

    def sent(self, side, segment="dmz"):
        """The frames one port sent."""
        return pcap.read_frames(self.path(f"{segment}-{side}-out.pcap"))

    def events(self, kind=None):
        """The events in the file, in order."""
        with open(self.path("events.jsonl"), encoding="utf-8") as file:
            events = [json.loads(line) for line in file]
        return [event for event in events if kind in (None, event["event"])]

    def errors(self):
        """What the daemon wrote to standard error so far."""
        with open(self.path("stderr"), encoding="utf-8", errors="replace") as file:
            return file.read()

    # the daemon

    def command(self, *words):
        """The command line of the daemon."""
        return self.prefix + [PPSFWD, "--config", self.write("ppsfwd.json", self.config), *words]

    def launch(self):
        """Starts the daemon without waiting for anything."""
        with open(self.path("stderr"), "ab") as errors:
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL,
                                            stdout=errors, stderr=errors)

    def start(self):
        """Starts the daemon and waits until its socket answers."""
        self.launch()
        end = time.monotonic() + PATIENCE
        while True:
            try:
                with Control(self.socket) as control:
                    control.call("methods")
                return self
            except OSError:
                pass
            if self.process.poll() is not None:
                raise Failed(f"ppsfwd ended with {self.process.returncode}: {self.errors()}")
            if time.monotonic() > end:
                raise Failed(f"ppsfwd does not answer: {self.errors()}")
            time.sleep(0.005)

    def wait(self):
        """Waits for the daemon to end; its exit code."""
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired as late:
            raise Failed(f"ppsfwd does not end: {self.errors()}") from late

    def run(self):
        """Runs the daemon to its end; its exit code."""
        self.launch()
        return self.wait()

    def signal(self, number):
        """Sends the daemon a signal."""
        self.process.send_signal(number)

    def stop(self):
        """Ends the daemon as an operator does; its exit code."""
        self.signal(signal.SIGTERM)
        return self.wait()

    def kill(self):
        """Leaves nothing running, whatever happened."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    # questions

    def connect(self):
        """A connection to the control socket."""
        return Control(self.socket)

    def call(self, method, params=None):
        """One call on a connection of its own."""
        with self.connect() as control:
            return control.call(method, params)

    def load(self, document, name="test.json"):
        """Loads a policy; the answer."""
        with self.connect() as control:
            return control.load(document, name)

    def cli(self, *words):
        """Runs ppsfw."""
        return run_program(PPSFW, "--socket", self.socket, *words)

    def ask(self, *words):
        """The object that "ppsfw --json" prints."""
        result = self.cli("--json", *words)
        if result.code != OK:
            raise Failed(f"ppsfw {' '.join(words)}: {result!r}")
        return json.loads(result.out)


# ---- captured time ----

def last_sorted(flows):
    """Events of flows in order, but for those that ended with the run: these come as the flows lie
    in the tables, which for several workers is a secret of the run."""
    return sorted(flows, key=lambda event: json.dumps(event, sort_keys=True)
                  if event.get("end") == "stopped" else "")


class Told:
    """The events of a run, by kind."""

    events = ()

    def of(self, kind):
        """The events of one kind."""
        return [event for event in self.events if event["event"] == kind]

    def drops(self):
        """How many packets were denied, by reason."""
        counts = {}
        for event in self.of("deny"):
            counts[event["reason"]] = counts.get(event["reason"], 0) + event["count"]
        return counts


class Replay(Told):
    """What a run in captured time left behind."""

    def __init__(self, appliance, code):
        self.code = code
        self.errors = appliance.errors()
        self.events = appliance.events()
        self.outputs = {(name, side): appliance.sent(side, name)
                        for name in appliance.segments for side in (INSIDE, OUTSIDE)}
        self.inside = self.outputs[appliance.segments[0], INSIDE]
        self.outside = self.outputs[appliance.segments[0], OUTSIDE]

    def wire_events(self):
        """What workers told: flows in order, and denies added up, because when a record of several
        denies is closed depends on a secret of the run."""
        flows = [{key: value for key, value in event.items() if key != "seq"}
                 for event in self.events if event["event"] in ("flow_start", "flow_end")]
        flows = last_sorted(flows)
        denies = {}
        for event in self.of("deny"):
            same = json.dumps({key: value for key, value in event.items()
                               if key not in ("seq", "time", "count", "source_port")})
            denies[same] = denies.get(same, 0) + event["count"]
        return flows, denies


# Captured time begins here: 2026-01-01T00:00:00Z, so that dates in policies are easy to write.
EPOCH = 1767225600


def microseconds(seconds):
    """Seconds since EPOCH, to the microsecond, as a capture has them."""
    return EPOCH * 1000000 + round(seconds * 1000000)


def replay(document, script, *, segments=("dmz",), **config):
    """Runs the daemon over (seconds, side, frame) or (seconds, side, frame, segment) and waits."""
    config.setdefault("clock", "capture")
    with Appliance(document, segments=segments, **config) as appliance:
        for name in segments:
            for side in (INSIDE, OUTSIDE):
                appliance.write_capture(side, [
                    (microseconds(step[0]), step[2]) for step in script
                    if step[1] == side and (step[3] if len(step) > 3 else segments[0]) == name
                ], name)
        code = appliance.run()
        if code != OK:
            raise Failed(f"ppsfwd ended with {code}: {appliance.errors()}")
        return Replay(appliance, code)
