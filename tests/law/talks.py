# SPDX-License-Identifier: BSD-3-Clause
"""Honest conversations, one generator each: yields (inbound, frame), and does not look at what
becomes of it. "Honest" is what a host may send, seldom things too.

    for inbound, frame in tcp_talk(random, net): ...
"""

import struct

from wire import (NOISE, chunk, dccp, ether, icmp, ip4, ip6, sctp, sctp_init, tcp, udp)

F, S, R, P, A, U = 1, 2, 4, 8, 16, 32
PLAIN = 0xffffffff


class Net:
    """Two hosts and how frames between them look; 'client' is the side that begins."""

    def __init__(self, random, hosts, vlans, versions):
        self.random = random
        self.version = random.choice(versions)
        self.inside, self.outside = (random.choice(side[self.version]) for side in hosts)
        self.vlans = random.choice(vlans)
        self.client = random.random() < 0.6

    def frame(self, inbound, protocol, data, **more):
        pair = (self.outside, self.inside) if inbound else (self.inside, self.outside)
        if self.version == 4:
            return ether(0x800, ip4(*pair, protocol, data, **more), self.vlans)
        return ether(0x86dd, ip6(*pair, protocol, data), self.vlans)


def number(random):
    """A first sequence number; often one that will wrap."""
    if random.random() < 0.3:
        return random.choice((0, 0x80000000, 0xffffffff)) - random.randrange(3000) & PLAIN
    return random.getrandbits(32)


class Tcp:
    """Both ends of a connection. side: True is outside."""

    def __init__(self, random, net):
        self.random, self.net = random, net
        self.ports = {net.client: random.randrange(40000, 40012),
                      not net.client: random.choice((22, 80, 443, 443, 8005, 9999))}
        self.begin()

    def begin(self):
        random = self.random
        self.next = {True: number(random), False: number(random)}
        self.window = {side: random.choice((0, 1, 512, 4096, 65535)) for side in (True, False)}
        self.scale = {side: random.choice((None, 0, 2, 7, 14, 15)) for side in (True, False)}

    def segment(self, side, flags, payload=0, seq=None, ack=None, options=b"", window=None):
        if seq is None:
            seq = self.next[side]
        if ack is None:
            ack = self.next[not side] if flags & A else 0
        data = tcp(self.ports[side], self.ports[not side], seq, ack, flags,
                   self.window[side] if window is None else window, options, payload)
        return side, self.net.frame(side, 6, data)

    def send(self, side, flags, payload=0, **more):
        out = self.segment(side, flags, payload, **more)
        self.next[side] += payload + bool(flags & S) + bool(flags & F)
        return out

    def options(self, side):
        options = self.random.choice((b"", b"\2\4\5\xb4", b"\1\1\4\2"))
        if self.scale[side] is not None:
            options += b"\1\3\3" + bytes([self.scale[side]])
        if self.random.random() < 0.05:
            options += self.random.choice((b"\3\3\7", b"\3\4\7\1", b"\3\3", b"\0\3\3\7", b"\x22\0",
                                           b"\x22\x40"))
        return options


def tcp_open(random, t):
    """The handshake, or part of it."""
    c = t.net.client
    s = not c
    how = random.random()
    more = S | random.choice((0, 0, 0, U, P, 0xc0))
    first = t.next[c]
    payload = random.choice((0, 0, 0, 0, 9))
    yield t.send(c, more, payload, options=t.options(c))
    if how < 0.1:
        return
    if how < 0.2:  # sent again
        yield t.segment(c, S, 0, seq=first, options=t.options(c))
    if how < 0.28:  # again, with another number
        t.next[c] += random.choice((1, 1000, -1000, 1 << 31))
        yield t.send(c, S, options=t.options(c))
    if 0.28 < how < 0.33:
        yield t.segment(s, R | A, seq=0)
        return
    if 0.33 < how < 0.36:  # the other side knows an older connection
        yield t.segment(s, A, ack=t.next[c] - 1000)
        yield t.segment(c, R, seq=t.next[c] - 1000)
    if 0.36 < how < 0.44:  # simultaneous open
        yield t.send(s, S, options=t.options(s))
        for side in random.sample((c, s), 2):
            yield t.segment(side, S | A, seq=t.next[side] - 1, options=t.options(side))
        if random.random() < 0.5:
            yield t.segment(random.choice((c, s)), A)
    else:
        yield t.send(s, S | A, random.choice((0, 0, 0, 5)), options=t.options(s))
        if random.random() < 0.1:
            yield t.segment(s, S | A, seq=t.next[s] - 1, options=t.options(s))
        if random.random() < 0.15:
            yield t.send(s, A | P, 20)
    if random.random() < 0.9:
        yield t.segment(c, A)


