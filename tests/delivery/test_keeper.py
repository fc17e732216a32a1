"""The keeper's clean-up runs beside its senders and never keeps it from stopping."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from proxy.delivery import keeper as module
from proxy.delivery.keeper import Keeper
from proxy.errors import OutboxError
from proxy.events.merging import merge
from proxy.outbox.entry import Entry
from proxy.outbox.retention import Keep
from proxy.outbox.sqlite import Sqlite
from proxy.outbox.store import Outbox
from proxy.tiktok.client import Client
from tests.rows import all_rows

NOW = 1_700_000_000_000


def eventually(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < until, "it never came true"
        time.sleep(0.01)


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    opened = Outbox(Sqlite(tmp_path / "o.db"), merge)
    known = {"event": "Contact", "site": "shop", "destination": "shop/P1", "seen_at": NOW, "due_at": NOW}
    with opened.write() as connection:
        opened.add(connection, [Entry(event_id=f"e{number}", body="{}", **known) for number in range(3)], NOW)  # type: ignore[arg-type]
    opened.settle(
        "t", [event.id for event in opened.claim("shop/P1", NOW, 3, "t", 1)], NOW, code=0, request_id=None
    )  # fmt: skip
    return opened


def keeper_of(outbox: Outbox) -> Keeper:
    client = Client("http://127.0.0.1:1", 1.0)
    return Keeper(outbox, (), client, lambda: NOW + 1, keep=Keep(bodies=0))


def test_it_cleans_up_while_it_runs(outbox: Outbox) -> None:
    keeper = keeper_of(outbox)
    keeper.start()
    eventually(lambda: all(entry.body == "" for entry in all_rows(outbox)))
    keeper.stop()
    outbox.close()


def test_it_stops_at_once_in_the_middle_of_a_clean_up(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proxy.outbox.retention.AT_ONCE", 1)
    monkeypatch.setattr(module, "PAUSE_SECONDS", 600)
    keeper = keeper_of(outbox)
    keeper.start()
    eventually(lambda: any(entry.body == "" for entry in all_rows(outbox)))
    started = time.monotonic()
    keeper.stop()
    assert time.monotonic() - started < 5
    assert sorted(entry.body for entry in all_rows(outbox)) == ["", "{}", "{}"]
    outbox.close()


@pytest.mark.parametrize(("error", "traced"), [(OutboxError("no room"), False), (sa.exc.TimeoutError("pool"), True)])
def test_a_clean_up_that_fails_is_tried_again(
    outbox: Outbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception, traced: bool
) -> None:
    calls: list[int] = []

    def fail(*_: object) -> int:
        calls.append(1)
        raise error

    monkeypatch.setattr(module, "clean", fail)
    monkeypatch.setattr(module, "CLEAN_SECONDS", 0.01)
    keeper = keeper_of(outbox)
    keeper.start()
    eventually(lambda: len(calls) > 2)
    keeper.stop()
    outbox.close()
    assert {bool(record.exc_info) for record in caplog.records} == {traced}
