# SPDX-License-Identifier: BSD-3-Clause
"""The states of a flow, as FLOWS of ppsfw-law(7) has them: its tables, TCP windows, SCTP tags.

    new, keep = permit(flow, packet, ...)    may the packet pass? see each protocol

Sides are inbound flags: True sent from outside. Every number of TCP is modulo 2^32.
"""

from packet import ACK, DCCP, Dropped, FIN, ICMP, ICMPV6, RST, SCTP, SYN, TCP, UDP, UDPLITE

# state: (timeout, refreshed by: none, all, or packets without some)
STATES = {
    "tcp_syn_sent": ("tcp_handshake", "nothing"),
    "tcp_syn_crossed": ("tcp_handshake", "nothing"),
    "tcp_syn_received": ("tcp_handshake", "nothing"),
    "tcp_established": ("tcp_established", "no SYN, RST"),
    "tcp_fin_initiator": ("tcp_established", "no SYN, RST"),
    "tcp_fin_responder": ("tcp_established", "no SYN, RST"),
    "tcp_closing": ("tcp_closing", "no SYN, RST"),
    "tcp_closed": ("tcp_closing", "nothing"),
    "tcp_picked_up": ("tcp_handshake", "nothing"),
    "udp_single": ("udp_single", "all"),
    "udp_pair": ("udp", "all"),
    "icmp_query": ("icmp", "all"),
    "sctp_init": ("tcp_handshake", "nothing"),
    "sctp_established": ("sctp_established", "no INIT, ABORT"),
    "sctp_closing": ("tcp_closing", "no INIT, ABORT"),
    "dccp_request": ("tcp_handshake", "nothing"),
    "dccp_open": ("dccp", "no REQ, RESP, RST"),
    "dccp_closing": ("tcp_closing", "no REQ, RESP, RST"),
    "other": ("other", "all"),
}
PROVEN = {"tcp_established", "tcp_fin_initiator", "tcp_fin_responder", "tcp_closing", "udp_pair",
          "sctp_established", "dccp_open"}
PHASES = {"init": "sctp_init", "answered": "sctp_init", "echoed": "sctp_init",
          "crossed": "sctp_init", "crossed2": "sctp_init", "open": "sctp_established",
          "shutdown": "sctp_closing", "done": "sctp_closing", "aborted": "sctp_closing",
          "request": "dccp_request", "responded": "dccp_request", "d_open": "dccp_open",
          "closing": "dccp_closing", "reset": "dccp_closing"}


def table(text, prefix=""):
    """{(state, 'I' or 'R', event): word} of a table as the page prints it."""
    lines = text.split("\n")[1:-1]
    events = lines[0].split()[1:]
    cells = {}
    for line in lines[1:]:
        state, who, *words = line.split()
        for event, word in zip(events, words, strict=True):
            if word not in ("=", "-", "new"):
                word = prefix + word
            cells[prefix + state, who, event] = word
    return cells


TCP_TABLE = table("""
state           SYN         S+A          ACK          DATA         FIN           RST    R+A
syn_sent      I =           -            -            -            -             closed closed
syn_sent      R syn_crossed syn_received =            -            -             -      closed
syn_crossed   I =           =            -            -            -             closed closed
syn_crossed   R =           syn_received syn_received syn_received syn_received  closed closed
syn_received  I =           =            established  established  fin_initiator closed closed
syn_received  R =           =            =            =            =             closed closed
established   I =           -            =            =            fin_initiator closed closed
established   R =           =            =            =            fin_responder closed closed
fin_initiator I =           -            =            =            =             closed closed
fin_initiator R =           =            =            =            closing       closed closed
fin_responder I =           -            =            =            closing       closed closed
fin_responder R =           =            =            =            =             closed closed
closing       I new         -            =            =            =             closed closed
closing       R new         =            =            =            =             closed closed
closed        I new         -            =            =            =             =      =
closed        R new         -            =            =            =             =      =
picked_up     I =           -            established  established  fin_initiator closed closed
picked_up     R =           =            established  established  fin_responder closed closed
""", "tcp_")

