#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""What ends by itself: idle flows and exceptions, at their moment of captured time.

    test_expiry.py PPSFWD PPSFW SOURCE_ROOT
"""

from frames import ethernet, icmp, ipv4, raw, tcp_frame, udp_frame
from harness import INSIDE, OUTSIDE, approve, policy, replay
from talk import (CLIENT, DNS, EXPIRES, SERVER, WEB, check_passes_whole, data, event_seconds,
                  exception, fillers, handshake, zulu)
from tap import check, check_equal, main, test

# ---- idle flows ----

# name, policy timeouts, opening, (gap that holds, gap that does not), probe, reason of the drop
IDLE = [
    ("udp_single, default", {}, [(0, INSIDE, udp_frame(SERVER, 7, CLIENT, 53))],
     (29.999, 30), (OUTSIDE, udp_frame(CLIENT, 53, SERVER, 7)), "not_approved"),
    ("udp_single 5", {"udp_single": 5}, [(0, INSIDE, udp_frame(SERVER, 7, CLIENT, 53))],
     (4.999, 5), (OUTSIDE, udp_frame(CLIENT, 53, SERVER, 7)), "not_approved"),
    ("udp, default", {}, [(0, INSIDE, udp_frame(SERVER, 7, CLIENT, 53)),
                          (1, OUTSIDE, udp_frame(CLIENT, 53, SERVER, 7))],
     (119.999, 120), (OUTSIDE, udp_frame(CLIENT, 53, SERVER, 7)), "not_approved"),
    ("tcp_handshake, default", {}, handshake(40000)[:1],
     (29.999, 30), handshake(40000)[1][1:], "tcp_not_syn"),
    ("tcp_established, default", {}, handshake(40000, step=0.000001),
     (7439.999, 7440), data(40000, 0, INSIDE, b"x")[1:], "tcp_not_syn"),
    ("tcp_established 600", {"tcp_established": 600}, handshake(40000, step=0.000001),
     (599.999, 600), data(40000, 0, OUTSIDE, b"x")[1:], "tcp_not_syn"),
    ("tcp_closing after a reset", {},
     handshake(40000, step=0.000001) + [
         (0.000003, INSIDE, tcp_frame(SERVER, 443, CLIENT, 40000, "R", seq=501))],
     (59.999, 60), (INSIDE, tcp_frame(SERVER, 443, CLIENT, 40000, "R", seq=501)), "tcp_not_syn"),
    ("icmp, default", {}, [(0, OUTSIDE, ethernet(ipv4(CLIENT, SERVER, icmp(8))))],
     (9.999, 10), (INSIDE, ethernet(ipv4(SERVER, CLIENT, icmp(0)))), "icmp_not_query"),
    ("other, default", {}, [(0, OUTSIDE, ethernet(ipv4(CLIENT, SERVER, raw(89, bytes(20)))))],
     (119.999, 120), (INSIDE, ethernet(ipv4(SERVER, CLIENT, raw(89, bytes(20))))),
     "not_approved"),
]

IDLE_RULES = [WEB, DNS, approve("PING", "inbound", protocol="icmp", icmp={"type": 8}),
              approve("OSPF", "inbound", protocol=89)]


def idle_case(timeouts, opening, gap, probe):
    """Opens a flow, waits in captured time, and sends one frame more."""
    last = opening[-1][0]
    return replay(policy(*IDLE_RULES, timeouts=timeouts), opening + [(last + gap, *probe)])


@test
def a_flow_lives_until_its_timeout_of_captured_time_and_not_longer():
    for name, timeouts, opening, (holds, ends), probe, reason in IDLE:
        run = idle_case(timeouts, opening, holds, probe)
        check_equal((name, holds, run.drops()), (name, holds, {}))
        run = idle_case(timeouts, opening, ends, probe)
        check_equal((name, ends, run.drops()), (name, ends, {reason: 1}))


@test
def traffic_keeps_a_flow_alive_past_its_timeout():
    script = [(0, INSIDE, udp_frame(SERVER, 7, CLIENT, 53))]
    script += [(1 + 100 * number, OUTSIDE, udp_frame(CLIENT, 53, SERVER, 7))
               for number in range(20)]
    check_passes_whole(policy(DNS), script)


# ---- exceptions ----

@test
def an_exception_permits_until_its_second_and_not_longer():
    for last, reasons in ((EXPIRES - 0.000001, {}), (EXPIRES, {"exception_expired": 1})):
        script = [(last, OUTSIDE, tcp_frame(CLIENT, 40000, SERVER, 5432, "S"))]
        run = replay(policy(WEB, exceptions=[exception()]), script)
        check_equal((last, run.drops(), len(run.inside)), (last, reasons, 1 - len(reasons)))


@test
def an_exception_that_ends_cuts_its_live_flows():
    script = handshake(40000, EXPIRES - 10, dport=5432)
    script += [data(40000, EXPIRES - 1 / 1024, INSIDE, b"last", dport=5432),
               data(40000, EXPIRES, INSIDE, b"too late", dport=5432),
               data(40000, EXPIRES + 1, OUTSIDE, b"too late", dport=5432)]
    run = replay(policy(WEB, exceptions=[exception()]), script)
    check_equal(run.outside, [script[1][2], script[3][2]])
    check_equal(len(run.inside), 2)
    check_equal(run.drops(), {"exception_expired": 1, "tcp_not_syn": 1})
    end, = run.of("flow_end")
    check_equal((end["end"], event_seconds(end)), ("revoked", EXPIRES))


@test
def an_exception_that_ends_cuts_silent_flows_at_once():
    script = [(EXPIRES - 10, OUTSIDE, tcp_frame(CLIENT, 2000 + number, SERVER, 5432, "S"))
              for number in range(1000)] + fillers(EXPIRES, 3)
    run = replay(policy(WEB, DNS, exceptions=[exception()]), script,
                 flows=16384, half_open={"per_source": 1000})
    check_equal({(event["end"], event_seconds(event)) for event in run.of("flow_end")},
                {("revoked", EXPIRES)})
    check_equal(len(run.of("flow_end")), 1000)


@test
def the_end_of_an_exception_is_an_event():
    for after in (400, 1):
        run = replay(policy(WEB, DNS, exceptions=[exception()]),
                     fillers(EXPIRES - 1, 1) + fillers(EXPIRES, after), flows=1024)
        check_equal([(event["rule"], event["expires"]) for event in run.of("exception_expired")],
                    [("EXC", zulu(EXPIRES))])
        check_equal([event_seconds(event) for event in run.of("exception_expired")], [EXPIRES])
        warned, = run.of("exception_expiring")
        check(EXPIRES - 1 <= event_seconds(warned) <= EXPIRES, f"warned at {warned['time']}")


@test
def exceptions_that_end_one_after_another_are_told_one_by_one():
    several = [exception(id=f"EXC-{number}", expires=zulu(EXPIRES + number), ports=6000 + number)
               for number in range(5)]
    script = []
    for second in range(-1, 6):
        for number in range(5):
            script.append((EXPIRES + second + number / 100, OUTSIDE,
                           tcp_frame(CLIENT, 41000 + second, SERVER, 6000 + number, "S")))
    run = replay(policy(WEB, exceptions=several), script)
    wanted = [step[2] for second in range(-1, 6) for number, step in
              enumerate(script[(second + 1) * 5:(second + 2) * 5]) if number > second]
    check_equal(run.inside, wanted)
    check_equal(run.drops(), {"exception_expired": len(script) - len(wanted)})
    check_equal([event["rule"] for event in run.of("exception_expired")],
                [f"EXC-{number}" for number in range(5)])


@test
def what_is_approved_otherwise_outlives_the_exception():
    document = policy(approve("DB", "inbound", protocol="tcp", ports=5432, log="flows"),
                      exceptions=[exception()])
    script = handshake(40000, EXPIRES - 10, dport=5432) + [
        data(40000, EXPIRES + 1, INSIDE, b"goes on", dport=5432)]
    run = check_passes_whole(document, script)
    check_equal([event["rule"] for event in run.of("flow_end")], ["DB"])


main()
