#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""A live ppsfwd, clients that misbehave, and those who follow its events.

    test_clients.py PPSFWD PPSFW SOURCE_ROOT
"""

import json
import os
import signal
import socket
import stat
import subprocess

from harness import FAILED, OK, PATIENCE, PPSFW, REFUSED, Appliance, RpcError, connect, policy
from operators import BAD, GOOD, OTHER, WEB, refused, running
from tap import check, check_equal, check_in, check_not_in, main, skip, test, wait_until

# ---- clients that misbehave ----

def raw_client(appliance, data=b""):
    """A connection that sends bytes as they are."""
    client = connect(appliance.socket)
    if data:
        client.sendall(data)
    return client


def others_are_served(appliance):
    """Somebody else gets answers while a client misbehaves."""
    with appliance.connect() as control:
        check_equal(control.call("status")["mode"], "inline")
        check_equal(len(control.call("show_rules")["rules"]), 1)


GARBAGE = [b"\n", b"hello\n", b"\0\0\0\n", b"{}\n", b"[]\n", b'{"jsonrpc":"2.0","id":1}\n',
           b"\xff" * 1000 + b"\n", b'{"jsonrpc":"2.0","method":7,"id":1}\n', b"[" * 10000 + b"\n",
           b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
           b'{"jsonrpc":"2.0","id":1,"method":"status","params":"x"}\n',
           b'{"jsonrpc":"2.0","id":{"a":1},"method":"status"}\n']


@test
def garbage_is_answered_with_an_error_and_disturbs_nobody():
    with running() as appliance:
        for data in GARBAGE:
            with raw_client(appliance, data) as client:
                others_are_served(appliance)
                client.shutdown(socket.SHUT_WR)
                answer = b""
                while chunk := client.recv(65536):
                    answer += chunk
                for line in answer.splitlines():
                    check(json.loads(line)["jsonrpc"] == "2.0", (data, answer))
        others_are_served(appliance)


@test
def slow_half_open_and_oversized_clients_disturb_nobody():
    with running() as appliance:
        clients = [raw_client(appliance, data) for data in (
            b"", b"{", b'{"jsonrpc":"2.0","id":1,"method":"sta', b"x" * 60000, b"x" * 2000000)]
        clients[0].shutdown(socket.SHUT_WR)
        # One that asks and asks and never reads.
        greedy = raw_client(appliance)
        greedy.setblocking(False)
        call = b'{"jsonrpc":"2.0","id":1,"method":"show_policy"}\n' * 100
        try:
            for _ in range(1000):
                greedy.send(call)
        except BlockingIOError:
            pass
        others_are_served(appliance)
        check_equal(appliance.load(OTHER)["name"], "other")
        for client in clients + [greedy]:
            client.close()
        check_equal(appliance.call("status")["policy"]["name"], "other")


@test
def more_clients_than_there_are_places_are_told_so_and_the_others_stay():
    with running() as appliance, appliance.connect() as first:
        first.call("methods")
        crowd = [raw_client(appliance) for _ in range(80)]
        # Those that found no place are told so or closed; somebody who was there is served.
        check_equal(first.call("status")["mode"], "inline")
        told = 0
        for client in crowd:
            client.setblocking(False)
            try:
                told += client.recv(4096) is not None
            except BlockingIOError:
                pass
        check(16 <= told <= 17, f"{told} were turned away")
        for client in crowd:
            client.close()

        def is_served():
            try:
                return appliance.call("methods")
            except RpcError:
                return False  # it has not seen yet that the others are gone
        wait_until(is_served, "a place")
        others_are_served(appliance)


@test
def clients_that_come_and_go_leave_nothing_open():
    with running() as appliance:
        descriptors = f"/proc/{appliance.process.pid}/fd"
        others_are_served(appliance)
        with appliance.connect() as control:
            control.call("methods")
            before = len(os.listdir(descriptors))
            for number in range(300):
                try:
                    raw_client(appliance, GARBAGE[number % len(GARBAGE)][:-1 - number % 2]).close()
                except BrokenPipeError:
                    pass  # no place was left, and it was told so
            wait_until(lambda: control.call("methods") and
                       len(os.listdir(descriptors)) <= before, "closed descriptors")


# ---- the socket ----

def hold(appliance):
    """Stops the daemon where it is, and waits until it stands still."""
    appliance.signal(signal.SIGSTOP)
    os.waitid(os.P_PID, appliance.process.pid, os.WSTOPPED)


@test
def a_stopped_daemon_keeps_nobody_waiting_and_does_what_it_was_asked_when_it_goes_on():
    unknown = "whether it was done is not known; it may still be"
    with running() as appliance:
        late = appliance.write("other.json", OTHER)
        hold(appliance)
        result = appliance.cli("status")
        check_equal((result.code, result.out), (FAILED, ""))
        check_in(f"ppsfw: status: the daemon on {appliance.socket} said nothing for 10 s: it is "
                 "stopped, hung or too busy\n", result.err)
        check_not_in(unknown, result.err)
        result = appliance.cli("--timeout", "1", "show", "rules", "--json")
        check_equal(result.code, FAILED)
        check_in("said nothing for 1 s", json.loads(result.out)["error"]["data"][0]["text"])
        for words in (["load", late], ["kill", "flows", "all"]):
            result = appliance.cli("--timeout", "1", *words)
            check_equal((result.code, result.out), (FAILED, ""))
            check_in("said nothing for 1 s", result.err)
            check_in(unknown, result.err)
        appliance.signal(signal.SIGCONT)
        wait_until(lambda: appliance.call("status")["policy"]["name"] == "other", "the load")
        check_equal(len(appliance.call("show_rules")["rules"]), 2)
        check_equal(len([event for event in appliance.events("policy_loaded")
                         if event.get("policy") == "other"]), 1)


@test
def who_follows_events_waits_longer_than_the_timeout():
    with running() as appliance:
        follower = subprocess.Popen(
            [PPSFW, "--socket", appliance.socket, "--timeout", "1", "events", "--follow", "--json",
             "event", "policy_loaded"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        try:
            follower.wait(2)
            check(False, "it gave up")
        except subprocess.TimeoutExpired:
            pass
        appliance.load(OTHER)
        while json.loads(follower.stdout.readline()).get("policy") != "other":
            pass
        follower.terminate()
        check_equal(follower.wait(PATIENCE), OK)
        follower.stdout.close()


@test
def a_stale_socket_is_replaced():
    with running() as appliance:
        appliance.process.kill()
        appliance.process.wait()
        check(os.path.exists(appliance.socket), "a killed daemon removes nothing")
        appliance.start()
        others_are_served(appliance)


@test
def a_second_daemon_on_the_same_socket_is_refused_and_the_first_goes_on():
    with running() as first, Appliance(GOOD, socket=first.socket) as second:
        check_equal(second.run(), 1)
        check_in("another daemon answers on " + first.socket, second.errors())
        others_are_served(first)


@test
def only_who_may_talk_can_reach_the_socket():
    with running() as appliance:
        mode = stat.S_IMODE(os.stat(appliance.socket).st_mode)
        check_equal(mode & 0o007, 0)


# ---- events ----

MANY_MISTAKES = json.dumps(policy(*(dict(WEB, id=f"R{n}", direction="x" * 40)
                                    for n in range(100))))


def write_events(control, count):
    """Makes the daemon write events of some kilobytes each."""
    for _ in range(count):
        check_equal(refused(control.load, MANY_MISTAKES).code, REFUSED)


def lines_of(path):
    """The objects of an event file, every line of which must be whole."""
    with open(path, "rb") as file:
        data = file.read()
    check(data.endswith(b"\n"), f"{path} ends in {data[-20:]!r}")
    return [json.loads(line) for line in data.splitlines()]


@test
def the_event_file_is_rotated_by_size_and_the_oldest_goes():
    config = {"events": {"file": "events.jsonl", "rotate_mib": 1, "keep": 2}}
    with running(**config) as appliance, appliance.connect() as control:
        size = 0
        while size < 3:
            write_events(control, 20)
            size = len([name for name in os.listdir(appliance.folder) if "events.jsonl" in name])
        newest = control.call("status")["events"]["written"]
        write_events(control, 1)
        while control.call("status")["events"]["written"] < newest + 400:
            write_events(control, 20)
        appliance.stop()
        names = sorted(name for name in os.listdir(appliance.folder) if "events.jsonl" in name)
        check_equal(len(names), 3)
        seqs = []
        for name in names:
            check(os.path.getsize(appliance.path(name)) < 1.1 * (1 << 20), name)
            seqs.append([event["seq"] for event in lines_of(appliance.path(name))])
        kept = [seq for part in sorted(seqs) for seq in part]
        check_equal(kept, list(range(kept[0], kept[-1] + 1)))
        check(kept[0] > 1, "nothing was removed")
        check_equal(appliance.events()[-1]["event"], "daemon_stop")


@test
def a_full_disk_is_survived_counted_and_recovered_from():
    if os.getuid() != 0:
        skip("needs root to mount a small file system")
    if subprocess.run(["unshare", "--mount", "true"], stderr=subprocess.DEVNULL,
                      check=False).returncode != 0:
        skip("no private mount namespace can be had here")
    shell = 'mount -t tmpfs -o size=256k none "$0" && exec "$@"'
    with Appliance(GOOD) as appliance:
        small = appliance.path("small")
        os.mkdir(small)
        appliance.prefix = ["unshare", "--mount", "sh", "-c", shell, small]
        appliance.config["events"] = {"file": "small/events.jsonl"}
        appliance.start()
        root = f"/proc/{appliance.process.pid}/root"
        with open(root + small + "/ballast", "wb") as file:
            file.write(bytes(160 << 10))
        with appliance.connect() as control:
            while control.call("status")["events"]["write_errors"] == 0:
                write_events(control, 20)
            check_equal(control.load(OTHER)["name"], "other")
            check_in("events.jsonl", appliance.errors())
            before = appliance.errors().count("\n")
            os.unlink(root + small + "/ballast")
            os.truncate(root + small + "/events.jsonl", 0)
            lost = control.call("status")["events"]["write_errors"]
            check(lost > 0, "nothing was counted")

            def told():
                with open(root + small + "/events.jsonl", "rb") as file:
                    return file.read().count(b"\n")
            wait_until(lambda: told() > 10, "events on the disk again", 20)
            for line in open(root + small + "/events.jsonl", "rb").read().splitlines():
                json.loads(line)
            check(appliance.errors().count("\n") < before + 5, "it says so again and again")
        check_equal(appliance.stop(), OK)


@test
def events_can_be_asked_for_by_kind_number_and_count():
    with running() as appliance, appliance.connect() as control:
        for document in (OTHER, GOOD, OTHER):
            control.load(document)
        every = control.call("events")
        check_equal([event["seq"] for event in every["events"]], [1, 2, 3, 4, 5])
        check_equal(every["next_seq"], 6)
        loads = control.call("events", {"filter": {"event": "policy_loaded", "policy": "other"}})
        check_equal([event["seq"] for event in loads["events"]], [3, 5])
        check_equal([event["seq"] for event in
                     control.call("events", {"since_seq": 3, "max": 1})["events"]], [5])
        check_equal(refused(control.call, "events", {"filter": 7}).code, -32602)


@test
def events_can_be_followed_until_the_daemon_ends():
    with running() as appliance:
        command = [PPSFW, "--socket", appliance.socket, "--json", "events", "--follow"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as follower:
            seen = [json.loads(follower.stdout.readline())["event"] for _ in range(2)]
            appliance.load(OTHER)
            refused(appliance.load, BAD)
            seen += [json.loads(follower.stdout.readline())["event"] for _ in range(2)]
            appliance.stop()
            check_equal(follower.wait(PATIENCE), FAILED)
            seen += [json.loads(line)["event"] for line in follower.stdout]
        check_equal(seen[:4], ["policy_loaded", "daemon_start", "policy_loaded", "policy_refused"])


@test
def a_follower_sees_only_what_it_asked_for():
    with running() as appliance, appliance.connect() as listener:
        listener.call("events", {"filter": {"event": "policy_refused"}, "follow": True})
        appliance.load(OTHER)
        refused(appliance.load, BAD)
        note = listener.receive()
        check_equal((note["method"], note["params"]["event"]), ("event", "policy_refused"))
        check_not_in("id", note)


@test
def a_follower_that_does_not_read_is_told_what_it_missed():
    with running() as appliance, appliance.connect() as listener, appliance.connect() as control:
        listener.call("events", {"follow": True})
        # More than the socket and the queue hold together.
        write_events(control, 450)
        missed = 0
        control.load(OTHER)
        while True:
            params = listener.receive()["params"]
            missed += params.get("missed", 0)
            if params["event"] == "policy_loaded":
                break
            if missed == 0 and params["seq"] % 50 == 0:
                continue
        check(missed > 0, "nothing was missed")


@test
def a_daemon_without_an_event_file_still_answers_for_its_events():
    with running(events={"file": None}) as appliance:
        check_equal([event["event"] for event in appliance.call("events")["events"]],
                    ["policy_loaded", "daemon_start"])
        check_equal(appliance.call("status")["events"]["file"], None)
        check(not os.path.exists(appliance.path("events.jsonl")), "there is a file")


main()
