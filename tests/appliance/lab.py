# SPDX-License-Identifier: BSD-3-Clause
"""A wire with real hosts: two network namespaces, and a box between them that runs ppsfwd.

    with Lab() as lab, lab.appliance(policy(...)) as box:
        box.start()
        with lab.at(OUTSIDE):
            client = socket.create_connection((SERVER, 443))

    inside 198.51.100.10, 2001:db8:1::10 -- in0 [ppsfwd] out0 -- outside 203.0.113.9, 2001:db8:2::9

The namespaces have no names: each lives as long as a process that holds it, so nothing is left
behind however a test ends, and any number of labs run side by side. Sockets that are made inside
"with lab.at(...)" belong to that host for ever; the test itself is client and server.
"""

import contextlib
import ctypes
import os
import shutil
import subprocess

from harness import INSIDE, OUTSIDE, PATIENCE, Appliance
from tap import Failed, skip

SERVER, CLIENT = "198.51.100.10", "203.0.113.9"
SERVER6, CLIENT6 = "2001:db8:1::10", "2001:db8:2::9"
BOX = "box"

CLONE_NEWNET = 0x40000000


def need_root():
    """Skips where namespaces cannot be made."""
    if os.getuid() != 0:
        skip("needs root for network namespaces")
    for program in ("ip", "unshare", "nsenter", "ethtool"):
        if shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin:/sbin") is None:
            skip(f"needs {program}")
    if subprocess.run(["unshare", "--net", "true"], check=False, stderr=subprocess.DEVNULL
                      ).returncode != 0:
        skip("network namespaces are not permitted here")


class Lab:
    """Three namespaces and two cables."""

    def __init__(self):
        self.holders = {}
        self.box = None

    def __enter__(self):
        try:
            self.hold(BOX, silent=True)
            self.hold(INSIDE)
            self.hold(OUTSIDE)
            self._connect(INSIDE, "in0", (SERVER, SERVER6), ("203.0.113.0/24", "2001:db8:2::/64"))
            self._connect(OUTSIDE, "out0", (CLIENT, CLIENT6),
                          ("198.51.100.0/24", "2001:db8:1::/64"))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for holder in self.holders.values():
            holder.kill()
            holder.wait()
            holder.stdin.close()
            holder.stdout.close()

    def hold(self, place, silent=False):
        """Makes a namespace; a silent one has no IPv6."""
        # pylint: disable=consider-using-with
        holder = subprocess.Popen(["unshare", "--net", "cat"], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE)
        self.holders[place] = holder
        # The echo says that the namespace is there.
        holder.stdin.write(b"x")
        holder.stdin.flush()
        if holder.stdout.read(1) != b"x":
            raise Failed("no namespace")
        if silent:
            # No stack on its ports: it speaks to nobody.
            self.run(place, "sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1")
        self.run(place, "ip", "link", "set", "lo", "up")

    def pid(self, place):
        """The process that holds a namespace."""
        return str(self.holders[place].pid)

    def enter(self, place):
        """The words that run a program in a namespace."""
        return ["nsenter", "-t", self.pid(place), "--net", "--"]

    def run(self, place, *words, check=True):
        """Runs a program in a namespace; its output."""
        env = dict(os.environ, PATH=os.environ["PATH"] + ":/usr/sbin:/sbin")
        done = subprocess.run(self.enter(place) + list(words), stdout=subprocess.PIPE, env=env,
                              stderr=subprocess.STDOUT, timeout=PATIENCE, check=False)
        if check and done.returncode != 0:
            raise Failed(f"{' '.join(words)}: {done.stdout.decode()}")
        return done

    def cable(self, one, port, other, other_port):
        """Joins two namespaces by a wire: it carries whole frames with whole checksums."""
        self.run(one, "ip", "link", "add", port, "type", "veth", "peer", "name", other_port,
                 "netns", self.pid(other))
        for place, device in ((one, port), (other, other_port)):
            self.run(place, "ethtool", "-K", device, "tx", "off", "gso", "off", "tso", "off",
                     "gro", "off")
            self.run(place, "ip", "link", "set", device, "up")

    def give(self, place, device, *addresses):
        """Gives a device addresses, of the usual width if they say none."""
        for address in addresses:
            if "/" not in address:
                address += "/64" if ":" in address else "/24"
            self.run(place, "ip", "addr", "add", address, "dev", device,
                     *(["nodad"] if ":" in address else []))

    def _connect(self, place, port, addresses, routes):
        self.cable(place, "eth0", BOX, port)
        self.give(place, "eth0", *addresses)
        for route in routes:
            self.run(place, "ip", "route", "add", route, "dev", "eth0")

    @contextlib.contextmanager
    def at(self, place):
        """The calling thread makes its sockets in another namespace meanwhile."""
        libc = ctypes.CDLL(None, use_errno=True)
        with open("/proc/thread-self/ns/net", "rb") as home, \
                open(f"/proc/{self.pid(place)}/ns/net", "rb") as there:
            if libc.setns(there.fileno(), CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns")
            try:
                yield
            finally:
                libc.setns(home.fileno(), CLONE_NEWNET)

    def appliance(self, document, **config):
        """A box between the two hosts."""
        self.box = Appliance(
            document, vdevs=["net_af_packet0,iface=in0", "net_af_packet1,iface=out0"],
            prefix=self.enter(BOX), **config)
        return self.box
