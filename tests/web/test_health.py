"""The doors for whoever watches, and addresses where nothing is."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from proxy.web import create_app
from tests.room import MIB, set_room
from tests.web.conftest import NOW, Shop


def test_ready_means_the_outbox_can_be_used(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = shop.client.get("/t/readyz")
    assert (answer.status_code, answer.json) == (200, {"status": "ok", "keeper_seen_ms_ago": None})
    shop.outbox.remember("heartbeat", str(NOW - 4_000))
    assert shop.client.get("/t/readyz").json["keeper_seen_ms_ago"] == 4_000


def test_an_outbox_that_takes_nothing_is_not_ready_until_it_does(
    open_shop: Callable[..., Shop],
    event: Callable[..., dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr("proxy.outbox.sqlite.BUSY_MS", 50)
    shop = open_shop()
    stranger = sqlite3.connect(next(tmp_path.rglob("outbox.db")), isolation_level=None)
    stranger.execute("BEGIN EXCLUSIVE")
    assert shop.post(event()).status_code == 503
    assert shop.client.get("/t/readyz").status_code == 503
    stranger.close()
    assert shop.client.get("/t/readyz").status_code == 200
    assert shop.post(event()).status_code == 202


def test_ready_finds_out_by_itself_that_a_stranger_holds_the_outbox(
    open_shop: Callable[..., Shop], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("proxy.outbox.sqlite.BUSY_MS", 50)
    shop = open_shop()
    with closing(sqlite3.connect(shop.database, isolation_level=None)) as stranger:
        stranger.execute("BEGIN EXCLUSIVE")
        assert shop.client.get("/t/readyz").status_code == 503
    assert "another program holds it" in caplog.text
    assert shop.client.get("/t/readyz").status_code == 200


def test_health_is_the_keepers_heartbeat_where_it_lives(shop: Shop) -> None:
    assert shop.client.get("/t/healthz").status_code == 200
    client = create_app(replace(shop.doors, keeper_here=True)).test_client()
    assert client.get("/t/healthz").status_code == 503
    shop.outbox.remember("heartbeat", str(NOW - 4_000))
    assert client.get("/t/healthz").status_code == 200
    shop.now += 60_000
    assert client.get("/t/healthz").status_code == 503


def test_a_heartbeat_from_before_the_clock_was_set_back_proves_nothing(shop: Shop) -> None:
    client = create_app(replace(shop.doors, keeper_here=True)).test_client()
    shop.outbox.remember("heartbeat", str(NOW + 3_600_000))
    answer = client.get("/t/healthz")
    assert (answer.status_code, answer.json["keeper_seen_ms_ago"]) == (503, 0)
    assert client.get("/t/readyz").json["keeper_seen_ms_ago"] == 0


# States of an outbox. Each lasts as long as its ``with`` block.


@contextmanager
def as_ever(shop: Shop, patch: pytest.MonkeyPatch) -> Iterator[None]:
    yield


@contextmanager
def below_the_browsers_reserve(shop: Shop, patch: pytest.MonkeyPatch) -> Iterator[None]:
    set_room(patch, free=300 * MIB)
    yield
    set_room(patch, free=5_000 * MIB)


@contextmanager
def below_every_reserve(shop: Shop, patch: pytest.MonkeyPatch) -> Iterator[None]:
    set_room(patch, free=100 * MIB)
    yield
    set_room(patch, free=5_000 * MIB)


@contextmanager
def locked(shop: Shop, patch: pytest.MonkeyPatch) -> Iterator[None]:
    with closing(sqlite3.connect(shop.database, isolation_level=None)) as stranger:
        stranger.execute("BEGIN EXCLUSIVE")
        yield


@contextmanager
def gone(shop: Shop, patch: pytest.MonkeyPatch) -> Iterator[None]:
    patch.setattr("proxy.outbox.place.LOOK_SECONDS", 0.0)
    away = shop.database.with_suffix(".away")
    shop.database.rename(away)
    yield
    away.rename(shop.database)


@contextmanager
def broken(shop: Shop, patch: pytest.MonkeyPatch) -> Iterator[None]:
    """One index whose first page is rubbish; the heartbeat's table is sound."""
    with shop.outbox.read() as connection:
        query = "SELECT rootpage FROM sqlite_master WHERE name = 'events_to_send'"
        root = connection.exec_driver_sql(query).scalar_one()
    with closing(sqlite3.connect(shop.database)) as stranger:
        stranger.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with shop.database.open("r+b") as file:
        file.seek((root - 1) * 4096)
        file.write(b"\xa5" * 4096)
    with closing(sqlite3.connect(shop.database)) as stranger, stranger:  # what is cached is read anew after a commit
        stranger.execute("UPDATE facts SET value = value")
    yield


@pytest.mark.parametrize(
    ("state", "page", "back_end", "readyz", "reason", "passes"),
    [
        (as_ever, 202, 200, 200, None, True),
        (below_the_browsers_reserve, 503, 200, 503, "the disk of the outbox is full or nearly so", True),
        (below_every_reserve, 503, 503, 503, "the disk of the outbox is full or nearly so", True),
        (locked, 503, 503, 503, "the outbox is locked, slow or failing", True),
        (gone, 503, 503, 503, "the outbox is gone or cannot be used", True),
        (broken, 503, 503, 503, "the outbox is broken", False),
    ],
)
def test_both_tell_the_truth_in_each_state(
    state: Callable[..., Any],
    page: int,
    back_end: int,
    readyz: int,
    reason: str | None,
    passes: bool,
    open_shop: Callable[..., Shop],
    event: Callable[..., dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("proxy.outbox.sqlite.BUSY_MS", 50)
    shop = open_shop()
    doors = create_app(replace(shop.doors, keeper_here=True)).test_client()
    shop.outbox.remember("heartbeat", str(NOW - 4_000))

    def ready() -> tuple[int, Any]:
        answer = doors.get("/t/readyz")
        return answer.status_code, answer.json.get("reason")

    with state(shop, monkeypatch):
        told = [shop.post(event(n=number)) for number in range(2)]
        assert [answer.status_code for answer in told] == [page, page]
        sent = [shop.track(f"order-{number}") for number in range(2)]
        assert [answer.status_code for answer in sent] == [back_end, back_end]
        for answer in (*told, *sent):
            assert ("Retry-After" in answer.headers) == (answer.status_code == 503)
            assert str(shop.database) not in answer.text
        for _ in range(3):  # and asking changes nothing
            assert ready() == (readyz, reason and f"{reason}; see the proxy's log")
        if reason and "disk" in reason:
            lanes = doors.get("/t/readyz").json
            assert (lanes["browsers"], lanes["back_ends"]) == (page == 202, back_end == 200)
        assert doors.get("/t/healthz").status_code == 200  # the process is well; to start it again would mend nothing
        shop.now += 60_000
        assert doors.get("/t/healthz").status_code == 503  # until the keeper is silent
        shop.now -= 60_000
    assert shop.post(event(n=9)).status_code == (202 if passes else 503)
    assert ready()[0] == (200 if passes else 503)


@pytest.mark.parametrize("path", ["/", "/t", "/t/", "/t/nothing", "/admin"])
def test_elsewhere_is_nothing(shop: Shop, path: str) -> None:
    answer = shop.client.get(path)
    assert (answer.status_code, answer.json["error"]["code"]) == (404, "not_found")