def tcp_data(random, t):
    side = random.random() < 0.5
    what = random.random()
    if what < 0.5:
        yield t.send(side, A | random.choice((P, 0, U)), random.choice((1, 10, 100, 536, 1400)))
        if random.random() < 0.7:
            yield t.segment(not side, A)
    elif what < 0.6:  # what we do not see
        t.next[side] += random.choice((1, 1400, 30000, 65535, 200000))
        yield t.segment(not side, A)
    elif what < 0.68:  # sent again
        yield t.segment(side, A, 100, seq=t.next[side] - random.choice((100, 101, 1400, 60000)))
    elif what < 0.76:  # kept alive
        yield t.segment(side, A, random.choice((0, 1)), seq=t.next[side] - 1)
        yield t.segment(not side, A)
    elif what < 0.84:  # no room, and a probe
        t.window[not side] = 0
        yield t.segment(not side, A)
        yield t.segment(side, A, 1)
        t.window[not side] = random.choice((1, 512, 65535))
        yield t.segment(not side, A)
    elif what < 0.88:  # a SYN of a client that forgot, and a challenge
        seq = random.getrandbits(32)
        yield t.segment(side, S, seq=seq, options=t.options(side))
        if random.random() < 0.6:
            yield t.segment(not side, A)
            if random.random() < 0.5:
                yield t.segment(side, R, seq=t.next[side])
        elif side == t.net.client:  # the server had forgotten it too
            t.next[side] = seq + 1
            t.next[not side] = number(random)
            yield t.send(not side, S | A, options=t.options(not side))
            yield t.segment(side, A)
    elif what < 0.92:
        yield t.segment(side, R | random.choice((0, A)),
                        seq=t.next[side] + random.choice((1, -1, 500, 70000)))
    else:
        yield t.segment(side, A, window=random.choice((0, 1, 65535)))


def tcp_close(random, t):
    one = random.random() < 0.5
    how = random.random()
    if how < 0.15:
        yield t.segment(one, R | random.choice((0, A)))
    elif how < 0.25:
        return
    else:
        yield t.send(one, F | A, random.choice((0, 0, 30)))
        if random.random() < 0.2:
            yield t.segment(one, F | A, seq=t.next[one] - 1)
        if random.random() < 0.8:
            yield t.segment(not one, A)
        if random.random() < 0.3:
            yield t.send(not one, A | P, 50)
            yield t.segment(one, A)
        if random.random() < 0.85:
            yield t.send(not one, F | A)
            yield t.segment(one, A)
        if random.random() < 0.1:
            yield t.segment(not one, F | A, seq=t.next[not one] - 1)
        if random.random() < 0.2:
            yield t.segment(random.random() < 0.5, R)


def tcp_talk(random, net):
    t = Tcp(random, net)
    if random.random() < 0.05:  # begun before we were there
        yield t.segment(random.random() < 0.5, A, 10)
    else:
        yield from tcp_open(random, t)
    while True:
        for _ in range(random.choice((0, 1, 3, 8, 20))):
            yield from tcp_data(random, t)
        yield from tcp_close(random, t)
        if random.random() < 0.6:
            return
        old = dict(t.next)  # the ports once more
        if random.random() < 0.3:
            net.client = not net.client
        t.begin()
        if random.random() < 0.7:
            t.next[net.client] = old[net.client] + random.choice((0, -1, 1, 70000, -70000))
        yield from tcp_open(random, t)


