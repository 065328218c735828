# SPDX-License-Identifier: BSD-3-Clause
"""Datagrams in fragments, as FRAGMENTS of ppsfw-law(7) has them (F8 to F22)."""

from packet import Dropped, FIRST, IMPOSSIBLE, TCP
from flow import NEW, move, permit

DATAGRAMS, DATAGRAMS_OF_SOURCE = 4096, 1024
BUFFERS, BUFFERS_OF_SOURCE, BUFFERS_OF_DATAGRAM = 256, 64, 48
FRAGMENTS_OF_DATAGRAM = 128
FORGOTTEN_AT_ONCE = 64  # by a fragment
QUEUES = {"waiting": "waiting", "open": "open", "complete": "over", "denied": "over",
          "poisoned": "over"}


class Datagram:
    __slots__ = ("name", "source", "state", "since", "pieces", "end", "held", "flow", "first")

    def __init__(self, name, source):
        self.name, self.source = name, source
        self.state = None
        self.pieces = []  # (start, end, more) of each fragment
        self.end = None
        self.held = []  # (number, buffers)
        self.flow = None  # by which the first passed
        self.first = None

    def is_whole(self):
        return sum(end - start for start, end, _ in self.pieces) == self.end


class Fragments:
    """The store of the law's worker; 'law' judges first fragments and is told what held ones do."""

    def __init__(self, law):
        self.law = law
        self.known = {}  # name: datagram
        self.queues = {"waiting": {}, "open": {}, "over": {}}  # datagrams, the oldest first
        self.datagrams_of = {}  # source: how many wait or are open
        self.buffers_of = {}  # source: how many are held
        self.buffers = 0

    def is_over(self, d, now):
        return now - d.since >= 1000 * self.law.policy.timeouts["fragment"]

    def become(self, d, state, now):
        """'d' becomes 'state', known or not before."""
        other = self.known.get(d.name)
        if other is d:
            self.take_out(d)
        elif other is not None:
            self.drop_held(other, "fragment_no_first")
            self.take_out(other)
        elif len(self.known) == DATAGRAMS:
            self.make_room()
        d.state, d.since = state, now
        self.known[d.name] = d
        self.queues[QUEUES[state]][d] = None
        if QUEUES[state] != "over":
            self.datagrams_of[d.source] = self.datagrams_of.get(d.source, 0) + 1

    def take_out(self, d):
        del self.known[d.name]
        del self.queues[QUEUES[d.state]][d]
        if QUEUES[d.state] != "over":
            self.datagrams_of[d.source] -= 1

    def make_room(self):
        """A new datagram finds the store full."""
        oldest = next(iter(self.queues["over"]), None)
        if oldest is None:
            heads = [next(iter(self.queues[kind])) for kind in ("waiting", "open")
                     if self.queues[kind]]
            oldest = min(heads, key=lambda d: d.since)
        self.drop_held(oldest, "fragment_store_full")
        self.take_out(oldest)

    def drop_held(self, d, reason):
        for number, buffers in d.held:
            self.law.dropped.append((number, reason))
            self.let_go(d, buffers)
        d.held = []

    def let_go(self, d, buffers):
        self.buffers -= buffers
        self.buffers_of[d.source] -= buffers

    def expire(self, now, most=DATAGRAMS):
        """Forgets datagrams whose time is up."""
        for queue in self.queues.values():
            while queue and most > 0 and self.is_over(next(iter(queue)), now):
                d = next(iter(queue))
                self.drop_held(d, "fragment_no_first")
                self.take_out(d)
                most -= 1

    def judge(self, p, reason, now):
        """Drops, holds ("held") or passes (None) a fragment that names its datagram."""
        self.expire(now, FORGOTTEN_AT_ONCE)
        source = (p.segment, p.inbound, p.source)
        name = (*source, p.destination, p.identification, p.vlans, p.version, p.named_protocol)
        first = p.fragment == FIRST
        d = self.known.get(name)
        if d is not None and (self.is_over(d, now)
                              or (first and d.state in ("complete", "denied"))):
            d = None
        if reason is not None:  # F8
            self.count_bad(d, Datagram(name, source), reason, first, now)
            raise Dropped(reason)
        if d is not None and d.state == "poisoned":
            raise Dropped("fragment_poisoned")  # F9
        if d is not None and d.state == "denied":
            raise Dropped("fragment_denied")  # F10
        piece = (p.offset, p.offset + p.size, p.more)
        if d is not None:
            self.fit(d, piece, now)
        elif self.datagrams_of.get(source, 0) >= DATAGRAMS_OF_SOURCE:
            raise Dropped("fragment_source_share")  # F15
        if first:
            return self.judge_first(d or Datagram(name, source), p, piece, now)
        if d is not None and d.state in ("open", "complete"):
            return self.follow(d, p, piece, now)
        return self.hold(d or Datagram(name, source), p, piece, now)

    def count_bad(self, d, unknown, reason, first, now):
        if d is not None and d.state == "poisoned":
            return
        if reason in IMPOSSIBLE:
            self.poison(d or unknown, now)
        elif first:
            self.deny(d or unknown, now)

    def poison(self, d, now):
        self.drop_held(d, "fragment_poisoned")
        self.become(d, "poisoned", now)

    def deny(self, d, now):
        self.drop_held(d, "fragment_denied")
        self.become(d, "denied", now)

    def fit(self, d, piece, now):
        start, end, more = piece
        if piece in d.pieces:
            raise Dropped("fragment_duplicate")  # F11
        why = None
        if d.end is not None:
            if end >= d.end if more else end != d.end:
                why = "fragment_end"  # F12
        elif not more and any(end < other for _, other, _ in d.pieces):
            why = "fragment_end"
        if why is None and any(start < other[1] and other[0] < end for other in d.pieces):
            why = "fragment_overlap"  # F13
        if why is None and len(d.pieces) >= FRAGMENTS_OF_DATAGRAM:
            why = "fragment_count"  # F14
        if why is not None:
            self.poison(d, now)
            raise Dropped(why)

    def note(self, d, piece):
        d.pieces.append(piece)
        if not piece[2]:
            d.end = piece[1]

    def judge_first(self, d, p, piece, now):
        """F16"""
        if p.protocol == TCP and d.end is not None:
            p.payload += d.end - p.size  # F7
        try:
            d.flow = self.law.judge_packet(p, None, now)
            self.law.rule = d.flow.rule
        except Dropped:
            self.deny(d, now)
            raise
        d.first = p
        self.note(d, piece)
        self.become(d, "complete" if d.is_whole() else "open", now)
        for number, buffers in d.held:
            self.law.released.append(number)
            self.let_go(d, buffers)
        d.held = []

    def follow(self, d, p, piece, now):
        """F17, F19 to F22"""
        try:
            self.judge_later(d, p, piece, now)
        except Dropped:
            self.deny(d, now)
            raise
        self.note(d, piece)
        if d.is_whole():
            self.become(d, "complete", now)

    def judge_later(self, d, p, piece, now):
        flow = self.law.seen_live(d.flow.key, now)
        if flow is None:
            raise Dropped("fragment_flow_ended")  # F19
        self.law.judge_again(flow, now)  # F20
        self.law.rule = flow.rule
        first = d.first
        if first.protocol != TCP or p.more:
            return  # F22
        first.payload = piece[1] - (first.size - first.len) - first.header
        to = permit(flow, first)  # F21
        if to == NEW:
            raise Dropped("fragment_flow_ended")
        move(flow, first, to, now)
        self.law.prove(flow)

    def hold(self, d, p, piece, now):
        """F18"""
        buffers = max(1, (p.length + 2047) // 2048)
        if sum(b for _, b in d.held) + buffers > BUFFERS_OF_DATAGRAM:
            raise Dropped("fragment_waiting")
        if self.buffers_of.get(d.source, 0) + buffers > BUFFERS_OF_SOURCE:
            raise Dropped("fragment_source_share")
        if d.state is None:
            self.become(d, "waiting", now)
        while self.buffers + buffers > BUFFERS:
            oldest = next(other for other in self.queues["waiting"] if other is not d)
            self.drop_held(oldest, "fragment_store_full")
            self.take_out(oldest)
        self.note(d, piece)
        d.held.append((self.law.number, buffers))
        self.buffers += buffers
        self.buffers_of[d.source] = self.buffers_of.get(d.source, 0) + buffers
        raise Dropped("held")
