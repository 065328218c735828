# SPDX-License-Identifier: BSD-3-Clause
"""Numbered packets from host to host over the live wire (lab.py), none of which may be missing."""

import socket
import struct

from harness import INSIDE, OUTSIDE, PATIENCE
from lab import CLIENT, SERVER
from tap import check, check_equal

WINDOW = 128


class Stream:
    """Numbered packets from inside to outside and back, WINDOW of them under way at most."""

    def __init__(self, lab):
        with lab.at(INSIDE):
            self.source = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with lab.at(OUTSIDE):
            self.sink = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        for end, address in ((self.source, (SERVER, 20000)), (self.sink, (CLIENT, 9000))):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
            end.bind(address)
            end.settimeout(PATIENCE)
        self.source.connect((CLIENT, 9000))
        self.sink.connect((SERVER, 20000))
        self.sent = 0

    def close(self):
        """Closes both ends."""
        self.source.close()
        self.sink.close()

    def _pass(self, one, other, first):
        for number in range(first, first + WINDOW):
            one.send(struct.pack("!Q", number) + bytes(number % 64))
        for number in range(first, first + WINDOW):
            try:
                data = other.recv(2048)
            except TimeoutError:
                check(False, f"packet {number} is lost")
            check_equal(struct.unpack_from("!Q", data)[0], number)

    def window(self):
        """One window there and one back; every packet must arrive, in order."""
        self._pass(self.source, self.sink, self.sent)
        self._pass(self.sink, self.source, self.sent)
        self.sent += WINDOW

    def first_contact(self):
        """Lets the hosts find each other, so that no packet waits for an ARP reply."""
        self.source.settimeout(1)
        self.source.send(b"hello")
        check_equal(self.sink.recv(100), b"hello")
        self.source.settimeout(PATIENCE)
