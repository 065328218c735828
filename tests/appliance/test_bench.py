# SPDX-License-Identifier: BSD-3-Clause
"""tools/bench: that it measures and says what; never how fast anything is."""

import json
import os

from harness import PPSFWD, ROOT, run_program
from lab import need_root
from tap import check, check_equal, check_in, main, test

BUILD = os.path.dirname(os.path.dirname(os.path.dirname(PPSFWD)))
STAGES = {"parse", "fragments", "sources", "hash", "lookup", "classify", "judge", "account"}


def bench(*words):
    """Runs tools/bench on the build that is tested."""
    return run_program(os.path.join(ROOT, "tools", "bench"), "--build", BUILD, *words,
                       timeout=200)


def program(*words):
    """Runs what measures, in a small table."""
    return run_program(os.path.join(BUILD, "tools", "benchmark", "ppsfw-bench"), "--no-huge",
                       "-m", "128", "--no-shconf", "--no-pci", "--no-telemetry",
                       "--log-level=4", "--", *words)


def measure(command="filter", **options):
    """One kind of traffic, a few thousand packets."""
    words = {"flows": 300, "capacity": 4096, "rules": 20, "packets": 8192, "windows": 2, **options}
    done = program(command, *(f"{name}={value}" for name, value in words.items()))
    check_equal((done.code, done.err), (0, ""))
    return json.loads(done.out)["result"]


def rows_of(*words):
    """The rows of a table, by name; every number is positive, and the median is between bounds."""
    done = bench("--quick", "--json", *words)
    check_equal(done.code, 0)
    rows = {row["name"]: row for row in json.loads(done.out)["rows"]}
    for row in rows.values():
        check(0 < row["min"] <= row["median"] <= row["max"], f"in order: {row}")
    return rows


@test
def the_table_is_one_json_object_with_medians_and_bounds():
    done = bench("--quick", "--json", "--only", "hit ipv4 tcp 64, 1k flows", "filter", "stages")
    check_equal(done.code, 0)
    table = json.loads(done.out)
    check_in(table["machine"]["memory"], ("hugepages", "no hugepages"))
    check(table["machine"]["tsc_hz"] > 0, "the clock is known")
    check_equal({row["part"] for row in table["rows"]}, {"filter", "stages"})
    for row in table["rows"]:
        check(0 <= row["min"] <= row["median"] <= row["max"], f"in order: {row}")
        check_equal(len(row["values"]), 3)
    stages = {row["name"].split(": ")[1] for row in table["rows"] if row["part"] == "stages"}
    check_equal(stages, STAGES)


@test
def every_kind_of_traffic_is_judged_as_it_must_be():
    for protocol in ("udp", "tcp"):
        for family in (4, 6):
            for frame in ("64", "imix"):
                measure(protocol=protocol, family=family, frame=frame, packets=65536)
    for load in ("new", "denied", "flood"):
        measure(load=load, protocol="tcp")
    for flows in (1, 2, 33):
        measure(flows=flows, protocol="tcp", frame="imix")
    for burst in (1, 4, 64):
        measure(burst=burst)


@test
def flows_that_do_not_find_room_are_no_measurement():
    done = program("filter", "flows=5000", "capacity=4096", "rules=20")
    check_equal((done.code, done.out), (1, ""))
    check_in("flow 4096 cannot be established: flow_table_full", done.err)


@test
def the_floor_takes_turns_with_the_filter():
    parts = {"hit": {"table", "way"}, "denied": {"miss", "rules"},
             "new": {"end", "miss", "rules", "add", "remove"},
             "flood": {"apart", "hit", "syn", "way", "miss", "rules", "add", "remove"}}
    for load, words in parts.items():
        for family in (4, 6):
            result = measure("floor", load=load, protocol="tcp", family=family)
            check_equal(len(result["windows"]), 2)
            for window in result["windows"]:
                check_equal(set(window), words | {"filter"})
                check(min(window.values()) > 0, f"all take time: {window}")