SCTP_TABLE = table("""
phase       INIT    IACK     ECHO     CACK TRAF ERR ABRT    SHUT     SACK     DONE
init     I  =       -        -        -    -    -   aborted -        -        =
init     R  crossed answered -        -    -    -   aborted -        =        -
answered I  =       -        echoed   -    -    -   aborted -        -        -
answered R  -       =        -        -    -    -   aborted -        -        -
echoed   I  =       -        =        -    -    -   aborted -        -        -
echoed   R  -       =        -        open -    =   aborted -        -        -
crossed  I  =       =        crossed2 -    -    -   aborted -        -        -
crossed  R  =       =        crossed2 -    -    -   aborted -        -        -
crossed2 I  =       =        =        open -    =   aborted -        -        -
crossed2 R  =       =        =        open -    =   aborted -        -        -
open     I  =       =        =        =    =    =   aborted shutdown -        -
open     R  =       =        =        =    =    =   aborted shutdown -        -
shutdown I  =       =        =        =    =    =   aborted =        =        done
shutdown R  =       =        =        =    =    =   aborted =        =        done
done     I  new     -        -        -    -    -   aborted -        =        =
done     R  new     -        -        -    -    -   aborted -        =        =
aborted  I  new     -        -        -    -    -   =       -        -        -
aborted  R  new     -        -        -    -    -   =       -        -        -
""")
SCTP_EVENTS = {1: "INIT", 2: "IACK", 10: "ECHO", 11: "CACK", 9: "ERR", 6: "ABRT", 7: "SHUT",
               8: "SACK", 14: "DONE",
               **dict.fromkeys((0, 3, 4, 5, 12, 13, 15, 64, 128, 130, 132, 192, 193, 194),
                               "TRAF")}

DCCP_TABLE = table("""
phase       REQ RESP      DATA ACK    D+A    CREQ    CLOS    RST   SYNC SACK
request   I =   -         -    -      -      -       -       reset -    -
request   R -   responded -    -      -      -       -       reset =    -
responded I =   -         -    d_open d_open -       closing reset -    -
responded R -   =         -    -      -      -       -       reset -    -
d_open    I =   -         =    =      =      -       closing reset =    =
d_open    R -   =         =    =      =      closing closing reset =    =
closing   I new -         =    =      =      -       =       reset =    =
closing   R new -         =    =      =      =       =       reset =    =
reset     I new -         -    -      -      -       -       =     -    -
reset     R new -         -    -      -      -       -       =     -    -
""")
DCCP_EVENTS = ("REQ", "RESP", "DATA", "ACK", "D+A", "CREQ", "CLOS", "RST", "SYNC", "SACK")

NEW = "new"
PLAIN = 0xffffffff
WINDOW_LEAST = 1 << 20


class Flow:
    """One flow; 'initiator' is the side that began it."""
    __slots__ = ("key", "start", "initiator", "state", "phase", "seen", "began", "rule", "policy",
                 "replied", "half_open", "source", "errors_paid", "code", "tcp", "ignored",
                 "early_fin", "picked_up", "tags", "next", "restarting")


# ---- TCP ----

class Side:
    """What a flow keeps of one side."""
    __slots__ = ("end", "max_end", "max_win", "ack", "scale")

    def __init__(self, end=0, max_end=0, max_win=0, ack=0, scale=15):
        self.end, self.max_end, self.max_win = end, max_end, max_win
        self.ack, self.scale = ack, scale


def minus(a, b):
    return (a - b) & PLAIN


def before(a, b):
    return minus(a, b) >= 1 << 31


def later(a, b):
    return b if before(a, b) else a


def tcp_event(p):
    flags = p.flags & (FIN | SYN | RST | ACK)
    if flags & SYN:
        return "S+A" if flags & ACK else "SYN"
    if flags & RST:
        return "R+A" if flags & ACK else "RST"
    if flags & FIN:
        return "FIN"
    return "DATA" if p.payload else "ACK"


def tcp_end(p):
    return (p.seq + p.payload + bool(p.flags & SYN) + bool(p.flags & FIN)) & PLAIN


def window_of(side):
    return max(side.max_win, WINDOW_LEAST)  # W


def acknowledges_syn(p, s, d):
    return minus(p.ack, s.ack) <= minus(d.end, s.ack)


def v1(end, s, d):
    low = minus(d.ack, window_of(d))
    if minus(end, low) > minus(s.max_end + 1, low):
        raise Dropped("tcp_window")


def v2(p, s, d, picked_up):
    low = minus(s.ack, window_of(s))
    if minus(p.ack, low) > minus(d.max_end if picked_up else d.end, low):
        raise Dropped("tcp_ack")


