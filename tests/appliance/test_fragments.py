#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""ppsfwd and fragments: in captured time, over captures of attacks, and between real hosts.

    PPSFW_CORPUS=FOLDER test_fragments.py PPSFWD PPSFW SOURCE_ROOT
"""

import json
import os
import random
import socket

import sides
from frames import ethernet, ip, udp
from harness import (INSIDE, OK, OPEN_LINK, OUTSIDE, WORKERS, Appliance, Replay, approve,
                     microseconds, policy, replay)
from lab import BOX, CLIENT, CLIENT6, SERVER, SERVER6, Lab, need_root
from pcap import read_pcap
from reassembly import Oracle, cut, payload, piece
from tap import check, check_equal, main, skip, test, wait_until

CORPUS = os.environ.get("PPSFW_CORPUS") or os.environ.get("PPSFW_CORPUS_DEFAULT", "")

OPEN = policy(approve("DNS", "inbound", protocol="udp", ports=53),
              approve("PING", "both", protocol="icmp", icmp={"type": 8}),
              approve("PING6", "both", protocol="icmpv6", icmp={"type": 128}),
              link=OPEN_LINK)

FAMILIES = ((CLIENT, SERVER), (CLIENT6, SERVER6))


def question(addresses, size, sport=4000, dport=53):
    """A datagram of so many bytes behind the IP header."""
    return ip(*addresses, udp(sport, dport, random.Random(size).randbytes(size - 8)))


def frames_of(packet, size=1480, ident=7, vlans=()):
    """The frames of its fragments."""
    return [ethernet(part, vlans) for part in cut(packet, size, ident)]


def at(start, side, parts, step=0.001):
    """Puts frames on a script, one every 'step'."""
    return [(start + step * number, side, part) for number, part in enumerate(parts)]


# ---- order and bytes ----

@test
def fragments_in_order_cross_unchanged():
    for addresses in FAMILIES:
        parts = frames_of(question(addresses, 9000))
        run = replay(OPEN, at(1, OUTSIDE, parts))
        check_equal((run.drops(), run.inside), ({}, parts))


@test
def early_fragments_leave_right_behind_their_first():
    for addresses in FAMILIES:
        first, *rest = frames_of(question(addresses, 9000))
        other = ethernet(question(addresses, 100, sport=9))
        script = at(1, OUTSIDE, rest[::-1] + [other, first, other])
        run = replay(OPEN, script)
        check_equal(run.drops(), {})
        check_equal(run.inside, [other, first] + rest[::-1] + [other])


def by_hosts(frames):
    """The frames of each pair of hosts, in their order: what workers keep, however many there are."""
    pairs = {}
    for frame in frames:
        source, destination, *_ = sides.packet_of(frame)
        pairs.setdefault(frozenset((source, destination)), []).append(frame)
    return pairs


@test
def the_order_is_the_same_when_many_come_in_one_burst():
    # The system's clock: up to 64 frames of a file are judged and sent at once.
    generator = random.Random(5)
    stream = []
    for group in range(12):
        some = [ethernet(question(FAMILIES[0], 60, sport=100 + group)) for _ in range(3)]
        for number in range(4):
            some += frames_of(question(FAMILIES[number % 2], generator.randrange(400, 2000),
                                       dport=54 if number == 3 else 53),
                              size=200, ident=group * 4 + number)
        generator.shuffle(some)
        stream += some
    oracle = Oracle(lambda fragment: None if fragment.data[2:4] == b"\0\x35" else "not_approved")
    for frame in stream:
        if sides.packet_of(frame)[4] is None:
            oracle.sent.setdefault(OUTSIDE, []).append(frame)
        else:
            oracle.send(0, OUTSIDE, frame)
    with Appliance(OPEN) as appliance:
        appliance.write_capture(OUTSIDE, [(microseconds(0), frame) for frame in stream])
        appliance.start()
        wait_until(lambda: appliance.call("status")["segments"][0]["outside"]["rx_packets"] ==
                   len(stream), "all frames")
        appliance.stop()
        sent, wanted = appliance.sent(INSIDE), oracle.sent[OUTSIDE]
        check(by_hosts(sent) == by_hosts(wanted), "other frames, or another order")
        check(WORKERS > 1 or sent == wanted, "pairs of hosts in another order")


@test
def fragments_with_vlan_tags_keep_them():
    for vlans in ((5,), (5, 9)):
        first, *rest = frames_of(question(FAMILIES[0], 5000), vlans=vlans)
        run = replay(OPEN, at(1, OUTSIDE, rest + [first]))
        check_equal((run.drops(), run.inside), ({}, [first] + rest))


@test
def datagrams_of_both_directions_do_not_mix():
    for addresses in FAMILIES:
        answer = ip(*addresses[::-1], udp(53, 4000, bytes(3000)))
        there, back = frames_of(question(addresses, 3008)), frames_of(answer)
        run = replay(OPEN, at(1, OUTSIDE, there) + at(2, INSIDE, back[1:] + back[:1]))
        check_equal(run.drops(), {})
        check_equal((run.inside, run.outside), (there, back[:1] + back[1:]))


@test
def a_jumbo_fragment_in_several_buffers_waits_whole():
    parts = frames_of(question(FAMILIES[0], 20000), size=8800)
    run = replay(OPEN, at(1, OUTSIDE, parts[1:] + parts[:1]))
    check_equal((run.drops(), run.inside), ({}, parts[:1] + parts[1:]))


@test
def a_flow_counts_all_of_its_fragments():
    parts = frames_of(question(FAMILIES[0], 9000))
    document = policy(approve("DNS", "inbound", protocol="udp", ports=53, log="flows"))
    run = replay(document, at(1, OUTSIDE, parts[1:3] + parts[:1] + parts[3:]))
    end, = run.of("flow_end")
    check_equal(end["packets"], {"initiator": len(parts), "responder": 0})
    check_equal(end["bytes"], {"initiator": sum(map(len, parts)), "responder": 0})


# ---- what does not cross ----

@test
def a_denied_first_takes_the_rest_with_it():
    for addresses in FAMILIES:
        first, *rest = frames_of(question(addresses, 6000, dport=54))
        run = replay(OPEN, at(1, OUTSIDE, rest[:2] + [first] + rest[2:]))
        check_equal((run.inside, run.outside), ([], []))
        check_equal(run.drops(), {"not_approved": 1, "fragment_denied": len(rest)})


@test
def without_a_first_they_are_dropped_in_time_and_at_the_end():
    a, b = (frames_of(question(FAMILIES[0], 4000), ident=ident)[1:] for ident in (1, 2))
    whole = ethernet(question(FAMILIES[0], 100, sport=9))
    run = replay(OPEN, at(1, OUTSIDE, a) + at(7, OUTSIDE, [whole] + b))
    check_equal((run.inside, run.drops()), ([whole], {"fragment_no_first": len(a) + len(b)}))


@test
def the_policy_sets_the_time():
    first, *rest = frames_of(question(FAMILIES[0], 4000))
    late = at(1, OUTSIDE, rest) + [(3.5, OUTSIDE, first)]
    check_equal(replay(OPEN, late).inside, [first] + rest)
    run = replay(dict(OPEN, timeouts={"fragment": 2}), late)
    check_equal((run.inside, run.drops()), ([first], {"fragment_no_first": len(rest)}))


@test
def no_fragment_outlives_the_exception_that_covers_it():
    document = {"policy": "p", "revision": 1, "exceptions": [
        {"id": "EXC", "direction": "inbound", "protocol": "udp", "ports": 53, "source": "any",
         "destination": "any", "expires": "2026-01-01T00:00:10Z", "approved_by": "x",
         "reason": "y"}]}
    parts = frames_of(question(FAMILIES[0], 5000))
    run = replay(document, at(9, OUTSIDE, parts[:2]) + at(10, OUTSIDE, parts[2:]))
    check_equal(run.inside, parts[:2])
    check_equal(sum(run.drops().values()), len(parts) - 2)


@test
def audit_mode_forwards_fragments_at_once_and_counts_the_same():
    good, bad = question(FAMILIES[0], 6000), question(FAMILIES[1], 6000, dport=54)
    lone = frames_of(question(FAMILIES[0], 4000), ident=99)[1:]
    script = sorted(at(1, OUTSIDE, frames_of(good)[::-1]) +
                    at(1.0005, OUTSIDE, frames_of(bad)[::-1]) + at(2, OUTSIDE, lone) +
                    at(9, OUTSIDE, frames_of(good, ident=3)))
    enforced, audited = replay(OPEN, script), replay(OPEN, script, mode="audit")
    check_equal(audited.inside, [frame for _, _, frame in script])
    check_equal(audited.drops(), enforced.drops())
    check_equal({event.get("audit", False) for event in audited.of("deny")}, {True})
    check(len(enforced.inside) < len(script), "something was dropped")


# ---- a second opinion ----

def random_script(generator, count):
    """Datagrams cut, shuffled, repeated, and some of them spoiled, many at a time."""
    script, time = [], 1.0
    for ident in range(count):
        addresses = FAMILIES[generator.randrange(2)]
        size = generator.choice((16, 64, 400, 1480))
        packet = question(addresses, generator.randrange(size + 8, size * 12),
                          sport=generator.randrange(1024, 1064),
                          dport=generator.choice((53, 53, 53, 54)))
        parts = cut(packet, size, ident % 500)
        if generator.randrange(3) == 0:
            parts += [generator.choice(parts) for _ in range(generator.randrange(1, 3))]
        if generator.randrange(5) == 0:
            parts.append(spoiled(generator, packet, ident % 500))
        if generator.randrange(2):
            generator.shuffle(parts)
        if generator.randrange(8) == 0:
            del parts[generator.randrange(len(parts))]
        script += [(round(time + generator.randrange(400) / 1000, 3), OUTSIDE, ethernet(part))
                   for part in parts]
        time += generator.randrange(60) / 1000
    return sorted(script, key=lambda step: step[0])


def spoiled(generator, packet, ident):
    """A fragment that does not go with those of its datagram, or not often."""
    start = 8 * generator.randrange(0, 200)
    data = payload(packet)[:8 * generator.randrange(1, 6)]
    more = generator.randrange(3) > 0
    kind = generator.randrange(6)
    if kind == 0:
        return piece(packet, start, data[:-3], True, ident)
    if kind == 1:
        return piece(packet, 65528, data + bytes(8), False, ident)
    if kind == 2:
        return piece(packet, start or 8, b"", more, ident)
    return piece(packet, start, data, start == 0 or more, ident)


@test
def random_fragments_are_judged_as_a_second_implementation_says():
    generator = random.Random(20261121)
    script = random_script(generator, 1500)

    def judge(fragment):
        if fragment.data[0:2] == b"\0\0" or fragment.data[2:4] == b"\0\0":
            return "port_zero"
        return None if fragment.data[2:4] == b"\0\x35" else "not_approved"

    oracle = Oracle(judge)
    for time, side, frame in script:
        oracle.send(time, side, frame)
    oracle.finish()
    run = replay(OPEN, script, flows=65536)
    check_equal(run.drops(), oracle.counts)
    check(run.inside == oracle.sent[OUTSIDE], "other frames, or in another order")
    for reason in ("no_first", "denied", "duplicate", "overlap", "end", "poisoned", "length",
                   "too_long", "empty"):
        check(oracle.counts["fragment_" + reason] > 0, f"{reason} happens")
    check(len(run.inside) > len(script) / 3, "most of it passes")


# ---- captures ----

# What each capture with fragments loses under a policy that approves everything, and why.
CAPTURES = {
    # One answer of DNS in twelve fragments; one in three, and the end of another.
    "apps/snort3-demo-dns-udp": {},
    "apps/zeek-ipv6-fragmented-dns": {"fragment_no_first": 1},
    # A fragment header behind a chain of others, and the receiver's complaint about it.
    "hostile/suricata-verify-frag-11": {"ipv6_ext_count": 1, "icmp_error_quote": 1},
    "hostile/suricata-verify-frag-12": {"ipv6_ext_count": 1, "icmp_error_quote": 1},
    # 65,543 bytes: the last fragment is the one too many. Complaints quote later fragments.
    "hostile/suricata-verify-frag-15": {"fragment_too_long": 1, "icmp_error_quote": 1},
    "hostile/suricata-verify-frag-31": {"fragment_too_long": 1, "icmp_error_quote": 1},
    # 174 bytes and more to come; then one that would end behind 65,535.
    "hostile/suricata-verify-frag-33": {"fragment_length": 1, "fragment_too_long": 1,
                                        "icmp_error_quote": 2},
    # The second fragment twice.
    "hostile/suricata-verify-frag-2": {"fragment_duplicate": 1},
    # A last fragment of one byte inside the first.
    "hostile/suricata-verify-frag-29": {"fragment_end": 1},
    "hostile/suricata-verify-security-8550-input": {"tunnel": 1, "fragment_denied": 1},
    # Overlapping fragments of a TCP packet whose flags are none.
    "hostile/zeek-fragmented-4": {"martian_destination": 1, "tcp_flags": 2,
                                  "fragment_denied": 3},
    # Cut by the snapshot length of who took them: longer than their frames.
    # Bits of it were turned over: 16 segments acknowledge what nobody sent, and where that was a
    # SYN+ACK (frame 16) or a third step, the connection behind it was never opened (tcp_state).
    "hostile/nDPI-fuzz-2006-09-29-28586": {
        "ethertype_denied": 6, "tcp_not_syn": 38, "tcp_state": 8, "tcp_ack": 16, "ip_checksum": 41,
        "tcp_offset": 1, "ip_length": 2, "ip_version": 2},
    "hostile/tcpdump-babel_update_oobr": {"ip_length": 103, "ethertype_denied": 4},
    "hostile/tcpdump-dhcp6_reconf_asan": {"ip_length": 1},
    "hostile/tcpdump-esp_truncated": {"ip_length": 1},
    "hostile/tcpdump-hncp_dhcpv4data-oobr": {"ip_length": 1},
    "hostile/tcpdump-isakmpv1-attr-oobr": {"ip_length": 1},
    "hostile/tcpdump-olsr-oobr-1": {"ip_length": 4},
    "hostile/tcpdump-vqp-oobr": {"ip_length": 1},
}


def is_subsequence(some, frames):
    """Whether 'some' are frames of 'frames', in their order."""
    rest = iter(frames)
    return all(frame in rest for frame in some)


@test
def captures_of_fragments_lose_what_the_law_says():
    if not os.path.isdir(CORPUS):
        skip("no corpus: PPSFW_CORPUS does not name one")
    for name, wanted in CAPTURES.items():
        packets = read_pcap(os.path.join(CORPUS, name + ".pcap"))
        split = sides.split([frame for _, frame in packets])
        with Appliance(policy(approve("ALL"), link=OPEN_LINK), clock="capture") as appliance:
            entered = {}
            for side, where in ((INSIDE, sides.INSIDE), (OUTSIDE, sides.OUTSIDE)):
                entered[side] = [packet for packet, at_side in zip(packets, split)
                                 if at_side == where]
                appliance.write_capture(side, entered[side])
            check_equal(appliance.run(), OK)
            run = Replay(appliance, OK)
        check_equal((name, run.drops()), (name, wanted))
        check_equal(len(run.inside) + len(run.outside), len(packets) - sum(wanted.values()))
        check(is_subsequence(run.outside, [frame for _, frame in entered[INSIDE]]), name)
        check(is_subsequence(run.inside, [frame for _, frame in entered[OUTSIDE]]), name)


# ---- between real hosts ----

LIVE = policy(approve("PING", "both", protocol="icmp", icmp={"type": 8}),
              approve("PING6", "both", protocol="icmpv6", icmp={"type": 128}),
              approve("UDP", "both", protocol="udp", ports="5000-5010"),
              approve("TCP", "both", protocol="tcp", ports="5000-5010"),
              name="live", link=OPEN_LINK)


class Wire:
    """A lab and a box that sees frames as they are.

    Not by net_af_packet: that asks the kernel to put IPv4 fragments together before it gets them.
    """

    def __init__(self):
        self.lab = self.box = None

    def __enter__(self):
        need_root()
        self.lab = Lab().__enter__()
        self.box = Appliance(LIVE, vdevs=[f"net_pcap{number},rx_iface_in={port},tx_iface={port}"
                                          for number, port in enumerate(("in0", "out0"))],
                             prefix=self.lab.enter(BOX))
        return self

    def __exit__(self, *_):
        self.box.__exit__()
        self.lab.__exit__()

    def start(self):
        """Forwards from here on; the hosts know each other."""
        self.box.start()
        self.ping(OUTSIDE, SERVER)
        self.ping(OUTSIDE, SERVER6)

    def drops(self):
        """Drops by the fragments step, by reason."""
        return {drop["reason"]: drop["count"] for drop in self.box.ask("show", "drops")["drops"]
                if drop["step"] == "fragments"}

    def ping(self, side, address, size="56"):
        """Pings; fails unless every answer came."""
        done = self.lab.run(side, "ping", "-q", "-c", "3", "-i", "0.2", "-W", "5", "-s", size,
                            address, check=False)
        text = done.stdout.decode()
        check(" 3 received" in text, text)

    def ping_around(self):
        """Large pings in every direction and family."""
        for size in ("9000", "60000"):
            for side, address in ((OUTSIDE, SERVER), (OUTSIDE, SERVER6), (INSIDE, CLIENT),
                                  (INSIDE, CLIENT6)):
                self.ping(side, address, size)

    def mac(self, side):
        """The address of a host's port."""
        link, = json.loads(self.lab.run(side, "ip", "-j", "link", "show", "eth0").stdout)
        return bytes.fromhex(link["address"].replace(":", ""))


