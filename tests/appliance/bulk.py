# SPDX-License-Identifier: BSD-3-Clause
"""TCP between the hosts of a lab: connections, and much data on many of them at once."""

import contextlib
import random
import socket
import threading

from harness import INSIDE, OUTSIDE, PATIENCE
from tap import Failed, check

BLOCK = random.Random(5).randbytes(1 << 20)


def family_of(address):
    """The socket family of an address."""
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def all_at_once(*calls):
    """Runs functions (with their arguments) side by side; fails with the first that fails."""
    failures = []

    def attempt(function, arguments):
        try:
            function(*arguments)
        except Exception as failure:  # told below, by the thread that may tell
            failures.append(failure)

    threads = [threading.Thread(target=attempt, args=(call[0], call[1:])) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def listener(lab, side, address, port, options=()):
    """A listening socket; 'options' are (level, name, value)."""
    with lab.at(side):
        end = socket.socket(family_of(address), socket.SOCK_STREAM)
    end.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    for option in options:
        end.setsockopt(*option)
    end.bind((address, port))
    end.listen(64)
    end.settimeout(PATIENCE)
    return end


def dial(lab, side, source, destination, port, source_port=0, options=()):
    """A connection from 'side'."""
    with lab.at(side):
        end = socket.socket(family_of(source), socket.SOCK_STREAM)
    try:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        for option in options:
            end.setsockopt(*option)
        end.settimeout(PATIENCE)
        end.bind((source, source_port))
        end.connect((destination, port))
    except BaseException:
        end.close()
        raise
    return end


@contextlib.contextmanager
def connection(lab, client, server, port, *, source_port=0, options=(), server_side=INSIDE):
    """Both ends (client's, server's) of a connection to a server of 'server_side'."""
    client_side = OUTSIDE if server_side == INSIDE else INSIDE
    with listener(lab, server_side, server, port, options) as listening:
        with dial(lab, client_side, client, server, port, source_port, options) as one:
            other, _ = listening.accept()
            with other:
                other.settimeout(PATIENCE)
                yield one, other


def send_blocks(end, count):
    """Sends so many blocks, and that there are no more."""
    for _ in range(count):
        end.sendall(BLOCK)
    end.shutdown(socket.SHUT_WR)


def receive_blocks(end, count):
    """Receives so many blocks and the end; all of them must be right."""
    data = bytearray(len(BLOCK))
    for number in range(count):
        receive_exactly(end, data)
        check(data == BLOCK, f"block {number} is another")
    check(end.recv(1) == b"", f"more than {count} blocks came")


def receive_exactly(end, data):
    """Fills a buffer."""
    view = memoryview(data)
    while view:
        length = end.recv_into(view)
        if length == 0:
            raise Failed(f"the stream ended {len(view)} bytes early")
        view = view[length:]


def flood(lab, client, server, port, count, upload=False, options=()):
    """So many blocks over a connection of their own, from the server unless 'upload'."""
    with connection(lab, client, server, port, options=options) as ends:
        sender, receiver = ends if upload else ends[::-1]
        all_at_once((send_blocks, sender, count), (receive_blocks, receiver, count))