def udp_talk(random, net):
    protocol = 136 if random.random() < 0.2 else 17
    ports = {net.client: random.choice((0, 1701, 3544, 4500) + tuple(range(5000, 5020))),
             not net.client: random.choice((53, 53, 123, 5000, 4789, 1701, 2152, 3544, 9999))}
    for _ in range(random.choice((1, 1, 2, 4, 10))):
        side = random.random() < 0.5
        if random.random() < 0.3:
            side = net.client
        payload = random.choice((0, 1, 20, 400, 1400))
        length = random.choice((0, 8)) if protocol == 136 and random.random() < 0.3 else None
        yield side, net.frame(side, protocol, udp(ports[side], ports[not side], payload, length))


def icmp_talk(random, net):
    types = {4: ((8, 0), (13, 14), (15, 16), (17, 18), (42, 43)),
             6: ((128, 129), (139, 140), (160, 161))}[net.version]
    query, reply = random.choice(types) if random.random() < 0.3 else types[0]
    protocol = 1 if net.version == 4 else 58
    ident, code = random.randrange(12), random.choice((0, 0, 0, 1))
    payload = NOISE[:random.choice((4, 4, 56, 1400))]
    for _ in range(random.choice((1, 2, 5))):
        yield net.client, net.frame(net.client, protocol, icmp(query, code, ident, payload))
        if random.random() < 0.8:
            answer = icmp(reply, random.choice((code, 3)), ident, payload)
            yield not net.client, net.frame(not net.client, protocol, answer)
        if random.random() < 0.1:
            yield net.client, net.frame(net.client, protocol, icmp(query, code ^ 1, ident))
        if random.random() < 0.1:
            yield net.client, net.frame(net.client, protocol, icmp(reply, 0, ident))


def other_talk(random, net):
    protocol = random.choice((2, 4, 41, 47, 47, 50, 51, 88, 89, 103, 112, 115, 137, 200, 253))
    data = bytes(random.choice((3, 8, 16, 40, 400)))
    if protocol == 47:
        data = struct.pack("!HH", random.choice((0, 0, 0x2000, 1, 0x3001)),
                           random.choice((0x800, 0x86dd, 0x6558, 0x8847, 0x880b, 0x88be))) + data
    for _ in range(random.choice((1, 3, 6))):
        side = random.random() < 0.5
        yield side, net.frame(side, protocol, data)


class Sctp:
    def __init__(self, random, net):
        self.random, self.net = random, net
        self.ports = {net.client: random.randrange(6000, 6006), not net.client: 5000}
        self.tags = {}

    def new_tag(self, side):
        self.tags[side] = self.random.getrandbits(32) | 1
        return self.tags[side]

    def send(self, side, *chunks, tag=None):
        if tag is None:
            tag = self.tags.get(not side, 0)
        return side, self.net.frame(side, 132, sctp(self.ports[side], self.ports[not side], tag,
                                                    *chunks))

    def handshake(self, c):
        random, s = self.random, not c
        first = sctp_init(1, self.new_tag(c))
        yield self.send(c, first, tag=0)
        if random.random() < 0.1:
            yield self.send(c, first, tag=0)
        how = random.random()
        if how < 0.06:
            return
        if how < 0.1:
            yield self.send(s, chunk(6, 1), tag=self.tags[c])
            return
        if how < 0.13:
            yield self.send(s, chunk(8))
            yield self.send(c, chunk(14, 1), tag=self.tags[c])
        if how < 0.25:  # both at once
            yield self.send(s, sctp_init(1, self.new_tag(s)), tag=0)
            yield self.send(c, sctp_init(2, self.tags[c]))
        yield self.send(s, sctp_init(2, self.new_tag(s)))
        data = (chunk(0, 3, bytes(20)),)
        for _ in range(1 + (random.random() < 0.1)):
            yield self.send(c, chunk(10, 0, bytes(32)), *random.choice(((), data)))
        if random.random() < 0.1:
            yield self.send(s, chunk(9, 0, bytes(8)))
        yield self.send(s, chunk(11), *random.choice(((), data)))


