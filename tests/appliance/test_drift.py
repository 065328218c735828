#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Whether what runs is what was approved: in memory, on the disk, and after every change.

    test_drift.py PPSFWD PPSFW SOURCE_ROOT
"""

import contextlib
import json
import os
import struct

from harness import OK, Appliance, approve, policy
from tap import check, check_equal, check_in, check_not_in, main, test, wait_until

WEB = approve("WEB", "inbound", "https", to="198.51.100.10")
ONE = policy(WEB, name="one", revision=1, sources={"block": ["file:bad.txt"]})
TWO = policy(WEB, approve("DNS", "outbound", "domain/udp"), name="two", revision=2)
BAD = "192.0.2.0/24\n"


@contextlib.contextmanager
def checked(document=None, **config):
    """An appliance that nobody checks but those who ask."""
    with Appliance(document or ONE, **{"state": "state", **config}) as box:
        box.write("bad.txt", BAD)
        yield box.start()


def drift(box, good=lambda answer: answer["equal"] is not None):
    """What the status says of it, as soon as it is about what runs now, and good."""
    found = []

    def asked():
        found.append(box.call("status")["drift"])
        return good(found[-1])
    wait_until(asked, "a check that finds what is wanted")
    return found[-1]


def differs(box):
    """Waits until something differs; what, and the texts."""
    return [(item["what"], item["text"])
            for item in drift(box, lambda answer: answer["equal"] is False)["differs"]]


def alike(box):
    """Waits until nothing differs."""
    drift(box, lambda answer: answer["equal"])


def drifts(box):
    """The kinds of the events about it."""
    return [event["event"] for event in box.events() if event["event"].startswith("policy_drift")]


def told(box, *kinds):
    """Waits until exactly these events are in the file."""
    wait_until(lambda: drifts(box) == list(kinds), f"{kinds}")


# ---- the memory of the daemon ----

class Memory:
    """The memory of a process, to be read and written."""

    def __init__(self, pid):
        self.pid = pid
        self.file = open(f"/proc/{pid}/mem", "r+b", buffering=0)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()

    def read(self, address, length):
        """Bytes at an address."""
        self.file.seek(address)
        return self.file.read(length)

    def number(self, address):
        """The 64-bit number there."""
        return struct.unpack("<Q", self.read(address, 8))[0]

    def flip(self, address, bit=0):
        """Flips one bit."""
        byte = self.read(address, 1)[0]
        self.file.seek(address)
        self.file.write(bytes([byte ^ (1 << bit)]))

    def find(self, text):
        """Every address at which the text stands, in what can be written."""
        with open(f"/proc/{self.pid}/maps", encoding="utf-8") as file:
            lines = [line.split() for line in file]
        for line in lines:
            if not line[1].startswith("rw") or line[-1] in ("[vvar]", "[vdso]"):
                continue
            first, end = (int(part, 16) for part in line[0].split("-"))
            # What a sanitizer keeps for itself is larger than the machine.
            if end - first > 1 << 30:
                continue
            try:
                content = self.read(first, end - first)
            except OSError:
                continue
            at = content.find(text)
            while at >= 0:
                yield first + at
                at = content.find(text, at + 1)


def tables_of(memory, name):
    """Where rte_acl built the tables of the context of this name, and how large they are: the
    rules lie right behind the context, which has the tables' address and size."""
    for at in memory.find(name.encode() + b"\0"):
        if at < memory.number(at + 48) < at + 8192:
            return memory.number(at + 368), memory.number(at + 376)
    raise AssertionError(f"there is no context {name}")


@test
def what_runs_is_what_was_approved_after_every_change():
    with checked() as box:
        digests = []
        for change in (lambda: None,
                       lambda: box.load(TWO),
                       lambda: box.call("rollback"),
                       lambda: box.call("load", {"name": "x", "text": json.dumps(
                           {**TWO, "revision": 9}), "confirm_sec": 3600}),
                       lambda: box.call("rollback")):
            change()
            answer = drift(box)
            check_equal([item for item in answer["differs"] if item["what"] != "file"], [])
            check_equal((answer["running"], len(answer["running"]), answer["why"]),
                        (answer["approved"], 64, None))
            digests.append(answer["running"])
        # The same policy compiles to the same, whenever that is.
        check_equal(digests[0], digests[2])
        check_equal(digests[0], digests[4])
        check_equal(digests[1], digests[3])
        check(digests[0] != digests[1], "two policies have one digest")
        check_equal(box.stop(), OK)
        box.start()
        check_equal(drift(box)["running"], digests[0])


