# SPDX-License-Identifier: BSD-3-Clause
"""A frame as ppsfw-law(7) reads it: LINK, IPV4, IPV6, TRANSPORT, and of FRAGMENTS what one fragment
shows by itself. Slow and obvious, in the words and the order of the page; comments name its checks.

    packet = read(frame, inbound, segment)

Every check that fails raises Dropped with its reason; read() keeps that as packet.reason.
"""

HEADERS_READ = 2048  # H

TCP, UDP, UDPLITE, SCTP, DCCP, ICMP, ICMPV6, AH = 6, 17, 136, 132, 33, 1, 58, 51
EXTENSIONS = {0, 43, 44, 51, 60}
TAGS = {0x8100, 0x88a8, 0x9100}
SNAP_TYPES = {0x0800, 0x86dd, 0x0806} | TAGS
FIN, SYN, RST, ACK, URG = 1, 2, 4, 16, 32
TCP_FLAG_SETS = {SYN, SYN | URG, SYN | ACK, RST, RST | ACK, FIN | ACK, FIN | ACK | URG, ACK,
                 ACK | URG}
LINK_REASONS = {"side_unknown", "link_runt", "vlan_denied", "vlan_reserved", "vlan_depth",
                "ethertype_denied", "length_frame_denied", "length_frame_malformed",
                "snap_denied", "arp_denied", "arp_malformed"}
ICMP_REASONS = {"nd_denied", "nd_malformed", "icmp_error_unrelated", "icmp_error_quote",
                "icmp_error_tag", "icmp_error_seq", "icmp_error_rate", "icmp_redirect", "icmp_type"}
IMPOSSIBLE = {"fragment_empty", "fragment_length", "fragment_too_long", "fragment_tiny"}
WHOLE, FIRST, LATER = 0, 1, 2  # kinds of packets, by fragment

# T24: the type of a query, of its reply.
QUERIES = {4: {8: 0, 13: 14, 15: 16, 17: 18, 42: 43}, 6: {128: 129, 139: 140, 160: 161}}
REPLIES = {v: {reply: query for query, reply in QUERIES[v].items()} for v in QUERIES}
ERRORS = {4: {3, 11, 12}, 6: {1, 2, 3, 4}}  # T23
DISCOVERY, LISTENERS = {133, 134, 135, 136}, {130, 131, 132, 143}  # T30, T31 and T32

ANY6, LOOPBACK6 = bytes(16), bytes(15) + b"\1"
MAPPED6 = bytes(10) + b"\xff\xff"
SOLICITED6 = bytes.fromhex("ff0200000000000000000001ff")  # ff02::1:ff00:0/104


class Dropped(Exception):
    """A check fails: its reason is the exception's argument."""


class Packet:
    """What the checks behind the parser need."""
    __slots__ = ("frame", "inbound", "segment", "length", "reason", "kind", "type", "vlans",
                 "tagged", "version", "source", "destination", "protocol", "fragment", "offset",
                 "more", "identification", "size", "before", "named", "named_protocol", "hops",
                 "at", "n", "len", "sport", "dport", "is_nd", "is_error", "icmp_type",
                 "icmp_code", "icmp_id", "flags", "seq", "ack", "window", "header", "payload",
                 "scale", "chunk", "chunk_t", "tag", "initiate_tag", "dccp_type", "gre",
                 "hop_by_hop", "quote", "event")

    def __init__(self, frame, inbound, segment):
        self.frame = frame
        self.inbound = inbound
        self.segment = segment
        self.length = len(frame)  # L
        self.reason = None
        self.kind = None  # "arp", "802.3", "other", "ip"
        self.type = 0
        self.vlans = (0, 0)
        self.tagged = False
        self.version = 0
        self.protocol = 0
        self.fragment = WHOLE
        self.named = False
        self.is_nd = False
        self.is_error = False
        self.sport = self.dport = 0
        self.hop_by_hop = None
        self.gre = None
        self.quote = None


def u16(data, at):
    return data[at] << 8 | data[at + 1]


def u32(data, at):
    return int.from_bytes(data[at:at + 4], "big")


def read(frame, inbound, segment):
    """Parses 'frame'."""
    packet = Packet(frame, inbound, segment)
    try:
        read_link(packet)
    except Dropped as why:
        packet.reason = why.args[0]
    return packet


