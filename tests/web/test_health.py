"""The doors for whoever watches, and addresses where nothing is."""

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from proxy.web import create_app
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


@pytest.mark.parametrize("path", ["/", "/t", "/t/", "/t/nothing", "/admin"])
def test_elsewhere_is_nothing(shop: Shop, path: str) -> None:
    answer = shop.client.get(path)
    assert (answer.status_code, answer.json["error"]["code"]) == (404, "not_found")
