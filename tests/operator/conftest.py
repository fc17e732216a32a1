"""A real outbox with a hand-made shop's events, and the operator's app over it."""

import socket
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from proxy.events.merging import merge
from proxy.operator.app import create_app
from proxy.outbox.entry import Entry
from proxy.outbox.sqlite import Sqlite
from proxy.outbox.store import Outbox
from proxy.settings import Destination, Settings, Site
from tests.rows import row_of

NOW = 1_780_000_000_000
PIXEL = "COQDA8RC77U2TMR44LI0"


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    opened = Outbox(Sqlite(tmp_path / "outbox.db"), merge)
    yield opened
    opened.close()


@pytest.fixture
def put(outbox: Outbox) -> Callable[..., list[int]]:
    """Stores entries and tells their row ids."""

    def store(*entries: Entry) -> list[int]:
        with outbox.write() as connection:
            outbox.add(connection, entries, NOW)
        held = [row_of(outbox, *entry.name) for entry in entries]
        return [row.id for row in held if row is not None]

    return store


def settings(sites: Sequence[str] = ("demo",)) -> Settings:
    """One pixel for each of the sites."""
    return Settings(
        sites={
            name: Site(name=name, destinations=(Destination(name=f"{name}/{PIXEL}", site=name, pixel_code=PIXEL),))
            for name in sites
        }
    )


@pytest.fixture
def app(outbox: Outbox) -> Flask:
    outbox.remember("heartbeat", str(NOW - 3_000))
    return create_app(outbox, settings(), lambda: NOW)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def entry() -> Callable[..., Entry]:
    """Makes an entry; every fact can be named."""

    def make(event_id: str = "e1", **facts: Any) -> Entry:
        defaults: dict[str, Any] = {
            "destination": f"demo/{PIXEL}",
            "event": "ViewContent",
            "event_id": event_id,
            "site": "demo",
            "body": '{"event": "ViewContent"}',
            "seen_at": NOW - 12_000,
            "due_at": NOW - 12_000,
            "browser": True,
            "pixel": "sent",
        }
        return Entry(**{**defaults, **facts})

    return make


@pytest.fixture
def raw_get() -> Callable[[int, bytes], bytes]:
    """Sends ``GET /`` with exactly these header lines to a port of this machine; the whole answer."""

    def get(port: int, headers: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\n" + headers + b"Connection: close\r\n\r\n")
            return b"".join(iter(lambda: connection.recv(65_536), b""))

    return get
