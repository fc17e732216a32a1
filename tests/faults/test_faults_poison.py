"""One row that the database will not take, among hundreds that it will: it alone is refused."""

import json
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import requests

from proxy.events.merging import merge
from proxy.outbox.entry import Entry
from proxy.outbox.group_commit import GroupCommit
from proxy.outbox.sqlite import Sqlite
from proxy.outbox.store import Outbox
from tests.faults.conftest import Proxy
from tests.faults.ledger import Ledger, rows_of
from tests.program import CEILING, wait_for

GOOD = 499
NOW = 1_700_000_000_000


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    opened = Outbox(Sqlite(tmp_path / "outbox.db"), merge)
    yield opened
    opened.close()


def entry(event_id: str, **facts: Any) -> Entry:
    told = {"destination": "shop/P1", "event": "ViewContent", "event_id": event_id, "site": "shop", "body": "{}"}
    return Entry(**{**told, "seen_at": NOW, "due_at": NOW, "browser": True, **facts})


@pytest.mark.parametrize(
    "poison", [{"body": None}, {"host": "\ud800"}, {"due_at": 2**64}], ids=["constraint", "surrogate", "overflow"]
)
def test_in_one_group_all_others_are_stored(outbox: Outbox, poison: dict[str, Any]) -> None:
    commit = GroupCommit(outbox, lambda: NOW, wait=CEILING)
    outcome: dict[str, str] = {}

    def tell(told: Entry) -> None:
        try:
            commit.store([told])
            outcome[told.event_id] = "stored"
        except Exception as error:
            outcome[told.event_id] = type(error).__name__

    told = [entry(f"good-{number}") for number in range(GOOD)]
    told.insert(GOOD // 2, entry("poison", **poison))
    threads = [threading.Thread(target=tell, args=(one,)) for one in [entry("opener"), *told]]
    with outbox.write():  # the first commit waits for this one to end, and all others gather behind it
        threads[0].start()
        wait_for(lambda: commit._jobs.empty())
        time.sleep(0.05)
        for thread in threads[1:]:
            thread.start()
        wait_for(lambda: commit._jobs.qsize() == GOOD + 1)
    for thread in threads:
        thread.join(CEILING)
    commit.close()
    assert [name for name, how in outcome.items() if how != "stored"] == ["poison"]
    assert outbox.counts() == {("shop/P1", "waiting"): GOOD + 1}


@pytest.fixture
def one(proxy: Callable[..., Proxy]) -> Proxy:
    """A running proxy whose database will not take an event that tells of poison."""
    started = proxy().start()
    with closing(sqlite3.connect(started.database, timeout=30)) as connection, connection:
        connection.execute(
            """CREATE TRIGGER no_poison BEFORE INSERT ON events WHEN new.body LIKE '%poison%'
               BEGIN SELECT RAISE(ABORT, 'poison'); END"""
        )
    return started


def test_at_the_doors_all_others_are_accepted_and_arrive(one: Proxy, ledger: Ledger) -> None:
    poison = {100: "poison", 200: "a NUL \0", 300: "half a pair \ud800"}

    def tell(place: int) -> int | None:
        return ledger.tell(one.address, **({"properties": {"description": poison[place]}} if place in poison else {}))

    with ThreadPoolExecutor(32) as shoppers:
        statuses = Counter(shoppers.map(tell, range(GOOD + len(poison))))
    assert statuses == {202: GOOD, 500: 1, 400: 2}
    one.drain()
    found = one.balance(ledger).holds()
    assert found.received == Counter(ledger.accepted.values())
    assert one.readyz().ok


def test_in_one_array_each_bad_item_is_refused_alone(one: Proxy, ledger: Ledger) -> None:
    told = [ledger.report() for _ in range(50)]
    told[7]["properties"]["description"] = "poison"
    told[20]["event"] = ""
    told[33]["view"] = "no view"
    headers = {"Origin": one.address, "Content-Type": "text/plain", "User-Agent": "Mozilla/5.0 Firefox/150.0"}
    answer = requests.post(f"{one.address}/t/e", data=json.dumps(told), headers=headers, timeout=30)
    assert answer.status_code == 202, answer.text
    refused = {place: item["error"]["code"] for place, item in enumerate(answer.json()) if "error" in item}
    assert refused.keys() == {7, 20, 33}
    assert refused[7] == "internal"
    names = {item["event_id"] for item in answer.json() if "event_id" in item}
    assert {name for name, _ in rows_of(one.database)} == names
    assert len(names) == 47
