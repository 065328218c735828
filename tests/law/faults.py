# SPDX-License-Identifier: BSD-3-Clause
"""What goes wrong with a frame, or is made of it by somebody who means harm: each function takes a
random and a frame and gives a frame; fragments() gives several, error_about() an ICMP error."""

import struct

from wire import NOISE, MACS, ether, ip4, ip6, ip_at, mend, sum_again

EDGES = (0, 1, 2, 4, 5, 6, 15, 16, 20, 0x40, 0x7f, 0x80, 0xfe, 0xff)


def flip(random, frame):
    data = bytearray(frame)
    for _ in range(random.choice((1, 1, 2, 4))):
        data[random.randrange(min(len(data), 120))] ^= 1 << random.randrange(8)
    where = ip_at(data)
    if where and where[1] == 4 and random.random() < 0.7:
        return sum_again(data, where[0])
    return bytes(data)


def poke(random, frame):
    """A byte of the transport header, or behind, that means something."""
    where = ip_at(frame)
    data = bytearray(frame)
    if where is None:
        return flip(random, frame)
    start = where[0] + (20 if where[1] == 4 else 40)
    if start >= len(data):
        return frame
    at = start + random.randrange(min(len(data) - start, 24))
    data[at] = random.choice(EDGES)
    return bytes(data)


def poke_ip(random, frame):
    """A byte of the IP header."""
    where = ip_at(frame)
    if where is None:
        return flip(random, frame)
    at, version = where
    data = bytearray(frame)
    data[at + random.randrange(20 if version == 4 else 8)] = random.choice(EDGES)
    if version == 4 and random.random() < 0.9:
        return sum_again(data, at)
    return bytes(data)


def cut(random, frame):
    short = frame[:random.randrange(len(frame) + 1)]
    if random.random() < 0.3:
        short = frame[:random.randrange(min(len(frame), 80))]
    return mend(short) if random.random() < 0.7 else short


def pad(random, frame):
    return frame + NOISE[:random.choice((1, 2, 6, 18, 100))]


def martian(random, frame):
    """Addresses that no host has, or the same twice."""
    where = ip_at(frame)
    if where is None:
        return frame
    at, version = where
    data = bytearray(frame)
    size = 4 if version == 4 else 16
    source = at + (12 if version == 4 else 8)
    bad = {4: (bytes(4), b"\x7f\0\0\1", b"\xe0\0\0\1", b"\xff\xff\xff\xff", b"\0\1\2\3",
               b"\xf0\0\0\1"),
           6: (bytes(16), bytes(15) + b"\1", b"\xff\2" + bytes(14),
               bytes(10) + b"\xff\xff\1\2\3\4", bytes(15) + b"\2")}[version]
    how = random.random()
    if how < 0.03 and version == 6:
        data[at + 4:at + 7] = bytes(3)  # a jumbogram
    elif how < 0.4:
        data[source:source + size] = random.choice(bad)
    elif how < 0.7:
        data[source + size:source + 2 * size] = random.choice(bad)
    else:
        data[source:source + size] = data[source + size:source + 2 * size]
    if random.random() < 0.3:  # DHCP, BFD echo, IGMP
        transport = source + 2 * size
        data[at + (9 if version == 4 else 6)] = random.choice((17, 17, 2))
        data[transport:transport + 4] = random.choice((b"\0\x44\0\x43", b"\x0e\xc9\x0e\xc9"))
    if version == 4:
        return sum_again(data, at)
    return bytes(data)