def read_link(p):
    f = p.frame
    h = min(p.length, HEADERS_READ)
    if h < 14:
        raise Dropped("link_runt")  # L1
    kind = u16(f, 12)
    at = 14
    ids = []
    while kind in TAGS:  # L2
        if len(ids) == 2:
            raise Dropped("vlan_depth")
        if h - at < 4:
            raise Dropped("link_runt")
        vlan = u16(f, at) & 0xfff
        if vlan == 4095:
            raise Dropped("vlan_reserved")
        ids.append(vlan)
        kind = u16(f, at + 2)
        at += 4
    p.tagged = bool(ids)
    p.vlans = tuple((ids + [0, 0])[:2])
    p.type = kind
    if kind == 0x0806:
        p.kind = "arp"
        if (h - at < 28 or f[at:at + 7] != b"\0\1\x08\0\6\4\0" or f[at + 7] not in (1, 2)
                or f[at + 8] & 1):
            raise Dropped("arp_malformed")  # L3
    elif kind < 0x600:
        p.kind = "802.3"
        read_length_frame(p, kind, at, h)
    elif kind in (0x0800, 0x86dd):
        p.kind = "ip"
        (read_ipv4 if kind == 0x0800 else read_ipv6)(p, at, h)
    else:
        p.kind = "other"


def read_length_frame(p, length, at, h):
    f = p.frame
    if length < 3 or length > 1500 or h - at < 3 or length > p.length - at:
        raise Dropped("length_frame_malformed")  # L4
    if f[at] == 6 or f[at + 1] == 6:
        raise Dropped("snap_denied")  # L5
    if (h - at >= 8 and f[at:at + 5] == b"\xaa\xaa\3\0\0" and f[at + 5] in (0, 0xf8)
            and u16(f, at + 6) in SNAP_TYPES):
        raise Dropped("snap_denied")


def sum_is_good(header):
    total = sum(u16(header, i) for i in range(0, len(header), 2))
    while total > 0xffff:
        total = (total >> 16) + (total & 0xffff)
    return total == 0xffff


def read_ipv4(p, at, h):
    f = p.frame
    n = h - at
    p.version = 4
    if n < 20:
        raise Dropped("ip_truncated")  # I1
    if f[at] >> 4 != 4:
        raise Dropped("ip_version")  # I2
    hl = (f[at] & 15) * 4
    total = u16(f, at + 2)
    if hl < 20 or 20 <= total < hl:
        raise Dropped("ip_header_length")  # I3
    if total >= hl and n < hl:
        raise Dropped("ip_truncated")  # I4
    if total < hl or total > p.length - at:
        raise Dropped("ip_length")  # I5
    n = min(n, total)
    if not sum_is_good(f[at:at + hl]):
        raise Dropped("ip_checksum")  # I6
    read_options4(f[at + 20:at + hl])
    if f[at + 8] == 0:
        raise Dropped("ip_ttl")  # I8
    p.hops = f[at + 8]
    p.source = source = f[at + 12:at + 16]
    p.destination = destination = f[at + 16:at + 20]
    p.protocol = protocol = f[at + 9]
    where = u16(f, at + 6)
    offset = (where & 0x1fff) * 8
    ports = None
    if protocol == UDP and offset == 0 and n - hl >= 4:
        ports = (u16(f, at + hl), u16(f, at + hl + 2))
    if source[0] in (0, 127) or source[0] >= 224:
        if source != bytes(4) or not (protocol == 2 or ports == (68, 67)):
            raise Dropped("martian_source")  # I9
    if destination[0] in (0, 127):
        raise Dropped("martian_destination")  # I10
    if source == destination and not (ports and ports[1] == 3785):
        raise Dropped("land")  # I11
    p.at, p.n, p.len = at + hl, n - hl, total - hl
    if where & 0x3fff:
        p.fragment = LATER if offset else FIRST
        p.offset = offset
        p.more = bool(where & 0x2000)
        p.identification = f[at + 4:at + 6]
        p.size = p.len
        p.before = hl
        p.named = True
        p.named_protocol = protocol
    read_fragment(p)


def read_options4(options):
    i = 0  # I7
    while i < len(options) and options[i] != 0:
        kind = options[i]
        if kind in (131, 137):
            raise Dropped("ip_source_route")
        if kind == 1:
            i += 1
            continue
        if i + 1 >= len(options) or options[i + 1] < 2 or i + options[i + 1] > len(options):
            raise Dropped("ip_options")
        i += options[i + 1]


