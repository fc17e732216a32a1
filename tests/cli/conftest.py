"""A folder with settings of two sites and a real outbox, and ``pixelpair`` run in it."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from proxy.cli import main
from proxy.cli.opening import now_ms
from proxy.events.merging import merge
from proxy.outbox.entry import Entry
from proxy.outbox.sqlite import Sqlite
from proxy.outbox.store import Outbox

SETTINGS = """
outbox_url = "sqlite:///outbox.db"
[sites.shop]
domains = ["shop.example"]
pixel_code = "COQDA8RC77U2TMR44LI0"
access_token = "sandbox-token"
[sites.uk]
domains = ["shop.co.uk"]
[[sites.uk.pixels]]
pixel_code = "C4EXAMPLE0PIXEL0COD2"
access_token = "sandbox-token"
[[sites.uk.pixels]]
pixel_code = "C4EXAMPLE0PIXEL0COD3"
access_token = "sandbox-token"
"""
SHOP = "shop/COQDA8RC77U2TMR44LI0"
UK2 = "uk/C4EXAMPLE0PIXEL0COD2"
UK3 = "uk/C4EXAMPLE0PIXEL0COD3"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.startswith("PIXELPAIR_")]:
        monkeypatch.delenv(name)
    (tmp_path / "pixelpair.toml").write_text(SETTINGS)
    (tmp_path / "pixelpair.toml").chmod(0o600)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def outbox(folder: Path) -> Iterator[Outbox]:
    """The outbox that the commands find too, with a keeper's heart just beaten."""
    opened = Outbox(Sqlite(folder / "outbox.db"), merge)
    opened.remember("heartbeat", str(now_ms()))
    yield opened
    opened.close()


@pytest.fixture
def pixelpair(folder: Path) -> Callable[..., Result]:
    """Runs the command and looks at its exit code: ``pixelpair("dead", "list", code=0)``."""

    def run(*words: str, code: int = 0, **environ: str) -> Result:
        done = CliRunner(env=environ).invoke(main, [str(word) for word in words])
        assert done.exit_code == code, done.output
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done

    return run


@pytest.fixture
def told(pixelpair: Callable[..., Result]) -> Callable[..., Any]:
    """What the command prints as JSON."""

    def run(*words: str, code: int = 0) -> Any:
        return json.loads(pixelpair(*words, "--json", code=code).stdout)

    return run


@pytest.fixture
def put(outbox: Outbox) -> Callable[..., int]:
    """Stores one event and tells its row; every fact can be named, ages in ms before now."""

    def store(event_id: str = "e1", *, age: int = 60_000, **facts: Any) -> int:
        seen = now_ms() - age
        defaults: dict[str, Any] = {
            "destination": SHOP,
            "event": "ViewContent",
            "site": facts.get("destination", SHOP).partition("/")[0],
            "body": json.dumps({"event": "ViewContent", "event_id": event_id, "user": {"ip": "203.0.113.7"}}),
            "seen_at": seen,
            "due_at": seen,
            "browser": True,
            "pixel": "sent",
        }
        entry = Entry(event_id=event_id, **{**defaults, **facts})
        with outbox.write() as connection:
            outbox.add(connection, [entry], seen)
            sql = "SELECT id FROM events WHERE destination = ? AND event = ? AND event_id = ?"
            return int(connection.exec_driver_sql(sql, entry.name).scalar_one())

    return store


@pytest.fixture
def die(outbox: Outbox, put: Callable[..., int]) -> Callable[..., int]:
    """Stores an event that TikTok then refuses, ``died`` ms ago."""

    def store(
        event_id: str = "e1", *, reason: str = "bad", code: int | None = 40002, died: int = 1_000, **facts: Any
    ) -> int:
        row = put(event_id, **facts)
        destination = facts.get("destination", SHOP)
        claimed = outbox.claim(destination, now_ms(), 1_000, "token", 1_000)
        assert [one.id for one in claimed] == [row], "one at a time: claim takes whatever waits"
        outbox.give_up("token", [row], now_ms() - died, reason=reason, code=code, request_id="r1")
        return row

    return store
