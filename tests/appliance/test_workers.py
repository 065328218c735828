#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""ppsfwd with several workers at once, on the machine's clock.

    test_workers.py PPSFWD PPSFW SOURCE_ROOT

What comes from files comes as fast as it is read, and ports do not wait for each other: so traffic
goes one way here. (What workers decide together, in the order of captured time, is tested by the
other files, run with PPSFW_WORKERS.) No file has more frames than a ring between workers.
"""

import contextlib
import glob
import ipaddress
import os
import struct

from frames import ethernet, icmp, ipv4, udp, udp_frame
from harness import (INSIDE, OK, OUTSIDE, PATIENCE, Appliance, approve, microseconds, policy)
from lab import need_root
from pcap import write_pcap
from tap import check, check_equal, check_in, check_not_in, main, skip, test, wait_until

SERVER = "198.51.100.10"
CLIENTS = [f"203.0.113.{number}" for number in range(1, 101)]
ANY_UDP = approve("UDP", "inbound", protocol="udp")


def numbered(client, number):
    """A frame of the client's flow that says which one it is."""
    return udp_frame(client, 4000, SERVER, 53, struct.pack("!I", number))


def captured(frames):
    """Frames of a file; when they were captured does not matter on the machine's clock."""
    return [(microseconds(0), frame) for frame in frames]


def started(document, frames, workers, **config):
    """A daemon that reads these frames from outside."""
    appliance = Appliance(document, workers=workers, **config)
    appliance.write_capture(OUTSIDE, captured(frames))
    return appliance


@contextlib.contextmanager
def judged(document, frames, workers):
    """A daemon that has judged these frames."""
    with started(document, frames, workers) as appliance:
        appliance.start()
        wait_for(appliance, len(frames))
        yield appliance


def received(appliance):
    """How many frames have been judged."""
    return appliance.call("status")["segments"][0]["outside"]["rx_packets"]


def wait_for(appliance, count):
    """Waits until so many frames have been judged."""
    wait_until(lambda: received(appliance) == count, f"{count} frames", PATIENCE)


def drops(appliance):
    """How many packets were dropped, by reason."""
    return {drop["reason"]: drop["count"] for drop in appliance.call("show_drops")["drops"]}


@test
def every_worker_judges_its_own_and_flows_keep_their_order():
    frames = [numbered(client, number) for client in CLIENTS for number in range(10)]
    for workers in (2, 4):
        with judged(policy(ANY_UDP), frames, workers) as appliance:
            status = appliance.call("status")
            check_equal(drops(appliance), {})
            check_equal(status["flows"]["live"], len(CLIENTS))
            check_equal(len(status["workers"]), workers)
            for worker in status["workers"]:
                check(worker["flows"] > 0, f"no flow of worker {worker}")
                check_equal(worker["passed"], 10 * worker["flows"])
            # The outside port is the second: its one queue is polled by the second worker.
            check_equal([worker["handed_over"] > 0 for worker in status["workers"]],
                        [worker == 1 for worker in range(workers)])
            check_equal(appliance.stop(), OK)
            sent = appliance.sent(INSIDE)
            check_equal(sorted(sent), sorted(frames))
            for client in CLIENTS:
                mine = [numbered(client, number) for number in range(10)]
                check_equal([frame for frame in sent if frame in mine], mine)


@test
def frames_longer_than_any_packet_are_handed_to_nobody():
    # What net_pcap hands over of them is not whole: to read them is to read behind them.
    frames = [numbered(client, 0) for client in CLIENTS[:20]]
    giants = [numbered(client, 0) + bytes(length)
              for client in CLIENTS[:5] for length in (67584, 131072, 262000)]
    for workers in (2, 4):
        with started(policy(ANY_UDP), giants + frames, workers) as appliance:
            appliance.start()
            wait_for(appliance, len(giants) + len(frames))
            check_equal(drops(appliance), {"link_giant": len(giants)})
            check_equal(appliance.stop(), OK)
            check_equal(sorted(appliance.sent(INSIDE)), sorted(frames))


