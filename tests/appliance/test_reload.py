#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Policies that change under traffic: nothing permitted is lost, nothing else crosses.

    test_reload.py PPSFWD PPSFW SOURCE_ROOT

Two kinds of streams. One is a capture that a net_pcap port reads round and round as fast as the
worker takes it: millions of packets a second, counted on both sides of the filter. The other goes
from host to host over the live wire (lab.py), in numbered packets of which never more are under way
than the queues between them hold, so that the kernel loses none: what is missing, the box lost.
"""

import threading

from frames import udp_frame
from harness import INSIDE, OK, OUTSIDE, PATIENCE, Appliance, approve, policy
from lab import CLIENT, SERVER, Lab, need_root
from operators import FLOWS, silent_flows
from pcap import write_pcap
from stream import WINDOW, Stream
from tap import check, check_equal, main, test, wait_until

RELOADS = 1000

STREAM = approve("STREAM", "outbound", protocol="udp", ports="9000-9999", source=SERVER)
FIRST = policy(STREAM, name="first", revision=1)
SECOND = policy(approve("WEB", "inbound", "https"), STREAM,
                approve("DNS", "outbound", "domain/udp"), name="second", revision=2)
THIRD = policy(approve("WEB", "inbound", "https"), name="third", revision=3)


class Flood:
    """An appliance whose inside port receives FLOWS flows for ever; what passes is discarded."""

    def __init__(self, document, **config):
        vdevs = ["net_pcap0,rx_pcap=stream.pcap,infinite_rx=1", "net_pcap1,rx_pcap=silence.pcap"]
        self.box = Appliance(document, vdevs=vdevs, **config)
        write_pcap(self.box.path("silence.pcap"), [])
        write_pcap(self.box.path("stream.pcap"), [
            (0, udp_frame(SERVER, 20000 + n, CLIENT, 9000, b"x" * (n * 10))) for n in range(FLOWS)])

    def __enter__(self):
        self.box.start()
        wait_until(lambda: self.counters()["in"] > 10000, "the flood")
        return self

    def __exit__(self, *more):
        self.box.__exit__(*more)

    def counters(self, status=None):
        """Packets that came in, passed, were dropped, and went out."""
        status = status or self.box.call("status")
        segment = status["segments"][0]
        return {"in": segment["inside"]["rx_packets"], "out": segment["outside"]["tx_packets"],
                "passed": status["packets"]["passed"], "dropped": status["packets"]["dropped"]}


# ---- a flood ----

@test
def a_thousand_reloads_cost_a_flood_not_one_packet():
    with Flood(FIRST) as flood, flood.box.connect() as control:
        before = flood.counters()
        for number in range(RELOADS):
            answer = control.load((SECOND, FIRST)[number % 2])
            check_equal(answer["flows"], {"kept": FLOWS, "rebound": 0, "cut": 0})
        after = flood.counters()
        check(after["in"] - before["in"] > 100 * RELOADS, f"{before} {after}: hardly a flood")
        check_equal(after["dropped"], 0)
        check_equal(flood.box.call("status")["reload"],
                    {"busy": False, "loads": RELOADS + 1, "refused": 0})
        # At rest the numbers agree to the packet: what came in was passed and sent.
        check_equal(flood.box.stop(), OK)
        check_equal([event["cause"] for event in flood.box.events("policy_loaded")],
                    ["start"] + ["load"] * RELOADS)
        check_equal(flood.box.events("deny"), [])


@test
def after_the_answer_to_a_load_not_one_packet_more_of_a_flood_crosses():
    with Flood(FIRST) as flood, flood.box.connect() as control:
        for _ in range(20):
            answer = control.load(THIRD)
            check_equal(answer["flows"], {"kept": 0, "rebound": 0, "cut": FLOWS})
            first = flood.counters(control.call("status"))
            wait_until(lambda seen=first: flood.counters()["in"] > seen["in"] + 10000, "the flood")
            second = flood.counters(control.call("status"))
            check_equal((second["passed"], second["out"]), (first["passed"], first["out"]))
            check(second["dropped"] > first["dropped"], "nothing was dropped")
            control.load(FIRST)
            wait_until(lambda seen=second: flood.counters()["out"] > seen["out"] + 10000,
                       "the flood behind the box")
        check_equal([drop["reason"] for drop in control.call("show_drops")["drops"]],
                    ["not_approved"])


@test
def no_packet_is_counted_for_a_rule_twice_or_not_at_all():
    with Flood(FIRST) as flood, flood.box.connect() as control:
        for number in range(50):
            control.load((SECOND, FIRST)[number % 2])
        control.load(THIRD)
        passed = control.call("status")["packets"]["passed"]
        # The id comes back, and with it everything that was ever counted for it.
        control.load(policy(dict(STREAM, ports=1)))
        rule = control.call("show_rules")["rules"][0]
        check_equal((rule["id"], rule["packets"], rule["flows"]), ("STREAM", passed, FLOWS))


@test
def a_refused_load_costs_a_flood_nothing():
    with Flood(FIRST) as flood, flood.box.connect() as control:
        for _ in range(200):
            control.send("load", {"name": "bad", "text": '{"policy":"x","revision":0}'})
            check_equal(control.receive()["error"]["code"], -32002)
        check_equal(flood.counters()["dropped"], 0)
        check_equal(control.call("status")["reload"]["refused"], 200)


# ---- what became of the flows ----

DB = approve("DB", "outbound", protocol="tcp", ports=5432, log="flows")
LOGGED = dict(STREAM, log="flows")


@test
def the_answer_says_which_silent_flows_were_kept_rebound_and_cut():
    half = dict(STREAM, ports=f"9000-{9000 + FLOWS // 2 - 1}")
    other = dict(STREAM, id="OTHER")
    for document, kept, rebound, cut in (
            (policy(STREAM, DB, revision=2), FLOWS + 1, 0, 0),
            (policy(DB, dict(STREAM, ports="9000-9500", log="flows")), FLOWS + 1, 0, 0),
            (policy(other, DB), 1, FLOWS, 0),
            (policy(half, DB), FLOWS // 2 + 1, 0, FLOWS // 2),
            (policy(half, dict(other, ports="9000-9999"), DB), FLOWS // 2 + 1, FLOWS // 2, 0),
            (policy(STREAM), FLOWS, 0, 1),
            (policy(STREAM, DB, banned=[{"id": "BAN", "protocol": "udp", "reason": "no"}]),
             1, 0, FLOWS),
            (policy(), 0, 0, FLOWS + 1)):
        with silent_flows(policy(STREAM, DB)) as box:
            answer = box.load(document)
            check_equal((document["approved"], answer["flows"]),
                        (document["approved"], {"kept": kept, "rebound": rebound, "cut": cut}))
            check_equal(box.call("status")["flows"]["live"], kept + rebound)


@test
def the_answer_comes_when_the_last_of_many_flows_was_judged():
    many = 50000
    everything = policy(approve("ALL", "outbound"))
    with Appliance(everything, flows=65536, megabytes=256,
                   half_open={"max": 65536, "per_source": 65536}) as box:
        box.write_capture(INSIDE, [(0, udp_frame(SERVER, 10000 + n, CLIENT, 9000))
                                   for n in range(many)])
        box.start()
        wait_until(lambda: box.call("status")["flows"]["live"] == many, "the flows", 30)
        answer = box.load(policy(approve("OTHER", "outbound"), revision=2))
        check_equal(answer["flows"], {"kept": 0, "rebound": many, "cut": 0})
        check_equal(box.load(policy(revision=3))["flows"], {"kept": 0, "rebound": 0, "cut": many})
        check_equal(box.call("status")["flows"]["live"], 0)


@test
def cut_flows_are_told_as_revoked_and_rebound_ones_show_their_new_rule():
    with silent_flows(policy(LOGGED, DB)) as box:
        box.load(policy(dict(LOGGED, id="OTHER"), name="next"))
        flows = box.call("show_flows")["flows"]
        check_equal({flow["rule"] for flow in flows}, {"OTHER"})
        ends = box.call("events", {"filter": {"event": "flow_end"}})["events"]
        check_equal([(event["rule"], event["end"], event["destination_port"]) for event in ends],
                    [("DB", "revoked", 5432)])
        check_equal(box.stop(), OK)
        ends = [event for event in box.events("flow_end") if event["end"] == "stopped"]
        check_equal((len(ends), {event["rule"] for event in ends}), (FLOWS, {"OTHER"}))


@test
def a_new_timeout_holds_for_flows_that_live_already():
    with silent_flows(policy(STREAM, DB)) as box:
        box.load(policy(STREAM, DB, timeouts={"udp_single": 1}))
        wait_until(lambda: box.call("status")["flows"]["live"] == 1, "the end of silent flows")


@test
def rule_counters_survive_by_id_whatever_else_changes():
    with silent_flows(policy(STREAM, DB)) as box:
        def counted():
            return {rule["id"]: (rule["packets"], rule["flows"])
                    for rule in box.call("show_rules")["rules"]}
        check_equal(counted(), {"STREAM": (FLOWS, FLOWS), "DB": (1, 1)})
        since = box.call("show_rules")["rules"][0]["since"]
        box.load(policy(approve("NEW", "inbound"), dict(STREAM, direction="both"), DB))
        check_equal(counted(), {"NEW": (0, 0), "STREAM": (FLOWS, FLOWS), "DB": (1, 1)})
        box.load(policy(DB))
        box.load(policy(DB, STREAM))
        check_equal(counted(), {"DB": (1, 1), "STREAM": (FLOWS, FLOWS)})
        check_equal(box.call("show_rules")["rules"][1]["since"], since)


# ---- the live wire ----

LINK = {"arp": "both"}


@test
def a_thousand_reloads_cost_a_live_stream_not_one_packet_and_no_order():
    need_root()
    first, second = dict(FIRST, link=LINK), dict(SECOND, link=LINK)
    with Lab() as lab, lab.appliance(first) as box:
        box.start()
        stream, failures = Stream(lab), []

        def reload_all():
            try:
                with box.connect() as control:
                    for number in range(RELOADS):
                        flows = control.load((second, first)[number % 2])["flows"]
                        if flows != {"kept": 1, "rebound": 0, "cut": 0}:
                            failures.append((number, flows))
            except Exception as failure:  # told below, by the thread that may tell
                failures.append(failure)

        stream.first_contact()
        stream.window()
        loader = threading.Thread(target=reload_all)
        loader.start()
        while loader.is_alive():
            stream.window()
        loader.join()
        stream.window()
        stream.close()
        status = box.call("status")
        check_equal((failures, status["reload"]["loads"]), ([], RELOADS + 1))
        check(stream.sent > 20 * RELOADS, f"{stream.sent} packets are no stream")
        rule = {rule["id"]: rule for rule in box.call("show_rules")["rules"]}["STREAM"]
        check_equal((rule["packets"], rule["flows"]), (2 * stream.sent + 1, 1))
        drops = {drop["reason"] for drop in box.call("show_drops")["drops"]}
        check(drops <= {"nd_denied", "nd_malformed", "not_approved"}, drops)


@test
def after_the_answer_to_a_load_nothing_of_a_live_stream_arrives():
    need_root()
    with Lab() as lab, lab.appliance(dict(FIRST, link=LINK)) as box:
        box.start()
        stream = Stream(lab)
        stream.first_contact()
        stream.window()
        with box.connect() as control:
            answer = control.load(dict(THIRD, link=LINK))
            check_equal(answer["flows"], {"kept": 0, "rebound": 0, "cut": 1})

            def dropped():
                return {drop["reason"]: drop["count"] for drop in
                        control.call("show_drops")["drops"]}.get("not_approved", 0)
            # Never more under way than the queues hold, or the kernel loses what the box must drop.
            before = dropped()
            for sent in range(WINDOW, 1000 + WINDOW, WINDOW):
                for number in range(sent - WINDOW, sent):
                    stream.source.send(b"late %d" % number)
                    stream.sink.send(b"late %d" % number)
                wait_until(lambda wanted=before + 2 * sent: dropped() >= wanted, "the drops",
                           PATIENCE)
            for end in (stream.source, stream.sink):
                end.setblocking(False)
                try:
                    check(False, f"{end.recv(100)!r} arrived")
                except BlockingIOError:
                    pass
        stream.close()


main()
