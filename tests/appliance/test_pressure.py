#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""ppsfwd under floods: what status says, and when events say that it begins and ends.

    test_pressure.py PPSFWD PPSFW SOURCE_ROOT
"""

import time

from frames import tcp_frame
from harness import OUTSIDE, PATIENCE, Appliance, approve, policy
from tap import check_equal, check_in, main, test

SERVER = "198.51.100.10"
WEB = approve("WEB", "inbound", "https", to=SERVER, limits={"flows": 5000})


def flood(count):
    """One SYN each from that many sources."""
    return [(number, tcp_frame(f"203.0.{number // 200}.{number % 200 + 1}", 40000, SERVER, 443, "S"))
            for number in range(count)]


def started(count, **config):
    """A daemon on the machine's clock that is about to read so many SYNs."""
    appliance = Appliance(policy(WEB), flows=1024, **config)
    appliance.write_capture(OUTSIDE, flood(count))
    appliance.start()
    return appliance


def wait_for(ask, wanted):
    """What ask() answers once 'wanted' says yes to it."""
    deadline = time.monotonic() + PATIENCE
    while True:
        answer = ask()
        if wanted(answer):
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"still {answer}")


def flows_of(appliance):
    return appliance.call("status")["flows"]


def events_of(appliance, kind):
    return wait_for(lambda: appliance.events(kind), lambda events: events)


@test
def a_flood_is_said_in_status_and_in_an_event_and_so_is_its_end():
    with started(1000) as appliance:
        flows = wait_for(lambda: flows_of(appliance), lambda flows: flows["half_open"]["pressure"]
                         and flows["started"] == 1000)
        check_equal(flows["half_open"], {"live": 512, "max": 512, "per_source": 512,
                                         "replaced": 488, "pressure": True})
        check_equal((flows["live"], flows["pressure"]), (512, False))
        event = events_of(appliance, "half_open_pressure")[0]
        check_equal((event["worker"], event["max"]), (0, 512))
        check_in("half-open flows are at their limit", appliance.cli("status").out)
        check_equal(appliance.call("kill_flows", {"filter": {}})["killed"], 512)
        events_of(appliance, "half_open_relieved")
        flows = flows_of(appliance)
        check_equal((flows["half_open"]["live"], flows["half_open"]["pressure"]), (0, False))
        check_equal(appliance.events("flow_table_pressure"), [])


@test
def a_table_that_fills_up_is_said_before_it_is_full():
    with started(1000, half_open={"max": 1024}) as appliance:
        flows = wait_for(lambda: flows_of(appliance), lambda flows: flows["pressure"]
                         and flows["started"] == 1000)
        check_equal((flows["live"], flows["half_open"]["replaced"]), (1000, 0))
        event = events_of(appliance, "flow_table_pressure")[0]
        check_equal((event["worker"], event["capacity"]), (0, 1024))
        check_in("nearly full", appliance.cli("status").out)
        appliance.call("kill_flows", {"filter": {"address": "203.0.0.0/24"}})
        wait_for(lambda: flows_of(appliance), lambda flows: not flows["pressure"])
        check_equal(len(events_of(appliance, "flow_table_relieved")), 1)
        check_equal(len(events_of(appliance, "flow_table_pressure")), 1)


@test
def rules_say_their_limits_and_what_lives_under_them():
    with started(10) as appliance:
        wait_for(lambda: flows_of(appliance), lambda flows: flows["started"] == 10)
        rule = appliance.call("show_rules")["rules"][0]
        check_equal((rule["limits"], rule["live"], rule["flows"]), ({"flows": 5000}, 10, 10))
        check_in("10 of 5000 live", appliance.cli("show", "rules").out)
        appliance.call("kill_flows", {"filter": {"source": "203.0.0.1"}})
        rule = appliance.call("show_rules")["rules"][0]
        check_equal((rule["live"], rule["flows"]), (9, 10))
        document = appliance.call("show_policy")["document"]
        check_equal(document["approved"][0]["limits"], {"flows": 5000})


main()