def read_ipv6(p, at, h):
    f = p.frame
    n = h - at
    p.version = 6
    if n < 40:
        raise Dropped("ip_truncated")  # J1
    if f[at] >> 4 != 6:
        raise Dropped("ip_version")  # J2
    end = 40 + u16(f, at + 4)
    if end > p.length - at:
        raise Dropped("ip_length")  # J3
    if end == 40 and f[at + 6] == 0:
        raise Dropped("ipv6_jumbogram")  # J4
    if f[at + 7] == 0:
        raise Dropped("ip_ttl")  # J5
    p.hops = f[at + 7]
    n = min(n, end)
    p.source = source = f[at + 8:at + 24]
    p.destination = destination = f[at + 24:at + 40]
    if source[0] == 0xff or source == LOOPBACK6 or source[:12] == MAPPED6:
        raise Dropped("martian_source")  # J6
    if destination in (ANY6, LOOPBACK6):
        raise Dropped("martian_destination")
    if destination[:12] == MAPPED6:
        raise Dropped("martian_destination")  # J7
    if source == destination and not (f[at + 6] == UDP and n >= 44 and u16(f, at + 42) == 3785):
        raise Dropped("land")  # J8
    walk = Walk(f, at, n)
    try:
        walk.run()
    finally:
        if walk.fragment is not None:
            p.fragment, p.offset, p.more, p.identification, p.before = walk.fragment
            p.size = end - 40 - p.before - 8
            p.named = True
            p.named_protocol = None
    p.protocol = walk.next
    p.hop_by_hop = walk.hop_by_hop
    p.at, p.n, p.len = at + walk.pos, n - walk.pos, end - walk.pos
    if source == ANY6 and not (p.protocol == ICMPV6 and p.fragment != LATER and p.n >= 1
                               and (130 <= f[p.at] <= 136 or f[p.at] == 143)):
        raise Dropped("martian_source")  # J9
    read_fragment(p)


class Walk:
    """X1 to X5: extension headers of the IPv6 packet at 'at', 'n' bytes of which are there."""

    def __init__(self, frame, at, n):
        self.f = frame[at:at + n]
        self.n = n
        self.next = self.f[6]
        self.pos = 40
        self.fragment = None  # (kind, offset, more, identification, size of headers before)
        self.hop_by_hop = None  # the whole header, if the first one is one

    def size(self, kind, pos):
        """X2, or None."""
        if self.n - pos < 8:
            return None
        if kind == 44:
            size = 8
        elif kind == AH:
            size = (self.f[pos + 1] + 2) * 4
            if size < 12:
                return None
        else:
            size = (self.f[pos + 1] + 1) * 8
        return size if pos + size <= self.n else None

    def too_many(self):
        kind, pos, count = self.f[6], 40, 0
        while kind in EXTENSIONS:
            count += 1
            if count == 9:
                return True
            size = self.size(kind, pos)
            if size is None:
                return False
            kind, pos = self.f[pos], pos + size
        return False

    def run(self):
        last = -1
        while self.next in EXTENSIONS:
            kind, pos = self.next, self.pos
            if kind == 60:
                rank = 1 if last < 2 else 5
            else:
                rank = {0: 0, 43: 2, 44: 3, AH: 4}[kind]
            if rank <= last:
                raise Dropped("ipv6_ext_count" if self.too_many() else "ipv6_ext_order")  # X1
            last = rank
            size = self.size(kind, pos)
            if size is None:
                raise Dropped("ipv6_ext_truncated")  # X2
            if kind == 43 and self.f[pos + 2] == 0:
                raise Dropped("ip_source_route")  # X3
            if kind == 43 and self.f[pos + 3] > 0:
                raise Dropped("ipv6_routing")  # X4
            if kind == 0:
                self.hop_by_hop = self.f[pos:pos + size]
            self.next = self.f[pos]
            self.pos += size
            if kind == 44:  # X5
                offset = u16(self.f, pos + 2) & 0xfff8
                more = bool(self.f[pos + 3] & 1)
                if offset or more:
                    self.fragment = (LATER if offset else FIRST, offset, more,
                                     self.f[pos + 4:pos + 8], pos - 40)
                if offset:
                    return


