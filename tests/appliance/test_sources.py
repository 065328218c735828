#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Source lists, the ends of exceptions and alerts, in the daemon as it is installed.

    test_sources.py PPSFWD PPSFW
"""

import hashlib
import os
import signal
import time

from frames import ethernet, ipv4, tcp, udp
from harness import (EPOCH, INSIDE, OUTSIDE, PATIENCE, Appliance, RpcError, approve, policy,
                     replay)
from tap import Failed, check, check_equal, check_in, main, test, wait_until

CLIENT, OTHER, SERVER = "203.0.113.9", "192.0.2.7", "198.51.100.10"
OPEN = approve("ALL", service=["1-65535/tcp", "1-65535/udp"])


def sha256(text):
    """The digest of a text, in hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def udp_from(source, number=0, side=OUTSIDE, to=SERVER):
    """A step of a script: one datagram."""
    return (number, side, ethernet(ipv4(source, to, udp(1024, 53))))


def until(appliance, wanted, what):
    """Waits until a predicate over the events in the file holds; the events."""
    end = time.monotonic() + PATIENCE
    while True:
        events = appliance.events()
        if wanted(events):
            return events
        if time.monotonic() > end:
            raise Failed(f"no {what}: {[event['event'] for event in events]}")
        time.sleep(0.01)


def kinds(events):
    """The kinds of events, in order."""
    return [event["event"] for event in events]


# ---- lists ----

@test
def sources_of_a_file_beside_the_policy_are_blocked():
    document = policy(OPEN, sources={"block": ["file:lists/bad.txt"]})
    with Appliance(document, clock="capture") as appliance:
        os.mkdir(appliance.path("lists"))
        appliance.write("lists/bad.txt", f"# today\n192.0.2.0/24\n{CLIENT} # twice\n{CLIENT}\n")
        appliance.write_capture(OUTSIDE, [(1000000 + n, step[2]) for n, step in enumerate(
            [udp_from(OTHER), udp_from(CLIENT), udp_from("203.0.113.8")])])
        check_equal(appliance.run(), 0)
        check_equal(len(appliance.sent(INSIDE)), 1)
        denies = appliance.events("deny")
        check_equal([(event["reason"], event["step"]) for event in denies],
                    [("source_blocked", "sources")] * 2)
        loaded, = appliance.events("policy_loaded")
        check_equal([(file["name"], file["prefixes"]) for file in loaded["files"]],
                    [("lists/bad.txt", 3)])


@test
def the_digest_covers_the_files_as_sha256sum_writes_it():
    document = policy(OPEN, sources={"block": ["file:b.txt", "file:a.txt"]})
    with Appliance(document) as appliance:
        appliance.write("a.txt", "10.0.0.0/8\n")
        appliance.write("b.txt", "192.0.2.0/24\n")
        appliance.start()
        with open(appliance.path("policy.json"), encoding="utf-8") as file:
            text = file.read()
        lines = (f"{sha256(text)}  policy\n{sha256('192.0.2.0/24' + chr(10))}  b.txt\n"
                 f"{sha256('10.0.0.0/8' + chr(10))}  a.txt\n")
        before = appliance.call("status")["policy"]["digest"]
        check_equal(before, sha256(lines))
        appliance.write("a.txt", "10.0.0.0/9\n")
        answer = appliance.ask("load", appliance.path("policy.json"))
        check(answer["digest"] != before, "the digest is the same")
        check_equal(answer["previous_digest"], before)


@test
def load_sends_the_files_and_the_daemon_opens_none_it_is_told_of():
    with Appliance(policy(OPEN)).start() as appliance:
        appliance.write("secret.txt", "192.0.2.0/24\n")
        text = '{"policy":"p","revision":1,"sources":{"block":["file:secret.txt"]}}'
        with appliance.connect() as control:
            try:
                control.call("load", {"name": appliance.path("x.json"), "text": text})
                raise Failed("accepted")
            except RpcError as error:
                check_in("this file did not come with the policy", str(error.__dict__))
            answer = control.call("load", {"name": "x", "text": text,
                                           "files": {"secret.txt": "10.0.0.0/8\n"}})
        check_equal([file["prefixes"] for file in answer["files"]], [1])
        lists = appliance.ask("show", "sources")
        check_equal((lists["block"]["ipv4"], lists["block"]["files"], lists["allow"]),
                    (1, ["secret.txt"], None))


