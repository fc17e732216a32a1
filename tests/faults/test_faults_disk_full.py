"""F13: the outbox's disk fills up under the running program, and is emptied again."""

import json
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import requests

from tests.faults.conftest import API_KEY, Crowd, Proxy
from tests.faults.disks import MIB, Disk, mounted
from tests.faults.ledger import Ledger
from tests.program import PIXEL, PIXELPAIR, wait_for

Make = Callable[..., Proxy]


@pytest.fixture
def disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Disk]:
    """A disk of as many MiB as the test is parametrized with."""
    size = request.param * MIB
    with mounted(tmp_path / "disk", f"size={size}"):
        yield Disk(tmp_path / "disk", size)


def on(disk: Disk, proxy: Make, **environ: str) -> Proxy:
    """A proxy, not started yet, whose outbox is on this disk and whose log is not."""
    one = proxy(PIXELPAIR_OUTBOX_URL=f"sqlite:///{disk.folder}/outbox.db", **environ)
    one.database = disk.folder / "outbox.db"
    return one


def relay(one: Proxy, event_id: str) -> requests.Response:
    """An order told by a back end."""
    item = {
        "event": "CompletePayment",
        "event_id": event_id,
        "event_time": int(time.time()),
        "user": {"ip": "203.0.113.9"},
        "properties": {"value": 1, "currency": "MAD", "order_id": event_id},
    }
    return requests.post(
        f"{one.address}/t/open_api/v1.3/event/track/",
        json={"event_source": "web", "event_source_id": PIXEL, "data": [item]},
        headers={"Access-Token": API_KEY},
        timeout=30,
    )


def untried(one: Proxy) -> set[str]:
    """Events of which the outbox has no recorded attempt."""
    with closing(sqlite3.connect(f"file:{one.database}?mode=ro", uri=True, timeout=30)) as connection:
        return {row[0] for row in connection.execute("SELECT event_id FROM events WHERE attempts = 0")}


def status(one: Proxy) -> dict[str, object]:
    """What ``pixelpair status`` tells about this proxy's outbox."""
    environ = {**one.environ, "PATH": ""}
    done = subprocess.run(
        [PIXELPAIR, "status", "--json"], cwd=one.folder, env=environ, capture_output=True, text=True, timeout=60
    )
    return dict(json.loads(done.stdout))


@pytest.mark.parametrize("disk", [4, pytest.param(8, marks=pytest.mark.long)], indirect=True, ids="{} MiB".format)
def test_full_to_the_last_page(disk: Disk, proxy: Make, crowd: Callable[..., Crowd], ledger: Ledger) -> None:
    one = on(disk, proxy).start()
    one.sandbox.behave(delay_ms=200, times=None)  # so that batches are in flight when the disk is full
    shoppers = crowd(one)
    wait_for(lambda: len(ledger.accepted) >= 50)
    disk.fill()
    wait_for(lambda: ledger.statuses[503] >= 20, one.log)
    answer = requests.post(f"{one.address}/t/e", json=ledger.report(), headers={"Origin": one.address}, timeout=30)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "unavailable")
    assert int(answer.headers["Retry-After"]) > 0
    assert str(disk.folder) not in answer.text
    assert one.readyz().json() == {
        "status": "failing",
        "reason": "the disk of the outbox is full or nearly so; see the proxy's log",
        "browsers": False,
        "back_ends": False,
    }
    assert not untried(one) & {str(event["event_id"]) for event in one.sandbox.server_events()}
    assert one.running is not None
    assert one.running.process.poll() is None
    accepted = len(ledger.accepted)
    assert disk.resize(64 * MIB)
    wait_for(lambda: len(ledger.accepted) > accepted + 20, one.log)
    shoppers.stop()
    one.sandbox.behave_again()
    one.drain()
    found = one.balance(ledger).holds()
    assert found.twice == {}
    assert set(ledger.statuses) == {202, 503}
    assert one.readyz().ok
    assert 1 <= one.log().count("nearly full") < ledger.statuses[503]  # the log does not grow with every refusal


@pytest.mark.parametrize("disk", [64], indirect=True, ids="{} MiB".format)
def test_the_reserve_is_the_keepers(disk: Disk, proxy: Make, ledger: Ledger) -> None:
    one = on(disk, proxy).start()
    one.sandbox.behave(status=503, times=None)
    for _ in range(50):
        assert ledger.tell(one.address) == 202

    disk.leave(12 * MIB)  # below a quarter, above an eighth
    wait_for(lambda: ledger.tell(one.address) == 503)
    assert relay(one, "order-1").status_code == 200
    answer = one.readyz()
    assert (answer.status_code, answer.json()["browsers"], answer.json()["back_ends"]) == (503, False, True)
    assert one.healthz().ok

    disk.leave(6 * MIB)
    wait_for(lambda: relay(one, "order-2").status_code == 503)
    answer = relay(one, "order-3")
    assert (answer.json()["code"], answer.headers["Retry-After"]) == (50002, "60")
    assert one.readyz().json()["back_ends"] is False
    (told,) = status(one)["needs_a_person"]
    assert told["sentence"].startswith(f"The disk of the outbox at {one.database} is nearly full: Reports are refused")
    assert told["command"] == f"df -h {disk.folder}"
    page = requests.get(f"http://127.0.0.1:{one.operator_port}/", timeout=10)
    assert "is nearly full: Reports are refused" in page.text

    one.sandbox.behave_again()
    one.drain()  # what is stored goes out meanwhile
    assert ledger.tell(one.address) == 503

    disk.leave(40 * MIB)
    wait_for(lambda: ledger.tell(one.address) == 202)
    assert one.readyz().ok
    one.drain()
    received = one.balance(ledger)
    assert not received.lost
    assert received.received["order-1"] == 1
    assert received.received["order-3"] == 0
