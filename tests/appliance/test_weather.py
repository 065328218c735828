#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Real programs through ppsfwd and bad weather: nothing legitimate breaks, and nothing is dropped.

    PPSFW_WEATHER=PROGRAM test_weather.py PPSFWD PPSFW SOURCE_ROOT

Every test runs below a sky (road.py) that counts what it did, and ends by comparing the drops of
the box, by reason, with those before. PPSFW_LIVE_MIB says how much the largest transfer carries
over each of IPv4 and IPv6.
"""

import contextlib
import os
import socket
import subprocess

from bulk import BLOCK, all_at_once, connection, family_of, flood, receive_blocks, send_blocks
from harness import INSIDE, OPEN_LINK, OUTSIDE, PATIENCE, approve, policy
from lab import CLIENT, CLIENT6, SERVER, SERVER6
from road import CALM, FAMILIES, HOSTS, REORDERING, STORM, Shared, need, other, router
from tap import check, check_equal, check_in, check_not_in, main, skip, test, wait_until

SERVERS, CLIENTS = [SERVER, SERVER6], [CLIENT, CLIENT6]
POLICY = policy(
    approve("SSH", "inbound", "ssh/tcp", to=SERVERS),
    approve("WEB", "inbound", "https/tcp", to=SERVERS),
    approve("DNS", "outbound", ["domain/udp", "domain/tcp"], source=SERVERS, to=CLIENTS),
    approve("PING", protocol="icmp", icmp={"type": 8}),
    approve("PING6", protocol="icmpv6", icmp={"type": 128}),
    approve("BULK-IN", "inbound", protocol="tcp", ports="5000-5099", to=SERVERS),
    approve("BULK-OUT", "outbound", protocol="tcp", ports="5000-5099", to=CLIENTS),
    name="weather", link=dict(OPEN_LINK, vlans="none"))

MIB = int(os.environ.get("PPSFW_LIVE_MIB") or os.environ.get("PPSFW_LIVE_MIB_DEFAULT", "64"))
STREAMS = 4  # for each family

IP_MTU, IPV6_MTU = 14, 24

shared = Shared(POLICY)


@contextlib.contextmanager
def serving(road, side, *command, address, port, folder=None):
    """A server program on a host, from the moment it accepts connections."""
    need(command[0])
    with open(road.box.path(f"{command[0]}.log"), "ab") as log:
        process = subprocess.Popen(road.enter(side) + list(command), stdin=subprocess.DEVNULL,
                                   stdout=log, stderr=log, cwd=folder)
    try:
        def accepts():
            check_equal(process.poll(), None)
            with road.at(side):
                end = socket.socket(family_of(address))
            with end:
                return end.connect_ex((address, port)) == 0
        wait_until(accepts, command[0], PATIENCE)
        yield
    finally:
        process.kill()
        process.wait()


def run_long(road, side, *words, stdin=b""):
    """Runs a program that a storm may hold up; its standard output. It must succeed."""
    done = subprocess.run(road.enter(side) + list(words), input=stdin, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=3 * PATIENCE, check=False)
    check_equal((words, done.returncode, done.stderr if done.returncode else b""), (words, 0, b""))
    return done.stdout


def bracketed(address):
    """An address as it stands before a port or a path."""
    return f"[{address}]" if ":" in address else address


def counter(road, side, name):
    """A counter of a host's kernel: IPv4 and IPv6 have names of their own."""
    if name.startswith(("Ip6", "Icmp6")):
        lines = road.run(side, "cat", "/proc/net/snmp6").stdout.decode().splitlines()
        return int(dict(line.split() for line in lines)[name])
    kind, _, name = name.partition(" ")
    lines = road.run(side, "cat", "/proc/net/snmp").stdout.decode().splitlines()
    names, values = (line.split() for line in lines if line.startswith(kind + ":"))
    return int(values[names.index(name)])


# ---- TCP ----

def congestion_control(*wanted):
    """The first of these that the kernel has."""
    with socket.socket() as end:
        for name in wanted:
            try:
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, name.encode())
                return name
            except OSError:
                pass
    return skip(f"needs congestion control by {wanted[0]}")


def flood_both(road, mib, congestion):
    """So much over each family, half of it in each direction."""
    options = [(socket.IPPROTO_TCP, socket.TCP_CONGESTION, congestion.encode())]
    all_at_once(*[
        (flood, road, client, server, 5000 + 10 * number + stream, mib // STREAMS,
         stream % 2 == 0, options)
        for number, (client, server) in enumerate(FAMILIES) for stream in range(STREAMS)])


