#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""ppsfwd between two hosts with real programs on them: curl, nc, ping, and sockets.

    test_live.py PPSFWD PPSFW SOURCE_ROOT

All tests share one lab (lab.py) with a policy that approves https to one server, and little else.
"""

import http.server
import os
import shutil
import socket
import ssl
import threading

from harness import FAILED, INSIDE, OK, OPEN_LINK, OUTSIDE, Appliance, approve, policy
from lab import BOX, CLIENT, CLIENT6, SERVER, SERVER6, Lab, need_root
from tap import check, check_equal, check_in, main, skip, test, wait_until

POLICY = policy(
    approve("WEB", "inbound", "https/tcp", to=[SERVER, SERVER6], log="flows"),
    approve("PING", "inbound", protocol="icmp", icmp={"type": 8}, to=SERVER),
    approve("PING6", "inbound", protocol="icmpv6", icmp={"type": 128}, to=SERVER6),
    approve("DNS", "outbound", "domain/udp", source=SERVER),
    name="live", link=dict(OPEN_LINK, vlans="none"),
    banned=[{"id": "BAN", "service": "telnet", "reason": "clear text"}])

PAGE = b"it came through\n"
TIMEOUT = "1"  # seconds after which a program that gets no answer gives up


class Page(http.server.BaseHTTPRequestHandler):
    """One page."""

    def do_GET(self):  # pylint: disable=invalid-name
        """Answers."""
        self.send_response(200)
        self.send_header("Content-Length", str(len(PAGE)))
        self.end_headers()
        self.wfile.write(PAGE)

    def log_message(self, *_):  # pylint: disable=arguments-differ
        """Says nothing."""


class Server6(http.server.ThreadingHTTPServer):
    """The same on IPv6."""

    address_family = socket.AF_INET6


def listen(lab, place, address, port):
    """A TCP server that echoes whatever comes."""
    with lab.at(place):
        listener = socket.create_server((address, port), backlog=64, family=(
            socket.AF_INET6 if ":" in address else socket.AF_INET))

    def echo(connection):
        with connection:
            try:
                while data := connection.recv(65536):
                    connection.sendall(data)
            except OSError:
                pass

    def serve():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=echo, args=(connection,), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    return listener


class Live:
    """The lab, the box and the servers; made when the first test asks for them."""

    def __init__(self):
        self.lab = self.box = None
        self.why_not = None

    def __call__(self):
        need_root()
        if self.lab is None:
            self.lab = Lab().__enter__()
            self.box = self.lab.appliance(POLICY).start()
            self._serve_pages()
            for place, address in ((INSIDE, SERVER), (INSIDE, SERVER6), (OUTSIDE, CLIENT),
                                   (OUTSIDE, CLIENT6)):
                for port in (22, 80, 8080) + ((443,) if place == OUTSIDE else ()):
                    listen(self.lab, place, address, port)
        return self.lab, self.box

    def _serve_pages(self):
        self.lab.run(INSIDE, "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                     "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=live",
                     "-keyout", self.box.path("key.pem"), "-out", self.box.path("cert.pem"))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.box.path("cert.pem"), self.box.path("key.pem"))
        for kind, address in ((http.server.ThreadingHTTPServer, SERVER), (Server6, SERVER6)):
            with self.lab.at(INSIDE):
                server = kind((address, 443), Page)
            server.socket = context.wrap_socket(server.socket, server_side=True,
                                                do_handshake_on_connect=False)
            threading.Thread(target=server.serve_forever, daemon=True).start()

    def close(self):
        """Takes everything down."""
        if self.box is not None:
            self.box.__exit__()
        if self.lab is not None:
            self.lab.__exit__()


live = Live()


def need(program):
    """Skips without a program."""
    if shutil.which(program) is None:
        skip(f"needs {program}")


def bracketed(address):
    """An address as it stands in a URL or before a port."""
    return f"[{address}]" if ":" in address else address


def curl(lab, address, *words):
    """Fetches the page from outside."""
    need("curl")
    return lab.run(OUTSIDE, "curl", "-ksS", "--noproxy", "*", "--max-time", "20", *words,
                   f"https://{bracketed(address)}/", check=False)


def nc(lab, place, address, port, *words):
    """Can nc connect?"""
    need("nc")
    return lab.run(place, "nc", "-z", "-w", TIMEOUT, *words, address, str(port),
                   check=False).returncode == 0


def connect(lab, place, address, port, timeout=float(TIMEOUT)):
    """A connection across the wire."""
    with lab.at(place):
        return socket.create_connection((address, port), timeout)


def drops(box):
    """What was dropped so far, by reason."""
    return {drop["reason"]: drop["count"] for drop in box.ask("show", "drops")["drops"]}


# ---- what works and what does not ----

@test
def curl_fetches_a_page_from_the_approved_server():
    lab, box = live()
    for address in (SERVER, SERVER6):
        done = curl(lab, address)
        check_equal((address, done.returncode, done.stdout), (address, 0, PAGE))
    check(box.call("status")["packets"]["passed"] > 20, "it did not pass here")


@test
def a_large_download_crosses_whole():
    lab, _ = live()
    with lab.at(INSIDE):
        listener = socket.create_server((SERVER, 8443))
    with listener:
        box = live.box
        box.load(dict(POLICY, approved=POLICY["approved"] + [
            approve("BULK", "inbound", protocol="tcp", ports=8443, to=SERVER)]))
        wanted, got = bytes(range(256)) * 65536, bytearray()
        with connect(lab, OUTSIDE, SERVER, 8443, 20) as client:
            server, _ = listener.accept()

            def send_all():
                with server:
                    server.sendall(wanted)
            sender = threading.Thread(target=send_all)
            sender.start()
            while data := client.recv(1 << 20):
                got += data
            sender.join()
        check(bytes(got) == wanted, f"{len(got)} bytes of {len(wanted)}, or others")
        box.load(POLICY)


@test
def nc_to_any_other_port_gets_nowhere_in_either_direction():
    lab, box = live()
    check(nc(lab, OUTSIDE, SERVER, 443), "nc to https should get through")
    before = drops(box).get("not_approved", 0)
    for place, address, port in ((OUTSIDE, SERVER, 22), (OUTSIDE, SERVER, 8080),
                                 (OUTSIDE, SERVER6, 22), (INSIDE, CLIENT, 443),
                                 (INSIDE, CLIENT, 22), (INSIDE, CLIENT6, 443)):
        check(not nc(lab, place, address, port), (place, address, port))
    check(drops(box)["not_approved"] >= before + 6, drops(box))


@test
def the_servers_that_nc_could_not_reach_were_there():
    # Else the test above would hold for nothing.
    lab, box = live()
    box.load(policy(approve("ALL"), link=OPEN_LINK))
    for place, address, port in ((OUTSIDE, SERVER, 22), (OUTSIDE, SERVER, 8080),
                                 (OUTSIDE, SERVER6, 22), (INSIDE, CLIENT, 443),
                                 (INSIDE, CLIENT, 22), (INSIDE, CLIENT6, 443)):
        check(nc(lab, place, address, port), (place, address, port))
    box.load(POLICY)


@test
def ping_works_from_outside_alone():
    lab, _ = live()
    need("ping")
    for place, address, works in ((OUTSIDE, SERVER, True), (OUTSIDE, SERVER6, True),
                                  (INSIDE, CLIENT, False), (INSIDE, CLIENT6, False)):
        done = lab.run(place, "ping", "-n", "-c", "1", "-W", TIMEOUT, address, check=False)
        check_equal((place, address, done.returncode == 0), (place, address, works))


# ---- what operators see ----

@test
def an_open_connection_shows_as_a_flow_and_in_the_events():
    lab, box = live()
    with connect(lab, OUTSIDE, SERVER, 443) as client:
        port = client.getsockname()[1]
        flows = box.ask("show", "flows", "port", str(port))["flows"]
        check_equal([(flow["direction"], flow["protocol"], flow["source"], flow["source_port"],
                      flow["destination"], flow["destination_port"], flow["rule"])
                     for flow in flows],
                    [("inbound", "tcp", CLIENT, port, SERVER, 443, "WEB")])
        wait_until(lambda: box.ask("show", "flows", "port", str(port), "state",
                                   "tcp_established")["matched"] == 1, "the handshake")
        check_in(f"{CLIENT}:{port}", box.cli("show", "flows").out)
        events = box.ask("events", "event", "flow_start", "source_port", str(port))["events"]
        check_equal([event["rule"] for event in events], ["WEB"])


@test
def a_denied_packet_shows_in_the_drops_and_in_the_events():
    lab, box = live()
    with lab.at(OUTSIDE):
        stranger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with stranger:
        stranger.bind((CLIENT, 0))
        port = stranger.getsockname()[1]
        before = drops(box).get("not_approved", 0)
        stranger.sendto(b"let me in", (SERVER, 69))
        wait_until(lambda: drops(box).get("not_approved", 0) > before, "the drop")
        check_in("not_approved", box.cli("show", "drops").out)

        def told():
            return box.ask("events", "event", "deny", "source_port", str(port))["events"]
        wait_until(told, "the event")
        check_equal([(event["reason"], event["direction"], event["protocol"], event["source"],
                      event["destination"], event["destination_port"], event["count"])
                     for event in told()],
                    [("not_approved", "inbound", "udp", CLIENT, SERVER, 69, 1)])


@test
def a_ban_is_named_in_the_event():
    lab, box = live()
    check(not nc(lab, OUTSIDE, SERVER, 23), "telnet got through")
    wait_until(lambda: box.ask("events", "event", "deny", "reason", "banned")["events"], "it")
    event = box.ask("events", "event", "deny", "reason", "banned")["events"][-1]
    check_equal((event["rule"], event["destination_port"]), ("BAN", 23))


@test
def a_finished_connection_is_told_with_what_it_carried():
    lab, box = live()
    client = connect(lab, OUTSIDE, SERVER6, 443)
    port = client.getsockname()[1]
    client.close()

    def state():
        flows = box.ask("show", "flows", "port", str(port))["flows"]
        return flows[0]["state"] if flows else None
    wait_until(lambda: state() in ("tcp_closing", "tcp_closed"), "the end of the connection")
    result = box.cli("kill", "flows", "port", str(port))
    check_equal(result.code, OK)
    event, = box.ask("events", "event", "flow_end", "source_port", str(port))["events"]
    check_equal((event["end"], event["source"], event["rule"]), ("killed", CLIENT6, "WEB"))
    check(event["packets"]["initiator"] >= 3 and event["packets"]["responder"] >= 2, event)


@test
def a_killed_flow_is_a_dead_connection():
    lab, box = live()
    box.load(dict(POLICY, approved=POLICY["approved"] + [
        approve("ECHO", "inbound", protocol="tcp", ports=8080, to=SERVER)]))
    with connect(lab, OUTSIDE, SERVER, 8080) as client, \
            connect(lab, OUTSIDE, SERVER, 8080) as other:
        for one in (client, other):
            one.sendall(b"echo")
            check_equal(one.recv(10), b"echo")
        port = client.getsockname()[1]
        check_equal(box.call("kill_flows", {"filter": {"source_port": port}}), {"killed": 1})
        before = drops(box).get("tcp_not_syn", 0)
        client.sendall(b"anybody?")
        wait_until(lambda: drops(box).get("tcp_not_syn", 0) > before, "the drop")
        try:
            check(False, f"{client.recv(10)!r} came through")
        except TimeoutError:
            pass
        other.sendall(b"still")
        check_equal(other.recv(10), b"still")
    box.load(POLICY)


@test
def a_connection_that_a_new_policy_does_not_permit_is_cut_and_others_go_on():
    lab, box = live()
    both = dict(POLICY, approved=POLICY["approved"] + [
        approve("A", "inbound", protocol="tcp", ports=8080, to=SERVER),
        approve("B", "inbound", protocol="tcp", ports=80, to=[SERVER, SERVER6])])
    box.load(both)
    with connect(lab, OUTSIDE, SERVER, 8080) as cut, connect(lab, OUTSIDE, SERVER, 80) as kept, \
            connect(lab, OUTSIDE, SERVER6, 80) as kept6:
        for one in (cut, kept, kept6):
            one.sendall(b"echo")
            check_equal(one.recv(10), b"echo")
        answer = box.load(dict(both, approved=POLICY["approved"] + both["approved"][-1:]))
        check_equal((answer["flows"]["cut"] >= 1, answer["flows"]["kept"] >= 2), (True, True))
        for one in (kept, kept6):
            one.sendall(b"still")
            check_equal(one.recv(10), b"still")
        cut.sendall(b"anybody?")
        try:
            check(False, f"{cut.recv(10)!r} came through")
        except TimeoutError:
            pass
    box.load(POLICY)


@test
def a_load_from_the_command_line_changes_what_curl_may():
    lab, box = live()
    result = box.cli("load", box.write("closed.json", policy(name="closed", link=OPEN_LINK)))
    check_equal((result.code, result.err), (OK, ""))
    check(curl(lab, SERVER, "--connect-timeout", TIMEOUT).returncode != 0, "curl got through")
    check_equal(box.cli("load", box.write("live.json", POLICY)).code, OK)
    check_equal(curl(lab, SERVER).stdout, PAGE)
    check_equal(box.cli("load", box.write("bad.json", "{")).code, FAILED)
    check_equal(curl(lab, SERVER).stdout, PAGE)


# ---- explain ----

# direction, protocol, source, destination and port, the verdict
TUPLES = [
    ("inbound", "tcp", CLIENT, SERVER, 443, "pass"),
    ("inbound", "tcp", CLIENT6, SERVER6, 443, "pass"),
    ("inbound", "tcp", CLIENT, SERVER, 22, "drop"),
    ("inbound", "tcp", CLIENT, SERVER, 23, "drop"),
    ("inbound", "tcp", CLIENT6, SERVER6, 8080, "drop"),
    ("outbound", "tcp", SERVER, CLIENT, 443, "drop"),
    ("outbound", "tcp", SERVER6, CLIENT6, 22, "drop"),
    ("outbound", "udp", SERVER, CLIENT, 53, "pass"),
    ("outbound", "udp", SERVER6, CLIENT6, 53, "drop"),
    ("outbound", "udp", SERVER, CLIENT, 54, "drop"),
    ("inbound", "udp", CLIENT, SERVER, 443, "drop"),
    ("inbound", "udp", CLIENT6, SERVER6, 53, "drop"),
]


def happens(lab, direction, protocol, source, destination, port):
    """Tries it; what became of it."""
    here, there = (OUTSIDE, INSIDE) if direction == "inbound" else (INSIDE, OUTSIDE)
    if protocol == "tcp":
        try:
            connect(lab, here, destination, port, 0.3).close()
            return "pass"
        except TimeoutError:
            return "drop"
    family = socket.AF_INET6 if ":" in source else socket.AF_INET
    with lab.at(there):
        receiver = socket.socket(family, socket.SOCK_DGRAM)
    with lab.at(here):
        sender = socket.socket(family, socket.SOCK_DGRAM)
    with receiver, sender:
        receiver.bind((destination, port))
        receiver.settimeout(0.3)
        sender.bind((source, 0))
        sender.sendto(b"hello", (destination, port))
        try:
            return "pass" if receiver.recv(100) == b"hello" else "?"
        except TimeoutError:
            return "drop"


@test
def explain_says_what_then_happens():
    lab, box = live()
    for direction, protocol, source, destination, port, verdict in TUPLES:
        answer = box.ask("explain", direction, protocol, f"{bracketed(source)}:50000",
                         f"{bracketed(destination)}:{port}")
        tried = (direction, protocol, source, destination, port)
        check_equal((tried, answer["verdict"], happens(lab, *tried)), (tried, verdict, verdict))
    check_equal(box.ask("explain", "inbound", "tcp", f"{CLIENT}:50000", f"{SERVER}:443")["rule"]
                ["id"], "WEB")
    check_equal(box.ask("explain", "inbound", "tcp", f"{CLIENT}:50000", f"{SERVER}:23")["reason"],
                "banned")


@test
def explain_knows_the_live_flow_that_a_packet_belongs_to():
    lab, box = live()
    with connect(lab, OUTSIDE, SERVER, 443) as client:
        port = client.getsockname()[1]
        wait_until(lambda: box.ask("show", "flows", "port", str(port), "state",
                                   "tcp_established")["matched"] == 1, "the handshake")
        question = {"direction": "outbound", "protocol": "tcp", "source": SERVER,
                    "source_port": 443, "destination": CLIENT, "destination_port": port,
                    "tcp_flags": "ack"}
        answer = box.call("explain", question)
        check_equal((answer["verdict"], answer["flow"]["rule"], answer["flow"]["source_port"]),
                    ("pass", "WEB", port))
        for flags in ("syn", "syn-ack", "fin-ack", "rst"):
            answer = box.call("explain", dict(question, tcp_flags=flags))
            check_equal((flags, answer["verdict"], answer["flow"]["state"]),
                        (flags, "pass", "tcp_established"))
        answer = box.call("explain", dict(question, destination_port=1))
        check_equal((answer["verdict"], answer["reason"]), ("drop", "tcp_not_syn"))


# ---- the link and the wire itself ----

def capture(lab, place, count):
    """A raw socket that hears every frame of a host."""
    with lab.at(place):
        ears = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    ears.bind(("eth0", 3))
    ears.settimeout(count)
    return ears


@test
def frames_cross_byte_for_byte_or_not_at_all():
    lab, box = live()
    with capture(lab, INSIDE, 5) as inside, capture(lab, OUTSIDE, 5) as outside:
        mac = inside.getsockname()[4]
        wanted = mac + outside.getsockname()[4] + b"\x08\x06" + bytes.fromhex(
            "0001080006040001") + outside.getsockname()[4] + socket.inet_aton(CLIENT) + \
            bytes(6) + socket.inet_aton(SERVER) + bytes(range(18))
        unlisted = wanted[:12] + b"\x88\xb5" + wanted[14:]
        before = drops(box).get("ethertype_denied", 0)
        outside.send(unlisted)
        outside.send(wanted)
        while (frame := inside.recv(2048)) != wanted:
            check(frame != unlisted, "an ethertype that is not listed came through")
        check_equal(drops(box)["ethertype_denied"], before + 1)


@test
def a_port_that_goes_down_stops_nothing_but_itself():
    # net_af_packet reports its link as up whatever happens, so nothing can be mirrored; what it
    # must not do is end the daemon, or keep the wire closed when the cable is back.
    lab, box = live()
    check_equal(box.call("status")["segments"][0]["inside"]["driver"], "net_af_packet")
    lab.run(BOX, "ip", "link", "set", "in0", "down")
    try:
        check(not nc(lab, OUTSIDE, SERVER, 443), "nc got through a cable that is cut")
        check_equal(box.call("status")["workers"][0]["stalled"], False)
        events = box.ask("events", "event", "link_down")["events"]
        check(all(event["port"] == "net_af_packet0" for event in events), events)
    finally:
        lab.run(BOX, "ip", "link", "set", "in0", "up")
    wait_until(lambda: nc(lab, OUTSIDE, SERVER, 443), "the cable", 30)


@test
def a_link_that_goes_down_takes_the_other_side_with_it_where_the_driver_can():
    need_root()
    if not os.path.exists("/dev/net/tun"):
        skip("needs /dev/net/tun")
    with Lab() as lab, Appliance(POLICY, vdevs=["net_tap0,iface=tap0", "net_tap1,iface=tap1"],
                                 prefix=lab.enter(BOX)) as box:
        box.start()
        with box.connect() as listener:
            def told(kind):
                events = []
                while len(events) < 2:
                    event = listener.receive()["params"]
                    if event["event"].startswith("link_"):
                        events.append((event["event"], event["port"], event["side"],
                                       event["mirrored"]))
                check_equal(events, [(kind, "net_tap0", "inside", False),
                                     (kind, "net_tap1", "outside", True)])

            def links():
                segment = box.call("status")["segments"][0]
                return segment["inside"]["link"], segment["outside"]["link"]

            check_equal(links(), ("up", "up"))
            listener.call("events", {"follow": True})
            lab.run(BOX, "ip", "link", "set", "tap0", "down")
            told("link_down")
            check_equal(links(), ("down", "down"))
            flags = lab.run(BOX, "ip", "link", "show", "tap1").stdout
            check(b",UP" not in flags, f"the system sees {flags}")
            lab.run(BOX, "ip", "link", "set", "tap0", "up")
            told("link_up")
            wait_until(lambda: links() == ("up", "up"), "both links")


@test
def when_the_daemon_ends_the_wire_is_closed_and_the_log_complete():
    lab, box = live()
    curl(lab, SERVER)
    check_equal(box.stop(), OK)
    check(not nc(lab, OUTSIDE, SERVER, 443), "nc got through without a daemon")
    events = box.events()
    check_equal(events[-1]["event"], "daemon_stop")
    check_equal([event["seq"] for event in events], list(range(1, len(events) + 1)))
    started = sum(event["event"] == "flow_start" for event in events)
    ended = sum(event["event"] == "flow_end" for event in events)
    check(started > 5 and started == ended, f"{started} flows started, {ended} ended")


try:
    main()
finally:
    live.close()
