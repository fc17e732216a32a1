"""Many requests, one commit; and nobody is told "stored" before it is."""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from proxy.errors import OutboxBusy
from proxy.outbox.entry import Entry
from proxy.outbox.group_commit import GroupCommit
from proxy.outbox.store import Outbox

NOW = 1_700_000_000_000


class Counting(Outbox):
    """The real outbox, counting its transactions and able to hold them up."""

    def __init__(self, outbox: Outbox) -> None:
        self.__dict__.update(outbox.__dict__)
        self.groups: list[int] = []
        self.gate = threading.Event()
        self.gate.set()
        self.busy = threading.Event()

    def add(self, connection: Any, entries: Sequence[Entry], now: int) -> None:
        self.busy.set()
        self.gate.wait()
        self.groups.append(len(entries))
        super().add(connection, entries, now)


@pytest.fixture
def counting(outbox: Outbox) -> Counting:
    return Counting(outbox)


def in_threads(work: list[Callable[[], None]]) -> list[threading.Thread]:
    threads = [threading.Thread(target=one) for one in work]
    for thread in threads:
        thread.start()
    return threads


def gather(commit: GroupCommit, counting: Counting, work: list[Callable[[], None]]) -> None:
    """Let ``work`` queue up behind a first commit, then run it all to its end."""
    counting.gate.clear()
    threads = in_threads(work[:1])
    assert counting.busy.wait(30)
    threads += in_threads(work[1:])
    until = time.monotonic() + 30
    while commit._jobs.qsize() < len(work) - 1:
        assert time.monotonic() < until
        time.sleep(0.001)
    counting.gate.set()
    for thread in threads:
        thread.join()
    commit.close()


def test_what_gathers_during_a_commit_shares_the_next_one(counting: Counting, entry: Callable[..., Entry]) -> None:
    commit = GroupCommit(counting, lambda: NOW)
    gather(commit, counting, [lambda n=n: commit.store([entry(f"e{n}")]) for n in range(20)])  # type: ignore[misc]
    assert counting.groups == [1, 19]


def test_a_report_that_cannot_be_stored_fails_alone(counting: Counting, entry: Callable[..., Entry]) -> None:
    commit = GroupCommit(counting, lambda: NOW)
    outcome: dict[str, BaseException | None] = {}

    def tell(name: str, told: Entry) -> None:
        try:
            commit.store([told])
            outcome[name] = None
        except BaseException as error:
            outcome[name] = error

    told = [(f"e{n}", entry(f"e{n}")) for n in range(6)] + [("bad", entry("bad", body=None))]  # breaks NOT NULL
    gather(commit, counting, [lambda t=t: tell(*t) for t in told])  # type: ignore[misc]
    assert [name for name, error in outcome.items() if error] == ["bad"]
    assert sum(counting.counts().values()) == 6


def test_each_thread_of_a_failed_commit_gets_an_exception_of_its_own(
    counting: Counting, entry: Callable[..., Entry], monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = GroupCommit(counting, lambda: NOW)
    raised: list[OutboxBusy] = []

    def refuse(*_: object) -> None:
        counting.busy.set()
        counting.gate.wait()
        raise OutboxBusy("no room", retry_after=60)

    def tell(name: str) -> None:
        with pytest.raises(OutboxBusy) as found:
            commit.store([entry(name)])
        raised.append(found.value)

    monkeypatch.setattr(counting, "add", refuse)
    gather(commit, counting, [lambda n=n: tell(f"e{n}") for n in range(6)])  # type: ignore[misc]
    assert len({id(error) for error in raised}) == 6
    assert {(str(error), error.retry_after) for error in raised} == {("no room", 60)}


def test_the_log_names_a_failure_and_nothing_of_what_was_told(
    counting: Counting, entry: Callable[..., Entry], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    commit = GroupCommit(counting, lambda: NOW)

    def stumble(_connection: object, entries: Sequence[Entry], _now: int) -> None:
        raise ValueError(entries[0].body)

    monkeypatch.setattr(counting, "add", stumble)
    with pytest.raises(ValueError, match="jane"):
        commit.store([entry(body='{"email":"jane@example.com"}')])
    commit.close()
    assert "a report could not be stored: ValueError" in caplog.text
    assert "jane" not in caplog.text


def test_a_commit_that_takes_too_long_is_busy_not_stored(counting: Counting, entry: Callable[..., Entry]) -> None:
    commit = GroupCommit(counting, lambda: NOW, wait=0.05)
    counting.gate.clear()
    with pytest.raises(OutboxBusy):
        commit.store([entry()])
    counting.gate.set()
    commit.close()


def test_senders_are_woken_after_each_commit_and_not_after_a_failure(
    counting: Counting, entry: Callable[..., Entry]
) -> None:
    woken: list[int] = []
    commit = GroupCommit(counting, lambda: NOW, committed=lambda: woken.append(sum(counting.counts().values())))
    commit.store([entry("e1")])
    with pytest.raises(Exception, match="NOT NULL"):
        commit.store([entry("bad", body=None)])
    commit.close()
    assert woken == [1]


def test_closing_commits_what_was_handed_in_and_refuses_the_rest(
    counting: Counting, entry: Callable[..., Entry]
) -> None:
    commit = GroupCommit(counting, lambda: NOW)
    commit.store([entry()])
    commit.close()
    with pytest.raises(OutboxBusy):
        commit.store([entry("late")])
    assert sum(counting.counts().values()) == 1
