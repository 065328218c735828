#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""TCP as hosts really use it, through ppsfwd and bad weather: what kernels send is legitimate.

    PPSFW_WEATHER=PROGRAM test_tcp.py PPSFWD PPSFW SOURCE_ROOT

Every test runs below a sky (road.py), and ends by comparing the drops of the box with those before.
"""

import contextlib
import select
import socket
import struct

from bulk import (BLOCK, all_at_once, connection, dial, family_of, listener, receive_exactly)
from harness import INSIDE, OPEN_LINK, OUTSIDE, PATIENCE, approve, policy
from lab import CLIENT, CLIENT6, SERVER, SERVER6
from road import CALM, FAMILIES, REORDERING, STORM, Shared
from tap import check, check_equal, check_in, main, skip, test, wait_until

PORT = 5000
POLICY = policy(
    approve("IN", "inbound", protocol="tcp", ports="5000-5999", to=[SERVER, SERVER6]),
    approve("OUT", "outbound", protocol="tcp", ports="5000-5999", to=[CLIENT, CLIENT6]),
    approve("PING", protocol="icmp", icmp={"type": 8}),
    approve("PING6", protocol="icmpv6", icmp={"type": 128}),
    name="tcp", link=OPEN_LINK)

shared = Shared(POLICY)

# TCP_INFO: the options of a connection.
TIMESTAMPS, SACK, SCALE, ECN, SYN_DATA = 1, 2, 4, 8, 32


def info(end):
    """The options of a connection, and its window scales (received, own)."""
    options, scales = struct.unpack_from("BB", end.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO,
                                                              104), 5)
    return options, (scales & 15, scales >> 4)


@contextlib.contextmanager
def kernel(road, **settings):
    """Both hosts' net.ipv4.tcp_... are as wanted meanwhile."""
    before = {}
    for side in (INSIDE, OUTSIDE):
        for name, value in settings.items():
            key = "net.ipv4.tcp_" + name
            before[side, key] = road.run(side, "sysctl", "-n", key).stdout.decode().strip()
            road.run(side, "sysctl", "-qw", f"{key}={value}")
    try:
        yield
    finally:
        for (side, key), value in before.items():
            road.run(side, "sysctl", "-qw", f"{key}={value}")


@contextlib.contextmanager
def timeouts(road, **seconds):
    """The policy has these timeouts meanwhile."""
    road.box.load(dict(POLICY, timeouts=seconds))
    try:
        yield
    finally:
        road.box.load(POLICY)


def flow_of(road, port):
    """What the box knows of a connection from this port."""
    flow, = road.box.ask("show", "flows", "port", str(port), "destination_port",
                         str(PORT))["flows"]
    return flow


def ping_pong(one, other, size=1000):
    """Some bytes there and as many back."""
    for source, sink in ((one, other), (other, one)):
        source.sendall(BLOCK[:size])
        got = bytearray(size)
        receive_exactly(sink, got)
        check(got == BLOCK[:size], "other bytes came")


def trade(one, other, size):
    """So many bytes both ways at once."""
    def receive(end):
        got = bytearray(size)
        receive_exactly(end, got)
        check(got == BLOCK[:size], "other bytes came")
    all_at_once((one.sendall, BLOCK[:size]), (receive, one),
                (other.sendall, BLOCK[:size]), (receive, other))


# ---- connections ----

@test
def connections_in_both_directions_at_once_carry_data_both_ways():
    def talk(road, client, server, port, server_side):
        with connection(road, client, server, port, server_side=server_side) as ends:
            trade(*ends, 1000000)
    road = shared()
    with road.weather(**STORM):
        all_at_once(*[
            (talk, road, *(ends if side == INSIDE else ends[::-1]), PORT + number, side)
            for number in range(8) for ends in FAMILIES for side in (INSIDE, OUTSIDE)])


@test
def two_hosts_that_call_each_other_at_once_have_one_connection():
    road = shared()
    with road.weather(late=100, delay=200):
        for number in range(3):
            for client, server in FAMILIES:
                ends = []
                for side, source in ((OUTSIDE, client), (INSIDE, server)):
                    with road.at(side):
                        ends.append(socket.socket(family_of(source)))
                    ends[-1].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    ends[-1].bind((source, PORT + 100 + number))
                    ends[-1].setblocking(False)
                with ends[0], ends[1]:
                    # Nobody listens: without the other's SYN neither would get anything but RST.
                    for end, destination in zip(ends, (server, client)):
                        end.connect_ex((destination, PORT + 100 + number))
                    for end in ends:
                        select.select([], [end], [], PATIENCE)
                        check_equal(end.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), 0)
                        end.settimeout(PATIENCE)
                    ping_pong(*ends)
                    flows = road.box.ask("show", "flows", "port", str(PORT + 100 + number))["flows"]
                    check_equal([flow["state"] for flow in flows if client in (
                        flow["source"], flow["destination"])], ["tcp_established"])


