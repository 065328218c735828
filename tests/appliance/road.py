# SPDX-License-Identifier: BSD-3-Clause
"""A long way between two hosts: a router at each, and a sky above the wire that makes weather.

    with Road() as road:
        road.start(policy(...))
        with road.weather(**STORM) as sky:
            ...
        check(sky.lost > 0)

    host -- router -- sky -- in0 [ppsfwd] out0 -- sky -- router -- host

The hosts are those of lab.py. Frames are judged as they are on a wire, fragments too: the box has
net_pcap ports. What weather does: weather.c.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess

from harness import INSIDE, OUTSIDE, PATIENCE, Appliance
from lab import BOX, CLIENT, CLIENT6, SERVER, SERVER6, Lab, need_root
from tap import Failed, check, check_equal, skip, wait_until

SKY = "sky"
WEATHER = os.environ.get("PPSFW_WEATHER", "")

# The addresses of each router: to its host, and on the wire. Each is the other's gateway.
ROUTERS = {INSIDE: (("198.51.100.1", "2001:db8:1::1"), ("192.0.2.1", "2001:db8:f::1")),
           OUTSIDE: (("203.0.113.1", "2001:db8:2::1"), ("192.0.2.2", "2001:db8:f::2"))}
HOSTS = {INSIDE: (SERVER, SERVER6), OUTSIDE: (CLIENT, CLIENT6)}
FAMILIES = ((CLIENT, SERVER), (CLIENT6, SERVER6))

# What a network may do to traffic. Loss is on each side of the box and in each direction.
CALM = {}
REORDERING = {"late": 20, "delay": 4}
STORM = {"lost": 5, "late": 10, "delay": 4, "twice": 1}

# TCP that neither speaks nor waits for anybody: what its host may forget at any time.
AT_REST = ("listening", "time-wait", "fin-wait-2")

# What no legitimate traffic may be dropped for. What a full queue loses is no judgement.
LOST = {"tx_full", "link_down"}


def router(side):
    """The place of the router at a host."""
    return "router " + side


def other(side):
    """The other side."""
    return OUTSIDE if side == INSIDE else INSIDE


def need(*programs):
    """Skips without these programs."""
    for program in programs:
        if shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin:/sbin") is None:
            skip(f"needs {program}")


class Sky:
    """What the weather did, counted when it is over."""

    def __init__(self, processes):
        self.processes = processes
        self.ways = {}

    def end(self):
        """Ends the weather; late frames are gone with it."""
        for side, process in self.processes.items():
            process.send_signal(signal.SIGTERM)
            out, _ = process.communicate()
            if process.returncode != 0:
                raise Failed(f"weather ended with {process.returncode}")
            self.ways.update({(side, way): counts for way, counts in json.loads(out).items()})

    def __getattr__(self, name):
        return sum(counts[name] for counts in self.ways.values())


class Road(Lab):
    """The way, and the box on it."""

    def __init__(self):
        super().__init__()
        need_root()
        if not os.path.exists(WEATHER):
            skip("PPSFW_WEATHER does not name the program that makes weather")

    def _connect(self, place, port, _addresses, _routes):
        if SKY not in self.holders:
            self.hold(SKY, silent=True)
        here, there = ROUTERS[place], ROUTERS[other(place)]
        self.hold(router(place))
        self.run(router(place), "sysctl", "-qw", "net.ipv4.ip_forward=1",
                 "net.ipv6.conf.all.forwarding=1")
        self.cable(place, "eth0", router(place), "host")
        self.cable(router(place), "wire", SKY, place)
        self.cable(SKY, place + "-box", BOX, port)
        self.give(place, "eth0", *HOSTS[place])
        # Weather is not learnt from: what a host remembers of a way's delay makes later connections
        # wait as if they were still below the same sky.
        self.run(place, "sysctl", "-qw", "net.ipv4.tcp_no_metrics_save=1")
        self.give(router(place), "host", *here[0])
        self.give(router(place), "wire", *here[1])
        for near, network, far in zip(here[0], ("0.0.0.0/0", "::/0"), there[1]):
            self.run(place, "ip", "route", "add", network, "via", near)
            self.run(router(place), "ip", "route", "add", network, "via", far)

    def __exit__(self, *more):
        if self.box is not None:
            self.box.__exit__(*more)
        super().__exit__(*more)

    def start(self, document, **config):
        """Starts the box, and lets the hosts find each other."""
        self.box = Appliance(document, vdevs=[
            f"net_pcap{number},rx_iface_in={port},tx_iface={port}"
            for number, port in enumerate(("in0", "out0"))], prefix=self.enter(BOX), **config)
        self.box.start()
        with self.weather():
            for one, another in FAMILIES:
                wait_until(lambda here=one, there=another: self.run(
                    OUTSIDE, "ping", "-c", "1", "-W", "1", "-I", here, there, check=False
                    ).returncode == 0, "the other host", PATIENCE)
        return self.box

    def settle(self):
        """Waits until TCP of both hosts is at rest.

        What a lost packet keeps open would else speak later, when the box or the weather is another.
        """
        excluded = [word for state in AT_REST for word in ("exclude", state)]
        for side in (INSIDE, OUTSIDE):
            wait_until(lambda at=side: not self.run(at, "ss", "-Htn", "state", "all",
                                                    *excluded).stdout,
                       "connections to end", PATIENCE)

    def drops(self):
        """What was dropped so far, by reason, as an operator sees it."""
        return {drop["reason"]: drop["count"] for drop in self.box.ask("show", "drops")["drops"]
                if drop["reason"] not in LOST}

    def _weather(self, side, options):
        words = [f"{name}={value}" for name, value in options.items()]
        # pylint: disable=consider-using-with
        process = subprocess.Popen(
            self.enter(SKY) + [WEATHER, side, side + "-box", "seed=7", *words],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        check_equal(process.stdout.readline(), b"ready\n")
        return process

    @contextlib.contextmanager
    def weather(self, may_drop=(), **options):
        """Weather on both sides of the box, while legitimate traffic goes on below it.

        The weather goes on until TCP of both hosts is at rest. The traffic must have gone through
        the box, nothing of it dropped but for the reasons of 'may_drop', and the weather must have
        done all that it was to do.
        """
        before, passed = self.drops(), self.box.ask("status")["packets"]["passed"]
        sky = Sky({side: self._weather(side, options) for side in (INSIDE, OUTSIDE)})
        try:
            yield sky
            self.settle()
        finally:
            sky.end()
        new = {reason: count - before.get(reason, 0) for reason, count in self.drops().items()
               if reason not in may_drop and count != before.get(reason, 0)}
        check_equal(new, {})
        passed = self.box.ask("status")["packets"]["passed"] - passed
        check(passed > 0 and sky.frames > passed, f"{passed} packets passed of {sky.frames} frames")
        for name, counter in (("lost", "lost"), ("twice", "twice"), ("late", "overtaken")):
            if options.get(name):
                check(getattr(sky, counter) > 0, f"no frame was {counter}")


class Shared:
    """One road for all tests of a file, made when the first asks for it."""

    def __init__(self, document, **config):
        self.document, self.config = document, config
        self.road = None

    def __call__(self):
        if self.road is None:
            road = Road().__enter__()
            try:
                road.start(self.document, **self.config)
            except BaseException:
                road.__exit__()
                raise
            self.road = road
        return self.road

    def close(self):
        """Takes everything down."""
        if self.road is not None:
            self.road.__exit__()
