#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""How ppsfwd starts, and everything that keeps it from starting.

    test_start.py PPSFWD PPSFW SOURCE_ROOT
"""

import json
import os

from frames import tcp_frame
from harness import (EMPTY, INSIDE, OK, OUTSIDE, PPSFWD, USAGE, Appliance, microseconds,
                     run_program)
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


# What is changed in a good configuration, and what the daemon must say about it.
MISTAKES = [
    ({"segments": [{"name": "dmz", "inside": "net_pcap0", "outside": "net_pcap7"}]}, "net_pcap7"),
    ({"segments": [{"name": "dmz", "inside": "net_pcap0", "outside": "net_pcap0"}]}, "net_pcap0"),
    ({"segments": []}, "segments"),
    ({"mode": "obsrver"}, "mode"),
    ({"clock": "sundial"}, "clock"),
    ({"flows": 3}, "flows"),
    ({"speed": "fast"}, "speed"),
    ({"events": {"file": "no/such/folder/events.jsonl"}}, "no/such/folder"),
    ({"socket": "no/such/folder/ctl.sock"}, "no/such/folder"),
    ({"flows": 4194304}, "flows"),
]


@test
def a_configuration_that_cannot_work_is_an_error_that_names_the_place():
    for change, text in MISTAKES:
        with Appliance(GOOD, **change) as appliance:
            check_equal((change, appliance.run()), (change, 1))
            check_in(text, appliance.errors())


@test
def a_capture_that_is_not_there_is_an_error():
    with Appliance(GOOD) as appliance:
        os.unlink(appliance.path("dmz-outside.pcap"))
        check_equal(appliance.run(), 1)
        check_in("dmz-outside.pcap", appliance.errors())


main()
