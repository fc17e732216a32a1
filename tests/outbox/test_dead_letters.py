"""Dead letters are found, replayed and dropped by their indexes, in parts, and only while they are dead."""

from collections.abc import Callable

import pytest
import sqlalchemy as sa

from proxy.events import merging
from proxy.outbox import dead_letters
from proxy.outbox.browse import waiting_since, with_key
from proxy.outbox.dead_letters import Fate, Part, Wanted, drop, examine, ids_of, newest_dead, reasons, replay
from proxy.outbox.entry import AS_NEW, Entry
from proxy.outbox.store import Outbox
from tests.rows import all_rows

NOW = 1_700_000_000_000

Make = Callable[..., Entry]
Put = Callable[..., None]


def any_goes(_: Entry) -> Fate:
    return Fate()


@pytest.fixture
def died(outbox: Outbox, store: Put, entry: Make) -> list[int]:
    """Five dead letters, that died one after the other."""
    store(*(entry(f"e{number}") for number in range(5)))
    claimed = outbox.claim("shop/P1", NOW, 9, "t", 1)
    for one in claimed:
        outbox.give_up("t", [one.id], NOW + one.id, reason=f"r{one.id % 2}")
    return [one.id for one in claimed]


def test_each_part_is_a_transaction_of_its_own(
    outbox: Outbox, died: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dead_letters, "AT_ONCE", 2)
    parts = replay(outbox, ids_of(outbox, Wanted()), any_goes, NOW + 100)
    assert next(parts) == Part(2, 2)
    assert [row.state for row in all_rows(outbox)] == ["waiting"] * 2 + ["dead"] * 3
    with outbox.write():
        pass  # nothing is locked between the parts
    assert list(parts) == [Part(2, 2), Part(1, 1)]


def test_what_was_revived_meanwhile_is_left_as_it_is(outbox: Outbox, died: list[int]) -> None:
    ids = ids_of(outbox, Wanted())
    outbox.revive("shop/P1", "r1", 0, NOW + 50)
    revived = [row for row in all_rows(outbox) if row.state == "waiting"]
    [done] = replay(outbox, ids, any_goes, NOW + 100)
    assert done == Part(5, 5 - len(revived))
    assert [row for row in all_rows(outbox) if row.due_at == NOW + 50] == revived
    assert list(drop(outbox, ids)) == [Part(5, 0)]
    assert len(all_rows(outbox)) == 5


def test_what_dies_again_during_a_replay_is_not_replayed_again(
    outbox: Outbox, died: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dead_letters, "AT_ONCE", 1)
    done = 0
    for part in replay(outbox, ids_of(outbox, Wanted()), any_goes, NOW + 100):
        done += part.done
        [claimed] = outbox.claim("shop/P1", NOW + 100, 9, "t", 1)
        outbox.give_up("t", [claimed.id], NOW + 101, reason="again")
    assert done == 5
    assert {row.reason for row in all_rows(outbox)} == {"again"}


def test_an_examination_says_what_a_replay_would_do(outbox: Outbox, died: list[int]) -> None:
    def judge(entry: Entry) -> Fate:
        return Fate("odd" if entry.id % 2 else None)

    before = all_rows(outbox)
    told = list(examine(outbox, died, judge))
    assert all_rows(outbox) == before
    assert list(replay(outbox, died, judge, NOW)) == told
    assert told[0].done + told[0].refused["odd"] == 5


def test_what_starts_over_is_one_thing_to_merging_and_to_the_outbox() -> None:
    assert merging.AS_NEW == AS_NEW


def test_every_question_goes_by_an_index(outbox: Outbox, store: Put, entry: Make, died: list[int]) -> None:
    store(entry("k", key="1042"))
    seen: list[str] = []

    def explain(connection: sa.Connection, cursor: object, statement: str, parameters: object, *_: object) -> None:
        if statement.startswith(("SELECT", "UPDATE", "DELETE")):
            plan = connection.connection.cursor().execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
            seen.extend(f"{row[3]}   <- {statement}" for row in plan)

    sa.event.listen(outbox._engine._engine, "before_cursor_execute", explain)  # type: ignore[attr-defined]
    newest_dead(outbox, Wanted(site="shop", event="e", reason="r", after=1, before=NOW * 2), 5)
    ids_of(outbox, Wanted())
    ids_of(outbox, Wanted(after=NOW))
    reasons(outbox)
    dead_letters.sites_and_events(outbox)
    waiting_since(outbox)
    with_key(outbox, ["shop", "uk"], "1042")
    list(examine(outbox, died, any_goes))
    list(replay(outbox, died, any_goes, NOW))
    list(drop(outbox, died))
    assert len(seen) > 8
    assert [plan for plan in seen if plan.startswith("SCAN") and "INDEX" not in plan] == []
    by_death = [plan for plan in seen if "ORDER BY events.changed_at" in plan]
    assert by_death
    assert all("events_held" in plan for plan in by_death if "SEARCH" in plan)
    assert [plan for plan in by_death if "TEMP B-TREE" in plan] == [], "the index has them in order"
