#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""ppsfwd over capture files, in captured time: what goes in decides what comes out.

    test_capture.py PPSFWD PPSFW SOURCE_ROOT
"""

import os
import random
import struct

from frames import (arp, ethernet, icmp, icmpv6, ip, ipv4, raw, tcp_frame, udp, udp_frame)
from harness import INSIDE, OK, OUTSIDE, Appliance, approve, microseconds, policy, replay
from pcap import write_pcap
from talk import (CLIENT, CLIENT6, DNS, EXPIRES, SERVER, SERVER6, WEB, check_passes_whole, data,
                  event_seconds, exception, fillers, handshake, mixed_traffic, of_side, zulu)
from tap import check, check_equal, check_in, main, test


# ---- what passes and what does not ----

@test
def what_is_permitted_passes_both_ways_unchanged_and_in_order():
    script = handshake(40000)
    for number in range(200):
        side = OUTSIDE if number % 3 == 0 else INSIDE
        script.append(data(40000, 1 + number / 1000, side, b"%06d" % number * (number % 50)))
    check_passes_whole(policy(WEB), script)


@test
def what_is_not_permitted_is_dropped_in_both_directions():
    script = [
        (1, OUTSIDE, tcp_frame(CLIENT, 40000, SERVER, 80, "S")),
        (2, OUTSIDE, udp_frame(CLIENT, 40000, SERVER, 443)),
        (3, INSIDE, tcp_frame(SERVER, 40000, CLIENT, 443, "S")),
        (4, INSIDE, udp_frame(SERVER, 40000, CLIENT, 53)),
        (5, OUTSIDE, ethernet(ipv4(CLIENT, SERVER, raw(47, bytes(40))))),
        (6, OUTSIDE, tcp_frame(CLIENT6, 40000, SERVER6, 22, "S")),
    ]
    run = replay(policy(WEB), script)
    check_equal((run.inside, run.outside), ([], []))
    check_equal(run.drops(), {"not_approved": 6})
    denied = run.of("deny")[0]
    check_equal([denied[key] for key in ("direction", "protocol", "source", "source_port",
                                         "destination", "destination_port", "segment", "step",
                                         "policy", "revision")],
                ["inbound", "tcp", CLIENT, 40000, SERVER, 80, "dmz", "classify", "test", 1])
    check_equal(denied["time"], "2026-01-01T00:00:01.000Z")


@test
def frames_that_the_driver_hands_over_in_part_are_dropped_in_every_mode():
    ask = udp_frame(SERVER, 5353, CLIENT, 53)
    script = [(number, INSIDE, ask + bytes(length - len(ask)))
              for number, length in enumerate((65597, 65598, 67584, 70000, 131072, 262000))]
    for mode in ("inline", "audit", "observer"):
        run = replay(policy(DNS), script + [(7, INSIDE, ask)], mode=mode)
        check_equal([frame[:len(ask)] for frame in run.outside],
                    [] if mode == "observer" else [ask, ask])
        stop = run.of("daemon_stop")[0]
        check_equal((stop["passed"], stop["dropped"]), (2, 5))


@test
def replies_pass_only_to_what_was_asked():
    ask = udp_frame(SERVER, 5353, CLIENT, 53)
    reply = udp_frame(CLIENT, 53, SERVER, 5353)
    stray = udp_frame(CLIENT, 53, SERVER, 5354)
    run = replay(policy(DNS), [(0, OUTSIDE, reply), (1, INSIDE, ask), (2, OUTSIDE, reply),
                               (3, OUTSIDE, stray)])
    check_equal((run.outside, run.inside), ([ask], [reply]))
    check_equal(run.drops(), {"not_approved": 2})


@test
def the_empty_policy_forwards_nothing_not_even_arp():
    script = handshake(40000) + [
        (1, INSIDE, ethernet(arp(SERVER, CLIENT), destination=b"\xff" * 6)),
        (2, OUTSIDE, ethernet(arp(CLIENT, SERVER), destination=b"\xff" * 6)),
        (3, INSIDE, udp_frame(SERVER, 1, CLIENT, 53)),
        (4, OUTSIDE, ethernet(ip(CLIENT6, "ff02::1:ff00:10", icmpv6(135, rest=bytes(20))))),
        (5, INSIDE, ethernet((0x88cc, bytes(60)))),
        (6, INSIDE, ethernet((60, b"\x42\x42\x03" + bytes(57)))),
        (7, OUTSIDE, b""),
        (8, OUTSIDE, b"\xff"),
    ]
    run = replay({"policy": "nothing", "revision": 1}, script)
    check_equal((run.inside, run.outside), ([], []))
    check_equal(sum(run.drops().values()), len(script))


@test
def link_protocols_pass_in_the_directions_that_the_policy_names():
    lldp = ethernet((0x88cc, bytes(60)))
    ask = ethernet(arp(SERVER, CLIENT), destination=b"\xff" * 6)
    reply = ethernet(arp(CLIENT, SERVER, 2))
    script = [(1, INSIDE, lldp), (2, OUTSIDE, lldp), (3, INSIDE, ask), (4, OUTSIDE, reply)]
    link = {"arp": "both", "ethertypes": [{"ethertype": "0x88cc", "direction": "outbound"}]}
    run = replay(policy(link=link), script)
    check_equal((run.outside, run.inside), ([lldp, ask], [reply]))
    check_equal(run.drops(), {"ethertype_denied": 1})


@test
def icmp_errors_pass_with_the_flow_they_speak_of():
    ask = ipv4(SERVER, CLIENT, udp(5353, 53))
    error = ethernet(ipv4("192.0.2.1", SERVER, icmp(3, 1, bytes(4), ask[1][:28])))
    other = ipv4(SERVER, CLIENT, udp(5354, 53))
    stray = ethernet(ipv4("192.0.2.1", SERVER, icmp(3, 1, bytes(4), other[1][:28])))
    run = replay(policy(DNS), [(1, INSIDE, ethernet(ask)), (2, OUTSIDE, error),
                               (3, OUTSIDE, stray)])
    check_equal(run.inside, [error])
    check_equal(run.drops(), {"icmp_error_unrelated": 1})


@test
def a_ban_beats_an_approval_and_an_exception_beats_the_ban_it_names():
    document = policy(approve("ALL", "inbound"), banned=[
        {"id": "BAN", "service": "telnet", "reason": "clear text"}], exceptions=[
            {"id": "EXC", "direction": "inbound", "service": "telnet/tcp", "source": CLIENT,
             "destination": SERVER, "expires": zulu(1000), "approved_by": "X", "reason": "Y",
             "overrides": "BAN"}])
    excepted = tcp_frame(CLIENT, 40000, SERVER, 23, "S")
    banned = tcp_frame("203.0.113.10", 40000, SERVER, 23, "S")
    run = replay(document, [(1, OUTSIDE, excepted), (2, OUTSIDE, banned)])
    check_equal(run.inside, [excepted])
    check_equal(run.drops(), {"banned": 1})
    check_equal(run.of("deny")[0]["rule"], "BAN")


# ---- kinds of frames ----

@test
def tagged_frames_pass_whole_on_permitted_vlans_alone():
    script = handshake(40000, vlans=[10]) + [data(40000, 1, OUTSIDE, b"x" * 100, [10])]
    check_passes_whole(policy(WEB, link={"vlans": [10]}), script)
    run = replay(policy(WEB, link={"vlans": [11]}), script)
    check_equal((run.inside, run.outside), ([], []))
    check_equal(run.drops(), {"vlan_denied": len(script)})


@test
def one_conversation_on_two_vlans_is_two_flows():
    script = [step for vlan in (10, 11) for step in handshake(40000, start=vlan, vlans=[vlan])]
    run = check_passes_whole(policy(WEB, link={"vlans": "any"}), script)
    check_equal([event["vlan"] for event in run.of("flow_start")], [10, 11])
    # An answer on the other tag belongs to neither.
    script = handshake(40000, vlans=[10])[:1] + handshake(40000, vlans=[11])[1:2]
    run = replay(policy(WEB, link={"vlans": "any"}), script)
    check_equal(run.drops(), {"tcp_not_syn": 1})


@test
def double_tagged_frames_pass_whole():
    script = handshake(40000, vlans=[100, 7]) + [
        data(40000, 1, OUTSIDE, b"x" * 1400, [100, 7]), data(40000, 2, INSIDE, b"", [100, 7])]
    run = check_passes_whole(policy(WEB, link={"vlans": [7, 100]}), script)
    check_equal([run.of("flow_start")[0][key] for key in ("vlan", "inner_vlan")], [100, 7])
    run = replay(policy(WEB, link={"vlans": [100]}), script)
    check_equal(run.drops(), {"vlan_denied": len(script)})


@test
def ipv6_passes_like_ipv4():
    script = handshake(40000, client=CLIENT6, server=SERVER6) + [
        data(40000, 1, INSIDE, b"y" * 1000, client=CLIENT6, server=SERVER6),
        (2, INSIDE, udp_frame(SERVER6, 5353, CLIENT6, 53)),
        (3, OUTSIDE, udp_frame(CLIENT6, 53, SERVER6, 5353)),
    ]
    run = check_passes_whole(policy(WEB, DNS), script)
    check_equal([run.of("flow_start")[0][key] for key in ("source", "destination")],
                [CLIENT6, SERVER6])


@test
def long_frames_pass_whole_through_chains_of_buffers():
    generator = random.Random(4)
    lengths = [1500, 1986, 1987, 2047, 2048, 2049, 2176, 4096, 4224, 6528, 8946, 8960, 9600]
    script = handshake(40000)
    for number, length in enumerate(lengths):
        side = INSIDE if number % 2 else OUTSIDE
        script.append(data(40000, 1 + number, side, generator.randbytes(length)))
    run = check_passes_whole(policy(WEB), script, segments=("dmz",))
    check_equal(max(map(len, run.inside + run.outside)), 14 + 40 + 9600)


@test
def short_frames_pass_without_padding_being_touched():
    frame = udp_frame(SERVER, 5353, CLIENT, 53, b"")
    padded = frame + b"\xa5" * (60 - len(frame))
    check_passes_whole(policy(DNS), [(1, INSIDE, frame), (2, INSIDE, padded)])


# ---- captured time ----

@test
def frames_of_both_sides_are_judged_in_the_order_of_their_times():
    # The replies come before and after each query: only order tells which pass.
    script, passing = [], []
    for number in range(100):
        at, port = number * 0.01, 20000 + number
        early = udp_frame(CLIENT, 53, SERVER, port, b"early")
        ask = udp_frame(SERVER, port, CLIENT, 53)
        late = udp_frame(CLIENT, 53, SERVER, port, b"late")
        script += [(at, OUTSIDE, early), (at + 0.000001, INSIDE, ask),
                   (at + 0.000002, OUTSIDE, late)]
        passing.append(late)
    run = replay(policy(DNS), script)
    check_equal(run.outside, of_side(script, INSIDE))
    check_equal(run.inside, passing)
    check_equal(run.drops(), {"not_approved": 100})


@test
def of_equal_times_the_inside_comes_first():
    script, wanted = [], []
    for number in range(50):
        port = 20000 + number
        script += [(number, OUTSIDE, udp_frame(CLIENT, 53, SERVER, port)),
                   (number, INSIDE, udp_frame(SERVER, port, CLIENT, 53))]
        wanted.append(script[-2][2])
    run = replay(policy(DNS), script)
    check_equal(run.inside, wanted)
    check_equal(run.drops(), {})
    # And the other way round an outside packet comes too late for nobody.
    both = [(1, INSIDE, udp_frame(SERVER, 53, CLIENT, 9)),
            (1, OUTSIDE, udp_frame(CLIENT, 9, SERVER, 53))]
    run = replay(policy(approve("IN", "inbound", "domain/udp")), both)
    check_equal((run.outside, len(run.inside)), ([], 1))


@test
def many_frames_of_one_time_keep_their_order():
    script = [(5, INSIDE, udp_frame(SERVER, 20000 + number, CLIENT, 53)) for number in range(300)]
    check_passes_whole(policy(DNS), script, half_open={"per_source": 300})


@test
def a_clock_that_steps_back_in_a_capture_does_not_turn_time_back():
    script = [(100, INSIDE, udp_frame(SERVER, 20000, CLIENT, 53)),
              (10, INSIDE, udp_frame(SERVER, 20001, CLIENT, 53)),
              (129.999, OUTSIDE, udp_frame(CLIENT, 53, SERVER, 20001))]
    run = check_passes_whole(policy(dict(DNS, log="flows")), script)
    check_equal([event_seconds(event) for event in run.of("flow_start")], [100, 100])


# ---- events ----

@test
def flows_of_logged_rules_are_told_with_their_counts():
    script = handshake(40000, start=10) + [
        data(40000, 11, OUTSIDE, b"a" * 100), data(40000, 12, INSIDE, b"b" * 200)]
    run = check_passes_whole(policy(WEB, DNS), script + [
        (13, INSIDE, udp_frame(SERVER, 7, CLIENT, 53))])
    start, = run.of("flow_start")
    end, = run.of("flow_end")
    for event in (start, end):
        check_equal([event[key] for key in ("segment", "direction", "protocol", "source",
                                            "source_port", "destination", "destination_port",
                                            "rule")],
                    ["dmz", "inbound", "tcp", CLIENT, 40000, SERVER, 443, "WEB"])
    check_equal((event_seconds(start), event_seconds(end, "started")), (10, 10))
    check_equal((end["end"], end["state"]), ("stopped", "tcp_established"))
    check_equal(end["packets"], {"initiator": 3, "responder": 2})
    check_equal(end["bytes"], {"initiator": 3 * 54 + 100, "responder": 2 * 54 + 200})


@test
def flows_tell_who_approved_them_and_with_which_assurance():
    rule = dict(WEB, assurance="medium", approved_by="CMB 2026-031")
    run = check_passes_whole(policy(rule, dict(DNS, log="flows")), handshake(40000, start=10) + [
        (13, INSIDE, udp_frame(SERVER, 7, CLIENT, 53))])
    for kind in ("flow_start", "flow_end"):
        told = {event["rule"]: (event.get("assurance"), event.get("approved_by"))
                for event in run.of(kind)}
        check_equal(told, {"WEB": ("medium", "CMB 2026-031"), "DNS": (None, None)})


@test
def connections_that_ran_before_the_start_are_picked_up_while_that_is_configured():
    script = [data(40000, 10, INSIDE, b"b"), data(40000, 11, OUTSIDE, b"a"),
              data(40001, 19, OUTSIDE, b"a"), data(40000, 30, INSIDE, b"b")]
    late = [data(40002, 20, OUTSIDE, b"a")]
    run = replay(policy(WEB, DNS), script + late, tcp_loose_seconds=10)
    check_equal(run.drops(), {"tcp_not_syn": 1})
    check_equal(run.outside, of_side(script, INSIDE))
    check_equal(run.inside, of_side(script, OUTSIDE))
    check_equal([(event["source_port"], event["direction"], event["picked_up"])
                 for event in run.of("flow_start") + run.of("flow_end")],
                [(40000, "inbound", True), (40001, "inbound", True)] * 2)
    check_equal([event["state"] for event in run.of("flow_end")],
                ["tcp_established", "tcp_picked_up"])
    check_equal(replay(policy(WEB, DNS), script).drops(), {"tcp_not_syn": 4})
    opened = check_passes_whole(policy(WEB, DNS), handshake(40000), tcp_loose_seconds=10)
    check("picked_up" not in opened.of("flow_start")[0], "a whole connection is marked")


@test
def flows_end_with_the_reason_for_which_they_ended():
    reset = [(3, INSIDE, tcp_frame(SERVER, 443, CLIENT, 40001, "R", seq=501))]
    script = handshake(40000) + handshake(40001, 2) + reset + handshake(40001, 10)
    # The ageing sweep goes round with the packets.
    script += [(100 + number, INSIDE, udp_frame(SERVER, 7, CLIENT, 53)) for number in range(200)]
    run = check_passes_whole(policy(WEB, DNS, timeouts={"tcp_established": 60}), script,
                             flows=1024)
    ends = [(event["source_port"], event["end"]) for event in run.of("flow_end")]
    check_equal(sorted(ends), [(40000, "timeout"), (40001, "restarted"), (40001, "timeout")])


@test
def identical_denies_are_one_record_a_second_with_a_count():
    script = [(number / 100, OUTSIDE, tcp_frame(CLIENT, 1000 + number, SERVER, 22, "S"))
              for number in range(1000)]
    run = replay(policy(WEB), script)
    check_equal(run.drops(), {"not_approved": 1000})
    check_equal([event["count"] for event in run.of("deny")], [100] * 10)


@test
def the_log_begins_and_ends_with_the_daemon():
    run = replay(policy(WEB), handshake(40000))
    kinds = [event["event"] for event in run.events]
    check_equal(kinds[:2], ["policy_loaded", "daemon_start"])
    check_equal(kinds[-1], "daemon_stop")
    check_equal([event["seq"] for event in run.events], list(range(1, len(kinds) + 1)))
    check_equal(run.events[-1]["cause"], "capture exhausted")
    check_equal([run.events[-1][key] for key in ("passed", "dropped", "flows")], [3, 0, 1])
    digests = {event["digest"] for event in run.events if "digest" in event}
    check_equal(len(digests), 1)


@test
def nothing_is_lost_of_a_large_capture_when_the_daemon_ends_by_itself():
    # More flows and events than any ring holds: the daemon has to wait for itself.
    count = 30000
    script = [(number / 1000, OUTSIDE, tcp_frame(CLIENT, 1024 + number, SERVER, 443, "S"))
              for number in range(count)]
    run = replay(policy(WEB), script, flows=65536, half_open={"per_source": 32768})
    check_equal(run.inside, of_side(script, OUTSIDE))
    check_equal(len(run.of("flow_start")), count)
    check_equal(len(run.of("flow_end")), count)
    check(all("lost" not in event for event in run.events), "events were lost")


# ---- limits ----

@test
def limits_follow_captured_time():
    limited = policy(dict(WEB, limits={"new_flows_per_second": 2}))
    script = [(second + number / 10, OUTSIDE, tcp_frame(CLIENT, 41000 + number, SERVER, 443, "S"))
              for second in (0, 5) for number in (10 * second + 1, 10 * second + 2, 10 * second + 3)]
    script = [(100 + n, side, frame) for n, (_, side, frame) in zip((0, .1, .2, 9, 9.1, 9.2), script)]
    run = replay(limited, script)
    check_equal(run.inside, [script[n][2] for n in (0, 1, 3, 4)])
    check_equal(run.drops(), {"limit_rate": 2})
    check_equal({event["rule"] for event in run.of("deny")}, {"WEB"})


@test
def a_flow_whose_time_is_up_does_not_count_for_a_limit():
    limited = policy(dict(DNS, limits={"flows": 2}), timeouts={"udp_single": 5})
    asks = [udp_frame(SERVER, 1000 + number, CLIENT, 53) for number in range(6)]
    run = replay(limited, [(0.5, INSIDE, asks[0]), (1.5, INSIDE, asks[1]), (2, INSIDE, asks[2]),
                           (5.4, INSIDE, asks[3]), (6, INSIDE, asks[4]), (6.2, INSIDE, asks[5])])
    check_equal(run.outside, [asks[0], asks[1], asks[4]])
    check_equal(run.drops(), {"limit_flows": 3})


@test
def a_source_has_its_limit_and_others_theirs():
    limited = policy(dict(WEB, limits={"flows_per_source": 1}))
    other = "203.0.113.77"
    script = [(1, OUTSIDE, tcp_frame(CLIENT, 41000, SERVER, 443, "S")),
              (2, OUTSIDE, tcp_frame(CLIENT, 41001, SERVER, 443, "S")),
              (3, OUTSIDE, tcp_frame(other, 41001, SERVER, 443, "S"))]
    run = replay(limited, script)
    check_equal(run.inside, [script[0][2], script[2][2]])
    check_equal(run.drops(), {"limit_flows_per_source": 1})


# ---- segments and modes ----

@test
def two_segments_keep_their_traffic_apart_when_addresses_are_the_same():
    a = handshake(40000) + [data(40000, 2, OUTSIDE, b"on a")]
    b = handshake(40000, 0.5) + [data(40000, 2, OUTSIDE, b"on b")]
    script = [(*step, "a") for step in a] + [(*step, "b") for step in b]
    run = replay(policy(WEB), script, segments=("a", "b"))
    check_equal(run.drops(), {})
    for name, steps in (("a", a), ("b", b)):
        check_equal(run.outputs[name, INSIDE], of_side(steps, OUTSIDE))
        check_equal(run.outputs[name, OUTSIDE], of_side(steps, INSIDE))
    check_equal(sorted(event["segment"] for event in run.of("flow_start")), ["a", "b"])


@test
def a_flow_of_one_segment_opens_nothing_on_another():
    script = [(*step, "a") for step in handshake(40000)]
    script += [(*data(40000, 1, OUTSIDE, b"x"), "b"), (*data(40000, 2, INSIDE, b"x"), "b")]
    run = replay(policy(WEB), script, segments=("a", "b"))
    check_equal((run.outputs["b", INSIDE], run.outputs["b", OUTSIDE]), ([], []))
    check_equal(run.drops(), {"tcp_not_syn": 2})
    check_equal({event["segment"] for event in run.of("deny")}, {"b"})


@test
def a_run_can_be_repeated_to_the_last_byte_and_event():
    script = mixed_traffic() + fillers(EXPIRES - 1, 300)
    script.sort(key=lambda step: step[0])
    document = policy(WEB, DNS, exceptions=[exception()])
    first, second = replay(document, script), replay(document, script)
    check_equal(second.outputs, first.outputs)
    check_equal(second.wire_events(), first.wire_events())


@test
def a_port_that_is_given_twice_or_read_for_ever_is_no_capture():
    with Appliance(policy(WEB), clock="capture") as appliance:
        eal = appliance.config["eal"]
        appliance.config["eal"] = [word + (",infinite_rx=1" if "net_pcap1" in word else "")
                                   for word in eal]
        appliance.write_capture(OUTSIDE, [(0, bytes(60))])
        check_equal(appliance.run(), 1)
        check_in("infinite_rx", appliance.errors())


@test
def captures_end_the_daemon_when_one_side_is_empty_and_when_both_are():
    for script in ([], handshake(40000)[:1]):
        run = replay(policy(WEB), script)
        check_equal((run.code, len(run.inside)), (OK, len(script)))


@test
def a_capture_that_breaks_off_in_a_frame_is_judged_up_to_there():
    script = handshake(40000)
    with Appliance(policy(WEB), clock="capture") as appliance:
        outside = [(microseconds(time), frame) for time, side, frame in script if side == OUTSIDE]
        write_pcap(appliance.path("dmz-outside.pcap"), outside)
        path = appliance.path("dmz-outside.pcap")
        os.truncate(path, os.path.getsize(path) - 7)
        check_equal(appliance.run(), OK)
        check_equal(appliance.sent(INSIDE), [outside[0][1]])


def link_type_of(order, link, wanted):
    """Starts on captures, pcap and pcapng, of this byte order and link type."""
    block = struct.pack(order + "IIIHHqI", 0x0a0d0d0a, 28, 0x1a2b3c4d, 1, 0, -1, 28)
    fronts = [struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 65535, link)
              for magic in (0xa1b2c3d4, 0xa1b23c4d)]
    fronts.append(block + struct.pack(order + "IIHHII", 1, 20, link & 0xffff, 0, 65535, 20))
    for front in fronts:
        with Appliance(policy(DNS), clock="capture") as appliance:
            with open(appliance.path("dmz-inside.pcap"), "wb") as file:
                file.write(front)
            check_equal(appliance.run(), wanted)
            if wanted != OK:
                check_in(f"not Ethernet (1), but of link type {link}", appliance.errors())


@test
def captures_of_ethernet_are_taken_and_others_refused():
    for order in "<>":
        link_type_of(order, 101, 1)
        link_type_of(order, 113, 1)
        link_type_of(order, 0x30000001, OK)


@test
def the_policy_is_on_record_as_it_was_loaded():
    run = replay(policy(WEB, name="on-record", revision=12), [])
    loaded, = run.of("policy_loaded")
    check_equal([loaded[key] for key in ("policy", "revision", "cause", "previous_digest")],
                ["on-record", 12, "start", None])
    check_equal(len(loaded["digest"]), 64)


main()
