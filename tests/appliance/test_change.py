#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Which policy may follow which, the way back, and what a restart comes back with.

    test_change.py PPSFWD PPSFW SOURCE_ROOT
"""

import json
import os
import random
import signal
import threading
import time

from harness import FAILED, OK, USAGE, Appliance, RpcError, approve, policy
from lab import CLIENT, SERVER, Lab, need_root
from operators import refused
from stream import Stream
from tap import check, check_equal, check_in, check_not_in, main, test, wait_until

WEB = approve("WEB", "inbound", "https", to="198.51.100.10")
ONE = policy(WEB, name="one", revision=1, authority="CMB 1")
TWO = policy(WEB, approve("DNS", "outbound", "domain/udp"), name="two", revision=2)
THREE = policy(WEB, name="three", revision=3)

KILLS = 100


def kept(document=None, **config):
    """An appliance with a history."""
    return Appliance(document or ONE, state="state", **config)


def in_force(box):
    """Name and number of the policy in force."""
    status = box.call("status")
    return status["policy"]["name"], status["change"]["number"]


def at_rest_with(box, name, number):
    """True when this policy is in force and nothing is under way."""
    return in_force(box) == (name, number) and not box.call("status")["reload"]["busy"]


def entries(box):
    """The history, oldest first: number, policy, outcome."""
    return [(entry["number"], entry["policy"], entry["outcome"])
            for entry in reversed(box.call("history")["entries"])]


def reasons(error):
    """What a refusal says."""
    return " / ".join(f"{item['path']}: {item['text']}" for item in error.data)


def load(box, document, **more):
    """Loads with options."""
    return box.call("load", {"name": "test.json", "text": json.dumps(document), **more})


# ---- the history ----

@test
def the_first_start_records_the_configured_policy_as_confirmed():
    with kept().start() as box:
        check_equal(entries(box), [(1, "one", "confirmed")])
        entry = box.call("history")["entries"][0]
        check_equal((entry["cause"], entry["who"], entry["authority"], entry["before"]),
                    ("start", None, "CMB 1", None))
        with open(box.path("policy.json"), encoding="utf-8") as file:
            text = file.read()
        check_equal(box.call("history", {"number": 1})["text"], text)
        with open(box.path("state/1/policy.json"), encoding="utf-8") as file:
            check_equal(file.read(), text)


@test
def the_history_says_who_loaded_what_after_what():
    with kept().start() as box:
        path = box.write("two.json", TWO)
        check_equal(box.cli("load", path).code, OK)
        entry = box.ask("history", "2")["entry"]
        check_equal((entry["cause"], entry["file"], entry["revision"], entry["before"],
                     entry["who"]["uid"], entry["rules"]["approved"], entry["forced"]),
                    ("load", path, 2, 1, os.getuid(), 2, False))
        check_equal(entry["digest"], box.call("status")["policy"]["digest"])
        lines = box.cli("history").out.splitlines()
        check_equal(len(lines), 3)
        check_in("*2", lines[1])
        check_in("CMB 1", lines[2])
        check_in('"revision": 2', box.cli("history", "2").out)
        check_equal(box.cli("history", "7").code, FAILED)
        check_equal(box.cli("history", "seven").code, USAGE)


@test
def the_history_says_what_each_policy_changed():
    with kept().start() as box:
        load(box, TWO)
        load(box, {**THREE, "approved": [{**WEB, "approved_by": "CMB 3"}]})
        box.call("rollback", {"number": 1})
        changes = [entry["changes"] for entry in reversed(box.call("history")["entries"])]
        check_equal([changes[0]] + [
            {kind: n for kind, n in change.items() if n > 0} for change in changes[1:]],
            [None, {"allowed": 1, "rules": 1}, {"denied": 1, "rules": 2}, {"rules": 1}])
        lines = [line.split() for line in box.cli("history").out.splitlines()]
        column = lines[0].index("CHANGES")
        check_in("~1", lines[1])
        check_equal([line[column] for line in lines[2:4]], ["-1", "+1"])
        check_equal([line[column + 1] for line in lines[2:4]], ["~2", "~1"])
        # What one changed of the one before it, and between any two.
        result = box.cli("diff", "--history", "2")
        check_equal(result.code, FAILED)
        check_in("policy one revision 1 -> two revision 2", result.out)
        check_in("newly allowed (1):\n  + outbound udp any -> any:53 (domain)", result.out)
        check_in("policy three revision 3 -> two revision 2",
                 box.cli("diff", "--history", "3", "2").out)
        check_equal(box.cli("diff", "--history", "1", "4").code, OK)
        check_equal(box.ask("diff", "--history", "1", "4")["rules"], [])
        check_in("is the first", box.cli("diff", "--history", "1").err)
        check_equal(box.cli("diff", "--history", "9").code, FAILED)
        check_equal(box.cli("diff", "--history", box.path("policy.json")).code, USAGE)


@test
def a_policy_of_the_history_is_compared_with_the_files_it_had():
    listed = policy(WEB, name="listed", revision=2, sources={"block": ["file:bad.txt"]})
    with kept().start() as box:
        box.call("load", {"name": "x", "text": json.dumps(listed),
                          "files": {"bad.txt": "192.0.2.0/24\n"}})
        box.call("load", {"name": "x", "text": json.dumps({**listed, "revision": 3}),
                          "files": {"bad.txt": "198.51.100.0/24\n"}})
        check_in("+ block 198.51.100.0/24\n  - block 192.0.2.0/24\n",
                 box.cli("diff", "--history", "3").out)
        check_equal(box.call("history")["entries"][0]["changes"]["sources"], 1)


@test
def fifty_policies_are_kept_and_the_confirmed_one_among_them():
    with kept().start() as box:
        for revision in range(2, 60):
            load(box, policy(WEB, name="many", revision=revision))
        check_equal([entry[0] for entry in entries(box)], list(range(10, 60)))
        names = {name for name in os.listdir(box.path("state")) if name.isdigit()}
        check_equal(names, {str(number) for number in range(10, 60)})


@test
def the_same_bytes_again_are_no_change():
    with kept().start() as box:
        for _ in range(3):
            box.write("one.json", ONE)
            check_equal(box.cli("load", "--confirm", "60", box.path("policy.json")).code, OK)
            check_equal(box.call("status")["change"]["pending"], None)
        check_equal(entries(box), [(1, "one", "confirmed")])


@test
def source_lists_are_kept_with_their_policy_and_come_back_with_it():
    listed = policy(WEB, name="listed", revision=2, sources={"block": ["file:bad/list.txt"]})
    with kept().start() as box:
        os.mkdir(box.path("bad"))
        box.write("bad/list.txt", "192.0.2.0/24\n")
        check_equal(box.cli("load", box.write("listed.json", listed)).code, OK)
        digest = box.call("status")["policy"]["digest"]
        check_equal(box.stop(), OK)
        os.unlink(box.path("bad/list.txt"))
        box.start()
        check_equal(box.call("status")["policy"]["digest"], digest)
        check_equal(box.call("history", {"number": 2})["files"],
                    {"bad/list.txt": "192.0.2.0/24\n"})


@test
def without_state_nothing_is_kept_and_nothing_is_compared():
    with Appliance(TWO).start() as box:
        load(box, ONE)
        for method in ("history", "rollback"):
            check_in('"state": null', refused(box.call, method).message)
        check_equal(box.stop(), OK)
        box.start()
        check_equal(in_force(box), ("two", None))


# ---- the order of revisions ----

@test
def a_revision_does_not_go_back_and_the_policy_in_force_stays():
    with kept(TWO).start() as box:
        check_in("revision: 1 is older than 2", reasons(refused(load, box, ONE)))
        other = dict(TWO, authority="somebody else")
        check_in("revision: 2 is in force already, with other content",
                 reasons(refused(load, box, other)))
        check_equal((in_force(box), entries(box)), (("two", 1), [(1, "two", "confirmed")]))
        box.write_policy(ONE)
        box.signal(signal.SIGHUP)
        wait_until(lambda: len(box.call("events", {"filter": {"event": "policy_refused"}})
                               ["events"]) == 3, "the refusal")
        check_equal(in_force(box), ("two", 1))


@test
def force_takes_an_older_revision_and_an_event_tells():
    with kept(TWO).start() as box:
        check_equal(box.cli("load", "--force", box.write("one.json", ONE)).code, OK)
        check_equal(in_force(box), ("one", 2))
        check_equal(box.call("history")["entries"][0]["forced"], True)
        load(box, THREE, force=True)
        forced = box.call("events", {"filter": {"event": "policy_forced"}})["events"]
        check_equal([(event["policy"], event["who"]["uid"]) for event in forced],
                    [("one", os.getuid())])


# ---- back ----

@test
def rollback_goes_to_the_policy_confirmed_before_and_a_second_one_takes_it_back():
    with kept().start() as box:
        check_in("no policy was confirmed before", refused(box.call, "rollback").message)
        load(box, TWO)
        load(box, THREE)
        check_equal(box.cli("rollback").code, OK)
        check_equal(in_force(box), ("two", 4))
        entry = box.call("history")["entries"][0]
        check_equal((entry["cause"], entry["rollback_to"], entry["before"]), ("rollback", 2, 3))
        check_equal(box.cli("rollback").code, OK)
        check_equal(in_force(box), ("three", 5))
        check_equal(box.cli("rollback", "1").code, OK)
        check_equal(in_force(box), ("one", 6))
        check_in("no policy number 77", refused(box.call, "rollback", {"number": 77}).message)
        check_equal(box.stop(), OK)
        box.start()
        check_equal(in_force(box), ("one", 6))


@test
def a_damaged_policy_of_the_history_never_comes_into_force():
    with kept().start() as box:
        load(box, TWO)
        with open(box.path("state/1/policy.json"), "r+b") as file:
            file.seek(12)
            file.write(b"X")
        check_in("is damaged", reasons(refused(box.call, "rollback")))
        check_equal(in_force(box), ("two", 2))


# ---- pending ----

@test
def a_policy_that_nobody_confirms_is_rolled_back_by_itself():
    with kept().start() as box, box.connect() as listener:
        listener.call("events", {"follow": True, "filter": {"event": "policy_rolled_back"}})
        # The one who loads it goes away at once.
        check_equal(box.cli("load", "--confirm", "1", box.write("two.json", TWO)).code, OK)
        event = listener.receive()["params"]
        check_equal((event["policy"], event["number"], event["to"], event["why"]),
                    ("two", 2, 1, "not confirmed in time"))
        wait_until(lambda: at_rest_with(box, "one", 1), "the way back")
        check_equal(entries(box), [(1, "one", "confirmed"), (2, "two", "rolled_back")])
        load(box, TWO)
        check_equal(in_force(box), ("two", 3))


@test
def a_confirmed_policy_stays_and_is_what_a_restart_comes_back_with():
    with kept().start() as box:
        load(box, TWO, confirm_sec=600)
        pending = box.call("status")["change"]["pending"]
        check_equal((pending["to"], box.call("status")["change"]["confirmed"]), (1, 1))
        check_in("not confirmed", box.cli("status").out)
        check_equal(box.cli("confirm").code, OK)
        change = box.call("status")["change"]
        check_equal((change["pending"], change["confirmed"]), (None, 2))
        check_equal(box.cli("confirm").code, FAILED)
        check_equal(entries(box), [(1, "one", "confirmed"), (2, "two", "confirmed")])
        check_equal(box.stop(), OK)
        box.start()
        check_equal(in_force(box), ("two", 2))


@test
def nothing_else_is_loaded_while_a_policy_is_pending():
    with kept().start() as box:
        load(box, TWO, confirm_sec=600)
        check_in("waits until", reasons(refused(load, box, THREE)))
        check_in("waits until", reasons(refused(lambda: load(box, THREE, force=True))))
        box.write_policy(THREE)
        box.signal(signal.SIGHUP)
        wait_until(lambda: len(box.call("events", {"filter": {"event": "policy_refused"}})
                               ["events"]) == 3, "the refusal")
        check_equal(in_force(box), ("two", 2))
        check_equal(box.cli("rollback").code, OK)
        check_equal(in_force(box), ("one", 1))
        check_equal(box.events("policy_rolled_back")[-1]["why"], "asked")
        load(box, THREE)


@test
def a_stop_and_a_kill_are_no_confirmation():
    for end in (signal.SIGTERM, signal.SIGKILL):
        with kept().start() as box:
            load(box, TWO, confirm_sec=600)
            box.signal(end)
            box.wait()
            box.start()
            check_equal(in_force(box), ("one", 1))
            check_equal(entries(box)[-1], (2, "two", "rolled_back"))
            check_in("before it was confirmed", box.events("policy_rolled_back")[-1]["why"])


@test
def seconds_of_confirm_are_bounded():
    with kept().start() as box:
        path = box.write("two.json", TWO)
        for seconds in ("0", "86401", "-1", "1.5", "soon"):
            check_equal(box.cli("load", f"--confirm={seconds}", path).code, USAGE)
        for seconds in (0, 86401, -1, 1.5, "1", None):
            try:
                load(box, TWO, confirm_sec=seconds)
                check(False, f"{seconds} was taken")
            except RpcError as error:
                check_in("confirm_sec", reasons(error))
        check_equal(in_force(box), ("one", 1))


# ---- starting ----

@test
def a_start_uses_the_confirmed_policy_and_says_that_the_file_is_another():
    for content in (THREE, "{ this is no policy", None):
        with kept().start() as box:
            load(box, TWO)
            check_equal(box.stop(), OK)
            if content is None:
                os.unlink(box.path("policy.json"))
            else:
                box.write_policy(content)
            box.start()
            check_equal(in_force(box), ("two", 2))
            check_in("is not the policy that was confirmed last", box.errors())
            event = box.events("policy_file_differs")[-1]
            check_equal((event["policy"], event["number"]), ("two", 2))
            check_equal(box.call("status")["change"]["file_differs"], True)
            check_in("policy.json", box.cli("status").out)


@test
def the_operator_can_say_use_the_file_now():
    with kept().start() as box:
        check_equal(box.stop(), OK)
        box.write_policy(TWO)
        box.start()
        check_equal(in_force(box), ("one", 1))
        box.signal(signal.SIGHUP)
        wait_until(lambda: in_force(box) == ("two", 2), "the file")
        check_equal(box.call("status")["change"]["file_differs"], False)
        check_equal(box.stop(), OK)
        box.start()
        check_equal((in_force(box), len(box.events("policy_file_differs"))), (("two", 2), 1))


@test
def a_state_that_cannot_be_trusted_keeps_the_wire_closed_and_says_the_way_out():
    def flip(path, at):
        with open(path, "r+b") as file:
            file.seek(at)
            byte = file.read(1)
            file.seek(at)
            file.write(bytes([byte[0] ^ 1]))

    for damage in (lambda box: flip(box.path("state/1/policy.json"), 20),
                   lambda box: os.unlink(box.path("state/1/policy.json")),
                   lambda box: box.write("state/history.json", "{}"),
                   lambda box: box.write("state/history.json", ""),
                   lambda box: os.truncate(box.path("state/history.json"), 100)):
        with kept().start() as box:
            check_equal(box.stop(), OK)
            damage(box)
            check_equal(box.run(), 1)
            check_in("state", box.errors())
            os.rename(box.path("state"), box.path("state.bad"))
            box.start()
            check_equal(in_force(box), ("one", 1))


@test
def policies_whose_index_is_gone_keep_the_wire_closed_and_are_not_removed():
    with kept().start() as box:
        load(box, THREE)
        check_equal(box.stop(), OK)
        os.unlink(box.path("state/history.json"))
        check_equal(box.run(), 1)
        check_in("history.json is gone and policies are there", box.errors())
        check_equal(sorted(os.listdir(box.path("state"))), ["1", "2", "lock"])


@test
def a_first_start_that_was_cut_short_is_begun_again():
    with kept() as box:
        os.makedirs(box.path("state/1"))
        box.write("state/1/policy.json", "{")
        box.start()
        check_equal((in_force(box), entries(box)), (("one", 1), [(1, "one", "confirmed")]))


@test
def the_state_of_a_later_ppsfwd_is_said_to_be_one():
    with kept() as box:
        os.mkdir(box.path("state"))
        box.write("state/history.json", {"format": 2, "entries": {}})
        check_equal(box.run(), 1)
        check_in("has format 2, of a later ppsfwd; this one knows 1", box.errors())


@test
def a_state_folder_that_cannot_be_used_is_an_error_at_the_start():
    with Appliance(ONE, state="no/such/state") as box:
        check_equal(box.run(), 1)
        check_in("no/such/state: No such file", box.errors())
    with kept().start() as box, Appliance(ONE, state=box.path("state")) as other:
        check_equal(other.run(), 1)
        check_in("in use by another", other.errors())


@test
def a_policy_that_cannot_be_recorded_is_refused_before_it_is_in_force():
    # No file may become larger than this: a disk that is full for the large policy alone.
    big = policy(*(dict(WEB, id=f"WEB-{n}", comment="x" * 200) for n in range(1000)),
                 name="big", revision=2)
    with kept(events={"file": None}, prefix=("prlimit", "--fsize=100000")).start() as box:
        check_in("cannot be written: File too large", reasons(refused(load, box, big)))
        check_equal((in_force(box), entries(box)), (("one", 1), [(1, "one", "confirmed")]))
        load(box, THREE)
        check_equal(in_force(box), ("three", 2))


@test
def a_kill_in_the_middle_of_a_load_comes_back_with_the_old_or_the_new_policy_whole():
    choose = random.Random(5)
    texts, seen = {}, set()

    def document(revision):
        rules = [dict(WEB, id=f"R-{revision}-{n}") for n in range(200)]
        texts[revision] = json.dumps(policy(*rules, name="k", revision=revision))
        return texts[revision]

    with kept(document(1), megabytes=64) as box:
        box.start()
        began = time.monotonic()
        box.call("load", {"name": "k", "text": document(2)})
        longest = 1.5 * (time.monotonic() - began)
        box.kill()
        before = 2
        for revision in range(3, KILLS + 3):
            box.start()
            with box.connect() as control:
                control.send("load", {"name": "k", "text": document(revision)})
                # A random moment of the load, or soon after it.
                threading.Event().wait(choose.uniform(0, longest))
                box.kill()
            box.start()
            status = box.call("status")
            now = status["policy"]["revision"]
            check(now in (before, revision), f"{now} is neither {before} nor {revision}")
            seen.add(now == before)
            check_equal(box.call("history", {"number": status["change"]["number"]})["text"],
                        texts[now])
            check_not_in("pending", [entry[2] for entry in entries(box)])
            box.kill()
            before = now
        check_equal(seen, {True, False})


# ---- under traffic ----

@test
def a_live_stream_loses_nothing_when_a_policy_is_rolled_back_in_time():
    need_root()
    link = {"arp": "both"}
    rule = approve("STREAM", "outbound", protocol="udp", ports="9000-9999", source=SERVER)
    first = policy(rule, name="first", link=link)
    second = policy(dict(rule, id="OTHER", destination=CLIENT), name="second", revision=2, link=link)
    with Lab() as lab, lab.appliance(first, state="state") as box:
        box.start()
        stream = Stream(lab)
        stream.first_contact()
        for _ in range(3):
            load(box, second, confirm_sec=1)
            check_equal(in_force(box)[0], "second")
            while not at_rest_with(box, "first", 1):
                stream.window()
            stream.window()
        load(box, second)
        stream.window()
        check_equal(box.call("rollback")["flows"], {"kept": 0, "rebound": 1, "cut": 0})
        stream.window()
        stream.close()
        drops = {drop["reason"] for drop in box.call("show_drops")["drops"]}
        check(drops <= {"nd_denied", "nd_malformed", "not_approved"}, drops)


main()
