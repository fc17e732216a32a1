"""A real outbox on a real file for each test."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from proxy.events.merging import merge
from proxy.outbox.entry import Entry
from proxy.outbox.sqlite import Sqlite
from proxy.outbox.store import Outbox

NOW = 1_700_000_000_000


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    opened = Outbox(Sqlite(tmp_path / "outbox.db"), merge)
    yield opened
    opened.close()


@pytest.fixture
def store(outbox: Outbox) -> Callable[..., None]:
    """Stores entries in one transaction."""

    def put(*entries: Entry, now: int = NOW) -> None:
        with outbox.write() as connection:
            outbox.add(connection, entries, now)

    return put


@pytest.fixture
def entry() -> Callable[..., Entry]:
    """Makes an entry; every fact can be named."""

    def make(event_id: str = "e1", **facts: Any) -> Entry:
        defaults: dict[str, Any] = {
            "destination": "shop/P1",
            "event": "ViewContent",
            "event_id": event_id,
            "site": "shop",
            "body": json.dumps({"event": "ViewContent", "event_id": event_id, "user": {"ip": "8.8.8.8"}}),
            "seen_at": NOW,
            "due_at": NOW,
            "browser": True,
        }
        return Entry(**{**defaults, **facts})

    return make
