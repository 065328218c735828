# SPDX-License-Identifier: BSD-3-Clause
"""Capture files: written as plain pcap, read as pcap (micro- or nanoseconds) or pcapng."""

import struct

SNAPLEN = 262144


def write_pcap(path, packets):
    """Writes (microseconds, bytes) pairs; times beyond the format's 32-bit seconds are cut."""
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, SNAPLEN, 1))
        for time_us, data in packets:
            file.write(struct.pack("<IIII", time_us // 1000000 & 0xffffffff, time_us % 1000000,
                                   len(data), len(data)))
            file.write(data)


def _read_classic(data, order, unit):
    packets, at = [], 24
    while at + 16 <= len(data):
        seconds, fraction, length, _ = struct.unpack_from(order + "IIII", data, at)
        packets.append((seconds * 1000000 + fraction // unit, data[at + 16:at + 16 + length]))
        at += 16 + length
    return packets


def _tick_of(options, order):
    """Ticks a second of an interface description (if_tsresol)."""
    at = 0
    while at + 4 <= len(options):
        code, length = struct.unpack_from(order + "HH", options, at)
        if code == 0:
            break
        if code == 9 and length == 1:
            value = options[at + 4]
            return 2 ** (value & 0x7f) if value & 0x80 else 10 ** value
        at += 4 + (length + 3) // 4 * 4
    return 1000000


def _read_ng(data):
    packets, ticks, at, order = [], [], 0, "<"
    while at + 12 <= len(data):
        if data[at:at + 4] == b"\x0a\x0d\x0d\x0a":
            order = "<" if data[at + 8:at + 12] == b"\x4d\x3c\x2b\x1a" else ">"
            ticks = []
        kind, length = struct.unpack_from(order + "II", data, at)
        body = data[at + 8:at + length - 4]
        if kind == 1:
            ticks.append(_tick_of(body[8:], order))
        elif kind == 6:
            interface, high, low, captured, _ = struct.unpack_from(order + "IIIII", body)
            time_us = (high << 32 | low) * 1000000 // ticks[interface]
            packets.append((time_us, body[20:20 + captured]))
        elif kind == 3:
            packets.append((0, body[4:4 + struct.unpack_from(order + "I", body)[0]]))
        at += max(length, 12)
    return packets


def read_pcap(path):
    """Reads a capture as (microseconds, bytes) pairs."""
    with open(path, "rb") as file:
        data = file.read()
    if data[:4] == b"\x0a\x0d\x0d\x0a":
        return _read_ng(data)
    for order in "<>":
        magic = struct.unpack_from(order + "I", data)[0]
        if magic in (0xa1b2c3d4, 0xa1b23c4d):
            return _read_classic(data, order, 1000 if magic == 0xa1b23c4d else 1)
    raise ValueError(f"{path}: not a capture")


def read_frames(path):
    """The frames of a capture, without their times."""
    return [data for _, data in read_pcap(path)]