def options(random, frame):
    """IPv4 options, IPv6 extension headers."""
    where = ip_at(frame)
    if where is None or len(frame) > 1600:
        return frame
    at, version = where
    if version == 6:
        return extend(random, frame, at)
    if frame[at] != 0x45:
        return frame
    more = b""
    while len(more) < 36 and random.random() < 0.7:
        kind = random.choice((0, 1, 1, 7, 68, 130, 131, 137, 148))
        size = random.choice((2, 4, 4, 8, 3, 1, 0, 40))
        more += bytes([kind]) if kind < 2 else bytes([kind, size]) + bytes(max(size - 2, 0))
    more = more[:40]
    more += bytes([random.choice((0, 1))]) * (-len(more) % 4)
    data = frame[:at] + bytes([0x45 + len(more) // 4]) + frame[at + 1:at + 20] + more + \
        frame[at + 20:]
    return mend(data)


def extension(random, kind, following):
    """An extension header."""
    if kind == 44:
        where = random.choice((0, 0, 0, 1, 8, 0xfff9))
        return struct.pack("!BBHI", following, 0, where, random.randrange(4))
    if kind == 51:
        words = random.choice((1, 1, 4, 0))
        return bytes([following, words]) + bytes(max((words + 2) * 4, 12) - 2)
    if kind == 43:
        return bytes([following, 0, random.choice((2, 3, 4, 0)),
                      random.choice((0, 0, 0, 1))]) + bytes(4)
    size = random.choice((0, 0, 0, 1, 3, 200 if random.random() < 0.02 else 0))
    return bytes([following, size]) + bytes(6 + 8 * size)


def extend(random, frame, at):
    if random.random() < 0.6:
        kinds = [kind for kind in (0, 60, 43, 44, 51, 60) if random.random() < 0.4]
    else:
        kinds = [random.choice((0, 60, 43, 44, 51)) for _ in range(random.choice((1, 2, 4, 9, 11)))]
    head, following = b"", frame[at + 6]
    for kind in reversed(kinds):
        head = extension(random, kind, following) + head
        following = kind
    if len(head) > 200 and random.random() < 0.5:
        head = head[:-3]
    data = frame[:at + 6] + bytes([following]) + frame[at + 7:at + 40] + head + frame[at + 40:]
    return mend(data)


def authenticate(random, frame):
    """AH before the transport, in IPv4."""
    where = ip_at(frame)
    if where is None or where[1] != 4 or frame[where[0]] != 0x45:
        return frame
    at = where[0]
    words = random.choice((1, 4, 4, 4, 0, 200))
    following = frame[at + 9] if random.random() < 0.9 else 51
    head = bytes([following, words]) + bytes(max((min(words, 30) + 2) * 4, 4) - 2)
    return mend(frame[:at + 9] + b"\x33" + frame[at + 10:at + 20] + head + frame[at + 20:])


def retag(random, frame):
    """Other VLAN tags."""
    where = ip_at(frame)
    inner = frame[where[0] - 2:] if where else frame[12:]
    tags = b""
    for _ in range(random.choice((0, 1, 1, 2, 2, 3))):
        vlan = random.choice((0, 1, 10, 10, 20, 100, 4094, 4095))
        vlan |= random.choice((0, 0x2000, 0xf000))
        tags += random.choice((b"\x81\0", b"\x88\xa8", b"\x91\0")) + struct.pack("!H", vlan)
    return MACS + tags + inner


def error_about(random, frame, inbound, routers):
    """(inbound, an ICMP error that quotes the frame), or None."""
    where = ip_at(frame)
    if where is None:
        return None
    at, version = where
    quote = frame[at:]
    how = random.random()
    if how < 0.4:
        quote = quote[:random.choice((28, 28, 48, 20, 27, 40, 47, 52))]
    elif how < 0.5:
        quote = bytearray(quote)
        quote[random.randrange(min(len(quote), 48))] ^= 1 << random.randrange(8)
        quote = bytes(quote)
    else:
        quote = quote[:500]
    size = 4 if version == 4 else 16
    source = at + (12 if version == 4 else 8)
    target, other = frame[source:source + size], frame[source + size:source + 2 * size]
    router = random.choice(routers[version] + [other])
    if random.random() < 0.05:
        target = other
    kind = random.choice((3, 11, 12) if version == 4 else (1, 2, 3, 4))
    if random.random() < 0.05:
        kind = random.choice((5, 4, 137, 127))
    data = struct.pack("!BBHI", kind, random.randrange(5), 0, 1400) + quote
    make = (0x800, ip4, 1) if version == 4 else (0x86dd, ip6, 58)
    if random.random() < 0.1:
        inbound = not inbound
    if random.random() < 0.05:
        return not inbound, frame[:12] + ether(make[0], make[1](router, target, make[2], data))[12:]
    return not inbound, frame[:at - 2] + struct.pack("!H", make[0]) + \
        make[1](router, target, make[2], data)


# ---- fragments ----

def piece(frame, at, version, start, end, more, ident, prefix=b"", following=None):
    """Bytes start to end of the packet's payload as one fragment; what it lacks is made up."""
    data = frame[at + (20 if version == 4 else 40):][start:end]
    data += NOISE[:max(0, min(end - start, 1400) - len(data))]
    if version == 4:
        net = ip4(frame[at + 12:at + 16], frame[at + 16:at + 20], frame[at + 9], data,
                  ident=ident & 0xffff, where=(start // 8 & 0x1fff) | (0x2000 if more else 0))
        return frame[:at] + net
    if following is None:
        following = frame[at + 6]
    head = struct.pack("!BBHI", following, 0, (start & 0xfff8) | more, ident)
    first = 44
    if prefix:
        first, prefix = 60, bytes([44]) + prefix[1:]
    return frame[:at] + ip6(frame[at + 8:at + 24], frame[at + 24:at + 40], first,
                            prefix + head + data)


def fragments(random, frame, ident):
    """The frame in fragments, or something like them."""
    where = ip_at(frame)
    if where is None:
        return [frame]
    at, version = where
    if version == 4 and frame[at] != 0x45:
        return [frame]
    size = len(frame) - at - (20 if version == 4 else 40)
    prefix = bytes(8) if version == 6 and random.random() < 0.1 else b""
    honest = random.random() < 0.7
    least = 64 if honest else 0
    if size <= least:
        return [frame]
    cuts = {0, size}
    for _ in range(random.choice((1, 1, 2, 3, 6))):
        cuts.add(random.randrange(least, size + 1) // 8 * 8)
    if not honest:
        cuts.add(min(size, random.choice((8, 16, 24, 32, 64))))
    if random.random() < 0.06:
        cuts.update(range(least, size, 8))
    cuts = sorted(cuts)
    pieces = [(a, b, b != size) for a, b in zip(cuts, cuts[1:])]
    if not honest or random.random() < 0.2:
        spoil(random, pieces, size)
    if random.random() < 0.5:
        random.shuffle(pieces)
    elif random.random() < 0.3:
        pieces.reverse()
    return [piece(frame, at, version, a, b, more, ident, prefix,
                  random.choice((6, 17, 0, 44)) if a and random.random() < 0.05 else None)
            for a, b, more in pieces]


def spoil(random, pieces, size):
    """One thing that does not fit."""
    i = random.randrange(len(pieces))
    a, b, more = pieces[i]
    what = random.randrange(11)
    if what == 0:
        pieces.append(pieces[i])  # twice
    elif what == 1:
        pieces.append((a, b + 8, more))  # overlaps, or lies behind the end
    elif what == 2:
        pieces.append((max(a - 8, 0), b, more))
    elif what == 3:
        pieces[i] = (a, b - 1, more)  # no multiple of 8, or a hole
    elif what == 4:
        pieces.append((a, b, not more))  # two ends
    elif what == 5:
        pieces[i] = (a, a, more)  # empty
    elif what == 6:
        pieces.append((random.choice((65520, 65528, 65512)), 70000, False))  # ping of death
    elif what == 7:
        pieces.append((size + 800, size + 808, True))
    elif what == 8:
        del pieces[i]  # lost
    elif what == 9:
        pieces.append((8, 16, True))  # over the transport header
    else:
        pieces[:] = [(0, 8, True), (8, size, False)]  # tiny


def garbage(random):
    """A frame of nothing in particular."""
    kind = random.choice((b"\x08\0", b"\x86\xdd", b"\x81\0\0\x0a\x08\0", b"\x08\6", b"\0\x26",
                          b"\x88\xa8\0\x0a\x81\0\0\x14\x86\xdd"))
    body = bytearray(random.randbytes(random.randrange(100)))
    if body:
        body[0] = random.choice((0x45, 0x46, 0x60, 0x4f))
    return mend(MACS + kind + bytes(body))


DAMAGE = (flip, flip, poke, poke, poke, poke_ip, poke_ip, cut, cut, pad, martian, options, options,
          authenticate, retag)