@test
def a_file_with_mistakes_is_refused_with_file_and_line():
    with Appliance(policy(OPEN)).start() as appliance:
        appliance.write("bad.txt", "192.0.2.0/24\n10.0.0.5/24\n")
        path = appliance.write("new.json", policy(sources={"block": ["file:bad.txt"]}))
        for command in ("check", "load"):
            result = appliance.cli(command, path)
            check_equal(result.code, 1)
            check_in('bad.txt:2: "10.0.0.5/24" has host bits set', result.out + result.err)
        check_equal(appliance.call("status")["policy"]["generation"], 1)


@test
def sighup_reads_the_files_again():
    with Appliance(policy(OPEN, sources={"block": ["file:bad.txt"]})) as appliance:
        appliance.write("bad.txt", "192.0.2.0/24\n")
        appliance.start()
        check_equal(appliance.call("explain", {
            "direction": "inbound", "protocol": "udp", "source": CLIENT, "destination": SERVER,
            "destination_port": 53})["verdict"], "pass")
        appliance.write("bad.txt", "203.0.113.0/24\n")
        appliance.signal(signal.SIGHUP)
        until(appliance, lambda events: kinds(events).count("policy_loaded") == 2, "reload")
        answer = appliance.call("explain", {
            "direction": "inbound", "protocol": "udp", "source": CLIENT, "destination": SERVER,
            "destination_port": 53})
        check_equal((answer["verdict"], answer["reason"]), ("drop", "source_blocked"))
        step, = [step for step in answer["steps"] if step["step"] == "sources"]
        check_equal(step["text"], f"{CLIENT}: sources.block holds it (203.0.113.0/24)")
        os.remove(appliance.path("bad.txt"))
        appliance.signal(signal.SIGHUP)
        events = until(appliance, lambda events: "policy_refused" in kinds(events), "refusal")
        check_in("cannot read it", str(events[-1]["errors"]))


@test
def a_start_without_a_file_is_no_start():
    with Appliance(policy(OPEN, sources={"block": ["file:bad.txt"]})) as appliance:
        check_equal(appliance.run(), 1)
        check_in('sources.block[0]: "file:bad.txt": cannot read it', appliance.errors())


@test
def show_sources_counts_and_names_whom_the_lists_stop():
    document = policy(OPEN, sources={"block": ["192.0.2.0/24"], "allow": ["203.0.113.0/24"]})
    frames = [ethernet(ipv4(source, SERVER, udp(1024, 53))) for source in
              [OTHER] * 5 + ["192.0.2.8"] * 2 + [CLIENT] + ["8.8.8.8"] * 3]
    with Appliance(document) as appliance:
        appliance.write_capture(OUTSIDE, list(enumerate(frames)))
        appliance.start()
        until(appliance, lambda events: sum(event.get("count", 0) for event in events) == 10,
              "denies")
        lists = appliance.ask("show", "sources")
        check_equal((lists["block"]["dropped"], lists["allow"]["dropped"]), (7, 3))
        check_equal(lists["block"]["top"], [{"source": OTHER, "count": 5},
                                            {"source": "192.0.2.8", "count": 2}])
        check_equal(lists["allow"]["top"], [{"source": "8.8.8.8", "count": 3}])
        check_in("192.0.2.7  x5", appliance.cli("show", "sources").out)