@test
def an_operator_finds_every_flow_whoever_owns_it():
    frames = [numbered(client, 0) for client in CLIENTS]
    with judged(policy(ANY_UDP), frames, 4) as appliance:
        check_equal(appliance.call("show_flows", {"max": 1000})["matched"], len(CLIENTS))
        for client in CLIENTS:
            question = {"direction": "inbound", "protocol": "udp", "source": client,
                        "destination": SERVER, "source_port": 4000, "destination_port": 53}
            flow = appliance.call("explain", question)["flow"]
            check_equal((flow["source"], flow["packets"]),
                        (client, {"initiator": 1, "responder": 0}))
            answer = dict(question, direction="outbound", source=SERVER, destination=client,
                          source_port=53, destination_port=4000)
            check_equal(appliance.call("explain", answer)["flow"]["source"], client)
        for client in CLIENTS[:20]:
            check_equal(appliance.call("kill_flows", {"filter": {"source": client}})["killed"], 1)
        check_equal(appliance.call("status")["flows"]["live"], len(CLIENTS) - 20)


def error_about(client):
    """Port unreachable, from a router inside to the client."""
    quoted = ipv4(client, SERVER, udp(4000, 53))[1]
    return ethernet(ipv4("198.51.100.1", client, icmp(3, 3, b"\0\0\0\0", quoted)))


@test
def what_speaks_of_a_flow_is_asked_of_its_owner():
    frames = [numbered(client, 0) for client in CLIENTS[:30]]
    with judged(policy(ANY_UDP), frames, 4) as appliance:
        for client in CLIENTS[:30]:
            frame = error_about(client)
            answer = appliance.call("explain", {"direction": "outbound", "frame": frame.hex(),
                                                "length": len(frame)})
            check_equal((client, answer["verdict"], answer["reason"]), (client, "pass", "none"))


@test
def limits_hold_over_all_workers_to_the_flow():
    frames = [udp_frame(client, 4000 + number, SERVER, 53)
              for number in range(5) for client in CLIENTS]
    limited = approve("UDP", "inbound", protocol="udp", limits={"flows": 123})
    for workers in (2, 4):
        with judged(policy(limited), frames, workers) as appliance:
            check_equal(appliance.call("status")["flows"]["live"], 123)
            check_equal(drops(appliance), {"limit_flows": len(frames) - 123})
            rule = [rule for rule in appliance.call("show_rules")["rules"]
                    if rule["id"] == "UDP"][0]
            check_equal(rule["live"], 123)


@test
def a_source_that_talks_to_many_has_one_share():
    servers = [f"198.51.100.{number}" for number in range(1, 201)]
    frames = [udp_frame(CLIENTS[0], 4000, server, 53) for server in servers]
    limited = approve("UDP", "inbound", protocol="udp", limits={"flows_per_source": 50})
    with judged(policy(limited), frames, 4) as appliance:
        check_equal(appliance.call("status")["flows"]["live"], 50)
        check_equal(drops(appliance), {"limit_flows_per_source": 150})


@test
def a_load_judges_the_flows_of_all_workers():
    frames = [numbered(client, 0) for client in CLIENTS]
    with judged(policy(ANY_UDP), frames, 4) as appliance:
        some = approve("SOME", "inbound", protocol="udp", source=CLIENTS[:30])
        answer = appliance.load(policy(some, revision=2))
        check_equal((answer["flows"]["kept"], answer["flows"]["rebound"], answer["flows"]["cut"]),
                    (0, 30, 70))
        check_equal(appliance.call("status")["flows"]["live"], 30)


def queue_of(client):
    """The queue that a device with the symmetric key and two queues puts the pair into: with a key
    of period 16 the hash is a function of the sum of all 16-bit words."""
    words = struct.unpack("!HHHH", ipaddress.ip_address(client).packed
                          + ipaddress.ip_address(SERVER).packed)
    total = words[0] ^ words[1] ^ words[2] ^ words[3]
    key, value = 0x6d5a6d5a, 0
    for bit in range(16):
        if total >> (15 - bit) & 1:
            value ^= (key << bit | key >> (32 - bit)) & 0xffffffff
    return value % 128 % 2


def queues(appliance, split):
    """Two files for the outside port."""
    for queue in range(2):
        write_pcap(appliance.path(f"queue{queue}.pcap"), captured(
            [numbered(client, number) for number in range(3) for client in CLIENTS
             if split(client) == queue]))