@test
def the_table_says_how_far_the_filter_is_from_its_floor():
    rows = rows_of("--only", "denied", "floor")
    name = "denied ipv4 tcp 64, 1k flows, 1k rules, burst 32"
    floor = "floor, the front and rte_acl"
    check_equal(set(rows), {name, f"{name}: no flow", f"{name}: rte_acl",
                            f"{name}: {floor}", f"{name}: filter over {floor}"})
    for i, ratio in enumerate(rows[f"{name}: filter over {floor}"]["values"]):
        parts = sum(rows[f"{name}: {part}"]["values"][i]
                    for part in ("no flow", "rte_acl"))
        check(abs(ratio - rows[name]["values"][i] / parts) < 1e-9, "the sum of its parts")


@test
def two_policies_take_turns():
    result = measure("pair", protocol="tcp", other_rules=200)
    check_equal(len(result["windows"]), 2)
    check_equal(len(rows_of("rules")), 3)


@test
def every_reload_is_followed_by_every_flow():
    result = measure("publish", protocol="tcp", windows=3)
    # One before the first window.
    check_equal((len(result["windows"]), result["reloads"], result["rejudged"]), (3, 4, 4 * 300))
    for window in result["windows"]:
        check(min(window["quiet"], window["reloading"]) > 0, f"both take time: {window}")


@test
def two_workers_are_measured_beside_one():
    cpus = sorted(os.sched_getaffinity(0))
    result = measure("workers", protocol="tcp", cpu=cpus[-1])
    for window in result["windows"]:
        for kind in ("filter", "arithmetic"):
            check(min(window[kind]["alone"] + window[kind]["both"]) > 0, f"all ran: {window}")
    if len(cpus) > 1:
        rows = rows_of("workers")
        check_equal(len(rows), 4)


@test
def an_operator_waits_for_answers_that_are_measured():
    rows = rows_of("policy")
    check_equal(set(rows), {"check, 10k rules", "diff, 10k rules, 138 of them changed",
                            "load, 10k rules, under traffic",
                            "load, 10k rules, under traffic: compiled in"})
    check_equal(set(rows_of("--only", "check", "policy")), {"check, 10k rules"})


@test
def whole_programs_are_measured_with_what_they_had_of_their_cpus():
    rows = rows_of("--only", "ppsfwd, 1k flows", "daemon")
    name = "ppsfwd, 1k flows"
    check_equal(set(rows), {name, f"{name}, 10k rules", f"{name}, 10k rules, reloading",
                            f"{name}, 10k rules, reloading over not"})
    check_equal(rows[name]["beside"]["unit"], "of their CPUs")
    check(0 < min(rows[name]["beside"]["values"]) <= max(rows[name]["beside"]["values"]) < 1.1,
          "a share")
    check_equal(rows[f"{name}, 10k rules, reloading"]["beside"]["unit"], "reloads a second")


@test
def pings_are_measured_with_workers_that_sleep_and_that_do_not():
    need_root()
    rows = rows_of("poll")
    check_equal(len(rows), 7)
    check_equal(set(rows_of("--only", "ping, busy", "poll")),
                {name for name in rows if name.startswith("ping, busy")})


@test
def latency_is_said_by_percentiles_with_and_without_reloads():
    for reloads in ("no", "yes"):
        done = program("latency", "flows=300", "capacity=4096", "rules=20", "packets=20000",
                       "protocol=tcp", f"reloads={reloads}")
        check_equal((done.code, done.err), (0, ""))
        result = json.loads(done.out)["result"]
        times = [result["latency_ns"][word] for word in ("p50", "p99", "p99.9", "max")]
        check_equal(times, sorted(times))
        check_equal(result["reloads"] > 0, reloads == "yes")


@test
def scale_says_what_one_heavy_host_pair_does():
    done = bench("--json", "--only", "30 %", "scale")
    check_equal(done.code, 0)
    rows = {row["name"]: row["median"] for row in json.loads(done.out)["rows"]}
    check_equal(len(rows), 12)
    # 30 % and a share of the rest are on one of 64.
    for kind in ("toeplitz", "keyed"):
        check(19 < rows[f"the same in IPv4, one host pair is 30 %: 64 workers, {kind}"] < 22,
              "64 * (0.3 + 0.7 / 64), nearly")


@test
def words_it_does_not_know_are_refused():
    done = bench("speed")
    check_equal(done.code, 2)
    check_in('"speed" is no part', done.err)
    done = program("filter", "flow=3")
    check_equal(done.code, 1)
    check_in('no option is called "flow"', done.err)


main()
