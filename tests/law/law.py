# SPDX-License-Identifier: BSD-3-Clause
"""The law of ppsfw-law(7) for a row of frames, slow and obvious: a second implementation, written
from the page alone. policy.py has the policy, packet.py the parser, flow.py the states of flows,
fragments.py the fragments; here are the order for one frame, sources, flows, limits and time.

    law = Law(flows, half_open_max, per_source, loose)
    law.load(policy, now)
    law.judge(frame, inbound, segment, now)   "pass", "held" or the reason
    law.rule                                  the rule by which it passed, or C1 to C6 dropped it
    law.released, law.dropped                 what this frame made of held ones
    law.sweep(now)
"""

from fragments import Fragments
from flow import (Flow, NEW, STATES, begin, is_proven, move, permit, quoted_fits, tcp_event)
from packet import (DCCP, Dropped, ICMP, ICMP_REASONS, ICMPV6, LATER, LINK_REASONS, QUERIES,
                    REPLIES, SCTP, TCP, UDP, UDPLITE, read, read_quote)
from policy import Policy, Start, within

READABLE = {4, 41, 55, 94, 97, 98, 137, 143}
READABLE_GRE = {0x0800, 0x86dd, 0x6558, 0x8847, 0x8848}
READABLE_PORTS = {2152, 3544, 4341, 4754, 4789, 4790, 6080, 6081, 6635, 8472}
OPAQUE = {50, 52, 53, 56, 57, 93, 99, 108, 111, 115, 131, 142, 144, 51}
OPAQUE_PORTS = {1701, 4500, 4755, 5247, 6511, 6636, 9899}
GRACE = 1000  # R1, ticks
ERROR_COST, ERRORS_AHEAD = 25, 1600  # E7, ticks


def tunnel(p):
    """U1, U2, W5"""
    if p.protocol in READABLE:
        raise Dropped("tunnel")
    if p.protocol in OPAQUE:
        raise Dropped("tunnel_opaque")
    if p.protocol == 47:
        readable = p.gre[0] & 7 == 0 and p.gre[1] in READABLE_GRE
        raise Dropped("tunnel" if readable else "tunnel_opaque")
    if p.protocol in (UDP, UDPLITE):
        if p.dport in READABLE_PORTS:
            raise Dropped("tunnel")
        if p.dport in OPAQUE_PORTS:
            raise Dropped("tunnel_opaque")
        if p.sport == 3544:
            raise Dropped("tunnel")
        if p.sport in (1701, 4500):
            raise Dropped("tunnel_opaque")


def source_of(start):
    """A source of limits."""
    return start.version, start.source if start.version == 4 else start.source[:8]


def key_of(p, inbound):
    """The flow key of a packet, or a quote, that was sent from this side."""
    sport, dport = p.sport, p.dport
    if p.protocol in (ICMP, ICMPV6):
        query = REPLIES[p.version].get(p.icmp_type)
        asker = inbound if query is None else not inbound
        ports = (p.icmp_id, p.icmp_type if query is None else query, asker)
    else:
        ports = (dport, sport) if inbound else (sport, dport)
    hosts = (p.destination, p.source) if inbound else (p.source, p.destination)
    return (p.version, p.protocol, hosts, ports)


