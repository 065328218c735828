#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""A live ppsfwd and its operators: what they may ask, change and signal.

    test_control.py PPSFWD PPSFW SOURCE_ROOT

No traffic is needed for any of this: the ports are net_pcap devices that read empty files.
"""

import datetime
import json
import os
import pwd
import shutil
import signal

from frames import ethernet, ipv4, tcp
from harness import (
    BUSY, FAILED, OK, OPEN_LINK, PPSFW, REFUSED, Appliance, approve, policy, run_program)
from operators import BAD, GOOD, OTHER, WEB, refused, running
from pcap import write_pcap
from tap import Failed, check, check_equal, check_in, main, skip, test, wait_until

def state_of(appliance):
    """What a refused load must leave alone."""
    status = appliance.call("status")
    return (status["policy"]["digest"], status["policy"]["generation"], status["policy"]["loaded"],
            status["packets"]["passed"], status["packets"]["dropped"])


# ---- status ----

STATUS = {
    "": {"version", "pid", "mode", "clock", "started", "uptime_sec", "policy", "segments", "flows",
         "packets", "top_drops", "workers", "events", "reload", "change", "observed",
         "signatures", "drift", "memory", "placement"},
    "policy": {"name", "revision", "authority", "digest", "generation", "file", "loaded",
               "age_sec", "valid_until", "rules", "entries", "table_bytes", "signers",
               "lapsed"},
    "flows": {"live", "capacity", "started", "ended", "memory_bytes", "picked_up",
              "pressure", "half_open", "ipv6"},
    "packets": {"passed", "passed_bytes", "dropped", "dropped_bytes", "pass_pps", "drop_pps",
                "egress"},
    "memory": {"per_flow", "per_rule"},
    "events": {"written", "lost", "write_errors", "file"},
    "reload": {"busy", "loads", "refused"},
    "change": {"state", "number", "confirmed", "pending", "file_differs"},
    "drift": {"equal", "checked", "running", "approved", "differs", "why"},
}
PORT = {"name", "driver", "link", "speed_mbps", "mtu", "rx_packets", "rx_bytes", "tx_packets",
        "tx_bytes", "rx_pps", "tx_pps", "rx_bps", "tx_bps", "missed", "no_buffer", "errors",
        "rx_queues", "tx_queues", "spread", "numa_node"}


@test
def status_has_every_field_that_is_promised():
    with running(segments=("dmz", "lab")) as appliance:
        status = appliance.call("status")
        for part, fields in STATUS.items():
            check_equal((part, set(status[part] if part else status)), (part, fields))
        check_equal([segment["name"] for segment in status["segments"]], ["dmz", "lab"])
        for segment in status["segments"]:
            check_equal((set(segment["inside"]), set(segment["outside"])), (PORT, PORT))
        check_equal(set(status["workers"][0]),
                    {"worker", "lcore", "cpu", "numa_node", "inputs", "passed", "dropped",
                     "flows", "utilisation", "handed_over", "stalled"})
        check_equal((status["mode"], status["clock"], status["pid"]),
                    ("inline", "system", appliance.process.pid))
        check_equal((status["policy"]["name"], status["policy"]["revision"],
                     status["policy"]["file"], status["policy"]["rules"]["approved"]),
                    ("good", 2, appliance.path("policy.json"), 1))
        check_equal(status["segments"][1]["outside"]["name"], "net_pcap3")
        check_equal(status["memory"],
                    {"per_flow": status["flows"]["memory_bytes"] // status["flows"]["capacity"],
                     "per_rule": status["policy"]["table_bytes"]})
        check_equal(status["segments"][0]["inside"]["driver"], "net_pcap")
        check_equal(status["workers"][0]["stalled"], False)


def naps(appliance):
    """How often the worker went to sleep by itself."""
    tasks = f"/proc/{appliance.process.pid}/task"
    for task in os.listdir(tasks):
        with open(f"{tasks}/{task}/status", encoding="ascii") as file:
            status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
        if "worker" in status["Name"]:
            return int(status["voluntary_ctxt_switches"])
    raise Failed("there is no worker")


def utilisation(appliance):
    return appliance.call("status")["workers"][0]["utilisation"]


@test
def a_worker_without_packets_sleeps_and_answers_all_the_same():
    with running() as appliance:
        for _ in range(5):
            before = naps(appliance)
            wait_until(lambda: naps(appliance) > before + 100, "naps")
            check_equal(appliance.call("show_flows")["flows"], [])
        check_equal(appliance.call("load", {"name": "o", "text": json.dumps(OTHER)})["flows"],
                    {"kept": 0, "rebound": 0, "cut": 0})
        check_equal(utilisation(appliance), 0)


@test
def a_worker_that_polls_busily_never_sleeps():
    with running(poll="busy") as appliance:
        appliance.call("show_flows")
        before = naps(appliance)
        for _ in range(50):
            appliance.call("show_flows")
        check_equal(naps(appliance), before)
        check_equal(utilisation(appliance), 0)


@test
def a_worker_with_packets_in_every_round_is_busy_all_the_time_and_never_sleeps():
    vdevs = ["net_pcap0,rx_pcap=stream.pcap,infinite_rx=1", "net_pcap1,rx_pcap=silence.pcap"]
    with Appliance(GOOD, vdevs=vdevs) as appliance:
        write_pcap(appliance.path("silence.pcap"), [])
        write_pcap(appliance.path("stream.pcap"), [(0, ethernet(ipv4("10.0.0.1", "10.0.0.2",
                                                                     tcp(1, 2, "S"))))])
        appliance.start()
        wait_until(lambda: utilisation(appliance) > 0.9, "work")
        before = naps(appliance)
        wait_until(lambda: utilisation(appliance) > 0.9, "work")
        check_equal(naps(appliance), before)


@test
def what_ppsfw_prints_as_json_is_the_answer_of_the_daemon():
    with running() as appliance:
        for words, method in ((("show", "rules"), "show_rules"), (("show", "drops"), "show_drops"),
                              (("show", "flows"), "show_flows"),
                              (("show", "exceptions"), "show_exceptions")):
            check_equal(appliance.ask(*words), appliance.call(method))
        check_equal(set(appliance.ask()), set(appliance.call("status")))
        document = appliance.call("show_policy")["document"]
        check_equal((document["policy"], document["revision"]), ("good", 2))


@test
def rules_and_explanations_have_the_whole_approval():
    approval = {"assurance": "low", "boundary": "external-to-enclave", "approved_by": "CMB 31",
                "owner": "web team", "assessed": "2026-02-28", "reason": "public web site",
                "mitigations": ["TLS 1.2+", "WAF"], "comment": "see the runbook"}
    with running(policy(dict(WEB, **approval))) as appliance:
        rule = appliance.ask("show", "rules")["rules"][0]
        check_equal({key: rule[key] for key in approval}, approval)
        answer = appliance.ask("explain", "inbound", "tcp", "203.0.113.9", "198.51.100.10:443")
        check_equal({key: answer["rule"][key] for key in approval}, approval)


@test
def a_person_sees_mode_policy_and_ports():
    with running(mode="audit") as appliance:
        result = appliance.cli()
        check_equal(result.code, OK)
        for text in ("AUDIT", "good", "net_pcap0", "net_pcap1", "dmz"):
            check_in(text, result.out)


@test
def every_method_is_listed_with_its_role():
    with running() as appliance:
        roles = {method["name"]: method["role"] for method in appliance.call("methods")["methods"]}
        check_equal({name for name, role in roles.items() if role == "admin"},
                    {"load", "confirm", "rollback", "kill_flows", "policy_text",
                     "diff_flows"})
        check_equal({name for name, role in roles.items() if role == "view"},
                    {"status", "show_rules", "show_flows", "show_drops", "show_policy", "show_sources",
                     "show_exceptions", "explain", "events", "methods", "history"})
        error = refused(appliance.call, "statsu")
        check_equal(error.code, -32601)
        check_in("status", error.message)


@test
def exceptions_are_shown_alone_with_their_ends_and_approvals():
    exceptions = [{"id": f"EXC-{year}", "direction": "inbound", "service": "telnet/tcp",
                   "source": "any", "destination": "198.51.100.10", "overrides": "BAN",
                   "expires": f"{year}-01-01T00:00:00Z", "approved_by": "CMB", "reason": "old box"}
                  for year in (2020, 2090)]
    bans = [{"id": "BAN", "service": "telnet", "reason": "clear text"}]
    with running(policy(WEB, exceptions=exceptions, banned=bans)) as appliance:
        shown = appliance.ask("show", "exceptions")["exceptions"]
        check_equal([(rule["id"], rule["expires"], rule["expired"], rule["overrides"],
                      rule["approved_by"], rule["reason"], rule["live"]) for rule in shown],
                    [("EXC-2020", "2020-01-01T00:00:00Z", True, ["BAN"], "CMB", "old box", 0),
                     ("EXC-2090", "2090-01-01T00:00:00Z", False, ["BAN"], "CMB", "old box", 0)])
        lines = appliance.cli("show", "exceptions").out.splitlines()
        check_equal(len(lines), 3)
        check_in("EXPIRED 2020", lines[1])
        check_in("old box", lines[2])


@test
def explain_is_answered_without_any_traffic():
    with running() as appliance:
        question = {"direction": "inbound", "protocol": "tcp", "source": "203.0.113.9",
                    "source_port": 40000, "destination": "198.51.100.10", "destination_port": 443}
        answer = appliance.call("explain", question)
        check_equal((answer["verdict"], answer["rule"]["id"]), ("pass", "WEB"))
        answer = appliance.call("explain", dict(question, destination_port=22))
        check_equal((answer["verdict"], answer["reason"], answer["step"]),
                    ("drop", "not_approved", "classify"))
        check_equal(appliance.call("status")["packets"]["dropped"], 0)
        result = appliance.cli("explain", "inbound", "tcp", "203.0.113.9:40000",
                               "198.51.100.10:443")
        check_equal(result.code, OK)
        check_in("WEB", result.out)


@test
def explain_asks_with_a_packet_that_is_well_formed_whatever_the_protocol():
    anything = policy({"id": "ANY", "direction": "inbound", "protocol": "any", "source": "any",
                       "destination": "any"}, link=OPEN_LINK)
    question = {"direction": "inbound", "source_port": 40000, "destination_port": 443}
    v4 = dict(question, source="203.0.113.9", destination="198.51.100.10")
    v6 = dict(question, source="fe80::9", destination="ff02::1:ff00:10")
    with running(anything) as appliance:
        for protocol in ("tcp", "udp", "udplite", "sctp", "dccp", "icmp", "igmp", "ospf", "59"):
            answer = appliance.call("explain", dict(v4, protocol=protocol))
            check_equal((protocol, answer["verdict"], answer["rule"]["id"]),
                        (protocol, "pass", "ANY"))
        for icmp_type in (128, 130, 131, 132, 133, 134, 135, 136, 143):
            to = "fe80::10" if icmp_type == 136 else v6["destination"]
            answer = appliance.call("explain", dict(v6, protocol="icmpv6", icmp_type=icmp_type,
                                                    destination=to))
            check_equal((icmp_type, answer["verdict"], answer["reason"]),
                        (icmp_type, "pass", "none"))


@test
def explain_tells_the_nearest_rules_of_what_nothing_approves():
    with running() as appliance:
        question = {"direction": "inbound", "protocol": "tcp", "source": "203.0.113.9",
                    "destination": "198.51.100.10", "destination_port": 22}
        nearest = appliance.call("explain", question)["nearest"]
        check_equal((nearest[0]["rule"]["id"], [miss["field"] for miss in nearest[0]["misses"]]),
                    ("WEB", ["ports"]))
        check_in("not 22", nearest[0]["misses"][0]["text"])
        check_equal(appliance.call("explain", dict(question, destination_port=443))["nearest"], [])


@test
def a_frame_of_a_capture_is_judged_by_the_law_and_changes_nothing():
    syn = ethernet(ipv4("203.0.113.9", "198.51.100.10", tcp(40000, 443, "S")))
    middle = ethernet(ipv4("203.0.113.9", "198.51.100.10", tcp(40000, 443, "PA", b"x")))
    xmas = ethernet(ipv4("203.0.113.9", "198.51.100.10", tcp(40000, 443, "FPU")))
    with running() as appliance:
        path = appliance.path("some.pcap")
        write_pcap(path, [(0, syn), (1, middle), (2, xmas), (3, syn[:12] + b"\x12\x34" + syn[14:])])
        answer = appliance.ask("explain", "--pcap", path)
        check_equal([[(side["packet"]["direction"], side["verdict"], side["reason"])
                      for side in frame["answers"]] for frame in answer["frames"]],
                    [[("inbound", "pass", "none"), ("outbound", "drop", "not_approved")],
                     [("inbound", "drop", "tcp_not_syn"), ("outbound", "drop", "tcp_not_syn")],
                     [("inbound", "drop", "tcp_flags"), ("outbound", "drop", "tcp_flags")],
                     [("inbound", "drop", "ethertype_denied"),
                      ("outbound", "drop", "ethertype_denied")]])
        check_equal(answer["frames"][3]["answers"][0]["packet"]["ethertype"], "0x1234")
        check_equal(appliance.call("status")["flows"]["live"], 0)
        check_equal(appliance.call("status")["packets"]["dropped"], 0)


@test
def frames_that_are_none_are_refused():
    with running() as appliance:
        for params, said in (({"frame": "0", "length": 1}, "digits"),
                             ({"frame": "0g", "length": 1}, "hexadecimal"),
                             ({"frame": "00" * 2049, "length": 2049}, "digits"),
                             ({"frame": "00", "length": 60}, "1 bytes of 60"),
                             ({"frame": "0000", "length": 1}, "2 bytes of 1"),
                             ({"frame": "00" * 2048, "length": 1 << 30}, "length"),
                             ({"frame": "00"}, "length")):
            error = refused(appliance.call, "explain", dict(params, direction="inbound"))
            check_equal(error.code, -32602)
            check_in(said, str(error.data))
        # The shortest frame there is gets a verdict.
        answer = appliance.call("explain", {"direction": "inbound", "frame": "", "length": 0})
        check_equal(answer["verdict"], "drop")


# ---- load ----

@test
def a_good_policy_is_taken_into_force_and_recorded():
    with running() as appliance:
        before = appliance.call("status")["policy"]
        answer = appliance.load(OTHER, "other.json")
        after = appliance.call("status")["policy"]
        check_equal((answer["name"], answer["revision"], answer["generation"], answer["digest"]),
                    ("other", 3, after["generation"], after["digest"]))
        check_equal((answer["previous_digest"], answer["flows"]),
                    (before["digest"], {"kept": 0, "rebound": 0, "cut": 0}))
        check_equal((after["name"], after["file"]), ("other", "other.json"))
        check(after["digest"] != before["digest"], "the digest is the same")
        appliance.stop()
        loaded = appliance.events("policy_loaded")[-1]
        check_equal((loaded["cause"], loaded["previous_digest"], loaded["digest"],
                     loaded["who"]["uid"], loaded["who"]["pid"]),
                    ("load", before["digest"], after["digest"], os.getuid(), os.getpid()))


@test
def a_bad_policy_changes_nothing_and_every_mistake_is_named():
    with running() as appliance:
        before = state_of(appliance)
        error = refused(appliance.load, BAD)
        check_equal(error.code, REFUSED)
        check_equal([mistake["path"] for mistake in error.data],
                    ["approved[0].direction", "approved[1].service"])
        check_in("upward", error.data[0]["text"])
        for text in ("", "{", "[]", "null", '{"policy":"a","policy":"b","revision":1}',
                     '{"policy":"a","revision":1,"aproved":[]}', "\x7f", "{" * 100000):
            check_equal(refused(appliance.load, text).code, REFUSED)
        check_equal(state_of(appliance), before)
        check_equal(appliance.call("status")["reload"], {"busy": False, "loads": 1, "refused": 9})
        appliance.stop()
        event = appliance.events("policy_refused")[0]
        check_equal((event["cause"], event["who"]["uid"], event["digest"], len(event["errors"])),
                    ("load", os.getuid(), before[0], 2))


@test
def a_policy_of_more_rules_than_there_may_be_is_refused_with_that_reason():
    with running() as appliance:
        before = state_of(appliance)
        big = json.dumps(policy(*(dict(WEB, id=f"R-{n}") for n in range(100000)), revision=9))
        error = refused(appliance.call, "load", {"name": "p", "text": big})
        check_equal(error.data,
                    [{"path": "", "text": "the policy has 100000 rules, at most 60000"}])
        check_equal(state_of(appliance), before)
        good = json.dumps(policy(*(dict(WEB, id=f"R-{n}") for n in range(10000)), revision=9))
        answer = appliance.call("load", {"name": "p", "text": good})
        check_equal(answer["rules"]["approved"], 10000)
        check_equal(appliance.call("status")["memory"]["per_rule"],
                    answer["table_bytes"] // 10000)


@test
def ppsfw_load_is_silent_when_done_and_tells_every_mistake_when_not():
    with running() as appliance:
        result = appliance.cli("load", appliance.write("other.json", OTHER))
        check_equal((result.code, result.out, result.err), (OK, "", ""))
        result = appliance.cli("load", appliance.write("bad.json", BAD))
        check_equal(result.code, FAILED)
        check_in("approved[0].direction", result.err)
        check_in("approved[1].service", result.err)
        check_equal(appliance.call("status")["policy"]["name"], "other")


@test
def a_second_load_while_one_is_under_way_is_told_so():
    with running() as appliance, appliance.connect() as control:
        # Both lines are there before either is read: the first is compiling when the second comes.
        lines = [json.dumps({"jsonrpc": "2.0", "id": number, "method": "load",
                             "params": {"name": "p", "text": json.dumps(document)}}) + "\n"
                 for number, document in ((1, OTHER), (2, GOOD))]
        control.socket.sendall("".join(lines).encode())
        answers = {answer["id"]: answer for answer in (control.receive(), control.receive())}
        check_equal(answers[1]["result"]["name"], "other")
        check_equal(answers[2]["error"]["code"], BUSY)
        check_equal(control.load(GOOD)["name"], "good")


@test
def a_load_goes_on_when_its_asker_is_gone():
    with running() as appliance:
        control = appliance.connect()
        control.send("load", {"name": "p", "text": json.dumps(OTHER)})
        control.close()
        wait_until(lambda: appliance.call("status")["policy"]["name"] == "other", "the policy")


@test
def parameters_that_are_none_are_refused_with_their_places():
    with running() as appliance:
        for method, params, path in (
                ("load", {}, "name"), ("load", {"name": 1, "text": "{}"}, "name"),
                ("load", {"name": "a", "text": "{}", "more": 1}, "more"),
                ("explain", {"direction": "sideways"}, "protocol"),
                ("show_flows", {"filter": {"color": "red"}}, "color"),
                ("kill_flows", {"filter": {"port": 70000}}, "filter.port")):
            error = refused(appliance.call, method, params)
            check_equal((method, error.code), (method, -32602))
            check(any(path in (mistake["path"], *mistake["text"].split('"'))
                      for mistake in error.data), (method, params, error.data))


@test
def an_exception_ends_at_its_second_on_the_systems_clock():
    ends = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
    ends += datetime.timedelta(seconds=2)
    document = policy(WEB, exceptions=[{
        "id": "EXC", "direction": "inbound", "protocol": "tcp", "ports": 5432, "source": "any",
        "destination": "198.51.100.10", "expires": ends.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "approved_by": "CMB", "reason": "migration"}])
    question = {"direction": "inbound", "protocol": "tcp", "source": "203.0.113.9",
                "destination": "198.51.100.10", "destination_port": 5432}
    with running(document) as appliance, appliance.connect() as control:
        first = control.call("explain", question)
        check(first["verdict"] == "pass" or datetime.datetime.now(datetime.timezone.utc) >= ends,
              first)
        wait_until(lambda: control.call("status")["policy"]["valid_until"] is None, "the end")
        check(datetime.datetime.now(datetime.timezone.utc) >= ends, "it ended early")
        check_equal(control.call("explain", question)["reason"], "exception_expired")
        check_equal(control.call("show_rules")["rules"][0]["expired"], True)
        events = control.call("events", {"filter": {"event": "exception_expired"}})["events"]
        check_equal([event["rule"] for event in events], ["EXC"])


# ---- signals ----

@test
def sighup_reads_the_policy_file_again():
    with running() as appliance:
        appliance.write_policy(OTHER)
        appliance.signal(signal.SIGHUP)
        wait_until(lambda: appliance.call("status")["policy"]["name"] == "other", "the policy")
        before = state_of(appliance)
        for text in ("{", json.dumps(BAD)):
            count = appliance.call("status")["reload"]["refused"]
            appliance.write_policy(text)
            appliance.signal(signal.SIGHUP)
            wait_until(lambda n=count: appliance.call("status")["reload"]["refused"] == n + 1,
                       "the refusal")
        os.unlink(appliance.path("policy.json"))
        appliance.signal(signal.SIGHUP)
        wait_until(lambda: appliance.call("status")["reload"]["refused"] == 3, "the refusal")
        check_equal(state_of(appliance), before)
        check_in("approved[0].direction", appliance.errors())
        check_equal(appliance.stop(), OK)
        check_equal([event["cause"] for event in appliance.events("policy_refused")],
                    ["sighup"] * 3)


@test
def sigterm_and_sigint_end_cleanly_and_nothing_is_left_behind():
    for number, word in ((signal.SIGTERM, "Terminated"), (signal.SIGINT, "Interrupt")):
        with running() as appliance:
            refused(appliance.load, BAD)
            appliance.signal(number)
            check_equal(appliance.wait(), OK)
            kinds = [event["event"] for event in appliance.events()]
            check_equal(kinds, ["policy_loaded", "daemon_start", "policy_refused", "daemon_stop"])
            check_equal(appliance.events()[-1]["signal"], word)
            check(not os.path.exists(appliance.socket), "the socket is still there")


@test
def a_load_under_way_does_not_keep_the_daemon_from_ending():
    with running() as appliance, appliance.connect() as control:
        rules = [approve(f"R{n}", "inbound", protocol="tcp", ports=n + 1,
                         to=f"10.{n // 250}.{n % 250}.1") for n in range(3000)]
        control.send("load", {"name": "p", "text": json.dumps(policy(*rules))})
        appliance.call("methods")
        check_equal(appliance.stop(), OK)


# ---- roles ----

def can_be_another_user():
    """Skips where nobody else can be played."""
    if os.getuid() != 0 or shutil.which("setpriv") is None:
        skip("needs root and setpriv")
    try:
        return pwd.getpwnam("nobody").pw_name
    except KeyError:
        skip("this system has no user \"nobody\"")
        return None


def open_folder(appliance):
    """Lets other users in, and gives them a ppsfw that they can reach."""
    os.chmod(appliance.folder, 0o755)
    return shutil.copy(PPSFW, appliance.path("ppsfw"))


def as_user(user, program, appliance, *words):
    """Runs ppsfw as somebody else."""
    return run_program("setpriv", f"--reuid={user}", f"--regid={pwd.getpwnam(user).pw_gid}",
                       "--clear-groups", program, "--socket", appliance.socket, *words)


@test
def who_is_not_listed_may_not_even_look():
    user = can_be_another_user()
    for access in (None, {"view": ["daemon"]}):
        with running(**({"access": access} if access else {})) as appliance:
            program = open_folder(appliance)
            result = as_user(user, program, appliance)
            check_equal(result.code, FAILED)
            check_in("ermi", result.err)  # permission denied, or not permitted
            check_equal(appliance.cli().code, OK)


@test
def viewers_may_look_and_change_nothing():
    user = can_be_another_user()
    with running(access={"view": [user]}) as appliance:
        program = open_folder(appliance)
        before = state_of(appliance)
        good = appliance.write("other.json", OTHER)
        for words in ((), ("show", "rules"), ("show", "flows"), ("show", "drops"), ("events",)):
            check_equal((words, as_user(user, program, appliance, *words).code), (words, OK))
        for words in (("load", good), ("kill", "flows", "port", "443")):
            result = as_user(user, program, appliance, *words)
            check_equal((words, result.code), (words, FAILED))
            check_in("admin", result.err)
        check_equal(state_of(appliance), before)


@test
def listed_administrators_may_change_things_by_name_and_by_group():
    user = can_be_another_user()
    for access in ({"admin": [user]}, {"admin": ["@nogroup"], "view": [user]}):
        with running(access=access) as appliance:
            program = open_folder(appliance)
            result = as_user(user, program, appliance, "load",
                             appliance.write("other.json", OTHER))
            check_equal((access, result.code, result.err), (access, OK, ""))
            appliance.stop()
            check_equal(appliance.events("policy_loaded")[-1]["who"]["uid"],
                        pwd.getpwnam(user).pw_uid)


main()
