# SPDX-License-Identifier: BSD-3-Clause
"""A daemon that answers what a test tells it to, on a unix socket of its own."""

import json
import os
import socket
import tempfile
import threading


class Refusal(Exception):
    """Raised by an answer: becomes a JSON-RPC error."""

    def __init__(self, code, message, data=None):
        super().__init__(message)
        self.error = {"code": code, "message": message}
        if data is not None:
            self.error["data"] = data


class FakeDaemon:
    """with FakeDaemon({"status": {...}}) as daemon: ... daemon.path, daemon.calls

    An answer is a value, or a function of the parameters. 'after' is called with the connection
    once an answer was sent. 'raw' replaces the answer by bytes; then the connection is closed.
    """

    def __init__(self, answers=None, raw=None, after=None):
        self.answers = answers or {}
        self.raw = raw
        self.after = after
        self.calls = []
        self.folder = tempfile.TemporaryDirectory()
        self.path = os.path.join(self.folder.name, "ppsfw.sock")
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(8)
        self.thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join(10)
        self.listener.close()
        self.folder.cleanup()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                try:
                    self._serve(connection)
                except OSError:
                    pass  # the program under test may go whenever it likes

    def _serve(self, connection):
        with connection.makefile("rb") as lines:
            for line in lines:
                request = json.loads(line)
                self.calls.append((request["method"], request.get("params")))
                if self.raw is not None:
                    connection.sendall(self.raw)
                    return
                connection.sendall(json.dumps(self._answer(request)).encode() + b"\n")
                if self.after is not None:
                    self.after(connection)

    def _answer(self, request):
        reply = {"jsonrpc": "2.0", "id": request["id"]}
        answer = self.answers.get(request["method"])
        try:
            reply["result"] = answer(request.get("params")) if callable(answer) else answer
        except Refusal as refusal:
            reply["error"] = refusal.error
        return reply


def notify(connection, params):
    """Sends one notification as pps_ctl_publish() does."""
    note = {"jsonrpc": "2.0", "method": "event", "params": params}
    connection.sendall(json.dumps(note).encode() + b"\n")