@test
def a_million_sources_are_loaded_beside_the_traffic():
    count, count6 = 1000000, 100000
    with Appliance(policy(OPEN)).start() as appliance:
        appliance.write("many.txt", "".join(
            f"{a >> 24}.{a >> 16 & 255}.{a >> 8 & 255}.{a & 255}\n"
            for a in range(16777216, 16777216 + 3000 * count, 3000)))
        appliance.write("many6.txt", "".join(
            f"2a{n >> 16:02x}:{n & 65535:x}:1::/48\n" for n in range(count6)))
        path = appliance.write("new.json", policy(OPEN, sources={
            "block": ["file:many.txt", "file:many6.txt"]}))
        started = time.monotonic()
        answer = appliance.ask("load", path)
        print(f"# {time.monotonic() - started:.2f} s with the CLI, build {answer['build_ms']} ms")
        lists = appliance.ask("show", "sources")
        check_equal((lists["block"]["ipv4"], lists["block"]["ipv6"]), (count, count6))
        check(lists["bytes"] < 10 << 20, lists["bytes"])
        check_in("1.0 M IPv4 and 100 k IPv6 prefixes", appliance.cli("show", "sources").out)
        ask = {"direction": "inbound", "protocol": "udp", "destination": SERVER,
               "destination_port": 53}
        for source, verdict in (("1.0.0.0", "drop"), ("1.0.0.1", "pass"), ("1.0.11.184", "drop"),
                                ("179.208.82.72", "drop"), ("179.208.82.73", "pass")):
            check_equal((source, appliance.call("explain", {**ask, "source": source})["verdict"]),
                        (source, verdict))
        # Again, and away with it.
        appliance.ask("load", path)
        appliance.load(policy(OPEN))
        check_equal(appliance.ask("show", "sources")["bytes"], 0)


@test
def the_live_flow_of_a_source_that_is_blocked_is_cut_by_the_load():
    with Appliance(policy(OPEN)) as appliance:
        appliance.write_capture(OUTSIDE, list(enumerate(
            udp_from(source)[2] for source in (OTHER, CLIENT, "192.0.2.8"))))
        appliance.start()
        wait_until(lambda: appliance.call("status")["flows"]["live"] == 3, "three flows")
        answer = appliance.load(policy(OPEN, sources={"block": ["192.0.2.0/24"]}))
        check_equal(answer["flows"], {"kept": 1, "rebound": 0, "cut": 2})


# ---- exceptions ----

def exception(expires, **more):
    """A database connection that is permitted until then."""
    when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(expires))
    return {"id": "EXC", "direction": "inbound", "protocol": "tcp", "ports": 5432,
            "source": CLIENT, "destination": SERVER, "expires": when,
            "approved_by": "CMB", "reason": "migration", **more}


def expiring(run):
    """What was warned of and what ended, in order."""
    return [(event["event"], event["rule"]) for event in run.events
            if event["event"].startswith("exception_")]


@test
def the_end_of_an_exception_is_announced_once_and_told_once():
    hour = 3600
    document = policy(OPEN, exceptions=[exception(EPOCH + 48 * hour)])
    steps = [udp_from(CLIENT, seconds) for seconds in
             (0, hour, 23 * hour, 25 * hour, 30 * hour, 47 * hour, 48 * hour, 50 * hour)]
    for last, wanted in ((3, []), (4, ["exception_expiring"]), (6, ["exception_expiring"]),
                         (8, ["exception_expiring", "exception_expired"])):
        check_equal((last, expiring(replay(document, steps[:last]))),
                    (last, [(kind, "EXC") for kind in wanted]))


@test
def the_time_of_the_warning_is_configured_and_none_is_none():
    document = policy(OPEN, exceptions=[exception(EPOCH + 7200)])
    steps = [udp_from(CLIENT, 0), udp_from(CLIENT, 3599)]
    check_equal(expiring(replay(document, steps, expiry_warning_hours=1)), [])
    steps.append(udp_from(CLIENT, 3600))
    check_equal(expiring(replay(document, steps, expiry_warning_hours=1)),
                [("exception_expiring", "EXC")])
    steps.append(udp_from(CLIENT, 7200))
    check_equal(expiring(replay(document, steps, expiry_warning_hours=0)),
                [("exception_expired", "EXC")])


