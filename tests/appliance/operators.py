# SPDX-License-Identifier: BSD-3-Clause
"""What the tests of the control socket share: policies good and bad, and daemons that answer."""

from frames import tcp_frame, udp_frame
from harness import INSIDE, Appliance, RpcError, approve, policy
from lab import CLIENT, SERVER
from tap import Failed, wait_until

WEB = approve("WEB", "inbound", "https", to="198.51.100.10")
GOOD = policy(WEB, name="good", revision=2)
OTHER = policy(WEB, approve("DNS", "outbound", "domain/udp"), name="other", revision=3)

FLOWS = 64

# Two mistakes, in two places.
BAD = policy(dict(WEB, direction="upward"), approve("X", "inbound", "htps"), name="bad")


def refused(function, *arguments):
    """The error that a call must end in."""
    try:
        got = function(*arguments)
    except RpcError as error:
        return error
    raise Failed(f"was answered: {got!r}")


def running(document=GOOD, **config):
    """An appliance whose daemon answers."""
    appliance = Appliance(document, **config)
    try:
        return appliance.start()
    except BaseException:
        appliance.__exit__()
        raise


def silent_flows(document, **config):
    """An appliance with FLOWS flows of UDP and one of TCP on which nothing moves any more."""
    box = Appliance(document, **config)
    frames = [udp_frame(SERVER, 20000 + n, CLIENT, 9000 + n) for n in range(FLOWS)]
    frames.append(tcp_frame(SERVER, 30000, CLIENT, 5432, "S"))
    box.write_capture(INSIDE, [(0, frame) for frame in frames])
    try:
        box.start()
        wait_until(lambda: box.call("status")["flows"]["live"] == FLOWS + 1, "the flows")
    except BaseException:
        box.__exit__()
        raise
    return box