@test
def large_pings_cross_in_both_directions_and_families():
    with Wire() as wire:
        wire.start()
        wire.ping_around()
        check_equal(wire.drops(), {})


def packet_socket(lab, side):
    """A socket that sends whole frames from a host."""
    with lab.at(side):
        sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    sender.bind(("eth0", 0))
    return sender


def check_shuffled(wire, side, source, destination, generator):
    """Sends datagrams whose fragments come in no order; all of them must arrive whole."""
    other = INSIDE if side == OUTSIDE else OUTSIDE
    sent = [generator.randbytes(generator.randrange(1500, 20000)) for _ in range(40)]
    with wire.lab.at(other):
        receiver = socket.socket(socket.AF_INET6 if ":" in source else socket.AF_INET,
                                 socket.SOCK_DGRAM)
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        receiver.bind((destination, 5000))
        receiver.settimeout(10)
    sender = packet_socket(wire.lab, side)
    macs = {"source": wire.mac(side), "destination": wire.mac(other)}
    received = set()
    for first in range(0, len(sent), 2):
        # Two at a time: what one source may have waiting is bounded.
        parts = [part for number, data in enumerate(sent[first:first + 2])
                 for part in cut(ip(source, destination, udp(5001, 5000, data)), 1400,
                                 1000 + first + number)]
        generator.shuffle(parts)
        for part in parts:
            sender.send(ethernet(part, **macs))
        received.update(receiver.recv(65536) for _ in sent[first:first + 2])
    check(received == set(sent), f"{len(received)} of {len(sent)} arrived whole")
    receiver.close()
    sender.close()