class Law:
    def __init__(self, flows, half_open_max, per_source, loose=0):
        self.max_flows, self.max_half_open, self.per_source = flows, half_open_max, per_source
        self.loose, self.began = 1000 * loose, None
        self.policy = None
        self.flows = {}
        self.half_open = {}  # flow: None, the oldest first
        self.half_open_of = {}  # source: the same
        self.of_rule = {}  # rule: how many flows
        self.of_rule_source = {}  # (rule, source): how many flows
        self.buckets = {}  # rule: (thousandths of a flow, tick)
        self.fragments = Fragments(self)
        self.number = -1  # of the frame
        self.released, self.dropped = [], []
        self.packet = self.flow = None  # of the last frame, for whoever makes the next one
        self.rule = None

    # ---- what is not a frame ----

    def load(self, policy, now):
        self.policy = Policy(policy, now)

    def sweep(self, now):
        if self.began is None:
            self.began = now
        self.released, self.dropped = [], []
        self.fragments.expire(now)
        for key in list(self.flows):
            flow = self.live(key, now)
            if flow is not None:
                try:
                    self.judge_again(flow, now)
                except Dropped:
                    pass

    # ---- the order for one frame ----

    def judge(self, frame, inbound, segment, now):
        self.number += 1
        self.released, self.dropped = [], []
        self.packet = self.flow = self.rule = None
        if self.began is None:
            self.began = now
        if self.policy is None:
            return "no_policy"
        self.packet = p = read(frame, inbound, segment)
        try:
            self.decide(p, now)
        except Dropped as why:
            return why.args[0]
        return "pass"

    def decide(self, p, now):
        policy, reason, quote = self.policy, p.reason, None
        if reason in LINK_REASONS:
            raise Dropped(reason)
        if p.tagged and any(vlan and not within(policy.vlans, vlan) for vlan in p.vlans):
            raise Dropped("vlan_denied")  # L6
        if reason is None and (p.kind != "ip" or p.is_nd):
            self.judge_link(p)
            return
        if reason is None and p.is_error and p.fragment != LATER:
            try:
                quote = read_quote(p)
                if quote.source != p.destination:
                    raise Dropped("icmp_error_unrelated")  # E2
            except Dropped as why:
                reason = why.args[0]
        if reason is None or (reason in ICMP_REASONS and not p.is_nd):
            if policy.block.has(p.version, p.source):
                reason = "source_blocked"  # S1
        if p.named:
            self.fragments.judge(p, reason, now)
        elif reason is not None:
            raise Dropped(reason)
        else:
            self.flow = self.judge_packet(p, quote, now)
            self.rule = self.flow.rule

    def judge_link(self, p):
        policy = self.policy
        if p.kind == "ip":
            if p.inbound not in policy.discovery:
                raise Dropped("nd_denied")  # L9
        elif p.kind == "arp":
            if p.inbound not in policy.arp:
                raise Dropped("arp_denied")  # L7
        else:
            name = "802.3" if p.kind == "802.3" else f"0x{p.type:04x}"
            if p.inbound not in policy.ethertypes.get(name, ()):
                raise Dropped("length_frame_denied" if p.kind == "802.3" else "ethertype_denied")

    def judge_packet(self, p, quote, now):
        """FLOWS, ICMP ERRORS or NEW FLOWS; the flow."""
        if quote is not None:
            return self.judge_error(p, quote, now)
        key = (p.segment, p.vlans, key_of(p, p.inbound))
        flow = self.live(key, now)
        if flow is None:
            return self.start(p, key, None, now)
        self.judge_again(flow, now)
        to = permit(flow, p)
        if to == NEW:
            return self.start(p, key, flow, now)  # W4
        tunnel(p)
        move(flow, p, to, now)
        self.prove(flow)
        return flow

    # ---- flows ----

    def is_over(self, flow, now):
        return now - flow.seen >= 1000 * self.policy.timeouts[STATES[flow.state][0]]

    def live(self, key, now):
        """The flow; W1."""
        flow = self.flows.get(key)
        if flow is not None and self.is_over(flow, now):
            self.end(flow)
            return None
        return flow

    def seen_live(self, key, now):
        """The same, and nothing ends: for later fragments (F19)."""
        flow = self.flows.get(key)
        return None if flow is None or self.is_over(flow, now) else flow

    def judge_again(self, flow, now):
        """W2"""
        policy = self.policy
        if flow.policy is policy and not policy.lapsed(now):
            return
        start = flow.start
        rule, reason = policy.decide(start, now)
        self.rule = rule.id if rule is not None else None
        if (policy.block.has(start.version, start.source)
                or policy.block.has(start.version, start.destination)):
            reason = "source_blocked"
        elif policy.allow is not None and not policy.allow.has(start.version, start.source):
            reason = "source_not_allowed"
        if reason is not None:
            self.end(flow)
            raise Dropped(reason)
        flow.policy = policy
        self.count(flow, -1)
        flow.rule = rule.id
        self.count(flow, 1)

    def count(self, flow, by):
        both = (flow.rule, flow.source)
        self.of_rule[flow.rule] = self.of_rule.get(flow.rule, 0) + by
        self.of_rule_source[both] = self.of_rule_source.get(both, 0) + by

    def end(self, flow):
        del self.flows[flow.key]
        self.count(flow, -1)
        self.leave_half_open(flow)

    def leave_half_open(self, flow):
        if flow.half_open:
            del self.half_open[flow]
            del self.half_open_of[flow.source][flow]
            flow.half_open = False

    def prove(self, flow):
        if is_proven(flow):
            self.leave_half_open(flow)

    # ---- ICMP errors ----

    def judge_error(self, p, quote, now):
        flow = self.live((p.segment, p.vlans, key_of(quote, not p.inbound)), now)
        if flow is None:
            self.ask_allow(p)
            raise Dropped("icmp_error_unrelated")  # E3
        self.judge_again(flow, now)  # E4
        if p.inbound == flow.initiator and not flow.replied:
            raise Dropped("icmp_error_unrelated")  # E5
        if quote.protocol == SCTP:  # E6
            if quote.tag == 0:
                good = flow.state == "sctp_init"
            else:
                good = quote.tag in (flow.tags[p.inbound], flow.next[p.inbound])
            if not good:
                raise Dropped("icmp_error_tag")
        if quote.protocol == TCP and not quoted_fits(flow, quote.seq, not p.inbound):
            raise Dropped("icmp_error_seq")
        paid = max(flow.errors_paid, now) + ERROR_COST
        if paid - now > ERRORS_AHEAD:
            raise Dropped("icmp_error_rate")  # E7
        flow.errors_paid = paid
        return flow

    # ---- new flows ----

    def ask_allow(self, p):
        """S2"""
        allow = self.policy.allow
        if allow is not None and not allow.has(p.version, p.source):
            raise Dropped("source_not_allowed")

    def start(self, p, key, old, now):
        flow = Flow()
        flow.key, flow.initiator, flow.start = key, p.inbound, Start(p)
        rule, reason = self.ask_rules(p, flow, now)
        self.rule = rule.id if rule is not None else None
        if reason is not None:
            raise Dropped(reason)
        flow.source = source_of(flow.start)
        bucket = self.ask_limits(rule, flow.source, old, now)
        tunnel(p)
        gives_way = self.ask_room(flow.source, old, now)
        for other in (old, gives_way):
            if other is not None:
                self.end(other)
        if bucket is not None:
            self.buckets[rule.id] = (bucket - 1000, now)
        flow.rule, flow.policy = rule.id, self.policy
        flow.seen = flow.began = now
        flow.errors_paid = now
        begin(flow, p)
        self.flows[key] = flow
        self.count(flow, 1)
        flow.half_open = True
        self.half_open[flow] = None
        self.half_open_of.setdefault(flow.source, {})[flow] = None
        return flow

    def ask_rules(self, p, flow, now):
        """S2, N1, N2, C1 to C3: the rule and the reason."""
        if (p.protocol == TCP and tcp_event(p) in ("ACK", "DATA") and self.loose
                and now - self.began < self.loose):
            for start in (flow.start, flow.start.turned()):  # N2
                allow = self.policy.allow
                rule, reason = self.policy.decide(start, now)
                if reason is None and (allow is None or allow.has(start.version, start.source)):
                    flow.start, flow.initiator = start, start.inbound
                    return rule, None
            return None, "tcp_not_syn"
        self.ask_allow(p)
        if p.protocol == TCP and tcp_event(p) != "SYN":  # N1
            return None, "tcp_not_syn"
        if p.protocol == SCTP and p.chunk != 1:
            return None, "sctp_not_init"
        if p.protocol == DCCP and p.dccp_type != 0:
            return None, "dccp_not_request"
        if p.protocol in (ICMP, ICMPV6) and p.icmp_type not in QUERIES[p.version]:
            return None, "icmp_not_query"
        return self.policy.decide(flow.start, now)  # C1 to C3

    def ask_limits(self, rule, source, old, now):
        """C4 to C6; what is in the bucket, None without one."""
        limits = rule.limits
        own = old is not None and old.rule == rule.id
        if self.of_rule.get(rule.id, 0) - own >= limits.get("flows", 1 << 40):
            raise Dropped("limit_flows")
        own = own and old.source == source
        if (self.of_rule_source.get((rule.id, source), 0) - own
                >= limits.get("flows_per_source", 1 << 40)):
            raise Dropped("limit_flows_per_source")
        rate = limits.get("new_flows_per_second")
        if rate is None:
            return None
        level, at = self.buckets.get(rule.id, (1000 * rate, now))
        level = min(1000 * rate, level + rate * (now - at))
        if level < 1000:
            raise Dropped("limit_rate")
        return level

    def ask_room(self, source, old, now):
        """R1 and R2; the flow that gives way, or None."""
        mine = self.half_open_of.get(source, {})
        if len(mine) - (old in mine) >= self.per_source:
            oldest = next(flow for flow in mine if flow is not old)
            if now - oldest.began < GRACE:
                raise Dropped("half_open_source")
            return oldest
        if (len(self.half_open) - (old in self.half_open) >= self.max_half_open
                or len(self.flows) - (old is not None) >= self.max_flows):
            for flow in self.half_open:
                if flow is not old:
                    return flow
            raise Dropped("flow_table_full")
        return None
