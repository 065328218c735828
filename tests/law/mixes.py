# SPDX-License-Identifier: BSD-3-Clause
"""Mixes of traffic: which conversations, under which policies, with which faults.

    mix = Mix(name, seed, law)
    for kind, *what in mix.steps(frames): ...
        "policy", object, now | "sweep", now | "frame", frame, inbound, segment, now

A mix looks at the flows of the law that judges it: what lies exactly at a window, at a tag or at a
timeout, and what lies one beside it, is met on purpose and not by luck.
"""

import datetime
import random as randoms

import faults
from flow import STATES, window_of
from law import GRACE
from packet import SCTP, TCP
from policy import EPOCH
from talks import Net, TALKS
from wire import chunk, ether, ip4, ip6, sctp, sctp_init, tcp, udp

HOSTS = (
    {4: [bytes([198, 51, 100, i]) for i in (10, 11, 64, 65)],
     6: [bytes.fromhex("20010db80001%019d%d" % (0, i)) for i in (1, 2)]},
    {4: [bytes([203, 0, 113, i]) for i in range(1, 13)],
     6: [bytes.fromhex("20010db8200%d%019d%d" % (net, 0, i)) for net in (1, 2, 3) for i in (1, 2)]},
)
ROUTERS = {4: [bytes([192, 0, 2, 1]), bytes([203, 0, 113, 254])],
           6: [bytes.fromhex("20010db8ffff00000000000000000001")]}
INSIDE = ("any", "servers", ["198.51.100.10", "2001:db8:1::/64"], ["198.51.100.64/28",
                                                                   "2001:db8:1::1"])
OUTSIDE = ("any", "any", ["203.0.113.0/29", "2001:db8:2001::/48"],
           ["203.0.113.8/30", "203.0.113.1", "2001:db8:2002::/47"])
TRAFFIC = (
    {"protocol": "tcp", "ports": [80, 443]}, {"protocol": "tcp", "ports": "8000-8010"},
    {"protocol": "tcp", "ports": 443, "source_ports": "40000-40005"}, {"protocol": "tcp"},
    {"protocol": "udp", "ports": [53, 123]}, {"protocol": "udp"}, {"protocol": "udplite"},
    {"protocol": "udp", "source_ports": [0, "5000-5010"]},
    {"protocol": "sctp", "ports": 5000}, {"protocol": "dccp", "ports": 5000},
    {"protocol": "icmp"}, {"protocol": "icmpv6"}, {"protocol": "icmp", "icmp": {"type": 8}},
    {"protocol": "icmpv6", "icmp": {"type": 128, "code": 0}}, {"protocol": 89},
    {"protocol": "gre"}, {"protocol": "any"}, {"service": "names"}, {"service": ["web", "names"]},
)
EVERYTHING = [{"protocol": p} for p in ("tcp", "udp", "udplite", "sctp", "dccp", "icmp", "icmpv6",
                                        "gre", 2, 4, 50, 88, 89)]
SERVICES = {"web": {"protocol": "tcp", "ports": [80, 443]},
            "names": [{"protocol": "udp", "ports": 53}, {"protocol": "tcp", "ports": [53, 22]}]}
GROUPS = {"servers": ["198.51.100.10", "198.51.100.64/28", "others"],
          "others": ["2001:db8:1::/64"]}
BLOCKS = ([], [], ["203.0.113.5", "2001:db8:2003::/64"], ["203.0.113.8/29", "198.51.100.65"])
ALLOWS = ([], [], ["203.0.113.0/29", "198.51.100.0/24", "2001:db8::/34"],
          ["203.0.113.0/24", "198.51.100.10", "2001:db8:2001::/48", "servers"])
VLANS = ((), (), (), (), (10,), (20, 10), (0,), (0, 20), (100,), (999,), (20, 0))

