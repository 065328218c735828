# SPDX-License-Identifier: BSD-3-Clause
"""A policy in force, as ppsfw-policy(5) and "Rules" of ppsfw-law(7) have it.

    policy = Policy(object, now)     object: the JSON; now: milliseconds on the judge's clock

Knows the words that mix.py writes: protocols and ports are numbers or ranges, addresses prefixes.
"""

import copy
import datetime
import ipaddress

EPOCH = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)  # millisecond 0 of the judge

TIMEOUTS = {"tcp_handshake": 30, "tcp_established": 7440, "tcp_closing": 60, "udp_single": 30,
            "udp": 120, "icmp": 10, "sctp_established": 3600, "dccp": 240, "other": 120,
            "fragment": 5}
PROTOCOLS = {"icmp": 1, "tcp": 6, "udp": 17, "dccp": 33, "icmpv6": 58, "sctp": 132,
             "udplite": 136, "gre": 47, "any": None}
DIRECTIONS = {"none": set(), "inbound": {True}, "outbound": {False}, "both": {True, False}}


def listed(value):
    return value if isinstance(value, list) else [value]


def ranges(value):
    """Ports or VLAN ids: pairs of first and last."""
    pairs = []
    for part in listed(value):
        first, _, last = str(part).partition("-")
        pairs.append((int(first), int(last or first)))
    return pairs


def within(pairs, number):
    return any(first <= number <= last for first, last in pairs)


class Prefixes:
    """A set of addresses; 'any' is all."""

    def __init__(self, value, groups):
        self.any = value == "any"
        self.lists = {4: [], 6: []}
        for text in [] if self.any else listed(value):
            if text in groups:
                for version, more in Prefixes(groups[text], groups).lists.items():
                    self.lists[version] += more
                continue
            net = ipaddress.ip_network(text)
            shift = net.max_prefixlen - net.prefixlen
            self.lists[net.version].append((int(net.network_address) >> shift, shift))

    def has(self, version, address):
        if self.any:
            return True
        number = int.from_bytes(address, "big")
        return any(number >> shift == net for net, shift in self.lists[version])


class Part:
    """One protocol of a rule."""

    def __init__(self, part):
        protocol = part["protocol"]
        self.protocol = PROTOCOLS[protocol] if isinstance(protocol, str) else protocol
        self.ports = ranges(part["ports"]) if "ports" in part else None
        self.source_ports = ranges(part["source_ports"]) if "source_ports" in part else None
        self.icmp = part.get("icmp")

    def matches(self, start):
        if self.protocol is not None and self.protocol != start.protocol:
            return False
        if self.ports is not None and not within(self.ports, start.dport):
            return False
        if self.source_ports is not None and not within(self.source_ports, start.sport):
            return False
        if self.icmp is not None:
            return (self.icmp["type"] == start.icmp_type
                    and self.icmp.get("code", start.icmp_code) == start.icmp_code)
        return True


class Rule:
    def __init__(self, rule, services, groups):
        self.id = rule["id"]
        self.directions = DIRECTIONS[rule.get("direction", "both")]
        self.source = Prefixes(rule.get("source", "any"), groups)
        self.destination = Prefixes(rule.get("destination", "any"), groups)
        vlans = rule.get("vlans", "any")
        self.any_vlan = vlans == "any"
        self.vlans = [(0, 0)] if vlans == "none" else [] if self.any_vlan else ranges(vlans)
        if "service" in rule:
            self.parts = [Part(part) for name in listed(rule["service"])
                          for part in listed(services[name])]
        else:
            self.parts = [Part(rule)]
        self.overrides = listed(rule.get("overrides", []))
        self.limits = rule.get("limits", {})
        self.expires = None
        if "expires" in rule:
            moment = datetime.datetime.fromisoformat(rule["expires"].replace("Z", "+00:00"))
            self.expires = (moment - EPOCH) // datetime.timedelta(milliseconds=1)

    def matches(self, start):
        return (start.inbound in self.directions
                and (self.any_vlan or within(self.vlans, start.vlan))
                and any(part.matches(start) for part in self.parts)
                and self.source.has(start.version, start.source)
                and self.destination.has(start.version, start.destination))


class Start:
    """What the rules see of the packet with which a flow begins."""
    __slots__ = ("inbound", "version", "source", "destination", "vlan", "protocol", "sport",
                 "dport", "icmp_type", "icmp_code")

    def __init__(self, packet):
        self.inbound = packet.inbound
        self.version = packet.version
        self.source, self.destination = packet.source, packet.destination
        self.vlan = packet.vlans[0]
        self.protocol = packet.protocol
        self.sport, self.dport = packet.sport, packet.dport
        icmp = packet.protocol in (1, 58)
        self.icmp_type = packet.icmp_type if icmp else None
        self.icmp_code = packet.icmp_code if icmp else None


    def turned(self):
        """As if the receiver had begun."""
        start = copy.copy(self)
        start.inbound = not self.inbound
        start.source, start.destination = self.destination, self.source
        start.sport, start.dport = self.dport, self.sport
        return start


class Policy:
    def __init__(self, text, now):
        services, groups = text.get("services", {}), text.get("groups", {})

        def rules(key):
            return [Rule(rule, services, groups) for rule in text.get(key, [])]

        self.timeouts = {**TIMEOUTS, **text.get("timeouts", {})}
        link = text.get("link", {})
        self.arp = DIRECTIONS[link.get("arp", "none")]
        self.discovery = DIRECTIONS[link.get("neighbor_discovery", "none")]
        vlans = link.get("vlans", "none")
        self.vlans = {"any": [(1, 4094)], "none": []}.get(vlans if isinstance(vlans, str) else "",
                                                         None)
        if self.vlans is None:
            self.vlans = ranges(vlans)
        self.ethertypes = {entry["ethertype"].lower(): DIRECTIONS[entry["direction"]]
                           for entry in link.get("ethertypes", [])}
        sources = text.get("sources", {})
        self.block = Prefixes(sources.get("block", []), groups)
        self.allow = Prefixes(sources["allow"], groups) if sources.get("allow") else None
        exceptions = rules("exceptions")
        in_force = [rule for rule in exceptions if now < rule.expires]
        self.bans = rules("banned")
        self.overriding = [rule for rule in in_force if rule.overrides]
        self.others = [rule for rule in in_force if not rule.overrides]
        self.approved = rules("approved")
        self.expired = [rule for rule in exceptions if now >= rule.expires]
        self.lapses = min((rule.expires for rule in in_force), default=None)

    def lapsed(self, now):
        """An exception has expired since this was built."""
        return self.lapses is not None and now >= self.lapses

    def decide(self, start, now):
        """The rule that decides, and the reason C1 to C3 or None."""
        bans = [rule for rule in self.bans if rule.matches(start)]
        overriding = [rule for rule in self.overriding if rule.matches(start)]
        for rule in overriding:
            if all(ban.id in rule.overrides for ban in bans):
                return rule, ("exception_expired" if now >= rule.expires else None)
        if bans and overriding:
            return next(ban for ban in bans if ban.id not in overriding[0].overrides), "banned"
        if bans:
            return bans[0], "banned"
        for rule in self.others + self.approved + self.expired:
            if rule.matches(start):
                expired = rule.expires is not None and now >= rule.expires
                return rule, ("exception_expired" if expired else None)
        return None, "not_approved"
