#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Random traffic with faults, judged by the filter and by law.py, which was written from
ppsfw-law(7) alone: verdict, reason and deciding rule agree for every frame, and for what is held
its fate. TAP.

usage: test_law.py JUDGE MIX FRAMES

PPSFW_LAW_SEED=N makes other traffic, PPSFW_LAW_FRAMES=N more or less of it.

The page says what its reader cannot predict. Here is how the mixes stay clear of it:

  - two sources of fragments that share a counter do so by a secret of the process: traffic that
    disagrees is judged again by processes with other secrets, and has to agree with one of them;
  - when the sweep finds an expired flow, which counts until then for C4, C5, R1 and R2: mixes in
    which these are near sweep whenever time passes;
  - a key that the hash table refuses (R3): tables are large, or much smaller than the key store;
  - sides of a mirror port (L0), links that are down and full queues (K1, K2), no policy, time that
    goes back: they are not the filter's, and other tests have them.
"""

import json
import os
import struct
import subprocess
import sys
import tempfile
import time
from collections import Counter

from law import Law
from mixes import MIXES, Mix

JUDGE, NAME = sys.argv[1:3]
FRAMES = int(os.environ.get("PPSFW_LAW_FRAMES", sys.argv[3]))
SEED = os.environ.get("PPSFW_LAW_SEED", "1")
RECORD = struct.Struct("=cBBBIQ")
TABLE = (65536, 65536, 65536)
SECRETS = 4
MET_FRAMES = 100_000  # fewer need not meet everything
SHRINK_SECONDS = 20
BY_RULE = ("pass", "banned", "exception_expired", "limit_flows", "limit_flows_per_source",
           "limit_rate")


class Trace:
    """Records for the judge, and what the law said of each."""

    def __init__(self, table, loose):
        self.table, self.loose = table, loose
        self.records = []
        self.said = []  # lines, by record

    def policy(self, law, policy, now):
        data = json.dumps(policy).encode()
        self.records.append((RECORD.pack(b"P", 0, 0, 0, len(data), now), data))
        law.load(policy, now)
        self.said.append([])

    def sweep(self, law, now):
        self.records.append((RECORD.pack(b"S", 0, 0, 0, 0, now), b""))
        law.sweep(now)
        self.said.append(["swept"] + self.fates(law))

    def frame(self, law, frame, inbound, segment, now):
        verdict = law.judge(frame, inbound, segment, now)
        packet = law.packet
        whole = packet.named
        self.records.append((RECORD.pack(b"F", inbound, segment, whole, len(frame), now), frame))
        by_rule = law.rule is not None and verdict in BY_RULE
        self.said.append([f"{verdict} {law.rule}" if by_rule else verdict] + self.fates(law))
        return verdict

    @staticmethod
    def fates(law):
        """What became of held frames, as the judge writes it."""
        lines = [f"+{number} {law.number}" for number in law.released]
        lines += [f"-{number}" for number, _ in law.dropped]
        counts = Counter(reason for _, reason in law.dropped)
        return lines + [f"={reason} {count}" for reason, count in counts.items()]

    def judged(self, seed, chosen=None, workers=1):
        """The judge's lines."""
        picked = self.records if chosen is None else [self.records[i] for i in chosen]
        data = b"".join(part for record in picked for part in record)
        command = [JUDGE, *map(str, self.table), str(self.loose), str(seed),
                   str(workers)]
        done = subprocess.run(command, input=data, stdout=subprocess.PIPE, check=True)
        return done.stdout.decode().splitlines()


def differ(said, lines):
    """The index of the first record whose lines are not those of the law, and these; or None."""
    at = 0
    for i, wanted in enumerate(said):
        end = at + len(wanted)
        while end < len(lines) and lines[end][0] in "+-=":
            end += 1
        got = lines[at:end]
        if got != wanted and sorted(got) != sorted(wanted):
            return i, got
        at = end
    return None


def make(frames):
    """The trace of the mix, judged by the law, and how often which reason was met."""
    config = MIXES[NAME]
    table, loose = config.get("table", TABLE), config.get("loose", 0)
    law = Law(*table, loose)
    trace = Trace(table, loose)
    met = Counter()
    for kind, *what in Mix(NAME, SEED, law).steps(frames):
        if kind == "frame":
            met[trace.frame(law, *what)] += 1
        elif kind == "policy":
            trace.policy(law, *what)
        else:
            trace.sweep(law, *what)
        met.update(reason for _, reason in law.dropped)
    return trace, met


def replay(trace, chosen):
    """A new trace of some of the records, and the judge's first difference from the law in it."""
    law = Law(*trace.table, trace.loose)
    short = Trace(trace.table, trace.loose)
    for i in chosen:
        head, data = trace.records[i]
        kind, inbound, segment, _, _, now = RECORD.unpack(head)
        if kind == b"P":
            short.policy(law, json.loads(data), now)
        elif kind == b"S":
            short.sweep(law, now)
        else:
            short.frame(law, data, inbound == 1, segment, now)
    found = differ(short.said, short.judged(0))
    return short, found