@test
def a_bit_that_flips_in_the_tables_that_run_is_an_alert_once_until_it_is_over():
    with checked() as box:
        check_equal(drift(box)["differs"], [])
        generation = box.call("status")["policy"]["generation"]
        with Memory(box.process.pid) as memory:
            tables, size = tables_of(memory, f"pps-{generation}-in-ipv4")
            for place in (0, size // 2, size - 1):
                memory.flip(tables + place, 3)
                (what, text), = differs(box)
                check_equal(what, "tables")
                check_in("not those that the approved policy compiles to: inbound IPv4", text)
                out = box.cli("status").out
                check_in("= running: NO", out)
                check_in("drift: the tables that run", out)
                memory.flip(tables + place, 3)
                alike(box)
                check_in("= running: tables", box.cli("status").out)
        told(box, *["policy_drift", "policy_drift_ended"] * 3)
        event = box.events("policy_drift")[0]
        check_equal((event["severity"], event["equal"], event["differs"][0]["what"]),
                    ("alert", False, "tables"))
        check(event["running"] != event["approved"], "the digests are equal")
        check_in("drift: the tables", box.errors())


@test
def another_bit_is_another_alert_and_the_same_one_is_not():
    with checked() as box:
        generation = box.call("status")["policy"]["generation"]
        drift(box)
        with Memory(box.process.pid) as memory:
            tables, _ = tables_of(memory, f"pps-{generation}-in-ipv4")
            memory.flip(tables)
            differs(box)
            first = drift(box)["checked"]
            wait_until(lambda: drift(box)["checked"] != first, "another check")
            check_equal(drifts(box), ["policy_drift"])
            memory.flip(tables + 1)
            wait_until(lambda: drift(box) and len(drifts(box)) == 2, "another alert")
            # What is published anew is made anew.
            box.load(TWO)
            check_not_in("tables", [item["what"] for item in drift(box)["differs"]])


@test
def a_configured_file_that_changes_or_goes_is_an_alert():
    with checked() as box:
        path = box.path("policy.json")
        with open(path, encoding="utf-8") as file:
            text = file.read()
        alike(box)
        box.write("policy.json", text + "\n")
        check_equal(differs(box), [("file", f"{path} is not what is in force")])
        box.write("policy.json", text + "\n\n")
        wait_until(lambda: drift(box) and len(drifts(box)) == 2, "news of the file")
        os.unlink(path)
        wait_until(lambda: drift(box) and len(drifts(box)) == 3, "news of the file")
        check_in("No such file", differs(box)[0][1])
        os.mkfifo(path)
        wait_until(lambda: drift(box) and len(drifts(box)) == 4, "news of the file")
        check_in("not a regular file", differs(box)[0][1])
        os.unlink(path)
        box.write("policy.json", text)
        alike(box)
        told(box, *["policy_drift"] * 4, "policy_drift_ended")


@test
def a_file_that_a_source_list_names_belongs_to_it():
    with checked() as box:
        alike(box)
        box.write("bad.txt", "198.51.100.0/24\n")
        check_equal(differs(box)[0][0], "file")
        box.write("bad.txt", BAD)
        alike(box)


@test
def a_record_that_is_damaged_is_an_alert_before_the_restart_that_needs_it():
    with checked() as box:
        path = box.path("state/1/policy.json")
        alike(box)
        with open(path, encoding="utf-8") as file:
            text = file.read()
        box.write("state/1/policy.json", text.replace("198.51.100.10", "198.51.100.11"))
        (what, said), = differs(box)
        check_equal(what, "record")
        check_in("is damaged", said)
        os.unlink(path)
        wait_until(lambda: "cannot be read" in differs(box)[0][1], "news of the record")
        box.write("state/1/policy.json", text)
        alike(box)


@test
def while_a_policy_is_pending_the_configured_file_is_not_asked_for():
    with checked() as box:
        box.call("load", {"name": "x", "text": json.dumps(TWO), "confirm_sec": 3600})
        alike(box)
        box.call("confirm")
        check_equal(differs(box)[0][0], "file")


@test
def checks_are_made_without_being_asked_for():
    with checked(drift_check_seconds=1) as box:
        box.write("policy.json", TWO)
        told(box, "policy_drift")
        box.write("policy.json", ONE)
        told(box, "policy_drift", "policy_drift_ended")


@test
def without_a_history_what_was_loaded_is_what_was_approved():
    with checked(state=None) as box:
        alike(box)
        box.load(TWO)
        check_equal(differs(box)[0][0], "file")
        box.load(ONE_WITHOUT_FILES)
        box.write("policy.json", json.dumps(ONE_WITHOUT_FILES))
        alike(box)


ONE_WITHOUT_FILES = policy(WEB, name="one", revision=1)


@test
def an_exception_that_ends_is_no_drift():
    ended = policy(WEB, exceptions=[{
        "id": "EXC", "direction": "inbound", "protocol": "tcp", "ports": 22, "source": "any",
        "destination": "198.51.100.10", "expires": "2020-01-01T00:00:00Z", "approved_by": "x",
        "reason": "y"}])
    with checked(ended) as box:
        check_equal(drift(box)["differs"], [])


@test
def checks_and_loads_do_not_stand_in_each_others_way():
    many = [approve(f"R{i}", "inbound", "https", to=f"10.0.{i // 256}.{i % 256}")
            for i in range(500)]
    with checked() as box, box.connect() as asker, box.connect() as loader:
        for i in range(20):
            document = policy(*many[i:], name="many", revision=2 + i)
            asker.send("status")
            loader.send("load", {"name": "x", "text": json.dumps(document)})
            asker.receive()
            asker.send("status")
            check_equal(loader.receive()["result"]["revision"], 2 + i)
            check_in("drift", asker.receive()["result"])
        check_equal([item["what"] for item in drift(box)["differs"]], ["file"])


@test
def the_daemon_stops_in_the_middle_of_a_check():
    for _ in range(10):
        with checked() as box, box.connect() as control:
            control.send("status")
            check_equal(box.stop(), OK)


main()