def read_fragment(p):
    """The transport of a whole packet; of a fragment what it shows by itself."""
    if p.fragment == WHOLE:
        read_transport(p)
        return
    if p.size == 0:
        raise Dropped("fragment_empty")  # F1
    if p.more and p.size % 8:
        raise Dropped("fragment_length")  # F2
    if p.offset + p.size + p.before > 65535:
        raise Dropped("fragment_too_long")  # F3
    if p.fragment == LATER:
        if p.version == 4 and p.protocol == TCP and p.offset < 20:
            raise Dropped("fragment_tiny")  # F4
        return
    there = p.len
    p.len = 65535
    why = None
    start = p.at
    try:
        read_transport(p)
    except Dropped as dropped:
        why = dropped.args[0]
    there -= p.at - start  # T42
    p.len = there
    if why == "l4_truncated" or transport_header(p) > there:
        raise Dropped("fragment_tiny")  # F5
    if p.is_nd:
        raise Dropped("fragment_nd")  # F6
    if p.is_error:
        raise Dropped("fragment_icmp_error")
    if why is not None:
        raise Dropped(why)
    if p.protocol == TCP:
        p.payload = there - p.header  # F7


def transport_header(p):
    if p.protocol == TCP:
        return (p.frame[p.at + 12] >> 4) * 4 if p.n >= 20 else 20
    if p.protocol == DCCP:
        return p.frame[p.at + 4] * 4 if p.n >= 12 else 12
    return {UDP: 8, UDPLITE: 8, SCTP: 12, ICMP: 8, ICMPV6: 8}.get(p.protocol, 0)


def read_transport(p):
    protocol = p.protocol
    if protocol == TCP:
        read_tcp(p)
    elif protocol in (UDP, UDPLITE):
        read_udp(p)
    elif protocol == SCTP:
        read_sctp(p)
    elif protocol == DCCP:
        read_dccp(p)
    elif protocol in (ICMP, ICMPV6):
        read_icmp(p)
    elif protocol == AH and p.version == 4:
        read_ah(p)
    elif p.n < {2: 8, 50: 8, 47: 4}.get(protocol, 0):
        raise Dropped("l4_truncated")  # T50
    elif protocol == 47:
        p.gre = (u16(p.frame, p.at), u16(p.frame, p.at + 2))


def read_tcp(p):
    f, at = p.frame, p.at
    if p.n < 20:
        raise Dropped("l4_truncated")  # T1
    p.header = (f[at + 12] >> 4) * 4
    if p.header < 20 or p.header > p.len:
        raise Dropped("tcp_offset")  # T2
    p.flags = f[at + 13]
    if p.flags & (FIN | SYN | RST | ACK | URG) not in TCP_FLAG_SETS:
        raise Dropped("tcp_flags")  # T3
    p.sport, p.dport = u16(f, at), u16(f, at + 2)
    if p.sport == 0 or p.dport == 0:
        raise Dropped("port_zero")  # T4
    p.seq, p.ack, p.window = u32(f, at + 4), u32(f, at + 8), u16(f, at + 14)
    p.payload = p.len - p.header
    p.scale = read_scale(f[at + 20:at + p.header]) if p.flags & SYN else 15


def read_scale(options):
    """The window scale; 15: none."""
    scale = 15
    i = 0
    while i < len(options) and options[i] != 0:
        if options[i] == 1:
            i += 1
            continue
        size = options[i + 1] if i + 1 < len(options) else 0
        if size < 2 or i + size > len(options):
            break
        if options[i] == 3:
            if size != 3:
                break
            scale = min(options[i + 2], 14)
        i += size
    return scale


def read_udp(p):
    if p.n < 8:
        raise Dropped("l4_truncated")  # T5
    length = u16(p.frame, p.at + 4)
    if (length < 8 or length > p.len) and not (p.protocol == UDPLITE and length == 0):
        raise Dropped("l4_length")  # T6
    p.sport, p.dport = u16(p.frame, p.at), u16(p.frame, p.at + 2)
    if p.dport == 0:
        raise Dropped("port_zero")  # T7


def chunk_class(kind):
    if kind in (6, 14):
        return 6
    if kind == 8:
        return 5
    if kind == 7:
        return 4
    if kind in (1, 2, 10, 11):
        return 3
    if kind == 9:
        return 2
    return 1 if kind in TRAFFIC else 7


TRAFFIC = {0, 3, 4, 5, 12, 13, 15, 64, 128, 130, 132, 192, 193, 194}


