"""After a long outage a million events wait, and a start takes no more memory than they cost in batches."""

import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import requests

from tests.faults.conftest import Proxy
from tests.faults.ledger import Ledger
from tests.program import PIXEL, Running, free_ports, wait_for

pytestmark = pytest.mark.timeout(600)

MOST_MIB = 100
BATCHES = 40
STAND_IN = Path(__file__).parents[2] / "bench" / "standin.py"


@pytest.fixture
def quick_tiktok(tmp_path: Path) -> Iterator[str]:
    """The bench's TikTok, which answers at once: the sandbox judges every item and would take minutes."""
    (port,) = free_ports(1)
    running = Running(tmp_path, str(port), "0", program=(sys.executable, STAND_IN))
    address = f"http://127.0.0.1:{port}"
    wait_for(lambda: requests.get(address, timeout=5).ok, running.log)
    yield address
    running.end()


def fill(database: Path, rows: int) -> None:
    """Let so many events wait, by SQL alone; each as large as a shop's usually is."""
    now = time.time_ns() // 1_000_000
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute(
            """
            INSERT INTO events (destination, event, event_id, site, state, body, view, consent, pixel, browser, backend,
                proved, seen_at, horizon_from, due_at, changed_at)
            WITH RECURSIVE each(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM each WHERE i + 1 < :rows)
            SELECT :destination, 'ViewContent', printf('%08d.1', i), 'default', 'waiting',
                printf('{"event":"ViewContent","event_id":"%08d.1","properties":{"description":"%0500d"}}', i, i),
                printf('%08d', i), 'granted', 'sent', 1, 0, 0, :oldest + i, :oldest + i, :oldest + i, :oldest + i
            FROM each
            """,
            {"rows": rows, "destination": f"default/{PIXEL}", "oldest": now - rows},
        )


def delivered(database: Path) -> int:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30)) as connection:
        return int(connection.execute("SELECT count(*) FROM events WHERE state = 'delivered'").fetchone()[0])


def most_mib(one: Proxy) -> float:
    """The most resident memory that the running proxy ever had."""
    assert one.running is not None
    status = Path(f"/proc/{one.running.process.pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def work(one: Proxy, ledger: Ledger, until: int) -> float:
    """Start, tell an event, open the operator's page, deliver until so many are; the most memory it took, in MiB."""
    one.start()
    assert ledger.tell(one.address) == 202
    # The operator's page comes up after the proxy's doors.
    wait_for(lambda: requests.get(f"http://127.0.0.1:{one.operator_port}/", timeout=60).ok, one.log)
    wait_for(lambda: delivered(one.database) >= until, one.log)
    took = most_mib(one)
    one.end()
    return took


def test_a_backlog_is_never_loaded_whole(
    proxy: Callable[..., Proxy], quick_tiktok: str, ledger: Ledger, is_long: bool
) -> None:
    one = proxy(PIXELPAIR_TIKTOK_URL=quick_tiktok)
    empty = work(one, ledger, 1)
    # The bound is the same for both counts: as Python objects, even the smaller one takes several times as much.
    fill(one.database, 1_000_000 if is_long else 200_000)
    full = work(one, ledger, BATCHES * 1_000)
    print(f"most resident memory: {empty:.0f} MiB with an empty outbox, {full:.0f} MiB with a backlog")
    assert full - empty <= MOST_MIB