def quoted_fits(flow, seq, sender):
    """E6"""
    s, d = flow.tcp[sender], flow.tcp[not sender]
    low = minus(d.ack, window_of(d))
    return minus(seq, low) <= minus(s.max_end if flow.picked_up else s.end, low)


def answers_ignored(flow, p):
    """V5: acknowledges exactly the ignored SYN."""
    return flow.ignored is not None and p.ack == flow.ignored[0]


def tcp_permit(flow, p):
    """The state behind the packet, or NEW; Dropped."""
    state, event = flow.state, tcp_event(p)
    who = "I" if p.inbound == flow.initiator else "R"
    s, d = flow.tcp[p.inbound], flow.tcp[not p.inbound]
    word = TCP_TABLE[state, who, event]
    if word == "-":
        if (state, who, event) == ("tcp_closed", "R", "S+A") and answers_ignored(flow, p):
            return "tcp_syn_received"  # V5
        raise Dropped("tcp_state")
    to = state if word == "=" else word
    end = tcp_end(p)
    if event in ("RST", "R+A"):
        return tcp_reset(flow, p, who, to)
    if event == "SYN":  # V4
        if state == "tcp_syn_received" and who == "R" and (p.seq + 1) & PLAIN != d.ack:
            raise Dropped("tcp_state")
        return state if state == "tcp_closing" and before(p.seq, s.end) else to
    if event == "S+A":  # V5
        if state in ("tcp_syn_sent", "tcp_syn_crossed", "tcp_syn_received"):
            if not acknowledges_syn(p, s, d):
                raise Dropped("tcp_ack")
            if state == "tcp_syn_crossed" or who == "I":
                if (p.seq + 1) & PLAIN != d.ack:
                    raise Dropped("tcp_window")
            return to
        try:
            v1(end, s, d)
            v2(p, s, d, flow.picked_up)
        except Dropped:
            if not answers_ignored(flow, p):
                raise
            return "tcp_syn_received"
        return to
    if state == "tcp_syn_crossed" or (state == "tcp_syn_received" and who == "I"):  # V6
        low = minus(d.ack, 1)
        if minus(end, low) > minus(s.max_end + 1, low):
            raise Dropped("tcp_window")
        if not acknowledges_syn(p, s, d):
            raise Dropped("tcp_ack")
        if state == "tcp_syn_received" and flow.early_fin:
            return "tcp_fin_responder" if to == "tcp_established" else "tcp_closing"
        return to
    if state == "tcp_syn_sent":
        return to  # V7
    v1(end, s, d)  # V8
    v2(p, s, d, flow.picked_up)
    handshake = ("tcp_syn_sent", "tcp_syn_crossed", "tcp_syn_received", "tcp_picked_up")
    if event == "FIN" and state not in handshake and before(end, s.end):
        return state
    if state == "tcp_picked_up" and s.max_win != 1 << 30:
        return state
    return to


def tcp_reset(flow, p, who, to):
    """V3"""
    s, d = flow.tcp[p.inbound], flow.tcp[not p.inbound]
    state = flow.state
    if state == "tcp_syn_sent" and who == "R":
        if not acknowledges_syn(p, s, d):
            raise Dropped("tcp_ack")
        return to
    if p.seq in (d.ack, s.end):
        return to
    answers = (state in ("tcp_syn_crossed", "tcp_closed")
               or (state == "tcp_syn_received" and who == "R"))
    if p.flags & ACK and acknowledges_syn(p, s, d) and answers:
        return to
    if state != "tcp_syn_sent":
        v1(p.seq, s, d)
    return state


def tcp_begin(flow, initiator, end, seq, window, scale):
    flow.tcp = {initiator: Side(end, end, window, 0, scale),
                not initiator: Side(ack=(seq + 1) & PLAIN)}


def pick_up(flow, p):
    """N2"""
    flow.state = "tcp_picked_up"
    flow.picked_up = True
    flow.ignored = None
    end, w = tcp_end(p), p.window << 14
    flow.tcp = {p.inbound: Side(end, (end + (1 << 30)) & PLAIN, w, p.ack, 14),
                not p.inbound: Side(p.ack, (p.ack + w) & PLAIN, 1 << 30, p.seq, 14)}


