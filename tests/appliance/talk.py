# SPDX-License-Identifier: BSD-3-Clause
"""Conversations for captured time: scripts of (seconds, side, frame), and rules for them."""

import datetime

from frames import tcp_frame, udp_frame
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
