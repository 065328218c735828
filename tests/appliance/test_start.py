#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""How ppsfwd starts, and everything that keeps it from starting.

    test_start.py PPSFWD PPSFW SOURCE_ROOT
"""

import json
import os

from frames import tcp_frame
from harness import (EMPTY, INSIDE, OK, OUTSIDE, PPSFWD, USAGE, Appliance, approve, microseconds,
                     policy, run_program)
from operators import BAD, GOOD
from tap import check, check_equal, check_in, main, test

# ---- starting ----

def check_of(appliance):
    """ppsfwd --check."""
    return run_program(*appliance.command("--check"))


@test
def a_check_says_good_or_what_is_wrong_and_touches_no_port():
    with Appliance(GOOD) as appliance:
        result = check_of(appliance)
        check_equal((result.code, result.err), (OK, ""))
        check_in('"good" revision 2', result.out)
        appliance.write_policy(BAD)
        result = check_of(appliance)
        check_equal(result.code, 1)
        check_in("approved[0].direction", result.err)
        odd = list(range(1, 1000, 2))
        appliance.write_policy(policy(approve(
            "LARGE", "inbound", protocol="tcp", to="198.51.100.10", source="10.0.0.0/8", ports=odd,
            source_ports=odd)))
        result = check_of(appliance)
        check_equal(result.code, 1)
        check_in("approved[0]: the policy makes 250000 table entries", result.err)
        appliance.write_policy(GOOD)
        appliance.config.update(colour="red", workers=0)
        result = check_of(appliance)
        check_equal(result.code, 1)
        check_in("colour", result.err)
        check_in("workers", result.err)
        check(not os.path.exists(appliance.path("dmz-inside-out.pcap")), "a port was opened")
    check_equal(run_program(PPSFWD).code, USAGE)


@test
def a_bad_policy_at_the_start_is_an_error_and_nothing_crosses():
    for text in (json.dumps(BAD), "{", None):
        with Appliance(text or EMPTY, clock="capture") as appliance:
            if text is None:
                os.unlink(appliance.path("policy.json"))
            appliance.write_capture(OUTSIDE, [(microseconds(1), tcp_frame(
                "203.0.113.9", 1, "198.51.100.10", 443, "S"))])
            check_equal(appliance.run(), 1)
            check_in("policy.json", appliance.errors())
            for side in (INSIDE, OUTSIDE):
                path = appliance.path(f"dmz-{side}-out.pcap")
                check_equal(appliance.sent(side) if os.path.exists(path) and
                            os.path.getsize(path) else [], [])
            check(not os.path.exists(appliance.socket), "a socket is left")


def segment(name="dmz", inside="net_pcap0", outside="net_pcap1"):
    return {"name": name, "inside": inside, "outside": outside}


# What is changed in a good configuration, and how the daemon's one complaint begins.
MISTAKES = [
    ({"segments": []}, "segments: [] is not a list of 1 to 16 segments"),
    ({"segments": [segment(outside="net_pcap7")]},
     'segments[0].outside: "net_pcap7" is not a port EAL brought up (it has: net_pcap0, net_pcap1)'),
    ({"segments": [segment(outside="net_pcap0")]},
     'segments[0].outside: "net_pcap0" is segments[0].inside'),
    ({"segments": [segment(outside="")]}, 'segments[0].outside: it is empty'),
    ({"segments": [{"name": "dmz", "inside": "net_pcap0"}]}, 'segments[0]: missing key "outside"'),
    ({"segments": [segment(name="d m z")]}, 'segments[0].name: "d m z" is not a name'),
    ({"segments": [dict(segment(), middle="net_pcap1")]}, 'segments[0]: unknown key "middle"'),
    ({"mode": "obsrver"}, 'mode: "obsrver" is none of "inline", "audit", "observer" '
                          '(did you mean "observer"?)'),
    ({"clock": "sundial"}, 'clock: "sundial" is none of "system", "capture"'),
    ({"flows": 3}, "flows: 3 is not a whole number"),
    ({"speed": "fast"}, 'unknown key "speed"'),
    ({"events": {"file": "no/such/folder/events.jsonl"}},
     "FOLDER/no/such/folder/events.jsonl: No such file or directory"),
    ({"socket": "no/such/folder/ctl.sock"},
     "FOLDER/no/such/folder/ctl.sock: No such file or directory"),
    ({"flows": 4194304}, 'worker 0: no memory for the flow table (key "flows"'),
]


@test
def a_configuration_that_cannot_work_is_an_error_that_names_the_place():
    for change, text in MISTAKES:
        with Appliance(GOOD) as appliance:
            appliance.config.update(change)
            check_equal((change, appliance.run()), (change, 1))
            complaints = [line for line in appliance.errors().splitlines() if "error: " in line]
            start = f"ppsfwd: error: {appliance.path('ppsfwd.json')}: "
            start += text.replace("FOLDER", appliance.folder)
            check_equal([line[:len(start)] for line in complaints], [start])
            check(not os.path.exists(appliance.socket), "a socket is left")


@test
def two_segments_with_one_name_or_one_port_are_an_error():
    for second, text in (
            (segment("dmz", "net_pcap2", "net_pcap3"), 'segments[1].name: "dmz"'),
            (segment("lan", "net_pcap0", "net_pcap2"), 'segments[1].inside: "net_pcap0"'),
            (segment("lan", "net_pcap3", "net_pcap1"), 'segments[1].outside: "net_pcap1"')):
        with Appliance(GOOD, segments=("dmz", "lan")) as appliance:
            appliance.config["segments"][1] = second
            check_equal((text, appliance.run()), (text, 1))
            check_in(text, appliance.errors())


@test
def a_capture_that_is_not_there_is_an_error():
    with Appliance(GOOD) as appliance:
        os.unlink(appliance.path("dmz-outside.pcap"))
        check_equal(appliance.run(), 1)
        check_in("dmz-outside.pcap", appliance.errors())


main()