@test
def bulk_over_each_family_crosses_a_storm_whole():
    road = shared()
    with road.weather(**STORM) as sky:
        flood_both(road, MIB, congestion_control("bbr", "cubic"))
    rate = sky.lost / sky.frames
    print(f"# {sky.frames} frames, {sky.lost} lost ({rate:.1%}), {sky.overtaken} overtaken")
    check(sky.frames * 1500 > 4 * (MIB << 20), f"{sky.frames} frames")
    check(0.04 < rate < 0.06, f"{rate:.1%} were lost")


@test
def senders_of_every_kind_get_through_a_storm():
    road = shared()
    for name in ("cubic", "reno"):
        with road.weather(**STORM):
            flood_both(road, STREAMS, congestion_control(name))


# ---- path MTU ----

@contextlib.contextmanager
def narrow(road, side, mtu):
    """The way between the router and the host of a side takes less than any other."""
    def change(word, *more):
        for host in HOSTS[side]:
            width = "128" if ":" in host else "32"
            road.run(router(side), "ip", "route", word, f"{host}/{width}", "dev", "host", *more)
    change("add", "mtu", "lock", str(mtu))
    try:
        yield
    finally:
        change("del")
        for family in ("-4", "-6"):
            road.run(other(side), "ip", family, "route", "flush", "cache")


def too_big(road, side, address):
    """How many errors said to a host that its packets are too big."""
    return counter(road, side, "Icmp6InPktTooBigs" if ":" in address else "Icmp InDestUnreachs")


@test
def bulk_crosses_a_narrow_hop_because_its_icmp_errors_cross_the_box():
    road = shared()
    for side, upload in ((OUTSIDE, False), (INSIDE, True)):
        sender = other(side)
        for mtu, (client, server) in zip((1300, 1280), FAMILIES):
            told = too_big(road, sender, server)
            with narrow(road, side, mtu), road.weather(**STORM), \
                    connection(road, client, server, 5000) as ends:
                source, sink = ends if upload else ends[::-1]
                known = [(socket.IPPROTO_IPV6, IPV6_MTU)] if ":" in server else \
                    [(socket.IPPROTO_IP, IP_MTU)]
                check_equal(source.getsockopt(*known[0]), 1500)
                all_at_once((send_blocks, source, 8), (receive_blocks, sink, 8))
                check_equal(source.getsockopt(*known[0]), mtu)
            check(too_big(road, sender, server) > told, "no error was told")


@test
def a_ping_that_is_too_big_is_told_so_from_behind_the_box():
    road = shared()
    need("ping")
    for side in (OUTSIDE, INSIDE):
        sender = other(side)
        for address in HOSTS[side]:
            def ping(size, to=address, side=sender):
                return road.run(side, "ping", "-n", "-M", "do", "-c", "100", "-i", "0.01", "-W",
                                "1", "-s", size, to, check=False).stdout.decode()
            with narrow(road, side, 1380), road.weather(**dict(STORM, delay=50)):
                lines = ping("1400").splitlines()
                check(any("mtu" in line and "1380" in line for line in lines), lines)
                check_in(" 0 received", lines[-2])
                check_not_in(" 0 received", ping("1300"))


# ---- fragments ----

def keep_fragments(road):
    """The hosts wait for fragments that are lost until the tests are over, and tell nobody."""
    for side in (INSIDE, OUTSIDE):
        road.run(side, "sysctl", "-qw", "net.ipv4.ipfrag_time=3600",
                 "net.ipv6.ip6frag_time=3600")


def reassembled(road, side, address):
    """How many packets a host put together."""
    return counter(road, side, "Ip6ReasmOKs" if ":" in address else "Ip ReasmOKs")


@test
def large_pings_cross_weather_that_reorders():
    road = shared()
    need("ping")
    keep_fragments(road)
    for weather in (CALM, REORDERING):
        with road.weather(**weather):
            for side in (INSIDE, OUTSIDE):
                for address in HOSTS[other(side)]:
                    before = reassembled(road, side, address)
                    for size, count, interval in (("9000", 20, "0.01"), ("60000", 5, "0.1")):
                        done = road.run(side, "ping", "-n", "-q", "-c", str(count), "-i", interval,
                                        "-W", "10", "-s", size, address)
                        check_in(f" {count} received", done.stdout.decode())
                    check(reassembled(road, side, address) >= before + 25, "no fragments came")


# ---- DNS ----

LARGE = ["%d-" % number + "x" * 240 for number in range(12)]