def sctp_talk(random, net):
    t = Sctp(random, net)
    yield from t.handshake(net.client)
    while True:
        for _ in range(random.choice((0, 2, 6))):
            side = random.random() < 0.5
            kinds = random.choice(((0,), (3,), (3, 0, 0), (4,), (5,), (9, 3), (12,), (64,),
                                   (192,), (7,) if random.random() < 0.1 else (132,), (63,)
                                   if random.random() < 0.1 else (130,)))
            size = random.choice((8, 12, 13))
            yield t.send(side, *(chunk(kind, 0, bytes(size)) for kind in kinds))
        how = random.random()
        side = random.random() < 0.5
        if how < 0.3:
            yield t.send(side, chunk(7, 0, bytes(4)))
            yield t.send(not side, chunk(8))
            yield t.send(side, chunk(14, random.choice((0, 0, 1))))
        elif how < 0.45:
            flags = random.choice((0, 1))
            yield t.send(side, chunk(6, flags), tag=t.tags.get(side, 0) if flags else None)
        elif how < 0.8:  # restart: of one side, with new tags
            yield from t.handshake(side)
            continue
        if random.random() < 0.5:
            return
        yield from t.handshake(random.random() < 0.5)


def dccp_talk(random, net):
    ports = {net.client: random.randrange(7000, 7006), not net.client: 5000}
    c, s = net.client, not net.client

    def send(side, kind, **more):
        long = kind in (0, 1, 5, 6, 7, 8, 9) or random.random() < 0.5
        return side, net.frame(side, 33, dccp(ports[side], ports[not side], kind, long, **more))

    yield send(c, 0)
    if random.random() < 0.1:
        yield send(c, 0)
    if random.random() < 0.1:
        yield send(s, 7)
        return
    yield send(s, 1)
    yield send(c, 3)
    for _ in range(random.choice((1, 4, 8))):
        side = random.random() < 0.5
        yield send(side, random.choice((2, 2, 3, 4, 8, 9)), payload=random.choice((0, 20)),
                   coverage=random.choice((0, 0, 1, 3, 6, 7)))
    if random.random() < 0.4:
        yield send(s, 5)
    if random.random() < 0.8:
        yield send(c, 6)
    if random.random() < 0.8:
        yield send(s, 7)
    if random.random() < 0.3:
        side = random.random() < 0.5
        yield send(side, random.randrange(12))
        yield send(side, 0)


# ---- below IP ----

def local6(random):
    return b"\xfe\x80" + bytes(13) + bytes([random.randrange(1, 9)])


def discovery(random, net):
    """Neighbour discovery, well-formed more often than not."""
    kind = random.choice((133, 134, 135, 136))
    source = random.choice((local6(random), net.inside if net.version == 6 else local6(random),
                            bytes(16)))
    target = bytes.fromhex("ff0200000000000000000001ff000001")
    destination = random.choice((target, target, bytes.fromhex("ff02") + bytes(13) + b"\1",
                                 local6(random)))
    body = {133: bytes(4), 134: bytes(12), 135: bytes(4) + local6(random),
            136: random.choice((b"\0", b"\x40", b"\xe0")) + bytes(3) + local6(random)}[kind]
    if random.random() < 0.1:
        body = body[:4] + b"\xff" + body[5:]
    for _ in range(random.choice((0, 1, 1, 2))):
        size = random.choice((1, 1, 1, 2, 0, 3))
        body += bytes([random.choice((1, 2, 3, 5)), size]) + bytes(6 + 8 * (random.random() < 0.1))
    if random.random() < 0.1:
        body = body[:random.randrange(len(body) + 1)]
    data = struct.pack("!BBH", kind, random.random() < 0.05, 0) + body
    hops = 255 if random.random() < 0.9 else random.choice((1, 64, 254))
    return ether(0x86dd, ip6(source, destination, 58, data, hops), net.vlans)