def of_two_queues(split):
    """A daemon whose outside port has two queues, after all frames; its status."""
    vdevs = ["net_pcap0,rx_pcap=in.pcap,tx_pcap=out0.pcap",
             "net_pcap1,rx_pcap=queue0.pcap,rx_pcap=queue1.pcap,tx_pcap=out1.pcap"]
    with Appliance(policy(ANY_UDP), vdevs=vdevs, workers=2) as appliance:
        write_pcap(appliance.path("in.pcap"), [])
        queues(appliance, split)
        appliance.start()
        wait_for(appliance, 3 * len(CLIENTS))
        check_equal(drops(appliance), {})
        check_in('port "net_pcap1": 2 queues, spread as the device likes', appliance.errors())
        return appliance.call("status")


@test
def inputs_that_are_split_as_devices_do_need_no_handing_over():
    status = of_two_queues(queue_of)
    check_equal([worker["handed_over"] for worker in status["workers"]], [0, 0])
    check(all(worker["flows"] > 0 for worker in status["workers"]), "a worker without flows")
    port = status["segments"][0]["outside"]
    check_equal((port["rx_queues"], port["tx_queues"], port["spread"]), (2, 1, "other"))
    check_equal(status["segments"][0]["inside"]["spread"], "none")


@test
def inputs_that_are_split_otherwise_are_put_right():
    status = of_two_queues(lambda client: 1 - queue_of(client))
    check_equal(sum(worker["handed_over"] for worker in status["workers"]), 3 * len(CLIENTS))
    check_equal(status["flows"]["live"], len(CLIENTS))


def pin(appliance, cpus):
    """Puts management and the workers on these CPUs: a number, or "(a,b)"."""
    lcores = ",".join(f"{lcore}@{cpu}" for lcore, cpu in enumerate(cpus))
    appliance.config["eal"] = [f"--lcores={lcores}" if "--lcores" in argument else argument
                               for argument in appliance.config["eal"]]


@test
def status_says_where_every_worker_runs_and_what_it_polls():
    cpus = sorted(os.sched_getaffinity(0))
    one, many = cpus[-1], "(" + ",".join(map(str, cpus)) + ")"
    node = int(glob.glob(f"/sys/devices/system/cpu/cpu{one}/node*")[0].rsplit("node", 1)[1])
    with started(policy(ANY_UDP), [], 3) as appliance:
        pin(appliance, [one, one, one, many])
        appliance.start()
        status = appliance.call("status")
        queue = {"segment": "dmz", "side": "inside", "port": "net_pcap0", "queue": 0}
        check_equal([worker["inputs"] for worker in status["workers"]],
                    [[queue], [dict(queue, side="outside", port="net_pcap1")], []])
        check_equal([worker["lcore"] for worker in status["workers"]], [1, 2, 3])
        check_equal([worker["cpu"] for worker in status["workers"]],
                    [one, one, None if len(cpus) > 1 else one])
        check_equal(status["workers"][0]["numa_node"], node)
        # No hardware is behind these.
        check_equal(status["segments"][0]["inside"]["numa_node"], None)
        check_equal(status["placement"][0],
                    f"workers 0 and 1 share processor {one}: one waits for the other")
        for line in (f"warning: {status['placement'][0]}\n",
                     'port "net_pcap1": one queue, polled by worker 1, which hands over'):
            check_in(line, appliance.errors())


@test
def workers_that_are_alone_where_they_run_need_no_word():
    with started(policy(ANY_UDP), [], 1) as appliance:
        pin(appliance, [min(os.sched_getaffinity(0))] * 2)
        appliance.start()
        check_equal(appliance.call("status")["placement"], [])
        check_not_in("port \"", appliance.errors())