@test
def dns_answers_come_over_udp_in_fragments_and_over_tcp():
    road = shared()
    need("dig")
    keep_fragments(road)
    with serving(road, OUTSIDE, "dnsmasq", "-k", "-C", "/dev/null", "-u", "root", "-g", "root",
                 "-p", "53", "-R", "-h", "--bind-interfaces", "--pid-file=",
                 "--edns-packet-max=4096",
                 f"--listen-address={CLIENT},{CLIENT6}", "--address=/small.test/198.51.100.77",
                 "--txt-record=large.test," + ",".join(LARGE), address=CLIENT, port=53), \
            road.weather(may_drop=("fragment_no_first", "fragment_duplicate"), **STORM):
        for address in CLIENTS:
            def dig(name, kind, *words, server=address):
                lines = run_long(road, INSIDE, "dig", f"@{server}", name, kind, "+short", *words)
                return [line for line in lines.decode().splitlines() if line[0] != ";"]
            check_equal(dig("small.test", "A", "+tries=30", "+timeout=1"), ["198.51.100.77"])
            wanted = [" ".join(f'"{text}"' for text in LARGE)]
            before = reassembled(road, INSIDE, address)
            check_equal(dig("large.test", "TXT", "+bufsize=4096", "+ignore", "+notcp",
                            "+tries=100", "+timeout=1"), wanted)
            check(reassembled(road, INSIDE, address) > before, "the answer came in one piece")
            check_equal(dig("large.test", "TXT", "+tcp", "+tries=5", "+timeout=20"), wanted)


# ---- TLS ----

@test
def tls_carries_a_file_through_a_storm():
    road = shared()
    need("openssl")
    road.run(INSIDE, "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
             "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=weather",
             "-keyout", road.box.path("key.pem"), "-out", road.box.path("cert.pem"))
    with open(road.box.path("file"), "wb") as file:
        file.write(BLOCK * 4)
    for client, server in FAMILIES:
        with serving(road, INSIDE, "openssl", "s_server", "-accept", f"{bracketed(server)}:443",
                     "-key", road.box.path("key.pem"), "-cert", road.box.path("cert.pem"), "-WWW",
                     address=server, port=443, folder=road.box.folder), road.weather(**STORM):
            for version in ("-tls1_2", "-tls1_3"):
                got = run_long(road, OUTSIDE, "openssl", "s_client", "-connect",
                               f"{bracketed(server)}:443", "-bind", f"{bracketed(client)}:0",
                               "-quiet", version, "-CAfile",
                               road.box.path("cert.pem"), "-verify_return_error",
                               stdin=b"GET /file HTTP/1.0\r\n\r\n")
                check(got.endswith(b"\r\n\r\n" + BLOCK * 4), f"{len(got)} bytes came")


# ---- SSH ----

SSHD = """
AuthorizedKeysFile {folder}/ssh_key.pub
HostKey {folder}/ssh_host_key
ListenAddress 0.0.0.0
ListenAddress ::
PasswordAuthentication no
PermitRootLogin prohibit-password
PidFile none
StrictModes no
Subsystem sftp internal-sftp
UsePAM no
"""


@test
def ssh_sessions_and_scp_go_through_a_storm():
    road = shared()
    need("ssh", "scp", "ssh-keygen", "sshd", "unshare")
    folder = road.box.folder
    for name in ("ssh_key", "ssh_host_key"):
        road.run(INSIDE, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{folder}/{name}")
    road.box.write("sshd_config", SSHD.format(folder=folder))
    with open(road.box.path("upload"), "wb") as file:
        file.write(BLOCK * 4)
    # sshd wants a folder in /run, which it gets for itself alone.
    with serving(road, INSIDE, "unshare", "--mount", "sh", "-c",
                 "mount -t tmpfs none /run && mkdir -m 755 /run/sshd && "
                 f"exec /usr/sbin/sshd -D -e -f {folder}/sshd_config",
                 address=SERVER, port=22), road.weather(**STORM):
        for client, server in FAMILIES:
            options = ["-i", f"{folder}/ssh_key", "-o", "BatchMode=yes", "-o",
                       "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o",
                       "LogLevel=ERROR", "-o", f"BindAddress={client}"]
            check(run_long(road, OUTSIDE, "ssh", "-F", "none", *options, f"root@{server}", "cat",
                           stdin=BLOCK) == BLOCK, "the session said something else")
            remote = f"root@{bracketed(server)}:{folder}"
            run_long(road, OUTSIDE, "scp", "-F", "none", *options, f"{folder}/upload",
                     f"{remote}/stored")
            run_long(road, OUTSIDE, "scp", "-F", "none", *options, f"{remote}/stored",
                     f"{folder}/download")
            with open(f"{folder}/download", "rb") as file:
                check(file.read() == BLOCK * 4, "the file is another")
            os.remove(f"{folder}/stored")
            os.remove(f"{folder}/download")


try:
    main()
finally:
    shared.close()
