#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Each command of ppsfw: what it asks the daemon, and what it makes of the answer.

    test_cli_commands.py PPSFW SOURCE_ROOT
"""

import copy
import json
import os
import re
import signal
import socket
import struct
import subprocess
import tempfile
import threading

from cli import (
    BAD_POLICY, DENY, EXPLAINED, FAILED, FLOW, GOOD_POLICY, LOADED, OK, POLICY, PPSFW, RULE,
    STATUS, USAGE, ask, changed, check_exit, environment, make_port, now, policy_file, run,
    run_on_terminal)
from fake_daemon import FakeDaemon, Refusal, notify
from tap import check, check_equal, check_in, check_not_in, main, test


# ---- status ----

@test
def no_word_at_all_means_status():
    alone, calls = ask({"status": STATUS})
    named, _ = ask({"status": STATUS}, "status")
    check_exit(alone, OK)
    check_equal(alone.out, named.out)
    check_equal(calls, [("status", {})])


@test
def status_fits_one_screen_and_names_all_that_matters():
    result, _ = ask({"status": STATUS})
    check(len(result.out.splitlines()) <= 24, result.out)
    check(max(map(len, result.out.splitlines())) <= 100, result.out)
    for part in ("INLINE", "web-enclave revision 7", "3f2a9c1be04d", "in force for 2 h 5 min",
                 "up 3 d 4 h", "pid 4711", "Configuration Management Board", "net_pcap0",
                 "10.0 Gbit/s", "1.2 M/s", "3.4 Gbit/s", "340 of 1.0 M (0.0 %)",
                 "64.0 MiB for flows, 64 bytes each", "1.0 MiB for rules, 209715 bytes each",
                 "3.0 GiB", "now 1200/s", "not_approved", "no rule approves it"):
        check_in(part, result.out)
    check_not_in("WARNING", result.out)


@test
def audit_mode_says_in_capitals_that_nothing_is_blocked():
    result, _ = ask({"status": changed(STATUS, mode="audit")})
    check_in("AUDIT: NOTHING IS BEING BLOCKED", result.out.splitlines()[0])
    check_in("would drop", result.out)


@test
def observer_mode_says_in_capitals_that_nothing_is_blocked_and_what_had_passed():
    port = STATUS["segments"][0]["inside"]
    observed = {"packets": 12, "bytes": 2048, "conversations": 3, "answered": 1}
    result, _ = ask({"status": changed(STATUS, mode="observer", observed=observed,
                                       segments=[{"name": "dmz", "mirror": dict(port, name="m0")}])})
    check_in("OBSERVER: NOTHING IS BEING BLOCKED", result.out.splitlines()[0])
    for text in ("would drop", "12 packets, 2.0 KiB, 3 conversations would have been denied; "
                 "all were already on the wire; 1 answered"):
        check_in(text, result.out)
    row = next(line.split() for line in result.out.splitlines() if " mirror " in line)
    check_equal(row[:3], ["dmz", "mirror", "m0"])


@test
def a_daemon_without_a_policy_says_that_nothing_passes():
    result, _ = ask({"status": changed(STATUS, policy=None)})
    check_exit(result, OK)
    check_in("NONE: nothing passes", result.out)


@test
def trouble_comes_before_everything_else():
    port = make_port("net_pcap1", link="down", missed=17, no_buffer=1, errors=3)
    worker = changed(STATUS["workers"][0], stalled=True)
    answer = changed(STATUS, workers=[worker])
    answer["segments"][0]["outside"] = port
    answer["events"].update(lost=12, write_errors=1)
    answer["flows"]["live"] = 1000000
    answer["reload"]["busy"] = True
    result, _ = ask({"status": answer})
    before = result.out[:result.out.index("\npolicy ")]
    for part in ("worker 0 (lcore 1) has stalled", "link of dmz outside (net_pcap1) is down",
                 "17 frames not taken", "1 frame lost for want of buffers",
                 "3 frames with errors", "12 events lost", "1 event did not reach",
                 "nearly full", "being loaded"):
        check_in(part, before)
    check_in("DOWN", result.out)


@test
def a_flood_is_said_before_everything_else():
    answer = changed(STATUS)
    answer["flows"]["pressure"] = True
    answer["flows"]["half_open"].update(live=524288, replaced=5000000, pressure=True)
    result, _ = ask({"status": answer})
    before = result.out[:result.out.index("\npolicy ")]
    check_in("nearly full", before)
    check_in("half-open flows are at their limit", before)
    check_in("524 k half-open of at most 524 k, 8192 a source; 5.0 M replaced", result.out)


@test
def half_open_flows_below_their_limit_are_no_trouble():
    result, _ = ask({"status": STATUS})
    check_not_in("WARNING", result.out)
    check_in("12 half-open of at most", result.out)


@test
def status_says_whether_what_runs_is_what_was_approved():
    result, _ = ask({"status": STATUS})
    check_in("approved   = running: tables 5a5a5a5a5a5a, checked 2026-11-21T04:00:00.123Z\n",
             result.out)
    answer = changed(STATUS)
    answer["drift"].update(equal=False, differs=[
        {"what": "tables", "text": "the tables that run are not those"},
        {"what": "file", "text": "/etc/ppsfw/policy.json is not what is in force"}])
    answer["change"] = {"file_differs": True}
    result, _ = ask({"status": answer})
    before = result.out[:result.out.index("\npolicy ")]
    check_in("ALERT      drift: the tables that run are not those\n", before)
    check_in("ALERT      drift: /etc/ppsfw/policy.json is not what is in force", before)
    check_not_in("NOTE", before)
    check_in("approved   = running: NO", result.out)
    answer["drift"].update(equal=None, differs=[])
    result, _ = ask({"status": answer})
    check_in("NOTE       the configured policy file is not what is in force", result.out)
    check_in("approved   = running: not known: being checked", result.out)
    answer["drift"]["why"] = "the approved policy cannot be compiled again: no memory"
    check_in("not known: the approved policy cannot", ask({"status": answer})[0].out)


@test
def verbose_status_adds_the_workers_and_the_whole_digest():
    result, _ = ask({"status": STATUS}, "-v")
    for part in ("WORKER", "BUSY", " 38 % ", "running", POLICY["digest"], POLICY["file"]):
        check_in(part, result.out)


@test
def verbose_status_says_where_workers_run_and_what_they_poll():
    answer = changed(STATUS)
    answer["workers"].append(changed(answer["workers"][0], worker=1, lcore=2, cpu=None,
                                     numa_node=None, handed_over=123457,
                                     inputs=answer["workers"][0]["inputs"][:1]))
    answer["segments"][0]["inside"].update(spread="rss", rx_queues=2, numa_node=1)
    result, _ = ask({"status": answer}, "-v")
    rows = [line.split() for line in result.out.splitlines()]
    check_in(["0", "1", "5", "1"], [row[:4] for row in rows])
    check_in(["1", "2", "-", "-"], [row[:4] for row in rows])
    check_in(["dmz", "inside", "net_pcap0", "1", "2", "rss", "0,", "1"], rows)
    check_in(["dmz", "outside", "net_pcap1", "-", "1", "none", "0"], rows)
    # Without -v it is one line, and that only where there are several.
    check_in("workers    2; 1 of 2 ports spread packets by addresses; 5.0 % of packets handed "
             "over\n", ask({"status": answer})[0].out)
    check_not_in("\nworkers", ask({"status": STATUS})[0].out)


@test
def workers_in_the_wrong_place_are_said_before_everything_else():
    answer = changed(STATUS, placement=["workers 0 and 1 share processor 3: one waits", 7])
    result, _ = ask({"status": answer})
    before = result.out[:result.out.index("\npolicy ")]
    check_in("WARNING    workers 0 and 1 share processor 3: one waits", before)


@test
def an_answer_with_nothing_in_it_is_printed_without_a_crash():
    for method, words in (("status", ["status"]), ("show_rules", ["show", "rules"]),
                          ("show_flows", ["show", "flows"]), ("show_drops", ["show", "drops"]),
                          ("show_policy", ["show", "policy"]), ("events", ["events"]),
                          ("show_exceptions", ["show", "exceptions"]),
                          ("kill_flows", ["kill", "flows", "all"]),
                          ("explain", ["explain", "inbound", "tcp", "10.0.0.1:1", "10.0.0.2:2"])):
        result, _ = ask({method: {}}, *words)
        check_exit(result, OK)


@test
def members_of_a_wrong_type_are_printed_without_a_crash():
    def spoil(value):
        if isinstance(value, dict):
            return {key: spoil(member) for key, member in value.items()}
        if isinstance(value, list):
            return [spoil(member) for member in value] + [7, None, "x"]
        return {"int": 1e300, "float": "x", "str": -5, "bool": [], "NoneType": {}}[type(value).__name__]

    for method, answer, words in (
            ("status", STATUS, ["-v"]), ("show_rules", {"rules": [RULE]}, ["show", "rules"]),
            ("show_exceptions", {"exceptions": [RULE]}, ["show", "exceptions"]),
            ("show_flows", {"flows": [FLOW], "matched": 1}, ["show", "flows"]),
            ("events", {"events": [DENY]}, ["events"]),
            ("explain", EXPLAINED, ["explain", "inbound", "tcp", "10.0.0.1:1", "10.0.0.2:2"])):
        result, _ = ask({method: spoil(answer)}, *words)
        check_exit(result, OK)


# ---- check ----

@test
def a_good_policy_is_ok():
    with policy_file(GOOD_POLICY) as file:
        result = run("check", file.name)
        check_exit(result, OK)
        check_in(f"{file.name}: ok: policy web-enclave revision 8, 1 approved", result.out)


@test
def check_needs_no_daemon_and_calls_none():
    with FakeDaemon() as daemon, policy_file(GOOD_POLICY) as file:
        check_exit(run("check", file.name, daemon=daemon), OK)
        check_equal(daemon.calls, [])


@test
def check_prints_every_error_with_file_place_and_text():
    with policy_file(BAD_POLICY) as file:
        result = run("check", file.name)
    check_exit(result, FAILED)
    lines = result.out.splitlines()
    check(lines[0].startswith(f"{file.name}: approved[1].direction: "), result.out)
    check(lines[1].startswith(f"{file.name}: approved[2].ports: "), result.out)
    check_in("70000", lines[1])
    check_equal(lines[-1], f"{file.name}: not ok: 2 errors")


@test
def a_syntax_error_has_its_line_and_column():
    with policy_file('{\n"policy": "x",,\n}') as file:
        result = run("check", file.name)
    check_exit(result, FAILED)
    check_in("line 2, column ", result.out)


@test
def a_file_that_is_not_there_is_not_ok():
    result = run("check", "/nonexistent/policy.json")
    check_exit(result, FAILED)
    check_in("/nonexistent/policy.json: cannot read it: No such file or directory\n", result.out)
    check(result.out.startswith("/nonexistent/"), result.out)


@test
def a_pipe_is_not_ok_and_keeps_nobody_waiting():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "pipe")
        os.mkfifo(path)
        result = run("check", path)
        check_exit(result, FAILED)
        check_in(f"{path}: cannot read it: it is not a regular file\n", result.out)
        check_exit(run("load", path), FAILED)


@test
def check_with_json_lists_errors_and_findings():
    with policy_file(BAD_POLICY) as file:
        result = run("check", file.name, "--json")
        check_exit(result, FAILED)
        answer = json.loads(result.out)
        check_equal(answer["ok"], False)
        check_equal(answer["policy"], None)
        check_equal([error["path"] for error in answer["errors"]],
                    ["approved[1].direction", "approved[2].ports"])
    with policy_file(GOOD_POLICY) as file:
        answer = json.loads(run("check", file.name, "--json").out)
        check_equal(answer["ok"], True)
        check_equal(answer["errors"], [])
        check_equal(answer["policy"]["rules"], {"approved": 1, "exceptions": 0, "banned": 0})
        check_equal(len(answer["policy"]["digest"]), 64)


EXPIRED_POLICY = dict(GOOD_POLICY, exceptions=[
    {"id": "EXC-0001", "direction": "inbound", "protocol": "tcp", "ports": 22, "source": "any",
     "destination": "198.51.100.10", "expires": "2020-01-01T00:00:00Z", "approved_by": "CMB",
     "reason": "long ago"}])


@test
def warnings_are_printed_and_pass():
    with policy_file(EXPIRED_POLICY) as file:
        result = run("check", file.name)
    check_exit(result, OK)
    check_in(f"{file.name}: exceptions[0]: warning: expired at 2020-01-01T00:00:00Z and permits "
             "nothing; remove it, or have it approved again [expired]", result.out)


@test
def strict_makes_warnings_fail():
    with policy_file(EXPIRED_POLICY) as file:
        check_exit(run("check", "--strict", file.name), FAILED)
        answer = json.loads(run("check", "--strict", "--json", file.name).out)
    check_equal(answer["ok"], False)
    found = {finding["finding"]: finding for finding in answer["findings"]}
    check_equal(found["expired"], {
        "finding": "expired", "severity": "warning", "path": "exceptions[0]",
        "text": "expired at 2020-01-01T00:00:00Z and permits nothing",
        "advice": "remove it, or have it approved again"})


# 500 source ports that do not touch, and 500 ports: a quarter of a million combinations.
LARGE_POLICY = dict(GOOD_POLICY, approved=[
    {"id": "PPS-0001", "direction": "inbound", "protocol": "tcp", "source": "10.0.0.0/8",
     "destination": "198.51.100.10", "ports": list(range(1, 1000, 2)),
     "source_ports": list(range(1, 1000, 2))}])


@test
def what_every_daemon_would_refuse_is_not_ok_and_not_sent():
    why = "approved[0]: the policy makes 250000 table entries for one direction and family, more"
    with policy_file(LARGE_POLICY) as file:
        result = run("check", file.name)
        check_exit(result, FAILED)
        check_in(f"{file.name}: {why}".replace("approved[0]:", "approved[0]: error:"), result.out)
        check_in("; name prefixes and ranges instead of single members", result.out)
        check_in("[too-many-entries]", result.out)
        check_in(f"{file.name}: not ok: policy web-enclave", result.out)
        check_equal(json.loads(run("check", file.name, "--json").out)["ok"], False)
        result, calls = ask({"load": LOADED}, "load", file.name)
        check_exit(result, FAILED)
        check_equal(calls, [])
        check_in(f"ppsfw: load: {file.name}: {why}", result.err)


@test
def what_is_too_large_to_load_can_be_compared_with_what_is_to_come():
    with policy_file(LARGE_POLICY) as large, policy_file(GOOD_POLICY) as small:
        result = run("diff", large.name, small.name)
        check_exit(result, FAILED)  # they differ
        check_equal(result.err, "")
        check_in("[PPS-0001 -> not approved]", result.out)


@test
def check_wants_exactly_one_file():
    for words in (["check"], ["check", "a", "b"]):
        result = run(*words)
        check_exit(result, USAGE)
        check_in("usage: ppsfw check [--strict] FILE", result.err)


# ---- diff ----

SMTP = {"id": "PPS-0002", "direction": "outbound", "protocol": "tcp", "ports": 25,
        "source": "198.51.100.0/24", "destination": "any", "approved_by": "CMB 2026-050"}


def diff(before, after, *words):
    """Runs diff on two policies, without a daemon."""
    with policy_file(before) as old, policy_file(after) as new:
        return run("diff", old.name, new.name, *words)


@test
def diff_tells_traffic_and_not_lines():
    before = changed(GOOD_POLICY, banned=[
        {"id": "BAN-1", "protocol": "tcp", "ports": 23, "reason": "clear text"}])
    after = changed(GOOD_POLICY, revision=9, banned=[
        {"id": "BAN-1", "protocol": "tcp", "ports": [23, 443], "source": "192.0.2.0/24",
         "reason": "clear text"}], link={"arp": "both"}, timeouts={"udp": 60},
        sources={"block": ["203.0.113.0/24"]})
    after["approved"].append(SMTP)
    after["approved"][0]["approved_by"] = "CMB 2026-099"
    result = diff(before, after)
    check_exit(result, FAILED)
    check_equal(result.err, "")
    lines = result.out.splitlines()
    check(lines[0].startswith("policy web-enclave revision 8 -> web-enclave revision 9, as of "),
          lines[0])
    check_equal(lines[1:], [
        "newly allowed (1):",
        "  + outbound tcp 198.51.100.0/24 -> any:25 (smtp)  "
        "[not approved -> PPS-0002 (CMB 2026-050)]",
        "newly denied (1):",
        "  - inbound tcp 192.0.2.0/24 -> 198.51.100.10:443 (https)  "
        "[PPS-0001 (CMB 2026-031) -> banned by BAN-1]",
        "link (1):",
        "  ~ link.arp: none -> both",
        "source lists (1):",
        "  + block 203.0.113.0/24",
        "rules (3):",
        "  ~ BAN-1 names other traffic: ports",
        "  ~ BAN-1 names other traffic: source",
        "  ~ PPS-0001 approved_by: CMB 2026-031 -> CMB 2026-099",
        "  + PPS-0002 added",
        "settings (1):",
        "  ~ timeouts.udp: 120 -> 60"])


@test
def diff_succeeds_when_the_same_traffic_passes():
    after = copy.deepcopy(GOOD_POLICY)
    after["approved"][0].update(id="PPS-0009", approved_by="CMB 2026-099")
    result = diff(GOOD_POLICY, after)
    check_exit(result, OK)
    check_in("allowed by another rule (1):\n  = inbound tcp any -> 198.51.100.10:443 (https)  "
             "[PPS-0001 (CMB 2026-031) -> PPS-0009 (CMB 2026-099)]\n", result.out)
    check_in("the same traffic passes\n", result.out)
    check_equal(diff(GOOD_POLICY, GOOD_POLICY).out.splitlines()[1:], ["the same traffic passes"])


@test
def diff_with_json_has_the_ranges_of_each_region():
    after = copy.deepcopy(GOOD_POLICY)
    after["approved"].append(SMTP)
    result = diff(GOOD_POLICY, after, "--json")
    check_exit(result, FAILED)
    answer = json.loads(result.out)
    check_equal(answer["allowed"], [{
        "text": "outbound tcp 198.51.100.0/24 -> any:25 (smtp)", "family": "ipv4",
        "direction": "outbound", "protocol": [6, 6], "source": "198.51.100.0/24",
        "source_ports": [0, 65535], "destination": "0.0.0.0/0", "ports": [25, 25],
        "vlans": [0, 4095],
        "old": {"decision": "not_approved", "rule": None, "approved_by": None},
        "new": {"decision": "pass", "rule": "PPS-0002", "approved_by": "CMB 2026-050"}}])
    check_equal(answer["traffic_differs"], True)
    check_equal([answer[key] for key in ("denied", "rebound", "link", "sources", "settings")],
                [[]] * 5)


@test
def diff_shows_as_many_regions_as_are_asked_for():
    after = copy.deepcopy(GOOD_POLICY)
    after["approved"].append(dict(SMTP, ports=[25, 27, 29]))
    result = diff(GOOD_POLICY, after, "--max", "2")
    check_equal(result.out.count("\n  + outbound"), 2)
    check_in("... and 1 more", result.out)


@test
def diff_of_a_policy_with_errors_names_the_file_and_all_errors():
    with policy_file(GOOD_POLICY) as old, policy_file(BAD_POLICY) as new:
        for words in ((old.name, new.name), (new.name, old.name)):
            result = run("diff", *words)
            check_exit(result, FAILED)
            check_equal(result.out, "")
            check_equal(result.err.count(new.name), 2)
    check_exit(run("diff"), USAGE)
    check_exit(run("diff", "a", "b", "c"), USAGE)


# ---- load ----

@test
def load_sends_exactly_the_bytes_of_the_file_and_its_full_name():
    text = json.dumps(GOOD_POLICY, indent=3) + "\n\n"
    with policy_file(text) as file:
        result, calls = ask({"load": LOADED}, "load", os.path.basename(file.name),
                            cwd=os.path.dirname(file.name))
        check_exit(result, OK)
        check_equal(calls, [("load", {"name": os.path.realpath(file.name), "text": text})])


@test
def a_load_is_silent_unless_somebody_watches():
    line = "policy web-enclave revision 8 in force: 12 rules; flows: 340 kept, 2 re-bound, 5 cut\n"
    with policy_file(GOOD_POLICY) as file, FakeDaemon({"load": LOADED}) as daemon:
        result = run("load", file.name, daemon=daemon)
        check_equal((result.code, result.out, result.err), (OK, "", ""))
        check_equal(run("load", "-v", file.name, daemon=daemon).out, line)
        check_equal(run_on_terminal("load", file.name, daemon=daemon).out, line)


@test
def a_policy_that_is_wrong_never_reaches_the_daemon():
    with policy_file(BAD_POLICY) as file:
        result, calls = ask({"load": LOADED}, "load", file.name)
        check_exit(result, FAILED)
        check_equal(calls, [])
        check_equal(result.out, "")
        lines = result.err.splitlines()
        check(lines[0].startswith(f"ppsfw: load: {file.name}: approved[1].direction: "), result.err)
        check(lines[1].startswith(f"ppsfw: load: {file.name}: approved[2].ports: "), result.err)
        result = run("load", "--json", file.name)
        check_equal(len(json.loads(result.out)["error"]["data"]), 2)


@test
def all_reasons_of_a_refused_load_are_printed():
    def refuse(_):
        raise Refusal(-32002, "the policy was refused", [
            {"path": "approved[2].ports", "text": '"70000" is not a port (0-65535)'},
            {"path": "", "text": "too large"}])

    with policy_file(GOOD_POLICY) as file:
        result, _ = ask({"load": refuse}, "load", file.name)
    check_exit(result, FAILED)
    check_equal(result.err.splitlines(),
                ['ppsfw: load: refused: approved[2].ports: "70000" is not a port (0-65535)',
                 "ppsfw: load: refused: too large"])


@test
def a_load_during_another_says_busy():
    def refuse(_):
        raise Refusal(-32003, "another policy is being loaded")

    with policy_file(GOOD_POLICY) as file:
        result, _ = ask({"load": refuse}, "load", file.name)
    check_exit(result, FAILED)
    check_equal(result.err, "ppsfw: load: busy: another policy is being loaded\n")


# ---- show ----

@test
def rules_are_a_table_with_counters_and_approval():
    ban = changed(RULE, id="BAN-0001", kind="ban", approved_by=None, last=now(90))
    old = changed(RULE, id="EXC-0012", kind="exception", expires="2026-01-01T00:00:00Z",
                  expired=True)
    result, _ = ask({"show_rules": {"rules": [ban, old, RULE]}}, "show", "rules")
    check_exit(result, OK)
    lines = result.out.splitlines()
    check_equal(len(lines), 4)
    for part in ("ID", "KIND", "DIRECTION", "TRAFFIC", "SOURCE -> DESTINATION", "PACKETS", "BYTES",
                 "LAST HIT", "ASSURANCE", "APPROVED BY", "EXPIRES"):
        check_in(part, lines[0])
    check_in("1 min 3", lines[1])
    check_in("EXPIRED 2026-01-01T00:00:00Z", lines[2])
    for part in ("any -> web_servers", "1.2 M", "3.0 GiB", "never", "high", "CMB 2026-031"):
        check_in(part, lines[3])
    at = lines[0].index("KIND")
    check_equal([line[at:at + 3] for line in lines], ["KIN", "ban", "exc", "app"])


@test
def verbose_rules_are_followed_by_their_whole_approval():
    rule = changed(RULE, owner="web team", assessed="2026-02-28", reason="public web site",
                   comment="see the runbook", mitigations=["TLS 1.2+", "WAF"])
    result, _ = ask({"show_rules": {"rules": [RULE, rule]}}, "show", "rules", "-v")
    blocks = result.out.split("\n\n")
    check_equal(len(blocks), 3)
    check_equal(blocks[1].splitlines(), [
        "rule PPS-0001 (approved): inbound tcp 443, any -> web_servers",
        "  approved by  CMB 2026-031", "  assurance    high",
        "  boundary     external-to-enclave",
        "  mitigation   TLS 1.2+ with mutual authentication"])
    check_equal(blocks[2].splitlines()[1:], [
        "  approved by  CMB 2026-031", "  assurance    high",
        "  boundary     external-to-enclave", "  owner        web team",
        "  assessed     2026-02-28", "  reason       public web site",
        "  mitigation   TLS 1.2+", "  mitigation   WAF", "  comment      see the runbook"])
    plain, _ = ask({"show_rules": {"rules": [RULE, rule]}}, "show", "rules")
    check_not_in("boundary", plain.out)


@test
def exceptions_are_a_table_with_their_ends_and_reasons():
    one = changed(RULE, id="EXC-0012", kind="exception", expires="2035-01-01T00:00:00Z",
                  overrides=["BAN-0001", "BAN-0002"], reason="one old controller")
    result, _ = ask({"show_exceptions": {"exceptions": [one]}}, "show", "exceptions")
    check_exit(result, OK)
    for part in ("EXC-0012", "2035-01-01T00:00:00Z", "BAN-0001, BAN-0002", "CMB 2026-031",
                 "one old controller"):
        check_in(part, result.out.splitlines()[1])
    result, _ = ask({"show_exceptions": {"exceptions": [one]}}, "show", "exceptions", "-v")
    check_in("rule EXC-0012 (exception)", result.out)
    result, _ = ask({"show_exceptions": {"exceptions": []}}, "show", "exceptions")
    check_equal(result.out, "no exceptions\n")


@test
def limits_of_rules_stand_in_the_table():
    full = changed(RULE, id="PPS-0002", live=10,
                   limits={"flows": 10, "flows_per_source": 5, "new_flows_per_second": 500})
    some = changed(RULE, id="PPS-0003", limits={"flows_per_source": 5})
    result, _ = ask({"show_rules": {"rules": [full, some, RULE]}}, "show", "rules")
    lines = result.out.splitlines()
    check_in("LIMITS", lines[0])
    check_in("10 of 10 live, 5 a source, 500/s", lines[1])
    check_in(" 5 a source ", lines[2])
    check_equal(lines[3][lines[0].index("LIMITS"):].split()[0], "-")


@test
def a_long_list_is_cut_on_a_terminal_and_nowhere_else():
    rule = changed(RULE, destination=", ".join(f"198.51.100.{i}" for i in range(40)))
    with FakeDaemon({"show_rules": {"rules": [rule]}}) as daemon:
        env = environment(NO_COLOR="1")
        on_terminal = run_on_terminal("show", "rules", daemon=daemon, env=env).out
        check_in("…", on_terminal)
        check_not_in("198.51.100.39", on_terminal)
        check_in("198.51.100.39", run("show", "rules", daemon=daemon).out)
        check_in("198.51.100.39",
                 run_on_terminal("show", "rules", "-v", daemon=daemon, env=env).out)


@test
def no_rules_is_said_in_words():
    result, _ = ask({"show_rules": {"rules": []}}, "show", "rules")
    check_equal(result.out, "no rules: nothing passes\n")


@test
def flows_show_both_ends_the_state_and_the_rule():
    six = changed(FLOW, source="2001:db8::1", destination="2001:db8::2", vlan=12, inner_vlan=7)
    ping = changed(FLOW, protocol="icmp", icmp_type=8, source_port=4711, destination_port=0)
    result, calls = ask({"show_flows": {"flows": [FLOW, six, ping], "matched": 3, "shown": 3,
                                        "live": 3}}, "show", "flows")
    check_exit(result, OK)
    for part in ("203.0.113.9:40000", "198.51.100.10:443", "tcp_established", "PPS-0001",
                 "10 / 12", "1000 B / 11.7 KiB", "340 ms", "[2001:db8::1]:40000",
                 "tcp vlan 12.7", "icmp type 8", "3 flows of 3 live"):
        check_in(part, result.out)
    check_not_in("4711", result.out)
    check_equal(calls, [("show_flows", {"filter": {}})])


@test
def a_flow_that_was_picked_up_is_marked():
    found = changed(FLOW, picked_up=True)
    result, _ = ask({"show_flows": {"flows": [found], "matched": 1, "shown": 1, "live": 1}},
                    "show", "flows")
    check_in("tcp_established (picked up)", result.out)
    answer = changed(STATUS)
    check_not_in("picked up", ask({"status": answer})[0].out)
    answer["flows"]["picked_up"] = 7
    check_in("7 picked up in mid-stream", ask({"status": answer})[0].out)


@test
def filter_words_become_the_filter_of_the_call():
    _, calls = ask({"show_flows": {}}, "show", "flows", "protocol", "6", "source", "10.0.0.0/8",
                   "address", "2001:DB8:0::1", "port", "443", "rule", "PPS-0001", "vlan", "0",
                   "direction", "inbound", "--max", "20")
    check_equal(calls, [("show_flows", {"filter": {
        "protocol": "tcp", "source": "10.0.0.0/8", "address": "2001:db8::1", "port": 443,
        "rule": "PPS-0001", "vlan": 0, "direction": "inbound"}, "max": 20})])


@test
def more_flows_than_shown_are_said():
    result, _ = ask({"show_flows": {"flows": [FLOW], "matched": 50000, "shown": 1, "live": 60000}},
                    "show", "flows")
    check_in("50000 flows of 60000 live; only 1 shown: --max N shows more", result.out)


@test
def fifty_thousand_flows_are_printed():
    flows = [changed(FLOW, source_port=port) for port in range(50000)]
    answer = {"flows": flows, "matched": 50000, "shown": 50000, "live": 50000}
    with FakeDaemon({"show_flows": answer}) as daemon:
        result = run("show", "flows", "--max", "50000", daemon=daemon)
        check_exit(result, OK)
        check_equal(len(result.out.splitlines()), 50002)
        result = run("show", "flows", "--json", daemon=daemon)
        check_equal(len(json.loads(result.out)["flows"]), 50000)


@test
def a_wrong_filter_is_a_usage_error_and_nothing_is_sent():
    with FakeDaemon({"kill_flows": {"killed": 1}, "show_flows": {}}) as daemon:
        for words, said in ((["prot", "tcp"], "did you mean \"port\""),
                            (["sorce", "10.0.0.1"], "did you mean \"source\""),
                            (["protocol"], "protocol: a value is missing"),
                            (["protocol", "tpc"], "\"tpc\" is not a protocol"),
                            (["protocol", "any"], "is not a protocol"),
                            (["port", "70000"], "not a number from 0 to 65535"),
                            (["port", "-1"], "not an option"),
                            (["port", "0x50"], "not a number"),
                            (["vlan", "4095"], "not a number from 0 to 4094"),
                            (["source", "10.0.0.5/8"], "source: \"10.0.0.5/8\""),
                            (["source", "010.0.0.1"], "source: "),
                            (["direction", "both"], "none of inbound, outbound"),
                            (["port", "1", "port", "2"], "given twice"),
                            (["rule", ""], "is not a text")):
            for command in ("show", "kill"):
                result = run(command, "flows", *words, daemon=daemon)
                check_exit(result, USAGE)
                check_in(said, result.err)
        check_equal(daemon.calls, [])


@test
def drops_have_a_reason_a_step_and_a_sentence():
    result, _ = ask({"show_drops": {"drops": [
        {"reason": "not_approved", "step": "classify", "count": 12000, "text": "their words"},
        {"reason": "tcp_not_syn", "step": "start", "count": 5}], "total": 12005,
        "bytes": 1 << 20}}, "show", "drops")
    lines = result.out.splitlines()
    check_equal(lines[1].split(), ["12000", "not_approved", "classify", "their", "words"])
    check_in("only a SYN may start one", lines[2])
    check_equal(lines[3], "12005 packets, 1.0 MiB in all")


@test
def no_drops_is_said_in_words():
    result, _ = ask({"show_drops": {"drops": [], "total": 0, "bytes": 0}}, "show", "drops")
    check_equal(result.out, "nothing was dropped\n")


@test
def show_policy_ends_in_the_canonical_document():
    result, _ = ask({"show_policy": {"policy": POLICY, "document": GOOD_POLICY}}, "show", "policy")
    check_in("web-enclave revision 7", result.out)
    document = result.out[result.out.index("{"):]
    check_equal(json.loads(document), GOOD_POLICY)
    check_equal(list(json.loads(document)), ["policy", "revision", "approved"])


# ---- kill ----

@test
def kill_flows_without_a_filter_kills_nothing():
    result, calls = ask({"kill_flows": {"killed": 1}}, "kill", "flows")
    check_exit(result, USAGE)
    check_in("kill flows all", result.err)
    check_equal(calls, [])


@test
def kill_flows_all_is_the_empty_filter():
    result, calls = ask({"kill_flows": {"killed": 340}}, "kill", "flows", "all", "-v")
    check_equal((result.code, result.out), (OK, "340 flows killed\n"))
    check_equal(calls, [("kill_flows", {"filter": {}})])


@test
def kill_flows_by_filter_is_silent_on_success():
    result, calls = ask({"kill_flows": {"killed": 1}}, "kill", "flows", "rule", "PPS-0001")
    check_equal((result.code, result.out, result.err), (OK, "", ""))
    check_equal(calls, [("kill_flows", {"filter": {"rule": "PPS-0001"}})])


# ---- explain ----

@test
def explain_asks_about_the_packet_on_the_command_line():
    for words, params in (
            (["inbound", "tcp", "203.0.113.9:40000", "198.51.100.10:443"],
             {"direction": "inbound", "protocol": "tcp", "source": "203.0.113.9",
              "source_port": 40000, "destination": "198.51.100.10", "destination_port": 443}),
            (["outbound", "17", "[2001:db8::1]:53", "[2001:db8::2]:53", "vlan", "12", "segment",
              "dmz"],
             {"direction": "outbound", "protocol": "udp", "source": "2001:db8::1",
              "source_port": 53, "destination": "2001:db8::2", "destination_port": 53, "vlan": 12,
              "segment": "dmz"}),
            (["inbound", "tcp", "10.0.0.1", "10.0.0.2:22", "flags", "ack"],
             {"direction": "inbound", "protocol": "tcp", "source": "10.0.0.1",
              "source_port": 49152, "destination": "10.0.0.2", "destination_port": 22,
              "tcp_flags": "ack"}),
            (["inbound", "icmp", "10.0.0.1", "10.0.0.2", "type", "3", "code", "4"],
             {"direction": "inbound", "protocol": "icmp", "source": "10.0.0.1",
              "destination": "10.0.0.2", "icmp_type": 3, "icmp_code": 4}),
            (["inbound", "icmpv6", "2001:db8::1", "2001:db8::2"],
             {"direction": "inbound", "protocol": "icmpv6", "source": "2001:db8::1",
              "destination": "2001:db8::2", "icmp_type": 128, "icmp_code": 0}),
            (["inbound", "gre", "10.0.0.1", "10.0.0.2"],
             {"direction": "inbound", "protocol": "gre", "source": "10.0.0.1",
              "destination": "10.0.0.2"})):
        result, calls = ask({"explain": EXPLAINED}, "explain", *words)
        check_exit(result, OK)
        check_equal(calls, [("explain", params)])


@test
def explain_says_that_a_packet_would_be_dropped_where_nothing_is():
    for mode, said in (("inline", "DROP not_approved"), ("audit", "WOULD BE DROPPED not_approved"),
                       ("observer", "WOULD BE DROPPED not_approved")):
        answer = dict(copy.deepcopy(EXPLAINED), mode=mode, verdict="drop", reason="not_approved")
        result, _ = ask({"explain": answer}, "explain", "inbound", "tcp", "203.0.113.9:40000",
                        "198.51.100.10:443")
        check_in("\n" + said, result.out)
        check_equal((mode, f"nothing is blocked in {mode} mode" in result.out),
                    (mode, mode != "inline"))


@test
def explain_prints_the_steps_the_approval_and_the_verdict():
    answer = copy.deepcopy(EXPLAINED)
    answer["policy"]["authority"] = "Configuration Management Board"
    result, _ = ask({"explain": answer}, "explain", "inbound", "tcp", "203.0.113.9:40000",
                    "198.51.100.10:443")
    lines = result.out.splitlines()
    check_equal(lines[0], "inbound tcp 203.0.113.9:40000 -> 198.51.100.10:443")
    steps = [line.split()[:3] for line in lines if re.match(r" *\d+ ", line)]
    check_equal(steps, [["1", "link", "ok"], ["2", "headers", "ok"], ["8", "classify", "pass"],
                        ["9", "tunnel", "not"]])
    for part in ("rule PPS-0001 (approved): inbound tcp 443, any -> web_servers",
                 "approved by  CMB 2026-031", "authority    Configuration Management Board",
                 "assurance    high", "mitigation   TLS 1.2+"):
        check_in(part, result.out)
    check_in("PASS by rule PPS-0001: the packet passes", result.out)


@test
def explain_of_a_drop_names_the_reason():
    answer = changed(EXPLAINED, verdict="drop", reason="not_approved", text="no rule approves it",
                     rule=None)
    answer["steps"][2].update(result="drop", text="no rule approves it")
    result, _ = ask({"explain": answer}, "explain", "inbound", "tcp", "10.0.0.1:1", "10.0.0.2:2")
    check_exit(result, OK)
    check_in("DROP not_approved: no rule approves it", result.out)
    check_not_in("approved by", result.out)


@test
def explain_tells_of_a_live_flow_and_an_expired_exception():
    rule = changed(RULE, kind="exception", expires="2026-01-01T00:00:00Z", expired=True,
                   overrides=["BAN-0001"], reason="migration")
    result, _ = ask({"explain": changed(EXPLAINED, rule=rule, flow=FLOW)}, "explain", "inbound",
                    "tcp", "10.0.0.1:1", "10.0.0.2:2")
    for part in ("EXPIRED      2026-01-01", "overrides    BAN-0001", "reason       migration",
                 "part of a live flow: tcp_established", "idle 340 ms of 2 h 4 min"):
        check_in(part, result.out)


@test
def a_packet_that_cannot_be_is_a_usage_error():
    with FakeDaemon({"explain": EXPLAINED}) as daemon:
        for words, said in (
                ("inbound tcp 10.0.0.1:1", "something is missing"),
                ("inbund tcp 10.0.0.1:1 10.0.0.2:2", "is not a direction"),
                ("inbound tpc 10.0.0.1:1 10.0.0.2:2", "is not a protocol"),
                ("inbound tcp 10.0.0.1:1 10.0.0.2", "destination: \"10.0.0.2\": a port is missing"),
                ("inbound tcp 10.0.0.1:70000 10.0.0.2:1", "source: "),
                ("inbound tcp 10.0.0.1:1 [2001:db8::1]:2", "different address families"),
                ("inbound icmp 2001:db8::1 2001:db8::2", "say icmpv6"),
                ("inbound icmpv6 10.0.0.1 10.0.0.2", "say icmp"),
                ("inbound icmp 10.0.0.1:1 10.0.0.2", "icmp has no ports"),
                ("inbound udp 10.0.0.1:1 10.0.0.2:2 flags ack", "flags is for tcp alone"),
                ("inbound tcp 10.0.0.1:1 10.0.0.2:2 type 8", "type is for icmp"),
                ("inbound tcp 10.0.0.1:1 10.0.0.2:2 flags urg", "none of syn, ack"),
                ("inbound tcp 10.0.0.1:1 10.0.0.2:2 vln 1", "did you mean \"vlan\"")):
            result = run("explain", *words.split(), daemon=daemon)
            check_exit(result, USAGE)
            check_in(said, result.err)
            check_in("usage: ppsfw explain", result.err)
        check_equal(daemon.calls, [])


@test
def all_mistakes_of_a_line_are_said_at_once():
    result = run("explain", "inbund", "tpc", "10.0.0.300:1", "x", "vlan", "9999")
    check_exit(result, USAGE)
    for part in ("inbund", "tpc", "10.0.0.300", "\"x\"", "9999"):
        check_in(part, result.err)


@test
def the_nearest_rules_are_told_with_what_each_misses():
    answer = changed(EXPLAINED, verdict="drop", reason="not_approved", text="no rule approves it",
                     rule=None, nearest=[{"rule": RULE, "misses": [
                         {"field": "ports", "text": "443, not 22"},
                         {"field": "source", "text": "office, not 10.0.0.1"}]}])
    result, _ = ask({"explain": answer}, "explain", "inbound", "tcp", "10.0.0.1:1", "10.0.0.2:2")
    for part in ("the rules that come nearest", "PPS-0001 (approved): inbound tcp 443",
                 "ports        443, not 22", "source       office, not 10.0.0.1"):
        check_in(part, result.out)


def captured(*frames, snap=None):
    """Writes a capture of these frames, a second apart; 'snap' bytes of each are kept."""
    path = os.path.join(tempfile.mkdtemp(prefix="ppsfw-test-"), "some.pcap")
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for second, frame in enumerate(frames):
            kept = frame[:snap]
            file.write(struct.pack("<IIII", second, 0, len(kept), len(frame)) + kept)
    return path


@test
def a_frame_of_a_capture_is_asked_about_from_the_side_that_is_named():
    path = captured(b"\x01" * 60, b"\x02" * 60)
    result, calls = ask({"explain": EXPLAINED}, "explain", "--pcap", path, "2", "direction",
                        "inbound", "segment", "dmz")
    check_exit(result, OK)
    check_equal(calls, [("explain", {"direction": "inbound", "segment": "dmz",
                                     "frame": "02" * 60, "length": 60})])
    check_in("frame 2 (1970-01-01T00:00:01", result.out)
    check_in("as inbound tcp 203.0.113.9:40000 -> 198.51.100.10:443", result.out)
    check_in("PASS by rule PPS-0001", result.out)


@test
def without_a_direction_both_sides_are_asked():
    path = captured(b"\x01" * 60, b"\x02" * 60)
    result, calls = ask({"explain": EXPLAINED}, "explain", "--pcap", path, "1")
    check_exit(result, OK)
    check_equal([params["direction"] for _, params in calls], ["inbound", "outbound"])
    result, calls = ask({"explain": EXPLAINED}, "explain", "--pcap", path)
    check_exit(result, OK)
    check_equal([(params["frame"][:2], params["direction"]) for _, params in calls],
                [("01", "inbound"), ("01", "outbound"), ("02", "inbound"), ("02", "outbound")])
    check_equal(result.out.splitlines()[0].split(),
                ["FRAME", "TIME", "PACKET", "INBOUND", "OUTBOUND"])
    check_equal(len(result.out.splitlines()), 3)
    check_in("pass PPS-0001", result.out)


@test
def a_capture_as_json_has_every_answer():
    path = captured(b"\x01" * 60, b"\x02" * 60)
    result, _ = ask({"explain": EXPLAINED}, "explain", "--pcap", path, "--json")
    answer = json.loads(result.out)
    check_equal([(frame["frame"], len(frame["answers"])) for frame in answer["frames"]],
                [(1, 2), (2, 2)])
    check_equal(answer["frames"][0]["answers"][0], EXPLAINED)


@test
def more_frames_than_asked_for_are_said_to_be_there():
    path = captured(b"\x01" * 60, b"\x02" * 60, b"\x03" * 60)
    result, calls = ask({"explain": EXPLAINED}, "explain", "--pcap", path, "--max", "2",
                        "direction", "inbound")
    check_equal(len(calls), 2)
    check_in("only the first 2 frames", result.err)


@test
def long_frames_go_by_their_front():
    path = captured(b"\x07" * 9000)
    result, calls = ask({"explain": EXPLAINED}, "explain", "--pcap", path, "1", "direction",
                        "inbound")
    check_exit(result, OK)
    check_equal((calls[0][1]["frame"], calls[0][1]["length"]), ("07" * 2048, 9000))


@test
def captures_that_cannot_be_told_are_failures_that_say_why():
    nothing = captured()
    arp = captured(b"\x01" * 60)
    with open(arp, "r+b") as file:
        file.seek(20)
        file.write(struct.pack("<I", 113))
    torn = captured(b"\x01" * 60)
    os.truncate(torn, 70)
    for path, words, said in (("/nowhere.pcap", [], "/nowhere.pcap"),
                              (nothing, ["1"], "there are 0 frames, and no frame 1"),
                              (captured(b"\x01" * 60), ["2"], "there are 1 frames"),
                              (captured(b"\x01" * 60, snap=40), [], "kept 40 bytes of 60"),
                              (arp, [], "not Ethernet"), (torn, [], "truncated")):
        result, calls = ask({"explain": EXPLAINED}, "explain", "--pcap", path, *words)
        check_exit(result, FAILED)
        check_in(said, result.err)
        check_equal(calls, [])


@test
def words_that_a_frame_says_itself_are_refused_with_pcap():
    path = captured(b"\x01" * 60)
    for words, said in ((["0"], "is not the number of a frame"),
                        (["1x"], "is not the number of a frame"),
                        (["1", "vlan", "3"], "the frame itself says its vlan"),
                        (["direction", "sideways"], "none of inbound, outbound"),
                        (["1", "directoin", "inbound"], "did you mean \"direction\"")):
        result, calls = ask({"explain": EXPLAINED}, "explain", "--pcap", path, *words)
        check_exit(result, USAGE)
        check_in(said, result.err)
        check_equal(calls, [])
    result, _ = ask({"explain": EXPLAINED}, "explain", "--max", "3", "inbound", "tcp", "10.0.0.1:1",
                    "10.0.0.2:2")
    check_exit(result, USAGE)
    check_in("--max is for --pcap", result.err)


# ---- events ----

@test
def events_are_one_line_each():
    load = {"time": "2026-11-21T09:08:12Z", "seq": 18, "event": "policy_load", "uid": 0,
            "digest": "ab", "nothing": None}
    flow = changed(DENY, event="flow_start", rule="PPS-0001", count=1, source="2001:db8::1")
    del flow["reason"]
    result, calls = ask({"events": {"events": [DENY, load, flow], "next_seq": 20}}, "events")
    check_exit(result, OK)
    lines = result.out.splitlines()
    check_equal(lines[0], "2026-11-21T09:08:11.123Z deny inbound tcp 203.0.113.9:40000 -> "
                "198.51.100.10:23 not_approved x12 segment=dmz")
    check_equal(lines[1], "2026-11-21T09:08:12Z policy_load uid=0 digest=ab")
    check_in("[2001:db8::1]:40000 -> 198.51.100.10:23 PPS-0001 segment=dmz", lines[2])
    check_equal(calls, [("events", {"filter": {}, "follow": False})])


@test
def what_every_event_repeats_is_for_verbose():
    event = changed(DENY, policy="web-enclave", revision=7, generation=4, step="classify")
    load = {"event": "policy_load", "policy": "web-enclave", "revision": 8}
    answers = {"events": {"events": [event, load]}}
    lines = ask(answers, "events")[0].out.splitlines()
    check_not_in("web-enclave", lines[0])
    check_in("policy=web-enclave revision=8", lines[1])
    check_in("policy=web-enclave revision=7 generation=4 step=classify",
             ask(answers, "events", "-v")[0].out)


@test
def event_filters_have_the_types_of_the_log():
    _, calls = ask({"events": {}}, "events", "event", "deny", "reason", "not_approved",
                   "source", "2001:DB8::1", "destination_port", "23", "protocol", "6", "--max",
                   "5")
    check_equal(calls, [("events", {"filter": {
        "event": "deny", "reason": "not_approved", "source": "2001:db8::1",
        "destination_port": 23, "protocol": "tcp"}, "follow": False, "max": 5})])


def follow(daemon, *words):
    """Starts ppsfw events --follow; it is killed when a test waits for it too long."""
    process = subprocess.Popen([PPSFW, "--socket", daemon.path, "events", "--follow", *words],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               env=environment())
    watchdog = threading.Timer(15, process.kill)
    watchdog.daemon = True
    watchdog.start()
    return process


@test
def followed_events_are_printed_as_they_arrive_until_interrupted():
    steps = [threading.Event() for _ in range(2)]
    done = threading.Event()

    def after(connection):
        for number, step in enumerate(steps):
            step.wait(20)
            notify(connection, changed(DENY, seq=100 + number, reason=f"reason_{number}"))
        done.wait(20)

    with FakeDaemon({"events": {"events": [DENY], "next_seq": 18}}, after=after) as daemon:
        process = follow(daemon)
        check_in("not_approved", process.stdout.readline())
        steps[0].set()
        check_in("reason_0", process.stdout.readline())
        steps[1].set()
        check_in("reason_1", process.stdout.readline())
        process.send_signal(signal.SIGINT)
        check_equal(process.wait(20), OK)
        check_equal((process.stdout.read(), process.stderr.read()), ("", ""))
        done.set()
        check_equal(daemon.calls, [("events", {"filter": {}, "follow": True})])


@test
def followed_json_is_one_object_a_line():
    def after(connection):
        notify(connection, changed(DENY, seq=18))

    with FakeDaemon({"events": {"events": [DENY], "next_seq": 18}}, after=after) as daemon:
        process = follow(daemon, "--json")
        lines = [process.stdout.readline() for _ in range(2)]
        process.terminate()
        check_equal(process.wait(20), OK)
        process.stdout.close()
        process.stderr.close()
    check_equal([json.loads(line)["seq"] for line in lines], [17, 18])


@test
def a_daemon_that_stops_ends_following_with_a_failure():
    def after(connection):
        notify(connection, changed(DENY, seq=19, missed=4))
        connection.shutdown(socket.SHUT_RDWR)

    with FakeDaemon({"events": {"events": [], "next_seq": 18}}, after=after) as daemon:
        process = follow(daemon)
        out, err = process.communicate(timeout=20)
    check_equal(process.returncode, FAILED)
    check_equal(len(out.splitlines()), 1)
    check_in("4 events missed", err)
    check_in("closed the connection", err)


@test
def following_ends_when_the_reader_goes():
    def after(connection):
        while True:
            notify(connection, DENY)

    with FakeDaemon({"events": {"events": [], "next_seq": 1}}, after=after) as daemon:
        process = follow(daemon)
        process.stdout.readline()
        process.stdout.close()
        check_equal(process.wait(20), FAILED)
        check_equal(process.stderr.read(), "")
        process.stderr.close()


# ---- registry ----

@test
def the_registry_knows_https_without_a_daemon():
    result = run("registry", "https")
    check_exit(result, OK)
    check_in("443", result.out)
    check_in('in a policy, "https" means tcp/443', result.out)


@test
def a_port_and_a_protocol_choose_the_entries():
    answer = json.loads(run("registry", "443/tcp", "--json").out)
    check(answer["entries"], "no entry")
    for entry in answer["entries"]:
        check_equal(entry["port"], 443)
        check_in("tcp", entry["protocols"])
    both = json.loads(run("registry", "53", "--json").out)["entries"]
    check(both and all(entry["port"] == 53 for entry in both), str(both))
    check_in("official", run("registry", "DOMAIN/udp").out)


@test
def another_name_of_a_service_finds_it_too():
    entries = json.loads(run("registry", "www", "--json").out)["entries"]
    named = [entry for entry in entries if entry["name"] == "http"]
    check(named and "www" in named[0]["aliases"], str(entries))


@test
def a_name_that_is_not_there_fails_with_the_nearest():
    result = run("registry", "htps")
    check_exit(result, FAILED)
    check_in("did you mean", result.err)
    check_exit(run("registry", "65000/udp"), FAILED)


@test
def what_the_registry_does_not_have_is_an_error_in_json():
    result = run("registry", "telnett", "--json")
    check_exit(result, FAILED)
    error = json.loads(result.out)["error"]
    text = 'the registry has no "telnett" (did you mean "telnet"?)'
    check_equal((error["message"], error["data"]), ("not found", [{"path": "", "text": text}]))
    check_in(text, result.err)


@test
def a_service_that_cannot_be_is_a_usage_error():
    for word in ("443/icmp", "70000", "443/", ""):
        check_exit(run("registry", word), USAGE)
    check_exit(run("registry"), USAGE)


main()