@test
def a_half_closed_connection_carries_data_the_other_way_for_as_long_as_it_likes():
    road = shared()
    with road.weather(**STORM):
        for client, server in FAMILIES:
            for closed, open_end in ((0, 1), (1, 0)):
                # The short timeouts are for this connection alone.
                road.settle()
                with connection(road, client, server, PORT) as ends:
                    port = ends[0].getsockname()[1]
                    ends[closed].shutdown(socket.SHUT_WR)
                    check_equal(ends[open_end].recv(1), b"")
                    data = bytearray(len(BLOCK))
                    with timeouts(road, tcp_closing=1, tcp_handshake=2):
                        for silent in (0, 2500):
                            wait_until(lambda port=port, ms=silent:
                                       flow_of(road, port)["idle_ms"] >= ms, "silence", PATIENCE)
                            all_at_once((ends[open_end].sendall, BLOCK),
                                        (receive_exactly, ends[closed], data))
                            check(data == BLOCK, "other bytes came")
                    ends[open_end].shutdown(socket.SHUT_WR)
                    check_equal(ends[closed].recv(1), b"")


# ---- the same ports again ----

def redial(road, client, server, source_port):
    """A connection from this port, as soon as the kernel gives it away again."""
    made = []

    def attempt():
        try:
            made.append(dial(road, OUTSIDE, client, server, PORT, source_port))
        except OSError as error:
            check_in("in use" if "in use" in str(error) else "assign", str(error))
        return made
    wait_until(attempt, "the port", PATIENCE)
    return made[0]


def again_and_again(road, end_it, source_port, times=8):
    """Connections one after another, all with the same addresses and ports."""
    for client, server in FAMILIES:
        with listener(road, INSIDE, server, PORT) as listening:
            for _ in range(times):
                with redial(road, client, server, source_port) as one:
                    other, _ = listening.accept()
                    with other:
                        other.settimeout(PATIENCE)
                        ping_pong(one, other)
                        end_it(one, other)


def reset_by(end, patience):
    """Waits for the other side's reset, which a storm may have lost: then it resets too."""
    with contextlib.suppress(ConnectionResetError):
        end.settimeout(patience)
        with contextlib.suppress(TimeoutError):
            end.recv(1)
        abort(end)


def abort(end):
    """Closes with a reset."""
    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    end.close()


# What was late when its connection was closed, and comes when the next one on the same ports has
# begun, belongs to none.
LATE = ("tcp_state", "tcp_window", "tcp_ack")


@test
def ports_are_used_again_right_after_a_close():
    def server_first(one, other):
        other.close()
        check_equal(one.recv(1), b"")

    def client_first(one, other):
        one.close()
        check_equal(other.recv(1), b"")
    road = shared()
    # tw_reuse lets the side that closed first use its port again, after a second.
    with kernel(road, tw_reuse=1):
        for may_drop, weather in (((), CALM), (LATE, STORM)):
            with road.weather(may_drop, **weather):
                again_and_again(road, server_first, 5100)
                again_and_again(road, client_first, 5101, 2)


@test
def ports_are_used_again_right_after_a_reset_of_either_side():
    road = shared()
    # An acknowledgement that crosses a reset is answered by another one, which may come when the
    # next connection has begun, in calm weather too; the host it is for does not heed it either.
    crossed = ("tcp_state",)
    for may_drop, weather, patience in ((crossed, CALM, PATIENCE), (LATE, STORM, 0.5)):
        def client_first(one, other, patience=patience):
            abort(one)
            reset_by(other, patience)

        def server_first(one, other, patience=patience):
            abort(other)
            reset_by(one, patience)
        with road.weather(may_drop, **weather):
            again_and_again(road, client_first, 5102)
            again_and_again(road, server_first, 5103)


@test
def a_reset_in_the_middle_of_a_flood_ends_it_and_the_port_is_free():
    def interrupted(aborts, floods):
        floods.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                floods.send(BLOCK)
        receive_exactly(aborts, bytearray(20000))
        abort(aborts)
    road = shared()
    with road.weather(LATE, **STORM):
        again_and_again(road, interrupted, 5104)
        again_and_again(road, lambda one, other: (interrupted(other, one), abort(one)), 5105)


# ---- silence ----

def more_packets(road, port, count):
    """Waits until a connection has carried more packets, though nobody speaks."""
    def packets():
        return sum(flow_of(road, port)["packets"].values())
    first = packets()
    wait_until(lambda: packets() >= first + count, "packets", PATIENCE)


def probes(end):
    """How many times a sender has asked in vain for a window: TCP_INFO."""
    return end.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)[4]


