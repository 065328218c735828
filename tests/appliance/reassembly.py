# SPDX-License-Identifier: BSD-3-Clause
"""Fragments: cutting packets into them, and a second opinion about what becomes of each.

Written from the law in the manual and not after lib/fragment: a datagram here is a set of bytes,
and there is always room.

    pieces = cut(ipv4(CLIENT, SERVER, udp(4000, 53, bytes(4000))), 1480, ident=7)
    oracle = Oracle(lambda packet: "not_approved" if ... else None)
    outcome = oracle.send(time, side, frame)        # "pass", "held", or a reason
"""

import struct

from frames import IPV4, IPV6, checksum
from sides import ethertype_of

FRAGMENT_HEADER = 44
TIMEOUT = 5.0


# ---- making them ----

def piece4(packet, start, data, more, ident=0):
    """A fragment of an IPv4 packet (its header without options, with other data)."""
    head = bytearray(packet[1][:20])
    struct.pack_into("!HHH", head, 2, 20 + len(data), ident, (0x2000 if more else 0) | start // 8)
    head[10:12] = b"\0\0"
    head[10:12] = struct.pack("!H", checksum(bytes(head)))
    return IPV4, bytes(head) + data


def piece6(packet, start, data, more, ident=0):
    """A fragment of an IPv6 packet."""
    head = bytearray(packet[1][:40])
    header = struct.pack("!BBHI", head[6], 0, start | more, ident)
    head[6] = FRAGMENT_HEADER
    struct.pack_into("!H", head, 4, len(header) + len(data))
    return IPV6, bytes(head) + header + data


def piece(packet, start, data, more, ident=0):
    """A fragment of either."""
    return (piece4 if packet[0] == IPV4 else piece6)(packet, start, data, more, ident)


def payload(packet):
    """What is behind the IP header of a packet that frames.py made."""
    return packet[1][20 if packet[0] == IPV4 else 40:]


def cut(packet, size, ident=0):
    """All fragments of a packet, of 'size' bytes each but the last, in order."""
    data = payload(packet)
    return [piece(packet, start, data[start:start + size], start + size < len(data), ident)
            for start in range(0, len(data), size)]


# ---- judging them ----

class Fragment:
    """What one fragment says."""

    def __init__(self, frame):
        ethertype, at, vlans = ethertype_of(frame)
        data = frame[at:]
        if ethertype == IPV4:
            length, ident, flags = struct.unpack_from("!HHH", data, 2)
            head = (data[0] & 15) * 4
            self.start, self.more = (flags & 0x1fff) * 8, bool(flags & 0x2000)
            self.name = (data[12:20], ident, data[9], vlans)
            self.over = head
            self.protocol = data[9]
        else:
            length, head = 40 + struct.unpack_from("!H", data, 4)[0], 48
            field, ident = struct.unpack_from("!HI", data, 42)
            self.start, self.more = field & 0xfff8, bool(field & 1)
            self.name = (data[8:40], ident, vlans)
            self.over = 0
            self.protocol = data[40]
        self.data = data[head:length]
        self.end = self.start + len(self.data)

    def impossible(self):
        """The reason for which it cannot be, by itself."""
        if not self.data:
            return "fragment_empty"
        if self.more and len(self.data) % 8:
            return "fragment_length"
        if self.over + self.end > 65535:
            return "fragment_too_long"
        inside = {6: 20, 17: 8, 1: 8, 58: 8}.get(self.protocol, 0)
        if self.start == 0 and len(self.data) < inside:
            return "fragment_tiny"
        if self.start and self.over and self.protocol == 6 and self.start < 20:
            return "fragment_tiny"
        return None


class Datagram:
    """One name: its bytes, and what was said of its first fragment."""

    def __init__(self, time):
        self.since = time
        self.parts = []  # fragments seen
        self.waiting = []  # frames
        self.state = "waiting"

    def whole(self):
        """Whether every byte up to the end was seen."""
        ends = [part.end for part in self.parts if not part.more]
        seen = set()
        for part in self.parts:
            seen.update(range(part.start, part.end))
        return bool(ends) and len(seen) == ends[0]

    def misfit(self, new):
        """The reason for which a fragment does not go with the others."""
        for part in self.parts:
            if (part.start, part.end, part.more) == (new.start, new.end, new.more):
                return "fragment_duplicate"
        for part in self.parts:
            if not part.more and (new.end >= part.end if new.more else new.end != part.end):
                return "fragment_end"
            if part.more and not new.more and new.end < part.end:
                return "fragment_end"
        for part in self.parts:
            if part.start < new.end and new.start < part.end:
                return "fragment_overlap"
        return None


class Oracle:
    """Says of each fragment, in order of time, what becomes of it.

    'judge' says of a first fragment why it is dropped, or None. 'sent' are the frames that passed,
    by the side they entered from, and 'counts' the drops by reason.
    """

    def __init__(self, judge, timeout=TIMEOUT):
        self.judge, self.timeout = judge, timeout
        self.datagrams, self.counts, self.sent = {}, {}, {}

    def _drop(self, reason, n=1):
        if n:
            self.counts[reason] = self.counts.get(reason, 0) + n
        return reason

    def _condemn(self, time, datagram, state, reason):
        self._drop("fragment_" + state, len(datagram.waiting))
        datagram.parts, datagram.waiting = [], []
        datagram.state, datagram.since = state, time
        return self._drop(reason)

    def expire(self, time):
        """Gives up what is too old."""
        for name, datagram in list(self.datagrams.items()):
            if time - datagram.since >= self.timeout - 1e-9:
                self._drop("fragment_no_first", len(datagram.waiting))
                del self.datagrams[name]

    def send(self, time, side, frame):
        """What becomes of the next frame."""
        self.expire(time)
        new = Fragment(frame)
        name = (side, new.name)
        datagram = self.datagrams.get(name)
        if new.start == 0 and datagram and datagram.state in ("whole", "denied"):
            datagram = None
        if datagram is None:
            datagram = self.datagrams[name] = Datagram(time)
        reason = new.impossible()
        if reason:
            if datagram.state == "poisoned":
                return self._drop(reason)
            return self._condemn(time, datagram, "poisoned", reason)
        if datagram.state in ("poisoned", "denied"):
            return self._drop("fragment_" + datagram.state)
        reason = datagram.misfit(new)
        if reason == "fragment_duplicate":
            return self._drop(reason)
        if reason:
            return self._condemn(time, datagram, "poisoned", reason)
        return self._take(time, side, datagram, new, frame)

    def _take(self, time, side, datagram, new, frame):
        out = self.sent.setdefault(side, [])
        if new.start == 0:
            reason = self.judge(new)
            if reason:
                return self._condemn(time, datagram, "denied", reason)
            out.append(frame)
            out.extend(datagram.waiting)
            datagram.waiting, datagram.state, datagram.since = [], "open", time
        elif datagram.state == "waiting":
            datagram.waiting.append(frame)
        else:
            out.append(frame)
        datagram.parts.append(new)
        if datagram.state == "open" and datagram.whole():
            datagram.state, datagram.since = "whole", time
        return "held" if datagram.state == "waiting" else "pass"

    def finish(self):
        """The end of all input."""
        self.expire(float("inf"))
        return self
