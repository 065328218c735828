#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The examples of ppsfw(1), run as they stand, from the first to the last.

    test_examples.py PPSFWD PPSFW SOURCE_ROOT
"""

import os
import re
import subprocess
import sys

from frames import ethernet, ipv4, tcp
from harness import FAILED, INSIDE, OK, OUTSIDE, PPSFW, Appliance, approve, policy
from pcap import write_pcap
from tap import check, check_equal, check_in, main, test, wait_until

MANUAL = os.path.join(os.path.abspath(sys.argv[3]), "app/ppsfw/ppsfw.1")
WEB = approve("WEB", "inbound", "https", to="198.51.100.10")
MAIL = approve("MAIL", "outbound", "smtp", source="198.51.100.0/24")
RECORDS = 12  # those that the examples name

ENDLESS = 124  # what timeout(1) says
# These are run where there are keys and certificates, by test_signatures.py.
ELSEWHERE = ("ppsfw sign ", "ppsfw verify ")
# Silence is success.
SILENT = ("ppsfw load --confirm", "ppsfw confirm", "ppsfw rollback", "ppsfw kill")


def examples():
    """The commands of the manual, in order."""
    with open(MANUAL, encoding="utf-8") as file:
        lines = re.findall(r"^\.Dl (.*)$", file.read(), re.M)
    return [line for line in lines if not line.startswith(ELSEWHERE)]


def revised(box, revision):
    """Writes the policies of the examples: the next revision, and one that approves more."""
    box.write("policy.json", policy(WEB, name="site", revision=revision))
    box.write("policy-new.json", policy(WEB, MAIL, name="site", revision=revision + 1))


def prepared():
    """An appliance with the files and the history that the examples speak of."""
    box = Appliance(policy(WEB, name="site", revision=1), state="state")
    frame = ethernet(ipv4("203.0.113.9", "198.51.100.10", tcp(40000, 443, "S")))
    write_pcap(box.path("trouble.pcap"), [(number, frame) for number in range(20)])
    os.mkdir(box.path("bin"))
    with open(box.path("bin/ppsfw"), "w", encoding="utf-8") as script:
        script.write(f'#!/bin/sh\nexec {PPSFW} --socket {box.socket} "$@"\n')
    os.chmod(box.path("bin/ppsfw"), 0o755)
    denied = ethernet(ipv4("203.0.113.9", "198.51.100.10", tcp(40000, 22, "S")))
    egress = ethernet(ipv4("198.51.100.10", "203.0.113.9", tcp(40000, 22, "S")))
    box.write_capture(OUTSIDE, [(0, denied)])
    box.write_capture(INSIDE, [(0, egress)])
    box.start()
    wait_until(lambda: len(box.events("deny")) == 2, "the denies")
    for revision in range(2, RECORDS + 1):
        box.load(policy(WEB, *[MAIL] * (revision % 2), name="site", revision=revision))
    return box


def run(box, command):
    """Runs one as a shell does that stops at the first failure of a pipe."""
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], cwd=box.folder, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, check=False, text=True,
        env=dict(os.environ, PATH=f"{box.path('bin')}:{os.environ['PATH']}"))


@test
def every_example_of_the_manual_does_its_work():
    commands = examples()
    check(len(commands) > 30, f"{len(commands)} examples")
    with prepared() as box:
        revision = RECORDS
        for command in commands:
            if command.startswith("ppsfw load"):
                revision += 1
            revised(box, revision)
            code = FAILED if command.startswith("ppsfw diff") else OK  # there are differences
            if command.endswith("--follow"):
                command, code = f"timeout 2 {command}", ENDLESS
            done = run(box, command)
            check_equal((command, done.returncode, done.stderr), (command, code, ""))
            check((done.stdout == "") == command.startswith(SILENT), (command, done.stdout))


@test
def the_diff_that_the_manual_shows_is_what_it_prints():
    with open(MANUAL, encoding="utf-8") as file:
        shown = file.read().split(".Bd -literal -offset indent\nnewly allowed")[1].split(".Ed")[0]
    rule = dict(MAIL, id="PPS-7")
    with prepared() as box:
        box.write("policy.json", policy(WEB, name="site", revision=1))
        box.write("policy-new.json", policy(WEB, rule, name="site", revision=2))
        done = run(box, "ppsfw diff policy.json policy-new.json")
        check_in("newly allowed" + shown, done.stdout)


main()
