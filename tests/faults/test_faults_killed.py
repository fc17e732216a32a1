"""SIGKILL, while reports are stored and while they are delivered: at places named beforehand, and at random.

Nothing accepted is lost, and only what a sender held at the moment of death may come to TikTok once more.
"""

import random
import shutil
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Collection
from contextlib import closing
from pathlib import Path

import pytest

from proxy.delivery.keeper import SENDERS
from proxy.delivery.worker import MOST_EVENTS
from proxy.events.merging import merge
from proxy.outbox.destinations import Destinations
from proxy.outbox.sqlite import Sqlite
from proxy.outbox.store import Outbox
from tests.faults.conftest import FAILING, Crowd, Proxy, running_sandbox
from tests.faults.ledger import Ledger
from tests.program import wait_for

BACKLOG = 200


@pytest.mark.parametrize(
    ("failpoint", "shoppers", "stored_without_an_answer"),
    [
        pytest.param("commit:before:30", 1, {0}, id="before the commit"),
        pytest.param("commit:after:30", 1, {1}, id="after the commit, before the answer"),
        pytest.param("insert:after:5:2", 8, range(9), id="inside the commit of several reports"),
    ],
)
def test_a_kill_while_reports_are_stored(
    proxy: Callable[..., Proxy],
    crowd: Callable[..., Crowd],
    ledger: Ledger,
    failpoint: str,
    shoppers: int,
    stored_without_an_answer: Collection[int],
) -> None:
    one = proxy(FAILING).start(FAILPOINT=failpoint)
    told = crowd(one, shoppers)
    one.dies()
    told.stop()
    accepted, stored = set(ledger.accepted.values()), one.stored()
    assert accepted
    assert accepted <= stored
    assert len(stored - accepted) in stored_without_an_answer
    one.start().drain()
    found = one.balance(ledger).holds()
    assert found.received.keys() == stored


@pytest.fixture(scope="module")
def backlog(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ledger]:
    """The outbox of a proxy whose TikTok was away, and what was told to it."""
    folder, ledger = tmp_path_factory.mktemp("backlog"), Ledger()
    with running_sandbox(folder) as sandbox:
        sandbox.behave(status=503, times=None)
        one = Proxy(folder / "proxy", sandbox, FAILING, {}).start()
        while len(ledger.accepted) < BACKLOG:
            assert ledger.tell(one.address) == 202
        assert one.end() == 0
    outbox = Outbox(Sqlite(one.database), merge)
    for name in Destinations(outbox).all():
        Destinations(outbox).resume(name)
    outbox.close()
    return one.database, ledger


@pytest.mark.parametrize(
    ("failpoint", "times"),
    [
        pytest.param("claim:after:1:100", 1, id="after the claim"),
        pytest.param("send:before:1", 1, id="half of the POST sent"),
        pytest.param("send:after:1", 2, id="the POST sent, its answer not read"),
        pytest.param("track:after:1:100", 2, id="after TikTok's 200, before it is written down"),
        pytest.param("settle:after:1:100", 1, id="after it is written down"),
    ],
)
def test_a_kill_while_a_batch_is_delivered(
    proxy: Callable[..., Proxy], backlog: tuple[Path, Ledger], failpoint: str, times: int
) -> None:
    database, ledger = backlog
    one = proxy(FAILING)
    one.folder.mkdir()
    shutil.copy(database, one.database)
    one.launch(FAILPOINT=failpoint)
    one.dies()
    assert len(one.in_flight()) in (0, BACKLOG)
    one.start().drain()
    found = one.balance(ledger).holds()
    assert found.received == dict.fromkeys(ledger.accepted.values(), times)
    assert found.states == {"delivered": BACKLOG}


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("tiktok_ms", [0, 150], ids=["while reports are stored", "while a slow TikTok answers"])
def test_kills_at_random(
    proxy: Callable[..., Proxy], crowd: Callable[..., Crowd], ledger: Ledger, is_long: bool, tiktok_ms: int
) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    kills, in_its_start, shoppers = 200 if is_long else 3, 0, 4
    one = proxy()
    one.sandbox.behave(delay_ms=tiktok_ms, times=None)
    one.start()
    told = crowd(one, shoppers)
    held: Counter[str] = Counter()
    for _ in range(kills):
        wanted = len(ledger.accepted) + chance.randrange(1, 100)
        wait_for(lambda wanted=wanted: len(ledger.accepted) >= wanted, one.log)
        time.sleep(chance.uniform(0, 0.1))
        one.kill()
        holding = one.in_flight()
        assert len(holding) <= SENDERS * MOST_EVENTS
        held.update(holding)
        one.sandbox.server_events()
        one.launch()
        if chance.random() < 0.2:
            time.sleep(chance.uniform(0, 1))
            one.kill()  # in the middle of its start
            in_its_start += 1
            held.update(one.in_flight())
            one.launch()
    told.stop()
    one.comes_up().drain()
    found = one.balance(ledger).holds()
    accepted = set(ledger.accepted.values())
    assert found.received.keys() == one.stored()
    assert len(one.stored() - accepted) <= shoppers * (kills + in_its_start)
    assert {name: times for name, times in found.twice.items() if times > 1 + held[name]} == {}
    with closing(sqlite3.connect(one.database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
