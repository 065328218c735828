#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""ppsfwd over a corpus of captures of real programs and of attacks.

    PPSFW_CORPUS=FOLDER test_corpus.py PPSFWD PPSFW SOURCE_ROOT

What must be dropped is found here by a reader of its own (sides.py and the few lines below), frame
by frame, so that both a frame too many and a frame too few are seen.
"""

import glob
import os

import sides
from harness import (INSIDE, OK, OPEN_LINK, OUTSIDE, Appliance, Replay, approve, policy)
from pcap import read_pcap
from tap import check, check_equal, main, skip, test

CORPUS = os.environ.get("PPSFW_CORPUS") or os.environ.get("PPSFW_CORPUS_DEFAULT", "")

SYN, ACK = 0x02, 0x10
GIANT = 65597  # bytes of the longest frame that is judged


def captures(folder):
    """Paths of the captures in a folder of the corpus."""
    found = sorted(glob.glob(os.path.join(CORPUS, folder, "*.pcap*")))
    if not found:
        skip("no corpus: PPSFW_CORPUS does not name one")
    return found


def judged(packets):
    """Those that are no giants: of giants, which are not judged, no event tells."""
    return [packet for packet in packets if len(packet[1]) <= GIANT]


def run_over(document, inside, outside, **config):
    """Runs the daemon over what the two ports receive."""
    with Appliance(document, clock="capture", flows=65536, **config) as appliance:
        appliance.write_capture(INSIDE, inside)
        appliance.write_capture(OUTSIDE, outside)
        code = appliance.run()
        check_equal((code, appliance.errors().count("\n")), (OK, 2))
        return Replay(appliance, code)


# ---- nothing ----

@test
def the_empty_policy_forwards_not_one_frame_of_the_whole_corpus():
    packets = [packet for folder in ("apps", "hostile") for path in captures(folder)
               for packet in read_pcap(path)]
    check(len(packets) > 7000, f"{len(packets)} frames in the corpus")
    run = run_over({"policy": "empty", "revision": 1}, packets, packets)
    check_equal((run.inside, run.outside), ([], []))
    check_equal(sum(run.drops().values()), 2 * len(judged(packets)))


@test
def the_files_themselves_give_the_same_under_the_empty_policy():
    # As they are, pcapng and other link types among them, each on both ports of a segment.
    paths = captures("hostile") + captures("apps")
    for first in range(0, len(paths), 16):
        some = paths[first:first + 16]
        names = [f"s{number}" for number in range(len(some))]
        with Appliance(segments=names, clock="capture", megabytes=512) as appliance:
            for name, path in zip(names, some):
                for side in (INSIDE, OUTSIDE):
                    os.unlink(appliance.path(f"{name}-{side}.pcap"))
                    os.symlink(path, appliance.path(f"{name}-{side}.pcap"))
            check_equal((some, appliance.run()), (some, OK))
            run = Replay(appliance, OK)
        check_equal([output for output in run.outputs.values() if output], [])
        check_equal({event["segment"] for event in run.of("deny")},
                    {name for name, path in zip(names, some) if judged(read_pcap(path))})


# ---- everything that the law lets through ----

# What each capture of a program must lose, and why. The rest passes whole.
EXPECTED = {
    "nDPI-443-firefox.pcap": {},
    "nDPI-4in4tunnel.pcap": {"tunnel": 5},  # IP in IP
    "nDPI-quic.pcap": {},
    "nDPI-rdp3.pcap": {},
    "nDPI-sip.pcap": {},
    "nDPI-smtp.pcap": {},
    "nDPI-synscan.pcap": {},
    "nDPI-teams.pcap": {"tcp_not_syn": 27},  # five connections were open when it began
    "nDPI-vxlan.pcap": {"tunnel": 127},
    "snort3-demo-dns-udp.pcap": {},  # an answer in twelve fragments
    "tcpdump-dccp_partial_csum_v4_longer.pcap": {},
    "zeek-geneve.pcap": {"tunnel": 6},
    "zeek-gre-sample.pcap": {"tunnel": 40},
    "zeek-ip6_esp.pcap": {"tunnel_opaque": 120},
    "zeek-ipv6-fragmented-dns.pcap": {"fragment_no_first": 1},  # it begins inside a datagram
    "zeek-ping6-in-ipv4.pcap": {"tunnel": 10},  # 6in4
    "zeek-retr.pcap": {},
    "zeek-sctp.pcap": {},
    "zeek-smb2.pcap": {},
    "zeek-wikipedia-filtered-plus-udp.pcap": {"tcp_not_syn": 1},  # the last of a connection
}

READABLE, OPAQUE = {4, 41, 47}, {50}
TUNNEL_PORTS = {4789, 6081}


class Expectation:
    """Says of each frame, in order, why it must be dropped, or None."""

    def __init__(self):
        self.begun = set()  # TCP conversations whose SYN was seen
        self.firsts = {}  # name of a datagram -> the reason for its first fragment

    def _reason_of_tcp(self, packet):
        ends = frozenset(((packet[0], packet[3][0:2]), (packet[1], packet[3][2:4])))
        if packet[3][13] & (SYN | ACK) == SYN:
            self.begun.add(ends)
        return None if ends in self.begun else "tcp_not_syn"

    def reason(self, frame):
        """The reason for the next frame."""
        packet = sides.packet_of(frame)
        if packet is None:
            return None
        if sides.is_later(packet):
            return self.firsts.get(packet[4][:2], "fragment_no_first")
        reason = self._reason_of_whole(packet)
        if packet[4] is not None:
            self.firsts[packet[4][:2]] = reason and "fragment_denied"
        return reason

    def _reason_of_whole(self, packet):
        _, _, protocol, rest, _ = packet
        if protocol in READABLE:
            return "tunnel"
        if protocol in OPAQUE:
            return "tunnel_opaque"
        if protocol == 17 and int.from_bytes(rest[2:4], "big") in TUNNEL_PORTS:
            return "tunnel"
        return self._reason_of_tcp(packet) if protocol == 6 else None


def open_policy(frames):
    """Approves every protocol outbound, tunnels in both directions (each direction of a tunnel
    starts for itself), and the link protocols that occur."""
    known = {0x800, 0x86dd, 0x806}
    ethertypes = {sides.ethertype_of(frame)[0] for frame in frames} - known
    link = dict(OPEN_LINK, ethertypes=[
        {"ethertype": hex(ethertype) if ethertype else "802.3", "direction": "both"}
        for ethertype in sorted(ethertypes)])
    return policy(approve("OUT", "outbound", log="flows"),
                  approve("GRE", "inbound", protocol="gre"),
                  approve("6IN4", "inbound", protocol=41), link=link)


@test
def the_table_of_this_test_names_every_capture():
    check_equal(sorted(map(os.path.basename, captures("apps"))), sorted(EXPECTED))


def check_capture(path, wanted):
    """Splits a capture, runs it, and compares frame for frame."""
    packets = read_pcap(path)
    frames = [frame for _, frame in packets]
    split = sides.split(frames)
    expectation = Expectation()
    reasons = [expectation.reason(frame) for frame in frames]
    counts = {reason: reasons.count(reason) for reason in set(reasons) - {None}}
    check_equal(("expected here", path, counts), ("expected here", path, wanted))
    run = run_over(open_policy(frames),
                   *([packet for packet, side in zip(packets, split) if side == wanted_side]
                     for wanted_side in (sides.INSIDE, sides.OUTSIDE)))
    check_equal((path, run.drops()), (path, wanted))
    for output, side in ((run.outside, sides.INSIDE), (run.inside, sides.OUTSIDE)):
        passing = [frame for frame, reason, entered in zip(frames, reasons, split)
                   if reason is None and entered == side]
        check(output == passing, f"{path}: {len(output)} frames, wanted {len(passing)}, or others")
    return run


@test
def captures_of_programs_pass_whole_but_for_what_the_law_drops():
    for path in captures("apps"):
        check_capture(path, EXPECTED[os.path.basename(path)])


@test
def both_directions_of_the_captures_were_used():
    replies = 0
    for path in captures("apps"):
        split = sides.split([frame for _, frame in read_pcap(path)])
        check(sides.INSIDE in split, path)
        replies += split.count(sides.OUTSIDE)
    check(replies > 1500, f"{replies} frames from outside")


@test
def the_other_way_round_nothing_of_them_passes():
    # The same captures with their clients outside, under a policy for outbound traffic alone.
    packets = [packet for path in captures("apps") for packet in read_pcap(path)]
    split = sides.split([frame for _, frame in packets])
    run = run_over(policy(approve("OUT", "outbound", protocol="udp", ports=9)),
                   [packet for packet, side in zip(packets, split) if side == sides.OUTSIDE],
                   [packet for packet, side in zip(packets, split) if side == sides.INSIDE])
    check_equal((run.inside, run.outside), ([], []))
    check_equal(sum(run.drops().values()), len(packets))


@test
def hostile_captures_under_an_open_policy_never_come_out_changed():
    packets = [packet for path in captures("hostile") for packet in read_pcap(path)]
    frames = {frame for _, frame in packets}
    run = run_over(policy(approve("ALL"), link=OPEN_LINK), packets, packets)
    check_equal(sum(run.drops().values()) + len(run.inside) + len(run.outside),
                2 * len(judged(packets)))
    check(set(run.inside) | set(run.outside) <= frames, "a frame came out that never went in")
    check(len(run.drops()) > 15, f"reasons: {sorted(run.drops())}")


main()
