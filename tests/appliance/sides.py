# SPDX-License-Identifier: BSD-3-Clause
"""Splits a capture of a whole conversation into what each side of a wire sent.

Every flow has its initiator inside: the sender of the SYN, of the query, or of its first frame. So
one host may be inside for one flow and outside for another, which a transparent wire does not mind.
Written from the formats alone, not after lib/packet: it is what the filter is compared with.
"""

import struct

INSIDE, OUTSIDE = 0, 1

_EXTENSIONS = {0, 43, 60}
_PORTS = {6, 17, 33, 132, 136}
_ICMP_ERRORS = {1: {3, 4, 5, 11, 12}, 58: {1, 2, 3, 4}}
_ICMP_REPLIES = {1: {0: 8, 14: 13, 16: 15, 18: 17}, 58: {129: 128}}


def ethertype_of(frame):
    """(ethertype, offset of what it names, VLAN ids); an 802.3 length frame has ethertype 0."""
    at, vlans = 12, []
    while at + 2 <= len(frame):
        ethertype = struct.unpack_from("!H", frame, at)[0]
        if ethertype not in (0x8100, 0x88a8, 0x9100) or at + 4 > len(frame):
            return (ethertype if ethertype >= 0x600 else 0), at + 2, tuple(vlans)
        vlans.append(struct.unpack_from("!H", frame, at + 2)[0] & 0xfff)
        at += 4
    return 0, len(frame), tuple(vlans)


def _ipv4(data):
    if len(data) < 20:
        return None
    ident, field = struct.unpack_from("!HH", data, 4)
    fragment = (data[9:10] + data[12:20], ident, field & 0x1fff) if field & 0x3fff else None
    return data[12:16], data[16:20], data[9], data[(data[0] & 15) * 4:], fragment


def _ipv6(data):
    if len(data) < 40:
        return None
    protocol, rest, fragment = data[6], data[40:], None
    while len(rest) >= 8 and (protocol in _EXTENSIONS or protocol == 44):
        length = 8 if protocol == 44 else 8 + 8 * rest[1]
        if protocol == 44:
            field, ident = struct.unpack_from("!HI", rest, 2)
            fragment = (data[8:40], ident, field >> 3) if field & 0xfff9 else None
        protocol, rest = rest[0], rest[length:]
        if fragment and fragment[2]:
            break
    return data[8:24], data[24:40], protocol, rest, fragment


def _packet(data):
    if not data or data[0] >> 4 not in (4, 6):
        return None
    return (_ipv4 if data[0] >> 4 == 4 else _ipv6)(data)


def packet_of(frame):
    """(source, destination, protocol, rest, fragment) of the IP packet in a frame, or None.

    'fragment' is None, or the name of its datagram, its identification, and its offset (in eights).
    """
    ethertype, at, _ = ethertype_of(frame)
    return _packet(frame[at:]) if ethertype in (0x800, 0x86dd) else None


def is_later(packet):
    """Whether a packet is a fragment without a transport header."""
    return packet is not None and packet[4] is not None and packet[4][2] != 0


def _ends(packet):
    """The key of a packet's flow, and its two ends in the order (sender, receiver)."""
    source, destination, protocol, rest, _ = packet
    later = is_later(packet)
    if later or protocol not in _PORTS or len(rest) < 4:
        more, ports = b"", (b"", b"")
        if protocol in (1, 58) and len(rest) >= 8 and not later:
            kind = _ICMP_REPLIES[protocol].get(rest[0], rest[0])
            more = bytes([kind]) + rest[4:6]
    else:
        more, ports = b"", (rest[0:2], rest[2:4])
    ends = ((source, ports[0]), (destination, ports[1]))
    return (protocol, more, later, frozenset(ends)), ends


class Splitter:
    """Feeds on frames in order; side() says where each comes from."""

    def __init__(self):
        self.inside = {}  # key of a flow -> its end inside
        self.datagrams = {}  # name of a datagram -> the side of its first fragment

    def _side_of_error(self, vlans, rest):
        quoted = _packet(rest[8:])
        if quoted is None:
            return INSIDE
        key, ends = _ends(quoted)
        asker = self.inside.get((vlans, key))
        return OUTSIDE if asker is None or asker == ends[0] else INSIDE

    def _side_of_packet(self, vlans, packet):
        _, _, protocol, rest, _ = packet
        if rest and rest[0] in _ICMP_ERRORS.get(protocol, ()):
            return self._side_of_error(vlans, rest)
        key, ends = _ends(packet)
        first = ends[0]
        if protocol == 6 and len(rest) >= 14 and rest[13] & 0x12 == 0x12:
            first = ends[1]
        if protocol in (1, 58) and rest and rest[0] in _ICMP_REPLIES[protocol]:
            first = ends[1]
        return INSIDE if self.inside.setdefault((vlans, key), first) == ends[0] else OUTSIDE

    def _side_of_fragment(self, vlans, packet):
        # Later ones come from where their first came, if it was seen.
        name = (vlans, packet[4][:2])
        if is_later(packet):
            return self.datagrams.get(name, INSIDE)
        self.datagrams[name] = self._side_of_packet(vlans, packet)
        return self.datagrams[name]

    def side(self, frame):
        """The side of the next frame."""
        ethertype, _, vlans = ethertype_of(frame)
        packet = packet_of(frame)
        if packet is not None and packet[4] is not None:
            return self._side_of_fragment(vlans, packet)
        if packet is not None:
            return self._side_of_packet(vlans, packet)
        key, sender = (ethertype, frozenset((frame[0:6], frame[6:12]))), frame[6:12]
        return INSIDE if self.inside.setdefault((vlans, key), sender) == sender else OUTSIDE


def split(frames):
    """The side of every frame."""
    splitter = Splitter()
    return [splitter.side(frame) for frame in frames]
