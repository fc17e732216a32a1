"""``pixelpair serve`` on either server, spoken to byte by byte: what no HTTP client would send."""

import hashlib
import re
import socket
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import requests

from tests.program import CEILING, PIXEL, Running, free_ports, wait_for

SERVERS = {"waitress": (), "granian": ("--server", "granian", "--workers", "2")}
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})")


class Served:
    """One proxy whose events go nowhere; what it has stored is read from its file."""

    def __init__(self, folder: Path, port: int, running: Running) -> None:
        self.address = ("127.0.0.1", port)
        self.running = running
        self._database = folder / "var" / "pixelpair.db"

    def answers(self) -> bool:
        """Does it still take a report, as from a shop's page?"""
        return statuses(self.say(report("alive" + str(time.monotonic_ns())))) == [202]

    def say(self, data: bytes, patience: float = CEILING) -> bytes:
        """Send ``data``, and hang up once nothing has come back for ``patience`` seconds: all that was heard."""
        heard = b""
        with socket.create_connection(self.address, timeout=patience) as connection, suppress(ConnectionError):
            connection.sendall(data)
            with suppress(TimeoutError):
                while more := connection.recv(65_536):
                    heard += more
                return heard
            connection.settimeout(CEILING)
            connection.shutdown(socket.SHUT_WR)
            while more := connection.recv(65_536):
                heard += more
        return heard

    def stored(self) -> set[str]:
        """The views of all events stored."""
        with closing(sqlite3.connect(f"file:{self._database}?mode=ro", uri=True)) as connection:
            return {name.partition(".")[0] for (name,) in connection.execute("SELECT event_id FROM events")}


def statuses(heard: bytes) -> list[int]:
    """The status of each answer."""
    return [int(status) for status in _STATUS.findall(heard)]


def view(name: str) -> str:
    """A view that is named after a case."""
    return hashlib.sha256(name.encode()).hexdigest()[:24]


def body(name: str) -> bytes:
    """A report that is stored if it comes through, under a name of its own."""
    return b'{"event":"Contact","view":"%s","n":0}' % view(name).encode()


def head(*more: bytes, line: bytes = b"POST /t/e HTTP/1.1", host: bytes = b"Host: 127.0.0.1") -> bytes:
    """Request line and headers of a report, and the empty line."""
    named = [host, b"Origin: http://127.0.0.1", b"Content-Type: text/plain", *more]
    return b"\r\n".join([line, *filter(None, named), b"", b""])


def report(name: str, *more: bytes) -> bytes:
    """A good report that ends its connection."""
    told = body(name)
    return head(b"Connection: close", b"Content-Length: %d" % len(told), *more) + told


@contextmanager
def served(folder: Path, server: str) -> Iterator[Served]:
    """A proxy on this server, with an outbox in ``folder``; ended in the end, without a traceback in its log."""
    port, operator_port, nobody = free_ports(3)
    running = Running(
        folder,
        *("serve", "--port", str(port), "--operator-port", str(operator_port), *SERVERS[server]),
        PIXELPAIR_PIXEL_CODE=PIXEL,
        PIXELPAIR_ACCESS_TOKEN="token",
        PIXELPAIR_DOMAINS="127.0.0.1",
        PIXELPAIR_TIKTOK_URL=f"http://127.0.0.1:{nobody}",
    )
    try:

        def is_ready() -> bool:
            assert running.process.poll() is None, running.log()
            return requests.get(f"http://127.0.0.1:{port}/t/readyz", timeout=5).ok

        wait_for(is_ready)
        yield Served(folder, port, running)
    finally:
        code = running.end()
    assert code == 0, running.log()
    assert "Traceback" not in running.log()
