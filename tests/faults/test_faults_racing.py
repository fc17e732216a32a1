"""Senders that race for the same events, and one that is so slow that its batch is given to another.

The file is real and opened twice, as two processes would.
"""

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from proxy.delivery.worker import LEASE_MS, Worker
from proxy.events.merging import merge
from proxy.outbox.entry import Entry
from proxy.outbox.sqlite import Sqlite
from proxy.outbox.store import Outbox
from proxy.settings import Destination
from proxy.tiktok.client import Reply
from tests.program import wait_for
from tests.rows import all_rows
from tests.senders import sender

NOW = 1_700_000_000_000
DESTINATION = Destination(name="shop/P1", site="shop", pixel_code="P1", access_token=SecretStr("token"))


class Settling(Outbox):
    """The real outbox, which notes how many rows each settling changed."""

    def __init__(self, path: Path) -> None:
        super().__init__(Sqlite(path), merge)
        self.settled: list[int] = []

    def settle(self, *arguments: Any, **facts: Any) -> int:
        self.settled.append(super().settle(*arguments, **facts))
        return self.settled[-1]


class TikTok:
    """Takes everything, under a request id that tells who sent it."""

    def __init__(self, name: str = "r") -> None:
        self.name = name
        self.received: list[str] = []
        self.answers = threading.Event()
        self.answers.set()
        self.asked = threading.Event()

    def track(self, _pixel: str, _token: str, items: Sequence[str], _code: str | None = None) -> Reply:
        self.received += [json.loads(item)["event_id"] for item in items]
        self.asked.set()
        assert self.answers.wait(60)
        body = {"code": 0, "message": "OK", "request_id": self.name, "data": {}}
        return Reply(200, json.dumps(body).encode(), {})


@pytest.fixture
def outboxes(tmp_path: Path) -> Iterator[list[Settling]]:
    opened = [Settling(tmp_path / "outbox.db") for _ in range(2)]
    yield opened
    for one in opened:
        one.close()


def store(outbox: Outbox, count: int, first: int = 0) -> None:
    told = [
        Entry(
            destination=DESTINATION.name,
            event="Contact",
            event_id=f"e{number}",
            site="shop",
            body=json.dumps({"event": "Contact", "event_id": f"e{number}"}),
            seen_at=NOW,
            due_at=NOW,
            browser=True,
        )
        for number in range(first, first + count)
    ]
    with outbox.write() as connection:
        outbox.add(connection, told, NOW)


def worker(outbox: Outbox, tiktok: TikTok, clock_ms: Callable[[], int] = lambda: NOW) -> Worker:
    """A sender of a process of its own: it shares nothing with another one but the file."""
    return sender(outbox, [DESTINATION], tiktok, clock_ms=clock_ms, uniform=lambda _low, high: high)


def at_once(work: Sequence[Callable[[], None]]) -> None:
    """Run each in a thread of its own, all let go in one moment."""
    gate = threading.Barrier(len(work))
    failed: list[BaseException] = []

    def run(one: Callable[[], None]) -> None:
        gate.wait(60)
        try:
            one()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=run, args=(one,)) for one in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failed


@pytest.mark.parametrize("senders", range(2, 9))
def test_no_event_is_claimed_by_two_senders(outboxes: list[Settling], senders: int, is_long: bool) -> None:
    events = 20_000 if is_long else 1_200
    store(outboxes[0], events)
    claims: list[list[int]] = [[] for _ in range(senders)]

    def claim(number: int) -> None:
        outbox = outboxes[number % 2]
        turn = 0
        while taken := outbox.claim(DESTINATION.name, NOW, 17, f"{number}-{turn}", LEASE_MS):
            claims[number] += [event.id for event in taken]
            turn += 1

    at_once([lambda number=number: claim(number) for number in range(senders)])  # type: ignore[misc]
    times = Counter(row for mine in claims for row in mine)
    assert len(times) == events
    assert set(times.values()) == {1}


@pytest.mark.parametrize("senders", [2, 8])
def test_racing_senders_deliver_each_event_once(outboxes: list[Settling], senders: int) -> None:
    tiktok = TikTok()
    store(outboxes[0], 3_000)
    for outbox in outboxes:
        worker(outbox, tiktok)._look_at_tokens(NOW)

    def send(number: int) -> None:
        sender = worker(outboxes[number % 2], tiktok)
        while sender.run_turn(NOW):
            pass

    at_once([lambda number=number: send(number) for number in range(senders)])  # type: ignore[misc]
    assert Counter(tiktok.received) == dict.fromkeys((f"e{number}" for number in range(3_000)), 1)
    assert sum(sum(outbox.settled) for outbox in outboxes) == 3_000
    assert Counter(row.state for row in all_rows(outboxes[0])) == {"delivered": 3_000}


class TestASlowSender:
    """It is past its lease, and its TikTok has not answered yet."""

    @pytest.fixture
    def slow(self, outboxes: list[Settling]) -> Iterator[TikTok]:
        """The TikTok of a sender that holds e0 to e99 and waits for an answer; e100 to e149 come later."""
        tiktok = TikTok("slow")
        tiktok.answers.clear()
        store(outboxes[0], 100)
        sending = threading.Thread(target=worker(outboxes[0], tiktok).run_turn, args=(NOW,))
        sending.start()
        assert tiktok.asked.wait(60)
        store(outboxes[0], 50, first=100)
        yield tiktok
        tiktok.answers.set()
        sending.join(60)

    def finish(self, slow: TikTok, outbox: Settling) -> None:
        slow.answers.set()
        wait_for(lambda: outbox.settled)

    def test_keeps_its_batch_however_late_it_is(self, outboxes: list[Settling], slow: TikTok) -> None:
        tiktok, late = TikTok("other"), NOW + 2 * LEASE_MS
        other = worker(outboxes[1], tiktok, lambda: late)
        while other.run_turn(late):
            pass
        assert Counter(tiktok.received) == dict.fromkeys((f"e{number}" for number in range(100, 150)), 1)
        self.finish(slow, outboxes[0])
        assert (outboxes[0].settled, outboxes[1].settled) == ([100], [50])

    def test_whose_batch_was_freed_writes_nothing_any_more(self, outboxes: list[Settling], slow: TikTok) -> None:
        tiktok = TikTok("other")
        assert outboxes[1].void_leases(NOW) == 100  # as a keeper's start does
        other = worker(outboxes[1], tiktok)
        while other.run_turn(NOW):
            pass
        self.finish(slow, outboxes[0])
        assert outboxes[0].settled == [0]
        assert sum(outboxes[1].settled) == 150
        rows = all_rows(outboxes[0])
        assert {(row.state, row.request_id) for row in rows} == {("delivered", "other")}
        twice = {name for name, times in Counter(slow.received + tiktok.received).items() if times > 1}
        assert twice == {f"e{number}" for number in range(100)}

    def test_whose_batch_is_in_other_hands_settles_nothing_under_them(
        self, outboxes: list[Settling], slow: TikTok
    ) -> None:
        assert outboxes[1].void_leases(NOW) == 100
        held = outboxes[1].claim(DESTINATION.name, NOW, 1_000, "other", LEASE_MS)
        assert len(held) == 150
        self.finish(slow, outboxes[0])
        assert outboxes[0].settled == [0]
        assert {row.state for row in all_rows(outboxes[0])} == {"sending"}
        ids = [event.id for event in held]
        assert outboxes[1].settle("other", ids, NOW, code=0, request_id="other") == 150