@test
def datagrams_whose_fragments_come_in_no_order_arrive_whole():
    generator = random.Random(9)
    with Wire() as wire:
        wire.start()
        for client, server in FAMILIES:
            check_shuffled(wire, OUTSIDE, client, server, generator)
            check_shuffled(wire, INSIDE, server, client, generator)
        check_equal(wire.drops(), {})


@test
def repeated_fragments_are_dropped_and_the_datagram_arrives():
    data = random.Random(1).randbytes(8000)
    with Wire() as wire:
        wire.start()
        with wire.lab.at(INSIDE):
            receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            receiver.bind((SERVER, 5000))
            receiver.settimeout(10)
        sender = packet_socket(wire.lab, OUTSIDE)
        parts = cut(ip(CLIENT, SERVER, udp(5001, 5000, data)), 1480, ident=77)
        for part in [part for part in parts[::-1] for _ in range(2)]:
            sender.send(ethernet(part, source=wire.mac(OUTSIDE), destination=wire.mac(INSIDE)))
        check(receiver.recv(65536) == data, "the datagram came whole")
        # The first again begins anew what is complete by then.
        wait_until(lambda: wire.drops() == {"fragment_duplicate": len(parts) - 1},
                   "the repetitions to be dropped")
        receiver.close()
        sender.close()


if __name__ == "__main__":
    main()