def offer(s, d, a, w):
    d.max_end = later(d.max_end, (a + w) & PLAIN)
    s.ack = later(s.ack, a)
    s.max_win = max(s.max_win, w)


def answer(flow, p):
    s, d = flow.tcp[p.inbound], flow.tcp[not p.inbound]
    end = tcp_end(p)
    flow.early_fin = False
    s.end = end
    s.max_end = later(end, (p.seq + 1 + d.max_win) & PLAIN)
    s.max_win = p.window
    d.ack = (p.seq + 1) & PLAIN
    s.scale = p.scale
    offer(s, d, p.ack if p.flags & ACK else s.ack, p.window)


def tcp_keep(flow, p, to):
    """What a packet that passed leaves; flow.state is still that in which it was judged."""
    state, event = flow.state, tcp_event(p)
    from_initiator = p.inbound == flow.initiator
    s, d = flow.tcp[p.inbound], flow.tcp[not p.inbound]
    end = tcp_end(p)
    early = ("tcp_syn_sent", "tcp_syn_crossed", "tcp_syn_received")
    if event in ("RST", "R+A"):
        return
    if event == "SYN" and state == "tcp_syn_sent" and from_initiator:
        if (p.seq + 1) & PLAIN == d.ack:
            s.end, s.max_end = later(s.end, end), later(s.max_end, end)
            s.max_win = max(s.max_win, p.window)
            if p.scale != 15:
                s.scale = p.scale
        elif before(s.end, end):
            tcp_begin(flow, p.inbound, end, p.seq, p.window, p.scale)
        return
    if event in ("SYN", "S+A") and state == "tcp_syn_sent":
        answer(flow, p)
        return
    if event == "S+A" and state in early and (p.seq + 1) & PLAIN != d.ack:
        answer(flow, p)
        return
    if event in ("SYN", "S+A") and state in early and (p.seq + 1) & PLAIN == d.ack:
        s.end = later(s.end, end)
        offer(s, d, p.ack if p.flags & ACK else s.ack, p.window)
        return
    if event == "S+A" and to == "tcp_syn_received" and state not in early:
        ignored_end, window, scale = flow.ignored
        tcp_begin(flow, not p.inbound, ignored_end, minus(ignored_end, 1), window, scale)
        answer(flow, p)
        flow.ignored = None
        flow.picked_up = False
        return
    if event == "SYN" and from_initiator and state not in early:
        flow.ignored = (end, p.window, p.scale)
        return
    if p.flags & SYN or state == "tcp_syn_sent":
        return
    if event == "FIN" and to == "tcp_syn_received" and not before(end, s.end):
        flow.early_fin = True
    w = p.window << (0 if 15 in (s.scale, d.scale) else s.scale)
    if flow.picked_up:
        if s.max_win == 1 << 30:
            s.max_win = w
            d.max_end = later(d.end, (p.ack + w) & PLAIN)
        d.end = later(d.end, p.ack)
    s.end = later(s.end, end)
    offer(s, d, p.ack, w)


# ---- SCTP ----

def sctp_permit(flow, p):
    """The phase behind the packet, or NEW; Dropped."""
    event = SCTP_EVENTS.get(p.chunk)
    if event is None:
        raise Dropped("sctp_state")
    phase = flow.phase
    who = "I" if p.inbound == flow.initiator else "R"
    word = SCTP_TABLE[phase, who, event]
    if word == "-":
        raise Dropped("sctp_state")
    to = phase if word == "=" else word
    if event == "INIT":
        return to
    if phase == "init" and (event == "SACK" or (event == "DONE" and p.chunk_t)):
        if p.tag == 0:
            raise Dropped("sctp_tag")  # G1
        return to
    owner = p.inbound if event in ("ABRT", "DONE") and p.chunk_t else not p.inbound
    if p.tag == 0 or p.tag not in (flow.tags[owner], flow.next[owner]):
        raise Dropped("sctp_tag")  # G2
    if p.tag == flow.tags[owner]:
        return to
    if event not in ("IACK", "ECHO", "CACK", "ERR", "ABRT"):
        raise Dropped("sctp_tag")  # G3
    if event == "ABRT":
        return phase
    if event == "CACK" and phase in ("open", "shutdown"):
        if not flow.restarting:
            raise Dropped("sctp_tag")  # G4
        return "open"
    return to