def listeners(random, net):
    """MLD."""
    kind = random.choice((130, 131, 132, 143))
    source = random.choice((local6(random), local6(random), bytes(16),
                            b"\x20\1" + bytes(13) + b"\1"))
    group = random.choice((b"\xff\2" + bytes(13) + b"\2", bytes(16), local6(random)))
    if kind == 143:
        count = random.choice((0, 1, 2, 3))
        body = struct.pack("!HH", 0, count + random.choice((0, 0, 0, 1)))
        for _ in range(count):
            sources, aux = random.choice((0, 0, 1, 2)), random.choice((0, 0, 1))
            body += struct.pack("!BBH", 1, aux, sources) + group + bytes(16 * sources + 4 * aux)
    else:
        body = bytes(4) + group
        if kind == 130 and random.random() < 0.5:
            sources = random.choice((0, 1, 2))
            body += struct.pack("!HH", 0, sources) + bytes(16 * sources)
    if random.random() < 0.1:
        body = body[:random.randrange(len(body) + 1)]
    if random.random() < 0.05:
        body += bytes(random.choice((1, 3, 4)))
    data = struct.pack("!BBH", kind, random.choice((0, 0, 1)), 0) + body
    options = random.choice((b"\5\2\0\0\1\0", b"\5\2\0\0\1\0", b"\1\0\5\2\0\0", b"\0\0\5\2\0\0",
                             b"\5\2\0\1\1\0", b"\1\4\0\0\0\0", b"\5\2\0\0\0\0", b"\1\2\5\2\0\0"))
    hops = 1 if random.random() < 0.9 else 255
    if random.random() < 0.05:
        return ether(0x86dd, ip6(source, group, 58, data, hops), net.vlans)
    return ether(0x86dd, ip6(source, group, 0, bytes([58, 0]) + options + data, hops), net.vlans)


def link_frame(random, net):
    what = random.random()
    if what < 0.25:
        body = bytearray(struct.pack("!HHBBH", 1, 0x800, 6, 4, random.choice((1, 2, 1, 2, 0, 3)))
                         + bytes([2, 0, 0, 0, 0, 1]) + bytes(14))
        if random.random() < 0.3:
            body[random.randrange(9)] ^= 1 << random.randrange(8)
        return ether(0x806, bytes(body[:random.choice((28, 28, 28, 27, 10))]), net.vlans)
    if what < 0.55:
        length = random.choice((3, 38, 38, 100, 2, 0, 1500, 1501, 1535))
        llc = random.choice((b"\x42\x42\3", b"\xaa\xaa\3\0\0\x0c\x20\0", b"\6\6\3", b"\xe0\6\3",
                             b"\xaa\xaa\3\0\0\0" + random.choice((b"\x08\0", b"\x81\0", b"\x88\xa8",
                                                                   b"\x86\xdd", b"\x80\x9b")),
                             b"\xaa\xaa\3\0\0\xf8\x08\6", b"\xaa\xaa\3\0\0\1\x08\0"))
        there = random.choice((length, length, 60, len(llc), 2, 7))
        return ether(length, (llc + bytes(1600))[:there], net.vlans)
    if what < 0.8:
        kind = random.choice((0x88cc, 0x8863, 0x6003, 0x600, 0x5ff, 0xffff, 0x88f7, 0x9000))
        return ether(kind, bytes(random.choice((0, 20, 46))), net.vlans)
    return discovery(random, net) if random.random() < 0.5 else listeners(random, net)


def link_talk(random, net):
    for _ in range(random.choice((1, 2, 4))):
        yield random.random() < 0.5, link_frame(random, net)


TALKS = {"tcp": tcp_talk, "udp": udp_talk, "icmp": icmp_talk, "other": other_talk,
         "sctp": sctp_talk, "dccp": dccp_talk, "link": link_talk}
