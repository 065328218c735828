# SPDX-License-Identifier: BSD-3-Clause
"""What the tests of the control socket share: policies good and bad, and a daemon that answers."""

from harness import Appliance, RpcError, approve, policy
from tap import Failed

WEB = approve("WEB", "inbound", "https", to="198.51.100.10")
GOOD = policy(WEB, name="good", revision=2)
OTHER = policy(WEB, approve("DNS", "outbound", "domain/udp"), name="other", revision=3)

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