@test
def the_event_of_an_end_says_how_many_flows_were_cut():
    document = policy(exceptions=[exception(EPOCH + 100)])
    script = [(number / 10, OUTSIDE, ethernet(ipv4(CLIENT, SERVER, tcp(2000 + number, 5432, "S"))))
              for number in range(7)]
    # The handshakes would time out long before: the end comes first.
    script = [(90 + step[0], *step[1:]) for step in script] + [udp_from(OTHER, 101)]
    run = replay(document, script)
    ended, = run.of("exception_expired")
    check_equal((ended["flows"], ended["severity"]), ({"cut": 7}, "notice"))
    check_equal([event["severity"] for event in run.of("exception_expiring")], ["warning"])


@test
def the_systems_clock_ends_exceptions_too():
    with Appliance(policy(OPEN)).start() as appliance:
        appliance.load(policy(OPEN, revision=2, exceptions=[exception(time.time() + 3)]))
        events = until(appliance, lambda events: "exception_expired" in kinds(events), "end")
        check_equal([kind for kind in kinds(events) if kind.startswith("exception_")],
                    ["exception_expiring", "exception_expired"])
        check_equal(kinds(events).count("clock_stepped"), 0)


# ---- alerts ----

@test
def an_inside_host_that_tries_what_nothing_approves_is_an_alert():
    web = approve("WEB", "inbound", "443/tcp")
    script = [(0, INSIDE, ethernet(ipv4(SERVER, CLIENT, tcp(4000, 22, "S")))),
              (0, INSIDE, ethernet(ipv4(SERVER, CLIENT, udp(4000, 53)))),
              (0, INSIDE, ethernet(ipv4(SERVER, CLIENT, tcp(4000, 25, "S")))),
              (0, INSIDE, ethernet(ipv4(SERVER, CLIENT, tcp(443, 4001, "SA")))),
              (0, OUTSIDE, ethernet(ipv4(CLIENT, SERVER, tcp(4000, 22, "S"))))]
    ban = {"id": "MAIL", "service": "25/tcp", "reason": "no mail"}
    run = replay(policy(web, banned=[ban]), script)
    told = sorted((event["reason"], event["direction"], event.get("class", ""), event["severity"])
                  for event in run.of("deny"))
    check_equal(told, [("banned", "outbound", "egress", "alert"),
                       ("not_approved", "inbound", "", "notice"),
                       ("not_approved", "outbound", "egress", "alert"),
                       ("not_approved", "outbound", "egress", "alert"),
                       ("tcp_not_syn", "outbound", "", "notice")])
    check(all("severity" in event for event in run.events), "an event without severity")


@test
def the_last_packet_of_a_flow_that_is_cut_is_no_alert_and_the_next_is():
    document = policy(exceptions=[exception(EPOCH + 10, direction="outbound", protocol="udp",
                                            source=SERVER, destination=CLIENT)])
    frame = ethernet(ipv4(SERVER, CLIENT, udp(4000, 5432)))
    run = replay(document, [(number, INSIDE, frame) for number in (0, 9, 10, 11)])
    check_equal(len(run.outside), 2)
    check_equal([(event["reason"], event.get("class")) for event in run.of("deny")],
                [("exception_expired", None), ("exception_expired", "egress")])
    check_equal([event["flows"]["cut"] for event in run.of("exception_expired")], [1])


@test
def alerts_are_counted_and_found_and_said_first():
    frames = [ethernet(ipv4(SERVER, CLIENT, udp(4000, port))) for port in (53, 53, 123)]
    with Appliance(policy()) as appliance:
        appliance.write_capture(INSIDE, list(enumerate(frames)))
        appliance.start()
        until(appliance, lambda events: sum(event.get("count", 0) for event in events) == 3,
              "denies")
        check_equal(appliance.ask("status")["packets"]["egress"], 3)
        check_in("ALERT", appliance.cli("status").out)
        for words in (("severity", "alert"), ("class", "egress")):
            found = appliance.ask("events", *words)["events"]
            check_equal(sum(event["count"] for event in found), 3)
        check_in("ALERT deny egress outbound udp", appliance.cli("events", "class", "egress").out)
        check_equal(appliance.cli("events", "severity", "red").code, 2)


main()
