"""The oracle itself can fail: made-up books in which something is wrong."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.faults.ledger import Balance, Ledger, balance


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """An outbox with one event in each state."""
    path = tmp_path / "outbox.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE events (event_id TEXT, state TEXT)")
        states = ("waiting", "sending", "dead", "withheld", "delivered")
        connection.executemany("INSERT INTO events VALUES (?, ?)", [(f"e-{state}", state) for state in states])
    return path


def books(database: Path, accepted: dict[str, str], received: list[tuple[str, str]]) -> Balance:
    """``accepted``: mark -> event_id; ``received``: (mark, event_id)."""
    ledger = Ledger(attempted={*accepted, "unanswered"}, accepted=accepted)
    events = [{"event_id": name, "properties": {"description": mark}} for mark, name in received]
    return balance(ledger, events, database)


def test_what_arrived_or_is_kept_is_not_lost(database: Path) -> None:
    accepted = {state: f"e-{state}" for state in ("waiting", "sending", "dead", "withheld", "delivered")}
    found = books(database, accepted, [("delivered", "e-delivered"), ("unanswered", "e-unanswered")]).holds()
    assert found.states == dict.fromkeys(accepted, 1)
    assert found.twice == {}


@pytest.mark.parametrize("event_id", ["e-gone", "e-delivered"])
def test_what_was_accepted_and_is_nowhere_is_lost_though_its_row_says_delivered(database: Path, event_id: str) -> None:
    found = books(database, {"m": event_id}, [])
    assert found.lost == {event_id}
    with pytest.raises(AssertionError, match="1 lost"):
        found.holds()


@pytest.mark.parametrize("event", [{"event_id": "x"}, {"event_id": "x", "properties": {"description": "never told"}}])
def test_what_nobody_told_is_invented(database: Path, event: dict[str, object]) -> None:
    found = balance(Ledger(), [event], database)
    assert len(found.invented) == 1
    with pytest.raises(AssertionError, match="1 invented"):
        found.holds()


def test_one_event_under_two_ids_is_found(database: Path) -> None:
    found = books(database, {"m": "e-1"}, [("m", "e-1"), ("m", "e-2")])
    assert found.under_several_ids == {"m": {"e-1", "e-2"}}
    with pytest.raises(AssertionError):
        found.holds()


def test_what_came_more_than_once_is_counted(database: Path) -> None:
    assert books(database, {"m": "e-1"}, [("m", "e-1")] * 3).holds().twice == {"e-1": 3}
