"""Counting what was refused: bounded, seldom written, never at an event's cost, and by all processes into one place."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from proxy.errors import OutboxBusy
from proxy.events.merging import merge
from proxy.outbox.entry import Entry
from proxy.outbox.group_commit import GroupCommit
from proxy.outbox.sqlite import Sqlite
from proxy.outbox.store import DAY, Outbox
from proxy.outbox.tally import FLUSH_SECONDS, MOST_REASONS, OTHER, Tally, read_refused

NOW = 1_795_000_000_000


class Clock:
    def __init__(self) -> None:
        self.seconds = 100.0

    def ms(self) -> int:
        return NOW + int(self.seconds * 1000)

    def elapsed(self) -> float:
        return self.seconds


class Counting(Outbox):
    """Counts changes of facts, and can refuse them."""

    changes = 0
    broken = False

    def change(self, name: str, made: Callable[[str | None], str]) -> None:
        self.changes += 1
        if self.broken:
            raise OutboxBusy("locked")
        super().change(name, made)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def counting(outbox: Outbox) -> Counting:
    return Counting(outbox._engine, merge)


def test_a_flood_is_one_write_every_few_seconds(counting: Counting, clock: Clock) -> None:
    tally = Tally(counting, clock.ms, clock.elapsed)
    for _ in range(100):
        for _ in range(1_000):
            tally.add("origin")
            tally.flush_if_due()
        clock.seconds += FLUSH_SECONDS / 10
    assert counting.changes == 9
    tally.flush()
    assert (counting.changes, read_refused(counting).counts) == (10, {"origin": 100_000})


def test_nothing_refused_is_nothing_written(counting: Counting, clock: Clock) -> None:
    tally = Tally(counting, clock.ms, clock.elapsed)
    clock.seconds += FLUSH_SECONDS
    tally.flush_if_due()
    tally.flush()
    assert (counting.changes, read_refused(counting).counts) == (0, {})


def test_reasons_are_bounded_in_memory_and_on_disk(counting: Counting, clock: Clock) -> None:
    for part in range(3):
        tally = Tally(counting, clock.ms, clock.elapsed)
        for number in range(MOST_REASONS * 2):
            tally.add(f"reason {part}.{number}")
        assert len(tally._counts) == MOST_REASONS + 1
        tally.flush()
    counts = read_refused(counting).counts
    assert len(counts) == MOST_REASONS + 1
    assert sum(counts.values()) == MOST_REASONS * 6
    assert counts[OTHER] == MOST_REASONS * 5


def test_two_processes_add_to_one_place(tmp_path: Path, clock: Clock) -> None:
    one, two = (Outbox(Sqlite(tmp_path / "o.db"), merge) for _ in range(2))
    for outbox, number in ((one, 3), (two, 4), (one, 5)):
        tally = Tally(outbox, clock.ms, clock.elapsed)
        for _ in range(number):
            tally.add("origin")
        tally.flush()
    assert read_refused(two).counts == {"origin": 12}
    one.close()
    two.close()


def test_after_a_day_it_begins_anew(counting: Counting, clock: Clock) -> None:
    tally = Tally(counting, clock.ms, clock.elapsed)
    tally.add("origin")
    tally.flush()
    clock.seconds += DAY / 1000 + 1
    tally.add("bot")
    tally.flush()
    assert json.loads(str(counting.fact("refused"))) == {"since": clock.ms(), "counts": {"bot": 1}}


def test_an_outbox_that_cannot_be_written_loses_no_count_and_no_event(
    counting: Counting, clock: Clock, entry: Callable[..., Entry], caplog: pytest.LogCaptureFixture
) -> None:
    commit = GroupCommit(counting, clock.ms)
    commit.refused = tally = Tally(counting, clock.ms, clock.elapsed)
    counting.broken = True
    for number in range(3):
        tally.add("origin")
        clock.seconds += FLUSH_SECONDS
        commit.store([entry(f"e{number}")])
    counting.broken = False
    commit.close()
    assert sum(counting.counts().values()) == 3
    assert read_refused(counting).counts == {"origin": 3}
    assert "locked" in caplog.text


def test_closing_writes_down_what_has_gathered(counting: Counting) -> None:
    commit = GroupCommit(counting, lambda: NOW)
    commit.refused.add("origin")
    commit.close()
    assert read_refused(counting).counts == {"origin": 1}