# Of each mix: what its conversations are, how often what goes wrong (of all frames), how policies
# vary, and the table. 'sweep': as often as time passes, seldom, or (none) behind reloads alone.
# 'meets': the reasons that a run of some length must meet. 'team': nothing in it is bounded for
# each worker by itself, so that several judge it as one does.
MIXES = {
    "headers": {
        "talks": {"link": 8, "tcp": 2, "udp": 2, "icmp": 3, "other": 3, "sctp": 2, "dccp": 2},
        "damage": 0.6, "garbage": 0.05, "error": 0.05, "fragment": 0.03, "reload": 0.001,
        "vlans": VLANS,
        "meets": "link_runt vlan_denied vlan_reserved vlan_depth ethertype_denied arp_denied "
                 "length_frame_denied length_frame_malformed snap_denied arp_malformed "
                 "ip_truncated ip_version ip_header_length ip_length ip_checksum ip_options "
                 "ip_source_route ip_ttl land martian_source martian_destination "
                 "ipv6_jumbogram ipv6_ext_truncated ipv6_ext_order ipv6_ext_count ipv6_routing "
                 "l4_truncated l4_length tcp_offset tcp_flags sctp_init_tag sctp_bundle "
                 "dccp_short port_zero nd_denied nd_malformed icmp_redirect icmp_type"},
    "flows": {
        "talks": {"udp": 5, "icmp": 4, "other": 3, "link": 1, "tcp": 1},
        "damage": 0.08, "error": 0.2, "storm": 0.002, "time": 0.03, "reload": 0.0005, "team": True,
        "meets": "icmp_state icmp_error_unrelated icmp_error_quote icmp_error_rate "
                 "icmp_error_seq icmp_not_query not_approved banned exception_expired tunnel tunnel_opaque"},
    "tcp": {
        "talks": {"tcp": 1}, "edge": 0.4, "damage": 0.02, "error": 0.02, "time": 0.01,
        "reload": 0.0001, "permissive": True, "team": True,
        "meets": "tcp_state tcp_window tcp_ack tcp_not_syn"},
    "loose": {
        "talks": {"tcp": 1}, "edge": 0.3, "damage": 0.02, "lost": 0.3, "time": 0.01,
        "reload": 0.0005, "loose": 20_000, "rules": 8, "team": True,
        "meets": "tcp_state tcp_window tcp_ack tcp_not_syn banned not_approved"},
    "transports": {
        "talks": {"sctp": 3, "dccp": 1}, "edge": 0.3, "damage": 0.05, "error": 0.08,
        "time": 0.02, "reload": 0.0002, "permissive": True, "team": True,
        "meets": "sctp_state sctp_tag sctp_not_init sctp_bundle sctp_order sctp_chunks "
                 "dccp_state dccp_not_request icmp_error_tag"},
    "fragments": {
        "talks": {"udp": 4, "tcp": 4, "icmp": 1, "sctp": 1, "dccp": 1, "other": 1, "link": 1},
        "fragment": 0.6, "damage": 0.03, "error": 0.05, "time": 0.02, "reload": 0.0005,
        "flood": 0.0004, "permissive": True, "sources": True,
        "meets": "held fragment_empty fragment_length fragment_too_long fragment_tiny "
                 "fragment_nd fragment_icmp_error fragment_duplicate fragment_overlap fragment_end fragment_count "
                 "fragment_poisoned fragment_denied fragment_flow_ended fragment_no_first "
                 "fragment_waiting fragment_source_share fragment_store_full"},
    "limits": {
        "talks": {"tcp": 3, "udp": 3, "icmp": 1, "sctp": 1, "other": 1}, "limits": True,
        "reload": 0.001, "sweep": "always", "table": (96, 40, 8), "live": 80, "time": 0.005,
        "error": 0.02, "permissive": True,
        "meets": "limit_flows limit_flows_per_source limit_rate"},
    "floods": {
        "talks": {"tcp": 4, "udp": 3, "icmp": 1, "sctp": 1}, "sweep": "always", "edge": 0.02,
        "reload": 0.0003, "table": (24, 16, 4), "live": 120, "time": 0.002, "permissive": True,
        "grace": 0.01,
        "meets": "half_open_source flow_table_full"},
    "policies": {
        "talks": {"tcp": 3, "udp": 3, "icmp": 2, "sctp": 1, "dccp": 1, "other": 1, "link": 1},
        "reload": 0.004, "error": 0.05, "fragment": 0.03, "damage": 0.05, "time": 0.01,
        "vlans": VLANS, "rules": 12, "sources": True, "sweep": "seldom",
        "meets": "source_blocked source_not_allowed banned exception_expired not_approved "
                 "vlan_denied"},
}


