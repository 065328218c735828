#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""What another policy would change: the traffic, and the live flows of a running daemon.

    test_diff.py PPSFWD PPSFW SOURCE_ROOT
"""

import json

from harness import INSIDE, Appliance, approve, policy
from lab import SERVER
from operators import FLOWS, silent_flows
from tap import check, check_equal, check_in, check_not_in, main, test

STREAM = approve("STREAM", "outbound", protocol="udp", ports="9000-9999", source=SERVER)
DB = approve("DB", "outbound", protocol="tcp", ports=5432)
HALF = dict(STREAM, ports=f"9000-{9000 + FLOWS // 2 - 1}")
RUNNING = policy(STREAM, DB)


def counts(answer):
    return {key: answer[key] for key in ("kept", "rebound", "cut")}


@test
def a_trial_says_what_a_load_would_do_to_the_flows_and_changes_nothing():
    banned = [{"id": "BAN", "protocol": "udp", "reason": "no"}]
    with silent_flows(RUNNING) as box:
        before = box.call("status")
        for document in (
                policy(STREAM, DB, revision=2), policy(dict(STREAM, id="OTHER"), DB),
                policy(HALF, DB), policy(HALF, dict(STREAM, id="OTHER"), DB), policy(STREAM),
                policy(STREAM, DB, banned=banned), policy(),
                policy(STREAM, DB, sources={"block": [SERVER]})):
            tried = box.call("diff_flows", {"text": json.dumps(document)})
            after = box.call("status")
            for key in ("policy", "flows", "reload"):
                check_equal({**after[key], "age_sec": 0, "memory_bytes": 0},
                            {**before[key], "age_sec": 0, "memory_bytes": 0})
            check_equal({flow["rule"] for flow in box.call("show_flows")["flows"]},
                        {"STREAM", "DB"})
            with silent_flows(RUNNING) as other:
                check_equal(counts(tried), other.load(document)["flows"])


@test
def flows_that_would_be_cut_are_listed_with_the_reason_as_many_as_are_asked_for():
    with silent_flows(RUNNING) as box:
        question = {"text": json.dumps(policy(STREAM, DB, banned=[
            {"id": "BAN", "protocol": "udp", "ports": "9000-9009", "reason": "no"}]))}
        answer = box.call("diff_flows", question)
        check_equal(sorted((flow["destination_port"], flow["reason"], flow["rule"])
                           for flow in answer["flows"]),
                    [(9000 + n, "banned", "STREAM") for n in range(10)])
        answer = box.call("diff_flows", {**question, "max": 3})
        check_equal((answer["cut"], len(answer["flows"])), (10, 3))
        check_equal(box.call("diff_flows", {**question, "max": 0})["flows"], [])


@test
def a_policy_that_would_be_refused_is_refused_on_trial_with_all_reasons():
    with Appliance(RUNNING) as box:
        box.write_capture(INSIDE, [])
        box.start()
        with box.connect() as control:
            for params, code in (({"text": '{"policy":"x","revision":0}'}, -32002),
                                 ({"text": 7}, -32602), ({}, -32602),
                                 ({"text": "{}", "files": []}, -32602),
                                 ({"text": "{}", "files": {"a": 1}}, -32602),
                                 ({"text": "{}", "max": -1}, -32602),
                                 ({"text": "{}", "max": 10001}, -32602)):
                control.send("diff_flows", params)
                check_equal(control.receive()["error"]["code"], code)
            check_equal(control.call("status")["reload"]["refused"], 0)
        check_equal(box.events("policy_refused"), [])


@test
def a_second_trial_waits_for_its_turn_and_loads_go_on():
    text = json.dumps(policy(STREAM, revision=5))
    with silent_flows(RUNNING) as box, box.connect() as one, box.connect() as two:
        for _ in range(20):
            one.send("diff_flows", {"text": text})
            two.send("load", {"name": "x", "text": json.dumps(RUNNING)})
            check_equal(one.receive()["result"]["cut"], 1)
            check_equal(two.receive()["result"]["flows"]["cut"], 0)
        for _ in range(20):
            one.send("diff_flows", {"text": text})
            two.send("diff_flows", {"text": text})
            answers = [one.receive(), two.receive()]
            check("result" in answers[0] or "result" in answers[1], str(answers))
            check_equal({answer["error"]["code"] for answer in answers if "error" in answer}
                        - {-32003}, set())


@test
def the_daemon_stops_in_the_middle_of_a_trial():
    for _ in range(5):
        with silent_flows(RUNNING) as box, box.connect() as control:
            control.send("diff_flows", {"text": json.dumps(policy())})
            check_equal(box.stop(), 0)


@test
def the_policy_in_force_is_told_as_it_was_read_with_its_files():
    document = policy(STREAM, sources={"block": ["file:bad.txt"]})
    with Appliance(document) as box:
        box.write("bad.txt", "192.0.2.0/24\n# and no more\n")
        box.write_capture(INSIDE, [])
        box.start()
        answer = box.call("policy_text")
        check_equal(json.loads(answer["text"]), document)
        check_equal(answer["files"], {"bad.txt": "192.0.2.0/24\n# and no more\n"})
        # As it was read: what becomes of the file later is not in force.
        box.write("bad.txt", "198.51.100.0/24\n")
        box.write("new.json", json.dumps(document))
        result = box.cli("diff", box.path("new.json"))
        check_equal(result.code, 1)
        check_in("+ block 198.51.100.0/24\n  - block 192.0.2.0/24\n", result.out)


@test
def diff_of_one_file_is_against_the_policy_in_force_with_the_flows_it_would_cut():
    with silent_flows(RUNNING) as box:
        box.write("new.json", json.dumps(policy(HALF, revision=2)))
        box.write("same.json", json.dumps(RUNNING))
        result = box.cli("diff", box.path("new.json"), "--max", "2")
        check_equal(result.code, 1)
        check_in("newly denied (", result.out)
        check_in(f"live flows: {FLOWS // 2 + 1} would be cut, 0 re-bound, {FLOWS // 2} kept\n",
                 result.out)
        check_in(f"  - outbound udp {SERVER}:", result.out)
        check_in(f"... and {FLOWS // 2 - 1} more\n", result.out)
        check_equal(box.call("status")["policy"]["revision"], 1)
        same = box.cli("diff", box.path("same.json"))
        check_equal(same.code, 0)
        check_in("the same traffic passes", same.out)


@test
def load_with_diff_shows_what_changes_and_then_changes_it():
    with silent_flows(RUNNING) as box:
        box.write("new.json", json.dumps(policy(HALF, revision=2)))
        result = box.cli("load", "--diff", box.path("new.json"))
        check_equal(result.code, 0)
        check_in(f"live flows: {FLOWS // 2 + 1} would be cut", result.out)
        check_equal(box.call("status")["policy"]["revision"], 2)
        result = box.cli("load", "--diff", "--json", box.path("new.json"))
        answer = json.loads(result.out)
        check_equal((answer["revision"], answer["diff"]["traffic_differs"],
                     answer["diff"]["flows"]["cut"]), (2, False, 0))
        check_not_in("diff", json.loads(box.cli("load", "--json", box.path("new.json")).out))


main()
