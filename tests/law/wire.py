# SPDX-License-Identifier: BSD-3-Clause
"""Frames of packed bytes, fast: transport checksums are left 0, nobody on the way looks at them."""

import struct

MACS = bytes.fromhex("02000000000b02000000000a")
HEAD4, HEAD6 = struct.Struct("!BBHHHBBH4s4s"), struct.Struct("!IHBB16s16s")
WORDS10 = struct.Struct("!10H")
TCP_HEAD = struct.Struct("!HHIIBBHHH")
NOISE = bytes(i * 7 & 0xff for i in range(70000))


def checksum(data):
    if len(data) & 1:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) >> 1}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def ether(kind, data, vlans=()):
    tags = b""
    for i, vlan in enumerate(vlans):
        tags += struct.pack("!HH", 0x88a8 if i == 0 and len(vlans) > 1 else 0x8100, vlan)
    return MACS + tags + struct.pack("!H", kind) + data


def ip4(source, destination, protocol, data, ttl=64, ident=0, where=0, options=b""):
    head = HEAD4.pack(0x45 + len(options) // 4, 0, 20 + len(options) + len(data), ident, where,
                      ttl, protocol, 0, source, destination) + options
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + data


def ip6(source, destination, protocol, data, hops=64):
    return HEAD6.pack(0x60000000, len(data), protocol, hops, source, destination) + data


def tcp(sport, dport, seq, ack, flags, window, options=b"", payload=0):
    options += bytes(-len(options) % 4)
    return TCP_HEAD.pack(sport, dport, seq & 0xffffffff, ack & 0xffffffff,
                         (5 + len(options) // 4) << 4, flags, window, 0, 0) + options + \
        NOISE[:payload]


def udp(sport, dport, payload=8, length=None):
    return struct.pack("!HHHH", sport, dport, 8 + payload if length is None else length, 0) + \
        NOISE[:payload]


def icmp(kind, code, ident, payload=b"ping"):
    return struct.pack("!BBHHH", kind, code, 0, ident, 1) + payload


def sctp(sport, dport, tag, *chunks):
    return struct.pack("!HHII", sport, dport, tag & 0xffffffff, 0) + b"".join(chunks)


def chunk(kind, flags=0, value=b"", length=None):
    return struct.pack("!BBH", kind, flags, 4 + len(value) if length is None else length) + \
        value + bytes(-len(value) % 4)


def sctp_init(kind, tag, length=None):
    return chunk(kind, 0, struct.pack("!IIHHI", tag & 0xffffffff, 65535, 10, 10, 77), length)


def dccp(sport, dport, kind, long=True, header=None, coverage=0, payload=0):
    least = {0: 20, 1: 28, 7: 28, 5: 24, 6: 24, 8: 24, 9: 24, 3: 24, 4: 24}.get(kind, 16)
    if not long:
        least = {3: 16, 4: 16}.get(kind, 12)
    if header is None:
        header = least
    return (struct.pack("!HHBBHBB", sport, dport, (header // 4) & 255, coverage, 0,
                        (kind << 1 | long) & 255, 0) + bytes(max(least, header))
            )[:max(least, header)] + NOISE[:payload]


# ---- taking frames apart ----

def ip_at(frame):
    """Where the IP header begins, and its version; None for other frames."""
    at = 12
    while frame[at:at + 2] in (b"\x81\0", b"\x88\xa8", b"\x91\0"):
        at += 4
    kind = frame[at:at + 2]
    if kind == b"\x08\0" and len(frame) >= at + 22:
        return at + 2, 4
    if kind == b"\x86\xdd" and len(frame) >= at + 42:
        return at + 2, 6
    return None


def mend(frame):
    """The frame with the IP length and the IPv4 checksum made right."""
    where = ip_at(frame)
    if where is None:
        return frame
    at, version = where
    data = bytearray(frame)
    if version == 6:
        struct.pack_into("!H", data, at + 4, min(len(data) - at - 40, 65535))
        return bytes(data)
    struct.pack_into("!H", data, at + 2, min(len(data) - at, 65535))
    return sum_again(data, at)


def sum_again(data, at):
    """Only the IPv4 checksum."""
    data = bytearray(data)
    end = at + max(20, (data[at] & 15) * 4)
    data[at + 10:at + 12] = b"\0\0"
    struct.pack_into("!H", data, at + 10, checksum(bytes(data[at:end])))
    return bytes(data)