def read_sctp(p):
    f, at, n = p.frame, p.at, p.n
    if n < 16:
        raise Dropped("l4_truncated")  # T8
    p.tag = u32(f, at + 4)
    pos, count, best, data = 12, 0, 0, False
    while pos < p.len:
        left = p.len - pos
        if left < 4:
            raise Dropped("l4_length")  # T9
        if n - pos < 4:
            break
        kind, length = f[at + pos], u16(f, at + pos + 2)
        if length < 4 or length > left:
            raise Dropped("l4_length")
        end = min(pos + (length + 3) // 4 * 4, p.len)
        count += 1
        if count == 129:
            raise Dropped("sctp_chunks")  # T14
        if kind in (1, 2, 14) and (count > 1 or n > end):
            raise Dropped("sctp_bundle")  # T15
        if data and kind not in (0, 64, 132):
            raise Dropped("sctp_order")  # T16
        data = data or kind in (0, 64)
        if chunk_class(kind) > best:
            best = chunk_class(kind)
            p.chunk, p.chunk_t = kind, f[at + pos + 1] & 1
        if kind in (1, 2):  # T17
            if length < 20:
                raise Dropped("l4_length")
            if n - pos < 20:
                raise Dropped("l4_truncated")
            p.initiate_tag = u32(f, at + pos + 4)
            if p.initiate_tag == 0 or (kind == 1 and p.tag != 0):
                raise Dropped("sctp_init_tag")
            break
        if kind == 6 or n <= end:
            break
        pos = end
    p.sport, p.dport = u16(f, at), u16(f, at + 2)
    if p.sport == 0 or p.dport == 0:
        raise Dropped("port_zero")  # T10


def read_dccp(p):
    f, at = p.frame, p.at
    if p.n < 12:
        raise Dropped("l4_truncated")  # T11
    long = f[at + 8] & 1
    kind = f[at + 8] >> 1 & 15
    if not long and (kind in (0, 1) or 5 <= kind <= 9):
        raise Dropped("dccp_short")  # T18
    if kind == 0:
        least = 20
    elif kind in (1, 7):
        least = 28
    elif kind in (5, 6, 8, 9):
        least = 24
    elif kind in (3, 4):
        least = 24 if long else 16
    else:
        least = 16 if long else 12
    if p.n < least:
        raise Dropped("l4_truncated")  # T19
    header = f[at + 4] * 4
    coverage = f[at + 5] & 15
    if header < least or header > p.len or (coverage and (coverage - 1) * 4 > p.len - header):
        raise Dropped("l4_length")  # T12
    p.sport, p.dport = u16(f, at), u16(f, at + 2)
    if p.sport == 0 or p.dport == 0:
        raise Dropped("port_zero")  # T13
    p.dccp_type = kind


def read_icmp(p):
    f, at = p.frame, p.at
    if (p.protocol == ICMP) != (p.version == 4):
        raise Dropped("icmp_type")  # T20
    if p.n < 8:
        raise Dropped("l4_truncated")  # T21
    kind = p.icmp_type = f[at]
    p.icmp_code = f[at + 1]
    p.icmp_id = u16(f, at + 4)
    if kind == (5 if p.version == 4 else 137):
        raise Dropped("icmp_redirect")  # T22
    if kind in ERRORS[p.version]:
        p.is_error = True  # T23
    elif kind in QUERIES[p.version] or kind in REPLIES[p.version]:
        pass  # T24
    elif p.version == 6 and kind in DISCOVERY:
        p.is_nd = True
        if not discovery_is_good(p):
            raise Dropped("nd_malformed")  # T30
    elif p.version == 6 and kind in LISTENERS:
        p.is_nd = True
        if not listeners_are_good(p):
            raise Dropped("nd_malformed")  # T31, T32
    else:
        raise Dropped("icmp_type")  # T33


def discovery_is_good(p):
    least = {133: 8, 134: 16, 135: 24, 136: 24}[p.icmp_type]
    m = p.frame[p.at:p.at + p.n]
    if p.hops != 255 or p.icmp_code != 0 or p.n != p.len or len(m) < least:
        return False
    options = set()
    i = least
    while i < len(m):
        if i + 2 > len(m) or m[i + 1] == 0 or i + 8 * m[i + 1] > len(m):
            return False
        options.add(m[i])
        i += 8 * m[i + 1]
    unspecified = p.source == ANY6
    if p.icmp_type == 133:
        return not unspecified or 1 not in options
    if p.icmp_type == 134:
        return is_link_local(p.source)
    if m[8] == 0xff:
        return False
    if p.icmp_type == 135:
        return not unspecified or (1 not in options and p.destination[:13] == SOLICITED6)
    return not unspecified and (p.destination[0] != 0xff or not m[4] & 0x40)


def is_link_local(address):
    return address[0] == 0xfe and address[1] & 0xc0 == 0x80


def has_router_alert(header):
    """The option 05 02 00 00 in a hop-by-hop header."""
    i = 2
    while header is not None and i < len(header):
        if header[i] == 0:
            i += 1
            continue
        if i + 2 > len(header) or i + 2 + header[i + 1] > len(header):
            return False
        if header[i:i + 4] == b"\5\2\0\0":
            return True
        i += 2 + header[i + 1]
    return False


def listeners_are_good(p):
    m = p.frame[p.at:p.at + p.n]
    unspecified = p.source == ANY6
    if p.hops != 1 or p.n != p.len or not (unspecified or is_link_local(p.source)):
        return False
    if not has_router_alert(p.hop_by_hop):
        return False
    if p.icmp_type == 143:  # T32
        i = 8
        for _ in range(u16(m, 6)):
            if len(m) - i < 20 or m[i + 4] != 0xff:
                return False
            i += 20 + 16 * u16(m, i + 2) + 4 * m[i + 1]
            if i > len(m):
                return False
        return True
    if len(m) < 24:
        return False
    if p.icmp_type != 130:
        return m[8] == 0xff
    if unspecified or not (m[8] == 0xff or m[8:24] == ANY6):
        return False
    return len(m) == 24 or (len(m) >= 28 and len(m) >= 28 + 16 * u16(m, 26))


def read_ah(p):
    if p.n < 12:
        raise Dropped("l4_truncated")  # T40
    size = (p.frame[p.at + 1] + 2) * 4
    if size < 12 or size > p.n:
        raise Dropped("l4_length")  # T41
    p.protocol = p.frame[p.at]  # T42
    p.at += size
    p.n -= size
    p.len -= size
    if p.protocol != AH:
        read_transport(p)


class Quote:
    """The packet that an ICMP error quotes (E1)."""
    __slots__ = ("source", "destination", "protocol", "sport", "dport", "icmp_type", "icmp_id",
                 "tag", "seq", "version")


def read_quote(p):
    """E1: the quoted packet, or Dropped."""
    q = p.frame[p.at + 8:p.at + min(p.n, p.len)]
    quote = Quote()
    quote.version = p.version
    try:
        at = read_quote4(q, quote) if p.version == 4 else read_quote6(q, quote)
    except Dropped:
        raise Dropped("icmp_error_quote") from None
    quote.sport = quote.dport = 0
    if quote.protocol in (TCP, UDP, UDPLITE, SCTP, DCCP):
        if len(q) - at < 8:
            raise Dropped("icmp_error_quote")
        quote.sport, quote.dport = u16(q, at), u16(q, at + 2)
        quote.tag = quote.seq = u32(q, at + 4)
    elif quote.protocol in (ICMP, ICMPV6):
        if (quote.protocol == ICMP) != (p.version == 4) or len(q) - at < 8:
            raise Dropped("icmp_error_quote")
        quote.icmp_type = q[at]
        quote.icmp_id = u16(q, at + 4)
        if q[at] not in QUERIES[p.version] and q[at] not in REPLIES[p.version]:
            raise Dropped("icmp_error_quote")
    return quote


def read_quote4(q, quote):
    hl = (q[0] & 15) * 4 if q else 0
    if len(q) < 20 or q[0] >> 4 != 4 or hl < 20 or hl > len(q) or u16(q, 6) & 0x1fff:
        raise Dropped
    quote.source, quote.destination, quote.protocol = q[12:16], q[16:20], q[9]
    if quote.protocol == AH:
        size = (q[hl + 1] + 2) * 4 if len(q) - hl >= 12 else 0
        if 12 <= size <= len(q) - hl and q[hl] != AH:
            quote.protocol = q[hl]
            hl += size
    return hl


def read_quote6(q, quote):
    if len(q) < 40 or q[0] >> 4 != 6:
        raise Dropped
    quote.source, quote.destination = q[8:24], q[24:40]
    walk = Walk(q, 0, len(q))
    walk.run()
    if walk.fragment is not None and walk.fragment[0] == LATER:
        raise Dropped
    quote.protocol = walk.next
    return walk.pos
