"""What a person looks at comes newest first, of the destinations and the state named, and never more than asked for."""

from collections.abc import Callable

import pytest

from proxy.outbox.browse import find, newest
from proxy.outbox.entry import Entry
from proxy.outbox.store import Outbox
from proxy.outbox.tables import State

NOW = 1_700_000_000_000

Make = Callable[..., Entry]
Put = Callable[..., None]


def ids(entries: list[Entry]) -> list[str]:
    return [entry.event_id for entry in entries]


def test_the_newest_come_first_and_no_more_than_asked_for(outbox: Outbox, store: Put, entry: Make) -> None:
    store(entry("a"), entry("b"), entry("c"))
    assert ids(newest(outbox, 2, ["shop/P1"])) == ["c", "b"]


def test_only_the_destinations_asked_for(outbox: Outbox, store: Put, entry: Make) -> None:
    store(entry("a"), entry("b", site="other", destination="other/P2"))
    assert ids(newest(outbox, 9, ["other/P2"])) == ["b"]


@pytest.mark.parametrize("state", list(State))
def test_only_the_state_asked_for(outbox: Outbox, store: Put, entry: Make, state: State) -> None:
    store(*(entry(each.value, state=each.value) for each in State))
    assert ids(newest(outbox, 9, ["shop/P1"], state)) == [state.value]


def test_those_waiting_at_several_destinations_come_latest_due_first(outbox: Outbox, store: Put, entry: Make) -> None:
    store(entry("a", due_at=NOW + 3), entry("b", due_at=NOW + 1), entry("c", destination="shop/P2", due_at=NOW + 2))
    assert ids(newest(outbox, 2, ["shop/P1", "shop/P2"], State.WAITING)) == ["a", "c"]


def test_dead_letters_come_by_when_they_died(outbox: Outbox, store: Put, entry: Make) -> None:
    store(entry("a"), entry("b"))
    first = outbox.claim("shop/P1", NOW, 9, "token", 1_000)
    rows = {claimed.event_id: claimed.id for claimed in first}
    outbox.give_up("token", [rows["b"]], NOW + 1, reason="no")
    outbox.give_up("token", [rows["a"]], NOW + 2, reason="no")
    assert ids(newest(outbox, 9, ["shop/P1"], State.DEAD)) == ["a", "b"]


def test_one_event_is_found_by_its_row(outbox: Outbox, store: Put, entry: Make) -> None:
    store(entry("a", warnings=("value: dropped",)))
    [held] = newest(outbox, 1, ["shop/P1"])
    assert find(outbox, held.id) == held
    assert held.warnings == ("value: dropped",)


def test_a_row_that_is_not_there_is_none(outbox: Outbox) -> None:
    assert find(outbox, 4711) is None