def sctp_keep(flow, p, to):
    event = SCTP_EVENTS[p.chunk]
    phase = flow.phase
    r = not p.inbound
    by_next = p.tag == flow.next[r] and p.tag != flow.tags[r] and p.tag != 0
    handshake = PHASES[phase] == "sctp_init"
    if event in ("INIT", "IACK"):
        if flow.tags[p.inbound] == 0:
            flow.tags[p.inbound] = p.initiate_tag
        elif flow.tags[p.inbound] != p.initiate_tag:
            flow.next[p.inbound] = p.initiate_tag
    if by_next and handshake and event in ("IACK", "ECHO", "CACK", "ERR"):
        flow.tags[r], flow.next[r] = flow.next[r], flow.tags[r]
    if by_next and phase in ("open", "shutdown"):
        if event == "ECHO":
            flow.restarting = True
        elif event == "CACK":
            for side in (False, True):
                if flow.next[side]:
                    flow.tags[side], flow.next[side] = flow.next[side], 0
            flow.restarting = False
    if handshake and to == "open":
        flow.next = {False: 0, True: 0}


# ---- all ----

def begin(flow, p):
    """The state with which a flow begins."""
    flow.replied = p.inbound != flow.initiator
    flow.phase = None
    if p.protocol == TCP and tcp_event(p) != "SYN":
        pick_up(flow, p)
    elif p.protocol == TCP:
        flow.state = "tcp_syn_sent"
        flow.picked_up = False
        flow.early_fin = False
        flow.ignored = None
        tcp_begin(flow, p.inbound, tcp_end(p), p.seq, p.window, p.scale)
    elif p.protocol in (UDP, UDPLITE):
        flow.state = "udp_single"
    elif p.protocol in (ICMP, ICMPV6):
        flow.state = "icmp_query"
        flow.code = p.icmp_code
    elif p.protocol == SCTP:
        flow.phase = "init"
        flow.tags = {p.inbound: p.initiate_tag, not p.inbound: 0}
        flow.next = {False: 0, True: 0}
        flow.restarting = False
    elif p.protocol == DCCP:
        flow.phase = "request"
    else:
        flow.state = "other"
    if flow.phase is not None:
        flow.state = PHASES[flow.phase]


def permit(flow, p):
    """W3: what the state (the phase, of SCTP and DCCP) becomes by the packet; NEW; Dropped."""
    protocol = p.protocol
    if protocol == TCP:
        return tcp_permit(flow, p)
    if protocol == SCTP:
        return sctp_permit(flow, p)
    if protocol == DCCP:
        who = "I" if p.inbound == flow.initiator else "R"
        word = "-"
        if p.dccp_type < len(DCCP_EVENTS):
            word = DCCP_TABLE[flow.phase, who, DCCP_EVENTS[p.dccp_type]]
        if word == "-":
            raise Dropped("dccp_state")
        return flow.phase if word == "=" else word
    if protocol in (UDP, UDPLITE):
        return "udp_single" if p.inbound == flow.initiator and not flow.replied else "udp_pair"
    if protocol in (ICMP, ICMPV6) and p.inbound == flow.initiator and p.icmp_code != flow.code:
        raise Dropped("icmp_state")
    return flow.state


def move(flow, p, to, now):
    """The packet passed and permit() said 'to'."""
    old = flow.state
    kind = STATES[old][1]
    if p.protocol == TCP:
        tcp_keep(flow, p, to)
        flow.state = to
        refreshes = kind == "no SYN, RST" and not p.flags & (SYN | RST)
    elif p.protocol == SCTP:
        sctp_keep(flow, p, to)
        flow.phase = to
        flow.state = PHASES[to]
        refreshes = kind == "no INIT, ABORT" and p.chunk not in (1, 2, 6)
    elif p.protocol == DCCP:
        flow.phase = to
        flow.state = PHASES[to]
        refreshes = (kind == "no REQ, RESP, RST"
                     and DCCP_EVENTS[p.dccp_type] not in ("REQ", "RESP", "RST"))
    else:
        flow.state = to
        refreshes = False
    if p.inbound != flow.initiator:
        flow.replied = True
    if refreshes or kind == "all" or flow.state != old:
        flow.seen = now


def is_proven(flow):
    return flow.state in PROVEN or (flow.state in ("icmp_query", "other") and flow.replied)