@test
def a_worker_that_cannot_keep_up_loses_its_own_frames_and_that_is_an_alarm():
    # On one processor the other worker does not run while the one that receives fills its ring.
    frames = [numbered(client, number) for number in range(1000) for client in CLIENTS]
    with started(policy(ANY_UDP), frames, 2) as appliance:
        pin(appliance, [min(os.sched_getaffinity(0))] * 3)
        appliance.start()
        wait_for(appliance, len(frames))
        status = appliance.call("status")
        giver = status["workers"][1]
        check_equal(giver["dropped"], drops(appliance)["handoff_full"])
        check_equal(status["packets"]["passed"] + giver["dropped"], len(frames))
        check_equal(giver["passed"] + giver["handed_over"] + giver["dropped"], len(frames))
        # What the one that received has for itself waits for nobody.
        check_equal(giver["passed"], 1000 * giver["flows"])
        wait_until(lambda: appliance.events("handoff_relieved"), "the end of the alarm", PATIENCE)
        began, = appliance.events("handoff_pressure")
        ended, = appliance.events("handoff_relieved")
        check_equal((began["worker"], began["severity"], ended["worker"]), (1, "alert", 1))
        check_equal(ended["dropped"], giver["dropped"])


HUGEPAGES = "/sys/devices/system/node/node0/hugepages/hugepages-2048kB/free_hugepages"


def pages_free():
    """Hugepages nobody has."""
    try:
        with open(HUGEPAGES, encoding="ascii") as file:
            return int(file.read())
    except OSError:
        return 0


def two_nodes(appliance, cpus):
    """Shows the daemon a machine whose second CPU is on a NUMA node of its own. That node has no
    memory in truth, which it finds out when it asks for some."""
    for node, cpu in enumerate(cpus):
        pages = appliance.path(f"nodes/node{node}/hugepages/hugepages-2048kB")
        os.makedirs(pages)
        os.mkdir(appliance.path(f"nodes/node{node}/cpu{cpu}"))
        appliance.write(f"{pages}/free_hugepages", 1000)
    appliance.prefix = ["unshare", "-m", "sh", "-c", "mount --bind "
                        f'{appliance.path("nodes")} /sys/devices/system/node && exec "$@"', "sh"]
    pin(appliance, [cpus[0], cpus[1], cpus[0]])


def started_on_two_nodes(frames, eal):
    """A daemon there, with other arguments for its memory, and its status after all frames."""
    need_root()
    cpus = sorted(os.sched_getaffinity(0))[:2]
    if len(cpus) < 2:
        skip("needs two CPUs")
    with started(policy(ANY_UDP), frames, 2) as appliance:
        two_nodes(appliance, cpus)
        eal(appliance.config["eal"])
        appliance.start()
        wait_for(appliance, len(frames))
        status = appliance.call("status")
        check_equal([worker["numa_node"] for worker in status["workers"]], [1, 0])
        check_equal(appliance.stop(), OK)
        check_equal(sorted(appliance.sent(INSIDE)), sorted(frames))
        for remark in status["placement"]:
            check_in(f"warning: {remark}\n", appliance.errors())
        return status["placement"]


@test
def workers_are_on_the_nodes_of_their_processors():
    # Without hugepages there is memory of no node in particular.
    frames = [numbered(client, 0) for client in CLIENTS]
    check_equal(started_on_two_nodes(frames, lambda eal: None), [])


@test
def a_node_without_memory_is_served_by_another_and_that_is_said():
    if pages_free() < 128:
        skip("needs 128 hugepages that nobody has")

    def hugepages(eal):
        del eal[eal.index("-m"):eal.index("-m") + 2]
        eal.remove("--no-huge")
        eal += ["--in-memory", "--socket-mem=128,0"]

    frames = [numbered(client, 0) for client in CLIENTS]
    said = started_on_two_nodes(frames, hugepages)
    check_equal(len(said), 2)
    check_in("the flows of worker 0 (NUMA node 1) are in the memory of node 0: ", said[0])
    check_in("the packet buffers of NUMA node 1 are in the memory of another node: ", said[1])


@test
def there_must_be_an_lcore_for_each_worker():
    with Appliance(policy(ANY_UDP), workers=4) as appliance:
        appliance.config["eal"] = [argument.replace(",4@", ",3@") if "--lcores" in argument
                                   else argument for argument in appliance.config["eal"]]
        appliance.config["workers"] = 5
        check_equal(appliance.run(), 1)
        check_in("workers: 5 workers need as many lcores besides the main one",
                 appliance.errors())


main()
