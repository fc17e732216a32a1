"""WSGI apps on waitress, stopped in order: no new requests, those under way finished, then closed.

waitress reads a whole request before it takes a thread, so that slow clients hold nothing up. What it would put in
temporary files stays in memory here, since a body may hold raw personal data.
"""

import io
import re
import threading
import time
from typing import Any

from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.server import TcpWSGIServer
from waitress.task import ThreadedTaskDispatcher

MOST_KEPT = 8 * 1024 * 1024  # more than any door takes; see _Kept
MOST_READ = 64 * 1024 * 1024
THREADS = 32
CONNECTIONS = 2_000
FINISH_SECONDS = 1.5
# Smaller answers are sent by the server's thread once they are whole. By default each worker sends its own, and while
# it waits for Python's lock in the middle of that, the server's thread finds the connection writable but in other
# hands, and spins: at 128 connections that took nine tenths of the speed.
SENT_TOGETHER = 64 * 1024
_REQUEST_LINE = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+ (?:/|https?://[^/])[^\0-\x20\x7f]* HTTP/1\.[01]\r\n")


class Server:
    """One app on one address, served by threads of its own from ``start`` to ``stop``."""

    def __init__(
        self, app: Any, host: str, port: int, threads: int = THREADS, finish_seconds: float = FINISH_SECONDS
    ) -> None:
        self._finish_seconds = finish_seconds
        self._map: dict[int, Any] = {}
        adjustments = Adjustments(
            host=host,
            port=port,
            threads=threads,
            connection_limit=CONNECTIONS,
            asyncore_use_poll=True,
            max_request_body_size=MOST_READ,
            inbuf_overflow=MOST_READ + 1,
            # The doors read forwarding headers themselves, by their own trusted_hops.
            clear_untrusted_proxy_headers=False,
            ident=None,
        )
        # Not an argument: there waitress warns that a later version will have it no more.
        adjustments.send_bytes = SENT_TOGETHER
        self._tasks = ThreadedTaskDispatcher()
        self._tasks.set_thread_count(threads)
        self._listeners = [
            _Listener(app, self._map, dispatcher=self._tasks, adj=adjustments, sockinfo=address)
            for address in adjustments.listen
        ]
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"server-{port}", daemon=True)

    def start(self) -> None:
        """Answer requests from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Take no more connections, finish what is under way for at most ``finish_seconds``, then close."""
        self._stopping.set()
        for listener in self._listeners:
            listener.pull_trigger()
        self._thread.join(self._finish_seconds + 1)
        self._tasks.shutdown(cancel_pending=True, timeout=0.5)

    def _run(self) -> None:
        while not self._stopping.is_set():
            wasyncore.loop(timeout=1.0, use_poll=True, map=self._map, count=1)
        for listener in self._listeners:
            listener.accepting = False
        until = time.monotonic() + self._finish_seconds
        while self._busy() and time.monotonic() < until:
            wasyncore.loop(timeout=0.05, use_poll=True, map=self._map, count=1)
        for listener in self._listeners:
            listener.let_go_of_trigger()
        for channel in list(self._map.values()):
            channel.close()

    def _busy(self) -> bool:
        channels = [channel for listener in self._listeners for channel in listener.active_channels.values()]
        return any(channel.requests or channel.total_outbufs_len for channel in channels)


class _Kept:
    """A body in memory, of which only the first ``MOST_KEPT`` bytes are kept.

    A larger one is read to its end and thrown away, so that its sender gets the door's own answer instead of a
    connection reset; the door refuses it by its length and never reads it.
    """

    def __init__(self) -> None:
        self._file = io.BytesIO()
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def append(self, data: bytes) -> None:
        if self._length < MOST_KEPT:
            self._file.write(data)
        self._length += len(data)

    def getfile(self) -> io.BytesIO:
        self._file.seek(0)
        return self._file

    def close(self) -> None:
        self._file.close()


class _Parser(HTTPRequestParser):  # type: ignore[misc]
    """waitress's own, but strict where another server in front might see other requests in the same bytes."""

    def parse_header(self, header_plus: bytes) -> None:
        if not _REQUEST_LINE.match(header_plus):
            raise ParsingError("The request line cannot be understood")
        try:
            super().parse_header(header_plus)
        except ValueError:  # a number of thousands of digits, an address that is none
            raise ParsingError("The request cannot be understood") from None
        if self.chunked and "CONTENT_LENGTH" in self.headers:
            raise ParsingError("Content-Length and Transfer-Encoding exclude each other")
        if "TRANSFER_ENCODING" in self.headers:  # waitress takes it away where it obeys it
            raise ParsingError("HTTP/1.0 has no Transfer-Encoding")
        if self.body_rcv is not None:
            self.body_rcv.buf = _Kept()


class _Channel(HTTPChannel):  # type: ignore[misc]
    parser_class = _Parser


class _Listener(TcpWSGIServer):  # type: ignore[misc]
    """Its trigger is a pipe that wakes the server's thread. Once that has closed it, the pipe's number may be another
    file's, the outbox's for one: a worker that ends later must not write there."""

    channel_class = _Channel

    def __init__(self, *args: Any, **settings: Any) -> None:
        self._pulling = threading.Lock()
        self._has_trigger = True
        super().__init__(*args, **settings)

    def pull_trigger(self) -> None:
        with self._pulling:
            if self._has_trigger:
                super().pull_trigger()

    def let_go_of_trigger(self) -> None:
        """Nobody pulls it from now on."""
        with self._pulling:
            self._has_trigger = False