def shrink(trace, last):
    """The fewest records, or nearly, that still differ at their end; the first is a policy."""
    chosen = list(range(last + 1))
    step = len(chosen) // 2
    end = time.monotonic() + SHRINK_SECONDS
    while step >= 1 and time.monotonic() < end:
        at = len(chosen) - 1
        while at > 1 and time.monotonic() < end:
            at = max(1, min(at, len(chosen) - 1) - step)
            tried = chosen[:at] + chosen[min(at + step, len(chosen) - 1):]
            found = replay(trace, tried)[1] if len(tried) < len(chosen) else None
            if found is not None:
                chosen = tried[:found[0] + 1]
        step //= 2
    return chosen


def explain(trace, found):
    """What disagrees, for people."""
    index, got = found
    number = sum(head[:1] == b"F" for head, _ in trace.records[:index])
    print(f"# mix {NAME}, PPSFW_LAW_SEED={SEED}, frame {number}:")
    print(f"#   the law says {trace.said[index]}, the filter {got}")
    short, _ = replay(trace, shrink(trace, index))
    print(f"# these {len(short.records)} records are enough (judge's table {short.table}, loose "
          f"{short.loose}):")
    for (head, data), said in zip(short.records, short.said):
        kind, inbound, segment, _, _, now = RECORD.unpack(head)
        text = data.decode() if kind == b"P" else data.hex()
        side = "in " if inbound else "out"
        print(f"#   {now} {kind.decode()} {side} {segment} {text} => {' '.join(said)}")
    with tempfile.NamedTemporaryFile(prefix="ppsfw-law-", suffix=".trace", delete=False) as file:
        file.write(b"".join(part for record in short.records for part in record))
        print(f"# in {file.name}")


def shares_a_counter(said, got):
    """The filter refuses a fragment for a share that, by the law, its source has not taken."""
    return "fragment_source_share" in got and "fragment_source_share" not in said


def agrees(trace):
    """The filter's verdicts are the law's, frame by frame."""
    for _ in range(SECRETS):
        found = differ(trace.said, trace.judged(0))
        if found is None:
            return True
        if not shares_a_counter(trace.said[found[0]], found[1]):
            break
    explain(trace, found)
    return False


def sorted_out(lines):
    """Verdicts in their order; fates as sets; how many were dropped for which reason."""
    counts = Counter()
    for line in lines:
        if line[0] == "=":
            counts[line.split()[0]] += int(line.split()[1])
    return ([line for line in lines if line[0] not in "+-="],
            {line for line in lines if line[0] in "+-"}, counts)


def agrees_in_bursts(trace):
    """The same, in bursts and in mbufs as chance has it."""
    wanted = sorted_out([line for said in trace.said for line in said])
    for secret in range(SECRETS):
        got = sorted_out(trace.judged(int(SEED) * SECRETS + secret + 1))
        if got == wanted:
            return True
        both = [(i, w, g) for i, (w, g) in enumerate(zip(wanted[0], got[0])) if w != g]
        if not both or both[0][2] != "fragment_source_share":
            break
    print(f"# mix {NAME}, PPSFW_LAW_SEED={SEED}, in bursts: line, wanted, got: {both[:5]}; "
          f"fates {list(wanted[1] ^ got[1])[:5]}")
    return False


def agrees_by(trace, workers):
    """The same, each frame by its owner among so many workers."""
    wanted = sorted_out([line for said in trace.said for line in said])
    got = sorted_out(trace.judged(0, workers=workers))
    if got == wanted:
        return True
    both = [(i, w, g) for i, (w, g) in enumerate(zip(wanted[0], got[0])) if w != g]
    print(f"# mix {NAME}, PPSFW_LAW_SEED={SEED}, by {workers} workers: line, wanted, got: "
          f"{both[:5]}; fates {list(wanted[1] ^ got[1])[:5]}")
    return False


def meets(met):
    """The mix is what it is said to be."""
    missing = [reason for reason in MIXES[NAME]["meets"].split() if not met[reason]]
    for reason, count in met.most_common():
        print(f"# {count} {reason}")
    if missing:
        print(f"# never met: {' '.join(missing)}")
    return not missing


def main():
    trace, met = make(FRAMES)
    n_frames = sum(head[:1] == b"F" for head, _ in trace.records)
    results = [(agrees(trace), f"{n_frames} frames of the mix {NAME} are judged as the page says"),
               (agrees_in_bursts(trace), "and the same in bursts and in mbufs of any size")]
    if MIXES[NAME].get("team"):
        results += [(agrees_by(trace, workers), f"and the same by {workers} workers")
                    for workers in (2, 4)]
    if FRAMES >= MET_FRAMES:
        results.append((meets(met), "and among them is what the mix is for"))
    print(f"1..{len(results)}")
    for number, (good, sentence) in enumerate(results, 1):
        print(f"{'ok' if good else 'not ok'} {number} - {sentence}")
    return 0 if all(good for good, _ in results) else 1


if __name__ == "__main__":
    sys.exit(main())
