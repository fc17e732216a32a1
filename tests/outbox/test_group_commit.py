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