class Mix:
    def __init__(self, name, seed, law):
        config = MIXES[name]
        self.law = law
        self.config = config
        self.random = randoms.Random(f"{name} {seed}")
        self.now = self.random.choice((1000, 5_000_000, (1 << 32) - 60_000))
        self.talks = list(config["talks"])
        self.weights = list(config["talks"].values())
        self.live = []
        self.last = {}  # flow: the last frame of it
        self.recent = []
        self.ident = 0
        self.limits = {}
        self.queue = []  # what comes next, whatever else

    def chance(self, key):
        return self.random.random() < self.config.get(key, 0)

    # ---- policies ----

    def policy(self):
        random, config = self.random, self.config
        seconds = {key: random.choice((1, 2, 5, 20)) for key in (
            "tcp_handshake", "tcp_closing", "udp_single", "udp", "icmp", "sctp_established",
            "dccp", "other", "fragment") if random.random() < 0.6}
        if random.random() < 0.5:
            seconds["tcp_established"] = random.choice((3, 30, 300))
        sides = ("none", "inbound", "outbound", "both", "both")
        policy = {
            "policy": "p", "revision": 1, "services": SERVICES, "groups": GROUPS,
            "timeouts": seconds,
            "link": {"arp": random.choice(sides), "neighbor_discovery": random.choice(sides),
                     "vlans": random.choice(("any", "any", "none", [10, "20-29"], ["1-500"])),
                     "ethertypes": [{"ethertype": kind, "direction": random.choice(sides[1:])}
                                    for kind in ("0x88cc", "802.3", "0x9000", "0xffff")
                                    if random.random() < 0.6]},
            "approved": [self.rule(f"A{i}") for i in range(random.randrange(
                config.get("rules", 5)))],
            "banned": [], "exceptions": []}
        if config.get("sources"):
            policy["sources"] = {"block": random.choice(BLOCKS), "allow": random.choice(ALLOWS)}
        if not config.get("permissive") or random.random() < 0.2:
            self.restrict(policy)
        if config.get("permissive") or random.random() < 0.8:
            policy["approved"] += [
                {"id": f"Z{i}", "direction": "both", "source": "any", "destination": "any",
                 **traffic, **self.limit(f"Z{i}")} for i, traffic in enumerate(EVERYTHING)]
        return policy

    def rule(self, name):
        random = self.random
        direction = random.choice(("inbound", "inbound", "outbound", "both"))
        ends = [random.choice(OUTSIDE), random.choice(INSIDE)]
        if direction == "outbound":
            ends.reverse()
        rule = {"id": name, "direction": direction, "source": ends[0], "destination": ends[1],
                **random.choice(TRAFFIC), **self.limit(name)}
        if random.random() < 0.2:
            rule["vlans"] = random.choice(("none", [10], [20, "90-110"]))
        if not self.meets(rule):
            rule["source"] = rule["destination"] = "any"
        return rule

    @staticmethod
    def meets(rule):
        """A rule for one family between addresses of one family may be an error."""
        return rule.get("protocol") not in ("icmp", "icmpv6")

    def limit(self, name):
        random = self.random
        if not self.config.get("limits"):
            return {}
        if name not in self.limits:
            limits = {"flows": random.choice((3, 10, 30)),
                      "flows_per_source": random.choice((1, 3, 6)),
                      "new_flows_per_second": random.choice((1, 7, 100))}
            kept = {key: limit for key, limit in limits.items() if random.random() < 0.4}
            self.limits[name] = {"limits": kept} if kept else {}
        return self.limits[name]

    def restrict(self, policy):
        """Bans and exceptions."""
        random = self.random
        bans = [f"B{i}" for i in range(random.choice((0, 1, 3, 5)))]
        for name in bans:
            ban = self.rule(name)
            ban.pop("limits", None)
            if random.random() < 0.5:
                del ban["source"], ban["destination"]
            if random.random() < 0.3:
                del ban["direction"]
            policy["banned"].append(ban)
        for i in range(random.choice((0, 1, 3, 5))):
            rule = self.rule(f"E{i}")
            moment = EPOCH + datetime.timedelta(
                milliseconds=self.now, seconds=random.choice((-9, 1, 5, 60, 9000, 9000)))
            rule |= {"expires": moment.strftime("%Y-%m-%dT%H:%M:%SZ"), "approved_by": "x",
                     "reason": "y"}
            if bans and random.random() < 0.6:
                rule["overrides"] = random.sample(bans, random.randrange(1, len(bans) + 1))
            policy["exceptions"].append(rule)

    # ---- frames ----

    def steps(self, frames):
        random, config = self.random, self.config
        yield "policy", self.policy(), self.now
        made = 0
        while made < frames:
            if self.chance("reload"):
                yield "policy", self.policy(), self.now
                if config.get("sweep") == "always" or random.random() < 0.3:
                    yield "sweep", self.now
            before = self.now
            self.pass_time()
            if config.get("sweep") == "always" and self.now != before:
                yield "sweep", self.now
            elif config.get("sweep") == "seldom" and random.random() < 0.01:
                yield "sweep", self.now
            for inbound, segment, frame in self.next_frames():
                made += 1
                yield "frame", frame, inbound, segment, self.now
                self.remember(inbound, segment, frame)
        yield "sweep", self.now

    def pass_time(self):
        random = self.random
        what = random.random()
        if what < 0.15:
            self.now += random.choice((1, 1, 2, 10, 50))
        elif what < 0.155:
            self.now += random.choice((300, 1000, 3000))
        elif what < 0.1552:
            self.now += random.choice((20_000, 400_000, 8_000_000))

    def remember(self, inbound, segment, frame):
        random = self.random
        if self.law.flow is not None:
            self.last[self.law.flow] = (inbound, segment, frame)
            if len(self.last) > 300:
                for flow in random.sample(list(self.last), 100):
                    del self.last[flow]
        if random.random() < 0.3:
            self.recent.append((inbound, segment, frame))
            if len(self.recent) > 500:
                del self.recent[:250]

    def next_frames(self):
        """One frame, or what belongs together."""
        random = self.random
        if self.queue and random.random() < (0.1 if len(self.queue) < 200 else 0.9):
            return [self.queue.pop(random.randrange(len(self.queue)))]
        if self.chance("garbage"):
            return [(random.random() < 0.5, 0, faults.garbage(random))]
        if self.chance("edge") and self.last:
            edge = self.edge()
            if edge is not None:
                return [edge]
        if self.chance("time") and self.last:
            return self.at_timeout()
        if self.chance("grace"):
            frames = self.at_grace()
            if frames:
                return frames
        if self.chance("storm") and self.last:
            return self.storm()
        if self.chance("flood"):
            return self.flood()
        if self.recent and self.chance("error"):
            inbound, segment, frame = self.some_frame()
            error = faults.error_about(random, frame, inbound, ROUTERS)
            if error is not None:
                return self.spoiled(error[0], segment, error[1], 0.2)
        if self.recent and random.random() < 0.02:
            inbound, segment, frame = random.choice(self.recent)
            if random.random() < 0.2:
                inbound = not inbound
            return [(inbound, segment, frame)]
        while True:
            said = self.talk()
            if not self.chance("lost"):
                return self.spoiled(*said, 1)

    def some_frame(self):
        random = self.random
        if self.last and random.random() < 0.8:
            return self.last[random.choice(list(self.last))]
        return random.choice(self.recent)

    def talk(self):
        """The next frame of one of the conversations."""
        random = self.random
        while True:
            if len(self.live) < self.config.get("live", 30):
                name = random.choices(self.talks, self.weights)[0]
                net = Net(random, HOSTS, self.config.get("vlans", ((), (), (), (10,))), (4, 4, 6))
                self.live.append((random.random() < 0.05, TALKS[name](random, net)))
            i = random.randrange(len(self.live))
            segment, talk = self.live[i]
            said = next(talk, None)
            if said is not None:
                return said[0], int(segment), said[1]
            del self.live[i]

    def spoiled(self, inbound, segment, frame, share):
        random = self.random
        if random.random() < self.config.get("damage", 0) * share:
            for _ in range(random.choice((1, 1, 1, 2))):
                if len(frame) > 14:
                    frame = random.choice(faults.DAMAGE)(random, frame)
        if self.chance("fragment"):
            self.ident = (self.ident + 1) % 60000 if random.random() < 0.97 else 1
            pieces = [(inbound, segment, piece)
                      for piece in faults.fragments(random, frame, self.ident)]
            if random.random() < 0.3:
                return pieces
            self.queue += pieces[1:]
            return pieces[:1]
        if random.random() < 0.02:
            return [(inbound, segment, frame)] * 2
        return [(inbound, segment, frame)]

    # ---- what lies at an edge ----

    def hosts_of(self, flow, inbound):
        (segment, vlans, (version, _, hosts, ports)) = flow.key
        tags = vlans if vlans[1] else vlans[:1] if vlans[0] else ()
        if inbound:
            hosts, ports = hosts[::-1], ports[::-1]
        return segment, tags, version, hosts, ports

    def frame_of(self, flow, inbound, protocol, data):
        segment, tags, version, hosts, _ = self.hosts_of(flow, inbound)
        if version == 4:
            return inbound, segment, ether(0x800, ip4(*hosts, protocol, data), tags)
        return inbound, segment, ether(0x86dd, ip6(*hosts, protocol, data), tags)

    def edge(self):
        flow = self.random.choice(list(self.last))
        protocol = flow.key[2][1]
        if protocol == TCP:
            return self.edge_of_tcp(flow)
        return self.edge_of_sctp(flow) if protocol == SCTP else None

    def edge_of_tcp(self, flow):
        random = self.random
        inbound = random.random() < 0.5
        s, d = flow.tcp[inbound], flow.tcp[not inbound]
        beside = random.choice((-2, -1, -1, 0, 0, 1, 1, 2))
        payload = random.choice((0, 0, 0, 1, 10, 1000))
        flags = random.choice((16, 16, 16, 16, 16, 24, 24, 17, 17, 4, 20, 2, 2, 18))
        length = payload + bool(flags & 2) + bool(flags & 1)
        seq = random.choice((s.max_end - length, s.max_end - length, s.max_end,
                             d.ack - window_of(d) - length, d.ack - window_of(d),
                             s.end, s.end - length, d.ack, d.ack - length,
                             random.getrandbits(32))) + random.choice((0, beside))
        ack = random.choice((d.end, d.end, d.end, d.max_end, s.ack - window_of(s), s.ack, s.ack,
                             d.ack, random.getrandbits(32)))
        if flow.ignored is not None and random.random() < 0.5:
            ack = flow.ignored[0]
        ack += random.choice((0, beside))
        if random.random() < 0.5:
            seq, ack = random.choice(((seq, d.end), (s.end, ack)))
        window = random.choice((0, 1, 512, 65535))
        options = random.choice((b"", b"", b"\3\3\7\0")) if flags & 2 else b""
        ports = self.hosts_of(flow, inbound)[4]
        return self.frame_of(flow, inbound, TCP, tcp(*ports, seq, ack, flags, window, options,
                                                     payload))

    def edge_of_sctp(self, flow):
        random = self.random
        inbound = random.random() < 0.5
        tag = random.choice((flow.tags[True], flow.tags[False], flow.next[True], flow.next[False],
                             0, random.getrandbits(32)))
        kind = random.choice((0, 1, 1, 2, 2, 3, 6, 6, 7, 8, 9, 10, 10, 11, 11, 14, 14))
        other = random.choice((flow.tags[inbound] or 5, flow.next[inbound] or 6,
                               random.getrandbits(32) | 1))
        flags = random.choice((0, 0, 1))
        if kind in (1, 2):
            chunks = [sctp_init(kind, other)]
            tag = 0 if kind == 1 else tag
        elif random.random() < 0.01:
            chunks = [chunk(3)] * random.choice((127, 128, 129, 130))
        else:
            chunks = [chunk(kind, flags, bytes(random.choice((0, 4, 8, 16))))]
            if random.random() < 0.2:
                chunks.insert(random.randrange(2), chunk(random.choice((0, 3, 9, 132))))
        ports = self.hosts_of(flow, inbound)[4]
        return self.frame_of(flow, inbound, SCTP, sctp(*ports, tag, *chunks))

    def at_timeout(self):
        """Time passes until something is over, or nearly."""
        random = self.random
        queues = self.law.fragments.queues
        queue = queues[random.choice(("waiting", "open", "over"))]
        timeouts = self.law.policy.timeouts
        frame = random.choice(self.recent or [None])
        if queue and random.random() < 0.3:
            moment = next(iter(queue)).since + 1000 * timeouts["fragment"]
        elif queues["open"] and random.random() < 0.5:
            flow = random.choice(list(queues["open"])).flow
            moment = flow.seen + 1000 * timeouts[STATES[flow.state][0]]
        else:
            flow = random.choice(list(self.last))
            moment = flow.seen + 1000 * timeouts[STATES[flow.state][0]]
            frame = self.last[flow]
        if self.law.half_open and random.random() < 0.2:
            moment = next(iter(self.law.half_open)).began + GRACE
        lapse = self.law.policy.lapses
        if lapse is not None and random.random() < 0.3:
            moment = lapse
        moment += random.choice((-1, 0, 0, 1))
        if self.now <= moment < self.now + 400_000:
            self.now = moment
        return [frame] if frame is not None and self.config.get("sweep") != "always" else []

    def at_grace(self):
        """A source has taken its share; a new flow of it comes when the oldest one may just give
        way, or nearly. Nothing if there is no such source."""
        random = self.random
        full = [flows for flows in self.law.half_open_of.values()
                if len(flows) == self.law.per_source]
        if not full:
            return []
        oldest = next(iter(random.choice(full)))
        moment = oldest.began + GRACE + random.choice((-1, 0, 1))
        if moment < self.now:
            return []
        self.now = moment
        return [self.frame_of(oldest, oldest.initiator, 17,
                              udp(random.randrange(1, 65536), 53, 0, 8))]

    def storm(self):
        """More ICMP errors about one flow than pass."""
        random = self.random
        inbound, segment, frame = self.some_frame()
        storm = []
        for _ in range(random.choice((60, 100, 160))):
            error = faults.error_about(random, frame, inbound, ROUTERS)
            if error is not None:
                storm.append((error[0], segment, error[1]))
        return storm

    def flood(self):
        """More fragments, and more datagrams, than there is room for."""
        random = self.random
        kind = random.choice(("first", "denied", "later", "later", "pieces"))
        few = kind in ("first", "pieces")
        sources = random.sample(HOSTS[1][4], 1 if few else random.choice((1, 8)))
        flood = []
        for i in range({"first": 1100, "denied": 4200, "later": 400, "pieces": 135}[kind]):
            source = random.choice(sources)
            if kind != "pieces" or i == 0:
                self.ident = (self.ident + 1) % 60000
            if kind == "pieces":  # of one datagram
                data, protocol, where = udp(5000, 53, 0, 2000), 17, 0x2000 | i
            elif kind == "later":
                data, protocol, where = bytes(8 * random.choice((1, 1, 300))), 17, 2 + i % 3
                where |= random.choice((0, 0x2000))
            else:
                data, where = udp(5000, 53, 8, 100), 0x2000
                protocol = 17 if kind == "first" else 99
            flood.append((True, 0, ether(0x800, ip4(source, HOSTS[0][4][0], protocol, data,
                                                    ident=self.ident, where=where))))
        return flood
