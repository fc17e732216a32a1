"""What is kept how long: bodies hours, memory by its kind, dead letters days; and what waits, for ever."""

from collections.abc import Callable

import pytest
import sqlalchemy as sa

from proxy.outbox import retention
from proxy.outbox.entry import Entry
from proxy.outbox.retention import KEEP_WITHHELD, Keep, clean
from proxy.outbox.store import (
    DAY,
    HOUR,
    REMEMBER_PROVED_KEY,
    REMEMBER_UNKEYED,
    REMEMBER_UNPROVED_KEY,
    Outbox,
)
from tests.rows import all_rows

NOW = 1_700_000_000_000
Make = Callable[..., Entry]
Store = Callable[..., None]


def sweep(outbox: Outbox, now: int, keep: Keep | None = None, pause: Callable[[], bool] = lambda: False) -> int:
    return clean(outbox, now, keep or Keep(), pause)


def left(outbox: Outbox) -> list[str]:
    return [entry.event_id for entry in all_rows(outbox)]


@pytest.fixture
def deliver(outbox: Outbox, store: Store) -> Callable[..., None]:
    def run(*entries: Entry) -> None:
        store(*entries)
        ids = [event.id for event in outbox.claim("shop/P1", NOW, 1_000, "t", 1)]
        outbox.settle("t", ids, NOW, code=0, request_id="r1")

    return run


def test_a_delivered_body_goes_and_its_line_stays(outbox: Outbox, deliver: Callable[..., None], entry: Make) -> None:
    deliver(entry(key="order-1", value=9.5))
    (whole,) = all_rows(outbox)
    assert sweep(outbox, NOW + 2 * HOUR - 1, Keep(bodies=2 * HOUR)) == 0
    assert sweep(outbox, NOW + 2 * HOUR, Keep(bodies=2 * HOUR)) == 1
    (line,) = all_rows(outbox)
    assert (line.body, line.beside) == ("", None)
    assert (line.key, line.value, line.request_id, line.state) == ("order-1", 9.5, "r1", "delivered")
    assert line.expires_at == whole.expires_at


def test_an_event_told_again_after_its_body_went_is_still_known(
    outbox: Outbox, deliver: Callable[..., None], store: Store, entry: Make
) -> None:
    deliver(entry(key="order-1"))
    sweep(outbox, NOW + 73 * HOUR)
    store(entry(key="order-1"))
    assert outbox.counts() == {("shop/P1", "delivered"): 1}


@pytest.mark.parametrize(
    ("facts", "memory"),
    [
        ({}, REMEMBER_UNKEYED),
        ({"key": "k"}, REMEMBER_UNPROVED_KEY),
        ({"key": "k", "proved": True}, REMEMBER_PROVED_KEY),
    ],
)
def test_memory_ends_with_its_time(
    outbox: Outbox, deliver: Callable[..., None], entry: Make, facts: dict[str, object], memory: int
) -> None:
    deliver(entry(**facts))
    sweep(outbox, NOW + memory - 1)
    assert left(outbox) == ["e1"]
    sweep(outbox, NOW + memory)
    assert left(outbox) == []


def test_a_dead_letter_stays_as_long_as_the_setting_says_now(outbox: Outbox, store: Store, entry: Make) -> None:
    store(entry())
    outbox.give_up("t", [event.id for event in outbox.claim("shop/P1", NOW, 1, "t", 1)], NOW, reason="refused")
    sweep(outbox, NOW + 30 * DAY - 1, Keep(dead=30 * DAY))
    assert left(outbox) == ["e1"]
    sweep(outbox, NOW + 30 * DAY, Keep(dead=30 * DAY))
    assert left(outbox) == []


def test_what_is_withheld_leaves_too(outbox: Outbox, store: Store, entry: Make) -> None:
    store(entry(state="withheld"))
    sweep(outbox, NOW + KEEP_WITHHELD - 1)
    assert left(outbox) == ["e1"]
    sweep(outbox, NOW + KEEP_WITHHELD)
    assert left(outbox) == []


def test_what_waits_or_is_in_flight_never_expires(outbox: Outbox, store: Store, entry: Make) -> None:
    store(entry("sending"))
    outbox.claim("shop/P1", NOW, 1, "t", 1)
    store(entry("waiting"))
    before = all_rows(outbox)
    assert sweep(outbox, NOW + 4_000 * DAY, Keep(0, 0)) == 0
    assert all_rows(outbox) == before


def test_it_goes_in_small_batches_and_stops_when_told(
    outbox: Outbox, deliver: Callable[..., None], entry: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "AT_ONCE", 2)
    deliver(*(entry(f"e{number}") for number in range(5)))
    pauses = iter([False, True])
    assert sweep(outbox, NOW + 72 * HOUR - 1, Keep(bodies=0), lambda: next(pauses)) == 4
    assert sweep(outbox, NOW + 72 * HOUR - 1, Keep(bodies=0)) == 1


def test_a_row_woken_between_looking_and_removing_stays(
    outbox: Outbox, deliver: Callable[..., None], store: Store, entry: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(entry(key="k"))
    look = retention._due

    def look_and_be_overtaken(*arguments: object) -> list[int]:
        found = look(*arguments)  # type: ignore[arg-type]
        if found:
            store(entry(key="k", proved=True, backend=True, value=1.0))
        return found

    monkeypatch.setattr(retention, "_due", look_and_be_overtaken)
    assert sweep(outbox, NOW + REMEMBER_UNPROVED_KEY) == 0
    assert all_rows(outbox)[0].body != ""


def test_finding_what_is_due_never_scans(
    outbox: Outbox, deliver: Callable[..., None], store: Store, entry: Make
) -> None:
    plans: list[str] = []

    def explain(connection: sa.Connection, cursor: object, statement: str, parameters: object, *_: object) -> None:
        if statement.startswith(("SELECT", "UPDATE", "DELETE")):
            plan = connection.connection.cursor().execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
            plans.extend(row[3] for row in plan)

    deliver(*(entry(f"e{number}", key="k") for number in range(20)))
    store(entry("withheld", state="withheld"), entry("waiting"))
    sa.event.listen(outbox._engine._engine, "before_cursor_execute", explain)  # type: ignore[attr-defined]
    sweep(outbox, NOW + 500 * DAY)
    assert len(plans) >= 8
    assert [plan for plan in plans if plan.startswith("SCAN") or "TEMP B-TREE" in plan] == []
    assert {name for name in ("events_with_body", "events_remembered", "events_held") if name in "".join(plans)} == {
        "events_with_body", "events_remembered", "events_held",
    }  # fmt: skip
