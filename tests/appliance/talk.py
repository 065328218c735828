# SPDX-License-Identifier: BSD-3-Clause
"""Conversations for captured time: scripts of (seconds, side, frame), and rules for them."""

import datetime
import random

from frames import arp, ethernet, icmp, ipv4, raw, tcp, tcp_frame, udp, udp_frame
from harness import EPOCH, INSIDE, OUTSIDE, approve, replay
from tap import check_equal

SERVER, CLIENT = "198.51.100.10", "203.0.113.9"
SERVER6, CLIENT6 = "2001:db8:1::10", "2001:db8:2::9"

WEB = approve("WEB", "inbound", "https", to=[SERVER, SERVER6], log="flows")
DNS = approve("DNS", "outbound", "domain/udp", source=[SERVER, SERVER6])


def zulu(seconds):
    """A time of a policy or an event, in seconds of captured time."""
    moment = datetime.datetime.fromtimestamp(EPOCH + seconds, datetime.timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def event_seconds(event, key="time"):
    """When an event happened, in seconds of captured time."""
    moment = datetime.datetime.fromisoformat(event[key].replace("Z", "+00:00"))
    return moment.timestamp() - EPOCH


def handshake(sport, start=0.0, vlans=(), client=CLIENT, server=SERVER, dport=443, step=0.001):
    """The three segments that open a connection from outside."""
    return [
        (start, OUTSIDE, tcp_frame(client, sport, server, dport, "S", seq=100, vlans=vlans)),
        (start + step, INSIDE,
         tcp_frame(server, dport, client, sport, "SA", seq=500, ack=101, vlans=vlans)),
        (start + 2 * step, OUTSIDE,
         tcp_frame(client, sport, server, dport, "A", seq=101, ack=501, vlans=vlans)),
    ]


def data(sport, time, side, payload, vlans=(), client=CLIENT, server=SERVER, dport=443):
    """A segment with data inside a connection that handshake() opened."""
    if side == OUTSIDE:
        return (time, side, tcp_frame(client, sport, server, dport, "PA", payload, seq=101,
                                      ack=501, vlans=vlans))
    return (time, side, tcp_frame(server, dport, client, sport, "PA", payload, seq=501, ack=101,
                                  vlans=vlans))


def of_side(script, side):
    """The frames a script puts in on one side."""
    return [step[2] for step in script if step[1] == side]


def check_passes_whole(document, script, **config):
    """Everything comes out on the other side, unchanged and in order; nothing is denied."""
    run = replay(document, script, **config)
    check_equal(run.drops(), {})
    check_equal(run.outside, of_side(script, INSIDE))
    check_equal(run.inside, of_side(script, OUTSIDE))
    return run


EXPIRES = 100


def exception(**more):
    """A database connection that is permitted until EXPIRES."""
    return {"id": "EXC", "direction": "inbound", "protocol": "tcp", "ports": 5432,
            "source": CLIENT, "destination": SERVER, "expires": zulu(EXPIRES),
            "approved_by": "CMB", "reason": "migration", "log": "flows", **more}


def fillers(start, count, step=0.01):
    """Traffic that has nothing to do with the exception and keeps captured time going."""
    return [(start + number * step, INSIDE, udp_frame(SERVER, 7, CLIENT, 53))
            for number in range(count)]


def mixed_traffic():
    """Every kind of frame these tests know, most of it not permitted."""
    generator = random.Random(7)
    script = handshake(40000) + handshake(40001, 1, vlans=[10]) + [
        data(40000, 2, INSIDE, b"x" * 3000),
        (3, OUTSIDE, tcp_frame(CLIENT, 40000, SERVER, 22, "S")),
        (4, OUTSIDE, tcp_frame(CLIENT, 40000, SERVER, 22, "SF")),
        (5, INSIDE, tcp_frame(SERVER, 1, CLIENT, 2, "PA", b"from nowhere")),
        (6, OUTSIDE, ethernet(ipv4(CLIENT, SERVER, udp(1, 2), fragment=0x2000))),
        (7, OUTSIDE, ethernet(ipv4(CLIENT, SERVER, raw(4, bytes(40))))),
        (8, INSIDE, ethernet(arp(SERVER, CLIENT))),
        (9, INSIDE, ethernet((0x88cc, bytes(46)))),
        (10, OUTSIDE, ethernet(ipv4(SERVER, SERVER, tcp(1, 443, "S")))),
        (11, OUTSIDE, ethernet(ipv4(CLIENT, SERVER, icmp(5)))),
        (12, OUTSIDE, ethernet(ipv4(CLIENT, SERVER, tcp(1, 443, "S"), ttl=0))),
    ]
    for number in range(100):
        side = INSIDE if number % 2 else OUTSIDE
        script.append((20 + number, side, generator.randbytes(generator.randrange(0, 200))))
        mutant = bytearray(generator.choice(script[:-1])[2])
        if mutant:
            mutant[generator.randrange(len(mutant))] ^= 1 << generator.randrange(8)
        script.append((20.5 + number, side, bytes(mutant)))
    return script
