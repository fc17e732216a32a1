"""The wire between the proxy and the sandbox: it forwards, and misbehaves on command as no HTTP server can.

A fault belongs to a pixel, or to a token, so that one program meets many faults at once: each in a destination of its
own, with its own backoff.
"""

import contextlib
import json
import re
import socket
import ssl
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.listener import Listener, http, read_request, reset


@dataclass
class Call:
    """One request of the proxy; times in Unix seconds. ``ended`` is when the proxy got its answer, or went away."""

    connection: socket.socket = field(repr=False)
    request: bytes = field(repr=False)
    forward: Callable[[], bytes] = field(repr=False)
    at: float
    pixel: str
    token: str
    ids: list[str]
    test_code: str | None
    ended: float | None = None


Fault = Callable[[Call], None]


def answer(status: str = "200 OK", body: bytes = b"<html>a gateway</html>", head: str = "") -> Fault:
    """Another server's answer in place of TikTok's."""
    return lambda call: call.connection.sendall(http(body, status, head))


def code(number: int, head: str = "", message: str = "words") -> Fault:
    """An answer of TikTok's with this code, over HTTP 200."""
    return answer(body=json.dumps({"code": number, "message": message, "request_id": "r"}).encode(), head=head)


def cut(call: Call) -> None:
    """Reset before TikTok heard anything."""
    reset(call.connection)


def cut_after_accept(call: Call) -> None:
    """TikTok takes the events, and its answer never arrives."""
    call.forward()
    reset(call.connection)


def hang(call: Call) -> None:
    """Silence, until the proxy gives up."""
    while call.connection.recv(65536):
        pass


def trickle(first: bytes, drop: bytes, pause: float = 0.2) -> Fault:
    """Writes ``first``, then ``drop`` again and again until the proxy gives up."""

    def talk(call: Call) -> None:
        call.connection.sendall(first)
        while True:
            call.connection.sendall(drop)
            time.sleep(pause)

    return talk


def large(size: int) -> Fault:
    """A body of that many bytes."""

    def talk(call: Call) -> None:
        call.connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n".encode())
        for _ in range(size // 65536):
            call.connection.sendall(bytes(65536))

    return talk


class Wire:
    """Listens before the sandbox at ``sandbox_port``. ``calls`` are all requests that arrived whole."""

    def __init__(self, sandbox_port: int, tls: ssl.SSLContext | None = None) -> None:
        self.calls: list[Call] = []
        self.sandbox_port = sandbox_port
        self._queues: dict[str, list[Fault]] = defaultdict(list)
        self._lasting: dict[str, Fault] = {}
        self._lock = threading.Lock()
        self._tls = tls
        self._listener = Listener(self._talk, tls)
        self.port = self._listener.port
        self.url = self._listener.url

    def misbehave(self, pixel: str, *faults: Fault) -> None:
        """The next calls of this pixel meet these faults, one each."""
        with self._lock:
            self._queues[pixel] += faults

    def always(self, pixel_or_token: str, fault: Fault) -> None:
        """All calls of this pixel, or with this token, meet the fault until ``mend``."""
        with self._lock:
            self._lasting[pixel_or_token] = fault

    def mend(self) -> None:
        """Forward everything again."""
        with self._lock:
            self._queues.clear()
            self._lasting.clear()

    def away(self) -> None:
        """Refuse all connections until ``back``."""
        self._listener.stop()

    def back(self, tls: ssl.SSLContext | None = None) -> None:
        """Listen again, on the same port; with another certificate if there is one."""
        self._listener = Listener(self._talk, tls or self._tls, self.port)

    def of(self, pixel: str) -> list[Call]:
        """This pixel's calls, in order."""
        return [call for call in list(self.calls) if call.pixel == pixel]

    def _talk(self, connection: socket.socket) -> None:
        while request := read_request(connection):
            call = self._read(connection, request)
            fault = self._fault(call)
            with self._lock:
                self.calls.append(call)
            try:
                if fault is None:
                    connection.sendall(call.forward())
                else:
                    fault(call)
            finally:
                call.ended = time.time()
            if fault is not None:
                return

    def _read(self, connection: socket.socket, request: bytes) -> Call:
        head, _, body = request.partition(b"\r\n\r\n")
        told = json.loads(body)
        found = re.search(rb"(?im)^access-token: *(\S*)", head)
        return Call(
            connection,
            request,
            lambda: self._forward(request),
            time.time(),
            told["event_source_id"],
            found[1].decode() if found else "",
            [item["event_id"] for item in told["data"]],
            told.get("test_event_code"),
        )

    def _fault(self, call: Call) -> Fault | None:
        with self._lock:
            if self._queues[call.pixel]:
                return self._queues[call.pixel].pop(0)
            return self._lasting.get(call.pixel) or self._lasting.get(call.token)

    def _forward(self, request: bytes) -> bytes:
        """The sandbox's answer, fit for a connection that stays open."""
        once = re.sub(rb"(?im)^connection: *[^\r\n]*", b"Connection: close", request, count=1)
        read = b""
        with socket.create_connection(("127.0.0.1", self.sandbox_port), 30) as sandbox:
            sandbox.sendall(once)
            while part := sandbox.recv(65536):
                read += part
        return re.sub(rb"(?im)^connection: *close\r\n", b"", read, count=1)

    def stop(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.stop()