@test
def a_reader_that_stops_for_long_goes_on_where_it_was():
    road = shared()
    with road.weather(**STORM):
        for client, server in FAMILIES:
            for upload in (False, True):
                with connection(road, client, server, PORT,
                                options=[(socket.SOL_SOCKET, socket.SO_RCVBUF, 20000)]) as ends:
                    sender, reader = ends if upload else ends[::-1]

                    def stall():
                        wait_until(lambda: probes(sender) >= 4, "zero-window probes", PATIENCE)
                        got = bytearray(200000)
                        receive_exactly(reader, got)
                        check(got == BLOCK[:200000], "other bytes came")
                    all_at_once((sender.sendall, BLOCK[:200000]), (stall,))


@test
def keep_alives_keep_a_silent_connection_alive():
    road = shared()
    options = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
               (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 1),
               (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 1)]
    with timeouts(road, tcp_established=3), road.weather(**REORDERING):
        for client, server in FAMILIES:
            with connection(road, client, server, PORT, options=options) as ends:
                ping_pong(*ends)
                more_packets(road, ends[0].getsockname()[1], 16)
                ping_pong(*ends)


# ---- what hosts agree on ----

def check_agreed(road, wanted, options=()):
    """Much data both ways; every connection must have what is wanted of its options and scales."""
    def attempt(client, server, port):
        with connection(road, client, server, port, options=options) as ends:
            ping_pong(*ends)
            for end in ends:
                check(wanted(*info(end)), info(end))
            trade(*ends, 100000)
    all_at_once(*[(attempt, *ends, PORT + number) for number in range(2) for ends in FAMILIES])


@test
def the_largest_window_scale_is_followed():
    road = shared()
    with kernel(road, rmem="4096 131072 1073741824"), road.weather(**STORM):
        check_agreed(road, lambda options, scales: options & SCALE and scales == (14, 14))


@test
def windows_without_scale_are_followed():
    road = shared()
    with kernel(road, window_scaling=0), road.weather(**STORM):
        check_agreed(road, lambda options, scales: not options & SCALE)


@test
def a_scale_that_one_side_alone_knows_does_not_count():
    road = shared()
    with kernel(road, rmem="4096 131072 1073741824"), road.weather(**STORM):
        for side in (INSIDE, OUTSIDE):
            road.run(side, "sysctl", "-qw", "net.ipv4.tcp_window_scaling=0")
            check_agreed(road, lambda options, scales: not options & SCALE)
            road.run(side, "sysctl", "-qw", "net.ipv4.tcp_window_scaling=1")


@test
def connections_without_timestamps_or_sack_or_any_option_cross():
    road = shared()
    with road.weather(**STORM):
        with kernel(road, timestamps=0):
            check_agreed(road, lambda options, _: not options & TIMESTAMPS)
        with kernel(road, sack=0):
            check_agreed(road, lambda options, _: not options & SACK)
        with kernel(road, sack=0, timestamps=0, window_scaling=0):
            check_agreed(road, lambda options, _: not options & (SACK | TIMESTAMPS | SCALE))


@test
def segments_of_200_bytes_cross():
    road = shared()
    with road.weather(**STORM):
        check_agreed(road, lambda *_: True, [(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 200)])


@test
def connections_with_ecn_cross():
    road = shared()
    with kernel(road, ecn=1), road.weather(**STORM):
        check_agreed(road, lambda options, _: options & ECN)


@test
def connections_with_accurate_ecn_cross():
    road = shared()
    if road.run(OUTSIDE, "sysctl", "-qw", "net.ipv4.tcp_ecn=3", check=False).returncode != 0:
        skip("needs a kernel with accurate ECN")
    with kernel(road, ecn=3), road.weather(**STORM):
        check_agreed(road, lambda *_: True)


@test
def data_in_a_syn_crosses_and_is_answered_at_once():
    road = shared()
    options = [(socket.IPPROTO_TCP, socket.TCP_FASTOPEN, 16)]
    for weather in (CALM, STORM):
        with kernel(road, fastopen=3), road.weather(**weather):
            for client, server in FAMILIES:
                with listener(road, INSIDE, server, PORT, options) as listening:
                    fast = 0
                    for _ in range(20):
                        with road.at(OUTSIDE):
                            one = socket.socket(family_of(client))
                        with one:
                            one.sendto(b"request", socket.MSG_FASTOPEN, (server, PORT))
                            one.settimeout(PATIENCE)
                            other, _ = listening.accept()
                            with other:
                                other.settimeout(PATIENCE)
                                check_equal(other.recv(7, socket.MSG_WAITALL), b"request")
                                other.sendall(BLOCK[:5000])
                                receive_exactly(one, bytearray(5000))
                                fast += bool(info(one)[0] & SYN_DATA)
                    check(fast > 0, "no SYN carried data")


@test
def urgent_data_crosses():
    road = shared()
    with road.weather(**REORDERING):
        for client, server in FAMILIES:
            with connection(road, client, server, PORT) as (one, other):
                one.sendall(b"calm")
                one.send(b"!", socket.MSG_OOB)
                select.select([], [], [other], PATIENCE)
                check_equal(other.recv(1, socket.MSG_OOB), b"!")
                check_equal(other.recv(10), b"calm")


try:
    main()
finally:
    shared.close()
