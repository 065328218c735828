# SPDX-License-Identifier: BSD-3-Clause
"""Frames, built and read without any library: bytes in, bytes out, checksums right.

    frame = ethernet(ipv4("10.0.0.1", "10.0.0.2", tcp(40000, 443, "S")))

A layer 4 part is (protocol, bytes, offset of its checksum); the IP layer fills the checksum in.
"""

import ipaddress
import struct

INSIDE_MAC = bytes.fromhex("02000000000a")
OUTSIDE_MAC = bytes.fromhex("02000000000b")

IPV4, IPV6, ARP, VLAN, QINQ = 0x0800, 0x86dd, 0x0806, 0x8100, 0x88a8
ICMP, TCP, UDP, ICMPV6, SCTP = 1, 6, 17, 58, 132

TCP_FLAGS = {"F": 1, "S": 2, "R": 4, "P": 8, "A": 16, "U": 32}


def checksum(data):
    """The Internet checksum."""
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


# ---- layer 4: (protocol, bytes, offset of the checksum or None) ----

def tcp(sport, dport, flags, payload=b"", seq=1000, ack=0):
    """A TCP segment; flags by letter ("S", "SA", "PA", "F", "R")."""
    bits = sum(TCP_FLAGS[letter] for letter in flags)
    head = struct.pack("!HHIIBBHHH", sport, dport, seq, ack, 5 << 4, bits, 65535, 0, 0)
    return TCP, head + payload, 16


def udp(sport, dport, payload=b"data"):
    """A UDP datagram."""
    return UDP, struct.pack("!HHHH", sport, dport, 8 + len(payload), 0) + payload, 6


def icmp(kind, code=0, rest=b"\0\x07\0\x01", payload=b"ping"):
    """An ICMP message."""
    return ICMP, struct.pack("!BBH", kind, code, 0) + rest + payload, 2


def icmpv6(kind, code=0, rest=b"\0\x07\0\x01", payload=b"ping"):
    """An ICMPv6 message."""
    return ICMPV6, struct.pack("!BBH", kind, code, 0) + rest + payload, 2


def sctp_init(sport, dport):
    """An SCTP INIT (its CRC32c is left zero: nobody on the way looks at it)."""
    chunk = struct.pack("!BBHIIHHI", 1, 0, 20, 0x1234, 65535, 10, 10, 77)
    return SCTP, struct.pack("!HHII", sport, dport, 0, 0) + chunk, None


def raw(protocol, payload):
    """Any other protocol."""
    return protocol, payload, None


# ---- layers 3 and 2 ----

def _finish(part, pseudo):
    protocol, data, offset = part
    if offset is None:
        return data
    if protocol == ICMP:
        pseudo = b""
    value = checksum(pseudo + data)
    if protocol == UDP and value == 0:
        value = 0xffff
    return data[:offset] + struct.pack("!H", value) + data[offset + 2:]


def ipv4(source, destination, part, ttl=64, ident=0, fragment=0):
    """An IPv4 packet."""
    src, dst = (ipaddress.IPv4Address(a).packed for a in (source, destination))
    pseudo = src + dst + struct.pack("!BBH", 0, part[0], len(part[1]))
    data = _finish(part, pseudo)
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(data), ident, fragment, ttl, part[0],
                       0, src, dst)
    return IPV4, head[:10] + struct.pack("!H", checksum(head)) + head[12:] + data


def ipv6(source, destination, part, hops=64):
    """An IPv6 packet."""
    src, dst = (ipaddress.IPv6Address(a).packed for a in (source, destination))
    pseudo = src + dst + struct.pack("!IHBB", len(part[1]), 0, 0, part[0])
    data = _finish(part, pseudo)
    return IPV6, struct.pack("!IHBB", 6 << 28, len(data), part[0], hops) + src + dst + data


def ip(source, destination, part):
    """An IP packet of the family of its addresses."""
    return (ipv6 if ":" in source else ipv4)(source, destination, part)


def arp(source, destination, operation=1):
    """An ARP request or reply."""
    src, dst = (ipaddress.IPv4Address(a).packed for a in (source, destination))
    return ARP, struct.pack("!HHBBH6s4s6s4s", 1, IPV4, 6, 4, operation, INSIDE_MAC, src,
                            bytes(6), dst)


def ethernet(packet, vlans=(), source=INSIDE_MAC, destination=OUTSIDE_MAC):
    """A frame; 'vlans' are ids, outermost first: two make QinQ."""
    ethertype, data = packet
    tags = b""
    for depth, vlan in enumerate(vlans):
        outer = depth == 0 and len(vlans) > 1
        tags += struct.pack("!HH", QINQ if outer else VLAN, vlan)
    return destination + source + tags + struct.pack("!H", ethertype) + data


def tcp_frame(source, sport, destination, dport, flags, payload=b"", vlans=(), **more):
    """A TCP segment in a frame."""
    return ethernet(ip(source, destination, tcp(sport, dport, flags, payload, **more)), vlans)


def udp_frame(source, sport, destination, dport, payload=b"data", vlans=()):
    """A UDP datagram in a frame."""
    return ethernet(ip(source, destination, udp(sport, dport, payload)), vlans)
