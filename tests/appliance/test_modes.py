#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""ppsfwd in its three modes: the same law, and what each does with a frame.

    PPSFW_CORPUS=FOLDER test_modes.py PPSFWD PPSFW SOURCE_ROOT

An observer has two tap ports, or one mirror port where both directions are mixed.
"""

import glob
import ipaddress
import json
import os
import random
import socket

import sides
from frames import INSIDE_MAC, OUTSIDE_MAC, arp, ethernet, icmp, ipv4, tcp_frame, udp, udp_frame
from harness import (FAILED, INSIDE, OK, OPEN_LINK, OUTSIDE, Appliance, Told, approve, last_sorted,
                     microseconds, policy, replay)
from lab import CLIENT, SERVER, Lab, need_root
from pcap import read_pcap, write_pcap
from talk import CLIENT6, DNS, SERVER6, WEB, data, handshake, mixed_traffic, of_side
from tap import check, check_equal, check_in, check_not_in, main, skip, test, wait_until

CORPUS = os.environ.get("PPSFW_CORPUS") or os.environ.get("PPSFW_CORPUS_DEFAULT", "")

PREFIXES = {"inside_prefixes": ["198.51.100.0/24", "2001:db8:1::/48"]}
MACS = {"inside_macs": ["02:00:00:00:00:0a"]}


# ---- runs ----

class Observed(Told):
    """What an observer left behind."""

    def __init__(self, appliance):
        self.errors = appliance.errors()
        self.events = appliance.events()
        self.files = set(os.listdir(appliance.folder))

    def summary(self):
        """(packets, bytes, conversations, answered), as it was said at the end."""
        observed = self.of("daemon_stop")[0]["observed"]
        return tuple(observed[key] for key in ("packets", "bytes", "conversations", "answered"))


def observer(document, inputs, segment, **config):
    """An observer with one port a capture; 'segment' says what the ports are."""
    config.setdefault("clock", "capture")
    appliance = Appliance(document, segments=(), mode="observer", vdevs=[
        f"net_pcap{number},rx_pcap=in{number}.pcap" for number in range(len(inputs))], **config)
    appliance.config["segments"] = [{"name": "dmz", **segment}]
    for number, packets in enumerate(inputs):
        write_pcap(appliance.path(f"in{number}.pcap"), packets)
    return appliance


def observe(document, inputs, segment, **config):
    """Runs an observer over captures to its end."""
    with observer(document, inputs, segment, **config) as appliance:
        code = appliance.run()
        check_equal((code, appliance.errors() if code else ""), (OK, ""))
        return Observed(appliance)


def packets_of(script, side=None):
    """A script as a capture, of one side or mixed."""
    return [(microseconds(step[0]), step[2]) for step in script if side in (None, step[1])]


def observe_mixed(document, script, inside, **config):
    """A script as one mixed capture."""
    return observe(document, [packets_of(script)], {"mirror": "net_pcap0", **inside}, **config)


def observe_taps(document, script, **config):
    """A script on two tap ports."""
    return observe(document, [packets_of(script, INSIDE), packets_of(script, OUTSIDE)],
                   {"inside": "net_pcap0", "outside": "net_pcap1"}, **config)


def what_was_said(run):
    """Flows in order, denies added up, and packets by rule: all that must not depend on the mode."""
    flows = [{key: value for key, value in event.items() if key != "seq"}
             for event in run.events if event["event"] in ("flow_start", "flow_end")]
    denies = {}
    for event in run.of("deny"):
        same = json.dumps({key: value for key, value in event.items() if key not in (
            "seq", "time", "count", "source_port", "audit", "observer", "answers")})
        denies[same] = denies.get(same, 0) + event["count"]
    return last_sorted(flows), denies


def with_macs(script):
    """The same frames with the MAC addresses of the hosts that sent them; runts are left out."""
    macs = {INSIDE: OUTSIDE_MAC + INSIDE_MAC, OUTSIDE: INSIDE_MAC + OUTSIDE_MAC}
    return [(time, side, macs[side] + frame[12:]) for time, side, frame in script
            if len(frame) >= 14]


def ordered(script):
    """In the order of time, no two frames at the same one."""
    last, result = 0, []
    for time, side, frame in sorted(script, key=lambda step: step[0]):
        last = max(time, last + 0.000002)
        result.append((last, side, frame))
    return result


# ---- the same law ----

@test
def verdicts_and_flows_are_the_same_in_every_mode_and_wiring():
    script, document = ordered(with_macs(mixed_traffic())), policy(WEB, DNS)
    enforced = replay(document, script)
    wanted = what_was_said(enforced)
    check(len(enforced.drops()) > 10, enforced.drops())
    check(len(wanted[0]) >= 2, "flows were logged")
    for mode, run in (("audit", replay(document, script, mode="audit")),
                      ("taps", observe_taps(document, script)),
                      ("mirror", observe_mixed(document, script, MACS))):
        check_equal((mode, what_was_said(run)), (mode, wanted))


@test
def the_sides_told_by_prefixes_give_the_same_too():
    # All that has an address to tell by.
    script = [step for step in ordered(mixed_traffic())
              if told(step[2], PREFIXES["inside_prefixes"]) == step[1]]
    script += [(200, OUTSIDE, tcp_frame(CLIENT6, 7, SERVER6, 443, "S")),
               (201, INSIDE, tcp_frame(SERVER6, 443, CLIENT6, 7, "SA", ack=1001)),
               (202, INSIDE, udp_frame(SERVER6, 7, CLIENT6, 69))]
    document = policy(WEB, DNS)
    enforced = replay(document, script)
    check(len(enforced.drops()) > 5, enforced.drops())
    observed = observe_mixed(document, script, PREFIXES)
    check_equal(what_was_said(observed), what_was_said(enforced))


def fragments(source, destination, ident, payload=2400):
    """A UDP datagram to port 53 in fragments."""
    whole = ipv4(source, destination, udp(4000, 53, bytes(payload)))[1][20:]
    return [ethernet(ipv4(source, destination, (17, whole[at:at + 800], None), ident=ident,
                          fragment=at // 8 | (0x2000 if at + 800 < len(whole) else 0)))
            for at in range(0, len(whole), 800)]


@test
def fragments_that_come_early_are_judged_alike_in_every_mode():
    good, bad = fragments(SERVER, CLIENT, 1), fragments(CLIENT, SERVER, 2)
    lone = fragments(SERVER, CLIENT, 3)[1:]
    script = ordered(with_macs(
        [(1, INSIDE, frame) for frame in good[::-1]] + [(2, OUTSIDE, frame) for frame in bad[::-1]] +
        [(3, INSIDE, frame) for frame in lone] + [(20, INSIDE, good[0])]))
    document = policy({**DNS, "log": "flows"})
    enforced = replay(document, script)
    check_equal(set(enforced.drops()), {"not_approved", "fragment_denied", "fragment_no_first"})
    audited = replay(document, script, mode="audit")
    check_equal((audited.outside, audited.inside), (of_side(script, INSIDE),
                                                    of_side(script, OUTSIDE)))
    for run in (audited, observe_taps(document, script), observe_mixed(document, script, MACS)):
        check_equal(what_was_said(run), what_was_said(enforced))


@test
def rules_count_the_same_in_every_mode():
    # On the system's clock, where the daemon stays to be asked: traffic of one side alone.
    generator = random.Random(3)
    packets = [(microseconds(0), udp_frame(SERVER, generator.randrange(1000, 1050), CLIENT,
                                           generator.choice((53, 69)), bytes(number % 90)))
               for number in range(500)]
    document = policy(DNS, banned=[{"id": "BAN", "service": "tftp", "reason": "no"}])
    counts = []
    for mode in ("inline", "audit", "taps", "mirror"):
        if mode == "taps":
            appliance = observer(document, [packets, []], clock="system",
                                 segment={"inside": "net_pcap0", "outside": "net_pcap1"})
        elif mode == "mirror":
            appliance = observer(document, [packets], clock="system",
                                 segment={"mirror": "net_pcap0", **PREFIXES})
        else:
            appliance = Appliance(document, mode=mode)
            appliance.write_capture(INSIDE, packets)
        with appliance:
            appliance.start()
            port = "mirror" if mode == "mirror" else "inside"
            wait_until(lambda a=appliance, p=port: a.call("status")["segments"][0][p]["rx_packets"]
                       == len(packets), "all frames")
            rules = [{key: rule[key] for key in ("id", "packets", "bytes", "flows", "live")}
                     for rule in appliance.call("show_rules")["rules"]]
            counts.append((rules, appliance.call("show_drops")))
    check(counts[0][0][0]["packets"] > 100 and counts[0][0][1]["packets"] > 100, counts[0][0])
    check_equal(counts[1:], counts[:1] * 3)


# ---- real captures ----

def captures():
    """The captures of the corpus, in lists that are played one behind the other in one run."""
    found = sorted(glob.glob(os.path.join(CORPUS, "*", "*.pcap*")))
    if not found:
        skip("no corpus: PPSFW_CORPUS does not name one")
    return [found[first:first + 8] for first in range(0, len(found), 8)]


def frames_of(path):
    """The frames of a capture that have a whole Ethernet header."""
    return [frame for _, frame in read_pcap(path) if len(frame) >= 14]


def script_of(frames):
    """Frames of captures, each on the side that its conversation has."""
    # Times of captures may be far apart or go back; here each is a millisecond after the other.
    return [(1 + number / 1000, INSIDE if side == sides.INSIDE else OUTSIDE, frame)
            for number, (frame, side) in enumerate(zip(frames, sides.split(frames)))]


def open_policy():
    """Most of what is in the corpus may cross, in one direction."""
    return policy(approve("OUT", "outbound", log="flows"), link=OPEN_LINK)


@test
def a_mixed_capture_tells_an_observer_what_inline_says_of_it_split_by_macs():
    count = 0
    for paths in captures():
        script = with_macs(script_of([frame for path in paths for frame in frames_of(path)]))
        enforced = replay(open_policy(), script, flows=65536)
        observed = observe_mixed(open_policy(), script, MACS, flows=65536)
        check_equal((paths, what_was_said(observed)), (paths, what_was_said(enforced)))
        check_equal(observed.summary()[0], sum(enforced.drops().values()))
        count += len(script)
    check(count > 3000, f"{count} frames")


def addresses_of(frame):
    """(source, destination) by which a side is told, or None: written from the manual page."""
    ethertype, at, vlans = sides.ethertype_of(frame)
    if len(vlans) > 2:
        return None
    if ethertype == 0x800 and len(frame) >= at + 20:
        return (ipaddress.ip_address(frame[at + 12:at + 16]),
                ipaddress.ip_address(frame[at + 16:at + 20]))
    if ethertype == 0x86dd and len(frame) >= at + 40:
        return (ipaddress.ip_address(frame[at + 8:at + 24]),
                ipaddress.ip_address(frame[at + 24:at + 40]))
    if ethertype == 0x806 and frame[at:at + 6] == b"\0\x01\x08\0\x06\x04" and len(frame) >= at + 28:
        return (ipaddress.ip_address(frame[at + 14:at + 18]),
                ipaddress.ip_address(frame[at + 24:at + 28]))
    return None


def told(frame, prefixes):
    """The side of a frame by prefixes, None for unknown: a second opinion."""
    pair = addresses_of(frame)
    if pair is None:
        return None
    source, destination = pair
    is_arp = sides.ethertype_of(frame)[0] == 0x806

    def inside(address):
        return any(address in ipaddress.ip_network(prefix) for prefix in prefixes)

    nobody = destination.is_unspecified or destination.is_link_local or destination.is_multicast
    if destination.version == 4 and destination.packed[0] >= 224:
        nobody = True
    if not inside(source) and (source.is_unspecified or source.is_link_local):
        return None
    if (nobody and not inside(destination)) or (is_arp and source == destination):
        return INSIDE if inside(source) else OUTSIDE
    if inside(source) == inside(destination):
        return None
    return INSIDE if inside(source) else OUTSIDE


def prefix_of(address):
    """An address as a prefix."""
    return f"{address}/{address.max_prefixlen}"


def busiest_prefix(path):
    """That of the host which sent most of a capture, or None."""
    sources = [pair[0] for pair in map(addresses_of, frames_of(path))
               if pair and not pair[0].is_unspecified]
    if not sources:
        return None
    return prefix_of(max(sorted(set(sources), key=str), key=sources.count))


def without_the_end(said):
    """What was said, but for when the run ended, which an unjudged frame may put off."""
    flows, denies = said
    late = ("time", "duration_ms")
    return [{key: value for key, value in flow.items()
             if flow.get("end") != "stopped" or key not in late} for flow in flows], denies


@test
def a_mixed_capture_tells_an_observer_what_inline_says_of_it_split_by_prefixes():
    used = unknown = 0
    for paths in captures():
        frames = [frame for path in paths for frame in frames_of(path)]
        prefixes = sorted({prefix for prefix in map(busiest_prefix, paths) if prefix})
        script = [(1 + number / 1000, told(frame, prefixes), frame)
                  for number, frame in enumerate(frames)]
        known = [step for step in script if step[1]]
        enforced = replay(open_policy(), known, flows=65536)
        observed = observe_mixed(open_policy(), script, {"inside_prefixes": prefixes}, flows=65536)
        flows, denies = without_the_end(what_was_said(observed))
        denies = {event: n for event, n in denies.items() if "side_unknown" not in event}
        check_equal((paths, (flows, denies)), (paths, without_the_end(what_was_said(enforced))))
        check_equal((paths, observed.drops().get("side_unknown", 0)),
                    (paths, len(script) - len(known)))
        used, unknown = used + len(known), unknown + len(script) - len(known)
    check(used > 2000 and unknown > 100, (used, unknown))


# ---- audit ----

@test
def audit_mode_forwards_everything_and_reports_what_enforcing_would_drop():
    script, document = mixed_traffic(), policy(WEB, DNS)
    enforced = replay(document, script)
    audited = replay(document, script, mode="audit")
    check_equal(audited.outside, of_side(script, INSIDE))
    check_equal(audited.inside, of_side(script, OUTSIDE))
    check(len(enforced.drops()) > 10, enforced.drops())
    check_equal(audited.drops(), enforced.drops())
    check_equal({event.get("audit", False) for event in audited.of("deny")}, {True})
    check_equal({event.get("audit", False) for event in enforced.of("deny")}, {False})
    check_in("AUDIT mode: NOTHING IS BLOCKED", audited.errors)


@test
def audit_mode_forwards_everything_under_the_empty_policy_and_of_blocked_sources():
    script = mixed_traffic()
    for document in ({"policy": "empty", "revision": 1},
                     policy(WEB, DNS, sources={"block": [CLIENT, SERVER]})):
        audited = replay(document, script, mode="audit")
        check_equal((audited.outside, audited.inside), (of_side(script, INSIDE),
                                                        of_side(script, OUTSIDE)))
        check_equal(audited.drops(), replay(document, script).drops())


@test
def a_flow_that_audit_does_not_permit_is_reported_as_enforcing_would():
    script = handshake(40000, dport=22)
    audited = replay(policy(WEB), script, mode="audit")
    check_equal((audited.inside, audited.outside), (of_side(script, OUTSIDE),
                                                    of_side(script, INSIDE)))
    check_equal(audited.drops(), {"not_approved": 1, "tcp_not_syn": 2})


# ---- what an observer counts ----

def count(script, document=None, inside=None):
    """(packets, bytes, conversations, answered) of a mixed capture."""
    return observe_mixed(document or policy(WEB, DNS), script, inside or PREFIXES).summary()


def size(script):
    """Bytes of a script."""
    return sum(len(frame) for _, _, frame in script)


@test
def a_denied_connection_that_was_answered_is_counted_once():
    script = handshake(40000, dport=22) + [data(40000, 1, OUTSIDE, b"login", dport=22),
                                           data(40000, 2, INSIDE, b"welcome", dport=22)]
    run = observe_mixed(policy(WEB), script, PREFIXES)
    check_equal(run.summary(), (5, size(script), 1, 1))
    denies = run.of("deny")
    check_equal({event["observer"] for event in denies}, {True})
    check_equal([(event["reason"], event["source"], event["count"]) for event in denies
                 if event.get("answers")], [("tcp_not_syn", SERVER, 1)])
    check_in("OBSERVER mode: NOTHING IS BLOCKED and nothing is sent", run.errors)


@test
def a_denied_connection_without_an_answer_is_not_answered():
    syn = tcp_frame(CLIENT, 40000, SERVER, 22, "S")
    script = [(number, OUTSIDE, syn) for number in range(3)]
    check_equal(count(script), (3, size(script), 1, 0))


@test
def a_refusal_is_an_answer():
    script = [(1, OUTSIDE, tcp_frame(CLIENT, 40000, SERVER, 22, "S")),
              (1.1, INSIDE, tcp_frame(SERVER, 22, CLIENT, 40000, "RA", ack=1001))]
    check_equal(count(script), (2, size(script), 1, 1))


@test
def an_icmp_error_is_no_answer():
    ask = ipv4(CLIENT, SERVER, udp(5353, 69))
    error = ethernet(ipv4(SERVER, CLIENT, icmp(3, 3, bytes(4), ask[1][:28])))
    script = [(1, OUTSIDE, ethernet(ask)), (1.1, INSIDE, error)]
    check_equal(count(script), (2, size(script), 1, 0))


@test
def an_answer_that_is_approved_as_a_flow_of_its_own_is_an_answer():
    # From outside it is denied; the answer is approved, for who asks from port 53 is not asked.
    ask = (1, OUTSIDE, udp_frame(CLIENT, 53, SERVER, 53))
    answer = (1.1, INSIDE, udp_frame(SERVER, 53, CLIENT, 53))
    check_equal(count([ask, answer]), (1, size([ask]), 1, 1))
    check_equal(count([answer, (1.2, *ask[1:])]), (0, 0, 0, 0))


@test
def a_denied_ping_is_answered_by_its_reply():
    script = [(1, OUTSIDE, ethernet(ipv4(CLIENT, SERVER, icmp(8)))),
              (1.1, INSIDE, ethernet(ipv4(SERVER, CLIENT, icmp(0))))]
    check_equal(count(script), (2, size(script), 1, 1))


@test
def what_is_permitted_is_not_counted():
    script = handshake(40000) + [data(40000, 1, INSIDE, b"x")]
    check_equal(count(script), (0, 0, 0, 0))
    # Nor is a packet that does not belong into a live flow a conversation of its own.
    wrong = [(2, OUTSIDE, tcp_frame(CLIENT, 40000, SERVER, 443, "S", seq=7))]
    check_equal(count(script + wrong)[2:], (0, 0))


@test
def every_tuple_is_a_conversation_of_its_own():
    # Some of so many fall on the places of others, and none is forgotten for that.
    script = [(1 + number / 1000, OUTSIDE, tcp_frame(CLIENT, 40000 + number % 500, SERVER,
                                                     22 + number % 2, "S"))
              for number in range(2000)]
    check_equal(count(script)[2:], (500, 0))
    script = [(1, OUTSIDE, tcp_frame(CLIENT6, 9, SERVER6, 22, "S")),
              (2, INSIDE, tcp_frame(SERVER6, 22, CLIENT6, 9, "SA", ack=1001)),
              (3, OUTSIDE, tcp_frame(CLIENT6, 9, SERVER6, 23, "S"))]
    check_equal(count(script)[2:], (2, 1))


@test
def a_conversation_is_forgotten_a_minute_after_its_last_packet():
    syn = tcp_frame(CLIENT, 40000, SERVER, 22, "S")
    answer = tcp_frame(SERVER, 22, CLIENT, 40000, "SA", ack=1001)
    for times, conversations in (((0, 59), 1), ((0, 59, 118), 1), ((0, 60), 2)):
        script = [(1 + time, OUTSIDE, syn) for time in times]
        check_equal((times, count(script)[2]), (times, conversations))
    check_equal(count([(1, OUTSIDE, syn), (60.9, INSIDE, answer)])[2:], (1, 1))
    check_equal(count([(1, OUTSIDE, syn), (61, INSIDE, answer)])[2:], (2, 0))


@test
def what_comes_from_a_blocked_source_is_a_conversation_too():
    script = [(1, OUTSIDE, tcp_frame(CLIENT, 40000, SERVER, 443, "S")),
              (1.1, INSIDE, tcp_frame(SERVER, 443, CLIENT, 40000, "SA", ack=1001))]
    document = policy(WEB, sources={"block": [CLIENT]})
    check_equal(count(script, document)[2:], (1, 1))


@test
def malformed_packets_are_counted_but_are_no_conversation():
    script = [(1, OUTSIDE, tcp_frame(CLIENT, 40000, SERVER, 22, "SF")),
              (2, OUTSIDE, ethernet(arp(CLIENT, SERVER)))]
    check_equal(count(script), (2, size(script), 0, 0))


# ---- frames whose side nobody can tell ----

@test
def a_frame_of_unknown_side_is_not_judged_but_counted():
    script = [(1, INSIDE, tcp_frame(SERVER, 1, "198.51.100.11", 22, "S")),
              (2, OUTSIDE, udp_frame(CLIENT, 1, "203.0.113.10", 53)),
              (3, OUTSIDE, ethernet((0x88cc, bytes(60)))),
              (4, OUTSIDE, b"\xff")]
    run = observe_mixed(policy(approve("ALL", log="flows"), link=OPEN_LINK), script, PREFIXES)
    check_equal(run.drops(), {"side_unknown": 4})
    check_equal((run.summary(), run.of("flow_start")), ((0, 0, 0, 0), []))
    check_equal([event.get("direction") for event in run.of("deny")], [None] * 4)
    check_equal([event.get("source") for event in run.of("deny")], [SERVER, CLIENT, None, None])


@test
def both_sides_of_one_flow_keep_their_order_in_a_burst():
    # On the system's clock up to 64 frames come at once, with every answer behind its question.
    packets = []
    for number in range(300):
        packets.append(udp_frame(SERVER, 1000 + number, CLIENT, 53))
        packets += [udp_frame(CLIENT, 53, SERVER, 1000 + number)] * (number % 3)
        if number % 7 == 0:
            packets.append(udp_frame("198.51.100.1", 1, SERVER, 2))
    with observer(policy(DNS), [[(microseconds(0), frame) for frame in packets]], clock="system",
                  segment={"mirror": "net_pcap0", **PREFIXES}) as appliance:
        appliance.start()
        wait_until(lambda: appliance.call("status")["segments"][0]["mirror"]["rx_packets"] ==
                   len(packets), "all frames")
        drops = {drop["reason"]: drop["count"] for drop in appliance.call("show_drops")["drops"]}
        check_equal(drops, {"side_unknown": 43})
        check_equal(appliance.call("status")["flows"]["live"], 300)


# ---- nothing is sent ----

@test
def an_observer_writes_no_frame_even_where_it_could():
    script = handshake(40000)
    with Appliance(policy(WEB), mode="observer", clock="capture") as appliance:
        for side in (INSIDE, OUTSIDE):
            appliance.write_capture(side, packets_of(script, side))
        check_equal(appliance.run(), OK)
        for side in (INSIDE, OUTSIDE):
            path = appliance.path(f"dmz-{side}-out.pcap")
            check(not os.path.exists(path) or read_pcap(path) == [], path)
        check_equal(sum(event["count"] for event in appliance.events("deny")), 0)


def received(lab, place):
    """How many frames a host got so far."""
    done = lab.run(place, "ip", "-s", "-j", "link", "show", "dev", "eth0")
    return json.loads(done.stdout)[0]["stats64"]["rx"]["packets"]


def send_from_inside(lab, count_of_frames):
    """UDP to a host outside whose MAC address needs not be asked for."""
    lab.run(INSIDE, "ip", "neigh", "replace", CLIENT, "lladdr", "02:00:00:00:00:99", "dev", "eth0")
    with lab.at(INSIDE):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for _ in range(count_of_frames):
                sender.sendto(b"hello", (CLIENT, 53))


def frames_across(lab, **config):
    """(frames the box saw, frames that the hosts got) of 200 that one host sends."""
    with lab.appliance(policy(approve("ALL"), link=OPEN_LINK), **config) as box:
        box.start()
        before = received(lab, INSIDE), received(lab, OUTSIDE)
        send_from_inside(lab, 200)

        def passed():
            return box.call("status")["packets"]["passed"]
        wait_until(lambda: passed() >= 200, "the frames")
        status = box.call("status")
        check_equal(box.stop(), OK)
        sent = sum(status["segments"][0][side]["tx_packets"] for side in (INSIDE, OUTSIDE))
        after = received(lab, INSIDE), received(lab, OUTSIDE)
        return sent, after[0] - before[0], after[1] - before[1]


@test
def an_observer_between_two_hosts_sends_not_one_frame():
    need_root()
    with Lab() as lab:
        check_equal(frames_across(lab, mode="observer"), (0, 0, 0))
        # The same wire in audit mode carries them all: what was counted could have come.
        sent, _, arrived = frames_across(lab, mode="audit")
        check(sent >= 200 and arrived >= 200, (sent, arrived))


# ---- what an operator sees ----

@test
def an_operator_sees_the_mirror_port_and_what_had_passed():
    script = handshake(40000, dport=22)
    with observer(policy(WEB), [packets_of(script)], clock="system",
                  segment={"mirror": "net_pcap0", **PREFIXES}) as appliance:
        appliance.start()
        wait_until(lambda: appliance.call("status")["observed"]["packets"] == 3, "the frames")
        status = appliance.call("status")
        check_equal((status["mode"], status["observed"]),
                    ("observer", {"packets": 3, "bytes": size(script), "conversations": 1,
                                  "answered": 1}))
        port = status["segments"][0]["mirror"]
        check_equal((port["name"], port["rx_packets"], port["tx_packets"]), ("net_pcap0", 3, 0))
        text = appliance.cli().out
        check_in("OBSERVER: NOTHING IS BEING BLOCKED", text)
        check_in("1 conversation would have been denied; all were already on the wire; 1 answered",
                 text)
        words = ("explain", "inbound", "tcp", f"{CLIENT}:1", f"{SERVER}:22")
        check_equal(appliance.ask(*words)["mode"], "observer")
        check_in("WOULD BE DROPPED not_approved", appliance.cli(*words).out)
        check_equal(appliance.call("explain", {
            "direction": "inbound", "protocol": "tcp", "source": CLIENT, "destination": SERVER,
            "destination_port": 22})["verdict"], "drop")


@test
def only_an_observer_says_what_it_observed():
    for mode in ("inline", "audit"):
        run = replay(policy(WEB), handshake(40000, dport=22), mode=mode)
        check_equal((mode, "observed" in run.of("daemon_stop")[0]), (mode, False))
        check_equal([event for event in run.of("deny") if "observer" in event], [])
        check_not_in("OBSERVER", run.errors)


@test
def a_mirror_port_in_another_mode_is_refused_before_any_port_is_touched():
    with observer(policy(WEB), [[]], {"mirror": "net_pcap0", **PREFIXES}) as appliance:
        appliance.config["mode"] = "inline"
        check_equal(appliance.run(), FAILED)
        check_in('segments[0].mirror: "net_pcap0": a mirror port is for mode "observer" alone',
                 appliance.errors())
        appliance.config["mode"] = "observer"
        appliance.config["segments"][0]["mirror"] = "net_pcap7"
        check_equal(appliance.run(), FAILED)
        check_in('segments[0].mirror: "net_pcap7" is not a port EAL brought up',
                 appliance.errors())


@test
def an_observer_repeats_itself_to_the_last_event():
    script = ordered(with_macs(mixed_traffic()))
    first, second = (observe_mixed(policy(WEB, DNS), script, MACS) for _ in range(2))
    check_equal(what_was_said(second), what_was_said(first))
    check_equal(second.summary(), first.summary())


main()
